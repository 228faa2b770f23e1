"""Laws of the workspace: what a notebook keeps, another one gets; what is missing is left out."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import TINY_TST, mixed_series, series_of

from tst.io import paths
from tst.models.one_hot import one_hot
from tst.models.transformer import generative
from tst.models.transformer.model import SPEC
from tst.study.training import TrainingWorkspace
from tst.training.loop import Diverged, TrainConfig
from tst.vocabulary import NOT_SHOWN

SETTINGS = TrainConfig(max_steps=3, batch_size=7, learning_rate=1e-2)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A workspace in a temporary folder, with 17 series to train on and 5 to test on."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    rng = np.random.default_rng(0)
    real = series_of([rng.uniform(size=(n, 3)) for n in rng.integers(2, 11, 22)])
    workspace = TrainingWorkspace("smoke", "toy")
    real.take(np.arange(17)).save(workspace.folder / "train")
    real.take(np.arange(17, 22)).save(workspace.folder / "test")
    return workspace


def test_folders_lie_under_the_profile(work, tmp_path):
    """Artifacts stand by data set; the two halves are what was put there."""
    assert work.folder == tmp_path / "results" / "smoke" / "artifacts" / "toy"
    assert len(work.real()) == 17
    assert len(work.real("test")) == 5


def test_what_is_kept_is_there_by_model_and_seed(work):
    """In the order of models, then seeds; sets that nobody made are left out."""
    sets = {}
    for model, seed in [("b", 0), ("a", 1), ("a", 0)]:
        sets[model, seed] = replace(work.real().take([seed, 3]), model=model)
        work.keep(sets[model, seed], seed)
    there = work.synthetic(["a", "missing", "b"], [0, 1])
    assert list(there) == [("a", 0), ("a", 1), ("b", 0)]
    for key, series in there.items():
        assert series.sha256() == sets[key].sha256()
        assert series.model == key[0]


def test_what_is_trained_is_loaded_by_seed(work):
    """A history a seed; the models that exist, and their jobs; a second call trains nothing."""
    history = work.train(SPEC, TINY_TST, SETTINGS, [0, 2])
    assert history.groupby("seed")["step"].count().to_dict() == {0: 3, 2: 3}
    models = work.trained(SPEC, [0, 1, 2])
    assert list(models) == [0, 2]
    states = [model.state_dict() for model in models.values()]
    assert any(not torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert [job.seed for job in work.finished(SPEC, [2, 1])] == [2]
    weights = work.folder / "tst_paper-seed2" / "model.safetensors"
    written_at = weights.stat().st_mtime_ns
    pd.testing.assert_frame_equal(work.train(SPEC, TINY_TST, SETTINGS, [0, 2]), history)
    assert weights.stat().st_mtime_ns == written_at


def test_a_model_that_diverges_has_no_folder_to_load(work, capsys):
    """Where every seed fails the error says so; nothing passes for trained."""
    diverging = replace(SETTINGS, learning_rate=1e30, grad_clip=0)
    with pytest.raises(Diverged, match="all 1 runs diverged"):
        work.train(SPEC, TINY_TST, diverging, [5])
    assert "seed 5 failed" in capsys.readouterr().out
    assert work.trained(SPEC, [5]) == {}
    assert work.finished(SPEC, [5]) == []


def test_equal_trials_share_a_folder(work):
    """Named by what is trained: another rate is another folder, the same settings are the same."""
    job = work.trial(SPEC, TINY_TST, SETTINGS, "tuning")
    assert job == work.trial(SPEC, TINY_TST, SETTINGS, "tuning")
    assert job.label == f"tuning {SPEC.key}, seed {SETTINGS.seed}"
    other = work.trial(SPEC, TINY_TST, replace(SETTINGS, learning_rate=1e-3), "tuning")
    assert job.folder != other.folder
    assert job.folder.startswith(str(work.folder / "tuning"))
    assert not job.is_done


def test_figures_are_named_by_data_set(work):
    """With the data set's key behind the name, or without where a figure is of all."""
    work.figure(plt.figure(), "05-acf", "A curve")
    work.figure(plt.figure(), "13-claims", "All claims", by_dataset=False)
    names = {path.name for path in paths.figures_dir("smoke").iterdir()}
    assert {"05-acf-toy.png", "13-claims.png"} <= names


def test_tables_take_the_place_of_earlier_rows(work):
    """Rows as a list or a frame; written under the set's name and origin, once."""
    rows = [{"model": "tst", "metric": "r2", "seed": 0, "value": 0.25}]
    work.table(pd.DataFrame(rows), "07-regression", work.real())
    table = work.table([rows[0] | {"value": 0.75}], "07-regression", work.real())
    written = pd.read_csv(paths.tables_dir("smoke") / "07-regression.csv")
    assert table["value"].tolist() == written["value"].tolist() == [0.75]
    assert written["dataset"].tolist() == ["toy"]
    assert written["origin"].tolist() == ["simulated"]


def test_a_model_that_knows_no_categories_is_given_numbers(work):
    """Its training half has one measurement a category; what it made is kept as codes."""
    series = mixed_series()
    work.deal(series, "train")
    assert work.real().feature_names == series.feature_names
    assert work.numbers().sha256() == one_hot(series).sha256()
    work.keep(replace(work.numbers(), model="a"), 0)
    assert work.synthetic(["a"], [0])["a", 0].sha256() == replace(series, model="a").sha256()
    for spec, numbers in ((SPEC, True), (generative.SPEC, False)):
        config = spec.config(n_features=work.numbers().n_features + 2 if numbers else 5)
        folder = work.trial(spec, config, SETTINGS, "x").data
        assert folder == str((work.folder / ("train-numbers" if numbers else "train")).resolve())


def test_numbers_are_kept_once(work):
    """Of a set without categories both are one folder."""
    work.deal(work.real(), "test")
    assert work.folder_of_numbers("test") == work.folder / "test"
    assert work.numbers().sha256() == work.real().sha256()


def test_single_series_are_not_shown_where_terms_are_not_settled(work, capsys):
    """The figure is closed and said; of another set, or of statistics, it is written."""
    for dataset, is_shown in ((NOT_SHOWN[0], False), ("toy", True)):
        place = TrainingWorkspace("smoke", dataset)
        place.figure(plt.figure(), "10-samples", "A line.", shows_series=True)
        place.figure(plt.figure(), "10-loss", "A line.")
        written = {path.stem for path in paths.figures_dir("smoke").glob(f"*-{dataset}.png")}
        assert (f"10-samples-{dataset}" in written) is is_shown
        assert f"10-loss-{dataset}" in written
    assert "are not shown" in capsys.readouterr().out
    assert not plt.get_fignums()
