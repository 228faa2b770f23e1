"""The field's discriminative score: a small GRU tells real windows from synthetic ones.

TimeGAN's judge (Yoon et al. 2019, section 5) with the sizes that its code has and all later papers
keep: half as many units as features, the last state, 2,000 steps of Adam on 128 real and 128
synthetic windows, 80 % of each to learn from, |accuracy - 1/2| on the rest. Windows are split at
random, as there, so that neighbours in time lie on both sides; by blocks of time where these are
given. Ours is torch's GRU, whose gates and first weights differ from TensorFlow's: its numbers
compare with each other, with published ones roughly.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from tst.evaluation import peer_windows
from tst.evaluation.peer_gru import SideBySide, draw

N_STEPS = 2000
BATCH_SIZE = 128  # of real, and of synthetic windows
LEARNING_RATE = 1e-3
TRAIN_SHARE = 0.8
AT_ONCE = 2048  # windows that are scored at once
N_REPEATS = 5

Split = tuple[torch.Tensor, torch.Tensor]  # windows to learn and to be judged on, (R, n) each


def discriminative_score(
    real: np.ndarray,
    synthetic: np.ndarray,
    seed: int = 0,
    *,
    n_repeats: int = N_REPEATS,
    n_steps: int = N_STEPS,
    batch_size: int = BATCH_SIZE,
    real_blocks: np.ndarray | None = None,
    synthetic_blocks: np.ndarray | None = None,
) -> np.ndarray:
    """Return |accuracy - 1/2| of each judge on windows that it has not seen, float64 (n_repeats,).

    0 is best, but a perfect generator scores above it, too: by about .4 / sqrt(judged windows).
    The protocol takes the mean of five judges.

    Parameters
    ----------
    real, synthetic
        float, shape (N, length, n_features) and (M, length, n_features), values from 0 to 1.
    seed
        Of the splits, of the judges' weights and of their batches.
    n_repeats, n_steps, batch_size
        Judges, each with a split of its own, and their training.
    real_blocks
        int, shape (N,): block of time of each real window (`peer_windows.time_blocks`); a judge
        learns one half of the blocks, is judged on the other. None: the protocol's random split.
    synthetic_blocks
        The same of synthetic windows; None: they are independent and dealt at random.

    Raises
    ------
    DataError
        Where shapes differ, a value is missing or there are fewer than 20 windows.
    """
    peer_windows.check(real, synthetic)
    generator = torch.Generator().manual_seed(seed)
    n_units = max(1, real.shape[2] // 2)  # the protocol's; of one feature it would have none
    judges = SideBySide(n_repeats, real.shape[2], n_units, generator)
    splits = [_random_split(len(w), n_repeats, generator) for w in (real, synthetic)]
    if real_blocks is not None:
        blocks = (real_blocks, synthetic_blocks)
        splits = _split_by_time(blocks, len(synthetic), n_repeats, generator)
    sides = []
    for windows, (train, test) in zip((real, synthetic), splits, strict=True):
        values = torch.from_numpy(np.ascontiguousarray(windows, dtype=np.float32))
        sides.append(_Side(values, train, test))
    _train(judges, sides, n_steps, batch_size, generator)
    n_right = (_logits(judges, sides[0]) > 0).sum(1) + (_logits(judges, sides[1]) <= 0).sum(1)
    return np.abs(n_right.numpy() / (sides[0].test.shape[1] + sides[1].test.shape[1]) - 0.5)


@dataclass(frozen=True)
class _Side:
    """Windows (N, length, n_features), and which each judge learns and is judged on, (R, n)."""

    windows: torch.Tensor
    train: torch.Tensor
    test: torch.Tensor


def _random_split(n: int, n_repeats: int, generator: torch.Generator) -> Split:
    """Return which of n windows each judge learns and is judged on, (R, .) each."""
    n_train = int(TRAIN_SHARE * n)
    order = draw(n, n, n_repeats, generator)
    return order[:, :n_train], order[:, n_train:]


def _split_by_time(
    blocks: tuple[np.ndarray, np.ndarray | None],
    n_synthetic: int,
    n_repeats: int,
    generator: torch.Generator,
) -> list[Split]:
    """Return the splits of real and synthetic windows, as many of both in both parts.

    Every second judge learns the odd blocks and is judged on the even ones.
    """
    real_blocks, synthetic_blocks = blocks
    if synthetic_blocks is None:
        synthetic_blocks = torch.randperm(n_synthetic, generator=generator).numpy() % 2
    halves = [peer_windows.halves(b) for b in (real_blocks, synthetic_blocks)]
    n = min(len(half) for pair in halves for half in pair)
    splits = []
    for pair in halves:
        parts = []
        for half in pair:
            parts.append(torch.from_numpy(half)[draw(len(half), n, n_repeats, generator)])
        even, odd = parts  # (R, n)
        is_swapped = (torch.arange(n_repeats) % 2 == 1)[:, None]
        splits.append((torch.where(is_swapped, odd, even), torch.where(is_swapped, even, odd)))
    return splits


def _train(
    judges: SideBySide,
    sides: list[_Side],
    n_steps: int,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    """Train judges of real against synthetic windows; in a batch of one no window stands twice."""
    optimiser = torch.optim.Adam(judges.parameters(), lr=LEARNING_RATE)
    n_judges = len(judges.weight_x)
    sizes = [min(batch_size, side.train.shape[1]) for side in sides]
    target = torch.cat([torch.ones(sizes[0]), torch.zeros(sizes[1])])
    # The sum of two means, as in the protocol: also where one set is smaller than a batch.
    weight = torch.cat([torch.full((size,), 1 / size) for size in sizes])
    for _ in range(n_steps):
        parts = []
        for side, size in zip(sides, sizes, strict=True):
            places = draw(side.train.shape[1], size, n_judges, generator)
            parts.append(side.windows[side.train.gather(1, places)])
        batch = torch.cat(parts, 1)  # (R, B, T, n_features)
        logits = judges.output(judges.states(batch)[:, -1])
        goal = target.expand_as(logits)
        loss = F.binary_cross_entropy_with_logits(logits, goal, weight, reduction="sum")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@torch.no_grad()
def _logits(judges: SideBySide, side: _Side) -> torch.Tensor:
    """Return the logits (R, n) of the windows that each judge is judged on."""
    parts = []
    for rows in side.test.split(AT_ONCE, dim=1):
        parts.append(judges.output(judges.states(side.windows[rows])[:, -1]))
    return torch.cat(parts, 1)
