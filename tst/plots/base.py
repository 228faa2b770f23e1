"""Figures: one function a figure, each returns a matplotlib Figure; `save` writes it and shows it with its alt text.

One palette, colour-blind safe (Okabe and Ito): real dark grey, TST blue, DG orange, everywhere. What a line or a dot is
stands beside it; hollow markers are the paper's numbers; intervals are 95 % t-intervals over seeds.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython import get_ipython
from IPython.display import display
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy import stats

from tst.io import files

GREY, BLUE, ORANGE, SKY, GREEN, RED, PURPLE = (
    "#444444 #0072B2 #E69F00 #56B4E9 #009E73 #D55E00 #CC79A7".split()
)

DPI = 110

# key: name in figures, colour, marker. Relatives share a hue and differ by marker.
MODELS = {
    "real": ("real", GREY, "o"),
    "published": ("published", GREEN, "D"),
    "simulated": ("simulated", PURPLE, "s"),
    "tst_paper": ("TST", BLUE, "o"),
    "tst": ("TST (ours)", SKY, "D"),
    "doppelganger": ("DG", ORANGE, "o"),
    "naive_gan": ("naive GAN", ORANGE, "s"),
    "tst_oracle": ("TST, donor's length", BLUE, "D"),
    "seed_only": ("seed only", PURPLE, "o"),
    "seed_repeat": ("seed repeated", PURPLE, "s"),
    "bootstrap_copy": ("bootstrap copy", GREEN, "o"),
    "ar": ("AR", RED, "o"),
    "rnn": ("RNN", RED, "s"),
    "hmm": ("HMM", RED, "^"),
    "permuted_labels": ("labels permuted", GREY, "x"),
}

ORIGINS = {"original": "real data", "subset": "real data (a subset)", "simulated": "simulated data"}

FLOOR = "distance over that between two halves of the real data (1: like real data)"


def set_style():
    """Set the house style: white, opaque, 110 dpi, no box, light grid."""
    sns.set_theme(context="notebook", style="ticks")
    style = {f"{where}.facecolor": "white" for where in ("figure", "axes", "savefig")}
    style |= {
        "font.size": 10,
        "axes.labelsize": 10,
        "axes.titlesize": 10.5,
        "figure.titlesize": 11.5,
    }
    style |= {
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "axes.grid": True,
        "grid.color": "#E8E8E8",
    }
    style |= {"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888"}
    style |= {
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "axes.titlelocation": "left",
        "axes.axisbelow": True,
    }
    plt.rcParams.update(style)


def save(fig, path, alt):
    """Write `fig` to `path` + ".png", show it in a notebook with its alt text, and close it.

    Raises ValueError where `alt` is empty: a figure that cannot be read aloud is not finished.
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
        display(fig, metadata={"image/png": {"alt": alt}})
    plt.close(fig)


def plain_log(axis):
    """Write a log axis in plain numbers, few enough to read, however short its span."""
    low, high = sorted(axis.get_view_interval())
    wide = high / low > 30
    axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_formatter(NullFormatter())


def panel_grid(n, n_columns, width, height, sharey=False):
    """Return (figure, axes of shape (rows, columns)): n panels of that size, in inches; fig.axes holds only those."""
    rows, columns = -(-n // min(n_columns, n)), min(n_columns, n)
    size = (width * columns + 0.9, (height + 0.3) * rows + 0.5)
    fig, axes = plt.subplots(
        rows, columns, figsize=size, squeeze=False, sharey=sharey, layout="constrained"
    )
    for ax in axes.flat[n:]:
        ax.remove()
    for ax in fig.axes:
        ax.xaxis.get_major_locator().set_params(integer=not sharey)
    return fig, axes


def model_label(names, key):
    """Return the label of a key, or the key in words."""
    return names.get(key, str(key).replace("_", " "))


def origin_note(frame, paper):
    """Say what a figure rests on: data set, origin, seeds, and whose the hollow markers are."""
    n = frame["seed"].nunique()
    text = (
        f"{frame['dataset'].iloc[0]}, {ORIGINS[frame['origin'].iloc[0]]}, {n} seed{'s' * (n > 1)}"
    )
    return text if paper is None else f"{text} (hollow: the paper's numbers)"


def label_line_ends(ax, x, ends):
    """Write each (y, text, colour) right of x; labels that would overlap are moved apart."""
    ax.figure.draw_without_rendering()
    pixel = -np.inf
    for y, text, colour in sorted(ends, key=lambda end: end[0]):
        pixel = max(ax.transData.transform((x, y))[1], pixel + 15)
        at = (x, ax.transData.inverted().transform((0, pixel))[1])
        ax.annotate(
            text,
            at,
            (8, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )


def model_style(key, i=0):
    """Return name, colour and marker of a model; an unknown one takes a free colour by its place."""
    return MODELS.get(key, (str(key).replace("_", " "), (GREEN, PURPLE, RED, SKY)[i % 4], "o"))


def mean_interval(values):
    """Return (mean, half width) of the 95 % t-interval; one value has no interval (NaN)."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    return values.mean(), stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(
        n
    ) if n > 1 else np.nan
