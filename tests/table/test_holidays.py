"""Laws of holidays: those that are there are found, taken out and put back; no others."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import table_error

from tst.synthesiser import Synthesiser
from tst.table import holidays
from tst.table.holidays import Holiday
from tst.table.recent import Recent
from tst.table.roles import Roles
from tst.table.summary import describe
from tst.table.table import Table

FACTOR = 0.4  # of the level, on the days that are made low
FIXED = ("12-25", "01-01")
EASTER = ("2021-04-04", "2022-04-17", "2023-04-09", "2024-03-31")


def daily(seed=0, n_series=4, n_years=3, low=FIXED, noise="normal", factor=FACTOR, freq="D"):
    """Return sales of stores with weekends, a season, a trend, and some days that are low."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("2021-01-01", f"{2020 + n_years}-12-31 23:59", freq=freq)
    days = pd.Index(times.strftime("%Y-%m-%d"))
    is_low = days.isin(low) | days.str[5:].isin(low)
    season = 1 + 0.2 * np.sin(2 * np.pi * times.day_of_year / 365.25)
    weekly = 1 + 0.15 * (times.day_of_week >= 5)
    parts = []
    for i in range(n_series):
        trend = 1 + rng.uniform(-0.2, 0.4) * np.linspace(0, 1, len(times))
        x = np.asarray(rng.uniform(50, 200) * season * weekly * trend)
        if noise == "heavy":
            x = x * (1 + 0.05 * np.abs(rng.standard_t(3, len(times))))
        else:
            x = x * np.exp(rng.normal(0, 0.08, len(times)))
        if noise == "spikes":
            x[rng.choice(365, 8, replace=False)] *= rng.choice([0.3, 2.0], 8)
        part = {"store": f"s{i}", "date": times, "sales": np.where(is_low, factor * x, x).round(2)}
        parts.append(pd.DataFrame(part).assign(visits=lambda f: f["sales"].round().astype(int)))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(warmth=rng.normal(0, 5, len(frame)).round(1))


def found_days(table):
    """Return {column: its days} of the holidays of a table."""
    days = {}
    for holiday in table.holidays:
        days.setdefault(holiday.column, set()).update(holiday.days)
    return days


@pytest.mark.parametrize("freq", ["D", "6h"])
def test_days_that_are_low_each_year_are_found_with_their_size(freq):
    """In sales and visits, but not in what has none; within a tenth of the level."""
    table, _ = Table.fit(daily(freq=freq))
    assert found_days(table) == {"sales": set(FIXED), "visits": set(FIXED)}
    for holiday in table.holidays:
        assert holiday.is_factor
        assert holiday.size == pytest.approx(FACTOR, abs=0.1)


@pytest.mark.long
def test_no_holidays_are_found_where_there_are_none():
    """In 95 of 100 tables: noise, also heavy-tailed, seasons, trends, spikes in one year."""
    n_with = 0
    for seed in range(100):
        noise = ("normal", "spikes", "heavy")[seed % 3]
        frame = daily(seed, 1 + seed % 3, 2 + seed % 2, low=(), noise=noise)
        n_with += bool(Table.fit(frame)[0].holidays)
    assert n_with <= 5


def test_a_day_that_is_low_in_all_years_but_one_is_no_holiday():
    """Nor one of a single year."""
    low = ("2021-12-25", "2022-12-25", "2023-01-01")
    assert not Table.fit(daily(low=low))[0].holidays


def test_nothing_found_is_nothing_changed():
    """Neither what is learned nor what is saved; as where none are looked for."""
    frame = daily(low=())
    table, series = Table.fit(frame)
    plain, expected = Table.fit(frame, {"holidays": "none"})
    assert table == plain
    assert series.sha256() == expected.sha256()
    assert "holidays" not in table.to_dict()
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table
    assert not Table.fit(daily(), {"holidays": ["none"]})[0].holidays


