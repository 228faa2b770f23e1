"""Finds what holds in every row of a table: relations that are no accident of few rows.

Candidates come from the rows of some series and must hold in all rows of the table. An order of two
columns, say, is meant only where their values in other rows would break it now and then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import numpy as np
import pandas as pd
from pandas.api import types

from tst.table.dates import DAY
from tst.table.relations import (
    Above,
    Combinations,
    Copy,
    DateText,
    FixedWhere,
    Formula,
    FromTime,
    Lookup,
    Monotone,
    Number,
    Places,
    Relation,
    StateOrder,
    Within,
    apply_all,
    numbers,
    plain_values,
)
from tst.table.roles import Roles
from tst.table.values import FEW, Numbers, is_number
from tst.table.writing import TextDates, TimeEvidence

N_ROWS = 20_000  # that candidates come from
N_TRIED = 300  # rows that a formula is tried on first
MAX_NUMBERS = 40  # columns of numbers that are compared
MIN_ROWS = 30  # that a relation rests on
MIN_BROKEN = 0.01  # of the rows that would break an order, if one column's were in another order
MIN_CHANGES = 10  # of a number that never falls, or a state that never goes back
MAX_STATES = 20
MAX_KEYS = 200  # of a category that decides another
MIN_MISSED = 10.0  # series whose combination would be expected and does not occur
MAX_COMBINATIONS = 1000
FAR = 5.0  # largest steps that first values may be apart, for a counter to be learned as steps
ALIKE = 0.25  # of the spread of a counter: where its last values have less, its level matters
NEARER = 0.9  # of a date's spread: less from a time of its series, and it goes by that
NATURAL_ENDS = (1.0, 100.0)
SECONDS = 10**9
UNITS = (DAY, 3600 * SECONDS, 60 * SECONDS, SECONDS, 10**6)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows of some series, as the relations found so far make them.

    Parameters
    ----------
    frame, places
        The rows.
    attributes
        Columns that are constant within each series.
    codes
        Columns of numbers that are codes.
    """

    frame: pd.DataFrame
    places: Places
    attributes: tuple[str, ...]
    codes: tuple[str, ...]

    @property
    def measured(self) -> list[str]:
        """Columns of numbers with several values, at most `MAX_NUMBERS`.

        Without those in which a number stands for missing.
        """
        found = []
        for name in self.frame:
            column = self.frame[name]
            is_plain = is_number(column) and types.is_numeric_dtype(column.dtype)
            if not is_plain or name in self.codes or column.nunique() <= 2:
                continue
            x = numbers(self.frame, name)
            is_known = np.isfinite(x)
            if not is_known.all() or Numbers.of(x).missing_code() is None:
                found.append(name)
        return found[:MAX_NUMBERS]

    @property
    def states(self) -> list[str]:
        """Columns of a few values that are no measurements: text, truth values, codes."""
        found = []
        for name in self.frame:
            column = self.frame[name]
            is_state = not is_number(column) or name in self.codes
            if types.is_integer_dtype(column.dtype):
                is_state = is_state or column.nunique() <= 2
            if is_state and 2 <= column.nunique() <= MAX_KEYS:
                found.append(name)
        return found

    def number(self, name: str) -> Number:
        """Return how a column's numbers are written."""
        x = numbers(self.frame, name)
        x = x[np.isfinite(x)]
        decimals = Numbers.of(x).rounding() if len(x) else None
        return Number(dtype=str(self.frame[name].dtype), decimals=decimals)


# Returns, whenever it is called, the rows of the whole table in parts, with their places.
Rows = Callable[[], Iterator[tuple[pd.DataFrame, Places]]]


def find_relations(parts: Rows, has_dates: bool, roles: Roles) -> list[Relation]:
    """Return the relations of a table, in the order in which they are applied.

    Parameters
    ----------
    parts
        Its rows.
    has_dates
        Whether its times are dates.
    roles
        Which columns are codes or the label; what the user says of relations.
    """
    if list(roles.relations) == ["none"]:
        return []
    kept = [] if roles.label is None else [roles.label]
    frame, places = _some_series(parts)
    sample = Sample(
        frame=frame,
        places=places,
        attributes=tuple(_constant_within(frame, places)),
        codes=tuple(roles.categorical),
    )
    found: list[Relation] = []
    stages: list[Callable[[Sample], list[Relation]]] = [
        lambda sample: _date_texts(sample, parts),
        lambda sample: _from_times(sample) if has_dates else [],
        lambda sample: _derived(sample, kept),
        _fixed_where,
        lambda sample: [
            *_orders(sample),
            *_monotone(sample),
            *_state_orders(sample),
            *_ends(sample),
            *_combinations(sample, parts, found),
        ],
    ]
    for stage in stages:
        candidates = stage(sample)
        if not candidates:
            continue
        candidates = _holding(candidates, parts, found)
        if stage is stages[-1]:
            candidates = _one_a_column(candidates)
        found += candidates
        frame = apply_all(candidates, sample.frame, sample.places)
        sample = replace(sample, frame=frame)
    return found


