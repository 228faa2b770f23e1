"""Figures of notebooks 15, 19, 21: ours and other projects' models on benchmarks and tables."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tst.plots.base import GREY, format_log_axis, model_style, panel_grid
from tst.vocabulary import METRICS, OWN_BUDGET, metric_label, model_label

PALE = "#808080"  # of what others report and nobody ran here
LOG = ("context_fid", "correlational_score")  # metrics that span decades
DASHES = ("--", ":")  # of the controls
TITLE_WIDTH = 26  # characters


def beside_peers(table: pd.DataFrame, published: pd.DataFrame, controls: list[str]) -> Figure:
    """Draw the mean of each model, a panel a metric, with 95 % intervals over trainings.

    Models that were run here are above, those that are published below, grey and hollow. Broken
    lines are the controls whose value is known beforehand.

    Parameters
    ----------
    table
        Columns model, metric, value, half_width: of the models and of the controls.
    published
        The same columns, of the papers.
    controls
        Keys of models that become lines.
    """
    metrics = list(dict.fromkeys(table["metric"]))
    run_here = [model for model in dict.fromkeys(table["model"]) if model not in controls]
    papers = [model for model in dict.fromkeys(published["model"])]
    rows = [*run_here, *papers]
    fig, _ = panel_grid(len(metrics), 3, 3.4, 0.22 * len(rows) + 0.8, sharey=True)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        _lines(ax, table[table["metric"] == metric], controls)
        for i, model in enumerate(run_here):
            style = model_style(model, i)
            _dot(ax, table, metric, model, i, color=style.colour, marker=style.marker)
        for i, model in enumerate(papers, len(run_here)):
            _dot(ax, published, metric, model, i, color=PALE, marker="o", mfc="white")
        ax.set_title(textwrap.fill(metric_label(metric), TITLE_WIDTH))
        ax.set_yticks(range(len(rows)), [model_label(model) for model in rows])
        for label in ax.get_yticklabels()[len(run_here) :]:
            label.set_color(PALE)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        if metric.endswith("auc"):
            low = table.loc[table["metric"] == metric, "value"].min()
            ax.set_xlim(min(0.45, low - 0.05), 1.02)  # chance and certainty, wherever models lie
        if metric in LOG:
            ax.set_xscale("log")
            format_log_axis(ax.xaxis)
    fig.legend(
        *fig.axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False
    )
    fig.supxlabel("lower is better; of an AUC, nearer 0.5; hollow: as published", fontsize=10)
    return fig


def against_budget(table: pd.DataFrame, metrics: list[str], limits: dict[str, float]) -> Figure:
    """Draw scores against core-seconds, a panel a metric, with 95 % intervals over trainings.

    A line leads from a generator's equal budget to its own (`OWN_BUDGET`). Two random halves of
    real windows, which cost no training, are a broken line, what a metric shall reach a dotted one.

    Parameters
    ----------
    table
        Columns model, metric, value, half_width; core_seconds is a metric of each generator.
    metrics
        A panel each, in this order.
    limits
        Of some metrics.
    """
    spent = table[table["metric"] == "core_seconds"].set_index("model")["value"]
    names = list(dict.fromkeys(model.removesuffix(OWN_BUDGET) for model in spent.index))
    fig, _ = panel_grid(len(metrics), 2, 4.2, 2.6)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        found = table[table["metric"] == metric].set_index("model")
        for i, name in enumerate(names):
            style = model_style(name, i)
            points = [
                key for key in (name, name + OWN_BUDGET) if key in spent and key in found.index
            ]
            means, errors = found.loc[points, "value"], found.loc[points, "half_width"].fillna(0)
            ax.errorbar(
                spent[points],
                means,
                yerr=errors,
                capsize=2,
                ms=5,
                color=style.colour,
                marker=style.marker,
                label=style.label,
            )
        for value in found.loc[found.index == "random_halves", "value"]:
            ax.axhline(value, color=GREY, ls="--", lw=0.9, label=model_label("random_halves"))
        if metric in limits:
            ax.axhline(limits[metric], color=PALE, ls=":", lw=0.9, label="limit")
        ax.set_title(metric_label(metric))
        ax.set_xscale("log")
        format_log_axis(ax.xaxis)
        if metric in LOG:
            ax.set_yscale("log")
            format_log_axis(ax.yaxis)
    fig.legend(
        *fig.axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=4, frameon=False
    )
    fig.supxlabel("core-seconds of training; of scores lower is better", size="medium")
    return fig


def _dot(ax: Axes, frame: pd.DataFrame, metric: str, model: str, row: int, **style: Any) -> None:
    """Draw a model's value and interval, where it has one."""
    found = frame[(frame["metric"] == metric) & (frame["model"] == model)]
    if len(found):
        value, half_width = found[["value", "half_width"]].iloc[0]
        ax.errorbar(value, row, xerr=np.nan_to_num(half_width), capsize=2, ms=5, **style)


def _lines(ax: Axes, frame: pd.DataFrame, controls: list[str]) -> None:
    """Draw a line for each control."""
    for model, dashes in zip(controls, DASHES, strict=False):
        for value in frame.loc[frame["model"] == model, "value"]:
            ax.axvline(value, color=GREY, ls=dashes, lw=0.9, label=model_label(model))


def by_table(rows: pd.DataFrame, metrics: list[str]) -> Figure:
    """Draw the mean of each model over seeds, a panel a metric, a line a table; real data in grey.

    Parameters
    ----------
    rows
        Columns dataset, model, seed, metric, value.
    metrics
        A panel each, in this order.
    """
    names = list(dict.fromkeys(rows["dataset"]))
    models = list(dict.fromkeys(rows["model"]))
    fig, _ = panel_grid(len(metrics), 3, 3.4, 0.3 * len(names) + 0.6, sharey=True)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        found = rows[rows["metric"] == metric].groupby(["model", "dataset"])["value"].mean()
        for i, model in enumerate(models):
            style = model_style("real" if model == "real_floor" else model, i)
            # Side by side, for many of them are 0.
            places = np.arange(len(names)) + 0.6 * ((i + 0.5) / len(models) - 0.5)
            values = [found.get((model, name), np.nan) for name in names]
            label = "held-out real series" if model == "real_floor" else style.label
            ax.plot(values, places, ls="", marker=style.marker, color=style.colour, label=label)
        ax.set_title(textwrap.fill(metric_label(metric), TITLE_WIDTH))
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.5, -0.5)
        if METRICS[metric].unit:
            ax.set_xlabel(METRICS[metric].unit, size="small")
    fig.legend(
        *fig.axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=4, frameon=False
    )
    fig.supxlabel("lower is better; of an AUC, nearer 0.5", size="medium")
    return fig
