"""Laws of tables written in parts: one table, whole or not at all."""

import io

import numpy as np
import pandas as pd
import pytest

from tst.io import files
from tst.table.writer import csv_writer, table_writer


def parts():
    """Return parts of a table, of which the first has no value in one column."""
    frame = pd.DataFrame(
        {
            "id": ["a", "a", "b", "c", "c"],
            "when": pd.date_range("2024-01-01", periods=5, tz="Europe/Paris"),
            "x": [1.5, np.nan, 2.0, 3.0, 4.0],
            "state": pd.Categorical(list("uvuvu")),
            "note": [None, None, "late", None, "lost"],
        }
    )
    return frame, [frame.iloc[:2].reset_index(drop=True), frame.iloc[2:].reset_index(drop=True)]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".PQ"])
def test_parts_are_one_table(tmp_path, suffix):
    """As if it had been written at once."""
    whole, pieces = parts()
    path = tmp_path / f"x{suffix}"
    with table_writer(path, suffix) as write:
        for piece in pieces:
            write(piece)
    if suffix == ".csv":
        assert path.read_text() == whole.to_csv(index=False)
    else:
        pd.testing.assert_frame_equal(pd.read_parquet(path), whole, check_dtype=False)
        assert str(pd.read_parquet(path)["when"].dtype) == str(whole["when"].dtype)


def test_a_stream_has_one_heading():
    """Rows follow each other."""
    whole, pieces = parts()
    file = io.StringIO()
    write = csv_writer(file)
    for piece in pieces:
        write(piece)
    assert file.getvalue() == whole.to_csv(index=False)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_broken_table_leaves_what_was_there(tmp_path, suffix):
    """An error between two parts: the old file stays, and nothing beside it."""
    path = tmp_path / f"x{suffix}"
    path.write_text("of yesterday")
    with pytest.raises(KeyboardInterrupt):
        with files.replacing(path) as part, table_writer(part, suffix) as write:
            write(parts()[1][0])
            raise KeyboardInterrupt
    assert path.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [path]
