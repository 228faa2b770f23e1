"""Which states follow each other in a table, and whether it tells that others do not.

A transition that never occurred may be rare instead of impossible. Good and Turing's estimate says
how many of the transitions of further series would be new: as many as there are, of all, that one
series alone has (of a table of one series: one stretch). Only where that is below `MAX_NEW`, by a
Poisson bound that holds in nine tables of ten or more, are the others left out: so much, at most,
of what is real is then never drawn.
"""

import numpy as np
import pandas as pd

from tst.table.relations import Places, Transitions, Value, plain_values
from tst.table.sample import MAX_KEYS
from tst.table.values import fill_gaps

MAX_NEW = 0.03  # of the transitions; where none is one series' alone, a hundred show it
CONFIDENCE = 0.95
MIN_MISSED = 10.0  # transitions that would be expected, if states did not depend, and do not occur
OUTSIDE = MAX_KEYS  # stands for the state before the first and behind the last


class TransitionCounts:
    """How often a state follows another one, counted part by part.

    Staying in a state tells nothing of others: how long it lasts is no transition.

    Parameters
    ----------
    column
        Name of the states.
    """

    def __init__(self, column: str) -> None:
        self.column = column
        self.states: dict[Value, int] = {}
        size = OUTSIDE + 1
        self.counts = np.zeros((size, size), dtype=np.int64)
        self.n_series = np.zeros((size, size), dtype=np.int64)  # in which each occurs
        self.stays = np.zeros(size, dtype=bool)
        self.is_one_series = False  # whose start and end tell nothing of others

    @property
    def is_countable(self) -> bool:
        """Whether there are no more states than are counted."""
        return len(self.states) <= OUTSIDE

    def add(self, column: pd.Series, places: Places) -> None:
        """Count the rows of some whole series; a gap has the state that the model learns there."""
        if not self.is_countable:
            return
        codes = self._codes(column, places)
        is_known = codes >= 0
        self.is_one_series |= places.is_one_series
        series = places.witness[is_known]
        codes = codes[is_known]
        is_first = places.is_first[is_known]
        before = np.where(is_first, OUTSIDE, np.append(0, codes[:-1]))
        is_last = np.append(is_first[1:], True)[: len(codes)]
        self.stays[codes[before == codes]] = True
        is_move = before != codes
        moves = before[is_move] * (OUTSIDE + 1) + codes[is_move]
        ends = codes[is_last] * (OUTSIDE + 1) + OUTSIDE
        moves = np.concatenate([moves, ends])
        of_series = np.concatenate([series[is_move], series[is_last]])
        self.counts += _counted(moves)
        once = np.unique(np.stack([of_series, moves]), axis=1)[1]
        self.n_series += _counted(once)

    def _codes(self, column: pd.Series, places: Places) -> np.ndarray:
        """Return the number of each row's state, int64 (n_rows,), -1 in a series without any."""
        codes, distinct = pd.factorize(column)
        numbers = []
        for value in plain_values(pd.Series(distinct)):
            numbers.append(self.states.setdefault(value, len(self.states)))
        if not self.is_countable or not numbers:
            return np.full(len(codes), -1)
        x = np.where(codes >= 0, np.array(numbers, dtype=np.float64)[codes], np.nan)
        starts = np.flatnonzero(places.is_first)[places.series]
        filled = fill_gaps(x, starts, lambda: -1.0)
        return filled.astype(np.int64)

    def relation(self) -> Transitions | None:
        """Return what holds, None where the table does not tell, or nothing is missed."""
        n = len(self.states)
        if not self.is_countable or n < 2:
            return None
        inner = slice(0, n)
        if self._new(inner, inner) > MAX_NEW:
            return None
        follows = self.counts[inner, inner] > 0
        np.fill_diagonal(follows, self.stays[:n])
        starts = self.counts[OUTSIDE, :n] > 0
        if self.is_one_series or self._new(OUTSIDE, inner) > MAX_NEW:
            starts = np.ones(n, dtype=bool)
        ends = self.counts[:n, OUTSIDE] > 0
        if self.is_one_series or self._new(inner, OUTSIDE) > MAX_NEW:
            ends = np.ones(n, dtype=bool)
        if self._missed(starts, follows, ends) < MIN_MISSED:
            return None
        following = []
        for row in follows:
            following.append(tuple(np.flatnonzero(row).tolist()))
        return Transitions(
            column=self.column,
            states=tuple(self.states),
            starts=tuple(np.flatnonzero(starts).tolist()),
            follows=tuple(following),
            ends=tuple(np.flatnonzero(ends).tolist()),
        )

    def _new(self, rows: slice | int, columns: slice | int) -> float:
        """Return the share of the transitions of further series that are new, at most."""
        return share_new(self.counts[rows, columns], self.n_series[rows, columns])

    def _missed(self, starts: np.ndarray, follows: np.ndarray, ends: np.ndarray) -> float:
        """Return how many transitions would be expected that there are not."""
        n = len(starts)
        may = np.ones((n + 1, n + 1), dtype=bool)  # the last: before and behind a series
        may[:n, :n] = follows
        may[n, :n] = starts
        may[:n, n] = ends
        np.fill_diagonal(may, True)  # no transition
        used = [*range(n), OUTSIDE]
        counts = self.counts[np.ix_(used, used)]
        expected = counts.sum(1, keepdims=True) * counts.sum(0) / max(1, counts.sum())
        return float(expected[~may].sum())


def share_new(counts: np.ndarray, n_series: np.ndarray) -> float:
    """Return which share of the things in further series are new, at most: a Poisson bound.

    Parameters
    ----------
    counts, n_series
        int, (...): how often each occurs, and in how many series.
    """
    # Here, for most tables have no such columns and do without its half second of imports.
    from scipy.special import gammaincinv

    alone = counts[n_series == 1]
    most = float(gammaincinv(len(alone) + 1, CONFIDENCE))  # Poisson: the mean that may show these
    typical = float(alone.mean()) if len(alone) else 1.0
    return most * typical / max(1, int(counts.sum()))


def _counted(moves: np.ndarray) -> np.ndarray:
    """Return how often each transition occurs, (OUTSIDE + 1, OUTSIDE + 1)."""
    size = OUTSIDE + 1
    return np.bincount(moves, minlength=size * size).reshape(size, size)
