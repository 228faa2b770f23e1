"""Laws of rows behind given ones: the next times, the same ids, relations that go on."""

import numpy as np
import pandas as pd
import pytest
from helpers import user_table

from tst.errors import DataError
from tst.table.recent import Recent
from tst.table.table import Table


def held(recent, n_steps):
    """Return rows behind, of a model that repeats the last step of each series."""
    series = recent.series
    last = series.values[np.cumsum(series.lengths) - 1]
    return recent.prolonged(np.repeat(last[:, None], n_steps, axis=1), seed=0)


def sites(times, n=12, seed=0, **columns):
    """Return a table of sites at some times, which rise and fall, with further columns."""
    rng = np.random.default_rng(seed)
    parts = []
    for i in range(n):
        part = pd.DataFrame({"site": f"S{i:02d}", "when": times})
        part["load"] = rng.normal(10, 3, len(times)).round(2)
        parts.append(part)
    return pd.concat(parts, ignore_index=True).assign(**columns)


STEPS = {
    "hours": (pd.date_range("2024-02-27", periods=48, freq="h"), "2024-02-29 00:00:00"),
    "business days": (pd.bdate_range("2024-01-01", periods=45), "2024-03-04 00:00:00"),
    "ends of months": (pd.date_range("2021-01-31", periods=26, freq="ME"), "2023-03-31 00:00:00"),
    "quarters": (pd.date_range("2015-01-01", periods=20, freq="QS"), "2020-01-01 00:00:00"),
    "day first": (pd.date_range("2024-02-01", periods=29).strftime("%d/%m/%Y"), "01/03/2024"),
    "digits": (pd.date_range("2024-02-01", periods=29).strftime("%Y%m%d").astype(int), "20240301"),
    "quarters as text": (
        [f"{y} Q{q}" for y in range(2015, 2020) for q in (1, 2, 3, 4)],
        "2020 Q1",
    ),
    "numbers": (np.arange(30) * 5, "150"),
}


@pytest.mark.parametrize("kind", STEPS)
def test_the_first_new_time_is_the_next_of_the_calendar(kind):
    """Of each site, whatever its rows end with; the dtype stays."""
    times, following = STEPS[kind]
    frame = sites(times)
    table, _ = Table.fit(frame, {"id": "site", "time": "when"})
    made = held(Recent.of(table, frame[frame["site"].isin(["S03", "S07"])]), 3)
    assert list(made) == list(frame)
    assert (made.dtypes == frame.dtypes).all()
    assert made["site"].tolist() == ["S03"] * 3 + ["S07"] * 3
    assert str(made["when"].iloc[0]) == following
    assert made["when"].nunique() == 3


