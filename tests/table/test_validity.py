"""Laws of validity: what a real table shows of itself is never broken; damage is, where it is done.

Halves of the real table, and a copy that `to_frame` writes of its own series, break nothing.
"""

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, shop_visits

from tst.errors import DataError
from tst.table.roles import Roles
from tst.table.table import Table
from tst.table.validity import PARTS, Laid, judged_series, validity

ROLES = Roles()


def broken(frame, copy):
    """Return the number of broken rows a part, of a copy that is read from a CSV."""
    table, _ = Table.fit(frame, ROLES)
    found = validity(table, Laid.of(table, frame, ROLES, True), Laid.of(table, copy, ROLES))
    return found.groupby("part")["broken"].sum().to_dict(), found


@pytest.mark.slow
def test_a_part_of_the_real_table_is_valid():
    """Each half, each bootstrap copy and the table itself, with rules of every part."""
    frame = shop_visits()
    shops = frame["shop"].unique()
    for chosen in (shops, shops[::2], shops[1::2]):
        counts, found = broken(frame, frame[frame["shop"].isin(chosen)])
        assert counts == dict.fromkeys(PARTS, 0)
        assert len(found) > 15


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_the_table_writes_is_valid(seed):
    """Formats, keys, calendar and relations of series written back, through a CSV."""
    frame = shop_visits(seed=seed)
    table, series = Table.fit(frame, ROLES)
    counts, _ = broken(frame, read_back(table.to_frame(series, seed)))
    assert counts == dict.fromkeys(PARTS, 0)


def by_days(frame, n):
    """Move all times by some days."""
    day = pd.to_datetime(frame["day"], format="%d/%m/%Y") + pd.Timedelta(n, "D")
    return frame.assign(day=day.dt.strftime("%d/%m/%Y"))


def without_a_row(frame):
    """Leave out a row within a series."""
    return frame.drop(index=3).reset_index(drop=True)


def with_cell(frame, name, value):
    """Replace one cell."""
    changed = frame.copy()
    changed[name] = changed[name].astype(object)
    changed.loc[5, name] = value
    return read_back(changed)


DAMAGES = {
    "columns in another order": ("format", lambda f: f.iloc[:, ::-1]),
    "another dtype": ("format", lambda f: f.assign(sold=f["sold"] + 0.0)),
    "an empty cell": ("format", lambda f: with_cell(f, "high", np.nan)),
    "too many decimals": ("format", lambda f: f.assign(low=f["low"] - 0.001)),
    "an unknown word": ("format", lambda f: with_cell(f, "kind", "huge")),
    "no id": ("keys", lambda f: with_cell(f, "shop", None)),
    "a time that is none": ("keys", lambda f: with_cell(f, "day", "soon")),
    "a row twice": ("keys", lambda f: pd.concat([f, f.iloc[[9]]], ignore_index=True)),
    "an attribute that changes": ("keys", lambda f: with_cell(f, "kind", "small")),
    "a gap": ("calendar", without_a_row),
    "other weekdays": ("calendar", lambda f: by_days(f, 3)),
    "another year": ("calendar", lambda f: by_days(f, 364)),
    "high below low": ("relations", lambda f: with_cell(f, "high", 0.5)),
    "a wrong product": ("relations", lambda f: with_cell(f, "total", 1.5)),
    "a state that goes back": ("relations", lambda f: with_cell(f, "phase", "old")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_where_it_is_done(name):
    """In the part of the list that it belongs to."""
    frame = shop_visits()
    frame.loc[frame["shop"] == frame["shop"][0], "kind"] = "big"
    part, damage = DAMAGES[name]
    counts, _ = broken(frame, damage(frame))
    assert counts[part] > 0


def test_the_rows_that_break_a_rule_are_counted():
    """As many as are damaged."""
    frame = shop_visits()
    damaged = frame.copy()
    rows = [3, 17, 50]
    damaged.loc[rows, "high"] = damaged.loc[rows, "low"] - 1
    _, found = broken(frame, damaged)
    assert found.set_index("rule")["broken"]["low <= high"] == 3


def test_a_table_of_other_columns_is_refused():
    """In one sentence; so is one without a row that can be read."""
    frame = shop_visits()
    table, _ = Table.fit(frame, ROLES)
    with pytest.raises(DataError, match="lacks the column 'high'"):
        Laid.of(table, frame.drop(columns="high"), ROLES)
    with pytest.raises(DataError, match="no row"):
        Laid.of(table, frame.assign(day="soon"), ROLES)


@pytest.mark.parametrize("parts", [["date", "clock"], ["year", "month", "day", "hour"]])
def test_a_time_in_several_columns_is_judged(parts):
    """As it is written, and as one time; a part that is not there is named."""
    rng = np.random.default_rng(0)
    at = pd.Series(np.tile(pd.date_range("2021-11-03", periods=80, freq="h"), 9))
    at += pd.to_timedelta(np.repeat(rng.integers(0, 300, 9), 80), "D")
    columns = {
        "date": at.dt.strftime("%d.%m.%Y"),
        "clock": at.dt.strftime("%H:%M"),
        **{part: getattr(at.dt, part) for part in ("year", "month", "day", "hour")},
    }
    frame = pd.DataFrame({"site": np.repeat([f"s{i}" for i in range(9)], 80)})
    frame = frame.assign(**{part: columns[part] for part in parts}, x=rng.normal(size=720).round(2))
    roles = Roles(id="site", time=parts)
    table, series = Table.fit(frame, roles)
    real = Laid.of(table, frame, roles, True)
    copy = table.to_frame(series, seed=4)
    assert not validity(table, real, Laid.of(table, copy, roles))["broken"].any()
    with pytest.raises(DataError, match=f"lacks the column '{parts[-1]}'"):
        Laid.of(table, copy.drop(columns=parts[-1]), roles)


def test_the_series_that_are_judged_are_those_that_are_learned():
    """With hour, weekday and month behind their features."""
    frame = shop_visits()
    table, series = Table.fit(frame, ROLES)
    judged = judged_series(table, Laid.of(table, frame, ROLES, True), "judged")
    assert judged.feature_names == [*series.feature_names, "hour", "weekday", "month"]
    np.testing.assert_array_equal(judged.values[:, : series.n_features], series.values)
    np.testing.assert_array_equal(judged.lengths, series.lengths)
    weekday = judged.values[:, -2]
    days = pd.to_datetime(frame["day"], format="%d/%m/%Y").dt.day_of_week
    assert sorted(weekday) == sorted(days)


def test_one_series_is_judged_by_its_stretches():
    """Of a table without an id: what is left out at its ends breaks nothing."""
    rng = np.random.default_rng(0)
    times = pd.date_range("2024-01-03 05:00", periods=24 * 80, freq="h")
    frame = pd.DataFrame({"when": times.strftime("%Y-%m-%d %H:%M"), "load": rng.random(len(times))})
    table, series = Table.fit(frame, ROLES)
    real = Laid.of(table, frame, ROLES, True)
    assert len(judged_series(table, real, "judged")) == len(series)
    copy = read_back(table.to_frame(series, 0))
    found = validity(table, real, Laid.of(table, copy, ROLES))
    assert len(found) > 5
    assert (found["broken"] == 0).all()
