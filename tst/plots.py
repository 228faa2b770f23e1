"""Figures: one function a figure, each returns a matplotlib Figure; `save` writes it and shows it with its alt text.

One palette, colour-blind safe (Okabe and Ito): real dark grey, TST blue, DG orange, everywhere. What a line or a dot is
stands beside it; hollow markers are the paper's numbers; intervals are 95 % t-intervals over seeds.
"""

import contextlib
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython import get_ipython
from IPython.display import display
from scipy import stats

GREY, BLUE, ORANGE, SKY, GREEN, RED, PURPLE = "#444444 #0072B2 #E69F00 #56B4E9 #009E73 #D55E00 #CC79A7".split()
LIGHT = "#BBBBBB"
DPI = 110
# key: name in figures, colour, marker. Relatives share a hue and differ by marker.
MODELS = {
    "real": ("real", GREY, "o"),
    "published": ("published", ORANGE, "D"),
    "simulated": ("simulated", BLUE, "s"),
    "tst_paper": ("TST (paper's settings)", BLUE, "o"),
    "tst": ("TST (ours)", SKY, "D"),
    "doppelganger": ("DG", ORANGE, "o"),
    "seed_only": ("seed only", PURPLE, "o"),
    "seed_repeat": ("seed repeated", PURPLE, "s"),
    "bootstrap_copy": ("bootstrap copy", GREEN, "o"),
    "ar": ("AR", RED, "o"),
    "rnn": ("RNN", RED, "s"),
    "hmm": ("HMM", RED, "^"),
}
VERDICTS = {"reproduced": BLUE, "partly": SKY, "not reproduced": RED, "not testable here": LIGHT}
METRICS = {"accuracy": "accuracy on real test data", "r2": "R² on real test data"}
CLASSES = {"gcut": ("EVICT", "FAIL", "FINISH", "KILL")}


def set_style():
    """Set the house style: white, opaque, 110 dpi, no box, light grid."""
    sns.set_theme(context="notebook", style="ticks")
    white = {f"{where}.facecolor": "white" for where in ("figure", "axes", "savefig")}
    sizes = {"font.size": 10, "axes.labelsize": 10, "axes.titlesize": 10.5, "figure.titlesize": 11.5}
    ticks = {"xtick.labelsize": 9, "ytick.labelsize": 9, "axes.grid": True, "grid.color": "#E8E8E8"}
    spines = {"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888"}
    plain = {"figure.dpi": DPI, "savefig.dpi": DPI, "axes.titlelocation": "left", "axes.axisbelow": True}
    plt.rcParams.update(white | sizes | ticks | spines | plain)


def save(fig, path, alt):
    """Write `fig` to `path` + ".png", show it in a notebook with its alt text, and close it; return the path.

    Raises
    ------
    ValueError
        Where `alt` is empty: a figure that cannot be read aloud is not finished.
    """
    if not alt or not alt.strip():
        raise ValueError(f"figure {Path(path).name} has no alt text: say in one sentence what it shows.")
    path = Path(f"{path}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.png")
    try:
        fig.savefig(part, dpi=DPI, facecolor="white", transparent=False, bbox_inches="tight", metadata={"Title": alt})
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
    if get_ipython() is not None:
        display(fig, metadata={"image/png": {"alt": alt}})
    plt.close(fig)
    return path


def lengths(lengths_by_name):
    """Draw the share of series longer than each length, on a log axis, one step line a name; lengths in steps."""
    fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    ends = []
    for i, (name, values) in enumerate(lengths_by_name.items()):
        longest, label, colour, _ = int(max(values)), *_look(name, i)
        steps = np.arange(1, longest + 1)
        longer = 1 - np.searchsorted(np.sort(values), steps, side="left") / len(values)
        ax.step(steps, 100 * longer, where="post", color=colour, lw=1.8)
        ends.append((np.interp(50, 100 * longer[::-1], steps[::-1]), f"{label} (n = {len(values):,})", colour))
    for row, (_, text, colour) in enumerate(sorted(ends)):
        ax.text(0.98, 0.96 - 0.08 * row, text, color=colour, transform=ax.transAxes, ha="right", va="top")
    ax.set(xscale="log", ylim=(0, 102), xlabel="length (steps, log scale)", ylabel="series at least this long (%)")
    return fig


