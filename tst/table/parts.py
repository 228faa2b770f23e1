"""Divides a table's columns into constants, attributes and features, and codes each of them.

A constant is the same in every row, an attribute in all rows of each series; the rest are features.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.calendar import is_time
from tst.table.columns import (
    MAX_CATEGORIES,
    MAX_DISTINCT,
    ColumnCodec,
    ColumnFacts,
    Problem,
)
from tst.table.keys import Keys, bound_columns, main_column
from tst.table.names import NewNames
from tst.table.roles import Roles, constant_within
from tst.table.rows import SortedTable
from tst.table.values import FEW, TextCheck, check_text, is_number

RESERVED = ("all",)  # names of features that the measures of fidelity keep for themselves


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The columns of a table beside id and time, by what they are.

    Parameters
    ----------
    features, attributes, constants
        A codec for each column, in the order of the table.
    names
        How new names are made: of the id, and of attributes that name their series.
    row_names
        The same, of columns that have another value in nearly every row.
    bound
        Attributes that are constant within a value of an id of several columns.
    order
        Names of all columns that are kept, id and time too, in the order of the table.
    problems
        What was noticed in the rows and in the columns.
    """

    features: tuple[ColumnCodec, ...]
    attributes: tuple[ColumnCodec, ...]
    constants: tuple[ColumnCodec, ...]
    names: tuple[NewNames, ...]
    row_names: tuple[NewNames, ...]
    bound: tuple[str, ...]
    order: tuple[str, ...]
    problems: tuple[Problem, ...]


def divide_columns(table: SortedTable, roles: Roles) -> Parts:
    """Return the columns of a sorted table as constants, attributes and features.

    Raises
    ------
    DataError
        Where no column changes within a series, a column cannot be coded, or the roles say what
        the columns are not.
    """
    problems = list(table.problems)
    keys = table.keys
    columns = [name for name in table.columns if name not in keys.made]
    main = main_column(_first_rows(table, list(keys.id)), keys)
    learned = [name for name in next(table.parts()).frame if name not in keys.made]
    others = [name for name in learned if name not in (main, keys.time)]
    varying, constant_in_series = _changing(table, others)
    constants = [name for name in others if name not in varying]
    for name in constants:
        text = "the same in every row: written back, not learned"
        problems.append(Problem(name, text, table.n_rows))
    features, attributes = _by_role(varying, constant_in_series, roles, keys)
    for name in roles.attributes or ():
        if name not in attributes and name not in constants:
            raise DataError(f"attribute '{name}' changes within a series: list it under features.")
    if not features:
        raise DataError(
            f"no column changes within the series of '{table.id_column}': there is nothing to "
            "learn; name another id, or `id: none` where the table is one series."
        )
    named = [main] if main else []
    facts, first, first_row = _gathered(table, features, [*named, *attributes])
    codecs = [_fit_feature(name, facts[name], roles, problems) for name in features]
    codecs = [_pooled_feature(codec, table, problems) for codec in codecs]
    feature_codecs = [codec for codec in codecs if codec.kind != "name"]
    row_names = []
    for codec in codecs:
        if codec.kind == "name":
            row_names.append(_row_names(codec, facts[codec.name].facts.distinct))
    if not feature_codecs:
        raise DataError(
            f"no column but names changes within the series of '{table.id_column}': there is "
            "nothing to learn."
        )
    attribute_codecs = [_fit_attribute(first[name], roles, problems) for name in attributes]
    if roles.label and roles.label not in attributes:
        raise DataError(
            f"label '{roles.label}' is not an attribute: it must be the same in all rows of a "
            "series."
        )
    names = [NewNames.of(first[name], "synthetic") for name in named]
    names += [NewNames.of(first[c.name], c.name) for c in attribute_codecs if c.kind == "name"]
    bound: tuple[str, ...] = ()
    if len(keys.id) > 1:
        bound = bound_columns(first, main, [name for name in attributes if name not in keys.id])
    return Parts(
        features=tuple(feature_codecs),
        attributes=tuple(attribute_codecs),
        constants=tuple(ColumnCodec.fit(first_row[name], categorical=True) for name in constants),
        names=tuple(names),
        row_names=tuple(row_names),
        bound=bound,
        order=tuple(columns),
        problems=tuple(problems),
    )


def _row_names(codec: ColumnCodec, some: pd.Series) -> NewNames:
    """Return how a column of names of rows is written, by some of them: in hex, UUIDs, or anew.

    Not all are known here, so that a number behind the last could be another row's.
    """
    made = NewNames.of(some, codec.name)
    if made.kind in ("hex", "uuid"):
        return made
    return NewNames(column=codec.name, dtype=codec.dtype, word=f"{codec.name}-")


def _by_role(
    varying: list[str], constant_in_series: list[str], roles: Roles, keys: Keys
) -> tuple[list[str], list[str]]:
    """Return the names of features and of attributes, among columns that are not constant."""
    attributes = [name for name in constant_in_series if name not in (roles.features or ())]
    features = [name for name in varying if name not in (*attributes, *keys.id)]
    return features, attributes


def _first_rows(table: SortedTable, names: list[str]) -> pd.DataFrame:
    """Return some columns in the first row of each series."""
    if len(names) < 2:  # nobody asks
        return pd.DataFrame(columns=names)
    return pd.concat([rows.frame.loc[rows.is_first_of_id, names] for rows in table.parts()])


