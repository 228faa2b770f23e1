"""TS2Vec (Yue et al., AAAI 2022, arXiv 2106.10466): an encoder of windows learned without labels.

Two overlapping crops of a window, with random steps masked, shall have the same representation at
each step that they share, and another one than other steps (temporal contrast) and than other
windows at that step (instance contrast), on all scales of time (section 3). The network is a
projection and residual blocks of dilated convolutions (section 3.1 and appendix). Written from the
paper; sizes and training are those with which Context-FID is computed (`SIZES`).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

KERNEL = 3  # steps that a convolution sees
AT_ONCE = 512  # windows that are encoded at once


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes and training of the encoder; the defaults are those of Context-FID."""

    d_hidden: int = 64
    d_output: int = 320
    n_blocks: int = 10  # before the last one; the dilation doubles with each
    dropout: float = 0.1
    batch_size: int = 8
    learning_rate: float = 1e-3
    # Optimiser steps of a large set, and of one of at most `small` numbers.
    n_steps: int = 600
    n_steps_small: int = 200
    small: int = 100_000


SIZES = Sizes()


class DilatedConvolution(nn.Module):
    """A convolution of three steps, `dilation` apart, over (B, T, C), as long as its input.

    Taps that lie outside of every window are left out: they would see zeros alone, and with ten
    doublings of the dilation most of them do.
    """

    def __init__(self, n_in: int, n_out: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        bound = 1 / np.sqrt(n_in * KERNEL)  # as torch begins a convolution
        self.weight = nn.Parameter(torch.empty(KERNEL, n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, T, n_out)."""
        d = self.dilation
        before, at, after = self.weight
        y = x @ at + self.bias
        if d >= x.shape[1]:
            return y
        y = y + F.pad(x[:, :-d] @ before, (0, 0, d, 0))
        return y + F.pad(x[:, d:] @ after, (0, 0, 0, d))


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is a projection where the width changes."""

    def __init__(self, n_in: int, n_out: int, dilation: int, is_last: bool) -> None:
        super().__init__()
        self.first = DilatedConvolution(n_in, n_out, dilation)
        self.second = DilatedConvolution(n_out, n_out, dilation)
        self.shortcut: nn.Module = nn.Identity()
        if is_last or n_in != n_out:
            self.shortcut = nn.Linear(n_in, n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, T, n_out)."""
        return self.shortcut(x) + self.second(F.gelu(self.first(F.gelu(x))))


class Encoder(nn.Module):
    """Windows (B, T, n_features) to representations of their steps (B, T, d_output)."""

    def __init__(self, n_features: int, sizes: Sizes = SIZES) -> None:
        super().__init__()
        self.projection = nn.Linear(n_features, sizes.d_hidden)
        widths = [sizes.d_hidden] * (sizes.n_blocks + 1) + [sizes.d_output]
        blocks = []
        for i in range(sizes.n_blocks + 1):
            is_last = i == sizes.n_blocks
            blocks.append(Block(widths[i], widths[i + 1], 2**i, is_last))
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, T, d_output); in training half of the steps are masked after projection."""
        hidden = self.projection(x)
        if self.training:
            hidden = hidden * torch.bernoulli(torch.full((*x.shape[:2], 1), 0.5))
        return self.dropout(self.blocks(hidden))


def fit(windows: np.ndarray, seed: int, sizes: Sizes = SIZES) -> nn.Module:
    """Return an encoder learned from windows (N, length, n_features), averaged over its steps.

    Parameters
    ----------
    seed
        Of weights, batches, crops, masks and dropout.
    sizes
        Of the encoder and its training.
    """
    data = torch.from_numpy(np.ascontiguousarray(windows, dtype=np.float32))
    n_steps = sizes.n_steps
    if windows.size <= sizes.small:
        n_steps = sizes.n_steps_small
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = Encoder(data.shape[2], sizes)
        averaged = AveragedModel(encoder)
        optimiser = torch.optim.AdamW(encoder.parameters(), lr=sizes.learning_rate)
        for batch in _batches(data, sizes.batch_size, n_steps):
            loss = hierarchical_loss(*_two_views(encoder, batch))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            averaged.update_parameters(encoder)
    return averaged.module.eval()


@torch.no_grad()
def encode(encoder: nn.Module, windows: np.ndarray) -> np.ndarray:
    """Return one representation a window, the maximum over its steps: float64 (N, d_output)."""
    data = torch.from_numpy(np.ascontiguousarray(windows, dtype=np.float32))
    parts = [encoder(part).amax(1) for part in data.split(AT_ONCE)]
    return torch.cat(parts).numpy().astype(np.float64)


def _batches(data: torch.Tensor, batch_size: int, n_steps: int) -> list[torch.Tensor]:
    """Return n_steps full batches, pass after pass over the windows in a new order."""
    size = min(batch_size, len(data))
    batches: list[torch.Tensor] = []
    while len(batches) < n_steps:
        order = torch.randperm(len(data))
        full = len(data) // size * size
        batches += [data[rows] for rows in order[:full].split(size)]
    return batches[:n_steps]


def _two_views(encoder: nn.Module, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the representations of the steps that two random crops share, (B, T', C) each.

    Each window is cut at a place of its own; the crops have the same lengths in all.
    """
    length = batch.shape[1]
    n_shared = _draw(2, length)
    left = _draw(0, length - n_shared)
    right = left + n_shared
    earlier = _draw(0, left)  # begin of the first crop, which ends at `right`
    later = _draw(right, length)  # end of the second crop, which begins at `left`
    offset = torch.randint(-earlier, length - later + 1, (len(batch), 1))
    first = encoder(_cropped(batch, offset + earlier, right - earlier))
    second = encoder(_cropped(batch, offset + left, later - left))
    return first[:, -n_shared:], second[:, :n_shared]


def _draw(low: int, high: int) -> int:
    """Return a random whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, ()))


def _cropped(batch: torch.Tensor, begin: torch.Tensor, length: int) -> torch.Tensor:
    """Return (B, length, n_features), each window from its own begin, (B, 1), on."""
    steps = begin + torch.arange(length)  # (B, length)
    return batch[torch.arange(len(batch))[:, None], steps]


def hierarchical_loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the mean over scales of half the instance and half the temporal contrast.

    From scale to scale two steps become their maximum, until one is left, of which the instance
    contrast alone is taken.

    Parameters
    ----------
    first, second
        float, shape (B, T, C): two views of the same steps.
    """
    loss = torch.zeros(())
    n_scales = 0
    while first.shape[1] > 1:
        # Instances are compared at each step: (T, B, C).
        instance = contrast(first.transpose(0, 1), second.transpose(0, 1))
        loss = loss + (instance + contrast(first, second)) / 2
        n_scales += 1
        first = F.max_pool1d(first.transpose(1, 2), 2).transpose(1, 2)
        second = F.max_pool1d(second.transpose(1, 2), 2).transpose(1, 2)
    loss = loss + contrast(first.transpose(0, 1), second.transpose(0, 1)) / 2
    return loss / (n_scales + 1)


def contrast(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the mean of minus log p of a member's other view among all others of its group.

    Parameters
    ----------
    first, second
        float, shape (groups, members, C): two views. p is a softmax of dot products.
    """
    n_members = first.shape[1]
    if n_members == 1:
        return torch.zeros(())
    both = torch.cat([first, second], dim=1)  # (groups, 2 n, C)
    products = both @ both.transpose(1, 2)
    itself = torch.eye(2 * n_members, dtype=torch.bool)
    log_p = products.masked_fill(itself, -torch.inf).log_softmax(-1)
    member = torch.arange(n_members)
    there = log_p[:, member, member + n_members].mean()
    back = log_p[:, member + n_members, member].mean()
    return -(there + back) / 2
