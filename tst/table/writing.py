"""How the times of a column are written: text, numbers, dates or spans; one type for each.

Each reads a column as nanoseconds (int64, of dates since 1970) or as numbers (float64), and writes
such times back in the column's dtype, as they were. Which one it is follows from `TimeEvidence`,
which is gathered from all rows, part by part.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.dates import (
    ALL_DIGITS,
    EARLIEST,
    LATEST,
    DateFormat,
    density,
    formats_of,
    like,
    regularity,
    shapes_of,
)
from tst.table.values import MAX_DECIMALS, Numbers, is_numeric, row_name, with_zone_of, without_zone

ZONE = re.compile(r"(?<=\d)\s*(Z|[+-]\d\d:?\d\d)$")
CLOCK_ZONE = r":\d\d(?:[.,]\d+)?\s*(?:Z|[+-]\d\d:?\d\d)$"  # behind the minutes or seconds
SPAN = re.compile(r"-?9+ days?( [+-]?9+:99:99(\.9+)?)?|-?9{1,3}:99(:99(\.9+)?)?")
MINUTE = 60_000_000_000  # nanoseconds
NOTHING = np.iinfo(np.int64).min  # nanoseconds of a missing time
MIN_DISTINCT = 3  # dates in digits alone, below which they could be any numbers
NEAR = 0.05  # of regularity: by so little more, an order of day and month is no better
N_SHOWN = 30  # texts that are kept
MOST = 0.5  # of the texts, which must be dates of the format that their shapes have
MAX_DAYS = 2**16  # distinct days that are kept, to tell day and month
PERIODS = (12, 4)  # of a year that is written with decimals
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}  # nanoseconds, of numbers since 1970
FIRST_SECOND, LAST_SECOND = 3e8, 4.1e9  # 1979 to 2099: other numbers count something else
AMBIGUOUS = r"^\s*(\d{1,2}[^\w:]+\d{1,2}[^\w:]+(?:\d{4}|\d{2}))(?!\d)"
COMMON_ZONES = (
    "Europe/Paris",
    "Europe/London",
    "Europe/Athens",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Australia/Sydney",
)
Order = Literal["", "day first", "month first", "year first"]
ORDERS: dict[str, str] = {"day first": "d", "month first": "m", "year first": "y"}


@dataclass(frozen=True, kw_only=True)
class PlainNumbers:
    """Times that are numbers of their own: steps, seconds, cycles."""

    kind: Literal["numbers"] = "numbers"
    dtype: str

    def read(self, column: pd.Series) -> np.ndarray:
        """Return float64 numbers, -inf where missing."""
        return column.to_numpy(np.float64, na_value=-np.inf)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the column of float64 numbers."""
        # nine decimals: without the rounding error of a multiple of the step
        return pd.Series(times).round(9).astype(self.dtype)


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
        years = column.to_numpy(np.float64, na_value=-np.inf)
        return np.round(years * self.periods - self.middle)

    def write(self, times: np.ndarray) -> pd.Series:
        """Return the column of numbers of periods."""
        years = (np.round(times) + self.middle) / self.periods
        return pd.Series(np.round(years, self.decimals)).astype(self.dtype)


Writing = PlainNumbers | Dates | Spans | TextSpans | TextDates | Epoch | DecimalYears


def as_text(column: pd.Series) -> pd.Series:
    """Return a column of text or whole numbers as text, missing where it is."""
    if types.is_numeric_dtype(column.dtype):
        whole = column.astype("Float64").round().astype("Int64")
        return whole.astype(str).where(column.notna())
    return column.astype(str).where(column.notna())


