"""Are synthetic windows copies? All real windows are training data, so none is held out.

The distance of a synthetic window to its nearest real one stands beside that of a real window to
the nearest real one that shares no step with it: what a new window of the same process would have.
Far below it is copying; a generator that scores well because it copies is found here alone.
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
        are (CLOSE: like real ones, 1: copies).

    Raises
    ------
    DataError
        Where shapes differ, a value is missing or there are fewer than 20 windows.
    """
    peer_windows.check(real, synthetic)
    rng = np.random.default_rng(seed)
    rows = real.reshape(len(real), -1).astype(np.float32)
    queries = peer_windows.some(synthetic, MAX_QUERIES, rng)
    distances = nearest(queries.reshape(len(queries), -1).astype(np.float32), rows)
    chosen = peer_windows.some(np.arange(len(real)), MAX_QUERIES, rng)
    length = real.shape[1]
    apart = nearest(rows[chosen], rows, starts[chosen], starts, length)
    apart = apart[np.isfinite(apart)]  # a window that all others overlap has no such neighbour
    return {
        "nn_distance_ratio": float(np.median(distances) / np.median(apart)),
        "copied_share": float((distances < np.quantile(apart, CLOSE)).mean()),
    }


def nearest(
    queries: np.ndarray,
    rows: np.ndarray,
    query_starts: np.ndarray | None = None,
    starts: np.ndarray | None = None,
    length: int = 0,
) -> np.ndarray:
    """Return the Euclidean distance of each query to its nearest row, float32 (n_queries,).

    Parameters
    ----------
    queries, rows
        float32, shape (n_queries, columns) and (n_rows, columns).
    query_starts, starts
        int: first steps of both; where given, rows that share a step with a query do not count,
        and a query that is left without any is at infinity.
    length
        Steps of a window.
    """
    squares = (rows**2).sum(1)
    result = np.empty(len(queries), dtype=np.float32)
    for first in range(0, len(queries), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        fast = squares - 2 * queries[part] @ rows.T  # less the query's own square
        if query_starts is not None and starts is not None:
            overlaps = np.abs(query_starts[part][:, None] - starts) < length
            fast[overlaps] = np.inf
        index = fast.argmin(1)
        # Measured again without cancellation, so that a copy is at exactly 0.
        exact = np.sqrt(((queries[part] - rows[index]) ** 2).sum(1))
        result[part] = np.where(np.isfinite(fast.min(1)), exact, np.inf)
    return result
