"""Laws of the cache: step by step it gives what the whole series at once gives, however long."""

import pytest
import torch

from tst.models.transformer.backbone import Backbone, KVCache
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.generation import generate
from tst.models.transformer.model import TST
from tst.models.transformer.packing import Packing

N_STEPS = 97  # a prime, far beyond every size of the model
SIZES = {"d_model": 12, "n_head": 2, "n_layer": 2, "d_ff": 11, "dropout": 0.0}


@pytest.mark.parametrize("positions", ["sinusoidal", "rope", "alibi"])
@pytest.mark.parametrize("context_length", [N_STEPS, 13])
def test_a_long_cache_equals_the_whole(positions, context_length):
    """Every step of 97 in float64, within the window of training and far beyond it."""
    torch.manual_seed(0)
    config = TSTConfig(
        n_features=5,
        positions=positions,
        attention_dropout=0.0,
        context_length=context_length,
        **SIZES,
    )
    backbone = Backbone(config).double().eval()
    x = torch.randn(N_STEPS, config.d_model, dtype=torch.float64)
    with torch.no_grad():
        whole = backbone(x, Packing([N_STEPS]))
        cache = KVCache(config, 1, N_STEPS, torch.float64)
        steps = torch.cat([backbone.decode(step[None], cache) for step in x])
    torch.testing.assert_close(steps, whole, rtol=0, atol=1e-10)


def test_long_generation_equals_recomputing_every_step():
    """Of three series one leaves the batch at step 41; late steps of the others read all before."""
    torch.manual_seed(0)
    config = TSTConfig(n_features=5, attention_dropout=0.0, context_length=N_STEPS, **SIZES)
    model = TST(config).double().eval()
    for parameter in model.parameters():
        parameter.data.mul_(3.0)
    seeds = torch.rand(3, 2, 5, dtype=torch.float64)
    stop_at = torch.tensor([N_STEPS, 41, N_STEPS])
    values, lengths = generate(model, seeds, N_STEPS, stop_at=stop_at)
    assert lengths.tolist() == stop_at.tolist()
    for first_steps, row, n_steps in zip(seeds, values, stop_at.tolist(), strict=True):
        x = first_steps
        with torch.no_grad():
            while len(x) < n_steps:
                x = torch.cat([x, model(x, Packing([len(x)]))[-1:]])
        torch.testing.assert_close(row[:n_steps], x, rtol=0, atol=1e-9)
        assert (row[n_steps:] == 0).all()