@pytest.mark.parametrize("shift", [0.0, 1e7, -300.0])
def test_what_is_learned_has_no_holidays_and_what_is_written_has(shift):
    """Also of a large number, and of one that is negative, where the level is moved."""
    frame = daily()
    frame["sales"] += shift
    table, series = Table.fit(frame)
    is_low = frame["date"].dt.strftime("%m-%d").isin(FIXED).to_numpy()
    is_near = np.convolve(is_low, np.ones(7), "same").astype(bool) & ~is_low
    sales = frame["sales"].to_numpy()
    column = next(one for one in table.features if one.name == "sales")
    learned = series.values[:, series.feature_names.index("sales")] + column.shift
    drop = sales[is_near].mean() - sales[is_low].mean()
    assert drop > 50
    assert abs(learned[is_near].mean() - learned[is_low].mean()) < 0.2 * drop
    written = table.to_frame(series)
    np.testing.assert_allclose(written["sales"], sales, atol=0.02, rtol=1e-6)
    np.testing.assert_allclose(written["visits"], frame["visits"], atol=1)
    assert written.dtypes.to_dict() == frame.dtypes.to_dict()


def test_a_closed_day_is_written_as_one():
    """Nothing is left to be divided out: it is learned as the day before, and written as 0."""
    frame = daily(factor=0.0)
    table, series = Table.fit(frame)
    is_low = frame["date"].dt.strftime("%m-%d").isin(FIXED).to_numpy()
    assert found_days(table)["sales"] == set(FIXED)
    assert series.values[is_low, series.feature_names.index("sales")].min() > 10
    assert (table.to_frame(series).loc[is_low, ["sales", "visits"]] == 0).all(axis=None)


def test_listed_days_are_learned_from_the_past_and_known_in_the_future():
    """Easter moves: it is not found, but learned where it is listed, and put back next year."""
    frame = daily(low=EASTER)
    assert not Table.fit(frame)[0].holidays
    table, _ = Table.fit(frame, {"holidays": list(EASTER)})
    assert found_days(table) == {"sales": set(EASTER), "visits": set(EASTER)}
    times = pd.DatetimeIndex(["2024-03-30", "2024-03-31", "2024-04-01"]).as_unit("ns").asi8
    holiday = table.holidays[0]
    added = holiday.added(np.full(3, 100.0), times)
    np.testing.assert_allclose(added, [100, 100 * FACTOR, 100], atol=10)


def test_series_go_on_through_holidays():
    """Rows behind given ones are low on Christmas, and what the model reads of these is not."""
    frame = daily(n_years=4)
    is_past = (frame["date"] < "2024-12-20").to_numpy()
    table, _ = Table.fit(frame[frame["date"] < "2024-01-01"])
    recent = Recent.of(table, frame[is_past])
    values = np.tile(recent.series.values.mean(0), (4, 12, 1))
    rows = recent.prolonged(values, 0)
    is_low = rows["date"].dt.strftime("%m-%d").isin(FIXED)
    assert is_low.sum() == 4
    ratio = rows.loc[is_low, "sales"].mean() / rows.loc[~is_low, "sales"].mean()
    assert ratio == pytest.approx(FACTOR, abs=0.1)


@pytest.mark.slow
def test_a_copy_is_low_on_holidays(tmp_path):
    """By as much as real series, within a fifth of that; saved and loaded, continued, and begun."""
    frame = daily(n_series=3)[["store", "date", "sales"]]
    model = Synthesiser(max_steps=12, d_model=32, n_layer=1, patch=7).fit(frame)
    model = Synthesiser.load(model.save(tmp_path / "model"))
    copy = model.sample(3)
    assert drop_of(copy) == pytest.approx(drop_of(frame), rel=0.2)
    on_new_year = model.sample(3, given={"date": "2022-01-01"})
    assert ratio_of_first(on_new_year) == pytest.approx(FACTOR, abs=0.2)
    behind = model.sample(continue_from=frame, n_steps=8)
    assert ratio_of_first(behind) == pytest.approx(FACTOR, abs=0.2)


