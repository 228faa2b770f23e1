"""The report on a user's own table: runs notebook 20 on it, and writes it as one page.

Everything goes to results/own/NAME: the synthetic table, the model, the executed notebook,
report.html, figures, and quality.csv.
"""

from pathlib import Path

from tst.io import files, paths
from tst.study import run_notebook
from tst.study.report import site
from tst.table.roles import Roles

NOTEBOOK = "20-own-data"


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
    return folder
