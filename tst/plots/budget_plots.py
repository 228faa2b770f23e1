"""Figures of scores against budgets (notebook 18)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tst.plots.base import GREY, evidence_note, format_log_axis, model_style, panel_grid
from tst.vocabulary import metric_label

LINES = ("-", "--", ":", "-.")  # of the sizes, in the order of the table
MARGIN = 0.15  # above and below the runs, of their range


def against_steps(frame: pd.DataFrame, ahead: pd.DataFrame, limits: Mapping[str, float]) -> Figure:
    """Draw scores against optimiser steps, a panel a metric, a line a model and size.

    Markers are runs, filled of the first size and large of the last; lines are their means. A bar
    at the right is where the line of the first size would stand at more steps, with its 95 %
    prediction interval, cut off where it leaves the panel: it says nothing of the range shown.

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
    sizes = list(dict.fromkeys(frame["size"]))
    fig, _ = panel_grid(len(metrics), 1, 7.0, 2.3)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        rows = frame[frame["metric"] == metric]
        shown = [*rows["value"], *(limits[name] for name in limits if name == metric)]
        if metric in limits:
            ax.axhline(limits[metric], color=GREY, ls="--", lw=1)
        _draw(ax, rows, ahead[ahead["metric"] == metric], sizes)
        room = MARGIN * max(np.nanmax(shown) - np.nanmin(shown), 1e-9)
        ax.set_ylim(np.nanmin(shown) - room, np.nanmax(shown) + room)
        ax.set(xscale="log")
        ax.set_title(metric_label(metric), loc="left")
        format_log_axis(ax.xaxis)
    fig.axes[-1].set_xlabel("optimiser steps (log scale); bars: the trend, read further on")
    handles = _legend(list(dict.fromkeys(frame["model"])), sizes, bool(limits.keys() & {*metrics}))
    note = evidence_note(frame, None)
    place: dict[str, Any] = {"loc": "outside upper left", "title": note, "alignment": "left"}
    fig.legend(handles=handles, ncols=4, frameon=False, **place)
    return fig


def _legend(models: list[str], sizes: list[str], has_limit: bool) -> list[Line2D]:
    """Return the entries of models, sizes and, where there is one, the limit."""
    entries = []
    for i, model in enumerate(models):
        style = model_style(model, i)
        look: dict[str, Any] = {"color": style.colour, "marker": style.marker, "ms": 5, "lw": 1.4}
        entries.append(Line2D([], [], label=style.label, **look))
    for i, size in enumerate(sizes):
        line: dict[str, Any] = {
            "color": GREY,
            "marker": "o",
            "lw": 1.4,
            "ls": LINES[i % len(LINES)],
        }
        entries.append(Line2D([], [], label=size, **line, **_marker(GREY, i)))
    if has_limit:
        label = "limit of the claim"
        entries.append(Line2D([], [], color=GREY, ls="--", lw=1, label=label))
    return entries


def _marker(colour: str, size: int) -> dict[str, Any]:
    """Return the look of a run by the place of its size: filled, hollow, hollow and larger."""
    return {"markerfacecolor": [colour, "white"][min(size, 1)], "ms": 5 + 3 * max(size - 1, 0)}


def _draw(ax: Axes, frame: pd.DataFrame, ahead: pd.DataFrame, sizes: list[str]) -> None:
    """Draw the lines of one metric, and what lies ahead of the first size's."""
    for i, model in enumerate(dict.fromkeys(frame["model"])):
        style = model_style(model, i)
        rows = frame[frame["model"] == model]
        for size, part in rows.groupby("size", sort=False):
            k = sizes.index(str(size))
            mean = part.groupby("n_steps")["value"].mean()
            ax.plot(mean.index, mean, color=style.colour, ls=LINES[k % len(LINES)], lw=1.4)
            look: dict[str, Any] = {"color": style.colour, "ls": "", "marker": style.marker}
            ax.plot(part["n_steps"], part["value"], **look, **_marker(style.colour, k))
        first = ahead[(ahead["model"] == model) & (ahead["size"] == sizes[0])]
        for row in first.itertuples():
            error = [[row.value - row.low], [row.high - row.value]]
            ax.errorbar(row.n_steps, row.value, error, color=style.colour, marker="_", capsize=3)
