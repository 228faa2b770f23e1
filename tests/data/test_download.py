"""Laws of the download and of `python -m tst.data`: what was published arrives, or a sentence."""

import hashlib
import http.server
import subprocess
import sys
import threading

import pytest
from helpers import TRACE, needs_originals

from tst.data import __main__ as command
from tst.data import download, gcut, gcut_attempts, trace_parts
from tst.errors import DataError
from tst.io import paths
from tst.study.benchmarks import reference_trace


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder on the loopback.

    `cut` names a file whose body ends early, `asked` what was asked for.
    """

    def do_GET(self):
        self.server.asked.append(self.path.lstrip("/"))
        if self.path.lstrip("/") != self.server.cut:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"\x1f\x8b" + b"half" * 100)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Three small parts of both tables behind a loopback address, with their true sums."""
    origin = tmp_path / "origin"
    reference_trace.write_parts(origin, 60, 3)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *a: Server(*a, directory=str(origin)), bind_and_activate=True
    )
    server.asked, server.cut, server.origin = [], None, origin
    files = {p.relative_to(origin).as_posix(): p for p in origin.rglob("*.gz")}
    server.sums = {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in files.items()}
    monkeypatch.setattr(download, "BASE_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(download, "checksums", lambda: server.sums)
    monkeypatch.setattr(download, "RETRIES", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def files_in(folder):
    """Return the names of all files below a folder."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_published_sums():
    """Both tables have 500 parts with a SHA-256 each, all different.

    The trace is fetched by https only.
    """
    sums = download.checksums()
    assert set(sums) == {
        f"{table}/{trace_parts.part_name(i)}" for table in download.TABLES for i in range(500)
    }
    assert len(set(sums.values())) == 1000 and all(
        len(bytes.fromhex(s)) == 32 for s in sums.values()
    )
    assert download.BASE_URL == "https://storage.googleapis.com/clusterdata-2011-2/"


@needs_originals
def test_the_sums_are_those_of_the_originals():
    """The original parts at hand have the sums that we ship."""
    for path in sorted((TRACE / "task_events").glob("part-?????-of-00500.csv.gz"))[:2]:
        assert (
            hashlib.sha256(path.read_bytes()).hexdigest()
            == download.checksums()[f"task_events/{path.name}"]
        )


@pytest.mark.slow
def test_fetch_brings_the_files_once(server, tmp_path):
    """Parts arrive byte by byte, in the order asked; a second call asks for none.

    A damaged one is fetched anew.
    """
    got = download.fetch(tmp_path / "raw", "task_usage", [2, 0])
    assert [p.name for p in got] == [trace_parts.part_name(2), trace_parts.part_name(0)]
    for path in got:
        assert path.read_bytes() == (server.origin / "task_usage" / path.name).read_bytes()
    assert download.fetch(tmp_path / "raw", "task_usage", [2, 0]) == got and len(server.asked) == 2
    got[1].write_bytes(got[1].read_bytes()[:-5])
    download.fetch(tmp_path / "raw", "task_usage", [2, 0])
    assert server.asked[2:] == [f"task_usage/{got[1].name}"]
    assert got[1].read_bytes() == (server.origin / "task_usage" / got[1].name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["wrong sum", "shortened file", "connection cut", "not there", "no server"]
)
def test_what_goes_wrong_is_said(fault, server, tmp_path, monkeypatch):
    """One sentence with the address and the remedy.

    The good part before stays, nothing half-written is left.
    """
    bad = f"task_events/{trace_parts.part_name(1)}"
    message = "wrong SHA-256 sum; try again later"
    download.fetch(tmp_path / "raw", "task_events", [0])
    if fault == "wrong sum":
        server.sums[bad] = "0" * 64
    elif fault == "shortened file":
        (server.origin / bad).write_bytes((server.origin / bad).read_bytes()[:-20])
    elif fault == "connection cut":
        server.cut, message = bad, r"out of reach \(\w+\); check the network"
    elif fault == "not there":
        (server.origin / bad).unlink()
        message = "answers with status 404; try again later"
    else:
        monkeypatch.setattr(download, "BASE_URL", "http://127.0.0.1:1/")
        message = r"out of reach \(ConnectionError\); check the network"
    with pytest.raises(DataError, match=message) as caught:
        download.fetch(tmp_path / "raw", "task_events", [0, 1])
    assert bad in str(caught.value) and "\n" not in str(caught.value)
    assert files_in(tmp_path / "raw") == [f"task_events/{trace_parts.part_name(0)}"]


@pytest.mark.parametrize(
    ("table", "number", "message"),
    [
        ("task_usage", 500, "no part 500; name parts from 0 to 499"),
        ("task_usage", -1, "no part -1"),
        ("jobs", 0, "jobs"),
    ],
)
def test_parts_that_do_not_exist(table, number, message, tmp_path):
    """A wrong number or table is said before anything is asked for or written."""
    with pytest.raises(DataError, match=message):
        download.fetch(tmp_path / "raw", table, [0, number])
    assert not (tmp_path / "raw").exists()


@pytest.mark.slow
def test_the_command_downloads_and_builds(server, tmp_path, monkeypatch, capsys):
    """--parts fetches both tables, builds and saves.

    --build gives the same set from what lies there, without a network.
    """
    monkeypatch.setenv("TST_DATA", str(tmp_path / "data"))
    assert command.main(["--parts", "0-2"]) == 0
    captured = capsys.readouterr()
    series, _ = gcut.load(tmp_path / "data")
    counts = (tmp_path / "data" / "gcut-counts.csv").read_text().splitlines()
    assert series.origin == "subset" and captured.err == "" and "mismatched end" in captured.out
    assert counts[:2] == ["filter,tasks", "all,60"] and counts[-1] == f"sampled,{len(series)}"
    asked = len(server.asked)
    assert command.main(["--build"]) == 0 and len(server.asked) == asked == 6
    assert gcut.load(tmp_path / "data")[0].sha256() == series.sha256()
    assert [n for n in files_in(tmp_path / "data") if "gcut-work" not in n and "raw" not in n] == [
        "gcut-counts.csv",
        *(
            f"gcut/{name}"
            for name in ("attributes.parquet", "lengths.npy", "meta.json", "values.npy")
        ),
    ]


@pytest.mark.slow
def test_the_attempts_are_built_from_downloaded_events(server, tmp_path, monkeypatch, capsys):
    """--events asks for the table of events alone; --set gives the same from what lies there."""
    folder = tmp_path / "data"
    monkeypatch.setenv("TST_DATA", str(folder))
    assert command.main(["--events", "0-2"]) == 0
    assert {name.split("/")[0] for name in server.asked} == {"task_events"}
    said = capsys.readouterr().out
    series, _ = gcut_attempts.load(folder)
    assert f"{len(series):,} series" in said
    assert "Terms: CC-BY 4.0, Google." in said
    counts = (folder / "gcut_attempts-counts.csv").read_text().splitlines()
    assert (counts[0], counts[-1]) == ("filter,attempts", f"kept,{len(series)}")
    asked = len(server.asked)
    assert command.main(["--set", "gcut_attempts"]) == 0
    assert len(server.asked) == asked == 3
    assert gcut_attempts.load(folder)[0].sha256() == series.sha256()


def remove_events(folder):
    """Remove one event part."""
    (folder / "raw" / "task_events" / trace_parts.part_name(1)).unlink()


def damage(folder):
    """Cut a usage part short."""
    path = folder / "raw" / "task_usage" / trace_parts.part_name(1)
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("arguments", "spoil", "message"),
    [
        (["--parts", "0-500"], None, "'0-500' names no parts"),
        (["--parts", "9-3"], None, "'9-3' names no parts"),
        (["--parts", "all"], None, "'all' names no parts"),
        (["--parts"], None, "give --parts 0-9 or --build"),
        ([], None, "give --parts 0-9 or --build"),
        (["--build", "--fast"], None, "--fast"),
        (["--build"], remove_events, "part-00001-of-00500.csv.gz is missing beside"),
        (["--build"], damage, "cut short or damaged"),
        (["--events", "x"], None, "'x' names no parts"),
        (["--set", "wwt"], None, "invalid choice: 'wwt'"),
        (["--set", "gcut_attempts"], remove_events, "part-00001-of-00500.csv.gz is missing: att"),
        (["--set", "iot"], None, "no captures under"),
        (["--set", "mba"], None, "data_train.npz is missing: put DG's FCC MBA file"),
    ],
)
def test_mistakes_get_one_sentence_and_exit_code_2(
    arguments, spoil, message, tmp_path, monkeypatch, capsys
):
    """A mistake ends with one line on stderr and exit code 2; no set and no counts are written."""
    monkeypatch.setenv("TST_DATA", str(tmp_path))
    reference_trace.write_parts(tmp_path / "raw", 60, 3)
    if spoil:
        spoil(tmp_path)
    assert command.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert not gcut.available(tmp_path) and not (tmp_path / "gcut-counts.csv").exists()


@pytest.mark.slow
def test_an_empty_data_folder_as_a_user_sees_it(tmp_path):
    """`python -m tst.data --build` without parts: one sentence, exit code 2, no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "tst.data", "--build"],
        env={"TST_DATA": str(tmp_path), "PATH": ""},
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "make data PARTS=0-9" in done.stderr
