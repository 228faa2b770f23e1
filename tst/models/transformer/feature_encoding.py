"""How one measurement is transformed, and which of its values carry probability mass.

A skewed measurement that is not negative is taken to logarithms, sooner where it is never 0, and so
are counts from 1 on that are of several sizes, as seconds between events. Whole numbers and others
on a grid, as a meter's readings, carry the mass of the interval that rounds to them; values that
pile up at a bound, the mass beyond it.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch

from tst.endings import Endings

# Share of the values at a bound, or of exact repeats, above which they are no coincidence.
ATOM_SHARE = 0.01
# Times the median that the 99 % quantile must exceed for logarithms; or, of counts from 1 on, times
# the 5 % quantile that the median must be.
SKEWED = 10
# The same of what is never 0: on a linear scale its samples would reach below 0 (bytes a day of
# homes: 9 to 10 times the median).
SKEWED_POSITIVE = 7
# Share of the values between the bounds up to which a count may have fractions (half views).
MAX_FRACTIONS = 0.001
MAX_EXPONENT = 80.0  # of a transformed value: e^80 is still finite in float32
# Of a grid: its places, and the rows that each value of it has on average.
MIN_PLACES = 8
MAX_PLACES = 4096
MIN_ROWS_EACH = 5
TAIL = 0.05  # of the rows, at either end, where many places may be empty
MIN_FILLED = 0.5  # share of the places between them that have rows
MAX_BESIDE = 0.01  # share of the rows of interpolated readings that may lie beside it
# Steps that a value may lie beside its place, for values are rounded once more (degrees Fahrenheit
# to a tenth, of tenths Celsius); few values lie so by chance.
MAX_OFF = 0.1
MANY_PLACES = 32
MAX_OFF_OF_MANY = 0.3
# Of a unit: one in how many sets of whole numbers has such a divisor by chance; float64's largest.
RARE = 10_000
MAX_EXACT = 2.0**53


@dataclass(frozen=True)
class FeatureEncoder:
    """How one measurement is transformed, and which of its values carry probability mass.

    Parameters
    ----------
    offset
        The transform is log(offset + x), or x itself where it is None.
    whole
        Whether all values are whole numbers.
    unit
        Of whole numbers: what all of them are multiples of.
    low, high
        Bound with an atom, or 0 for what is never negative; None where there is none.
    repeats
        Whether exact repeats of the step before are frequent.
    n_categories
        Of a categorical one, whose values are codes; else 0.
    places
        Of values on a grid that are no whole numbers: its places, increasing, each as the values
        there are written; else empty.
    least
        What no sample is below where all values are positive: half of the least of them; else None.
    endings
        Of numbers that end in some digits far more often than in others; else None.
    """

    offset: float | None = None
    whole: bool = False
    low: float | None = None
    high: float | None = None
    repeats: bool = False
    n_categories: int = 0
    places: tuple[float, ...] = ()
    least: float | None = None
    unit: int = 1
    endings: Endings | None = None

    def __post_init__(self) -> None:
        if self.places and not (len(self.places) > 1 and np.all(np.diff(self.places) > 0)):
            raise ValueError("the places of a measurement's grid do not increase")
        if self.unit < 1 or not (self.least is None or 0 < self.least < math.inf):
            raise ValueError(f"a unit of {self.unit} and a least value of {self.least} are none")

    @classmethod
    def fit(
        cls,
        x: np.ndarray,
        is_repeat: np.ndarray,
        categorical: bool,
        interpolated: bool = False,
        units: np.ndarray | None = None,
    ) -> Self:
        """Return the encoder of a training set's values.

        Parameters
        ----------
        x
            float64, (rows,).
        is_repeat
            bool, (rows,): exact repeats of the step before.
        interpolated
            Whether they lie on lines (`tst.models.transformer.lines`).
        units
            int, (rows,): the unit of each row, where endings are looked for.
        """
        if categorical:
            return cls(n_categories=int(x.max()) + 1)
        is_constant = bool(x.max() == x.min())
        whole = is_count(x) and not is_constant
        places = () if whole else grid_places(x, MAX_BESIDE * interpolated)
        unit = _unit(x) if whole else 1
        step = unit if whole else _step(places)
        endings = None
        if units is not None and unit == 1 and not places and not is_constant:
            endings = Endings.find(x, units)
        is_discrete = whole or bool(places) or endings is not None
        low = None
        if x.min() == 0 or is_atom(x == x.min()):
            low = float(x.min())
        high = None
        if is_atom(x == x.max()):
            high = float(x.max())
        offset = _log_offset(x, whole, step)
        least = _half_of_least(x, step)
        if endings is not None:
            least = endings.at_least(least, x.min())
            if offset is not None:  # of the lowest cell, too, there is a logarithm
                offset += max(0.0, -float(endings.cell(x.min())[0]))
        return cls(
            offset=offset,
            whole=whole,
            low=low,
            high=high,
            repeats=is_constant or (not is_discrete and is_atom(is_repeat)),
            places=places,
            least=least,
            unit=unit,
            endings=endings,
        )

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the transformed values, float64."""
        x = np.asarray(x, np.float64)
        return self._forward(x if self.endings is None else self.endings.spread(x))

    def _forward(self, x: np.ndarray) -> np.ndarray:
        """Return the transformed values of float64 ones that have no endings."""
        if self.offset is None:
            return x
        return np.log(self.offset + x)

    def forward_tensor(self, x: torch.Tensor) -> torch.Tensor:
        """Return the transformed values of a tensor, in its dtype."""
        if self.endings is not None:
            x = torch.from_numpy(self.endings.spread(x.cpu().numpy())).to(x)
        if self.offset is None:
            return x
        return torch.log(self.offset + x)

    def inverse(self, y: torch.Tensor) -> torch.Tensor:
        """Return the values of transformed ones, rounded and within bounds where data were."""
        x = y
        if self.offset is not None:
            x = torch.exp(y.clamp(max=MAX_EXPONENT)) - self.offset
        if self.endings is not None:
            x = torch.from_numpy(self.endings.gathered(x.cpu().numpy())).to(x)
        elif self.whole:
            x = torch.round(x / self.unit) * self.unit
        else:
            x = self.on_grid(x)
        lowest = self.least if self.low is None else self.low
        if lowest is None and self.high is None:
            return x
        return x.clamp(min=lowest, max=self.high)

    @cached_property
    def step(self) -> float:
        """Mean distance of neighbouring places of the grid, 0 without one."""
        return _step(self.places)

    def on_grid(self, x: torch.Tensor) -> torch.Tensor:
        """Return the nearest place of each value; beyond the outermost, the grid goes on.

        Without a grid it is the value.
        """
        if not self.places:
            return x
        places = self._place_tensor.to(x)
        nearest = places[torch.bucketize(x, self._midpoints.to(x))]
        half = self.step / 2
        step, first = self._line
        number = torch.round((x - first) / step)
        below = first + step * number.clamp(max=-1)
        above = first + step * number.clamp(min=len(places))
        nearest = torch.where(x < self.places[0] - half, below, nearest)
        nearest = torch.where(x > self.places[-1] + half, above, nearest)
        return torch.where(torch.isfinite(x), nearest, x)

    def _cell(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds of what rounds to the places of the grid, float64 (rows,) each."""
        half = self.step / 2
        first, last = self.places[0], self.places[-1]
        middle = self._midpoints.numpy()
        edges = np.concatenate([[first - half], middle, [last + half]])
        place = np.searchsorted(middle, x)
        is_within = (x >= first) & (x <= last)
        lower = np.where(is_within, edges[place], x - half)
        upper = np.where(is_within, edges[place + 1], x + half)
        return lower, upper

    @cached_property
    def _place_tensor(self) -> torch.Tensor:
        return torch.tensor(self.places, dtype=torch.float64)

    @cached_property
    def _line(self) -> tuple[float, float]:
        """Step and first place by all of them: as they are written each is rounded."""
        step, first = np.polyfit(np.arange(len(self.places)), self.places, 1)
        return float(step), float(first)

    @cached_property
    def _midpoints(self) -> torch.Tensor:
        return (self._place_tensor[1:] + self._place_tensor[:-1]) / 2

    def mass_interval(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the transformed interval whose probability mass a value carries.

        Parameters
        ----------
        x
            float, (rows,), in data units.

        Returns
        -------
        lower, upper
            float64, (rows,) each: equal where a value has a density, as whole numbers have that
            are too large for the type of `x` to tell them from the next.
        """
        if self.n_categories:
            return x, x
        if self.endings is not None:
            lower, upper = map(self._forward, self.endings.cell(x))
        elif self.whole:
            half = np.where(np.spacing(np.abs(x)) > self.unit, 0.0, self.unit / 2)
            lower = self.forward(x - half)
            upper = self.forward(x + half)
        elif self.places:
            lower, upper = map(self.forward, self._cell(np.asarray(x, np.float64)))
        else:
            lower = self.forward(x).copy()
            upper = lower.copy()
        if self.low is not None:
            lower = np.where(x <= self.low, -np.inf, lower)
        if self.high is not None:
            upper = np.where(x >= self.high, np.inf, upper)
        return lower, upper


def grid_places(x: np.ndarray, beside: float = 0.0) -> tuple[float, ...]:
    """Return the places of the grid that values lie on, empty where they lie on none.

    A meter counts steps; what is written is their number times a factor, mostly rounded. A place
    that has values is as they are; the others stand where the step puts them. `beside` is the share
    of the rows that may lie beside it, as those of interpolated readings where one is missing.
    """
    values, n_rows = np.unique(x, return_counts=True)
    if not MIN_PLACES <= len(values) <= min(MAX_PLACES, len(x) / MIN_ROWS_EACH):
        return ()
    low, high = np.quantile(x, [TAIL, 1 - TAIL])
    is_middle = (values >= low) & (values <= high)
    gaps = np.diff(values)
    for typical in (np.median(gaps), gaps.min()):  # the least one where most places are empty
        step = float(gaps[gaps < 1.5 * typical].mean())
        places = _places(values, step, is_middle)
        if len(places):
            return tuple(places.tolist())
    if not beside:
        return ()
    number, is_on = _on_a_grid(values, n_rows)
    if n_rows[~is_on].sum() > beside * len(x):
        return ()
    order = np.lexsort((n_rows, number))  # of those at one place, the most frequent is the last
    order = order[is_on[order]]
    kept = order[np.diff(number[order], append=np.inf) > 0]
    if len(kept) < MIN_PLACES:
        return ()
    step = float(np.median(np.diff(values[kept]) / np.diff(number[kept])))
    return tuple(_places(values[kept], step, is_middle[kept]).tolist())


def _on_a_grid(values: np.ndarray, n_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of increasing values, (n_values,), and which of them lie on the grid.

    Its step is about the commonest gap.
    """
    step = common_gap(values)
    anchor = values[n_rows.argmax()]
    for _ in range(3):  # the step by near places first, then by all
        number = np.rint((values - anchor) / step)
        is_on = np.abs(values - anchor - step * number) <= MAX_OFF * step
        if np.ptp(number[is_on]) > 0:
            weights = np.sqrt(n_rows[is_on])
            step = float(np.polyfit(number[is_on], values[is_on], 1, w=weights)[0])
    return number, is_on


def common_gap(values: np.ndarray) -> float:
    """Return the step of the grid that increasing values may lie on, float64: the commonest gap."""
    gaps = np.diff(values)
    _, which, n_gaps = np.unique(np.float32(gaps), return_inverse=True, return_counts=True)
    return float(np.median(gaps[which == n_gaps.argmax()]))


def _places(values: np.ndarray, step: float, is_middle: np.ndarray) -> np.ndarray:
    """Return the places of a grid of about this step, none where values do not lie on it.

    Parameters
    ----------
    values
        float64, (n_values,), increasing.
    is_middle
        bool, (n_values,): of which the places must mostly have values.
    """
    gaps = np.diff(values)
    if values[-1] - values[0] > MAX_PLACES * step:
        return values[:0]
    for _ in range(3):  # the step by near places first, then by all
        number = np.concatenate([[0], np.cumsum(np.rint(gaps / step))])
        step, first = np.polyfit(number, values, 1)
    off = np.abs(values - first - step * number).max() / step
    middle = number[is_middle]
    is_even = off <= (MAX_OFF if len(values) < MANY_PLACES else MAX_OFF_OF_MANY)
    is_filled = len(middle) >= MIN_FILLED * (np.ptp(middle) + 1)
    if not (is_even and is_filled and np.diff(number).min() >= 1):
        return values[:0]
    places: np.ndarray = first + step * np.arange(int(number[-1]) + 1)
    places[number.astype(int)] = values
    return places


def _step(places: tuple[float, ...]) -> float:
    """Return the mean distance of neighbouring places, 0 where there are none."""
    return (places[-1] - places[0]) / (len(places) - 1) if places else 0.0


def _log_offset(x: np.ndarray, whole: bool, step: float) -> float | None:
    """Return the offset of a skewed measurement's logarithm, None where it is not skewed.

    `step` is that of the grid, 0 without one.

    Of counts spread evenly from 1 on, the 5 % quantile is a tenth of the median, so that small ones
    are of another size where they are more frequent than among these. Where they are rarer, a
    linear scale keeps them, somewhat wider.
    """
    positive = x[x > 0]
    if x.min() < 0 or len(positive) == 0:
        return None
    middle = np.median(positive)
    skewed = SKEWED_POSITIVE if x.min() > 0 else SKEWED
    has_long_tail = np.quantile(x, 0.99) > skewed * middle
    has_small_ones = whole and x.min() >= 1 and middle >= SKEWED * np.quantile(x, 0.05)
    if not has_long_tail and not has_small_ones:
        return None
    if step:
        return float(step)
    return float(max(np.quantile(positive, 0.01), 1e-6 * x.max()))


def _half_of_least(x: np.ndarray, step: float) -> float | None:
    """Return half of the least of positive values, None of others.

    Of values on a grid: the lowest of its places that is not below; `step` is 0 without one.
    """
    least = float(x.min())
    if least <= 0:
        return None
    if not step:
        return least / 2
    return least - math.floor(least / 2 / step) * step


def _unit(x: np.ndarray) -> int:
    """Return what whole numbers are multiples of: of enough of them that it is not by chance.

    Nor by float32, which tells large ones by twos and fours.
    """
    values = np.unique(x)
    largest = np.abs(values).max()
    if largest >= MAX_EXACT or np.any(values != np.round(values)):
        return 1
    unit = int(np.gcd.reduce(values.astype(np.int64)))
    is_chance = (len(values) - 1) * math.log(max(unit, 1)) < math.log(RARE)
    return 1 if is_chance or unit <= np.spacing(np.float32(largest)) else unit


def is_count(x: np.ndarray) -> bool:
    """Tell whether values are whole numbers.

    A few between the bounds may not be (`MAX_FRACTIONS`), none where all lie at the bounds.
    """
    low = x.min()
    high = x.max()
    inner = x[(x > low) & (x < high)]
    share = np.mean(inner != np.round(inner)) if len(inner) else 0.0
    return bool(share <= MAX_FRACTIONS and low == np.round(low) and high == np.round(high))


def is_atom(marked: np.ndarray) -> bool:
    """Tell whether so many values are marked, bool (rows,), that they are no coincidence."""
    return bool(marked.mean() > ATOM_SHARE and marked.sum() > 2)
