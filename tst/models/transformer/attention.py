"""Causal self-attention, full, in a sliding window or ProbSparse: objects with one contract.

All compute exact causal attention over whole series in training (`attend`), and over a cache of
keys and values, one step at a time, in generation (`attend_newest`); torch's fused kernels serve
where they can. ProbSparse has a file of its own, `tst.models.transformer.probsparse`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional as F

from tst.models.transformer import cpu_attention, newest
from tst.models.transformer.config import BackboneConfig
from tst.models.transformer.positions import at_least_float32, with_step_channel
from tst.models.transformer.probsparse import ProbSparse
from tst.series import ceil_div

WIDE_HEAD = 64  # from this size on a product with one query is faster as many short dot products


class CausalAttention(Protocol):
    """Which of the steps so far each step attends to."""

    def attend(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        dropout: float = 0.0,
        alibi: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend from every step to itself and steps before it.

        Parameters
        ----------
        q, k, v
            float, each (B, n_head, T, head size). Padding, where there is any, stands to the right
            and so lies in the future.
        dropout
            Share of the attention weights that are dropped.
        alibi
            float, (n_head,): `positions.alibi_slopes`, or None.

        Returns
        -------
        float, (B, n_head, T, head size).
        """

    def attend_newest(
        self,
        q: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        alibi: torch.Tensor | None = None,
        measures: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend from the newest step to the steps so far: the last row of `attend`.

        Parameters
        ----------
        q
            float, (N, 1, head size); N = B * n_head, heads of a series side by side.
        keys, values
            float, each (N, T, head size), from a cache; the last is the newest step's.
        alibi
            As in `attend`.
        measures
            float, (N, T): what `new_measures` made, up to the newest step; its last column is
            written here.

        Returns
        -------
        float, (N, head size).
        """

    def new_measures(
        self, n_layer: int, n_rows: int, max_steps: int, dtype: torch.dtype, device: torch.device
    ) -> torch.Tensor | None:
        """Return what a cache keeps of each query, (n_layer, n_rows, max_steps), or None."""


@dataclass(frozen=True)
class Full:
    """Each step attends to itself and all steps before it."""

    def attend(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        dropout: float = 0.0,
        alibi: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend from every step; see `CausalAttention.attend`."""
        if alibi is not None:
            return _attend_biased(self.attend, q, k, v, dropout, alibi)
        if dropout > 0 and not q.is_cuda:
            return cpu_attention.attend(q, k, v, dropout, window=q.shape[2])
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)

    def attend_newest(
        self,
        q: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        alibi: torch.Tensor | None = None,
        measures: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend from the newest step; see `CausalAttention.attend_newest`.

        By compiled code where it takes them. Else the products stand in the order that is fastest
        at the head's size; torch's fused kernel is made for many queries.
        """
        if newest.takes(q, keys, values):
            return newest.attend(q, keys, values, alibi)
        scaled = q * q.shape[-1] ** -0.5
        if q.shape[-1] < WIDE_HEAD:
            scores = torch.bmm(scaled, keys.transpose(1, 2))  # (N, 1, T)
        else:
            scores = torch.bmm(keys, scaled.transpose(1, 2)).transpose(1, 2)
        if alibi is not None:
            n_series = len(q) // len(alibi)
            distance = torch.arange(keys.shape[1] - 1, -1, -1, device=keys.device)
            scores = scores - alibi.repeat(n_series)[:, None, None] * distance
        return torch.bmm(torch.softmax(scores, -1), values).squeeze(1)

    def new_measures(
        self, n_layer: int, n_rows: int, max_steps: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        """Return None: a cache keeps nothing of the queries."""


@dataclass(frozen=True)
class SlidingWindow:
    """Each step attends to itself and the `window` - 1 steps before it.

    Beltagy et al., arXiv 2004.05150, section 3.1. Time and memory grow in proportion to T.
    """

    window: int

    def attend(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        dropout: float = 0.0,
        alibi: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend from every step; see `CausalAttention.attend`."""
        if self.window >= q.shape[2]:
            return Full().attend(q, k, v, dropout, alibi)
        if alibi is not None:
            return _attend_biased(self.attend, q, k, v, dropout, alibi)
        if dropout > 0 and not q.is_cuda:
            return cpu_attention.attend(q, k, v, dropout, self.window)
        return self._attend_blocks(q, k, v, dropout)

    def _attend_blocks(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, dropout: float
    ) -> torch.Tensor:
        """Attend in blocks of `window` queries, each to its own keys and the block's before it."""
        B, n_head, T, size = q.shape
        W = self.window
        n_blocks = ceil_div(T, W)
        n_missing = n_blocks * W - T
        q, k, v = (
            F.pad(x, (0, 0, 0, n_missing)).reshape(B * n_head, n_blocks * W, size)
            for x in (q, k, v)
        )
        queries = q[:, W:].view(-1, n_blocks - 1, W, size)
        # Views, each (B * n_head, n_blocks - 1, 2 W, size).
        keys = k.unfold(1, 2 * W, W).transpose(2, 3)
        values = v.unfold(1, 2 * W, W).transpose(2, 3)
        query = torch.arange(W, device=q.device)[:, None]
        key = torch.arange(2 * W, device=q.device)
        distance = W + query - key
        is_seen = (distance >= 0) & (distance < W)
        first = slice(0, W)
        y_first = F.scaled_dot_product_attention(
            q[:, None, first],
            k[:, None, first],
            v[:, None, first],
            is_causal=True,
            dropout_p=dropout,
        )
        y_others = F.scaled_dot_product_attention(
            queries, keys, values, attn_mask=is_seen, dropout_p=dropout
        )
        return torch.cat([y_first, y_others], 1).view(B, n_head, n_blocks * W, size)[:, :, :T]

    def attend_newest(
        self,
        q: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        alibi: torch.Tensor | None = None,
        measures: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend from the newest step; see `CausalAttention.attend_newest`."""
        recent = slice(-self.window, None)
        return Full().attend_newest(q, keys[:, recent], values[:, recent], alibi)

    def new_measures(
        self, n_layer: int, n_rows: int, max_steps: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        """Return None: a cache keeps nothing of the queries."""


def make_attention(config: BackboneConfig) -> CausalAttention:
    """Return the attention that a configuration asks for."""
    if config.attention == "sliding":
        return SlidingWindow(config.window)
    if config.attention == "probsparse":
        return ProbSparse(config.factor)
    return Full()


def _attend_biased(
    attend: Callable[..., torch.Tensor],
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    dropout: float,
    alibi: torch.Tensor,
) -> torch.Tensor:
    """Run `attend` with linear biases (ALiBi), in float32 under autocast too."""
    size = q.shape[3]
    with torch.autocast(q.device.type, enabled=False):
        q, k, v = with_step_channel(
            at_least_float32(q), at_least_float32(k), at_least_float32(v), alibi
        )
        return attend(q, k, v, dropout)[..., :size]
