"""The causal transformer that both models stand on: attention, encoder block, stack of blocks, cache for decoding.

Post-LayerNorm encoder blocks as in the paper (arXiv 2506.07312) and in `torch.nn.TransformerEncoder`, with the same
weights (tested). A batch is packed: series stand one after another, without padding.
"""

import torch
from torch import nn
from torch.nn import functional as F

from tst.models.transformer.attention import (
    Dropout,
    alibi_slopes,
    causal_attention,
    newest_attention,
    parse_kind,
    rotate,
    sinusoids,
)
from tst.models.transformer.config import BackboneConfig
from tst.models.transformer.packing import Packing


class SelfAttention(nn.Module):
    """Causal multi-head self-attention; padding, where there is any, stands to the right and so lies in the future."""

    def __init__(self, config):
        super().__init__()
        self.n_head, self.kind, self.rope = (
            config.n_head,
            config.attention,
            config.positions == "rope",
        )
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
            qk = rotate(
                qkv[:, :2].unsqueeze(-2), torch.tensor([cache.length], device=x.device)
            ).squeeze(-2)
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


class Backbone(nn.Module):
    """The blocks of a causal transformer, over embedded steps or tokens: dropout, positions, attention, feed-forward."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.drop = Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        n_positions = -(-config.context_length // config.patch)
        self.register_buffer("positions", sinusoids(n_positions, config.d_model), persistent=False)

    def forward(self, x: torch.Tensor, packing: Packing) -> torch.Tensor:
        """Map embedded rows (rows, d_model) of a packed batch to the last block's output, of that shape."""
        if self.config.positions == "sinusoidal":
            x = x + self.positional_encoding(packing.position)
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, packing)
        return x

    def decode(self, x: torch.Tensor, cache: "KVCache") -> torch.Tensor:
        """Take one more embedded token x (B, d_model) into the cache; return the last block's output (B, d_model)."""
        if self.config.positions == "sinusoidal":
            x = x + self.positional_encoding(cache.length)
        for layer, block in enumerate(self.blocks):
            x = block.decode(x, cache, layer)
        cache.length += 1
        return x

    def positional_encoding(self, position: torch.Tensor | int) -> torch.Tensor:
        """Return the sinusoidal code of positions (n,), or of one; beyond the window the same formula goes on."""
        last = int(position.max() if torch.is_tensor(position) else position)
        if last >= len(self.positions):
            self.positions = sinusoids(2 * last, self.config.d_model).to(self.positions)
        return self.positions[position]


class KVCache:
    """Keys and values of all steps so far, preallocated: (n_layer, 2, B * n_head, max_steps, head size)."""

    def __init__(self, config, batch_size, max_steps, dtype=torch.float32, device="cpu"):
        self.n_head, self.dtype, self.length = config.n_head, dtype, 0
        size = (
            config.n_layer,
            2,
            batch_size * config.n_head,
            max_steps,
            config.d_model // config.n_head,
        )
        self.data = torch.empty(size, dtype=dtype, device=device)
        n_measured = (
            max_steps if parse_kind(config.attention)[0] == "probsparse" else 0
        )  # how peaked each query was
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