def _holding(candidates: list[Relation], parts: Rows, found: list[Relation]) -> list[Relation]:
    """Return the candidates that hold in all rows, as relations found before make them."""
    for frame, places in parts():
        learned = apply_all(found, frame, places)
        candidates = [one for one in candidates if one.holds(learned, places)]
        if not candidates:
            break
    return candidates


def _one_a_column(candidates: list[Relation]) -> list[Relation]:
    """Return relations of which each column has one that changes it: an order comes first."""
    kept: list[Relation] = []
    changed: set[str] = set()
    for one in candidates:
        if isinstance(one, Combinations):
            kept.append(one)
        elif one.column not in changed:
            kept.append(one)
            changed.add(one.column)
        elif isinstance(one, Within) and not any(
            isinstance(other, Above) and other.column == one.column for other in kept
        ):
            kept.append(one)
    return kept


def _some_series(parts: Rows) -> tuple[pd.DataFrame, Places]:
    """Return the rows of the first series of a table, whole ones, whatever its parts are."""
    frames = []
    places = []
    for frame, place in parts():
        frames.append(frame)
        places.append(place)
        if sum(map(len, frames)) >= N_ROWS:
            break
    frame = pd.concat(frames) if len(frames) > 1 else frames[0]
    times = np.concatenate([place.times for place in places])
    is_first = np.concatenate([place.is_first for place in places])
    n_rows = len(frame)
    if n_rows > N_ROWS:
        ends = np.append(np.flatnonzero(is_first)[1:], n_rows)
        n_rows = int(ends[max(0, np.searchsorted(ends, N_ROWS, "right") - 1)])
    return frame.iloc[:n_rows], Places(times=times[:n_rows], is_first=is_first[:n_rows])


def _constant_within(frame: pd.DataFrame, places: Places) -> list[str]:
    """Return the columns that are constant within each series."""
    found = []
    for name in frame:
        codes = pd.factorize(frame[name])[0]
        if not (np.diff(codes, prepend=codes[0])[~places.is_first] != 0).any():
            found.append(name)
    return found


# ---- dates beside the time


def _date_texts(sample: Sample, parts: Rows) -> list[Relation]:
    """Return the columns of text that are dates."""
    names = []
    for name in sample.frame:
        column = sample.frame[name]
        is_text = types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype)
        known = column.dropna()
        if is_text and (not len(known) or TimeEvidence.of(known.head(1000)).is_time):
            names.append(name)
    if not names:
        return []
    evidence = {name: TimeEvidence() for name in names}
    dtypes = {}
    for frame, _ in parts():
        for name in names:
            evidence[name] = evidence[name].joined(TimeEvidence.of(frame[name]))
            dtypes[name] = frame[name]
    found: list[Relation] = []
    for name in names:
        if evidence[name].is_time:
            writing = evidence[name].writing(dtypes[name])
            if isinstance(writing, TextDates):
                found.append(DateText(column=name, writing=writing))
    return found


def _from_times(sample: Sample) -> list[Relation]:
    """Return the attributes that are dates nearer to their series' times than to each other."""
    found: list[Relation] = []
    first = sample.places.is_first
    for name in sample.attributes:
        if name not in sample.frame:
            continue
        column = sample.frame[name]
        if not types.is_datetime64_any_dtype(column.dtype) or column[first].nunique() < 2:
            continue
        nanoseconds = numbers(sample.frame, name)[first] * 1e9
        known = nanoseconds[np.isfinite(nanoseconds)].astype(np.int64)
        unit = next((unit for unit in UNITS if (known % unit == 0).all()), 10**6)
        spread = float(np.nanstd(nanoseconds))
        best = None
        for end in (False, True):
            one = FromTime(column=name, dtype=str(column.dtype), end=end, unit=unit)
            distance = nanoseconds - one._reference(sample.places)[first]
            if np.nanstd(distance) < NEARER * spread:
                spread = float(np.nanstd(distance))
                best = one
        if best is not None:
            found.append(best)
    return found


