"""A `GenerativeTST` that tells little of any one series: DP-SGD, and noisy counts for the rest.

Differential privacy (Dwork et al., 2006) of a unit, a series or a group of some: whoever sees the
model can hardly tell whether a unit was among the series (`tst.training.account`). All that is read
of the data is in the account; what is not measured with noise is public (`Domain`) or not done: no
held-out judgement, no early stop, no repeats of a step, no scale of a series' own.
"""

import math
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from tst.errors import DataError
from tst.io.untrusted import from_mapping
from tst.models.attributes import SeriesFacts
from tst.models.transformer import attribute_fit, private_measures
from tst.models.transformer.batches import TokenBatch, TokenBatches
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.domain import Domain
from tst.models.transformer.generative import GenerativeTST
from tst.models.transformer.series_gradients import SeriesGradients
from tst.series import SeriesSet, ceil_div
from tst.training.account import Budget, Release, plan, spent
from tst.training.config import cosine
from tst.training.held_out import AVERAGED

MIN_BATCH = 4  # units that a step sees on average; fewer drown in noise
# What is measured, public or refused, for the table of the account.
MEASURED = (
    "number of series or groups",
    "scale of each measurement",
    "frequencies of categories, and how attributes go with the first",
    "lengths",
)
PUBLIC = (
    ("columns, bounds, categories, logarithms, whole numbers", "given by the user"),
    ("longest series, times, number of series, about", "given by the user"),
    ("sizes, patches, optimiser steps, share of a batch", "decided by what is public"),
    ("bins", "evenly between public bounds"),
    ("values out of bounds, unknown categories, gaps", "set, of each series by itself"),
)
REFUSED = (
    ("held-out judgement, early stopping", "a fixed number of steps instead"),
    ("relations between columns", "none are looked for"),
    ("pooled rare names, patterns of ids, missing values", "none are learned; ids are made up"),
    ("scale of a series' own, exact repeats, atoms but at bounds", "none are looked for"),
    ("checkpoints, training time by measure", "none are kept; none is taken"),
)
FEW_UNITS = 5_000  # below which a model has the fewest weights
MAX_TOKENS = 512  # of a series, above which steps are joined to patches
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

    steps: int = 300
    rate: float = 0.25
    clip: float = 1.0
    share: float = 0.4
    learning_rate: float = 2e-2

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

    def __post_init__(self) -> None:
        Budget(epsilon=self.epsilon, delta=self.delta)
        has_noise = True
        for one in self.releases:
            has_noise &= one.noise > 0 and 0 < one.rate <= 1 and one.times > 0
        if not has_noise or len(self.releases) != 2:
            raise ValueError("the account is not as it was saved")

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the account of a mapping that JSON held; `to_dict` is the inverse."""
        return from_mapping(cls, mapping)

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping that JSON can hold."""
        return asdict(self)

    def rows(self) -> pd.DataFrame:
        """Return how each thing that a model knows of the data got there.

        Returns
        -------
        Columns what, how (public, measured, learned, refused) and detail.
        """
        counts, gradients = self.releases
        alone = spent([counts], self.delta)
        measured = (
            f"noise {counts.noise:.3g} times what a unit can change; epsilon {alone:.3g} by itself"
        )
        learned = (
            f"{gradients.times:,} steps, each of a share {gradients.rate:.3g} of the units, "
            f"clipped, with noise {gradients.noise:.3g} times the bound"
        )
        rows = [(what, "measured", measured) for what in MEASURED]
        rows += [("weights of the steps' model", "learned", learned)]
        rows += [("weights of the attributes' model", "measured", "from the noisy counts alone")]
        rows += [(what, "public", detail) for what, detail in PUBLIC]
        rows += [(what, "refused", detail) for what, detail in REFUSED]
        return pd.DataFrame(rows, columns=["what", "how", "detail"])

    def sentences(self) -> list[str]:
        """Return what is promised, to whom, and what is not."""
        unit = self.unit
        if unit != "series":
            unit = f"value of '{unit}'"
        return [
            f"Differential privacy with epsilon {self.epsilon:g} and delta {self.delta:g} for each "
            f"{unit}: with or without any one {unit}, every outcome has nearly the same "
            f"probability, within a factor e^{self.epsilon:g}, but for {self.delta:g}.",
            f"Spent is epsilon {self.spent:.4g}, by the Renyi accountant of Opacus, for Poisson "
            "samples and tables that differ by one unit more or less.",
            f"Protected is what one {unit} adds, all of its rows. Not protected: what holds of the "
            "units together, and what is said publicly; that there are at least as many series as "
            "a training and delta need; how long the training took.",
            "Samples, however many, cost nothing more. A second model of the same data does: the "
            "epsilons of both add up. A report that compares with the real rows is not in the "
            "account: keep it.",
            "Noise is torch's, of the system's randomness as a seed that is kept nowhere; it is no "
            "cryptographic generator, and float32 is no real number.",
        ]

    def text(self) -> str:
        """Return sentences and rows as Markdown."""
        lines = ["# What this model tells of any one series", ""]
        for sentence in self.sentences():
            lines += [sentence, ""]
        lines += ["| what | how | detail |", "|---|---|---|"]
        for what, how, detail in self.rows().itertuples(index=False):
            lines.append(f"| {what} | {how} | {detail} |")
        return "\n".join(lines) + "\n"


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
    units = series.units
    n_units = int(units.max(initial=-1)) + 1
    check(n_units, budget, settings)
    rng, generator = _random(randomness)
    releases: tuple[Release, ...] = ()
    noise_of_counts = 0.0
    noise = 0.0
    clip = math.inf
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
        clip = settings.clip
    bounded = domain.within(series)
    measured = private_measures.measure(bounded, domain, noise_of_counts, rng)
    encoder = private_measures.encoder_of(measured, domain, SeriesFacts.of(bounded))
    spec = private_measures.spec_of(encoder, domain)
    torch.manual_seed(seed)
    model = GenerativeTST(config, spec, encoder)
    if spec.attributes:
        n_rows = private_measures.N_ROWS
        rows = private_measures.attribute_rows(measured, domain, encoder, rng, n_rows)
        attribute_fit.fit(model.attribute_head, rows, seed)
    batches = TokenBatches(bounded, encoder, spec, config, batch_size=1, seed=seed)
    expected = settings.rate * measured.n_units
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


