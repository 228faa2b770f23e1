"""Figures of fidelity (05, 09, 20): autocorrelation, distances over their floor, a map, lengths."""

import re
import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tst.plots.base import (
    GREY,
    SKY,
    WIDTH,
    evidence_note,
    format_log_axis,
    mean_and_half_width,
    model_style,
    panel_grid,
    without_twin,
)
from tst.vocabulary import in_words, metric_label

LEAST_SHOWN = 1e-3  # a distance of 0 has no place on a log axis
TITLE_WIDTH = 21  # characters of a metric's name in a line
MOST_CLASSES = 12  # panels of lengths; of more classes the largest
DASHES = ("-", "--", ":")  # of models: where lines lie on each other, all are seen
FEW_CLASSES = 6  # have two panels a row
UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "D": "days"}


def autocorrelation(frame: pd.DataFrame, interval: str) -> Figure:
    """Draw mean autocorrelation against the lag, a panel a feature.

    Parameters
    ----------
    frame
        Columns model, feature, lag, value; model real is dark and drawn last.
    interval
        Time between two steps (5min), or what a step is (packet), for the axis.
    """
    features = list(dict.fromkeys(frame["feature"]))
    models = _real_last(frame)
    n_columns = min(len(features), 3)
    fig, _ = panel_grid(len(features), 3, (WIDTH - 0.9) / n_columns, 2.1, sharey=True)
    for ax, feature in zip(fig.axes, features, strict=True):
        for i, model in enumerate(models):
            rows = frame[(frame["feature"] == feature) & (frame["model"] == model)]
            rows = rows.sort_values("lag")
            style = model_style(model, i)
            ax.plot(
                rows["lag"],
                rows["value"],
                color=style.colour,
                label=style.label,
                lw=2 if model == "real" else 1.2,
                marker=style.marker,
                markevery=max(1, len(rows) // 6),
                ms=4,
            )
        ax.axhline(0, color=GREY, lw=0.6)
        ax.set(
            title=in_words(feature), xlabel=f"lag ({_steps(interval)})", ylabel="autocorrelation"
        )
        ax.label_outer()
    handles, labels = fig.axes[0].get_legend_handles_labels()
    fig.legend(
        [handles[-1], *handles[:-1]],
        [labels[-1], *labels[:-1]],
        loc="outside upper left",
        ncols=len(labels),
        handlelength=1.5,
        handletextpad=0.4,
        columnspacing=1.1,
        frameon=False,
        fontsize=9,
    )
    return fig


def _steps(interval: str) -> str:
    """Return in words what is counted in steps of an interval: days, steps of 5 minutes."""
    if not interval[0].isdigit():
        return f"{interval}s"
    match = re.fullmatch(r"(\d+)([a-zA-Z]+)", interval)
    if match is None or match[2] not in UNITS:
        return f"steps of {interval}"
    return UNITS[match[2]] if match[1] == "1" else f"steps of {match[1]} {UNITS[match[2]]}"


def distance_over_floor(frame: pd.DataFrame) -> Figure:
    """Draw each distance of each model over that of the real-versus-real floor, on a log axis.

    A metric whose floor is 0 or missing has no panel; a dotted line is the distance of noise.
    TST at its donors' lengths is left out where it is TST itself.

    Parameters
    ----------
    frame
        Tidy rows of one data set: model (with real_floor, and noise where measured), metric, seed,
        value.
    """
    frame = without_twin(frame)
    metrics = [m for m in dict.fromkeys(frame["metric"]) if _mean(frame, "real_floor", m) > 0]
    models = [m for m in dict.fromkeys(frame["model"]) if m not in ("real_floor", "noise")]
    fig, _ = panel_grid(len(metrics), 4, 1.8, 0.24 * len(models) + 0.6, sharey=True)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        floor = _mean(frame, "real_floor", metric)
        noise = _mean(frame, "noise", metric)
        ax.axvline(1, color=GREY, ls="--", lw=1)
        if noise > 0:
            ax.axvline(noise / floor, color=SKY, ls=":", lw=1.2)
        for row, model in enumerate(models):
            _draw_ratio(ax, row, model, _values(frame, model, metric) / floor)
        title = textwrap.fill(metric_label(metric), TITLE_WIDTH)
        ax.set(xscale="log", ylim=(len(models) - 0.4, -0.6))
        ax.set_title(title, fontsize=9.5)
        ax.set_yticks(range(len(models)), [model_style(m).label for m in models])
        format_log_axis(ax.xaxis)
    fig.supxlabel(
        "distance over that between two real halves; smaller is better (dashed: 1; dotted: noise)",
        fontsize=10,
    )
    fig.suptitle(evidence_note(frame, None), x=0.01, ha="left")
    return fig


def _draw_ratio(ax: Axes, row: int, model: str, ratios: pd.Series) -> None:
    """Draw the mean of a model's distances over the floor, and its interval over seeds.

    Both on the logarithm, as the axis is: the mean is the geometric one.
    """
    style = model_style(model, row)
    mean, half_width = mean_and_half_width(np.log(ratios.clip(lower=LEAST_SHOWN)))
    ends = [[np.exp(mean) - np.exp(mean - half_width)], [np.exp(mean + half_width) - np.exp(mean)]]
    ax.errorbar(
        np.exp(mean),
        row,
        xerr=None if np.isnan(half_width) else ends,
        color=style.colour,
        marker=style.marker,
        capsize=3,
        ms=6,
    )


def embedding(frame: pd.DataFrame) -> Figure:
    """Draw a map of series: real ones alone, then a panel a generator with real ones in grey.

    Parameters
    ----------
    frame
        Columns model, x, y: a row a series.
    """
    models = sorted(dict.fromkeys(frame["model"]), key=lambda model: model != "real")
    fig, _ = panel_grid(len(models), 4, 1.8, 1.8, sharey=True)
    real = frame[frame["model"] == "real"]
    for i, (ax, model) in enumerate(zip(fig.axes, models, strict=True)):
        rows = frame[frame["model"] == model]
        style = model_style(model, i)
        ax.scatter(real["x"], real["y"], s=8, color=GREY, alpha=0.35, lw=0)
        ax.scatter(rows["x"], rows["y"], s=8, color=style.colour, alpha=0.6, lw=0)
        ax.set(xticks=[], yticks=[])
        ax.set_title(style.label, color=style.colour)
        ax.grid(False)
    fig.supxlabel(
        "each dot is a series (grey: real); only which dots lie near each other has a meaning",
        fontsize=10,
    )
    return fig


def lengths_by_class(frame: pd.DataFrame) -> Figure:
    """Draw the share of series at least as long as each length, a panel a class, a line a model.

    Of many classes those with the most real series are shown.

    Parameters
    ----------
    frame
        Columns model, label, length (steps); model real is dark and drawn last.
    """
    n_classes = frame["label"].nunique()
    labels = sorted(_counted(frame).value_counts().index[:MOST_CLASSES])
    models = _real_last(frame)
    is_many = len(labels) > FEW_CLASSES
    columns, height = (3, 1.5) if is_many else (2, 1.9)
    fig, _ = panel_grid(len(labels), columns, 7.0 / columns, height, sharey=True)
    longest = frame["length"].max()
    for ax, label in zip(fig.axes, labels, strict=True):
        for i, model in enumerate(models):
            rows = frame[(frame["model"] == model) & (frame["label"] == label)]
            if not len(rows):
                continue
            style = model_style(model, i)
            steps, share = share_at_least(rows["length"])
            looks = {"lw": 2.0} if model == "real" else {"lw": 1.5, "ls": DASHES[i % len(DASHES)]}
            ax.step(steps, share, color=style.colour, label=style.label, where="pre", **looks)
        ax.set(
            xscale="log",
            xlim=(0.95, 1.05 * longest),
            ylim=(0, 102),
            title=label,
            xlabel="length (steps, log scale)",
            ylabel="this long or longer (%)",
        )
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.label_outer()
    lines: dict[str, Line2D] = {}
    for ax in fig.axes:
        for line in ax.lines:
            lines[str(line.get_label())] = line
    handles = list(lines.values())
    fig.legend(handles, list(lines), loc="outside upper left", ncols=len(lines), frameon=False)
    if n_classes > len(labels):
        note = f"the {len(labels)} largest of {n_classes} classes"
        fig.text(0.995, 0.995, note, ha="right", va="top", color=GREY)
    return fig


def _counted(frame: pd.DataFrame) -> pd.Series:
    """Return the labels by which classes are counted: of real series, or of all without them."""
    is_real = frame["model"] == "real"
    return frame.loc[is_real if is_real.any() else ~is_real, "label"]


def share_at_least(lengths: np.ndarray | pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps from 1 to one beyond the longest length, and how many series reach each.

    In %; the last is 0, so that a line ends where the series do.
    """
    lengths = np.sort(lengths)
    steps = np.arange(1, lengths[-1] + 2)
    return steps, 100 - 100 * np.searchsorted(lengths, steps) / len(lengths)


def _real_last(frame: pd.DataFrame) -> list[str]:
    """Return the models of a frame in their order, model real at the end, drawn over the others."""
    return sorted(dict.fromkeys(frame["model"]), key=lambda model: model == "real")


def _values(frame: pd.DataFrame, model: str, metric: str) -> pd.Series:
    return frame.loc[(frame["model"] == model) & (frame["metric"] == metric), "value"]


def _mean(frame: pd.DataFrame, model: str, metric: str) -> float:
    values = _values(frame, model, metric)
    return values.mean() if len(values) else np.nan
