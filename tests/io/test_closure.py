"""Laws of the closure: what decides a result counts, what only stands beside it does not."""

import ast
import subprocess
import sys

import pytest

from tst.io import closure
from tst.models import MODELS, jobs, spec_of

FILES = {
    "__init__.py": (
        'LAZY = {"Face": "tst.face"}\n\ndef __getattr__(name):\n    from tst import unrelated\n'
    ),
    "face.py": "from tst.models import one",
    "unrelated.py": "",
    "leaf.py": "import json",
    "typed.py": (
        "import typing\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from tst import unrelated\nelse:\n    from tst import leaf\n"
        "if typing.TYPE_CHECKING:\n    import tst.unrelated\n"
    ),
    "late.py": "def act():\n    from tst.leaf import anything\n",
    "ring_a.py": "from tst import ring_b",
    "ring_b.py": "import tst.ring_c",
    "ring_c.py": "from tst.ring_a import anything",
    "models/__init__.py": '"""Only a docstring."""',
    "models/one.py": "from tst.models import two\nfrom tst import leaf",
    "models/two.py": "x = 1",
    "plots/__init__.py": "from tst.plots import base\nstyle = base",
    "plots/base.py": "",
}


@pytest.fixture
def tree(tmp_path):
    """A toy package `tst` in a folder of its own."""
    for name, source in FILES.items():
        path = tmp_path / "tst" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path


def names(files, root):
    """Return files as a set of paths from the package."""
    return {path.relative_to(root / "tst").as_posix() for path in files}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from tst import leaf", {"leaf.py"}),
        ("import tst.leaf as other", {"leaf.py"}),
        ("import json, tst.leaf", {"leaf.py"}),
        ("from tst.leaf import x", {"leaf.py"}),
        ("import tst", {"__init__.py"}),
        ("from tst import no_module", {"__init__.py"}),
        ("from tst import Face", {"__init__.py", "face.py"}),
        ("from tst import models", set()),
        ("from tst.models import one", {"models/one.py"}),
        ("from tst.plots import base", {"plots/base.py"}),
        ("from tst import plots", {"plots/__init__.py"}),
        ("from tst.plots import style", {"plots/__init__.py"}),
        ("import numpy\nfrom json import loads", set()),
        ("def act():\n    from tst import leaf", {"leaf.py"}),
    ],
)
def test_imported_files(tree, source, expected):
    """A module itself, never the package around it; a name, the module that defines it."""
    assert names(closure.imported(source, root=tree), tree) == expected


def test_imports_for_type_checking_do_not_count(tree):
    """Neither spelling of it; what stands in its else does."""
    assert names(closure.imported(FILES["typed.py"], root=tree), tree) == {"leaf.py"}


def test_functions_of_a_package_do_not_count(tree):
    """In an `__init__` they run only for a lazy name; in a module they are its code."""
    init = FILES["__init__.py"]
    assert closure.imported(init, is_package=True, root=tree) == set()
    assert names(closure.imported(init, root=tree), tree) == {"unrelated.py"}
    assert names(closure.closure("import tst", tree), tree) == {"__init__.py"}
    assert names(closure.closure("from tst import late", tree), tree) == {"late.py", "leaf.py"}


def test_the_closure_follows_imports(tree):
    """Directly or not; a lazy name brings its module, a docstring's package nothing."""
    found = names(closure.closure("from tst import Face", tree), tree)
    assert found == {"__init__.py", "face.py", "models/one.py", "models/two.py", "leaf.py"}


def test_a_circle_ends(tree):
    """Whoever starts in a circle finds all of it, once."""
    found = closure.closure("from tst import ring_b", tree)
    assert names(found, tree) == {"ring_a.py", "ring_b.py", "ring_c.py"}


def test_deciding_files_lie_in_the_rooms(tree):
    """The module itself counts; what lies in other rooms does not."""
    module = tree / "tst" / "models" / "one.py"
    assert names(closure.deciding_files(module, ("models",), tree), tree) == {
        "models/one.py",
        "models/two.py",
    }
    everything = closure.deciding_files(module, ("models", "leaf.py"), tree)
    assert names(everything, tree) == {"models/one.py", "models/two.py", "leaf.py"}


def test_a_fingerprint_is_of_names_and_contents(tree):
    """One changed byte, or the same bytes under another name, is another fingerprint."""
    files = [tree / "tst" / name for name in ("leaf.py", "late.py")]
    before = closure.fingerprint(files, tree)
    assert closure.fingerprint(reversed(files), tree) == before
    assert len(before) == 10
    files[0].write_text("import json ")
    assert closure.fingerprint(files, tree) != before
    files[0].write_text(FILES["leaf.py"])
    assert closure.fingerprint(files, tree) == before
    renamed = files[0].rename(files[0].with_name("stem.py"))
    assert closure.fingerprint([renamed, files[1]], tree) != before


def test_data_files_are_named_in_a_source(tmp_path):
    """A file beside the source that it names; not one that is named and absent, or only there."""
    for name in ("named.csv", "other.csv"):
        (tmp_path / name).write_text("")
    (tmp_path / "code.py").write_text('read("named.csv")\nread("absent.json")')
    assert closure.data_files([tmp_path / "code.py"]) == {tmp_path / "named.csv"}


def test_the_source_of_a_notebook_has_no_magics(tmp_path):
    """Code cells only, in their order."""
    path = tmp_path / "n.ipynb"
    path.write_text(
        '{"cells": [{"cell_type": "markdown", "source": ["import a"]},'
        '{"cell_type": "code", "source": ["%matplotlib inline\\n", "import b"]},'
        '{"cell_type": "code", "source": ["!ls\\n", "import c"]}]}'
    )
    assert closure.notebook_source(path) == "import b\nimport c"


def rooms_of(files):
    """Return the rooms, folders or files directly in the package, that hold some files."""
    return {path.relative_to(closure.ROOT / "tst").parts[0] for path in files}


@pytest.mark.long
@pytest.mark.parametrize("key", MODELS)
def test_every_module_that_a_training_needs_is_in_its_fingerprint(key):
    """In the real tree: each needed module of the rooms that decide one, and no other room's.

    The needed modules are those that Python itself loads, in a process of its own, for the model
    and the training loop.
    """
    program = (
        f"import sys, tst.training.loop, {spec_of(key).module}\n"
        "print(*(name for name in sys.modules if name.startswith('tst.')))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=closure.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [closure.ROOT.joinpath(*name.split(".")) for name in process.stdout.split()]
    modules = {path.with_suffix(".py") for path in paths if path.with_suffix(".py").is_file()}
    needed = {module for module in modules if rooms_of([module]) <= set(jobs.ROOMS)}
    deciding = jobs.deciding_files(spec_of(key))
    assert needed <= deciding
    # the calendar's cycles, and endings of numbers, decide our model alone
    rooms = set(jobs.ROOMS) if key == "tst" else set(jobs.ROOMS) - {"cycles.py", "endings.py"}
    assert rooms_of(needed) == rooms_of(deciding) == rooms


@pytest.mark.slow
def test_the_tree_imports_by_absolute_names():
    """A relative import would be missed by the closure."""
    for path in (closure.ROOT / "tst").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path
