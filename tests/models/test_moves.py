"""Laws of moves: whatever a model's weights are, no category follows another that may not."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from helpers import (
    encoded_batches,
    mixed_series,
    random_chain,
    tiny_generative,
    toy_series,
)

from tst.models.transformer.chain import ChainSampler
from tst.models.transformer.continuation import prolong
from tst.models.transformer.moves import Masks, Moves, possible
from tst.series import Feature

STATE = 2  # the category of `mixed_series`
N_SERIES = 40
# 0 may stay, and all go round: series begin with 0 and end with 2.
ROUND = Moves(
    feature="state",
    starts=np.array([True, False, False]),
    follows=np.array([[True, True, False], [False, False, True], [True, False, False]]),
    ends=np.array([False, False, True]),
)
DEAD_END = Moves(
    feature="state",
    starts=np.array([True, True, False]),
    follows=np.array([[True, True, True], [True, False, False], [False, False, False]]),
    ends=np.array([False, False, True]),
)


def untrained(patch=1, fixed=False, **settings):
    """Return a tiny model with random weights."""
    series = mixed_series(lengths=(3, 1, 8, 5, 2, 13), fixed=fixed)
    encoder, spec, _ = encoded_batches(series, patch, **settings)
    return tiny_generative(spec, encoder, patch=patch).eval()


def broken(states, moves, ends=True):
    """Return how many starts, steps and ends of series, int each, are none of the moves."""
    n = 0
    for row in states:
        n += not moves.starts[row[0]]
        n += int((~moves.follows[row[:-1], row[1:]]).sum())
        n += ends and not moves.ends[row[-1]]
    return n


def states_of(series):
    """Return the states of each series."""
    return [series[i][:, STATE].astype(int) for i in range(len(series))]


@pytest.mark.slow
@pytest.mark.parametrize("moves", [ROUND, DEAD_END], ids=["round", "dead end"])
@pytest.mark.parametrize("patch", [1, 3])
@pytest.mark.parametrize("fixed", [False, True])
def test_no_other_moves_are_drawn(moves, patch, fixed):
    """Neither starts, steps nor ends; without moves, the same weights draw others."""
    model = untrained(patch, fixed)
    made = model.sample(N_SERIES, 0, moves=[moves])
    assert broken(states_of(made), moves) == 0
    assert set(made.lengths) == {20} if fixed else len(set(made.lengths)) > 3
    assert broken(states_of(model.sample(N_SERIES, 0)), moves) > N_SERIES


def test_of_two_measurements_both_have_their_moves():
    """Each by itself, also at its end: lengths are those that both can have."""
    series = mixed_series(lengths=(3, 4, 8, 5, 12, 13))
    series = replace(
        series,
        values=np.concatenate([series.values, series.values[:, [STATE]][::-1]], axis=1),
        features=[*series.features, Feature("other", "categorical")],
    )
    encoder, spec, _ = encoded_batches(series)
    model = tiny_generative(spec, encoder).eval()
    other = replace(DEAD_END, feature="other")
    made = model.sample(N_SERIES, 0, moves=[ROUND, other])
    assert broken(states_of(made), ROUND) == 0
    assert broken([made[i][:, -1].astype(int) for i in range(N_SERIES)], other) == 0
    assert made.lengths.min() >= 3


def test_lengths_that_are_given_are_kept():
    """Series that can have them end as they must; one that cannot still takes allowed steps."""
    model = untrained()
    lengths = np.resize([3, 4, 6, 13, 1], N_SERIES)
    made = model.sample(N_SERIES, 0, lengths=lengths, moves=[ROUND])
    np.testing.assert_array_equal(made.lengths, lengths)
    states = states_of(made)
    can_end = [row for row in states if len(row) >= 3]
    assert broken(can_end, ROUND) == 0
    assert broken(states, ROUND, ends=False) == 0


@torch.no_grad()
def test_steps_behind_given_ones_are_moves():
    """From the last given state on; a series is not at its end with the steps asked for."""
    model = untrained()
    known = model.sample(N_SERIES, 0, moves=[ROUND])
    first = np.zeros(N_SERIES, dtype=np.int64)
    for moves, is_kept in ((ROUND, True), (None, False)):
        made = prolong(model, known, 7, 0, first, 4, moves=[moves] if moves else [])
        rows = []
        for before, behind in zip(states_of(known), made[..., STATE].astype(int), strict=True):
            rows.append(np.concatenate([before[-1:], behind]))
        endless = Moves(
            feature="state",
            starts=np.ones(3, dtype=bool),
            follows=ROUND.follows,
            ends=np.ones(3, dtype=bool),
        )
        assert (broken(rows, endless) == 0) == is_kept


def test_moves_of_a_measurement_that_is_not_learned_are_unread():
    """As of an exact copy of another, which comes back with it."""
    other = Moves(feature="none", starts=ROUND.starts, follows=ROUND.follows, ends=ROUND.ends)
    model = untrained()
    made = model.sample(5, 0, moves=[other])
    assert made.n_features == 5
    assert set(np.concatenate(states_of(made))) == {0, 1, 2}


@pytest.mark.parametrize("seed", range(5))
def test_leads_are_those_of_all_paths(seed):
    """From where so many steps can end, and which lengths there are: path by path."""
    rng = np.random.default_rng(seed)
    n, longest = 3, 5
    moves = Moves(
        feature="x",
        starts=rng.random(n) < 0.5,
        follows=rng.random((n, n)) < 0.4,
        ends=rng.random(n) < 0.5,
    )
    leads = np.zeros((longest, n), dtype=bool)
    for length in range(1, longest + 1):
        for path in product(range(n), repeat=length):
            steps = zip(path, path[1:], strict=False)
            if all(moves.follows[a, b] for a, b in steps) and moves.ends[path[-1]]:
                leads[length - 1, path[0]] = True
    np.testing.assert_array_equal(moves.leads(longest), leads)
    lengths = np.arange(1, longest + 1)
    known = lengths[(leads & moves.starts).any(1)]
    nearest = possible(lengths, [moves], longest)
    for length, found in zip(lengths, nearest, strict=True):
        best = min((abs(k - length) for k in known), default=0)
        assert abs(found - length) == best
        assert found in known or not len(known)


@torch.no_grad()
def test_what_is_drawn_is_the_distribution_of_what_is_allowed():
    """Renormalised, to the resolution of a grid of uniform numbers; also at both its ends."""
    chain = ChainSampler(random_chain())
    d = 1  # the category of the chain
    n = 3001
    past = torch.zeros(n, len(chain.variables), chain.past_weight.shape[0] // len(chain.variables))
    past = past.double()
    encoded = chain.new_encoding(n)
    uniform = torch.zeros(n, len(chain.variables), 3, dtype=torch.float64)
    uniform[:, d, 1] = torch.linspace(0, 1, n + 1, dtype=torch.float64)[:-1]
    uniform[-1, d, 1] = np.nextafter(1.0, 0.0)
    probability = torch.softmax(chain.outputs(d, past[:1], encoded[:1])[0][0, 1:4], 0)
    for allowed in ((True, False, True), (False, True, False), (True, True, False)):
        mask = torch.tensor(allowed)
        drawn, _ = chain.draw(d, past, encoded, uniform, mask.expand(n, 3))
        shares = torch.bincount(drawn.long(), minlength=3) / n
        expected = probability * mask / (probability * mask).sum()
        torch.testing.assert_close(shares.double(), expected, rtol=0, atol=2 / n)
        assert not shares[~mask].any()


def test_something_is_always_allowed():
    """Also where nothing follows a state, or no end can be reached."""
    masks = Masks(DEAD_END, 4, torch.device("cpu"))
    previous = torch.tensor([2.0, 2.0, torch.nan, 1.0])
    for left in (None, torch.tensor([3, 0, -2, 9])):
        assert masks.allowed(previous, left).any(1).all()


def test_a_state_that_nothing_follows_stays():
    """As series that are prolonged behind their end; others go on as they may."""
    masks = Masks(DEAD_END, 4, torch.device("cpu"))
    allowed = masks.allowed(torch.tensor([2.0, 1.0]), None)
    assert allowed.tolist() == [[False, False, True], [True, False, False]]


def test_moves_find_their_measurement_behind_one_with_common_values():
    """What is learned of the latter is wider by a category."""
    rng = np.random.default_rng(0)
    arrays = []
    for _ in range(40):
        sizes = np.where(rng.random(12) < 0.4, 60.0, np.round(rng.normal(200, 40, 12)))
        arrays.append(np.stack([sizes, rng.integers(0, 3, 12)], axis=1))
    series = toy_series(arrays)
    series = replace(series, features=[series.features[0], Feature("state", "categorical")])
    encoder, spec, _ = encoded_batches(series)
    assert len(encoder.atoms) == 1
    model = tiny_generative(spec, encoder).eval()
    made = model.sample(N_SERIES, 0, moves=[ROUND])
    assert made.n_features == 2
    states = [made[i][:, 1].astype(int) for i in range(N_SERIES)]
    assert broken(states, ROUND) == 0
