"""GCUT: one series per task of the 2011 Google cluster trace v2.1, built from its original parts.

The nine measurements of `task_usage`, labelled with the end event of `task_events`, under the
filters of DoppelGANger (IMC 2020, arXiv 1909.13403): tasks without end event, without measurements,
with discontinuous measurements, or whose measurements do not meet the end event are left out and
counted. Departures: the paper names the filters, `judge` defines them and adds missing and negative
measurements; the sample is drawn by a hash of the task, so that the order of reading does not
matter. Memory is bounded: a range of tasks is judged at a time.
"""

import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from tqdm import tqdm

from tst.data import trace_parts
from tst.data.trace_parts import FEATURES, KEYS, PROGRESS, Table
from tst.errors import DataError
from tst.series import Feature, SeriesSet, ceil_div

FOLDER = "gcut"  # of the built set, in the data folder
COUNTS_FILE = "gcut-counts.csv"  # what each filter stopped when the set was built
UNIT = "machine shares"  # the trace divides each resource by that of its largest machine

CLASSES = {2: "EVICT", 3: "FAIL", 4: "FINISH", 5: "KILL"}  # event types that end a task and say how
LOST = 6  # event type that ends a task without saying how
AFTER_TRACE = 2**63 - 1  # time of an event after the end of the trace
# Microseconds: the usage table rounds the start and end of a task to whole seconds.
MAX_GAP = 1_000_000
# Microseconds between the last measurement and the end event, which is logged elsewhere.
MAX_END_GAP = 10_000_000
ROWS_PER_PASS = 500_000  # usage and event rows in memory at a time
FILTERS = ["no end event", "empty", "missing", "negative", "discontinuous", "mismatched end"]


def available(data_dir: Path | str) -> bool:
    """Tell whether `data_dir` holds a built GCUT set."""
    return (Path(data_dir) / FOLDER / "meta.json").is_file()


def load(data_dir: Path | str) -> tuple[SeriesSet, pd.DataFrame]:
    """Return the GCUT set built in `data_dir`, and how many tasks each filter stopped.

    Returns
    -------
    SeriesSet
        Its origin is "original" where all 500 parts of both tables were read, else "subset".
    DataFrame
        Columns filter, series: what the builder counted or, where its file is not there, the size
        of the set.

    Raises
    ------
    DataError
        Where the set is missing or damaged, or the counts are not the builder's.
    """
    series = SeriesSet.load(Path(data_dir) / FOLDER)
    path = Path(data_dir) / COUNTS_FILE
    if not path.is_file():
        size = {"filter": ["kept when the set was built"], "series": [len(series)]}
        return series, pd.DataFrame(size)
    counts = pd.read_csv(path)
    if list(counts) != ["filter", "tasks"]:
        raise DataError(
            f"{path} is not what the builder writes: run make data again, or remove the file."
        )
    return series, counts.rename(columns={"tasks": "series"})