def drop_of(frame):
    """Return by how much sales on the days made low are below those of the days around."""
    date = frame["date"].dt.strftime("%m-%d")
    is_near = date.isin(["12-23", "12-24", "12-26", "12-27", "12-30", "12-31", "01-02", "01-03"])
    return frame.loc[is_near, "sales"].mean() - frame.loc[date.isin(FIXED), "sales"].mean()


def ratio_of_first(frame):
    """Return the ratio of sales on series' first days to those of the seven days behind."""
    place = frame.groupby("store").cumcount()
    of_week = frame.loc[place.between(1, 7), "sales"].mean()
    return frame.loc[place == 0, "sales"].mean() / of_week


def test_one_series_in_stretches_has_them_too():
    """The level is that of the whole series, not of the week that has the holiday."""
    frame = daily(n_series=1).drop(columns="store")
    table, _ = Table.fit(frame)
    assert table.is_one_series
    sizes = [holiday.size for holiday in table.holidays if holiday.column == "sales"]
    assert sizes == pytest.approx([FACTOR] * len(FIXED), abs=0.1)


def test_what_was_found_is_told():
    """In the list of what was found, and before anything is learned."""
    table, series = Table.fit(daily())
    texts = [problem.text for problem in table.problems if problem.column == "sales"]
    assert any(text.startswith("holidays: 01-01 -") for text in texts)
    assert "holidays: 01-01, 12-25" in describe(table, series)


def test_holidays_as_the_user_says_them(tmp_path):
    """YAML reads dates as such; one alone needs no brackets; each year's have no year."""
    path = tmp_path / "roles.yml"
    path.write_text("holidays: [2024-12-25, 01-06]\n")
    assert Roles.read(path).holidays == ["2024-12-25", "01-06"]
    assert Roles.read({"holidays": "02-29"}).holidays == ["02-29"]


@pytest.mark.parametrize("wrong", [3, "Christmas", ["2024-13-01"], ["02-30"], [None], "2023-02-29"])
def test_what_is_no_day_is_told(wrong):
    """With what to give instead."""
    assert "give days such as 2024-12-25" in table_error(daily(n_years=2), {"holidays": wrong})


def test_days_that_tell_nothing_are_told():
    """None of them in the table; no days in it; uneven steps."""
    frame = daily(n_years=2)
    sentence = table_error(frame, {"holidays": ["2030-12-25"]})
    assert "none of the holidays (2030-12-25) is in the table" in sentence
    monthly = frame.groupby(["store", pd.Grouper(key="date", freq="MS")]).mean().reset_index()
    assert "need steps of a day" in table_error(monthly, {"holidays": ["12-25"]})
    numbered = frame.assign(date=frame.groupby("store").cumcount())
    assert "need even steps" in table_error(numbered, {"holidays": ["12-25"]})


@pytest.mark.parametrize("change", [{"size": float("nan")}, {"size": -1.0}, {"days": ()}])
def test_holidays_that_cannot_be_are_refused(change):
    """As a damaged model.json may have them."""
    with pytest.raises(ValueError, match="cannot be"):
        Holiday(**{"column": "x", "days": FIXED, "is_factor": True, "size": 0.5} | change)


def test_a_day_is_told_by_its_local_date():
    """From midnight to midnight, before and after 1970, of one year or of each."""
    times = pd.DatetimeIndex(["1969-12-25", "2024-12-25 23:59", "2024-12-26", "2024-12-24 23:59"])
    days = times.as_unit("ns").asi8 // holidays.DAY
    assert holidays.is_on(("12-25",), days).tolist() == [True, True, False, False]
    assert holidays.is_on(("2024-12-25",), days).tolist() == [False, True, False, False]
