"""Are synthetic windows copies? All real windows are training data, so none is held out.

The distance of a synthetic window to its nearest real one stands beside that of a real window to
the nearest real one that shares no step with it: what a new window of the same process would have.
Far below it is copying; a generator that scores well because it copies is found here alone. A crowd
of windows about the middle of the data lies near to real ones, too, and copies none: a window that
was memorised is near to one real window alone, far nearer than to the next (as diffusion models are
asked, Yoon et al. 2023, "Diffusion probabilistic models generalize when they fail to memorize").
"""

import numpy as np

from tst.evaluation import peer_windows

MAX_QUERIES = 2000  # windows of each kind whose nearest is looked for
AT_ONCE = 256  # of them
CLOSE = 0.05  # share of real windows that are taken to lie close to others


def copies(
    real: np.ndarray, synthetic: np.ndarray, starts: np.ndarray, seed: int = 0
) -> dict[str, float]:
    """Return how near synthetic windows lie to real ones, as real windows lie to others.

    Parameters
    ----------
    real, synthetic
        float, shape (N, length, n_features) and (M, length, n_features).
    starts
        int, shape (N,): first step of each real window.
    seed
        Of the windows drawn where there are more than MAX_QUERIES.

    Returns
    -------
    dict
        nn_distance_ratio, the median distance over that of real windows (1: like new real ones,
        0: copies); copied_share, the share of windows nearer than the nearest CLOSE of real ones
        are (CLOSE: like real ones, 1: copies); memorised_share, the same of the distance over that
        to the nearest window that shares no step with the nearest.

    Raises
    ------
    DataError
        Where shapes differ, a value is missing or there are fewer than 20 windows.
    """
    peer_windows.check(real, synthetic)
    rng = np.random.default_rng(seed)
    rows = real.reshape(len(real), -1).astype(np.float32)
    length = real.shape[1]
    queries = peer_windows.some(synthetic, MAX_QUERIES, rng)
    made = nearest_two(queries.reshape(len(queries), -1).astype(np.float32), rows, starts, length)
    chosen = peer_windows.some(np.arange(len(real)), MAX_QUERIES, rng)
    apart = nearest_two(rows[chosen], rows, starts, length, starts[chosen])
    apart = apart[np.isfinite(apart[:, 0])]  # a window that all others overlap has no neighbour
    alone = _over_next(made) < np.nanquantile(_over_next(apart), CLOSE)
    return {
        "nn_distance_ratio": float(np.median(made[:, 0]) / np.median(apart[:, 0])),
        "copied_share": float((made[:, 0] < np.quantile(apart[:, 0], CLOSE)).mean()),
        "memorised_share": float(alone.mean()),
    }


def _over_next(distances: np.ndarray) -> np.ndarray:
    """Return the first of two distances over the second, 1 where both are 0, nan without one."""
    first, second = distances.T
    ratio = np.divide(first, second, out=np.ones(len(first)), where=second > 0)
    return np.where(np.isfinite(second), ratio, np.nan)


def nearest_two(
    queries: np.ndarray,
    rows: np.ndarray,
    starts: np.ndarray,
    length: int,
    query_starts: np.ndarray | None = None,
) -> np.ndarray:
    """Return the Euclidean distances of each query to its nearest row and to the next one.

    The next is the nearest of those that share no step with the nearest.

    Parameters
    ----------
    queries, rows
        float32, shape (n_queries, columns) and (n_rows, columns).
    starts
        int, shape (n_rows,): first step of each row.
    length
        Steps of a window.
    query_starts
        int, shape (n_queries,): where given, rows that share a step with a query do not count.

    Returns
    -------
    np.ndarray
        float32, shape (n_queries, 2), infinite where no row is left.
    """
    squares = (rows**2).sum(1)
    result = np.empty((len(queries), 2), dtype=np.float32)
    for first in range(0, len(queries), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        fast = squares - 2 * queries[part] @ rows.T  # less the query's own square
        if query_starts is not None:
            fast[np.abs(query_starts[part][:, None] - starts) < length] = np.inf
        for place in range(2):
            index = fast.argmin(1)
            # Measured again without cancellation, so that a copy is at exactly 0.
            exact = np.sqrt(((queries[part] - rows[index]) ** 2).sum(1))
            result[part, place] = np.where(np.isfinite(fast.min(1)), exact, np.inf)
            fast[np.abs(starts[index][:, None] - starts) < length] = np.inf
    return result
