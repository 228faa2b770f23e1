"""When the steps of series that are being generated are: known before their values are drawn."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from tst.series import offsets
from tst.table.calendar import Clock


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The starts of series, and how their clocks go on.

    Parameters
    ----------
    clock
        Of the table.
    starts
        int64 nanoseconds, (n_series,).
    is_fixed
        Whether no start may be moved, as of stretches that lie end to end.
    interval
        Of uneven steps, which feature holds how many lie between a row and the one before; else
        None.
    shift
        What its numbers are less than those.
    """

    clock: Clock
    starts: np.ndarray
    is_fixed: bool = False
    interval: int | None = None
    shift: float = 0.0

    def take(self, series: np.ndarray | slice) -> Self:
        """Return the timeline of some series."""
        return replace(self, starts=self.starts[series])

    def started(self, starts: np.ndarray) -> Self:
        """Return the timeline of series that begin then, and nowhere else; (n_series,)."""
        return replace(self, starts=starts, is_fixed=True)

    def after(self, times: np.ndarray, n_steps: np.ndarray) -> np.ndarray:
        """Return the times so many steps behind others, or before them; int64, (n,) each."""
        return self.clock.calendar.after(times, n_steps)

    def settled(self, lengths: np.ndarray) -> Self:
        """Return the timeline with earlier starts where series (n_series,) outlast all real ones.

        Of uneven steps nobody knows yet how long a series lasts.
        """
        if self.is_fixed or self.interval is not None:
            return self
        starts = self.clock.starts.settled(self.starts, lengths, self.clock.calendar)
        return replace(self, starts=starts)

    def dates(self, series: np.ndarray, n_behind: np.ndarray) -> np.ndarray:
        """Return the dates so many steps behind the starts of series, int64; (n,) each."""
        return self.after(self.starts[series], n_behind)

    def passed(self, values: np.ndarray) -> np.ndarray:
        """Return how many steps lie between rows and those before them, float64 (n,).

        Parameters
        ----------
        values
            float, (n, n_features).
        """
        if self.interval is None:
            return np.ones(len(values))
        steps = values[:, self.interval].astype(np.float64) + self.shift
        return np.maximum(np.round(steps), 1)

    def known_dates(self, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return what was known of each generated step, as `Clock.known_dates` tells of real ones.

        Parameters
        ----------
        values
            float, (sum of lengths, n_features).
        lengths
            int64, (n_series,).
        """
        first = offsets(lengths)[:-1]
        series = np.repeat(np.arange(len(lengths)), lengths)
        passed = np.cumsum(self.passed(values))
        is_first = np.zeros(len(values), dtype=bool)
        is_first[first] = True
        times = self.dates(series, passed - passed[first][series])
        return self.clock.known_dates(times, is_first)
