"""TST, the GPT-like transformer of arXiv 2506.07312: causal self-attention over the steps of a real-valued series.

Linear input, sinusoidal positions, post-LayerNorm encoder blocks under a causal mask, linear output and sigmoid or
tanh. Same equations and weights as `torch.nn.TransformerEncoder` (tested), two departures in how, not what:
a batch is *packed* (series one after another, no padding) instead of padded to the window, and generation keeps keys
and values in a cache. Our names for the paper's: d_model, n_head, n_layer, d_ff; window = context_length.

Beyond the paper, the same class with a `Layout` (`tst.heads`): a learned start token, attributes generated first, a chain
of exact likelihoods, a hazard in place of flags, patches of S steps a token, other attentions and positions.
"""

from dataclasses import asdict, dataclass, fields

import torch
from torch import nn
from torch.nn import functional as F

from tst import weights
from tst.attention import Dropout, alibi_slopes, causal_attention, newest_attention, parse_kind, rotate, sinusoids
from tst.heads import HEADS, ChainHead, Layout, encode
from tst.reading import record

ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
POSITIONS = ("sinusoidal", "rope", "alibi")


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
    context_length: int = 400  # steps
    head: str = "sigmoid"  # sigmoid for data in [0, 1], tanh for data in [-1, 1]; mixture, quantised with a layout
    patch: int = 1  # steps a token
    attention: str = "full"  # full, sliding:WINDOW or probsparse:FACTOR (tst.attention)
    positions: str = "sinusoidal"  # sinusoidal, rope or alibi

    def __post_init__(self):
        parse_kind(self.attention)
        for name, known in (("head", HEADS), ("positions", POSITIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is '{getattr(self, name)}'; use one of {', '.join(known)}.")
        for name in ("n_features", "d_model", "n_head", "n_layer", "d_ff", "context_length", "patch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least 1.")
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
# The author's notebook on WWT, which the paper's list of settings does not describe (PAPER.md); d_ff is not known.
AUTHOR_WWT = TSTConfig(n_features=3, d_model=256, n_layer=6, dropout=0.2, attention_dropout=0.2, context_length=550)


class SelfAttention(nn.Module):
    """Causal multi-head self-attention; padding, where there is any, stands to the right and so lies in the future."""

    def __init__(self, config):
        super().__init__()
        self.n_head, self.kind, self.rope = config.n_head, config.attention, config.positions == "rope"
        self.dropout = config.attention_dropout
        slopes = alibi_slopes(config.n_head) if config.positions == "alibi" else None
        self.register_buffer("alibi", slopes, persistent=False)
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
        if self.rope:
            position = torch.arange(T, device=q.device)
            q, k = rotate(q, position), rotate(k, position)
        y = causal_attention(q, k, v, self.dropout if self.training else 0.0, self.kind, self.alibi)
        y = y.transpose(1, 2).reshape(B * T, -1)  # (B * T, d_model)
        return y if rows is None else y.index_select(0, rows)

    def decode(self, x, cache, layer):
        """Attend from the newest step x (B, d_model) to all steps in the cache, itself included."""
        B, C = x.shape
        qkv = self.qkv(x).view(B, 3, self.n_head, C // self.n_head).to(cache.dtype)
        if self.rope:
            qk = rotate(qkv[:, :2].unsqueeze(-2), torch.tensor([cache.length], device=x.device)).squeeze(-2)
            qkv = torch.cat([qk, qkv[:, 2:]], dim=1)
        q, kv = qkv.split([1, 2], dim=1)
        keys, values = cache.append(layer, kv.transpose(0, 1).flatten(1, 2))
        with torch.autocast(x.device.type, enabled=False):
            cached = keys, values, self.kind, self.alibi, cache.measured_so_far(layer)
            y = newest_attention(q.reshape(B * self.n_head, 1, -1), *cached)
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
    """The paper's model: from steps 1..t of a series to step t + 1; with a layout, the generator that needs no real step."""

    def __init__(self, config=PAPER, layout=None):
        super().__init__()
        self.config, self.layout = config, layout
        if layout is None and config.head not in ACTIVATIONS:
            raise ValueError(f"head '{config.head}' needs a layout: it says which numbers a step consists of.")
        self.input = nn.Linear(config.n_features if layout is None else self._n_recent(), config.d_model)
        self.drop = Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        n_positions = -(-config.context_length // config.patch)
        self.register_buffer("positions", sinusoids(n_positions, config.d_model), persistent=False)
        if layout is None:
            self.output = nn.Linear(config.d_model, config.n_features)
        else:
            self._add_heads()

    def _n_recent(self):
        return self.config.patch * sum(d.width for d in self.layout.step)

    def _add_heads(self):
        config, layout, S = self.config, self.layout, self.config.patch
        self.start = nn.Parameter(torch.randn(config.d_model) * 0.02)
        args = layout.step * S, config.d_model, self._n_recent(), config.head, layout.edges * S, len(layout.step)
        self.head = ChainHead(*args)
        n_conditions = sum(d.width for d in layout.attributes)
        if n_conditions:
            self.conditions = nn.Linear(n_conditions, config.d_model, bias=False)
            kind, D = ("mixture" if config.head in ACTIVATIONS else config.head), len(layout.attributes)
            self.attribute_head = ChainHead(layout.attributes, 1, 0, kind, layout.attribute_edges, D)

    def forward(self, x, packing):
        """Predict the next step of every row.

        Parameters
        ----------
        x
            float, shape (rows, n_features): the series of a batch one after another, longest first. With a layout: a batch
            of `tst.records`, and the result is that of `log_prob`.
        packing
            `Packing` of their lengths, each <= context_length.

        Returns
        -------
        float, shape (rows, n_features): row t of a series holds the prediction of its row t + 1."""
        if self.layout is not None:
            return self.log_prob(x, packing)
        return self._point(self._hidden(self.input(x), packing))

    def _point(self, h):
        return ACTIVATIONS[self.config.head](self.output(h).to(h.dtype))

    def _hidden(self, x, packing):
        """Map embedded rows (rows, d_model) to the last block's output."""
        if self.config.positions == "sinusoidal":
            x = x + self.place(packing.position)
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, packing)
        return x

    def place(self, position):
        """Return the sinusoidal code of positions (n,) or of one; beyond the window the same formula goes on."""
        last = int(position.max() if torch.is_tensor(position) else position)
        if last >= len(self.positions):
            self.positions = sinusoids(2 * last, self.config.d_model).to(self.positions)
        return self.positions[position]

    def embed(self, recent, is_start, conditions):
        """Return token embeddings (rows, d_model) of the encoded token before each (rows, n_recent), or of the start."""
        x = torch.where(is_start[:, None], self.start.to(recent.dtype), self.input(recent).to(recent.dtype))
        return x + self.conditions(conditions) if self.layout.attributes else x

    def log_prob(self, batch, packing):
        """Return log p of every number of every token, (rows, patch * D), and of every attribute, (B, n_attributes)."""
        attributes = batch.attributes
        conditions = encode(self.layout.attributes, attributes.value, attributes.repeat)
        h = self._hidden(self.embed(batch.recent, batch.is_start, conditions[batch.series]), packing)
        found = self.head.log_prob(h.to(batch.recent.dtype), batch.recent, batch.target)
        if self.layout.attributes:
            ones = attributes.value.new_ones(len(attributes.value), 1)
            return found, self.attribute_head.log_prob(ones, ones[:, :0], attributes)
        return found, attributes.value

    def prefill(self, x, cache):
        """Run the first steps x (B, T, n_features) through an empty cache; return the prediction (B, n_features)."""
        for t in range(x.shape[1]):
            prediction = self.decode(x[:, t], cache)
        return prediction

    def decode(self, x, cache):
        """Take one more step x (B, n_features) into the cache; return the prediction of the next, of that shape."""
        return self._point(self.advance(self.input(x), cache))

    def advance(self, x, cache):
        """Take one more embedded token x (B, d_model) into the cache; return the last block's output (B, d_model)."""
        if self.config.positions == "sinusoidal":
            x = x + self.place(cache.length)
        for layer, block in enumerate(self.blocks):
            x = block.decode(x, cache, layer)
        cache.length += 1
        return x

    def save(self, folder):
        """Write model.json and model.safetensors to a folder, the weights last and by rename."""
        weights.save(folder, self.settings(), self.state_dict())

    def settings(self):
        """Return what `plan` builds the model from, as JSON holds it."""
        return asdict(self.config) | {"layout": None if self.layout is None else self.layout.to_dict()}

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote, in evaluation mode; raises DataError where it is missing, damaged or another's."""
        return weights.load(folder, cls.plan)

    @classmethod
    def plan(cls, facts, held):
        """Return a function that builds the model of model.json; `held` says what the weights can hold."""
        layout = facts.pop("layout", None)
        config, layout = record(TSTConfig, facts), None if layout is None else Layout.from_dict(layout)
        held.check("n_layer", 12 * config.n_layer, len(held.shapes))  # a block has 12 tensors
        if layout:
            held.check("the layout", layout.n_weights(config.patch), held.n_numbers)
        return lambda: cls(config, layout)


class KVCache:
    """Keys and values of all steps so far, preallocated: (n_layer, 2, B * n_head, max_steps, head size)."""

    def __init__(self, config, batch_size, max_steps, dtype=torch.float32, device="cpu"):
        self.n_head, self.dtype, self.length = config.n_head, dtype, 0
        size = config.n_layer, 2, batch_size * config.n_head, max_steps, config.d_model // config.n_head
        self.data = torch.empty(size, dtype=dtype, device=device)
        n_measured = max_steps if parse_kind(config.attention)[0] == "probsparse" else 0  # how peaked each query was
        self.measured = torch.empty(size[0], size[2], n_measured, dtype=dtype, device=device)

    def measured_so_far(self, layer):
        """Return ProbSparse's measures of a layer's queries, (B * n_head, T), the last still to be written, or None."""
        return self.measured[layer, :, : self.length + 1] if self.measured.shape[2] else None

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
        self.data, self.measured = data, self.measured[:, rows]


def training_flops(config, lengths):
    """Return the FLOPs of forward and backward over series of these lengths, nothing counted that is done in vain.

    Six a weight and row; twelve d_model a layer and pair of the causal triangle; norms, softmax and masks are left out.
    """
    d, ff, C = config.d_model, config.d_ff, config.n_features
    weights = config.n_layer * (4 * d * d + 2 * d * ff) + 2 * C * d
    rows, pairs = float(sum(lengths)), sum(n * (n + 1) / 2 for n in map(float, lengths))
    return 6 * weights * rows + 12 * config.n_layer * d * pairs


def masked_mse(prediction, target, weight):
    """Return the paper's loss of a packed batch.

    Squared error averaged over the features of a step, the steps of a series, the series of the batch: `weight` (rows,)
    is 1 / (steps of the row's series * series in the batch).
    """
    return ((prediction - target).square().mean(1) * weight).sum()
