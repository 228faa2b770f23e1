"""Laws of relations: what holds in every row of a table holds in every row of any copy.

A table comes back to the last format, and whatever a model makes of its numbers keeps them.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error

from tst.table.relations import Above, Monotone, Number, Places, apply_all, restore_all
from tst.table.table import Table

N_SERIES, N_ROWS = 23, 13
SERIES = np.repeat(np.arange(N_SERIES), N_ROWS)
STEP = np.tile(np.arange(N_ROWS), N_SERIES)


def base(seed=0):
    """Return a table with an id, a time and one measurement that nothing is related to."""
    frame = pd.DataFrame({"unit": np.char.add("u", (10 + SERIES).astype(str)), "t": 60 * STEP})
    frame["free"] = np.random.default_rng(seed).normal(size=len(frame)).round(3)
    return frame


def random_walk(rng, scale=1.0):
    """Return numbers of each row, about 20."""
    return (20 + scale * rng.normal(size=len(SERIES))).round(2)


def prices(rng):
    """low <= open, close <= high."""
    frame = base()
    frame["open"] = random_walk(rng)
    frame["close"] = random_walk(rng)
    ends = frame[["open", "close"]]
    frame["high"] = (ends.max(axis=1) + rng.exponential(size=len(frame)).round(2)).round(2)
    frame["low"] = (ends.min(axis=1) - rng.exponential(size=len(frame)).round(2)).round(2)
    return frame


def holds_prices(frame):
    """Each row, exactly."""
    ends = frame[["open", "close"]]
    return (frame["low"] <= ends.min(axis=1)) & (ends.max(axis=1) <= frame["high"])


def bill(rng):
    """total = net + tax; paid = price * units; feet and metres; a column that stands twice."""
    frame = base()
    frame["net"] = random_walk(rng, 5.0)
    frame["tax"] = rng.exponential(size=len(frame)).round(2)
    frame["total"] = (frame["net"] + frame["tax"]).round(2)
    frame["units"] = rng.integers(1, 9, len(frame))
    frame["price"] = rng.exponential(10, len(frame)).round(1) + 1
    frame["paid"] = (frame["price"] * frame["units"]).round(1)
    frame["celsius"] = random_walk(rng)
    frame["fahrenheit"] = (1.8 * frame["celsius"] + 32).round(3)
    frame["again"] = frame["units"].astype("int16")
    return frame


def holds_bill(frame):
    """Each row, to the digits that are written."""
    return (
        np.isclose(frame["total"], (frame["net"] + frame["tax"]).round(2))
        & np.isclose(frame["paid"], (frame["price"] * frame["units"]).round(1))
        & np.isclose(frame["fahrenheit"], (1.8 * frame["celsius"] + 32).round(3))
        & (frame["again"] == frame["units"])
    )


def parts(rng):
    """whole = a + b + c."""
    frame = base()
    for name in "abc":
        frame[name] = rng.integers(0, 50, len(frame))
    frame["whole"] = frame[list("abc")].sum(axis=1)
    return frame


def holds_parts(frame):
    """Each row."""
    return frame["whole"] == frame[list("abc")].sum(axis=1)


def soil(rng):
    """clay + silt + sand = 100, each at least 0; cases are added up within each unit."""
    frame = base()
    shares = (100 * rng.dirichlet([0.6, 1, 2], len(frame))).round(1)
    frame["clay"] = shares[:, 0]
    frame["silt"] = shares[:, 1]
    frame["sand"] = (100 - frame["clay"] - frame["silt"]).round(1)
    frame["sand"] = frame["sand"].clip(lower=0)
    frame["silt"] = (100 - frame["clay"] - frame["sand"]).round(1)
    frame["new"] = rng.poisson(3, len(frame))
    frame["all_so_far"] = frame.groupby("unit")["new"].cumsum()
    return frame


def engines(rng):
    """Runs of several lengths: a row's number, the life that is left, hours since the start."""
    frame = base()[STEP < 4 + SERIES % 9].reset_index(drop=True)
    number = frame.groupby("unit").cumcount()
    frame["row"] = number + 1
    frame["rul"] = frame.groupby("unit").cumcount(ascending=False)
    frame["hours"] = 0.25 * number
    return frame


