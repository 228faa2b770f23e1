"""Laws of interpolated readings: they are found, told by a category, and drawn as lines again."""

import functools
import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from helpers import encoded_batches, recorded, toy_series
from models.test_continuation import added, behind, parts
from models.test_sampling import trained

from tst.models.transformer import lines, sampling
from tst.models.transformer.atoms import Atoms, split
from tst.models.transformer.batches import EncodedSet
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.tokens import token_spec
from tst.series import Feature

N_STEPS = 24
BETWEEN = 6  # steps from one reading to the next


def readings(n=80, seed=0, n_steps=N_STEPS, held=0.2):
    """Return series of a wandering reading every six steps, interpolated; each begins anywhere."""
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(n):
        n_read = n_steps // BETWEEN + 3
        moves = rng.normal(size=n_read) * (rng.random(n_read) > held)
        read = 20 + rng.normal(0, 3) + moves.cumsum()
        at = rng.integers(BETWEEN) + np.arange(n_steps)
        arrays.append(np.interp(at / BETWEEN, np.arange(n_read), read))
    return arrays


def of_halves(n=300, n_steps=N_STEPS, seed=0):
    """Return series of halves, five steps between two of them, capped at 24."""
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(n):
        read = np.round(2 * (20 + rng.normal(0, 3) + rng.normal(size=7).cumsum())) / 2
        at = rng.integers(BETWEEN) + np.arange(n_steps)
        arrays.append(np.interp(at / BETWEEN, np.arange(7), read.clip(max=24)))
    return arrays


def one(columns, **fields):
    """Return series of one number, from a list of rows."""
    return toy_series([np.asarray(column, float)[:, None] for column in columns], **fields)


def line_of(series):
    """Return the line of a set's only number."""
    return lines.line_of(series, 0, np.abs(series.values).max())


def line(columns):
    """Return the line of the only number of a set of such columns."""
    return line_of(one(columns))


@pytest.mark.parametrize("scale", [1e-3, 1, 40])
@pytest.mark.parametrize("held", [0, 0.2, 0.5])
def test_interpolated_readings_are_found(scale, held):
    """On any scale, also where some of them are held."""
    columns = [scale * column for column in readings(held=held)]
    assert line(columns).slack > 0
    atoms = SeriesEncoder.fit(one(columns)).atoms
    assert [one.column for one in atoms] == [0]


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(size=N_STEPS).cumsum(),
        lambda rng: np.sin(rng.uniform(0, 6) + np.arange(2000) * 2e-3),  # smooth, by dense steps
        lambda rng: np.sin(rng.uniform(0, 6) + np.arange(2000) * 5e-4),
        lambda rng: np.sin(rng.choice([0, 1, 2, 4]) + np.arange(1500) % 200 * 6e-4),  # and jumps
        lambda rng: np.repeat(rng.normal(size=N_STEPS // 4), 4),  # held, not on a line
        lambda rng: np.arange(N_STEPS) + rng.integers(100),  # a count
        lambda rng: rng.poisson(3, N_STEPS),
        lambda rng: np.cumsum(rng.choice([0.1, 0.2], N_STEPS, p=[0.9, 0.1])),  # mostly by one step
        lambda rng: 1e7 + rng.random(N_STEPS),  # float32 has no finer step than the changes
    ],
)
def test_what_is_not_interpolated_has_no_lines(draw):
    """Noise, curves and pieces of some, held values, whole numbers, one common change, rounding."""
    rng = np.random.default_rng(0)
    assert line([draw(rng) for _ in range(60)]) is None


def test_a_category_has_no_lines():
    """Its codes are no numbers."""
    series = one([np.arange(N_STEPS)] * 9, features=[Feature("state", "categorical")])
    assert line_of(series) is None


def test_small_series_beside_large_ones_have_lines_of_their_own():
    """A new reading is one, also where it lies within a millionth of the range of all."""
    rng = np.random.default_rng(0)
    columns = [np.exp(3 * rng.normal()) * column for column in readings(400, held=0)]
    series = one(columns)
    spread = float(np.ptp(series.values))
    atoms = Atoms(column=0, line=lines.Line(1e-6 * spread, spread, 0.0, spread))
    codes = atoms.codes(series.values[:, 0], series.step_index).reshape(400, N_STEPS)
    new = np.abs(np.diff(np.stack(columns), 2)) > 1e-4 * np.ptp(np.stack(columns), axis=1)[:, None]
    assert np.mean(codes[:, 2:][new] == 2) < 0.05
    assert np.mean(codes == 2) > 0.3


