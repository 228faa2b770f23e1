"""Laws of the house's papers: help names every target, CONTRIBUTING points at what exists, the hooks do what they say."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml
from helpers import run_make

from tst.io.paths import ROOT

HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
WORKFLOWS = {
    name: yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    for name in ("ci", "nightly")
}


def targets():
    """Return the targets of the Makefile that stand for no file, those of single notebooks aside."""
    lines = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    return {name for line in lines for name in line.split() if "$" not in name}


def test_help_names_every_target():
    """Each with what it does, in one line that a terminal shows whole."""
    told = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=ROOT).stdout
    named = dict(re.findall(r"^  (\S+) +(\S.*)$", told, re.M))
    assert targets() <= set(named)
    assert all(len(text) <= 120 for name, text in named.items() if name in targets())


def test_contributing_is_short_and_points_at_what_exists():
    """40 lines; every file, target and name of a table in it is there."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    quoted = re.findall(r"`([^`]+)`", text)
    files = [q for q in quoted if re.match(r"[\w./-]+(\.\w+|/)$", q) and "NAME" not in q]
    assert len(text.splitlines()) <= 40 and len(files) >= 10
    assert [f for f in files if not (ROOT / f).exists()] == []
    assert {q.split()[1] for q in quoted if q.startswith("make ")} <= targets()
    sources = "".join(
        (ROOT / f).read_text() for f in files if f.endswith((".py", "Makefile"))
    ) + run_make("-p", "help")
    assert all(q in sources for q in quoted if re.fullmatch(r"[A-Z_]{4,}|_\w+", q))


def test_security_names_tests_that_exist():
    """Each row of its tables has a test, and each test named is there."""
    text = (ROOT / "SECURITY.md").read_text()
    rows = [
        r
        for r in text.splitlines()
        if r.startswith("| ") and not r.startswith(("| fault", "| input"))
    ]
    assert len(rows) > 20 and all("test_" in row.split("|")[3] for row in rows)
    for file, name in re.findall(r"`(test_\w+\.py)::(\w+)`", text):
        assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(), (
            f"{file}::{name} is not there"
        )


@pytest.mark.parametrize(
    ("name", "commands"), [("ci", ["smoke", "test"]), ("nightly", ["audit", "nightly"])]
)
def test_the_workflows_run_what_the_makefile_has(name, commands):
    """Two commands each, by their names."""
    steps = [
        s["run"] for job in WORKFLOWS[name]["jobs"].values() for s in job["steps"] if "run" in s
    ]
    assert steps == [f"make {c}" for c in commands] and set(commands) <= targets()


def test_the_hooks_work_offline_and_leave_what_is_tidy(tmp_path):
    """All are local; outputs are stripped from a notebook and nothing else changes; a tidy file stays as it is."""
    assert all(repo["repo"] == "local" for repo in HOOKS)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tst").symlink_to(ROOT / "tst")  # so that ruff knows whose imports these are
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/.ruff.toml", tmp_path / "notebooks")
    module, notebook = tmp_path / "paths.py", tmp_path / "notebooks" / "01-data.ipynb"
    shutil.copy(ROOT / "tst/io/paths.py", module)
    source = nbformat.read(ROOT / "notebooks/01-data.ipynb", 4)
    nbformat.write(source, notebook)
    tidy = notebook.read_bytes()
    code = next(c for c in source.cells if c.cell_type == "code")
    code.outputs, code.execution_count = [nbformat.v4.new_output("stream", text="x\n")], 1
    nbformat.write(source, notebook)
    for hook in (hook for repo in HOOKS for hook in repo["hooks"]):
        python, *rest = hook["entry"].split()
        assert python == ".venv/bin/python"
        files = (
            [notebook]
            if "files" in hook
            else [notebook, module]
            if hook.get("pass_filenames", True)
            else []
        )
        command, cache = (
            [sys.executable, *rest, *files],
            {"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")},
        )
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | cache
        )
        assert done.returncode == 0, hook["id"] + done.stdout + done.stderr
    assert (
        notebook.read_bytes() == tidy
        and module.read_bytes() == (ROOT / "tst/io/paths.py").read_bytes()
    )
