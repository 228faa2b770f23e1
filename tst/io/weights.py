"""A trained model on disk: model.json and model.safetensors, loaded from an untrusted source.

No code in the files is executed. The weights' header is compared with their size before memory is
allocated, and a model of the settings is built without memory first, to be compared with the
weights. model.json holds a checksum over both files, so that a changed one, or the files of two
models after an interrupted write, are noticed.
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

SETTINGS_FILE = "model.json"
WEIGHTS_FILE = "model.safetensors"
AGAIN = "train it again"
# A buffer is computed (sinusoids in float64, with temporaries) in so many times its own memory.
BUFFER_ROOM = 8
Model = TypeVar("Model", bound=torch.nn.Module)


def save(
    folder: Path | str, settings: Mapping[str, object], state: Mapping[str, torch.Tensor]
) -> None:
    """Write model.json, then model.safetensors: where the weights are, the model is whole.

    Parameters
    ----------
    folder
        Where the two files go.
    settings
        What the model is built from, as JSON can hold it.
    state
        The model's state_dict.
    """
    data = to_bytes({name: tensor.contiguous() for name, tensor in state.items()})
    facts = json.loads(json.dumps(settings))
    text = json.dumps(facts | {"sum": checksum(facts, data)}, indent=1)
    files.write_text(text, Path(folder) / SETTINGS_FILE)
    with files.replacing(Path(folder) / WEIGHTS_FILE) as part:
        part.write_bytes(data)


def checksum(settings: Mapping[str, object], data: bytes) -> str:
    """Return SHA-256 over the settings and the bytes of the weights, as hex digits."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode() + data).hexdigest()


def read(folder: Path | str, what: str = "model") -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return (settings of model.json, state_dict) of a folder that `save` wrote.

    Parameters
    ----------
    folder
        From an untrusted source.
    what
        The model's name in a sentence.

    Raises
    ------
    DataError
        Where a file is missing or damaged, the two do not belong to each other, or a weight is not
        a finite number.
    """
    settings_path = Path(folder) / SETTINGS_FILE
    weights_path = Path(folder) / WEIGHTS_FILE
    for path in (settings_path, weights_path):
        if not path.is_file():
            raise DataError(f"no {what} at {folder}: {path.name} is missing; train it first.")
    with translate_errors(f"no sound {what} at {folder}", AGAIN):
        with safe_open(weights_path, framework="pt"):
            pass  # raises where the header claims other tensors than the file has bytes for
        facts = untrusted.read_json(settings_path)
        data = weights_path.read_bytes()
        if facts.pop("sum", None) != checksum(facts, data):
            raise DataError(
                f"no sound {what} at {folder}: its two files were changed, or are two models'; "
                f"{AGAIN}."
            )
        state = from_bytes(data)
        if not all(bool(torch.isfinite(value).all()) for value in state.values()):
            raise DataError(
                f"no sound {what} at {folder}: a weight is not a finite number; {AGAIN}."
            )
    return facts, state


def load_into(
    build: Callable[[], Model],
    state: Mapping[str, torch.Tensor],
    folder: Path | str,
    what: str = "model",
) -> Model:
    """Return the model that `build` makes with the weights of a state_dict, in evaluation mode.

    It is built without memory first and compared with the weights, so that settings which ask for
    more than the weights hold are refused before memory is allocated.

    Parameters
    ----------
    build
        Makes the untrained model; called twice. Its settings must be bounded, for what it repeats
        in a loop takes time even without memory.
    state
        Weights as `read` returns them.
    folder, what
        Where the model lies and what it is called, for sentences.

    Raises
    ------
    DataError
        Where names or shapes differ, or the model's buffers do not fit into memory.
    """
    with translate_errors(f"no sound {what} at {folder}", AGAIN):
        with torch.device("meta"):
            outline = build()
        _check_shapes(outline, state, f"no sound {what} at {folder}")
        n_bytes = sum(buffer.numel() * buffer.element_size() for buffer in outline.buffers())
        untrusted.check_room(BUFFER_ROOM * n_bytes, Path(folder))
        model = build()
        model.load_state_dict(state)
    return model.eval()


def _check_shapes(outline: torch.nn.Module, state: Mapping[str, torch.Tensor], fault: str) -> None:
    """Raise DataError unless a model has tensors of the same names and shapes as a state_dict."""
    expected = {name: tuple(tensor.shape) for name, tensor in outline.state_dict().items()}
    present = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in sorted(expected.keys() | present.keys()):
        if expected.get(name) != present.get(name):
            raise DataError(
                f"{fault}: model.json asks for {name} of shape {expected.get(name)}, "
                f"the weights have {present.get(name)}; {AGAIN}."
            )