# ---- columns that follow from others


def _derived(sample: Sample, kept: Sequence[str]) -> list[Relation]:
    """Return the columns that follow from others, each from ones that are learned."""
    found: list[Relation] = []
    taken: set[str] = set(kept)  # which may not be taken away
    gone: set[str] = set()
    for candidates in (_copies, _multiples, _sums, _totals, _products, _lookups):
        for one in candidates(sample):
            inputs = _inputs(one)
            if one.column in taken | gone or gone & set(inputs):
                continue
            if one.holds(sample.frame, sample.places):
                found.append(one)
                gone.add(one.column)
                taken.update(inputs)
    return found


def _inputs(one: Relation) -> tuple[str, ...]:
    """Return the columns that another one follows from."""
    if isinstance(one, Copy):
        return (one.of,)
    if isinstance(one, Lookup):
        return (one.by,)
    return one.inputs if isinstance(one, Formula) else ()


def _copies(sample: Sample) -> Iterator[Relation]:
    """Yield columns with the same cells as one before them."""
    for of, name in combinations(sample.frame, 2):
        is_feature = name not in sample.attributes
        if is_feature or name in sample.measured:
            same = pd.factorize(sample.frame[of])[0][:N_TRIED]
            if (pd.factorize(sample.frame[name])[0][:N_TRIED] == same).all():
                yield Copy(column=name, of=of, dtype=str(sample.frame[name].dtype))


