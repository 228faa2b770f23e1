"""Baselines AR and RNN of DoppelGANger (Lin et al., IMC 2020, arXiv 1909.13403, section 5, "baselines").

AR: a perceptron from the attributes and the last p records (zeros before the first) to the next; RNN: an LSTM over records
and attributes, by teacher forcing. As there, attributes are drawn from their empirical joint distribution and the first
record from a Gaussian fitted to first records; the rest is deterministic. Where the paper is silent: flags and stop as
TST's; the Gaussian is joint, independent of the attributes, clipped to the data's bounds, its flags rounded; under a
per-series normaliser, loc and scale come from the training series that gave the attributes.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.base import ModelSpec, Training
from tst.models.batches import N_FLAGS, PackedBatches, add_flags, window_lengths
from tst.models.scaling import ACTIVATIONS, BOUNDS, Normaliser
from tst.series import DataError
from tst.training.device import best_device
from tst.training.losses import masked_mse

BATCH_SIZE = 4096  # series generated at a time


@dataclass(frozen=True)
class RNNConfig:
    """Sizes of RNN; DoppelGANger's is one LSTM of 100 units."""

    n_features: int  # measurements and 2 generation flags
    attributes: tuple = ()  # `attribute_levels` of the training set: what is fed at every step, one-hot
    d_hidden: int = 100
    activation: str = "sigmoid"  # sigmoid for data in [0, 1], tanh for data in [-1, 1]
    log: bool = False  # scale log(1 + value)
    per_series: bool = False  # scale each series by its own minimum and maximum

    def __post_init__(self):
        object.__setattr__(
            self, "attributes", tuple((name, tuple(levels)) for name, levels in self.attributes)
        )
        if self.activation not in ACTIVATIONS:
            raise DataError(
                f"activation is '{self.activation}'; use one of {', '.join(ACTIVATIONS)}."
            )
        if self.n_features <= N_FLAGS:
            raise DataError(
                f"n_features is {self.n_features}; count the measurements and {N_FLAGS} flags."
            )
        for name in {"d_hidden", "n_layer", "order"} & set(asdict(self)):
            if getattr(self, name) < 1:
                raise DataError(f"{name} is {getattr(self, name)}; give at least 1.")

    @property
    def n_inputs(self):
        """Width of a row: the record and the attributes, one-hot."""
        return self.n_features + sum(len(levels) for _, levels in self.attributes)


@dataclass(frozen=True)
class ARConfig(RNNConfig):
    """Sizes of AR; DoppelGANger's: order p = 3, four hidden layers of 200."""

    d_hidden: int = 200
    n_layer: int = 4
    order: int = 3


