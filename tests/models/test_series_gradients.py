"""Laws of series' gradients: each is the gradient of that series alone, of every parameter."""

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from helpers import encoded_batches, mixed_series, modulate, tiny_generative
from torch import nn

from tst.models.transformer.packing import Packing
from tst.models.transformer.series_gradients import (
    SeriesGradients,
    Tape,
    series_losses,
    tape_layers,
)


def model_and_batch(lengths=(3, 1, 8, 5, 2, 13), fixed=False, windows=None, **settings):
    """Return a tiny model in float64 with random weights everywhere, and a batch of all series."""
    _, spec, batches = encoded_batches(mixed_series(lengths, fixed=fixed), **settings)
    model = tiny_generative(spec, **settings)
    if model.is_modulated:
        modulate(model)
    model = model.double().eval()
    torch.manual_seed(3)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    n = batches.lengths if windows is None else batches.lengths[windows]
    chosen = np.argsort(-n, kind="stable")
    chosen = chosen if windows is None else np.array(windows)[chosen]
    return model, collated(batches, chosen), batches, chosen


def collated(batches, windows):
    """Return the batch of some windows in float64."""
    batch = batches.collate(windows, step_weight=0.7)
    return batch.map(lambda x: x.double() if x.is_floating_point() else x)


def one_by_one(model, batches, chosen):
    """Return {parameter: gradient of each series}, by a batch of its own each."""
    each = []
    for window in chosen:
        batch = collated(batches, np.array([window]))
        model.zero_grad(set_to_none=True)
        packing = Packing(batch.lengths)
        (-(model(batch, packing) * batch.weight).sum()).backward()
        grads = {}
        for name, p in model.named_parameters():
            if p.requires_grad:
                grads[name] = torch.zeros_like(p) if p.grad is None else p.grad.clone()
        each.append(grads)
    return {name: torch.stack([grads[name] for grads in each]) for name in each[0]}


def norms_of(gradients):
    """Return the norm of each series' gradient over all parameters."""
    squares = [g.flatten(1).square().sum(1) for g in gradients.values()]
    return torch.stack(squares).sum(0).sqrt()


CASES = {
    "mixture": {},
    "lengths all one": {"lengths": (1, 1, 1)},
    "fixed length": {"fixed": True},
    "quantised": {"head": "quantised"},
    "a point": {"head": "tanh", "stop": "flags"},
    "hazard": {"stop": "stop"},
    "patches": {"patch": 3},
    "not modulated": {"modulated": False},
    "no attributes": {"attributes": False},
    "rope in a window": {"attention": "sliding", "window": 3, "positions": "rope"},
    "alibi": {"positions": "alibi"},
    "windows of series": {"lengths": (7, 12), "context_length": 5, "windows": [1, 2, 4]},
}


@pytest.mark.parametrize("case", CASES)
def test_each_is_the_gradient_of_its_series_alone(case):
    """In float64 within 1e-10, of every parameter, under every head, end and attention."""
    model, batch, batches, chosen = model_and_batch(**CASES[case])
    gradients = SeriesGradients(model, batch)
    expected = one_by_one(model, batches, chosen)
    assert gradients.products.keys() == expected.keys()
    for name, value in expected.items():
        assert (gradients.of_series(name) - value).abs().max() < 1e-10, name
    norms = norms_of(expected)
    torch.testing.assert_close(gradients.norms(), norms)
    losses = series_losses(model, batch).detach()
    torch.testing.assert_close(gradients.losses, losses)


@pytest.mark.parametrize("most", [1e-3, 1.0, 1e6])
def test_the_clipped_sum_is_that_of_clipped_gradients(most):
    """Of each series at most `most`, in whole and over all parameters; nothing where it is less."""
    model, batch, batches, chosen = model_and_batch()
    expected = one_by_one(model, batches, chosen)
    norms = norms_of(expected)
    share = (most / norms).clamp(max=1)
    for name, value in SeriesGradients(model, batch).clipped_sum(most).items():
        clipped = torch.einsum("b...,b->...", expected[name], share)
        torch.testing.assert_close(value, clipped, rtol=1e-8, atol=1e-10)


def test_a_series_moves_the_clipped_sum_by_the_bound_at_most():
    """What an account relies on: with and without a series, for each of them, even a huge one."""
    model, _, batches, chosen = model_and_batch(lengths=(3, 9, 5, 7))
    batches.whole.target.value[0:3] *= 1e4

    def flat(windows):
        sums = SeriesGradients(model, collated(batches, windows)).clipped_sum(0.5)
        return torch.cat([x.flatten() for x in sums.values()])

    whole = flat(chosen)
    moved = [float((whole - flat(np.delete(chosen, i))).norm()) for i in range(len(chosen))]
    assert max(moved) <= 0.5 + 1e-9
    assert max(moved) > 0.49  # the bound is reached


def test_a_parameter_without_a_rule_ends_the_run():
    """Nothing moves that is not in the account."""
    model, batch, _, _ = model_and_batch()
    model.extra = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="no rule for the gradient of extra"):
        SeriesGradients(model, batch)
    assert "outputs" not in vars(model.head)
    with pytest.raises(RuntimeError, match="evaluation mode"):
        SeriesGradients(model.train(), batch)


def test_layers_have_the_gradients_that_opacus_finds_on_padded_batches():
    """Series of unequal length, packed here, padded with zero weight there: the same gradients."""
    from opacus import GradSampleModule

    torch.manual_seed(0)
    lengths = (7, 5, 2)
    layers = nn.Sequential(nn.Linear(3, 11), nn.LayerNorm(11), nn.ReLU(), nn.Linear(11, 2)).double()
    padded = torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64)
    is_observed = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    tape = Tape()
    with ExitStack() as stack:
        tape_layers(tape, layers, stack)
        total = layers(padded[is_observed]).square().sum()
    packed = {}
    for product in tape.products(total):
        packed[product.parameter] = product.of_series([0, 7, 12, 14])
    assert packed.keys() == set(layers.parameters())
    sampled = GradSampleModule(layers, batch_first=True, loss_reduction="sum")
    (sampled(padded).square().sum(2) * is_observed).sum().backward()
    for parameter in layers.parameters():
        torch.testing.assert_close(packed[parameter], parameter.grad_sample, rtol=1e-9, atol=1e-11)
