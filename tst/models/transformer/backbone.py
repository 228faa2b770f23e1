"""The causal transformer of both models: attention, encoder block, stack of blocks, cache.

Post-LayerNorm encoder blocks as in the paper (arXiv 2506.07312) and in
`torch.nn.TransformerEncoder`, with the same weights (tested). A batch is packed: series stand one
after another, without padding.
"""

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from tst.models.transformer import fused, newest
from tst.models.transformer.attention import make_attention
from tst.models.transformer.config import MAX_STEPS, BackboneConfig
from tst.models.transformer.dropout import Dropout
from tst.models.transformer.packing import Group, Packing
from tst.models.transformer.positions import alibi_slopes, rotate, sinusoids
from tst.series import ceil_div

CACHE_BYTES = 2**30  # of keys and values; series that need more are generated in parts
# Of the series generated together: so many must be over before the others' cache is copied.
DROPPED_SHARE = 1 / 8


class SelfAttention(nn.Module):
    """Causal multi-head self-attention."""

    alibi: torch.Tensor | None

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.attention = make_attention(config)
        self.has_rotary = config.positions == "rope"
        self.dropout = config.attention_dropout
        # Steps that a step attends to, where `fused.attend` knows how; None where it does not.
        self.window = None
        if config.attention != "probsparse" and config.positions == "sinusoidal":
            self.window = config.window or MAX_STEPS
        slopes = alibi_slopes(config.n_head) if config.positions == "alibi" else None
        self.register_buffer("alibi", slopes, persistent=False)
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.out = nn.Linear(config.d_model, config.d_model)

    def forward(self, x: torch.Tensor, packing: Packing) -> torch.Tensor:
        """Attend within each series of a packed batch x (rows, d_model)."""
        qkv = self.qkv(x)
        head_size = qkv.shape[1] // 3 // self.n_head
        if self.window is not None and fused.takes(qkv, head_size):
            dropout = self.dropout if self.training else 0.0
            return self.out(fused.attend(qkv, packing.lengths, self.n_head, self.window, dropout))
        groups = [self._attend_group(qkv, group) for group in packing.groups]
        if len(groups) == 1:
            return self.out(groups[0])
        return self.out(torch.cat(groups))

    def _attend_group(self, qkv: torch.Tensor, group: Group) -> torch.Tensor:
        """Return attention of a group's rows, (rows of the group, d_model)."""
        B = group.B
        T = group.T
        qkv = qkv[group.first_row : group.last_row]
        if group.rows is not None:
            qkv = qkv.new_zeros(B * T, qkv.shape[1]).index_copy(0, group.rows, qkv)
        q, k, v = qkv.view(B, T, 3, self.n_head, -1).permute(2, 0, 3, 1, 4)  # each (B, nh, T, hs)
        if self.has_rotary:
            position = torch.arange(T, device=q.device)
            q = rotate(q, position)
            k = rotate(k, position)
        dropout = self.dropout if self.training else 0.0
        y = self.attention.attend(q, k, v, dropout, self.alibi)
        y = y.transpose(1, 2).reshape(B * T, -1)  # (B * T, d_model)
        if group.rows is None:
            return y
        return y.index_select(0, group.rows)

    def decode(self, x: torch.Tensor, cache: "KVCache", layer: int) -> torch.Tensor:
        """Attend from the newest step x (B, d_model) to all in the cache, itself included."""
        B, C = x.shape
        qkv = self.qkv(x).view(B, 3, self.n_head, C // self.n_head).to(cache.dtype)
        if self.has_rotary:
            position = torch.tensor([cache.length], device=x.device)
            qk = rotate(qkv[:, :2].unsqueeze(-2), position).squeeze(-2)
            qkv = torch.cat([qk, qkv[:, 2:]], dim=1)
        q, kv = qkv.split([1, 2], dim=1)  # (B, 1, nh, hs) and (B, 2, nh, hs)
        q = q.reshape(B * self.n_head, 1, -1)  # (B * nh, 1, hs)
        kv = kv.transpose(0, 1).flatten(1, 2)  # (2, B * nh, hs)
        keys, values = cache.append(layer, kv)  # each (B * nh, T, hs)
        # Scores of a long cache are sums of many products: in the cache's type, not in bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            y = self.attention.attend_newest(q, keys, values, self.alibi, cache.measures_of(layer))
        return self.out(y.view(B, C))


class Block(nn.Module):
    """One encoder layer, post-LayerNorm as in the paper: attention, then feed-forward."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.ln_1 = nn.LayerNorm(config.d_model)
        self.ff_in = nn.Linear(config.d_model, config.d_ff)
        self.ff_out = nn.Linear(config.d_ff, config.d_model)
        self.ln_2 = nn.LayerNorm(config.d_model)
        self.drop = Dropout(config.dropout)

    def forward(self, x: torch.Tensor, packing: Packing) -> torch.Tensor:
        """Map rows (rows, d_model) to rows of the same shape."""
        x = self._add_norm(x, self.attention(x, packing), self.ln_1)
        return self.feed_forward(x)

    def decode(self, x: torch.Tensor, cache: "KVCache", layer: int) -> torch.Tensor:
        """Map the newest step (B, d_model), with the earlier ones in the cache."""
        x = self.ln_1(x + self.attention.decode(x, cache, layer))
        return self.feed_forward(x)

    def feed_forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the second half of the block, row by row.

        Dropout before relu is dropout after it, with one tensor less to store.
        """
        hidden = self.ff_in(x)
        if self.training and fused.takes(hidden):
            hidden = fused.relu_drop(hidden, self.drop.p)
        else:
            hidden = F.relu(self.drop(hidden))
        return self._add_norm(x, self.ff_out(hidden), self.ln_2)

    def _add_norm(self, x: torch.Tensor, a: torch.Tensor, norm: nn.LayerNorm) -> torch.Tensor:
        """Return the norm of the sum of x and what a sub-layer made of it, some of which drops."""
        if self.training and fused.takes(x) and fused.takes(a):
            return fused.add_norm(x, a, norm, self.drop.p)
        return norm(x + self.drop(a))


class Modulation:
    """What of a series' attributes scales and shifts the output of each block, for its every step.

    Feature-wise, as FiLM (Perez et al., 2018).

    Parameters
    ----------
    table
        float, (B, n_layer, 2, d_model): by how much more than 1 to multiply, and what to add.
    series
        int64, (rows,): which of the B each row is of; None: one row each, in order.
    """

    def __init__(self, table: torch.Tensor, series: torch.Tensor | None = None) -> None:
        self.table = table
        self.series = series

    def apply(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        """Return rows x (rows, d_model) behind a layer scaled and shifted."""
        table = self.table[:, layer]
        if self.series is not None:
            table = table.index_select(0, self.series)
        scale, shift = table.unbind(1)
        return torch.addcmul(x + shift, x, scale)


class Backbone(nn.Module):
    """The blocks of a causal transformer, over embedded steps or tokens."""

    positions: torch.Tensor

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.drop = Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        n_positions = ceil_div(config.context_length, config.patch)
        self.register_buffer("positions", sinusoids(n_positions, config.d_model), persistent=False)

    def forward(
        self, x: torch.Tensor, packing: Packing, modulation: Modulation | None = None
    ) -> torch.Tensor:
        """Map embedded rows (rows, d_model) of a packed batch to the last block's output.

        Parameters
        ----------
        modulation
            What scales and shifts the output of each block.
        """
        if self.config.positions == "sinusoidal":
            x = x + self.positional_encoding(packing.position)
        x = self.drop(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, packing)
            if modulation is not None:
                x = modulation.apply(x, layer)
        return x

    def decode(
        self, x: torch.Tensor, cache: "KVCache", modulation: Modulation | None = None
    ) -> torch.Tensor:
        """Take one more embedded token x (B, d_model) into the cache.

        Parameters
        ----------
        modulation
            As in `forward`, of one row a series.

        Returns
        -------
        float, (B, d_model): the last block's output.
        """
        if self.config.positions == "sinusoidal":
            x = x + self.positional_encoding(cache.length)
        if cache.length == 0 and x.dtype == cache.dtype:
            cache.stack = newest.stack_of(self, x.dtype, x.device)
        if cache.stack is not None:
            x = cache.stack.decode(x, cache, None if modulation is None else modulation.table)
        else:
            for layer, block in enumerate(self.blocks):
                x = cast(Block, block).decode(x, cache, layer)
                if modulation is not None:
                    x = modulation.apply(x, layer)
        cache.length += 1
        return x

    def positional_encoding(self, position: torch.Tensor | int) -> torch.Tensor:
        """Return the sinusoidal code of positions int64 (n,), or of one.

        Beyond the training window the same formula goes on.
        """
        last = int(torch.as_tensor(position).max())
        if last >= len(self.positions):
            self.positions = sinusoids(2 * last, self.config.d_model).to(self.positions)
        return self.positions[position]


def cache_bytes(config: BackboneConfig, n_tokens: int, dtype: torch.dtype = torch.float32) -> int:
    """Return the bytes of the keys and values of one series of so many tokens."""
    return 2 * config.n_layer * config.d_model * n_tokens * dtype.itemsize


class KVCache:
    """Keys and values of the steps so far, room for all of them allocated at once.

    Parameters
    ----------
    config
        The model's sizes.
    batch_size
        Series that are generated together.
    max_steps
        Tokens of the longest.
    """

    def __init__(
        self,
        config: BackboneConfig,
        batch_size: int,
        max_steps: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.n_head = config.n_head
        self.dtype = dtype
        self.length = 0  # steps so far
        self.stack: newest.Stack | None = None  # of the backbone that fills it, once it does
        n_rows = batch_size * config.n_head
        head_size = config.d_model // config.n_head
        self.data = torch.empty(
            (config.n_layer, 2, n_rows, max_steps, head_size), dtype=dtype, device=device
        )
        attention = make_attention(config)
        self.measures = attention.new_measures(
            config.n_layer, n_rows, max_steps, dtype, self.data.device
        )

    def measures_of(self, layer: int) -> torch.Tensor | None:
        """Return a layer's measures of queries up to the newest, (B * n_head, T), if it has any."""
        if self.measures is None:
            return None
        return self.measures[layer, :, : self.length + 1]

    def append(self, layer: int, kv: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Write keys and values of one step, (2, B * n_head, head size).

        Returns
        -------
        All keys and all values of the layer, each (B * n_head, T, head size).
        """
        self.data[layer, :, :, self.length] = kv
        keys, values = self.data[layer, :, :, : self.length + 1].unbind(0)
        return keys, values

    def keep(self, series: torch.Tensor) -> None:
        """Forget all series but `series`, int64 (n_kept,); only the steps so far are copied."""
        heads = torch.arange(self.n_head, device=series.device)
        rows = (series[:, None] * self.n_head + heads).flatten()
        n_layer, two, _, max_steps, head_size = self.data.shape
        data = self.data.new_empty(n_layer, two, len(rows), max_steps, head_size)
        data[:, :, :, : self.length] = self.data[:, :, rows, : self.length]
        self.data = data
        if self.measures is not None:
            self.measures = self.measures[:, rows]
