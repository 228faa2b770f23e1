"""Laws of the calendar that a model sees: which cycles, and where in them a date is."""

import numpy as np
import pandas as pd
import pytest

from tst.cycles import PLACES, Cycles

FIRST = pd.Timestamp("2023-03-01")


def dates_of(freq, n_steps, n_series=3):
    """Return the dates of series one behind the other, and their lengths."""
    dates = pd.date_range(FIRST, periods=n_steps * n_series, freq=freq)
    return dates.as_unit("ns").asi8, np.full(n_series, n_steps)


@pytest.mark.parametrize(
    ("freq", "n_steps", "names"),
    [
        ("5min", 100, None),  # a day and an hour: seen once
        ("h", 20, ("day",)),
        ("h", 120, ("day", "week")),
        ("D", 5, ("week",)),  # a step of a day has no hour
        ("B", 40, ("week",)),
        ("D", 300, ("week", "year")),
        ("MS", 12, ("year",)),
        ("YS", 12, None),
    ],
)
def test_a_cycle_is_seen_that_is_covered_twice_by_finer_steps(freq, n_steps, names):
    """And no other: what was seen once is no cycle, what a step jumps over neither."""
    cycles = Cycles.of(*dates_of(freq, n_steps))
    assert (cycles and cycles.names) == names


def test_places_are_those_that_pandas_tells():
    """Minute, weekday, and day of a leap year, also before 1970 and on 29 February."""
    rng = np.random.default_rng(0)
    dates = rng.integers(-(10**18), 2 * 10**18, 500)
    dates[0] = pd.Timestamp("2024-02-29 23:59").value
    cycles = Cycles(names=("day", "week", "year"), first=0, last=1)
    known = pd.DatetimeIndex(dates)
    in_leap_year = pd.to_datetime("2000-" + known.strftime("%m-%d"))
    expected = [known.hour * 60 + known.minute, known.day_of_week, in_leap_year.day_of_year - 1]
    np.testing.assert_array_equal(cycles.places(dates), np.stack(expected, axis=1))


def test_each_place_has_a_code_of_its_hour_weekday_or_month():
    """The first numbers are one-hot; no two places share a code."""
    cycles = Cycles(names=("day", "week", "year"), first=0, last=1)
    months = pd.date_range("2000-01-01", periods=366).month - 1
    parts = [np.arange(1440) // 60, np.arange(7), months]
    for name, codes, part in zip(cycles.names, cycles.codes(), parts, strict=True):
        assert len(codes) == PLACES[name]
        n_parts = part.max() + 1
        np.testing.assert_array_equal(codes[:, :n_parts], np.eye(n_parts)[part])
        assert len(np.unique(codes, axis=0)) == len(codes)
    assert sum(codes.shape[1] for codes in cycles.codes()) == cycles.width


def test_starts_tell_what_differs_between_them():
    """Of starts at one hour of different days the weekday and how far they are, not the hour."""
    dates, lengths = dates_of("h", 24, n_series=30)
    cycles = Cycles.of(dates, lengths)
    starts = cycles.start_codes(dates[::24])
    assert cycles.names == ("day", "week")
    assert starts.shape == (30, 8)  # how far, and seven weekdays
    assert starts[0, 0] == -1
    assert (np.diff(starts[:, 0]) > 0).all()


@pytest.mark.parametrize("change", [{"names": ()}, {"last": 0}, {"start_columns": (99,)}])
def test_cycles_that_cannot_be_are_refused(change):
    """As a damaged model.json may have them."""
    with pytest.raises(ValueError, match="do not fit"):
        Cycles(**{"names": ("day",), "first": 0, "last": 1} | change)
