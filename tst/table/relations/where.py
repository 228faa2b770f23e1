"""What a column is where another one has some values: empty, 0, on one side of 0."""

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
class FixedWhere(InEveryRow):
    """A column that is empty, or 0, exactly where another one has some values.

    Parameters
    ----------
    value
        Of the cells there: None is empty.
    values
        Of the other column; None where it is empty.
    filler
        What the model sees there, where its series has no other value.
    least
        The least number that stands elsewhere, where `value` is a number.
    """

    kind: Literal["fixed where"] = "fixed where"
    column: str
    by: str
    values: tuple[Value, ...]
    value: Value = None
    filler: Value = None
    least: float = 0.0

    @property
    def text(self) -> str:
        """Say what holds."""
        what = "empty" if self.value is None else f"{self.value}"
        return f"{self.column} is {what} exactly where {self.by} is {listed(self.values)}"

    def _is_there(self, frame: pd.DataFrame) -> np.ndarray:
        return is_one_of(frame[self.by], self.values)

    def _is_fixed(self, frame: pd.DataFrame) -> np.ndarray:
        if self.value is None:
            return frame[self.column].isna().to_numpy()
        return (frame[self.column] == self.value).fillna(False).to_numpy(bool)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows in which the masks differ."""
        return self._is_fixed(frame) != self._is_there(frame)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the cells filled from their series."""
        if self.value is not None:
            return frame
        column = frame[self.column]
        if isinstance(column.dtype, pd.CategoricalDtype):
            return frame
        filled = column.groupby(places.series, sort=False).ffill()
        filled = filled.groupby(places.series, sort=False).bfill()
        return replaced(frame, self.column, filled.fillna(self.filler))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the cells emptied, or set."""
        is_there = self._is_there(frame)
        column = frame[self.column]
        if self.value is None:
            return replaced(frame, self.column, column.mask(is_there))
        fixed = column.where(~is_there, self.value)
        is_wrong = ~is_there & (fixed == self.value).fillna(False).to_numpy(bool)
        fixed = fixed.where(~is_wrong, self.least)
        return replaced(frame, self.column, fixed.astype(column.dtype))


@dataclass(frozen=True, kw_only=True)
class EmptyWhere(InEveryRow):
    """A column that is always empty where another one has some values, and elsewhere at times.

    Parameters
    ----------
    values
        Of the other column; None where it is empty.
    """

    kind: Literal["empty where"] = "empty where"
    column: str
    by: str
    values: tuple[Value, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} is empty where {self.by} is {listed(self.values)}"

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows in which there is something."""
        return frame[self.column].notna().to_numpy() & is_one_of(frame[self.by], self.values)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the cells emptied."""
        is_there = is_one_of(frame[self.by], self.values)
        return replaced(frame, self.column, frame[self.column].mask(is_there))


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
    dtype
        Of the number.
    """

    kind: Literal["sign where"] = "sign where"
    column: str
    by: str
    never_above: tuple[Value, ...]
    never_below: tuple[Value, ...]
    as_size: bool
    dtype: str

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
    def values(self) -> tuple[Value, ...]:
        """Values of the other column that tell something."""
        return (*self.never_above, *self.never_below)

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
        return replaced(frame, self.column, Number(dtype=self.dtype).column(size))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers on the side on which they are."""
        x = numbers(frame, self.column).copy()
        is_not_above = is_one_of(frame[self.by], self.never_above)
        is_not_below = is_one_of(frame[self.by], self.never_below)
        x[is_not_below & (x < 0)] *= -1
        x[is_not_above & (x > 0)] *= -1
        x[is_not_below & (x < 0)] = 0  # where it is neither
        return replaced(frame, self.column, Number(dtype=self.dtype).column(x))
