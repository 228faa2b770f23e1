"""Figure of notebook 08: what the settings of an ablation do to each metric, and which is best."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tst.plots.base import GREEN, GREY, STEEL, mean_and_half_width, panel_grid
from tst.vocabulary import METRICS, metric_label

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
BETTER_IN_WORDS = {
    "higher": "higher is better",
    "lower": "lower is better",
    "near_1": "nearer 1 is better",
}


def by_regressor(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose metric names the regressor, too, where there is one: r2 mlp_1.

    A mean over regressors is that of the least stable one.
    """
    if "regressor" not in frame:
        return frame
    behind = np.where(frame["regressor"].isna(), "", " " + frame["regressor"].astype(str))
    return frame.assign(metric=frame["metric"] + behind)


def without_regressor(metric: str) -> str:
    """Return a metric without the regressor that it is of."""
    return metric.partition(" ")[0]


def ablation(frame: pd.DataFrame, settings: Sequence[str]) -> Figure:
    """Draw every metric of an ablation, a panel a metric, a row a setting.

    A ring is a seed, a dot the mean with its 95 % interval; the first setting is the one that the
    others change, and its mean a dotted line. A metric that no setting changes is left out.

    Parameters
    ----------
    frame
        Columns setting, metric (of METRICS), seed, value; regressor, where a metric has one.
    settings
        Order of the settings, from above.
    """
    values = _by_seed(by_regressor(frame))
    known = [
        m
        for m in values.index.levels[0]
        if without_regressor(m) in SHOWN and values[m].nunique() > 1
    ]
    metrics = sorted(known, key=lambda metric: SHOWN.index(without_regressor(metric)))
    fig, axes = panel_grid(len(metrics), 3, 2.3, 0.32 * len(settings) + 0.6)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        better = METRICS[without_regressor(metric)].better
        for y, setting in enumerate(settings):
            _draw_setting(ax, y, values[metric].get(setting, values[metric][:0]))
        if settings[0] in values[metric]:
            ax.axvline(values[metric][settings[0]].mean(), color=GREEN, lw=0.9, ls=":")
        if better == "near_1":
            ax.axvline(1, color=GREY, lw=0.8, ls="--")
        ax.set_yticks(range(len(settings)), settings)
        ax.set_ylim(len(settings) - 0.5, -0.5)
        ax.set_title(_title(metric, better), fontsize=9)
        ax.locator_params(axis="x", integer=False, nbins=3)
        if ax not in axes[:, 0]:
            ax.tick_params(labelleft=False)
    told = f"dots: means, with 95 % intervals; rings: seeds; dotted line: {settings[0]}"
    has_real = any(METRICS[without_regressor(metric)].better == "near_1" for metric in metrics)
    fig.supxlabel(told + "; dashed: as real series" * has_real, fontsize=10)
    return fig


def _title(metric: str, better: str) -> str:
    """Return the name of a metric, below it its unit, where it has one, and what is better."""
    unit = METRICS[without_regressor(metric)].unit
    told = [unit, BETTER_IN_WORDS[better]] if unit else [BETTER_IN_WORDS[better]]
    return f"{metric_label(metric)}\n({'; '.join(told)})"


def _draw_setting(ax: Axes, y: int, seeds: pd.Series) -> None:
    """Draw the seeds of a setting, and their mean with its interval."""
    if len(seeds):
        mean, half_width = mean_and_half_width(seeds)
        ax.plot(seeds, [y + 0.22] * len(seeds), "o", color=STEEL, ms=3, mfc="white")
        ax.errorbar(mean, y, xerr=half_width, color=GREEN, marker="o", ms=5, capsize=3)


def _by_seed(frame: pd.DataFrame) -> pd.Series:
    """Return the mean value by metric, setting and seed."""
    return frame.groupby(["metric", "setting", "seed"])["value"].mean()
