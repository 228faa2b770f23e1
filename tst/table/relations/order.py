"""What stays in order: beside other columns, from row to row, and within ends."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.relations.base import InEveryRow, Number, Places, Value, numbers, replaced


@dataclass(frozen=True, kw_only=True)
class Above(InEveryRow):
    """A number that is never below others: learned as its distance to the greatest of them.

    Parameters
    ----------
    below
        The others.
    number
        How it is written.
    """

    kind: Literal["above"] = "above"
    column: str
    below: tuple[str, ...]
    number: Number

    @property
    def text(self) -> str:
        """Say what holds."""
        return ", ".join(f"{name} <= {self.column}" for name in self.below)

    @property
    def learned_as(self) -> str:
        """Its distance to the others."""
        return f"above {', '.join(self.below)}"

    def _floor(self, frame: pd.DataFrame) -> np.ndarray:
        return np.max([numbers(frame, name) for name in self.below], axis=0)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows below another, or known where another is not."""
        x = numbers(frame, self.column)
        return np.isfinite(x) & ~(x >= self._floor(frame))  # also where the floor is missing

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with distances."""
        distance = numbers(frame, self.column) - self._floor(frame)
        return replaced(frame, self.column, self.number.column(distance))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers."""
        distance = np.maximum(numbers(frame, self.column), 0)
        return replaced(frame, self.column, self.number.column(self._floor(frame) + distance))


