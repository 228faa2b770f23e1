"""Correlations between features, the course of a series apart from the levels between series.

Pooled over all steps, a set of flat series at the right levels correlates as well as the real one:
`correlation_within` sees what goes up and down together inside a series (claim C4),
`correlation_between` which series lie high together. What the real set shows and the synthetic set
cannot counts as a correlation of 0.
"""

import numpy as np

from tst.evaluation.autocorrelation import n_reaching
from tst.evaluation.ragged import check_features, extremes, means
from tst.series import SeriesSet

MIN_STEPS = 3  # two points lie on a line whatever made them


def correlation_within(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the root mean squared difference of the mean correlations within series.

    Over the pairs of features that both vary in at least 1 % of the real series (of MIN_STEPS).

    Returns
    -------
    float
        NaN where the real set shows no such pair.
    """
    check_features(real, synthetic)
    expected, n_real = _mean_within(real)
    found, _ = _mean_within(synthetic)
    return _rms(expected - found, n_real >= n_reaching(real))


def correlation_between(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the root mean squared difference of the correlations of the series' means.

    Over the pairs of features whose means differ between real series.

    Returns
    -------
    float
        NaN where the real set shows no such pair.
    """
    check_features(real, synthetic)
    expected, varies = _of_means(real)
    found, _ = _of_means(synthetic)
    return _rms(expected - found, varies)


def _rms(apart: np.ndarray, counted: np.ndarray) -> float:
    """Return the root mean square over the pairs that count, of (n_features, n_features) each."""
    pairs = np.triu(counted, 1)
    return float(np.sqrt((apart[pairs] ** 2).mean())) if pairs.any() else np.nan


def _mean_within(series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over series of each correlation, and of how many series it is.

    Returns
    -------
    mean
        float64, shape (n_features, n_features); 0 where no series shows the pair.
    n
        int64, shape (n_features, n_features).
    """
    size = series.n_features
    total = np.zeros((size, size))
    n = np.zeros((size, size), dtype=np.int64)
    low, high = extremes(series)
    long_enough = series.lengths >= MIN_STEPS
    varies = (high > low) & long_enough[:, None]  # (n_series, n_features)
    z = series.values.astype(np.float64)
    z = z - means(z, series)[series.series_index]
    spread = np.where(varies, np.sqrt(means(z**2, series)), 1.0)
    z = z / spread[series.series_index]
    for i in range(size):
        both = varies & varies[:, [i]]
        r = means(z * z[:, [i]], series)  # (n_series, n_features)
        total[i] = np.where(both, r, 0).sum(0)
        n[i] = both.sum(0)
    return total / np.maximum(n, 1), n


def _of_means(series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations of the series' means (0 with a constant), and which pairs vary."""
    mean = means(series.values, series)  # (n_series, n_features)
    spread = mean.std(0)
    varies = spread > 1e-12 * np.abs(mean).max(0)  # the means of equal series differ by rounding
    z = np.where(varies, (mean - mean.mean(0)) / np.where(varies, spread, 1.0), 0.0)
    return z.T @ z / len(z), np.outer(varies, varies)
