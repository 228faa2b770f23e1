"""The report on a user's own table: runs notebook 20 on it, and writes it as one page.

Everything goes to results/own/NAME: the synthetic table, the model, the executed notebook,
report.html, report.md, summary.txt, figures, and verdict.csv.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tst.io import files, paths
from tst.series import SeriesSet
from tst.study import own_verdict, run_notebook
from tst.study.own_verdict import Finding
from tst.study.report import site
from tst.synthesiser import Synthesiser
from tst.table.roles import Roles
from tst.table.source import ChunkedFile, read
from tst.table.writer import table_writer

NOTEBOOK = "20-own-data"
MIN_SERIES = 40  # of a table, for some to be held out
SUMMARY = "summary.txt"
N_SHOWN = 3  # series of a figure


def folder_of(name: str) -> Path:
    """Return the folder of the report of a name."""
    return paths.ROOT / "results" / "own" / name


def report(
    *,
    data: Path,
    roles: Roles,
    name: str,
    n_series: int,
    minutes: float,
    max_steps: int,
    n_processes: int,
    engine: str,
) -> Path:
    """Fit a table, sample one like it and judge it; return the folder that holds all of it.

    Parameters
    ----------
    data
        A long table: CSV, CSV.gz or Parquet.
    roles
        Of its columns; what they do not say is guessed.
    name
        Of the folder.
    n_series
        To sample; 0: as many as the table has.
    minutes
        Of training, undisturbed.
    max_steps
        Optimiser steps instead of minutes; 0: as many as fit into the minutes.
    n_processes, engine
        Of the training, as `tst.models.jobs.train_all` has them.

    Raises
    ------
    DataError
        Where a cell of the notebook fails.
    WriteError
        Where a file cannot be written.
    """
    settings = {
        "data": str(data.resolve()),
        "roles": roles.said(),
        "name": name,
        "n_series": n_series,
        "minutes": minutes,
        "max_steps": max_steps,
        "n_processes": n_processes,
        "engine": engine,
    }
    folder = folder_of(name)
    executed = folder / f"{NOTEBOOK}.ipynb"
    run_notebook.execute(paths.ROOT / "notebooks" / f"{NOTEBOOK}.ipynb", settings, executed)
    files.write_text(site.standalone_page(executed), folder / "report.html")
    summary = (folder / SUMMARY).read_text(encoding="utf-8")
    print()
    print(own_verdict.coloured(summary) if paths.shows_colours() else summary)
    return folder


def some_rows(data: Path | str) -> pd.DataFrame:
    """Return a table as it was read; of one that is read in chunks, the first."""
    file = ChunkedFile(data)
    if file.is_large:
        return next(file.chunks())
    return read(file)


def halves_of(series: SeriesSet, held_out: float, seed: int) -> tuple[SeriesSet, SeriesSet] | None:
    """Return learned and held-out series; None where too few would be held out."""
    if len(series) < MIN_SERIES:
        return None
    halves = series.split(1 - held_out, group=series.group, seed=seed)
    if min(map(len, halves)) < own_verdict.MIN_HELD_OUT:
        return None
    return halves


def write_copy(
    model: Synthesiser, folder: Path, data: Path | str, n_series: int, seed: int
) -> tuple[Path, pd.DataFrame]:
    """Write a copy as its data are written; return its path, and its rows, of a large one some."""
    file = ChunkedFile(data)
    if file.is_large:
        target = folder / "synthetic"
        return target, pd.read_parquet(model.sample_parts(n_series, target, seed)[0])
    target = folder / f"synthetic.{'parquet' if file.is_parquet else 'csv'}"
    frame = model.sample(n_series, seed)
    with files.replacing(target) as part:
        if file.is_parquet:
            frame.to_parquet(part)
        else:
            with table_writer(part, target.suffix, dialect=file.dialect) as write:
                write(frame)
    return target, read(ChunkedFile(target))


def enough_rows(
    model: Synthesiser,
    written: pd.DataFrame,
    n_series: int,
    halves: tuple[SeriesSet, SeriesSet] | None,
    seed: int,
) -> pd.DataFrame:
    """Return rows of enough series to be judged: those written, or a larger sample."""
    if halves is None or n_series >= len(halves[1]):
        return written
    return model.sample(len(halves[1]), seed)


def write_verdict(findings: Sequence[Finding], ending: str, name: str, folder: Path) -> str:
    """Write verdict.csv, report.md and summary.txt; return the summary."""
    own_verdict.frame_of(findings).to_csv(folder / "verdict.csv", index=False)
    files.write_text(own_verdict.report(findings, ending, name), folder / "report.md")
    text = own_verdict.summary(findings, ending)
    files.write_text(text + "\n", folder / SUMMARY)
    return text


def longer_ones(
    real: SeriesSet, synthetic: SeriesSet, feature: int, n: int = N_SHOWN
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return n real and n synthetic series of one feature, those longer than most."""
    chosen = []
    for series in (real, synthetic):
        order = np.argsort(series.lengths, kind="stable")
        places = (np.linspace(0.6, 0.95, n) * (len(order) - 1)).astype(int)
        chosen.append([series[i][:, feature] for i in order[places]])
    return chosen[0], chosen[1]


def section(verdict: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the findings of a section as a reader is shown them."""
    rows = verdict[verdict["section"] == name]
    return rows[["text", "state", "note"]].set_index("text").rename_axis(None)
