"""What depends on which code: for make, one line a notebook, `deps_NAME := the notebook and the tst modules it imports`.

Reads sources only (ast, json), so that any python3 can run it before the environment exists. `plots` is left out for
01 to 04, which others read: a changed plot redraws the verdicts' figures, it splits, trains and generates nothing.
"""

import ast
import hashlib
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WITHOUT_PLOTS = ("01", "02", "03", "04")


def imported(source):
    """Return the paths of the tst modules that Python source imports when it runs: not those for its type hints alone."""
    names, nodes = set(), list(ast.walk(ast.parse(source)))
    typing = [n for n in nodes if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    for node in set(nodes) - {inner for block in typing for part in block.body for inner in ast.walk(part)}:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tst":
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.split(".")[0] == "tst"}
    paths = (ROOT.joinpath(*name.split(".")) for name in names)
    return {found for p in paths for found in (p.with_suffix(".py"), p / "__init__.py") if found.is_file()}


def closure(source):
    """Return all tst modules that Python source needs."""
    found, queue = set(), [source]
    while queue:
        new = imported(queue.pop()) - found
        found |= new
        queue += [p.read_text() for p in new]
    return found


def data_files(paths):
    """Return the small data files that lie beside the sources at `paths` and are named in them."""
    named = ((p, re.findall(r"[\w.-]+\.(?:csv|json|sha256)\b", p.read_text())) for p in paths)
    return {p.parent / name for p, names in named for name in names if (p.parent / name).is_file()}


def notebook_source(path):
    """Return the code of a notebook, magics left out."""
    cells = json.loads(path.read_text())["cells"]
    lines = "".join("".join(c["source"]) + "\n" for c in cells if c["cell_type"] == "code").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def fingerprint(*modules):
    """Return the first 10 hex digits of the SHA-256 of some tst modules' sources."""
    sources = (ROOT.joinpath("tst", *m.split(".")).with_suffix(".py").read_bytes() for m in modules)
    return hashlib.sha256(b"".join(sources)).hexdigest()[:10]


def main():
    """Print one line a notebook."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        needed = closure(notebook_source(path))
        if path.name.startswith(WITHOUT_PLOTS):
            needed.discard(ROOT / "tst/plots.py")
        needed |= data_files([path, *needed])
        print(f"deps_{path.stem} :=", *(p.relative_to(ROOT) for p in [path, *sorted(needed)]))


if __name__ == "__main__":
    main()