def holds_engines(frame):
    """Each row."""
    number = frame.groupby("unit").cumcount()
    left = frame.groupby("unit").cumcount(ascending=False)
    is_left = frame["rul"] == left
    return is_left & (frame["row"] == number + 1) & (frame["hours"] == 0.25 * number)


def holds_soil(frame):
    """Each row, to the digits that are written."""
    shares = frame[["clay", "silt", "sand"]]
    is_total = np.isclose(shares.sum(axis=1), 100) & (shares >= 0).all(axis=1)
    return is_total & (frame["all_so_far"] == frame.groupby("unit")["new"].cumsum())


def counters(rng):
    """Counts and states that never fall, time left that never rises."""
    frame = base()
    frame["count"] = frame.assign(x=rng.poisson(2, len(frame))).groupby("unit")["x"].cumsum()
    wear = frame.assign(x=rng.exponential(size=len(frame))).groupby("unit")["x"].cumsum()
    frame["wear"] = (wear / wear.groupby(frame["unit"]).transform("max")).round(4)
    frame["left"] = 100 - 3 * STEP - rng.integers(0, 3, len(frame))
    frame["state"] = np.array(["new", "used", "old"])[np.minimum(STEP // 4, 2)]
    frame["failed"] = STEP > 9
    return frame


def holds_counters(frame):
    """Each row beside the one before it."""
    by_unit = frame.groupby("unit")
    rank = frame["state"].map({"new": 0, "used": 1, "old": 2}).groupby(frame["unit"]).diff()
    return (
        (by_unit["count"].diff().fillna(0) >= 0)
        & (by_unit["wear"].diff().fillna(0) >= 0)
        & (by_unit["left"].diff().fillna(0) <= 0)
        & (rank.fillna(0) >= 0)
        & (frame["failed"].astype(int).groupby(frame["unit"]).diff().fillna(0) >= 0)
    )


def gaps(rng):
    """dose only where treated, both laboratory values together, an amount only in an order."""
    frame = base()
    frame["treated"] = rng.random(len(frame)) < 0.4
    frame["dose"] = np.where(frame["treated"], random_walk(rng), np.nan)
    is_drawn = rng.random(len(frame)) < 0.3
    frame["sodium"] = np.where(is_drawn, random_walk(rng), np.nan)
    frame["potassium"] = np.where(is_drawn, random_walk(rng), np.nan)
    frame["event"] = rng.choice(["look", "order", "pay"], len(frame))
    frame["amount"] = np.where(frame["event"] == "look", 0, random_walk(rng))
    frame["comment"] = np.where(frame["event"] == "pay", "thanks", None)
    frame.loc[(frame["event"] == "pay") & (STEP % 2 == 0), "comment"] = "late"
    return frame


def holds_gaps(frame):
    """Each row."""
    return (
        (frame["dose"].notna() == frame["treated"])
        & (frame["sodium"].isna() == frame["potassium"].isna())
        & ((frame["amount"] == 0) == (frame["event"] == "look"))
        & (frame["comment"].notna() == (frame["event"] == "pay"))
    )


def names(rng):
    """The product decides its group, the sector goes with the industry, capacity bounds load."""
    frame = base()
    product = rng.integers(0, 8, len(frame))
    frame["product"] = np.char.add("p", product.astype(str))
    frame["kind"] = np.array(["food", "toy", "book"])[product % 3]
    industry = np.arange(N_SERIES) % 5
    frame["sector"] = np.array(["A", "B", "B", "C", "C"])[industry][SERIES]
    frame["industry"] = np.array(["a", "b1", "b2", "c1", "c2"])[industry][SERIES]
    frame["capacity"] = np.array([10.0, 20.0, 40.0])[np.arange(N_SERIES) % 3][SERIES]
    frame["load"] = (frame["capacity"] * rng.random(len(frame))).round(2)
    frame["share"] = np.minimum(rng.exponential(0.5, len(frame)), 1).round(3)
    return frame


def holds_names(frame):
    """Each row."""
    kinds = {f"p{i}": ["food", "toy", "book"][i % 3] for i in range(8)}
    pairs = set(zip("ABBCC", ["a", "b1", "b2", "c1", "c2"], strict=True))
    known = [p in pairs for p in zip(frame["sector"], frame["industry"], strict=True)]
    return (
        (frame["product"].map(kinds) == frame["kind"])
        & np.array(known)
        & (frame["load"] <= frame["capacity"])
        & frame["share"].between(0, 1)
    )


TABLES = {
    "orders": (prices, holds_prices),
    "formulas": (bill, holds_bill),
    "totals": (parts, holds_parts),
    "shares": (soil, holds_soil),
    "row by row": (engines, holds_engines),
    "never back": (counters, holds_counters),
    "gaps": (gaps, holds_gaps),
    "names": (names, holds_names),
}


@pytest.fixture(params=TABLES)
def related(request):
    """A table, and what holds in each of its rows."""
    make, holds = TABLES[request.param]
    frame = make(np.random.default_rng(0))
    assert holds(frame).all()
    return frame, holds


def test_a_related_table_comes_back(related):
    """Every column, to the last digit and dtype, but for the id."""
    frame, _ = related
    table, series = Table.fit(frame, {"id": "unit", "time": "t"})
    written = table.to_frame(series)
    pd.testing.assert_frame_equal(written.drop(columns="unit"), frame.drop(columns="unit"))
    mapping = json.loads(json.dumps(table.to_dict()))
    assert Table.from_dict(mapping) == table


@pytest.mark.slow
def test_what_holds_in_every_row_holds_in_every_copy(related):
    """Whatever numbers a model makes of the features, by themselves: shuffled ones and noise."""
    frame, holds = related
    table, series = Table.fit(frame, {"id": "unit", "time": "t"})
    rng = np.random.default_rng(1)
    values = series.values.copy()
    for j, feature in enumerate(series.features):
        values[:, j] = rng.permutation(values[:, j])
        if feature.kind == "continuous":
            values[:, j] += rng.normal(size=len(values)) * values[:, j].std()
    attributes = series.attributes.copy()
    for name in attributes:
        attributes[name] = attributes[name].sample(frac=1, random_state=len(name)).array
    copy = table.to_frame(replace(series, values=values, attributes=attributes))
    assert holds(copy).all()
    pd.testing.assert_series_equal(copy.dtypes, frame.dtypes)


def test_without_relations_a_copy_breaks_them():
    """The law above can fail: noise on prices breaks their order."""
    frame = prices(np.random.default_rng(0))
    table, series = Table.fit(frame, {"id": "unit", "time": "t", "relations": ["none"]})
    assert table.relations == ()
    values = series.values + np.random.default_rng(1).normal(size=series.values.shape)
    assert not holds_prices(table.to_frame(replace(series, values=values))).all()


@pytest.mark.parametrize("has_zeros", [False, True])
def test_what_is_never_above_zero_is_not_in_a_copy(has_zeros):
    """The strength of a signal in dBm; debits that are written as negative numbers."""
    rng = np.random.default_rng(0)
    frame = base()
    frame["dbm"] = -rng.gamma(2, 20, len(frame)).round(1) * (1 - has_zeros * (STEP % 3 == 0))
    table, series = Table.fit(frame, {"id": "unit", "time": "t"})
    assert "dbm <= 0" in [one.text for one in table.relations]
    values = series.values + np.float32(30) * rng.normal(size=series.values.shape)
    assert table.to_frame(replace(series, values=values.astype("float32")))["dbm"].max() <= 0


def test_relations_are_listed():
    """In the problems; a column that follows from others is derived, and no feature."""
    table, series = Table.fit(bill(np.random.default_rng(0)), {"id": "unit", "time": "t"})
    text = problem_text(table)
    for sentence in ("total = net + tax", "paid = units * price", "again = units"):
        assert f"{sentence}: kept so in every row" in text
    roles = table.roles().set_index("column")["role"]
    assert (roles[["total", "paid", "again"]] == "derived").all()
    assert not {"total", "paid", "again"} & set(series.feature_names)


def test_what_is_counted_row_by_row_is_told_and_not_learned():
    """But where nothing else is measured, or one step is another: then it is learned."""
    frame = engines(np.random.default_rng(0))
    roles = {"id": "unit", "time": "t"}
    table, series = Table.fit(frame, roles)
    text = problem_text(table)
    assert "rul falls by 1 a row and is 0 in the last row of each series" in text
    assert "row rises by 1 a row and is 1 in the first row of each series" in text
    assert series.feature_names == ["free"]
    _, alone = Table.fit(frame[["unit", "t", "rul"]], roles)
    assert alone.feature_names == ["rul"]
    frame.loc[7, "rul"] += 1
    _, other = Table.fit(frame, roles)
    assert "rul" in other.feature_names


def test_columns_without_relations_have_none():
    """Independent noise: neither orders nor formulas."""
    rng = np.random.default_rng(0)
    frame = base()
    for name in "abc":
        frame[name] = rng.normal(size=len(frame)).round(2)
    frame["kind"] = rng.choice(list("xyz"), len(frame))
    table, _ = Table.fit(frame, {"id": "unit", "time": "t"})
    assert table.relations == ()


def test_one_row_is_enough_to_break_a_relation():
    """It must hold in every row, also behind the first ones."""
    frame = bill(np.random.default_rng(0))
    frame.loc[len(frame) - 1, "total"] += 1
    table, _ = Table.fit(frame, {"id": "unit", "time": "t"})
    assert "total = net + tax" not in [one.text for one in table.relations]


@pytest.mark.parametrize(
    "sentence", ["low <= open <= high", "high >= close", "low >= 0", "free <= 100"]
)
def test_relations_that_are_said(sentence):
    """They are kept, whether found or not."""
    frame = prices(np.random.default_rng(0))
    roles = {"id": "unit", "time": "t", "relations": [sentence]}
    table, _ = Table.fit(frame, roles)
    assert table.relations


def test_a_relation_is_left_out():
    """By its sentence, or by a column."""
    frame = prices(np.random.default_rng(0))
    roles = {"id": "unit", "time": "t", "relations": ["not low <= open", "not high"]}
    table, _ = Table.fit(frame, roles)
    texts = " | ".join(one.text for one in table.relations)
    assert "low <= close" in texts
    assert "low <= open" not in texts and "high" not in texts


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("high <= low", "the roles say 'high <= low', which does not hold in all rows"),
        ("free >= 0", "the roles say 'free >= 0', which does not hold"),
        ("low = high", "the roles say 'low = ...', which does not hold"),
        ("low = open + close", "the roles say 'low = ...', which does not hold"),
        ("low never falls", "the roles say 'low never falls', which does not hold"),
        ("low <= hihg", "names 'hihg', which is not a column to be learned"),
        ("low below high", "the relation 'low below high' is not understood; give a <= b"),
    ],
)
def test_relations_that_cannot_be_kept(sentence, words):
    """Each a sentence."""
    frame = prices(np.random.default_rng(0))
    roles = {"id": "unit", "time": "t", "relations": [sentence]}
    assert words in table_error(frame, roles)


