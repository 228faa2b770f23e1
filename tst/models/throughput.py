"""Training throughput: real (unpadded) steps per second of a job of any kind.

Measured on the job's first steps, trained into a folder that is thrown away; what comes before and
in the first few of them (imports, memory, choice of kernels) is left out.
"""

import contextlib
import io
import tempfile

import numpy as np

from tst.models.batches import window_lengths
from tst.models.jobs import Job
from tst.series import SeriesSet
from tst.training.loop import optimise
from tst.training.timing import TimedBatches

WARM_UP = 5  # optimiser steps before the clock starts


def useful_steps_per_second(job: Job, n_steps: int = 20) -> float:
    """Return the real steps in a job's batches over the seconds that they take."""
    training, settings, _ = job.prepare(max_steps=WARM_UP + n_steps + 1)
    batches = TimedBatches(training.batches)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        optimise(training.model, training.loss, batches, settings, f"{folder}/run", {})
    return useful_steps(job) * n_steps / batches.seconds_between(WARM_UP, -1)


def useful_steps(job: Job) -> float:
    """Return the mean number of real steps in a batch.

    A batch of TST holds windows, which leave no step out; one of DG series, cut at `max_steps`.
    """
    lengths = SeriesSet.load(job.data).lengths
    if "context_length" in job.config:
        windows = window_lengths(lengths, job.config["context_length"])
        windows = windows[windows > 1]
    else:
        windows = np.minimum(lengths, job.config["max_steps"])
    return float(windows.mean() * min(job.train["batch_size"], len(windows)))
