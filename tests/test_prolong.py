"""Laws of the tool's samples that begin somewhere: at given rows, at a given time."""

import numpy as np
import pandas as pd
import pytest

from tst import Synthesiser, __main__
from tst.errors import DataError

PERIOD = 6
LENGTH = 24


def sawtooth(n=40):
    """Return a table of sensors that count hours to six, from another number each."""
    rows = []
    for i in range(n):
        start = pd.Timestamp("2024-01-01") + pd.Timedelta(days=i % 5)
        for t in range(LENGTH):
            when = start + pd.Timedelta(hours=t)
            rows.append((f"s{i:02d}", when, float((t + i) % PERIOD), "ab"[i % 2]))
    return pd.DataFrame(rows, columns=["sensor", "when", "level", "kind"])


@pytest.fixture(scope="module")
def fitted():
    """A model of it, and the table."""
    frame = sawtooth()
    return Synthesiser(max_steps=500, d_model=32, n_layer=1).fit(frame), frame


def share_right(made, known):
    """Return the share of new levels that count on from the last one of their sensor."""
    last = known.groupby("sensor")["level"].last()
    behind = made.groupby("sensor").cumcount() + 1
    expected = (made["sensor"].map(last) + behind) % PERIOD
    return float((made["level"] == expected).mean())


@pytest.mark.slow
def test_a_pattern_goes_on(fitted):
    """Counted on from the rows given; of rows a step ahead, a step ahead."""
    model, frame = fitted
    known = frame.groupby("sensor").head(14)
    made = model.sample(continue_from=known, n_steps=9)
    assert len(made) == 9 * frame["sensor"].nunique()
    assert share_right(made, known) > 0.95
    ahead = known.assign(level=(known["level"] + 1) % PERIOD)
    made = model.sample(continue_from=ahead, n_steps=9)
    assert share_right(made, ahead) > 0.95
    assert share_right(made, known) < 0.05


@pytest.mark.slow
def test_times_ids_and_attributes_go_on(fitted):
    """Behind the last row of each; beyond the longest series that was learned, too."""
    model, frame = fitted
    made = model.sample(continue_from=frame, n_steps=LENGTH + 4, seed=3)
    both = pd.concat([frame, made]).sort_values(["sensor", "when"])
    steps = both.groupby("sensor")["when"].diff().dropna()
    assert (steps == pd.Timedelta("1h")).all()
    assert (both.groupby("sensor")["kind"].nunique() == 1).all()
    assert both["sensor"].nunique() == frame["sensor"].nunique()
    pd.testing.assert_frame_equal(made, model.sample(continue_from=frame, n_steps=28, seed=3))


@pytest.mark.slow
def test_columns_without_a_value_keep_their_dtypes(tmp_path):
    """Whatever they are: in a copy and in rows that go on, in Python and in Parquet."""
    frame = sawtooth(12)
    dtypes = {"none": "object", "text": "str", "number": "float32", "day": "datetime64[us]"}
    for name, dtype in dtypes.items():
        frame[name] = pd.Series([None] * len(frame), dtype=object).astype(dtype)
    frame["class"] = pd.Categorical([None] * len(frame), pd.Index([], dtype="str"))
    path = tmp_path / "real.parquet"
    frame.to_parquet(path)
    model = Synthesiser(max_steps=2, d_model=16, n_layer=1).fit(path)
    model.save(tmp_path / "model")
    model.sample_file(3, tmp_path / "copy.parquet")
    model.sample_parts(3, tmp_path / "parts")
    command = ["sample", str(tmp_path / "model"), "--steps", "2", "--continue-from", str(path)]
    assert __main__.main([*command, "--out", str(tmp_path / "more.parquet")]) == 0
    made = [model.sample(3), model.sample(continue_from=path, n_steps=2)]
    for name in ("copy.parquet", "parts", "more.parquet"):
        made.append(pd.read_parquet(tmp_path / name))
    expected = pd.read_parquet(path).dtypes.map(str)
    assert expected[[*dtypes, "class"]].tolist() == [*dtypes.values(), "category"]
    for table in made:
        pd.testing.assert_series_equal(table.dtypes.map(str), expected)


def test_a_saved_model_prolongs_a_file(fitted, tmp_path, capsys):
    """The command writes what Python returns: to a file, or on the terminal."""
    model, frame = fitted
    model.save(tmp_path / "model")
    few = frame[frame["sensor"] < "s03"]
    few.to_csv(tmp_path / "few.csv", index=False)
    expected = model.sample(continue_from=few, n_steps=2, seed=5)
    command = ["sample", str(tmp_path / "model"), "--steps", "2", "--seed", "5"]
    command += ["--continue-from", str(tmp_path / "few.csv")]
    assert __main__.main(command) == 0
    assert capsys.readouterr().out == expected.to_csv(index=False)
    assert __main__.main([*command, "--out", str(tmp_path / "more.parquet")]) == 0
    assert capsys.readouterr().out.endswith("2 rows more of each series, 6 in all\n")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "more.parquet"), expected)
    (tmp_path / "wrong.csv").write_text("sensor,when\ns01,2024-01-01\n")
    command[-1] = str(tmp_path / "wrong.csv")
    assert __main__.main(command) == 1
    assert "lack the column 'level'" in capsys.readouterr().err


def test_series_start_when_they_are_told(fitted, tmp_path, capsys):
    """All at one time, or each at its own, with attributes of its own."""
    model, _ = fitted
    made = model.sample(5, given={"when": "2030-05-01", "kind": "b"})
    assert set(made.groupby("sensor")["when"].first()) == {pd.Timestamp("2030-05-01")}
    assert set(made["kind"]) == {"b"}
    days = pd.date_range("2030-05-01", periods=4)
    wanted = pd.DataFrame({"when": days, "kind": list("abba")})
    made = model.sample(4, given=wanted).groupby("sensor", sort=False).first()
    assert made["when"].tolist() == days.tolist()
    assert made["kind"].tolist() == list("abba")
    model.save(tmp_path / "model")
    command = ["sample", str(tmp_path / "model"), "-n", "3", "--given", "when=2030-05-01"]
    assert __main__.main([*command, "--given", "kind=a"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith(",a")
    assert "2030-05-01 00:00:00" in lines[1]


def test_what_does_not_belong_together_is_said(fitted):
    """New series or rows that go on, not both; how many of either."""
    model, frame = fitted
    wrong = [
        ({}, "n_series is None; give a whole number of at least 1"),
        ({"n_series": 2.5}, "n_series is 2.5"),
        ({"n_series": 3, "seed": -1}, "seed is -1"),
        ({"n_series": 3, "n_steps": 4}, "give continue_from, too"),
        ({"continue_from": frame}, "give n_steps"),
        ({"continue_from": frame, "n_steps": 0}, "n_steps is 0"),
        ({"continue_from": frame, "n_steps": 2, "n_series": 3}, "leave out n_series and given"),
        ({"continue_from": "gone.csv", "n_steps": 2}, "no table at gone.csv"),
    ]
    for arguments, sentence in wrong:
        with pytest.raises(DataError) as caught:
            model.sample(**arguments)
        assert sentence in str(caught.value)


def test_attributes_of_each_series_are_drawn_as_for_all(fitted):
    """A list of one value is that value."""
    model, _ = fitted
    one = model.sample(6, given={"kind": "a"})
    each = model.sample(6, given={"kind": np.array(["a"] * 6)})
    pd.testing.assert_frame_equal(one, each)
