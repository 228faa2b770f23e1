"""Laws of where training begins: frequencies and regressions that a slow count gives, too."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import TINY_SIZES, toy_series

from tst.models.transformer import beginning, sampling, sizes
from tst.models.transformer.beginning import PRIOR_COUNT
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.generative import prepare
from tst.models.transformer.heads import N_HIDDEN
from tst.models.transformer.variables import encode
from tst.series import Feature
from tst.training.config import TrainConfig

N_SERIES, N_STEPS = 40, 30


def persistent(seed=0):
    """Return series of a category that mostly stays, and of a number near the one before.

    The number begins at 5 and falls towards 0.
    """
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(N_SERIES):
        state, x = rng.integers(3), 5.0
        rows = []
        for _ in range(N_STEPS):
            rows.append((state, x))
            state = rng.integers(3) if rng.random() < 0.1 else state
            x = 0.9 * x + 0.1 * rng.normal()
        arrays.append(np.array(rows))
    features = [Feature("state", kind="categorical"), Feature("x")]
    return replace(toy_series(arrays), features=features)


def begun(series, patch=1, **settings):
    """Return an untrained model as training finds it."""
    given = TINY_SIZES | {"n_features": 2, "attributes": False, "patch": patch} | settings
    torch.manual_seed(0)
    return prepare(GenerativeConfig(**given), series, TrainConfig(max_steps=1)).model.eval()


def outputs(model, series, patch=1):
    """Return (head outputs, bases, batch) of all tokens of a set."""
    windows = sampling.whole_series(model.config, model.spec, model.encoder, series)
    batch = windows.collate(windows.longest_first, 1.0)
    encoded = encode(model.head.variables, batch.target.value, batch.target.repeat)
    context = torch.zeros(len(encoded), model.head.n_context)
    recent = model.seen(batch.recent, batch.is_start)
    return *model.head.outputs(context, recent, encoded), batch


@pytest.mark.parametrize("patch", [1, 3])
@torch.no_grad()
def test_a_category_is_as_likely_as_behind_the_one_before(patch):
    """By a count of pairs; within a token of several steps, too."""
    series = persistent()
    model = begun(series, patch)
    out, _, batch = outputs(model, series, patch)
    states = series.values[:, 0].astype(int)
    margin = np.bincount(states, minlength=3) + PRIOR_COUNT * 1.0
    d = 2 * (patch - 1)  # the last step of a token
    # Its pairs: of all tokens, for one step; inside of tokens, for several.
    counts = np.zeros((3, 3))
    for i in range(N_SERIES):
        of_series = states[i * N_STEPS : (i + 1) * N_STEPS]
        for t in range(patch - 1, N_STEPS, patch):
            if t:
                counts[of_series[t - 1], of_series[t]] += 1
            else:
                first = np.bincount(states[::N_STEPS], minlength=3) / N_SERIES
                counts[:, of_series[0]] += first
    if patch > 1:
        of_step = states.reshape(-1, patch)[:, -1]
        margin = np.bincount(of_step, minlength=3) + PRIOR_COUNT
    counts += PRIOR_COUNT * 3 * margin / margin.sum()
    expected = counts / counts.sum(1, keepdims=True)
    given = torch.softmax(out[:, d, 1:4], 1)
    if patch == 1:
        rows = ~batch.is_start
        before = batch.recent[rows, :3].argmax(1)
    else:
        rows = torch.ones(len(out), dtype=torch.bool)
        before = batch.target.value[:, d - 2].long()
    torch.testing.assert_close(
        given[rows], torch.from_numpy(expected)[before].float(), rtol=1e-3, atol=1e-4
    )


@torch.no_grad()
def test_many_common_values_are_drawn_as_often_as_they_are():
    """More than have places of their own in what the model sees; a sample has no other values."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(8, 108)
    share /= share.sum()
    values = 3 * rng.permutation(2000)[:100]
    series = toy_series([values[rng.choice(100, (40, 1), p=share)] for _ in range(400)])
    model = begun(series, n_features=1)
    (atoms,) = model.encoder.atoms
    assert len(atoms.values) == 100
    assert model.spec.step[0].in_digits
    drawn = model.sample(400, 0).values[:, 0]
    shares = [(drawn == value).mean() for value in values]
    np.testing.assert_allclose(shares, share, atol=0.01)
    assert np.isin(drawn, values).mean() > 0.99


