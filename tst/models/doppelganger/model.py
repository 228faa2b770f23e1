"""DoppelGANger (Lin et al., IMC 2020, arXiv 1909.13403): attributes first, then the series, against Wasserstein critics.

An MLP makes the attributes, a second one (max + min)/2 and (max - min)/2 of each feature (section 4.1.3, `per_series`), an
LSTM the features, S steps a roll, with two softmax flags a step (4.1.1). Critics: one on everything, an auxiliary one on
attributes and min/max (4.2); WGAN-GP. The paper's S is our sample_len, its metadata A our attributes, measurements our
features. From the authors' code, where the paper is silent: batch norm in the MLPs, a random first LSTM state, noise of
5, attributes passed on as their argmax, without gradient. Departures in how, not what: the penalty's gradient is written
out (`Critic`), the synthetic series of a step serve all its losses, and series that have ended are rolled no further.
"""

from dataclasses import asdict, dataclass, fields
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from tst.errors import DataError
from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.base import ModelSpec, Training
from tst.models.batches import N_FLAGS
from tst.models.doppelganger.batches import DGBatches, Draw
from tst.models.doppelganger.encoding import GanEncoder
from tst.models.scaling import Normaliser
from tst.series import concat
from tst.training.device import best_device

ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
N_MLP_LAYERS, N_CRITIC_LAYERS = 3, 5  # the output layer counted, as in the authors' code
CHUNK = 5  # rolls between two looks at which series have ended


@dataclass(frozen=True)
class DGConfig:
    """Sizes of DoppelGANger; the defaults are the paper's. On WWT it also sets per_series and auxiliary."""

    n_features: int
    attributes: tuple  # number of categories of each attribute
    max_steps: int
    sample_len: int  # S, steps a roll of the LSTM; the paper advises about max_steps / 50
    per_series: bool = False
    auxiliary: bool = False
    activation: str = "sigmoid"  # sigmoid for data in [0, 1], tanh for data in [-1, 1]
    log: bool = False  # scale log(1 + value)
    n_units: int = 100
    mlp_width: int = 100
    critic_width: int = 200
    n_noise: int = 5
    penalty: float = 10.0

    def __post_init__(self):
        object.__setattr__(self, "attributes", tuple(self.attributes))
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation is '{self.activation}'; use one of {', '.join(ACTIVATIONS)}."
            )
        if not 1 <= self.sample_len <= self.max_steps:
            raise ValueError(
                f"sample_len is {self.sample_len}; it must lie between 1 and max_steps, {self.max_steps}."
            )
        if self.auxiliary and not self.n_conditions:
            raise ValueError(
                "the auxiliary critic judges attributes and min/max; there are none: set auxiliary to False."
            )

    @classmethod
    def from_dict(cls, settings):
        """Return the configuration of a mapping; an unknown key raises ValueError."""
        known = [f.name for f in fields(cls)]
        if set(settings) - set(known):
            raise ValueError(
                f"unknown setting {sorted(set(settings) - set(known))} of DG; known are {known}."
            )
        return cls(**settings)

    @property
    def n_rolls(self):
        """Rolls of the LSTM in the longest series."""
        return -(-self.max_steps // self.sample_len)

    @property
    def n_spread(self):
        """Number of min/max values of a series: two a feature, or none."""
        return 2 * self.n_features * self.per_series

    @property
    def n_conditions(self):
        """Width of what is made before the features: one-hot attributes and min/max."""
        return sum(self.attributes) + self.n_spread


class Critic(nn.Module):
    """MLP with ReLU (one layer: linear) that scores rows; missing last columns of a row count as zeros."""

    def __init__(self, n_inputs, width, n_layer=N_CRITIC_LAYERS):
        super().__init__()
        sizes = [n_inputs, *[width] * (n_layer - 1), 1]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))

    def forward(self, x):
        """Return the score (B,) of rows x (B, n_inputs or fewer)."""
        return self._rest(self._first(x))

    def _first(self, x):
        return F.linear(x, self.layers[0].weight[:, : x.shape[1]], self.layers[0].bias)

    def _rest(self, h, signs=None):
        for layer in self.layers[1:]:
            if signs is not None:
                signs.append(h > 0)
            h = layer(F.relu(h))
        return h.squeeze(1).to(self.layers[0].weight.dtype)

    def gradient(self, h):
        """Return the score's gradient (B, n_inputs) at rows with first-layer outputs h, differentiable by the weights.

        With ReLU it is a product of weights, w W_k ... W_1, rows struck out where a unit is off: no second backward pass.
        """
        signs = []
        with torch.no_grad():
            self._rest(h, signs)
        g = self.layers[-1].weight.expand(len(h), -1)
        for layer, on in zip(self.layers[-2::-1], reversed(signs), strict=True):
            g = (g * on) @ layer.weight
        return g

    def loss(self, real, synthetic, penalty):
        """Return the WGAN-GP loss, E D(synthetic) - E D(real) + penalty * E (|grad D| - 1)^2 (Gulrajani et al., 2017).

        The first layer is affine, so its output at an interpolate is the interpolate of its outputs.
        """
        a, b = self._first(real), self._first(synthetic)
        mix = torch.rand(len(a), 1, device=a.device)
        score_real, score_synthetic = self._rest(torch.cat([a, b])).chunk(2)
        slope = self.gradient(mix * a.detach() + (1 - mix) * b.detach()).to(real.dtype).norm(dim=1)
        return score_synthetic.mean() - score_real.mean() + penalty * (slope - 1).square().mean()


