"""Distributions of one number given what came before, in the shape of `torch.distributions`.

Draws invert the distribution function: `sample` takes uniform numbers, drawn beforehand for many
rows at once, and is a plain function of them.

Continuous numbers have atoms: a value at a bound, or a whole number, carries the probability of an
interval instead of a density (censored mixtures; Salimans et al., PixelCNN++, 2017), so `log_prob`
of a continuous distribution takes the interval beside the value. The paper's outputs, a point and
two flags, stand here with the same methods: their `log_prob` is minus the squared error, their
`sample` is not random.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional as F

from tst.models.scaling import ACTIVATIONS, BOUNDS

MIN_LOG_SCALE = -7.0  # of a component: a thousandth of a scaled unit
MAX_LOG_SCALE = 4.0  # above 50 scaled units
MIN_MASS = 1e-9  # of bins; keeps the logarithm finite where an interval lies outside of all bins
UNIFORM_MARGIN = 1e-6  # of uniform draws from 0 and 1, where the logistic quantile is infinite


class ContinuousDistribution(Protocol):
    """Distribution of n continuous numbers a row, each with atoms and a density."""

    def log_prob(
        self, value: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor
    ) -> torch.Tensor:
        """Return log p, (rows, n): density at `value` where lower = upper, else the mass between.

        Parameters
        ----------
        value, lower, upper
            float, (rows, n), in scaled units.
        """

    def sample(self, uniform: torch.Tensor) -> torch.Tensor:
        """Draw, float (rows, n).

        Parameters
        ----------
        uniform
            float, (rows, n, 2), from [0, 1): one number chooses a part, one the place within.
        """


class DiscreteDistribution(Protocol):
    """Distribution of one code a row."""

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return log p of codes, float (rows,) both."""

    def sample(self, uniform: torch.Tensor) -> torch.Tensor:
        """Draw codes, (rows,), from uniform numbers of [0, 1), float (rows,)."""


class LogisticMixture:
    """Mixture of K logistic distributions.

    Parameters
    ----------
    parameters
        float, (rows, n, 3 K): logits, locations and log scales of the components.
    base
        float, (rows, n): what is added to all locations of a number.
    """

    def __init__(self, parameters: torch.Tensor, base: torch.Tensor) -> None:
        # Each (rows, n, K); a draw needs one component only, so base and bounds come later.
        self.logits, self.location, self.log_scale = parameters.chunk(3, dim=-1)
        self.base = base

    def log_prob(
        self, value: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor
    ) -> torch.Tensor:
        """Return log p; see `ContinuousDistribution`.

        sigmoid(a) - sigmoid(b) is computed as sigmoid(a) sigmoid(-b) (1 - exp(b - a)): exact in
        tails and in narrow intervals.
        """
        log_scale = self.log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE)
        location = self.location + self.base[..., None]
        rate = torch.exp(-log_scale)
        is_mass = upper > lower
        at_value = (value[..., None] - location) * rate  # (rows, n, K)
        log_probs = -at_value - 2 * F.softplus(-at_value) - log_scale
        if is_mass.any():
            at_upper = (upper[..., None] - location) * rate
            at_lower = (lower[..., None] - location) * rate
            gap = torch.where(is_mass[..., None], (upper - lower)[..., None] * rate, 1.0)
            # 1e-12: an interval as wide as the last place of float32 keeps a finite logarithm.
            share = torch.log(-torch.expm1(-gap.clamp_min(1e-12)))
            mass = F.logsigmoid(at_upper) + F.logsigmoid(-at_lower) + share
            log_probs = torch.where(is_mass[..., None], mass, log_probs)
        return torch.logsumexp(F.log_softmax(self.logits, -1) + log_probs, dim=-1)

    def sample(self, uniform: torch.Tensor) -> torch.Tensor:
        """Draw, float (rows, n); see `ContinuousDistribution`."""
        component = _choose(self.logits, uniform[..., :1])  # (rows, n, 1)
        location = self.location.gather(-1, component)[..., 0] + self.base
        log_scale = self.log_scale.gather(-1, component)[..., 0]
        scale = torch.exp(log_scale.clamp(MIN_LOG_SCALE, MAX_LOG_SCALE))
        return location + scale * torch.logit(uniform[..., 1], eps=UNIFORM_MARGIN)


