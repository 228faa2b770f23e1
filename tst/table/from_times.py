"""Columns that go by the time of their row: a date beside it, its hour, weekday or year.

A model that draws them by themselves writes 10 o'clock beside 15:00, or a Sunday that is a Monday.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from pandas.api import types

from tst.cycles import DAY
from tst.table.relations import (
    ANY_TIMES,
    FromTime,
    Number,
    OfTime,
    Part,
    Relation,
    TimeDecides,
    WithTime,
    numbers,
    part_of,
    plain_values,
)
from tst.table.sample import MAX_KEYS, MIN_ROWS, Sample
from tst.table.values import FEW, is_named, is_number, is_numeric

NEARER = 0.9  # of a date's spread: less from a time of its series, and it goes by that
SECONDS = 10**9
UNITS = (DAY, 3600 * SECONDS, 60 * SECONDS, SECONDS, 10**6)
DATES: tuple[Part, ...] = ("time", "date", "Monday", "first of the month")
NUMBERS: tuple[Part, ...] = (
    "year", "quarter", "month", "week", "day of the year", "day", "day of the week",
    "hour of the week", "hour", "minute", "second", "YYYYMM", "YYYYMMDD", "time of the day",
    "date", "time", "time since the first row",
)  # fmt: skip
# Of a part of the time that comes again, with what it does.
STATES: dict[Part, Part] = {
    "quarter": "year", "day of the week": "date", "month": "year", "hour": "date", "day": "date",
    "time of the day": "date", "hour of the week": "date",
}  # fmt: skip
# Parts of which each may have a name of its own, whether or not it comes again.
NAMED: tuple[Part, ...] = ("day of the week", "month", "year", "YYYYMM", "date")
MAX_NAMES = 5000
IN_SECONDS: tuple[Part, ...] = ("time of the day", "date", "time", "time since the first row")
EXACT = 2.0**53  # up to which float64 keeps whole numbers
DISTINCT = 0.5  # times that a number which goes by them tells apart: a state does not
TIMES_A_KEY = 2  # that a part of the time comes again in the calendar: a switch does not
MIN_NAMES = 3
MIN_SERIES = 10  # whose attributes go by their times


def dates_near_times(sample: Sample, kept: Sequence[str]) -> list[Relation]:
    """Return the dates that are a part of their row's time, or nearer to a time than to each other.

    Parameters
    ----------
    kept
        Columns that are learned as they are, such as a label.
    """
    found: list[Relation] = []
    for name in sample.frame:
        if types.is_datetime64_any_dtype(sample.frame[name].dtype):
            same = None if name in kept else _same_date(sample, name)
            one = same or _near_date(sample, name)
            if one is not None:
                found.append(one)
    return found


def _same_date(sample: Sample, name: str) -> OfTime | None:
    """Return that a date is always as far from its row's time, if it is."""
    x = numbers(sample.frame, name)
    if len(x) < MIN_ROWS or not np.isfinite(x).all() or np.ptp(x) == 0:
        return None
    number = Number(dtype=str(sample.frame[name].dtype))
    for part in DATES:
        one = OfTime(column=name, number=number, part=part)
        distance = np.round(x - one.value(sample.places), 3)
        if np.ptp(distance) == 0:
            return replace(one, offset=float(distance[0]))
    return None


def _near_date(sample: Sample, name: str) -> FromTime | None:
    """Return the time that a date is nearer to than to the dates of other rows, or series."""
    is_attribute = name in sample.attributes
    rows = sample.places.is_first if is_attribute else np.ones(len(sample.frame), dtype=bool)
    column = sample.frame[name]
    if column[rows].nunique() < 2:
        return None
    nanoseconds = numbers(sample.frame, name)[rows] * 1e9
    known = np.round(nanoseconds[np.isfinite(nanoseconds)]).astype(np.int64)
    unit = next((unit for unit in UNITS if (known % unit == 0).all()), 10**6)
    spread = float(np.nanstd(nanoseconds))
    best = None
    for to in ("first", "last") if is_attribute else ("own",):
        one = FromTime(column=name, dtype=str(column.dtype), to=to, unit=unit)
        distance = nanoseconds - one.reference(sample.places)[rows]
        if np.nanstd(distance) < NEARER * spread:
            spread = float(np.nanstd(distance))
            best = one
    return best


def calendar_columns(sample: Sample, kept: Sequence[str], has_dates: bool) -> list[Relation]:
    """Return the columns that a part of their row's time decides, if anything else is learned.

    Parameters
    ----------
    kept
        Columns that are learned as they are, such as a label.
    has_dates
        Whether times are dates.
    """
    parts = {
        part: part_of(sample.places, part)
        for part in dict.fromkeys([*NUMBERS, *STATES, *NAMED])
        if part in ANY_TIMES or has_dates
    }
    if sample.places.is_one_series:
        del parts["time since the first row"]
    found: list[Relation] = []
    for name in sample.frame:
        column = sample.frame[name]
        is_few = name in sample.attributes and sample.places.is_first.sum() < MIN_SERIES
        if name in kept or is_few or column.isna().any() or column.nunique() < 2:
            continue
        one = (
            _number(sample, name, parts)
            or _state(sample, name, parts)
            or _with_time(sample, name, parts)
        )
        if one is not None:
            found.append(one)
    gone = [one.column for one in found]
    left = sample.frame.drop(columns=list({*gone, *sample.attributes} & set(sample.frame)))
    return found if any(_is_learned(left[name]) for name in left) else []


