"""Laws of the correlations: the course of a series apart from the levels between series."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import ar1_series, toy_series

from tst.evaluation import correlations


def literal_within(series):
    """Return the mean of numpy's correlation of the first two features, series by series."""
    found = []
    for i in range(len(series)):
        x = series[i].astype(float)
        if len(x) >= correlations.MIN_STEPS and (np.ptp(x[:, :2], axis=0) > 0).all():
            found.append(np.corrcoef(x[:, :2].T)[0, 1])
    return np.mean(found) if found else 0.0


def pair(series):
    """Return a set with its first two features alone."""
    return replace(series, values=series.values[:, :2], features=series.features[:2])


def test_within_is_the_mean_of_numpys_correlations():
    """Of ragged series, short and constant ones left out."""
    real, other = pair(ar1_series(61, seed=1, low=1)), pair(ar1_series(53, seed=2, low=1, phi=0.1))
    other.values[:, 1] += other.values[:, 0]
    expected = abs(literal_within(real) - literal_within(other))
    assert correlations.correlation_within(real, other) == pytest.approx(expected, abs=1e-9)


def test_levels_and_course_are_told_apart():
    """Two features that rise together between series, and against each other within."""
    t = np.linspace(-1, 1, 7)[:, None]
    both = [np.concatenate([level + t, level - t], axis=1) for level in range(-8, 9)]
    flat = [np.concatenate([level + 0 * t, level + 0 * t], axis=1) for level in range(-8, 9)]
    real = toy_series(both)
    levels = toy_series(flat)
    assert correlations.correlation_within(real, levels) == pytest.approx(1)
    assert correlations.correlation_between(real, levels) == pytest.approx(0, abs=1e-9)
    assert correlations.correlation_within(real, real) == 0


def test_two_steps_show_no_correlation():
    """The conditioning steps alone count as 0, not as the line through two points."""
    real = pair(ar1_series(40, seed=3))
    real.values[:, 1] = real.values[:, 0]
    assert correlations.correlation_within(real, real.head(2)) == pytest.approx(1)


def test_one_feature_has_no_pairs():
    """NaN, as for a real set that never varies."""
    single = toy_series([np.arange(5.0)[:, None]] * 12)
    assert np.isnan(correlations.correlation_within(single, single))
    assert np.isnan(correlations.correlation_between(single, single))
