"""Laws of prolonging: given steps stay, seeds repeat, k steps and m more are k + m."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import encoded_batches, mixed_series, modulate, tiny_generative, toy_series

from tst.models.transformer import attribute_fit, batches, continuation
from tst.models.transformer.continuation import prolong
from tst.models.transformer.sampling import draw_attributes
from tst.models.transformer.tokens import attribute_target


def untrained(lengths, **settings):
    """Return a tiny model with random weights and the set that it encodes."""
    encoder, spec, of_series = encoded_batches(mixed_series(lengths=lengths))
    model = modulate(tiny_generative(spec, encoder, **settings)).eval()
    return model, of_series.series


def parts(series, lengths):
    """Return the first steps of each series of a set."""
    index = np.arange(len(series))
    return series.pieces(index, np.zeros_like(index), np.asarray(lengths))


def added(series, values):
    """Return a set with steps behind each of its series."""
    arrays = [np.concatenate([series[i], values[i]]) for i in range(len(series))]
    lengths = series.lengths + values.shape[1]
    return replace(series, values=np.concatenate(arrays), lengths=lengths)


def behind(model, series, n_steps, seed=0, slide=4):
    """Return steps behind each series, whose windows begin at its first row."""
    return prolong(model, series, n_steps, seed, np.zeros(len(series), dtype=np.int64), slide)


def test_more_steps_of_one_length_are_the_same_steps():
    """k and then m are k + m, of series of several lengths, where none has its own scale."""
    model, series = untrained((12,) * 7)
    assert model.encoder.fixed_length == 12
    assert not model.encoder.per_series
    known = parts(series, [3, 1, 4, 2, 5, 3, 1])
    whole = behind(model, known, 7)
    first = behind(model, known, 3)
    second = behind(model, added(known, first), 4)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), whole)
    assert not np.array_equal(behind(model, known, 7, seed=1), whole)


@pytest.mark.slow
@pytest.mark.parametrize("lengths", [(12,) * 5, (3, 13, 8, 5, 9), (40, 33, 40, 20, 40)])
def test_every_series_gets_its_steps(lengths):
    """Also beyond the longest that was learned, in the range of what was; a seed repeats."""
    model, series = untrained(lengths)
    longest = max(lengths)
    made = behind(model, series, longest + 9)
    assert made.shape == (len(series), longest + 9, series.n_features)
    assert np.isfinite(made).all()
    for f, feature in enumerate(model.encoder.feature_encoders):
        if feature.n_categories:
            assert set(np.unique(made[..., f])) <= set(range(feature.n_categories))
    np.testing.assert_array_equal(behind(model, series, longest + 9), made)


def test_what_is_known_decides_what_follows():
    """Another last step, another continuation; another series beside it, the same."""
    model, series = untrained((12,) * 4)
    known = parts(series, [5, 5, 5, 5])
    made = behind(model, known, 4)
    changed = known.values.copy()
    changed[4] = known.values[9]  # the last step of the first series is the second's
    other = behind(model, replace(known, values=changed), 4)
    assert not np.array_equal(other[0], made[0])
    np.testing.assert_array_equal(other[1:], made[1:])


def test_windows_slide_when_they_are_full():
    """The model never sees more than the longest series, and as little less as the slide allows."""
    windows = continuation._Windows(first=np.array([0, 7]), slide=4, longest=10)
    rows = [np.arange(n)[:, None] for n in (10, 12)]
    first, second = windows.of(rows, [0, 1])
    assert first[0] == 4
    assert second[0] == 7
    rows[0] = np.arange(25)[:, None]
    (first,) = windows.of(rows, [0])
    assert len(first) == 9


def test_a_length_is_not_below_what_is_asked_for():
    """Lengths of whole series are drawn by rejection, else the last step asked for ends them."""
    model, series = untrained((3, 13, 8, 5, 9))
    attributes = continuation._Attributes.of(model, series, [0])
    generator = torch.Generator().manual_seed(0)
    at_least = np.array([4, 13, 9, 6, 10])
    lengths = attributes.lengths(model, at_least, generator)
    assert (lengths >= at_least).all()
    assert lengths.max() <= 13
    assert (attributes.lengths(model, np.full(5, 99), generator) == 99).all()


def test_the_scale_of_few_steps_is_the_likeliest_of_some():
    """Never less likely than that of the steps alone; likelihoods are those in data units."""
    model, series = untrained((40,) * 6)
    assert model.encoder.per_series
    known = parts(series, [20, 22, 24, 26, 28, 30])
    own = model.encoder.series_loc_scale(known)
    chosen = continuation._Attributes.of(model, known, [0]).moments
    before = continuation._log_likelihood(model, known, own)
    after = continuation._log_likelihood(model, known, chosen)
    assert (after >= before - 1e-3).all()
    assert (after > before + 1e-3).any()


def test_a_set_too_large_to_be_kept_is_prolonged_alike(monkeypatch):
    """Whose likelihoods are asked of a set that is encoded already."""
    model, series = untrained((40,) * 6)
    known = parts(series, [20, 22, 24, 26, 28, 30])
    made = behind(model, known, 3)
    monkeypatch.setattr(batches, "MAX_ENCODED", 0)
    np.testing.assert_array_equal(behind(model, known, 3), made)


@pytest.mark.slow
def test_a_window_has_the_level_of_the_rows_that_it_begins_with():
    """Series stand at -10 or at 10: of rows at either, the location that is drawn is there."""
    rng = np.random.default_rng(0)
    sides = np.where(np.arange(100) % 2, 10.0, -10.0)
    arrays = [side + rng.normal(size=(20, 1)) for side in sides]
    real = toy_series(arrays)
    encoder, spec, _ = encoded_batches(real)
    model = tiny_generative(spec, encoder)
    attribute_fit.fit(model.attribute_head, attribute_target(encoder, real), 0)
    generator = torch.Generator().manual_seed(0)
    drawn = encoder.moments_of(draw_attributes(model, 50, generator))[0]
    assert 0 < (drawn > 0).sum() < 50  # else nothing is shown
    for i in range(20):
        rows = real.take(np.array([i])).head(3)
        location, _ = continuation._given_rows(model, rows, generator, None)
        assert abs(location[0, 0] - sides[i]) < 5
