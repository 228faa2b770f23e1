"""Figures of scores on real test data (06, 07): by model, by share of real data added, by class."""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tst.plots.base import (
    GREY,
    HEIGHT,
    WIDTH,
    evidence_note,
    label_line_ends,
    mean_and_half_width,
    model_style,
    panel_grid,
    without_twin,
)
from tst.vocabulary import CLASSES, CLASSIFIERS, REGRESSORS, in_words, metric_label

# A mean further below the median of all scores than this many times the distance from the median
# to the upper quartile is written, not drawn: it would flatten the others.
FAR_BELOW = 20
DODGE = 0.09  # of a step of x between two models, so that their intervals do not hide each other
MOST_PANELS = 5  # in a row
TITLE_WIDTH = 60  # characters of the titles of a row together
MOST_TICKS = 15  # on the x axes of a row
RANGES = {"accuracy": (0.0, 1.0)}  # of scores that know one: all panels show the whole of it
HIGHER = "higher is better"  # of all scores here
F1_LABEL = f"mean F1 of each class on real test data; {HIGHER}"
MOST_COLUMNS = 10  # classes; more are rows, whose names have room
LONG_NAME = 12  # characters; longer names of columns are turned
DARK = 0.6  # F1 above which a cell is so dark that its number is white
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
    fig, ax = plt.subplots(figsize=(6.6, 4), layout="constrained")
    sources = [frame] if paper is None else [frame, paper]
    grid = sorted({share for rows in sources for share in rows["share"]})
    ends = []
    n_models = frame["model"].nunique()
    for rows in sources:
        is_paper = rows is paper
        for i, (model, part) in enumerate(rows.groupby("model", sort=False)):
            aside = 0.0 if is_paper else DODGE * (i - (n_models - 1) / 2)
            style = model_style(model, i)
            measured = set(part["share"])
            positions = [k for k, share in enumerate(grid) if share in measured]
            scores_by_share = [part.loc[part["share"] == grid[k], "value"] for k in positions]
            mean, half_width = np.transpose([mean_and_half_width(v) for v in scores_by_share])
            ax.errorbar(
                np.add(positions, aside),
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
        ylabel=f"{metric_label(frame['metric'].iloc[0])}; {HIGHER}",
        title=evidence_note(frame, paper),
        ylim=(max(0.0, ax.get_ylim()[0]), min(1.0, ax.get_ylim()[1])),
    )
    label_line_ends(ax, len(grid) - 1 + DODGE * n_models / 2, ends)
    return fig


def f1(frame: pd.DataFrame, names: Sequence[str] = ()) -> Figure:
    """Draw the mean F1 of each model in each class as a table of colours, with its numbers.

    Parameters
    ----------
    frame
        Tidy rows of one data set: model, metric (f1_0, f1_1, ...), seed, value, and train where it
        differs.
    names
        Names of the classes; a class that is not among the test series has no column.
    """
    frame = without_twin(frame)
    if "train" not in frame:
        frame = frame.assign(train="synthetic")
    means = frame.groupby(["model", "train", "metric"], sort=False)["value"].mean().unstack()
    metrics = sorted(means.columns, key=lambda metric: int(metric.removeprefix("f1_")))
    is_real = means.index.get_level_values("model") == "real"
    shown = [
        metric for metric in metrics if not is_real.any() or (means[is_real][metric] > 0).any()
    ]
    means = pd.concat([means[is_real], means[~is_real]])[shown]
    means = means.set_axis(_row_labels(list(means.index)), axis="index")
    means = means.set_axis([_class_label(metric, frame, names) for metric in shown], axis="columns")
    if len(shown) > MOST_COLUMNS:
        return _table_of_colours(means.T, evidence_note(frame, None), is_turned=True)
    return _table_of_colours(means, evidence_note(frame, None), is_turned=False)


def _table_of_colours(means: pd.DataFrame, title: str, is_turned: bool) -> Figure:
    """Draw F1 (0 to 1) as a cell a row and column; `is_turned`: classes are the rows."""
    rows, columns = means.shape
    size = (min(0.78 * columns + 2.6, WIDTH), min(0.3 * rows + 1.3 + is_turned, HEIGHT))
    fig, ax = plt.subplots(figsize=size, layout="constrained")
    ax.imshow(means, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(means.to_numpy()):
        colour = "white" if value > DARK else "black"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8.5)
    ax.set_xticks(range(columns), means.columns)
    if max(map(len, means.columns)) > LONG_NAME or is_turned:
        plt.setp(ax.get_xticklabels(), rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(rows), means.index)
    ax.grid(False)
    ax.tick_params(length=0)
    ax.set_xlabel(F1_LABEL)
    ax.set_title(title)
    return fig


def _class_label(metric: str, frame: pd.DataFrame, names: Sequence[str]) -> str:
    """Return the name of a class, or its number."""
    k = int(metric.removeprefix("f1_"))
    names = list(names) or CLASSES.get(frame["dataset"].iloc[0], ())
    return str(names[k]) if k < len(names) else f"class {k}"


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
    frame = without_twin(frame)
    if "train" not in frame:
        frame = frame.assign(train="synthetic")
    panels = list(dict.fromkeys(frame[x]))
    names = list(dict.fromkeys(zip(frame["model"], frame["train"], strict=True)))
    names.sort(key=lambda name: name[0] != "real")
    columns = 2 if len(panels) == 4 else min(len(panels), MOST_PANELS)
    height = min(0.25 * len(names) + 0.4, HEIGHT / -(-len(panels) // columns) - 0.5)
    fig, _ = panel_grid(len(panels), columns, 6.6 / columns, height, sharey=True)
    for ax, panel in zip(fig.axes, panels, strict=True):
        for row, name in enumerate(names):
            if paper is not None:
                _draw_score(ax, paper[paper[x] == panel], name, row + 0.18, _least(frame), True)
            _draw_score(ax, frame[frame[x] == panel], name, row, _least(frame), False)
        title = textwrap.fill(_panel_label(panel), TITLE_WIDTH // columns)
        ax.set(title=title, ylim=(len(names) - 0.4, -0.6))
        ax.set_yticks(range(len(names)), _row_labels(names))
        ax.tick_params(axis="y", labelsize=8.5)
        ax.set_xlim(RANGES.get(frame["metric"].iloc[0], ax.get_xlim()))
        ax.locator_params(axis="x", nbins=MOST_TICKS // columns)
    fig.supxlabel(f"{metric_label(frame['metric'].iloc[0])}; {HIGHER} (dashed: real)", fontsize=10)
    fig.suptitle(evidence_note(frame, paper), x=0.01, ha="left")
    return fig


def _panel_label(panel: str) -> str:
    """Return the label of a classifier, a regressor or a metric."""
    labels: dict[str, str] = {**CLASSIFIERS, **REGRESSORS}  # type: ignore[dict-item]
    return labels.get(panel, in_words(panel))


def _least(frame: pd.DataFrame) -> float:
    """Return the least score that is drawn to scale."""
    median, upper = np.quantile(frame["value"], [0.5, 0.75])
    return median - FAR_BELOW * max(upper - median, LEAST_SPREAD)


def _row_labels(names: Sequence[tuple[str, str]]) -> list[str]:
    """Return the labels of rows (model, training set)."""
    labels = []
    for model, train in names:
        label = model_style(model).label
        has_real_added = train == "synthetic+real" and model != "real_twice"  # which is all real
        labels.append(f"{label} + real" if has_real_added else label)
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
