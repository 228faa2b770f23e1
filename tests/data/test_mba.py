"""Laws of mba: DG's arrays in the units of the source, real or nothing, mistakes are named."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from helpers import FOLDERS

from tst import data
from tst.data import __main__ as command
from tst.data import doppelganger_npz, mba
from tst.errors import DataError
from tst.io import paths
from tst.series import Feature, from_list

REAL = next((folder for folder in FOLDERS if (folder / mba.FILE).is_file()), None)
SCALES = {"traffic_byte_counter": (1000.0, 9000.0), "ping_loss_rate": (0.0, 1.0)}


def stored():
    """Return five homes of three steps, scaled to 0..1."""
    rng = np.random.default_rng(0)
    attributes = pd.DataFrame(
        {
            "isp": pd.Categorical(list("abaab")),
            "technology": pd.Categorical(list("xyxxy"), categories=list("xyz")),
            "state": pd.Categorical(list("pqrst")),
        }
    )
    return from_list(
        [rng.uniform(size=(3, 2)) for _ in range(5)],
        name="fcc_mba",
        features=[Feature(name) for name in SCALES],
        attributes=attributes,
        origin="original",
        interval="6h",
        label="technology",
    )


def write(folder, change=None):
    """Write the homes with a description of their scales, changed by `change`."""
    target = folder / mba.FOLDER
    doppelganger_npz.save(stored(), target)
    description = json.loads((target / "columns.json").read_text())
    for feature in description["features"]:
        feature["minimum"], feature["maximum"] = SCALES[feature["name"]]
    if change:
        change(description)
    (target / "columns.json").write_text(json.dumps(description))


def test_homes_are_loaded_in_their_units(tmp_path, monkeypatch):
    """`data.load` takes them where they are: bytes, labelled by technology, one group a home."""
    write(tmp_path)
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)
    series, counts = data.load("mba")
    assert (series.name, series.origin, series.interval) == ("mba", "original", "6h")
    assert (series.label, series.group) == ("technology", "home")
    assert series.features == mba.FEATURES
    assert list(series.attributes) == ["home", "technology", "isp", "state"]
    assert list(series.labels) == list("xyxxy")
    expected = 1000 + 8000 * stored().values[:, 0]
    np.testing.assert_allclose(series.values[:, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(series.values[:, 1], stored().values[:, 1])
    assert counts["series"].tolist() == [5, 5]


def test_only_what_describes_a_series_may_be_modelled(tmp_path):
    """`home` identifies a series, it is no category; the three attributes are."""
    write(tmp_path)
    series, _ = mba.load(tmp_path)
    assert set(series.attributes.select_dtypes("category")) == {"technology", "isp", "state"}
    assert series.attributes["home"].is_unique


def drop_scale(description):
    """Leave out what scaled the traffic."""
    del description["features"][0]["minimum"], description["features"][0]["maximum"]


def rename_feature(description):
    """Describe another measurement."""
    description["features"][1]["name"] = "jitter"


def rename_attribute(description):
    """Describe another attribute."""
    description["attributes"][2]["name"] = "county"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_scale, "gives no 'minimum' and 'maximum' of 'traffic_byte_counter'"),
        (rename_feature, "names the features traffic_byte_counter, jitter: give those of"),
        (rename_attribute, "lacks the attribute 'state' with its 'values'"),
    ],
)
def test_a_description_of_other_columns_is_refused(tmp_path, change, message):
    """Scales, measurements and attributes must be those of the set."""
    write(tmp_path, change)
    with pytest.raises(DataError, match=message):
        mba.load(tmp_path)


def test_missing_files_are_named(tmp_path):
    """No folder, no description, no arrays: one sentence each."""
    with pytest.raises(DataError, match="has no columns.yml or columns.json"):
        mba.load(tmp_path)
    write(tmp_path)
    (tmp_path / mba.FILE).unlink()
    with pytest.raises(DataError, match="data_train.npz is missing"):
        mba.load(tmp_path)


def test_a_description_that_is_there_stays(tmp_path):
    """Nobody's columns are overwritten."""
    write(tmp_path)
    mba.describe(tmp_path)
    assert not (tmp_path / mba.FOLDER / mba.DESCRIPTION_FILE).exists()


@pytest.mark.skipif(REAL is None, reason="no fcc_mba in the data folder")
def test_the_real_arrays_alone_are_enough(tmp_path, monkeypatch, capsys):
    """`python -m tst.data --set mba` describes them: the homes are those with their description."""
    (tmp_path / mba.FOLDER).mkdir()
    shutil.copy(REAL / mba.FILE, tmp_path / mba.FILE)
    monkeypatch.setenv("TST_DATA", str(tmp_path))
    assert command.main(["--set", "mba"]) == 0
    assert "600 series of 56 steps" in capsys.readouterr().out
    ours, expected = mba.load(tmp_path)[0], mba.load(REAL)[0]
    assert ours.sha256() == expected.sha256()
    assert (ours.label, ours.features) == (expected.label, expected.features)


@pytest.mark.skipif(REAL is None, reason="no fcc_mba in the data folder")
def test_the_real_homes():
    """600 homes of 56 steps: bytes, losses as shares, 14 pairs of ISP and technology."""
    series, counts = mba.load(REAL)
    assert len(series) == 600 == counts["series"].iloc[-1]
    assert set(series.lengths) == {56}
    traffic, loss = series.values.T
    assert traffic.min() > 2_079_777
    assert 5.0e9 < traffic.max() < 6_129_797_632
    assert loss.min() == 0
    assert loss.max() == 1
    assert (loss == 0).mean() == pytest.approx(0.982, abs=1e-3)
    technology = series.attributes["technology"].value_counts()
    assert technology.to_dict() == {"c0": 108, "c1": 88, "c2": 0, "c3": 327, "c4": 77}
    assert len(series.attributes[["isp", "technology"]].drop_duplicates()) == 14


@pytest.mark.skipif(
    REAL is None or not (REAL / "fcc_mba.parquet").is_file(), reason="no fcc_mba.parquet"
)
def test_the_real_homes_are_those_of_the_table():
    """The arrays and the long table of the same homes agree in values, order and attributes."""
    series, _ = mba.load(REAL)
    table = pd.read_parquet(REAL / "fcc_mba.parquet").sort_values(["home", "step"])
    scaled = (series.values[:, 0].astype(float) - 2_079_777) / (6_129_797_632 - 2_079_777)
    np.testing.assert_allclose(scaled, table["traffic_byte_counter"], atol=1e-7)
    np.testing.assert_array_equal(series.values[:, 1], table["ping_loss_rate"])
    homes = table.drop_duplicates("home")
    for column in mba.ATTRIBUTES:
        assert list(series.attributes[column].astype(str)) == list(homes[column].astype(str))
