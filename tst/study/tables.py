"""Tidy tables under results/<profile>/tables: one CSV a notebook, rows replaced by data set.

Every row says which data set and origin, profile and code version it comes from, and on what terms
the real series are used; two origins of a data set never stand in one table. A table is rewritten
whole, under a lock and by rename, so that notebooks that run side by side lose nothing. The rows
are kept in one order, so that the same rows give the same bytes whoever wrote first. A large table
is compressed, NAME.csv.gz, which pandas and `zcat` read as they read a CSV.
"""

import contextlib
import fcntl
import gzip
import numbers
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.io import files, paths
from tst.vocabulary import CLASSIFIERS, MEASURES, METRICS, MODELS, ORIGINS, REGRESSORS, TERMS

if TYPE_CHECKING:
    from tst.series import SeriesSet

FIRST = ("dataset", "origin", "profile", "model", "metric", "seed", "value")
LAST = "code_version"
LARGEST = 2**20  # bytes of a table as plain text: git and GitHub carry no more with ease
PLAIN, COMPRESSED = SUFFIXES = (".csv", ".csv.gz")
LABELS: dict[str, str] = {
    **{key: metric.label for key, metric in METRICS.items()},
    **MEASURES,
    **{str(key): label for key, label in (CLASSIFIERS | REGRESSORS).items()},
    **MODELS,
}
TEXT = {"label": str}  # names, also where they are digits: a class of borg2019 is 113812204462


def write(
    frame: pd.DataFrame,
    profile: str,
    name: str,
    series: "SeriesSet | None" = None,
    replace: Sequence[str] = ("dataset",),
) -> pd.DataFrame:
    """Put rows into a table of results/<profile>/tables in the place of earlier rows of their key.

    Parameters
    ----------
    frame
        Tidy rows; the columns dataset, origin, profile, terms and code_version are added where
        lacking.
    profile
        Key of the profile.
    name
        Of the table; it begins with the number of the notebook that writes it.
    series
        Set whose name and origin the rows carry; None where the frame has both columns itself.
    replace
        Columns whose values, taken together, say which earlier rows these replace: ("dataset",)
        for a notebook that writes all rows of a data set, ("dataset", "ablation") for one that
        writes a part of them. Rows of the same data set with another origin always go.

    Returns
    -------
    DataFrame
        The rows of this call, floats in full, columns in the order of the file.

    Raises
    ------
    DataError
        Where the frame is empty, a key column is missing, the origin is unknown, or one data set
        has two origins.
    """
    rows = _complete(frame, profile, name, series, replace)
    folder = paths.tables_dir(profile)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        new = _as_text(rows)
        old = _read_text(find(folder, name))
        kept = old[~_is_replaced(old, new, replace)]
        merged = pd.concat([kept, new], ignore_index=True).fillna("")
        _write_text(_sorted(merged), folder, name)
    return rows


def find(folder: Path, name: str) -> Path | None:
    """Return the file of a table in a folder, plain or compressed; None where there is none."""
    paths_of_it = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    present = [path for path in paths_of_it if path.is_file()]
    # two where a process was killed between writing one and deleting the other
    return max(present, key=lambda path: path.stat().st_mtime_ns, default=None)


def names(folder: Path) -> list[str]:
    """Return the names of the tables in a folder, in alphabetic order."""
    return sorted({path.name.partition(".csv")[0] for path in folder.glob("*.csv*")})


def read(profile: str, name: str) -> pd.DataFrame:
    """Return a table; an empty cell is NaN. Raises DataError where no notebook has written it."""
    folder = paths.tables_dir(profile)
    path = find(folder, name)
    if path is None:
        where = f"results/{folder.parent.name}/tables"
        raise DataError(
            f"no table '{name}' in {where}: run notebook {name} under profile {profile} first."
        )
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=TEXT)


