"""Laws of tokens: every number once, masses where values pile up, categories that are known."""

import numpy as np
import pandas as pd
import pytest
from helpers import encoded_batches, mixed_series, toy_series

from tst.errors import DataError
from tst.models.transformer import encoding, tokens
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.feature_encoding import FeatureEncoder
from tst.models.transformer.tokens import attribute_target, season_of, token_spec
from tst.models.transformer.variables import BIG
from tst.series import ceil_div

N_FEATURES = 5  # of a step of `mixed_series`


@pytest.mark.parametrize("patch", [1, 3])
@pytest.mark.parametrize("stop", ["length", "stop"])
def test_tokens_hold_every_number_once(patch, stop):
    """Observed numbers are the series' numbers; an end stands at the last step of each series."""
    series = mixed_series()
    encoder, _, batches = encoded_batches(series, patch, stop=stop)
    n_variables = N_FEATURES + (stop == "stop")
    observed = batches.whole.observed.numpy().astype(bool).reshape(-1, n_variables)
    assert observed.sum() == len(series.values) * n_variables
    is_step = observed[:, 0]
    assert (observed == is_step[:, None]).all(), "a step is observed as a whole"
    value = batches.whole.target.value.numpy().reshape(-1, n_variables)[is_step]
    z = encoder.scaled(series, *encoder.series_loc_scale(series))
    np.testing.assert_allclose(value[:, :N_FEATURES], z, rtol=1e-5, atol=1e-5)
    for end in value[:, N_FEATURES:].T:
        np.testing.assert_array_equal(np.flatnonzero(end), series.offsets[1:] - 1)
    np.testing.assert_array_equal(batches.lengths, ceil_div(series.lengths, patch))


def test_masses_stand_where_values_pile_up():
    """A count has the interval that rounds to it, zero all below, a plain value a density."""
    series = mixed_series()
    encoder, _, batches = encoded_batches(series)
    target = batches.whole.target
    rate, count = series.values[:, 0], series.values[:, 1]
    is_mass = (target.upper > target.lower).numpy()
    np.testing.assert_array_equal(is_mass[:, 0], rate == 0)
    assert is_mass[:, 1].all()
    assert not is_mass[:, 4].any()
    scale = encoder.scale[1]
    width = (target.upper - target.lower)[:, 1].numpy()
    np.testing.assert_allclose(width[count > 0], 1 / scale, rtol=1e-4)
    loc = encoder.series_loc_scale(series)[0][series.series_index, 1]
    np.testing.assert_allclose(target.value[:, 1] * scale + loc, count, atol=1e-4)
    assert (target.lower[:, 1].numpy()[count == 0] == -BIG).all()


def test_no_mass_is_decided_by_rounding():
    """Of counts of all sizes on a logarithmic scale: none has an interval that float32 closes."""
    x = np.exp(np.random.default_rng(0).uniform(1, 18, 4000)).round()
    series = toy_series([part[:, None] for part in x.reshape(40, 100)])
    encoder, _, batches = encoded_batches(series)
    assert encoder.feature_encoders[0] == FeatureEncoder(offset=1.0, whole=True, low=3.0, least=2)
    target = batches.whole.target
    width = (target.upper - target.lower)[:, 0].numpy()
    true = np.log((1 + x + 0.5) / (1 + x - 0.5))
    true /= encoder.series_loc_scale(series)[1][series.series_index, 0]
    has_mass = (width > 0) & (x > 3)
    assert has_mass[(x > 3) & (x < 1e5)].all() and not has_mass[x > 1e7].any()
    np.testing.assert_allclose(width[has_mass], true[has_mass], rtol=1)


def test_lengths_that_may_be_drawn_are_whole_series(monkeypatch):
    """Also where the excerpt of a large set holds pieces; of each category those that it has."""
    for module in (encoding, tokens):
        monkeypatch.setattr(module, "MAX_FITTED", 100)
    rng = np.random.default_rng(0)
    lengths = np.concatenate([rng.integers(80, 100, 12), rng.integers(150, 300, 12)])
    frame = pd.DataFrame({"site": pd.Categorical(np.repeat(["a", "b"], 12))})
    series = toy_series([rng.normal(size=(n, 1)) for n in lengths], attributes=frame)
    assert series.excerpt(100).lengths.max() < 80, "pieces"
    encoder = SeriesEncoder.fit(series, lengths=True)
    spec = token_spec(encoder, series)
    ends = np.array(spec.attribute_bin_edges[-1])[[0, -1]]
    assert encoder.lengths_of(ends)[0] <= lengths.min()
    assert encoder.lengths_of(ends)[1] == lengths.max()
    (a, b) = (encoder.lengths_of(np.array(pairs[-1])) for pairs in spec.attribute_limits[0])
    assert 80 <= a[0] <= a[1] <= 110
    assert 110 < b[0] <= lengths[12:].min() < b[1] == lengths.max()