class DoppelGANger(nn.Module):
    """Generator and critics; `encoder` (of `DGBatches`) is needed to sample a SeriesSet, not to train."""

    key = "doppelganger"

    def __init__(self, config, encoder=None):
        super().__init__()
        self.config, self.encoder = config, encoder
        n_attributes, n_outputs = sum(config.attributes), config.n_features + N_FLAGS
        self.attributes = _mlp(config.n_noise, n_attributes, config.mlp_width)
        self.spread = _mlp(config.n_noise + n_attributes, config.n_spread, config.mlp_width)
        self.lstm = nn.LSTM(config.n_noise + config.n_conditions, config.n_units, batch_first=True)
        self.output = nn.Linear(config.n_units, config.sample_len * n_outputs)
        n_everything = config.n_conditions + config.n_rolls * config.sample_len * n_outputs
        self.critic = Critic(n_everything, config.critic_width)
        self.auxiliary = (
            Critic(config.n_conditions, config.critic_width) if config.auxiliary else None
        )

    def forward(self, n, one_hot=None, generator=None):
        """Return a `Draw` of n synthetic series.

        Parameters
        ----------
        one_hot
            float, shape (n, sum of category counts): attributes to condition on; None: the model's own.
        generator
            CPU generator of all noise; None: the device's default.
        """
        for_attributes, for_spread, for_rolls, state = self._noise(n, generator)
        soft = self._soft_attributes(for_attributes) if one_hot is None else one_hot
        condition = self._hard(soft.detach()) if one_hot is None else one_hot
        spread = for_spread.new_zeros(n, 0)
        if self.spread is not None:
            spread = self._activation(
                self.spread(torch.cat([for_spread, condition], dim=1)).to(for_spread.dtype)
            )
        steps = self._roll(torch.cat([condition, spread.detach()], dim=1), for_rolls, state)
        return Draw(soft, spread, steps, steps.shape[1])

    def _noise(self, n, generator):
        """Return all standard normal noise of n series: two (n, n_noise), (n, n_rolls, n_noise), (2, n, n_units)."""
        config, weight = self.config, self.output.weight
        sizes = [
            config.n_noise,
            config.n_noise,
            config.n_rolls * config.n_noise,
            2 * config.n_units,
        ]
        z = torch.randn(
            n, sum(sizes), generator=generator, device="cpu" if generator else weight.device
        ).to(weight)
        first, second, rolls, state = z.split(sizes, dim=1)
        state = state.reshape(n, 2, config.n_units).transpose(0, 1).contiguous()
        return first, second, rolls.reshape(n, config.n_rolls, config.n_noise), state

    def _activation(self, x):
        return ACTIVATIONS[self.config.activation](x)

    def _soft_attributes(self, z):
        """Return one softmax an attribute, (n, sum of category counts)."""
        if self.attributes is None:
            return z.new_zeros(len(z), 0)
        blocks = self.attributes(z).to(z.dtype).split(self.config.attributes, dim=1)
        return torch.cat([block.softmax(1) for block in blocks], dim=1)

    def _hard(self, soft):
        """Return the one-hot argmax of each attribute."""
        blocks = soft.split(self.config.attributes, dim=1) if self.config.attributes else []
        return torch.cat(
            [soft[:, :0], *(F.one_hot(b.argmax(1), b.shape[1]).to(soft) for b in blocks)], dim=1
        )

    def _roll(self, condition, noise, state):
        """Return features and flags (n, T, n_features + 2), T the steps of the rolls until all series have ended."""
        n, parts, going = len(condition), [], torch.arange(len(condition), device=condition.device)
        state = state[:1], state[1:]
        for first in range(0, self.config.n_rolls, CHUNK):
            z = noise[going, first : first + CHUNK]
            x = torch.cat([z, condition[going, None].expand(-1, z.shape[1], -1)], dim=2)
            h, state = self.lstm(x, state)
            part, ended = self._read(h, first * self.config.sample_len)
            parts.append(
                part
                if len(going) == n
                else part.new_zeros(n, *part.shape[1:]).index_copy(0, going, part)
            )
            if ended.all():
                break
            if ended.any():
                going, state = going[~ended], tuple(s[:, ~ended] for s in state)
        return torch.cat(parts, dim=1)

    def _read(self, h, first_step):
        """Return steps (n, rolls * sample_len, n_features + 2) of LSTM outputs h, zero after the end, and who ended (n,)."""
        raw = (
            self.output(h)
            .to(self.output.weight.dtype)
            .reshape(len(h), h.shape[1] * self.config.sample_len, -1)
        )
        values, flags = raw.split([raw.shape[2] - N_FLAGS, N_FLAGS], dim=2)
        flags = flags.softmax(2)
        ends = flags[..., 1] >= flags[..., 0]
        step = first_step + torch.arange(raw.shape[1], device=h.device)
        observed = (ends.cumsum(1) - ends.long() == 0) & (step < self.config.max_steps)
        return torch.cat([self._activation(values), flags], dim=2) * observed[..., None], ends.any(
            1
        )

    @torch.no_grad()
    def sample(self, n_series, seed=0, *, real=None, attributes=None, batch_size=1000):
        """Return `n_series` synthetic series; `real` is ignored.

        Parameters
        ----------
        seed
            Of all randomness; a sample is a function of the model, the arguments and batch_size.
        attributes
            Table of n_series rows to condition on, in which columns that the model does not know are
            left out; None: drawn by the model.

        Raises
        ------
        DataError
            Where nothing is wanted, or an attribute is missing or has a category that the model does not know.
        """
        if n_series < 1:
            raise DataError("nothing to generate: ask for one series or more.")
        one_hot = None
        if attributes is not None:
            one_hot = torch.from_numpy(self.encoder.encode(attributes))
        generator = torch.Generator().manual_seed(seed)
        device = best_device()
        self.to(device).eval()
        parts = []
        for first in range(0, n_series, batch_size):
            n = min(batch_size, n_series - first)
            given = None if one_hot is None else one_hot[first : first + n].to(device)
            draw = self(n, given, generator)
            arrays = [t.cpu().numpy() for t in (draw.steps, draw.attributes, draw.spread)]
            parts.append(self.encoder.to_series(*arrays, self.key))
        return concat(parts)

    def save(self, folder):
        """Write model.json (configuration and encoder) and model.safetensors to a folder."""
        facts = {"config": asdict(self.config), "encoder": self.encoder and asdict(self.encoder)}
        weights.save(folder, facts, self.state_dict())

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote, in evaluation mode; raises DataError where it is missing, damaged or another's."""
        return weights.load(folder, cls._plan)

    @classmethod
    def _plan(cls, facts, held):
        config = from_mapping(DGConfig, facts["config"])
        encoder = facts["encoder"] and from_mapping(GanEncoder, facts["encoder"])
        return lambda: cls(config, encoder)


