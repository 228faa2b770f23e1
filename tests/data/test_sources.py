"""Laws of the sources: real where it is, else simulated, sampled in shares; mistakes are named."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tst import data, vocabulary
from tst.data import borg2019, gcut2011, iot, simulated
from tst.errors import DataError
from tst.io import closure, paths
from tst.series import Feature, from_list


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty data folder in the place of the user's."""
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)
    return tmp_path


def labelled(counts):
    """Return a set with so many series of each class, distinct by their attribute `id`."""
    classes = pd.Categorical(np.repeat(list(counts), list(counts.values())))
    attributes = pd.DataFrame({"kind": classes, "id": range(len(classes))})
    arrays = [np.full((2, 1), i) for i in range(len(classes))]
    fields = {"attributes": attributes, "origin": "subset", "interval": "5min", "label": "kind"}
    return from_list(arrays, name="toy", features=[Feature("x")], **fields)


def write_borg(folder):
    """Write a table of two collections with two instances each, 20 records an instance."""
    rows = [(f"{c}-{i}", c, 300 * s) for c in "ab" for i in range(2) for s in range(20)]
    frame = pd.DataFrame(rows, columns=["instance", "collection", "start_s"])
    frame[borg2019.MEASUREMENTS] = np.arange(len(frame) * 9, dtype=np.float32).reshape(-1, 9)
    frame.to_parquet(folder / borg2019.FILE)


def test_unknown_names_are_named(folder):
    """Data set, source and a negative number: one sentence with what is known."""
    known = ", ".join(data.SOURCES)
    with pytest.raises(DataError, match=f"unknown dataset 'mnist'; known are {known}"):
        data.load("mnist")
    with pytest.raises(DataError, match="unknown source 'web'; use one of auto, real, simulated"):
        data.load("gcut", "web")
    with pytest.raises(DataError, match="n_series is -3"):
        data.load("gcut", n_series=-3)


@pytest.mark.parametrize(
    ("dataset", "file"),
    [
        ("gcut", "make data"),
        ("wwt", "train_1.csv"),
        ("borg2019", borg2019.FILE),
        ("gcut2011", gcut2011.FILE),
        ("mba", "data_train.npz"),
        ("iot", iot.FILE),
    ],
)
def test_what_is_not_there_is_named(folder, dataset, file):
    """Real data asked for and missing: the folder and the file stand in the sentence."""
    with pytest.raises(DataError, match=f"(?s){folder}.*{file}"):
        data.load(dataset, "real")


def test_auto_takes_the_real_where_it_is(folder):
    """With the table auto and real agree to the bit and simulated differs.

    Without it auto is simulated.
    """
    without, _ = data.load("borg2019", n_series=2)
    write_borg(folder)
    real, counts = data.load("borg2019")
    assert (without.origin, real.origin, len(real)) == ("simulated", "subset", 4)
    assert data.load("borg2019", "real")[0].sha256() == real.sha256()
    assert data.load("borg2019", "simulated", n_series=2)[0].sha256() == without.sha256()
    assert list(counts) == ["filter", "series"] and counts.iloc[-1]["series"] == 4


def test_a_sample_is_counted_and_drawn_by_the_seed(folder):
    """n_series of the real series: the last row counts them; the same seed draws the same."""
    write_borg(folder)
    sample, counts = data.load("borg2019", n_series=2, seed=1)
    assert len(sample) == 2 == counts.iloc[-1]["series"]
    assert sample.sha256() == data.load("borg2019", n_series=2, seed=1)[0].sha256()
    assert set(sample.attributes["collection"]) == {"a", "b"}
    everything, counts = data.load("borg2019", n_series=99)
    assert len(everything) == 4 and "drawn" not in counts["filter"].iloc[-1]


@pytest.mark.parametrize("n", [1, 2, 7, 50, 99])
def test_a_sample_keeps_the_shares(n):
    """Each class holds its share to within one series, a rare class included.

    No series is drawn twice.
    """
    series = labelled({"rare": 1, "common": 70, "other": 29})
    sample, _ = data.subsample(
        series, pd.DataFrame({"filter": ["read"], "series": [100]}), n, seed=5
    )
    assert len(sample) == n == sample.attributes["id"].nunique()
    for kind, whole in series.attributes["kind"].value_counts().items():
        assert abs((sample.attributes["kind"] == kind).sum() - whole * n / 100) < 1


def test_every_series_is_drawn_equally_often():
    """A uniform sample: over 400 seeds each of 12 series is drawn in half of the samples of six."""
    series, counts = labelled({"a": 5, "b": 7}), pd.DataFrame({"filter": ["read"], "series": [12]})
    drawn = [data.subsample(series, counts, 6, seed)[0].attributes["id"] for seed in range(400)]
    frequency = np.bincount(np.concatenate(drawn), minlength=12) / 400
    assert abs(frequency - 0.5).max() < 0.125  # five standard errors


@pytest.mark.parametrize("dataset", ["gcut", "wwt", "borg2019"])
def test_simulated_sets_have_the_size_and_seed_asked_for(folder, dataset):
    """n_series series (instances of borg2019), the same for the same seed.

    The origin says simulated.
    """
    series, counts = data.load(dataset, "simulated", n_series=9, seed=2)
    assert (len(series), series.origin, series.name) == (9, "simulated", dataset)
    assert (
        series.sha256()
        == data.SOURCES[dataset].simulate(9, 2).sha256()
        != data.SOURCES[dataset].simulate(9, 3).sha256()
    )
    assert counts["series"].iloc[-1] == 9


def test_the_built_gcut_comes_with_its_counts(folder):
    """auto takes the built set, with the builder's counts or, without them, its size."""
    built = replace(simulated.gcut(20, 0), origin="subset")
    built.save(folder / "gcut")
    series, counts = data.load("gcut")
    assert series.sha256() == built.sha256() and series.origin == "subset"
    assert list(counts.itertuples(index=False, name=None)) == [("kept when the set was built", 20)]
    (folder / "gcut-counts.csv").write_text("filter,tasks\nall,25\nempty,5\nkept,20\n")
    _, counts = data.load("gcut", n_series=8)
    assert list(counts["filter"]) == ["all", "empty", "kept", "drawn for this profile"]
    assert list(counts["series"]) == [25, 5, 20, 8]
    (folder / "gcut-counts.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="gcut-counts.csv is not what the builder writes"):
        data.load("gcut")


@pytest.mark.parametrize("dataset", ["gcut2011", "mba"])
@pytest.mark.parametrize("source", ["auto", "simulated"])
def test_without_a_simulator_the_file_is_named(folder, dataset, source):
    """gcut2011 and mba are real or nothing."""
    hint = data.SOURCES[dataset].hint
    with pytest.raises(DataError, match=f"{dataset} has no simulator: put {re.escape(hint)} into"):
        data.load(dataset, source)


def test_every_source_is_a_data_set_of_the_study():
    """Each key has a label for the reader."""
    assert set(data.SOURCES) <= set(vocabulary.DATASETS)


def test_a_notebook_depends_on_every_source():
    """What calls `data.load` is run again where a reader or simulator changes."""
    files = {path.stem for path in closure.closure("from tst import data")}
    assert set(data.SOURCES) <= files
    assert {"trace_parts", "doppelganger_npz", "long", "draws", "statistics"} <= files
