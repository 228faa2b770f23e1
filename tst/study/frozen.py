"""Trained models small enough to be committed: half precision, without what only training needs.

A confirmation on data that nobody here has seen (`tst.study.confirm`) samples from these. A frozen
model is a folder of two files (`tst.io.weights`), which say what was left out; thawed, it is a
model like any other, with the rounded weights.
"""

import math
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from tst.errors import DataError, translate_errors
from tst.io import untrusted, weights
from tst.io.untrusted import from_mapping
from tst.models import spec_of
from tst.models.base import Generator
from tst.models.doppelganger.model import CRITICS

BYTES = 4  # of a weight in float32


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """What a frozen model's settings file holds.

    Parameters
    ----------
    model
        Its key.
    settings
        The settings file of the model that it was.
    left_out
        Shapes of the weights that only training needs, by name.
    """

    model: str
    settings: dict[str, Any]
    left_out: dict[str, list[int]]

    def __post_init__(self) -> None:
        for name, shape in self.left_out.items():
            if any(n < 1 for n in shape):
                raise DataError(
                    f"a frozen model leaves out {name} of shape {shape}; freeze it again."
                )

    @property
    def n_left_out(self) -> int:
        """Number of weights that were left out."""
        return sum(math.prod(shape) for shape in self.left_out.values())


def freeze(folder: Path | str, model: str, out: Path | str) -> None:
    """Write the trained model of a folder, half as precise and without critics, to `out`.

    Parameters
    ----------
    folder
        Of a finished run.
    model
        Key of the model.

    Raises
    ------
    DataError
        Where the folder holds no model, or a weight is beyond half precision.
    """
    settings, state = weights.read(folder, model)
    kept = {}
    left_out = {}
    for name, tensor in state.items():
        if name.startswith(CRITICS):
            left_out[name] = list(tensor.shape)
        else:
            if tensor.dtype == torch.float32:
                tensor = tensor.half()
            kept[name] = tensor
            if not bool(torch.isfinite(kept[name]).all()):
                raise DataError(f"{folder}: {name} is beyond half precision; do not freeze it.")
    weights.save(out, asdict(Frozen(model=model, settings=settings, left_out=left_out)), kept)


def thaw(folder: Path | str) -> Generator:
    """Return the model that `freeze` wrote to a folder; its critics are nought.

    Raises
    ------
    DataError
        Where a file is missing or damaged, or what was left out does not fit into memory.
    """
    facts, state = weights.read(folder, "frozen model")
    with translate_errors(f"no frozen model at {folder}", "freeze it again"):
        frozen = from_mapping(Frozen, facts)
    untrusted.check_room(BYTES * frozen.n_left_out, folder)
    whole = {}
    for name, tensor in state.items():
        if tensor.dtype == torch.float16:
            tensor = tensor.float()
        whole[name] = tensor
    for name, shape in frozen.left_out.items():
        whole[name] = torch.zeros(shape)
    with tempfile.TemporaryDirectory(prefix="tst-") as place:
        weights.save(place, frozen.settings, whole)
        return spec_of(frozen.model).load(Path(place))
