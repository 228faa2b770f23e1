"""Laws of dates as people write them: written, read and written again, they are the same."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from helpers import table_error

from tst.errors import DataError
from tst.table.calendar import is_time, read_times
from tst.table.dates import DateFormat, formats_of, shapes_of
from tst.table.table import Table
from tst.table.time_evidence import TimeEvidence

DAYS = pd.Series(pd.date_range("2019-01-30", periods=400))
HOURS = pd.Series(pd.date_range("2019-12-30 09:00", periods=400, freq="37min"))
MONTHS = pd.Series(pd.date_range("1998-01-01", periods=60, freq="MS"))
QUARTERS = pd.Series(pd.date_range("1998-01-01", periods=40, freq="QS"))
WEEKS = pd.Series(pd.date_range("2018-01-01", periods=160, freq="7D"))
SECONDS = pd.Series(pd.date_range("2019-12-31 23:59:50", periods=400, freq="1s"))

WRITTEN = {
    "%Y-%m-%d": DAYS,
    "%Y/%m/%d": DAYS,
    "%d/%m/%Y": DAYS,
    "%m/%d/%Y": DAYS,
    "%-m/%-d/%Y": DAYS,
    "%-d.%-m.%Y": DAYS,
    "%d-%m-%y": DAYS,
    "%Y%m%d": DAYS,
    "%Y-%j": DAYS,
    "%d %b %Y": DAYS,
    "%-d %B %Y": DAYS,
    "%B %-d, %Y": DAYS,
    "%d-%b-%y": DAYS,
    "%a %d %b %Y": DAYS,
    "%G-W%V-%u": DAYS,
    "%GW%V%u": DAYS,
    "%G-W%V": WEEKS,
    "%Y-%m": MONTHS,
    "%m/%Y": MONTHS,
    "%b %Y": MONTHS,
    "%B %Y": MONTHS,
    "%YM%m": MONTHS,
    "%Ym%m": MONTHS,
    "%Yq%q": QUARTERS,
    "%G%V": WEEKS,
    "%Y Q%q": QUARTERS,
    "%YQ%q": QUARTERS,
    "%Y-Q%q": QUARTERS,
    "Q%q %Y": QUARTERS,
    "%Y-%m-%d %H:%M": HOURS,
    "%-m/%-d/%Y %-H:%M": HOURS,
    "%d.%m.%Y %H:%M": HOURS,
    "%Y-%m-%d %I:%M %p": HOURS,
    "%Y%m%d%H%M": HOURS,
    "%Y-%m-%dT%H:%M:%S": SECONDS,
    "%Y%m%d%H%M%S": SECONDS,
    "%Y-%m-%d %H:%M:%S.%3f": SECONDS,
}
CASES = [(pattern, case) for pattern in WRITTEN for case in ("", "upper", "lower")]
CASES = [(p, case) for p, case in CASES if not case or any(s in p for s in ("%b", "%B", "%a"))]


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "case"), CASES)
def test_dates_come_back_as_they_were_written(pattern, case):
    """In any order of rows, the format is found, and the dates are the ones that were written."""
    dates = WRITTEN[pattern].sample(frac=1, random_state=0)
    text = DateFormat(pattern=pattern, case=case).write(dates)
    assert is_time(text)
    read = read_times(text.rename("t"))
    nanoseconds = dates.to_numpy("datetime64[ns]").astype(np.int64)
    np.testing.assert_array_equal(read.times, nanoseconds)
    written = read.clock.write(read.times)
    assert written.tolist() == text.tolist()


@pytest.mark.parametrize("pattern", ["%Y%m%d", "%Y%m", "%G%V", "%Y%m%d%H", "%Y%m%d%H%M"])
@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64"])
def test_dates_as_digits(pattern, dtype):
    """Numbers whose digits are dates are dates, in their dtype."""
    dates = {"%Y%m": MONTHS, "%G%V": WEEKS}.get(pattern, DAYS)
    column = DateFormat(pattern=pattern).write(dates).astype("int64").astype(dtype).rename("t")
    assert is_time(column)
    read = read_times(column)
    np.testing.assert_array_equal(read.times, dates.to_numpy("datetime64[ns]").astype(np.int64))
    pd.testing.assert_series_equal(read.clock.write(read.times), column)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_seconds_since_1970(unit):
    """And smaller units: dates, and the same whole numbers again."""
    column = pd.Series(HOURS.to_numpy(f"datetime64[{unit}]").astype(np.int64), name="t")
    read = read_times(column)
    assert read.clock.has_dates
    np.testing.assert_array_equal(read.times, HOURS.to_numpy("datetime64[ns]").astype(np.int64))
    pd.testing.assert_series_equal(read.clock.write(read.times), column)


@pytest.mark.parametrize(("periods", "middle", "digits"), [(12, 0.5, 3), (12, 0, 4), (4, 0, 2)])
def test_years_with_decimals(periods, middle, digits):
    """Months or quarters of a year, rounded as they are: 1958.208 is the middle of March."""
    column = pd.Series(((np.arange(50) + middle) / periods + 1958).round(digits), name="t")
    assert is_time(column)
    read = read_times(column)
    np.testing.assert_array_equal(np.diff(read.times), 12 / periods if middle == 0 else 1)
    pd.testing.assert_series_equal(read.clock.write(read.times), column)


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("dtype", ["str", "object", "string", "category"])
def test_whole_numbers_kept_as_text(width, dtype):
    """With zeros in front or without: numbers that sort as such, and the same text again."""
    numbers = np.arange(8, 1500, 7)
    text = pd.Series([str(i).zfill(width) for i in numbers], name="t")
    column = text.astype(dtype)
    read = read_times(column)
    assert not read.clock.has_dates
    np.testing.assert_array_equal(read.times, numbers)
    written = read.clock.write(read.times)
    assert written.tolist() == column.tolist()
    assert written.dtype.kind == column.dtype.kind
    with pytest.raises(DataError, match="'soon' is not a time of 't'"):
        read.clock.given_starts(["8", "soon"])
    assert read.clock.given_starts(["8"]).tolist() == [8.0]


def test_a_table_whose_times_are_numbers_kept_as_text():
    """Read in the order of the numbers, not of the text, and written as text again."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat([f"p{i}" for i in range(30)], 12)})
    frame["visit"] = np.tile(np.arange(1, 13), 30).astype(str)
    frame["x"] = np.tile(np.arange(12.0), 30) + rng.normal(0, 0.1, 360).round(3)
    table, series = Table.fit(frame.sample(frac=1, random_state=0))
    table = Table.from_dict(json.loads(json.dumps(table.to_dict())))
    assert table.keys.time == "visit"
    written = table.to_frame(series)
    assert written["visit"].tolist() == frame["visit"].tolist()
    assert (written["x"] + 1 - written["visit"].astype(int)).abs().max() < 0.5


