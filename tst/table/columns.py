"""One column of a user's table as numbers or levels, and back in the same kind: integers, decimals, booleans, names, dates.

A missing measurement is filled from its neighbours for training and marked in a companion feature, so that synthetic
columns have gaps of their own; so is a number that stands for missing (-1, -999), which is set again. A number that
describes a series is learned as one of at most 16 ranges, within which synthetic values are drawn evenly; a name
that nearly every series has for itself is not learned at all.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from tst.io.untrusted import from_mapping
from tst.series import DataError

LARGEST = 1e30  # of what float32 holds with room for squares and margins
N_LEVELS = 200  # of a category
FEW = 20  # distinct numbers of an attribute that stay levels of their own
N_RANGES = 16
DIGITS = 7  # that float32 keeps
MISSING = "(missing)"
CODED = 20, 0.0005  # times, and share of the values, that a number must stand there to mean missing


@dataclass(frozen=True)
class ColumnCodec:
    """How a column is coded: its dtype and what brings a code or a number back to a value.

    Parameters
    ----------
    kind
        number, whole, category, name (of an attribute that is not learned).
    levels
        Values of a category, in the order of its codes.
    edges
        Of the ranges of an attribute that is a number.
    decimals
        Digits behind the point that all values have at most; None: no such number.
    shift
        Subtracted before numbers become float32, where they are large beside their range.
    missing
        Whether values are missing.
    code
        A number that means missing.
    epoch
        datetime or timedelta, where seconds stand for one of them.
    """

    name: str
    dtype: str
    kind: str = "number"
    levels: tuple = ()
    edges: tuple = ()
    decimals: int | None = None
    shift: float = 0.0
    missing: bool = False
    code: float | None = None
    epoch: str = ""
    ordered: bool = False
    reserve: tuple = ()  # all categories of a categorical dtype

    @classmethod
    def fit(cls, column, categorical=False, attribute=False):
        """Return how a column is coded; `categorical` makes levels of numbers, `attribute` ranges."""
        missing, dtype = bool(column.isna().any()), str(column.dtype)
        facts = {"name": column.name, "dtype": dtype, "missing": missing}
        if categorical or not is_number(column):
            return cls(**facts, kind="category", **_levels(column))
        x, epoch = numbers(column)
        known = x[np.isfinite(x)]
        code = None if missing or epoch or attribute else _code(known)
        if code is not None:
            known = known[known != code]
            facts |= {"missing": True, "code": code}
        whole = types.is_integer_dtype(column.dtype) or bool(epoch)
        shift = float(known.min()) if np.abs(known).max() > 100 * max(np.ptp(known), 1e-30) else 0.0
        facts |= {
            "kind": "whole" if whole else "number",
            "epoch": epoch,
            "decimals": 0 if whole else _decimals(known),
        }
        if not attribute:
            return cls(**facts, shift=shift)
        values = np.unique(known)
        if len(values) <= FEW and not epoch:
            return cls(
                **facts
                | {
                    "kind": "category",
                    "levels": tuple(pd.unique(column.dropna().sort_values()).tolist()),
                }
            )
        edges = np.unique(np.quantile(known, np.linspace(0, 1, N_RANGES + 1)))
        return cls(**facts, edges=tuple(edges.tolist()))

    @classmethod
    def from_dict(cls, mapping):
        """Return the column that JSON held; raises an error where it cannot be one."""
        made = from_mapping(cls, mapping)
        types.pandas_dtype(made.dtype)
        plain = all(isinstance(v, str | int | float) for v in (*made.levels, *made.reserve))
        rising = all(isinstance(e, int | float) for e in made.edges) and all(
            np.diff(made.edges) > 0
        )
        numeric = made.kind in ("number", "whole") and made.decimals in (None, *range(16))
        if (
            made.kind not in ("category", "name")
            and not numeric
            or not (plain and rising and np.isfinite(made.shift))
        ):
            raise ValueError(f"column '{made.name}' of the table is not as it was saved")
        return made

    def as_name(self):
        """Return the column as one whose values only name a series."""
        return ColumnCodec(self.name, self.dtype, "name", missing=self.missing)

    def encode(self, column):
        """Return float64 codes or shifted numbers, NaN where missing; raises DataError for an unknown level."""
        if self.kind != "category":
            x = numbers(column)[0]
            return np.where(x == self.code, np.nan, x) - self.shift
        codes, values = pd.factorize(column)
        place = pd.Index(self.levels, dtype=object).get_indexer(pd.Index(values).astype(object))
        return np.where(codes >= 0, np.append(place, 0)[codes], np.nan)

    def decode(self, x, missing=None):
        """Return the column (a Series of the original dtype) of numbers or codes; `missing` marks what is left empty."""
        missing = np.zeros(len(x), dtype=bool) if missing is None else missing
        if missing.all() and self.code is None:
            return self._empty(len(x))
        if self.kind == "category":
            return self._restored(
                pd.Index(self.levels, dtype=object)[np.asarray(x, int)].to_numpy(), missing
            )
        x = np.asarray(x, np.float64)
        if self.shift == 0 and self.decimals is None:
            x = _rounded(x)
        x = x + self.shift if self.decimals is None else np.round(x + self.shift, self.decimals)
        if self.code is not None:
            x, missing = np.where(missing, self.code, x), np.zeros(len(x), dtype=bool)
        return self._restored(x, missing)

    def told(self):
        """Say what is done about the missing values of a feature."""
        done = "filled from the row before in training, marked, and {} in the same manner"
        if self.code is None:
            return f"missing values: {done.format('left empty')}"
        return f"{self.code:g}, far from all other values as a code for missing is: {done.format('set again')}"

    def ranges(self, x):
        """Return the range of each number of an attribute, -1 where missing."""
        place = np.searchsorted(self.edges, x, "right") - 1
        return np.where(np.isfinite(x), np.clip(place, 0, max(0, len(self.edges) - 2)), -1)

    def within(self, place, rng):
        """Return numbers drawn evenly from ranges."""
        low, high = (
            np.array(self.edges)[place],
            np.array(self.edges)[np.minimum(place + 1, len(self.edges) - 1)],
        )
        return rng.uniform(low, high)

    def _empty(self, n):
        dtype = (
            pd.CategoricalDtype(self.reserve, self.ordered)
            if self.dtype == "category"
            else self.dtype
        )
        return pd.Series([None] * n, name=self.name, dtype=object).astype(dtype)

    def _restored(self, values, missing):
        if self.dtype == "category":
            dtype = pd.CategoricalDtype(self.reserve, self.ordered)
            return pd.Series(
                pd.Categorical(np.where(missing, None, values), dtype=dtype), name=self.name
            )
        dtype = types.pandas_dtype(self.dtype)
        if self.epoch:
            return _times(values, missing, dtype, self.epoch).rename(self.name)
        if self.kind != "category" and isinstance(dtype, np.dtype) and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            values = np.clip(values, limits.min, limits.max)
        if not missing.any():
            return pd.Series(values, name=self.name).astype(dtype)
        empty = pd.Series(values, name=self.name, dtype=object).where(~missing, None)
        return empty.astype(float).astype(dtype) if self.kind != "category" else empty.astype(dtype)


def is_number(column):
    """Tell whether a column holds numbers or dates, not names or truth values."""
    kinds = types.is_numeric_dtype, types.is_datetime64_any_dtype, types.is_timedelta64_dtype
    return not types.is_bool_dtype(column.dtype) and any(f(column.dtype) for f in kinds)


def numbers(column):
    """Return (float64 with NaN where missing, epoch): dates as seconds since 1970, durations as seconds.

    Raises DataError where a value is infinite or beyond `LARGEST`.
    """
    if types.is_datetime64_any_dtype(column.dtype):
        bare = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        return _seconds(bare, "datetime64[ns]"), "datetime"
    if types.is_timedelta64_dtype(column.dtype):
        return _seconds(column, "timedelta64[ns]"), "timedelta"
    x = column.to_numpy(np.float64, na_value=np.nan)
    bad = np.flatnonzero(np.abs(x) > LARGEST)
    if len(bad):
        raise DataError(
            f"column '{column.name}' holds {x[bad[0]]:g} in {row(column, bad[0])}, beyond {LARGEST:g}: "
            "correct it, or leave it empty (missing)."
        )
    return x, ""


def row(column, position):
    """Say which row of the user's table a position is, counted from 1 below the heading."""
    return f"row {int(column.index[position]) + 1:,}"


