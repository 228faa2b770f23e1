"""Laws of TST: size, causality, no influence of neighbours or padding, cache = no cache."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tst.io.untrusted import from_mapping
from tst.models.transformer.backbone import KVCache
from tst.models.transformer.config import (
    AUTHOR_WWT,
    PAPER,
    TSTConfig,
    attention_fields,
    training_flops,
)
from tst.models.transformer.model import TST
from tst.models.transformer.packing import Packing
from tst.study.benchmarks import reference
from tst.training.losses import masked_mse

TINY = TSTConfig(n_features=5, d_model=14, n_head=2, n_layer=3, d_ff=11, context_length=17)


def tiny(seed=0, **changes):
    """Return a tiny model in float64, in evaluation mode."""
    torch.manual_seed(seed)
    return TST(replace(TINY, **changes)).double().eval()


def packed(lengths, seed=1, n_features=5):
    """Return random rows for series of these lengths."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(sum(lengths), n_features, generator=generator, dtype=torch.float64)


def step_weights(lengths, dtype=torch.float32):
    """Return the weight of each step in the paper's loss: 1 / (its series' steps * series)."""
    return torch.cat([torch.full((n,), 1 / (n * len(lengths)), dtype=dtype) for n in lengths])


def test_the_paper_model_has_12_635_659_parameters():
    """The number the author's notebook prints, with 11 channels."""
    assert sum(p.numel() for p in TST(PAPER).parameters()) == 12_635_659


def test_the_author_variant_for_wwt():
    """The second named configuration: d_model 256, 6 blocks, window 550."""
    assert AUTHOR_WWT.d_model == 256
    assert AUTHOR_WWT.n_layer == 6
    assert AUTHOR_WWT.context_length == 550
    assert AUTHOR_WWT.dropout == 0.2


def test_an_unknown_setting_is_named():
    """A typo in a setting raises and lists what is known."""
    with pytest.raises(ValueError, match="d_modle.*known are"):
        from_mapping(TSTConfig, {"d_modle": 3})
    with pytest.raises(ValueError, match="sigmoid, tanh"):
        TSTConfig(head="relu")
    with pytest.raises(ValueError, match="multiple of n_head"):
        TSTConfig(d_model=10, n_head=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_layer", 0),
        ("n_layer", 1001),
        ("d_model", 65_537),
        ("d_ff", 10**9),
        ("n_head", -1),
        ("n_features", 10**9),
        ("context_length", 10**12),
        ("patch", 0),
        ("patch", 10**12),
    ],
)
def test_sizes_are_bounded(name, value):
    """A damaged or hostile model.json asks for no more than a machine trains."""
    with pytest.raises(ValueError, match=f"{name} is {value}; give at (least|most)"):
        TSTConfig(**{name: value})


def test_causality_is_exact():
    """The future changes no earlier output by one bit; gradients to it are exactly 0."""
    model = tiny()
    x = packed([13])
    packing = Packing([13])
    changed = x.clone()
    changed[7:] += 1
    assert torch.equal(model(x, packing)[:7], model(changed, packing)[:7])
    assert not torch.equal(model(x, packing)[7:], model(changed, packing)[7:])
    x.requires_grad_()
    model(x, packing)[6].sum().backward()
    assert (x.grad[7:] == 0).all()
    assert (x.grad[:7] != 0).any()


@pytest.mark.parametrize("slack", [0.0, 0.1, 0.9])
def test_a_batch_equals_its_series_one_by_one(slack):
    """Neighbours in a batch and padding within attention have no influence."""
    model = tiny()
    lengths = [17, 13, 12, 12, 7, 2, 1]
    x = packed(lengths)
    together = model(x, Packing(lengths, slack)).split(lengths)
    for series, prediction in zip(x.split(lengths), together, strict=True):
        alone = model(series, Packing([len(series)]))
        torch.testing.assert_close(alone, prediction, rtol=0, atol=1e-12)