def _multiples(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are another one in another unit."""
    for of, name in permutations(sample.measured, 2):
        x = numbers(sample.frame, of)
        y = numbers(sample.frame, name)
        known = np.isfinite(x) & np.isfinite(y)
        if known.sum() < MIN_ROWS or np.std(x[known]) == 0:
            continue
        if abs(np.corrcoef(x[known], y[known])[0, 1]) < 0.999:
            continue
        factor, offset = np.polyfit(x[known], y[known], 1)
        for digits in (3, 4, 6, 9):
            yield Formula(
                column=name,
                number=sample.number(name),
                plus=(of,),
                factor=_rounded(factor, digits),
                offset=_rounded(offset, digits) if abs(offset) > 1e-9 * np.std(y[known]) else 0.0,
            )


def _rounded(x: float, digits: int) -> float:
    return float(f"{x:.{digits}g}")


def _tried(sample: Sample) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return measured columns, some of their rows (n_rows, n_columns), half their last digit."""
    names = sample.measured
    x = (
        np.stack([numbers(sample.frame, name) for name in names], axis=1)
        if names
        else np.empty((0, 0))
    )
    x = x[np.isfinite(x).all(axis=1)]
    x = x[:: max(1, len(x) // N_TRIED)]
    near = []
    for i, name in enumerate(names):
        decimals = sample.number(name).decimals
        largest = np.abs(x[:, i]).max(initial=0)
        near.append(1e-6 * largest if decimals is None else 0.501 * 10.0**-decimals)
    return names, x, np.array(near)


def _sums(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are the sum of two others."""
    names, x, near = _tried(sample)
    if len(x) < MIN_ROWS:
        return
    for k, name in enumerate(names):
        for i, j in combinations([i for i in range(len(names)) if i != k], 2):
            if (np.abs(x[:, i] + x[:, j] - x[:, k]) <= near[k]).all():
                yield Formula(column=name, number=sample.number(name), plus=(names[i], names[j]))


def _totals(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are the sum of three or more others, some of them with a minus."""
    names, x, near = _tried(sample)
    if len(x) < MIN_ROWS + len(names) or len(names) < 4:
        return
    for k, name in enumerate(names):
        others = [i for i in range(len(names)) if i != k]
        parts = np.linalg.lstsq(x[:, others], x[:, k], rcond=None)[0]
        signs = np.round(parts)
        if np.abs(parts - signs).max() > 0.01 or np.abs(signs).max() > 1 or not signs.any():
            continue
        if (np.abs(x[:, others] @ signs - x[:, k]) <= near[k]).all() and (signs > 0).any():
            yield Formula(
                column=name,
                number=sample.number(name),
                plus=tuple(names[i] for i, sign in zip(others, signs, strict=True) if sign > 0),
                minus=tuple(names[i] for i, sign in zip(others, signs, strict=True) if sign < 0),
            )


def _products(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are the product of two others, or one divided by another."""
    names, x, near = _tried(sample)
    if len(x) < MIN_ROWS:
        return
    for k, name in enumerate(names):
        others = [i for i in range(len(names)) if i != k]
        for i, j in combinations(others, 2):
            if (np.abs(x[:, i] * x[:, j] - x[:, k]) <= near[k]).all():
                yield Formula(column=name, number=sample.number(name), times=(names[i], names[j]))
        for i, j in permutations(others, 2):
            if (x[:, j] == 0).any():
                continue
            if (np.abs(x[:, i] / x[:, j] - x[:, k]) <= near[k]).all():
                yield Formula(
                    column=name, number=sample.number(name), times=(names[i],), over=(names[j],)
                )


def _lookups(sample: Sample) -> Iterator[Relation]:
    """Yield categories that another one decides, of columns that change in time."""
    names = [name for name in sample.states if name not in sample.attributes]
    for by, name in permutations(names, 2):
        pairs = sample.frame[[by, name]].drop_duplicates()
        if len(pairs) > MAX_KEYS or pairs.isna().any(axis=None):
            continue
        if pairs[by].is_unique and len(sample.frame) >= 5 * len(pairs) >= 5 * 3:
            yield Lookup(
                column=name,
                by=by,
                dtype=str(sample.frame[name].dtype),
                keys=tuple(plain_values(pairs[by])),
                values=tuple(plain_values(pairs[name])),
            )


# ---- cells that another column decides


def _fixed_where(sample: Sample) -> list[Relation]:
    """Return the columns that are empty, or 0, exactly where another one has some values."""
    found: list[Relation] = []
    decided: set[str] = set()
    for name in sample.frame:
        column = sample.frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            continue
        masks: list[tuple[None | int, np.ndarray]] = [(None, column.isna().to_numpy())]
        if name in sample.measured:
            masks.append((0, (column == 0).fillna(False).to_numpy(bool)))
        for value, mask in masks:
            if not MIN_CHANGES <= mask.sum() <= len(mask) - MIN_CHANGES:
                continue
            one = _decided_by(sample, name, value, mask, decided)
            if one is not None:
                found.append(one)
                decided.add(name)
                break
    return found


def _decided_by(
    sample: Sample, name: str, value: int | None, mask: np.ndarray, decided: set[str]
) -> FixedWhere | None:
    """Return the column that decides where another is empty or 0, if there is one."""
    column = sample.frame[name]
    known = column[~mask]
    filler = known.mode().iloc[0]
    if is_number(column):
        filler = known.median() if types.is_float_dtype(column.dtype) else known.iloc[0]
    x = numbers(sample.frame, name) if name in sample.measured else np.zeros(1)
    least = float(np.nanmin(np.where(x > 0, x, np.nan))) if (x > 0).any() else 0.0
    is_counted = value is None or (x[np.isfinite(x)] >= 0).all()
    for by in sample.frame:
        other = sample.frame[by]
        if by == name or by in decided or not is_counted:
            continue
        if by in sample.attributes and name not in sample.attributes and value is not None:
            continue
        is_missing = other.isna().to_numpy()
        if value is None and (is_missing == mask).all():
            return FixedWhere(column=name, by=by, values=(None,), filler=_plain(filler))
        if by not in sample.states:
            continue
        codes, distinct = pd.factorize(other, use_na_sentinel=False)
        share = np.bincount(codes, weights=mask) / np.bincount(codes)
        if len(distinct) <= FEW and np.isin(share, (0, 1)).all():
            values = [v for v, s in zip(plain_values(pd.Series(distinct)), share, strict=True) if s]
            return FixedWhere(
                column=name,
                by=by,
                values=tuple(values),
                value=value,
                filler=_plain(filler),
                least=least,
            )
    return None


def _plain(value: object) -> str | bool | int | float | None:
    """Return a value as Python's own."""
    plain = plain_values(pd.Series([value]))[0]
    return plain if isinstance(plain, str | bool | int | float) else None


# ---- orders


def _orders(sample: Sample) -> list[Relation]:
    """Return each column that is never below others, the highest first."""
    return above(sample, order_pairs(sample))


def order_pairs(sample: Sample) -> set[tuple[str, str]]:
    """Return the pairs of columns of which the first is never above the second."""
    names = sample.measured
    x = {name: numbers(sample.frame, name) for name in names}
    order = np.random.default_rng(0).permutation(len(sample.frame))
    pairs = set()
    for low, high in permutations(names, 2):
        if high in sample.attributes and low not in sample.attributes:
            continue
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


def above(sample: Sample, pairs: set[tuple[str, str]]) -> list[Relation]:
    """Return pairs as relations, the highest column first: each above those next to it."""
    below: dict[str, set[str]] = {}
    for low, high in pairs:
        below.setdefault(high, set()).add(low)
    implied = {
        (low, high)
        for low, middle in pairs
        for high in below
        if middle in below[high] and middle != high
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
        next_below = [n for n in sample.frame if n in below[name] and (n, name) not in implied]
        number = sample.number(name)
        digits = [number.decimals, *(sample.number(low).decimals for low in next_below)]
        if None in digits:
            number = replace(number, decimals=None)
        found.append(Above(column=name, below=tuple(next_below), number=number))
    return found


# ---- what happens within a series


def _monotone(sample: Sample) -> list[Relation]:
    """Return the numbers that never fall, or never rise, within a series."""
    found: list[Relation] = []
    first = sample.places.is_first
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
            is_near = np.ptp(x[first]) <= FAR * towards.max()
            is_free = np.std(x[last]) >= ALIKE * np.std(x)
            begins_low = np.abs(x[first]).max() <= FAR * towards.max()
            found.append(
                Monotone(
                    column=name,
                    falls=falls,
                    as_steps=bool(is_near and is_free and begins_low),
                    number=sample.number(name),
                )
            )
    return found


def _state_orders(sample: Sample) -> list[Relation]:
    """Return the categories that never go back to one they have left."""
    found: list[Relation] = []
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


def _ends(sample: Sample) -> list[Relation]:
    """Return the measurements that are never below 0, or above 1 or 100."""
    found: list[Relation] = []
    for name in sample.measured:
        if name in sample.attributes:
            continue
        x = numbers(sample.frame, name)
        x = x[np.isfinite(x)]
        if len(x) < MIN_ROWS or x.min() < 0:
            continue
        high = float(x.max()) if float(x.max()) in NATURAL_ENDS else None
        found.append(Within(column=name, low=0.0, high=high))
    return found


# ---- attributes


def _combinations(sample: Sample, parts: Rows, found: list[Relation]) -> list[Relation]:
    """Return the attributes of which only some combinations exist."""
    names = [name for name in sample.states if name in sample.attributes]
    if len(names) < 2:
        return []
    rows = []
    for frame, places in parts():
        rows.append(apply_all(found, frame, places)[names][places.is_first])
    first = pd.concat(rows)
    groups = {name: {name} for name in names}
    for one, other in combinations(names, 2):
        if _misses_pairs(first, one, other):
            joined = groups[one] | groups[other]
            for name in joined:
                groups[name] = joined
    relations: list[Relation] = []
    for group in {tuple(n for n in names if n in group) for group in groups.values()}:
        counts = first.groupby(list(group), dropna=False, observed=True).size()
        if len(group) < 2 or len(counts) > min(MAX_COMBINATIONS, len(first) / 2):
            continue
        columns = [plain_values(first[name]) for name in group]
        seen: dict[tuple[object, ...], int] = {}
        for row in zip(*columns, strict=True):
            seen[row] = seen.get(row, 0) + 1
        ordered = sorted(seen, key=lambda row: tuple(map(str, row)))
        relations.append(
            Combinations(
                column=group[0],
                columns=group,
                rows=tuple(ordered),
                counts=tuple(seen[row] for row in ordered),
            )
        )
    return sorted(relations, key=lambda one: names.index(one.column))


def _misses_pairs(first: pd.DataFrame, one: str, other: str) -> bool:
    """Tell whether pairs of values are absent that would be expected if they were independent."""
    table = pd.crosstab(
        first[one].astype(str).fillna(""), first[other].astype(str).fillna("")
    ).to_numpy(np.float64)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / max(1, table.sum())
    return bool(expected[table == 0].sum() >= MIN_MISSED)
