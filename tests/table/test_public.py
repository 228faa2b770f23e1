"""Laws of a private table: only what is said decides, each series by itself, mistakes are told."""

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import user_table

from tst.errors import DataError
from tst.table.dialect import Dialect
from tst.table.public import Public

SAID = {
    "id": "host",
    "time": "when",
    "n_series": 24,
    "max_length": 6,
    "start": "2024-02-28",
    "interval": "15min",
    "label": "status",
    "columns": {
        "cpu": {"low": 0, "high": 1},
        "threads": {"low": 1, "high": 5, "whole": True},
        "up": {"categories": ["True", "False"]},
        "state": {"categories": ["a", "b"]},
        "memory": {"low": 0, "high": 1},
        "counter": {"low": 5e9, "high": 5.0000001e9, "whole": True},
        "status": {"categories": ["OK", "FAIL"], "attribute": True},
        "size": {"low": 0, "high": 1, "attribute": True},
    },
}


def read(frame, **changes):
    public = Public.read(SAID | changes)
    table, made_up = public.table()
    return public.series(frame, table, made_up), table


def test_a_table_is_what_is_said():
    """Columns, roles and dtypes are those said; nothing is found, pooled, derived or filled."""
    table, made_up = Public.read(SAID).table()
    assert table.order == ("host", "when", *SAID["columns"])
    assert [c.name for c in table.attributes] == ["status", "size"]
    assert not table.problems and not table.relations and not table.constants
    assert not any(column.missing for column in table.features)
    assert table.clock.interval == "15min"
    frame = table.to_frame(made_up.take(range(5)))
    assert frame["threads"].dtype == np.int64 and frame["cpu"].dtype == float
    assert set(frame["up"]) <= {"True", "False"}


def test_another_table_gives_the_same_reading():
    """What is decided about columns does not depend on the rows: half of them read alike."""
    frame = user_table()
    whole, _ = read(frame)
    few = frame[frame["host"].isin(frame["host"].unique()[:5])]
    part, _ = read(few.sample(frac=1, random_state=0).sort_values("when", kind="stable"))
    order = pd.unique(few.sample(frac=1, random_state=0).sort_values("when", kind="stable")["host"])
    hosts = list(pd.unique(frame["host"]))
    for i, host in enumerate(order):
        np.testing.assert_array_equal(part[i], whole[hosts.index(host)])
    assert part.features == whole.features


@pytest.mark.slow
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
def test_no_series_decides_how_others_are_read(tmp_path, separator, decimal):
    """A file is read as is said: a value of one series changes no other, nor does a short row."""
    frame = user_table()
    frame["note"] = "ok"
    host = frame["host"].iloc[0]
    values = []
    for note in ("ok", "2.5", "0,5", "007", "None", "TRUE"):
        frame.loc[frame["host"] == host, "note"] = note
        frame.to_csv(tmp_path / "t.csv", index=False, sep=separator, decimal=decimal)
        series, table = read(tmp_path / "t.csv", separator=separator, decimal=decimal)
        assert table.dialect == Dialect(separator=separator, decimal=decimal)
        values.append(series.values)
    plain, _ = read(frame)
    for others in values:
        np.testing.assert_array_equal(others, values[0])
    np.testing.assert_allclose(values[0], plain.values, rtol=1e-6)


