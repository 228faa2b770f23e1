"""Rows of real series that a fitted table reads, to be prolonged, and the rows behind them.

Ids, attributes and the way of writing stay; the first new time is the next of the calendar.
Relations are restored with the real rows in front, so that a counter goes on where it stands.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from pandas.api import types

from tst.cycles import DAY, WEEK
from tst.errors import DataError, translate_errors
from tst.series import SeriesSet
from tst.table.columns import ColumnCodec
from tst.table.relations import (
    BEGUN,
    Counter,
    Monotone,
    OfRowsBefore,
    OfTime,
    Places,
    Relation,
    RunningTotal,
    StandsForNumbers,
    apply_all,
    in_cells,
    numbers,
    restore_all,
)
from tst.table.rows import Rows, first_of_ids, places_of_ids
from tst.table.source import read
from tst.table.stretches import steps_within
from tst.table.table import Table
from tst.table.ties import is_tied, order_of_rows
from tst.table.values import median, row_name
from tst.table.writing import is_unread
from tst.table.written import truths_as_written

N_NAMED = 5  # columns or values that a sentence lists


@dataclass(frozen=True, kw_only=True)
class Recent:
    """Real rows, sorted by series and time.

    Parameters
    ----------
    table
        That was learned.
    rows
        The rows as the table had them; n_rows, of n_series.
    learned
        The same, as relations make them.
    times
        Of the rows, (n_rows,), by the clocks of the table's place.
    is_first
        bool, (n_rows,): the first row of each series.
    series
        What the model reads.
    """

    table: Table
    rows: pd.DataFrame
    learned: pd.DataFrame
    times: np.ndarray
    is_first: np.ndarray
    series: SeriesSet

    @classmethod
    def of(cls, table: Table, source: pd.DataFrame | Path | str) -> Self:
        """Read rows of series as a table has learned such.

        Raises
        ------
        DataError
            Where a column is missing, or a time or a category cannot be one of the table.
        """
        frame = _long(table, read(source))
        frame = table.keys.add(_with_constants(table, frame))
        frame = _dtypes_as_learned(table, frame)
        frame, times, is_first = _sorted(table, frame)
        frame = _without_gaps(table, frame, is_first)
        places = Places(times=times, is_first=is_first, zone=table.clock.zone)
        _check_spelled(table, frame, places)
        _check_enough(table, frame, places)
        learned = apply_all(table.relations, frame, places)
        clock = table.clock
        if clock.intervals:
            intervals = clock.interval_values(times, is_first)
            learned = learned.assign(**{clock.intervals: intervals})
        known = _with_known_beginnings(table, learned)
        _check_categories(table, known)
        return cls(
            table=table,
            rows=frame,
            learned=learned,
            times=times,
            is_first=is_first,
            series=_series(table, known, is_first, times),
        )

    @property
    def places(self) -> Places:
        """Where the rows stand."""
        return Places(times=self.times, is_first=self.is_first, zone=self.table.clock.zone)

    def window_starts(self, longest: int) -> tuple[np.ndarray, int]:
        """Return the row of each series where a model may begin to read, and by how many it slides.

        A series is read from its first row, one of stretches from where its last stretch begins or,
        as long as a window of this stretch has too few rows, the one before.
        Windows slide by whole weeks or days where half of one has such, so that hours stay hours.

        Parameters
        ----------
        longest
            Steps that the model reads at once.
        """
        table = self.table
        first = np.zeros(len(self.series), dtype=np.int64)
        if table.stretches is not None and table.is_one_series:
            lead = table.stretches.lead
            index = table.stretches.index(self.times, table.clock)
            is_begun = int((index == index[-1]).sum()) < lead
            first[0] = np.searchsorted(index, index[-1] - is_begun)
            return first, max(1, longest - lead)
        half = max(1, longest // 2)
        if table.clock.has_dates and not table.clock.intervals:
            for span in (WEEK, DAY):
                n_a_span = steps_within(span, table.clock)
                if 0 < n_a_span <= half:
                    return first, half // n_a_span * n_a_span
        return first, half

    def prolonged(self, values: np.ndarray, seed: int) -> pd.DataFrame:
        """Return rows behind the last of each series, as the table writes them.

        Parameters
        ----------
        values
            float, (n_series, n_steps, n_features), as the model makes them.
        seed
            Of what else is drawn.
        """
        table = self.table
        n_series, n_steps, n_features = values.shape
        rng = np.random.default_rng([seed, n_series])
        made = table.decoded(values.reshape(-1, n_features), rng)
        n_behind = np.tile(np.arange(1, n_steps + 1), (n_series, 1))  # (n_series, n_steps)
        if table.clock.intervals:
            intervals = made[table.clock.intervals].to_numpy().reshape(n_series, n_steps)
            n_behind = np.cumsum(table.clock.whole_steps(intervals), axis=1)
        from_row = np.repeat(self.places.last, n_steps)  # of each new row, the last real one
        times = table.clock.calendar.after(self.times[from_row], n_behind.ravel())
        made |= table.on_holidays(values.reshape(-1, n_features), times)
        new = self.learned.iloc[from_row].reset_index(drop=True)
        new = new.assign(**{name: column.array for name, column in made.items()})
        restored = self._restored(new, times, rng)
        columns = self._kept(from_row)
        for names in table.row_names:
            numbers = len(self.rows) + np.arange(len(new))
            columns[names.column] = names.make(numbers, int(numbers[-1]) + 1)
        if table.keys.time:
            columns[table.clock.name] = table.clock.write(times)
        out = restored.assign(**{name: column.array for name, column in columns.items()})
        return table.as_read(table.keys.parted(out[list(table.order)]))

    def _restored(
        self, new: pd.DataFrame, times: np.ndarray, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Return new rows (n_series * n_steps) with what relations say, behind the real ones."""
        n_series = len(self.series)
        series = np.cumsum(self.is_first) - 1
        of_new = np.repeat(np.arange(n_series), len(new) // n_series)
        order = np.argsort(np.concatenate([series, of_new]), kind="stable")
        is_new = order >= len(self.learned)
        joined = pd.concat([self.learned, new], ignore_index=True).iloc[order]
        dtypes = {name: new[name].dtype for name in new}
        joined = joined.astype(dtypes).reset_index(drop=True)
        is_first = np.append(True, np.diff(np.concatenate([series, of_new])[order]) > 0)
        all_times = np.concatenate([self.times, times])[order]
        zone = self.table.clock.zone
        places = Places(times=all_times, is_first=is_first, zone=zone, rng=rng)
        relations = [self._going_on(relation) for relation in self.table.relations]
        restored = restore_all(relations, joined, places)
        return restored[is_new].reset_index(drop=True)

    @cached_property
    def _as_numbers(self) -> pd.DataFrame:
        """The rows as the table had them, but for text that stands for numbers."""
        texts = [one for one in self.table.relations if isinstance(one, StandsForNumbers)]
        return apply_all(texts, self.rows, self.places)

    def _going_on(self, relation: Relation) -> Relation:
        """Return a relation without the end of a whole series; one series starts as it is here."""
        if isinstance(relation, RunningTotal):
            first = self._as_numbers[self.is_first]
            before = numbers(first, relation.column) - numbers(first, relation.of)
            return replace(relation, before=tuple(before.tolist()))
        if isinstance(relation, OfTime) and (relation.is_elapsed or not self.table.keys.time):
            x = numbers(self._as_numbers, relation.column) - relation.value(self.places)
            first = x[self.is_first] + relation.offset
            return replace(relation, first=tuple(first.tolist()))
        if isinstance(relation, Counter):
            first = self._as_numbers[self.is_first]
            return replace(relation, first=tuple(numbers(first, relation.column).tolist()))
        if not isinstance(relation, Monotone):
            return relation
        start = relation.start
        if start is not None:
            start = float(numbers(self._as_numbers, relation.column)[0])
        return replace(relation, ends=(), before=None, start=start)

    def _kept(self, rows: np.ndarray) -> dict[str, pd.Series]:
        """Return the columns that stay as they are in these real rows: ids and what is constant."""
        names = [*self.table.keys.id]
        names += [column.name for column in (*self.table.attributes, *self.table.constants)]
        changing = {one.column for one in self.table.relations if isinstance(one, BEGUN)}
        names = [name for name in names if name not in changing]
        kept = self.rows.iloc[rows]
        return {name: kept[name] for name in names if name in kept}


def _long(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows in the table's long shape; raises DataError where a column is missing."""
    optional = {column.name for column in table.constants}
    optional -= {one.column for one in table.relations if isinstance(one, BEGUN)}
    optional |= {names.column for names in table.row_names}
    needed = list(table.keys.columns) or [name for name in table.order if name not in optional]
    if table.shape is not None:
        if table.shape.kind == "wide":
            raise DataError(
                "a wide table has a column a step: its series cannot be prolonged; learn it as a "
                "long one, with a row a step."
            )
        needed = list(table.shape.columns)
    missing = [name for name in needed if name not in frame and name not in table.keys.leave_out]
    if missing:
        wanted = ", ".join(needed[:N_NAMED])
        if len(needed) > N_NAMED:
            wanted += " ..."
        raise DataError(
            f"the recent rows lack the column '{missing[0]}', which the model has learned; give "
            f"{wanted}."
        )
    if table.shape is None:
        return frame
    return table.shape.to_long(frame)


def _with_constants(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the columns that need not be given: all that are the same in every row."""
    n_rows = len(frame)
    missing = {}
    known = {*frame, *in_cells(table.relations)}
    for column in table.constants:
        if column.name not in known:
            is_empty = np.full(n_rows, not column.categories)
            missing[column.name] = column.decode(np.zeros(n_rows), is_empty).array
    for names in table.row_names:
        if names.column not in frame:
            missing[names.column] = np.full(n_rows, None)
    return frame.assign(**missing)


def _dtypes_as_learned(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows in which digits and truth values are text where the table had text.

    A CSV does not say.
    """
    text = [column for column in (*table.features, *table.attributes) if column.kind == "category"]
    names = [column.name for column in text if all(isinstance(c, str) for c in column.categories)]
    names += [one.column for one in table.names if _is_text(one.dtype)]
    if _is_text(table.clock.dtype):
        names.append(table.clock.name)
    changed = {}
    for name in names:
        if name in frame and types.is_integer_dtype(frame[name].dtype):
            changed[name] = frame[name].astype(str).array
    for column in text:
        if column.name in frame and types.is_bool_dtype(frame[column.name].dtype):
            if truths := truths_as_written(column.categories):
                changed[column.name] = frame[column.name].map(truths).array
    return frame.assign(**changed)


def _is_text(dtype: str) -> bool:
    return dtype in ("object", "str", "string")


def _sorted(table: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return rows by series, in the order in which these occur, and time; times; first rows."""
    keys = table.keys
    known = frame[keys.id_column].notna() & frame[keys.time_column].notna()
    frame = frame[known.to_numpy()]
    if not len(frame):
        raise DataError("the recent rows have neither an id nor a time: give rows of series.")
    codes = pd.factorize(frame[keys.id_column])[0]
    times = np.arange(len(frame))
    if keys.time:
        times = _times(table, frame[keys.time_column])
    order = order_of_rows(codes, times)
    frame = frame.iloc[order]
    times = times[order]
    is_first = first_of_ids(frame[keys.id_column])
    if not keys.time:
        dtype = np.int64 if table.clock.is_whole else np.float64
        times = places_of_ids(is_first).astype(dtype)
    is_kept = ~is_tied(times, is_first) | (table.clock.least == 0)
    return frame[is_kept], times[is_kept], is_first[is_kept]


def _times(table: Table, column: pd.Series) -> np.ndarray:
    """Return times as the table's clock counts them."""
    clock = table.clock
    wanted = f"write it as in the table that was learned ({clock.dtype})"
    with translate_errors(f"cannot read the time '{clock.name}' of the recent rows", wanted):
        if clock.writing.kind == "dates" and not types.is_datetime64_any_dtype(column.dtype):
            column = pd.to_datetime(column).astype(clock.dtype)
        if clock.writing.kind == "text" and types.is_datetime64_any_dtype(column.dtype):
            raise ValueError("it holds dates, not text")
        times = clock.writing.read(column)
    if is_unread(times).any():
        row = int(np.argmax(is_unread(times)))
        raise DataError(
            f"time column '{clock.name}' of the recent rows holds '{column.iloc[row]}' in "
            f"{row_name(column, row)}, which is not written as those that were learned."
        )
    return clock.wall(times)


def _without_gaps(table: Table, frame: pd.DataFrame, is_first: np.ndarray) -> pd.DataFrame:
    """Return rows with numbers from the row before where the table has none missing."""
    known = {column.name for column in table.features if column.is_numeric and not column.missing}
    known |= {cell for name, cell in in_cells(table.relations).items() if name in known}
    gaps = [name for name in frame if name in known and frame[name].hasnans]
    if not gaps:
        return frame
    series = np.cumsum(is_first)
    filled = frame[gaps].groupby(series).ffill().groupby(series).bfill().bfill()
    return frame.assign(**{name: filled[name] for name in gaps})


def _check_spelled(table: Table, frame: pd.DataFrame, places: Places) -> None:
    """Raise DataError where a number that is text is written otherwise than the table has it."""
    for one in table.relations:
        if not isinstance(one, StandsForNumbers):
            continue
        is_broken = one.broken(frame, places)
        if is_broken.any():
            row = int(np.argmax(is_broken))
            raise DataError(
                f"'{one.column}' holds '{frame[one.column].iloc[row]}' in "
                f"{row_name(frame[one.column], row)}, which the table writes like "
                f"{one.spelling.example}: write it so."
            )


def _check_enough(table: Table, frame: pd.DataFrame, places: Places) -> None:
    """Raise DataError where a number would follow from rows that are not given."""
    row = np.arange(len(frame)) - places.first
    for one in table.relations:
        if isinstance(one, OfRowsBefore):
            known = pd.to_numeric(frame[one.column], errors="coerce").notna().to_numpy()
            is_late = known[places.is_first]  # not from its first row on
            is_short = row[places.last] + 1 < one.n_missing
            if (is_late & is_short).any():
                raise DataError(
                    f"'{one.text}' holds: give {one.n_missing} rows or more of each series."
                )


def _with_known_beginnings(table: Table, learned: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the nearest first values that were learned, where rows begin later."""
    begun = {one.column for one in table.relations if isinstance(one, BEGUN)}
    nearest = {}
    for column in table.attributes:
        if column.name in begun and column.kind == "category":
            known = np.sort(np.array(column.categories, dtype=np.float64))
            at = np.searchsorted((known[1:] + known[:-1]) / 2, numbers(learned, column.name))
            nearest[column.name] = pd.Series(known[at]).astype(learned[column.name].dtype).array
    return learned.assign(**nearest)


def _check_categories(table: Table, learned: pd.DataFrame) -> None:
    """Raise DataError where a category is none that the table has learned."""
    for column in (*table.features, *table.attributes):
        if column.kind != "category":
            continue
        values = learned[column.name]
        is_unknown = column.encode(values) < 0
        if column in table.attributes and not column.missing:
            is_unknown = is_unknown | values.isna().to_numpy()
        if is_unknown.any():
            row = int(np.argmax(is_unknown))
            known = ", ".join(map(str, column.categories[:N_NAMED]))
            if len(column.categories) > N_NAMED:
                known += ", ..."
            raise DataError(
                f"column '{column.name}' of the recent rows is '{values.iloc[row]}' in "
                f"{row_name(values, row)}, which the model has not learned; it knows {known}."
            )


def _series(
    table: Table, learned: pd.DataFrame, is_first: np.ndarray, times: np.ndarray
) -> SeriesSet:
    """Return rows as the model reads them."""
    rows = Rows(frame=learned, times=times, is_first_of_id=is_first, is_first=is_first)
    medians: list[Callable[[], float]] = []
    for column in table.features:
        medians.append(partial(_median, column, learned))
    return SeriesSet(
        name="recent",
        values=table.encode(rows, medians),
        lengths=rows.lengths,
        features=table.series_features(),
        attributes=table.learned_labels(learned.iloc[rows.first]),
        origin="original",
        interval=table.clock.interval,
        dates=table.clock.known_dates(times, is_first) if table.clock.has_dates else None,
    )


def _median(column: ColumnCodec, learned: pd.DataFrame) -> float:
    """Return the median of a column's numbers, 0 where there are none."""
    x = column.encode(learned[column.name])
    x = x[np.isfinite(x)]
    if not len(x):
        return 0.0
    return median(lambda: [x])
