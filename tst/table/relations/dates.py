"""Dates beside the time: learned as dates, or as their distance to where their series stands."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from tst.table.relations.base import InEveryRow, Places, numbers, replaced
from tst.table.values import with_zone_of
from tst.table.writing import TextDates


@dataclass(frozen=True, kw_only=True)
class DateText(InEveryRow):
    """A column of dates that are text, beside the time: learned as dates."""

    kind: Literal["date text"] = "date text"
    column: str
    writing: TextDates

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} is a date"

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose text is no date that comes back as it is."""
        column = frame[self.column]
        known = column.dropna().drop_duplicates()
        is_kept = self.writing.write(self.writing.read(known)).array == known.array
        return column.isin(known[~np.asarray(is_kept, dtype=bool)]).to_numpy(bool)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with dates."""
        dates = pd.Series(self.writing.read(frame[self.column]).astype("datetime64[ns]"))
        return replaced(frame, self.column, dates)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with text."""
        dates = frame[self.column]
        nanoseconds = dates.fillna(pd.Timestamp(0)).to_numpy("datetime64[ns]").astype(np.int64)
        text = self.writing.write(nanoseconds).where(dates.notna().to_numpy(), None)
        return replaced(frame, self.column, text.astype(self.writing.dtype))


@dataclass(frozen=True, kw_only=True)
class FromTime(InEveryRow):
    """A date: learned as its distance to the row's time, or to its series' start or end.

    Parameters
    ----------
    dtype
        Of the dates.
    to
        The time: of the first or the last row of the series, where all have one date, or of each.
    unit
        Nanoseconds of one, of which all distances are whole numbers.
    """

    kind: Literal["from time"] = "from time"
    column: str
    dtype: str
    to: Literal["first", "last", "own"]
    unit: int

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} keeps its distance to the {self.to} time"

    def reference(self, places: Places) -> np.ndarray:
        """Return the time of each row that the distance is to, in whole units, int64 (n_rows,)."""
        times = {"first": places.start, "last": places.end, "own": places.times}[self.to]
        return times // self.unit * self.unit

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose distance is no whole number of the unit."""
        x = numbers(frame, self.column) * 1e9
        known = np.isfinite(x)
        return known & (np.where(known, x, 0).astype(np.int64) % self.unit != 0)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with distances, whole numbers or missing."""
        x = numbers(frame, self.column)
        known = np.isfinite(x)
        nanoseconds = np.where(known, np.round(np.where(known, x, 0) * 1e3), 0).astype(np.int64)
        distance = (nanoseconds * 10**6 - self.reference(places)) // self.unit
        column = pd.Series(distance)
        if not known.all():
            column = column.astype("float64").where(known)
        return replaced(frame, self.column, column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with dates."""
        x = numbers(frame, self.column)
        known = np.isfinite(x)
        distance = np.round(np.where(known, x, 0)).astype(np.int64)
        dates = pd.Series(
            (self.reference(places) + distance * self.unit).astype("datetime64[ns]")
        ).where(known)
        return replaced(frame, self.column, with_zone_of(dates, types.pandas_dtype(self.dtype)))
