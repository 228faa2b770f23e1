"""Copies of the project that run the miniature study, and the comparison of what two of them left.

Notebook 12 is left out: what it measures are times.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

from tst.io import paths
from tst.study import tables

TIMES = "seconds|peak_memory|_per_s|gain$"  # metrics that measure the machine
# Files that hold them, or draw them.
TIMED = {"cost.json", "figures/08-head.png"}
APART = ("artifacts/done", "artifacts/logs", "artifacts/locks")
APART += ("figures/11-cost", "figures/11-quality")


def copy(folder):
    """Copy to a folder what git knew of the project at the first call.

    The environment is shared.
    """
    source = folder.parent / "source"
    if not source.is_dir():
        _copy(source)
    return Path(shutil.copytree(source, folder, symlinks=True))


def _copy(folder):
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=paths.ROOT, capture_output=True, check=True, text=True
    )
    for name in filter(None, files.stdout.split("\0")):
        if not name.startswith("results/") and (paths.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(paths.ROOT / name, folder / name)
    (folder / ".venv").symlink_to(paths.ROOT / ".venv")


def targets(folder):
    """Return the names of all notebooks of the study but 12, and 13, which waits for it."""
    said = subprocess.run(
        ["make", "help"], cwd=folder, capture_output=True, check=True, text=True
    ).stdout
    names = said.split("one notebook")[1].split()
    return [
        n
        for n in names
        if n[:2] not in ("12", "13", "14") and (n[:2] != "08" or n == "08-ablation-head")
    ]


def start(folder, n_jobs, *variables, **environment):
    """Start make on all targets of a copy, in a session of its own; return the process."""
    command = ["make", f"-j{n_jobs}", "PROFILE=smoke", *variables, *targets(folder)]
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    settings |= {"PYTHONPATH": str(folder)} | environment
    with open(folder / "make.log", "a") as log:
        return subprocess.Popen(
            command, cwd=folder, env=settings, stdout=log, stderr=log, start_new_session=True
        )


def judge(folder):
    """Run notebook 13 in a copy, whose tables are all there."""
    command = [
        str(folder / ".venv" / "bin" / "python"),
        "-m",
        "tst.study.run_notebook",
        "13-claims",
        "--profile",
        "smoke",
    ]
    settings = os.environ | {"PYTHONPATH": str(folder)}
    subprocess.run(command, cwd=folder, env=settings, check=True, capture_output=True)


def left(folder):
    """Return {path: SHA-256} of all files under results/smoke that do not measure the machine."""
    root, found = folder / "results" / "smoke", {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".ipynb" or name.startswith(APART) or {path.name, name} & TIMED:
            continue
        data = path.read_bytes()
        if name.startswith("tables/"):
            rows = pd.read_csv(path, dtype=str, keep_default_na=False)
            data = rows[~rows.get("metric", rows.iloc[:, 0]).str.contains(TIMES)].to_csv().encode()
        found[name] = hashlib.sha256(data).hexdigest()
    return found


def differing(one, other):
    """Return the names of files that only one of two runs has, or that differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def relative(one, other):
    """Return |a - b| / max(|a|, |b|) of the values of all tables of two runs, as one array.

    Rows are paired by their order.
    """
    found = []
    for name in tables.names(one / "results/smoke/tables"):
        a, b = (
            pd.read_csv(tables.find(run / "results/smoke/tables", name)) for run in (one, other)
        )
        if {"metric", "value"} <= set(a) and len(a) == len(b):
            rows = ~a["metric"].str.contains(TIMES)
            a, b = a.loc[rows, "value"].to_numpy(float), b.loc[rows, "value"].to_numpy(float)
            largest = np.maximum(np.abs(a), np.abs(b))
            found.append(np.divide(np.abs(a - b), largest, out=np.zeros_like(a), where=largest > 0))
    return np.nan_to_num(np.concatenate(found))


def write(rows, name):
    """Write a table of results/nightly."""
    path = Path(paths.ROOT) / "results" / "nightly" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)
    print(pd.DataFrame(rows).to_string(index=False))
