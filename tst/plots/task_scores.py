"""Figures of notebook 06 alone: the score against the share of real data added, and F1 by class."""

import matplotlib.pyplot as plt
import numpy as np

from tst.plots.base import (
    GREY,
    label_line_ends,
    mean_interval,
    model_label,
    model_style,
    origin_note,
)

CLASSES = {"gcut": ("EVICT", "FAIL", "FINISH", "KILL")}


def shares(frame, paper=None):
    """Draw the score against the share of real data added (0 to 1), a line a model with its interval over seeds."""
    fig, ax = plt.subplots(figsize=(7.4, 4), layout="constrained")
    sources = [(frame, "", "-")] if paper is None else [(frame, "", "-"), (paper, ", paper", ":")]
    grid, ends = sorted({share for rows, _, _ in sources for share in rows["share"]}), []
    for rows, whose, line in sources:
        for i, (model, part) in enumerate(rows.groupby("model", sort=False)):
            (name, colour, marker), face = model_style(model, i), "white" if whose else None
            at = [k for k, g in enumerate(grid) if g in set(part["share"])]
            mean, half = np.transpose(
                [mean_interval(part.loc[part["share"] == grid[k], "value"]) for k in at]
            )
            ax.errorbar(
                at, mean, half, color=colour, marker=marker, mfc=face, ls=line, capsize=3, lw=1.4
            )
            ends.append((mean[-1], name + whose, colour))
    ax.set_xticks(range(len(grid)), [f"{100 * g:g}" for g in grid])
    ax.set(
        xlabel="real training data added (%, not to scale)",
        ylabel=model_label(METRICS, frame["metric"].iloc[0]),
        title=origin_note(frame, paper),
    )
    label_line_ends(ax, len(grid) - 1, ends)
    return fig


def f1(frame, paper=None):
    """Draw F1 by class (metrics f1_0, f1_1, ...), a panel a class; arguments as in `scores`."""
    fig = scores(frame, "metric", None if paper is None else paper.fillna({"train": "synthetic"}))
    known = CLASSES.get(frame["dataset"].iloc[0], ())
    for ax, metric in zip(fig.axes, dict.fromkeys(frame["metric"]), strict=True):
        k = int(metric.removeprefix("f1_"))
        ax.set(title=f"class {k}" + (f", {known[k]}" if k < len(known) else ""), xlim=(-0.03, 1.03))
    fig.supxlabel("F1 on real test data", fontsize=10)
    return fig


METRICS = {"accuracy": "accuracy on real test data", "r2": "R² on real test data"}


def scores(frame, x, paper=None):
    """Draw mean and interval over seeds, a panel a value of column `x`, a row a model and what it was trained on.

    `frame` has tidy rows of one data set: model, metric, seed, value, `x` (classifier, regressor, metric) and train where
    it differs; `paper` rows with these columns (one a place, `claims.paper_numbers`), drawn hollow. The mean of model
    real is a dashed line; a value far below the rest is written at the edge with an arrow.
    """
    panels, ours = (
        list(dict.fromkeys(frame[x])),
        frame if "train" in frame else frame.assign(train="synthetic"),
    )
    theirs = ours.iloc[:0] if paper is None else paper
    names = list(dict.fromkeys(zip(ours["model"], ours["train"], strict=True)))
    names.sort(key=lambda name: name[0] != "real")
    size = (2.3 * len(panels) + 1.8, 0.36 * len(names) + 1.2)
    fig, axes = plt.subplots(
        1, len(panels), figsize=size, squeeze=False, sharey=True, layout="constrained"
    )
    middle, high = np.quantile(ours["value"], [0.5, 0.75])
    limit = middle - 20 * max(high - middle, 0.05)
    for ax, panel in zip(axes[0], panels, strict=True):
        for row, name in enumerate(names):
            _dot(ax, theirs[theirs[x] == panel], name, row + 0.18, limit, "paper ")
            _dot(ax, ours[ours[x] == panel], name, row, limit, "")
        ax.set(title=str(panel).replace("_", " "), ylim=(len(names) - 0.4, -0.6))
        ax.set_yticks(
            range(len(names)),
            [model_style(m)[0] + " + real" * (t == "synthetic+real") for m, t in names],
        )
    fig.supxlabel(model_label(METRICS, frame["metric"].iloc[0]), fontsize=10)
    fig.suptitle(origin_note(frame, paper), x=0.01, ha="left")
    return fig


def _dot(ax, rows, name, y, limit, whose):
    """Draw mean and interval of one model; the paper's hollow and without interval."""
    values = rows.loc[(rows["model"] == name[0]) & (rows["train"] == name[1]), "value"]
    if values.empty:
        return
    (mean, half), (_, colour, marker) = mean_interval(values), model_style(name[0])
    face, half = ("white", np.nan) if whose else (colour, half)
    if name[0] == "real" and not whose:
        ax.axvline(mean, color=GREY, ls="--", lw=1)
    if mean < limit:
        ax.text(
            0.02,
            y,
            f"◂ {whose}{mean:.3g}",
            transform=ax.get_yaxis_transform(),
            color=colour,
            va="center",
        )
        return
    ax.errorbar(mean, y, xerr=half, color=colour, marker=marker, mfc=face, capsize=3, ms=6)
