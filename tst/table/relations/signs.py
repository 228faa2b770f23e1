"""On which side of 0 a number is where another column has some values."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.relations.base import (
    InEveryRow,
    Number,
    Places,
    Value,
    is_one_of,
    listed,
    numbers,
    replaced,
)


@dataclass(frozen=True, kw_only=True)
class SignWhere(InEveryRow):
    """A number that is never above, or never below, 0 where another column has some values.

    What is drawn on the wrong side is moved to the other, as far from 0.

    Parameters
    ----------
    never_above, never_below
        Values of the other column; None where it is empty. One that is in both: the number is 0.
    as_size
        Whether all values tell, so that it is learned without its sign; else as it is.
    number
        How it is written.
    """

    kind: Literal["sign where"] = "sign where"
    column: str
    by: str
    never_above: tuple[Value, ...]
    never_below: tuple[Value, ...]
    as_size: bool
    number: Number

    @property
    def text(self) -> str:
        """Say what holds."""
        above, below = list(self.never_above), list(self.never_below)
        both = [value for value in above if value in below]
        for value in both:
            above.remove(value)
            below.remove(value)
        parts = []
        for sign, values in (("<=", above), (">=", below), ("=", both)):
            if values:
                parts.append(f"{self.column} {sign} 0 where {self.by} is {listed(values)}")
        return "; ".join(parts)

    @property
    def learned_as(self) -> str:
        """Its size, where all values tell."""
        return "size" * self.as_size

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows on the wrong side of 0."""
        x = numbers(frame, self.column)
        is_above = (x > 0) & is_one_of(frame[self.by], self.never_above)
        return is_above | (x < 0) & is_one_of(frame[self.by], self.never_below)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with sizes, or as it is."""
        if not self.as_size:
            return frame
        size = np.abs(numbers(frame, self.column))
        return replaced(frame, self.column, self.number.column(size))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers on the side on which they are."""
        x = numbers(frame, self.column).copy()
        x[is_one_of(frame[self.by], self.never_below) & (x < 0)] *= -1
        x[is_one_of(frame[self.by], self.never_above) & (x > 0)] *= -1
        x[is_one_of(frame[self.by], self.never_below) & (x < 0)] = 0
        return replaced(frame, self.column, self.number.column(x))
