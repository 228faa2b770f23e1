"""Fidelity of a synthetic set: SeriesSets in, tidy rows out; ragged throughout, no padding enters any metric.

What the real set shows and the synthetic set cannot (a lag that its series do not reach, a class it lacks, a feature it
holds constant) counts as zero, never as missing; what the real set does not show is left out. Scales, bins and modes
are those of the real set. No metric has a meaning alone: read it between two halves of the real set (the floor,
made by the caller) and `noise` (the ceiling). Autocorrelation stands in `tst.evaluation.autocorrelation`, learned scores in
`tst.evaluation.learned_scores`, neighbours in `tst.evaluation.embedding`.
MDD, ACD, skewness and kurtosis differences as in TSGBench (Ang et al., VLDB 2023), with bins at real quantiles.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from tst.evaluation.autocorrelation import REACHED, acd, acf_error
from tst.evaluation.learned_scores import context_fid, discriminative_score, predictive_score
from tst.evaluation.ragged import check_features, extremes, means, standardised
from tst.series import DataError

ALL = "all"  # the label of rows over all classes, the feature of rows over all features
COLUMNS = ["metric", "label", "feature", "value"]
N_MODES = 3
N_BINS = 50


def fidelity(real, synthetic, seed):
    """Return every metric of a synthetic set against a real one.

    Statistics use all series; the learned scores at most 2,000 series (20,000 prediction steps) a side, drawn with the
    seed, which enters nothing else.

    Parameters
    ----------
    real, synthetic
        `SeriesSet`s of the same features, at least ten series each.

    Returns
    -------
    DataFrame
        Columns metric, label, feature, value; label and feature are "all" where they do not apply. NaN where the real
        set cannot show it (correlation of one feature, steps of series of one step).

    Raises
    ------
    DataError
        Where features differ, a set is too small, or labels are unknown to the real set.
    """
    scalars = (
        acf_error,
        pearson_distance,
        step_change_ratio,
        spread_ratio,
        mdd,
        acd,
        skewness_error,
        kurtosis_error,
    )
    learned = (discriminative_score, predictive_score, context_fid)
    rows = [(f.__name__, f(real, synthetic)) for f in scalars] + [
        (f.__name__, f(real, synthetic, seed)) for f in learned
    ]
    frame = pd.DataFrame(rows, columns=["metric", "value"]).assign(label=ALL, feature=ALL)
    tables = [
        length_table(real, synthetic).assign(feature=ALL),
        marginals(real, synthetic).assign(label=ALL),
        frame,
    ]
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def noise(real, seed):
    """Return the noise ceiling: the real lengths, each feature's values shuffled over all steps and series."""
    rng = np.random.default_rng(seed)
    columns = [rng.permutation(column) for column in real.values.T]
    return replace(real, values=np.stack(columns, axis=1), model="noise")


def length_table(real, synthetic):
    """Return how the lengths differ, over all series and in each class of the real set.

    length_ks, length_w1 (steps), length_mode_share (of the synthetic series, at the N_MODES most common real lengths)
    and length_mode_error (its distance from the real share). A class that the synthetic set lacks counts as length 0.

    Returns
    -------
    DataFrame
        Columns metric, label ("all" or the class), value.

    Raises
    ------
    DataError
        Where the synthetic set has no such label, or classes that the real set lacks.
    """
    parts = {ALL: (real.lengths, synthetic.lengths)}
    if real.label is not None:
        labels = real.labels, _labels(real, synthetic)
        for label in np.unique(labels[0]):
            mine = [
                s.lengths[mark == label] for s, mark in zip((real, synthetic), labels, strict=True)
            ]
            parts[label] = mine[0], mine[1] if len(mine[1]) else np.zeros(1)
    rows = [
        (metric, label, value)
        for label, p in parts.items()
        for metric, value in _lengths(*p).items()
    ]
    return pd.DataFrame(rows, columns=["metric", "label", "value"])


def _labels(real, synthetic):
    if real.label not in synthetic.attributes:
        raise DataError(
            f"'{synthetic.name}' ({synthetic.model}) lacks the attribute '{real.label}', the real set's label."
        )
    labels = synthetic.attributes[real.label].astype(str).to_numpy()
    unknown = sorted(set(labels) - set(real.labels))
    if unknown:
        raise DataError(
            f"'{synthetic.name}' ({synthetic.model}) has a class '{unknown[0]}' that the real set lacks."
        )
    return labels


