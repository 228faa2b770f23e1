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

from tst.evaluation.ragged import check_features, subsample
from tst.series import DataError

EMBEDDER_SEED = 19101305

N_TAPS, DILATIONS, KERNELS_A_DILATION = 7, (1, 2, 4, 8), 8

N_KNOTS = 201


class RankTransform:
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
        columns = [
            _level(x.astype(np.float64), *k)
            for x, k in zip(series.values.T, self.knots, strict=True)
        ]
        return replace(series, values=np.stack(columns, axis=1))


@lru_cache(maxsize=4)
def rank_transform_of(real):
    """Return the `Levels` of a real set, made once."""
    return RankTransform(real)


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
    weight = rng.standard_normal((N_TAPS, n_features, KERNELS_A_DILATION)) / np.sqrt(
        N_TAPS * n_features
    )
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


def tsne(sets, seed, n_per_set=300):
    """Return t-SNE coordinates of the embeddings of several sets, for a picture; the first, real set fixes the scale.

    Returns
    -------
    DataFrame
        Columns model, x, y: at most `n_per_set` rows a set.
    """
    levels = rank_transform_of(sets[0])
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
