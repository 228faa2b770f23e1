"""Simulated stand-ins for the cluster traces, calibrated on real tables (calibration.json; `calibrate.py` measures it).

`gcut` stands in for the 2011 usage table, which cannot be had without a 41 GB download: its lengths, end events, requests
and usage statistics are measured or published, and the effects of the end event on usage are fitted so that classifiers
score about what is published for the real data. `borg2019` follows the 2019 table, collection by collection.
Every series here is *simulated*; `simulate_wwt.py` holds the page views, `statistics.py` the side-by-side table.
"""

from functools import cache

import numpy as np
import pandas as pd
from scipy.special import ndtr

from tst.data.simulated.statistics import calibration, statistics
from tst.data.simulated.wwt import check_size, exact_shares, quantile, wwt, wwt_pages
from tst.series import Feature, SeriesSet

__all__ = ["borg2019", "gcut", "statistics", "wwt", "wwt_pages"]

CLASSES = ("EVICT", "FAIL", "FINISH", "KILL")

FAIL = 1

GCUT = (
    "cpu_rate", "maximum_cpu_rate", "sampled_cpu_usage", "canonical_memory_usage", "assigned_memory_usage",
    "maximum_memory_usage", "unmapped_page_cache", "total_page_cache", "local_disk_space_usage",
)  # fmt: skip

REQUESTS = ("cpu_request", "memory_request", "disk_request")

IDLE_PERSISTENCE = 0.95  # of idle spells (zeros come together), assumed

DAY = 288  # five-minute steps a day


def gcut(n_series, seed):
    """Return `n_series` *simulated* task usage series in the layout of GCUT: 9 measurements every 5 minutes, end event.

    Raises DataError where `n_series` is below 1.
    """
    check_size(n_series, "n_series")
    rng, c = np.random.default_rng(seed), calibration()["gcut"]
    event = exact_shares(rng, _class_share(c), n_series)
    lengths = _lengths(rng, c, event)
    jobs, job, task = _jobs(rng, c, event)
    values = _usage(rng, c, jobs.iloc[job], event, lengths)
    event = pd.Categorical.from_codes(event, CLASSES)
    attributes = pd.DataFrame({"end_event": event, "job": 1_000_000 + job, "task": task})
    features = [Feature(n, unit="machine shares") for n in GCUT]
    return SeriesSet(
        "gcut", values, lengths, features, attributes, "simulated", "5min", label="end_event"
    )


def borg2019(n_instances, seed):
    """Return *simulated* usage of `n_instances` long-running task instances, hundreds to thousands of 5-minute steps.

    Levels, persistence, correlations, zeros and unchanged steps of the 9 measurements are those of the instance's
    collection. Raises DataError where `n_instances` is below 1.
    """
    check_size(n_instances, "n_instances")
    rng, c = np.random.default_rng(seed), calibration()["borg2019"]
    names, collections = list(c["collections"]), list(c["collections"].values())
    which = np.sort(exact_shares(rng, [k["instances"] for k in collections], n_instances))
    values, lengths = [], []
    for k in np.unique(which):
        n = np.maximum(
            quantile(collections[k]["length_quantiles"], rng.random((which == k).sum())).astype(
                int
            ),
            2,
        )
        values.append(_collection(rng, collections[k], n))
        lengths.append(n)
    collection = pd.Categorical.from_codes(which, names)
    instance = [f"{names[k]}-{i}" for i, k in enumerate(which)]
    attributes = pd.DataFrame({"collection": collection, "instance": instance})
    features = [Feature(n, unit="machine shares") for n in c["features"]]
    roles = {"label": "collection", "group": "instance"}
    values, lengths = np.concatenate(values), np.concatenate(lengths)
    return SeriesSet(
        "borg2019", values, lengths, features, attributes, "simulated", "5min", **roles
    )


