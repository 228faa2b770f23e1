"""What is measured alike on real and on simulated series, and both side by side in a table.

`notebooks/calibration/calibrate.py` applies these functions to the real tables and commits the
results (calibration.json, key `compared`); `statistics` applies them to a SeriesSet.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import median_filter
from scipy.stats import spearmanr

from tst.series import SeriesSet

CALIBRATION_FILE = Path(__file__).with_name("calibration.json")
LONG = 100  # steps: autocorrelations are taken of series at least so long
YEAR = 365  # days
# Columns of GCUT's measurements, in the order of `tst.data.trace_parts.FEATURES`.
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
def calibration() -> dict[str, Any]:
    """Return the committed statistics of the real tables, by data set."""
    return json.loads(CALIBRATION_FILE.read_text())


def statistics(series: SeriesSet) -> pd.DataFrame:
    """Return the statistics of `series` beside published and real ones.

    Parameters
    ----------
    series
        Real or simulated. A data set without a simulator has nothing to be compared with: no rows.

    Returns
    -------
    DataFrame
        Columns statistic (names the feature, class or agent), source (published, real, simulated),
        value. What was measured on the set itself has the source `simulated` or, where its origin
        is not simulated, `real`.
    """
    if series.name not in MEASURES:
        return pd.DataFrame({"statistic": [], "source": [], "value": []})
    measured = MEASURES[series.name](series)
    reference = calibration()[series.name]["compared"]
    published = reference.get("published", {})
    real = reference.get("real", {})
    is_simulated = series.origin == "simulated"
    own_source = "simulated" if is_simulated else "real"
    rows = [(name, "published", value) for name, value in published.items()]
    if is_simulated:
        rows += [(name, "real", value) for name, value in real.items() if name in measured]
    rows += [(name, own_source, value) for name, value in measured.items()]
    frame = pd.DataFrame(rows, columns=["statistic", "source", "value"])
    has_reference = frame["statistic"].isin(published.keys() | real.keys())
    return frame[has_reference].reset_index(drop=True)


def acf(values: np.ndarray, lag: int) -> np.ndarray:
    """Return the autocorrelation at `lag` along the last axis, 0 for a constant."""
    # Lagged products over all squares: the estimate that tends to 0 for short series.
    centred = values - values.mean(-1, keepdims=True)
    total = (centred**2).sum(-1)
    covariance = (centred[..., lag:] * centred[..., :-lag]).sum(-1)
    return np.where(total > 1e-12, covariance / np.maximum(total, 1e-12), 0)


def step_statistics(values: np.ndarray) -> dict[str, float]:
    """Return zero shares, medians, tails, rank correlations of GCUT's steps, shape (steps, 9)."""
    measured = {}
    for name, i in GCUT_ZEROS.items():
        measured[f"share of zeros, {name}"] = (values[:, i] == 0).mean()
    for name, i in GCUT_MARGINS.items():
        positive = values[values[:, i] > 0, i]
        median = tail = np.nan
        if len(positive):
            median, tail = np.quantile(positive, [0.5, 0.99])
        measured[f"median, {name}"] = median
        measured[f"99 % quantile / median, {name}"] = tail / median
    for name, (i, j) in GCUT_PAIRS.items():
        measured[f"rank correlation, {name}"] = spearmanr(values[:, i], values[:, j]).statistic
    return {name: float(value) for name, value in measured.items()}


def persistence(arrays: Sequence[np.ndarray], feature: int) -> float:
    """Return the mean lag-1 autocorrelation of the log of a feature over long series.

    Zeros, which are counted apart, are replaced by the median. NaN without a series of at least
    LONG steps.

    Parameters
    ----------
    arrays
        One array a series, shape (steps, n_features).
    feature
        Column; series in which it is always zero do not count.
    """
    autocorrelations = []
    for array in arrays:
        values = array[:, feature].astype(float)
        if len(values) >= LONG and values.any():
            log = np.log(np.where(values > 0, values, np.median(values[values > 0])))
            autocorrelations.append(acf(log, 1))
    return float(np.mean(autocorrelations)) if autocorrelations else np.nan


def rhythm(views: np.ndarray) -> dict[str, float]:
    """Return the dynamics of complete pages.

    Slow is the running median of 29 days, fast what is left; a burst starts where fast exceeds log
    2 and four times its own spread (median absolute deviation).

    Parameters
    ----------
    views
        Natural log1p of daily views, shape (pages, days), from a Wednesday on.
    """
    slow = median_filter(views, size=(1, 29), mode="nearest")
    fast = views - slow
    spread = 1.4826 * np.median(np.abs(fast), axis=1)  # of a normal distribution: its sd
    is_burst = fast > np.maximum(np.log(2), 4 * spread[:, None])
    starts = is_burst[:, 1:-1] & ~is_burst[:, :-2]  # not on the last day: what follows is measured
    height = 0.0
    decay = 0.0
    if starts.any():
        height = fast[:, 1:-1][starts].mean()
        decay = fast[:, 2:][starts].clip(0).mean() / height
    measured = {
        "slow_sd": np.median(slow.std(1)),
        "slow_acf_lag_28": np.median(acf(slow, 28)),
        "fast_spread": np.median(spread),
        "fast_acf_lag_1": np.median(acf(fast, 1)),
        "fast_acf_lag_7": np.median(acf(fast, 7)),
        "burst_starts_a_day": starts.mean(),
        "burst_height": height,
        "burst_decay": decay,
    }
    if views.shape[1] >= YEAR + LONG:
        measured["slow_correlation_after_a_year"] = _correlation_after_a_year(slow)
    return {name: float(value) for name, value in measured.items()}


