"""Figures of scores against budgets (notebook 18)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tst.plots.base import (
    GREY,
    evidence_note,
    format_log_axis,
    label_line_ends,
    model_style,
    panel_grid,
)
from tst.vocabulary import metric_label

LINES = ("-", "--", ":", "-.")  # of the sizes, in the order of the table


def against_steps(frame: pd.DataFrame, ahead: pd.DataFrame, limits: Mapping[str, float]) -> Figure:
    """Draw scores against optimiser steps, a panel a metric, a line a model and size.

    Dots are runs, lines their means; a bar is where the line would stand at more steps, with its
    95 % prediction interval.

    Parameters
    ----------
    frame
        Rows of one data set: dataset, origin, model, size, n_steps, seed, metric, value.
    ahead
        As `tst.study.budget_trends.ahead` returns it.
    limits
        By metric the value that a claim must not exceed, drawn dashed; not all have one.
    """
    metrics = list(dict.fromkeys(frame["metric"]))
    fig, _ = panel_grid(len(metrics), 3, 4.2, 3.2)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        if metric in limits:
            ax.axhline(limits[metric], color=GREY, ls="--", lw=1)
        _draw(ax, frame[frame["metric"] == metric], ahead[ahead["metric"] == metric])
        ax.set(xscale="log", title=metric_label(metric))
        format_log_axis(ax.xaxis)
    fig.supxlabel("optimiser steps (log scale)", fontsize=10)
    fig.suptitle(evidence_note(frame, None), x=0.01, ha="left")
    return fig


def _draw(ax: Axes, frame: pd.DataFrame, ahead: pd.DataFrame) -> None:
    """Draw the lines of one metric, and what lies ahead of them."""
    sizes = list(dict.fromkeys(frame["size"]))
    ends = []
    for i, model in enumerate(dict.fromkeys(frame["model"])):
        style = model_style(model, i)
        rows = frame[frame["model"] == model]
        for size, part in rows.groupby("size", sort=False):
            mean = part.groupby("n_steps")["value"].mean()
            line = LINES[sizes.index(size) % len(LINES)]
            ax.plot(mean.index, mean, color=style.colour, ls=line, lw=1.4)
            ax.plot(part["n_steps"], part["value"], style.marker, color=style.colour, ms=4)
            ends.append((mean.iloc[-1], f"{style.label}, {size}", style.colour))
        for row in ahead[ahead["model"] == model].itertuples():
            error = [[row.value - row.low], [row.high - row.value]]
            ax.errorbar(row.n_steps, row.value, error, color=style.colour, marker="_", capsize=3)
    last = max([frame["n_steps"].max(), *ahead["n_steps"]])
    label_line_ends(ax, last, ends)
