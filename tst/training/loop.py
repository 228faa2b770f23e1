"""The training loop: Adam, gradient clipping, checkpoints that resume, a loss curve.

It knows no architecture. Device, precision and processes are Accelerate's (several processes:
`tst.models.jobs`). A batch is a function of the step, so that a run which was killed goes on from
its last checkpoint with the same numbers as one that was not. A batch that does not fit into memory
is divided, and this is said; a loss or weight that is no number ends the run.
"""

import copy
import json
import math
import resource
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import set_seed
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

from tst.io import files, progress
from tst.training import checkpoints, memory
from tst.training.batches import Batches, Loss, MicroBatches
from tst.training.config import TrainConfig
from tst.training.held_out import SLOWER, HeldOut, Score
from tst.training.objectives import Objective, Objectives, objectives_of
from tst.training.precision import cast, fastest

__all__ = ["DeviceLost", "Diverged", "TrainConfig", "optimise"]

DIVERGED_FILE = "diverged.txt"  # holds the sentence of the step at which a run diverged
# Seconds of the steps so far, on the wall and on this process's cores; device and precision.
COST_FILE = "cost.json"
CLOCKS = {"seconds": time.perf_counter, "core_seconds": time.process_time}
GB = 2**30
KB_IN_GB = 2**20  # Linux gives the peak memory of a process in KB

History = list[dict[str, float]]


class Diverged(RuntimeError):
    """The loss, or a weight, is no longer a number; the last checkpoint is kept."""


class DeviceLost(RuntimeError):
    """The GPU went away, or fails; the last checkpoint is kept."""


def optimise(
    model: torch.nn.Module,
    loss: Loss | Objectives,
    batches: Batches,
    config: TrainConfig,
    folder: Path | str,
    fingerprint: Mapping[str, Any],
    begin: Callable[[], object] | None = None,
    score: Score | None = None,
    label: str = "",
) -> pd.DataFrame:
    """Train a model, resume an interrupted run, or load the history of a finished one.

    Parameters
    ----------
    model
        Module with `save(folder)`, which writes model.safetensors last.
    loss
        Function (model, batch) -> scalar; with several processes its mean over them is the loss. Or
        objectives, {name: (function model -> parameters, function (model, batch) -> scalar)}: each
        step they move in this order, on the same batch, in one process only.
    batches
        Function (step, rank, n_ranks) -> batch with `to(device)`.
    config
        Settings of the run.
    folder
        Where model, loss.csv and checkpoints go.
    fingerprint
        JSON mapping of all that decides the result (data, settings, code); a folder with another
        one is emptied, and the run starts afresh.
    begin
        Called before the first step, not by a run that resumes: the same in every process.
    score
        How good a model is by held-out data: the run ends where that no longer rises, and its model
        is the best one seen; one that was best at once begins again (`tst.training.held_out`).
    label
        What progress and errors call the run; empty: the folder's name.

    Returns
    -------
    Columns step, loss, learning_rate; with a score, held_out, empty where none was taken, and try,
    2 where the run had begun again; with objectives, `loss` is the last one's and each has a column
    loss_<name>.

    Raises
    ------
    Diverged
        Where the loss or a weight is no number, now or in an earlier run of this fingerprint.
    DeviceLost
        Where the GPU fails.
    MemoryError
        Where a single series does not fit into memory.
    """
    folder = Path(folder)
    name = label or folder.name
    state = PartialState(cpu=not torch.cuda.is_available())
    if state.is_main_process:
        _empty_unless_same(folder, fingerprint)
    state.wait_for_everyone()
    if (folder / "model.safetensors").exists():
        return _finished_history(folder, name, state)
    if (folder / DIVERGED_FILE).exists():
        raise Diverged((folder / DIVERGED_FILE).read_text())
    if isinstance(loss, Mapping) and state.num_processes > 1:
        raise ValueError(f"{name}: players train in one process, not in {state.num_processes}.")
    precision = _decided_precision(state, model, loss, batches, config, folder, name)
    run = _Run(model, loss, batches, config, folder, name, precision, score)
    if begin is not None and not run.history:
        begin()
    return run.train()


