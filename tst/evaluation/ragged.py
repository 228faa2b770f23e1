"""Arithmetic of ragged sets that several metrics share: a check, a draw, and statistics of series.

A set holds its series one after another in one array, so that a statistic of each series is a
`reduceat` over the rows of `values` at `offsets`. There is no padding, and none enters a metric.
"""

import numpy as np

from tst.errors import DataError
from tst.series import SeriesSet


def check_features(real: SeriesSet, other: SeriesSet) -> None:
    """Raise DataError where two sets do not measure the same features in the same order."""
    if real.feature_names != other.feature_names:
        raise DataError(
            f"cannot compare '{real.name}' with '{other.name}' ({other.model}): "
            f"features {real.feature_names} and {other.feature_names} differ."
        )


def subsample(series: SeriesSet, n: int, seed: int) -> SeriesSet:
    """Return at most `n` series, drawn without replacement, in their order."""
    if len(series) <= n:
        return series
    drawn = np.random.default_rng(seed).choice(len(series), n, replace=False)
    return series.take(np.sort(drawn))


def means(rows: np.ndarray, series: SeriesSet) -> np.ndarray:
    """Return the mean of the rows of each series.

    Parameters
    ----------
    rows
        Shape (sum of lengths, n): n numbers a step, laid out as `series.values`.
    series
        The set whose lengths say which rows belong together.

    Returns
    -------
    np.ndarray
        float64, shape (n_series, n).
    """
    sums = np.add.reduceat(rows.astype(np.float64), series.offsets[:-1])
    return sums / series.lengths[:, None]


def extremes(series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
    """Return (minimum, maximum) of each series, float64, each (n_series, n_features)."""
    starts = series.offsets[:-1]
    low = np.minimum.reduceat(series.values, starts)
    high = np.maximum.reduceat(series.values, starts)
    return low.astype(np.float64), high.astype(np.float64)


def standardised(series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of each feature at mean 0 and standard deviation 1 over all steps.

    Returns
    -------
    z
        float64, shape (sum of lengths, n_features); 0 for a constant feature.
    varies
        bool, shape (n_features,): whether a feature has two different values.
    """
    x = series.values.astype(np.float64)
    varies = np.ptp(series.values, axis=0) > 0
    scale = np.where(varies, x.std(0), 1.0)
    return np.where(varies, (x - x.mean(0)) / scale, 0.0), varies
