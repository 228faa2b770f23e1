"""Laws of numbers that are text: read in the one way that there is, written as they stood."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, user_table
from hypothesis import given
from hypothesis import strategies as st

from tst.errors import DataError
from tst.table.given import Given
from tst.table.recent import Recent
from tst.table.spelled import Spelling
from tst.table.table import Table

WAYS = {
    "percent": "{:.1f}%",
    "percent apart": "{:.1f} %",
    "dollars": "${:,.2f}",
    "euros behind": "{:.2f} €",
    "degrees": "{:.1f}°C",
    "kilograms": "{:.0f} kg",
    "speed": "{:.1f} km/h",
    "thousands": "{:,.0f}",
    "thousands and decimals": "{:,.1f}",
    "euros before": "EUR {:.2f}",
    "digits as needed": "${:g}",
}
LOSSES = {"first": "-$5.25", "inner": "$-5.25", "last": "$5.25-", "brackets": "($5.25)"}
LOSSES |= {"true first": "−$5.25", "true inner": "$−5.25", "true last": "$5.25−"}


def signed(kind, numbers, change=str):
    """Return numbers as text."""
    return pd.Series([change(WAYS[kind].format(x)) for x in numbers], dtype="str")


def european(text):
    """Return a text with points between thousands and a comma before decimals."""
    return text.translate(str.maketrans(",.", ".,"))


def swiss(text):
    """Return a text with quotes between thousands."""
    return text.replace(",", "'")


def blank(text):
    """Return a text with blanks between thousands."""
    return text.replace(",", " ")


@pytest.mark.long
@pytest.mark.parametrize("change", [str, european, swiss, blank])
@pytest.mark.parametrize("kind", WAYS)
def test_a_column_of_such_numbers_is_learned_as_numbers(kind, change):
    """They are a measurement, come back as they stood, and the model's folder keeps how."""
    if change in (european, blank) and kind == "thousands":
        return  # 1.234 is a number as it stands, 1 234 may be a code
    frame = user_table()
    numbers = np.random.default_rng(0).lognormal(7, 2, len(frame)).round(3)
    frame["price"] = signed(kind, numbers, change)
    table, series = Table.fit(read_back(frame))
    place = series.feature_names.index("price")
    meant = np.array([float(WAYS[kind].format(x).translate(KEPT)) for x in numbers])
    order = np.lexsort((frame["when"], frame["host"]))
    np.testing.assert_allclose(series.values[:, place], meant[order], rtol=1e-6)
    for one in (table, Table.from_dict(json.loads(json.dumps(table.to_dict())))):
        made = one.to_frame(series)
        assert sorted(made["price"]) == sorted(frame["price"])


KEPT = {code: None for code in range(128) if chr(code) not in "0123456789.-"}
KEPT |= {ord(sign): None for sign in "€°"}


@pytest.mark.slow
@given(
    numbers=st.lists(
        st.decimals(-(10**7), 10**7, places=2).map(float), min_size=30, max_size=60, unique=True
    ),
    minus=st.sampled_from(sorted(LOSSES)),
    before=st.sampled_from(["", "$", "EUR ", "£"]),
    behind=st.sampled_from(["", " %", "°C", " kg"]),
    thousands=st.sampled_from(["", ",", ".", "'", "\u202f"]),
    n_decimals=st.sampled_from([1, 2, 4]),
    is_padded=st.booleans(),
)
def test_what_is_read_is_what_was_written(
    numbers, minus, before, behind, thousands, n_decimals, is_padded
):
    """Read in one way or not at all; never as another number."""
    way = Spelling(
        before=before,
        behind=behind,
        thousands=thousands,
        decimal="," if thousands == "." else ".",
        decimals=n_decimals,
        is_padded=is_padded,
        minus=minus,
    )
    texts = way.write(pd.Series(numbers))
    found = Spelling.of(texts.unique())
    if found is not None:
        meant = way.read(texts)
        np.testing.assert_array_equal(found.read(texts), meant)
        np.testing.assert_allclose(meant, numbers, atol=0.501 * 10.0**-n_decimals)
        assert found.write(meant).equals(texts)
    elif thousands == "" or any(abs(x) >= 1000 for x in numbers):
        assert not is_padded or n_decimals == 3


