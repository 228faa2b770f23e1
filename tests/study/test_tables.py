"""Laws of the tables: a write is idempotent, order leaves no trace, nothing is mixed or lost."""

import gzip
import json
import multiprocessing
import os
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tst import vocabulary
from tst.errors import DataError
from tst.io import closure, paths
from tst.study import dependencies, tables
from tst.vocabulary import TERMS

GCUT = SimpleNamespace(name="gcut", origin="simulated")
WWT = SimpleNamespace(name="wwt", origin="subset")


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """Send all results to a temporary folder."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return tmp_path / "results" / "smoke" / "tables"


def frame(value=0.5, n_seeds=3, **columns):
    """Return one row a seed."""
    rows = [{"model": "tst", "metric": "r2", "seed": s, "value": value + s} for s in range(n_seeds)]
    return pd.DataFrame(rows).assign(**columns)


def test_columns_stand_in_the_house_order(results):
    """Bookkeeping is added where lacking, the tidy columns come first, the rest keeps its place."""
    written = tables.write(frame(share=0.1), "smoke", "06-classification", GCUT)
    names = [
        "dataset",
        "origin",
        "profile",
        "model",
        "metric",
        "seed",
        "value",
        "share",
        "terms",
        "code_version",
    ]
    assert (
        list(written)
        == names
        == (results / "06-classification.csv").read_text().split("\n")[0].split(",")
    )
    assert set(written["dataset"]) == {"gcut"}
    assert set(written["profile"]) == {"smoke"}
    assert re.fullmatch("[0-9a-f]{10}", written["code_version"].iloc[0])


def test_rows_say_on_what_terms_their_series_are_used():
    """Those of the real set, also in a table of several; simulated and unknown ones have none."""
    rows = frame(n_seeds=4, dataset=["wwt", "gcut", "iot", "mine"])
    rows["origin"] = ["subset", "simulated", "subset", "subset"]
    tables.write(rows, "smoke", "05-fidelity")
    read = tables.read("smoke", "05-fidelity").set_index("dataset")["terms"]
    assert read["wwt"] == TERMS["wwt"]
    assert read["iot"] == TERMS["iot"]
    assert read[["gcut", "mine"]].isna().all()
    assert "terms" not in tables.show(rows.assign(terms="free"))


def test_what_the_frame_says_itself_is_kept(results):
    """Columns that are there already are not overwritten."""
    written = tables.write(frame(profile="paper", dataset="own", origin="original"), "smoke", "x")
    assert (written["profile"] == "paper").all()
    assert (written["dataset"] == "own").all()


def test_writing_twice_changes_no_byte(results):
    """Upsert is idempotent, floats included."""
    for _ in range(2):
        tables.write(frame(1 / 3, share=1e-7, setting="none"), "smoke", "x", GCUT)
        text = (results / "x.csv").read_bytes()
        tables.write(frame(2 / 3, share=0.2, setting="3"), "smoke", "x", WWT)
    tables.write(frame(1 / 3, share=1e-7, setting="none"), "smoke", "x", GCUT)
    assert len(tables.read("smoke", "x")) == 6
    assert text != b""
    assert (results / "x.csv").read_bytes() == _alone_in_order(results)


def test_classes_are_read_as_names(results):
    """A class of digits, a leading zero included, comes back as it was written."""
    tables.write(frame(label=["113812204462", "007", "20"]), "smoke", "x", GCUT)
    assert sorted(tables.read("smoke", "x")["label"]) == ["007", "113812204462", "20"]


def _alone_in_order(results):
    (results / "x.csv").unlink()
    tables.write(frame(2 / 3, share=0.2, setting="3"), "smoke", "x", WWT)
    tables.write(frame(1 / 3, share=1e-7, setting="none"), "smoke", "x", GCUT)
    return (results / "x.csv").read_bytes()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.permutations(["a", "b", "c", "d"]), st.randoms())
@pytest.mark.long
def test_the_order_of_writing_leaves_no_trace(results, order, random):
    """The same rows give the same bytes whoever wrote first, in whatever order they stand."""
    parts = {
        name: frame(i, n_seeds=12, dataset=name, origin="subset") for i, name in enumerate("abcd")
    }
    parts["b"] = parts["b"].assign(extra="only here", share=[0.5, np.nan, 10] * 4)
    reference = results.parent / "reference"
    for name in "abcd":
        tables.write(parts[name], "smoke", "reference")
    for name in order:
        columns = random.sample(list(parts[name]), len(parts[name].columns))
        tables.write(parts[name].sample(frac=1, random_state=len(columns))[columns], "smoke", "x")
    assert (results / "x.csv").read_bytes() == (results / f"{reference.name}.csv").read_bytes()
    (results / "x.csv").unlink()


def test_rows_of_the_same_key_are_replaced_and_others_stay():
    """By data set, or by the columns that `replace` names together."""
    tables.write(frame(0, ablation="head"), "smoke", "x", GCUT, replace=("dataset", "ablation"))
    tables.write(frame(10, ablation="stop"), "smoke", "x", GCUT, replace=("dataset", "ablation"))
    tables.write(
        frame(20, n_seeds=2, ablation="head"), "smoke", "x", GCUT, replace=("dataset", "ablation")
    )
    tables.write(
        frame(30, n_seeds=1, ablation="head"), "smoke", "x", WWT, replace=("dataset", "ablation")
    )
    found = tables.read("smoke", "x").groupby(["dataset", "ablation"])["value"].agg(list).to_dict()
    assert found == {
        ("gcut", "head"): [20, 21],
        ("gcut", "stop"): [10, 11, 12],
        ("wwt", "head"): [30],
    }
    tables.write(frame(40, n_seeds=1), "smoke", "x", GCUT)
    assert tables.read("smoke", "x")["value"].tolist() == [40, 30]


def test_keys_are_compared_as_they_are_written():
    """A number that is a key replaces its own earlier rows, whole, broken or missing."""
    for value in (1, 2):
        for key in (400, 0.1, 1 / 3, np.nan):
            tables.write(
                frame(value, n_seeds=1, length=key),
                "smoke",
                "x",
                GCUT,
                replace=("dataset", "length"),
            )
    assert tables.read("smoke", "x")["value"].tolist() == [2] * 4


def test_two_origins_of_a_data_set_never_meet():
    """Rows of another origin go, even where the key would let them stay."""
    tables.write(frame(0, ablation="head"), "smoke", "x", GCUT)
    real = SimpleNamespace(name="gcut", origin="original")
    tables.write(frame(5, ablation="stop"), "smoke", "x", real, replace=("dataset", "ablation"))
    assert set(tables.read("smoke", "x")["origin"]) == {"original"}


@pytest.mark.parametrize(
    ("rows", "series", "replace", "message"),
    [
        (frame(n_seeds=0), GCUT, ("dataset",), "no rows"),
        (frame(), None, ("dataset",), "column 'dataset' is missing"),
        (frame(), GCUT, ("dataset", "ablation"), "column 'ablation' is missing"),
        (
            frame(),
            SimpleNamespace(name="gcut", origin="dreamt"),
            ("dataset",),
            "unknown origin 'dreamt'",
        ),
        (
            frame(dataset="a", origin=["subset", "subset", "simulated"]),
            None,
            ("dataset",),
            "will not mix",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(results, rows, series, replace, message):
    """A broken frame raises one sentence and leaves the table as it was."""
    tables.write(frame(7), "smoke", "x", WWT)
    before = (results / "x.csv").read_bytes()
    with pytest.raises(DataError, match=message):
        tables.write(rows, "smoke", "x", series, replace)
    assert (results / "x.csv").read_bytes() == before


def test_a_missing_table_names_its_notebook():
    """The sentence says what to run, without an absolute path."""
    with pytest.raises(
        DataError, match="no table '06-classification' in results/smoke/tables: run notebook"
    ):
        tables.read("smoke", "06-classification")


def test_cells_survive_the_round_trip():
    """Six digits of a float, all of a whole number, missing values and texts that look like it."""
    texts = {"setting": ["None", "NA", "nan?"], "label": [None, "a,b", 'say "x"']}
    values = [12_635_659.0, 0.123456789, np.nan]
    tables.write(frame().assign(value=values, **texts), "smoke", "x", GCUT)
    found = tables.read("smoke", "x")
    assert found["value"].tolist()[:2] == [12_635_659, 0.123457]
    assert np.isnan(found["value"].iloc[2])
    assert found["setting"].tolist() == texts["setting"]
    assert found["label"].tolist()[1:] == texts["label"][1:]
    assert found["label"].isna().tolist() == [True, False, False]


def test_a_write_that_breaks_off_leaves_the_table(results, monkeypatch):
    """No half file and no temporary file is left."""
    tables.write(frame(7), "smoke", "x", WWT)
    before = (results / "x.csv").read_bytes()
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        tables.write(frame(8), "smoke", "x", GCUT)
    assert (results / "x.csv").read_bytes() == before
    assert [p.name for p in results.iterdir()] == ["x.csv"]


def _write_many(root, dataset):
    paths.ROOT = root
    for i in range(15):
        tables.write(
            frame(i, dataset=dataset, origin="subset", part=i),
            "smoke",
            "x",
            replace=("dataset", "part"),
        )


@pytest.mark.slow
def test_two_processes_lose_nothing(results):
    """Notebooks that run side by side write one table: every row of both is there."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(paths.ROOT, d)) for d in ("gcut", "wwt")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [w.exitcode for w in workers] == [0, 0]
    found = tables.read("smoke", "x")
    assert found.groupby("dataset").size().to_dict() == {"gcut": 45, "wwt": 45}
    assert [p.name for p in results.iterdir()] == ["x.csv"]