def told_by_hand(x, slack):
    """Return 0, 1 (held) or 2 (goes on) of each step of one series."""
    codes = []
    for t, value in enumerate(x.astype(float)):
        code = 0
        if t > 1 and abs(float(x[t - 1]) - float(x[t - 2])) > slack:
            ahead = 2 * float(x[t - 1]) - float(x[t - 2])
            code = 2 * (abs(value - ahead) <= slack)
        if t > 0 and x[t] == x[t - 1]:
            code = 1
        codes.append(code)
    return codes


def test_codes_are_those_of_a_step_by_step_reading():
    """Of series of different lengths one after another, and of a block of equal ones."""
    columns = readings(30)
    series = one([column[: 2 + i % 22] for i, column in enumerate(columns)])
    series = one([*(part[:, 0] for part in map(series.__getitem__, range(30))), columns[0][:1]])
    known = Atoms(column=0, line=line_of(series))
    codes = known.codes(series.values[:, 0], series.step_index)
    expected = [told_by_hand(series[i][:, 0], known.line.slack) for i in range(len(series))]
    assert codes.tolist() == sum(expected, [])
    assert set(codes) == {0, 1, 2}
    block = np.stack(columns).astype(np.float32)
    found = split(block[:, :, None], [known])[..., 0]
    assert found.tolist() == [told_by_hand(row, known.line.slack) for row in block]


def test_a_number_is_learned_where_no_category_tells_it():
    """A step that is held or goes on has no density; its category is learned everywhere."""
    series = one(readings())
    encoder = SeriesEncoder.fit(series)
    assert encoder.per_series
    assert encoder.own == [1, 3], "what tells of a measurement has no level"
    learned = encoder.learned(series)
    encoded = EncodedSet.of(series, encoder, token_spec(encoder, series), 1)
    assert np.array_equal(encoded.observed[:, 1].numpy() == 0, learned.values[:, 0] > 0)
    assert torch.all(encoded.observed[:, 0] == 1)
    assert not encoded.target.repeat.any(), "its gate would tell the same once more"
    assert np.array_equal(encoder.restored_values(learned.values), series.values)


@pytest.mark.parametrize("held", [0, 0.2])
def test_two_columns_that_are_near_are_both_lines(held):
    """The second as a difference, or, where readings are held, by itself; both come back."""
    first = readings(60, held=held)
    noise = readings(60, seed=1, held=held)
    arrays = [np.stack([x, x + 0.1 * y], 1) for x, y in zip(first, noise, strict=True)]
    series = toy_series(arrays)
    encoder = SeriesEncoder.fit(series)
    assert [twin.exact for twin in encoder.twins] == [False] * (held == 0)
    assert [one.column for one in encoder.atoms] == [0, 1]
    learned = encoder.learned(series)
    np.testing.assert_allclose(encoder.restored_values(learned.values), series.values, atol=1e-5)
    on_line = [(learned.values[:, code] == 2).mean() for code in (0, 2)]
    assert min(on_line) > 0.5


@pytest.mark.parametrize("patch", [1, 3])
def test_windows_of_long_series_are_told_as_the_whole(monkeypatch, patch):
    """What stands before a window is read with it, as far as a line needs it."""
    series = one(readings(9, n_steps=60))
    settings = {"patch": patch, "context_length": 9}
    _, _, small = encoded_batches(series, **settings)
    monkeypatch.setattr("tst.models.transformer.batches.MAX_ENCODED", 0)
    _, _, large = encoded_batches(series, **settings)
    assert large.whole is None
    for step in range(small.steps_per_epoch):
        given, expected = large(step), small(step)
        assert torch.equal(given.target.value, expected.target.value)
        assert torch.equal(given.recent, expected.recent)


def test_an_encoder_of_lines_is_kept_as_it_is():
    """JSON holds it; one whose parts do not fit is refused."""
    encoder = SeriesEncoder.fit(one(readings()))
    mapping = json.loads(json.dumps(asdict(encoder)))
    assert SeriesEncoder.from_dict(mapping) == encoder
    mapping["atoms"] = [{"column": 0, "values": [1.0, 2.0, 3.0]}]
    with pytest.raises(ValueError, match="do not fit each other"):
        SeriesEncoder.from_dict(mapping)
    with pytest.raises(ValueError, match="common values of measurement 0"):
        Atoms(column=0, values=(1.0,), line=encoder.atoms[0].line)


