"""Laws of the command `tst`: a table from a table or a model; a mistake is one sentence."""

import shutil

import pandas as pd
import pytest
from helpers import user_table

import tst
from tst import Synthesiser, __main__
from tst.io import part_files, paths
from tst.study import own_data
from tst.table import source

EXAMPLE = str(paths.ROOT / "notebooks" / "example.csv")


def test_options_come_before_the_yaml(tmp_path):
    """What the options name is so; the rest is as the YAML says."""
    (tmp_path / "roles.yml").write_text("id: a\ntime: b\nleave_out: [c]\n")
    command = ["own", EXAMPLE, "--id", "store,item", "--measurements", "x,y", "--window", "7"]
    options = __main__._parser().parse_args(command)
    roles = __main__._roles(tmp_path / "roles.yml", options)
    assert roles.said() == {
        "id": ["store", "item"],
        "time": "b",
        "features": ["x", "y"],
        "leave_out": ["c"],
        "window": 7,
    }
    assert __main__._roles(None, __main__._parser().parse_args(["own", "x", "--id", "a"])).id == "a"


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(option, capsys):
    """Both end well; the version is the package's."""
    with pytest.raises(SystemExit) as ended:
        __main__.main([option])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert text == f"tst {tst.__version__}\n" or all(c in text for c in ("own", "sample", "report"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a tiny model."""
    folder = tmp_path_factory.mktemp("cli") / "model"
    return Synthesiser(max_steps=2, d_model=8, n_layer=1).fit(user_table()).save(folder)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_sample_is_the_sample_of_the_model(model, tmp_path, suffix):
    """The table that Synthesiser.sample gives for that seed, in a file."""
    out = tmp_path / f"x.{suffix}"
    assert __main__.main(["sample", str(model), "-n", "7", "--seed", "3", "--out", str(out)]) == 0
    table = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    expected = Synthesiser.load(model).sample(7, 3)
    pd.testing.assert_frame_equal(table, expected, check_dtype=suffix != "csv")
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_sample_into_a_folder_is_a_table_in_parts(model, tmp_path, capsys):
    """A path without a suffix is a folder of Parquet files, which are one table."""
    out = tmp_path / "made"
    assert __main__.main(["sample", str(model), "-n", "7", "--out", str(out)]) == 0
    assert "7 series in 1 Parquet files" in capsys.readouterr().out
    assert pd.read_parquet(out / "part-00000.parquet")["host"].nunique() == 7


def test_a_file_in_the_place_of_the_folder_of_a_sample(model, tmp_path, capsys):
    """One sentence, and the file stays; so do the files of a folder that tst did not write."""
    out = tmp_path / "made"
    out.write_text("mine")
    assert __main__.main(["sample", str(model), "-n", "7", "--out", str(out)]) == 1
    assert "a part of this path is a file" in capsys.readouterr().err.splitlines()[-1]
    assert out.read_text() == "mine"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "part-00000.parquet").write_text("theirs")
    assert __main__.main(["sample", str(model), "-n", "7", "--out", str(theirs)]) == 1
    assert "which tst did not write" in capsys.readouterr().err.splitlines()[-1]
    assert (theirs / "part-00000.parquet").read_text() == "theirs"


def test_a_sample_without_a_file_is_csv_on_the_terminal(model, capsys):
    """Nothing but the rows is printed, so that it can be piped."""
    assert __main__.main(["sample", str(model), "-n", "7"]) == 0
    assert capsys.readouterr().out == Synthesiser.load(model).sample(7).to_csv(index=False)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_own_works_without_the_study(tmp_path, monkeypatch, capsys, suffix):
    """The tool alone writes table and model beside the input, and says what a report needs."""
    lacking = "the study's packages: pip install tst[study]"
    monkeypatch.setattr(__main__, "report_lacks", lambda: lacking)
    data = tmp_path / f"series.{suffix}"
    frame = user_table()
    frame.to_csv(data, index=False) if suffix == "csv" else frame.to_parquet(data)
    command = ["own", str(data), "--name", "copy", "--max-steps", "2", "--number", "5"]
    assert __main__.main(command) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1].endswith(f"report on its quality needs {lacking}")
    )
    made = tmp_path / "copy" / f"synthetic.{suffix}"
    table = pd.read_csv(made) if suffix == "csv" else pd.read_parquet(made)
    assert list(table) == list(frame)
    assert len(Synthesiser.load(tmp_path / "copy" / "model").sample(3)) >= 3


def test_one_synthetic_table_is_left(tmp_path):
    """An older one in another form is deleted, but neither the input nor what others wrote."""
    files = [tmp_path / name for name in ("synthetic.csv", "synthetic.parquet", "synthetic.txt")]
    for target in (tmp_path / "synthetic", *files[:2]):
        for path in files:
            path.write_text("x")
        with part_files.prepared(tmp_path / "synthetic", 1, {}) as paths_of_parts:
            paths_of_parts[0].write_text("x")
        __main__._delete_other_forms(target, tmp_path / "series.csv")
        assert set(tmp_path.iterdir()) == {target, files[2]}
    files[0].write_text("x")
    (tmp_path / "synthetic").mkdir()
    (tmp_path / "synthetic" / "part-00000.parquet").write_text("theirs")
    before = set(tmp_path.rglob("*"))
    __main__._delete_other_forms(files[1], files[0])
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.long
def test_own_of_a_large_table_is_a_folder(tmp_path, monkeypatch):
    """Read in chunks, learned by a task of its own, written in parts."""
    monkeypatch.setattr(__main__, "report_lacks", lambda: "nothing")
    monkeypatch.setattr(source, "MAX_CELLS", 600)
    data = tmp_path / "series.parquet"
    frame = user_table(60)
    frame.to_parquet(data)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "synthetic.parquet").write_text("of an earlier run")
    command = ["own", str(data), "--max-steps", "2", "--processes", "2"]
    assert __main__.main(command) == 0
    assert not (tmp_path / "own" / "synthetic.parquet").exists()
    made = pd.read_parquet(tmp_path / "own" / "synthetic" / "part-00000.parquet")
    assert list(made) == list(frame)
    assert made["host"].nunique() == 60


@pytest.mark.parametrize(
    ("missing_package", "notebook", "expected"),
    [
        ("papermill", EXAMPLE, "pip install tst[study]"),
        ("none", "gone.ipynb", "in a clone of the study"),
        ("none", EXAMPLE, ""),
    ],
)
def test_what_the_report_lacks_is_said(monkeypatch, missing_package, notebook, expected):
    """The packages of the study, or its notebook 20."""
    monkeypatch.setattr(__main__, "find_spec", lambda name: name != missing_package or None)
    monkeypatch.setattr(__main__, "NOTEBOOK", paths.ROOT / notebook)
    assert expected in __main__.report_lacks()
    assert bool(expected) == bool(__main__.report_lacks())


@pytest.mark.long
def test_own_makes_a_report_where_the_study_is(capsys):
    """The example: a table of the same dtypes, a model, and one page that needs no other file."""
    name = "pytest-own"
    folder = own_data.folder_of(name)
    command = ["own", EXAMPLE, "--name", name, "--max-steps", "20", "--number", "12"]
    try:
        assert __main__.main(command) == 0
        made = pd.read_csv(folder / "synthetic.csv")
        assert (made.dtypes == pd.read_csv(EXAMPLE).dtypes).all()
        assert made["task"].nunique() == 12
        assert len(Synthesiser.load(folder / "model").sample(3)) >= 3
        page = (folder / "report.html").read_text()
        assert "Verdict" in page
        assert "privacy" in page
        assert '<pre class="verdict ' in page, "the verdict stands on top"
        told = capsys.readouterr().out
        assert told.count((folder / "summary.txt").read_text().strip()) == 1
        assert 'src="data:image/png;base64,' in page
        assert "<script" not in page
        assert 'src="http' not in page
        assert 'href="site.css"' not in page
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(("said", "kept"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(monkeypatch, said, kept):
    """Spinning ones make a run on a busy machine many times as long; kernels take it over."""
    monkeypatch.setenv("OMP_WAIT_POLICY", said or "")  # which puts it back afterwards
    if not said:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    assert __main__.main(["own", "no-such-file.csv"]) == 1
    assert paths.environment()["OMP_WAIT_POLICY"] == kept
