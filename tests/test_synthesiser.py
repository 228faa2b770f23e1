"""Laws of the public API: same seed, same table; what is given is met, what is saved is loaded."""

import json
import os
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import mixed_series, recorded, user_table

from tst import Synthesiser
from tst.cycles import Cycles
from tst.io import paths
from tst.models.transformer import attribute_fit
from tst.series import DataError

TINY = {"max_steps": 30, "d_model": 16, "n_layer": 1}


@pytest.fixture(scope="module")
def fitted():
    """A model of a few steps, whose status is seldom FAIL."""
    frame = user_table(60)
    rare = frame["host"].isin(frame["host"].unique()[:4])
    frame["site"] = np.where(frame["host"].str[-1].astype(int) % 2, "north", "south")
    return Synthesiser(**TINY).fit(frame.assign(status=np.where(rare, "FAIL", "OK"))), frame


@pytest.mark.slow
def test_a_sample_looks_like_the_table(fitted):
    """Columns, order, dtypes; the series asked for, with regular times; gaps as in the table."""
    model, frame = fitted
    made = model.sample(50)
    assert list(made)[:-1] == list(frame)[:-1]
    assert (made.dtypes == frame.dtypes).all()
    assert made["host"].nunique() == 50
    assert not made["host"].isin(frame["host"]).any()
    steps = pd.to_datetime(made["when"]).groupby(made["host"]).diff().dropna()
    assert (steps == pd.Timedelta("15min")).all()
    assert 0.02 < made["memory"].isna().mean() < 0.6
    assert made["counter"].between(5e9 - 10, 5e9 + 110).all()
    assert made.groupby("host")["status"].nunique().max() == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_table(fitted):
    """Another seed another one; a second training of the same seed the same."""
    model, frame = fitted
    pd.testing.assert_frame_equal(model.sample(9), model.sample(9, seed=0))
    assert not model.sample(9).equals(model.sample(9, seed=1))
    one, other = (
        Synthesiser(**TINY, seed=3).fit(f).sample(9)
        for f in (frame, frame.sample(frac=1, random_state=0))
    )
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.slow
def test_what_is_saved_is_loaded(fitted, tmp_path):
    """Two files, no pickle; the loaded model makes the same table, also of given attributes."""
    model, _ = fitted
    model.save(tmp_path / "m")
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["model.json", "model.safetensors"]
    loaded = Synthesiser.load(tmp_path / "m")
    pd.testing.assert_frame_equal(loaded.sample(9), model.sample(9))
    pd.testing.assert_frame_equal(
        loaded.sample(5, given={"status": "OK"}), model.sample(5, given={"status": "OK"})
    )


def test_given_attributes_are_met(fitted):
    """First or last in the chain, a class or a number, several at once."""
    model, frame = fitted
    number = float(frame["size"].iloc[0])
    for given in (
        {"status": "OK"},
        {"site": "north"},
        {"size": number},
        {"site": "south", "status": "OK"},
    ):
        made = model.sample(12, given=given)
        assert made["host"].nunique() == 12 and all((made[k] == v).all() for k, v in given.items())


def test_given_attributes_leave_the_others_their_conditional_shares(fitted):
    """What is drawn beside a given late attribute has the shares of a free sample's matches."""
    model, _ = fitted
    timeline = model._timeline(20_000, 1)
    drawn = model._attributes(20_000, torch.Generator().manual_seed(1), {}, timeline)
    wanted = (drawn.loc[drawn["site"] == "north", "status"] == "FAIL").mean()
    given, _ = model._matching(3000, 5, {"site": "north"})
    assert abs((given["status"] == "FAIL").mean() - wanted) < 0.03


def test_rare_attributes_are_set_with_a_warning(fitted, monkeypatch):
    """Where drawing finds too few, a sentence says what is done instead."""
    monkeypatch.setattr(Synthesiser, "_attributes", seldom(Synthesiser._attributes))
    with pytest.warns(UserWarning, match="these attributes are set instead"):
        made = fitted[0].sample(4, given={"site": "north"})
    assert (made["site"] == "north").all()


