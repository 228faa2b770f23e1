"""Measure on the real tables what the simulators need: `python -m tst.data.calibrate` writes calibration.json.

Only statistics leave the tables (shares, quantiles, correlations), never a row. What cannot be measured here stands
apart as `published` (with its source) or `fitted` (with what it was fitted to). A job counts for at most JOB_CAP
attempts of a class: one job of the first three hours of the 2011 trace alone has 9,913.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import rankdata

from tst.data.calibrate_wwt import PROBABILITIES, rounded, rounded_values, wwt
from tst.data.simulated.statistics import acf, instances, records
from tst.io.paths import data_dir
from tst.series import DataError

OUTPUT = Path(__file__).parent / "simulated" / "calibration.json"
TABLES = ("gcut_task_attempts", "borg2019_usage", "gcut2011_jobdays", "wwt_pages")
RAW = (
    "raw/schema.csv",
    "raw/task_usage/part-00000-*.csv.gz",
    "raw/task_events/part-0000[01]-*.csv.gz",
)
JOB_CAP = 100
BULK = 50
CLASSES = ("EVICT", "FAIL", "FINISH", "KILL")
REQUESTS = ["cpu_request", "memory_request", "disk_request"]
CPU = ["cpu_mean", "cpu_max", "cpu_sampled", "cpu_p50", "cpu_p90", "cpu_p99"]
BORG = [*CPU, "memory_mean", "memory_max", "memory_assigned"]
PUBLISHED = {
    "source": "facts of the 2011 trace as reported with DoppelGANger (arXiv 1909.13403) and in arXiv 2506.07312: class "
    "shares, mean length 11-12, maximum 2,497, 97 % at most 50 steps, modes at 2-4 and 9, 2 the most common length",
    "class_share": dict(zip(CLASSES, (0.128, 0.330, 0.435, 0.108), strict=True)),
    "mean_length": [11.0, 12.0],
    "max_length": 2497,
    "share_at_most_50": 0.97,
    "most_common_length": 2,
    "mode_lengths": [2, 3, 4, 9],
}
FITTED = {
    "source": "not measurable without the usage table: chosen so that classifiers trained on one half of the series and "
    "tested on the other score about what is published for the real data (arXiv 1909.13403 and 2506.07312: MLP .81-.82, "
    "tree .81, SVM .71, logistic .69, naive Bayes .37) while the first two steps alone tell clearly less; lengths so that "
    "the published shape holds. That no failing task outlives 20 steps is against the measurement (long_share, attempts of "
    "30 windows) and was chosen because naive Bayes on padded series follows the class without long ones. "
    "Rows: EVICT, FAIL, FINISH, KILL; columns of growth and last: CPU, its maximum, memory, "
    "page cache; levels, growth and last are natural logs",
    "job_kind_given_event": [
        [0.66, 0.03, 0.29, 0.02],
        [0.02, 0.79, 0.18, 0.01],
        [0.03, 0.03, 0.92, 0.02],
        [0.1, 0.05, 0.7, 0.15],
    ],
    "length_tail_alpha": 1.25,
    "length_shape_1_to_12": [
        0.06,
        0.2,
        0.145,
        0.095,
        0.05,
        0.045,
        0.05,
        0.065,
        0.085,
        0.05,
        0.03,
        0.017,
    ],
    "length_decay_13_to_50": 0.89,
    "length_smoothing": [0.05, 0, 0.05, 0.05],
    "smallest_length_share": [0, 0.002, 0, 0],
    "outlives_50_steps": [1, 0, 1, 1],
    "log_level_of_kind": {
        "cpu_of_request": [2.89, 1.06, 2.5, 2.5],
        "max_cpu_of_cpu": [-1.2, -0.6, -1.4, -1.4],
        "memory_of_request": [-0.12, -0.97, 0, 0],
        "cache": [-0.85, -0.93, 0.8, 0.8],
    },
    "between_jobs": {
        "cpu_of_request": [0.34, 0.23, 0.46, 0.46],
        "max_cpu_of_cpu": [0.46, 0.23, 0.46, 0.46],
        "cache": [0.57, 0.34, 0.57, 0.57],
        "memory_of_request": [0.57, 0.34, 0.8, 0.8],
    },
    "log_cpu_limit": 1.4,
    "event_effects": {
        "share_without": 0.04,
        "growth_steps": 0.4,
        "growth": [
            [0.74, 0.89, -0.48, -2.64],
            [1.13, 0.69, 2.0, -2.15],
            [0, 0, 0, 0.42],
            [0, 0, 0, 0],
        ],
        "last": [[0, 0, 0, 0], [0.42, 0.5, 0.5, 0], [-0.74, 0, -0.3, 0], [0, 0, 0, 0]],
        "first_window_cpu": 0.3,
    },
}
MEASUREMENTS = [
    "CPU rate", "maximum CPU rate", "sampled CPU usage", "canonical memory usage", "assigned memory usage",
    "maximum memory usage", "unmapped page cache", "total page cache", "local disk space usage",
]  # fmt: skip
# pairs (what, of what) of the usage excerpt whose log ratio ties a measurement to a request or to another measurement
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


def weighted_quantiles(values, weights):
    """Return the quantiles of `values` at PROBABILITIES under `weights`, as a list of 21 floats."""
    order = np.argsort(values)
    position = np.cumsum(weights[order]) - weights[order] / 2
    return rounded(np.interp(PROBABILITIES, position / weights.sum(), values[order]))


def attempts(table):
    """Return by class of end event: lengths, requests, priorities and job sizes of the real attempts."""
    size = table.groupby(["end_event", "job"])["task"].transform("size")
    table = table.assign(weight=np.minimum(size, JOB_CAP) / size)
    known = table[~table["started_before_trace"]]
    long = (
        table[table["n_windows"] >= 24]
        .groupby("end_event")["weight"]
        .sum()
        .reindex(CLASSES, fill_value=0)
    )
    jobs = table.groupby(["end_event", "job"]).size().clip(upper=JOB_CAP)
    return {
        "source": "gcut_task_attempts (2011 trace v2.1, first 2.95 h, a job counts for at most 100 attempts); lengths "
        "without attempts that started before the trace",
        "long_share": dict(zip(CLASSES, rounded(long / long.sum()), strict=True)),
        "by_class": {c: _class_attempts(table, known, jobs, c) for c in CLASSES},
    }


def _class_attempts(table, known, jobs, name):
    rows, lengths = table[table["end_event"] == name], known[known["end_event"] == name]
    weight = rows["weight"].to_numpy()
    histogram = np.bincount(lengths["n_windows"], lengths["weight"], minlength=BULK + 1)[
        1 : BULK + 1
    ]
    return {
        "length_share_1_to_50": rounded(histogram / histogram.sum()),
        "request_quantiles": {r: weighted_quantiles(rows[r].to_numpy(), weight) for r in REQUESTS},
        "request_spearman": rounded(rows[REQUESTS].corr("spearman").to_numpy()),
        "low_priority_share": float(np.average(rows["priority"] <= 1, weights=weight).round(4)),
        "latency_sensitive_share": float(
            np.average(rows["scheduling_class"] >= 2, weights=weight).round(4)
        ),
        "same_event_within_job": _same_event(table, name),
        "attempts_of_a_job_quantiles": rounded(np.quantile(jobs[name], PROBABILITIES)),
    }


def _same_event(table, name):
    """Return the mean share of the other attempts of a job that end as this one does (jobs of two or more attempts).

    The odds are moved from the share of the class in the first hours to its published share.
    """
    counts = table.groupby(["job", "end_event"]).size().unstack(fill_value=0)
    counts = counts[counts.sum(axis=1) >= 2]
    same, total = counts[name], counts.sum(axis=1)
    share = np.average((same - 1).clip(lower=0) / (total - 1), weights=same.clip(upper=JOB_CAP))
    here = (table["end_event"] == name).mean()
    odds = share / (1 - share) * PUBLISHED["class_share"][name] / here
    return round(float(odds / (1 + odds)), 3)


def usage(excerpt, events):
    """Return how the measurements of the 2011 usage excerpt relate to the requests and to each other.

    Mean and spread are of natural-log ratios: spread `between` jobs and `within` a job.
    """
    keys = ["job ID", "task index"]
    requests = (
        events.dropna(subset=["CPU request"])
        .groupby(keys)[[p[1] for p in RATIOS.values()][:3]]
        .first()
    )
    rows = excerpt.join(requests, on=keys).assign(one=1.0)
    sampled = rows.groupby("job ID")["sampled CPU usage"].max()
    disk = rows.groupby("job ID")["local disk space usage"].max()
    return {
        "source": "first 677 rows of task_usage of the 2011 trace joined to the requests of task_events (71 jobs); spread "
        "of natural logs between and within jobs; cache: log of the value itself",
        "log_ratio": {name: _log_ratio(rows, *pair) for name, pair in RATIOS.items()},
        "jobs_without_sampled_cpu": float((sampled == 0).mean().round(4)),
        "jobs_without_disk": float((disk == 0).mean().round(4)),
        "measurements": MEASUREMENTS,
        "largest_record": rounded(excerpt[MEASUREMENTS].max()),
        "zero_records": float((rows["CPU rate"] == 0).mean().round(4)),
    }


def _log_ratio(rows, what, of):
    rows = rows[(rows[what] > 0) & (rows[of] > 0)]
    by_job = np.log(rows[what] / rows[of]).groupby(rows["job ID"])
    within = np.sqrt(by_job.var()[by_job.size() > 3].mean())
    return dict(
        zip(
            ("mean", "between", "within"),
            rounded([by_job.mean().mean(), by_job.mean().std(), within]),
            strict=True,
        )
    )


def borg2019(table):
    """Return by collection: lengths, levels, dynamics and correlations of the 9 measurements (log10 scale)."""
    table = table[(table[BORG] >= 0).all(axis=1)]
    return {
        "source": "borg2019_usage: 82 long task instances of the 2019 Google cluster trace; order of features as "
        "listed; autocorrelation and correlation of normal scores, log10_sd from the 5 and 95 % quantiles",
        "features": BORG,
        "compared": {"real": rounded_values(instances(_long_arrays(table), BORG))},
        "collections": {str(name): _collection(rows) for name, rows in table.groupby("collection")},
    }


def _long_arrays(table):
    return [g[BORG].to_numpy(dtype=float) for _, g in table.groupby("instance")]


def _collection(rows):
    groups = _long_arrays(rows)
    logs = [_log10(g) for g in groups]
    levels = np.array([np.median(g, axis=0) for g in logs])
    # Normal scores, an instance at a time: a few idle records would otherwise outweigh all others on the log scale.
    scores = [ndtri((rankdata(g, axis=0) - 0.5) / len(g)) for g in logs]
    lag = np.array([[acf(g.T, k) for k in (1, 12)] for g in scores])
    correlation = pd.DataFrame(np.concatenate(scores)).corr().fillna(0).to_numpy().copy()
    np.fill_diagonal(correlation, 1)
    spread = [(np.quantile(g, 0.95, axis=0) - np.quantile(g, 0.05, axis=0)) / 3.29 for g in logs]
    return {
        "instances": len(groups),
        "length_quantiles": rounded(np.quantile([len(g) for g in groups], PROBABILITIES)),
        "log10_level": rounded(levels.mean(0)),
        "log10_level_sd": rounded(levels.std(0)),
        "log10_sd": rounded(np.mean(spread, axis=0)),
        "acf_lag_1": rounded(np.median(lag, axis=0)[0]),
        "acf_lag_12": rounded(np.median(lag, axis=0)[1]),
        "zero_share": rounded((rows[BORG] == 0).mean()),
        "unchanged_share": rounded(
            np.mean([(np.diff(g, axis=0) == 0).mean(0) for g in groups], axis=0)
        ),
        "correlation": rounded(correlation, 3),
    }


def _log10(values):
    """Return log10 of the positive values, zeros replaced by the median of their column (they are counted apart)."""
    logs = np.log10(np.where(values > 0, values, np.nan))
    middle = [np.nanmedian(c) if np.isfinite(c).any() else -6.0 for c in logs.T]
    return np.where(np.isnan(logs), middle, logs)


def cluster_dynamics(borg, jobdays):
    """Return the persistence of CPU and memory inside a task and the daily rhythm, on the natural-log scale."""
    collections = borg["collections"].values()
    weights = [c["instances"] for c in collections]
    pick = {
        "cpu": BORG.index("cpu_mean"),
        "memory": BORG.index("memory_mean"),
        "max_cpu": BORG.index("cpu_max"),
    }
    mean = {k: {n: np.average([c[k][i] for c in collections], weights=weights) for n, i in pick.items()}
            for k in ("acf_lag_1", "log10_sd")}  # fmt: skip
    correlation = np.average([c["correlation"] for c in collections], axis=0, weights=weights)
    logs = np.log(jobdays["cpu_percent"]).to_numpy().reshape(-1, 288)
    daily = pd.DataFrame(logs).groupby(jobdays["job"].to_numpy()[::288]).mean()
    return {
        "source": "borg2019_usage (mean over instances, by natural log) and gcut2011_jobdays (216 jobs of 2011)",
        "acf_lag_1": {k: round(float(v), 3) for k, v in mean["acf_lag_1"].items()},
        "sd": {k: round(float(v * np.log(10)), 3) for k, v in mean["log10_sd"].items()},
        "correlation_cpu_memory": round(float(correlation[pick["cpu"], pick["memory"]]), 3),
        "daily_sd": round(float(daily.std(axis=1).median()), 3),
    }


def compared(gcut, excerpt):
    """Return what the simulated GCUT is compared with: published facts, records of the excerpt, persistence."""
    shares = {f"share of {k}": v for k, v in PUBLISHED["class_share"].items()}
    lengths = {"mean length": np.mean(PUBLISHED["mean_length"]), "longest": PUBLISHED["max_length"],
               "share of at most 50 steps": PUBLISHED["share_at_most_50"], "most common length": 2}  # fmt: skip
    real = records(excerpt[MEASUREMENTS].to_numpy()) | {
        "lag-1 autocorrelation of log cpu_rate (real: borg2019)": gcut["dynamics"]["acf_lag_1"][
            "cpu"
        ]
    }
    return {
        "source": "published: as in `published`; real: the 677 usage records of 2011, all of one moment and of "
        "long-running jobs, and the persistence of borg2019_usage",
        "published": rounded_values(shares | lengths),
        "real": rounded_values(real),
    }


def trace_parts(folder):
    """Return the usage excerpt and the task events of the 2011 trace as frames with the published column names."""
    schema = pd.read_csv(folder / "schema.csv")
    frames = []
    for kind, pattern in (
        ("task_usage", "part-00000-*.csv.gz"),
        ("task_events", "part-0000[01]-*.csv.gz"),
    ):
        names = schema.loc[schema["file pattern"].str.startswith(kind), "content"].tolist()
        parts = sorted((folder / kind).glob(pattern))
        frames.append(pd.concat([pd.read_csv(p, header=None, names=names) for p in parts]))
    return frames


def main():
    """Measure every table in the data folder and write calibration.json; raises DataError where one is missing."""
    folder = data_dir()
    for name in (*(f"{t}.parquet" for t in TABLES), *RAW):
        if not any(folder.glob(name)):
            raise DataError(
                f"calibration needs {name} in {folder}: put it there, or set TST_DATA to its folder."
            )
    attempted, borg, jobdays, pages = (pd.read_parquet(folder / f"{t}.parquet") for t in TABLES)
    excerpt, events = trace_parts(folder / "raw")
    borg = borg2019(borg)
    gcut = {
        "published": PUBLISHED,
        "fitted": FITTED,
        "attempts": attempts(attempted),
        "usage": usage(excerpt, events),
        "dynamics": cluster_dynamics(borg, jobdays),
    }
    gcut["compared"] = compared(gcut, excerpt)
    OUTPUT.write_text(
        json.dumps({"gcut": gcut, "borg2019": borg, "wwt": wwt(pages)}, indent=1) + "\n"
    )
    print(f"wrote {OUTPUT.name}")


if __name__ == "__main__":
    main()
