"""*Simulated* task usage of the 2011 cluster trace.

It stands in for the trace's usage table, which cannot be had without a 41 GB download. Lengths, end
events, requests and usage statistics are measured or published. The effects of the end event on
usage are fitted so that classifiers score about what is published for the real data (arXiv
1909.13403, arXiv 2506.07312). Which is which stands in calibration.json: `attempts`, `usage` and
`dynamics` are measured, `published` and `fitted` not.
"""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from tst.data.gcut import UNIT
from tst.data.simulated.draws import (
    check_size,
    choose,
    correlation_root,
    exact_shares,
    quantile,
    ragged_ar1,
)
from tst.data.simulated.statistics import calibration
from tst.data.trace_parts import FEATURES
from tst.series import Feature, SeriesSet, offsets
from tst.vocabulary import CLASSES as CLASSES_BY_DATASET

Calibrated = dict[str, Any]  # a part of calibration.json

CLASSES = CLASSES_BY_DATASET["gcut"]
FAIL = CLASSES.index("FAIL")
REQUESTS = ("cpu_request", "memory_request", "disk_request")
FIRST_JOB = 1_000_000
DAY = 288  # five-minute steps a day
BULK = (
    50  # steps: lengths up to here are drawn from measured shares, longer ones from a Pareto tail
)
LOG_MEMORY_LIMIT = 0.2  # of memory over the memory asked for, assumed
N_FITTING_STEPS = 200  # of the iterative proportional fitting
SAMPLED_CPU_SD = 0.4  # of the log of one second's CPU around the mean of the step, assumed


def gcut(n_series: int, seed: int) -> SeriesSet:
    """Return *simulated* task usage in the layout of GCUT.

    Every 5 minutes 9 measurements, at the end of the series its end event. Raises DataError where
    `n_series` is below 1.
    """
    check_size(n_series, "n_series")
    rng = np.random.default_rng(seed)
    calibrated = calibration()["gcut"]
    event = exact_shares(rng, _class_share(calibrated), n_series)
    lengths = _lengths(rng, calibrated, event)
    jobs, job, task = _jobs(rng, calibrated, event)
    values = _usage(rng, calibrated, jobs.iloc[job], event, lengths)
    attributes = pd.DataFrame(
        {
            "end_event": pd.Categorical.from_codes(event, CLASSES),
            "job": FIRST_JOB + job,
            "task": task,
        }
    )
    return SeriesSet(
        name="gcut",
        values=values,
        lengths=lengths,
        features=[Feature(name, unit=UNIT) for name in FEATURES],
        attributes=attributes,
        origin="simulated",
        interval="5min",
        label="end_event",
        group="job",
    )


def _class_share(calibrated: Calibrated) -> np.ndarray:
    """Return the published shares of the end events, in the order of CLASSES."""
    share = np.array([calibrated["published"]["class_share"][name] for name in CLASSES])
    return share / share.sum()


def _lengths(rng: np.random.Generator, calibrated: Calibrated, event: np.ndarray) -> np.ndarray:
    """Draw lengths: by class up to 50 steps, beyond from a Pareto tail up to the maximum."""
    bulk_share, tail_share = _length_table()
    lengths = 1 + choose(rng, bulk_share[event])
    is_long = rng.random(len(event)) < tail_share[event]
    # Inverse of the distribution function of a Pareto law between BULK + 1 and the end of its
    # range.
    end = calibrated["published"]["max_length"] + 1
    alpha = calibrated["fitted"]["length_tail_alpha"]
    u = rng.random(len(event))
    pareto = (BULK + 1) * (1 - u * (1 - ((BULK + 1) / end) ** alpha)) ** (-1 / alpha)
    return np.where(is_long, np.minimum(pareto.astype(int), end - 1), lengths)


