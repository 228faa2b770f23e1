"""Laws of packed batches: flags tell lengths; a batch is a function of the step alone."""

import numpy as np
import pytest
import torch
from helpers import flag_lengths
from hypothesis import given, settings
from hypothesis import strategies as st

from tst.errors import DataError
from tst.models import batches as packed_batches
from tst.models.batches import PackedBatches


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_flags_tell_the_lengths(lengths):
    """flag_lengths is the inverse of add_flags."""
    rows = packed_batches.add_flags(np.zeros((sum(lengths), 2)), lengths)
    np.testing.assert_array_equal(flag_lengths(rows[:, 2:], lengths), lengths)
    assert (rows[:, 2] + rows[:, 3] == 1).all()


def test_flags_that_never_end_tell_all_rows():
    """A series whose flags never cross keeps its length; the first crossing counts."""
    flags = np.array([[1, 0], [1, 0], [0, 1], [0.4, 0.5], [1, 0]])
    np.testing.assert_array_equal(flag_lengths(flags, [2, 3]), [2, 1])


def test_windows_are_the_series_cut():
    """Window lengths add up to the series'; none is longer than the window."""
    windows = packed_batches.window_lengths(np.array([7, 3, 4, 9]), 4)
    assert list(windows) == [4, 3, 3, 4, 4, 4, 1]


def batches(seed=0, batch_size=4, lengths=(3, 9, 2, 1, 5, 5, 7, 2, 4, 6)):
    """Return batches over rows that are numbered, so that every row can be told."""
    return PackedBatches(
        np.arange(sum(lengths), dtype=np.float32)[:, None], np.array(lengths), batch_size, seed
    )


def test_targets_are_the_next_steps_of_the_same_series():
    """Target = input + 1 by the numbering; the weights of a batch sum to one; longest first."""
    for step in range(5):
        batch = batches()(step)
        assert torch.equal(batch.targets, batch.inputs + 1)
        assert batch.weight.sum().item() == pytest.approx(1)
        assert list(batch.lengths) == sorted(batch.lengths, reverse=True)


def test_an_epoch_sees_every_window_once():
    """9 windows of two steps or more in three batches; another epoch has another order."""
    source = batches(batch_size=3)
    firsts = []  # the first row of each window, which names it
    for step in range(6):
        batch = source(step)
        starts = np.cumsum([0, *batch.lengths])[:-1]
        firsts.append(batch.inputs[starts].flatten().tolist())
    one_epoch = np.concatenate(firsts[:3])
    next_epoch = np.concatenate(firsts[3:])
    assert len(set(one_epoch)) == 9
    assert sorted(one_epoch) == sorted(next_epoch)
    assert firsts[:3] != firsts[3:]


def test_a_batch_depends_on_seed_and_step_only():
    """Asked for out of order, by a fresh object, the batch is the same; not for another seed."""
    one = batches()
    other = batches()
    other(4)
    assert torch.equal(one(1).inputs, other(1).inputs)
    assert not torch.equal(one(1).inputs, batches(seed=1)(1).inputs)


def test_ranks_share_a_batch():
    """Two ranks see the batch of one, each row once; the mean of their weights is the batch's."""
    whole = batches()(2)
    parts = [batches()(2, rank, 2) for rank in range(2)]
    together = torch.cat([part.inputs for part in parts]).flatten()
    assert sorted(together.tolist()) == sorted(whole.inputs.flatten().tolist())
    weight = sum(part.weight.sum().item() for part in parts) / 2
    assert weight == pytest.approx(whole.weight.sum().item())


def test_nothing_to_predict_is_said():
    """Series of one step cannot be trained on."""
    with pytest.raises(DataError, match="two steps"):
        PackedBatches(np.zeros((2, 1)), [1, 1], 4, 0)
