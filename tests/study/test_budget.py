"""Laws of a sweep over budgets: every point once, the cheapest first, and nothing trained twice."""

import math

import numpy as np
import pytest
from helpers import TINY_TST, labelled_series

from tst.errors import DataError
from tst.evaluation import fidelity
from tst.evaluation.reference import Reference
from tst.io import paths
from tst.models import jobs
from tst.models.controls import bootstrap_copy
from tst.models.transformer.model import SPEC
from tst.study import budget
from tst.study.training import TrainingWorkspace
from tst.training.loop import TrainConfig

STEPS = {"tst_paper": 3, "doppelganger": 5}
SIZES = {"tst_paper": {"small": {}, "large": {"d_ff": 11}}, "doppelganger": {"small": {}}}
MULTIPLES = {"small": [3, 1], "large": [3, 1]}
TWICE = {"small": [2], "large": [2]}


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A workspace with labelled halves and a tiny TST of seed 0."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    place = TrainingWorkspace("smoke", "toy")
    place.deal(labelled_series(40, n_features=3), "train")
    settings = TrainConfig(max_steps=3, batch_size=7, learning_rate=1e-2)
    place.train(SPEC, TINY_TST, settings, [0])
    return place


def test_every_point_once_the_cheapest_first():
    """Model, size, multiple and seed; the paper's own size comes last, with its own steps."""
    points = budget.points(STEPS, SIZES, MULTIPLES, [0, 1], papers_steps=30)
    named = [(p.model, p.size, p.multiple, p.seed) for p in points]
    assert len(set(named)) == len(named) == 2 * (2 * 3 + 1)
    assert [p.multiple for p in points[:-2]] == sorted(p.multiple for p in points[:-2])
    assert {(p.model, p.multiple, p.n_steps) for p in points[:-2]} == {
        (model, multiple, multiple * steps) for model, steps in STEPS.items() for multiple in (1, 3)
    }
    assert named[-2:] == [("tst_paper", "paper", 10.0, seed) for seed in (0, 1)]
    assert len(budget.points(STEPS, SIZES, MULTIPLES, [0, 1])) == len(points) - 2


def test_a_size_is_trained_at_its_own_multiples():
    """A large one, which costs more, at fewer; one without any is asked for."""
    points = budget.points(STEPS, SIZES, {"small": [1, 3, 10], "large": [1]}, [0])
    of = {"small": [], "large": []}
    for point in points:
        if point.model == "tst_paper":
            of[point.size].append(point.multiple)
    assert of == {"small": [1, 3, 10], "large": [1]}
    with pytest.raises(DataError, match="no multiples of size 'large'"):
        budget.points(STEPS, SIZES, {"small": [1]}, [0])


def test_a_point_is_the_study_s_run_with_other_steps_and_sizes(work):
    """All else stays; a point that is trained is loaded, another seed is another job."""
    (first, second, *_) = budget.points(STEPS, SIZES, TWICE, [0, 1])
    (base,) = work.finished(SPEC, [0])
    job = budget.job(work, first, SIZES, "fp32")
    assert job.train | {"betas": list(job.train["betas"])} == base.train | {"max_steps": 6}
    assert job.config == base.config
    large = next(p for p in budget.points(STEPS, SIZES, TWICE, [0]) if p.size == "large")
    assert budget.job(work, large, SIZES, "fp32").config == base.config | {"d_ff": 11}
    assert budget.job(work, second, SIZES, "fp32").folder != job.folder
    jobs.train_all([job])
    written = {p: p.stat().st_mtime_ns for p in (work.folder / "budget").rglob("model.*")}
    jobs.train_all([budget.job(work, first, SIZES, "fp32")])
    assert written
    assert written == {p: p.stat().st_mtime_ns for p in (work.folder / "budget").rglob("model.*")}
    assert len(budget.sample(work, job, 9)) == 9


def test_the_paper_s_size_is_the_paper_s(work):
    """12,635,659 parameters on 9 measurements; here with the data's."""
    point = budget.points(STEPS, SIZES, MULTIPLES, [0], papers_steps=7)[-1]
    job = budget.job(work, point, SIZES, "fp32")
    assert (job.config["d_model"], job.config["n_head"], job.config["n_layer"]) == (512, 8, 8)
    assert job.config["n_features"] == TINY_TST.n_features
    assert job.train["max_steps"] == 7


def test_mistakes_are_sentences(work):
    """A size that is none of the model's, a run that is missing."""
    (point, *_) = budget.points(STEPS, {"tst_paper": {"odd": {"d_wide": 3}}}, {"odd": [1]}, [0])
    with pytest.raises(DataError, match="d_wide"):
        budget.job(work, point, {"tst_paper": {"odd": {"d_wide": 3}}}, "fp32")
    gan = budget.Point(model="doppelganger", size="small", multiple=1, seed=0, n_steps=5)
    with pytest.raises(DataError, match="no doppelganger of seed 0 .* run notebooks 02, 03 and 10"):
        budget.job(work, gan, SIZES, "fp32")


def test_endpoints_are_those_of_the_checks_and_tell_good_from_bad():
    """Each can be computed; a copy of the real series scores better than noise does."""
    real = labelled_series(90, seed=0)
    test = Reference(labelled_series(90, seed=1))
    for name, label in (("gcut", "kind"), ("wwt", None)):
        named = labelled_series(20)
        object.__setattr__(named, "name", name)
        object.__setattr__(named, "label", label)
        metrics = budget.endpoint_metrics(named)
        assert metrics
        assert ("accuracy" in metrics) is (label is not None)
        assert ("r2" in metrics) is (name == "wwt")
        assert set(metrics) <= {*budget.DISTANCES, "accuracy", "r2"}
    names = ["discriminative_score", "accuracy"]
    good = budget.scores(names, real, test, bootstrap_copy(real, 0), 0, 8)
    bad = budget.scores(names, real, test, fidelity.noise(real, 0), 0, 8)
    assert good["discriminative_score"] < bad["discriminative_score"]
    assert good["accuracy"] > bad["accuracy"]


def test_a_set_that_cannot_be_scored_is_said(capsys):
    """Two series are too few for a learned score: no number, and the sweep goes on."""
    real = labelled_series(30)
    few = real.take(np.arange(2))
    assert math.isnan(
        budget.scores(["context_fid"], real, Reference(real), few, 0, 8)["context_fid"]
    )
    assert "need" in capsys.readouterr().out
