"""Times of day and durations that are text, as `07:45`, `1:02:33.5` or `7:45 PM`: read as numbers.

They count the last unit that they show: minutes of `07:45`, seconds of `1:02:33`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from tst.table.spelled import NumbersAsText, matches

# The first part has as many digits as it needs; half a day may be said behind.
PARTS = re.compile(
    r"(?P<first>\d{1,4}):(?P<second>[0-5]\d)(?::(?P<third>[0-5]\d)(?:(?P<point>[.,])"
    r"(?P<decimals>\d{1,6}))?)?(?P<blank> ?)(?P<half>[AaPp][Mm])?"
)
HALF_DAY, HOURS = 12, 24
MAX_DECIMALS = 6

HALVES = ("", "AM", " AM", "am", " am")
LATER = str.maketrans("Aa", "Pp")  # of the halves of a day
EARLIER = str.maketrans("Pp", "Aa")


@dataclass(frozen=True, kw_only=True)
class Clock(NumbersAsText):
    """How the times of day, or durations, of a column are written.

    Parameters
    ----------
    n_parts
        Two or three, with colons between them.
    is_padded
        Whether the first has two digits at least.
    point, decimals
        What stands before decimals, and how many there are; empty and 0 where there are none.
    half
        How the first half of the day is said behind the hours of twelve, with its blank; empty:
        hours go on.
    is_of_day
        Whether they are times of a day: all before 24 hours, some after 12.
    """

    n_parts: int
    is_padded: bool
    point: str = ""
    decimals: int = 0
    half: str = ""
    is_of_day: bool = False

    def __post_init__(self) -> None:
        is_known = self.n_parts in (2, 3) and self.point in ("", ".", ",") and self.half in HALVES
        if not is_known or bool(self.point) != (0 < self.decimals <= MAX_DECIMALS):
            raise ValueError("no times are written so")

    @classmethod
    def of(cls, texts: Collection[str]) -> Self | None:
        """Return the way in which all texts are such times; None where there is none."""
        found = matches(PARTS, texts)
        if not found:
            return None
        half = (found[0]["blank"] + (found[0]["half"] or "")).translate(EARLIER)
        if half not in HALVES:
            return None
        one = cls(
            n_parts=2 + (found[0]["third"] is not None),
            is_padded=min(len(parts["first"]) for parts in found) > 1,
            point=found[0]["point"] or "",
            decimals=len(found[0]["decimals"] or ""),
            half=half,
        )
        column = pd.Series(list(texts), dtype=object)
        if not one.comes_back(column).all():
            return None
        last = one.read(column).max() / one.units_a_day
        return replace(one, is_of_day=bool(0.5 <= last < 1))

    @property
    def units_a_day(self) -> int:
        """How many of the units that they count a day has."""
        return HOURS * 60 ** (self.n_parts - 1)

    def comes_back(self, texts: pd.Series) -> np.ndarray:
        """Return which texts are written as they stand, bool (n_rows,)."""
        return (self.write(self.read(texts)) == texts).to_numpy(bool)

    @property
    def example(self) -> str:
        """A time as it is written."""
        return self._text({2: 7 * 60 + 45, 3: (60 + 2) * 60 + 33}[self.n_parts])

    def _number(self, text: str) -> float:
        parts = PARTS.fullmatch(text)
        if parts is None or (parts["third"] is None) != (self.n_parts == 2):
            return np.nan
        first = int(parts["first"])
        if parts["half"]:
            if not 1 <= first <= HALF_DAY:
                return np.nan
            first = first % HALF_DAY + HALF_DAY * (parts["half"] in ("PM", "pm"))
        number = 60.0 * first + int(parts["second"])
        if self.n_parts == 3:
            number = 60 * number + float(f"{parts['third']}.{parts['decimals'] or 0}")
        return number

    def _text(self, number: float) -> str:
        size = max(round(number * 10**self.decimals), 0)
        whole, decimals = divmod(size, 10**self.decimals)
        shown = f"{self.point}{decimals:0{self.decimals}d}" if self.decimals else ""
        if self.n_parts == 3:
            whole, third = divmod(whole, 60)
            shown = f":{third:02d}{shown}"
        first, second = divmod(whole, 60)
        behind = self.half
        if behind:
            if first % HOURS >= HALF_DAY:
                behind = behind.translate(LATER)
            first = (first - 1) % HALF_DAY + 1
        return f"{first:0{1 + self.is_padded}d}:{second:02d}{shown}{behind}"
