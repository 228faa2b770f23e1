"""Fidelity of a synthetic set: SeriesSets in, tidy rows out; ragged, no padding enters any metric.

What the real set shows and the synthetic set cannot (a lag that its series do not reach, a class it
lacks, a feature it holds constant) counts as zero, never as missing; what the real set does not
show is left out. Scales, bins and modes are those of the real set. No metric has a meaning alone:
read it between two halves of the real set (the floor, made by the caller) and `noise` (the
ceiling). MDD, ACD, skewness and kurtosis differences are TSGBench's (Ang et al., VLDB 2023), with
bins at real quantiles, because equal bins hold one value of a heavy tail each.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from tst.errors import DataError
from tst.evaluation.autocorrelation import acd, acf_rms, n_reaching
from tst.evaluation.correlations import correlation_between, correlation_within
from tst.evaluation.learned_scores import context_fid, discriminative_score, predictive_score
from tst.evaluation.ragged import (
    ALL,
    check_features,
    extremes,
    ks_distance,
    length_table,
    means,
    standardised,
)
from tst.evaluation.reference import Reference
from tst.series import SeriesSet

COLUMNS = ["metric", "label", "feature", "value"]
N_BINS = 50  # at real quantiles: 2 % of the real values in each


def fidelity(real: SeriesSet | Reference, synthetic: SeriesSet, seed: int) -> pd.DataFrame:
    """Return every metric of a synthetic set against a real one.

    Statistics use all series; the learned scores an excerpt of each set (`learned_scores`), drawn
    with the seed, which enters nothing else.

    Parameters
    ----------
    real
        Set, or its `Reference` where several sets are compared with it.
    synthetic
        Set of the same features; both have ten series at least.
    seed
        Of the learned scores.

    Returns
    -------
    pd.DataFrame
        Columns metric, label, feature, value; label and feature are "all" where they do not apply.
        NaN where the real set cannot show it (correlation of one feature, steps of series of one
        step).

    Raises
    ------
    DataError
        Where features differ, a set is too small, or labels are unknown to the real set.
    """
    reference = Reference.of(real)
    values = {name: metric(reference.real, synthetic) for name, metric in STATISTICS.items()}
    values |= {name: score(reference, synthetic, seed) for name, score in LEARNED_SCORES.items()}
    frame = pd.DataFrame(values.items(), columns=["metric", "value"])
    tables = [
        length_table(reference.real, synthetic).assign(feature=ALL),
        marginals(reference.real, synthetic).assign(label=ALL),
        frame.assign(label=ALL, feature=ALL),
    ]
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def noise(real: SeriesSet, seed: int) -> SeriesSet:
    """Return the noise ceiling: the real lengths, each feature's values shuffled over all steps."""
    rng = np.random.default_rng(seed)
    columns = [rng.permutation(column) for column in real.values.T]
    return replace(real, values=np.stack(columns, axis=1), model="noise")


def logarithmic(series: SeriesSet) -> SeriesSet:
    """Return a set of values that are never negative as log(1 + value).

    What spans orders of magnitude is then on one scale.

    Raises
    ------
    DataError
        Where a value is below 0.
    """
    if (series.values < 0).any():
        raise DataError(f"'{series.name}' has negative values; leave it on its own scale.")
    return replace(series, values=np.log1p(series.values))


def logarithmic_from_0(series: SeriesSet) -> SeriesSet:
    """Return `logarithmic` of a set, what a model drew below 0, where the logarithm ends, as 0."""
    return logarithmic(replace(series, values=series.values.clip(0)))


