"""Laws of the encoding of a measurement: what is a count, which values carry mass, the way back."""

import numpy as np
import pytest
import torch

from tst.models.transformer.feature_encoding import FeatureEncoder, grid_places


@pytest.mark.parametrize(("n_fractions", "is_count"), [(1, True), (20, False)])
def test_a_few_fractions_do_not_make_a_count_a_rate(n_fractions, is_count):
    """Half views, six in a million, leave views a count; twenty of 5,000 do not."""
    views = np.random.default_rng(0).poisson(40.0, 5000).astype(np.float64)
    views[:n_fractions] = 30.5
    assert FeatureEncoder.fit(views, np.zeros(5000, bool), False).whole == is_count


@pytest.mark.parametrize(
    ("x", "is_log"),
    [
        (np.repeat([4.0, 5, 6, 240, 300, 380], 100), True),
        (np.repeat([4.0, 5, 6, 240, 300, 380], [1, 1, 1, 99, 99, 99]), False),
        (np.repeat([4.5, 5, 6, 240, 300, 380], 100), False),
        (np.arange(1.0, 101), False),
        (np.arange(1.0, 32), False),
        (np.repeat([0.0, 5, 6, 240, 300, 380], 100), False),
    ],
)
def test_counts_of_several_sizes_are_taken_to_logarithms(x, is_log):
    """Seconds of two kinds; not where the small are rare, nor rates, even counts, or zeros."""
    assert (FeatureEncoder.fit(x, np.zeros(len(x), bool), False).offset is not None) == is_log


@pytest.mark.parametrize(
    ("spread", "n_zeros", "is_log"),
    [(0.7, 0, False), (0.9, 0, True), (0.9, 1, False), (1.1, 1, True)],
)
def test_what_is_never_zero_is_sooner_taken_to_logarithms(spread, n_zeros, is_log):
    """Of a log-normal the 99 % quantile is exp(2.33 spread) medians: 5, 8, 8 and 13."""
    x = np.exp(spread * np.random.default_rng(0).normal(size=20_000)) + 1e-3
    x[:n_zeros] = 0.0
    assert (FeatureEncoder.fit(x, np.zeros(len(x), bool), False).offset is not None) == is_log


@pytest.mark.parametrize(("inner", "is_count"), [([0.25, 0.5, 0.75], False), ([], True)])
def test_a_rate_that_piles_up_at_its_bounds_is_no_count(inner, is_count):
    """Zeros and ones with a few values between; zeros and ones alone are a count."""
    rate = np.concatenate([np.zeros(4000), np.ones(997), inner])
    assert FeatureEncoder.fit(rate, np.zeros(len(rate), bool), False).whole == is_count


@pytest.mark.parametrize("n", [20, 99, 1000])
@pytest.mark.parametrize(("share", "is_log"), [(0.0, False), (0.03, False), (0.07, True)])
def test_small_counts_are_of_another_size_from_one_in_twenty_on(n, share, is_log):
    """Of even counts it never turns with how many there are; of two sizes, with the share alone."""
    rng = np.random.default_rng(0)
    small = 3 + np.arange(round(share * 100 * n)) % 6
    x = np.concatenate([small, rng.integers(200, 400, 100 * n - len(small))]).astype(np.float64)
    assert (FeatureEncoder.fit(x, np.zeros(len(x), bool), False).offset is not None) == is_log
    even = np.arange(1.0, n + 1)
    assert FeatureEncoder.fit(even, np.zeros(n, bool), False).offset is None


@pytest.mark.parametrize(
    "encoder",
    [
        FeatureEncoder(),
        FeatureEncoder(offset=0.5, low=0.0),
        FeatureEncoder(offset=1.0, whole=True, low=0.0, high=900.0),
    ],
)
def test_transformed_values_come_back(encoder):
    """`inverse` undoes `forward`, the tensor's too, and rounds and bounds."""
    x = np.array([0.0, 1.0, 7.0, 900.0])
    y = torch.from_numpy(encoder.forward(x))
    torch.testing.assert_close(encoder.inverse(y), torch.from_numpy(x))
    torch.testing.assert_close(encoder.forward_tensor(torch.from_numpy(x)), y)


