"""Rows that share series and time: in which order they stand, and which of them stay.

Where steps are even, a series has one row a time: of several the first by value stays. Where they
are uneven, rows are events, of which several may come at once: all stay, each a step of no length,
in the order of the table; turned round in a series whose rows go back in time, as in an account's
statement that begins with the latest. Rows that are alike in all columns were written twice.
"""

import numpy as np
import pandas as pd

from tst.table.values import is_number


def order_of_rows(codes: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the order of rows by series, time, and place in the table, int64 (n_rows,).

    Parameters
    ----------
    codes
        int64, shape (n_rows,): the series of each row, from 0.
    times
        shape (n_rows,).
    """
    order = np.lexsort((times, codes))
    is_tied = (np.diff(codes[order]) == 0) & (np.diff(times[order]) == 0)
    if not is_tied.any():
        return order
    in_table = np.argsort(codes, kind="stable")
    is_next = np.diff(codes[in_table]) == 0
    direction = np.sign(np.diff(times[in_table].astype(np.float64))) * is_next
    rising = np.bincount(codes[in_table][1:], weights=direction, minlength=int(codes.max()) + 1)
    places = np.arange(len(codes))
    return np.lexsort((np.where(rising[codes] < 0, -places, places), times, codes))


def is_tied(times: np.ndarray, is_first_of_id: np.ndarray) -> np.ndarray:
    """Return which sorted rows have the series and the time of the row before, bool (n_rows,)."""
    return ~is_first_of_id & np.append(False, times[1:] == times[:-1])[: len(times)]


def is_repeated(frame: pd.DataFrame, tied: np.ndarray) -> np.ndarray:
    """Return which rows are alike in all columns with one before of their time, bool (n_rows,).

    Parameters
    ----------
    frame
        Sorted rows.
    tied
        As `is_tied` returns it.
    """
    found = np.zeros(len(frame), dtype=bool)
    shares = _sharing(tied)
    found[shares] = frame[shares].duplicated().to_numpy()
    return found


def is_first_by_value(frame: pd.DataFrame, tied: np.ndarray, keys: tuple[str, str]) -> np.ndarray:
    """Mark, in sorted rows, one of those that share id and time: the first by its other values.

    Parameters
    ----------
    frame, tied
        As of `is_repeated`.
    keys
        Columns of id and time.

    Returns
    -------
    is_kept
        bool, shape (n_rows,).
    """
    group = np.cumsum(~tied)  # rows that share id and time
    others = [column for column in frame if column not in keys]
    # the rows of a group by value: sort all by value, then, stably, by group
    shares = _sharing(tied)
    candidates = frame[shares].reset_index(drop=True)
    by_value = candidates.sort_values(others, key=_sortable, kind="stable").index.to_numpy()
    rows = np.flatnonzero(shares)[by_value]
    is_first = ~pd.Series(group[rows]).duplicated().to_numpy()
    is_kept = ~shares
    is_kept[rows[is_first]] = True
    return is_kept


def _sharing(tied: np.ndarray) -> np.ndarray:
    """Return which sorted rows share series and time with the row before or behind them."""
    return tied | np.append(tied[1:], False)[: len(tied)]


def _sortable(column: pd.Series) -> pd.Series:
    return column if is_number(column) else column.astype(str)