@cache
def _length_table() -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of 1..50 steps by class, (4, 50), and of longer series by class, (4,).

    Iterative proportional fitting: the measured association of class and length, within the
    published class shares and the published shape of the length distribution.
    """
    calibrated = calibration()["gcut"]
    fitted = calibrated["fitted"]
    attempts = calibrated["attempts"]
    class_share = _class_share(calibrated)
    measured = np.array([attempts["by_class"][name]["length_share_1_to_50"] for name in CLASSES])
    smallest = np.array(fitted["smallest_length_share"])[:, None]
    measured = np.where(measured >= smallest, measured, 0)
    shape = np.array(fitted["length_shape_1_to_12"])
    rest = fitted["length_decay_13_to_50"] ** np.arange(BULK - len(shape))
    target = np.concatenate([shape, rest / rest.sum() * (1 - shape.sum())])
    smooth = np.apply_along_axis(np.convolve, 1, measured, [0.15, 0.7, 0.15], "same")
    table = smooth + np.outer(fitted["length_smoothing"], target)  # (4, 50)
    long_share = 1 - calibrated["published"]["share_at_most_50"]
    tail = np.array([attempts["long_share"][name] for name in CLASSES])
    tail = tail * fitted["outlives_50_steps"]
    tail *= long_share / tail.sum()
    bulk = class_share - tail
    for _ in range(N_FITTING_STEPS):
        table *= (bulk / table.sum(1))[:, None]
        table *= target * (1 - long_share) / table.sum(0)
    return table, tail / class_share


def _jobs(
    rng: np.random.Generator, calibrated: Calibrated, event: np.ndarray
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return (table of jobs, job of each series, index of its task within the job), drawn.

    A job has one end event and one look (`job_kind_given_event`: many killed jobs look like ones
    that finish); a measured share of its attempts end otherwise. Attempts a job: measured.
    """
    measured = [calibrated["attempts"]["by_class"][name] for name in CLASSES]
    job = np.empty(len(event), dtype=np.int64)
    kinds: list[int] = []
    for k in range(len(CLASSES)):
        of_class = rng.permutation(np.flatnonzero(event == k))
        # Jobs of random sizes, one after another, until all series of the class are in one.
        probability = rng.random(len(of_class) + 1)
        sizes = quantile(measured[k]["attempts_of_a_job_quantiles"], probability).astype(int)
        number = np.searchsorted(np.cumsum(sizes), np.arange(len(of_class)), side="right")
        job[of_class] = number + len(kinds)
        n_jobs = number.max(initial=-1) + 1
        kind_share = np.tile(calibrated["fitted"]["job_kind_given_event"][k], (n_jobs, 1))
        kinds.extend(choose(rng, kind_share))
    same_event = np.array([of_event["same_event_within_job"] for of_event in measured])
    is_stray = rng.random(len(event)) >= same_event[event]
    job[is_stray] = rng.permutation(job)[is_stray]
    task = pd.Series(job).groupby(job).cumcount().to_numpy()
    return _job_table(rng, calibrated, np.array(kinds)), job, task


def _job_table(rng: np.random.Generator, calibrated: Calibrated, kind: np.ndarray) -> pd.DataFrame:
    """Draw one job for each of `kind`: its requests, and its levels as logs of shares of them."""
    by_kind = []
    for k in range(len(CLASSES)):
        by_kind.append(_jobs_of_kind(rng, calibrated, k, (kind == k).sum()))
    jobs = pd.concat(by_kind, ignore_index=True)
    place = np.argsort(np.argsort(kind, kind="stable"))  # of each job among those sorted by kind
    return jobs.iloc[place].reset_index(drop=True)


def _jobs_of_kind(
    rng: np.random.Generator, calibrated: Calibrated, kind: int, n_jobs: int
) -> pd.DataFrame:
    """Draw `n_jobs` jobs of one kind: correlated requests, levels, dynamics."""
    measured = calibrated["attempts"]["by_class"][CLASSES[kind]]
    fitted = calibrated["fitted"]
    usage = calibrated["usage"]
    normal = rng.multivariate_normal(
        np.zeros(len(REQUESTS)), measured["request_spearman"], size=n_jobs, method="cholesky"
    )
    jobs = {}
    for name, score in zip(REQUESTS, normal.T, strict=True):
        jobs[name] = quantile(measured["request_quantiles"][name], ndtr(score))
    for name, ratio in usage["log_ratio"].items():
        level = ratio["mean"]
        if name in fitted["log_level_of_kind"]:
            level += fitted["log_level_of_kind"][name][kind]
        spread = ratio["between"]
        if name in fitted["between_jobs"]:
            spread *= fitted["between_jobs"][name][kind]
        jobs[name] = level + spread * rng.standard_normal(n_jobs)
    jobs["sampled"] = rng.random(n_jobs) >= usage["jobs_without_sampled_cpu"]
    jobs["disk"] = rng.random(n_jobs) >= usage["jobs_without_disk"]
    low = usage["log_ratio"]["cpu_of_request"]["within"]
    high = calibrated["dynamics"]["sd"]["cpu"]
    jobs["spread"] = low * (high / low) ** rng.random(n_jobs)
    jobs["phase"] = rng.random(n_jobs)
    return pd.DataFrame(jobs)