class Autoregressive(nn.Module):
    """What AR and RNN share: the Gaussian of the first record, and the way to a file and back."""

    def __init__(self, config, scaling=None):
        super().__init__()
        self.config, self.scaling = config, scaling
        self.register_buffer("first_mean", torch.zeros(config.n_features))
        self.register_buffer("first_root", torch.zeros(config.n_features, config.n_features))

    @classmethod
    def build(cls, config, real, normaliser, seed):
        """Return an untrained model whose first record has the mean and covariance of the training set's."""
        torch.manual_seed(seed)
        model = cls(config, normaliser)
        first = rows_of(real, normaliser, config)[real.offsets[:-1], : config.n_features].astype(
            np.float64
        )
        variances, directions = np.linalg.eigh(np.cov(first.T, bias=True))
        model.first_mean[:] = torch.from_numpy(first.mean(0))
        model.first_root[:] = torch.from_numpy(directions * np.sqrt(np.maximum(variances, 0.0)))
        return model

    def first(self, noise):
        """Return first records (B, n_features) of standard normal noise of that shape: clipped, flags rounded."""
        x = (self.first_mean + noise @ self.first_root.T).clamp(*BOUNDS[self.config.activation])
        ends = x[:, -1] >= x[:, -2]
        return torch.cat([x[:, :-N_FLAGS], torch.stack([~ends, ends], dim=1).to(x.dtype)], dim=1)

    def bounded(self, x, dtype):
        """Return an output layer's x within the bounds of the training data."""
        return ACTIVATIONS[self.config.activation](x.to(dtype))

    def sample(self, n_series, seed=0, *, real=None, max_steps=None):
        """Return `n_series` synthetic series.

        Parameters
        ----------
        seed
            Of the one generator that draws attributes and first records.
        real
            The training set, which gives the attributes and, under a per-series normaliser, loc and scale.
        max_steps
            Cap of the length; default: the longest real series.
        """
        if real is None or self.scaling is None:
            raise DataError(f"{self.key} draws attributes from the training set; give it as real=.")
        max_steps = int(real.lengths.max()) if max_steps is None else max_steps
        check_request(n_series, max_steps, seed)
        check_fit(real, self.scaling, self.config.n_features, self.config.activation)
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(len(real), (n_series,), generator=generator).numpy()
        noise = torch.randn(n_series, self.config.n_features, generator=generator)
        attributes = torch.from_numpy(one_hot(real.attributes.iloc[drawn], self.config.attributes))
        self.to(best_device()).eval()
        pairs = zip(noise.split(BATCH_SIZE), attributes.split(BATCH_SIZE), strict=True)
        parts = [_decode(self, *pair, max_steps) for pair in pairs]
        values, lengths = map(np.concatenate, zip(*parts, strict=True))
        return assemble(real, drawn, drawn, values, lengths, self.scaling, self.key)

    def save(self, folder):
        """Write model.json, then model.safetensors, to a folder."""
        scaling = None if self.scaling is None else self.scaling.to_dict()
        weights.save(folder, {"config": asdict(self.config), "scaling": scaling}, self.state_dict())

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote, in evaluation mode; raises DataError where it is missing, damaged or another model's."""
        return weights.load(folder, cls._plan, f"{cls.key} model")

    @classmethod
    def _plan(cls, facts, held):
        config = from_mapping(cls.Config, facts["config"])
        scaling = facts["scaling"] and from_mapping(Normaliser, facts["scaling"])
        held.check("n_layer", getattr(config, "n_layer", 0), len(held.shapes))
        return lambda: cls(config, scaling)


class AR(Autoregressive):
    """R_t = f(attributes, R_t-1, ..., R_t-p), f a perceptron."""

    Config, key = ARConfig, "ar"

    def __init__(self, config, scaling=None):
        super().__init__(config, scaling)
        n_attributes = config.n_inputs - config.n_features
        widths = [config.order * config.n_features + n_attributes] + [
            config.d_hidden
        ] * config.n_layer
        hidden = [
            layer
            for a, b in zip(widths, widths[1:], strict=False)
            for layer in (nn.Linear(a, b), nn.ReLU())
        ]
        self.f = nn.Sequential(*hidden, nn.Linear(widths[-1], config.n_features))

    def forward(self, x, lengths):
        """Predict the next record of every row.

        Parameters
        ----------
        x
            float, shape (rows, n_inputs): the series of a batch one after another, records and attributes.
        lengths
            int sequence (B,): rows of each series.

        Returns
        -------
        float, shape (rows, n_features).
        """
        n = torch.tensor(lengths, device=x.device)
        row = torch.arange(len(x), device=x.device)
        position = row - (n.cumsum(0) - n).repeat_interleave(n)
        records, attributes = x[:, : self.config.n_features], x[:, self.config.n_features :]
        lags = [
            records[(row - k).clamp(min=0)] * (position >= k)[:, None]
            for k in range(self.config.order)
        ]
        return self.bounded(self.f(torch.cat([*lags, attributes], dim=1)), x.dtype)

    def start(self, batch_size):
        """Return the state before the first record: a history (p, B, n_features) of zeros, newest first."""
        return (self.first_mean.new_zeros(self.config.order, batch_size, self.config.n_features),)

    def step(self, x, attributes, state):
        """Take one more record x (B, n_features); return (next record, state)."""
        history = torch.cat([x[None], state[0][:-1]])
        return self.bounded(self.f(torch.cat([*history, attributes], dim=1)), x.dtype), (history,)


