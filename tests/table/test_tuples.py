"""Laws of several numbers in one cell: learned as numbers, written as they stood."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, user_table
from hypothesis import given
from hypothesis import strategies as st

from tst.errors import DataError
from tst.table.recent import Recent
from tst.table.table import Table
from tst.table.tuples import BETWEEN, NumbersInCell

WAYS = [
    "{:.0f}/{:.0f}", "({:.4f}, {:.2f})", "{:.2f};{:.0f}", "{:.0f} x {:.0f} mm", "[{:.1f} | {:.3f}]"
]  # fmt: skip
CODED = ["{:.0f}/{:04.0f}", "{:.0f}-{:.0f}", "{:.0f} {:.0f}", "A{:.0f}/{:.0f}"]


def walks(frame, n=2, seed=0):
    """Return numbers that go on within each host, float64 (n_rows, n)."""
    x = np.random.default_rng(seed).normal(0, 3, (len(frame), n))
    return 200 + pd.DataFrame(x).groupby(frame["host"].to_numpy()).cumsum().to_numpy()


def with_cells(way, n_series=60):
    """Return a table with a column of cells that are written in a way, and their numbers."""
    frame = user_table(n_series)
    numbers = walks(frame)
    frame["cell"] = [way.format(*row) for row in numbers]
    return frame, numbers


def tuples(table):
    """Return the columns of several numbers that a table has."""
    return [one.column for one in table.relations if one.kind == "number tuple"]


@pytest.mark.parametrize("way", WAYS)
def test_each_number_is_a_measurement(way):
    """They come back as they stood, and the model's folder keeps how."""
    frame, numbers = with_cells(way)
    table, series = Table.fit(read_back(frame))
    order = np.lexsort((frame["when"], frame["host"]))
    for i in range(2):
        x = series.values[:, series.feature_names.index(f"cell {i + 1}")]
        np.testing.assert_allclose(x, numbers[order, i], atol=0.51)
    for one in (table, Table.from_dict(json.loads(json.dumps(table.to_dict())))):
        made = one.to_frame(series)
        assert list(made) == list(frame)
        assert sorted(made["cell"]) == sorted(frame["cell"])
    shown = table.roles()["column"].tolist()
    assert shown.index("cell 2") == shown.index("cell 1") + 1 and "cell" not in shown


NUMBER = st.decimals(-(10**6), 10**6, places=2).map(float)


@pytest.mark.slow
@given(
    numbers=st.lists(st.tuples(*[NUMBER] * 3), min_size=5, max_size=9),
    between=st.sampled_from(BETWEEN),
    blanks=st.sampled_from(["", " "]),
    brackets=st.sampled_from(["", "()", "[]", "{}"]),
    decimals=st.tuples(*[st.sampled_from([0, 1, 4])] * 3),
)
def test_what_is_read_is_what_was_written(numbers, between, blanks, brackets, decimals):
    """Read in one way or not at all; never as other numbers."""
    texts = []
    for row in numbers:
        cells = [f"{round(x, d) + 0.0:.{d}f}" for x, d in zip(row, decimals, strict=True)]
        texts.append(brackets[:1] + f"{between}{blanks}".join(cells) + brackets[1:])
    found = NumbersInCell.of(texts)
    if between == "," and not blanks and not any(decimals):
        assert found is None  # 12,345 is one number
        return
    column = pd.Series(texts, dtype=object)
    assert found.write(found.read(column)).equals(column)
    for i, x in enumerate(found.read(column)):
        np.testing.assert_allclose(x, [float(f"{row[i]:.{decimals[i]}f}") for row in numbers])


@pytest.mark.parametrize("way", CODED)
def test_codes_stay_text(way):
    """Numbers with zeros in front, thousands, ranges and what has letters are no such numbers."""
    frame, _ = with_cells(way)
    table, _ = Table.fit(read_back(frame))
    assert tuples(table) == []


