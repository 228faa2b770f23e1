"""Laws of the training loop: it learns, a killed run resumes bit by bit, faults are told."""

import io
import json
import os
import resource
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import train_tiny
from safetensors.torch import load_file
from torch import nn

from tst.io import files, paths, weights
from tst.models.transformer.model import TST
from tst.training import checkpoints, loop
from tst.training.loop import TrainConfig


@pytest.mark.slow
def test_a_killed_run_goes_on_bit_by_bit(tmp_path):
    """Broken off after a checkpoint and started again: the same losses and weights as unbroken."""
    whole = train_tiny(tmp_path / "whole", warmup_steps=5)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path / "broken", stop_at=10, warmup_steps=5)
    assert [p.name for p in (tmp_path / "broken").glob("step-*")] == ["step-00000008"]
    resumed = train_tiny(tmp_path / "broken", warmup_steps=5)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    for a, b in zip(
        TST.load(tmp_path / "whole").parameters(),
        TST.load(tmp_path / "broken").parameters(),
        strict=True,
    ):
        assert torch.equal(a, b)
    assert not list((tmp_path / "broken").glob("step-*"))


def test_a_finished_run_is_not_repeated(tmp_path, capsys):
    """The same fingerprint loads; another trains again."""
    first = train_tiny(tmp_path / "run")
    stamp = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    again = train_tiny(tmp_path / "run", stop_at=0)
    assert "run: already trained" in capsys.readouterr().out
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == stamp
    np.testing.assert_allclose(again.loss, first.loss)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path / "run", stop_at=0, fingerprint="b")


def test_a_run_says_what_it_took(tmp_path, capsys):
    """Seconds by clock, device and precision are kept and told; those before a kill count."""
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_tiny(folder, stop_at=10)
    before = json.loads((folder / "cost.json").read_text())
    assert before["seconds"] > 0
    assert before["core_seconds"] > 0
    assert (before["device"], before["precision"]) == ("the CPU", "fp32")
    longer = before | {"seconds": 1000.0, "core_seconds": 2000.0}
    files.write_text(json.dumps(longer), folder / "cost.json")
    history = train_tiny(folder)
    after = json.loads((folder / "cost.json").read_text())
    assert 1000 < after["seconds"] < 1500
    assert 2000 < after["core_seconds"] < 2500
    capsys.readouterr()
    train_tiny(folder)
    told = f"{len(history)} steps in {after['seconds']:,.0f} s on the CPU"
    assert told in capsys.readouterr().out


@pytest.mark.slow
def test_the_loss_falls_and_seeds_differ(tmp_path):
    """40 steps learn something; another seed is another run."""
    one, other = train_tiny(tmp_path / "one", 40), train_tiny(tmp_path / "other", 40, seed=1)
    assert one.loss.tail(5).mean() < one.loss.head(5).mean()
    assert not np.allclose(one.loss, other.loss)


def test_warmup_is_linear(tmp_path):
    """Rate of step k is (k + 1) / (warmup + 1) of the rate, then the rate."""
    history = train_tiny(tmp_path / "run", 6, warmup_steps=3)
    np.testing.assert_allclose(history.learning_rate, np.array([1, 2, 3, 4, 4, 4]) / 4 * 1e-2)


def test_a_diverged_loss_stops_with_a_sentence(tmp_path):
    """NaN is caught at its step; nothing is saved as a finished model."""

    class Broken(nn.Linear):
        def save(self, folder):
            raise AssertionError("a diverged model must not be saved")

    class Nothing:
        def to(self, device):
            return self

    config = TrainConfig(max_steps=3, learning_rate=1e-2)
    with pytest.raises(loop.Diverged, match=r"step 0.*lower learning_rate"):
        loop.optimise(
            Broken(1, 1),
            lambda m, b: m.weight.sum() * float("nan"),
            lambda *a: Nothing(),
            config,
            tmp_path / "run",
            {},
        )
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_the_rate_warms_up_and_falls():
    """Linear up to the whole rate, then along half a cosine to nothing; without decay it stays."""
    settings = TrainConfig(max_steps=100, warmup_steps=9, decay=True)
    assert settings.rate(0) == pytest.approx(0.1)
    assert settings.rate(50) == pytest.approx(0.5)
    assert settings.rate(99) < 0.001
    assert all(settings.rate(step) > settings.rate(step + 1) for step in range(20, 99))
    assert TrainConfig(max_steps=100, warmup_steps=9).rate(99) == 1.0


class Whole:
    """Batches of rows of a fixed table: each n_ranks-th row from rank on."""

    def __init__(self, n=8):
        self.rows = torch.randn(4, n, 3, generator=torch.Generator().manual_seed(0))

    def __call__(self, step, rank, n_ranks):
        return self.rows[step % 4][rank::n_ranks]


