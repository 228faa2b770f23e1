"""How the times of a column are written: text, numbers, dates or spans; one type for each.

Each reads a column as nanoseconds (int64, of dates since 1970) or as numbers (float64), and writes
such times back in the column's dtype, as they were. Which one it is, tells
`tst.table.time_evidence`.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from tst.cycles import MINUTE
from tst.errors import DataError
from tst.table.dates import DateFormat
from tst.table.values import row_name, with_zone_of, without_zone

ZONE = re.compile(r"(?<=\d)\s*(Z|[+-]\d\d:?\d\d)$")
NOTHING = np.iinfo(np.int64).min  # nanoseconds of a missing time
Order = Literal["", "day first", "month first", "year first"]
ORDERS: dict[str, str] = {"day first": "d", "month first": "m", "year first": "y"}


@dataclass(frozen=True, kw_only=True)
class PlainNumbers:
    """Times that are numbers of their own: steps, seconds, cycles."""

    kind: Literal["numbers"] = "numbers"
    dtype: str

    def read(self, column: pd.Series) -> np.ndarray:
        """Return float64 numbers, -inf where missing."""
        return to_float(column)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the column of float64 numbers."""
        # nine decimals: without the rounding error of a multiple of the step
        return pd.Series(times).round(9).astype(self.dtype)


@dataclass(frozen=True, kw_only=True)
class TextNumbers:
    """Times that are whole numbers of their own, kept as text: `7`, `007`.

    Parameters
    ----------
    width
        Digits that each has at least, with zeros in front.
    """

    kind: Literal["text numbers"] = "text numbers"
    dtype: str
    width: int = 1

    def read(self, column: pd.Series) -> np.ndarray:
        """Return float64 numbers, -inf where missing or where a text is none."""
        return to_float(pd.to_numeric(as_text(column), errors="coerce"))

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the text of float64 numbers."""
        whole = pd.Series(np.round(times).astype(np.int64), dtype=object).astype(str)
        return whole.str.zfill(self.width).astype(self.dtype)


@dataclass(frozen=True, kw_only=True)
class Dates:
    """Times in a dtype of dates, with or without a zone."""

    kind: Literal["dates"] = "dates"
    dtype: str

    @property
    def place(self) -> str:
        """The zone, where there is one."""
        zone = getattr(types.pandas_dtype(self.dtype), "tz", None)
        return "" if zone is None else str(zone)

    def read(self, column: pd.Series) -> np.ndarray:
        """Return int64 nanoseconds since 1970."""
        return without_zone(column).to_numpy("datetime64[ns]").astype(np.int64)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the column of int64 nanoseconds."""
        dates = pd.Series(times.astype("datetime64[ns]"))
        return with_zone_of(dates, types.pandas_dtype(self.dtype))


def to_wall(times: np.ndarray, zone: str) -> np.ndarray:
    """Return what clocks in a zone show at times in UTC, int64 nanoseconds both."""
    dates = pd.Series(times.astype("datetime64[ns]")).dt.tz_localize("UTC").dt.tz_convert(zone)
    return dates.dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64)


def from_wall(times: np.ndarray, zone: str) -> np.ndarray:
    """Return the times in UTC at which clocks in a zone show some: inverts `to_wall`.

    Of an hour that stands there twice the first; one that is left out becomes the next.
    """
    dates = pd.Series(times.astype("datetime64[ns]"))
    local = dates.dt.tz_localize(
        zone, ambiguous=np.ones(len(dates), dtype=bool), nonexistent="shift_forward"
    )
    return without_zone(local).to_numpy("datetime64[ns]").astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Spans:
    """Times in a dtype of durations."""

    kind: Literal["spans"] = "spans"
    dtype: str

    def read(self, column: pd.Series) -> np.ndarray:
        """Return int64 nanoseconds."""
        return column.to_numpy("timedelta64[ns]").astype(np.int64)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the column of int64 nanoseconds."""
        return pd.Series(times.astype("timedelta64[ns]")).astype(self.dtype)


@dataclass(frozen=True, kw_only=True)
class TextSpans:
    """Durations as text: `1 days 02:00:00`, as pandas writes them, or `26:00`.

    Parameters
    ----------
    has_days, has_seconds
        Which parts are written.
    n_digits
        Of the fraction of a second.
    is_bare
        Whether the hour has no zero in front.
    """

    kind: Literal["text spans"] = "text spans"
    dtype: str
    has_days: bool
    has_seconds: bool
    n_digits: int
    is_bare: bool

    def read(self, column: pd.Series) -> np.ndarray:
        """Return int64 nanoseconds; the least where a text is no duration."""
        text = column.astype(str).where(column.notna())
        if not self.has_seconds and not self.has_days:
            text = text + ":00"
        spans = pd.to_timedelta(text, errors="coerce")
        return spans.to_numpy("timedelta64[ns]").astype(np.int64)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the text of int64 nanoseconds."""
        if self.has_days:
            text = [_days_text(pd.Timedelta(int(t), "ns"), self.has_seconds) for t in times]
            return pd.Series(text, dtype=object).astype(self.dtype)
        seconds, rest = np.divmod(np.abs(times), 10**9)
        width = 1 if self.is_bare else 2
        text = []
        for second, fraction, t in zip(seconds.tolist(), rest.tolist(), times, strict=True):
            minutes = second // 60
            one = f"{'-' if t < 0 else ''}{minutes // 60:0{width}d}:{minutes % 60:02d}"
            if self.has_seconds:
                one += f":{second % 60:02d}"
            if self.n_digits:
                one += f".{fraction // 10 ** (9 - self.n_digits):0{self.n_digits}d}"
            text.append(one)
        return pd.Series(text, dtype=object).astype(self.dtype)


