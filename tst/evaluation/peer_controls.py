"""Windows whose scores are known beforehand: what any score must call good, and what bad.

Good: resampled runs of real windows, and one half of the real time against the other. Bad: noise of
each column's own distribution, and real windows whose steps are shuffled. A score that puts a bad
control below a good one measures nothing on that set.
"""

import numpy as np

from tst.evaluation import peer_windows
from tst.series import ceil_div


def block_bootstrap(n_real: int, length: int, n: int, seed: int) -> np.ndarray:
    """Return the numbers of n real windows, drawn with replacement in runs: good, but copies.

    Where they come from tells in which block of time a judge has to put them.

    Parameters
    ----------
    n_real
        Real windows, in the order of time.
    length
        Windows of a run.
    """
    rng = np.random.default_rng(seed)
    first = rng.integers(0, max(1, n_real - length + 1), ceil_div(n, length))
    chosen = (first[:, None] + np.arange(length)).ravel()[:n]
    return np.minimum(chosen, n_real - 1)


def noise(real: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return n windows whose every value is drawn alone from its column: right marginals, bad."""
    rng = np.random.default_rng(seed)
    _, length, n_features = real.shape
    rows = real.reshape(-1, n_features)
    chosen = rng.integers(0, len(rows), (n, length, n_features))
    return np.take_along_axis(rows, chosen.reshape(-1, n_features), axis=0).reshape(chosen.shape)


def shuffled_steps(real: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return n real windows with their steps in random order: right rows, no dynamics, bad."""
    rng = np.random.default_rng(seed)
    windows = real[rng.integers(0, len(real), n)]
    order = rng.random(windows.shape[:2]).argsort(1)  # (n, length)
    return np.take_along_axis(windows, order[..., None], axis=1)


def time_halves(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the windows of two halves of time, which share no step.

    Blocks are dealt in pairs (0, 1, 4, 5, ... and 2, 3, 6, 7, ...), so that each half has even and
    odd ones, as the second judge splits them.
    """
    inside = blocks != peer_windows.ACROSS
    is_first = blocks // 2 % 2 == 0
    return np.flatnonzero(inside & is_first), np.flatnonzero(inside & ~is_first)
