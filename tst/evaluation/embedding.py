"""Series as points: ranks of values, a pinned embedding of series, and a t-SNE picture of it.

All is fixed by the real set or by a constant, never by the generator. Ranks among the real values
make heavy tails and different units comparable. The embedding is ROCKET's (Dempster et al.,
arXiv 1910.13051): random dilated convolutions, pooled by their maximum and their share of positive
values. We depart in two things: the weights are pinned by EMBEDDER_SEED, so that numbers of
different runs compare, and zeros surround each series, so that no padding and no neighbour enters.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE

from tst.errors import DataError
from tst.evaluation.ragged import check_features, subsample
from tst.series import SeriesSet

EMBEDDER_SEED = 19101305  # from the number of ROCKET's paper; another gives another embedding

N_TAPS = 7  # ROCKET draws 7, 9 or 11; many series here are shorter than 9 steps
DILATIONS = (1, 2, 4, 8)  # a kernel spans 7 to 49 steps
KERNELS_PER_DILATION = 8

N_KNOTS = 201  # quantiles of the rank transform, every half per cent

MIN_POINTS = 5  # series of all sets together below which t-SNE has no neighbours to keep


class RankTransform:
    """Map each feature to its rank among the real values.

    Continuous and monotone: linear between 201 quantiles (tied ones are joined at their mean rank)
    and in [0, 1] within the real range; beyond it the rank grows by log(1 + excess / range).

    Parameters
    ----------
    real
        `SeriesSet` whose values fix the map.
    """

    def __init__(self, real: SeriesSet) -> None:
        self.real = real
        self.knots = [_knots(column.astype(np.float64)) for column in real.values.T]

    def __call__(self, series: SeriesSet) -> SeriesSet:
        """Return the set with ranks for values; raises DataError where its features differ."""
        check_features(self.real, series)
        columns = [
            _ranks(x.astype(np.float64), quantiles, ranks)
            for x, (quantiles, ranks) in zip(series.values.T, self.knots, strict=True)
        ]
        return replace(series, values=np.stack(columns, axis=1))


def _knots(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (distinct quantiles, the mean rank of each) of the values of a feature."""
    grid = np.linspace(0, 1, N_KNOTS)
    quantiles, index = np.unique(np.quantile(column, grid), return_inverse=True)
    return quantiles, np.bincount(index, weights=grid) / np.bincount(index)


def _ranks(x: np.ndarray, quantiles: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    low = quantiles[0]
    high = quantiles[-1]
    scale = high - low or abs(high) or 1.0  # a constant feature has no range; one of zeros no size
    excess = x - np.clip(x, low, high)
    return np.interp(x, quantiles, ranks) + np.sign(excess) * np.log1p(np.abs(excess) / scale)


def embed(series: SeriesSet, rank_transform: RankTransform) -> np.ndarray:
    """Return the pinned embedding of each series.

    Parameters
    ----------
    series
        Set of the features of the real set.
    rank_transform
        Of the real set.

    Returns
    -------
    np.ndarray
        float64, shape (n_series, 64): for each of four dilations the share of positive values of
        eight kernels, then their maxima.
    """
    x = rank_transform(series).values - 0.5  # (sum of lengths, n_features), the middle rank at 0
    step = series.step_index
    rng = np.random.default_rng(EMBEDDER_SEED)
    pooled = [_pool(_convolve(x, step, dilation, rng), series) for dilation in DILATIONS]
    return np.concatenate(pooled, axis=1).astype(np.float64)


def _convolve(
    x: np.ndarray, step: np.ndarray, dilation: int, rng: np.random.Generator
) -> np.ndarray:
    """Return causal dilated convolutions of the rows; before the start of a series lie zeros.

    Parameters
    ----------
    x
        float32, shape (rows, n_features): the rows of all series one after another.
    step
        int, shape (rows,): step of each row within its series.
    dilation
        Steps between two taps.
    rng
        Draws weights and biases.

    Returns
    -------
    np.ndarray
        float32, shape (rows, KERNELS_PER_DILATION).
    """
    n_features = x.shape[1]
    weight = rng.standard_normal((N_TAPS, n_features, KERNELS_PER_DILATION))
    weight = weight / np.sqrt(N_TAPS * n_features)
    bias = 0.2 * rng.standard_normal(KERNELS_PER_DILATION)  # a fifth of the values' own spread
    past = np.zeros((len(x), N_TAPS, n_features), dtype=np.float32)  # (rows, N_TAPS, n_features)
    for tap in range(N_TAPS):
        lag = tap * dilation
        past[lag:, tap] = x[: max(len(x) - lag, 0)]
        past[step < lag, tap] = 0  # these rows belong to the series before
    kernels = weight.reshape(-1, KERNELS_PER_DILATION).astype(np.float32)
    return past.reshape(len(x), -1) @ kernels + bias.astype(np.float32)


def _pool(rows: np.ndarray, series: SeriesSet) -> np.ndarray:
    """Return (share of positive values, maximum) of each column in each series, (n_series, 2 n)."""
    starts = series.offsets[:-1]
    positive = np.add.reduceat((rows > 0).astype(np.float32), starts) / series.lengths[:, None]
    return np.concatenate([positive, np.maximum.reduceat(rows, starts)], axis=1)


def tsne(sets: Sequence[SeriesSet], seed: int, n_per_set: int = 150) -> pd.DataFrame:
    """Return t-SNE coordinates of the embeddings of several sets, for a picture.

    Parameters
    ----------
    sets
        The first is real and fixes ranks and scale.
    seed
        Of the series drawn and of t-SNE.
    n_per_set
        Series of a set, at most.

    Returns
    -------
    pd.DataFrame
        Columns model, x, y: a row a series, in the order of the sets.

    Raises
    ------
    DataError
        Where the sets hold fewer than five series together.
    """
    rank_transform = RankTransform(sets[0])
    parts = [subsample(series, n_per_set, seed) for series in sets]
    embeddings = [embed(part, rank_transform) for part in parts]
    points = np.concatenate(embeddings)  # (series of all sets, 64)
    if len(points) < MIN_POINTS:
        raise DataError("t-SNE: the sets hold fewer than five series together; give larger sets.")
    loc = embeddings[0].mean(0)
    scale = embeddings[0].std(0)
    points = (points - loc) / np.where(scale > 1e-6, scale, 1.0)
    perplexity = min(30.0, (len(points) - 1) / 3)  # scikit-learn's 30 asks for 91 points
    projection = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    coordinates = projection.fit_transform(points)
    models = np.repeat([part.model for part in parts], [len(part) for part in parts])
    return pd.DataFrame({"model": models, "x": coordinates[:, 0], "y": coordinates[:, 1]})
