"""One series alone, cut into stretches that a model can learn, and laid end to end again.

The data choose the length: the longest of a day, a week and four weeks (of months: a year) of which
there are still many; where times are numbers, a part of the rows. Stretches begin where such a
period begins, so that a step's place in its stretch is its hour or its weekday.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tst.table.calendar import DAY, Clock
from tst.table.columns import Problem

ENOUGH = 40  # stretches, so that a part of them can be held out
FEW = 12  # stretches, below which a period is too long
LONGEST = 1024  # steps
PARTS = 64  # of a series without dates
FIRST_MONDAY = 4 * DAY  # nanoseconds since 1970-01-01, a Thursday
PERIODS = {"a day": DAY, "a week": 7 * DAY, "four weeks": 28 * DAY}
MIN_KNOWN = 0.5  # of the rows of a stretch


@dataclass(frozen=True, kw_only=True)
class Stretches:
    """Where stretches begin.

    Parameters
    ----------
    n_steps
        Of a stretch.
    origin
        Time of the first step of stretch 0, in the unit of the clock.
    period
        What they are as long as, in words, or nothing.
    """

    n_steps: int
    origin: float
    period: str = ""

    @classmethod
    def choose(cls, times: np.ndarray, clock: Clock, window: int) -> Self:
        """Return the stretches of a series.

        Parameters
        ----------
        times
            shape (n_rows,), rising.
        clock
            Of the table, with its interval.
        window
            Steps of a stretch, where they are given, else 0.
        """
        first = float(times[0])
        n_steps = 1 + int(_steps_since(times[-1:], first, clock)[0])
        if window:
            return cls(n_steps=min(window, max(2, n_steps // 2)), origin=first)
        if clock.months:
            n_a_year = max(1, 12 // clock.months)
            if n_steps >= FEW * n_a_year:
                return cls(n_steps=n_a_year, origin=first, period="a year")
        elif clock.has_dates:
            found = cls._period(first, n_steps, clock)
            if found is not None:
                return found
        most = int(np.clip(n_steps // PARTS, 16, LONGEST // 2))
        return cls(n_steps=max(2, min(most, n_steps // 2)), origin=first)

    @classmethod
    def _period(cls, first: float, n_steps: int, clock: Clock) -> Self | None:
        """Return stretches of a period, or None where none fits."""
        fitting = []
        for name, span in PERIODS.items():
            n_a_period = int(span // clock.step)
            is_whole = span % clock.step == 0 and 2 < n_a_period <= LONGEST
            if is_whole and n_steps >= FEW * n_a_period:
                fitting.append((name, span, n_a_period))
        if not fitting:
            return None
        many = [one for one in fitting if n_steps >= ENOUGH * one[2]]
        name, span, n_a_period = many[-1] if many else fitting[0]
        # four weeks begin with a week
        unit = min(span, 7 * DAY)
        start = FIRST_MONDAY if span > DAY else 0
        # the step at or behind the boundary, for steps need not stand on it
        n_before = -((start - first) % unit) // clock.step
        return cls(n_steps=n_a_period, origin=first - n_before * clock.step, period=name)

    def index(self, times: np.ndarray, clock: Clock) -> np.ndarray:
        """Return the number of each row's stretch, int64 (n_rows,), below 0 before the first."""
        return _steps_since(times, self.origin, clock) // self.n_steps

    def is_kept(self, times: np.ndarray, clock: Clock) -> np.ndarray:
        """Mark the rows of stretches that are whole but for some gaps, bool (n_rows,)."""
        index = self.index(times, clock)
        numbers, rows, n_rows = np.unique(index, return_inverse=True, return_counts=True)
        end = _steps_since(times[-1:], self.origin, clock)[0] + 1
        is_whole = (numbers >= 0) & ((numbers + 1) * self.n_steps <= end)
        is_known = n_rows >= MIN_KNOWN * self.n_steps
        is_kept = is_whole & is_known
        if is_kept.sum() < 2:  # better parts than nothing
            is_kept = np.ones(len(numbers), dtype=bool)
        return is_kept[rows]

    def problem(self, column: str, n_rows: int) -> Problem:
        """Return what was decided, as a problem that the report shows."""
        length = f"{self.n_steps:,} rows" + (f" ({self.period})" if self.period else "")
        text = (
            f"one series, learned in stretches of {length}, each for itself; the copy lays "
            "stretches end to end"
        )
        return Problem(column, text, n_rows)


def _steps_since(times: np.ndarray, origin: float, clock: Clock) -> np.ndarray:
    """Return how many intervals behind an origin times are, rounded, int64 (n_rows,)."""
    if clock.months:
        months = np.asarray(times).astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        first = np.datetime64(int(origin), "ns").astype("datetime64[M]").astype(np.int64)
        return (months - first) // clock.months
    # exact in whole nanoseconds; half a step early belongs to the step
    since = np.asarray(times) - np.asarray(times).dtype.type(origin)
    return np.floor(since / clock.step + 0.5).astype(np.int64)
