"""Several small GRUs side by side, each with weights and windows of its own.

The field's judges are a few units wide and trained five times over: what they cost is the call of
an operation, not its arithmetic. Five in one tensor cost little more than one, and each is torch's
GRU (`torch.nn.GRU`: same equations, same first weights).
"""

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
        n_gru, n_windows, n_steps, n_in = x.shape
        n_units = self.weight_h.shape[1]
        flat = x.transpose(1, 2).reshape(n_gru, n_steps * n_windows, n_in)
        from_x = torch.baddbmm(self.bias_x, flat, self.weight_x)
        from_x = from_x.view(n_gru, n_steps, n_windows, 3 * n_units)
        x_gates = from_x[..., : 2 * n_units].unbind(1)
        x_candidates = from_x[..., 2 * n_units :].unbind(1)
        state = x.new_zeros(n_gru, n_windows, n_units)
        states = []
        for x_gate, x_candidate in zip(x_gates, x_candidates, strict=True):
            from_h = torch.baddbmm(self.bias_h, state, self.weight_h)
            h_gate, h_candidate = from_h.split([2 * n_units, n_units], -1)
            reset, update = torch.sigmoid(x_gate + h_gate).chunk(2, -1)
            candidate = torch.tanh(torch.addcmul(x_candidate, reset, h_candidate))
            state = torch.lerp(candidate, state, update)
            states.append(state)
        return torch.stack(states, 1)

    def output(self, states: torch.Tensor) -> torch.Tensor:
        """Return one number a state: (R, N) of states (R, N, n_units)."""
        return torch.baddbmm(self.output_bias, states, self.output_weight)[..., 0]


def draw(n: int, size: int, n_gru: int, generator: torch.Generator) -> torch.Tensor:
    """Return the windows of a batch of each GRU, int64 (R, size), none of n twice in one."""
    rows = [torch.randperm(n, generator=generator)[:size] for _ in range(n_gru)]
    return torch.stack(rows)
