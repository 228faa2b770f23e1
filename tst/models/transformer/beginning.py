"""Where training begins: at frequencies and linear regressions, which need no steps of it.

The first steps of a training would else learn what counting tells: how often a category follows
another, what a number is by those before it, and how a series starts.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from tst.models.transformer.batches import TokenBatch
from tst.models.transformer.heads import (
    FIRST_LOG_SCALE,
    LOCATIONS,
    LOG_SCALES,
    N_COMPONENTS,
    N_HIDDEN,
    ChainHead,
)
from tst.models.transformer.variables import encode

MAX_VALUES = 2**18  # of a set, of which a larger one's excerpt is counted
PRIOR_COUNT = 0.5  # added to how often each category occurs, as Jeffreys' prior does
# Numbers that a regression reads: it takes a time that grows with their cube, one a measurement. Of
# more, as of a hundred measurements with a season, it reads the same one of the step before.
MAX_SEEN = 1024
RIDGE = 1e-2  # of the number of rows
# A value is a point mass that holds so much of the rows, and so many times as much as the values
# beside it: a count, or a rounded number, has many values of some share.
POINT_SHARE, POINT_RATIO = 0.05, 2.0
N_STARTS = 30  # series, from which on the spread of their first steps is known
LEAST_SPREAD, MOST_SPREAD = 3e-3, 1.0  # of what a regression leaves, in scaled units
NORMAL_SPREAD = 1.4826  # standard deviations of a normal distribution in its median deviation


def has_point_mass(x: np.ndarray) -> bool:
    """Tell whether one exact value, a bound or another, stands out among numbers (rows,)."""
    _, counts = np.unique(x, return_counts=True)
    if len(counts) < 2:
        return False  # a constant
    padded = np.pad(counts, 1)
    beside = np.maximum(padded[:-2], padded[2:])
    stands_out = (counts > POINT_SHARE * len(x)) & (counts > POINT_RATIO * beside)
    return bool(stands_out.any())


def seen_before(first: torch.Tensor, recent: torch.Tensor, is_start: torch.Tensor) -> torch.Tensor:
    """Return whether no token stands before, 1 or 0, then what does: (rows, 1 + n_recent).

    Parameters
    ----------
    first
        float, (n_recent,): encoding of the mean first token, which stands where none does.
    recent, is_start
        As in `TokenBatch`.
    """
    before = torch.where(is_start[:, None], first.to(recent.dtype), recent)
    return torch.cat([is_start[:, None].to(recent.dtype), before], dim=1)


@torch.no_grad()
def begin(
    head: ChainHead,
    first: torch.Tensor,
    batch: TokenBatch,
    has_point: Sequence[bool],
    are_whole: bool,
) -> None:
    """Set the weights of a mixture's head, in place, by the tokens of a training set.

    Parameters
    ----------
    first
        float, (n_recent,): becomes the encoding of the mean first token.
    batch
        Tokens of whole series, or of pieces of long ones.
    has_point
        Which numbers of a step have a point mass. No regression tells these: it is near the mean
        between the point and the other values, where there are none, and a mixture that begins
        there keeps too little on the point.
    are_whole
        Whether each series begins with its first token, as pieces may not.
    """
    encoded = encode(head.variables, batch.target.value, batch.target.repeat)
    width = encoded.shape[1]
    first[-width:] = encoded[batch.is_start].mean(0)
    recent = seen_before(first, batch.recent, batch.is_start)
    for d, variable in enumerate(head.variables):
        is_known = batch.weight[:, d] > 0
        if variable.kind == "categorical":
            n_rows = torch.bincount(
                batch.target.value[is_known, d].long(), minlength=variable.n_categories
            )
            _at_transitions(head, d, recent[is_known], encoded[is_known], n_rows)
        elif variable.kind == "continuous" and not has_point[d % head.period]:
            is_known &= ~batch.target.repeat[:, d]
            if is_known.any():
                seen = recent[is_known]
                left = _at_regression(head, d, seen, encoded[is_known])
                _set_spreads(head, d, left, (seen[:, 0] > 0) & are_whole)


def _at_transitions(
    head: ChainHead, d: int, recent: torch.Tensor, encoded: torch.Tensor, n_rows: torch.Tensor
) -> None:
    """Let a category be as likely as it is behind that of the step before.

    A hidden unit a category tells which that was; where there are too many, only how frequent each
    category is counts.

    Parameters
    ----------
    recent, encoded
        float, (rows, 1 + n_recent), as `seen_before` returns it, and (rows, E).
    n_rows
        int64, (n_categories,): of each.
    """
    n = head.variables[d].n_categories
    mine = slice(head.starts[d], head.ends[d])
    outputs = slice(1, 1 + n)
    margin = n_rows.to(encoded.dtype) + PRIOR_COUNT
    log_margin = torch.log(margin / margin.sum())
    head.bias[d, outputs] = log_margin
    head.out[d, :, outputs] = 0.0
    if n > N_HIDDEN // 2:
        return
    hidden = slice(d * N_HIDDEN, d * N_HIDDEN + n)
    head.context.weight[hidden] = 0.0
    head.context.bias[hidden] = 0.0
    head.chain[:, d, :n] = 0.0
    if d < head.period:
        last_step = head.n_recent - head.ends[head.period - 1]
        before = slice(last_step + head.starts[d], last_step + head.ends[d])
        earlier = recent[:, before]
        columns = torch.arange(before.start, before.stop) + head.n_context
        head.context.weight[torch.arange(hidden.start, hidden.stop), columns] = 1.0
    else:
        twin = d - head.period
        earlier = encoded[:, head.starts[twin] : head.ends[twin]]
        rows = torch.arange(head.starts[twin], head.ends[twin])
        head.chain[rows, d, torch.arange(n)] = 1.0
    counts = earlier.T @ encoded[:, mine] + PRIOR_COUNT * n * margin / margin.sum()
    head.out[d, :n, outputs] = torch.log(counts / counts.sum(1, keepdim=True)) - log_margin


def _at_regression(
    head: ChainHead, d: int, recent: torch.Tensor, encoded: torch.Tensor
) -> torch.Tensor:
    """Let a number be about where ridge regression puts it; return what that leaves, (rows,).

    Parameters
    ----------
    recent, encoded
        As in `_at_transitions`.
    """
    seen = torch.cat([recent, encoded * head.before[:, d]], dim=1)
    columns = torch.arange(seen.shape[1])
    if len(columns) > MAX_SEEN:
        columns = head.skip[:, d].nonzero().flatten()  # before training: `ChainHead`
    seen = seen[:, columns].double()
    y = encoded[:, head.starts[d]].double()
    centre = seen.mean(0)
    x = seen - centre
    gram = x.T @ x + RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    slope = torch.linalg.solve(gram, x.T @ (y - y.mean()))
    constant = y.mean() - centre @ slope
    head.skip[columns, d] = slope.to(head.skip)
    head.bias[d, LOCATIONS] = constant.to(head.bias)
    return y - constant - seen @ slope


def _set_spreads(head: ChainHead, d: int, left: torch.Tensor, is_start: torch.Tensor) -> None:
    """Let a number be as near to where it is put as it comes.

    At the start of a series less is known than behind other steps: there it has a spread of its
    own, by one hidden unit.

    Parameters
    ----------
    left
        float, (rows,): how far it lies from there.
    is_start
        bool, (rows,): which of the rows are such starts.
    """
    has_starts = N_STARTS <= int(is_start.sum()) < len(left)
    spread = _spread(left[~is_start] if has_starts else left)
    head.bias[d, LOCATIONS] += torch.linspace(-spread, spread, N_COMPONENTS)
    head.bias[d, LOG_SCALES] = FIRST_LOG_SCALE + math.log(spread)
    if not has_starts:
        return
    unit = d * N_HIDDEN
    head.context.weight[unit] = 0.0
    head.context.weight[unit, head.n_context] = 1.0
    head.context.bias[unit] = 0.0
    head.chain[:, d, 0] = 0.0
    head.out[d, 0] = 0.0
    wider = _spread(left[is_start]) - spread
    head.out[d, 0, LOCATIONS] = torch.linspace(-wider, wider, N_COMPONENTS)
    head.out[d, 0, LOG_SCALES] = math.log1p(wider / spread)


def _spread(left: torch.Tensor) -> float:
    """Return the spread of what a regression leaves, (rows,), as that of a normal distribution."""
    deviation = (left - left.median()).abs().median()
    return min(max(float(deviation) * NORMAL_SPREAD, LEAST_SPREAD), MOST_SPREAD)
