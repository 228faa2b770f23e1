"""Laws of rows at one time: events stay in their order, a second value of an even step goes."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error
from hypothesis import given
from hypothesis import strategies as st

from tst.table import large, source
from tst.table.recent import Recent
from tst.table.roles import Roles
from tst.table.table import Table
from tst.table.ties import order_of_rows
from tst.table.validity import Laid, validity

START = np.datetime64("2024-01-01")


def violations(table, frame, copy):
    """Return in how many rows a copy breaks what holds in all real ones."""
    real = Laid.of(table, frame, Roles(), is_real=True)
    return validity(table, real, Laid.of(table, copy, Roles()))["broken"].sum()


def booked(rng, n=24, share=0.2, typical=3):
    """Return bookings of accounts on days that are uneven, several on some, with the balance."""
    rows = []
    for i in range(n):
        n_rows = int(rng.integers(15, 40))
        days = np.where(rng.random(n_rows) < share, 0, 1 + rng.poisson(typical, n_rows)).cumsum()
        what = rng.choice(["card", "wage"], n_rows, p=[0.8, 0.2])
        amount = np.where(what == "wage", 900, -1) * rng.gamma(4, 10, n_rows) / 10
        rows.append(
            pd.DataFrame(
                {
                    "account": f"a{i:02d}",
                    "day": (START + days.astype("timedelta64[D]")).astype(str),
                    "what": what,
                    "amount": amount.round(2),
                    "balance": (5000 + amount.round(2).cumsum()).round(2),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=40),
)
def test_rows_stand_by_series_time_and_place(rows):
    """In a series that goes back in time more often than on, the last of a time comes first."""
    codes = np.array([code for code, _ in rows], dtype=np.int64)
    times = np.array([time for _, time in rows], dtype=np.int64)
    sign = {}
    for code in set(codes.tolist()):
        steps = np.diff(times[codes == code])
        sign[code] = -1 if (steps < 0).sum() > (steps > 0).sum() else 1
    key = [(code, time, sign[code] * i) for i, (code, time) in enumerate(rows)]
    assert order_of_rows(codes, times).tolist() == sorted(range(len(rows)), key=key.__getitem__)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_events_stay(share):
    """All of them, in the order of the table; the balance follows from what is booked."""
    frame = booked(np.random.default_rng(0), share=share)
    table, series = Table.fit(frame)
    assert (table.keys.id, table.keys.time) == (("account",), "day")
    assert series.lengths.sum() == len(frame)
    assert "day: rows at the time of the row before: all stay" in problem_text(table)
    assert "balance = balance in the row before + amount" in {one.text for one in table.relations}
    back = table.to_frame(series)
    tied = back.duplicated(["account", "day"]).mean()
    assert tied == pytest.approx(frame.duplicated(["account", "day"]).mean())
    pd.testing.assert_series_equal(back["amount"], frame["amount"])
    moved = back.groupby("account")["balance"].diff()
    np.testing.assert_allclose(moved.dropna(), back["amount"][moved.notna()], atol=1e-9)


def test_a_copy_may_have_several_rows_at_once():
    """The report does not count them, nor as a step off the calendar; a saved table knows it."""
    frame = booked(np.random.default_rng(1))
    table, series = Table.fit(frame)
    table = Table.from_dict(json.loads(json.dumps(table.to_dict())))
    order = np.random.default_rng(2).permutation(len(series))
    copy = table.to_frame(series.take(order), seed=3)
    assert copy.duplicated(["account", "day"]).mean() > 0.1
    assert not violations(table, frame, copy)
    early = (pd.to_datetime(copy["day"]) - pd.Timedelta(400, "D")).dt.strftime("%Y-%m-%d")
    assert violations(table, frame, copy.assign(day=early))


def test_a_statement_that_begins_with_the_latest():
    """It is read as if it were turned round."""
    frame = booked(np.random.default_rng(2))
    _, series = Table.fit(frame)
    _, turned = Table.fit(frame.iloc[::-1])
    assert turned.sha256() == series.sha256()


def test_events_that_are_alike_in_all_columns_were_written_twice():
    """They are dropped, and told."""
    frame = booked(np.random.default_rng(3))
    table, series = Table.fit(pd.concat([frame, frame.iloc[[7, 9, 40]]]))
    assert "day: rows that stand there twice, dropped (3)" in problem_text(table)
    assert series.sha256() == Table.fit(frame)[1].sha256()
    assert "share 'account' and 'day'" in table_error(pd.concat([frame] * 2), {"id": "account"})


def test_even_days_have_one_row():
    """A correction of a day's value is no event."""
    frame = booked(np.random.default_rng(4), share=0.0, typical=0)
    frame["day"] = START + frame.groupby("account").cumcount().to_numpy()
    again = frame.iloc[[3, 30]].assign(amount=frame["amount"].max() + 1)
    table, series = Table.fit(pd.concat([frame, again]))
    assert "rows with the id and time of another, dropped (the first" in problem_text(table)
    assert series.lengths.sum() == len(frame)
    wrong = pd.concat([frame.assign(shop=name) for name in ("b", "c")])
    assert "share 'account' and 'day'" in table_error(wrong, {"id": "account"})


