"""Causal attention and dropout: torch's fused kernels where they serve, and ours where on a CPU they do not.

Two gaps were found with the profiler on CPUs: torch draws dropout masks with one sequential call a number, which took
a tenth of a training step, and its fused attention refuses dropout and falls back to materialised T x T matrices,
a third of a step. Masks drawn 16 bits a number, and attention in blocks that stay in the processor's cache, remove both.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

BLOCK_STEPS = 128  # queries a block; keys after a block's last query are never touched
BLOCK_SIZE = 1_500_000  # weights a block, about 6 MB


def keep_mask(shape, p, generator=None):
    """Return a random bool mask, False with probability p (to 1 / 65,536)."""
    size = math.prod(shape)
    bits = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    return bits.view(torch.int16)[:size].view(shape) >= round(p * 65536) - 32768


def keep_factor(p):
    """Return the factor that keeps the mean under `keep_mask`."""
    return 65536 / (65536 - round(p * 65536))


class Dropout(nn.Module):
    """Dropout, as `torch.nn.Dropout`; on a CPU four times as fast."""

    def __init__(self, p):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout is {p}; it must be at least 0 and below 1.")
        self.p = p

    def forward(self, x):
        """Map a float tensor of any shape to one of the same shape."""
        if not self.training or self.p == 0:
            return x
        return F.dropout(x, self.p) if x.is_cuda else x * keep_mask(x.shape, self.p) * keep_factor(self.p)


def causal_attention(q, k, v, dropout=0.0):
    """Let each step attend to itself and all before it.

    Parameters
    ----------
    q, k, v
        float, each (B, n_head, T, head size). Padding, where there is any, stands to the right and so lies in the future.
    dropout
        Share of the attention weights that are dropped.

    Returns
    -------
    float, (B, n_head, T, head size).
    """
    if dropout == 0 or q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)
    with torch.autocast("cpu", enabled=False):
        B, n_head, T, size = q.shape
        flat = (x.float() if x.dtype == torch.bfloat16 else x for x in (q * size**-0.5, k, v))
        y = _BlockAttention.apply(*(x.reshape(B * n_head, T, size) for x in flat), dropout)
        return y.view(B, n_head, T, size)


class _BlockAttention(torch.autograd.Function):
    """Causal attention with dropout, block by block; weights and masks are made again on the way back, not stored."""

    @staticmethod
    def forward(ctx, q, k, v, p):
        """Take q (scaled), k, v, each (N, T, head size); return the same shape."""
        ctx.save_for_backward(q, k, v)
        ctx.p, ctx.seed = p, int(torch.randint(2**62, ()))
        y = torch.empty_like(q)
        for rows, queries, keys, weights, mask in _blocks(q, k, p, ctx.seed):
            y[rows, queries] = torch.bmm(weights.mul_(mask), v[rows, keys])
        return y

    @staticmethod
    def backward(ctx, dy):
        """Return the gradients of q, k, v."""
        q, k, v = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for rows, queries, keys, weights, mask in _blocks(q, k, ctx.p, ctx.seed):
            d = dy[rows, queries]
            dv[rows, keys] += torch.bmm((weights * mask).transpose(1, 2), d)
            dw = torch.bmm(d, v[rows, keys].transpose(1, 2)).mul_(mask)
            ds = torch._softmax_backward_data(dw, weights, -1, weights.dtype)
            dq[rows, queries] = torch.bmm(ds, k[rows, keys])
            dk[rows, keys] += torch.bmm(ds.transpose(1, 2), q[rows, queries])
        return dq, dk, dv, None


def _blocks(q, k, p, seed):
    """Yield (rows, queries, keys, weights, mask) for blocks of series and heads, and of queries; the same every time."""
    generator = torch.Generator().manual_seed(seed)
    N, T, _ = q.shape
    n_blocks = -(-T // BLOCK_STEPS)
    edges = [T * i // n_blocks for i in range(n_blocks + 1)]
    future = torch.full((BLOCK_STEPS, BLOCK_STEPS), -torch.inf, dtype=q.dtype).triu_(1)
    n_rows = max(1, BLOCK_SIZE // (T * min(T, BLOCK_STEPS)))
    for row in range(0, N, n_rows):
        rows = slice(row, row + n_rows)
        for first, last in zip(edges, edges[1:], strict=False):
            queries, keys, n = slice(first, last), slice(0, last), last - first
            scores = torch.bmm(q[rows, queries], k[rows, keys].transpose(1, 2))
            scores[:, :, first:] += future[:n, :n]
            mask = keep_mask(scores.shape, p, generator).to(q.dtype).mul_(keep_factor(p))
            yield rows, queries, keys, torch.softmax(scores, -1), mask


def newest_attention(q, k, v):
    """Let the newest step attend to all steps so far: q (N, 1, size), k and v (N, T, size) -> (N, size).

    The products stand in the order that reads the cache at the rate of the memory: on 2 cores 1.4 times as fast as the
    fused kernel, which is made for many queries.
    """
    scores = torch.bmm(k, (q * q.shape[-1] ** -0.5).transpose(1, 2)).transpose(1, 2)
    return torch.bmm(torch.softmax(scores, -1), v).squeeze(1)
