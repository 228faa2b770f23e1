"""The time column of a user's table: read as one kind of number, and written back as it was.

Dates become nanoseconds since 1970, other times stay numbers (`tst.table.writing`). Synthetic times
are steps of the table's calendar from starts like the real ones (`tst.table.steps`); where the real
steps are uneven, they are a measurement of their own, which the model learns.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from pandas.api import types

from tst.cycles import DAY
from tst.errors import DataError, translate_errors
from tst.table.columns import Problem
from tst.table.steps import (
    EXACT,
    GAP,
    Calendar,
    Even,
    Months,
    Parts,
    Starts,
    find_calendar,
    is_next,
    share_of_next,
    steps_of,
)
from tst.table.time_evidence import TimeEvidence
from tst.table.values import row_name, without_zone
from tst.table.writing import (
    NOTHING,
    ZONE,
    Dates,
    Order,
    PlainNumbers,
    TextDates,
    Writing,
    as_text,
    check_zones,
    from_wall,
    is_unread,
    to_wall,
)

MAX_UNEVEN = 0.05  # of the steps: more that are no step of the calendar, and they are learned
INTERVAL = "{} since the row before"  # name of the feature that holds uneven steps
RESOLUTIONS = tuple(DAY // n for n in (1, 24, 1440, 86_400, 86_400_000, 86_400_000_000))


@dataclass(frozen=True, kw_only=True)
class Clock:
    """What the times of a table are.

    Parameters
    ----------
    name
        Of the column.
    writing
        How its values are written.
    calendar
        Its steps.
    step
        The median step, in nanoseconds, or in the column's numbers.
    starts
        When series begin.
    place
        The zone by whose clocks the steps go, where those are not even in UTC: local days.
    intervals
        Where steps are uneven, the name of the feature that holds how many steps of the calendar
        (then its resolution) lie between a row and the one before; else empty.
    least
        The least steps between two rows of a series: 0 where events may come at once.
    """

    name: str
    writing: Writing
    calendar: Calendar = field(default_factory=lambda: Even(step=1.0))
    step: float = 1.0
    starts: Starts = field(default_factory=Starts)
    place: str = ""
    intervals: str = ""
    least: int = 1

    @property
    def dtype(self) -> str:
        """The column's dtype, as pandas spells it."""
        return self.writing.dtype

    @property
    def has_dates(self) -> bool:
        """Whether times are dates, not numbers or durations."""
        return self.writing.kind in ("dates", "text", "epoch")

    @property
    def is_whole(self) -> bool:
        """Whether times are nanoseconds."""
        return self.writing.kind not in ("numbers", "text numbers", "decimal years")

    @property
    def interval(self) -> str:
        """The interval as pandas spells it, or the number."""
        if not self.is_whole:
            return f"{self.step:g}"
        if isinstance(self.calendar, Months):
            return f"{self.calendar.months}MS"
        return pd.tseries.frequencies.to_offset(pd.Timedelta(int(self.step), "ns")).freqstr

    def found(self, parts: Parts, cuts_gaps: bool) -> "Clock":
        """Return the clock with the calendar of sorted times, and uneven steps as a feature."""
        clock = self._regular(parts)

        def pieces() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for times, is_first in parts():
                times = clock.wall(times)
                yield times, is_first | clock.is_gap(times, is_first) if cuts_gaps else is_first

        n_steps = sum(map(len, steps_of(pieces)))
        if not n_steps or share_of_next(clock.calendar, pieces) >= 1 - MAX_UNEVEN:
            return clock
        unit = _resolution(pieces, self.is_whole)
        return replace(clock, calendar=Even(step=unit), intervals=INTERVAL.format(self.name))

    def _regular(self, parts: Parts) -> "Clock":
        """Return the clock with the calendar of sorted times, in UTC or by a place's clocks."""
        calendar, step = find_calendar(parts, self.has_dates)
        clock = replace(self, calendar=calendar, step=step)
        place = self.writing.place if isinstance(self.writing, Dates | TextDates) else ""
        if not place:
            return clock
        local = replace(self, place=place)

        def on_the_wall() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for times, is_first in parts():
                yield local.wall(times), is_first

        calendar, step = find_calendar(on_the_wall)
        share = share_of_next(calendar, on_the_wall, EXACT)
        is_better = share > share_of_next(clock.calendar, parts, EXACT)
        return replace(local, calendar=calendar, step=step) if is_better else clock

    @property
    def zone(self) -> str:
        """The zone by whose clocks hours and days go, where times are not by them; else empty."""
        is_in_utc = not self.place and self.writing.kind in ("dates", "text")
        return getattr(self.writing, "place", "") if is_in_utc else ""

    def wall(self, times: np.ndarray) -> np.ndarray:
        """Return times as its steps go: by the clocks of a place, or as they are."""
        return to_wall(times, self.place) if self.place else times

    def begun(self, times: np.ndarray, lengths: np.ndarray, last: float) -> "Clock":
        """Return the clock with the starts of series, (n_series,) each, and the latest time."""
        starts = Starts.of(times, lengths, last, self.calendar, self.has_dates)
        return replace(self, starts=starts)

    def is_gap(self, times: np.ndarray, is_first: np.ndarray) -> np.ndarray:
        """Return which rows stand behind a gap, bool (n_rows,)."""
        if self.intervals:
            return np.zeros(len(times), dtype=bool)
        n_steps = self.calendar.count(times[:-1], times[1:])
        return ~is_first & np.append(False, n_steps > GAP)

    def is_uneven(self, times: np.ndarray, is_first: np.ndarray) -> np.ndarray:
        """Return which rows are no step of the calendar behind the row before, bool (n_rows,)."""
        n_steps = self.calendar.count(times[:-1], times[1:])
        return ~is_first & ~self.is_gap(times, is_first) & np.append(False, ~is_next(n_steps))

    def interval_values(self, times: np.ndarray, is_first: np.ndarray) -> np.ndarray:
        """Return the steps since the row before, float64 (n_rows,); a first row has the next."""
        n_steps = np.append(np.nan, self.calendar.count(times[:-1], times[1:]))
        n_steps = np.where(is_first, np.nan, n_steps)
        following = np.append(n_steps[1:], np.nan)
        typical = np.nanmedian(n_steps) if np.isfinite(n_steps).any() else 1.0
        n_steps = np.where(np.isnan(n_steps), following, n_steps)
        return np.round(np.where(np.isnan(n_steps), typical, n_steps))

    def whole_steps(self, intervals: np.ndarray) -> np.ndarray:
        """Return the steps since the row before of values of the feature that holds them."""
        return np.maximum(np.round(intervals.astype(np.float64)), self.least)

    def known_dates(self, times: np.ndarray, is_first: np.ndarray) -> np.ndarray:
        """Return what is known of rows' times before their values, int64 (n_rows,).

        Their own times; of uneven steps those of the rows before, for how long a step is is one of
        its values. Of the first row of a series its own.
        """
        if not self.intervals:
            return times
        return np.where(is_first, times, np.append(times[:1], times[:-1]))

    def times(
        self,
        lengths: np.ndarray,
        rng: np.random.Generator,
        intervals: np.ndarray | None = None,
        starts: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the times of series whose starts are drawn, or given.

        Parameters
        ----------
        lengths
            int64, shape (n_series,): steps of each series.
        rng
            Draws one start a series.
        intervals
            Of uneven steps: how many lie between each row and the one before, (sum of lengths,).
        starts
            As `given_starts` returns them; None: drawn.

        Returns
        -------
        times
            int64 nanoseconds or float64 numbers, (sum of lengths,): one series after another.
        """
        first = np.cumsum(lengths) - lengths
        n_steps = np.arange(lengths.sum()) - np.repeat(first, lengths)
        if intervals is not None:
            passed = np.cumsum(self.whole_steps(intervals))
            n_steps = passed - np.repeat(passed[first], lengths)
            last = first + lengths - 1
            n_in_all = n_steps[last] + 1
        else:
            n_in_all = lengths
        if starts is None:
            dtype = np.dtype(np.int64 if self.is_whole else np.float64)
            starts = self.starts.draw(lengths, n_in_all, self.calendar, dtype, rng)
        return self.calendar.after(np.repeat(starts, lengths), n_steps)

    def given_starts(self, values: Sequence[object]) -> np.ndarray:
        """Return given starts of series, as times go by here: int64 nanoseconds or float64.

        Parameters
        ----------
        values
            Written as in the column, or dates.

        Raises
        ------
        DataError
            Where one is no time, or none of the calendar.
        """
        column = pd.Series(list(values), name=self.name)
        with translate_errors(
            f"'{values[0]}' is not a time of '{self.name}'", f"write it as there ({self.dtype})"
        ):
            times = self._read_given(column)
        if is_unread(times).any():
            wrong = values[int(np.argmax(is_unread(times)))]
            raise DataError(f"'{wrong}' is not a time of '{self.name}': write it as there.")
        times = self.wall(times)
        nearest = self.calendar.after(times, np.zeros(len(times)))
        is_off = np.flatnonzero(nearest != times)
        if len(is_off):
            first = is_off[:1]
            raise DataError(
                f"'{values[first[0]]}' is not a time of the calendar of '{self.name}': give one, "
                f"as {self.write(nearest[first]).iloc[0]}."
            )
        return times

    def _read_given(self, column: pd.Series) -> np.ndarray:
        """Return given times, which may be dates where the column has text or numbers."""
        is_date = column.map(lambda value: isinstance(value, datetime.date)).all()
        if self.has_dates and (is_date or self.writing.kind == "dates"):
            dates = pd.to_datetime(column, format=None if is_date else "ISO8601")
            zone = getattr(types.pandas_dtype(self.dtype), "tz", None)
            if zone is not None and dates.dt.tz is None:
                dates = dates.dt.tz_localize(zone)
            return without_zone(dates).to_numpy("datetime64[ns]").astype(np.int64)
        if self.writing.kind in ("numbers", "decimal years", "epoch"):
            column = pd.to_numeric(column)
        return self.writing.read(column)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return times as the column, in its dtype."""
        if self.place:
            times = from_wall(times, self.place)
        return self.writing.write(times).rename(self.name)


def _resolution(parts: Parts, is_whole: bool) -> float:
    """Return the unit of uneven steps: the largest that all of them are a multiple of."""
    if is_whole:
        common = 0
        for step in steps_of(parts):
            common = int(np.gcd.reduce(np.append(step.astype(np.int64), common)))
        return float(next((unit for unit in RESOLUTIONS if common % unit == 0), 1))
    for decimals in range(7):
        if all(
            np.allclose(np.round(step, decimals), step, rtol=0, atol=1e-9)
            for step in steps_of(parts)
        ):
            return 10.0**-decimals
    return 1e-6


@dataclass(frozen=True, kw_only=True)
class TimeColumn:
    """A time column that was read.

    Parameters
    ----------
    times
        shape (n_rows,): int64 nanoseconds since 1970, or float64 numbers; a missing one is the
        least.
    clock
        How it is written; calendar and starts are still to be found.
    problems
        Sentences about the whole column.
    """

    times: np.ndarray
    clock: Clock
    problems: tuple[str, ...] = ()

    def all_problems(self, n_rows: int) -> list[Problem]:
        """Return the sentences as problems of so many rows."""
        return [Problem(self.clock.name, text, n_rows) for text in self.problems]


def is_time(column: pd.Series) -> bool:
    """Tell whether a column holds dates: as such, as text, as digits, as years with decimals."""
    if types.is_datetime64_any_dtype(column.dtype):
        return True
    return TimeEvidence.of(column.dropna().head(1000)).is_time


def read_times(
    column: pd.Series, evidence: TimeEvidence | None = None, order: Order = ""
) -> TimeColumn:
    """Read a time column: dates, numbers, durations, or text of them, of which none need be known.

    Parameters
    ----------
    evidence
        What is known of the whole column where this is a part of it.
    order
        What dates such as 1/2/2019 begin with, where the column does not tell.

    Raises
    ------
    DataError
        Where text is no date, or only some of the dates have a time zone.
    """
    if evidence is None:
        evidence = TimeEvidence.of(column)
    writing = evidence.writing(column, order)
    problems: tuple[str, ...] = ()
    if isinstance(writing, TextDates) and evidence.zones:
        check_zones(column, as_text(column).str.extract(ZONE.pattern)[0])
        if len(evidence.zones) > 1 and not writing.place:
            listed = ", ".join(sorted(evidence.zones))
            problems = (f"time zones {listed} are mixed; all times are taken to UTC",)
    times = writing.read(column)
    if not isinstance(writing, Dates | PlainNumbers):
        _check_read(column, times)
    clock = Clock(name=str(column.name), writing=writing)
    return TimeColumn(times=times, clock=clock, problems=problems)


def _check_read(column: pd.Series, times: np.ndarray) -> None:
    """Raise DataError where a time that is known was not read."""
    if times.dtype != np.int64:
        return
    unread = np.flatnonzero((times == NOTHING) & column.notna().to_numpy())
    if len(unread):
        first = unread[0]
        raise DataError(
            f"time column '{column.name}' holds '{column.iloc[first]}' in "
            f"{row_name(column, first)}, no date like the others: correct it."
        )
