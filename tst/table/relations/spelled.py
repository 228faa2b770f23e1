"""Numbers and times of day that are text: learned as numbers, written as they stood.

Of several numbers in one cell each is a column that is learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.clocks import Clock
from tst.table.relations.base import InEveryRow, Places, numbers, replaced
from tst.table.spelled import Spelling
from tst.table.tuples import NumbersInCell


@dataclass(frozen=True, kw_only=True)
class StandsForNumbers(InEveryRow):
    """A column of text that stands for numbers.

    Parameters
    ----------
    dtype
        Of the column.
    spelling
        How they are written.
    """

    column: str
    dtype: str
    spelling: Spelling | Clock | NumbersInCell

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose text is no number, or no numbers, that come back as they are."""
        column = frame[self.column].astype(object)
        known = column.dropna().drop_duplicates()
        return column.isin(known[~self.spelling.comes_back(known)]).to_numpy(bool)


@dataclass(frozen=True, kw_only=True)
class SpelledText(StandsForNumbers):
    """A column of text that stands for a number in each cell."""

    spelling: Spelling | Clock

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} is a number, written like {self.spelling.example}"

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers, whole ones where none has decimals."""
        column = self.spelling.read(frame[self.column].astype(object))
        if not self.spelling.decimals and column.notna().all():
            column = column.astype("int64")
        return replaced(frame, self.column, column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with text."""
        text = self.spelling.write(pd.Series(numbers(frame, self.column)))
        return replaced(frame, self.column, text.astype(self.dtype))


@dataclass(frozen=True, kw_only=True)
class NumberText(SpelledText):
    """A column of numbers that are text, with a currency, a unit or thousands apart."""

    kind: Literal["number text"] = "number text"
    spelling: Spelling


@dataclass(frozen=True, kw_only=True)
class ClockText(SpelledText):
    """A column of times of day, or durations, that are text."""

    kind: Literal["clock text"] = "clock text"
    spelling: Clock

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} is a time, written like {self.spelling.example}"


@dataclass(frozen=True, kw_only=True)
class NumberTuple(StandsForNumbers):
    """A column of several numbers in each cell.

    Parameters
    ----------
    names
        Of the columns that are learned instead, a number each.
    """

    kind: Literal["number tuple"] = "number tuple"
    names: tuple[str, ...]
    spelling: NumbersInCell

    @property
    def text(self) -> str:
        """Say what holds."""
        n_numbers = len(self.names)
        return f"{self.column} holds {n_numbers} numbers, written like {self.spelling.example}"

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with a column a number instead, whole ones where none has decimals."""
        place = list(frame).index(self.column)
        read = self.spelling.read(frame[self.column].astype(object))
        frame = frame.drop(columns=[self.column, *self.names], errors="ignore")
        for i, (name, x) in enumerate(zip(self.names, read, strict=True)):
            if not self.spelling.spellings[i].decimals and x.notna().all():
                x = x.astype("int64")
            frame.insert(place + i, name, x.array)
        return frame

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with text; a cell is missing where one of its numbers is."""
        columns = [pd.Series(numbers(frame, name)) for name in self.names]
        text = self.spelling.write(columns).astype(self.dtype)
        return replaced(frame.drop(columns=list(self.names)), self.column, text)


def in_cells(relations: Sequence[object]) -> dict[str, str]:
    """Return {name: column} of each number that is learned of a column with several in a cell."""
    tuples = [one for one in relations if isinstance(one, NumberTuple)]
    return {name: one.column for one in tuples for name in one.names}


@dataclass(frozen=True, kw_only=True)
class WithinDay(InEveryRow):
    """Times of a day, none of which is later than the day is.

    Where one would be, all of its row are earlier by as much: what lies between them stays.

    Parameters
    ----------
    column
        The first of them.
    others
        The others.
    units, decimals
        Units of each a day, and digits behind the point of a unit.
    """

    kind: Literal["within day"] = "within day"
    column: str
    others: tuple[str, ...]
    units: tuple[int, ...]
    decimals: tuple[int, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{', '.join([self.column, *self.others])} before 24:00"

    def _beyond(self, frame: pd.DataFrame) -> np.ndarray:
        """Return by how much of a day the latest time of each row is beyond it, float64."""
        beyond = np.zeros(len(frame))
        names = (self.column, *self.others)
        for name, units, decimals in zip(names, self.units, self.decimals, strict=True):
            x = np.round(numbers(frame, name), decimals)
            beyond = np.where(x >= units, np.maximum(beyond, (x - units + 1) / units), beyond)
        return beyond

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows with a time that is beyond the day."""
        found: np.ndarray = self._beyond(frame) > 0
        return found

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the times of rows that were too late earlier."""
        beyond = self._beyond(frame)
        if not beyond.any():
            return frame
        for name, units in zip((self.column, *self.others), self.units, strict=True):
            earlier = numbers(frame, name) - np.ceil(beyond * units - 1e-6)
            frame = replaced(frame, name, pd.Series(np.maximum(earlier, 0)))
        return frame