def test_mass_intervals_touch_and_reach_infinity():
    """Those of a count tile the line; a plain value has none."""
    count = FeatureEncoder(whole=True, low=0.0, high=3.0)
    lower, upper = count.mass_interval(np.array([0.0, 1.0, 2.0, 3.0]))
    assert lower.tolist() == [-np.inf, 0.5, 1.5, 2.5]
    assert upper.tolist() == [0.5, 1.5, 2.5, np.inf]
    lower, upper = FeatureEncoder().mass_interval(np.array([0.25, -3.0]))
    np.testing.assert_array_equal(lower, upper)


@pytest.mark.parametrize("factor", [0.03046, 0.067, 0.7, 2.5])
@pytest.mark.parametrize("is_scaled", [False, True])
def test_a_meter_is_seen_by_its_steps(factor, is_scaled):
    """Counts times a factor, rounded, and scaled to 0..1 in float32: each place as it is written.

    Places without a value stand between.
    """
    rng = np.random.default_rng(0)
    counts = rng.binomial(200, 0.4, 5000)
    counts[counts == 80] = 81
    written = np.round(counts * factor - 3.1, 3)
    x = written
    if is_scaled:
        x = ((x - x.min()) / np.ptp(x)).astype(np.float32).astype(np.float64)
    places = np.array(grid_places(x))
    assert len(places) == np.ptp(counts) + 1
    np.testing.assert_array_equal(places[counts - counts.min()], x)
    middle = places[80 - counts.min()]
    np.testing.assert_allclose(middle, (x[counts == 79][0] + x[counts == 81][0]) / 2, rtol=0.01)


@pytest.mark.parametrize(
    ("unit", "decimals"),
    [(0.18, 1), (5 / 1023, 3), (25.4 / 64, 1), (0.25, 2), (0.1, 1)],
)
def test_places_are_those_of_the_meter_not_of_its_digits(unit, decimals):
    """Tenths Celsius in Fahrenheit, a converter's steps, 64ths of an inch, quarters: no others."""
    counts = np.random.default_rng(0).binomial(400, 0.4, 20_000)
    x = np.round(counts * unit, decimals)
    places = np.array(grid_places(x))
    assert len(places) == np.ptp(counts) + 1
    assert set(x.tolist()) <= set(places.tolist())


@pytest.mark.parametrize(
    "x",
    [
        np.random.default_rng(0).normal(size=4000),
        np.repeat(np.random.default_rng(0).normal(size=40), 100),
        np.repeat([0.5, 1.0, 1.5], 100),
        np.repeat(2.0 ** np.arange(-5, 8), 100),
        # readings and means of two or three of them
        np.repeat(np.concatenate([np.arange(0, 9, 0.1), np.arange(0, 9, 0.1) / 3]), 10),
        # a grid of which few places have values
        np.repeat(0.25 * np.random.default_rng(0).choice(4000, 200, replace=False), 50),
    ],
)
def test_what_lies_on_no_grid_has_no_places(x):
    """Continuous values, levels, three values, powers, means of readings, a sparse grid."""
    assert grid_places(x) == ()


def test_a_few_values_off_a_grid_are_seen():
    """A third of a step beside it, once in 5,000, is no rounding."""
    x = np.repeat(0.3 * np.arange(100), 50)
    assert len(grid_places(x)) == 100
    x[7] += 0.1
    assert grid_places(x) == ()


def test_of_interpolated_readings_a_few_may_lie_beside_the_grid():
    """Tenths, five steps between two of them; where a reading is missing, eleven."""
    rng = np.random.default_rng(0)
    readings = np.round(rng.normal(0, 0.4, 4000).cumsum(), 1)
    at = np.cumsum(rng.choice([6, 12], 4000, p=[0.995, 0.005]))
    x = np.interp(np.arange(at[0], at[-1]), at, readings)
    places = np.array(grid_places(np.float64(np.float32(x)), 0.01))
    np.testing.assert_allclose(np.diff(places).mean(), 1 / 60, rtol=1e-3)
    assert grid_places(x) == ()
    noise = x + (rng.random(len(x)) < 0.05) * rng.random(len(x)) / 60
    assert grid_places(noise, 0.01) == ()


