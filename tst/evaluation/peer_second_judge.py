"""A second judge of windows: gradient boosting, judged on times that it has not seen.

The field's judge has half as many units as features, 3 on Stocks, and does not see that Close and
Adj_Close are one column. This one sees each value, each change from step to step and the
differences of the most related columns, and is judged by its AUC (0.5: it cannot tell). Real
windows are split by blocks of time, for neighbouring windows share their steps
(`tst.evaluation.peer_windows`).
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from tst.evaluation import peer_windows
from tst.evaluation.peer_correlation import correlations

MAX_WINDOWS = 4000  # of each set and half: boosting takes minutes of more, and gains little
MAX_PAIRS = 28  # of columns whose differences it sees: all pairs of 8
MAX_COLUMNS = 4000  # of what it sees; of long windows steps are drawn, each with all its columns
N_TREES = 100


def second_judge(
    real: np.ndarray,
    synthetic: np.ndarray,
    seed: int = 0,
    *,
    real_blocks: np.ndarray | None = None,
    synthetic_blocks: np.ndarray | None = None,
    max_windows: int = MAX_WINDOWS,
) -> float:
    """Return the AUC of a judge of real against synthetic windows, mean over two halves.

    Each half of the blocks of time is judged by a judge of the other. The AUC of a good generator
    scatters about 0.5; how far, that of two real halves tells.

    Parameters
    ----------
    real, synthetic
        float, shape (N, length, n_features) and (M, length, n_features).
    seed
        Of the windows drawn and of the halves of synthetic windows.
    real_blocks
        int, shape (N,): block of time of each real window; None: one step apart, in order.
    synthetic_blocks
        The same of the synthetic ones; None: they are independent and split at random.
    max_windows
        Of each set in each half.

    Raises
    ------
    DataError
        Where shapes differ, a value is missing or a half has too few windows.
    """
    peer_windows.check(real, synthetic)
    rng = np.random.default_rng(seed)
    if real_blocks is None:
        real_blocks = peer_windows.time_blocks(np.arange(len(real)), real.shape[1])
    if synthetic_blocks is None:
        synthetic_blocks = rng.permutation(len(synthetic)) % 2
    halves = zip(
        peer_windows.halves(real_blocks), peer_windows.halves(synthetic_blocks), strict=True
    )
    pairs = related_pairs(real)
    steps = _steps(real.shape[1], 2 * real.shape[2] + len(pairs[0]), rng)
    parts = []
    for real_half, synthetic_half in halves:
        n = min(len(real_half), len(synthetic_half), max_windows)
        kept = [
            peer_windows.some(real[real_half], n, rng),
            peer_windows.some(synthetic[synthetic_half], n, rng),
        ]
        parts.append((seen(np.concatenate(kept), pairs, steps), np.repeat([1, 0], n)))
    first, second = parts
    return (_auc(first, second, seed) + _auc(second, first, seed)) / 2


def related_pairs(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of columns, at most MAX_PAIRS, with the largest absolute correlation."""
    strength = np.abs(correlations(windows))
    first, second = np.triu_indices(windows.shape[2], 1)
    order = np.argsort(-strength[first, second], kind="stable")[:MAX_PAIRS]
    return first[order], second[order]


def _steps(length: int, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Return which of `length` steps the judge sees where one of them gives n_columns columns."""
    n = min(length, max(2, MAX_COLUMNS // n_columns))
    if n == length:  # nothing is drawn: short windows are judged as without a limit
        return np.arange(length)
    return np.sort(rng.choice(length, n, replace=False))


def seen(
    windows: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], steps: np.ndarray
) -> np.ndarray:
    """Return what the judge sees of windows: values, step changes, differences of columns.

    Parameters
    ----------
    windows
        float, shape (N, length, n_features).
    pairs
        Columns whose differences are seen (`related_pairs`).
    steps
        Steps at which it looks; a change is the one from the step before, which the first has not.

    Returns
    -------
    np.ndarray
        float32, shape (N, columns).
    """
    windows = windows.astype(np.float32)
    first, second = pairs
    changes = np.diff(windows, axis=1)[:, steps[steps > 0] - 1]
    windows = windows[:, steps]
    parts = [windows, changes, windows[..., first] - windows[..., second]]
    return np.concatenate([part.reshape(len(windows), -1) for part in parts], axis=1)


def _auc(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], seed: int
) -> float:
    """Return the AUC on one half of a judge that learned the other."""
    model = HistGradientBoostingClassifier(
        max_iter=N_TREES, early_stopping=False, random_state=seed
    )
    model.fit(*train)
    columns, is_real = test
    return float(roc_auc_score(is_real, model.predict_proba(columns)[:, 1]))
