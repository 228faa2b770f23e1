"""TODO"""

from functools import lru_cache

import numpy as np

from tst.series import DataError


def check_features(real, other):
    """Raise DataError where two sets do not measure the same features in the same order."""
    if real.feature_names != other.feature_names:
        raise DataError(
            f"cannot compare '{real.name}' with '{other.name}' ({other.model}): "
            f"features {real.feature_names} and {other.feature_names} differ."
        )


def subsample(series, n, seed):
    """Return at most `n` series, drawn without replacement, in their order."""
    return series if len(series) <= n else _drawn(series, n, seed)


@lru_cache(
    maxsize=8
)  # a set stands for itself: several metrics draw from the real one, and embed what they drew
def _drawn(series, n, seed):
    return series.take(np.sort(np.random.default_rng(seed).choice(len(series), n, replace=False)))


def means(rows, series):
    """Return the mean over each series of `rows`, (rows, n) -> float64 (n_series, n)."""
    return np.add.reduceat(rows.astype(np.float64), series.offsets[:-1]) / series.lengths[:, None]


def extremes(series):
    """Return (minimum, maximum) of each series, float64, each (n_series, n_features)."""
    return tuple(
        f.reduceat(series.values, series.offsets[:-1]).astype(np.float64)
        for f in (np.minimum, np.maximum)
    )


def standardised(series):
    """Return (values of mean 0 and spread 1 over all steps, 0 for a constant feature; which features vary)."""
    x, varies = series.values.astype(np.float64), np.ptp(series.values, axis=0) > 0
    return (x - x.mean(0)) * varies / np.where(varies, x.std(0), 1.0), varies
