"""Figure of notebook 13: every check that has a number, by kind, beside its limit."""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tst.plots.base import BLUE, GREY, RED, SKY, WIDTH
from tst.vocabulary import METRICS, Verdict, in_words

LONGEST_NAME = 52  # characters of a line beside a row
COLOURS: dict[Verdict, str] = {
    "supported": BLUE,
    "inconclusive": SKY,
    "contradicted": RED,
    "not tested": "#BBBBBB",
}

# kind of check: where most turn, label of the axis, and up to where the axis is linear: a few
# numbers are a hundred times the others
PANELS = {
    "difference": (0, "difference in score; a claim holds right of its limit", 0.1),
    "over_null": (
        1.5,
        "distance over the 95 % quantile between real halves; a claim holds left of its limit",
        1.0,
    ),
}


def claims(frame: pd.DataFrame) -> Figure:
    """Draw the judged numbers, a panel a kind of check, a row a claim, data set and pair.

    Differences hold right of 0 (C7, Q2: of -0.01), distances left of 1.5: a check that has a limit
    of its own has a tick there. Of several classes,
    classifiers or regressors the one is drawn that speaks most against the claim; simulated series
    only where there are no others.

    Parameters
    ----------
    frame
        Endpoints of `tst.study.claims.judge`; our interval is drawn in the verdict's colour, the
        paper's value hollow.
    """
    frame = frame[frame["ours"].notna()]
    if (frame["origin"] != "simulated").any():
        frame = frame[frame["origin"] != "simulated"]
    frame = _worst(frame)
    kinds = [kind for kind in PANELS if (frame["kind"] == kind).any()] or ["difference"]
    parts = [frame[frame["kind"] == kind] for kind in kinds]
    heights = [max(len(rows), 1) + 2 for rows in parts]
    fig = plt.figure(figsize=(WIDTH, 0.27 * sum(heights) + 0.6), layout="constrained")
    axes = fig.subplots(len(parts), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for ax, kind, rows in zip(axes[:, 0], kinds, parts, strict=True):
        _panel(ax, rows, *PANELS[kind])
    return fig


def _worst(frame: pd.DataFrame) -> pd.DataFrame:
    """Return of each claim, data set and pair of sides the check that speaks most against it."""
    if frame.empty:
        return frame
    pair = frame["source"].str.split(", ").str[0]
    against = frame["ours"].where(frame["direction"] != "below", -frame["ours"])
    ranked = frame.assign(pair=pair, against=against).sort_values("against", kind="stable")
    worst = ranked.drop_duplicates(["claim", "dataset", "kind", "pair"])
    return frame.loc[sorted(worst.index)]


def _name(row: Any) -> str:
    """Return a check in a few words: claim, data set, what is compared, and by which metric."""
    pair, *rest = row.source.split(", ")
    metric = _metric(rest[0].split(" over ")[0]) if rest else row.unit
    text = in_words(f"{row.claim}  {row.dataset}: {pair.replace(' - ', ' − ')}, {metric}")
    if row.origin == "simulated":
        text += " (simulated)"
    return textwrap.fill(text, LONGEST_NAME, break_long_words=False)


def _metric(told: str) -> str:
    """Return the metric that a check names, in words; a class stands for the worst of all."""
    if told.startswith("f1"):
        return "F1, worst class"
    key = told.replace(" ", "_")
    if key not in METRICS:
        return told
    return METRICS[key].label.split(",")[0].removesuffix(" on real test data")


def _panel(ax: Axes, rows: pd.DataFrame, limit: float, label: str, linear_to: float) -> None:
    """Draw the checks of one kind."""
    allowed = rows["margin"].where(rows["direction"] == "below", -rows["margin"])
    turn = (rows["limit"] + allowed).to_numpy()
    for y, row in enumerate(rows.itertuples()):
        _draw_check(ax, y, row)
        if turn[y] != limit:
            ax.plot(turn[y], y, "|", color=GREY, ms=11, mew=1.4)
    ax.axvline(limit, color=GREY, lw=0.9)
    ax.set_xscale("symlog", linthresh=linear_to)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if limit > 0:  # distances begin at 0
        ax.set_xlim(left=min(0, rows["low"].min()))
    ax.set_yticks(range(len(rows)), [_name(row) for row in rows.itertuples()], fontsize=8.5)
    title = "" if len(rows) else "no check could be made"
    ax.set(ylim=(len(rows) - 0.4, -0.6), title=title)
    has_paper = rows["paper"].notna().any()
    told = f"line: limit {limit:g}" + "; tick: its own" * bool((turn != limit).any())
    told += "; hollow: the paper's number" * bool(has_paper)
    scale = f"linear up to {linear_to:g}, then logarithmic"
    ax.set_xlabel(f"{label}\n({told}; {scale})", fontsize=9, x=0.3)


def _draw_check(ax: Axes, y: int, row: Any) -> None:
    """Draw a check: our mean and interval, the paper's value, and the verdict at the right edge."""
    colour = COLOURS[row.verdict]
    interval = [[row.ours - row.low], [row.high - row.ours]]
    ax.errorbar(row.ours, y, xerr=interval, color=colour, marker="o", ms=5, capsize=3)
    ax.plot(row.paper, y, "D", mfc="none", mec=GREY, ms=7)
    text_colour = GREY if row.verdict == "inconclusive" else colour  # sky blue is too light to read
    at_edge = ax.get_yaxis_transform()
    ax.text(1.02, y, row.verdict, color=text_colour, va="center", transform=at_edge, fontsize=8.5)
