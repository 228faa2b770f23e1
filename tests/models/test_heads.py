"""Laws of the chain head: a number sees only those before it; step by step is all at once."""

from typing import get_args

import numpy as np
import pytest
import torch
from scipy import stats

from tst.models.transformer.config import POINT_HEADS, Head
from tst.models.transformer.distributions import LogisticMixture, QuantileBins
from tst.models.transformer.heads import ChainHead
from tst.models.transformer.variables import BIG, Target, TokenSpec, Variable, encode

HEADS = get_args(Head)
STEP = (Variable(), Variable("categorical", 3), Variable(repeats=True), Variable("stop"))
WIDTH = sum(variable.width for variable in STEP)
EDGES = tuple(tuple(np.linspace(-3, 3, 12)) for _ in STEP)
N_STEPS = 2  # a token
N_ROWS = 6
N_CONTEXT = 5


def chain(head="mixture", seed=0):
    """Return a chain of two steps of four numbers with random weights, in float64."""
    torch.manual_seed(seed)
    model = ChainHead(
        STEP * N_STEPS, N_CONTEXT, WIDTH * N_STEPS, head, EDGES * N_STEPS, period=len(STEP)
    ).double()
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


def target(n=N_ROWS, seed=1):
    """Return numbers for it: densities, masses, codes, ends and repeats."""
    generator = torch.Generator().manual_seed(seed)
    value = torch.randn(n, 4 * N_STEPS, generator=generator, dtype=torch.float64)
    value[:, 1::4] = torch.randint(0, 3, (n, N_STEPS), generator=generator).double()
    value[:, 3::4] = torch.randint(0, 2, (n, N_STEPS), generator=generator).double()
    upper = value.clone()
    upper[::2, ::4] += 0.5
    repeat = torch.zeros(n, 4 * N_STEPS, dtype=torch.bool)
    repeat[::3, 2::4] = True
    return Target(value, value.clone(), upper, repeat)


def past(n=N_ROWS):
    """Return a random context and encoding of the token before."""
    return torch.randn(n, N_CONTEXT).double(), torch.randn(n, WIDTH * N_STEPS).double()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("d", [0, 1, 2, 4, 6])
def test_a_number_sees_only_those_before_it(head, d):
    """Changing number d moves its own likelihood and later ones; a point head moves no other."""
    model = chain(head)
    numbers = target()
    context, recent = past()
    before = model.log_prob(context, recent, numbers)
    changed = numbers.map(torch.clone)
    if STEP[d % 4].kind == "categorical":
        changed.value[:, d] = (changed.value[:, d] + 1) % 3
    else:
        changed.value[:, d] += 0.7
    after = model.log_prob(context, recent, changed)
    assert torch.equal(after[:, :d], before[:, :d])
    later = (after[:, d + 1 :] - before[:, d + 1 :]).abs().max()
    assert (later == 0) == (head in POINT_HEADS)


@pytest.mark.parametrize("head", HEADS)
def test_step_by_step_is_all_at_once(head):
    """What sampling computes number by number is what training computes in one go."""
    model = chain(head)
    numbers = target()
    context, recent = past()
    encoded = encode(model.variables, numbers.value, numbers.repeat)
    out, base = model.outputs(context, recent, encoded)
    begun = model.begin(context, recent)
    for d, variable in enumerate(model.variables):
        seen = encoded[:, : model.starts[d]]
        step_out, step_base = model.chain_step(d, begun, seen)
        torch.testing.assert_close(step_out, out[:, d], rtol=0, atol=1e-12)
        if variable.kind == "continuous" and head not in POINT_HEADS:
            torch.testing.assert_close(step_base, base[:, d], rtol=0, atol=1e-12)


@pytest.mark.parametrize("head", ["mixture", "quantised"])
@torch.no_grad()
def test_draws_follow_the_likelihood(head):
    """20,000 draws of the first number against the distribution that its outputs describe (KS)."""
    model = chain(head)
    ones = torch.ones(1, N_CONTEXT).double()
    begun = model.begin(ones, torch.zeros(1, WIDTH * N_STEPS).double())
    out, base = model.chain_step(0, begun, torch.zeros(1, 0).double())
    many = out.expand(20_000, -1)
    generator = torch.Generator().manual_seed(5)
    draws, repeat = model.draw(0, many, base.expand(20_000), generator)
    grid = np.quantile(draws.numpy(), np.linspace(0.01, 0.99, 50))
    cut = torch.tensor(grid)[:, None]
    if head == "mixture":
        distribution = LogisticMixture(out[:, None, 1:16].expand(50, 1, -1), base.expand(50, 1))
    else:
        distribution = QuantileBins(out[:, None, 1:12].expand(50, 1, -1), model.bin_edges[:1])
    masses = distribution.log_prob(cut, torch.full_like(cut, -BIG), cut).exp()[:, 0]
    np.testing.assert_allclose(masses, stats.ecdf(draws.numpy()).cdf.evaluate(grid), atol=0.02)
    assert not repeat.any()


def test_a_repeat_has_a_gate():
    """Repeats and all else are the two sides of one probability: their likelihoods share it."""
    model = chain()
    numbers = target(2)
    numbers.value[:] = numbers.value[0].clone()
    numbers.upper[:] = numbers.value
    numbers.lower[:] = numbers.value
    numbers.repeat[:, 2] = torch.tensor([True, False])
    context = torch.zeros(2, N_CONTEXT).double()
    recent = torch.zeros(2, WIDTH * N_STEPS).double()
    encoded = encode(model.variables, numbers.value, numbers.repeat)
    out, base = model.outputs(context, recent, encoded)
    value = numbers.value[1:, 2:3]
    density = LogisticMixture(out[1:, 2:3, 1:16], base[1:, 2:3]).log_prob(value, value, value)
    log_probs = model.log_prob(context, recent, numbers)[:, 2]
    repeated = log_probs[0].exp()
    other = (log_probs[1] - density[0, 0]).exp()
    assert (repeated + other).item() == pytest.approx(1)


def test_only_a_gated_variable_repeats():
    """Many draws of a plain and of a gated number."""
    model = chain()
    begun = model.begin(*past(2000))
    encoded = torch.zeros(2000, WIDTH * N_STEPS).double()
    generator = torch.Generator().manual_seed(0)
    shares = []
    for d in (0, 2):
        _, repeat = model.draw(d, *model.chain_step(d, begun, encoded), generator)
        shares.append(repeat.double().mean().item())
    assert shares[0] == 0 < shares[1] < 1


def test_spec_round_trip():
    """What JSON holds comes back."""
    spec = TokenSpec(STEP, STEP[:2], EDGES, EDGES[:2])
    assert TokenSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    "edges", [EDGES[:3], ((), *EDGES[1:]), ((0.0, np.nan), *EDGES[1:]), ((1.0, 0.0),) * 4]
)
def test_edges_that_do_not_fit_are_refused(edges):
    """In number, or because they do not increase."""
    with pytest.raises(ValueError, match="do not fit its variables"):
        TokenSpec(STEP, bin_edges=edges)


def test_an_unknown_head_is_named():
    """With the known ones."""
    with pytest.raises(ValueError, match="head is 'normal'; use one of sigmoid"):
        ChainHead(STEP, 3, 7, "normal", EDGES, 4)