def _mlp(n_inputs, n_outputs, width):
    """Return an MLP with ReLU and batch norm, or None where there is nothing to make."""
    if not n_outputs:
        return None
    sizes = [n_inputs, *[width] * (N_MLP_LAYERS - 1)]
    hidden = [
        m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU(), nn.BatchNorm1d(b))
    ]
    return nn.Sequential(*hidden, nn.Linear(width, n_outputs))


def critic_loss(model, batch):
    """Return the loss of both critics; leaves the batch's synthetic series for the generator's turn."""
    batch.synthetic = model(len(batch))
    synthetic, penalty = batch.synthetic.detach(), model.config.penalty
    value = model.critic.loss(batch.everything(), synthetic.everything(), penalty)
    if model.auxiliary is not None:
        value = value + model.auxiliary.loss(batch.conditions(), synthetic.conditions(), penalty)
    return value


def generator_loss(model, batch):
    """Return minus the critics' mean scores of the series that `critic_loss` left (the generator has not moved since)."""
    synthetic = batch.synthetic or model(len(batch))
    value = -model.critic(synthetic.everything()).mean()
    return (
        value if model.auxiliary is None else value - model.auxiliary(synthetic.conditions()).mean()
    )


def _critics(model):
    return [p for name, p in model.named_parameters() if name.startswith(("critic.", "auxiliary."))]


def _generators(model):
    return [
        p for name, p in model.named_parameters() if not name.startswith(("critic.", "auxiliary."))
    ]


# What `tst.training.loop.optimise` takes as loss: who moves what by which loss, in this order, once a step.
OBJECTIVES = {"critic": (_critics, critic_loss), "generator": (_generators, generator_loss)}


def prepare(config, real, settings):
    """Return an untrained DoppelGANger, its two objectives, and random batches of the scaled training set."""
    cut = real.head(config.max_steps)
    scaling = Normaliser.fit(cut, config.activation, config.log, config.per_series)
    batches = DGBatches(real, scaling, config, settings.batch_size, settings.seed)
    model = DoppelGANger(config, batches.encoder)
    return Training(model=model, loss=OBJECTIVES, batches=batches)


SPEC = ModelSpec(key=DoppelGANger.key, config=DGConfig, prepare=prepare, load=DoppelGANger.load)
