"""Laws of the attacks: known answers, guesses that say nothing, and a bound that does not lie."""

import numpy as np
import pytest
from scipy.stats import norm

from tst.errors import DataError
from tst.evaluation.audit import (
    Shadows,
    auc,
    clopper_pearson,
    epsilon_bound,
    lira,
    true_positive_rate,
)


def halves(n_models, n_series, seed=0):
    first = np.zeros((n_models, n_series), dtype=bool)
    first[: n_models // 2] = True
    return np.random.default_rng(seed).permuted(first, axis=0)


def gaussian(noise, n_models=64, n_series=30, seed=0):
    """Return scores of the Gaussian mechanism: 1 for a member, else 0, with noise."""
    is_member = halves(n_models, n_series, seed)
    rng = np.random.default_rng(seed + 1)
    return Shadows(score=is_member + noise * rng.normal(size=is_member.shape), is_member=is_member)


def test_the_interval_of_a_share_is_exact():
    """Clopper and Pearson's known values: 0 of 10 at most .3085, 5 of 10 from .1871 to .8129."""
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 0.30850), abs=1e-4)
    assert clopper_pearson(10, 10) == pytest.approx((0.69150, 1.0), abs=1e-4)
    assert clopper_pearson(5, 10) == pytest.approx((0.18709, 0.81291), abs=1e-4)


def test_the_attack_is_as_good_as_theory_says():
    """Scores a unit apart with this noise: the area is Phi(1 / (noise sqrt 2))."""
    for noise in (0.4, 1.0, 30.0):
        shadows = gaussian(noise)
        expected = norm.cdf(1 / (noise * 2**0.5))
        assert auc(lira(shadows), shadows.is_member) == pytest.approx(expected, abs=0.035)


def test_a_series_that_is_always_scored_higher_is_no_member():
    """The attack weighs each series by its own models: levels of series say nothing."""
    shadows = gaussian(0.3)
    shifted = Shadows(score=shadows.score + 50 * np.arange(30), is_member=shadows.is_member)
    np.testing.assert_allclose(lira(shifted), lira(shadows), atol=1e-6)


def test_rates_count_members_above_the_threshold():
    score = np.array([9.0, 8.0, 1.0, 7.0, 2.0, 0.0])
    is_member = np.array([True, True, True, False, False, False])
    assert true_positive_rate(score, is_member, 0.0) == pytest.approx(2 / 3)
    assert true_positive_rate(score, is_member, 0.34) == pytest.approx(2 / 3)
    assert true_positive_rate(score, is_member, 0.67) == 1.0
    assert auc(score, is_member) == pytest.approx(7 / 9)


def test_the_bound_stays_below_what_is_true():
    """Randomised response of a known epsilon: above it in at most 5 % of 200 audits."""
    epsilon = 1.0
    right = np.exp(epsilon) / (1 + np.exp(epsilon))
    above = 0
    bounds = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        is_member = rng.permutation(np.repeat([True, False], 100))
        score = np.where(rng.random(200) < right, is_member, ~is_member).astype(float)
        bounds.append(epsilon_bound(score, is_member, 0.0))
        above += bounds[-1] > epsilon
    assert above <= 10
    assert np.median(bounds) > 0.2  # it is a bound, but not an idle one


def test_a_member_that_shows_is_found():
    """Scores that do not overlap: as high a bound as so many models can prove."""
    is_member = halves(64, 1)[:, 0]
    score = np.where(is_member, 1.0, 0.0)
    low, high = clopper_pearson(16, 16)[0], clopper_pearson(0, 16)[1]
    assert epsilon_bound(score, is_member, 0.0) == pytest.approx(np.log(low / high))
    assert epsilon_bound(score, is_member, 1e-2) < epsilon_bound(score, is_member, 0.0)
    assert epsilon_bound(np.zeros(64), is_member, 0.0) == 0.0


def test_too_few_models_are_refused():
    with pytest.raises(DataError, match="8 models with and 8 without"):
        gaussian(1.0, n_models=14)
