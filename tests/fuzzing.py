"""For the fuzz tests: ways to spoil bytes and JSON, what may come of it, and how often it did."""

import contextlib
import copy
import json
import re
import resource
import time
from collections import defaultdict

from hypothesis import strategies as st

from tst.errors import MAX_SENTENCE
from tst.io import weights
from tst.series import DataError

TALLY = defaultdict(lambda: {"cases": 0, "accepted": 0, "refused": 0, "messages": set()})
SECONDS, MEGABYTES = 30, 600  # that one case may take at most
NASTY = [
    None, True, -1, 0, 1, 2, 3, 10**6, 10**7, 10**12, 2**63, 10**30, 0.5, -0.5, 1e308,
    float("nan"), float("inf"), "", "x", "é\n'\"", "../../x", [], [[]], {}, [None], ["a", "a"],
    [1, 2, 3], {"a": 1}, "datetime64[ns, Nowhere]", "category",
]  # fmt: skip
TOKENS = [
    *(
        b"",
        b"\x00",
        b"\xff",
        b"\n",
        b"\r",
        b",",
        b'"',
        b"'",
        b":",
        b"[",
        b"{",
        b"&a ",
        b"*a",
        b"- ",
        b"? ",
        b"!!python/name:os",
    ),
    *(
        b"nan",
        b"1e999",
        b"-1",
        b"99999999999999999999",
        b"2024-13-45",
        b"1970-01-01T00:00:00+99:99",
        b"\xf0\x9f\x92\xa9",
    ),
    *(b"true", b"null", b"PK\x05\x06", b"\x7f" * 8, b"\x00" * 8, b"PAR1"),
]


def sentence(error):
    """Check that an error is one sentence; return its shape: numbers and names taken out."""
    text = str(error)
    assert text.endswith(".") and len(text) <= MAX_SENTENCE, text
    assert text.isprintable() and "Traceback" not in text, text
    return re.sub(r"'[^']*'|\"[^\"]*\"|/\S+|\(.*\)|[\d.,]+|\[.*\]", "_", text)[:80]


def sign(folder):
    """Make the sum in a folder's model.json fit what stands there, so that later checks decide."""
    with contextlib.suppress(ValueError, OSError, AttributeError, RecursionError):
        facts = json.loads((folder / "model.json").read_text())
        facts.pop("sum", None)
        data = (folder / "model.safetensors").read_bytes()
        (folder / "model.json").write_text(
            json.dumps(facts | {"sum": weights.checksum(facts, data)})
        )
    return folder


def attempt(door, action):
    """Return what `action` returns, None after a DataError; a long, large or other end fails."""
    row, start, before = TALLY[door], time.monotonic(), _peak()
    row["cases"] += 1
    try:
        result = action()
        row["accepted"] += 1
    except DataError as error:
        row["refused"] += 1
        row["messages"].add(sentence(error))
        result = None
    assert time.monotonic() - start < SECONDS and _peak() - before < MEGABYTES
    return result


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report():
    """Return the CSV of the tally."""
    lines = [
        f"{k},{v['cases']},{v['accepted']},{v['refused']},{len(v['messages'])}"
        for k, v in sorted(TALLY.items())
    ]
    return "\n".join(["door,cases,accepted,refused,messages", *lines, ""])


@st.composite
def spoiled(draw, good, most=4):
    """Bytes with a few changes: something put in, a piece cut out or doubled, the end cut off."""
    content = bytearray(good)
    for _ in range(draw(st.integers(0, most))):
        n = len(content)
        place, length = draw(st.integers(0, n)), draw(st.integers(1, 9))
        kind = draw(st.sampled_from(["byte", "token", "token over", "cut", "double", "end"]))
        if kind == "byte":
            content[place : place + 1] = bytes([draw(st.integers(0, 255))])
        elif kind.startswith("token"):
            token = draw(st.sampled_from(TOKENS))
            content[place : place + (len(token) if "over" in kind else 0)] = token
        elif kind == "end":
            del content[max(place, 1) :]
        else:
            content[place : place + length] = (
                content[place : place + length] * 2 * (kind == "double")
            )
    return bytes(content)


def places(tree, path=()):
    """Return the paths to all values of a JSON tree."""
    inner = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    return [path, *(found for key, value in inner for found in places(value, (*path, key)))]


@st.composite
def spoiled_tree(draw, good, most=2):
    """A JSON tree with one or two values put in the place of others, left out or added."""
    tree = copy.deepcopy(good)
    for _ in range(draw(st.integers(0, most))):
        path = draw(st.sampled_from([p for p in places(tree) if p] or [()]))
        if not path:
            break
        parent = tree
        for key in path[:-1]:
            parent = parent[key]
        kind = draw(st.sampled_from(["set", "set", "set", "drop", "add"]))
        if kind == "set":
            parent[path[-1]] = copy.deepcopy(draw(st.sampled_from(NASTY)))
        elif kind == "drop":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent["added"] = 1
        else:
            parent.append(copy.deepcopy(parent[path[-1]]))
    return tree