def _changing(table: SortedTable, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the columns that have several values, and those of them constant in each series."""
    seen: dict[str, pd.Series] = {}  # at most two values of each
    constant = names
    for rows in table.parts():
        for name in names:
            values = rows.frame[name]
            if name in seen:
                values = pd.concat([seen[name], values])
            if name not in seen or len(seen[name]) < 2:
                seen[name] = values.drop_duplicates().head(2)
        constant = constant_within(rows.frame[constant], rows.is_first_of_id)
    varying = [name for name in names if len(seen[name]) > 1]
    return varying, [name for name in constant if name in varying]


@dataclass
class FeatureFacts:
    """What is known of a feature once all parts of a table were gone through."""

    facts: ColumnFacts
    text: TextCheck


def _gathered(
    table: SortedTable, features: list[str], attributes: list[str]
) -> tuple[dict[str, FeatureFacts], pd.DataFrame, pd.DataFrame]:
    """Return what codecs are made from, in one pass.

    Returns
    -------
    facts
        Of each feature.
    first
        The attributes in the first row of each series.
    first_row
        All columns of the first row.
    """
    known: dict[str, FeatureFacts] = {}
    first = []
    first_row = None
    for rows in table.parts():
        if first_row is None:
            first_row = rows.frame.head(1)
        first.append(rows.frame.loc[rows.is_first_of_id, attributes])
        for name in features:
            column = rows.frame[name]
            facts = ColumnFacts.of(column)
            if name in known:
                facts = known[name].facts.joined(facts)
            else:
                known[name] = FeatureFacts(facts, TextCheck())
            known[name].facts = facts
            if facts.numbers is None:
                known[name].text.add(column)
    return known, pd.concat(first), first_row


def _fit_feature(
    name: str, known: FeatureFacts, roles: Roles, problems: list[Problem]
) -> ColumnCodec:
    """Return how a column that changes in time is coded, and add to the problems."""
    facts = known.facts
    is_date = types.is_datetime64_any_dtype(facts.distinct.dtype)
    is_code = name in roles.categorical
    if is_time(facts.distinct) and not (is_date or is_number(facts.distinct) or is_code):
        raise DataError(
            f"feature '{name}' holds dates as text, not all written alike; leave it out by a roles "
            "file, or give seconds."
        )
    if not is_code:
        known.text.check(name)
    is_binary = types.is_integer_dtype(facts.distinct.dtype) and facts.distinct.nunique() <= 2
    codec = ColumnCodec.of(facts, categorical=is_code or is_binary)
    if codec.kind == "category" and not is_number(facts.distinct):
        n_known = facts.n_rows - facts.n_missing
        if len(codec.categories) > max(FEW, min(MAX_DISTINCT, n_known / 2)):
            text = "a value of its own in nearly every row: not learned, new names"
            problems.append(Problem(name, text, n_known))
            return codec.as_name()
    if codec.missing:
        n_missing = facts.n_coded(codec.missing_code)
        problems.append(Problem(name, _describe_missing(codec), n_missing))
    if name in RESERVED:
        text = f"a name that the report keeps for itself: '{name}_' there"
        problems.append(Problem(name, text, facts.n_rows))
    return codec


def _pooled_feature(codec: ColumnCodec, table: SortedTable, problems: list[Problem]) -> ColumnCodec:
    """Return a category of many values with the rare ones pooled, others as they are."""
    if codec.kind != "category" or len(codec.categories) <= MAX_CATEGORIES:
        return codec
    counts: pd.Series = pd.Series(dtype=np.int64)
    n_series: pd.Series = pd.Series(dtype=np.int64)
    for rows in table.parts():
        column = rows.frame[codec.name].astype(object)
        counts = counts.add(column.value_counts(), fill_value=0)
        in_series = pd.DataFrame({"series": np.cumsum(rows.is_first_of_id), "value": column})
        in_series = in_series.drop_duplicates()["value"]
        n_series = n_series.add(in_series.value_counts(), fill_value=0)
    return _pooled(codec, counts, n_series, problems)


def _pooled(
    codec: ColumnCodec, counts: pd.Series, n_series: pd.Series, problems: list[Problem]
) -> ColumnCodec:
    """Return a category of many values with the rare ones pooled, and add to the problems."""
    if (n_series > 1).sum() < FEW:
        text = "values of one series alone: not learned, new names"
        problems.append(Problem(codec.name, text, int(counts.sum())))
        return codec.as_name()
    pooled = codec.pooled(counts, n_series)
    n_pooled = int(counts.sum() - counts[list(pooled.categories)].sum())
    text = (
        f"{len(codec.categories):,} different values: the {len(pooled.categories)} commonest are "
        "told apart, the others are one category and drawn by how often they occur; those of one "
        "series alone never come back"
    )
    problems.append(Problem(codec.name, text, n_pooled))
    return pooled


def _fit_attribute(column: pd.Series, roles: Roles, problems: list[Problem]) -> ColumnCodec:
    """Return how a column with one value a series is coded, and add to the problems."""
    if not is_number(column) and column.name not in roles.categorical:
        check_text(column)
    codec = ColumnCodec.fit_attribute(column)
    if codec.kind != "category":
        return codec
    # a category that half of the series have for themselves tells a model nothing
    if len(codec.categories) > max(FEW, min(MAX_DISTINCT, len(column) / 2)):
        text = "a name of its own for nearly every series: not learned, new names"
        problems.append(Problem(column.name, text, len(column)))
        return codec.as_name()
    if len(codec.categories) > MAX_CATEGORIES:
        counts = column.astype(object).value_counts()
        return _pooled(codec, counts, counts, problems)
    return codec


def _describe_missing(column: ColumnCodec) -> str:
    """Say what is done about the missing values of a feature."""
    if column.missing_code is None:
        return (
            "missing values: filled from the row before in training, marked, and left empty in "
            "the same manner"
        )
    return (
        f"{column.missing_code:g}, far from all other values as a code for missing is: filled "
        "from the row before in training, marked, and set again in the same manner"
    )
