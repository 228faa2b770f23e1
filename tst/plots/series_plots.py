"""Figures of series: lengths, examples, statistics, correlations, and samples beside real ones.

Arrays are single series of shape (length,) or (length, n_features), in the units of the data set.
"""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from tst.plots.base import (
    GREY,
    PURPLE,
    WIDTH,
    format_log_axis,
    format_values,
    model_style,
    panel_grid,
)
from tst.plots.distance_plots import share_at_least
from tst.vocabulary import MODELS, in_words, model_label

FEW_STEPS = 30  # shorter examples get a marker a step
FEW_SAMPLED_STEPS = 40  # the same, of samples
NAME_WIDTH = 20  # characters of a series' name in a line
FEATURE_WIDTH = 16  # characters of a feature's name in a line
LABEL_WIDTH = 36  # characters of a statistic's name in a line
MOST_PAIRS = 8
MOST_SAMPLES = 4
COLUMNS = 2  # of labels above a figure of lengths
ABOVE = 0.08  # of the height of its axes, between two rows of them
ROW_HEIGHT = 0.62  # inches of a row of examples, of which a set has up to nine
NEAR = (1 / 1.25, 1.25)  # what a simulated statistic may be of the real one and count as met
SHARES = ("share", "rank correlation", "autocorrelation")  # statistics between -1 and 1