def seldom(draw):
    """Return a draw of attributes that never meets a site but where it is given."""

    def _draw(self, n, generator, given, timeline):
        found = draw(self, n, generator, given, timeline)
        return found if given else found.assign(site="nowhere")

    return _draw


def test_mistakes_are_sentences(fitted, tmp_path):
    """Unknown attributes and values, nothing learned, no model."""
    model, _ = fitted
    for given, words in (
        (
            {"colour": "red"},
            "'colour' is not an attribute that can be given; these can: status, size, site",
        ),
        ({"cpu": 0.5}, "'cpu' is not an attribute"),
        ({"status": "PASS"}, "attribute 'status' is 'PASS'; the table has FAIL, OK"),
        ({"size": 7.0}, "attribute 'size' is '7.0'; the table has numbers from 0"),
    ):
        with pytest.raises(DataError, match=words):
            model.sample(3, given=given)
    with pytest.raises(DataError, match="at least 1"):
        model.sample(0)
    with pytest.raises(DataError, match="call fit first"):
        Synthesiser().sample(3)
    with pytest.raises(DataError, match="no model in"):
        Synthesiser.load(tmp_path)


@pytest.mark.slow
def test_a_stopped_training_goes_on(tmp_path):
    """The steps that minutes buy are measured once, and a finished model is loaded."""
    frame = user_table()
    first = Synthesiser(minutes=0.01, d_model=8, n_layer=1, folder=tmp_path).fit(frame)
    again = Synthesiser(minutes=0.01, d_model=8, n_layer=1, folder=tmp_path).fit(frame)
    pd.testing.assert_frame_equal(first.sample(5), again.sample(5))
    assert len(first.history) == len(again.history) >= 1


def test_long_series_are_patched():
    """At most 512 tokens where a step is small; longer ones get a sliding window."""

    model = Synthesiser()
    assert model.config(mixed_series(lengths=(13, 8, 5))).patch == 1
    long = model.config(mixed_series(lengths=(2000, 8)))
    assert long.patch == 4 and long.context_length == 2000 and long.attention == "full"
    config = model.config(mixed_series(lengths=(90_000, 8)))
    assert (config.attention, config.window) == ("sliding", 512)


