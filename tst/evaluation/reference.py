"""A real set that others are compared with, and nearest neighbours of series and of steps.

The distance of two series compares ranks (`tst.evaluation.embedding.RankTransform`) step by step
and pads the shorter one within its pair alone, so that a copy is at exactly 0 and no third series
changes a distance. Steps are looked up in a tree, in n log n.

Metrics take the real set itself or a `Reference` of it. With the set they compute all afresh; with
a `Reference` the rank transform, the tree of steps, embeddings, distances to the nearest series and
the share of held-out steps that equal a training step are made once, when first asked for, and live
as long as it does.
"""

from collections.abc import Iterator
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from tst.evaluation.embedding import RankTransform, embed
from tst.evaluation.ragged import check_features, subsample
from tst.series import SeriesSet

VALUES_AT_ONCE = 2**22  # queries x features x steps of a chunk: 16 MiB in float32
QUERIES_AT_ONCE = 512  # queries x references distances are held at once, in several arrays

CANDIDATES = 4  # beyond k, kept after the fast distances and measured again without cancellation


def nearest(
    queries: SeriesSet, references: SeriesSet, rank_transform: RankTransform, k: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest references of each query, nearest first.

    The distance of two series: the squared difference of ranks, mean over features, summed over
    the steps that both have, plus 1 (the whole range) for each step that only one has; divided by
    the longer length; root. Equal series are at 0; within the real range it is at most 1.

    Parameters
    ----------
    queries, references
        Sets of the same features; the time is of the order of queries x references x steps x
        features.
    rank_transform
        Of the real set.
    k
        Neighbours of a query; fewer where there are fewer references.

    Returns
    -------
    indices
        int64, shape (n_queries, k): numbers of series in `references`.
    distances
        float64, shape (n_queries, k).
    """
    queries = rank_transform(queries)
    references = rank_transform(references)
    k = min(k, len(references))
    indices = np.empty((len(queries), k), dtype=np.int64)
    distances = np.empty((len(queries), k))
    for chosen in _chunks(queries):
        chunk = queries.take(chosen)
        cut = references.head(int(chunk.lengths.max()))
        indices[chosen], distances[chosen] = _nearest(chunk, cut, references.lengths, k)
    return indices, distances


def _chunks(series: SeriesSet) -> Iterator[np.ndarray]:
    """Yield indices of series of like length, few enough to hold."""
    order = np.argsort(series.lengths, kind="stable")
    while len(order):
        cost = series.lengths[order] * series.n_features * np.arange(1, len(order) + 1)
        n = max(1, int(np.searchsorted(cost, VALUES_AT_ONCE)))
        n = min(n, QUERIES_AT_ONCE)
        yield order[:n]
        order = order[n:]


def _nearest(
    queries: SeriesSet, cut: SeriesSet, lengths: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return `nearest` of one chunk of queries.

    Distances by a matrix product first; of near copies these are rounding, so that the nearest
    candidates are measured again, difference by difference.

    Parameters
    ----------
    queries
        Ranks of Q series.
    cut
        Ranks of R references, cut to the chunk's longest series.
    lengths
        int64, shape (R,): lengths of the references before they were cut.
    k
        Neighbours of a query.
    """
    n_steps = int(queries.lengths.max())
    a, seen_a = queries.padded(n_steps)  # (Q, T, n_features), (Q, T)
    b, seen_b = cut.padded(n_steps)  # (R, T, n_features), (R, T)
    n_features = a.shape[2]
    # (Q, R): |a|^2 + |b|^2 - 2 ab over the steps that both have, in place
    total = (a**2).sum(2) @ seen_b.T.astype(np.float32)
    total += seen_a.astype(np.float32) @ (b**2).sum(2).T
    total -= 2 * (a.reshape(len(a), -1) @ b.reshape(len(b), -1).T)
    missing = np.abs(queries.lengths[:, None] - lengths)  # (Q, R) steps that only one has
    longer = np.maximum(queries.lengths[:, None], lengths)
    fast = (np.maximum(total, 0) / n_features + missing) / longer
    n_kept = min(k + CANDIDATES, len(b))
    kept = np.argpartition(fast, n_kept - 1, axis=1)[:, :n_kept]  # (Q, n_kept)
    exact = np.empty(kept.shape)
    for column, index in enumerate(kept.T):
        both = seen_a & seen_b[index]
        apart = ((a - b[index]).astype(np.float64) ** 2).mean(2)
        exact[:, column] = np.where(both, apart, 0).sum(1)
    rows = np.arange(len(a))[:, None]
    exact = np.sqrt((exact + missing[rows, kept]) / longer[rows, kept])
    order = np.lexsort((kept, exact), axis=1)[:, :k]  # ties by the number of the reference
    return kept[rows, order], exact[rows, order]


def neighbours(
    train: SeriesSet, synthetic: SeriesSet, k: int = 3, n: int = 4, seed: int = 0
) -> pd.DataFrame:
    """Return the k nearest training series of n synthetic series drawn with the seed.

    Returns
    -------
    pd.DataFrame
        Columns series (number in `synthetic`), rank (1 = nearest), neighbour (number in `train`),
        distance (see `nearest`).
    """
    n = min(n, len(synthetic))
    chosen = np.sort(np.random.default_rng(seed).choice(len(synthetic), n, replace=False))
    index, distance = nearest(synthetic.take(chosen), train, RankTransform(train), k)
    n_ranks = index.shape[1]
    columns = {
        "series": np.repeat(chosen, n_ranks),
        "rank": np.tile(np.arange(1, n_ranks + 1), n),
        "neighbour": index.ravel(),
        "distance": distance.ravel(),
    }
    return pd.DataFrame(columns)


class StepTree:
    """The distinct steps of a training set, to look up which steps of other sets equal one.

    Parameters
    ----------
    train
        `SeriesSet` whose steps are looked up.
    """

    def __init__(self, train: SeriesSet) -> None:
        self.train = train
        size = np.abs(train.values.astype(np.float64))
        smallest = np.min(np.where(size > 0, size, np.inf), axis=0)
        self.unit = np.where(np.isfinite(smallest), smallest, 1.0)  # (n_features,)
        # Differences of arcsinh are relative to the value above the unit, to the unit below it.
        points = np.arcsinh(_distinct(train.values)[0] / self.unit)
        # Neither balanced nor compact: the build is the cost, a query ends at its tolerance.
        self.tree = cKDTree(points, balanced_tree=False, compact_nodes=False)

    def copied_share(self, series: SeriesSet, tolerance: float) -> float:
        """Return the share of the steps of a set that equal some training step in all features."""
        check_features(self.train, series)
        rows, counts = _distinct(series.values)
        points = np.arcsinh(rows / self.unit)
        distance, _ = self.tree.query(points, p=np.inf, distance_upper_bound=tolerance)
        return float(counts[np.isfinite(distance)].sum() / counts.sum())


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct rows of values (n, n_features), sorted, and how often each occurs.

    Numbers are sorted much faster than rows, hence the way apart for one feature.
    """
    if values.shape[1] == 1:
        numbers, counts = np.unique(values.ravel(), return_counts=True)
        return numbers[:, None], counts
    return np.unique(values, axis=0, return_counts=True)


class Reference:
    """A real set that others are compared with.

    What belongs to another set is forgotten when nobody holds that set any more.

    Parameters
    ----------
    real
        `SeriesSet`, never changed afterwards.
    """

    def __init__(self, real: SeriesSet) -> None:
        self.real = real
        self._embeddings: WeakKeyDictionary[SeriesSet, dict[tuple[int, int] | None, np.ndarray]] = (
            WeakKeyDictionary()
        )
        self._distances: WeakKeyDictionary[SeriesSet, dict[tuple[int, int] | None, np.ndarray]] = (
            WeakKeyDictionary()
        )
        self._copied_shares: WeakKeyDictionary[SeriesSet, dict[float, float]] = WeakKeyDictionary()

    @classmethod
    def of(cls, real: "SeriesSet | Reference") -> "Reference":
        """Return the reference that was given, or a new one of a set."""
        return real if isinstance(real, Reference) else cls(real)

    @cached_property
    def rank_transform(self) -> RankTransform:
        """The map of each feature to its rank among the real values."""
        return RankTransform(self.real)

    @cached_property
    def step_tree(self) -> StepTree:
        """The distinct steps of the real set."""
        return StepTree(self.real)

    def embedding(self, series: SeriesSet, n: int, seed: int) -> np.ndarray:
        """Return the embedding of what `subsample(series, n, seed)` draws, (<= n, 64), float64."""
        drawn = _drawn(series, n, seed)
        known = self._embeddings.setdefault(series, {})
        if drawn not in known:
            known[drawn] = embed(subsample(series, n, seed), self.rank_transform)
        return known[drawn]

    def distance(self, series: SeriesSet, n: int, seed: int) -> np.ndarray:
        """Return the distance to the nearest real series of what `subsample` draws, (<= n,)."""
        drawn = _drawn(series, n, seed)
        known = self._distances.setdefault(series, {})
        if drawn not in known:
            _, distance = nearest(subsample(series, n, seed), self.real, self.rank_transform)
            known[drawn] = distance[:, 0]
        return known[drawn]

    def copied_share(self, series: SeriesSet, tolerance: float) -> float:
        """Return the share of the steps of a set that equal a real step (`StepTree`)."""
        known = self._copied_shares.setdefault(series, {})
        if tolerance not in known:
            known[tolerance] = self.step_tree.copied_share(series, tolerance)
        return known[tolerance]


def _drawn(series: SeriesSet, n: int, seed: int) -> tuple[int, int] | None:
    """Return what decides a draw of `subsample`; None: all series, whatever the seed."""
    return (n, seed) if n < len(series) else None
