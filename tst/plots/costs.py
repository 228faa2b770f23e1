"""Figures of notebooks 11 and 12: how cost grows, on log-log axes with the fitted slope beside each line."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

from tst.plots.base import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    RED,
    SKY,
    label_line_ends,
    model_style,
    plain_log,
)

ATTENTIONS = {
    "full": BLUE,
    "sliding": SKY,
    "probsparse": PURPLE,
    "patch": GREEN,
    "materialised": RED,
}
VARIANTS = ATTENTIONS | {
    "real": GREY,
    "tst_paper": BLUE,
    "sinusoidal": SKY,
    "rope": PURPLE,
    "alibi": GREEN,
}


def slope(x, y):
    """Return the exponent of y against x by least squares on logarithms; NaN with fewer than two positive points."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    good = (x > 0) & (y > 0)
    return float(np.polyfit(np.log(x[good]), np.log(y[good]), 1)[0]) if good.sum() > 1 else np.nan


def scaling(frame, titles):
    """Draw seconds against size, a panel a metric.

    Parameters
    ----------
    frame
        Columns metric, x, value (seconds).
    titles
        {metric: (title, name of x)}; metrics without rows are left out.
    """
    shown = [m for m in titles if ((frame["metric"] == m) & (frame["value"] > 0)).sum() > 1]
    fig, axes = plt.subplots(
        1, len(shown), figsize=(3.1 * len(shown) + 0.6, 3.2), squeeze=False, layout="constrained"
    )
    for ax, metric in zip(axes.flat, shown, strict=True):
        rows = frame[(frame["metric"] == metric) & (frame["value"] > 0)].sort_values("x")
        x, y = rows["x"].to_numpy(float), rows["value"].to_numpy(float)
        ax.loglog(x, y, color=BLUE, marker="o", lw=1.3)
        ax.loglog(x, y[0] * x / x[0], color=GREY, ls=":", lw=1)
        ax.set(title=f"{titles[metric][0]}\nslope {slope(x, y):.2f}", xlabel=titles[metric][1])
        ax.set_xticks(x, [f"{v:g}" for v in x])
        ax.xaxis.set_minor_formatter(NullFormatter())
        plain_log(ax.yaxis)
    axes[0, 0].set_ylabel("seconds (dotted: in proportion)")
    return fig


def by_length(frame, titles, slope_from):
    """Draw cost against the length of a series, a panel a metric, a line an attention with its slope at its end.

    Parameters
    ----------
    frame
        Columns metric, attention (a name of ATTENTIONS, or name:number), length (steps), value.
    titles
        {metric: name of its axis, with unit}.
    slope_from
        Steps from which on the slopes are fitted.
    """
    fig, axes = plt.subplots(
        1, len(titles), figsize=(5.6 * len(titles), 3.9), squeeze=False, layout="constrained"
    )
    for ax, (metric, title) in zip(axes.flat, titles.items(), strict=True):
        ends, rows = [], frame[frame["metric"] == metric].sort_values("length")
        for attention, line in rows.groupby("attention", sort=False):
            colour, long = (
                ATTENTIONS[attention.partition(":")[0]],
                line[line["length"] >= slope_from],
            )
            ax.loglog(line["length"], line["value"], color=colour, marker="o", ms=4, lw=1.4)
            text = f"{attention} (slope {slope(long['length'], long['value']):.2f})"
            ends.append((line["value"].iloc[-1], text, colour))
        ax.set(xlabel="length of the series (steps)", ylabel=title)
        ax.set_xticks(
            rows["length"].unique(),
            [f"{n:g}" for n in rows["length"].unique()],
            fontsize=8,
            rotation=45,
        )
        ax.xaxis.set_minor_formatter(NullFormatter())
        plain_log(ax.yaxis)
        label_line_ends(ax, rows["length"].max(), ends)
    return fig


def beyond_window(frame, titles, window):
    """Draw quality against the length that is generated or read, a panel a metric, a line a name, mean over seeds.

    Parameters
    ----------
    frame
        Columns metric, name (of VARIANTS; with a number behind it, name:number, dashed), length (steps), value.
    titles
        {metric: name of its axis}.
    window
        Steps of the training window, a dashed line.
    """
    fig, axes = plt.subplots(
        1, len(titles), figsize=(4.3 * len(titles), 3.5), squeeze=False, layout="constrained"
    )
    for ax, (metric, title) in zip(axes.flat, titles.items(), strict=True):
        rows = (
            frame[frame["metric"] == metric]
            .groupby(["name", "length"], sort=False)["value"]
            .mean()
            .reset_index()
        )
        ends = []
        for name, line in rows.groupby("name", sort=False):
            colour, style = VARIANTS[name.partition(":")[0]], "--" if ":" in name else "-"
            ax.plot(line["length"], line["value"], color=colour, ls=style, marker="o", ms=4, lw=1.4)
            ends.append((line["value"].iloc[-1], model_style(name)[0], colour))
        ax.axvline(window, color=GREY, ls="--", lw=1)
        ax.set(xscale="log", xlabel="length (steps; dashed: the window)", ylabel=title)
        ax.set_xticks(
            rows["length"].unique(), [f"{n:g}" for n in rows["length"].unique()], fontsize=8
        )
        ax.xaxis.set_minor_formatter(NullFormatter())
        label_line_ends(ax, rows["length"].max(), ends)
    return fig
