"""Laws of the house: what imports what, sizes, package lists, the shape of notebooks, no pickle."""

import ast
import json
import re
import statistics
import subprocess
import sys
from importlib.metadata import distributions

import nbformat
import pytest
import rooms
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tst.io import closure, paths
from tst.models.transformer.config import GenerativeConfig, attention_fields
from tst.study import run_notebook
from tst.study.report import readme

MODULES = sorted((paths.ROOT / "tst").rglob("*.py"))
NOTEBOOKS = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))
PROFILES = sorted((paths.ROOT / "notebooks" / "profiles").glob("*.yml"))


@pytest.mark.long
@pytest.mark.parametrize("name", rooms.ENFORCED)
def test_figures_of_the_house(name):
    """The figures of rooms.py that are held to their limits."""
    value = rooms.figures(paths.ROOT)[name]
    assert rooms.AT_LEAST.get(name, value) <= value <= rooms.AT_MOST.get(name, value)


def test_imports_for_type_hints_do_not_count():
    """Nothing depends on what stands under TYPE_CHECKING: it is not imported when the code runs."""
    found = closure.imported(
        "if TYPE_CHECKING:\n    from tst.series import SeriesSet\n"
        "else:\n    from tst.io import files\n"
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


@pytest.mark.long
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
def test_everything_public_says_what_it_does(path):
    """A module, a class, a function and a method have a docstring.

    A function inside a function may do without.
    """
    tree = ast.parse(path.read_text())
    named = (ast.FunctionDef, ast.ClassDef)
    public = [tree, *(node for node in tree.body if isinstance(node, named))]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            public += [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
    silent = [n for n in public if not ast.get_docstring(n)]
    assert [n.name for n in silent if not n.name.startswith("_")] == []


def pins(path):
    """Return {name: version} of the lines name==version of a file that hold on this machine."""
    requirements = re.findall(r"^ *(?:- )?([A-Za-z0-9_.-]+==[^#\\\n]+)", path.read_text(), re.M)
    versions = {}
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate():
            versions[canonicalize_name(requirement.name)] = str(requirement.specifier)[2:]
    return versions


def test_the_two_package_lists_agree():
    """Every pin of environment.yml stands in the lock with the same version.

    Only torch's does not, which is no part of the lock.
    """
    listed = pins(paths.ROOT / "environment.yml")
    locked = pins(paths.ROOT / "requirements.lock.txt")
    assert len(listed) >= 25
    assert listed.items() - locked.items() == {("torch", listed["torch"])}


def test_the_lock_has_hashes():
    """Every package of the lock names the SHA-256 of its files."""
    text = (paths.ROOT / "requirements.lock.txt").read_text()
    packages = re.split(r"^(?=[a-z])", text, flags=re.M)[1:]
    assert len(packages) > 100
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", package) for package in packages)


def test_what_is_installed_is_the_lock():
    """The environment of the tests holds the locked versions, and torch as environment.yml says."""
    locked = pins(paths.ROOT / "requirements.lock.txt") | pins(paths.ROOT / "environment.yml")
    installed = {canonicalize_name(d.name): d.version.split("+")[0] for d in distributions()}
    assert {name: installed.get(name) for name in locked} == locked


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
    """Every notebook that a profile names exists and has every parameter that it sets.

    Papermill would only warn.
    """
    for name, settings in yaml.safe_load(path.read_text()).items():
        notebook = nbformat.read(paths.ROOT / "notebooks" / f"{name}.ipynb", 4)
        for part in settings.values():
            assert set(part) <= run_notebook.known_parameters(notebook), name


def profile(name):
    """Return the settings of a profile, by notebook."""
    return yaml.safe_load((run_notebook.PROFILES / f"{name}.yml").read_text())


def test_full_is_laptop_with_more_seeds():
    """Profile full has laptop's sizes and steps, ten seeds where those have three.

    TST (ours) goes on for longer there on iot and mba, where held-out series say when it stops, and
    is larger on iot.
    """
    laptop, full = profile("laptop"), profile("full")
    del full["18-budget"]
    for name, settings in full.items():
        expected = laptop[name]
        if name != "11-long-sequences" and "seeds" in expected["all"]:
            assert expected["all"]["seeds"] == [0, 1, 2]
            expected["all"]["seeds"] = list(range(10))
        if name == "10-seedless":
            expected["iot"] |= {"d_model": 96, "n_layer": 4, "d_ff": 192}
            for dataset in ("iot", "mba"):
                longer = settings[dataset]["max_steps"]
                assert longer > expected[dataset]["max_steps"], dataset
                expected[dataset]["max_steps"] = longer
        assert settings == expected, name


def test_a_sweep_over_budgets_begins_at_laptop_s_steps():
    """Notebook 18's 1x is what notebooks 2, 3 and 10 train in profile laptop."""
    laptop, full = profile("laptop"), profile("full")
    trained_in = {
        "tst_paper": ("02-train-tst", "max_steps"),
        "doppelganger": ("03-train-baselines", "dg_steps"),
        "tst": ("10-seedless", "max_steps"),
    }
    sweeps = {name: one for name, one in full["18-budget"].items() if name != "all"}
    assert set(sweeps) == {"gcut", "wwt", "borg2019", "iot", "mba", "gcut_attempts"}
    for dataset, sweep in sweeps.items():
        for model, (notebook, setting) in trained_in.items():
            assert sweep["steps"][model] == laptop[notebook][dataset][setting], (dataset, model)


# What an ablation may change of sampling and of training.
BESIDE_THE_MODEL = {"start", "lengths", "max_steps", "batch_size", "learning_rate"}


@pytest.mark.parametrize("path", sorted(run_notebook.ABLATIONS.glob("*.yml")), ids=lambda p: p.stem)
def test_ablations_are_known(path):
    """Each file asks a question, names its data set, and changes only what is known.

    That is what the model, its training or sampling knows.
    """
    ablation, known = (
        yaml.safe_load(path.read_text()),
        set(GenerativeConfig.__dataclass_fields__) | BESIDE_THE_MODEL,
    )
    assert set(ablation) <= run_notebook.known_parameters(
        nbformat.read(paths.ROOT / "notebooks/08-ablation.ipynb", 4)
    )
    assert ablation["question"].endswith("?") and ablation["dataset"] in ("wwt", "gcut", "borg2019")
    assert {} in ablation["settings"].values(), "one setting is the base itself"
    for change in [ablation.get("base", {}), *ablation["settings"].values()]:
        assert set(change) <= known
        fields = {k: v for k, v in change.items() if k not in BESIDE_THE_MODEL}
        fields |= attention_fields(fields.get("attention", "full"))
        GenerativeConfig(n_features=1, **fields)


def executed():
    """Return the committed executed copies."""
    found = [
        p
        for profile in ("laptop", "full", "paper")
        for p in (paths.ROOT / "results" / profile).glob("*.ipynb")
    ]
    return sorted(p for p in found if not p.name.startswith(".") and not p.stem.endswith(".failed"))


@pytest.mark.parametrize("path", executed(), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_executed_copies_are_whole(path):
    """A committed copy ran to the end; it is small and names no folder of a machine."""
    cells = nbformat.read(path, 4).cells
    assert all(c.execution_count for c in cells if c.cell_type == "code")
    assert path.stat().st_size <= 2**20
    outputs = json.dumps([c.get("outputs") for c in cells])
    assert not re.search(r"/(home|root|tmp|work)/", re.sub(r'"image/png": "[^"]*"', "", outputs))


@pytest.mark.parametrize(
    "path", [p for p in executed() if p.parent.name != "paper"], ids=lambda p: p.stem
)
def test_executed_copies_are_not_stale(path):
    """A committed copy of laptop and full holds the cells of its source.

    Those of the paper's sizes, for which a GPU is needed, show the cells that they were made with.
    """
    source = max((p for p in NOTEBOOKS if path.stem.startswith(p.stem)), key=lambda p: len(p.stem))
    ours, theirs = (nbformat.read(p, 4).cells for p in (source, path))
    kept = [c for c in theirs if "injected-parameters" not in c.metadata.get("tags", [])]
    for cell in ours:
        if cell.cell_type == "markdown":
            cell.source = run_notebook.relink(cell.source, source.parent, path.parent)
    assert [c.source for c in kept] == [c.source for c in ours]


@pytest.mark.parametrize("path", NOTEBOOKS + executed(), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_links_of_notebooks_lead_to_files(path):
    """Each link to a file, of a source or of a committed copy, is one that GitHub can follow."""
    dead = []
    for cell in nbformat.read(path, 4).cells:
        links = run_notebook.LINK.findall(cell.source) if cell.cell_type == "markdown" else []
        dead += [link for link in links if not (path.parent / link).exists()]
    assert not dead


def test_committed_tables_do_not_mix_origins():
    """Within a table each data set has one origin and each file one profile."""
    import pandas as pd

    for profile in ("laptop", "full"):
        for path in (paths.ROOT / "results" / profile / "tables").glob("*.csv*"):
            frame = pd.read_csv(path)
            assert frame.groupby("dataset").origin.nunique().max() == 1, path.name
            assert set(frame.profile) == {profile}, path.name


def test_readme_quotes_the_committed_results():
    """No number in README.md differs from results/laptop."""
    assert readme.main(["--check"]) == 0
