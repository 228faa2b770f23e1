"""How cost grows: with length, width, series in a batch, processes. One figure a point; rates, not ratios."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import CONFIG, emit, full, seconds

from tst import launch
from tst.generate import generate
from tst.launch import packed_mse
from tst.model import TST, TSTConfig
from tst.preprocess import Normaliser, PackedBatches
from tst.series import Feature, from_list
from tst.train import TrainConfig


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
        emit("generate_seconds_by_series", seconds(lambda s=seeds: generate(model, s, full(200, 20)), 1), x=n)


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
    model = TSTConfig(d_model=full(256, 16), n_head=4, n_layer=4, d_ff=full(256, 16))
    few, many = full((5, 25), (2, 6))
    with tempfile.TemporaryDirectory() as folder:
        real.save(Path(folder) / "train")
        for n in (1, 2):
            times = []
            for steps in (few, many):
                settings = TrainConfig(steps, batch_size=full(16, 4))
                job = launch.job(
                    Path(folder) / "train", Path(folder) / f"{n}-{steps}", model, settings, Normaliser.fit(real)
                )
                start = time.perf_counter()
                launch._checked(launch._command(job, n))
                times.append(time.perf_counter() - start)
            emit("train_seconds_by_processes", (times[1] - times[0]) / (many - few), x=n)


if __name__ == "__main__":
    training()
    generation()
    processes()
