"""Laws of the heads: probabilities that sum to one, draws that follow them, a chain that sees only what stands before."""

import numpy as np
import pytest
import torch
from scipy import stats

from tst.models.transformer import heads
from tst.models.transformer.heads import BIG, ChainHead, Target, TokenSpec, Variable

DIMS = (Variable(), Variable("categorical", 3), Variable(repeats=True), Variable("stop"))
EDGES = tuple(tuple(np.linspace(-3, 3, 12)) for _ in DIMS)


def chain(head="mixture", period=4, steps=2, seed=0):
    """Return a chain of two steps of four numbers with random weights, in float64."""
    torch.manual_seed(seed)
    made = ChainHead(DIMS * steps, 5, 7 * steps, head, EDGES * steps, period).double()
    for p in made.parameters():
        p.data += 0.3 * torch.randn_like(p)
    return made


def target(n=6, steps=2, seed=1):
    """Return numbers for it: densities, masses, codes, ends and repeats."""
    rng = torch.Generator().manual_seed(seed)
    value = torch.randn(n, 4 * steps, generator=rng, dtype=torch.float64)
    value[:, 1::4] = torch.randint(0, 3, (n, steps), generator=rng).double()
    value[:, 3::4] = torch.randint(0, 2, (n, steps), generator=rng).double()
    upper = value.clone()
    upper[::2, ::4] += 0.5
    repeat = torch.zeros(n, 4 * steps, dtype=torch.bool)
    repeat[::3, 2::4] = True
    return Target(value, value.clone(), upper, repeat)


@pytest.mark.parametrize("kind", ["mixture", "quantised"])
def test_probabilities_sum_to_one(kind):
    """The density integrates to one, the masses of a partition add up to one, a narrow mass is density times width."""
    out, base, edges = (
        torch.randn(1, 1, 15, dtype=torch.float64),
        torch.zeros(1, 1, dtype=torch.float64),
        EDGES[:1],
    )
    edges = torch.tensor(edges, dtype=torch.float64)
    bins = torch.randn(1, 1, 11, dtype=torch.float64)

    def log_p(value, lower, upper):
        shape = [x.reshape(-1, 1) for x in (value, lower, upper)]
        if kind == "mixture":
            return heads.mixture_log_prob(
                out.expand(len(value), 1, 15), base.expand(len(value), 1), *shape
            )[:, 0]
        return heads.bins_log_prob(bins.expand(len(value), 1, 11), edges, *shape)[:, 0]

    x = (
        torch.linspace(-60, 60, 240_001, dtype=torch.float64)
        if kind == "mixture"
        else torch.linspace(-3, 2.9999, 60_001).double()
    )
    assert torch.trapezoid(log_p(x, x, x).exp(), x).item() == pytest.approx(1, abs=2e-3)
    cuts = torch.tensor([-BIG, -1.2, -0.3, 0.0, 0.4, 2.1, BIG], dtype=torch.float64)
    assert log_p(cuts[1:], cuts[:-1], cuts[1:]).exp().sum().item() == pytest.approx(1, abs=1e-9)
    at, width = torch.tensor([0.11], dtype=torch.float64), 1e-6
    mass = log_p(at, at - width / 2, at + width / 2) - np.log(width)
    torch.testing.assert_close(mass, log_p(at, at, at), rtol=0, atol=1e-4)


def test_tails_and_needles_stay_finite():
    """A value a million units away, a scale of e^-40, an interval of one unit in the last place: finite, with gradients."""
    out = torch.tensor(
        [[[0.0, 0, 0, 0, 0, 1, -1, 0, 0, 0, -40.0, 3, 40, 0, 0]]], requires_grad=True
    )
    value = torch.tensor([[0.0], [BIG], [-BIG], [1.0]])
    upper = value + torch.tensor([[0.0], [1.0], [0.0], [1.2e-7]])
    found = heads.mixture_log_prob(out.expand(4, 1, 15), torch.zeros(4, 1), value, value, upper)
    found.sum().backward()
    assert torch.isfinite(found).all() and torch.isfinite(out.grad).all()


