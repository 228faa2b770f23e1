"""Figures of training (notebooks 02, 03, 10, 20): loss or minus log likelihood by step."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from tst.plots.base import BLUE, ORANGE, label_line_ends


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
        ax.plot(run["step"], mean, color=BLUE, alpha=max(0.2, 1 - 0.3 * i), lw=1.3)
        ends.append((mean.iloc[-1], f"seed {seed:g}: {mean.iloc[-1]:.3g}", BLUE))
        if "held_out" in run:
            looks = run.dropna(subset=["held_out"])
            ax.plot(looks["step"], -looks["held_out"], "o", ms=3, color=ORANGE, mec="none")
    ax.set(xlabel="optimiser step", ylabel="minus log p (nats a step)")
    label_line_ends(ax, frame["step"].max(), ends)
    return fig


def loss_curve(frame: pd.DataFrame) -> Figure:
    """Draw the training loss on a log axis, a line a seed, labelled at its end.

    Parameters
    ----------
    frame
        Columns step, loss (positive, normalised units), seed.
    """
    fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
    runs = list(frame.sort_values("step").groupby("seed"))
    ends = []
    for i, (seed, run) in enumerate(runs):
        ax.plot(run["step"], run["loss"], color=BLUE, alpha=1 - 0.6 * i / len(runs), lw=1.3)
        last = run["loss"].iloc[-1]
        ends.append((last, f"seed {seed:g}: {last:.3g}", BLUE))
    ax.set(
        yscale="log", xlabel="optimiser step", ylabel="training loss (normalised units, log scale)"
    )
    label_line_ends(ax, frame["step"].max(), ends)
    return fig