def _collection(rng, c, lengths):
    """Return the measurements of instances of one collection, shape (sum of lengths, 9), in the order of `features`."""
    mix = _root(np.array(c["correlation"]))
    first, twelfth = np.array(c["acf_lag_1"]).clip(1e-3), np.array(c["acf_lag_12"]).clip(1e-3)
    persistence = ((twelfth / first) ** (1 / 11)).clip(
        0, 0.9999
    )  # of the slow part, white noise is the rest
    slow_share = (first / persistence).clip(0, 1)
    slow = _autoregression(rng.standard_normal((lengths.sum(), 9)) @ mix.T, lengths, persistence)
    noise = np.sqrt(slow_share) * slow + np.sqrt(1 - slow_share) * (
        rng.standard_normal(slow.shape) @ mix.T
    )
    level = c["log10_level"] + np.array(c["log10_level_sd"]) * (
        rng.standard_normal((len(lengths), 9)) @ mix.T
    )
    values = np.minimum(
        10 ** (np.repeat(level, lengths, axis=0) + np.array(c["log10_sd"]) * noise), 1
    )
    _keep_order(values)
    held = np.array(c["unchanged_share"])
    idle = ndtr(_autoregression(rng.standard_normal((len(slow), 1)), lengths, [IDLE_PERSISTENCE]))
    never = np.repeat(rng.random((len(lengths), 1)), lengths, axis=0)
    values[np.where(held > 0.9, never, idle) < c["zero_share"]] = 0
    begins = np.zeros(len(values), dtype=bool)
    begins[np.cumsum(lengths) - lengths] = True
    changes = begins[:, None] | (rng.random(values.shape) >= held)
    last = np.maximum.accumulate(np.where(changes, np.arange(len(values))[:, None], 0), axis=0)
    return np.take_along_axis(values, last, axis=0).astype(np.float32)


def _keep_order(values):
    """Make mean <= maximum of CPU and of memory, and percentiles ascend, in place (columns as in `features`)."""
    values[:, 1] = np.maximum(values[:, 0], values[:, 1])
    values[:, 3:6] = np.sort(values[:, 3:6], axis=1)
    values[:, 7] = np.maximum(values[:, 6], values[:, 7])


def _class_share(c):
    share = np.array([c["published"]["class_share"][k] for k in CLASSES])
    return share / share.sum()


def _choose(rng, shares):
    """Return one code for each row of `shares`, shape (n, k)."""
    edges = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    return (rng.random((len(shares), 1)) > edges[:, :-1]).sum(axis=1)


def _lengths(rng, c, event):
    """Draw lengths: up to 50 steps by class (measured) within the published shape, a Pareto tail up to the maximum."""
    by_class, tail = _length_table()
    lengths = 1 + _choose(rng, by_class[event])
    long = rng.random(len(event)) < tail[event]
    top, alpha = c["published"]["max_length"] + 1, c["fitted"]["length_tail_alpha"]
    u = rng.random(len(event))
    pareto = 51 * (1 - u * (1 - (51 / top) ** alpha)) ** (-1 / alpha)
    return np.where(long, np.minimum(pareto.astype(int), top - 1), lengths)


@cache
def _length_table():
    """Return (shares of 1..50 steps by class, share of longer series by class).

    Iterative proportional fitting: the measured association of class and length, within the published class shares
    and the published shape of the length distribution.
    """
    c = calibration()["gcut"]
    share = _class_share(c)
    measured = np.array([c["attempts"]["by_class"][k]["length_share_1_to_50"] for k in CLASSES])
    measured = measured * (measured >= np.array(c["fitted"]["smallest_length_share"])[:, None])
    shape = np.array(c["fitted"]["length_shape_1_to_12"])
    rest = c["fitted"]["length_decay_13_to_50"] ** np.arange(38)
    target = np.concatenate([shape, rest / rest.sum() * (1 - shape.sum())])
    smooth = np.apply_along_axis(np.convolve, 1, measured, [0.15, 0.7, 0.15], "same")
    table = smooth + np.outer(c["fitted"]["length_smoothing"], target)
    long_share = 1 - c["published"]["share_at_most_50"]
    tail = (
        np.array([c["attempts"]["long_share"][k] for k in CLASSES])
        * c["fitted"]["outlives_50_steps"]
    )
    tail *= long_share / tail.sum()
    bulk = share - tail
    for _ in range(200):
        table *= (bulk / table.sum(1))[:, None]
        table *= target * (1 - long_share) / table.sum(0)
    return table, tail / share