@pytest.mark.parametrize("minus", LOSSES)
def test_a_loss_is_below_zero(minus):
    """Wherever its sign stands, or in brackets."""
    way = Spelling.of([LOSSES[minus], "$6.50", "$1234.00"])
    assert way.minus == minus
    assert way.read(pd.Series([LOSSES[minus], "$6.50", None])).tolist()[:2] == [-5.25, 6.5]
    assert way.write(pd.Series([-5.25, np.nan])).tolist() == [LOSSES[minus], None]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["{:+.2f}%", "{:+,.1f} €", "{:+.0f}", "{:+.1f}"])
@pytest.mark.parametrize("zero", ["", "+"])
def test_a_plus_is_kept(tmp_path, way, zero):
    """Of text: above 0 all have one; at 0 all, or none. In a file a plain +4 is a number, 4."""
    frame = user_table()
    change = np.random.default_rng(0).normal(0, 900, len(frame)).round(1)
    change[:3] = 0
    frame["change"] = [way.format(x) for x in change]
    frame.loc[:2, "change"] = frame["change"][:3].str.replace("+", zero)
    frame.to_csv(tmp_path / "t.csv", index=False)
    table, series = Table.fit(tmp_path / "t.csv" if way[-1] != "}" else frame)
    order = np.lexsort((frame["when"], frame["host"]))
    x = series.values[:, series.feature_names.index("change")]
    np.testing.assert_allclose(x, change[order], atol=0.51)
    assert sorted(table.to_frame(series)["change"]) == sorted(frame["change"])


@pytest.mark.parametrize(
    ("texts", "plus"),
    [
        (["+1.5%", "-0.3%", "0.0%"], "above"),
        (["+1.5%", "-0.3%", "+0.0%"], "from"),
        (["−3.1", "+2.2"], "above"),
        (["$+1.5", "$-2.5"], "above"),
        (["+4", "0"], "above"),
        (["+49", "+7"], None),  # codes
        (["+1", "2", "-3"], None),
        (["+$1.5", "$-2.5"], None),
        (["(1.5)", "+2.0"], None),
    ],
)
def test_where_a_plus_stands(texts, plus):
    """Where the minus does, or there is no one way."""
    way = Spelling.of(texts)
    if plus is None:
        assert way is None
        return
    assert way.plus == plus
    assert way.write(way.read(pd.Series(texts))).tolist() == texts


