"""Autocorrelation of ragged sets by batched FFT: mean curves, their error, a pooled variant.

The mean over series of each series' own function, and TSGBench's autocorrelation difference (Ang et
al., VLDB 2023), which pools all series. Series of like length share a transform, long
enough that nothing wraps round; products with padding are zero, and no count holds them. Lags that
the synthetic series do not reach count as zero, lags that hardly a real series reaches not at all.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.fft import irfft, next_fast_len, rfft

from tst.evaluation.ragged import check_features, extremes, means, standardised
from tst.series import SeriesSet

REACHED = 0.01  # a lag counts where at least this share of the real series reaches it
ACD_LAGS = 64  # of the pooled variant
VALUES_AT_ONCE = 2**22  # of a transform: 32 MiB in float64
SPREAD_OF_LENGTHS = 1.25  # of series that share a transform: at most a fifth of it is padding


def n_reaching(real: SeriesSet) -> float:
    """Return how many real series must reach a lag, or a step, for it to count."""
    return max(1, REACHED * len(real))


def acf_curves(series: SeriesSet, max_lag: int | None = None) -> pd.DataFrame:
    """Return the mean over series of their autocorrelation functions.

    Of each series its own mean is taken off and the sum divided by its own (biased, as in
    statsmodels); it enters at the lags below its length. Constant series are left out.

    Parameters
    ----------
    series
        The set.
    max_lag
        Largest lag, in steps; None: the longest length - 1.

    Returns
    -------
    pd.DataFrame
        Columns feature, lag (0 ... max_lag or the longest length - 1), value (NaN without a
        series), n (series).
    """
    low, high = extremes(series)
    varies = high > low  # (n_series, n_features)
    mean = means(series.values, series)
    n_lags = _n_lags(series, max_lag)
    total = np.zeros((n_lags, series.n_features))
    n = np.zeros((n_lags, series.n_features))
    for chosen, products, seen in _products(series, mean, n_lags):
        counts = seen[:, :, None] & varies[chosen][:, None]  # (B, lags, n_features)
        variance = np.where(varies[chosen], products[:, 0], 1.0)
        curve = products / variance[:, None]
        total[: curve.shape[1]] += np.where(counts, curve, 0).sum(0)
        n[: curve.shape[1]] += counts.sum(0)
    value = np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0)
    lag, feature = np.indices(value.shape)
    columns = {
        "feature": np.array(series.feature_names)[feature.ravel()],
        "lag": lag.ravel(),
        "value": value.ravel(),
        "n": n.ravel().astype(int),
    }
    return pd.DataFrame(columns)


def _n_lags(series: SeriesSet, max_lag: int | None) -> int:
    longest = int(series.lengths.max())
    if max_lag is None:
        return longest
    return min(longest, max_lag + 1)


def _products(
    series: SeriesSet, loc: np.ndarray, n_lags: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, for series of like length, the sums over t of x_t x_{t+lag}, by FFT.

    Parameters
    ----------
    series
        The set.
    loc
        float64, shape (n_series, n_features) or (n_series, 1): what is taken off the values.
    n_lags
        Lags from 0 to return, at most.

    Yields
    ------
    chosen
        int64, shape (B,): numbers of the series.
    products
        float64, shape (B, lags, n_features).
    seen
        bool, shape (B, lags): True where the lag is below the length.
    """
    order = np.argsort(series.lengths, kind="stable")
    while len(order):
        lengths = series.lengths[order]
        n_alike = np.searchsorted(lengths, SPREAD_OF_LENGTHS * lengths[0] + 1, side="right")
        longest = int(lengths[n_alike - 1])
        n_held = max(1, VALUES_AT_ONCE // (2 * longest * series.n_features))
        n = min(n_alike, n_held)
        chosen = order[:n]
        order = order[n:]
        values, mask = series.take(chosen).padded()  # (B, T, n_features), (B, T)
        x = np.where(mask[:, :, None], values - loc[chosen][:, None], 0)
        T = x.shape[1]
        size = next_fast_len(2 * T - 1, real=True)  # so long that no product wraps round
        power = np.abs(rfft(x, size, axis=1)) ** 2
        yield chosen, irfft(power, size, axis=1)[:, : min(T, n_lags)], mask[:, :n_lags]


def acf_rms(real: SeriesSet, synthetic: SeriesSet, max_lag: int | None = None) -> float:
    """Return the root mean squared difference of the mean autocorrelation curves.

    Over features and lags from 1 that REACHED of the real series reach.

    Returns
    -------
    float
        NaN where no real series varies.
    """
    check_features(real, synthetic)
    curves = acf_curves(real, max_lag), acf_curves(synthetic, max_lag)
    return curve_rms(*curves, n_reaching(real))


def curve_rms(real: pd.DataFrame, synthetic: pd.DataFrame, n_reached: float) -> float:
    """Return `acf_rms` of two frames of `acf_curves`.

    Parameters
    ----------
    n_reached
        Real series that must reach a lag for it to count.
    """
    keys = ["feature", "lag"]
    real_curves = real.set_index(keys)
    lag = real_curves.index.get_level_values("lag")
    counted = (lag > 0) & (real_curves["n"] >= n_reached)
    expected = real_curves["value"][counted]
    found = synthetic.set_index(keys)["value"].reindex(expected.index).fillna(0)
    return float(np.sqrt(((expected - found) ** 2).mean())) if len(expected) else np.nan


def acd(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the autocorrelation difference: root of the sum of squares over lags.

    Mean over features. As TSGBench has it, autocorrelation is that of all series together, about
    the mean of all values. Lags from 1 to ACD_LAGS count that REACHED of the real series reach.

    Returns
    -------
    float
        NaN where no real feature varies or no lag counts.
    """
    check_features(real, synthetic)
    real_curve, reached = pooled_autocorrelation(real)
    synthetic_curve, _ = pooled_autocorrelation(synthetic)
    counted = reached >= n_reaching(real)
    varies = np.ptp(real.values, axis=0) > 0
    squares = (real_curve - synthetic_curve)[counted] ** 2  # (lags, n_features)
    apart = np.sqrt(squares.sum(0))[varies]
    return float(apart.mean()) if len(apart) and counted.any() else np.nan


def pooled_autocorrelation(series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
    """Return the autocorrelation of all series together, over the pairs within a series.

    Returns
    -------
    curve
        float64, shape (ACD_LAGS, n_features): lags from 1; 0 where no series reaches.
    reached
        int64, shape (ACD_LAGS,): series that are longer than the lag.
    """
    z, _ = standardised(series)
    scaled = replace(series, values=z)
    total = np.zeros((ACD_LAGS + 1, series.n_features))
    for _, products, _ in _products(scaled, np.zeros((len(series), 1)), ACD_LAGS + 1):
        total[: products.shape[1]] += products.sum(0)
    beyond = series.lengths[:, None] - np.arange(ACD_LAGS + 1)  # pairs of each series at each lag
    n_pairs = np.maximum(beyond.clip(0).sum(0), 1)
    curve = total / n_pairs[:, None]
    return curve[1:], (beyond > 0).sum(0)[1:]