def test_show_is_compact():
    """Three significant digits, whole numbers in full, without profile and code version."""
    written = tables.write(
        frame().assign(value=[12_635_659.0, 0.123456, np.nan]), "smoke", "x", GCUT
    )
    shown = tables.show(written)
    assert shown["value"].tolist() == ["12635659", "0.123", ""]
    assert not {"profile", "code_version"} & set(shown)
    assert {"dataset", "origin"} <= set(shown)


def test_a_reader_sees_labels():
    """Keys of models and methods, also on both sides of a difference; other words stay."""
    rows = {
        ("tst_paper - doppelganger", "mlp"): 0.1,
        ("real_twice", "decision_tree"): 0.2,
        ("another", 3): 0.3,
    }
    frame = pd.DataFrame({"acf_rms": pd.Series(rows), "trts_r2": 0.4})
    shown = tables.named(frame)
    assert list(shown.index) == [
        ("TST - DG", "MLP"),
        ("2 x real", "decision tree"),
        ("another", 3),
    ]
    assert list(shown) == ["autocorrelation, RMS error", "R² on synthetic series"]
    assert not set(vocabulary.MEASURES) & set(vocabulary.METRICS)
    assert "acf_rms" in frame, "the table itself keeps its keys"


def write_notebook(path, code, text="# 5. Why?"):
    """Write a notebook of one cell of text and one of code."""
    cells = [
        {"cell_type": "markdown", "source": [text]},
        {"cell_type": "code", "source": [code]},
    ]
    path.write_text(json.dumps({"cells": cells}))


