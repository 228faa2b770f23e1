"""Figure of notebook 08: what the settings of an ablation do to each metric, and which is best."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from tst.plots.base import BLUE, GREY, panel_grid
from tst.vocabulary import METRICS, in_words

# The metrics of an ablation, in the order of the panels.
SHOWN = (
    "log_likelihood",
    "r2",
    "acf_rms",
    "discriminative_score",
    "pearson_distance",
    "length_ks",
    "step_change_ratio",
    "spread_ratio",
    "seconds_per_step",
)
BETTER_IN_WORDS = {"higher": "more", "lower": "less", "near_1": "near 1"}


def ablation(frame: pd.DataFrame, settings: Sequence[str]) -> Figure:
    """Draw every metric of an ablation, a panel a metric, a row a setting.

    A point is a seed, a bar the mean; a metric that no setting changes is left out.

    Parameters
    ----------
    frame
        Columns setting, metric, seed, value; several rows of a seed (regressors) are averaged.
    settings
        Order of the settings, from above.
    """
    values = _by_seed(frame)
    metrics = [m for m in SHOWN if m in values.index.levels[0] and values[m].nunique() > 1]
    fig, axes = panel_grid(len(metrics), 3, 2.6, 0.35 * len(settings) + 0.6)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        better = METRICS[metric].better
        for y, setting in enumerate(settings):
            seeds = values[metric].get(setting, values[metric][:0])
            ax.plot(seeds, [y] * len(seeds), "o", color=BLUE, ms=4, mfc="white")
            ax.plot(seeds.mean(), y, "|", color=BLUE, ms=16, mew=2.5)
        if better == "near_1":
            ax.axvline(1, color=GREY, lw=0.8, ls="--")
        ax.set_yticks(range(len(settings)), settings)
        ax.set(
            ylim=(len(settings) - 0.5, -0.5),
            title=f"{in_words(metric)} ({BETTER_IN_WORDS[better]})",
        )
        ax.locator_params(axis="x", integer=False, nbins=4)
        if ax not in axes[:, 0]:
            ax.tick_params(labelleft=False)
    return fig


def best(frame: pd.DataFrame) -> list[tuple[str, str, float, float]]:
    """Return the best setting of each metric.

    Returns
    -------
    list of tuple
        (metric, best setting, its mean, largest standard deviation of a setting over seeds).
    """
    values = _by_seed(frame)
    rows = []
    for metric in SHOWN:
        if metric not in values.index.levels[0]:
            continue
        settings = values[metric].groupby("setting")
        mean = settings.mean()
        rank = {"higher": -mean, "lower": mean, "near_1": (mean - 1).abs()}
        setting = rank[METRICS[metric].better].idxmin()
        rows.append((metric, setting, mean[setting], settings.std().max()))
    return rows


def _by_seed(frame: pd.DataFrame) -> pd.Series:
    """Return the mean value by metric, setting and seed."""
    return frame.groupby(["metric", "setting", "seed"])["value"].mean()
