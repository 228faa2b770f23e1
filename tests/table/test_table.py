"""Laws of own tables: the order of rows is nothing, columns come back in kind, a mistake is one sentence or is listed."""

import io
import json
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from helpers import user_table
from hypothesis import given, settings
from hypothesis import strategies as st

from tst.data.simulated import example
from tst.series import DataError
from tst.table import columns
from tst.table.roles import Roles
from tst.table.table import Table


def read_back(frame):
    """Return what pandas reads from the CSV of a table."""
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


def found(table):
    """Return the list of problems as text."""
    return " | ".join(f"{column}: {what} ({n})" for column, what, n in table.problems)


def error(frame, roles=None):
    """Return the sentence that a table ends in."""
    with pytest.raises(DataError) as caught:
        Table.fit(frame, roles)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 300
    return text


def test_the_roles_of_a_plain_table_are_guessed():
    """Each column once, in the table's order."""
    shown = Table.fit(user_table())[0].roles().set_index("column")["role"].to_dict()
    assert (shown.pop("host"), shown.pop("when"), shown.pop("version")) == (
        "id",
        "time",
        "constant",
    )
    assert [k for k, v in shown.items() if v == "attribute"] == ["status", "size", "owner"]
    assert [
        k for k, v in shown.items() if v == "feature"
    ] == "cpu threads up state exact memory counter".split()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 999))
def test_the_order_of_the_rows_is_nothing(seed):
    """A shuffled table is the same series set and the same list of problems."""
    frame = user_table()
    (table, series), (other, shuffled) = (
        Table.fit(f) for f in (frame, frame.sample(frac=1, random_state=seed))
    )
    assert series.sha256() == shuffled.sha256() and table == other


def test_dtypes_come_back_from_csv_and_parquet(tmp_path):
    """Of the real series, written as if they were synthetic: columns, order and dtypes are the original's."""
    frame = user_table()
    made = (lambda t, s: t.to_frame(s))(*Table.fit(frame))
    assert list(made) == list(frame) and (made.dtypes == frame.dtypes).all()
    assert (read_back(made).dtypes == read_back(frame).dtypes).all()
    kinds = {
        "threads": "Int16",
        "cpu": "float32",
        "state": "category",
        "up": "boolean",
        "memory": "Float64",
    }
    typed = frame.astype(kinds).assign(
        when=pd.to_datetime(frame["when"]).dt.tz_localize("Europe/Paris").dt.as_unit("ms")
    )
    typed.to_parquet(tmp_path / "t.parquet")
    made = (lambda t, s: t.to_frame(s))(*Table.fit(tmp_path / "t.parquet"))
    made.to_parquet(tmp_path / "u.parquet")
    assert (
        pd.read_parquet(tmp_path / "u.parquet").dtypes
        == pd.read_parquet(tmp_path / "t.parquet").dtypes
    ).all()
    assert not set(made["host"]) & set(frame["host"])


def test_values_come_back():
    """Integers, truth values, categories, decimals and gaps exactly; other numbers to float32's digits; the rest is new."""
    frame = user_table().sort_values(["host", "when"]).reset_index(drop=True)
    table, series = Table.fit(frame)
    made = table.to_frame(series)
    for column in (
        "threads",
        "up",
        "state",
        "cpu",
        "memory",
        "counter",
        "status",
        "version",
        "when",
    ):
        pd.testing.assert_series_equal(made[column], frame[column])
    np.testing.assert_allclose(made["exact"], frame["exact"], rtol=1e-6)
    assert not made["owner"].isin(frame["owner"]).any() and made["size"].between(0, 1).all()
    assert Table.fit(frame, name="mine")[1].name == "mine"
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table


def test_times_come_back_in_kind():
    """Numbers, dates with a zone, months: regular, in the original's dtype or writing."""
    frame, n = user_table()[["host", "cpu"]], user_table().groupby("host").cumcount()
    months = (pd.PeriodIndex.from_ordinals(600 + n, freq="M")).to_timestamp()
    zoned = (pd.Timestamp("2024-01-01") + pd.to_timedelta(n, "h")).dt.strftime(
        "%Y-%m-%dT%H:%M:%S"
    ) + "+05:30"
    for times in (
        300 * n,
        0.5 * n,
        pd.Series(months),
        pd.Series(months).dt.strftime("%Y-%m-%d"),
        zoned,
    ):
        frame = frame.assign(t=times.to_numpy())
        table, series = Table.fit(frame)
        pd.testing.assert_series_equal(table.to_frame(series)["t"], frame["t"])


