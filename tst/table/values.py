"""Values of one column of a user's table as float64: its numbers, their digits, what is missing.

Dates count as seconds since 1970 and durations as seconds. What cannot be a number in float32 is a
DataError that names the column, the value and the row.
"""

import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError

LARGEST = 1e30  # float32 ends at 3e38; this leaves room for squares and margins
DIGITS = 7  # decimal digits that float32 keeps
# of a number that somebody wrote; in float64 a number that was computed has twelve or more
WRITTEN_DIGITS = 11
MAX_DECIMALS = 12  # more are rounding errors of float64 rather than digits that somebody wrote
SHIFTED = 100  # times its range that a number must be before the least one is subtracted
FEW = 20  # distinct numbers, up to which they are told apart one by one
# A number is taken for a code for missing only where it stands often enough that a rare outlier
# cannot be meant: this many times, and this share of the values.
MIN_CODED = 20
MIN_CODED_SHARE = 0.0005
MAX_WORDS = 3  # that stand for missing in a column
N_TRIED = 1000  # numbers of a part that are looked at first
CURRENCIES = "AUD|CAD|CHF|CNY|CZK|DKK|EUR|GBP|INR|JPY|NOK|PLN|SEK|USD"
# A number as people write it: with a currency, a unit, thousands apart, a decimal comma, a minus
# behind.
SPELLED = (
    rf"[-−+(]?(?:(?:[$€£¥₹]|{CURRENCIES}|R\$|Rs\.)\s?)?[-−+]?"
    r"(?:\d{1,3}(?:[,.'’\u00a0\u202f]\d{3})+(?:[.,]\d+)?"
    r"|\d{1,3}(?: \d{3})+[.,]\d+|\d+(?:[.,]\d+)?)"
    r"(?:\s?(?:[%‰$€£¥]|°\s?[CFK])|\s[A-Za-zµ]{1,4}(?:/[A-Za-z]{1,3})?)?[-−)]?"
)
UNIT = r"\s([A-Za-zµ/]+)\)?$"  # behind a number
TRUE_MINUS = "−"  # U+2212: beside it, numbers without a sign are numbers as text, too
MAX_UNITS = 5  # of a column: 1011 AB is a postcode
# What is written instead of a number that is missing.
PLACEHOLDERS = frozenset(
    "- -- --- – — − . .. ... * ** ? ?? x #DIV/0! #N/V #REF! #VALUE! #WERT! k.A. k.a. missing "
    "n.a. n.d. nd no_data none unknown".split()
)
LETTER = re.compile(r"[A-Za-z]\d?")  # a code
SIGN_SHIFT = np.uint64(63)
SIGN = np.uint64(1) << SIGN_SHIFT  # bit of a float64

Epoch = Literal["", "datetime", "timedelta"]  # what seconds stand for; "": plain numbers


def row_name(column: pd.Series, position: int) -> str:
    """Say which row of the user's table a position is, counted from 1 below the heading."""
    return f"row {int(column.index[position]) + 1:,}"


def is_numeric(column: pd.Series) -> bool:
    """Tell whether a column holds plain numbers, not truth values, dates or durations."""
    return types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)


def is_number(column: pd.Series) -> bool:
    """Tell whether a column holds numbers, dates or durations, not names or truth values."""
    dtype = column.dtype
    return (
        is_numeric(column)
        or types.is_datetime64_any_dtype(dtype)
        or types.is_timedelta64_dtype(dtype)
    )


