"""What all figures share: style, colours of the models, panels, labels, and how a figure is saved.

One palette, which begins with the colour-blind safe one of Okabe and Ito: real dark grey, TST blue,
our model green, DG orange, everywhere. A figure is at most WIDTH inches wide and HEIGHT high.
What a line or a dot is stands beside it; hollow markers are the paper's numbers; intervals are
95 % t-intervals over seeds.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    FuncFormatter,
    LogLocator,
    NullFormatter,
    ScalarFormatter,
)
from scipy import special

from tst.io import files
from tst.vocabulary import ORIGINS, model_label

GREY = "#444444"
BLUE = "#0072B2"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
RED = "#D55E00"
PURPLE = "#CC79A7"
VIOLET = "#6A51A3"
BROWN = "#8C564B"
OLIVE = "#8A8A00"
STEEL = "#7A8FA6"
NAVY = "#08306B"
FREE_COLOURS = (PURPLE, RED, SKY, OLIVE)  # of models that have no colour of their own

DPI = 110
WIDTH = 8.0  # inches; with the margin of `save` 900 pixels, which GitHub shows unshrunk
HEIGHT = 9.8  # inches; with that margin 1,100 pixels: what a screen shows at once
LABEL_HEIGHT = 15  # pixels between two labels at the ends of lines
FROM_POWERS = 10_000  # ticks of a log axis are powers of ten
FROM_MILLIONS = 1e6  # largest value from which on ticks are written as 20M
BELOW_THOUSANDTHS = 1e-3  # largest value below which matplotlib would set a factor aside
MOST_LOG_TICKS = 4  # on a log axis of many decades: panels are narrow
WIDE_SPAN = 30  # ratio from which on a log axis shows powers of ten alone


@dataclass(frozen=True)
class ModelStyle:
    """How a model is drawn."""

    label: str
    colour: str
    marker: str


# A colour is one model's alone in any one figure; relatives also share a marker.
COLOUR_MARKER = {
    "real": (GREY, "o"),
    "real_twice": (GREY, "h"),
    "real_alone": (GREY, "X"),
    "published": (GREEN, "D"),
    "simulated": (PURPLE, "s"),
    "tst_paper": (BLUE, "o"),
    "tst": (GREEN, "D"),
    "doppelganger": (ORANGE, "s"),
    "naive_gan": (BROWN, "s"),
    "tst_oracle": (NAVY, "o"),
    "seed_only": (STEEL, "v"),
    "seed_repeat": (OLIVE, "v"),
    "bootstrap_copy": (SKY, "P"),
    "ar": (RED, "^"),
    "rnn": (PURPLE, "^"),
    "hmm": (VIOLET, "^"),
    "permuted_labels": ("#999999", "x"),
}


def set_style() -> None:
    """Set the house style: white, opaque, 110 dpi, no box, light grid."""
    sns.set_theme(context="notebook", style="ticks")
    plt.rcParams.update(
        {
            "figure.facecolor": "white",
            "axes.facecolor": "white",
            "savefig.facecolor": "white",
            "font.size": 10,
            "axes.labelsize": 10,
            "axes.titlesize": 10.5,
            "figure.titlesize": 11.5,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "axes.grid": True,
            "grid.color": "#E8E8E8",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": "#888888",
            "figure.dpi": DPI,
            "savefig.dpi": DPI,
            "axes.titlelocation": "left",
            "axes.axisbelow": True,
        }
    )


def save(fig: Figure, path: str | Path, alt: str) -> None:
    """Write `fig` to `path` + ".png", show it in a notebook with its alt text, and close it.

    Raises
    ------
    ValueError
        Where `alt` is empty: a figure that cannot be read aloud is not finished.
    """
    if not alt or not alt.strip():
        raise ValueError(
            f"figure {Path(path).name} has no alt text: say in one sentence what it shows."
        )
    with files.replacing(f"{path}.png") as part:
        fig.savefig(
            part,
            format="png",
            dpi=DPI,
            facecolor="white",
            bbox_inches="tight",
            metadata={"Title": alt},
        )
    if get_ipython() is not None:
        # The file itself: to draw the figure for the notebook again takes as long as to save it.
        png = base64.b64encode(Path(f"{path}.png").read_bytes()).decode()
        shown = {"image/png": png, "text/plain": repr(fig)}
        display(shown, raw=True, metadata={"image/png": {"alt": alt}})
    plt.close(fig)


def model_style(key: str, position: int = 0) -> ModelStyle:
    """Return label, colour and marker of a model; an unknown one takes a colour by its position."""
    free = (FREE_COLOURS[position % len(FREE_COLOURS)], "o")
    colour, marker = COLOUR_MARKER.get(key, free)
    return ModelStyle(model_label(key), colour, marker)


def mean_and_half_width(values: np.ndarray | pd.Series) -> tuple[float, float]:
    """Return mean and half width of the 95 % t-interval; one value has no interval (NaN)."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return float(values.mean()), np.nan
    factor = special.stdtrit(n - 1, 0.975)  # quantile of Student's t
    return float(values.mean()), float(factor * values.std(ddof=1) / np.sqrt(n))


