"""What every generator is: one contract to sample and to save, and one record of how it is trained and loaded.

A trained model is a folder: model.json (configuration, encoder, scaling) and model.safetensors, nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from tst.series import SeriesSet
from tst.training.batches import Batches, Loss
from tst.training.config import TrainConfig
from tst.training.objectives import Objectives


class Generator(Protocol):
    """A trained model that makes series."""

    key: str

    def sample(self, n_series: int, seed: int, *, real: SeriesSet | None = None) -> SeriesSet:
        """Return `n_series` synthetic series; a function of the model, `n_series`, `seed` and `real` alone.

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
    """What the training loop needs: an untrained generator, its loss or objectives, its batches."""

    model: torch.nn.Module
    loss: Loss | Objectives
    batches: Batches


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """How a kind of generator is configured, prepared for training, and loaded."""

    key: str  # of tables and folders; its label stands in tst.vocabulary.MODELS
    config: type  # a frozen, keyword-only dataclass
    prepare: Callable[[Any, SeriesSet, TrainConfig], Training]
    load: Callable[[Path], Generator]

    @property
    def module(self) -> str:
        """Dotted name of the module whose closure decides what a training gives."""
        return self.prepare.__module__
