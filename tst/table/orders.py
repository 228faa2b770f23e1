"""Orders of columns, and of what happens within a series: what never falls, goes back, or ends."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd

from tst.table.relations import (
    Above,
    Below,
    Monotone,
    Number,
    Relation,
    StateOrder,
    Within,
    numbers,
    plain_values,
)
from tst.table.sample import MIN_CHANGES, MIN_ROWS, Sample
from tst.table.values import Numbers

MIN_BROKEN = 0.01  # of the rows that would break an order, if one column's were in another order
MAX_STATES = 20
FAR = 5.0  # largest steps that first values may be apart, for a counter to be learned as steps
ALIKE = 0.25  # of the spread of a counter: where its last values have less, its level matters
MAX_EARLY = 0.05  # of the series: so many may reach a limit by rounding, and go on a step
N_ENDS = 33  # quantiles of the last numbers
NATURAL_ENDS = (1.0, 100.0)


def order_pairs(sample: Sample) -> set[tuple[str, str]]:
    """Return the pairs of columns of which the first is never above the second."""
    names = sample.measured
    x = {name: numbers(sample.frame, name) for name in names}
    order = np.random.default_rng(0).permutation(len(sample.frame))
    pairs = set()
    for low, high in permutations(names, 2):
        known = np.isfinite(x[high])
        if known.sum() < MIN_ROWS or not (x[low][known] <= x[high][known]).all():
            continue
        if (x[low][known] == x[high][known]).all():
            continue
        with np.errstate(invalid="ignore"):
            n_broken = int((x[low] > x[high][order]).sum())
        if n_broken >= max(MIN_CHANGES, MIN_BROKEN * len(order)):
            pairs.add((low, high))
    return pairs


def orders(sample: Sample, pairs: set[tuple[str, str]]) -> list[Relation]:
    """Return pairs as relations, the highest column first: each above those next to it.

    A measurement below an attribute is learned as its distance from there, unless it is above
    another column.
    """
    to_attribute = {
        (low, high)
        for low, high in pairs
        if high in sample.attributes and low not in sample.attributes
    }
    below: dict[str, set[str]] = {}
    for low, high in pairs - to_attribute:
        below.setdefault(high, set()).add(low)
    found = _above(sample, below)
    for name in sample.measured:
        ceilings = tuple(high for high in sample.frame if (name, high) in to_attribute)
        if ceilings and name not in below:
            found.append(Below(column=name, above=ceilings, number=_number(sample, name, ceilings)))
    return found


def _number(sample: Sample, name: str, others: tuple[str, ...]) -> Number:
    """Return how a number is written of which the distance to others is learned."""
    number = sample.number(name)
    if any(sample.number(other).decimals is None for other in others):
        return replace(number, decimals=None)
    return number


def _above(sample: Sample, below: dict[str, set[str]]) -> list[Relation]:
    """Return each column that is above others, the highest first."""
    implied = {
        (low, high)
        for high, lows in below.items()
        for middle in lows
        for low in below.get(middle, ())
    }
    height: dict[str, int] = {}

    def measure(name: str) -> int:
        """Return how many columns lie one above the other below a column."""
        if name not in height:
            height[name] = 0
            height[name] = 1 + max((measure(low) for low in below.get(name, ())), default=-1)
        return height[name]

    found: list[Relation] = []
    for name in sorted(below, key=lambda name: (-measure(name), list(sample.frame).index(name))):
        nearest = tuple(n for n in sample.frame if n in below[name] and (n, name) not in implied)
        found.append(Above(column=name, below=nearest, number=_number(sample, name, nearest)))
    return found


def monotone(sample: Sample) -> list[Relation]:
    """Return the numbers that never fall, or never rise, within a series."""
    found: list[Relation] = []
    first = sample.places.is_first
    is_one = sample.places.is_one_series
    last = np.append(first[1:], True)
    for name in sample.measured:
        if name in sample.attributes:
            continue
        x = numbers(sample.frame, name)
        steps = np.append(0.0, np.diff(x))[~first]
        for falls in (False, True):
            towards = -steps if falls else steps
            if not (towards >= 0).all() or (towards > 0).sum() < MIN_CHANGES:
                continue
            is_near = np.abs(x[first]).max() <= FAR * towards.max()
            # The end of one series alone is none that all reach.
            is_alike = bool(np.std(x[last]) < ALIKE * np.std(x)) and is_near and not is_one
            ends = np.quantile(x[last], np.linspace(0, 1, N_ENDS))
            limit = float(ends.max() if falls else ends.min())
            beyond = x[~last] <= limit if falls else x[~last] >= limit
            is_crossed = beyond.sum() <= MAX_EARLY * last.sum()
            number = sample.number(name)
            if is_one:
                number = _counted(sample, name)
            found.append(
                Monotone(
                    column=name,
                    falls=falls,
                    as_steps=bool(is_near or is_one),
                    start=float(x[0]) if is_one else None,
                    number=number,
                    ends=tuple(ends.tolist()) if is_alike else (),
                    before=limit if is_alike and is_crossed else None,
                )
            )
    return found


def _counted(sample: Sample, name: str) -> Number:
    """Return how a sum of steps is written: with all its digits, for only steps are learned."""
    decimals = Numbers.of(numbers(sample.frame, name)).decimals
    return replace(sample.number(name), decimals=decimals)


def state_orders(sample: Sample) -> list[Relation]:
    """Return the categories that never go back to one they have left; one series tells of none."""
    found: list[Relation] = []
    if sample.places.is_one_series:
        return found
    first = sample.places.is_first
    for name in sample.states:
        column = sample.frame[name]
        if name in sample.attributes or column.nunique() > MAX_STATES or column.isna().any():
            continue
        codes, states = pd.factorize(column)
        moves = np.stack([codes[:-1], codes[1:]], axis=1)[~first[1:]]
        moves = moves[moves[:, 0] != moves[:, 1]]
        if len(moves) < MIN_CHANGES:
            continue
        order = _topological(len(states), {(int(a), int(b)) for a, b in moves})
        if order is not None:
            values = plain_values(pd.Series(states))
            found.append(
                StateOrder(
                    column=name,
                    dtype=str(column.dtype),
                    states=tuple(values[i] for i in order),
                )
            )
    return found


def _topological(n: int, moves: set[tuple[int, int]]) -> list[int] | None:
    """Return the numbers below n such that no move goes back, or None where each order has one."""
    order: list[int] = []
    left = list(range(n))
    while left:
        sources = [i for i in left if not any(b == i and a in left for a, b in moves)]
        if not sources:
            return None
        order.append(sources[0])
        left.remove(sources[0])
    return order


def ends(sample: Sample) -> list[Relation]:
    """Return the measurements that are never below 0, or above 0, 1 or 100."""
    found: list[Relation] = []
    for name in sample.measured:
        if name in sample.attributes:
            continue
        x = numbers(sample.frame, name)
        x = x[np.isfinite(x)]
        if len(x) < MIN_ROWS:
            continue
        if x.min() >= 0:
            high = float(x.max()) if float(x.max()) in NATURAL_ENDS else None
            found.append(Within(column=name, low=0.0, high=high))
        elif x.max() <= 0:
            found.append(Within(column=name, high=0.0))
    return found
