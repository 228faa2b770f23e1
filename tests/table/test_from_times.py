"""Laws of columns that go by the time of their row.

Whatever a model makes, an hour beside a time is its hour, an end comes after its beginning, and who
was 31 in 2008 is 35 in 2012.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tst import Synthesiser
from tst.table.recent import Recent
from tst.table.relations import Places, part_of
from tst.table.table import Table

N_SERIES = 14


def visits(rng, freq="37min", n=120, start="2023-11-20 06:10"):
    """Return series with times of their own, and a measurement that nothing is related to."""
    rows = []
    for i in range(N_SERIES):
        first = pd.Timestamp(start) + pd.Timedelta(days=int(rng.integers(0, 200)))
        times = pd.date_range(first, periods=n, freq=freq)
        keep = np.sort(rng.permutation(n)[: int(rng.integers(n // 2, n))])
        keep[0] = 0
        rows.append(pd.DataFrame({"place": f"p{i:02d}", "at": times[keep]}))
    frame = pd.concat(rows, ignore_index=True)
    return frame.assign(load=rng.normal(size=len(frame)).round(3))


def texts(frame, roles=None):
    """Return what holds in a table, as it is told."""
    return {one.text for one in Table.fit(frame, roles)[0].relations}


def redrawn(frame, roles=None, seed=1):
    """Return a copy whose numbers are drawn anew, at other times, after the table was saved."""
    table, series = Table.fit(frame, roles)
    table = Table.from_dict(json.loads(json.dumps(table.to_dict())))
    rng = np.random.default_rng(seed)
    made = replace(series, values=series.values[rng.permutation(len(series.values))])
    return table.to_frame(made.take(rng.permutation(len(made))), seed=seed)


PARTS = {
    "hour": lambda at: at.dt.hour,
    "weekday": lambda at: at.dt.strftime("%A"),
    "dow": lambda at: at.dt.day_of_week,
    "sunday_first": lambda at: (at.dt.day_of_week + 1) % 7,
    "weekend": lambda at: at.dt.day_of_week >= 5,
    "working": lambda at: (at.dt.day_of_week < 5).astype(int),
    "month": lambda at: at.dt.month,
    "season": lambda at: at.dt.month.map(lambda month: "winter" if month in (1, 2, 12) else "not"),
    "year": lambda at: at.dt.year,
    "yr": lambda at: at.dt.year - 2023,
    "week": lambda at: at.dt.isocalendar().week.astype("int64"),
    "ym": lambda at: at.dt.year * 100 + at.dt.month,
    "key": lambda at: at.dt.strftime("%Y%m%d").astype("int64"),
    "unix": lambda at: at.astype("datetime64[ns]").astype("int64") // 10**9,
    "millis": lambda at: at.astype("datetime64[ns]").astype("int64") // 10**6,
    "part_of_day": lambda at: ((at - at.dt.normalize()).dt.total_seconds() / 86_400).round(6),
    "day": lambda at: at.dt.strftime("%Y-%m-%d"),
    "until": lambda at: at + pd.Timedelta(minutes=37),
    "of_month": lambda at: at.dt.to_period("M").dt.start_time,
    "tariff": lambda at: at.dt.hour.between(7, 19).map({True: 0.31, False: 0.19}),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_time_is_kept(name):
    """In a copy at other times, in its own dtype; the table's own rows come back."""
    frame = visits(np.random.default_rng(0), {"season": "7D", "tariff": "13h"}.get(name, "37min"))
    frame[name] = PARTS[name](frame["at"])
    roles = {"id": "place", "time": "at"}
    table, series = Table.fit(frame, roles)
    assert name not in [column.name for column in table.features]
    same = table.to_frame(series)
    copy = redrawn(frame, roles)
    assert not copy["at"].equals(frame["at"])
    for made in (same, copy):
        assert made.dtypes.astype(str).to_dict() == frame.dtypes.astype(str).to_dict()
        pd.testing.assert_series_equal(
            made[name], PARTS[name](made["at"]).rename(name), check_dtype=False
        )


@given(st.integers(0, 10**6), st.sampled_from(["7min", "3h", "1D", "11D"]))
def test_what_only_looks_like_a_part_is_learned(seed, freq):
    """A number of the same range, a flag, a state that lasts for weeks."""
    rng = np.random.default_rng(seed)
    frame = visits(rng, freq, n=60)
    frame["hour"] = rng.integers(0, 24, len(frame))
    frame["flag"] = rng.integers(0, 2, len(frame))
    frame["phase"] = np.where(rng.random(len(frame)) < 0.9, "a", "b")
    table, _ = Table.fit(frame, {"id": "place", "time": "at"})
    assert {"hour", "flag", "phase"} <= {column.name for column in table.features}


