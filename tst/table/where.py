"""Finds what a column is where another one has some values: empty, 0, on one side of 0.

A booking by card is a payment, where a shop is closed nothing is sold, where a pump stands nothing
is measured. Values of the other column that few series have tell nothing: by accident, too, a few
numbers lie on one side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Self

import numpy as np
import pandas as pd
from pandas.api import types

from tst.table.relations import (
    BEGUN,
    Above,
    Below,
    EmptyWhere,
    FixedWhere,
    Monotone,
    Places,
    Relation,
    SignWhere,
    Value,
    apply_all,
    is_one_of,
    numbers,
    plain_values,
)
from tst.table.sample import MIN_CHANGES, Rows, Sample, plain
from tst.table.values import is_number

ACCIDENT = 1e-3  # how likely it may be that a column tells of another by accident
MOST = 0.9  # of the rows, whose signs are told: then those beside its rare values are, too


def fixed_where(sample: Sample) -> list[Relation]:
    """Return the columns that are empty, or 0, exactly where another one has some values."""
    found: list[Relation] = []
    decided: set[str] = set()
    for name in sample.frame:
        column = sample.frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            continue
        masks: list[tuple[float | None, np.ndarray]] = [(None, column.isna().to_numpy())]
        if name in sample.numeric:
            code = sample.numeric[name] or 0
            masks.append((code, (column == code).fillna(False).to_numpy(bool)))
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
    sample: Sample, name: str, value: float | None, mask: np.ndarray, decided: set[str]
) -> FixedWhere | None:
    """Return the column that decides where another is empty or 0, if there is one."""
    column = sample.frame[name]
    known = column[~mask]
    filler = known.mode().iloc[0]
    if is_number(column):
        filler = known.median() if types.is_float_dtype(column.dtype) else known.iloc[0]
    least = 0.0
    if value is not None:
        least = float(np.nanmin(numbers(sample.frame, name)[~mask]))
        if least < 0:  # then 0 is a number like others
            return None
    one = FixedWhere(
        column=name, by="", values=(None,), value=value, filler=plain(filler), least=least
    )
    others = [by for by in sample.frame if by != name and by not in decided]
    for by in others:
        if value is None and sample.missing[by] == sample.missing[name]:
            return replace(one, by=by)
    for by in others:
        is_attribute = by in sample.attributes and name not in sample.attributes
        if by not in sample.few or (is_attribute and value is not None):
            continue
        codes, states = sample.few[by]
        share = np.bincount(codes, weights=mask) / np.bincount(codes)
        if np.isin(share, (0, 1)).all():
            values = tuple(state for state, s in zip(states, share, strict=True) if s)
            return replace(one, by=by, values=values)
    return None


def empty_or_signed(sample: Sample, parts: Rows, found: Sequence[Relation]) -> list[Relation]:
    """Return what tells where columns are empty, elsewhere at times, and the signs of numbers.

    For each the column that tells it of most rows; not of one that is empty exactly where another
    has some values. Not signs of numbers that are learned as distances, as steps or by their
    beginnings, or that are 0 exactly where another column has some values.
    """
    emptied: set[str] = set()
    changed: set[str] = set()
    for one in found:
        if isinstance(one, FixedWhere) and one.value is None:
            emptied.add(one.column)
        elif isinstance(one, (Above, Below, Monotone, FixedWhere, *BEGUN)):
            changed.add(one.column)
    candidates: list[EmptyWhere | SignWhere] = []
    for name in sample.frame:
        tellers = _tellers(sample, name, emptied)
        if name not in emptied and sample.frame[name].isna().any():
            candidates += _empty(sample, name, tellers)
        if name not in changed and sample.numeric.get(name, 1.0) in (None, 0):  # 0: missing
            candidates += _signed(sample, name, tellers)
    candidates = [one for one in candidates if one.values]
    if candidates:
        for frame, places in parts():
            learned = apply_all(found, frame, places)
            candidates = [_narrowed(one, learned, places) for one in candidates]
    return _chosen(sample, candidates)


def _tellers(sample: Sample, name: str, emptied: set[str]) -> list[str]:
    """Return the columns of few values that may tell of another, constant ones of such."""
    is_attribute = name in sample.attributes
    names = []
    for by in sample.few:
        if by != name and by not in emptied and (by in sample.attributes or not is_attribute):
            names.append(by)
    return names


def _chosen(sample: Sample, candidates: Sequence[EmptyWhere | SignWhere]) -> list[Relation]:
    """Return one of each kind for a column: sizes first, then what tells of most rows.

    No column that is emptied tells of others.
    """

    def weight(one: EmptyWhere | SignWhere) -> tuple[bool, bool, int]:
        is_size = isinstance(one, SignWhere) and one.as_size
        n_told = is_one_of(sample.frame[one.by], one.values).sum()
        return isinstance(one, EmptyWhere), is_size, int(n_told)

    chosen: dict[tuple[str, str], Relation] = {}
    emptied: set[str] = set()
    tellers: set[str] = set()
    for one in sorted(candidates, key=weight, reverse=True):
        if not one.values or (one.kind, one.column) in chosen or one.by in emptied:
            continue
        if isinstance(one, EmptyWhere):
            if one.column in tellers:
                continue
            emptied.add(one.column)
        tellers.add(one.by)
        chosen[one.kind, one.column] = one
    return [*chosen.values()]


@dataclass(frozen=True, kw_only=True)
class _Off:
    """Rows that are off, on one side of 0 or not empty, and how much speaks for those that are not.

    Parameters
    ----------
    is_off, is_asked
        bool, (n_rows,); only asked ones are off.
    run
        int64, (n_rows,): number of each row's run of rows that are all off, or not, in a series.
    share
        Of the rows, or of the runs, that are off: the less.
    """

    is_off: np.ndarray
    is_asked: np.ndarray
    run: np.ndarray
    share: float

    @classmethod
    def of(cls, sample: Sample, is_off: np.ndarray, is_asked: np.ndarray) -> Self:
        """Return rows of a sample."""
        begins = sample.places.is_first_witness | (np.diff(is_off, prepend=False) != 0)
        share = min(is_off[is_asked].mean(), is_off[begins].mean())
        return cls(is_off=is_off, is_asked=is_asked, run=begins.cumsum(), share=share)

    def beside(self, codes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return how many rows are off beside each of n codes, and how likely none is, (n,).

        If a code told nothing, one beside some runs of rows that are not off would have none that
        is as rarely as so many of all rows, or of all runs, have none.
        """
        n_off = np.bincount(codes, self.is_off, n)
        if not n_off.any():
            return n_off, np.ones(n)
        runs = np.unique((self.run * n + codes)[self.is_asked]) % n
        return n_off, (1 - self.share) ** np.bincount(runs, minlength=n)


