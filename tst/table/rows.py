"""The rows of a user's table by series and time, and what was dropped or cut on the way.

The order of the rows in the table does not matter, but of events at one time (`tst.table.ties`):
series go by their ids, rows by their times.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.table.calendar import Clock, read_times
from tst.table.columns import Problem
from tst.table.discovery import find_relations
from tst.table.evidence import MAX_TIED_SHARE
from tst.table.keys import Keys
from tst.table.relations import Places, Relation, apply_all
from tst.table.roles import Roles
from tst.table.steps import GAP
from tst.table.stretches import Stretches
from tst.table.ties import is_first_by_value, is_repeated, is_tied, order_of_rows
from tst.table.values import row_name
from tst.table.writing import is_unread

FEW_SERIES = 10  # below which a split into halves may divide the parts of one series


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of a table, sorted by series and time: all of some series, or the whole table.

    Parameters
    ----------
    frame
        The rows, without those that have no id or no time, or that stand there twice.
    is_first_of_id
        bool, shape (n_rows,): True for the first row of each id.
    is_first
        bool, shape (n_rows,): True for the first row of each series, after cuts.
    times
        shape (n_rows,): by the clocks of the table's place.
    stretch
        As `Places.stretch`.
    """

    frame: pd.DataFrame
    is_first_of_id: np.ndarray
    is_first: np.ndarray
    times: np.ndarray
    stretch: np.ndarray | None = None

    @property
    def first(self) -> np.ndarray:
        """First row of each series, shape (n_series,)."""
        return np.flatnonzero(self.is_first)

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each series, shape (n_series,)."""
        return np.diff(np.append(self.first, len(self.frame)))

    @property
    def starts(self) -> np.ndarray:
        """First row of each row's series, shape (n_rows,)."""
        return np.repeat(self.first, self.lengths)


class Store(Protocol):
    """Rows of a table in one or more parts, of which one is held at a time.

    A part has all rows of some ids; the parts follow each other as the ids do.
    """

    def __len__(self) -> int:
        """Return the number of parts."""

    def frame(self, part: int) -> pd.DataFrame:
        """Return the rows of a part."""

    def times(self, part: int) -> np.ndarray:
        """Return their times, shape (n_rows,)."""

    def is_first_of_id(self, part: int) -> np.ndarray:
        """Return, of sorted rows, which is the first of its id, bool (n_rows,)."""

    def write(
        self, part: int, frame: pd.DataFrame, times: np.ndarray, is_first_of_id: np.ndarray
    ) -> None:
        """Replace the rows of a part by sorted ones."""


class Held:
    """A store of one part, in memory."""

    def __init__(self, frame: pd.DataFrame, times: np.ndarray) -> None:
        self.rows = (frame, times, np.empty(0, dtype=bool))

    def __len__(self) -> int:
        return 1

    def frame(self, part: int) -> pd.DataFrame:
        """Return the rows."""
        return self.rows[0]

    def times(self, part: int) -> np.ndarray:
        """Return their times."""
        return self.rows[1]

    def is_first_of_id(self, part: int) -> np.ndarray:
        """Return which is the first of its id."""
        return self.rows[2]

    def write(
        self, part: int, frame: pd.DataFrame, times: np.ndarray, is_first_of_id: np.ndarray
    ) -> None:
        """Replace the rows."""
        self.rows = (frame, times, is_first_of_id)


