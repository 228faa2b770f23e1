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
from tst.io.untrusted import from_mapping
from tst.table.clocks import Clock
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
    assert replace(Clock.of(texts.unique()), day="") == way
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
    [{"n_parts": 4}, {"point": ";"}, {"half": "Uhr"}, {"decimals": 2}, {"point": "."}]
    + [{"day": "begins"}],
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


@pytest.mark.parametrize(
    ("texts", "day", "late", "early"),
    [
        (["06:10", "09:50"], "ends", "23:59", "00:00"),
        (["00:10", "23:50"], "goes round", "01:01", "23:58"),
        (["00:10", "25:50"], "", "25:01", "00:00"),
    ],
)
def test_no_time_of_day_is_later_than_a_day(texts, day, late, early):
    """About midnight what is later is early; longer durations may be longer."""
    way = Clock.of(texts)
    assert way.day == day
    assert way.write(pd.Series([1501.0, -2.0])).tolist() == [late, early]