@pytest.mark.parametrize("n_decimals", [0, 1])
def test_a_true_minus_is_a_minus(n_decimals):
    """U+2212, as tables of web pages have it; what is above zero is a plain number there."""
    frame = user_table()
    change = np.random.default_rng(0).normal(600, 900, len(frame)).round(n_decimals)
    frame["change"] = [f"{x:,.{n_decimals}f}".replace("-", "−").replace(",", "") for x in change]
    table, series = Table.fit(read_back(frame))
    order = np.lexsort((frame["when"], frame["host"]))
    place = series.feature_names.index("change")
    np.testing.assert_allclose(series.values[:, place], change[order], rtol=1e-6)
    assert sorted(table.to_frame(series)["change"]) == sorted(frame["change"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern", ["112 {:03d} 146", "+19 734 134 {:03d}", "1 {:03d}", "{0} {0:03d} St"]
)
def test_codes_with_blanks_stay_text(pattern):
    """Numbers of companies, telephones, colours: as an attribute and as a state of each row."""
    frame = user_table()
    for count in (len(frame), 1):
        codes = np.arange(len(frame)) % 30 * 17 + 200
        if count == 1:
            codes = frame["host"].str[1:].astype(int) + 200
        frame["code"] = [pattern.format(code) for code in codes]
        table, series = Table.fit(frame)
        assert count == 1 or set(table.to_frame(series)["code"]) <= set(frame["code"])
        assert "number" not in " ".join(one.text for one in table.relations if "code" in one.text)


@pytest.mark.parametrize(
    "texts",
    [
        ["1,234", "5,678"],  # thousands, or three decimals
        ["1.234 €", "5.678 €"],
        ["12 kg", "900 g"],
        ["$5.00", "€6.00"],
        ["012 kg", "13 kg"],
        ["(5.00)", "-6.00"],
        ["1,2,3", "4,5"],
        ["12.5%", "n.a."],
        ["5 to 6", "7 to 8"],
        ["1011 AB", "1012 AB"],  # postcodes, rooms, streets
        ["12 B", "14 B"],
        ["12 th", "13 th"],
        ["10.123.456", "10.950.370"],  # versions
        ["1'153", "5'123"],
        ["1 153", "5 123"],
        ["1 369", "12", "7"],  # codes
        ["3 478 m", "12 m"],
        ["66 658 mmHg", "12 mmHg"],
        ["2020 01", "950"],
        ["12 34", "13 57"],
        ["−5.00", "-6.00"],
        ["(212)", "(305)"],  # area codes
        ["12-", "13-"],
        ["480000000000000000000 kg", "1 kg"],
        ["000 kg", "12 kg"],
        ["$0.00", "$12"],
        [],
    ],
)
def test_what_can_be_read_in_two_ways_or_none(texts):
    """Is not read."""
    assert Spelling.of(texts) is None


def test_a_zero_may_lose_its_minus():
    """-0.0% is 0.0%."""
    way = Spelling.of(["-0.0%", "0.5%", "-1.5%"])
    assert way.write(way.read(pd.Series(["-0.0%", "-1.5%"]))).tolist() == ["0.0%", "-1.5%"]


def test_codes_that_are_said_to_be_such_stay():
    """The roles may say that numbers with signs are categories."""
    frame = user_table()
    frame["dose"] = signed("kilograms", np.arange(len(frame)) % 30)
    table, series = Table.fit(frame, {"categorical": ["dose"]})
    assert not any(one.kind == "number text" for one in table.relations)
    assert set(table.to_frame(series)["dose"]) == set(frame["dose"])


@pytest.mark.slow
@pytest.mark.parametrize("change", [str.upper, lambda text: text + " kg", lambda _: "n/a"])
def test_rows_to_go_on_from_are_written_alike(change):
    """Another currency or a word is one sentence, not another number."""
    frame = user_table()
    numbers = np.random.default_rng(0).lognormal(7, 1, len(frame))
    frame["price"] = signed("kilograms", numbers)
    table, _ = Table.fit(frame)
    assert len(Recent.of(table, frame).rows) == len(frame)
    frame.loc[3, "price"] = change(frame.loc[3, "price"])
    with pytest.raises(DataError, match="'price' holds '.*' in row 4, which the table writes like"):
        Recent.of(table, frame)


def test_an_attribute_is_given_as_it_is_written():
    """As text or as a number; it comes back as text."""
    frame = user_table()
    limit = frame["host"].str[1:].astype(int) * 12.5
    frame["limit"] = signed("dollars", limit)
    table, series = Table.fit(frame)
    for value in ("$1,375.00", 1375.0):
        given_one = Given.of(table, {"limit": value}, len(series))
        made = given_one.written(table, table.to_frame(series), series.lengths)
        assert set(made["limit"]) == {"$1,375.00"}


@pytest.mark.parametrize("attribute", [True, False])
def test_a_label_and_codes_stay_texts(attribute):
    """What the roles name as label or categorical is no number."""
    frame = user_table()
    texts = [f"{50 + i % 24} %" for i in range(len(frame))]
    if attribute:
        texts = [f"{50 + int(host[1:]) % 6} %" for host in frame["host"]]
    frame["grade"] = pd.Series(texts, dtype="str")
    table, series = Table.fit(frame, {"categorical": ["grade"]})
    assert set(table.to_frame(series)["grade"]) == set(frame["grade"])


def test_relations_hold_between_them():
    """A total of columns of money is kept as any sum."""
    frame = user_table()
    rng = np.random.default_rng(0)
    net, tax = rng.lognormal(6, 1, (2, len(frame))).round(2)
    for name, x in (("net", net), ("tax", tax), ("gross", net + tax)):
        frame[name] = signed("dollars", x)
    table, _ = Table.fit(frame)
    assert "gross = net + tax" in [one.text for one in table.relations]