def _empty_unless_same(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    """Empty the folder unless it belongs to a run of the same fingerprint."""
    text = json.dumps(fingerprint, sort_keys=True, indent=1)
    path = folder / "fingerprint.json"
    if not (path.exists() and path.read_text() == text):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        files.write_text(text, path)


def _finished_history(folder: Path, name: str, state: PartialState) -> pd.DataFrame:
    """Return the loss history of a finished run, and say that it is one."""
    if state.is_main_process:
        # Left by a run killed after it saved the model and before it deleted its checkpoints.
        checkpoints.remove(folder)
    history = pd.read_csv(folder / "loss.csv")
    cost = _cost(folder)
    print(
        f"{name}: already trained on the same data with the same code and settings: "
        f"{len(history):,} steps in {cost['seconds']:,.0f} s on {cost['device']}."
    )
    return history


def _decided_precision(
    state: PartialState,
    model: torch.nn.Module,
    loss: Loss | Objectives,
    batches: Batches,
    config: TrainConfig,
    folder: Path,
    name: str,
) -> str:
    """Return fp32 or bf16; what was measured is kept in the folder, so that a run resumes in it."""
    if config.precision != "auto":
        return config.precision
    path = folder / "precision.json"
    if state.is_main_process and not path.exists():
        batch = batches(0, 0, state.num_processes).to(state.device)
        trial = copy.deepcopy(model).to(state.device).train()
        objectives = objectives_of(trial, loss, config)

        def backward(precision: str) -> None:
            for objective in objectives:
                with cast(precision, state.device):
                    value = objective.loss(trial, batch)
                value.backward(inputs=objective.inputs)

        choice, gain = fastest(backward, state.device)
        print(
            f"{name}: bf16 runs {gain:.2f} times as fast as fp32 on this machine; taking {choice}."
        )
        files.write_text(json.dumps({"precision": choice, "gain": gain}), path)
    state.wait_for_everyone()
    return str(json.loads(path.read_text())["precision"])


class _Run:
    """A run on its device: prepared, resumed where it stopped, trained and saved."""

    def __init__(
        self,
        model: torch.nn.Module,
        loss: Loss | Objectives,
        batches: Batches,
        config: TrainConfig,
        folder: Path,
        name: str,
        precision: str,
        score: Score | None,
    ) -> None:
        self.config = config
        self.folder = folder
        self.name = name
        self.precision = precision
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        set_seed(config.seed, device_specific=True)
        self.objectives = objectives_of(model, loss, config)
        optimizers = [objective.optimizer for objective in self.objectives]
        self.model, *prepared = self.accelerator.prepare(model, *optimizers)
        for objective, optimizer in zip(self.objectives, prepared, strict=True):
            objective.optimizer = optimizer
        self.batches = MicroBatches(self.accelerator, batches, config.batch_size, name)
        self.held_out: HeldOut | None = None
        if score is not None:
            self.held_out = HeldOut(self.accelerator.unwrap_model(self.model), score, config)
        self.history: History = checkpoints.resume(
            self.accelerator, self.objectives, folder, self.held_out
        )
        self.spent = dict.fromkeys(CLOCKS, 0.0)  # before this run, by clock
        if self.history:
            self.spent = {clock: _cost(folder)[clock] for clock in CLOCKS}
        self.started = {clock: now() for clock, now in CLOCKS.items()}

    def train(self) -> pd.DataFrame:
        """Take the steps that are left and save the model; return the loss history."""
        self.model.train()
        if self.accelerator.device.type == "cpu":
            memory.keep_freed()
        first = len(self.history)
        with self._progress_bar(first) as bar:
            for step in range(first, self.config.max_steps):
                row = self._step(step)
                peak = _peak_memory(self.accelerator.device)
                bar.set_postfix_str(f"loss {row['loss']:.5f}, {peak}", refresh=False)
                bar.update()
                self._save_checkpoint_if_due(step)
                if self.held_out is not None and self.held_out.is_over:
                    break
        if self.held_out is not None:
            self.held_out.finish()
        history = pd.DataFrame(self.history)
        if self.accelerator.is_main_process:
            files.write_text(history.to_csv(index=False), self.folder / "loss.csv")
            self._write_cost()
            self.accelerator.unwrap_model(self.model).save(self.folder)
            checkpoints.remove(self.folder)
        self.accelerator.wait_for_everyone()
        return history

    def _step(self, step: int) -> dict[str, float]:
        """Move all objectives once; return the step's row of the history, which it is added to."""
        rate = self.objectives[0].optimizer.param_groups[0]["lr"]
        losses = {}
        try:
            for objective in self.objectives:
                losses[objective.name] = self._move(objective, step)
        except RuntimeError as error:
            _check_device(error, self.name, step)
            raise
        for name, value in losses.items():
            subject = f"loss of the {name}" if name else "loss"
            self._check_finite(math.isfinite(value), f"{subject} is {value}", step)
        row = {"step": step, "loss": losses[self.objectives[-1].name], "learning_rate": rate}
        row |= {f"loss_{name}": value for name, value in losses.items() if name}
        if self.held_out is not None:
            score = self.held_out.after_step(step)
            row["held_out"] = math.nan if score is None else score
            row["try"] = 2 if self.held_out.n_before else 1
            if self.held_out.is_too_fast(step):
                self.held_out.begin_again()
                for objective in self.objectives:
                    objective.begin_again(SLOWER)
        self.history.append(row)
        return row

    def _move(self, objective: Objective, step: int) -> float:
        """Move one objective's parameters; return its loss, the mean over pieces and processes."""
        loss = self._backward(objective, step)
        if self.config.grad_clip:
            self.accelerator.clip_grad_norm_(objective.parameters, self.config.grad_clip)
        objective.optimizer.step()
        objective.schedule.step()
        objective.optimizer.zero_grad(set_to_none=True)
        return float(self.accelerator.reduce(loss, "mean").item())

    def _backward(self, objective: Objective, step: int) -> torch.Tensor:
        """Compute the gradients of a step in as many pieces as memory asks for; return the loss."""
        while True:
            try:
                return self._backward_by_pieces(objective, step)
            except (RuntimeError, MemoryError) as error:
                if not (isinstance(error, MemoryError) or should_reduce_batch_size(error)):
                    raise
                objective.optimizer.zero_grad(set_to_none=True)
                self.batches.halve(error)
            # Here, for within the except block the error still holds the tensors of its frames.
            clear_device_cache(garbage_collection=True)

    def _backward_by_pieces(self, objective: Objective, step: int) -> torch.Tensor:
        """Add up the gradients of the pieces of a batch; return the sum of their shares of it."""
        loss: Any = 0.0
        for batch in self.batches.pieces(step):
            with cast(self.precision, self.accelerator.device):
                value = objective.loss(self.model, batch) / self.batches.n_pieces
            self.accelerator.backward(value, inputs=objective.inputs)
            loss = loss + value.detach()
        return loss

    def _save_checkpoint_if_due(self, step: int) -> None:
        """Save a checkpoint where one is due after a step, and check the weights here and last."""
        is_last = step + 1 == self.config.max_steps
        is_due = (step + 1) % self.config.checkpoint_every == 0
        if is_last or is_due:
            finite = all(bool(p.isfinite().all()) for p in self.model.parameters())
            problem = "weights are no numbers any more (the loss still was one)"
            self._check_finite(finite, problem, step)
        if is_due and not is_last:
            if self.accelerator.is_main_process:
                self._write_cost()
            checkpoints.save(
                self.accelerator, self.objectives, self.folder, self.history, self.held_out
            )

    def _write_cost(self) -> None:
        """Write what the steps so far took; what a killed run did in vain is left out."""
        cost: dict[str, Any] = {
            clock: self.spent[clock] + now() - self.started[clock] for clock, now in CLOCKS.items()
        }
        cost["device"] = _device_name(self.accelerator.device)
        cost["precision"] = self.precision
        files.write_text(json.dumps(cost), self.folder / COST_FILE)

    def _check_finite(self, finite: bool, problem: str, step: int) -> None:
        """Raise Diverged, and leave its sentence in the folder, unless all was finite."""
        if finite:
            return
        text = f"{self.name}: the {problem} at step {step}; lower learning_rate and start again."
        if self.accelerator.is_main_process:
            files.write_text(text, self.folder / DIVERGED_FILE)
        raise Diverged(text)

    def _progress_bar(self, n_done: int) -> Any:
        """Return a progress bar on standard output, which only the main process shows."""
        return progress.bar(
            self.name,
            "step",
            self.config.max_steps,
            n_done,
            hidden=not self.accelerator.is_main_process,
        )


def _check_device(error: RuntimeError, name: str, step: int) -> None:
    """Raise DeviceLost where an error is the GPU's own."""
    first_line = (str(error).splitlines() or [""])[0]
    if "CUDA error" in first_line or "CUDA driver error" in first_line:
        raise DeviceLost(
            f"{name}: the GPU failed at step {step} ({first_line}); check it with "
            "nvidia-smi and run the same command again: it goes on from the last checkpoint."
        ) from error


def _cost(folder: Path) -> dict[str, Any]:
    """Return what the steps of a run took up to its end or newest checkpoint."""
    cost: dict[str, Any] = json.loads((folder / COST_FILE).read_text())
    return cost


def _device_name(device: torch.device) -> str:
    """Return the name of a GPU, or `the CPU`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"


def _peak_memory(device: torch.device) -> str:
    """Return the peak memory so far as text, and of which device."""
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / GB
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_IN_GB
    return f"{peak:.2f} GB on {_device_name(device)}"