@torch.no_grad()
def test_a_number_is_near_where_regression_puts_it():
    """What is left is its noise, at the first step of a series, too; the components span it."""
    series = persistent()
    model = begun(series)
    out, base, batch = outputs(model, series)
    locations = out[:, 1, 6:11] * 0 + model.head.bias[1, 6:11]  # without the random hidden units
    at = base[:, 1] + locations.mean(1)
    left = (batch.target.value[:, 1] - at) * model.encoder.scale[1]
    assert float(left.std()) < 0.15
    assert abs(float(left[batch.is_start].mean())) < 0.6  # 5 is followed by 4.5
    log_scales = model.head.bias[1, 11:16]
    spread = math.exp(float(log_scales[0])) * model.encoder.scale[1]
    assert 0.02 < spread < 0.1


@pytest.mark.parametrize(
    ("n_series", "most", "is_known"),
    [
        (4, 10**6, False),
        (100, 10**6, True),
        (2000, 1000, True),  # of an excerpt
    ],
)
@torch.no_grad()
def test_the_first_step_has_a_spread_of_its_own(n_series, most, is_known, monkeypatch):
    """Where later ones are near the step before; of few series none is known."""
    monkeypatch.setattr(beginning, "MAX_VALUES", most)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_series, N_STEPS, 1))
    for t in range(1, N_STEPS):
        x[:, t] = 0.98 * x[:, t - 1] + 0.2 * x[:, t]  # as wide as the first
    model = begun(toy_series(list(x)), n_features=1)
    later = model.head.bias[0, 11:16]
    first = later + model.head.out[0, 0, 11:16]
    ratio = torch.exp(first - later)
    if not is_known:
        assert (model.head.context.weight[0, : model.head.n_context] != 0).all()  # as it begins
    else:
        torch.testing.assert_close(ratio, torch.full((5,), 5.0), rtol=0.15, atol=0)
        drawn = model.sample(2000, 0)
        assert drawn.values[drawn.step_index == 0].std() == pytest.approx(1.0, abs=0.15)


@torch.no_grad()
def test_pieces_of_long_series_are_no_starts(monkeypatch):
    """However many an excerpt has; the hidden unit is as training finds it elsewhere."""
    monkeypatch.setattr(beginning, "MAX_VALUES", 20_000)
    rng = np.random.default_rng(0)
    long = toy_series(list(rng.normal(size=(3, 2000, 20)).cumsum(1)))
    assert len(long.excerpt(beginning.MAX_VALUES)) > beginning.N_STARTS
    head = begun(long, n_features=20).head
    assert (head.context.weight[::N_HIDDEN] != 0).all()


@pytest.mark.parametrize("patch", [1, 3])
@torch.no_grad()
def test_of_a_wide_set_a_number_is_regressed_on_the_one_before(patch, monkeypatch):
    """By the slope of that one regression; nothing else is read, and no large system solved."""
    monkeypatch.setattr(beginning, "MAX_SEEN", 3)
    series = persistent()
    model = begun(series, patch)
    d = 1 + 2 * (patch - 1)  # the number of a token's last step
    slope = model.head.skip[:, d]
    assert int((slope != 0).sum()) == 1
    _, base, batch = outputs(model, series, patch)
    seen = base[:, d] / slope[slope != 0]
    value = batch.target.value[:, d]
    expected = np.cov(seen, value)[0, 1] / (np.var(seen.numpy(), ddof=1) + beginning.RIDGE)
    assert float(slope[slope != 0]) == pytest.approx(expected, rel=1e-2)


@torch.no_grad()
def test_it_begins_likelier_than_without():
    """Of other series, by far; with the setting off nothing is known."""
    series = persistent(1)
    known, unknown = begun(persistent()), begun(persistent(), informed=False)
    gain = [sampling.log_likelihood(model, series).mean() for model in (known, unknown)]
    assert gain[0] > gain[1] + 1
    assert (unknown.first == 0).all()