def test_a_switch_on_one_day_is_no_part_of_the_time():
    """One series, whose state changed once: that may happen on any day."""
    at = pd.date_range("2023-03-01", periods=900, freq="h")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"at": at, "load": rng.normal(size=900).round(3)})
    frame["phase"] = np.where(at < "2023-03-20", "before", "after")
    frame["level"] = np.where(at < "2023-03-25", 1, 2)
    table, _ = Table.fit(frame, {"id": "none", "time": "at"})
    assert {"phase", "level"} <= {column.name for column in table.features}


def test_dates_that_have_names():
    """Day d_431 is one date in all series, and in a copy."""
    rng = np.random.default_rng(0)
    at = np.tile(pd.date_range("2024-01-06", periods=90, freq="D"), 9)
    frame = pd.DataFrame({"place": np.repeat([f"p{i}" for i in range(9)], 90), "at": at})
    frame = frame.assign(
        load=rng.normal(size=len(frame)).round(3), day=frame["at"].dt.strftime("d_%j")
    )
    assert "the date decides day" in texts(frame, {"id": "place", "time": "at"})
    copy = redrawn(frame, {"id": "place", "time": "at"})
    assert (copy["day"] == copy["at"].dt.strftime("d_%j")).all()


def test_a_name_of_each_day_of_one_series_never_comes_back():
    """Only what several series have on a date is a name of the date."""
    rng = np.random.default_rng(0)
    at = pd.date_range("2023-03-01", periods=120, freq="D")
    frame = pd.DataFrame({"at": at, "load": rng.normal(size=120).round(3)})
    frame["guest"] = [f"guest {i:03d}" for i in rng.permutation(120)]
    table, series = Table.fit(frame, {"id": "none", "time": "at"})
    assert not set(table.to_frame(series)["guest"]) & set(frame["guest"])


def test_an_end_comes_after_its_beginning():
    """It is learned as how long it takes: never below what real rows have, empty where they are."""
    rng = np.random.default_rng(0)
    frame = visits(rng)
    took = rng.gamma(2, 200, len(frame)).astype(int)
    frame["end"] = frame["at"] + pd.to_timedelta(took, "s")
    frame.loc[rng.random(len(frame)) < 0.2, "end"] = pd.NaT
    table, series = Table.fit(frame, {"id": "place", "time": "at"})
    assert "end keeps its distance to the own time" in {one.text for one in table.relations}
    pd.testing.assert_series_equal(table.to_frame(series)["end"], frame["end"])
    copy = redrawn(frame, {"id": "place", "time": "at"})
    took = (copy["end"] - copy["at"]).dropna()
    assert took.between(pd.Timedelta(0), pd.Timedelta(hours=2)).all()


