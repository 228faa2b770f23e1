"""Laws of the training loop: it learns, a killed run goes on bit by bit, another fingerprint starts afresh."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tst import train
from tst.model import TST, TSTConfig, masked_mse
from tst.packing import Packing
from tst.preprocess import PackedBatches
from tst.train import TrainConfig

TINY = TSTConfig(n_features=3, d_model=8, n_head=2, n_layer=1, d_ff=8, dropout=0.3, context_length=12)


def loss(model, batch):
    """Masked MSE of a packed batch."""
    return masked_mse(model(batch.inputs, Packing(batch.lengths)), batch.targets, batch.weight)


def fit(folder, max_steps=12, stop_at=None, fingerprint="a", seed=0, **settings):
    """Train a tiny model with dropout; `stop_at` breaks off at that step as a kill would."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 12, 20)
    batches = PackedBatches(rng.uniform(size=(lengths.sum(), 3)), lengths, 5, seed)

    def source(step, rank, n_ranks):
        if step == stop_at:
            raise KeyboardInterrupt
        return batches(step, rank, n_ranks)

    torch.manual_seed(seed)
    config = TrainConfig(max_steps, learning_rate=1e-2, seed=seed, checkpoint_every=4, **settings)
    facts = {"id": fingerprint, "model": asdict(TINY)}
    return train.fit(TST(TINY), loss, source, config, folder, facts)


def test_a_killed_run_goes_on_bit_by_bit(tmp_path):
    """Broken off after a checkpoint and started again: the same losses and weights as an uninterrupted run."""
    whole = fit(tmp_path / "whole", warmup_steps=5)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "broken", stop_at=10, warmup_steps=5)
    assert [p.name for p in (tmp_path / "broken").glob("step-*")] == ["step-00000008"]
    resumed = fit(tmp_path / "broken", warmup_steps=5)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    for a, b in zip(TST.load(tmp_path / "whole").parameters(), TST.load(tmp_path / "broken").parameters(), strict=True):
        assert torch.equal(a, b)
    assert not list((tmp_path / "broken").glob("step-*"))


def test_a_finished_run_is_not_repeated(tmp_path, capsys):
    """The same fingerprint loads; another trains again."""
    first = fit(tmp_path / "run")
    stamp = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    again = fit(tmp_path / "run", stop_at=0)
    assert "nothing to do" in capsys.readouterr().out
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == stamp
    np.testing.assert_allclose(again.loss, first.loss)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "run", stop_at=0, fingerprint="b")


def test_the_loss_falls_and_seeds_differ(tmp_path):
    """40 steps learn something; another seed is another run."""
    one, other = fit(tmp_path / "one", 40), fit(tmp_path / "other", 40, seed=1)
    assert one.loss.tail(5).mean() < one.loss.head(5).mean()
    assert not np.allclose(one.loss, other.loss)


def test_warmup_is_linear(tmp_path):
    """Rate of step k is (k + 1) / (warmup + 1) of the rate, then the rate."""
    history = fit(tmp_path / "run", 6, warmup_steps=3)
    np.testing.assert_allclose(history.learning_rate, np.array([1, 2, 3, 4, 4, 4]) / 4 * 1e-2)


def test_a_diverged_loss_stops_with_a_sentence(tmp_path):
    """NaN is caught at its step; nothing is saved as a finished model."""

    class Broken(nn.Linear):
        def save(self, folder):
            raise AssertionError("a diverged model must not be saved")

    class Nothing:
        def to(self, device):
            return self

    config = TrainConfig(3, learning_rate=1e-2)
    with pytest.raises(train.Diverged, match="step 0.*lower learning_rate"):
        train.fit(
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
    settings = TrainConfig(100, warmup_steps=9, decay=True)
    assert settings.rate(0) == pytest.approx(0.1) and settings.rate(50) == pytest.approx(0.5)
    assert settings.rate(99) < 0.001 and all(settings.rate(s) > settings.rate(s + 1) for s in range(20, 99))
    assert TrainConfig(100, warmup_steps=9).rate(99) == 1.0
