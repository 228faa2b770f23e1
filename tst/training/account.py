"""The account of differential privacy: what read the data, with how much noise, and what it costs.

All that is released is a sum over the units plus Gaussian noise, of a Poisson sample of them or of
all (Abadi et al., 2016, arXiv 1607.00133). Two tables are neighbours where one has one unit more.
The cost is counted by the Renyi accountant of Opacus, never by one of our own.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from tst.errors import DataError

MIN_NOISE, MAX_NOISE = 1e-2, 1e6  # noise multipliers within which one is looked for
PRECISION = 1e-3  # relative, of the noise multiplier that is found


@dataclass(frozen=True, kw_only=True)
class Release:
    """Some sums that were released, alike.

    Parameters
    ----------
    what
        Of what they are.
    noise
        Standard deviation of the noise, in units of the most that one unit can change a sum.
    rate
        Probability with which each unit is in a sum.
    times
        How many sums.
    """

    what: str
    noise: float
    rate: float
    times: int


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The epsilon and delta that a user promises; raises DataError where they promise nothing."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < float("inf"):
            raise DataError(
                f"epsilon is {self.epsilon}; give a number above 0, as 3, or leave it out for a "
                "model without a guarantee."
            )
        if not 0 < self.delta < 1:
            raise DataError(
                f"delta is {self.delta}; give a number between 0 and 1, far below 1 / series."
            )

    def check(self, n_units: int) -> None:
        """Raise DataError where delta would allow to publish one of so many units as it is."""
        if self.delta * n_units >= 1:
            raise DataError(
                f"delta is {self.delta:g}, but with {n_units:,} series or groups it must be below "
                f"1 / {n_units:,}: give {0.1 / n_units:.0e}, say."
            )


def spent(releases: Sequence[Release], delta: float) -> float:
    """Return the epsilon that releases cost together at a delta."""
    return _spent(tuple((one.noise, one.rate, one.times) for one in releases), delta)


@cache
def _spent(history: tuple[tuple[float, float, int], ...], delta: float) -> float:
    """Return what Opacus counts for (noise, rate, times) of releases."""
    from opacus.accountants import RDPAccountant  # takes seconds, which only its users pay

    accountant = RDPAccountant()
    accountant.history = list(history)
    with warnings.catch_warnings():
        # An order at the end of its range: epsilon is what it says, a finer one might be less.
        warnings.filterwarnings("ignore", message="Optimal order is the", category=UserWarning)
        return float(accountant.get_epsilon(delta=delta))


def least_noise(costs: Callable[[float], float], epsilon: float) -> float:
    """Return the least noise multiplier that keeps within an epsilon.

    Parameters
    ----------
    costs
        Function noise -> epsilon, which falls.

    Raises
    ------
    DataError
        Where none does.
    """
    low, high = MIN_NOISE, MAX_NOISE
    if costs(high) > epsilon:
        raise DataError(
            f"epsilon is {epsilon:g}, which no noise keeps: give a larger epsilon or delta."
        )
    while high > low * (1 + PRECISION):
        middle = (low * high) ** 0.5
        if costs(middle) > epsilon:
            low = middle
        else:
            high = middle
    return high


@cache  # many models share a plan, and it takes seconds
def plan(
    budget: Budget, *, measured: str, share: float, learned: str, rate: float, steps: int
) -> tuple[Release, Release]:
    """Return how one measurement of all units and a training share a budget.

    It depends on no data, so that the plan itself tells nothing of them.

    Parameters
    ----------
    measured, learned
        What the two release.
    share
        Of epsilon, that the measurement alone would cost.
    rate, steps
        Of the training.
    """

    def counts(noise: float) -> Release:
        return Release(what=measured, noise=noise, rate=1.0, times=1)

    def gradients(noise: float) -> Release:
        return Release(what=learned, noise=noise, rate=rate, times=steps)

    first = counts(least_noise(lambda x: spent([counts(x)], budget.delta), share * budget.epsilon))
    second = gradients(
        least_noise(lambda x: spent([first, gradients(x)], budget.delta), budget.epsilon)
    )
    return first, second
