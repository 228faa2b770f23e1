"""TODO"""

import matplotlib.pyplot as plt

from tst.plots.base import BLUE, FLOOR, GREY, RED, SKY

VERDICTS = {
    "reproduced": BLUE,
    "partly": SKY,
    "not reproduced": RED,
    "not testable here": "#BBBBBB",
}


def claims(frame):
    """Draw the judged numbers, a row a check: differences, which hold right of 0, distances and lengths, left of 2 and 1.

    `frame` has the columns of table 13-claims; our interval is in the verdict's colour, the paper's value hollow.
    """
    frame = frame[frame["ours"].notna()]
    floors = frame["source"].str.endswith("over the real floor")
    differences = frame["source"].str.contains(" - ", regex=False) & ~floors
    parts = [
        (frame[differences], 0, "difference in score (hollow: the paper's)"),
        (frame[floors], 2, FLOOR),
    ]
    lengths = frame["source"].str.endswith("over the floor's 95 % quantile")
    parts += [
        (
            frame[lengths],
            1,
            "KS of lengths over the 95 % quantile between random halves of the real series",
        )
    ]
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
        names = [
            f"{r.claim}  {r.source} ({r.dataset}, {r.origin})".replace("_", " ")
            for r in rows.itertuples()
        ]
        ax.set_yticks(range(len(rows)), names)
        ax.set(
            xlabel=label,
            ylim=(len(rows) - 0.4, -0.6),
            title="" if len(rows) else "no check could be made",
        )
    return fig


def _judged(ax, y, row):
    colour = VERDICTS[row.verdict]
    ax.errorbar(row.ours, y, xerr=(row.high - row.low) / 2, color=colour, marker="o", capsize=3)
    ax.plot(row.paper, y, "D", mfc="none", mec=GREY, ms=7)
    ink, right = (GREY if row.verdict == "partly" else colour), ax.get_yaxis_transform()
    ax.text(1.01, y, row.verdict, color=ink, va="center", transform=right, fontsize=9)
