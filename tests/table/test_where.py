"""Laws of what a column is where another has some values: found where it holds, kept in copies."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tst.table.relations import EmptyWhere, SignWhere
from tst.table.roles import Roles
from tst.table.sample import N_ROWS
from tst.table.table import Table
from tst.table.validity import Laid, validity

ROLES = {"id": "unit", "time": "t"}


def days(n_units=30, n_rows=40):
    """Return units and days, n_rows of each."""
    units = np.repeat([f"u{i:04d}" for i in range(n_units)], n_rows)
    t = np.tile(pd.date_range("2024-01-01", periods=n_rows).astype(str), n_units)
    return pd.DataFrame({"unit": units, "t": t})


def ledger(rng, mixed=False, dtype="float64", n_units=30):
    """Return payments and incomes, or also transfers, which are either."""
    frame = days(n_units)
    n = len(frame)
    kinds = ["card", "wage", "transfer"] if mixed else ["card", "wage"]
    frame["kind"] = rng.choice(kinds, n, p=[0.7, 0.1, 0.2] if mixed else [0.8, 0.2])
    size = np.exp(rng.normal(3, 1, n) + 3 * (frame["kind"] == "wage")) + 0.01
    sign = np.where(frame["kind"] == "wage", 1, -1)
    sign = np.where(frame["kind"] == "transfer", rng.choice([-1, 1], n), sign)
    x = sign * size
    frame["amount"] = np.round(x, 2) if dtype == "float64" else (sign + x).astype(dtype)
    return frame


def shops(rng):
    """Return sales, none where a shop is closed, and none on some days on which it is open."""
    frame = days()
    frame["open"] = (rng.random(len(frame)) < 0.8).astype(int)
    is_sold = (frame["open"] == 1) & (rng.random(len(frame)) < 0.9)
    frame["sales"] = np.where(is_sold, rng.poisson(60, len(frame)), 0)
    return frame


def meters(rng):
    """Return flows of power, out of homes with panels, into others; some are not measured."""
    frame = days(90, 20)
    kind = pd.factorize(frame["unit"])[0] % 3
    frame["type"] = np.array(["panels", "plain", None], dtype=object)[kind]
    flow = np.where(kind == 0, -1, 1) * rng.gamma(2, 3, len(frame))
    frame["kw"] = np.where(rng.random(len(frame)) < 0.1, np.nan, np.round(flow, 3))
    return frame


def pumps(rng):
    """Return flows, not measured where a pump stands, nor at times where it runs."""
    frame = days()
    frame["state"] = rng.choice(["runs", "stands", "tested"], len(frame), p=[0.6, 0.3, 0.1])
    is_known = (frame["state"] != "stands") & (rng.random(len(frame)) < 0.95)
    frame["flow"] = np.where(is_known, rng.normal(20, 4, len(frame)).round(1), np.nan)
    frame["note"] = np.where(frame["state"] == "tested", None, rng.choice(list("abc"), len(frame)))
    frame["note"] = frame["note"].mask(rng.random(len(frame)) < 0.3)
    return frame


TABLES = {
    "ledger": (ledger, "amount <= 0 where kind is card; amount >= 0 where kind is wage"),
    "whole": (
        lambda rng: ledger(rng, dtype="int32"),
        "amount <= 0 where kind is card; amount >= 0 where kind is wage",
    ),
    "mixed": (
        lambda rng: ledger(rng, mixed=True),
        "amount <= 0 where kind is card; amount >= 0 where kind is wage",
    ),
    "shops": (shops, "sales = 0 where open is 0"),
    "meters": (meters, "kw <= 0 where type is panels; kw >= 0 where type is plain, empty"),
}


def found(table):
    """Return what tells signs, or where a column is empty, in a table."""
    return [one for one in table.relations if isinstance(one, (EmptyWhere, SignWhere))]


def parts_of(text):
    """Return the parts of a sentence, whatever their order."""
    return set(text.split("; "))


@pytest.fixture(params=list(TABLES))
def told(request):
    """A table, and what is said of it."""
    make, text = TABLES[request.param]
    return make(np.random.default_rng(0)), text


def test_what_tells_signs_is_found_and_lossless(told):
    """With rows that come back as they were, also from a saved table."""
    frame, text = told
    table, series = Table.fit(frame, ROLES)
    assert [parts_of(one.text) for one in found(table)] == [parts_of(text)]
    written = table.to_frame(series)
    pd.testing.assert_frame_equal(written.drop(columns="unit"), frame.drop(columns="unit"))
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table


def test_a_damaged_copy_is_put_right(told):
    """Whatever is drawn: signs are those that the other column tells, sizes stay."""
    frame, _ = told
    table, series = Table.fit(frame, ROLES)
    (one,) = found(table)
    rng = np.random.default_rng(1)
    values = rng.permuted(series.values, axis=0)
    j = series.feature_names.index(one.column)
    values[:, j] -= np.nanmean(values[:, j])
    copy = table.to_frame(replace(series, values=values))
    laid = Laid.of(table, copy, Roles())
    real = Laid.of(table, frame, Roles(), is_real=True)
    assert validity(table, real, laid)["broken"].sum() == 0
    x = copy[one.column]
    assert not (x > 0)[copy[one.by].isin(one.never_above)].any()
    assert not (x < 0)[copy[one.by].isin(one.never_below)].any()
    assert (x != 0).mean() > 0.5
    assert not (np.signbit(x) & (x == 0)).any()


def test_the_report_sees_a_wrong_sign():
    """As a rule that is broken, in as many rows."""
    frame = ledger(np.random.default_rng(0))
    table, _ = Table.fit(frame, ROLES)
    copy = frame.copy()
    rows = copy.index[copy["kind"] == "card"][:7]
    copy.loc[rows, "amount"] *= -1
    real = Laid.of(table, frame, Roles(), is_real=True)
    told = validity(table, real, Laid.of(table, copy, Roles()))
    assert told["broken"].sum() == 7
    (rule,) = told["rule"][told["broken"] > 0]
    assert "amount" in rule and "kind" in rule


@pytest.mark.parametrize(("mixed", "as_size"), [(False, True), (True, False)])
def test_sizes_are_learned_where_all_values_tell(mixed, as_size):
    """Their logarithms can be, where payments and incomes are of different sizes."""
    table, series = Table.fit(ledger(np.random.default_rng(0), mixed=mixed), ROLES)
    assert found(table)[0].as_size == as_size
    assert (series.values.min() >= 0) == as_size


def test_a_rare_value_tells_where_all_others_do():
    """A few refunds: beside others that tell, their one sign is theirs; beside mixed ones not."""
    for mixed in (False, True):
        frame = ledger(np.random.default_rng(0), mixed=mixed)
        frame.loc[[3, 300, 700], "kind"] = "refund"
        frame.loc[[3, 300, 700], "amount"] = [5.0, 12.5, 80.0]
        (one,) = found(Table.fit(frame, ROLES)[0])
        assert ("refund" in one.never_below) == (not mixed)


def test_a_row_behind_the_first_ones_takes_its_value_out():
    """Values that few rows deny, late in a table, tell nothing; the others stay."""
    frame = ledger(np.random.default_rng(0), n_units=N_ROWS // 40 + 50)
    frame.loc[len(frame) - 1, ["kind", "amount"]] = ["card", 3.0]
    (one,) = found(Table.fit(frame, ROLES)[0])
    assert one.text == "amount >= 0 where kind is wage"
    assert not one.as_size


def test_a_rare_value_tells_nothing_where_the_others_do_not_after_all():
    """A card row on the wrong side, late in a table: its signs are not those of sizes."""
    frame = ledger(np.random.default_rng(0), n_units=N_ROWS // 40 + 50)
    frame.loc[5, ["kind", "amount"]] = ["odd", 7.0]
    frame.loc[len(frame) - 1, ["kind", "amount"]] = ["card", 3.0]
    (one,) = found(Table.fit(frame, ROLES)[0])
    assert one.text == "amount >= 0 where kind is wage"


def test_another_column_tells_where_the_first_does_not_after_all():
    """Debit or credit, always; the kind but for the last rows."""
    frame = ledger(np.random.default_rng(0), n_units=N_ROWS // 40 + 50)
    frame["side"] = np.where(frame["amount"] < 0, "debit", "credit")
    frame.loc[frame.index[-20:], "kind"] = "card"
    (one,) = found(Table.fit(frame, ROLES)[0])
    assert one.by == "side" and one.as_size


def test_digits_that_later_rows_have_come_back():
    """Whole amounts in the first rows, cents in others."""
    frame = ledger(np.random.default_rng(0), n_units=N_ROWS // 40 + 50)
    frame.loc[: N_ROWS + 1000, "amount"] = frame["amount"].round() + np.sign(frame["amount"])
    table, series = Table.fit(frame, ROLES)
    assert found(table)[0].as_size
    np.testing.assert_allclose(table.to_frame(series)["amount"], frame["amount"], rtol=1e-6)


def test_states_that_go_on_tell_signs():
    """Charged, then discharged: the states are put in order first."""
    rng = np.random.default_rng(0)
    frame = days(40)
    is_late = np.tile(np.arange(40), 40) >= np.repeat(rng.integers(8, 32, 40), 40)
    frame["phase"] = np.where(is_late, "discharge", "charge")
    frame["power"] = np.where(is_late, -1, 1) * rng.gamma(2, 3, len(frame)).round(2)
    table, series = Table.fit(frame, ROLES)
    texts = [one.text for one in table.relations]
    assert any("phase never goes back" in text for text in texts) and found(table)[0].as_size
    values = rng.permuted(series.values, axis=0)
    copy = table.to_frame(replace(series, values=values))
    assert not ((copy["power"] > 0) & (copy["phase"] == "discharge")).any()
    assert not ((copy["power"] < 0) & (copy["phase"] == "charge")).any()


def test_long_series_are_no_more_evidence_than_short_ones():
    """A few of other signs are most of the rows: regions that have none of them tell nothing."""
    lengths = np.r_[[400] * 4, [20] * 36]
    unit = np.repeat(np.arange(40), lengths)
    region = np.array(list("abab") + list("abcd") * 9)[unit]
    rng = np.random.default_rng(0)
    x = np.where(unit < 4, -1, 1) * rng.gamma(2, 3, len(unit)).round(2)
    t = np.concatenate([np.arange(n) for n in lengths])
    frame = pd.DataFrame({"unit": unit.astype(str), "t": t, "region": region, "x": x})
    assert not found(Table.fit(frame, ROLES)[0])


def test_a_code_is_no_size():
    """-1 where a device is at fault: no size like the others."""
    rng = np.random.default_rng(0)
    frame = days()
    frame["status"] = rng.choice(["ok", "fault"], len(frame), p=[0.85, 0.15])
    frame["x"] = np.where(frame["status"] == "fault", -1, rng.gamma(2, 3, len(frame)).round(2))
    frame.loc[rng.random(len(frame)) < 0.02, "x"] = np.nan
    assert not any(one.as_size for one in found(Table.fit(frame, ROLES)[0]))


def test_the_least_whole_number_has_no_size():
    """Of eight bits, -128 has none."""
    frame = ledger(np.random.default_rng(0))
    frame["amount"] = np.clip(frame["amount"].round(), -128, 127).astype("int8")
    frame = frame[frame["amount"] != 0].reset_index(drop=True)
    table, series = Table.fit(frame, ROLES)
    assert frame["amount"].min() == -128 and not found(table)[0].as_size
    written = table.to_frame(series)["amount"]
    pd.testing.assert_series_equal(written, frame["amount"])


def test_what_is_known_of_few_series_is_not_told():
    """Three series had it: as likely by accident as not."""
    rng = np.random.default_rng(0)
    frame = days()
    frame["kind"] = np.where(pd.factorize(frame["unit"])[0] < 3, "rare", "usual")
    frame["x"] = np.round(rng.normal(size=len(frame)) + np.where(frame["kind"] == "rare", 9, 0), 2)
    assert not found(Table.fit(frame, ROLES)[0])


def test_independent_signs_are_not_told():
    """Forty tables of noise, skewed to one side, beside columns of two to six values."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        frame = days(12, 15)
        for n in (2, 4, 6):
            frame[f"of_{n}"] = rng.choice(list("abcdef"[:n]), len(frame))
        frame["x"] = np.round(rng.normal(rng.uniform(0, 1.5), 1, len(frame)), 3)
        assert not found(Table.fit(frame, ROLES)[0])