def _jobs(rng, c, event):
    """Draw the jobs of the series; return (table of jobs, job of each series, task index within the job).

    A job has one end event and one look (`job_kind_given_event`: many killed jobs look like ones that finish); a measured
    share of its attempts end otherwise. Attempts a job: measured.
    """
    measured = [c["attempts"]["by_class"][k] for k in CLASSES]
    job, kinds = np.empty(len(event), dtype=np.int64), []
    for k in range(4):
        mine = rng.permutation(np.flatnonzero(event == k))
        sizes = quantile(
            measured[k]["attempts_of_a_job_quantiles"], rng.random(len(mine) + 1)
        ).astype(int)
        number = np.searchsorted(np.cumsum(sizes), np.arange(len(mine)), side="right")
        job[mine] = number + len(kinds)
        rows = np.tile(c["fitted"]["job_kind_given_event"][k], (number.max(initial=-1) + 1, 1))
        kinds.extend(_choose(rng, rows))
    stray = (
        rng.random(len(event)) >= np.array([m["same_event_within_job"] for m in measured])[event]
    )
    job[stray] = rng.permutation(job)[stray]
    task = pd.Series(job).groupby(job).cumcount().to_numpy()
    return _job_table(rng, c, np.array(kinds)), job, task


def _job_table(rng, c, kind):
    """Draw one job for each of `kind`: requests with their measured rank correlation, levels as log shares of them."""
    jobs = pd.concat(
        [_jobs_of_kind(rng, c, k, (kind == k).sum()) for k in range(4)], ignore_index=True
    )
    return jobs.iloc[np.argsort(np.argsort(kind, kind="stable"))].reset_index(drop=True)


def _jobs_of_kind(rng, c, kind, n):
    measured, ratio, fitted = (
        c["attempts"]["by_class"][CLASSES[kind]],
        c["usage"]["log_ratio"],
        c["fitted"],
    )
    normal = rng.multivariate_normal(
        np.zeros(3), measured["request_spearman"], size=n, method="cholesky"
    )
    jobs = {
        f: quantile(measured["request_quantiles"][f], ndtr(z))
        for f, z in zip(REQUESTS, normal.T, strict=True)
    }
    for name, r in ratio.items():
        level = r["mean"] + fitted["log_level_of_kind"].get(name, [0] * 4)[kind]
        jobs[name] = level + fitted["between_jobs"].get(name, [1] * 4)[kind] * r[
            "between"
        ] * rng.standard_normal(n)
    jobs["sampled"] = rng.random(n) >= c["usage"]["jobs_without_sampled_cpu"]
    jobs["disk"] = rng.random(n) >= c["usage"]["jobs_without_disk"]
    low, high = c["usage"]["log_ratio"]["cpu_of_request"]["within"], c["dynamics"]["sd"]["cpu"]
    jobs["spread"] = low * (high / low) ** rng.random(n)
    jobs["phase"] = rng.random(n)
    return pd.DataFrame(jobs)


def _root(correlation):
    """Return a matrix whose square is the nearest positive semidefinite correlation."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(values.clip(1e-6))
    return root / np.sqrt((root**2).sum(1, keepdims=True))


def _heavy(rng, n, mix):
    """Return `n` rows of Student's t noise (5 degrees of freedom) of unit variance, mixed by `mix`."""
    return (rng.standard_normal((n, len(mix))) @ mix.T) * np.sqrt(3 / rng.chisquare(5, (n, 1)))


