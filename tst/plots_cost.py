"""Figures of notebook 12: how cost grows, on log-log axes with the fitted slope beside each line."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

from tst.plots import BLUE, GREY, plain_log


def slope(x, y):
    """Return the exponent of y against x by least squares on logarithms; NaN with fewer than two positive points."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    good = (x > 0) & (y > 0)
    return float(np.polyfit(np.log(x[good]), np.log(y[good]), 1)[0]) if good.sum() > 1 else np.nan


def scaling(frame, titles):
    """Draw seconds against size, a panel a metric.

    Parameters
    ----------
    frame
        Columns metric, x, value (seconds).
    titles
        {metric: (title, name of x)}; metrics without rows are left out.
    """
    shown = [m for m in titles if ((frame["metric"] == m) & (frame["value"] > 0)).sum() > 1]
    fig, axes = plt.subplots(1, len(shown), figsize=(3.1 * len(shown) + 0.6, 3.2), squeeze=False, layout="constrained")
    for ax, metric in zip(axes.flat, shown, strict=True):
        rows = frame[(frame["metric"] == metric) & (frame["value"] > 0)].sort_values("x")
        x, y = rows["x"].to_numpy(float), rows["value"].to_numpy(float)
        ax.loglog(x, y, color=BLUE, marker="o", lw=1.3)
        ax.loglog(x, y[0] * x / x[0], color=GREY, ls=":", lw=1)
        ax.set(title=f"{titles[metric][0]}\nslope {slope(x, y):.2f}", xlabel=titles[metric][1])
        ax.set_xticks(x, [f"{v:g}" for v in x])
        ax.xaxis.set_minor_formatter(NullFormatter())
        plain_log(ax.yaxis)
    axes[0, 0].set_ylabel("seconds (dotted: in proportion)")
    return fig