@pytest.mark.parametrize(
    ("numbers", "has_point"),
    [
        (lambda rng: rng.normal(size=2000), False),
        (lambda rng: np.maximum(0, rng.normal(size=2000)), True),
        (lambda rng: np.minimum(1.5, rng.normal(size=2000)), True),
        (lambda rng: np.minimum(2.2, rng.normal(size=2000)), False),  # about one in seventy
        (lambda rng: np.where(rng.random(2000) < 0.1, 0.25, rng.normal(size=2000)), True),
        (lambda rng: rng.poisson(5, 2000), False),
        (lambda rng: rng.poisson(1.5, 2000), False),
        (lambda rng: np.where(rng.random(2000) < 0.5, 0, rng.poisson(5, 2000)), True),
        (lambda rng: rng.normal(size=2000).round(1), False),
        (lambda rng: 10 * rng.poisson(5, 2000), False),
        (lambda rng: np.full(2000, 3.0), False),
        (lambda rng: np.zeros(0), False),
    ],
)
def test_a_point_mass_stands_out_among_the_values_beside_it(numbers, has_point):
    """At either bound, or inside; not a count's or a rounded number's frequent values."""
    assert beginning.has_point_mass(numbers(np.random.default_rng(0))) == has_point


@pytest.mark.parametrize("patch", [1, 3])
def test_a_number_with_a_point_mass_begins_without_a_regression(patch):
    """Where the same one of the step before stood, as without counting; the other one does not."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(N_SERIES, N_STEPS, 2))
    rows[:, :, 0] = np.maximum(rows[:, :, 0], 0)
    series = toy_series(list(rows))
    known, unknown = (begun(series, patch, informed=informed).head for informed in (True, False))
    for d in range(2 * patch):
        is_same = torch.equal(known.skip[:, d], unknown.skip[:, d])
        assert is_same == (d % 2 == 0)
        assert torch.equal(known.bias[d], unknown.bias[d]) == is_same


def test_a_constant_and_a_rare_category_are_no_exception():
    """Weights stay finite."""
    values = np.zeros((5, 4, 2))
    values[0, 0, 0] = 2
    features = [Feature("state", kind="categorical"), Feature("x")]
    model = begun(replace(toy_series(list(values)), features=features))
    assert all(torch.isfinite(weight).all() for weight in model.head.parameters())


@torch.no_grad()
def test_what_two_steps_before_tell_is_known_where_they_are_seen():
    """Each number is nearly the one two steps before, and independent of the last one."""
    rng = np.random.default_rng(0)
    arrays = []
    for _ in range(N_SERIES):
        x = rng.normal(size=(N_STEPS, 16))
        for t in range(2, N_STEPS):
            x[t] = 0.95 * x[t - 2] + 0.3 * x[t]
        arrays.append(x)
    series = toy_series(arrays)
    beside = []
    for near in (2, 1):
        model = begun(series, n_features=16, season=False, near=near)
        assert model.spec.near == near
        _, bases, batch = outputs(model, series)
        beside.append(float((batch.target.value - bases).std()))
    assert beside[0] < 0.5 * beside[1]


def test_how_many_steps_are_seen_is_for_the_data_to_say(monkeypatch):
    """Unless the config says it."""
    series = toy_series([np.random.default_rng(0).normal(size=(500, 16))])
    monkeypatch.setattr(sizes, "STEPS_A_NUMBER", 10)
    assert begun(series, n_features=16).spec.near == sizes.NEAR
    assert begun(series, n_features=16, near=2).spec.near == 2
    monkeypatch.setattr(sizes, "STEPS_A_NUMBER", 11)
    assert begun(series, n_features=16).spec.near == 1


def test_all_that_is_seen_of_many_measurements_is_read_by_the_regressions():
    """Each is two of the numbers that they read, of the steps before and of its own."""
    most = sizes.TOO_MANY - 1
    assert 2 * most * (sizes.NEAR + 1) <= beginning.MAX_SEEN
