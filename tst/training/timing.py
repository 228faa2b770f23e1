"""How long training takes: by the wall's clock, or by the processor's, which other programs spare.

`seconds_per_step` is the one measure of a training step; batches are made before the clock starts
unless they are to be counted.
"""

import time
from collections.abc import Callable
from typing import Any

import torch

from tst.training.batches import Batches, Loss


def wall_seconds(action: Callable[[], object], device: torch.device | str = "cpu") -> float:
    """Return the seconds that an action takes, the work that it left to a GPU included."""
    start = time.perf_counter()
    action()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def step_seconds(
    model: torch.nn.Module,
    loss: Loss,
    batches: Batches,
    n_steps: int,
    count_batches: bool = False,
) -> list[float]:
    """Return the processor seconds of forward and backward of each of the first steps.

    Parameters
    ----------
    model
        On the CPU. Gradients are left on it, added up.
    loss
        Function (model, batch) -> scalar.
    batches
        Function (step, rank, n_ranks) -> batch.
    n_steps
        Steps to measure.
    count_batches
        Whether the time to make a batch counts.
    """
    seconds = []
    for step in range(n_steps):
        start = time.process_time()
        batch = batches(step, 0, 1)
        if not count_batches:
            start = time.process_time()
        loss(model, batch).backward()
        seconds.append(time.process_time() - start)
    return seconds


def seconds_per_step(model: torch.nn.Module, loss: Loss, batches: Batches, n_steps: int) -> float:
    """Return the least processor seconds of forward and backward over some steps."""
    return min(step_seconds(model, loss, batches, n_steps))


class TimedBatches:
    """Batches that note, by the wall's clock, when each of them was asked for."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.asked_at: list[float] = []  # seconds

    def __call__(self, step: int, rank: int = 0, n_ranks: int = 1) -> Any:
        """Return the batch of a step."""
        self.asked_at.append(time.perf_counter())
        return self.batches(step, rank, n_ranks)

    def seconds_between(self, first: int, last: int) -> float:
        """Return the seconds from when one batch was asked for to when another one was."""
        return self.asked_at[last] - self.asked_at[first]
