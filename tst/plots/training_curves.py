"""Figures of training (notebooks 02, 03, 10, 20): loss or minus log likelihood by step."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from tst.plots.base import BLUE, NAVY, SKY, format_log_axis, label_line_ends

SEED_COLOURS = (BLUE, SKY, NAVY)  # of one model
SMOOTHED = 20  # part of all steps that a running mean of the loss takes, 1 / SMOOTHED


def nll(frame: pd.DataFrame, smooth: int = 20) -> Figure:
    """Draw minus log p a step, a line a seed, labelled at its end, and dots of held-out series.

    Parameters
    ----------
    frame
        Columns step, loss (nats a step), seed and, where series were held out, held_out: their mean
        log p, empty where nobody looked.
    smooth
        Optimiser steps of the running mean.
    """
    fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    ends = []
    for i, (seed, run) in enumerate(frame.sort_values("step").groupby("seed")):
        mean = run["loss"].rolling(smooth, min_periods=1).mean()
        colour = SEED_COLOURS[i % len(SEED_COLOURS)]
        ax.plot(run["step"], mean, color=colour, alpha=0.9, lw=1.3)
        ends.append((mean.iloc[-1], f"seed {seed:g}: {mean.iloc[-1]:.3g}", colour))
        if "held_out" in run:
            looks = run.dropna(subset=["held_out"])
            ax.plot(
                looks["step"], -looks["held_out"], "o", ms=3, color=colour, mec="white", mew=0.4
            )
    ax.set(xlabel="optimiser step", ylabel="negative log-likelihood (nats per step)")
    label_line_ends(ax, frame["step"].max(), ends)
    return fig


def loss_curve(
    frame: pd.DataFrame, what: str = "training loss (normalised units, log scale)"
) -> Figure:
    """Draw the training loss on a log axis, pale, and its running mean, a line a seed.

    The mean, over a twentieth of the steps around each, is written at the end of a line.

    Parameters
    ----------
    frame
        Columns step, loss (positive, normalised units), seed.
    what
        What stands in the column loss, for the axis.
    """
    fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
    runs = list(frame.sort_values("step").groupby("seed"))
    ends = []
    for i, (seed, run) in enumerate(runs):
        colour = SEED_COLOURS[i % len(SEED_COLOURS)]
        window = -(-len(run) // SMOOTHED)
        mean = run["loss"].rolling(window, min_periods=1, center=True).mean()
        ax.plot(run["step"], run["loss"], color=colour, alpha=0.22, lw=0.8)
        ax.plot(run["step"], mean, color=colour, lw=1.5)
        last = mean.iloc[-1]
        ends.append((last, f"seed {seed:g}: {last:.3g}", colour))
    ax.set(yscale="log", xlabel="optimiser step (bold: running mean)", ylabel=what)
    format_log_axis(ax.yaxis)
    label_line_ends(ax, frame["step"].max(), ends)
    return fig
