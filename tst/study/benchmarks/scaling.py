"""How cost grows: with length, width, series in a batch, processes. One figure a point; rates, not ratios."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from tst.data import simulated
from tst.models import jobs
from tst.models.attributes import attribute_sizes
from tst.models.batches import PackedBatches
from tst.models.doppelganger import model as doppelganger
from tst.models.jobs import Job
from tst.models.scaling import Normaliser
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.generation import generate
from tst.models.transformer.model import SPEC, TST, packed_mse
from tst.series import Feature, from_list
from tst.study.benchmarks.common import CONFIG, emit, full, seconds
from tst.training.loop import TrainConfig


def second_a_step(config, n_series, length):
    """Return seconds of forward and backward on equal series."""
    rows = np.random.default_rng(0).random((n_series * length, config.n_features), np.float32)
    batch = PackedBatches(rows, [length] * n_series, n_series, 0)(0)
    model = TST(replace(config, context_length=length)).train()
    return seconds(lambda: packed_mse(model, batch).backward(), 2)


def training():
    """Training cost against length, width and series."""
    for n in full((100, 200, 400, 800, 1600, 3200), (50, 100)):
        emit("train_seconds_by_length", second_a_step(CONFIG, 1, n), x=n)
    for n in full((1, 4, 16, 64), (1, 4)):
        emit("train_seconds_by_series", second_a_step(CONFIG, n, full(100, 20)), x=n)
    for width in full((64, 128, 256, 512), (16, 32)):
        config = replace(CONFIG, d_model=width, d_ff=width)
        emit("train_seconds_by_width", second_a_step(config, 4, full(400, 40)), x=width)


def generation():
    """Generation cost against the series in a batch."""
    model = TST(replace(CONFIG, context_length=full(200, 20))).eval()
    with torch.no_grad():
        model.output.bias[-2:] = torch.tensor([9.0, -9.0])
    for n in full((1, 4, 16, 64, 256), (1, 4)):
        seeds = torch.rand(n, 2, CONFIG.n_features)
        emit(
            "generate_seconds_by_series",
            seconds(lambda s=seeds: generate(model, s, full(200, 20)), 1),
            x=n,
        )


def processes():
    """Seconds a step of the same global batch on 1 and 2 processes; the start is taken out by the difference of two runs."""
    rng = np.random.default_rng(0)
    arrays = [rng.random((full(200, 20), 9), np.float32) for _ in range(32)]
    nothing = pd.DataFrame(index=range(32))
    real = from_list(
        arrays,
        name="noise",
        features=[Feature(f"f{i}") for i in range(9)],
        origin="simulated",
        interval="5min",
        attributes=nothing,
    )
    config = TSTConfig(d_model=full(256, 16), n_head=4, n_layer=4, d_ff=full(256, 16))
    few, many = full((5, 25), (2, 6))
    with tempfile.TemporaryDirectory() as folder:
        real.save(Path(folder) / "train")
        for n in (1, 2):
            times = []
            for steps in (few, many):
                settings = TrainConfig(max_steps=steps, batch_size=full(16, 4))
                places = Path(folder) / "train", Path(folder) / f"{n}-{steps}"
                job = Job.of(SPEC, *places, config, settings)
                start = time.perf_counter()
                jobs.run_alone(job, n)
                times.append(time.perf_counter() - start)
            emit("train_seconds_by_processes", (times[1] - times[0]) / (many - few), x=n)


def models():
    """Useful steps a second in training, series a second in generation: TST and DG at the laptop's sizes, on GCUT's lengths."""
    real = simulated.gcut(full(2000, 100), seed=0)
    lengths = np.minimum(real.lengths, 400)
    width = full(128, 16)
    tst = TSTConfig(d_model=width, n_head=4, n_layer=full(4, 1), d_ff=width, attention_dropout=0.0)
    dg = doppelganger.DGConfig(9, attribute_sizes(real), max_steps=400, sample_len=8)
    few, many = full((5, 65), (2, 4))
    with tempfile.TemporaryDirectory() as folder:
        real.save(Path(folder) / "train")
        for name, spec, config, batch_size in (
            ("tst", SPEC, tst, 64),
            ("doppelganger", doppelganger.SPEC, dg, 100),
        ):
            times = []
            for steps in (1, few, many):  # the first warms up
                settings = TrainConfig(max_steps=steps, batch_size=batch_size, learning_rate=1e-3)
                places = Path(folder) / "train", Path(folder) / f"{name}{steps}"
                job = Job.of(spec, *places, config, settings)
                start = time.perf_counter()
                jobs.train(job)
                times.append(time.perf_counter() - start)
            n_useful = min(batch_size, len(real)) * lengths.mean()
            rate = n_useful * (many - few) / (times[2] - times[1])
            emit(f"{name}_useful_steps_per_second", rate, batch_size=batch_size)
        donors = real.take(np.flatnonzero(real.lengths >= 2))
        untrained = TST(tst, Normaliser.fit(real)).eval()
        made = {
            "tst": lambda: untrained.sample(len(donors), real=donors, max_steps=400, oracle=True),
            "doppelganger": lambda: job.load().sample(len(donors), 0),
        }
        for kind, make in made.items():
            emit(f"{kind}_series_per_second", len(donors) / seconds(make, 1), n_series=len(donors))


if __name__ == "__main__":
    training()
    generation()
    processes()
    models()
