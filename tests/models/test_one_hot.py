"""Laws of one-hot measurements: there and back is nothing; what is no category stays as it is."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import mixed_series, toy_series

from tst.models.one_hot import codes, one_hot
from tst.series import Feature


def categorical(codes_, kinds=("continuous", "categorical", "continuous")):
    """Return a set of 2 series with a category between two measurements."""
    values = np.array([[0.5, code, -1.5] for code in codes_])
    series = toy_series([values[:2], values[2:]])
    names = ("gap", "protocol", "size")
    features = tuple(Feature(name, kind) for name, kind in zip(names, kinds, strict=True))
    return replace(series, features=features)


def test_a_category_is_one_of_zero_and_one_a_code():
    """In the place of its measurement, from 0 to the highest code, also what never occurs."""
    numbers = one_hot(categorical([3, 0, 1, 3]))
    assert numbers.feature_names == ["gap", *(f"protocol={code}" for code in range(4)), "size"]
    assert {feature.kind for feature in numbers.features} == {"continuous"}
    expected = [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(numbers.values[:, 1:5], expected)
    np.testing.assert_array_equal(numbers.values[:, [0, 5]], np.tile([0.5, -1.5], (4, 1)))


@pytest.mark.parametrize("seed", range(5))
def test_there_and_back(seed):
    """Codes come back as they were, with their features; nothing else is touched."""
    series = mixed_series(seed=seed)
    back = codes(one_hot(series))
    np.testing.assert_array_equal(back.values, series.values)
    assert back.features == series.features
    assert codes(one_hot(categorical([0, 0, 0, 0]))).features == categorical([0] * 4).features


def test_the_largest_of_what_a_model_made_is_the_code():
    """Whatever the numbers are; of equal ones the lowest code."""
    numbers = one_hot(categorical([2, 0, 1, 2]))
    made = numbers.values.copy()
    made[:, 1:4] = [[0.2, 0.1, 0.3], [-0.5, -0.4, -9], [0.3, 0.3, 0.1], [0, 0, 0]]
    assert codes(replace(numbers, values=made)).values[:, 1].tolist() == [2, 1, 0, 0]


def test_numbers_stay_what_they_are():
    """A set without a category is returned itself, there and back."""
    series = categorical([3, 0, 1, 3], kinds=("continuous",) * 3)
    assert one_hot(series) is series
    assert codes(series) is series
