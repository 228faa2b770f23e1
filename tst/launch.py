"""Training jobs: what one run needs, as data; run here, on several processes of a machine, or on a cluster's engine.

A notebook describes its grid (seeds, settings) as jobs and hands them to `run_all`. Engine "here" trains one after another
in this process; with n_processes > 1 each job is a `torch.distributed.run` of its own, data parallel (never a fork of a
kernel that has run torch: that deadlocks); "local" and "slurm" are submitit's, each job a task of the engine.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import submitit
import torch
from accelerate import PartialState

from tst import deps, preprocess, train
from tst.model import TST, Packing, TSTConfig, masked_mse
from tst.preprocess import Normaliser
from tst.series import DataError, SeriesSet

ENGINES = ("here", "local", "slurm")
FAILED = "job failed: "
CODE = ("attention", "model", "train", "preprocess")


def job(data, folder, model, settings, normaliser):
    """Return the description of one training run, as JSON holds it.

    Parameters
    ----------
    data
        Folder of the training `SeriesSet`.
    folder
        Where the model goes.
    model, settings, normaliser
        TSTConfig, TrainConfig and Normaliser.
    """
    return {
        "data": str(Path(data).resolve()),
        "folder": str(Path(folder).resolve()),
        "model": asdict(model),
        "train": asdict(settings),
        "normaliser": normaliser.to_dict(),
    }


def packed_mse(model, batch):
    """Return the paper's loss of a packed batch."""
    prediction = model(batch.inputs, Packing(batch.lengths, device=batch.inputs.device))
    return masked_mse(prediction, batch.targets, batch.weight)


def run(description):
    """Train what a job describes, or load it if it is done; return its loss history."""
    real = SeriesSet.load(description["data"])
    config, settings = TSTConfig.from_dict(description["model"]), train.TrainConfig(**description["train"])
    normaliser = Normaliser(**description["normaliser"])
    rows = preprocess.add_flags(normaliser.normalise(real)[0], real.lengths)
    windows = preprocess.window_lengths(real.lengths, config.context_length)
    batches = preprocess.PackedBatches(rows, windows, settings.batch_size, settings.seed)
    facts = {k: description[k] for k in ("model", "train", "normaliser")}
    facts |= {"data": real.sha256(), "code": deps.fingerprint(*CODE)}
    torch.manual_seed(settings.seed)
    history = train.fit(TST(config), packed_mse, batches, settings, description["folder"], facts)
    (Path(description["folder"]) / "normaliser.json").write_text(json.dumps(description["normaliser"]))
    return history.assign(seed=settings.seed)


def run_all(jobs, engine="here", n_processes=1, **resources):
    """Run jobs and return their loss histories, one frame with a column `seed`.

    Parameters
    ----------
    engine
        here, local (submitit's subprocesses, all jobs at once) or slurm.
    n_processes
        Data-parallel processes a job: the same global batch, split.
    resources
        submitit's parameters of a task, for example timeout_min, cpus_per_task, slurm_partition, slurm_gres.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine is '{engine}'; use one of {', '.join(ENGINES)}.")
    if n_processes == 1 and engine == "here":
        return pd.concat([run(j) for j in jobs], ignore_index=True)
    commands = [_command(j, n_processes) for j in jobs]
    if engine == "here":
        for command in commands:
            _checked(command)
    else:
        executor = submitit.AutoExecutor(Path(jobs[0]["folder"]).parent / "engine", cluster=engine)
        executor.update_parameters(**({"timeout_min": 24 * 60} | resources))
        for task in [executor.submit(_checked, command) for command in commands]:
            task.result()
    return pd.concat([run(j) for j in jobs], ignore_index=True)  # all done: this loads them


def _command(description, n_processes):
    """Write a job's file beside its folder and return the command that runs it."""
    folder = Path(description["folder"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_suffix(".job.json")
    path.write_text(json.dumps(description))
    several = ["torch.distributed.run", "--standalone", f"--nproc_per_node={n_processes}", "-m"] * (n_processes > 1)
    return [sys.executable, "-m", *several, "tst.launch", str(path)]


def _checked(command):
    """Run a command of `_command`; a failure raises with the line that says why."""
    done = subprocess.run(command, cwd=deps.ROOT, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        why = re.findall(rf"^{FAILED}(.*)$", done.stderr, re.M) or done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"{Path(command[-1]).stem} failed with code {done.returncode}: {' '.join(why[:1])}")


def main():
    """Run the job of a file: `python -m tst.launch FILE`, or under `python -m torch.distributed.run`."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("give the job's file: python -m tst.launch results/laptop/artifacts/gcut/tst_paper-seed0.job.json")
    n_processes = PartialState(cpu=not torch.cuda.is_available()).num_processes
    if n_processes > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // n_processes))
    try:
        run(json.loads(Path(sys.argv[1]).read_text()))
    except (DataError, train.Diverged, ValueError) as error:
        sys.exit(f"{FAILED}{error}")


if __name__ == "__main__":
    main()
