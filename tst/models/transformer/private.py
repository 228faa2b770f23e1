"""A `GenerativeTST` that tells little of any one series: DP-SGD, and noisy counts for the rest.

Differential privacy (Dwork et al., 2006) of a unit, a series or a group of some: whoever sees the
model can hardly tell whether a unit was among the series (`tst.training.account`). All that is read
of the data is in the account; what is not measured with noise is public (`Domain`) or not done: no
held-out judgement, no early stop, no repeats of a step, no scale of a series' own.
"""

import math
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from tst.errors import DataError
from tst.models.attributes import SeriesFacts
from tst.models.transformer import attribute_fit, private_measures
from tst.models.transformer.batches import TokenBatches
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.domain import Domain
from tst.models.transformer.generative import GenerativeTST
from tst.models.transformer.series_gradients import SeriesGradients
from tst.series import SeriesSet
from tst.training.account import Budget, Release, plan, spent
from tst.training.held_out import AVERAGED

MIN_BATCH = 4  # units that a step sees on average; fewer drown in noise
MAX_ROWS = 2**15  # of a part of a batch, whose gradients are added up


@dataclass(frozen=True, kw_only=True)
class PrivateConfig:
    """Settings of a private training; all are public, chosen without a look at the data.

    Parameters
    ----------
    steps
        Optimiser steps.
    rate
        Probability with which a unit is in a step's batch.
    clip
        Most that one unit can add to the sum of gradients, by its norm.
    share
        Of epsilon, for the noisy counts.
    learning_rate
        Of Adam; it falls to 0 along a cosine.
    """

    steps: int = 200
    rate: float = 0.25
    clip: float = 1.0
    share: float = 0.3
    learning_rate: float = 1e-2

    def __post_init__(self) -> None:
        if self.steps < 1 or not 0 < self.rate <= 1 or not 0 < self.share < 1:
            raise DataError(
                f"a private training of {self.steps} steps, each of a share {self.rate} of the "
                f"series, with a share {self.share} of epsilon for counts, cannot be: give at "
                "least one step, and shares between 0 and 1."
            )


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a private model's training released; a saved model carries it.

    Parameters
    ----------
    epsilon, delta
        What was promised.
    spent
        Epsilon that the releases cost together, by Opacus.
    unit
        series, or the name of the column whose groups are protected.
    releases
        What read the data.
    """

    epsilon: float
    delta: float
    spent: float
    unit: str
    releases: tuple[Release, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold."""
        return asdict(self)


def fit(
    series: SeriesSet,
    domain: Domain,
    config: GenerativeConfig,
    budget: Budget | None,
    settings: PrivateConfig,
    seed: int,
    randomness: int | None = None,
) -> tuple[GenerativeTST, Account | None]:
    """Return a model of a set, and its account.

    Parameters
    ----------
    series
        A set; its groups, where it has some, are the units.
    domain
        What is publicly known of it.
    budget
        None: the same without noise and clipping, for comparison; nothing is promised.
    seed
        Of the first weights.
    randomness
        Of noise and batches. None, as it must be for a guarantee: the system's own, kept nowhere.

    Raises
    ------
    DataError
        Before anything is learned: where delta is too large, or the series are too few.
    """
    units = domain.units(series)
    n_units = int(units.max()) + 1 if len(units) else 0
    check(n_units, budget, settings)
    rng, generator = _random(randomness)
    releases: tuple[Release, ...] = ()
    noise_of_counts = 0.0
    noise = 0.0
    if budget is not None:
        counts, gradients = plan(
            budget,
            measured="counts",
            share=settings.share,
            learned="gradients",
            rate=settings.rate,
            steps=settings.steps,
        )
        releases = (counts, gradients)
        noise_of_counts = counts.noise
        noise = gradients.noise
    bounded = domain.within(series)
    measured = private_measures.measure(bounded, domain, noise_of_counts, rng)
    encoder = private_measures.encoder_of(measured, domain, SeriesFacts.of(bounded))
    spec = private_measures.spec_of(encoder, domain)
    torch.manual_seed(seed)
    model = GenerativeTST(config, spec, encoder)
    if spec.attributes:
        rows = private_measures.attribute_rows(measured, domain, encoder, rng)
        attribute_fit.fit(model.attribute_head, rows, seed)
    batches = TokenBatches(bounded, encoder, spec, config, batch_size=1, seed=seed)
    expected = settings.rate * measured.n_units
    clip = settings.clip if budget is not None else math.inf
    _descend(
        model,
        _Sampler(batches, units, settings.rate, rng),
        expected,
        clip,
        noise,
        settings,
        generator,
    )
    if budget is None:
        return model, None
    account = Account(
        epsilon=budget.epsilon,
        delta=budget.delta,
        spent=spent(releases, budget.delta),
        unit=series.group or "series",
        releases=releases,
    )
    return model, account


