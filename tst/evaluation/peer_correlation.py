"""The field's correlational score: how far apart are the correlations of columns at one step?

As Diffusion-TS (Yuan & Qiao 2024) computes it after Liao et al. 2020: a tenth of the sum of the
absolute differences over all pairs of columns, on a random fifth of each set.
"""

import numpy as np

from tst.evaluation import peer_windows

PARTS = 5  # the protocol looks at a fifth of the windows, drawn with replacement
DIVISOR = 10.0  # of the sum over pairs; it stands in the protocol without a reason


def correlational_score(real: np.ndarray, synthetic: np.ndarray, seed: int) -> float:
    """Return the score of one draw; 0 is best. It is the larger the more columns there are.

    Parameters
    ----------
    real, synthetic
        float, shape (N, length, n_features) and (M, length, n_features).
    seed
        Of the draw. The protocol takes the mean of five.

    Raises
    ------
    DataError
        Where shapes differ, a value is missing or there are fewer than 20 windows.
    """
    peer_windows.check(real, synthetic)
    rng = np.random.default_rng(seed)
    tables = []
    for windows in (real, synthetic):
        chosen = rng.integers(0, len(windows), len(windows) // PARTS)
        tables.append(correlations(windows[chosen]))
    above = np.triu_indices(real.shape[2])
    return float(np.abs(tables[0] - tables[1])[above].sum() / DIVISOR)


def correlations(windows: np.ndarray) -> np.ndarray:
    """Return the correlations of columns over all windows and steps: (n_features, n_features).

    A constant column is correlated with none.
    """
    rows = windows.reshape(-1, windows.shape[2]).astype(np.float64)
    centred = rows - rows.mean(0)
    scale = rows.std(0)
    standard = centred / np.where(scale > 0, scale, 1.0)
    return standard.T @ standard / len(rows)