def _usage(
    rng: np.random.Generator,
    calibrated: Calibrated,
    jobs: pd.DataFrame,
    event: np.ndarray,
    lengths: np.ndarray,
) -> np.ndarray:
    """Return the measurements of every step, float32 (sum of lengths, 9), ordered as FEATURES.

    Parameters
    ----------
    rng, calibrated
        The generator, and the part `gcut` of the calibration.
    jobs
        The job of each series, one row a series.
    event
        Codes of the end events, shape (n_series,).
    lengths
        Steps of each series, shape (n_series,).
    """
    row = np.repeat(np.arange(len(lengths)), lengths)  # series of each step
    step = np.arange(len(row)) - np.repeat(offsets(lengths)[:-1], lengths)
    n_steps = len(row)
    job = {name: jobs[name].to_numpy()[row] for name in jobs}
    usage = calibrated["usage"]
    ratio = usage["log_ratio"]
    noise = _noise(rng, calibrated["dynamics"], lengths)
    fitted = calibrated["fitted"]
    effects = _event_effects(rng, fitted["event_effects"], event, lengths, row, step)
    cpu, cpu_peak, memory, cache_level = effects.T  # logs, of shape (sum of lengths,) each
    cpu += job["cpu_of_request"] + job["spread"] * noise[:, 0]
    cpu += _daily_rhythm(calibrated["dynamics"], step, job["phase"])
    cpu = np.minimum(cpu, fitted["log_cpu_limit"])
    peak_noise = ratio["max_cpu_of_cpu"]["within"] * noise[:, 1]
    above_mean = np.maximum(job["max_cpu_of_cpu"] + peak_noise + cpu_peak, 0)
    sampled_noise = np.exp(SAMPLED_CPU_SD * rng.standard_normal(n_steps))
    memory += job["memory_of_request"] + ratio["memory_of_request"]["within"] * noise[:, 2]
    memory_peak = job["max_of_memory"] + ratio["max_of_memory"]["within"] * noise[:, 1]
    cache_noise = 0.5 * ratio["cache"]["within"] * noise[:, 3]
    disk_noise = ratio["disk_of_request"]["within"] * rng.standard_normal(len(lengths))[row]
    disk = np.exp(np.minimum(job["disk_of_request"] + disk_noise, 0))

    values = np.empty((n_steps, len(FEATURES)))
    # Each measurement is a share of a request or of another measurement, as in the usage excerpt.
    values[:, 0] = job["cpu_request"] * np.exp(cpu)
    values[:, 1] = values[:, 0] * np.exp(above_mean)
    values[:, 2] = np.where(job["sampled"], values[:, 0] * sampled_noise, 0)
    values[:, 3] = job["memory_request"] * np.exp(np.minimum(memory, LOG_MEMORY_LIMIT))
    values[:, 4] = values[:, 3] * np.exp(np.abs(job["assigned_of_memory"]))
    values[:, 5] = values[:, 3] * np.exp(np.abs(memory_peak))
    values[:, 6] = np.exp(job["cache"] + cache_noise + cache_level)
    values[:, 7] = values[:, 6] * np.exp(np.abs(job["total_of_cache"]))
    values[:, 8] = np.where(job["disk"], job["disk_request"] * disk, 0)
    values[rng.random(n_steps) < usage["zero_records"]] = 0
    return np.minimum(values, usage["largest_record"]).astype(np.float32)


def _daily_rhythm(dynamics: Calibrated, step: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Return what the time of day adds to the log of CPU: a cosine of the measured deviation."""
    amplitude = np.sqrt(2) * dynamics["daily_sd"]
    return amplitude * np.cos(2 * np.pi * (step / DAY + phase))


def _noise(rng: np.random.Generator, dynamics: Calibrated, lengths: np.ndarray) -> np.ndarray:
    """Return autocorrelated heavy-tailed noise of unit variance, shape (sum of lengths, 4).

    Columns CPU, its maximum, memory, page cache; innovations are Student's t with 5 degrees of
    freedom.
    """
    acf = dynamics["acf_lag_1"]
    persistence = [acf["cpu"], acf["max_cpu"], acf["memory"], acf["memory"]]
    correlation = np.eye(len(persistence))
    correlation[0, 2] = dynamics["correlation_cpu_memory"]
    correlation[2, 0] = dynamics["correlation_cpu_memory"]
    mix = correlation_root(correlation)
    n_steps = lengths.sum()
    normal = rng.standard_normal((n_steps, len(mix))) @ mix.T
    innovations = normal * np.sqrt(3 / rng.chisquare(5, (n_steps, 1)))  # 3 = 5 - 2: unit variance
    return ragged_ar1(innovations, lengths, persistence)


def _event_effects(
    rng: np.random.Generator,
    effects: Calibrated,
    event: np.ndarray,
    lengths: np.ndarray,
    row: np.ndarray,
    step: np.ndarray,
) -> np.ndarray:
    """Return what the end event does to the logs of CPU, its maximum, memory and page cache.

    Shape (sum of lengths, 4).     Two fitted tables of event x measurement. `growth` unfolds from
    the third window on: the memory of a task that fails grows and its CPU moves either way (half
    hang, half thrash), one that will be evicted competes for CPU and loses its page cache to its
    neighbours. `last` touches the last window only: a task that finishes winds down, one that is
    killed shows nothing. The strength differs between tasks and is nil for some, which leaves
    overlap.
    """
    strength = rng.gamma(4, 0.25, len(event))  # mean 1
    has_effect = rng.random(len(event)) >= effects["share_without"]
    strength = np.where(has_effect, strength, 0)
    age = 1 - np.exp(-np.maximum(step - 1, 0) / effects["growth_steps"])
    growth = age[:, None] * np.array(effects["growth"])[event][row]  # (sum of lengths, 4)
    is_last = (step == lengths[row] - 1)[:, None]
    at_the_end = np.where(is_last, np.array(effects["last"])[event][row], 0)
    effect = (growth + at_the_end) * strength[row][:, None]
    hangs = (event == FAIL) & (rng.random(len(event)) < 0.5)
    effect[hangs[row], :2] *= -1
    start_up = effects["first_window_cpu"] * rng.random(len(step))
    effect[:, 0] -= np.where(step == 0, start_up, 0)
    return effect
