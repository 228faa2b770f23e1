"""Columns that follow from others: copies, multiples, sums, products, categories of a category."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations, product
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.relations import (
    Balance,
    Carried,
    Computed,
    Copy,
    Counter,
    Formula,
    How,
    Lookup,
    OfRowsBefore,
    Relation,
    RunningTotal,
    Shares,
    compared,
    numbers,
    plain_values,
)
from tst.table.sample import MAX_KEYS, MIN_ROWS, Sample

N_TRIED = 300  # rows that a formula is tried on first
N_FIRST = 7  # of them first of all
ROWS_A_KEY = 5  # of a category that decides another
MIN_KEYS = 3
RATES = (1.0, 100.0, 1e3, 1e4, 1e5, 1e6)  # percent, per thousand, per million
MAX_LAG = 60  # rows
MIN_WANDERING = 0.5  # of the variance over a quarter of a series that a walk would have
# How a number follows from rows before, and how many more of them it needs than it is missing in.
HOWS: dict[How, int] = {"lag": 0, "change": 0, "growth": 0, "percent": 0, "mean": 1, "sum": 1}
N_FEW = 40  # rows that such are tried on first


def derived(sample: Sample, kept: Sequence[str], said: Sequence[Relation] = ()) -> list[Relation]:
    """Return the columns that follow from others, each from ones that are learned.

    Parameters
    ----------
    kept
        Columns that no formula takes away, such as a label.
    said
        Formulas that come before those that are found.
    """
    found: list[Relation] = []
    gone: set[str] = set(kept)
    searches = (
        _copies, _counters, _rows_before, _balances, _lags, _multiples, _sums, _shares, _totals,
        _differences, _running_totals, _changes, _products, _quotients, _lookups,
    )  # fmt: skip
    for candidates in (said, *(search(sample) for search in searches)):
        for one in candidates:
            if one.column in gone:
                continue
            ordered = _in_order([*found, one])
            if ordered and one.holds(sample.frame, sample.places):
                found = ordered
                gone.add(one.column)
    return found


def _in_order(found: list[Relation]) -> list[Relation]:
    """Return relations in an order in which each comes before what it follows from.

    So its column goes first and comes back last, behind what changes its inputs. None where some
    follow from each other, or one changes what follows from others.
    """
    left = list(found)
    ordered: list[Relation] = []
    while left:
        for one in left:
            others = left.copy()
            others.remove(one)
            if not {one.column, *_changed(one)} & set().union(*map(_inputs, others)):
                break
        else:
            return []
        if any(other.column in _changed(one) for other in found):
            return []
        ordered.append(one)
        left = others
    return ordered


def _changed(one: Relation) -> tuple[str, ...]:
    """Return the inputs of a relation that it makes less where they are too much together."""
    if isinstance(one, Shares):
        return one.others
    return one.inputs if isinstance(one, Balance) and one.is_stock else ()


def _inputs(one: Relation) -> tuple[str, ...]:
    """Return the columns that another one follows from."""
    if isinstance(one, Copy):
        return (one.of,)
    if isinstance(one, Lookup):
        return (one.by,)
    return one.inputs if isinstance(one, Computed) else ()


def _copies(sample: Sample) -> Iterator[Relation]:
    """Yield columns with the same cells as one before them."""
    first: dict[bytes, str] = {}  # by which rows of it are alike
    for name in sample.frame:
        pattern = pd.factorize(sample.frame[name].head(N_TRIED))[0].tobytes()
        of = first.setdefault(pattern, name)
        if of != name and (name not in sample.attributes or name in sample.measured):
            yield Copy(column=name, of=of, dtype=str(sample.frame[name].dtype))


def _counters(sample: Sample) -> Iterator[Relation]:
    """Yield columns that change alike from row to row, from one value or to one in each series.

    Not all that are measured: something is left to be learned.
    """
    is_first = sample.places.is_first
    if sample.places.is_one_series or is_first.sum() < MIN_KEYS or is_first.all():
        return
    found: list[Relation] = []
    for name in sample.measured:
        x = numbers(sample.frame, name)
        steps = np.diff(x)[~is_first[1:]]
        if not np.isfinite(x).all() or steps[0] == 0 or np.ptp(steps) > 1e-6 * abs(steps[0]):
            continue
        begins, ends = x[is_first], x[sample.places.last]
        is_begun, is_ended = np.ptp(begins) == 0, np.ptp(ends) == 0
        if is_begun or is_ended:
            found.append(
                Counter(
                    column=name,
                    step=_rounded(steps[0], 9),
                    end="first" if is_begun else "last",
                    value=float(begins[0] if is_begun else ends[0]),
                    number=sample.number(name),
                )
            )
    if len(found) < len(sample.measured):
        yield from found


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


def _fitting(
    sample: Sample, operation: np.ufunc, is_symmetric: bool, factor: float = 1.0
) -> Iterator[tuple[str, str, str]]:
    """Yield (column, one, other) where an operation on the others, times a factor, gives it."""
    names, x, near = _tried(sample)
    if len(x) < MIN_ROWS:
        return
    few = x[:: len(x) // N_FIRST]  # (n_few, n_columns)
    with np.errstate(all="ignore"):
        results = factor * operation(
            few[:, :, None], few[:, None, :]
        )  # (n_few, n_columns, n_columns)
        for k, name in enumerate(names):
            is_near = (np.abs(results - few[:, k, None, None]) <= near[k]).all(axis=0)
            for i, j in np.argwhere(is_near):
                if k in (i, j) or i == j or (is_symmetric and i > j):
                    continue
                if (np.abs(factor * operation(x[:, i], x[:, j]) - x[:, k]) <= near[k]).all():
                    yield name, names[i], names[j]


def _sums(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are the sum of two others."""
    for name, one, other in _fitting(sample, np.add, is_symmetric=True):
        yield Formula(column=name, number=sample.number(name), plus=(one, other))


