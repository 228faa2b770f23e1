"""Figures of notebook 05: autocorrelation, distances over their floor, and a map of the embeddings."""

import numpy as np

from tst.plots.base import GREY, SKY, mean_interval, model_style, origin_note, panel_grid, plain_log


def autocorrelation(frame, interval):
    """Draw mean autocorrelation against the lag, a panel a feature.

    Parameters
    ----------
    frame
        Columns model, feature, lag, value; model real is dark and drawn last.
    interval
        Time between two steps, for the axis.
    """
    features, models = list(dict.fromkeys(frame["feature"])), list(dict.fromkeys(frame["model"]))
    models.sort(key=lambda m: m == "real")
    fig, _ = panel_grid(len(features), 3, 3.1, 2.1)
    for ax, feature in zip(fig.axes, features, strict=True):
        for i, model in enumerate(models):
            rows = frame[(frame["feature"] == feature) & (frame["model"] == model)].sort_values(
                "lag"
            )
            name, colour, marker = model_style(model, i)
            style = {
                "lw": 2 if model == "real" else 1.2,
                "marker": marker,
                "markevery": max(1, len(rows) // 6),
                "ms": 4,
            }
            ax.plot(rows["lag"], rows["value"], color=colour, label=name, **style)
        ax.axhline(0, color=GREY, lw=0.6)
        ax.set(
            title=feature.replace("_", " "),
            xlabel=f"lag (steps of {interval})",
            ylabel="autocorrelation",
        )
        ax.label_outer()
    handles, labels = fig.axes[0].get_legend_handles_labels()
    fig.legend(
        handles[::-1], labels[::-1], loc="outside upper left", ncols=len(labels), frameon=False
    )
    return fig


def distance_over_floor(frame):
    """Draw each distance of each model over that of the real-versus-real floor, on a log axis with the noise ceiling.

    Parameters
    ----------
    frame
        Tidy rows of one data set: model (with real_floor, and noise where measured), metric, seed, value.
    """
    metrics = [m for m in dict.fromkeys(frame["metric"]) if _mean(frame, "real_floor", m) > 0]
    models = [m for m in dict.fromkeys(frame["model"]) if m not in ("real_floor", "noise")]
    fig, _ = panel_grid(len(metrics), 4, 2.3, 0.26 * len(models) + 0.6, sharey=True)
    for ax, metric in zip(fig.axes, metrics, strict=True):
        floor, ceiling = (_mean(frame, m, metric) for m in ("real_floor", "noise"))
        ax.axvline(1, color=GREY, ls="--", lw=1)
        if ceiling > 0:
            ax.axvline(ceiling / floor, color=SKY, ls=":", lw=1.2)
        for row, model in enumerate(models):
            values = (
                frame.loc[(frame["model"] == model) & (frame["metric"] == metric), "value"] / floor
            )
            (mean, half), (_, colour, marker) = mean_interval(values), model_style(model, row)
            low = min(half, 0.95 * mean) if np.isfinite(half) else np.nan
            ax.errorbar(
                max(mean, 1e-3),
                row,
                xerr=[[low], [half]],
                color=colour,
                marker=marker,
                capsize=3,
                ms=6,
            )
        ax.set(xscale="log", title=metric.replace("_", " "), ylim=(len(models) - 0.4, -0.6))
        ax.set_yticks(range(len(models)), [model_style(m)[0] for m in models])
        plain_log(ax.xaxis)
    fig.supxlabel(
        "distance over that between two halves of the real data (dashed: 1; dotted: noise)",
        fontsize=10,
    )
    fig.suptitle(origin_note(frame, None), x=0.01, ha="left")
    return fig


def embedding(frame):
    """Draw a map of series (columns model, x, y), a panel a generator, real series in grey behind each."""
    models = [m for m in dict.fromkeys(frame["model"]) if m != "real"]
    fig, _ = panel_grid(len(models), 4, 2.6, 2.5, sharey=True)
    real = frame[frame["model"] == "real"]
    for i, (ax, model) in enumerate(zip(fig.axes, models, strict=True)):
        rows, (name, colour, _) = frame[frame["model"] == model], model_style(model, i)
        ax.scatter(real["x"], real["y"], s=8, color=GREY, alpha=0.35, lw=0)
        ax.scatter(rows["x"], rows["y"], s=8, color=colour, alpha=0.6, lw=0)
        ax.set(title=f"{name} (real: grey)", xticks=[], yticks=[])
        ax.grid(False)
    return fig


def _mean(frame, model, metric):
    values = frame.loc[(frame["model"] == model) & (frame["metric"] == metric), "value"]
    return values.mean() if len(values) else np.nan


def lengths_by_class(frame):
    """Draw the share of series at least as long as each length, a panel a class, a line a model.

    Parameters
    ----------
    frame
        Columns model, label, length (steps); model real is dark and drawn last.
    """
    models, labels = list(dict.fromkeys(frame["model"])), sorted(frame["label"].unique())
    models.sort(key=lambda m: m == "real")
    fig, _ = panel_grid(len(labels), 2, 3.4, 2.2)
    for ax, label in zip(fig.axes, labels, strict=True):
        for i, model in enumerate(models):
            lengths = np.sort(
                frame.loc[(frame["model"] == model) & (frame["label"] == label), "length"]
            )
            if not len(lengths):
                continue
            name, colour, _ = model_style(model, i)
            steps = np.arange(1, lengths[-1] + 1)
            share = 100 - 100 * np.searchsorted(lengths, steps) / len(lengths)
            ax.step(
                steps,
                share,
                color=colour,
                label=name,
                lw=2 if model == "real" else 1.3,
                where="mid",
            )
        ax.set(
            xscale="log",
            ylim=(0, 102),
            title=label,
            xlabel="length (steps, log scale)",
            ylabel="at least so long (%)",
        )
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.label_outer()
    lines = {line.get_label(): line for ax in fig.axes for line in ax.lines}
    fig.legend(lines.values(), lines, loc="outside upper left", ncols=len(lines), frameon=False)
    return fig
