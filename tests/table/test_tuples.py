"""Laws of several numbers in one cell: learned as numbers, written as they stood."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, user_table
from hypothesis import given
from hypothesis import strategies as st

from tst.errors import DataError
from tst.table import source
from tst.table.recent import Recent
from tst.table.roles import Roles
from tst.table.table import Table
from tst.table.tuples import BETWEEN, NumbersInCell
from tst.table.validity import Laid, validity

WAYS = [
    "{:.0f}/{:.0f}", "({:.4f}, {:.2f})", "{:.2f};{:.0f}", "{:.0f} x {:.0f} mm", "[{:.1f} | {:.3f}]",
    "{:.0f}/{:.0f}/{:.1f}/{:.0f}",
]  # fmt: skip
CODED = ["{:.0f}/{:04.0f}", "{:.0f}-{:.0f}", "{:.0f} {:.0f}", "A{:.0f}/{:.0f}"]


def walks(frame, n=2, seed=0):
    """Return numbers that go on within each host, float64 (n_rows, n)."""
    x = np.random.default_rng(seed).normal(0, 3, (len(frame), n))
    return 200 + pd.DataFrame(x).groupby(frame["host"].to_numpy()).cumsum().to_numpy()


def with_cells(way, n_series=60):
    """Return a table with a column of cells that are written in a way, and their numbers."""
    frame = user_table(n_series)
    numbers = walks(frame, way.count("{"))
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
    for i in range(numbers.shape[1]):
        x = series.values[:, series.feature_names.index(f"cell {i + 1}")]
        np.testing.assert_allclose(x, numbers[order, i], atol=0.51)
    for one in (table, Table.from_dict(json.loads(json.dumps(table.to_dict())))):
        made = one.to_frame(series)
        assert list(made) == list(frame)
        assert sorted(made["cell"]) == sorted(frame["cell"])
    roles = table.roles().set_index("column")
    is_whole = way.lstrip("([").startswith("{:.0f}")
    assert (roles.loc["cell 1", "learned as"] == "whole numbers") == is_whole
    shown = roles.index.tolist()
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


def kept(codes, frame, share, seed=0):
    """Return a code a row, the one before with some probability, within each host."""
    rng = np.random.default_rng(seed)
    is_new = (rng.random(len(frame)) > share) | (frame["host"] != frame["host"].shift())
    drawn = rng.choice(codes, len(frame))
    return drawn[np.maximum.accumulate(np.where(is_new, np.arange(len(frame)), 0))]


def stepwise(frame, seed):
    """Return whole numbers that change by one at most within each host, from 0 on."""
    steps = pd.Series(np.random.default_rng(seed).integers(-1, 2, len(frame)))
    return steps.groupby(frame["host"]).cumsum()


@pytest.mark.parametrize("share", [0.0, 0.8])
@pytest.mark.parametrize("way", ["{}/{}", "{}x{}"])
def test_codes_that_stay_a_while_stay_text(way, share):
    """Rooms, sizes, articles: each is had by several series, and changes to any other."""
    frame = user_table(120)
    codes = [way.format(a, b) for a, b in np.random.default_rng(1).integers(1, 99, (40, 2))]
    frame["cell"] = kept(codes, frame, share)
    table, series = Table.fit(frame)
    assert tuples(table) == []
    assert set(table.to_frame(series)["cell"]) <= set(codes)


def test_codes_next_to_each_other_stay_text():
    """Rooms that many walk through: all of them are had by several series."""
    frame = user_table(120)
    rooms = [f"{floor}/{room}" for floor in range(1, 4) for room in range(40, 62, 2)]
    place = stepwise(frame, 1) + frame["host"].str[1:].astype(int) * 7
    frame["cell"] = [rooms[i % len(rooms)] for i in place]
    table, series = Table.fit(frame)
    assert tuples(table) == []
    assert set(table.to_frame(series)["cell"]) <= set(rooms)


def test_days_and_months_stay_text():
    """A day of 31 does not go with each month."""
    frame = user_table(60)
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(np.arange(len(frame)), "D")
    frame["cell"] = [f"{day.day}/{day.month}" for day in days]
    assert tuples(Table.fit(frame)[0]) == []


def test_few_cells_are_told_apart():
    """Up to twenty different ones are categories, however they change."""
    frame = user_table(60)
    level = np.abs(stepwise(frame, 2)).clip(upper=4)
    frame["cell"] = [f"{a}/{b}" for a, b in zip(level, level // 2, strict=True)]
    frame.loc[3, "cell"] = "4/3"  # of one series alone
    assert tuples(Table.fit(frame)[0]) == []


def test_attributes_stay_text():
    """What a whole series has is given as it is written."""
    frame = user_table(120)
    number = frame["host"].str[1:].astype(int) % 50
    frame["bed"] = [f"{i // 7}/{i % 7}" for i in number]
    table, _ = Table.fit(frame)
    assert tuples(table) == [] and "bed" in [column.name for column in table.learned]


@pytest.mark.parametrize("taken", [{"host": "cell 1"}, {"when": "cell 2"}, {"cpu": "cell 1"}])
def test_a_name_that_is_taken_is_another_column(taken):
    """Of the id, the time or a measurement; rows to go on from may have a column more."""
    frame, _ = with_cells("{:.0f}/{:.0f}")
    frame = frame.rename(columns=taken)
    table, series = Table.fit(frame)
    made = table.to_frame(series)
    assert list(made) == list(frame) and sorted(made["cell"]) == sorted(frame["cell"])
    Recent.of(table, frame.assign(**{name: 0 for name in table.relations[0].names}))


@pytest.mark.parametrize("way", ["{:.0f}/80", "{:.0f}/{:.0f}"])
def test_a_number_that_is_the_same_in_each_series(way):
    """Or in all rows: it is written back, rows go on, and it is not given without its cell."""
    frame, numbers = with_cells("{:.0f}")
    of_host = frame["host"].str[1:].astype(int) % 4
    frame["cell"] = [way.format(*row) for row in zip(numbers[:, 0], of_host, strict=True)]
    table, series = Table.fit(frame)
    assert tuples(table) == ["cell"]
    assert sorted(table.to_frame(series)["cell"]) == sorted(frame["cell"])
    assert len(Recent.of(table, frame).series) == len(series)
    with pytest.raises(DataError, match="'cell 2' is not an attribute that can be given") as error:
        table.given("cell 2", 3)
    assert "cell 2" not in str(error.value).split("these can")[1]


def test_a_file_in_chunks_is_read_alike(tmp_path, monkeypatch):
    """As one that is read at once."""
    frame, _ = with_cells("{:.0f}/{:.1f}")
    frame.to_csv(tmp_path / "t.csv", index=False)
    whole, series = Table.fit(tmp_path / "t.csv")
    monkeypatch.setattr(source, "MAX_CELLS", 300)
    table, chunked = Table.fit(tmp_path / "t.csv")
    assert tuples(table) == tuples(whole) == ["cell"]
    np.testing.assert_array_equal(np.sort(series.values, axis=0), np.sort(chunked.values, axis=0))


def test_a_table_that_lies_about_its_cells_is_refused():
    """Where a number of a cell is no column that is learned."""
    frame, _ = with_cells("{:.0f}/{:.0f}")
    facts = json.loads(json.dumps(Table.fit(frame)[0].to_dict()))
    facts["relations"][0]["names"][1] = "other"
    with pytest.raises(ValueError, match="numbers in cells"):
        Table.from_dict(facts)


def test_empty_cells_stay_empty():
    """A cell is empty as a whole."""
    frame, _ = with_cells("{:.1f}/{:.1f}")
    frame.loc[::5, "cell"] = None
    table, series = Table.fit(read_back(frame))
    made = table.to_frame(series)
    assert made["cell"].isna().sum() == frame["cell"].isna().sum()
    assert sorted(made["cell"].dropna()) == sorted(frame["cell"].dropna())


@pytest.mark.parametrize("roles", [{}, {"relations": ["cell 2 <= cell 1"]}])
def test_an_order_of_the_numbers_is_kept(roles):
    """The second is never above the first, found or said; a copy that breaks it is told."""
    frame, numbers = with_cells("{:.0f}")
    low = numbers[:, 0] - np.random.default_rng(2).gamma(2, 3, len(frame))
    frame["cell"] = [f"{a:.0f}/{b:.0f}" for a, b in zip(numbers[:, 0], low, strict=True)]
    table, series = Table.fit(frame, roles)
    assert any("cell 2" in one.text and "=" in one.text for one in table.relations[1:])
    made = table.to_frame(series)
    laid = [Laid.of(table, one, Roles.read(roles)) for one in (frame, made)]
    assert validity(table, *laid)["broken"].sum() == 0
    made["cell"] = ["/".join(reversed(cell.split("/"))) for cell in made["cell"]]
    laid[1] = Laid.of(table, made, Roles.read(roles))
    assert validity(table, *laid)["broken"].sum() > len(made) / 2


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
    """Of one series, what never falls, and is text, is prolonged from its last number."""
    rng = np.random.default_rng(0)
    totals = 500 + np.cumsum(rng.gamma(0.5, 9, (400, 2)).round(0), axis=0)
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=400, freq="h")})
    frame["total"] = [way.format(*row) for row in totals]
    frame["load"] = rng.normal(size=400).round(2)
    table, _ = Table.fit(frame, {"id": "none"})
    assert any(one.kind == "monotone" and one.start is not None for one in table.relations)
    recent = Recent.of(table, frame)
    made = recent.prolonged(recent.series.values[None, -5:], seed=0)
    texts = made["total"].str.split("/").str[0].str.replace(r"[$,]", "", regex=True)
    assert texts.astype(float).is_monotonic_increasing
    assert totals[-1, 0] <= texts.astype(float).iloc[0] <= totals[-1, 0] + 500