@pytest.mark.slow
def test_import_is_light():
    """`import tst` loads neither torch nor pandas; an unknown name is an AttributeError."""
    code = (
        "import sys, tst; assert not {'torch', 'pandas'} & set(sys.modules); "
        "tst.Synthesiser; hasattr(tst, 'x')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=paths.ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_sample_in_parts_is_one_table(fitted, tmp_path, monkeypatch):
    """As many series as asked for, ids and names told apart across parts, dtypes of the table."""
    model, frame = fitted
    monkeypatch.setattr("tst.synthesiser.PART_BYTES", 2**14)
    paths = model.sample_parts(50, tmp_path / "made", seed=3)
    assert len(paths) > 3
    made = pd.concat([pd.read_parquet(path) for path in paths])
    assert made["host"].nunique() == made["owner"].nunique() == 50
    assert made["host"].str.len().nunique() == 1
    assert (made.dtypes == frame[list(made)].dtypes).all()
    first, second = (pd.read_parquet(path).drop(columns=["host", "owner"]) for path in paths[:2])
    assert not first.equals(second)
    given = model.sample_parts(20, tmp_path / "given", given={"site": "north"})
    assert all((pd.read_parquet(path)["site"] == "north").all() for path in given)


def test_a_sample_in_parts_that_was_stopped_goes_on(fitted, tmp_path, monkeypatch):
    """Complete parts stay, missing ones are made alike; another seed or number begins afresh."""
    model, _ = fitted
    monkeypatch.setattr("tst.synthesiser.PART_BYTES", 2**14)
    paths = model.sample_parts(50, tmp_path, seed=3)
    content = [path.read_bytes() for path in paths]
    times = [path.stat().st_mtime_ns for path in paths]
    for path in paths[2:]:
        path.unlink()
    assert model.sample_parts(50, tmp_path, seed=3) == paths
    assert [path.read_bytes() for path in paths] == content
    assert [path.stat().st_mtime_ns for path in paths[:2]] == times[:2]
    model.sample_parts(50, tmp_path, seed=4)
    assert all(path.read_bytes() != old for path, old in zip(paths, content, strict=True))
    fewer = model.sample_parts(9, tmp_path, seed=4)
    assert sorted(tmp_path.glob("*.parquet")) == fewer
    with pytest.raises(DataError, match="at least 1"):
        model.sample_parts(0, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_sample_in_one_file_is_its_parts(fitted, tmp_path, monkeypatch, suffix):
    """One after another; of a single part, what sample returns."""
    model, _ = fitted
    path = tmp_path / f"made{suffix}"
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    assert model.sample_file(9, path, seed=3) == len(model.sample(9, 3))
    pd.testing.assert_frame_equal(read(path), model.sample(9, 3), check_dtype=suffix != ".csv")
    monkeypatch.setattr("tst.synthesiser.PART_BYTES", 2**14)
    given = {"site": ["north", "south"] * 25}
    model.sample_file(50, path, seed=3, given=given)
    parts = model.sample_parts(50, tmp_path / "parts", seed=3, given=given)
    assert len(parts) > 3
    whole = pd.concat(map(pd.read_parquet, parts), ignore_index=True)
    pd.testing.assert_frame_equal(read(path), whole, check_dtype=suffix != ".csv")
    assert whole.groupby("host", sort=False)["site"].first().tolist() == given["site"]


@pytest.mark.slow
def test_a_sample_in_one_file_takes_the_memory_of_a_part(fitted, tmp_path, monkeypatch):
    """Four times the parts take about as much; the same series at once take more."""
    model, _ = fitted
    monkeypatch.setattr("tst.models.transformer.sampling.series_within", lambda *_: 100)
    peaks = []
    for n_series in (100, 400, 1600):
        tracemalloc.start()
        model.sample_file(n_series, tmp_path / "x.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.5 * peaks[1]
    monkeypatch.setattr("tst.models.transformer.sampling.series_within", lambda *_: 1600)
    tracemalloc.start()
    model.sample_file(1600, tmp_path / "x.csv")
    assert tracemalloc.get_traced_memory()[1] > 3 * peaks[2]
    tracemalloc.stop()


KILLED = """
import os, signal, sys
from tst import Synthesiser
from tst.models.transformer import sampling
sampling.series_within = lambda *_: 5
sample_table = Synthesiser._sample_table
def _killed(self, n, seed, given, first=0, n_all=None):
    if first >= 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return sample_table(self, n, seed, given, first, n_all)
Synthesiser._sample_table = _killed
Synthesiser.load(sys.argv[1]).sample_file(30, sys.argv[2])
"""


@pytest.mark.slow
def test_a_sample_that_is_killed_leaves_nothing_half_written(fitted, tmp_path):
    """What stood there before stands there still; the next sample clears up."""
    model, _ = fitted
    model.save(tmp_path / "model")
    path = tmp_path / "made.csv"
    path.write_text("of yesterday")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "model"), str(path)]
    done = subprocess.run(command, capture_output=True, cwd=paths.ROOT)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "of yesterday"
    model.sample_file(3, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made.csv", "model"]
    assert pd.read_csv(path)["host"].nunique() == 3


def test_parts_of_another_size_are_no_parts_of_the_table(fitted, tmp_path, monkeypatch):
    """As many, but with other series in each: begun afresh, not mixed."""
    model, _ = fitted
    monkeypatch.setattr("tst.models.transformer.sampling.series_within", lambda *_: 6)
    first, second = model.sample_parts(10, tmp_path)
    second.unlink()
    monkeypatch.setattr("tst.models.transformer.sampling.series_within", lambda *_: 8)
    paths = model.sample_parts(10, tmp_path)
    assert paths == [first, second]
    assert [pd.read_parquet(path)["host"].nunique() for path in paths] == [8, 2]
    monkeypatch.setattr("tst.synthesiser.__version__", "another")
    first.write_text("of an older program")
    assert pd.read_parquet(model.sample_parts(10, tmp_path)[0])["host"].nunique() == 8


def test_two_samples_in_one_folder_do_not_mix(fitted, tmp_path, monkeypatch):
    """The second is refused while the first writes."""
    model, _ = fitted
    sample_table = model._sample_table
    refused = []

    def _while_writing(*arguments):
        monkeypatch.setattr(model, "_sample_table", sample_table)
        with pytest.raises(DataError, match="another program is writing") as caught:
            model.sample_parts(5, tmp_path, seed=9)
        refused.append(caught.value)
        return sample_table(*arguments)

    monkeypatch.setattr(model, "_sample_table", _while_writing, raising=False)
    (path,) = model.sample_parts(5, tmp_path, seed=8)
    assert len(refused) == 1
    expected = model.sample_parts(5, tmp_path / "alone", seed=8)[0]
    assert path.read_bytes() == expected.read_bytes()


def test_a_training_without_a_folder_leaves_nothing(tmp_path, monkeypatch):
    """It takes place where large files may be, not in memory."""
    monkeypatch.setattr(paths, "scratch_dir", lambda: tmp_path)
    folders = []

    def _broken_off(self, series, folder):
        folders.append(folder)
        (folder / "series").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(Synthesiser, "_train", _broken_off)
    with pytest.raises(KeyboardInterrupt):
        Synthesiser(**TINY).fit(user_table())
    assert folders[0].parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_the_steps_are_written_whole(tmp_path, monkeypatch):
    """A second count never leaves half of the first: the old file is replaced, not changed."""
    monkeypatch.setattr("tst.synthesiser._seconds_a_step", lambda training: 0.125)
    monkeypatch.setattr("tst.synthesiser._seconds_of", lambda action: 0.0)
    series = mixed_series()
    for minutes, n_steps in ((0.01, 4), (0.02, 9)):
        model = Synthesiser(minutes=minutes, d_model=8, n_layer=1)
        assert model._affordable_steps(series, model.config(series), tmp_path) == n_steps
        if not (tmp_path / "first.json").exists():
            os.link(tmp_path / "steps.json", tmp_path / "first.json")
    assert json.loads((tmp_path / "first.json").read_text())["steps"] == 4
    assert json.loads((tmp_path / "steps.json").read_text())["steps"] == 9


@pytest.mark.parametrize(("spent", "n_steps"), [(0.0, 48), (2.0, 32), (9.0, 24)])
def test_the_minutes_hold_what_the_attributes_take(tmp_path, monkeypatch, spent, n_steps):
    """Of six seconds, at an eighth a step; the steps have half of them at least."""
    monkeypatch.setattr("tst.synthesiser._seconds_a_step", lambda training: 0.125)
    monkeypatch.setattr("tst.synthesiser._seconds_of", lambda action: spent)
    series = mixed_series()
    model = Synthesiser(minutes=0.1, d_model=8, n_layer=1)
    assert model._affordable_steps(series, model.config(series), tmp_path) == n_steps


@pytest.mark.slow
def test_attributes_are_learned_once(monkeypatch):
    """What was learned of them for the measure of time is what the model has."""
    monkeypatch.setattr(attribute_fit, "_fits", {})
    monkeypatch.setattr("tst.synthesiser._seconds_a_step", lambda training: 0.1)
    fits = recorded(monkeypatch, attribute_fit, "_fit")
    Synthesiser(minutes=0.01, d_model=8, n_layer=1).fit(user_table())
    assert len(fits) == 1


def swinging(n=60, n_steps=60, seed=0):
    """Return a table by the hour, with a swing of the day and the week, whose starts differ."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(n):
        start = pd.Timestamp("2024-01-01") + pd.Timedelta(hours=int(rng.integers(0, 24 * 56)))
        time = pd.date_range(start, periods=n_steps, freq="h")
        is_weekend = time.day_of_week >= 5
        swing = 4 * np.sin(2 * np.pi * (time.hour - 7) / 24) * np.where(is_weekend, 0.5, 1)
        load = 10 + swing - 3 * is_weekend + rng.normal(0, 0.7, n_steps)
        frames.append(
            pd.DataFrame({"site": f"s{i}", "time": time, "load": load.to_numpy().round(3)})
        )
    return pd.concat(frames, ignore_index=True)


def means_by(frame, part):
    """Return the mean load by a part of the time."""
    return frame.groupby(getattr(frame["time"].dt, part))["load"].mean()


@pytest.mark.long
def test_a_copy_swings_with_the_day_and_the_week(monkeypatch):
    """Whatever hour its series start at; a model that sees no calendar does not (known bad)."""
    real = swinging()
    sizes = {"max_steps": 400, "roles": {"id": "site", "time": "time"}}
    copy = Synthesiser(**sizes).fit(real).sample(200)
    for part in ("hour", "day_of_week"):
        ours = means_by(copy, part)
        theirs = means_by(real, part)
        assert np.corrcoef(ours, theirs)[0, 1] >= 0.95
        assert np.ptp(ours) == pytest.approx(np.ptp(theirs), rel=0.15)
    monkeypatch.setattr(Cycles, "of", lambda *_: None)
    blind = Synthesiser(**sizes | {"max_steps": 100}).fit(real).sample(200)
    assert np.ptp(means_by(blind, "hour")) < 0.5 * np.ptp(means_by(real, "hour"))


@pytest.mark.slow
def test_a_copy_knows_its_calendar_after_it_was_saved(tmp_path):
    """The same table comes out of what was loaded, also in parts; what is given is met."""
    real = swinging(30, 30).assign(kind=lambda f: np.where(f["site"].str[-1] < "5", "a", "b"))
    model = Synthesiser(**TINY, roles={"id": "site", "time": "time"}).fit(real)
    assert model.model.spec.cycles.names == ("day", "week")
    loaded = Synthesiser.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.sample(5, 3), model.sample(5, 3))
    assert (model.sample(20, given={"kind": "a"})["kind"] == "a").all()


def meters(shift, n_series=30, n_steps=40):
    """Readings of meters, counts of .0305 above `shift` to 3 decimals; one in ten is missing."""
    rng = np.random.default_rng(0)
    counts = 80 + np.cumsum(rng.integers(-2, 3, (n_series, n_steps)), axis=1).ravel()
    level = np.round(shift + 0.0305 * counts, 3)
    level[rng.random(len(level)) < 0.1] = np.nan
    level[:n_steps] = np.nan  # of one series all
    where = {"meter": np.repeat(np.arange(n_series), n_steps), "step": np.tile(range(n_steps), 30)}
    return pd.DataFrame(where | {"level": level, "noise": rng.normal(size=len(level))})


@pytest.mark.long
@pytest.mark.parametrize("shift", [0.0, 5000.0])
def test_readings_of_a_meter_stay_readings(shift):
    """Synthetic values fall on the meter's places as they are written, also far from 0."""
    frame = meters(shift)
    made = Synthesiser(**TINY, roles={"id": "meter", "time": "step"}).fit(frame).sample(40)
    places = set(np.round(shift + 0.0305 * np.arange(-100, 300), 3).tolist())
    levels = made["level"].dropna()
    assert len(levels) > 1000
    assert set(levels.tolist()) <= places
    assert made["noise"].nunique() > 0.9 * len(made)
