"""Laws of the guess of roles: an id is never a measurement, and what is unclear is asked."""

import uuid

import numpy as np
import pandas as pd
import pytest

from tst.errors import DataError
from tst.table.evidence import choose, is_called_id, is_called_time, words

NAMES = {  # id, time, a measurement
    "english": ("stay_id", "charttime", "bpm"),
    "german": ("Gerät", "Zeitpunkt", "Drehzahl"),
    "spanish": ("paciente", "fecha", "pulso"),
    "french": ("capteur", "horodatage", "débit"),
    "unknown": ("k3", "k1", "k2"),
}
ID_KINDS = ("number", "text", "uuid", "float")
N_SERIES = 40


def ids_of(kind, rng):
    """Return ids of a kind, one a series."""
    numbers = rng.permutation(np.arange(2000, 2000 + N_SERIES))
    if kind == "number":
        return numbers
    if kind == "float":  # whole numbers beside missing ones, as pandas reads them
        return numbers.astype(float)
    if kind == "text":
        return np.char.add("A-", numbers.astype(str))
    return np.array([str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(N_SERIES)])


def vital_signs(names, kind, seed=0, irregular=False, days=60):
    """Return hourly whole numbers of patients who came on different days, without an attribute."""
    key, time, value = names
    rng = np.random.default_rng(seed)
    lengths = rng.integers(18, 30, N_SERIES)
    parts = []
    for one, n in zip(ids_of(kind, rng), lengths, strict=True):
        hours = np.cumsum(rng.integers(1, 9, n)) if irregular else np.arange(n)
        start = pd.Timestamp("2021-03-01") + pd.Timedelta(hours=int(rng.integers(24 * days)))
        level = rng.normal(80, 10)
        walk = level + rng.normal(0, 2, n).cumsum()
        parts.append(
            pd.DataFrame(
                {
                    key: one,
                    time: start + pd.to_timedelta(hours, "h"),
                    value: walk.round().astype(int),
                    "x7": (96 + rng.normal(0, 1, n)).round(1),
                    "x8": rng.choice(["calm", "awake", "asleep"], n),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def reordered(frame, seed, rows, columns):
    """Return a table with its rows or columns in another order."""
    rng = np.random.default_rng(seed)
    if rows:
        frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    return frame[rng.permutation(frame.columns)] if columns else frame


@pytest.mark.long
@pytest.mark.parametrize("kind", ID_KINDS)
@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("order", ["as it is", "rows", "columns", "both"])
def test_an_id_is_never_a_measurement(language, kind, order):
    """Whatever the names, the kind of id and the order of rows and columns: right, or asked."""
    names = NAMES[language]
    frame = vital_signs(names, kind)
    frame = reordered(frame, 1, order in ("rows", "both"), order in ("columns", "both"))
    choice = choose(frame, None, None, ())
    assert choice.id == (names[0],)
    assert choice.time == names[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ID_KINDS)
@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("rows", [False, True])
def test_irregular_visits(language, kind, rows):
    """Uneven steps speak for nothing: the id is right by the rest, or the question is asked."""
    names = NAMES[language]
    frame = reordered(vital_signs(names, kind, irregular=True, days=700), 2, rows, True)
    try:
        choice = choose(frame, None, None, ())
    except DataError as error:
        assert language == "unknown"
        assert "may name the series" in str(error)
        assert f"'{names[0]}'" in str(error)
    else:
        assert choice.id == (names[0],)


def one_series(n=900, seed=0):
    """Return a daily table without an id: a text, a count, whole numbers, and two of the date."""
    rng = np.random.default_rng(seed)
    day = pd.date_range("2012-01-01", periods=n)
    states = np.array(["sun", "rain", "fog", "snow"])
    stays = rng.random(n) < 0.6
    state = rng.integers(0, 4, n)
    for i in range(1, n):
        state[i] = state[i - 1] if stays[i] else state[i]
    return pd.DataFrame(
        {
            "day": day.strftime("%Y-%m-%d"),
            "sky": states[state],
            "high": (15 + 9 * np.sin(np.arange(n) / 58) + rng.normal(0, 2, n)).round(1),
            "riders": rng.poisson(40, n),
            "total": np.arange(n) // 20,
            "year": day.year,
            "month": day.month,
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("columns", [False, True])
def test_one_series_has_no_id(rows, columns):
    """A text, a count, a sum that rises, the year or the month do not name series."""
    choice = choose(reordered(one_series(), 3, rows, columns), None, None, ())
    assert (choice.id, choice.time) == ((), "day")


def test_two_columns_name_a_series_where_one_does_not():
    """Both are the id, and what one of them decides is not."""
    days = pd.date_range("2024-01-01", periods=21).strftime("%d.%m.%Y")
    index = pd.MultiIndex.from_product([["n", "s", "w"], list("abcdefg"), days])
    frame = index.to_frame(index=False, name=["filiale", "artikel", "tag"])
    rng = np.random.default_rng(0)
    frame["group"] = frame["artikel"].map(dict(zip("abcdefg", "xxyyzzz", strict=True)))
    frame["sold"] = rng.poisson(3, len(frame))
    frame["price"] = rng.normal(5, 1, len(frame)).round(2)
    for seed, rows in ((0, False), (1, True)):
        choice = choose(reordered(frame, seed, rows, rows), None, None, ())
        assert sorted(choice.id) == ["artikel", "filiale"]
        assert choice.time == "tag"


def test_without_a_time_the_rows_stand_in_order():
    """A name whose rows stand together is the id; numbers alone are one series."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=["u", "v", "w"])
    choice = choose(frame, None, None, ())
    assert (choice.id, choice.time) == ((), "")
    frame.insert(1, "strip", np.repeat([f"strip {i}" for i in range(30)], 10))
    choice = choose(frame, None, None, ())
    assert (choice.id, choice.time) == (("strip",), "")


def test_a_measurement_called_like_a_time_is_none():
    """t may be a temperature: in rows that stand in order, a time rises or goes in steps."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"probe": np.repeat([f"p{i}" for i in range(20)], 15)})
    frame["t"] = rng.normal(20, 3, 300).round(2)
    frame["u"] = rng.normal(size=300).cumsum()
    choice = choose(frame, None, None, ())
    assert (choice.id, choice.time) == (("probe",), "")
    frame["t"] = np.tile(np.cumsum(rng.integers(1, 9, 15)), 20)  # uneven steps that rise
    assert choose(frame, None, None, ()).time == "t"
    mixed = frame.rename(columns={"t": "k"})  # called like nothing: the question is asked
    with pytest.raises(DataError, match="'k' rises within it: say which"):
        choose(mixed, None, None, ())
    assert choose(mixed, None, "", ()).time == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["visit", "k2"])
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("is_even", [False, True])
def test_whole_numbers_kept_as_text_are_what_numbers_are(name, rows, is_even):
    """The time, or asked about: never is the order of rows taken in their place."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat([f"p{i}" for i in range(30)], 12)})
    steps = np.ones((30, 12), int) if is_even else rng.integers(1, 9, (30, 12))
    frame[name] = steps.cumsum(axis=1).ravel()
    frame["x"] = rng.normal(size=360).round(3)
    frame = reordered(frame, 5, rows, False)
    for dtype in ("int64", "str", "category"):
        text = frame.astype({name: "str"} if dtype == "category" else {name: dtype})
        text = text.astype({name: dtype})
        if name == "visit" or is_even:
            choice = choose(text, None, None, ())
            assert (choice.id, choice.time) == (("id",), name)
        else:
            with pytest.raises(DataError, match="say which|name it"):
                choose(text, None, None, ())


def test_a_known_id_leaves_the_time_to_be_guessed_and_the_other_way_round():
    """One role that is given settles the other."""
    frame = reordered(vital_signs(NAMES["unknown"], "number", irregular=True), 4, True, True)
    assert choose(frame, ["k3"], None, ()).time == "k1"
    two = frame.assign(k4=frame["k3"] % 7)
    assert choose(two, None, "k1", ["k2"]).id == ("k3",)


def test_the_evidence_can_be_shown():
    """Series, rows, steps: sentences with the numbers that were found."""
    choice = choose(vital_signs(NAMES["english"], "number"), None, None, ())
    text = "; ".join(choice.facts)
    for fact in ("40 series", "called like an id", "names each row", "100% of the steps"):
        assert fact in text


def test_what_names_nothing_is_one_sentence():
    """Times that stand several times, and no column beside them: with what settles it."""
    times = np.tile(pd.date_range("2024-01-01", periods=30, freq="h"), 8)
    values = np.random.default_rng(0).normal(size=240)
    frame = pd.DataFrame({"when": times, "cpu": values})
    with pytest.raises(DataError, match="no column names the series, so that with 'when'"):
        choose(frame, None, None, ())


def test_words_of_names():
    """Cases, accents and digits."""
    assert words("PatientID_2") == ["patient", "id", "2"]
    assert words("Gerät-Nr") == ["gerat", "nr"]
    assert is_called_id("userid") == is_called_id("IDs") == 1
    assert 0 < is_called_id("Stores") < 1
    assert is_called_id("bpm") == is_called_id("paid_amount") == 0
    assert is_called_time("Datum") and is_called_time("charttime") and not is_called_time("tempo")


def probes(seed=0):
    """Return minutes of probes, whose number has decimals, each for 12 to 30 of them."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(12, 30, 20)
    frame = pd.DataFrame({"probe": np.repeat(rng.permutation(500)[:20] / 10, lengths)})
    frame["minute"] = np.concatenate([np.arange(n) for n in lengths])
    walks = [7 + rng.normal(0, 0.1, n).cumsum() for n in lengths]
    frame["ph"] = np.concatenate(walks).round(2)
    return frame


def test_an_id_with_decimals():
    """Names rows where nothing else does; a measurement with decimals does not."""
    choice = choose(probes(), None, None, ())
    assert (choice.id, choice.time) == (("probe",), "minute")
    places = probes().drop(columns=["probe", "minute"]).head(240)
    places["lat"] = np.repeat([47.25, 47.75, 48.25, 48.75], 60)
    places["lon"] = np.tile(np.repeat([10.1, 10.6, 11.1], 20), 4)
    places["date"] = np.tile(pd.date_range("2024-01-01", periods=20), 12)
    choice = choose(places, None, None, ())
    assert (choice.id, choice.time) == (("lat", "lon"), "date")
    alone = pd.DataFrame({"timestamp": pd.date_range("2024-01-01", periods=400, freq="h")})
    alone["setpoint"] = np.repeat([20.5, 21.0, 18.5, 21.5], 100)
    alone["load"] = np.random.default_rng(0).normal(0, 1, 400).cumsum().round(2)
    choice = choose(alone, None, None, ())
    assert (choice.id, choice.time) == ((), "timestamp")


def test_a_time_that_begins_again_without_a_name():
    """Several series without an id are not read as one; the sentence's remedies work."""
    frame = probes().drop(columns="probe")
    with pytest.raises(DataError, match="'minute' rises and begins again, 20 times"):
        choose(frame, None, None, ())
    assert choose(frame, (), "", ()).time == ""
    choice = choose(frame.assign(run=np.cumsum(frame["minute"] == 0)), None, None, ())
    assert (choice.id, choice.time) == (("run",), "minute")


@pytest.mark.parametrize("n_twice", [0, 2])
def test_few_times_that_stand_twice(n_twice):
    """Of one sensor a slip; of rows in any order with uneven steps, maybe several series: asked."""
    rng = np.random.default_rng(0)
    hours = np.sort(rng.permutation(8000)[:400])
    hours[:n_twice] = hours[n_twice : 2 * n_twice]
    times = pd.Timestamp("2020-08-02") + pd.to_timedelta(hours, "h")
    level = rng.permutation(np.repeat(np.arange(12), 34))[:400]
    frame = pd.DataFrame({"k1": level, "time": times, "q": level * 5 + rng.integers(0, 6, 400)})
    frame = frame.iloc[rng.permutation(400)].reset_index(drop=True)
    if n_twice:
        with pytest.raises(DataError, match="say which"):
            choose(frame, None, None, ())
    even = frame.assign(time=pd.date_range("2024-01-01", periods=400, freq="h"))
    even.loc[5 : 4 + n_twice, "time"] = even["time"].iloc[4]
    choice = choose(even, None, None, ())
    assert (choice.id, choice.time) == ((), "time")
    assert ("each time stands once" in choice.facts[0]) == (n_twice == 0)
