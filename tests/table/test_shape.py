"""Laws of other shapes: named as such where nothing is said, read and written back where it is."""

import json

import numpy as np
import pandas as pd
import pytest
from babel.dates import format_date
from helpers import problem_text, table_error

from tst.table import source
from tst.table.table import Table


def wide(n_series=30, n_steps=12, stem="v", seed=0):
    """Return a table with a row a series: smooth curves, an id and a class."""
    rng = np.random.default_rng(seed)
    curves = rng.normal(size=(n_series, n_steps)).cumsum(axis=1).round(2)
    frame = pd.DataFrame(curves, columns=[f"{stem}{i}" for i in range(n_steps)])
    frame.insert(0, "curve", [f"c{i:02d}" for i in range(n_series)])
    frame["grade"] = rng.choice(["a", "b"], n_series)
    return frame


def measured(n_people=20, seed=0):
    """Return a table with a row a measurement: not each thing is measured each time."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n_people):
        for day in range(int(rng.integers(6, 12))):
            for name, unit, level in (
                ("pulse", "1/min", 70),
                ("temp", "C", 37),
                ("crp", "mg/l", 4),
            ):
                if rng.random() < 0.6 or name == "temp":
                    value = round(level + rng.normal(), 1)
                    when = pd.Timestamp("2024-03-01") + pd.Timedelta(days=day)
                    rows.append((f"p{i:02d}", "mf"[i % 2], when, name, unit, value))
    return pd.DataFrame(rows, columns=["who", "sex", "day", "parameter", "unit", "value"])


DATES = [f"2024-{month:02d}-01" for month in range(1, 13)]
# What twelve columns may be called: months, dates by words and digits, quarters.
CALLED = {
    "months": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
    "mois": [format_date(pd.Timestamp(date), "LLLL", locale="fr") for date in DATES],
    "Monate": [format_date(pd.Timestamp(date), "MMM yyyy", locale="de") for date in DATES],
    "slashes": [f"{month:02d}/2024" for month in range(1, 13)],
    "days": [f"{day}/1/2024" for day in range(1, 13)],
    "quarters": [f"{year} Q{quarter}" for year in (2021, 2022, 2023) for quarter in range(1, 5)],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "frame",
    [
        wide(),
        wide(stem="t_"),
        wide().drop(columns="curve"),
        wide().set_axis(["curve", *DATES, "grade"], axis=1),
        wide().drop(columns=["curve", "grade"]).set_axis(range(12), axis=1),
        *(wide().set_axis(["curve", *names, "grade"], axis=1) for names in CALLED.values()),
        wide().set_axis(["curve", *CALLED["months"], "grade"], axis=1).assign(Total=1.5),
    ],
    ids=["numbers", "called like a time", "no id", "dates", "numbers alone", *CALLED, "a total"],
)
def test_a_wide_table(frame):
    """One sentence that names it; where it is said, each value comes back to its column."""
    assert "the table is wide, a row a series and a column a step" in table_error(frame)
    table, series = Table.fit(frame, {"shape": "wide"})
    assert series.lengths.tolist() == [12] * 30
    assert "wide: each row is a series of 12 steps" in problem_text(table)
    again = Table.from_dict(json.loads(json.dumps(table.to_dict())))
    for one in (table, again):
        made = one.to_frame(series)
        assert list(made) == list(frame)
        others = [name for name in frame if name != "curve"]
        pd.testing.assert_frame_equal(made[others], frame[others])


def test_a_wide_table_of_several_measurements_and_lengths():
    """Each stem is a measurement; a series ends with its last known step."""
    frame = wide(stem="x_").drop(columns="grade")
    other = wide(stem="y_", seed=1).drop(columns=["curve", "grade"])
    frame = pd.concat([frame, other], axis=1)
    for i in range(len(frame)):
        n_steps = 6 + i % 6
        late = [f"{stem}_{k}" for stem in "xy" for k in range(n_steps, 12)]
        frame.loc[i, late] = np.nan
    table, series = Table.fit(frame, {"shape": "wide", "id": "curve"})
    assert series.feature_names == ["x", "y"]
    assert series.lengths.tolist() == [6 + i % 6 for i in range(30)]
    values = frame.columns.drop("curve")
    pd.testing.assert_frame_equal(table.to_frame(series)[values], frame[values])


def test_the_steps_are_in_the_order_of_the_dates():
    """Not in that of the columns, nor of their names."""
    frame = wide().set_axis(["curve", *CALLED["mois"], "grade"], axis=1)
    turned = frame[frame.columns[::-1]]
    _, series = Table.fit(turned, {"shape": "wide", "id": "curve"})
    known = frame[CALLED["mois"]].to_numpy()
    assert np.array_equal(series.values.reshape(30, 12), known.astype(series.values.dtype))


def test_a_year_that_begins_in_another_month_stays_so():
    """April to March are steps in this order."""
    called = [*CALLED["months"][3:], *CALLED["months"][:3]]
    frame = wide().set_axis(["curve", *called, "grade"], axis=1)
    _, series = Table.fit(frame, {"shape": "wide", "id": "curve"})
    known = frame[called].to_numpy()
    assert np.array_equal(series.values.reshape(30, 12), known.astype(series.values.dtype))


@pytest.mark.parametrize(
    ("names", "n_steps"),
    [
        ([f"Mar {day}" for day in range(1, 32)], 31),
        ([*[f"x_{i}" for i in range(30)], *CALLED["months"]], 30),
    ],
)
def test_of_two_readings_the_larger_is_meant(names, n_steps):
    """Days of a month without a year are numbers; months beside more steps are attributes."""
    curves = np.random.default_rng(0).normal(size=(30, len(names))).cumsum(axis=1).round(2)
    frame = pd.DataFrame(curves, columns=names)
    _, series = Table.fit(frame, {"shape": "wide"})
    assert set(series.lengths) == {n_steps}


def test_a_column_between_the_steps_may_be_one():
    """A month that is not read as one is not left out: the table is not taken for wide."""
    called = [*CALLED["months"][:6], "Jully", *CALLED["months"][7:]]
    frame = wide().set_axis(["curve", *called, "grade"], axis=1)
    assert "no columns are called like steps" in table_error(frame, {"shape": "wide"})


def test_numbered_sensors_are_not_wide():
    """A unit that repeats and a time say that a row is a step."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 12)), columns=[f"s{i}" for i in range(12)])
    frame.insert(0, "unit", np.repeat(np.arange(10), 20))
    frame.insert(1, "cycle", np.tile(np.arange(20), 10))
    table, series = Table.fit(frame)
    assert table.shape is None
    assert series.n_features == 12
    alone, _ = Table.fit(frame.drop(columns=["unit", "cycle"]))  # sensors, a row a step
    assert alone.shape is None


