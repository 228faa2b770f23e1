"""A trained model on disk, model.json and model.safetensors: read without trust, so that neither can run or exhaust us.

What model.json claims is compared with the header of the weights, on a model without memory, before one is made. It holds
the sum of both files, so that a changed one, or files of two models after an interrupted write, are told.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from tst.errors import DataError, translate_errors
from tst.io import files, untrusted

AGAIN = "train it again"
Model = TypeVar("Model", bound=torch.nn.Module)


def save(
    folder: Path | str, settings: Mapping[str, object], state: Mapping[str, torch.Tensor]
) -> None:
    """Write the settings (a JSON mapping), then the weights (a state_dict): where the weights are, the model is whole."""
    data = to_bytes({name: tensor.contiguous() for name, tensor in state.items()})
    facts = json.loads(json.dumps(settings))
    files.write_text(
        json.dumps(facts | {"sum": total(facts, data)}, indent=1), Path(folder) / "model.json"
    )
    with files.replacing(Path(folder) / "model.safetensors") as part:
        part.write_bytes(data)


def total(settings: Mapping[str, object], data: bytes) -> str:
    """Return SHA-256 over the settings and the bytes of the weights, as hex digits."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode() + data).hexdigest()


def load(
    folder: Path | str,
    plan: "Callable[[dict[str, Any], Held], Callable[[], Model]]",
    what: str = "model",
) -> Model:
    """Return the model of a folder, in evaluation mode; raises DataError where it is missing, damaged or another's.

    Parameters
    ----------
    plan
        Function (facts of model.json, `Held`) -> function that builds the untrained model. It must check by `Held`
        what it, or the building, repeats in a loop.
    what
        The model's name in a sentence.
    """
    paths = [Path(folder) / name for name in ("model.json", "model.safetensors")]
    for path in paths:
        if not path.is_file():
            raise DataError(f"no {what} at {folder}: {path.name} is missing; train it first.")
    with translate_errors(f"no sound {what} at {folder}", AGAIN):
        held = Held(paths[1], what)
        facts = untrusted.read_json(paths[0])
        data = paths[1].read_bytes()
        told, found = facts.pop("sum", None), total(facts, data)
        build = plan(facts, held)
        _compare(build, held)
        if told != found:
            raise DataError(
                f"no sound {what} at {folder}: its two files were changed, or are two models'; {AGAIN}."
            )
        model = build()
        model.load_state_dict(from_bytes(data))
        if not all(torch.isfinite(value).all() for value in model.state_dict().values()):
            raise DataError(
                f"no sound {what} at {folder}: a weight is not a finite number; {AGAIN}."
            )
    return model.eval()


class Held:
    """What a file of weights holds by its header, which the library compares with the file's size."""

    def __init__(self, path: Path, what: str) -> None:
        with safe_open(path, framework="pt") as file:
            self.shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}
        self.path, self.what = path, what
        self.n_numbers = path.stat().st_size

    def check(self, name: str, value: float, most: float) -> None:
        """Raise DataError where a setting asks for more than the weights hold."""
        if not value <= most:
            raise DataError(
                f"no sound {self.what} at {self.path.parent}: {name} asks for more than the weights hold; {AGAIN}."
            )


def _compare(build: Callable[[], torch.nn.Module], held: Held) -> None:
    """Raise DataError unless the model that would be built has the weights' names and shapes, and fits into memory."""
    with torch.device("meta"):
        model = build()
    wanted = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    for key in sorted(wanted.keys() | held.shapes.keys()):
        if wanted.get(key) != held.shapes.get(key):
            where = f"no sound {held.what} at {held.path.parent}: model.json asks for {key} of shape {wanted.get(key)}"
            raise DataError(f"{where}, the weights have {held.shapes.get(key)}; {AGAIN}.")
    untrusted.check_room(
        8 * sum(buffer.numel() * buffer.element_size() for buffer in model.buffers()),
        held.path.parent,
    )
