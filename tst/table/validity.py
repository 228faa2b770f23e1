"""Is a synthetic table one of the real table's kind: its formats, keys, calendar and relations?

A rule is what holds in every row of the real table; those of which a real table could be an
accident (a value that one series alone has) are none. Of a copy, the rows are counted that break a
rule: there should be none. The copy is read by the real table's id, time and codes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from tst.cycles import DAY, MONDAY
from tst.errors import DataError
from tst.series import Feature, SeriesSet
from tst.table.bounds import MAX_VALUES, MIN_SEEN, Followed, closed, n_beyond
from tst.table.relations import Above, Places, Within, in_cells
from tst.table.roles import Roles
from tst.table.rows import SortedTable, sort_like
from tst.table.said import Said
from tst.table.steps import EXACT, month_number
from tst.table.table import Table
from tst.table.ties import is_tied
from tst.table.values import free_name, is_numeric

MAX_DECIMALS = 6
HOUR = DAY // 24
NEXT = 0.1  # of a step, by which a row may be off its calendar

Part = Literal["format", "keys", "calendar", "relations"]
PARTS: tuple[Part, ...] = ("format", "keys", "calendar", "relations")


@dataclass(frozen=True, kw_only=True)
class Laid:
    """A table, and its rows by series and time.

    Parameters
    ----------
    written
        As it is written.
    rows
        Sorted by the real table's keys.
    n_lost
        Rows without an id, or without a time that can be read.
    """

    written: pd.DataFrame
    rows: SortedTable
    n_lost: int

    @classmethod
    def of(cls, table: Table, frame: pd.DataFrame, roles: Roles, is_real: bool = False) -> "Laid":
        """Lay out a table as the real one was; raises DataError where it lacks columns."""
        names = table.keys.as_written(table.order)
        lacking = [name for name in names if name not in frame and table.shape is None]
        if lacking:
            raise DataError(f"the table lacks the column '{lacking[0]}' of the real one.")
        long = frame
        if table.shape is not None:
            long = table.shape.to_long(frame)
        long = table.keys.add(long.reset_index(drop=True))
        facts = (table.keys, table.clock, roles, table.stretches, table.relations)
        rows = sort_like(long, *facts)
        n_lost = len(long) - rows.n_rows
        if is_real and table.stretches is not None:  # what was left out is not learned
            times = table.clock.wall(rows.store.times(0))
            is_kept = table.stretches.is_kept(times, table.clock)
            rows = sort_like(rows.store.frame(0)[is_kept], *facts)
        if not rows.n_rows:
            raise DataError("no row of the table has an id and a time that can be read.")
        return cls(written=frame, rows=rows, n_lost=n_lost)

    @property
    def frame(self) -> pd.DataFrame:
        """Its rows, sorted."""
        return self.rows.store.frame(0)

    @cached_property
    def places(self) -> Places:
        """Where they stand."""
        return self.rows.places(0)

    @property
    def is_first_of_id(self) -> np.ndarray:
        """Which row is the first of its id, bool (n_rows,)."""
        return self.rows.store.is_first_of_id(0)


class Rule(NamedTuple):
    """What holds in every row of the real table, and how many rows of another break it."""

    part: Part
    text: str
    n_broken: Callable[[Laid], int]


def validity(table: Table, real: Laid, copy: Laid) -> pd.DataFrame:
    """Return how many rows of a copy break what holds in every row of the real table.

    Returns
    -------
    Columns part (format, keys, calendar, relations), rule, broken: a row a rule.
    """
    rows = []
    for rule in [*_format_rules(real), *_key_rules(table), *_calendar_rules(table, real)]:
        if rule.n_broken(real) == 0:
            rows.append((rule.part, rule.text, rule.n_broken(copy)))
    rows += _relation_rules(table, real, copy)
    return pd.DataFrame(rows, columns=["part", "rule", "broken"])


def _format_rules(real: Laid) -> list[Rule]:
    """Return the rules of columns as they are written."""
    frame = real.written
    columns = list(frame)
    dtypes = frame.dtypes.astype(str).to_dict()

    def other_columns(copy: Laid) -> int:
        names = list(copy.written)
        if names == columns:
            return 0
        return max(1, len(set(names) ^ set(columns)))

    def other_dtypes(copy: Laid) -> int:
        others = copy.written.dtypes.astype(str).to_dict()
        return sum(others.get(name, dtype) != dtype for name, dtype in dtypes.items())

    rules = [
        Rule("format", "the same columns in the same order", other_columns),
        Rule("format", "each column has its dtype", other_dtypes),
    ]
    of_row = pd.Series(_series_of_written(real), index=frame.index)
    keys = real.rows.keys.as_written([*real.rows.keys.id, real.rows.keys.time])
    for name in columns:
        if name not in keys:
            rules += _column_rules(frame[name], of_row)
    return rules


def _series_of_written(real: Laid) -> np.ndarray:
    """Return the series of each written row, or its own number where the shape differs."""
    id_columns = [name for name in real.rows.keys.id if name in real.written]
    if not id_columns:
        return np.arange(len(real.written))
    return real.written.groupby(id_columns, sort=False, dropna=False).ngroup().to_numpy()


def _column_rules(column: pd.Series, series: pd.Series) -> list[Rule]:
    """Return the rules of the cells of a column; `series` says which series each belongs to."""
    name = str(column.name)
    rules = []
    if column.notna().all():
        rules.append(Rule("format", f"{name} is never empty", _count(name, pd.Series.isna)))
    if is_numeric(column):
        decimals = _decimals(column)
        if decimals is not None:
            text = f"{name} is whole"
            if decimals:
                text = f"{name} has {decimals} decimals at most"
            rules.append(Rule("format", text, _count(name, lambda x: ~_has_decimals(x, decimals))))
    elif (known := closed(column, series)) is not None:
        text = f"{name} is one of {len(known):,} values"
        changes = bool((column.groupby(series).nunique() > 1).any())
        rules.append(Rule("format", text, _count_others(name, known, MIN_SEEN if changes else 1)))
    return rules


def _count(name: str, is_broken: Callable[[pd.Series], pd.Series]) -> Callable[[Laid], int]:
    """Return what counts the broken cells of a column; one that is not there breaks none."""

    def count(copy: Laid) -> int:
        if name not in copy.written:
            return 0
        return int(np.asarray(is_broken(copy.written[name]), dtype=bool).sum())

    return count


def _count_others(name: str, known: list[Any], at_least: int) -> Callable[[Laid], int]:
    """Return what counts the cells of other than the known values, if so many series have any.

    What changes in time may be rare: a state that no real series is in, one or two others may be.
    """

    def count(copy: Laid) -> int:
        if name not in copy.written:
            return 0
        column = copy.written[name]
        is_other = np.asarray(column.notna() & ~column.isin(known), dtype=bool)
        n_series = len(np.unique(_series_of_written(copy)[is_other]))
        return int(is_other.sum()) if n_series >= at_least else 0

    return count


def _decimals(column: pd.Series) -> int | None:
    """Return the digits behind the point that all numbers have at most, None where many."""
    for decimals in range(MAX_DECIMALS + 1):
        if _has_decimals(column, decimals).all():
            return decimals
    return None


def _has_decimals(column: pd.Series, decimals: int) -> np.ndarray:
    """Tell which cells are empty, or numbers of so many digits behind the point at most."""
    x = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return ~np.isfinite(x) | np.isclose(np.round(x, decimals), x, rtol=1e-12, atol=1e-12)


def _key_rules(table: Table) -> list[Rule]:
    """Return the rules of id and time."""
    keys = table.keys
    names = [column.name for column in table.attributes if column.name not in keys.id]

    def twice(copy: Laid) -> int:
        return int(is_tied(copy.rows.store.times(0), copy.is_first_of_id).sum())

    def changes(copy: Laid) -> int:
        codes = copy.frame[names].apply(lambda column: pd.factorize(column)[0])
        is_other = (codes.diff().fillna(0) != 0).any(axis=1).to_numpy()
        return int((is_other & ~copy.places.is_first).sum())

    rules = [Rule("keys", "every row has an id and a time", lambda copy: copy.n_lost)]
    if keys.time and table.clock.least:
        named = " and ".join([*keys.id, keys.time])
        rules.append(Rule("keys", f"no two rows share {named}", twice))
    if names:
        rules.append(Rule("keys", "attributes do not change within a series", changes))
    return rules


def _calendar_rules(table: Table, real: Laid) -> list[Rule]:
    """Return the rules of times."""
    if not table.keys.time:
        return []
    clock = table.clock
    unit = clock.calendar if clock.intervals else None

    def off(copy: Laid) -> int:
        times = copy.places.times
        n_steps = clock.calendar.count(times[:-1], times[1:])
        tolerance = EXACT if unit is not None else NEXT
        is_off = (n_steps < clock.least - 0.5) | (np.abs(n_steps - np.round(n_steps)) > tolerance)
        return int((is_off & ~copy.is_first_of_id[1:]).sum())

    def jumps(copy: Laid) -> int:
        return int(clock.is_gap(copy.places.times, copy.is_first_of_id).sum())

    step = "a whole number of units" if unit is not None else f"steps of {clock.interval}"
    rules = [Rule("calendar", f"{clock.name} goes by {step}", off)]
    if not clock.intervals:
        rules.append(Rule("calendar", f"{clock.name} has no gaps", jumps))
    if table.stretches is None:
        rules.append(_start_range(clock.name, real))
    if clock.has_dates:
        for phase in PHASES:
            rules += _phase_rules(clock.name, phase, real, table.stretches is None)
    return rules


def _start_range(name: str, real: Laid) -> Rule:
    """Return the rule that series begin when real ones do."""
    places = real.places
    starts = places.times[places.is_first]

    def outside(copy: Laid) -> int:
        return n_beyond(starts, copy.places.times[copy.is_first_of_id])

    return Rule("calendar", f"{name} begins between the first and the last real start", outside)


def _phase_rules(name: str, phase: str, real: Laid, starts: bool) -> list[Rule]:
    """Return the rules of the times of the day, or the days, that rows and first rows have."""
    of_times, n_all = PHASES[phase]
    places = real.places
    rules = []
    rows = pd.Series(of_times(places.times))
    known = closed(rows, pd.Series(places.witness))
    if known is not None and len(known) < n_all:

        def other_rows(copy: Laid) -> int:
            return int((~np.isin(of_times(copy.places.times), known)).sum())

        text = f"{name} has {len(known):,} {phase}, as the real one"
        rules.append(Rule("calendar", text, other_rows))
    first = rows[places.is_first]
    known_first = closed(first, pd.Series(np.arange(len(first))))
    if starts and known_first is not None and len(known_first) < n_all:

        def other_starts(copy: Laid) -> int:
            begun = copy.places.times[copy.is_first_of_id]
            return int((~np.isin(of_times(begun), known_first)).sum())

        text = f"series begin at {len(known_first):,} {phase}, as real ones"
        rules.append(Rule("calendar", text, other_starts))
    return rules


def _time_of_day(times: np.ndarray) -> np.ndarray:
    return times % DAY


def _weekday(times: np.ndarray) -> np.ndarray:
    return (times + MONDAY) // DAY % 7


def _day_of_month(times: np.ndarray) -> np.ndarray:
    days = times.astype("datetime64[ns]").astype("datetime64[D]")
    return (days - days.astype("datetime64[M]")).astype(np.int64) + 1


def _month(times: np.ndarray) -> np.ndarray:
    return month_number(times) % 12 + 1


# of times, and how many there are
PHASES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    "times of the day": (_time_of_day, MAX_VALUES + 1),
    "weekdays": (_weekday, 7),
    "days of the month": (_day_of_month, 31),
    "months": (_month, 12),
}


def _relation_rules(table: Table, real: Laid, copy: Laid) -> list[tuple[Part, str, int]]:
    """Return (part, what holds, rows that break it in a copy) of all that holds in real rows.

    Rows that break an order by chance (`tst.table.bounds`) do not count, but of one that the user
    gives.
    """
    keys = (*table.keys.made, *table.keys.id)
    given = _given_orders(real)

    def followed(laid: Laid) -> Followed:
        frame = laid.frame.drop(columns=list(keys), errors="ignore")
        return Followed.of(table.relations, frame, laid.places, given)

    of_real = followed(real)
    of_copy = followed(copy)
    rows: list[tuple[Part, str, int]] = []
    for text, ends in of_real.ends.items():
        n_broken = len(copy.frame)
        if text in of_copy.ends:
            n_broken = n_beyond(ends, of_copy.ends[text])
        rows.append(("relations", text, n_broken))
    for text, n_real in of_real.counts.items():
        if n_real:
            continue
        n_broken = of_copy.counts[text]
        if of_real.is_by_chance(text, of_copy):
            n_broken = 0
        rows.append(("relations", text, n_broken))
    return rows


def _given_orders(real: Laid) -> list[Above | Within]:
    """Return the orders and limits that the user gives."""
    sentences = real.rows.roles.relations
    if list(sentences) == ["none"]:
        return []
    return Said.of(sentences, [*real.frame, *in_cells(real.rows.relations)]).orders()


def judged_series(table: Table, laid: Laid, name: str) -> SeriesSet:
    """Return a table as a SeriesSet, with hour, weekday and month as features where they differ.

    So that what depends on the calendar is seen; they stand behind the table's own features.
    """
    series = table.to_series(laid.rows, name)
    if not (table.keys.time and table.clock.has_dates):
        return series
    times = laid.places.times
    phases = {"hour": times % DAY // HOUR, "weekday": _weekday(times), "month": _month(times)}
    values = [series.values]
    features = list(series.features)
    for phase, x in phases.items():
        values.append(x[:, None].astype(np.float32))
        features.append(Feature(free_name(phase, [*table.order, *series.feature_names])))
    return replace(series, values=np.concatenate(values, axis=1), features=features)


def own_features(series: SeriesSet, n_features: int) -> SeriesSet:
    """Return a set with the first features alone: without hour, weekday and month."""
    if series.n_features == n_features:
        return series
    values = np.ascontiguousarray(series.values[:, :n_features])
    return replace(series, values=values, features=series.features[:n_features])
