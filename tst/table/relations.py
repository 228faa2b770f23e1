"""What holds in every row of a table, kept by construction in every row of a copy.

A relation changes columns before they are learned (`apply`) and restores them in what was generated
(`restore`): of `low <= high`, the model sees low and how far high is above it. What follows from
other columns is not learned at all. `tst.table.discovery` finds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from tst.table.values import to_numbers, with_zone_of
from tst.table.writing import TextDates

Value = str | bool | int | float | None


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the rows of a table stand.

    Parameters
    ----------
    times
        int64 nanoseconds or float64 numbers, (n_rows,).
    is_first
        bool (n_rows,), True for the first row of each series.
    rng
        Draws what is not decided.
    """

    times: np.ndarray
    is_first: np.ndarray
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def series(self) -> np.ndarray:
        """Return the number of each row's series, (n_rows,)."""
        return np.cumsum(self.is_first) - 1

    @property
    def start(self) -> np.ndarray:
        """Return the first time of each row's series, (n_rows,)."""
        return self.times[np.flatnonzero(self.is_first)][self.series]

    @property
    def end(self) -> np.ndarray:
        """Return the last time of each row's series, (n_rows,)."""
        return self.times[self.last][self.series]

    @property
    def last(self) -> np.ndarray:
        """Return the last row of each series, int64 (n_series,)."""
        return np.append(np.flatnonzero(self.is_first)[1:], len(self.is_first)) - 1


@dataclass(frozen=True, kw_only=True)
class Number:
    """How a number that is computed is written: its dtype, and digits behind the point (or all)."""

    dtype: str
    decimals: int | None = None

    def column(self, x: np.ndarray) -> pd.Series:
        """Return numbers, float64 (n_rows,), NaN where missing, as a column of this dtype."""
        dtype = types.pandas_dtype(self.dtype)
        if self.decimals is not None:
            x = np.round(x, self.decimals)
        if isinstance(dtype, np.dtype) and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            return pd.Series(np.clip(np.round(x), limits.min, limits.max)).astype(dtype)
        if types.is_integer_dtype(dtype):
            return pd.Series(np.round(x)).astype("Float64").astype(dtype)
        return pd.Series(x).astype(dtype)


def numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column's numbers, float64 (n_rows,), NaN where missing."""
    return to_numbers(frame[name])[0]


def replaced(frame: pd.DataFrame, name: str, column: pd.Series) -> pd.DataFrame:
    """Return a frame with another column of a name, at its place."""
    return frame.assign(**{name: column.array})


class InEveryRow:
    """What holds in every row of a table."""

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows in which it does not hold, bool (n_rows,)."""
        raise NotImplementedError

    def holds(self, frame: pd.DataFrame, places: Places) -> bool:
        """Tell whether it holds in every row."""
        return not self.broken(frame, places).any()


@dataclass(frozen=True, kw_only=True)
class DateText(InEveryRow):
    """A column of dates that are text, beside the time: learned as dates."""

    kind: Literal["date text"] = "date text"
    column: str
    writing: TextDates

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} is a date"

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose text is no date that comes back as it is."""
        column = frame[self.column]
        known = column.dropna().drop_duplicates()
        is_kept = self.writing.write(self.writing.read(known)).array == known.array
        return column.isin(known[~np.asarray(is_kept, dtype=bool)]).to_numpy(bool)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with dates."""
        dates = pd.Series(self.writing.read(frame[self.column]).astype("datetime64[ns]"))
        return replaced(frame, self.column, dates)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with text."""
        dates = frame[self.column]
        nanoseconds = dates.fillna(pd.Timestamp(0)).to_numpy("datetime64[ns]").astype(np.int64)
        text = self.writing.write(nanoseconds).where(dates.notna().to_numpy(), None)
        return replaced(frame, self.column, text.astype(self.writing.dtype))