def check_text(column):
    """Raise DataError where a column of text holds mostly numbers."""
    counts = column.value_counts()
    wrong = pd.to_numeric(pd.Series(counts.index.astype(str)), errors="coerce").isna().to_numpy()
    if 0 < counts[wrong].sum() < counts.sum() / 2 and not types.is_bool_dtype(column.dtype):
        first = int(np.argmax(column.isin(counts.index[wrong])))
        raise DataError(
            f"column '{column.name}' holds '{column.iloc[first]}' in {row(column, first)}, most others are numbers: "
            "correct it, or leave it empty (missing)."
        )


def filled(x, starts):
    """Return numbers without NaN: each missing one as the last before it in its series, or the next, or the median.

    `starts` is the first row of each row's series.
    """
    known = np.isfinite(x)
    if known.all():
        return x
    rows = np.arange(len(x))
    before = np.maximum.accumulate(np.where(known, rows, -1))
    after = np.minimum.accumulate(np.where(known, rows, len(x))[::-1])[::-1]
    same = np.append(starts, -1)
    next_ = np.where(same[after] == starts, x[np.minimum(after, len(x) - 1)], np.median(x[known]))
    return np.where(before >= starts, x[before], next_)


def _levels(column):
    if isinstance(column.dtype, pd.CategoricalDtype):
        every = column.cat.categories
        used = column.cat.remove_unused_categories().cat.categories.tolist()
        return {
            "levels": tuple(used),
            "ordered": bool(column.cat.ordered),
            "reserve": tuple(every.tolist()),
        }
    values = pd.unique(column.dropna()).tolist()
    return {"levels": tuple(sorted(values, key=lambda v: (str(type(v)), v)))}