@dataclass(frozen=True, kw_only=True)
class SortedTable:
    """A table sorted by series and time, gone through part by part.

    Parameters
    ----------
    store
        The sorted rows.
    keys, clock, roles
        The id; the time column, its interval and its starts; how series are cut.
    stretches
        Into which one series alone is cut, or None.
    n_rows, n_ids, n_series
        Rows, ids, and series after cuts.
    problems
        What was noticed.
    relations
        What holds in every row, and changes what is learned.
    """

    store: Store
    keys: Keys
    clock: Clock
    roles: Roles
    stretches: Stretches | None
    n_rows: int
    n_ids: int
    n_series: int
    problems: tuple[Problem, ...]
    relations: tuple[Relation, ...] = ()

    def parts(self) -> Iterator[Rows]:
        """Yield the rows of some series after those of others, as relations make them."""
        for part in range(len(self.store)):
            places = self.places(part)
            frame = apply_all(self.relations, self.store.frame(part), places)
            if self.clock.intervals:
                intervals = self.clock.interval_values(places.times, places.is_first)
                frame = frame.assign(**{self.clock.intervals: intervals})
            yield Rows(
                frame=frame,
                is_first_of_id=self.store.is_first_of_id(part),
                is_first=places.is_first_witness,
                times=places.times,
                stretch=places.stretch,
            )

    def places(self, part: int) -> Places:
        """Return where the rows of a part stand, by the clocks of the table's place."""
        times = self.clock.wall(self.store.times(part))
        is_first_of_id = self.store.is_first_of_id(part)
        is_first, _ = _first_rows(times, is_first_of_id, self.clock, self.roles, self.stretches)
        if self.stretches is None or self.keys.id:
            return Places(times=times, is_first=is_first, zone=self.clock.zone)
        index = self.stretches.index(times, self.clock)
        is_behind_gap = np.append(False, np.diff(index) > 1)  # stretches that were left out
        return Places(
            times=times,
            is_first=is_first_of_id | is_behind_gap,
            stretch=index,
            zone=self.clock.zone,
        )

    @property
    def columns(self) -> list[str]:
        """Columns of the table as it was read."""
        return list(self.store.frame(0))

    def related(self) -> "SortedTable":
        """Return the table with the relations that hold among columns beside id and time."""
        keys = (*self.keys.id, self.keys.time, *self.keys.made)
        columns = [name for name in self.columns if name not in keys]

        def parts() -> Iterator[tuple[pd.DataFrame, Places]]:
            for part in range(len(self.store)):
                yield self.store.frame(part)[columns], self.places(part)

        relations = find_relations(parts, self.clock.has_dates, self.roles, keys)
        problems = [
            Problem(one.column, f"{one.text}: kept so in every row", self.n_rows)
            for one in relations
        ]
        return replace(self, relations=tuple(relations), problems=(*self.problems, *problems))

    @property
    def id_column(self) -> str:
        """Name of the column that rows are sorted by first."""
        return self.keys.id_column

    @property
    def is_cut(self) -> bool:
        """Whether series were cut into parts."""
        return self.n_series > self.n_ids

    @property
    def has_few_ids(self) -> bool:
        """Whether a split must divide parts of one series, because there are few series."""
        return self.n_ids < FEW_SERIES


def sort_rows(frame: pd.DataFrame, keys: Keys, roles: Roles) -> SortedTable:
    """Sort a table in memory as `sort_store` does, and drop what has no id or no time.

    Parameters
    ----------
    frame
        The rows, with the columns that `Keys.add` made.

    Raises
    ------
    DataError
        As `sort_store`, and where id or time is empty.
    """
    problems = keys.problems(len(frame))
    dropped = Dropped(keys.id_column, keys.time_column)
    frame = dropped.drop(frame)
    dropped.check()
    time = read_times(frame[keys.time_column], order=roles.dates)
    problems += [*dropped.problems(), *time.all_problems(len(frame))]
    return sort_store(Held(frame, time.times), keys, time.clock, roles, problems)


def sort_like(
    frame: pd.DataFrame,
    keys: Keys,
    clock: Clock,
    roles: Roles,
    stretches: Stretches | None,
    relations: tuple[Relation, ...],
) -> SortedTable:
    """Sort a table as another one was, by whose keys and clock; nothing is looked for in it.

    Rows without an id, or a time that can be read, are left out.

    Parameters
    ----------
    frame
        The rows, with the columns that `Keys.add` made.
    """
    frame = frame[frame[keys.id_column].notna() & frame[keys.time_column].notna()]
    times = frame[keys.time_column].to_numpy()
    if keys.time:
        times = clock.writing.read(frame[keys.time_column])
        is_read = ~is_unread(times)
        frame = frame[is_read]
        times = times[is_read]
    frame, times = _in_order(frame, times, keys.id_column)
    is_first_of_id = first_of_ids(frame[keys.id_column])
    if not keys.time:
        times = places_of_ids(is_first_of_id)
    store = Held(frame, times)
    store.write(0, frame, times, is_first_of_id)
    is_first, _ = _first_rows(clock.wall(times), is_first_of_id, clock, roles, stretches)
    return SortedTable(
        store=store,
        keys=keys,
        clock=clock,
        roles=roles,
        stretches=stretches,
        n_rows=len(frame),
        n_ids=int(is_first_of_id.sum()),
        n_series=int(is_first.sum()),
        problems=(),
        relations=relations,
    )


