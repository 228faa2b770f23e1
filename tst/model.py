"""TST, the GPT-like transformer of arXiv 2506.07312: causal self-attention over the steps of a real-valued series.

Linear input projection, sinusoidal positions, post-LayerNorm encoder blocks under a causal mask, linear output and
sigmoid or tanh. Same equations and weights as `torch.nn.TransformerEncoder` (tested), two departures in how, not what:
a batch is *packed* (series one after another, no padding) instead of padded to the window, and generation keeps keys
and values in a cache. Our names for the paper's: d_model, n_head, n_layer, d_ff; window = context_length.
"""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from tst.attention import Dropout, causal_attention, newest_attention

ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}


@dataclass(frozen=True)
class TSTConfig:
    """Sizes of TST; the defaults are the paper's model for GCUT (12,635,659 parameters)."""

    n_features: int = 11  # 9 measurements and 2 generation flags
    d_model: int = 512
    n_head: int = 8
    n_layer: int = 8
    d_ff: int = 512
    dropout: float = 0.1
    attention_dropout: float = 0.1
    context_length: int = 400
    activation: str = "sigmoid"  # sigmoid for data in [0, 1], tanh for data in [-1, 1]

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is '{self.activation}'; use one of {', '.join(ACTIVATIONS)}.")
        if self.d_model % self.n_head:
            raise ValueError(f"d_model {self.d_model} is not a multiple of n_head {self.n_head}.")

    @classmethod
    def from_dict(cls, settings):
        """Return the configuration of a mapping; an unknown key raises ValueError."""
        unknown = set(settings) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"unknown setting {sorted(unknown)} of TST; known are {[f.name for f in fields(cls)]}.")
        return cls(**settings)


PAPER = TSTConfig()
# What the author's notebook runs on WWT, which the paper's list of settings does not describe (PAPER.md); d_ff is not known.
AUTHOR_WWT = TSTConfig(n_features=3, d_model=256, n_layer=6, dropout=0.2, attention_dropout=0.2, context_length=550)


class Packing:
    """How the rows of a packed batch form series: groups of series of like length, longest first.

    Parameters
    ----------
    lengths
        int sequence (B,), non-increasing: rows of each series in the packed array.
    slack
        Largest share of padding within a group; only attention sees it, all other layers work on packed rows.
    """

    def __init__(self, lengths, slack=0.1, device="cpu"):
        lengths = [int(n) for n in lengths]
        if any(a < b for a, b in zip(lengths, lengths[1:], strict=False)):
            raise ValueError("a packed batch holds its series longest first.")
        self.n_rows = sum(lengths)
        position = torch.cat([torch.arange(n) for n in lengths])
        self.position = position.to(device)
        self.groups = []  # (first row, last row, B, T, index of rows or None where nothing is padded)
        start = row = 0
        while start < len(lengths):
            stop, n_rows, longest = start, 0, lengths[start]
            while stop < len(lengths) and (stop - start + 1) * longest * (1 - slack) <= n_rows + lengths[stop]:
                n_rows += lengths[stop]
                stop += 1
            self.groups.append(self._group(lengths[start:stop], row, device))
            start, row = stop, row + n_rows
        self.n_padded = sum(B * T for _, _, B, T, _ in self.groups)

    @staticmethod
    def _group(lengths, row, device):
        B, T, n_rows = len(lengths), lengths[0], sum(lengths)
        if n_rows == B * T:
            return row, row + n_rows, B, T, None
        mask = torch.arange(T) < torch.tensor(lengths)[:, None]
        return row, row + n_rows, B, T, mask.flatten().nonzero().flatten().to(device)