@dataclass(frozen=True, kw_only=True)
class TimeEvidence:
    """What is known of all times of a column, gathered part by part.

    Parameters
    ----------
    shapes
        Of texts, without their zones.
    zones
        The offsets from UTC that are written behind dates, in the order in which they occur.
    zone_days
        Distinct days and their offsets.
    days
        Distinct days of which any number could be the day.
    gap
        What stands between a date and its offset.
    digits
        Patterns that the digits of all numbers fit so far.
    years
        (periods, middle) that all numbers fit as decimal years.
    numbers
        Of a column of numbers.
    n_distinct
        Distinct values, at most so many as a part has.
    has_text
        Whether there is any text.
    some
        The first texts.
    """

    shapes: frozenset[str] = frozenset()
    zones: tuple[str, ...] = ()
    zone_days: frozenset[tuple[str, str]] = frozenset()
    days: frozenset[str] = frozenset()
    gap: str = ""
    digits: frozenset[str] = frozenset(ALL_DIGITS)
    years: frozenset[tuple[int, float]] = frozenset((p, m) for p in PERIODS for m in (0.0, 0.5))
    numbers: Numbers = field(default_factory=Numbers)
    n_distinct: int = 0
    has_text: bool = False
    some: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: pd.Series) -> Self:
        """Return the facts of a column or of a part of it."""
        if _is_text(column):
            return cls._of_text(column)
        if not is_numeric(column):
            return cls()
        x = column.to_numpy(np.float64, na_value=np.nan)
        x = np.unique(x[np.isfinite(x)])
        return cls(
            numbers=Numbers.of(x),
            digits=frozenset(p for p in ALL_DIGITS if _are_digits(x, p)),
            years=frozenset(y for y in cls().years if _are_years(x, *y)),
            n_distinct=len(x),
        )

    @classmethod
    def _of_text(cls, column: pd.Series) -> Self:
        text = pd.Series(column.dropna().astype(str).unique(), dtype=object)
        if not len(text):
            return cls()
        ends = text.where(text.str.contains(CLOCK_ZONE)).str.extract(r"(\s*)" + ZONE.pattern[10:])
        zones = tuple(ends[1].dropna().unique())
        plain = text
        zone_days: frozenset[tuple[str, str]] = frozenset()
        if zones:
            plain = text.where(ends[1].isna(), text.str.replace(ZONE.pattern, "", regex=True))
            days = plain.str.extract(r"^([^T ]+)")[0]
            zone_days = frozenset(zip(days, ends[1].fillna(""), strict=True))
        return cls(
            shapes=frozenset(shapes_of(plain)),
            zones=zones,
            zone_days=zone_days,
            days=frozenset(plain.str.extract(AMBIGUOUS)[0].dropna().unique()[:MAX_DAYS]),
            gap=str(ends[0].dropna().iloc[0]) if zones else "",
            n_distinct=len(text),
            has_text=True,
            some=tuple(text[:N_SHOWN]),
            digits=frozenset(p for p in ALL_DIGITS if _are_text_digits(text, p)),
        )

    def joined(self, following: "TimeEvidence") -> "TimeEvidence":
        """Return the facts of these times and of those behind them."""
        return replace(
            self,
            shapes=self.shapes | following.shapes,
            zones=tuple(dict.fromkeys((*self.zones, *following.zones))),
            zone_days=self.zone_days | following.zone_days,
            days=self.days | following.days,
            gap=self.gap or following.gap,
            digits=self.digits & following.digits,
            years=self.years & following.years,
            numbers=self.numbers.joined(following.numbers),
            n_distinct=self.n_distinct + following.n_distinct,
            has_text=self.has_text or following.has_text,
            some=self.some or following.some,
        )

    @property
    def plain_first(self) -> str:
        """The first text without its zone."""
        return ZONE.sub("", self.some[0]) if self.zones else self.some[0]

    def date_format(self, name: str, order: Order = "", strict: bool = False) -> DateFormat | None:
        """Return the format of dates that are text or digits; None where they are none.

        Parameters
        ----------
        strict
            Whether all texts must be dates; else those that are written like the first.

        Raises
        ------
        DataError
            Where day and month cannot be told.
        """
        if not self.has_text:
            fitting = [p for p in ALL_DIGITS if p in self.digits]
            if not fitting or self.n_distinct < MIN_DISTINCT or not self.numbers.n:
                return None
            return DateFormat(pattern=fitting[0])
        formats = formats_of(self.shapes)
        formats = [f for f in formats if f.pattern not in ALL_DIGITS or f.pattern in self.digits]
        if not formats and not strict:
            formats = formats_of(like(self.plain_first, self.shapes))
        if order:
            first = ORDERS[order]
            formats = [f for f in formats if f.pattern.lower().lstrip("%-").startswith(first)]
        if len(formats) < 2 or not self.days:
            return formats[0] if formats else None
        return self._most_regular(formats, name)

    def _most_regular(self, formats: list[DateFormat], name: str) -> DateFormat | None:
        """Return the format by which all days can be read, and are the most regular."""
        days = pd.Series(sorted(self.days), dtype=object)
        fitting = []
        for one in formats:
            head = re.match(r"%-?\w[^\w%]+%-?\w[^\w%]+%-?\w", one.pattern)
            dates = replace(one, pattern=head[0], others=()).read(days) if head else days
            if head and dates.notna().all():
                fitting.append((one, dates))
        if not fitting:
            return formats[0]
        scores = np.array([regularity(dates) for _, dates in fitting])
        has_clock = "%H" in fitting[0][0].pattern or "%I" in fitting[0][0].pattern
        if has_clock and (scores > scores.max() - NEAR).sum() > 1:  # rows of the hours of days
            scores = np.array([density(dates) for _, dates in fitting])
        best = int(np.argmax(scores))
        if len(days) == 1:  # whichever it is, no step depends on it
            return fitting[best][0]
        for i, (one, dates) in enumerate(fitting):
            is_day_or_month = "%y" not in (one.pattern[:2], fitting[best][0].pattern[:2])
            differs = not dates.equals(fitting[best][1])
            if i != best and scores[i] > scores[best] - NEAR and differs and is_day_or_month:
                raise DataError(
                    f"dates of '{name}' such as '{days.iloc[-1]}' may begin with the day or with "
                    "the month: say which in the roles (dates: day first, or: month first)."
                )
        return fitting[best][0]

    def writing(self, column: pd.Series, order: Order = "") -> Writing:
        """Return how a column of these facts is written; the column may be without rows.

        Raises
        ------
        DataError
            Where text is no date, or day and month cannot be told.
        """
        dtype = str(column.dtype)
        if types.is_datetime64_any_dtype(column.dtype):
            return Dates(dtype=dtype)
        if types.is_timedelta64_dtype(column.dtype):
            return Spans(dtype=dtype)
        name = str(column.name)
        date_format = self.date_format(name, order)
        if types.is_numeric_dtype(column.dtype):
            return self._number_writing(dtype, date_format)
        if not self.has_text:
            return TextDates(dtype=dtype, format=DateFormat(pattern="%Y-%m-%d"))
        if date_format is not None:
            return TextDates(
                dtype=dtype, format=date_format, zone=self._zone(date_format), gap=self.gap
            )
        if all(SPAN.fullmatch(shape) for shape in self.shapes):
            return self._span_writing(dtype)
        raise DataError(
            f"time column '{name}' holds '{self.some[0]}', neither a date nor a number."
        )

    def _number_writing(self, dtype: str, date_format: DateFormat | None) -> Writing:
        """Return how a column of numbers is written."""
        if date_format is not None:
            return TextDates(dtype=dtype, format=date_format)
        numbers = self.numbers
        if numbers.n and numbers.decimals == 0:
            for unit in UNITS.values():
                second = 10**9 / unit
                if numbers.low >= FIRST_SECOND * second and numbers.high <= LAST_SECOND * second:
                    return Epoch(dtype=dtype, unit=unit)
        if self.has_years:
            periods, middle = max(self.years)
            decimals = numbers.decimals if numbers.decimals is not None else MAX_DECIMALS
            return DecimalYears(dtype=dtype, periods=periods, middle=middle, decimals=decimals)
        return PlainNumbers(dtype=dtype)

    @property
    def has_years(self) -> bool:
        """Whether numbers are years with decimals."""
        is_fraction = self.numbers.decimals != 0
        return bool(self.years) and is_fraction and self.n_distinct >= 2 * MIN_DISTINCT

    @property
    def is_time(self) -> bool:
        """Whether text or digits are dates, with a month at least."""
        try:
            date_format = self.date_format("", strict=True)
        except DataError:
            return True  # dates, of which the order must be said
        if date_format is None:
            return not self.has_text and self.has_years
        is_digits = date_format.pattern in ALL_DIGITS
        if date_format.pattern == "%Y" or (is_digits and self.n_distinct < MIN_DISTINCT):
            return False
        some = pd.Series([ZONE.sub("", text) if self.zones else text for text in self.some])
        return is_digits or bool(date_format.read(some).notna().mean() > MOST)

    def _span_writing(self, dtype: str) -> TextSpans:
        """Return how durations that are text are written."""
        fractions = [re.search(r"\.(9+)$", shape) for shape in self.shapes]
        return TextSpans(
            dtype=dtype,
            has_days=any("day" in shape for shape in self.shapes),
            has_seconds=any(":99" in shape for shape in self.shapes)
            and all("day" in shape or shape.count(":") == 2 for shape in self.shapes),
            n_digits=max((len(found[1]) for found in fractions if found), default=0),
            is_bare=any(re.match(r"-?9:", shape) for shape in self.shapes),
        )

    def _zone(self, date_format: DateFormat) -> str:
        """Return the one offset, or a place that has all of them, or UTC."""
        offsets = [zone for zone in self.zones if zone]
        if len(offsets) <= 1:
            return offsets[0] if offsets else ""
        return self._place(date_format) or "+00:00"

    def _place(self, date_format: DateFormat) -> str:
        """Return a zone of the world that has, on each day, the offset that is written, or nothing.

        Days with two offsets, on which clocks change, decide nothing.
        """
        if any(":" not in zone for zone in self.zones):
            return ""
        pattern = re.match(r"[^T ]+", date_format.pattern)
        seen = pd.DataFrame(list(self.zone_days), columns=["day", "zone"])
        seen = seen[~seen["day"].duplicated(keep=False)]
        days = pd.DatetimeIndex(DateFormat(pattern=pattern[0]).read(seen["day"])) if pattern else []
        if not len(days) or pd.isna(days).any() or set(seen["zone"]) != set(self.zones):
            return ""
        ahead = list(map(zone_offset, seen["zone"]))
        hours = [[day.to_pydatetime().replace(hour=h) for h in (0, 12, 23)] for day in days]
        for place in (*COMMON_ZONES, *sorted(available_timezones())):
            if "/" not in place or place.startswith("Etc"):
                continue
            zone = ZoneInfo(place)
            for of_day, nanoseconds in zip(hours, ahead, strict=True):
                offsets = [zone.utcoffset(hour) for hour in of_day]
                seconds = [offset.total_seconds() for offset in offsets if offset is not None]
                if nanoseconds / 1e9 not in seconds:
                    break
            else:
                return place
        return ""


