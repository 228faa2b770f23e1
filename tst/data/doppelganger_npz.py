"""DoppelGANger's prepared format: `data_train.npz` and what its columns mean.

The archive holds data_feature (N, T, F), data_attribute (N, A) and data_gen_flag (N, T).

The original describes its columns in pickled files. A pickle can run any code when it is opened, so
they are refused and the description is read from a small `columns.yml` or `columns.json` instead:

    name: gcut
    interval: 5min
    origin: original
    label: end_event
    features: [{name: cpu_rate}, {name: disk, unit: bytes, minimum: 0, maximum: 512}]
    attributes: [{name: end_event, values: [EVICT, FAIL, FINISH, KILL]}]

An attribute with `values` is a one-hot block, one without is a real number. A feature with
`minimum` and `maximum` was scaled by them to 0..1 (DG's ZERO_ONE) and is scaled back; any other
stays as stored.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tst.errors import DataError, translate_errors
from tst.io import files, untrusted
from tst.series import Feature, SeriesSet

ARRAYS_FILE = "data_train.npz"
DESCRIPTION_FILES = ("columns.yml", "columns.json")
# Number of dimensions of each: (N, T, F), (N, A), (N, T).
ARRAYS = {"data_feature": 3, "data_attribute": 2, "data_gen_flag": 2}
ONE_HOT_TOLERANCE = 1e-3  # the zeros and ones are stored as floats


@dataclass(frozen=True, kw_only=True)
class FeatureColumn:
    """A column of data_feature; `minimum` and `maximum` are those that scaled it, if any did."""

    name: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, kw_only=True)
class AttributeColumns:
    """The columns of an attribute: one-hot for a category, one for a number (no `values`)."""

    name: str
    values: tuple[str, ...] | None = None

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 if self.values is None else len(self.values)


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a columns.yml says of the arrays beside it; `path` is that file's."""

    path: Path
    name: str
    interval: str
    origin: str
    label: str | None
    features: tuple[FeatureColumn, ...]
    attributes: tuple[AttributeColumns, ...]


def load(folder: Path | str) -> SeriesSet:
    """Return the SeriesSet of a folder with data_train.npz and columns.yml or columns.json."""
    folder = Path(folder)
    return read_series(folder, read_description(folder))


