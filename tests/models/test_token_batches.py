"""Laws of token batches: every number once, and neither padding nor processes change the loss."""

import math

import numpy as np
import pytest
import torch
from helpers import encoded_batches, mixed_series, modulate, tiny_generative

from tst.models.transformer.batches import LOG_LEFT
from tst.models.transformer.generative import token_nll


def test_a_window_inside_a_series_follows_a_real_token():
    """Only the first window of a series has the start token; later ones see the token before."""
    series = mixed_series(lengths=(7, 12))
    _, _, batches = encoded_batches(series, context_length=5)
    assert list(batches.lengths) == [5, 2, 5, 5, 2]
    batch = batches.collate(np.array([2, 3]), 1.0)  # the first two windows of series 1
    assert batch.is_start.tolist() == [True] + [False] * 9
    assert (batch.recent[0] == 0).all()
    torch.testing.assert_close(batch.recent[5], batches.whole.encoded[11])
    assert batch.series.tolist() == [0] * 5 + [1] * 5


@pytest.mark.parametrize(
    ("lag", "near", "patch", "lags"),
    [
        (0, 1, 1, [1]),
        (0, 3, 1, [3, 2, 1]),
        (2, 1, 1, [2, 1]),
        (2, 3, 1, [3, 2, 1]),
        (7, 1, 1, [7, 6, 5, 4, 3, 2, 1]),
        (7, 3, 1, [7, 3, 2, 1]),
        (9, 1, 1, [9, 1]),
        (9, 3, 1, [9, 3, 2, 1]),
        (3, 2, 2, [3, 2, 1]),
    ],
)
def test_each_token_sees_those_near_it_and_of_its_season(lag, near, patch, lags):
    """All of a short season where one is near, else one; in windows too; where none is, zeros."""
    series = mixed_series(lengths=(13, 22, 2))
    _, spec, batches = encoded_batches(series, patch, context_length=5 * patch, lag=lag, near=near)
    assert list(spec.lags) == lags
    width = batches.whole.encoded.shape[1]
    windows = np.argsort(-batches.lengths, kind="stable")
    recent = batches.collate(windows, 1.0).recent
    starts = np.cumsum([0, *batches.n_tokens[:-1]])
    row = 0
    for window in windows:
        first = int(batches.first_tokens[window])
        for token in range(first, first + int(batches.lengths[window])):
            own = int(starts[batches.series_of_window[window]])
            for back, seen in zip(lags, recent[row].split(width), strict=True):
                expected = torch.zeros(width)
                if token >= back:
                    expected = batches.whole.encoded[own + token - back]
                assert torch.equal(seen, expected)
            row += 1
    assert row == len(recent)


@pytest.mark.parametrize("patch", [1, 3])
def test_the_clock_tells_what_is_left_of_the_whole_series(patch):
    """Of the series, not of the window; token by token as the formula says."""
    series = mixed_series(lengths=(7, 12, 1))
    _, _, batches = encoded_batches(series, patch, context_length=6)
    windows = np.arange(len(batches.lengths))
    windows = windows[np.argsort(-batches.lengths[windows], kind="stable")]
    batch = batches.collate(windows, 1.0)
    expected = []
    for window in windows:
        n_steps = int(series.lengths[batches.series_of_window[window]])
        first = int(batches.first_tokens[window])
        for token in range(first, first + int(batches.lengths[window])):
            left = n_steps - token * patch
            assert left > 0
            expected.append([math.log(left) / LOG_LEFT, left / n_steps, 1 / left])
    torch.testing.assert_close(batch.clock, torch.tensor(expected))


def loss_and_gradient(**settings):
    """Return the loss of a batch and the gradient of the input layer, in float64."""
    _, spec, batches = encoded_batches(mixed_series(), **settings)
    model = modulate(tiny_generative(spec)).double()
    batch = batches(0).map(lambda t: t.double() if t.is_floating_point() else t)
    loss = token_nll(model, batch)
    loss.backward()
    return loss.item(), model.input.weight.grad


def test_padding_changes_nothing():
    """Padded to the window: the same loss and gradients as packed."""
    loss, gradient = loss_and_gradient()
    padded_loss, padded_gradient = loss_and_gradient(padded=True)
    assert padded_loss == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(padded_gradient, gradient, rtol=1e-5, atol=1e-6)


def test_padding_that_enters_the_loss_changes_it():
    """An ablation: the filling counts as if it were data."""
    loss, _ = loss_and_gradient()
    filled_loss, _ = loss_and_gradient(padded=True, mask_loss=False)
    assert abs(filled_loss - loss) > 1e-3


