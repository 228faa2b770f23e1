"""DoppelGANger's prepared format: `data_train.npz` with data_feature (N, T, F), data_attribute (N, A), data_gen_flag (N, T).

The original describes its columns in pickled files; a pickle can run any code when it is opened, so they are refused and
the description is read from a small `columns.yml` or `columns.json` instead:

    name: gcut
    interval: 5min
    origin: original
    label: end_event
    features: [{name: cpu_rate}, {name: maximum_cpu_rate}]
    attributes: [{name: end_event, values: [EVICT, FAIL, FINISH, KILL]}]

An attribute with `values` is a one-hot block, one without is a real number. The values stay as stored: the file does
not hold what DG's normalisation would need to be undone.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tst.errors import translate_errors
from tst.io import files, untrusted
from tst.series import DataError, Feature, SeriesSet

ARRAYS = {"data_feature": 3, "data_attribute": 2, "data_gen_flag": 2}


def load(folder):
    """Return the SeriesSet of a folder with data_train.npz and columns.yml or columns.json."""
    folder = Path(folder)
    columns = _columns(folder)
    arrays = _arrays(folder / "data_train.npz")
    lengths = _lengths(arrays["data_gen_flag"], folder)
    features = [Feature(f["name"], unit=f.get("unit", "")) for f in columns["features"]]
    if arrays["data_feature"].shape[2] != len(features):
        n_columns = arrays["data_feature"].shape[2]
        raise DataError(
            f"{folder}: data_feature has {n_columns} columns, the description names {len(features)}."
        )
    observed = np.arange(arrays["data_feature"].shape[1]) < lengths[:, None]
    return SeriesSet(
        columns.get("name", folder.name),
        arrays["data_feature"][observed],
        lengths,
        features,
        _attributes(arrays["data_attribute"], columns["attributes"], folder),
        columns.get("origin", "original"),
        columns.get("interval", "1D"),
        label=columns.get("label"),
    )


def save(series, folder):
    """Write a set in DG's format with columns.json; categorical attributes become one-hot blocks, others are left out."""
    folder = Path(folder)
    values, mask = series.padded()
    kept = [
        c for c in series.attributes if isinstance(series.attributes[c].dtype, pd.CategoricalDtype)
    ]
    for column in kept:
        if series.attributes[column].isna().any():
            raise DataError(
                f"attribute '{column}' of '{series.name}' has missing values: give them a category first."
            )
    blocks = [pd.get_dummies(series.attributes[c]).to_numpy(np.float32) for c in kept]
    attribute = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(series), 0), np.float32)
    with files.replacing(folder / "data_train.npz") as part, open(part, "wb") as file:
        np.savez_compressed(
            file,
            data_feature=values,
            data_attribute=attribute,
            data_gen_flag=mask.astype(np.float32),
        )
    columns = {k: getattr(series, k) for k in ("name", "interval", "origin")}
    columns["label"] = series.label if series.label in kept else None
    columns["features"] = [{"name": f.name, "unit": f.unit} for f in series.features]
    columns["attributes"] = [
        {"name": c, "values": series.attributes[c].cat.categories.astype(str).tolist()}
        for c in kept
    ]
    files.write_text(json.dumps(columns, indent=1), folder / "columns.json")


def _columns(folder):
    found = [folder / name for name in ("columns.yml", "columns.json") if (folder / name).is_file()]
    if not found:
        pickled = sorted(p.name for p in folder.glob("*.pkl"))
        why = (
            f"; {pickled[0]} is a pickle, which may run any code when opened, and is not read"
            if pickled
            else ""
        )
        raise DataError(
            f"{folder} has no columns.yml or columns.json{why}: write one as tst/data/doppelganger_npz.py shows."
        )
    columns = untrusted.read_yaml(found[0], "correct it")
    try:
        good = all(_described(columns[part]) for part in ("features", "attributes"))
    except (KeyError, TypeError):
        good = False
    if not good:
        raise DataError(
            f"{found[0]} is no description of columns: give lists 'features' and 'attributes' of entries with a 'name', "
            f"none twice, and 'values', none twice, where an attribute is a category."
        )
    return columns


def _described(entries):
    """Tell whether a list of entries has distinct names and, where given, distinct values."""
    names = [entry["name"] for entry in entries]
    values = [[str(v) for v in entry["values"]] for entry in entries if "values" in entry]
    distinct = all(len(set(part)) == len(part) > 0 for part in values) and len(set(names)) == len(
        names
    )
    return isinstance(entries, list) and distinct and all(isinstance(name, str) for name in names)


def _arrays(path):
    if not path.is_file():
        raise DataError(f"{path} is missing: put DG's data_train.npz there.")
    with translate_errors(f"cannot read {path}", f"DG's format needs {', '.join(ARRAYS)}"):
        arrays = untrusted.read_arrays(path, ARRAYS)
    _check_arrays(arrays, path)
    return arrays


def _check_arrays(arrays, path):
    wrong = [name for name, a in arrays.items() if a.dtype.kind not in "fiub"]
    if wrong:
        raise DataError(
            f"{path}: {wrong[0]} holds {arrays[wrong[0]].dtype}, not numbers; prepare the data again."
        )
    n, n_steps = (*arrays["data_gen_flag"].shape, -1, -1)[:2]
    good = all(a.ndim == ARRAYS[name] and len(a) == n for name, a in arrays.items())
    if not good or arrays["data_feature"].shape[1] != n_steps:
        shapes = {name: a.shape for name, a in arrays.items()}
        raise DataError(
            f"{path}: the arrays' shapes {shapes} do not fit (N, T, F), (N, A), (N, T)."
        )


def _lengths(flags, folder):
    active = flags > 0.5
    lengths = active.sum(1)
    if (active != (np.arange(active.shape[1]) < lengths[:, None])).any() or (lengths == 0).any():
        row = int(
            np.argmax(
                (active != (np.arange(active.shape[1]) < lengths[:, None])).any(1) | (lengths == 0)
            )
        )
        raise DataError(
            f"{folder}: data_gen_flag of series {row} is not ones followed by zeros; prepare the data again."
        )
    return lengths


def _attributes(array, described, folder):
    widths = [len(a["values"]) if "values" in a else 1 for a in described]
    if sum(widths) != array.shape[1]:
        raise DataError(
            f"{folder}: data_attribute has {array.shape[1]} columns, the description asks for {sum(widths)}."
        )
    frame, start = pd.DataFrame(index=range(len(array))), 0
    for a, width in zip(described, widths, strict=True):
        block = array[:, start : start + width]
        start += width
        if "values" in a:
            if (np.abs(np.sort(block, axis=1) - np.eye(width)[-1]) > 1e-3).any():
                raise DataError(
                    f"{folder}: attribute '{a['name']}' is not one-hot; correct its 'values' or their order."
                )
            frame[a["name"]] = pd.Categorical.from_codes(
                block.argmax(1), [str(v) for v in a["values"]]
            )
        else:
            frame[a["name"]] = block[:, 0]
    return frame
