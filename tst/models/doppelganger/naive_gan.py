"""The naive GAN of DoppelGANger's paper (arXiv 1909.13403): one MLP makes the whole series at once.

Attributes and the padded series come from the same hidden layers. Its critic, loss, flags and
batches are DoppelGANger's here, so that the generator alone differs; the paper leaves the sizes
open, they are those of DG's critics. It knows no auto-normalisation and cannot be conditioned on
attributes.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from tst.errors import DataError
from tst.models.base import ModelSpec, Training
from tst.models.batches import N_FLAGS
from tst.models.doppelganger.batches import DGBatches, Draw
from tst.models.doppelganger.config import DGConfig
from tst.models.doppelganger.critic import N_CRITIC_LAYERS, Critic
from tst.models.doppelganger.encoding import GanEncoder
from tst.models.doppelganger.model import OBJECTIVES, SeriesGAN
from tst.models.scaling import Normaliser
from tst.series import SeriesSet
from tst.training.config import TrainConfig


class NaiveGAN(SeriesGAN):
    """Generator and critic, of a `DGConfig` without per_series and auxiliary."""

    key = "naive_gan"

    def __init__(self, config: DGConfig, encoder: GanEncoder | None = None) -> None:
        if config.per_series or config.auxiliary or config.n_rolls > 1:
            raise DataError(
                "the naive GAN has one roll, no per_series and no auxiliary critic: "
                "see `configure`."
            )
        super().__init__(config, encoder)
        self.auxiliary = None
        n_attributes = sum(config.attributes)
        n_outputs = config.sample_len * (config.n_features + N_FLAGS)
        sizes = [config.n_noise, *[config.critic_width] * (N_CRITIC_LAYERS - 1)]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(sizes[-1], n_outputs)
        self.attributes = None
        if n_attributes > 0:
            self.attributes = nn.Linear(sizes[-1], n_attributes)
        self.critic = Critic(n_attributes + n_outputs, config.critic_width)

    def forward(
        self,
        n_series: int,
        one_hot: torch.Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Draw:
        """Return a `Draw` of n synthetic series; see `SeriesGAN.forward`.

        Raises
        ------
        DataError
            Where attributes to condition on are given.
        """
        if one_hot is not None:
            raise DataError(
                "the naive GAN makes attributes with the series: ask for a number of series, "
                "not for attributes."
            )
        h = self.hidden(self.noise(n_series, self.config.n_noise, generator))
        steps, _ = self.read_steps(h[:, None], 0)
        soft = self.soft_attributes(h)
        return Draw(soft, soft[:, :0], steps, steps.shape[1])


def configure(
    *, n_features: int, attributes: Sequence[int], max_steps: int, **settings: Any
) -> DGConfig:
    """Return the `DGConfig` of a naive GAN: one roll that makes all steps.

    Parameters
    ----------
    settings
        Other fields of `DGConfig`.
    """
    return DGConfig(
        n_features=n_features,
        attributes=tuple(attributes),
        max_steps=max_steps,
        sample_len=max_steps,
        **settings,
    )


def prepare(config: DGConfig, real: SeriesSet, settings: TrainConfig) -> Training:
    """Return an untrained naive GAN, DG's objectives, and batches of the scaled training set."""
    scaling = Normaliser.fit(real, config.activation, config.log)
    batches = DGBatches(real, scaling, config, settings.batch_size, settings.seed)
    return Training(model=NaiveGAN(config, batches.encoder), loss=OBJECTIVES, batches=batches)


SPEC = ModelSpec(key=NaiveGAN.key, config=DGConfig, prepare=prepare, load=NaiveGAN.load)
