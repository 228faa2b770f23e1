"""Laws of numbers that follow from rows before: they do so in a copy and behind given rows, too."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import table_error
from hypothesis import given
from hypothesis import strategies as st

from tst.errors import DataError
from tst.table.recent import Recent
from tst.table.table import Table

ROLES = {"id": "unit", "time": "t"}


def series(rng, n_series=14, n_rows=40):
    """Return series of uneven lengths with a price, what comes in and what goes out."""
    rows = []
    for i in range(n_series):
        n = int(rng.integers(n_rows // 2, n_rows))
        price = (100 * np.exp(rng.normal(0, 0.5) + rng.normal(0, 0.02, n).cumsum())).round(2)
        rows.append(pd.DataFrame({"unit": f"u{i:02d}", "t": range(n), "price": price}))
    frame = pd.concat(rows, ignore_index=True)
    n = len(frame)
    frame["came"] = rng.poisson(4, n) * (rng.random(n) < 0.4) + 0.25 * rng.integers(0, 4, n)
    frame["went"] = rng.poisson(2, n).astype(float)
    return frame


def of_unit(frame, name):
    """Return a column by series."""
    return frame.groupby("unit")[name]


def opened(frame, name):
    """Return a first value of its own for each series, in all its rows."""
    return 50.0 + 7 * frame["unit"].str[1:].astype(int) % 40


FOLLOWS = {
    "lag": lambda f: of_unit(f, "price").shift(1),
    "lag_7": lambda f: of_unit(f, "price").shift(7),
    "change": lambda f: of_unit(f, "price").diff().round(2),
    "growth": lambda f: of_unit(f, "price").pct_change(),
    "percent": lambda f: (100 * of_unit(f, "price").pct_change(4)).round(3),
    "mean": lambda f: of_unit(f, "price").transform(lambda x: x.rolling(5).mean()).round(6),
    "sum": lambda f: of_unit(f, "price").transform(lambda x: x.rolling(3).sum()).round(2),
}


@pytest.mark.parametrize("name", FOLLOWS)
def test_what_follows_from_rows_before(name):
    """It is missing where these are, and comes out of what stands in the copy."""
    frame = series(np.random.default_rng(0))
    frame[name] = FOLLOWS[name](frame)
    table, made = Table.fit(frame, ROLES)
    assert name not in [column.name for column in table.features]
    table = Table.from_dict(json.loads(json.dumps(table.to_dict())))
    copy = table.to_frame(made)
    pd.testing.assert_series_equal(copy[name], frame[name])
    rng = np.random.default_rng(1)
    copy = table.to_frame(replace(made, values=made.values[rng.permutation(len(made.values))]))
    expected = FOLLOWS[name](copy)
    assert copy[name].isna().equals(expected.isna())
    np.testing.assert_allclose(copy[name], expected, rtol=1e-6, atol=0.011)


STANDS = {
    "balance": lambda f, first: first + of_unit(f.assign(x=f.came - f.went), "x").cumsum(),
    "prev_price": lambda f, first: of_unit(f, "price").shift(1).fillna(first),
    "moved": lambda f, first: of_unit(f, "price").diff().fillna(first).round(2),
}


@pytest.mark.parametrize("name", STANDS)
def test_what_has_a_first_value_of_its_own(name):
    """It is another in each series, within the real ones, and given rows go on from theirs."""
    frame = series(np.random.default_rng(0))
    frame[name] = STANDS[name](frame, opened(frame, name))
    table, made = Table.fit(frame, ROLES)
    assert name in [column.name for column in table.attributes]
    roles = table.roles().set_index("column")["role"]
    assert (roles[name], len(roles)) == ("derived", frame.shape[1])
    rng = np.random.default_rng(1)
    copy = table.to_frame(replace(made, values=made.values[rng.permutation(len(made.values))]))
    first = copy[name]
    if name == "balance":
        first = first - copy["came"] + copy["went"]
    first = first.groupby(copy["unit"]).transform("first")
    assert name == "prev_price" or first.between(50, 90).all()
    assert first.nunique() > 3
    np.testing.assert_allclose(copy[name], STANDS[name](copy, first), atol=1e-9)
    late = frame[of_unit(frame, "t").cumcount() > 4].reset_index(drop=True)
    new = Recent.of(table, late).prolonged(made.values[:42].reshape(14, 3, -1), seed=0)
    whole = pd.concat([frame, new], ignore_index=True).sort_values(["unit", "t"], ignore_index=True)
    np.testing.assert_allclose(whole[name], STANDS[name](whole, opened(whole, name)), atol=1e-9)


def test_the_price_before_the_first_is_near_it():
    """As near as in real series, whatever their prices are."""
    rng = np.random.default_rng(0)
    frame = series(rng)
    first = of_unit(frame, "price").transform("first")
    jump = pd.Series(rng.normal(0, 0.5, 14).round(2)).repeat(of_unit(frame, "t").size())
    frame["before"] = of_unit(frame, "price").shift(1).fillna(first + jump.to_numpy()).round(2)
    table, made = Table.fit(frame, ROLES)
    copy = table.to_frame(made.take(rng.permutation(14)), seed=2).groupby("unit").first()
    assert (copy["before"] - copy["price"]).abs().max() <= jump.abs().max() + 1e-9


def test_an_account_with_empty_cells():
    """What is debited and credited stands in two columns, of which one is empty."""
    frame = series(np.random.default_rng(0))
    is_credit = np.random.default_rng(1).random(len(frame)) < 0.3
    frame["credit"] = frame.pop("came").where(is_credit)
    frame["debit"] = frame.pop("went").where(~is_credit)
    moved = frame["credit"].fillna(0) - frame["debit"].fillna(0)
    frame["balance"] = opened(frame, "balance") + moved.groupby(frame["unit"]).cumsum()
    table, made = Table.fit(frame, ROLES)
    found = {one.text for one in table.relations}
    assert "balance = balance in the row before + credit - debit" in found
    copy = table.to_frame(made, seed=3)
    moved = copy["credit"].fillna(0) - copy["debit"].fillna(0)
    steps = of_unit(copy, "balance").diff().fillna(moved)
    np.testing.assert_allclose(steps, moved, atol=1e-9)


def test_a_stock_that_begins_as_it_ended():
    """begin, received, sold, end: each row comes out, and begins where the one before ends."""
    frame = series(np.random.default_rng(0))
    frame["end"] = STANDS["balance"](frame, opened(frame, "end"))
    frame["begin"] = frame["end"] - frame["came"] + frame["went"]
    table, made = Table.fit(frame, ROLES)
    rng = np.random.default_rng(1)
    copy = table.to_frame(replace(made, values=made.values[rng.permutation(len(made.values))]))
    later = of_unit(copy, "t").cumcount() > 0
    before = of_unit(copy, "end").shift(1)
    np.testing.assert_allclose(copy["begin"][later], before[later], atol=1e-9)
    end = copy["begin"] + copy["came"] - copy["went"]
    np.testing.assert_allclose(copy["end"][later], end[later], atol=1e-9)


def test_what_follows_from_what_follows():
    """margin = gross / revenue, where revenue = cost + gross; a rate of a million of a total."""
    rng = np.random.default_rng(0)
    frame = series(rng)
    frame["gross"] = rng.gamma(3, 20, len(frame)).round(2)
    frame["revenue"] = (frame["price"] + frame["gross"]).round(2)
    frame["margin"] = (100 * frame["gross"] / frame["revenue"]).round(1)
    frame["total"] = of_unit(frame, "came").cumsum()
    frame["people"] = 10**5 * (3 + frame["unit"].str[1:].astype(int))
    frame["of_million"] = (1e6 * frame["total"] / frame["people"]).round(3)
    table, made = Table.fit(frame, ROLES)
    learned = {column.name for column in (*table.features, *table.attributes)}
    assert {"margin", "total", "of_million"}.isdisjoint(learned)
    assert len(learned & {"gross", "revenue", "price"}) == 2
    copy = table.to_frame(replace(made, values=made.values[::-1].copy()))
    np.testing.assert_allclose(copy["revenue"], copy["price"] + copy["gross"], atol=1e-6)
    np.testing.assert_allclose(copy["margin"], 100 * copy["gross"] / copy["revenue"], atol=0.0501)
    np.testing.assert_allclose(copy["total"], of_unit(copy, "came").cumsum())
    rate = 1e6 * copy["total"] / copy["people"]
    np.testing.assert_allclose(copy["of_million"], rate, atol=0.000501)


def test_an_input_may_follow_from_others_itself():
    """to_date adds up sales, and sales = number * price: found in that order, kept in the other."""
    rng = np.random.default_rng(0)
    frame = series(rng)
    frame["number"] = rng.integers(1, 30, len(frame))
    frame["sales"] = (frame["number"] * frame["price"]).round(2)
    frame["to_date"] = of_unit(frame, "sales").cumsum().round(2)
    table, made = Table.fit(frame, ROLES)
    assert {"sales", "to_date"}.isdisjoint(column.name for column in table.features)
    copy = table.to_frame(replace(made, values=made.values[::-1].copy()))
    np.testing.assert_allclose(copy["sales"], copy["number"] * copy["price"], atol=0.00501)
    np.testing.assert_allclose(copy["to_date"], of_unit(copy, "sales").cumsum(), atol=1e-6)


@given(st.integers(0, 10**6))
def test_what_does_not_follow_is_learned(seed):
    """Numbers with gaps at the beginning, and a walk beside what comes and goes."""
    rng = np.random.default_rng(seed)
    frame = series(rng)
    place = of_unit(frame, "t").cumcount()
    frame["late"] = pd.Series(rng.normal(size=len(frame)).round(2)).where(place > 2)
    frame["walk"] = pd.Series(rng.normal(size=len(frame)).round(2)).groupby(frame["unit"]).cumsum()
    table, _ = Table.fit(frame, ROLES)
    names = {column.name for column in table.features}
    assert {"late", "walk", "price", "came", "went"} <= names


@pytest.mark.parametrize("scale", [1e2, 1e6, 5e10])
def test_a_large_number_beside_them_takes_nothing(scale):
    """Growth has no unit: whatever else is in the table, it is that of its own column."""
    rng = np.random.default_rng(0)
    frame = series(rng)
    frame["volume"] = (scale * rng.gamma(9, 1 / 9, len(frame))).astype("int64")
    frame["ret"] = of_unit(frame, "price").pct_change()
    frame["noise"] = pd.Series(rng.normal(0, 0.01, len(frame))).where(frame["ret"].notna())
    table, _ = Table.fit(frame, ROLES)
    assert "ret = growth of price since the row before" in {one.text for one in table.relations}
    assert "noise" in [column.name for column in table.features]


@pytest.mark.parametrize("is_stock", [True, False])
def test_a_stock_stays_above_nothing(is_stock):
    """No more goes than is there; an account that falls below 0 may, and nothing else is said."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(14):
        came, wanted = rng.poisson(3, 40), rng.poisson(4, 40)
        stock, went = 5 + i, []
        for a, b in zip(came, wanted, strict=True):
            went.append(min(stock + a, b) if is_stock else b)
            stock += a - went[-1]
        rows.append(pd.DataFrame({"unit": f"u{i:02d}", "t": range(40), "came": came, "went": went}))
    frame = pd.concat(rows, ignore_index=True)
    moved = (frame["came"] - frame["went"]).groupby(frame["unit"]).cumsum()
    frame["left"] = moved + 5 + frame["unit"].str[1:].astype(int)
    table, made = Table.fit(frame, ROLES)
    pd.testing.assert_frame_equal(table.to_frame(made)[["came", "went"]], frame[["came", "went"]])
    made = replace(made, values=made.values[rng.permutation(len(made.values))])
    copy = table.to_frame(made, seed=1)
    steps = of_unit(copy, "left").diff().dropna()
    np.testing.assert_array_equal(steps, (copy["came"] - copy["went"])[steps.index])
    assert (copy["went"] >= 0).all()
    assert (copy["left"].min() >= 0) == is_stock
    assert "left >= 0" not in {one.text for one in table.relations}


