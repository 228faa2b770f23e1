"""Figures of notebooks 11 and 12: where the time goes, how cost and quality change with length.

Cost is drawn on log-log axes, where a power of the length is a line and its exponent the slope.
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tst.plots.base import (
    BLUE,
    BROWN,
    GREEN,
    GREY,
    NAVY,
    OLIVE,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    VIOLET,
    format_log_axis,
    label_line_ends,
    label_ticks,
    panel_grid,
)
from tst.vocabulary import variant_label

ATTENTIONS = {  # colours that no model beside them has
    "full": NAVY,
    "sliding": SKY,
    "probsparse": PURPLE,
    "patch": OLIVE,
    "materialised": BROWN,
}
WORK = {  # kind of work of tst.study.sampler: colour
    "training": BLUE,
    "generation": SKY,
    "scoring": ORANGE,
    "plots": GREEN,
    "start_up": PURPLE,
    "other": GREY,
}
QUALITY_NOTE = (
    "memory, time, error: lower is better; the others: higher is better\n"
    "dots: means; rings: seeds; dashed: real series; dotted: these with labels permuted"
)
MOST_BARS = 36  # of notebooks; what is cheaper is drawn as one
VARIANTS = ATTENTIONS | {
    "real": GREY,
    "tst_paper": BLUE,
    "sinusoidal": GREEN,  # the positions of TST (ours)
    "rope": VIOLET,
    "alibi": RED,
}


def slope(x: np.ndarray | pd.Series, y: np.ndarray | pd.Series) -> float:
    """Return the exponent of y against x by least squares on logarithms.

    NaN with fewer than two points at which both are positive.
    """
    x = np.asarray(x, float)
    y = np.asarray(y, float)
    positive = (x > 0) & (y > 0)
    if positive.sum() < 2:
        return np.nan
    return float(np.polyfit(np.log(x[positive]), np.log(y[positive]), 1)[0])


def scaling(frame: pd.DataFrame, titles: Mapping[str, tuple[str, str]]) -> Figure:
    """Draw seconds against size, a panel a metric; dotted is what grows in proportion.

    Parameters
    ----------
    frame
        Columns metric, x, value (seconds).
    titles
        {metric: (title, name of x)}; metrics with fewer than two rows are left out.
    """
    frame = frame[frame["value"] > 0]
    shown = [metric for metric in titles if (frame["metric"] == metric).sum() > 1]
    fig, axes = panel_grid(len(shown), 3, 2.3, 2.3)
    for ax, metric in zip(fig.axes, shown, strict=True):
        title, x_label = titles[metric]
        rows = frame[frame["metric"] == metric].sort_values("x")
        x = rows["x"].to_numpy(float)
        y = rows["value"].to_numpy(float)
        ax.loglog(x, y, color=BLUE, marker="o", lw=1.3)
        ax.loglog(x, y[0] * x / x[0], color=GREY, ls=":", lw=1)
        ax.set(title=f"{title}\nslope {slope(x, y):.2f}", xlabel=x_label)
        label_ticks(ax, x)
        format_log_axis(ax.yaxis)
    for ax in axes[:, 0]:
        ax.set_ylabel("seconds (dotted: in proportion)")
    return fig


def by_length(frame: pd.DataFrame, titles: Mapping[str, str], slope_from: float) -> Figure:
    """Draw cost against the length of a series, a panel a metric, a line an attention.

    Parameters
    ----------
    frame
        Columns metric, attention (a key of ATTENTIONS, or key:number), length (steps), value.
    titles
        {metric: name of its axis, with unit}.
    slope_from
        Steps from which on the slopes at the ends of the lines are fitted.
    """
    fig, _ = panel_grid(len(titles), 1, 5.2, 2.9)
    for ax, (metric, title) in zip(fig.axes, titles.items(), strict=True):
        rows = frame[frame["metric"] == metric].sort_values("length")
        ends = []
        for attention, line in rows.groupby("attention", sort=False):
            colour = ATTENTIONS[attention.partition(":")[0]]
            ax.loglog(line["length"], line["value"], color=colour, marker="o", ms=4, lw=1.4)
            fitted = line[line["length"] >= slope_from]
            power = slope(fitted["length"], fitted["value"])
            text = f"{variant_label(attention)} (slope {power:.2f})"
            ends.append((line["value"].iloc[-1], text, colour))
        ax.set(xlabel="length of the series (steps)", ylabel=title)
        label_ticks(ax, rows["length"].unique(), fontsize=8, rotation=45)
        format_log_axis(ax.yaxis)
        label_line_ends(ax, rows["length"].max(), ends)
    return fig


def beyond_window(frame: pd.DataFrame, titles: Mapping[str, str], window: float) -> Figure:
    """Draw quality against the length that is generated or read, a panel a metric, a line a name.

    Parameters
    ----------
    frame
        Columns metric, name (of VARIANTS; with something behind it, as sliding:64 whole, dashed),
        length (steps), value; the mean over seeds is drawn, and all seeds faintly.
    titles
        {metric: name of its axis}; one below the other.
    window
        Steps of the training window, a dashed line.
    """
    fig, _ = panel_grid(len(titles), 1, 5.2, 2.4)
    for ax, (metric, title) in zip(fig.axes, titles.items(), strict=True):
        rows = frame[frame["metric"] == metric]
        means = rows.groupby(["name", "length"], sort=False)["value"].mean().reset_index()
        means = means.sort_values("length", kind="stable")
        ends = []
        for name, line in means.groupby("name", sort=False):
            colour = _colour(name)
            dashes = "-" if name in VARIANTS else "--"
            ax.plot(
                line["length"], line["value"], color=colour, ls=dashes, marker="o", ms=4, lw=1.4
            )
            ends.append((line["value"].iloc[-1], variant_label(name), colour))
        for name, seeds in rows.groupby("name", sort=False):
            ax.plot(seeds["length"], seeds["value"], ".", color=_colour(name), ms=4, alpha=0.4)
        ax.axvline(window, color=GREY, ls="--", lw=1)
        ax.set(xscale="log", xlabel="length (steps; dashed: the window)", ylabel=title)
        label_ticks(ax, means["length"].unique(), fontsize=8)
        label_line_ends(ax, means["length"].max(), ends)
    return fig


def _colour(name: str) -> str:
    """Return the colour of a variant, whatever stands behind its key."""
    return VARIANTS[name.split()[0].partition(":")[0]]


def cost_and_quality(frame: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw what each attention costs and what its series are worth, a panel a metric, a row a kind.

    A ring is a seed, a dot their mean; a dashed line is the real training half's, a dotted one that
    of the real half with its labels permuted.

    Parameters
    ----------
    frame
        Columns metric, attention (a key of ATTENTIONS, or key:number; of real series what they
        are: real, permuted_labels), seed, value.
    titles
        {metric: title of its panel}.
    """
    real = {"real": "--", "permuted_labels": ":"}
    kinds = [kind for kind in dict.fromkeys(frame["attention"]) if kind not in real]
    fig, axes = panel_grid(len(titles), 3, 2.2, 0.3 * len(kinds) + 0.5)
    for ax, (metric, title) in zip(fig.axes, titles.items(), strict=True):
        rows = frame[frame["metric"] == metric]
        for y, kind in enumerate(kinds):
            values = rows.loc[rows["attention"] == kind, "value"]
            colour = ATTENTIONS[kind.partition(":")[0]]
            ax.plot(values, [y] * len(values), "o", color=colour, ms=5, mfc="white")
            ax.plot(values.mean(), y, "o", color=colour, ms=6)
        for name, dashes in real.items():
            known = rows.loc[rows["attention"] == name, "value"]
            if len(known):
                ax.axvline(known.mean(), color=GREY, ls=dashes, lw=1)
        ax.set_yticks(range(len(kinds)), map(variant_label, kinds))
        ax.set(ylim=(len(kinds) - 0.5, -0.5), title=title)
        ax.locator_params(axis="x", integer=False, nbins=3)
        ax.margins(x=0.12)
        if (rows["value"] >= 0).all():
            ax.set_xlim(left=0)
        if ax not in axes[:, 0]:
            ax.tick_params(labelleft=False)
    fig.supxlabel(QUALITY_NOTE, fontsize=10)
    return fig