SPANS = pd.Series(pd.to_timedelta(np.arange(0, 3000, 45), "min"))


@pytest.mark.parametrize(
    "column",
    [
        SPANS,
        SPANS.dt.as_unit("s"),
        SPANS.astype(str),  # as pandas writes them to a CSV
        pd.Series([f"{m // 60:02d}:{m % 60:02d}" for m in range(0, 3000, 45)]),
        pd.Series([f"{m // 60}:{m % 60:02d}:00" for m in range(0, 3000, 45)]),
    ],
)
def test_durations(column):
    """As such or as text: the same again."""
    read = read_times(column.rename("t"))
    np.testing.assert_array_equal(read.times, SPANS.to_numpy("timedelta64[ns]").astype(np.int64))
    pd.testing.assert_series_equal(read.clock.write(read.times), column.rename("t"))


@pytest.mark.parametrize("place", ["Europe/Paris", "America/New_York", "Australia/Sydney"])
def test_offsets_that_change_with_the_season(place):
    """Local hours over a change of clocks keep their offsets, and are an hour apart."""
    hours = pd.date_range("2023-03-01", "2023-12-01", freq="6h", tz="UTC").tz_convert(place)
    text = pd.Series([hour.isoformat() for hour in hours], name="t")
    read = read_times(text)
    assert set(np.diff(read.times)) == {6 * 3600 * 10**9}
    assert read.clock.write(read.times).tolist() == text.tolist()
    assert read.problems == ()


def test_a_fraction_that_only_some_have():
    """Python leaves it out where it is 0."""
    dates = pd.Series(pd.date_range("2020-01-01", periods=9, freq="250ms"))
    text = pd.Series([date.isoformat() for date in dates], name="t")
    assert text.str.len().nunique() == 2
    text = text.str.replace("000$", "", regex=True)
    read = read_times(text)
    assert read.clock.write(read.times).tolist() == text.tolist()


@pytest.mark.parametrize(
    "pattern", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%-d.%-m.%Y %-H:%M", "%d %b %Y %I:%M %p"]
)
@pytest.mark.parametrize("bare", ["all", "some", "none"])
def test_midnights_that_are_bare(pattern, bare):
    """R leaves out a time of the day that is 0; where some midnights say it, all do in a copy."""
    dates = pd.Series(pd.date_range("2023-03-13", periods=200, freq="6h"))
    whole = DateFormat(pattern=pattern).write(dates)
    days = DateFormat(pattern=re.split("[T ]%-?[HI]", pattern)[0]).write(dates)
    is_bare = (dates.dt.hour == 0) & (bare != "none")
    if bare == "some":
        is_bare &= dates.dt.day % 2 == 0
    text = whole.where(~is_bare, days).rename("t")
    read = read_times(text)
    wanted = whole if bare == "some" else text
    assert read.clock.write(read.times).tolist() == wanted.tolist()