def _autoregression(noise, lengths, persistence):
    """Turn white noise, shape (sum of lengths, k), into AR(1) noise of the same variance, one persistence a column.

    Series run side by side, longest first, so that the loop is over time and not over series.
    """
    persistence = np.asarray(persistence)
    order = np.argsort(-lengths, kind="stable")
    start = (np.cumsum(lengths) - lengths)[order]
    alive = np.searchsorted(-lengths[order], -np.arange(lengths.max()), side="left")
    scale = np.sqrt(1 - persistence**2)
    for t in range(1, len(alive)):
        now = start[: alive[t]] + t
        noise[now] = persistence * noise[now - 1] + scale * noise[now]
    return noise


def _event_effects(rng, c, event, lengths, row, step):
    """Return what the end event does to the logs of CPU, its maximum, memory and cache, shape (sum of lengths, 4).

    Two fitted tables of event x measurement. `growth` unfolds from the third window on: the memory of a task that fails
    grows and its CPU moves either way (half hang, half thrash), one that will be evicted competes for CPU and loses its
    page cache to its neighbours. `last` touches the last window only: a task that finishes winds down, one that is
    killed shows nothing. The strength differs between tasks and is nil for some, which leaves overlap.
    """
    strength = rng.gamma(4, 0.25, len(event)) * (rng.random(len(event)) >= c["share_without"])
    age = 1 - np.exp(-np.maximum(step - 1, 0) / c["growth_steps"])
    last = step == lengths[row] - 1
    effect = (
        age[:, None] * np.array(c["growth"])[event][row]
        + last[:, None] * np.array(c["last"])[event][row]
    )
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
    persistence = [acf["cpu"], acf["max_cpu"], acf["memory"], acf["memory"]]
    noise = _autoregression(_heavy(rng, len(row), _root(cross)), lengths, persistence)
    cpu, peak, memory, cache = _event_effects(
        rng, c["fitted"]["event_effects"], event, lengths, row, step
    ).T
    ratio = c["usage"]["log_ratio"]
    cpu += job["cpu_of_request"] + job["spread"] * noise[:, 0]
    cpu += np.sqrt(2) * c["dynamics"]["daily_sd"] * np.cos(2 * np.pi * (step / DAY + job["phase"]))
    memory += job["memory_of_request"] + ratio["memory_of_request"]["within"] * noise[:, 2]
    values = np.empty((len(row), 9))
    values[:, 0] = job["cpu_request"] * np.exp(np.minimum(cpu, c["fitted"]["log_cpu_limit"]))
    above = np.maximum(
        job["max_cpu_of_cpu"] + ratio["max_cpu_of_cpu"]["within"] * noise[:, 1] + peak, 0
    )
    values[:, 1] = values[:, 0] * np.exp(above)
    values[:, 2] = job["sampled"] * values[:, 0] * np.exp(0.4 * rng.standard_normal(len(row)))
    values[:, 3] = job["memory_request"] * np.exp(np.minimum(memory, 0.2))
    values[:, 4] = values[:, 3] * np.exp(np.abs(job["assigned_of_memory"]))
    values[:, 5] = values[:, 3] * np.exp(
        np.abs(job["max_of_memory"] + ratio["max_of_memory"]["within"] * noise[:, 1])
    )
    values[:, 6] = np.exp(job["cache"] + 0.5 * ratio["cache"]["within"] * noise[:, 3] + cache)
    values[:, 7] = values[:, 6] * np.exp(np.abs(job["total_of_cache"]))
    disk = (
        job["disk_of_request"]
        + ratio["disk_of_request"]["within"] * rng.standard_normal(len(lengths))[row]
    )
    values[:, 8] = job["disk"] * job["disk_request"] * np.exp(np.minimum(disk, 0))
    values[rng.random(len(row)) < c["usage"]["zero_records"]] = 0
    return np.minimum(values, c["usage"]["largest_record"]).astype(np.float32)