def build(
    usage_parts: Iterable[Path | str],
    event_parts: Iterable[Path | str],
    work_dir: Path | str,
    max_tasks: int | None = 100_000,
    seed: int = 0,
) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet, counts) of the tasks (job ID, task index) in the given parts.

    A task is counted at the first filter that stops it; `judge` says what each of them means.

    Parameters
    ----------
    usage_parts, event_parts
        Paths of `task_usage` and `task_events` parts in any order: gzip CSV, no header. Tasks that
        run on into parts not given are cut off there, and mostly fall to the last filter.
    work_dir
        Folder for the converted parts, about as large as the originals; kept, and taken up by the
        next call.
    max_tasks
        Keep a uniform sample of so many tasks; None keeps all, in memory.
    seed
        Of the sample.

    Returns
    -------
    SeriesSet
        Sorted by job and task; one step is one usage record of at most 5 minutes.
    DataFrame
        Columns filter, tasks; rows all, FILTERS, kept, sampled; all = FILTERS + kept.

    Raises
    ------
    DataError
        Where a part is missing, damaged or no table of the trace, or where no task passes the
        filters.
    """
    parts: dict[Table, list[Path]] = {
        "task_usage": trace_parts.checked_paths(usage_parts, "task_usage"),
        "task_events": trace_parts.checked_paths(event_parts, "task_events"),
    }
    if max_tasks is not None and max_tasks < 1:
        raise DataError(f"max_tasks is {max_tasks}; give at least 1, or None for all tasks.")
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    files = trace_parts.convert_all(parts, Path(work_dir))
    kept, usage, counts = _aggregate(files, max_tasks, seed)
    if len(kept) == 0:
        stopped = ", ".join(f"{counts[name]} {name}" for name in FILTERS if counts[name])
        raise DataError(
            f"no task of {parts['task_usage'][0]} and the other parts given passes the filters "
            f"({stopped}); add more parts."
        )
    origin = "original" if trace_parts.is_whole_trace(parts) else "subset"
    table = pd.DataFrame({"filter": list(counts), "tasks": list(counts.values())})
    return _series_set(kept, usage, origin), table


def _aggregate(
    files: dict[Table, list[Path]], max_tasks: int | None, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """Return (kept tasks, their records, counts by filter), judging a range of hashes at a time.

    Each task has a fixed random priority. The `max_tasks` lowest are a uniform sample, whatever the
    ranges were.
    """
    n_rows = trace_parts.count_rows([*files["task_usage"], *files["task_events"]])
    n_passes = max(1, ceil_div(n_rows, ROWS_PER_PASS))
    n_passes = min(n_passes, trace_parts.N_BUCKETS)
    # Each pass takes the tasks of a range of hash values, all rows of a task at a time.
    edges = np.linspace(0, trace_parts.N_BUCKETS, n_passes + 1).astype(int)
    counts = dict.fromkeys(["all", *FILTERS, "kept", "sampled"], 0)
    kept_passes: list[pl.DataFrame] = []
    usage_passes: list[pl.DataFrame] = []
    for low, high in tqdm(list(pairwise(edges)), "tasks", file=sys.stdout, **PROGRESS):
        records = trace_parts.read_buckets(files["task_usage"], low, high)
        events = trace_parts.read_buckets(files["task_events"], low, high)
        judged = judge(records, events)
        for name, n_tasks in judged["filter"].value_counts().iter_rows():
            counts[name] += n_tasks
            counts["all"] += n_tasks
        passed = judged.filter(pl.col("filter") == "kept").select(*KEYS, "end_type", "records")
        passed = passed.with_columns(priority=priorities(passed, seed))
        records = records.join(passed, on=KEYS, how="semi")
        kept_passes.append(passed)
        usage_passes.append(records.select(*KEYS, "start", "end", *FEATURES))
        if max_tasks is not None:
            # What is no longer in the sample is forgotten now, to bound the memory.
            kept = pl.concat(kept_passes).bottom_k(max_tasks, by="priority")
            usage = pl.concat(usage_passes).join(kept, on=KEYS, how="semi")
            kept_passes = [kept]
            usage_passes = [usage]
    kept = pl.concat(kept_passes).sort(KEYS)
    usage = pl.concat(usage_passes).sort(*KEYS, "start", "end")
    counts["sampled"] = len(kept)
    return kept, usage, counts


def judge(records: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Return one row a task: KEYS, records, end_type, and the filter that stops it or "kept".

    The first of FILTERS that holds stops a task:

    - no end event: no EVICT, FAIL, FINISH or KILL within the trace, or a LOST after them;
    - empty: no usage record, or no record with any measurement;
    - missing: one of the 9 measurements of a record is absent, NaN or infinite;
    - negative: a measurement is below 0, which no usage can be;
    - discontinuous: a record, in the order of start times, starts more than MAX_GAP before or after
      the end of the record before it (a gap, an overlap, a duplicate), or does not end after its
      own start;
    - mismatched end: the end event lies outside the last record by more than MAX_END_GAP (so do
      records after the end), or the task ended more than once and not always in the same way.

    A task that was rescheduled after an end event stays one series, under its last end event, if
    its attempts follow one another without a gap and all ended alike; else it is discontinuous or
    mismatched.

    Parameters
    ----------
    records, events
        All rows of some tasks in task_usage and task_events.
    """
    tasks = _ends(events).join(_record_facts(records), on=KEYS, how="full", coalesce=True)
    # A task without events, or without records, has nulls in the columns of the other table.
    has_no_end = pl.col("end_type").is_null() | (pl.col("end_type") == LOST)
    meets_end = pl.col("end_time").is_between(
        pl.col("last_start") - MAX_END_GAP, pl.col("last_end") + MAX_END_GAP
    )
    # The order of the filters: the first that holds is the reason.
    is_empty = pl.col("empty").fill_null(True)
    reason = pl.when(has_no_end).then(pl.lit("no end event")).when(is_empty).then(pl.lit("empty"))
    for name in ("missing", "negative", "discontinuous"):
        reason = reason.when(name).then(pl.lit(name))
    reason = reason.when(~meets_end | (pl.col("end_types") > 1)).then(pl.lit("mismatched end"))
    return tasks.with_columns(filter=reason.otherwise(pl.lit("kept")))


