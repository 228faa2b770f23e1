"""How numbers end: prices in .99, minutes in 0 or 5, readings in the tenths that a scale shows.

A density knows no endings: of prices that all end in .99 or .95 its samples would have any. Where
the digits of numbers are far from evenly frequent, alike in all parts of their range, each number
stands for a cell that is as wide as its ending is frequent, so that a smooth distribution over the
cells gives every ending as often as it is.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from tst.series import n_holders

MAX_DECIMALS = 4
PERIODS = (10, 100, 1000)  # steps of the last digit, after which endings begin anew
# Nats that the endings in a quarter of the values are likelier by those in the others than if all
# were alike: where the fives and noughts of ten last digits have 60 % of the rows, .38.
LEAST_GAIN = 0.3
NEARLY = 0.05  # nats below the largest gain, that a shorter period may have
N_QUARTERS = 4
MIN_VALUES = 8  # and rows of each quarter; of fewer nothing is told
MIN_ROWS = 10
MIN_HOLDERS = 3  # units that have an ending: else it is one of theirs
PRIOR_COUNT = 0.5
LEAST_TOLD = 0.95  # share of the values of which float32 tells the last digit
MAX_OTHER = 0.001  # share of the values that may have more decimals


@dataclass(frozen=True)
class Endings:
    """Numbers k * period + residue, in steps, and how frequent each residue is.

    Parameters
    ----------
    decimals
        A step is 10 ** -decimals.
    period
        Steps after which endings begin anew.
    residues
        Whole steps in 0..period - 1, increasing.
    shares
        Of each, above 0; together 1.
    """

    decimals: int
    period: int
    residues: tuple[int, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        is_increasing = list(self.residues) == sorted(set(self.residues))
        is_within = bool(self.residues) and 0 <= self.residues[0] <= self.residues[-1] < self.period
        is_whole = len(self.shares) == len(self.residues) and math.isclose(sum(self.shares), 1)
        is_known = 0 <= self.decimals <= MAX_DECIMALS and self.period in PERIODS
        if not (is_increasing and is_within and is_whole and is_known and min(self.shares) > 0):
            raise ValueError("the endings of a measurement do not fit each other")

    @classmethod
    def find(cls, x: np.ndarray, units: np.ndarray) -> Self | None:
        """Return the endings of numbers, None where these are about evenly frequent.

        They must be alike in each quarter of the values: small counts, or numbers of which some
        are common, have frequent digits, too, but others in each part of their range.

        Parameters
        ----------
        x
            float64, (rows,): written with few decimals, exact in float32.
        units
            int, (rows,): the unit of each row.
        """
        decimals = _decimals(x)
        if decimals is None:
            return None
        steps = np.rint(x * 10**decimals).astype(np.int64)
        values, inverse, n_rows = np.unique(steps, return_inverse=True, return_counts=True)
        if len(values) < MIN_VALUES:
            return None
        gains = [_gain(values, n_rows, period) for period in PERIODS]
        if max(gains) < LEAST_GAIN:
            return None
        period = PERIODS[int(np.argmax(np.array(gains) > max(gains) - NEARLY))]  # the shortest
        ending = (values % period)[inverse]
        residues = np.flatnonzero(n_holders(ending, units, period) >= MIN_HOLDERS)
        if not len(residues):
            return None
        counts = np.bincount(ending, minlength=period)[residues]
        return cls(
            decimals=decimals,
            period=period,
            residues=tuple(residues.tolist()),
            shares=tuple((counts / counts.sum()).tolist()),
        )

    @cached_property
    def _ends(self) -> np.ndarray:
        """Where, in a period, the cells end: float64 (n_residues + 1,)."""
        return self.period * np.concatenate([[0.0], np.cumsum(self.shares)])

    @cached_property
    def _shift(self) -> float:
        """Where the first cell begins, so that the cells lie about where their numbers are."""
        centres = (self._ends[1:] + self._ends[:-1]) / 2
        return float(np.dot(self.shares, np.array(self.residues) - centres))

    def _place(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return period and residue, int64 (rows,) each, of the places nearest to numbers."""
        steps = np.rint(np.asarray(x, np.float64) * 10**self.decimals)
        whole, rest = np.divmod(steps, self.period)
        n = len(self.residues)
        residues = np.array(self.residues, dtype=np.float64)
        around = np.concatenate([residues[-1:] - self.period, residues, residues[:1] + self.period])
        nearest = np.asarray(np.searchsorted((around[1:] + around[:-1]) / 2, rest))
        carried, which = np.divmod(nearest - 1, n)
        return whole.astype(np.int64) + carried, which

    def at_least(self, bound: float | None, lowest: float) -> float | None:
        """Return the number nearest to a bound above 0, `lowest` where that is not above 0."""
        if bound is None:
            return None
        whole, which = self._place(np.array([bound]))
        nearest = (int(whole[0]) * self.period + self.residues[which[0]]) / 10**self.decimals
        return nearest if nearest > 0 else float(lowest)

    def cell(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of the cells of numbers, float64 (rows,) each."""
        whole, which = self._place(x)
        start = whole * self.period + self._shift
        scale = 10.0**-self.decimals
        return (start + self._ends[which]) * scale, (start + self._ends[which + 1]) * scale

    def spread(self, x: np.ndarray) -> np.ndarray:
        """Return the middles of the cells of numbers, float64 (rows,)."""
        lower, upper = self.cell(x)
        return (lower + upper) / 2

    def gathered(self, u: np.ndarray) -> np.ndarray:
        """Return the numbers in whose cells samples lie, float64; those that are none are left."""
        is_known = np.isfinite(u)
        steps = np.where(is_known, u, 0.0).astype(np.float64) * 10**self.decimals - self._shift
        whole = np.floor(steps / self.period)
        which = np.searchsorted(self._ends[1:-1], steps - whole * self.period, side="right")
        found = (whole * self.period + np.array(self.residues)[which]) / 10**self.decimals
        return np.where(is_known, found, u)


def _decimals(x: np.ndarray) -> int | None:
    """Return with how many decimals numbers are written, None where these are too many."""
    single = x.astype(np.float32)
    for decimals in range(MAX_DECIMALS + 1):
        is_other = np.round(x, decimals).astype(np.float32) != single
        if is_other.mean() <= MAX_OTHER:
            # Large numbers may be known less exactly, as far as they are few.
            is_told = np.spacing(np.abs(single)) < 10.0**-decimals
            return decimals if is_told.mean() >= LEAST_TOLD else None
    return None


def _gain(values: np.ndarray, n_rows: np.ndarray, period: int) -> float:
    """Return the least gain in nats by which the endings of a quarter are told by the others'.

    Parameters
    ----------
    values
        int64, (n_values,): increasing, in steps.
    n_rows
        int64, (n_values,): of each.
    """
    gains = []
    quarters = np.array_split(np.arange(len(values)), N_QUARTERS)
    each = [np.bincount(values[q] % period, n_rows[q], minlength=period) for q in quarters]
    for counts in each:
        others = sum(each) - counts
        log_share = np.log((others + PRIOR_COUNT) / (others + PRIOR_COUNT).sum())
        if counts.sum() < MIN_ROWS:
            return 0.0
        gains.append(float(counts @ log_share / counts.sum()) + math.log(period))
    return min(gains)
