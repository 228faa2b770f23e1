"""The time column of a user's table: read as one kind of number, and written back as it stood there.

Dates become nanoseconds since 1970, other times stay numbers. Synthetic times are regular: the interval is the median
step, or whole months where every step is one; the starts are drawn evenly between the earliest and the latest start on
that grid, so that no real series' start is copied.
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from tst.series import DataError
from tst.table.columns import row

ZONE = r":\d\d(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)$"
DAY = 86_400_000_000_000  # nanoseconds


@dataclass(frozen=True)
class Clock:
    """What the times of a table are.

    Parameters
    ----------
    name, dtype
        Of the column.
    form, zone
        Of dates that stand there as text: the format, and the offset as it is written; else empty.
    step, months
        The interval, in nanoseconds or in the column's numbers; in months where that is not 0.
    first, last
        Earliest and latest start of a series.
    """

    name: str
    dtype: str
    form: str = ""
    zone: str = ""
    step: float = 1.0
    months: int = 0
    first: float = 0.0
    last: float = 0.0

    @property
    def dated(self):
        """Whether times are dates."""
        return bool(self.form) or not types.is_numeric_dtype(types.pandas_dtype(self.dtype))

    @property
    def interval(self):
        """The interval as pandas spells it, or the number."""
        if not self.dated:
            return f"{self.step:g}"
        if self.months:
            return f"{self.months}MS"
        return pd.tseries.frequencies.to_offset(pd.Timedelta(int(self.step), "ns")).freqstr

    def times(self, lengths, rng):
        """Return the column of series of `lengths`, one after another, their starts drawn."""
        n_grid = int((self.last - self.first) // self.step) if self.step else 0
        starts = rng.integers(0, n_grid + 1, len(lengths))
        steps = (
            np.arange(lengths.sum())
            - np.repeat(np.cumsum(lengths) - lengths, lengths)
            + np.repeat(starts, lengths)
        )
        if self.months:
            first = pd.Timestamp(int(self.first))
            month = np.datetime64(first, "M") + steps * self.months
            within = (first - first.to_period("M").to_timestamp()).to_timedelta64()
            return self._written(pd.Series(month.astype("datetime64[ns]") + within))
        if not self.dated:
            return (
                pd.Series(self.first + steps * self.step, name=self.name)
                .round(9)
                .astype(self.dtype)
            )
        return self._written(
            pd.Series((int(self.first) + steps * int(self.step)).astype("datetime64[ns]"))
        )

    def _written(self, times):
        if self.form:
            return pd.Series(times.dt.strftime(self.form) + self.zone, name=self.name).astype(
                self.dtype
            )
        dtype = types.pandas_dtype(self.dtype)
        zone = getattr(dtype, "tz", None)
        return (
            (times if zone is None else times.dt.tz_localize("UTC").dt.tz_convert(zone))
            .astype(dtype)
            .rename(self.name)
        )


def is_time(column):
    """Tell whether a column holds dates, as such or as text."""
    if types.is_datetime64_any_dtype(column.dtype):
        return True
    if not (types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype)):
        return False
    text = column.dropna().head(20).astype(str)
    return len(text) > 0 and _form(text) != ""


def read_times(column):
    """Return (numbers, float64 or int64, missing ones as the least; facts of a `Clock`; problems as (what, rows))."""
    facts = {"name": column.name, "dtype": str(column.dtype)}
    if types.is_datetime64_any_dtype(column.dtype):
        bare = column if column.dt.tz is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
        return bare.to_numpy("datetime64[ns]").astype("int64"), facts, []
    if types.is_numeric_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=-np.inf), facts, []
    text = column.astype(str).where(column.notna())
    form, zone, problems = _form(text.dropna().head(20)), "", []
    if not form:
        raise DataError(
            f"time column '{column.name}' holds '{text.dropna().iloc[0]}', neither a date nor a number."
        )
    zones = text.str.extract(ZONE)[0]
    if zones.notna().any():
        bare = np.flatnonzero((zones.isna() & text.notna()).to_numpy())
        if len(bare):
            raise DataError(
                f"time column '{column.name}' mixes times with and without a zone ({row(column, bare[0])} has none): "
                "give all of them one."
            )
        found = zones.dropna().unique()
        zone = found[0] if len(found) == 1 else "+00:00"
        problems = [
            (
                f"time zones {', '.join(sorted(found))} are mixed; all times are taken to UTC",
                len(text),
            )
        ] * (len(found) > 1)
    parsed = _parsed(text, form, column, zones.notna().any())
    local = _offset(zone)
    form = re.sub(r"\s*%z$|Z$", "", form)
    return (
        parsed.to_numpy("datetime64[ns]").astype("int64") + local,
        facts | {"form": form, "zone": zone},
        problems,
    )


def interval(times, same):
    """Return (step, months) of sorted times: the median step within series; `same` marks rows with a row before them."""
    steps = np.diff(times)[same[1:]]
    steps = steps[steps > 0]
    if not len(steps):
        return 1.0, 0
    step = float(np.median(steps))
    if times.dtype == np.int64 and step >= 28 * DAY and (steps >= 28 * DAY).all():
        days = pd.Series(times.astype("datetime64[ns]")).dt.day
        if days.nunique() == 1:
            return step, max(1, round(step / (30.44 * DAY)))
    return step, 0


def _form(text):
    guess = pd.tseries.api.guess_datetime_format(text.iloc[0]) if len(text) else None
    if guess is None or not re.search(r"%[Yy]", guess) or re.fullmatch(r"\d+", text.iloc[0]):
        return ""
    return guess


def _parsed(text, form, column, zoned):
    """Return datetimes without a zone (in UTC where text has one); raises DataError where one cannot be read."""
    form = "ISO8601" if form.startswith("%Y-%m-%d") else form
    parsed = pd.to_datetime(text, format=form, utc=zoned, errors="coerce")
    bad = np.flatnonzero((parsed.isna() & text.notna()).to_numpy())
    if len(bad):
        raise DataError(
            f"time column '{column.name}' holds '{text.iloc[bad[0]]}' in {row(column, bad[0])}, no date like the others: "
            "correct it."
        )
    return parsed.dt.tz_localize(None) if zoned else parsed


def _offset(zone):
    """Return the nanoseconds that a written offset is ahead of UTC."""
    if zone in ("", "Z"):
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (1 if zone[0] == "+" else -1) * (hours * 60 + minutes) * 60_000_000_000
