"""Laws of tables larger than memory: in parts or in one piece, the same set and the same table."""

import errno
import os

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error, user_table
from hypothesis import given, settings
from hypothesis import strategies as st

from tst.io import files
from tst.table import columns, large, source, values
from tst.table import table as table_module
from tst.table.table import Table

pytestmark = pytest.mark.slow


@pytest.fixture
def in_parts(monkeypatch):
    """Chunks and parts of some rows."""
    monkeypatch.setattr(source, "MAX_CELLS", 600)
    monkeypatch.setattr(large, "PART_CELLS", 200)
    monkeypatch.setattr(large, "PENDING_IDS", 30)


def write(frame, path):
    """Write a table as its suffix says; of Parquet, in row groups of some rows."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=31)
    else:
        frame.to_csv(path, index=False)


def check_both_ways(frame, path, monkeypatch, roles=None):
    """Fit a file in parts and in one piece; all must agree. Return the table."""
    write(frame, path)
    assert source.ChunkedFile(path).is_large
    n_parts = []
    append = large.PartFolder.append
    with monkeypatch.context() as patch:
        patch.setattr(
            large.PartFolder, "append", lambda s, p, r: n_parts.append(p) or append(s, p, r)
        )
        table, series = Table.fit(path, roles)
    assert len(set(n_parts)) > 5
    with monkeypatch.context() as patch:
        patch.setattr(source, "MAX_CELLS", 10**9)
        expected_table, expected = Table.fit(path, roles)
    assert table == expected_table
    assert series.sha256() == expected.sha256()
    pd.testing.assert_frame_equal(series.attributes, expected.attributes)
    assert (series.features, series.group, series.interval) == (
        expected.features,
        expected.group,
        expected.interval,
    )
    return table


NAMES = ("t.csv", "t.csv.gz", "t.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_table_in_parts_is_the_table(tmp_path, monkeypatch, in_parts, name):
    """One column of each kind, rows in any order."""
    frame = user_table(60).sample(frac=1, random_state=1)
    check_both_ways(frame, tmp_path / name, monkeypatch, {"id": "host", "time": "when"})


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_id_of_several_columns_in_parts(tmp_path, monkeypatch, in_parts, name):
    """Also where one of them is missing in some rows: the same series and the same names."""
    frame = user_table(60)[["when", "cpu", "state"]]
    frame.insert(0, "site", user_table(60)["host"].str[1:].astype(int) // 7)
    frame["line"] = user_table(60)["host"].str[1:].astype(int) % 7
    check_both_ways(frame, tmp_path / name, monkeypatch, {"id": ["site", "line"]})
    frame.loc[frame.index[-3:], "line"] = np.nan
    table = check_both_ways(frame, tmp_path / name, monkeypatch, {"id": ["line", "site"]})
    assert "no id, dropped (3)" in problem_text(table)


def test_the_order_of_rows_in_parts(tmp_path, monkeypatch, in_parts):
    """The place of a row in its series is its time, in whatever part that is."""
    frame = user_table(60)[["host", "cpu", "state"]]
    check_both_ways(frame, tmp_path / "t.csv", monkeypatch, {"id": "host", "time": "none"})


def test_one_series_in_chunks(tmp_path, monkeypatch, in_parts):
    """Cut into the same stretches, though one part holds it whole."""
    path = tmp_path / "t.csv"
    times = pd.date_range("2024-01-01 05:00", periods=24 * 30, freq="h")
    write(pd.DataFrame({"when": times, "cpu": np.arange(len(times)) % 24}), path)
    table, series = Table.fit(path)
    monkeypatch.setattr(source, "MAX_CELLS", 10**9)
    expected_table, expected = Table.fit(path)
    assert table == expected_table
    assert series.sha256() == expected.sha256()


@pytest.mark.slow
def test_dtypes_in_parts(tmp_path, monkeypatch, in_parts):
    """Small, nullable, categorical ones, dates with a zone, durations; a categorical id."""
    frame = user_table(60).sample(frac=1, random_state=2)
    frame["when"] = pd.to_datetime(frame["when"]).dt.tz_localize("Europe/Paris").dt.as_unit("ms")
    frame["wait"] = pd.to_timedelta(frame["threads"], "min")
    kinds = {"threads": "Int16", "cpu": "float32", "up": "boolean", "memory": "Float64"}
    frame = frame.astype(kinds | {"state": "category", "host": "category"})
    check_both_ways(frame, tmp_path / "t.parquet", monkeypatch, {"id": "host"})


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_what_only_some_chunks_have(tmp_path, monkeypatch, in_parts, name):
    """A missing number, truth value, id or time; text among numbers; other decimals; a zone."""
    frame = user_table(80).reset_index(drop=True)
    frame["when"] += np.where(np.arange(len(frame)) < 200, "+00:00", "+02:00")
    frame["rare"] = frame["threads"]
    frame["flag"] = frame["up"]
    frame["mixed"] = (frame["threads"] % 3).astype(str)
    frame = frame.astype({"rare": object, "flag": object, "host": object})
    frame.loc[300, ["rare", "flag", "host"]] = None
    frame.loc[301, "when"] = None
    frame.loc[frame["mixed"] == "2", "mixed"] = "1"
    frame.loc[200:, "mixed"] = "x"
    frame.loc[320, "cpu"] = 0.12345
    frame["code"] = frame["counter"] % 97
    frame.loc[frame.index[::7], "code"] = -999
    frame["rare"] = frame["rare"].astype(float)
    frame = pd.concat([frame, frame.iloc[[5, 100]], frame.iloc[[7]].assign(cpu=9.0)])
    table = check_both_ways(frame, tmp_path / name, monkeypatch, {"id": "host", "time": "when"})
    text = problem_text(table)
    for words in ("no id, dropped (1)", "no time, dropped (1)", "are mixed", "-999", "(3)"):
        assert words in text


@pytest.mark.long
@pytest.mark.parametrize("roles", [{"gaps": "cut"}, {"window": 3}, {"label": "status"}])
def test_cuts_and_gaps_in_parts(tmp_path, monkeypatch, in_parts, roles):
    """Series are cut alike, and a series without any known number takes the median of all."""
    frame = user_table(60).drop(index=[1, 12, 44, 90])
    frame.loc[frame["host"] == "h120", "memory"] = np.nan
    named = {"id": "host", "time": "when"}
    check_both_ways(frame, tmp_path / "t.parquet", monkeypatch, roles | named)


@pytest.mark.slow
def test_mistakes_in_parts(tmp_path, in_parts):
    """The sentences are those of a small table, their rows the file's."""
    frame = user_table(60)
    path = tmp_path / "t.csv"
    for change, words in (
        ({"cpu": 1e308}, "column 'cpu' holds 1e.308 in row 301, beyond 1e.30"),
        ({"when": "soon"}, "column 'when' holds 'soon' in row 301, no date like the others"),
        ({"exact": "n.a."}, "column 'exact' holds 'n.a.' in row 301, most others are numbers"),
    ):
        wrong = frame.astype({name: object for name in change})
        wrong.loc[300, list(change)] = list(change.values())
        write(wrong, path)
        with pytest.raises(source.DataError, match=words):
            Table.fit(path, {"id": "host", "time": "when"})


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_column(tmp_path, monkeypatch, in_parts, name):
    """Also those that the parts, pyarrow or pandas give to columns of their own."""
    names = {"when": "times", "cpu": "times_", "exact": "row", "memory": "__index_level_0__"}
    frame = user_table(60).rename(columns=names)
    check_both_ways(frame, tmp_path / name, monkeypatch, {"id": "host"})


