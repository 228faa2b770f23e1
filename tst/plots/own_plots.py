"""Figures of a user's own table: real beside synthetic series, and each check by its limit."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tst.plots.base import BLUE, GREEN, GREY, RED, WIDTH
from tst.vocabulary import in_words

FEW_STEPS = 40  # shorter series get a marker a step
MOST_TIMES = 3.0  # limits, at which values are cut


def real_beside_synthetic(
    real_arrays: Sequence[np.ndarray], synthetic_arrays: Sequence[np.ndarray], feature_name: str
) -> Figure:
    """Draw real series on the left and synthetic ones on the right, on one scale.

    Parameters
    ----------
    real_arrays, synthetic_arrays
        As many series of shape (length,); they do not belong to each other.
    """
    n = len(real_arrays)
    fig, axes = plt.subplots(
        n,
        2,
        figsize=(WIDTH, 1.05 * n + 0.6),
        squeeze=False,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    sides = (("real", real_arrays, GREY), ("synthetic", synthetic_arrays, GREEN))
    for column, (title, arrays, colour) in enumerate(sides):
        axes[0, column].set_title(title, color=colour, loc="left")
        axes[-1, column].set_xlabel("step")
        for ax, array in zip(axes[:, column], arrays, strict=True):
            values = np.ravel(array)
            marker = None
            if len(values) < FEW_STEPS:
                marker = "o"
            ax.plot(values, color=colour, lw=1.1, marker=marker, ms=2.2)
    fig.supylabel(in_words(feature_name), fontsize=10)
    return fig


def checks(frame: pd.DataFrame) -> Figure:
    """Draw each check by how much of its limit it uses; beyond 1 it fails.

    Parameters
    ----------
    frame
        Columns name, state, value, limit: a row a check.
    """
    shown = frame[(frame["limit"] > 0) & frame["value"].notna()].iloc[::-1]
    used = (shown["value"] / shown["limit"]).to_numpy()
    is_red = (shown["state"] == "RED").to_numpy()
    fig, ax = plt.subplots(figsize=(WIDTH, 0.24 * len(shown) + 0.8), layout="constrained")
    rows = np.arange(len(shown))
    colours = np.where(is_red, RED, BLUE)
    ax.hlines(rows, 0, np.minimum(used, MOST_TIMES), color=colours, lw=2)
    ax.scatter(np.minimum(used, MOST_TIMES), rows, c=colours, s=28, zorder=3)
    for row, value in zip(rows[used > MOST_TIMES], used[used > MOST_TIMES], strict=True):
        ax.annotate(
            f"{value:.0f}", (MOST_TIMES, row), (7, 0), textcoords="offset points", va="center"
        )
    ax.axvline(1, color=GREY, lw=1)
    ax.set_yticks(rows, map(in_words, shown["name"]))
    ax.set(
        xlim=(0, MOST_TIMES * 1.06), xlabel="share of the limit that is used (beyond 1 it fails)"
    )
    return fig