def _is_learned(column: pd.Series) -> bool:
    """Tell whether a column is no name of each row."""
    return is_number(column) or column.nunique() <= max(FEW, len(column) / 2)


def _number(sample: Sample, name: str, parts: dict[Part, np.ndarray]) -> OfTime | None:
    """Return the part of the time that a column of numbers is, the plainest if there are several.

    The plainest is in no other unit and from no other origin.
    """
    if not is_numeric(sample.frame[name]) or len(sample.frame) < MIN_ROWS:
        return None
    best = None
    for one in _candidates(sample, name, parts):
        is_plainer = best is None or _plainness(one) < _plainness(best)
        if is_plainer and one.holds(sample.frame, sample.places):
            best = one
    return best


def _plainness(one: OfTime) -> tuple[bool, bool]:
    return one.factor != 1, one.offset != 0


def _candidates(sample: Sample, name: str, parts: dict[Part, np.ndarray]) -> Iterator[OfTime]:
    """Yield the parts of the time that numbers may be, in some unit from some origin."""
    x = numbers(sample.frame, name)
    if np.abs(x).max() >= EXACT:
        return
    number = sample.number(name)
    decimals = 9 if number.decimals is None else number.decimals
    for part in (one for one in NUMBERS if one in parts):
        p = parts[part]
        first, last = np.argmin(p), np.argmax(p)
        if x[first] == x[last]:
            continue
        slope = (x[last] - x[first]) / (p[last] - p[first])
        for factor in _factors(slope) if part in IN_SECONDS else {1.0}:
            origins = x[[first, last]] - factor * p[[first, last]]
            is_near = np.ptp(origins) <= 1.01 * 10.0**-decimals
            if is_near and len(np.unique(x)) >= DISTINCT * len(np.unique(p)):
                offset = float(np.round(origins.mean(), decimals))
                yield OfTime(column=name, number=number, part=part, factor=factor, offset=offset)


def _factors(slope: float) -> set[float]:
    """Return by what seconds may be multiplied, where numbers rise by some a second: n or 1/n."""
    factor = float(round(max(abs(slope), 1 / abs(slope))))
    if abs(slope) < 1:
        factor = 1 / factor
    return {1.0, float(np.copysign(factor, slope))}


def _state(sample: Sample, name: str, parts: dict[Part, np.ndarray]) -> TimeDecides | None:
    """Return the part of the time that decides a category, or which of a few numbers stands."""
    column = sample.frame[name]
    if is_number(column) and (not is_numeric(column) or column.nunique() > FEW):
        return None
    values = column.to_numpy(dtype=object)
    for part in dict.fromkeys([*STATES, *NAMED]):
        if part not in parts:
            continue
        keys, first, index = np.unique(parts[part], return_index=True, return_inverse=True)
        decided = values[first]
        most = {"date": MAX_NAMES}.get(part, MAX_KEYS)
        if not 2 <= len(keys) <= most or not (decided[index] == values).all():
            continue
        in_series = np.unique(np.stack([sample.places.witness, index]), axis=1).shape[1]
        # what one series alone has may tell whose it is
        are_names = is_named(column) and in_series >= MIN_NAMES * len(keys)
        are_names = are_names and len(set(decided)) == len(keys) >= MIN_NAMES
        again = np.stack([parts[STATES.get(part, part)], parts[part]])
        n_times = np.unique(again, axis=1).shape[1]
        comes_again = part in STATES and n_times >= TIMES_A_KEY * len(keys)
        if comes_again or (part in NAMED and are_names):
            return TimeDecides(
                column=name,
                part=part,
                dtype=str(column.dtype),
                keys=tuple(keys.tolist()),
                values=tuple(plain_values(column.iloc[first])),
            )
    return None


def _with_time(sample: Sample, name: str, parts: dict[Part, np.ndarray]) -> WithTime | None:
    """Return that a number goes with the time in each series, from a first value of its own."""
    if not is_numeric(sample.frame[name]) or name in sample.attributes:
        return None
    is_first = sample.places.is_first
    passed = parts.get("time since the first row", np.zeros(0))
    if is_first.sum() < MIN_SERIES or not passed.any():
        return None
    x = numbers(sample.frame, name)
    since = x - x[is_first][sample.places.series]
    farthest = np.argmax(passed)
    slope = since[farthest] / passed[farthest]
    for factor in _factors(slope) if slope > 0 else ():  # what falls may end at 0
        one = WithTime(column=name, factor=factor, number=sample.number(name))
        if one.holds(sample.frame, sample.places):
            return one
    return None
