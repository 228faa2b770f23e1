"""Three ways to tell a transformer where a step stands.

Sinusoids added to the input (Vaswani et al., 2017, section 3.5; the paper's choice), rotary
positions (RoPE, Su et al., arXiv 2104.09864), and linear biases of the scores (ALiBi, Press et al.,
ICLR 2022). The last two know distances only, and so go on beyond the training window.
"""

import math

import torch
from torch.nn import functional as F

BASE = 10000.0  # of the geometric series of wave lengths, in both papers


def sinusoids(n_positions: int, d_model: int) -> torch.Tensor:
    """Return the sinusoidal code of the first positions, shape (n_positions, d_model)."""
    position = torch.arange(n_positions, dtype=torch.float64)[:, None]
    channel = torch.arange(0, d_model, 2, dtype=torch.float64)
    rate = torch.exp(channel * (-math.log(BASE) / d_model))
    table = torch.zeros(n_positions, d_model, dtype=torch.float64)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)[:, : d_model // 2]
    return table.to(torch.get_default_dtype())


def rotate(x: torch.Tensor, position: torch.Tensor | int) -> torch.Tensor:
    """Turn each pair of channels by an angle in proportion to the position (RoPE).

    Products of turned queries and keys depend on their distance only.

    Parameters
    ----------
    x
        float, (..., T, head size): queries or keys.
    position
        Whole number, or int64 that fits x.shape[:-1]: (T,), or (T, 1) where heads follow the steps.

    Returns
    -------
    Like x. A cache holds turned keys: what its own position turned stays right as a series grows.
    """
    size = x.shape[-1]
    if size % 2:
        raise ValueError(f"rotary positions turn pairs of channels; the head size {size} is odd.")
    channel = torch.arange(0, size, 2, dtype=torch.float64, device=x.device)
    rate = BASE ** (-channel / size)
    angle = torch.as_tensor(position, device=x.device)[..., None] * rate
    pairs = torch.view_as_complex(at_least_float32(x).unflatten(-1, (-1, 2)))  # (..., T, size / 2)
    turned = pairs * torch.polar(torch.ones_like(angle), angle).to(pairs.dtype)
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)


def alibi_slopes(n_head: int) -> torch.Tensor:
    """Return how much a head's scores fall with each step of distance, float (n_head,).

    Head h, counted from 1, has the slope 2^(-8 h / n_head).
    """
    head = torch.arange(1, n_head + 1, dtype=torch.float64)
    slopes = 2.0 ** (-8 * head / n_head)
    return slopes.to(torch.get_default_dtype())


def with_step_channel(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, slopes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return q, k, v with one channel more, whose product is slope * step of the key (ALiBi).

    A bias of slope * (key - query) differs from it by what is constant for a query, which softmax
    does not see; so the fused kernels serve and no T x T biases are kept. In float32 the scores are
    then right to slope * T / 8 million.

    Parameters
    ----------
    q, k, v
        float, each (B, n_head, T, head size).
    slopes
        float, (n_head,).
    """
    B, n_head, T, size = q.shape
    root = (size + 1) ** 0.5  # by which the kernel will divide the product
    slope = (root * slopes.to(q))[:, None, None].expand(B, n_head, T, 1)
    step = torch.arange(T, device=q.device).to(q)[:, None].expand(B, n_head, T, 1)
    queries = torch.cat([q * root / size**0.5, slope], -1)  # (B, n_head, T, head size + 1)
    return queries, torch.cat([k, step], -1), F.pad(v, (0, 1))


def at_least_float32(x: torch.Tensor) -> torch.Tensor:
    """Return bfloat16 as float32, all else as it is."""
    return x.float() if x.dtype == torch.bfloat16 else x