def _lengths(real, synthetic):
    values, counts = np.unique(real, return_counts=True)
    modes = values[np.argsort(-counts, kind="stable")[:N_MODES]]
    share, wanted = np.isin(synthetic, modes).mean(), np.isin(real, modes).mean()
    return {
        "length_ks": _ks(real, synthetic),
        "length_w1": wasserstein_distance(real, synthetic),
        "length_mode_share": share,
        "length_mode_error": abs(share - wanted),
    }


def length_floor(real_a, real_b, n_draws=200, seed=0, level=0.95):
    """Return the quantile of how far the lengths of random halves of the real series lie apart, in each class.

    The lengths of both sets are dealt out anew `n_draws` times into parts of the sets' own sizes, class by class and over
    all: what a generator that drew from the real law itself would stay within.

    Parameters
    ----------
    real_a, real_b
        Real `SeriesSet`s: where the floor is one value a seed (`length_table` of the two), this is its spread.

    Returns
    -------
    DataFrame
        Columns metric (length_ks, length_w1), label ("all" or the class of both sets), value, seed.
    """
    rng, parts = np.random.default_rng(seed), {ALL: (real_a.lengths, real_b.lengths)}
    if real_a.label is not None:
        labels = real_a.labels, _labels(real_a, real_b)
        for label in np.intersect1d(*labels):
            parts[label] = tuple(
                s.lengths[m == label] for s, m in zip((real_a, real_b), labels, strict=True)
            )
    rows = [
        (m, label, value)
        for label, p in parts.items()
        for m, value in _dealt(*p, n_draws, rng, level).items()
    ]
    return pd.DataFrame(rows, columns=["metric", "label", "value"]).assign(seed=seed)


def length_ks(real, synthetic):
    """Return the Kolmogorov-Smirnov distance of the lengths, classes aside; NaN where all real series have one length."""
    return _ks(real.lengths, synthetic.lengths) if len(np.unique(real.lengths)) > 1 else np.nan


def _dealt(a, b, n_draws, rng, level):
    both = np.concatenate([a, b])
    dealt = (np.split(rng.permutation(both), [len(a)]) for _ in range(n_draws))
    found = [(_ks(*halves), wasserstein_distance(*halves)) for halves in dealt]
    return dict(zip(("length_ks", "length_w1"), np.quantile(found, level, axis=0), strict=True))


def _ks(a, b):
    """Return the Kolmogorov-Smirnov statistic; scipy's comes with a p-value that costs more and warns of one series."""
    places = np.concatenate([a, b])
    shares = [np.searchsorted(np.sort(x), places, "right") / len(x) for x in (a, b)]
    return float(np.abs(np.subtract(*shares)).max())


def marginals(real, synthetic):
    """Return how each feature's distribution differs, and the mean over features.

    marginal_w1 (Wasserstein-1 over the real interquartile range; where that is 0, the range), marginal_jsd
    (Jensen-Shannon divergence in bits, 50 bins at real quantiles and one beyond each end), saturation (share of values
    at or beyond the real minimum or maximum) and saturation_error (its distance from the real share); midrange_w1 and
    midrange_ks, of (maximum + minimum) / 2 of each series: a collapsed generator has few of them.

    Returns
    -------
    DataFrame
        Columns metric, feature ("all" or the name), value.
    """
    check_features(real, synthetic)
    middles = [sum(extremes(s)) / 2 for s in (real, synthetic)]
    rows = []
    for i, name in enumerate(real.feature_names):
        found = _marginal(*(s.values[:, i].astype(np.float64) for s in (real, synthetic)))
        a, b = (m[:, i] for m in middles)
        found |= {"midrange_w1": _scaled_w1(a, b), "midrange_ks": _ks(a, b)}
        rows += [(metric, name, value) for metric, value in found.items()]
    frame = pd.DataFrame(rows, columns=["metric", "feature", "value"])
    mean = frame.groupby("metric", sort=False)["value"].mean().reset_index().assign(feature=ALL)
    return pd.concat([mean, frame], ignore_index=True)[["metric", "feature", "value"]]


def _marginal(real, synthetic):
    bins = _bins(real)
    shares = [
        np.bincount(np.searchsorted(bins, x, "right"), minlength=len(bins) + 1) / len(x)
        for x in (real, synthetic)
    ]
    low, high = real.min(), real.max()
    margin = 1e-6 * (high - low)
    wanted, share = (((x <= low + margin) | (x >= high - margin)).mean() for x in (real, synthetic))
    return {
        "marginal_w1": _scaled_w1(real, synthetic),
        "marginal_jsd": jensenshannon(*shares, base=2) ** 2,
        "saturation": share,
        "saturation_error": abs(share - wanted),
    }


