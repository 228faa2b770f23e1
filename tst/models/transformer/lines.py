"""Numbers that were read now and then, and between the readings lie on a straight line.

A table that holds hourly weather every ten minutes has been interpolated: five of six steps go on
by the change of the step before, exactly. No density draws such a line, and one look at second
differences tells its samples from real ones. Whether a step goes on by that change, is held, or is
a number of its own is therefore a category, drawn before the number
(`tst.models.transformer.atoms`).
"""

from dataclasses import dataclass

import numpy as np

from tst.models.transformer.feature_encoding import FeatureEncoder
from tst.series import SeriesSet

MIN_ON_LINE = 0.5  # share of the steps behind a change that go on by it
SLACK = 1e-6  # of a measurement's range, by which a value may lie beside the line
ROUNDINGS = 4  # of float32, at the largest value that is written, that it may
MAX_SLACK = 1e-4  # of the range: a coarser line is none
# What is smooth comes near a line, the nearer the denser its steps are; what is interpolated either
# lies on one or, where the next reading is, far from it. Times the slack that is near; the share of
# those on it that may be; and the share of all steps that must be farther.
NEAR = 30
MAX_NEAR = 0.1
MIN_FAR = 0.005
TIMES_CHANCE = 3  # by which more steps go on than if each drew its change anew


@dataclass(frozen=True)
class Line:
    """How values of a measurement lie on lines.

    Parameters
    ----------
    slack
        How far one may lie beside the line through the two steps before.
    most
        Change from one step to the next that no sample exceeds: a slope that is drawn leads away
        for as long as it is kept.
    """

    slack: float
    most: float

    def __post_init__(self) -> None:
        if not 0 < self.slack <= self.most < np.inf:
            raise ValueError(f"a slack of {self.slack} and a change of {self.most} are no line's")


def line_of(series: SeriesSet, column: int, largest: float) -> Line | None:
    """Return how values of a measurement lie on lines, None where they do not.

    Whole numbers have no lines. `largest` is the greatest value, whatever its sign, that was
    written: of a difference, that of either of both.
    """
    if series.features[column].kind == "categorical":
        return None
    x = series.values[:, column].astype(np.float64)
    spread = float(np.ptp(x))
    slack = max(SLACK * spread, float(ROUNDINGS * np.finfo(np.float32).eps * largest))
    if slack > MAX_SLACK * spread:
        return None
    off = np.abs(x - ahead(x, series.step_index))
    change = x - before(x, series.step_index)
    has_line = ~np.isnan(off)
    if not has_line.any():
        return None
    on_line = np.mean(off[has_line] <= slack)
    far = np.mean(off[has_line] > NEAR * slack)
    if on_line < MIN_ON_LINE or far < MIN_FAR or 1 - far - on_line > MAX_NEAR * on_line:
        return None
    if on_line < TIMES_CHANCE * _chance(change[has_line], slack):
        return None
    encoder = FeatureEncoder.fit(x, np.zeros(len(x), dtype=bool), categorical=False)
    if encoder.whole:
        return None
    return Line(slack, float(np.nanmax(np.abs(change))))


def _chance(change: np.ndarray, slack: float) -> float:
    """Return how probable it is that two changes, drawn from all of these, are equal."""
    _, n_rows = np.unique(np.rint(change / slack), return_counts=True)
    return float(np.sum((n_rows / len(change)) ** 2))


def ahead(x: np.ndarray, n_before: np.ndarray) -> np.ndarray:
    """Return where the change of the step before leads, float64; NaN where nothing changed there.

    Parameters
    ----------
    x
        float, (..., n_steps).
    n_before
        int, (n_steps,): steps of the series before each; below two, there is no change.
    """
    last = before(x, n_before)
    change = last - before(x, n_before, 2)
    return np.where(change == 0, np.nan, last + change)


def before(x: np.ndarray, n_before: np.ndarray, n_steps: int = 1) -> np.ndarray:
    """Return the values so many steps before, float64; NaN where there is no such step.

    Arguments as in `ahead`.
    """
    earlier = np.full(x.shape, np.nan)
    earlier[..., n_steps:] = x[..., :-n_steps]
    earlier[..., n_before < n_steps] = np.nan
    return earlier
