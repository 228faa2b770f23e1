"""Laws of the time column: times come back in kind, synthetic ones are steps of the calendar."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error, user_table
from hypothesis import given, settings
from hypothesis import strategies as st

from tst.cycles import DAY
from tst.io.untrusted import from_mapping
from tst.table.calendar import Clock, is_time, read_times
from tst.table.steps import Even, Months, Slots, Starts, find_calendar
from tst.table.table import Table

STEP = np.arange(12)
HOURS = pd.Timestamp("2024-02-28 23:00") + pd.to_timedelta(STEP, "h")  # over a leap day
MONTHS = pd.Series(pd.date_range("2023-11-01", periods=12, freq="MS"))
# one series of 12 regular times, in every kind that a column may have
TIMES = {
    "whole number": pd.Series(300 * STEP),
    "small dtype": pd.Series(STEP.astype("int8")),
    "fraction": pd.Series(0.1 * STEP).round(9),
    "date": pd.Series(HOURS),
    "date of seconds": pd.Series(HOURS).dt.as_unit("s"),
    "date with zone": pd.Series(HOURS.tz_localize("Europe/Paris")),
    "duration": pd.Series(pd.to_timedelta(STEP, "h")),
    "text": pd.Series(HOURS.strftime("%Y-%m-%d %H:%M")),
    "text of days": pd.Series((HOURS[0] + pd.to_timedelta(STEP, "D")).strftime("%d/%m/%Y")),
    "text with offset": pd.Series(HOURS.strftime("%Y-%m-%dT%H:%M:%S") + "+05:30"),
    "text with negative offset": pd.Series(HOURS.strftime("%Y-%m-%dT%H:%M:%S") + "-03:30"),
    "text in UTC": pd.Series(HOURS.strftime("%Y-%m-%dT%H:%M:%S") + "Z"),
    "months": MONTHS,
    "quarters as text": pd.Series(pd.date_range("2020-04-15", periods=12, freq="QE"))
    .dt.to_period("Q")
    .astype(str),
    "digits": pd.Series(MONTHS.dt.strftime("%Y%m%d").astype("int64")),
    "years": pd.Series(((np.arange(12) + 0.5) / 12 + 1958).round(3)),
}


@pytest.mark.parametrize("kind", TIMES)
def test_times_come_back_in_kind(kind):
    """All series begin together: the synthetic times are the real ones, in dtype and writing."""
    n_series = 5
    times = pd.concat([TIMES[kind]] * n_series, ignore_index=True)
    frame = pd.DataFrame({"host": np.repeat(list("abcde"), len(STEP)), "t": times})
    frame["cpu"] = np.random.default_rng(0).random(len(frame))
    table, series = Table.fit(frame.sample(frac=1, random_state=0), {"id": "host", "time": "t"})
    pd.testing.assert_series_equal(table.to_frame(series)["t"], frame["t"])
    mapping = json.loads(json.dumps(asdict(table.clock)))
    assert from_mapping(Clock, mapping) == table.clock


def sessions(first, n_days, minutes):
    """Return the minutes of the opening hours of business days."""
    days = pd.bdate_range(first, periods=n_days)
    opened = pd.to_timedelta(9 * 60 + np.arange(0, 7 * 60, minutes), "min")
    return pd.DatetimeIndex([day + time for day in days for time in opened])


def open_days(first, n_days, closed):
    """Return business days but for holidays."""
    days = pd.bdate_range(first, periods=n_days)
    return days[~days.isin(pd.DatetimeIndex(closed))]


def nth_weekday(first, n_months, nth, weekday):
    """Return the nth weekday of each month."""
    months = pd.date_range(first, periods=n_months, freq="MS")
    return pd.DatetimeIndex(
        [month + pd.Timedelta(days=(weekday - month.day_of_week) % 7 + 7 * nth) for month in months]
    )


HOLIDAYS = ["2023-04-07", "2023-05-29", "2023-09-04"]
# all days of a calendar, of which series take some in a row
CALENDARS = {
    "business days": pd.bdate_range("2023-01-02", periods=500),
    "business days without holidays": open_days("2023-01-02", 260, HOLIDAYS),
    "Tuesdays and Fridays": pd.DatetimeIndex(
        [d for d in pd.date_range("2022-01-01", periods=900) if d.day_of_week in (1, 4)]
    ),
    "weekends": pd.DatetimeIndex(
        [d for d in pd.date_range("2022-01-01", periods=900) if d.day_of_week > 4]
    ),
    "sessions": sessions("2023-01-02", 60, 30),
    "nights left out": pd.DatetimeIndex(
        [h for h in pd.date_range("2023-01-01", periods=2000, freq="h") if 6 <= h.hour < 22]
    ),
    "starts of months": pd.date_range("1990-01-01", periods=300, freq="MS"),
    "ends of months": pd.date_range("1990-01-31", periods=300, freq="ME"),
    "middles of months": pd.date_range("1990-01-01", periods=300, freq="MS") + pd.Timedelta("14D"),
    "30th or the last day": pd.DatetimeIndex(
        [min(m + pd.Timedelta("29D"), m + pd.offsets.MonthEnd(0)) for m in MONTHS]
    )
    .append(pd.date_range("2024-12-30", periods=1))
    .union(
        pd.DatetimeIndex(
            [
                min(m + pd.Timedelta("29D"), m + pd.offsets.MonthEnd(0))
                for m in pd.date_range("2010-01-01", periods=200, freq="MS")
            ]
        )
    ),
    "ends of quarters": pd.date_range("1990-03-31", periods=120, freq="QE"),
    "years": pd.date_range("1700-01-01", periods=200, freq="YS"),
    "last business days": pd.date_range("1990-01-01", periods=300, freq="BME"),
    "first business days": pd.date_range("1990-01-01", periods=300, freq="BMS"),
    "third Fridays": nth_weekday("1990-01-01", 300, 2, 4),
    "last Mondays": pd.DatetimeIndex(
        [
            m - pd.Timedelta(days=m.day_of_week)
            for m in pd.date_range("1990-01-31", periods=300, freq="ME")
        ]
    ),
    "hours over changes of clocks": pd.date_range("2023-03-20", periods=900, freq="h"),
    "every ten minutes": pd.date_range("2023-03-20", periods=3000, freq="10min"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALENDARS)
def test_synthetic_times_are_steps_of_the_calendar(name):
    """Each is the next one behind the one before it in the real calendar, and begins within it."""
    universe = CALENDARS[name]
    rng = np.random.default_rng(0)
    n_series = 31
    lengths = rng.integers(len(universe) // 4, len(universe) // 2, n_series)
    starts = rng.integers(0, len(universe) - lengths + 1)
    rows = [
        pd.DataFrame({"id": f"s{i}", "t": universe[start : start + n]})
        for i, (start, n) in enumerate(zip(starts, lengths, strict=True))
    ]
    frame = pd.concat(rows, ignore_index=True)
    frame["x"] = rng.normal(size=len(frame))
    table, _ = Table.fit(frame.sample(frac=1, random_state=0), {"id": "id", "time": "t"})
    assert not table.clock.intervals
    made = rng.integers(2, lengths.max() + 1, 200)
    times = pd.DatetimeIndex(table.clock.write(table.clock.times(made, rng)))
    place = universe.get_indexer(times.astype(universe.dtype))
    assert (place >= 0).all()
    first = np.cumsum(made) - made
    is_first = np.isin(np.arange(made.sum()), first)
    np.testing.assert_array_equal(np.diff(place)[~is_first[1:]], 1)
    assert len(np.unique(place[first])) > 3


def test_local_days_over_a_change_of_clocks():
    """Midnights of a place stay midnights, and have its offsets."""
    days = pd.date_range("2023-01-01", "2023-12-20", freq="D", tz="Europe/Paris")
    text = [day.isoformat() for day in days]
    frame = pd.DataFrame({"id": np.repeat(list("abc"), len(days)), "t": text * 3})
    frame["x"] = np.random.default_rng(0).normal(size=len(frame))
    for column in (frame["t"], pd.Series([*days, *days, *days])):
        table, series = Table.fit(frame.assign(t=column), {"id": "id", "time": "t"})
        assert not table.clock.intervals
        assert table.to_frame(series)["t"].tolist() == column.tolist()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["slots", "months", "even"]),
    st.integers(0, 10**4),
    st.lists(st.integers(-60, 60), min_size=1, max_size=9),
    st.integers(0, 99),
)
def test_counting_inverts_going_on(kind, day, moves, seed):
    """So many steps behind a time are counted as so many, backwards too."""
    rng = np.random.default_rng(seed)
    if kind == "slots":
        slots = np.sort(rng.choice(7, rng.integers(1, 8), replace=False)) * DAY
        plain = Slots(period=7 * DAY, slots=tuple(slots.tolist()))
        number = int(plain.number(np.array([day * DAY]))[0])
        closed = np.unique(number + rng.integers(-30, 30, rng.integers(0, 5)))
        calendar = Slots(period=7 * DAY, slots=plain.slots, closed=tuple(closed.tolist()))
    elif kind == "months":
        rule = rng.choice(["day", "weekday", "last weekday", "last business day"])
        calendar = Months(months=int(rng.integers(1, 13)), rule=rule, day=3, weekday=2)
    else:
        calendar = Even(step=float(rng.integers(1, 10**9)))
    start = calendar.after(np.full(len(moves), day * DAY), np.zeros(len(moves)))
    behind = calendar.after(start, np.array(moves))
    np.testing.assert_array_equal(np.round(calendar.count(start, behind)), moves)


@pytest.mark.parametrize("freq", ["W-MON", "YS", "MS", "D"])
def test_starts_keep_their_season(freq):
    """Series that begin on Mondays, on New Year's Day, at 6 o'clock: synthetic ones do, too."""
    rng = np.random.default_rng(0)
    known = pd.date_range("2000-01-01", periods=200 if freq != "YS" else 40, freq=freq)
    begins = rng.choice(known[: len(known) // 2], 60) + pd.Timedelta("6h")
    hours = pd.to_timedelta(np.tile(np.arange(20), 60), "h")
    frame = pd.DataFrame({"id": np.repeat(np.arange(60), 20), "t": np.repeat(begins, 20) + hours})
    frame["x"] = rng.normal(size=len(frame))
    table, _ = Table.fit(frame, {"id": "id", "time": "t"})
    n_series = 300
    times = table.clock.times(np.full(n_series, 20), rng)
    starts = pd.DatetimeIndex(table.clock.write(times)[::20])
    assert (starts.hour == 6).all()
    assert starts.min() >= begins.min() and starts.max() <= begins.max()
    if freq != "MS":  # of which 31 days apart need not be a month
        assert (starts - pd.Timedelta("6h")).isin(known).all()
    assert starts.nunique() > 10


def test_starts_go_with_lengths():
    """Where long series begin early, because all end together, synthetic ones do not outlast."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 100, 80)
    end = pd.Timestamp("2024-06-30")
    rows = [
        pd.DataFrame({"id": i, "t": pd.date_range(end=end, periods=n, freq="D")})
        for i, n in enumerate(lengths)
    ]
    frame = pd.concat(rows).assign(x=1.0)
    frame["x"] = rng.normal(size=len(frame))
    table, _ = Table.fit(frame, {"id": "id", "time": "t"})
    made = rng.integers(5, 100, 500)
    times = pd.DatetimeIndex(table.clock.write(table.clock.times(made, rng)))
    last = times[np.cumsum(made) - 1]
    assert last.max() <= end
    assert (end - last).mean() < pd.Timedelta("15D")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 10**9),
    step=st.integers(1, 10**6),
    spread=st.integers(0, 9),
    lengths=st.lists(st.integers(1, 9), min_size=2, max_size=6),
    seed=st.integers(0, 99),
    has_dates=st.booleans(),
)
def test_synthetic_times_lie_on_the_grid_of_the_real_ones(
    start, step, spread, lengths, seed, has_dates
):
    """Each series is regular and begins at a step between the earliest and the latest start."""
    lengths = np.array(lengths)
    dtype = "datetime64[s]" if has_dates else "int64"
    column = pd.Series(np.array([start, start + step * spread]).astype(dtype), name="t")
    read = read_times(column)
    unit = 1
    if read.clock.is_whole:
        unit = 10**9
    clock = Clock(name="t", writing=read.clock.writing, calendar=Even(step=float(step * unit)))
    clock = clock.begun(read.times, np.array([99, 99]), read.times.max() + 100 * step * unit)
    written = clock.write(clock.times(lengths, np.random.default_rng(seed)))
    assert written.dtype == column.dtype
    times = read_times(written).times if has_dates else written.to_numpy() * unit
    first = np.cumsum(lengths) - lengths
    is_first = np.isin(np.arange(lengths.sum()), first)
    np.testing.assert_array_equal(np.diff(times)[~is_first[1:]] / unit, step)
    starts = times[first] / unit - start
    np.testing.assert_array_equal(starts % step, 0)
    assert starts.min() >= 0
    assert starts.max() <= step * spread


