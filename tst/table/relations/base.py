"""What all relations have in common: where rows stand, how numbers are written, cells as values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from tst.table.values import rounded, to_numbers

Value = str | bool | int | float | None


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the rows of a table stand.

    Parameters
    ----------
    times
        int64 nanoseconds or float64 numbers, (n_rows,).
    is_first
        bool (n_rows,), True for the first row of each series; of one series, also for rows behind
        stretches that were left out.
    stretch
        int64 (n_rows,), rising: the stretch of each row, where the table is one series that is cut
        into such; else None.
    zone
        By whose clocks hours and days go, where times are dates in UTC; else empty.
    rng
        Draws what is not decided.
    """

    times: np.ndarray
    is_first: np.ndarray
    stretch: np.ndarray | None = None
    zone: str = ""
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def series(self) -> np.ndarray:
        """Return the number of each row's series, (n_rows,)."""
        return np.cumsum(self.is_first) - 1

    @property
    def is_one_series(self) -> bool:
        """Whether the rows are one series."""
        return self.stretch is not None

    @property
    def is_first_witness(self) -> np.ndarray:
        """Return where what may be an accident of one series begins anew, bool (n_rows,).

        With each series or, of one series, with each stretch.
        """
        if self.stretch is None:
            return self.is_first
        return np.append(True, np.diff(self.stretch) != 0)[: len(self.stretch)]

    @property
    def witness(self) -> np.ndarray:
        """Return the number of each row's series or, of one series, stretch, (n_rows,)."""
        return np.cumsum(self.is_first_witness) - 1

    @property
    def first(self) -> np.ndarray:
        """Return the first row of each row's series, int64 (n_rows,)."""
        return np.flatnonzero(self.is_first)[self.series]

    @property
    def start(self) -> np.ndarray:
        """Return the first time of each row's series, (n_rows,)."""
        return self.times[self.first]

    @property
    def end(self) -> np.ndarray:
        """Return the last time of each row's series, (n_rows,)."""
        return self.times[self.last][self.series]

    @property
    def last(self) -> np.ndarray:
        """Return the last row of each series, int64 (n_series,)."""
        return np.append(np.flatnonzero(self.is_first)[1:], len(self.is_first)) - 1


@dataclass(frozen=True, kw_only=True)
class Number:
    """How a number that is computed is written: its dtype, and digits behind the point (or all)."""

    dtype: str
    decimals: int | None = None

    def column(self, x: np.ndarray) -> pd.Series:
        """Return numbers, float64 (n_rows,), NaN where missing, as a column of this dtype."""
        dtype = types.pandas_dtype(self.dtype)
        if self.decimals is not None:
            x = rounded(x, self.decimals)
        if isinstance(dtype, np.dtype) and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            return pd.Series(np.clip(np.round(x), limits.min, limits.max)).astype(dtype)
        if types.is_integer_dtype(dtype):
            return pd.Series(np.round(x)).astype("Float64").astype(dtype)
        return pd.Series(x).astype(dtype)


def numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column's numbers, float64 (n_rows,), NaN where missing."""
    return to_numbers(frame[name])[0]


def near_of(number: Number) -> float:
    """Return how far a sum of written numbers may lie from a number as it is written."""
    return 1e-9 if number.decimals is None else 0.01 * 10.0**-number.decimals


def replaced(frame: pd.DataFrame, name: str, column: pd.Series) -> pd.DataFrame:
    """Return a frame with another column of a name, at its place."""
    return frame.assign(**{name: column.array})


class InEveryRow:
    """What holds in every row of a table."""

    @property
    def learned_as(self) -> str:
        """What is learned of its column, where that is no other column and not its values."""
        return ""

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows in which it does not hold, bool (n_rows,)."""
        raise NotImplementedError

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame as it is, where nothing else is learned."""
        return frame

    def holds(self, frame: pd.DataFrame, places: Places) -> bool:
        """Tell whether it holds in every row."""
        return not self.broken(frame, places).any()


def is_one_of(column: pd.Series, values: Sequence[Value]) -> np.ndarray:
    """Tell which cells are one of some values, of which None stands for a missing one."""
    found = column.isin([value for value in values if value is not None]).to_numpy(bool)
    if None in values:
        found = found | column.isna().to_numpy()
    return found


def listed(values: Iterable[Value]) -> str:
    """Return values as a sentence names them: a missing one is empty."""
    names = []
    for value in values:
        if isinstance(value, float):
            names.append(f"{value:g}")
        else:
            names.append("empty" if value is None else str(value))
    return ", ".join(names)


def plain_values(column: pd.Series) -> list[Any]:
    """Return values as Python's own, None where missing."""
    return [None if pd.isna(value) else value for value in column.astype(object).tolist()]