def test_what_is_zero_exactly_there_is_said_once():
    """As a relation of its own."""
    frame = shops(np.random.default_rng(0))
    frame["sales"] += frame["open"]
    texts = [one.text for one in Table.fit(frame, ROLES)[0].relations if one.column == "sales"]
    assert "sales is 0 exactly where open is 0" in texts
    assert "sales = 0 where open is 0" not in texts


def test_it_is_left_out_by_its_sentence_or_its_column():
    """As every relation."""
    frame = ledger(np.random.default_rng(0))
    text = found(Table.fit(frame, ROLES)[0])[0].text
    for sentence in (f"not {text}", "not amount"):
        assert not found(Table.fit(frame, {**ROLES, "relations": [sentence]})[0])


def test_what_is_empty_beside_some_values_is_so_in_every_copy():
    """Also where it is empty at times elsewhere; rows come back as they were."""
    frame = pumps(np.random.default_rng(0))
    table, series = Table.fit(frame, ROLES)
    texts = {one.text for one in found(table)}
    assert texts == {"flow is empty where state is stands", "note is empty where state is tested"}
    written = table.to_frame(series)
    pd.testing.assert_frame_equal(written.drop(columns="unit"), frame.drop(columns="unit"))
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table
    values = np.random.default_rng(1).permuted(series.values, axis=0)
    copy = table.to_frame(replace(series, values=values))
    real = Laid.of(table, frame, Roles(), is_real=True)
    assert validity(table, real, Laid.of(table, copy, Roles()))["broken"].sum() == 0
    assert copy["flow"][copy["state"] == "stands"].isna().all()
    assert copy["flow"][copy["state"] == "runs"].notna().mean() > 0.5


