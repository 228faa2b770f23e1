"""Laws of the distances between lengths: by hand, scipy's statistic, the floor of halves."""

import numpy as np
import pandas as pd
import pytest
from helpers import ar1_series, toy_series
from scipy.stats import ks_2samp

from tst.errors import DataError
from tst.evaluation import lengths


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
    frame = lengths.length_table(real, real.take([0, 1, 2]))
    value = frame.set_index(["label", "metric"])["value"]
    assert value["a", "length_ks"] == value["a", "length_w1"] == 0
    assert value["b", "length_ks"] == 1
    assert value["b", "length_w1"] == 5
    assert value["b", "length_mode_error"] == 1
    assert value["all", "length_ks"] == 0.5
    assert value["all", "length_w1"] == 1.5
    same = lengths.length_table(real, real.take([5, 4, 3, 2, 1, 0]))
    assert set(same["label"]) == {"all", "a", "b"}
    assert (same.query("metric != 'length_mode_share'")["value"] == 0).all()


def test_the_modes_are_the_three_most_common_real_lengths():
    """Of synthetic series half have one of them; the fourth and rarer lengths are none."""
    real = ones((1, 1, 1, 1, 2, 2, 2, 3, 3, 4))
    frame = lengths.length_table(real, ones((1, 3, 4, 5)))
    value = frame.set_index("metric")["value"]
    assert value["length_mode_share"] == 0.5
    assert value["length_mode_error"] == pytest.approx(0.4)


def test_the_length_floor_holds_two_draws_of_one_law():
    """About 95 of 100 pairs of draws stay within it; another law does not."""
    rng = np.random.default_rng(0)
    within = []
    for seed in range(60):
        a, b = (ones(rng.geometric(0.2, size)) for size in (61, 43))
        floor = lengths.length_floor(a, b, 60, seed).set_index("metric")["value"]["length_ks"]
        within.append(lengths.ks_distance(a.lengths, b.lengths) <= floor)
        assert lengths.ks_distance(a.lengths, 3 * b.lengths) > floor
    assert 0.85 <= np.mean(within) <= 1


def test_the_length_floor_repeats_with_its_seed(real):
    """The same seed deals the same halves, another one others."""
    other = ar1_series(53, seed=9)
    frames = [lengths.length_floor(real, other, 20, seed) for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert not frames[0].equals(frames[2])


def test_the_length_floor_class_by_class(real):
    """A row a class that both sets have and one over all; equal lengths give 0."""
    frame = lengths.length_floor(real, ar1_series(53, seed=9), 20)
    assert set(frame["label"]) == {"all", "a", "b"}
    assert set(frame["metric"]) == {"length_ks", "length_w1"}
    assert not frame.duplicated(["metric", "label"]).any()
    assert frame["value"].between(0, 99).all()
    equal = ones((4, 4, 4), "aab")
    assert (lengths.length_floor(equal, equal, 20)["value"] == 0).all()
    without_b = lengths.length_floor(equal, equal.take([0, 1]), 20)
    assert without_b["label"].unique().tolist() == ["all", "a"]
    lone = lengths.length_floor(equal, ones((4, 4, 9), "aab"), 20)
    value = lone.set_index(["metric", "label"])["value"]
    assert value["length_ks", "b"] == 1  # 4 against 9, one of each


def test_ks_is_scipys(real):
    """The statistic of unequal samples with ties; 0 of equal sets in any order, 1 of disjoint."""
    a = real.lengths
    b = ar1_series(53, seed=9, high=19).lengths
    distance = lengths.ks_distance(a, b)
    assert distance == pytest.approx(ks_2samp(a, b).statistic)
    assert 0 < distance < 1
    assert lengths.ks_distance(a, a[::-1]) == 0
    assert lengths.ks_distance(a, a + 100) == 1


def test_the_distance_over_all_series_asks_for_two_lengths(real):
    """It is that of the lengths, classes aside; real series of one length show nothing."""
    other = ar1_series(53, seed=9, high=19)
    expected = lengths.ks_distance(real.lengths, other.lengths)
    assert lengths.length_ks(real, other) == expected
    assert np.isnan(lengths.length_ks(real.head(1), other))


def test_classes_that_cannot_be_compared_are_refused():
    """A set without the label, and one with a class that the real set lacks."""
    real = ones((2, 3), "ab")
    with pytest.raises(DataError, match="lacks the attribute 'k', the real set's label"):
        lengths.length_table(real, ones((2, 3)))
    with pytest.raises(DataError, match="has a class 'c' that the real set lacks"):
        lengths.length_table(real, ones((2, 3), "ac"))
