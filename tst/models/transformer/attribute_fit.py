"""Fits the distribution of attributes, a table of one row a series, to convergence before the rest.

The attributes are few numbers a series; learned beside the steps, by their optimiser and in their
batches, they would be far from learned when the steps are. Here they have steps of their own over
the whole table. Each conditional distribution of the chain has weights of its own, so each stops
by itself: where the mean log p of held-out rows no longer rises. The fit then begins anew with all
rows.
"""

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from tst.models.transformer.heads import ChainHead
from tst.models.transformer.variables import Target

LEARNING_RATE = 2e-2
BATCH = 4_096  # rows a step; a smaller table is seen whole
MAX_STEPS = 1_000
EVERY = 20  # steps between two looks at the held-out rows
PATIENCE = 5  # looks without a better one of any conditional, after which a fit ends
GAIN = 1e-3  # nats a row that a better look must be better by
PRIOR_COUNT = 0.5  # added to how often each category occurs, as Jeffreys' prior does
N_FOLDS = 4  # of a small table: each row is held out once
MIN_HELD_OUT = 60  # rows of a held-out part that is enough by itself
# Fits that a process remembers: models of one data set often differ in their steps only.
N_KEPT = 16


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of the table of attributes.

    Parameters
    ----------
    target
        `Target` (n_series, n_attributes).
    context
        float, (n_series, n_context): what is known of each series before its attributes.
    """

    target: Target
    context: torch.Tensor

    def __len__(self) -> int:
        return len(self.context)

    def take(self, chosen: torch.Tensor) -> "Rows":
        """Return some rows, int64 or bool (n,)."""
        return Rows(target=self.target.map(lambda x: x[chosen]), context=self.context[chosen])


State = dict[str, torch.Tensor]
_fits: dict[str, tuple[State, torch.Tensor]] = {}


def fit(
    head: ChainHead, target: Target, seed: int, context: torch.Tensor | None = None
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

    Returns
    -------
    int64, (n_attributes,): steps that each conditional took.
    """
    first = copy.deepcopy(head).cpu().requires_grad_(True)
    _begin_at_frequencies(first, target)
    if context is None:
        context = target.value.new_ones(len(target.value), 1)
    rows = Rows(target=target, context=context)
    key = _digest(first, rows, seed)
    if key not in _fits:
        while len(_fits) >= N_KEPT:
            del _fits[next(iter(_fits))]
        _fits[key] = _fit(first, rows, seed)
    fitted, n_steps = _fits[key]
    head.load_state_dict(fitted)
    return n_steps


def _fit(first: ChainHead, rows: Rows, seed: int) -> tuple[State, torch.Tensor]:
    """Return the weights of a fit that begins with a head's, and the steps of each conditional."""
    generator = torch.Generator().manual_seed(seed)
    n_steps = torch.full((len(first.variables),), 10 * EVERY)
    if len(rows) >= N_FOLDS:
        n_steps = _held_out_steps(first, rows, generator)
    moving = copy.deepcopy(first)
    for step in _steps(moving, rows, int(n_steps.max()), generator):
        for d in (n_steps == step).nonzero().flatten().tolist():
            first.copy_conditional(moving, d)
    return first.state_dict(), n_steps


def _digest(head: ChainHead, rows: Rows, seed: int) -> str:
    """Return hex digits that name all that decides a fit."""
    digest = hashlib.sha256(f"{seed} {head.head} {head.variables}".encode())
    tensors = [*head.state_dict().values(), head.bin_edges]
    target = rows.target
    tensors += [target.value, target.lower, target.upper, target.repeat, rows.context]
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


def _held_out_steps(head: ChainHead, rows: Rows, generator: torch.Generator) -> torch.Tensor:
    """Return after how many steps held-out rows are likeliest, for each conditional."""
    n = len(rows)
    folds = torch.randperm(n, generator=generator).chunk(N_FOLDS)
    if len(folds[0]) >= MIN_HELD_OUT:
        folds = folds[:1]
    curves = []
    for fold in folds:
        is_kept = torch.ones(n, dtype=torch.bool)
        is_kept[fold] = False
        parts = rows.take(is_kept), rows.take(fold)
        curves.append(_held_out_curves(copy.deepcopy(head), *parts, generator))
    n_looks = min(len(curve) for curve in curves)
    mean = torch.stack([curve[:n_looks] for curve in curves]).mean(0)  # (n_looks, D)
    return _best_looks(mean) * EVERY


def _best_looks(curve: torch.Tensor) -> torch.Tensor:
    """Return the first look that no later one betters by `GAIN`, of each column (looks, D)."""
    return (curve >= curve.max(0).values - GAIN).int().argmax(0)


def _held_out_curves(
    head: ChainHead, kept: Rows, held_out: Rows, generator: torch.Generator
) -> torch.Tensor:
    """Return the mean log p of held-out rows each `EVERY` steps, (looks, D)."""
    curve: list[torch.Tensor] = []
    for step in _steps(head, kept, MAX_STEPS, generator):
        if step % EVERY:
            continue
        with torch.no_grad():
            curve.append(_log_p(head, held_out))
        since_best = len(curve) - 1 - _best_looks(torch.stack(curve))
        if int(since_best.min()) > PATIENCE:
            break
    return torch.stack(curve)


def _steps(head: ChainHead, rows: Rows, n_steps: int, generator: torch.Generator) -> Iterator[int]:
    """Take steps of Adam towards the rows of a table; yield how many so far, from 0."""
    optimizer = torch.optim.Adam(head.parameters(), lr=LEARNING_RATE, fused=True)
    n = len(rows)
    yield 0
    for step in range(n_steps):
        batch = rows
        if n > BATCH:
            batch = rows.take(torch.randint(n, (BATCH,), generator=generator))
        optimizer.zero_grad(set_to_none=True)
        (-_log_p(head, batch).sum()).backward()
        optimizer.step()
        yield step + 1


def _log_p(head: ChainHead, rows: Rows) -> torch.Tensor:
    """Return the mean log p of each attribute over the rows of a table, (D,)."""
    return head.log_prob(rows.context, rows.context[:, :0], rows.target).mean(0)
