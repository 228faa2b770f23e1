"""Training jobs: what one run needs, as data; run here, on several processes, or on a cluster.

A notebook describes its grid (models, seeds, settings) as jobs and hands them to `train_all`; a
seed that diverges is reported and left out, the others go on. Engine "here" trains one after
another in this process; with n_processes > 1 each job is a `torch.distributed.run` of its own, data
parallel (never a fork of a kernel that has run torch: that deadlocks); "local" and "slurm" are
submitit's, each job a task of the engine.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import pandas as pd
import torch
from accelerate import PartialState

from tst.errors import DataError
from tst.io import closure, files
from tst.io.untrusted import from_mapping
from tst.models import spec_of
from tst.models.base import Generator, ModelSpec, Training
from tst.series import SeriesSet
from tst.training import loop
from tst.training.loop import TrainConfig
from tst.training.timing import seconds_per_step

Engine = Literal["here", "local", "slurm"]
FAILED = "job failed: "
# Rooms whose modules, as far as a model imports them, decide the result of its training.
ROOMS = ("models", "training", "cycles.py", "endings.py", "series.py")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training run, as JSON holds it.

    Parameters
    ----------
    model
        Key of the model in `tst.models.MODELS`.
    data
        Folder of the training `SeriesSet`.
    folder
        Where the trained model goes.
    config, train
        Fields of the model's configuration and of `TrainConfig`.
    label
        What the training loop calls it in progress and errors; empty: the folder's name.
    """

    model: str
    data: str
    folder: str
    config: dict[str, Any]
    train: dict[str, Any]
    label: str = ""

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        data: Path | str,
        folder: Path | str,
        config: Any,
        settings: TrainConfig,
    ) -> Self:
        """Return the job that trains a model of `spec` with a configuration of its type."""
        if not isinstance(config, spec.config):
            raise DataError(
                f"model '{spec.key}' takes a {spec.config.__name__}, not {type(config).__name__}."
            )
        return cls(
            model=spec.key,
            data=str(Path(data).resolve()),
            folder=str(Path(folder).resolve()),
            config=asdict(config),
            train=asdict(settings),
        )

    @classmethod
    def finished(cls, folder: Path | str, data: Path | str) -> Self:
        """Return the job of a finished run, from what it keeps in its folder.

        Parameters
        ----------
        data
            Folder of its training set.
        """
        facts = json.loads((Path(folder) / "fingerprint.json").read_text())
        kept = {name: facts[name] for name in ("model", "config", "train")}
        return cls(data=str(data), folder=str(folder), **kept)

    @property
    def seed(self) -> int:
        """The run's random seed."""
        return int(self.train["seed"])

    @property
    def is_done(self) -> bool:
        """Whether the trained model is there."""
        return (Path(self.folder) / "model.safetensors").exists()

    def load(self) -> Generator:
        """Return the trained model."""
        return spec_of(self.model).load(Path(self.folder))

    def digest(self) -> str:
        """Return 12 hex digits that name a job by what it trains: data, folder and label aside."""
        facts = {"model": self.model, "config": self.config, "train": self.train}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]

    def prepare(self, **changes: Any) -> tuple[Training, TrainConfig, SeriesSet]:
        """Return what the loop needs, the settings (with `changes`), and the training set."""
        spec = spec_of(self.model)
        real = SeriesSet.load(self.data)
        settings = TrainConfig(**self.train | changes)
        config: Any = from_mapping(spec.config, self.config)
        torch.manual_seed(settings.seed)
        return spec.prepare(config, real, settings), settings, real


def deciding_files(spec: ModelSpec) -> set[Path]:
    """Return the files that decide what a training gives: the model's, the loop's, and this one."""
    model = closure.ROOT.joinpath(*spec.module.split(".")).with_suffix(".py")
    training_loop = Path(loop.__file__).resolve()
    modules = {
        *closure.deciding_files(model, ROOMS),
        *closure.deciding_files(training_loop, ROOMS),
        Path(__file__).resolve(),
    }
    return modules | closure.data_files(modules)


def code(spec: ModelSpec) -> str:
    """Return the fingerprint of the code that decides what a training of this model gives."""
    return closure.fingerprint(deciding_files(spec))


def train(job: Job) -> pd.DataFrame:
    """Train what a job describes, or load it if it is done; return its loss history."""
    training, settings, real = job.prepare()
    facts = {"model": job.model, "config": job.config, "train": job.train}
    facts |= {"data": real.sha256(), "code": code(spec_of(job.model))}
    history = loop.optimise(
        training.model,
        training.loss,
        training.batches,
        settings,
        job.folder,
        facts,
        training.begin,
        training.score,
        job.label,
    )
    return history.assign(seed=settings.seed)


