"""Where a score would stand at a larger budget: a line in the logarithm of the steps, with error.

A line in log(steps) is the plainest law that curves of loss against compute follow over a few
decades (Hestness et al., arXiv 1712.00409, have a power of the steps, which a line is for small
exponents). It bends where a score reaches its best value: the interval says how far the points
leave the line, not whether it goes on.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEAST_POINTS = 3  # a line through two points has no error


def extrapolate(
    n_steps: Sequence[float] | np.ndarray,
    values: Sequence[float] | np.ndarray,
    at: float,
    confidence: float = 0.95,
) -> tuple[float, float, float]:
    """Return (value, low, high) of a least-squares line in log(n_steps), at another number.

    Parameters
    ----------
    n_steps, values
        Shape (n,) each: optimiser steps, above 0, and the score that a run of so many reached.
    at
        Optimiser steps at which the line is read.
    confidence
        Of the prediction interval: where a new run would fall, by Student's t.

    Returns
    -------
    Three numbers, NaN where there are fewer than 3 points, or all have one number of steps.
    """
    x = np.log(np.asarray(n_steps, np.float64))
    y = np.asarray(values, np.float64)
    if len(x) < LEAST_POINTS or np.ptp(x) == 0:
        return np.nan, np.nan, np.nan
    line = stats.linregress(x, y)
    residual = y - line.intercept - line.slope * x
    freedom = len(x) - 2
    distance = np.log(at) - x.mean()
    leverage = 1 + 1 / len(x) + distance**2 / ((x - x.mean()) ** 2).sum()
    spread = np.sqrt((residual**2).sum() / freedom * leverage)
    half_width = stats.t.ppf((1 + confidence) / 2, freedom) * spread
    value = line.intercept + line.slope * np.log(at)
    return float(value), float(value - half_width), float(value + half_width)
