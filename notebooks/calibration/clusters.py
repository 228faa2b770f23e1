"""Measure on the real cluster tables what their simulators need. Only statistics leave the tables.

A job counts for at most JOB_CAP attempts of a class: one job of the first three hours of the 2011
trace alone has 9,913.
"""

from typing import Any

import numpy as np
import pandas as pd
from chosen import CLASSES, PUBLISHED
from rounding import PROBABILITIES, rounded, rounded_values
from scipy.special import ndtri
from scipy.stats import rankdata

from tst.data.borg2019 import MEASUREMENTS as BORG
from tst.data.gcut2011 import SLOTS_PER_DAY
from tst.data.simulated.gcut import BULK, REQUESTS
from tst.data.simulated.statistics import acf, instance_statistics, step_statistics

JOB_CAP = 100
# Windows: attempts that last so long stand for those beyond 50, of which few end in 2.95 hours.
LONG_ATTEMPT = 24
LOW_PRIORITY = 1  # at most
LATENCY_SENSITIVE = 2  # scheduling class, at least
NORMAL_SD = 3.29  # standard deviations between the 5 and 95 % quantiles of a normal distribution
# The trace's own names, in the order of tst.data.trace_parts.FEATURES.
MEASUREMENTS = [
    "CPU rate",
    "maximum CPU rate",
    "sampled CPU usage",
    "canonical memory usage",
    "assigned memory usage",
    "maximum memory usage",
    "unmapped page cache",
    "total page cache",
    "local disk space usage",
]
USAGE_REQUESTS = ["CPU request", "memory request", "disk space request"]
# What is divided by what in the usage excerpt: the log ratio ties a measurement to a request or
# another measurement.
RATIOS = {
    "cpu_of_request": ("CPU rate", "CPU request"),
    "memory_of_request": ("canonical memory usage", "memory request"),
    "disk_of_request": ("local disk space usage", "disk space request"),
    "max_cpu_of_cpu": ("maximum CPU rate", "CPU rate"),
    "sampled_of_cpu": ("sampled CPU usage", "CPU rate"),
    "assigned_of_memory": ("assigned memory usage", "canonical memory usage"),
    "max_of_memory": ("maximum memory usage", "canonical memory usage"),
    "cache": ("unmapped page cache", "one"),
    "total_of_cache": ("total page cache", "unmapped page cache"),
}


def weighted_quantiles(values: np.ndarray, weights: np.ndarray) -> list[float]:
    """Return the quantiles of `values` at the 21 PROBABILITIES under `weights`."""
    order = np.argsort(values)
    position = np.cumsum(weights[order]) - weights[order] / 2
    return rounded(np.interp(PROBABILITIES, position / weights.sum(), values[order]))


def attempts(table: pd.DataFrame) -> dict[str, Any]:
    """Return lengths, requests, priorities and job sizes of attempts, by class of end event."""
    size = table.groupby(["end_event", "job"])["task"].transform("size")
    table = table.assign(weight=np.minimum(size, JOB_CAP) / size)
    is_long = table["n_windows"] >= LONG_ATTEMPT
    long_weight = table[is_long].groupby("end_event")["weight"].sum()
    long_weight = long_weight.reindex(CLASSES, fill_value=0)
    long_share = rounded(long_weight / long_weight.sum())
    job_sizes = table.groupby(["end_event", "job"]).size().clip(upper=JOB_CAP)
    return {
        "source": "gcut_task_attempts (2011 trace v2.1, first 2.95 h, a job counts for at most 100 "
        "attempts); lengths without attempts that started before the trace",
        "long_share": dict(zip(CLASSES, long_share, strict=True)),
        "by_class": {name: _class_attempts(table, job_sizes, name) for name in CLASSES},
    }


def _class_attempts(table: pd.DataFrame, job_sizes: pd.Series, name: str) -> dict[str, Any]:
    """Return the statistics of one class; `job_sizes` are indexed by class and job."""
    rows = table[table["end_event"] == name]
    weight = rows["weight"].to_numpy()
    # An attempt that started before the trace has no known length.
    known = rows[~rows["started_before_trace"]]
    weight_of_length = np.bincount(known["n_windows"], known["weight"], minlength=BULK + 1)
    weight_of_length = weight_of_length[1 : BULK + 1]
    requests = list(REQUESTS)
    quantiles = {r: weighted_quantiles(rows[r].to_numpy(), weight) for r in requests}
    low_priority = np.average(rows["priority"] <= LOW_PRIORITY, weights=weight)
    latency_sensitive = np.average(rows["scheduling_class"] >= LATENCY_SENSITIVE, weights=weight)
    return {
        "length_share_1_to_50": rounded(weight_of_length / weight_of_length.sum()),
        "request_quantiles": quantiles,
        "request_spearman": rounded(rows[requests].corr("spearman").to_numpy()),
        "low_priority_share": float(low_priority.round(4)),
        "latency_sensitive_share": float(latency_sensitive.round(4)),
        "same_event_within_job": _same_event(table, name),
        "attempts_of_a_job_quantiles": rounded(np.quantile(job_sizes[name], PROBABILITIES)),
    }


