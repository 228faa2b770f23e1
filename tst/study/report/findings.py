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
    copies
        Executed copies of notebook 02; those of simulated series are not told of.
    judged
        Table 13-claims.

    Raises
    ------
    DataError
        Where no copy of a real data set says it.
    """
    epochs, sizes = [], []
    is_counted = judged["origin"] != "simulated"
    counted = set(judged.loc[is_counted, "dataset"])
    is_endpoint = is_counted & (judged["endpoint"] == "endpoint")
    n_seeds = judged.loc[is_endpoint & (judged["n_seeds"] > 1), "n_seeds"]
    for path in copies:
        if path.stem.rpartition("-")[2] not in counted:
            continue
        found = SCALE.search(_printed(nbformat.read(path, 4)))
        if found:
            epochs.append(float(found[1]))
            sizes.append(int(found[2].replace(",", "")))
    if not sizes:
        raise DataError(
            "no executed notebook 02 on real series says how large TST is: run make reproduce."
        )
    is_size = (judged["claim"] == "C5") & (judged["source"] == OVERALL)
    (n_paper,) = judged.loc[is_size, "paper"]
    return (
        f"TST has {_span(np.divide(sizes, 1000))} thousand parameters here "
        f"and saw its data {_span(epochs)} times (the paper: "
        f"{n_paper / 1e6:.1f} million, 300 to 400 times), trained with {_span(n_seeds)} random "
        "seeds a data set."
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
        "**TST's series help forecasts no more than the real ones given twice.** Added to all "
        f"real pages of web traffic, they change R² by {tst:+.4f}; a second copy of these pages, "
        f"by {twice:+.4f}. The paper's gain with TST is {paper:+.4f}.",
        "**TST's series are too smooth.** On web traffic their autocorrelation is "
        f"{blurred:.0f} times as far from that of real series as two halves of these are from "
        "each other (95 % quantile); with TST (ours), our own transformer, which draws each step "
        f"from a distribution and starts from no real one, {ours:.1f} times.",
        "**ProbSparse attention, the paper's proposal for long series, saves no memory.** At 2,500 "
        f"steps it takes {memory['probsparse']:.0%} of what full attention takes in a fused "
        f"kernel; patches of four steps take {memory['patch']:.0%}.",
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