def test_samples_fall_on_the_nearest_place():
    """Within the places and beyond them, where the grid goes on; a place stays what it is."""
    x = np.repeat(np.round(0.067 * np.arange(-40, 60), 3), 50)
    encoder = FeatureEncoder.fit(x, np.zeros(len(x), bool), False)
    assert encoder.step == pytest.approx(0.067, abs=1e-4)
    y = torch.from_numpy(np.random.default_rng(0).uniform(-4, 6, 2000))
    found = encoder.inverse(y)
    assert (found - y).abs().max() <= 0.51 * encoder.step
    torch.testing.assert_close(encoder.inverse(found), found, rtol=0, atol=1e-12)
    within = (y > x.min()) & (y < x.max())
    assert set(found[within].tolist()) == set(x.tolist())
    assert found.min() < x.min() - 1
    assert found.max() > x.max() + 1


@pytest.mark.parametrize("end", [96, 97, 98, 99])
@pytest.mark.parametrize("shift", [0.0, -70.0, 5000.0])
def test_beyond_the_places_a_grid_goes_on_from_all_of_them(shift, end):
    """Not from the last one, which is rounded as it is written."""
    true = shift + 0.0305 * np.arange(end - 60, end + 20)
    x = np.repeat(np.round(true[5:60], 3), 30)
    encoder = FeatureEncoder.fit(x, np.zeros(len(x), bool), False)
    found = encoder.on_grid(torch.from_numpy(true)).numpy()
    assert np.abs(found - true)[[0, 1, 2, 3, 4, *range(60, 80)]].max() < 2e-4
    # What falls beside the last one, and nearer to it than to the next, is it.
    around = torch.tensor([x.max() - 1e-3, x.max() + 1e-3, x.min() - 1e-3, x.min() + 1e-3])
    assert encoder.on_grid(around).tolist() == [x.max(), x.max(), x.min(), x.min()]


def test_whole_numbers_that_float32_does_not_tell_apart_have_a_density():
    """A byte counter of hundreds of millions is continuous: no value carries a mass of its own.

    Small counts beside large ones keep theirs.
    """
    counter = np.float32([0, 7, 60_000, 2.1e8, 4.4e9])
    lower, upper = FeatureEncoder(offset=1.0, whole=True).mass_interval(counter)
    assert (lower < upper).tolist() == [True, True, True, False, False]
    np.testing.assert_allclose(np.exp(upper[:3]) - np.exp(lower[:3]), 1, rtol=1e-6)


@pytest.mark.parametrize("unit", [2, 10, 144])
@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_multiples_of_a_unit_are_drawn_as_such(unit, spread):
    """Energy in tens of watt-hours, eggs by the dozen: on a linear and a logarithmic scale."""
    x = unit * np.random.default_rng(0).lognormal(3, spread, 2000).round()
    encoder = FeatureEncoder.fit(x, np.zeros(len(x), bool), False)
    assert encoder.unit == unit
    lower, upper = encoder.mass_interval(np.unique(x)[1:])
    np.testing.assert_allclose(encoder.forward(np.unique(x)[1:] + unit / 2), upper)
    np.testing.assert_allclose(encoder.forward(np.unique(x)[1:] - unit / 2), lower)
    y = encoder.forward(x)
    y = torch.from_numpy(np.linspace(y.min(), y.max(), 500))
    assert (encoder.inverse(y) % unit == 0).all()
    assert len(encoder.inverse(y).unique()) > 1


@pytest.mark.parametrize(
    "x",
    [
        np.arange(1000.0),
        10 * np.arange(4.0).repeat(50),  # by chance or not
        2 * np.arange(8.0).repeat(50),
        10 * np.arange(1000.0) + 1,
        np.append(10 * np.arange(5000.0), 0.5),
        np.float32(2**26) + 4 * np.arange(1000, dtype=np.float32),
        np.float64(np.float32(np.random.default_rng(0).uniform(1e9, 4e9, 1000))),
    ],
)
def test_other_whole_numbers_have_no_unit(x):
    """What float32 leaves of large numbers is none."""
    assert FeatureEncoder.fit(x.astype(float), np.zeros(len(x), bool), False).unit == 1


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("least", [0.0, 1.0, 3.0, 40.0])
@pytest.mark.parametrize("spread", [0.1, 2.0])
def test_what_is_positive_is_never_drawn_negative(whole, least, spread):
    """A share of memory, bytes a day, seconds from 1 on; what may be 0 may be drawn 0."""
    x = least + 10 * np.random.default_rng(0).lognormal(0, spread, 3000)
    x = np.round(x) if whole else x
    encoder = FeatureEncoder.fit(x, np.zeros(len(x), bool), False)
    y = encoder.forward(x)
    far = torch.from_numpy(np.linspace(y.mean() - 4 * y.std(), y.max(), 1000))
    drawn = encoder.inverse(far)
    assert drawn.min() >= 0
    assert (drawn.min() > 0) == (x.min() > 0)
    assert (drawn == drawn.round()).all() or not whole


