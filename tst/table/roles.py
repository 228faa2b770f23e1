"""Which column of a long table is what: guessed from its contents, or said in a small YAML file.

The time is a date, or a number that grows in even steps within series. The id is a column that,
together with the time, names a row. An attribute is constant within every series; the rest are
features. What the file says comes before the guess.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.io.untrusted import read_yaml
from tst.table.calendar import is_time
from tst.table.writing import ORDERS, Order

ID_NAMES = re.compile(
    r"(^|_)(id|series|key|unit|instance|name|page|device|host|task|job|user|item)s?$", re.I
)
TIME_NAMES = re.compile(
    r"(^|_)(time|timestamp|date|datetime|when|ts|t|step|slot|start|day|hour|minute|second|s)s?$",
    re.I,
)
MIN_EVEN_SHARE = 0.5  # of a numeric time's steps that equal the median: gaps and jitter are allowed
MAX_TIED_SHARE = 0.2  # of rows that share id and time with another: more, and the id is a wrong one
N_COMPARED = 30  # series that a guess looks at, so that it stays quick for a large table
MAX_WINDOW = 2**31  # rows

Gaps = Literal["keep", "cut"]


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Roles of columns; None is guessed.

    Parameters
    ----------
    id, time
        Columns that together name a row.
    features, attributes
        Columns that change in time, and that do not; where one is given, columns that stand in
        neither are left out.
    label
        An attribute whose classes the report tells apart.
    categorical
        Features whose numbers are codes, not sizes.
    gaps
        keep: a gap is one step like others; cut: a new series begins behind it.
    dates
        What dates such as 1/2/2019 begin with, where the table does not tell: day first, month
        first or year first.
    relations
        What holds in every row beside what is found, such as `low <= high`, `total = a + b`,
        `wear never falls`; behind `not`, what is found and is an accident; `none` for nothing.
    window
        Rows; longer series are cut into parts of so many. 0 keeps them whole.
    """

    id: str | None = None
    time: str | None = None
    features: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    label: str | None = None
    categorical: Sequence[str] = ()
    gaps: Gaps = "keep"
    window: int = 0
    dates: Order = ""
    relations: Sequence[str] = ()

    @classmethod
    def read(cls, source: "Roles | Mapping[str, object] | Path | str | None") -> "Roles":
        """Return the roles that a YAML file, a mapping or nothing says.

        Raises
        ------
        DataError
            Where there is no such file, a key is unknown, or a value is of another kind.
        """
        if isinstance(source, Roles):
            return source
        where = "roles"
        settings: object = source or {}
        if isinstance(source, str | Path) and str(source):
            where = str(source)
            settings = _read_file(Path(source)) or {}
        return cls._from_settings(settings, where)

    @classmethod
    def _from_settings(cls, settings: object, where: str) -> Self:
        known = [field.name for field in fields(cls)]
        if not isinstance(settings, Mapping):
            raise DataError(
                f"{where} holds no `key: value` lines: give some of {', '.join(known)}."
            )
        unknown = sorted(str(key) for key in settings if key not in known)
        if unknown:
            raise DataError(
                f"{where} has an unknown key '{unknown[0]}'; known are {', '.join(known)}."
            )
        for key, value in settings.items():
            is_right, remedy = VALUES[key]
            if not is_right(value):
                raise DataError(f"{where}: {key} is {repr(value)[:60]}; give {remedy}.")
        roles = cls(**settings)
        if roles.gaps not in get_args(Gaps):
            raise DataError(f"{where}: gaps is '{roles.gaps}'; use keep or cut.")
        if roles.dates not in get_args(Order):
            raise DataError(f"{where}: dates is '{roles.dates}'; use {', '.join(ORDERS)}.")
        return roles

    @property
    def named(self) -> list[str]:
        """Columns that have a role as id, time, feature or attribute."""
        single = [column for column in (self.id, self.time) if column is not None]
        return [*single, *(self.features or ()), *(self.attributes or ())]

    def check(self, columns: Sequence[str]) -> None:
        """Raise DataError where a named column is not among the table's, or has two roles."""
        named = self.named
        labels = [] if self.label is None else [self.label]
        for column in [*named, *self.categorical, *labels]:
            if column not in columns:
                raise DataError(
                    f"the roles name a column '{column}' that the table lacks; it has "
                    f"{', '.join(columns)}."
                )
        for column in named:
            if named.count(column) > 1:
                raise DataError(f"column '{column}' has two roles; leave it in one.")


def _read_file(path: Path) -> object:
    if not path.is_file():
        raise DataError(
            f"no roles file at {path}: give a YAML with id, time, features, attributes."
        )
    return read_yaml(path)


def _is_name(value: object) -> bool:
    return isinstance(value, str)


def _is_name_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _are_names_or_none(value: object) -> bool:
    return value is None or _are_names(value)


