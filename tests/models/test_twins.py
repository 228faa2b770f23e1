"""Laws of twins: an exact copy stays one, a near one keeps its distance, all comes back."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import ragged_series, toy_series, with_twins

from tst.models.transformer.encoding import SeriesEncoder, exact_repeats
from tst.models.transformer.twins import (
    Twin,
    find_twins,
    learned_features,
    learned_set,
    learned_values,
    restored_values,
)
from tst.series import Feature


def found(series):
    """Return (column, of, exact) of the twins of a set."""
    twins = find_twins(series, series, exact_repeats(series))
    return [(twin.column, twin.of, twin.exact) for twin in twins]


def test_twins_are_found():
    """The nearest one is taken, of equal ones the first; noise is nobody's twin."""
    assert found(with_twins()) == [(1, 0, False), (2, 1, False), (3, 0, True)]
    assert found(ragged_series()) == []


def changed(column, function):
    """Return the set of twins with another column."""
    series = with_twins()
    values = series.values.astype(np.float64)
    values[:, column] = function(values[:, column])
    return replace(series, values=values)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.where(np.arange(len(x)) % 9 == 5, x.min(), x),  # values at a bound
        lambda x: x.repeat(2)[: len(x)],  # repeats of the step before
        lambda x: np.round(x),  # whole numbers beside fractions
        lambda x: x + np.random.default_rng(1).normal(0, x.std(), len(x)),  # half noise
        lambda x: np.full(len(x), 2.0),
    ],
)
def test_no_twin_is_seen_where_a_difference_would_not_bring_the_values_back(function):
    """Then the second is learned as it is, and the third is nobody's twin but its own."""
    columns = [column for column, _, _ in found(changed(1, function))]
    assert 1 not in columns
    assert 3 in columns


def test_orders_of_magnitude_have_no_near_twin():
    """Differences of what is taken to logarithms grow with its level; an exact copy is one."""
    series = with_twins()
    values = np.exp(3 * series.values[:, :4].astype(np.float64))
    assert found(replace(series, values=values, features=series.features[:4])) == [(3, 0, True)]


def test_one_step_that_differs_makes_an_exact_twin_a_near_one():
    """Also where the excerpt in which twins are looked for does not have that step."""
    series = with_twins()
    values = series.values.copy()
    values[-1, 3] += 0.5
    other = replace(series, values=values)
    twins = find_twins(other, other.take(range(40)), exact_repeats(other.take(range(40))))
    assert [(t.column, t.of, t.exact) for t in twins][-1] == (3, 0, False)


def test_a_category_is_no_twin_of_a_number():
    """Equal codes are not what is equal."""
    states = np.tile(np.arange(3.0), 7)[:, None].repeat(2, axis=1)
    series = toy_series([states], features=[Feature("x"), Feature("state", "categorical")])
    assert found(series) == []
    both = replace(series, features=[Feature("a", "categorical"), Feature("b", "categorical")])
    assert found(both) == [(1, 0, True)]


def test_what_is_learned_comes_back():
    """Values, and the names and places of all measurements."""
    series = with_twins()
    twins = find_twins(series, series, exact_repeats(series))
    learned = learned_set(series, twins)
    assert learned.feature_names == ["f0", "f1 - f0", "f2 - f1", "f4"]
    restored = restored_values(learned.values, twins)
    np.testing.assert_allclose(restored, series.values, atol=1e-6)
    assert np.array_equal(restored[:, 3], restored[:, 0])
    assert restored_values(learned.values + 100, twins)[:, 1].max() == twins[0].high
    assert learned_set(series, ()) is series
    assert learned_features(series.features, ()) == series.features
    assert learned_values(series.values[None], twins).shape == (1, len(series.values), 4)


def test_an_encoder_takes_a_set_either_way():
    """As it is, or as it is learned: the same numbers."""
    series = with_twins()
    encoder = SeriesEncoder.fit(series)
    learned = encoder.learned(series)
    assert encoder.learned(learned) is learned
    moments = encoder.series_loc_scale(series)
    np.testing.assert_array_equal(encoder.series_loc_scale(learned), moments)
    np.testing.assert_array_equal(
        encoder.scaled(learned, *moments), encoder.scaled(series, *moments)
    )
    assert encoder.n_features == 4
    assert encoder.n_categories == [0] * 5


@pytest.mark.parametrize("of", [-1, 1, 2])
def test_a_twin_repeats_an_earlier_measurement(of):
    """What repeats itself, or one behind it, cannot be brought back."""
    with pytest.raises(ValueError, match="measurement 1 cannot repeat measurement"):
        Twin(column=1, of=of, exact=True, low=0.0, high=1.0)


@pytest.mark.parametrize(("low", "high"), [(1.0, 0.0), (0.0, np.inf), (np.nan, 0.0)])
def test_a_twin_has_a_range(low, high):
    """Of finite numbers, the least first."""
    with pytest.raises(ValueError, match="cannot repeat"):
        Twin(column=1, of=0, exact=False, low=low, high=high)


@pytest.mark.parametrize("columns", [(4, 3), (3, 3), (3, 5)])
def test_an_encoder_whose_twins_do_not_fit_is_refused(columns):
    """Out of order, twice, or beyond the last measurement."""
    encoder = SeriesEncoder.fit(with_twins())
    twins = [Twin(column=c, of=0, exact=c == columns[0], low=0.0, high=1.0) for c in columns]
    with pytest.raises(ValueError, match="do not fit each other"):
        replace(encoder, twins=tuple(twins))
