"""Tables as people bring them: each kind is read as it was made, and written back as it was read.

Each maker returns a table, its id and its time, as they were built. The rows of a table that is
read and written back without a model are the rows of the table, with new ids.
"""

import json
import re

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error

from tst.io import paths
from tst.table.table import Table

N_STEPS = 24


def walks(n_series=30, n_steps=N_STEPS, seed=0):
    """Return random walks, one a series, float (n_series * n_steps,)."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 1, (n_series, n_steps)).cumsum(axis=1) + 80).round(1).ravel()


def machines(freq="h", start="2024-01-29", n_series=30, n_steps=N_STEPS):
    """Return a plain table: machine, when, load, site."""
    frame = pd.DataFrame({"machine": np.repeat(np.arange(100, 100 + n_series), n_steps)})
    frame["when"] = np.tile(pd.date_range(start, periods=n_steps, freq=freq), n_series)
    frame["load"] = walks(n_series, n_steps)
    frame["site"] = np.repeat(np.resize(["north", "south", "east"], n_series), n_steps)
    return frame


def fixed_hours():
    """Whole numbers that vary slowly beside the id."""
    frame = machines()
    bpm = pd.DataFrame({"icustay": frame["machine"], "hour": np.tile(np.arange(24), 30)})
    bpm["bpm"] = frame["load"].round().astype(int)
    bpm["spo2"] = np.random.default_rng(0).integers(90, 101, len(bpm))
    return bpm, ("icustay",), "hour"


def no_id():
    """One sensor alone."""
    times = pd.date_range("2024-01-01", periods=24 * 40, freq="h")
    return pd.DataFrame({"timestamp": times, "load": walks(40)}), (), "timestamp"


def no_time():
    """The order of the rows."""
    frame = machines().drop(columns="when").rename(columns={"machine": "recording"})
    return frame, ("recording",), ""


def two_ids():
    """Each store sells each item."""
    frame = machines("D", n_series=24)
    series = np.repeat(np.arange(24), N_STEPS)
    frame["store"] = np.char.add("s", (series // 6).astype(str))
    frame["item"] = np.char.add("i", (series % 6).astype(str))
    return frame.drop(columns=["machine", "site"]), ("store", "item"), "when"


def digits():
    """Dates as whole numbers, over the end of a month and of a year."""
    frame = machines("D", "2023-12-20")
    frame["when"] = frame["when"].dt.strftime("%Y%m%d").astype("int64")
    return frame, ("machine",), "when"


def day_first():
    """Dates whose day stands first."""
    frame = machines("D", "2023-01-01")
    frame["when"] = frame["when"].dt.strftime("%d/%m/%Y")
    return frame, ("machine",), "when"


def birth_dates():
    """An attribute that is a date as text."""
    frame = machines().rename(columns={"machine": "patient"})
    born = pd.date_range("1950-03-01", periods=30, freq="217D").strftime("%Y-%m-%d")
    frame["birthdate"] = np.repeat(born.to_numpy(object), N_STEPS)
    return frame, ("patient",), "when"


def trading_days():
    """Business days, and prices that bound each other."""
    frame = machines("B")
    low = frame.pop("load")
    rng = np.random.default_rng(0)
    frame["low"], frame["open"] = low, (low + rng.uniform(0.1, 1, len(frame))).round(1)
    frame["high"] = (frame["open"] + rng.uniform(0.1, 1, len(frame))).round(1)
    frame["volume"] = rng.integers(0, 10**6, len(frame))
    return frame, ("machine",), "when"


def gaps():
    """An empty column; a column that some series lack; whole numbers and truth values with gaps."""
    frame = machines()
    rng = np.random.default_rng(0)
    frame["reserved"] = np.nan
    frame["torque"] = frame["load"].where(frame["site"] == "north")
    is_known = rng.random(len(frame)) < 0.8
    frame["count"] = pd.array(rng.integers(0, 90, len(frame)), dtype="Int64")
    frame.loc[~is_known, "count"] = pd.NA
    frame["alarm"] = pd.array(rng.random(len(frame)) < 0.3, dtype="boolean")
    frame.loc[rng.random(len(frame)) < 0.1, "alarm"] = pd.NA
    return frame, ("machine",), "when"


def irregular():
    """Uneven intervals."""
    frame = machines()
    minutes = np.random.default_rng(0).integers(1, 600, (30, N_STEPS)).cumsum(axis=1).ravel()
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, "min")
    return frame, ("machine",), "when"


def run_to_failure():
    """A wear that never falls and ends at 1, earlier under a heavy duty."""
    lengths = np.resize([20, 60], 30)
    unit = np.repeat(np.arange(1, 31), lengths)
    cycle = np.concatenate([np.arange(1, n + 1) for n in lengths])
    frame = pd.DataFrame({"unit": unit, "cycle": cycle, "wear": (cycle / lengths[unit - 1])})
    frame["heat"] = walks(30, 40)
    frame["duty"] = np.where(lengths[unit - 1] < 40, "heavy", "light")
    return frame.round({"wear": 3}), ("unit",), "cycle"


def event_order():
    """Events in a fixed order, an amount with some."""
    events = ["signup", "browse", "order", "pay"]
    frame = pd.DataFrame({"user": np.repeat(np.arange(60) * 7 + 1, 8)})
    step = np.tile(np.arange(8), 60)
    frame["at"] = pd.Timestamp("2024-05-01") + pd.to_timedelta(step * 60, "min")
    frame["event"] = np.array(events)[np.minimum(step // 2, 3)]
    frame["amount"] = np.where(step >= 4, walks(60, 8), 0.0)
    return frame, ("user",), "at"


def clock_change():
    """Local hours over the night in which clocks go forward."""
    times = pd.date_range("2024-03-29 12:00", periods=72, freq="h", tz="UTC")
    frame = machines(n_steps=72)
    frame["when"] = np.tile(times.tz_convert("Europe/Berlin").map(str).to_numpy(object), 30)
    return frame, ("machine",), "when"


def int_columns():
    """Names of columns that are whole numbers."""
    frame = machines().set_axis(range(4), axis=1)
    return frame, ("0",), "1"


KINDS = [
    fixed_hours, no_id, no_time, two_ids, digits, day_first, birth_dates, trading_days, gaps,
    irregular, run_to_failure, event_order, clock_change, int_columns,
]  # fmt: skip


DRAWN = {irregular: ["when"], birth_dates: ["birthdate"]}  # starts; dates within ranges


def check_rows(made, frame, key, drawn=()):
    """Assert that a table holds the rows of another, series by series, but for ids and `drawn`."""
    names = [name for name in frame if str(name) in key]
    rest = [name for name in frame if name not in (*names, *drawn)]
    ordered = frame.sort_values(names, kind="stable") if names else frame
    expected = ordered[rest].reset_index(drop=True)
    pd.testing.assert_frame_equal(made[rest], expected, check_exact=False, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("make", KINDS)
def test_a_table_is_read_as_it_was_made_and_comes_back(make, seed):
    """Its id, its time, its series; every row but for ids, in the same dtypes, in any order."""
    frame, key, time = make()
    given = frame
    if seed is not None and time:
        given = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
    table, series = Table.fit(given)
    assert (table.keys.id, table.keys.time) == (key, time)
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table
    made = table.to_frame(series)
    assert made.columns.equals(frame.columns)
    names = [name for name in frame if str(name) in key]
    if names:
        assert len(series) == len(frame.drop_duplicates(names))
    check_rows(made, frame, key, DRAWN.get(make, ()))
    for name in set(frame.columns[frame.nunique() > 1]) - {*names, *DRAWN.get(make, ())}:
        wrong = made.copy()
        wrong[name] = made[name].iloc[np.roll(np.arange(len(made)), 1)].array
        with pytest.raises(AssertionError):
            check_rows(wrong, frame, key, DRAWN.get(make, ()))


def test_one_measurement_a_row_and_a_column_a_step_are_named():
    """Before they are read otherwise."""
    frame = machines().rename(columns={"load": "heat"}).assign(pulse=walks(seed=1))
    long = frame.melt(["machine", "when", "site"], var_name="measure", value_name="value")
    assert "shape: long_measure" in table_error(long)
    wide = pd.DataFrame(walks().reshape(30, -1)).add_prefix("t_")
    assert "shape: wide" in table_error(wide.assign(curve=range(30)))


def test_dates_that_bound_the_times_are_kept_with_them():
    """Admitted and discharged of a stay whose days lie between."""
    frame = machines("D").rename(columns={"machine": "stay", "when": "day"})
    frame["admitted"] = frame.groupby("stay")["day"].transform("min")
    frame["discharged"] = frame.groupby("stay")["day"].transform("max")
    table, series = Table.fit(frame)
    assert (table.keys.id, table.keys.time) == (("stay",), "day")
    made = table.to_frame(series)
    assert made["day"].between(made["admitted"], made["discharged"]).all()
    assert "admitted" in problem_text(table)


def test_an_index_without_a_name_is_nothing():
    """Filtered, or the same number in several rows: the same series."""
    frame, *_ = gaps()
    _, expected = Table.fit(frame)
    more = pd.concat([frame.assign(machine=1), frame], ignore_index=True)
    for same in (more[more["machine"] > 1], frame.set_index(np.zeros(len(frame), dtype=int))):
        assert Table.fit(same)[1].sha256() == expected.sha256()


def test_every_test_that_the_readme_names_is_there():
    """The tables of shapes and calendars name tests that exist, and functions that they have."""
    text = (paths.ROOT / "tst" / "README.md").read_text()
    named = re.findall(r"(?:\.\./)?(?:tests/)?((?:\w+/)?test_\w+\.py)(?:::(test_\w+))?", text)
    assert len(named) > 20
    for name, function in named:
        found = [path for path in (paths.ROOT / "tests").rglob(name.split("/")[-1])]
        assert len(found) == 1, name
        assert not function or f"def {function}(" in found[0].read_text(), function