def test_uneven_steps_are_a_measurement():
    """They come back, for each series by themselves, as whole multiples of their resolution."""
    rng = np.random.default_rng(0)
    frame = user_table(30)
    steps = rng.exponential(50, len(frame)).round(1) + 0.1
    frame["when"] = frame.assign(s=steps).groupby("host")["s"].cumsum().round(1)
    frame["when"] -= frame.groupby("host")["when"].transform("first")
    table, series = Table.fit(frame, {"id": "host", "time": "when"})
    assert "when since the row before" in series.feature_names
    assert "steps are uneven" in problem_text(table)
    written = table.to_frame(series)
    np.testing.assert_allclose(written["when"], frame["when"], atol=1e-9)
    assert list(written) == list(frame)
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table


def test_uneven_dates_stay_behind_each_other():
    """Whatever intervals a model makes: each time is later than the one before."""
    rng = np.random.default_rng(0)
    frame = user_table(30)
    seconds = pd.to_timedelta(rng.integers(1, 10**5, len(frame)), "s")
    passed = frame.assign(s=seconds).groupby("host")["s"].cumsum()
    frame["when"] = (pd.Timestamp("2024-01-01") + passed).dt.strftime("%Y-%m-%d %H:%M:%S")
    table, series = Table.fit(frame, {"id": "host", "time": "when"})
    noise = rng.normal(size=len(series.values)) * 10**5
    series.values[:, series.feature_names.index(table.clock.intervals)] += noise
    dates = pd.to_datetime(table.to_frame(series)["when"], format="%Y-%m-%d %H:%M:%S")
    is_first = series.step_index == 0
    assert (np.diff(dates)[~is_first[1:]] >= np.timedelta64(1, "s")).all()


