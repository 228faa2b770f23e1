"""A user's long table as a SeriesSet, and a synthetic SeriesSet as such a table.

`Table.fit` settles the columns' roles and codes, and lists everything that it did about problems.
`to_frame` writes synthetic series in the same columns, order and dtypes, with new ids and regular
times. The order of the rows in the table does not matter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tst.cycles import Cycles
from tst.errors import DataError
from tst.io import mapped
from tst.io.untrusted import from_mapping
from tst.series import Feature, Kind, SeriesSet
from tst.table import holidays
from tst.table.calendar import Clock
from tst.table.columns import ColumnCodec, Problem
from tst.table.dialect import Dialect
from tst.table.holidays import Holiday
from tst.table.keys import Keys
from tst.table.large import guess_keys, sort_file
from tst.table.names import NewNames
from tst.table.overlap import STRETCH, windows
from tst.table.parts import RESERVED, divide_columns
from tst.table.relations import (
    BEGUN,
    DERIVED,
    Places,
    Relation,
    Transitions,
    in_cells,
    restore_all,
)
from tst.table.roles import Roles
from tst.table.rows import Rows, SortedTable, sort_rows
from tst.table.shape import Shape, find_shape
from tst.table.source import ChunkedFile, labels_of, read
from tst.table.stretches import Stretches
from tst.table.timeline import Timeline
from tst.table.values import fill_gaps, free_name, median
from tst.table.written import padded, truths_as_written

GAP_MARK = " missing"  # ends the name of a companion feature
PART_OF = "series"  # attribute that names the series which a part was cut from


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a table's columns are and how they are coded.

    Parameters
    ----------
    order
        Names of all columns that a synthetic table has, in order.
    labels
        Names of columns that are no text, as whole numbers: (as text, as they are).
    padded
        Times that are numbers with zeros in front: (column, digits).
    shape
        How the table became one with a row a step, None where it is one.
    keys
        The id and the time.
    names
        How new ids are made, and new values of attributes that name their series.
    row_names
        The same, of columns that have another value in nearly every row.
    bound
        Attributes that follow from the id, where that is one of several columns.
    clock
        The time.
    stretches
        Into which a table of one series is cut, or None.
    features, attributes
        `ColumnCodec`s of columns that change in time, and that do not.
    constants
        `ColumnCodec`s of columns with one value in all rows, which are written back as they are.
    label
        Name of the attribute that tells classes, or None.
    problems
        `Problem`s: the list that the report shows.
    relations
        What holds in every row: applied before columns are coded, restored when they are written.
    holidays
        Days on which measurements are lower or higher: taken out of what is learned, put back when
        it is written.
    dialect
        How the values of a CSV are set apart.
    """

    order: tuple[str, ...]
    labels: tuple[tuple[str, int | float], ...]
    padded: tuple[tuple[str, int], ...]
    shape: Shape | None
    keys: Keys
    names: tuple[NewNames, ...]
    row_names: tuple[NewNames, ...]
    bound: tuple[str, ...]
    clock: Clock
    stretches: Stretches | None
    features: tuple[ColumnCodec, ...]
    attributes: tuple[ColumnCodec, ...]
    constants: tuple[ColumnCodec, ...]
    label: str | None
    problems: tuple[Problem, ...]
    relations: tuple[Relation, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    dialect: Dialect = Dialect()

    @classmethod
    def fit(
        cls,
        source: pd.DataFrame | Path | str,
        settings: Roles | Mapping[str, object] | Path | str | None = None,
        name: str = "own",
    ) -> tuple["Table", SeriesSet]:
        """Learn what a table's columns are.

        Parameters
        ----------
        source
            A DataFrame, or the path of a CSV, CSV.gz or Parquet file.
        settings
            `Roles`, a mapping or a YAML file, where the guess of the roles is wrong.
        name
            Of the series set.

        Returns
        -------
        table, series
            The `Table`, and its rows as a `SeriesSet`.

        Raises
        ------
        DataError
            Where the table cannot be learned: what, where and what to do.
        """
        roles = Roles.read(settings)
        file = None if isinstance(source, pd.DataFrame) else ChunkedFile(source)
        shape = None
        if file is not None:
            file.check_columns()
        if file is not None and file.is_large:
            rows = sort_file(file, roles)
        else:
            frame = read(source if file is None else file)
            n_rows = len(frame)
            roles.check(list(frame))
            shape = find_shape(frame, roles)
            if shape is not None:
                frame = shape.to_long(frame)
                roles = shape.roles(roles)
            keys = Keys.of(frame, roles)
            rows = sort_rows(keys.add(frame), keys, roles)
            if shape is not None:
                rows = replace(rows, problems=(shape.problem(n_rows), *rows.problems))
        rows = rows.related()
        parts = divide_columns(rows, roles)
        table = cls(
            order=parts.order,
            labels=labels_of(source),
            padded=() if file is None else file.written.padded,
            shape=shape,
            keys=rows.keys,
            names=parts.names,
            row_names=parts.row_names,
            bound=parts.bound,
            clock=rows.clock,
            stretches=rows.stretches,
            features=parts.features,
            attributes=parts.attributes,
            constants=parts.constants,
            label=roles.label,
            problems=parts.problems,
            relations=rows.relations,
            dialect=Dialect() if file is None else file.dialect,
        )
        table.new_ids(
            np.arange(rows.n_series), rows.n_series
        )  # fails early where new ids do not fit the id's dtype
        return table._with_holidays(rows, table.to_series(rows, name), roles.holidays)

    def _with_holidays(
        self, rows: SortedTable, series: SeriesSet, listed: Sequence[str]
    ) -> tuple["Table", SeriesSet]:
        """Return the table and its series with the holidays that are found or listed."""
        measured: dict[int, ColumnCodec] = {}
        if not self.clock.intervals:  # of uneven steps the dates are those of the rows before
            positions = self._positions().items()
            measured = {i: one for i, one in positions if one.is_numeric and not one.epoch}
        found = holidays.find(series, measured, listed, self.is_one_series)
        if not found or series.dates is None:
            return self, series
        problems = (*self.problems, *holidays.problems_of(found, series.dates))
        table = replace(self, holidays=found, problems=problems)
        return table, table.to_series(rows, series.name)

    @classmethod
    def check(
        cls,
        source: pd.DataFrame | Path | str,
        settings: Roles | Mapping[str, object] | Path | str | None = None,
    ) -> "tuple[Table, SeriesSet] | Keys":
        """Raise DataError soon where `fit` would, and return what it returns.

        Of a large file only the beginning is read, and the id and the time are returned.
        """
        file = None if isinstance(source, pd.DataFrame) else ChunkedFile(source)
        if file is not None and file.is_large:
            file.check_columns()
            return guess_keys(file, Roles.read(settings))[1]
        return cls.fit(source, settings)

    def to_series(self, table: SortedTable, name: str) -> SeriesSet:
        """Return a sorted table as a SeriesSet: an attribute is taken from a series' first row."""
        features = self.series_features()
        values = mapped.empty((table.n_rows, len(features)), np.float32)
        has_calendar = self.clock.has_dates and not (self.is_one_series and self.clock.intervals)
        dates = mapped.empty((table.n_rows,), np.int64) if has_calendar else None
        lengths = []
        attributes = []
        names = []  # of the series that parts were cut from
        # Of all numbers of a column: found once at most, for each goes through all parts.
        medians = [cache(partial(_median, table, column)) for column in self.features]
        row = 0
        for rows in table.parts():
            n_rows = len(rows.frame)
            values[row : row + n_rows] = self.encode(rows, medians)
            mapped.release(values)
            if dates is not None:
                dates[row : row + n_rows] = self.clock.known_dates(rows.times, rows.is_first)
            row += n_rows
            lengths.append(rows.lengths)
            first = rows.frame.iloc[rows.first]
            labels = self.learned_labels(first)
            if rows.stretch is not None:
                labels[STRETCH] = rows.stretch[rows.first]
            attributes.append(labels)
            if table.is_cut and not table.has_few_ids:
                names.append(first[table.id_column].astype(str).to_numpy())
        frame = pd.concat(attributes, ignore_index=True)
        group = None
        if names:
            group = free_name(PART_OF, self.order)
            frame[group] = np.concatenate(names)
        all_lengths = np.concatenate(lengths)
        return SeriesSet(
            name=name,
            values=values,
            lengths=all_lengths,
            features=features,
            attributes=frame,
            origin="original",
            interval=self.clock.interval,
            label=self.label,
            group=group,
            dates=None if Cycles.of(dates, all_lengths) is None else dates,
        )

    @property
    def _known_stretches(self) -> Stretches:
        """The stretches; raises ValueError where the table has none."""
        if self.stretches is None:
            raise ValueError("the table has no stretches")
        return self.stretches

    def overlapping(self, series: SeriesSet) -> SeriesSet:
        """Return the windows from which one series is learned, of its stretches or some of them."""
        return windows(series, self._known_stretches.lead)

    def stretched(self, series: SeriesSet, has_dates: bool) -> SeriesSet:
        """Return one synthetic series, of n stretches, as these, with their dates or without."""
        stretches = self._known_stretches
        n_stretches = len(series.values) // stretches.n_steps
        lengths = np.full(n_stretches, stretches.n_steps)
        dates = None
        if has_dates:
            dates = stretches.times(lengths, self.clock, 0, None)
        return replace(
            series, lengths=lengths, attributes=pd.DataFrame(index=range(n_stretches)), dates=dates
        )

    def timeline(self, n_series: int, seed: int, first: int = 0, longest: int = 1) -> Timeline:
        """Return when synthetic series of this table, whose times are dates, begin and go on.

        Parameters
        ----------
        seed
            Of the starts.
        first
            How many series come before, where these are a part of a synthetic table.
        longest
            Steps of the longest series that there may be.
        """
        if self.stretches is not None and self.is_one_series:
            starts = self.stretches.starts(n_series, self.clock, first, longest)
            return Timeline(clock=self.clock, starts=starts, is_fixed=True)
        rng = np.random.default_rng([seed, n_series, first])
        starts = self.clock.starts.draw_any(n_series, self.clock.calendar, np.dtype(np.int64), rng)
        return self.timeline_from(starts, is_fixed=False)

    def timeline_from(self, starts: np.ndarray, is_fixed: bool = True) -> Timeline:
        """Return how series go on that begin at such times, int64 nanoseconds (n_series,).

        Parameters
        ----------
        is_fixed
            Whether no start may be moved.
        """
        if not self.clock.intervals:
            return Timeline(clock=self.clock, starts=starts, is_fixed=is_fixed)
        column = next(one for one in self.features if one.name == self.clock.intervals)
        return Timeline(
            clock=self.clock,
            starts=starts,
            is_fixed=is_fixed,
            interval=[feature.name for feature in self.series_features()].index(column.name),
            shift=column.shift,
        )

    def transitions(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return {feature: (starts, follows, ends)} of states that do not all follow each other.

        Each bool, by the codes of the feature: (n_categories,), (n_categories, n_categories) and
        (n_categories,). Raises ValueError where a category of the feature is no state.
        """
        found = {}
        relations = {one.column: one for one in self.relations if isinstance(one, Transitions)}
        for column, name in zip(self.features, self._feature_names(), strict=True):
            if column.name not in relations:
                continue
            one = relations[column.name]
            places = pd.Index(one.states, dtype=object).get_indexer(
                pd.Index(column.categories, dtype=object)
            )
            if (places < 0).any():
                raise ValueError(f"'{one.text}' and its categories do not fit each other")
            follows = one.may_follow[np.ix_(places, places)]
            found[name] = (one.may_start[places], follows, one.may_end[places])
        return found

    @property
    def is_one_series(self) -> bool:
        """Whether the table is one series without an id, cut into stretches."""
        return self.stretches is not None and not self.keys.id

    def series_features(self) -> list[Feature]:
        """Return the features of a SeriesSet of this table."""
        learned_as = self._learned_as()
        features = []
        for column, label in zip(self.features, self._feature_names(), strict=True):
            if column.missing:
                features.append(Feature(free_name(label + GAP_MARK, self.order), "categorical"))
            kind: Kind = "categorical" if column.kind == "category" else "continuous"
            features.append(Feature(label, kind, ", ".join(learned_as.get(column.name, []))))
        return features

    def _learned_as(self) -> dict[str, list[str]]:
        """Return what is learned of columns, where it is not their values: their size, say."""
        found: dict[str, list[str]] = {}
        for one in self.relations:
            if one.learned_as:
                found.setdefault(one.column, []).append(one.learned_as)
        return found

    def encode(self, rows: Rows, medians: Sequence[Callable[[], float]]) -> np.ndarray:
        """Return the values of some rows, float32 (n_rows, n_features); a median a feature."""
        values = []
        for column, median_of_all in zip(self.features, medians, strict=True):
            x = column.encode(rows.frame[column.name])  # (n_rows,)
            if column.missing:
                values.append(~np.isfinite(x))
            x = holidays.without(self.holidays, column, x, rows.times)
            values.append(fill_gaps(x, rows.starts, median_of_all))
        return np.stack(values, axis=1).astype(np.float32)

    def to_frame(
        self,
        series: SeriesSet,
        seed: int = 0,
        first: int = 0,
        n_all: int | None = None,
        starts: np.ndarray | None = None,
    ) -> pd.DataFrame:
        """Return a SeriesSet as a table: same columns, order and dtypes, new ids, regular times.

        Parameters
        ----------
        series
            Of the features and attributes that the table has.
        seed
            Of the starts, and of the numbers within an attribute's ranges.
        first, n_all
            Where the series are a part of a synthetic table: the number of the first, from 0, and
            of all.
        starts
            Of series, where they are given instead of drawn, as `start_times` returns them.
        """
        rng = np.random.default_rng([seed, len(series)])
        series_of_row = series.series_index
        id_numbers = self._id_numbers(series, first)
        written = self.decoded(series.values, rng)
        intervals = None
        if self.clock.intervals:
            intervals = written.pop(self.clock.intervals).to_numpy()
        times = self._times(series, rng, first, intervals, starts)
        written |= self.on_holidays(series.values, times)
        for column in self.attributes:
            values = self._attribute_values(column, series, rng, first)
            if column.name in self.bound:  # as in the first series of its id
                _, first_of_id, of_series = np.unique(
                    id_numbers, return_index=True, return_inverse=True
                )
                values = values.iloc[first_of_id[of_series]]
            written[column.name] = values.iloc[series_of_row]
        n_rows = len(series_of_row)
        for names in self.row_names:
            numbers = first * int(series.lengths.max()) + np.arange(n_rows)
            written[names.column] = names.make(numbers, int(numbers[-1]) + 1)
        for column in self.constants:
            is_empty = np.full(len(series_of_row), not column.categories)
            written[column.name] = column.decode(np.zeros(len(series_of_row)), is_empty)
        frame = pd.DataFrame({name: column.array for name, column in written.items()})
        frame = restore_all(self.relations, frame, self._places(times, series_of_row, rng))
        if self.keys.id:
            ids = self.new_ids(id_numbers, n_all or len(series))
            frame[ids.name] = ids.iloc[series_of_row].array
        if self.keys.time:
            frame[self.clock.name] = self.clock.write(times).array
        return self.as_read(self.keys.parted(frame[list(self.order)]))

    def _places(
        self, times: np.ndarray, series_of_row: np.ndarray, rng: np.random.Generator
    ) -> Places:
        """Return where synthetic rows stand, of which each is of a series, or of a stretch."""
        if not self.is_one_series:
            is_first = np.diff(series_of_row, prepend=-1) > 0
            return Places(times=times, is_first=is_first, zone=self.clock.zone, rng=rng)
        is_first = np.arange(len(times)) == 0
        return Places(
            times=times, is_first=is_first, stretch=series_of_row, zone=self.clock.zone, rng=rng
        )

    def decoded(self, values: np.ndarray, rng: np.random.Generator) -> dict[str, pd.Series]:
        """Return the columns of features, as relations make them, of values (n_rows, n_features).

        Parameters
        ----------
        rng
            Draws the values of pooled categories.
        """
        written = {}
        position = 0  # of the column in values
        for column in self.features:
            missing = None
            if column.missing:
                missing = values[:, position] > 0
                position += 1
            written[column.name] = column.decode(values[:, position], missing, rng)
            position += 1
        return written

    def on_holidays(self, values: np.ndarray, times: np.ndarray) -> dict[str, pd.Series]:
        """Return the columns that holidays change, of values (n_rows, n_features) at some times."""
        changed = {holiday.column for holiday in self.holidays}
        written = {}
        for position, column in self._positions().items():
            if column.name not in changed:
                continue
            missing = values[:, position - 1] > 0 if column.missing else None
            x = holidays.with_them(self.holidays, column, values[:, position], times)
            written[column.name] = column.decode(x, missing)
        return written

    def _positions(self) -> dict[int, ColumnCodec]:
        """Return the column of each feature of a SeriesSet that is no companion."""
        positions = {}
        n_before = 0
        for column in self.features:
            n_before += column.missing
            positions[n_before] = column
            n_before += 1
        return positions

    def as_read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a long table in the shape that the user's has, its names and times as written."""
        for name, width in self.padded:
            if name in frame:
                frame[name] = padded(frame[name], width)
        if self.shape is not None:
            frame = self.shape.restored(frame)
        labels = dict(self.labels)
        frame.columns = pd.Index([labels.get(name, name) for name in frame])
        return frame

    def _times(
        self,
        series: SeriesSet,
        rng: np.random.Generator,
        first: int,
        intervals: np.ndarray | None,
        starts: np.ndarray | None,
    ) -> np.ndarray:
        """Return the times of series: from their starts, or of stretches end to end."""
        if starts is None and series.dates is not None:
            starts = series.dates[series.offsets[:-1]]
            return self.clock.times(series.lengths, rng, intervals, starts)
        if self.stretches is not None and self.is_one_series:
            return self.stretches.times(series.lengths, self.clock, first, intervals)
        return self.clock.times(series.lengths, rng, intervals, starts)

    def _id_numbers(self, series: SeriesSet, first: int) -> np.ndarray:
        """Return the number of each series' id, int64 (n_series,): one each, or some again.

        Where the id is several columns, one of them has new names. Series that have other values
        in the others may share a name, as an item is sold in several stores: the n-th series of
        a store and of an item's attributes is the n-th item of such attributes.
        """
        own = first + np.arange(len(series))
        learned = {column.name: column for column in self.learned}
        beside = [name for name in self.keys.id if name != self._main]
        can_share = all(
            name in learned and learned[name].kind == "category" for name in beside
        ) and any(name in learned for name in beside)
        if not can_share:
            return own
        labels = series.attributes.astype(str)
        bound = [name for name in self.bound if name in learned]
        in_cell = labels.groupby([*beside, *bound], sort=False).cumcount()
        kinds = labels[bound].assign(place=in_cell)
        numbers = kinds.groupby(list(kinds), sort=False).ngroup().to_numpy()
        return first + numbers

    @property
    def _main(self) -> str:
        """The column of the id that has new names, or nothing."""
        return self.names[0].column if self.keys.id else ""

    @property
    def empty_columns(self) -> tuple[str, ...]:
        """Columns that have no value in any row."""
        return tuple(column.name for column in self.constants if not column.categories)

    def roles(self) -> pd.DataFrame:
        """Return a frame of each column's role and how it is learned."""
        rows = []
        learned_as = self._learned_as()
        for column in self._in_table(self.features):
            coding = _describe_coding(column, learned_as)
            rows.append((column.name, "feature", column.dtype, coding))
        kinds = (*DERIVED, *BEGUN)
        derived = {one.column: one for one in self.relations if isinstance(one, kinds)}
        for column in self.attributes:
            role = "id" if column.name in self.keys.id else "attribute"
            if column.name not in derived:
                coding = _describe_coding(column, learned_as)
                rows.append((column.name, role, column.dtype, coding))
        for names in self.row_names:
            rows.append((names.column, "feature", names.dtype, "not learned: new names"))
        for column in self.constants:
            if column.name not in derived:
                rows.append((column.name, "constant", column.dtype, "written back"))
        for relation in derived.values():
            rows.append((relation.column, "derived", relation.dtype, relation.text))
        places = {name: i for i, name in enumerate(self.order)}
        places |= {name: places[column] for name, column in in_cells(self.relations).items()}
        rows.sort(key=lambda row: places[row[0]])
        head = []
        if self.keys.id:
            head.append((self._main, "id", self.names[0].dtype, "new ones"))
        if self.keys.time:
            steps = "uneven steps" if self.clock.intervals else "regular"
            head.append((self.clock.name, "time", self.clock.dtype, steps))
        columns = ["column", "role", "dtype", "learned as"]
        return pd.DataFrame([*head, *rows], columns=columns)

    def problem_list(self) -> pd.DataFrame:
        """Return the problems as a frame."""
        names = ["column", "found, and what is done", "rows"]
        return pd.DataFrame(list(self.problems), columns=names)

    def given(self, name: str, value: object, shown: Callable[[float], str] | None = None) -> str:
        """Return the category of the model that a value of an attribute belongs to.

        Parameters
        ----------
        shown
            How the numbers of an attribute that is text are written.

        Raises
        ------
        DataError
            Where there is no such attribute, or the table has no such value of it.
        """
        learned = {column.name: column for column in self.learned}
        for number in in_cells(self.relations):  # a cell is written as a whole
            learned.pop(number, None)
        if name not in learned:
            raise DataError(
                f"'{name}' is not an attribute that can be given; these can: "
                f"{', '.join(learned) or 'none'}."
            )
        column = learned[name]
        if isinstance(value, bool | np.bool_):
            value = truths_as_written(column.categories).get(bool(value), value)
        label = column.to_label(value)
        if label is None:
            if column.categories:
                known = ", ".join(map(str, column.categories))
            else:
                written = shown or "{:g}".format
                known = f"numbers from {written(column.edges[0])} to {written(column.edges[-1])}"
                if shown is not None and isinstance(value, float):
                    value = shown(value)
            raise DataError(f"attribute '{name}' is '{value}'; the table has {known}.")
        return label

    def start_times(self, values: Sequence[object]) -> np.ndarray:
        """Return times that series are to start at, as the clock counts them, (n_series,).

        Raises
        ------
        DataError
            Where one is no time, or none of the table's calendar.
        """
        if not self.keys.time or self.is_one_series:
            raise DataError(
                "the table has no series with a start of their own: give attributes, or prolong "
                "rows (continue_from)."
            )
        return self.clock.given_starts(values)

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold; `from_dict` is the inverse."""
        mapping = asdict(self)
        if not self.holidays:  # as it was written before there were any
            del mapping["holidays"]
        if self.dialect == Dialect():
            del mapping["dialect"]
        return mapping

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "Table":
        """Return the table that JSON held; raises an error where it cannot be one."""
        facts = dict(mapping)
        for part in ("features", "attributes", "constants"):
            facts[part] = tuple(map(ColumnCodec.from_dict, mapping[part]))
        facts["problems"] = tuple(Problem(*problem) for problem in mapping["problems"])
        table = from_mapping(cls, facts)
        columns = [*table._in_table(table.features), *table.attributes, *table.constants]
        names = [column.name for column in columns]
        measured = {column.name for column in table.features if column.is_numeric}
        if not {one.column for one in table.holidays} <= measured:
            raise ValueError("the holidays of the table and its columns do not fit each other")
        names += [one.column for one in table.relations if isinstance(one, DERIVED)]
        names += [one.column for one in table.row_names]
        numbers = in_cells(table.relations)
        if not set(numbers) <= set(names):
            raise ValueError("the numbers in cells of the table and its columns do not fit")
        names = [*(name for name in names if name not in numbers), *set(numbers.values())]
        named = [one.column for one in table.names]
        names += [name for name in (*named[:1], table.clock.name) if name in table.order]
        nameless = {column.name for column in table.attributes if column.kind == "name"}
        is_named = nameless <= set(named) and bool(named) >= bool(table.keys.id)
        if sorted(table.order) != sorted(names) or not is_named:
            raise ValueError("the columns of the table and their order do not fit each other")
        table.transitions()  # fails early where they do not fit the columns
        return table

    def fits(self, n_categories: Sequence[int], categories: Mapping[str, Iterable[str]]) -> bool:
        """Tell whether a model's features and attributes are those of the table.

        Parameters
        ----------
        n_categories
            Of each feature of the model, 0 for a measurement.
        categories
            Of each attribute of the model, by its name.
        """
        most = []  # categories of each feature, 0 for a measurement
        for column in self.features:
            if column.missing:
                most.append(2)  # known, missing
            most.append(column.n_categories)
        labels = {column.name: set(column.labels) for column in self.learned}
        if len(most) != len(n_categories) or labels.keys() != categories.keys():
            return False
        for n, limit in zip(n_categories, most, strict=True):
            if n > limit or (limit == 0 and n != 0):
                return False
        return all(set(values) <= labels[name] for name, values in categories.items())

    def new_ids(self, numbers: np.ndarray, n_all: int) -> pd.Series:
        """Return new ids in the id's dtype; raises DataError where none are left.

        Parameters
        ----------
        numbers
            int, shape (n_series,): counted from 0.
        n_all
            How many series there are in all.
        """
        if not self.keys.id:
            return pd.Series(numbers)
        return self.names[0].make(numbers, n_all)

    def _attribute_values(
        self, column: ColumnCodec, series: SeriesSet, rng: np.random.Generator, first: int
    ) -> pd.Series:
        """Return the column of an attribute, one value a series, of which `first` come before."""
        if column.kind == "name":
            names = next(one for one in self.names if one.column == column.name)
            return names.make(first + np.arange(len(series)), first + len(series))
        return column.from_labels(series.attributes[column.name].astype(str), rng)

    def learned_labels(self, first: pd.DataFrame) -> pd.DataFrame:
        """Return the attributes that the model learns, of the first row of each series."""
        labels = {column.name: column.to_labels(first[column.name]) for column in self.learned}
        return pd.DataFrame(labels, index=pd.RangeIndex(len(first)))

    @property
    def learned(self) -> list[ColumnCodec]:
        """Attributes that the model learns."""
        return [column for column in self.attributes if column.kind != "name"]

    def _in_table(self, columns: Sequence[ColumnCodec]) -> list[ColumnCodec]:
        """Return the columns that the table has, without the interval."""
        return [column for column in columns if column.name != self.clock.intervals]

    def _feature_names(self) -> list[str]:
        """Return the features' names in a SeriesSet: the columns', but for reserved ones."""
        names = []
        for column in self.features:
            is_reserved = column.name in RESERVED
            names.append(free_name(f"{column.name}_", self.order) if is_reserved else column.name)
        return names


def _median(table: SortedTable, column: ColumnCodec) -> float:
    """Return the median of a column's numbers in the whole table."""

    def known() -> Iterator[np.ndarray]:
        for rows in table.parts():
            x = column.encode(rows.frame[column.name])
            yield x[np.isfinite(x)]

    return median(known)


def _describe_coding(column: ColumnCodec, learned_as: Mapping[str, Sequence[str]]) -> str:
    """Say how a column is learned, and what of it, where it is not its values."""
    return ": ".join([_describe_codes(column), *learned_as.get(column.name, [])])


def _describe_codes(column: ColumnCodec) -> str:
    """Say what numbers or levels a column is learned as."""
    if column.kind == "name":
        return "not learned: new names"
    if column.kind == "category":
        return f"{column.n_categories} levels"
    if column.edges:
        return f"{column.n_ranges} ranges"
    numbers = "whole numbers" if column.kind == "whole" else "numbers"
    return f"{numbers} with gaps" if column.missing else numbers
