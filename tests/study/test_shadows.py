"""The promise under attack: with noise nothing is found, without it the canary is."""

import numpy as np
import pytest
import torch
from helpers import toy_series

from tst.evaluation import audit
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.domain import Domain, FeatureDomain
from tst.models.transformer.private import PrivateConfig
from tst.study import shadows
from tst.training.account import Budget

PROMISED = Budget(epsilon=1.0, delta=1e-2)
DOMAIN = Domain(
    features=(FeatureDomain(low=-4, high=4),),
    attributes={},
    longest=6,
    fixed_length=True,
    n_units=20,
)
CONFIG = GenerativeConfig(
    n_features=1,
    d_model=4,
    n_head=1,
    n_layer=1,
    d_ff=4,
    dropout=0.0,
    attention_dropout=0.0,
    context_length=6,
)
SETTINGS = PrivateConfig(steps=15, rate=0.5, learning_rate=2e-2)


def pool(n=40):
    """Return small random walks, the first of which is a canary."""
    rng = np.random.default_rng(0)
    walks = [0.3 * np.cumsum(rng.normal(size=(6, 1)), axis=0) for _ in range(n)]
    return shadows.with_canary(toy_series(walks), DOMAIN)


def attacked(budget, n_models):
    torch.manual_seed(0)
    return shadows.attack(pool(), DOMAIN, CONFIG, budget, SETTINGS, n_models, seed=0)


@pytest.mark.slow
def test_the_canary_jumps_between_the_bounds():
    """It alone is changed; each series is in half of the models."""
    series = pool()
    assert series[0][:, 0].tolist() == [4, -4, 4, -4, 4, -4]
    assert np.abs(series[1]).max() < 4
    few = attacked(None, 16)
    assert (few.is_member.sum(0) == 8).all()
    assert few.is_member.sum(1).std() > 0


@pytest.mark.long
def test_without_a_promise_the_canary_is_found():
    """128 models without noise: guesses about it, and about others, are right too often.

    Of 64 the threshold, which half of them choose, is a matter of chance.
    """
    found = attacked(None, 128)
    ratio = audit.lira(found)
    assert audit.auc(ratio, found.is_member) > 0.55
    assert audit.auc(ratio[:, 0], found.is_member[:, 0]) > 0.95
    bound = audit.epsilon_bound(found.score[:, 0], found.is_member[:, 0], PROMISED.delta)
    assert bound > PROMISED.epsilon


@pytest.mark.long
def test_no_attack_refutes_a_promise():
    """64 models with epsilon 1: what the audit can prove, of the canary or any other, is less."""
    found = attacked(PROMISED, 64)
    ratio = audit.lira(found)
    assert audit.auc(ratio, found.is_member) < 0.55
    assert audit.auc(ratio[:, 0], found.is_member[:, 0]) < 0.8
    assert audit.epsilon_bounds(found, PROMISED.delta).max() <= PROMISED.epsilon