def marginals(real: SeriesSet, synthetic: SeriesSet) -> pd.DataFrame:
    """Return how each feature's distribution differs, and the mean over features.

    Returns
    -------
    pd.DataFrame
        Columns metric, feature ("all" or the name), value. Metrics: marginal_w1 (Wasserstein-1 over
        the real interquartile range; where that is 0, the range), marginal_jsd (Jensen-Shannon
        divergence in bits, 50 bins at real quantiles and one beyond each end), saturation (share of
        values at or beyond the real minimum or maximum) and saturation_error (its distance from the
        real share); midrange_w1 and midrange_ks, of (maximum + minimum) / 2 of each series: a
        collapsed generator has few of them.
    """
    check_features(real, synthetic)
    real_midranges = _midranges(real)
    synthetic_midranges = _midranges(synthetic)
    rows = []
    for i, name in enumerate(real.feature_names):
        real_values = real.values[:, i].astype(np.float64)
        metrics = _marginal(real_values, synthetic.values[:, i].astype(np.float64))
        pair = real_midranges[:, i], synthetic_midranges[:, i]
        metrics |= {"midrange_w1": scaled_w1(*pair), "midrange_ks": ks_distance(*pair)}
        rows += [(metric, name, value) for metric, value in metrics.items()]
    frame = pd.DataFrame(rows, columns=["metric", "feature", "value"])
    mean = frame.groupby("metric", sort=False)["value"].mean().reset_index().assign(feature=ALL)
    return pd.concat([mean, frame], ignore_index=True)[["metric", "feature", "value"]]


def _midranges(series: SeriesSet) -> np.ndarray:
    low, high = extremes(series)
    return (low + high) / 2  # (n_series, n_features)


