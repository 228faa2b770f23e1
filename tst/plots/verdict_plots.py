"""Figure of notebook 13: every check that has a number, by kind, beside its limit."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tst.plots.base import BLUE, GREY, RED, SKY
from tst.vocabulary import Verdict, in_words

COLOURS: dict[Verdict, str] = {
    "supported": BLUE,
    "inconclusive": SKY,
    "contradicted": RED,
    "not tested": "#BBBBBB",
}

# kind of check: where it is shown to turn, label of the axis, and up to where the axis is linear:
# a few numbers are a hundred times the others
PANELS = {
    "difference": (0, "difference in score (hollow: the paper's)", 0.1),
    "over_null": (1.5, "distance over the 95 % quantile between real halves", 1.0),
}


def claims(frame: pd.DataFrame) -> Figure:
    """Draw the judged numbers, a panel a kind of check, a row a check.

    Differences hold right of 0 (C7, Q2: of -0.01), distances left of 1.5.

    Parameters
    ----------
    frame
        Endpoints of `tst.study.claims.judge`; our interval is drawn in the verdict's colour, the
        paper's value hollow.
    """
    frame = frame[frame["ours"].notna()]
    kinds = [kind for kind in PANELS if (frame["kind"] == kind).any()] or ["difference"]
    parts = [frame[frame["kind"] == kind] for kind in kinds]
    heights = [max(len(rows), 1) + 2 for rows in parts]
    fig = plt.figure(figsize=(10, 0.28 * sum(heights) + 0.6), layout="constrained")
    axes = fig.subplots(len(parts), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for ax, kind, rows in zip(axes[:, 0], kinds, parts, strict=True):
        _panel(ax, rows, *PANELS[kind])
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, limit: float, label: str, linear_to: float | None) -> None:
    """Draw the checks of one kind."""
    names = []
    for y, row in enumerate(rows.itertuples()):
        _draw_check(ax, y, row)
        names.append(in_words(f"{row.claim}  {row.source} ({row.dataset}, {row.origin})"))
    ax.axvline(limit, color=GREY, lw=0.9)
    if linear_to is not None:
        ax.set_xscale("symlog", linthresh=linear_to)
        label += f"; linear up to {linear_to:g}, logarithmic beyond"
    if limit > 0:  # distances begin at 0
        ax.set_xlim(left=min(0, rows["low"].min()))
    ax.set_yticks(range(len(rows)), names)
    title = "" if len(rows) else "no check could be made"
    ax.set(xlabel=label, ylim=(len(rows) - 0.4, -0.6), title=title)


def _draw_check(ax: Axes, y: int, row: Any) -> None:
    """Draw a check: our mean and interval, the paper's value, and the verdict at the right edge."""
    colour = COLOURS[row.verdict]
    half_width = (row.high - row.low) / 2
    ax.errorbar(row.ours, y, xerr=half_width, color=colour, marker="o", capsize=3)
    ax.plot(row.paper, y, "D", mfc="none", mec=GREY, ms=7)
    text_colour = GREY if row.verdict == "inconclusive" else colour  # sky blue is too light to read
    at_edge = ax.get_yaxis_transform()
    ax.text(1.01, y, row.verdict, color=text_colour, va="center", transform=at_edge, fontsize=9)
