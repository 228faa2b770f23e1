"""GCUT: one series per task of the 2011 Google cluster trace v2.1, built from its original gzip parts.

The nine measurements of `task_usage`, labelled with the end event of `task_events`, under DoppelGANger's filters (IMC
2020, arXiv 1909.13403): tasks without end event, without measurements, with discontinuous measurements, or whose
measurements do not meet the end event are left out and counted. Departures: the paper names the filters, `build`
defines them, and adds missing and negative ones; the sample is drawn by a hash of the task, whatever the order of reading.
Out of core: each part becomes a parquet file sorted by a hash of the task; then a range of hashes at a time is judged.
"""

import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from tqdm import tqdm

from tst.errors import translate_errors
from tst.io.files import replacing
from tst.io.untrusted import check_gzip
from tst.series import DataError, Feature, SeriesSet

N_PARTS = 500
CLASSES = {2: "EVICT", 3: "FAIL", 4: "FINISH", 5: "KILL"}  # event types that end a task and say how
LOST = 6  # ends a task without saying how
AFTER_TRACE = 2**63 - 1  # time of an event after the end of the trace
MAX_GAP = (
    1_000_000  # microseconds: the usage table rounds the start and end of a task to whole seconds
)
MAX_END_GAP = 10_000_000  # microseconds between the last measurement and the end event, which is logged elsewhere
N_BUCKETS = 1021  # hash values of a task, a prime
ROWS_PER_PASS = 500_000  # usage and event rows in memory at a time
LAYOUT = {
    "row_group_size": 16_384,
    "compression": "zstd",
    "compression_level": 1,
}  # a pass reads or skips a row group
EVERY_COLUMN = pl.QueryOptFlags(
    projection_pushdown=False
)  # else a line with a field too many goes unnoticed
AGAIN = "delete it and download it again"
PROGRESS = {"mininterval": 1, "ascii": True}

KEYS = ["job", "task"]
FEATURES = (
    "cpu_rate maximum_cpu_rate sampled_cpu_usage canonical_memory_usage assigned_memory_usage maximum_memory_usage "
    "unmapped_page_cache total_page_cache local_disk_space_usage"
).split()
FILTERS = ["no end event", "empty", "missing", "negative", "discontinuous", "mismatched end"]
_USAGE = (
    "start end job task machine_id cpu_rate canonical_memory_usage assigned_memory_usage unmapped_page_cache "
    "total_page_cache maximum_memory_usage disk_io_time local_disk_space_usage maximum_cpu_rate maximum_disk_io_time "
    "cycles_per_instruction memory_accesses_per_instruction sample_portion aggregation_type sampled_cpu_usage"
)
_EVENTS = (
    "time missing_info job task machine_id type user scheduling_class priority cpu_request memory_request "
    "disk_space_request different_machines_restriction"
)
COLUMNS = {
    "task_usage": _USAGE.split(),
    "task_events": _EVENTS.split(),
}  # in the order of the files
MANDATORY = {"task_usage": ["start", "end", *KEYS], "task_events": ["time", *KEYS, "type"]}
KEPT = {"task_usage": MANDATORY["task_usage"] + FEATURES, "task_events": MANDATORY["task_events"]}


def part_name(number):
    """Return the name that the trace gives to part `number` of a table."""
    return f"part-{number:05d}-of-{N_PARTS:05d}.csv.gz"


def available(data_dir):
    """Tell whether `data_dir` holds a built GCUT set."""
    return (Path(data_dir) / "gcut" / "meta.json").is_file()


def load(data_dir):
    """Return the GCUT set built in `data_dir`; raises DataError where it is missing or damaged.

    Its origin is "original" where all 500 parts of both tables were read, else "subset".
    """
    return SeriesSet.load(Path(data_dir) / "gcut")