class Dropped:
    """Counts, part by part, the rows that are dropped because they have no id or no time."""

    def __init__(self, id_column: str, time_column: str) -> None:
        self.what = {id_column: "no id", time_column: "no time"}
        self.n_missing = dict.fromkeys(self.what, 0)
        self.n_rows = dict.fromkeys(self.what, 0)

    def drop(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that have an id and a time, and count the others."""
        for column in self.what:
            missing = frame[column].isna()
            self.n_rows[column] += len(frame)
            if missing.any():
                self.n_missing[column] += int(missing.sum())
                frame = frame[~missing]
        return frame

    def check(self) -> None:
        """Raise DataError where an id or a time is missing in all rows."""
        for column, n_missing in self.n_missing.items():
            if n_missing == self.n_rows[column]:
                raise DataError(f"column '{column}' is empty: name another in a roles file.")

    def problems(self) -> list[Problem]:
        """Return what was dropped."""
        return [
            Problem(column, f"rows with {what}, dropped", self.n_missing[column])
            for column, what in self.what.items()
            if self.n_missing[column]
        ]


def sort_store(
    store: Store, keys: Keys, clock: Clock, roles: Roles, problems: list[Problem]
) -> SortedTable:
    """Sort the rows of a store by series and time, drop what stands twice, cut as the roles say.

    Parameters
    ----------
    clock
        Of the time column; the interval and the starts are still to be found.
    problems
        What was noticed before.

    Raises
    ------
    DataError
        Where the id is a wrong one, or only one series is left.
    """
    ties = Tied(store, keys)
    ties.sort()
    clock = ties.settled(clock.found(ties.of_once, roles.gaps == "cut"), problems)

    def sorted_times() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in range(len(store)):
            yield clock.wall(store.times(part)), store.is_first_of_id(part)

    while clock.intervals in store.frame(0):  # a name that no column has
        clock = replace(clock, intervals=f"{clock.intervals}_")
    n_ids = sum(int(is_first_of_id.sum()) for _, is_first_of_id in sorted_times())
    stretches = None
    if n_ids == 1 and (not roles.window or not keys.id):
        stretches = _cut_one_series(store, keys, clock, roles, problems)
    n_rows = sum(len(times) for times, _ in sorted_times())
    starts = []
    lengths = []
    last = []
    gaps = Gaps()
    for times, is_first_of_id in sorted_times():
        is_first, is_gap = _first_rows(times, is_first_of_id, clock, roles, stretches)
        gaps.count(times, is_first_of_id, is_gap, clock)
        starts.append(times[is_first])
        lengths.append(np.diff(np.append(np.flatnonzero(is_first), len(times))))
        last.append(times.max())
    n_series = sum(map(len, starts))
    problems += gaps.problems(clock, roles)
    if n_series < 2:
        raise DataError(
            f"the table is one series of {n_rows:,} rows, too short to be cut: give more rows, or "
            "a smaller window."
        )
    table = SortedTable(
        store=store,
        keys=keys,
        clock=clock.begun(np.concatenate(starts), np.concatenate(lengths), max(last)),
        roles=roles,
        stretches=stretches,
        n_rows=n_rows,
        n_ids=n_ids,
        n_series=n_series,
        problems=tuple(problems),
    )
    if not table.is_cut:
        return table
    text = f"series, cut into {n_series:,} parts"
    if table.has_few_ids:
        text += "; parts of one may be learned and held out"
    return replace(table, problems=(*problems, Problem(keys.id_column, text, n_ids)))


def _cut_one_series(
    store: Store, keys: Keys, clock: Clock, roles: Roles, problems: list[Problem]
) -> Stretches:
    """Return the stretches of one series, and drop the rows of those that are not whole."""
    frame = store.frame(0)
    times = clock.wall(store.times(0))
    if len(times) < 4:
        raise DataError(
            f"column '{keys.id_column}' names one series only, of {len(times)} rows: give more."
        )
    stretches = Stretches.choose(times, clock, 0 if keys.id else roles.window)
    is_kept = stretches.is_kept(times, clock)
    problems.append(stretches.problem(keys.time_column, int(is_kept.sum()), bool(keys.id)))
    if not is_kept.all():
        text = (
            "rows of stretches that begin before the table, end behind it, or lack half of theirs"
        )
        problems.append(Problem(keys.time_column, f"{text}: left out", int((~is_kept).sum())))
        is_first = np.zeros(int(is_kept.sum()), dtype=bool)
        is_first[0] = True
        store.write(0, frame[is_kept], store.times(0)[is_kept], is_first)
    return stretches


class Tied:
    """Sorts rows part by part, and counts those that share series and time with another.

    Parameters
    ----------
    store, keys
        The rows; their id and time.
    """

    def __init__(self, store: Store, keys: Keys) -> None:
        self.store = store
        self.keys = keys
        self.n_seen = self.n_tied = self.n_repeated = 0
        self.example = ""

    def sort(self) -> None:
        """Sort each part, drop rows that stand there twice, and count those that are left."""
        for part in range(len(self.store)):
            frame, times = self.store.frame(part), self.store.times(part)
            frame, times = _in_order(frame, times, self.keys.id_column)
            self.n_seen += len(frame)
            tied = is_tied(times, first_of_ids(frame[self.keys.id_column]))
            if tied.any():
                first = int(np.argmax(tied))
                self.example = self.example or row_name(frame[self.keys.id_column], first)
                repeated = is_repeated(frame, tied)
                self.n_repeated += int(repeated.sum())
                self.n_tied += int(tied.sum() - repeated.sum())
                frame, times = frame[~repeated], times[~repeated]
            self._write(part, frame, times)

    def drop(self) -> None:
        """Keep one of the rows that share series and time: the first by its other values."""
        for part in range(len(self.store)):
            times = self.store.times(part)
            tied = is_tied(times, self.store.is_first_of_id(part))
            if tied.any():
                frame = self.store.frame(part)
                names = self.keys.id_column, self.keys.time_column
                is_kept = is_first_by_value(frame, tied, names)
                self._write(part, frame[is_kept], times[is_kept])

    def _write(self, part: int, frame: pd.DataFrame, times: np.ndarray) -> None:
        is_first_of_id = first_of_ids(frame[self.keys.id_column])
        if not self.keys.time:  # the place of a row in its series, whatever stands between its rows
            times = places_of_ids(is_first_of_id).astype(times.dtype)
        self.store.write(part, frame, times, is_first_of_id)

    def of_once(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the times of each part, each of a series once, and which begin a series."""
        for part in range(len(self.store)):
            times, is_first_of_id = self.store.times(part), self.store.is_first_of_id(part)
            is_once = ~is_tied(times, is_first_of_id)
            yield times[is_once], is_first_of_id[is_once]

    def settled(self, clock: Clock, problems: list[Problem]) -> Clock:
        """Return the clock, with steps of no length where rows are events; else drop such rows.

        Raises
        ------
        DataError
            Where so many rows share a key that the id is a wrong one.
        """
        n_wrong = self.n_repeated + (0 if clock.intervals else self.n_tied)
        if n_wrong / self.n_seen > MAX_TIED_SHARE:
            raise DataError(
                f"{n_wrong / self.n_seen:.0%} of the rows share {_named(self.keys)} with another "
                f"({self.example}): name the right id, or several columns as id, in a roles file."
            )
        if not clock.intervals:
            if self.n_tied:
                self.drop()
            text = "rows with the id and time of another, dropped (the first by value stays)"
            said = [(text, n_wrong)]
        else:
            clock = replace(clock, least=0 if self.n_tied else 1)
            said = [
                ("rows that stand there twice, dropped", self.n_repeated),
                ("rows at the time of the row before: all stay, in their order", self.n_tied),
            ]
        problems += [Problem(self.keys.time_column, text, n) for text, n in said if n]
        return clock


def _named(keys: Keys) -> str:
    """Return the names of the id and of the time in a sentence."""
    return " and ".join(f"'{name}'" for name in (*keys.id, keys.time_column))


def _id_codes(ids: pd.Series) -> np.ndarray:
    return pd.factorize(ids, sort=True)[0]


def first_of_ids(ids: pd.Series) -> np.ndarray:
    """Return, of sorted ids, which is the first of its kind, bool (n_rows,)."""
    codes = pd.factorize(ids)[0]
    return np.append(True, codes[1:] != codes[:-1])[: len(codes)]


def places_of_ids(is_first_of_id: np.ndarray) -> np.ndarray:
    """Return the place, from 0, of each sorted row among those of its id, int64 (n_rows,)."""
    first = np.flatnonzero(is_first_of_id)
    return np.arange(len(is_first_of_id)) - first[np.cumsum(is_first_of_id) - 1]


def _in_order(
    frame: pd.DataFrame, times: np.ndarray, id_column: str
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows and their times by id, then time."""
    order = order_of_rows(_id_codes(frame[id_column]), times)
    return frame.iloc[order], times[order]


class Gaps:
    """Counts, part by part, gaps and steps that are none of the calendar."""

    def __init__(self) -> None:
        self.n_gaps = 0
        self.n_uneven = 0
        self.n_steps = 0

    def count(
        self, times: np.ndarray, is_first: np.ndarray, is_gap: np.ndarray, clock: Clock
    ) -> None:
        """Add the rows of a part; arguments as in `_first_rows`."""
        self.n_gaps += int(is_gap.sum())
        self.n_uneven += int(clock.is_uneven(times, is_first).sum())
        self.n_steps += int((~is_first).sum())

    def problems(self, clock: Clock, roles: Roles) -> list[Problem]:
        """Return what was found."""
        found = []
        if clock.intervals:
            text = "steps are uneven: how long each is is learned as a measurement"
            return [Problem(clock.name, text, self.n_steps)]
        if self.n_gaps:
            action = "each is one step, as any other"
            if roles.gaps == "cut":
                action = "a new series begins behind each"
            text = (
                f"gaps (more than {GAP} intervals to the row before): {action}; synthetic times "
                "have none"
            )
            found.append(Problem(clock.name, text, self.n_gaps))
        if self.n_uneven:
            text = (
                "steps that differ from the interval, the median step; synthetic times are regular"
            )
            found.append(Problem(clock.name, text, self.n_uneven))
        return found


def _first_rows(
    times: np.ndarray,
    is_first_of_id: np.ndarray,
    clock: Clock,
    roles: Roles,
    stretches: Stretches | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows begin a series, and which stand behind a gap, bool (n_rows,) each."""
    is_gap = clock.is_gap(times, is_first_of_id)
    if stretches is not None:
        index = stretches.index(times, clock)
        return is_first_of_id | np.append(False, np.diff(index) != 0), is_gap
    return _cut(is_first_of_id, is_gap, roles), is_gap


def _cut(is_first_of_id: np.ndarray, is_gap: np.ndarray, roles: Roles) -> np.ndarray:
    """Return which rows begin a series, once gaps and windows cut them."""
    is_first = is_first_of_id
    if roles.gaps == "cut":
        is_first = is_first | is_gap
    if roles.window:
        first = np.flatnonzero(is_first)
        lengths = np.diff(np.append(first, len(is_first)))
        step_index = np.arange(len(is_first)) - np.repeat(first, lengths)
        is_first = is_first | (step_index % roles.window == 0)
    return is_first
