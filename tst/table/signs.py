"""Finds which values of a column tell on which side of 0 a number is.

A booking by card is a payment, where a shop is closed nothing is sold. Values that few series have
tell nothing: by accident, too, a few numbers lie on one side.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tst.table.relations import (
    BEGUN,
    Above,
    Below,
    FixedWhere,
    Monotone,
    Relation,
    SignWhere,
    Value,
    apply_all,
    is_one_of,
    numbers,
    plain_values,
)
from tst.table.sample import MAX_NUMBERS, MIN_CHANGES, Rows, Sample

ACCIDENT = 1e-3  # how likely it may be that a column tells signs by accident
MOST = 0.9  # of the rows, whose signs are told: then those beside its rare values are, too


def signs(sample: Sample, parts: Rows, found: Sequence[Relation]) -> list[Relation]:
    """Return what tells the signs of numbers, for each the column that tells those of most rows.

    Not of numbers that are learned as distances, as steps or by their beginnings, or that are 0
    exactly where another column has some values.
    """
    changed: set[str] = set()
    emptied: set[str] = set()
    for one in found:
        if isinstance(one, FixedWhere) and one.value is None:
            emptied.add(one.column)
        elif isinstance(one, (Above, Below, Monotone, FixedWhere, *BEGUN)):
            changed.add(one.column)
    best = []
    for name in list(sample.numeric)[:MAX_NUMBERS]:
        told = []
        for by in sample.few:
            varies_more = by not in sample.attributes and name in sample.attributes
            if name not in changed and by not in emptied and not varies_more:
                told.append(_told(sample, name, by))
        if told and not sample.numeric[name]:  # 0 may stand for missing
            best.append(max(told, key=lambda one: _n_told(one, sample.frame)))
    best = _telling(best)
    if best:
        for frame, places in parts():
            learned = apply_all(found, frame, places)
            best = [_narrowed(one, learned) for one in best]
    return [*_telling(best)]


def _telling(candidates: list[SignWhere]) -> list[SignWhere]:
    """Return those that tell something."""
    return [one for one in candidates if one.never_above or one.never_below]


def _told(sample: Sample, name: str, by: str) -> SignWhere:
    """Return which values of a column tell that a number is not above, or not below, 0.

    If they told nothing, one beside n runs of numbers that are not above 0 would have none above 0
    as rarely as n of all numbers have none.
    """
    x = numbers(sample.frame, name)
    codes, states = sample.few[by]
    is_known = np.isfinite(x)
    n_rows = np.bincount(codes[is_known], minlength=len(states))
    n_off, by_accident = np.zeros((2, 2, len(states)))
    for side, is_off in enumerate((x > 0, x < 0)):
        n_off[side] = np.bincount(codes, is_off, len(states))
        begins = sample.places.is_first_witness | (np.diff(is_off, prepend=False) != 0)
        beside = np.unique(np.stack([begins.cumsum(), codes])[:, is_known], axis=1)[1]
        n_runs = np.bincount(beside, minlength=len(states))
        by_accident[side] = (1 - is_off[is_known].mean()) ** n_runs
    is_one_sided = (n_off == 0) & (n_rows > 0)
    is_told = is_one_sided & (n_rows >= MIN_CHANGES) & (by_accident < ACCIDENT / len(states))
    is_told |= is_told.any(0) & is_one_sided  # all 0
    is_most = n_rows[is_told.any(0)].sum() >= MOST * n_rows.sum()
    as_size = is_most and n_off.any(1).all() and (is_one_sided.any(0) | (n_rows == 0)).all()
    above, below = is_one_sided if as_size else is_told
    return SignWhere(
        column=name,
        by=by,
        never_above=tuple(states[i] for i in np.flatnonzero(above)),
        never_below=tuple(states[i] for i in np.flatnonzero(below)),
        as_size=bool(as_size) and name not in sample.attributes,  # which may be given
        number=sample.number(name),
    )


def _n_told(one: SignWhere, frame: pd.DataFrame) -> int:
    """Return of how many rows it tells something."""
    return int(is_one_of(frame[one.by], (*one.never_above, *one.never_below)).sum())


def _narrowed(one: SignWhere, frame: pd.DataFrame) -> SignWhere:
    """Return it without the values beside which a number is on the other side, after all."""
    x = numbers(frame, one.column)
    above = _without(one.never_above, frame[one.by][x > 0])
    below = _without(one.never_below, frame[one.by][x < 0])
    is_told = is_one_of(frame[one.by], (*above, *below)) | np.isnan(x)
    as_size = one.as_size and bool(is_told.all())
    return replace(one, never_above=above, never_below=below, as_size=as_size)


def _without(values: tuple[Value, ...], column: pd.Series) -> tuple[Value, ...]:
    """Return some values without those of a column."""
    there = plain_values(column.drop_duplicates())
    return tuple(value for value in values if value not in there)