@pytest.mark.slow
def test_an_index_with_a_name_in_parts(tmp_path, monkeypatch, in_parts):
    """One that Parquet describes, or has as a column, is a column."""
    roles = {"id": "host", "time": "when"}
    frame = user_table(60).drop(columns="exact")
    for index in (pd.RangeIndex(7, 7 + 3 * len(frame), 3), pd.Index(np.arange(len(frame)) % 5)):
        frame.index = index.rename("exact")
        table = check_both_ways(frame, tmp_path / "t.parquet", monkeypatch, roles)
        assert table.order[0] == "exact"


@pytest.mark.slow
def test_the_median_of_a_column_is_found_once(tmp_path, monkeypatch, in_parts):
    """However many parts have a series without any number, which takes it."""
    frame = user_table(60)
    is_unknown = frame["host"].str[-1].isin(list("0248"))
    frame.loc[is_unknown, ["memory", "cpu"]] = np.nan
    write(frame, tmp_path / "t.parquet")
    asked = []
    median = table_module.median
    monkeypatch.setattr(table_module, "median", lambda parts: asked.append(1) or median(parts))
    Table.fit(tmp_path / "t.parquet", {"id": "host", "time": "when"})
    assert len(asked) == 2


@pytest.mark.slow
def test_dates_as_text_behind_the_first_part(tmp_path, monkeypatch, in_parts):
    """Are dates where the first series have none."""
    frame = user_table(60)
    is_known = frame["host"] > "h140"
    dates = np.resize(["1/2/2024", "13/2/2024", "14/2/2024"], len(frame))
    frame["seen"] = pd.Series(dates).where(is_known)
    roles = {"id": "host", "time": "when"}
    table = check_both_ways(frame, tmp_path / "t.parquet", monkeypatch, roles)
    assert "seen: seen is a date" in problem_text(table)


