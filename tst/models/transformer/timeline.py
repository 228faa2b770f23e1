"""What a model asks of the times of the series that it generates; `tst.table.timeline` has them."""

from typing import Protocol, Self

import numpy as np


class Timeline(Protocol):
    """The starts of series, and how their clocks go on.

    Parameters
    ----------
    starts
        int64 nanoseconds, (n_series,).
    interval
        Of uneven steps, which measurement holds how many lie between a row and the one before; else
        None.
    """

    @property
    def starts(self) -> np.ndarray:
        """When each series begins."""

    @property
    def interval(self) -> int | None:
        """The measurement of uneven steps."""

    def take(self, series: np.ndarray | slice) -> Self:
        """Return the timeline of some series."""

    def started(self, starts: np.ndarray) -> Self:
        """Return the timeline of series that begin then, int64 nanoseconds (n_series,)."""

    def settled(self, lengths: np.ndarray) -> Self:
        """Return the timeline with earlier starts where series outlast all real ones."""

    def after(self, times: np.ndarray, n_steps: np.ndarray) -> np.ndarray:
        """Return the times so many steps behind others, or before them; int64, (n,) each."""

    def dates(self, series: np.ndarray, n_behind: np.ndarray) -> np.ndarray:
        """Return the dates so many steps behind the starts of series, int64; (n,) each."""

    def passed(self, values: np.ndarray) -> np.ndarray:
        """Return the steps between rows (n, n_features) and those before them, float64 (n,)."""

    def known_dates(self, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return what was known of each step of series, int64 (sum of lengths,)."""