@pytest.mark.parametrize("is_date", [True, False])
def test_an_age_goes_with_the_time(is_date):
    """Each series has a first value of its own; rows behind given ones go on from theirs."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(30):
        years = np.sort(rng.permutation(np.arange(2004, 2024))[:9])
        rows.append(
            pd.DataFrame({"who": f"w{i}", "year": years, "age": years - rng.integers(1930, 1990)})
        )
    frame = pd.concat(rows, ignore_index=True)
    frame = frame.assign(income=rng.normal(30, 5, len(frame)).round(1))
    frame["wave"] = frame["year"] - 2003
    if is_date:  # days since joining, half a day apart
        frame["year"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(12 * frame["wave"], "h")
        frame["age"] = 0.5 * frame["wave"] + frame["who"].map(hash_of)
    roles = {"id": "who", "time": "year"}
    table, series = Table.fit(frame, roles)
    assert {"age", "wave"}.isdisjoint(column.name for column in table.features)
    copy = table.to_frame(series, seed=3)
    passed = copy.groupby("who")["year"].transform(lambda x: x - x.iloc[0])
    passed = passed / pd.Timedelta(days=1) if is_date else passed
    since = copy.groupby("who")["age"].transform(lambda x: x - x.iloc[0])
    np.testing.assert_allclose(since, passed, atol=1e-9)
    last = Recent.of(table, frame)
    new = last.prolonged(series.values[: 30 * 2].reshape(30, 2, -1), seed=0)
    ends = frame.groupby("who").last()
    new = new.assign(passed=new["year"] - new["who"].map(ends["year"]))
    passed = new["passed"] / pd.Timedelta(days=1) if is_date else new["passed"]
    np.testing.assert_allclose(new["age"] - new["who"].map(ends["age"]), passed, atol=1e-9)


def seconds_of(dates):
    """Return seconds since 1970."""
    return dates.astype("datetime64[ns]").astype("int64") / 1e9


def hash_of(name):
    """Return a number of a name."""
    return 7 * int(name[1:]) % 50


def test_elapsed_time_beside_a_date():
    """Hours since admission, of uneven times; of given rows they go on."""
    frame = visits(np.random.default_rng(0))
    first = frame.groupby("place")["at"].transform("min")
    frame["hours"] = ((frame["at"] - first).dt.total_seconds() / 3600).round(2)
    roles = {"id": "place", "time": "at"}
    assert any("time since the first row" in text for text in texts(frame, roles))
    copy = redrawn(frame, roles)
    first = copy.groupby("place")["at"].transform("min")
    hours = (copy["at"] - first).dt.total_seconds() / 3600
    np.testing.assert_allclose(copy["hours"], hours, atol=0.0051)
    table, series = Table.fit(frame, roles)
    late = frame[frame.groupby("place").cumcount() > 5].reset_index(drop=True)
    new = Recent.of(table, late).prolonged(
        series.values[:N_SERIES].reshape(N_SERIES, 1, -1), seed=0
    )
    ends = frame.groupby("place").last()
    passed = (new["at"] - new["place"].map(ends["at"])).dt.total_seconds() / 3600
    np.testing.assert_allclose(new["hours"] - new["place"].map(ends["hours"]), passed, atol=0.011)


def test_what_the_user_takes_back_is_learned():
    """By its sentence or by its column; the label stays learned."""
    frame = visits(np.random.default_rng(0))
    frame["hour"] = frame["at"].dt.hour
    roles = {"id": "place", "time": "at"}
    assert "hour = hour of the time" in texts(frame, roles)
    for taken in ("not hour = hour of the time", "not hour"):
        assert "hour = hour of the time" not in texts(frame, roles | {"relations": [taken]})


def test_hours_alone_are_learned():
    """Where nothing else changes but names of rows, something must be learned."""
    rng = np.random.default_rng(0)
    frame = visits(rng).drop(columns="load")
    frame["hour"] = frame["at"].dt.hour
    roles = {"id": "place", "time": "at"}
    assert texts(frame, roles) == {"hour >= 0"}
    tickets = [f"T{n:08d}" for n in rng.permutation(10**6)[: len(frame)]]
    assert texts(frame.assign(ticket=tickets), roles) == {"hour >= 0"}


@pytest.mark.parametrize("freq", ["1D", "1h"])
def test_a_switch_in_a_year_is_no_season(freq):
    """In one series or in five of the same year: each quarter came once."""
    rng = np.random.default_rng(0)
    at = pd.date_range("2023-01-01", "2023-12-31", freq=freq)
    frame = pd.concat([pd.DataFrame({"place": f"p{i}", "at": at}) for i in range(5)])
    frame = frame.assign(load=rng.normal(size=len(frame)), tariff="old")
    frame.loc[frame["at"] >= "2023-07-01", "tariff"] = "new"
    for table in (frame, frame[frame["place"] == "p0"].drop(columns="place")):
        roles = {"id": "place" if "place" in table else "none", "time": "at"}
        assert not any("tariff" in text and "decides" in text for text in texts(table, roles))


@pytest.mark.parametrize("delay", [3, 600])
def test_a_time_with_a_delay_is_measured(delay):
    """Milliseconds since 1970, some seconds behind, as a second clock shows them."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        frame = visits(rng)
        millis = frame["at"].astype("datetime64[ns]").astype("int64") // 10**6
        late = rng.integers(0, delay, len(frame)) * 1000
        late[[frame["at"].argmin(), frame["at"].argmax()]] = 0
        table, _ = Table.fit(frame.assign(seen=millis + late), {"id": "place", "time": "at"})
        assert "seen" in [column.name for column in table.features]


