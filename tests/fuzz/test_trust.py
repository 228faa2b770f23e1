"""Laws of trust: nothing that comes in by a file runs code, leaves its place or lowers a guard."""

import ast
import hashlib
import http.server
import json
import os
import pickle
import re
import threading
import zipfile
from urllib.parse import urlparse

import nbformat
import numpy as np
import pytest
import torch
import yaml
from helpers import distinct_series, ragged_series, tiny_recurrent, train_tiny
from papermill.parameterize import parameterize_notebook
from safetensors.torch import load_file

from tst import Synthesiser
from tst.__main__ import main
from tst.data import doppelganger_npz, download
from tst.io import paths
from tst.models.autoregressive import AR
from tst.models.hmm import HMM
from tst.models.scaling import Normaliser
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.model import TST
from tst.series import DataError, SeriesSet
from tst.study import run_notebook
from tst.table.roles import Roles
from tst.table.table import Table

SOURCES = [*(paths.ROOT / "tst").rglob("*.py"), *(paths.ROOT / "tests" / "bench").glob("*.py")]
NOTEBOOKS = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))
PICKLES = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "read_pickle",
    "to_pickle",
    "unsafe_load",
    "full_load",
    "extractall",
}
CALLS |= {"unpack_archive", "popen", "read_hdf"}
OWNED_CALLS = {("yaml", "load"), ("os", "system"), ("sys", "settrace")}


# ---- the source


def faults(source):
    """Return what in a source could run what a file says."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [name for name in names if name.split(".")[0] in PICKLES]
        if isinstance(node, ast.Call):
            found += faults_of_call(node)
    return found


def faults_of_call(node):
    """Return what is dangerous in a call."""
    owner, called = called_name(node.func)
    given = {k.arg: getattr(k.value, "value", "?") for k in node.keywords}
    # model.eval() and re.compile() are other functions than the builtin ones.
    is_method_of_that_name = owner and called in ("eval", "exec", "compile", "__import__")
    reads_array = owner in ("np", "numpy", "format") and called in ("load", "read_array")
    is_torch_load = (owner, called) == ("torch", "load")
    checks = {
        called: called in CALLS and not is_method_of_that_name,
        f"{owner}.{called}": (owner, called) in OWNED_CALLS,
        "allow_pickle": given.get("allow_pickle", False) is not False,
        "np.load": reads_array and "allow_pickle" not in given,
        "torch.load": is_torch_load and given.get("weights_only") is not True,
        "shell": given.get("shell", False) is not False,
    }
    return [name for name, is_fault in checks.items() if is_fault]


def called_name(function):
    """Return (what a method is called on, its name)."""
    if isinstance(function, ast.Attribute):
        return getattr(function.value, "id", getattr(function.value, "attr", "?")), function.attr
    return "", getattr(function, "id", "")


@pytest.mark.parametrize(
    "path", [*SOURCES, *NOTEBOOKS], ids=lambda p: p.relative_to(paths.ROOT).as_posix()
)
def test_nothing_in_the_source_runs_what_a_file_says(path):
    """No pickle, no eval, no shell; YAML by safe_load, arrays and weights only as such."""
    sources = [path.read_text()]
    if path.suffix == ".ipynb":
        sources = [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
    assert [f for source in sources for f in faults(source)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "np.load(p)",
        "np.load(p, allow_pickle=True)",
        "np.load(p, allow_pickle=x)",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "pd.read_pickle(p)",
        "yaml.load(t, Loader=yaml.Loader)",
        "yaml.unsafe_load(t)",
        "eval(t)",
        "exec(t)",
        "os.system(t)",
        "subprocess.run(t, shell=True)",
        "archive.extractall()",
    ],
)
def test_the_law_of_the_source_can_fail(source):
    """Each way is found."""
    assert faults(source)


# ---- hostile files


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


@pytest.fixture
def canary(tmp_path):
    """A folder that a bomb would make; nobody may."""
    path = tmp_path / "canary"
    pickle.loads(pickle.dumps(Bomb(path)))
    assert path.is_dir(), "the bomb works"
    path.rmdir()
    yield path
    assert not path.exists(), "code of a hostile file ran"


def objects(canary):
    """Return the bytes of a .npy file that holds a pickle."""
    path = canary.parent / "objects.npy"
    np.save(path, np.array([Bomb(canary)], dtype=object), allow_pickle=True)
    return path.read_bytes()


def test_a_hostile_series_set(canary, tmp_path):
    """A pickle in the place of each of its files, or in an array."""
    for name in ("values.npy", "lengths.npy", "attributes.parquet", "meta.json"):
        for content in (objects(canary), pickle.dumps(Bomb(canary))):
            distinct_series().save(tmp_path / "s")
            (tmp_path / "s" / name).write_bytes(content)
            with pytest.raises(DataError):
                SeriesSet.load(tmp_path / "s")


def test_a_hostile_archive(canary, tmp_path):
    """A pickle within an array of DG's format."""
    (tmp_path / "columns.yml").write_text("features: [{name: x}]\nattributes: []")
    with zipfile.ZipFile(tmp_path / "data_train.npz", "w") as archive:
        for name in doppelganger_npz.ARRAYS:
            archive.writestr(f"{name}.npy", objects(canary))
    with pytest.raises(DataError, match="objects are pickles and are not read"):
        doppelganger_npz.load(tmp_path)