@pytest.mark.parametrize("head", heads.HEADS)
def test_a_number_sees_only_those_before_it(head):
    """Changing number d moves its own likelihood and later ones, never an earlier one; a point head moves no other."""
    made, numbers = chain(head), target()
    context, recent = torch.randn(6, 5).double(), torch.randn(6, 14).double()
    before = made.log_prob(context, recent, numbers)
    for d in (0, 1, 2, 4, 6):
        changed = numbers.map(torch.clone)
        shift = 1 if DIMS[d % 4].kind == "categorical" else 0.7
        changed.value[:, d] = (
            (changed.value[:, d] + shift) % 3 if shift == 1 else changed.value[:, d] + shift
        )
        after = made.log_prob(context, recent, changed)
        assert torch.equal(after[:, :d], before[:, :d])
        later = (after[:, d + 1 :] - before[:, d + 1 :]).abs().max()
        assert later == 0 if head in heads.POINTS else later > 0


@pytest.mark.parametrize("head", heads.HEADS)
def test_step_by_step_is_all_at_once(head):
    """What sampling computes number by number is what training computes in one go."""
    made, numbers = chain(head), target()
    context, recent = torch.randn(6, 5).double(), torch.randn(6, 14).double()
    encoded = heads.encode(made.dims, numbers.value, numbers.repeat)
    out, base = made.parameters_of(context, recent, encoded)
    fixed, n = made.begin(context, recent), 0
    for d, dim in enumerate(made.dims):
        step_out, step_base = made.chain_step(d, fixed, encoded[:, :n])
        torch.testing.assert_close(step_out, out[:, d], rtol=0, atol=1e-12)
        if dim.kind == "continuous" and head not in heads.POINTS:
            torch.testing.assert_close(step_base, base[:, d], rtol=0, atol=1e-12)
        n += dim.width


@pytest.mark.parametrize("head", ["mixture", "quantised"])
@torch.no_grad()
def test_draws_follow_the_likelihood(head):
    """20,000 draws against the distribution function that the masses give (KS), and the categorical shares."""
    made, rng = chain(head), torch.Generator().manual_seed(5)
    fixed = made.begin(torch.ones(1, 5).double(), torch.zeros(1, 14).double())
    out, base = (
        x.expand(20_000, *x.shape[1:])
        for x in made.chain_step(0, fixed, torch.zeros(1, 0).double())
    )
    drawn, repeat = made.draw(0, out, base, rng)
    grid = np.quantile(drawn.numpy(), np.linspace(0.01, 0.99, 50))
    cut = torch.tensor(grid)[:, None]
    args = cut, torch.full_like(cut, -BIG), cut
    number = out[:50, None, 1 : 1 + made.n_value]
    mass = (
        heads.mixture_log_prob(number, base[:50, None], *args)
        if head == "mixture"
        else heads.bins_log_prob(number, made.edges[:1], *args)
    )
    np.testing.assert_allclose(
        mass.exp()[:, 0], stats.ecdf(drawn.numpy()).cdf.evaluate(grid), atol=0.02
    )
    assert not repeat.any()


def test_a_repeat_has_a_gate():
    """Repeats and all else are the two sides of one probability: their likelihoods share it."""
    made = chain()
    numbers = target(2)
    numbers.value[:] = numbers.value[0].clone()
    numbers.upper[:], numbers.lower[:] = numbers.value, numbers.value
    numbers.repeat[:, 2] = torch.tensor([True, False])
    encoded = heads.encode(made.dims, numbers.value, numbers.repeat)
    out, base = made.parameters_of(torch.zeros(2, 5).double(), torch.zeros(2, 14).double(), encoded)
    found = made.log_prob(torch.zeros(2, 5).double(), torch.zeros(2, 14).double(), numbers)[:, 2]
    density = heads.mixture_log_prob(
        out[1:, 2:3, 1:16], base[1:, 2:3], *(numbers.value[1:, 2:3],) * 3
    )
    assert (found[0].exp() + (found[1] - density[0, 0]).exp()).item() == pytest.approx(1)


def test_layout_round_trip():
    """What JSON holds comes back; an unknown head is named."""
    layout = TokenSpec(DIMS, DIMS[:2], EDGES, EDGES[:2])
    assert TokenSpec.from_dict(layout.to_dict()) == layout
    with pytest.raises(ValueError, match="head is 'normal'; use one of sigmoid"):
        ChainHead(DIMS, 3, 7, "normal", EDGES, 4)
