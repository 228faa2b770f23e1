"""Causal attention and dropout: torch's fused kernels where they serve, and ours where on a CPU they do not.

The one door to every kind of attention (long series: `tst.models.transformer.attention_long`) and to positions that live in attention:
rotary (RoPE, Su et al., arXiv 2104.09864) and linear biases (ALiBi, Press et al., ICLR 2022).
Two gaps were found with the profiler on CPUs: torch draws dropout masks with one sequential call a number, which took
a tenth of a training step, and its fused attention refuses dropout and falls back to materialised T x T matrices,
a third of a step. Masks drawn 16 bits a number, and attention in blocks that stay in the processor's cache, remove both.
"""

import math
import re
from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

from tst.models.transformer import attention_long

BLOCK_STEPS = 128  # queries a block; keys after a block's last query are never touched
BLOCK_SIZE = 1_500_000  # weights a block, about 6 MB


def keep_mask(shape, p, generator=None):
    """Return a random bool mask, False with probability p (to 1 / 65,536)."""
    size = math.prod(shape)
    bits = torch.empty(-(-size // 4), dtype=torch.int64).random_(
        -(2**63), None, generator=generator
    )
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
        return (
            F.dropout(x, self.p)
            if x.is_cuda
            else x * keep_mask(x.shape, self.p) * keep_factor(self.p)
        )


@cache
def parse_kind(text):
    """Return (name, number) of "full" (number None), "sliding:W" or "probsparse:C"; ValueError for anything else."""
    found = re.fullmatch(r"(full)|(sliding|probsparse):([1-9]\d*)", str(text))
    if not found:
        raise ValueError(
            f"attention is '{text}'; use full, sliding:W or probsparse:C with a whole number above 0."
        )
    return ("full", None) if found[1] else (found[2], int(found[3]))


def causal_attention(q, k, v, dropout=0.0, kind="full", alibi=None):
    """Let each step attend to itself and steps before it.

    Parameters
    ----------
    q, k, v
        float, each (B, n_head, T, head size). Padding, where there is any, stands to the right and so lies in the future.
    dropout
        Share of the attention weights that are dropped.
    kind
        full: all steps before; sliding:W: the W - 1 before; probsparse:C: all before, for the most peaked queries only.
    alibi
        float, (n_head,): `alibi_slopes`, or None. Not with probsparse, whose choice a bias would decide.

    Returns
    -------
    float, (B, n_head, T, head size).
    """
    name, number = parse_kind(kind)
    if alibi is not None:
        _check_alibi(name)
        with torch.autocast(q.device.type, enabled=False):
            size = q.shape[3]
            return causal_attention(
                *_with_steps(_plain(q), _plain(k), _plain(v), alibi), dropout, kind
            )[..., :size]
    if name == "probsparse":
        return attention_long.probsparse(q, k, v, number, dropout)
    B, n_head, T, size = q.shape
    window = min(T, number or T)
    if dropout > 0 and not q.is_cuda:
        with torch.autocast("cpu", enabled=False):
            flat = (_plain(x) for x in (q * size**-0.5, k, v))
            y = _BlockAttention.apply(
                *(x.reshape(B * n_head, T, size) for x in flat), dropout, window
            )
            return y.view(B, n_head, T, size)
    if window < T:
        return attention_long.sliding(q, k, v, window, dropout)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=dropout)


def _plain(x):
    return x.float() if x.dtype == torch.bfloat16 else x


class _BlockAttention(torch.autograd.Function):
    """Causal attention with dropout, block by block; weights and masks are made again on the way back, not stored."""

    @staticmethod
    def forward(ctx, q, k, v, p, window):
        """Take q (scaled), k, v, each (N, T, head size); return the same shape. A step sees `window` steps, its own last."""
        ctx.save_for_backward(q, k, v)
        ctx.blocks = p, window, int(torch.randint(2**62, ()))
        y = torch.empty_like(q)
        for rows, queries, keys, weights, mask in _blocks(q, k, *ctx.blocks):
            y[rows, queries] = torch.bmm(weights.mul_(mask), v[rows, keys])
        return y

    @staticmethod
    def backward(ctx, dy):
        """Return the gradients of q, k, v."""
        q, k, v = ctx.saved_tensors
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for rows, queries, keys, weights, mask in _blocks(q, k, *ctx.blocks):
            d = dy[rows, queries]
            dv[rows, keys] += torch.bmm((weights * mask).transpose(1, 2), d)
            dw = torch.bmm(d, v[rows, keys].transpose(1, 2)).mul_(mask)
            ds = torch._softmax_backward_data(dw, weights, -1, weights.dtype)
            dq[rows, queries] = torch.bmm(ds, k[rows, keys])
            dk[rows, keys] += torch.bmm(ds.transpose(1, 2), q[rows, queries])
        return dq, dk, dv, None, None


