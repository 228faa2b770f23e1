"""Figures of notebook 10: the likelihood in training, and samples below real series that they do not belong to."""

import matplotlib.pyplot as plt

from tst.plots.base import BLUE, label_line_ends


def nll(frame, smooth=20):
    """Draw minus log p a step (columns step, loss, seed), the running mean over `smooth` steps, a line a seed."""
    fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    ends = []
    for i, (seed, run) in enumerate(frame.sort_values("step").groupby("seed")):
        mean = run["loss"].rolling(smooth, min_periods=1).mean()
        ax.plot(run["step"], mean, color=BLUE, alpha=1 - 0.3 * i, lw=1.3)
        ends.append((mean.iloc[-1], f"seed {seed:g}: {mean.iloc[-1]:.3g}", BLUE))
    ax.set(xlabel="optimiser step", ylabel="minus log p (nats a step)")
    label_line_ends(ax, frame["step"].max(), ends)
    return fig


def loss_curve(frame):
    """Draw the training loss (columns step, loss, seed) on a log axis, one line a seed, labelled at its end."""
    fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
    runs = list(frame.sort_values("step").groupby("seed"))
    for i, (_, run) in enumerate(runs):
        ax.plot(run["step"], run["loss"], color=BLUE, alpha=1 - 0.6 * i / len(runs), lw=1.3)
    ends = [
        (run["loss"].iloc[-1], f"seed {seed:g}: {run['loss'].iloc[-1]:.3g}", BLUE)
        for seed, run in runs
    ]
    ax.set(
        yscale="log", xlabel="optimiser step", ylabel="training loss (normalised units, log scale)"
    )
    label_line_ends(ax, frame["step"].max(), ends)
    return fig