def test_synthetic_starts_lie_on_a_grid_between_the_real_ones():
    """Where real starts differ, new ones are drawn between the earliest and the latest."""
    frame = user_table()
    start = pd.Series(np.random.default_rng(0).integers(0, 500, 24)).repeat(
        frame.groupby("host").size().to_numpy()
    )
    frame["when"] = frame.groupby("host").cumcount() * 10 + start.to_numpy()
    table, series = Table.fit(frame)
    first = table.to_frame(series, seed=3).groupby("host")["when"].min()
    assert (
        first.between(start.min(), start.max()).all()
        and ((first - start.min()) % 10 == 0).all()
        and first.nunique() > 5
    )


def test_roles_override_the_guess(tmp_path):
    """A YAML names columns; what it does not name is left out; an unknown key or column is a sentence."""
    path = tmp_path / "roles.yml"
    path.write_text(
        "features: [cpu, threads]\nattributes: [status]\nlabel: status\ncategorical: [threads]\nwindow: 3\n"
    )
    table, series = Table.fit(user_table(), path)
    assert series.feature_names == ["cpu", "threads"] and series.features[1].kind == "categorical"
    assert series.label == "status" and series.lengths.max() == 3 and series.group is not None
    assert table.order == (
        "cpu",
        "host",
        "when",
        "threads",
        "status",
    ) and "memory: left out" in found(table)
    assert "unknown key 'feature'; known are id" in error(user_table(), {"feature": ["cpu"]})
    assert "name a column 'cpus' that the table lacks" in error(
        user_table(), {"features": ["cpus"]}
    )
    assert "attribute 'cpu' changes within a series" in error(user_table(), {"attributes": ["cpu"]})
    assert Roles.read(None) == Roles()


# ---- ten mistakes


def test_duplicate_times():
    """Equal rows and rows that disagree are dropped and listed, whatever their order; too many are a sentence."""
    frame = user_table()
    double = pd.concat([frame, frame.head(3), frame.iloc[5:7].assign(cpu=9.0)])
    table, series = Table.fit(double)
    assert "when: rows with the id and time of another, dropped" in found(table) and "(5)" in found(
        table
    )
    assert (
        Table.fit(double.iloc[::-1])[1].sha256() == series.sha256() == Table.fit(frame)[1].sha256()
    )
    assert "share 'host' and 'when' with another" in error(pd.concat([frame] * 3), {"id": "host"})


def test_one_series_only():
    """A sentence that offers a window; with it the parts are series."""
    frame = user_table().assign(host="h", when=np.arange(len(user_table())))[
        ["host", "when", "cpu", "threads"]
    ]
    assert "names one series only" in error(frame, {"id": "host"}) and "window" in error(
        frame, {"id": "host"}
    )
    _, series = Table.fit(frame, {"id": "host", "window": 10})
    assert len(series) > 5 and series.lengths.max() == 10


def test_a_constant_column():
    """It is listed and written back, an empty one too."""
    frame = user_table().assign(empty=np.nan)
    table, series = Table.fit(frame)
    assert "version: the same in every row" in found(
        table
    ) and "empty: the same in every row" in found(table)
    made = table.to_frame(series)
    assert (made["version"] == 3).all() and made["empty"].isna().all()
    assert "no column changes within the series" in error(
        frame[["host", "when", "version"]], {"id": "host"}
    )


def test_text_in_a_number_column():
    """Value, row and remedy."""
    frame = user_table().astype({"cpu": object})
    frame.loc[7, "cpu"] = "n.a."
    assert "column 'cpu' holds 'n.a.' in row 8, most others are numbers" in error(frame)


def test_mixed_time_zones():
    """Several offsets are taken to UTC and listed; some times without any are a sentence."""
    frame = user_table()
    zones = np.where(np.arange(len(frame)) % 2, "+02:00", "-03:30")
    hours = pd.to_timedelta(np.where(np.arange(len(frame)) % 2, 2, -3.5), "h")
    local = (pd.to_datetime(frame["when"]) + hours).dt.strftime("%Y-%m-%d %H:%M")
    table, series = Table.fit(frame.assign(when=local + zones))
    assert "time zones +02:00, -03:30 are mixed; all times are taken to UTC" in found(table)
    assert series.sha256() == Table.fit(frame)[1].sha256()
    assert table.to_frame(series)["when"].str.endswith("+00:00").all()
    assert "mixes times with and without a zone" in error(
        frame.assign(when=local + np.where(zones == "+02:00", zones, ""))
    )


