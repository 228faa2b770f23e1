"""The training loop: knows no architecture. Adam, gradient clipping, checkpoints that resume, a loss curve.

One loss moves all weights, or players move theirs in turn, each by its own loss and Adam (a GAN's critic and generator).
Device, precision and processes are Accelerate's (several processes: `tst.models.jobs`). A batch is a function of the step, so a
run that was killed goes on from its last checkpoint with the same numbers as one that was not. A batch that does not fit
into memory is worked off in halves, which is said; a loss or weight that is no number ends the run, its last checkpoint kept.
"""

import copy
import json
import math
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import set_seed
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from tqdm import tqdm

from tst.io import files
from tst.training import checkpoints
from tst.training.precision import cast, check, fastest


class Diverged(RuntimeError):
    """The loss, or a weight, is no longer a number; the last checkpoint is kept."""


class DeviceLost(RuntimeError):
    """The GPU went away, or fails; the last checkpoint is kept."""


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
    precision: str = (
        "fp32"  # fp32, bf16, or auto: the faster of the two, measured before the first step
    )
    betas: tuple = (0.9, 0.999)  # Adam's
    decay: bool = False  # after the warm-up, let the rate fall to 0 along a cosine

    def __post_init__(self):
        check(self.precision)
        object.__setattr__(self, "betas", tuple(self.betas))

    def rate(self, step):
        """Return the learning rate of a step, as a part of learning_rate."""
        fall = (1 + math.cos(math.pi * step / self.max_steps)) / 2 if self.decay else 1.0
        return min(1.0, (step + 1) / (self.warmup_steps + 1)) * fall


class Objective:
    """Who moves in a step: some of a model's parameters, their loss (model, batch) -> scalar, their Adam."""

    def __init__(self, name, model, parameters, loss, config):
        self.name, self.loss, self.parameters = name, loss, list(parameters(model))
        self.inputs = (
            self.parameters if name else None
        )  # gradients go to the player's own parameters only
        self.optimizer = torch.optim.Adam(
            self.parameters, lr=config.learning_rate, betas=config.betas, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, config.rate)


def optimise(model, loss, batches, config, folder, fingerprint):
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
        if state.is_main_process:
            checkpoints.remove(folder)  # of a run that was killed between its last two breaths
        print(
            f"{folder.name}: already trained on the same data with the same code and settings; nothing to do."
        )
        return pd.read_csv(folder / "loss.csv")
    if (folder / "diverged.txt").exists():
        raise Diverged((folder / "diverged.txt").read_text())
    if isinstance(loss, dict) and state.num_processes > 1:
        raise ValueError(
            f"{folder.name}: players train in one process, not in {state.num_processes}."
        )
    precision = _precision(state, model, loss, batches, config, folder)
    accelerator = Accelerator(cpu=state.device.type == "cpu")
    set_seed(config.seed, device_specific=True)
    players = _players(model, loss, config)
    model, *optimizers = accelerator.prepare(model, *(p.optimizer for p in players))
    for player, optimizer in zip(players, optimizers, strict=True):
        player.optimizer = optimizer
    history = checkpoints.resume(accelerator, players, folder)
    model.train()
    _loop(accelerator, model, players, batches, config, folder, history, precision)
    if accelerator.is_main_process:
        files.write_text(pd.DataFrame(history).to_csv(index=False), folder / "loss.csv")
        accelerator.unwrap_model(model).save(folder)
        checkpoints.remove(folder)
    accelerator.wait_for_everyone()
    return pd.DataFrame(history)


def _players(model, loss, config):
    """Return the players of `loss`; a single function is one without a name that moves everything."""
    players = loss if isinstance(loss, dict) else {"": (torch.nn.Module.parameters, loss)}
    return [Objective(name, model, *player, config) for name, player in players.items()]


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
        print(
            f"{folder.name}: bf16 runs {gain:.2f} times as fast as fp32 on this machine; taking {choice}."
        )
        files.write_text(json.dumps({"precision": choice, "gain": gain}), path)
    state.wait_for_everyone()
    return json.loads(path.read_text())["precision"]


