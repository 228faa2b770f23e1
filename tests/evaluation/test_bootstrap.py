"""Laws of the intervals: they cover, they are antisymmetric, R2 is scikit-learn's, Holm is Holm's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, r2_score

from tst.evaluation import bootstrap
from tst.study import checks


def hits(rng, n_seeds=3, n=150, right=0.7):
    """Return a matrix of right and wrong predictions."""
    return rng.uniform(size=(n_seeds, n)) < right


def test_equal_models_differ_by_nothing():
    """The same predictions: 0, no width, p = 1."""
    same = hits(np.random.default_rng(0))
    assert bootstrap.paired_accuracy(same, same) == (0, 0, 0, 1)


def test_swapping_the_models_turns_the_sign():
    """Value and interval turn round, p stays."""
    rng = np.random.default_rng(1)
    one, other = hits(rng), hits(rng, right=0.5)
    value, low, high, p = bootstrap.paired_accuracy(one, other)
    assert (
        value == pytest.approx(one.mean() - other.mean())
        and low < value < high
        and low > 0
        and p < 0.01
    )
    assert bootstrap.paired_accuracy(other, one) == pytest.approx((-value, -high, -low, p))


def test_the_interval_covers():
    """Over 120 draws of two models that differ by .1 in truth, about 95 % of the intervals hold it."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(120):
        _, low, high, _ = bootstrap.paired_accuracy(hits(rng, 5, 200, 0.7), hits(rng, 5, 200, 0.6))
        held += low <= 0.1 <= high
    assert 0.88 <= held / 120 <= 1


def test_r2_is_that_of_scikit_learn():
    """The difference is the difference of the two mean R2; its interval holds it."""
    rng = np.random.default_rng(3)
    true = rng.normal(size=(80, 7)).cumsum(1)
    ours, other = (true + rng.normal(size=(3, 80, 7)) * scale for scale in (0.5, 0.9))
    value, low, high, p = bootstrap.paired_r2(true, ours, other)
    r2 = [np.mean([r2_score(true, forecast) for forecast in f]) for f in (ours, other)]
    assert value == pytest.approx(r2[0] - r2[1]) and low < value < high and p < 0.01


def test_f1_is_that_of_scikit_learn():
    """The difference is the difference of the mean F1; swapped it turns its sign; a class never met is 0."""
    rng = np.random.default_rng(4)
    true = rng.uniform(size=300) < 0.3
    ours, other = (
        np.where(rng.uniform(size=(3, 300)) < right, true, ~true) for right in (0.9, 0.6)
    )
    value, low, high, p = bootstrap.paired_f1(true, ours, other)
    f1 = [np.mean([f1_score(true, named) for named in n]) for n in (ours, other)]
    assert value == pytest.approx(f1[0] - f1[1]) and low < value < high and p < 0.01
    assert bootstrap.paired_f1(true, other, ours) == pytest.approx((-value, -high, -low, p))
    nothing = np.zeros((3, 300), bool)
    assert bootstrap.paired_f1(nothing[0], nothing, nothing) == (0, 0, 0, 1)


def test_the_limit_moves_p_alone():
    """A difference of .1 is far from 0 and from -.3, not from itself."""
    rng = np.random.default_rng(5)
    one, other = hits(rng, n=2000), hits(rng, n=2000, right=0.6)
    value, low, high, p = bootstrap.paired_accuracy(one, other)
    assert p < 0.01
    assert bootstrap.paired_accuracy(one, other, limit=value) == pytest.approx(
        (value, low, high, 1), abs=0.1
    )
    assert bootstrap.paired_accuracy(one, other, limit=-0.3)[3] < 0.01


def test_every_comparison_that_can_be_made_is_made():
    """Two models of the same seeds are compared at every share; a model that is not there, or a seed, is left out."""
    rng = np.random.default_rng(6)
    true, classes = rng.choice(["a", "b"], 90), ["a", "b"]
    grid = {
        "metric": ["accuracy", "f1_0", "f1_1"],
        "share": [0.0, 0.5],
        "classifier": ["mlp", "svm"],
    }
    plan = checks.bootstrap_plan("06-classification", "gcut", grid)
    guess = {s: np.where(rng.uniform(size=90) < 0.7, true, "a") for s in (0, 1, 2)}
    predicted = {
        (m, s, c): dict(guess)
        for m in ("tst_paper", "doppelganger")
        for s in (0.0, 0.5)
        for c in ("mlp", "svm")
    }
    predicted["doppelganger", 0.0, "svm"].pop(1)
    predicted["real", 0.0, "mlp"] = {s: true for s in (0, 1)}
    frame = bootstrap.table(
        bootstrap.bootstrap_classification(plan, predicted, true, classes), "claim"
    )
    assert frame.groupby("claim").size().to_dict() == {"C1": 4, "C2": 8}
    places = frame.set_index(["model", "metric", "share", "classifier"])
    assert places["n_seeds"]["tst_paper - doppelganger", "accuracy", 0.0, "svm"] == 2
    assert (frame.query("claim == 'C1'")["value"].abs() < 1e-12).all() and (
        frame["p_holm"] <= 1
    ).all()
    real = places.loc[("tst_paper - real", "f1_1", 0.5, "mlp")]
    expected = np.mean([f1_score(true == "b", guess[s] == "b") for s in (0, 1)]) - 1
    assert real["value"] == pytest.approx(expected) and real["n_seeds"] == 2


def test_every_forecast_is_compared_with_its_pair():
    """R2 of TST + real against real and DG + real, paired by seed; without DG one comparison is left."""
    rng = np.random.default_rng(7)
    true = rng.normal(size=(60, 5))
    forecasts = {("real", "real", "mlp_1"): {0: true + 0.9, 1: true + 0.8, 2: true}}
    forecasts["tst_paper", "synthetic+real", "mlp_1"] = {s: true + 0.1 for s in (0, 1)}
    grid = {"metric": ["r2"], "regressor": ["mlp_1"]}
    plan = checks.bootstrap_plan("07-regression", "wwt", grid)
    (row,) = bootstrap.bootstrap_regression(plan, forecasts, true)
    assert (row["claim"], row["model"], row["n_seeds"]) == ("C3", "tst_paper - real", 2)
    expected = np.mean([r2_score(true, true + 0.1) - r2_score(true, true + e) for e in (0.9, 0.8)])
    assert row["value"] == pytest.approx(expected) and row["p"] < 0.01


def test_holm_within_each_family():
    """The smallest of m is multiplied by m, and families do not touch."""
    rows = [
        {"value": 0, "low": 0, "high": 0, "p": p, "family": f}
        for f, p in (("a", 0.01), ("a", 0.04), ("b", 0.04))
    ]
    frame = bootstrap.table(rows, "family")
    assert frame["p_holm"].tolist() == pytest.approx([0.02, 0.04, 0.04])
    assert isinstance(frame, pd.DataFrame)