def _ends(events: pl.DataFrame) -> pl.DataFrame:
    """Return time and type of a task's last end event, and its number of unlike end types."""
    is_end = pl.col("type").is_between(min(CLASSES), LOST) & (pl.col("time") < AFTER_TRACE)
    end_time = pl.col("time").filter(is_end)
    end_type = pl.col("type").filter(is_end)
    grouped = events.sort(*KEYS, "time", "type").group_by(KEYS, maintain_order=True)
    return grouped.agg(
        end_time=end_time.last(), end_type=end_type.last(), end_types=end_type.n_unique()
    )


def _record_facts(records: pl.DataFrame) -> pl.DataFrame:
    """Return number, last start, last end and faults of a task's usage records."""
    is_absent = [~pl.col(name).is_finite().fill_null(False) for name in FEATURES]
    # Sorted by task and start: the row above is the record before it, if it is of the same task.
    same_key = [pl.col(key) == pl.col(key).shift(1) for key in KEYS]
    follows = pl.all_horizontal(same_key).fill_null(False)
    is_gap = (pl.col("start") - pl.col("end").shift(1)).abs() > MAX_GAP
    ends_early = pl.col("end") <= pl.col("start")
    flags = {
        "missing": pl.any_horizontal(is_absent),
        "empty": pl.all_horizontal(is_absent),
        "negative": pl.any_horizontal(pl.col(FEATURES) < 0).fill_null(False),
    }
    flagged = records.select(*KEYS, "start", "end", **flags).sort(*KEYS, "start", "end")
    flagged = flagged.with_columns(discontinuous=(follows & is_gap).fill_null(False) | ends_early)
    return flagged.group_by(KEYS, maintain_order=True).agg(
        pl.col("empty").all(),
        pl.col("missing", "negative", "discontinuous").any(),
        records=pl.len(),
        last_start=pl.col("start").last(),
        last_end=pl.col("end").last(),
    )


def splitmix64(state: np.ndarray) -> np.ndarray:
    """Return the output that splitmix64 gives for each state: a bijective mix of all 64 bits.

    Steele, Lea, Flood: Fast splittable pseudorandom number generators (OOPSLA 2014), with the
    constants of Stafford's variant 13, as in Vigna's public splitmix64.c.

    Parameters
    ----------
    state
        uint64, any shape: the state after its increment by 0x9E3779B97F4A7C15.
    """
    mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def priorities(tasks: pl.DataFrame, seed: int) -> pl.Series:
    """Return a random uint64 of each task, a hash of job, task and seed, whatever the order is."""
    job = tasks["job"].to_numpy().astype(np.uint64)
    task = tasks["task"].to_numpy().astype(np.uint64)
    # Odd multipliers spread job and task over all bits before they are mixed; arithmetic is modulo
    # 2**64.
    state = job * np.uint64(0x9E3779B97F4A7C15) + task * np.uint64(0xD1B54A32D192ED03)
    state ^= np.uint64((seed * 0x8CB92BA72F3D8DD7 + 0x2545F4914F6CDD1D) % 2**64)
    return pl.Series(splitmix64(state))


def _series_set(kept: pl.DataFrame, usage: pl.DataFrame, origin: str) -> SeriesSet:
    """Return the SeriesSet of the kept tasks (sorted by KEYS) and their records (then by start)."""
    end_events = [CLASSES[end_type] for end_type in kept["end_type"]]
    attributes = pd.DataFrame(
        {
            "end_event": pd.Categorical(end_events, categories=list(CLASSES.values())),
            "job": kept["job"].to_numpy(),
            "task": kept["task"].to_numpy(),
        }
    )
    return SeriesSet(
        name="gcut",
        values=usage.select(FEATURES).to_numpy(order="c"),
        lengths=kept["records"].to_numpy(),
        features=[Feature(name, unit=UNIT) for name in FEATURES],
        attributes=attributes,
        origin=origin,
        interval="5min",
        label="end_event",
        group="job",
    )
