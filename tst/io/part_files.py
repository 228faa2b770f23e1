"""A table in several Parquet files of one folder, written one after another.

Beside the files stands what they were made from, so that a run which was stopped goes on, and one
of something else begins afresh.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tst.io import files

FACTS = "parts.json"


def prepared(folder: Path, n_parts: int, facts: Mapping[str, Any]) -> list[Path]:
    """Return the paths of the parts of a table; those that are there are complete and right.

    Parameters
    ----------
    folder
        Made where it is not there; parts of another table in it are deleted.
    n_parts
        Files, in the order of the rows.
    facts
        What the rows follow from, as JSON holds it.
    """
    text = json.dumps({**facts, "n_parts": n_parts}, sort_keys=True, indent=1)
    path = folder / FACTS
    if not (path.is_file() and path.read_text(encoding="utf-8") == text):
        path.unlink(missing_ok=True)
        for old in folder.glob("part-*.parquet"):
            old.unlink()
        files.write_text(text, path)
    return [folder / f"part-{i:05d}.parquet" for i in range(n_parts)]
