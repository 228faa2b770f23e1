"""Laws of what pandas would not keep of a CSV: it comes back as it was written."""

import gzip

import numpy as np
import pandas as pd
import pytest
from helpers import user_table

from tst.table import source, written
from tst.table.recent import Recent
from tst.table.table import Table


def as_text(frame):
    """Return what stands in the CSV of a table, as text."""
    return pd.DataFrame({name: frame[name].astype(str) for name in frame})


def coded(n_series=40):
    """Return a table whose id, attribute and state have zeros in front, and text has words."""
    rng = np.random.default_rng(0)
    lengths = np.full(n_series, 12)
    series = np.repeat(np.arange(n_series), lengths)
    frame = pd.DataFrame({"meter": [f"{7 * i:05d}" for i in series]})
    frame["step"] = [f"{i:03d}" for i in np.tile(np.arange(12), n_series)]
    frame["zip"] = rng.choice(["01067", "10115", "80331"], n_series)[series]
    frame["state"] = rng.choice(["007", "012", "110"], len(frame))
    frame["defect"] = rng.choice(["None", "NA", "crack", ""], len(frame))
    frame["alarm"] = rng.choice(["True", "False", "NA"], len(frame))
    frame["valid"] = rng.choice(["TRUE", "FALSE"], len(frame))
    frame["open"] = rng.choice(["true", "false", ""], len(frame))
    frame["load"] = rng.choice(["1.5", "0.25", "NaN"], len(frame))
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize("max_cells", [10**9, 500])
def test_zeros_in_front_and_words_come_back(tmp_path, monkeypatch, name, max_cells):
    """Codes keep their digits, None and NA are texts where the column is text."""
    monkeypatch.setattr(source, "MAX_CELLS", max_cells)
    frame = coded()
    frame.to_csv(tmp_path / name, index=False)
    table, series = Table.fit(tmp_path / name)
    assert (table.keys.id, table.keys.time) == (("meter",), "step")
    made = table.to_frame(series)
    made.to_csv(tmp_path / "made.csv", index=False)
    again = pd.read_csv(tmp_path / "made.csv", dtype=str, keep_default_na=False)
    for column in ("step", "zip", "state", "defect", "valid", "open"):
        assert again[column].tolist() == frame[column].tolist()
    assert again["meter"].str.fullmatch(r"\d{5}").all()
    assert not set(again["meter"]) & set(frame["meter"])
    for column in ("alarm", "load"):  # a truth value or a number that is missing is empty
        assert again[column].tolist() == frame[column].replace({"NA": "", "NaN": ""}).tolist()


def test_a_plain_file_is_read_once(tmp_path, monkeypatch):
    """Without such a value the rows are not gone through as text."""
    path = tmp_path / "t.csv"
    frame = user_table()
    frame["when"] = pd.to_datetime(frame["when"]).dt.strftime("%d/%m/%Y %H:%M")
    frame["cpu"] = frame["cpu"] * 0.001
    frame.to_csv(path, index=False)
    monkeypatch.setattr(written, "_Column", None)
    assert written.Written.of(path, None) == written.Written()


@pytest.mark.parametrize("at", range(0, 70, 7))
def test_a_value_across_blocks_is_seen(tmp_path, monkeypatch, at):
    """Wherever a block of bytes ends."""
    monkeypatch.setattr(written, "BLOCK", 64)
    text = "a,b\n" + "1,2\n" * 30 + "x" * at + ",007\n"
    (tmp_path / "t.csv").write_text(text)
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write(text)
    assert written.Written.of(tmp_path / "t.csv", None).text == ("b",)
    assert written._has_any(tmp_path / "t.csv", None)
    assert written._has_any(tmp_path / "t.csv.gz", "gzip")
    (tmp_path / "t.csv").write_text(text.replace("007", "7"))
    assert not written._has_any(tmp_path / "t.csv", None)


def test_truth_values_are_taken_as_a_frame_has_them(tmp_path):
    """A frame of the same file has True for TRUE: rows behind which to go on, and what is given."""
    frame = user_table()
    rng = np.random.default_rng(0)
    frame["late"] = (rng.random(frame["host"].nunique()) < 0.5)[pd.factorize(frame["host"])[0]]
    text = frame.assign(late=frame["late"].map({True: "TRUE", False: "FALSE"}))
    text.to_csv(tmp_path / "t.csv", index=False)
    roles = {"id": "host", "time": "when", "attributes": ["status", "size", "late"]}
    table, _ = Table.fit(tmp_path / "t.csv", roles)
    assert table.given("late", True) == table.given("late", "TRUE") != table.given("late", False)
    again = Recent.of(table, pd.read_csv(tmp_path / "t.csv"))
    assert set(again.rows["late"]) == {"TRUE", "FALSE"}