def test_times_of_a_file_are_numbers_or_dates(tmp_path):
    """Ten stands behind nine; a date behind numbers."""
    frame = pd.DataFrame({"host": "a", "when": [10, 9, 100], "x": [2.0, 1.0, 3.0]})
    said = {"columns": {"x": {"low": 0, "high": 5}}, "label": None, "start": None, "interval": None}
    frame.to_csv(tmp_path / "t.csv", index=False)
    series, _ = read(tmp_path / "t.csv", **said)
    assert series.values[:, 0].tolist() == [1, 2, 3]
    frame["when"] = ["2024-10-02", "2024-10-01", "2024-11-01"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert read(tmp_path / "t.csv", **said)[0].values[:, 0].tolist() == [1, 2, 3]
    frame["when"] = pd.to_datetime(frame["when"])
    assert read(frame, **said)[0].values[:, 0].tolist() == [1, 2, 3]


def test_values_are_set_within_what_is_said():
    """Beyond a bound to the bound, unknown to the first; missing as the step before."""
    frame = user_table()
    frame.loc[0, ["cpu", "threads"]] = [99.0, 77]
    frame.loc[1, "cpu"] = -5.0
    series, table = read(frame)
    names = series.feature_names
    cpu = series[0][:, names.index("cpu")]
    assert cpu[0] == 1.0 and cpu[1] == 0.0
    threads = series.values[:, names.index("threads")]
    assert threads.min() == 1 and threads.max() == 5
    assert series.lengths.max() == 6
    state = frame.groupby("host", sort=False)["state"].first()
    first = series.values[series.offsets[:-1], names.index("state")]
    np.testing.assert_array_equal(first, np.where(state == "b", 1, 0))
    memory = frame.groupby("host", sort=False)["memory"]
    filled = memory.ffill().fillna(0.5)
    kept = frame.groupby("host").cumcount() < 6
    np.testing.assert_allclose(series.values[:, names.index("memory")], filled[kept], rtol=1e-6)
    size = frame.groupby("host", sort=False)["size"].first()
    size_codec = next(codec for codec in table.attributes if codec.name == "size")
    assert series.attributes["size"].tolist() == size_codec.to_labels(size).tolist()


def test_rows_are_sorted_by_id_and_time():
    frame = user_table()
    shuffled = frame.sample(frac=1, random_state=1)
    one, _ = read(frame)
    other, _ = read(shuffled)
    order = pd.unique(shuffled["host"])
    hosts = list(pd.unique(frame["host"]))
    for i, host in enumerate(order):
        np.testing.assert_array_equal(other[i], one[hosts.index(host)])


def test_a_group_is_kept_beside_the_series():
    frame = user_table()
    frame["person"] = frame["host"].str[-1]
    series, _ = read(frame, group="person")
    first = frame.groupby("host", sort=False)["person"].first()
    assert series.attributes[series.group].tolist() == first.tolist()


def test_a_file_says_the_same_as_a_mapping(tmp_path):
    path = tmp_path / "public.yml"
    path.write_text(yaml.safe_dump(SAID))
    assert Public.read(path) == Public.read(SAID)
    assert Public.read(Public.read(SAID)) == Public.read(SAID)


def without(key):
    return {name: value for name, value in SAID.items() if name != key}


def column(**said):
    return SAID | {"columns": {"cpu": said}}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (None, "epsilon needs `public`"),
        ("gone.yml", "no file at gone.yml"),
        (["id"], "holds no `key: value` lines"),
        (without("id"), "has no 'id'"),
        (without("n_series"), "has no 'n_series'"),
        (SAID | {"colour": "red"}, "colour"),
        (SAID | {"n_series": "many"}, "wrong type"),
        (SAID | {"n_series": 0}, "at least one series"),
        (SAID | {"max_length": 1}, "two steps"),
        (SAID | {"columns": {}}, "one column"),
        (SAID | {"label": "size"}, "the label 'size'"),
        (SAID | {"label": "nothing"}, "the label 'nothing'"),
        (SAID | {"group": "cpu"}, "'cpu' has two roles"),
        (column(), "'cpu' needs `low` and `high`"),
        (column(low=0), "'cpu' needs `low` and `high`"),
        (column(low=1, high=0), "'cpu' needs `low` and `high`"),
        (column(low=0, high=float("inf")), "'cpu' needs `low` and `high`"),
        (column(low=-1, high=1, log=True), "by its logarithm"),
        (column(categories=["a", "a"]), "names a category twice"),
        (column(categories=[str(i) for i in range(200)]), "has 200 categories"),
        (column(low=0, high=1, attribute=True), "no column that changes"),
    ],
)
def test_what_cannot_be_said_is_one_sentence(said, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        Public.read(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"start": "soon"}, "the start 'soon'"),
        ({"interval": "often"}, "the interval 'often'"),
        ({"group": "nobody"}, "the group 'nobody', which the table lacks"),
        ({"id": "nobody"}, "the column 'nobody', which the table lacks"),
        ({"columns": {"nothing": {"low": 0, "high": 1}}, "label": None}, "the column 'nothing'"),
    ],
)
def test_what_a_table_lacks_is_one_sentence(changes, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        read(user_table(), **changes)
    assert "\n" not in str(caught.value)
