"""Fits the distribution of attributes, a table of one row a series, to convergence before the rest.

The attributes are few numbers a series; learned beside the steps, by their optimiser and in their
batches, they would be far from learned when the steps are. Here they have steps of their own over
the whole table. Each conditional distribution of the chain has weights of its own, so each stops
by itself: where the mean log p of held-out rows no longer rises; the series of a group are held out
together, for one tells the others' levels. The fit then begins anew with all rows. A small table is
fitted in two ways, plainly and smoothed, and each conditional has the one by which held-out rows
are likelier; a large one by small batches, at a rate that falls to nothing. Of tables of either
kind the weights are means over some steps (Polyak and Juditsky, 1992): a single step may stand
beside a narrow distribution. Beside one that is narrower still a fit leaps off at times, and is
then taken as it was before.
"""

import copy
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from tst.io import progress
from tst.models.transformer import levels
from tst.models.transformer.heads import LOCATIONS, LOG_SCALES, ChainHead
from tst.models.transformer.variables import Target
from tst.training.config import cosine

SMALL = 200  # rows of a table that is fitted in both ways
# Rows of a table whose weights are means. Held-out rows of 45 to 328 series are likelier by .05 to
# .8 nats a series so; of 1,466 and 1,733 by .01 at most.
AVERAGED = 1_000
# Rows of a table that is fitted by batches: after 300 steps of 4,096 of 19,711 rows of 52
# attributes, held-out ones are less likely, by 13 nats, than after batches in the same time.
LARGE = 2_000
MAX_STEPS = 2_000
EVERY = 20  # steps between two looks at the held-out rows
GAIN = 1e-3  # nats a row that a better look must be better by
# Nats a row that the rows learned may become less likely by. Of levels that end series a quarter
# of the fits ended after a leap, of up to 6; taken before it they are likelier by further series,
# by .1 to 4 nats (.05 and .1 in this place: as much). Of six tables of the study none leaps so far.
LEAP = 0.2
PRIOR_COUNT = 0.5  # added to how often each category occurs, as Jeffreys' prior does
N_FOLDS = 4  # of a small table: each row is held out once
LEAST_SPREAD = 1e-2  # of a number around what the categories tell, of its own: none is certain
UNDECAYED = ("bias", "skip")  # what begins at what the table tells
MIN_HELD_OUT = 60  # rows of a held-out part that is enough by itself
MAX_HELD_OUT = 1_000
# Fits that a process remembers: models of one data set often differ in their steps only.
N_KEPT = 16


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a head is fitted.

    Parameters
    ----------
    learning_rate, weight_decay
        As AdamW takes them; biases and levels do not decay.
    noise
        Standard deviation of what is added to continuous attributes, times the root of the number
        of rows, in spreads around what the categories tell: a bandwidth, without which a mixture
        closes in on single rows.
    batch
        Rows a step; 0: the whole table.
    cools
        Whether the rate falls to nothing, by a cosine over the most steps.
    patience
        Looks without a better one of any conditional, after which a fit ends.
    most
        Steps.
    """

    learning_rate: float
    weight_decay: float = 0.0
    noise: float = 0.0
    batch: int = 0
    cools: bool = False
    patience: int = 5
    most: int

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if not self.cools:
            return self.learning_rate
        return self.learning_rate * cosine(step, self.most)


PLAIN = Recipe(learning_rate=2e-2, most=1_000)
# Found on tables of 60 to 140 series, by held-out rows: half the decay, half the noise are worse.
SMOOTH = Recipe(learning_rate=2e-2, weight_decay=8.0, noise=1.5, most=160)
# Found on windows of ETTh1 and Energy: half and twice the rate are worse by held-out rows for the
# same time. Batches of 256 are as good by these, but draws of each number by itself are nearer to
# the table after batches of 512 (Kolmogorov-Smirnov distance .020, as after 4,096; else .025).
BATCHED = Recipe(learning_rate=2e-2, batch=512, cools=True, patience=25, most=MAX_STEPS)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of the table of attributes.

    Parameters
    ----------
    target
        `Target` (n_series, n_attributes).
    context
        float, (n_series, n_context): what is known of each series before its attributes.
    units
        int64, (n_series,): which unit each is of.
    """

    target: Target
    context: torch.Tensor
    units: torch.Tensor

    def __len__(self) -> int:
        return len(self.context)

    def take(self, chosen: torch.Tensor) -> "Rows":
        """Return some rows, int64 or bool (n,)."""
        target = self.target.map(lambda x: x[chosen])
        return Rows(target=target, context=self.context[chosen], units=self.units[chosen])


