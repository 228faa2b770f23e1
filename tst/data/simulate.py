"""Simulated stand-ins for the cluster traces, calibrated on real tables (calibration.json; `calibrate.py` measures it).

`gcut` stands in for the 2011 usage table, which cannot be had without a 41 GB download: its lengths, end events, requests
and usage statistics are measured or published, and the effects of the end event on usage are fitted so that classifiers
score about what is published for the real data. `borg2019` follows the 2019 table, collection by collection.
Every series here is *simulated*; `simulate_wwt.py` holds the page views, `statistics.py` the side-by-side table.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtr

from tst.series import DataError, Feature, SeriesSet

__all__ = ["borg2019", "gcut", "statistics", "wwt", "wwt_pages"]

CLASSES = ("EVICT", "FAIL", "FINISH", "KILL")
EVICT, FAIL, FINISH, KILL = range(4)
GCUT = (
    "cpu_rate", "maximum_cpu_rate", "sampled_cpu_usage", "canonical_memory_usage", "assigned_memory_usage",
    "maximum_memory_usage", "unmapped_page_cache", "total_page_cache", "local_disk_space_usage",
)  # fmt: skip
REQUESTS = ("cpu_request", "memory_request", "disk_request")
DAY = 288  # five-minute steps a day


@cache
def calibration():
    """Return the committed statistics of the real tables."""
    return json.loads(Path(__file__).with_name("calibration.json").read_text())


def gcut(n_series, seed):
    """Return `n_series` *simulated* task usage series in the layout of GCUT: 9 measurements every 5 minutes, end event.

    Raises DataError where `n_series` is below 1.
    """
    _check(n_series, "n_series")
    rng = np.random.default_rng(seed)
    c = calibration()["gcut"]
    share = np.array([c["published"]["class_share"][k] for k in CLASSES])
    event = _exact_shares(rng, share / share.sum(), n_series)
    lengths = _lengths(rng, c, event)
    jobs, job, task = _jobs(rng, c, event)
    values = _usage(rng, c, jobs.iloc[job], event, lengths)
    attributes = pd.DataFrame(
        {"end_event": pd.Categorical.from_codes(event, CLASSES), "job": 1_000_000 + job, "task": task}
    )
    return SeriesSet(
        "gcut", values, lengths, [Feature(n) for n in GCUT], attributes, "simulated", "5min", label="end_event"
    )


def borg2019():
    pass


def _check(n, name):
    if n < 1:
        raise DataError(f"simulate: {name} is {n}; give at least 1.")


def _exact_shares(rng, share, n):
    """Return `n` shuffled codes whose counts differ from n * share by less than one."""
    edges = np.cumsum(share)
    codes = np.searchsorted(edges[:-1], (np.arange(n) + rng.random()) / n, side="right")
    return rng.permutation(codes)


def _choose(rng, shares):
    """Return one code for each row of `shares`, shape (n, k)."""
    edges = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    return (rng.random((len(shares), 1)) > edges[:, :-1]).sum(axis=1)


def _lengths(rng, c, event):
    """Draw lengths: up to 50 steps by class (measured) within the published shape, a Pareto tail up to the maximum."""
    by_class, tail = length_table()
    lengths = 1 + _choose(rng, by_class[event])
    long = rng.random(len(event)) < tail[event]
    top, alpha = c["published"]["max_length"] + 1, c["fitted"]["length_tail_alpha"]
    u = rng.random(len(event))
    pareto = 51 * (1 - u * (1 - (51 / top) ** alpha)) ** (-1 / alpha)
    return np.where(long, np.minimum(pareto.astype(int), top - 1), lengths)


@cache
def length_table():
    """Return (shares of 1..50 steps by class, share of longer series by class).

    Iterative proportional fitting: the measured association of class and length, within the published class shares
    and the published shape of the length distribution.
    """
    c = calibration()["gcut"]
    share = np.array([c["published"]["class_share"][k] for k in CLASSES])
    measured = np.array([c["attempts"]["by_class"][k]["length_share_1_to_50"] for k in CLASSES])
    shape = np.array(c["fitted"]["length_shape_1_to_12"])
    rest = c["fitted"]["length_decay_13_to_50"] ** np.arange(38)
    target = np.concatenate([shape, rest / rest.sum() * (1 - shape.sum())])
    smooth = np.apply_along_axis(np.convolve, 1, measured, [0.15, 0.7, 0.15], "same")
    table = smooth + c["fitted"]["length_smoothing"] * target
    long_share = 1 - c["published"]["share_at_most_50"]
    tail = np.array([c["attempts"]["long_share"][k] for k in CLASSES]) * long_share
    bulk = share / share.sum() - tail
    for _ in range(200):
        table *= (bulk / table.sum(1))[:, None]
        table *= target * (1 - long_share) / table.sum(0)
    return table, tail / (share / share.sum())


def _jobs(rng, c, event):
    """Draw the jobs of the series; return (table of jobs, job of each series, task index within the job).

    A job has one end event and one look (`job_kind_given_event`: many killed jobs look like ones that finish); a measured
    share of its attempts end otherwise. Attempts a job: measured.
    """
    measured = [c["attempts"]["by_class"][k] for k in CLASSES]
    job, kinds = np.empty(len(event), dtype=np.int64), []
    for k in range(4):
        mine = rng.permutation(np.flatnonzero(event == k))
        sizes = _quantile(measured[k]["attempts_of_a_job_quantiles"], rng.random(len(mine) + 1)).astype(int)
        number = np.searchsorted(np.cumsum(sizes), np.arange(len(mine)), side="right")
        job[mine] = number + len(kinds)
        rows = np.tile(c["fitted"]["job_kind_given_event"][k], (number.max(initial=-1) + 1, 1))
        kinds.extend(_choose(rng, rows))
    stray = rng.random(len(event)) >= np.array([m["same_event_within_job"] for m in measured])[event]
    job[stray] = rng.permutation(job)[stray]
    task = pd.Series(job).groupby(job).cumcount().to_numpy()
    return _job_table(rng, c, np.array(kinds)), job, task


def _job_table(rng, c, kind):
    """Draw one job for each of `kind`: requests with their measured rank correlation, levels as log shares of them."""
    jobs = pd.concat([_jobs_of_kind(rng, c, k, (kind == k).sum()) for k in range(4)], ignore_index=True)
    return jobs.iloc[np.argsort(np.argsort(kind, kind="stable"))].reset_index(drop=True)


def _jobs_of_kind(rng, c, kind, n):
    measured, ratio, fitted = c["attempts"]["by_class"][CLASSES[kind]], c["usage"]["log_ratio"], c["fitted"]
    normal = rng.multivariate_normal(np.zeros(3), measured["request_spearman"], size=n, method="cholesky")
    jobs = {f: _quantile(measured["request_quantiles"][f], ndtr(z)) for f, z in zip(REQUESTS, normal.T, strict=True)}
    for name, r in ratio.items():
        level = r["mean"] + fitted["log_level_of_kind"].get(name, [0] * 4)[kind]
        jobs[name] = level + fitted["between_jobs"].get(name, [1] * 4)[kind] * r["between"] * rng.standard_normal(n)
    jobs["sampled"] = rng.random(n) >= c["usage"]["jobs_without_sampled_cpu"]
    jobs["disk"] = rng.random(n) >= c["usage"]["jobs_without_disk"]
    low, high = c["usage"]["log_ratio"]["cpu_of_request"]["within"], c["dynamics"]["sd"]["cpu"]
    jobs["spread"] = low * (high / low) ** rng.random(n)
    jobs["phase"] = rng.random(n)
    return pd.DataFrame(jobs)


def _quantile(table, probability):
    """Return the quantiles of a table of 21 equally spaced ones."""
    return np.interp(probability, np.linspace(0, 1, len(table)), table)


def _autoregression(rng, lengths, persistence, cross):
    """Return stationary AR(1) noise of unit variance, shape (sum of lengths, k): one persistence a column, innovations
    with correlation `cross` and Student's t (5 degrees of freedom) tails.

    Series run side by side, longest first, so that the loop is over time and not over series.
    """
    persistence = np.asarray(persistence)
    order = np.argsort(-lengths, kind="stable")
    start = (np.cumsum(lengths) - lengths)[order]
    alive = np.searchsorted(-lengths[order], -np.arange(lengths.max()), side="left")
    noise = rng.standard_normal((lengths.sum(), len(persistence))) @ np.linalg.cholesky(cross).T
    noise *= np.sqrt(3 / rng.chisquare(5, (len(noise), 1)))
    scale = np.sqrt(1 - persistence**2)
    for t in range(1, len(alive)):
        now = start[: alive[t]] + t
        noise[now] = persistence * noise[now - 1] + scale * noise[now]
    return noise


def _event_effects(rng, c, event, lengths, row, step):
    """Return what the end event does to the logs of CPU, its maximum, memory and cache, shape (sum of lengths, 4).

    Two fitted tables of event x measurement: `growth` unfolds with the age of the task (one that fails grows in memory,
    one that will be evicted is squeezed by its neighbours), `last` touches the last window only (one that finishes winds
    down, one that is killed does not). Of the failing tasks half hang and half thrash: their CPU moves either way. The strength differs between tasks and is nil for some, which leaves overlap.
    """
    strength = rng.gamma(4, 0.25, len(event)) * (rng.random(len(event)) >= c["share_without"])
    age = 1 - np.exp(-np.maximum(step - 1, 0) / c["growth_steps"])
    last = step == lengths[row] - 1
    effect = age[:, None] * np.array(c["growth"])[event][row] + last[:, None] * np.array(c["last"])[event][row]
    effect *= strength[row][:, None]
    hangs = (event == FAIL) & (rng.random(len(event)) < 0.5)
    effect[hangs[row], :2] *= -1
    effect[:, 0] -= c["first_window_cpu"] * (step == 0) * rng.random(len(step))
    return effect


def _usage(rng, c, jobs, event, lengths):
    """Return the 9 measurements of every step, float32 (sum of lengths, 9), from the jobs of the series (one row each)."""
    row = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    job = {k: jobs[k].to_numpy()[row] for k in jobs}
    acf, shared = c["dynamics"]["acf_lag_1"], c["dynamics"]["correlation_cpu_memory"]
    cross = np.eye(4)
    cross[0, 2] = cross[2, 0] = shared
    noise = _autoregression(rng, lengths, [acf["cpu"], acf["max_cpu"], acf["memory"], acf["memory"]], cross)
    cpu, peak, memory, cache = _event_effects(rng, c["fitted"]["event_effects"], event, lengths, row, step).T
    ratio = c["usage"]["log_ratio"]
    cpu += job["cpu_of_request"] + job["spread"] * noise[:, 0]
    cpu += np.sqrt(2) * c["dynamics"]["daily_sd"] * np.cos(2 * np.pi * (step / DAY + job["phase"]))
    memory += job["memory_of_request"] + ratio["memory_of_request"]["within"] * noise[:, 2]
    values = np.empty((len(row), 9))
    values[:, 0] = job["cpu_request"] * np.exp(np.minimum(cpu, c["fitted"]["log_cpu_limit"]))
    above = np.maximum(job["max_cpu_of_cpu"] + ratio["max_cpu_of_cpu"]["within"] * noise[:, 1] + peak, 0)
    values[:, 1] = values[:, 0] * np.exp(above)
    values[:, 2] = job["sampled"] * values[:, 0] * np.exp(0.4 * rng.standard_normal(len(row)))
    values[:, 3] = job["memory_request"] * np.exp(np.minimum(memory, 0.2))
    values[:, 4] = values[:, 3] * np.exp(np.abs(job["assigned_of_memory"]))
    values[:, 5] = values[:, 3] * np.exp(np.abs(job["max_of_memory"] + ratio["max_of_memory"]["within"] * noise[:, 1]))
    values[:, 6] = np.exp(job["cache"] + 0.5 * ratio["cache"]["within"] * noise[:, 3] + cache)
    values[:, 7] = values[:, 6] * np.exp(np.abs(job["total_of_cache"]))
    disk = job["disk_of_request"] + ratio["disk_of_request"]["within"] * rng.standard_normal(len(lengths))[row]
    values[:, 8] = job["disk"] * job["disk_request"] * np.exp(np.minimum(disk, 0))
    values[rng.random(len(row)) < c["usage"]["zero_records"]] = 0
    return np.minimum(values, c["usage"]["largest_record"]).astype(np.float32)
