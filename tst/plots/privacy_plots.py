"""Figure of notebook 16: quality against epsilon."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tst.plots.base import GREY, format_log_axis, mean_and_half_width, model_style, panel_grid
from tst.plots.distance_plots import LEAST_SHOWN
from tst.vocabulary import metric_label

X_LABEL = "epsilon promised; lower distances are better (line: two real halves; dotted: twice that)"
TITLE_WIDTH = 26  # characters of a metric's name in a line


def quality(frame: pd.DataFrame) -> Figure:
    """Draw TST (ours)'s distances over their floor against epsilon, with 95 % intervals.

    A panel a metric. A square is the geometric mean over seeds, as the axis is of logarithms; the
    line is the floor, 1, dotted is twice the floor.

    Parameters
    ----------
    frame
        Columns metric, epsilon (inf: no promise), seed, value: distance over that of real halves.
    """
    metrics = list(dict.fromkeys(frame["metric"]))
    epsilons = sorted(frame["epsilon"].unique())
    labels = ["none" if np.isinf(epsilon) else f"{epsilon:g}" for epsilon in epsilons]
    style = model_style("tst")
    fig, axes = panel_grid(len(metrics), 3, 2.3, 2.3)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        rows = frame[frame["metric"] == metric]
        for x, epsilon in enumerate(epsilons):
            values = rows.loc[rows["epsilon"] == epsilon, "value"].clip(lower=LEAST_SHOWN)
            mean, half_width = mean_and_half_width(np.log(values))
            middle, factor = np.exp(mean), np.exp(np.nan_to_num(half_width))
            ends = [[middle - middle / factor], [middle * factor - middle]]
            ax.plot([x] * len(values), values, "o", ms=3, color=style.colour, alpha=0.4, mec="none")
            ax.errorbar(x, middle, ends, fmt="s", color=style.colour, capsize=3)
        ax.axhline(1, color=GREY, lw=1)
        ax.axhline(2, color=GREY, lw=1, ls=":")
        ax.set_xticks(range(len(epsilons)), labels)
        ax.set(yscale="log")
        ax.set_title(textwrap.fill(metric_label(metric), TITLE_WIDTH))
        format_log_axis(ax.yaxis)
    for ax in axes[:, 0]:
        ax.set_ylabel("over that of two real halves")
    fig.supxlabel(X_LABEL, fontsize=10)
    return fig
