"""Laws of the chain head: a number sees only those before it; a repeat has a gate."""

from typing import get_args

import numpy as np
import pytest
import torch
from helpers import (
    CHAIN_CONTEXT,
    CHAIN_EDGES,
    CHAIN_STEP,
    CHAIN_STEPS,
    CHAIN_WIDTH,
    random_chain,
)

from tst.models.transformer.config import POINT_HEADS, Head
from tst.models.transformer.distributions import LogisticMixture
from tst.models.transformer.heads import ChainHead
from tst.models.transformer.variables import Target, TokenSpec, Variable, encode

HEADS = get_args(Head)
N_ROWS = 6


def target(n=N_ROWS, seed=1):
    """Return numbers for it: densities, masses, codes, ends and repeats."""
    generator = torch.Generator().manual_seed(seed)
    value = torch.randn(n, 4 * CHAIN_STEPS, generator=generator, dtype=torch.float64)
    value[:, 1::4] = torch.randint(0, 3, (n, CHAIN_STEPS), generator=generator).double()
    value[:, 3::4] = torch.randint(0, 2, (n, CHAIN_STEPS), generator=generator).double()
    upper = value.clone()
    upper[::2, ::4] += 0.5
    repeat = torch.zeros(n, 4 * CHAIN_STEPS, dtype=torch.bool)
    repeat[::3, 2::4] = True
    return Target(value, value.clone(), upper, repeat)


def past(n=N_ROWS):
    """Return a random context and encoding of the token before."""
    return torch.randn(n, CHAIN_CONTEXT).double(), torch.randn(
        n, CHAIN_WIDTH * CHAIN_STEPS
    ).double()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("d", [0, 1, 2, 4, 6])
def test_a_number_sees_only_those_before_it(head, d):
    """Changing number d moves its own likelihood and later ones; a point head moves no other."""
    model = random_chain(head)
    numbers = target()
    context, recent = past()
    before = model.log_prob(context, recent, numbers)
    changed = numbers.map(torch.clone)
    if CHAIN_STEP[d % 4].kind == "categorical":
        changed.value[:, d] = (changed.value[:, d] + 1) % 3
    else:
        changed.value[:, d] += 0.7
    after = model.log_prob(context, recent, changed)
    assert torch.equal(after[:, :d], before[:, :d])
    later = (after[:, d + 1 :] - before[:, d + 1 :]).abs().max()
    assert (later == 0) == (head in POINT_HEADS)


def test_a_repeat_has_a_gate():
    """Repeats and all else are the two sides of one probability: their likelihoods share it."""
    model = random_chain()
    numbers = target(2)
    numbers.value[:] = numbers.value[0].clone()
    numbers.upper[:] = numbers.value
    numbers.lower[:] = numbers.value
    numbers.repeat[:, 2] = torch.tensor([True, False])
    context = torch.zeros(2, CHAIN_CONTEXT).double()
    recent = torch.zeros(2, CHAIN_WIDTH * CHAIN_STEPS).double()
    encoded = encode(model.variables, numbers.value, numbers.repeat)
    out, base = model.outputs(context, recent, encoded)
    value = numbers.value[1:, 2:3]
    density = LogisticMixture(out[1:, 2:3, 1:16], base[1:, 2:3]).log_prob(value, value, value)
    log_probs = model.log_prob(context, recent, numbers)[:, 2]
    repeated = log_probs[0].exp()
    other = (log_probs[1] - density[0, 0]).exp()
    assert (repeated + other).item() == pytest.approx(1)


def test_spec_round_trip():
    """What JSON holds comes back."""
    spec = TokenSpec(CHAIN_STEP, CHAIN_STEP[:2], CHAIN_EDGES, CHAIN_EDGES[:2])
    assert TokenSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    "edges",
    [CHAIN_EDGES[:3], ((), *CHAIN_EDGES[1:]), ((0.0, np.nan), *CHAIN_EDGES[1:]), ((1.0, 0.0),) * 4],
)
def test_edges_that_do_not_fit_are_refused(edges):
    """In number, or because they do not increase."""
    with pytest.raises(ValueError, match="do not fit its variables"):
        TokenSpec(CHAIN_STEP, bin_edges=edges)


def test_an_unknown_head_is_named():
    """With the known ones."""
    with pytest.raises(ValueError, match="head is 'normal'; use one of sigmoid"):
        ChainHead(CHAIN_STEP, 3, 7, "normal", CHAIN_EDGES, 4)


@pytest.mark.parametrize("n", [65, 100, 128, 129, 256])
def test_digits_tell_all_categories_apart(n):
    """The first, which is none of the common values, is all zeros."""
    variable = Variable("categorical", n, in_digits=True)
    codes = torch.arange(n, dtype=torch.float64)[:, None]
    encoded = encode([variable], codes, torch.zeros(n, 1, dtype=torch.bool))
    assert encoded.shape == (n, variable.width)
    assert set(encoded.unique().tolist()) == {0, 1}
    assert (encoded[0] == 0).all()
    assert len(encoded.unique(dim=0)) == n
    # More than one set of digits and a constant have.
    rank = torch.linalg.matrix_rank(torch.cat([encoded, torch.ones(n, 1)], dim=1))
    assert rank >= variable.n_digits + 5


@pytest.mark.parametrize("change", [{"kind": "stop"}, {"n_categories": 1}])
def test_what_has_no_digits_is_refused(change):
    """As of a damaged file."""
    with pytest.raises(ValueError, match="no digits"):
        Variable(**{"kind": "categorical", "n_categories": 90, "in_digits": True} | change)