@pytest.mark.parametrize("first", [1, 5, 8])
def test_the_least_that_is_drawn_lies_on_the_grid(first):
    """Tenths, from a low and from a higher one on."""
    x = np.round(0.1 * (first + np.random.default_rng(0).integers(0, 60, 5000)), 1)
    encoder = FeatureEncoder.fit(x, np.zeros(len(x), bool), False)
    drawn = encoder.inverse(torch.linspace(-3.0, float(x.max()), 500, dtype=torch.float64))
    assert drawn.min() > 0
    torch.testing.assert_close(drawn, drawn.mul(10).round() / 10, rtol=0, atol=1e-6)


@pytest.mark.parametrize("change", [{"unit": 0}, {"least": 0.0}, {"least": float("nan")}])
def test_a_unit_and_a_least_value_that_are_none_are_refused(change):
    """As of a damaged file."""
    with pytest.raises(ValueError, match="are none"):
        FeatureEncoder(**change)


def test_the_largest_whole_numbers_of_float32_have_an_interval_of_one():
    """Between 2^23 and 2^24 it has no halves: taken in it, every other interval would be 2 wide."""
    x = np.float32(2**23) + np.arange(1000, dtype=np.float32)
    lower, upper = FeatureEncoder(whole=True).mass_interval(x)
    np.testing.assert_array_equal(upper - lower, 1)
    np.testing.assert_array_equal(lower[1:], upper[:-1])


def test_mass_intervals_of_a_grid_touch():
    """Each place has a step, of a skewed measurement too; repeats need no gate of their own."""
    rng = np.random.default_rng(0)
    x = 0.2 * np.floor(np.exp(rng.normal(2, 1.5, 20_000))).clip(max=3000)
    repeats = np.diff(x, prepend=-1) == 0
    encoder = FeatureEncoder.fit(x, repeats, False)
    assert encoder.offset == pytest.approx(0.2)
    assert not encoder.repeats
    places = np.array(encoder.places)
    lower, upper = encoder.mass_interval(places)
    assert lower[0] == -np.inf
    np.testing.assert_allclose(lower[1:], upper[:-1], atol=1e-6)
    torch.testing.assert_close(
        encoder.inverse(torch.from_numpy(encoder.forward(places))), torch.from_numpy(places)
    )


@pytest.mark.parametrize(("unit", "decimals"), [(0.18, 1), (5 / 1023, 3), (0.25, 2)])
def test_what_carries_mass_is_what_rounds_to_a_place(unit, decimals):
    """Just within its interval a value falls on the place, just beyond on the next one."""
    x = np.repeat(np.round(np.arange(-30, 80) * unit, decimals), 20)
    encoder = FeatureEncoder.fit(x, np.zeros(len(x), bool), False)
    places = np.array(encoder.places)
    ends = np.array([places[0] - 2 * unit, places[-1] + 2 * unit])
    lower, upper = encoder.mass_interval(places)
    np.testing.assert_allclose(lower[1:], upper[:-1])
    for bound, sign in ((lower, 1), (upper, -1)):
        within = torch.from_numpy(bound + sign * 1e-6)
        np.testing.assert_array_equal(encoder.inverse(within).numpy(), places)
    lower, upper = encoder.mass_interval(ends)
    np.testing.assert_allclose((lower + upper) / 2, ends)
    np.testing.assert_allclose(upper - lower, encoder.step)


def test_a_grid_is_where_the_samples_are():
    """On another device than the processor's too."""
    encoder = FeatureEncoder(places=(0.0, 0.5, 1.0))
    assert encoder.inverse(torch.zeros(4, device="meta")).device.type == "meta"


def test_places_that_do_not_increase_are_refused():
    """As a damaged file may have them."""
    with pytest.raises(ValueError, match="do not increase"):
        FeatureEncoder(places=(0.0, 0.5, 0.5))