def _loop(accelerator, model, players, batches, config, folder, history, precision):
    bar = _progress(folder.name, len(history), config.max_steps, accelerator.is_main_process)
    pieces = MicroBatches(accelerator, batches, config.batch_size, folder.name)
    for step in range(len(history), config.max_steps):
        rate = players[0].optimizer.param_groups[0]["lr"]
        try:
            losses = {
                p.name: _move(accelerator, model, p, pieces, step, config.grad_clip, precision)
                for p in players
            }
        except RuntimeError as error:
            _check_device(error, folder, step)
            raise
        for name, value in losses.items():
            whose = f" of the {name}" if name else ""
            _check_number(
                accelerator, folder, math.isfinite(value), f"loss{whose} is {value}", step
            )
        row = {"step": step, "loss": losses[players[-1].name], "learning_rate": rate}
        history.append(row | {f"loss_{name}": value for name, value in losses.items() if name})
        bar.set_postfix_str(f"loss {row['loss']:.5f}, {_memory(accelerator.device)}", refresh=False)
        bar.update()
        last, due = step + 1 == config.max_steps, (step + 1) % config.checkpoint_every == 0
        if last or due:
            finite = all(p.isfinite().all() for p in model.parameters())
            _check_number(
                accelerator,
                folder,
                finite,
                "weights are no numbers any more (the loss still was one)",
                step,
            )
        if due and not last:
            checkpoints.save(accelerator, players, folder, history)
    bar.close()


class MicroBatches:
    """The batch of a step, in as many pieces as memory asks for: one at first, twice as many whenever it does not do."""

    def __init__(self, accelerator, batches, batch_size, name):
        self.device, self.batches, self.name = accelerator.device, batches, name
        self.rank, self.n_ranks = accelerator.process_index, accelerator.num_processes
        self.n, self.batch_size = 1, batch_size
        self.step, self.whole = (
            None,
            None,
        )  # the batch of a step while it is one piece: all players move on it

    def of(self, step):
        """Return the pieces of this process's part of a step's batch, on the device, each made when it is asked for."""
        if self.n > 1:
            return (self._piece(step, i) for i in range(self.n))
        if self.step != step:
            self.step, self.whole = step, self._piece(step, 0)
        return [self.whole]

    def _piece(self, step, i):
        return self.batches(step, self.rank * self.n + i, self.n_ranks * self.n).to(self.device)

    def halve(self, error):
        """Take twice as many pieces and say so; raise MemoryError where a piece is one series, or others would wait."""
        if self.n_ranks > 1 or 2 * self.n > self.batch_size:
            what = "this part of the batch does" if self.n_ranks > 1 else "a single series does"
            raise MemoryError(
                f"{self.name}: {what} not fit into memory; lower batch_size or the window."
            ) from error
        self.n, self.step, self.whole = 2 * self.n, None, None
        print(
            f"{self.name}: no memory for the batch; going on with {self.n} pieces of it, their gradients added up."
        )


def _move(accelerator, model, player, pieces, step, grad_clip, precision):
    """Move one player's parameters; return its loss, the mean over pieces and processes."""
    while True:
        try:
            total = 0.0
            for batch in pieces.of(step):
                with cast(precision, accelerator.device):
                    value = player.loss(model, batch) / pieces.n
                accelerator.backward(value, inputs=player.inputs)
                total = total + value.detach()
            break
        except (RuntimeError, MemoryError) as error:
            if not (isinstance(error, MemoryError) or should_reduce_batch_size(error)):
                raise
            player.optimizer.zero_grad(set_to_none=True)
            pieces.halve(error)
        batch = value = None
        clear_device_cache(garbage_collection=True)
    if grad_clip:
        accelerator.clip_grad_norm_(player.parameters, grad_clip)
    player.optimizer.step()
    player.schedule.step()
    player.optimizer.zero_grad(set_to_none=True)
    return accelerator.reduce(total, "mean").item()


def _check_number(accelerator, folder, finite, what, step):
    """Raise Diverged, and leave its sentence in the folder, unless what was looked at is finite."""
    if finite:
        return
    text = f"{folder.name}: the {what} at step {step}; lower learning_rate and start again."
    if accelerator.is_main_process:
        files.write_text(text, folder / "diverged.txt")
    raise Diverged(text)


def _check_device(error, folder, step):
    """Raise DeviceLost where an error is the GPU's own."""
    first = str(error).splitlines()[0] if str(error) else ""
    if "CUDA error" in first or "CUDA driver error" in first:
        text = f"{folder.name}: the GPU failed at step {step} ({first}); check it with nvidia-smi and run the same command "
        raise DeviceLost(f"{text}again: it goes on from the last checkpoint.") from error


def _memory(device):
    """Return the peak memory so far as text, and of which device."""
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(device) / 2**30:.2f} GB on {torch.cuda.get_device_name(device)}"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB on the CPU"


def _progress(name, done, total, show):
    return tqdm(
        desc=name,
        initial=done,
        total=total,
        unit="step",
        file=sys.stdout,
        mininterval=5,
        ascii=True,
        disable=not show,
    )


def _keep_if_same(folder, fingerprint):
    """Empty the folder unless it belongs to a run of the same fingerprint."""
    wanted = json.dumps(fingerprint, sort_keys=True, indent=1)
    path = folder / "fingerprint.json"
    if not (path.exists() and path.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        files.write_text(wanted, path)
