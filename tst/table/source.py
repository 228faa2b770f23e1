"""Reads a user's table: CSV, CSV.gz, Parquet or a DataFrame, whose heading names each column once.

Columns hold numbers, truth values, text, dates or durations when they leave here.
"""

import datetime
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError, short_message
from tst.io import untrusted

PLAIN_TYPES = (str, int, float, bool, np.number, np.bool_)  # of values in a column of objects


def read(source: pd.DataFrame | Path | str) -> pd.DataFrame:
    """Return the table of a file or of a DataFrame, its rows numbered and its columns plain.

    Raises
    ------
    DataError
        Where there is no table, it is empty, a name stands twice, or a column is not plain.
    """
    if isinstance(source, pd.DataFrame):
        name = "the table"
        frame = source
    else:
        path = Path(source)
        name = path.name
        if not path.is_file():
            raise DataError(f"no table at {path}: give a CSV, CSV.gz or Parquet file.")
        frame = _read_file(path)
    # an index with a name is a column, as Parquet keeps it
    index_names = [n for n in frame.index.names if n is not None and n not in frame.columns]
    frame = frame.reset_index(index_names or None, drop=not index_names)
    frame.columns = pd.Index([str(column) for column in frame.columns])
    if not len(frame):
        raise DataError(f"{name} is empty: give a table with a heading and rows.")
    if not frame.columns.is_unique:
        duplicate = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"{name} has two columns named '{duplicate}': rename one.")
    return pd.DataFrame({column: _plain(frame[column]) for column in frame})


def _read_file(path: Path) -> pd.DataFrame:
    """Return the table of a CSV, CSV.gz or Parquet file; raises DataError where it is none."""
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            return untrusted.read_parquet(path, "give CSV, CSV.gz or Parquet", path.name)
        untrusted.check_csv(path, suffix == ".gz")
        return _read_csv(path, "gzip" if suffix == ".gz" else None)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path.name} is empty: give a table with a heading and rows.") from None
    except DataError:
        raise
    except Exception as error:  # a damaged file decides which
        raise DataError(
            f"cannot read {path.name} ({short_message(error)}): give CSV, CSV.gz or Parquet."
        ) from None


def _read_csv(path: Path, compression: str | None) -> pd.DataFrame:
    """Return the table of a CSV.

    The heading is read by itself first: pandas would rename a name that stands twice, and take the
    first columns for an index where rows are longer than the heading.
    """
    options = {"low_memory": False, "compression": compression}
    heading = pd.read_csv(path, header=None, nrows=1, dtype=str, **options)
    names = heading.iloc[0].dropna()
    if names.duplicated().any():
        duplicate = names[names.duplicated()].iloc[0]
        raise DataError(f"{path.name} has two columns named '{duplicate}': rename one.")
    frame = pd.read_csv(path, **options)
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(
            f"{path.name} has rows with more values than the heading has names: name each column."
        )
    return frame


def _plain(column: pd.Series) -> pd.Series:
    """Return a column of numbers, truth values, text, dates or durations.

    Days become dates, decimals floats; other values raise a DataError.
    """
    dtype = column.dtype
    values = column.dropna()
    if isinstance(dtype, pd.CategoricalDtype):
        values = pd.Series(dtype.categories)
        is_plain = types.is_numeric_dtype(values.dtype) or _are_plain(values)
    elif types.is_object_dtype(dtype):
        value_types = set(values.map(type))
        if value_types == {datetime.date}:
            return pd.to_datetime(column)
        if value_types == {decimal.Decimal}:
            return column.astype(float)
        is_plain = _are_plain(values)
    else:
        is_plain = _is_plain_dtype(dtype)
    if not is_plain or types.is_complex_dtype(values.dtype):
        kind = type(values.iloc[0]).__name__ if len(values) else dtype
        raise DataError(
            f"column '{column.name}' holds values of type {kind}: leave it out, or give numbers, "
            "text or dates."
        )
    return column


def _are_plain(values: pd.Series) -> bool:
    """Tell whether objects are all numbers, truth values or text."""
    return all(issubclass(value_type, PLAIN_TYPES) for value_type in set(values.map(type)))


def _is_plain_dtype(dtype: object) -> bool:
    """Tell whether a dtype, neither object nor categorical, is of a kind that can be learned."""
    if isinstance(dtype, pd.SparseDtype | pd.PeriodDtype | pd.IntervalDtype):
        return False
    return (
        types.is_numeric_dtype(dtype)
        or types.is_string_dtype(dtype)
        or types.is_datetime64_any_dtype(dtype)
        or types.is_timedelta64_dtype(dtype)
    )
