"""A table in several Parquet files of one folder, written one after another.

Beside the files stands what they were made from, so that a run which was stopped goes on, and one
of something else begins afresh. It also tells such a folder from others, of which nothing is
deleted.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tst.errors import DataError
from tst.io import files, scratch

FACTS = "_parts.json"  # readers of a folder of Parquet files pass over such a name
N_PARTS = "n_parts"


@contextlib.contextmanager
def prepared(folder: Path, n_parts: int, facts: Mapping[str, Any]) -> Iterator[list[Path]]:
    """Give the paths of the parts of a table; those that are there are complete and right.

    Until the block ends no other program can prepare the folder.

    Parameters
    ----------
    folder
        Made where it is not there; parts of another table in it are deleted.
    n_parts
        Files, in the order of the rows.
    facts
        What the rows follow from, as JSON holds it.

    Raises
    ------
    DataError
        Where files stand in the folder that were not written here, or another program writes it.
    WriteError
        Where the folder cannot be written.
    """
    with files.translate_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _check_ours(folder)
        lock = open(folder / scratch.LOCK, "a")
    with lock:
        if scratch.try_lock(lock) is False:
            raise DataError(
                f"another program is writing {folder}: wait for it, or name another folder."
            )
        _begin(folder, json.dumps({**facts, N_PARTS: n_parts}, sort_keys=True, indent=1))
        yield [folder / f"part-{i:05d}.parquet" for i in range(n_parts)]


def delete(folder: Path) -> None:
    """Delete a table in parts, and its folder where nothing else is in it; another's stays."""
    if not _is_ours(folder):
        return
    with files.translate_write_errors(folder):
        for path in [*_parts(folder), folder / scratch.LOCK, folder / FACTS]:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else is in it
            folder.rmdir()


def _begin(folder: Path, text: str) -> None:
    """Delete the parts of a folder unless they follow from what `text` says."""
    path = folder / FACTS
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    with files.translate_write_errors(folder):
        files.write_text("{}", path)  # the folder is ours, also after a kill half-way
        for old in _parts(folder):
            old.unlink()
        files.write_text(text, path)


def _parts(folder: Path) -> list[Path]:
    """Return the files that are parts by their names."""
    return [p for p in folder.glob("part-*.parquet") if p.stem.removeprefix("part-").isdigit()]


def _check_ours(folder: Path) -> None:
    """Raise DataError where a folder holds something that was not written here."""
    if _is_ours(folder):
        return
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("."):
            raise DataError(
                f"{folder} holds '{path.name}', which tst did not write: name another folder."
            )


def _is_ours(folder: Path) -> bool:
    """Tell whether the parts in a folder were written here, by what stands beside them."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or no such file
        return False
    return isinstance(facts, dict) and (not facts or N_PARTS in facts)