State = dict[str, torch.Tensor]
_fits: dict[str, tuple[State, torch.Tensor]] = {}


def fit(
    head: ChainHead,
    target: Target,
    seed: int,
    context: torch.Tensor | None = None,
    units: torch.Tensor | None = None,
) -> torch.Tensor:
    """Fit a head to the rows of a table, in place.

    Parameters
    ----------
    target
        `Target` (n_series, n_attributes).
    seed
        Of the folds and batches.
    context
        float, (n_series, n_context): what is known of each series; None: nothing, a one.
    units
        int64, (n_series,): which unit each series is of, from 0 (`SeriesSet.units`); None, or
        fewer than `N_FOLDS` units: each is its own.

    Returns
    -------
    int64, (n_attributes,): steps that each conditional took.
    """
    first = copy.deepcopy(head).cpu().requires_grad_(True)
    if context is None:
        context = target.value.new_ones(len(target.value), 1)
    if units is None or int(units.max()) + 1 < N_FOLDS:
        units = torch.arange(len(target.value))
    rows = Rows(target=target, context=context, units=units)
    key = _digest(first, rows, seed)
    if key not in _fits:
        while len(_fits) >= N_KEPT:
            del _fits[next(iter(_fits))]
        _fits[key] = _fit(first, rows, seed)
    fitted, n_steps = _fits[key]
    head.load_state_dict(fitted)
    return n_steps


def _fit(first: ChainHead, rows: Rows, seed: int) -> tuple[State, torch.Tensor]:
    """Return the weights of a fit of a head, and the steps of each conditional."""
    generator = torch.Generator().manual_seed(seed)
    recipes = [BATCHED if len(rows) > LARGE else PLAIN]
    if len(rows) <= SMALL:
        recipes.append(SMOOTH)
    n_steps = torch.full((len(recipes), len(first.variables)), 10 * EVERY)
    scores = torch.zeros(n_steps.shape)
    scores[0] = 1.0  # of a table that is too small to judge, the plain one is taken
    if len(rows) >= N_FOLDS:
        parts = _parts(first, rows, generator)
        for i, recipe in enumerate(recipes):
            n_steps[i], scores[i] = _held_out_steps(first, parts, recipe, generator)
        scores[0] += GAIN
    chosen = scores.argmax(0)  # (D,)
    fitted = copy.deepcopy(first)
    for i, recipe in enumerate(recipes):
        is_mine = chosen == i
        if not is_mine.any():
            continue
        most = int(n_steps[i][is_mine].max())
        likeliest = torch.full((len(first.variables),), -torch.inf)
        for step, head in _looks(copy.deepcopy(first), rows, most, recipe, generator):
            is_taken = is_mine & (step == n_steps[i])
            if not recipe.cools:  # where the rate falls to nothing none leaps for good
                with torch.no_grad():
                    log_p = _log_p(head, rows)
                likeliest = torch.maximum(likeliest, log_p)
                is_taken = is_mine & (step <= n_steps[i]) & (log_p >= likeliest - LEAP)
            for d in is_taken.nonzero().flatten().tolist():
                fitted.copy_conditional(head, d)
    return fitted.state_dict(), n_steps.gather(0, chosen[None])[0]


def _digest(head: ChainHead, rows: Rows, seed: int) -> str:
    """Return hex digits that name all that decides a fit."""
    digest = hashlib.sha256(f"{seed} {head.head} {head.variables}".encode())
    tensors = [*head.state_dict().values(), head.bin_edges]
    target = rows.target
    tensors += [target.value, target.lower, target.upper, target.repeat, rows.context, rows.units]
    for tensor in tensors:
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def _begin_at_frequencies(head: ChainHead, target: Target) -> None:
    """Set what a category's probability is before training to how frequent it is.

    Its other weights are random: they say nothing until they have learned something.
    """
    for d, variable in enumerate(head.variables):
        if variable.kind != "categorical":
            continue
        counts = torch.bincount(target.value[:, d].long(), minlength=variable.n_categories)
        categories = slice(1, 1 + variable.n_categories)
        head.bias[d, categories] = torch.log(counts + PRIOR_COUNT)
        head.out[d, :, categories] = 0.0


