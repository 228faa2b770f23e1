"""Checkpoints of a run: model, optimisers, rates, random states and losses, with checksums.

The newest stands in `step-NNNNNNNN`, written whole or not at all. Accelerate writes and reads what
is torch's (weights only: no code is unpickled); the rates' state is JSON, for what Accelerate keeps
of them is a plain pickle.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import load

from tst.io import files
from tst.training.held_out import HeldOut
from tst.training.objectives import Objective

SUMS = "sums.json"  # {file name: SHA-256} of a checkpoint
SCHEDULES = "schedules.json"
LOSSES = "loss.csv"


def save(
    accelerator: Accelerator,
    objectives: Sequence[Objective],
    folder: Path | str,
    history: Sequence[Mapping[str, float]],
    held_out: HeldOut | None = None,
) -> None:
    """Write the checkpoint after the last step of a loss history, and remove the one before."""
    part = Path(folder) / ".step.part"
    target = Path(folder) / f"step-{len(history):08d}"
    if accelerator.is_main_process:
        shutil.rmtree(part, ignore_errors=True)
    accelerator.wait_for_everyone()
    with files.translate_write_errors(target):
        accelerator.save_state(str(part))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        schedules = [objective.schedule.state_dict() for objective in objectives]
        files.write_text(pd.DataFrame(history).to_csv(index=False), part / LOSSES)
        files.write_text(json.dumps(schedules), part / SCHEDULES)
        if held_out is not None:
            held_out.save(part)
        files.write_text(json.dumps(checksums(part)), part / SUMS)
        files.put(part, target)
        remove(folder, keep=target)
    accelerator.wait_for_everyone()


def resume(
    accelerator: Accelerator,
    objectives: Sequence[Objective],
    folder: Path | str,
    held_out: HeldOut | None = None,
) -> list[dict[str, float]]:
    """Load the newest undamaged checkpoint; return its loss history, empty where there is none.

    Raises
    ------
    ValueError
        Where it is undamaged but cannot be read: another version's, or not written by this loop.
    """
    folder = Path(folder)
    if accelerator.is_main_process:
        _delete_damaged(folder)
    accelerator.wait_for_everyone()
    checkpoints = sorted(folder.glob("step-*"))
    if not checkpoints:
        return []
    newest = checkpoints[-1]
    try:
        accelerator.load_state(str(newest))
        _check_random_state(newest / f"random_states_{accelerator.process_index}.pkl")
        states = json.loads((newest / SCHEDULES).read_text())
        for objective, state in zip(objectives, states, strict=True):
            objective.schedule.load_state_dict(state)
        if held_out is not None:
            held_out.load(newest)
        history: list[dict[str, float]] = pd.read_csv(newest / LOSSES).to_dict("records")
    # torch, safetensors and pandas each raise their own; torch's text advises to unpickle.
    except Exception as error:
        reason = type(error).__name__
        raise ValueError(
            f"checkpoint {newest} cannot be read ({reason}); delete {folder} and run again."
        ) from None
    print(f"{folder.name}: going on from step {len(history)}.")
    return history


def remove(folder: Path | str, keep: Path | None = None) -> None:
    """Delete all checkpoints of a folder but one, and what a killed run left of one."""
    for path in [*Path(folder).glob("step-*"), Path(folder) / ".step.part"]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def checksums(checkpoint: Path) -> dict[str, str]:
    """Return {file name: SHA-256} of the files of a checkpoint, the sums themselves left out."""
    paths = sorted(path for path in checkpoint.iterdir() if path.is_file() and path.name != SUMS)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _check_random_state(path: Path) -> None:
    """Raise ValueError unless torch's random state is a file's; Accelerate ignores a bad file."""
    if not torch.equal(load(path)["torch_manual_seed"], torch.get_rng_state()):
        raise ValueError(f"{path.name} was not taken up.")


def _delete_damaged(folder: Path) -> None:
    """Delete the checkpoints whose files are not those of their checksums, and say so."""
    for path in sorted(folder.glob("step-*")):
        try:
            is_whole = json.loads((path / SUMS).read_text()) == checksums(path)
        except (OSError, ValueError):
            is_whole = False
        if not is_whole:
            print(f"{folder.name}: checkpoint {path.name} is damaged and is not used.")
            shutil.rmtree(path, ignore_errors=True)
