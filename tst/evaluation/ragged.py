"""Statistics of ragged sets: of each series, without padding, and of the lengths of two sets.

A set holds its series one after another in one array, so that a statistic of each series is a
`reduceat` over the rows of `values` at `offsets`. Lengths (question Q1) are measured on the series
as they are, real and synthetic alike; a class that the synthetic set lacks counts as length 0.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from tst.errors import DataError
from tst.series import SeriesSet

ALL = "all"  # the label of rows over all classes
N_MODES = 3  # most common real lengths that a synthetic set should have as often

Samples = tuple[np.ndarray, np.ndarray]  # lengths of real and of synthetic series


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


def length_table(real: SeriesSet, synthetic: SeriesSet) -> pd.DataFrame:
    """Return how the lengths differ, over all series and in each class of the real set.

    Returns
    -------
    pd.DataFrame
        Columns metric, label ("all" or the class), value. Metrics: length_ks, length_w1 (steps),
        length_mode_share (of the synthetic series, at the N_MODES most common real lengths) and
        length_mode_error (its distance from the real share).

    Raises
    ------
    DataError
        Where the synthetic set has no such label, or classes that the real set lacks.
    """
    samples: dict[str, Samples] = {ALL: (real.lengths, synthetic.lengths)}
    if real.label is not None:
        labels = _labels(real, synthetic)
        for label in np.unique(real.labels):
            members = synthetic.lengths[labels == label]
            if len(members) == 0:
                members = np.zeros(1)
            samples[label] = real.lengths[real.labels == label], members
    return _tidy({label: _distances(*pair) for label, pair in samples.items()})


def length_floor(
    real_a: SeriesSet, real_b: SeriesSet, n_draws: int = 200, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Return the quantile of how far the lengths of random halves of the real series lie apart.

    The lengths of both sets are dealt out anew `n_draws` times into parts of the sets' own sizes,
    class by class and over all: what a generator that drew from the real law itself would stay
    within.

    Parameters
    ----------
    real_a, real_b
        Real sets: where the floor is one value a seed (`length_table` of the two), this is its
        spread.
    n_draws
        Deals of each class.
    seed
        Of the deals.
    level
        Of the quantile.

    Returns
    -------
    pd.DataFrame
        Columns metric (length_ks, length_w1), label ("all" or the class of both sets), value, seed.
    """
    rng = np.random.default_rng(seed)
    samples: dict[str, Samples] = {ALL: (real_a.lengths, real_b.lengths)}
    if real_a.label is not None:
        labels = _labels(real_a, real_b)
        for label in np.intersect1d(real_a.labels, labels):
            in_a = real_a.lengths[real_a.labels == label]
            samples[label] = in_a, real_b.lengths[labels == label]
    quantiles = {
        label: _dealt_quantiles(*pair, n_draws, rng, level) for label, pair in samples.items()
    }
    return _tidy(quantiles).assign(seed=seed)


def length_ks(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the Kolmogorov-Smirnov distance of the lengths, classes aside.

    Returns
    -------
    float
        NaN where all real series have one length.
    """
    if len(np.unique(real.lengths)) == 1:
        return np.nan
    return ks_distance(real.lengths, synthetic.lengths)


def class_length_ks(real: SeriesSet, synthetic: SeriesSet) -> float:
    """Return the mean over the real classes of the KS distance of lengths (question Q1).

    Returns
    -------
    float
        NaN where the sets have no label, or all real series have one length.
    """
    if real.label is None or len(np.unique(real.lengths)) == 1:
        return np.nan
    rows = length_table(real, synthetic)
    of_classes = (rows["metric"] == "length_ks") & (rows["label"] != ALL)
    return float(rows.loc[of_classes, "value"].mean())


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov statistic of two samples, shapes (n,) and (m,).

    scipy's `ks_2samp` comes with a p-value that costs more and warns of a sample of one.
    """
    at = np.concatenate([a, b])
    share_a = np.searchsorted(np.sort(a), at, "right") / len(a)
    share_b = np.searchsorted(np.sort(b), at, "right") / len(b)
    return float(np.abs(share_a - share_b).max())


def _labels(real: SeriesSet, synthetic: SeriesSet) -> np.ndarray:
    """Return the synthetic labels, str; raise DataError where they are not the real set's."""
    if real.label not in synthetic.attributes:
        raise DataError(
            f"'{synthetic.name}' ({synthetic.model}) lacks the attribute '{real.label}', "
            "the real set's label."
        )
    labels = synthetic.attributes[real.label].astype(str).to_numpy()
    unknown = sorted(set(labels) - set(real.labels))
    if unknown:
        raise DataError(
            f"'{synthetic.name}' ({synthetic.model}) has a class '{unknown[0]}' "
            "that the real set lacks."
        )
    return labels


def _distances(real: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    values, counts = np.unique(real, return_counts=True)
    modes = values[np.argsort(-counts, kind="stable")[:N_MODES]]
    share = np.isin(synthetic, modes).mean()
    real_share = np.isin(real, modes).mean()
    return {
        "length_ks": ks_distance(real, synthetic),
        "length_w1": wasserstein_distance(real, synthetic),
        "length_mode_share": share,
        "length_mode_error": abs(share - real_share),
    }


def _dealt_quantiles(
    a: np.ndarray, b: np.ndarray, n_draws: int, rng: np.random.Generator, level: float
) -> dict[str, float]:
    """Return the quantiles of the distances of two samples whose members are dealt out anew."""
    both = np.concatenate([a, b])
    distances = np.empty((n_draws, 2))
    for draw in range(n_draws):
        dealt_a, dealt_b = np.split(rng.permutation(both), [len(a)])
        distances[draw] = ks_distance(dealt_a, dealt_b), wasserstein_distance(dealt_a, dealt_b)
    ks, w1 = np.quantile(distances, level, axis=0)
    return {"length_ks": ks, "length_w1": w1}


def _tidy(metrics: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return {label: {metric: value}} as a frame of metric, label, value."""
    rows = []
    for label, values in metrics.items():
        rows += [(metric, label, value) for metric, value in values.items()]
    return pd.DataFrame(rows, columns=["metric", "label", "value"])
