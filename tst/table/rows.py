"""The rows of a user's table by series and time, and what was dropped or cut on the way.

The order of the rows in the table does not matter: series go by their ids, rows by their times,
and of rows that share both the first by value stays.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.table.calendar import Clock, find_interval, read_times
from tst.table.columns import Problem
from tst.table.roles import MAX_TIED_SHARE, Roles
from tst.table.values import is_number, row_name

GAP = 1.5  # intervals between two rows, above which there is a gap: a late row is none yet
FEW_SERIES = 10  # below which a split into halves may divide the parts of one series


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A table's rows, sorted by series and time.

    Parameters
    ----------
    frame
        The rows, without those that have no id or no time, or that stand there twice.
    id_column, clock
        Name of the id; the time column, its interval and its starts.
    is_first_of_id
        bool, shape (n_rows,): True for the first row of each id.
    is_first
        bool, shape (n_rows,): True for the first row of each series, after cuts.
    problems
        What was noticed.
    """

    frame: pd.DataFrame
    id_column: str
    clock: Clock
    is_first_of_id: np.ndarray
    is_first: np.ndarray
    problems: tuple[Problem, ...]

    @property
    def first_of_id(self) -> np.ndarray:
        """First row of each id, shape (n_ids,)."""
        return np.flatnonzero(self.is_first_of_id)

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

    @property
    def is_cut(self) -> bool:
        """Whether series were cut into parts."""
        return len(self.first) > len(self.first_of_id)

    @property
    def has_few_ids(self) -> bool:
        """Whether a split must divide parts of one series, because there are few series."""
        return len(self.first_of_id) < FEW_SERIES


def sort_rows(frame: pd.DataFrame, id_column: str, time_column: str, roles: Roles) -> Rows:
    """Sort a table by series and time, drop what cannot be placed, and cut as the roles say.

    Raises
    ------
    DataError
        Where id or time is empty, the id is a wrong one, or only one series is left.
    """
    problems: list[Problem] = []
    frame = _drop_incomplete(frame, id_column, time_column, problems)
    time = read_times(frame[time_column])
    problems += [Problem(time_column, text, len(frame)) for text in time.problems]
    order = _series_order(frame[id_column], time.times)
    frame = frame.iloc[order]
    times = time.times[order]
    is_kept = _mark_unique(frame, times, id_column, time_column, problems)
    frame = frame[is_kept]
    times = times[is_kept]

    codes = _id_codes(frame[id_column])
    is_first_of_id = np.append(True, codes[1:] != codes[:-1])
    if is_first_of_id.sum() == 1 and not roles.window:
        raise DataError(
            f"column '{id_column}' names one series only: give a table of several, or cut it into "
            "parts by `window: 100` in a roles file."
        )
    step, months = find_interval(times, is_first_of_id)
    clock = replace(time.clock, step=step, months=months)
    is_gap = _find_gaps(times, is_first_of_id, clock, roles, problems)
    is_first = _cut(is_first_of_id, is_gap, roles)
    if is_first.sum() < 2:
        raise DataError(
            f"column '{id_column}' leaves one series only: give a table of several, or a smaller "
            "window."
        )
    starts = times[is_first].astype(float)
    rows = Rows(
        frame=frame,
        id_column=id_column,
        clock=replace(clock, first_start=starts.min(), last_start=starts.max()),
        is_first_of_id=is_first_of_id,
        is_first=is_first,
        problems=tuple(problems),
    )
    if not rows.is_cut:
        return rows
    text = f"series, cut into {len(rows.first):,} parts"
    if rows.has_few_ids:
        text += "; parts of one may be learned and held out"
    cut = Problem(id_column, text, len(rows.first_of_id))
    return replace(rows, problems=(*rows.problems, cut))


def _drop_incomplete(
    frame: pd.DataFrame, id_column: str, time_column: str, problems: list[Problem]
) -> pd.DataFrame:
    """Return the rows that have an id and a time, and add to the problems."""
    for column, what in ((id_column, "no id"), (time_column, "no time")):
        missing = frame[column].isna()
        if missing.all():
            raise DataError(f"column '{column}' is empty: name another in a roles file.")
        if missing.any():
            problems.append(Problem(column, f"rows with {what}, dropped", int(missing.sum())))
            frame = frame[~missing]
    return frame


def _id_codes(ids: pd.Series) -> np.ndarray:
    return pd.factorize(ids, sort=True)[0]


def _series_order(ids: pd.Series, times: np.ndarray) -> np.ndarray:
    """Return the order of rows by id, then time."""
    return np.lexsort((times, _id_codes(ids)))


def _mark_unique(
    frame: pd.DataFrame,
    times: np.ndarray,
    id_column: str,
    time_column: str,
    problems: list[Problem],
) -> np.ndarray:
    """Mark, in sorted rows, one of those that share id and time: the first by its other values.

    Returns
    -------
    is_kept
        bool, shape (n_rows,).
    """
    codes = _id_codes(frame[id_column])
    is_tied = np.append(False, (times[1:] == times[:-1]) & (codes[1:] == codes[:-1]))
    if not is_tied.any():
        return ~is_tied
    if is_tied.mean() > MAX_TIED_SHARE:
        row = row_name(frame[id_column], int(np.argmax(is_tied)))
        raise DataError(
            f"{is_tied.mean():.0%} of the rows share '{id_column}' and '{time_column}' with "
            f"another ({row}): name the right id in a roles file."
        )
    text = "rows with the id and time of another, dropped (the first by value stays)"
    problems.append(Problem(time_column, text, int(is_tied.sum())))

    group = np.cumsum(~is_tied)  # rows that share id and time
    others = [column for column in frame if column not in (id_column, time_column)]
    # the rows of a group by value: sort all by value, then, stably, by group
    tied = pd.Series(group).isin(group[is_tied]).to_numpy()
    candidates = frame[tied].reset_index(drop=True)
    by_value = candidates.sort_values(others, key=_sortable, kind="stable").index.to_numpy()
    rows = np.flatnonzero(tied)[by_value]
    is_first_by_value = ~pd.Series(group[rows]).duplicated().to_numpy()
    is_kept = ~tied
    is_kept[rows[is_first_by_value]] = True
    return is_kept


def _sortable(column: pd.Series) -> pd.Series:
    return column if is_number(column) else column.astype(str)


def _find_gaps(
    times: np.ndarray,
    is_first: np.ndarray,
    clock: Clock,
    roles: Roles,
    problems: list[Problem],
) -> np.ndarray:
    """Return which rows stand behind a gap, and add gaps and uneven steps to the problems."""
    if clock.months:
        return np.zeros(len(times), dtype=bool)
    steps = np.append(0, np.diff(times))
    is_gap = ~is_first & (steps > GAP * clock.step)
    is_uneven = ~is_first & (steps != clock.step) & ~is_gap
    if is_gap.any():
        action = "each is one step, as any other"
        if roles.gaps == "cut":
            action = "a new series begins behind each"
        text = (
            f"gaps (more than {GAP} intervals to the row before): {action}; synthetic times have "
            "none"
        )
        problems.append(Problem(clock.name, text, int(is_gap.sum())))
    if is_uneven.any():
        text = "steps that differ from the interval, the median step; synthetic times are regular"
        problems.append(Problem(clock.name, text, int(is_uneven.sum())))
    return is_gap


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