def test_what_goes_is_counted_behind_its_limit():
    """Of a stock no more goes than is there; what adds that up, or multiplies it, knows."""
    rng = np.random.default_rng(0)
    frame = series(rng)[["unit", "t"]]
    n = len(frame)
    frame = frame.assign(came=rng.integers(0, 9, n), went=rng.integers(0, 9, n))
    moved = (frame["came"] - frame["went"]).groupby(frame["unit"]).cumsum()
    frame["left"] = moved - moved.groupby(frame["unit"]).transform("min") + 1
    frame["gone"] = of_unit(frame, "went").cumsum()
    frame["weight"] = frame["came"] * frame["went"]
    table, made = Table.fit(frame, ROLES)
    rng = np.random.default_rng(1)
    made = replace(made, values=made.values[rng.permutation(len(made.values))])
    copy = table.to_frame(made, seed=1)
    np.testing.assert_allclose(copy["gone"], of_unit(copy, "went").cumsum())
    np.testing.assert_allclose(copy["weight"], copy["came"] * copy["went"])
    steps = of_unit(copy, "left").diff().dropna()
    np.testing.assert_allclose(steps, (copy["came"] - copy["went"])[steps.index])


@pytest.mark.parametrize("sentence", ["bal <= cap", "bal >= 0"])
def test_an_order_of_a_balance_is_asked_about(sentence):
    """Its beginning is learned, of which the order says nothing: one sentence, that helps."""
    rng = np.random.default_rng(0)
    frame = series(rng).rename(columns={"price": "cap"})
    frame["bal"] = STANDS["balance"](frame, opened(frame, "bal")) + 500
    frame["cap"] = frame["bal"] + frame["cap"]
    error = table_error(frame, ROLES | {"relations": [sentence]})
    taken = "not bal = bal in the row before + came - went"
    assert error.endswith(f"leave the first out, or add '{taken}'.")
    Table.fit(frame, ROLES | {"relations": [sentence, taken]})