def is_named(column: pd.Series) -> bool:
    """Tell whether a column holds text, or categories of whatever kind."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    return types.is_object_dtype(dtype) or types.is_string_dtype(dtype)


def free_name(name: str, taken: Container[str]) -> str:
    """Return a name that is not taken: this one, or it with underscores behind."""
    while name in taken:
        name += "_"
    return name


def to_numbers(column: pd.Series) -> tuple[np.ndarray, Epoch]:
    """Return a column's numbers, and what they stand for where they are seconds.

    Returns
    -------
    x
        float64, shape (n_rows,), NaN where missing.
    epoch
        datetime where `x` is seconds since 1970 (UTC), timedelta where it is seconds, else empty.

    Raises
    ------
    DataError
        Where a value is infinite or beyond `LARGEST`.
    """
    if types.is_datetime64_any_dtype(column.dtype):
        return _seconds(without_zone(column), "datetime64[ns]"), "datetime"
    if types.is_timedelta64_dtype(column.dtype):
        return _seconds(column, "timedelta64[ns]"), "timedelta"
    x = column.to_numpy(np.float64, na_value=np.nan)
    too_large = np.flatnonzero(np.abs(x) > LARGEST)
    if len(too_large):
        first = too_large[0]
        raise DataError(
            f"column '{column.name}' holds {x[first]:g} in {row_name(column, first)}, "
            f"beyond {LARGEST:g}: correct it, or leave it empty (missing)."
        )
    return x, ""


def without_zone(dates: pd.Series) -> pd.Series:
    """Return dates without a time zone, in UTC where they had one."""
    if dates.dt.tz is None:
        return dates
    return dates.dt.tz_convert("UTC").dt.tz_localize(None)


def with_zone_of(dates: pd.Series, dtype: object) -> pd.Series:
    """Return dates without a zone, in UTC, as a dtype that may have one: inverts `without_zone`."""
    zone = getattr(dtype, "tz", None)
    if zone is not None:
        dates = dates.dt.tz_localize("UTC").dt.tz_convert(zone)
    return dates.astype(dtype)


def _seconds(column: pd.Series, unit: str) -> np.ndarray:
    nanoseconds = column.to_numpy(unit).astype("int64")
    return np.where(column.isna(), np.nan, nanoseconds / 1e9)


def from_seconds(x: np.ndarray, missing: np.ndarray, dtype: object, epoch: Epoch) -> pd.Series:
    """Return dates or durations of a dtype from seconds: inverts `to_numbers`.

    Milliseconds are kept; `ColumnCodec` codes whole seconds.

    Parameters
    ----------
    x
        float64, shape (n_rows,), seconds.
    missing
        bool, shape (n_rows,): True where the value is left empty.
    dtype, epoch
        Of the column: its pandas dtype, and datetime or timedelta.
    """
    milliseconds = np.round(np.asarray(x, np.float64) * 1e3).astype("int64")
    nanoseconds = milliseconds * 1_000_000
    return with_zone_of(pd.Series(nanoseconds.astype(f"{epoch}64[ns]")).where(~missing), dtype)


class TextCheck:
    """Finds, part by part, a column of text that holds numbers, but for some, or with signs."""

    def __init__(self) -> None:
        self.n_text = 0
        self.n_values = 0
        self.first_text = ""  # and its row
        self.texts: set[str] = set()  # some of them
        self.numbers: set[str] = set()  # some of the others
        self.n_fractions = 0  # of the numbers, those with a point
        self.n_spelled = 0  # such as 56.7%, not 007
        self.spelled: set[str] = set()  # some of them
        self.units: set[str] = set()  # behind them

    def add(self, column: pd.Series) -> None:
        """Count the texts of a part that are numbers, and those that are not."""
        if types.is_bool_dtype(column.dtype):
            return
        counts = column.value_counts()
        texts = pd.Series(counts.index.astype(str))
        is_text = pd.to_numeric(texts, errors="coerce").isna().to_numpy()
        self.n_text += int(counts[is_text].sum())
        self.n_values += int(counts.sum())
        self.texts.update(texts[is_text][: FEW + 1])
        self.numbers.update(texts[~is_text][: FEW + 1])
        is_fraction = ~is_text & texts.str.contains(".", regex=False).to_numpy(bool)
        self.n_fractions += int(counts[is_fraction].sum())
        is_spelled = texts.str.fullmatch(SPELLED).to_numpy(bool)
        if not texts[is_spelled].str.startswith(TRUE_MINUS).any():
            is_spelled = is_spelled & ~texts.str.fullmatch(r"\d+").to_numpy(bool)
        self.n_spelled += int(counts[is_spelled].sum())
        if len(self.spelled) <= FEW:
            self.spelled.update(texts[is_spelled][: FEW + 1])
        self.units.update(texts[is_spelled].str.extract(UNIT)[0].dropna().unique()[: FEW + 1])
        if is_text.any() and not self.first_text:
            first = int(np.argmax(column.isin(counts.index[is_text])))
            self.first_text = f"'{column.iloc[first]}' in {row_name(column, first)}"

    @property
    def has_placeholder(self) -> bool:
        """Whether all but measured numbers is a word or two for missing, however often it stands.

        Whole numbers beside another word may be codes.
        """
        if not self.n_text or len(self.numbers) <= FEW or len(self.texts) > MAX_WORDS:
            return False
        is_measured = self.n_fractions > (self.n_values - self.n_text) / 2
        return is_measured or self.texts <= PLACEHOLDERS

    @property
    def is_spelled(self) -> bool:
        """Whether most are numbers that are written with signs, alike."""
        is_most = self.n_spelled > self.n_values / 2 and len(self.spelled) > FEW
        return is_most and len(self.units) <= MAX_UNITS

    @property
    def is_code(self) -> bool:
        """Whether a few whole numbers, and letters that stand often, are codes: 0, a, b.

        A letter that stands once or twice is a slip, and a word is an error or a limit.
        """
        is_few = len(self.numbers) <= FEW and len(self.texts) <= FEW and not self.n_fractions
        are_letters = all(map(LETTER.fullmatch, self.texts))
        return is_few and are_letters and self.n_text >= MIN_CODED and not self.texts & PLACEHOLDERS

    def check(self, name: object) -> None:
        """Raise DataError where most are numbers and not all, or most are written with signs."""
        is_most = 0 < self.n_text < self.n_values / 2
        if (is_most and not self.is_code) or self.has_placeholder:
            others = "most" if is_most else "all"
            raise DataError(
                f"column '{name}' holds {self.first_text}, {others} others are numbers: correct "
                "it, or leave it empty (missing), or say that all are codes (categorical: "
                f"{name})."
            )
        if self.is_spelled:
            shown = min(self.spelled & self.texts or self.spelled)
            raise DataError(
                f"column '{name}' holds numbers as text ('{shown}'): write them as "
                f"plain numbers (1234.5), or leave the column out (leave_out: {name})."
            )


def check_text(column: pd.Series) -> None:
    """Raise DataError where a column of text holds mostly numbers."""
    text = TextCheck()
    text.add(column)
    text.check(column.name)


def fill_gaps(x: np.ndarray, starts: np.ndarray, median: Callable[[], float]) -> np.ndarray:
    """Return numbers without NaN.

    A missing number becomes the last one before it in its series, or else the next one in its
    series, or else the median of all.

    Parameters
    ----------
    x
        float64, shape (n_rows,), NaN where missing.
    starts
        int, shape (n_rows,): the first row of each row's series.
    median
        Returns the median of all; called where it is needed.
    """
    known = np.isfinite(x)
    if known.all():
        return x
    rows = np.arange(len(x))
    before = np.maximum.accumulate(np.where(known, rows, -1))
    after = np.minimum.accumulate(np.where(known, rows, len(x))[::-1])[::-1]
    start_at = np.append(starts, -1)  # `after` is len(x) where no number follows
    has_next = start_at[after] == starts
    filled = np.where(before >= starts, x[before], x[np.minimum(after, len(x) - 1)])
    is_unknown = ~has_next & (before < starts)
    if is_unknown.any():
        filled[is_unknown] = median()
    return filled


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What a codec needs of many finite numbers, gone through in parts.

    Parameters
    ----------
    n
        How many.
    low, n_low, next_low
        The least, how often it occurs, and the least of the others (inf where there is none).
    high, n_high, next_high
        The greatest, and the same of it (-inf).
    distinct
        Distinct ones, of which no more than `FEW` + 2 are kept.
    decimals
        The least number of decimals that none exceeds; None beyond `MAX_DECIMALS`.
    """

    n: int = 0
    low: float = np.inf
    n_low: int = 0
    next_low: float = np.inf
    high: float = -np.inf
    n_high: int = 0
    next_high: float = -np.inf
    distinct: tuple[float, ...] = ()
    decimals: int | None = 0

    @classmethod
    def of(cls, x: np.ndarray) -> Self:
        """Return the facts of numbers, float64, shape (n_values,)."""
        if not len(x):
            return cls()
        low = float(x.min())
        high = float(x.max())
        is_low = x == low
        is_high = x == high
        return cls(
            n=len(x),
            low=low,
            n_low=int(is_low.sum()),
            next_low=float(x.min(initial=np.inf, where=~is_low)),
            high=high,
            n_high=int(is_high.sum()),
            next_high=float(x.max(initial=-np.inf, where=~is_high)),
            distinct=_few_distinct(x),
            decimals=_decimals(x),
        )

    def joined(self, other: "Numbers") -> "Numbers":
        """Return the facts of these numbers and of others."""
        low = min(self.low, other.low)
        high = max(self.high, other.high)
        lower = [x for part in (self, other) for x in (part.low, part.next_low) if x > low]
        higher = [x for part in (self, other) for x in (part.high, part.next_high) if x < high]
        decimals = None
        if self.decimals is not None and other.decimals is not None:
            decimals = max(self.decimals, other.decimals)
        return Numbers(
            n=self.n + other.n,
            low=low,
            n_low=sum(part.n_low for part in (self, other) if part.low == low),
            next_low=min(lower, default=np.inf),
            high=high,
            n_high=sum(part.n_high for part in (self, other) if part.high == high),
            next_high=max(higher, default=-np.inf),
            distinct=tuple({*self.distinct, *other.distinct})[: FEW + 2],
            decimals=decimals,
        )

    def missing_code(self) -> float | None:
        """Return the number that stands for missing in a measurement (-1, -999, 9999), or None.

        It is the least or the greatest, whole, repeated, and either the only one below 0 or farther
        from all others than half their range.
        """
        for code, n_coded, least, greatest in (
            (self.low, self.n_low, self.next_low, self.high),
            (self.high, self.n_high, self.low, self.next_high),
        ):
            is_frequent = n_coded >= max(MIN_CODED, MIN_CODED_SHARE * self.n)
            is_minority = self.n - n_coded > self.n / 2
            is_whole = code == np.round(code)
            has_many_others = len(self.distinct) > FEW + 1
            if not (is_frequent and is_minority and is_whole and has_many_others):
                continue
            is_only_negative = code < 0 <= least
            nearest = min(abs(least - code), abs(greatest - code))
            if is_only_negative or nearest > (greatest - least) / 2:
                return code
        return None

    def without(self, code: float | None) -> tuple[float, float]:
        """Return the least and the greatest number but for a code for missing."""
        low = self.next_low if self.low == code else self.low
        high = self.next_high if self.high == code else self.high
        return low, high

    def rounding(self, code: float | None = None) -> int | None:
        """Return the least number of decimals that no value exceeds; None where nobody wrote them.

        Parameters
        ----------
        code
            A number that is left out.
        """
        if not self.decimals:
            return self.decimals
        n_digits = _exponent(*self.without(code)) + 1 + self.decimals
        return self.decimals if n_digits <= WRITTEN_DIGITS else None

    def is_far_from_zero(self, code: float | None = None) -> bool:
        """Tell whether float32 keeps more digits of numbers from which the least is subtracted.

        So it is where they are large beside their range, as prices of one month are, or have more
        digits than float32 keeps and less of them in their range, as places on a map do.

        Parameters
        ----------
        code
            A number that is left out.
        """
        low, high = self.without(code)
        if max(abs(low), abs(high)) > SHIFTED * max(high - low, 1e-30):
            return True
        decimals = self.rounding(code)
        exponent = _exponent(low, high)
        has_more_digits = decimals is not None and exponent + decimals >= DIGITS
        return has_more_digits and _exponent(high - low) < exponent