def test_missing_ids_and_times():
    """Such rows are dropped and listed; a column without any is a sentence."""
    frame = user_table()
    frame.loc[[3, 9], "host"], frame.loc[20, "when"] = None, None
    table, series = Table.fit(frame)
    assert "host: rows with no id, dropped (2)" in found(
        table
    ) and "when: rows with no time, dropped (1)" in found(table)
    assert len(series.values) == len(frame) - 3
    assert "column 'host' is empty" in error(frame.assign(host=None), {"id": "host"})


def test_1e308():
    """Beyond float32, as infinity: value, row, remedy."""
    for value in (1e308, -np.inf):
        frame = user_table()
        frame.loc[4, "exact"] = value
        assert f"column 'exact' holds {value:g} in row 5, beyond 1e+30" in error(frame)


def test_gaps():
    """They are listed, and are a step like others; `gaps: cut` begins a new series; the parts keep their owner together."""
    frame = user_table().drop(index=[1, 12])
    table, series = Table.fit(frame)
    n = int(found(table).split("synthetic times have none (")[1].split(")")[0])
    _, cut = Table.fit(frame, {"gaps": "cut"})
    assert 1 <= n <= 2 and len(cut) == len(series) + n and cut.group
    assert (cut.values == series.values)[:, 0].all() and table.clock.step == 15 * 60e9


def test_a_feature_named_like_a_reserved_column():
    """`all`, and a companion's own name, stay as they are in the table."""
    frame = user_table().rename(columns={"cpu": "all", "exact": "memory missing"})
    table, series = Table.fit(frame)
    assert (
        "all" not in series.feature_names
        and "all: a name that the report keeps for itself" in found(table)
    )
    assert list(table.to_frame(series)) == list(frame)


def test_an_empty_file(tmp_path):
    """No bytes, a heading alone, no file, no table: each a sentence."""
    path = tmp_path / "own.csv"
    assert "no table at" in error(path)
    for text in ("", "host,when,cpu\n"):
        path.write_text(text)
        assert "own.csv is empty: give a table with a heading and rows." == error(path)
    (tmp_path / "own.parquet").write_text("no parquet")
    assert "cannot read own.parquet" in error(tmp_path / "own.parquet")


def test_more_that_goes_wrong():
    """No time, no id, dates that are none, names too many."""
    frame = user_table()
    assert "no column looks like a time" in error(frame[["host", "cpu", "exact"]])
    assert "no column names the series" in error(frame[["when", "cpu", "exact"]])
    frame.loc[6, "when"] = "yesterday"
    assert "holds 'yesterday' in row 7, no date like the others" in error(frame)
    many = pd.concat(
        [user_table(n_series=60).assign(state=lambda f: [f"s{i}" for i in range(len(f))])]
    )
    assert "too many for a category" in error(many)


def test_the_example_is_what_the_simulator_makes():
    """notebooks/example.csv, small, with its roles guessed."""
    from tst.io.paths import ROOT

    path = ROOT / "notebooks" / "example.csv"
    assert (
        path.read_text() == example.table().to_csv(index=False) and path.stat().st_size <= 200_000
    )
    shown = Table.fit(path)[0].roles().set_index("column")["role"]
    assert shown[["task", "time", "status", "machine"]].tolist() == [
        "id",
        "time",
        "attribute",
        "attribute",
    ]


# ---- what fuzzing found


def test_a_row_longer_than_the_heading(tmp_path):
    """pandas would take the first column for an index, and every value would stand under its neighbour's name."""
    lines = read_back(user_table()).to_csv(index=False).splitlines()
    (tmp_path / "t.csv").write_text("\n".join([lines[0], *(f"{line},9" for line in lines[1:])]))
    assert "t.csv has rows with more values than the heading has names" in error(tmp_path / "t.csv")


def test_a_name_twice_in_a_csv(tmp_path):
    """pandas would rename the second, and the synthetic table would have a column that the original lacks."""
    (tmp_path / "t.csv").write_text("id,t,x,x\na,1,2,3\n")
    assert error(tmp_path / "t.csv") == "t.csv has two columns named 'x': rename one."


