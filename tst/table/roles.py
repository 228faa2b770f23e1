"""Which column of a table is what, where a user says it: a mapping, a YAML file, or options.

What is not said is guessed: id and time by `tst.table.evidence`; an attribute is constant within
every series, the rest are features.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.io.untrusted import read_yaml
from tst.table.writing import ORDERS, Order

MAX_WINDOW = 2**31  # rows
NONE = "none"  # instead of a column, where no column is one of this name

Gaps = Literal["keep", "cut"]
ShapeKind = Literal["long", "wide", "long_measure"]


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Roles of columns; what is None or not named is guessed.

    Parameters
    ----------
    id
        Column or columns that name a series; `none`: the table is one series.
    time
        Column that, with the id, names a row, or several that hold parts of it: date and hour;
        `none`: the order of the rows.
    features, attributes
        Columns that change in time, and that do not.
    leave_out
        Columns that are not read.
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
    holidays
        Days that are unlike others, past and future ones, beside those that are found: 2024-12-25,
        or 12-25 for each year; `none`: none are looked for.
    window
        Rows; longer series are cut into parts of so many. 0 keeps them whole, but one series
        alone is cut into stretches whose length the data decide.
    shape
        long: a row a step, whatever it looks like; wide: a row a series, and a column a step;
        long_measure: a row a measurement, whose name and value stand in the columns `measure`
        and `value`.
    measure, value
        Of a table of one measurement a row; guessed where they are None.
    """

    id: str | Sequence[str] | None = None
    time: str | Sequence[str] | None = None
    features: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    leave_out: Sequence[str] = ()
    label: str | None = None
    categorical: Sequence[str] = ()
    gaps: Gaps = "keep"
    window: int = 0
    dates: Order = ""
    relations: Sequence[str] = ()
    holidays: Sequence[str] = ()
    shape: ShapeKind | None = None
    measure: str | None = None
    value: str | None = None

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
        known = cls.names()
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
        values: dict[str, Any] = {key: _as_text(key, value) for key, value in settings.items()}
        roles = cls(**values)
        if roles.gaps not in get_args(Gaps):
            raise DataError(f"{where}: gaps is '{roles.gaps}'; use keep or cut.")
        if roles.dates not in get_args(Order):
            raise DataError(f"{where}: dates is '{roles.dates}'; use {', '.join(ORDERS)}.")
        if roles.shape not in (None, *get_args(ShapeKind)):
            raise DataError(f"{where}: shape is '{roles.shape}'; use long, wide or long_measure.")
        return roles

    @classmethod
    def names(cls) -> list[str]:
        """Return what can be said."""
        return [field.name for field in fields(cls)]

    def but(self, options: Mapping[str, object]) -> "Roles":
        """Return these roles, with those of a mapping instead where it has some.

        Raises
        ------
        DataError
            As `read` does.
        """
        return self._from_settings(self.said() | dict(options), "the options")

    def said(self) -> dict[str, object]:
        """Return what is not left to be guessed, as `read` takes it."""
        settings: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                settings[field.name] = list(value) if isinstance(value, tuple) else value
        return settings

    def id_columns(self, columns: Sequence[str]) -> tuple[str, ...] | None:
        """Return the id among a table's columns, () where it is one series, None where unknown."""
        if self.id is None or (self.id == NONE and NONE not in columns):
            return None if self.id is None else ()
        return (self.id,) if isinstance(self.id, str) else tuple(self.id)

    @property
    def time_columns(self) -> tuple[str, ...]:
        """Columns that are named as the time, none, one or several."""
        if self.time is None:
            return ()
        return (self.time,) if isinstance(self.time, str) else tuple(self.time)

    def time_column(self, columns: Sequence[str]) -> str | None:
        """Return the time among a table's columns, "" for the order of rows, None: unknown.

        Of several columns, the first.
        """
        if not self.time_columns:
            return None
        time = self.time_columns[0]
        return "" if time == NONE and NONE not in columns else time

    def check(self, columns: Sequence[str]) -> None:
        """Raise DataError where a named column is not among the table's, or has two roles."""
        times = [self.time_column(columns), *self.time_columns[1:]]
        named = [*(self.id_columns(columns) or ()), *filter(None, times)]
        named += [*(self.features or ()), *(self.attributes or ()), *self.leave_out]
        others = [name for name in (self.label, self.measure, self.value) if name is not None]
        for column in [*named, *self.categorical, *others]:
            if column not in columns:
                raise DataError(
                    f"the roles name a column '{column}' that the table lacks; it has "
                    f"{_listed(columns)}."
                )
        for column in named:
            if named.count(column) > 1:
                raise DataError(f"column '{column}' has two roles; leave it in one.")


def _listed(columns: Sequence[str]) -> str:
    """Return names, the first of them where they are many."""
    text = ", ".join(columns)
    return text if len(text) <= 160 else f"{text[:160]}, ..."


def _as_text(key: str, value: object) -> object:
    """Return a role's value with names of columns as text: a table may have whole numbers."""
    if isinstance(value, list | tuple):
        return list(map(str, value))
    if key == "holidays":
        return [str(value)]
    return str(value) if type(value) is int and key != "window" else value


def _read_file(path: Path) -> object:
    if not path.is_file():
        raise DataError(
            f"no roles file at {path}: give a YAML with id, time, features, attributes."
        )
    return read_yaml(path)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) or type(value) is int


def _is_name_or_none(value: object) -> bool:
    return value is None or _is_name(value)


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_name, value))


def _are_names_or_none(value: object) -> bool:
    return value is None or _are_names(value)


def _is_name_or_names(value: object) -> bool:
    return _is_name_or_none(value) or (_are_names(value) and bool(value))


def _is_window(value: object) -> bool:
    return type(value) is int and 0 <= value < MAX_WINDOW  # a truth value is no number of rows


def _are_days(value: object) -> bool:
    return all(map(_is_day, value)) if isinstance(value, list | tuple) else _is_day(value)


def _is_day(value: object) -> bool:
    """Tell whether a value is a day, of one year or of each, as text or as YAML reads it."""
    if type(value) is date or value == NONE:
        return True
    if not isinstance(value, str) or not re.fullmatch(r"(\d{4}-)?\d{2}-\d{2}", value):
        return False
    try:
        date.fromisoformat(value if len(value) == 10 else f"2000-{value}")
    except ValueError:
        return False
    return True


ONE_NAME = "one name, in quotes if need be"
SEVERAL_NAMES = "a list of columns, in quotes if need be"

# of each role: what its value must be, and what to give instead
VALUES: dict[str, tuple[Callable[[object], bool], str]] = {
    "id": (_is_name_or_names, "one name or a list of them, in quotes if need be"),
    "time": (_is_name_or_names, "one name or a list of them, in quotes if need be"),
    "features": (_are_names_or_none, SEVERAL_NAMES),
    "attributes": (_are_names_or_none, SEVERAL_NAMES),
    "leave_out": (_are_names, SEVERAL_NAMES),
    "label": (_is_name_or_none, ONE_NAME),
    "categorical": (_are_names, SEVERAL_NAMES),
    "gaps": (_is_text, "keep or cut"),
    "window": (_is_window, "a number of rows"),
    "dates": (_is_name, ONE_NAME),
    "relations": (_are_names, "a list of sentences such as 'low <= high'"),
    "holidays": (_are_days, "days such as 2024-12-25, or 12-25 for each year, or none"),
    "shape": (_is_text_or_none, "long, wide or long_measure"),
    "measure": (_is_name_or_none, ONE_NAME),
    "value": (_is_name_or_none, ONE_NAME),
}


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
