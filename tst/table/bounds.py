"""Which bounds of a real table are its kind's, and which an accident of the rows that it has?

A bound that several series have, or come near, is the kind's: all series begin on one day, one
price is often next to another. One that a series or two have is an accident: other series of the
kind would be beyond it. How many of them by chance, ranks tell, whatever the numbers are. An order
that the user gives is no accident.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from tst.table.relations import (
    Above,
    Below,
    Monotone,
    Places,
    Relation,
    StateOrder,
    Within,
    numbers,
)

MAX_VALUES = 200  # of a closed set
MIN_SEEN = 3  # series that have what is no accident
NEAR = 0.01  # of the median distance from a bound: within, a series comes near it
CHANCE = 0.001  # probability of so many beyond a bound, below which it is no chance


def closed(values: pd.Series, series: pd.Series, at_most: float = MAX_VALUES) -> list[Any] | None:
    """Return the values of a column where they are all there are, as far as it can be told.

    Each is had by some series: were there others, some would be had by one alone. None where they
    are more than `at_most`.
    """
    pairs = pd.DataFrame({"value": values.to_numpy(), "series": series.to_numpy()}).dropna()
    pairs = pairs.drop_duplicates()
    counts = pairs["value"].value_counts()
    counts = counts[counts > 0]
    if not 1 <= len(counts) <= at_most or counts.min() < MIN_SEEN:
        return None
    return counts.index.tolist()


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What the rows of a table show of relations.

    Parameters
    ----------
    counts
        {what holds: rows that break it}, in the order in which relations are applied.
    ends
        {what holds: number at which each series ends, float64 (n_series,)}.
    margins
        {what holds: least distance of each series from the bound of an order, in medians of that
        distance, float64 (n_series,); below 0 beyond it; of one series: of each stretch}.
    given
        What holds because the user says so.
    """

    counts: dict[str, int]
    ends: dict[str, np.ndarray]
    margins: dict[str, np.ndarray]
    given: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        relations: Sequence[Relation],
        frame: pd.DataFrame,
        places: Places,
        given: Sequence[Above | Within] = (),
    ) -> Self:
        """Follow the rows of a table through its relations, and count orders that the user gives.

        These before the first order that was found, which puts distances in place of numbers.
        """
        counts: dict[str, int] = {}
        ends: dict[str, np.ndarray] = {}
        margins: dict[str, np.ndarray] = {}
        left = given
        for relation in relations:
            if isinstance(relation, Above | Below | Monotone | StateOrder | Within):
                for one in left:
                    counts[one.text] = _n_broken(one, frame, places)
                left = ()
            try:
                if isinstance(relation, Monotone) and relation.ends:
                    text = f"{relation.column} ends between {relation.ends[0]:g} and "
                    text += f"{relation.ends[-1]:g}"
                    ends[text] = numbers(frame, relation.column)[places.last]
                is_broken = relation.broken(frame, places)
                counts[relation.text] = int(is_broken.sum())
                if isinstance(relation, Above | Below | Within):
                    margins[relation.text] = _margins(relation, frame, places, is_broken)
                frame = relation.apply(frame, places)
            except (ArithmeticError, KeyError, TypeError, ValueError):  # text instead of numbers
                counts[relation.text] = len(frame)
        texts = frozenset(one.text for one in given)
        return cls(counts=counts, ends=ends, margins=margins, given=texts)

    def is_by_chance(self, text: str, copy: "Followed") -> bool:
        """Tell whether series of a copy may break an order that no series of this table breaks."""
        is_known = text in self.margins and text in copy.margins
        if text in self.given or not is_known:
            return False
        real = self.margins[text]
        n_out = int((copy.margins[text] < 0).sum())
        is_accident = int((real < NEAR).sum()) < MIN_SEEN
        return is_accident and n_out <= by_chance(len(real), len(copy.margins[text]))


def _n_broken(relation: Relation, frame: pd.DataFrame, places: Places) -> int:
    """Return how many rows break a relation: all where it cannot be told, as of text."""
    try:
        return int(relation.broken(frame, places).sum())
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return len(frame)


def _margins(
    relation: Above | Below | Within, frame: pd.DataFrame, places: Places, is_broken: np.ndarray
) -> np.ndarray:
    """Return the least distance of each series from a bound, in medians, float64 (n_series,)."""
    x = numbers(relation.apply(frame, places), relation.column)  # of Above and Below: distances
    if isinstance(relation, Within):
        low = -np.inf if relation.low is None else relation.low
        high = np.inf if relation.high is None else relation.high
        x = np.minimum(x - low, high - x)
    known = np.where(np.isfinite(x), x, np.inf)
    known[is_broken] = -np.inf
    least = np.minimum.reduceat(known, np.flatnonzero(places.is_first_witness))
    typical = known[np.isfinite(known) & (known > 0)]
    return least / (np.median(typical) if len(typical) else 1.0)


def n_beyond(real: np.ndarray, copy: np.ndarray) -> int:
    """Return how many series of a copy are beyond the least and the greatest number of real ones.

    All of them where the bound is the kind's; else none, or all where they are more than by chance.

    Parameters
    ----------
    real, copy
        A number of each series.
    """
    n_broken = 0
    for sign in (-1, 1):
        end = float((sign * real).max())
        slack = 1e-9 * max(1.0, abs(end)) if real.dtype.kind == "f" else 0.0
        n_out = int((~(sign * copy <= end + slack)).sum())  # what is no number is beyond, too
        n_there = int((sign * real >= end - slack).sum())
        if n_there >= MIN_SEEN or n_out > by_chance(len(real), len(copy)):
            n_broken += n_out
    return n_broken


def by_chance(n_real: int, n_copy: int) -> int:
    """Return how many of the copy are beyond the greatest real one but once in 1,000 at most.

    Of n_real + n_copy alike numbers, the greatest k are all the copy's with the probability
    n_copy / n * (n_copy - 1) / (n - 1) ..., k factors.
    """
    probability = 1.0
    for k in range(n_copy):
        probability *= (n_copy - k) / (n_real + n_copy - k)
        if probability < CHANCE:
            return k
    return n_copy