def test_what_is_missing_at_random_is_told_by_nothing():
    """Forty tables: as often beside all values of a column."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        frame = days(12, 15)
        frame["state"] = rng.choice(list("abcd"), len(frame))
        is_known = rng.random(len(frame)) < rng.uniform(0.1, 0.9)
        frame["x"] = np.where(is_known, rng.normal(size=len(frame)).round(2), np.nan)
        assert not found(Table.fit(frame, ROLES)[0])


def test_columns_that_are_empty_together_do_not_empty_each_other():
    """One tells of the other, and is not emptied itself afterwards."""
    rng = np.random.default_rng(0)
    frame = days()
    frame["a"] = rng.choice(["x", "y", None], len(frame))
    frame["b"] = np.where(frame["a"] == "x", None, rng.choice(["u", "v", None], len(frame)))
    frame["a"] = frame["a"].mask(frame["b"] == "u")
    table, series = Table.fit(frame, ROLES)
    tellers = {one.by for one in found(table)}
    assert found(table) and not tellers & {one.column for one in found(table)}
    values = np.random.default_rng(1).permuted(series.values, axis=0)
    copy = table.to_frame(replace(series, values=values))
    real = Laid.of(table, frame, Roles(), is_real=True)
    assert validity(table, real, Laid.of(table, copy, Roles()))["broken"].sum() == 0


def test_a_flag_with_gaps_tells_as_one_without():
    """Whole numbers are read as floats where some are missing."""
    frame = shops(np.random.default_rng(0))
    frame["open"] = frame["open"].astype(float).mask(np.arange(len(frame)) % 50 == 7)
    table, series = Table.fit(frame, ROLES)
    assert found(table)[0].text == "sales = 0 where open is 0"
    written = table.to_frame(series)
    pd.testing.assert_frame_equal(written.drop(columns="unit"), frame.drop(columns="unit"))