def examples(arrays, feature_names, title, unit=""):
    """Draw example series as small multiples: a row a feature and a column a series (one feature: a panel a series).

    Parameters
    ----------
    arrays
        Arrays of shape (length, n_features).
    unit
        Unit of the values, the same for all features.
    """
    single = len(feature_names) == 1
    n_columns = min(4, len(arrays)) if single else len(arrays)
    n_rows = -(-len(arrays) // n_columns) if single else len(feature_names)
    size = (2.6 * n_columns + 1, (1.6 if single else 0.95) * n_rows + 0.8)
    fig, axes = plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, layout="constrained")
    panels = [(i, 0) for i in range(len(arrays))] if single else list(np.ndindex(n_columns, n_rows))
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for k, (i, j) in enumerate(panels):
        ax = axes.flat[k] if single else axes[j, i]
        ax.plot(np.asarray(arrays[i])[:, j], color=GREY, lw=1, marker="." if len(arrays[i]) < 30 else None)
        ax.tick_params(labelsize=8)
    for j, ax in enumerate(axes[:, 0]):
        name = feature_names[0 if single else j].replace("_", " ")
        ax.set_ylabel(f"{name}\n({unit})" if unit else name, rotation=0 if not single else 90, ha="right", va="center")
    for ax in axes[-1]:
        ax.set_xlabel("step")
    fig.suptitle(title, x=0.01, ha="left")
    return fig


def comparison(frame):
    """Draw each statistic of `frame` (columns statistic, source, value) in its panel, a dot a source with its value."""
    statistics = list(dict.fromkeys(frame["statistic"]))
    sources = [s for s in ("published", "real", "simulated") if s in set(frame["source"])]
    n_columns = min(4, len(statistics))
    n_rows = -(-len(statistics) // n_columns)
    size = (2.5 * n_columns + 0.8, (0.35 * len(sources) + 0.75) * n_rows + 0.2)
    fig, axes = plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, sharey=True, layout="constrained")
    for ax in axes.flat[len(statistics) :]:
        ax.axis("off")
    for ax, statistic in zip(axes.flat, statistics, strict=False):
        rows = frame[frame["statistic"] == statistic]
        for source, value in zip(rows["source"], rows["value"], strict=True):
            _, colour, marker = _look(source)
            ax.plot(value, sources.index(source), marker, color=colour, ms=7)
            ax.annotate(
                f" {value:.3g}", (value, sources.index(source)), (5, 0), textcoords="offset points", va="center"
            )
        low, high = min(0, rows["value"].min()), max(0, rows["value"].max())
        ax.set(title=statistic, xlim=(low - 0.05 * (high - low), high + 0.45 * (high - low) + 1e-9), xlabel="value")
        ax.set(yticks=range(len(sources)), yticklabels=sources, ylim=(len(sources) - 0.5, -0.5))
    return fig


def pearson(matrices_by_name, feature_names):
    """Draw Pearson correlation matrices (n_features, n_features) side by side on one scale from -1 to 1."""
    names = [n.replace("_", " ") for n in feature_names]
    n = len(matrices_by_name)
    fig, axes = plt.subplots(1, n, figsize=(3.1 * n + 1.8, 4.6), squeeze=False, sharey=True, layout="constrained")
    for i, (ax, (name, matrix)) in enumerate(zip(axes[0], matrices_by_name.items(), strict=True)):
        image = ax.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu_r")
        label, colour, _ = _look(name, i)
        ax.set_title(label, color=colour)
        ax.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(names)), names)
        ax.grid(False)
    fig.colorbar(image, ax=axes, shrink=0.6, label="Pearson correlation")
    return fig


def loss_curve(frame):
    """Draw the training loss (columns step, loss, seed) on a log axis, one line a seed, labelled at its end."""
    fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
    runs = list(frame.groupby("seed", sort=True))
    for i, (_, run) in enumerate(runs):
        run = run.sort_values("step")
        ax.plot(run["step"], run["loss"], color=BLUE, alpha=1 - 0.6 * i / len(runs), lw=1.3)
    ends = [(run["loss"].iloc[-1], f"seed {seed:g}: {run['loss'].iloc[-1]:.3g}", BLUE) for seed, run in runs]
    ax.set(yscale="log", xlabel="optimiser step", ylabel="training loss (normalised units, log scale)")
    _label_ends(ax, frame["step"].max(), ends)
    return fig


