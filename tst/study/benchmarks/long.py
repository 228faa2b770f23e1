"""Long series (question Q3): memory and time of a training step on one series, against its length.

Each point is measured in a process of its own: the rise of the resident size above model, gradients
and optimiser, then the least wall time of a few more steps. All have the paper's dropout, on
attention weights too. `materialised` is the literal recipe (reference.py), which keeps T x T
matrices; `patch:S` is full attention over tokens of S steps. The points of a kind go from short to
long; those that would exceed MAX_MB or MAX_SECONDS, if memory and time grew with the square of the
length from the point before, are left out and said. Other sizes, lengths and kinds than those of
a size can be asked for: those of the models whose quality notebook 11 shows beside the cost.

The processes are forked from one that has loaded torch and run nothing with it, which is safe and
saves most of the time.
"""

import argparse
import contextlib
import ctypes
import json
import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # noqa: F401  (else every process loads it with its optimiser)
from torch import nn

from tst.models.transformer.config import TSTConfig, attention_fields
from tst.models.transformer.model import TST
from tst.models.transformer.packing import Packing
from tst.study.benchmarks import reference
from tst.study.benchmarks.common import Size, emit, peak_mb, read_size
from tst.training.timing import wall_seconds

MAX_MB = 4000
MAX_SECONDS = 40
M_MMAP_THRESHOLD = -3  # of glibc's malloc.h


LARGE = {"d_model": 256, "n_head": 8, "n_layer": 4, "d_ff": 256}  # the model of size full


def kinds(size: Size) -> tuple[str, ...]:
    """Return the kinds of attention that are compared."""
    sparse = size.pick(("sliding:128", "probsparse:5"), ("sliding:32", "probsparse:1"))
    return ("full", *sparse, "patch:4", "materialised")


def lengths(size: Size) -> tuple[int, ...]:
    """Return the lengths of the series, in steps."""
    return size.pick((100, 200, 400, 800, 1600, 2500, 3200, 6400), (100, 400))


def build(config: TSTConfig, literal: bool) -> nn.Module:
    """Return our model, or the literal one alone, in training mode."""
    ours = TST(config).train()
    if literal:
        return reference.ReferenceTST.like(ours)
    return ours


def config_of(size: Size, sizes: Mapping[str, int]) -> TSTConfig:
    """Return the configuration that is measured: the size's, with the sizes that are asked for."""
    changes: dict[str, Any] = size.pick(LARGE, {}) | dict(sizes)
    return replace(size.config, **changes)


def measure(base: TSTConfig, kind: str, n_steps: int) -> tuple[float, float]:
    """Return (rise of the peak, MB, and seconds) of a training step of this kind."""
    torch.manual_seed(0)
    name, _, number = kind.partition(":")
    literal = name == "materialised"
    S = int(number) if name == "patch" else 1
    attention = attention_fields(kind if name in ("sliding", "probsparse") else "full")
    n_tokens = n_steps // S
    config = replace(base, n_features=S * 9, context_length=n_tokens, **attention)
    model = build(config, literal)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step(n: int) -> None:
        x = torch.rand(n, config.n_features)
        if literal:
            y = model(x[None], torch.zeros(1, n, dtype=torch.bool))  # (1, T, n_features)
        else:
            y = model(x, Packing([n]))
        y.mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)  # gradients stay, so that they are not counted

    map_blocks_from(2**16)  # blocks go back at once: what counts is what was in use
    step(8)
    before = forget_peak()
    times = [wall_seconds(lambda: step(n_tokens))]
    rise = peak_mb() - before
    map_blocks_from(2**25)
    if times[0] < 0.5:  # seconds; longer steps are not repeated
        times += [wall_seconds(lambda: step(n_tokens)) for _ in range(3)]
    return rise, min(times)


def forget_peak() -> float:
    """Start the largest resident size afresh, where the system allows it; return it, MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def map_blocks_from(n_bytes: int) -> None:
    """Let the allocator map blocks of at least `n_bytes` one by one."""
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, n_bytes)


def in_a_process(base: TSTConfig, kind: str, n_steps: int) -> tuple[float, float]:
    """Return what `measure` gives in a fresh process."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=lambda: sender.send(measure(base, kind, n_steps))
    )
    process.start()
    sender.close()
    rise, step_seconds = receiver.recv()
    process.join()
    return rise, step_seconds


def curve(base: TSTConfig, kind: str, n_steps: Sequence[int]) -> None:
    """Print the points of a kind at these lengths, short to long, as far as the caps allow."""
    last: tuple[int, float, float] | None = None  # steps, MB, seconds of the point before
    for n in n_steps:
        if last is not None:
            growth = (n / last[0]) ** 2
            forecast_mb = last[1] * growth
            forecast_seconds = last[2] * growth
            if forecast_mb > MAX_MB or forecast_seconds > MAX_SECONDS:
                emit(
                    "skipped",
                    n,
                    x=n,
                    attention=kind,
                    forecast_mb=forecast_mb,
                    forecast_seconds=forecast_seconds,
                )
                continue
        rise, step_seconds = in_a_process(base, kind, n)
        last = (n, rise, step_seconds)
        emit("peak_memory_mb", rise, x=n, attention=kind)
        emit("seconds_per_step", step_seconds, x=n, attention=kind)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the curves that a command line asks for."""
    parser = argparse.ArgumentParser(description="Memory and time of a training step by length.")
    parser.add_argument("size", nargs="?", default="full")
    parser.add_argument("kinds", nargs="*", help="of attention; none: those of the size")
    parser.add_argument("--lengths", nargs="*", type=int, help="steps; none: those of the size")
    parser.add_argument("--sizes", type=json.loads, default={}, help="other sizes, as JSON")
    chosen = parser.parse_intermixed_args(arguments)
    size = read_size([chosen.size])
    base = config_of(size, chosen.sizes)
    for kind in chosen.kinds or kinds(size):
        curve(base, kind, sorted(chosen.lengths or lengths(size)))


if __name__ == "__main__":
    main()
