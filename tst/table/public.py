"""What a user says of a table whose series are private, and how it is read by that alone.

Nothing is guessed from the rows: not the columns, their bounds and categories, nor the times. The
`Table`, which writes synthetic series in the user's columns, is learned from rows that are made up
from what is said. Each real series is then read by itself: sorted, cut, its numbers set within
their bounds, its unknown categories to the first known one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from tst.errors import DataError, translate_errors
from tst.io.untrusted import from_mapping, read_yaml
from tst.series import SeriesSet
from tst.table.columns import ColumnCodec
from tst.table.dialect import Dialect
from tst.table.rows import first_of_ids
from tst.table.source import ChunkedFile, read
from tst.table.table import Table

WHOLE = re.compile(r"[-+]?\d+\.0+")
SPREAD = (5**0.5 - 1) / 2  # multiples of it, modulo 1, lie evenly between 0 and 1
N_MADE = 48  # series that are made up, at least
N_EACH = 4  # of them each category of an attribute has, at least
MAX_MADE_STEPS = 48
MAX_CATEGORIES = 150  # fewer than a table pools


@dataclass(frozen=True, kw_only=True)
class PublicColumn:
    """What a column may hold: a number within bounds, or one of some categories.

    Parameters
    ----------
    low, high
        Bounds of a number.
    whole
        Whether it is a whole number.
    log
        Whether it spans orders of magnitude, and its logarithm is learned.
    categories
        Instead of bounds.
    attribute
        Whether it is the same in all rows of a series.
    """

    low: float | None = None
    high: float | None = None
    whole: bool = False
    log: bool = False
    categories: tuple[str, ...] = ()
    attribute: bool = False

    def _as_text(self, value: object) -> str:
        """Return a category as YAML has it: 3 of a column that other rows made one of floats."""
        text = str(value)
        if text not in self.categories and WHOLE.fullmatch(text):
            return str(int(float(text)))
        return text

    def check(self, name: str) -> None:
        """Raise DataError unless it can be learned."""
        if self.categories:
            if len(set(self.categories)) < len(self.categories):
                raise DataError(f"public column '{name}' names a category twice; name each once.")
            if len(self.categories) > MAX_CATEGORIES:
                raise DataError(
                    f"public column '{name}' has {len(self.categories)} categories; join some to "
                    f"at most {MAX_CATEGORIES}."
                )
            return
        if self.low is None or self.high is None or not -np.inf < self.low < self.high < np.inf:
            raise DataError(
                f"public column '{name}' needs `low` and `high`, two numbers known without a look "
                "at the data, or `categories`."
            )
        if self.log and self.low < 0:
            raise DataError(
                f"public column '{name}' is learned by its logarithm; give a `low` of at least 0."
            )

    def made_up(self, places: np.ndarray) -> np.ndarray:
        """Return values at places, int (n,): both bounds and all between, or all categories."""
        if self.categories:
            return np.array(self.categories, dtype=object)[places % len(self.categories)]
        low, high = float(self.low or 0), float(self.high or 0)
        unit = np.where(places == 1, 1.0, places * SPREAD % 1)
        x = low + (high - low) * unit
        if self.whole:
            return np.round(x).astype(np.int64)
        return x

    def within(self, column: pd.Series) -> pd.Series:
        """Return a real column within what it may hold; a number that is missing stays so."""
        if self.categories:
            text = column.map(self._as_text)
            return text.where(text.isin(self.categories), self.categories[0])
        x = pd.to_numeric(column, errors="coerce").astype(float)
        bounded = x.replace([np.inf, -np.inf], np.nan).clip(self.low, self.high)
        if self.whole:
            return bounded.round()
        return bounded


@dataclass(frozen=True, kw_only=True)
class Public:
    """What is said of a table: public, for it is written into the model.

    Parameters
    ----------
    id
        Column that names a series.
    columns
        Of each other column that is learned.
    n_series
        About how many series, or groups, there are.
    max_length
        Steps behind which a series is cut.
    time
        Column that rows are sorted by; None: they are in order.
    start, interval
        First time of synthetic series, as 2026-01-31, and step, as 15min; else steps are counted.
    fixed_length
        Whether all series have max_length steps.
    group
        Column whose values are protected, where several series belong to one: a person's.
    label
        Attribute that the others go with.
    separator, decimal
        Of a CSV: what stands between its values, and before the decimals of a number.
    """

    id: str
    columns: dict[str, PublicColumn]
    n_series: int
    max_length: int
    time: str | None = None
    start: str | None = None
    interval: str | None = None
    fixed_length: bool = False
    group: str | None = None
    label: str | None = None
    separator: str = ","
    decimal: str = "."

    @classmethod
    def read(cls, source: "Public | Mapping[str, Any] | Path | str | None") -> Self:
        """Return what a mapping or a YAML file says.

        Raises
        ------
        DataError
            Where it says nothing, too little, or what cannot be.
        """
        if isinstance(source, cls):
            return source
        if not source:
            raise DataError(
                "epsilon needs `public`, a mapping or a YAML with id, n_series, max_length and "
                "columns with their bounds or categories: private data cannot be asked for them."
            )
        where = "public"
        content: Any = source
        if isinstance(source, str | Path):
            where = str(source)
            if not Path(source).is_file():
                raise DataError(f"no file at {where}: give a YAML of what is publicly known.")
            content = read_yaml(source)
        if not isinstance(content, Mapping):
            raise DataError(f"{where} holds no `key: value` lines: give id, columns and others.")
        try:
            public = from_mapping(cls, content)
        except ValueError as error:
            raise DataError(f"{where}: {str(error).rstrip('.')}.") from None
        public._check()
        return public

    def _check(self) -> None:
        if self.max_length < 2 or self.n_series < 1 or not self.columns:
            raise DataError(
                f"public says {self.n_series} series of at most {self.max_length} steps and "
                f"{len(self.columns)} columns; give at least one series, two steps and one column."
            )
        with translate_errors("public", "separator is one of , ; | or a tab, decimal . or ,"):
            self._dialect()
        for name, column in self.columns.items():
            if name in (self.id, self.time, self.group):
                raise DataError(f"public column '{name}' has two roles; leave it in one.")
            column.check(name)
        if all(column.attribute for column in self.columns.values()):
            raise DataError("public names no column that changes in time; name one at least.")
        label = self.columns.get(self.label or "")
        if self.label is not None and not (label and label.attribute and label.categories):
            raise DataError(
                f"public says the label '{self.label}', which is none of its attributes with "
                "categories; name one of them."
            )

    def table(self) -> tuple[Table, SeriesSet]:
        """Return the `Table` of made-up rows, and these rows as a SeriesSet."""
        n_steps = min(self.max_length, MAX_MADE_STEPS)
        most = max(len(column.categories) for column in self.columns.values())
        n_series = max(N_MADE, N_EACH * most)
        series = np.repeat(np.arange(n_series), n_steps)
        step = np.tile(np.arange(n_steps), n_series)
        made: dict[str, Any] = {self.id: [f"series-{i:06d}" for i in series]}
        time = self.time or "step"
        made[time] = step
        if self.start is not None:
            made[time] = self._dates(n_steps)[step]
        for name, column in self.columns.items():
            made[name] = column.made_up(series if column.attribute else series + step)
        attributes = [name for name, column in self.columns.items() if column.attribute]
        roles = {
            "id": self.id,
            "time": time,
            "features": [name for name in self.columns if name not in attributes],
            "attributes": attributes,
            "label": self.label,
            "categorical": [n for n, c in self.columns.items() if c.categories and not c.attribute],
            "relations": ["none"],
        }
        table, made_up = Table.fit(pd.DataFrame(made), roles)
        return replace(table, dialect=self._dialect()), made_up

    def _dialect(self) -> Dialect:
        return Dialect(separator=self.separator, decimal=self.decimal)

    def _dates(self, n_steps: int) -> pd.DatetimeIndex:
        try:
            return pd.date_range(self.start, periods=n_steps, freq=self.interval or "1D")
        except (ValueError, TypeError) as error:
            raise DataError(
                f"public says the start '{self.start}' and the interval '{self.interval}', which "
                f"are not a time and a step ({str(error)[:60]}); write them as 2026-01-31 and "
                "15min."
            ) from None

    def series(self, source: pd.DataFrame | Path | str, table: Table, like: SeriesSet) -> SeriesSet:
        """Return a real table as a SeriesSet, each series by itself.

        Parameters
        ----------
        table, like
            What the method `table` returned.

        Raises
        ------
        DataError
            Where a column is missing, or no row has an id.
        """
        frame = self._read(source)
        named = [name for name in (self.id, self.time, self.group) if name is not None]
        for name in (*named, *self.columns):
            if name not in frame:
                what = "group" if name == self.group else "column"
                raise DataError(f"public names the {what} '{name}', which the table lacks.")
        frame = frame[frame[self.id].notna()]
        if frame.empty:
            raise DataError(f"no row has a value of '{self.id}'; name the column of the series.")
        frame = self._sorted(frame)
        is_first = first_of_ids(frame[self.id])
        columns = [self._features(codec, frame, is_first) for codec in table.features]
        first = frame[is_first]
        attributes = {}
        for codec in table.attributes:
            column = self.columns[codec.name].within(first[codec.name])
            attributes[codec.name] = codec.to_labels(_in_dtype(self._filled(codec, column), codec))
        frame_of_attributes = pd.DataFrame(attributes, index=range(len(first)))
        if self.group is not None:
            frame_of_attributes[self.group] = first[self.group].astype(str).to_numpy()
        return replace(
            like,
            values=np.stack(columns, axis=1).astype(np.float32),
            lengths=np.diff(np.append(np.flatnonzero(is_first), len(frame))),
            attributes=frame_of_attributes,
            group=self.group,
        ).head(self.max_length)

    def _read(self, source: pd.DataFrame | Path | str) -> pd.DataFrame:
        """Return the rows, each value read by itself: none decides how another one is read."""
        if isinstance(source, pd.DataFrame):
            return read(source)
        file = ChunkedFile(source, said=self._dialect())
        frame = read(file)
        if self.decimal == ",":
            for name, said in self.columns.items():
                if name in frame and not said.categories and not file.is_parquet:
                    frame[name] = frame[name].str.replace(",", ".")
        return frame

    def bounds(self, codec: ColumnCodec) -> tuple[float, float]:
        """Return the least and the largest number that a measurement is coded as."""
        said = self.columns[codec.name]
        ends = pd.Series([said.low, said.high], name=codec.name).astype(codec.dtype)
        low, high = codec.encode(ends)
        return float(low), float(high)

    def _sorted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return rows by id and time; those of one time in their order."""
        order = pd.factorize(frame[self.id])[0]
        if self.time is None:
            return frame.iloc[np.argsort(order, kind="stable")]
        time = frame[self.time]
        is_date = pd.api.types.is_datetime64_any_dtype(time)
        number = pd.to_numeric(time.astype(object) if is_date else time, errors="coerce")
        date = pd.to_datetime(time.where(number.isna()), errors="coerce", format="mixed", utc=True)
        ranks = []
        for key in (date, number):  # each time is a number or a date, by itself
            ranks.append(key.rank(method="dense", na_option="bottom").to_numpy())
        return frame.iloc[np.lexsort([*ranks, order])]

    def _features(
        self, codec: ColumnCodec, frame: pd.DataFrame, is_first: np.ndarray
    ) -> np.ndarray:
        """Return the codes or numbers of a measurement, float64 (rows,).

        A missing number is that of the step before; at the beginning, in the middle of the bounds.
        """
        column = self.columns[codec.name].within(frame[codec.name])
        known = column.groupby(np.cumsum(is_first)).ffill()
        return codec.encode(_in_dtype(self._filled(codec, known), codec))

    def _filled(self, codec: ColumnCodec, column: pd.Series) -> pd.Series:
        said = self.columns[codec.name]
        if said.categories:
            return column
        middle = (float(said.low or 0) + float(said.high or 0)) / 2
        if said.whole:
            middle = round(middle)
        return column.fillna(middle)


def _in_dtype(column: pd.Series, codec: ColumnCodec) -> pd.Series:
    """Return a column in the dtype that the made-up one has, its rows numbered."""
    return column.astype(codec.dtype).reset_index(drop=True)
