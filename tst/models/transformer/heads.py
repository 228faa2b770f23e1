"""Output head with a distribution: each number of a token given the past and those before it.

The paper's head is a point, the mean of what may come next; its output cannot be random. Here a
token is a chain of variables, and each has an exact conditional likelihood
(`tst.models.transformer.distributions`). An exact repeat of the step before has a gate, a
probability of its own. One masked layer computes all variables at once in training (as MADE,
Germain et al., 2015); sampling goes through them in order (`tst.models.transformer.chain`).
"""

import math
from collections.abc import Sequence
from typing import get_args

import torch
from torch import nn
from torch.nn import functional as F

from tst.models.transformer.config import POINT_HEADS, Head
from tst.models.transformer.distributions import (
    Categorical,
    ContinuousDistribution,
    DiscreteDistribution,
    Flags,
    Hazard,
    LogisticMixture,
    Point,
    QuantileBins,
)
from tst.models.transformer.positions import at_least_float32
from tst.models.transformer.variables import Target, Variable, encode

N_COMPONENTS = 5  # of a mixture
# Of its outputs, behind the gate and the weights.
LOCATIONS = slice(1 + N_COMPONENTS, 1 + 2 * N_COMPONENTS)
LOG_SCALES = slice(1 + 2 * N_COMPONENTS, 1 + 3 * N_COMPONENTS)
N_HIDDEN = 32  # hidden units a variable
FIRST_GATE = -2.0  # logit of an end or a repeat before training: one step in eight
FIRST_LOG_SCALE = -1.0  # of a mixture's components before training
FIRST_SPREAD = 0.5  # of their locations, both ways


