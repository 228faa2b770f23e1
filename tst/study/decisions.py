"""From values over seeds to an interval, a p-value, a smallest detectable effect and a verdict.

A check says where its value must lie (a region: above, below or within a limit and its margin).
Of a difference two intervals are joined to the wider: Student's over seeds, which sees the
generators' chance, and the paired bootstrap's over owners of test rows and seeds, which sees the
test set's as well. Ratios to real halves are judged on the log scale, so that no interval leaves
their range.

- supported: the whole interval lies in the region; contradicted: none of it does; inconclusive:
  a part does.
- A claim of several checks is an intersection-union test: supported where all are (p: the largest),
  contradicted where one is after Bonferroni over them. Claims are adjusted to each other by Holm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, stats

from tst.evaluation.bootstrap import LEVEL, Difference, t_interval
from tst.vocabulary import Verdict

Scale = Literal["linear", "log"]
Region = tuple[float, float]  # from, to; either may be infinite

SIGNIFICANT = 1 - LEVEL
POWER = 0.8  # of the smallest detectable effect
ENOUGH_SEEDS = 3  # two give an interval of one degree of freedom
SMALLEST = 1e-12  # stands for 0 on the log scale
ROUNDING = 1e-9  # of the largest value; a spread below it is none


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds with its interval.

    Attributes
    ----------
    value, low, high
        Of the log scale the geometric mean and its interval; NaN where one seed gives none.
    p
        Two-sided, that the truth lies at the end of the region that decides.
    mde
        Distance from that end that is detected with POWER; on the log scale a factor. NaN where
        all values are the same: without a spread it is undefined.
    """

    value: float
    low: float
    high: float
    p: float
    mde: float
    n_seeds: int


def estimate(
    values: Sequence[float] | np.ndarray,
    region: Region,
    scale: Scale = "linear",
    resampled: Difference | None = None,
) -> Estimate:
    """Return the estimate of what has these values, one a seed.

    Parameters
    ----------
    region
        Where the check wants it.
    resampled
        Interval and p of the bootstrap, where there is one.
    """
    x = np.asarray(values, dtype=float)
    bounds = np.array(region)
    if scale == "log":
        x = np.log(np.maximum(x, SMALLEST))
        with np.errstate(divide="ignore", invalid="ignore"):
            bounds = np.where(bounds > 0, np.log(bounds), -np.inf)
    value, low, high = t_interval(x)
    bound = _deciding(value, bounds)
    p = _t_test(x, bound)
    mde = detectable(x)
    if resampled is not None and len(x) > 1:
        low = min(low, resampled.low)
        high = max(high, resampled.high)
        p = max(p, resampled.p)
        mde = float(np.fmax(mde, _detectable_by_z(resampled.low, resampled.high)))
    ends = np.array([value, low, high, mde])
    value, low, high, mde = np.exp(ends) if scale == "log" else ends
    return Estimate(
        value=float(value), low=float(low), high=float(high), p=p, mde=float(mde), n_seeds=len(x)
    )


def _deciding(value: float, bounds: np.ndarray) -> float:
    """Return the finite end of the region that is nearest to a value."""
    finite = bounds[np.isfinite(bounds)]
    return float(finite[np.argmin(np.abs(finite - value))])


def _t_test(x: np.ndarray, bound: float) -> float:
    """Return the two-sided p that a mean is `bound`; NaN for one value."""
    if len(x) < 2:
        return np.nan
    error = x.std(ddof=1) / np.sqrt(len(x))
    if error == 0:
        return float(x.mean() == bound)
    return float(2 * stats.t.sf(abs(x.mean() - bound) / error, len(x) - 1))


def detectable(x: Sequence[float] | np.ndarray) -> float:
    """Return the effect that a two-sided t-test of such values finds with POWER.

    NaN for one value, and for values that are all the same: their spread is not known.
    From the noncentral t distribution with the values' own standard deviation.
    """
    x = np.asarray(x, dtype=float)
    n = len(x)
    if n < 2:
        return np.nan
    deviation = float(x.std(ddof=1))
    if deviation <= ROUNDING * np.abs(x).max():
        return np.nan
    quantile = stats.t.ppf((1 + LEVEL) / 2, n - 1)

    def missing(effect: float) -> float:
        """Return how much power an effect, in standard deviations, lacks."""
        return float(POWER - stats.nct.sf(quantile, n - 1, effect * np.sqrt(n)))

    largest = 10.0 * quantile
    return deviation * float(optimize.brentq(missing, 0.0, largest))


def _detectable_by_z(low: float, high: float) -> float:
    """Return the effect that a normal estimate with this interval finds with POWER."""
    error = (high - low) / 2 / stats.norm.ppf((1 + LEVEL) / 2)
    if error <= ROUNDING * max(abs(low), abs(high)):
        return np.nan
    return float(error * (stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(POWER)))


def decide(found: Estimate, region: Region) -> Verdict:
    """Return the verdict word of an estimate."""
    if found.n_seeds == 0:
        return "not tested"
    if found.n_seeds < ENOUGH_SEEDS:
        return "inconclusive"
    return decided(found.low, found.high, region) or "inconclusive"


def decided(low: float, high: float, region: Region) -> Verdict | None:
    """Return the verdict of an interval that lies in the region, or outside it; else None."""
    if region[0] < low and high < region[1]:
        return "supported"
    if high <= region[0] or low >= region[1]:
        return "contradicted"
    return None


def joined(verdicts: Sequence[Verdict], p: Sequence[float]) -> tuple[Verdict, float]:
    """Return (verdict, p) of a claim that says that each of several checks holds.

    Parameters
    ----------
    verdicts, p
        Of the checks; p is NaN of a check without one (an exact count).
    """
    words = np.array(verdicts)
    values = np.nan_to_num(np.asarray(p, float), nan=0.0)
    if (words == "contradicted").any():
        adjusted = min(1.0, len(words) * float(values[words == "contradicted"].min()))
        return ("contradicted" if adjusted < SIGNIFICANT else "inconclusive"), adjusted
    if (words == "not tested").all():
        return "not tested", np.nan
    largest = float(values.max()) if (words == "supported").all() else np.nan
    return ("supported" if (words == "supported").all() else "inconclusive"), largest
