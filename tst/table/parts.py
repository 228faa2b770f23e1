"""Divides a table's columns into constants, attributes and features, and codes each of them.

A constant is the same in every row, an attribute in all rows of each series; the rest are features.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.calendar import is_time
from tst.table.columns import ColumnCodec, Problem
from tst.table.roles import Roles, constant_within
from tst.table.rows import Rows
from tst.table.values import FEW, check_text, is_number

RESERVED = ("all",)  # names of features that the measures of fidelity keep for themselves
MAX_CATEGORIES = 200  # of a column; text with more is rather a comment or a name


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The columns of a table beside id and time, by what they are.

    Parameters
    ----------
    features, attributes, constants
        A codec for each column, in the order of the table.
    order
        Names of all columns that are kept, id and time too, in the order of the table.
    problems
        What was noticed in the rows and in the columns.
    """

    features: tuple[ColumnCodec, ...]
    attributes: tuple[ColumnCodec, ...]
    constants: tuple[ColumnCodec, ...]
    order: tuple[str, ...]
    problems: tuple[Problem, ...]


def divide_columns(rows: Rows, roles: Roles) -> Parts:
    """Return the columns of sorted rows as constants, attributes and features.

    Raises
    ------
    DataError
        Where no column changes within a series, a column cannot be coded, or the roles say what
        the columns are not.
    """
    frame = rows.frame
    problems = list(rows.problems)
    kept = _kept_columns(rows, roles, problems)
    constants = [name for name in kept if frame[name].nunique(dropna=False) == 1]
    for name in constants:
        text = "the same in every row: written back, not learned"
        problems.append(Problem(name, text, len(frame)))
    varying = [name for name in kept if name not in constants]
    attributes, features = _divide(rows, roles, varying, constants)
    feature_codecs = [_fit_feature(frame[name], roles, problems) for name in features]
    first = frame[rows.is_first_of_id]
    attribute_codecs = [_fit_attribute(first[name], problems) for name in attributes]
    if roles.label and roles.label not in attributes:
        raise DataError(
            f"label '{roles.label}' is no attribute: it must be the same in all rows of a series."
        )
    written = (rows.id_column, rows.clock.name, *kept)
    return Parts(
        features=tuple(feature_codecs),
        attributes=tuple(attribute_codecs),
        constants=tuple(ColumnCodec.fit(frame[name], categorical=True) for name in constants),
        order=tuple(name for name in frame if name in written),
        problems=tuple(problems),
    )


def _kept_columns(rows: Rows, roles: Roles, problems: list[Problem]) -> list[str]:
    """Return the columns beside id and time that the roles keep."""
    others = [name for name in rows.frame if name not in (rows.id_column, rows.clock.name)]
    if roles.features is None and roles.attributes is None:
        return others
    named = [*(roles.features or ()), *(roles.attributes or ())]
    for name in others:
        if name not in named:
            problems.append(Problem(name, "left out by the roles file", len(rows.frame)))
    return [name for name in others if name in named]


def _divide(
    rows: Rows, roles: Roles, varying: list[str], constants: list[str]
) -> tuple[list[str], list[str]]:
    """Return (attributes, features): which of the varying columns are constant within a series."""
    attributes = [
        name
        for name in constant_within(rows.frame[varying], rows.is_first_of_id)
        if name not in (roles.features or ())
    ]
    for name in roles.attributes or ():
        if name not in attributes and name not in constants:
            raise DataError(f"attribute '{name}' changes within a series: list it under features.")
    features = [name for name in varying if name not in attributes]
    if not features:
        raise DataError(
            f"no column changes within the series of '{rows.id_column}': there is nothing to learn."
        )
    return attributes, features


def _fit_feature(column: pd.Series, roles: Roles, problems: list[Problem]) -> ColumnCodec:
    """Return how a column that changes in time is coded, and add to the problems."""
    name = column.name
    if is_time(column) and not types.is_datetime64_any_dtype(column.dtype):
        raise DataError(
            f"feature '{name}' holds dates as text; leave it out by a roles file, or give seconds."
        )
    if not is_number(column):
        check_text(column)
    is_binary = types.is_integer_dtype(column.dtype) and column.nunique() <= 2
    codec = ColumnCodec.fit(column, categorical=name in roles.categorical or is_binary)
    if codec.kind == "category" and len(codec.categories) > MAX_CATEGORIES:
        raise DataError(
            f"column '{name}' has {len(codec.categories):,} different values, too many for a "
            "category: leave it out by a roles file (features: [...])."
        )
    if codec.missing:
        n_missing = int(np.isnan(codec.encode(column)).sum())
        problems.append(Problem(name, _describe_missing(codec), n_missing))
    if name in RESERVED:
        text = f"a name that the report keeps for itself: '{name}_' there"
        problems.append(Problem(name, text, len(column)))
    return codec


def _fit_attribute(column: pd.Series, problems: list[Problem]) -> ColumnCodec:
    """Return how a column with one value a series is coded, and add to the problems."""
    if not is_number(column):
        check_text(column)
    codec = ColumnCodec.fit_attribute(column)
    # a category that half of the series have for themselves tells a model nothing
    most = max(FEW, min(MAX_CATEGORIES, len(column) / 2))
    if codec.kind == "category" and len(codec.categories) > most:
        text = "a name of its own for nearly every series: not learned, new names"
        problems.append(Problem(column.name, text, len(column)))
        return codec.as_name()
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
