"""Laws of the comparison with peers: what is done is kept, what is missing is said."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import TINY_SIZES, toy_series

from tst import synthesiser
from tst.data import windows
from tst.errors import DataError
from tst.evaluation.peer_ts2vec import Sizes
from tst.io import paths
from tst.models.transformer import sampling
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.generative import MAX_JUDGED, MIN_HELD_OUT, SPEC
from tst.study.peers import generators, run_peer, scores
from tst.study.training import TrainingWorkspace
from tst.synthesiser import Synthesiser
from tst.training.config import TrainConfig
from tst.vocabulary import METRICS, MODELS

# Takes the place of run_peer.py, in this environment: halves the first windows, counts its runs.
STUB = """
import json, sys
from pathlib import Path
import numpy as np
model, source, out = sys.argv[1:4]
options = dict(zip(sys.argv[4::2], sys.argv[5::2]))
if options["--seed"] == "7":
    sys.exit("seven is no seed")
made = np.load(source)[: int(options["--n"])] / 2
Path(out).with_suffix(".json").write_text(json.dumps({"core_seconds": 3.5}))
runs = Path(out).parent / "runs"
runs.write_text(runs.read_text() + model if runs.exists() else model)
np.save(out, made)
"""
TINY = scores.Protocol(
    n_repeats=2,
    judge_steps=2,
    predictor_steps=2,
    encoder=Sizes(d_hidden=3, d_output=5, n_blocks=1, n_steps_small=2),
    max_windows=30,
)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Return a workspace in a folder of its own, where the peers' program is the stub."""
    monkeypatch.setattr(TrainingWorkspace, "folder", tmp_path)
    program = tmp_path / "run_peer.py"
    program.write_text(STUB)
    program.with_name("requirements.txt").write_text("stub==1")
    monkeypatch.setattr(generators, "PROGRAM", program)
    monkeypatch.setattr(generators, "interpreter", lambda: program.with_name("python"))
    program.with_name("python").symlink_to(sys.executable)
    return TrainingWorkspace("pytest", "sines-5")


def sines(n=850):
    """Return windows of five steps."""
    return windows.load("sines-5", n)


def test_a_peer_is_run_once(work):
    """What decides its samples has not changed: they are read; another budget runs it again."""
    real = sines(40)
    budget = {"seed": 0, "n": 31}
    first = generators.peer(work, real, "par", seconds=2, **budget)
    again = generators.peer(work, real, "par", seconds=2, **budget)
    np.testing.assert_array_equal(first.values, windows.arrays(real)[:31] / 2)
    np.testing.assert_array_equal(first.values, again.values)
    assert first.core_seconds == 3.5
    runs = work.folder / "par-seed0" / "runs"
    assert runs.read_text() == "par"
    generators.peer(work, real, "par", seconds=3, **budget)
    assert runs.read_text() == "parpar"


def test_own_budgets_are_the_same_model_without_a_limit(work):
    """`par_own` runs par with 0 seconds, in a folder of its own."""
    generators.make(work, sines(40), "par_own", seconds=2, max_steps=0, seed=0, n=5)
    assert (work.folder / "par_own-seed0" / "runs").read_text() == "par"


def test_our_own_budget_is_the_same_model_for_longer(work, monkeypatch):
    """`tst_own` has its own seconds, whatever the others are given, in a folder of its own."""
    given = []

    def fit(self, *_):
        given.append((self.minutes * 60, Path(self.folder).name))
        raise DataError("enough is known")

    monkeypatch.setattr(generators.Synthesiser, "fit_series", fit)
    for model in ("tst", "tst_own"):
        with pytest.raises(DataError, match="enough"):
            generators.make(work, sines(40), model, seconds=2, max_steps=0, seed=1, n=5)
    assert given == [(2, "tst-seed1"), (generators.OWN_SECONDS, "tst_own-seed1")]


def test_a_peer_that_fails_is_missing_or_unknown_is_said(work):
    """The last line of its complaint; where its environment is missing, how to make it."""
    with pytest.raises(DataError, match="par failed: seven is no seed"):
        generators.peer(work, sines(40), "par", seconds=2, seed=7, n=5)
    with pytest.raises(DataError, match="unknown model 'gan'; known are tst, doppelganger, tab"):
        generators.make(work, sines(40), "gan", seconds=2, max_steps=0, seed=0, n=5)
    generators.interpreter().unlink()
    with pytest.raises(DataError, match="par is not installed here: run make peers"):
        generators.peer(work, sines(40), "par", seconds=2, seed=0, n=5)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["tst", "doppelganger"])
