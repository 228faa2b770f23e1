"""Which code decides a result: the modules that a source imports, and those that they import.

Make asks it which files a notebook depends on, a training job which files decide a model. Sources
are read (ast, json), never run, and nothing but the standard library is imported, so that any
python3 can ask before the environment exists.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = "tst"
LAZY = "LAZY"  # in a package's __init__: {public name: module that defines it}, loaded at first use
TYPE_CHECKING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imported(source: str, is_package: bool = False, root: Path = ROOT) -> set[Path]:
    """Return the files of the package's modules that Python source imports when it runs.

    `from tst import a` counts tst/a.py, and tst/__init__.py only where `a` is no module. A name in
    the table LAZY of an `__init__` counts the module that the table names.

    Parameters
    ----------
    source
        Code that imports by absolute names.
    is_package
        Whether it is a package's `__init__`: imports in its functions do not count, for they run
        only for those who ask for a lazy name.
    root
        Folder that holds the package.
    """
    files: set[Path] = set()
    for module, name in _import_names(source, is_package):
        if name:
            files |= _files_behind(module, name, root)
        else:
            files |= _file_of(module, root)
    return files


@cache  # every notebook imports the same modules: each is parsed once
def _import_names(source: str, is_package: bool) -> tuple[tuple[str, str], ...]:
    """Return (module, name) of `from module import name`, (module, "") of `import module`."""
    names = []
    for node in _executed(ast.parse(source), is_package):
        if isinstance(node, ast.ImportFrom):
            names += [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [(alias.name, "") for alias in node.names]
    return tuple(names)


def _executed(node: ast.AST, is_package: bool) -> Iterator[ast.AST]:
    """Walk a tree, but not `if TYPE_CHECKING`, nor functions of a package's `__init__`."""
    yield node
    if isinstance(node, ast.If) and ast.unparse(node.test) in TYPE_CHECKING:
        children: Iterable[ast.AST] = node.orelse
    elif is_package and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        children = []
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from _executed(child, is_package)


def _file_of(dotted: str, root: Path) -> set[Path]:
    """Return a module's file in a set; the set is empty where there is none or it holds no code."""
    if dotted.split(".")[0] != PACKAGE:
        return set()
    path = root.joinpath(*dotted.split("."))
    module = path.with_suffix(".py")
    if module.is_file():
        return {module}
    init = path / "__init__.py"
    return {init} if init.is_file() and _has_code(init) else set()


def _files_behind(package: str, name: str, root: Path) -> set[Path]:
    """Return the files behind `from package import name`."""
    folder = root.joinpath(*package.split("."))
    if (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file():
        return _file_of(f"{package}.{name}", root)
    files = _file_of(package, root)
    defining_module = _lazy_names(folder / "__init__.py").get(name)
    if defining_module:
        files |= _file_of(defining_module, root)
    return files


def _has_code(path: Path) -> bool:
    """Tell whether a file holds more than a docstring."""
    statements = ast.parse(path.read_text()).body
    return not all(
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        for statement in statements
    )


def _lazy_names(path: Path) -> dict[str, str]:
    """Return the literal table LAZY of a package's `__init__`, {} where it has none."""
    if not path.is_file():
        return {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == LAZY:
            return dict(ast.literal_eval(node.value))
    return {}


def closure(source: str, root: Path = ROOT) -> set[Path]:
    """Return the files of all modules of the package that Python source needs, directly or not."""
    files: set[Path] = set()
    queue = list(imported(source, root=root))
    while queue:
        path = queue.pop()
        if path not in files:
            files.add(path)
            queue += imported(path.read_text(), path.name == "__init__.py", root)
    return files


def data_files(sources: Iterable[Path]) -> set[Path]:
    """Return the small files, no modules, that lie beside some sources and are named in them."""
    files = set()
    for source in sources:
        for name in re.findall(r"[\w.-]+\.(?:csv|json|sha256|cpp)\b", source.read_text()):
            if (source.parent / name).is_file():
                files.add(source.parent / name)
    return files


def notebook_source(path: Path) -> str:
    """Return the code of a notebook, magics left out."""
    cells = json.loads(path.read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!")))


@lru_cache
def deciding_files(module: Path, rooms: tuple[str, ...], root: Path = ROOT) -> tuple[Path, ...]:
    """Return a module and what it needs, directly or not, as far as it lies in some rooms.

    Parameters
    ----------
    module
        File of a module of the package.
    rooms
        Folders and files directly in the package: `models`, `series.py`.
    root
        Folder that holds the package.
    """
    needed = closure(module.read_text(), root) | {module}
    package = root / PACKAGE
    return tuple(sorted(path for path in needed if path.relative_to(package).parts[0] in rooms))


def fingerprint(files: Iterable[Path], root: Path = ROOT) -> str:
    """Return 10 hex digits of the SHA-256 of some files and of their paths from the root."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:10]