class QuantileBins:
    """Bins with a probability each, uniform within.

    Parameters
    ----------
    logits
        float, (rows, n, n_bins).
    edges
        float, (n, n_bins + 1), increasing.
    """

    def __init__(self, logits: torch.Tensor, edges: torch.Tensor) -> None:
        self.logits = logits
        self.edges = edges
        self.widths = edges.diff()

    def log_prob(
        self, value: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor
    ) -> torch.Tensor:
        """Return log p; see `ContinuousDistribution`."""
        log_p = F.log_softmax(self.logits, -1)  # (rows, n, n_bins)
        index = torch.searchsorted(self.edges, value.T.contiguous(), right=True).T - 1
        index = index.clamp(0, self.widths.shape[1] - 1)  # (rows, n)
        density = (log_p - torch.log(self.widths)).gather(2, index[..., None])[..., 0]
        right = torch.minimum(upper[..., None], self.edges[:, 1:])
        left = torch.maximum(lower[..., None], self.edges[:, :-1])
        share = ((right - left) / self.widths).clamp(0, 1)  # of each bin, (rows, n, n_bins)
        mass = torch.log((log_p.exp() * share).sum(-1).clamp_min(MIN_MASS))
        return torch.where(upper > lower, mass, density)

    def sample(self, uniform: torch.Tensor) -> torch.Tensor:
        """Draw, float (rows, n); see `ContinuousDistribution`."""
        index = _choose(self.logits, uniform[..., :1])  # (rows, n, 1)
        left = self.edges[:, :-1].expand_as(self.logits).gather(-1, index)[..., 0]
        width = self.widths.expand_as(self.logits).gather(-1, index)[..., 0]
        return left + width * uniform[..., 1]


class Point:
    """The paper's output: a number of its own range, by sigmoid or tanh.

    Parameters
    ----------
    raw
        float, (rows, n): output before the activation.
    activation
        sigmoid or tanh.
    low, high
        float, (n,): the data's range in scaled units.
    """

    def __init__(
        self, raw: torch.Tensor, activation: str, low: torch.Tensor, high: torch.Tensor
    ) -> None:
        self.point = ACTIVATIONS[activation](raw)
        self.bounds = BOUNDS[activation]
        self.low = low
        self.high = high

    def log_prob(
        self, value: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor
    ) -> torch.Tensor:
        """Return minus the squared error, in units of the activation; there are no masses."""
        bottom, top = self.bounds
        target = bottom + (top - bottom) * (value - self.low) / (self.high - self.low)
        return -(self.point - target).square()

    def sample(self, uniform: torch.Tensor) -> torch.Tensor:
        """Return the point in scaled units."""
        bottom, top = self.bounds
        return self.low + (self.high - self.low) * (self.point - bottom) / (top - bottom)


@dataclass(frozen=True)
class Hazard:
    """Bernoulli: whether something happens at this step that has not happened before.

    Parameters
    ----------
    logit
        float, (rows,).
    """

    logit: torch.Tensor

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return log p of value > 0, (rows,)."""
        return -F.softplus(torch.where(value > 0, -self.logit, self.logit))

    def sample(self, uniform: torch.Tensor) -> torch.Tensor:
        """Draw, bool (rows,)."""
        return uniform < torch.sigmoid(self.logit)


@dataclass(frozen=True)
class Categorical:
    """A category.

    Parameters
    ----------
    logits
        float, (rows, n_categories).
    """

    logits: torch.Tensor

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return log p of codes, float (rows,) both."""
        return -F.cross_entropy(self.logits, value.long(), reduction="none")

    def sample(self, uniform: torch.Tensor) -> torch.Tensor:
        """Draw codes, int64 (rows,)."""
        return _choose(self.logits, uniform[:, None])[:, 0]


@dataclass(frozen=True)
class Flags:
    """The paper's two generation flags: (1, 0) while a series goes on, (0, 1) at its last step.

    Parameters
    ----------
    logits
        float, (rows, 2).
    """

    logits: torch.Tensor

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return minus the mean squared error of both flags, (rows,); value is 1 at the end."""
        flags = torch.stack([1 - value, value], dim=1)
        return -(torch.sigmoid(self.logits) - flags).square().mean(1)

    def sample(self, uniform: torch.Tensor) -> torch.Tensor:
        """Tell where the second flag is not below the first, bool (rows,)."""
        return self.logits[:, 1] >= self.logits[:, 0]


def _choose(logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Return which of K parts a uniform number of [0, 1) falls into, int64 (..., 1).

    Parameters
    ----------
    logits
        float, (..., K).
    uniform
        float, (..., 1).
    """
    # Without the last, whose sum is 1 but for rounding: no number lies beyond all parts.
    below = torch.softmax(logits, -1).cumsum(-1)[..., :-1]
    return (below <= uniform).sum(-1, keepdim=True)
