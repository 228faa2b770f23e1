"""Laws of times that are text: read in the one way that there is, written as they stood."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, user_table
from hypothesis import given
from hypothesis import strategies as st

from tst import Synthesiser
from tst.errors import DataError
from tst.io.untrusted import from_mapping
from tst.table.clocks import Clock
from tst.table.given import Given
from tst.table.relations import ClockText, WithinDay
from tst.table.spelled import Spelling
from tst.table.table import Table

WAYS = {
    "07:45": Clock(n_parts=2, is_padded=True),
    "7:45": Clock(n_parts=2, is_padded=False),
    "01:02:33": Clock(n_parts=3, is_padded=True),
    "1:02:33": Clock(n_parts=3, is_padded=False),
    "01:02:33.25": Clock(n_parts=3, is_padded=True, point=".", decimals=2),
    "1:02:33,125": Clock(n_parts=3, is_padded=False, point=",", decimals=3),
    "7:45 AM": Clock(n_parts=2, is_padded=False, half=" AM"),
    "07:45am": Clock(n_parts=2, is_padded=True, half="am"),
    "1:02:33 AM": Clock(n_parts=3, is_padded=False, half=" AM"),
}
SHOWN = pytest.mark.parametrize("shown", WAYS)


def of_a_day(way, n, seed=0):
    """Return n times of a day as numbers in the last unit of a way."""
    rng = np.random.default_rng(seed)
    minutes = rng.integers(0, 24 * 60, n).astype(float)
    if way.n_parts == 2:
        return minutes
    return np.round(minutes * 60 + rng.random(n) * 60, way.decimals) % 86_400


def literally(way, number):
    """Return a time as text, one part after another."""
    size = round(number * 10**way.decimals)
    seconds, rest = divmod(size, 10**way.decimals)
    if way.n_parts == 2:
        seconds *= 60
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    behind = ""
    if way.half:
        behind = way.half if hours % 24 < 12 else way.half.replace("A", "P").replace("a", "p")
        hours = 12 if hours % 12 == 0 else hours % 12
    text = f"{hours:02d}" if way.is_padded else str(hours)
    text += f":{minutes:02d}"
    if way.n_parts == 3:
        text += f":{seconds:02d}"
    if way.decimals:
        text += way.point + str(rest).rjust(way.decimals, "0")
    return text + behind


@pytest.mark.slow
@SHOWN
def test_a_column_of_such_times_is_learned_as_numbers(shown):
    """They are a measurement, come back as they stood, and the model's folder keeps how."""
    way = WAYS[shown]
    frame = user_table()
    meant = of_a_day(way, len(frame)) % 5000  # float32 tells milliseconds of an hour, not of a day
    frame["woke"] = pd.Series([literally(way, x) for x in meant], dtype="str")
    table, series = Table.fit(read_back(frame))
    place = series.feature_names.index("woke")
    order = np.lexsort((frame["when"], frame["host"]))
    np.testing.assert_allclose(series.values[:, place], meant[order], rtol=1e-6)
    for one in (table, Table.from_dict(json.loads(json.dumps(table.to_dict())))):
        assert sorted(one.to_frame(series)["woke"]) == sorted(frame["woke"])


@SHOWN
def test_a_way_is_found_and_written_as_it_stands(shown):
    """As a literal twin writes it; its example is in it."""
    way = WAYS[shown]
    numbers = of_a_day(way, 300)
    texts = way.write(pd.Series(numbers))
    assert texts.tolist() == [literally(way, x) for x in numbers]
    assert replace(Clock.of(texts.unique()), is_of_day=False) == way
    np.testing.assert_allclose(way.read(texts), numbers, atol=1e-9)
    assert way.example in texts.tolist() or way.comes_back(pd.Series([way.example])).all()


@given(
    minutes=st.lists(st.integers(0, 9_999 * 60), min_size=1, max_size=40),
    shown=st.sampled_from([shown for shown, way in WAYS.items() if not way.half]),
)
def test_durations_may_be_longer_than_a_day(minutes, shown):
    """Read as they are written; never as another number."""
    way = WAYS[shown]
    numbers = pd.Series(minutes, dtype=float)
    texts = way.write(numbers)
    found = Clock.of(texts.unique())
    np.testing.assert_array_equal(found.read(texts), way.read(texts))
    np.testing.assert_allclose(way.read(texts), numbers)
    assert found.write(found.read(texts)).equals(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["07:45", "7:45"],
        ["07:45", "12:75"],
        ["07:45", "01:02:33"],
        ["1:02:33.5", "1:02:33"],
        ["7:45 AM", "13:45 PM"],
        ["7:45 AM", "7:45pm"],
        ["7:45", "7:45 PM"],
        ["7:45 ", "8:15 "],
        ["12:345"],
        ["-7:45"],
        ["a:45"],
        [],
    ],
)
def test_what_is_not_written_alike_is_no_time(texts):
    """Nor what has no such minute or hour."""
    assert Clock.of(texts) is None


def test_what_is_missing_stays_missing():
    """And what is written otherwise is none of these times."""
    way = WAYS["07:45"]
    numbers = way.read(pd.Series(["07:45", None, "7:45:10", "x"]))
    assert numbers.tolist()[0] == 465
    assert numbers.isna().tolist() == [False, True, True, True]
    assert way.write(numbers).tolist() == ["07:45", None, None, None]
    assert way.write(pd.Series([-3.0])).tolist() == ["00:00"]


def test_a_few_times_are_categories():
    """Shifts begin at three of them: nothing lies between."""
    frame = user_table()
    frame["shift"] = pd.Series(np.resize(["06:00", "14:00", "22:00"], len(frame)), dtype="str")
    table, _ = Table.fit(read_back(frame))
    assert next(c for c in table.features if c.name == "shift").kind == "category"


