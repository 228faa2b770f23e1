"""What other columns decide: copies, formulas, lookups, and where cells are empty or 0."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.relations.base import (
    InEveryRow,
    Number,
    Places,
    Value,
    near_of,
    numbers,
    replaced,
)


@dataclass(frozen=True, kw_only=True)
class Copy(InEveryRow):
    """A column that repeats another, cell by cell."""

    kind: Literal["copy"] = "copy"
    column: str
    of: str
    dtype: str

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} = {self.of}"

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose cells differ; missing equals missing."""
        column = frame[self.column]
        other = frame[self.of]
        same = (column.astype(object) == other.astype(object)).fillna(False).to_numpy(bool)
        return ~same & ~(column.isna() & other.isna()).to_numpy()

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without the column."""
        return frame.drop(columns=self.column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, frame[self.of].astype(self.dtype))


@dataclass(frozen=True, kw_only=True)
class Computed(InEveryRow):
    """A column of numbers that is not learned, but computed from what is.

    Parameters
    ----------
    number
        How the column is written.
    """

    column: str
    number: Number

    @property
    def dtype(self) -> str:
        """The column's dtype, as pandas spells it."""
        return self.number.dtype

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that it follows from; none where it follows from where the rows stand."""
        return ()

    def _near(self, x: np.ndarray | float) -> np.ndarray | float:
        """Return how far a sum may lie from numbers as they are written."""
        if self.number.decimals is None:
            return 1e-6 * np.abs(x)
        return near_of(self.number)

    def _differs(self, real: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Tell where numbers do not come out to the last digit; missing equals missing."""
        rtol = 1e-6
        atol = 0.0
        if self.number.decimals is not None:
            x = np.round(x, self.number.decimals)
            rtol = 0.0
            atol = 1e-9
        is_known = np.isfinite(real) & np.isfinite(x)
        is_missing = ~np.isfinite(real) & ~np.isfinite(x)
        return ~is_missing & ~(is_known & np.isclose(x, real, rtol=rtol, atol=atol))

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without the column."""
        return frame.drop(columns=self.column)


@dataclass(frozen=True, kw_only=True)
class FirstValue(Computed):
    """A number that has a value of its own in the first row of a series, and then follows.

    That value is learned, as an attribute of the series.
    """

    def beginning(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return what is learned, for each row that of its series, float64 (n_rows,)."""
        return numbers(frame, self.column)[places.first]

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the value of each series in all of its rows."""
        first = self.number.column(self.beginning(frame, places))
        return replaced(frame, self.column, first)


@dataclass(frozen=True, kw_only=True)
class Formula(Computed):
    """A number that follows from others: a multiple, a sum, a product or a quotient.

    Parameters
    ----------
    plus, minus
        Columns of a sum.
    times, over
        Columns of a product, and of what it is divided by.
    factor, offset
        Of a column (`plus`) that is measured in another unit.
    number
        How it is written.
    """

    kind: Literal["formula"] = "formula"
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    factor: float = 1.0
    offset: float = 0.0

    @property
    def text(self) -> str:
        """Say what holds."""
        if self.times:
            right = " * ".join(self.times)
            right = " / ".join([right, *self.over])
        else:
            right = " + ".join(self.plus)
            right = " - ".join([right, *self.minus])
        if self.factor != 1:
            right = f"{self.factor:g} * {right}"
        if self.offset:
            right += f" {'+' if self.offset > 0 else '-'} {abs(self.offset):g}"
        return f"{self.column} = {right}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that it follows from."""
        return (*self.plus, *self.minus, *self.times, *self.over)

    def value(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the numbers, float64 (n_rows,)."""
        if self.times:
            x = np.full(len(frame), self.factor)
            for name in self.times:
                x = x * numbers(frame, name)
            for name in self.over:
                divisor = numbers(frame, name)
                x = np.divide(x, divisor, out=np.full(len(x), np.nan), where=divisor != 0)
            return x + self.offset
        else:
            x = np.zeros(len(frame))
            for name in self.plus:
                x = x + numbers(frame, name)
            for name in self.minus:
                x = x - numbers(frame, name)
        return self.factor * x + self.offset

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose number does not come out to the last digit, missing ones too."""
        return self._differs(numbers(frame, self.column), self.value(frame))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, self.number.column(self.value(frame)))


