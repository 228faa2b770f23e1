"""Laws of mistakes: each ends in one sentence, before torch or a kernel is loaded."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from helpers import user_table

from tst import Synthesiser
from tst.errors import DataError
from tst.io import paths

EXAMPLE = str(paths.ROOT / "notebooks" / "example.csv")
HEAVY = ("torch", "papermill", "nbconvert", "nbformat", "jupyter_client", "submitit")
ASK = """
import json, sys
from tst.__main__ import main
answers = []
for command in json.loads(sys.argv[1]):
    sys.stderr.write("\\0")
    code = main(command)
    answers.append([code, sorted(set(sys.modules) & set(json.loads(sys.argv[2])))])
print(json.dumps(answers))
"""
LONG = "".join(f"{i},{j},{(i * j) % 7}\n" for i in range(20) for j in range(10))


def told(commands):
    """Return (exit code, heavy modules, lines on stderr) of commands, run one after another."""
    words = [sys.executable, "-c", ASK, json.dumps(commands), json.dumps(HEAVY)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=paths.ROOT)
    answers = json.loads(done.stdout.splitlines()[-1])
    said = done.stderr.split("\0")[1:]
    return [(*answer, text.splitlines()) for answer, text in zip(answers, said, strict=True)]


def check(commands, sentences):
    """Assert that each command ends in its sentence alone, with nothing heavy loaded."""
    for command, answer, sentence in zip(commands, told(commands), sentences, strict=True):
        code, loaded, lines = answer
        assert (code, loaded, len(lines)) == (1, [], 1), (command, answer)
        assert sentence in lines[0], (command, lines)


def check_files(folder, files, *words):
    """Assert what is said of files, {name: (bytes, sentence)}, behind such words."""
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    commands = [[*words, str(folder / name)] for name in files]
    check(commands, [sentence for _, sentence in files.values()])


FILES = {  # name: (bytes, what is said)
    "empty.csv": (b"", "is empty: give a table"),
    "heading.csv": (b"id,t,x\n", "is empty: give a table"),
    "constant.csv": (
        ("id,t,x\n" + "".join(f"{i},{j},1\n" for i in range(9) for j in range(9))).encode(),
        "nothing to learn",
    ),
    "binary.csv": (bytes(range(256)) * 9, "is not text"),
    "utf16.csv": (f"id,t,x\n{LONG}".encode("utf-16"), "is text in UTF-16"),
    "latin.csv": (f"id,t,größe\n{LONG}".encode("latin-1"), "is not written in UTF-8"),
    "page.csv": (b"%PDF-1.4\n", "is a PDF"),
    "sheet.xlsx": (b"PK\x03\x04" + bytes(99), "is a spreadsheet or another zipped file"),
    "old.xls": (b"\xd0\xcf\x11\xe0" + bytes(99), "is a spreadsheet"),
    "x.json": (b'{"a": [1, 2]}', "is JSON, no CSV"),
    "named.csv": (b"PAR1" + bytes(99), "is Parquet (name it .parquet)"),
    "zipped.csv": (b"\x1f\x8b" + bytes(99), "is zipped (name it .csv.gz)"),
    "broken.parquet": (b"PAR1rubbish", "cannot read broken.parquet"),
    "broken.csv.gz": (b"no gzip", "cannot read broken.csv.gz"),
    "twice.csv": (b"a,a,b\n1,2,3\n", "two columns named 'a'"),
    "longer.csv": (b"a,b\n1,2,3,4\n2,3,4,5\n", "more values than the heading"),
    "short.csv": (b"id,t,x\n1,1,1\n", "no column names the series"),
    "prose.txt": (b"hello world\nno table\n", "no column names the series"),
}


@pytest.mark.slow
def test_files_that_are_no_table(tmp_path):
    """Empty, of another kind, damaged, in another encoding, or without anything to learn."""
    check_files(tmp_path, FILES, "own")
    check(
        [["own", str(tmp_path)], ["own", str(tmp_path / "gone.csv")], ["own", ""]],
        ["is a folder: give one CSV", "no table at", "is a folder"],
    )


@pytest.mark.slow
def test_files_of_roles_that_are_none(tmp_path):
    """No YAML, of the wrong form, with an unknown key, not there."""
    files = {
        "broken.yml": (b"id: [a\n", "is not valid YAML"),
        "list.yml": (b"- a\n", "holds no `key: value` lines"),
        "key.yml": (b"idd: a\n", "unknown key 'idd'"),
        "bytes.yml": (b"\xff\xfe\x00", "is not valid YAML"),
        "gaps.yml": (b"gaps: maybe\n", "gaps is 'maybe'; use keep or cut"),
        "window.yml": (b"window: many\n", "window is 'many'"),
    }
    check_files(tmp_path, files, "own", EXAMPLE, "--config")


@pytest.mark.slow
def test_options_that_cannot_be(tmp_path):
    """Numbers below their least, unknown columns and choices, what this machine has not."""
    (tmp_path / "a file").write_text("mine")
    own = {
        "--number -3": "not a whole number of at least 0",
        "--minutes nan": "not a number of minutes above 0",
        "--minutes inf": "not a number of minutes above 0",
        "--max-steps -1": "not a whole number of at least 0",
        "--window 1.5": "not a whole number of at least 0",
        "--label nobody": "a column 'nobody' that the table lacks",
        "--label cpu": "label 'cpu' is not an attribute",
        "--attributes cpu": "attribute 'cpu' changes within a series",
        "--categorical nobody": "a column 'nobody' that the table lacks",
        "--leave-out nobody": "a column 'nobody' that the table lacks",
        "--measurements nobody": "a column 'nobody' that the table lacks",
        "--gaps maybe": "invalid choice: 'maybe'",
        "--shape tall": "invalid choice: 'tall'",
        "--shape wide": "the roles say that the table is wide",
        "--id task --time task": "column 'task' has two roles",
        "--processes 2000000": "2,000,000 processes cannot share a training step here",
    }
    commands = [["own", EXAMPLE, *options.split()] for options in own]
    check(commands, own.values())


@pytest.mark.slow
def test_commands_that_cannot_be():
    """An unknown command or option, a name that is no folder, a column that does not fit."""
    commands = {
        (): "the following arguments are required: COMMAND",
        ("dance",): "invalid choice: 'dance'",
        ("report", "gone"): "no folder gone: give the results of a run",
        ("own", EXAMPLE, "--colour", "red"): "unrecognized arguments: --colour red",
        ("own", EXAMPLE, "--number", "many"): "'many' is not a whole number of at least 0",
        ("own", EXAMPLE, "--minutes", "-1"): "'-1' is not a number of minutes above 0",
        ("own", EXAMPLE, "--engine", "moon"): "invalid choice: 'moon'",
        ("own", EXAMPLE, "--processes", "0"): "'0' is not a whole number of at least 1",
        ("own", EXAMPLE, "--name", "../x"): "'../x' becomes a folder: use letters",
        ("own", EXAMPLE, "--config", "gone.yml"): "no roles file at gone.yml",
        ("own", EXAMPLE, "--id", "nobody"): "name a column 'nobody' that the table lacks",
        ("own", EXAMPLE, "--id", "task,,x"): "'task,,x' is not a list of columns",
        ("own", EXAMPLE, "--time", "cpu"): "no column names the series, so that with 'cpu'",
    }
    check(list(map(list, commands)), commands.values())


@pytest.mark.slow
def test_samples_that_cannot_be(tmp_path):
    """No model, no number, an output of another kind or in a place that is none."""
    (tmp_path / "model.json").write_text("{}")
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "x.csv").mkdir()
    model = str(tmp_path)
    rows = str(tmp_path / "rows.csv")
    commands = {
        ("gone", "-n", "3"): "no model in gone",
        (str(tmp_path / "mine"), "-n", "3"): "is a file: give the folder",
        (model,): "give -n, how many series to make, or --continue-from",
        (model, "-n", "3", "--continue-from", rows): "give -n, how many",
        (model, "--continue-from", rows): "--continue-from and --steps belong together",
        (model, "-n", "3", "--steps", "3"): "--continue-from and --steps belong together",
        (model, "--continue-from", rows, "--steps", "3"): f"no table at {rows}",
        (model, "--continue-from", rows, "--steps", "0"): "not a whole number of at least 1",
        (model, "--continue-from", rows, "--steps", "2", "--given", "a=1"): "leave out --given",
        (model, "--continue-from", rows, "--steps", "2", "--out", "x"): "not the folder x",
        (model, "-n", "3", "--given", "OK"): "'OK' is not COLUMN=VALUE",
        (model, "-n", "0"): "'0' is not a whole number of at least 1",
        (model, "-n", "3", "--out", "x.xls"): "name it .csv or .parquet",
        (model, "-n", "3", "--seed", "-1"): "not a whole number of at least 0",
        (model, "-n", "3", "--out", str(tmp_path / "x.csv")): "is a folder: name a file",
        (model, "-n", "3", "--out", f"{tmp_path}/mine/x.csv"): "is a file, not a folder",
        (model, "-n", "3", "--out", "/proc/1/x.csv"): "cannot write /proc/1/x.csv",
    }
    check([["sample", *words] for words in commands], commands.values())


def test_a_cluster_that_is_not_there(monkeypatch):
    """Without sbatch, Slurm is no engine; with it, more processes than cores are right."""
    from tst import __main__

    monkeypatch.setattr(__main__.shutil, "which", lambda name: None)
    with pytest.raises(DataError, match="no command sbatch"):
        __main__._check_engine("slurm", 1)
    monkeypatch.setattr(__main__.shutil, "which", lambda name: "/usr/bin/sbatch")
    __main__._check_engine("slurm", 512)
    with pytest.raises(DataError, match="give at most"):
        __main__._check_engine("here", 512)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"minutes": -1}, "minutes is -1; give a number above 0"),
        ({"minutes": "5"}, "minutes is '5'; give a number above 0"),
        ({"minutes": np.nan}, "minutes is nan"),
        ({"max_steps": 0}, "max_steps is 0; give a whole number of at least 1"),
        ({"max_steps": 2.5}, "max_steps is 2.5"),
        ({"seed": -1}, "seed is -1; give a whole number of at least 0"),
        ({"seed": True}, "seed is True"),
        ({"n_processes": 0}, "n_processes is 0"),
        ({"engine": "moon"}, "engine is 'moon'; use here, local, slurm"),
    ],
)
def test_settings_that_cannot_be(settings, sentence):
    """They are told before a table is read."""
    with pytest.raises(DataError, match=sentence):
        Synthesiser(**settings)


def test_tables_that_cannot_be_learned(monkeypatch):
    """Told by fit, before a training begins."""
    monkeypatch.setattr(Synthesiser, "_train", None)
    frame = user_table()
    wrong = {
        "is empty": frame.head(0),
        "no column changes within": frame[["host", "when"]].assign(x=1),
        "holds values of type": frame.assign(cpu=[[1]] * len(frame)),
        "no table at": "gone.csv",
    }
    for sentence, table in wrong.items():
        with pytest.raises(DataError, match=sentence):
            Synthesiser(max_steps=1).fit(table)
    with pytest.raises(DataError, match="a DataFrame, or the path of a file"):
        Synthesiser(max_steps=1).fit({"a": [1, 2]})
    with pytest.raises(DataError, match="no roles file"):
        Synthesiser(max_steps=1, roles="gone.yml").fit(frame)


def test_numbers_of_a_sample_that_cannot_be():
    """A Synthesiser that has learned nothing says so first."""
    with pytest.raises(DataError, match="call fit first"):
        Synthesiser().sample(3)
    with pytest.raises(DataError, match="call fit first"):
        Synthesiser().sample(continue_from=pd.DataFrame(), n_steps=3)
