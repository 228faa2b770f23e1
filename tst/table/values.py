"""Values of one column of a user's table as float64: its numbers, their digits, what is missing.

Dates count as seconds since 1970 and durations as seconds. What cannot be a number in float32 is a
DataError that names the column, the value and the row.
"""

from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError

LARGEST = 1e30  # float32 ends at 3e38; this leaves room for squares and margins
DIGITS = 7  # decimal digits that float32 keeps
MAX_DECIMALS = 12  # more are rounding errors of float64 rather than digits that somebody wrote
FEW = 20  # distinct numbers, up to which they are told apart one by one
# A number is taken for a code for missing only where it stands often enough that a rare outlier
# cannot be meant: this many times, and this share of the values.
MIN_CODED = 20
MIN_CODED_SHARE = 0.0005

Epoch = Literal["", "datetime", "timedelta"]  # what seconds stand for; "": plain numbers


def row_name(column: pd.Series, position: int) -> str:
    """Say which row of the user's table a position is, counted from 1 below the heading."""
    return f"row {int(column.index[position]) + 1:,}"


def is_number(column: pd.Series) -> bool:
    """Tell whether a column holds numbers, dates or durations, not names or truth values."""
    dtype = column.dtype
    if types.is_bool_dtype(dtype):
        return False
    return (
        types.is_numeric_dtype(dtype)
        or types.is_datetime64_any_dtype(dtype)
        or types.is_timedelta64_dtype(dtype)
    )


def to_numbers(column: pd.Series) -> tuple[np.ndarray, Epoch]:
    """Return a column's numbers, and what they stand for where they are seconds.

    Returns
    -------
    x
        float64, shape (n_rows,), NaN where missing.
    epoch
        datetime where `x` is seconds since 1970 (UTC), timedelta where it is seconds, else empty.

    Raises
    ------
    DataError
        Where a value is infinite or beyond `LARGEST`.
    """
    if types.is_datetime64_any_dtype(column.dtype):
        return _seconds(without_zone(column), "datetime64[ns]"), "datetime"
    if types.is_timedelta64_dtype(column.dtype):
        return _seconds(column, "timedelta64[ns]"), "timedelta"
    x = column.to_numpy(np.float64, na_value=np.nan)
    too_large = np.flatnonzero(np.abs(x) > LARGEST)
    if len(too_large):
        first = too_large[0]
        raise DataError(
            f"column '{column.name}' holds {x[first]:g} in {row_name(column, first)}, "
            f"beyond {LARGEST:g}: correct it, or leave it empty (missing)."
        )
    return x, ""


def without_zone(dates: pd.Series) -> pd.Series:
    """Return dates without a time zone, in UTC where they had one."""
    if dates.dt.tz is None:
        return dates
    return dates.dt.tz_convert("UTC").dt.tz_localize(None)


def with_zone_of(dates: pd.Series, dtype: object) -> pd.Series:
    """Return dates without a zone, in UTC, as a dtype that may have one: inverts `without_zone`."""
    zone = getattr(dtype, "tz", None)
    if zone is not None:
        dates = dates.dt.tz_localize("UTC").dt.tz_convert(zone)
    return dates.astype(dtype)


def _seconds(column: pd.Series, unit: str) -> np.ndarray:
    nanoseconds = column.to_numpy(unit).astype("int64")
    return np.where(column.isna(), np.nan, nanoseconds / 1e9)


def from_seconds(x: np.ndarray, missing: np.ndarray, dtype: object, epoch: Epoch) -> pd.Series:
    """Return dates or durations of a dtype from seconds: inverts `to_numbers`.

    Milliseconds are kept; `ColumnCodec` codes whole seconds.

    Parameters
    ----------
    x
        float64, shape (n_rows,), seconds.
    missing
        bool, shape (n_rows,): True where the value is left empty.
    dtype, epoch
        Of the column: its pandas dtype, and datetime or timedelta.
    """
    milliseconds = np.round(np.asarray(x, np.float64) * 1e3).astype("int64")
    nanoseconds = milliseconds * 1_000_000
    return with_zone_of(pd.Series(nanoseconds.astype(f"{epoch}64[ns]")).where(~missing), dtype)


def check_text(column: pd.Series) -> None:
    """Raise DataError where a column of text holds mostly numbers."""
    counts = column.value_counts()
    as_numbers = pd.to_numeric(pd.Series(counts.index.astype(str)), errors="coerce")
    is_text = as_numbers.isna().to_numpy()
    n_text = counts[is_text].sum()
    if 0 < n_text < counts.sum() / 2 and not types.is_bool_dtype(column.dtype):
        first = int(np.argmax(column.isin(counts.index[is_text])))
        raise DataError(
            f"column '{column.name}' holds '{column.iloc[first]}' in {row_name(column, first)}, "
            "most others are numbers: correct it, or leave it empty (missing)."
        )


def fill_gaps(x: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return numbers without NaN.

    A missing number becomes the last one before it in its series, or else the next one in its
    series, or else the median of all.

    Parameters
    ----------
    x
        float64, shape (n_rows,), NaN where missing; at least one is known.
    starts
        int, shape (n_rows,): the first row of each row's series.
    """
    known = np.isfinite(x)
    if known.all():
        return x
    rows = np.arange(len(x))
    before = np.maximum.accumulate(np.where(known, rows, -1))
    after = np.minimum.accumulate(np.where(known, rows, len(x))[::-1])[::-1]
    start_at = np.append(starts, -1)  # `after` is len(x) where no number follows
    next_in_series = np.where(
        start_at[after] == starts, x[np.minimum(after, len(x) - 1)], np.median(x[known])
    )
    return np.where(before >= starts, x[before], next_in_series)


def find_missing_code(x: np.ndarray) -> float | None:
    """Return the number that stands for missing in a measurement (-1, -999, 9999), or None.

    It is the least or the greatest, whole, repeated, and either the only one below 0 or farther
    from all others than half their range.

    Parameters
    ----------
    x
        float64, shape (n_values,), finite.
    """
    for code in (x.min(), x.max()):
        others = x[x != code]
        n_coded = len(x) - len(others)
        is_frequent = n_coded >= max(MIN_CODED, MIN_CODED_SHARE * len(x))
        is_minority = len(others) > len(x) / 2
        is_whole = code == np.round(code)
        if not (is_frequent and is_minority and is_whole) or len(np.unique(others)) <= FEW:
            continue
        is_only_negative = code < 0 <= others.min()
        is_far_off = np.abs(others - code).min() > np.ptp(others) / 2
        if is_only_negative or is_far_off:
            return float(code)
    return None


def count_decimals(x: np.ndarray) -> int | None:
    """Return the least number of decimals that no value exceeds; None beyond float32's digits."""
    magnitude = int(np.floor(np.log10(max(np.abs(x).max(), 1e-30))))
    most = max(0, min(DIGITS - 1 - magnitude, MAX_DECIMALS))
    for n_decimals in range(most + 1):
        if np.allclose(np.round(x, n_decimals), x, rtol=1e-12, atol=0):
            return n_decimals
    return None


def round_to_digits(x: np.ndarray) -> np.ndarray:
    """Return numbers with the digits that float32 keeps."""
    magnitude = np.floor(np.log10(np.where(x == 0, 1.0, np.abs(x))))
    # Below 1e-300 the unit would be infinite; float32 knows no such number but 0.
    unit = 10.0 ** (DIGITS - 1 - np.maximum(magnitude, -300))
    return np.round(x * unit) / unit