@pytest.mark.parametrize("period", [4, 7])
def test_a_season_is_found_where_series_repeat_themselves(period):
    """With a phase of each series' own; not in noise, nor in a walk, nor by tokens of steps."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 6, (20, 1))
    noise = rng.normal(size=(20, 60))
    wave = np.sin(2 * np.pi * np.arange(60) / period + phase) + 0.5 * noise
    walk = noise.cumsum(1)
    found = []
    for arrays, patch in ((wave, 1), (wave, 3), (noise, 1), (walk, 1), (wave[:, :5], 1)):
        series = toy_series(list(arrays[..., None]))
        found.append(season_of(SeriesEncoder.fit(series), series, patch))
    assert found == [period, 0, 0, 0, 0]


def read_now_and_then(is_reading, interpolated, rng):
    """Return series (n, steps, 1) of new values at readings, bool (n, steps), and between these."""
    n_steps = is_reading.shape[1]
    made = []
    for row in is_reading:
        at = np.flatnonzero(row)
        x = rng.normal(size=len(at)).cumsum().round(2)
        if interpolated:
            made.append(np.interp(np.arange(n_steps), at, x))
        else:
            made.append(x[np.searchsorted(at, np.arange(n_steps), side="right").clip(min=1) - 1])
    return np.stack(made)[..., None]


@pytest.mark.parametrize("interpolated", [True, False])
@pytest.mark.parametrize("period", [4, 6])
def test_a_rhythm_is_found_where_values_are_read_every_so_many_steps(interpolated, period):
    """A walk, read at one phase of each series' own, and beside a finer one; not at any time."""
    rng = np.random.default_rng(0)
    phase = rng.integers(0, period, (200, 1))
    regular = (np.arange(36) - phase) % period == 0
    irregular = rng.random((200, 36)) < 1 / period
    irregular[:, [0, -1]] = True
    walk = rng.normal(size=(200, 36, 1)).cumsum(1)
    found = []
    for is_reading in (regular, irregular):
        values = read_now_and_then(is_reading, interpolated, rng)
        for x in (values, np.concatenate([values, walk], axis=2)):
            series = toy_series(list(x))
            found.append(season_of(SeriesEncoder.fit(series), series, 1))
    assert found == [period, period, 0, 0]


@pytest.mark.parametrize("block", [1, 90, tokens.BLOCK])
def test_autocorrelations_are_those_of_each_series_by_itself(block, monkeypatch):
    """As sums of products; too short series and numbers that do not vary have none."""
    monkeypatch.setattr(tokens, "BLOCK", block)
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 23, 17)
    n_lags = 7
    z = rng.normal(size=(lengths.sum(), 2)).cumsum(0)
    borders = np.cumsum(lengths)[:-1]
    curves = []
    for i, part in enumerate(np.split(z, borders)):
        if i % 3 == 0:
            part[:, 1] = 0.1  # in place: this series' second number is constant
        for x in (part - part.mean(0)).T:
            if len(x) > n_lags and np.ptp(x) > 1e-9:
                products = [x[: len(x) - lag] @ x[lag:] for lag in range(n_lags + 1)]
                curves.append(np.array(products) / products[0])
    found = tokens._autocorrelation(z, lengths, n_lags)
    np.testing.assert_allclose(found, np.mean(curves, axis=0), rtol=1e-9, atol=1e-12)
    assert not tokens._autocorrelation(np.ones((9, 1)), np.array([4, 5]), 3).any()
    assert not tokens._autocorrelation(z, lengths, 30).any()


def test_an_unknown_category_is_refused():
    """A category that the training set lacks has no code."""
    encoder = SeriesEncoder.fit(mixed_series(lengths=(3, 4)).take([0, 1]))
    strange = mixed_series(lengths=(3, 3, 3)).take([2])
    with pytest.raises(DataError, match="category that the training set lacks"):
        attribute_target(encoder, strange)


@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("fixed", [False, True])
def test_the_spec_says_what_a_step_and_the_attributes_are(fixed, lengths):
    """An end, or a length, where lengths vary; loc and scale where series are long enough."""
    series = mixed_series(fixed=fixed)
    spec = token_spec(SeriesEncoder.fit(series, lengths=lengths), series)
    kinds = ["continuous", "continuous", "categorical", "continuous", "continuous"]
    attribute_kinds = ["categorical"]
    if fixed:
        attribute_kinds += ["continuous"] * 8  # of all but the constant
    elif lengths:
        attribute_kinds.append("continuous")
    else:
        kinds.append("stop")
    assert spec.draws_length == (lengths and not fixed)
    assert [variable.kind for variable in spec.step] == kinds
    assert [variable.kind for variable in spec.attributes] == attribute_kinds
    for edges in (*spec.bin_edges, *spec.attribute_bin_edges):
        assert (np.diff(edges) > 0).all()


def test_without_attributes_no_length_is_drawn():
    """An ablation without attributes ends its series by the hazard, as asked or not."""
    _, spec, _ = encoded_batches(mixed_series(), attributes=False)
    assert not spec.draws_length
    assert not spec.attributes
    assert spec.step[-1].kind == "stop"


def test_the_length_of_a_series_is_a_mass_of_its_last_attribute():
    """From the logarithm half a step below to that half a step above, in standard units."""
    series = mixed_series()
    encoder, _, batches = encoded_batches(series)
    length = batches.whole.attributes.map(lambda x: x[:, -1].double())
    logs = np.log(series.lengths)
    for tensor, shift in ((length.value, 0), (length.lower, -0.5), (length.upper, 0.5)):
        expected = (np.log(series.lengths + shift) - logs.mean()) / logs.std()
        np.testing.assert_allclose(tensor, expected, rtol=1e-5, atol=1e-6)
    pieces = series.pieces(np.array([5]), np.array([2]), np.array([4]))
    whole = attribute_target(encoder, pieces, lengths=series.lengths[5:])
    assert whole.value[0, -1] == batches.whole.attributes.value[5, -1]