@pytest.mark.parametrize(
    "fields",
    [(0, 1, 0, 1), (-1, 1, 0, 1), (np.nan, 1, 0, 1), (2, 1, 0, 1), (1, np.inf, 0, 1), (1, 1, 1, 0)],
)
def test_a_line_that_is_none_is_refused(fields):
    """No slack, a change below it, an endless one, a range that ends before it begins."""
    with pytest.raises(ValueError, match="is no line"):
        lines.Line(*fields)


def shares(series):
    """Return the shares of steps that are held, and that go on by a change."""
    encoder = SeriesEncoder.fit(one(readings()))
    codes = encoder.learned(series).values[:, 0]
    return np.mean(codes == 1), np.mean(codes == 2)


@functools.cache
def model_of_lines(patch):
    """Return a model of interpolated readings, which no test changes."""
    return trained(one(readings(300)), 250, patch)


@pytest.mark.long
@pytest.mark.parametrize("patch", [1, 4])
def test_lines_are_drawn_again(patch):
    """As many steps go on and are held as in real series, none leaves the range."""
    real = one(readings(300))
    model = model_of_lines(patch)
    made = sampling.sample(model, 300, seed=0)
    np.testing.assert_allclose(shares(made), shares(real), atol=0.08)
    assert shares(real)[1] > 0.5
    spread = np.ptp(real.values)
    assert made.values.min() > real.values.min() - 0.05 * spread
    assert made.values.max() < real.values.max() + 0.05 * spread
    changes = [np.abs(np.diff(series.values.reshape(300, -1))).max() for series in (made, real)]
    assert changes[0] <= changes[1] + 1e-4
    log_p = sampling.log_likelihood(model, made)
    assert np.isfinite(log_p).all()


@pytest.mark.slow
def test_lines_between_readings_of_a_grid_stay_on_it():
    """Halves, five steps between two of them: every sample is a twelfth."""
    real = one(of_halves())
    assert len(SeriesEncoder.fit(real).feature_encoders[1].places) > 50
    made = sampling.sample(trained(real, 60), 300, seed=0)
    assert np.isin(made.values, real.values).mean() > 0.99
    twelfths = 12 * made.values.astype(float)
    assert np.abs(twelfths - np.round(twelfths)).max() < 0.01


@pytest.mark.slow
def test_what_is_drawn_is_read_again_as_it_was_drawn(monkeypatch):
    """On a grid, at a bound, and of series that end at different steps."""
    rng = np.random.default_rng(1)
    real = one([column[: rng.integers(4, N_STEPS + 1)] for column in of_halves()])
    model = trained(real, 40)
    drawn = recorded(monkeypatch, SeriesEncoder, "restored_values")
    made = sampling.sample(model, 300, seed=0)
    codes = model.encoder.learned(made).values[:, 0]
    values = np.concatenate([values for _, values in drawn])
    np.testing.assert_array_equal(values[:, 0], codes)
    assert set(codes) == {0, 1, 2}
    assert np.isin(24, made.values)
    assert made.values.max() <= 24


@pytest.mark.slow
def test_a_line_that_is_given_goes_on():
    """Behind two steps of a donor the third is on their line as often as that of real series."""
    real = one(readings(300))
    first = real.values.reshape(300, N_STEPS, 1)[:, :2]
    made = sampling.sample(model_of_lines(1), 300, seed=0, donors=real, prefix=first)
    values = made.values.reshape(300, N_STEPS)
    np.testing.assert_allclose(values[:, :2], first[:, :, 0], rtol=1e-6)
    on_line = []
    for three in (values[:, :3], real.values.reshape(300, N_STEPS)[:, :3]):
        on_line.append(np.mean(np.abs(np.diff(three, 2)) < 1e-4))
    assert on_line[1] > 0.8
    assert abs(on_line[0] - on_line[1]) < 0.1


@pytest.mark.slow
def test_more_steps_are_the_same_steps():
    """k and then m are k + m, on a grid and beside one: what was made is read as it was drawn."""
    for columns in (of_halves(200, n_steps=12), readings(200, n_steps=12)):
        series = one(columns)
        model = trained(series, 20)
        assert not model.encoder.per_series
        known = parts(series, [3] * 200)
        whole = behind(model, known, 7)
        first = behind(model, known, 3)
        second = behind(model, added(known, first), 4)
        np.testing.assert_array_equal(np.concatenate([first, second], axis=1), whole)
