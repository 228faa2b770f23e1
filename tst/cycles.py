"""The cycles of a calendar that a model sees of each step: hour, weekday, season.

A cycle is offered where the steps are finer than it and the table covers it at least twice: what
was seen once cannot be told from a trend. A date's place in a cycle is a whole number, and each
place has a code, a few numbers that the model reads: one for each hour, weekday or month, and
waves that go smoothly through all of them.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import numpy as np

from tst.io import mapped
from tst.series import offsets

Name = Literal["day", "week", "year"]

DAY = 86_400_000_000_000  # nanoseconds
WEEK = 7 * DAY
MINUTE = DAY // 1440
MONDAY = 3 * DAY  # 1970 began on a Thursday
PERIODS = {"day": DAY, "week": WEEK, "year": 365 * DAY}
PLACES = {"day": 1440, "week": 7, "year": 366}  # minutes, weekdays, days of a leap year
PARTS = {"day": 24, "week": 7, "year": 12}  # hours, weekdays, months: each has a number of its own
WAVES = {"day": 4, "week": 0, "year": 3}  # a wave goes once, twice ... through the cycle
SPOKEN = {"day": "time of the day", "week": "day of the week", "year": "season"}
LEAP_YEAR = np.arange("2000-01", "2001-01", dtype="datetime64[M]").astype("datetime64[D]")
MONTH_STARTS = (LEAP_YEAR - LEAP_YEAR[0]).astype(np.int64)  # places of the first of each month
MIN_COVERED = 2  # times that a table covers a cycle
MAX_STEP = 0.5  # of a cycle
N_TIMED = 2**20  # rows by which steps are timed
ALIKE = 1e-6  # by so little the starts' numbers differ where all are the same


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """Which cycles a model sees, and how.

    Parameters
    ----------
    names
        Of the cycles, the shortest first.
    first, last
        The earliest and the latest date of the table, nanoseconds since 1970.
    start_columns
        Which of the numbers that describe a start (`all_start_codes`) differ between series.
    """

    names: tuple[Name, ...]
    first: int
    last: int
    start_columns: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        n_columns = len(self.all_start_codes(np.zeros(1, dtype=np.int64))[0])
        fits = (
            len(set(self.names)) == len(self.names) > 0
            and self.last > self.first
            and all(0 <= column < n_columns for column in self.start_columns)
        )
        if not fits:
            raise ValueError("the parts of the cycles do not fit each other")

    @classmethod
    def of(cls, dates: np.ndarray | None, lengths: np.ndarray) -> Self | None:
        """Return the cycles that series show, or None where they show none.

        Parameters
        ----------
        dates
            int64 nanoseconds, (sum of lengths,), one series after another; None: no calendar.
        lengths
            int64, (n_series,).
        """
        if dates is None:
            return None
        first, last = _ends(dates)
        step = _typical_step(dates, lengths)
        names: list[Name] = []
        for name in get_args(Name):
            period = PERIODS[name]
            if step <= MAX_STEP * period and last - first >= MIN_COVERED * period - step:
                names.append(name)
        if not names or not step:
            return None
        found = cls(names=tuple(names), first=first, last=last)
        starts = found.all_start_codes(np.asarray(dates[offsets(lengths)[:-1]]))
        differing = np.flatnonzero(np.ptp(starts, axis=0) > ALIKE)
        return replace(found, start_columns=tuple(differing.tolist()))

    @property
    def text(self) -> str:
        """Say which they are."""
        return ", ".join(SPOKEN[name] for name in self.names)

    @property
    def width(self) -> int:
        """Numbers of a step's code."""
        return sum(PARTS[name] + 2 * WAVES[name] for name in self.names)

    def places(self, dates: np.ndarray) -> np.ndarray:
        """Return the places of dates (n,) in each cycle, int64 (n, n_cycles)."""
        return np.stack([_place(name, dates) for name in self.names], axis=1)

    def codes(self) -> list[np.ndarray]:
        """Return of each cycle the code of all its places, float32 (n_places, its width)."""
        return [_codes(name) for name in self.names]

    def start_codes(self, dates: np.ndarray) -> np.ndarray:
        """Return what the attributes of series that start at dates (n,) may depend on.

        Returns
        -------
        float32, (n, len(start_columns)).
        """
        return self.all_start_codes(dates)[:, list(self.start_columns)]

    def all_start_codes(self, dates: np.ndarray) -> np.ndarray:
        """Return how far in the table dates (n,) are, from -1 to 1, then where in its cycles."""
        gone = (dates - self.first) / max(1, self.last - self.first)
        columns = [2 * np.clip(gone, 0, 1) - 1]
        for name in self.names:
            place = _place(name, dates)
            if name == "week":
                columns += list(np.eye(7)[:, place])
            else:
                angle = 2 * np.pi * place / PLACES[name]
                columns += [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
        return np.stack(columns, axis=1).astype(np.float32)


def _ends(dates: np.ndarray) -> tuple[int, int]:
    """Return the earliest and the latest of dates, which may be more than memory holds."""
    of_blocks = []
    for block in mapped.blocks(dates):
        part = dates[block]
        of_blocks.append((int(part.min()), int(part.max())))
    firsts, lasts = zip(*of_blocks, strict=True)
    return min(firsts), max(lasts)


def _typical_step(dates: np.ndarray, lengths: np.ndarray) -> float:
    """Return the median time between two steps of a series, 0 where there is none."""
    steps = np.diff(dates[:N_TIMED])
    is_within = np.ones(len(steps), dtype=bool)
    borders = offsets(lengths)[1:-1] - 1
    is_within[borders[borders < len(steps)]] = False
    known = steps[is_within & (steps > 0)]
    return float(np.median(known)) if len(known) else 0.0


def _place(name: Name, dates: np.ndarray) -> np.ndarray:
    """Return where in a cycle dates are, int64 (n,)."""
    if name == "day":
        return dates % DAY // MINUTE
    if name == "week":
        return (dates + MONDAY) // DAY % 7
    days = dates.astype("datetime64[ns]").astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day = (days - months.astype("datetime64[D]")).astype(np.int64)
    return MONTH_STARTS[months.astype(np.int64) % 12] + day


def _codes(name: Name) -> np.ndarray:
    """Return the codes of all places of a cycle, float32 (n_places, n)."""
    place = np.arange(PLACES[name])
    if name == "year":
        part = np.searchsorted(MONTH_STARTS, place, "right") - 1
    else:
        part = place * PARTS[name] // PLACES[name]
    columns = list((part == np.arange(PARTS[name])[:, None]).astype(np.float64))
    for wave in range(1, WAVES[name] + 1):
        angle = 2 * np.pi * wave * place / PLACES[name]
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1).astype(np.float32)