def build(usage_parts, event_parts, work_dir, max_tasks=100_000, seed=0):
    """Return (SeriesSet, counts) of the tasks (job ID, task index) in the given parts.

    A task is counted at the first filter that stops it:

    - no end event: no EVICT, FAIL, FINISH or KILL within the trace, or a LOST after them;
    - empty: no usage record, or no record with any measurement;
    - missing: one of the 9 measurements of a record is absent, NaN or infinite;
    - negative: a measurement is below 0, which no usage can be;
    - discontinuous: a record, in the order of start times, starts more than MAX_GAP before or after the end of the
      record before it (a gap, an overlap, a duplicate), or does not end after its own start;
    - mismatched end: the end event lies outside the last record by more than MAX_END_GAP (so do records after the
      end), or the task ended more than once and not always in the same way.

    A task that was rescheduled after an end event stays one series, under its last end event, if its attempts follow
    one another without a gap and all ended alike; else it is discontinuous or mismatched.

    Parameters
    ----------
    usage_parts, event_parts
        Paths of `task_usage` and `task_events` parts in any order: gzip CSV, no header. Tasks that run on into parts
        not given are cut off there, and mostly fall to the last filter.
    work_dir
        Folder for the converted parts, about as large as the originals; kept, and taken up by the next call.
    max_tasks
        Keep a uniform sample of so many tasks, drawn with `seed`; None keeps all, in memory.

    Returns
    -------
    SeriesSet sorted by job and task; one step is one usage record of at most 5 minutes.
    DataFrame with columns filter, tasks: all, FILTERS, kept, sampled; all = FILTERS + kept.

    Raises
    ------
    DataError
        Where a part is missing, damaged or no table of the trace, or where no task passes the filters.
    """
    parts = {
        "task_usage": _checked(usage_parts, "task_usage"),
        "task_events": _checked(event_parts, "task_events"),
    }
    if max_tasks is not None and max_tasks < 1:
        raise DataError(f"max_tasks is {max_tasks}; give at least 1, or None for all tasks.")
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    files = _convert_all(parts, Path(work_dir))
    kept, usage, counts = _aggregate(files, max_tasks, seed)
    if not len(kept):
        stopped = ", ".join(
            f"{n} {name}"
            for name, n in counts.items()
            if n and name not in ("all", "kept", "sampled")
        )
        first = parts["task_usage"][0]
        raise DataError(
            f"no task of {first} and the other parts given passes the filters ({stopped}); add more parts."
        )
    whole = all(
        [p.name for p in paths] == [part_name(i) for i in range(N_PARTS)]
        for paths in parts.values()
    )
    table = pd.DataFrame({"filter": list(counts), "tasks": list(counts.values())})
    return _series_set(kept, usage, "original" if whole else "subset"), table


def _checked(parts, table):
    """Return the paths of a table's parts, sorted by name, once each."""
    parts = sorted((Path(p) for p in parts), key=lambda p: p.name)
    if not parts:
        raise DataError(f"no part of {table} is given; give at least one, e.g. {part_name(0)}.")
    for part in parts:
        if not part.is_file():
            raise DataError(
                f"{part} is missing; download it with make data PARTS=... or leave its number out."
            )
    for one, other in pairwise(parts):
        if one.name == other.name:
            raise DataError(f"{other} is given twice; give each part of {table} once.")
    return parts


def _convert_all(parts, work_dir):
    """Convert all parts, as many at a time as there are cores (gzip is read by one core a file)."""
    jobs = [(part, table) for table in parts for part in parts[table]]
    files = {table: [] for table in parts}
    pool = ThreadPoolExecutor(pl.thread_pool_size())
    try:
        waiting = {pool.submit(_convert, part, table, work_dir): table for part, table in jobs}
        for future in tqdm(as_completed(waiting), "parts", len(jobs), file=sys.stdout, **PROGRESS):
            files[waiting[future]].append(future.result())
    finally:
        pool.shutdown(cancel_futures=True)
    return files


