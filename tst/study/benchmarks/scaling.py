"""How cost grows: with length, width, series in a batch, processes; rates, not ratios."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from tst.data import simulated
from tst.models import controls, jobs
from tst.models.attributes import attribute_sizes
from tst.models.base import ModelSpec
from tst.models.batches import PackedBatches
from tst.models.doppelganger import model as doppelganger
from tst.models.jobs import Job
from tst.models.scaling import Normaliser
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.generation import generate
from tst.models.transformer.model import SPEC, TST, packed_mse
from tst.series import Feature, SeriesSet, from_list
from tst.study.benchmarks.common import Size, emit, never_end, read_size, seconds
from tst.training.loop import TrainConfig
from tst.training.timing import wall_seconds

CAP = 400  # steps a series, that of the paper's window


def step_seconds(config: TSTConfig, n_series: int, length: int) -> float:
    """Return seconds of forward and backward on equal series."""
    rows = np.random.default_rng(0).random((n_series * length, config.n_features), np.float32)
    batch = PackedBatches(rows, np.full(n_series, length), n_series, 0)(0)
    model = TST(replace(config, context_length=length)).train()
    return seconds(lambda: packed_mse(model, batch).backward(), 1)


def training(size: Size) -> None:
    """Training cost against length, width and series."""
    for n in size.pick((100, 200, 400, 800, 1600, 3200), (50, 100)):
        emit("train_seconds_by_length", step_seconds(size.config, 1, n), x=n)
    for n in size.pick((1, 4, 16, 64), (1, 4)):
        emit("train_seconds_by_series", step_seconds(size.config, n, size.pick(100, 20)), x=n)
    for width in size.pick((64, 128, 256, 512), (16, 32)):
        config = replace(size.config, d_model=width, d_ff=width)
        emit("train_seconds_by_width", step_seconds(config, 4, size.pick(400, 40)), x=width)


def generation(size: Size) -> None:
    """Generation cost against the series in a batch, after one batch that warms up."""
    n_steps = size.pick(100, 20)
    model = never_end(TST(replace(size.config, context_length=n_steps)).eval())
    for n in size.pick((1, 4, 16, 64, 256), (1, 4)):
        seeds = torch.rand(n, 2, size.config.n_features)
        cost = seconds(partial(generate, model, seeds, n_steps), 1, warm=n == 1)
        emit("generate_seconds_by_series", cost, x=n)


def noise(n_steps: int) -> SeriesSet:
    """Return 32 series of nine features of noise."""
    rng = np.random.default_rng(0)
    return from_list(
        [rng.random((n_steps, 9), np.float32) for _ in range(32)],
        name="noise",
        features=[Feature(f"f{i}") for i in range(9)],
        origin="simulated",
        interval="5min",
        attributes=pd.DataFrame(index=range(32)),
    )


def processes() -> None:
    """Seconds a step of the same global batch on 1 and 2 processes.

    Their start is taken out by the difference of two runs.
    """
    config = TSTConfig(d_model=256, n_head=4, n_layer=4, d_ff=256)
    few = 5
    many = 25
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "train"
        noise(200).save(data)
        for n in (1, 2):
            times = []
            for steps in (few, many):
                settings = TrainConfig(max_steps=steps, batch_size=16)
                job = Job.of(SPEC, data, Path(folder) / f"{n}-{steps}", config, settings)
                times.append(wall_seconds(partial(jobs.run_alone, job, n)))
            emit("train_seconds_by_processes", (times[1] - times[0]) / (many - few), x=n)


def models(size: Size) -> None:
    """Useful steps a second in training, series a second in generation, on GCUT's lengths.

    TST and DG have the sizes of the profile laptop.
    """
    real = simulated.gcut(size.pick(2000, 100), seed=0)
    width = size.pick(128, 16)
    n_layer = size.pick(4, 1)
    tst = TSTConfig(d_model=width, n_head=4, n_layer=n_layer, d_ff=width, attention_dropout=0.0)
    dg = doppelganger.DGConfig(
        n_features=9, attributes=attribute_sizes(real), max_steps=CAP, sample_len=8
    )
    donors = controls.donors(real)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "train"
        real.save(data)
        train_rate(size, real, SPEC, data, tst, 64)
        job = train_rate(size, real, doppelganger.SPEC, data, dg, 100)
        untrained = TST(tst, Normaliser.fit(real)).eval()
        samples: dict[str, Callable[[], SeriesSet]] = {
            "tst": partial(untrained.sample, len(donors), real=donors, max_steps=CAP, oracle=True),
            "doppelganger": lambda: job.load().sample(len(donors), 0),
        }
        for name, sample in samples.items():
            rate = len(donors) / seconds(sample, 1)
            emit(f"{name}_series_per_second", rate, n_series=len(donors))


def train_rate(
    size: Size, real: SeriesSet, spec: ModelSpec, data: Path, config: Any, batch_size: int
) -> Job:
    """Train for a few and for many steps; print the useful steps a second, return the last job."""
    name = "tst" if spec is SPEC else spec.key
    few = size.pick(5, 2)
    many = size.pick(65, 4)
    times = []
    for steps in (1, few, many):  # the first warms up
        settings = TrainConfig(max_steps=steps, batch_size=batch_size, learning_rate=1e-3)
        job = Job.of(spec, data, data.parent / f"{name}{steps}", config, settings)
        times.append(wall_seconds(partial(jobs.train, job)))
    n_useful = min(batch_size, len(real)) * np.minimum(real.lengths, CAP).mean()
    rate = n_useful * (many - few) / (times[2] - times[1])
    emit(f"{name}_useful_steps_per_second", rate, batch_size=batch_size)
    return job


def main(size: Size) -> None:
    """Measure all; several processes, whose start takes longer than all else, at full size only."""
    training(size)
    generation(size)
    models(size)
    if size.name == "full":
        processes()


if __name__ == "__main__":
    main(read_size(sys.argv[1:]))