def _is_window(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_WINDOW  # a truth value is no number of rows


ONE_NAME = "one name, in quotes if need be"
SEVERAL_NAMES = "a list of columns, in quotes if need be"

# of each role: what its value must be, and what to give instead
VALUES: dict[str, tuple[Callable[[object], bool], str]] = {
    "id": (_is_name_or_none, ONE_NAME),
    "time": (_is_name_or_none, ONE_NAME),
    "features": (_are_names_or_none, SEVERAL_NAMES),
    "attributes": (_are_names_or_none, SEVERAL_NAMES),
    "label": (_is_name_or_none, ONE_NAME),
    "categorical": (_are_names, SEVERAL_NAMES),
    "gaps": (_is_name, ONE_NAME),
    "window": (_is_window, "a number of rows"),
    "dates": (_is_name, ONE_NAME),
    "relations": (_are_names, "a list of sentences such as 'low <= high'"),
}


def guess_time(frame: pd.DataFrame, roles: Roles) -> str:
    """Return the name of the time column.

    It is the one that the roles name; or a date; or a number that is called like a time; or a
    number that grows in even steps within some column's groups.
    """
    if roles.time:
        return roles.time
    free = [column for column in frame if column not in roles.named]

    def rank(column: str) -> tuple[bool, int]:
        """Return what sorts first a column that is called like a time, then the most distinct."""
        return (not TIME_NAMES.search(column), -frame[column].nunique())

    dates = [column for column in free if is_time(frame[column])]
    if dates:
        return min(dates, key=rank)
    numeric = [column for column in free if _is_numeric(frame[column])]
    named = [column for column in numeric if TIME_NAMES.search(column)]
    if named:
        return min(named, key=rank)
    if roles.id:
        ids = [roles.id]
    else:
        ids = [column for column in free if _may_be_id(frame[column])]
    for column in numeric:
        if any(_grows_evenly(frame, key, column) for key in ids if key != column):
            return column
    raise DataError("no column looks like a time: name it in a roles file (time: COLUMN).")


def guess_id(frame: pd.DataFrame, time: str, roles: Roles) -> str:
    """Return the name of the id column.

    With the time it names (nearly) every row. Of several that do: the one with the fewest ties,
    then one that is called like an id, then one within whose values most other columns are
    constant, then the coarsest, then the first.
    """
    if roles.id:
        return roles.id
    taken = (time, *(roles.features or ()), *(roles.attributes or ()))
    candidates = []
    for position, column in enumerate(frame):
        values = frame[column]
        if column in taken or not _may_be_id(values):
            continue
        if is_time(values) or types.is_bool_dtype(values.dtype):
            continue
        tied_share = frame.duplicated([column, time]).mean()
        if tied_share <= MAX_TIED_SHARE:
            has_other_name = not ID_NAMES.search(column)
            n_constant = _count_constant(frame, column)
            rank = (round(tied_share, 2), has_other_name, -n_constant, values.nunique(), position)
            candidates.append((rank, column))
    if not candidates:
        raise DataError(
            f"no column names the series, so that with '{time}' it names a row: name it in a "
            "roles file (id: COLUMN); if the table is one series only, add a column that is the "
            "same in every row, and a window (window: 100)."
        )
    _, column = min(candidates)
    return column


def constant_within(frame: pd.DataFrame, is_first: np.ndarray) -> list[str]:
    """Return the columns of a table that are constant within each series.

    Parameters
    ----------
    frame
        The columns, sorted by series.
    is_first
        bool, shape (n_rows,): True for the first row of each series.
    """
    return [column for column in frame if not (_changes(frame[column]) & ~is_first).any()]


def _changes(column: pd.Series) -> np.ndarray:
    """Tell for each row whether it differs from the row before; missing equals missing."""
    codes = pd.factorize(column)[0]
    return np.append(False, codes[1:] != codes[:-1])


def _is_numeric(column: pd.Series) -> bool:
    dtype = column.dtype
    return types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)


def _may_be_id(column: pd.Series) -> bool:
    """Tell whether a column's values group rows: several, at most half as many as rows."""
    if types.is_float_dtype(column.dtype):
        return False
    return 2 <= column.nunique() <= len(column) / 2


def _count_constant(frame: pd.DataFrame, key: str) -> int:
    """Return how many columns are constant within each of the first values of a column."""
    first_values = frame[key].dropna().unique()[:N_COMPARED]
    some = frame[frame[key].isin(first_values)]
    n_distinct = some.groupby(key, observed=True).nunique(dropna=False)
    return int((n_distinct <= 1).all().sum())


def _grows_evenly(frame: pd.DataFrame, key: str, time: str) -> bool:
    """Tell whether a number grows within the groups of a column, mostly by the same step."""
    ordered = frame[[key, time]].dropna().sort_values([key, time])
    codes = pd.factorize(ordered[key])[0]
    is_same_group = codes[1:] == codes[:-1]
    steps = np.diff(ordered[time].to_numpy(np.float64))[is_same_group]
    if not len(steps):
        return False
    median = np.median(steps)
    return bool(median > 0 and (steps == median).mean() >= MIN_EVEN_SHARE)