def step_seconds(job: Job, n_steps: int = 5) -> float:
    """Return the least processor seconds of forward and backward in fp32 over some steps."""
    training, _, _ = job.prepare()
    if not callable(training.loss):
        raise DataError(
            f"model '{job.model}' has several losses; a training step of one is measured."
        )
    return seconds_per_step(training.model, training.loss, training.batches, n_steps)


def train_all(
    jobs: Sequence[Job], engine: Engine = "here", n_processes: int = 1, **resources: Any
) -> pd.DataFrame:
    """Run jobs and return their loss histories, one frame with a column `seed`.

    Parameters
    ----------
    engine
        here, local (submitit's subprocesses, all jobs at once) or slurm.
    n_processes
        Data-parallel processes a job: the same global batch, split.
    resources
        submitit's parameters of a task, for example timeout_min, cpus_per_task, slurm_partition.

    Raises
    ------
    Diverged
        Where every run diverged.
    """
    if engine not in get_args(Engine):
        raise ValueError(f"engine is '{engine}'; use one of {', '.join(get_args(Engine))}.")
    if n_processes > 1 or engine != "here":
        _run_elsewhere(jobs, engine, n_processes, resources)
    # After an engine, this loads what it trained.
    histories = [_attempt(job) for job in jobs]
    finished = [history for history in histories if history is not None]
    if not finished:
        raise loop.Diverged(f"all {len(jobs)} runs diverged; lower learning_rate and start again.")
    return pd.concat(finished, ignore_index=True)


def done(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs whose model is there."""
    return [job for job in jobs if job.is_done]


def _attempt(job: Job) -> pd.DataFrame | None:
    """Return the loss history of a job, or None, and say so, where it diverges."""
    try:
        return train(job)
    except loop.Diverged as error:
        print(f"seed {job.seed} failed: {error}")
        return None


def _run_elsewhere(
    jobs: Sequence[Job], engine: Engine, n_processes: int, resources: dict[str, Any]
) -> None:
    """Run jobs in processes of their own, or as tasks of an engine, and wait for all."""
    if engine == "here":
        for job in jobs:
            run_alone(job, n_processes)
        return
    import submitit  # only who uses an engine pays for it

    executor = submitit.AutoExecutor(Path(jobs[0].folder).parent / "engine", cluster=engine)
    executor.update_parameters(**({"timeout_min": 24 * 60} | resources))
    tasks = [executor.submit(_run_command, _command(job, n_processes)) for job in jobs]
    for task in tasks:
        task.result()


def run_alone(job: Job, n_processes: int = 1) -> None:
    """Run a job in processes of its own and wait for it."""
    _run_command(_command(job, n_processes))


def _command(job: Job, n_processes: int) -> list[str]:
    """Write a job's file beside its folder and return the command that runs it."""
    path = Path(job.folder).with_suffix(".job.json")
    files.write_text(json.dumps(asdict(job)), path)
    module = ["-m", "tst.models.jobs", str(path)]
    if n_processes == 1:
        return [sys.executable, *module]
    launcher = ["torch.distributed.run", "--standalone", f"--nproc_per_node={n_processes}"]
    return [sys.executable, "-m", *launcher, *module]


def _run_command(command: list[str]) -> None:
    """Run a command of `_command`; a failure raises RuntimeError with the line that says why."""
    process = subprocess.run(command, cwd=closure.ROOT, stderr=subprocess.PIPE, text=True)
    if process.returncode == 0:
        return
    name = Path(command[-1]).name.removesuffix(".job.json")
    killed = re.search(r"Signal 9 \(SIGKILL\)|exitcode *: -9", process.stderr)
    if process.returncode == -signal.SIGKILL or killed:
        raise RuntimeError(
            f"{name}: a worker was killed, as the system does where memory runs out; free some, "
            "or lower batch_size, and run again: it goes on from the last checkpoint."
        )
    reasons = re.findall(rf"^{FAILED}(.*)$", process.stderr, re.M)
    last_lines = [line for line in process.stderr.splitlines() if line.strip(" =-")][-1:]
    reason = " ".join((reasons or last_lines)[:1])
    raise RuntimeError(f"{name} failed with code {process.returncode}: {reason}")


def main() -> None:
    """Run the job of a file: `python -m tst.models.jobs FILE`, or by `torch.distributed.run`."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        example = "results/laptop/artifacts/gcut/tst_paper-seed0.job.json"
        sys.exit(f"give the job's file: python -m tst.models.jobs {example}")
    n_processes = PartialState(cpu=not torch.cuda.is_available()).num_processes
    if n_processes > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // n_processes))
    try:
        train(from_mapping(Job, json.loads(Path(sys.argv[1]).read_text())))
    except loop.Diverged:
        pass  # the run's folder says so, and whoever asked for the job reads it there
    except ValueError as error:
        sys.exit(f"{FAILED}{error}")


if __name__ == "__main__":
    main()
