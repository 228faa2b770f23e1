"""Laws of a table's rows: their order is nothing, and what is dropped or cut is listed."""

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error, user_table
from hypothesis import given, settings
from hypothesis import strategies as st

from tst.table.table import Table


@pytest.mark.slow
@settings(max_examples=8)
@given(st.integers(0, 999))
def test_the_order_of_the_rows_is_nothing(seed):
    """A shuffled table is the same series set and the same list of problems."""
    frame = user_table()
    table, series = Table.fit(frame)
    shuffled_table, shuffled = Table.fit(frame.sample(frac=1, random_state=seed))
    assert series.sha256() == shuffled.sha256()
    assert table == shuffled_table


@pytest.mark.slow
def test_duplicate_times():
    """Equal rows and rows that disagree are dropped and listed, whatever their order."""
    frame = user_table()
    double = pd.concat([frame, frame.head(3), frame.iloc[5:7].assign(cpu=9.0)])
    table, series = Table.fit(double)
    assert "when: rows with the id and time of another, dropped" in problem_text(table)
    assert "(5)" in problem_text(table)
    _, reversed_series = Table.fit(double.iloc[::-1])
    _, plain = Table.fit(frame)
    assert reversed_series.sha256() == series.sha256() == plain.sha256()


def test_too_many_duplicate_times():
    """Then the id is the wrong one."""
    double = pd.concat([user_table()] * 3)
    assert "share 'host' and 'when' with another" in table_error(double, {"id": "host"})


@pytest.mark.slow
def test_one_instant_in_two_zones_is_a_duplicate_time():
    """Rows are compared by their times, not by how these are written."""
    frame = user_table()
    frame = frame.assign(when=frame["when"] + "+00:00")
    utc = pd.to_datetime(frame["when"])
    again = frame.head(3).assign(when=(utc + pd.Timedelta("2h")).dt.strftime("%F %H:%M+02:00"))
    _, series = Table.fit(pd.concat([frame, again]))
    _, plain = Table.fit(frame)
    assert series.lengths.tolist() == plain.lengths.tolist()


def test_one_series_only():
    """It is cut into stretches, which is listed; a window says how long they are."""
    frame = user_table()[["host", "when", "cpu", "threads"]]
    frame = frame.assign(host="h", when=np.arange(len(frame)))
    table, series = Table.fit(frame, {"id": "host"})
    assert "one series, learned in stretches of 16 rows" in problem_text(table)
    assert set(series.lengths) == {16}
    assert "names one series only, of 3 rows" in table_error(frame.head(3), {"id": "host"})
    _, series = Table.fit(frame, {"id": "host", "window": 10})
    assert len(series) > 5
    assert series.lengths.max() == 10


def test_missing_ids_and_times():
    """Such rows are dropped and listed; a column without any is a sentence."""
    frame = user_table()
    frame.loc[[3, 9], "host"] = None
    frame.loc[20, "when"] = None
    table, series = Table.fit(frame)
    assert "host: rows with no id, dropped (2)" in problem_text(table)
    assert "when: rows with no time, dropped (1)" in problem_text(table)
    assert len(series.values) == len(frame) - 3
    assert "column 'host' is empty" in table_error(frame.assign(host=None), {"id": "host"})


def test_gaps():
    """They are listed, and are a step like others; `gaps: cut` begins a new series behind each."""
    frame = user_table().drop(index=[1, 12])
    table, series = Table.fit(frame)
    (n_gaps,) = [n_rows for _, text, n_rows in table.problems if text.startswith("gaps")]
    _, cut = Table.fit(frame, {"gaps": "cut"})
    assert 1 <= n_gaps <= 2
    assert len(cut) == len(series) + n_gaps
    assert cut.group  # the parts keep their owner together
    np.testing.assert_array_equal(cut.values[:, 0], series.values[:, 0])
    assert table.clock.step == 15 * 60e9
