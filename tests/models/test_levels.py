"""Laws of levels: what categories tell of numbers is found, chance is not, limits hold."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import encoded_batches, toy_series
from hypothesis import given
from hypothesis import strategies as st

from tst.models.transformer import levels
from tst.models.transformer.encoding import SeriesEncoder


def literal_effect(x, code, category):
    """Return one shrunk mean of balanced categories, as an analysis of variance has it."""
    groups = [x[code == c] for c in np.unique(code)]
    k, m = len(groups), len(groups[0])
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (k * (m - 1))
    among = m * np.var([g.mean() for g in groups], ddof=1)
    between = max(0.0, (among - within) / m)
    return (x[code == category].mean() - x.mean()) * between / (between + within / m)


@given(seed=st.integers(0, 999), k=st.integers(2, 6), m=st.integers(2, 5), apart=st.floats(0, 5))
def test_of_one_balanced_attribute_it_is_the_shrunk_mean(seed, k, m, apart):
    """As its literal twin, category by category."""
    rng = np.random.default_rng(seed)
    code = rng.permutation(np.repeat(np.arange(k), m))
    x = rng.normal(0, apart, k)[code] + rng.normal(size=k * m)
    (found,) = levels.effects(x[:, None], code[:, None], [k])
    for category in range(k):
        expected = literal_effect(x, code, category)
        np.testing.assert_allclose(found[category, 0], expected, rtol=1e-6, atol=1e-9)


def test_what_two_attributes_add_is_told_apart():
    """Three series a category of one: nearly all of the levels; of an attribute of chance, none."""
    rng = np.random.default_rng(0)
    codes = np.stack([np.arange(90) % 30, rng.integers(0, 4, 90), rng.integers(0, 20, 90)], axis=1)
    added = [rng.normal(0, 3, 30), rng.normal(0, 3, 4), np.zeros(20)]
    true = levels.total([part[:, None] for part in added], codes)
    x = true + rng.normal(0, 0.3, (90, 1))
    found = levels.effects(x, codes, [30, 4, 20])
    assert np.var(true + x.mean() - true.mean() - levels.total(found, codes)) < 0.02 * np.var(true)
    assert np.abs(found[2]).max() < 0.3


def test_chance_has_hardly_a_level():
    """Of 100 tables, 90 series of 30 categories each: a tenth of the variance of the means."""
    rng = np.random.default_rng(0)
    code = np.arange(90)[:, None] % 30
    x = rng.normal(size=(90, 100))
    shrunk = levels.effects(x, code, [30])[0]
    means = np.stack([x[code[:, 0] == c].mean(0) for c in range(30)])
    assert shrunk.var() < 0.1 * means.var()


@pytest.mark.parametrize(
    ("code", "size"), [([0, 0, 0], 1), ([0, 1, 2], 3), ([1, 1, 1], 4), ([0], 1)]
)
def test_where_nothing_can_be_told_nothing_is(code, size):
    """One category, or as many as series: no level."""
    codes = np.array(code)[:, None]
    (found,) = levels.effects(np.arange(len(code), dtype=float)[:, None], codes, [size])
    assert not found.any()


@given(seed=st.integers(0, 999), n=st.integers(1, 60), size=st.integers(1, 4))
def test_limits_are_those_of_sorted_numbers(seed, n, size):
    """As a literal twin, category by category and number by number."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(-9, 9, (n, 3)).astype(np.float32)
    code = rng.integers(0, size, n)
    found = levels.limits(numbers, code, size)
    for category in range(size):
        for f, column in enumerate(numbers.T):
            mine = sorted(column[code == category].tolist())
            low, high = min(column), max(column)
            if len(mine) >= levels.MIN_LIMITED:
                low = max(low, 2 * mine[0] - mine[1])
                high = min(high, 2 * mine[-1] - mine[-2])
            assert found[category, f].tolist() == [low, high]


def test_many_series_are_not_copied():
    """Beside the numbers, and what is returned, memory of a few of their columns."""
    rng = np.random.default_rng(0)
    n, n_numbers = 20_000, 40
    numbers = rng.normal(size=(n, n_numbers)).astype(np.float32)
    codes = rng.integers(0, 7, (n, 3))
    copy = n * n_numbers * 8
    parts = levels.effects(numbers, codes, [7, 7, 7])
    assert peak(levels.effects, numbers, codes, [7, 7, 7]) < 0.25 * copy
    assert peak(levels.limits, numbers, codes[:, 0], 7) < 0.25 * copy
    assert peak(levels.total, parts, codes) < 1.25 * copy


