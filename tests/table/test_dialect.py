"""Laws of how a CSV is written: semicolons, tabs, decimal commas; a copy is written alike."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from helpers import table_error, user_table

from tst.table import source
from tst.table.dialect import Dialect
from tst.table.source import read
from tst.table.table import Table
from tst.table.writer import table_writer

PLAIN = Dialect()
DIALECTS = {
    "semicolons and decimal commas": Dialect(separator=";", decimal=","),
    "semicolons": Dialect(separator=";"),
    "tabs": Dialect(separator="\t"),
    "tabs and decimal commas": Dialect(separator="\t", decimal=","),
    "bars": Dialect(separator="|"),
}


def written(frame, path, dialect):
    """Write a table, and return where."""
    options = {"compression": "gzip"} if path.suffix == ".gz" else {}
    frame.to_csv(path, index=False, **dialect.writing(), **options)
    return path


@pytest.mark.long
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize("max_cells", [10**9, 100])
@pytest.mark.parametrize("kind", DIALECTS)
def test_a_table_is_the_same_however_it_is_set_apart(tmp_path, monkeypatch, kind, max_cells, name):
    """Read as with commas, in memory and in chunks; the copy is written as the table was."""
    monkeypatch.setattr(source, "MAX_CELLS", max_cells)
    frame = user_table(n_series=12).assign(note=lambda f: f["status"] + ' "a", b; c')
    dialect = DIALECTS[kind]
    roles = {"id": "host", "time": "when"}
    plain, expected = Table.fit(written(frame, tmp_path / f"plain_{name}", PLAIN), roles)
    table, series = Table.fit(written(frame, tmp_path / name, dialect), roles)
    assert (plain.dialect, table.dialect) == (PLAIN, dialect)
    assert series.sha256() == expected.sha256()
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table
    for one, its, out in ((table, series, "copy.csv"), (plain, expected, "plain_copy.csv")):
        with table_writer(tmp_path / out, ".csv", dialect=one.dialect) as write:
            write(one.to_frame(its))
    assert Dialect.of(tmp_path / "copy.csv", None) == dialect
    assert Dialect.of(tmp_path / "plain_copy.csv", None) == PLAIN
    pd.testing.assert_frame_equal(read(tmp_path / "copy.csv"), read(tmp_path / "plain_copy.csv"))


def test_zeros_in_front_and_words_are_kept_between_semicolons(tmp_path):
    """As between commas."""
    rng = np.random.default_rng(0)
    frame = user_table()
    frame["zip"] = [f"{i % 7:05d}" for i in range(len(frame))]
    frame["defect"] = rng.choice(["None", "crack", ""], len(frame))
    table, series = Table.fit(written(frame, tmp_path / "t.csv", Dialect(separator=";")))
    made = table.to_frame(series)
    assert set(made["zip"]) == set(frame["zip"])
    assert set(made["defect"].fillna("")) == set(frame["defect"])


def test_blanks_behind_commas_belong_to_no_value(tmp_path):
    """Neither to names nor to times; a blank within a value stays."""
    lines = user_table().assign(state="on the way").to_csv(index=False).splitlines()
    (tmp_path / "plain.csv").write_text("\n".join(lines))
    (tmp_path / "t.csv").write_text("\n".join(line.replace(",", ", ") for line in lines))
    pd.testing.assert_frame_equal(read(tmp_path / "t.csv"), read(tmp_path / "plain.csv"))
    assert set(read(tmp_path / "t.csv")["state"]) == {"on the way"}


def test_values_behind_blanks_are_kept_as_others(tmp_path):
    """Zeros in front, words and truth values."""
    frame = user_table()
    rng = np.random.default_rng(0)
    for name, values in {"zip": ["01", "21"], "note": ["None", "ok"], "on": ["TRUE"]}.items():
        frame[name] = rng.choice(values, len(frame))
    (tmp_path / "t.csv").write_text(frame.to_csv(index=False).replace(",", ", "))
    for name in ("zip", "note", "on"):
        assert read(tmp_path / "t.csv")[name].tolist() == frame[name].tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1;2,3\n4;5,6\n", PLAIN),
        ("a,b;c\n1,2;2\n3,4;4\n", PLAIN),  # text with semicolons
        ("a\n1;2\n", PLAIN),
        ("a,b,c\n1,2,3\n4,5\n", PLAIN),  # a short line
        ('a,b\n"1', PLAIN),
        ("", PLAIN),
        ("a;b\n1,234;2.5\n2,500;1.5\n", Dialect(separator=";")),  # thousands
        ("a;b\n1,234;x\n2500;y\n", Dialect(separator=";", decimal=",")),  # no thousands
        ("a;b\n0,234;x\n2,500;y\n", Dialect(separator=";", decimal=",")),
        ("a;b\n1,234e+01;x\n2,5e3;y\n", Dialect(separator=";", decimal=",")),
        ("a\tb\n0.5\t1,2\n1.5\t1,2,3\n", Dialect(separator="\t")),  # lists of ports
        ("a;b\n21.375;x\n22.125;y\n", Dialect(separator=";")),
        ("a; b\n1; -0,13\n2; 1,5\n", Dialect(separator=";", decimal=",", skips_blanks=True)),
        ("a;b;c\n" + "1;2;3\n" * 9 + "1;2\n", Dialect(separator=";")),  # an empty last value
        ("a;b\n1.234;2,5\n2.500;1,5\n", Dialect(separator=";", decimal=",")),
        ('a;b\n"x;y";1\n"z\nw";2\n', Dialect(separator=";")),
        ("\ufeffa\tb\r\n1\t2\r\n", Dialect(separator="\t")),
        ("a b  c\n1 2.5 -3 \n  4  5 NaN\n", Dialect(separator=" ")),
        ("day clock x y\n2004-03-31 03:38 -1.5 2\n2004-03-31 03:39 .5 2\n", Dialect(separator=" ")),
        ("what was said\nnot very much\nor too much\n", PLAIN),  # text
        ("time\n2004-03-31 03:38\n2004-03-31 03:39\n", PLAIN),
        ("a b\n1 2\n3 4 5\n", PLAIN),
    ],
)
def test_files_by_hand(tmp_path, text, expected):
    """What cuts all lines alike; a comma where it is not clear."""
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    assert Dialect.of(tmp_path / "t.csv", None) == expected
    with gzip.open(tmp_path / "t.csv.gz", "wt", encoding="utf-8", newline="") as file:
        file.write(text)
    assert Dialect.of(tmp_path / "t.csv.gz", "gzip") == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\tb\n48,058\tx\n198\ty\n", "'48,058' in column 'a' may be 48058 or 48.058"),
        ("a;b\n1,234;x\n2,500;y\n", "'1,234' in column 'a' may be 1234 or 1.234"),
        ("a;b\n58.865;x\n198;y\n", "'58.865' in column 'a' may be 58865 or 58.865"),
        ("Sales\na;b\n1;2\n3;4\n", "begins with 'Sales', one value"),
        ("sep=;\na;b\n1;2\n3;4\n", "begins with 'sep=;'"),
    ],
)
def test_what_may_be_read_in_two_ways_is_one_sentence(tmp_path, text, sentence):
    """Thousands or decimals: a thousand times too little; and what stands above a heading."""
    (tmp_path / "t.csv").write_text(text)
    assert sentence in table_error(tmp_path / "t.csv")


def test_numbers_set_apart_by_blanks(tmp_path):
    """As many programs of science write them: read, and written so that they are read again."""
    frame = user_table().assign(note=1.5)
    frame["note"] = frame["note"].where(frame.index % 3 > 0)
    frame["host"] = frame["host"].str.replace(" ", "_")
    numbers = frame.select_dtypes("number").assign(host=frame["host"].factorize()[0])
    lines = [" ".join(map(str, row)) + "  " for row in (numbers.columns, *numbers.to_numpy())]
    (tmp_path / "t.txt").write_text("\n".join(lines))
    table, series = Table.fit(tmp_path / "t.txt", {"id": "host"})
    with table_writer(tmp_path / "b.csv", ".csv", (), table.dialect) as write:
        write(table.to_frame(series))
    copy = read(tmp_path / "b.csv")
    assert list(copy) == list(numbers)
    assert copy["note"].isna().sum() == numbers["note"].isna().sum()
    rows = "\n".join(lines[2:])
    (tmp_path / "t.txt").write_text(rows)
    assert "write a heading above it" in table_error(tmp_path / "t.txt")


@pytest.mark.parametrize("separator", [",", ";"])
def test_an_empty_place_in_the_heading_stays_empty(tmp_path, separator):
    """As spreadsheets leave one at the end, or pandas above the numbers of the rows."""
    path = tmp_path / "a.csv"
    lines = [",who,day,x,,\n"]
    lines += [f"{i},s{i // 12},{i % 12},{i * 7 % 5}.5,,\n" for i in range(120)]
    path.write_text("".join(lines).replace(",", separator))
    table, series = Table.fit(path)
    assert table.dialect.unnamed == ("Unnamed: 0", "Unnamed: 4", "Unnamed: 5")
    with table_writer(tmp_path / "b.csv", ".csv", (), table.dialect) as write:
        write(table.to_frame(series))
    written = (tmp_path / "b.csv").read_text()
    assert written.splitlines()[0] == lines[0].strip().replace(",", separator)
    assert list(read(tmp_path / "b.csv")) == list(read(path))


def test_a_beginning_that_is_cut(tmp_path):
    """The line at which it is cut does not count."""
    (tmp_path / "t.csv").write_text("a;b;c\n" + "1;2;3\n" * 50000)
    assert Dialect.of(tmp_path / "t.csv", None).separator == ";"


def test_text_above_the_heading(tmp_path):
    """One sentence that says where the table begins to have columns."""
    table = user_table().to_csv(index=False)
    for above in ("# exported\n# by hand\n", "Sensors\n\n"):
        (tmp_path / "t.csv").write_text(above + table)
        assert "delete the lines above the heading" in table_error(tmp_path / "t.csv")
