"""Laws of the intervals: they cover, they are antisymmetric, R2 is scikit-learn's, Holm is Holm's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from tst import intervals


def hits(rng, n_seeds=3, n=150, right=0.7):
    """Return a matrix of right and wrong predictions."""
    return rng.uniform(size=(n_seeds, n)) < right


def test_equal_models_differ_by_nothing():
    """The same predictions: 0, no width, p = 1."""
    same = hits(np.random.default_rng(0))
    assert intervals.paired_accuracy(same, same) == (0, 0, 0, 1)


def test_swapping_the_models_turns_the_sign():
    """Value and interval turn round, p stays."""
    rng = np.random.default_rng(1)
    one, other = hits(rng), hits(rng, right=0.5)
    value, low, high, p = intervals.paired_accuracy(one, other)
    assert value == pytest.approx(one.mean() - other.mean()) and low < value < high and low > 0 and p < 0.01
    assert intervals.paired_accuracy(other, one) == pytest.approx((-value, -high, -low, p))


def test_the_interval_covers():
    """Over 120 draws of two models that differ by .1 in truth, about 95 % of the intervals hold it."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(120):
        _, low, high, _ = intervals.paired_accuracy(hits(rng, 5, 200, 0.7), hits(rng, 5, 200, 0.6))
        held += low <= 0.1 <= high
    assert 0.88 <= held / 120 <= 1


def test_r2_is_that_of_scikit_learn():
    """The difference is the difference of the two mean R2; its interval holds it."""
    rng = np.random.default_rng(3)
    true = rng.normal(size=(80, 7)).cumsum(1)
    ours, other = (true + rng.normal(size=(3, 80, 7)) * scale for scale in (0.5, 0.9))
    value, low, high, p = intervals.paired_r2(true, ours, other)
    r2 = [np.mean([r2_score(true, forecast) for forecast in f]) for f in (ours, other)]
    assert value == pytest.approx(r2[0] - r2[1]) and low < value < high and p < 0.01


def test_holm_within_each_family():
    """The smallest of m is multiplied by m, and families do not touch."""
    rows = [{"value": 0, "low": 0, "high": 0, "p": p, "family": f} for f, p in (("a", 0.01), ("a", 0.04), ("b", 0.04))]
    frame = intervals.table(rows, "family")
    assert frame["p_holm"].tolist() == pytest.approx([0.02, 0.04, 0.04])
    assert isinstance(frame, pd.DataFrame)
