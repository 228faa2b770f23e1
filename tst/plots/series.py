"""TODO"""

import matplotlib.pyplot as plt
import numpy as np

from tst.plots.base import BLUE, GREY, model_style, panel_grid


def lengths(lengths_by_name):
    """Draw the share of series at least as long as each length, on a log axis, a line a name; lengths in steps."""
    fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    medians = []
    for i, (name, values) in enumerate(lengths_by_name.items()):
        label, colour, _ = model_style(name, i)
        steps = np.arange(1, max(values) + 1)
        ax.step(
            steps,
            100 - 100 * np.searchsorted(np.sort(values), steps) / len(values),
            color=colour,
            lw=1.8,
        )
        medians.append(
            (
                np.median(values),
                f"{label}: median {np.median(values):g} (n = {len(values):,})",
                colour,
            )
        )
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


def examples(arrays, feature_names, title, unit=""):
    """Draw example series as small multiples: a row a feature and a column a series (one feature: a panel a series).

    `arrays` have shape (length, n_features); `unit` is that of all features.
    """
    single, n = len(feature_names) == 1, len(arrays)
    fig, axes = panel_grid(
        n if single else n * len(feature_names), 4 if single else n, 2.7, 1.6 if single else 0.9
    )
    for k, ax in enumerate(fig.axes):
        values = np.asarray(arrays[k if single else k % n])[:, 0 if single else k // n]
        ax.plot(values, color=GREY, lw=1, marker="." if len(values) < 30 else None)
        ax.tick_params(labelsize=8)
        if single or k >= n * (len(feature_names) - 1):
            ax.set_xlabel("step")
    for name, ax in zip(feature_names * (len(axes) if single else 1), axes[:, 0], strict=True):
        turn = {} if single else {"rotation": 0, "ha": "right", "va": "center"}
        ax.set_ylabel(f"{name} ({unit})" if single and unit else name.replace("_", " "), **turn)
    fig.suptitle(
        title if single or not unit else f"{title}; all values in {unit}", x=0.01, ha="left"
    )
    return fig


def comparison(frame):
    """Draw each statistic of `frame` (columns statistic, source, value) in its panel, a dot a source with its value."""
    statistics = list(dict.fromkeys(frame["statistic"]))
    sources = [s for s in ("published", "real", "simulated") if s in set(frame["source"])]
    fig, _ = panel_grid(len(statistics), 4, 2.5, 0.35 * len(sources) + 0.5, sharey=True)
    for ax, statistic in zip(fig.axes, statistics, strict=True):
        rows = frame[frame["statistic"] == statistic]
        for source, value in zip(rows["source"], rows["value"], strict=True):
            (_, colour, marker), at = model_style(source), (value, sources.index(source))
            ax.plot(*at, marker, color=colour, ms=7)
            text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
            ax.annotate(text, at, (8, 0), textcoords="offset points", va="center")
        low, high = min(0, rows["value"].min()), max(0, rows["value"].max())
        ax.set(
            xlabel=statistic, xlim=(low - 0.05 * (high - low), high + 0.45 * (high - low) + 1e-9)
        )
        ax.set(yticks=range(len(sources)), yticklabels=sources, ylim=(len(sources) - 0.5, -0.5))
    return fig


def pearson(matrices_by_name, feature_names):
    """Draw Pearson correlation matrices (n_features, n_features) side by side on one scale from -1 to 1."""
    names = [n.replace("_", " ") for n in feature_names]
    fig, axes = panel_grid(len(matrices_by_name), len(matrices_by_name), 3.1, 3.9, sharey=True)
    for i, (ax, (name, matrix)) in enumerate(zip(fig.axes, matrices_by_name.items(), strict=True)):
        image = ax.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r")
        label, colour, _ = model_style(name, i)
        ax.set_title(label, color=colour)
        ax.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(names)), names)
        ax.grid(False)
    fig.colorbar(image, ax=axes, shrink=0.6, label="Pearson correlation")
    return fig


def generated(real_arrays, synthetic_arrays, n_seed_steps, feature_name, unit=""):
    """Draw pairs of one feature, arrays of shape (length,): the real donor in grey, what grew from its seed in blue.

    The shaded steps are the real ones that generation starts from (none where n_seed_steps is 0).
    """
    pairs = list(zip(real_arrays, synthetic_arrays, strict=False))[:8]
    fig, axes = panel_grid(len(pairs), 4, 2.8, 1.6)
    for ax, pair in zip(fig.axes, pairs, strict=True):
        if n_seed_steps:
            ax.axvspan(
                -0.5,
                n_seed_steps - 0.5,
                color="#DDDDDD",
                lw=0,
                label=f"the {n_seed_steps} real seed steps",
            )
        for values, colour, size, name in zip(
            pair, (GREY, BLUE), (3, 2), ("real", "synthetic"), strict=True
        ):
            short = max(map(len, pair)) < 40
            ax.plot(
                np.ravel(values),
                color=colour,
                lw=1.2,
                marker="o" if short else None,
                ms=size,
                label=name,
            )
        ax.set(xlabel="step")
    for ax in axes[:, 0]:
        ax.set_ylabel(feature_name.replace("_", " ") + (f"\n({unit})" if unit else ""))
    handles, names = fig.axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper left", ncols=3, frameon=False)
    return fig


def real_above_samples(real_arrays, made_arrays, feature_name, unit="", log=False):
    """Draw real series in the upper row and samples in the lower one, arrays of shape (length,); same axes in a row."""
    n = min(len(real_arrays), len(made_arrays), 4)
    fig, axes = plt.subplots(
        2, n, figsize=(2.6 * n + 0.8, 4), squeeze=False, sharey=True, layout="constrained"
    )
    for row, (arrays, colour, name) in enumerate(
        ((real_arrays, GREY, "real"), (made_arrays, BLUE, "TST, no seed"))
    ):
        for ax, values in zip(axes[row], arrays, strict=False):
            values = np.ravel(values)
            ax.plot(
                values + log, color=colour, lw=1, marker="o" if len(values) < 40 else None, ms=2.5
            )
            if log:
                ax.set_yscale("log")
        axes[row, 0].set_title(name, color=colour, loc="left")
        words = feature_name.replace("_", " ") + " + 1" * log + (f" ({unit})" if unit else "")
        axes[row, 0].set_ylabel(words)
    for ax in axes[1]:
        ax.set_xlabel("step")
    return fig
