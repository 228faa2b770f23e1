"""What looks like a time and is none for `tst.table.evidence`: asked about, not passed over.

A time may stand in several columns (year, month, day; date and hour), be written in a way that is
not read (`1er mars 2019`), or be a time of the day that starts again at midnight.
"""

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.dates import are_months, shapes_of
from tst.table.joined import are_clock_digits, are_clock_points
from tst.table.time_evidence import SPAN
from tst.table.values import is_named, is_numeric

# Words for a part of a time, and the least and the greatest number that it may be.
PARTS: dict[str, tuple[frozenset[str], int, int]] = {
    "year": (frozenset("year yr yyyy jahr annee ano anno".split()), 1700, 2300),
    "quarter": (frozenset("quarter qtr quartal trimestre".split()), 1, 4),
    "month": (frozenset("month mon monat mois mes mese".split()), 1, 12),
    "week": (frozenset("week isoweek woche semaine semana settimana".split()), 1, 53),
    "day": (frozenset("day tag jour dia giorno dom".split()), 1, 31),
    "hour": (frozenset("hour hr stunde heure hora ora".split()), 0, 24),
    "minute": (frozenset("minute min minuto".split()), 0, 59),
}
CLOCKS = frozenset("clock hhmm hrmn time uhrzeit".split())  # may hold a time in digits
ORDERS = (("year", "month", "day", "hour", "minute"), ("year", "quarter"), ("year", "week"))
MIN_DISTINCT = 3  # texts that may be times
MOST = 0.9  # of texts, that hold a number
NUMBERED = 0.8  # the same, of what is not called like a time: a first visit may have none
Words = Callable[[str], list[str]]


def is_text_span(column: pd.Series) -> bool:
    """Tell whether a column holds times of the day, or durations, as text."""
    if not is_named(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return False
    text = column.dropna().head(1000).astype(str)
    return len(text) > 0 and all(SPAN.fullmatch(shape) for shape in shapes_of(text))


def parts_of_time(frame: pd.DataFrame, dates: Collection[str], words: Words) -> list[str]:
    """Return columns that are a time together: of numbers, or a date and what is within it.

    Parameters
    ----------
    dates
        Columns that hold dates.
    words
        Gives the words of a column's name.
    """
    found: dict[str, str] = {}
    for name in frame:
        for part, (called, low, high) in PARTS.items():
            is_part = bool(called & set(words(name))) and part not in found
            if not is_part or name in dates:
                continue
            if _is_within(frame[name], low, high) or (part == "month" and are_months(frame[name])):
                found[part] = name
    for order in ORDERS:
        if all(part in found for part in order[:2]):
            names = []
            for part in order:
                if part not in found:
                    break
                names.append(found[part])
            return names
    within = [name for name in frame if name not in dates and _is_clock(frame[name], words)]
    within += [found["hour"]] if "hour" in found else []
    return [*list(dates)[:1], *within[:1]] if dates and within else []


def _is_clock(column: pd.Series, words: Words) -> bool:
    """Tell whether a column holds times of the day, as text or in digits."""
    if is_numeric(column):
        return bool(CLOCKS & set(words(str(column.name)))) and are_clock_digits(column)
    return is_text_span(column) or are_clock_points(column)


def _is_within(column: pd.Series, low: int, high: int) -> bool:
    """Tell whether a column holds whole numbers between two."""
    if not is_numeric(column):
        return False
    x = column.dropna().to_numpy(np.float64)
    return bool(len(x) and (x % 1 == 0).all() and x.min() >= low and x.max() <= high)


def check_whole(
    frame: pd.DataFrame, parts: list[str], id_columns: Collection[str], time: str, is_date: bool
) -> None:
    """Raise DataError where an id and a time are only parts of a time in several columns.

    A day of the month that rises within a series is no time where the month changes, too; an hour
    that with the date names each row is no id. A year, or a date, that names each row is the time.

    Parameters
    ----------
    parts
        Of the time, the coarsest first.
    is_date
        Whether the time is a date by itself.
    """
    if time in parts[1:] and not is_date:
        others = [name for name in parts if name != time and frame[name].nunique() > 1]
        check_not_parted(parts if others else [])
    if set(parts) & set(id_columns):
        check_not_parted(parts)


def check_not_parted(parts: list[str]) -> None:
    """Raise DataError where columns are a time together."""
    if not parts:
        return
    listed = ", ".join(parts)
    raise DataError(
        f"the time seems to stand in several columns ({listed}): say so (--time "
        f"{','.join(parts)}, in roles time: [{listed}]), or that the order of the rows is the time "
        "(none)."
    )


def check_read(frame: pd.DataFrame, called: list[str]) -> None:
    """Raise DataError where a column that is called like a time holds text with numbers."""
    for name in called:
        column = frame[name]
        if not is_named(column) or types.is_bool_dtype(column.dtype):
            continue
        text = pd.Series(column.dropna().astype(str).unique())
        if len(text) >= MIN_DISTINCT and text.str.contains(r"\d").mean() >= MOST:
            raise DataError(
                f"column '{name}' is called like a time, but '{text[0][:40]}' is not read as one: "
                "write 2024-01-31 or 2024-01-31 23:59, or say that the order of the rows is the "
                "time (time: none)."
            )


def check_not_numbered(frame: pd.DataFrame, codes: np.ndarray) -> None:
    """Raise DataError where text with numbers stands once in each series: FY2005, Week 4, V1.

    Parameters
    ----------
    frame
        Columns that may be such a text.
    codes
        int (n_rows,): the series of each row.
    """
    for name in frame:
        column = frame[name]
        if not is_named(column) or types.is_bool_dtype(column.dtype):
            continue
        places = pd.DataFrame({"series": codes, "text": column})
        text = pd.Series(column.dropna().astype(str).unique())
        is_number = text.str.fullmatch(r"\d+").all()  # judged as such
        is_shared = MIN_DISTINCT <= len(text) < len(frame) / 2 and not is_number
        if not is_shared or text.str.contains(r"\d").mean() < NUMBERED or places.duplicated().any():
            continue
        raise DataError(
            f"column '{name}' stands once in each series ('{text[0][:40]}'), as a time does, and "
            "is not read as one: write 2024-01-31 or a whole number, or say that the order of the "
            "rows is the time (time: none)."
        )


def check_never_falls(codes: np.ndarray, times: np.ndarray, name: str) -> None:
    """Raise DataError where times of the day fall within a group: they may go on behind midnight.

    Parameters
    ----------
    codes, times
        Of the rows in their order: int (n_rows,) and float64 (n_rows,).
    """
    order = np.argsort(codes, kind="stable")
    is_same = np.diff(codes[order]) == 0
    if (np.diff(times[order])[is_same] < 0).any():
        raise DataError(
            f"the times of the day in '{name}' fall within a series, as behind midnight: give "
            f"dates with them, or say that they are durations (time: {name}), or that the order of "
            "the rows is the time (time: none)."
        )
