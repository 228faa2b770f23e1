"""Laws of encoding: what goes in comes back, and masses stand where values pile up."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from helpers import mixed_series, toy_series
from scipy.signal import lfilter

from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.feature_encoding import FeatureEncoder


def test_fit_finds_out_what_a_measurement_is():
    """Skewed with an atom at 0; a count; a category; a constant; a plain one, perhaps negative."""
    series = mixed_series(lengths=(50,) * 20)
    rate, count, state, same, x = SeriesEncoder.fit(series).feature_encoders
    assert rate.offset > 0
    assert (rate.low, rate.whole) == (0, False)
    assert (count.low, count.whole) == (0, True)
    assert state == FeatureEncoder(n_categories=3)
    assert (same.low, same.high, same.repeats) == (7.5, 7.5, True)
    assert x == FeatureEncoder()


def all_rows(encoder, series):
    """Return (scaled values, loc, scale), tensors (rows, n_features) each."""
    loc, scale = encoder.series_loc_scale(series)
    rows = series.series_index
    arrays = (encoder.scaled(series, loc, scale), loc[rows], scale[rows])
    return [torch.from_numpy(array) for array in arrays]


def supported(encoder, z, loc, scale):
    """Return values on their support, and those scaled again, (rows, n_features) each."""
    values = []
    rounded = []
    for f in range(z.shape[1]):
        moments = loc[:, f], scale[:, f]
        values.append(encoder.rounded_to_support(f, z[:, f], *moments))
        rounded.append(encoder.scaled_values(f, values[-1], *moments))
    return torch.stack(values, 1), torch.stack(rounded, 1)


@pytest.mark.parametrize("fixed", [False, True])
def test_scaled_values_come_back(fixed):
    """`rounded_to_support` undoes `scaled`, for global and for per-series scales."""
    series = mixed_series(fixed=fixed)
    encoder = SeriesEncoder.fit(series)
    assert encoder.per_series == fixed
    z, loc, scale = all_rows(encoder, series)
    values, rounded = supported(encoder, z, loc, scale)
    np.testing.assert_allclose(values, series.values, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(rounded, z, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fixed", [False, True])
def test_rounding_is_idempotent_and_keeps_the_support(fixed):
    """Of noisy samples: counts are whole, what was never negative is not, a constant stays."""
    series = mixed_series(fixed=fixed)
    encoder = SeriesEncoder.fit(series)
    z, loc, scale = all_rows(encoder, series)
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(0))
    values, rounded = supported(encoder, z + 0.3 * noise, loc, scale)
    again, _ = supported(encoder, rounded, loc, scale)
    torch.testing.assert_close(again, values, rtol=1e-6, atol=1e-6)
    assert torch.equal(values[:, 1], values[:, 1].round())
    assert (values[:, :2] >= 0).all()
    assert (values[:, 3] == 7.5).all()


def test_own_loc_and_scale_come_back_from_attributes():
    """`from_standardised` undoes `standardised`; a scale is never below its least."""
    series = mixed_series(fixed=True)
    encoder = SeriesEncoder.fit(series)
    loc, scale = encoder.series_loc_scale(series)
    attributes = encoder.standardised(loc, scale)
    np.testing.assert_allclose(attributes.mean(0), 0, atol=1e-9)
    again_loc, again_scale = encoder.from_standardised(attributes)
    np.testing.assert_allclose(again_loc, loc, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(again_scale, scale, rtol=1e-9)
    _, least = encoder.from_standardised(np.full(attributes.shape, -1e3))
    assert encoder.shared == (3,)  # a constant has no scale
    own = [0, 1, 2, 4]
    expected = np.tile(encoder.min_scale, (len(series), 1))
    np.testing.assert_array_equal(least[:, own], expected[:, own])


def test_a_measurement_that_mostly_stands_at_a_bound_has_no_level_of_its_own():
    """Its loc and scale are all series', whatever is drawn for the others: zeros stay zeros."""
    rng = np.random.default_rng(0)
    level = rng.normal(10, 5, 20)[:, None]
    rare = np.where(rng.random((20, 50)) < 0.05, 1 / 30, 0.0)
    plain = level + rng.normal(size=(20, 50))
    values = np.stack([plain, rare], axis=2)
    encoder = SeriesEncoder.fit(toy_series(list(values)))
    assert encoder.shared == (1,)
    assert encoder.own == [0, 2]
    loc, scale = encoder.from_standardised(np.full((7, 2), 0.3))
    assert np.ptp(loc[:, 0]) == 0
    np.testing.assert_array_equal(loc[:, 1], encoder.loc[1])
    np.testing.assert_array_equal(scale[:, 1], encoder.scale[1])
    own_loc, _ = encoder.series_loc_scale(toy_series(list(values)))
    np.testing.assert_allclose(own_loc[:, 0], plain.mean(1), rtol=1e-5)
    below = torch.full((7,), encoder.z_low[1] - 0.1)
    moments = [torch.from_numpy(part[:, 1]) for part in (loc, scale)]
    assert (encoder.rounded_to_support(1, below, *moments) == 0).all()
    # With a bound less often, as half of the time, a level is its own.
    half = np.where(rng.random((20, 50)) < 0.4, 0.0, level**2 + rng.random((20, 50)))
    values = np.stack([plain, half], axis=2)
    assert SeriesEncoder.fit(toy_series(list(values))).shared == ()


def noise_series(shocks, slope=0.0, level=0.0, spread=0.0, n=300, length=24):
    """Return two measurements of noise, levels and spreads beside it; each step keeps a slope."""
    rng = np.random.default_rng(0)
    x = lfilter([1], [1, -slope], shocks(rng, (n, length + 50, 2)), axis=1)[:, 50:]
    x = x * np.exp(spread * rng.normal(size=(n, 1, 2))) + level * rng.normal(size=(n, 1, 2))
    return toy_series(list(x))


