"""What all judges of windows share: their shapes, and which windows lie in disjoint times.

Windows one step apart share nearly all of their steps, so that a random split of them leaks: a
strong judge knows each test window from its neighbour in the training part. Here windows are dealt
into blocks of time, and those that reach into the next block are left out.
"""

import numpy as np

from tst.errors import DataError

LEAST = 20  # windows of each set: fewer have no halves to learn from and to be scored on
BLOCK = 200  # windows of a block of time
LENGTHS_A_BLOCK = 4  # a block of long windows is so many of them, else few windows would be left
ACROSS = -1  # block of a window that reaches into the next one


def check(real: np.ndarray, synthetic: np.ndarray) -> None:
    """Raise DataError unless both are (N, length, n_features) of the same steps and features."""
    for windows, name in ((real, "real"), (synthetic, "synthetic")):
        if windows.ndim != 3 or len(windows) < LEAST:
            raise DataError(
                f"the {name} windows have shape {windows.shape}; give (windows, steps, features) "
                f"of at least {LEAST} windows."
            )
        if not np.isfinite(windows).all():
            raise DataError(f"the {name} windows hold a missing or infinite value; drop it first.")
    if real.shape[1:] != synthetic.shape[1:]:
        raise DataError(
            f"real windows have {real.shape[1]} steps of {real.shape[2]} features, synthetic ones "
            f"{synthetic.shape[1]} of {synthetic.shape[2]}; give the same."
        )


def time_blocks(starts: np.ndarray, length: int) -> np.ndarray:
    """Return the block of time of each window, `ACROSS` where it reaches into the next one.

    Parameters
    ----------
    starts
        int, shape (N,): first step of each window, rising.
    length
        Steps of a window.

    Returns
    -------
    np.ndarray
        int64, shape (N,): 0, 1, ... in the order of time. Windows of different blocks share no
        step.
    """
    size = max(BLOCK, LENGTHS_A_BLOCK * length)
    blocks = np.arange(len(starts)) // size
    firsts = np.append(starts[::size], np.inf)  # first step of each block
    reaches_over = starts + length > firsts[blocks + 1]
    return np.where(reaches_over, ACROSS, blocks)


def halves(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the windows of even and of odd blocks of time, border ones in neither.

    Raises
    ------
    DataError
        Where all windows lie in one block.
    """
    even = np.flatnonzero((blocks != ACROSS) & (blocks % 2 == 0))
    odd = np.flatnonzero((blocks != ACROSS) & (blocks % 2 == 1))
    if min(len(even), len(odd)) < LEAST // 2:
        raise DataError(
            f"the windows have {len(even)} and {len(odd)} in alternate blocks of time; "
            f"give {LEAST // 2} or more in each: a longer series or shorter windows."
        )
    return even, odd


def some(windows: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n windows drawn without replacement, all of them where there are fewer."""
    if len(windows) <= n:
        return windows
    return windows[np.sort(rng.choice(len(windows), n, replace=False))]
