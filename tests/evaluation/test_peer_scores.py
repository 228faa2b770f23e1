"""Known answers of the field's scores and of the second judge, on small walks."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tst.errors import DataError
from tst.evaluation import (
    peer_context_fid,
    peer_controls,
    peer_correlation,
    peer_discriminative,
    peer_predictive,
    peer_second_judge,
    peer_ts2vec,
    peer_windows,
)

QUICK = peer_ts2vec.Sizes(d_hidden=7, d_output=11, n_blocks=2, n_steps=23, n_steps_small=23)


def walks(n, seed=0, length=13):
    """Return n independent walks of three columns, the last one the mean of the others."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n, length, 2)).cumsum(1) / 5
    return np.concatenate([steps, steps.mean(2, keepdims=True)], 2).astype(np.float32)


@pytest.mark.slow
def test_judges_cannot_tell_equals_apart_and_see_a_shift():
    """The score of equals is near its floor, of windows that lie higher it is not."""
    real, other = np.tile(walks(500), 2), np.tile(walks(500, 1), 2)  # six columns: three units
    sizes = {"n_repeats": 3, "n_steps": 300}
    good = peer_discriminative.discriminative_score(real, other, **sizes)
    far = peer_discriminative.discriminative_score(real, real + 2, **sizes)
    assert good.shape == far.shape == (3,)
    assert good.mean() < 0.08
    assert far.mean() > 0.3