def _correlation_after_a_year(slow: np.ndarray) -> float:
    """Return the median correlation of pages, (pages, days), with a year later; 0 without any."""
    correlations = []
    for page in slow:
        this_year = page[:-YEAR]
        next_year = page[YEAR:]
        if min(this_year.std(), next_year.std()) > 1e-6:
            correlations.append(np.corrcoef(this_year, next_year)[0, 1])
    return float(np.median(correlations)) if correlations else 0.0


def log_levels(views: np.ndarray) -> dict[str, float]:
    """Return quantiles of log10(1 + mean views) of pages, shape (pages, days), NaN = missing."""
    log_level = np.log10(np.nanmean(views, axis=1) + 1)
    measured = {}
    for percent in (5, 25, 50, 75, 95):
        quantile = np.quantile(log_level, percent / 100)
        measured[f"log10 level, {percent} % quantile"] = float(quantile)
    return measured


def named_rhythm(measured: dict[str, float], agent: str) -> dict[str, float]:
    """Return what `rhythm` measured under readable names with the agent."""
    return {f"{name.replace('_', ' ')}, {agent}": value for name, value in measured.items()}


def instance_statistics(arrays: Sequence[np.ndarray], names: Sequence[str]) -> dict[str, float]:
    """Return lag-1 autocorrelations, zero shares and correlations with the first feature.

    Each is a mean over the series.

    Parameters
    ----------
    arrays
        One array a series, shape (steps, n_features).
    names
        Of the features.
    """
    measured = {}
    for i, name in enumerate(names):
        columns = [array[:, i].astype(float) for array in arrays]  # (steps,) each
        autocorrelation = np.mean([acf(column, 1) for column in columns])
        measured[f"lag-1 autocorrelation, {name}"] = float(autocorrelation)
        zero_share = np.mean([(column == 0).mean() for column in columns])
        measured[f"share of zeros, {name}"] = float(zero_share)
        correlations = []
        for array in arrays:
            pair = array[:, [0, i]].astype(float)  # (steps, 2)
            if min(np.ptp(pair[:, 0]), np.ptp(pair[:, 1])) > 0:
                correlations.append(np.corrcoef(pair.T)[0, 1])
        if i > 0 and correlations:
            measured[f"correlation, {names[0]} with {name}"] = float(np.mean(correlations))
    return measured


def _gcut(series: SeriesSet) -> dict[str, float]:
    """Return class shares, lengths, and the statistics of the steps."""
    measured = {}
    share = series.attributes["end_event"].value_counts(normalize=True, sort=False)
    for name, value in share.items():
        measured[f"share of {name}"] = float(value)
    measured["mean length"] = float(series.lengths.mean())
    measured["longest"] = float(series.lengths.max())
    measured["share of at most 50 steps"] = float((series.lengths <= 50).mean())
    measured["most common length"] = float(np.bincount(series.lengths).argmax())
    measured |= step_statistics(series.values)
    lag_1 = persistence(_long_arrays(series), 0)
    if np.isfinite(lag_1):
        measured["lag-1 autocorrelation of log cpu_rate (real: borg2019)"] = lag_1
    return measured


def _wwt(series: SeriesSet) -> dict[str, float]:
    """Return the share of crawlers, the levels, and the rhythm of each agent."""
    views = series.padded()[0][:, :, 0]  # (pages, days)
    agents = series.attributes["agent"].astype(str).to_numpy()
    measured = {"share of spider": float((agents == "spider").mean())}
    measured |= log_levels(views)
    for agent in np.unique(agents):
        of_agent = views[agents == agent].astype(float)
        measured |= named_rhythm(rhythm(np.log1p(of_agent)), agent)
    return measured


def _borg2019(series: SeriesSet) -> dict[str, float]:
    """Return the statistics of the long instances; {} without any."""
    arrays = _long_arrays(series)
    return instance_statistics(arrays, series.feature_names) if arrays else {}


def _long_arrays(series: SeriesSet) -> list[np.ndarray]:
    """Return the series of at least LONG steps."""
    return [series[int(i)] for i in np.flatnonzero(series.lengths >= LONG)]


MEASURES: dict[str, Callable[[SeriesSet], dict[str, float]]] = {
    "gcut": _gcut,
    "wwt": _wwt,
    "borg2019": _borg2019,
}
