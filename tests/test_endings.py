"""Laws of endings: they come back as often as they are, and are found where there are some only."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import toy_series

from tst import Synthesiser
from tst.endings import Endings
from tst.models.transformer import sampling
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.feature_encoding import FeatureEncoder
from tst.table.columns import ColumnCodec

RNG = np.random.default_rng(0)
SIZE = 3000
PRICES = Endings(decimals=2, period=100, residues=(49, 95, 99), shares=(0.2, 0.1, 0.7))
MINUTES = Endings(decimals=0, period=10, residues=(0, 2, 5, 8), shares=(0.5, 0.1, 0.3, 0.1))
EVERY = Endings(decimals=1, period=10, residues=tuple(range(10)), shares=(0.1,) * 10)
ALL = pytest.mark.parametrize("endings", [PRICES, MINUTES, EVERY], ids=["prices", "minutes", "all"])


def numbers(endings, n=500):
    """Return numbers, also below 0, that end so, each ending as often as its share."""
    rng = np.random.default_rng(1)
    residue = rng.choice(endings.residues, n, p=endings.shares)
    whole = rng.integers(-30, 200, n) * endings.period
    return (whole + residue) / 10**endings.decimals


def found(x, n_units=30):
    x = np.float64(np.float32(x))
    return Endings.find(x, np.arange(len(x)) % n_units)


@ALL
def test_a_number_is_what_lies_in_its_cell(endings):
    """At its middle, just within its bounds, and in float32; just beyond it is another one."""
    x = numbers(endings)
    lower, upper = endings.cell(x)
    assert (lower < upper).all()
    slack = 1e-9 * np.maximum(1, np.abs(x))
    for u in (endings.spread(x), lower + slack, upper - slack):
        np.testing.assert_allclose(endings.gathered(u), x, atol=1e-9)
    for u in (lower - slack, upper + slack):
        assert (np.abs(endings.gathered(u) - x) > 1e-3).all()
    single = np.float32(endings.spread(np.float32(x)))
    np.testing.assert_array_equal(np.float32(endings.gathered(single)), np.float32(x))


@ALL
def test_cells_follow_each_other_as_numbers_do(endings):
    """Without a gap, a period's as wide as a period, about where the numbers are."""
    step = 10.0**-endings.decimals
    steps = [k * endings.period + r for k in range(-2, 3) for r in endings.residues]
    x = np.array(steps) * step
    lower, upper = endings.cell(x)
    np.testing.assert_allclose(lower[1:], upper[:-1], atol=1e-9)
    widths = np.tile(endings.shares, 5) * endings.period * step
    np.testing.assert_allclose(upper - lower, widths, atol=1e-9)
    off = np.tile(endings.shares, 5) @ (endings.spread(x) - x)
    assert abs(off) < 1e-9


@ALL
def test_smooth_numbers_get_each_ending_as_often_as_it_is(endings):
    """Whatever a sample is, it ends as the numbers do; what is none stays none."""
    u = np.random.default_rng(2).normal(50, 40, 20_000) * endings.period / 10**endings.decimals
    made = endings.gathered(u)
    residue = np.rint(made * 10**endings.decimals).astype(int) % endings.period
    shares = [(residue == r).mean() for r in endings.residues]
    np.testing.assert_allclose(shares, endings.shares, atol=0.02)
    odd = endings.gathered(np.array([np.nan, np.inf]))
    np.testing.assert_array_equal(odd, [np.nan, np.inf])


@ALL
def test_another_number_counts_as_the_nearest_that_ends_so(endings):
    """As a literal search says."""
    steps = np.random.default_rng(3).integers(-500, 2000, 300)
    places = [k * endings.period + r for k in range(-60, 250) for r in endings.residues]
    places = np.array(places, dtype=float)
    lower, upper = endings.cell(steps / 10**endings.decimals)
    made = endings.gathered((lower + upper) / 2)
    for step, number in zip(steps, made, strict=True):
        distance = abs(number * 10**endings.decimals - step)
        assert distance == pytest.approx(np.abs(places - step).min(), abs=1e-6)


