"""The naive GAN of DoppelGANger's paper (arXiv 1909.13403): one MLP makes attributes and the whole padded series at once.

Its critic, loss, flags and batches are DoppelGANger's here, so that the generator alone differs; the paper leaves the sizes
open, they are those of DG's critics. It knows no auto-normalisation and cannot be conditioned on attributes.
"""

from itertools import pairwise

import torch
from torch import nn

from tst.errors import DataError
from tst.models.base import ModelSpec, Training
from tst.models.batches import N_FLAGS
from tst.models.doppelganger.batches import DGBatches, Draw
from tst.models.doppelganger.model import (
    N_CRITIC_LAYERS,
    OBJECTIVES,
    Critic,
    DGConfig,
    DoppelGANger,
)
from tst.models.scaling import Normaliser


class NaiveGAN(DoppelGANger):
    """Generator and critic, of a `DGConfig` without per_series and auxiliary."""

    key = "naive_gan"

    def __init__(self, config, encoder=None):
        if config.per_series or config.auxiliary or config.n_rolls > 1:
            raise ValueError(
                "the naive GAN has one roll, no per_series and no auxiliary critic: see `configure`."
            )
        nn.Module.__init__(self)
        self.config, self.encoder, self.auxiliary = config, encoder, None
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


def prepare(config, real, settings):
    """Return an untrained naive GAN, DoppelGANger's objectives, and random batches of the scaled training set."""
    scaling = Normaliser.fit(real, config.activation, config.log)
    batches = DGBatches(real, scaling, config, settings.batch_size, settings.seed)
    return Training(model=NaiveGAN(config, batches.encoder), loss=OBJECTIVES, batches=batches)


SPEC = ModelSpec(key=NaiveGAN.key, config=DGConfig, prepare=prepare, load=NaiveGAN.load)
