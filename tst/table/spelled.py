"""Numbers that are text, as `$1,234.50` or `12.5 %`: read as numbers, written as they stood."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import permutations
from typing import Literal, Self

import numpy as np
import pandas as pd

from tst.table.values import CURRENCIES

MAX_DECIMALS = 12
LARGEST = 1e15  # whole numbers above are not told apart as float64
DECIMAL = (".", ",", "")  # what may stand before decimals; nothing where there are none
# A sign or bracket, what stands before the digits, a sign, the digits, what stands behind, a sign
# or bracket.
PARTS = re.compile(
    r"(?P<first>[-−(]?)(?P<before>[^\d.,()+−-]*)(?P<inner>[-−]?)"
    r"(?P<digits>\d(?:[\d.,'’ \u00a0\u202f]*\d)?)(?P<behind>[^\d()+−-]*)(?P<last>[-−)]?)"
)
# What may stand behind a number: signs, currencies, units of measurement.
UNITS = (
    r"[kMGTmcnµdh]?(?:g|m|s|l|L|W|V|Hz|Pa|J|Wh|VA|bar|mol)|[kMGTP]i?B|[kMG]?bit|min|hr?|hrs|days?"
    r"|yrs?|lbs?|oz|ft|in|mi|yd|mph|rpm|bpm|ppm|ppb|dB|mmHg|k?cal|kn|ha|t|pcs"
)
EACH = r"(?:/(?:s|min|h|d|m|km|m2|m3|ha|l|L|dl|dL|kg|g|mol|kWh))?"
BEHIND = rf"\s?(?:[%‰$€£¥₹°]|°\s?[CFK]|{CURRENCIES}|(?:{UNITS}){EACH}[²³23]?)?"
GROUPED = r"\d{1,3}(?:\D\d{3})+"
Minus = Literal["first", "inner", "last", "brackets", "true first", "true inner", "true last"]
MINUS: dict[tuple[str, str, str], Minus] = {
    ("-", "", ""): "first",
    ("", "-", ""): "inner",
    ("", "", "-"): "last",
    ("(", "", ")"): "brackets",
    ("−", "", ""): "true first",
    ("", "−", ""): "true inner",
    ("", "", "−"): "true last",
}
SIGNS = {minus: signs for signs, minus in MINUS.items()}
EXAMPLES = {False: 12.5, True: 1234.5}  # whether thousands are apart


def matches(form: re.Pattern[str], values: Collection[object]) -> list[re.Match[str]] | None:
    """Return the matches of values that all are texts of a form, else None."""
    found = []
    for value in values:
        parts = form.fullmatch(value) if isinstance(value, str) else None
        if parts is None:
            return None
        found.append(parts)
    return found


class NumbersAsText:
    """How numbers are read that are text, and written: each distinct one once."""

    def _number(self, text: str) -> float:
        """Return the number of a text, NaN where it is not written so."""
        raise NotImplementedError

    def _text(self, number: float) -> str:
        """Return a number as text."""
        raise NotImplementedError

    def read(self, texts: pd.Series) -> pd.Series:
        """Return numbers, float64, NaN where a text is missing or not written so."""
        codes, distinct = pd.factorize(texts)
        numbers = [self._number(str(text)) for text in distinct]
        return pd.Series(np.array([*numbers, np.nan])[codes], index=texts.index)

    def write(self, numbers: pd.Series) -> pd.Series:
        """Return numbers as text, None where they are missing: inverts `read`."""
        codes, distinct = pd.factorize(numbers)
        texts = [self._text(float(number)) for number in distinct]
        written = np.array([*texts, None], dtype=object)[codes]
        return pd.Series(written, index=numbers.index, dtype=object)


@dataclass(frozen=True, kw_only=True)
class Spelling(NumbersAsText):
    """How the numbers of a column are written.

    Parameters
    ----------
    before, behind
        What stands around the digits: a currency, a unit, with blanks.
    thousands, decimal
        What stands between thousands, and before decimals; empty where there is no such.
    decimals
        How many digits stand behind the decimal sign, at most.
    is_padded
        Whether all have so many; else zeros at the end are left out.
    minus
        Where a minus stands: first of all, behind what stands before, or last; or brackets instead.
        It is a hyphen, or a true minus (U+2212).
    """

    before: str
    behind: str
    thousands: str
    decimal: str
    decimals: int
    is_padded: bool
    minus: Minus = "first"

    @classmethod
    def of(cls, texts: Collection[str], is_plain: bool = False) -> Self | None:
        """Return the one way in which all texts are numbers; None where there is none, or several.

        1,234 alone may be a thousand, or one and some decimals.

        Parameters
        ----------
        is_plain
            Whether 1.234 has decimals, as in a column of numbers.
        """
        found = matches(PARTS, texts)
        if found is None:
            return None
        around = {parts.group("before", "behind") for parts in found}
        signs = {(parts["first"], parts["inner"], parts["last"]) for parts in found}
        ways = [MINUS.get(one) for one in signs - {("", "", "")}] or ["first"]
        if len(around) != 1 or len(ways) > 1 or ways[0] is None:
            return None
        ((before, behind),) = around
        if not ways[0].endswith("first") and ("", "", "") not in signs:
            return None  # (212) and 12- are codes where all are written so
        digits = [parts["digits"] for parts in found]
        are_apart = _are_all_apart(digits, before + behind)
        if not re.fullmatch(BEHIND, behind) or (are_apart and not is_plain):
            return None
        column = pd.Series(list(texts), dtype=object)
        fitting = []
        for thousands, decimal, n_decimals in _ways(digits):
            one = cls(
                before=before,
                behind=behind,
                thousands=thousands,
                decimal=decimal,
                decimals=max(n_decimals),
                is_padded=min(n_decimals) == max(n_decimals),
                minus=ways[0],
            )
            if one.comes_back(column).all():
                fitting.append(one)
        if is_plain and (are_apart or len(fitting) > 1):
            fitting = [one for one in fitting if one.decimal == "."]
        return fitting[0] if len(fitting) == 1 else None

    def comes_back(self, texts: pd.Series) -> np.ndarray:
        """Return which texts are written as they stand, bool (n_rows,); -0.0 may lose its sign."""
        numbers = self.read(texts)
        is_zero = (numbers == 0) & (texts == self._signed(self._size(0.0), is_negative=True))
        return ((self.write(numbers) == texts) | is_zero).to_numpy(bool)

    @property
    def example(self) -> str:
        """A number as it is written, a negative one where its sign is no hyphen in front."""
        number = EXAMPLES[bool(self.thousands)]
        return self._text(number if self.minus == "first" else -number)

    def _number(self, text: str) -> float:
        parts = PARTS.fullmatch(text)
        if parts is None or parts.group("before", "behind") != (self.before, self.behind):
            return np.nan
        plain = parts["digits"]
        for sign, meant in ((self.thousands, ""), (self.decimal, ".")):
            if sign:
                plain = plain.replace(sign, meant)
        try:
            size = float(plain)
        except ValueError:
            return np.nan
        if size >= LARGEST:
            return np.nan
        is_negative = any(parts.group("first", "inner", "last"))
        return -size if is_negative else size

    def _text(self, number: float) -> str:
        size = self._size(number)
        return self._signed(size, number < 0 and bool(re.search("[1-9]", size)))

    def _size(self, number: float) -> str:
        """Return the digits of a number, whatever its sign."""
        size = f"{abs(number):,.{self.decimals}f}"
        if not self.is_padded:
            size = size.rstrip("0").rstrip(".")
        meant = {",": self.thousands, ".": self.decimal}
        return re.sub("[,.]", lambda sign: meant[sign[0]], size)

    def _signed(self, size: str, is_negative: bool) -> str:
        first = inner = last = ""
        if is_negative:
            first, inner, last = SIGNS[self.minus]
        return f"{first}{self.before}{inner}{size}{self.behind}{last}"


def _are_all_apart(digits: Collection[str], around: str) -> bool:
    """Tell whether all numbers are groups of three digits and nothing more, as codes may be."""
    return not around.strip() and all(re.fullmatch(GROUPED, number) for number in digits)


def _ways(digits: Collection[str]) -> list[tuple[str, str, list[int]]]:
    """Return what may stand between thousands and before decimals, and the decimals of each number.

    Whatever stands between digits is one of both.
    """
    marks = sorted(set(re.sub(r"\d", "", "".join(digits))))
    if len(marks) > 2:
        return []
    found = []
    for thousands, decimal in permutations([*marks, "", ""], 2):
        if {thousands, decimal} - {""} != set(marks) or decimal not in DECIMAL:
            continue
        if thousands == " " and not decimal:  # 66 658 may be a code, 3 478 two numbers
            continue
        whole = r"\d+"
        if thousands:
            whole = rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})*"
        behind = ""
        if decimal:
            behind = rf"(?:{re.escape(decimal)}(?P<behind>\d{{1,{MAX_DECIMALS}}}))?"
        form = re.compile(rf"{whole}{behind or '(?P<behind>)'}")
        n_decimals = []
        for number in digits:
            match = form.fullmatch(number)
            if match:
                n_decimals.append(len(match["behind"] or ""))
        if len(n_decimals) == len(digits) and (thousands, decimal, n_decimals) not in found:
            found.append((thousands, decimal, n_decimals))
    return found
