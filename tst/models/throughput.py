"""What a second of training buys: real steps seen, padding and restarts not counted, of a job of any kind.

Measured on the job's first steps, trained into a folder that is thrown away; what comes before and in the first few of
them (imports, memory, kernels chosen) is left out.
"""

import contextlib
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from tst.models import jobs as launch
from tst.models.batches import window_lengths
from tst.models.scaling import Normaliser
from tst.series import SeriesSet
from tst.training.loop import TrainConfig, optimise

WARM_UP = 5  # optimiser steps before the clock starts


def training(description, n_steps=20):
    """Return the useful steps a second of a job (`launch.job`) that has a normaliser: real steps of its batches over time."""
    real, starts = SeriesSet.load(description["data"]), []
    settings = TrainConfig(**description["train"] | {"max_steps": WARM_UP + n_steps + 1})
    prepare, normaliser = (
        launch.PREPARE[description["kind"]],
        Normaliser(**description["normaliser"]),
    )
    model, loss, batches = prepare(description["model"], real, normaliser, settings)

    def _timed(step, rank, n_ranks):
        starts.append(time.perf_counter())
        return batches(step, rank, n_ranks)

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        optimise(model, loss, _timed, settings, f"{folder}/run", {})
    return useful_steps(description) * n_steps / (starts[-1] - starts[WARM_UP])


def useful_steps(description):
    """Return the mean number of real steps in a batch: windows of TST, which leaves none out, series as DG cuts them."""
    lengths, config = SeriesSet.load(description["data"]).lengths, description["model"]
    if "context_length" in config:
        windows = window_lengths(lengths, config["context_length"])
        windows = windows[windows > 1]
    else:
        windows = np.minimum(lengths, config["max_steps"])
    return float(windows.mean() * min(description["train"]["batch_size"], len(windows)))


def job_of(folder, data):
    """Return the description of a finished run, from what it keeps in its folder; `data` is that of its training set."""
    facts = json.loads((Path(folder) / "fingerprint.json").read_text())
    kept = {k: facts[k] for k in ("kind", "model", "train", "normaliser", "options") if k in facts}
    return kept | {"folder": str(folder), "data": str(data)}