def _marginal(real: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    """Return the marginal metrics of the values of one feature."""
    edges = bin_edges(real)
    shares = [_bin_counts(x, edges) / len(x) for x in (real, synthetic)]
    low = real.min()
    high = real.max()
    margin = 1e-6 * (high - low)  # float32 rounds a clipped value by less
    real_share = ((real <= low + margin) | (real >= high - margin)).mean()
    share = ((synthetic <= low + margin) | (synthetic >= high - margin)).mean()
    return {
        "marginal_w1": scaled_w1(real, synthetic),
        "marginal_jsd": jensenshannon(*shares, base=2) ** 2,  # scipy gives its root, a distance
        "saturation": share,
        "saturation_error": abs(share - real_share),
    }


def bin_edges(real: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    """Return edges at the real quantiles, tied ones joined; the last is just above the maximum."""
    edges = np.quantile(real, np.linspace(0, 1, n_bins + 1))
    return np.append(np.unique(edges[:-1]), np.nextafter(edges[-1], np.inf))


def _bin_counts(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the number of values in each bin and beyond each end, (n_edges + 1,)."""
    return np.bincount(np.searchsorted(edges, x, "right"), minlength=len(edges) + 1)


def scaled_w1(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the Wasserstein-1 distance over the real interquartile range; where 0, the range."""
    upper, lower = np.quantile(real, [0.75, 0.25])
    scale = (upper - lower) or np.ptp(real) or 1.0
    return wasserstein_distance(real, synthetic) / scale


def step_change_ratio(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the mean |x_t - x_{t-1}| of synthetic over real; 1 is best.

    Mean over the features whose real series change; NaN where none does.
    """
    check_features(real, synthetic)
    return _mean_ratio(step_change(real), step_change(synthetic))


def step_change(series: SeriesSet) -> np.ndarray:
    """Return the mean |x_t - x_{t-1}| within series, (n_features,); 0 without a second step."""
    change = np.abs(np.diff(series.values.astype(np.float64), axis=0))
    change = change[series.step_index[1:] > 0]  # a jump between two series is no change
    return change.mean(0) if len(change) else np.zeros(series.n_features)


def spread_ratio(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the standard deviation of the series' means, synthetic over real; 1 is best.

    Mean over the features whose real series differ; NaN where none does.
    """
    check_features(real, synthetic)
    return _mean_ratio(_spread(real), _spread(synthetic))


def _spread(series: SeriesSet) -> np.ndarray:
    mean = means(series.values, series)
    spread = mean.std(0)
    # The means of equal series differ by rounding.
    return np.where(spread > 1e-12 * np.abs(mean).max(0), spread, 0.0)


def _mean_ratio(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the mean of synthetic / real over the features where real is above 0, else NaN."""
    positive = real > 0
    if not positive.any():
        return np.nan
    return float((synthetic[positive] / real[positive]).mean())


def pearson_distance(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the mean absolute difference of the Pearson correlations between features.

    Pooled over steps, so that levels of series and their course are one; for them apart see
    `tst.evaluation.correlations`. Pairs with a feature that is constant in the real set are left
    out; NaN where none is left.
    """
    check_features(real, synthetic)
    real_z, varies = standardised(real)
    synthetic_z, _ = standardised(synthetic)
    pairs = np.triu(np.outer(varies, varies), 1)  # (n_features, n_features), each pair once
    if not pairs.any():
        return np.nan
    apart = np.abs(_correlations(real_z) - _correlations(synthetic_z))
    return float(apart[pairs].mean())


def _correlations(z: np.ndarray) -> np.ndarray:
    """Return Pearson correlations of standardised values, (n_features, n_features)."""
    return z.T @ z / len(z)  # 0 with a constant feature


def skewness_error(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the absolute difference of the skewness of all values.

    Mean over the features that vary in the real set.
    """
    return _moment_error(real, synthetic, 3)


def kurtosis_error(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the absolute difference of the kurtosis of all values.

    Mean over the features that vary in the real set.
    """
    return _moment_error(real, synthetic, 4)


def _moment_error(real: SeriesSet, synthetic: SeriesSet, order: int) -> float:
    check_features(real, synthetic)
    real_z, varies = standardised(real)
    synthetic_z, _ = standardised(synthetic)
    apart = np.abs(_moment(real_z, order) - _moment(synthetic_z, order))[varies]
    return float(apart.mean()) if len(apart) else np.nan


def _moment(z: np.ndarray, order: int) -> np.ndarray:
    """Return the mean over the steps of z^order; products take a tenth of the time of a power."""
    power = z
    for _ in range(order - 1):
        power = power * z
    return power.mean(0)  # (n_features,)


def mdd(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the marginal distribution difference: |difference of shares| of values in bins.

    Mean over features, 50 bins and the steps that 1 % of the real series reach; shares are of the
    series that reach the step.
    """
    check_features(real, synthetic)
    n_longest = int(np.ceil(n_reaching(real)))
    n_steps = int(np.sort(real.lengths)[-n_longest])
    real_head = real.head(n_steps)
    synthetic_head = synthetic.head(n_steps)
    apart = []
    for i in range(real.n_features):
        edges = bin_edges(real.values[:, i].astype(np.float64))
        real_shares = _shares(real_head, i, edges, n_steps)
        synthetic_shares = _shares(synthetic_head, i, edges, n_steps)
        apart.append(np.abs(real_shares - synthetic_shares).mean())
    return float(np.mean(apart))


def _shares(series: SeriesSet, feature: int, edges: np.ndarray, n_steps: int) -> np.ndarray:
    """Return the share of each bin at each step; zeros where no series reaches the step.

    Returns
    -------
    np.ndarray
        float64, shape (n_steps, n_edges + 1).
    """
    index = np.searchsorted(edges, series.values[:, feature].astype(np.float64), "right")
    width = len(edges) + 1
    cells = np.bincount(series.step_index * width + index, minlength=n_steps * width)
    counts = cells.reshape(n_steps, width)
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


# The metrics over all classes and features, in the order of the rows.
STATISTICS: dict[str, Callable[[SeriesSet, SeriesSet], float]] = {
    "acf_rms": acf_rms,
    "pearson_distance": pearson_distance,
    "correlation_within": correlation_within,
    "correlation_between": correlation_between,
    "step_change_ratio": step_change_ratio,
    "spread_ratio": spread_ratio,
    "mdd": mdd,
    "acd": acd,
    "skewness_error": skewness_error,
    "kurtosis_error": kurtosis_error,
}

LEARNED_SCORES: dict[str, Callable[[Reference, SeriesSet, int], float]] = {
    "discriminative_score": discriminative_score,
    "predictive_score": predictive_score,
    "context_fid": context_fid,
}