def generated(real_arrays, synthetic_arrays, n_seed_steps, feature_name, unit=""):
    """Draw pairs of one feature, arrays of shape (length,): the real donor in grey, what grew from its seed in blue.

    The shaded steps are the real ones that generation starts from (none where n_seed_steps is 0).
    """
    n = min(len(real_arrays), len(synthetic_arrays), 8)
    columns = min(4, n)
    rows = -(-n // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(2.7 * columns + 0.6, 1.9 * rows + 0.7), squeeze=False)
    fig.set_layout_engine("constrained")
    for ax in axes.flat[n:]:
        ax.axis("off")
    for ax, real, synthetic in zip(axes.flat, real_arrays, synthetic_arrays, strict=False):
        if n_seed_steps:
            ax.axvspan(-0.5, n_seed_steps - 0.5, color="#DDDDDD", lw=0)
        for values, colour, size in ((real, GREY, 3), (synthetic, BLUE, 2)):
            ax.plot(np.ravel(values), color=colour, lw=1.1, marker="o" if len(values) < 30 else None, ms=size)
        ax.set(xlabel="step")
    name = feature_name.replace("_", " ")
    for ax in axes[:, 0]:
        ax.set_ylabel(f"{name} ({unit})" if unit else name)
    keys = [("real", GREY), ("synthetic", BLUE), (f"shaded: the {n_seed_steps} real seed steps", "#888888")]
    for (text, colour), x in zip(keys[: 2 + bool(n_seed_steps)], (0.01, 0.075, 0.185), strict=False):
        fig.text(x, 1.0, text, color=colour, weight="bold", va="bottom")
    return fig


def scores(frame, x, paper=None):
    """Draw mean and interval over seeds, a panel a value of column `x`, a row a model and what it was trained on.

    Parameters
    ----------
    frame
        Tidy rows of one data set and metric: model, metric, seed, value, `x`, train if it differs.
    x
        Column of the panels: classifier, regressor, metric or setting.
    paper
        Rows of the paper's numbers with the same columns, drawn as hollow markers, or None.

    Notes
    -----
    Rows whose model is real are a dashed line; a value more than ten interquartile ranges below the rest is written
    at the edge with an arrow instead of drawn.
    """
    panels, everything = list(dict.fromkeys(frame[x])), _rows(frame)
    names = [r for r in dict.fromkeys(zip(everything["model"], everything["train"], strict=True)) if r[0] != "real"]
    size = (2.5 * len(panels) + 2, 0.34 * len(names) + 1.5)
    fig, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True, layout="constrained")
    limit = _floor(everything["value"])
    for ax, panel in zip(axes[0], panels, strict=True):
        ours = everything[everything[x] == panel]
        theirs = None if paper is None else _rows(paper[paper[x] == panel])
        for row, name in enumerate(names):
            _dot(ax, ours, name, row, limit, "full")
            _dot(ax, theirs, name, row, limit, "none")
        _reference(ax, ours)
        ax.set(title=str(panel).replace("_", " "), xlabel=_metric(frame), ylim=(len(names) - 0.4, -0.9))
        ax.set_yticks(range(len(names)), [_row_name(*n) for n in names])
    fig.suptitle(_where(frame, paper), x=0.01, ha="left")
    return fig


def shares(frame, paper=None):
    """Draw the score against the share of real data added (0 to 1), a line a model with its interval over seeds."""
    fig, ax = plt.subplots(figsize=(7.4, 4), layout="constrained")
    grid = sorted(set(frame["share"]) | (set() if paper is None else set(paper["share"])))
    ends = []
    for i, (model, rows) in enumerate(frame.groupby("model", sort=False)):
        name, colour, marker = _look(model, i)
        at, mean, half = _summary(rows, "share", grid)
        ax.errorbar(at, mean, half, color=colour, marker=marker, capsize=3, lw=1.6)
        ends.append((mean[-1], name, colour))
    for i, (model, rows) in enumerate([] if paper is None else paper.groupby("model", sort=False)):
        name, colour, marker = _look(model, i)
        at, mean, _ = _summary(rows, "share", grid)
        ax.plot(at, mean, color=colour, ls=":", marker=marker, mfc="white", lw=1.2)
        ends.append((mean[-1], f"{name}, paper", colour))
    ax.set_xticks(range(len(grid)), [f"{100 * g:g}" for g in grid])
    ax.set(xlabel="real training data added (%, not to scale)", ylabel=_metric(frame), title=_where(frame, paper))
    _label_ends(ax, len(grid) - 1, ends)
    return fig


def f1(frame, paper=None):
    """Draw F1 by class (metrics f1_0, f1_1, ...): a column a class, dots with intervals by model, the paper's hollow."""
    classes = sorted(set(frame["metric"]))
    models = list(dict.fromkeys(frame["model"]))
    fig, ax = plt.subplots(figsize=(1.5 * len(classes) + 2.6, 3.8), layout="constrained")
    ends = []
    for i, model in enumerate(models):
        name, colour, marker = _look(model, i)
        shift = 0.6 * (i - (len(models) - 1) / 2) / max(len(models), 2)
        for rows, fill in ((frame, colour), (paper, "white")):
            rows = None if rows is None else rows[rows["model"] == model]
            if rows is None or rows.empty:
                continue
            at, mean, half = _summary(rows, "metric", classes)
            ax.errorbar(at + shift, mean, half, color=colour, marker=marker, mfc=fill, ls="", capsize=3, ms=7)
            if fill != "white":
                ends.append((mean[-1], name, colour))
    known = CLASSES.get(frame["dataset"].iloc[0], ())
    labels = [f"{c[3:]} {known[int(c[3:])]}" if int(c[3:]) < len(known) else f"class {c[3:]}" for c in classes]
    ax.set_xticks(range(len(classes)), labels)
    ax.set(xlabel="class", ylabel="F1 on real test data", ylim=(-0.03, 1.03), title=_where(frame, paper))
    _label_ends(ax, len(classes) - 0.6, ends)
    return fig


