"""Random draws that the simulators share: classes, quantiles, correlated and ragged noise."""

from collections.abc import Sequence

import numpy as np

from tst.errors import DataError
from tst.series import offsets


def check_size(size: int, name: str) -> None:
    """Raise DataError where a size asked for is below 1."""
    if size < 1:
        raise DataError(f"simulate: {name} is {size}; give at least 1.")


def exact_shares(
    rng: np.random.Generator, share: Sequence[float] | np.ndarray, n: int
) -> np.ndarray:
    """Return `n` shuffled class codes; each count differs from n * share by less than one."""
    edges = np.cumsum(share) / np.sum(share)
    position = (np.arange(n) + rng.random()) / n
    return rng.permutation(np.searchsorted(edges[:-1], position, side="right"))


def choose(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """Return one code for each row of `shares`, shape (n, n_classes), which need not sum to 1."""
    edges = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    return (rng.random((len(shares), 1)) > edges[:, :-1]).sum(axis=1)


def quantile(table: Sequence[float], probability: np.ndarray) -> np.ndarray:
    """Return the quantiles at `probability` of a table of equally spaced ones."""
    return np.interp(probability, np.linspace(0, 1, len(table)), table)


def correlation_root(correlation: np.ndarray) -> np.ndarray:
    """Return a matrix whose square is the nearest positive semidefinite correlation."""
    eigenvalues, eigenvectors = np.linalg.eigh(correlation)
    root = eigenvectors * np.sqrt(eigenvalues.clip(1e-6))
    return root / np.sqrt((root**2).sum(1, keepdims=True))


def ragged_ar1(
    noise: np.ndarray, lengths: np.ndarray, persistence: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Turn white noise into first-order autoregressive noise of the same variance, in place.

    Series run side by side, longest first, so that the loop is over time and not over series.

    Parameters
    ----------
    noise
        Shape (sum of lengths, k): the series one after another.
    lengths
        Steps of each series.
    persistence
        Lag-1 autocorrelation of each of the k columns.
    """
    persistence = np.asarray(persistence)
    order = np.argsort(-lengths, kind="stable")
    start = offsets(lengths)[:-1][order]
    # Number of series that are longer than t steps.
    n_running = np.searchsorted(-lengths[order], -np.arange(lengths.max()), side="left")
    scale = np.sqrt(1 - persistence**2)
    for t in range(1, len(n_running)):
        row = start[: n_running[t]] + t
        noise[row] = persistence * noise[row - 1] + scale * noise[row]
    return noise
