"""Laws of the runner: parameters arrive, a failure leaves no result, a mistake is one sentence."""

import json
from pathlib import Path

import nbformat
import pytest

from tst.errors import DataError
from tst.io import files, paths
from tst.study import run_notebook
from tst.study.sampler import KINDS


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A project of one notebook in a temporary folder."""
    (tmp_path / "notebooks" / "profiles").mkdir(parents=True)
    parameters = nbformat.v4.new_code_cell(
        "number = 1\nprofile = 'x'", metadata={"tags": ["parameters"]}
    )
    body = nbformat.v4.new_code_cell(
        "assert number < 5, 'too large'\nprint('got', number, end='\\rdone\\n')"
    )
    notebook = nbformat.v4.new_notebook(cells=[parameters, body])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, tmp_path / "notebooks" / "01-a.ipynb")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(run_notebook, "PROFILES", tmp_path / "notebooks" / "profiles")
    return tmp_path


def profile(house, text):
    """Write the profile of the house."""
    (house / "notebooks" / "profiles" / "tiny.yml").write_text(text)


@pytest.mark.slow
def test_parameters_reach_the_notebook(house):
    """The profile's value is used; progress stands as a terminal shows it; nothing else is left."""
    profile(house, "01-a: {all: {number: 3}}")
    out = house / "results" / "01-a.ipynb"
    run_notebook.run_named("01-a", "tiny", "", out)
    assert nbformat.read(out, 4).cells[-1].outputs[0].text == "done\n"
    assert sorted(p.name for p in out.parent.iterdir()) == ["01-a.ipynb", "artifacts"]


def test_links_of_a_copy_lead_where_those_of_its_source_do():
    """Files of the project are found from the copy's folder; addresses and places stay."""
    text = (
        "[a](../results/laptop/01-a.ipynb) ![b](../tst/b.png) [c](p.yml#x) [d](https://x) [e](#g)"
    )
    wanted = (
        "[a](01-a.ipynb) ![b](../../tst/b.png) [c](../../notebooks/p.yml#x) [d](https://x) [e](#g)"
    )
    assert run_notebook.relink(text, Path("/p/notebooks"), Path("/p/results/laptop")) == wanted


@pytest.mark.slow
def test_a_run_leaves_what_it_cost(house):
    """Beside its log: processor seconds of the runner and the kernel by kind of work."""
    profile(house, "01-a: {all: {number: 3}}")
    out = house / "results" / "01-a.ipynb"
    run_notebook.run_named("01-a", "tiny", "", out)
    costs = json.loads((out.parent / "artifacts" / "logs" / "01-a.json").read_text())
    assert costs["start_up"] > 0
    assert costs["peak_memory_mb"] > 0
    assert set(KINDS) <= set(costs)


@pytest.mark.slow
def test_a_failure_is_kept_aside_and_the_old_result_stays(house):
    """It ends in one sentence; the failed copy has a name of its own."""
    profile(house, "01-a: {all: {number: 3}}")
    out = house / "results" / "01-a.ipynb"
    run_notebook.run_named("01-a", "tiny", "", out)
    before = out.read_bytes()
    profile(house, "01-a: {all: {number: 7}}")
    with pytest.raises(DataError, match="AssertionError: too large"):
        run_notebook.run_named("01-a", "tiny", "", out)
    assert out.read_bytes() == before
    assert sorted(p.name for p in out.parent.glob("*.ipynb")) == ["01-a.failed.ipynb", "01-a.ipynb"]


def test_mistakes_are_sentences(house):
    """Unknown parameter, profile, notebook: each names itself and what is known."""
    profile(house, "01-a: {all: {numer: 3}}")
    with pytest.raises(DataError, match=r"no parameter \['numer'\]; it knows number, profile"):
        run_notebook.run_named("01-a", "tiny", "", house / "out.ipynb")
    with pytest.raises(DataError, match="unknown profile 'huge'; known are tiny"):
        run_notebook.run_named("01-a", "huge", "", house / "out.ipynb")
    with pytest.raises(DataError, match="unknown notebook '99'; known are 01-a"):
        run_notebook.run_named("99", "tiny", "", house / "out.ipynb")
    assert not (house / "out.ipynb").exists()


