"""The rows of a user's table by series and time: what was dropped, cut and found on the way.

The order of the rows in the table does not matter: series go by their ids, rows by their times, and of rows that share
both the first by value stays.
"""

import numpy as np
import pandas as pd

from tst.series import DataError
from tst.table import columns, roles
from tst.table.calendar import interval, read_times

GAP = 1.5  # intervals
FEW = 10  # series, below which the parts of one may be divided by a split


class Rows:
    """A table's rows, sorted.

    Parameters
    ----------
    frame, key, time, chosen
        The table, its id and time columns, its `Roles`.

    After that: `frame`, `times` sorted; `first`, `lengths`, `starts` of series (the last for each row), after cuts;
    `first_of_id` before; `step`, `months` of the interval; `problems` (column, what, rows).
    """

    def __init__(self, frame, key, time, chosen):
        self.key, self.time, self.chosen, self.problems = key, time, chosen, []
        self._complete(frame)
        self._unique()
        frame, times = self.frame, self.times
        codes = self._codes(frame)
        cut = np.append(True, codes[1:] != codes[:-1])
        if cut.sum() == 1 and not chosen.window:
            raise DataError(
                f"column '{key}' names one series only: give a table of several, or cut it into parts by `window: 100` "
                "in a roles file."
            )
        self.first_of_id = np.flatnonzero(cut)
        self.step, self.months = interval(times, ~cut)
        self._list_gaps(cut)
        self._settle(self._cut(cut))

    def _complete(self, frame):
        """Drop rows without an id or a time, and read the times."""
        for column, what in ((self.key, "no id"), (self.time, "no time")):
            missing = frame[column].isna()
            if missing.all():
                raise DataError(f"column '{column}' is empty: name another in a roles file.")
            if missing.any():
                self.problems.append((column, f"rows with {what}, dropped", int(missing.sum())))
                frame = frame[~missing]
        times, self.clock_facts, found = read_times(frame[self.time])
        self.problems += [(self.time, *p) for p in found]
        self._sort(frame, times)

    def _codes(self, frame):
        return pd.factorize(frame[self.key], sort=True)[0]

    def _sort(self, frame, times):
        order = np.lexsort((times, self._codes(frame)))
        self.frame, self.times = frame.iloc[order], times[order]

    def _unique(self):
        """Drop equal rows, and all but the first by value of those that share id and time."""
        frame, times, codes = self.frame, self.times, self._codes(self.frame)
        tied = np.append(False, (times[1:] == times[:-1]) & (codes[1:] == codes[:-1]))
        if not tied.any():
            return
        if tied.mean() > roles.DOUBLE:
            raise DataError(
                f"{tied.mean():.0%} of the rows share '{self.key}' and '{self.time}' with another "
                f"({columns.row(frame[self.key], int(np.argmax(tied)))}): name the right id in a roles file."
            )
        involved = tied | np.append(tied[1:], False)
        rest = [c for c in frame if c not in (self.key, self.time)]
        kept = (
            frame[involved]
            .sort_values(rest, key=_sortable, kind="stable")
            .drop_duplicates([self.key, self.time])
        )
        what = "rows with the id and time of another, dropped (the first by value stays)"
        self.problems.append((self.time, what, int(tied.sum())))
        frame = pd.concat([frame[~involved], kept])
        self._sort(frame, read_times(frame[self.time])[0])

    def _list_gaps(self, cut):
        steps = np.append(0, np.diff(self.times))
        self.is_gap = (
            ~cut & (steps > GAP * self.step) if not self.months else np.zeros(len(cut), dtype=bool)
        )
        uneven = ~cut & (steps != self.step) & ~self.is_gap
        done = (
            "a new series begins behind each"
            if self.chosen.gaps == "cut"
            else "each is one step, as any other"
        )
        if self.is_gap.any():
            what = f"gaps (more than {GAP} intervals to the row before): {done}; synthetic times have none"
            self.problems.append((self.time, what, int(self.is_gap.sum())))
        if uneven.any() and not self.months:
            what = (
                "steps that differ from the interval, the median step; synthetic times are regular"
            )
            self.problems.append((self.time, what, int(uneven.sum())))

    def _cut(self, cut):
        if self.chosen.gaps == "cut":
            cut = cut | self.is_gap
        if self.chosen.window:
            starts = np.flatnonzero(cut)
            step = np.arange(len(cut)) - np.repeat(starts, np.diff(np.append(starts, len(cut))))
            cut = cut | (step % self.chosen.window == 0)
        return cut

    def _settle(self, cut):
        self.first = np.flatnonzero(cut)
        self.is_cut = len(self.first) > len(self.first_of_id)
        self.is_few = len(self.first_of_id) < FEW
        self.lengths = np.diff(np.append(self.first, len(cut)))
        self.starts = np.repeat(self.first, self.lengths)
        if len(self.first) < 2:
            raise DataError(
                f"column '{self.key}' leaves one series only: give a table of several, or a smaller window."
            )
        if self.is_cut:
            what = (
                f"series, cut into {len(self.first):,} parts"
                + "; parts of one may be learned and held out" * self.is_few
            )
            self.problems.append((self.key, what, len(self.first_of_id)))


def _sortable(column):
    return column if columns.is_number(column) else column.astype(str)
