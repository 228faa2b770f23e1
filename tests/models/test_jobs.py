"""Laws of jobs: several processes, or an engine's workers, train the model that one trains."""

import copy
import shutil
import threading
import time

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from helpers import training_jobs

from tst.errors import DataError
from tst.io import closure
from tst.models import MODELS, jobs, spec_of
from tst.models.jobs import Job
from tst.models.transformer import attribute_fit, generative
from tst.models.transformer.batches import TokenBatches
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.generative import GenerativeTST
from tst.models.transformer.model import SPEC, TST
from tst.training.loop import Diverged, TrainConfig


def weights(job):
    """Return all weights of a finished job, one array."""
    return np.concatenate([p.detach().numpy().ravel() for p in TST.load(job.folder).parameters()])


@pytest.mark.long
def test_two_processes_train_what_one_trains(tmp_path):
    """Same global batch, dropout off: loss curve and weights of one process, to rounding."""
    (one,) = training_jobs(tmp_path / "one")
    (two,) = training_jobs(tmp_path / "two")
    expected = jobs.train(one)
    history = jobs.train_all([two], n_processes=2)
    assert len(history) == 12
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-5)
    # Adam divides by the gradient: a key's bias has none but rounding, and moves all the same.
    np.testing.assert_allclose(weights(two), weights(one), rtol=0, atol=5e-4)
    other = jobs.train_all(training_jobs(tmp_path / "other", (1,)))
    assert not np.allclose(expected.loss, other.loss, rtol=1e-3)


@pytest.mark.long
def test_two_local_workers_do_what_this_process_does(tmp_path):
    """Two seeds on submitit's local engine: the same numbers as here, bit for bit."""
    here = jobs.train_all(training_jobs(tmp_path / "here", (0, 1)))
    there = jobs.train_all(
        training_jobs(tmp_path / "there", (0, 1)), engine="local", timeout_min=5, cpus_per_task=1
    )
    pd.testing.assert_frame_equal(there, here, check_exact=False, rtol=1e-6)
    assert list(there.seed.unique()) == [0, 1]


@pytest.mark.long
def test_a_diverged_seed_is_said_and_left_out(tmp_path, capsys):
    """The others go on; the failure is remembered; where all diverge, one sentence ends it."""
    good, bad = training_jobs(tmp_path, (0, 1))
    bad.train.update(learning_rate=1e30, grad_clip=0)
    history = jobs.train_all([bad, good])
    assert list(history.seed.unique()) == [0]
    assert jobs.done([bad, good]) == [good]
    assert "seed 1 failed: seed1: the loss is nan" in capsys.readouterr().out
    for n_processes in (1, 2):
        with pytest.raises(Diverged, match="all 1 runs diverged"):
            jobs.train_all([bad], n_processes=n_processes)


def generative_job(folder, **options):
    """Return a job of our own model on the same series."""
    (job,) = training_jobs(folder)
    sizes = {"d_model": 8, "n_head": 2, "n_layer": 1, "d_ff": 8, "context_length": 12}
    dropout = {"dropout": 0.0, "attention_dropout": 0.0}
    config = GenerativeConfig(n_features=3, **sizes, **dropout, **options)
    training = TrainConfig(
        max_steps=12,
        batch_size=7,
        learning_rate=1e-2,
        checkpoint_every=5,
        grad_clip=1.0,
        decay=True,
    )
    return Job.of(generative.SPEC, job.data, folder / "tst", config, training)


@pytest.fixture
def few_steps(monkeypatch):
    """Attributes are fitted in at most so many steps."""
    monkeypatch.setattr(attribute_fit, "MAX_STEPS", 100)


@pytest.mark.slow
def test_a_run_that_goes_on_does_not_fit_its_attributes_again(tmp_path, monkeypatch, few_steps):
    """Broken off and started again: fitted once, and the same bits as unbroken.

    Broken off before a checkpoint, nothing is kept: they are fitted anew.
    """
    whole, broken = generative_job(tmp_path / "whole"), generative_job(tmp_path / "broken")
    expected = jobs.train(whole)
    fits = []
    fit = attribute_fit.fit
    monkeypatch.setattr(attribute_fit, "fit", lambda *given: fits.append(given) or fit(*given))
    for stop_at, n_fits in ((3, 1), (8, 2), (12, 2)):
        with monkeypatch.context() as patch:
            break_off(patch, stop_at)
            if stop_at < 12:
                with pytest.raises(KeyboardInterrupt):
                    jobs.train(broken)
            else:
                history = jobs.train(broken)
        assert len(fits) == n_fits
    pd.testing.assert_frame_equal(history, expected, check_exact=True)
    assert_same_bits(whole, broken)


def break_off(patch, stop_at):
    """Let batch `stop_at` be a kill."""
    batch_of = TokenBatches.__call__

    def _batch(self, step, rank=0, n_ranks=1):
        if step == stop_at:
            raise KeyboardInterrupt
        return batch_of(self, step, rank, n_ranks)

    patch.setattr(TokenBatches, "__call__", _batch)