def check(n_units: int, budget: Budget | None, settings: PrivateConfig) -> None:
    """Raise DataError where so many units are too few for a budget or a batch."""
    if settings.rate * n_units < MIN_BATCH:
        raise DataError(
            f"a private model needs at least {math.ceil(MIN_BATCH / settings.rate)} series or "
            f"groups, {MIN_BATCH} a step: the table has {n_units}."
        )
    if budget is not None:
        budget.check(n_units)


def _random(randomness: int | None) -> tuple[np.random.Generator, torch.Generator]:
    """Return generators of the system's randomness, or, for tests and attacks, of a number's."""
    if randomness is None:
        return (
            np.random.default_rng(secrets.randbits(256)),
            torch.Generator().manual_seed(secrets.randbits(63)),
        )
    return np.random.default_rng(randomness), torch.Generator().manual_seed(randomness)


class _Sampler:
    """Poisson samples of the units: of each that is drawn, one window of one of its series."""

    def __init__(
        self, batches: TokenBatches, units: np.ndarray, rate: float, rng: np.random.Generator
    ) -> None:
        self.batches = batches
        self.rate = rate
        self.rng = rng
        unit_of_window = units[batches.series_of_window]
        self.order = np.argsort(unit_of_window, kind="stable")
        self.counts = np.bincount(unit_of_window)  # windows of each unit
        self.firsts = np.cumsum(self.counts) - self.counts

    def parts(self) -> Iterator[np.ndarray]:
        """Yield a step's windows, longest first, in parts that memory holds."""
        drawn = np.flatnonzero(self.rng.random(len(self.counts)) < self.rate)
        own = (self.rng.random(len(drawn)) * self.counts[drawn]).astype(np.int64)
        windows = self.order[self.firsts[drawn] + own]
        windows = windows[np.argsort(-self.batches.lengths[windows], kind="stable")]
        ends = np.cumsum(self.batches.lengths[windows]) // MAX_ROWS
        for part in np.unique(ends):
            yield windows[ends == part]


def _descend(
    model: GenerativeTST,
    sampler: _Sampler,
    expected: float,
    clip: float,
    noise: float,
    settings: PrivateConfig,
    generator: torch.Generator,
) -> None:
    """Take the steps of DP-SGD, by Adam; the model keeps the average of about the last tenth.

    Parameters
    ----------
    expected
        Units of a batch on average, by a noisy count: what the sum of gradients is divided by.
    """
    model.eval()
    moving = {name: p for name, p in model.named_parameters() if p.requires_grad}
    average = {name: p.detach().clone() for name, p in moving.items()}
    optimizer = torch.optim.Adam(moving.values(), lr=settings.learning_rate)
    for step in range(settings.steps):
        sums = {name: torch.zeros_like(p) for name, p in moving.items()}
        for windows in sampler.parts():
            gradients = SeriesGradients(model, _batch(sampler.batches, windows))
            for name, value in gradients.clipped_sum(clip).items():
                sums[name] += value
        rate = settings.learning_rate * (1 + math.cos(math.pi * step / settings.steps)) / 2
        optimizer.param_groups[0]["lr"] = rate
        for name, p in moving.items():
            p.grad = sums[name]
            if noise:
                p.grad += noise * clip * torch.randn(p.shape, generator=generator)
            p.grad /= expected
        optimizer.step()
        for name, p in moving.items():
            average[name].lerp_(p.detach(), AVERAGED / (AVERAGED + step))
    with torch.no_grad():
        for name, p in moving.items():
            p.copy_(average[name])
            p.grad = None


def _batch(batches: TokenBatches, windows: np.ndarray) -> Any:
    """Return a batch in which each window weighs as much, whatever its length."""
    batch = batches.collate(windows, batches.emphasis)
    n_steps = torch.tensor(batch.lengths, dtype=batch.weight.dtype) * batches.config.patch
    batch.weight.div_(n_steps[batch.series][:, None])
    return batch
