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
        "seeds on each data set."
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


def findings(judged: pd.DataFrame, cost: pd.DataFrame, large: pd.DataFrame | None) -> str:
    """Return three findings as a Markdown list.

    Parameters
    ----------
    judged, cost
        Tables 13-claims and 11-long-sequences.
    large
        Table 07-differences at the paper's size, or None.

    Raises
    ------
    DataError
        Where the numbers no longer say what the words do.
    """
    here = _added(judged)
    at_papers_size = ""
    improves = bool((here["low"] > 0).any())
    if large is not None:
        there = _added_at_papers_size(large)
        improves |= bool((there["low"] > 0).any())
        at_papers_size = f"; at the paper's size by {_range(there['value'])}"
    far = " over real halves' 95 % quantile"
    blurred = _value(judged, "C8", f"TST, acf rms{far}")
    ours = _value(judged, "Q2", f"TST (ours), acf rms{far}")
    memory = _memory(cost)
    holds = not improves and ours < blurred / BLURS and memory["probsparse"] > 0.9
    if not holds:
        raise DataError("the findings of README.md no longer hold: write others (findings.py).")
    lines = [
        "**Added to real series, TST's show no gain in forecasts.** Beside all real pages of web "
        f"traffic they change R² by {_range(here['ours'])}, no interval reaches above "
        f"{here['high'].max():.4f} ({len(here)} forecasters; the paper: "
        f"{_range(here['paper'])}){at_papers_size}.",
        "**TST's series are too smooth.** On web traffic the error of their autocorrelation is "
        f"{blurred:.0f} times what two random halves of the real series differ by (95 %); "
        f"with TST (ours), our own transformer without conditioning steps, {ours:.1f} times.",
        "**ProbSparse attention, the paper's proposal for long series, saves no memory.** At 2,500 "
        f"steps it takes {memory['probsparse']:.0%} of what full attention takes in a fused "
        f"kernel; patches of four steps take {memory['patch']:.0%}.",
    ]
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))


def _added(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the checks of forecasters that learn from real pages with TST's beside them."""
    form = r"TST - real, r2, (?P<regressor>\w+), trained on synthetic\+real"
    found = judged["source"].str.fullmatch(form) & (judged["dataset"] == "wwt")
    rows = judged[found & (judged["claim"] == "C3")]
    if rows.empty:
        raise DataError("13-claims.csv has no forecasts of wwt by C3: run make reproduce.")
    return rows


def _added_at_papers_size(large: pd.DataFrame) -> pd.DataFrame:
    """Return the same of table 07-differences; least squares without a penalty are not judged."""
    is_wanted = (large["model"] == "tst_paper - real") & (large["train"] == "synthetic+real")
    is_wanted &= (large["dataset"] == "wwt") & (large["metric"] == "r2")
    rows = large[is_wanted & (large["regressor"] != "linear")]
    if rows.empty:
        raise DataError("07-differences.csv has no forecasts of wwt at the paper's size.")
    return rows


def _range(values: pd.Series) -> str:
    """Return the least and the greatest difference of scores, with signs."""
    least, greatest = (f"{value:+.4f}" for value in (values.min(), values.max()))
    text = f"{least} to {greatest}"
    return re.sub("[-+]0.0000", "0.0000", text).replace("-", "−")


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
