"""One series alone, cut into stretches that a model can learn, each going on from the one before.

The data choose the length: the longest of a day, a week and four weeks (of months: a year) of which
there are still many; where times are numbers, a part of the rows. Stretches begin where such a
period begins, so that a step's place in its stretch is its hour or its weekday.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tst.cycles import DAY, MONDAY, WEEK
from tst.table.calendar import Clock
from tst.table.columns import Problem
from tst.table.steps import Months, Slots

ENOUGH = 40  # stretches, so that a part of them can be held out
FEW = 12  # stretches, below which a period is too long
LONGEST = 1024  # steps
PARTS = 64  # of a series without dates
LEAD = 4  # a stretch goes on from so small a part of one
FIRST_MONDAY = WEEK - MONDAY  # nanoseconds since 1970-01-01, a Thursday
PERIODS = {"a day": DAY, "a week": WEEK, "four weeks": 4 * WEEK}
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
        n_steps = 1 + int(_steps_since(times, first, clock)[-1])
        if window:
            return cls(n_steps=min(window, max(2, n_steps // 2)), origin=first)
        if isinstance(clock.calendar, Months):
            n_a_year = max(1, 12 // clock.calendar.months)
            if n_steps >= FEW * n_a_year:
                return cls(n_steps=n_a_year, origin=first, period="a year")
        elif clock.has_dates and not clock.intervals:
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
            n_a_period = steps_within(span, clock)
            if 2 < n_a_period <= LONGEST and n_steps >= FEW * n_a_period:
                fitting.append((name, span, n_a_period))
        if not fitting:
            return None
        many = [one for one in fitting if n_steps >= ENOUGH * one[2]]
        name, span, n_a_period = many[-1] if many else fitting[0]
        # four weeks begin with a week
        unit = min(span, WEEK)
        start = FIRST_MONDAY if span > DAY else 0
        boundary = int(first) - (int(first) - start) % unit
        if isinstance(clock.calendar, Slots):
            at = clock.calendar.after(np.array([boundary]), np.zeros(1))[0]
            return cls(n_steps=n_a_period, origin=float(at), period=name)
        # the step at or behind the boundary, for steps need not stand on it
        n_before = -((start - first) % unit) // clock.step
        return cls(n_steps=n_a_period, origin=first - n_before * clock.step, period=name)

    def times(
        self, lengths: np.ndarray, clock: Clock, first: int, intervals: np.ndarray | None
    ) -> np.ndarray:
        """Return the times of synthetic stretches that lie end to end, (sum of lengths,).

        Parameters
        ----------
        lengths
            Steps of each, (n_stretches,).
        first
            How many come before.
        intervals
            Of uneven steps: how many lie between each row and the one before.
        """
        n_steps = max(self.n_steps, int(lengths.max()))
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        n_behind = within + np.repeat((first + np.arange(len(lengths))) * n_steps, lengths)
        if intervals is not None:
            n_each = clock.whole_steps(intervals)
            n_behind = np.cumsum(n_each) + np.round(first * n_steps * n_each.mean())
        return self._after(n_behind, clock)

    def starts(self, n_stretches: int, clock: Clock, first: int, longest: int) -> np.ndarray:
        """Return when synthetic stretches of even steps begin, (n_stretches,).

        Parameters
        ----------
        first
            How many come before.
        longest
            Steps of the longest that there may be.
        """
        n_behind = (first + np.arange(n_stretches)) * max(self.n_steps, longest)
        return self._after(n_behind, clock)

    def _after(self, n_behind: np.ndarray, clock: Clock) -> np.ndarray:
        """Return the times so many steps behind the origin, (n,)."""
        origin = np.full(len(n_behind), self.origin)
        if clock.is_whole:
            origin = origin.astype(np.int64)
        return clock.calendar.after(origin, n_behind)

    def index(self, times: np.ndarray, clock: Clock) -> np.ndarray:
        """Return the number of each row's stretch, int64 (n_rows,), below 0 before the first."""
        return _steps_since(times, self.origin, clock) // self.n_steps

    def is_kept(self, times: np.ndarray, clock: Clock) -> np.ndarray:
        """Mark the rows of stretches that are whole but for some gaps, bool (n_rows,)."""
        index = self.index(times, clock)
        numbers, rows, n_rows = np.unique(index, return_inverse=True, return_counts=True)
        end = _steps_since(times, self.origin, clock)[-1] + 1
        is_whole = (numbers >= 0) & ((numbers + 1) * self.n_steps <= end)
        is_known = n_rows >= MIN_KNOWN * self.n_steps
        is_kept = is_whole & is_known
        if is_kept.sum() < 2:  # better parts than nothing
            is_kept = np.ones(len(numbers), dtype=bool)
        return is_kept[rows]

    @property
    def lead(self) -> int:
        """Rows of a stretch that are learned with the one before, and seen by what goes on."""
        return max(1, self.n_steps // LEAD)

    def problem(self, column: str, n_rows: int, has_id: bool) -> Problem:
        """Return what was decided, as a problem that the report shows.

        Parameters
        ----------
        has_id
            Whether a column names the series: then each stretch of the copy has a name of its own.
        """
        length = f"{self.n_steps:,} rows" + (f" ({self.period})" if self.period else "")
        text = (
            f"one series, learned in stretches of {length}, each with the first {self.lead:,} of "
            "the next; the copy is one series, each stretch of which goes on from the one before"
        )
        if has_id:
            text = f"one series, learned in stretches of {length}, each for itself, as series"
        return Problem(column, text, n_rows)


def steps_within(span: int, clock: Clock) -> int:
    """Return how many steps a period of so many nanoseconds has, 0 where it is no whole number."""
    if isinstance(clock.calendar, Slots):
        is_whole = span % clock.calendar.period == 0
        return span // clock.calendar.period * len(clock.calendar.slots) if is_whole else 0
    return int(span // clock.step) if span % clock.step == 0 else 0


def _steps_since(times: np.ndarray, origin: float, clock: Clock) -> np.ndarray:
    """Return how many steps behind an origin times are, rounded, int64 (n_rows,)."""
    if clock.intervals:  # rows, of which none is a gap
        return np.arange(len(times))
    # exact in whole nanoseconds; half a step early belongs to the step
    start = np.full(len(times), origin).astype(times.dtype)
    return np.floor(clock.calendar.count(start, times) + 0.5).astype(np.int64)