def test_a_stream_in_pieces_is_one():
    """Progress in pieces ends as its last state; widget warnings and empty streams go."""
    warning = (
        "/x/.venv/tqdm/auto.py:21: TqdmWarning: IProgress not found. Please update.\n"
        "  from .autonotebook import tqdm\n"
    )
    pieces = [
        ("stderr", warning),
        ("stdout", "/tmp/ipykernel_7/42.py:4: a\n"),
        ("stdout", "\r 0%"),
        ("stdout", "\r50%"),
        ("stdout", "\r99%\n"),
    ]
    cell = nbformat.v4.new_code_cell(
        "x", outputs=[nbformat.v4.new_output("stream", name=n, text=t) for n, t in pieces]
    )
    cell.outputs.append(nbformat.v4.new_output("display_data", data={"text/plain": "figure"}))
    first, second = run_notebook.tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert (first.name, first.text) == ("stdout", "cell:4: a\n99%\n")
    assert second.data["text/plain"] == "figure"


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("a:  34%|###4   | 41/120 [00:10<00:19, 4.08step/s]\n", None),
        ("a:   0%|       | 0/9 [x]a:  34%|###4   | 3/9 [x]a: 100%|#######| 9/9 [x] \nb\n", "b\n"),
        ("a: 100%|#######| 120/120 [00:29<00:00, 4.08step/s]\n", ...),
        ("a:  34%|###4   | 41/120 [00:10]seed 1 failed: the loss is no number.\n", ...),
        ("a rise of 34%\n", ...),
    ],
)
def test_only_unfinished_bars_are_dropped(printed, kept):
    """A bar below 100 % is no result; a finished one says how long it took, and text stays."""
    output = nbformat.v4.new_output("stream", text=printed)
    cell = nbformat.v4.new_code_cell("x", outputs=[output])
    outputs = run_notebook.tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    expected = {None: [], ...: [printed]}.get(kept, [kept])
    assert [o.text for o in outputs] == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "stdout", "stderr"),
    [
        (3, 0, "wrote results/smoke/01-a.ipynb", []),
        (7, 1, "", ["01-a: AssertionError: too large"]),
    ],
)
def test_the_command_exits_with_a_sentence(house, capsys, number, code, stdout, stderr):
    """0 and the path of the executed copy, or 1 and one line on stderr."""
    (house / "notebooks" / "profiles" / "smoke.yml").write_text(
        f"01-a: {{all: {{number: {number}}}}}"
    )
    assert run_notebook.main(["01-a", "--profile", "smoke"]) == code
    printed = capsys.readouterr()
    assert stdout in printed.out
    lines = [line for line in printed.err.splitlines() if line.startswith("01-a: ")]
    assert [line.split(" (the notebook")[0] for line in lines] == stderr


def body(house, source):
    """Give the notebook of the house another body."""
    path = house / "notebooks" / "01-a.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[-1].source = source
    nbformat.write(notebook, path)


@pytest.mark.slow
def test_a_killed_kernel_is_a_sentence_and_no_result(house):
    """As when memory runs out: exit with what happened; the notebook up to there is kept aside."""
    profile(house, "01-a: {all: {number: 3}}")
    body(house, "import os\nprint('so far')\nos.kill(os.getpid(), 9)")
    out = house / "results" / "01-a.ipynb"
    with pytest.raises(
        DataError, match=r"01-a: its kernel was killed.*memory.*run the same command again"
    ):
        run_notebook.run_named("01-a", "tiny", "", out)
    assert not out.exists()
    assert (house / "results" / "01-a.failed.ipynb").exists()


@pytest.mark.slow
def test_a_kernel_tells_of_what_failed_not_of_interrupts_between_cells(house, capfd):
    """The client interrupts a kernel before it asks it to end; all else of its log is told."""
    profile(house, "01-a: {all: {number: 3}}")
    body(
        house,
        "import logging\n"
        "log = logging.getLogger('IPKernelApp')\n"
        "log.error('KeyboardInterrupt caught in kernel.')\n"
        "log.error('the socket is gone')",
    )
    run_notebook.run_named("01-a", "tiny", "", house / "results" / "01-a.ipynb")
    told = capfd.readouterr().err
    assert "the socket is gone" in told
    assert "KeyboardInterrupt" not in told


@pytest.mark.slow
def test_a_log_keeps_the_lines_with_their_time(house):
    """What cells print, of progress the last state; a second run starts the log anew."""
    profile(house, "01-a: {all: {number: 3}}")
    out = house / "results" / "01-a.ipynb"
    for _ in range(2):
        run_notebook.run_named("01-a", "tiny", "", out)
    lines = (out.parent / "artifacts" / "logs" / "01-a.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines if "done" in line] == ["done"]
    assert all(line[:4].isdigit() and line[10] == " " for line in lines)


@pytest.mark.slow
def test_a_notebook_runs_once_at_a_time(house):
    """A second process that wants the same place is told so; afterwards it may."""
    profile(house, "01-a: {all: {number: 3}}")
    out = house / "results" / "01-a.ipynb"
    out.parent.mkdir()
    with (
        run_notebook.hold_lock(out),
        pytest.raises(DataError, match="01-a: another process is running this notebook"),
    ):
        run_notebook.run_named("01-a", "tiny", "", out)
    run_notebook.run_named("01-a", "tiny", "", out)
    assert out.exists()


def test_results_that_cannot_be_written(house):
    """A file stands where the results should go: one sentence, exit."""
    profile(house, "01-a: {all: {number: 3}}")
    (house / "results").write_text("a file")
    with pytest.raises(
        files.WriteError,
        match=r"01-a: cannot write .*: a part of this path is a file.*run the same command again",
    ):
        run_notebook.run_named("01-a", "tiny", "", house / "results" / "smoke" / "01-a.ipynb")
