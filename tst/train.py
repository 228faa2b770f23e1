"""The training loop: knows no architecture. Adam, gradient clipping, checkpoints that resume, a loss curve.

One loss moves all weights, or players move theirs in turn, each by its own loss and Adam (a GAN's critic and generator).
Device, precision and processes are Accelerate's (several processes: `tst.launch`). A batch is a function of the step, so a
run that was killed goes on from its last checkpoint with the same numbers as one that was not. Checkpoints are written to
a temporary folder and renamed.
"""

import copy
import json
import math
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import set_seed
from tqdm import tqdm

from tst.precision import cast, check, fastest


class Diverged(RuntimeError):
    """The loss is no longer a number; the last checkpoint is kept."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run; the defaults are the paper's (Adam, 1e-4, batch 64; gradient clip from the author's notebooks)."""

    max_steps: int
    batch_size: int = 64
    learning_rate: float = 1e-4
    warmup_steps: int = 0
    grad_clip: float | None = 0.5  # 0 or None: no clipping
    seed: int = 0
    checkpoint_every: int = 500
    precision: str = "fp32"  # fp32, bf16, or auto: the faster of the two, measured before the first step
    betas: tuple = (0.9, 0.999)  # Adam's
    decay: bool = False  # after the warm-up, let the rate fall to 0 along a cosine

    def __post_init__(self):
        check(self.precision)
        object.__setattr__(self, "betas", tuple(self.betas))

    def rate(self, step):
        """Return the learning rate of a step, as a part of learning_rate."""
        fall = (1 + math.cos(math.pi * step / self.max_steps)) / 2 if self.decay else 1.0
        return min(1.0, (step + 1) / (self.warmup_steps + 1)) * fall


class Player:
    """Who moves in a step: some of a model's parameters, their loss (model, batch) -> scalar, their Adam."""

    def __init__(self, name, model, parameters, loss, config):
        self.name, self.loss, self.parameters = name, loss, list(parameters(model))
        self.inputs = self.parameters if name else None  # gradients go to the player's own parameters only
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.learning_rate, betas=config.betas, fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, config.rate)


def fit(model, loss, batches, config, folder, fingerprint):
    """Train a model, or go on where an earlier run of the same fingerprint stopped, or load it if that run finished.

    Parameters
    ----------
    model
        Module with `save(folder)`, which writes model.safetensors last.
    loss
        Function (model, batch) -> scalar; with several processes its mean over them is the loss. Or players, {name:
        (function model -> parameters, function (model, batch) -> scalar)}: each step they move in this order, on the same
        batch, in one process only.
    batches
        Function (step, rank, n_ranks) -> batch with `to(device)`.
    folder
        Where model, loss.csv and checkpoints go.
    fingerprint
        JSON mapping of all that decides the result (data, settings, code); another one in the folder starts afresh.

    Returns
    -------
    DataFrame with step, loss, learning_rate; with players `loss` is the last one's and each has a column loss_<name>.
    """
    folder, state = Path(folder), PartialState(cpu=not torch.cuda.is_available())
    if state.is_main_process:
        _keep_if_same(folder, fingerprint)
    state.wait_for_everyone()
    if (folder / "model.safetensors").exists():
        print(f"{folder.name}: already trained on the same data with the same code and settings; nothing to do.")
        return pd.read_csv(folder / "loss.csv")
    if (folder / "diverged.txt").exists():
        raise Diverged((folder / "diverged.txt").read_text())
    if isinstance(loss, dict) and state.num_processes > 1:
        raise ValueError(f"{folder.name}: players train in one process, not in {state.num_processes}.")
    precision = _precision(state, model, loss, batches, config, folder)
    accelerator = Accelerator(cpu=state.device.type == "cpu")
    set_seed(config.seed, device_specific=True)
    players = _players(model, loss, config)
    model, *optimizers = accelerator.prepare(model, *(p.optimizer for p in players))
    for player, optimizer in zip(players, optimizers, strict=True):
        player.optimizer = optimizer
        accelerator.register_for_checkpointing(player.schedule)
    history = _resume(accelerator, folder)
    model.train()
    _loop(accelerator, model, players, batches, config, folder, history, precision)
    if accelerator.is_main_process:
        _write_history(history, folder / "loss.csv")
        accelerator.unwrap_model(model).save(folder)
        _remove_checkpoints(folder)
    accelerator.wait_for_everyone()
    return pd.DataFrame(history)


