"""The GCUT builder in its literal form (a pandas loop over tasks), and files in the exact format of the trace.

For tests and benchmarks only. The loop states each filter of `tst.data.gcut.build` as one would say it; the writer makes
parts of any size whose tasks have known faults.
"""

import gzip
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

MEASUREMENTS = [5, 13, 19, 6, 7, 10, 8, 9, 12]  # places in the file, in the order of our features
NAMES = {2: "EVICT", 3: "FAIL", 4: "FINISH", 5: "KILL"}
SECOND = 1_000_000
WINDOW = 300 * SECOND
FAULTS = ["kept", "no end event", "empty", "missing", "negative", "discontinuous", "mismatched end"]


def build(usage_parts, event_parts):
    """Return ({(job, task): (end event, float32 array of shape (records, 9))}, {filter: tasks})."""
    usage = pd.concat([pd.read_csv(p, header=None) for p in usage_parts]).sort_values([2, 3, 0, 1])
    events = pd.concat([pd.read_csv(p, header=None, usecols=[0, 2, 3, 5]) for p in event_parts])
    records_of = {key: group for key, group in usage.groupby([2, 3])}
    events_of = {key: group for key, group in events.groupby([2, 3])}
    series, counts = {}, dict.fromkeys(FAULTS, 0)
    for key in records_of.keys() | events_of.keys():
        verdict = judge(records_of.get(key), events_of.get(key))
        counts[verdict] += 1
        if verdict == "kept":
            values = records_of[key][MEASUREMENTS].to_numpy(dtype=np.float32)
            series[tuple(int(k) for k in key)] = (NAMES[last_end(events_of[key])[1]], values)
    return series, counts


def last_end(events):
    """Return (time, type, number of different types) of a task's end events, or None."""
    ends = [] if events is None else [(t, e) for t, e in zip(events[0], events[5], strict=True)]
    ends = sorted((t, e) for t, e in ends if e in (2, 3, 4, 5, 6) and t < 2**63 - 1)
    return (*ends[-1], len({e for _, e in ends})) if ends else None


def judge(records, events):
    """Return the first filter that stops a task, or "kept"."""
    end = last_end(events)
    if end is None or end[1] == 6:
        return "no end event"
    if records is None or (~np.isfinite(records[MEASUREMENTS].to_numpy())).all():
        return "empty"
    if (~np.isfinite(records[MEASUREMENTS].to_numpy())).any():
        return "missing"
    if (records[MEASUREMENTS].to_numpy() < 0).any():
        return "negative"
    starts, ends = list(records[0]), list(records[1])
    for i in range(len(starts)):
        if ends[i] <= starts[i] or (i and abs(starts[i] - ends[i - 1]) > SECOND):
            return "discontinuous"
    if not starts[-1] - 10 * SECOND <= end[0] <= ends[-1] + 10 * SECOND or end[2] > 1:
        return "mismatched end"
    return "kept"


def write_parts(folder, n_tasks, n_parts, seed=0, fault_share=0.1):
    """Write `n_parts` parts of both tables, ordered by time as the originals are, with about 12 records a task.

    Returns (usage paths, event paths, DataFrame of tasks: job, task, fault, end_type, records). `fault_share` of the
    tasks have one fault, each of FAULTS but "kept" in equal shares.
    """
    rng = np.random.default_rng(seed)
    tasks = _tasks(rng, n_tasks, n_parts, fault_share)
    usage, events = _usage(rng, tasks), _events(tasks)
    edges = np.quantile(usage["start"], np.arange(1, n_parts) / n_parts)
    paths = {"task_usage": [], "task_events": []}
    with ThreadPoolExecutor(2) as pool:
        for table, frame in (("task_usage", usage), ("task_events", events)):
            for number, part in enumerate(_by_time(frame, edges)):
                path = Path(folder) / table / f"part-{number:05d}-of-00500.csv.gz"
                pool.submit(write_gzip, path, part)
                paths[table].append(path)
    return (
        paths["task_usage"],
        paths["task_events"],
        tasks.select("job", "task", "fault", "end_type", "records"),
    )


