"""TST, the GPT-like transformer of arXiv 2506.07312: causal self-attention over the steps of a real-valued series.

Linear input, sinusoidal positions, post-LayerNorm encoder blocks under a causal mask, linear output and sigmoid or
tanh. Same equations and weights as `torch.nn.TransformerEncoder` (tested), two departures in how, not what:
a batch is *packed* (series one after another, no padding) instead of padded to the window, and generation keeps keys
and values in a cache. Our names for the paper's: d_model, n_head, n_layer, d_ff; window = context_length.

Beyond the paper, the same class with a `Layout` (`tst.models.transformer.heads`): a learned start token, attributes generated first, a chain
of exact likelihoods, a hazard in place of flags, patches of S steps a token, other attentions and positions.
"""

from dataclasses import asdict

import torch
from torch import nn

from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.scaling import ACTIVATIONS
from tst.models.transformer.attention import Dropout, sinusoids
from tst.models.transformer.backbone import Block
from tst.models.transformer.config import PAPER, TSTConfig
from tst.models.transformer.heads import ChainHead, TokenSpec, encode


class TST(nn.Module):
    """The paper's model: from steps 1..t of a series to step t + 1; with a layout, the generator that needs no real step."""

    def __init__(self, config=PAPER, layout=None):
        super().__init__()
        self.config, self.layout = config, layout
        if layout is None and config.head not in ACTIVATIONS:
            raise ValueError(
                f"head '{config.head}' needs a layout: it says which numbers a step consists of."
            )
        self.input = nn.Linear(
            config.n_features if layout is None else self._n_recent(), config.d_model
        )
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
        args = (
            layout.step * S,
            config.d_model,
            self._n_recent(),
            config.head,
            layout.edges * S,
            len(layout.step),
        )
        self.head = ChainHead(*args)
        n_conditions = sum(d.width for d in layout.attributes)
        if n_conditions:
            self.conditions = nn.Linear(n_conditions, config.d_model, bias=False)
            kind, D = (
                ("mixture" if config.head in ACTIVATIONS else config.head),
                len(layout.attributes),
            )
            self.attribute_head = ChainHead(
                layout.attributes, 1, 0, kind, layout.attribute_edges, D
            )

    def forward(self, x, packing):
        """Predict the next step of every row.

        Parameters
        ----------
        x
            float, shape (rows, n_features): the series of a batch one after another, longest first. With a layout: a batch
            of `tst.models.transformer.encoding`, and the result is that of `log_prob`.
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
        x = torch.where(
            is_start[:, None], self.start.to(recent.dtype), self.input(recent).to(recent.dtype)
        )
        return x + self.conditions(conditions) if self.layout.attributes else x

    def log_prob(self, batch, packing):
        """Return log p of every number of every token, (rows, patch * D), and of every attribute, (B, n_attributes)."""
        attributes = batch.attributes
        conditions = encode(self.layout.attributes, attributes.value, attributes.repeat)
        h = self._hidden(
            self.embed(batch.recent, batch.is_start, conditions[batch.series]), packing
        )
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
        return asdict(self.config) | {
            "layout": None if self.layout is None else self.layout.to_dict()
        }

    @classmethod
    def load(cls, folder):
        """Read what `save` wrote, in evaluation mode; raises DataError where it is missing, damaged or another's."""
        return weights.load(folder, cls.plan)

    @classmethod
    def plan(cls, facts, held):
        """Return a function that builds the model of model.json; `held` says what the weights can hold."""
        layout = facts.pop("layout", None)
        config, layout = (
            from_mapping(TSTConfig, facts),
            None if layout is None else TokenSpec.from_dict(layout),
        )
        held.check("n_layer", 12 * config.n_layer, len(held.shapes))  # a block has 12 tensors
        if layout:
            held.check("the layout", layout.n_weights(config.patch), held.n_numbers)
        return lambda: cls(config, layout)
