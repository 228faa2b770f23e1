"""Laws of the house's papers.

Help names every target; CONTRIBUTING, SECURITY, CI and hooks point at what exists.
"""

import os
import re
import shlex
import subprocess

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
    """Return the targets of the Makefile that stand for no file, except those of one notebook."""
    lines = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    return {name for line in lines for name in line.split() if "$" not in name}


def test_help_names_every_target():
    """Each with what it does."""
    said = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=ROOT).stdout
    named = re.findall(r"^  (\S+) +\S.*$", said, re.M)
    assert targets() <= set(named)


def test_contributing_points_at_what_exists():
    """Every file, target and name of a table in it is there, a name in the file it is said of."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    quoted = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    files = [q for q in quoted if re.fullmatch(r"[\w./-]+(\.\w+|/)", q)]
    assert len(files) >= 10
    assert [f for f in files if not (ROOT / f).exists()] == []
    assert {q.split()[1] for q in quoted if q.startswith("make ")} <= targets()
    sources = [ROOT / f for f in files if f.endswith(".py")]
    code = "".join(path.read_text() for path in sources) + run_make("-p", "help")
    assert [q for q in quoted if re.fullmatch(r"[A-Z_]{4,}", q) and q not in code] == []
    places = re.findall(r"`(\w+)` of `([\w./-]+)`", text)
    said = [(name, (ROOT / file).read_text()) for name, file in places]
    assert [name for name, source in said if not re.search(rf"\b{name}\b", source)] == []


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
    ("name", "commands"),
    [("ci", ["env", "check", "env", "test-all"]), ("nightly", ["audit", "nightly"])],
)
def test_the_workflows_run_what_the_makefile_has(name, commands):
    """Their commands are targets; the smoke run, which `make test-all` makes, is not made twice."""
    jobs = WORKFLOWS[name]["jobs"].values()
    steps = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert steps == [f"make {command}" for command in commands]
    assert set(commands) <= targets()


def test_the_nightly_jobs_do_not_wait_for_each_other():
    """A vulnerable package does not keep the night's tests from running."""
    assert all("needs" not in job for job in WORKFLOWS["nightly"]["jobs"].values())


def test_the_hooks_are_local_and_run_in_either_environment():
    """They fetch nothing; each starts .ci/python, which takes conda's where `tst` is active."""
    assert all(repo["repo"] == "local" for repo in HOOKS)
    hooks = [hook for repo in HOOKS for hook in repo["hooks"]]
    assert {shlex.split(hook["entry"])[0] for hook in hooks} == {".ci/python"}
    assert {hook["language"] for hook in hooks} == {"system"}
    for conda, python in (("tst", "python"), ("base", ".venv/bin/python")):
        environment = os.environ | {"CONDA_DEFAULT_ENV": conda}
        command = ["bash", "-x", ".ci/python", "--version"]
        said = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
        assert re.search(rf"exec \S*{python} --version", said.stderr)
