"""Train a generator on windows within a number of core-seconds, and sample it: ours and others'.

What was done is kept in the data set's folder and loaded the next time: our models as the training
loop keeps them, the others' samples under the digest of all that decides them. A run that was
stopped goes on where it was.
"""

import hashlib
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tst.data import windows
from tst.errors import DataError
from tst.evaluation import peer_windows
from tst.io import files, paths
from tst.models import jobs
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger.config import DGConfig
from tst.models.jobs import Job
from tst.series import SeriesSet
from tst.study.peers.run_peer import MODELS
from tst.study.training import TrainingWorkspace
from tst.synthesiser import STEPS_FILE, Synthesiser
from tst.table.overlap import SEGMENT
from tst.table.table import Table
from tst.training import loop
from tst.training.config import TrainConfig
from tst.vocabulary import OWN_BUDGET

PROGRAM = Path(__file__).parent / "run_peer.py"
# Of DG: the difference of the last two short runs is the time of its steps; the first one begins.
TIMED_STEPS = (1, 5, 45)
DG_BATCH = 100  # series, the paper's
# Of ours the user's minutes are the rule, and it ends before where held-out likelihood falls: half
# of what the 10,000 steps of Diffusion-TS on Stocks take on one core, by 400 of them.
OWN_SECONDS = 720.0


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a generator made, and what it cost.

    Parameters
    ----------
    values
        float32, shape (N, length, n_features).
    core_seconds
        Of the training.
    """

    values: np.ndarray
    core_seconds: float


def interpreter() -> Path:
    """Return the Python of the peers' environment, whether it exists or not."""
    return paths.ROOT / ".peers" / "env" / "bin" / "python"


def make(
    work: TrainingWorkspace,
    real: SeriesSet,
    model: str,
    *,
    seconds: float,
    max_steps: int,
    seed: int,
    n: int,
) -> Made:
    """Train and sample a model by its key: tst, tst_own, doppelganger, or another's (`peer`).

    Parameters
    ----------
    seconds
        Core-seconds of the training.
    max_steps
        Optimiser steps of ours and DG instead; 0: as many as fit into the seconds.
    n
        Windows to sample.
    """
    budget: dict[str, Any] = {"seconds": seconds, "seed": seed, "n": n}
    if model.removesuffix(OWN_BUDGET) == "tst":
        return ours(work, real, model, max_steps=max_steps, **budget)
    if model == "doppelganger":
        return dg(work, real, max_steps=max_steps, **budget)
    return peer(work, real, model, **budget)


def ours(
    work: TrainingWorkspace,
    real: SeriesSet,
    key: str,
    *,
    seconds: float,
    max_steps: int,
    seed: int,
    n: int,
) -> Made:
    """Train the tool's own model as a user would, `Synthesiser`, and sample it.

    Parameters
    ----------
    key
        tst, or tst_own: for OWN_SECONDS.
    seconds, max_steps, seed, n
        As in `make`.
    """
    if key.endswith(OWN_BUDGET):
        seconds = OWN_SECONDS
    folder = work.folder / f"{key}-seed{seed}"
    model = Synthesiser(max_steps=max_steps or None, minutes=seconds / 60, seed=seed, folder=folder)
    model.fit_series(in_segments(real), _table(real))
    series = model.sample_series(n, seed)
    core_seconds = _core_seconds(folder / "model") + _begun(folder)
    return Made(values=windows.arrays(series), core_seconds=core_seconds)


def in_segments(real: SeriesSet) -> SeriesSet:
    """Return windows by segments of time, those that reach from one into the next left out.

    Windows next to each other share their steps. Were single ones held out, a model that learns the
    others by heart would seem to do well, and train on: of fMRI windows of new times are likeliest
    after 50 steps, single windows held out ever likelier for thousands.
    """
    starts = real.attributes["start"].to_numpy()
    blocks = peer_windows.time_blocks(starts, int(real.lengths[0]))
    inside = np.flatnonzero(blocks != peer_windows.ACROSS)
    kept = real.take(inside)
    attributes = kept.attributes.assign(**{SEGMENT: blocks[inside]})
    return replace(kept, attributes=attributes, group=SEGMENT)


def dg(
    work: TrainingWorkspace, real: SeriesSet, *, seconds: float, max_steps: int, seed: int, n: int
) -> Made:
    """Train DoppelGANger as notebook 3 has it, at its paper's sizes, and sample it."""
    length = int(real.lengths[0])
    config = DGConfig(
        n_features=real.n_features,
        attributes=(),
        max_steps=length,
        sample_len=_roll(length),
    )
    settings = TrainConfig(
        max_steps=1, batch_size=DG_BATCH, learning_rate=1e-3, betas=(0.5, 0.999), grad_clip=None
    )
    data = work.folder / "train"
    if not max_steps:
        max_steps = _affordable_steps(work, data, config, settings, seconds)
    settings = replace(settings, max_steps=max_steps, seed=seed)
    folder = work.folder / f"doppelganger-seed{seed}"
    job = Job.of(doppelganger.SPEC, data, folder, config, settings)
    jobs.train_all([job])
    series = _whole(job.load().sample(n, seed), length)
    return Made(values=windows.arrays(series), core_seconds=_core_seconds(folder))