def test_a_batch_is_its_processes_shares():
    """The mean over two ranks' losses is one process's loss."""
    _, spec, batches = encoded_batches(mixed_series(lengths=(3, 1, 8, 5, 2, 13, 9, 4)), size=8)
    model = tiny_generative(spec)
    whole = token_nll(model, batches(0)).item()
    shares = [token_nll(model, batches(0, rank, 2)).item() for rank in (0, 1)]
    assert np.mean(shares) == pytest.approx(whole, rel=1e-5)


def test_noise_is_on_the_past_alone():
    """Targets, start tokens and categories stay; a batch is a function of its step."""
    series = mixed_series(lengths=(3, 1, 8, 5, 2, 13, 9, 4))
    _, spec, batches = encoded_batches(series, size=8)
    _, _, noisy_batches = encoded_batches(series, size=8, noise=0.5)
    clean = batches(0)
    noisy = noisy_batches(0)
    assert torch.equal(clean.target.value, noisy.target.value)
    assert torch.equal(noisy.recent[clean.is_start], clean.recent[clean.is_start])
    changed = (noisy.recent != clean.recent).any(0)
    is_value = []
    for variable in spec.step:
        is_value += [variable.kind == "continuous" and i == 0 for i in range(variable.width)]
    assert changed.tolist() == is_value
    assert torch.equal(noisy_batches(0).recent, noisy.recent)


def test_noise_is_the_same_in_every_version_of_python():
    """Its seed is numpy's SeedSequence of seed, step and rank, which numpy promises to keep."""
    series = mixed_series(lengths=(3, 1, 8, 5, 2, 13, 9, 4))
    _, _, batches = encoded_batches(series, size=8)
    _, _, noisy_batches = encoded_batches(series, size=8, noise=0.5)
    clean = batches(3, 1, 2)
    words = np.random.SeedSequence([0, 3, 1]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))
    noise = 0.5 * torch.randn(clean.recent.shape, generator=generator)
    is_seen = batches.is_value & ~clean.is_start[:, None]
    assert torch.equal(noisy_batches(3, 1, 2).recent, clean.recent + noise * is_seen)


@pytest.mark.parametrize(("patch", "lag"), [(1, 0), (3, 0), (1, 4), (1, 9)])
@pytest.mark.parametrize("fixed", [False, True])
def test_a_large_set_gives_the_batches_of_a_small_one(monkeypatch, patch, lag, fixed):
    """Series that are read and encoded with their batch: the same bits in every tensor."""
    lengths = (17, 23, 8, 5, 29, 13) if not fixed else (20,) * 6
    series = mixed_series(lengths, fixed=fixed)
    settings = {"patch": patch, "context_length": 6, "noise": 0.1, "lag": lag}
    _, _, small = encoded_batches(series, **settings)
    monkeypatch.setattr("tst.models.transformer.batches.MAX_ENCODED", 0)
    _, _, large = encoded_batches(series, **settings)
    assert large.whole is None
    for step in range(2 * small.steps_per_epoch):
        for rank in (0, 1):
            expected = []
            small(step, rank, 2).map(lambda x, kept=expected: kept.append(x) or x)
            given = []
            large(step, rank, 2).map(lambda x, kept=given: kept.append(x) or x)
            assert len(expected) > 8
            assert all(map(torch.equal, expected, given))


@pytest.mark.parametrize("own", [False, True])
def test_of_long_series_only_windows_are_read(monkeypatch, own):
    """A batch takes the room of its windows; each series' scale is found once, from all of it."""
    lengths = (40, 60, 55) if own else (40, 3, 55)
    series = mixed_series(lengths)
    settings = {"patch": 2, "context_length": 6, "attributes": True}
    encoder, _, small = encoded_batches(series, **settings)
    assert encoder.per_series == own
    monkeypatch.setattr("tst.models.transformer.batches.MAX_ENCODED", 0)
    _, _, large = encoded_batches(series, **settings)
    n_taken = []
    take = type(series).take
    monkeypatch.setattr(type(series), "take", lambda s, i: n_taken.append(len(i)) or take(s, i))
    for first in range(0, len(large.lengths), 4):
        windows = np.arange(len(large.lengths))[first : first + 4]
        windows = windows[np.argsort(-large.lengths[windows], kind="stable")]
        encoded, _, _ = large._encoded(windows)
        assert len(encoded.observed) <= len(windows) * (large.n_window + 2)
        given, expected = (b.collate(windows, 1.0) for b in (large, small))
        assert torch.equal(given.recent, expected.recent)
        assert torch.equal(given.target.value, expected.target.value)
        assert torch.equal(given.target.repeat, expected.target.repeat)
        for name in ("value", "lower", "upper"):
            same = getattr(given.attributes, name), getattr(expected.attributes, name)
            assert torch.equal(*same), "of the whole series, its length too"
        assert torch.equal(given.clock, expected.clock)
    assert n_taken == [1] * 3 * own
