"""What is known of all times of a column, gathered part by part: it tells how they are written.

Text is told by its shapes, digits and decimal years by whether all numbers fit, day and month by
the regularity of the dates, the place by the offsets that are written behind them.
"""

import re
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.date_names import MIN_MONTHS
from tst.table.dates import (
    ALL_DIGITS,
    EARLIEST,
    LATEST,
    WEEK_DIGITS,
    DateFormat,
    density,
    formats_of,
    like,
    regularity,
    shapes_of,
)
from tst.table.values import MAX_DECIMALS, Numbers, is_numeric
from tst.table.writing import (
    ORDERS,
    ZONE,
    Dates,
    DecimalYears,
    Epoch,
    Order,
    PlainNumbers,
    Spans,
    TextDates,
    TextNumbers,
    TextSpans,
    Writing,
    zone_offset,
)

CLOCK_ZONE = r":\d\d(?:[.,]\d+)?\s*(?:Z|[+-]\d\d:?\d\d)$"  # behind the minutes or seconds
MIDNIGHT = r"[T \t,_]0?0(?::00)*(?:[.,]0+)?$|[T \t,_]12(?::00)*(?:[.,]0+)?\W?[aA][mM]$"
SPAN = re.compile(r"-?9+ days?( [+-]?9+:99:99(\.9+)?)?|-?9{1,3}:99(:99(\.9+)?)?")
WHOLE = re.compile(r"9+")  # shape of a whole number
MIN_WEEKS = 20  # the same, of years with weeks of 1 to 53, which half of such numbers fit
MIN_DISTINCT = 3  # dates in digits alone, below which they could be any numbers
MIN_STEPS = 10  # of the first rows, that tell whether they are in order
IN_ORDER = 0.2  # of the first rows: by so many more go on in one direction
NEAR = 0.05  # of regularity: by so little more, an order of day and month is no better
MOST_EVEN = 0.5  # of the steps between months, that are alike
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
    has_midnight
        Whether a text says that it is midnight: 00:00.
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
    has_midnight: bool = False
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
            has_midnight=bool(plain.str.contains(MIDNIGHT).any()),
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
            has_midnight=self.has_midnight or following.has_midnight,
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
        digits = self.digits if self.n_distinct >= MIN_WEEKS else self.digits - {WEEK_DIGITS}
        if not self.has_text:
            fitting = [p for p in ALL_DIGITS if p in digits]
            if not fitting or self.n_distinct < MIN_DISTINCT or not self.numbers.n:
                return None
            return DateFormat(pattern=fitting[0])
        formats = formats_of(self.shapes)
        formats = [f for f in formats if f.pattern not in ALL_DIGITS or f.pattern in digits]
        if not formats and not strict:
            formats = formats_of(like(self.plain_first, self.shapes))
        formats = [f for f in formats if self._may_be_months(f)]
        if order:
            first = ORDERS[order]
            formats = [f for f in formats if f.pattern.lower().lstrip("%-").startswith(first)]
        if len(formats) < 2 or not self.days:
            return formats[0] if formats else None
        return self._most_regular(formats, name)

    def _may_be_months(self, date_format: DateFormat) -> bool:
        """Tell whether texts of a month's name and a number are months of years.

        `Set 2019` and `Mars 10` may be names of things, `März 01` a day: months of years follow
        each other in even steps, and those whose years have two digits do so row by row. Of
        English names with four digits that is not asked.
        """
        pattern = date_format.pattern
        is_named = "%b" in pattern.lower()
        has_day = "%d" in pattern or "%-d" in pattern
        is_plain = date_format.names is None and "%Y" in pattern
        if not is_named or has_day or is_plain:
            return True
        texts = pd.Series([self._without_zone(text) for text in self.some], dtype=object)
        dates = date_format.read(texts).dropna()
        months = dates.dt.year * 12 + dates.dt.month
        steps = np.abs(np.diff(months))
        sorted_steps = np.diff(np.unique(months))
        if not len(sorted_steps) or dates.dt.month.nunique() < MIN_MONTHS:
            return False
        values, counts = np.unique(sorted_steps, return_counts=True)
        commonest = values[counts.argmax()]
        is_even = counts.max() > MOST_EVEN * counts.sum()
        return bool(is_even and ("%Y" in pattern or (steps == commonest).mean() > MOST_EVEN))

    def _without_zone(self, text: str) -> str:
        return ZONE.sub("", text) if self.zones else text

    def _in_order(
        self, fitting: list[tuple[DateFormat, pd.Series]]
    ) -> list[tuple[DateFormat, pd.Series]]:
        """Return the formats by which the first rows are in order, where others shuffle them."""
        some = pd.Series(self.some, dtype=object)
        shares = []
        for one, _ in fitting:
            steps = one.read(some).diff().dropna().dt.total_seconds()
            steps = steps[steps != 0]
            shares.append(abs((steps > 0).mean() - 0.5) if len(steps) >= MIN_STEPS else 0.0)
        least = max(shares) - IN_ORDER
        return list(compress(fitting, np.array(shares) > least))

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
        fitting = self._in_order(fitting)
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
        if date_format is not None and not (self.has_midnight or self.zones):
            date_format = date_format.without_midnight()
        if types.is_numeric_dtype(column.dtype):
            return self._number_writing(dtype, date_format)
        if not self.has_text:
            return TextDates(dtype=dtype, format=DateFormat(pattern="%Y-%m-%d"))
        is_whole = all(WHOLE.fullmatch(shape) for shape in self.shapes)
        if is_whole and (date_format is None or not self._are_most(date_format)):
            return TextNumbers(dtype=dtype, width=min(map(len, self.shapes)))
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
        return is_digits or self._are_most(date_format)

    def _are_most(self, date_format: DateFormat) -> bool:
        """Tell whether most texts are dates of a format."""
        some = pd.Series([self._without_zone(text) for text in self.some])
        return bool(date_format.read(some).notna().mean() > MOST)

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
