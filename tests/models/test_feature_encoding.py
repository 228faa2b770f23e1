"""Laws of the encoding of a measurement: what is a count, which values carry mass, the way back."""

import numpy as np
import pytest
import torch

from tst.models.transformer.feature_encoding import FeatureEncoder


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
