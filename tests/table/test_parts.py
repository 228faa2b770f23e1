"""Laws of constants, attributes and features: what cannot be learned is said or listed."""

import json
import uuid

import numpy as np
import pandas as pd
import pytest
from helpers import problem_text, table_error, user_table

from tst.table.table import Table


def test_a_constant_column():
    """It is listed and written back, an empty one too."""
    frame = user_table().assign(empty=np.nan)
    table, series = Table.fit(frame)
    assert "version: the same in every row" in problem_text(table)
    assert "empty: the same in every row" in problem_text(table)
    synthetic = table.to_frame(series)
    assert (synthetic["version"] == 3).all()
    assert synthetic["empty"].isna().all()


def test_nothing_but_constants():
    """There is nothing to learn."""
    frame = user_table()[["host", "when", "version"]]
    assert "no column changes within the series" in table_error(frame, {"id": "host"})


def test_a_label_that_changes():
    """Only an attribute tells classes."""
    assert "label 'cpu' is not an attribute" in table_error(user_table(), {"label": "cpu"})


def test_a_feature_named_like_a_reserved_column():
    """`all`, and a companion's own name, stay as they are in the table."""
    frame = user_table().rename(columns={"cpu": "all", "exact": "memory missing"})
    table, series = Table.fit(frame)
    assert "all" not in series.feature_names
    assert len(set(series.feature_names)) == len(series.feature_names)
    assert "all: a name that the report keeps for itself" in problem_text(table)
    assert list(table.to_frame(series)) == list(frame)


def test_text_that_is_another_in_each_row():
    """It is listed, not learned, and has new names, in each part of a sample others."""
    frame = user_table(n_series=60)
    frame["state"] = [f"s{i}" for i in range(len(frame))]
    table, series = Table.fit(frame)
    assert "state: a value of its own in nearly every row" in problem_text(table)
    assert "state" not in series.feature_names
    made = pd.concat([table.to_frame(series, first=first) for first in (0, 60)])
    assert not made["state"].isin(frame["state"]).any()
    assert made["state"].is_unique
    assert Table.from_dict(json.loads(json.dumps(table.to_dict()))) == table


def test_many_names_are_never_refused():
    """The commonest are told apart; rare ones come back by frequency, those of one series never."""
    frame = user_table(n_series=900)
    rng = np.random.default_rng(0)
    names = np.array([f"p{i:03d}" for i in range(700)])
    shares = 1 / np.arange(1, 701)
    frame["state"] = rng.choice(names, len(frame), p=shares / shares.sum())
    frame.loc[frame["host"] == frame["host"].iloc[0], "state"] = "of one series alone"
    table, series = Table.fit(frame)
    (codec,) = [column for column in table.features if column.name == "state"]
    position = series.feature_names.index("state")
    assert series.values[:, position].max() == codec.n_categories - 1 == 199
    assert "different values: the 199 commonest are told apart" in problem_text(table)
    made = table.to_frame(series)
    is_common = frame["state"].isin(codec.categories).to_numpy()
    assert (made["state"] == frame["state"])[is_common].all()
    assert set(made["state"]) < set(frame["state"]) - {"of one series alone"}
    rare = [f["state"][~is_common].value_counts(normalize=True) for f in (frame, made)]
    assert rare[0].sub(rare[1], fill_value=0).abs().max() < 0.02
    again = Table.from_dict(json.loads(json.dumps(table.to_dict())))
    pd.testing.assert_frame_equal(again.to_frame(series), made)


def test_an_attribute_of_many_names():
    """Shared by several series each, it is learned; one that is given is written as it is."""
    frame = user_table(n_series=900)
    number = frame["host"].str[1:].astype(int)
    frame["city"] = "city " + (number % 300).astype(str)
    table, series = Table.fit(frame)
    assert series.attributes["city"].nunique() == 200
    made = table.to_frame(series).groupby("host")["city"]
    assert (made.nunique() == 1).all()
    assert set(made.first()) <= set(frame["city"])
    assert table.given("city", "city 299") == "(rare)"


def test_dates_as_text_that_are_written_differently():
    """They are no feature: which of two ways would be written?"""
    frame = user_table()
    frame["seen"] = [f"2024-01-{1 + i % 28:02d}" for i in range(len(frame))]
    frame.loc[::2, "seen"] += " 00:00"
    assert "'seen' holds dates as text, not all written alike" in table_error(
        frame, {"time": "when"}
    )


def test_an_attribute_that_names_its_series():
    """It is listed, not learned, and has new names."""
    table, series = Table.fit(user_table())
    assert "owner: a name of its own for nearly every series" in problem_text(table)
    assert "owner" not in series.attributes
    owners = table.to_frame(series)["owner"]
    assert not owners.isin(user_table()["owner"]).any()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hex", "uuid"])
def test_names_of_rows_keep_their_pattern(kind):
    """New ones in hex or as UUIDs, none of them a real one."""
    frame = user_table()
    rng = np.random.default_rng(0)
    made = [uuid.UUID(bytes=rng.bytes(16), version=4) for _ in range(len(frame))]
    frame["row"] = [one.hex if kind == "hex" else str(one) for one in made]
    table, series = Table.fit(frame)
    names = table.to_frame(series)["row"]
    pattern = r"[0-9a-f]{32}" if kind == "hex" else r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert names.str.fullmatch(pattern).all()
    assert names.is_unique and not set(names) & set(frame["row"])