def _whole(series: SeriesSet, length: int) -> SeriesSet:
    """Return series of one length: DG may end one early, whose last step is then repeated."""
    values, mask = series.padded(length)
    last = series.lengths.clip(max=length) - 1
    ends = values[np.arange(len(series)), last][:, None]  # (n_series, 1, n_features)
    return windows.like(series, np.where(mask[..., None], values, ends), series.model)


def peer(
    work: TrainingWorkspace, real: SeriesSet, model: str, *, seconds: float, seed: int, n: int
) -> Made:
    """Train and sample another project's generator in its own environment (`run_peer.py`).

    Parameters
    ----------
    model
        tabular_argn or par; with `_own` at the end its own rule says when to stop.
    seconds, seed, n
        As in `make`.

    Raises
    ------
    DataError
        Where it is unknown, its environment is missing or its program fails.
    """
    if model.removesuffix(OWN_BUDGET) not in MODELS:
        raise DataError(
            f"unknown model '{model}'; known are tst, doppelganger, {', '.join(MODELS)}."
        )
    if not interpreter().is_file():
        raise DataError(f"{model} is not installed here: run make peers.")
    if model.endswith(OWN_BUDGET):
        seconds = 0.0
    facts = {
        "windows": real.sha256(),
        "settings": [model, seconds, seed, n],
        "program": PROGRAM.read_text(),
        "packages": PROGRAM.with_name("requirements.txt").read_text(),
    }
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    out = work.folder / f"{model}-seed{seed}" / f"{digest}.npy"
    if not out.is_file():
        _run(work, real, out, [model.removesuffix(OWN_BUDGET)], seconds=seconds, seed=seed, n=n)
    said = json.loads(out.with_suffix(".json").read_text())
    return Made(values=np.load(out, allow_pickle=False), core_seconds=said["core_seconds"])


def _run(
    work: TrainingWorkspace, real: SeriesSet, out: Path, command: list[str], **options: float
) -> None:
    """Start the program of the peers' environment and wait for it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    source = work.folder / "windows.npy"
    np.save(source, windows.arrays(real), allow_pickle=False)
    words = [str(PROGRAM), *command, str(source), str(out)]
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    run_program(command[0], words, out)


def run_program(model: str, words: Sequence[str], out: Path, **variables: str) -> None:
    """Run a program in the peers' environment and wait for it; what it says is a log beside `out`.

    Parameters
    ----------
    model
        Whose program it is.
    words
        The program and its arguments.
    variables
        Of its environment, beside ours.

    Raises
    ------
    DataError
        Where it fails.
    """
    # Its own packages alone: this project's path would shadow them.
    environment = paths.environment() | variables
    environment.pop("PYTHONPATH", None)
    words = [str(interpreter()), *words]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    files.write_text(done.stdout + done.stderr, out.with_suffix(".log"))
    if done.returncode:
        reason = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise DataError(f"{model} failed: {' '.join(reason)[:200]}; its log is {out.stem}.log.")


def _affordable_steps(
    work: TrainingWorkspace, data: Path, config: DGConfig, settings: TrainConfig, seconds: float
) -> int:
    """Return the steps of DG that fit into core-seconds, measured once."""
    path = work.folder / "dg-steps.json"
    decided_by = [SeriesSet.load(data).sha256(), asdict(config), settings.batch_size]
    known = json.loads(path.read_text()) if path.is_file() else {}
    if known.get("of") != json.loads(json.dumps(decided_by)):
        spent = []
        for n_steps in TIMED_STEPS:
            job = work.trial(
                doppelganger.SPEC, config, replace(settings, max_steps=n_steps), "timed"
            )
            started = time.process_time()
            jobs.train_all([job])
            spent.append(time.process_time() - started)
        step = (spent[-1] - spent[-2]) / (TIMED_STEPS[-1] - TIMED_STEPS[-2])
        known = {"of": decided_by, "seconds": step}
        files.write_text(json.dumps(known), path)
    return max(1, int(seconds / known["seconds"]))


def _core_seconds(folder: Path) -> float:
    """Return what the optimiser steps of a model took, over all runs of its training."""
    cost = json.loads((folder / loop.COST_FILE).read_text())
    return float(cost["core_seconds"])


def _begun(folder: Path) -> float:
    """Return what the levels of ours took, which are learned where its steps are counted."""
    path = folder / STEPS_FILE
    facts = json.loads(path.read_text()) if path.is_file() else {}
    return float(facts.get("begun_core_seconds", 0.0))


def _roll(length: int) -> int:
    """Return DG's steps a roll: the paper's fiftieth of the length, as far as it divides it."""
    wanted = max(1, round(length / 50))
    return max(n for n in range(1, wanted + 1) if length % n == 0)


def _table(real: SeriesSet) -> Table:
    """Return the table whose rows the windows are: its columns, from the first few windows."""
    few = real.take(range(min(3, len(real))))
    frame = pd.DataFrame(few.values, columns=real.feature_names)
    frame.insert(0, "window", few.series_index)
    frame.insert(1, "step", few.step_index)
    roles: dict[str, Any] = {"id": "window", "time": "step"}
    return Table.fit(frame, roles)[0]