class ChainHead(nn.Module):
    """Distribution of D numbers given a context, by the chain rule.

    Parameters
    ----------
    variables
        The numbers in order (of a patch: those of all its steps).
    n_context
        Width of the model's output.
    n_recent
        Width of what is seen of earlier tokens as they are, which reaches locations by a linear
        path of its own: whether there is none, then their encoding, the one before last. It must
        end with the encoding of one step of `period` variables, or be 0.
    head
        Distribution of the continuous ones.
    bin_edges
        Increasing bin edges of each number, (D, n_bins + 1).
    period
        Variables a step: number d repeats number d - period.
    """

    before: torch.Tensor
    bin_edges: torch.Tensor
    gated: torch.Tensor
    numbers: torch.Tensor

    def __init__(
        self,
        variables: Sequence[Variable],
        n_context: int,
        n_recent: int,
        head: Head,
        bin_edges: Sequence[Sequence[float]],
        period: int,
    ) -> None:
        super().__init__()
        if head not in get_args(Head):
            raise ValueError(f"head is '{head}'; use one of {', '.join(get_args(Head))}.")
        self.variables = tuple(variables)
        self.head = head
        self.is_point = head in POINT_HEADS
        self.n_recent = n_recent
        self.n_context = n_context
        self.period = period
        D = len(self.variables)
        # Where the encoding of each variable begins and ends in that of all.
        widths = [variable.width for variable in self.variables]
        self.ends = [sum(widths[: d + 1]) for d in range(D)]
        self.starts = [end - width for end, width in zip(self.ends, widths, strict=True)]
        E = self.ends[-1]
        edges = torch.tensor(bin_edges, dtype=torch.get_default_dtype()).view(D, -1)
        self.register_buffer("bin_edges", edges, persistent=False)
        self.register_buffer("before", self._sees_before(E), persistent=False)
        numbers = [d for d, v in enumerate(self.variables) if v.kind == "continuous"]
        self.continuous_ones = tuple(numbers)  # a GPU is not asked for them
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64), persistent=False)
        gated = torch.tensor([variable.repeats for variable in self.variables])
        self.register_buffer("gated", gated, persistent=False)
        # Of each variable's outputs the first is a gate (it repeats; the series ends), the others
        # describe its value.
        most_categories = max(variable.n_categories for variable in self.variables)
        self.n_out = 1 + max(self._n_parameters(), most_categories)
        self.context = nn.Linear(n_context + n_recent, D * N_HIDDEN)
        chain_scale = 0.5 / math.sqrt(max(E, 1))
        self.chain = nn.Parameter(torch.randn(E, D, N_HIDDEN) * chain_scale)
        out_scale = 0.5 / math.sqrt(N_HIDDEN)
        self.out = nn.Parameter(torch.randn(D, N_HIDDEN, self.n_out) * out_scale)
        self.bias = nn.Parameter(self._first_bias())
        # Without a continuous number it has no gradient, which several processes would wait for.
        has_numbers = any(variable.kind == "continuous" for variable in self.variables)
        self.skip = nn.Parameter(self._first_skip(E), requires_grad=has_numbers)

    def _n_parameters(self) -> int:
        """Return how many outputs describe a continuous number, the gate aside."""
        if self.head == "mixture":
            return 3 * N_COMPONENTS
        if self.head == "quantised":
            return self.bin_edges.shape[1] - 1
        return 1

    def _sees_before(self, E: int) -> torch.Tensor:
        """Return which of the E encoding channels each variable may see, 0 or 1, (E, D)."""
        dtype = torch.get_default_dtype()
        if self.is_point:  # the paper's head: every number from the past alone
            return torch.zeros(E, len(self.variables), dtype=dtype)
        channel = torch.arange(E)[:, None]
        return (channel < torch.tensor(self.starts)).to(dtype)

    def _first_bias(self) -> torch.Tensor:
        """Return the biases before training, (D, n_out)."""
        bias = torch.zeros(len(self.variables), self.n_out)
        bias[:, 0] = FIRST_GATE
        if self.head == "mixture":
            bias[:, LOCATIONS] = torch.linspace(-FIRST_SPREAD, FIRST_SPREAD, N_COMPONENTS)
            bias[:, LOG_SCALES] = FIRST_LOG_SCALE
        return bias

    def _first_skip(self, E: int) -> torch.Tensor:
        """Return the linear path before training, (n_recent + E, D).

        It puts each continuous number where the same one of the step before stood.
        """
        skip = torch.zeros(self.n_recent + E, len(self.variables))
        if not self.n_recent:
            return skip
        last_step = self.n_recent - self.ends[self.period - 1]  # in the encoding of the past
        for d, variable in enumerate(self.variables):
            if variable.kind != "continuous":
                continue
            if d < self.period:
                skip[last_step + self.starts[d], d] = 1.0
            else:
                skip[self.n_recent + self.starts[d - self.period], d] = 1.0
        return skip

    def outputs(
        self, context: torch.Tensor, recent: torch.Tensor, encoded: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what describes the distribution of every variable, all at once.

        Parameters
        ----------
        context, recent
            float, (rows, n_context) and (rows, n_recent).
        encoded
            float, (rows, E): encoding of the numbers themselves; each sees those before it only.

        Returns
        -------
        out
            float, (rows, D, n_out): gate, then parameters.
        base
            float, (rows, D): linear part of the locations.
        """
        D = len(self.variables)
        hidden = self.context(torch.cat([context, recent], dim=1))
        chain = (self.chain * self.before[:, :, None]).flatten(1)  # (E, D * N_HIDDEN)
        hidden = F.relu(hidden + encoded @ chain).view(-1, D, N_HIDDEN)  # (rows, D, N_HIDDEN)
        out = torch.einsum("rdh,dho->rdo", hidden, self.out) + self.bias
        from_past = recent @ self.skip[: self.n_recent]  # (rows, D)
        from_chain = encoded @ (self.skip[self.n_recent :] * self.before)
        return out, from_past + from_chain

    def log_prob(self, context: torch.Tensor, recent: torch.Tensor, target: Target) -> torch.Tensor:
        """Return log p of each number, (rows, D).

        For a point head it is minus the squared error, in units of the head's range.
        """
        encoded = encode(self.variables, target.value, target.repeat)
        out, base = self.outputs(context, recent, encoded)
        out = at_least_float32(out)
        base = at_least_float32(base)
        # One column a variable; those of continuous ones are filled at once below. Taken apart at
        # once: the gradient of each slice by itself would be as large as `out`.
        columns = [out.new_zeros(len(out))] * len(self.variables)
        outs = out.unbind(1)
        for d, variable in enumerate(self.variables):
            if variable.kind != "continuous":
                columns[d] = self.discrete(variable, outs[d]).log_prob(target.value[:, d])
        log_probs = torch.stack(columns, dim=1)
        if not len(self.numbers):
            return log_probs
        continuous = self._numbers_log_prob(
            torch.stack([outs[d] for d in self.continuous_ones], dim=1),
            base[:, self.numbers],
            target.map(lambda tensor: tensor[:, self.numbers]),
        )
        return log_probs.index_copy(1, self.numbers, continuous)

    def _numbers_log_prob(
        self, out: torch.Tensor, base: torch.Tensor, target: Target
    ) -> torch.Tensor:
        """Return log p of all continuous numbers at once, (rows, n)."""
        distribution = self.continuous(out, base, self.bin_edges[self.numbers])
        log_probs = distribution.log_prob(target.value, target.lower, target.upper)
        if self.is_point:
            return log_probs
        gate = out[..., 0]
        other = F.logsigmoid(-gate) + log_probs
        gated = torch.where(target.repeat, F.logsigmoid(gate), other)
        return torch.where(self.gated[self.numbers], gated, log_probs)

    def continuous(
        self, out: torch.Tensor, base: torch.Tensor, bin_edges: torch.Tensor
    ) -> ContinuousDistribution:
        """Return the distribution of n continuous numbers from their outputs (rows, n, n_out)."""
        parameters = out[..., 1 : 1 + self._n_parameters()]
        if self.head == "mixture":
            return LogisticMixture(parameters, base)
        if self.head == "quantised":
            return QuantileBins(parameters, bin_edges)
        return Point(parameters[..., 0], self.head, bin_edges[:, 0], bin_edges[:, -1])

    @torch.no_grad()
    def copy_conditional(self, other: "ChainHead", d: int) -> None:
        """Take over a twin's weights of variable d, which no other variable reads."""
        for mine, theirs in zip(self._weights_of(d), other._weights_of(d), strict=True):
            mine.copy_(theirs)

    def _weights_of(self, d: int) -> list[torch.Tensor]:
        D = len(self.variables)
        return [
            self.context.weight.view(D, N_HIDDEN, -1)[d],
            self.context.bias.view(D, N_HIDDEN)[d],
            self.chain[:, d],
            self.out[d],
            self.bias[d],
            self.skip[:, d],
        ]

    @staticmethod
    def discrete(variable: Variable, out: torch.Tensor) -> DiscreteDistribution:
        """Return the distribution of one discrete variable from its outputs (rows, n_out)."""
        if variable.kind == "stop":
            return Hazard(out[:, 0])
        if variable.kind == "flags":
            return Flags(out[:, :2])
        return Categorical(out[:, 1 : 1 + variable.n_categories])
