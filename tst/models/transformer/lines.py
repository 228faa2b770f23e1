"""Numbers that were read now and then, and between the readings lie on a straight line.

A table that holds hourly weather every ten minutes has been interpolated: five of six steps go on
by the change of the step before, exactly. No density draws such a line, and one look at second
differences tells its samples from real ones. Whether a step goes on by that change, is held, or is
a number of its own is therefore a category, drawn before the number
(`tst.models.transformer.atoms`).
"""

from dataclasses import dataclass

import numpy as np

from tst.models.transformer.feature_encoding import is_count
from tst.series import SeriesSet

MIN_ON_LINE = 0.5  # share of the steps behind a change that go on by it
TIMES_CHANCE = 3  # by which more steps do than if each drew its change anew
SLACK = 1e-6  # of a measurement's range, by which a value may lie beside the line
ROUNDINGS = 4  # of float32, at the largest value that is written, that it may
MAX_SLACK = 1e-4  # of the range: a coarser line is none
# A curve whose steps are dense comes near a line; what is interpolated lies on one or, behind the
# next reading, far from it.
NEAR = 30  # times the slack, up to which a step is near
MAX_NEAR = 0.1  # share of the steps on the line that may be near it
MIN_FAR = 0.005  # share of the steps that must be farther
# And a curve bends one way: of neighbouring steps on the line, the share that may lie on one side.
MAX_BENT = 0.75


@dataclass(frozen=True)
class Line:
    """How values of a measurement lie on lines.

    Parameters
    ----------
    slack
        How far one may lie beside the line through the two steps before.
    most
        Greatest change from one step to the next in the training set (of a large one, in its
        excerpt), which no number that is drawn exceeds: a slope leads away for as long as it is
        kept.
    low, high
        Range of the values, which no line leaves.
    """

    slack: float
    most: float
    low: float
    high: float

    def __post_init__(self) -> None:
        is_finite = np.isfinite([self.most, self.low, self.high]).all()
        if not (0 < self.slack <= self.most and self.low < self.high and is_finite):
            raise ValueError(f"{self} is no line")


def line_of(series: SeriesSet, column: int, largest: float) -> Line | None:
    """Return how values of a measurement lie on lines, None where they do not.

    Whole numbers have no lines.

    Parameters
    ----------
    largest
        The greatest absolute value that was written: of a difference, the greater one of those of
        the two measurements.
    """
    if series.features[column].kind == "categorical":
        return None
    x = series.values[:, column].astype(np.float64)
    spread = float(np.ptp(x))
    slack = max(SLACK * spread, float(ROUNDINGS * np.finfo(np.float32).eps * largest))
    if slack > MAX_SLACK * spread:
        return None
    beside = x - ahead(x, series.step_index, slack)
    change = x - before(x, series.step_index)
    has_line = ~np.isnan(beside)
    if not has_line.any():
        return None
    off = np.abs(beside[has_line])
    on_line = np.mean(off <= slack)
    far = np.mean(off > NEAR * slack)
    if on_line < MIN_ON_LINE or far < MIN_FAR or 1 - far - on_line > MAX_NEAR * on_line:
        return None
    if _bent(beside, slack) > MAX_BENT or on_line < TIMES_CHANCE * _chance(change[has_line], slack):
        return None
    if is_count(x):
        return None
    return Line(slack, float(np.nanmax(np.abs(change))), float(x.min()), float(x.max()))


def _bent(beside: np.ndarray, slack: float) -> float:
    """Return the share of neighbouring steps on a line that lie on one side of it, 0 without any.

    `beside`, (rows,), is how far each lies beside it.
    """
    side = np.where(np.abs(beside) <= slack, np.sign(beside), 0.0)
    both = side[1:] * side[:-1]
    return float(np.mean(both[both != 0] > 0)) if both.any() else 0.0


def _chance(change: np.ndarray, slack: float) -> float:
    """Return how probable it is that two changes, drawn from all of these, are equal."""
    _, n_rows = np.unique(np.rint(change / slack), return_counts=True)
    return float(np.sum((n_rows / len(change)) ** 2))


def ahead(x: np.ndarray, n_before: np.ndarray, slack: float) -> np.ndarray:
    """Return where the change of the step before leads, float64.

    NaN where there was none beyond the slack: in a series of values that are small beside others'
    every step would lie on such a line.

    Parameters
    ----------
    x
        float, (..., n_steps).
    n_before
        int, (n_steps,): steps of the series before each; below two, there is no change.
    """
    last = before(x, n_before)
    change = last - before(x, n_before, 2)
    return np.where(np.abs(change) <= slack, np.nan, last + change)


def before(x: np.ndarray, n_before: np.ndarray, n_steps: int = 1) -> np.ndarray:
    """Return the values so many steps before, float64; NaN where there is no such step.

    Arguments as in `ahead`.
    """
    earlier = np.full(x.shape, np.nan)
    earlier[..., n_steps:] = x[..., :-n_steps]
    earlier[..., n_before < n_steps] = np.nan
    return earlier
