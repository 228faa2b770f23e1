"""Autocorrelation of ragged sets by batched FFT: mean curves, their error, and TSGBench's pooled variant.

Series of like length share a transform, long enough that nothing wraps round; products with padding are zero and no count
holds them. Lags that the synthetic series do not reach count as zero, lags that hardly a real series reaches not at all.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.fft import irfft, next_fast_len, rfft

from tst.evaluation.ragged import check_features, extremes, means, standardised

REACHED = 0.01  # a lag counts where at least this share of the real series reaches it
ACD_LAGS = 64
VALUES_AT_ONCE = 2**22


def acf_curves(series, max_lag=None):
    """Return the mean over series of their autocorrelation functions.

    Of each series its own mean is taken off and the sum divided by its own (biased, as in statsmodels); it enters at the
    lags below its length. Constant series are left out.

    Returns
    -------
    DataFrame
        Columns feature, lag (0 ... max_lag or the longest length - 1), value (NaN without a series), n (series).
    """
    low, high = extremes(series)
    mean, varies = means(series.values, series), high > low
    n_lags = _n_lags(series, max_lag)
    total, n = np.zeros((2, n_lags, series.n_features))
    for rows, products, seen in _products(series, mean, n_lags):
        counts = seen[:, :, None] & varies[rows][:, None]  # (B, lags, C)
        curve = products / np.where(varies[rows], products[:, 0], 1.0)[:, None]
        total[: curve.shape[1]] += np.where(counts, curve, 0).sum(0)
        n[: curve.shape[1]] += counts.sum(0)
    value = np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0)
    lag, feature = np.indices(value.shape)
    columns = {"feature": np.array(series.feature_names)[feature.ravel()], "lag": lag.ravel()}
    return pd.DataFrame(columns | {"value": value.ravel(), "n": n.ravel().astype(int)})


def _n_lags(series, max_lag):
    longest = int(series.lengths.max())
    return longest if max_lag is None else min(longest, max_lag + 1)


def _products(series, loc, n_lags):
    """Yield (series, sums over t of x_t x_{t+lag} less `loc`, lag < length) for series of like length, by FFT."""
    order = np.argsort(series.lengths, kind="stable")
    while len(order):
        n = np.searchsorted(
            series.lengths[order], 1.25 * series.lengths[order[0]] + 1, side="right"
        )
        at_once = max(
            1, VALUES_AT_ONCE // (2 * int(series.lengths[order[n - 1]]) * series.n_features)
        )
        rows, order = order[: min(n, at_once)], order[min(n, at_once) :]
        values, mask = series.take(rows).padded()
        x = np.where(mask[:, :, None], values - loc[rows][:, None], 0)
        T = x.shape[1]
        size = next_fast_len(2 * T - 1, real=True)
        power = np.abs(rfft(x, size, axis=1)) ** 2
        yield rows, irfft(power, size, axis=1)[:, : min(T, n_lags)], mask[:, :n_lags]


def acf_error(real, synthetic, max_lag=None):
    """Return the mean, over features and lags from 1, of the squared difference of the mean autocorrelation curves.

    Lags count that 1 % of the real series reach; NaN where no real series varies.
    """
    check_features(real, synthetic)
    keys = ["feature", "lag"]
    ours, other = (acf_curves(s, max_lag).set_index(keys) for s in (real, synthetic))
    counted = (ours.index.get_level_values("lag") > 0) & (ours["n"] >= max(1, REACHED * len(real)))
    apart = ours["value"][counted] - other["value"].reindex(ours.index[counted]).fillna(0)
    return float((apart**2).mean()) if len(apart) else np.nan


def acd(real, synthetic):
    """Return the autocorrelation difference: root of the summed squares over 64 lags, mean over features.

    As TSGBench has it, autocorrelation is that of all series together, about the mean of all values.
    """
    check_features(real, synthetic)
    (ours, reached), (other, _) = (_pooled_autocorrelation(s) for s in (real, synthetic))
    counted, varies = reached >= max(1, REACHED * len(real)), np.ptp(real.values, axis=0) > 0
    apart = np.sqrt(((ours - other)[counted] ** 2).sum(0))[varies]
    return float(apart.mean()) if len(apart) and counted.any() else np.nan


def _pooled_autocorrelation(series):
    """Return (curve, (ACD_LAGS, n_features), lags from 1, 0 where no series reaches; series that reach each lag)."""
    z, _ = standardised(series)
    scaled, total = replace(series, values=z), np.zeros((ACD_LAGS + 1, series.n_features))
    for _, products, _ in _products(scaled, np.zeros((len(series), 1)), ACD_LAGS + 1):
        total[: products.shape[1]] += products.sum(0)
    beyond = series.lengths[:, None] - np.arange(ACD_LAGS + 1)
    return (total / np.maximum(beyond.clip(0).sum(0), 1)[:, None])[1:], (beyond > 0).sum(0)[1:]
