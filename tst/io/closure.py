"""Which code decides a result: the modules that a source imports, and those that they import in turn.

Make asks it which files a notebook depends on, a training job which files decide a model. Sources are read
(ast, json), never run, so that any python3 can ask before the environment exists.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LAZY = "LAZY"  # in a package's __init__: {public name: module that defines it}, loaded at first use


def imported(source: str, is_package: bool = False) -> set[Path]:
    """Return the files of the tst modules that Python source imports when it runs.

    Imports under TYPE_CHECKING do not count, nor do those inside functions of a package's `__init__`
    (`is_package`), which run only for who asks for the name. `from tst import a` counts tst/a.py, and
    tst/__init__.py only where `a` is no module.
    """
    tree = ast.parse(source)
    ignored: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            is_ignored = ast.unparse(node.test) == "TYPE_CHECKING"
        else:
            is_ignored = is_package and isinstance(node, ast.FunctionDef)
        if is_ignored and isinstance(node, ast.If | ast.FunctionDef):
            for part in node.body:
                ignored |= set(ast.walk(part))
    found: set[Path] = set()
    for node in set(ast.walk(tree)) - ignored:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tst":
            for alias in node.names:
                found |= _files_of(node.module or "", alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "tst":
                    found |= _module(alias.name)
    return found


def _module(dotted: str) -> set[Path]:
    """Return the file of a module or package, as a set of one; empty where there is none or it holds no code."""
    path = ROOT.joinpath(*dotted.split("."))
    if path.with_suffix(".py").is_file():
        return {path.with_suffix(".py")}
    init = path / "__init__.py"
    return {init} if init.is_file() and _has_code(init) else set()


def _files_of(package: str, name: str) -> set[Path]:
    """Return the files behind `from package import name`."""
    path = ROOT.joinpath(*package.split("."), name)
    if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
        return _module(f"{package}.{name}")
    lazy = _lazy(ROOT.joinpath(*package.split("."), "__init__.py")).get(name)
    return _module(package) | (_module(lazy) if lazy else set())


def _has_code(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return any(not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in body)


def _lazy(path: Path) -> dict[str, str]:
    """Return the literal table `LAZY` of a package's `__init__`, {} where it has none."""
    if not path.is_file():
        return {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == LAZY:
            return dict(ast.literal_eval(node.value))
    return {}


def closure(source: str) -> set[Path]:
    """Return the files of all tst modules that Python source needs, directly or not."""
    found: set[Path] = set()
    queue = list(imported(source))
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue += imported(path.read_text(), is_package=path.name == "__init__.py")
    return found


def data_files(sources: Iterable[Path]) -> set[Path]:
    """Return the small data files that lie beside some sources and are named in them."""
    found = set()
    for source in sources:
        for name in re.findall(r"[\w.-]+\.(?:csv|json|sha256)\b", source.read_text()):
            if (source.parent / name).is_file():
                found.add(source.parent / name)
    return found


def notebook_source(path: Path) -> str:
    """Return the code of a notebook, magics left out."""
    cells = json.loads(path.read_text())["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!")))


@lru_cache
def deciding_files(module: Path, rooms: tuple[str, ...]) -> tuple[Path, ...]:
    """Return a module and what it needs, directly or not, that lies in one of some rooms (`models`, `series.py`)."""
    needed = closure(module.read_text()) | {module}
    return tuple(sorted(p for p in needed if p.relative_to(ROOT / "tst").parts[0] in rooms))


def fingerprint(files: Iterable[Path]) -> str:
    """Return the first 10 hex digits of the SHA-256 of some files, each with its path from the root."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:10]
