"""Laws of a user's table as a whole: columns, dtypes and values come back."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, table_error, user_table

from tst.data.simulated import example
from tst.errors import DataError
from tst.io.paths import ROOT
from tst.table.table import Table


def round_trip(source):
    """Return the real series of a table, written as if they were synthetic."""
    table, series = Table.fit(source)
    return table.to_frame(series)


def test_dtypes_come_back_from_csv():
    """Columns, order and dtypes are the original's, in memory and as CSV."""
    frame = user_table()
    synthetic = round_trip(frame)
    pd.testing.assert_series_equal(synthetic.dtypes, frame.dtypes)
    pd.testing.assert_series_equal(read_back(synthetic).dtypes, read_back(frame).dtypes)


def test_dtypes_come_back_from_parquet(tmp_path):
    """Small, nullable, categorical ones too, and dates with unit and zone."""
    frame = user_table()
    when = pd.to_datetime(frame["when"]).dt.tz_localize("Europe/Paris").dt.as_unit("ms")
    kinds = {
        "threads": "Int16",
        "cpu": "float32",
        "state": "category",
        "up": "boolean",
        "memory": "Float64",
    }
    real_path = tmp_path / "t.parquet"
    synthetic_path = tmp_path / "u.parquet"
    frame.astype(kinds).assign(when=when).to_parquet(real_path)
    round_trip(real_path).to_parquet(synthetic_path)
    real = pd.read_parquet(real_path)
    synthetic = pd.read_parquet(synthetic_path)
    pd.testing.assert_series_equal(synthetic.dtypes, real.dtypes)
    assert not set(synthetic["host"]) & set(frame["host"])


def test_values_come_back():
    """Integers, truth values, categories, decimals and gaps exactly; the rest is new."""
    frame = user_table().sort_values(["host", "when"]).reset_index(drop=True)
    table, series = Table.fit(frame)
    synthetic = table.to_frame(series)
    for column in (
        "threads",
        "up",
        "state",
        "cpu",
        "memory",
        "counter",
        "status",
        "version",
        "when",
    ):
        pd.testing.assert_series_equal(synthetic[column], frame[column])
    # other numbers to float32's digits
    np.testing.assert_allclose(synthetic["exact"], frame["exact"], rtol=1e-6)
    assert not synthetic["owner"].isin(frame["owner"]).any()
    assert synthetic["size"].between(0, 1).all()
    _, named = Table.fit(frame, name="mine")
    assert named.name == "mine"


def test_a_table_comes_back_from_json():
    """A part that is missing, or stands there twice, is refused."""
    table, _ = Table.fit(user_table())
    mapping = json.loads(json.dumps(table.to_dict()))
    assert Table.from_dict(mapping) == table
    with pytest.raises(ValueError, match="do not fit each other"):
        Table.from_dict(mapping | {"features": mapping["features"][1:]})
    with pytest.raises(ValueError, match="do not fit each other"):
        Table.from_dict(mapping | {"constants": mapping["constants"] * 2})


def test_a_model_fits_its_table():
    """As many features, of at most as many categories; the same attributes."""
    table, series = Table.fit(user_table())
    n_categories = [
        0,
        0,
        2,
        3,
        0,
        2,
        0,
        0,
    ]  # cpu threads up state exact, memory with marks, counter
    categories = {name: list(series.attributes[name].cat.categories) for name in ("status", "size")}
    assert len(n_categories) == series.n_features
    assert table.fits(n_categories, categories)
    assert table.fits([0, 0, 2, 2, 0, 2, 0, 0], categories)
    assert not table.fits([0, 0, 2, 4, 0, 2, 0, 0], categories)
    assert not table.fits([0, 1, 2, 3, 0, 2, 0, 0], categories)
    assert not table.fits(n_categories[1:], categories)
    assert not table.fits(n_categories, {"status": ["OK"]})
    assert not table.fits(n_categories, categories | {"status": ["OK", "LOST"]})


def test_values_that_can_be_given():
    """A value of an attribute that is learned; any other is a sentence that lists those."""
    table, series = Table.fit(user_table())
    assert table.given("status", "OK") == "OK"
    assert table.given("size", 0.5) in series.attributes["size"].cat.categories
    with pytest.raises(DataError, match=r"'owner' is not an attribute .*; these can: status, size"):
        table.given("owner", "name1")
    with pytest.raises(DataError, match="'status' is 'ok'; the table has FAIL, OK"):
        table.given("status", "ok")
    for value in (2.0, "large", None):
        with pytest.raises(DataError, match=r"'size' is '.*'; the table has numbers from"):
            table.given("size", value)


def test_ids_that_leave_no_room():
    """New ids follow the greatest; where none can, it is said before anything is learned."""
    frame = user_table(6)
    numbers = frame["host"].str[1:].astype(int) - 100
    sentence = table_error(frame.assign(host=2**63 - 1 - numbers))
    assert (
        "column 'host' ends at 9223372036854775807, so that int64 has no room for 6 new ids"
        in sentence
    )
    table, _ = Table.fit(frame.assign(host=numbers.astype("int8")))
    assert table.new_ids(np.arange(3), 3).tolist() == [6, 7, 8]
    with pytest.raises(DataError, match="int8 has no room for 126 new ids"):
        table.new_ids(np.arange(126), 126)


def test_the_example_is_what_the_simulator_makes():
    """notebooks/example.csv, small, with its roles guessed."""
    path = ROOT / "notebooks" / "example.csv"
    assert path.read_text() == example.table().to_csv(index=False)
    assert path.stat().st_size <= 200_000
    table, _ = Table.fit(path)
    roles = table.roles().set_index("column")["role"]
    columns = ["task", "time", "status", "machine"]
    assert roles[columns].tolist() == ["id", "time", "attribute", "attribute"]