class Line(nn.Linear):
    """A model of four weights."""

    def __init__(self):
        super().__init__(3, 1)
        nn.init.constant_(self.weight, 0.1)
        nn.init.constant_(self.bias, 0.2)

    def save(self, folder):
        """Write the weights as the models of the house do."""
        weights.save(folder, {}, self.state_dict())


def line(folder, limit=8, loss=None, begin=None, **settings):
    """Train Line; a batch of more than `limit` rows does not fit into memory."""

    def squares(model, batch):
        if len(batch) > limit:
            raise RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )
        return model(batch).square().mean()

    config = TrainConfig(
        **{"max_steps": 6, "batch_size": 8, "learning_rate": 1e-2, "checkpoint_every": 2} | settings
    )
    return loop.optimise(Line(), loss or squares, Whole(), config, folder, {"line": 1}, begin)


def test_a_run_is_called_by_its_label(tmp_path, capsys):
    """Where it has one, not by its folder; the label decides nothing else."""
    config = TrainConfig(max_steps=2, learning_rate=1e-2)

    def loss(model, batch):
        return model(batch).square().mean()

    for label, name in (("", "3f2a"), ("7 steps, seed 0", "7 steps, seed 0"), ("other", "other")):
        loop.optimise(Line(), loss, Whole(), config, tmp_path / "3f2a", {"a": 1}, label=label)
        seen = "".join(capsys.readouterr())
        assert f"{name}: " in seen
        assert ("already trained" in seen) == bool(label)


@pytest.mark.slow
def test_a_batch_without_memory_is_worked_off_in_pieces(tmp_path, capsys):
    """Halved until it fits, and said; curve and weights are the whole batch's, to rounding."""
    whole = line(tmp_path / "whole")
    pieces = line(tmp_path / "pieces", limit=2)
    output = capsys.readouterr().out
    assert "no memory for the batch; going on with 2 pieces" in output
    assert output.count("with 4 pieces") == 1
    np.testing.assert_allclose(pieces.loss, whole.loss, rtol=1e-5)
    for name in ("weight", "bias"):
        a, b = (
            load_file(tmp_path / run / "model.safetensors")[name] for run in ("whole", "pieces")
        )
        torch.testing.assert_close(a, b)
    with pytest.raises(
        MemoryError,
        match="a single series does not fit into memory; lower batch_size or the window",
    ):
        line(tmp_path / "none", limit=0)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
def test_memory_that_runs_out_for_real(tmp_path):
    """Under a limit of the system on a process's memory, torch's own error is understood."""
    program = (
        "import resource, sys, torch; sys.path[:0] = ['tests', 'tests/training']\n"
        "from test_loop import Line, TrainConfig, loop, nn\n"
        "def loss(model, batch):\n"
        "    large = batch.expand(1000, -1, -1).repeat(20, 1, 1) @ torch.ones(3, 400)\n"
        "    return large.mean() * 0 + model(batch).mean()\n"
        "from test_loop import Whole; batches = Whole(64)\n"
        "loss(Line(), batches(0, 0, 64)).backward()\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 1_200_000_000,) * 2)\n"
        "config = TrainConfig(max_steps=2, batch_size=64)\n"
        "loop.optimise(Line(), loss, batches, config, sys.argv[1], {})\n"
    )
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "run")],
        cwd=paths.ROOT,
        env=environment,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert "no memory for the batch; going on with 2 pieces" in done.stdout
    assert (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize("poison", ["loss", "weights"])
def test_divergence_keeps_the_last_good_checkpoint(tmp_path, poison):
    """NaN at step 5, in the loss or in the weights after it: the checkpoint of step 4 stays."""

    def loss(model, batch):
        value, step = model(batch).square().mean(), loss.step
        loss.step += 1
        if step < 5:
            return value
        return (
            value * float("nan")
            if poison == "loss"
            else value + (model.weight.sum() - model.weight.sum()).sqrt()
        )

    loss.step = 0
    with pytest.raises(loop.Diverged, match=r"step 5.*lower learning_rate"):
        line(tmp_path / "run", loss=loss, max_steps=20)
    (kept,) = (tmp_path / "run").glob("step-*")
    assert kept.name == "step-00000004"
    assert all(w.isfinite().all() for w in load_file(kept / "model.safetensors").values())
    with pytest.raises(loop.Diverged):
        line(tmp_path / "run", max_steps=20)  # said again, not tried again
    assert kept.exists()
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_lost_gpu_is_named(tmp_path):
    """CUDA's own error becomes a sentence with what to do; the run goes on from its checkpoint."""

    def loss(model, batch):
        loss.step += 1
        if loss.step == 4:
            raise RuntimeError("CUDA error: unspecified launch failure\nmore lines")
        return model(batch).square().mean()

    loss.step = 0
    with pytest.raises(
        loop.DeviceLost,
        match=r"run: the GPU failed at step 3 \(CUDA error: uns.*from the last check",
    ):
        line(tmp_path / "run", loss=loss)
    assert len(line(tmp_path / "run")) == 6


def stopped(folder):
    """Train Line up to a failure at step 5; return the checkpoint that is left."""

    def loss(model, batch):
        loss.step += 1
        if loss.step == 6:
            raise KeyboardInterrupt
        return model(batch).square().mean()

    loss.step = 0
    with pytest.raises(KeyboardInterrupt):
        line(folder, loss=loss)
    (kept,) = folder.glob("step-*")
    return kept


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.bin", "random_states_0.pkl", "loss.csv", "sums.json"]
)
def test_a_damaged_checkpoint_is_not_used(tmp_path, name, capsys):
    """A flipped bit anywhere: said, left aside, and the run ends as an unbroken one."""
    path, whole = stopped(tmp_path / "run") / name, line(tmp_path / "whole")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    pd.testing.assert_frame_equal(line(tmp_path / "run"), whole, check_exact=True)
    assert "checkpoint step-00000004 is damaged and is not used" in capsys.readouterr().out


