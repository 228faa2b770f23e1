"""Laws of what is shown before anything is learned."""

import numpy as np
import pandas as pd
import pytest
from helpers import user_table

from tst.table.summary import describe, example_indices
from tst.table.table import Table


def test_the_decision_is_shown():
    """Id, time and their evidence, each column once, lengths and three series, in short lines."""
    table, series = Table.fit(user_table())
    text = describe(table, series)
    lines = text.splitlines()
    assert lines[:2] == ["id:    host", "time:  when"]
    assert "  - called like an id" in lines
    assert "24 series of 3 to 8 steps" in text
    for name in user_table():
        assert sum(line.startswith(f"{name} ") for line in lines) == 1
    assert "3 of them, cpu by step:" in lines
    assert max(map(len, lines)) <= 100


def test_the_pace_of_uneven_rows_is_said():
    """In a unit that a reader knows."""
    rng = np.random.default_rng(0)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.exponential(9e6, 400).cumsum(), "ms")
    frame = pd.DataFrame({"id": np.repeat([f"a{i}" for i in range(20)], 20), "at": at, "x": 1.5})
    text = describe(*Table.fit(frame.assign(x=rng.normal(size=400))))
    assert " h apart in the median" in text


@pytest.mark.slow
def test_what_is_not_a_column_is_said():
    """One series in the order of its rows; many columns are listed in part."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 40)), columns=[f"sensor {i}a" for i in range(40)])
    frame["still"] = 1
    text = describe(*Table.fit(frame))
    assert "none: the table is one series" in text
    assert "none: the order of the rows" in text
    assert "... and 11 more columns" in text


def test_series_of_middle_lengths_are_examples():
    """Each once, and no more than there are."""
    _, series = Table.fit(user_table())
    chosen = example_indices(series)
    assert len(set(chosen)) == 3
    assert abs(np.median(series.lengths[chosen]) - np.median(series.lengths)) <= 1
    two = Table.fit(user_table(2), {"id": "host", "time": "when"})[1]
    assert len(example_indices(two)) == 2


def test_the_cycles_that_the_model_sees_are_said():
    """Those of the calendar that a table covers twice; none where times are numbers."""
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=600, freq="h")})
    frame["load"] = np.sin(np.arange(600)).round(3)
    text = describe(*Table.fit(frame, {"time": "time"}))
    assert "the model sees of each step: time of the day, day of the week" in text
    text = describe(*Table.fit(frame.assign(time=np.arange(600.0)), {"time": "time"}))
    assert "the model sees" not in text
