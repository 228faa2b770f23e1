"""Training steps at the sizes of the laptop profile: the compiled block against plain torch.

On one thread, as the study trains, in processor seconds; the two take turns. Each step is held
against two limits of the machine: the rate of a plain product of matrices, which counts FLOPs, and
that of a plain copy, which counts bytes.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch

from tst.data import SOURCES
from tst.models.batches import Batch, PackedBatches, add_flags, window_lengths
from tst.models.scaling import Normaliser
from tst.models.transformer import fused
from tst.models.transformer.config import TSTConfig, training_flops
from tst.models.transformer.model import TST, packed_mse
from tst.study import run_notebook
from tst.study.benchmarks.common import Size, emit, read_size
from tst.study.benchmarks.train import stepper
from tst.training import memory

DATASETS = ("wwt", "gcut", "borg2019")
DROPOUTS = {"": 0.0, "_attention_dropout": 0.1}
FLOAT_BYTES = 4
# Times that a number which passes between two parts of a block is written or read in a step:
# written and read on the way forward, read again on the way back; so is its gradient, but once.
TOUCHES = 5


def processor_seconds(action: Callable[[], object]) -> float:
    """Return the processor seconds that an action takes."""
    start = time.process_time()
    action()
    return time.process_time() - start


def least(action: Callable[[], object], repeats: int) -> float:
    """Return the least processor seconds of some calls, after one that warms up."""
    action()
    return min(processor_seconds(action) for _ in range(repeats))


def matrix_rate(size: Size) -> float:
    """Return the rate of a plain product of two square matrices, FLOP/s."""
    n = size.pick(2048, 256)
    a = torch.randn(n, n)
    return 2 * n**3 / least(lambda: a @ a, 5)


def memory_rate(size: Size) -> float:
    """Return the rate of a plain copy that no cache holds, bytes read and written a second."""
    x = torch.zeros(size.pick(2**26, 2**20))
    y = torch.zeros_like(x)
    return 2 * FLOAT_BYTES * x.numel() / least(lambda: y.copy_(x), 5)


def profile_model(dataset: str, size: Size) -> tuple[TSTConfig, Batch]:
    """Return the laptop's model of a data set, and a batch of simulated series.

    The smoke run takes the tiny model and a few series.
    """
    settings = run_notebook.parameters("02-train-tst", "laptop", dataset)
    n_series = size.pick(settings.get("batch_size", 64), 4)
    simulate = SOURCES[dataset].simulate
    assert simulate is not None  # each of the study's data sets has a simulator
    real = simulate(2 * n_series, 0)
    rows = add_flags(Normaliser.fit(real).normalise(real)[0], real.lengths)
    laptop = {k: v for k, v in settings.items() if k in TSTConfig.__dataclass_fields__}
    fields = size.pick(laptop, vars(size.config)) | {"n_features": rows.shape[1]}
    config = TSTConfig(**fields)
    windows = window_lengths(real.lengths, config.context_length)
    return config, PackedBatches(rows, windows, n_series, 0)(0)


def bytes_moved(config: TSTConfig, lengths: Iterable[int]) -> float:
    """Return the bytes that a step moves if each block's parts pass numbers through memory.

    A row of a block: queries, keys and values, what attention makes of them and its projection;
    twice a sum's normalised rows and the norm; twice the hidden units, and their projection.
    """
    numbers = 10 * config.d_model + 2 * config.d_ff
    return FLOAT_BYTES * TOUCHES * config.n_layer * numbers * float(sum(lengths))


def measure(
    name: str, config: TSTConfig, batch: Batch, size: Size, limits: Mapping[str, float]
) -> None:
    """Print the three figures of a model and a batch; `limits` are the machine's two rates."""
    torch.manual_seed(0)
    step = stepper(TST(config), packed_mse)
    ways: dict[str, Callable[[], Any]] = {
        "compiled": contextlib.nullcontext,
        "plain": fused.switched_off,
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(size.pick(8, 3)):
        for way, context in ways.items():
            with context():
                taken[way].append(processor_seconds(lambda: step(batch)))
    compiled = min(taken["compiled"][1:])  # the first warms up
    plain = min(taken["plain"][1:])
    detail = {"ms": 1e3 * compiled, "rows": sum(batch.lengths)}
    emit(f"small_train_speedup_{name}", plain / compiled, plain_ms=1e3 * plain, **detail)
    work = {
        "matrix": training_flops(config, batch.lengths),
        "memory": bytes_moved(config, batch.lengths),
    }
    for limit, rate in limits.items():
        ours = work[limit] / compiled
        metric = f"small_{limit}_rate_fraction_{name}"
        emit(metric, ours / rate, giga_per_second=ours / 1e9, **detail)


def main(size: Size) -> None:
    """Measure all, in the state that a training run has."""
    torch.set_num_threads(1)
    memory.keep_freed()
    for dataset in DATASETS:
        config, batch = profile_model(dataset, size)
        limits = {"matrix": matrix_rate(size), "memory": memory_rate(size)}
        for name, dropout in DROPOUTS.items():
            changed = replace(config, attention_dropout=dropout)
            measure(f"{dataset}{name}", changed, batch, size, limits)


if __name__ == "__main__":
    main(read_size(sys.argv[1:]))
