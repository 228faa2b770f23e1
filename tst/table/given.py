"""What a user asks of a sample: attributes of its series, and times at which these start."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.table.clocks import Clock
from tst.table.columns import ColumnCodec
from tst.table.relations import SpelledText
from tst.table.spelled import Spelling
from tst.table.table import Table


@dataclass(frozen=True, kw_only=True)
class Given:
    """A value a series of each column that is given.

    Parameters
    ----------
    values
        As they are to be written, n_series rows; without the time.
    labels
        The categories of the model that they belong to, of the same columns and rows.
    starts
        int64 nanoseconds or float64 numbers, (n_series,); None: drawn.
    """

    values: pd.DataFrame
    labels: pd.DataFrame
    starts: np.ndarray | None

    @classmethod
    def of(
        cls, table: Table, given: Mapping[str, object] | pd.DataFrame | None, n_series: int
    ) -> Self:
        """Return what is given.

        Parameters
        ----------
        given
            {column: a value, or a list of one a series}, or a frame with a row a series.

        Raises
        ------
        DataError
            Where a column or a value is none of the table, or there is not one a series.
        """
        index = pd.RangeIndex(n_series)
        codecs = {codec.name: codec for codec in table.learned}
        spellings = _spellings(table)
        values: dict[str, list[object]] = {}
        labels: dict[str, list[str]] = {}
        starts = None
        for name, value in (given if given is not None else {}).items():
            column = str(name)
            listed = _one_a_series(column, value, n_series)
            if column == table.clock.name and table.keys.time:
                starts = table.start_times(listed)
                continue
            if column in spellings:
                listed = [_as_number(column, spellings[column], one) for one in listed]
            if column in codecs:
                listed = [_as_learned(codecs[column], one) for one in listed]
            shown = _shown(spellings.get(column))
            known = {one: table.given(column, one, shown) for one in dict.fromkeys(listed)}
            values[column] = listed
            labels[column] = [known[one] for one in listed]
        return cls(
            values=pd.DataFrame(values, index=index, dtype=object),
            labels=pd.DataFrame(labels, index=index, dtype=object),
            starts=starts,
        )

    def part(self, first: int, n_series: int) -> "Given":
        """Return what is given of some series."""
        rows = slice(first, first + n_series)
        return Given(
            values=self.values.iloc[rows].reset_index(drop=True),
            labels=self.labels.iloc[rows].reset_index(drop=True),
            starts=None if self.starts is None else self.starts[rows],
        )

    def facts(self) -> str:
        """Return what is given as text."""
        starts = "" if self.starts is None else str(self.starts.tolist())
        return self.values.to_csv() + starts

    def written(self, table: Table, frame: pd.DataFrame, lengths: np.ndarray) -> pd.DataFrame:
        """Return a synthetic table with the very values that were given.

        Parameters
        ----------
        lengths
            Rows of each series, (n_series,).
        """
        names = dict(table.labels)
        spellings = _spellings(table)
        for column in self.values:
            each = self.values[column]
            values = np.repeat(each.to_numpy(), lengths)
            if table.shape is not None:  # other rows than the series has
                values = each.to_numpy()
                if len(frame) != len(values):
                    values = _same(column, each, len(frame))
            if column in spellings:
                values = spellings[column].write(pd.Series(values, dtype="float64")).to_numpy()
            label = names.get(column, column)
            frame[label] = pd.Series(values, index=frame.index).astype(frame[label].dtype)
        return frame


def _spellings(table: Table) -> dict[str, Spelling | Clock]:
    """Return how numbers that are text are written, by column."""
    return {one.column: one.spelling for one in table.relations if isinstance(one, SpelledText)}


def _shown(spelling: Spelling | Clock | None) -> Callable[[float], str] | None:
    """Return how numbers are written, as those of a column that is text are."""
    if spelling is None:
        return None
    return lambda number: str(spelling.write(pd.Series([number])).iloc[0])


def _as_number(column: str, spelling: Spelling | Clock, value: object) -> object:
    """Return the number of a text that is written as the table has such; another value as it is.

    930 is no time: of these another text is a DataError.
    """
    if not isinstance(value, str):
        return value
    number = spelling.read(pd.Series([value], dtype=object)).iloc[0]
    if np.isnan(number) and isinstance(spelling, Clock):
        raise DataError(
            f"'{column}' is '{value}', which the table writes like {spelling.example}: write it so."
        )
    return value if np.isnan(number) else float(number)


def _as_learned(codec: ColumnCodec, value: object) -> object:
    """Return a value that may be text, as on a command line, as the column has such."""
    if not isinstance(value, str):
        return value
    if codec.kind == "category":
        return {str(known): known for known in codec.categories}.get(value, value)
    with contextlib.suppress(ValueError):
        return float(value)
    return value


def _one_a_series(column: str, value: object, n_series: int) -> list[object]:
    """Return a value for each series; raises DataError where there is another number of them."""
    if not isinstance(value, list | tuple | np.ndarray | pd.Series | pd.Index):
        return [value] * n_series
    if len(value) != n_series:
        raise DataError(
            f"'{column}' is given for {len(value):,} series, but {n_series:,} are asked for: give "
            "one value, or one a series."
        )
    return list(value)


def _same(column: str, each: pd.Series, n_rows: int) -> np.ndarray:
    """Return the one value that all series have, in so many rows."""
    if each.nunique(dropna=False) > 1:
        raise DataError(
            f"in a table of one measurement a row '{column}' can be given as one value only."
        )
    return np.repeat(each.to_numpy()[:1], n_rows)
