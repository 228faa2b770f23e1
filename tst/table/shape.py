"""Tables of two other shapes, brought into a long one, a row a step, and back again.

Wide: a row is a series, and columns with numbers in their names are its steps. Long measure: a row
is one measurement, whose name stands in one column and whose value in another. Neither is taken
for granted: a table that looks like one is named as such, with the option that reads it so.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.calendar import is_time
from tst.table.columns import Category, Problem
from tst.table.date_names import months_among
from tst.table.dates import ALL_DIGITS, formats_of, regularity, shapes_of
from tst.table.evidence import is_called_id, is_called_time, words
from tst.table.roles import Roles
from tst.table.values import free_name, is_named, is_numeric

MIN_STEPS = 8  # numbered columns of a wide table
MAX_MEASURES = 100
SMOOTH = 0.7  # of the mean square between any two columns, that neighbours of a wide table have
NUMBERED = r"^(.*?)[ _.\-]?(\d{1,6})$"
MEASURE_WORDS = frozenset(
    "analyte channel concept feature indicator label lab magnitude magnitud mass measure "
    "measured measurement merkmal messgrosse metric metrica name parameter parametre parametro "
    "quantity signal tag test variable".split()
)
CODED_WORDS = frozenset(  # of columns whose whole numbers name measurements
    "analyte channel concept itemid measure metric parameter variable".split()
)
SPARSE = 0.5  # of the pairs of a time and a name that have a row: fewer, and names have own times
VALUE_WORDS = frozenset(
    "amount measurement messwert reading result val valeur valor value wert".split()
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a table of another shape became a long one.

    Parameters
    ----------
    kind
        wide or long_measure.
    columns
        Names of all columns of the table, in order.
    id, time
        Of the long table, where columns of the table do not have these roles.
    steps
        Of a wide table: for each measurement the columns of its steps, in order.
    measurements
        Names of the measurements in the long table.
    measure, value, dtypes
        Of one measurement a row: the two columns, and their dtypes.
    measures
        The values of `measure`, a measurement each.
    of_measure
        Columns that follow from the measure (as a unit), with a value a measurement.
    """

    kind: Literal["wide", "long_measure"]
    columns: tuple[str, ...]
    id: str = ""
    time: str = ""
    steps: tuple[tuple[str, ...], ...] = ()
    measurements: tuple[str, ...] = ()
    measure: str = ""
    value: str = ""
    dtypes: tuple[str, ...] = ()
    measures: tuple[Category, ...] = ()
    of_measure: tuple[tuple[str, tuple[Category | None, ...]], ...] = ()

    def roles(self, roles: Roles) -> Roles:
        """Return the roles of the long table."""
        features = roles.features
        if features is not None:
            known = [*self.columns, *self.measurements]
            features = [name for name in features if name in known and name != self.value] or None
        if self.kind == "wide":
            return replace(roles, id=self.id, time=self.time, features=None, categorical=())
        return replace(roles, features=features, measure=None, value=None)

    def to_long(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the table with a row a step."""
        frame = frame[list(self.columns)]  # without those left out
        if self.kind == "wide":
            return self._melted(frame)
        return self._pivoted(frame)

    def restored(self, long: pd.DataFrame) -> pd.DataFrame:
        """Return a long table in the shape of the table."""
        if self.kind == "wide":
            return self._wide(long)
        return self._one_a_row(long)

    def problem(self, n_rows: int) -> Problem:
        """Return what was decided, as a problem that the report shows."""
        if self.kind == "wide":
            text = f"wide: each row is a series of {len(self.steps[0])} steps; written back so"
            return Problem(self.steps[0][0], text, n_rows)
        text = f"a measurement a row, {len(self.measures)} of them: written back so"
        return Problem(self.measure, text, n_rows)

    @property
    def _of_series(self) -> list[str]:
        """Columns of a wide table that are no steps."""
        steps = {name for columns in self.steps for name in columns}
        return [name for name in self.columns if name not in steps]

    def _melted(self, frame: pd.DataFrame) -> pd.DataFrame:
        n_steps = len(self.steps[0])
        series = np.repeat(np.arange(len(frame)), n_steps)  # (n_series * n_steps,)
        long = frame[self._of_series].iloc[series].reset_index(drop=True)
        if self.id not in long:
            long[self.id] = series
        long[self.time] = np.tile(np.arange(n_steps), len(frame))
        is_known = np.zeros((len(frame), n_steps), dtype=bool)
        for name, columns in zip(self.measurements, self.steps, strict=True):
            values = frame[list(columns)]
            long[name] = values.to_numpy().ravel()
            is_known |= values.notna().to_numpy()
        # a series ends with its last known step
        follows = np.flip(np.maximum.accumulate(np.flip(is_known, axis=1), axis=1), axis=1)
        return long[follows.ravel()].reset_index(drop=True)

    def _wide(self, long: pd.DataFrame) -> pd.DataFrame:
        codes, _ = pd.factorize(long[self.id])
        n_series = int(codes.max()) + 1
        n_steps = len(self.steps[0])
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        steps = long[self.time].to_numpy(np.int64)
        is_inside = (steps >= 0) & (steps < n_steps)
        of_series = long.iloc[first].reset_index(drop=True)
        wide = {name: of_series[name] for name in self._of_series}
        for name, columns in zip(self.measurements, self.steps, strict=True):
            values = np.full((n_series, n_steps), np.nan)
            known = long[name].to_numpy(np.float64, na_value=np.nan)
            values[codes[is_inside], steps[is_inside]] = known[is_inside]
            is_whole = types.is_integer_dtype(long[name].dtype)
            for i, column in enumerate(columns):
                x = values[:, i]
                wide[column] = pd.Series(x)
                if is_whole and np.isfinite(x).all():
                    wide[column] = pd.Series(x.astype(np.int64))
        return pd.DataFrame({name: wide[name].array for name in self.columns})

    def _pivoted(self, frame: pd.DataFrame) -> pd.DataFrame:
        left_out = [self.measure, self.value, *(name for name, _ in self.of_measure)]
        keys = frame.drop(columns=left_out)
        group = keys.groupby(list(keys), dropna=False, sort=False, observed=True).ngroup()
        rows = group.to_numpy()
        column = pd.Index(self.measures, dtype=object).get_indexer(
            pd.Index(frame[self.measure]).astype(object)
        )
        first = np.unique(rows, return_index=True)[1]
        long = keys.iloc[first].reset_index(drop=True)
        values = np.full((len(first), len(self.measures)), np.nan)
        x = frame[self.value].to_numpy(np.float64, na_value=np.nan)
        # of several the first stays: written last
        is_known = np.flatnonzero(column >= 0)[::-1]
        values[rows[is_known], column[is_known]] = x[is_known]
        for i, name in enumerate(self.measurements):
            long[name] = values[:, i]
        return long

    def _one_a_row(self, long: pd.DataFrame) -> pd.DataFrame:
        values = long[list(self.measurements)].to_numpy(np.float64, na_value=np.nan)
        rows, measure = np.nonzero(np.isfinite(values))
        made: dict[str, object] = {}
        for name in self.columns:
            if name in long and name not in (self.measure, self.value):
                made[name] = long[name].iloc[rows].array
        measures = np.array([*self.measures, None], dtype=object)[:-1]
        made[self.measure] = pd.Series(measures[measure]).astype(self.dtypes[0]).array
        made[self.value] = pd.Series(values[rows, measure]).astype(self.dtypes[1]).array
        for name, of_each in self.of_measure:
            made[name] = np.array([*of_each, None], dtype=object)[:-1][measure]
        return pd.DataFrame({name: made[name] for name in self.columns})


def find_shape(frame: pd.DataFrame, roles: Roles) -> Shape | None:
    """Return how a table becomes a long one, None where it is.

    Raises
    ------
    DataError
        Where it looks like one of another shape, and the roles do not say which; or the roles say
        one which it has not.
    """
    frame = frame.drop(columns=[name for name in roles.leave_out if name in frame])
    if roles.shape == "long":
        return None
    if roles.shape == "wide":
        return _wide_shape(frame, roles)
    if roles.shape == "long_measure":
        return _measure_shape(frame, roles)
    if roles.id is None or roles.time is None:
        _check_not_wide(frame)
        _check_not_measures(frame, roles)
    return None


def _numbered_columns(frame: pd.DataFrame) -> dict[str, dict[int, str]]:
    """Return numeric columns whose names are a stem and a number: {stem: {number: name}}."""
    stems: dict[str, dict[int, str]] = {}
    for name in frame:
        match = re.match(NUMBERED, name)
        if match and is_numeric(frame[name]):
            stems.setdefault(match[1], {})[int(match[2])] = name
    return {stem: numbers for stem, numbers in stems.items() if len(numbers) >= MIN_STEPS}


def _dated_columns(frame: pd.DataFrame) -> dict[str, dict[int, str]]:
    """Return numeric columns whose names are dates, or months, as steps of one measurement."""
    numeric = [name for name in frame if types.is_numeric_dtype(frame[name].dtype)]
    months = months_among(numeric)
    if len(months) >= MIN_STEPS and _are_side_by_side(frame, months.values()):
        return {"": _in_order(frame, months)}
    numbered = [name for name in numeric if re.search(r"\d", name)]
    alone = [name for name in numbered if formats_of(shapes_of([name]))]
    for names in (numbered, alone):
        if len(names) >= MIN_STEPS and _are_side_by_side(frame, names):
            dates = _dates_of(names)
            if dates:
                return {"": dates}
    return {}


def _are_side_by_side(frame: pd.DataFrame, names: Collection[str]) -> bool:
    """Tell whether no other column stands between columns: it might be a step, too."""
    places = frame.columns.get_indexer(list(names))
    return int(np.ptp(places)) == len(names) - 1


def _in_order(frame: pd.DataFrame, months: dict[int, str]) -> dict[int, str]:
    """Return months in the order of the table where that is a year's, from whichever month on."""
    named = {name: place for place, name in months.items()}
    placed = [(named[name], name) for name in frame if name in named]
    steps = np.diff([place for place, _ in placed]) % 12
    if (steps == 1).all():
        return {i: name for i, (_, name) in enumerate(placed)}
    return months


def _dates_of(names: list[str]) -> dict[int, str]:
    """Return names that are dates, all in one way, by their nanoseconds; none where they are not.

    Where day and month could be either of two numbers, the more regular dates are meant.
    """
    text = pd.Series(names, dtype=object)
    found: list[pd.Series] = []
    for one in formats_of(shapes_of(names)):
        dates = one.read(text)
        if one.pattern not in ("%Y", *ALL_DIGITS) and dates.notna().all() and dates.is_unique:
            found.append(dates)
    if not found:
        return {}
    best = max(found, key=regularity).to_numpy("datetime64[ns]").astype(np.int64)
    return dict(zip(best.tolist(), names, strict=True))


def _step_columns(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return the columns of the steps of each measurement, in order, all with the same steps."""
    dated = _dated_columns(frame)
    stems = _numbered_columns(frame)
    if sum(map(len, dated.values())) >= sum(map(len, stems.values())):
        stems = dated
    if not stems:
        return {}
    largest = max(stems.values(), key=len)
    alike = {stem: numbers for stem, numbers in stems.items() if numbers.keys() == largest.keys()}
    return {stem: [numbers[i] for i in sorted(numbers)] for stem, numbers in alike.items()}


def _wide_shape(frame: pd.DataFrame, roles: Roles) -> Shape:
    """Return a wide table as one."""
    steps = _step_columns(frame)
    if not steps:
        raise DataError(
            "the roles say that the table is wide, but no columns are called like steps: name them "
            f"with numbers, dates or months, at least {MIN_STEPS} (x_0, x_1, ...), or give a row a "
            "step."
        )
    columns = list(frame)
    in_steps = {name for names in steps.values() for name in names}
    others = [name for name in columns if name not in in_steps]
    unique = [name for name in others if frame[name].is_unique and frame[name].notna().all()]
    named = roles.id_columns(columns)
    if named and (len(named) > 1 or named[0] not in unique):
        raise DataError(
            f"the id '{named[0]}' does not name each row of the wide table: name one that does, "
            "or none."
        )
    unique.sort(key=lambda name: -is_called_id(name))
    key = named[0] if named else next(iter(unique), free_name("series", columns))
    measurements: list[str] = []
    for stem in steps:
        measurements.append(free_name(stem.strip(" _.-") or "value", [*columns, *measurements]))
    return Shape(
        kind="wide",
        columns=tuple(columns),
        id=key,
        time=free_name("step", [*columns, *measurements]),
        steps=tuple(map(tuple, steps.values())),
        measurements=tuple(measurements),
    )


def _check_not_wide(frame: pd.DataFrame) -> None:
    """Raise DataError where a table looks wide: numbered columns, and nothing that repeats."""
    steps = _step_columns(frame)
    if not steps:
        return
    names = next(iter(steps.values()))
    in_steps = {name for columns in steps.values() for name in columns}
    others = [name for name in frame if name not in in_steps]
    if len(in_steps) < len(others) or any(map(_is_long, (frame[name] for name in others))):
        return
    is_named = any(frame[name].is_unique and not _is_float(frame[name]) for name in others)
    if is_named or _is_smooth(frame[names].to_numpy(np.float64, na_value=np.nan)):
        raise DataError(
            f"the table is wide, a row a series and a column a step ('{names[0]}' to "
            f"'{names[-1]}'): say so (--shape wide, in roles shape: wide), or that a row is a step "
            "(long)."
        )


def _is_float(column: pd.Series) -> bool:
    return bool(types.is_float_dtype(column.dtype))


def _is_long(column: pd.Series) -> bool:
    """Tell whether a column speaks for a row a step: a time."""
    if is_time(column):
        return True
    return is_numeric(column) and is_called_time(str(column.name)) and column.nunique() > 2


def _is_smooth(x: np.ndarray) -> bool:
    """Tell whether neighbouring columns are nearer each other than any two; x: (n_rows, n)."""
    steps = np.diff(x, axis=1)
    others = x[:, np.random.default_rng(0).permutation(x.shape[1])]
    apart = x - others
    known = np.isfinite(apart) & (apart != 0)
    if not known.any():
        return False
    return bool(np.nanmean(steps**2) < SMOOTH * np.mean(apart[known] ** 2))


def _is_name_of_measures(column: pd.Series) -> bool:
    """Tell whether a column of text, or of codes that are called so, may name measurements."""
    is_coded = types.is_integer_dtype(column.dtype) and CODED_WORDS & set(words(str(column.name)))
    if not is_named(column) and not is_coded:
        return False
    return 2 <= column.nunique() <= min(MAX_MEASURES, len(column) / 4)


def _measure_and_value(frame: pd.DataFrame, roles: Roles) -> tuple[str, str]:
    """Return the columns that name a measurement and hold its value, "" where none looks so."""
    named = (roles.id_columns(list(frame)) or (), roles.time)
    free = [name for name in frame if name not in (*named[0], named[1])]
    texts = [name for name in free if _is_name_of_measures(frame[name])]
    numbers = [
        name
        for name in free
        if is_numeric(frame[name]) and not is_called_time(name) and not is_called_id(name)
    ]
    texts.sort(key=lambda name: not set(words(name)) & (MEASURE_WORDS | CODED_WORDS))
    numbers.sort(key=lambda name: (not set(words(name)) & VALUE_WORDS, not _is_float(frame[name])))
    measure = roles.measure or next(iter(texts), "")
    return measure, roles.value or next(iter(numbers), "")


def _measure_shape(frame: pd.DataFrame, roles: Roles) -> Shape:
    """Return a table of one measurement a row as one."""
    measure, value = _measure_and_value(frame, roles)
    for name in (measure, value):
        if name and name not in frame:
            raise DataError(f"the roles name a column '{name}' that the table lacks.")
    if not measure or not value or not types.is_numeric_dtype(frame[value].dtype):
        raise DataError(
            "the roles say a measurement a row, but it is not clear which column names it and "
            "which holds its value, a number: name them (measure: COLUMN, value: COLUMN)."
        )
    columns = list(frame)
    known = frame[measure].dropna()
    measures = tuple(pd.unique(known.astype(object)).tolist())
    if len(measures) > MAX_MEASURES:
        raise DataError(
            f"column '{measure}' has {len(measures):,} different values, more than the "
            f"{MAX_MEASURES} measurements that a table may have: name another as measure."
        )
    # sorted: the order of rows is nothing
    measures = tuple(sorted(measures, key=str))
    of_measure = _following(frame, measure, value, measures, roles)
    taken = [name for name in columns if name not in (measure, value)]
    measurements: list[str] = []
    for one in measures:
        measurements.append(free_name(str(one), [*taken, *measurements]))
    return Shape(
        kind="long_measure",
        columns=tuple(columns),
        measurements=tuple(measurements),
        measure=measure,
        value=value,
        dtypes=(str(frame[measure].dtype), str(frame[value].dtype)),
        measures=measures,
        of_measure=of_measure,
    )


def _following(
    frame: pd.DataFrame, measure: str, value: str, measures: tuple[Category, ...], roles: Roles
) -> tuple[tuple[str, tuple[Category | None, ...]], ...]:
    """Return the columns that are the same for all rows of a measurement, with their values."""
    following = []
    groups = frame.groupby(measure, observed=True)
    for name in frame:
        if name in (measure, value, roles.id, roles.time) or frame[name].nunique() < 2:
            continue
        if (groups[name].nunique(dropna=False) <= 1).all():
            first = groups[name].first()
            values = [first.get(one) for one in measures]
            plain = [
                None if pd.isna(one) else getattr(one, "item", lambda v=one: v)() for one in values
            ]
            following.append((name, tuple(plain)))
    return tuple(following)


def _is_own_time(frame: pd.DataFrame, keys: list[str], measure: str) -> bool:
    """Tell whether what may name measurements is a time, or names series that have own times."""
    texts = pd.Series(frame[measure].dropna().astype(str).unique())
    if is_called_time(measure) and texts.str.contains(r"\d").all():
        return True
    if not all(is_called_time(name) or is_time(frame[name]) for name in keys):
        return False
    n_pairs = len(frame[keys].drop_duplicates()) * len(texts)
    return len(frame) < SPARSE * n_pairs


def _check_not_measures(frame: pd.DataFrame, roles: Roles) -> None:
    """Raise DataError where a table looks like one measurement a row."""
    measure, value = _measure_and_value(frame, roles)
    if not measure or not value or not set(words(measure)) & (MEASURE_WORDS | CODED_WORDS):
        return
    measures = tuple(pd.unique(frame[measure].dropna().astype(object)).tolist())
    following = [name for name, _ in _following(frame, measure, value, measures, roles)]
    keys = [name for name in frame if name not in (measure, value, *following)]
    if not keys or not frame.duplicated(keys).mean() > 0.2:
        return
    if frame.duplicated([*keys, measure]).mean() > 0.02 or _is_own_time(frame, keys, measure):
        return
    shown = ", ".join(map(str, frame[measure].dropna().unique()[:3]))
    raise DataError(
        f"several rows differ only in '{measure}' ({shown[:60]}) and '{value}', one measurement "
        "each: say so (--shape long_measure, in roles shape: long_measure), or that each is a "
        "series (long)."
    )
