"""Laws of batches: the order of an epoch, and a batch in pieces."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tst.training.batches import EpochOrder, MicroBatches


@given(st.integers(1, 23), st.integers(1, 29), st.integers(0, 99), st.integers(0, 4))
def test_an_epoch_shows_each_series_at_most_once(n_series, batch_size, seed, epoch):
    """All but what does not fill a batch; the batches are the permutation that the seed decides."""
    order = EpochOrder(n_series, batch_size, seed)
    first = epoch * order.steps_per_epoch
    chosen = [order.chosen(step) for step in range(first, first + order.steps_per_epoch)]
    assert all(len(batch) == min(batch_size, n_series) for batch in chosen)
    expected = np.random.default_rng([seed, epoch]).permutation(n_series)
    shown = np.concatenate(chosen)
    assert shown.tolist() == expected[: len(shown)].tolist()
    assert n_series - len(shown) < order.batch_size


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20))
def test_a_batch_is_a_function_of_the_step(steps):
    """Whatever steps were asked for before."""
    order = EpochOrder(11, 3, seed=5)
    for step in steps:
        assert order.chosen(step).tolist() == EpochOrder(11, 3, seed=5).chosen(step).tolist()


def test_epochs_and_seeds_differ():
    """Another permutation each."""
    order = EpochOrder(101, 101, seed=0)
    assert order.chosen(0).tolist() != order.chosen(1).tolist()
    assert order.chosen(0).tolist() != EpochOrder(101, 101, seed=1).chosen(0).tolist()


def micro_batches(batch_size=8, rank=0, n_ranks=1):
    """Return MicroBatches over batches that record what they were asked for."""
    asked = []

    def batches(step, rank, n_ranks):
        asked.append((step, rank, n_ranks))
        return torch.tensor([step, rank, n_ranks])

    accelerator = SimpleNamespace(
        device=torch.device("cpu"), process_index=rank, num_processes=n_ranks
    )
    return MicroBatches(accelerator, batches, batch_size, "run"), asked


def test_a_whole_batch_is_made_once_a_step():
    """All objectives of a step get the same object; a batch in pieces is made anew for each."""
    micro, asked = micro_batches()
    (first,) = micro.pieces(3)
    (second,) = micro.pieces(3)
    assert first is second
    assert asked == [(3, 0, 1)]
    micro.halve(MemoryError())
    assert [piece.tolist() for piece in micro.pieces(3)] == [[3, 0, 2], [3, 1, 2]]


def test_pieces_are_the_parts_of_more_ranks():
    """Halved twice, a batch is in four parts; each is made when it is asked for."""
    micro, asked = micro_batches()
    micro.halve(MemoryError())
    micro.halve(MemoryError())
    pieces = iter(micro.pieces(0))
    next(pieces)
    assert asked == [(0, 0, 4)]
    assert [piece.tolist() for piece in pieces] == [[0, 1, 4], [0, 2, 4], [0, 3, 4]]


def test_a_batch_is_not_divided_below_one_series():
    """Nor where other processes would wait for this one."""
    micro, _ = micro_batches(batch_size=3)
    micro.halve(MemoryError())
    with pytest.raises(MemoryError, match="run: a single series does not fit into memory; lower"):
        micro.halve(MemoryError())
    micro, _ = micro_batches(rank=1, n_ranks=2)
    with pytest.raises(MemoryError, match="run: this part of the batch does not fit into memory"):
        micro.halve(MemoryError())
