"""What every generator is: one contract to sample and to save; how it is trained and loaded.

A trained model is a folder: model.json (configuration, encoder, scaling) and model.safetensors,
nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch

from tst.errors import DataError
from tst.series import SeriesSet
from tst.training.batches import Batches, Loss
from tst.training.config import TrainConfig
from tst.training.held_out import Score
from tst.training.objectives import Objectives


class Generator(Protocol):
    """A trained model that makes series."""

    key: ClassVar[str]

    def sample(self, n_series: int, seed: int, *, real: SeriesSet | None = None) -> SeriesSet:
        """Return `n_series` synthetic series, a function of the model and the arguments alone.

        Parameters
        ----------
        real
            Real series for the generators that need them: donors of conditioning steps (TST), of
            attributes (AR, RNN, HMM). The others ignore it.
        """

    def save(self, folder: Path) -> None:
        """Write model.json, then model.safetensors, to a folder."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What the training loop needs: an untrained generator, its loss or objectives, its batches.

    `begin` is called before the first step of a run: it fits what has no part in the steps. `score`
    says of a model how good it is by held-out data, the higher the better.
    """

    model: torch.nn.Module
    loss: Loss | Objectives
    batches: Batches
    begin: Callable[[], object] | None = None
    score: Score | None = None


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """How a kind of generator is configured, prepared for training, and loaded."""

    key: str  # of tables and folders; its label stands in tst.vocabulary.MODELS
    config: type[Any]  # a frozen, keyword-only dataclass
    prepare: Callable[[Any, SeriesSet, TrainConfig], Training]
    load: Callable[[Path], Generator]
    reads_categories: bool = False  # else it is given `tst.models.one_hot`

    @property
    def module(self) -> str:
        """Dotted name of the module whose closure decides what a training gives."""
        return self.prepare.__module__


def check_size(name: str, value: int, largest: int) -> None:
    """Raise DataError unless a setting is at least 1 and at most `largest`.

    A model is built from settings that a damaged file may hold: what is repeated in a loop must
    have a bound.
    """
    if value < 1:
        raise DataError(f"{name} is {value}; give at least 1.")
    if value > largest:
        raise DataError(f"{name} is {value}; give at most {largest}.")
