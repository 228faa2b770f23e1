"""Draws the numbers of a token one after another from a `ChainHead`, two small products a number.

What of a number depends on the past alone is computed for all at once, and the linear path of its
location rides along with its hidden units as one column more.
"""

import torch
from torch.nn import functional as F

from tst.models.transformer.distributions import Hazard
from tst.models.transformer.heads import N_HIDDEN, ChainHead
from tst.models.transformer.variables import Variable, digits

N_UNIFORM = 3  # uniform numbers a variable: its gate, which part of its distribution, where in it


class ChainSampler:
    """The layers of a head, stacked for sampling; a copy, which later training does not reach."""

    def __init__(self, head: ChainHead) -> None:
        self.head = head
        self.variables = head.variables
        D = len(head.variables)
        n_context = head.context.in_features - head.n_recent
        # A number's hidden units, then its base: (D, N_HIDDEN + 1, n_context + n_recent).
        hidden = head.context.weight.view(D, N_HIDDEN, -1)
        base = F.pad(head.skip[: head.n_recent].T, (n_context, 0))[:, None]
        self.past_weight = torch.cat([hidden, base], dim=1).flatten(0, 1)
        self.past_bias = F.pad(head.context.bias.view(D, N_HIDDEN), (0, 1)).flatten()
        # Of variable d: from the encoding of those before it, (starts[d], N_HIDDEN + 1).
        self.seen_weights = []
        for d in range(D):
            seen = slice(0, 0 if head.is_point else head.starts[d])
            skip = head.skip[head.n_recent :][seen, d, None]
            self.seen_weights.append(torch.cat([head.chain[seen, d], skip], dim=1))

    def new_encoding(self, n_rows: int) -> torch.Tensor:
        """Return zeros for the encoding of all numbers of a token, float (rows, E)."""
        return self.past_weight.new_zeros(n_rows, self.head.ends[-1])

    def uniform(self, n_rows: int, generator: torch.Generator) -> torch.Tensor:
        """Draw what the numbers of a token need, float (rows, D, N_UNIFORM), from [0, 1)."""
        shape = (n_rows, len(self.variables), N_UNIFORM)
        weight = self.past_weight
        return torch.rand(shape, generator=generator, device=weight.device, dtype=weight.dtype)

    def begin(self, context: torch.Tensor, recent: torch.Tensor) -> torch.Tensor:
        """Return what of all numbers depends on the past alone, (rows, D, N_HIDDEN + 1).

        Parameters
        ----------
        context, recent
            As in `ChainHead.outputs`.
        """
        past = F.linear(torch.cat([context, recent], 1), self.past_weight, self.past_bias)
        return past.view(len(past), len(self.variables), N_HIDDEN + 1)

    def outputs(
        self, d: int, past: torch.Tensor, encoded: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what `ChainHead.outputs` does, of variable d alone.

        Parameters
        ----------
        past
            What `begin` returned.
        encoded
            float, (rows, E): encoding of the numbers before d; later columns are not read.

        Returns
        -------
        Outputs (rows, n_out) and linear part of the location (rows,).
        """
        weight = self.seen_weights[d]
        units = torch.addmm(past[:, d], encoded[:, : len(weight)], weight)
        hidden = units[:, :-1].relu_()
        return torch.addmm(self.head.bias[d], hidden, self.head.out[d]), units[:, -1]

    def draw(
        self,
        d: int,
        past: torch.Tensor,
        encoded: torch.Tensor,
        uniform: torch.Tensor,
        allowed: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Draw variable d of each row.

        Parameters
        ----------
        past, encoded
            As in `outputs`.
        uniform
            What the method of this name returned.
        allowed
            bool, (rows, n_categories): categories that are drawn, one at least; None: all.

        Returns
        -------
        Value, float (rows,), and whether it repeats the step before, bool (rows,); None where the
        variable has no gate.
        """
        variable = self.variables[d]
        out, base = self.outputs(d, past, encoded)
        if allowed is not None:
            logits = out[:, 1 : 1 + variable.n_categories]
            return _allowed_one(logits, allowed, uniform[:, d, 1]).to(out.dtype), None
        if variable.kind != "continuous":
            drawn = self.head.discrete(variable, out).sample(uniform[:, d, 1])
            return drawn.to(out.dtype), None
        distribution = self.head.continuous(
            out[:, None], base[:, None], self.head.bin_edges[d : d + 1]
        )
        value = distribution.sample(uniform[:, d : d + 1, 1:])[:, 0]
        if not variable.repeats or self.head.is_point:
            return value, None
        return value, Hazard(out[:, 0]).sample(uniform[:, d, 0])

    def write(
        self, d: int, encoded: torch.Tensor, value: torch.Tensor, repeat: torch.Tensor | None
    ) -> None:
        """Write the encoding of variable d into `encoded`, as `variables.encode` makes it.

        Parameters
        ----------
        encoded
            float, (rows, E): zero from variable d on.
        value, repeat
            (rows,) each; None where it does not repeat.
        """
        variable: Variable = self.variables[d]
        start = self.head.starts[d]
        if variable.kind == "continuous":
            encoded[:, start] = value
            if repeat is not None:
                encoded[:, start + 1] = repeat
        elif variable.in_digits:
            encoded[:, start : self.head.ends[d]] = digits(value.long(), variable.n_digits)
        elif variable.kind == "categorical":
            encoded.scatter_(1, value.long()[:, None] + start, 1.0)


def _allowed_one(
    logits: torch.Tensor, allowed: torch.Tensor, uniform: torch.Tensor
) -> torch.Tensor:
    """Draw an allowed category of each row, int64 (rows,).

    Whatever is rounded: the number that is looked up is below the sum of all parts, and a part of
    none is passed over.
    """
    parts = torch.softmax(logits.masked_fill(~allowed, -torch.inf), -1).cumsum(-1)
    return (parts <= uniform[:, None] * parts[:, -1:]).sum(-1)
