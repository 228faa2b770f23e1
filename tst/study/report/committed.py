"""Where the committed results stand that the README files quote: `full` where it was judged.

Profile full is laptop with ten seeds in place of three, and with TST (ours) trained for longer on
iot and mba, on iot with a larger model. What it was not run on (gcut, which is simulated; the
costs) is laptop's, also among the verdicts. Full appears in parts: until it was judged, what laptop
has is laptop's, and what laptop lacks (scores against training steps) is full's.
"""

import errno
from pathlib import Path

import pandas as pd

from tst.study import claims, tables

LAPTOP = "results/laptop"  # what is committed: a run without data writes elsewhere
FULL = "results/full"
PAPER = "paper"  # of the paper's sizes, on a GPU; not judged
JUDGE = "13-claims"
JUDGED = f"tables/{JUDGE}.csv"  # the file that says that a profile was run to its end


def place(folder: Path, name: str = JUDGED) -> str:
    """Return which results hold a file, relative to the repository.

    Parameters
    ----------
    folder
        The repository.
    name
        Of the file, within the results; where none has it, those of laptop are meant.
    """
    is_headed_by_full = (folder / FULL / JUDGED).is_file()
    is_wanted = is_headed_by_full or not (folder / LAPTOP / name).is_file()
    return FULL if is_wanted and (folder / FULL / name).is_file() else LAPTOP


def read(folder: Path, name: str) -> pd.DataFrame:
    """Return a table from the results that hold it, plain or compressed.

    Raises
    ------
    FileNotFoundError
        Where no results do.
    """
    for results in dict.fromkeys((place(folder), LAPTOP)):
        path = tables.find(folder / results / "tables", name)
        if path is not None:
            return pd.read_csv(path)
    raise FileNotFoundError(errno.ENOENT, "no such table", f"{LAPTOP}/tables/{name}.csv")


def at_papers_size(folder: Path, name: str) -> pd.DataFrame | None:
    """Return a table of the runs at the paper's sizes, None where there is none.

    Parameters
    ----------
    folder
        Of all results, a folder a profile.
    """
    path = tables.find(folder / PAPER / "tables", name)
    return None if path is None else pd.read_csv(path)


def judged(folder: Path) -> pd.DataFrame:
    """Return table 13-claims: of each claim and data set, the rows of the results that tested it.

    Those are the results that head the README; what these did not test is laptop's, where it did.
    """
    first = read(folder, JUDGE)
    path = tables.find(folder / LAPTOP / "tables", JUDGE)
    if path is None:
        return first
    return completed(first, pd.read_csv(path))


def completed(first: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return a table 13-claims with another's rows of claims and data sets that it did not test."""
    pairs = _pairs(other)
    is_taken = pairs.isin(_tested(other)) & ~pairs.isin(_tested(first))
    is_kept = ~_pairs(first).isin(pairs[is_taken])
    return pd.concat([first[is_kept], other[is_taken]], ignore_index=True)


def _tested(frame: pd.DataFrame) -> pd.MultiIndex:
    """Return the claims and data sets of a table 13-claims of which something was computed.

    That is so of all simulated series there, whose verdict is always "not tested".
    """
    wholes = frame[frame["source"] == claims.OVERALL]
    is_empty = (wholes["verdict"] == "not tested") & (wholes["origin"] != "simulated")
    return _pairs(wholes[~is_empty])


def _pairs(frame: pd.DataFrame) -> pd.MultiIndex:
    """Return claim and data set of each row."""
    return pd.MultiIndex.from_frame(frame[["claim", "dataset"]])


def copies(folder: Path, stem: str) -> list[Path]:
    """Return the executed copies of a notebook, each from the results that hold it, by name."""
    names = set()
    for results in (FULL, LAPTOP):
        for path in (folder / results).glob(f"{stem}*.ipynb"):
            if not path.stem.endswith(".failed"):
                names.add(path.name)
    found = []
    for name in sorted(names):
        path = folder / place(folder, name) / name
        if path.is_file():
            found.append(path)
    return found