def peak(function, *given):
    """Return the most memory that a call takes, bytes."""
    tracemalloc.start()
    try:
        function(*given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_limits_by_hand():
    """As far beyond the ends as these lie from their neighbours, but within all; of few, all."""
    x = np.array([0.0, 5, 6, 7, 8, 9, 10, 11, 12, 20, 30, -50, 40])
    code = np.array([0] * 11 + [1] * 2)
    (own, all_of_few) = levels.limits(x[:, None], code, 2)
    assert own.tolist() == [[-5.0, 40.0]]
    assert all_of_few.tolist() == [[-50.0, 40.0]]


def by_site(first_at_zero, n=40):
    """Return short series whose level, or whose slope from zero, a site decides."""
    rng = np.random.default_rng(0)
    site = np.arange(n) % 5
    arrays = []
    for s in site:
        steps = np.arange(8) if first_at_zero else np.ones(8)
        arrays.append((10 * s * steps + rng.normal(0, 0.1, 8) * (steps > 0))[:, None])
    return toy_series(arrays, attributes=pd.DataFrame({"site": pd.Categorical(site)}))


def test_short_series_are_centred_by_what_their_attributes_tell():
    """Their levels are gone from the scaled numbers; the same come back."""
    series = by_site(first_at_zero=False)
    encoder = SeriesEncoder.fit(series)
    loc, scale = encoder.series_loc_scale(series)
    z = encoder.scaled(series, loc, scale)
    sites = series.attributes["site"].cat.codes.to_numpy()[series.series_index]
    for site in range(5):
        assert abs(z[sites == site].mean()) < 0.2
    np.testing.assert_allclose(
        z * scale[series.series_index] + loc[series.series_index],
        series.values,
        rtol=1e-5,
        atol=1e-5,
    )


def test_long_series_of_one_class_move_no_other_class():
    """Each class's level is its mean, though one has nearly all rows; scaled rows have mean 0."""
    rng = np.random.default_rng(0)
    kind = np.arange(40) % 4
    arrays = [10 * k + rng.normal(0, 0.1, (200 if k == 3 else 6, 1)) for k in kind]
    series = toy_series(arrays, attributes=pd.DataFrame({"kind": pd.Categorical(kind)}))
    encoder = SeriesEncoder.fit(series)
    assert not encoder.per_series
    told, scale = encoder.told_loc_scale(np.arange(4)[:, None])
    np.testing.assert_allclose(told[:, 0], [0, 10, 20, 30], atol=0.1)
    assert scale[0, 0] == pytest.approx(0.1, rel=0.1)
    z = encoder.scaled(series, *encoder.series_loc_scale(series))
    assert abs(z.mean()) < 1e-4
    assert z.std() == pytest.approx(1, rel=1e-3)


def test_series_that_begin_at_one_place_keep_it():
    """Where a site decides how fast they rise from 0, a level would move their beginnings apart."""
    series = by_site(first_at_zero=True)
    loc, _ = SeriesEncoder.fit(series).series_loc_scale(series)
    assert len(np.unique(loc, axis=0)) == 1


@pytest.mark.parametrize("transform", [np.asarray, np.exp])
def test_what_attributes_decide_wholly_keeps_a_scale(transform):
    """What is left of it is rounding, and is not blown up: scaled numbers are near 0."""
    site = np.arange(33) % 5
    arrays = [np.full((7, 1), transform(2.3 * s)) for s in site]  # means of 7 are rounded
    series = toy_series(arrays, attributes=pd.DataFrame({"site": pd.Categorical(site)}))
    encoder = SeriesEncoder.fit(series)
    loc, scale = encoder.series_loc_scale(series)
    assert np.abs(encoder.scaled(series, loc, scale)).max() < 0.01


@pytest.mark.parametrize("levels_of", [(), ((1.0,),), ((np.nan,),) * 5, ((1.0, 1.0),) * 5])
def test_levels_that_do_not_fit_are_refused(levels_of):
    """One number each category and measurement, all finite."""
    encoder = SeriesEncoder.fit(by_site(first_at_zero=False))
    with pytest.raises(ValueError, match="do not fit"):
        replace(encoder, levels=(levels_of,))


@pytest.mark.parametrize("wrong", [(((0.0, 1.0),),), ((((0.0, np.inf),)),) * 5, ((),) * 5])
def test_limits_that_do_not_fit_are_refused(wrong):
    """A finite pair each category and number."""
    _, spec, _ = encoded_batches(long_by_site())
    with pytest.raises(ValueError, match="do not fit"):
        replace(spec, attribute_limits=(wrong,))


def long_by_site():
    """Return series that have levels of their own."""
    rng = np.random.default_rng(0)
    site = np.arange(40) % 5
    arrays = [rng.normal(s, 1, (20, 1)) for s in site]
    return toy_series(arrays, attributes=pd.DataFrame({"site": pd.Categorical(site)}))