def test_what_lacks_more_than_the_time_is_no_bare_midnight():
    """Of a month alone the day would be lost; of seconds alone that are 0, nothing is left out."""
    texts = pd.Series(["2024-01", "2024-01-05 05:30", "2024-02"])
    found = TimeEvidence.of(texts).writing(texts).format
    assert found.write(pd.Series(pd.to_datetime(["2024-01-15"]))).tolist() == ["2024-01-15 00:00"]
    texts = pd.Series(["2024-01-01", "2024-01-02 12:00:00.000 AM", "2024-01-02 05:00:00.500 PM"])
    found = TimeEvidence.of(texts).writing(texts).format
    assert found.write(found.read(texts[1:])).tolist() == texts[1:].tolist()


@pytest.mark.parametrize("pattern", ["%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M"])
def test_the_column_tells_day_from_month(pattern):
    """By a number above 12, or, where there is none, by the more regular dates."""
    text = DateFormat(pattern=pattern).write(MONTHS).rename("t")
    assert text.str[:2].astype(int).max() <= 12
    read = read_times(text.sample(frac=1, random_state=1))
    assert read.clock.writing.format.pattern == pattern


def test_hours_of_few_days_tell_day_from_month():
    """Days follow each other rather than months; of one day alone, nothing depends on it."""
    hours = pd.Series(pd.date_range("2023-03-02", periods=100, freq="h"))
    for dates in (hours, hours.head(20)):
        text = DateFormat(pattern="%-d/%-m/%Y %H:%M").write(dates).rename("t")
        read = read_times(text)
        assert set(np.diff(read.times)) == {3600 * 10**9}
        assert read.clock.write(read.times).tolist() == text.tolist()


def test_a_column_that_does_not_tell_day_from_month():
    """It is asked for, once; the answer settles it, and dates that are alike need none."""
    text = pd.Series([f"{day:02d}/03/2023" for day in range(1, 13)], name="t")
    with pytest.raises(DataError, match="may begin with the day or with the month: say which"):
        read_times(text)
    day = read_times(text, order="day first").times
    month = read_times(text, order="month first").times
    assert set(np.diff(day)) == {24 * 3600 * 10**9}
    assert np.diff(month).min() >= 28 * 24 * 3600 * 10**9
    frame = pd.DataFrame({"id": np.repeat(list("ab"), 12), "t": pd.concat([text] * 2).to_numpy()})
    frame["x"] = np.random.default_rng(0).random(24)
    assert "(dates: day first, or: month first)" in table_error(frame)
    table, series = Table.fit(frame, {"dates": "month first"})
    assert table.to_frame(series)["t"].tolist() == frame["t"].tolist()


@pytest.mark.parametrize(
    "text",
    [
        ["1.2.3", "1.2.4", "2.0.1"],  # versions
        ["10.0.0.1", "10.0.0.2"],
        ["a-1", "b-2"],
        ["12", "13", "14"],
        ["123456", "654321", "999999"],
        ["01013", "90210"],
        ["Q", "W"],
        ["May", "June"],  # a month without a year
        ["+49 30 1234", "+49 30 4321"],
        ["12:30", "12:45"],
        [""],
    ],
)
def test_what_is_no_date(text):
    """Versions, addresses, codes, names, telephone numbers, times of a day."""
    assert not is_time(pd.Series(text))


@pytest.mark.parametrize("x", [[1, 2, 3], [20190101, 20190132, 20190103], [0.5, 1.5], [1958.3]])
def test_numbers_that_are_no_dates(x):
    """Counts, digits without such a day, few decimals."""
    assert not is_time(pd.Series(x))


def test_the_shapes_of_dates():
    """Digits are alike; a column of other shapes has no format."""
    assert shapes_of(["2019-01-02", "2020-11-12", "1/2/2019"]) == {"9999-99-99", "9/9/9999"}
    assert formats_of({"9999-99-99", "9/9/9999"}) == []
    assert [one.pattern for one in formats_of({"9999-99-99"})] == ["%Y-%m-%d"]


@pytest.mark.parametrize("pattern", ["%d/%m/%y", "%y/%m/%d", "%m/%d/%y"])
def test_uneven_dates_are_read_in_the_order_of_the_rows(pattern):
    """Days of the tens of years may be years: what is in order one way is shuffled the other."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        first = pd.Timestamp("2010-03-01") + pd.Timedelta(days=int(rng.integers(0, 400)))
        dates = first + pd.to_timedelta(rng.integers(330, 400, 9).cumsum(), "D")
        rows.append(pd.DataFrame({"car": f"c{i}", "date": dates.strftime(pattern), "at": dates}))
    frame = pd.concat(rows, ignore_index=True)
    evidence = TimeEvidence.of(frame["date"])
    assert evidence.date_format("date").pattern == pattern