class RNN(Autoregressive):
    """One LSTM over records and attributes, a linear layer to the next record."""

    Config, key = RNNConfig, "rnn"

    def __init__(self, config, scaling=None):
        super().__init__(config, scaling)
        self.lstm = nn.LSTM(config.n_inputs, config.d_hidden, batch_first=True)
        self.output = nn.Linear(config.d_hidden, config.n_features)

    def forward(self, x, lengths):
        """Predict the next record of every row; as `AR.forward`, the series longest first."""
        hidden, n = pad_packed_sequence(
            self.lstm(pack_sequence(x.split(list(lengths))))[0], batch_first=True
        )
        observed = torch.arange(hidden.shape[1]) < n[:, None]  # (B, T)
        return self.bounded(self.output(hidden[observed.to(x.device)]), x.dtype)

    def start(self, batch_size):
        """Return the state before the first record: hidden and cell (1, B, d_hidden), zero."""
        return tuple(self.first_mean.new_zeros(2, 1, batch_size, self.config.d_hidden))

    def step(self, x, attributes, state):
        """Take one more record x (B, n_features); return (next record, state)."""
        hidden, state = self.lstm(torch.cat([x, attributes], dim=1)[:, None], state)
        return self.bounded(self.output(hidden[:, 0]), x.dtype), state


def next_record_mse(model, batch):
    """Return the masked squared error of a packed batch: TST's loss, the attributes are given and not predicted."""
    prediction = model(batch.inputs, batch.lengths)
    return masked_mse(prediction, batch.targets[:, : prediction.shape[1]], batch.weight)


def batches(real, normaliser, config, context_length, batch_size, seed):
    """Return the `PackedBatches` of a training set, in the non-overlapping windows that TST is trained on."""
    windows = window_lengths(real.lengths, context_length)
    return PackedBatches(rows_of(real, normaliser, config), windows, batch_size, seed)


def rows_of(real, normaliser, config):
    """Return float32 (rows, n_inputs): normalised records, flags, and the attributes repeated at every step."""
    check_fit(real, normaliser, config.n_features, config.activation)
    records = add_flags(normaliser.normalise(real)[0], real.lengths)
    return np.concatenate(
        [records, one_hot(real.attributes, config.attributes)[real.series_index]], axis=1
    )


def attribute_columns(series):
    """Return the names of the attributes that describe a series: the categorical ones, but for the group of a split."""
    categorical = [
        c for c, t in series.attributes.dtypes.items() if isinstance(t, pd.CategoricalDtype)
    ]
    if series.label is not None and series.label not in categorical:
        raise DataError(
            f"the label '{series.label}' of '{series.name}' is not categorical; convert it to a category."
        )
    columns = [c for c in categorical if c != series.group or c == series.label]
    for column in columns:
        if series.attributes[column].isna().any():
            raise DataError(
                f"attribute '{column}' of '{series.name}' has missing values; give them a category first."
            )
    return columns


def attribute_levels(series):
    """Return ((name, (category, ...)), ...) of a set's attributes, those that occur, sorted."""
    return tuple(
        (c, tuple(sorted(series.attributes[c].astype(str).unique())))
        for c in attribute_columns(series)
    )


