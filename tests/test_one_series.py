"""Laws of one series without an id, end to end: its copy is one series, hardly trained or not."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from tst import Synthesiser, synthesiser
from tst.table.roles import Roles
from tst.table.table import Table
from tst.table.validity import Laid, validity

STATES = {
    "idle": (("idle", 0.8), ("start", 0.2)),
    "start": (("run", 1.0),),
    "run": (("run", 0.85), ("stop", 0.15)),
    "stop": (("idle", 1.0),),
}


def plant(n_days=45, first=12000.0):
    """Return the hours of a plant: a meter, the state of a machine, a temperature."""
    rng = np.random.default_rng(1)
    times = pd.date_range("2024-01-01", periods=24 * n_days, freq="h")
    use = np.clip(0.4 + 0.3 * np.sin(times.hour / 4) + rng.normal(0, 0.1, len(times)), 0.01, None)
    states = ["idle"]
    while len(states) < len(times):
        following, shares = zip(*STATES[states[-1]], strict=True)
        states.append(str(rng.choice(following, p=shares)))
    frame = pd.DataFrame({"time": times, "kwh": (first + np.cumsum(use)).round(3)})
    frame["state"] = states
    frame["temp"] = (20 + rng.normal(0, 1, len(times))).round(1)
    return frame


def moves_of(states):
    """Return all pairs of a state and the next."""
    return set(zip(states, states[1:], strict=False))


def small(**settings):
    """Return a model of two steps of training."""
    return Synthesiser(max_steps=2, d_model=16, n_layer=1, **settings)


@pytest.fixture(scope="module")
def fitted():
    """A model hardly trained, and its table."""
    frame = plant()
    return small().fit(frame), frame


@pytest.mark.slow
def test_a_counter_never_falls_and_goes_on_where_it_begins(fitted):
    """From day to day, too; a day adds about as much as a real one."""
    model, frame = fitted
    made = model.sample(30, seed=1)
    assert (made["kwh"].diff().dropna() >= 0).all()
    assert made["kwh"].iloc[0] == pytest.approx(frame["kwh"].iloc[0], abs=5)
    pd.testing.assert_series_equal(made["kwh"], made["kwh"].round(3))
    assert made["kwh"].diff().max() < 5 * frame["kwh"].diff().max()


def broken(table, real, copy):
    """Return {rule: rows of a copy that break it}."""
    laid = Laid.of(table, real, Roles(), is_real=True)
    rules = validity(table, laid, Laid.of(table, copy, Roles()))
    return rules.set_index("rule")["broken"].to_dict()


@pytest.mark.slow
def test_states_take_no_other_steps(fitted):
    """From one day to the next, too."""
    model, frame = fitted
    made = model.sample(30, seed=1)
    assert moves_of(made["state"]) == moves_of(frame["state"])
    assert (made["time"].diff().dropna() == pd.Timedelta("1h")).all()
    assert made["time"].iloc[0] == frame["time"].iloc[0]


@pytest.mark.slow
def test_every_door_gives_the_same_rows(fitted, tmp_path, monkeypatch):
    """At once, as a file, on a terminal, in parts; parts that are there already stay."""
    model, _ = fitted
    expected = model.sample(7, seed=3)
    pd.testing.assert_frame_equal(model.sample(7, seed=3), expected)
    assert not model.sample(7, seed=4)["temp"].equals(expected["temp"])
    monkeypatch.setattr(synthesiser, "PART_BYTES", 1)  # a stretch a part
    assert model.sample_file(7, tmp_path / "copy.parquet", seed=3) == len(expected)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "copy.parquet"), expected)
    stream = io.StringIO()
    model.sample_stream(7, stream, seed=3)
    assert stream.getvalue() == expected.to_csv(index=False)
    paths = model.sample_parts(7, tmp_path / "parts", seed=3)
    assert len(paths) == 7
    made = pd.concat(map(pd.read_parquet, paths), ignore_index=True)
    pd.testing.assert_frame_equal(made, expected)
    paths[2].unlink()
    paths[5].unlink()
    model.sample_parts(7, tmp_path / "parts", seed=3)
    again = pd.concat(map(pd.read_parquet, paths), ignore_index=True)
    pd.testing.assert_frame_equal(again, expected)
    loaded = Synthesiser.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.sample(7, seed=3), expected)


@pytest.mark.slow
@pytest.mark.parametrize("n_given", [1, 3, 24, 26, 100])
def test_it_goes_on_from_real_rows(fitted, n_given):
    """The meter from where it stands, states as they follow each other, hour by hour."""
    model, frame = fitted
    known = frame.iloc[5 : 5 + n_given]
    made = model.sample(continue_from=known, n_steps=60, seed=2)
    whole = pd.concat([known, made], ignore_index=True)
    assert (whole["time"].diff().dropna() == pd.Timedelta("1h")).all()
    assert whole["kwh"].diff().dropna().between(0, 5 * frame["kwh"].diff().max()).all()
    assert moves_of(whole["state"]) <= moves_of(frame["state"])
    pd.testing.assert_frame_equal(model.sample(continue_from=known, n_steps=60, seed=2), made)


def test_what_is_learned_of_one_series_is_written_as_it_was():
    """Row by row, also where a counter is far from 0."""
    frame = plant()
    table, series = Table.fit(frame)
    pd.testing.assert_frame_equal(table.to_frame(series), frame)


def test_steps_over_what_was_left_out_are_no_steps():
    """Two days are empty: the counter's step behind them is an hour's as any other."""
    frame = plant()
    day = frame["time"].dt.day
    table, series = Table.fit(frame[~day.isin([20, 21])].reset_index(drop=True))
    steps = series.values[:, series.feature_names.index("kwh")]
    assert len(series) == 43
    assert steps.max() < 1.2
    again = table.to_frame(series)["kwh"]
    assert (again.diff().dropna() >= 0).all()


@pytest.mark.slow
def test_a_copy_that_begins_anew_each_day_is_told():
    """Days in another order, in the original's times: what breaks at their joins is counted."""
    frame = plant()
    table, _ = Table.fit(frame)
    days = np.random.default_rng(0).permutation(len(frame) // 24)
    rows = (24 * days[:, None] + np.arange(24)).ravel()
    mixed = frame.iloc[rows].assign(time=frame["time"].to_numpy()).reset_index(drop=True)
    n_falls = int((mixed["kwh"].diff() < 0).sum())
    n_states = 0
    for pair in zip(mixed["state"], mixed["state"][1:], strict=False):
        n_states += pair not in moves_of(frame["state"])
    assert n_falls > 5
    assert n_states > 5
    counts = broken(table, frame, mixed)
    assert counts["kwh never falls"] == n_falls
    assert counts["state takes only transitions that occur"] == n_states
    assert set(broken(table, frame, frame).values()) == {0}


def uneven():
    """Return rows at uneven times."""
    rng = np.random.default_rng(0)
    minutes = np.cumsum(rng.integers(1, 60, 800))
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, "min")
    return pd.DataFrame({"at": times, "x": rng.normal(size=800).round(2), "n": range(0, 2400, 3)})