@dataclass(frozen=True, kw_only=True)
class Shares(Computed):
    """Numbers of at least 0 that are one total together, as percentages are 100.

    Parameters
    ----------
    others, written
        The other numbers, and how each of them is written.
    number
        How the column is written: the last one, which is what the others leave of the total.
    total
        The sum of all.
    """

    kind: Literal["shares"] = "shares"
    others: tuple[str, ...]
    written: tuple[Number, ...]
    total: float

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{' + '.join((*self.others, self.column))} = {self.total:g}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that it follows from."""
        return self.others

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another sum or a number below 0; all may be missing together."""
        x = np.stack([numbers(frame, name) for name in (*self.others, self.column)])
        is_off = ~(np.abs(x.sum(axis=0) - self.total) <= self._near(self.total)) | (x < 0).any(
            axis=0
        )
        last = x[-1]
        is_missing = np.isnan(x[:-1]).any(axis=0) & np.isnan(last)
        return is_off & ~is_missing

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column; others that are more than the total are made less."""
        x = np.stack([np.maximum(numbers(frame, name), 0) for name in self.others])
        size = x.sum(axis=0)
        is_over = size > self.total
        x = np.where(is_over, x * (self.total / np.where(is_over, size, 1)), x)
        for i, (name, number) in enumerate(zip(self.others, self.written, strict=True)):
            if number.decimals is not None:  # rounded down where it was made less
                unit = 10.0**-number.decimals
                x[i] = np.where(is_over, np.floor(x[i] / unit + 1e-9) * unit, x[i])
            frame = replaced(frame, name, number.column(x[i]))
        written = np.stack([numbers(frame, name) for name in self.others])
        left = np.maximum(self.total - written.sum(axis=0), 0)
        return replaced(frame, self.column, self.number.column(left))


@dataclass(frozen=True, kw_only=True)
class RunningTotal(Computed):
    """A number that is the sum of another one since the first row of the series.

    Parameters
    ----------
    before
        Of each series, what was added up before its first row, where given rows begin later.
    """

    kind: Literal["running total"] = "running total"
    of: str
    before: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} = {self.of} added up within each series"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The column that it follows from."""
        return (self.of,)

    def _sums(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the sums, float64 (n_rows,)."""
        sums = pd.Series(numbers(frame, self.of)).groupby(places.series).cumsum().to_numpy()
        return sums + np.array(self.before)[places.series] if self.before else sums

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another sum, or where a number is missing."""
        real = numbers(frame, self.column)
        return ~(np.abs(self._sums(frame, places) - real) <= self._near(real))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, self.number.column(self._sums(frame, places)))


@dataclass(frozen=True, kw_only=True)
class Counter(Computed):
    """A number that changes by the same amount from row to row: a row's number, the life left.

    Parameters
    ----------
    step
        Change from one row of a series to the next.
    end, value
        Which row of each series has this value.
    first
        Of each series, the value in its first row instead, where given rows begin later.
    """

    kind: Literal["counter"] = "counter"
    step: float
    end: Literal["first", "last"]
    value: float
    first: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """Say what holds."""
        change = f"{'rises' if self.step > 0 else 'falls'} by {abs(self.step):g} a row"
        return f"{self.column} {change} and is {self.value:g} in the {self.end} row of each series"

    def _counted(self, places: Places) -> np.ndarray:
        """Return the numbers, float64 (n_rows,)."""
        rows = np.arange(len(places.is_first))
        begin = places.first
        if self.first:
            return np.array(self.first)[places.series] + self.step * (rows - begin)
        fixed = begin if self.end == "first" else places.last[places.series]
        return self.value + self.step * (rows - fixed)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with another number, or none."""
        counted = self._counted(places)
        return ~np.isclose(numbers(frame, self.column), counted, rtol=1e-6, atol=1e-9)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, self.number.column(self._counted(places)))


@dataclass(frozen=True, kw_only=True)
class Lookup(InEveryRow):
    """A category that another one decides.

    Parameters
    ----------
    keys, values
        Of the other column, and of this one.
    """

    kind: Literal["lookup"] = "lookup"
    column: str
    by: str
    dtype: str
    keys: tuple[Value, ...]
    values: tuple[Value, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.by} decides {self.column}"

    def _looked_up(self, frame: pd.DataFrame) -> pd.Series:
        known = dict(zip(self.keys, self.values, strict=True))
        return frame[self.by].astype(object).map(known)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows that the other column does not decide."""
        same = self._looked_up(frame) == frame[self.column].astype(object)
        return ~same.fillna(False).to_numpy(bool)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without the column."""
        return frame.drop(columns=self.column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, self._looked_up(frame).astype(self.dtype))
