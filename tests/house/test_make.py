"""Laws of make: dependencies, the user's own settings, rules from pipeline.yml alone."""

import os
import re

import pytest
import yaml
from helpers import run_make

from tst.io import paths
from tst.study import dependencies

PIPELINE = (paths.ROOT / "notebooks/pipeline.yml").read_text()
TRAINS = re.compile(r"start_notebook (?:01|02|03|04|10)-")


@pytest.fixture
def runs(tmp_path):
    """Return a function that tells which notebooks `make reproduce` would run.

    It takes the file that changed after all was done.
    """
    for name in run_make("help").split("one notebook")[1].split('"')[0].split():
        (tmp_path / name).touch()
    newest = max(path.stat().st_mtime for path in tmp_path.iterdir()) + 60
    for path in tmp_path.iterdir():
        os.utime(path, (newest, newest))

    def notebooks_after(*changed):
        options = [option for file in changed for option in ("-W", file)]
        said = run_make(*options, f"DONE={tmp_path}", "ENV=", "study")
        found = re.findall(
            r"start_notebook (\S+) --profile smoke *(?:--(?:dataset|ablation) (\S+))?", said
        )
        return {"-".join(filter(None, names)) for names in found}

    return notebooks_after


def test_after_a_run_nothing_is_to_do(runs):
    """Neither by itself nor where a file changes that the study does not read."""
    assert runs() == set()
    assert runs("README.md", "tst/synthesiser.py", "tst/study/report.py") == set()


@pytest.mark.long
@pytest.mark.parametrize("module", ["calendar", "columns", "roles", "rows", "table", "timeline"])
def test_the_users_table_is_no_part_of_the_study(runs, module):
    """A change in the room of a user's own table runs no notebook."""
    assert runs(f"tst/table/{module}.py") == set()


def test_a_changed_plot_trains_nothing(runs):
    """Notebooks that prepare, train and generate stay; those that compare and judge run again."""
    again = runs("tst/plots/base.py")
    assert {"05-fidelity-gcut", "13-claims"} <= again
    assert {name for name in again if name.startswith(("01", "02", "03", "04", "10"))} == set()


def test_a_changed_model_trains_again(runs):
    """The transformer's notebooks run, and all that read them; preparation does not."""
    again = runs("tst/models/transformer/model.py")
    assert {"02-train-tst-wwt", "04-generate-gcut", "12-cost", "13-claims"} <= again
    assert not any(name.startswith("01") for name in again)


def test_an_ablation_is_one_file(runs):
    """Its change runs it and the claims, nothing else."""
    assert runs("notebooks/ablations/head.yml") == {"08-ablation-head", "13-claims"}


@pytest.mark.long
def test_the_timings_come_after_all_others_and_depend_on_none(runs):
    """A changed comparison runs neither the benchmarks nor what it reads."""
    assert runs("notebooks/06-classification.ipynb") == {
        "06-classification-gcut",
        "06-classification-borg2019",
        "13-claims",
    }
    assert "12-cost" in runs("tst/study/benchmarks/train.py")
    changed = run_make("-W", "tst/study/benchmarks/train.py", "12-cost")
    assert changed.rstrip().splitlines()[-1].endswith("12-cost")


def test_one_notebook_brings_what_it_reads():
    """`make 05-fidelity-gcut` is a chain of its own data set."""
    said = run_make("05-fidelity-gcut", "DONE=nowhere", "ENV=")
    names = re.findall(r"start_notebook (\S+) --profile smoke --dataset gcut", said)
    assert len(names) == said.count("start_notebook")
    assert sorted(names) == [
        "01-data",
        "02-train-tst",
        "03-train-baselines",
        "04-generate",
        "05-fidelity",
        "10-seedless",
    ]


