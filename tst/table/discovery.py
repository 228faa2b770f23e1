"""Finds what holds in every row of a table: relations that are no accident of few rows.

Candidates come from the rows of some series and must hold in all rows of the table. An order of two
columns, say, is meant only where their values in other rows would break it now and then.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
from pandas.api import types

from tst.table.bounds import closed
from tst.table.clocks import Clock
from tst.table.formulas import derived
from tst.table.from_times import calendar_columns, dates_near_times
from tst.table.orders import ends, monotone, order_pairs, orders, state_orders
from tst.table.relations import (
    BEGUN,
    Above,
    Below,
    ClockText,
    Combinations,
    DateText,
    FixedWhere,
    NumberText,
    NumberTuple,
    Places,
    Relation,
    Value,
    WithinDay,
    apply_all,
    in_cells,
    plain_values,
)
from tst.table.roles import Roles
from tst.table.said import Said
from tst.table.sample import MIN_CHANGES, Rows, Sample, constant_within, some_series
from tst.table.spelled import Spelling
from tst.table.time_evidence import TimeEvidence
from tst.table.transitions import TransitionCounts
from tst.table.tuples import NumbersInCell
from tst.table.values import FEW, TextCheck, free_name, is_number
from tst.table.where import empty_or_signed, fixed_where
from tst.table.writing import TextDates

MIN_MISSED = 10.0  # series whose combination would be expected and does not occur
MAX_COMBINATIONS = 1000
MAX_TEXTS = 50_000  # distinct ones of a column of numbers, that tell how they are written
GOES_ON = 0.7  # of the mean square between any two numbers, that a change has
RECOMBINED = 3  # cells for each distinct number


def find_relations(
    parts: Rows, has_dates: bool, roles: Roles, keys: Sequence[str] = ()
) -> list[Relation]:
    """Return the relations of a table, in the order in which they are applied.

    Parameters
    ----------
    parts
        Its rows.
    has_dates
        Whether its times are dates.
    roles
        Which columns are codes or the label; what the user says of relations.
    keys
        Names of other columns.

    Raises
    ------
    DataError
        Where the user says what does not hold.
    """
    if list(roles.relations) == ["none"]:
        return []
    frame, places = some_series(parts)
    sample = Sample(
        frame=frame,
        places=places,
        attributes=tuple(constant_within(frame, places)),
        codes=tuple(roles.categorical),
    )
    labels = [] if roles.label is None else [roles.label]
    found: list[Relation] = []
    said = Said.of([one for one in roles.relations if one.split()[:1] == ["not"]], [])
    readings: tuple[Callable[[Sample], list[Relation]], ...] = (
        lambda sample: _date_texts(sample, parts, labels),
        lambda sample: _number_texts(sample, parts, labels),
        lambda sample: _number_tuples(sample, parts, labels, keys),
    )
    for stage in readings:
        sample = _settled(stage, sample, said, parts, found)
    said = Said.of(roles.relations, [*frame, *in_cells(found)])
    stages: tuple[Callable[[Sample], list[Relation]], ...] = (
        lambda sample: _within_day(found),
        lambda sample: dates_near_times(sample, labels) if has_dates else [],
        lambda sample: derived(sample, labels, said.formulas(sample)),
        fixed_where,
        lambda sample: calendar_columns(sample, labels, has_dates),
        lambda sample: _changed_last(sample, said, found),
        lambda sample: empty_or_signed(sample, parts, found),
        lambda sample: _states_that_go_on(sample, found),  # restored first: they tell of others
        lambda sample: _combinations(sample, parts, found),
        lambda sample: _transitions(sample, parts, found),
    )
    for stage in stages:
        sample = _settled(stage, sample, said, parts, found)
    said.check(found)
    return found


def _settled(
    stage: Callable[[Sample], list[Relation]],
    sample: Sample,
    said: Said,
    parts: Rows,
    found: list[Relation],
) -> Sample:
    """Add what a stage finds, and holds in all rows; return the sample as it makes it."""
    candidates = [one for one in stage(sample) if not said.removes(one)]
    candidates = _holding(candidates, parts, found)
    found += candidates
    frame = apply_all(candidates, sample.frame, sample.places)
    new = [name for name in frame if name not in sample.frame]
    attributes = (*sample.attributes, *constant_within(frame[new], sample.places))
    return replace(sample, frame=frame, attributes=attributes)


def _changed_last(sample: Sample, said: Said, found: list[Relation]) -> list[Relation]:
    """Return orders and what happens within series, at most one that changes each column."""
    begun = [one.column for one in found if isinstance(one, BEGUN)]  # but for their beginnings
    sample = replace(sample, frame=sample.frame.drop(columns=begun))
    said.check_learned(list(sample.frame), found)
    pairs = {pair for pair in order_pairs(sample) if not said.removes_pair(*pair)}
    candidates = [  # ends first, so that they are restored last: of levels, not of steps
        *orders(sample, pairs | said.pairs),
        *said.ends(),
        *ends(sample),
        *said.monotone(sample),
        *monotone(sample),
    ]
    kept: list[Relation] = []
    for one in candidates:
        others = [other for other in kept if other.column == one.column]
        is_learned_otherwise = any(isinstance(other, Above | Below) for other in others)
        is_second = any(type(other) is type(one) for other in others)
        if not is_learned_otherwise and not is_second:
            kept.append(one)
    return kept


def _states_that_go_on(sample: Sample, found: list[Relation]) -> list[Relation]:
    """Return the states that never go back, but for what is learned as a distance."""
    learned_otherwise = {one.column for one in found if isinstance(one, Above | Below)}
    return [one for one in state_orders(sample) if one.column not in learned_otherwise]


def _holding(candidates: list[Relation], parts: Rows, found: list[Relation]) -> list[Relation]:
    """Return the candidates that hold in all rows, as relations found before make them."""
    if not candidates:
        return []
    for frame, places in parts():
        learned = apply_all(found, frame, places)
        candidates = [one for one in candidates if one.holds(learned, places)]
    return candidates


def _texts(sample: Sample, labels: list[str]) -> list[str]:
    """Return the columns of text, but for codes and the label."""
    names = []
    for name in sample.frame:
        dtype = sample.frame[name].dtype
        is_text = types.is_object_dtype(dtype) or types.is_string_dtype(dtype)
        if is_text and name not in (*sample.codes, *labels):
            names.append(name)
    return names


def _date_texts(sample: Sample, parts: Rows, labels: list[str]) -> list[Relation]:
    """Return the columns of text that are dates, but for codes and the label."""
    names = []
    for name in _texts(sample, labels):
        known = sample.frame[name].dropna()
        if not len(known) or TimeEvidence.of(known.head(1000)).is_time:
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


def _number_texts(sample: Sample, parts: Rows, labels: list[str]) -> list[Relation]:
    """Return the columns of text that are numbers with signs, or times, all written in one way.

    Not codes, nor the label.
    """
    names = []
    for name in _texts(sample, labels):
        if _is_spelled(sample.frame[name]) or _is_clock(sample.frame[name]):
            names.append(name)
    found: list[Relation] = []
    for name, (dtype, known) in _distinct(names, parts).items():
        spelling, clock = Spelling.of(known), Clock.of(known)
        if spelling is not None:
            found.append(NumberText(column=name, dtype=dtype, spelling=spelling))
        elif clock is not None:
            found.append(ClockText(column=name, dtype=dtype, spelling=clock))
    return found


def _number_tuples(
    sample: Sample, parts: Rows, labels: list[str], keys: Sequence[str]
) -> list[Relation]:
    """Return the columns of text that change within series and are several numbers in each cell.

    Not codes, nor the label.
    """
    names = []
    for name in _texts(sample, labels):
        if name not in sample.attributes and _are_tuples(sample.frame[name], sample.places):
            names.append(name)
    found: list[Relation] = []
    taken = [*sample.frame, *keys]
    for name, (dtype, known) in _distinct(names, parts).items():
        spelling = NumbersInCell.of(known)
        if spelling is not None:
            first = len(taken)
            for i in range(len(spelling.spellings)):
                taken.append(free_name(f"{name} {i + 1}", taken))
            numbers_of = tuple(taken[first:])
            found.append(NumberTuple(column=name, names=numbers_of, dtype=dtype, spelling=spelling))
    return found


def _distinct(names: list[str], parts: Rows) -> dict[str, tuple[str, list[str]]]:
    """Return the dtype and the distinct values of some columns, up to so many that tell enough."""
    known: dict[str, dict[str, None]] = {name: {} for name in names}
    dtypes = {}
    if names:
        for frame, _ in parts():
            for name, values in known.items():
                dtypes[name] = str(frame[name].dtype)
                if len(values) < MAX_TEXTS:
                    values.update(dict.fromkeys(frame[name].dropna().unique()))
    return {name: (dtypes[name], list(values)) for name, values in known.items()}


def _are_tuples(column: pd.Series, places: Places) -> bool:
    """Tell whether cells are several numbers that were measured, no codes of several parts.

    All codes are had by several series. Numbers go on, or each occurs with many of the others.
    """
    known = column.dropna().unique()
    if len(known) <= FEW:
        return False
    spelling = NumbersInCell.of(known[:MAX_TEXTS])
    if spelling is None or closed(column, pd.Series(places.witness), at_most=np.inf) is not None:
        return False
    parts = [x.to_numpy() for x in spelling.read(column.astype(object))]
    if spelling.may_be_dates(parts):
        return False
    most = max(len(np.unique(x)) for x in parts)
    return len(known) > RECOMBINED * most or any(_goes_on(x, places) for x in parts)


def _goes_on(x: np.ndarray, places: Places) -> bool:
    """Tell whether numbers (n_rows,) change by less than any two of them differ by."""
    steps = np.diff(x)[~places.is_first[1:]]
    steps = steps[np.isfinite(steps) & (steps != 0)]
    spread = 2 * np.nanvar(x)  # the mean square between any two
    return len(steps) >= MIN_CHANGES and bool(np.mean(steps**2) < GOES_ON * spread)


def _within_day(found: list[Relation]) -> list[Relation]:
    """Return that none of the times of a day is beyond it, where there are such."""
    clocks = [one for one in found if isinstance(one, ClockText) and one.spelling.is_of_day]
    if not clocks:
        return []
    first, *others = [one.column for one in clocks]
    return [
        WithinDay(
            column=first,
            others=tuple(others),
            units=tuple(one.spelling.units_a_day for one in clocks),
            decimals=tuple(one.spelling.decimals for one in clocks),
        )
    ]


def _is_spelled(column: pd.Series) -> bool:
    """Tell whether a column of text holds numbers with signs."""
    if not all(isinstance(value, str) for value in column.dropna().head(1000)):
        return False
    text = TextCheck()
    text.add(column)
    return text.is_spelled


def _is_clock(column: pd.Series) -> bool:
    """Tell whether a column of text holds times of day or durations, and not a few only."""
    known = column.dropna().unique()[:MAX_TEXTS]
    return len(known) > FEW and Clock.of(known) is not None


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
        seen: dict[tuple[Value, ...], int] = {}
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


def _transitions(sample: Sample, parts: Rows, found: list[Relation]) -> list[Relation]:
    """Return the states of which only some follow each other.

    Not of a column that is empty where another says so: what is learned there is never written.
    """
    emptied = {one.column for one in found if isinstance(one, FixedWhere)}
    counts = []
    for name in sample.states:
        is_state = not is_number(sample.frame[name]) or name in sample.codes
        if is_state and name not in sample.attributes and name not in emptied:
            counts.append(TransitionCounts(name))
    if not counts:
        return []
    for frame, places in parts():
        learned = apply_all(found, frame, places)
        for one in counts:
            one.add(learned[one.column], places)
    relations = (one.relation() for one in counts)
    return [relation for relation in relations if relation is not None]


def _misses_pairs(first: pd.DataFrame, one: str, other: str) -> bool:
    """Tell whether pairs of values are absent that would be expected if they were independent."""
    table = pd.crosstab(
        first[one].astype(str).fillna(""), first[other].astype(str).fillna("")
    ).to_numpy(np.float64)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / max(1, table.sum())
    return bool(expected[table == 0].sum() >= MIN_MISSED)