def _days_text(span: pd.Timedelta, has_clock: bool) -> str:
    """Return a duration as pandas writes it, with the time of the day or without."""
    return str(span) if has_clock else f"{span.days} days"


@dataclass(frozen=True, kw_only=True)
class TextDates:
    """Dates as text, or as numbers whose digits are a date.

    Parameters
    ----------
    format
        How they are written, but for the zone.
    zone
        The offset from UTC as it is written behind each, or the name of a zone whose offsets
        change with the season; else empty.
    gap
        What stands between date and offset, and whether offsets have a colon.
    """

    kind: Literal["text"] = "text"
    dtype: str
    format: DateFormat
    zone: str = ""
    gap: str = ""

    def read(self, column: pd.Series) -> np.ndarray:
        """Return int64 nanoseconds since 1970; the least where a text is no date.

        Local time where all have one offset, so that days stay days; UTC where offsets differ.
        """
        text = as_text(column)
        if not self.zone:
            return self._nanoseconds(text)
        zones = text.str.extract(ZONE.pattern)[0]
        local = self._nanoseconds(text.str.replace(ZONE.pattern, "", regex=True))
        offsets = zones.map({zone: zone_offset(zone) for zone in zones.dropna().unique()})
        ahead = offsets.fillna(0).to_numpy(np.int64)
        utc = np.where(local == NOTHING, NOTHING, local - ahead)
        if self.place:
            return utc
        return np.where(utc == NOTHING, NOTHING, utc + zone_offset(self.zone))

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the text of int64 nanoseconds."""
        dates = pd.Series(times.astype("datetime64[ns]"))
        if self.place:
            local = dates.dt.tz_localize("UTC").dt.tz_convert(self.zone)
            plain = local.dt.tz_localize(None)
            ahead = (plain - dates).dt.total_seconds().to_numpy() / 60
            offsets = {minutes: _offset_text(minutes, self.gap) for minutes in np.unique(ahead)}
            text = self.format.write(plain) + pd.Series(ahead).map(offsets)
        else:
            text = self.format.write(dates) + self.gap + self.zone
        if types.is_numeric_dtype(types.pandas_dtype(self.dtype)):
            text = text.astype("int64")
        return text.astype(self.dtype)

    @property
    def place(self) -> str:
        """The zone, where it is a place, whose offset changes."""
        return self.zone if "/" in self.zone else ""

    def _nanoseconds(self, text: pd.Series) -> np.ndarray:
        return self.format.read(text).to_numpy("datetime64[ns]").astype(np.int64)


def _offset_text(minutes: float, gap: str) -> str:
    """Return an offset of so many minutes as it is written: +01:00."""
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(int(minutes)), 60)
    return f"{gap}{sign}{hours:02d}:{rest:02d}"


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """Dates as a number of seconds, or of smaller units, since 1970.

    Parameters
    ----------
    unit
        Nanoseconds of one.
    """

    kind: Literal["epoch"] = "epoch"
    dtype: str
    unit: int

    def read(self, column: pd.Series) -> np.ndarray:
        """Return int64 nanoseconds since 1970."""
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        whole = np.where(np.isfinite(numbers), numbers, 0).astype(np.int64)
        if types.is_integer_dtype(column.dtype) and not column.isna().any():
            whole = column.to_numpy(np.int64)
        return np.where(np.isfinite(numbers), whole * self.unit, NOTHING)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the column of int64 nanoseconds."""
        return pd.Series(times // self.unit).astype(self.dtype)


@dataclass(frozen=True, kw_only=True)
class DecimalYears:
    """Months or quarters as years with decimals: 1958.208 is the middle of March.

    Parameters
    ----------
    periods
        Of a year.
    middle
        Where in its period a time stands: 0 at the beginning, 0.5 in the middle.
    decimals
        Digits that are written.
    """

    kind: Literal["decimal years"] = "decimal years"
    dtype: str
    periods: int
    middle: float
    decimals: int

    def read(self, column: pd.Series) -> np.ndarray:
        """Return float64 numbers of periods, -inf where missing."""
        return np.round(to_float(column) * self.periods - self.middle)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the column of numbers of periods."""
        years = (np.round(times) + self.middle) / self.periods
        return pd.Series(np.round(years, self.decimals)).astype(self.dtype)


Writing = PlainNumbers | TextNumbers | Dates | Spans | TextSpans | TextDates | Epoch | DecimalYears


def to_float(column: pd.Series) -> np.ndarray:
    """Return a column's numbers, float64 (n_rows,), -inf where missing."""
    return column.to_numpy(np.float64, na_value=-np.inf)


def is_unread(times: np.ndarray) -> np.ndarray:
    """Tell which times are missing, or could not be read, bool (n_rows,)."""
    return times == NOTHING if times.dtype == np.int64 else ~np.isfinite(times)


def as_text(column: pd.Series) -> pd.Series:
    """Return a column of text or whole numbers as text, missing where it is."""
    if types.is_numeric_dtype(column.dtype):
        whole = column.astype("Float64").round().astype("Int64")
        return whole.astype(str).where(column.notna())
    return column.astype(str).where(column.notna())


def zone_offset(zone: str) -> int:
    """Return the nanoseconds that a written offset (Z, +05:30, -0330) is ahead of UTC."""
    if zone in ("", "Z"):
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return -minutes * MINUTE if zone[0] == "-" else minutes * MINUTE


def check_zones(column: pd.Series, zones: pd.Series) -> None:
    """Raise DataError where only some of the dates have a time zone."""
    without = np.flatnonzero((zones.isna() & column.notna()).to_numpy())
    if len(without):
        raise DataError(
            f"time column '{column.name}' mixes times with and without a zone "
            f"({row_name(column, without[0])} has none): give all of them one."
        )
