"""Numbers and times of day that are text: learned as numbers, written as they stood."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.clocks import Clock
from tst.table.relations.base import InEveryRow, Places, numbers, replaced
from tst.table.spelled import Spelling


@dataclass(frozen=True, kw_only=True)
class SpelledText(InEveryRow):
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
    spelling: Spelling | Clock

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} is a number, written like {self.spelling.example}"

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose text is no number that comes back as it is."""
        column = frame[self.column].astype(object)
        known = column.dropna().drop_duplicates()
        return column.isin(known[~self.spelling.comes_back(known)]).to_numpy(bool)

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