def sizes(config: GenerativeConfig, domain: Domain) -> GenerativeConfig:
    """Return a configuration with the sizes of a private model, by what is public.

    Noise grows with the number of weights, and what it drowns becomes less with each series: few
    weights for few series. Nothing is dropped; each window is a whole series where it can be.
    """
    few = domain.n_units < FEW_UNITS
    width = min(config.d_model, 32)
    n_layer = min(config.n_layer, 2)
    if few:
        width = min(width, 16)
        n_layer = 1
    patch = max(config.patch, ceil_div(domain.longest, MAX_TOKENS))
    return replace(
        config,
        d_model=width,
        d_ff=2 * width,
        n_head=2,
        n_layer=n_layer,
        dropout=0.0,
        attention_dropout=0.0,
        modulated=not few,
        context_length=domain.longest,
        patch=patch,
        attention="full",
        window=0,
        positions="sinusoidal",
    )


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
        rate = settings.learning_rate * cosine(step, settings.steps)
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


def _batch(batches: TokenBatches, windows: np.ndarray) -> TokenBatch:
    """Return a batch in which each window weighs as much, whatever its length."""
    batch = batches.collate(windows, batches.emphasis)
    n_steps = torch.tensor(batch.lengths, dtype=batch.weight.dtype) * batches.config.patch
    batch.weight.div_(n_steps[batch.series][:, None])
    return batch
