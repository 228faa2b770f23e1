"""Days of the year on which measurements are lower or higher, and by how much.

Found where the data show them: dates such as 25 December on which the mean over series is far from
that of the days around it, with one sign, in every year at hand. Or listed by the user, past and
future ones. A holiday's effect is taken out before series are learned and put back by date when
they are written, so that a model of a few years need not learn what each of them shows once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tst.cycles import DAY, MONDAY
from tst.errors import DataError
from tst.io import mapped
from tst.series import SeriesSet, offsets
from tst.table.columns import ColumnCodec, Problem

NONE = "none"  # instead of days: none are looked for
AROUND = 14  # days before and behind one, whose median is its level: moves with trend and season
FAR = 4.0  # robust deviations that a day is from its level
SURE = 3.0  # standard errors of the mean of listed days
CHANCE = 0.05  # dates that may be found in a table without any
NORMAL_MAD = 1.4826  # standard deviations in a median absolute deviation of a normal distribution
MAX_DAYS = 2**17  # that a table may cover for days to be told apart
CLOSED = 0.05  # share of the level, below which nothing is left of it that could be divided out
N_NAMED = 8  # days that a sentence lists


@dataclass(frozen=True, kw_only=True)
class Holiday:
    """The effect of some days on a measurement.

    Parameters
    ----------
    column
        Of the measurement, as relations make it.
    days
        `12-25` for each year, `2024-12-25` for one.
    is_factor
        Whether the level is multiplied, as of what is never negative, or `size` is added to it.
    size
        The factor, or what is added.
    """

    column: str
    days: tuple[str, ...]
    is_factor: bool
    size: float

    def __post_init__(self) -> None:
        fits = np.isfinite(self.size) and (self.size >= 0 or not self.is_factor)
        if not fits or not self.days:
            raise ValueError(f"the holidays of column '{self.column}' cannot be")

    def rows(self, times: np.ndarray) -> np.ndarray:
        """Tell which times, int64 nanoseconds (n_rows,), are on these days."""
        return is_on(self.days, times // DAY)

    def removed(self, x: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return values (n_rows,) as on other days; NaN where a day left nothing of them."""
        rows = self.rows(times)
        if not self.is_factor:
            return np.where(rows, x - self.size, x)
        if self.size < CLOSED:
            return np.where(rows, np.nan, x)
        return np.where(rows, x / self.size, x)

    def added(self, x: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Return values (n_rows,) as on these days."""
        changed = x * self.size if self.is_factor else x + self.size
        return np.where(self.rows(times), changed, x)

    @property
    def text(self) -> str:
        """Say on which days, and by how much."""
        named = ", ".join(self.days[:N_NAMED])
        if len(self.days) > N_NAMED:
            named += f" and {len(self.days) - N_NAMED:,} more"
        if self.is_factor:
            return f"{named} {100 * (self.size - 1):+.0f} %"
        return f"{named} {self.size:+.4g}"


@dataclass(frozen=True, kw_only=True)
class Daily:
    """The daily means of a measurement over series, as they differ from what is usual.

    Parameters
    ----------
    days
        int64, (n_days,): since 1970, rising.
    usual
        float64, (n_days,): the level of the days around, and of the weekday.
    residual
        float64, (n_days,): what the mean is above that.
    is_factor
        Whether series were divided by their means, or these subtracted.
    """

    days: np.ndarray
    usual: np.ndarray
    residual: np.ndarray
    is_factor: bool

    @classmethod
    def of(cls, days: np.ndarray, means: np.ndarray, is_factor: bool) -> "Daily":
        """Return the daily means (n_days,) beside their levels."""
        level = _running_median(means)
        if is_factor:
            ratio = np.divide(means, level, out=np.ones(len(means)), where=level > 0)
            weekly = _of_weekdays(days, ratio)
            usual = level * weekly
        else:
            usual = level + _of_weekdays(days, means - level)
        return cls(days=days, usual=usual, residual=means - usual, is_factor=is_factor)

    @property
    def standard(self) -> np.ndarray:
        """The residuals in robust deviations, (n_days,); of factors, as shares of what is usual."""
        share = self.residual
        if self.is_factor:
            share = np.divide(share, self.usual, out=np.zeros(len(share)), where=self.usual > 0)
        deviation = NORMAL_MAD * np.median(np.abs(share - np.median(share)))
        least = 1e-6 * max(float(np.abs(self.usual).max()), 1e-30)
        return share / max(float(deviation), least)

    def size(self, chosen: np.ndarray) -> float:
        """Return by what or how much the level differs on some days, bool (n_days,)."""
        if not self.is_factor:
            return float(self.residual[chosen].mean())
        chosen = chosen & (self.usual > 0)
        if not chosen.any():
            return 1.0
        return max(0.0, float(np.mean(1 + self.residual[chosen] / self.usual[chosen])))


def find(
    series: SeriesSet,
    columns: dict[int, ColumnCodec],
    listed: Sequence[str] = (),
    is_one: bool = False,
) -> tuple[Holiday, ...]:
    """Return the holidays of a table, () where there are none.

    Parameters
    ----------
    series
        With the date of each row, as those of even steps are known.
    columns
        Of the features that are measured numbers.
    listed
        What the user says: days, `none`, or nothing.
    is_one
        Whether the set is one series, cut into stretches.

    Raises
    ------
    DataError
        Where none of the listed days is in the table.
    """
    given = tuple(day for day in listed if day != NONE)
    if series.dates is None or not columns:
        if given:
            raise DataError("holidays need even steps of a calendar, two weeks of days at least.")
        return ()
    days = _days(series.dates)
    if days is None:
        if given:
            raise DataError("holidays need steps of a day or less; this table has longer ones.")
        return ()
    is_listed = is_on(given, days)
    if given and not is_listed.any():
        raise DataError(
            f"none of the holidays ({', '.join(given[:3])}) is in the table: list past ones, too, "
            "from which their effect can be learned."
        )
    found: list[Holiday] = []
    whole = _whole(series, is_one)
    for feature, column in columns.items():
        daily = _daily(series, feature, column, days, whole)
        if given and _is_sure(daily, is_listed):
            found.append(_holiday(column, given, daily, is_listed))
        if NONE not in listed:
            for name in _repeating(daily, is_listed, len(columns)):
                found.append(_holiday(column, (name,), daily, is_on((name,), days)))
    return tuple(found)


def problems_of(holidays: Sequence[Holiday], times: np.ndarray) -> list[Problem]:
    """Return what is said of holidays, of times (n_rows,), a line a column."""
    said = []
    for column in dict.fromkeys(holiday.column for holiday in holidays):
        own = [holiday for holiday in holidays if holiday.column == column]
        n_rows = 0
        for block in mapped.blocks(times):
            part = times[block]
            for holiday in own:
                n_rows += int(holiday.rows(part).sum())
        text = "; ".join(holiday.text for holiday in own)
        said.append(Problem(column, f"holidays: {text}; taken out, put back by date", n_rows))
    return said


@lru_cache
def _texts(day: int) -> tuple[str, str]:
    """Return a day since 1970 as `2024-12-25`, and as `12-25`."""
    text = str(np.datetime64(day, "D"))
    return text, text[-5:]


def is_on(names: Sequence[str], days: np.ndarray) -> np.ndarray:
    """Tell which days since 1970, int64 (n,), are among named ones, bool (n,)."""
    wanted = set(names)
    distinct, index = np.unique(days, return_inverse=True)
    marked = np.zeros(len(distinct), dtype=bool)
    for i, day in enumerate(distinct):
        marked[i] = not wanted.isdisjoint(_texts(int(day)))
    return marked[index]


def _days(dates: np.ndarray) -> np.ndarray | None:
    """Return the days of dates, rising; None where most are no neighbours, or they are too many."""
    distinct = np.zeros(0, dtype=np.int64)
    for block in mapped.blocks(dates):
        distinct = np.union1d(distinct, dates[block] // DAY)
    if len(distinct) < 2 * AROUND + 1 or len(distinct) > MAX_DAYS:
        return None
    return distinct if np.median(np.diff(distinct)) == 1 else None


def _whole(series: SeriesSet, is_one: bool) -> np.ndarray:
    """Return of each series the number of the one that it was cut from, int64 (n_series,)."""
    if is_one:
        return np.zeros(len(series), dtype=np.int64)
    return series.units


def _daily(
    series: SeriesSet, feature: int, column: ColumnCodec, days: np.ndarray, whole: np.ndarray
) -> Daily:
    """Return the daily means of a feature over series, each divided by its mean, or less it.

    Only series with a mean above 0 are divided. The mean is that of a whole series, for in a short
    part that has a holiday it is another one's.
    """
    dates = np.asarray(series.dates)
    starts = offsets(series.lengths)
    values = series.values[:, feature]
    is_factor = bool(values.min() + column.shift >= 0)
    sums = np.add.reduceat(values, starts[:-1], dtype=np.float64)
    own = np.bincount(whole, sums) / np.bincount(whole, series.lengths) + column.shift
    own = own[whole]
    sums = np.zeros(len(days))
    counts = np.zeros(len(days))
    for block in mapped.blocks(series.values):
        x = values[block].astype(np.float64) + column.shift
        rows = np.arange(block.start, block.start + len(x))
        level = own[np.searchsorted(starts, rows, "right") - 1]
        of_day = np.searchsorted(days, dates[block] // DAY)
        is_used = level > 0 if is_factor else np.ones(len(x), dtype=bool)
        changed = x[is_used] / level[is_used] if is_factor else x - level
        sums += np.bincount(of_day[is_used], changed, len(days))
        counts += np.bincount(of_day[is_used], minlength=len(days))
    usual = 1.0 if is_factor else 0.0
    means = np.divide(sums, counts, out=np.full(len(days), usual), where=counts > 0)
    return Daily.of(days, means, is_factor)


def _running_median(x: np.ndarray) -> np.ndarray:
    """Return the median of each number of x (n,) and those around it; at the ends of the first."""
    windows = np.lib.stride_tricks.sliding_window_view(x, 2 * AROUND + 1)
    return np.pad(np.median(windows, axis=1), AROUND, mode="edge")


def _of_weekdays(days: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return for each day, (n,), the median of x on its weekday."""
    weekday = (days + MONDAY // DAY) % 7
    usual = np.zeros(len(x))
    for one in np.unique(weekday):
        usual[weekday == one] = np.median(x[weekday == one])
    return usual


def _is_sure(daily: Daily, chosen: np.ndarray) -> bool:
    """Tell whether the mean of listed days is no accident."""
    standard = daily.standard[chosen]
    return bool(abs(standard.mean()) * np.sqrt(len(standard)) > SURE)


def _repeating(daily: Daily, is_listed: np.ndarray, n_columns: int) -> list[str]:
    """Return the dates, `12-25`, that are far from usual with one sign in each of some years.

    Where other days are often as far, as of a heavy tail, so many years may agree by chance:
    dates count where fewer than `CHANCE` would.
    """
    standard = daily.standard
    of_date: dict[str, list[int]] = {}
    for i in np.flatnonzero(~is_listed):
        of_date.setdefault(_texts(int(daily.days[i]))[1], []).append(int(i))
    candidates: dict[str, np.ndarray] = {}
    is_other = ~is_listed
    for date, rows in of_date.items():
        z = standard[rows]
        if len(rows) >= 2 and (z.min() > FAR or z.max() < -FAR):
            candidates[date] = z
            is_other[rows] = False
    found: list[str] = []
    others = standard[is_other]
    for date, z in candidates.items():
        n_as_far = int((others * np.sign(z[0]) >= np.abs(z).min()).sum()) + 1
        share = n_as_far / len(standard)
        if 2 * len(of_date) * n_columns * share ** len(z) < CHANCE:
            found.append(date)
    return found


def _holiday(
    column: ColumnCodec, days: tuple[str, ...], daily: Daily, chosen: np.ndarray
) -> Holiday:
    """Return the effect of some days, bool (n_days,), on a column."""
    return Holiday(
        column=column.name, days=days, is_factor=daily.is_factor, size=daily.size(chosen)
    )


def without(
    holidays: Sequence[Holiday], column: ColumnCodec, x: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """Return the coded numbers of a column, (n_rows,), as on other days."""
    own = [holiday for holiday in holidays if holiday.column == column.name]
    for holiday in own:
        x = holiday.removed(x + column.shift, times) - column.shift
        if column.kind == "whole":
            x = np.round(x)
    return x


def with_them(
    holidays: Sequence[Holiday], column: ColumnCodec, x: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """Return the coded numbers of a column, (n_rows,), as on the days that they are of."""
    own = [holiday for holiday in holidays if holiday.column == column.name]
    for holiday in own:
        x = holiday.added(x.astype(np.float64) + column.shift, times) - column.shift
    return x
