"""Laws of the account: Opacus's own numbers, a plan within its budget, mistakes in one sentence."""

import math

import pytest

from tst.errors import DataError
from tst.training.account import Budget, Release, least_noise, plan, spent


def release(noise, rate, times):
    return Release(what="test", noise=noise, rate=rate, times=times)


def test_the_cost_is_that_of_opacus_examples():
    """Opacus 1.6, tests/accountants_test.py: 7.32911117143, and noises 1.416 and 1.3562."""
    assert spent([release(1.5, 0.04, int(90 / 0.04))], 1e-5) == pytest.approx(7.32911117143)
    for steps, noise in ((int(90 / 0.04), 1.416), (2000, 1.3562)):
        found = least_noise(lambda x, n=steps: spent([release(x, 0.04, n)], 1e-5), 8.0)
        assert found == pytest.approx(noise, rel=2e-3)


def test_one_gaussian_release_costs_what_theory_says():
    """RDP of the Gaussian mechanism is alpha / (2 noise^2): epsilon as converted by hand."""
    noise = 4.0
    delta = 1e-5
    best = math.inf
    for alpha in [1 + x / 10.0 for x in range(1, 100)] + list(range(12, 64)):
        cost = alpha / (2 * noise**2)
        cost += math.log1p(-1 / alpha) - (math.log(delta) + math.log(alpha)) / (alpha - 1)
        best = min(best, cost)
    assert spent([release(noise, 1.0, 1)], delta) == pytest.approx(best, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.3, 1.0, 10.0])
def test_a_plan_spends_its_budget_and_no_more(epsilon):
    """Both together within epsilon, and within 2 % of it; the first its share."""
    budget = Budget(epsilon=epsilon, delta=1e-4)
    both = plan(budget, measured="a", share=0.3, learned="b", rate=0.2, steps=50)
    assert 0.98 * epsilon < spent(both, 1e-4) <= epsilon
    assert 0.98 * 0.3 * epsilon < spent(both[:1], 1e-4) <= 0.3 * epsilon


def test_more_releases_cost_more():
    costs = [spent([release(2.0, 0.1, n)], 1e-5) for n in (1, 10, 100)]
    assert costs == sorted(costs) and costs[0] < costs[-1]


@pytest.mark.parametrize(
    ("epsilon", "delta", "sentence"),
    [
        (0.0, 1e-5, "epsilon is 0.0"),
        (-1.0, 1e-5, "epsilon is -1.0"),
        (math.inf, 1e-5, "epsilon is inf"),
        (math.nan, 1e-5, "epsilon is nan"),
        (1.0, 0.0, "delta is 0.0"),
        (1.0, 1.0, "delta is 1.0"),
    ],
)
def test_a_budget_that_promises_nothing_is_refused(epsilon, delta, sentence):
    with pytest.raises(DataError, match=sentence):
        Budget(epsilon=epsilon, delta=delta)


def test_a_delta_of_one_unit_is_refused():
    """delta >= 1 / n allows to publish a unit; a little less is taken."""
    with pytest.raises(DataError, match="below 1 / 100"):
        Budget(epsilon=1.0, delta=0.01).check(100)
    Budget(epsilon=1.0, delta=0.0099).check(100)


def test_an_epsilon_that_no_noise_keeps_is_refused():
    with pytest.raises(DataError, match="which no noise keeps"):
        least_noise(lambda noise: 1.0, 0.5)