@dataclass(frozen=True, kw_only=True)
class FromTime(InEveryRow):
    """A date that is constant in its series: learned as its distance to the series' start or end.

    Parameters
    ----------
    dtype
        Of the dates.
    unit
        Nanoseconds of one, of which all distances are whole numbers.
    """

    kind: Literal["from time"] = "from time"
    column: str
    dtype: str
    end: bool
    unit: int

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} keeps its distance to the {'last' if self.end else 'first'} time"

    def _reference(self, places: Places) -> np.ndarray:
        times = places.end if self.end else places.start
        return times // self.unit * self.unit

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose distance is no whole number of the unit."""
        x = numbers(frame, self.column) * 1e9
        known = np.isfinite(x)
        return known & (np.where(known, x, 0).astype(np.int64) % self.unit != 0)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with distances, whole numbers or missing."""
        x = numbers(frame, self.column)
        known = np.isfinite(x)
        nanoseconds = np.where(known, np.round(np.where(known, x, 0) * 1e3), 0).astype(np.int64)
        distance = (nanoseconds * 10**6 - self._reference(places)) // self.unit
        column = pd.Series(distance)
        if not known.all():
            column = column.astype("float64").where(known)
        return replaced(frame, self.column, column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with dates."""
        x = numbers(frame, self.column)
        known = np.isfinite(x)
        distance = np.round(np.where(known, x, 0)).astype(np.int64)
        dates = pd.Series(
            (self._reference(places) + distance * self.unit).astype("datetime64[ns]")
        ).where(known)
        return replaced(frame, self.column, with_zone_of(dates, types.pandas_dtype(self.dtype)))


@dataclass(frozen=True, kw_only=True)
class Copy(InEveryRow):
    """A column that repeats another, cell by cell."""

    kind: Literal["copy"] = "copy"
    column: str
    of: str
    dtype: str

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} = {self.of}"

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose cells differ; missing equals missing."""
        column = frame[self.column]
        other = frame[self.of]
        same = (column.astype(object) == other.astype(object)).fillna(False).to_numpy(bool)
        return ~same & ~(column.isna() & other.isna()).to_numpy()

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without the column."""
        return frame.drop(columns=self.column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, frame[self.of].astype(self.dtype))


@dataclass(frozen=True, kw_only=True)
class Formula(InEveryRow):
    """A number that follows from others: a multiple, a sum, a product or a quotient.

    Parameters
    ----------
    plus, minus
        Columns of a sum.
    times, over
        Columns of a product, and of what it is divided by.
    factor, offset
        Of a column (`plus`) that is measured in another unit.
    number
        How it is written.
    """

    kind: Literal["formula"] = "formula"
    column: str
    number: Number
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    factor: float = 1.0
    offset: float = 0.0

    @property
    def text(self) -> str:
        """Say what holds."""
        if self.times:
            right = " * ".join(self.times)
            right = " / ".join([right, *self.over])
        else:
            right = " + ".join(self.plus)
            right = " - ".join([right, *self.minus])
        if self.factor != 1:
            right = f"{self.factor:g} * {right}"
        if self.offset:
            right += f" {'+' if self.offset > 0 else '-'} {abs(self.offset):g}"
        return f"{self.column} = {right}"

    @property
    def dtype(self) -> str:
        """The column's dtype, as pandas spells it."""
        return self.number.dtype

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns that it follows from."""
        return (*self.plus, *self.minus, *self.times, *self.over)

    def value(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the numbers, float64 (n_rows,)."""
        if self.times:
            x = np.ones(len(frame))
            for name in self.times:
                x = x * numbers(frame, name)
            for name in self.over:
                divisor = numbers(frame, name)
                x = np.divide(x, divisor, out=np.full(len(x), np.nan), where=divisor != 0)
        else:
            x = np.zeros(len(frame))
            for name in self.plus:
                x = x + numbers(frame, name)
            for name in self.minus:
                x = x - numbers(frame, name)
        return self.factor * x + self.offset

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose number does not come out to the last digit, missing ones too."""
        real = numbers(frame, self.column)
        x = self.value(frame)
        rtol = 1e-6
        atol = 0.0
        if self.number.decimals is not None:
            x = np.round(x, self.number.decimals)
            rtol = 0.0
            atol = 1e-9
        is_known = np.isfinite(real) & np.isfinite(x)
        is_missing = ~np.isfinite(real) & ~np.isfinite(x)
        return ~is_missing & ~(is_known & np.isclose(x, real, rtol=rtol, atol=atol))

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without the column."""
        return frame.drop(columns=self.column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, self.number.column(self.value(frame)))


@dataclass(frozen=True, kw_only=True)
class Lookup(InEveryRow):
    """A category that another one decides.

    Parameters
    ----------
    keys, values
        Of the other column, and of this one.
    """

    kind: Literal["lookup"] = "lookup"
    column: str
    by: str
    dtype: str
    keys: tuple[Value, ...]
    values: tuple[Value, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.by} decides {self.column}"

    def _looked_up(self, frame: pd.DataFrame) -> pd.Series:
        known = dict(zip(self.keys, self.values, strict=True))
        return frame[self.by].astype(object).map(known)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows that the other column does not decide."""
        same = self._looked_up(frame) == frame[self.column].astype(object)
        return ~same.fillna(False).to_numpy(bool)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without the column."""
        return frame.drop(columns=self.column)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the column."""
        return replaced(frame, self.column, self._looked_up(frame).astype(self.dtype))


@dataclass(frozen=True, kw_only=True)
class FixedWhere(InEveryRow):
    """A column that is empty, or 0, exactly where another one has some values.

    Parameters
    ----------
    value
        Of the cells there: None is empty.
    values
        Of the other column; None where it is empty.
    filler
        What the model sees there, where its series has no other value.
    least
        The least number that stands elsewhere, where `value` is a number.
    """

    kind: Literal["fixed where"] = "fixed where"
    column: str
    by: str
    values: tuple[Value, ...]
    value: Value = None
    filler: Value = None
    least: float = 0.0

    @property
    def text(self) -> str:
        """Say what holds."""
        listed = ", ".join("empty" if value is None else str(value) for value in self.values)
        what = "empty" if self.value is None else f"{self.value}"
        return f"{self.column} is {what} exactly where {self.by} is {listed}"

    def _is_there(self, frame: pd.DataFrame) -> np.ndarray:
        return is_one_of(frame[self.by], self.values)

    def _is_fixed(self, frame: pd.DataFrame) -> np.ndarray:
        if self.value is None:
            return frame[self.column].isna().to_numpy()
        return (frame[self.column] == self.value).fillna(False).to_numpy(bool)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows in which the masks differ."""
        return self._is_fixed(frame) != self._is_there(frame)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the cells filled from their series."""
        if self.value is not None:
            return frame
        column = frame[self.column]
        if isinstance(column.dtype, pd.CategoricalDtype):
            return frame
        filled = column.groupby(places.series, sort=False).ffill()
        filled = filled.groupby(places.series, sort=False).bfill()
        return replaced(frame, self.column, filled.fillna(self.filler))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with the cells emptied, or set."""
        is_there = self._is_there(frame)
        column = frame[self.column]
        if self.value is None:
            return replaced(frame, self.column, column.mask(is_there))
        fixed = column.where(~is_there, self.value)
        is_wrong = ~is_there & (fixed == self.value).fillna(False).to_numpy(bool)
        fixed = fixed.where(~is_wrong, self.least)
        return replaced(frame, self.column, fixed.astype(column.dtype))


def is_one_of(column: pd.Series, values: Sequence[Value]) -> np.ndarray:
    """Tell which cells are one of some values, of which None stands for a missing one."""
    found = column.isin([value for value in values if value is not None]).to_numpy(bool)
    if None in values:
        found = found | column.isna().to_numpy()
    return found


@dataclass(frozen=True, kw_only=True)
class Above(InEveryRow):
    """A number that is never below others: learned as its distance to the greatest of them.

    Parameters
    ----------
    below
        The others.
    number
        How it is written.
    """

    kind: Literal["above"] = "above"
    column: str
    below: tuple[str, ...]
    number: Number

    @property
    def text(self) -> str:
        """Say what holds."""
        return ", ".join(f"{name} <= {self.column}" for name in self.below)

    def _floor(self, frame: pd.DataFrame) -> np.ndarray:
        return np.max([numbers(frame, name) for name in self.below], axis=0)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows below another, or known where another is not."""
        x = numbers(frame, self.column)
        return np.isfinite(x) & ~(x >= self._floor(frame))  # also where the floor is missing

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with distances."""
        distance = numbers(frame, self.column) - self._floor(frame)
        return replaced(frame, self.column, self.number.column(distance))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers."""
        distance = np.maximum(numbers(frame, self.column), 0)
        return replaced(frame, self.column, self.number.column(self._floor(frame) + distance))


@dataclass(frozen=True, kw_only=True)
class Below(InEveryRow):
    """A number that is never above others, which are constant: learned as its distance to them.

    Parameters
    ----------
    above
        The others.
    number
        How it is written.
    """

    kind: Literal["below"] = "below"
    column: str
    above: tuple[str, ...]
    number: Number

    @property
    def text(self) -> str:
        """Say what holds."""
        return ", ".join(f"{self.column} <= {name}" for name in self.above)

    def _ceiling(self, frame: pd.DataFrame) -> np.ndarray:
        return np.min([numbers(frame, name) for name in self.above], axis=0)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows above another, or known where another is not."""
        x = numbers(frame, self.column)
        return np.isfinite(x) & ~(x <= self._ceiling(frame))

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with distances."""
        distance = self._ceiling(frame) - numbers(frame, self.column)
        return replaced(frame, self.column, self.number.column(distance))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers."""
        distance = np.maximum(numbers(frame, self.column), 0)
        return replaced(frame, self.column, self.number.column(self._ceiling(frame) - distance))


@dataclass(frozen=True, kw_only=True)
class Monotone(InEveryRow):
    """A number that never falls, or never rises, within a series.

    Parameters
    ----------
    falls
        Whether it falls.
    as_steps
        Whether it is learned as steps from row to row, behind the first; else as it is, and then a
        step in the wrong direction is none.
    number
        How it is written.
    ends
        Quantiles of the last numbers of series, where these are alike, as of what runs to failure:
        a series that ends beyond them is stretched to one of them.
    before
        The limit that the last number of a series reaches, and hardly any before it; None where
        there is none.
    """

    kind: Literal["monotone"] = "monotone"
    column: str
    falls: bool
    as_steps: bool
    number: Number
    ends: tuple[float, ...] = ()
    before: float | None = None

    @property
    def text(self) -> str:
        """Say what holds."""
        text = f"{self.column} never {'rises' if self.falls else 'falls'}"
        if self.ends:
            text += f" and ends between {self.ends[0]:g} and {self.ends[-1]:g}"
        return text

    @property
    def _sign(self) -> int:
        return -1 if self.falls else 1

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows that step in the wrong direction, or are missing."""
        x = numbers(frame, self.column)
        steps = np.append(0.0, np.diff(x)) * self._sign
        return ~np.isfinite(x) | (~places.is_first & (steps < 0))

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with steps."""
        if not self.as_steps:
            return frame
        x = numbers(frame, self.column)
        steps = np.where(places.is_first, x, np.append(0.0, np.diff(x)) * self._sign)
        return replaced(frame, self.column, self.number.column(steps))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers."""
        x = numbers(frame, self.column)
        series = places.series
        if self.as_steps:
            x = np.where(places.is_first, x, np.maximum(x, 0) * self._sign)
            total = np.cumsum(x)
            before = np.append(0.0, total[:-1])[places.is_first]
            x = total - before[series]
        else:
            x = pd.Series(x * self._sign).groupby(series).cummax().to_numpy() * self._sign
        if self.ends:
            x = self._stretched(x, places)
        return replaced(frame, self.column, self.number.column(x))

    def _stretched(self, x: np.ndarray, places: Places) -> np.ndarray:
        """Return numbers that end like real ones: series that do not are stretched."""
        first = np.flatnonzero(places.is_first)
        last = places.last
        decimals = 12 if self.number.decimals is None else self.number.decimals
        start = x[first]
        gone = (x[last] - start) * self._sign
        end = np.round(x[last], decimals)
        drawn = np.quantile(self.ends, places.rng.random(len(first)))
        is_off = (end < self.ends[0]) | (end > self.ends[-1])
        factor = (drawn - start) * self._sign / np.where(gone > 0, gone, 1.0)
        if self.before is not None:
            # The limit lies at some place within the last step.
            before_last = np.maximum(last - 1, first)
            inner = (x[before_last] - start) * self._sign
            at = inner + places.rng.random(len(first)) * (gone - inner)
            factor = (self.before - start) * self._sign / np.where(at > 0, at, np.inf)
            is_off |= np.round(x[before_last], decimals) * self._sign >= self.before * self._sign
        factor = np.where(is_off & (gone > 0) & (factor > 0), factor, 1.0)[places.series]
        begun = start[places.series]
        x = begun + (x - begun) * factor
        if self.before is None:
            return x
        return self._crossed_last(x, last, decimals)

    def _crossed_last(self, x: np.ndarray, last: np.ndarray, decimals: int) -> np.ndarray:
        """Return numbers of which the last ones alone, (n_series,), reach the limit."""
        limit = np.float64(self.before) * self._sign
        outermost = max(np.array(self.ends) * self._sign)
        towards = x * self._sign
        capped = np.minimum(towards, limit - 10.0**-decimals)
        capped[last] = np.clip(towards[last], limit, outermost)
        return capped * self._sign


@dataclass(frozen=True, kw_only=True)
class StateOrder(InEveryRow):
    """A category that never goes back to one it has left.

    Parameters
    ----------
    states
        In the order in which they follow each other.
    """

    kind: Literal["state order"] = "state order"
    column: str
    dtype: str
    states: tuple[Value, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} never goes back ({', '.join(map(str, self.states))})"

    def _rank(self, frame: pd.DataFrame) -> np.ndarray:
        known = pd.Index(self.states, dtype=object)
        return known.get_indexer(pd.Index(frame[self.column].astype(object)))

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows that go back, or are missing or unknown."""
        rank = self._rank(frame)
        steps = np.append(0, np.diff(rank))
        return (rank < 0) | (~places.is_first & (steps < 0))

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame as it is."""
        return frame

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without steps back."""
        rank = pd.Series(self._rank(frame)).groupby(places.series).cummax().to_numpy()
        states = np.array(self.states, dtype=object)[rank]
        return replaced(frame, self.column, pd.Series(states).astype(frame[self.column].dtype))


@dataclass(frozen=True, kw_only=True)
class Within(InEveryRow):
    """A number with a natural end: never below 0, never above 1 or 100.

    Parameters
    ----------
    low, high
        Its ends; None where there is none.
    """

    kind: Literal["within"] = "within"
    column: str
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """Say what holds."""
        if self.high is None:
            return f"{self.column} >= {self.low:g}"
        if self.low is None:
            return f"{self.column} <= {self.high:g}"
        return f"{self.low:g} <= {self.column} <= {self.high:g}"

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows beyond an end."""
        x = numbers(frame, self.column)
        is_below = np.zeros(len(x), dtype=bool) if self.low is None else x < self.low
        return is_below if self.high is None else is_below | (x > self.high)

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame as it is."""
        return frame

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers beyond an end put to it."""
        column = frame[self.column]
        return replaced(frame, self.column, column.clip(self.low, self.high))


@dataclass(frozen=True, kw_only=True)
class Combinations(InEveryRow):
    """Attributes of which only some combinations exist.

    Parameters
    ----------
    column
        The first of them.
    columns
        All of them.
    rows
        The combinations, and `counts` how many series have each.
    """

    kind: Literal["combinations"] = "combinations"
    column: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    counts: tuple[int, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{len(self.rows):,} combinations of {', '.join(self.columns)} exist"

    def _found(self, first: pd.DataFrame) -> np.ndarray:
        """Return the number of each series' combination, -1 where it does not exist."""
        known = {row: number for number, row in enumerate(self.rows)}
        values = [plain_values(first[name]) for name in self.columns]
        return np.array([known.get(row, -1) for row in zip(*values, strict=True)])

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows of series whose combination does not exist."""
        return (self._found(frame[places.is_first]) < 0)[places.series]

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame as it is."""
        return frame

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with a real combination, as near as there is, in each series."""
        first = frame[places.is_first]
        chosen = self._found(first)
        wrong = np.flatnonzero(chosen < 0)
        values = [plain_values(first[name]) for name in self.columns]
        known = np.array(self.rows, dtype=object).reshape(len(self.rows), -1)
        counts = np.array(self.counts, dtype=np.float64)
        for i in wrong:
            n_equal = sum((known[:, j] == values[j][i]).astype(int) for j in range(known.shape[1]))
            weights = counts * (n_equal == n_equal.max())
            chosen[i] = places.rng.choice(len(counts), p=weights / weights.sum())
        if not len(wrong):
            return frame
        is_wrong = np.isin(places.series, wrong)
        for j, name in enumerate(self.columns):
            repaired = pd.Series(known[chosen[places.series], j], dtype=object)
            column = frame[name].astype(object).reset_index(drop=True)
            column = column.mask(is_wrong, repaired)
            frame = replaced(frame, name, column.astype(frame[name].dtype))
        return frame


def plain_values(column: pd.Series) -> list[Any]:
    """Return values as Python's own, None where missing."""
    return [None if pd.isna(value) else value for value in column.astype(object).tolist()]


Relation = (
    DateText
    | FromTime
    | Copy
    | Formula
    | Lookup
    | FixedWhere
    | Above
    | Below
    | Monotone
    | StateOrder
    | Within
    | Combinations
)


DERIVED = (Copy, Formula, Lookup)  # whose column follows from others and is not learned


def apply_all(relations: Sequence[Relation], frame: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Return a real table as it is learned."""
    for relation in relations:
        frame = relation.apply(frame, places)
    return frame


def restore_all(relations: Sequence[Relation], frame: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Return a table that was learned as it is written: inverts `apply_all`."""
    for relation in reversed(relations):
        frame = relation.restore(frame, places)
    return frame
