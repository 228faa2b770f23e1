"""Numbers that follow from rows before: a lag, a change, a moving average, an account's balance."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.relations.base import Number, Places, near_of, numbers, replaced
from tst.table.relations.derived import Computed, FirstValue

How = Literal["lag", "change", "growth", "percent", "mean", "sum"]


def compared(x: np.ndarray, before: np.ndarray, how: How) -> np.ndarray:
    """Return what numbers and those of rows before give, lag to percent, float64 (n_rows,)."""
    growth = np.divide(x, before, out=np.full(len(x), np.nan), where=before != 0) - 1
    found = {"lag": before, "change": x - before, "growth": growth, "percent": 100 * growth}
    return found[how]


@dataclass(frozen=True, kw_only=True)
class OfRowsBefore(Computed):
    """A number that follows from another one in rows before, and is missing where there are none.

    Parameters
    ----------
    of
        The other column.
    how
        Its value some rows before, the change since, the same in parts or in percent; or the mean
        or the sum of so many rows up to this one.
    n_rows
        How many.
    """

    kind: Literal["of rows before"] = "of rows before"
    of: str
    how: How
    n_rows: int

    @property
    def text(self) -> str:
        """Say what holds."""
        n = {1: "the row"}.get(self.n_rows, f"{self.n_rows} rows")
        right = {
            "lag": f"{self.of} {n} before",
            "change": f"change of {self.of} since {n} before",
            "growth": f"growth of {self.of} since {n} before",
            "percent": f"growth of {self.of} since {n} before in percent",
            "mean": f"mean of {self.of} in {self.n_rows} rows",
            "sum": f"sum of {self.of} in {self.n_rows} rows",
        }[self.how]
        return f"{self.column} = {right}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The column that it follows from."""
        return (self.of,)

    @property
    def n_missing(self) -> int:
        """How many rows at the beginning of a series have none."""
        return self.n_rows - (self.how in ("mean", "sum"))

    def value(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the numbers, float64 (n_rows,), NaN where there are too few rows before."""
        x = pd.Series(numbers(frame, self.of))
        of_series = x.groupby(places.series)
        if self.how == "mean":
            return of_series.rolling(self.n_rows).mean().to_numpy()
        if self.how == "sum":
            return of_series.rolling(self.n_rows).sum().to_numpy()
        return compared(x.to_numpy(), of_series.shift(self.n_rows).to_numpy(), self.how)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another number; missing equals missing."""
        real, x = numbers(frame, self.column), self.value(frame, places)
        if self.number.decimals is None:
            both = np.isnan(real) & np.isnan(x)
            return ~both & ~(np.abs(real - x) <= 1e-6 * np.abs(x) + self._lost(frame))
        return self._differs(real, x)

    def _lost(self, frame: pd.DataFrame) -> float:
        """Return what sums and differences of large numbers lose in float64."""
        if self.how in ("growth", "percent"):
            return 1e-12
        return 1e-12 * float(np.nanmax(np.abs(numbers(frame, self.of)), initial=0))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, self.number.column(self.value(frame, places)))


@dataclass(frozen=True, kw_only=True)
class Balance(FirstValue):
    """A number that is what it was in the row before, plus and minus what came and went.

    What it was before the first row is learned, as an attribute of the series. Of the columns that
    are added, an empty cell is nothing. What is never below 0 stays so: no more goes than is there.

    Parameters
    ----------
    plus, minus
        Columns that are added, and that are subtracted.
    written
        How these are written, in this order.
    is_stock
        Whether it is never below 0, and neither is what is subtracted.
    """

    kind: Literal["balance"] = "balance"
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    written: tuple[Number, ...] = ()
    is_stock: bool = False

    @property
    def text(self) -> str:
        """Say what holds."""
        right = "".join([f" + {one}" for one in self.plus] + [f" - {one}" for one in self.minus])
        return f"{self.column} = {self.column} in the row before{right}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that it follows from, beside its beginning."""
        return (*self.plus, *self.minus)

    def _moved(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return what came and went since before the first row, float64 (n_rows,)."""
        x = np.zeros(len(frame))
        for sign, names in ((1, self.plus), (-1, self.minus)):
            for name in names:
                x += sign * np.nan_to_num(numbers(frame, name))
        return pd.Series(x).groupby(places.series).cumsum().to_numpy()

    def beginning(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return what it was before the first row, for each row, float64 (n_rows,)."""
        before = numbers(frame, self.column) - self._moved(frame, places)
        return before[places.first]

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another number, or none."""
        real = numbers(frame, self.column)
        beginning = self.beginning(frame, places)
        x = beginning + self._moved(frame, places)
        is_below = self.is_stock & (beginning < -near_of(self.number))
        for name in (self.column, *self.minus):
            is_below |= self.is_stock & (numbers(frame, name) < 0)
        return is_below | ~np.isclose(real, x, rtol=1e-12, atol=near_of(self.number))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the numbers; of a stock no more is taken than is there."""
        if self.is_stock:
            frame = self._with_less_gone(frame, places)
        x = numbers(frame, self.column)[places.first] + self._moved(frame, places)
        return replaced(frame, self.column, self.number.column(x))

    def _with_less_gone(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with less taken, or added below 0, where a stock would fall below 0."""
        first = numbers(frame, self.column)[places.first]
        missing = first + self._moved(frame, places)
        # What was taken too much up to a row is put back in it, once for all rows behind it.
        lowest = pd.Series(np.minimum(missing, 0)).groupby(places.series).cummin().to_numpy()
        back = -np.diff(lowest, prepend=0.0)
        back = np.where(places.is_first, -lowest, back)
        signs = [-1] * len(self.plus) + [1] * len(self.minus)
        for name, sign, number in zip(self.inputs, signs, self.written, strict=True):
            gone = sign * numbers(frame, name)
            less = np.minimum(back, np.maximum(np.nan_to_num(gone), 0))
            if less.any():
                back = back - less
                frame = replaced(frame, name, number.column(sign * (gone - less)))
        return frame


@dataclass(frozen=True, kw_only=True)
class Carried(FirstValue):
    """A number that follows from another one in the row before, but has its own in the first row.

    That is learned, as an attribute of the series; of a lag how far it is from the other there.

    Parameters
    ----------
    of
        The other column.
    how
        Its value in the row before, or the change since.
    """

    kind: Literal["carried"] = "carried"
    of: str
    how: Literal["lag", "change"]

    @property
    def text(self) -> str:
        """Say what holds."""
        if self.how == "lag":
            return f"{self.column} = {self.of} in the row before"
        return f"{self.column} = change of {self.of}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The column that it follows from."""
        return (self.of,)

    def _beside(self, frame: pd.DataFrame) -> np.ndarray:
        return numbers(frame, self.of) * (self.how == "lag")

    def beginning(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the first value, or how far it is from the other, float64 (n_rows,)."""
        return (numbers(frame, self.column) - self._beside(frame))[places.first]

    def _value(self, frame: pd.DataFrame, beginning: np.ndarray, places: Places) -> np.ndarray:
        x = numbers(frame, self.of)
        later = compared(x, np.roll(x, 1), self.how)
        return np.where(places.is_first, beginning + self._beside(frame), later)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another number, or none."""
        x = self._value(frame, self.beginning(frame, places), places)
        return ~np.isclose(numbers(frame, self.column), x, rtol=1e-12, atol=near_of(self.number))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the numbers."""
        x = self._value(frame, numbers(frame, self.column), places)
        return replaced(frame, self.column, self.number.column(x))
