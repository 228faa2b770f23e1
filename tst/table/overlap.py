"""Windows of one series that overlap, so that a model learns how each stretch goes on from another.

A window is a stretch and the first rows of the next. Windows lie within segments of a few stretches
that follow each other; segments share no row, so that some can be held out.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from tst.series import SeriesSet, offsets

STRETCH = "stretch"  # attribute of a set: the number of each stretch in the calendar
SEGMENT = "segment"  # group of a set of windows
ENOUGH = 40  # segments, so that some can be held out
MOST = 16  # stretches of a segment, above which hardly a join is lost


def windows(series: SeriesSet, lead: int) -> SeriesSet:
    """Return the overlapping windows of the stretches of one series.

    Windows have one length. Stretches that stand alone, because those beside them are held out or
    were left out, are too short for one.

    Parameters
    ----------
    series
        A stretch each, in order, with the attribute `STRETCH`.
    lead
        Rows of the next stretch.
    """
    segments = _segments(series.attributes[STRETCH].to_numpy())
    bounds = offsets(segments)  # of segments, in stretches
    lengths = np.add.reduceat(series.lengths, bounds[:-1])
    n_steps = min(int(series.lengths.max()) + lead, int(lengths.max()))
    of_segments = []
    starts = []
    for i, within in enumerate(_starts(series.lengths, bounds, n_steps)):
        of_segments += [i] * len(within)
        starts += within
    whole = replace(
        series, lengths=lengths, attributes=pd.DataFrame({SEGMENT: range(len(lengths))})
    )
    whole = replace(whole, group=SEGMENT, label=None)
    return whole.pieces(np.array(of_segments), np.array(starts), np.full(len(starts), n_steps))


def _segments(numbers: np.ndarray) -> np.ndarray:
    """Return how many stretches each segment has, int64 (n_segments,).

    Parameters
    ----------
    numbers
        int64, (n_stretches,), rising: of stretches in the calendar.
    """
    least = int(np.clip(len(numbers) // ENOUGH, 2, MOST))
    first = np.flatnonzero(np.append(True, np.diff(numbers) != 1))
    sizes: list[int] = []
    for run in np.diff(np.append(first, len(numbers))):  # stretches that follow each other
        n_segments = max(1, int(run) // least)
        sizes += [len(part) for part in np.array_split(np.arange(run), n_segments)]
    return np.array(sizes, dtype=np.int64)


def _starts(lengths: np.ndarray, bounds: np.ndarray, n_steps: int) -> Iterator[list[int]]:
    """Yield the first rows of the windows of each segment, counted within it.

    They begin where stretches begin; one that ends with the segment has what these leave.

    Parameters
    ----------
    lengths
        int64, (n_stretches,).
    bounds
        int64, (n_segments + 1,): the first stretch of each, and their number.
    """
    for first, last in zip(bounds, bounds[1:], strict=False):
        begins = offsets(lengths[first:last])
        latest = int(begins[-1]) - n_steps
        found = [int(begin) for begin in begins[:-1] if begin <= latest]
        if latest >= 0 and found[-1] != latest:
            found.append(latest)
        yield found
