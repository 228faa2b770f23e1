"""Baselines AR and RNN of DoppelGANger (Lin et al., IMC 2020, arXiv 1909.13403, section 5).

AR: a perceptron from the attributes and the last p steps (zeros before the first) to the next; RNN:
an LSTM over steps and attributes, by teacher forcing. As there, attributes are drawn from their
empirical joint distribution and the first step from a Gaussian fitted to first steps; the rest is
deterministic. Where the paper is silent: flags and stop as TST's; the Gaussian is joint,
independent of the attributes, clipped to the data's bounds, its flags rounded; under a per-series
normaliser, loc and scale come from the training series that gave the attributes.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from tst.errors import DataError, translate_errors
from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.assembly import assemble, check_fit, check_request, in_series_order
from tst.models.attributes import joined
from tst.models.base import ModelSpec, Training, check_size
from tst.models.batches import N_FLAGS, Batch, PackedBatches, add_flags, window_lengths
from tst.models.scaling import ACTIVATIONS, BOUNDS, Activation, Normaliser, read_scaling
from tst.series import SeriesSet
from tst.training.config import TrainConfig
from tst.training.device import best_device
from tst.training.losses import masked_mse

BATCH_SIZE = 4096  # series generated at a time
LARGEST = 1000  # layers, steps back and units; a damaged file must not ask for any number
Categories = tuple[tuple[str, tuple[str, ...]], ...]  # ((attribute, (category, ...)), ...)
State = tuple[torch.Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class RNNConfig:
    """Sizes of RNN; DoppelGANger's is one LSTM of 100 units."""

    n_features: int  # measurements and 2 generation flags
    # `attribute_categories` of the training set: what is fed at every step, one-hot.
    attributes: Categories = ()
    d_hidden: int = 100
    activation: Activation = "sigmoid"  # sigmoid for data in [0, 1], tanh for data in [-1, 1]
    log: bool = False  # scale log(1 + value)
    per_series: bool = False  # scale each series by its own minimum and maximum

    def __post_init__(self) -> None:
        attributes = tuple((name, tuple(known)) for name, known in self.attributes)
        object.__setattr__(self, "attributes", attributes)
        if self.activation not in ACTIVATIONS:
            raise DataError(
                f"activation is '{self.activation}'; use one of {', '.join(ACTIVATIONS)}."
            )
        if self.n_features <= N_FLAGS:
            raise DataError(
                f"n_features is {self.n_features}; count the measurements and {N_FLAGS} flags."
            )
        check_size("d_hidden", self.d_hidden, LARGEST)

    @property
    def n_inputs(self) -> int:
        """Width of a row: the step and the attributes, one-hot."""
        return self.n_features + sum(len(known) for _, known in self.attributes)


@dataclass(frozen=True, kw_only=True)
class ARConfig(RNNConfig):
    """Sizes of AR; DoppelGANger's: order p = 3, four hidden layers of 200."""

    d_hidden: int = 200
    n_layer: int = 4
    order: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("n_layer", self.n_layer, LARGEST)
        check_size("order", self.order, LARGEST)


