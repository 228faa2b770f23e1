"""Laws of the warm parent: a notebook that is forked ends as one that is started, and alone."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from tst.io import paths

START = f"{sys.executable} -m tst.study.start_notebook 01-a --profile"
CELLS = """\
import os, sys
from pathlib import Path
loaded = "torch" in sys.modules
print(number, os.environ["SHADE"], __name__)
Path(f"loaded-{number}").write_text(f"{loaded} {os.getppid()}")
if number == 7:
    raise ValueError("seven")
if number == 8:
    os.kill(os.getpid(), 9)
while number == 9:
    Path("kernel").write_text(str(os.getpid()))
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def house(tmp_path):
    """A project of one notebook with this package's code, and a profile for each number."""
    shutil.copytree(
        paths.ROOT / "tst", tmp_path / "tst", ignore=shutil.ignore_patterns("__pycache__")
    )
    profiles = tmp_path / "notebooks" / "profiles"
    profiles.mkdir(parents=True)
    for number in (3, 7, 8, 9):
        (profiles / f"p{number}.yml").write_text(f"01-a: {{all: {{number: {number}}}}}")
    parameters = nbformat.v4.new_code_cell(
        "number = 1\nprofile = 'x'", metadata={"tags": ["parameters"]}
    )
    parameters.id = "first"
    body = nbformat.v4.new_code_cell(CELLS, id="second")
    notebook = nbformat.v4.new_notebook(cells=[parameters, body])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "x", "language": "python"}
    nbformat.write(notebook, tmp_path / "notebooks" / "01-a.ipynb")
    return tmp_path


def command(house, line, warm=True):
    """Start a command line of the shell in the house, below a warm parent or alone."""
    parent = [sys.executable, "-m", "tst.study.warm_parent"] if warm else []
    environment = os.environ | {
        "PYTHONPATH": str(house),
        "OMP_NUM_THREADS": "1",
        "SHADE": "blue",
    }
    # More than one message of a socket takes, as on clusters.
    environment |= {f"FILLER_{i}": 1000 * "x" for i in range(300)}
    environment.pop(paths.WARM, None)
    environment.pop("TST_DATA", None)  # a folder of real data that the caller's shell names
    return subprocess.Popen(
        [*parent, "sh", "-c", line],
        cwd=house,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def cells(path):
    """Return source and outputs of the code cells of an executed copy."""
    return [(c.source, c.outputs) for c in nbformat.read(path, 4).cells if c.cell_type == "code"]


@pytest.mark.long
def test_a_fork_ends_as_a_process_of_its_own(house):
    """The same executed copy, exit codes and sentences; the libraries are there beforehand."""
    line = "; ".join(f"{START} p{number}; echo code $?" for number in (3, 7, 8))
    out, errors = command(house, line).communicate()
    assert re.findall(r"code (\d+)", out) == ["0", "1", "1"]
    assert "wrote results/p3-simulated/01-a.ipynb" in out
    assert "01-a: ValueError: seven" in errors
    assert "01-a: its kernel was killed" in errors
    assert (house / "loaded-3").read_text().startswith("True")
    copy = house / "results" / "p3-simulated" / "01-a.ipynb"
    forked = cells(copy)
    copy.unlink()
    command(house, f"{START} p3", warm=False).communicate()
    assert (house / "loaded-3").read_text().startswith("False")
    assert cells(copy) == forked
    assert forked[-1][1][0].text == "3 blue __main__\n"


@pytest.mark.long
def test_a_fork_ends_with_who_asked_for_it(house):
    """A killed `start_notebook` takes the process that runs the notebook and its kernel along."""
    parent = command(house, f"{START} p9 & echo $!; wait $!; echo code $?")
    try:
        client = int(parent.stdout.readline())
        while not (house / "kernel").is_file():
            time.sleep(0.05)
        os.kill(client, signal.SIGKILL)
        kernel = int((house / "kernel").read_text() or 0)
        while is_running(kernel):
            time.sleep(0.05)
        out, _ = parent.communicate()
        assert "code 137" in out
        assert parent.returncode == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            parent.kill()


def is_running(pid):
    """Tell whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
