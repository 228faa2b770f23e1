"""Laws of the tables: upsert is idempotent and independent of order, nothing is mixed, nothing is lost in parallel."""

import multiprocessing
import os
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tst.io import paths
from tst.series import DataError
from tst.study import readme, tables

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
        "code_version",
    ]
    assert (
        list(written)
        == names
        == (results / "06-classification.csv").read_text().split("\n")[0].split(",")
    )
    assert set(written["dataset"]) == {"gcut"} and set(written["profile"]) == {"smoke"}
    assert re.fullmatch("[0-9a-f]{10}", written["code_version"].iloc[0])


def test_what_the_frame_says_itself_is_kept(results):
    """Columns that are there already are not overwritten."""
    written = tables.write(frame(profile="paper", dataset="own", origin="original"), "smoke", "x")
    assert (written["profile"] == "paper").all() and (written["dataset"] == "own").all()


def test_writing_twice_changes_no_byte(results):
    """Upsert is idempotent, floats included."""
    for _ in range(2):
        tables.write(frame(1 / 3, share=1e-7, setting="none"), "smoke", "x", GCUT)
        text = (results / "x.csv").read_bytes()
        tables.write(frame(2 / 3, share=0.2, setting="3"), "smoke", "x", WWT)
    tables.write(frame(1 / 3, share=1e-7, setting="none"), "smoke", "x", GCUT)
    assert len(tables.read("smoke", "x")) == 6 and text != b""
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
def test_the_order_of_writing_leaves_no_trace(results, order, random):
    """The same rows give the same bytes whoever wrote first and in whatever order a frame's rows and columns stand."""
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
    """Six digits of a float, every digit of a whole number, texts that look like missing values, and missing ones."""
    texts = {"setting": ["None", "NA", "nan?"], "label": [None, "a,b", 'say "x"']}
    values = [12_635_659.0, 0.123456789, np.nan]
    tables.write(frame().assign(value=values, **texts), "smoke", "x", GCUT)
    found = tables.read("smoke", "x")
    assert found["value"].tolist()[:2] == [12_635_659, 0.123457] and np.isnan(
        found["value"].iloc[2]
    )
    assert (
        found["setting"].tolist() == texts["setting"]
        and found["label"].tolist()[1:] == texts["label"][1:]
    )
    assert found["label"].isna().tolist() == [True, False, False]


def test_a_write_that_breaks_off_leaves_the_table(results, monkeypatch):
    """No half file and no temporary file is left."""
    tables.write(frame(7), "smoke", "x", WWT)
    before = (results / "x.csv").read_bytes()
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        tables.write(frame(8), "smoke", "x", GCUT)
    assert (results / "x.csv").read_bytes() == before and [p.name for p in results.iterdir()] == [
        "x.csv"
    ]


def _write_many(root, dataset):
    paths.ROOT = root
    for i in range(15):
        tables.write(
            frame(i, dataset=dataset, origin="subset", part=i),
            "smoke",
            "x",
            replace=("dataset", "part"),
        )


def test_two_processes_lose_nothing(results):
    """Notebooks that run side by side write one table: every row of both is there, and no stray file."""
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
    """Three significant digits, whole numbers in full, data set and origin kept, bookkeeping gone."""
    written = tables.write(
        frame().assign(value=[12_635_659.0, 0.123456, np.nan]), "smoke", "x", GCUT
    )
    shown = tables.show(written)
    assert shown["value"].tolist() == ["12635659", "0.123", ""]
    assert not {"profile", "code_version"} & set(shown) and {"dataset", "origin"} <= set(shown)


def test_code_version_follows_the_sources(tmp_path, monkeypatch):
    """A changed byte in a module, or another name, is another version."""
    package = tmp_path / "tst"
    (package / "data").mkdir(parents=True)
    monkeypatch.setattr(tables, "__file__", str(package / "tables.py"))
    seen = set()
    for name, content in (("a.py", "1"), ("a.py", "2"), ("data/b.py", "1"), ("notes.txt", "x")):
        (package / name).write_text(content)
        seen.add(tables.code_version.__wrapped__())
    assert len(seen) == 3


CLAIMS = pd.DataFrame(
    [
        [
            "C1",
            "all checks",
            0.04,
            np.nan,
            np.nan,
            np.nan,
            0,
            "gcut",
            "simulated",
            "not testable here",
            "No rows.",
        ],
        [
            "C1",
            "TST - DG",
            0.04,
            np.nan,
            np.nan,
            np.nan,
            0,
            "gcut",
            "simulated",
            "not testable here",
            "None.",
        ],
        [
            "C5",
            "all checks",
            12635659,
            12635659,
            np.nan,
            np.nan,
            1,
            "gcut",
            "simulated",
            "reproduced",
            "Exact: *yes*.",
        ],
        [
            "C3",
            "all checks",
            0.0032,
            -0.01,
            -0.02,
            0.001,
            3,
            "wwt",
            "subset",
            "not reproduced",
            "A|B.",
        ],
    ],
    columns="claim source paper ours low high n_seeds dataset origin verdict sentence".split(),
)
TEXT = "# Title\n\n<!-- claims:begin -->\nold\n<!-- claims:end -->\n\nText.\n\n<!-- numbers:begin -->\n<!-- numbers:end -->\n"