def read_description(folder: Path) -> Description:
    """Read columns.yml or columns.json.

    Raises
    ------
    DataError
        Where there is none, or it does not name the columns, each once.
    """
    present = [folder / name for name in DESCRIPTION_FILES if (folder / name).is_file()]
    if not present:
        raise DataError(
            f"{folder} has no columns.yml or columns.json{_word_on_pickles(folder)}: write one as "
            "tst/data/doppelganger_npz.py shows."
        )
    path = present[0]
    content = untrusted.read_yaml(path, "correct it")
    try:
        return Description(
            path=path,
            name=content.get("name", folder.name),
            interval=content.get("interval", "1D"),
            origin=content.get("origin", "original"),
            label=content.get("label"),
            features=tuple(_feature(entry) for entry in _entries(content, "features")),
            attributes=tuple(_attribute(entry) for entry in _entries(content, "attributes")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise DataError(
            f"{path} is not a description of columns: give lists 'features' and 'attributes' of "
            "entries with a 'name', none twice, and 'values', none twice, where an attribute is a "
            "category."
        ) from None


def read_series(folder: Path, description: Description) -> SeriesSet:
    """Read data_train.npz, whose columns are described, as a SeriesSet.

    Raises
    ------
    DataError
        Where the archive is missing or damaged, or its arrays do not fit each other or the
        description.
    """
    path = folder / ARRAYS_FILE
    if not path.is_file():
        raise DataError(f"{path} is missing: put DG's data_train.npz there.")
    with translate_errors(f"cannot read {path}", f"DG's format needs {', '.join(ARRAYS)}"):
        arrays = untrusted.read_arrays(path, ARRAYS)
    _check_arrays(arrays, path)
    lengths = _lengths(arrays["data_gen_flag"], folder)
    n_steps, n_columns = arrays["data_feature"].shape[1:]
    if n_columns != len(description.features):
        raise DataError(
            f"{folder}: data_feature has {n_columns} columns, the description names "
            f"{len(description.features)}."
        )
    is_observed = np.arange(n_steps) < lengths[:, None]  # (N, T)
    return SeriesSet(
        name=description.name,
        # (sum of lengths, F): padding is left out
        values=_unscaled(arrays["data_feature"][is_observed], description.features),
        lengths=lengths,
        features=[Feature(column.name, unit=column.unit) for column in description.features],
        attributes=_attributes(arrays["data_attribute"], description.attributes, folder),
        origin=description.origin,
        interval=description.interval,
        label=description.label,
    )


def save(series: SeriesSet, folder: Path | str) -> None:
    """Write a set in DG's format with columns.json, values as they are.

    Categorical attributes become one-hot blocks, others are left out.

    Raises
    ------
    DataError
        Where a categorical attribute has missing values, which a one-hot block cannot say.
    """
    folder = Path(folder)
    categories = list(series.attributes.select_dtypes("category"))
    for column in categories:
        if series.attributes[column].isna().any():
            raise DataError(
                f"attribute '{column}' of '{series.name}' has missing values: give them a category "
                "first."
            )
    # One block an attribute, (N, width); the first, of no columns, serves sets without any.
    blocks = [np.zeros((len(series), 0), np.float32)]
    for column in categories:
        blocks.append(pd.get_dummies(series.attributes[column]).to_numpy(np.float32))
    values, mask = series.padded()
    with files.replacing(folder / ARRAYS_FILE) as part, open(part, "wb") as file:
        np.savez_compressed(
            file,
            data_feature=values,
            data_attribute=np.concatenate(blocks, axis=1),
            data_gen_flag=mask.astype(np.float32),
        )
    description = _written(series, categories)
    files.write_text(json.dumps(description, indent=1), folder / "columns.json")


def _written(series: SeriesSet, categories: list[str]) -> dict[str, Any]:
    """Return the content of columns.json."""
    attributes = []
    for column in categories:
        values = series.attributes[column].cat.categories.astype(str).tolist()
        attributes.append({"name": column, "values": values})
    return {
        "name": series.name,
        "interval": series.interval,
        "origin": series.origin,
        "label": series.label if series.label in categories else None,
        "features": [{"name": f.name, "unit": f.unit} for f in series.features],
        "attributes": attributes,
    }


def _word_on_pickles(folder: Path) -> str:
    """Return why the pickles in a folder, where there are any, are not read."""
    pickles = sorted(path.name for path in folder.glob("*.pkl"))
    if not pickles:
        return ""
    return f"; {pickles[0]} is a pickle, which may run any code when opened, and is not read"


def _entries(content: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """Return a list of the description; ValueError where a name is no text or stands twice."""
    entries = content[part]
    names = [entry["name"] for entry in entries]
    are_texts = all(isinstance(name, str) for name in names)
    if not isinstance(entries, list) or not are_texts or len(set(names)) != len(names):
        raise ValueError(part)
    return entries


def _feature(entry: dict[str, Any]) -> FeatureColumn:
    """Return a described column; ValueError where its bounds are no ascending numbers."""
    unit = entry.get("unit", "")
    if not isinstance(unit, str):
        raise ValueError(unit)
    if "minimum" not in entry and "maximum" not in entry:
        return FeatureColumn(name=entry["name"], unit=unit)
    minimum = float(entry["minimum"])
    maximum = float(entry["maximum"])
    if not -math.inf < minimum < maximum < math.inf:
        raise ValueError(entry["name"])
    return FeatureColumn(name=entry["name"], unit=unit, minimum=minimum, maximum=maximum)


def _attribute(entry: dict[str, Any]) -> AttributeColumns:
    """Return a described attribute; raises ValueError where it has no values, or one twice."""
    if "values" not in entry:
        return AttributeColumns(name=entry["name"])
    values = tuple(str(value) for value in entry["values"])
    if not values or len(set(values)) != len(values):
        raise ValueError(entry["name"])
    return AttributeColumns(name=entry["name"], values=values)


def _check_arrays(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Raise DataError where an array holds no numbers, or the shapes do not fit each other."""
    for name, array in arrays.items():
        if array.dtype.kind not in untrusted.NUMBER_KINDS:
            raise DataError(
                f"{path}: {name} holds {array.dtype}, not numbers; prepare the data again."
            )
    shapes = {name: array.shape for name, array in arrays.items()}
    have_dimensions = all(len(shapes[name]) == n_axes for name, n_axes in ARRAYS.items())
    if (
        not have_dimensions
        or shapes["data_feature"][:2] != shapes["data_gen_flag"]
        or shapes["data_attribute"][0] != shapes["data_gen_flag"][0]
    ):
        raise DataError(
            f"{path}: the arrays' shapes {shapes} do not fit (N, T, F), (N, A), (N, T)."
        )


def _lengths(flags: np.ndarray, folder: Path) -> np.ndarray:
    """Return the length of each series, shape (N,), from flags (N, T): ones, then zeros."""
    is_active = flags > 0.5
    lengths = is_active.sum(1)
    is_prefix = np.arange(flags.shape[1]) < lengths[:, None]  # (N, T)
    is_wrong = (is_active != is_prefix).any(1) | (lengths == 0)
    if is_wrong.any():
        raise DataError(
            f"{folder}: data_gen_flag of series {int(is_wrong.argmax())} is not ones followed by "
            "zeros; prepare the data again."
        )
    return lengths


def _unscaled(values: np.ndarray, columns: tuple[FeatureColumn, ...]) -> np.ndarray:
    """Return values, shape (rows, F), with the scaled columns in their own units."""
    if all(column.minimum is None for column in columns):
        return values
    values = values.astype(np.float64)  # a float32 product of large bounds would round twice
    for index, column in enumerate(columns):
        if column.minimum is not None and column.maximum is not None:
            spread = column.maximum - column.minimum
            values[:, index] = column.minimum + spread * values[:, index]
    return values


def _attributes(
    array: np.ndarray, columns: tuple[AttributeColumns, ...], folder: Path
) -> pd.DataFrame:
    """Return the attributes of data_attribute, shape (N, A), one column an attribute."""
    n_columns = sum(column.width for column in columns)
    if n_columns != array.shape[1]:
        raise DataError(
            f"{folder}: data_attribute has {array.shape[1]} columns, the description asks for "
            f"{n_columns}."
        )
    frame = pd.DataFrame(index=range(len(array)))
    start = 0
    for column in columns:
        block = array[:, start : start + column.width]  # (N, width)
        start += column.width
        if column.values is None:
            frame[column.name] = block[:, 0]
            continue
        one_hot = np.eye(column.width)[-1]  # a sorted row: zeros, then the one
        if (np.abs(np.sort(block, axis=1) - one_hot) > ONE_HOT_TOLERANCE).any():
            raise DataError(
                f"{folder}: attribute '{column.name}' is not one-hot; correct its 'values' or "
                "their order."
            )
        frame[column.name] = pd.Categorical.from_codes(block.argmax(1), list(column.values))
    return frame