def test_a_chunk_without_a_time(tmp_path, in_parts):
    """Before text that is no date: the sentence is about the text."""
    frame = user_table(60)
    frame["when"] = "soon"
    frame.loc[:100, "when"] = None
    for name in ("t.csv", "t.parquet"):
        write(frame, tmp_path / name)
        sentence = table_error(tmp_path / name, {"id": "host", "time": "when"})
        assert sentence == "time column 'when' holds 'soon', neither a date nor a number."


def test_a_full_disk_ends_sorting_with_a_sentence(limited, monkeypatch):
    """While rows are dealt, and while sorted ones are written."""
    frame = pd.DataFrame({"x": np.arange(10_000.0)})
    times = np.arange(10_000)
    store = large.PartFolder(frame.dtypes.to_dict())
    said = f"cannot write {store.folder.path}: "
    with pytest.raises(files.WriteError, match=said):
        store.append(0, large._as_arrow(frame, times))
    with pytest.raises(files.WriteError, match=said):
        store.write(0, frame, times, times == 0)

    def _full(path, array):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", _full)
    with pytest.raises(files.WriteError, match=f"{said}the disk is full"):
        store.write(0, frame.head(5), times[:5], times[:5] == 0)


FLOATS = st.lists(
    st.floats(-1e6, 1e6).map(lambda x: round(x, 3)) | st.sampled_from([-1.0, 0.0, 7.0, 1e30]),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(FLOATS, st.integers(0, 60))
def test_facts_of_parts_are_those_of_the_whole(numbers, cut):
    """Of numbers, whatever part comes first; a column's codec follows from them."""
    column = pd.Series(np.repeat(numbers, 3))
    parts = [column[:cut], column[cut:]]
    whole = columns.ColumnFacts.of(column)
    joined = columns.ColumnFacts.of(parts[0]).joined(columns.ColumnFacts.of(parts[1]))
    facts = [vars(f.numbers) | {"distinct": len(f.numbers.distinct)} for f in (whole, joined)]
    assert facts[0] == facts[1]
    assert columns.ColumnCodec.of(joined) == columns.ColumnCodec.of(whole)


@settings(max_examples=60, deadline=None)
@given(FLOATS, st.integers(0, 60))
def test_the_median_of_parts_is_the_lower_of_the_middle_two(numbers, cut):
    """Bit for bit, of negative and equal numbers too."""
    x = np.array(numbers)
    assert values.median(lambda: [x[:cut], x[cut:]]) == np.sort(x)[(len(x) - 1) // 2]