def write_gzip(path, frame):
    """Write a frame as the trace does: gzip CSV without header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb", compresslevel=1) as file:
        frame.write_csv(file, include_header=False)


def _by_time(frame, edges):
    """Return the rows between the given times, in the order of time."""
    frame = frame.sort(frame.columns[0], maintain_order=True)
    number = pl.Series(np.searchsorted(edges, frame[frame.columns[0]], side="right"))
    return [frame.filter(number == i) for i in range(len(edges) + 1)]


def _tasks(rng, n, n_parts, fault_share):
    """Return one row a task: whole-second start, end, and the fault it has."""
    start = 600 + rng.integers(0, 5000 * n_parts, n)
    # two modes, at 2-4 and about 9 records, and a long tail
    tail = rng.pareto(1.5, n) * 12
    steps = np.where(
        rng.random(n) < 0.45, rng.integers(2, 5, n), np.where(rng.random(n) < 0.6, 9, 6 + tail)
    )
    end = start + np.maximum(np.minimum(steps, 300) * 300 - rng.integers(20, 250, n), 30).astype(
        np.int64
    )
    fault = np.where(rng.random(n) < fault_share, rng.integers(1, len(FAULTS), n), 0)
    return pl.DataFrame(
        {
            "job": 6_000_000_000 + np.arange(n) // 20 * 37,
            "task": np.arange(n) % 20,
            "begin": start * SECOND,
            "finish": end * SECOND,
            "records": (end - 1) // 300 - start // 300 + 1,
            "fault": np.array(FAULTS)[fault],
            "end_type": rng.choice([2, 3, 4, 5], n, p=[0.13, 0.33, 0.43, 0.11]),
        }
    )


def _usage(rng, tasks):
    """Return the task_usage table: records cut at the whole 5 minutes, 4 significant digits, faults put in."""
    index = np.repeat(np.arange(len(tasks)), tasks["records"].to_numpy())
    rows = tasks[index]
    step = np.arange(len(index)) - np.repeat(
        np.cumsum(tasks["records"]) - tasks["records"], tasks["records"]
    )
    edge = (rows["begin"].to_numpy() // WINDOW + step) * WINDOW
    start, end = np.maximum(edge, rows["begin"]), np.minimum(edge + WINDOW, rows["finish"])
    fault, last = rows["fault"].to_numpy(), step == rows["records"].to_numpy() - 1
    # a gap, or an overlap, of a minute; a task of one record gets a record of no duration
    shift = np.where(rows["task"].to_numpy() % 2, 60, -60) * SECOND
    end = np.where(
        (fault == "discontinuous") & (step == 0), np.where(last, start, end + shift), end
    )
    numbers = {f"f{i}": np.exp(rng.normal(-5, 1.5, len(index))) for i in range(14)}
    frame = pl.DataFrame({"start": start, "end": end, "job": rows["job"], "task": rows["task"]})
    frame = frame.with_columns(
        machine=pl.lit(4820204869), **{k: pl.Series(v) for k, v in numbers.items()}
    )
    frame = frame.with_columns(pl.selectors.float().round_sig_figs(4))
    frame = frame.insert_column(-1, pl.Series("aggregation", np.ones(len(index), np.int64)))
    return _put_faults(frame, fault, last).filter(
        pl.Series((fault != "empty") | (rows["task"].to_numpy() % 2 == 1))
    )


def _put_faults(frame, fault, last):
    """Put absent and negative measurements where the fault says so: in the last record, or in all (empty)."""
    names = [frame.columns[i] for i in MEASUREMENTS]
    empty, missing, negative = (
        pl.Series(fault == "empty"),
        pl.Series((fault == "missing") & last),
        fault == "negative",
    )
    frame = frame.with_columns(
        pl.when(empty).then(None).otherwise(pl.col(n)).alias(n) for n in names
    )
    return frame.with_columns(
        pl.when(missing).then(None).otherwise(pl.col(names[3])).alias(names[3]),
        pl.when(pl.Series(negative & last))
        .then(-pl.col(names[0]))
        .otherwise(pl.col(names[0]))
        .alias(names[0]),
    )


def _events(tasks):
    """Return the task_events table: submitted, scheduled, and an end event in the microseconds after the last record."""
    key, finish, fault = pl.col("job") + pl.col("task"), pl.col("finish"), pl.col("fault")
    last_start = pl.max_horizontal((finish - 1) // WINDOW * WINDOW, "begin")
    late = pl.when(key % 3 == 0).then(finish + 120 * SECOND).otherwise(last_start - 60 * SECOND)
    mismatched = fault == "mismatched end"
    time = pl.when(mismatched & (key % 3 != 2)).then(late).otherwise(finish + key % 999_983)
    lost = (fault == "no end event") & (key % 2 == 0)
    ends = tasks.with_columns(time=time, type=pl.when(lost).then(6).otherwise("end_type"))
    middle = ((pl.col("begin") + finish) // 2).alias("time")
    other = pl.when(pl.col("end_type") == 3).then(4).otherwise(3)
    tables = [
        tasks.select(time=pl.col("begin") - 5 * SECOND, type=pl.lit(0), job="job", task="task"),
        tasks.select(time="begin", type=pl.lit(1), job="job", task="task"),
        ends.filter((fault != "no end event") | lost).select("time", "type", "job", "task"),
        tasks.filter(mismatched & (key % 3 == 2)).select(
            middle, type=other, job="job", task="task"
        ),
        tasks.filter((fault == "kept") & (key % 7 == 3)).select(
            middle, type="end_type", job="job", task="task"
        ),
    ]
    events = pl.concat(
        [t.select(pl.col("time", "type", "job", "task").cast(pl.Int64)) for t in tables]
    )
    user = pl.lit("70s3v5qRyCO/1PCdI6fVXnrW8FU/w+5CKRSa72xgcIo=")
    none = pl.lit(None, dtype=pl.Int64)
    columns = [
        "time",
        none.alias("info"),
        "job",
        "task",
        none.alias("machine"),
        "type",
        user.alias("user"),
    ]
    requests = [
        pl.lit(v).alias(k) for k, v in zip("cpmdb", (2, 0.0625, 0.06335, 7.725e-05, 0), strict=True)
    ]
    return events.select(*columns, pl.lit(3).alias("class"), *requests)


def records(task, *spans, job=1, **holes):
    """Return usage rows of a task, one a (start s, end s); holes = {column number: value} of the last row."""
    rows = []
    for start, end in spans:
        values = [f"{0.001 * (i + 1) + start * 1e-6:.4g}" for i in range(15)]
        rows.append([round(start * SECOND), round(end * SECOND), job, task, 7, *values])
    for column, value in holes.items():
        rows[-1][int(column[1:])] = value
    return rows


def event(task, seconds, kind, job=1):
    """Return an event row of a task; at the end of time where `seconds` is infinite."""
    time = 2**63 - 1 if seconds == np.inf else round(seconds * SECOND)
    return [time, "", job, task, "", kind, "user", 3, 9, 0.1, 0.1, 0.1, 0]


def write(folder, table, *parts, n_parts=500):
    """Write each list of rows as one part (of `n_parts`) of a table and return the paths."""
    (folder / table).mkdir(exist_ok=True)
    written = []
    for number, rows in enumerate(parts):
        path = folder / table / f"part-{number:05d}-of-{n_parts:05d}.csv.gz"
        path.write_bytes(
            gzip.compress("".join(",".join(map(str, r)) + "\n" for r in rows).encode())
        )
        written.append(path)
    return written


# name: (usage rows of task 0, its end events as (seconds, type), the filter that must stop it)
FIVE = [(600, 900), (900, 1200), (1200, 1350)]
CASES = {
    "plain": (records(0, *FIVE), [(1350, 4)], "kept"),
    "end inside the last record": (records(0, *FIVE), [(1300, 4)], "kept"),
    "updates do not end a task": (records(0, *FIVE), [(700, 7), (800, 8), (1350, 4)], "kept"),
    "no events": (records(0, *FIVE), [], "no end event"),
    "only submitted": (records(0, *FIVE), [(590, 0), (600, 1)], "no end event"),
    "lost": (records(0, *FIVE), [(1350, 6)], "no end event"),
    "lost after a failure": (records(0, *FIVE), [(1000, 3), (1350, 6)], "no end event"),
    "lost before the end": (records(0, *FIVE), [(1000, 6), (1350, 4)], "mismatched end"),
    "ends after the trace": (records(0, *FIVE), [(np.inf, 4)], "no end event"),
    "no records": ([], [(1350, 4)], "empty"),
    "no measurement": (
        records(0, (600, 900), **{f"c{i}": "" for i in range(5, 20)}),
        [(900, 4)],
        "empty",
    ),
    "a hole": (records(0, *FIVE, c12=""), [(1350, 4)], "missing"),
    "a hole in a column not used": (records(0, *FIVE, c15="", c17=""), [(1350, 4)], "kept"),
    "NaN": (records(0, *FIVE, c5="NaN"), [(1350, 4)], "missing"),
    "infinite": (records(0, *FIVE, c5="inf"), [(1350, 4)], "missing"),
    "negative": (records(0, *FIVE, c19="-0.5"), [(1350, 4)], "negative"),
    "gap of a second": (records(0, (600, 899), (900, 1200)), [(1200, 4)], "kept"),
    "gap of more": (records(0, (600, 898.999999), (900, 1200)), [(1200, 4)], "discontinuous"),
    "record left out": (records(0, (600, 900), (1200, 1350)), [(1350, 4)], "discontinuous"),
    "duplicate": (records(0, (600, 900), (600, 900)), [(900, 4)], "discontinuous"),
    "overlap": (records(0, (600, 900), (800, 1200)), [(1200, 4)], "discontinuous"),
    "ends before it starts": (records(0, (900, 600)), [(900, 4)], "discontinuous"),
    "10 s after the last record": (records(0, *FIVE), [(1360, 4)], "kept"),
    "more after the last record": (records(0, *FIVE), [(1360.000001, 4)], "mismatched end"),
    "records after the end": (records(0, *FIVE), [(1000, 4)], "mismatched end"),
    "rescheduled, no gap, same end": (records(0, *FIVE), [(900, 3), (1350, 3)], "kept"),
    "rescheduled, no gap, other end": (records(0, *FIVE), [(900, 2), (1350, 3)], "mismatched end"),
    "rescheduled after a pause": (
        records(0, (600, 900), (1000, 1200)),
        [(900, 3), (1200, 3)],
        "discontinuous",
    ),
}
