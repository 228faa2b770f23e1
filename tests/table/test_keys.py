"""Laws of ids and times that a table does not have as one column."""

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error, user_table

from tst.table.table import Table


def shops(n_shops=5, n_goods=7, n_days=15, seed=0):
    """Return a table whose series is a shop and a good; a good has a kind, a shop a town."""
    days = pd.date_range("2024-01-01", periods=n_days).strftime("%Y-%m-%d")
    names = ["branch", "good", "date"]
    branches = [f"b{i}" for i in range(n_shops)]
    index = pd.MultiIndex.from_product([branches, np.arange(100, 100 + n_goods), days], names=names)
    frame = index.to_frame(index=False)
    rng = np.random.default_rng(seed)
    frame.insert(1, "town", frame["branch"].map(lambda name: "xy"[int(name[1:]) % 2]))
    frame["kind"] = np.array(["dry", "fresh"])[frame["good"] % 2]
    frame["sold"] = rng.poisson(3, len(frame)) + 5 * (frame["kind"] == "dry")
    return frame


@pytest.mark.parametrize("roles", [None, {"id": ["branch", "good"]}, {"id": ["good", "branch"]}])
def test_an_id_of_two_columns_comes_back_as_two(roles):
    """Guessed or named: the same columns and dtypes, no pair twice, a good has one kind."""
    frame = shops()
    table, series = Table.fit(frame.sample(frac=1, random_state=0), roles)
    assert len(series) == 35
    assert series.lengths.tolist() == [15] * 35
    made = table.to_frame(series)
    assert list(made) == list(frame)
    assert (made.dtypes == frame.dtypes).all()
    assert not made.duplicated(["branch", "good", "date"]).any()
    assert made.groupby(["branch", "good"]).ngroups == 35
    assert set(made["branch"]) == set(frame["branch"])  # few, each of many series: an attribute
    assert not made["good"].isin(frame["good"]).any()  # names of series are new
    assert made["good"].nunique() == 7  # and shared between branches, as they were
    assert (made.groupby("good")["kind"].nunique() == 1).all()


def test_parts_of_a_sample_share_no_id():
    """Each begins where the one before it may have ended."""
    table, series = Table.fit(shops())
    frames = [table.to_frame(series, 0, first, 70) for first in (0, 35)]
    made = pd.concat(frames)
    assert made.groupby(["branch", "good"]).ngroups == 70


def test_one_series_comes_back_in_its_own_calendar():
    """Whole days of it, from the first on, one after another: the rows themselves."""
    times = pd.date_range("2024-05-06 07:30", periods=24 * 60, freq="h")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"at": times.strftime("%Y-%m-%d %H:%M"), "load": rng.poisson(50, len(times))}
    )
    table, series = Table.fit(frame.sample(frac=1, random_state=0))
    assert "one series, learned in stretches of 24 rows (a day)" in problem_text(table)
    assert set(series.lengths) == {24}
    assert series.group is None  # parts of one series may be held out
    made = table.to_frame(series)
    whole_days = frame.iloc[17 : 17 + len(made)].reset_index(drop=True)  # from midnight on
    assert made["at"].iloc[0] == "2024-05-07 00:30"
    assert len(frame) - len(made) == 24
    pd.testing.assert_frame_equal(made, whole_days)


def test_months_are_learned_by_the_year():
    """A year is twelve rows."""
    times = pd.date_range("1980-01-01", periods=12 * 30, freq="MS")
    frame = pd.DataFrame({"month": times, "rate": np.arange(360) % 12 + 0.5})
    table, series = Table.fit(frame)
    assert len(series) == 30
    pd.testing.assert_frame_equal(table.to_frame(series), frame)


def test_a_short_series_is_a_sentence():
    """Nothing can be learned from three rows."""
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=3), "x": [1.0, 2.0, 3.5]})
    assert "one series only, of 3 rows: give more" in table_error(frame)


def test_without_a_time_the_rows_keep_their_order():
    """No column is added; a series has its rows in their order, wherever they stand."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 9, 20)
    frame = pd.DataFrame({"strip": np.repeat([f"s{i:02d}" for i in range(20)], lengths)})
    frame["u"] = rng.normal(size=len(frame)).round(2)
    table, series = Table.fit(frame)
    assert "the order of the rows is the time" in problem_text(table)
    assert series.lengths.tolist() == lengths.tolist()
    made = table.to_frame(series)
    pd.testing.assert_series_equal(made["u"], frame["u"])
    assert list(made) == ["strip", "u"]
    order = np.argsort(rng.random(len(frame)) + np.arange(len(frame)) // 9, kind="stable")
    mixed = frame.iloc[order]  # rows of neighbours among each other
    _, again = Table.fit(mixed, {"id": "strip", "time": "none"})
    expected = mixed.sort_values("strip", kind="stable")["u"].to_numpy(np.float32)
    np.testing.assert_array_equal(again.values[:, 0], expected)


def test_none_may_be_a_column():
    """A column of that name is meant, where there is one."""
    frame = user_table().rename(columns={"host": "none"})
    table, _ = Table.fit(frame, {"id": "none"})
    assert table.keys.id == ("none",)


def test_columns_left_out_are_listed():
    """They are neither read nor written."""
    table, series = Table.fit(user_table(), {"leave_out": ["memory", "owner"]})
    assert "memory: left out" in problem_text(table)
    assert "memory" not in table.to_frame(series)