def _exponent(*x: float) -> int:
    """Return the power of ten that the largest of numbers reaches."""
    return int(np.floor(np.log10(max(1e-30, *map(abs, x)))))


def _few_distinct(x: np.ndarray) -> tuple[float, ...]:
    """Return distinct numbers, no more than `FEW` + 2 of them."""
    distinct = pd.unique(x[:N_TRIED])
    if len(distinct) < FEW + 2:
        distinct = pd.unique(x)
    return tuple(distinct[: FEW + 2].tolist())


def _decimals(x: np.ndarray) -> int | None:
    """Return the least number of decimals that no value exceeds, None beyond `MAX_DECIMALS`.

    A number that is rounded to more decimals than it has stays as it is: where the first numbers
    have more than some decimals, all have.
    """
    n_decimals = 0
    for part in (x[:N_TRIED], x):
        while not np.allclose(np.round(part, n_decimals), part, rtol=1e-12, atol=0):
            n_decimals += 1
            if n_decimals > MAX_DECIMALS:
                return None
    return n_decimals


def median(parts: Callable[[], Iterable[np.ndarray]]) -> float:
    """Return the median of numbers in parts, which are gone through four times.

    Of the two middle ones the lower: a number that occurs, as one between may not. Each time the
    next 16 bits of it are found, by counting.

    Parameters
    ----------
    parts
        Returns, whenever it is called, float64 arrays of shape (n,), without NaN.
    """
    rank = (sum(map(len, parts())) - 1) // 2
    prefix = 0
    for shift in (48, 32, 16, 0):
        count = np.zeros(2**16, np.int64)
        for part in parts():
            keys = _sortable_bits(part)
            if shift < 48:
                keys = keys[keys >> np.uint64(shift + 16) == np.uint64(prefix)]
            digits = (keys >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64)
            count += np.bincount(digits, minlength=2**16)
        reached = np.cumsum(count)
        digit = int(np.searchsorted(reached, rank, "right"))
        if digit:
            rank -= int(reached[digit - 1])
        prefix = prefix << 16 | digit
    return float(_from_sortable_bits(np.array([prefix], np.uint64))[0])