def one_hot(frame, attributes):
    """Return float32 (n_series, sum of the numbers of categories); `attributes` as `attribute_levels` returns it."""
    blocks = [np.zeros((len(frame), 0), np.float32)]
    for name, levels in attributes:
        if name not in frame:
            raise DataError(
                f"the model takes the attribute '{name}', the set has {list(frame)}; add it."
            )
        values = frame[name].astype(str).to_numpy()
        unknown = sorted(set(values) - set(levels), key=str)
        if unknown:
            raise DataError(
                f"attribute '{name}' has the value '{unknown[0]}', unknown to the model; train with it."
            )
        blocks.append((values[:, None] == np.array(levels)).astype(np.float32))
    return np.concatenate(blocks, axis=1)


@torch.no_grad()
def _decode(model, noise, attributes, max_steps):
    """Return records (rows, n_features) of the series one after another, and their lengths (B,)."""
    device = model.first_mean.device
    attributes, alive = attributes.to(device), torch.arange(len(noise), device=device)
    x, state, records = model.first(noise.to(device)), model.start(len(noise)), []
    for _ in range(max_steps):
        records.append((alive.cpu().numpy(), x.cpu().numpy()))
        going = (x[:, -1] < x[:, -2]).nonzero().flatten()
        if len(going) == 0:
            break
        alive, x, attributes = alive[going], x[going], attributes[going]
        state = tuple(part[:, going] for part in state)
        x, state = model.step(x, attributes, state)
    return in_series_order(records)


def in_series_order(records):
    """Return (rows, lengths) of a list, one entry a step, of (number of the series, its record) of those still going."""
    series, rows = (np.concatenate(part) for part in zip(*records, strict=True))
    return rows[np.argsort(series, kind="stable")], np.bincount(series)


def assemble(real_train, drawn, levels, values, lengths, normaliser, key):
    """Return normalised records (rows, n_features + 2) as a SeriesSet.

    `drawn` and `levels`, int (n,), are the training series that give each its attributes, and its loc and scale.
    """
    columns = attribute_columns(real_train)
    scaled, loc, scale = normaliser.normalise(real_train)
    top = np.maximum.reduceat(scaled, real_train.offsets[:-1])
    scale = scale * (
        (top if normaliser.per_series else top.max(0)) > normaliser.low
    )  # a constant stays one
    return replace(
        real_train,
        values=normaliser.inverse(values[:, :-N_FLAGS], lengths, loc[levels], scale[levels]),
        lengths=lengths,
        attributes=real_train.attributes.iloc[drawn][columns],
        group=real_train.group if real_train.group in columns else None,
        model=key,
    )


def check_request(n, max_steps, seed):
    """Raise DataError unless there is something to draw."""
    for name, value, low in (("n", n, 1), ("max_steps", max_steps, 1), ("seed", seed, 0)):
        if not isinstance(value, int | np.integer) or value < low:
            raise DataError(f"{name} is {value!r}; give a whole number of at least {low}.")


def check_fit(real, normaliser, n_features, activation=None):
    """Raise DataError unless a model of n_features (flags included), the normaliser and the set belong together."""
    known = real.n_features if normaliser.per_series else len(normaliser.loc)
    for what, number in (("model", n_features - N_FLAGS), ("normaliser", known)):
        if number != real.n_features:
            raise DataError(
                f"the {what} knows {number} measurements, '{real.name}' has {real.n_features}; refit it."
            )
    if activation and (normaliser.low, normaliser.high) != BOUNDS[activation]:
        raise DataError(
            f"the normaliser's bounds do not fit {activation}; fit it with that activation."
        )


def _prepare(kind):
    def _prepared(config, real, settings):
        scaling = Normaliser.fit(real, config.activation, config.log, config.per_series)
        longest = int(real.lengths.max())
        data = batches(real, scaling, config, longest, settings.batch_size, settings.seed)
        model = kind.build(config, real, scaling, settings.seed)
        return Training(model=model, loss=next_record_mse, batches=data)

    return _prepared


AR_SPEC = ModelSpec(key="ar", config=ARConfig, prepare=_prepare(AR), load=AR.load)
RNN_SPEC = ModelSpec(key="rnn", config=RNNConfig, prepare=_prepare(RNN), load=RNN.load)
