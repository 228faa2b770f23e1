"""Laws of sizes by the data: a batch has as many tokens whatever a series is."""

import numpy as np
import pytest
from helpers import toy_series

from tst.models.transformer import sizes


def of_lengths(*lengths):
    """Return series of these lengths."""
    return toy_series([np.zeros((n, 1)) for n in lengths])


@pytest.mark.parametrize(
    ("lengths", "patch", "n_series"),
    [
        ([100, 60], 1, 6),  # 512 / 80
        ([100, 60], 7, 43),  # of 15 and 9 tokens
        ([128] * 3, 1, 4),
        ([5000], 1, sizes.MIN_BATCH),
        ([1, 1, 2], 1, sizes.MAX_BATCH),
    ],
)
def test_a_batch_has_as_many_tokens_whatever_a_series_is(lengths, patch, n_series):
    """Up to how few or many series make no sense."""
    assert sizes.batch_size(of_lengths(*lengths), patch) == n_series


@pytest.mark.parametrize(
    ("n_values", "share"), [(10, 0.1), (sizes.SMALL, 0.1), (sizes.SMALL + 1, 0.0)]
)
def test_units_are_dropped_where_a_set_is_small(n_values, share):
    """Whatever its series are: what counts are the values that could be learned by heart."""
    assert sizes.dropout(of_lengths(n_values)) == share


def of_measurements(n, rows_a_number=sizes.STEPS_A_NUMBER):
    """Return a series of n measurements, and of so many steps a number that a token may see."""
    return toy_series([np.zeros((rows_a_number * sizes.NEAR * n, n))])


@pytest.mark.parametrize(
    ("n_features", "patch", "near"),
    [
        (1, 1, 1),
        (sizes.MANY - 1, 1, 1),
        (sizes.MANY, 1, sizes.NEAR),
        (sizes.MANY, 2, 1),
        (sizes.TOO_MANY, 1, 1),
    ],
)
def test_many_measurements_are_seen_for_some_steps(n_features, patch, near):
    """Of a patch the steps are seen anyway, and of very many measurements one step is enough."""
    assert sizes.near(of_measurements(n_features), patch) == near


def test_of_a_small_set_one_step_is_seen():
    """Too few steps for so many numbers would be learned by heart."""
    assert sizes.near(of_measurements(sizes.MANY, sizes.STEPS_A_NUMBER - 1), 1) == 1