@dataclass(frozen=True, kw_only=True)
class Below(InEveryRow):
    """A number that is never above others, which are constant: learned as its distance to them.

    Parameters
    ----------
    above
        The others.
    number
        How it is written.
    """

    kind: Literal["below"] = "below"
    column: str
    above: tuple[str, ...]
    number: Number

    @property
    def text(self) -> str:
        """Say what holds."""
        return ", ".join(f"{self.column} <= {name}" for name in self.above)

    @property
    def learned_as(self) -> str:
        """Its distance to the others."""
        return f"below {', '.join(self.above)}"

    def _ceiling(self, frame: pd.DataFrame) -> np.ndarray:
        return np.min([numbers(frame, name) for name in self.above], axis=0)

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows above another, or known where another is not."""
        x = numbers(frame, self.column)
        return np.isfinite(x) & ~(x <= self._ceiling(frame))

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with distances."""
        distance = self._ceiling(frame) - numbers(frame, self.column)
        return replaced(frame, self.column, self.number.column(distance))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers."""
        distance = np.maximum(numbers(frame, self.column), 0)
        return replaced(frame, self.column, self.number.column(self._ceiling(frame) - distance))


@dataclass(frozen=True, kw_only=True)
class Monotone(InEveryRow):
    """A number that never falls, or never rises, within a series.

    Parameters
    ----------
    falls
        Whether it falls.
    as_steps
        Whether it is learned as steps from row to row, behind the first; else as it is, and then a
        step in the wrong direction is none.
    number
        How it is written.
    ends
        Quantiles of the last numbers of series, where these are alike, as of what runs to failure:
        a series that ends beyond them is stretched to one of them.
    before
        The limit that the last number of a series reaches, and hardly any before it; None where
        there is none.
    start
        Of one series, which is learned as steps: its first number; else None.
    """

    kind: Literal["monotone"] = "monotone"
    column: str
    falls: bool
    as_steps: bool
    number: Number
    ends: tuple[float, ...] = ()
    before: float | None = None
    start: float | None = None

    @property
    def text(self) -> str:
        """Say what holds."""
        text = f"{self.column} never {'rises' if self.falls else 'falls'}"
        if self.ends:
            text += f" and ends between {self.ends[0]:g} and {self.ends[-1]:g}"
        return text

    @property
    def learned_as(self) -> str:
        """Its steps, where it is learned as such."""
        return "steps" * self.as_steps

    @property
    def _sign(self) -> int:
        return -1 if self.falls else 1

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows that step in the wrong direction, or are missing."""
        x = numbers(frame, self.column)
        steps = np.append(0.0, np.diff(x)) * self._sign
        return ~np.isfinite(x) | (~places.is_first & (steps < 0))

    def apply(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with steps; a first row of one series has that of the next."""
        if not self.as_steps:
            return frame
        x = numbers(frame, self.column)
        steps = np.append(0.0, np.diff(x)) * self._sign
        if self.start is not None:
            steps[places.is_first] = 0.0
            x = np.append(steps[1:], 0.0)
        steps = np.where(places.is_first, x, steps)
        return replaced(frame, self.column, self.number.column(steps))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers."""
        x = numbers(frame, self.column)
        series = places.series
        if self.as_steps:
            first = x
            if self.start is not None:
                first = np.full(len(x), self.start)
            x = np.where(places.is_first, first, np.maximum(x, 0) * self._sign)
            total = np.cumsum(x)
            before = np.append(0.0, total[:-1])[places.is_first]
            x = total - before[series]
        else:
            x = pd.Series(x * self._sign).groupby(series).cummax().to_numpy() * self._sign
        if self.ends:
            x = self._stretched(x, places)
        return replaced(frame, self.column, self.number.column(x))

    def _stretched(self, x: np.ndarray, places: Places) -> np.ndarray:
        """Return numbers that end like real ones: series that do not are stretched."""
        first = np.flatnonzero(places.is_first)
        last = places.last
        decimals = 12 if self.number.decimals is None else self.number.decimals
        start = x[first]
        gone = (x[last] - start) * self._sign
        end = np.round(x[last], decimals)
        drawn = np.quantile(self.ends, places.rng.random(len(first)))
        is_off = (end < self.ends[0]) | (end > self.ends[-1])
        factor = (drawn - start) * self._sign / np.where(gone > 0, gone, 1.0)
        if self.before is not None:
            # The limit lies at some place within the last step.
            before_last = np.maximum(last - 1, first)
            inner = (x[before_last] - start) * self._sign
            at = inner + places.rng.random(len(first)) * (gone - inner)
            factor = (self.before - start) * self._sign / np.where(at > 0, at, np.inf)
            is_off |= np.round(x[before_last], decimals) * self._sign >= self.before * self._sign
        factor = np.where(is_off & (gone > 0) & (factor > 0), factor, 1.0)[places.series]
        begun = start[places.series]
        x = begun + (x - begun) * factor
        if self.before is None:
            return x
        return self._crossed_last(x, last, decimals)

    def _crossed_last(self, x: np.ndarray, last: np.ndarray, decimals: int) -> np.ndarray:
        """Return numbers of which the last ones alone, (n_series,), reach the limit."""
        limit = np.float64(self.before) * self._sign
        outermost = max(np.array(self.ends) * self._sign)
        towards = x * self._sign
        capped = np.minimum(towards, limit - 10.0**-decimals)
        capped[last] = np.clip(towards[last], limit, outermost)
        return capped * self._sign


@dataclass(frozen=True, kw_only=True)
class StateOrder(InEveryRow):
    """A category that never goes back to one it has left.

    Parameters
    ----------
    states
        In the order in which they follow each other.
    """

    kind: Literal["state order"] = "state order"
    column: str
    dtype: str
    states: tuple[Value, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} never goes back ({', '.join(map(str, self.states))})"

    def _rank(self, frame: pd.DataFrame) -> np.ndarray:
        known = pd.Index(self.states, dtype=object)
        return known.get_indexer(pd.Index(frame[self.column].astype(object)))

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows that go back, or are missing or unknown."""
        rank = self._rank(frame)
        steps = np.append(0, np.diff(rank))
        return (rank < 0) | (~places.is_first & (steps < 0))

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame without steps back."""
        rank = pd.Series(self._rank(frame)).groupby(places.series).cummax().to_numpy()
        states = np.array(self.states, dtype=object)[rank]
        return replaced(frame, self.column, pd.Series(states).astype(frame[self.column].dtype))


@dataclass(frozen=True, kw_only=True)
class Within(InEveryRow):
    """A number with a natural end: never below 0, never above 0, 1 or 100.

    Parameters
    ----------
    low, high
        Its ends; None where there is none.
    """

    kind: Literal["within"] = "within"
    column: str
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """Say what holds."""
        if self.high is None:
            return f"{self.column} >= {self.low:g}"
        if self.low is None:
            return f"{self.column} <= {self.high:g}"
        return f"{self.low:g} <= {self.column} <= {self.high:g}"

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows beyond an end."""
        x = numbers(frame, self.column)
        is_below = np.zeros(len(x), dtype=bool) if self.low is None else x < self.low
        return is_below if self.high is None else is_below | (x > self.high)

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with numbers beyond an end put to it."""
        column = frame[self.column]
        return replaced(frame, self.column, column.clip(self.low, self.high))
