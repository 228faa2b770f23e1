"""Figures: one function a figure, each returns a matplotlib Figure; `save` writes it and shows it with its alt text.

One palette, colour-blind safe (Okabe and Ito): real dark grey, TST blue, DG orange, everywhere. What a line or a dot is
stands beside it; hollow markers are the paper's numbers; intervals are 95 % t-intervals over seeds.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython import get_ipython
from IPython.display import display
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy import stats

from tst import files

GREY, BLUE, ORANGE, SKY, GREEN, RED, PURPLE = "#444444 #0072B2 #E69F00 #56B4E9 #009E73 #D55E00 #CC79A7".split()
DPI = 110
# key: name in figures, colour, marker. Relatives share a hue and differ by marker.
MODELS = {
    "real": ("real", GREY, "o"),
    "published": ("published", GREEN, "D"),
    "simulated": ("simulated", PURPLE, "s"),
    "tst_paper": ("TST", BLUE, "o"),
    "tst": ("TST (ours)", SKY, "D"),
    "doppelganger": ("DG", ORANGE, "o"),
    "naive_gan": ("naive GAN", ORANGE, "s"),
    "tst_oracle": ("TST, donor's length", BLUE, "D"),
    "seed_only": ("seed only", PURPLE, "o"),
    "seed_repeat": ("seed repeated", PURPLE, "s"),
    "bootstrap_copy": ("bootstrap copy", GREEN, "o"),
    "ar": ("AR", RED, "o"),
    "rnn": ("RNN", RED, "s"),
    "hmm": ("HMM", RED, "^"),
    "permuted_labels": ("labels permuted", GREY, "x"),
}
VERDICTS = {"reproduced": BLUE, "partly": SKY, "not reproduced": RED, "not testable here": "#BBBBBB"}
METRICS = {"accuracy": "accuracy on real test data", "r2": "R² on real test data"}
ORIGINS = {"original": "real data", "subset": "real data (a subset)", "simulated": "simulated data"}
FLOOR = "distance over that between two halves of the real data (1: like real data)"


def set_style():
    """Set the house style: white, opaque, 110 dpi, no box, light grid."""
    sns.set_theme(context="notebook", style="ticks")
    style = {f"{where}.facecolor": "white" for where in ("figure", "axes", "savefig")}
    style |= {"font.size": 10, "axes.labelsize": 10, "axes.titlesize": 10.5, "figure.titlesize": 11.5}
    style |= {"xtick.labelsize": 9, "ytick.labelsize": 9, "axes.grid": True, "grid.color": "#E8E8E8"}
    style |= {"axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888"}
    style |= {"figure.dpi": DPI, "savefig.dpi": DPI, "axes.titlelocation": "left", "axes.axisbelow": True}
    plt.rcParams.update(style)


def save(fig, path, alt):
    """Write `fig` to `path` + ".png", show it in a notebook with its alt text, and close it.

    Raises ValueError where `alt` is empty: a figure that cannot be read aloud is not finished.
    """
    if not alt or not alt.strip():
        raise ValueError(f"figure {Path(path).name} has no alt text: say in one sentence what it shows.")
    with files.replacing(f"{path}.png") as part:
        fig.savefig(part, format="png", dpi=DPI, facecolor="white", bbox_inches="tight", metadata={"Title": alt})
    if get_ipython() is not None:
        display(fig, metadata={"image/png": {"alt": alt}})
    plt.close(fig)


def lengths(lengths_by_name):
    """Draw the share of series at least as long as each length, on a log axis, a line a name; lengths in steps."""
    fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
    medians = []
    for i, (name, values) in enumerate(lengths_by_name.items()):
        label, colour, _ = _look(name, i)
        steps = np.arange(1, max(values) + 1)
        ax.step(steps, 100 - 100 * np.searchsorted(np.sort(values), steps) / len(values), color=colour, lw=1.8)
        medians.append((np.median(values), f"{label}: median {np.median(values):g} (n = {len(values):,})", colour))
    for row, (_, text, colour) in enumerate(sorted(medians)):
        ax.text(0.98, 0.96 - 0.08 * row, text, color=colour, transform=ax.transAxes, ha="right", va="top")
    ax.set(xscale="log", ylim=(0, 102), xlabel="length (steps, log scale)", ylabel="series at least this long (%)")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return fig


def examples(arrays, feature_names, title, unit=""):
    """Draw example series as small multiples: a row a feature and a column a series (one feature: a panel a series).

    `arrays` have shape (length, n_features); `unit` is that of all features.
    """
    single, n = len(feature_names) == 1, len(arrays)
    fig, axes = _panels(n if single else n * len(feature_names), 4 if single else n, 2.7, 1.6 if single else 0.9)
    for k, ax in enumerate(fig.axes):
        values = np.asarray(arrays[k if single else k % n])[:, 0 if single else k // n]
        ax.plot(values, color=GREY, lw=1, marker="." if len(values) < 30 else None)
        ax.tick_params(labelsize=8)
        if single or k >= n * (len(feature_names) - 1):
            ax.set_xlabel("step")
    for name, ax in zip(feature_names * (len(axes) if single else 1), axes[:, 0], strict=True):
        turn = {} if single else {"rotation": 0, "ha": "right", "va": "center"}
        ax.set_ylabel(f"{name} ({unit})" if single and unit else name.replace("_", " "), **turn)
    fig.suptitle(title if single or not unit else f"{title}; all values in {unit}", x=0.01, ha="left")
    return fig


def comparison(frame):
    """Draw each statistic of `frame` (columns statistic, source, value) in its panel, a dot a source with its value."""
    statistics = list(dict.fromkeys(frame["statistic"]))
    sources = [s for s in ("published", "real", "simulated") if s in set(frame["source"])]
    fig, _ = _panels(len(statistics), 4, 2.5, 0.35 * len(sources) + 0.5, sharey=True)
    for ax, statistic in zip(fig.axes, statistics, strict=True):
        rows = frame[frame["statistic"] == statistic]
        for source, value in zip(rows["source"], rows["value"], strict=True):
            (_, colour, marker), at = _look(source), (value, sources.index(source))
            ax.plot(*at, marker, color=colour, ms=7)
            text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
            ax.annotate(text, at, (8, 0), textcoords="offset points", va="center")
        low, high = min(0, rows["value"].min()), max(0, rows["value"].max())
        ax.set(xlabel=statistic, xlim=(low - 0.05 * (high - low), high + 0.45 * (high - low) + 1e-9))
        ax.set(yticks=range(len(sources)), yticklabels=sources, ylim=(len(sources) - 0.5, -0.5))
    return fig


def pearson(matrices_by_name, feature_names):
    """Draw Pearson correlation matrices (n_features, n_features) side by side on one scale from -1 to 1."""
    names = [n.replace("_", " ") for n in feature_names]
    fig, axes = _panels(len(matrices_by_name), len(matrices_by_name), 3.1, 3.9, sharey=True)
    for i, (ax, (name, matrix)) in enumerate(zip(fig.axes, matrices_by_name.items(), strict=True)):
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
    runs = list(frame.sort_values("step").groupby("seed"))
    for i, (_, run) in enumerate(runs):
        ax.plot(run["step"], run["loss"], color=BLUE, alpha=1 - 0.6 * i / len(runs), lw=1.3)
    ends = [(run["loss"].iloc[-1], f"seed {seed:g}: {run['loss'].iloc[-1]:.3g}", BLUE) for seed, run in runs]
    ax.set(yscale="log", xlabel="optimiser step", ylabel="training loss (normalised units, log scale)")
    _label_ends(ax, frame["step"].max(), ends)
    return fig


def generated(real_arrays, synthetic_arrays, n_seed_steps, feature_name, unit=""):
    """Draw pairs of one feature, arrays of shape (length,): the real donor in grey, what grew from its seed in blue.

    The shaded steps are the real ones that generation starts from (none where n_seed_steps is 0).
    """
    pairs = list(zip(real_arrays, synthetic_arrays, strict=False))[:8]
    fig, axes = _panels(len(pairs), 4, 2.8, 1.6)
    for ax, pair in zip(fig.axes, pairs, strict=True):
        if n_seed_steps:
            ax.axvspan(-0.5, n_seed_steps - 0.5, color="#DDDDDD", lw=0, label=f"the {n_seed_steps} real seed steps")
        for values, colour, size, name in zip(pair, (GREY, BLUE), (3, 2), ("real", "synthetic"), strict=True):
            short = max(map(len, pair)) < 40
            ax.plot(np.ravel(values), color=colour, lw=1.2, marker="o" if short else None, ms=size, label=name)
        ax.set(xlabel="step")
    for ax in axes[:, 0]:
        ax.set_ylabel(feature_name.replace("_", " ") + (f"\n({unit})" if unit else ""))
    handles, names = fig.axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper left", ncols=3, frameon=False)
    return fig


def scores(frame, x, paper=None):
    """Draw mean and interval over seeds, a panel a value of column `x`, a row a model and what it was trained on.

    `frame` has tidy rows of one data set: model, metric, seed, value, `x` (classifier, regressor, metric) and train where
    it differs; `paper` rows with these columns (one a place, `claims.paper_numbers`), drawn hollow. The mean of model
    real is a dashed line; a value far below the rest is written at the edge with an arrow.
    """
    panels, ours = list(dict.fromkeys(frame[x])), frame if "train" in frame else frame.assign(train="synthetic")
    theirs = ours.iloc[:0] if paper is None else paper
    names = list(dict.fromkeys(zip(ours["model"], ours["train"], strict=True)))
    names.sort(key=lambda name: name[0] != "real")
    size = (2.3 * len(panels) + 1.8, 0.36 * len(names) + 1.2)
    fig, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True, layout="constrained")
    middle, high = np.quantile(ours["value"], [0.5, 0.75])
    limit = middle - 20 * max(high - middle, 0.05)
    for ax, panel in zip(axes[0], panels, strict=True):
        for row, name in enumerate(names):
            _dot(ax, theirs[theirs[x] == panel], name, row + 0.18, limit, "paper ")
            _dot(ax, ours[ours[x] == panel], name, row, limit, "")
        ax.set(title=str(panel).replace("_", " "), ylim=(len(names) - 0.4, -0.6))
        ax.set_yticks(range(len(names)), [_look(m)[0] + " + real" * (t == "synthetic+real") for m, t in names])
    fig.supxlabel(_name(METRICS, frame["metric"].iloc[0]), fontsize=10)
    fig.suptitle(_where(frame, paper), x=0.01, ha="left")
    return fig


def claims(frame):
    """Draw the judged numbers, a row a check: differences, which hold right of 0, distances and lengths, left of 2 and 1.

    `frame` has the columns of table 13-claims; our interval is in the verdict's colour, the paper's value hollow.
    """
    frame = frame[frame["ours"].notna()]
    floors = frame["source"].str.endswith("over the real floor")
    differences = frame["source"].str.contains(" - ", regex=False) & ~floors
    parts = [(frame[differences], 0, "difference in score (hollow: the paper's)"), (frame[floors], 2, FLOOR)]
    lengths = frame["source"].str.endswith("over the floor's 95 % quantile")
    parts += [(frame[lengths], 1, "KS of lengths over the 95 % quantile between random halves of the real series")]
    parts = [part for part in parts if len(part[0])] or parts[:1]
    heights = [max(len(rows), 1) + 2 for rows, _, _ in parts]
    fig = plt.figure(figsize=(10, 0.28 * sum(heights) + 0.6), layout="constrained")
    axes = fig.subplots(len(parts), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for ax, (rows, limit, label) in zip(axes, parts, strict=True):
        for y, row in enumerate(rows.itertuples()):
            _judged(ax, y, row)
        ax.axvline(limit, color=GREY, lw=0.9)
        if limit != 1:  # a few numbers are a hundred times the others
            near = 0.1 if limit == 0 else 1.0
            ax.set_xscale("symlog", linthresh=near)
            label += f"; linear up to {near:g}, logarithmic beyond"
        if limit:  # of distances
            ax.set_xlim(left=min(0, rows["low"].min()))
        names = [f"{r.claim}  {r.source} ({r.dataset}, {r.origin})".replace("_", " ") for r in rows.itertuples()]
        ax.set_yticks(range(len(rows)), names)
        ax.set(xlabel=label, ylim=(len(rows) - 0.4, -0.6), title="" if len(rows) else "no check could be made")
    return fig


def _judged(ax, y, row):
    colour = VERDICTS[row.verdict]
    ax.errorbar(row.ours, y, xerr=(row.high - row.low) / 2, color=colour, marker="o", capsize=3)
    ax.plot(row.paper, y, "D", mfc="none", mec=GREY, ms=7)
    ink, right = (GREY if row.verdict == "partly" else colour), ax.get_yaxis_transform()
    ax.text(1.01, y, row.verdict, color=ink, va="center", transform=right, fontsize=9)


def plain_log(axis):
    """Write a log axis in plain numbers, few enough to read, however short its span."""
    low, high = sorted(axis.get_view_interval())
    wide = high / low > 30
    axis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axis.set_minor_formatter(NullFormatter())


def _panels(n, n_columns, width, height, sharey=False):
    """Return (figure, axes of shape (rows, columns)): n panels of that size, in inches; fig.axes holds only those."""
    rows, columns = -(-n // min(n_columns, n)), min(n_columns, n)
    size = (width * columns + 0.9, (height + 0.3) * rows + 0.5)
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, sharey=sharey, layout="constrained")
    for ax in axes.flat[n:]:
        ax.remove()
    for ax in fig.axes:
        ax.xaxis.get_major_locator().set_params(integer=not sharey)
    return fig, axes


def _name(names, key):
    return names.get(key, str(key).replace("_", " "))


def _where(frame, paper):
    """Say what a figure rests on: data set, origin, seeds, and whose the hollow markers are."""
    n = frame["seed"].nunique()
    text = f"{frame['dataset'].iloc[0]}, {ORIGINS[frame['origin'].iloc[0]]}, {n} seed{'s' * (n > 1)}"
    return text if paper is None else f"{text} (hollow: the paper's numbers)"


def _dot(ax, rows, name, y, limit, whose):
    """Draw mean and interval of one model; the paper's hollow and without interval."""
    values = rows.loc[(rows["model"] == name[0]) & (rows["train"] == name[1]), "value"]
    if values.empty:
        return
    (mean, half), (_, colour, marker) = _interval(values), _look(name[0])
    face, half = ("white", np.nan) if whose else (colour, half)
    if name[0] == "real" and not whose:
        ax.axvline(mean, color=GREY, ls="--", lw=1)
    if mean < limit:
        ax.text(0.02, y, f"◂ {whose}{mean:.3g}", transform=ax.get_yaxis_transform(), color=colour, va="center")
        return
    ax.errorbar(mean, y, xerr=half, color=colour, marker=marker, mfc=face, capsize=3, ms=6)


def _label_ends(ax, x, ends):
    """Write each (y, text, colour) right of x; labels that would overlap are moved apart."""
    ax.figure.draw_without_rendering()
    pixel = -np.inf
    for y, text, colour in sorted(ends, key=lambda end: end[0]):
        pixel = max(ax.transData.transform((x, y))[1], pixel + 15)
        at = (x, ax.transData.inverted().transform((0, pixel))[1])
        ax.annotate(text, at, (8, 0), textcoords="offset points", color=colour, va="center", annotation_clip=False)


def _look(key, i=0):
    """Return name, colour and marker of a model; an unknown one takes a free colour by its place."""
    return MODELS.get(key, (str(key).replace("_", " "), (GREEN, PURPLE, RED, SKY)[i % 4], "o"))


def _interval(values):
    """Return (mean, half width) of the 95 % t-interval; one value has no interval (NaN)."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    return values.mean(), stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
