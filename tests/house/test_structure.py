"""Laws of the house: import directions, sizes, package lists, the shape of notebooks, no pickle."""

import ast
import json
import re
import statistics
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import nbformat
import pytest
import yaml
from helpers import run_make

from tst.io import closure, paths
from tst.models.transformer.batches import Options
from tst.models.transformer.config import TSTConfig
from tst.study import run_notebook
from tst.study.report import readme

MODULES = sorted((paths.ROOT / "tst").rglob("*.py"))
NOTEBOOKS = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))
PROFILES = sorted((paths.ROOT / "notebooks" / "profiles").glob("*.yml"))
ROOMS = [  # imports go down this list only; rooms on one line never import each other
    {"errors", "vocabulary"},
    {"io"},
    {"series"},
    {"data", "table", "training", "evaluation", "plots"},
    {"models"},
    {"synthesiser"},
    {"study"},
    {"__main__"},
]


def room(path):
    """Return the number of the room of a file, and its name."""
    first = path.relative_to(paths.ROOT / "tst").with_suffix("").parts[0].removesuffix("_checks")
    return next(i for i, names in enumerate(ROOMS) if first in names), first


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(paths.ROOT).as_posix())
def test_import_directions(path):
    """A room imports itself and the rooms above it in ROOMS."""
    if path.parent != paths.ROOT / "tst" or path.stem != "__init__":
        mine = room(path)
        for found in closure.imported(path.read_text()):
            theirs = room(found)
            assert theirs == mine or theirs[0] < mine[0], found


def test_imports_for_type_hints_do_not_count():
    """What stands under TYPE_CHECKING is not imported when the code runs, so nothing depends on it."""
    found = closure.imported(
        "if TYPE_CHECKING:\n    from tst.series import SeriesSet\nelse:\n    from tst.io import files\n"
    )
    assert found == {paths.ROOT / "tst/io/files.py"}


def test_only_paths_reads_the_environment():
    """os.environ and getenv stand in tst/io/paths.py alone."""
    readers = [p.name for p in MODULES if re.search(r"\benviron\b|\bgetenv\b", p.read_text())]
    assert readers == ["paths.py"]


def test_no_pickle():
    """Nothing unpickles: no pickle, joblib, allow_pickle=True or torch.load in the package."""
    banned = re.compile(
        r"^\s*(import|from) (pickle|joblib|dill|cloudpickle)|allow_pickle=True|torch\.load\(", re.M
    )
    assert [p.name for p in MODULES if banned.search(p.read_text())] == []


def test_import_is_silent():
    """Importing any module prints nothing."""
    imports = "; ".join(
        f"import {'.'.join(p.relative_to(paths.ROOT).with_suffix('').parts)}"
        for p in MODULES
        if p.stem not in ("__init__", "__main__")
    )
    done = subprocess.run(
        [sys.executable, "-c", imports], capture_output=True, text=True, cwd=paths.ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(paths.ROOT).as_posix())
def test_sizes(path):
    """A file fits on three screens, a function on one; everything public says what it does."""
    source = path.read_text()
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
    assert len(source.splitlines()) <= 440
    assert all(n.end_lineno - n.lineno < 80 for n in functions)
    assert all(ast.get_docstring(n) for n in functions if not n.name.startswith("_")), path


def test_functions_are_short():
    """The median function has at most 12 lines of code, docstring aside."""
    sizes = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                first = (
                    node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                )
                sizes.append(node.end_lineno - first.lineno + 2)
    assert statistics.median(sizes) <= 12