def test_values_that_are_no_plain_ones():
    """Lists, intervals, periods, bytes, complex numbers and categories of dates are named; days and decimals are taken."""
    frame, n = user_table(), len(user_table())
    dates = pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02"] * n)[:n])
    for values in (
        [[1]] * n,
        pd.interval_range(0, n),
        pd.period_range("2024", periods=n),
        [b"x"] * n,
        dates,
    ):
        assert "column 'cpu' holds values of type" in error(frame.assign(cpu=pd.Series(values)))
    assert "holds values of type complex" in error(frame.assign(cpu=1j))
    days = pd.Series(
        [date(2024, 1, 1) + timedelta(int(k)) for k in frame.groupby("host").cumcount()]
    )
    table, series = Table.fit(frame.assign(when=days, cpu=[Decimal(k) / 4 for k in range(n)]))
    assert (
        table.to_frame(series)["when"].dtype.kind == "M"
        and (series.values[:, 0] * 4 % 1 == 0).all()
    )


def test_ids_that_leave_no_room():
    """New ids follow the greatest; where none can, it is said before anything is learned."""
    frame = user_table(6)
    frame["host"] = 2**63 - 1 - frame["host"].str[1:].astype(int) + 100
    assert (
        "column 'host' ends at 9223372036854775807, so that int64 has no room for 6 new ids"
        in error(frame)
    )
    frame["host"] = (2**63 - 1 - frame["host"]).astype("int8")
    table, series = Table.fit(frame)
    with pytest.raises(DataError, match="int8 has no room for 126 new ids"):
        table.new_ids(126)


def test_an_index_with_a_name_is_a_column(tmp_path):
    """As Parquet keeps it; one without a name is not."""
    frame = user_table()
    frame.set_index("host").to_parquet(tmp_path / "t.parquet")
    (_, found), (_, plain) = Table.fit(tmp_path / "t.parquet"), Table.fit(frame)
    assert found.lengths.tolist() == plain.lengths.tolist()


def test_a_column_with_broken_lines_in_its_name():
    """The sentence stays one line."""
    frame = user_table().rename(columns={"cpu": "a\nb"})
    frame.loc[3, "a\nb"] = np.inf
    assert "column 'a b' holds inf in row 4" in error(frame)


@pytest.mark.parametrize("code", [-1, 9999])
def test_a_number_that_means_missing(code):
    """Marked and filled in training, listed, set again exactly; whole numbers stay whole, and nothing lies in between."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"s{i:02d}" for i in range(40)], 50),
            "t": np.tile(np.arange(50) * 60, 40),
        }
    )
    frame["load"], frame["count"] = rng.random(2000).round(3), rng.integers(100, 160, 2000)
    gone = rng.random(2000) < 0.03
    frame.loc[gone, "load"], frame.loc[gone, "count"] = code, code
    table, series = Table.fit(frame)
    assert series.feature_names == ["load missing", "load", "count missing", "count"]
    assert (
        series.values[:, 0].sum() == gone.sum()
        and series.values[:, 1].max() <= 1
        and series.values[:, 3].min() >= 100
    )
    listed = table.problem_list().set_index("column")["found, and what is done"]
    assert f"{code}, far from all other values as a code for missing is" in listed["load"]
    back = table.to_frame(series)
    assert (back.dtypes == frame.dtypes).all()
    for column in ("load", "count"):
        np.testing.assert_array_equal(back[column] == code, gone)
        np.testing.assert_allclose(back[column], frame[column], atol=1e-6)
    assert Table.from_dict(table.to_dict()).to_frame(series).equals(back)


def test_numbers_that_only_look_like_codes():
    """Zeros under counts, a floor, two values, a rare outlier: numbers like any other."""
    rng = np.random.default_rng(0)
    zeros = np.where(rng.random(2000) < 0.3, 0.0, rng.random(2000) * 9 + 1)
    floor = np.maximum(rng.normal(size=2000), -1.0)
    outlier = np.r_[rng.random(1995), [-999.0] * 5]
    for x in (zeros, floor, outlier, rng.integers(0, 2, 2000) * 7.0):
        assert columns.ColumnCodec.fit(pd.Series(x, name="x")).missing_code is None
    skewed = np.r_[np.exp(3 * rng.normal(size=1900)), [-1.0] * 100]
    assert columns.ColumnCodec.fit(pd.Series(skewed, name="x")).missing_code == -1
