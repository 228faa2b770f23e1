"""Laws of the speed of training: real steps are counted, not padding; a measurement leaves nothing behind."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import training_jobs

from tst.models import throughput
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger.config import DGConfig
from tst.models.jobs import Job
from tst.series import Feature, from_list
from tst.training.loop import TrainConfig


def test_a_rate_is_steps_over_time(tmp_path, capsys, monkeypatch):
    """Useful steps of a batch for every second that a step takes; nothing is printed, the job's folder stays untouched."""
    (job,) = training_jobs(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert throughput.useful_steps_per_second(job, 3) > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == before and capsys.readouterr().out == ""
    clock = itertools.count(step=0.25)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(
        throughput,
        "optimise",
        lambda model, loss, source, settings, *_: [source(i, 0, 1) for i in range(9)],
    )
    assert throughput.useful_steps_per_second(job, 3) == pytest.approx(
        4 * throughput.useful_steps(job)
    )


def test_useful_steps_by_hand(tmp_path):
    """TST sees windows of a series, without those of one step; DG a series' beginning."""
    rng, lengths = np.random.default_rng(0), [3, 8, 17, 4]
    attributes = pd.DataFrame({"kind": pd.Categorical(["a", "b", "a", "b"])})
    real = from_list([rng.uniform(size=(n, 3)) for n in lengths], name="toy", origin="simulated", interval="1D",
                     features=[Feature(f"f{j}") for j in range(3)], attributes=attributes)  # fmt: skip
    real.save(tmp_path / "four")
    config = DGConfig(n_features=3, attributes=(2,), max_steps=8, sample_len=2)
    folders = tmp_path / "four", tmp_path / "dg"
    dg = Job.of(doppelganger.SPEC, *folders, config, TrainConfig(max_steps=9, batch_size=2))
    assert throughput.useful_steps(dg) == 2 * np.mean([3, 8, 8, 4])
    tst = replace(dg, config={"context_length": 8})
    assert throughput.useful_steps(tst) == 2 * np.mean([3, 8, 8, 8, 4])