def _code(x):
    """Return the number that stands for missing in a measurement: whole, repeated, the only one below 0 or far off."""
    n_times, share = CODED
    for code in (x.min(), x.max()):
        others = x[x != code]
        often = len(x) - len(others) >= max(n_times, share * len(x)) and len(others) > len(x) / 2
        if often and code == np.round(code) and len(np.unique(others)) > FEW:
            if code < 0 <= others.min() or np.abs(others - code).min() > np.ptp(others) / 2:
                return float(code)
    return None


def _decimals(x):
    """Return the least number of decimals that all values have at most, None where that is beyond float32's digits."""
    room = DIGITS - 1 - int(np.floor(np.log10(max(np.abs(x).max(), 1e-30))))
    for d in range(max(0, min(room, 12)) + 1):
        if np.allclose(np.round(x, d), x, rtol=1e-12, atol=0):
            return d
    return None


def _rounded(x):
    """Return numbers with the digits that float32 keeps."""
    size = np.floor(np.log10(np.where(x == 0, 1.0, np.abs(x))))
    unit = 10.0 ** (DIGITS - 1 - size)
    return np.round(x * unit) / unit


def _seconds(column, kind):
    return np.where(column.isna(), np.nan, column.to_numpy(kind).astype("int64") / 1e9)


def _times(values, missing, dtype, epoch):
    nanoseconds = (
        np.round(np.asarray(values, np.float64) * 1e3).astype("int64") * 1_000_000
    )  # to the millisecond
    made = pd.Series(nanoseconds.astype(f"{epoch}64[ns]")).where(~missing)
    zone = getattr(dtype, "tz", None)
    return (made if zone is None else made.dt.tz_localize("UTC").dt.tz_convert(zone)).astype(dtype)
