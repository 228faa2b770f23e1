"""Own data in one command: `python -m tst.study.own_data series.csv` runs notebook 20 on a table, and writes its report as a page.

Everything goes to results/own/NAME: the synthetic table, the model, the executed notebook, report.html, figures, and
quality.csv. A mistake in the table ends in one sentence.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from tst.io import files, paths
from tst.study import run_notebook

NOTEBOOK = "20-own-data"
RESULTS = "own"
WAITING = re.compile("step/s|TqdmWarning")  # what only concerns who waits


def page(notebook: Path, out: Path) -> None:
    """Write an executed notebook as one HTML file; progress of the training is left out."""
    book = nbformat.read(notebook, 4)
    for cell in book.cells:
        kept = [o for o in cell.get("outputs", []) if not WAITING.search(o.get("text", ""))]
        if cell.cell_type == "code":
            cell.outputs = kept
    body, _ = HTMLExporter(template_name="classic").from_notebook_node(book)
    files.write_text(body, out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m tst.study.own_data", description=__doc__.splitlines()[0]
    )
    parser.add_argument("data", help="a long table: CSV, CSV.gz or Parquet")
    parser.add_argument(
        "--config", default="", help="a YAML with roles of columns (see tst/table/roles.py)"
    )
    parser.add_argument(
        "--number", type=int, default=0, help="series to make; default: as many as the table has"
    )
    parser.add_argument("--name", default="own", help="of the folder under results/own")
    parser.add_argument("--minutes", type=float, default=5.0, help="for the training, undisturbed")
    parser.add_argument(
        "--max-steps", type=int, default=0, help="optimiser steps instead of minutes"
    )
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"[\w-]+", options.name):
        sys.exit(f"the name '{options.name}' becomes a folder: use letters, digits, - and _ only.")
    settings = {"data": str(Path(options.data).expanduser().resolve()), "name": options.name}
    if options.config:
        settings["roles"] = str(Path(options.config).expanduser().resolve())
    settings |= {
        "n_series": options.number,
        "minutes": options.minutes,
        "max_steps": options.max_steps,
    }
    folder = paths.ROOT / "results" / RESULTS / options.name
    out = folder / f"{NOTEBOOK}.ipynb"
    run_notebook.execute(paths.ROOT / "notebooks" / f"{NOTEBOOK}.ipynb", settings, out)
    try:
        page(out, folder / "report.html")
    except files.WriteError as error:
        sys.exit(f"{NOTEBOOK}: {error}")
    where = folder.relative_to(paths.ROOT)
    print(
        f"wrote {where}: {', '.join(sorted(p.name for p in folder.glob('synthetic.*')))} and report.html"
    )


if __name__ == "__main__":
    main()