HOURLY = pd.date_range("2019-12-30 22:00", periods=30, freq="h")
QUARTERLY = pd.date_range("1998-10-01", periods=30, freq="QS")
PARTED = {
    "date and hour": {"date": HOURLY.strftime("%d/%m/%Y"), "hour": HOURLY.hour},
    "date and time of the day": {"day": HOURLY.normalize(), "at": HOURLY.strftime("%H:%M")},
    "digits and hour": {"day": HOURLY.strftime("%Y%m%d").astype(int), "h": HOURLY.hour},
    "year to hour": {
        "year": HOURLY.year,
        "month": HOURLY.month,
        "day": HOURLY.day,
        "hour": HOURLY.hour,
    },
    "year and month": {
        "year": pd.date_range("1998-10-01", periods=30, freq="MS").year,
        "month": pd.date_range("1998-10-01", periods=30, freq="MS").month,
    },
    "year and quarter": {"year": QUARTERLY.year, "quarter": QUARTERLY.quarter},
}


@pytest.mark.parametrize("name", PARTED)
def test_a_time_in_several_columns(name):
    """Is one time, and several columns again, in their dtypes and at their places."""
    columns = PARTED[name]
    frame = pd.DataFrame({part: list(values) * 4 for part, values in columns.items()})
    frame = frame.assign(x=np.random.default_rng(0).normal(size=120).round(3), id=0)
    frame["id"] = np.repeat(list("abcd"), 30)
    first = frame.pop(next(iter(columns)))
    frame[first.name] = first  # the parts do not stand side by side
    roles = {"id": "id", "time": list(columns)}
    table, series = Table.fit(frame.sample(frac=1, random_state=0), roles)
    assert not table.clock.intervals
    written = table.to_frame(series)
    pd.testing.assert_frame_equal(written.drop(columns="id"), frame.drop(columns="id"))
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table


