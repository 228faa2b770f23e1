"""Laws of the time column: times come back in kind, and synthetic ones are regular."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error, user_table
from hypothesis import given
from hypothesis import strategies as st

from tst.table.calendar import DAY, MINUTE, find_interval, is_time, read_times
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
    "text": pd.Series(HOURS.strftime("%Y-%m-%d %H:%M")),
    "text of days": pd.Series((HOURS[0] + pd.to_timedelta(STEP, "D")).strftime("%d/%m/%Y")),
    "text with offset": pd.Series(HOURS.strftime("%Y-%m-%dT%H:%M:%S") + "+05:30"),
    "text with negative offset": pd.Series(HOURS.strftime("%Y-%m-%dT%H:%M:%S") + "-03:30"),
    "text in UTC": pd.Series(HOURS.strftime("%Y-%m-%dT%H:%M:%S") + "Z"),
    "months": MONTHS,
    "quarters as text": pd.Series(
        pd.date_range("2020-04-15", periods=12, freq="3MS") + pd.Timedelta(days=14)
    ).dt.strftime("%Y-%m-%d"),
}


@pytest.mark.filterwarnings("ignore:Parsing dates in")
@pytest.mark.parametrize("kind", TIMES)
def test_times_come_back_in_kind(kind):
    """All series begin together: the synthetic times are the real ones, in dtype and writing."""
    n_series = 5
    times = pd.concat([TIMES[kind]] * n_series, ignore_index=True)
    frame = pd.DataFrame({"host": np.repeat(list("abcde"), len(STEP)), "t": times})
    frame["cpu"] = np.random.default_rng(0).random(len(frame))
    table, series = Table.fit(frame)
    pd.testing.assert_series_equal(table.to_frame(series)["t"], frame["t"])


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
    """Each series is regular and begins between the earliest and the latest real start."""
    lengths = np.array(lengths)
    dtype = "datetime64[s]" if has_dates else "int64"
    column = pd.Series(np.array([start, start + step * spread]).astype(dtype), name="t")
    read = read_times(column)
    unit = 10**9 if has_dates else 1
    clock = replace(
        read.clock,
        step=float(step * unit),
        first_start=float(read.times[0]),
        last_start=float(read.times[-1]),
    )
    written = clock.times(lengths, np.random.default_rng(seed))
    assert written.dtype == column.dtype
    times = read_times(written).times / unit
    first = np.cumsum(lengths) - lengths
    is_first = np.isin(np.arange(lengths.sum()), first)
    np.testing.assert_array_equal(np.diff(times)[~is_first[1:]], step)
    starts = times[first] - start
    np.testing.assert_array_equal(starts % step, 0)
    assert starts.min() >= 0
    assert starts.max() <= step * spread


def test_synthetic_starts_lie_between_the_real_ones():
    """Where real starts differ, new ones are drawn between the earliest and the latest."""
    frame = user_table()
    n_rows = frame.groupby("host").size().to_numpy()
    starts = np.random.default_rng(0).integers(0, 500, 24)
    frame["when"] = frame.groupby("host").cumcount() * 10 + np.repeat(starts, n_rows)
    table, series = Table.fit(frame)
    first = table.to_frame(series, seed=3).groupby("host")["when"].min()
    assert first.between(starts.min(), starts.max()).all()
    assert ((first - starts.min()) % 10 == 0).all()
    assert first.nunique() > 5


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
    sentence = table_error(frame)
    assert "holds 'yesterday' in row 7, no date like the others" in sentence
    sentence = table_error(frame, {"time": "state", "id": "host"})
    assert "neither a date nor a number" in sentence


@pytest.mark.filterwarnings("ignore:Parsing dates in")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (HOURS, True),
        (["2024-02-28", None], True),
        (["28/02/2024 23:00"], True),
        (["12", "13"], False),
        (["20240228"], False),  # could be any number
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
    ("times", "expected"),
    [
        ([0, 10, 20, 0, 10, 30], (10.0, 0)),  # the median step within series
        ([0, 0, 7, 7, 7, 7], (7.0, 0)),  # equal times are no step
        ([5, 5, 5, 5, 5, 5], (1.0, 0)),
    ],
)
def test_intervals_of_numbers(times, expected):
    """Two series of three rows."""
    is_first = np.array([True, False, False] * 2)
    assert find_interval(lambda: [(np.array(times, float), is_first)]) == expected


@pytest.mark.parametrize(("step", "months"), [("MS", 1), ("3MS", 3), ("28D", 0), ("YS", 12)])
def test_intervals_of_months(step, months):
    """Whole months where every step is one; 28 days are days."""
    times = pd.Series(pd.date_range("2023-01-01", periods=8, freq=step))
    is_first = np.arange(8) == 0
    nanoseconds = read_times(times).times
    assert find_interval(lambda: [(nanoseconds, is_first)])[1] == months
    assert DAY == 24 * 60 * MINUTE
