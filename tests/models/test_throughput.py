"""Laws of training speed: real steps count, padding does not; a measurement leaves no trace."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import toy_series, training_jobs

from tst.models import throughput
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger.config import DGConfig
from tst.models.jobs import Job
from tst.training.loop import TrainConfig


def test_a_rate_is_steps_over_time(tmp_path, capsys, monkeypatch):
    """Useful steps of a batch over a step's seconds; nothing is printed, no file is left."""
    (job,) = training_jobs(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert throughput.useful_steps_per_second(job, 3) > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert capsys.readouterr().out == ""
    clock = itertools.count(step=0.25)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))

    def ask_for_batches(model, loss, source, *_):
        for step in range(9):
            source(step, 0, 1)

    monkeypatch.setattr(throughput, "optimise", ask_for_batches)
    rate = throughput.useful_steps_per_second(job, 3)
    assert rate == pytest.approx(4 * throughput.useful_steps(job))


def test_useful_steps_by_hand(tmp_path):
    """TST sees windows of a series, without those of one step; DG a series' beginning."""
    rng = np.random.default_rng(0)
    real = toy_series(
        [rng.uniform(size=(n, 3)) for n in (3, 8, 17, 4)],
        attributes=pd.DataFrame({"kind": pd.Categorical(["a", "b", "a", "b"])}),
    )
    real.save(tmp_path / "four")
    config = DGConfig(n_features=3, attributes=(2,), max_steps=8, sample_len=2)
    settings = TrainConfig(max_steps=9, batch_size=2)
    dg = Job.of(doppelganger.SPEC, tmp_path / "four", tmp_path / "dg", config, settings)
    assert throughput.useful_steps(dg) == 2 * np.mean([3, 8, 8, 4])
    tst = replace(dg, config={"context_length": 8})
    assert throughput.useful_steps(tst) == 2 * np.mean([3, 8, 8, 8, 4])