def _is_text(column: pd.Series) -> bool:
    """Tell whether a column holds text."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    return types.is_object_dtype(dtype) or types.is_string_dtype(dtype)


def _are_digits(x: np.ndarray, pattern: str) -> bool:
    """Tell whether the digits of all numbers are a date by a pattern, of 1900 to 2100."""
    width = 4 + 2 * (pattern.count("%") - 1)
    if not len(x):
        return True
    if x[0] < 10 ** (width - 1) or x[-1] >= 10**width or (x != np.round(x)).any():
        return False
    dates = DateFormat(pattern=pattern).read(pd.Series(x.astype(np.int64).astype(str)))
    return bool(dates.between(EARLIEST, LATEST).all())


def _are_text_digits(text: pd.Series, pattern: str) -> bool:
    """Tell whether all texts are digits of a date by a pattern."""
    width = 4 + 2 * (pattern.count("%") - 1)
    if not text.str.fullmatch(rf"\d{{{width}}}").all():
        return False
    return _are_digits(np.unique(text.astype("int64").to_numpy(np.float64)), pattern)


def _are_years(x: np.ndarray, periods: int, middle: float) -> bool:
    """Tell whether all numbers are periods of years, to the digits that are written."""
    if not len(x):
        return True
    decimals = Numbers.of(x).decimals
    if x[0] < 1500 or x[-1] > 2200 or (decimals is not None and decimals < 2):
        return False
    nearest = (np.round(x * periods - middle) + middle) / periods
    digits = MAX_DECIMALS if decimals is None else decimals
    return bool((np.abs(x - nearest) < 0.51 * 10.0**-digits + 1e-9).all())


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
