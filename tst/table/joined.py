"""A time that stands in several columns: date and hour, or year, month and day.

They are read as one text, whose parts are columns again when it is written. Hours may count from 1
to 24, as of what ends with them, and times of the day be digits: 30, 100, 2330, or have points
between: 18.00.00.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
from pandas.api import types

from tst.table.writing import as_text

BETWEEN = "\t"  # parts of a joined time
HOURS = re.compile(r"hours?|hr|stunde|heure|hora|ora|he")  # words for an hour
POINTED = re.compile(r"([01]?\d|2[0-3])\.[0-5]\d\.[0-5]\d")
Count = Literal["", "from one", "digits", "points"]
PREFIXES = {"quarter": "Q", "q": "Q", "qtr": "Q", "week": "W", "w": "W", "isoweek": "W"}


@dataclass(frozen=True, kw_only=True)
class TimePart:
    """A column that holds a part of the time.

    Parameters
    ----------
    name, dtype
        Of the column.
    prefix
        Put before its numbers, where they are quarters or weeks.
    count
        from one: hours of 1 to 24, which are read as 0 to 23; digits: hours and minutes of up to
        four digits; points: times of the day with points between; else empty.
    """

    name: str
    dtype: str
    prefix: str = ""
    count: Count = ""

    @classmethod
    def of(cls, column: pd.Series) -> Self:
        """Return what a column is by its name: quarters and weeks are called so."""
        word = re.split(r"[^a-z]+", str(column.name).lower())[-1]
        is_number = types.is_numeric_dtype(column.dtype)
        prefix = PREFIXES.get(word, "") if is_number else ""
        count: Count = ""
        if are_clock_points(column):
            count = "points"
        elif is_number and are_clock_digits(column):
            count = "digits"
        elif is_number and HOURS.fullmatch(word) and (column.min(), column.max()) == (1, 24):
            count = "from one"
        return cls(name=str(column.name), dtype=str(column.dtype), prefix=prefix, count=count)

    def text(self, column: pd.Series) -> pd.Series:
        """Return a column as text, missing where it is."""
        if types.is_datetime64_any_dtype(column.dtype):
            return column.dt.strftime("%Y-%m-%d").astype(object).where(column.notna())
        if self.count == "from one":
            column = column - 1
        text = as_text(column)
        if self.count == "digits":
            text = text.str.zfill(4).str.replace(r"(..)$", r":\1", regex=True)
        if self.count == "points":
            text = text.str.replace(".", ":")
        return self.prefix + text

    def column(self, text: pd.Series) -> pd.Series:
        """Return the column of texts: inverts `text`."""
        dtype = types.pandas_dtype(self.dtype)
        text = text.str.removeprefix(self.prefix)
        if self.count == "digits":
            text = text.str.replace(":", "")
        if self.count == "points":
            text = text.str.replace(":", ".")
        if types.is_numeric_dtype(dtype):
            text = text.astype("int64") + int(self.count == "from one")
        return text.astype(dtype)


def are_clock_points(column: pd.Series) -> bool:
    """Tell whether text is times of the day with points between: 18.00.00."""
    known = column.dropna().unique()
    return bool(len(known)) and all(POINTED.fullmatch(str(text)) for text in known)


def are_clock_digits(column: pd.Series) -> bool:
    """Tell whether numbers are times of the day in digits: several hours, minutes below 60."""
    x = column.dropna().to_numpy(np.float64)
    if not len(x) or (x % 1 != 0).any() or x.min() < 0 or not 100 <= x.max() < 2400:
        return False
    return bool((x % 100 < 60).all()) and len(np.unique(x // 100)) > 2


def join_times(frame: pd.DataFrame, parts: Sequence[TimePart], name: str) -> pd.DataFrame:
    """Return a table with one column instead of the parts of its time, at the place of the first.

    Parameters
    ----------
    name
        Of the joined column.
    """
    texts = [part.text(frame[part.name]) for part in parts]
    joined = texts[0]
    for text in texts[1:]:
        joined = joined + BETWEEN + text
    place = frame.columns.get_loc(parts[0].name)
    frame = frame.copy()
    frame.insert(place, name, joined.astype(object).where(joined.notna(), None))
    return frame.drop(columns=[part.name for part in parts])


def part_times(frame: pd.DataFrame, parts: Sequence[TimePart], name: str) -> pd.DataFrame:
    """Return a table with the parts of its time instead of the joined column."""
    texts = frame[name].str.split(BETWEEN, expand=True)
    columns = {part.name: part.column(texts[i]).array for i, part in enumerate(parts)}
    return frame.drop(columns=name).assign(**columns)
