"""Several small GRUs side by side, each with weights and windows of its own.

The field's judges are a few units wide and trained five times over: what they cost is the call of
an operation, not its arithmetic. Five in one tensor cost little more than one, and each is torch's
GRU (`torch.nn.GRU`: same equations, same first weights).
"""

from typing import Any

import torch
from torch import nn


class SideBySide(nn.Module):
    """R independent GRUs of one layer over windows (R, B, T, n_in).

    Parameters
    ----------
    n_gru
        R.
    n_in, n_units
        Of each.
    generator
        Of the first weights, uniform within 1 / sqrt(n_units).
    """

    def __init__(self, n_gru: int, n_in: int, n_units: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = n_units**-0.5
        gates = 3 * n_units  # reset, update, candidate

        def uniform(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))

        self.weight_x = uniform(n_gru, n_in, gates)
        self.weight_h = uniform(n_gru, n_units, gates)
        self.bias_x = uniform(n_gru, 1, gates)
        self.bias_h = uniform(n_gru, 1, gates)
        self.output_weight = uniform(n_gru, n_units, 1)  # a linear output of each, as nn.Linear
        self.output_bias = uniform(n_gru, 1, 1)

    def states(self, x: torch.Tensor) -> torch.Tensor:
        """Return the states after each step (R, T, B, n_units) of windows (R, B, T, n_in)."""
        weights = (self.weight_x, self.bias_x, self.weight_h, self.bias_h)
        states: torch.Tensor = _Recurrence.apply(x.transpose(1, 2), *weights)
        return states

    def output(self, states: torch.Tensor) -> torch.Tensor:
        """Return one number a state: (R, N) of states (R, N, n_units)."""
        return torch.baddbmm(self.output_bias, states, self.output_weight)[..., 0]


class _Recurrence(torch.autograd.Function):
    """The states of GRUs, and the gradients back through their steps, written out.

    What a step of so small a GRU costs is the calls of its operations, and what many steps cost the
    memory that is asked for at once: here are a third of the calls that autograd would need, each
    on the numbers of one step.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        """Return the states (R, T, B, H) of inputs (R, T, B, n_in); before the first one is zero.

        The weights are those of `SideBySide`: of the inputs, their bias, of the states, theirs.
        """
        weight_x, bias_x, weight_h, bias_h = weights
        n_units = weight_h.shape[1]
        state = x.new_zeros(len(x), x.shape[2], n_units)
        states, kept = [], []
        for part in x.unbind(1):
            from_x = torch.baddbmm(bias_x, part, weight_x)
            from_h = torch.baddbmm(bias_h, state, weight_h)
            gates = torch.sigmoid(from_x[..., :-n_units] + from_h[..., :-n_units])
            reset, update = gates.chunk(2, -1)
            given = from_h[..., -n_units:]
            candidate = torch.addcmul(from_x[..., -n_units:], reset, given).tanh_()
            kept.append((state, gates, given, candidate))
            state = torch.lerp(candidate, state, update)
            states.append(state)
        ctx.save_for_backward(x, *weights)
        ctx.kept = kept
        return torch.stack(states, 1)

    @staticmethod
    def backward(ctx: Any, by_states: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients by the inputs, where asked for, and by the weights."""
        x, weight_x, _, weight_h, _ = ctx.saved_tensors
        by_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        by_weight_x, by_weight_h = torch.zeros_like(weight_x), torch.zeros_like(weight_h)
        later = by_bias_x = by_bias_h = x.new_zeros(())
        for t in reversed(range(len(ctx.kept))):
            state, gates, given, candidate = ctx.kept[t]
            reset, update = gates.chunk(2, -1)
            by_state = by_states[:, t] + later
            held = by_state * update
            by_candidate = (by_state - held) * (1 - candidate * candidate)
            by_gates = torch.cat([by_candidate * given, by_state * (state - candidate)], -1)
            by_gates = by_gates * gates * (1 - gates)
            by_from_x = torch.cat([by_gates, by_candidate], -1)
            by_from_h = torch.cat([by_gates, by_candidate * reset], -1)
            later = torch.baddbmm(held, by_from_h, weight_h.transpose(1, 2))
            by_weight_h.baddbmm_(state.transpose(1, 2), by_from_h)
            by_weight_x.baddbmm_(x[:, t].transpose(1, 2), by_from_x)
            by_bias_h = by_bias_h + by_from_h.sum(1, keepdim=True)
            by_bias_x = by_bias_x + by_from_x.sum(1, keepdim=True)
            if by_x is not None:
                by_x[:, t] = by_from_x @ weight_x.transpose(1, 2)
        return by_x, by_weight_x, by_bias_x, by_weight_h, by_bias_h


def draw(n: int, size: int, n_gru: int, generator: torch.Generator) -> torch.Tensor:
    """Return the windows of a batch of each GRU, int64 (R, size), none of n twice in one."""
    rows = [torch.randperm(n, generator=generator)[:size] for _ in range(n_gru)]
    return torch.stack(rows)
