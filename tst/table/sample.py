"""Rows of some series, in which relations are looked for before all rows are asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from pandas.api import types

from tst.table.relations import Number, Places, Value, numbers, plain_values
from tst.table.values import FEW, Numbers, is_number, is_numeric

N_ROWS = 20_000  # that candidates come from
MIN_ROWS = 30  # that a relation rests on
MIN_CHANGES = 10  # rows that a relation would be another without
MAX_NUMBERS = 40  # columns of numbers that are compared
MAX_KEYS = 200  # values of a category that may decide another

# Returns, whenever it is called, the rows of the whole table in parts, with their places.
Rows = Callable[[], Iterator[tuple[pd.DataFrame, Places]]]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows of some series, as the relations found so far make them.

    Parameters
    ----------
    frame, places
        The rows.
    attributes
        Columns that are constant within each series.
    codes
        Columns of numbers that are codes.
    """

    frame: pd.DataFrame
    places: Places
    attributes: tuple[str, ...]
    codes: tuple[str, ...]

    @cached_property
    def measured(self) -> list[str]:
        """Columns of numbers with several values, at most `MAX_NUMBERS`.

        Without those in which a number stands for missing.
        """
        return [name for name, code in self.numeric.items() if code is None][:MAX_NUMBERS]

    @cached_property
    def numeric(self) -> dict[str, float | None]:
        """Columns of numbers with several values, and the number that stands for missing."""
        found: dict[str, float | None] = {}
        for name in self.frame:
            column = self.frame[name]
            if is_numeric(column) and name not in self.codes and column.nunique() > 2:
                x = numbers(self.frame, name)
                is_complete = bool(np.isfinite(x).all())
                found[name] = Numbers.of(x).missing_code() if is_complete else None
        return found

    @cached_property
    def states(self) -> list[str]:
        """Columns of a few values that are no measurements: text, truth values, codes."""
        found = []
        for name in self.frame:
            column = self.frame[name]
            is_state = not is_number(column) or name in self.codes
            if types.is_integer_dtype(column.dtype) or _is_whole_with_gaps(column):
                is_state = is_state or column.nunique() <= 2
            if is_state and 2 <= column.nunique() <= MAX_KEYS:
                found.append(name)
        return found

    @cached_property
    def few(self) -> dict[str, tuple[np.ndarray, list[Value]]]:
        """Columns of few states: the code of each row, and the values of the codes."""
        found = {}
        for name in self.states:
            codes, distinct = pd.factorize(self.frame[name], use_na_sentinel=False)
            if len(distinct) <= FEW:
                found[name] = (codes, plain_values(pd.Series(distinct)))
        return found

    @cached_property
    def missing(self) -> dict[str, bytes]:
        """Which rows of each column are missing."""
        return {name: self.frame[name].isna().to_numpy().tobytes() for name in self.frame}

    def number(self, name: str) -> Number:
        """Return how a column's numbers are written."""
        x = numbers(self.frame, name)
        x = x[np.isfinite(x)]
        decimals = Numbers.of(x).rounding() if len(x) else None
        return Number(dtype=str(self.frame[name].dtype), decimals=decimals)


def _is_whole_with_gaps(column: pd.Series) -> bool:
    """Tell whether numbers are whole and were made floats because some are missing."""
    if not types.is_float_dtype(column.dtype) or not column.isna().any():
        return False
    known = column.dropna()
    return bool((known == known.round()).all())


def some_series(parts: Rows) -> tuple[pd.DataFrame, Places]:
    """Return the rows of the first series of a table, whole ones, whatever its parts are."""
    frames = []
    places = []
    for frame, place in parts():
        frames.append(frame)
        places.append(place)
        if sum(map(len, frames)) >= N_ROWS:
            break
    frame = pd.concat(frames) if len(frames) > 1 else frames[0]
    times = np.concatenate([place.times for place in places])
    is_first = np.concatenate([place.is_first for place in places])
    n_rows = len(frame)
    if places[0].stretch is not None:  # one part
        rows = slice(N_ROWS)
        stretch = places[0].stretch[rows]
        cut = replace(places[0], times=times[rows], is_first=is_first[rows], stretch=stretch)
        return frame[rows], cut
    if n_rows > N_ROWS:
        ends = np.append(np.flatnonzero(is_first)[1:], n_rows)
        n_whole = int(np.searchsorted(ends, N_ROWS, "right"))
        n_rows = int(ends[max(1, n_whole) - 1])
    return frame.iloc[:n_rows], replace(places[0], times=times[:n_rows], is_first=is_first[:n_rows])


def constant_within(frame: pd.DataFrame, places: Places) -> list[str]:
    """Return the columns that are constant within each series."""
    found = []
    for name in frame:
        codes = pd.factorize(frame[name])[0]
        if not (np.diff(codes, prepend=codes[0])[~places.is_first] != 0).any():
            found.append(name)
    return found


def plain(value: object) -> Value:
    """Return a value as Python's own."""
    plain = plain_values(pd.Series([value]))[0]
    return plain if isinstance(plain, str | bool | int | float) else None