def _products(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are the product of two others, of which one may be in percent."""
    for factor in (1.0, 0.01):
        for name, one, other in _fitting(sample, np.multiply, True, factor):
            yield Formula(
                column=name, number=sample.number(name), times=(one, other), factor=factor
            )


def _quotients(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are one divided by another, also in percent or of a million."""
    for factor in RATES:
        for name, one, other in _fitting(sample, np.divide, False, factor):
            yield Formula(
                column=name,
                number=sample.number(name),
                times=(one,),
                over=(other,),
                factor=factor,
            )


def _totals(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are the sum of three or more others."""
    return (one for one in _signed(sample) if not one.minus)


def _differences(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are the sum of others, some of them with a minus."""
    for name, one, other in _fitting(sample, np.subtract, is_symmetric=False):
        yield Formula(column=name, number=sample.number(name), plus=(one,), minus=(other,))
    yield from (one for one in _signed(sample) if one.minus)


def _signed(sample: Sample) -> Iterator[Formula]:
    """Yield columns that are others with plus and minus."""
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
                plus=tuple(names[i] for i in np.array(others)[signs > 0]),
                minus=tuple(names[i] for i in np.array(others)[signs < 0]),
            )


def _shares(sample: Sample) -> Iterator[Relation]:
    """Yield the last of three or more columns of at least 0 whose sum is the same in each row."""
    names, x, near = _tried(sample)
    if len(x) < MIN_ROWS + len(names) or len(names) < 3:
        return
    is_share = (x >= 0).all(axis=0) & (x.std(axis=0) > 0)
    shares = np.flatnonzero(is_share)
    for k in shares[::-1]:
        others = shares[shares != k]
        known = np.column_stack([x[:, others], np.ones(len(x))])
        parts = np.linalg.lstsq(known, x[:, k], rcond=None)[0]
        signs = np.round(parts[:-1])
        if np.abs(parts[:-1] - signs).max(initial=0) > 0.01 or not set(signs) <= {-1.0, 0.0}:
            continue
        members = others[signs < 0]
        sums = x[:, members].sum(axis=1) + x[:, k]
        total = _rounded(np.median(sums), 3)
        if len(members) < 2 or (np.abs(sums - total) > near[k]).any():
            continue
        yield Shares(
            column=names[k],
            others=tuple(names[i] for i in members),
            written=tuple(sample.number(names[i]) for i in members),
            number=sample.number(names[k]),
            total=total,
        )
        return


def _running_totals(sample: Sample) -> Iterator[Relation]:
    """Yield columns that add up another one within each series, from its first row on."""
    if sample.places.is_one_series:
        return
    is_first = sample.places.is_first[:N_TRIED]
    tried = {name: numbers(sample.frame.head(N_TRIED), name) for name in sample.measured}
    for of, name in permutations(sample.measured, 2):
        x, y = tried[of], tried[name]
        steps = np.where(is_first, y, np.append(0.0, np.diff(y)))
        if np.ptp(x) > 0 and np.allclose(steps, x, rtol=1e-6, atol=1e-9):
            yield RunningTotal(column=name, of=of, number=sample.number(name))


def _rows_before(sample: Sample) -> Iterator[Relation]:
    """Yield columns that follow from another one in rows before, and are missing without these."""
    places = sample.places
    row = np.arange(len(sample.frame)) - places.first
    x = {name: numbers(sample.frame, name) for name in sample.measured}
    for name in sample.measured:
        is_missing = np.isnan(x[name])
        n_first = int(row[~is_missing].min(initial=MAX_LAG))  # rows that have none
        if not 1 <= n_first < MAX_LAG or (is_missing != (row < n_first)).any():
            continue
        rows = np.flatnonzero(~is_missing)[:: max(1, int((~is_missing).sum()) // N_FEW)]
        if len(rows) < MIN_ROWS or np.ptp(x[name][rows]) == 0:
            continue
        near = 0.01 * np.std(x[name][rows])
        for of, (how, n_more) in product(sample.measured, HOWS.items()):
            tried = _of_few_rows(x[of], rows, how, n_first + n_more)
            if of != name and (np.abs(tried - x[name][rows]) <= near).all():
                yield OfRowsBefore(
                    column=name,
                    of=of,
                    how=how,
                    n_rows=n_first + n_more,
                    number=sample.number(name),
                )


def _of_few_rows(x: np.ndarray, rows: np.ndarray, how: How, n_rows: int) -> np.ndarray:
    """Return what follows from rows before, of these rows alone, float64 (n_few,)."""
    if how in ("mean", "sum"):
        moving = x[rows[:, None] - np.arange(n_rows)]
        return {"mean": moving.mean(axis=1), "sum": moving.sum(axis=1)}[how]
    return compared(x[rows], x[rows - n_rows], how)


def _lags(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are another one in the row before, but for the first row."""
    return _carried(sample, "lag")


def _changes(sample: Sample) -> Iterator[Relation]:
    """Yield columns that are the change of another one, but for the first row.

    Where the other one wanders off, as an account's balance does, it follows from what is booked.
    """
    for one in _carried(sample, "change"):
        if _wanders(sample, one):
            yield from _both_stocks(sample, one.of, (one.column,), ())
        yield one


def _wanders(sample: Sample, one: Carried) -> bool:
    """Tell whether a number changes as much by many steps as these would if they forgot it."""
    places = sample.places
    x, change = numbers(sample.frame, one.of), numbers(sample.frame, one.column)
    later = change[~places.is_first]
    first = change[places.is_first]
    is_alike = later.min() <= first.min() and first.max() <= later.max()
    n_rows = max(2, int(np.median(np.diff(np.flatnonzero(np.append(places.is_first, True))))) // 4)
    is_far = np.arange(len(x)) - places.first >= n_rows
    if not is_alike or is_far.sum() < MIN_ROWS:
        return False
    far = (x - np.roll(x, n_rows))[is_far]
    return bool(np.var(far) >= MIN_WANDERING * n_rows * np.var(later))


def _carried(sample: Sample, how: Literal["lag", "change"]) -> Iterator[Carried]:
    if not _has_beginnings(sample):
        return
    is_later = ~sample.places.is_first[1:N_TRIED]
    if is_later.sum() < MIN_ROWS:
        return
    tried = {name: numbers(sample.frame.head(N_TRIED), name) for name in sample.measured}
    for of, name in permutations(sample.measured, 2):
        x, y = tried[of], tried[name]
        expected = {"lag": x[:-1], "change": np.diff(x)}[how]
        is_changing = np.ptp(x) > 0 and np.ptp(y[1:][is_later]) > 0
        if is_changing and np.allclose(expected[is_later], y[1:][is_later], rtol=1e-6, atol=1e-9):
            yield Carried(column=name, of=of, how=how, number=sample.number(name))


def _has_beginnings(sample: Sample) -> bool:
    """Tell whether series are longer than a row, and one series is in one piece."""
    is_first = sample.places.is_first
    return not is_first.all() and not (sample.places.is_one_series and is_first.sum() > 1)


def _balances(sample: Sample) -> Iterator[Relation]:
    """Yield columns that change by what others add and take away, from beginnings of their own."""
    if not _has_beginnings(sample):
        return
    names = [name for name in sample.measured if name not in sample.attributes]
    x = {name: numbers(sample.frame, name) for name in names}
    rows = np.flatnonzero(~sample.places.is_first)[: N_TRIED + len(names)]
    for name in names:
        if len(names) < 3 or not np.isfinite(x[name]).all():
            continue
        others = [other for other in names if other != name]
        steps = x[name][rows] - x[name][rows - 1]
        moved = np.nan_to_num(np.stack([x[other][rows] for other in others], axis=1))
        if len(rows) < MIN_ROWS + len(others) or not steps.any():
            continue
        parts = np.linalg.lstsq(moved, steps, rcond=None)[0]
        signs = np.round(parts)
        if np.abs(parts - signs).max() > 0.01 or np.abs(signs).max() > 1 or np.sum(signs != 0) < 2:
            continue  # one alone is the change of the other
        plus, minus = (
            tuple(others[i] for i in np.flatnonzero(sign * signs > 0)) for sign in (1, -1)
        )
        yield from _both_stocks(sample, name, plus, minus)


def _both_stocks(
    sample: Sample, name: str, plus: tuple[str, ...], minus: tuple[str, ...]
) -> Iterator[Balance]:
    """Yield a balance that is never below 0, and one that may be."""
    number, written = sample.number(name), tuple(map(sample.number, (*plus, *minus)))
    one = Balance(column=name, plus=plus, minus=minus, number=number, written=written)
    yield replace(one, is_stock=True)
    yield one


def _lookups(sample: Sample) -> Iterator[Relation]:
    """Yield categories that another one decides, of columns that change in time."""
    names = [name for name in sample.states if name not in sample.attributes]
    for by, name in permutations(names, 2):
        pairs = sample.frame[[by, name]].drop_duplicates()
        if len(pairs) > MAX_KEYS or pairs.isna().any(axis=None):
            continue
        if (
            pairs[by].is_unique
            and len(sample.frame) >= ROWS_A_KEY * len(pairs) >= ROWS_A_KEY * MIN_KEYS
        ):
            yield Lookup(
                column=name,
                by=by,
                dtype=str(sample.frame[name].dtype),
                keys=tuple(plain_values(pairs[by])),
                values=tuple(plain_values(pairs[name])),
            )
