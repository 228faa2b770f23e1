"""What follows from the time of a row: its hour, its weekday, the seconds since 1970, a date."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from tst.cycles import DAY
from tst.table.relations.base import InEveryRow, Places, Value, numbers, replaced
from tst.table.relations.derived import Computed, FirstValue
from tst.table.values import from_seconds
from tst.table.writing import from_wall, to_wall

Part = Literal[
    "second",
    "minute",
    "hour",
    "time of the day",
    "day of the week",
    "hour of the week",
    "day",
    "day of the year",
    "week",
    "month",
    "quarter",
    "year",
    "YYYYMM",
    "YYYYMMDD",
    "date",
    "Monday",
    "first of the month",
    "time",
    "time since the first row",
]
ANY_TIMES: tuple[Part, ...] = ("time", "time since the first row")  # of dates and of numbers
SECOND = 10**9  # nanoseconds


def part_of(places: Places, part: Part) -> np.ndarray:
    """Return a part of each row's time, float64 (n_rows,).

    Monday is day 1 of the week, and weeks are those of ISO 8601. A time, the date, the Monday and
    the first of the month before it are seconds since 1970, the time of the day and that since the
    first row of the series are seconds. Times that are no dates have none but the time and that
    since the first row; of numbers these are in their own unit.
    """
    times = places.times
    if part == "time since the first row":
        times = times - places.start
    if part in ANY_TIMES:
        return times / SECOND if times.dtype.kind == "i" else times
    if places.zone:
        times = to_wall(times, places.zone)
    dates = pd.DatetimeIndex(times.astype("datetime64[ns]"))
    found = {
        "time of the day": lambda: times % DAY / SECOND,
        "date": lambda: times // DAY * DAY / SECOND,
        "Monday": lambda: (times // DAY - dates.day_of_week) * DAY / SECOND,
        "first of the month": lambda: (times // DAY - dates.day + 1) * DAY / SECOND,
        "second": lambda: dates.second,
        "minute": lambda: dates.minute,
        "hour": lambda: dates.hour,
        "day of the week": lambda: dates.day_of_week + 1,
        "hour of the week": lambda: dates.day_of_week * 24 + dates.hour,
        "day": lambda: dates.day,
        "day of the year": lambda: dates.day_of_year,
        "week": lambda: dates.isocalendar()["week"],
        "month": lambda: dates.month,
        "quarter": lambda: dates.quarter,
        "year": lambda: dates.year,
        "YYYYMM": lambda: dates.year * 100 + dates.month,
        "YYYYMMDD": lambda: dates.year * 10_000 + dates.month * 100 + dates.day,
    }[part]()
    return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class OfTime(Computed):
    """A number or a date that is a part of the row's time, in another unit or from another origin.

    Parameters
    ----------
    part
        Of the time.
    factor, offset
        What the part is multiplied with, and what is added; of a date, seconds.
    first
        Of each series, what is added instead, where given rows begin later.
    """

    kind: Literal["of time"] = "of time"
    part: Part
    factor: float = 1.0
    offset: float = 0.0
    first: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """Say what holds."""
        right: str = self.part
        if "time" not in self.part:
            right = f"{self.part} of the time"
        if self.factor != 1:
            right = f"{self.factor:g} * {right}"
        if self.offset:
            right += f" {'+-'[self.offset < 0]} {abs(self.offset):.12g}"
        return f"{self.column} = {right}"

    @property
    def is_elapsed(self) -> bool:
        """Whether it goes by where the series begins."""
        return self.part == "time since the first row"

    @property
    def _is_date(self) -> bool:
        return types.is_datetime64_any_dtype(types.pandas_dtype(self.dtype))

    def value(self, places: Places) -> np.ndarray:
        """Return the numbers, of dates seconds since 1970, float64 (n_rows,)."""
        x = self.factor * part_of(places, self.part)
        zone = getattr(types.pandas_dtype(self.dtype), "tz", None)
        if zone is not None and self.part not in ANY_TIMES:  # a day by the clocks of the place
            x = from_wall((x * SECOND).astype(np.int64), places.zone or "UTC") / SECOND
        return x + np.array(self.first or [self.offset] * places.is_first.sum())[places.series]

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another value, or none."""
        x = self.value(places)
        if self._is_date:
            return ~np.isclose(numbers(frame, self.column), x, rtol=0, atol=1e-3)
        return self._differs(numbers(frame, self.column), x)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        x = self.value(places)
        if not self._is_date:
            return replaced(frame, self.column, self.number.column(x))
        dtype = types.pandas_dtype(self.dtype)
        dates = from_seconds(x, np.zeros(len(x), dtype=bool), dtype, "datetime")
        return replaced(frame, self.column, dates)


@dataclass(frozen=True, kw_only=True)
class WithTime(FirstValue):
    """A number that rises with the time from another first value in each series: an age.

    Its first value is learned, as an attribute.

    Parameters
    ----------
    factor
        By how much it changes in a second, or in one unit of times that are numbers.
    """

    kind: Literal["with time"] = "with time"
    factor: float

    @property
    def text(self) -> str:
        """Say what holds."""
        change = "time since the first row"
        if self.factor != 1:
            change = f"{self.factor:g} * {change}"
        return f"{self.column} = its first value + {change}"

    def _passed(self, places: Places) -> np.ndarray:
        return self.factor * part_of(places, "time since the first row")

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another number, or none."""
        x = self.beginning(frame, places) + self._passed(places)
        if self.number.decimals is not None:
            x = np.round(x, self.number.decimals)
        return ~np.isclose(numbers(frame, self.column), x, rtol=1e-12, atol=1e-9)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the numbers."""
        x = self.beginning(frame, places) + self._passed(places)
        return replaced(frame, self.column, self.number.column(x))


@dataclass(frozen=True, kw_only=True)
class TimeDecides(InEveryRow):
    """A category, or one of a few numbers, that a part of the row's time decides.

    Parameters
    ----------
    part
        Of the time.
    keys, values
        Of the part, rising, and of the column. A part that the table lacks is as the nearest.
    """

    kind: Literal["time decides"] = "time decides"
    column: str
    part: Part
    dtype: str
    keys: tuple[float, ...]
    values: tuple[Value, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"the {self.part} decides {self.column}"

    def _decided(self, places: Places) -> pd.Series:
        keys = np.array(self.keys)
        middles = (keys[1:] + keys[:-1]) / 2
        at = np.searchsorted(middles, part_of(places, self.part))
        return pd.Series(np.array(self.values, dtype=object)[at])

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another value, or none."""
        column = frame[self.column].astype(object).reset_index(drop=True)
        return ~(self._decided(places) == column).fillna(False).to_numpy(bool)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without the column."""
        return frame.drop(columns=self.column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, self._decided(places).astype(self.dtype))
