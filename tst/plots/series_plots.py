"""Figures of series: lengths, examples, statistics, correlations, and samples beside real ones.

Arrays are single series of shape (length,) or (length, n_features), in the units of the data set.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tst.plots.base import BLUE, GREY, model_style, panel_grid
from tst.plots.distance_plots import share_at_least
from tst.vocabulary import in_words

FEW_STEPS = 30  # shorter examples get a marker a step
FEW_SAMPLED_STEPS = 40  # the same, of samples
MOST_PAIRS = 8
MOST_SAMPLES = 4


def lengths(lengths_by_name: Mapping[str, Sequence[int] | np.ndarray]) -> Figure:
    """Draw the share of series at least as long as each length, on a log axis, a line a name.

    Parameters
    ----------
    lengths_by_name
        {key of a model, or another name: lengths in steps}.
    """
    fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    medians = []
    for i, (name, values) in enumerate(lengths_by_name.items()):
        style = model_style(name, i)
        steps, share = share_at_least(values)
        ax.step(steps, share, color=style.colour, lw=1.8)
        median = np.median(values)
        text = f"{style.label}: median {median:g} (n = {len(values):,})"
        medians.append((median, text, style.colour))
    for row, (_, text, colour) in enumerate(sorted(medians)):
        ax.text(
            0.98,
            0.96 - 0.08 * row,
            text,
            color=colour,
            transform=ax.transAxes,
            ha="right",
            va="top",
        )
    ax.set(
        xscale="log",
        ylim=(0, 102),
        xlabel="length (steps, log scale)",
        ylabel="series at least this long (%)",
    )
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return fig


def examples(
    arrays: Sequence[np.ndarray], feature_names: Sequence[str], title: str, unit: str = ""
) -> Figure:
    """Draw example series as small multiples: a row a feature and a column a series.

    Series of one feature get a panel each, four in a row.

    Parameters
    ----------
    arrays
        Series of shape (length, n_features).
    unit
        Unit of all features; empty: none.
    """
    if len(feature_names) == 1:
        return _examples_of_one_feature(arrays, feature_names[0], title, unit)
    n = len(arrays)
    fig, axes = panel_grid(n * len(feature_names), n, 2.7, 0.9)
    for j, name in enumerate(feature_names):
        for i, array in enumerate(arrays):
            _draw_example(axes[j, i], np.asarray(array)[:, j])
        axes[j, 0].set_ylabel(in_words(name), rotation=0, ha="right", va="center")
    for ax in axes[-1]:
        ax.set_xlabel("step")
    fig.suptitle(f"{title}; all values in {unit}" if unit else title, x=0.01, ha="left")
    return fig


def _examples_of_one_feature(
    arrays: Sequence[np.ndarray], feature_name: str, title: str, unit: str
) -> Figure:
    """Draw a panel a series."""
    fig, axes = panel_grid(len(arrays), 4, 2.7, 1.6)
    for ax, array in zip(fig.axes, arrays, strict=True):
        _draw_example(ax, np.asarray(array)[:, 0])
        ax.set_xlabel("step")
    for ax in axes[:, 0]:
        ax.set_ylabel(f"{feature_name} ({unit})" if unit else in_words(feature_name))
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def _draw_example(ax: Axes, values: np.ndarray) -> None:
    marker = "." if len(values) < FEW_STEPS else None
    ax.plot(values, color=GREY, lw=1, marker=marker)
    ax.tick_params(labelsize=8)


def comparison(frame: pd.DataFrame) -> Figure:
    """Draw each statistic in its panel, a dot a source with its value.

    Parameters
    ----------
    frame
        Columns statistic, source (published, real, simulated), value.
    """
    statistics = list(dict.fromkeys(frame["statistic"]))
    sources = [s for s in ("published", "real", "simulated") if s in set(frame["source"])]
    fig, _ = panel_grid(len(statistics), 4, 2.5, 0.35 * len(sources) + 0.5, sharey=True)
    for ax, statistic in zip(fig.axes, statistics, strict=True):
        rows = frame[frame["statistic"] == statistic]
        for source, value in zip(rows["source"], rows["value"], strict=True):
            style = model_style(source)
            position = (value, sources.index(source))
            ax.plot(*position, style.marker, color=style.colour, ms=7)
            text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
            ax.annotate(text, position, (8, 0), textcoords="offset points", va="center")
        low = min(0, rows["value"].min())
        high = max(0, rows["value"].max())
        margin = high - low  # room for the values at the right of their dots
        ax.set(xlabel=statistic, xlim=(low - 0.05 * margin, high + 0.45 * margin + 1e-9))
        ax.set(yticks=range(len(sources)), yticklabels=sources, ylim=(len(sources) - 0.5, -0.5))
    return fig


def pearson(matrices_by_name: Mapping[str, np.ndarray], feature_names: Sequence[str]) -> Figure:
    """Draw Pearson correlation matrices side by side on one scale from -1 to 1.

    Parameters
    ----------
    matrices_by_name
        {key of a model, or another name: matrix of shape (n_features, n_features)}.
    """
    names = [in_words(name) for name in feature_names]
    fig, axes = panel_grid(len(matrices_by_name), len(matrices_by_name), 3.1, 3.9, sharey=True)
    for i, (ax, (name, matrix)) in enumerate(zip(fig.axes, matrices_by_name.items(), strict=True)):
        image = ax.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r")
        style = model_style(name, i)
        ax.set_title(style.label, color=style.colour)
        ax.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(names)), names)
        ax.grid(False)
    fig.colorbar(image, ax=axes, shrink=0.6, label="Pearson correlation")
    return fig


def generated(
    real_arrays: Sequence[np.ndarray],
    synthetic_arrays: Sequence[np.ndarray],
    n_seed_steps: int,
    feature_name: str,
    unit: str = "",
) -> Figure:
    """Draw pairs of one feature: the real donor in grey, what grew from its first steps in blue.

    Parameters
    ----------
    real_arrays, synthetic_arrays
        Series of shape (length,); the first eight pairs are drawn.
    n_seed_steps
        The real steps that generation starts from, shaded; 0: none.
    """
    pairs = list(zip(real_arrays, synthetic_arrays, strict=False))[:MOST_PAIRS]
    fig, axes = panel_grid(len(pairs), 4, 2.8, 1.6)
    for ax, (real, synthetic) in zip(fig.axes, pairs, strict=True):
        if n_seed_steps:
            ax.axvspan(
                -0.5,
                n_seed_steps - 0.5,
                color="#DDDDDD",
                lw=0,
                label=f"the {n_seed_steps} real seed steps",
            )
        is_short = max(len(real), len(synthetic)) < FEW_SAMPLED_STEPS
        marker = "o" if is_short else None
        ax.plot(np.ravel(real), color=GREY, lw=1.2, marker=marker, ms=3, label="real")
        ax.plot(np.ravel(synthetic), color=BLUE, lw=1.2, marker=marker, ms=2, label="synthetic")
        ax.set(xlabel="step")
    for ax in axes[:, 0]:
        ax.set_ylabel(in_words(feature_name) + (f"\n({unit})" if unit else ""))
    handles, names = fig.axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper left", ncols=3, frameon=False)
    return fig


def real_above_samples(
    real_arrays: Sequence[np.ndarray],
    synthetic_arrays: Sequence[np.ndarray],
    feature_name: str,
    unit: str = "",
    log: bool = False,
) -> Figure:
    """Draw real series in the upper row and samples of no donor in the lower one, on one y axis.

    Parameters
    ----------
    real_arrays, synthetic_arrays
        Series of shape (length,); the first four of each are drawn.
    log
        Draw the values plus 1 on a log axis.
    """
    n = min(len(real_arrays), len(synthetic_arrays), MOST_SAMPLES)
    fig, axes = plt.subplots(
        2, n, figsize=(2.6 * n + 0.8, 4), squeeze=False, sharey=True, layout="constrained"
    )
    label = in_words(feature_name)
    if log:
        label += " + 1"
    if unit:
        label += f" ({unit})"
    _draw_row(axes[0], real_arrays, "real", GREY, log)
    _draw_row(axes[1], synthetic_arrays, "TST, no seed", BLUE, log)
    for ax in axes[:, 0]:
        ax.set_ylabel(label)
    for ax in axes[1]:
        ax.set_xlabel("step")
    return fig


def _draw_row(
    row: np.ndarray, arrays: Sequence[np.ndarray], title: str, colour: str, log: bool
) -> None:
    """Draw a series in each panel of a row, as far as there are panels."""
    for ax, array in zip(row, arrays, strict=False):
        values = np.ravel(array)
        marker = "o" if len(values) < FEW_SAMPLED_STEPS else None
        ax.plot(values + 1 if log else values, color=colour, lw=1, marker=marker, ms=2.5)
        if log:
            ax.set_yscale("log")
    row[0].set_title(title, color=colour, loc="left")
