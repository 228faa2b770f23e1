"""What each category of the attributes adds to numbers of series: their levels, as far as told.

Where an attribute fixes a level (a site's, a device's), a few series of each category tell it, but
a network learns it from many. So it is measured: an effect of each category, shrunk towards none
by how much more the categories differ than their sizes let expect (the random effects of an
analysis of variance; Robinson, Statistical Science 6, 1991).
"""

from collections.abc import Sequence

import numpy as np

MIN_LIMITED = 10  # series of a category, from which on it has limits of its own
N_SWEEPS = 4  # over the attributes, each fitted to what the others leave


def effects(numbers: np.ndarray, codes: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Return what the categories of each attribute add to the means of numbers.

    Parameters
    ----------
    numbers
        float, (n_series, n).
    codes
        int, (n_series, n_attributes).
    sizes
        Categories of each attribute.

    Returns
    -------
    float64, (n_categories, n) of each attribute; 0 where categories differ by chance.
    """
    found = [np.zeros((size, numbers.shape[1])) for size in sizes]
    rest = numbers - numbers.mean(0)
    for _ in range(N_SWEEPS):
        for i, size in enumerate(sizes):
            rest = rest + found[i][codes[:, i]]
            found[i] = _shrunk_means(rest, codes[:, i], size)
            rest = rest - found[i][codes[:, i]]
    return found


def total(parts: Sequence[np.ndarray], codes: np.ndarray) -> np.ndarray:
    """Return the sum of the effects of series of these codes, (n_series, n).

    Parameters
    ----------
    parts
        (n_categories, n) of each attribute, at least one.
    codes
        int, (n_series, n_attributes).
    """
    columns = [part[codes[:, i]] for i, part in enumerate(parts)]
    return np.sum(columns, axis=0)


def limits(numbers: np.ndarray, code: np.ndarray, size: int) -> np.ndarray:
    """Return between what numbers of series of each category lie, float64 (size, n, 2).

    The end of a distribution lies beyond the greatest of a sample by as much as that lies beyond
    the second, as often as not (Robson and Whitlock, Biometrika 51, 1964). Of rare categories it is
    the range of all.

    Parameters
    ----------
    numbers
        float, (n_series, n).
    code
        int, (n_series,).
    """
    lowest, highest = numbers.min(0), numbers.max(0)
    found = np.tile(np.stack([lowest, highest], axis=1).astype(np.float64), (size, 1, 1))
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=size))
    for category, mine in enumerate(np.split(order, ends[:-1])):
        if len(mine) >= MIN_LIMITED:
            ranked = np.sort(numbers[mine].astype(np.float64), axis=0)
            found[category, :, 0] = np.maximum(2 * ranked[0] - ranked[1], lowest)
            found[category, :, 1] = np.minimum(2 * ranked[-1] - ranked[-2], highest)
    return found


def _shrunk_means(rest: np.ndarray, code: np.ndarray, size: int) -> np.ndarray:
    """Return the mean of each category, shrunk, float64 (size, n).

    Parameters
    ----------
    rest
        float64, (n_series, n), with mean 0.
    code
        int, (n_series,).
    """
    count = np.bincount(code, minlength=size)
    n, k = len(code), np.count_nonzero(count)
    if k < 2 or n <= k:
        return np.zeros((size, rest.shape[1]))
    sums = np.zeros((size, rest.shape[1]))
    np.add.at(sums, code, rest)
    means = sums / np.maximum(count, 1)[:, None]
    within = ((rest - means[code]) ** 2).sum(0) / (n - k)  # (n,)
    among = (count[:, None] * means**2).sum(0) / (k - 1)
    typical = (n - (count**2).sum() / n) / (k - 1)  # series a category
    between = np.maximum(among - within, 0) / typical
    known = count[:, None] * between
    return means * known / np.maximum(known + within, np.finfo(np.float64).tiny)