def lengths(lengths_by_name: Mapping[str, Sequence[int] | np.ndarray]) -> Figure:
    """Draw the share of series at least as long as each length, on a log axis, a line a name.

    Parameters
    ----------
    lengths_by_name
        {key of a model, or another name: lengths in steps}.
    """
    fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for i, (name, values) in enumerate(lengths_by_name.items()):
        style = model_style(name, i)
        steps, share = share_at_least(values)
        ax.step(steps, share, color=style.colour, lw=1.8, where="pre")
        text = f"{style.label}: median {np.median(values):g} (n = {len(values):,})"
        above = (i % COLUMNS / COLUMNS, 1.04 + ABOVE * (i // COLUMNS))
        ax.text(*above, text, color=style.colour, transform=ax.transAxes)
    ax.set(
        xscale="log",
        ylim=(0, 102),
        xlabel="length (steps, log scale)",
        ylabel="series at least this long (%)",
    )
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return fig


def examples(
    arrays: Sequence[np.ndarray],
    feature_names: Sequence[str],
    title: str,
    units: Sequence[str] = (),
    names: Sequence[str] = (),
) -> Figure:
    """Draw example series as small multiples: a row a feature and a column a series.

    Series of one feature get a panel each, four in a row.

    Parameters
    ----------
    arrays
        Series of shape (length, n_features).
    units
        Of the features; one that all share stands in the title. Empty: none.
    names
        Of the series, each above its first panel. Empty: none.
    """
    shared = units[0] if len(set(units)) == 1 else ""
    if len(feature_names) == 1:
        return _examples_of_one_feature(arrays, feature_names[0], title, shared, names)
    n = len(arrays)
    fig, axes = panel_grid(n * len(feature_names), n, 1.75, ROW_HEIGHT)
    for j, name in enumerate(feature_names):
        for i, array in enumerate(arrays):
            _draw_example(axes[j, i], np.asarray(array)[:, j])
        unit = f"\n({units[j]})" if units and units[j] and not shared else ""
        label = f"{textwrap.fill(in_words(name), FEATURE_WIDTH)}{unit}"
        axes[j, 0].set_ylabel(label, rotation=0, ha="right", va="center")
    _name_series(axes[0], names)
    for ax in axes[:-1].flat:
        ax.tick_params(labelbottom=False)
    for ax in axes[-1]:
        ax.set_xlabel("step")
    fig.suptitle(f"{title}; all values in {shared}" if shared else title, x=0.01, ha="left")
    return fig


def _examples_of_one_feature(
    arrays: Sequence[np.ndarray],
    feature_name: str,
    title: str,
    unit: str,
    names: Sequence[str],
) -> Figure:
    """Draw a panel a series."""
    fig, axes = panel_grid(len(arrays), 4, 1.8, 1.5)
    for ax, array in zip(fig.axes, arrays, strict=True):
        _draw_example(ax, np.asarray(array)[:, 0])
        ax.set_xlabel("step")
    _name_series(fig.axes, names)
    for ax in axes[:, 0]:
        ax.set_ylabel(_axis_label(feature_name, unit, log=False))
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def _name_series(axes: Sequence[Axes] | np.ndarray, names: Sequence[str]) -> None:
    """Write the name of each series above a panel of it, as far as they have names."""
    for ax, name in zip(axes, names, strict=False):
        ax.set_title(textwrap.fill(name, NAME_WIDTH), fontsize=9.5)


def _draw_example(ax: Axes, values: np.ndarray) -> None:
    marker = "." if len(values) < FEW_STEPS else None
    ax.plot(values, color=GREY, lw=1, marker=marker)
    ax.tick_params(labelsize=8)
    format_values(ax.yaxis, values)


def comparison(frame: pd.DataFrame) -> Figure:
    """Draw what a simulator gives beside what is known, a row a statistic.

    Above, statistics with a unit as the simulated value over the known one, on a log axis; below,
    shares and correlations as they are, the known value hollow. Both values are written.

    Parameters
    ----------
    frame
        Columns statistic, source (published, real, simulated), value.
    """
    wide = frame.pivot_table(index="statistic", columns="source", values="value", sort=False)
    known = wide.reindex(columns=["published", "real"]).bfill(axis=1).iloc[:, 0]
    simulated = wide.reindex(columns=["simulated"]).iloc[:, 0].fillna(known)
    kinds = wide.index.str.contains("|".join(SHARES))
    parts = [rows for rows in (wide.index[~kinds], wide.index[kinds]) if len(rows)]
    heights = [len(rows) + 1 for rows in parts]
    is_long = wide.index.str.len().max() > LABEL_WIDTH
    row_height = 0.36 if is_long else 0.27
    fig = plt.figure(figsize=(WIDTH, row_height * sum(heights) + 0.8), layout="constrained")
    axes = fig.subplots(len(parts), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for ax, names in zip(axes[:, 0], parts, strict=True):
        if kinds[wide.index.get_loc(names[0])]:
            _draw_shares(ax, known[names], simulated[names])
        else:
            _draw_ratios(ax, known[names], simulated[names])
        ax.set_yticks(range(len(names)), [_wrapped(name) for name in names], fontsize=8.5)
        ax.set_ylim(len(names) - 0.4, -0.6)
        for y, name in enumerate(names):
            text = f"{_short(known[name])} known, {_short(simulated[name])} simulated"
            ax.text(1.01, y, text, transform=ax.get_yaxis_transform(), va="center", fontsize=8)
    return fig


def _wrapped(name: str) -> str:
    """Return the name of a statistic in lines of LABEL_WIDTH."""
    return textwrap.fill(in_words(name), LABEL_WIDTH)


def _short(value: float) -> str:
    """Return a number with three digits, whole from 1,000 on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _draw_ratios(ax: Axes, known: pd.Series, simulated: pd.Series) -> None:
    """Draw the simulated values over the known ones, within the band that counts as met."""
    ax.axvspan(*NEAR, color="#EEEEEE", lw=0)
    ax.axvline(1, color=GREY, ls="--", lw=1)
    ax.plot(simulated / known, range(len(known)), "s", color=PURPLE, ms=6)
    ax.set(xscale="log", xlabel="simulated over known (dashed: 1; band: within a quarter)")
    format_log_axis(ax.xaxis)
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))


def _draw_shares(ax: Axes, known: pd.Series, simulated: pd.Series) -> None:
    """Draw both values, with a line between them."""
    rows = range(len(known))
    ax.hlines(rows, known, simulated, color="#BBBBBB", lw=1.5)
    ax.plot(known, rows, "o", mfc="white", mec=GREY, ms=7)
    ax.plot(simulated, rows, "s", color=PURPLE, ms=5)
    ax.set(xlabel="share or correlation (hollow: known; square: simulated)")


def pearson(matrices_by_name: Mapping[str, np.ndarray], feature_names: Sequence[str]) -> Figure:
    """Draw Pearson correlation matrices side by side on one scale from -1 to 1.

    Parameters
    ----------
    matrices_by_name
        {key of a model, its label with more behind a comma, or another name: matrix of shape
        (n_features, n_features)}.
    """
    names = [in_words(name) for name in feature_names]
    fig, axes = panel_grid(len(matrices_by_name), 2, 3.4, 2.7, sharey=True)
    for i, (ax, (name, matrix)) in enumerate(zip(fig.axes, matrices_by_name.items(), strict=True)):
        image = ax.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r")
        ax.set_title(model_label(name), color=_colour(name, i))
        ax.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(names)), names)
        ax.grid(False)
    for ax in fig.axes[: -axes.shape[1]]:
        ax.tick_params(labelbottom=False)
    fig.colorbar(image, ax=axes, shrink=0.6, label="Pearson correlation")
    return fig


def _colour(name: str, position: int) -> str:
    """Return the colour of a model that a key names, or a label with more behind a comma."""
    label = name.partition(",")[0]
    keys = [key for key, known in MODELS.items() if known == label]
    return model_style(keys[0] if keys else name, position).colour


def generated(
    real_arrays: Sequence[np.ndarray],
    synthetic_arrays: Sequence[np.ndarray],
    n_seed_steps: int,
    feature_name: str,
    unit: str = "",
    model: str = "tst_paper",
    log: bool = False,
) -> Figure:
    """Draw pairs of one feature: a real series in grey, a synthetic one in colour.

    With real first steps the real one is the donor of these; else the two do not belong together.

    Parameters
    ----------
    real_arrays, synthetic_arrays
        Series of shape (length,); the first eight pairs are drawn.
    n_seed_steps
        The real steps that generation starts from, shaded; 0: none.
    model
        Key of the generator, for its label and colour.
    log
        Draw the values plus 1 on a log axis.
    """
    style = model_style(model)
    pairs = list(zip(real_arrays, synthetic_arrays, strict=False))[:MOST_PAIRS]
    fig, axes = panel_grid(len(pairs), 2 if len(pairs) <= MOST_SAMPLES else 4, 3.5, 1.5)
    for ax, (real, synthetic) in zip(fig.axes, pairs, strict=True):
        if n_seed_steps:
            label = f"the donor's first {n_seed_steps} steps"
            ax.axvspan(-0.5, n_seed_steps - 0.5, color="#DDDDDD", lw=0, label=label)
        has_markers = max(len(real), len(synthetic)) < FEW_SAMPLED_STEPS
        label = "real donor" if n_seed_steps else "real"
        _draw_line(ax, real, GREY, label, log, 3.5 * has_markers)
        _draw_line(ax, synthetic, style.colour, style.label, log, 2.5 * has_markers)
    _label_steps(fig, axes, _axis_label(feature_name, unit, log))
    handles, names = fig.axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper left", ncols=3, frameon=False)
    return fig


def real_above_samples(
    real_arrays: Sequence[np.ndarray],
    synthetic_arrays: Sequence[np.ndarray],
    feature_name: str,
    unit: str = "",
    log: bool = False,
    model: str = "tst",
) -> Figure:
    """Draw real series in the upper row and samples of no donor in the lower one, on one y axis.

    Parameters
    ----------
    real_arrays, synthetic_arrays
        Series of shape (length,); the first four of each are drawn.
    log
        Draw the values plus 1 on a log axis.
    model
        Key of the generator, for its label and colour.
    """
    n = min(len(real_arrays), len(synthetic_arrays), MOST_SAMPLES)
    size = (min(1.9 * n + 0.9, WIDTH), 3.6)
    fig, axes = plt.subplots(2, n, figsize=size, squeeze=False, sharey=True, layout="constrained")
    for ax in fig.axes:
        ax.locator_params(axis="x", integer=True, nbins=4)
    _draw_row(axes[0], real_arrays, "real", log)
    _draw_row(axes[1], synthetic_arrays, model, log)
    _label_steps(fig, axes, _axis_label(feature_name, unit, log))
    return fig


def _axis_label(feature_name: str, unit: str, log: bool) -> str:
    """Return the name of a feature with its unit."""
    label = in_words(feature_name) + (" + 1" if log else "")
    return f"{label} ({unit})" if unit else label


def _label_steps(fig: Figure, axes: np.ndarray, y_label: str) -> None:
    """Write the name of y once for all panels, and `step` under the lowest ones."""
    fig.supylabel(y_label, fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("step")


def _draw_line(
    ax: Axes, values: np.ndarray, colour: str, label: str, log: bool, size: float
) -> None:
    """Draw a series, with markers of that size in points, 0: none."""
    values = np.ravel(values)
    ax.plot(values + 1 if log else values, color=colour, lw=1, marker="o", ms=size, label=label)
    ax.tick_params(labelsize=8)
    if log:
        ax.set_yscale("log")
        format_log_axis(ax.yaxis)
    else:
        format_values(ax.yaxis, np.array(ax.get_ylim()))


def _draw_row(row: np.ndarray, arrays: Sequence[np.ndarray], model: str, log: bool) -> None:
    """Draw a series in each panel of a row, as far as there are panels."""
    style = model_style(model)
    for ax, array in zip(row, arrays, strict=False):
        size = 2.5 * (len(array) < FEW_SAMPLED_STEPS)
        _draw_line(ax, array, style.colour, style.label, log, size)
    row[0].set_title(style.label, color=style.colour, loc="left")