def _empty(sample: Sample, name: str, tellers: Sequence[str]) -> list[EmptyWhere]:
    """Return beside which values of other columns one is always empty."""
    is_known = sample.frame[name].notna().to_numpy()
    known = _Off.of(sample, is_known, np.ones(len(is_known), dtype=bool))
    found = []
    for by in tellers:
        codes, states = sample.few[by]
        n_off, by_accident = known.beside(codes, len(states))
        is_told = (n_off == 0) & (np.bincount(codes) >= MIN_CHANGES)
        is_told &= by_accident < ACCIDENT / len(states)
        found.append(EmptyWhere(column=name, by=by, values=tuple(compress(states, is_told))))
    return found


def _signed(sample: Sample, name: str, tellers: Sequence[str]) -> list[SignWhere]:
    """Return beside which values of other columns a number is not above, or not below, 0."""
    x = numbers(sample.frame, name)
    is_known = np.isfinite(x)
    sides = _Off.of(sample, x > 0, is_known), _Off.of(sample, x < 0, is_known)
    n_sizes = min(len(np.unique(x[side.is_off])) for side in sides)
    may_be_size = n_sizes > 1 and name not in sample.attributes  # no code, nor given
    found = []
    for by in tellers:
        found += _signs(sample, name, by, sides, may_be_size)
    return found


def _signs(
    sample: Sample, name: str, by: str, sides: tuple[_Off, _Off], may_be_size: bool
) -> list[SignWhere]:
    """Return which values of a column tell that a number is not above, or not below, 0.

    First, where all do, that it is learned as its size.
    """
    codes, states = sample.few[by]
    n_rows = np.bincount(codes[sides[0].is_asked], minlength=len(states))
    beside = sides[0].beside(codes, len(states)), sides[1].beside(codes, len(states))
    n_off, by_accident = np.stack(beside, axis=1)
    is_one_sided = (n_off == 0) & (n_rows > 0)
    is_told = is_one_sided & (n_rows >= MIN_CHANGES) & (by_accident < ACCIDENT / len(states))
    is_told |= is_told.any(0) & is_one_sided  # all 0
    above, below = is_told
    one = SignWhere(
        column=name,
        by=by,
        never_above=tuple(compress(states, above)),
        never_below=tuple(compress(states, below)),
        as_size=False,
        dtype=str(sample.frame[name].dtype),
    )
    is_most = n_rows[is_told.any(0)].sum() >= MOST * n_rows.sum()
    if not (may_be_size and is_most and (is_one_sided.any(0) | (n_rows == 0)).all()):
        return [one]
    above, below = is_one_sided
    above, below = tuple(compress(states, above)), tuple(compress(states, below))
    return [replace(one, never_above=above, never_below=below, as_size=True), one]


def _narrowed(
    one: EmptyWhere | SignWhere, frame: pd.DataFrame, places: Places
) -> EmptyWhere | SignWhere:
    """Return it without the values beside which it does not hold, after all.

    What is learned as its size tells nothing where not all rows come back from it.
    """
    by = frame[one.by]
    if isinstance(one, EmptyWhere):
        is_known = frame[one.column].notna().to_numpy()
        return replace(one, values=_without(one.values, by[is_known]))
    x = numbers(frame, one.column)
    if one.as_size:
        back = one.restore(one.apply(frame[[one.column, one.by]], places), places)
        is_exact = np.array_equal(numbers(back, one.column), x, equal_nan=True)
        return one if is_exact else replace(one, never_above=(), never_below=())
    above, below = _without(one.never_above, by[x > 0]), _without(one.never_below, by[x < 0])
    return replace(one, never_above=above, never_below=below)


def _without(values: tuple[Value, ...], column: pd.Series) -> tuple[Value, ...]:
    """Return some values without those of a column."""
    there = plain_values(column.drop_duplicates())
    return tuple(value for value in values if value not in there)
