"""Law of interruption: killed at any moment and started again, a study ends in the same bytes.

`study` goes through data, training of three kinds of model, generation, tables and figures, as the
notebooks do; a server that has imported everything forks it. The same law over make, notebooks and
kernels: tests/nightly/kills.py.
"""

import hashlib
import multiprocessing
import random
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from tst.data import simulated
from tst.evaluation import fidelity
from tst.io import paths
from tst.models import jobs
from tst.models.attributes import attribute_sizes
from tst.models.doppelganger import model as dg
from tst.models.doppelganger.config import DGConfig
from tst.models.jobs import Job
from tst.models.transformer import generative
from tst.models.transformer.config import GenerativeConfig, TSTConfig
from tst.models.transformer.model import SPEC as TST_SPEC
from tst.plots import series_plots
from tst.plots.base import save
from tst.series import SeriesSet
from tst.study import tables
from tst.training import loop
from tst.training.loop import TrainConfig

N_KILLS = 50
SETTINGS = {"max_steps": 12, "batch_size": 8, "learning_rate": 1e-3, "checkpoint_every": 3}
SIZES = {"d_model": 8, "n_head": 2, "n_layer": 1, "d_ff": 8, "context_length": 24}
MODULES = [
    "pytest",
    "pyarrow.parquet",
    "accelerate",
    "torch._dynamo",
    "tst.models.doppelganger.model",
    "tst.evaluation.fidelity",
    "tst.models.transformer.model",
    "tst.models.jobs",
    "tst.plots.base",
    "tst.models.transformer.generative",
    "tst.study.tables",
    "tst.data.simulated",
]


def study(folder):
    """Run a small study in a folder; what an earlier run left there is used as notebooks do."""
    paths.ROOT = Path(folder)
    data = paths.artifacts_dir("smoke")
    real = simulated.gcut(24, seed=3).head(20)
    halves = real.split(0.5, stratify=real.label, seed=0)
    for name, half in zip(("train", "test"), halves, strict=True):
        half.save(data / name)
    train = SeriesSet.load(data / "train")
    test = SeriesSet.load(data / "test")
    settings = TrainConfig(**SETTINGS)
    own = GenerativeConfig(n_features=train.n_features, **SIZES, dropout=0.1)
    gan = DGConfig(
        n_features=train.n_features,
        attributes=attribute_sizes(train),
        max_steps=20,
        sample_len=4,
        n_units=8,
        mlp_width=8,
        critic_width=8,
    )
    configs = {
        TST_SPEC: TSTConfig(n_features=train.n_features + 2, **SIZES),
        generative.SPEC: own,
        dg.SPEC: gan,
    }
    donors = train.take((train.lengths >= 2).nonzero()[0])
    made = {}
    for spec, config in configs.items():
        jobs.train(Job.of(spec, data / "train", data / spec.key, config, settings))
        made[spec.key] = spec.load(data / spec.key).sample(8, 0, real=donors)
    rows = []
    for model, series in made.items():
        series.save(data / "synthetic" / model)
        value = fidelity.step_change_ratio(test, SeriesSet.load(data / "synthetic" / model))
        rows.append({"model": model, "metric": "step_change_ratio", "seed": 0, "value": value})
        tables.write(pd.DataFrame(rows), "smoke", "05-fidelity", test)
    fig = series_plots.lengths({model: series.lengths for model, series in made.items()})
    save(fig, paths.figures_dir("smoke") / "lengths", "lengths of all")


def contents(folder):
    """Return {path: SHA-256} of all files of a folder but those that say what a run took."""
    found = sorted(p for p in Path(folder).rglob("*") if p.is_file() and p.name != loop.COST_FILE)
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


@pytest.fixture(scope="module")
def forks():
    """A server that has imported the study, and forks it in no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    return context


def attempt(forks, folder, seconds=None):
    """Run the study, killed after some seconds; return whether it came to its end."""
    worker = forks.Process(target=study, args=(str(folder),))
    worker.start()
    worker.join(seconds)
    if worker.exitcode is None:
        worker.kill()
        worker.join()
    assert worker.exitcode in (0, -signal.SIGKILL)
    return worker.exitcode == 0


@pytest.mark.long
@pytest.mark.timeout(1800)  # a minute where nothing else runs, ten beside three busy programs
def test_killed_at_any_moment_a_study_ends_in_the_same_bytes(forks, tmp_path):
    """Fifty kills at random moments of an uninterrupted run's time; nothing differs or is left."""
    assert attempt(forks, tmp_path / "warm")
    start = time.perf_counter()
    assert attempt(forks, tmp_path / "whole")
    seconds = time.perf_counter() - start
    expected = contents(tmp_path / "whole")
    assert len(expected) > 30
    assert contents(tmp_path / "warm") == expected
    rng = random.Random(0)
    n_kills = 0
    n_rounds = 0
    while n_kills < N_KILLS:
        folder = tmp_path / f"round-{n_rounds}"
        is_whole = False
        while not is_whole:
            limit = rng.uniform(0, seconds) if n_kills < N_KILLS else None
            is_whole = attempt(forks, folder, limit)
            n_kills += not is_whole
        assert contents(folder) == expected
        n_rounds += 1
    print(f"{n_kills} kills in {n_rounds} studies of {seconds:.1f} s survived")
