"""The two halves that the study deals real series into: one to learn from, one to judge by."""

from tst.data import long
from tst.series import SeriesSet


def shorten(series: SeriesSet, longest: int, window: int) -> SeriesSet:
    """Return the first `longest` steps of each series, then their windows of `window` steps.

    0 leaves a set as it is; what remains behind the last window of a series is dropped.
    """
    if longest:
        series = series.head(longest)
    if window:
        series = long.windows(series, window)
    return series


def deal(series: SeriesSet, fraction: float, seed: int) -> tuple[SeriesSet, SeriesSet]:
    """Return (train, test); `train` holds about `fraction` of the series.

    What belongs to one owner (the `group`) is never divided. Where each series has an owner of its
    own (a capture, a home), or none has one, the classes keep their shares.
    """
    owner = series.group
    if owner is not None and series.attributes[owner].is_unique:
        owner = None
    stratify = None if owner else series.label
    return series.split(fraction, stratify=stratify, group=owner, seed=seed)
