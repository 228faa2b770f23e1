"""Laws of ragged arithmetic: each series by itself, draws that repeat, constants are no error."""

import numpy as np
import pandas as pd
import pytest
from helpers import ar1_series, toy_series
from scipy.stats import ks_2samp

from tst.errors import DataError
from tst.evaluation import ragged


@pytest.fixture(scope="module")
def small():
    """A set of three features."""
    return ar1_series(59)


def test_means_and_extremes_are_those_of_each_series(small):
    """One series after another gives the same numbers."""
    low, high = ragged.extremes(small)
    mean = ragged.means(small.values, small)
    for i in range(len(small)):
        np.testing.assert_array_equal(low[i], small[i].min(0))
        np.testing.assert_array_equal(high[i], small[i].max(0))
        np.testing.assert_allclose(mean[i], small[i].mean(0, dtype=float), atol=1e-12)


def test_standardised_values_have_mean_0_and_spread_1(small):
    """Over all steps; a constant feature is 0 and is said not to vary."""
    z, varies = ragged.standardised(small)
    assert varies.all()
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(0), 1)
    z, varies = ragged.standardised(toy_series([np.array([[1.0, 0.1], [2.0, 0.1]])]))
    assert varies.tolist() == [True, False]
    assert (z[:, 1] == 0).all()


def test_a_subsample_repeats_with_its_seed_and_keeps_the_order(small):
    """Each series at most once; a set that is small enough is returned itself."""
    drawn = ragged.subsample(small, 17, 3)
    assert drawn.sha256() == ragged.subsample(small, 17, 3).sha256()
    assert drawn.sha256() != ragged.subsample(small, 17, 4).sha256()
    firsts = [x[0, 0] for x in small]
    positions = [firsts.index(x[0, 0]) for x in drawn]
    assert len(positions) == 17
    assert positions == sorted(set(positions))
    assert ragged.subsample(small, 59, 3) is small


def test_other_features_are_refused(small):
    """The sentence names both lists of features."""
    with pytest.raises(DataError, match=r"\['f0', 'f1', 'f2'\] and \['f0'\] differ\."):
        ragged.check_features(small, toy_series([np.zeros((2, 1))]))


def ones(sizes, labels=None):
    """Return series of these lengths, of the classes `labels`."""
    arrays = [np.ones((n, 1)) for n in sizes]
    if labels is None:
        return toy_series(arrays)
    return toy_series(arrays, attributes=pd.DataFrame({"k": list(labels)}), label="k")


@pytest.fixture(scope="module")
def real():
    """A training set."""
    return ar1_series(199)


def test_lengths_by_hand():
    """KS, W1 and modes of lengths; an absent class counts as series of no length."""
    real = ones((2, 2, 2, 4, 4, 7), "aaabbb")
    frame = ragged.length_table(real, real.take([0, 1, 2]))
    value = frame.set_index(["label", "metric"])["value"]
    assert value["a", "length_ks"] == value["a", "length_w1"] == 0
    assert value["b", "length_ks"] == 1
    assert value["b", "length_w1"] == 5
    assert value["b", "length_mode_error"] == 1
    assert value["all", "length_ks"] == 0.5
    assert value["all", "length_w1"] == 1.5
    same = ragged.length_table(real, real.take([5, 4, 3, 2, 1, 0]))
    assert set(same["label"]) == {"all", "a", "b"}
    assert (same.query("metric != 'length_mode_share'")["value"] == 0).all()


def test_the_modes_are_the_three_most_common_real_lengths():
    """Of synthetic series half have one of them; the fourth and rarer lengths are none."""
    real = ones((1, 1, 1, 1, 2, 2, 2, 3, 3, 4))
    frame = ragged.length_table(real, ones((1, 3, 4, 5)))
    value = frame.set_index("metric")["value"]
    assert value["length_mode_share"] == 0.5
    assert value["length_mode_error"] == pytest.approx(0.4)


def test_the_length_floor_holds_two_draws_of_one_law():
    """About 95 of 100 pairs of draws stay within it; another law does not."""
    rng = np.random.default_rng(0)
    within = []
    for seed in range(60):
        a, b = (ones(rng.geometric(0.2, size)) for size in (61, 43))
        floor = ragged.length_floor(a, b, 60, seed).set_index("metric")["value"]["length_ks"]
        within.append(ragged.ks_distance(a.lengths, b.lengths) <= floor)
        assert ragged.ks_distance(a.lengths, 3 * b.lengths) > floor
    assert 0.85 <= np.mean(within) <= 1


def test_the_length_floor_repeats_with_its_seed(real):
    """The same seed deals the same halves, another one others."""
    other = ar1_series(53, seed=9)
    frames = [ragged.length_floor(real, other, 20, seed) for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert not frames[0].equals(frames[2])


def test_the_length_floor_class_by_class(real):
    """A row a class that both sets have and one over all; equal lengths give 0."""
    frame = ragged.length_floor(real, ar1_series(53, seed=9), 20)
    assert set(frame["label"]) == {"all", "a", "b"}
    assert set(frame["metric"]) == {"length_ks", "length_w1"}
    assert not frame.duplicated(["metric", "label"]).any()
    assert frame["value"].between(0, 99).all()
    equal = ones((4, 4, 4), "aab")
    assert (ragged.length_floor(equal, equal, 20)["value"] == 0).all()
    without_b = ragged.length_floor(equal, equal.take([0, 1]), 20)
    assert without_b["label"].unique().tolist() == ["all", "a"]
    lone = ragged.length_floor(equal, ones((4, 4, 9), "aab"), 20)
    value = lone.set_index(["metric", "label"])["value"]
    assert value["length_ks", "b"] == 1  # 4 against 9, one of each


def test_ks_is_scipys(real):
    """The statistic of unequal samples with ties; 0 of equal sets in any order, 1 of disjoint."""
    a = real.lengths
    b = ar1_series(53, seed=9, high=19).lengths
    distance = ragged.ks_distance(a, b)
    assert distance == pytest.approx(ks_2samp(a, b).statistic)
    assert 0 < distance < 1
    assert ragged.ks_distance(a, a[::-1]) == 0
    assert ragged.ks_distance(a, a + 100) == 1


def test_the_distance_over_all_series_asks_for_two_lengths(real):
    """It is that of the lengths, classes aside; real series of one length show nothing."""
    other = ar1_series(53, seed=9, high=19)
    expected = ragged.ks_distance(real.lengths, other.lengths)
    assert ragged.length_ks(real, other) == expected
    assert np.isnan(ragged.length_ks(real.head(1), other))


def test_classes_that_cannot_be_compared_are_refused():
    """A set without the label, and one with a class that the real set lacks."""
    real = ones((2, 3), "ab")
    with pytest.raises(DataError, match="lacks the attribute 'k', the real set's label"):
        ragged.length_table(real, ones((2, 3)))
    with pytest.raises(DataError, match="has a class 'c' that the real set lacks"):
        ragged.length_table(real, ones((2, 3), "ac"))
