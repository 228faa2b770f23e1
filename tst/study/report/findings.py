"""What README.md says first: the scale of the study and three findings, with their numbers."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.study.claims import OVERALL

SCALE = re.compile(r"in ([\d.]+) epochs of a model of ([\d,]+) parameters")
BLURS = 3  # times the halves' quantile from which on the second finding may be told


def scale(copies: Iterable[Path], judged: pd.DataFrame) -> str:
    """Return the sizes and epochs of TST, as the executed copies of notebook 02 print them.

    Parameters
    ----------
    judged
        Table 13-claims.
    """
    epochs, sizes = [], []
    for path in copies:
        found = SCALE.search(_printed(nbformat.read(path, 4)))
        if found:
            epochs.append(float(found[1]))
            sizes.append(int(found[2].replace(",", "")))
    if not sizes:
        raise DataError("no executed notebook 02 says how large TST is: run make reproduce.")
    is_size = (judged["claim"] == "C5") & (judged["source"] == OVERALL)
    (n_paper,) = judged.loc[is_size, "paper"]
    return (
        f"TST has {_span(np.divide(sizes, 1000))} thousand parameters here "
        f"and saw its data {_span(epochs)} times (the paper: "
        f"{n_paper / 1e6:.1f} million, 300 to 400 times)."
    )


def _span(values: Sequence[float] | np.ndarray) -> str:
    """Return the least and the largest of some values as whole numbers, one where they agree."""
    least, largest = f"{min(values):,.0f}", f"{max(values):,.0f}"
    return least if least == largest else f"{least} to {largest}"


def _printed(notebook: nbformat.NotebookNode) -> str:
    """Return all that the cells of an executed notebook print."""
    texts = []
    for cell in notebook.cells:
        texts += [output.get("text", "") for output in cell.get("outputs", ())]
    return "".join(texts)


def findings(judged: pd.DataFrame, cost: pd.DataFrame) -> str:
    """Return three findings as a Markdown list.

    Parameters
    ----------
    judged, cost
        Tables 13-claims and 11-long-sequences.

    Raises
    ------
    DataError
        Where the numbers no longer say what the words do.
    """
    added = ", r2, mlp_1, trained on synthetic+real"
    tst = _value(judged, "C3", f"TST - real{added}")
    twice = _value(judged, "C3", f"real twice - real{added}")
    paper = judged.loc[judged["source"] == f"TST - real{added}", "paper"].iloc[0]
    far = " over real halves' 95 % quantile"
    blurred = _value(judged, "C8", f"TST, acf rms{far}")
    ours = _value(judged, "Q2", f"TST (ours), acf rms{far}")
    memory = _memory(cost)
    holds = tst < twice + paper and ours < blurred / BLURS and memory["probsparse"] > 0.9
    if not holds:
        raise DataError("the findings of README.md no longer hold: write others (findings.py).")
    lines = [
        "**The paper's gain in forecasting is that of a second copy.** Beside all real pages of "
        f"web traffic, TST's series change R² by {tst:+.4f}; a second copy of the real pages by "
        f"{twice:+.4f} (the paper: {paper:+.4f}).",
        f"**TST blurs.** On web traffic its autocorrelation is {blurred:.0f} times as far from the "
        "real one as real halves are from each other (95 % quantile). TST (ours), our own "
        "transformer, which draws from distributions and needs no real step, comes to "
        f"{ours:.1f}.",
        "**ProbSparse attention, the paper's way to long series, saves no memory** once attention "
        f"is fused: it takes {memory['probsparse']:.0%} of it at 2,500 steps, patches of four "
        f"steps {memory['patch']:.0%}.",
    ]
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))


def _value(judged: pd.DataFrame, claim: str, source: str) -> float:
    """Return our value of a check on web traffic."""
    rows = judged.query("claim == @claim and source == @source and dataset == 'wwt'")
    if rows.empty:
        raise DataError(
            f"13-claims.csv has no row '{source}' of {claim} on wwt: run make reproduce."
        )
    return float(rows["ours"].iloc[0])


def _memory(cost: pd.DataFrame) -> dict[str, float]:
    """Return the peak memory of a training step on 2,500 steps over full attention's."""
    rows = cost[(cost["metric"] == "peak_memory_mb") & (cost["length"] == 2500)]
    by_kind = rows.groupby(rows["attention"].str.split(":").str[0])["value"].mean()
    return (by_kind / by_kind["full"]).to_dict()
