"""What is measured alike on real and on simulated series, and the table that sets them side by side.

`calibrate.py` applies these functions to the real tables and commits the results (calibration.json, key `compared`);
`statistics` applies them to a SeriesSet.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import median_filter
from scipy.stats import spearmanr

from tst.series import DataError

LONG = 100  # steps: autocorrelations are taken of series at least so long
GCUT_PAIRS = {
    "cpu_rate with maximum_cpu_rate": (0, 1),
    "cpu_rate with canonical_memory_usage": (0, 3),
    "canonical with assigned memory": (3, 4),
    "unmapped with total page cache": (6, 7),
    "canonical memory with page cache": (3, 6),
}
GCUT_MARGINS = {"cpu_rate": 0, "canonical_memory_usage": 3, "unmapped_page_cache": 6}
GCUT_ZEROS = {"cpu_rate": 0, "sampled_cpu_usage": 2, "local_disk_space_usage": 8}


@cache
def calibration():
    """Return the committed statistics of the real tables."""
    return json.loads(Path(__file__).with_name("calibration.json").read_text())


def statistics(series):
    """Return the statistics of `series` beside those that are published or were measured on real tables.

    Parameters
    ----------
    series
        SeriesSet of gcut, wwt or borg2019.

    Returns
    -------
    DataFrame
        Columns statistic (names the feature, class or agent), source (published, real, simulated), value. What was
        measured on the set itself has the source `simulated` or, where its origin is not simulated, `real`.
    """
    if series.name not in MEASURE:
        raise DataError(
            f"no statistics for '{series.name}': give a series set of {', '.join(MEASURE)}."
        )
    simulated = series.origin == "simulated"
    ours = MEASURE[series.name](series)
    reference = calibration()[series.name]["compared"]
    rows = [(k, "published", v) for k, v in reference.get("published", {}).items()]
    rows += [
        (k, "real", v) for k, v in reference.get("real", {}).items() if simulated and k in ours
    ]
    rows += [(k, "simulated" if simulated else "real", v) for k, v in ours.items()]
    known = {k for k, source, _ in rows if source == "published"} | set(reference.get("real", {}))
    frame = pd.DataFrame(rows, columns=["statistic", "source", "value"])
    return frame[frame["statistic"].isin(known)].reset_index(drop=True)


def acf(values, lag):
    """Return the autocorrelation at `lag` along the last axis, 0 for a constant."""
    centred = values - values.mean(-1, keepdims=True)
    total = (centred**2).sum(-1)
    return np.where(
        total > 1e-12,
        (centred[..., lag:] * centred[..., :-lag]).sum(-1) / np.maximum(total, 1e-12),
        0,
    )


def records(values):
    """Return zero shares, medians, tails and rank correlations of usage records, shape (records, 9) in GCUT's order."""
    found = {f"share of zeros, {k}": (values[:, i] == 0).mean() for k, i in GCUT_ZEROS.items()}
    for name, i in GCUT_MARGINS.items():
        positive = values[values[:, i] > 0, i]
        middle, tail = np.quantile(positive, [0.5, 0.99]) if len(positive) else (np.nan, np.nan)
        found |= {f"median, {name}": middle, f"99 % quantile / median, {name}": tail / middle}
    for name, (i, j) in GCUT_PAIRS.items():
        found[f"rank correlation, {name}"] = spearmanr(values[:, i], values[:, j]).statistic
    return {k: float(v) for k, v in found.items()}


def persistence(arrays, feature):
    """Return the mean lag-1 autocorrelation of the log of a feature over arrays of at least LONG steps, NaN without any.

    Zeros, which are counted apart, are replaced by the median.
    """
    values = [a[:, feature].astype(float) for a in arrays if len(a) >= LONG and a[:, feature].any()]
    logs = [np.log(np.where(v > 0, v, np.median(v[v > 0]))) for v in values]
    return float(np.mean([acf(x, 1) for x in logs])) if logs else np.nan


