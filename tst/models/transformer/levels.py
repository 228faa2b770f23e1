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
    for f in range(numbers.shape[1]):  # one at a time: of many series a copy takes much memory
        rest = numbers[:, f].astype(np.float64)
        rest -= rest.mean()
        for _ in range(N_SWEEPS):
            for part, code in zip(found, codes.T, strict=True):
                rest += part[code, f]
                part[:, f] = _take_shrunk_means(rest, code, len(part))
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
    added = parts[0][codes[:, 0]]
    for part, code in zip(parts[1:], codes.T[1:], strict=True):
        for f in range(part.shape[1]):
            added[:, f] += part[code, f]
    return added


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
    lowest = numbers.min(0).astype(np.float64)
    highest = numbers.max(0).astype(np.float64)
    found = np.tile(np.stack([lowest, highest], axis=1), (size, 1, 1))
    count = np.bincount(code, minlength=size)
    has_own = count >= MIN_LIMITED
    ends = np.cumsum(count)[has_own]
    starts = ends - count[has_own]
    for f in range(numbers.shape[1]):
        x = numbers[np.lexsort((numbers[:, f], code)), f]  # each category's, from low to high
        first, second, last_but_one, last = (
            x[rows].astype(np.float64) for rows in (starts, starts + 1, ends - 2, ends - 1)
        )
        found[has_own, f, 0] = np.maximum(2 * first - second, lowest[f])
        found[has_own, f, 1] = np.minimum(2 * last - last_but_one, highest[f])
    return found


def _take_shrunk_means(rest: np.ndarray, code: np.ndarray, size: int) -> np.ndarray:
    """Take the mean of each category, shrunk, from numbers, in place, and return it.

    Parameters
    ----------
    rest
        float64, (n_series,), with mean 0.
    code
        int, (n_series,).

    Returns
    -------
    float64, (size,).
    """
    count = np.bincount(code, minlength=size)
    n, k = len(code), np.count_nonzero(count)
    if k < 2 or n <= k:
        return np.zeros(size)
    means = np.bincount(code, rest, size) / np.maximum(count, 1)
    rest -= means[code]
    within = rest @ rest / (n - k)
    among = count @ means**2 / (k - 1)
    typical = (n - (count**2).sum() / n) / (k - 1)  # series a category
    between = max(among - within, 0) / typical
    known = count * between
    shrunk: np.ndarray = means * known / np.maximum(known + within, np.finfo(np.float64).tiny)
    rest += (means - shrunk)[code]
    return shrunk
