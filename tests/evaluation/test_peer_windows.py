"""Laws of blocks of time: windows of different blocks share no step; mistakes are named."""

import numpy as np
import pytest

from tst.errors import DataError
from tst.evaluation import peer_windows


@pytest.mark.parametrize("length", [2, 23, 71])
def test_windows_of_different_blocks_share_no_step(length):
    """Each step that a kept window touches is touched by windows of its own block alone."""
    starts = np.arange(1009)
    blocks = peer_windows.time_blocks(starts, length)
    owner = np.full(1009 + length, peer_windows.ACROSS)
    for start in starts[blocks != peer_windows.ACROSS]:
        touched = owner[start : start + length]
        assert set(touched) <= {peer_windows.ACROSS, blocks[start]}
        touched[:] = blocks[start]


def test_few_windows_are_left_out():
    """Of a block those that begin in its last steps; of the last block none."""
    blocks = peer_windows.time_blocks(np.arange(600), 24)
    left_out = np.flatnonzero(blocks == peer_windows.ACROSS)
    assert list(left_out) == [*range(177, 200), *range(377, 400)]


def test_windows_that_share_nothing_are_all_kept():
    """Such as drawn ones; their blocks are as large."""
    blocks = peer_windows.time_blocks(24 * np.arange(401), 24)
    assert list(np.bincount(blocks)) == [200, 200, 1]


def test_long_windows_have_long_blocks():
    """So that three quarters of them are kept."""
    blocks = peer_windows.time_blocks(np.arange(4096), 256)
    assert (blocks == peer_windows.ACROSS).mean() < 0.25
    assert blocks.max() == 3


def test_halves_alternate_and_leave_out_the_borders():
    """Even and odd blocks."""
    blocks = np.repeat([0, -1, 1, 2, -1, 3], 20)
    even, odd = peer_windows.halves(blocks)
    assert set(blocks[even]) == {0, 2}
    assert set(blocks[odd]) == {1, 3}
    with pytest.raises(DataError, match="have 40 and 0 in alternate blocks"):
        peer_windows.halves(np.zeros(40, dtype=int))


@pytest.mark.parametrize(
    ("shape", "value", "sentence"),
    [
        ((31, 5), 0.5, r"shape \(31, 5\); give \(windows, steps, features\)"),
        ((19, 5, 3), 0.5, "at least 20 windows"),
        ((31, 5, 3), np.nan, "the synthetic windows hold a missing"),
        ((31, 7, 3), 0.5, "real windows have 5 steps of 3 features, synthetic ones 7 of 3"),
    ],
)
def test_windows_that_cannot_be_compared_are_refused(shape, value, sentence):
    """No windows, too few, missing values, other shapes."""
    with pytest.raises(DataError, match=sentence):
        peer_windows.check(np.full((31, 5, 3), 0.5), np.full(shape, value))
