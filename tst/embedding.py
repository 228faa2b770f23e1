"""Series as points: levels, a pinned embedding, ragged distances, nearest neighbours, a t-SNE picture.

Everything is fixed by the real set or by a constant, never by the generator. Levels (ranks in the real set) make heavy
tails and units comparable. The embedder is ROCKET's (Dempster et al., arXiv 1910.13051): random convolutions, pooled by
maximum and share of positive values, with weights pinned by EMBEDDER_SEED and no training; a series is embedded as if
zeros surrounded it, so that no padding and no neighbour enters.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE

from tst.series import DataError

EMBEDDER_SEED = 19101305
N_TAPS, DILATIONS, KERNELS_A_DILATION = 7, (1, 2, 4, 8), 8
N_KNOTS = 201
PAIRS_AT_ONCE = 2**22  # values (queries x features x steps) that a chunk of distances holds
CANDIDATES = 4  # beyond k, kept after the fast distances and measured again without cancellation


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


@lru_cache(maxsize=8)  # a set stands for itself: several metrics draw from the real one, and embed what they drew
def _drawn(series, n, seed):
    return series.take(np.sort(np.random.default_rng(seed).choice(len(series), n, replace=False)))


def means(rows, series):
    """Return the mean over each series of `rows`, (rows, n) -> float64 (n_series, n)."""
    return np.add.reduceat(rows.astype(np.float64), series.offsets[:-1]) / series.lengths[:, None]


def extremes(series):
    """Return (minimum, maximum) of each series, float64, each (n_series, n_features)."""
    return tuple(f.reduceat(series.values, series.offsets[:-1]).astype(np.float64) for f in (np.minimum, np.maximum))


def standardised(series):
    """Return (values of mean 0 and spread 1 over all steps, 0 for a constant feature; which features vary)."""
    x, varies = series.values.astype(np.float64), np.ptp(series.values, axis=0) > 0
    return (x - x.mean(0)) * varies / np.where(varies, x.std(0), 1.0), varies


class Levels:
    """Map each feature to its rank among the real values: continuous, monotone, in [0, 1] within the real range.

    Linear between 201 quantiles (tied ones joined at their mean level); beyond the range by log(1 + excess / range).

    Parameters
    ----------
    real
        `SeriesSet` whose values fix the map.
    """

    def __init__(self, real):
        self.real = real
        self.knots = [_knots(column.astype(np.float64)) for column in real.values.T]

    def __call__(self, series):
        """Return the set with levels for values; raises DataError where its features differ."""
        check_features(self.real, series)
        columns = [_level(x.astype(np.float64), *k) for x, k in zip(series.values.T, self.knots, strict=True)]
        return replace(series, values=np.stack(columns, axis=1))


@lru_cache(maxsize=4)
def levels_of(real):
    """Return the `Levels` of a real set, made once."""
    return Levels(real)


def _knots(column):
    grid = np.linspace(0, 1, N_KNOTS)
    places, at = np.unique(np.quantile(column, grid), return_inverse=True)
    return places, np.bincount(at, weights=grid) / np.bincount(at)


def _level(x, places, ranks):
    low, high = places[0], places[-1]
    scale = high - low or abs(high) or 1.0
    beyond = x - np.clip(x, low, high)
    return np.interp(x, places, ranks) + np.sign(beyond) * np.log1p(np.abs(beyond) / scale)


@lru_cache(maxsize=8)
def embed(series, levels):
    """Return the pinned embedding, float64, shape (n_series, 64): share of positive values and maximum of 32 kernels.

    Parameters
    ----------
    levels
        `Levels` of the real set.
    """
    x = levels(series).values - 0.5  # (rows, n_features), rows of all series one after another
    step, rng = series.step_index, np.random.default_rng(EMBEDDER_SEED)
    pooled = [_pool(_convolve(x, step, dilation, rng), series) for dilation in DILATIONS]
    return np.concatenate(pooled, axis=1).astype(np.float64)


def _convolve(x, step, dilation, rng):
    """Return causal dilated convolutions of the rows, shape (rows, KERNELS_A_DILATION); before a series lie zeros."""
    n_features = x.shape[1]
    weight = rng.standard_normal((N_TAPS, n_features, KERNELS_A_DILATION)) / np.sqrt(N_TAPS * n_features)
    result = np.tile(0.2 * rng.standard_normal(KERNELS_A_DILATION), (len(x), 1)).astype(np.float32)
    for tap in range(N_TAPS):
        lag, past = tap * dilation, np.zeros_like(x)
        past[lag:] = x[: max(len(x) - lag, 0)]
        past[step < lag] = 0
        result += past @ weight[tap].astype(np.float32)
    return result


def _pool(rows, series):
    starts = series.offsets[:-1]
    positive = np.add.reduceat((rows > 0).astype(np.float32), starts) / series.lengths[:, None]
    return np.concatenate([positive, np.maximum.reduceat(rows, starts)], axis=1)


def nearest(queries, references, levels, k=1):
    """Return (indices, distances), each (n_queries, k), of the nearest references, nearest first.

    The distance of two series pads the shorter within the pair: the squared difference of levels, mean over features,
    summed over the steps both have, plus 1 (the whole range) for each step that only one has; divided by the longer
    length; root. Equal series are at 0; within the real range it is at most 1.

    Parameters
    ----------
    queries, references
        `SeriesSet`s of the same features; the time is of the order of queries x references x steps x features.
    levels
        `Levels` of the real set.
    """
    queries, references = levels(queries), levels(references)
    k = min(k, len(references))
    indices, found = np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k))
    for rows in _chunks(queries):
        chunk = queries.take(rows)
        indices[rows], found[rows] = _nearest(chunk, references.head(int(chunk.lengths.max())), references.lengths, k)
    return indices, found


def _chunks(series):
    """Yield indices of series of like length, few enough to hold."""
    order = np.argsort(series.lengths, kind="stable")
    while len(order):
        cost = series.lengths[order] * series.n_features * np.arange(1, len(order) + 1)
        n = max(1, int(np.searchsorted(cost, PAIRS_AT_ONCE)))
        yield order[: min(n, 512)]
        order = order[min(n, 512) :]


def _nearest(queries, cut, lengths, k):
    """Return `nearest` of one chunk; `cut` holds the references' steps up to the chunk's longest, `lengths` all."""
    n_steps = int(queries.lengths.max())
    (a, seen_a), (b, seen_b) = queries.padded(n_steps), cut.padded(n_steps)  # a: (Q, T, C), b: (R, T, C)
    n_features = a.shape[2]
    cross = a.reshape(len(a), -1) @ b.reshape(len(b), -1).T
    total = (a**2).sum(2) @ seen_b.T.astype(np.float32) + seen_a.astype(np.float32) @ (b**2).sum(2).T - 2 * cross
    missing, longer = np.abs(queries.lengths[:, None] - lengths), np.maximum(queries.lengths[:, None], lengths)
    fast = (np.maximum(total, 0) / n_features + missing) / longer
    n_kept = min(k + CANDIDATES, len(b))
    kept = np.argpartition(fast, n_kept - 1, axis=1)[:, :n_kept]
    exact = np.empty(kept.shape)
    for column, index in enumerate(kept.T):  # the fast distances of near copies are rounding, these are not
        both = seen_a & seen_b[index]
        apart = ((a - b[index]).astype(np.float64) ** 2).mean(2)
        exact[:, column] = np.where(both, apart, 0).sum(1)
    rows = np.arange(len(a))[:, None]
    exact = np.sqrt((exact + missing[rows, kept]) / longer[rows, kept])
    order = np.lexsort((kept, exact), axis=1)[:, :k]
    return kept[rows, order], exact[rows, order]


def neighbours(train, synthetic, k=3, n=4, seed=0):
    """Return the k nearest training series of n synthetic series drawn with the seed.

    Returns
    -------
    DataFrame
        Columns series (index in `synthetic`), rank (1 = nearest), neighbour (index in `train`), distance (see `nearest`).
    """
    n = min(n, len(synthetic))
    chosen = np.sort(np.random.default_rng(seed).choice(len(synthetic), n, replace=False))
    index, distance = nearest(synthetic.take(chosen), train, levels_of(train), k)
    ranks = np.tile(np.arange(1, index.shape[1] + 1), n)
    columns = {"series": np.repeat(chosen, index.shape[1]), "rank": ranks}
    return pd.DataFrame(columns | {"neighbour": index.ravel(), "distance": distance.ravel()})


def tsne(sets, seed, n_per_set=300):
    """Return t-SNE coordinates of the embeddings of several sets, for a picture; the first, real set fixes the scale.

    Returns
    -------
    DataFrame
        Columns model, x, y: at most `n_per_set` rows a set.
    """
    levels = levels_of(sets[0])
    parts = [subsample(s, n_per_set, seed) for s in sets]
    points = [embed(s, levels) for s in parts]
    if sum(map(len, points)) < 5:
        raise DataError("t-SNE: the sets hold fewer than five series together; give larger sets.")
    loc, scale = points[0].mean(0), points[0].std(0)
    points = (np.concatenate(points) - loc) / np.where(scale > 1e-6, scale, 1.0)
    perplexity = min(30.0, (len(points) - 1) / 3)
    xy = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(points)
    models = np.repeat([s.model for s in parts], [len(s) for s in parts])
    return pd.DataFrame({"model": models, "x": xy[:, 0], "y": xy[:, 1]})