def test_the_version_of_code_follows_cells_and_modules(tmp_path):
    """A changed cell, module or module's name is another version; a changed text is not."""
    notebook, module, other = (tmp_path / name for name in ("05-a.ipynb", "a.py", "b.py"))
    write_notebook(notebook, "x = 1")
    module.write_text("1")
    other.write_text("1")
    versions = [dependencies.version_of(notebook, [module], tmp_path)]
    versions.append(dependencies.version_of(notebook, [other], tmp_path))
    module.write_text("2")
    versions.append(dependencies.version_of(notebook, [module], tmp_path))
    write_notebook(notebook, "x = 2")
    versions.append(dependencies.version_of(notebook, [module], tmp_path))
    assert len(set(versions)) == 4
    write_notebook(notebook, "x = 2", "# 5. Why not?")
    assert dependencies.version_of(notebook, [module], tmp_path) == versions[-1]


@pytest.mark.parametrize(
    ("table", "needed", "not_needed"),
    [
        ("01-data", "tst/series.py", "tst/plots/base.py"),
        ("13-weak-points", "tst/study/weak_points.csv", "tst/study/report/site.py"),
        ("12-cost", "tst/study/benchmarks/train.py", "tst/table/table.py"),
    ],
)
def test_a_table_has_the_version_of_what_make_builds_it_from(
    table, needed, not_needed, monkeypatch
):
    """Its notebook is found by the number, also where it has several tables."""
    monkeypatch.setattr(dependencies, "version_of", lambda notebook, modules: (notebook, modules))
    notebook, modules = dependencies.code_version.__wrapped__(table)
    names = [path.relative_to(closure.ROOT).as_posix() for path in modules]
    assert notebook.name.split("-")[0] == table.split("-")[0]
    assert needed in names
    assert not_needed not in names


@pytest.mark.parametrize("table", ["x", "99-x", "x-01"])
def test_a_table_of_no_notebook_has_no_version(table):
    """Which code made it is unknown."""
    assert tables.code_version(table) == ""


def test_a_large_table_is_compressed_and_read_as_before(results, monkeypatch):
    """One file holds it, its bytes are those of its rows alone; a small one is plain again."""
    monkeypatch.setattr(tables, "LARGEST", 2000)
    tables.write(frame(n_seeds=100), "smoke", "05-fidelity", GCUT)
    path = results / "05-fidelity.csv.gz"
    first = path.read_bytes()
    assert [p.name for p in results.iterdir()] == [path.name]
    assert len(gzip.decompress(first)) > 2000 > len(first)
    kept = tables.write(frame(value=7.5, n_seeds=2), "smoke", "05-fidelity", WWT)
    table = tables.read("smoke", "05-fidelity")
    assert len(table) == 102
    assert list(table[table["dataset"] == "wwt"]["value"]) == list(kept["value"])
    tables.write(frame(n_seeds=100), "smoke", "05-fidelity", GCUT, replace=("origin",))
    monkeypatch.setattr(tables, "LARGEST", 10**6)
    tables.write(frame(n_seeds=1), "smoke", "05-fidelity", GCUT)
    assert [p.name for p in results.iterdir()] == ["05-fidelity.csv"]
    assert tables.names(results) == ["05-fidelity"]


def test_the_newer_of_two_files_of_a_table_counts(results):
    """A process that was killed between writing one form and deleting the other left both."""
    results.mkdir(parents=True)
    for age, suffix in ((100, ".csv.gz"), (0, ".csv")):
        path = results / f"05-fidelity{suffix}"
        path.write_bytes(b"")
        os.utime(path, ns=(10**18 - age, 10**18 - age))
    assert tables.find(results, "05-fidelity").suffix == ".csv"
    assert tables.find(results, "06-classification") is None
    assert tables.names(results) == ["05-fidelity"]
