"""Laws of reading a user's table: what is no plain table is one sentence."""

import csv
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, table_error, user_table

from tst.errors import DataError
from tst.table import source
from tst.table.source import read
from tst.table.table import Table


def test_an_empty_file(tmp_path):
    """No bytes, a heading alone, no file, no table: each a sentence."""
    path = tmp_path / "own.csv"
    assert "no table at" in table_error(path)
    for text in ("", "host,when,cpu\n"):
        path.write_text(text)
        sentence = "own.csv is empty: give a table with a heading and rows."
        assert table_error(path) == sentence
    (tmp_path / "own.parquet").write_text("no parquet")
    assert "cannot read own.parquet" in table_error(tmp_path / "own.parquet")


def test_a_row_longer_than_the_heading(tmp_path):
    """pandas would take the first column for an index and shift all values by one name."""
    heading, *lines = read_back(user_table()).to_csv(index=False).splitlines()
    path = tmp_path / "t.csv"
    path.write_text("\n".join([heading, *(f"{line},9" for line in lines)]))
    assert "t.csv has rows with more values than the heading has names" in table_error(path)


def test_a_name_twice_in_a_csv(tmp_path):
    """pandas would rename the second, and the synthetic table would have a column of its own."""
    (tmp_path / "t.csv").write_text("id,t,x,x\na,1,2,3\n")
    sentence = "t.csv has two columns named 'x': rename one."
    assert table_error(tmp_path / "t.csv") == sentence


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_every_format_holds_the_same_table(tmp_path, name):
    """A file is read as the DataFrame that was written to it."""
    frame = user_table()
    path = tmp_path / name
    if name.endswith("parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read(path), read(frame), check_dtype=False)


def test_an_index_with_a_name_is_a_column(tmp_path):
    """As Parquet keeps it; one without a name is not."""
    frame = user_table()
    path = tmp_path / "t.parquet"
    frame.set_index("host").to_parquet(path)
    assert list(read(path)) == ["host", *frame.columns.drop("host")]
    _, indexed = Table.fit(path)
    _, plain = Table.fit(frame)
    assert indexed.lengths.tolist() == plain.lengths.tolist()


def test_values_that_are_no_plain_ones():
    """Lists, intervals, periods, bytes, complex numbers and categories of dates are named."""
    frame = user_table()
    n_rows = len(frame)
    dates = pd.to_datetime(["2024-01-01", "2024-01-02"] * n_rows)[:n_rows]
    for values in (
        [[1]] * n_rows,
        pd.interval_range(0, n_rows),
        pd.period_range("2024", periods=n_rows),
        [b"x"] * n_rows,
        pd.Categorical(dates),
    ):
        sentence = table_error(frame.assign(cpu=pd.Series(values)))
        assert "column 'cpu' holds values of type" in sentence
    assert "holds values of type complex" in table_error(frame.assign(cpu=1j))


def test_days_and_decimals_are_taken():
    """Days are dates, decimals are numbers."""
    frame = user_table()
    steps = frame.groupby("host").cumcount()
    days = [date(2024, 1, 1) + timedelta(int(step)) for step in steps]
    quarters = [Decimal(k) / 4 for k in range(len(frame))]
    table, series = Table.fit(frame.assign(when=pd.Series(days), cpu=quarters))
    assert table.to_frame(series)["when"].dtype.kind == "M"
    np.testing.assert_array_equal(series.values[:, 0] * 4 % 1, 0)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_more_columns_than_a_table_has(tmp_path, monkeypatch, name):
    """One sentence, before a row is read; as many as there may be are read."""
    frame = read_back(user_table())
    path = tmp_path / name
    if name.endswith("csv"):
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    monkeypatch.setattr(source, "MAX_COLUMNS", len(frame.columns))
    Table.fit(path)
    monkeypatch.setattr(source, "MAX_COLUMNS", len(frame.columns) - 1)
    monkeypatch.setattr(source, "_cleaned", None)
    assert f"has {len(frame.columns)} columns, more than the" in table_error(path)


@pytest.mark.slow
def test_blanks_at_the_ends_of_text_do_not_count(tmp_path):
    """An id that is padded in some rows is one; blanks alone and blanks within stay."""
    frame = user_table(n_series=60).assign(state=" ", place="on the way")
    padded = frame.copy()
    padded["host"] = [host + " " * (i % 3) for i, host in enumerate(frame["host"])]
    padded["when"] = " " + frame["when"]
    for table_or_file in (padded, tmp_path / "t.csv"):
        padded.to_csv(tmp_path / "t.csv", index=False)
        table, series = Table.fit(table_or_file)
        assert table.keys.id == ("host",)
        assert series.sha256() == Table.fit(frame)[1].sha256()
        assert set(table.to_frame(series)["state"]) == {" "}


def test_a_row_a_series_has_new_names(tmp_path):
    """Names that stand in one row alone never come back."""
    frame = user_table(n_series=150).drop_duplicates("host").reset_index(drop=True)
    frame["when"] = pd.date_range("2024-01-01", periods=len(frame), freq="D").astype(str)
    table, series = Table.fit(frame, {"id": "none"})
    made = table.to_frame(series)
    assert not set(made["host"]) & set(frame["host"])


@pytest.mark.parametrize("above", [",,%,GB", "-,UTC,[1],[2]", "name,date,share,size"])
def test_units_below_the_heading(tmp_path, above):
    """Words above numbers are named, and the row is to be deleted; a slip in a row is no unit."""
    frame = user_table()[["host", "when", "cpu", "memory"]]
    heading, *rows = frame.to_csv(index=False).splitlines()
    (tmp_path / "t.csv").write_text("\n".join([heading, above, *rows]))
    unit = above.split(",")[2]
    assert f"row 1 of t.csv holds no numbers but words, such as units ('{unit}')" in table_error(
        tmp_path / "t.csv"
    )
    (tmp_path / "t.csv").write_text("\n".join([heading, *rows]))
    Table.fit(tmp_path / "t.csv")
    slip = rows[0].rsplit(",", 1)[0] + ",much"
    (tmp_path / "t.csv").write_text("\n".join([heading, slip, *rows[1:]]))
    assert "holds 'much' in row 1" in table_error(tmp_path / "t.csv")


def test_a_heading_that_stands_again(tmp_path, monkeypatch):
    """As where files were joined: the row is named, in a file that is read in chunks, too."""
    text = user_table().to_csv(index=False)
    (tmp_path / "t.csv").write_text(text + text)
    for max_cells in (source.MAX_CELLS, 500):
        monkeypatch.setattr(source, "MAX_CELLS", max_cells)
        with pytest.raises(DataError, match=f"stands again in row {len(user_table()) + 1:,}, as"):
            for _ in source.ChunkedFile(tmp_path / "t.csv").chunks():
                pass
    assert "the heading stands again" in table_error(tmp_path / "t.csv")


def test_a_file_without_heading(tmp_path):
    """Its first row is not taken for names; names that are numbers or dates are names."""
    frame = user_table()[["host", "when", "cpu", "up"]]
    frame.to_csv(tmp_path / "t.csv", index=False, header=False)
    assert "looks like a row ('" in table_error(tmp_path / "t.csv")
    frame["when"] = pd.to_datetime(frame["when"]).dt.strftime("%d.%m.%Y %H:%M")
    frame.iloc[1:].to_csv(tmp_path / "t.csv", index=False, header=False)
    assert "looks like a row ('" in table_error(tmp_path / "t.csv")
    numbers = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)))
    numbers.to_csv(tmp_path / "t.csv", index=False)
    assert list(source.read(tmp_path / "t.csv")) == ["0", "1", "2"]
    years = numbers.set_axis(["1990", "1991", "1992"], axis=1)
    for frame in (years, years.assign(country="x")):
        frame.to_csv(tmp_path / "t.csv", index=False)
        assert list(source.read(tmp_path / "t.csv")) == list(frame)


def test_single_quotes(tmp_path):
    """They would stay around each value: text, and no number among them."""
    user_table().drop(columns="version").to_csv(
        tmp_path / "t.csv", index=False, quotechar="'", quoting=csv.QUOTE_ALL
    )
    assert "in single quotes ('" in table_error(tmp_path / "t.csv")