@pytest.mark.parametrize(("option", "jobs"), [("-j1", "-j1"), ("-j5", "-j5"), ("--jobs=3", "-j3")])
def test_the_users_number_of_jobs_is_kept(option, jobs):
    """In whatever form it is given; without it there are as many as cores."""
    assert re.search(rf"^MAKEFLAGS = \w* {jobs}\b", run_make("-p", option, "help"), re.M)
    n_cores = len(os.sched_getaffinity(0))
    assert re.search(rf"^MAKEFLAGS = \w* -j{n_cores}\b", run_make("-p", "help"), re.M)


def test_the_data_folder_may_be_a_variable_of_make(tmp_path):
    """It decides the results folder as it does in the environment.

    Without real data they are simulated.
    """
    (tmp_path / "borg2019_usage.parquet").touch()
    for folder, results in (
        (tmp_path, "results/laptop"),
        (tmp_path / "none", "results/laptop-simulated"),
    ):
        said = run_make("-p", "PROFILE=laptop", f"TST_DATA={folder}", "help")
        assert f"RESULTS := {results}\n" in said
        assert f"RAW := {folder}\n" in said


def test_make_knows_the_real_files_that_python_knows():
    """REAL of the Makefile decides where results go, as tst.io.paths.REAL_FILES does."""
    assert f"REAL := {' '.join(paths.REAL_FILES)}\n" in run_make("-p", "help")
    raw = dependencies.read_pipeline(PIPELINE)["raw"]
    assert set(paths.REAL_FILES) <= {name for names in raw.values() for name in names}


def test_the_pipeline_is_read_as_yaml_reads_it():
    """The small reader agrees with the whole one; every notebook of the study is there."""
    assert dependencies.read_pipeline(PIPELINE) == yaml.safe_load(PIPELINE)
    sources = {path.stem for path in (paths.ROOT / "notebooks").glob("*.ipynb")}
    assert set(dependencies.read_pipeline(PIPELINE)["notebooks"]) == sources - {"20-own-data"}


def test_a_set_that_nothing_stands_in_for_runs_where_its_file_is(tmp_path):
    """Then the verdicts wait for it; else they do not, and the study says so.

    By its name it is always a target, with the chain of its own data set.
    """
    pipeline = dependencies.read_pipeline(PIPELINE)
    real_only = pipeline["real_only"]
    assert set(real_only) < set(pipeline["raw"])
    for present in real_only:
        folder = tmp_path / present
        file = folder / pipeline["raw"][present][0]
        file.parent.mkdir(parents=True)
        file.touch()
        options = ("PROFILE=laptop", f"TST_DATA={folder}", "DONE=nowhere", "ENV=")
        said = run_make(*options, "study")
        waited_for = set(re.findall(r"--profile laptop --dataset (\S+)", said))
        assert waited_for & set(real_only) == {present}
        absent = " ".join(name for name in real_only if name != present)
        assert f"Nothing stands in for {absent}: not run; their files are not in {folder}." in said
        named = run_make(*options, f"05-fidelity-{present}")
        assert set(re.findall(r"--profile laptop --dataset (\S+)", named)) == {present}
    assert "not run; no real data is used here." in run_make("DONE=nowhere", "study")
    needing = {run.name for run in dependencies.all_runs(pipeline) if run.needs_files}
    assert {"06-classification-iot", "05-fidelity-mba", "09-lengths-iot"} <= needing
    assert not needing & set(dependencies.before("13-claims"))
    assert dependencies.before("02-train-tst-iot") == ["01-data-iot"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("rads: [01-data]", "the keys"),
        ("reads: [01-date]", "waits for 01-date, which does not run"),
    ],
)
def test_a_mistake_in_the_pipeline_is_told(settings, sentence):
    """An unknown key, an unknown notebook."""
    text = PIPELINE.replace("reads: [01-data]", settings)
    with pytest.raises(ValueError, match=sentence):
        list(dependencies.rules(dependencies.read_pipeline(text)))


def test_cleaning_keeps_trained_models():
    """`make clean` names no artifacts but those of the smoke run, which goes as a whole."""
    said = run_make("clean")
    assert "artifacts" not in said
    assert "results/smoke" in said