@pytest.mark.parametrize("texts", [["12,345"], ["1/2", "3"], ["1/2/3/4/5"], ["(1/2", "3/4)"], []])
def test_what_is_one_number_or_of_several_kinds(texts):
    """Is not read."""
    assert NumbersInCell.of(texts) is None


def test_what_does_not_go_on_stays_text():
    """Numbers of tickets, drawn anew in each row; known good: the same that go on."""
    frame, _ = with_cells("{:.0f}/{:.0f}")
    assert tuples(Table.fit(frame)[0]) == ["cell"]
    rng = np.random.default_rng(1)
    frame["cell"] = [f"{a}/{b}" for a, b in rng.integers(100, 999, (len(frame), 2))]
    assert tuples(Table.fit(frame)[0]) == []


@pytest.mark.parametrize("roles", [{"categorical": ["cell"]}, {"relations": ["not cell"]}])
def test_the_user_may_say_that_they_are_codes(roles):
    """By the roles of the columns, or by what is to hold in them."""
    frame, _ = with_cells("{:.0f}/{:.0f}")
    assert tuples(Table.fit(frame, roles)[0]) == []


def test_attributes_stay_text():
    """What a whole series has is given as it is written."""
    frame = user_table()
    frame["bed"] = [f"{int(host[1:]) // 9}/{int(host[1:]) % 3}" for host in frame["host"]]
    table, _ = Table.fit(frame)
    assert tuples(table) == [] and "bed" in [column.name for column in table.learned]


def test_empty_cells_stay_empty():
    """A cell is empty as a whole."""
    frame, _ = with_cells("{:.1f}/{:.1f}")
    frame.loc[::5, "cell"] = None
    table, series = Table.fit(read_back(frame))
    made = table.to_frame(series)
    assert made["cell"].isna().sum() == frame["cell"].isna().sum()
    assert sorted(made["cell"].dropna()) == sorted(frame["cell"].dropna())


def test_an_order_of_the_numbers_is_kept():
    """The second pressure is never above the first."""
    frame, numbers = with_cells("{:.0f}")
    low = numbers[:, 0] - np.random.default_rng(2).gamma(2, 3, len(frame))
    frame["cell"] = [f"{a:.0f}/{b:.0f}" for a, b in zip(numbers[:, 0], low, strict=True)]
    table, _ = Table.fit(frame)
    assert any("cell 2" in one.text and "<=" in one.text for one in table.relations)


def test_rows_to_go_on_from_are_written_alike():
    """A cell that is written otherwise is one sentence."""
    frame, _ = with_cells("{:.0f}/{:.0f}")
    table, series = Table.fit(frame)
    recent = Recent.of(table, frame)
    assert recent.series.feature_names == series.feature_names
    frame.loc[3, "cell"] = "120-80"
    with pytest.raises(DataError, match="'cell' holds '120-80' in row 4, which the table writes"):
        Recent.of(table, frame)


@pytest.mark.parametrize("way", ["${:,.2f}", "{:.0f}/{:.0f}"])
def test_a_total_of_text_goes_on(way):
    """What never falls, and is text, is prolonged from its last number."""
    frame = user_table(60)
    rng = np.random.default_rng(0)
    steps = pd.DataFrame(rng.gamma(0.5, 9, (len(frame), 2))).round(0)
    totals = steps.groupby(frame["host"]).cumsum().to_numpy()
    frame["total"] = [way.format(*row) for row in totals]
    table, series = Table.fit(frame, {"relations": []})
    recent = Recent.of(table, frame)
    values = np.repeat(series.values[series.offsets[1:] - 1][:, None], 3, axis=1)
    made = recent.prolonged(values, seed=0)
    joined = pd.concat([frame, made]).groupby("host")["total"]
    first = joined.apply(lambda x: [float(t.split("/")[0].strip("$").replace(",", "")) for t in x])
    assert all(np.diff(x).min() >= 0 for x in first)