def test_the_discriminative_score_repeats_with_its_seed():
    """Another seed is another split; sets may differ in size and be smaller than a batch."""
    real, synthetic = walks(41), walks(67, 1) + 0.1
    scores = []
    for seed in (0, 0, 1):
        scores.append(
            peer_discriminative.discriminative_score(real, synthetic, seed, n_repeats=2, n_steps=9)
        )
    np.testing.assert_array_equal(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()
    assert ((scores[0] >= 0) & (scores[0] <= 0.5)).all()


def test_a_judge_of_time_blocks_learns_one_half_and_is_judged_on_the_other():
    """Both halves are learned by some judge; windows across a border by none."""
    generator = torch.Generator().manual_seed(0)
    blocks = np.repeat([0, 1, -1, 2, 3], 31)
    real, synthetic = peer_discriminative._split_by_time((blocks, None), 100, 4, generator)
    for judge in range(4):
        learned, judged = (set(blocks[part[judge]] % 2) for part in real)
        assert (learned, judged) == (({0}, {1}) if judge % 2 == 0 else ({1}, {0}))
        assert not set(synthetic[0][judge].tolist()) & set(synthetic[1][judge].tolist())
    assert real[0].shape == real[1].shape == synthetic[0].shape == (4, 50)
    assert -1 not in blocks[torch.cat(real).flatten()]
    scores = peer_discriminative.discriminative_score(
        walks(155), walks(100, 1), n_repeats=2, n_steps=2, real_blocks=blocks
    )
    assert scores.shape == (2,)


def lagged(n, seed):
    """Return windows of two columns in 0..1, the second the first one a step before."""
    first = np.random.default_rng(seed).uniform(size=(n, 14))
    return np.stack([first[:, 1:], first[:, :-1]], 2).astype(np.float32)


@pytest.mark.slow
def test_the_predictor_learns_a_law_and_a_constant_does_not():
    """What follows from the other columns is learned; without a law the median is as good."""
    real = lagged(600, 0)
    (good,) = peer_predictive.predictive_score(real, lagged(600, 1), n_repeats=1, n_steps=1500)
    shuffled = peer_controls.noise(real, 600, 0)
    (bad,) = peer_predictive.predictive_score(real, shuffled, n_repeats=1, n_steps=100)
    constant = peer_predictive.constant_error(real)
    assert constant == pytest.approx(0.25, abs=0.01)
    assert good < 0.6 * constant
    assert bad == pytest.approx(constant, abs=0.02)


def test_the_predictor_needs_two_columns():
    """It sees all but the last."""
    with pytest.raises(DataError, match="give two or more"):
        peer_predictive.predictive_score(np.zeros((20, 5, 1)), np.zeros((20, 5, 1)))


def test_correlations_are_those_of_numpy():
    """Over all windows and steps; a constant column is correlated with none."""
    windows = walks(53)
    expected = np.corrcoef(windows.reshape(-1, 3), rowvar=False)
    np.testing.assert_allclose(peer_correlation.correlations(windows), expected, atol=1e-6)
    windows[..., 1] = 0.25
    found = peer_correlation.correlations(windows)
    assert list(found[1]) == [0, 0, 0]


def test_the_correlational_score_of_a_flipped_column():
    """A correlation of 1 against one of -1 is .2; equals are near 0, whatever their scale."""
    first = np.random.default_rng(0).normal(size=(500, 7, 1))
    real = np.concatenate([first, first], 2)
    flipped = np.concatenate([first, -first], 2)
    assert peer_correlation.correlational_score(real, flipped, 0) == pytest.approx(0.2)
    assert peer_correlation.correlational_score(real, 3 * real + 1, 0) == pytest.approx(0, abs=1e-9)


def test_a_dilated_convolution_is_the_one_of_torch():
    """Also where its outer taps lie outside of the window."""
    x = torch.randn(3, 7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for dilation in (1, 2, 6, 7, 64):
        ours = peer_ts2vec.DilatedConvolution(5, 11, dilation).double()
        theirs = nn.Conv1d(5, 11, 3, padding=dilation, dilation=dilation).double()
        theirs.weight.data = ours.weight.data.permute(2, 1, 0).clone()
        theirs.bias.data = ours.bias.data
        expected = theirs(x.transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(ours(x), expected, rtol=1e-10, atol=1e-12)


def test_the_contrast_is_a_cross_entropy():
    """A literal twin: for each view the other one among all but itself."""
    first, second = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    losses = []
    for group in range(3):
        both = torch.cat([first[group], second[group]])
        for i in range(10):
            others = [j for j in range(10) if j != i]
            logits = both[others] @ both[i]
            target = torch.tensor(others.index((i + 5) % 10))
            losses.append(F.cross_entropy(logits, target))
    torch.testing.assert_close(peer_ts2vec.contrast(first, second), torch.stack(losses).mean())


def test_crops_share_their_steps():
    """With an encoder that passes values on, both views of the shared steps are equal."""
    torch.manual_seed(0)
    batch = torch.arange(5 * 11.0).view(5, 11, 1)
    for _ in range(50):
        first, second = peer_ts2vec._two_views(nn.Identity(), batch)
        assert torch.equal(first, second)
        assert first.shape[1] >= 2
        assert (first.diff(dim=1) == 1).all()


@pytest.mark.slow
def test_the_encoder_learns():
    """After training, views of a window are nearer to each other than before."""
    windows = walks(64)
    before = peer_ts2vec.Sizes(d_hidden=7, d_output=11, n_blocks=2, n_steps_small=1)
    after = peer_ts2vec.Sizes(d_hidden=7, d_output=11, n_blocks=2, n_steps_small=150)
    losses = []
    for sizes in (before, after):
        encoder = peer_ts2vec.fit(windows, 0, sizes)
        torch.manual_seed(1)
        views = peer_ts2vec._two_views(encoder, torch.from_numpy(windows))
        losses.append(peer_ts2vec.hierarchical_loss(*views).item())
    assert losses[1] < losses[0] - 0.1


def test_context_fid_orders_what_is_near_and_far():
    """A copy is at 0, another draw nearer than noise; an encoder can be shared."""
    real = walks(300)
    encoder = peer_ts2vec.fit(real, 0, QUICK)
    assert peer_context_fid.context_fid(real, real, 0, encoder) == pytest.approx(0, abs=1e-6)
    near = peer_context_fid.context_fid(real, walks(300, 1), 0, encoder)
    far = peer_context_fid.context_fid(real, peer_controls.noise(real, 300, 0), 0, encoder)
    assert 0 < near < far / 5
    again = peer_ts2vec.fit(real, 0, QUICK)
    assert peer_context_fid.context_fid(real, walks(300, 1), 0, again) == near
    points = peer_ts2vec.encode(encoder, real)
    assert peer_context_fid.context_fid(real, walks(300, 1), 0, encoder, points) == near


@pytest.mark.slow
def test_the_second_judge_sees_a_column_that_is_not_kept():
    """Close = Adj_Close: a difference of two columns that is always 0, and once a little noise."""
    real = walks(900)
    copied = np.concatenate([real, real[..., :1]], 2)
    good = np.concatenate([walks(900, 1)] * 2, 2)[..., :4]
    noisy = good + np.random.default_rng(0).normal(0, 0.01, good.shape) * [0, 0, 0, 1]
    blocks = np.arange(900) // 10
    told = []
    for synthetic in (good, noisy):
        told.append(peer_second_judge.second_judge(copied, synthetic, real_blocks=blocks))
    assert told[0] == pytest.approx(0.5, abs=0.08)
    assert told[1] > 0.95


@pytest.mark.slow
def test_the_second_judge_does_not_know_neighbours():
    """Two halves of one walk's time, windows a step apart: a random split leaks."""
    walk = np.random.default_rng(0).normal(size=4000).cumsum()[:, None]
    real = np.lib.stride_tricks.sliding_window_view(walk, 24, axis=0).swapaxes(1, 2)
    blocks = peer_windows.time_blocks(np.arange(len(real)), 24)
    first, second = peer_controls.time_halves(blocks)
    leaking = peer_second_judge.second_judge(
        real[first], real[second], real_blocks=np.arange(len(first)) % 2
    )
    auc = peer_second_judge.second_judge(
        real[first],
        real[second],
        real_blocks=blocks[first],
        synthetic_blocks=blocks[second],
    )
    assert leaking > 0.8
    assert auc < 0.75


def test_of_long_windows_the_second_judge_sees_steps_drawn():
    """Each with all its columns: values, the changes into them, differences; short ones whole."""
    rng = np.random.default_rng(0)
    assert peer_second_judge._steps(24, 84, rng).tolist() == list(range(24))
    steps = peer_second_judge._steps(256, 84, rng)
    assert len(set(steps.tolist())) == peer_second_judge.MAX_COLUMNS // 84
    windows = walks(20)
    pairs = (np.array([2]), np.array([0]))
    columns = peer_second_judge.seen(windows, pairs, np.array([0, 4, 11]))
    expected = [windows[:, [0, 4, 11]].reshape(20, -1)]
    expected += [windows[:, 4] - windows[:, 3], windows[:, 11] - windows[:, 10]]
    expected += [windows[:, at, 2:] - windows[:, at, :1] for at in (0, 4, 11)]
    np.testing.assert_array_equal(columns, np.concatenate(expected, 1))


@pytest.mark.slow
def test_the_second_judge_of_drawn_steps_sees_a_column_that_is_not_kept(monkeypatch):
    """Equals are equal, and a little noise on a copied column is told, at 4 of 13 steps, too."""
    monkeypatch.setattr(peer_second_judge, "MAX_COLUMNS", 60)
    real, other = walks(900), walks(900, 1)
    noisy = np.concatenate([other, other[..., :1]], 2)
    noisy[..., 3] += np.random.default_rng(0).normal(0, 0.01, noisy[..., 3].shape)
    blocks = np.arange(900) // 10
    alike = peer_second_judge.second_judge(real, other, real_blocks=blocks)
    copied = np.concatenate([real, real[..., :1]], 2)
    told = peer_second_judge.second_judge(copied, noisy, real_blocks=blocks)
    assert alike == pytest.approx(0.5, abs=0.08)
    assert told > 0.95


def test_all_pairs_of_few_columns_are_seen():
    """Values, changes and pairs; of many columns the most related pairs alone."""
    windows = walks(20)
    pairs = peer_second_judge.related_pairs(windows)
    columns = peer_second_judge.seen(windows, pairs, np.arange(13))
    assert columns.shape == (20, 13 * 3 + 12 * 3 + 13 * 3)
    wide = np.random.default_rng(0).normal(size=(50, 3, 40))
    wide[..., 31] = 1 - 2 * wide[..., 7]
    first, second = peer_second_judge.related_pairs(wide)
    assert len(first) == peer_second_judge.MAX_PAIRS
    assert (first[0], second[0]) == (7, 31)
