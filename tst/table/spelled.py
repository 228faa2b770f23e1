"""Numbers that are text, as `$1,234.50` or `12.5 %`: read as numbers, written as they stood."""

import re
from collections.abc import Collection, Sequence
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
    r"(?P<first>[-−+(]?)(?P<before>[^\d.,()+−-]*)(?P<inner>[-−+]?)"
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
NO_SIGN = ("", "", "")
Plus = Literal["", "above", "from"]
PLUS: dict[tuple[str, str, str], Minus] = {("+", "", ""): "first", ("", "+", ""): "inner"}
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
    plus
        Whether a plus stands at the same place in numbers above 0, or in those from 0 on.
    """

    before: str
    behind: str
    thousands: str
    decimal: str
    decimals: int
    is_padded: bool
    minus: Minus = "first"
    plus: Plus = ""

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
        signs = _signs(found)
        if len(around) != 1 or signs is None:
            return None
        minus, plus = signs
        ((before, behind),) = around
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
                minus=minus,
                plus=plus,
            )
            if one.comes_back(column).all():
                fitting.append(one)
        if is_plain and (are_apart or len(fitting) > 1):
            fitting = [one for one in fitting if one.decimal == "."]
        return fitting[0] if len(fitting) == 1 else None

    def comes_back(self, texts: pd.Series) -> np.ndarray:
        """Return which texts are written as they stand, bool (n_rows,); 0.0 may lose its sign."""
        numbers = self.read(texts)
        size = self._size(0.0)
        zeros = [self._signed(size, -1), self._signed(size, 1)]
        is_zero = (numbers == 0) & texts.isin(zeros)
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
        is_negative = bool(set(parts.group("first", "inner", "last")) - {"", "+"})
        return -size if is_negative else size

    def _text(self, number: float) -> str:
        size = self._size(number)
        sign = int(np.sign(number)) if re.search("[1-9]", size) else 0
        if not sign and self.plus == "from":
            sign = 1
        return self._signed(size, sign)

    def _size(self, number: float) -> str:
        """Return the digits of a number, whatever its sign."""
        size = f"{abs(number):,.{self.decimals}f}"
        if not self.is_padded:
            size = size.rstrip("0").rstrip(".")
        meant = {",": self.thousands, ".": self.decimal}
        return re.sub("[,.]", lambda sign: meant[sign[0]], size)

    def _signed(self, size: str, sign: int) -> str:
        """Return digits with the sign of a number below 0 (-1), of one above (1), or none (0)."""
        first = inner = last = ""
        if sign < 0:
            first, inner, last = SIGNS[self.minus]
        elif sign > 0 and self.plus:
            first, inner, last = next(one for one in PLUS if self.minus.endswith(PLUS[one]))
        return f"{first}{self.before}{inner}{size}{self.behind}{last}"


def _signs(found: Sequence[re.Match[str]]) -> tuple[Minus, Plus] | None:
    """Return where a minus and a plus stand in numbers; None where there is no one way.

    What all have alike is none: (212), 12- and +49 are codes.
    """
    of_zeros = set()
    signs = set()
    for parts in found:
        one = (parts["first"], parts["inner"], parts["last"])
        signs.add(one)
        if not re.search("[1-9]", parts["digits"]):
            of_zeros.add(one)
    places = {PLUS[one] for one in signs if one in PLUS}
    ways = {MINUS.get(one) for one in signs - {NO_SIGN, *PLUS}}
    minus: Minus | None = next(iter(ways or places), "first")
    if len(ways) > 1 or minus is None:
        return None
    if not places:
        if not minus.endswith("first") and NO_SIGN not in signs:
            return None
        return minus, ""
    if places != {minus.removeprefix("true ")} or len(signs) < 2:
        return None
    if of_zeros and NO_SIGN not in of_zeros:
        return minus, "from"
    return minus, "above"


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