def _blocks(q, k, p, window, seed):
    """Yield (rows, queries, keys, weights, mask) for blocks of series and heads, and of queries; the same every time."""
    generator = torch.Generator().manual_seed(seed)
    N, T, _ = q.shape
    n_blocks = -(-T // BLOCK_STEPS)
    edges = [T * i // n_blocks for i in range(n_blocks + 1)]
    future = torch.full((BLOCK_STEPS, BLOCK_STEPS), -torch.inf, dtype=q.dtype).triu_(1)
    n_rows = max(1, BLOCK_SIZE // (min(T, window + BLOCK_STEPS) * min(T, BLOCK_STEPS)))
    for row in range(0, N, n_rows):
        rows = slice(row, row + n_rows)
        for first, last in zip(edges, edges[1:], strict=False):
            start, n = max(0, first - window + 1), last - first
            queries, keys = slice(first, last), slice(start, last)
            scores = torch.bmm(q[rows, queries], k[rows, keys].transpose(1, 2))
            scores[:, :, first - start :] += future[:n, :n]
            if window < T:
                oldest = (
                    first - window + 1 - start
                )  # column of the oldest key of row 0; below 0 where there is none
                scores[:, :, :n].masked_fill_(
                    torch.ones(n, n, dtype=torch.bool).tril_(oldest - 1), -torch.inf
                )
            mask = keep_mask(scores.shape, p, generator).to(q.dtype).mul_(keep_factor(p))
            yield rows, queries, keys, torch.softmax(scores, -1), mask


def newest_attention(q, k, v, kind="full", alibi=None, measured=None):
    """Let the newest step attend to the steps so far: the last row of `causal_attention`, keys and values from a cache.

    The products stand in the order that reads the cache at the rate of the memory: on 2 cores 1.4 times as fast as the
    fused kernel, which is made for many queries.

    Parameters
    ----------
    q, k, v
        float, (N, 1, head size) and twice (N, T, head size); N = B * n_head, heads of a series side by side.
    kind, alibi
        As in `causal_attention`.
    measured
        For probsparse: float, (N, T), the measures of the queries so far; the last column is written here.

    Returns
    -------
    float, (N, head size).
    """
    name, number = parse_kind(kind)
    if name == "sliding":
        k, v = k[:, -number:], v[:, -number:]
    scores = torch.bmm(k, (q * q.shape[-1] ** -0.5).transpose(1, 2)).transpose(1, 2)
    if alibi is not None:
        _check_alibi(name)
        back = torch.arange(k.shape[1] - 1, -1, -1, device=k.device)
        scores = scores - alibi.repeat(len(q) // len(alibi))[:, None, None] * back
    y = torch.bmm(torch.softmax(scores, -1), v).squeeze(1)
    if name != "probsparse":
        return y
    if measured is None:
        raise ValueError(
            "attention probsparse needs the measures of the earlier queries; give `measured`."
        )
    return torch.where(attention_long.newest_active(q, k, measured, number)[:, None], y, v.mean(1))


def rotate(x, position):
    """Turn each pair of channels by an angle in proportion to the position, so that products see distances only (RoPE).

    Parameters
    ----------
    x
        float, (..., T, head size): queries or keys.
    position
        Whole number, or int64 that fits x.shape[:-1]: (T,), or (T, 1) where heads stand after the steps.

    Returns
    -------
    Like x. A cache holds turned keys: what was turned by its own position stays right as the series grows.
    """
    size = x.shape[-1]
    if size % 2:
        raise ValueError(f"rotary positions turn pairs of channels; the head size {size} is odd.")
    rate = 10000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64, device=x.device) / size)
    angle = torch.as_tensor(position, device=x.device)[..., None] * rate
    pairs = torch.view_as_complex(_plain(x).unflatten(-1, (-1, 2)))
    turned = pairs * torch.polar(torch.ones_like(angle), angle).to(pairs.dtype)
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)


def sinusoids(n_positions, d_model):
    """Return the sinusoidal positions of Vaswani et al. (2017, section 3.5), shape (n_positions, d_model)."""
    position = torch.arange(n_positions, dtype=torch.float64)[:, None]
    rate = torch.exp(
        torch.arange(0, d_model, 2, dtype=torch.float64) * (-math.log(10000.0) / d_model)
    )
    table = torch.zeros(n_positions, d_model, dtype=torch.float64)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)[:, : d_model // 2]
    return table.to(torch.get_default_dtype())


def alibi_slopes(n_head):
    """Return how much a head's scores fall with each step of distance, float (n_head,): 2^(-8 h / n_head), h from 1."""
    return 2.0 ** (-8 * torch.arange(1, n_head + 1, dtype=torch.float64) / n_head).to(
        torch.get_default_dtype()
    )


def _check_alibi(name):
    if name == "probsparse":
        raise ValueError(
            "linear biases (alibi) do not go with attention probsparse; use full or sliding:W."
        )


def _with_steps(q, k, v, slopes):
    """Return q, k, v with one channel more, whose product is slope * step of the key.

    A bias of slope * (key - query) differs by what is constant for a query, which softmax does not see; so the fused
    kernels serve and no T x T biases are kept. In float32 the scores are then right to slope * T / 8 million.
    """
    B, n_head, T, size = q.shape
    more = (size + 1) ** 0.5
    slope = (more * slopes.to(q))[:, None, None].expand(B, n_head, T, 1)
    step = torch.arange(T, device=q.device).to(q)[:, None].expand(B, n_head, T, 1)
    return torch.cat([q * more / size**0.5, slope], -1), torch.cat([k, step], -1), F.pad(v, (0, 1))
