"""Laws of what looks like a time and is none by itself: a question whose answer works."""

import numpy as np
import pandas as pd
import pytest
from helpers import table_error

from tst.__main__ import _parser, _roles
from tst.table.table import Table

N_STEPS = 40


def hourly(n_series=15, start="2024-01-29 00:00", freq="h"):
    """Return a table of machines, and the times of its rows."""
    rng = np.random.default_rng(0)
    times = pd.Series(np.tile(pd.date_range(start, periods=N_STEPS, freq=freq), n_series))
    values = rng.normal(20, 1, n_series * N_STEPS).round(1)
    machine = np.repeat([f"M{i:02d}" for i in range(n_series)], N_STEPS)
    return pd.DataFrame({"machine": machine, "temp": values}), times


def parted(kind):
    """Return a table whose time stands in several columns, these, and its times."""
    frame, times = hourly(freq="D" if kind == "year, month, day" else "h")
    if kind == "year, quarter":
        frame, times = hourly(start="2001-01-01", freq="QS")
    date, clock = times.dt.strftime("%d/%m/%Y"), times.dt.strftime("%H:%M")
    columns = {
        "year, month, day": {"Jahr": times.dt.year, "Monat": times.dt.month, "Tag": times.dt.day},
        "year, quarter": {"year": times.dt.year, "quarter": times.dt.quarter},
        "date, hour": {"date": date, "hour": times.dt.hour},
        "date, clock": {"Datum": date, "Uhrzeit": clock},
    }[kind]
    return frame.assign(**columns), list(columns), times


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["year, month, day", "year, quarter", "date, hour", "date, clock"])
def test_a_time_in_several_columns_is_asked_about(kind):
    """The sentence names them, and what it says to do reads each time right."""
    frame, columns, times = parted(kind)
    sentence = table_error(frame)
    option = f"--time {','.join(columns)}"
    assert option in sentence and f"in roles time: [{', '.join(columns)}]" in sentence
    options = _parser().parse_args(["own", "t.csv", *option.split()])
    for roles in (_roles(None, options), {"time": columns}, {"time": columns, "id": "machine"}):
        table, series = Table.fit(frame, roles)
        assert series.lengths.tolist() == [N_STEPS] * 15
        made = table.to_frame(series)
        pd.testing.assert_frame_equal(made[columns], frame[columns])
        if kind != "date, clock":
            assert set(series.feature_names) == {"temp"}
    table, _ = Table.fit(frame, {"time": "none"})
    assert table.keys.time == ""
    assert option in table_error(frame, {"id": "machine"})


def days_of_places(kind):
    """Return a table of few places whose time stands in two columns, these; no one names rows."""
    names = np.repeat([f"SS{i:02d}" for i in range(12)], 72)
    freq = {"week": "7D", "month": "MS"}.get(kind, "h")
    times = pd.Series(np.tile(pd.date_range("2018-10-01", periods=72, freq=freq), 12))
    weeks = times.dt.isocalendar()
    columns = {
        "hour from one": {"date": times.dt.strftime("%Y-%m-%d"), "hour": times.dt.hour + 1},
        "clock": {"date": times.dt.strftime("%d.%m.%Y"), "clock": times.dt.strftime("%H:%M")},
        "points": {"Date": times.dt.strftime("%d/%m/%Y"), "Time": times.dt.strftime("%H.%M.%S")},
        "digits": {"date": times.dt.strftime("%Y-%m-%d"), "HHMM": times.dt.hour * 100 + 30},
        "month": {"year": times.dt.year, "month": times.dt.strftime("%b")},
        "week": {"year": weeks["year"].astype(int), "week": weeks["week"].astype(int)},
    }[kind]
    load = np.random.default_rng(0).normal(30, 2, len(names)).round(1)
    return pd.DataFrame({"place": names, **columns, "load": load}), list(columns)


