"""Training jobs: what one run needs, as data; run here, on several processes of a machine, or on a cluster's engine.

A notebook describes its grid (models, seeds, settings) as jobs and hands them to `run_all`; a seed that diverges is said
and left out, the others go on. Engine "here" trains one after another in this process; with n_processes > 1 each job is a
`torch.distributed.run` of its own, data parallel (never a fork of a kernel that has run torch: that deadlocks); "local" and
"slurm" are submitit's, each job a task of the engine.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from accelerate import PartialState

from tst.io import closure, files
from tst.models import autoregressive
from tst.models import batches as packed_batches
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger import naive_gan
from tst.models.scaling import Normaliser
from tst.models.transformer import batches as token_batches
from tst.models.transformer import encoding
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.model import TST
from tst.models.transformer.packing import Packing
from tst.series import SeriesSet
from tst.training import loop
from tst.training.objectives import masked_mse

ENGINES = ("here", "local", "slurm")
FAILED = "job failed: "
ROOMS = ("models", "training", "series.py")  # of the modules that decide the result of a training
CODE = {  # kind of model: the module whose closure, cut to these rooms, decides its result
    "tst": "transformer/model.py",
    "seedless": "transformer/batches.py",
    "doppelganger": "doppelganger/batches.py",
    "naive_gan": "doppelganger/naive_gan.py",
    "ar": "autoregressive.py",
    "rnn": "autoregressive.py",
}


def job(data, folder, model, settings, normaliser=None, kind="tst", **options):
    """Return the description of one training run, as JSON holds it.

    Parameters
    ----------
    data
        Folder of the training `SeriesSet`.
    folder
        Where the model goes.
    model, settings, normaliser
        Configuration of the model (TSTConfig, DGConfig, ARConfig, RNNConfig), TrainConfig and Normaliser; a seedless
        model scales for itself and has none.
    kind
        tst, seedless, doppelganger, naive_gan, ar or rnn.
    options
        Of a seedless model: `record_batches.Options`.
    """
    if kind not in CODE:
        raise ValueError(f"kind is '{kind}'; use one of {', '.join(CODE)}.")
    return {
        "kind": kind,
        "data": str(Path(data).resolve()),
        "folder": str(Path(folder).resolve()),
        "model": asdict(model),
        "train": asdict(settings),
        "normaliser": None if normaliser is None else normaliser.to_dict(),
        "options": options,
    }


def packed_mse(model, batch):
    """Return the paper's loss of a packed batch."""
    prediction = model(batch.inputs, Packing(batch.lengths, device=batch.inputs.device))
    return masked_mse(prediction, batch.targets, batch.weight)


def train(description):
    """Train what a job describes, or load it if it is done; return its loss history."""
    real, settings = SeriesSet.load(description["data"]), loop.TrainConfig(**description["train"])
    kind, scaling = description["kind"], description["normaliser"]
    torch.manual_seed(settings.seed)
    model, loss, batches = _prepared(description, real, settings)
    facts = {k: description[k] for k in ("kind", "model", "train", "normaliser", "options")}
    facts |= {"data": real.sha256(), "code": code(kind)}
    history = loop.optimise(model, loss, batches, settings, description["folder"], facts)
    if PartialState().is_main_process:
        if scaling is None:
            batches.schema.save(description["folder"])
        else:
            files.write_text(json.dumps(scaling), Path(description["folder"]) / "normaliser.json")
    return history.assign(seed=settings.seed)


def code(kind):
    """Return the fingerprint of the code that decides what a training of this kind gives."""
    return closure.fingerprint(closure.deciding_files(Path(__file__).parent / CODE[kind], ROOMS))


def _prepared(description, real, settings):
    """Return (model, loss or players, batches) of a job."""
    scaling = description["normaliser"]
    how = description["options"] if scaling is None else Normaliser(**scaling)
    return PREPARE[description["kind"]](description["model"], real, how, settings)


def digest(description):
    """Return 12 hex digits that name a job by what it trains, its folder aside."""
    what = {k: v for k, v in description.items() if k not in ("folder", "data")}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]


def step_seconds(description, n_steps=5):
    """Return the least seconds of processor time of `n_steps` training steps of a job, forward and backward, in fp32."""
    real, settings = SeriesSet.load(description["data"]), loop.TrainConfig(**description["train"])
    model, loss, batches = _prepared(description, real, settings)
    return min(_seconds(model, loss, batches(step)) for step in range(n_steps))


def _seconds(model, loss, batch):
    start = time.process_time()
    loss(model, batch).backward()
    return time.process_time() - start


def _tst(model, real, normaliser, settings):
    config = TSTConfig.from_dict(model)
    rows = packed_batches.add_flags(normaliser.normalise(real)[0], real.lengths)
    windows = packed_batches.window_lengths(real.lengths, config.context_length)
    return (
        TST(config),
        packed_mse,
        packed_batches.PackedBatches(rows, windows, settings.batch_size, settings.seed),
    )