def _convert(part, table, work_dir):
    """Write one part as parquet, sorted by the hash of the task, under its final name only when it is complete."""
    stat = part.stat()
    target = work_dir / f"{table}-{part.name}-{stat.st_size}-{stat.st_mtime_ns}.parquet"
    if target.is_file():
        return target
    with translate_errors(f"{part} is cut short or damaged", AGAIN):
        check_gzip(part)
    bucket = ((pl.col("job") + pl.col("task") * 7919) % N_BUCKETS).cast(pl.UInt16).alias("bucket")
    frame = pl.scan_csv(part, has_header=False, schema=_schema(table), quote_char=None, glob=False)
    frame = frame.select(*KEPT[table], bucket).sort("bucket", maintain_order=False)
    try:
        with replacing(target) as temporary:
            frame.sink_parquet(temporary, **LAYOUT, optimizations=EVERY_COLUMN)
            _check_rows(pl.scan_parquet(temporary), part, table)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _explained(error, part, table) from None
    return target


def _schema(table):
    """Return {column: type} of a table's file; what is not used stays text and is not parsed."""
    types = dict.fromkeys(COLUMNS[table], pl.String) | dict.fromkeys(MANDATORY[table], pl.Int64)
    return types | {name: pl.Float32 for name in FEATURES if name in types}


def _check_rows(frame, part, table):
    """Raise DataError where a converted part has no rows or lacks a mandatory value."""
    nulls = (
        frame.select(pl.len(), pl.col(MANDATORY[table]).null_count()).collect().row(0, named=True)
    )
    if nulls.pop("len") == 0:
        raise DataError(f"{part} is empty; delete it and download it again.")
    for column, count in nulls.items():
        if count:
            raise DataError(
                f"{part} lacks column '{column}' in {count} rows; delete it and download it again."
            )


def _explained(error, part, table):
    """Return the error of reading a part as one DataError sentence; an error of the disk as it is."""
    text = str(error).splitlines()[0]
    if isinstance(error, OSError):
        damaged = any(
            word in text for word in ("unexpected end of file", "gzip", "deflate", "corrupt")
        )
        return DataError(f"{part} is cut short or damaged ({text}); {AGAIN}.") if damaged else error
    if isinstance(error, pl.exceptions.SchemaError) or "more fields" in text:
        return DataError(f"{part} has not the {len(COLUMNS[table])} columns of {table}; {AGAIN}.")
    return DataError(f"{part} is not a table of numbers as {table} is ({text}); {AGAIN}.")


