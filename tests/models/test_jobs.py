"""Laws of jobs: several processes train the model that one trains; an engine's workers do what this process does."""

import shutil
import threading
import time

import numpy as np
import pandas as pd
import psutil
import pytest
from helpers import TINY_TST, training_jobs

from tst.models import jobs as launch
from tst.models.scaling import Normaliser
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.model import TST
from tst.models.transformer.sampling import sample
from tst.training.loop import Diverged, TrainConfig


def weights(description):
    """Return all weights of a finished job, one array."""
    return np.concatenate(
        [p.detach().numpy().ravel() for p in TST.load(description["folder"]).parameters()]
    )


def test_two_processes_train_what_one_trains(tmp_path):
    """Same global batch, dropout off: the loss curve and the weights of one process, to rounding."""
    (one,), (two,) = training_jobs(tmp_path / "one"), training_jobs(tmp_path / "two")
    expected, got = launch.train(one), launch.train_all([two], n_processes=2)
    assert len(got) == 12
    np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-5)
    np.testing.assert_allclose(
        weights(two), weights(one), rtol=0, atol=5e-4
    )  # Adam: a key bias has no gradient but rounding
    assert not np.allclose(
        expected.loss, launch.train_all(training_jobs(tmp_path / "other", (1,))).loss, rtol=1e-3
    )


def test_two_local_workers_do_what_this_process_does(tmp_path):
    """Two seeds on submitit's local engine: the same numbers as here, bit for bit."""
    here = launch.train_all(training_jobs(tmp_path / "here", (0, 1)))
    there = launch.train_all(
        training_jobs(tmp_path / "there", (0, 1)), engine="local", timeout_min=5, cpus_per_task=1
    )
    pd.testing.assert_frame_equal(there, here, check_exact=False, rtol=1e-6)
    assert list(there.seed.unique()) == [0, 1]


def test_a_diverged_seed_is_said_and_left_out(tmp_path, capsys):
    """The others go on; the failure is remembered, not tried again; where all diverge, one sentence ends it."""
    good, bad = training_jobs(tmp_path, (0, 1))
    bad["train"] |= {"learning_rate": 1e30, "grad_clip": 0}
    history = launch.train_all([bad, good])
    assert list(history.seed.unique()) == [0] and launch.done([bad, good]) == [good]
    assert "seed 1 failed: seed1: the loss is nan" in capsys.readouterr().out
    for n_processes in (1, 2):
        with pytest.raises(Diverged, match="all 1 runs diverged"):
            launch.train_all([bad], n_processes=n_processes)


def seedless(folder, **options):
    """Return a job of a seedless model on the same series."""
    (made,) = training_jobs(folder)
    config = TSTConfig(3, 8, 2, 1, 8, 0.0, 0.0, 12, "mixture")
    training = TrainConfig(
        max_steps=12, batch_size=7, learning_rate=1e-2, checkpoint_every=5, grad_clip=1.0, decay=True
    )
    return launch.job(made["data"], folder / "tst", config, training, kind="seedless", **options)


def test_a_seedless_model_trains_on_two_processes_too(tmp_path):
    """The same loss curve as one process; its folder samples without the training set."""
    one, two = seedless(tmp_path / "one"), seedless(tmp_path / "two")
    expected, got = launch.train(one), launch.train_all([two], n_processes=2)
    np.testing.assert_allclose(got.loss, expected.loss, rtol=1e-4)
    shutil.rmtree(tmp_path / "one" / "train")
    made = sample(TST.load(one["folder"]), SeriesEncoder.load(one["folder"]), 5)
    assert len(made) == 5 and made.feature_names == ["f0", "f1", "f2"]


def test_a_digest_names_what_is_trained(tmp_path):
    """Options and settings change it, the place does not; a job's step takes time."""
    first = seedless(tmp_path / "a")
    assert (
        launch.digest(first)
        == launch.digest(seedless(tmp_path / "b"))
        != launch.digest(seedless(tmp_path / "c", noise=0.1))
    )
    assert 0 < launch.step_seconds(first, 2) < 10


def kill_a_worker():
    """Wait for the training processes, and kill one of them as the system does where memory runs out."""
    for _ in range(600):
        below = psutil.Process().children(recursive=True)
        workers = [
            p
            for p in below
            if "tst.models.jobs" in p.cmdline() and "torch.distributed.run" not in p.cmdline()
        ]
        if len(workers) == 2:
            time.sleep(1)
            workers[0].kill()
            return
        time.sleep(0.1)


def test_a_killed_worker_is_a_sentence(tmp_path):
    """What happened and what to do; no worker is left behind, and the same call goes on."""
    (job,) = training_jobs(tmp_path, max_steps=20_000)
    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    with pytest.raises(
        RuntimeError, match="seed0: a worker was killed.*memory.*from the last checkpoint"
    ):
        launch.train_all([job], n_processes=2)
    killer.join()
    assert not [
        p for p in psutil.Process().children(recursive=True) if "tst.models.jobs" in p.cmdline()
    ]


def test_a_mistake_in_a_worker_comes_back_as_its_sentence(tmp_path):
    """The worker's own words, no traceback; a wrong engine or kind is named."""
    (job,) = training_jobs(tmp_path)
    job["model"]["d_modle"] = 3
    with pytest.raises(RuntimeError, match="seed0 failed.*unknown setting.*d_modle"):
        launch.train_all([job], n_processes=2)
    with pytest.raises(ValueError, match="engine is 'moon'.*here, local, slurm"):
        launch.train_all([job], engine="moon")
    with pytest.raises(ValueError, match="kind is 'gan'.*doppelganger"):
        launch.job(tmp_path, tmp_path, TINY_TST, TrainConfig(max_steps=1), Normaliser(), kind="gan")
