"""DoppelGANger (Lin et al., IMC 2020, arXiv 1909.13403): attributes first, then the series.

An MLP makes the attributes, a second one the mid-range and half-range of each feature (section
4.1.3, `per_series`), an LSTM the features, S steps a roll, with two softmax flags a step (4.1.1).
Wasserstein critics judge them: one everything, an auxiliary one attributes and ranges (4.2).

From the authors' code, where the paper is silent: batch norm in the MLPs, a random first LSTM
state, noise of 5, attributes passed on as their argmax, without gradient. Departures in how, not
what: the penalty's gradient is written out (`Critic`), the synthetic series of a step serve all its
losses, and series that have ended are rolled no further.
"""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Self

import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from tst.errors import DataError, translate_errors
from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.base import ModelSpec, Training
from tst.models.batches import N_FLAGS
from tst.models.doppelganger.batches import DGBatches, Draw
from tst.models.doppelganger.config import DGConfig
from tst.models.doppelganger.critic import Critic
from tst.models.doppelganger.encoding import GanEncoder
from tst.models.scaling import ACTIVATIONS, Normaliser
from tst.series import SeriesSet, concat
from tst.training.config import TrainConfig
from tst.training.device import best_device
from tst.training.objectives import Objectives

N_MLP_LAYERS = 3  # the output layer counted, as in the authors' code
CHUNK = 5  # rolls between two looks at which series have ended
CRITICS = ("critic.", "auxiliary.")  # how the names of the critics' parameters begin

LSTMState = tuple[torch.Tensor, torch.Tensor]  # hidden and cell, (1, B, n_units) each