@torch.no_grad()
def _begin_at_levels(head: ChainHead, target: Target) -> torch.Tensor:
    """Set where the mixture of a number stands before training to what the categories tell of it.

    Returns the numbers' standard deviations around that, (n_continuous,).
    """
    numbers = target.value[:, head.numbers].numpy()
    chosen = [d for d, variable in enumerate(head.variables) if variable.kind == "categorical"]
    codes = target.value[:, chosen].long().numpy()
    parts = levels.effects(numbers, codes, [head.variables[d].n_categories for d in chosen])
    centre, spread = _moments_of_rest(numbers, parts, codes)
    if head.head != "mixture":
        return spread
    for d, part in zip(chosen, parts, strict=True):
        channels = slice(head.starts[d], head.ends[d])
        head.skip[channels, head.numbers] = torch.from_numpy(part).to(head.skip)
    locations, log_scales = head.bias[:, LOCATIONS], head.bias[:, LOG_SCALES]
    locations[head.numbers] = locations[head.numbers] * spread[:, None] + centre[:, None]
    log_scales[head.numbers] += spread.log()[:, None]
    return spread


def _moments_of_rest(
    numbers: np.ndarray, parts: Sequence[np.ndarray], codes: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation of what levels leave of numbers (n_series, n), (n,) each.

    `parts` and `codes` are as in `levels.total`; there may be none.
    """
    moments = torch.zeros(2, numbers.shape[1])
    for f in range(numbers.shape[1]):  # one at a time: of many series a copy takes much memory
        rest = numbers[:, f].astype(np.float64)
        for part, code in zip(parts, codes.T, strict=True):
            rest -= part[code, f]
        moments[:, f] = torch.tensor([rest.mean(), rest.std()])
    return moments[0], moments[1].clamp(min=LEAST_SPREAD)


def _folds(units: torch.Tensor, generator: torch.Generator) -> Sequence[torch.Tensor]:
    """Return the numbers of the rows that are held out, int64 each; of many rows one part.

    Rows of one unit are in one fold.
    """
    n_rows = torch.bincount(units)
    parts = torch.randperm(len(n_rows), generator=generator).chunk(N_FOLDS)
    if len(parts[0]) >= MIN_HELD_OUT:
        n_before = n_rows[parts[0]].cumsum(0) - n_rows[parts[0]]
        parts = (parts[0][n_before < MAX_HELD_OUT],)
    return [torch.isin(units, part).nonzero().flatten() for part in parts]


def _held_out_steps(
    head: ChainHead,
    parts: Sequence[tuple[Rows, Rows]],
    recipe: Recipe,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return after how many steps held-out rows are likeliest, and their mean log p then, (D,).

    `parts` is as `_parts` returns it.
    """
    curves = []
    for kept, held_out in parts:
        curves.append(_held_out_curves(copy.deepcopy(head), kept, held_out, recipe, generator))
    n_looks = min(len(curve) for curve in curves)
    mean = torch.stack([curve[:n_looks] for curve in curves]).mean(0)  # (n_looks, D)
    looks = _best_looks(mean)
    return looks * EVERY, mean.gather(0, looks[None])[0]


def _parts(head: ChainHead, rows: Rows, generator: torch.Generator) -> list[tuple[Rows, Rows]]:
    """Return the kept and the held-out rows of each fold.

    A held-out row with a category that no kept one has is left out: it says nothing of a new
    series, whose categories are those of the whole table. Where none is left, as where an attribute
    names the unit, rows are held out one by one; where none is left then, all judge.
    """
    parts = _judging(head, _dealt(rows, _folds(rows.units, generator)))
    if parts:
        return parts
    everything = _dealt(rows, _folds(torch.arange(len(rows)), generator))
    return _judging(head, everything) or everything


def _dealt(rows: Rows, folds: Sequence[torch.Tensor]) -> list[tuple[Rows, Rows]]:
    """Return the kept and the held-out rows of each fold."""
    parts = []
    for fold in folds:
        is_kept = torch.ones(len(rows), dtype=torch.bool)
        is_kept[fold] = False
        parts.append((rows.take(is_kept), rows.take(fold)))
    return parts


def _judging(head: ChainHead, parts: Sequence[tuple[Rows, Rows]]) -> list[tuple[Rows, Rows]]:
    """Return the parts with those held-out rows alone whose categories are known."""
    judging = []
    for kept, held_out in parts:
        known = held_out.take(_is_known(head, kept, held_out))
        if len(known):
            judging.append((kept, known))
    return judging


def _is_known(head: ChainHead, kept: Rows, held_out: Rows) -> torch.Tensor:
    """Tell which held-out rows have categories of the kept ones alone, bool (n_held_out,)."""
    is_known = torch.ones(len(held_out), dtype=torch.bool)
    for d, variable in enumerate(head.variables):
        if variable.kind == "categorical":
            is_known &= torch.isin(held_out.target.value[:, d], kept.target.value[:, d])
    return is_known


def _best_looks(curve: torch.Tensor) -> torch.Tensor:
    """Return the first look that no later one betters by `GAIN`, of each column (looks, D)."""
    return (curve >= curve.max(0).values - GAIN).int().argmax(0)


def _held_out_curves(
    head: ChainHead, kept: Rows, held_out: Rows, recipe: Recipe, generator: torch.Generator
) -> torch.Tensor:
    """Return the mean log p of held-out rows each `EVERY` steps, (looks, D)."""
    curve: list[torch.Tensor] = []
    for _, seen in _looks(head, kept, min(recipe.most, MAX_STEPS), recipe, generator):
        with torch.no_grad():
            curve.append(_log_p(seen, held_out))
        since_best = len(curve) - 1 - _best_looks(torch.stack(curve))
        if int(since_best.min()) > recipe.patience:
            break
    return torch.stack(curve)


def _looks(
    head: ChainHead, rows: Rows, n_steps: int, recipe: Recipe, generator: torch.Generator
) -> Iterator[tuple[int, ChainHead]]:
    """Fit as `_steps` does; yield, each `EVERY` steps, how many so far and the head as it is then.

    Of a table that is small, or seen by batches, with the mean of its weights over these steps.
    """
    is_averaged = len(rows) <= AVERAGED or recipe.batch > 0
    mean = AveragedModel(head)
    with progress.bar("levels and attributes", "step", n_steps, hidden=not recipe.batch) as bar:
        for step in _steps(head, rows, n_steps, recipe, generator):
            if step and is_averaged:
                mean.update_parameters(head)
            if step % EVERY:
                continue
            seen = head
            if step and is_averaged:
                seen = cast(ChainHead, mean.module)
                mean = AveragedModel(head)
            bar.update(step - bar.n)
            yield step, seen


def _steps(
    head: ChainHead, rows: Rows, n_steps: int, recipe: Recipe, generator: torch.Generator
) -> Iterator[int]:
    """Begin at what the rows of a table tell, and take steps of AdamW towards them.

    Yields how many so far, from 0.
    """
    _begin_at_frequencies(head, rows.target)
    spread = _begin_at_levels(head, rows.target)
    weights: list[torch.nn.Parameter] = []
    free: list[torch.nn.Parameter] = []
    for name, weight in head.named_parameters():
        (free if name in UNDECAYED else weights).append(weight)
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
    n = len(rows)
    noise = recipe.noise / math.sqrt(n)
    yield 0
    for step in range(n_steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step)
        batch = rows
        if recipe.batch:
            batch = rows.take(torch.randint(n, (recipe.batch,), generator=generator))
        if noise:
            batch = _noisy(batch, head.numbers, noise * spread, generator)
        optimizer.zero_grad(set_to_none=True)
        (-_log_p(head, batch).sum()).backward()
        optimizer.step()
        yield step + 1


def _noisy(
    rows: Rows, numbers: torch.Tensor, noise: torch.Tensor, generator: torch.Generator
) -> Rows:
    """Return rows with noise on the continuous attributes.

    Parameters
    ----------
    numbers
        int64, (n_continuous,): which those are.
    noise
        float, (n_continuous,): its standard deviation.
    """
    target = rows.target
    moves = torch.zeros_like(target.value)
    drawn = torch.randn(len(rows), len(numbers), generator=generator)
    moves[:, numbers] = (drawn * noise).to(moves)
    return Rows(
        target=Target(
            value=target.value + moves,
            lower=target.lower + moves,
            upper=target.upper + moves,
            repeat=target.repeat,
        ),
        context=rows.context,
        units=rows.units,
    )


def _log_p(head: ChainHead, rows: Rows) -> torch.Tensor:
    """Return the mean log p of each attribute over the rows of a table, (D,)."""
    return head.log_prob(rows.context, rows.context[:, :0], rows.target).mean(0)
