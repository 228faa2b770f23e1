"""Shadow models: trainings on random halves of a pool, for attacks (`tst.evaluation.audit`)."""

from dataclasses import replace

import numpy as np

from tst.evaluation.audit import Shadows
from tst.models.transformer import private, sampling
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.domain import Domain
from tst.models.transformer.private import PrivateConfig
from tst.series import SeriesSet
from tst.training.account import Budget


def attack(
    pool: SeriesSet,
    domain: Domain,
    config: GenerativeConfig,
    budget: Budget | None,
    settings: PrivateConfig,
    n_models: int,
    seed: int,
) -> Shadows:
    """Return how likely each series of a pool is under models of random halves of it.

    Each series is in exactly half of the models. All begin with the same weights, as an attacker
    may know them; noise and batches differ.

    Parameters
    ----------
    pool
        One series a unit.
    n_models
        Even.
    seed
        Of the halves, the weights, the noise and the batches.
    """
    rng = np.random.default_rng(seed)
    n = len(pool)
    first = np.zeros((n_models, n), dtype=bool)
    first[: n_models // 2] = True
    is_member = rng.permuted(first, axis=0)
    score = np.empty((n_models, n))
    bounded = domain.within(pool)
    for model in range(n_models):
        chosen = np.flatnonzero(is_member[model])
        randomness = int(rng.integers(2**62))
        fitted, _ = private.fit(
            pool.take(chosen), domain, config, budget, settings, seed=seed, randomness=randomness
        )
        score[model] = sampling.log_likelihood(fitted, bounded, batch_size=n)
    return Shadows(score=score, is_member=is_member)


def with_canary(series: SeriesSet, domain: Domain) -> SeriesSet:
    """Return a set whose first series jumps between all bounds: what a model would not expect."""
    values = series.values.copy()
    n_steps = int(series.lengths[0])
    is_high = np.arange(n_steps) % 2 == 0
    for f, feature in enumerate(domain.features):
        low = feature.low
        high = feature.high
        if feature.n_categories:
            low = 0
            high = feature.n_categories - 1
        values[:n_steps, f] = np.where(is_high, high, low)
    return replace(series, values=values)