@pytest.mark.parametrize("seed", [None, 0])
def test_a_measurement_a_row(seed):
    """One sentence that names it; where it is said, the same rows come back."""
    frame = measured()
    if seed is not None:
        frame = frame.sample(frac=1, random_state=seed)
    sentence = table_error(frame)
    assert "several rows differ only in 'parameter'" in sentence or "'parameter' (" in sentence
    table, series = Table.fit(frame, {"shape": "long_measure"})
    assert table.keys.id == ("who",)
    assert len(series) == 20
    made = table.to_frame(series)
    keys = ["sex", "day", "parameter", "unit", "value"]
    expected = frame.sort_values(["who", "day", "parameter"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(made[keys], expected[keys])
    assert list(made) == list(frame)
    assert not set(made["who"]) & set(frame["who"])


def test_a_shape_that_the_table_has_not():
    """Each a sentence with what is needed."""
    frame = measured()
    assert "no columns are called like steps" in table_error(frame, {"shape": "wide"})
    numbers = frame[["day", "value"]]
    assert "not clear which column names it" in table_error(numbers, {"shape": "long_measure"})
    roles = {"shape": "long_measure", "measure": "parameter", "value": "sex"}
    assert "not clear which column names it" in table_error(frame, roles)


def test_a_shape_that_needs_the_whole_table(tmp_path, monkeypatch):
    """It is told of a file that is read in chunks."""
    monkeypatch.setattr(source, "MAX_CELLS", 100)
    wide().to_csv(tmp_path / "t.csv", index=False)
    assert "the table is wide" in table_error(tmp_path / "t.csv")
    assert "must have a row a step" in table_error(tmp_path / "t.csv", {"shape": "wide"})


def test_names_that_are_numbers_come_back_as_numbers():
    """Of a DataFrame without a heading: guessed by what is in the columns, named as they are."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 20, 30)
    unit = np.repeat(np.arange(1, 31), lengths)
    cycle = np.concatenate([np.arange(1, n + 1) for n in lengths])
    frame = pd.DataFrame({0: unit, 1: cycle, 2: rng.normal(size=len(unit)).round(2), 3: unit * 0.5})
    for roles in (None, {"id": 0, "time": 1}, {"id": "0"}):
        table, series = Table.fit(frame, roles)
        made = table.to_frame(series)
        assert (table.keys.id, table.keys.time) == (("0",), "1")
        assert made.columns.equals(frame.columns)
        assert made.columns.dtype == frame.columns.dtype
        assert (made.dtypes == frame.dtypes).all()
    mixed = frame.rename(columns={3: "d"})
    table, series = Table.fit(mixed)
    assert list(table.to_frame(series)) == [0, 1, 2, "d"]


def test_measurements_that_are_named_by_codes():
    """A question as of names, not an id by their unit; a measurement a row, they are read."""
    n_rows = 20 * 12
    frame = pd.DataFrame({"stay": np.repeat(names("s", 20), 12 * 3)})
    hours = np.tile(np.repeat(np.arange(12), 3), 20)
    frame["charttime"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, "h")
    frame["itemid"] = np.tile([220045, 220210, 223761], n_rows)
    frame["unit"] = np.tile(["bpm", "insp/min", "F"], n_rows)
    frame["valuenum"] = np.random.default_rng(0).normal(80, 9, 3 * n_rows).round(1)
    assert "several rows differ only in 'itemid' (220045, " in table_error(frame)
    table, series = Table.fit(frame, {"shape": "long_measure"})
    assert (len(series), len(series.features)) == (20, 3)
    made = table.to_frame(series).drop(columns="stay")
    pd.testing.assert_frame_equal(made, frame.drop(columns="stay"))


def test_names_of_series_are_no_measurements():
    """Where each has times of its own, a column called like measurements names series."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(12, 30, 20)
    frame = pd.DataFrame({"tag": np.repeat(names("animal ", 20), lengths)})
    starts = np.repeat(rng.integers(0, 90, 20), lengths)
    hours = np.concatenate([np.arange(n) for n in lengths]) + starts
    frame["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, "h")
    frame["depth"] = rng.normal(30, 2, len(frame)).round(1)
    table, _ = Table.fit(frame)
    assert (table.keys.id, table.keys.time) == (("tag",), "time")


def names(word, n):
    """Return n names that sort as they are counted."""
    return np.array([f"{word}{i:02d}" for i in range(n)])
