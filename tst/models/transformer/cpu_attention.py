"""Causal attention with dropout of its weights, for training on a CPU.

torch's fused attention refuses dropout on a CPU and falls back to T x T matrices in memory, a third
of a training step by the profiler; here attention goes in blocks that stay in the processor's
cache. Only what `fused` does not take comes here: machines without a compiler, rotary positions and
linear biases, head sizes that are no whole vectors.
The backward pass uses torch's private `_softmax_backward_data`.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch

from tst.models.transformer.dropout import keep_factor, keep_mask
from tst.models.transformer.positions import at_least_float32
from tst.series import ceil_div

BLOCK_STEPS = 128  # queries a block; keys after a block's last query are never touched
BLOCK_SIZE = 1_500_000  # weights a block: 6 MB of float32, which a second-level cache holds

# Series and heads, queries, keys, weights, and the mask that drops some of these.
Block = tuple[slice, slice, slice, torch.Tensor, torch.Tensor]


def attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, dropout: float, window: int
) -> torch.Tensor:
    """Let each step attend to itself and the `window` - 1 steps before it.

    Parameters
    ----------
    q, k, v
        float, each (B, n_head, T, head size).
    dropout
        Share of the attention weights that are dropped, above 0.
    window
        At most T.

    Returns
    -------
    float, (B, n_head, T, head size); float32 where q is bfloat16.
    """
    B, n_head, T, size = q.shape
    with torch.autocast("cpu", enabled=False):
        flat = [
            at_least_float32(x).reshape(B * n_head, T, size)  # (B * n_head, T, head size)
            for x in (q * size**-0.5, k, v)
        ]
        y = _BlockAttention.apply(*flat, dropout, window)
        return y.view(B, n_head, T, size)


class _BlockAttention(torch.autograd.Function):
    """Attention block by block; weights and masks are computed again on the way back, not kept."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, p: float, window: int
    ) -> torch.Tensor:
        """Return attention of q (scaled), k and v, each (N, T, head size), in that shape."""
        ctx.save_for_backward(q, k, v)
        ctx.blocks = (p, window, int(torch.randint(2**62, ())))
        y = torch.empty_like(q)
        for rows, queries, keys, weights, mask in _blocks(q, k, *ctx.blocks):
            y[rows, queries] = torch.bmm(weights.mul_(mask), v[rows, keys])
        return y

    @staticmethod
    def backward(
        ctx: Any, dy: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None, None]:
        """Return the gradients of q, k and v."""
        q, k, v = ctx.saved_tensors
        dq = torch.empty_like(q)
        dk = torch.zeros_like(k)
        dv = torch.zeros_like(v)
        for rows, queries, keys, weights, mask in _blocks(q, k, *ctx.blocks):
            d_block = dy[rows, queries]
            dv[rows, keys] += torch.bmm((weights * mask).transpose(1, 2), d_block)
            d_weights = torch.bmm(d_block, v[rows, keys].transpose(1, 2)).mul_(mask)
            d_scores = torch._softmax_backward_data(d_weights, weights, -1, weights.dtype)
            dq[rows, queries] = torch.bmm(d_scores, k[rows, keys])
            dk[rows, keys] += torch.bmm(d_scores.transpose(1, 2), q[rows, queries])
        return dq, dk, dv, None, None


def _blocks(q: torch.Tensor, k: torch.Tensor, p: float, window: int, seed: int) -> Iterator[Block]:
    """Yield the blocks of series and heads, and of queries; of one seed always the same."""
    generator = torch.Generator().manual_seed(seed)
    N, T, _ = q.shape
    n_blocks = ceil_div(T, BLOCK_STEPS)
    edges = [T * i // n_blocks for i in range(n_blocks + 1)]
    future = torch.full((BLOCK_STEPS, BLOCK_STEPS), -torch.inf, dtype=q.dtype).triu_(1)
    n_rows = max(1, BLOCK_SIZE // (min(T, window + BLOCK_STEPS) * min(T, BLOCK_STEPS)))
    for row in range(0, N, n_rows):
        rows = slice(row, row + n_rows)
        for first, last in pairwise(edges):
            n_queries = last - first
            start = max(0, first - window + 1)
            queries = slice(first, last)
            keys = slice(start, last)
            # (rows, n_queries, last - start)
            scores = torch.bmm(q[rows, queries], k[rows, keys].transpose(1, 2))
            scores[:, :, first - start :] += future[:n_queries, :n_queries]
            if window < T:
                # Column of the oldest key that the block's first query sees; below 0: no such key.
                oldest = first - window + 1 - start
                too_old = torch.ones(n_queries, n_queries, dtype=torch.bool).tril_(oldest - 1)
                scores[:, :, :n_queries].masked_fill_(too_old, -torch.inf)
            mask = keep_mask(scores.shape, p, generator).to(q.dtype).mul_(keep_factor(p))
            yield rows, queries, keys, torch.softmax(scores, -1), mask