def test_our_models_are_trained_once(work, model):
    """Windows of one length; a finished model is loaded and keeps what it cost."""
    real = sines(60)
    real.save(work.folder / "train")
    made = []
    for _ in range(2):
        options = {"seconds": 1, "max_steps": 3, "seed": 0, "n": 17}
        made.append(generators.make(work, real, model, **options))
    assert made[0].values.shape == (17, 5, 5)
    np.testing.assert_array_equal(made[0].values, made[1].values)
    assert made[0].core_seconds == made[1].core_seconds > 0


def overlapping(values, length):
    """Return the windows of a series (n_steps, n_features), one step apart."""
    cut = windows.cut(values, length)
    return replace(toy_series(list(cut)), attributes=pd.DataFrame({"start": np.arange(len(cut))}))


@pytest.mark.parametrize("length", [2, 24, 71])
def test_windows_of_one_segment_share_no_step_with_those_of_another(length):
    """Each step is in some window, and in those of one segment."""
    dealt = generators.in_segments(overlapping(np.arange(1500.0)[:, None], length))
    unit = pd.Series(dealt.units[dealt.series_index]).groupby(dealt.values[:, 0])
    assert (unit.nunique() == 1).all()
    assert len(unit) == 1500
    assert dealt.units.max() + 1 >= 4


def test_no_step_that_is_held_out_is_trained_on(monkeypatch):
    """What is learned by heart would seem likely; of many windows held out some are judged."""
    judged = []
    whole = sampling.whole_series
    monkeypatch.setattr(
        sampling, "whole_series", lambda *given: judged.append(given[-1]) or whole(*given)
    )
    real = overlapping(np.random.default_rng(0).normal(size=(9000, 1)), 24)
    config = GenerativeConfig(**TINY_SIZES | {"n_features": 1, "informed": False})
    for dealt, is_shared in ((real, True), (generators.in_segments(real), False)):
        training = SPEC.prepare(config, dealt, TrainConfig(max_steps=1, held_out=0.1))
        shared = np.isin(judged[-1].values, training.batches.series.values)
        assert shared.any() == is_shared
    assert len(judged[-1]) == MAX_JUDGED
    assert judged[-1].units.max() + 1 >= MIN_HELD_OUT


def test_few_segments_are_held_out_too():
    """A tenth of them would be too few to judge by."""
    real = generators.in_segments(overlapping(np.arange(3600.0)[:, None], 24))
    assert Synthesiser()._held_out(real) * (real.units.max() + 1) == pytest.approx(MIN_HELD_OUT)


@pytest.mark.slow
def test_the_cost_of_ours_counts_what_its_minutes_do(work, monkeypatch):
    """Levels, which are learned where the steps are counted, as well as the steps."""
    monkeypatch.setattr(synthesiser, "_seconds_of", lambda action: 2.0)
    monkeypatch.setattr(synthesiser, "_seconds_a_step", lambda training: 1.0)
    made = generators.ours(work, sines(60), "tst", seconds=6.0, max_steps=0, seed=0, n=7)
    steps = json.loads((work.folder / "tst-seed0" / "model" / "cost.json").read_text())
    threads = torch.get_num_threads()
    assert made.core_seconds == pytest.approx(steps["core_seconds"] + 2.0 * threads)


def test_a_roll_divides_the_length():
    """DG's steps a roll: a fiftieth of the length, so that no series is cut."""
    rolls = {length: generators._roll(length) for length in (5, 24, 64, 128, 256)}
    assert rolls == {5: 1, 24: 1, 64: 1, 128: 2, 256: 4}


def test_a_short_series_is_continued_with_its_last_step():
    """In the samples of DG, and in those of a peer."""
    real = sines(20)
    short = real.pieces(np.array([0, 1]), np.array([0, 0]), np.array([2, 5]))
    whole = windows.arrays(generators._whole(short, 5))
    np.testing.assert_array_equal(whole[0], real[0][[0, 1, 1, 1, 1]])
    np.testing.assert_array_equal(whole[1], real[1])
    np.testing.assert_array_equal(run_peer._fitted(real[0][:2], 5), whole[0])
    np.testing.assert_array_equal(run_peer._fitted(real[0], 3), real[0][:3])


def test_the_clock_ends_a_training():
    """After the first pass beyond its end; one pass is always made."""
    assert list(run_peer.Clock(range(5), end=0.0)) == [0]
    assert list(run_peer.Clock(range(5), end=np.inf, disable=True)) == list(range(5))