@pytest.fixture
def page(tmp_path):
    """A README with both pairs of markers, and the results that it quotes."""
    folder = tmp_path / readme.RESULTS / "tables"
    folder.mkdir(parents=True)
    CLAIMS.to_csv(folder / "13-claims.csv", index=False)
    (tmp_path / "README.md").write_text(TEXT)
    return tmp_path / "README.md"


def test_readme_takes_its_numbers_from_the_results(page, capsys):
    """What stands between the markers is written, what stands around them stays, and a check then passes."""
    assert readme.main([]) == 0 and readme.main(["--check"]) == 0
    text = page.read_text()
    assert (
        text.startswith("# Title\n\n<!-- claims:begin -->\n|")
        and "\nText.\n" in text
        and "old" not in text
    )
    assert "12,635,659" in text and "-0.010 [-0.020, 0.001]" in text and "TST - DG" not in text
    assert text.index("C1") < text.index("C3") < text.index("C5")
    before = text
    assert readme.main([]) == 0 and page.read_text() == before


def test_readme_takes_weak_points_and_costs_where_it_asks_for_them(page, tmp_path):
    """Markers that stand there are filled from their tables; a verdict is said once."""
    folder = tmp_path / readme.RESULTS / "tables"
    weak = {"point": ["W1", "W4"], "verdict": ["confirmed", "not testable here"]}
    weak["sentence"] = ["0.3 of it: confirmed.", "not testable here, because no rows."]
    pd.DataFrame(weak).to_csv(folder / "13-weak-points.csv", index=False)
    pd.DataFrame({"metric": ["train_speedup"], "value": [123.4]}).to_csv(
        folder / "12-cost.csv", index=False
    )
    page.write_text(
        TEXT + "<!-- weak:begin -->\n<!-- weak:end -->\n<!-- cost:begin -->\n<!-- cost:end -->\n"
    )
    assert readme.main([]) == 0
    assert (
        "*confirmed*: 0.3 of it |" in page.read_text()
        and "*not testable here*: because no" in page.read_text()
    )
    assert "| 123 | training the paper's model" in page.read_text()


def test_readme_check_fails_with_a_sentence(page, capsys):
    """A number edited by hand, or a result that changed, is noticed; the check writes nothing."""
    readme.main([])
    page.write_text(page.read_text().replace("12,635,659", "12,635,658"))
    edited = page.read_text()
    assert readme.main(["--check"]) == 1 and page.read_text() == edited
    assert "README.md differs from" in capsys.readouterr().err


@pytest.mark.parametrize("marker", ["claims:end", "claims:begin", "numbers:begin", "claims:"])
def test_readme_without_a_marker_is_said(page, capsys, marker):
    """Half a pair of markers, or none around the claims, is an error and nothing is written."""
    page.write_text(TEXT.replace(f"<!-- {marker}", "<!-- "))
    assert readme.main([]) == 1
    assert "marker" in capsys.readouterr().err and "old" in page.read_text()


def test_readme_without_results_is_said(page, tmp_path, capsys):
    """Before the first run the sentence names what is missing."""
    (tmp_path / readme.RESULTS / "tables" / "13-claims.csv").unlink()
    assert readme.main(["--check"]) == 1
    assert "13-claims.csv is missing: run make reproduce" in capsys.readouterr().err


def test_what_the_long_tests_found_is_told(tmp_path):
    """Sums over doors and victims; a run that differs is told by how much."""
    fuzz = pd.DataFrame(
        {"door": ["a", "b"], "cases": [900, 200], "accepted": [300, 50], "refused": [600, 149]}
    )
    kills = pd.DataFrame(
        {
            "victim": ["a kernel", "make"],
            "kills": [20, 32],
            "survived": [20, 32],
            "studies": 4,
            "files": 7,
        }
    )
    first = {
        "run": "-j4",
        "against": "-j1",
        "files": 7,
        "identical": 7,
        "values": 10,
        "same_values": 10,
    }
    first |= {"relative_difference_p99": 0.0, "relative_difference_max": 0.0}
    other = first | {"run": "x", "identical": 5, "same_values": 9, "relative_difference_max": 0.5}
    for name, frame in (("fuzz", fuzz), ("kills", kills), ("reruns", pd.DataFrame([first, other]))):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    lines = readme.nightly_list(tmp_path).splitlines()
    assert lines[0].startswith(
        "- 1,100 broken or hostile inputs at 2 doors: 350 right answers, 749 refusals"
    )
    assert lines[0].endswith("1 of anything else.")
    assert (
        lines[1].startswith("- 52 of 52 kills survived (a kernel 20, make 32)")
        and "4 miniature studies" in lines[1]
    )
    assert lines[2].endswith("7 of 7 files are the same, byte for byte.")
    assert (
        "5 of 7 files" in lines[3]
        and "90.0% are" in lines[3]
        and lines[3].endswith("the farthest by 0.5.")
    )