@pytest.mark.parametrize("names", ["place", "none"])
def test_what_counts_rows_goes_on_behind_given_ones(names):
    """Where the order of rows is the time, given rows may begin anywhere."""
    rng = np.random.default_rng(0)
    n_series = 2 if names == "place" else 1
    frame = pd.DataFrame({"place": np.repeat([f"p{i}" for i in range(n_series)], 100)})
    row = frame.groupby("place").cumcount()
    frame = frame.assign(count=row + 5, seconds=0.5 * row + 3, load=rng.normal(size=len(row)))
    if names == "none":
        frame = frame.drop(columns="place")
    table, series = Table.fit(frame, {"time": "none", "id": names})
    assert "count" not in [column.name for column in table.features]
    late = frame[row > 49].reset_index(drop=True)
    values = series.values[: 3 * n_series].reshape(n_series, 3, -1)
    new = Recent.of(table, late).prolonged(values, seed=0)
    assert new["count"].tolist() == [105, 106, 107] * n_series
    assert new["seconds"].tolist() == [53.0, 53.5, 54.0] * n_series


def test_an_attribute_of_the_day():
    """Each series is a day: its weekday goes by its date."""
    rng = np.random.default_rng(0)
    at = pd.date_range("2023-02-03", periods=24 * 70, freq="h")
    frame = pd.DataFrame({"at": at, "day_id": at.strftime("d%j"), "load": rng.normal(size=len(at))})
    frame["weekday"] = at.strftime("%a")
    frame["free"] = (at.strftime("%a").isin(["Sat", "Sun"])).astype(int)
    copy = redrawn(frame, {"id": "day_id", "time": "at"})
    pd.testing.assert_series_equal(
        copy["weekday"], copy["at"].dt.strftime("%a"), check_names=False, check_dtype=False
    )
    assert ((copy["at"].dt.day_of_week >= 5) == copy["free"].astype(bool)).all()


@pytest.mark.parametrize("zone", ["+01:00", "Europe/Berlin"])
def test_hours_by_the_clocks_of_the_place(zone):
    """Times with an offset: the hour is the local one."""
    frame = visits(np.random.default_rng(0), freq="1h", start="2023-06-01 00:00")
    local = frame["at"].dt.tz_localize("UTC").dt.tz_convert(zone)
    frame["hour"] = local.dt.hour
    frame["at"] = local
    frame["day"] = local.dt.normalize()
    found = texts(frame, {"id": "place", "time": "at"})
    assert {"hour = hour of the time", "day = date of the time"} <= found
    copy = redrawn(frame, {"id": "place", "time": "at"})
    assert (copy["hour"] == copy["at"].dt.hour).all()
    assert (copy["day"] == copy["at"].dt.normalize()).all()


@given(st.lists(st.integers(-(10**9), 4 * 10**9), min_size=1, max_size=20))
def test_parts_are_those_of_pandas(seconds):
    """Before 1970, too; weeks begin on Monday."""
    times = np.array(seconds) * 10**9
    places = Places(times=times, is_first=np.arange(len(times)) == 0)
    dates = pd.Series(times.astype("datetime64[ns]"))
    expected = {
        "hour": dates.dt.hour,
        "day of the week": dates.dt.isocalendar().day,
        "week": dates.dt.isocalendar().week,
        "time of the day": (dates - dates.dt.normalize()).dt.total_seconds(),
        "date": seconds_of(dates.dt.normalize()),
        "Monday": seconds_of(dates.dt.to_period("W").dt.start_time),
        "first of the month": seconds_of(dates.dt.to_period("M").dt.start_time),
        "hour of the week": dates.dt.day_of_week * 24 + dates.dt.hour,
        "YYYYMMDD": dates.dt.strftime("%Y%m%d").astype(int),
        "time since the first row": times / 1e9 - times[0] / 1e9,
    }
    for part, x in expected.items():
        np.testing.assert_allclose(part_of(places, part), np.asarray(x, float), rtol=0, atol=1e-6)


@pytest.mark.long
def test_a_synthesiser_writes_the_hours_of_its_times():
    """From the table to the rows behind given ones."""
    frame = visits(np.random.default_rng(0))
    frame["hour"] = frame["at"].dt.hour
    frame["end"] = frame["at"] + pd.Timedelta(minutes=9)
    model = Synthesiser(max_steps=20, roles={"id": "place", "time": "at"}).fit(frame)
    for copy in (model.sample(5, seed=1), model.sample(continue_from=frame, n_steps=4, seed=1)):
        assert (copy["hour"] == copy["at"].dt.hour).all()
        assert (copy["end"] - copy["at"] == pd.Timedelta(minutes=9)).all()