def test_windows_that_do_not_fit_are_thinned(monkeypatch):
    """Evenly, to at most so many numbers; a set that fits is taken whole."""
    made = windows.arrays(sines(40))
    assert len(run_peer.thinned(made)) == 40
    monkeypatch.setattr(run_peer, "MAX_NUMBERS", made.size // 3)
    np.testing.assert_array_equal(run_peer.thinned(made), made[::4])


def test_scores_are_kept(tmp_path, monkeypatch):
    """A second run reads them: no judge is asked again; other windows ask it."""
    real = sines()
    made = windows.arrays(real)[::-1]
    first = scores.Scores(real, TINY, tmp_path).of(made, "noise", 0)
    asked = []
    monkeypatch.setattr(
        scores.peer_correlation, "correlational_score", lambda *_: asked.append(1) or 0.0
    )
    again = scores.Scores(real, TINY, tmp_path)
    assert again.of(made, "noise", 0) == first
    assert asked == []
    again.of(made / 2, "noise", 0)
    assert len(asked) == TINY.n_repeats


@pytest.mark.slow
def test_every_score_has_its_rows(tmp_path):
    """One a repeat of the field's four, one of the others; controls are all there."""
    real = sines()
    judge = scores.Scores(real, TINY, tmp_path)
    rows = pd.DataFrame(judge.controls() + judge.reference_lines())
    counts = rows[rows["model"] == "shuffled_steps"].groupby("metric").size().to_dict()
    expected = dict.fromkeys(scores.DE_FACTO, 2) | dict.fromkeys(scores.TRUSTED, 1)
    expected["held_out_score"] = 2
    assert counts == expected
    controls = {"random_halves", "real_floor", "bootstrap_copy", "noise", "shuffled_steps"}
    assert set(rows["model"]) == controls | {"real", "constant"}
    assert np.isfinite(rows["value"]).all()


def test_few_windows_are_compared_with_as_few_real_ones(tmp_path, monkeypatch):
    """For a judge that always says real would else be right more often than not."""
    sizes = []
    monkeypatch.setattr(
        scores.Scores,
        "_discriminative_score",
        lambda _, real, made: sizes.append((len(real), len(made))) or {"x": [0.0]},
    )
    scores.Scores(sines(), TINY, tmp_path).of(windows.arrays(sines())[:40], "noise", 0)
    assert sizes == [(40, 40)]


def test_repeats_are_no_trainings():
    """The interval is over trainings: repeats on one set are averaged first."""
    rows = []
    for seed, value in ((0, 1.0), (1, 3.0)):
        for repeat in (-0.5, 0.5):
            rows.append({"model": "tst", "metric": "m", "seed": seed, "value": value + repeat})
    (row,) = scores.over_trainings(pd.DataFrame(rows)).to_dict("records")
    assert (row["value"], row["trainings"]) == (2.0, 2)
    assert row["half_width"] == pytest.approx(12.706, abs=0.01)  # t of one degree of freedom


def test_the_peers_stand_on_the_torch_of_the_study():
    """One torch on both sides, whose speed and kernels are the same; every package is pinned."""
    needed = Path(generators.__file__).with_name("requirements.txt").read_text()
    lines = [line for line in needed.splitlines() if not line.startswith("#")]
    assert all("==" in line for line in lines)
    (torch,) = [line for line in lines if line.startswith("torch==")]
    assert torch in (paths.ROOT / "environment.yml").read_text()
    packages = {model.package for model in run_peer.MODELS.values()}
    assert packages <= {line.split("==")[0] for line in lines}


def test_published_numbers_and_marks_are_of_known_sets():
    """Every one with its source and how it was read; no number stands twice."""
    frame = pd.read_csv(scores.PUBLISHED)
    limits = pd.read_csv(scores.MARKS)
    for dataset in {*frame["dataset"], *limits["dataset"]}:
        windows.parse(dataset)
    assert set(frame["metric"]) <= set(scores.DE_FACTO)
    assert set(limits["metric"]) <= set(scores.METRICS) <= set(METRICS)
    assert frame["source"].str.len().min() > 5
    assert set(frame["mark"]) == {"read", "read, protocol unclear", "second hand"}
    assert not frame.duplicated(["dataset", "model", "metric"]).any()
    assert scores.marks("stocks-24").keys() == {"discriminative_score", "second_judge_auc"}
    assert len(scores.published("stocks-24")) > 10
    assert {f"{name}{own}" for name in run_peer.MODELS for own in ("", "_own")} <= set(MODELS)