def test_parts_of_a_time_that_are_none():
    """A sentence: they must be a date in this order."""
    frame = user_table().assign(hour=1)
    sentence = table_error(frame, {"id": "host", "time": ["state", "hour"]})
    assert "neither a date nor a number" in sentence


@pytest.mark.slow
def test_mixed_time_zones():
    """Several offsets are taken to UTC and listed; some times without any are a sentence."""
    frame = user_table()
    is_odd = np.arange(len(frame)) % 2 == 1
    zones = np.where(is_odd, "+02:00", "-03:30")
    hours = pd.to_timedelta(np.where(is_odd, 2, -3.5), "h")
    local = (pd.to_datetime(frame["when"]) + hours).dt.strftime("%Y-%m-%d %H:%M")
    table, series = Table.fit(frame.assign(when=local + zones))
    sentence = "time zones +02:00, -03:30 are mixed; all times are taken to UTC"
    assert sentence in problem_text(table)
    _, plain = Table.fit(frame)
    assert series.sha256() == plain.sha256()
    assert table.to_frame(series)["when"].str.endswith("+00:00").all()
    some_without = local + np.where(is_odd, zones, "")
    sentence = table_error(frame.assign(when=some_without))
    assert "mixes times with and without a zone" in sentence


def test_text_that_is_no_date():
    """Value, row and remedy."""
    frame = user_table()
    frame.loc[6, "when"] = "yesterday"
    sentence = table_error(frame, {"time": "when"})
    assert "holds 'yesterday' in row 7, no date like the others" in sentence
    sentence = table_error(frame, {"time": "state", "id": "host"})
    assert "neither a date nor a number" in sentence


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (HOURS, True),
        (["2024-02-28", None], True),
        (["28/02/2024 23:00"], True),
        (["12", "13"], False),
        (["20240228"], False),  # one alone could be any number
        (["23:00"], False),  # no date without a year
        (["a"], False),
        ([None, None], False),
        ([1.0, 2.0], False),
        ([True, False], False),
    ],
)
def test_what_is_a_time(values, expected):
    """Dates, as such or as text, with a year."""
    assert is_time(pd.Series(values)) == expected


@pytest.mark.parametrize(
    ("times", "step"),
    [
        ([0, 10, 20, 0, 10, 30], 10.0),  # the median step within series
        ([0, 0, 7, 7, 7, 7], 7.0),  # equal times are no step
        ([5, 5, 5, 5, 5, 5], 1.0),
    ],
)
def test_steps_of_numbers(times, step):
    """Two series of three rows."""
    is_first = np.array([True, False, False] * 2)
    found = find_calendar(lambda: [(np.array(times, float), is_first)], has_dates=False)
    assert found == (Even(step=step), step)


def test_starts_of_one_series_are_that_one():
    """Nothing is known of others."""
    starts = Starts.of(np.array([7.0]), np.array([3]), 9.0, Even(step=1.0), False)
    drawn = starts.draw(
        np.array([3, 2]),
        np.array([3, 2]),
        Even(step=1.0),
        np.dtype(np.float64),
        np.random.default_rng(0),
    )
    assert drawn.tolist() == [7.0, 7.0]
