"""Laws of the choice of precision: the faster one is taken by a margin, recorded, and a run goes on as it began."""

import json

import pytest
import torch
from helpers import TINY_TST, training_jobs
from torch.nn import functional as F

from tst.models import jobs
from tst.models.transformer.generation import generate
from tst.models.transformer.model import TST
from tst.training import precision


@pytest.mark.parametrize(
    ("fp32", "bf16", "choice"), [(3.0, 1.0, "bf16"), (1.0, 3.0, "fp32"), (1.1, 1.0, "fp32")]
)
def test_the_faster_one_is_taken(monkeypatch, fp32, bf16, choice):
    """The context tells the run which precision it is in; a gain below the margin is not taken."""
    seconds = {"fp32": fp32, "bf16": bf16}
    monkeypatch.setattr(precision, "_seconds", lambda run, name, device: seconds[name])
    chosen, gain = precision.fastest(lambda name: None)
    assert chosen == choice and gain == pytest.approx(fp32 / bf16)


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
    with pytest.raises(ValueError, match="precision is 'fp8'.*fp32, bf16, auto"):
        precision.check("fp8")


def test_auto_is_measured_once_and_kept(tmp_path, capsys):
    """The choice is written to the run's folder and said; the weights stay float32; either precision learns the same."""
    (auto,) = training_jobs(tmp_path / "a", precision="auto", max_steps=60)
    history = jobs.train(auto)
    found = json.loads((tmp_path / "a" / "seed0" / "precision.json").read_text())
    assert (
        found["precision"] in ("fp32", "bf16")
        and f"taking {found['precision']}" in capsys.readouterr().out
    )
    losses = {}
    for name in ("fp32", "bf16"):
        (one,) = training_jobs(tmp_path / name, precision=name, max_steps=60)
        losses[name] = jobs.train(one).loss.tail(10).mean()
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05) == history.loss.tail(10).mean()