def test_an_order_by_hand():
    """high is learned as 1 and 0 above the higher of the others, and restored from it."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 1.0], "high": [4.0, 2.0]})
    places = Places(times=np.arange(2.0), is_first=np.array([True, False]))
    order = Above(column="high", below=("a", "b"), number=Number(dtype="float64", decimals=1))
    learned = order.apply(frame, places)
    assert learned["high"].tolist() == [1.0, 0.0]
    made = learned.assign(high=[0.26, -5.0])
    assert order.restore(made, places)["high"].tolist() == [3.3, 2.0]


@pytest.mark.parametrize(("as_steps", "expected"), [(True, [2, 5, 5, 7]), (False, [2, 3, 3, 7])])
def test_a_counter_by_hand(as_steps, expected):
    """Two series: steps are added up, levels never fall."""
    places = Places(times=np.arange(4.0), is_first=np.array([True, False, False, True]))
    number = Number(dtype="int64", decimals=0)
    counter = Monotone(column="n", falls=False, as_steps=as_steps, number=number)
    made = pd.DataFrame({"n": [2, 3, -1, 7]})
    assert counter.restore(made, places)["n"].tolist() == expected


@pytest.mark.parametrize("n_early", [0, 1])
def test_what_runs_to_a_threshold_crosses_it_last(n_early):
    """Whatever steps a model makes, a series ends like real ones, and no earlier row does.

    Though one real series reaches it a row too early, as rounding makes it.
    """
    rng = np.random.default_rng(0)
    wear = np.cumsum(rng.exponential(0.02, (40, 400)), axis=1).round(4)
    rows = [x[: int(np.argmax(x >= 1)) + 1] for x in wear]
    for i in range(n_early):
        rows[i] = np.append(rows[i][:-1], [1.0, rows[i][-1] + 0.01])
    rows[-1][-1] = 1.0  # the least end is the limit
    frame = pd.DataFrame({"unit": np.repeat(np.arange(40), [len(x) for x in rows])})
    frame["t"] = frame.groupby("unit").cumcount()
    frame["wear"] = np.concatenate(rows)
    table, series = Table.fit(frame, {"id": "unit", "time": "t"})
    if not n_early:
        pd.testing.assert_series_equal(table.to_frame(series)["wear"], frame["wear"])
    values = series.values * rng.uniform(0.5, 2, size=series.values.shape)
    copy = table.to_frame(replace(series, values=values)).groupby("unit")["wear"]
    last = copy.last()
    assert last.between(1, frame["wear"].max()).all()
    assert copy.apply(lambda x: (x.iloc[:-1] < 1).all()).all()
    assert (copy.diff().dropna() >= 0).all()


def stays(as_text):
    """Return stays of a hospital: a row a day from the admission to the discharge."""
    rng = np.random.default_rng(0)
    n_days = rng.integers(2, 15, 60)
    admitted = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 700, 60), "D")
    born = pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 15_000, 60), "D")
    stay = np.repeat(np.arange(60), n_days)
    day = np.arange(len(stay)) - np.repeat(np.cumsum(n_days) - n_days, n_days)
    frame = pd.DataFrame({"stay": np.char.add("s", stay.astype(str))})
    frame["admitted"] = admitted[stay]
    frame["discharged"] = admitted[stay] + pd.to_timedelta(n_days[stay] - 1, "D")
    frame["born"] = born[stay]
    frame["day"] = admitted[stay] + pd.to_timedelta(day, "D")
    frame["score"] = rng.normal(size=len(stay)).round(2)
    if as_text:
        for name in ("admitted", "discharged", "born", "day"):
            frame[name] = frame[name].dt.strftime("%d/%m/%Y")
    return frame


@pytest.mark.parametrize("as_text", [False, True])
def test_dates_keep_their_distance_to_the_times(as_text):
    """Admitted on the first day, discharged on the last; born, once, among the real ones."""
    frame = stays(as_text)
    table, series = Table.fit(frame, {"id": "stay", "time": "day"})
    copy = table.to_frame(series, seed=7)
    pd.testing.assert_series_equal(copy.dtypes, frame.dtypes)
    dates = ["admitted", "discharged", "born", "day"]
    real = frame.assign(**{name: pd.to_datetime(frame[name], dayfirst=True) for name in dates})
    made = copy.assign(**{name: pd.to_datetime(copy[name], dayfirst=True) for name in dates})
    days = made.groupby("stay")["day"]
    assert (made["admitted"] == days.transform("min")).all()
    assert (made["discharged"] == days.transform("max")).all()
    assert (made.groupby("stay")["born"].nunique() == 1).all()
    assert made["born"].between(real["born"].min(), real["born"].max()).all()


def test_what_falls_stays_within_its_limits():
    """However far the steps that a model draws: levels end at 0 and 100, in a copy as in rows."""
    rng = np.random.default_rng(0)
    frame = base()
    steps = np.where(STEP > 0, rng.exponential(7, len(frame)), 0)
    left = 100 - pd.Series(steps).groupby(frame["unit"]).cumsum()
    frame["left"] = left.clip(lower=0).round(1)
    table, _ = Table.fit(frame)
    texts = [one.text for one in table.relations]
    assert {"left never rises", "0 <= left <= 100"} <= set(texts)
    is_first = ~frame["unit"].duplicated().to_numpy()
    places = Places(times=np.arange(len(frame), dtype=float), is_first=is_first)
    learned = apply_all(table.relations, frame[["left"]], places)
    assert restore_all(table.relations, learned, places)["left"].equals(frame["left"])
    drawn = restore_all(table.relations, learned * 3, places)["left"]
    assert drawn.between(0, 100).all()


@pytest.mark.slow
@pytest.mark.parametrize("sentence", ["net <= total", "total >= 0", "total never falls"])
def test_an_order_of_what_follows_from_others_is_asked_about(sentence):
    """One sentence, that says what to do."""
    frame = bill(np.random.default_rng(0))
    frame["net"] = frame["net"].abs()
    frame["total"] = (frame["net"] + frame["tax"]).round(2)
    error = table_error(frame, {"relations": [sentence]})
    assert error.endswith("leave the first out, or add 'not total = net + tax'.")
    table, _ = Table.fit(frame, {"relations": ["not total = net + tax", "total >= 0"]})
    assert "net <= total" in {one.text for one in table.relations}