def with_holes():
    """Return hours of which some are not there, and some without a value."""
    frame = plant(60).drop(columns="state")
    rng = np.random.default_rng(0)
    frame["temp"] = frame["temp"].mask(rng.random(len(frame)) < 0.1)
    return frame[rng.random(len(frame)) < 0.97].reset_index(drop=True)


def long_ones():
    """Return hours that are learned by four weeks, two steps a token."""
    return plant(28 * 41).drop(columns="state")


def by_month():
    """Return months, in the order of rows, without a time."""
    return pd.DataFrame({"rate": (np.arange(360) % 12 + 0.5).round(2), "total": np.arange(360.0)})


@pytest.mark.long
@pytest.mark.parametrize("make", [uneven, with_holes, long_ones, by_month])
def test_whatever_its_steps_are(make):
    """The copy has as many rows as were asked for, and breaks nothing that holds in the table."""
    frame = make()
    model = small().fit(frame)
    n_steps = model.table.stretches.n_steps
    made = model.sample(2, seed=1)
    assert len(made) == 2 * n_steps
    assert set(broken(model.table, frame, made).values()) == {0}
    more = model.sample(continue_from=frame.tail(n_steps + 3), n_steps=n_steps)
    assert len(more) == n_steps


RHO = 0.98
N_STRETCHES = 60


@pytest.fixture(scope="module")
def slow():
    """A model of a level that moves slowly, learned for a short while."""
    rng = np.random.default_rng(3)
    level = np.zeros(3000)
    for i in range(1, len(level)):
        level[i] = RHO * level[i - 1] + np.sqrt(1 - RHO**2) * rng.normal()
    frame = pd.DataFrame({"t": np.arange(len(level)), "level": level.round(3)})
    model = Synthesiser(max_steps=150, d_model=16, n_layer=1).fit(frame)
    return model, model.table.stretches.n_steps


def joins_and_others(values, n_steps):
    """Return the steps from one stretch to the next, and those within."""
    steps = np.diff(values)
    is_join = np.arange(1, len(values)) % n_steps == 0
    return steps[is_join], steps[~is_join]


def autocorrelation(values, lag):
    """Return the autocorrelation at a lag."""
    x = values - values.mean()
    return float(x[lag:] @ x[:-lag] / (x @ x))


@pytest.mark.long
def test_no_step_tells_where_a_stretch_ends(slow):
    """Steps at joins are as those within, and a level lasts: not so of stretches laid end to end.

    These, windows drawn each for itself, are the known-bad copy.
    """
    model, n_steps = slow
    made = model.sample(N_STRETCHES, seed=1)["level"].to_numpy()
    apart = model.model.sample(N_STRETCHES, 1).values.reshape(N_STRETCHES, -1)[:, :n_steps]
    apart = apart.ravel().astype(np.float64)
    assert len(made) == len(apart) == N_STRETCHES * n_steps
    assert ks_2samp(*joins_and_others(made, n_steps)).pvalue > 0.01
    assert ks_2samp(*joins_and_others(apart, n_steps)).pvalue < 1e-6
    expected = RHO**n_steps
    assert abs(autocorrelation(made, n_steps) - expected) < 0.25
    assert abs(autocorrelation(apart, n_steps) - expected) > 0.25


@pytest.mark.slow
def test_rows_behind_real_ones_go_on_from_their_level(slow):
    """Wherever in a stretch these end; from a high and a low one."""
    model, n_steps = slow
    for n_given in (n_steps - 1, n_steps, n_steps + 1, 2 * n_steps + 9):
        for level in (-2.0, 2.0):
            known = pd.DataFrame({"t": np.arange(n_given), "level": np.full(n_given, level)})
            known["level"] += np.random.default_rng(0).normal(0, 0.2, n_given).round(3)
            made = model.sample(continue_from=known, n_steps=3)
            assert (made["level"] - known["level"].iloc[-1]).abs().max() < 1.2
