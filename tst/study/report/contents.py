"""The table of contents of the notebooks: each with its question, its answer and a picture.

The question is the title of the source, the answer the first line that the verdict cell of an
executed copy prints, or, of the notebooks of ANSWERS, the one that answers.
"""

import re
from pathlib import Path

import nbformat

from tst.study.report import committed
from tst.study.report.markdown import cell, table

TITLE = re.compile(r"# (\d+)\. (.*)")
VERDICT = re.compile(r"^## Verdict$", re.MULTILINE)  # a text before it may end another part
# The figure that shows most of a notebook, by its number; NAME.png or NAME-DATASET.png.
PICTURES = {
    "01-data": "01-examples",
    "02-train-tst": "02-loss",
    "03-train-baselines": "03-critic",
    "04-generate": "04-generated",
    "05-fidelity": "05-over-floor",
    "06-classification": "06-accuracy",
    "07-regression": "07-r2",
    "08-ablation": "08-head",
    "09-lengths": "09-lengths",
    "10-seedless": "10-samples",
    "11-long-sequences": "11-cost",
    "12-cost": "12-profile",
    "13-claims": "13-claims",
    "15-peers": "15-peers",
    "16-privacy": "16-privacy",
    "18-budget": "18-budget",
    "19-peers-own": "19-peers-own",
    "21-own-budgets": "21-own-budgets",
    "22-tuned-rates": "22-tuned-rates",
}
# The copy whose answer and picture stand for a notebook with several: the first of these, else the
# first by name.
FIRST = ("-head", "-wwt", "-borg2019", "-iot")
# Of these the first line says only what was tried; the one with the words that follow answers.
ANSWERS = {
    "08-ablation": "Beside ",
    "12-cost": "Cost: ",
    "16-privacy": "in brackets without",
    "17-calibration": "wrong verdict",
}
WIDTH = 260  # pixels of a picture


def title(notebook: nbformat.NotebookNode) -> tuple[str, str] | None:
    """Return number and question of a notebook, None where its first line is no such title."""
    found = TITLE.match(notebook.cells[0].source.split("\n")[0])
    if found is None:
        return None
    return found[1], found[2].strip()


def answer(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the lines that a notebook's verdict shows, printed or displayed as Markdown.

    Those are of the cells under the heading Verdict and of those marked for the replay: what the
    machine decides, as a peak of memory, may stand in the answer but not in the replay.
    """
    shown = ""
    is_verdict = False
    for code in notebook.cells:
        if code.cell_type != "code":
            is_verdict = VERDICT.search(code.source) is not None
            continue
        if not is_verdict and not code.source.startswith("# NBVAL_CHECK_OUTPUT"):
            continue
        for output in code.outputs:
            if output.output_type == "stream" and output.name == "stdout":
                shown += output.text
            shown += output.get("data", {}).get("text/markdown", "")
    return [line for line in shown.splitlines() if line.strip() and not line.startswith("```")]


def listed(folder: Path) -> str:
    """Return a Markdown table: a row an executed copy, its question, answer and picture.

    Parameters
    ----------
    folder
        The repository; the table will stand in its `notebooks/`, to which links are relative.
    """
    rows = []
    for source in sorted((folder / "notebooks").glob("[0-9][0-9]-*.ipynb")):
        named = title(nbformat.read(source, 4))
        copies = committed.copies(folder, source.stem)
        if named is None or not copies:
            continue
        copies.sort(key=rank)
        links = []
        for path in copies:
            about = path.stem.removeprefix(source.stem).lstrip("-") or "read"
            links.append(f"[{about}](../{path.relative_to(folder).as_posix()})")
        told = cell(_told(answer(nbformat.read(copies[0], 4)), source.stem))
        question = f"**{named[0]}. {named[1]}** {' · '.join(links)}"
        rows.append((question, told, _picture(folder, source.stem, copies[0])))
    # The cells are Markdown already; `table` would escape what stands in them.
    text = table(["question", "answer", "picture"], [])
    return "\n".join([text, *(f"| {' | '.join(row)} |" for row in rows)])


def _told(lines: list[str], stem: str) -> str:
    """Return the line of a verdict that stands for the notebook: its first, or that of ANSWERS."""
    answering = [line for line in lines if ANSWERS.get(stem, "") in line]
    return answering[0] if answering else ""


def rank(copy: Path) -> int:
    """Return where an executed copy stands among those of its notebook, by FIRST."""
    ranks = [i for i, end in enumerate(FIRST) if copy.stem.endswith(end)]
    return min(ranks, default=len(FIRST))


def _picture(folder: Path, stem: str, copy: Path) -> str:
    """Return an <img> of the notebook's figure, of the data set of the copy where it has one."""
    name = PICTURES.get(stem, "")
    about = copy.stem.removeprefix(stem).lstrip("-")
    for file in (f"{name}-{about}.png", f"{name}.png"):
        path = copy.parent / "figures" / file
        if name and path.is_file():
            address = f"../{path.relative_to(folder).as_posix()}"
            return f'<img src="{address}" width="{WIDTH}" alt="{name}">'
    return ""
