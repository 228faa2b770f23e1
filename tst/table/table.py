"""A user's long table (CSV, CSV.gz, Parquet or DataFrame) as a SeriesSet, and a synthetic SeriesSet as such a table.

`Table.fit` settles the columns' roles and codes and lists all it did about problems; `to_frame` writes synthetic series in
the same columns, order and dtypes, with new ids and regular times. The order of the rows does not matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from tst.io.untrusted import from_mapping
from tst.series import DataError, Feature, SeriesSet
from tst.table import columns, roles
from tst.table.calendar import Clock, is_time
from tst.table.columns import MISSING, ColumnCodec
from tst.table.roles import Roles
from tst.table.rows import Rows
from tst.table.source import read

RESERVED = ("all",)  # names of features that the measures of fidelity keep for themselves
MARK = " missing"  # ends the name of a companion feature
PARTS = ("features", "attributes", "constants")
PART = "series"  # attribute that names the series which parts were cut from


@dataclass(frozen=True)
class Table:
    """What a table's columns are and how they are coded.

    Parameters
    ----------
    order
        All columns of the table that synthetic ones have, in order.
    id
        The id's `Column`; `next_id` is the first new number, where ids are numbers.
    clock
        The time.
    features, attributes
        `Column`s that change in time, and that do not.
    constants
        Columns with one value in all rows (as levels), which are written back as they are.
    problems
        (column, what was found and done, rows): the list that the report shows.
    """

    order: tuple
    id: ColumnCodec
    next_id: int
    clock: Clock
    features: tuple
    attributes: tuple
    constants: tuple
    label: str | None
    problems: tuple

    @classmethod
    def fit(
        cls,
        source: pd.DataFrame | Path | str,
        settings: Roles | Mapping[str, object] | Path | str | None = None,
        name: str = "own",
    ) -> tuple["Table", SeriesSet]:
        """Return (Table, SeriesSet) of a table; `settings` are `Roles`, a mapping or a YAML file."""
        frame, chosen = (
            read(source),
            settings if isinstance(settings, Roles) else Roles.read(settings),
        )
        chosen.check(list(frame))
        time = roles.guess_time(frame, chosen)
        key = roles.guess_id(frame, time, chosen)
        rows = Rows(frame, key, time, chosen)
        made = _settle(rows)
        made._ids(len(rows.first))  # refuses now what cannot be written later
        return made, made.to_series(rows, name)

    def to_series(self, rows: Rows, name: str) -> SeriesSet:
        """Return the SeriesSet of sorted rows."""
        values, features = [], []
        for column, label in zip(self.features, self._feature_names(), strict=True):
            x = column.encode(rows.frame[column.name])
            if column.missing:
                values.append(~np.isfinite(x))
                features.append(Feature(self._free(label + MARK), "categorical"))
            values.append(columns.filled(x, rows.starts))
            features.append(
                Feature(label, "categorical" if column.kind == "category" else "continuous")
            )
        first = rows.frame.iloc[rows.first]
        attributes = pd.DataFrame(
            {c.name: _learned(c, first[c.name]) for c in self.attributes if c.kind != "name"}
        )
        attributes.index = range(len(rows.first))
        group = self._free(PART) if rows.is_cut and not rows.is_few else None
        if group:
            attributes[group] = first[self.id.name].astype(str).to_numpy()
        facts = {
            "label": self.label,
            "group": group,
            "origin": "original",
            "interval": self.clock.interval,
        }
        stacked = np.stack(values, axis=1).astype(np.float32)
        return SeriesSet(name, stacked, rows.lengths, features, attributes, **facts)

    def to_frame(self, series: SeriesSet, seed: int = 0) -> pd.DataFrame:
        """Return the synthetic table of a SeriesSet: same columns, order and dtypes, new ids, regular times."""
        rng = np.random.default_rng([seed, len(series)])
        at, made, place = series.series_index, {}, 0
        made[self.id.name] = self._ids(len(series)).iloc[at]
        made[self.clock.name] = self.clock.times(series.lengths, rng)
        for column in self.features:
            missing = series.values[:, place] > 0 if column.missing else None
            place += column.missing
            made[column.name] = column.decode(series.values[:, place], missing)
            place += 1
        for column in self.attributes:
            made[column.name] = self._attribute(column, series, rng).iloc[at]
        for column in self.constants:
            made[column.name] = column.decode(
                np.zeros(len(at)), np.full(len(at), not column.levels)
            )
        return pd.DataFrame({c: made[c].array for c in self.order})

    def roles(self) -> pd.DataFrame:
        """Return a frame that shows each column's role and how it is learned."""
        named = {c.name: ("feature", c) for c in self.features} | {
            c.name: ("attribute", c) for c in self.attributes
        }
        named |= {c.name: ("constant", c) for c in self.constants}
        rows = [
            (self.id.name, "id", self.id.dtype, "new ones"),
            (self.clock.name, "time", self.clock.dtype, "regular"),
        ]
        rows += [
            (c, named[c][0], named[c][1].dtype, _how(*named[c])) for c in self.order if c in named
        ]
        return pd.DataFrame(rows, columns=["column", "role", "dtype", "learned as"])

    def problem_list(self) -> pd.DataFrame:
        """Return the problems as a frame."""
        return pd.DataFrame(self.problems, columns=["column", "found, and what is done", "rows"])

    def given(self, name: str, value: object) -> str:
        """Return the category of the model that a value of an attribute belongs to; raises DataError for an unknown one."""
        known = {c.name: c for c in self.attributes if c.kind != "name"}
        if name not in known:
            raise DataError(
                f"'{name}' is no attribute that can be given; these can: {', '.join(known) or 'none'}."
            )
        column = known[name]
        found = _learned(column, pd.Series([value], name=name), guess=True).astype(object)[0]
        if pd.isna(found):
            listed = (
                ", ".join(map(str, column.levels))
                or f"numbers from {column.edges[0]:g} to {column.edges[-1]:g}"
            )
            raise DataError(f"attribute '{name}' is '{value}'; the table has {listed}.")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold; `from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "Table":
        """Return the table that JSON held."""
        made = {
            k: tuple(map(ColumnCodec.from_dict, mapping[k]))
            for k in ("features", "attributes", "constants")
        }
        made |= {
            "id": ColumnCodec.from_dict(mapping["id"]),
            "clock": from_mapping(Clock, mapping["clock"]),
        }
        found = from_mapping(
            cls, mapping | made | {"problems": tuple(map(tuple, mapping["problems"]))}
        )
        names = [
            found.id.name,
            found.clock.name,
            *(c.name for k in PARTS for c in getattr(found, k)),
        ]
        if sorted(found.order) != sorted(names) or len(set(names)) < len(names):
            raise ValueError("the columns of the table and their order do not fit each other")
        return found

    def fits(self, features: Sequence[int], categories: Mapping[str, Iterable[str]]) -> bool:
        """Tell whether a model's features, (levels or 0) each, and {attribute: categories} are those of the table."""
        known = [
            n
            for c in self.features
            for n in [2] * c.missing + [len(c.levels) * (c.kind == "category")]
        ]
        listed = {c.name: set(_labels(c)) for c in self.attributes if c.kind != "name"}
        return (
            len(known) == len(features)
            and all(n <= k if k else not n for n, k in zip(features, known, strict=True))
            and listed.keys() == categories.keys()
            and all(set(v) <= listed[k] for k, v in categories.items())
        )

    def _feature_names(self) -> list[str]:
        """Return the features' names in a SeriesSet: the columns', but for reserved ones."""
        return [self._free(f"{c.name}_") if c.name in RESERVED else c.name for c in self.features]

    def _free(self, name: str) -> str:
        """Return a name that no column has."""
        while name in self.order:
            name += "_"
        return name

    def _ids(self, n: int) -> pd.Series:
        dtype = types.pandas_dtype(self.id.dtype)
        if columns.is_number(pd.Series([], dtype=dtype)):
            self._check_room_for_ids(n)
            return pd.Series(np.arange(self.next_id, self.next_id + n), name=self.id.name).astype(
                dtype
            )
        names = pd.Series(
            [f"synthetic-{i:0{len(str(n))}d}" for i in range(1, n + 1)], name=self.id.name
        )
        return (
            names.astype("category")
            if isinstance(dtype, pd.CategoricalDtype)
            else names.astype(dtype)
        )

    def _check_room_for_ids(self, n: int) -> None:
        """Raise DataError where the id's dtype cannot count on for n series."""
        dtype = types.pandas_dtype(self.id.dtype)
        dtype = getattr(dtype, "numpy_dtype", dtype)
        if dtype.kind in "iu" and self.next_id + n > np.iinfo(dtype).max:
            raise DataError(
                f"column '{self.id.name}' ends at {self.next_id - 1}, so that {dtype} has no room for {n:,} new ids: "
                "give smaller numbers, or text."
            )

    def _attribute(
        self, column: ColumnCodec, series: SeriesSet, rng: np.random.Generator
    ) -> pd.Series:
        if column.kind == "name":
            return _new_names(column, len(series))
        found = series.attributes[column.name].astype(str)
        missing = (found == MISSING).to_numpy()
        if column.kind == "category":
            place = pd.Index(list(map(str, column.levels))).get_indexer(found)
            return column.decode(np.maximum(place, 0), missing)
        place = found.where(~missing, "0").str.split(":").str[0].astype(int).to_numpy()
        return column.decode(column.within(place, rng), missing)


def _settle(rows: Rows) -> Table:
    """Return the `Table` of sorted rows: constants, attributes, features."""
    chosen, frame, problems = rows.chosen, rows.frame, rows.problems
    rest = _listed(rows)
    constants = [c for c in rest if frame[c].nunique(dropna=False) == 1]
    problems += [
        (c, "the same in every row: written back, not learned", len(frame)) for c in constants
    ]
    still, moving = _divided(rows, [c for c in rest if c not in constants], constants)
    made = {
        "features": tuple(_feature(rows, c) for c in moving),
        "attributes": tuple(_attribute(rows, c) for c in still),
    }
    made |= {"constants": tuple(ColumnCodec.fit(frame[c], categorical=True) for c in constants)}
    starts = rows.times[rows.first].astype(float)
    clock = Clock(
        **rows.clock_facts,
        step=rows.step,
        months=rows.months,
        first=starts.min(),
        last=starts.max(),
    )
    key = ColumnCodec(rows.key, str(frame[rows.key].dtype), "name")
    next_id = int(frame[rows.key].max()) + 1 if columns.is_number(frame[rows.key]) else 1
    order = tuple(c for c in frame if c in (rows.key, rows.time, *rest))
    if chosen.label and chosen.label not in still:
        raise DataError(
            f"label '{chosen.label}' is no attribute: it must be the same in all rows of a series."
        )
    return Table(order, key, next_id, clock, **made, label=chosen.label, problems=tuple(problems))


def _listed(rows: Rows) -> list[str]:
    """Return the columns beside id and time that the roles keep."""
    rest = [c for c in rows.frame if c not in (rows.key, rows.time)]
    if rows.chosen.features is None and rows.chosen.attributes is None:
        return rest
    named = [*(rows.chosen.features or []), *(rows.chosen.attributes or [])]
    rows.problems.extend(
        (c, "left out by the roles file", len(rows.frame)) for c in rest if c not in named
    )
    return [c for c in rest if c in named]


def _divided(rows: Rows, free: list[str], constants: list[str]) -> tuple[list[str], list[str]]:
    """Return (attributes, features) of columns that vary."""
    lengths = np.diff(np.append(rows.first_of_id, len(rows.frame)))
    still = roles.constant_within(rows.frame[free], np.repeat(rows.first_of_id, lengths))
    still = [c for c in still if c not in (rows.chosen.features or [])]
    for column in rows.chosen.attributes or []:
        if column not in still + constants:
            raise DataError(
                f"attribute '{column}' changes within a series: list it under features."
            )
    moving = [c for c in free if c not in still]
    if not moving:
        raise DataError(
            f"no column changes within the series of '{rows.key}': there is nothing to learn."
        )
    return still, moving


def _feature(rows: Rows, name: str) -> ColumnCodec:
    column = rows.frame[name]
    if is_time(column) and not types.is_datetime64_any_dtype(column.dtype):
        raise DataError(
            f"feature '{name}' holds dates as text; leave it out by a roles file, or give seconds."
        )
    if not columns.is_number(column):
        columns.check_text(column)
    binary = types.is_integer_dtype(column.dtype) and column.nunique() <= 2
    made = ColumnCodec.fit(column, categorical=name in rows.chosen.categorical or binary)
    if made.kind == "category" and len(made.levels) > columns.N_LEVELS:
        raise DataError(
            f"column '{name}' has {len(made.levels):,} different values, too many for a category: "
            "leave it out by a roles file (features: [...])."
        )
    if made.missing:
        rows.problems.append((name, made.told(), int(np.isnan(made.encode(column)).sum())))
    if name in RESERVED:
        rows.problems.append(
            (name, f"a name that the report keeps for itself: '{name}_' there", len(column))
        )
    return made


def _attribute(rows: Rows, name: str) -> ColumnCodec:
    column = rows.frame[name].iloc[rows.first_of_id]
    if not columns.is_number(column):
        columns.check_text(column)
    made, n = ColumnCodec.fit(column, attribute=True), len(column)
    if made.kind == "category" and len(made.levels) > max(
        columns.FEW, min(columns.N_LEVELS, n / 2)
    ):
        rows.problems.append(
            (name, "a name of its own for nearly every series: not learned, new names", n)
        )
        return made.as_name()
    return made


def _learned(
    column: ColumnCodec, values: pd.Series, guess: bool = False
) -> pd.Series | pd.Categorical:
    """Return an attribute as the model learns it: categories as text, ranges as number:least value."""
    labels = _labels(column)
    levels = labels[: len(labels) - column.missing]
    if column.kind == "category":
        found = values.astype(object).map(lambda v: MISSING if pd.isna(v) else str(v))
    else:
        x, _ = columns.numbers(values)
        inside = (x >= column.edges[0]) & (x <= column.edges[-1]) | (not guess)
        place = np.where(inside, column.ranges(x), len(levels))
        found = pd.Series(
            np.array([*levels, None, MISSING], dtype=object)[place], index=values.index
        )
    found = pd.Categorical(found.where(found.isin(labels), None), labels)
    return pd.Series(found).reset_index(drop=True) if guess else found


def _labels(column: ColumnCodec) -> list[str]:
    """Return the categories of an attribute as a model learns it."""
    made = list(map(str, column.levels))
    if column.kind != "category":
        made = [
            f"{i}: from {e:.6g}"
            for i, e in enumerate(column.edges[: max(1, len(column.edges) - 1)])
        ]
    return made + [MISSING] * column.missing


def _new_names(column: ColumnCodec, n: int) -> pd.Series:
    made = pd.Series([f"{column.name}-{i}" for i in range(1, n + 1)], name=column.name)
    return made.astype("category") if column.dtype == "category" else made.astype(column.dtype)


def _how(role: str, column: ColumnCodec) -> str:
    if role == "constant":
        return "written back"
    if column.kind == "name":
        return "not learned: new names"
    if column.kind == "category":
        return f"{len(column.levels)} levels"
    if column.edges:
        return f"{max(1, len(column.edges) - 1)} ranges"
    return (
        "whole numbers" if column.kind == "whole" else "numbers"
    ) + " with gaps" * column.missing
