"""Figures of notebook 06 alone: the score against the share of real data added, and F1 by class."""

import matplotlib.pyplot as plt
import numpy as np

from tst.plots import METRICS, _interval, _label_ends, _look, _name, _where, scores

CLASSES = {"gcut": ("EVICT", "FAIL", "FINISH", "KILL")}


def shares(frame, paper=None):
    """Draw the score against the share of real data added (0 to 1), a line a model with its interval over seeds."""
    fig, ax = plt.subplots(figsize=(7.4, 4), layout="constrained")
    sources = [(frame, "", "-")] if paper is None else [(frame, "", "-"), (paper, ", paper", ":")]
    grid, ends = sorted({share for rows, _, _ in sources for share in rows["share"]}), []
    for rows, whose, line in sources:
        for i, (model, part) in enumerate(rows.groupby("model", sort=False)):
            (name, colour, marker), face = _look(model, i), "white" if whose else None
            at = [k for k, g in enumerate(grid) if g in set(part["share"])]
            mean, half = np.transpose([_interval(part.loc[part["share"] == grid[k], "value"]) for k in at])
            ax.errorbar(at, mean, half, color=colour, marker=marker, mfc=face, ls=line, capsize=3, lw=1.4)
            ends.append((mean[-1], name + whose, colour))
    ax.set_xticks(range(len(grid)), [f"{100 * g:g}" for g in grid])
    ax.set(
        xlabel="real training data added (%, not to scale)",
        ylabel=_name(METRICS, frame["metric"].iloc[0]),
        title=_where(frame, paper),
    )
    _label_ends(ax, len(grid) - 1, ends)
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
