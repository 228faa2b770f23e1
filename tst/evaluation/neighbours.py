"""TODO"""

import numpy as np
import pandas as pd

from tst.evaluation.embedding import rank_transform_of

PAIRS_AT_ONCE = 2**22  # values (queries x features x steps) that a chunk of distances holds

CANDIDATES = 4  # beyond k, kept after the fast distances and measured again without cancellation


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
        indices[rows], found[rows] = _nearest(
            chunk, references.head(int(chunk.lengths.max())), references.lengths, k
        )
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
    (a, seen_a), (b, seen_b) = (
        queries.padded(n_steps),
        cut.padded(n_steps),
    )  # a: (Q, T, C), b: (R, T, C)
    n_features = a.shape[2]
    cross = a.reshape(len(a), -1) @ b.reshape(len(b), -1).T
    total = (
        (a**2).sum(2) @ seen_b.T.astype(np.float32)
        + seen_a.astype(np.float32) @ (b**2).sum(2).T
        - 2 * cross
    )
    missing, longer = (
        np.abs(queries.lengths[:, None] - lengths),
        np.maximum(queries.lengths[:, None], lengths),
    )
    fast = (np.maximum(total, 0) / n_features + missing) / longer
    n_kept = min(k + CANDIDATES, len(b))
    kept = np.argpartition(fast, n_kept - 1, axis=1)[:, :n_kept]
    exact = np.empty(kept.shape)
    for column, index in enumerate(
        kept.T
    ):  # the fast distances of near copies are rounding, these are not
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
    index, distance = nearest(synthetic.take(chosen), train, rank_transform_of(train), k)
    ranks = np.tile(np.arange(1, index.shape[1] + 1), n)
    columns = {"series": np.repeat(chosen, index.shape[1]), "rank": ranks}
    return pd.DataFrame(columns | {"neighbour": index.ravel(), "distance": distance.ravel()})
