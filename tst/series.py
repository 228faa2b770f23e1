"""SeriesSet: the one type that travels from a raw file to a verdict.

A set of multivariate series of unequal length ("ragged"), stored as one flat array and the lengths, never padded on
disk, with what does not change in time (attributes), where the data came from (origin) and who made it (model).
Real and synthetic series are the same type, so that every metric and every downstream task takes two of them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from tst import series_checks
from tst.errors import DataError, translate_errors
from tst.io import files, untrusted

ORIGINS, FORMAT = series_checks.ORIGINS, "seriesset-1"
FILES = ("meta.json", "values.npy", "lengths.npy", "attributes.parquet")


@dataclass(frozen=True)
class Feature:
    """A measurement that changes in time: its name, kind (continuous or categorical) and unit."""

    name: str
    kind: str = "continuous"
    unit: str = ""


@dataclass(frozen=True, eq=False)
class SeriesSet:
    """Ragged multivariate time series with attributes and origin.

    Parameters
    ----------
    name
        Dataset key: gcut, wwt, borg2019, gcut2011, or the user's own.
    values
        float32, shape (sum of lengths, n_features): the series one after another. Finite.
    lengths
        int64, shape (n_series,): steps of each series, all >= 1.
    features
        One `Feature` a column of `values`.
    attributes
        DataFrame of n_series rows. Columns of categorical dtype describe a series and may be modelled
        (domain, end_event); other columns only identify it (page, job).
    origin
        original, subset or simulated: what the values, or the data a generator was trained on, go back to.
    interval
        Time between two steps, as pandas spells it ("5min", "1D").
    model
        "real", or the key of the generator that made the series.
    label
        Name of the attribute that a classifier predicts, or None.
    group
        Name of the attribute that must not be divided by a split (instance, job), or None.

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

    def __post_init__(self) -> None:
        series_checks.check_facts(self)
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "values", series_checks.numbers(self, "values", np.float32))
        object.__setattr__(self, "lengths", series_checks.numbers(self, "lengths", np.int64))
        object.__setattr__(self, "attributes", self.attributes.reset_index(drop=True))
        series_checks.check_shapes(self)
        series_checks.check_values(self)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return series `index` as a view, shape (length, n_features)."""
        index = range(len(self))[index]
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __repr__(self) -> str:
        return (
            f"SeriesSet({self.name}, {self.origin}, {self.model}: {len(self):,} series of {self.lengths.min()}"
            f"..{self.lengths.max()} steps, {self.n_features} features, every {self.interval})"
        )

    @cached_property
    def offsets(self) -> np.ndarray:
        """First row in `values` of each series, and behind the last their number, shape (n_series + 1,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)])

    @property
    def n_features(self) -> int:
        """Number of measurements a step."""
        return len(self.features)

    @property
    def feature_names(self) -> list[str]:
        """Names of the measurements, in the order of the columns of `values`."""
        return [f.name for f in self.features]

    @property
    def labels(self) -> np.ndarray:
        """The label column as an array of strings, shape (n_series,)."""
        if self.label is None:
            raise DataError(
                f"series set '{self.name}' has no label; name one of {list(self.attributes)}."
            )
        return self.attributes[self.label].astype(str).to_numpy()

    @property
    def series_index(self) -> np.ndarray:
        """Number of the series that each row of `values` belongs to, shape (sum of lengths,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def step_index(self) -> np.ndarray:
        """Step within its series, from 0, of each row of `values`, shape (sum of lengths,)."""
        return np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)

    def take(self, indices: Sequence[int] | np.ndarray) -> Self:
        """Return the series at `indices`, in that order; repeats are allowed."""
        indices = np.asarray(indices, dtype=np.int64)
        lengths = self.lengths[indices]
        starts = np.repeat(
            self.offsets[indices] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths
        )
        rows = starts + np.arange(lengths.sum())
        return replace(
            self,
            values=self.values[rows],
            lengths=lengths,
            attributes=self.attributes.iloc[indices],
        )

    def head(self, n_steps: int) -> Self:
        """Return the first `n_steps` steps of each series (all of a shorter one)."""
        return replace(
            self,
            values=self.values[self.step_index < n_steps],
            lengths=np.minimum(self.lengths, n_steps),
        )

    def padded(
        self, n_steps: int | None = None, fill: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return (values, mask): float32 (n_series, n_steps, n_features) and bool (n_series, n_steps), True = observed.

        Series longer than `n_steps` (default: the longest) are cut.
        """
        n_steps = int(self.lengths.max()) if n_steps is None else n_steps
        mask = np.arange(n_steps) < self.lengths[:, None]
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
        alone = everything[classes.map(classes.value_counts()) < 2]
        rest = np.setdiff1d(everything, alone)
        first, second = train_test_split(
            rest, train_size=fraction, random_state=seed, stratify=classes[rest]
        )
        return np.concatenate([first, alone]), second

    def sha256(self) -> str:
        """Return the fingerprint of values, lengths and attributes."""
        digest = hashlib.sha256(self.values.tobytes())
        digest.update(self.lengths.tobytes())
        digest.update(self.attributes.astype(str).to_csv(index=False).encode())
        return digest.hexdigest()

    def save(self, folder: Path | str) -> None:
        """Write to `folder`, replaced whole or not at all: .npy arrays, a parquet table, a JSON sidecar; no pickle."""
        with files.replacing_folder(folder) as part:
            np.save(part / "values.npy", self.values, allow_pickle=False)
            np.save(part / "lengths.npy", self.lengths, allow_pickle=False)
            self.attributes.to_parquet(part / "attributes.parquet")
            (part / "meta.json").write_text(json.dumps(self._meta(), indent=1))

    def _meta(self) -> dict[str, object]:
        scalars = {
            k: getattr(self, k) for k in ("name", "origin", "interval", "model", "label", "group")
        }
        features = [[f.name, f.kind, f.unit] for f in self.features]
        return {"format": FORMAT, "sha256": self.sha256(), "features": features, **scalars}

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote; raises DataError where it is missing or damaged."""
        folder = Path(folder)
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise DataError(
                f"no series set at {folder}: {missing[0]} is missing; run 01-data first."
            )
        with translate_errors(f"the series set at {folder} is damaged", "run 01-data again"):
            meta = untrusted.read_json(folder / "meta.json")
            form, digest = meta.pop("format"), meta.pop("sha256")
            if form != FORMAT:
                raise DataError(
                    f"the series set at {folder} has format '{form}', this version reads '{FORMAT}'."
                )
            arrays = {
                name: untrusted.read_array(folder / f"{name}.npy") for name in ("values", "lengths")
            }
            attributes = untrusted.read_parquet(folder / "attributes.parquet", "run 01-data again")
            if attributes.columns.empty:  # parquet keeps no number of rows without columns
                attributes = pd.DataFrame(index=range(len(arrays["lengths"])))
            features = [Feature(*f) for f in meta.pop("features")]
            loaded = cls(**arrays, features=features, attributes=attributes, **meta)
        if loaded.sha256() != digest:
            raise DataError(
                f"the series set at {folder} does not match its checksum; run 01-data again."
            )
        return loaded


def concat(sets: Sequence[SeriesSet]) -> SeriesSet:
    """Return the series of all `sets` as one set; origins and features must agree, the first set names the result."""
    first = sets[0]
    for other in sets[1:]:
        if other.origin != first.origin:
            raise DataError(
                f"will not mix {first.origin} and {other.origin} series of '{first.name}' in one set."
            )
        if other.feature_names != first.feature_names:
            raise DataError(
                f"cannot join: features {first.feature_names} and {other.feature_names} differ."
            )
    return replace(
        first,
        values=np.concatenate([s.values for s in sets]),
        lengths=np.concatenate([s.lengths for s in sets]),
        attributes=_concat_frames([s.attributes for s in sets]),
    )


def from_list(arrays: Sequence[np.ndarray], **fields: Any) -> SeriesSet:
    """Return a SeriesSet from a list of arrays of shape (length, n_features); other fields as in `SeriesSet`."""
    if not len(arrays):
        raise DataError(
            f"series set '{fields.get('name', '')}' is empty: give at least one series."
        )
    return SeriesSet(
        values=np.concatenate(arrays), lengths=np.array([len(a) for a in arrays]), **fields
    )


def _concat_frames(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    columns = list(frames[0])
    merged = pd.concat([f[columns] for f in frames], ignore_index=True)
    for column in columns:
        if all(isinstance(f[column].dtype, pd.CategoricalDtype) for f in frames):
            merged[column] = pd.api.types.union_categoricals([f[column] for f in frames])
    return merged