def test_many_series_of_one_row():
    """In front of the others, where candidates are looked for first."""
    rng = np.random.default_rng(0)
    short = pd.DataFrame({"unit": [f"a{i:04d}" for i in range(400)], "t": 0})
    frame = pd.concat([short, series(rng)[["unit", "t"]]], ignore_index=True)
    frame = frame.assign(x=rng.normal(size=len(frame)), y=rng.normal(size=len(frame)))
    assert len(Table.fit(frame, ROLES)[1]) == 414


def test_rows_without_the_balance_are_refused():
    """Though all series begin at nothing; and fewer rows than a lag needs, if they begin later."""
    frame = series(np.random.default_rng(0))
    frame["bal"] = of_unit(frame.assign(x=frame.came - frame.went), "x").cumsum()
    frame["lag_7"] = FOLLOWS["lag_7"](frame)
    table, made = Table.fit(frame, ROLES)
    late = frame[of_unit(frame, "t").cumcount() > 9].reset_index(drop=True)
    Recent.of(table, late)
    with pytest.raises(DataError, match="lack the column 'bal'"):
        Recent.of(table, late.drop(columns="bal"))
    with pytest.raises(DataError, match="give 7 rows or more of each series"):
        Recent.of(table, late.groupby("unit").head(3))
    Recent.of(table, frame.groupby("unit").head(3))