def _bins(real, n_bins=N_BINS):
    """Return edges at the real quantiles, tied ones joined; the last lies just above the maximum."""
    edges = np.quantile(real, np.linspace(0, 1, n_bins + 1))
    return np.append(np.unique(edges[:-1]), np.nextafter(edges[-1], np.inf))


def _scaled_w1(real, synthetic):
    scale = np.subtract(*np.quantile(real, [0.75, 0.25])) or np.ptp(real) or 1.0
    return wasserstein_distance(real, synthetic) / scale


def step_change_ratio(real, synthetic):
    """Return the mean |x_t - x_{t-1}| of synthetic over real, mean over the features whose real series change; 1 is best."""
    check_features(real, synthetic)
    return _ratio(*map(_step_change, (real, synthetic)))


def _step_change(series):
    change = np.abs(np.diff(series.values.astype(np.float64), axis=0))[series.step_index[1:] > 0]
    return change.mean(0) if len(change) else np.zeros(series.n_features)


def spread_ratio(real, synthetic):
    """Return the standard deviation of the series' means, synthetic over real, mean over the features; 1 is best."""
    check_features(real, synthetic)
    return _ratio(*map(_spread, (real, synthetic)))


def _spread(series):
    mean = means(series.values, series)
    spread = mean.std(0)
    return np.where(
        spread > 1e-12 * np.abs(mean).max(0), spread, 0.0
    )  # equal means differ by rounding


def _ratio(real, synthetic):
    return float((synthetic[real > 0] / real[real > 0]).mean()) if (real > 0).any() else np.nan


def logarithmic(series):
    """Return a set of values that are never negative as log(1 + value): what spans orders of magnitude, on one scale."""
    if (series.values < 0).any():
        raise DataError(f"'{series.name}' has negative values; leave it on its own scale.")
    return replace(series, values=np.log1p(series.values))


def pearson_distance(real, synthetic):
    """Return the mean absolute difference of the Pearson correlations between features, pooled over steps (claim C4).

    Pairs with a feature that is constant in the real set are left out; NaN where none is left.
    """
    check_features(real, synthetic)
    (ours, varies), (other, _) = map(_pearson, (real, synthetic))
    pairs = np.triu(np.outer(varies, varies), 1)
    return float(np.abs(ours - other)[pairs].mean()) if pairs.any() else np.nan


def _pearson(series):
    """Return (correlations, 0 with a constant feature; which features vary)."""
    z, varies = standardised(series)
    return z.T @ z / len(z), varies


def skewness_error(real, synthetic):
    """Return the absolute difference of the skewness of all values, mean over the features that vary in the real set."""
    return _moment_error(real, synthetic, 3)


def kurtosis_error(real, synthetic):
    """Return the absolute difference of the kurtosis of all values, mean over the features that vary in the real set."""
    return _moment_error(real, synthetic, 4)


def _moment_error(real, synthetic, order):
    check_features(real, synthetic)
    (ours, varies), (other, _) = map(standardised, (real, synthetic))
    apart = np.abs((ours**order).mean(0) - (other**order).mean(0))[varies]
    return float(apart.mean()) if len(apart) else np.nan


def mdd(real, synthetic):
    """Return the marginal distribution difference: |difference of shares|, mean over features, steps and 50 bins.

    Steps count that 1 % of the real series reach; shares are of the series that reach the step.
    """
    check_features(real, synthetic)
    n_steps = int(np.sort(real.lengths)[-int(np.ceil(max(1, REACHED * len(real))))])
    apart = []
    for i in range(real.n_features):
        bins = _bins(real.values[:, i].astype(np.float64))
        ours, other = (_shares(s.head(n_steps), i, bins, n_steps) for s in (real, synthetic))
        apart.append(np.abs(ours - other).mean())
    return float(np.mean(apart))


def _shares(series, feature, bins, n_steps):
    """Return the share of each bin at each step, (n_steps, n_bins + 2); zeros where no series reaches the step."""
    place = np.searchsorted(bins, series.values[:, feature].astype(np.float64), "right")
    width = len(bins) + 1
    counts = np.bincount(series.step_index * width + place, minlength=n_steps * width).reshape(
        n_steps, width
    )
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)