def _same_event(table: pd.DataFrame, name: str) -> float:
    """Return the mean share of the other attempts of a job that end as this one does.

    Jobs of one attempt do not count. The odds are moved from the share of the class in the first
    hours to its published share.
    """
    counts = table.groupby(["job", "end_event"]).size().unstack(fill_value=0)
    counts = counts[counts.sum(axis=1) >= 2]
    same = counts[name]
    total = counts.sum(axis=1)
    share_of_others = (same - 1).clip(lower=0) / (total - 1)
    share = np.average(share_of_others, weights=same.clip(upper=JOB_CAP))
    class_share = (table["end_event"] == name).mean()
    odds = share / (1 - share) * PUBLISHED["class_share"][name] / class_share
    return round(float(odds / (1 + odds)), 3)


def usage(excerpt: pd.DataFrame, events: pd.DataFrame) -> dict[str, Any]:
    """Return how the measurements of the 2011 usage excerpt relate to requests and each other.

    Mean and spread are of natural-log ratios: spread `between` jobs and `within` a job.

    Parameters
    ----------
    excerpt, events
        Rows of task_usage and task_events, columns named as in the trace's schema.csv.
    """
    keys = ["job ID", "task index"]
    requests = events.dropna(subset=["CPU request"]).groupby(keys)[USAGE_REQUESTS].first()
    rows = excerpt.join(requests, on=keys).assign(one=1.0)
    most_sampled = rows.groupby("job ID")["sampled CPU usage"].max()
    most_disk = rows.groupby("job ID")["local disk space usage"].max()
    return {
        "source": "first 677 rows of task_usage of the 2011 trace joined to the requests of "
        "task_events (71 jobs); spread of natural logs between and within jobs; cache: log of the "
        "value itself",
        "log_ratio": {name: _log_ratio(rows, *pair) for name, pair in RATIOS.items()},
        "jobs_without_sampled_cpu": float((most_sampled == 0).mean().round(4)),
        "jobs_without_disk": float((most_disk == 0).mean().round(4)),
        "measurements": MEASUREMENTS,
        "largest_record": rounded(excerpt[MEASUREMENTS].max()),
        "zero_records": float((rows["CPU rate"] == 0).mean().round(4)),
    }


def _log_ratio(rows: pd.DataFrame, numerator: str, denominator: str) -> dict[str, float]:
    """Return mean and spread of the log of a ratio of two columns, where both are positive."""
    rows = rows[(rows[numerator] > 0) & (rows[denominator] > 0)]
    by_job = np.log(rows[numerator] / rows[denominator]).groupby(rows["job ID"])
    job_mean = by_job.mean()
    variance = by_job.var()[by_job.size() > 3]  # fewer rows give no estimate
    within = np.sqrt(variance.mean())
    mean, between, within = rounded([job_mean.mean(), job_mean.std(), within])
    return {"mean": mean, "between": between, "within": within}


def borg2019(table: pd.DataFrame) -> dict[str, Any]:
    """Return lengths, levels, dynamics and correlations by collection, on the log10 scale."""
    table = table[(table[BORG] >= 0).all(axis=1)]
    return {
        "source": "borg2019_usage: 82 long task instances of the 2019 Google cluster trace; order "
        "of features as listed; autocorrelation and correlation of normal scores, log10_sd from "
        "the 5 and 95 % quantiles",
        "features": BORG,
        "compared": {"real": rounded_values(instance_statistics(_instances(table), BORG))},
        "collections": {str(name): _collection(rows) for name, rows in table.groupby("collection")},
    }


def _instances(table: pd.DataFrame) -> list[np.ndarray]:
    """Return the measurements of each instance, shape (records, 9)."""
    return [rows[BORG].to_numpy(dtype=float) for _, rows in table.groupby("instance")]