@pytest.mark.parametrize("kind", ["hour from one", "clock", "points", "digits", "month", "week"])
def test_a_part_of_a_time_is_no_id_and_no_time(kind):
    """Though with the rest of it, it names each row: a question, whose answer reads it all."""
    frame, columns = days_of_places(kind)
    assert f"--time {','.join(columns)}," in table_error(frame)
    table, series = Table.fit(frame, {"time": columns})
    assert series.lengths.tolist() == [72] * 12
    made = table.to_frame(series)
    pd.testing.assert_frame_equal(made[columns], frame[columns])


def test_a_year_that_names_each_row_is_the_time():
    """The month of the survey and the day beside it are measurements."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"household": np.repeat(np.arange(30), 12)})
    frame["year"] = np.tile(np.arange(2001, 2013), 30)
    frame["month"] = rng.integers(1, 13, len(frame))
    frame["income"] = rng.normal(3000, 200, len(frame)).round()
    table, _ = Table.fit(frame)
    assert (table.keys.id, table.keys.time) == (("household",), "year")


def test_a_date_that_names_each_row_is_the_time():
    """A year, a month and an hour beside it are measurements."""
    frame, times = hourly()
    table, _ = Table.fit(frame.assign(when=times, year=times.dt.year, hour=times.dt.hour))
    assert table.keys.time == "when"


@pytest.mark.parametrize("text", ["{0.day}er mars {0.year}", "{0.day}. {0.month}. in {0.year}"])
def test_a_time_that_is_not_read_is_asked_about(text):
    """Before the order of the rows is taken; a column of words is none."""
    frame, times = hourly(freq="D")
    written = frame.assign(time=[text.format(time) for time in times])
    assert "column 'time' is called like a time, but '" in table_error(written)
    assert Table.fit(written, {"time": "none"})[0].keys.time == ""
    words = frame.assign(day=times.dt.day_name())
    assert Table.fit(words)[0].keys.time == ""


@pytest.mark.parametrize("text", ["FY{:d}", "Week {:d}", "wave{:02d}"])
def test_text_that_numbers_the_rows_is_asked_about(text):
    """Whatever its column is called, one row may have no number; of machines in turn, it is not."""
    frame, _ = hourly()
    labels = [text.format(i) for i in range(N_STEPS)]
    labels[0] = "baseline"
    named = frame.assign(phase=np.tile(labels, 15))
    assert "column 'phase' stands once in each series ('baseline'), as a" in table_error(named)
    assert Table.fit(named, {"time": "none"})[0].keys.time == ""
    numbered = frame.assign(phase=np.tile(np.arange(N_STEPS), 15))
    assert Table.fit(numbered)[0].keys.time == "phase"
    tools = np.random.default_rng(0).permutation(np.repeat([f"tool{i}" for i in range(20)], 30))
    assert Table.fit(frame.assign(tool=tools))[0].keys.time == ""


def test_durations_with_days_are_a_time():
    """Whatever their column is called: nothing else is written so."""
    frame, _ = hourly()
    spans = [str(pd.Timedelta(minutes=10 * i)) for i in range(N_STEPS)]
    written = frame.assign(since=np.tile(spans, 15))
    table, series = Table.fit(written)
    assert table.keys.time == "since"
    assert (table.to_frame(series)["since"] == written["since"]).all()


def test_times_of_the_day():
    """A time where they rise; where they begin again at midnight, a question."""
    frame, times = hourly(start="2024-01-29 00:00", freq="30min")
    table, series = Table.fit(frame.assign(time=times.dt.strftime("%H:%M")))
    assert (table.keys.id, table.keys.time) == (("machine",), "time")
    assert (table.to_frame(series)["time"] == times.dt.strftime("%H:%M")).all()
    frame, times = hourly(start="2024-01-29 12:00", freq="30min")
    late = frame.assign(time=times.dt.strftime("%H:%M"))
    sentence = table_error(late)
    assert "fall within a series, as behind midnight" in sentence
    assert Table.fit(late, {"time": "none"})[0].keys.time == ""
    assert Table.fit(late, {"time": "time"})[0].keys.time == "time"