class Autoregressive(nn.Module):
    """What AR and RNN share: the Gaussian of the first step, sampling, files.

    Parameters
    ----------
    config
        Sizes.
    scaling
        How the training set was scaled; needed to sample, not to train.
    """

    Config: ClassVar[type[RNNConfig]]
    key: ClassVar[str]
    first_mean: torch.Tensor
    first_root: torch.Tensor

    def __init__(self, config: Any, scaling: Normaliser | None = None) -> None:
        super().__init__()
        self.config = config
        self.scaling = scaling
        self.register_buffer("first_mean", torch.zeros(config.n_features))
        self.register_buffer("first_root", torch.zeros(config.n_features, config.n_features))

    def forward(self, x: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """Predict the next step of every row.

        Parameters
        ----------
        x
            float, shape (rows, n_inputs): steps and attributes of the series of a batch, one after
            another, longest first.
        lengths
            Rows of each series.

        Returns
        -------
        float, shape (rows, n_features).
        """
        raise NotImplementedError

    def start(self, batch_size: int) -> State:
        """Return the state before the first step; its second dimension are the series."""
        raise NotImplementedError

    def step(
        self, x: torch.Tensor, attributes: torch.Tensor, state: State
    ) -> tuple[torch.Tensor, State]:
        """Return the next step (B, n_features) and the state after one more step.

        Parameters
        ----------
        x
            float, shape (B, n_features): the last step.
        attributes
            float, shape (B, n_attributes): one-hot.
        state
            As `start` or `step` returned it.
        """
        raise NotImplementedError

    @classmethod
    def build(cls, config: RNNConfig, real: SeriesSet, scaling: Normaliser, seed: int) -> Self:
        """Return an untrained model; its first step has the training set's mean and covariance."""
        torch.manual_seed(seed)
        model = cls(config, scaling)
        rows = rows_of(real, scaling, config)
        first = rows[real.offsets[:-1], : config.n_features].astype(np.float64)
        variances, directions = np.linalg.eigh(np.cov(first.T, bias=True))
        root = directions * np.sqrt(np.maximum(variances, 0.0))
        model.first_mean[:] = torch.from_numpy(first.mean(0))
        model.first_root[:] = torch.from_numpy(root)
        return model

    def first(self, noise: torch.Tensor) -> torch.Tensor:
        """Return first steps, clipped and with rounded flags.

        Parameters
        ----------
        noise
            float, shape (B, n_features): standard normal.
        """
        low, high = BOUNDS[self.config.activation]
        x = (self.first_mean + noise @ self.first_root.T).clamp(low, high)
        ends = x[:, -1] >= x[:, -2]
        flags = torch.stack([~ends, ends], dim=1).to(x.dtype)  # (B, 2)
        return torch.cat([x[:, :-N_FLAGS], flags], dim=1)

    def bounded(self, x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return an output layer's x within the bounds of the training data."""
        return ACTIVATIONS[self.config.activation](x.to(dtype))

    def sample(
        self,
        n_series: int,
        seed: int = 0,
        *,
        real: SeriesSet | None = None,
        max_steps: int | None = None,
    ) -> SeriesSet:
        """Return `n_series` synthetic series.

        Parameters
        ----------
        seed
            Of the one generator that draws attributes and first steps.
        real
            The training set, which gives the attributes and, under a per-series normaliser, loc and
            scale.
        max_steps
            Cap of the length; default: the longest real series.
        """
        if real is None or self.scaling is None:
            raise DataError(f"{self.key} draws attributes from the training set; give it as real=.")
        if max_steps is None:
            max_steps = int(real.lengths.max())
        check_request(n_series, max_steps, seed)
        check_fit(real, self.scaling, self.config.n_features, self.config.activation)
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(len(real), (n_series,), generator=generator).numpy()
        noise = torch.randn(n_series, self.config.n_features, generator=generator)
        rows = one_hot_rows(real.attributes.iloc[drawn], self.config.attributes)
        attributes = torch.from_numpy(rows)
        self.to(best_device()).eval()
        parts = []
        for first in range(0, n_series, BATCH_SIZE):
            some = slice(first, first + BATCH_SIZE)
            parts.append(_decode(self, noise[some], attributes[some], max_steps))
        values = np.concatenate([steps for steps, _ in parts])
        lengths = np.concatenate([n for _, n in parts])
        return assemble(real, drawn, drawn, values, lengths, self.scaling, self.key)

    def save(self, folder: Path | str) -> None:
        """Write model.json, then model.safetensors, to a folder."""
        scaling = None if self.scaling is None else self.scaling.to_dict()
        facts = {"config": asdict(self.config), "scaling": scaling}
        weights.save(folder, facts, self.state_dict())

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote, in evaluation mode.

        Raises
        ------
        DataError
            Where it is missing, damaged or another model's.
        """
        what = f"{cls.key} model"
        facts, state = weights.read(folder, what)
        with translate_errors(f"no sound {what} at {folder}", weights.AGAIN):
            config = from_mapping(cls.Config, facts["config"])
            scaling = read_scaling(facts["scaling"])
        return weights.load_into(lambda: cls(config, scaling), state, folder, what)


class AR(Autoregressive):
    """R_t = f(attributes, R_t-1, ..., R_t-p), f a perceptron."""

    Config = ARConfig
    key = "ar"

    def __init__(self, config: ARConfig, scaling: Normaliser | None = None) -> None:
        super().__init__(config, scaling)
        n_attributes = config.n_inputs - config.n_features
        n_inputs = config.order * config.n_features + n_attributes
        widths = [n_inputs] + [config.d_hidden] * config.n_layer
        layers: list[nn.Module] = []
        for width, next_width in pairwise(widths):
            layers += [nn.Linear(width, next_width), nn.ReLU()]
        self.f = nn.Sequential(*layers, nn.Linear(widths[-1], config.n_features))

    def forward(self, x: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """Predict the next step of every row; see `Autoregressive.forward`."""
        n = torch.tensor(lengths, device=x.device)
        row = torch.arange(len(x), device=x.device)
        position = row - (n.cumsum(0) - n).repeat_interleave(n)  # within its series
        steps = x[:, : self.config.n_features]
        attributes = x[:, self.config.n_features :]
        lags = []
        for k in range(self.config.order):
            has_step = (position >= k)[:, None]  # zeros before the first
            lags.append(steps[(row - k).clamp(min=0)] * has_step)  # (rows, n_features)
        return self.bounded(self.f(torch.cat([*lags, attributes], dim=1)), x.dtype)

    def start(self, batch_size: int) -> State:
        """Return a history (p, B, n_features) of zeros, newest first."""
        return (self.first_mean.new_zeros(self.config.order, batch_size, self.config.n_features),)

    def step(
        self, x: torch.Tensor, attributes: torch.Tensor, state: State
    ) -> tuple[torch.Tensor, State]:
        """Take one more step x (B, n_features); return (next step, state)."""
        history = torch.cat([x[None], state[0][:-1]])  # (p, B, n_features)
        output = self.f(torch.cat([*history, attributes], dim=1))
        return self.bounded(output, x.dtype), (history,)


class RNN(Autoregressive):
    """One LSTM over steps and attributes, a linear layer to the next step."""

    Config = RNNConfig
    key = "rnn"

    def __init__(self, config: RNNConfig, scaling: Normaliser | None = None) -> None:
        super().__init__(config, scaling)
        self.lstm = nn.LSTM(config.n_inputs, config.d_hidden, batch_first=True)
        self.output = nn.Linear(config.d_hidden, config.n_features)

    def forward(self, x: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        """Predict the next step of every row; see `Autoregressive.forward`."""
        packed = pack_sequence(x.split(list(lengths)))
        hidden, n = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)  # (B, T, d_hidden)
        observed = torch.arange(hidden.shape[1]) < n[:, None]  # (B, T)
        return self.bounded(self.output(hidden[observed.to(x.device)]), x.dtype)

    def start(self, batch_size: int) -> State:
        """Return hidden and cell (1, B, d_hidden), zero."""
        hidden, cell = self.first_mean.new_zeros(2, 1, batch_size, self.config.d_hidden)
        return hidden, cell

    def step(
        self, x: torch.Tensor, attributes: torch.Tensor, state: State
    ) -> tuple[torch.Tensor, State]:
        """Take one more step x (B, n_features); return (next step, state)."""
        hidden, state = self.lstm(torch.cat([x, attributes], dim=1)[:, None], state)
        return self.bounded(self.output(hidden[:, 0]), x.dtype), state


def next_step_mse(model: Autoregressive, batch: Batch) -> torch.Tensor:
    """Return TST's loss of a packed batch, over the steps: the attributes are not predicted."""
    prediction = model(batch.inputs, batch.lengths)
    return masked_mse(prediction, batch.targets[:, : prediction.shape[1]], batch.weight)


def batches(
    real: SeriesSet,
    scaling: Normaliser,
    config: RNNConfig,
    context_length: int,
    batch_size: int,
    seed: int,
) -> PackedBatches:
    """Return the `PackedBatches` of a training set, in non-overlapping windows as TST's."""
    windows = window_lengths(real.lengths, context_length)
    return PackedBatches(rows_of(real, scaling, config), windows, batch_size, seed)


def rows_of(real: SeriesSet, scaling: Normaliser, config: RNNConfig) -> np.ndarray:
    """Return float32 (rows, n_inputs): scaled measurements, flags, attributes at every step."""
    check_fit(real, scaling, config.n_features, config.activation)
    steps = add_flags(scaling.normalise(real)[0], real.lengths)
    attributes = one_hot_rows(real.attributes, config.attributes)
    return np.concatenate([steps, attributes[real.series_index]], axis=1)


def one_hot_rows(frame: pd.DataFrame, attributes: Categories) -> np.ndarray:
    """Return the one-hot rows, float32 (n_series, sum of category counts), of a table.

    Parameters
    ----------
    attributes
        What the model takes, as `attribute_categories` returns it.
    """
    blocks = []
    for name, known in attributes:
        if name not in frame:
            raise DataError(
                f"the model takes the attribute '{name}', the set has {list(frame)}; add it."
            )
        values = frame[name].astype(str).to_numpy()
        unknown = sorted(set(values) - set(known), key=str)
        if unknown:
            raise DataError(
                f"attribute '{name}' has the value '{unknown[0]}', unknown to the model; "
                "train with it."
            )
        blocks.append((values[:, None] == np.array(known)).astype(np.float32))
    return joined(blocks, len(frame))


@torch.no_grad()
def _decode(
    model: Autoregressive, noise: torch.Tensor, attributes: torch.Tensor, max_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return steps (rows, n_features) of the series one after another, and their lengths (B,)."""
    device = model.first_mean.device
    attributes = attributes.to(device)
    alive = torch.arange(len(noise), device=device)
    x = model.first(noise.to(device))
    state = model.start(len(noise))
    steps = []
    for _ in range(max_steps):
        steps.append((alive.cpu().numpy(), x.cpu().numpy()))
        going = (x[:, -1] < x[:, -2]).nonzero().flatten()
        if len(going) == 0:
            break
        alive = alive[going]
        attributes = attributes[going]
        state = tuple(part[:, going] for part in state)
        x, state = model.step(x[going], attributes, state)
    return in_series_order(steps)


def _prepare(kind: type[Autoregressive]) -> Callable[[Any, SeriesSet, TrainConfig], Training]:
    """Return the `prepare` of a kind of model's `ModelSpec`."""

    def prepare(config: RNNConfig, real: SeriesSet, settings: TrainConfig) -> Training:
        scaling = Normaliser.fit(real, config.activation, config.log, config.per_series)
        longest = int(real.lengths.max())
        data = batches(real, scaling, config, longest, settings.batch_size, settings.seed)
        model = kind.build(config, real, scaling, settings.seed)
        return Training(model=model, loss=next_step_mse, batches=data)

    return prepare


AR_SPEC = ModelSpec(key="ar", config=ARConfig, prepare=_prepare(AR), load=AR.load)
RNN_SPEC = ModelSpec(key="rnn", config=RNNConfig, prepare=_prepare(RNN), load=RNN.load)
