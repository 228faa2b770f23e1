"""SeriesSet: the one type that travels from a raw file to a verdict.

A set of multivariate series of unequal length ("ragged"), stored as one flat array and the lengths,
never padded on disk, with what does not change in time (attributes), where the data came from
(origin) and who made it (model). Real and synthetic series are the same type, so that every metric
and every downstream task takes two of them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

import numpy as np
import pandas as pd

from tst.errors import DataError, short_message, translate_errors
from tst.io import files, mapped, untrusted
from tst.vocabulary import ORIGINS

FORMAT = "seriesset-1"
FILES = ("meta.json", "values.npy", "lengths.npy", "attributes.parquet")
DATES = "dates.npy"  # of a set that has a calendar
AGAIN = "write it again with SeriesSet.save"
BLOCK_SERIES = 2**16  # whose attributes are written as text at once
MAX_EXACT = 2**53  # up to which float64 holds each whole number

Kind = Literal["continuous", "categorical"]
KINDS: tuple[str, ...] = get_args(Kind)
Count = TypeVar("Count", int, np.ndarray)


def offsets(lengths: np.ndarray) -> np.ndarray:
    """Return the first row of each series in a flat array, last their number: (n_series + 1,)."""
    return np.concatenate([[0], np.cumsum(lengths)])


def ceil_div(n: Count, size: int) -> Count:
    """Return how many parts of a size hold n things, the last one perhaps not full."""
    return -(-n // size)


@dataclass(frozen=True)
class Feature:
    """A measurement that changes in time: its name, kind (continuous or categorical) and unit.

    Where not its values are learned, the unit says what is: their size, say.
    """

    name: str
    kind: Kind = "continuous"
    unit: str = ""

    @property
    def label(self) -> str:
        """Return its name, and its unit where it has one."""
        return ", ".join(filter(None, (self.name, self.unit)))


@dataclass(frozen=True, eq=False)
class SeriesSet:
    """Ragged multivariate time series with attributes and origin.

    Parameters
    ----------
    name
        Key of the data set.
    values
        float32, shape (sum of lengths, n_features): the series one after another. Finite.
    lengths
        int64, shape (n_series,): steps of each series, all >= 1.
    features
        One `Feature` a column of `values`.
    attributes
        DataFrame of n_series rows. Columns of categorical dtype describe a series and may be
        modelled (domain, end_event); other columns only identify it (page, job).
    origin
        A key of `tst.vocabulary.ORIGINS`: what the values, or the data that a generator was
        trained on, go back to.
    interval
        Time between two steps, as pandas spells it ("5min", "1D").
    model
        "real", or the key of the generator that made the series.
    label
        Name of the attribute that a classifier predicts, or None.
    group
        Name of the attribute that must not be divided by a split (instance, job), or None.
    dates
        int64, shape (sum of lengths,): the date that is known of each step before its values, in
        nanoseconds since 1970: its own or, where steps are uneven, that of the step before. None
        where a set has no calendar.

    Raises
    ------
    DataError
        Where shapes disagree, a value is not finite, a length is below 1 or a name is unknown.
    """

    name: str
    values: np.ndarray
    lengths: np.ndarray
    features: Sequence[Feature]
    attributes: pd.DataFrame
    origin: str
    interval: str
    model: str = "real"
    label: str | None = None
    group: str | None = None
    dates: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_facts(self)
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "values", _numbers(self, "values", np.float32))
        object.__setattr__(self, "lengths", _numbers(self, "lengths", np.int64))
        object.__setattr__(self, "attributes", self.attributes.reset_index(drop=True))
        _check_shapes(self)
        _check_values(self)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return series `index` as a view, shape (length, n_features)."""
        index = range(len(self))[index]
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __repr__(self) -> str:
        shortest, longest = self.lengths.min(), self.lengths.max()
        length = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
        source = ORIGINS[self.origin]
        if self.model != "real":
            source = f"{self.model} from {source}"
        features = "1 feature" if self.n_features == 1 else f"{self.n_features} features"
        return (
            f"SeriesSet({self.name}, {source}: {len(self):,} series of {length} steps, "
            f"{features}, one step per {self.interval})"
        )

    @cached_property
    def offsets(self) -> np.ndarray:
        """First row in `values` of each series, and last their number: int64 (n_series + 1,)."""
        return offsets(self.lengths)

    @property
    def n_features(self) -> int:
        """Number of measurements a step."""
        return len(self.features)

    @property
    def feature_names(self) -> list[str]:
        """Names of the measurements, in the order of the columns of `values`."""
        return [feature.name for feature in self.features]

    @property
    def labels(self) -> np.ndarray:
        """The label column as an array of strings, shape (n_series,)."""
        if self.label is None:
            raise DataError(
                f"series set '{self.name}' has no label; name one of {list(self.attributes)}."
            )
        return self.attributes[self.label].astype(str).to_numpy()

    @property
    def units(self) -> np.ndarray:
        """Which unit each series is of, int64 (n_series,): its group, or it alone."""
        if self.group is None:
            return np.arange(len(self))
        codes, _ = pd.factorize(self.attributes[self.group], use_na_sentinel=False)
        return codes.astype(np.int64)

    @property
    def series_index(self) -> np.ndarray:
        """Number of the series that each row of `values` belongs to: int64 (sum of lengths,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def step_index(self) -> np.ndarray:
        """Step within its series, from 0, of each row of `values`: int64 (sum of lengths,)."""
        return np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)

    def take(self, indices: Sequence[int] | np.ndarray) -> Self:
        """Return the series at `indices`, in that order; repeats are allowed."""
        indices = np.asarray(indices, dtype=np.int64)
        return self.pieces(indices, np.zeros_like(indices), self.lengths[indices])

    def pieces(self, indices: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Self:
        """Return contiguous pieces of series as series.

        Parameters
        ----------
        indices, starts, lengths
            int64, (n_pieces,) each: the series, the first step, and the number of steps of each.
        """
        n_rows = int(lengths.sum())
        values = mapped.empty((n_rows, self.n_features), np.float32)
        dates = None if self.dates is None else mapped.empty((n_rows,), np.int64)
        first_rows = offsets(lengths)  # of the pieces in the result
        row_bytes = 8 * (self.n_features + 2)  # of a number, a row's index and what makes it
        n_blocks = ceil_div(n_rows * row_bytes, mapped.BLOCK_BYTES)
        bounds = np.searchsorted(first_rows, np.linspace(0, n_rows, max(1, n_blocks) + 1))
        for first, last in pairwise(np.unique(bounds)):
            part = slice(first, last)
            # A row of the result lies this far from its row in `values`.
            distance = self.offsets[indices[part]] + starts[part] - first_rows[part]
            rows = np.arange(first_rows[first], first_rows[last])
            rows += np.repeat(distance, lengths[part])
            values[first_rows[first] : first_rows[last]] = self.values[rows]
            mapped.release(self.values)
            mapped.release(values)
            if dates is not None and self.dates is not None:
                dates[first_rows[first] : first_rows[last]] = self.dates[rows]
        return replace(
            self,
            values=values,
            lengths=lengths,
            attributes=self.attributes.iloc[indices],
            dates=dates,
        )

    def excerpt(self, max_values: int) -> Self:
        """Return the set, or a part of it where it has more values than `max_values`.

        The part is drawn without a seed of anybody's: the same set has the same excerpt. Series are
        drawn, and those in which each measurement is least and greatest are among them, so that
        ranges are the whole set's. Where they would take more than twice `max_values`, long
        series are cut into pieces first, of which some are drawn alike.
        """
        max_rows = max(1, max_values // self.n_features)
        if len(self.values) <= max_rows:
            return self
        extreme_rows = self._extreme_rows()
        chosen = self._drawn(max_rows, extreme_rows)
        if self.lengths[chosen].sum() <= 2 * max_rows:
            return self.take(chosen)
        cut = self._cut(max(1, max_rows // (2 * self.n_features)))
        return cut.take(cut._drawn(max_rows, extreme_rows))

    def _drawn(self, max_rows: int, extreme_rows: np.ndarray) -> np.ndarray:
        """Return the numbers of drawn series, of `max_rows` steps, and of those with some rows."""
        order = np.random.default_rng(0).permutation(len(self))
        n_drawn = int(np.searchsorted(np.cumsum(self.lengths[order]), max_rows, "right"))
        extreme = np.searchsorted(self.offsets, extreme_rows, side="right") - 1
        return np.union1d(order[: max(1, n_drawn)], extreme)

    def _cut(self, n_steps: int) -> Self:
        """Return the set, each series cut into even pieces of at most `n_steps`."""
        n_pieces = ceil_div(self.lengths, n_steps)
        series = np.repeat(np.arange(len(self)), n_pieces)
        piece = np.arange(len(series)) - offsets(n_pieces)[series]  # of its series
        lengths = self.lengths[series] // n_pieces[series]
        lengths += piece < self.lengths[series] % n_pieces[series]
        return replace(self, lengths=lengths, attributes=self.attributes.iloc[series])

    def _extreme_rows(self) -> np.ndarray:
        """Return the rows in which each measurement is least and greatest: (2, n_features)."""
        columns = np.arange(self.n_features)
        rows = []  # that are extreme in some block
        for block in mapped.blocks(self.values):
            values = np.asarray(self.values[block])
            rows += [values.argmin(0) + block.start, values.argmax(0) + block.start]
        candidates = np.stack(rows)  # (2 * n_blocks, n_features)
        values = self.values[candidates, columns]
        extreme = [candidates[values.argmin(0), columns], candidates[values.argmax(0), columns]]
        return np.stack(extreme)

    def head(self, n_steps: int) -> Self:
        """Return the first `n_steps` steps of each series (all of a shorter one)."""
        is_kept = self.step_index < n_steps
        return replace(
            self,
            values=self.values[is_kept],
            lengths=np.minimum(self.lengths, n_steps),
            dates=None if self.dates is None else self.dates[is_kept],
        )

    def padded(
        self, n_steps: int | None = None, fill: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return (values, mask), each series cut after `n_steps` or filled up with `fill`.

        Shapes are float32 (n_series, n_steps, n_features) and bool (n_series, n_steps), where True
        means observed; `n_steps` is by default that of the longest series.
        """
        if n_steps is None:
            n_steps = int(self.lengths.max())
        mask = np.arange(n_steps) < self.lengths[:, None]  # (n_series, n_steps)
        values = np.full((len(self), n_steps, self.n_features), fill, dtype=np.float32)
        values[mask] = self.head(n_steps).values
        return values, mask

    def split(
        self,
        fraction: float = 0.5,
        stratify: str | None = None,
        group: str | None = None,
        seed: int = 0,
    ) -> tuple[Self, Self]:
        """Return (first, second), disjoint; `first` holds about `fraction` of the series.

        Parameters
        ----------
        stratify
            Attribute whose shares both parts keep. A class with one member goes to the first part.
        group
            Attribute whose values are never divided between the parts.
        """
        if stratify and group:
            raise DataError("split: give 'stratify' or 'group', not both.")
        for column in filter(None, (stratify, group)):
            if column not in self.attributes:
                raise DataError(
                    f"split: '{column}' is not among the attributes {list(self.attributes)}."
                )
        if not 0 < fraction < 1:
            raise DataError(f"split: fraction is {fraction}; give a number between 0 and 1.")
        first, second = self._split_indices(fraction, stratify, group, seed)
        return self.take(np.sort(first)), self.take(np.sort(second))

    def _split_indices(
        self, fraction: float, stratify: str | None, group: str | None, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the series of both parts, in no order."""
        # Here, for a notebook that splits nothing does without its second of imports.
        from sklearn.model_selection import GroupShuffleSplit, train_test_split

        everything = np.arange(len(self))
        if len(self) < 2:
            raise DataError(
                f"split: series set '{self.name}' has one series; at least two are needed."
            )
        if group:
            groups = self.attributes[group].astype(str)
            if groups.nunique() < 2:
                raise DataError(
                    f"split: '{group}' has one value only; a split by group needs at least two."
                )
            splitter = GroupShuffleSplit(n_splits=1, train_size=fraction, random_state=seed)
            return next(splitter.split(everything, groups=groups))
        if not stratify:
            return train_test_split(everything, train_size=fraction, random_state=seed)
        classes = self.attributes[stratify].astype(str)
        single = everything[classes.map(classes.value_counts()) < 2]  # alone in their class
        others = np.setdiff1d(everything, single)
        first, second = train_test_split(
            others, train_size=fraction, random_state=seed, stratify=classes[others]
        )
        return np.concatenate([first, single]), second

    def sha256(self) -> str:
        """Return the fingerprint of values, lengths and attributes."""
        digest = hashlib.sha256()
        for block in mapped.blocks(self.values):
            digest.update(self.values[block].tobytes())
        digest.update(self.lengths.tobytes())
        if self.dates is not None:
            digest.update(self.dates.tobytes())
        for first in range(0, len(self), BLOCK_SERIES):
            rows = self.attributes.iloc[first : first + BLOCK_SERIES].astype(str)
            digest.update(rows.to_csv(index=False, header=first == 0).encode())
        return digest.hexdigest()

    def save(self, folder: Path | str) -> None:
        """Write a folder, replaced whole or not at all: .npy, parquet and JSON files; no pickle."""
        names = ("name", "origin", "interval", "model", "label", "group")
        meta = {
            "format": FORMAT,
            "sha256": self.sha256(),
            "features": [[feature.name, feature.kind, feature.unit] for feature in self.features],
            "categorical": list(self.attributes.select_dtypes("category")),
            **{name: getattr(self, name) for name in names},
        }
        with files.replacing_folder(folder) as part:
            mapped.save(self.values, part / "values.npy")
            np.save(part / "lengths.npy", self.lengths, allow_pickle=False)
            if self.dates is not None:
                mapped.save(self.dates, part / DATES)
            self.attributes.to_parquet(part / "attributes.parquet")
            (part / "meta.json").write_text(json.dumps(meta, indent=1))

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote; raises DataError where it is missing or damaged."""
        folder = Path(folder)
        for name in FILES:
            if not (folder / name).is_file():
                raise DataError(
                    f"no series set at {folder}: {name} is missing; write it with SeriesSet.save."
                )
        with translate_errors(f"the series set at {folder} is damaged", AGAIN):
            meta = untrusted.read_json(folder / "meta.json")
            data_format = meta.pop("format")
            checksum = meta.pop("sha256")
            if data_format != FORMAT:
                raise DataError(
                    f"the series set at {folder} has format '{data_format}', "
                    f"this version reads '{FORMAT}'."
                )
            values = untrusted.read_array(folder / "values.npy")
            lengths = untrusted.read_array(folder / "lengths.npy")
            if (folder / DATES).is_file():
                meta["dates"] = untrusted.read_array(folder / DATES)
            attributes = untrusted.read_parquet(folder / "attributes.parquet", AGAIN)
            if attributes.columns.empty:  # parquet keeps no number of rows without columns
                attributes = pd.DataFrame(index=range(len(lengths)))
            for name in meta.pop("categorical", []):  # parquet forgets it of categories of numbers
                attributes[name] = attributes[name].astype("category")
            features = [Feature(*parts) for parts in meta.pop("features")]
            loaded = cls(
                values=values, lengths=lengths, features=features, attributes=attributes, **meta
            )
        if loaded.sha256() != checksum:
            raise DataError(f"the series set at {folder} does not match its checksum; {AGAIN}.")
        return loaded


def n_holders(codes: np.ndarray, owners: np.ndarray, n_codes: int) -> np.ndarray:
    """Return how many owners each code has, int64 (n_codes,).

    Parameters
    ----------
    codes, owners
        int, (rows,) each: whole numbers from 0.
    """
    n_owners = int(owners.max()) + 1
    pairs = np.unique(codes.astype(np.int64) * n_owners + owners)
    return np.bincount(pairs // n_owners, minlength=n_codes)


def concat(sets: Sequence[SeriesSet]) -> SeriesSet:
    """Return the series of all sets, which agree in origin and features, under the first's name."""
    first = sets[0]
    for other in sets[1:]:
        if other.origin != first.origin:
            raise DataError(
                f"will not mix {first.origin} and {other.origin} series of '{first.name}' "
                "in one set."
            )
        if other.feature_names != first.feature_names:
            raise DataError(
                f"cannot join: features {first.feature_names} and {other.feature_names} differ."
            )
    dates = [one.dates for one in sets if one.dates is not None]
    return replace(
        first,
        values=np.concatenate([one.values for one in sets]),
        lengths=np.concatenate([one.lengths for one in sets]),
        attributes=_concat_frames([one.attributes for one in sets]),
        dates=np.concatenate(dates) if len(dates) == len(sets) else None,
    )


def _concat_frames(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all frames; columns that are categorical in all of them stay so."""
    columns = list(frames[0])
    joined = pd.concat([frame[columns] for frame in frames], ignore_index=True)
    for column in columns:
        parts = [frame[column] for frame in frames]
        if all(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
            joined[column] = pd.api.types.union_categoricals(parts)
    return joined


def from_list(arrays: Sequence[np.ndarray], **fields: Any) -> SeriesSet:
    """Return a SeriesSet of arrays of shape (length, n_features); fields as in `SeriesSet`."""
    if not len(arrays):
        name = fields.get("name", "")
        raise DataError(f"series set '{name}' is empty: give at least one series.")
    lengths = np.array([len(array) for array in arrays])
    return SeriesSet(values=np.concatenate(arrays), lengths=lengths, **fields)


def _check_facts(series: SeriesSet) -> None:
    """Raise DataError where a name is no text, or attributes, features or a role are unfit."""
    where = f"series set '{series.name}'"
    for field in ("name", "origin", "interval", "model"):
        text = getattr(series, field)
        if not isinstance(text, str):
            raise DataError(f"{where}: {field} is {repr(text)[:40]}; give a text.")
    if not isinstance(series.attributes, pd.DataFrame) or not series.attributes.columns.is_unique:
        raise DataError(
            f"{where}: attributes must be a DataFrame with distinct columns; "
            "rename what stands twice."
        )
    features = series.features if isinstance(series.features, list | tuple) else []
    texts = [getattr(f, part, None) for f in features for part in ("name", "kind", "unit")]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(
            f"{where}: each of the features needs a name, a kind and a unit as text; "
            "give one or more."
        )
    if series.origin not in ORIGINS:
        raise DataError(
            f"{where}: unknown origin '{series.origin}'; use one of {', '.join(ORIGINS)}."
        )
    if any(feature.kind not in KINDS for feature in features):
        raise DataError(f"{where}: a feature's kind must be one of {', '.join(KINDS)}.")
    for role in ("label", "group"):
        column = getattr(series, role)
        if column is None:
            continue
        if not isinstance(column, str) or column not in series.attributes:
            known = ", ".join(map(str, series.attributes))[:100] or "none"
            raise DataError(
                f"{where}: {role} '{str(column)[:40]}' is not among the attributes: {known}."
            )


def _numbers(series: SeriesSet, field: str, dtype: type[np.float32 | np.int64]) -> np.ndarray:
    """Return a field as a contiguous array of a dtype; raises DataError where it does not fit."""
    where = f"series set '{series.name}'"
    try:
        given = np.asarray(getattr(series, field))
        fits = given.size == 0 or given.dtype.kind in "fiub"
        if fits and dtype is np.int64 and given.dtype.kind in "fu":
            is_whole = (given == np.round(given)) & (np.abs(given) < MAX_EXACT)
            fits = bool(is_whole.all())
        if fits:
            with np.errstate(over="ignore", invalid="ignore"):
                return np.ascontiguousarray(given, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        reason = short_message(error)
        raise DataError(f"{where}: {field} are no array of numbers ({reason}).") from None
    expected = "whole numbers" if dtype is np.int64 else "numbers"
    raise DataError(f"{where}: {field} hold {given.dtype}, not {expected}; convert them first.")


def _check_shapes(series: SeriesSet) -> None:
    """Raise DataError where values, lengths, features and attributes do not fit each other."""
    where = f"series set '{series.name}'"
    lengths = series.lengths
    if lengths.ndim != 1 or len(lengths) == 0:
        raise DataError(f"{where} is empty: give at least one series.")
    if lengths.min() < 1:
        raise DataError(
            f"{where}: series {lengths.argmin()} has no steps; drop empty series first."
        )
    # Large lengths, as a hostile file claims, are added as Python's integers, which do not wrap.
    exact = lengths.astype(object) if lengths.max() > MAX_EXACT else lengths
    shape = (int(exact.sum()), len(series.features))
    if series.values.shape != shape:
        raise DataError(
            f"{where}: values have shape {series.values.shape}, "
            f"lengths and features ask for {shape}."
        )
    if len(series.attributes) != len(lengths):
        raise DataError(
            f"{where}: {len(series.attributes)} rows of attributes for {len(lengths)} series."
        )
    if series.dates is not None and (
        series.dates.dtype != np.int64 or series.dates.shape != shape[:1]
    ):
        raise DataError(f"{where}: dates must be {shape[0]} whole numbers, one a step.")
    names = series.feature_names
    if len(set(names)) != len(names):
        raise DataError(f"{where}: a feature name stands twice; rename one of {names}.")


def _check_values(series: SeriesSet) -> None:
    """Raise DataError where a value is missing or infinite."""
    for block in mapped.blocks(series.values):
        is_bad = ~np.isfinite(series.values[block])
        if not is_bad.any():
            continue
        row, column = np.argwhere(is_bad)[0] + (block.start, 0)
        index = int(np.searchsorted(series.offsets, row, side="right") - 1)
        raise DataError(
            f"series set '{series.name}': feature '{series.features[column].name}' "
            f"of series {index} has a missing or infinite value "
            f"at step {row - series.offsets[index]}; drop or fill it first."
        )
