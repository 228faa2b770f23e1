"""Tidy tables under results/<profile>/tables: one CSV a notebook, rows replaced by data set and never mixed by origin.

Every row says which data set and origin, profile and code version it comes from. A table is rewritten whole, under a
lock and by rename, so that notebooks that run side by side lose nothing; the rows are kept in one order, so that the
same rows give the same bytes whoever wrote first.
"""

import contextlib
import fcntl
import functools
import hashlib
import io
import numbers
import os
from pathlib import Path

import numpy as np
import pandas as pd

from tst.io import files, paths
from tst.series import ORIGINS, DataError

FIRST = ("dataset", "origin", "profile", "model", "metric", "seed", "value")
LAST = "code_version"
TEXT = {"label": str}  # names, also where they are digits: a class of borg2019 is 113812204462


def write(frame, profile, name, series=None, replace=("dataset",)):
    """Put the rows of `frame` into results/<profile>/tables/<name>.csv in the place of earlier rows of the same key.

    Parameters
    ----------
    frame
        Tidy rows; columns dataset, origin, profile and code_version are added where lacking.
    series
        SeriesSet whose name and origin the rows carry; None where the frame has both columns itself.
    replace
        Columns whose values, taken together, say which earlier rows these replace: ("dataset",) for a notebook that
        writes all rows of a data set, ("dataset", "ablation") for one that writes a part of them. Rows of the same
        data set with another origin always go: two origins never stand in one table.

    Returns
    -------
    DataFrame
        The rows of this call as written (floats kept in full), columns in the house order.

    Raises
    ------
    DataError
        Where the frame is empty, a key column is missing, the origin is unknown, or one data set has two origins.
    """
    rows = _complete(frame, profile, name, series, replace)
    path = paths.tables_dir(profile) / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        text = _text(rows)
        old = _read_text(path)
        kept = old[~_replaced(old, text, replace)]
        _write_text(_sorted(pd.concat([kept, text], ignore_index=True).fillna("")), path)
    return rows


def read(profile, name):
    """Return table `name` of `profile`; an empty cell is NaN; raises DataError where no notebook has written it."""
    path = paths.tables_dir(profile) / f"{name}.csv"
    if not path.is_file():
        where = f"results/{path.parent.parent.name}/tables"
        raise DataError(
            f"no table '{name}' in {where}: run notebook {name} under profile {profile} first."
        )
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=TEXT)


def show(frame):
    """Return a compact copy for a notebook: numbers at three significant digits, without profile and code version."""
    compact = frame.drop(columns=[c for c in ("profile", LAST) if c in frame]).reset_index(
        drop=True
    )
    for column in compact.select_dtypes("float"):
        compact[column] = [
            _cell(v) if abs(v) >= 1000 else _cell(float(f"{v:.3g}")) for v in compact[column]
        ]
    return compact


@functools.cache
def code_version():
    """Return the first 10 hex digits of SHA-256 over all sources of this package, in the order of their paths."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def _complete(frame, profile, name, series, replace):
    if not len(frame):
        raise DataError(
            f"table '{name}': there are no rows to write; check the cell that made them."
        )
    rows = frame.reset_index(drop=True).copy()
    added = {"profile": profile, LAST: code_version()}
    if series is not None:
        added |= {"dataset": series.name, "origin": series.origin}
    for column, value in added.items():
        if column not in rows:
            rows[column] = value
    missing = [c for c in ("dataset", "origin", *replace) if c not in rows]
    if missing:
        raise DataError(
            f"table '{name}': column '{missing[0]}' is missing; give it in the frame or give 'series'."
        )
    _check_origin(rows, name)
    first = [c for c in FIRST if c in rows]
    return rows[[*first, *[c for c in rows if c not in (*first, LAST)], LAST]]


def _check_origin(rows, name):
    unknown = set(rows["origin"]) - set(ORIGINS)
    if unknown:
        raise DataError(
            f"table '{name}': unknown origin '{unknown.pop()}'; use one of {', '.join(ORIGINS)}."
        )
    origins = rows.groupby("dataset")["origin"].nunique()
    if (origins > 1).any():
        raise DataError(
            f"table '{name}': will not mix two origins of '{origins.idxmax()}'; write one of them."
        )


def _replaced(old, new, replace):
    """Tell which of the old rows give way: those of a key of `new`, and those of its data sets with other origins."""
    if not len(old):
        return np.zeros(0, dtype=bool)
    old = old.reindex(columns=[*dict.fromkeys(["dataset", "origin", *replace])], fill_value="")
    keys = pd.MultiIndex.from_frame(new[list(replace)])
    same_key = pd.MultiIndex.from_frame(old[list(replace)]).isin(keys)
    origin = old["dataset"].map(dict(zip(new["dataset"], new["origin"], strict=True)))
    return same_key | (origin.notna() & (origin != old["origin"])).to_numpy()


def _text(rows):
    return pd.DataFrame({c: [_cell(v) for v in rows[c]] for c in rows}, dtype=object)


def _cell(value):
    """Return a cell as text: six significant digits, whole numbers in full, nothing for a missing value."""
    if value is None or value is pd.NA or (isinstance(value, numbers.Real) and np.isnan(value)):
        return ""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        return str(value)
    whole = np.isfinite(value) and float(value).is_integer() and abs(value) < 1e15
    return f"{int(value)}" if whole else f"{float(value):.6g}"


def _sorted(text):
    """Return the rows in one order whoever wrote first: by every column but the last, numbers as numbers."""
    first = [c for c in FIRST if c in text]
    rest = sorted(c for c in text if c not in (*first, LAST))
    text = text[[*first, *rest, LAST]]
    by = [c for c in (*first, *rest) if c != "value"] + [c for c in ("value", LAST) if c in text]
    return text.sort_values(by, key=_order, kind="stable", ignore_index=True)


def _order(column):
    numbers_ = pd.to_numeric(column.where(column != "", "nan"), errors="coerce")
    return numbers_ if (numbers_.notna() | (column == "")).all() else column


def _read_text(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()


def _write_text(text, path):
    buffer = io.StringIO()
    text.to_csv(buffer, index=False, lineterminator="\n")
    files.write_text(buffer.getvalue(), path)


@contextlib.contextmanager
def _locked(folder):
    """Hold the folder's lock: it lies on the folder itself, so that no lock file is left among the results."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