def _players(model, loss, config):
    """Return the players of `loss`; a single function is one without a name that moves everything."""
    players = loss if isinstance(loss, dict) else {"": (torch.nn.Module.parameters, loss)}
    return [Player(name, model, *player, config) for name, player in players.items()]


def _precision(state, model, loss, batches, config, folder):
    """Return fp32 or bf16; what was measured is kept in the folder, so that a run goes on as it began."""
    if config.precision != "auto":
        return config.precision
    path = folder / "precision.json"
    if state.is_main_process and not path.exists():
        batch, trial = (
            batches(0, 0, state.num_processes).to(state.device),
            copy.deepcopy(model).to(state.device).train(),
        )
        players = _players(trial, loss, config)

        def _backward(precision):
            for player in players:
                with cast(precision, state.device):
                    value = player.loss(trial, batch)
                value.backward(inputs=player.inputs)

        choice, gain = fastest(_backward, state.device)
        print(f"{folder.name}: bf16 runs {gain:.2f} times as fast as fp32 on this machine; taking {choice}.")
        _write_text(json.dumps({"precision": choice, "gain": gain}), path)
    state.wait_for_everyone()
    return json.loads(path.read_text())["precision"]


def _loop(accelerator, model, players, batches, config, folder, history, precision):
    rank, n_ranks = accelerator.process_index, accelerator.num_processes
    bar = _progress(folder.name, len(history), config.max_steps, accelerator.is_main_process)
    for step in range(len(history), config.max_steps):
        batch = batches(step, rank, n_ranks).to(accelerator.device)
        rate = players[0].optimizer.param_groups[0]["lr"]
        losses = {p.name: _move(accelerator, model, p, batch, config.grad_clip, precision) for p in players}
        for name, value in losses.items():
            if not math.isfinite(value):
                whose = f" of the {name}" if name else ""
                text = f"{folder.name}: the loss{whose} is {value} at step {step}; lower learning_rate and start again."
                if accelerator.is_main_process:
                    _write_text(text, folder / "diverged.txt")
                raise Diverged(text)
        row = {"step": step, "loss": losses[players[-1].name], "learning_rate": rate}
        history.append(row | {f"loss_{name}": value for name, value in losses.items() if name})
        bar.set_postfix(loss=f"{row['loss']:.5f}", refresh=False)
        bar.update()
        if (step + 1) % config.checkpoint_every == 0 and step + 1 < config.max_steps:
            _checkpoint(accelerator, folder, step + 1, history)
    bar.close()


def _move(accelerator, model, player, batch, grad_clip, precision):
    """Move one player's parameters; return its loss, the mean over processes."""
    with cast(precision, accelerator.device):
        value = player.loss(model, batch)
    accelerator.backward(value, inputs=player.inputs)
    if grad_clip:
        accelerator.clip_grad_norm_(player.parameters, grad_clip)
    player.optimizer.step()
    player.schedule.step()
    player.optimizer.zero_grad(set_to_none=True)
    return accelerator.reduce(value.detach(), "mean").item()


def _progress(name, done, total, show):
    return tqdm(
        desc=name, initial=done, total=total, unit="step", file=sys.stdout, mininterval=5, ascii=True, disable=not show
    )


def _keep_if_same(folder, fingerprint):
    """Empty the folder unless it belongs to a run of the same fingerprint."""
    wanted = json.dumps(fingerprint, sort_keys=True, indent=1)
    path = folder / "fingerprint.json"
    if not (path.exists() and path.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path.write_text(wanted)


def _checkpoint(accelerator, folder, step, history):
    part, name = folder / ".part", folder / f"step-{step:08d}"
    if accelerator.is_main_process:
        shutil.rmtree(part, ignore_errors=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(part))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        _write_history(history, part / "loss.csv")
        os.replace(part, name)
        _remove_checkpoints(folder, keep=name)
    accelerator.wait_for_everyone()


def _resume(accelerator, folder):
    """Load the newest checkpoint, all random states included; return the loss history up to it."""
    found = sorted(folder.glob("step-*"))
    if not found:
        return []
    accelerator.load_state(str(found[-1]))
    history = pd.read_csv(found[-1] / "loss.csv").to_dict("records")
    print(f"{folder.name}: going on from step {len(history)}.")
    return history


def _remove_checkpoints(folder, keep=None):
    for path in folder.glob("step-*"):
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def _write_history(history, path):
    _write_text(pd.DataFrame(history).to_csv(index=False), path)


def _write_text(text, path):
    part = path.with_suffix(".part")
    part.write_text(text)
    os.replace(part, path)
