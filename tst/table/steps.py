"""The steps of a table's times: even, of months, or slots of the day or week that are open.

Each kind of calendar counts the steps between two times and goes on from a time by steps, so that
synthetic times are real ones of that calendar: no Saturday where the table has none. Starts are
drawn from the real ones, moved by whole weeks (or what they have in common) half-way to their
neighbours at most, so that season, weekday and time of the day stay.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd

from tst.cycles import DAY, MONDAY, WEEK
from tst.table.values import median

SHORTEST_MONTH = 27 * DAY  # an hour is lost where clocks change
MAX_DAYS = 2**16  # distinct days that are kept, to find the rule of a month
MAX_SLOTS = 4096  # of a day or week
RARE_SLOT = 0.02  # of the median slot's rows: fewer, and the slot is an exception
MIN_ROWS_A_SLOT = 3
MIN_SHARE = 0.9  # of steps that go to the next slot, for a calendar to be meant
NEARLY = 0.005  # of the steps: by so little more, a calendar is no better than a simpler one
GAP = 1.5  # steps between two rows, above which there is a gap: a late row is none yet
JITTER = 0.1  # of an even step: by so little, a time is not off its calendar
EXACT = 1e-6  # of a step
MIN_SPANNING = 5  # series that go on over a slot in which none has a row: then it is closed
MEAN_MONTH = 30.44 * DAY
N_TRIES = 3  # to end a series before the last time
MAX_CLOSED = 0.1  # of all slots
MAX_STARTS = 1000  # that are kept
NEAR_LENGTHS = 0.2  # of the series: those whose starts a synthetic series of some length may have

# Returns, whenever it is called, the parts of a table, each as times (n_rows,), rising within each
# series, and is_first (n_rows,), True for the first row of each series.
Parts = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]
MonthRule = Literal["day", "weekday", "last weekday", "first business day", "last business day"]


@dataclass(frozen=True, kw_only=True)
class Even:
    """Steps of one size, in nanoseconds or in the column's numbers."""

    kind: Literal["even"] = "even"
    step: float

    def count(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        """Return how many steps lie between two times each, float64."""
        return (later - earlier) / self.step if self.step else np.ones(len(later))

    def after(self, start: np.ndarray, n_steps: np.ndarray) -> np.ndarray:
        """Return the times so many steps behind others."""
        if start.dtype == np.int64:
            return start + np.round(n_steps * self.step).astype(np.int64)
        return start + n_steps * self.step


@dataclass(frozen=True, kw_only=True)
class Months:
    """Steps of whole months: months, quarters, years.

    Parameters
    ----------
    months
        Of a step.
    rule, day, weekday
        Which day of its month a time is: `day` (of a shorter month, the last one), the `day`-th or
        last `weekday` (0 is Monday), the first or last business day.
    """

    kind: Literal["months"] = "months"
    months: int
    rule: MonthRule = "day"
    day: int = 1
    weekday: int = 0

    def count(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        """Return how many steps lie between two times each, float64."""
        return (month_number(later) - month_number(earlier)) / self.months

    def after(self, start: np.ndarray, n_steps: np.ndarray) -> np.ndarray:
        """Return the times so many steps behind others, at their time of the day."""
        month = month_number(start) + np.round(n_steps).astype(np.int64) * self.months
        return self.date(month) + start % DAY

    def date(self, month: np.ndarray) -> np.ndarray:
        """Return the days of months by the rule, int64 nanoseconds."""
        first = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        following = (month + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        last = following - 1
        if self.rule == "weekday":
            day = first + (self.weekday - (first + 3)) % 7 + 7 * (self.day - 1)
        elif self.rule == "last weekday":
            day = last - ((last + 3) - self.weekday) % 7
        elif self.rule == "first business day":
            day = first + np.array([0, 0, 0, 0, 0, 2, 1])[(first + 3) % 7]
        elif self.rule == "last business day":
            day = last - np.array([0, 0, 0, 0, 0, 1, 2])[(last + 3) % 7]
        else:
            day = np.minimum(first + self.day - 1, last)
        return day * DAY


@dataclass(frozen=True, kw_only=True)
class Slots:
    """Steps to the next slot of the day or week that is open: business days, sessions.

    Parameters
    ----------
    period
        Nanoseconds: a day, or a week, which begins on Monday.
    slots
        Nanoseconds since the beginning of the period, rising.
    closed
        Numbers of slots since 1970 that are skipped, rising: holidays.
    """

    kind: Literal["slots"] = "slots"
    period: int
    slots: tuple[int, ...]
    closed: tuple[int, ...] = ()

    def number(self, times: np.ndarray) -> np.ndarray:
        """Return the number of each time's slot since 1970, or of the next slot, int64."""
        since_monday = times + MONDAY
        within = np.searchsorted(np.array(self.slots), since_monday % self.period)
        return since_monday // self.period * len(self.slots) + within

    def time(self, number: np.ndarray) -> np.ndarray:
        """Return the times of slots: inverts `number`."""
        period, within = np.divmod(number, len(self.slots))
        return period * self.period + np.array(self.slots)[within] - MONDAY

    def count(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        """Return how many steps lie between two times each, float64."""
        return (self._open(later) - self._open(earlier)).astype(np.float64)

    def after(self, start: np.ndarray, n_steps: np.ndarray) -> np.ndarray:
        """Return the times so many steps behind others."""
        number = self._open(start) + np.round(n_steps).astype(np.int64)
        closed = np.array(self.closed, dtype=np.int64)
        if len(closed):
            # the open slots before each closed one: as many as its number less the closed ones
            number = number + np.searchsorted(closed - np.arange(len(closed)), number, "right")
        return self.time(number)

    def _open(self, times: np.ndarray) -> np.ndarray:
        """Return the number of each time's slot, or the next open one, among the open ones."""
        number = self.number(times)
        return number - np.searchsorted(np.array(self.closed, dtype=np.int64), number)


Calendar = Even | Months | Slots


def month_number(times: np.ndarray) -> np.ndarray:
    """Return the months since 1970, int64."""
    return times.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


def steps_of(parts: Parts) -> Iterator[np.ndarray]:
    """Yield the steps within series that are not 0, float64."""
    for times, is_first in parts():
        step = np.diff(times)[~is_first[1:]]
        yield step[step > 0].astype(np.float64)


def find_calendar(parts: Parts, has_dates: bool = True) -> tuple[Calendar, float]:
    """Return the calendar of sorted times, and their median step.

    Parameters
    ----------
    has_dates
        Whether times are dates, which have months and weeks.
    """
    shortest = min((float(part.min()) for part in steps_of(parts) if len(part)), default=0.0)
    if not shortest:
        return Even(step=1.0), 1.0
    step = median(lambda: steps_of(parts))
    candidates: list[Calendar] = [Even(step=step)]
    if has_dates and shortest >= SHORTEST_MONTH:
        candidates += _months(parts)
    elif has_dates:
        candidates += [s for period in (DAY, WEEK) if (s := _slots(parts, period)) is not None]
    shares = np.array([share_of_next(candidate, parts, EXACT) for candidate in candidates])
    is_good = shares >= max(MIN_SHARE, shares.max() - NEARLY)
    return candidates[int(np.argmax(is_good))], step


def share_of_next(calendar: Calendar, parts: Parts, jitter: float = JITTER) -> float:
    """Return the share of a table's steps that go to the next time, but for a jitter."""
    n_next = 0
    n_all = 0
    for times, is_first in parts():
        within = ~is_first[1:]
        n_steps = calendar.count(times[:-1][within], times[1:][within])
        n_next += int(is_next(n_steps, jitter).sum())
        n_all += len(n_steps)
    return n_next / max(1, n_all)


def is_next(n_steps: np.ndarray, jitter: float = JITTER) -> np.ndarray:
    """Tell which numbers of steps are one, but for a jitter."""
    return np.abs(n_steps - 1) <= jitter


def _months(parts: Parts) -> list[Months]:
    """Return the calendars of months that all days keep to, the simplest first."""
    found: set[int] = set()
    months: list[tuple[np.ndarray, np.ndarray]] = []
    for times, is_first in parts():
        found.update(np.unique(times // DAY).tolist())
        months.append(np.unique(np.diff(month_number(times))[~is_first[1:]], return_counts=True))
        if len(found) > MAX_DAYS:
            return []
    days = np.array(sorted(found)) * DAY
    counts: dict[int, int] = {}
    for numbers, times_seen in months:
        for number, n in zip(numbers.tolist(), times_seen.tolist(), strict=True):
            counts[number] = counts.get(number, 0) + n
    n_months = max(counts, key=lambda number: counts[number])
    if n_months < 1:
        return []
    dates = pd.DatetimeIndex(days.astype("datetime64[ns]"))
    weekday = int(dates[0].day_of_week)
    nth = (dates[0].day - 1) // 7 + 1
    rules = [
        Months(months=n_months, day=int(dates.day.max())),
        Months(months=n_months, rule="last business day"),
        Months(months=n_months, rule="first business day"),
        Months(months=n_months, rule="weekday", weekday=weekday, day=nth),
        Months(months=n_months, rule="last weekday", weekday=weekday),
    ]
    if (dates.day == dates.days_in_month).all():
        rules[0] = Months(months=n_months, day=31)
    in_months = month_number(days)
    return [rule for rule in rules if (rule.date(in_months) == days).all()]


def _slots(parts: Parts, period: int) -> Slots | None:
    """Return the slots of a day or week that have rows, or None where there is no pattern."""
    counts: dict[int, int] = {}
    n_rows = 0
    for times, _ in parts():
        found, n_found = np.unique((times + MONDAY) % period, return_counts=True)
        n_rows += len(times)
        for slot, n in zip(found.tolist(), n_found.tolist(), strict=True):
            counts[slot] = counts.get(slot, 0) + n
        if len(counts) > MAX_SLOTS:
            return None
    if n_rows < MIN_ROWS_A_SLOT * len(counts):
        return None
    typical = np.median(list(counts.values()))
    slots = sorted(slot for slot, n in counts.items() if n >= RARE_SLOT * typical)
    calendar = Slots(period=period, slots=tuple(slots))
    return Slots(period=period, slots=calendar.slots, closed=_closed(parts, calendar))


def _closed(parts: Parts, calendar: Slots) -> tuple[int, ...]:
    """Return the slots over which several series go on while none has a row."""
    begins = []
    ends = []
    seen = []
    for times, is_first in parts():
        number = calendar.number(times)
        seen.append(np.unique(number))
        first = np.flatnonzero(is_first)
        begins.append(number[first])
        ends.append(number[np.append(first[1:], len(times)) - 1])
    begin = np.sort(np.concatenate(begins))
    end = np.sort(np.concatenate(ends))
    low = int(begin[0])
    n_slots = int(end[-1]) - low + 1
    if n_slots > MAX_SLOTS * MAX_SLOTS:
        return ()
    has_row = np.zeros(n_slots, dtype=bool)
    for numbers in seen:
        has_row[numbers - low] = True
    empty = np.flatnonzero(~has_row) + low
    n_spanning = np.searchsorted(begin, empty) - np.searchsorted(end, empty)
    closed = empty[n_spanning >= MIN_SPANNING]
    return tuple(closed.tolist()) if len(closed) <= MAX_CLOSED * n_slots else ()


@dataclass(frozen=True, kw_only=True)
class Starts:
    """When series start, and how long those are.

    Parameters
    ----------
    times, lengths
        Of some series, by length and then by time.
    shift, in_months
        What a start may be moved by: a multiple of this, in the unit of the times, or in months.
    last
        The latest time of all series.
    """

    times: tuple[float, ...] = (0.0,)
    lengths: tuple[int, ...] = (1,)
    shift: float = 0.0
    in_months: bool = False
    last: float = 0.0

    @classmethod
    def of(
        cls, times: np.ndarray, lengths: np.ndarray, last: float, calendar: Calendar, dates: bool
    ) -> Self:
        """Return what is kept of the starts of series, (n_series,) each."""
        order = np.lexsort((times, lengths))
        kept = order
        if len(order) > MAX_STARTS:
            kept = order[np.linspace(0, len(order) - 1, MAX_STARTS).round().astype(int)]
        in_months = isinstance(calendar, Months) or (dates and _are_days_of_months(times))
        return cls(
            times=tuple(times[kept].tolist()),
            lengths=tuple(lengths[kept].tolist()),
            shift=_shift(times, calendar, dates, in_months),
            in_months=in_months,
            last=times.dtype.type(last).item(),
        )

    def draw(
        self,
        lengths: np.ndarray,
        n_steps: np.ndarray,
        calendar: Calendar,
        dtype: np.dtype,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Return a start for each synthetic series of so many rows and steps, (n_series,).

        One of the starts of real series that are about as long, moved within half the distance to
        its neighbours; earlier, where the series would otherwise outlast all real ones.
        """
        known = np.array(self.lengths)
        half = max(2, round(NEAR_LENGTHS / 2 * len(known)))
        middle = np.searchsorted(known, lengths)
        low = known[np.clip(middle - half, 0, len(known) - 1)]
        high = known[np.clip(middle + half - 1, 0, len(known) - 1)]
        first = np.searchsorted(known, low)
        behind = np.searchsorted(known, high, "right")
        times = np.array(self.times, dtype=dtype)
        starts = self._spread(times[rng.integers(first, behind)], calendar, rng)
        return self.settled(starts, n_steps, calendar)

    def draw_any(
        self, n_series: int, calendar: Calendar, dtype: np.dtype, rng: np.random.Generator
    ) -> np.ndarray:
        """Return a start for each of n_series whose lengths are not known yet, (n_series,)."""
        times = np.array(self.times, dtype=dtype)
        return self._spread(times[rng.integers(0, len(times), n_series)], calendar, rng)

    def _spread(
        self, starts: np.ndarray, calendar: Calendar, rng: np.random.Generator
    ) -> np.ndarray:
        """Return real starts moved within half the distance to their neighbours."""
        if not self.shift:
            return starts
        distinct = np.unique(np.array(self.times, dtype=starts.dtype))
        place = np.searchsorted(distinct, starts)
        before = starts - distinct[np.maximum(place - 1, 0)]
        after = distinct[np.minimum(place + 1, len(distinct) - 1)] - starts
        moves = np.round(rng.uniform(-before / 2, after / 2) / self._unit)
        return self._moved(starts, moves, calendar)

    def settled(self, starts: np.ndarray, n_steps: np.ndarray, calendar: Calendar) -> np.ndarray:
        """Return starts (n_series,), earlier where a series would outlast all real ones."""
        if not self.shift:
            return starts
        earliest = np.array(self.times, dtype=starts.dtype).min()
        for _ in range(N_TRIES):  # holidays may make a series longer
            end = calendar.after(starts, n_steps - 1)
            back = np.ceil(np.maximum(end - self.last, 0) / self._unit)
            starts = np.maximum(self._moved(starts, -back, calendar), earliest)
        return starts

    @property
    def _unit(self) -> float:
        """The shift in the unit of the times, of months a mean."""
        return self.shift * (MEAN_MONTH if self.in_months else 1)

    def _moved(self, starts: np.ndarray, moves: np.ndarray, calendar: Calendar) -> np.ndarray:
        """Return starts moved by multiples of the shift."""
        if self.in_months:
            month = month_number(starts)
            behind = month + (moves * self.shift).astype(np.int64)
            if isinstance(calendar, Months):
                return calendar.date(behind) + starts % DAY
            return starts + (first_of(behind) - first_of(month))
        if starts.dtype == np.int64:
            return starts + moves.astype(np.int64) * int(self.shift)
        return starts + moves * self.shift


def _are_days_of_months(times: np.ndarray) -> bool:
    """Tell whether several times are at one place of their months, such as New Year's Day."""
    distinct = np.unique(times)
    return len(distinct) > 2 and len(np.unique(distinct - first_of(month_number(distinct)))) == 1


def first_of(month: np.ndarray) -> np.ndarray:
    """Return the beginnings of months since 1970, int64 nanoseconds."""
    return month.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)


def _shift(times: np.ndarray, calendar: Calendar, has_dates: bool, in_months: bool) -> float:
    """Return what all starts have in common: that, or a week where they span several."""
    if in_months:
        return float(np.gcd.reduce(month_number(times) - month_number(times.min())))
    since = times - times.min()
    if times.dtype != np.int64:
        unit = 1e-9
        if isinstance(calendar, Even) and calendar.step:
            n_steps = since / calendar.step
            unit = calendar.step if np.allclose(n_steps, np.round(n_steps)) else 1e-9
        return float(np.gcd.reduce(np.round(since / unit).astype(np.int64)) * unit)
    common = int(np.gcd.reduce(since))
    if not common:
        return 0.0
    span = int(since.max())
    for season in (WEEK, DAY):
        if has_dates and span >= 8 * season:
            return float(np.lcm(common, season))
    return float(common)