def claims(frame):
    """Draw the judged numbers: a row a check, our interval in the verdict's colour, the paper's value hollow, zero."""
    rows = frame[frame["ours"].abs() <= 2].reset_index(drop=True)
    fig, ax = plt.subplots(figsize=(9, 0.3 * len(rows) + 1.2), layout="constrained")
    for y, r in rows.iterrows():
        colour = VERDICTS[r["verdict"]]
        width = [[0], [0]] if np.isnan(r["low"]) else [[r["ours"] - r["low"]], [r["high"] - r["ours"]]]
        ax.errorbar(r["ours"], y, xerr=width, color=colour, marker="o", capsize=3)
        ax.plot(r["paper"], y, "D", mfc="none", mec=GREY, ms=7)
        ax.text(1.01, y, r["verdict"], color=colour if r["verdict"] in ("reproduced", "not reproduced") else GREY,
                va="center", transform=ax.get_yaxis_transform(), fontsize=9)  # fmt: skip
    ax.axvline(0, color=GREY, lw=0.8)
    ax.set_yticks(range(len(rows)), [f"{r.claim}  {r.source} ({r.dataset}, {r.origin})" for r in rows.itertuples()])
    ax.set(xlabel="our value with its 95 % interval; hollow: the paper's", ylim=(len(rows) - 0.4, -0.6))
    return fig


def _metric(frame):
    metric = frame["metric"].iloc[0]
    return METRICS.get(metric, metric.replace("_", " "))


def _where(frame, paper):
    """Say what a figure rests on: data set, origin, seeds, and whose the hollow markers are."""
    text = f"{frame['dataset'].iloc[0]}, {frame['origin'].iloc[0]} data, {frame['seed'].nunique()} seeds"
    return text if paper is None else f"{text} (hollow: the paper's numbers)"


def _rows(frame):
    return frame if "train" in frame else frame.assign(train="synthetic")


def _row_name(model, train):
    name = _look(model)[0]
    return name if train == "synthetic" else f"{name} + real"


def _summary(rows, column, grid):
    """Return positions on `grid`, means and half widths, shape (values of the column,)."""
    values = [
        (i, *_interval(rows.loc[rows[column] == g, "value"])) for i, g in enumerate(grid) if g in set(rows[column])
    ]
    return np.array(values).T


def _floor(values):
    q1, q3 = np.quantile(values, [0.25, 0.75])
    return q1 - 10 * max(q3 - q1, 0.02)


def _dot(ax, rows, name, y, limit, fill):
    if rows is None:
        return
    values = rows.loc[(rows["model"] == name[0]) & (rows["train"] == name[1]), "value"]
    if values.empty:
        return
    (mean, half), (_, colour, marker) = _interval(values), _look(name[0])
    if mean < limit:
        hollow = "" if fill == "full" else "paper "
        ax.annotate(f"◂ {hollow}{mean:.3g}", (0.02, y), xycoords=ax.get_yaxis_transform(), color=colour, va="center")
        return
    face = colour if fill == "full" else "white"
    ax.errorbar(mean, y, xerr=min(half, mean - limit), color=colour, marker=marker, mfc=face, capsize=3, ms=7)


def _reference(ax, rows):
    real = rows.loc[rows["model"] == "real", "value"]
    if len(real):
        ax.axvline(real.mean(), color=GREY, ls="--", lw=1)
        ax.text(real.mean(), -0.55, f"real {real.mean():.3f} ", color=GREY, ha="right", va="center", fontsize=9)


def _label_ends(ax, x, ends):
    """Write each (y, text, colour) right of x; labels that would overlap are moved apart."""
    ax.figure.draw_without_rendering()
    to_pixels, back = ax.transData, ax.transData.inverted()
    last = -np.inf
    for y, text, colour in sorted(ends, key=lambda e: e[0]):
        pixel = max(to_pixels.transform((x, y))[1], last + 14 * DPI / 100)
        last = pixel
        at = back.transform((0, pixel))[1]
        ax.annotate(text, (x, at), (8, 0), textcoords="offset points", color=colour, va="center", annotation_clip=False)


def _look(key, i=0):
    """Return name, colour and marker of a model; an unknown one takes a free colour by its place."""
    free = (GREY, BLUE, ORANGE, GREEN, RED, PURPLE, SKY)[i % 7]
    return MODELS.get(key, (str(key).replace("_", " "), free, "o"))


def _interval(values):
    """Return (mean, half width) of the 95 % t-interval; one value has no width."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    return values.mean(), stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
