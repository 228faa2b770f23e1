"""Checkpoints of a training run: model, optimisers, rates, random states and losses, whole or not at all, with their sums.

The newest stands in `step-NNNNNNNN`. Accelerate writes and reads what is torch's (weights only: no code is unpickled);
the rates' state is JSON, for what accelerate keeps of them is a plain pickle.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import load

from tst.io import files

SUMS = "sums.json"


class HasSchedule(Protocol):
    """Who moves in a step (`tst.training.loop.Objective`), as far as a checkpoint asks: its rates."""

    schedule: torch.optim.lr_scheduler.LambdaLR


def save(
    accelerator: Accelerator,
    players: Sequence[HasSchedule],
    folder: Path | str,
    history: Sequence[Mapping[str, float]],
) -> None:
    """Write the checkpoint after the last step of `history` (rows as mappings), and remove the one before."""
    part, place = Path(folder) / ".step.part", Path(folder) / f"step-{len(history):08d}"
    if accelerator.is_main_process:
        shutil.rmtree(part, ignore_errors=True)
    accelerator.wait_for_everyone()
    with files.translate_write_errors(place):
        accelerator.save_state(str(part))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        files.write_text(pd.DataFrame(history).to_csv(index=False), part / "loss.csv")
        files.write_text(
            json.dumps([p.schedule.state_dict() for p in players]), part / "schedules.json"
        )
        files.write_text(json.dumps(_sums(part)), part / SUMS)
        files.put(part, place)
        remove(folder, keep=place)
    accelerator.wait_for_everyone()


def resume(
    accelerator: Accelerator, players: Sequence[HasSchedule], folder: Path | str
) -> list[dict[str, float]]:
    """Load the newest sound checkpoint, all random states included; return its loss history, empty where there is none.

    Raises
    ------
    ValueError
        Where it is whole but cannot be read: another version's, or not written by this loop.
    """
    folder = Path(folder)
    if accelerator.is_main_process:
        _drop_damaged(folder)
    accelerator.wait_for_everyone()
    if not (found := sorted(folder.glob("step-*"))):
        return []
    try:
        accelerator.load_state(str(found[-1]))
        _check_random(found[-1] / f"random_states_{accelerator.process_index}.pkl")
        states = json.loads((found[-1] / "schedules.json").read_text())
        for player, state in zip(players, states, strict=True):
            player.schedule.load_state_dict(state)
        history = pd.read_csv(found[-1] / "loss.csv").to_dict("records")
    except Exception as error:  # torch, safetensors and pandas each raise their own; torch's text advises to unpickle
        why = type(error).__name__
        raise ValueError(
            f"checkpoint {found[-1]} cannot be read ({why}); delete {folder} and run again."
        ) from None
    print(f"{folder.name}: going on from step {len(history)}.")
    return history


def remove(folder: Path | str, keep: Path | None = None) -> None:
    """Delete all checkpoints of a folder but one, and what a killed run left of one."""
    for path in [*Path(folder).glob("step-*"), Path(folder) / ".step.part"]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def _check_random(path: Path) -> None:
    """Raise ValueError unless the random state is the one in a file; accelerate passes over a damaged one in silence."""
    if not torch.equal(load(path)["torch_manual_seed"], torch.get_rng_state()):
        raise ValueError(f"{path.name} was not taken up.")


def _drop_damaged(folder: Path) -> None:
    for path in sorted(folder.glob("step-*")):
        try:
            sound = json.loads((path / SUMS).read_text()) == _sums(path)
        except (OSError, ValueError):
            sound = False
        if not sound:
            print(f"{folder.name}: checkpoint {path.name} is damaged and is not used.")
            shutil.rmtree(path, ignore_errors=True)


def _sums(folder: Path) -> dict[str, str]:
    found = sorted(p for p in folder.iterdir() if p.is_file() and p.name != SUMS)
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in found}