@pytest.mark.parametrize(
    "change",
    [{"n_parts": 4}, {"point": ";"}, {"half": "Uhr"}, {"decimals": 2}, {"point": "."}],
)
def test_a_file_that_says_otherwise_is_refused(change):
    """There is no such way."""
    facts = {"n_parts": 3, "is_padded": True}
    assert from_mapping(Clock, facts) == WAYS["01:02:33"]
    with pytest.raises(ValueError, match="no times are written so"):
        from_mapping(Clock, facts | change)


@pytest.mark.slow
def test_times_of_a_copy_are_times_of_a_day():
    """As early and as late as the real ones, written alike."""
    rng = np.random.default_rng(0)
    way = WAYS["07:45"]
    minutes = np.round(400 + rng.normal(0, 60, 40)[:, None] + rng.normal(0, 20, (40, 25)))
    frame = pd.DataFrame({"person": np.repeat(np.arange(40), 25), "day": np.tile(range(25), 40)})
    frame["woke"] = way.write(pd.Series(minutes.ravel())).astype("str")
    roles = {"id": "person", "time": "day"}
    made = Synthesiser(max_steps=60, roles=roles).fit(frame).sample(40)["woke"]
    assert Clock.of(made.unique()).is_padded
    copied = way.read(made)
    assert copied.between(0, 1439).all()
    assert copied.mean() == pytest.approx(minutes.mean(), abs=20)
    assert copied.std() == pytest.approx(minutes.std(), rel=0.25)


def shifts(kind, seed=0):
    """Return shifts with a begin, an end and minutes between, of 40 people; some end at 23:59."""
    rng = np.random.default_rng(seed)
    way = Clock(n_parts=2, is_padded=True)
    begins = rng.integers(300, 1380, (40, 24)).ravel()
    minutes = rng.integers(1, 60, len(begins))
    if kind == "order":
        minutes = np.minimum(rng.integers(1, 200, len(begins)), 1439 - begins)
    frame = pd.DataFrame({"id": np.repeat(range(40), 24), "t": np.tile(range(24), 40)})
    frame["x"] = rng.normal(size=len(begins))
    for name, x in (("begins", begins), ("ends", begins + minutes)):
        frame[name] = way.write(pd.Series(x, dtype=float)).astype("str")
    return frame.assign(minutes=minutes) if kind == "sum" else frame


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["order", "sum"])
def test_no_time_of_day_is_later_than_a_day_and_what_holds_of_them_holds(kind):
    """Where an end would be on the next day the begin is earlier, too."""
    real = shifts(kind)
    model = Synthesiser(max_steps=40, roles={"id": "id", "time": "t"}).fit(real)
    made = model.sample(300)
    way = Clock.of(real["ends"].unique())
    begins, ends = (way.read(made[name]) for name in ("begins", "ends"))
    assert way.is_of_day
    assert max(begins.max(), ends.max()) < 1440
    assert (begins <= ends).all()
    if kind == "sum":
        assert (begins + made["minutes"] == ends).all()


def test_times_beyond_a_day_become_earlier_in_their_row():
    """By as much as the latest is too late, in each unit; others stay."""
    day = WithinDay(column="a", others=("b",), units=(1440, 86_400), decimals=(0, 1))
    frame = pd.DataFrame({"a": [1439.0, 1441, 60, 1, np.nan], "b": [86_399.9, 160, 86_400, 2, 5]})
    assert day.broken(frame, None).tolist() == [False, True, True, False, False]
    restored = day.restore(frame, None)
    assert restored["a"].tolist()[:4] == [1439, 1439, 59, 1]
    assert restored["b"].tolist() == [86_399.9, 40, 86_399, 2, 5]
    assert not day.broken(restored, None).any()


@pytest.mark.parametrize(
    ("texts", "is_of_day"),
    [(["06:10", "09:50"], False), (["00:10", "23:50"], True), (["00:10", "25:50"], False)],
)
def test_times_of_day_are_before_24_hours_some_after_12(texts, is_of_day):
    """Longer ones, and those that are far from a day, are durations: no limit is known."""
    assert Clock.of(texts).is_of_day == is_of_day


@pytest.mark.parametrize("odd", [5, 7.5, None, True])
def test_a_cell_that_is_no_text_is_no_time(odd):
    """Late in a large table, too: the column is then learned otherwise, or refused in words."""
    assert Clock.of(["07:45", odd]) is None
    assert Spelling.of(["$12.50", odd]) is None


def test_a_time_that_no_series_has_is_refused_as_it_is_written():
    """With the first and the last one that there is."""
    frame = pd.DataFrame({"id": np.repeat(range(40), 5), "t": np.tile(range(5), 40)})
    frame["x"] = np.random.default_rng(0).normal(size=200)
    way = WAYS["07:45"]
    frame["opens"] = way.write(pd.Series(400.0 + 10 * frame["id"])).astype("str")
    table, _ = Table.fit(frame, {"id": "id", "time": "t"})
    assert Given.of(table, {"opens": "07:45"}, 1).labels.size == 1
    with pytest.raises(DataError, match="'opens' is '25:00'; the table has numbers from 06:40 to"):
        Given.of(table, {"opens": "25:00"}, 1)


def test_a_time_that_is_given_is_written_as_the_table_has_it():
    """0930 is neither half past nine nor 930 minutes."""
    frame = user_table()
    frame["opens"] = "x"
    column = ClockText(column="opens", dtype="str", spelling=WAYS["07:45"])
    table = replace(Table.fit(frame)[0], relations=(column,))
    with pytest.raises(DataError, match="'opens' is '0930', which the table writes like 07:45"):
        Given.of(table, {"opens": "0930"}, 2)