def _collection(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the statistics of one collection's records."""
    instances = _instances(rows)
    levels = []
    spreads = []
    scores = []
    autocorrelations = []
    unchanged = []
    for values in instances:
        log10 = _log10(values)
        levels.append(np.median(log10, axis=0))
        spread = np.quantile(log10, 0.95, axis=0) - np.quantile(log10, 0.05, axis=0)
        spreads.append(spread / NORMAL_SD)
        # Normal scores, an instance at a time: a few idle records would otherwise outweigh all
        # others on the log scale.
        score = ndtri((rankdata(log10, axis=0) - 0.5) / len(log10))
        scores.append(score)
        autocorrelations.append([acf(score.T, 1), acf(score.T, 12)])
        unchanged.append((np.diff(values, axis=0) == 0).mean(0))
    lag_1, lag_12 = np.median(np.array(autocorrelations), axis=0)
    correlation = pd.DataFrame(np.concatenate(scores)).corr().fillna(0).to_numpy().copy()
    np.fill_diagonal(correlation, 1)
    lengths = [len(values) for values in instances]
    return {
        "instances": len(instances),
        "length_quantiles": rounded(np.quantile(lengths, PROBABILITIES)),
        "log10_level": rounded(np.array(levels).mean(0)),
        "log10_level_sd": rounded(np.array(levels).std(0)),
        "log10_sd": rounded(np.mean(spreads, axis=0)),
        "acf_lag_1": rounded(lag_1),
        "acf_lag_12": rounded(lag_12),
        "zero_share": rounded((rows[BORG] == 0).mean()),
        "unchanged_share": rounded(np.mean(unchanged, axis=0)),
        "correlation": rounded(correlation, 3),
    }


def _log10(values: np.ndarray) -> np.ndarray:
    """Return log10 of values; zeros, counted apart, are replaced by the median of their column."""
    logs = np.log10(np.where(values > 0, values, np.nan))
    for column in logs.T:
        is_zero = np.isnan(column)
        column[is_zero] = -6.0 if is_zero.all() else np.nanmedian(column)  # -6: any constant does
    return logs


def cluster_dynamics(borg: dict[str, Any], jobdays: pd.DataFrame) -> dict[str, Any]:
    """Return the persistence of CPU and memory and the daily rhythm, on the natural-log scale.

    Parameters
    ----------
    borg
        What `borg2019` returns.
    jobdays
        Columns job, cpu_percent: whole days of 288 slots, one after another.
    """
    collections = borg["collections"].values()
    weights = [collection["instances"] for collection in collections]
    columns = {
        "cpu": BORG.index("cpu_mean"),
        "memory": BORG.index("memory_mean"),
        "max_cpu": BORG.index("cpu_max"),
    }
    lag_1 = {}
    sd = {}
    for name, column in columns.items():
        lags = [collection["acf_lag_1"][column] for collection in collections]
        sds = [collection["log10_sd"][column] for collection in collections]
        lag_1[name] = round(float(np.average(lags, weights=weights)), 3)
        sd[name] = round(float(np.average(sds, weights=weights) * np.log(10)), 3)
    correlations = [collection["correlation"] for collection in collections]
    correlation = np.average(correlations, axis=0, weights=weights)  # (9, 9)
    logs = np.log(jobdays["cpu_percent"]).to_numpy().reshape(-1, SLOTS_PER_DAY)  # (days, slots)
    job = jobdays["job"].to_numpy()[::SLOTS_PER_DAY]
    mean_day = pd.DataFrame(logs).groupby(job).mean()
    mean_usage = "borg2019_usage (mean over instances, by natural log)"
    return {
        "source": f"{mean_usage} and gcut2011_jobdays (216 jobs of 2011)",
        "acf_lag_1": lag_1,
        "sd": sd,
        "correlation_cpu_memory": round(float(correlation[columns["cpu"], columns["memory"]]), 3),
        "daily_sd": round(float(mean_day.std(axis=1).median()), 3),
    }


def compared(dynamics: dict[str, Any], excerpt: pd.DataFrame) -> dict[str, Any]:
    """Return what the simulated GCUT is compared with: facts, the excerpt's steps, persistence.

    Parameters
    ----------
    dynamics
        What `cluster_dynamics` returns.
    excerpt
        Rows of task_usage, columns named as in the trace's schema.csv.
    """
    published = {}
    for name, share in PUBLISHED["class_share"].items():
        published[f"share of {name}"] = share
    published["mean length"] = np.mean(PUBLISHED["mean_length"])
    published["longest"] = PUBLISHED["max_length"]
    published["share of at most 50 steps"] = PUBLISHED["share_at_most_50"]
    published["most common length"] = PUBLISHED["most_common_length"]
    real = step_statistics(excerpt[MEASUREMENTS].to_numpy())
    real["lag-1 autocorrelation of log cpu_rate (real: borg2019)"] = dynamics["acf_lag_1"]["cpu"]
    return {
        "source": "published: as in `published`; real: the 677 usage records of 2011, all of one "
        "moment and of long-running jobs, and the persistence of borg2019_usage",
        "published": rounded_values(published),
        "real": rounded_values(real),
    }