def _gcut(series):
    share = series.attributes["end_event"].value_counts(normalize=True, sort=False)
    found = {f"share of {k}": float(v) for k, v in share.items()}
    found |= {
        "mean length": float(series.lengths.mean()),
        "longest": float(series.lengths.max()),
        "share of at most 50 steps": float((series.lengths <= 50).mean()),
        "most common length": float(np.bincount(series.lengths).argmax()),
    }
    found |= records(series.values)
    lag = persistence([series[i] for i in np.flatnonzero(series.lengths >= LONG)], 0)
    return found | (
        {"lag-1 autocorrelation of log cpu_rate (real: borg2019)": lag} if np.isfinite(lag) else {}
    )


def rhythm(views):
    """Return the dynamics of complete pages: `views` = log1p of daily views, shape (pages, days), from a Wednesday on.

    Slow is the running median of 29 days, fast what is left; a burst starts where fast exceeds log 2 and four times its
    own spread (median absolute deviation). Natural logs.
    """
    slow = median_filter(views, size=(1, 29), mode="nearest")
    fast = views - slow
    spread = 1.4826 * np.median(np.abs(fast), axis=1)
    burst = fast > np.maximum(np.log(2), 4 * spread[:, None])
    start = burst[:, 1:-1] & ~burst[:, :-2]
    peak = fast[:, 1:-1][start]
    found = {
        "slow_sd": np.median(slow.std(1)),
        "slow_acf_lag_28": np.median(acf(slow, 28)),
        "fast_spread": np.median(spread),
        "fast_acf_lag_1": np.median(acf(fast, 1)),
        "fast_acf_lag_7": np.median(acf(fast, 7)),
        "burst_starts_a_day": start.mean(),
        "burst_height": peak.mean() if len(peak) else 0,
        "burst_decay": fast[:, 2:][start].clip(0).mean() / peak.mean() if len(peak) else 0,
    }
    if views.shape[1] >= 465:  # a year and a hundred days to compare
        yearly = [
            np.corrcoef(s[:-365], s[365:])[0, 1]
            for s in slow
            if min(s[:-365].std(), s[365:].std()) > 1e-6
        ]
        found["slow_correlation_after_a_year"] = np.median(yearly) if yearly else 0
    return {k: float(v) for k, v in found.items()}


def levels(views):
    """Return quantiles of log10(1 + mean views) of pages, `views` of shape (pages, days), NaN = missing."""
    level = np.log10(np.nanmean(views, axis=1) + 1)
    return {
        f"log10 level, {p} % quantile": float(np.quantile(level, p / 100))
        for p in (5, 25, 50, 75, 95)
    }


def named_rhythm(found, agent):
    """Return what `rhythm` found under readable names with the agent."""
    return {f"{k.replace('_', ' ')}, {agent}": v for k, v in found.items()}


def _wwt(series):
    views = series.padded()[0][:, :, 0]
    agents = series.attributes["agent"].astype(str).to_numpy()
    found = {"share of spider": float((agents == "spider").mean()), **levels(views)}
    for agent in np.unique(agents):
        found |= named_rhythm(rhythm(np.log1p(views[agents == agent].astype(float))), agent)
    return found


def instances(arrays, names):
    """Return means over long series of lag-1 autocorrelation, zero share and correlation with the first feature."""
    found = {}
    for i, name in enumerate(names):
        found[f"lag-1 autocorrelation, {name}"] = float(
            np.mean([acf(a[:, i].astype(float), 1) for a in arrays])
        )
        found[f"share of zeros, {name}"] = float(np.mean([(a[:, i] == 0).mean() for a in arrays]))
        pairs = [
            a[:, [0, i]].astype(float) for a in arrays if min(np.ptp(a[:, 0]), np.ptp(a[:, i])) > 0
        ]
        if i and pairs:
            found[f"correlation, {names[0]} with {name}"] = float(
                np.mean([np.corrcoef(p.T)[0, 1] for p in pairs])
            )
    return found


def _borg2019(series):
    arrays = [series[i] for i in np.flatnonzero(series.lengths >= LONG)]
    return instances(arrays, series.feature_names) if arrays else {}


MEASURE = {"gcut": _gcut, "wwt": _wwt, "borg2019": _borg2019}
