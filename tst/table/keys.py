"""The columns by which rows are sorted: an id and a time, made where a table has none or several.

Several columns that name a series together are joined to one; a table of one series has the same
id in every row; where no column is a time, the number of the row is. Made columns are not written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd

from tst.table.columns import Problem
from tst.table.evidence import choose
from tst.table.joined import TimePart, join_times, part_times
from tst.table.roles import Roles

BETWEEN = "\x1f"  # joined values: stands in no name
SERIES = "series"  # name of a made id
ROW = "row"  # name of a made time


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The id and the time of a table.

    Parameters
    ----------
    id
        Columns that name a series together; none where the table is one series.
    time
        Column of the time; empty where the order of the rows is the time.
    id_column, time_column
        The columns by which rows are sorted, made or not.
    leave_out
        Columns that are not read.
    facts
        What spoke for this id and time.
    time_parts, columns
        Where the time stands in several columns: these, and the order of all columns.
    """

    id: tuple[str, ...]
    time: str
    id_column: str
    time_column: str
    leave_out: tuple[str, ...] = ()
    facts: tuple[str, ...] = field(default=(), compare=False)
    time_parts: tuple[TimePart, ...] = ()
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame: pd.DataFrame, roles: Roles) -> Self:
        """Return the id and the time that the roles name or the rows show.

        Raises
        ------
        DataError
            Where the roles name no such column, or the rows do not show which it is.
        """
        columns = list(frame)
        frame = frame.drop(columns=list(roles.leave_out), errors="ignore")
        taken = (*(roles.features or ()), *(roles.attributes or ()))
        time = roles.time_column(columns)
        time_parts: tuple[TimePart, ...] = ()
        if len(roles.time_columns) > 1:
            time_parts = tuple(TimePart.of(frame[name]) for name in roles.time_columns)
            time = " ".join(roles.time_columns)
            while time in frame:
                time += "_"
            frame = join_times(frame, time_parts, time)
        choice = choose(frame, roles.id_columns(columns), time, taken)
        id_column = choice.id[0] if len(choice.id) == 1 else " and ".join(choice.id) or SERIES
        while len(choice.id) != 1 and id_column in frame:
            id_column += "_"
        time_column = choice.time or ROW
        while not choice.time and time_column in frame:
            time_column += "_"
        return cls(
            id=choice.id,
            time=choice.time,
            id_column=id_column,
            time_column=time_column,
            leave_out=tuple(roles.leave_out),
            facts=choice.facts,
            time_parts=time_parts,
            columns=tuple(columns) if time_parts else (),
        )

    @property
    def made(self) -> tuple[str, ...]:
        """Columns that the table does not have."""
        made_id = () if len(self.id) == 1 else (self.id_column,)
        return made_id if self.time else (*made_id, self.time_column)

    def add(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return rows, numbered as in the table, with made columns, without those left out."""
        frame = frame.drop(columns=list(self.leave_out), errors="ignore")
        if self.time_parts:
            frame = join_times(frame, self.time_parts, self.time)
        made: dict[str, object] = {}
        if not self.id:
            made[self.id_column] = np.zeros(len(frame), dtype=np.int64)
        if len(self.id) > 1:
            made[self.id_column] = _joined(frame[list(self.id)])
        if not self.time:
            made[self.time_column] = frame.index.to_numpy(np.int64)
        return frame.assign(**made)

    def parted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a table that is written, with the time in as many columns as it was read from."""
        if not self.time_parts:
            return frame
        frame = part_times(frame, self.time_parts, self.time)
        return frame[[name for name in self.columns if name in frame]]

    def as_written(self, names: Sequence[str]) -> list[str]:
        """Return names of columns as they are written, the time in as many as it was read from."""
        parts = [part.name for part in self.time_parts] or [self.time]
        return [one for name in names for one in (parts if name == self.time else [name])]

    def problems(self, n_rows: int) -> list[Problem]:
        """Return what was decided and should be known."""
        problems = [Problem(name, "left out, as the roles say", n_rows) for name in self.leave_out]
        if not self.time:
            text = "no column is a time: the order of the rows is the time"
            problems.append(Problem(self.time_column, text, n_rows))
        return problems


def _joined(columns: pd.DataFrame) -> pd.Series:
    """Return the values of several columns as one text a row, None where one is missing."""
    texts = [_as_text(columns[name]) for name in columns]
    joined = texts[0]
    for text in texts[1:]:
        joined = joined + BETWEEN + text
    return joined.astype(object).where(columns.notna().all(axis=1), None)


def _as_text(column: pd.Series) -> pd.Series:
    """Return values as text, alike whether whole numbers stand beside missing ones or not."""
    codes, values = pd.factorize(column)
    texts = np.array(list(map(_spelled, values)), dtype=object)
    # a missing value has code -1, which takes the entry appended here
    return pd.Series(np.append(texts, "")[codes], index=column.index)


def _spelled(value: object) -> str:
    if isinstance(value, float | np.floating) and value == np.floor(value):
        return str(int(value))
    return str(value)


def main_column(first: pd.DataFrame, keys: Keys) -> str:
    """Return the column of the id that has new names in a synthetic table: that of most values.

    Parameters
    ----------
    first
        The columns of the id, a row a series.
    """
    if not keys.id:
        return ""
    n_values = {name: first[name].nunique() for name in keys.id}
    return max(reversed(keys.id), key=n_values.__getitem__)


def bound_columns(first: pd.DataFrame, main: str, others: Iterable[str]) -> tuple[str, ...]:
    """Return the attributes that are constant within a value of the main column of an id."""
    groups = first.groupby(main, observed=True, dropna=False)
    n_values = groups[list(others)].nunique(dropna=False)
    return tuple(name for name in n_values if (n_values[name] <= 1).all())
