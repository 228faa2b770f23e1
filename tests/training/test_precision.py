"""Laws of the choice of precision: the faster by a margin, recorded, and kept by the run."""

import json

import pytest
import torch
from helpers import TINY_TST, StoppedClock, training_jobs
from torch.nn import functional as F

from tst.models import jobs
from tst.models.transformer.generation import generate
from tst.models.transformer.model import TST
from tst.training import precision


@pytest.mark.parametrize(
    ("fp32", "bf16", "choice"), [(3.0, 1.0, "bf16"), (1.0, 3.0, "fp32"), (1.1, 1.0, "fp32")]
)
def test_the_faster_one_is_taken(monkeypatch, fp32, bf16, choice):
    """The run is told which precision it is in; a gain below the margin is not taken."""
    clock = StoppedClock(monkeypatch)
    seconds = {"fp32": fp32, "bf16": bf16}
    chosen, gain = precision.fastest(lambda name: clock.pass_by(seconds[name]))
    assert chosen == choice
    assert gain == pytest.approx(fp32 / bf16)


def test_the_least_seconds_count(monkeypatch):
    """What else ran on the machine slows some runs; the first of each precision warms up."""
    clock = StoppedClock(monkeypatch)
    fp32 = iter([9, 5, 4, 6])
    bf16 = iter([9, 2, 7, 8])
    durations = {"fp32": fp32, "bf16": bf16}
    assert precision.fastest(lambda name: clock.pass_by(next(durations[name]))) == ("bf16", 2.0)


def test_each_precision_is_run_as_such(monkeypatch):
    """Training and generation are measured in the precision whose name is compared."""
    seen = []
    products = F.linear
    monkeypatch.setattr(F, "linear", lambda *a: seen.append(products(*a).dtype) or products(*a))
    model, seeds = TST(TINY_TST).eval(), torch.rand(2, 2, 5)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        seen.clear()
        generate(model, seeds, 4, name)
        assert set(seen) == {dtype}
        values, _ = generate(model, seeds, 4, name)
        assert values.dtype == torch.float32


def test_an_unknown_precision_is_named():
    """A typo ends in a sentence with what is known."""
    with pytest.raises(ValueError, match=r"precision is 'fp8'.*fp32, bf16, auto"):
        precision.check("fp8")


@pytest.mark.slow
def test_auto_is_measured_once_and_kept(tmp_path, capsys):
    """The choice is written to the run's folder and said; either precision learns the same."""
    (auto,) = training_jobs(tmp_path / "a", precision="auto", max_steps=60)
    history = jobs.train(auto)
    choice = json.loads((tmp_path / "a" / "seed0" / "precision.json").read_text())["precision"]
    assert choice in ("fp32", "bf16")
    assert f"taking {choice}" in capsys.readouterr().out
    losses = {}
    for name in ("fp32", "bf16"):
        (one,) = training_jobs(tmp_path / name, precision=name, max_steps=60)
        losses[name] = jobs.train(one).loss.tail(10).mean()
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05) == history.loss.tail(10).mean()
