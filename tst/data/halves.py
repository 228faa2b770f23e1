"""The two halves that the study deals real series into: one to learn from, one to judge by."""

import numpy as np

from tst.data import long
from tst.series import SeriesSet

# The published protocol deals the tasks of GCUT one by one, so that jobs stand in both halves.
DEALT_ALONE = ("gcut",)


def prepare(
    series: SeriesSet, *, shortest: int = 0, longest: int = 0, window: int = 0
) -> SeriesSet:
    """Return the series that the study deals; 0 leaves a set as it is.

    Parameters
    ----------
    shortest
        Steps that a series needs to be kept.
    longest
        Steps after which a series ends.
    window
        Steps of the windows that a series is then cut into; what remains at its end is dropped.
    """
    if shortest:
        series = series.take(np.flatnonzero(series.lengths >= shortest))
    if longest:
        series = series.head(longest)
    if window:
        series = long.windows(series, window)
    return series


def deal(series: SeriesSet, fraction: float, seed: int) -> tuple[SeriesSet, SeriesSet]:
    """Return (train, test); `train` holds about `fraction` of the series.

    What belongs to one owner (the `group`) is never divided, but for `DEALT_ALONE`. Where each
    series has an owner of its own (a capture, a home), or none has one, the classes keep their
    shares.
    """
    owner = None if series.name in DEALT_ALONE else series.group
    if owner is not None and series.attributes[owner].is_unique:
        owner = None
    stratify = None if owner else series.label
    return series.split(fraction, stratify=stratify, group=owner, seed=seed)
