"""The time column of a user's table: read as one kind of number, and written back as it was.

Dates become nanoseconds since 1970, other times stay numbers. Synthetic times are regular: the
interval is the median step, or whole months where every step is one. Starts are drawn uniformly
from that grid between the earliest and the latest start, so that no real series' start is copied.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.columns import Problem
from tst.table.values import median, row_name, with_zone_of, without_zone

ZONE = r":\d\d(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)$"  # behind the minutes or seconds
MINUTE = 60_000_000_000  # nanoseconds
DAY = 24 * 60 * MINUTE
SHORTEST_MONTH = 28 * DAY
MEAN_MONTH = 30.44 * DAY


@dataclass(frozen=True, kw_only=True)
class Clock:
    """What the times of a table are.

    Parameters
    ----------
    name, dtype
        Of the column, as pandas spells them.
    date_format, zone
        Of dates that are text: their format (of strftime), and the offset from UTC as it is
        written; else empty.
    step
        The interval, in nanoseconds, or in the column's numbers.
    months
        The interval in months, where that is not 0.
    first_start, last_start
        Earliest and latest start of a series, in the unit of `step`.
    """

    name: str
    dtype: str
    date_format: str = ""
    zone: str = ""
    step: float = 1.0
    months: int = 0
    first_start: float = 0.0
    last_start: float = 0.0

    @property
    def has_dates(self) -> bool:
        """Whether times are dates, not numbers."""
        dtype = types.pandas_dtype(self.dtype)
        return bool(self.date_format) or not types.is_numeric_dtype(dtype)

    @property
    def interval(self) -> str:
        """The interval as pandas spells it, or the number."""
        if not self.has_dates:
            return f"{self.step:g}"
        if self.months:
            return f"{self.months}MS"
        return pd.tseries.frequencies.to_offset(pd.Timedelta(int(self.step), "ns")).freqstr

    def times(self, lengths: np.ndarray, rng: np.random.Generator) -> pd.Series:
        """Return the time column of series whose starts are drawn.

        Parameters
        ----------
        lengths
            int64, shape (n_series,): steps of each series.
        rng
            Draws one start a series.

        Returns
        -------
        times
            The column in its dtype, shape (sum of lengths,): the series one after another.
        """
        n_intervals = 0
        if self.step:
            n_intervals = int((self.last_start - self.first_start) // self.step)
        starts = rng.integers(0, n_intervals + 1, len(lengths))
        series_offsets = np.repeat(np.cumsum(lengths) - lengths, lengths)
        steps = np.arange(lengths.sum()) - series_offsets + np.repeat(starts, lengths)
        if not self.has_dates:
            # nine decimals: without the rounding error of a multiple of the step
            numbers = pd.Series(self.first_start + steps * self.step, name=self.name)
            return numbers.round(9).astype(self.dtype)
        if not self.months:
            nanoseconds = int(self.first_start) + steps * int(self.step)
            return self._as_written(pd.Series(nanoseconds.astype("datetime64[ns]")))
        first = pd.Timestamp(int(self.first_start))
        months = np.datetime64(first, "M") + steps * self.months
        within_month = (first - first.to_period("M").to_timestamp()).to_timedelta64()
        return self._as_written(pd.Series(months.astype("datetime64[ns]") + within_month))

    def _as_written(self, dates: pd.Series) -> pd.Series:
        """Return dates in the dtype of the column, or as text in its format."""
        if self.date_format:
            text = dates.dt.strftime(self.date_format) + self.zone
            return pd.Series(text, name=self.name).astype(self.dtype)
        return with_zone_of(dates, types.pandas_dtype(self.dtype)).rename(self.name)


@dataclass(frozen=True, kw_only=True)
class TimeColumn:
    """A time column that was read.

    Parameters
    ----------
    times
        shape (n_rows,): int64 nanoseconds since 1970, or float64 numbers; a missing one is the
        least.
    clock
        Its dtype and how it is written; interval and starts are still to be found.
    problems
        Sentences about the whole column.
    """

    times: np.ndarray
    clock: Clock
    problems: tuple[str, ...] = ()

    def all_problems(self, n_rows: int) -> list[Problem]:
        """Return the sentences as problems of so many rows."""
        return [Problem(self.clock.name, text, n_rows) for text in self.problems]


@dataclass(frozen=True, kw_only=True)
class DateText:
    """What must be known of all dates that are text before one of them is read.

    Parameters
    ----------
    date_format
        Of strptime, guessed from the first date; empty where there is none.
    zones
        The offsets from UTC that are written behind dates, in the order in which they occur.
    """

    date_format: str = ""
    zones: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: pd.Series) -> Self:
        """Return the facts of a column, nothing where it holds no text."""
        if not (types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype)):
            return cls()
        text = column.dropna().astype(str)
        zones = text.str.extract(ZONE)[0].dropna().unique()
        return cls(date_format=_guess_format(text.head(1)), zones=tuple(zones))

    def joined(self, following: "DateText") -> "DateText":
        """Return the facts of these dates and of those behind them."""
        return DateText(
            date_format=self.date_format or following.date_format,
            zones=tuple(dict.fromkeys((*self.zones, *following.zones))),
        )


def is_time(column: pd.Series) -> bool:
    """Tell whether a column holds dates, as such or as text."""
    if types.is_datetime64_any_dtype(column.dtype):
        return True
    if not (types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype)):
        return False
    return _guess_format(column.dropna().head(1).astype(str)) != ""


def read_times(column: pd.Series, text: DateText | None = None) -> TimeColumn:
    """Read a time column: dates, numbers or dates as text, of which none need be known.

    Parameters
    ----------
    text
        What is known of the whole column where this is a part of it.

    Raises
    ------
    DataError
        Where text is no date, or only some of the dates have a time zone.
    """
    clock = Clock(name=str(column.name), dtype=str(column.dtype))
    if types.is_datetime64_any_dtype(column.dtype):
        times = without_zone(column).to_numpy("datetime64[ns]").astype("int64")
        return TimeColumn(times=times, clock=clock)
    if types.is_numeric_dtype(column.dtype):
        return TimeColumn(times=column.to_numpy(np.float64, na_value=-np.inf), clock=clock)
    return _read_text(column, text or DateText.of(column))


def _read_text(column: pd.Series, facts: DateText) -> TimeColumn:
    """Read dates that are text."""
    text = column.astype(str).where(column.notna())
    date_format = facts.date_format
    if not date_format:
        known = text.dropna()
        if not len(known):  # nothing to read, as in a part whose rows have no time
            nothing = np.full(len(column), np.iinfo(np.int64).min)
            clock = Clock(name=str(column.name), dtype=str(column.dtype))
            return TimeColumn(times=nothing, clock=clock)
        raise DataError(
            f"time column '{column.name}' holds '{known.iloc[0]}', neither a date nor a number."
        )
    has_zones = bool(facts.zones)
    zone = ""
    problems: tuple[str, ...] = ()
    if has_zones:
        _check_zones(column, text.str.extract(ZONE)[0])
        zone = facts.zones[0]
        if len(facts.zones) > 1:
            zone = "+00:00"
            listed = ", ".join(sorted(facts.zones))
            problems = (f"time zones {listed} are mixed; all times are taken to UTC",)
    dates = _parse_dates(text, date_format, column, has_zones)
    clock = Clock(
        name=str(column.name),
        dtype=str(column.dtype),
        date_format=re.sub(r"\s*%z$|Z$", "", date_format),
        zone=zone,
    )
    # local time, so that dates are written back as they were
    times = dates.to_numpy("datetime64[ns]").astype("int64") + _zone_offset(zone)
    return TimeColumn(times=times, clock=clock, problems=problems)


def find_interval(
    parts: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]],
) -> tuple[float, int]:
    """Return the interval of sorted times: (median step within series, months or 0).

    Parameters
    ----------
    parts
        Returns, whenever it is called, the parts of a table, each as times and is_first. times:
        int64 nanoseconds or float64 numbers, shape (n_rows,), rising within each series; is_first:
        bool, shape (n_rows,), True for the first row of each series.
    """

    def steps() -> Iterator[np.ndarray]:
        for times, is_first in parts():
            step = np.diff(times)[~is_first[1:]]
            yield step[step > 0].astype(np.float64)

    shortest = min((float(part.min()) for part in steps() if len(part)), default=0.0)
    if not shortest:
        return 1.0, 0
    step = median(steps)
    if shortest < SHORTEST_MONTH:
        return step, 0
    days: set[int] = set()
    for times, _ in parts():
        if times.dtype != np.int64:
            return step, 0
        days.update(pd.Series(times.astype("datetime64[ns]")).dt.day.unique())
    if len(days) > 1:
        return step, 0
    return step, max(1, round(step / MEAN_MONTH))


def _guess_format(text: pd.Series) -> str:
    """Return the date format of the first text, with a year in it, or nothing."""
    if not len(text):
        return ""
    first = text.iloc[0]
    date_format = pd.tseries.api.guess_datetime_format(first)
    has_year = date_format is not None and re.search(r"%[Yy]", date_format)
    is_number = re.fullmatch(r"\d+", first)
    return date_format if has_year and not is_number else ""


def _check_zones(column: pd.Series, zones: pd.Series) -> None:
    """Raise DataError where only some of the dates have a time zone."""
    without = np.flatnonzero((zones.isna() & column.notna()).to_numpy())
    if len(without):
        raise DataError(
            f"time column '{column.name}' mixes times with and without a zone "
            f"({row_name(column, without[0])} has none): give all of them one."
        )


def _parse_dates(
    text: pd.Series, date_format: str, column: pd.Series, has_zones: bool
) -> pd.Series:
    """Return dates without a zone, in UTC where the text has zones."""
    if date_format.startswith("%Y-%m-%d"):
        date_format = "ISO8601"  # takes seconds and fractions that only some dates have
    dates = pd.to_datetime(text, format=date_format, utc=has_zones, errors="coerce")
    unread = np.flatnonzero((dates.isna() & text.notna()).to_numpy())
    if len(unread):
        first = unread[0]
        raise DataError(
            f"time column '{column.name}' holds '{text.iloc[first]}' in "
            f"{row_name(column, first)}, no date like the others: correct it."
        )
    return without_zone(dates)


def _zone_offset(zone: str) -> int:
    """Return the nanoseconds that a written offset (Z, +05:30, -0330) is ahead of UTC."""
    if zone in ("", "Z"):
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return -minutes * MINUTE if zone[0] == "-" else minutes * MINUTE