def show(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a compact copy: numbers at three digits, no profile, no terms, no code version."""
    hidden = [column for column in ("profile", "terms", LAST) if column in frame]
    compact = frame.drop(columns=hidden).reset_index(drop=True)
    for column in compact.select_dtypes("float"):
        compact[column] = compact[column].map(_short)
    return compact


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy for a reader: labels of models, methods and metrics in place of their keys."""
    return frame.rename(index=_label, columns=_label)


def _label(key: object) -> object:
    """Return the label of a key, or of each side of a difference; what has none stays."""
    if not isinstance(key, str):
        return key
    return " - ".join(LABELS.get(side, side) for side in key.split(" - "))


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return _cell(value)
    return _cell(float(f"{value:.3g}"))


def code_version(name: str) -> str:
    """Return 10 hex digits of the code that writes a table.

    See `tst.study.dependencies.code_version`.
    """
    # Imported by name: what tells the versions of code is no part of the code that makes a table.
    version: str = import_module("tst.study.dependencies").code_version(name)
    return version


def _complete(
    frame: pd.DataFrame,
    profile: str,
    name: str,
    series: "SeriesSet | None",
    replace: Sequence[str],
) -> pd.DataFrame:
    """Return a copy of the rows with all columns of a table; raise DataError where one lacks."""
    if not len(frame):
        raise DataError(
            f"table '{name}': there are no rows to write; check the cell that made them."
        )
    rows = frame.reset_index(drop=True).copy()
    known = {"profile": profile, LAST: code_version(name)}
    if series is not None:
        known |= {"dataset": series.name, "origin": series.origin}
    for column, value in known.items():
        if column not in rows:
            rows[column] = value
    missing = [column for column in ("dataset", "origin", *replace) if column not in rows]
    if missing:
        raise DataError(
            f"table '{name}': column '{missing[0]}' is missing; "
            "give it in the frame or give 'series'."
        )
    _check_origin(rows, name)
    if "terms" not in rows:  # which simulated series have none
        rows["terms"] = rows["dataset"].map(TERMS).where(rows["origin"] != "simulated", "")
    first = [column for column in FIRST if column in rows]
    rest = [column for column in rows if column not in (*first, LAST)]
    return rows[[*first, *rest, LAST]]


def _check_origin(rows: pd.DataFrame, name: str) -> None:
    unknown = set(rows["origin"]) - set(ORIGINS)
    if unknown:
        raise DataError(
            f"table '{name}': unknown origin '{unknown.pop()}'; use one of {', '.join(ORIGINS)}."
        )
    n_origins = rows.groupby("dataset")["origin"].nunique()
    if (n_origins > 1).any():
        raise DataError(
            f"table '{name}': will not mix two origins of '{n_origins.idxmax()}'; "
            "write one of them."
        )


def _is_replaced(old: pd.DataFrame, new: pd.DataFrame, replace: Sequence[str]) -> np.ndarray:
    """Tell which old rows give way, as a mask of shape (n_old,), bool.

    Those are the rows of a key of `new`, and those of its data sets with another origin.
    """
    if not len(old):
        return np.zeros(0, dtype=bool)
    columns = list(dict.fromkeys(["dataset", "origin", *replace]))
    old = old.reindex(columns=columns, fill_value="")
    new_keys = pd.MultiIndex.from_frame(new[list(replace)])
    has_new_key = pd.MultiIndex.from_frame(old[list(replace)]).isin(new_keys)
    new_origin = old["dataset"].map(dict(zip(new["dataset"], new["origin"], strict=True)))
    has_other_origin = new_origin.notna() & (new_origin != old["origin"])
    return has_new_key | has_other_origin.to_numpy()


def _as_text(rows: pd.DataFrame) -> pd.DataFrame:
    columns = {column: list(map(_cell, rows[column])) for column in rows}
    return pd.DataFrame(columns, dtype=object)


def _cell(value: object) -> str:
    """Return a cell as text: six significant digits, whole numbers in full, missing ones empty."""
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return str(value)
    number = float(value)
    if np.isnan(number):
        return ""
    # above 1e15 not every whole number is a float
    if np.isfinite(number) and number.is_integer() and abs(number) < 1e15:
        return f"{int(number)}"
    return f"{number:.6g}"


def _sorted(text: pd.DataFrame) -> pd.DataFrame:
    """Return rows and columns in one order whoever wrote first, numbers sorted as numbers."""
    first = [column for column in FIRST if column in text]
    rest = sorted(column for column in text if column not in (*first, LAST))
    keys = [column for column in (*first, *rest) if column != "value"]
    ties = [column for column in ("value", LAST) if column in text]
    ordered = text[[*first, *rest, LAST]]
    return ordered.sort_values([*keys, *ties], key=_sort_key, kind="stable", ignore_index=True)


def _sort_key(column: pd.Series) -> pd.Series:
    """Return a column of text as numbers where all its cells are numbers or empty."""
    values = pd.to_numeric(column.where(column != "", "nan"), errors="coerce")
    is_numeric = (values.notna() | (column == "")).all()
    return values if is_numeric else column


def _read_text(path: Path | None) -> pd.DataFrame:
    if path is None:
        return pd.DataFrame()
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _write_text(text: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a table, compressed where it is large; what stood there in the other form goes."""
    content = text.to_csv(index=False, lineterminator="\n").encode()
    here, gone = PLAIN, COMPRESSED
    if len(content) > LARGEST:
        here, gone = COMPRESSED, PLAIN
        content = gzip.compress(content, mtime=0)  # no time in it: the same rows, the same bytes
    files.write_bytes(content, folder / f"{name}{here}")
    (folder / f"{name}{gone}").unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: it lies on the folder itself, so that no lock file is left in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
