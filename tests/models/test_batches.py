"""Laws of preprocessing: what goes in comes back; flags tell lengths; a batch is a function of the step alone."""

import numpy as np
import pytest
import torch
from helpers import flag_lengths, series_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tst.models import batches as packed_batches
from tst.models.batches import PackedBatches
from tst.models.scaling import Normaliser
from tst.series import DataError


def random_set(seed=0, lengths=(5, 1, 7, 3)):
    """Return series with a constant feature, zeros and five orders of magnitude."""
    rng = np.random.default_rng(seed)
    return series_of(
        [
            np.stack([10 ** rng.uniform(0, 5, n), np.full(n, 3.0), rng.integers(0, 2, n)], 1)
            for n in lengths
        ]
    )


@pytest.mark.parametrize("per_series", [False, True])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_normaliser_round_trip(activation, log, per_series):
    """Inverse of normalise is the identity, constant features and length 1 included, and the bounds are kept."""
    series = random_set()
    normaliser = Normaliser.fit(series, activation, log, per_series)
    scaled, loc, scale = normaliser.normalise(series)
    assert scaled.dtype == np.float32 and loc.shape == scale.shape == (4, 3)
    assert scaled.min() == normaliser.low and scaled.max() <= normaliser.high + 1e-6
    back = Normaliser(**normaliser.to_dict()).inverse(scaled, series.lengths, loc, scale)
    np.testing.assert_allclose(
        back, series.values, rtol=2e-6 if not log else 2e-5, atol=2e-2 if not log else 1e-5
    )


def test_normaliser_hand_computed():
    """Minimum to low, maximum to high, the middle to the middle; log1p before that."""
    series = series_of([np.array([[0.0], [3.0]]), np.array([[15.0]])])
    scaled, _, _ = Normaliser.fit(series, "tanh", log=True).normalise(series)
    np.testing.assert_allclose(scaled[:, 0], [-1, 0, 1], atol=1e-6)
    scaled, loc, scale = Normaliser.fit(series, per_series=True).normalise(series)
    np.testing.assert_allclose(scaled[:, 0], [0, 1, 0])
    np.testing.assert_allclose(scale[:, 0], [3, 1])


def test_log_of_negative_values_is_refused():
    """log1p below 0 has no inverse here."""
    with pytest.raises(DataError, match="negative"):
        Normaliser.fit(series_of([np.array([[-0.5]])]), log=True)


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
    """9 windows of two steps or more, batches of 3: three steps, no window twice; another epoch, another order."""
    source = batches(batch_size=3)
    first = [
        source(s).inputs[np.cumsum((0, *source(s).lengths))[:-1]].flatten().tolist()
        for s in range(6)
    ]
    assert (
        sorted(sum(first[:3], [])) == sorted(sum(first[3:], []))
        and len(set(sum(first[:3], []))) == 9
    )
    assert first[:3] != first[3:]


def test_a_batch_depends_on_seed_and_step_only():
    """Asked for out of order, by a fresh object, the batch is the same; another seed gives another."""
    one, other = batches(), batches()
    other(4)
    assert torch.equal(one(1).inputs, other(1).inputs)
    assert not torch.equal(one(1).inputs, batches(seed=1)(1).inputs)


def test_ranks_share_a_batch():
    """Two ranks see the batch of one, each once; the mean over ranks of the weights is the weight of one."""
    whole, parts = batches()(2), [batches()(2, rank, 2) for rank in range(2)]
    together = torch.cat([p.inputs for p in parts]).flatten()
    assert sorted(together.tolist()) == sorted(whole.inputs.flatten().tolist())
    assert torch.cat([p.weight for p in parts]).sum().item() / 2 == pytest.approx(
        whole.weight.sum().item()
    )


def test_nothing_to_predict_is_said():
    """Series of one step cannot be trained on."""
    with pytest.raises(DataError, match="two steps"):
        PackedBatches(np.zeros((2, 1)), [1, 1], 4, 0)
