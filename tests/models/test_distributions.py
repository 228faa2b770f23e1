"""Laws of the distributions: probabilities sum to one, draws follow them, tails stay finite."""

import numpy as np
import pytest
import torch
from scipy import stats

from tst.models.transformer.distributions import (
    Categorical,
    Flags,
    Hazard,
    LogisticMixture,
    Point,
    QuantileBins,
)
from tst.models.transformer.variables import BIG

N_BINS = 11
EDGES = torch.linspace(-3, 3, N_BINS + 1, dtype=torch.float64)[None]


def continuous(kind, rows=1):
    """Return a distribution of one number with random parameters, the same in every row."""
    generator = torch.Generator().manual_seed(2)
    if kind == "quantised":
        logits = torch.randn(1, 1, N_BINS, dtype=torch.float64, generator=generator)
        return QuantileBins(logits.expand(rows, 1, N_BINS), EDGES)
    parameters = torch.randn(1, 1, 15, dtype=torch.float64, generator=generator)
    base = torch.full((rows, 1), 0.3, dtype=torch.float64)
    return LogisticMixture(parameters.expand(rows, 1, 15), base)


def uniform(*shape):
    """Return uniform numbers of [0, 1), float64."""
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def log_prob(kind, value, lower, upper):
    """Return log p of numbers (rows,) under `continuous`."""
    columns = [x.reshape(-1, 1) for x in (value, lower, upper)]
    return continuous(kind, len(value)).log_prob(*columns)[:, 0]


@pytest.mark.parametrize(("kind", "low", "high"), [("mixture", -60, 60), ("quantised", -3, 2.9999)])
def test_a_density_integrates_to_one(kind, low, high):
    """Over all that the distribution reaches."""
    x = torch.linspace(low, high, 240_001, dtype=torch.float64)
    area = torch.trapezoid(log_prob(kind, x, x, x).exp(), x)
    assert area.item() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("kind", ["mixture", "quantised"])
def test_masses_of_a_partition_sum_to_one(kind):
    """From minus to plus infinity, as scaled units have it."""
    cuts = torch.tensor([-BIG, -1.2, -0.3, 0.0, 0.4, 2.1, BIG], dtype=torch.float64)
    masses = log_prob(kind, cuts[1:], cuts[:-1], cuts[1:]).exp()
    assert masses.sum().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("kind", ["mixture", "quantised"])
def test_a_narrow_mass_is_density_times_width(kind):
    """An interval of a millionth."""
    at = torch.tensor([0.11], dtype=torch.float64)
    width = 1e-6
    mass = log_prob(kind, at, at - width / 2, at + width / 2)
    torch.testing.assert_close(mass - np.log(width), log_prob(kind, at, at, at), rtol=0, atol=1e-4)


def test_tails_and_needles_stay_finite():
    """A value a million units away, a scale of e^-40, an interval of one unit in the last place."""
    logits = [0.0, 0, 0, 0, 0]
    locations = [1.0, -1, 0, 0, 0]
    log_scales = [-40.0, 3, 40, 0, 0]
    parameters = torch.tensor([[logits + locations + log_scales]], requires_grad=True)
    value = torch.tensor([[0.0], [BIG], [-BIG], [1.0]])
    upper = value + torch.tensor([[0.0], [1.0], [0.0], [1.2e-7]])
    mixture = LogisticMixture(parameters.expand(4, 1, 15), torch.zeros(4, 1))
    log_probs = mixture.log_prob(value, value, upper)
    log_probs.sum().backward()
    assert torch.isfinite(log_probs).all()
    assert torch.isfinite(parameters.grad).all()


@pytest.mark.parametrize("kind", ["mixture", "quantised"])
def test_draws_follow_the_masses(kind):
    """20,000 draws against the distribution function that the masses give (KS)."""
    draws = continuous(kind, 20_000).sample(uniform(20_000, 1, 2))[:, 0].numpy()
    grid = np.quantile(draws, np.linspace(0.01, 0.99, 50))
    cut = torch.tensor(grid)
    masses = log_prob(kind, cut, torch.full_like(cut, -BIG), cut).exp()
    np.testing.assert_allclose(masses, stats.ecdf(draws).cdf.evaluate(grid), atol=0.02)


@pytest.mark.parametrize("kind", ["mixture", "quantised"])
def test_many_numbers_are_drawn_each_by_its_own(kind):
    """Numbers of a row have their own parameters: a second, shifted one moves only its draws."""
    shift = torch.tensor([0.0, 100.0], dtype=torch.float64)
    if kind == "mixture":
        parameters = torch.zeros(500, 2, 15, dtype=torch.float64)
        both = LogisticMixture(parameters, shift.expand(500, 2))
    else:
        logits = torch.zeros(500, 2, N_BINS, dtype=torch.float64)
        both = QuantileBins(logits, EDGES + shift[:, None])
    draws = both.sample(uniform(500, 2, 2))
    assert draws.shape == (500, 2)
    torch.testing.assert_close(draws.mean(0), shift, rtol=0, atol=0.4)


def test_discrete_probabilities_sum_to_one():
    """A hazard over its two outcomes, a category over all."""
    hazard = Hazard(torch.tensor([0.7, 0.7], dtype=torch.float64))
    both = hazard.log_prob(torch.tensor([0.0, 1.0])).exp()
    assert both.sum().item() == pytest.approx(1)
    category = Categorical(torch.randn(1, 4).double().expand(4, 4))
    assert category.log_prob(torch.arange(4)).exp().sum().item() == pytest.approx(1)


def test_discrete_draws_invert_the_distribution_function():
    """Of evenly spaced uniform numbers each outcome takes its probability, to one of them."""
    n = 20_000
    grid = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    logits = torch.tensor([0.0, -torch.inf, 1.0, -1.0], dtype=torch.float64)
    counts = torch.bincount(Categorical(logits.expand(n, 4)).sample(grid), minlength=4)
    torch.testing.assert_close(counts / n, torch.softmax(logits, 0).float(), rtol=0, atol=1.1 / n)
    ends = Hazard(torch.full((n,), -1.0, dtype=torch.float64)).sample(grid)
    assert ends.sum().item() == pytest.approx(n / (1 + np.e), abs=1.1)


@pytest.mark.parametrize("kind", ["mixture", "quantised"])
def test_uniform_numbers_at_their_ends_give_numbers(kind):
    """0 and the last number below 1 of float32 choose a part that there is, and a finite value."""
    last = float(np.nextafter(np.float32(1), np.float32(0)))
    ends = torch.tensor([0.0, last], dtype=torch.float64)
    pairs = torch.cartesian_prod(ends, ends)[:, None]  # (4, 1, 2)
    assert torch.isfinite(continuous(kind, 4).sample(pairs)).all()


def test_the_papers_outputs_are_not_random():
    """A point and two flags: log p is minus the squared error, a draw is the output itself."""
    ignored = uniform(1, 1, 2)
    low = torch.tensor([-2.0])
    high = torch.tensor([6.0])
    point = Point(torch.zeros(1, 1), "sigmoid", low, high)
    middle = torch.tensor([[2.0]])  # of the range, where a sigmoid of 0 stands
    assert torch.equal(point.sample(ignored), middle)
    assert point.log_prob(middle, middle, middle).item() == 0
    top = torch.tensor([[6.0]])
    assert point.log_prob(top, top, top).item() == pytest.approx(-0.25)
    flags = Flags(torch.tensor([[50.0, -50.0], [-50.0, 50.0]]))
    assert flags.sample(ignored).tolist() == [False, True]
    assert flags.log_prob(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0, 0])