class Bomb:
    """Whoever unpickles it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["optimizer.bin", "random_states_0.pkl", "custom_checkpoint_0.pkl", "scheduler.bin"]
)
def test_a_hostile_checkpoint_runs_no_code(tmp_path, name):
    """An object that makes a file when it is unpickled, with sums to match: it never is."""
    kept, canary = stopped(tmp_path / "run"), tmp_path / "canary"
    torch.save({"step": Bomb(canary)}, kept / name)
    (kept / checkpoints.SUMS).write_text(json.dumps(checkpoints.checksums(kept)))
    if name != "scheduler.bin":
        with pytest.raises(
            ValueError, match=r"step-00000004 cannot be read .*delete .*run and run again"
        ):
            line(tmp_path / "run")
    else:
        line(tmp_path / "run")
    assert not canary.exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the limit on files is Unix's")
def test_a_full_disk_ends_training_with_a_sentence(tmp_path):
    """What was reached before stays, and the run goes on from it."""
    kept = stopped(tmp_path / "run")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60, old[1]))
    try:
        with (
            redirect_stdout(io.StringIO()),
            pytest.raises(files.WriteError, match=r"cannot write .*run the same"),
        ):
            line(tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert kept.exists()
    assert not (tmp_path / "run" / "model.safetensors").exists()
    pd.testing.assert_frame_equal(
        line(tmp_path / "run"), line(tmp_path / "whole"), check_exact=True
    )


def test_players_move_on_the_same_batch(tmp_path):
    """One batch a step, made once: what the first player leaves on it, the next one finds."""
    seen = []

    def player(name):
        def loss(model, batch):
            seen.append((name, batch))
            return model(batch).square().mean()

        return nn.Module.parameters, loss

    line(
        tmp_path / "run", loss={name: player(name) for name in ("critic", "generator")}, max_steps=3
    )
    assert [name for name, _ in seen] == ["critic", "generator"] * 3
    batches = [batch for _, batch in seen]
    assert all(a is b for a, b in zip(batches[::2], batches[1::2], strict=True))
    assert batches[0] is not batches[2]


def test_what_has_no_part_in_the_steps_begins_once(tmp_path):
    """Before the first step, on the prepared weights; not by a run that resumes or is finished."""
    order = []

    def begin():
        order.append("begin")

    def loss(model, batch):
        order.append("step")
        if order.count("step") == 5:
            raise KeyboardInterrupt
        return model(batch).square().mean()

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        line(folder, loss=loss, begin=begin)
    assert order == ["begin"] + ["step"] * 5
    for _ in range(2):
        line(folder, loss=loss, begin=begin)
        assert order == ["begin"] + ["step"] * 7, "two steps were left after the checkpoint"


@pytest.mark.slow
def test_gradients_are_clipped(tmp_path):
    """Clipped to far below Adam's epsilon nothing moves; without clipping the loss falls."""
    settings = {
        "frozen": {"learning_rate": 1e-12},
        "still": {"grad_clip": 1e-14},
        "moving": {"grad_clip": 0},
    }
    losses = {}
    for name, changed in settings.items():
        torch.manual_seed(0)  # the same first weights
        losses[name] = line(tmp_path / name, **changed).loss
    np.testing.assert_allclose(losses["still"], losses["frozen"], rtol=1e-3)
    assert losses["moving"].iloc[-1] < 0.95 * losses["still"].iloc[-1]
