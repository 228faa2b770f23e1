"""Figures of scores on real test data (06, 07): by model, by share of real data added, by class."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tst.plots.base import (
    GREY,
    evidence_note,
    label_line_ends,
    mean_and_half_width,
    model_style,
)
from tst.vocabulary import CLASSES, in_words, metric_label

# A mean further below the median of all scores than this many times the distance from the median
# to the upper quartile is written, not drawn: it would flatten the others.
FAR_BELOW = 20
LEAST_SPREAD = 0.05  # the least distance that counts, in accuracy or R2


def shares(frame: pd.DataFrame, paper: pd.DataFrame | None = None) -> Figure:
    """Draw the score against the share of real data added, a line a model with its interval.

    Parameters
    ----------
    frame
        Tidy rows of one data set, metric and classifier: model, share (0 to 1), seed, value.
    paper
        The paper's rows with the same columns, drawn hollow and dotted.
    """
    fig, ax = plt.subplots(figsize=(7.4, 4), layout="constrained")
    sources = [frame] if paper is None else [frame, paper]
    grid = sorted({share for rows in sources for share in rows["share"]})
    ends = []
    for rows in sources:
        is_paper = rows is paper
        for i, (model, part) in enumerate(rows.groupby("model", sort=False)):
            style = model_style(model, i)
            measured = set(part["share"])
            positions = [k for k, share in enumerate(grid) if share in measured]
            scores_by_share = [part.loc[part["share"] == grid[k], "value"] for k in positions]
            mean, half_width = np.transpose([mean_and_half_width(v) for v in scores_by_share])
            ax.errorbar(
                positions,
                mean,
                half_width,
                color=style.colour,
                marker=style.marker,
                mfc="white" if is_paper else None,
                ls=":" if is_paper else "-",
                capsize=3,
                lw=1.4,
            )
            label = f"{style.label}, paper" if is_paper else style.label
            ends.append((mean[-1], label, style.colour))
    ax.set_xticks(range(len(grid)), [f"{100 * share:g}" for share in grid])
    ax.set(
        xlabel="real training data added (%, not to scale)",
        ylabel=metric_label(frame["metric"].iloc[0]),
        title=evidence_note(frame, paper),
    )
    label_line_ends(ax, len(grid) - 1, ends)
    return fig


def f1(frame: pd.DataFrame, paper: pd.DataFrame | None = None) -> Figure:
    """Draw F1 by class (metrics f1_0, f1_1, ...), a panel a class; arguments as in `scores`."""
    if paper is not None:
        paper = paper.fillna({"train": "synthetic"})
    fig = scores(frame, "metric", paper)
    names = CLASSES.get(frame["dataset"].iloc[0], ())
    for ax, metric in zip(fig.axes, dict.fromkeys(frame["metric"]), strict=True):
        k = int(metric.removeprefix("f1_"))
        title = f"class {k}, {names[k]}" if k < len(names) else f"class {k}"
        ax.set(title=title, xlim=(-0.03, 1.03))
    fig.supxlabel("F1 on real test data", fontsize=10)
    return fig


def scores(frame: pd.DataFrame, x: str, paper: pd.DataFrame | None = None) -> Figure:
    """Draw mean and interval over seeds, a panel a value of column `x`, a row a model.

    What a model was trained on tells its rows apart. The mean of model real is a dashed line; a
    value far below the rest is written at the edge with an arrow.

    Parameters
    ----------
    frame
        Tidy rows of one data set: model, metric, seed, value, `x`, and train where it differs.
    x
        classifier, regressor or metric.
    paper
        Rows of `claims.paper_numbers` with the same columns, one a place, drawn hollow.
    """
    if "train" not in frame:
        frame = frame.assign(train="synthetic")
    panels = list(dict.fromkeys(frame[x]))
    names = list(dict.fromkeys(zip(frame["model"], frame["train"], strict=True)))
    names.sort(key=lambda name: name[0] != "real")
    fig, axes = plt.subplots(
        1,
        len(panels),
        figsize=(2.3 * len(panels) + 1.8, 0.36 * len(names) + 1.2),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for ax, panel in zip(axes[0], panels, strict=True):
        for row, name in enumerate(names):
            if paper is not None:
                _draw_score(ax, paper[paper[x] == panel], name, row + 0.18, _least(frame), True)
            _draw_score(ax, frame[frame[x] == panel], name, row, _least(frame), False)
        ax.set(title=in_words(panel), ylim=(len(names) - 0.4, -0.6))
        ax.set_yticks(range(len(names)), _row_labels(names))
    fig.supxlabel(metric_label(frame["metric"].iloc[0]), fontsize=10)
    fig.suptitle(evidence_note(frame, paper), x=0.01, ha="left")
    return fig


def _least(frame: pd.DataFrame) -> float:
    """Return the least score that is drawn to scale."""
    median, upper = np.quantile(frame["value"], [0.5, 0.75])
    return median - FAR_BELOW * max(upper - median, LEAST_SPREAD)


def _row_labels(names: Sequence[tuple[str, str]]) -> list[str]:
    """Return the labels of rows (model, training set)."""
    labels = []
    for model, train in names:
        label = model_style(model).label
        labels.append(f"{label} + real" if train == "synthetic+real" else label)
    return labels


def _draw_score(
    ax: Axes, rows: pd.DataFrame, name: tuple[str, str], y: float, least: float, is_paper: bool
) -> None:
    """Draw mean and interval of one model; the paper's hollow and without interval."""
    model, train = name
    values = rows.loc[(rows["model"] == model) & (rows["train"] == train), "value"]
    if values.empty:
        return
    mean, half_width = mean_and_half_width(values)
    style = model_style(model)
    if model == "real" and not is_paper:
        ax.axvline(mean, color=GREY, ls="--", lw=1)
    if mean < least:
        ax.text(
            0.02,
            y,
            f"◂ paper {mean:.3g}" if is_paper else f"◂ {mean:.3g}",
            transform=ax.get_yaxis_transform(),
            color=style.colour,
            va="center",
        )
        return
    ax.errorbar(
        mean,
        y,
        xerr=np.nan if is_paper else half_width,
        color=style.colour,
        marker=style.marker,
        mfc="white" if is_paper else style.colour,
        capsize=3,
        ms=6,
    )
