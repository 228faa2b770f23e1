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

from tst.data.simulate_wwt import wwt, wwt_pages
from tst.data.statistics import statistics
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
    kind = _choose(rng, np.array(c["fitted"]["job_kind_given_event"])[event])
    lengths = _lengths(rng, c, event)
    jobs, job, task = _jobs(rng, c, kind)
    values = _usage(rng, c, jobs[job], event, lengths)
    attributes = pd.DataFrame(
        {"end_event": pd.Categorical.from_codes(event, CLASSES), "job": 1_000_000 + job, "task": task}
    )
    return SeriesSet(
        "gcut", values, lengths, [Feature(n) for n in GCUT], attributes, "simulated", "5min", label="end_event"
    )


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


def _jobs(rng, c, kind):
    """Draw the jobs that the series belong to; return (jobs table as a record array, job of each series, task index)."""
    job, first = np.empty(len(kind), dtype=np.int64), 0
    tables = []
    for k, name in enumerate(CLASSES):
        mine = np.flatnonzero(kind == k)
        sizes = _quantile(c["attempts"]["by_class"][name]["attempts_of_a_job_quantiles"], rng.random(len(mine) + 1))
        number = np.searchsorted(np.cumsum(sizes.astype(int)), np.arange(len(mine)), side="right")
        job[mine] = rng.permutation(number) + first
        tables.append(_job_table(rng, c, k, number[-1] + 1 if len(mine) else 0))
        first += len(tables[-1])
    order = np.argsort(job, kind="stable")
    task = np.empty_like(job)
    task[order] = np.arange(len(job)) - np.searchsorted(job[order], job[order])
    return np.concatenate(tables), job, task


def _job_table(rng, c, kind, n):
    """Draw `n` jobs of a kind: requests with their measured rank correlation, levels as shares of the requests."""
    measured, ratio, fitted = c["attempts"]["by_class"][CLASSES[kind]], c["usage"]["log_ratio"], c["fitted"]
    jobs = np.zeros(n, dtype=[(f, float) for f in (*REQUESTS, *ratio, "phase", "busy")])
    normal = rng.multivariate_normal(np.zeros(3), measured["request_spearman"], size=n, method="cholesky")
    for f, z in zip(REQUESTS, normal.T, strict=True):
        jobs[f] = np.maximum(_quantile(measured["request_quantiles"][f], ndtr(z)), 1e-6)
    for f, r in ratio.items():
        shift = fitted["log_level_of_kind"][f][kind] if f in fitted["log_level_of_kind"] else 0.0
        spread = r["between"] * fitted["between_jobs"].get(f, 1.0)
        jobs[f] = np.exp(shift + r["mean"] + spread * rng.standard_normal(n))
    jobs["sampled_of_cpu"] *= rng.random(n) >= c["usage"]["jobs_without_sampled_cpu"]
    jobs["disk_of_request"] *= rng.random(n) >= c["usage"]["jobs_without_disk"]
    jobs["phase"] = rng.random(n)
    return jobs