@pytest.mark.parametrize("slope", [-0.3, 0.0, 0.2])
@pytest.mark.parametrize(
    "shocks",
    [
        lambda rng, shape: rng.normal(5, 3, shape),
        lambda rng, shape: rng.gamma(2, 1, shape),
        lambda rng, shape: rng.random(shape) - 100,
    ],
    ids=["normal", "skewed", "flat"],
)
def test_series_that_differ_as_parts_of_one_noise_have_no_levels(shocks, slope):
    """A level that is drawn, and steps that scatter about it, would scatter twice."""
    assert not SeriesEncoder.fit(noise_series(shocks, slope)).per_series


def test_noise_beside_a_measurement_with_levels_has_none():
    """Whether series differ is asked of each measurement."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(100, 24, 1))
    levelled = rng.normal(size=(100, 1, 1)) + rng.normal(size=(100, 24, 1))
    encoder = SeriesEncoder.fit(toy_series(list(np.concatenate([levelled, noise], axis=2))))
    assert encoder.shared == (1,)
    constant = np.full_like(noise, 7.0)
    beside = toy_series(list(np.concatenate([constant, noise], axis=2)))
    assert not SeriesEncoder.fit(beside).per_series


@pytest.mark.parametrize("own", [{"level": 0.6}, {"spread": 0.6}, {"slope": 0.9}])
def test_series_that_differ_by_more_than_chance_have_levels(own):
    """By their means, their spreads, or because they wander for longer than a series."""
    normal = noise_series(lambda rng, shape: rng.normal(size=shape), **own)
    encoder = SeriesEncoder.fit(normal)
    assert encoder.per_series and encoder.shared == ()


@pytest.mark.parametrize("longest", [2, 13, 5000])
def test_drawn_lengths_are_the_lengths_they_stand_for(longest):
    """Each of 1..longest comes back, from its float32 too; intervals adjoin; ends are kept."""
    encoder = SeriesEncoder.fit(mixed_series(lengths=(1, 1, 2, longest)), lengths=True)
    lengths = np.arange(1, longest + 1)
    value, lower, upper = encoder.length_target(lengths)
    np.testing.assert_array_equal(encoder.lengths_of(value.astype(np.float32)), lengths)
    np.testing.assert_allclose(upper[:-1], lower[1:], rtol=1e-12)
    for share in (0.01, 0.5, 0.99):
        inside = lower + share * (upper - lower)
        np.testing.assert_array_equal(encoder.lengths_of(inside), lengths)
    far = encoder.lengths_of(np.array([-1e2, 1e2], dtype=np.float32))
    assert far.tolist() == [1, longest]


def test_lengths_are_drawn_only_where_they_vary_and_attributes_are_modelled():
    """Else the encoder has no length, and says so."""
    varying, fixed = mixed_series(), mixed_series(fixed=True)
    assert SeriesEncoder.fit(varying, lengths=True).log_length is not None
    for encoder in (
        SeriesEncoder.fit(varying),
        SeriesEncoder.fit(varying, attributes=False, lengths=True),
        SeriesEncoder.fit(fixed, lengths=True),
    ):
        assert encoder.log_length is None
        with pytest.raises(ValueError, match="this encoder draws no lengths"):
            encoder.length_target(np.ones(1))


@pytest.mark.parametrize("lengths", [False, True])
def test_an_encoder_survives_json(lengths):
    """What JSON holds comes back equal."""
    encoder = SeriesEncoder.fit(mixed_series(), lengths=lengths)
    text = json.dumps(asdict(encoder))
    assert SeriesEncoder.from_dict(json.loads(text)) == encoder


@pytest.mark.parametrize(
    "change",
    [
        {"loc": (0.0,)},
        {"own_scale": (1.0,) * 5},
        {"min_scale": (np.nan,) * 5},
        {"z_high": (np.inf,) * 5},
        {"highest_mean": (None,) * 4},
        {"highest_mean": (np.nan, None, None, None, None)},
        {"feature_encoders": ()},
        {"log_length": (0.0, np.inf)},
    ],
)
def test_parts_that_do_not_fit_are_refused(change):
    """In number, or because they are no finite numbers."""
    with pytest.raises(ValueError, match="its parts do not fit each other"):
        replace(SeriesEncoder.fit(mixed_series()), **change)


def test_means_are_evident_up_to_beyond_the_greatest_by_its_distance_to_the_second():
    """Of a measurement that is taken to logarithms, within each series; the others have no end."""
    series = mixed_series(fixed=True)
    means = np.sort([one[:, 0].mean(dtype=np.float64) for one in (series[i] for i in range(6))])
    highest = SeriesEncoder.fit(series).highest_mean
    assert highest[0] == pytest.approx(2 * means[-1] - means[-2])
    assert highest[1:] == (None,) * 4
    assert SeriesEncoder.fit(mixed_series()).highest_mean == (None,) * 5


def test_a_series_with_a_mean_that_no_real_one_suggests_is_not_evident():
    """All real series are; one of them, raised above what is known, is not."""
    series = mixed_series(fixed=True)
    encoder = SeriesEncoder.fit(series)
    assert encoder.is_evident(series).all()
    values = series.values.copy()
    values[series.series_index == 2, 0] = 1.01 * encoder.highest_mean[0]
    is_evident = encoder.is_evident(replace(series, values=values))
    assert is_evident.tolist() == [True, True, False, True, True, True]
