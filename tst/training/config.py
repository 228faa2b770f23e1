"""TrainConfig: the settings of a training run."""

import math
from dataclasses import dataclass

from tst.training.precision import Precision, check


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a run.

    The defaults are those of arXiv 2506.07312 (Adam, learning rate 1e-4, batches of 64); the
    clipping of gradients is from the notebooks of its author.

    Parameters
    ----------
    max_steps
        Optimiser steps.
    batch_size
        Series, or windows of series, a step, over all processes.
    learning_rate
        Of Adam, after the warm-up.
    warmup_steps
        Steps over which the rate grows linearly to `learning_rate`.
    grad_clip
        Largest norm of an objective's gradient; 0 or None does not clip.
    seed
        Of the random numbers in training and of the order of the data.
    checkpoint_every
        Steps between two checkpoints.
    precision
        Of matrix products; `auto` is the faster of the two, measured before the first step.
    betas
        Of Adam.
    decay
        Whether the rate falls to 0 along a cosine after the warm-up.
    held_out
        Share of the training set that a model is not trained on but judged by, where it can be: the
        run ends where that no longer gets better, at `max_steps` at the latest; one that was best
        at once begins again, at a tenth of its rate.
    look_every, patience
        Steps between two looks at it, and looks without a better one after which a run ends.
    """

    max_steps: int
    batch_size: int = 64
    learning_rate: float = 1e-4
    warmup_steps: int = 0
    grad_clip: float | None = 0.5
    seed: int = 0
    checkpoint_every: int = 500
    precision: Precision = "fp32"
    betas: tuple[float, float] = (0.9, 0.999)
    decay: bool = False
    held_out: float = 0.0
    look_every: int = 50
    patience: int = 10

    def __post_init__(self) -> None:
        check(self.precision)
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out is {self.held_out}; it must be at least 0 and below 1.")
        object.__setattr__(self, "betas", tuple(self.betas))  # JSON gives a list

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, as a share of `learning_rate`."""
        warmed_up = min(1.0, (step + 1) / (self.warmup_steps + 1))
        if not self.decay:
            return warmed_up
        return warmed_up * cosine(step, self.max_steps)


def cosine(step: int, n_steps: int) -> float:
    """Return the share of a learning rate that falls from 1 to 0 along a cosine over `n_steps`."""
    return (1 + math.cos(math.pi * step / n_steps)) / 2
