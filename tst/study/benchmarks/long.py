"""Long series (question Q3): memory and time of a training step on one series, against its length, for each attention.

Each point is measured in a process of its own: the rise of the resident size above model, gradients and optimiser, then
the least wall time of a few more steps. All have the paper's dropout, on attention weights too. `materialised` is the
literal recipe of tst.study.benchmarks.reference, which keeps T x T matrices; `patch:S` is full attention over tokens of S steps. The
points of a kind go from short to long; those that would exceed MAX_MB or MAX_SECONDS, if memory and time grew with the
square of the length from the point before, are left out and said.

The processes are forked from one that has loaded torch and run nothing with it, which is safe and saves most of the time.
"""

import contextlib
import ctypes
import multiprocessing
import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch._dynamo  # noqa: F401  (else every process loads it with its optimiser)

from tst.models.transformer.config import attention_fields
from tst.models.transformer.model import TST
from tst.models.transformer.packing import Packing
from tst.study.benchmarks import reference
from tst.study.benchmarks.common import CONFIG, _timed, emit, full, peak_mb

MODEL = replace(
    CONFIG, n_features=9, **full({"d_model": 256, "n_head": 8, "n_layer": 4, "d_ff": 256}, {})
)
LENGTHS = full((100, 200, 400, 800, 1600, 2500, 3200, 6400), (100, 400))
KINDS = (
    "full",
    full("sliding:128", "sliding:32"),
    full("probsparse:5", "probsparse:1"),
    "patch:4",
    "materialised",
)
MAX_MB, MAX_SECONDS = 4000, 40
M_MMAP_THRESHOLD = -3  # of glibc's malloc.h


def one(kind, n_steps):
    """Return (rise of the peak, MB, and seconds) of a training step of this kind."""
    torch.manual_seed(0)
    name, _, number = kind.partition(":")
    S = int(number) if name == "patch" else 1
    attention = attention_fields(kind if name in ("sliding", "probsparse") else "full")
    n = n_steps // S  # tokens
    config = replace(MODEL, context_length=n, n_features=S * MODEL.n_features, **attention)
    model = TST(config).train()
    if name == "materialised":
        model = reference.ReferenceTST.like(model)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step(n):
        x = torch.rand(n, config.n_features)
        literal = name == "materialised"
        y = (
            model(x[None], torch.zeros(1, n, dtype=torch.bool))
            if literal
            else model(x, Packing([n]))
        )
        y.mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)  # gradients stay, so that they are not counted

    mapped_from(2**16)  # blocks go back at once: what counts is what was in use
    step(8)
    before = forget_peak()
    times = [_timed(lambda: step(n))]
    risen = peak_mb() - before
    mapped_from(2**25)
    if times[0] < 1.5:
        times += [_timed(lambda: step(n)) for _ in range(3)]
    return risen, min(times)


def forget_peak():
    """Start the largest resident size afresh, where the system lets a process do so; return it, MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def mapped_from(size):
    """Let the allocator map blocks of at least `size` bytes one by one."""
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, size)


def measured(kind, n_steps):
    """Return `one` from a fresh process."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=lambda: there.send(one(kind, n_steps))
    )
    process.start()
    there.close()
    result = here.recv()
    process.join()
    return result


def curve(kind):
    """Print the points of a kind, as far as the caps allow."""
    last = None
    for n in LENGTHS:
        if last is not None:
            mb, seconds = (value * (n / last[0]) ** 2 for value in last[1:])
            if mb > MAX_MB or seconds > MAX_SECONDS:
                emit("skipped", n, x=n, attention=kind, forecast_mb=mb, forecast_seconds=seconds)
                continue
        last = n, *measured(kind, n)
        emit("peak_memory_mb", last[1], x=n, attention=kind)
        emit("seconds_per_step", last[2], x=n, attention=kind)


if __name__ == "__main__":
    for kind in sys.argv[2:] or KINDS:
        curve(kind)