def _sortable_bits(x: np.ndarray) -> np.ndarray:
    """Return numbers, float64 (n,), as uint64 that are in the same order."""
    bits = np.ascontiguousarray(x).view(np.uint64)
    return np.where(bits >> SIGN_SHIFT, ~bits, bits | SIGN)


def _from_sortable_bits(keys: np.ndarray) -> np.ndarray:
    """Return the numbers, inverting `_sortable_bits`."""
    return np.where(keys >> SIGN_SHIFT, keys ^ SIGN, ~keys).view(np.float64)


def shortest(x: np.ndarray, decimals: int) -> np.ndarray:
    """Return the numbers of fewest digits that float32 cannot tell from these, float64 (n,).

    Only of those with more digits, at so many decimals, than float32 keeps: 16863.80078125 is
    16863.8 there.
    """
    is_long = np.abs(x) * 10.0**decimals >= 10.0**DIGITS
    if not is_long.any():
        return x
    x = x.copy()
    x[is_long] = x[is_long].astype(np.float32).astype(str).astype(np.float64)
    return x


def rounded(x: np.ndarray, decimals: int) -> np.ndarray:
    """Return numbers of so many decimals, of which none is -0.0."""
    return np.round(x, decimals) + 0.0


def round_to_digits(x: np.ndarray) -> np.ndarray:
    """Return numbers with the digits that float32 keeps."""
    magnitude = np.floor(np.log10(np.where(x == 0, 1.0, np.abs(x))))
    # Below 1e-300 the unit would be infinite; float32 knows no such number but 0.
    unit = 10.0 ** (DIGITS - 1 - np.maximum(magnitude, -300))
    return np.round(x * unit) / unit