def endless(name):
    """Return numbers that end in nothing special: smooth, counts, peaks, grids, many decimals."""
    rng = np.random.default_rng(4)
    return {
        "cents": rng.gamma(3, 20, SIZE).round(2),
        "tenths": rng.normal(20, 4, SIZE).round(1),
        "small counts": rng.poisson(3, SIZE),
        "counts": rng.poisson(140, SIZE),
        "skewed counts": np.floor(rng.lognormal(5, 2, SIZE)),
        "peaks": rng.choice([60, 342, 1500, 77, 118, 590], SIZE) + rng.integers(0, 3, SIZE),
        "products": np.round(rng.integers(1, 40, SIZE) * 0.0305, 3),
        "noise": rng.normal(size=SIZE),
        "few": rng.choice([4.99, 9.99], SIZE),
        "thirds": rng.integers(0, 90, SIZE) / 3,
        "large": 1e9 + 10 * rng.integers(0, 1000, SIZE),
    }[name]


@pytest.mark.parametrize(
    "name",
    ["cents", "tenths", "small counts", "counts", "skewed counts", "peaks", "products", "noise"]
    + ["few", "thirds", "large"],
)
def test_of_numbers_that_end_evenly_none_are_found(name):
    """Nor where common values make some digits common, in one part of the range only."""
    assert found(endless(name)) is None


@pytest.mark.parametrize(
    ("x", "decimals", "period", "residues"),
    [
        (
            RNG.integers(1, 80, SIZE) - RNG.choice([0.01, 0.05], SIZE, p=[0.9, 0.1]),
            2,
            100,
            (95, 99),
        ),
        (RNG.integers(1, 80, SIZE) * 10 - 1, 0, 10, (9,)),
        (RNG.integers(-50, 50, SIZE) + 0.5 * RNG.integers(0, 2, SIZE), 1, 10, (0, 5)),
    ],
    ids=["prices", "whole prices", "halves"],
)
def test_endings_are_found(x, decimals, period, residues):
    """Their digits, and how frequent each is."""
    endings = found(x)
    assert (endings.decimals, endings.period, endings.residues) == (decimals, period, residues)
    steps = np.rint(x * 10**decimals).astype(int)
    shares = [(steps % period == r).mean() for r in residues]
    np.testing.assert_allclose(endings.shares, shares, atol=1e-12)


