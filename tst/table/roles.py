"""Which column of a long table is what: guessed from its contents, or said in a small YAML that overrides the guess.

The time is a date, or a number that grows in even steps within series; the id, a column that together with the time names a
row; an attribute is constant within every series; the rest are features.
"""

import re
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api import types

from tst.io.untrusted import read_yaml
from tst.series import DataError
from tst.table.calendar import is_time

ID_NAMES = re.compile(
    r"(^|_)(id|series|key|unit|instance|name|page|device|host|task|job|user|item)s?$", re.I
)
TIME_NAMES = re.compile(
    r"(^|_)(time|timestamp|date|datetime|when|ts|t|step|slot|start|day|hour|minute|second|s)s?$",
    re.I,
)
EVEN = 0.5  # of the steps of a numeric time that must equal the median
LOOKED_AT = 30  # series, in a guess
DOUBLE = 0.2  # of the rows that may share id and time with another


@dataclass(frozen=True)
class Roles:
    """Roles of columns; None is guessed.

    Parameters
    ----------
    id, time
        Columns that together name a row.
    features, attributes
        Columns that change in time, and that do not; where one is given, the columns that stand in neither are left out.
    label
        An attribute whose classes the report tells apart.
    categorical
        Features whose numbers are codes, not sizes.
    gaps
        keep: a gap is one step like others; cut: a new series begins behind it.
    window
        Rows; longer series are cut into parts of so many. 0 keeps them whole.
    """

    id: str | None = None
    time: str | None = None
    features: list | None = None
    attributes: list | None = None
    label: str | None = None
    categorical: tuple = ()
    gaps: str = "keep"
    window: int = 0

    @classmethod
    def read(cls, source):
        """Return the roles of a YAML file, a mapping or nothing; raises DataError for an unknown key."""
        where = "roles"
        if isinstance(source, (str, Path)) and str(source):
            where, path = str(source), Path(source)
            if not path.is_file():
                raise DataError(
                    f"no roles file at {path}: give a YAML with id, time, features, attributes."
                )
            source = read_yaml(path)
        settings, known = source or {}, [f.name for f in fields(cls)]
        if not isinstance(settings, dict):
            raise DataError(
                f"{where} holds no `key: value` lines: give some of {', '.join(known)}."
            )
        unknown = set(settings) - set(known)
        if unknown:
            raise DataError(
                f"{where} has an unknown key '{sorted(map(str, unknown))[0]}'; known are {', '.join(known)}."
            )
        _check_types(settings, where)
        roles = cls(**settings)
        if roles.gaps not in ("keep", "cut"):
            raise DataError(f"{where}: gaps is '{roles.gaps}'; use keep or cut.")
        return roles

    def check(self, columns):
        """Raise DataError where a role names a column that the table lacks, or one column has two roles."""
        single = [c for c in (self.id, self.time) if c is not None]
        named = [*single, *(self.features or []), *(self.attributes or [])]
        for column in [*named, *self.categorical, *[self.label] * (self.label is not None)]:
            if column not in columns:
                raise DataError(
                    f"the roles name a column '{column}' that the table lacks; it has {', '.join(columns)}."
                )
        twice = [c for c in named if named.count(c) > 1]
        if twice:
            raise DataError(f"column '{twice[0]}' has two roles; leave it in one.")


def _check_types(settings, where):
    """Raise DataError where a role is not a column's name, or several are no list of names."""
    for key, value in settings.items():
        if key in ("features", "attributes", "categorical"):
            good = (
                isinstance(value, list | tuple)
                and all(isinstance(v, str) for v in value)
                or value is None
            )
            good, wanted = (
                good and not (value is None and key == "categorical"),
                "a list of columns, in quotes if need be",
            )
        elif key == "window":
            good, wanted = (
                isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31,
                "a number of rows",
            )
        else:
            good, wanted = (
                isinstance(value, str) or (value is None and key != "gaps"),
                "one name, in quotes if need be",
            )
        if not good:
            raise DataError(f"{where}: {key} is {repr(value)[:60]}; give {wanted}.")


def guess_time(frame, roles):
    """Return the name of the time column, or None where it takes an id to tell."""
    if roles.time:
        return roles.time
    free = [
        c for c in frame if c not in (roles.id, *(roles.features or ()), *(roles.attributes or ()))
    ]
    dates = [c for c in free if is_time(frame[c])]
    numeric = [
        c
        for c in free
        if types.is_numeric_dtype(frame[c].dtype) and not types.is_bool_dtype(frame[c].dtype)
    ]
    for found in (dates, [c for c in numeric if TIME_NAMES.search(str(c))]):
        found = sorted(found, key=lambda c: (not TIME_NAMES.search(str(c)), -frame[c].nunique()))
        if found:
            return found[0]
    ids = [roles.id] if roles.id else [c for c in free if not types.is_float_dtype(frame[c].dtype)]
    for column in numeric:
        if any(
            _is_even(frame, i, column)
            for i in ids
            if i != column and (roles.id or _groups(frame[i]))
        ):
            return column
    raise DataError("no column looks like a time: name it in a roles file (time: COLUMN).")


def guess_id(frame, time, roles):
    """Return the name of the id column.

    With the time it names (nearly) every row. Of several that do: one that is called like an id, then one within whose
    values most other columns are constant, then the coarsest.
    """
    if roles.id:
        return roles.id
    taken = (time, *(roles.features or ()), *(roles.attributes or ()))
    found = []
    for column in [c for c in frame if c not in taken and not types.is_float_dtype(frame[c].dtype)]:
        if (
            not is_time(frame[column])
            and not types.is_bool_dtype(frame[column].dtype)
            and _groups(frame[column])
        ):
            double = _doubles(frame, column, time)
            if double <= DOUBLE:
                rank = (
                    not ID_NAMES.search(str(column)),
                    -_n_constant(frame, column),
                    frame[column].nunique(),
                )
                found.append((round(double, 2), *rank, list(frame).index(column), column))
    if not found:
        raise DataError(
            f"no column names the series, so that with '{time}' it names a row: name it in a roles file (id: COLUMN); "
            "if the table is one series only, add a column that is the same in every row, and a window (window: 100)."
        )
    return min(found)[-1]


def constant_within(frame, starts):
    """Return the columns of a table, sorted by series, that are the same in all rows of each series."""
    same = np.ones(len(frame), dtype=bool)
    same[np.unique(starts)] = False
    return [c for c in frame if not (_changes(frame[c]) & same).any()]


def _changes(column):
    """Tell for each row whether it differs from the row before; missing equals missing."""
    codes = pd.factorize(column)[0]
    return np.append(False, codes[1:] != codes[:-1])


def _groups(column):
    """Tell whether a column's values group rows: several, at most half as many as rows."""
    return 2 <= column.nunique() <= len(column) / 2


def _n_constant(frame, column):
    """Return how many columns are constant within the first values of a column."""
    some = frame[frame[column].isin(frame[column].dropna().unique()[:LOOKED_AT])]
    return int((some.groupby(column, observed=True).nunique(dropna=False) <= 1).all().sum())


def _doubles(frame, column, time):
    return frame.duplicated([column, time]).mean()


def _is_even(frame, column, time):
    ordered = frame[[column, time]].dropna().sort_values([column, time])
    same = (ordered[column] == ordered[column].shift()).to_numpy()[1:]
    steps = np.diff(ordered[time].to_numpy(np.float64))[same]
    return len(steps) > 0 and (steps == np.median(steps)).mean() >= EVEN and np.median(steps) > 0
