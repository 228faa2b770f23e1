"""Figure of notebook 08: what each setting of an ablation does to each metric, and which is best."""

from tst.plots.base import BLUE, GREY, panel_grid

# metric: what is better, less, more, or nearer to 1
BETTER = {
    "log_likelihood": "more",
    "r2": "more",
    "acf_error": "less",
    "discriminative_score": "less",
    "pearson_distance": "less",
    "length_ks": "less",
    "step_change_ratio": "near 1",
    "spread_ratio": "near 1",
    "seconds_per_step": "less",
}


def ablation(frame, settings):
    """Draw every metric of an ablation, a panel a metric, a row a setting: a point a seed, a bar the mean.

    Parameters
    ----------
    frame
        Columns setting, metric, seed, value; several rows of a seed (regressors) are averaged.
    settings
        Order of the settings, from above.
    """
    values = frame.groupby(["metric", "setting", "seed"])["value"].mean()
    metrics = [m for m in BETTER if m in values.index.levels[0] and values[m].nunique() > 1]
    fig, axes = panel_grid(len(metrics), 3, 2.6, 0.35 * len(settings) + 0.6)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        for y, setting in enumerate(settings):
            found = values[metric].get(setting, values[metric][:0])
            ax.plot(found, [y] * len(found), "o", color=BLUE, ms=4, mfc="white")
            ax.plot(found.mean(), y, "|", color=BLUE, ms=16, mew=2.5)
        if BETTER[metric] == "near 1":
            ax.axvline(1, color=GREY, lw=0.8, ls="--")
        ax.set_yticks(range(len(settings)), settings)
        ax.set(
            ylim=(len(settings) - 0.5, -0.5), title=f"{metric.replace('_', ' ')} ({BETTER[metric]})"
        )
        ax.xaxis.get_major_locator().set_params(integer=False, nbins=4)
        if ax not in axes[:, 0]:
            ax.tick_params(labelleft=False)
    return fig


def best(frame):
    """Return (metric, best setting, its mean, largest standard deviation over seeds) of each metric in `BETTER`."""
    values = frame.groupby(["metric", "setting", "seed"])["value"].mean()
    rows = []
    for metric in [m for m in BETTER if m in values.index.levels[0]]:
        mean = values[metric].groupby("setting").mean()
        rank = {"more": -mean, "less": mean}.get(BETTER[metric], (mean - 1).abs())
        rows.append(
            (
                metric,
                rank.idxmin(),
                mean[rank.idxmin()],
                values[metric].groupby("setting").std().max(),
            )
        )
    return rows
