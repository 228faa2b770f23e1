"""Laws of the intervals: they cover, swapping turns them round, scores are scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score, r2_score

from tst.evaluation import bootstrap
from tst.evaluation.bootstrap import Resamples


def hits(rng, n_seeds=3, n=150, right=0.7):
    """Return a matrix of right and wrong predictions."""
    return rng.uniform(size=(n_seeds, n)) < right


def accuracy_gap(ours, other):
    """Return the difference of two accuracies with resamples of their own."""
    return bootstrap.paired_accuracy(
        ours, other, Resamples.draw(len(ours), np.arange(ours.shape[1]))
    )


def test_the_t_interval_is_scipys():
    """Mean and interval of a sample; one value has no interval, none has no mean."""
    values = [0.1, 0.4, 0.2, 0.7]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    mean, low, high = bootstrap.t_interval(values, 0.9)
    assert mean == pytest.approx(0.35)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    assert bootstrap.t_interval([0.3])[0] == 0.3
    assert np.isnan(bootstrap.t_interval([0.3])[1:]).all()
    assert np.isnan(bootstrap.t_interval([])).all()


def test_the_t_interval_covers():
    """About 95 of 100 intervals of five draws hold the mean of their law."""
    rng = np.random.default_rng(0)
    n_covering = 0
    for _ in range(400):
        _, low, high = bootstrap.t_interval(rng.normal(3, 2, 5))
        n_covering += low <= 3 <= high
    assert 0.92 <= n_covering / 400 <= 0.98


def test_resamples_draw_as_many_seeds_and_rows_as_there_are():
    """Shares that add to 1, of whole counts, repeat with their seed."""
    resamples = Resamples.draw(3, np.arange(50), seed=1)
    assert resamples.seeds.shape == (bootstrap.N_RESAMPLES, 3)
    assert resamples.rows.shape == (bootstrap.N_RESAMPLES, 50)
    for shares, n in ((resamples.seeds, 3), (resamples.rows, 50)):
        np.testing.assert_allclose(shares.sum(1), 1)
        np.testing.assert_allclose(shares * n, (shares * n).round(), atol=1e-9)
    np.testing.assert_array_equal(resamples.rows, Resamples.draw(3, np.arange(50), seed=1).rows)


def test_equal_models_differ_by_nothing():
    """The same predictions: 0, no width, p = 1."""
    same = hits(np.random.default_rng(0))
    assert accuracy_gap(same, same) == (0, 0, 0, 1)


def test_swapping_the_models_turns_the_sign():
    """Value and interval turn round, p stays."""
    rng = np.random.default_rng(1)
    one = hits(rng)
    other = hits(rng, right=0.5)
    value, low, high, p = accuracy_gap(one, other)
    assert value == pytest.approx(one.mean() - other.mean())
    assert 0 < low < value < high
    assert p < 0.01
    assert accuracy_gap(other, one) == pytest.approx((-value, -high, -low, p))


def test_the_interval_covers():
    """Of two models that differ by .1 in truth, about 95 % of the intervals hold it."""
    rng = np.random.default_rng(2)
    resamples = Resamples.draw(5, np.arange(200))
    n_covering = 0
    for _ in range(120):
        ours = hits(rng, 5, 200, 0.7)
        other = hits(rng, 5, 200, 0.6)
        difference = bootstrap.paired_accuracy(ours, other, resamples)
        n_covering += difference.low <= 0.1 <= difference.high
    assert 0.88 <= n_covering / 120 <= 1


def test_r2_is_that_of_scikit_learn():
    """The difference is the difference of the two mean R2; its interval holds it."""
    rng = np.random.default_rng(3)
    true = rng.normal(size=(80, 7)).cumsum(1)
    ours, other = (true + rng.normal(size=(3, 80, 7)) * scale for scale in (0.5, 0.9))
    value, low, high, p = bootstrap.paired_r2(true, ours, other, Resamples.draw(3, np.arange(80)))
    r2 = [np.mean([r2_score(true, forecast) for forecast in f]) for f in (ours, other)]
    assert value == pytest.approx(r2[0] - r2[1])
    assert low < value < high
    assert p < 0.01


def test_f1_is_that_of_scikit_learn():
    """The difference of the mean F1; swapped it turns its sign; a class never met is 0."""
    rng = np.random.default_rng(4)
    resamples = Resamples.draw(3, np.arange(300))
    true = rng.uniform(size=300) < 0.3
    ours, other = (
        np.where(rng.uniform(size=(3, 300)) < right, true, ~true) for right in (0.9, 0.6)
    )
    value, low, high, p = bootstrap.paired_f1(true, ours, other, resamples)
    f1 = [np.mean([f1_score(true, named) for named in n]) for n in (ours, other)]
    assert value == pytest.approx(f1[0] - f1[1])
    assert low < value < high
    assert p < 0.01
    swapped = bootstrap.paired_f1(true, other, ours, resamples)
    assert swapped == pytest.approx((-value, -high, -low, p))
    nothing = np.zeros((3, 300), bool)
    assert bootstrap.paired_f1(nothing[0], nothing, nothing, resamples) == (0, 0, 0, 1)


@pytest.mark.slow
def test_the_limit_moves_p_alone():
    """A difference of .1 is far from 0 and from -.3, not from itself."""
    rng = np.random.default_rng(5)
    one = hits(rng, n=2000)
    other = hits(rng, n=2000, right=0.6)
    resamples = Resamples.draw(3, np.arange(2000))
    difference = bootstrap.paired_accuracy(one, other, resamples)
    assert difference.p < 0.01
    at_value = bootstrap.paired_accuracy(one, other, resamples, limit=difference.value)
    assert at_value[:3] == difference[:3]
    assert at_value.p == pytest.approx(1, abs=0.1)
    assert bootstrap.paired_accuracy(one, other, resamples, limit=-0.3).p < 0.01


def comparison(ours, other, metric="accuracy", **place):
    """Return a row of a plan."""
    return {"claim": "C1", "ours": ours, "other": other, "metric": metric, "limit": 0} | place


@pytest.fixture
def predicted():
    """Labels of two models at two shares by two classifiers, and of real series at share 0."""
    rng = np.random.default_rng(6)
    true = rng.choice(["a", "b"], 90)
    guess = {seed: np.where(rng.uniform(size=90) < 0.7, true, "a") for seed in (0, 1, 2)}
    labels = {}
    for model in ("tst_paper", "doppelganger"):
        for share in (0.0, 0.5):
            labels |= {(model, share, c): dict(guess) for c in ("mlp", "svm")}
    labels["doppelganger", 0.0, "svm"].pop(1)
    labels["real", 0.0, "mlp"] = {seed: true for seed in (0, 1)}
    return true, guess, labels


def test_every_comparison_that_can_be_made_is_made(predicted):
    """Models are paired by seed at each place; a model or a seed that is not there is left out."""
    true, _, labels = predicted
    plan = [
        comparison("tst_paper", "doppelganger", share=share, classifier=classifier)
        for share in (0.0, 0.5)
        for classifier in ("mlp", "svm")
    ]
    plan.append(comparison("tst_paper", "seed_only", share=0.0, classifier="mlp"))
    frame = pd.DataFrame(bootstrap.bootstrap_classification(plan, labels, true, ["a", "b"]))
    assert (frame["model"] == "tst_paper - doppelganger").all()
    n_seeds = frame.set_index(["share", "classifier"])["n_seeds"].to_dict()
    assert n_seeds == {(0.0, "mlp"): 3, (0.0, "svm"): 2, (0.5, "mlp"): 3, (0.5, "svm"): 3}
    assert (frame["value"].abs() < 1e-12).all()


def test_real_series_stand_at_share_0_for_every_share(predicted):
    """F1 of class b of TST + real against real alone, on the seeds both have."""
    true, guess, labels = predicted
    plan = [comparison("tst_paper", "real", "f1_1", share=0.5, classifier="mlp")]
    (row,) = bootstrap.bootstrap_classification(plan, labels, true, ["a", "b"])
    expected = np.mean([f1_score(true == "b", guess[seed] == "b") for seed in (0, 1)]) - 1
    assert row["value"] == pytest.approx(expected)
    assert (row["claim"], row["model"], row["n_seeds"]) == ("C1", "tst_paper - real", 2)


def test_every_forecast_is_compared_with_its_pair():
    """R2 of TST + real against real, paired by seed; DG, which is not there, is left out."""
    rng = np.random.default_rng(7)
    true = rng.normal(size=(60, 5))
    forecasts = {
        ("real", "real", "mlp_1"): {0: true + 0.9, 1: true + 0.8, 2: true},
        ("tst_paper", "synthetic+real", "mlp_1"): {0: true + 0.1, 1: true + 0.1},
    }
    plan = [
        comparison("tst_paper", other, "r2", train="synthetic+real", regressor="mlp_1")
        for other in ("real", "doppelganger")
    ]
    (row,) = bootstrap.bootstrap_regression(plan, forecasts, true)
    assert (row["model"], row["n_seeds"]) == ("tst_paper - real", 2)
    expected = np.mean([r2_score(true, true + 0.1) - r2_score(true, true + e) for e in (0.9, 0.8)])
    assert row["value"] == pytest.approx(expected)
    assert row["p"] < 0.01


def test_the_limit_of_a_comparison_is_tested(predicted):
    """Equal models differ by 0 for sure, and by more than -.3 for sure."""
    true, _, labels = predicted
    plan = [
        comparison("tst_paper", "doppelganger", share=0.0, classifier="mlp") | {"limit": limit}
        for limit in (0, -0.3)
    ]
    rows = bootstrap.bootstrap_classification(plan, labels, true, ["a", "b"])
    assert rows[0]["p"] == 1
    assert rows[1]["p"] < 0.01


def test_holm_by_hand():
    """The smallest of m is multiplied by m; Benjamini and Hochberg would give .03, .04, .04."""
    assert bootstrap.holm([0.01, 0.04, 0.04]).tolist() == pytest.approx([0.03, 0.08, 0.08])


def test_rows_of_one_owner_are_drawn_together():
    """Equal rows of an owner widen the interval as fewer rows would; shares stay shares."""
    owner = np.repeat(np.arange(20), 10)
    resamples = Resamples.draw(3, owner)
    np.testing.assert_allclose(resamples.rows.sum(1), 1)
    blocks = resamples.rows.reshape(-1, 20, 10)
    np.testing.assert_array_equal(blocks, np.repeat(blocks[:, :, :1], 10, axis=2))
    rng = np.random.default_rng(0)
    ours, other = (np.tile(np.repeat(hits(rng, 1, 20), 10, axis=1), (3, 1)) for _ in range(2))
    together = bootstrap.paired_accuracy(ours, other, resamples)
    alone = accuracy_gap(ours, other)
    fewer = accuracy_gap(ours[:, ::10], other[:, ::10])
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    assert together.high - together.low == pytest.approx(fewer.high - fewer.low, rel=0.1)


def test_owners_of_sets_of_unlike_size_weigh_by_their_rows():
    """An owner drawn twice has twice its rows' shares, of as many rows as were drawn."""
    owner = np.array([0, 0, 0, 1])
    rows = Resamples.draw(1, owner).rows
    np.testing.assert_allclose(rows.sum(1), 1)
    assert {tuple(row.round(3)) for row in rows} == {
        (0.25, 0.25, 0.25, 0.25),
        (0.333, 0.333, 0.333, 0),
        (0, 0, 0, 1),
    }