def by_notebook(costs: pd.DataFrame) -> Figure:
    """Draw the core-seconds of each notebook, a bar each, cut by kind of work; the dearest on top.

    Parameters
    ----------
    costs
        Index notebook; columns core_seconds and, for each kind of WORK, its share in them.
    """
    costs = _dearest(costs.sort_values("core_seconds"))
    fig, ax = plt.subplots(figsize=(7, 0.21 * len(costs) + 1.2), layout="constrained")
    left = np.zeros(len(costs))
    for kind, colour in WORK.items():
        seconds = (costs["core_seconds"] * costs[kind]).to_numpy()
        ax.barh(costs.index, seconds, left=left, color=colour, label=kind.replace("_", "-"))
        left += seconds
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", labelsize=8, length=0)
    ax.margins(y=0.01)
    ax.set_xlabel("core-seconds")
    ax.legend(
        ncols=len(WORK), fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(-0.2, 1)
    )
    return fig


def _dearest(costs: pd.DataFrame) -> pd.DataFrame:
    """Return the dearest runs, before them all others as one row; costs are sorted upwards."""
    n_others = len(costs) - MOST_BARS
    if n_others <= 0:
        return costs
    others = costs.iloc[:n_others]
    seconds = others["core_seconds"].sum()
    row = others[list(WORK)].mul(others["core_seconds"], axis=0).sum() / seconds
    row["core_seconds"] = seconds
    name = f"the other {n_others} together"
    return pd.concat([row.to_frame(name).T, costs.iloc[n_others:]])
