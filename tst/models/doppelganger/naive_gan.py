"""The naive GAN of DoppelGANger's paper (arXiv 1909.13403): one MLP makes attributes and the whole padded series at once.

Its critic, loss, flags and batches are DoppelGANger's here, so that the generator alone differs; the paper leaves the sizes
open, they are those of DG's critics. It knows no auto-normalisation and cannot be conditioned on attributes.
"""

from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn

from tst.models.batches import N_FLAGS
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger.batches import Draw
from tst.models.doppelganger.model import N_CRITIC_LAYERS, Critic, DGConfig, DoppelGANger
from tst.series import DataError


class NaiveGAN(DoppelGANger):
    """Generator and critic, of a `DGConfig` without per_series and auxiliary."""

    def __init__(self, config, schema=None):
        if config.per_series or config.auxiliary or config.n_rolls > 1:
            raise ValueError(
                "the naive GAN has one roll, no per_series and no auxiliary critic: see `configure`."
            )
        nn.Module.__init__(self)
        self.config, self.schema, self.auxiliary = config, schema, None
        n_attributes, n_steps = (
            sum(config.attributes),
            config.sample_len * (config.n_features + N_FLAGS),
        )
        sizes = [config.n_noise, *[config.critic_width] * (N_CRITIC_LAYERS - 1)]
        hidden = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())]
        self.hidden, self.output = nn.Sequential(*hidden), nn.Linear(sizes[-1], n_steps)
        self.attributes = nn.Linear(sizes[-1], n_attributes) if n_attributes else None
        self.critic = Critic(n_attributes + n_steps, config.critic_width)

    def forward(self, n, one_hot=None, generator=None):
        """Return a `Draw` of n synthetic series; `one_hot` must be None, `generator` as DoppelGANger's."""
        if one_hot is not None:
            raise DataError(
                "the naive GAN makes attributes with the series: ask for a number of series, not for attributes."
            )
        device = "cpu" if generator else self.output.weight.device
        z = torch.randn(n, self.config.n_noise, generator=generator, device=device).to(
            self.output.weight
        )
        h = self.hidden(z)
        steps, _ = self._read(h[:, None], 0)
        soft = self._soft_attributes(h)
        return Draw(soft, soft[:, :0], steps, steps.shape[1])


def configure(n_features, attributes, max_steps, **sizes):
    """Return the `DGConfig` of a naive GAN: one roll that makes all steps."""
    return DGConfig(n_features, attributes, max_steps, max_steps, **sizes)


def sample(model, n, seed):
    """Return a synthetic SeriesSet of n series, as `doppelganger.sample`."""
    return replace(doppelganger.sample(model, n, seed), model="naive_gan")