def test_names_within_an_archive_stay_there(tmp_path):
    """What is called ../x in a zip is not written anywhere."""
    doppelganger_npz.save(distinct_series(), tmp_path / "in")
    with zipfile.ZipFile(tmp_path / "in" / "data_train.npz", "a") as archive:
        archive.writestr("../../escaped.npy", b"x")
        archive.writestr("/tmp/escaped.npy", b"x")
    assert len(doppelganger_npz.load(tmp_path / "in")) == 4
    assert not list(tmp_path.rglob("escaped*")) and not list(tmp_path.parent.glob("escaped*"))


def test_a_hostile_checkpoint(canary, tmp_path):
    """A pickle in the place of weights or settings."""
    TST(TSTConfig(n_features=5, d_model=8, n_head=2, n_layer=1, d_ff=6, context_length=9)).save(
        tmp_path / "tst"
    )
    real = ragged_series()
    normaliser = Normaliser.fit(real)
    AR.build(tiny_recurrent(AR, real), real, normaliser, 0).save(tmp_path / "ar")
    HMM(2, 5, normaliser).save(tmp_path / "hmm")
    bombs = [pickle.dumps(Bomb(canary))]
    torch.save({"x": Bomb(canary)}, tmp_path / "bomb.pt")
    bombs.append((tmp_path / "bomb.pt").read_bytes())
    for load, kind in (
        (TST.load, "tst"),
        (AR.load, "ar"),
        (HMM.load, "hmm"),
        (Synthesiser.load, "tst"),
    ):
        for name in ("model.safetensors", "model.json"):
            good = (tmp_path / kind / name).read_bytes()
            for bomb in bombs:
                (tmp_path / kind / name).write_bytes(bomb)
                with pytest.raises(DataError):
                    load(tmp_path / kind)
            (tmp_path / kind / name).write_bytes(good)
    assert load_file(tmp_path / "tst" / "model.safetensors")


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.mkdir [CANARY]", "!!python/name:os.system", "!!python/module:os"],
)
def test_a_hostile_yaml(canary, tmp_path, tag):
    """In roles, in the description of columns, in a profile."""
    path = tmp_path / "columns.yml"
    path.write_text(f"id: {tag.replace('CANARY', str(canary))}\n")
    with pytest.raises(DataError, match="is not valid YAML"):
        Roles.read(path)
    with pytest.raises(DataError, match="is not valid YAML"):
        doppelganger_npz.load(tmp_path)
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load(path.read_text())


