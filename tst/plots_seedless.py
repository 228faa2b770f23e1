"""Figures of notebook 10: the likelihood in training, and samples below real series that they do not belong to."""

import matplotlib.pyplot as plt
import numpy as np

from tst.plots import BLUE, GREY, _label_ends


def nll(frame, smooth=20):
    """Draw minus log p a step (columns step, loss, seed), the running mean over `smooth` steps, a line a seed."""
    fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    ends = []
    for i, (seed, run) in enumerate(frame.sort_values("step").groupby("seed")):
        mean = run["loss"].rolling(smooth, min_periods=1).mean()
        ax.plot(run["step"], mean, color=BLUE, alpha=1 - 0.3 * i, lw=1.3)
        ends.append((mean.iloc[-1], f"seed {seed:g}: {mean.iloc[-1]:.3g}", BLUE))
    ax.set(xlabel="optimiser step", ylabel="minus log p (nats a step)")
    _label_ends(ax, frame["step"].max(), ends)
    return fig


def beside(real_arrays, made_arrays, feature_name, unit="", log=False):
    """Draw real series in the upper row and samples in the lower one, arrays of shape (length,); same axes in a row."""
    n = min(len(real_arrays), len(made_arrays), 4)
    fig, axes = plt.subplots(2, n, figsize=(2.6 * n + 0.8, 4), squeeze=False, sharey=True, layout="constrained")
    for row, (arrays, colour, name) in enumerate(((real_arrays, GREY, "real"), (made_arrays, BLUE, "TST, no seed"))):
        for ax, values in zip(axes[row], arrays, strict=False):
            values = np.ravel(values)
            ax.plot(values + log, color=colour, lw=1, marker="o" if len(values) < 40 else None, ms=2.5)
            if log:
                ax.set_yscale("log")
        axes[row, 0].set_title(name, color=colour, loc="left")
        words = feature_name.replace("_", " ") + " + 1" * log + (f" ({unit})" if unit else "")
        axes[row, 0].set_ylabel(words)
    for ax in axes[1]:
        ax.set_xlabel("step")
    return fig