def test_packing_groups_hold_the_slack():
    """No group pads more than its share, every row appears once, order is demanded."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 60, (200,), generator=generator).tolist()
    lengths.sort(reverse=True)
    packing = Packing(lengths, slack=0.1)
    assert packing.n_rows == sum(lengths)
    assert packing.n_padded <= sum(lengths) / 0.9
    assert len(packing.groups) < len(set(lengths))
    for group, after in pairwise(packing.groups):
        assert after.first_row == group.last_row
    with pytest.raises(ValueError, match="longest first"):
        Packing([2, 3])


def test_ours_equals_torch_transformer_encoder():
    """The literal recipe, padded to the window, gives the same loss and gradients in float64."""
    model = tiny(dropout=0.0, attention_dropout=0.0).train()
    lengths = [16, 9, 9, 4, 2]
    series = [torch.cat([s, s[-1:]]) for s in packed(lengths).split(lengths)]
    literal = reference.ReferenceTST.like(model)
    inputs, targets, padding = reference.pad(series, TINY.context_length)
    expected = reference.loss(literal(inputs, padding), targets, padding)
    weight = step_weights(lengths, torch.float64)
    rows = torch.cat([s[:-1] for s in series])
    next_rows = torch.cat([s[1:] for s in series])
    ours = masked_mse(model(rows, Packing(lengths)), next_rows, weight)
    assert abs(ours.item() - expected.item()) < 1e-12
    ours.backward()
    expected.backward()
    ours_gradient = model.input.weight.grad
    torch.testing.assert_close(ours_gradient, literal.input.weight.grad, rtol=0, atol=1e-10)


# Longer than any constant of a cache or of an attention (CHUNK is 64), and than the window of 17.
LONG = 83


@pytest.mark.parametrize("positions", ["sinusoidal", "rope", "alibi"])
@pytest.mark.parametrize("attention", ["full", "sliding:20", "probsparse:2"])
@torch.no_grad()
def test_cached_equals_uncached(attention, positions):
    """Step by step is one pass, to context_length and far beyond, for series that leave midway."""
    if (attention, positions) == ("probsparse:2", "alibi"):
        pytest.skip("biases do not go with probsparse")
    # An even head size, which rotations ask for.
    model = tiny(d_model=12, positions=positions, **attention_fields(attention))
    x = packed([LONG] * 4).view(4, LONG, 5)
    whole = model(x.reshape(-1, 5), Packing([LONG] * 4)).view(4, LONG, 5)
    cache = KVCache(model.config, 4, LONG, torch.float64)
    series = torch.arange(4)
    leaving = {5: [0, 2, 3], 40: [0, 2], 70: [1]}  # at a step: which of the series there go on
    for t in range(LONG):
        if t in leaving:
            going = torch.tensor(leaving[t])
            cache.keep(going)
            series = series[going]
        y = model.decode(x[series, t], cache)
        torch.testing.assert_close(y, whole[series, t], rtol=0, atol=1e-10)
    assert cache.length == LONG


def test_save_and_load(tmp_path):
    """A loaded model predicts the same bits."""
    model = tiny().float()
    model.save(tmp_path / "m")
    x = packed([6, 3]).float()
    packing = Packing([6, 3])
    assert torch.equal(TST.load(tmp_path / "m")(x, packing), model(x, packing))


@pytest.mark.slow
def test_it_overfits_four_series():
    """The model and the loss can learn: four series by heart."""
    torch.manual_seed(0)
    sizes = {"n_features": 5, "d_model": 32, "n_head": 2, "n_layer": 2, "d_ff": 32}
    model = TST(TSTConfig(**sizes, dropout=0.0, attention_dropout=0.0))
    lengths = [9, 8, 5, 3]
    x = packed(lengths, 2).float() * 0.8 + 0.1
    y = packed(lengths, 3).float() * 0.8 + 0.1
    weight = step_weights(lengths)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(400):
        value = masked_mse(model(x, Packing(lengths)), y, weight)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert value.item() < 1e-3


def test_training_flops_counts_products():
    """Against torch's own counter, forward and backward; of attention the causal half counts."""
    model = tiny(dropout=0.0, attention_dropout=0.0).train()
    lengths = [16, 16]
    with FlopCounterMode(display=False) as counter:
        model(packed(lengths), Packing(lengths)).sum().backward()
    attention = 12 * TINY.n_layer * TINY.d_model * sum(n * (n + 1) / 2 for n in lengths)
    linear = training_flops(TINY, lengths) - attention
    first_layer_input = 2 * sum(lengths) * TINY.n_features * TINY.d_model  # has no gradient
    products = 0
    for operation, count in counter.get_flop_counts()["Global"].items():
        if "mm" in str(operation):
            products += count
    assert products == linear - first_layer_input
