"""Print the plan of the house in numbers: `python tests/house/rooms.py [FOLDER]`.

One line is one figure. FOLDER is a checkout of the project (default: this one). Sources are read,
never imported, so that older checkouts can be measured as well. A room is a file or folder
directly under tst/; an arrow is an import that runs (those under TYPE_CHECKING do not); storeys
are the rooms, or modules, on the longest chain of imports.
"""

import ast
import io
import sys
import tokenize
import types
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

MAX_COLUMNS = 100
# Of all of tst/, in the units of `figures`.
AT_MOST = {
    "circles of rooms": 0,
    "circles of modules": 0,
    f"lines over {MAX_COLUMNS} columns": 0,
    "longest file": 400,
    "longest function": 50,
    "comprehensions per 100 lines": 2.0,
    "ternaries per 100 lines": 1.0,
}
AT_LEAST = {"typed arguments, %": 100.0, "comments per 100 lines": 5.0}
ENFORCED = (  # which of them a test holds to its limit
    "circles of rooms",
    "circles of modules",
    f"lines over {MAX_COLUMNS} columns",
    "comprehensions per 100 lines",
    "ternaries per 100 lines",
    "typed arguments, %",
)
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Graph = dict[str, set[str]]


def sources(root: Path) -> dict[str, str]:
    """Return {dotted name: source} of the modules of tst/ under a folder.

    A package goes by its own name.
    """
    modules = {}
    for path in sorted((root / "tst").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        modules[".".join(parts)] = path.read_text()
    return modules


def import_graph(modules: dict[str, str]) -> Graph:
    """Return which modules each module imports when it runs."""
    graph = {}
    for name, source in modules.items():
        targets = set(_imported_names(ast.parse(source)))
        known = {_module_of(target, modules) for target in targets}
        graph[name] = known - {name, "tst", ""}
    return graph


def _imported_names(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a tree imports, of modules and of what is in them."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imported_names(child)


def _module_of(dotted: str, modules: dict[str, str]) -> str:
    """Return the longest beginning of a dotted name that is a module, "" where there is none."""
    while dotted and dotted not in modules:
        dotted = dotted.rpartition(".")[0]
    return dotted


def room_graph(graph: Graph) -> Graph:
    """Return which rooms each room imports."""
    rooms: Graph = {}
    for name, targets in graph.items():
        if name != "tst":
            room = name.split(".")[1]
            rooms.setdefault(room, set()).update(t.split(".")[1] for t in targets)
            rooms[room].discard(room)
    return rooms


def circles(graph: Graph) -> int:
    """Return the number of imports to take out, one after another, until no circle is left."""
    graph = {name: set(targets) for name, targets in graph.items()}
    count = 0
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            first, second = error.args[1][:2]
            graph[second].discard(first)
            count += 1
        else:
            return count


def storeys(graph: Graph) -> int:
    """Return the length of the longest chain of imports, 0 where there is a circle."""
    if circles(graph):
        return 0
    height: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        height[name] = 1 + max((height[t] for t in graph.get(name, ())), default=0)
    return max(height.values(), default=0)


def arrows(graph: Graph) -> int:
    """Return the number of imports."""
    return sum(map(len, graph.values()))


def typed_arguments(trees: list[ast.Module]) -> float:
    """Return the share of arguments with a type, `self` and `cls` aside, in percent."""
    n_arguments = 0
    n_typed = 0
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                for argument in _arguments(node):
                    n_arguments += 1
                    n_typed += argument.annotation is not None
    return 100 * n_typed / max(n_arguments, 1)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    """Return the arguments of a function but `self` and `cls`."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += filter(None, [arguments.vararg, arguments.kwarg])
    return [a for a in every if a.arg not in ("self", "cls")]


def count_nodes(trees: list[ast.Module], kind: type | types.UnionType) -> int:
    """Return how often a kind of node stands in some trees."""
    return sum(isinstance(node, kind) for tree in trees for node in ast.walk(tree))


def tuple_assignments(trees: list[ast.Module]) -> int:
    """Return how many assignments are of the form `a, b = x, y`."""
    count = 0
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
                count += isinstance(node.targets[0], ast.Tuple)
    return count


def comments(source: str) -> int:
    """Return the number of comments, on lines of their own or at an end."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def longest_function(trees: list[ast.Module]) -> int:
    """Return the lines of the longest function."""
    functions = [n for t in trees for n in ast.walk(t) if isinstance(n, ast.FunctionDef)]
    return max((f.end_lineno or f.lineno) - f.lineno + 1 for f in functions)


def figures(root: Path) -> dict[str, float]:
    """Return {figure: number} of the house under a folder."""
    modules = sources(root)
    trees = [ast.parse(source) for source in modules.values()]
    lines = [line for source in modules.values() for line in source.splitlines()]
    hundreds = len(lines) / 100
    graph = import_graph(modules)
    rooms = room_graph(graph)
    n_comments = sum(map(comments, modules.values()))
    return {
        "rooms": len(rooms),
        "arrows between rooms": arrows(rooms),
        "storeys of rooms": storeys(rooms),
        "circles of rooms": circles(rooms),
        "modules": len(modules),
        "arrows between modules": arrows(graph),
        "storeys of modules": storeys(graph),
        "circles of modules": circles(graph),
        "lines": len(lines),
        "longest file": max(len(s.splitlines()) for s in modules.values()),
        "longest function": longest_function(trees),
        f"lines over {MAX_COLUMNS} columns": sum(len(line) > MAX_COLUMNS for line in lines),
        "typed arguments, %": typed_arguments(trees),
        "comprehensions per 100 lines": count_nodes(trees, COMPREHENSIONS) / hundreds,
        "ternaries per 100 lines": count_nodes(trees, ast.IfExp) / hundreds,
        "tuple assignments per 100 lines": tuple_assignments(trees) / hundreds,
        "comments per 100 lines": n_comments / hundreds,
    }


def main(arguments: list[str]) -> None:
    """Print the figures of a checkout."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2]
    for name, value in figures(root).items():
        print(f"{name:34}{value:8.4g}")


if __name__ == "__main__":
    main(sys.argv[1:])