class SeriesGAN(nn.Module):
    """What DoppelGANger and the naive GAN share: how outputs become series, samples, files.

    Parameters
    ----------
    config
        Sizes.
    encoder
        Of `DGBatches`; needed to sample a SeriesSet, not to train.
    """

    key: ClassVar[str]
    attributes: nn.Module | None  # makes the logits of the attributes, where there are some
    output: nn.Linear  # makes the steps of a roll
    critic: Critic
    auxiliary: Critic | None

    def __init__(self, config: DGConfig, encoder: GanEncoder | None = None) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder

    def forward(
        self,
        n_series: int,
        one_hot: torch.Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Draw:
        """Return a `Draw` of n synthetic series.

        Parameters
        ----------
        one_hot
            float, shape (n_series, sum of category counts): attributes to condition on; None: the
            model's own.
        generator
            CPU generator of all noise; None: the device's default.
        """
        raise NotImplementedError

    def noise(self, n_series: int, width: int, generator: torch.Generator | None) -> torch.Tensor:
        """Return standard normal noise (n_series, width) in the model's type and on its device."""
        weight = self.output.weight
        device = torch.device("cpu") if generator else weight.device
        return torch.randn(n_series, width, generator=generator, device=device).to(weight)

    def bounded(self, x: torch.Tensor) -> torch.Tensor:
        """Return an output layer's x within the bounds of the scaled training data."""
        return ACTIVATIONS[self.config.activation](x)

    def soft_attributes(self, z: torch.Tensor) -> torch.Tensor:
        """Return one softmax an attribute, (n, sum of category counts), of noise z (n, width)."""
        if self.attributes is None:
            return z.new_zeros(len(z), 0)
        logits: torch.Tensor = self.attributes(z).to(z.dtype)
        blocks = logits.split(self.config.attributes, dim=1)
        return torch.cat([block.softmax(1) for block in blocks], dim=1)

    def read_steps(self, h: torch.Tensor, first_step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the steps of some rolls, and which series end in them.

        Parameters
        ----------
        h
            float, shape (n, R, width): what the output layer reads, of R rolls.
        first_step
            Number of the first roll's first step.

        Returns
        -------
        steps
            float, shape (n, R * sample_len, n_features + 2): bounded features and soft flags, zero
            after the step with flag2 >= flag1 and from max_steps on.
        ended
            bool, shape (n,).
        """
        config = self.config
        raw = self.output(h).to(self.output.weight.dtype)
        raw = raw.reshape(len(h), h.shape[1] * config.sample_len, -1)  # (n, steps, n_features + 2)
        values, flags = raw.split([config.n_features, N_FLAGS], dim=2)
        flags = flags.softmax(2)
        ends = flags[..., 1] >= flags[..., 0]  # (n, steps)
        n_ends_before = ends.cumsum(1) - ends.long()
        step = first_step + torch.arange(raw.shape[1], device=h.device)
        observed = (n_ends_before == 0) & (step < config.max_steps)  # (n, steps)
        steps = torch.cat([self.bounded(values), flags], dim=2) * observed[..., None]
        return steps, ends.any(1)

    @torch.no_grad()
    def sample(
        self,
        n_series: int,
        seed: int = 0,
        *,
        real: SeriesSet | None = None,
        attributes: pd.DataFrame | None = None,
        batch_size: int = 1000,
    ) -> SeriesSet:
        """Return `n_series` synthetic series.

        Parameters
        ----------
        seed
            Of all randomness; a sample is a function of the model, the arguments and batch_size.
        real
            Ignored.
        attributes
            Table of n_series rows to condition on, in which columns that the model does not know
            are left out; None: drawn by the model.
        batch_size
            Series made at a time.

        Raises
        ------
        DataError
            Where nothing is asked for, or an attribute is missing or has a category that the model
            does not know.
        """
        if n_series < 1:
            raise DataError("nothing to generate: ask for one series or more.")
        if self.encoder is None:
            raise DataError(
                "this model does not say how its data were encoded; build it with the encoder of "
                "its batches."
            )
        one_hot = None
        if attributes is not None:
            if len(attributes) != n_series:
                raise DataError(
                    f"{len(attributes)} attribute rows are given for {n_series} series; "
                    "give one row a series."
                )
            one_hot = torch.from_numpy(self.encoder.encode(attributes))
        generator = torch.Generator().manual_seed(seed)
        device = best_device()
        self.to(device).eval()
        parts = []
        for first in range(0, n_series, batch_size):
            n = min(batch_size, n_series - first)
            given = None
            if one_hot is not None:
                given = one_hot[first : first + n].to(device)
            draw = self(n, given, generator)
            series = self.encoder.to_series(
                draw.steps.cpu().numpy(),
                draw.attributes.cpu().numpy(),
                draw.ranges.cpu().numpy(),
                self.key,
            )
            parts.append(series)
        return concat(parts)

    def save(self, folder: Path | str) -> None:
        """Write model.json (configuration and encoder) and model.safetensors to a folder."""
        encoder = None if self.encoder is None else asdict(self.encoder)
        weights.save(folder, {"config": asdict(self.config), "encoder": encoder}, self.state_dict())

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote, in evaluation mode.

        Raises
        ------
        DataError
            Where it is missing, damaged or another model's.
        """
        facts, state = weights.read(folder)
        encoder = None
        with translate_errors(f"no sound model at {folder}", weights.AGAIN):
            config = from_mapping(DGConfig, facts["config"])
            if facts["encoder"] is not None:
                encoder = from_mapping(GanEncoder, facts["encoder"])
                _check_encoder(encoder, config)
        return weights.load_into(lambda: cls(config, encoder), state, folder)


def _check_encoder(encoder: GanEncoder, config: DGConfig) -> None:
    """Raise ValueError unless an encoder and a configuration speak of the same data."""
    of_encoder = (len(encoder.facts.features), encoder.sizes, encoder.normaliser.per_series)
    if of_encoder != (config.n_features, config.attributes, config.per_series):
        raise ValueError("its encoder and its configuration do not fit each other")


class DoppelGANger(SeriesGAN):
    """Generator and critics of a `DGConfig`."""

    key = "doppelganger"

    def __init__(self, config: DGConfig, encoder: GanEncoder | None = None) -> None:
        super().__init__(config, encoder)
        n_attributes = sum(config.attributes)
        n_outputs = config.n_features + N_FLAGS
        self.attributes = _mlp(config.n_noise, n_attributes, config.mlp_width)
        # Makes the ranges; named as in the files of trained models.
        self.spread = _mlp(config.n_noise + n_attributes, config.n_ranges, config.mlp_width)
        self.lstm = nn.LSTM(config.n_noise + config.n_conditions, config.n_units, batch_first=True)
        self.output = nn.Linear(config.n_units, config.sample_len * n_outputs)
        n_everything = config.n_conditions + config.n_rolls * config.sample_len * n_outputs
        self.critic = Critic(n_everything, config.critic_width)
        self.auxiliary = None
        if config.auxiliary:
            self.auxiliary = Critic(config.n_conditions, config.critic_width)

    def forward(
        self,
        n_series: int,
        one_hot: torch.Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Draw:
        """Return a `Draw` of n synthetic series; see `SeriesGAN.forward`."""
        for_attributes, for_ranges, for_rolls, state = self._split_noise(n_series, generator)
        if one_hot is None:
            soft = self.soft_attributes(for_attributes)
            given = self._hard(soft.detach())
        else:
            soft = one_hot
            given = one_hot
        ranges = for_ranges.new_zeros(n_series, 0)
        if self.spread is not None:
            inputs = torch.cat([for_ranges, given], dim=1)
            ranges = self.bounded(self.spread(inputs).to(for_ranges.dtype))
        condition = torch.cat([given, ranges.detach()], dim=1)  # (n, n_conditions)
        steps = self._roll(condition, for_rolls, state)
        return Draw(soft, ranges, steps, steps.shape[1])

    def _split_noise(
        self, n_series: int, generator: torch.Generator | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, LSTMState]:
        """Return the noise of attributes and ranges (n, n_noise), of rolls, and the first state.

        That of rolls is (n, n_rolls, n_noise). All is drawn at once, so that a seed gives the same
        series whether attributes are given or not.
        """
        config = self.config
        n_for_rolls = config.n_rolls * config.n_noise
        widths = [config.n_noise, config.n_noise, n_for_rolls, 2 * config.n_units]
        z = self.noise(n_series, sum(widths), generator)
        for_attributes, for_ranges, for_rolls, for_state = z.split(widths, dim=1)
        for_rolls = for_rolls.reshape(n_series, config.n_rolls, config.n_noise)
        for_state = for_state.reshape(n_series, 2, config.n_units)
        for_state = for_state.transpose(0, 1).contiguous()  # (2, n, n_units)
        return for_attributes, for_ranges, for_rolls, (for_state[:1], for_state[1:])

    def _hard(self, soft: torch.Tensor) -> torch.Tensor:
        """Return the one-hot argmax of each attribute's softmax, (n, sum of category counts)."""
        if not self.config.attributes:
            return soft
        blocks = []
        for block in soft.split(self.config.attributes, dim=1):
            blocks.append(F.one_hot(block.argmax(1), block.shape[1]).to(soft))
        return torch.cat(blocks, dim=1)

    def _roll(self, condition: torch.Tensor, noise: torch.Tensor, state: LSTMState) -> torch.Tensor:
        """Return features and flags (n, T, n_features + 2).

        T are the steps of the rolls until all series have ended.

        Parameters
        ----------
        condition
            float, shape (n, n_conditions): attributes and ranges.
        noise
            float, shape (n, n_rolls, n_noise).
        state
            Of the LSTM before the first roll.
        """
        n_series = len(condition)
        going = torch.arange(n_series, device=condition.device)  # series that have not ended
        parts = []
        for first in range(0, self.config.n_rolls, CHUNK):
            z = noise[going, first : first + CHUNK]  # (n going, R, n_noise)
            given = condition[going, None].expand(-1, z.shape[1], -1)  # (n going, R, n_conditions)
            h, state = self.lstm(torch.cat([z, given], dim=2), state)
            part, ended = self.read_steps(h, first * self.config.sample_len)
            if len(going) < n_series:
                blank = part.new_zeros(n_series, *part.shape[1:])
                part = blank.index_copy(0, going, part)
            parts.append(part)
            if ended.all():
                break
            if ended.any():
                going = going[~ended]
                hidden, cell = state
                state = (hidden[:, ~ended], cell[:, ~ended])
        return torch.cat(parts, dim=1)


def _mlp(n_inputs: int, n_outputs: int, width: int) -> nn.Sequential | None:
    """Return an MLP with ReLU and batch norm, or None where there is nothing to make."""
    if n_outputs == 0:
        return None
    sizes = [n_inputs, *[width] * (N_MLP_LAYERS - 1)]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.BatchNorm1d(after)]
    return nn.Sequential(*layers, nn.Linear(width, n_outputs))


def critic_loss(model: SeriesGAN, batch: Draw) -> torch.Tensor:
    """Return the loss of both critics; leaves the batch's synthetic series for the generator."""
    batch.synthetic = model(len(batch))
    synthetic = batch.synthetic.detach()
    penalty = model.config.penalty
    value = model.critic.loss(batch.everything(), synthetic.everything(), penalty)
    if model.auxiliary is not None:
        value = value + model.auxiliary.loss(batch.conditions(), synthetic.conditions(), penalty)
    return value


def generator_loss(model: SeriesGAN, batch: Draw) -> torch.Tensor:
    """Return minus the critics' mean scores of the series that `critic_loss` left.

    They are the generator's still, for it has not moved since.
    """
    synthetic = batch.synthetic
    if synthetic is None:
        synthetic = model(len(batch))
    value: torch.Tensor = -model.critic(synthetic.everything()).mean()
    if model.auxiliary is not None:
        value = value - model.auxiliary(synthetic.conditions()).mean()
    return value


def _critic_parameters(model: nn.Module) -> Iterable[nn.Parameter]:
    return [p for name, p in model.named_parameters() if name.startswith(CRITICS)]


def _generator_parameters(model: nn.Module) -> Iterable[nn.Parameter]:
    return [p for name, p in model.named_parameters() if not name.startswith(CRITICS)]


OBJECTIVES: Objectives = {
    "critic": (_critic_parameters, critic_loss),
    "generator": (_generator_parameters, generator_loss),
}


def prepare(config: DGConfig, real: SeriesSet, settings: TrainConfig) -> Training:
    """Return an untrained DoppelGANger, its objectives, and batches of the scaled training set."""
    cut = real.head(config.max_steps)
    scaling = Normaliser.fit(cut, config.activation, config.log, config.per_series)
    batches = DGBatches(real, scaling, config, settings.batch_size, settings.seed)
    model = DoppelGANger(config, batches.encoder)
    return Training(model=model, loss=OBJECTIVES, batches=batches)


SPEC = ModelSpec(key=DoppelGANger.key, config=DGConfig, prepare=prepare, load=DoppelGANger.load)