def test_a_gap_in_whole_numbers_that_had_none():
    """Rows to go on from may lack some: what follows is whole."""
    frame = sites(np.arange(30)).assign(count=np.arange(360) // 7)
    table, _ = Table.fit(frame, {"id": "site", "time": "when"})
    recent = frame.assign(count=frame["count"].where(frame.index % 9 != 4))
    recent = recent[recent["site"] != "S00"]
    made = held(Recent.of(table, recent), 3)
    assert made["count"].dtype == "int64"
    joined = pd.concat([recent.dropna(), made]).groupby("site")["count"]
    assert all(x.is_monotonic_increasing for _, x in joined)


def test_ids_attributes_and_names_are_kept():
    """Also those that a sample has new names for; constants are written though not given."""
    frame = user_table(30)
    table, _ = Table.fit(frame)
    some = frame[frame["host"].isin(frame["host"].unique()[:4])]
    given = some.sample(frac=1, random_state=1).drop(columns=[c.name for c in table.constants])
    made = held(Recent.of(table, given), 2)
    assert list(made) == list(frame)
    assert set(made["host"]) == set(some["host"])
    for name in ("status", "size", "owner"):
        expected = some.groupby("host")[name].first()
        assert (made.groupby("host")[name].first().reindex(expected.index) == expected).all()


def test_relations_go_on_where_the_rows_end():
    """A counter counts on from its last number, low stays below high, a copy is a copy."""
    frame = sites(pd.date_range("2024-01-01", periods=40, freq="h"))
    rng = np.random.default_rng(1)
    frame["high"] = (frame["load"] + rng.exponential(2, len(frame)).round(2)).round(2)
    frame["total"] = rng.integers(0, 9, len(frame))
    frame["total"] = frame.groupby("site")["total"].cumsum()
    frame["again"] = frame["load"]
    table, _ = Table.fit(frame, {"id": "site", "time": "when"})
    kinds = {relation.kind for relation in table.relations}
    assert {"above", "monotone", "copy"} <= kinds
    made = held(Recent.of(table, frame), 5)
    steps = frame.groupby("site")["total"].last() - frame.groupby("site")["total"].nth(-2).array
    ends = frame.groupby("site")["total"].last() + 5 * steps
    assert (made.groupby("site")["total"].last() == ends).all()
    assert (made["load"] <= made["high"]).all()
    assert (made["again"] == made["load"]).all()


def test_what_is_counted_row_by_row_goes_on_from_rows_that_begin_later():
    """From the first given row, whichever row of the series that is."""
    frame = sites(pd.date_range("2024-01-01", periods=40, freq="D"))
    frame["row"] = frame.groupby("site").cumcount() + 1
    frame["left"] = frame.groupby("site").cumcount(ascending=False)
    table, _ = Table.fit(frame)
    late = frame.groupby("site").tail(10)
    made = held(Recent.of(table, late), 3)
    n = made["site"].nunique()
    assert made["row"].tolist() == [41, 42, 43] * n
    assert made["left"].tolist() == [-1, -2, -3] * n


def test_a_running_total_goes_on_from_rows_that_begin_later():
    """What was added up before the first given row is not lost."""
    frame = sites(pd.date_range("2024-01-01", periods=40, freq="D"))
    frame["new"] = np.random.default_rng(0).poisson(3, len(frame)) + 1
    frame["all"] = frame.groupby("site")["new"].cumsum()
    table, _ = Table.fit(frame)
    assert "all = new added up within each series" in [one.text for one in table.relations]
    late = frame.groupby("site").tail(10)
    made = held(Recent.of(table, late), 3)
    last = late.groupby("site")["all"].last()
    expected = last.repeat(3).to_numpy() + made.groupby("site")["new"].cumsum().to_numpy()
    assert made["all"].tolist() == expected.tolist()


def test_a_run_to_failure_is_not_stretched_to_its_end():
    """What is added to a run that is half over is no step to the failure."""
    rng = np.random.default_rng(0)
    parts = []
    for i in range(30):
        wear = np.append(np.sort(rng.uniform(0, 0.9, 30 + i)), 0.99).round(3)
        parts.append(pd.DataFrame({"unit": i, "cycle": np.arange(len(wear)), "wear": wear}))
    frame = pd.concat(parts, ignore_index=True)
    table, _ = Table.fit(frame, {"id": "unit", "time": "cycle"})
    assert any(relation.kind == "monotone" and relation.ends for relation in table.relations)
    half = frame[frame["cycle"] < 10]
    made = held(Recent.of(table, half), 3)
    before = half.groupby("unit")["wear"].last()
    assert (made.groupby("unit")["wear"].first() >= before).all()
    assert made["wear"].max() < 0.9


def test_uneven_steps_are_the_models():
    """The time goes on by the interval that was generated, in whole steps."""
    rng = np.random.default_rng(0)
    gaps = rng.integers(1, 90, (20, 30))
    frame = pd.DataFrame({"p": np.repeat(np.arange(20), 30), "hr": rng.normal(80, 9, 600).round()})
    frame.insert(1, "t", pd.Timestamp("2024-01-01") + pd.to_timedelta(gaps.cumsum(1).ravel(), "m"))
    table, _ = Table.fit(frame, {"id": "p", "time": "t"})
    assert table.clock.intervals
    made = held(Recent.of(table, frame), 2)
    last = frame.groupby("p")["t"].last()
    step = last - frame.groupby("p")["t"].nth(-2).array
    assert (made.groupby("p")["t"].first() - last == step).all()


def test_one_series_goes_on_without_an_id():
    """Its windows begin with its stretches, while these have few rows with the one before."""
    times = pd.date_range("2024-01-01", periods=24 * 60 + 5, freq="h")
    frame = pd.DataFrame({"when": times, "load": np.arange(len(times)) % 24 / 7})
    table, series = Table.fit(frame)
    recent = Recent.of(table, frame)
    lead = table.stretches.lead
    longest = int(series.lengths.max()) + lead
    first, slide = recent.window_starts(longest)
    assert slide == table.stretches.n_steps
    assert times[first[0]].hour == 0
    assert len(times) - first[0] == 24 + 5
    begun = Recent.of(table, frame.iloc[: 24 * 30 + lead])
    assert begun.window_starts(longest)[0][0] == 24 * 30
    made = held(recent, 3)
    assert made["when"].tolist() == list(times[-1] + pd.to_timedelta([1, 2, 3], "h"))


def test_without_a_time_rows_go_on_in_their_order():
    """There is no time to write."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"rec": np.repeat(np.arange(30), 20), "x": rng.normal(size=600)})
    table, _ = Table.fit(frame, {"id": "rec", "time": "none"})
    made = held(Recent.of(table, frame[frame["rec"] < 2]), 4)
    assert made["rec"].tolist() == [0] * 4 + [1] * 4
    assert list(made) == ["rec", "x"]


def test_one_measurement_a_row_is_prolonged_as_such():
    """A row a measurement, the measures of the table; a wide table is refused."""
    long = sites(pd.date_range("2024-01-01", periods=30), heat=np.nan)
    long["heat"] = np.random.default_rng(2).normal(50, 9, len(long)).round(2)
    melted = long.melt(["site", "when"], var_name="measure", value_name="value")
    table, _ = Table.fit(melted, {"shape": "long_measure", "id": "site", "time": "when"})
    made = held(Recent.of(table, melted[melted["site"] == "S01"]), 2)
    assert list(made) == list(melted)
    assert sorted(made["measure"]) == ["heat", "heat", "load", "load"]
    wide = long.assign(step=long.groupby("site").cumcount())
    wide = wide.pivot(index="site", columns="step", values="load").add_prefix("x_").reset_index()
    table, _ = Table.fit(wide, {"shape": "wide"})
    with pytest.raises(DataError, match="a wide table has a column a step"):
        Recent.of(table, wide)


def test_a_file_is_read_as_the_table_was(tmp_path):
    """Digits that were text, with other digits in a few rows; names of columns that are numbers."""
    frame = sites(pd.date_range("2024-01-01", periods=20))
    number = frame["site"].str[1:].astype(int)
    frame["zip"] = number.map(lambda n: f"0{1000 + n % 3}" if n % 2 else f"{20000 + n % 3}")
    frame.to_csv(tmp_path / "all.csv", index=False)
    table, _ = Table.fit(tmp_path / "all.csv", {"id": "site", "time": "when"})
    frame[frame["site"] == "S02"].to_csv(tmp_path / "few.csv", index=False)
    made = held(Recent.of(table, tmp_path / "few.csv"), 2)
    assert made["zip"].tolist() == ["20002", "20002"]
    numbered = sites(np.arange(20)).set_axis([0, 1, 2], axis=1)
    table, _ = Table.fit(numbered, {"id": "0", "time": "1"})
    assert list(held(Recent.of(table, numbered), 1)) == [0, 1, 2]


def test_what_cannot_be_prolonged_is_said():
    """A missing column, an unknown category, another way of writing dates, no rows."""
    days = pd.date_range("2024-01-01", periods=20).strftime("%d/%m/%Y")
    frame = sites(days)
    frame["state"] = np.where(frame["load"] > 10, "on", "off")
    frame["kind"] = np.where(frame["site"] < "S06", "a", "b")
    table, _ = Table.fit(frame, {"id": "site", "time": "when"})
    wrong = {
        "lack the column 'load'": frame.drop(columns="load"),
        "column 'state' of the recent rows is 'broken' in row 4": frame.assign(
            state=frame["state"].where(frame.index != 3, "broken")
        ),
        "column 'kind' of the recent rows is 'c' in row 1, which the model has not learned; it "
        "knows a, b": frame.assign(kind="c"),
        "column 'kind' of the recent rows is 'None'": frame.assign(kind=None),
        "time column 'when' of the recent rows holds '2024-01-01'": frame.assign(when="2024-01-01"),
        "is empty": frame.head(0),
        "neither an id nor a time": frame.assign(site=None),
    }
    for sentence, rows in wrong.items():
        with pytest.raises(DataError) as caught:
            Recent.of(table, rows)
        assert sentence in str(caught.value)