def _aggregate(files, max_tasks, seed):
    """Return (kept tasks, their records, counts), a range of hashes at a time.

    Each task has a fixed random priority: the `max_tasks` lowest are a uniform sample, whatever the passes were.
    """
    rows = sum(
        pl.scan_parquet(f).select(pl.len()).collect().item() for f in sum(files.values(), [])
    )
    n_passes = min(max(1, -(-rows // ROWS_PER_PASS)), N_BUCKETS)
    edges = np.linspace(0, N_BUCKETS, n_passes + 1).astype(int)
    counts = dict.fromkeys(["all", *FILTERS, "kept", "sampled"], 0)
    kept, usage = None, None
    for low, high in tqdm(list(pairwise(edges)), "tasks", file=sys.stdout, **PROGRESS):
        records, events = (
            _read(files[table], low, high) for table in ("task_usage", "task_events")
        )
        judged = _judge(records, events)
        for name, n in judged["filter"].value_counts().iter_rows():
            counts[name] += n
            counts["all"] += n
        new = judged.filter(pl.col("filter") == "kept").select(*KEYS, "end_type", "records")
        new = new.with_columns(priority=_priority(new, seed))
        kept = new if kept is None else pl.concat([kept, new])
        records = records.join(new, on=KEYS, how="semi").select(*KEYS, "start", "end", *FEATURES)
        usage = records if usage is None else pl.concat([usage, records])
        if max_tasks is not None:
            kept = kept.bottom_k(max_tasks, by="priority")
            usage = usage.join(kept, on=KEYS, how="semi")
    counts["sampled"] = len(kept)
    return kept.sort(KEYS), usage.sort(*KEYS, "start", "end"), counts


def _read(files, low, high):
    """Return the rows of all files whose bucket lies in [low, high)."""
    within = (pl.col("bucket") >= low) & (pl.col("bucket") < high)
    return pl.scan_parquet(files).filter(within).drop("bucket").collect()


def _judge(records, events):
    """Return one row a task: job, task, records, end_type, and the filter that stops it or "kept"."""
    tasks = _ends(events).join(_measured(records), on=KEYS, how="full", coalesce=True)
    meets = pl.col("end_time").is_between(
        pl.col("last_start") - MAX_END_GAP, pl.col("last_end") + MAX_END_GAP
    )
    reason = pl.when(pl.col("end_type").is_null() | (pl.col("end_type") == LOST)).then(
        pl.lit("no end event")
    )
    reason = reason.when(pl.col("empty").fill_null(True)).then(pl.lit("empty"))
    for name in ("missing", "negative", "discontinuous"):
        reason = reason.when(name).then(pl.lit(name))
    reason = reason.when(~meets | (pl.col("ways") > 1)).then(pl.lit("mismatched end"))
    return tasks.with_columns(filter=reason.otherwise(pl.lit("kept")))


def _ends(events):
    """Return one row a task that has events: the time and type of its last end event, and how many ways it ended."""
    ends = pl.col("type").is_between(min(CLASSES), LOST) & (pl.col("time") < AFTER_TRACE)
    time, kind = (pl.col(c).filter(ends) for c in ("time", "type"))
    grouped = events.sort(*KEYS, "time", "type").group_by(KEYS, maintain_order=True)
    return grouped.agg(end_time=time.last(), end_type=kind.last(), ways=kind.n_unique())


def _measured(records):
    """Return one row a task that has usage records: their number, the last of them, and what is wrong with them."""
    absent = [~pl.col(f).is_finite().fill_null(False) for f in FEATURES]
    follows = pl.all_horizontal(pl.col(k) == pl.col(k).shift(1) for k in KEYS).fill_null(False)
    gap = (pl.col("start") - pl.col("end").shift(1)).abs() > MAX_GAP
    flags = {
        "missing": pl.any_horizontal(absent),
        "empty": pl.all_horizontal(absent),
        "negative": pl.any_horizontal(pl.col(FEATURES) < 0).fill_null(False),
    }
    flagged = records.select(*KEYS, "start", "end", **flags).sort(*KEYS, "start", "end")
    flagged = flagged.with_columns(
        discontinuous=(follows & gap).fill_null(False) | (pl.col("end") <= pl.col("start"))
    )
    return flagged.group_by(KEYS, maintain_order=True).agg(
        pl.col("empty").all(),
        pl.col("missing", "negative", "discontinuous").any(),
        records=pl.len(),
        last_start=pl.col("start").last(),
        last_end=pl.col("end").last(),
    )


def _priority(tasks, seed):
    """Return a uint64 hash of job, task and seed (the finaliser of splitmix64): the same draw in every order."""
    job, task = (tasks[k].to_numpy().astype(np.uint64) for k in KEYS)
    x = job * np.uint64(0x9E3779B97F4A7C15) + task * np.uint64(0xD1B54A32D192ED03)
    x ^= np.uint64((seed * 0x8CB92BA72F3D8DD7 + 0x2545F4914F6CDD1D) % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return pl.Series(x ^ (x >> np.uint64(31)))


def _series_set(kept, usage, origin):
    """Return the SeriesSet of the kept tasks (sorted by KEYS) and their records (sorted by KEYS and start)."""
    end_event = pd.Categorical(
        [CLASSES[t] for t in kept["end_type"]], categories=list(CLASSES.values())
    )
    attributes = pd.DataFrame({"end_event": end_event, **{k: kept[k].to_numpy() for k in KEYS}})
    return SeriesSet(
        name="gcut",
        values=usage.select(FEATURES).to_numpy(order="c"),
        lengths=kept["records"].to_numpy(),
        features=[Feature(name) for name in FEATURES],
        attributes=attributes,
        origin=origin,
        interval="5min",
        label="end_event",
    )
