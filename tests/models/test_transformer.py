"""Laws of TST: the paper's size, causality, no influence of neighbours or padding, cache = no cache, reference = ours."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tst.io.untrusted import from_mapping
from tst.models.transformer.backbone import KVCache
from tst.models.transformer.config import AUTHOR_WWT, PAPER, TSTConfig, training_flops
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


def test_the_paper_model_has_12_635_659_parameters():
    """The number the author's notebook prints, with 11 channels."""
    assert sum(p.numel() for p in TST(PAPER).parameters()) == 12_635_659


def test_the_author_variant_for_wwt():
    """The second named configuration: d_model 256, 6 blocks, window 550."""
    assert (
        AUTHOR_WWT.d_model,
        AUTHOR_WWT.n_layer,
        AUTHOR_WWT.context_length,
        AUTHOR_WWT.dropout,
    ) == (256, 6, 550, 0.2)


def test_an_unknown_setting_is_named():
    """A typo in a setting raises and lists what is known."""
    with pytest.raises(ValueError, match="d_modle.*known are"):
        from_mapping(TSTConfig, {"d_modle": 3})
    with pytest.raises(ValueError, match="sigmoid, tanh"):
        TSTConfig(head="relu")
    with pytest.raises(ValueError, match="multiple of n_head"):
        TSTConfig(d_model=10, n_head=3)


def test_causality_is_exact():
    """Changing the future changes no earlier output by one bit; gradients to the future are exactly 0."""
    model, x, packing = tiny(), packed([13]), Packing([13])
    changed = x.clone()
    changed[7:] += 1
    assert torch.equal(model(x, packing)[:7], model(changed, packing)[:7])
    assert not torch.equal(model(x, packing)[7:], model(changed, packing)[7:])
    x.requires_grad_()
    model(x, packing)[6].sum().backward()
    assert (x.grad[7:] == 0).all() and (x.grad[:7] != 0).any()


@pytest.mark.parametrize("slack", [0.0, 0.1, 0.9])
def test_a_batch_equals_its_series_one_by_one(slack):
    """Neighbours in a batch and padding within attention have no influence."""
    model, lengths = tiny(), [17, 13, 12, 12, 7, 2, 1]
    x = packed(lengths)
    together = model(x, Packing(lengths, slack)).split(lengths)
    for series, prediction in zip(x.split(lengths), together, strict=True):
        torch.testing.assert_close(
            model(series, Packing([len(series)])), prediction, rtol=0, atol=1e-12
        )


def test_packing_groups_hold_the_slack():
    """No group pads more than its share, every row appears once, order is demanded."""
    lengths = sorted(
        torch.randint(1, 60, (200,), generator=torch.Generator().manual_seed(0)).tolist(),
        reverse=True,
    )
    packing = Packing(lengths, slack=0.1)
    assert packing.n_rows == sum(lengths) and packing.n_padded <= sum(lengths) / 0.9
    assert len(packing.groups) < len(set(lengths))
    for group, after in pairwise(packing.groups):
        assert after.first_row == group.last_row
    with pytest.raises(ValueError, match="longest first"):
        Packing([2, 3])


def test_ours_equals_torch_transformer_encoder():
    """Same weights, same batch: the literal recipe padded to the window gives the same loss and gradients in float64."""
    model, lengths = tiny(dropout=0.0, attention_dropout=0.0).train(), [16, 9, 9, 4, 2]
    series = [torch.cat([s, s[-1:]]) for s in packed(lengths).split(lengths)]
    literal = reference.ReferenceTST.like(model)
    inputs, targets, padding = reference.pad(series, TINY.context_length)
    expected = reference.loss(literal(inputs, padding), targets, padding)
    weight = torch.cat(
        [torch.full((n,), 1 / (n * len(lengths)), dtype=torch.float64) for n in lengths]
    )
    rows, next_rows = torch.cat([s[:-1] for s in series]), torch.cat([s[1:] for s in series])
    ours = masked_mse(model(rows, Packing(lengths)), next_rows, weight)
    assert abs(ours.item() - expected.item()) < 1e-12
    ours.backward()
    expected.backward()
    torch.testing.assert_close(
        model.input.weight.grad, literal.input.weight.grad, rtol=0, atol=1e-10
    )


def test_cached_equals_uncached():
    """Decoding step by step gives what one pass gives, up to context_length, for series that leave on the way."""
    model, T = tiny(), TINY.context_length
    x = packed([T] * 4).view(4, T, 5)
    full = model(x.reshape(-1, 5), Packing([T] * 4)).view(4, T, 5)
    cache, rows = KVCache(TINY, 4, T, torch.float64), torch.arange(4)
    for t in range(T):
        if t in (5, 9):
            cache.keep(torch.tensor([0, 2]) if t == 5 else torch.tensor([1]))
            rows = rows[[0, 2]] if t == 5 else rows[[1]]
        with torch.no_grad():
            torch.testing.assert_close(
                model.decode(x[rows, t], cache), full[rows, t], rtol=0, atol=1e-10
            )
    assert cache.length == T


def test_save_and_load(tmp_path):
    """A loaded model predicts the same bits."""
    model = tiny().float()
    model.save(tmp_path / "m")
    x, packing = packed([6, 3]).float(), Packing([6, 3])
    assert torch.equal(TST.load(tmp_path / "m")(x, packing), model(x, packing))


def test_it_overfits_four_series():
    """The model and the loss can learn: four series by heart."""
    torch.manual_seed(0)
    model = TST(
        TSTConfig(
            n_features=5, d_model=32, n_head=2, n_layer=2, d_ff=32, dropout=0, attention_dropout=0
        )
    )
    lengths = [9, 8, 5, 3]
    x, y = packed(lengths, 2).float() * 0.8 + 0.1, packed(lengths, 3).float() * 0.8 + 0.1
    weight = torch.cat([torch.full((n,), 1 / (4 * n)) for n in lengths])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(400):
        value = masked_mse(model(x, Packing(lengths)), y, weight)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert value.item() < 1e-3


def test_training_flops_counts_products():
    """Against torch's own counter, forward and backward; a causal half of attention is all that is counted."""
    model, lengths = tiny(dropout=0.0, attention_dropout=0.0).train(), [16, 16]
    with FlopCounterMode(display=False) as counter:
        model(packed(lengths), Packing(lengths)).sum().backward()
    attention = 12 * TINY.n_layer * TINY.d_model * sum(n * (n + 1) / 2 for n in lengths)
    linear = training_flops(TINY, lengths) - attention
    first_layer_input = 2 * sum(lengths) * TINY.n_features * TINY.d_model  # has no gradient
    counted = counter.get_flop_counts()["Global"]
    assert sum(v for k, v in counted.items() if "mm" in str(k)) == linear - first_layer_input
