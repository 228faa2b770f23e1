"""Reads a user's table: CSV, CSV.gz, Parquet or a DataFrame, with a heading that names each column once."""

import datetime
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError, short_message
from tst.io import untrusted

PLAIN = (str, int, float, bool, np.number, np.bool_)


def read(source):
    """Return the DataFrame of a file or of a DataFrame, its rows numbered; raises DataError where there is none."""
    if isinstance(source, pd.DataFrame):
        frame, name = source, "the table"
    else:
        path = Path(source)
        name = path.name
        if not path.is_file():
            raise DataError(f"no table at {path}: give a CSV, CSV.gz or Parquet file.")
        frame = _read_file(path)
    named = [n for n in frame.index.names if n is not None and n not in frame.columns]
    frame = frame.reset_index(named or None, drop=not named)
    frame.columns = [str(c) for c in frame.columns]
    if not len(frame):
        raise DataError(f"{name} is empty: give a table with a heading and rows.")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"{name} has two columns named '{twice}': rename one.")
    return pd.DataFrame({c: _plain(frame[c]) for c in frame})


def _read_file(path):
    try:
        suffix = path.suffix.lower()
        if suffix in (".parquet", ".pq"):
            return untrusted.read_parquet(path, "give CSV, CSV.gz or Parquet", path.name)
        untrusted.check_csv(path, suffix == ".gz")
        return _read_csv(
            path, {"low_memory": False, "compression": "gzip" if suffix == ".gz" else None}
        )
    except pd.errors.EmptyDataError:
        raise DataError(f"{path.name} is empty: give a table with a heading and rows.") from None
    except DataError:
        raise
    except Exception as error:  # pandas' own types
        raise DataError(
            f"cannot read {path.name} ({short_message(error)}): give CSV, CSV.gz or Parquet."
        ) from None


def _read_csv(path, how):
    """Return the table of a CSV; pandas would rename what is named twice, and shift columns where a row is too long."""
    names = pd.read_csv(path, header=None, nrows=1, dtype=str, **how).iloc[0].dropna()
    if names.duplicated().any():
        raise DataError(
            f"{path.name} has two columns named '{names[names.duplicated()].iloc[0]}': rename one."
        )
    frame = pd.read_csv(path, **how)
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(
            f"{path.name} has rows with more values than the heading has names: name each column."
        )
    return frame


def _plain(column):
    """Return a column of numbers, truth values, text or dates, days and decimals converted; raises DataError for others."""
    dtype, bare = column.dtype, column.dropna()
    if isinstance(dtype, pd.CategoricalDtype):
        bare = pd.Series(dtype.categories)
        good = types.is_numeric_dtype(bare.dtype) or _is_plain(set(bare.map(type)))
    elif types.is_object_dtype(dtype):
        kinds = set(bare.map(type))
        if kinds and kinds <= {datetime.date}:
            return pd.to_datetime(column)
        if kinds and kinds <= {decimal.Decimal}:
            return column.astype(float)
        good = _is_plain(kinds)
    else:
        tests = (
            types.is_numeric_dtype,
            types.is_string_dtype,
            types.is_datetime64_any_dtype,
            types.is_timedelta64_dtype,
        )
        good = any(f(dtype) for f in tests) and not isinstance(
            dtype, pd.SparseDtype | pd.PeriodDtype | pd.IntervalDtype
        )
    if not good or types.is_complex_dtype(bare.dtype):
        kind = type(bare.iloc[0]).__name__ if len(bare) else dtype
        raise DataError(
            f"column '{column.name}' holds values of type {kind}: leave it out, or give numbers, text or dates."
        )
    return column


def _is_plain(kinds):
    return all(issubclass(kind, PLAIN) for kind in kinds)