def panel_grid(
    n: int, n_columns: int, width: float, height: float, sharey: bool = False
) -> tuple[Figure, np.ndarray]:
    """Return a figure of `n` panels of that size in inches, and its axes, shape (rows, columns).

    As few rows as `n_columns` allow, then as few columns: few places remain empty. Several rows
    take the whole width. `fig.axes` holds only the panels.
    """
    rows = -(-n // n_columns)
    columns = -(-n // rows)
    size = (min(width * columns + 0.9, WIDTH), (height + 0.3) * rows + 0.5)
    if rows > 1:
        size = (WIDTH, size[1])
    fig, axes = plt.subplots(
        rows, columns, figsize=size, squeeze=False, sharey=sharey, layout="constrained"
    )
    for ax in axes.flat[n:]:
        ax.remove()
    for ax in fig.axes:
        ax.locator_params(axis="x", integer=not sharey)
    return fig, axes


def format_log_axis(axis: Axis) -> None:
    """Write a log axis in plain numbers, few enough to read, however short its span."""
    low, high = sorted(axis.get_view_interval())
    subs = (1.0,) if high / low > WIDE_SPAN else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=MOST_LOG_TICKS))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    """Return a tick of a log axis: a plain number, or a power of ten where that is shorter."""
    if value >= FROM_POWERS and np.log10(value) % 1 == 0:
        return f"$10^{{{np.log10(value):.0f}}}$"
    return f"{value:,g}"


def format_values(axis: Axis, values: np.ndarray) -> None:
    """Write large numbers of a linear axis as 20M, tiny ones in full: no factor above the panel."""
    largest = np.nanmax(np.abs(values))
    if largest >= FROM_MILLIONS:
        axis.set_major_formatter(EngFormatter(sep=""))
    elif 0 < largest < BELOW_THOUSANDTHS:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axis.set_major_formatter(ScalarFormatter())


def label_ticks(ax: Axes, values: np.ndarray, **style: Any) -> None:
    """Put a tick with its number at each of the values on x, and no other."""
    ax.set_xticks(values, [f"{value:,g}" for value in values], **style)
    ax.xaxis.set_minor_formatter(NullFormatter())


def label_line_ends(ax: Axes, x: float, ends: Iterable[tuple[float, str, str]]) -> None:
    """Write each (y, text, colour) right of x; labels that would overlap are moved apart."""
    ax.figure.canvas.figure.draw_without_rendering()  # fixes the transforms
    pixel = -np.inf
    for y, text, colour in sorted(ends, key=lambda end: end[0]):
        pixel = max(ax.transData.transform((x, y))[1], pixel + LABEL_HEIGHT)
        position = (x, ax.transData.inverted().transform((0, pixel))[1])
        ax.annotate(
            text,
            position,
            (8, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )


def without_twin(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows without TST at its donors' lengths where all values are those of TST itself.

    So they are where every series of a data set has the same length.

    Parameters
    ----------
    frame
        Tidy rows: model, value, and what tells the rows of a model apart.
    """
    other = frame[frame["model"] == "tst_oracle"]
    keys = [column for column in frame if column not in ("model", "value")]
    pairs = other.merge(frame[frame["model"] == "tst_paper"], on=keys, how="left")
    if pairs["value_x"].equals(pairs["value_y"]):
        return frame.drop(other.index)
    return frame


def evidence_note(frame: pd.DataFrame, paper: pd.DataFrame | None) -> str:
    """Say what a figure rests on: data set, origin, seeds, and whose the hollow markers are.

    Parameters
    ----------
    frame
        Rows of one data set: dataset, origin, seed.
    paper
        The paper's numbers, where the figure shows them.
    """
    n_seeds = frame["seed"].nunique()
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    text = f"{frame['dataset'].iloc[0]}, {ORIGINS[frame['origin'].iloc[0]]}, {seeds}"
    return text if paper is None else f"{text} (hollow: the paper's numbers)"