def test_round_numbers_that_people_prefer_are_found():
    """Of minutes as they are told 60 % end in 0 or 5; all digits occur, as often as they do."""
    rng = np.random.default_rng(5)
    x = rng.integers(10, 400, SIZE)
    x = np.where(rng.random(SIZE) < 0.55, 5 * (x // 5), x)
    endings = found(x)
    assert endings.residues == tuple(range(10))
    assert endings.shares[0] + endings.shares[5] == pytest.approx(0.64, abs=0.03)


@pytest.mark.parametrize("largest", [300, 90_000])
def test_large_prices_end_so_too(largest):
    """Up to where float32 tells the cents apart; a few may be larger."""
    rng = np.random.default_rng(8)
    x = rng.integers(1, largest, SIZE) - 0.01
    assert found(x).residues == (99,)
    x[: SIZE // 50] = 1e6
    assert found(x).residues[-1] == 99


def test_an_ending_of_one_unit_is_not_told():
    """What fewer than three of them have may tell of one."""
    rng = np.random.default_rng(6)
    x = rng.integers(1, 80, SIZE) - 0.01
    units = np.arange(SIZE) % 30
    x[units == 7] -= 0.30
    assert Endings.find(np.float64(np.float32(x)), units).residues == (99,)


@pytest.mark.parametrize(
    "change",
    [
        {"residues": (49, 49, 99)},
        {"residues": (49, 99)},
        {"residues": (49, 95, 100)},
        {"residues": (), "shares": ()},
        {"shares": (0.5, 0.5, 0.5)},
        {"shares": (0.0, 0.3, 0.7)},
        {"period": 0},
        {"decimals": -3},
    ],
)
def test_endings_that_do_not_fit_each_other_are_refused(change):
    """A file that was changed does not load."""
    facts = asdict(PRICES)
    assert Endings(**facts) == PRICES
    with pytest.raises(ValueError, match="do not fit"):
        Endings(**facts | change)


def shop(n_series=60, n_steps=40, seed=0):
    """Return prices of products that go up and down by whole units and end in .99, or .95."""
    rng = np.random.default_rng(seed)
    level = rng.choice([5, 20, 60, 150], n_series)[:, None]
    moves = rng.integers(-1, 2, (n_series, n_steps)) * (rng.random((n_series, n_steps)) < 0.3)
    price = np.maximum(level + moves.cumsum(1), 1)
    return np.where(rng.random(price.shape) < 0.1, price - 0.05, price - 0.01).round(2)


def test_an_encoder_keeps_them():
    """What carries mass is what comes back as the value, through JSON too."""
    series = toy_series(list(shop()[:, :, None]))
    encoder = SeriesEncoder.fit(series)
    again = SeriesEncoder.from_dict(json.loads(json.dumps(asdict(encoder))))
    assert again == encoder
    feature = again.feature_encoders[0]
    assert feature.endings.residues == (95, 99)
    x = np.unique(series.values).astype(np.float64)
    lower, upper = feature.mass_interval(x)
    for y in (feature.forward(x), lower + 1e-6, upper - 1e-6):
        np.testing.assert_allclose(feature.inverse(torch.from_numpy(y)), x, atol=1e-5)
    tensor = feature.forward_tensor(torch.from_numpy(x))
    np.testing.assert_allclose(tensor, feature.forward(x))


def test_no_sample_is_below_zero_where_no_value_is():
    """Of prices the lowest are positive, and end as the others do."""
    x = np.float64(np.float32(shop().ravel()))
    feature = FeatureEncoder.fit(x, np.zeros(len(x), bool), False, units=np.arange(len(x)) % 9)
    low = feature.inverse(torch.linspace(-50, 2, 500, dtype=torch.float64))
    assert low.min() > 0
    assert set((low * 100).round().long().remainder(100).tolist()) == {95, 99}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_prices_of_a_copy_end_as_the_real_ones(seed):
    """In .99, now and then in .95, in nothing else."""
    price = shop(seed=seed)
    n_series, n_steps = price.shape
    index = {"product": np.repeat(np.arange(n_series), n_steps)}
    index["week"] = np.tile(np.arange(n_steps), n_series)
    frame = pd.DataFrame(index | {"price": price.ravel()})
    roles = {"id": "product", "time": "week"}
    model = Synthesiser(max_steps=150, seed=seed, roles=roles).fit(frame)
    cents = (model.sample(60)["price"] * 100).round().astype(int) % 100
    assert set(cents) == {95, 99}
    assert (cents == 95).mean() == pytest.approx(0.1, abs=0.05)
    assert sampling.encoder_of(model.model).feature_encoders[0].endings is not None


@pytest.mark.parametrize("n", [60, 300])
def test_attributes_end_so_too(n):
    """A price that a product has throughout; its range stays the one that was drawn."""
    price = pd.Series(np.random.default_rng(7).integers(3, 90, n) - 0.01, name="price")
    codec = ColumnCodec.fit_attribute(price)
    assert codec.endings == Endings(decimals=2, period=100, residues=(99,), shares=(1.0,))
    assert ColumnCodec.from_dict(json.loads(json.dumps(asdict(codec)))) == codec
    labels = codec.to_labels(price)
    made = codec.from_labels(pd.Series(labels), np.random.default_rng(0))
    assert set((made * 100).round().astype(int) % 100) == {99}
    assert list(codec.to_labels(made)) == list(labels)
    assert made.between(price.min(), price.max()).all()
    plain = ColumnCodec.fit_attribute(price + np.arange(n) % 100 / 100)
    assert plain.endings is None