def pins(text):
    """Return {name: version} of the name==version lines of a text."""
    found = re.findall(r"^\s*(?:- )?([A-Za-z0-9_.-]+)==([^\s#]+)\s*$", text, re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_two_package_lists_agree():
    """Every pin of environment.yml stands in the lock with the same version."""
    listed = pins((paths.ROOT / "environment.yml").read_text())
    locked = pins((paths.ROOT / "requirements.lock.txt").read_text())
    assert len(listed) >= 25 and listed.items() <= locked.items()


def test_what_is_installed_is_the_lock():
    """The environment that runs the tests holds the locked versions."""
    locked = pins((paths.ROOT / "requirements.lock.txt").read_text())
    installed = {
        re.sub(r"[-_.]+", "-", d.name).lower(): d.version.split("+")[0] for d in distributions()
    }
    assert {k: installed.get(k) for k in locked} == locked


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_shape(path):
    """A question, a claim, one parameters cell of literals, short cells, a verdict, no outputs."""
    cells = nbformat.read(path, 4).cells
    code = [c for c in cells if c.cell_type == "code"]
    lines = [len(c.source.splitlines()) for c in code]
    assert len(cells) <= 40 and max(lines) <= 25
    assert statistics.median(lines) <= 5
    assert re.match(r"# \d+\. .*\?", cells[0].source) and cells[1].source.startswith(">")
    assert all(c.execution_count is None and not c.outputs for c in code)
    assert (
        sum(
            "def " in line and line.startswith("def ")
            for c in code
            for line in c.source.splitlines()
        )
        <= 2
    )
    assert not any(re.search(r"^class |^!|filterwarnings", c.source, re.M) for c in code)
    (tagged,) = [c for c in code if "parameters" in c.metadata.get("tags", [])]
    for node in ast.parse(tagged.source).body:
        assert isinstance(node, ast.Assign)
        ast.literal_eval(node.value)
    checked = [c for c in code if c.source.startswith("# NBVAL_CHECK_OUTPUT")]
    assert checked and any("Verdict" in c.source for c in cells if c.cell_type == "markdown")


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
def test_profile_keys_are_known(path):
    """Every notebook that a profile names exists and has every parameter that it sets (papermill would only warn)."""
    for name, settings in yaml.safe_load(path.read_text()).items():
        notebook = nbformat.read(paths.ROOT / "notebooks" / f"{name}.ipynb", 4)
        for part in settings.values():
            assert set(part) <= run_notebook.known_parameters(notebook), name


@pytest.mark.parametrize("path", sorted(run_notebook.ABLATIONS.glob("*.yml")), ids=lambda p: p.stem)
def test_ablations_are_known(path):
    """Each file asks a question, names its data set, and changes only what the model, its training or sampling knows."""
    ablation, known = (
        yaml.safe_load(path.read_text()),
        set(TSTConfig.__dataclass_fields__) | {"start", "lengths"},
    )
    assert set(ablation) <= run_notebook.known_parameters(
        nbformat.read(paths.ROOT / "notebooks/08-ablation.ipynb", 4)
    )
    assert ablation["question"].endswith("?") and ablation["dataset"] in ("wwt", "gcut", "borg2019")
    assert {} in ablation["settings"].values(), "one setting is the base itself"
    for change in [ablation.get("base", {}), *ablation["settings"].values()]:
        assert set(change) <= known | set(Options.__dataclass_fields__)
        TSTConfig.from_dict(
            {k: v for k, v in change.items() if k in TSTConfig.__dataclass_fields__}
        )


def executed():
    """Return the committed executed copies."""
    found = [
        p
        for profile in ("laptop", "paper")
        for p in (paths.ROOT / "results" / profile).glob("*.ipynb")
    ]
    return sorted(p for p in found if not p.name.startswith(".") and not p.stem.endswith(".failed"))


@pytest.mark.parametrize("path", executed(), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_executed_copies_are_not_stale(path):
    """A committed copy holds the cells of its source, ran to the end, is small and names no folder of a machine."""
    source = max((p for p in NOTEBOOKS if path.stem.startswith(p.stem)), key=lambda p: len(p.stem))
    ours, theirs = (nbformat.read(p, 4).cells for p in (source, path))
    kept = [c for c in theirs if "injected-parameters" not in c.metadata.get("tags", [])]
    assert [c.source for c in kept] == [c.source for c in ours]
    assert all(c.execution_count for c in kept if c.cell_type == "code")
    assert path.stat().st_size <= 2**20
    outputs = json.dumps([c.get("outputs") for c in theirs])
    assert not re.search(r"/(home|root|tmp|work)/", re.sub(r'"image/png": "[^"]*"', "", outputs))


def test_committed_tables_do_not_mix_origins():
    """Within a table each data set has one origin and each file one profile."""
    import pandas as pd

    for path in (paths.ROOT / "results").glob("laptop/tables/*.csv"):
        frame = pd.read_csv(path)
        assert frame.groupby("dataset").origin.nunique().max() == 1, path.name
        assert set(frame.profile) == {"laptop"}, path.name


def test_readme_quotes_the_committed_results():
    """No number in README.md differs from results/laptop."""
    assert readme.main(["--check"]) == 0


def test_the_data_folder_may_be_a_variable_of_make(tmp_path):
    """Given to make it decides the results folder as it does in the environment; a folder without real data is simulated."""
    (tmp_path / "borg2019_usage.parquet").touch()
    for folder, results in (
        (tmp_path, "results/laptop"),
        (tmp_path / "none", "results/laptop-simulated"),
    ):
        told = run_make("-p", "PROFILE=laptop", f"TST_DATA={folder}", "help")
        assert f"RESULTS := {results}\n" in told and f"RAW := {folder}\n" in told


@pytest.mark.skipif(
    not Path(paths.ROOT / "results/smoke/artifacts/done/13-claims").exists(),
    reason="run `make smoke` first",
)
def test_make_knows_what_is_done():
    """After a run nothing is to do; a changed plot trains and generates nothing; a changed model trains."""
    assert "tst.study.run_notebook" not in run_make("reproduce")
    touched = run_make("-W", "tst/plots/base.py", "reproduce")
    assert "tst.study.run_notebook 13-claims" in touched and not re.search(
        r"tst\.run 0[1234]-", touched
    )
    assert "tst.study.run_notebook 02-train-tst" in run_make(
        "-W", "tst/models/transformer/model.py", "reproduce"
    )
    assert "tst.study.run_notebook" not in run_make("-W", "README.md", "reproduce")