def test_given_rows_keep_their_events():
    """What is prolonged begins behind the last of them, at its time or later."""
    frame = booked(np.random.default_rng(5))
    table, series = Table.fit(frame)
    recent = Recent.of(table, frame)
    assert len(recent.rows) == len(frame)
    values = np.repeat(series.values[None, :3], len(series), axis=0)
    at = series.features.index(next(f for f in series.features if f.name == table.clock.intervals))
    values[:, :, at] = table.features[at].encode(pd.Series([0.0]))[0]
    new = recent.prolonged(values, seed=0)
    last = frame.groupby("account", sort=False)["day"].last()
    assert (new["day"] == new["account"].map(last)).all()


def test_in_parts_and_in_one_piece(tmp_path, monkeypatch):
    """A file larger than memory is the same series set."""
    frame = booked(np.random.default_rng(6)).sample(frac=1, random_state=0)
    path = tmp_path / "booked.csv"
    frame.to_csv(path, index=False)
    table, series = Table.fit(path)
    monkeypatch.setattr(source, "MAX_CELLS", 600)
    monkeypatch.setattr(large, "PART_CELLS", 200)
    parts_table, parts = Table.fit(path)
    assert parts_table == table
    assert parts.sha256() == series.sha256()


@pytest.mark.parametrize(("wanders", "decided"), [(True, "level"), (False, "change")])
def test_a_level_that_wanders_follows_from_its_changes(wanders, decided):
    """One that comes back decides them: from changes alone it would leave its range."""
    rng = np.random.default_rng(7)
    rows = []
    for i in range(20):
        x = rng.normal(0, 3, 61)
        level = 200 + (x.cumsum() if wanders else 3 * x).round(2)
        rows.append({"unit": f"u{i}", "t": range(60), "level": level[1:], "change": np.diff(level)})
    frame = pd.concat(map(pd.DataFrame, rows), ignore_index=True).round(2)
    table, series = Table.fit(frame, {"id": "unit", "time": "t"})
    assert [
        one.column for one in table.relations if "row before" in one.text or "change of" in one.text
    ] == [decided]
    rng = np.random.default_rng(8)
    copy = table.to_frame(
        replace(series, values=series.values[rng.permutation(len(series.values))])
    )
    later = copy.groupby("unit").cumcount() > 0
    np.testing.assert_allclose(
        copy.groupby("unit")["level"].diff()[later], copy["change"][later], atol=0.011
    )


def test_no_more_is_booked_than_is_there():
    """A balance that is never below 0 stays so."""
    rng = np.random.default_rng(9)
    frame = booked(rng)
    lowest = frame.groupby("account")["balance"].transform("min").clip(upper=5000)
    frame["balance"] = (frame["balance"] - lowest).round(2)
    table, series = Table.fit(frame)
    assert any(getattr(one, "is_stock", False) for one in table.relations)
    values = series.values[rng.permutation(len(series.values))]
    copy = table.to_frame(replace(series, values=values))
    assert copy["balance"].min() >= 0
    moved = copy.groupby("account")["balance"].diff()
    np.testing.assert_allclose(moved.dropna(), copy["amount"][moved.notna()], atol=1e-9)
