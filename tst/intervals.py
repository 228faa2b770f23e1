"""Intervals of a difference between two generators: paired bootstrap over test rows and seeds, Holm over a family.

Both models are scored on the same test rows with the same seeds; rows and seeds are drawn together, with replacement, so
that the interval holds the test set's chance as well as the generators'. With three seeds it is coarse in the seeds:
verdicts rest on the t-interval over seeds, which stands beside it (`tst.claims`).
"""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

N_RESAMPLES = 2000
LEVEL = 0.95


def paired_accuracy(ours, other, seed=0):
    """Return (difference, low, high, p) of two accuracies.

    Parameters
    ----------
    ours, other
        bool, shape (n_seeds, n_rows): whether the prediction of a test row was right.
    """
    gap = ours.astype(float) - other.astype(float)
    seeds, rows = _weights(*gap.shape, seed)
    return _summary(gap.mean(), np.einsum("rs,sn,rn->r", seeds, gap, rows, optimize=True))


def paired_r2(true, ours, other, seed=0):
    """Return (difference, low, high, p) of two R2, the mean over the columns of each.

    Parameters
    ----------
    true
        float, shape (n_rows, n_days).
    ours, other
        float, shape (n_seeds, n_rows, n_days): forecasts.
    """
    errors = ((other - true) ** 2 - (ours - true) ** 2).transpose(1, 0, 2)  # (rows, seeds, days)
    seeds, rows = _weights(errors.shape[1], len(true), seed)
    variance = rows @ true**2 - (rows @ true) ** 2  # (resamples, days)
    gain = np.tensordot(rows, errors, 1)  # (resamples, seeds, days)
    drawn = (np.einsum("rs,rsd->rd", seeds, gain) / variance).mean(1)
    return _summary((errors.mean((0, 1)) / true.var(0)).mean(), drawn)


def holm(p):
    """Return p-values adjusted for a family by Holm's method."""
    return multipletests(p, method="holm")[1]


def table(rows, family):
    """Return rows (mappings with value, low, high, p) as a frame with p_holm over each value of column `family`."""
    frame = pd.DataFrame(rows)
    return frame.assign(p_holm=frame.groupby(family)["p"].transform(holm))


def _weights(n_seeds, n_rows, seed):
    """Return how often each seed and each row is drawn, as shares: (N_RESAMPLES, n_seeds), (N_RESAMPLES, n_rows)."""
    rng = np.random.default_rng(seed)
    return tuple(rng.multinomial(n, np.full(n, 1 / n), N_RESAMPLES) / n for n in (n_seeds, n_rows))


def _summary(value, drawn):
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1
    return float(value), float(low), float(high), float(min(1.0, 2 * tail / (len(drawn) + 1)))
