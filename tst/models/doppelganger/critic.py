"""The critic of DoppelGANger: an MLP with the WGAN-GP loss (Gulrajani et al., 2017).

The gradient that the penalty needs is written out as a product of weights, where the authors' code
takes a second backward pass; the values are the same.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

N_CRITIC_LAYERS = 5  # the output layer counted, as in the authors' code


class Critic(nn.Module):
    """MLP with ReLU (one layer: linear) that scores rows.

    Missing last columns of a row count as zeros, so that series that have ended need no padding.

    Parameters
    ----------
    n_inputs
        Width of a whole row.
    width
        Units of a hidden layer.
    n_layer
        Layers, the output layer counted.
    """

    def __init__(self, n_inputs: int, width: int, n_layer: int = N_CRITIC_LAYERS) -> None:
        super().__init__()
        sizes = [n_inputs, *[width] * (n_layer - 1), 1]
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores, float (B,), of rows x, float (B, n_inputs or fewer)."""
        return self._after_first(self._first(x))

    def _first(self, x: torch.Tensor) -> torch.Tensor:
        """Return the first layer's output (B, width) at rows x (B, n_inputs or fewer)."""
        first = self._linear(0)
        return F.linear(x, first.weight[:, : x.shape[1]], first.bias)

    def _after_first(
        self, h: torch.Tensor, active: list[torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Return the scores (B,) of first-layer outputs h (B, width).

        Parameters
        ----------
        active
            Gets one tensor a hidden layer, bool (B, width): which of its units pass the ReLU.
        """
        for layer in self.layers[1:]:
            if active is not None:
                active.append(h > 0)
            h = layer(F.relu(h))
        return h.squeeze(1).to(self._linear(0).weight.dtype)

    def _linear(self, i: int) -> nn.Linear:
        layer = self.layers[i]
        assert isinstance(layer, nn.Linear)
        return layer

    def gradient(self, h: torch.Tensor) -> torch.Tensor:
        """Return the score's gradient by a row, differentiable by the weights.

        With ReLU it is the product of weights w W_k ... W_1 without the units that are off, so that
        no second backward pass is needed.

        Parameters
        ----------
        h
            float, shape (B, width): first-layer outputs at the rows.

        Returns
        -------
        float, shape (B, n_inputs).
        """
        active: list[torch.Tensor] = []
        with torch.no_grad():
            self._after_first(h, active)
        gradient = self._linear(-1).weight.expand(len(h), -1)  # (B, width)
        for i in reversed(range(len(active))):
            gradient = (gradient * active[i]) @ self._linear(i).weight
        return gradient

    def loss(self, real: torch.Tensor, synthetic: torch.Tensor, penalty: float) -> torch.Tensor:
        """Return E D(synthetic) - E D(real) + penalty * E (|grad D| - 1)^2, a scalar.

        The gradient is taken at random points between a real and a synthetic row. The first layer
        is affine, so its output there lies between its outputs at the two.

        Parameters
        ----------
        real, synthetic
            float, shapes (B, n_inputs or fewer).
        """
        h_real = self._first(real)
        h_synthetic = self._first(synthetic)
        mix = torch.rand(len(h_real), 1, device=h_real.device)  # (B, 1)
        scores = self._after_first(torch.cat([h_real, h_synthetic]))  # (2 * B,)
        score_real, score_synthetic = scores.chunk(2)
        between = mix * h_real.detach() + (1 - mix) * h_synthetic.detach()  # (B, width)
        slope = self.gradient(between).to(real.dtype).norm(dim=1)  # (B,)
        distance = score_synthetic.mean() - score_real.mean()
        return distance + penalty * (slope - 1).square().mean()