def assert_same_bits(one, other):
    """All weights of two finished jobs are equal."""
    states = [GenerativeTST.load(job.folder).state_dict() for job in (one, other)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.slow
def test_steps_do_not_move_the_attributes(tmp_path, few_steps):
    """After a training they are what the fit alone gives, bit for bit."""
    job = generative_job(tmp_path)
    jobs.train(job)
    training, _, _ = job.prepare()
    untrained = copy.deepcopy(training.model.attribute_head.state_dict())
    training.begin()
    begun = training.model.attribute_head.state_dict()
    trained = GenerativeTST.load(job.folder).attribute_head.state_dict()
    assert not torch.equal(begun["out"], untrained["out"])
    assert all(torch.equal(trained[name], begun[name]) for name in begun)


@pytest.mark.long
def test_our_model_trains_on_two_processes_too(tmp_path):
    """The loss curve and the weights of one process, those of its attributes bit for bit.

    Its folder samples without the training set. From where regressions put the weights, at
    gradients near nought, Adam would step as rounding has it: this training begins elsewhere.
    """
    one = generative_job(tmp_path / "one", informed=False)
    two = generative_job(tmp_path / "two", informed=False)
    expected = jobs.train(one)
    history = jobs.train_all([two], n_processes=2)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-4)
    states = [GenerativeTST.load(job.folder).state_dict() for job in (one, two)]
    for name, weight in states[0].items():
        exact = name.startswith("attribute_head.")
        torch.testing.assert_close(states[1][name], weight, rtol=0, atol=0 if exact else 5e-4)
    shutil.rmtree(tmp_path / "one" / "train")
    made = GenerativeTST.load(one.folder).sample(5)
    assert len(made) == 5
    assert made.feature_names == ["f0", "f1", "f2"]


def test_a_digest_names_what_is_trained(tmp_path):
    """Configuration and settings change it, the place does not; a job's step takes time."""
    first = generative_job(tmp_path / "a")
    assert first.digest() == generative_job(tmp_path / "b").digest()
    assert first.digest() != generative_job(tmp_path / "c", noise=0.1).digest()
    assert 0 < jobs.step_seconds(first, 2) < 10


def test_a_finished_run_is_its_job(tmp_path):
    """What a run keeps says again how it was trained."""
    (job,) = training_jobs(tmp_path)
    jobs.train(job)
    assert Job.finished(job.folder, job.data).digest() == job.digest()


def deciding(key):
    """Return the files that decide what a training of a model gives, from the root."""
    files = jobs.deciding_files(spec_of(key))
    return {path.relative_to(closure.ROOT / "tst").as_posix() for path in files}


def test_the_code_that_decides_a_model_is_all_that_it_imports():
    """A changed loss makes TST, AR and RNN stale, a changed GAN only GANs; plots change nothing."""
    files = {key: deciding(key) for key in MODELS}
    gans = {key for key, place in MODELS.items() if place.startswith("tst.models.doppelganger.")}
    stale = {
        "training/losses.py": {"tst_paper", "ar", "rnn"},
        "models/doppelganger/model.py": gans,
        "models/doppelganger/critic.py": gans,
        "models/transformer/encoding.py": {"tst"},
        "models/jobs.py": set(MODELS),
        "training/loop.py": set(MODELS),
        "training/checkpoints.py": set(MODELS),
        "training/precision.py": set(MODELS),
        "series.py": set(MODELS),
        "cycles.py": {"tst"},
        "endings.py": {"tst"},
    }
    for file, models in stale.items():
        assert {key for key in MODELS if file in files[key]} == models, file
    rooms = {file.split("/")[0] for file in set().union(*files.values())}
    assert rooms == set(jobs.ROOMS)


@pytest.mark.parametrize("key", list(MODELS))
def test_no_room_that_a_model_imports_is_forgotten(key):
    """Beside those that decide, it imports what moves files and what names things."""
    modules = {file for file in deciding(key) if file.endswith(".py")}
    rooms = set()
    for module in modules:
        source = closure.ROOT / "tst" / module
        for path in closure.closure(source.read_text()):
            rooms.add(path.relative_to(closure.ROOT / "tst").parts[0])
    assert rooms - set(jobs.ROOMS) <= {"io", "errors.py", "vocabulary.py"}


def test_a_changed_file_changes_the_code(tmp_path, monkeypatch):
    """The fingerprint is over the bytes of every deciding file."""
    before = jobs.code(SPEC)
    real = closure.Path.read_bytes
    for name in deciding("tst_paper"):

        def changed(path, name=name):
            if path.as_posix().endswith(f"tst/{name}"):
                return real(path) + b"#"
            return real(path)

        with monkeypatch.context() as patch:
            patch.setattr(closure.Path, "read_bytes", changed)
            assert jobs.code(SPEC) != before, name


def kill_a_worker():
    """Wait for the training processes, and kill one as the system does where memory runs out."""
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


@pytest.mark.slow
def test_a_killed_worker_is_a_sentence(tmp_path):
    """What happened and what to do; no worker is left behind, and the same call goes on."""
    (job,) = training_jobs(tmp_path, max_steps=20_000)
    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    with pytest.raises(
        RuntimeError, match="seed0: a worker was killed.*memory.*from the last checkpoint"
    ):
        jobs.train_all([job], n_processes=2)
    killer.join()
    assert not [
        p for p in psutil.Process().children(recursive=True) if "tst.models.jobs" in p.cmdline()
    ]


@pytest.mark.long
def test_a_mistake_in_a_worker_comes_back_as_its_sentence(tmp_path):
    """The worker's own words, no traceback; a wrong engine or model is named."""
    (job,) = training_jobs(tmp_path)
    job.config["d_modle"] = 3
    with pytest.raises(RuntimeError, match="seed0 failed.*d_modle"):
        jobs.train_all([job], n_processes=2)
    with pytest.raises(ValueError, match="engine is 'moon'.*here, local, slurm"):
        jobs.train_all([job], engine="moon")
    with pytest.raises(DataError, match="unknown model 'gan'.*doppelganger"):
        spec_of("gan")
    with pytest.raises(DataError, match="takes a TSTConfig, not a? ?GenerativeConfig"):
        Job.of(SPEC, tmp_path, tmp_path, GenerativeConfig(n_features=1), TrainConfig(max_steps=1))
