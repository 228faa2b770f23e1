"""Figures of training (notebooks 02, 03, 10, 20): loss or minus log likelihood by step."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tst.plots.base import BLUE, GREEN, GREY, NAVY, ORANGE, SKY, format_log_axis, label_line_ends

SHADES = {  # of a model's colour, one a seed; more seeds than these share the first
    "tst_paper": (BLUE, SKY, NAVY),
    "tst": (GREEN, "#66C2A4", "#00523B"),
    "doppelganger": (ORANGE, "#C46A00", "#7A5200"),
}
N_SHADES = 3
SMOOTHED = 20  # part of all steps that a running mean of the loss takes, 1 / SMOOTHED


def nll(frame: pd.DataFrame, smooth: int = 20) -> Figure:
    """Draw TST (ours)'s minus log p a step, a line a seed, and dots of held-out series.

    Parameters
    ----------
    frame
        Columns step, loss (nats a step), seed and, where series were held out, held_out: their mean
        log p, empty where nobody looked.
    smooth
        Optimiser steps of the running mean.
    """
    fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    last = {}
    runs = list(frame.sort_values("step").groupby("seed"))
    colours, opacity = _looks("tst", len(runs))
    for colour, (seed, run) in zip(colours, runs, strict=False):
        mean = run["loss"].rolling(smooth, min_periods=1).mean()
        ax.plot(run["step"], mean, color=colour, alpha=0.9 * opacity, lw=1.3)
        last[seed] = mean.iloc[-1]
        if "held_out" in run:
            looks = run.dropna(subset=["held_out"])
            ax.plot(
                looks["step"], -looks["held_out"], "o", ms=3, color=colour, mec="white", mew=0.4
            )
    if "held_out" in frame and frame["held_out"].notna().any():
        ax.set_title("dots: held-out series", loc="right", fontsize=9, color=GREY)
    ax.set(xlabel="optimiser step", ylabel="negative log-likelihood (nats per step)")
    label_line_ends(ax, frame["step"].max(), _labels(last, colours))
    return fig


def loss_curve(
    frame: pd.DataFrame, what: str = "training loss (normalised units, log scale)"
) -> Figure:
    """Draw the training loss on a log axis, pale, and its running mean, a line a seed.

    The mean, over a twentieth of the steps around each, is written at the lines' ends.

    Parameters
    ----------
    frame
        Columns step, loss (positive, normalised units), seed; with loss_critic they are of DG, else
        of TST, and drawn in its colour.
    what
        What stands in the column loss, for the axis.
    """
    fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
    runs = list(frame.sort_values("step").groupby("seed"))
    last = {}
    model = "doppelganger" if "loss_critic" in frame else "tst_paper"
    colours, opacity = _looks(model, len(runs))
    for colour, (seed, run) in zip(colours, runs, strict=False):
        window = -(-len(run) // SMOOTHED)
        mean = run["loss"].rolling(window, min_periods=1, center=True).mean()
        ax.plot(run["step"], run["loss"], color=colour, alpha=0.22 * opacity, lw=0.8)
        ax.plot(run["step"], mean, color=colour, alpha=opacity, lw=1.5)
        last[seed] = mean.iloc[-1]
    ax.set(yscale="log", xlabel="optimiser step (bold: running mean)", ylabel=what)
    format_log_axis(ax.yaxis)
    label_line_ends(ax, frame["step"].max(), _labels(last, colours))
    return fig


def _looks(model: str, n_runs: int) -> tuple[tuple[str, ...], float]:
    """Return the runs' colours, and how opaque lines are: of many one colour, half of it."""
    shades = SHADES[model]
    if n_runs <= N_SHADES:
        return shades, 1.0
    return shades[:1] * n_runs, 0.5


def _labels(last: dict[float, float], colours: tuple[str, ...]) -> list[tuple[float, str, str]]:
    """Return (y, text, colour) of the ends: a label a run; of many, one of their median and span.

    Parameters
    ----------
    last
        Where each seed's line ends.
    """
    if len(last) > N_SHADES:
        values = np.array(list(last.values()))
        middle = float(np.median(values))
        span = f"{values.min():.3g} to {values.max():.3g}"
        text = f"median of {len(values)}: {middle:.3g}\n({span})"
        return [(middle, text, colours[0])]
    ends = []
    for i, (seed, value) in enumerate(last.items()):
        ends.append((value, f"seed {seed:g}: {value:.3g}", colours[i]))
    return ends