def _seedless(model, real, options, settings):
    config, options = TSTConfig.from_dict(model), token_batches.Options(**options)
    schema = encoding.SeriesEncoder.fit(real, options.attributes)
    layout = encoding.token_spec(schema, real, options.stop)
    batches = token_batches.TokenBatches(
        real, schema, layout, config, settings.batch_size, settings.seed, options
    )
    return TST(config, layout), token_batches.token_nll, batches


def _gan(kind):
    def _prepare(model, real, normaliser, settings):
        config = doppelganger.DGConfig.from_dict(model)
        batches = doppelganger.DGBatches(
            real, normaliser, config, settings.batch_size, settings.seed
        )
        return kind(config, batches.schema), doppelganger.OBJECTIVES, batches

    return _prepare


def _records(kind):
    def _prepare(model, real, normaliser, settings):
        config, longest = kind.Config(**model), int(real.lengths.max())
        args = config, longest, settings.batch_size, settings.seed
        batches = autoregressive.batches(real, normaliser, *args)
        return (
            kind.build(config, real, normaliser, settings.seed),
            autoregressive.next_record_mse,
            batches,
        )

    return _prepare


# kind: function (configuration as a mapping, series, normaliser, TrainConfig) -> (model, loss or players, batches)
PREPARE = {
    "tst": _tst,
    "seedless": _seedless,
    "doppelganger": _gan(doppelganger.DoppelGANger),
    "naive_gan": _gan(naive_gan.NaiveGAN),
    "ar": _records(autoregressive.AR),
    "rnn": _records(autoregressive.RNN),
}


def train_all(jobs, engine="here", n_processes=1, **resources):
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
    if n_processes > 1 or engine != "here":
        commands = [_command(j, n_processes) for j in jobs]
        if engine == "here":
            for command in commands:
                _checked(command)
        else:
            import submitit  # of the extra `study`; the tool alone does without

            executor = submitit.AutoExecutor(
                Path(jobs[0]["folder"]).parent / "engine", cluster=engine
            )
            executor.update_parameters(**({"timeout_min": 24 * 60} | resources))
            for task in [executor.submit(_checked, command) for command in commands]:
                task.result()
    histories = [
        history for j in jobs if (history := _attempt(j)) is not None
    ]  # after an engine, this loads them
    if not histories:
        raise loop.Diverged(f"all {len(jobs)} runs diverged; lower learning_rate and start again.")
    return pd.concat(histories, ignore_index=True)


def done(jobs):
    """Return the jobs whose model is there."""
    return [j for j in jobs if (Path(j["folder"]) / "model.safetensors").exists()]


def _attempt(description):
    try:
        return train(description)
    except loop.Diverged as error:
        print(f"seed {description['train']['seed']} failed: {error}")


def _command(description, n_processes):
    """Write a job's file beside its folder and return the command that runs it."""
    folder = Path(description["folder"])
    path = folder.with_suffix(".job.json")
    files.write_text(json.dumps(description), path)
    several = ["torch.distributed.run", "--standalone", f"--nproc_per_node={n_processes}", "-m"] * (
        n_processes > 1
    )
    return [sys.executable, "-m", *several, "tst.models.jobs", str(path)]


def _checked(command):
    """Run a command of `_command`; a failure raises with the line that says why."""
    done = subprocess.run(command, cwd=closure.ROOT, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        name = Path(command[-1]).name.removesuffix(".job.json")
        if done.returncode == -signal.SIGKILL or re.search(
            r"Signal 9 \(SIGKILL\)|exitcode *: -9", done.stderr
        ):
            text = f"{name}: a worker was killed, as the system does where memory runs out; free some, or lower batch_size"
            raise RuntimeError(f"{text}, and run again: it goes on from the last checkpoint.")
        last = [line for line in done.stderr.splitlines() if line.strip(" =-")][-1:]
        why = re.findall(rf"^{FAILED}(.*)$", done.stderr, re.M) or last
        raise RuntimeError(f"{name} failed with code {done.returncode}: {' '.join(why[:1])}")


def main():
    """Run the job of a file: `python -m tst.models.jobs FILE`, or under `python -m torch.distributed.run`."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit(
            "give the job's file: python -m tst.models.jobs results/laptop/artifacts/gcut/tst_paper-seed0.job.json"
        )
    n_processes = PartialState(cpu=not torch.cuda.is_available()).num_processes
    if n_processes > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // n_processes))
    try:
        train(json.loads(Path(sys.argv[1]).read_text()))
    except loop.Diverged:
        pass  # the run's folder says so, and whoever asked for the job reads it there
    except ValueError as error:
        sys.exit(f"{FAILED}{error}")


if __name__ == "__main__":
    main()
