"""A model on disk: model.json (its settings) and model.safetensors (its weights); no pickle."""

import json
from pathlib import Path

import safetensors.torch

from tst import files


def save(folder, settings, state):
    """Write the settings (a JSON mapping), then the weights (a state_dict): where the weights are, the model is whole."""
    files.write_text(json.dumps(settings, indent=1), Path(folder) / "model.json")
    data = safetensors.torch.save({name: tensor.contiguous() for name, tensor in state.items()})
    with files.replacing(Path(folder) / "model.safetensors") as part:
        part.write_bytes(data)