def test_a_hostile_table(canary, tmp_path):
    """A pickle called CSV, CSV.gz or Parquet."""
    for name in ("t.csv", "t.csv.gz", "t.parquet", "t.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb(canary)))
        with pytest.raises(DataError):
            Table.fit(tmp_path / name)


def stopped(folder):
    """Return the newest checkpoint of a training that was stopped."""
    with pytest.raises(KeyboardInterrupt):
        train_tiny(folder, stop_at=10)
    (step,) = folder.glob("step-*")
    return step


def test_a_hostile_checkpoint_of_a_training(canary, tmp_path):
    """A pickle in the place of each file of a stopped run, its sum put right: it never runs."""
    names = [
        p.name
        for p in stopped(tmp_path / "run").iterdir()
        if p.suffix in (".pkl", ".bin", ".pt", ".safetensors")
    ]
    assert len(names) >= 3
    for name in names:
        step = stopped(tmp_path / name)
        torch.save(Bomb(canary), step / name)
        if (step / "sums.json").is_file():
            sums = json.loads((step / "sums.json").read_text())
            sums[name] = hashlib.sha256((step / name).read_bytes()).hexdigest()
            (step / "sums.json").write_text(json.dumps(sums))
        try:
            train_tiny(tmp_path / name)
        except Exception as error:
            assert str(error), name
        assert not canary.exists(), name


# ---- the network


def test_all_downloads_are_https_with_a_known_sum():
    """Of each of the 1,000 parts; no other address is in the package's data sources."""
    sums = download.checksums()
    assert len(sums) == 1000 and all(
        re.fullmatch("[0-9a-f]{64}", digest) for digest in sums.values()
    )
    assert urlparse(download.BASE_URL).scheme == "https" and download.BASE_URL.endswith("/")
    assert all(
        re.fullmatch(r"task_(usage|events)/part-\d{5}-of-00500\.csv\.gz", name) for name in sums
    )
    assert [p.name for p in SOURCES if re.search(r"http://(?!127\.0\.0\.1)", p.read_text())] == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/x", "//127.0.0.1:1/x", "/elsewhere", "file:///etc/passwd"]
)
def test_a_redirect_to_plain_http_is_refused(tmp_path, monkeypatch, target):
    """Whatever the sum of what would come; nothing is left in the folder."""

    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(download, "BASE_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(download, "RETRIES", 0)
    with pytest.raises(DataError, match="sends us on to .*, which is not https"):
        download.fetch(tmp_path / "raw", "task_events", [0])
    server.shutdown()
    server.server_close()
    assert not [p for p in (tmp_path / "raw").rglob("*") if p.is_file()]


# ---- names and parameters


@pytest.mark.parametrize(
    "name", ["../../x", "/tmp/x", "a/b", "..", "a b", "", "a\nb", "x;ls", "$(ls)"]
)
def test_a_name_of_own_data_stays_a_folder(name, capsys):
    """`make own NAME=...` makes results/own/NAME and no other place."""
    assert main(["own", "table.csv", "--name", name]) == 1
    assert "becomes a folder: use letters, digits" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("01-data", "../ablations/head", "")),
        pytest.param(("../notebooks/01-data", "smoke", "")),
        pytest.param(("08-ablation", "smoke", "../profiles/smoke")),
        ("01-data", "/etc/passwd", ""),
    ],
)
def test_names_of_profiles_notebooks_and_ablations_stay_in_their_folders(
    arguments, tmp_path, monkeypatch
):
    """A path in the place of a name is refused in a sentence, and nothing is executed."""
    monkeypatch.setattr(run_notebook, "execute", lambda *a: pytest.fail("executed"))
    notebook, profile, ablation = arguments
    with pytest.raises(DataError, match="unknown|letters, digits"):
        run_notebook.run_named(notebook, profile, "", tmp_path / "out.ipynb", ablation)


HOSTILE = ["'", '"', "\\", "\n", '"""', "'''", "\\'", "\r\n", "{x}", "%s", "\x00", "é\u2028"]
HOSTILE += [
    '"); __import__("os").system("mkdir CANARY") #',
    "__import__('os').system('mkdir CANARY')",
]
HOSTILE += ["'); import os; os.mkdir('CANARY') #", "\\\"\n__import__('os')"]


@pytest.mark.parametrize("value", HOSTILE)
def test_parameters_are_data(canary, value):
    """A text arrives in the notebook as that text, also in lists and mappings; none of it runs."""
    value = value.replace("CANARY", str(canary))
    cell = nbformat.v4.new_code_cell("data = 0", metadata={"tags": ["parameters"]})
    book = nbformat.v4.new_notebook(cells=[cell])
    book.metadata["papermill"] = {}
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    made = parameterize_notebook(
        book, {"data": value, "several": [value], "by_name": {value: [value, 1, None, True]}}
    )
    (injected,) = [c for c in made.cells if "injected-parameters" in c.metadata.tags]
    found = {n.targets[0].id: ast.literal_eval(n.value) for n in ast.parse(injected.source).body}
    assert found == {"data": value, "several": [value], "by_name": {value: [value, 1, None, True]}}


@pytest.mark.parametrize(
    "name", ["import os", "x\nimport os", "os.system('ls')", "", "1", "number=1;x", "Number"]
)
def test_a_parameter_that_the_notebook_does_not_name_is_refused(name):
    """So that no name can carry code."""
    cell = nbformat.v4.new_code_cell("number = 1", metadata={"tags": ["parameters"]})
    with pytest.raises(DataError, match="has no parameter"):
        run_notebook.check_parameters("01-a", nbformat.v4.new_notebook(cells=[cell]), {name: 1})


# ---- Jupyter


def test_the_lab_keeps_its_guards():
    """`make lab` starts JupyterLab as it comes: with its token, open to this machine alone."""
    makefile = (paths.ROOT / "Makefile").read_text()
    (recipe,) = re.findall(r"^lab:[^\n]*\n((?:\t[^\n]*\n)+)", makefile, re.M)
    lowering = re.compile(
        r"token|password|xsrf|allow.?origin|allow.?root|allow.?remote|0\.0\.0\.0|\bip\b", re.I
    )
    assert "jupyterlab" in recipe and not lowering.search(recipe)
    names = [
        p
        for p in paths.ROOT.rglob("*jupyter*")
        if not {".venv", ".bench", ".peers", ".git"} & set(p.relative_to(paths.ROOT).parts)
    ]
    assert [
        p for p in names if p.is_file() and lowering.search(p.read_text(errors="replace"))
    ] == []
    assert not re.search(r"jupyter[^\n]*(token|password)", makefile, re.I)