class SelfAttention(nn.Module):
    """Causal multi-head self-attention; padding, where there is any, stands to the right and so lies in the future."""

    def __init__(self, config):
        super().__init__()
        self.n_head = config.n_head
        self.dropout = config.attention_dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.out = nn.Linear(config.d_model, config.d_model)

    def forward(self, x, packing):
        """Attend within each series of a packed batch x (rows, d_model)."""
        qkv = self.qkv(x)
        groups = [self._attend_group(qkv, *group) for group in packing.groups]
        return self.out(groups[0] if len(groups) == 1 else torch.cat(groups))

    def _attend_group(self, qkv, first, last, B, T, rows):
        qkv = qkv[first:last]
        if rows is not None:
            qkv = qkv.new_zeros(B * T, qkv.shape[1]).index_copy(0, rows, qkv)
        q, k, v = qkv.view(B, T, 3, self.n_head, -1).permute(2, 0, 3, 1, 4)  # each (B, nh, T, hs)
        y = causal_attention(q, k, v, self.dropout if self.training else 0.0)
        y = y.transpose(1, 2).reshape(B * T, -1)  # (B * T, d_model)
        return y if rows is None else y.index_select(0, rows)

    def decode(self, x, cache, layer):
        """Attend from the newest step x (B, d_model) to all steps in the cache, itself included."""
        B, C = x.shape
        q, kv = self.qkv(x).view(B, 3, self.n_head, C // self.n_head).to(cache.dtype).split([1, 2], dim=1)
        keys, values = cache.append(layer, kv.transpose(0, 1).flatten(1, 2))
        with torch.autocast(x.device.type, enabled=False):
            y = newest_attention(q.reshape(B * self.n_head, 1, -1), keys, values)
        return self.out(y.view(B, C))


class Block(nn.Module):
    """One encoder layer, post-LayerNorm as in the paper: x = ln(x + f(x)) for attention, then for the feed-forward."""

    def __init__(self, config):
        super().__init__()
        self.attention = SelfAttention(config)
        self.ln_1 = nn.LayerNorm(config.d_model)
        self.ff_in = nn.Linear(config.d_model, config.d_ff)
        self.ff_out = nn.Linear(config.d_ff, config.d_model)
        self.ln_2 = nn.LayerNorm(config.d_model)
        self.drop = Dropout(config.dropout)

    def forward(self, x, packing):
        """Map rows (rows, d_model) to rows of the same shape."""
        x = self.ln_1(x + self.drop(self.attention(x, packing)))
        return self.feed_forward(x)

    def decode(self, x, cache, layer):
        """Map the newest step (B, d_model), with the earlier ones in the cache."""
        x = self.ln_1(x + self.attention.decode(x, cache, layer))
        return self.feed_forward(x)

    def feed_forward(self, x):
        """Second half of the block, row by row; dropout before relu is dropout after it, with one tensor less to store."""
        return self.ln_2(x + self.drop(self.ff_out(F.relu(self.drop(self.ff_in(x))))))


class TST(nn.Module):
    """The paper's model: from steps 1..t of a series to step t + 1."""

    def __init__(self, config=PAPER):
        super().__init__()
        self.config = config
        self.input = nn.Linear(config.n_features, config.d_model)
        self.drop = Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.output = nn.Linear(config.d_model, config.n_features)
        self.register_buffer("positions", sinusoids(config.context_length, config.d_model), persistent=False)

    def forward(self, x, packing):
        """Predict the next step of every row.

        Parameters
        ----------
        x
            float, shape (rows, n_features): the series of a batch one after another, longest first.
        packing
            `Packing` of their lengths, each <= context_length.

        Returns
        -------
        float, shape (rows, n_features): row t of a series holds the prediction of its row t + 1.
        """
        x = self.drop(self.input(x) + self.positions[packing.position])
        for block in self.blocks:
            x = block(x, packing)
        return ACTIVATIONS[self.config.activation](self.output(x).to(x.dtype))

    def prefill(self, x, cache):
        """Run the first steps x (B, T, n_features) through an empty cache; return the prediction (B, n_features)."""
        for t in range(x.shape[1]):
            prediction = self.decode(x[:, t], cache)
        return prediction

    def decode(self, x, cache):
        """Take one more step x (B, n_features) into the cache; return the prediction of the next (B, n_features)."""
        x = self.input(x) + self.positions[cache.length]
        for layer, block in enumerate(self.blocks):
            x = block.decode(x, cache, layer)
        cache.length += 1
        return ACTIVATIONS[self.config.activation](self.output(x).to(x.dtype))

    def save(self, folder):
        """Write model.safetensors and model.json to a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in self.state_dict().items()}, Path(folder) / "model.safetensors")
        (Path(folder) / "model.json").write_text(json.dumps(asdict(self.config), indent=1))

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote, in evaluation mode."""
        model = cls(TSTConfig.from_dict(json.loads((Path(folder) / "model.json").read_text())))
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
        return model.eval()


class KVCache:
    """Keys and values of all steps so far, preallocated: (n_layer, 2, B * n_head, max_steps, head size)."""

    def __init__(self, config, batch_size, max_steps, dtype=torch.float32, device="cpu"):
        self.n_head, self.dtype, self.length = config.n_head, dtype, 0
        size = config.n_layer, 2, batch_size * config.n_head, max_steps, config.d_model // config.n_head
        self.data = torch.empty(size, dtype=dtype, device=device)

    def append(self, layer, kv):
        """Write keys and values of one step, (2, B * n_head, hs); return all of the layer's, each (B * n_head, T, hs)."""
        self.data[layer, :, :, self.length] = kv
        return self.data[layer, :, :, : self.length + 1].unbind(0)

    def keep(self, series):
        """Forget all series but `series`, int64 (kept,); only the steps so far are copied."""
        heads = torch.arange(self.n_head, device=series.device)
        rows = (series[:, None] * self.n_head + heads).flatten()
        n_layer, two, _, max_steps, size = self.data.shape
        data = self.data.new_empty(n_layer, two, len(rows), max_steps, size)
        data[:, :, :, : self.length] = self.data[:, :, rows, : self.length]
        self.data = data


def training_flops(config, lengths):
    """Return the FLOPs of forward and backward over series of these lengths, nothing counted that is done in vain.

    Six a weight and row; for attention twelve d_model a layer and pair of steps, the pairs of the causal triangle alone.
    Normalisation, softmax, masks, padding and what the backward pass computes again are left out.
    """
    d, ff, C = config.d_model, config.d_ff, config.n_features
    weights = config.n_layer * (4 * d * d + 2 * d * ff) + 2 * C * d
    rows, pairs = float(sum(lengths)), sum(n * (n + 1) / 2 for n in map(float, lengths))
    return 6 * weights * rows + 12 * config.n_layer * d * pairs


def sinusoids(n_positions, d_model):
    """Return the sinusoidal positions of Vaswani et al. (2017, section 3.5), shape (n_positions, d_model)."""
    position = torch.arange(n_positions, dtype=torch.float64)[:, None]
    rate = torch.exp(torch.arange(0, d_model, 2, dtype=torch.float64) * (-math.log(10000.0) / d_model))
    table = torch.zeros(n_positions, d_model, dtype=torch.float64)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)[:, : d_model // 2]
    return table.to(torch.get_default_dtype())


def masked_mse(prediction, target, weight):
    """Return the paper's loss of a packed batch.

    Squared error averaged over the features of a step, the steps of a series, then the series of the batch.

    Parameters
    ----------
    prediction, target
        float, shape (rows, n_features).
    weight
        float, shape (rows,): 1 / (steps of the row's series * series in the batch).
    """
    return ((prediction - target).square().mean(1) * weight).sum()
