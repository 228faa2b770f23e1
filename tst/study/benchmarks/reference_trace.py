"""The GCUT builder in its literal form, and files in the exact format of the trace.

For tests and benchmarks only. The builder is a pandas loop over tasks that states each filter of
`tst.data.gcut.build` as one would say it; the writer makes parts of any size whose tasks have known
faults. The format: Google cluster-usage traces v2.1, tables task_usage and task_events.
"""

import gzip
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
import polars as pl

MEASUREMENTS = [5, 13, 19, 6, 7, 10, 8, 9, 12]  # places in the file, in the order of our features
NAMES = {2: "EVICT", 3: "FAIL", 4: "FINISH", 5: "KILL"}
SECOND = 1_000_000  # the trace counts microseconds
WINDOW = 300 * SECOND  # of a record
END_OF_TIME = 2**63 - 1  # of events after the end of the trace
Task = tuple[int, int]  # numbers of job and task
FAULTS = ["kept", "no end event", "empty", "missing", "negative", "discontinuous", "mismatched end"]


def build(
    usage_parts: Sequence[Path], event_parts: Sequence[Path]
) -> tuple[dict[Task, tuple[str, np.ndarray]], dict[str, int]]:
    """Return the tasks that are kept and how many each filter stopped.

    Returns
    -------
    series
        {(job, task): (end event, float32 array of shape (records, 9))}.
    counts
        {filter: tasks}.
    """
    usage = pd.concat([pd.read_csv(p, header=None) for p in usage_parts]).sort_values([2, 3, 0, 1])
    events = pd.concat([pd.read_csv(p, header=None, usecols=[0, 2, 3, 5]) for p in event_parts])
    records_of = {key: group for key, group in usage.groupby([2, 3])}
    events_of = {key: group for key, group in events.groupby([2, 3])}
    series = {}
    counts = dict.fromkeys(FAULTS, 0)
    for key in records_of.keys() | events_of.keys():
        verdict = judge(records_of.get(key), events_of.get(key))
        counts[verdict] += 1
        end = last_end(events_of.get(key))
        if verdict == "kept" and end is not None:
            values = records_of[key][MEASUREMENTS].to_numpy(dtype=np.float32)
            job, task = key
            series[int(job), int(task)] = (NAMES[end[1]], values)
    return series, counts


def last_end(events: pd.DataFrame | None) -> tuple[int, int, int] | None:
    """Return (time, type, number of different types) of a task's end events, or None."""
    if events is None:
        return None
    ends = []
    for time, kind in zip(events[0], events[5], strict=True):
        if kind in (2, 3, 4, 5, 6) and time < END_OF_TIME:
            ends.append((time, kind))
    if not ends:
        return None
    time, kind = max(ends)
    return time, kind, len({kind for _, kind in ends})


def judge(records: pd.DataFrame | None, events: pd.DataFrame | None) -> str:
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
    starts = list(records[0])
    ends = list(records[1])
    for i in range(len(starts)):
        if ends[i] <= starts[i] or (i and abs(starts[i] - ends[i - 1]) > SECOND):
            return "discontinuous"
    if not starts[-1] - 10 * SECOND <= end[0] <= ends[-1] + 10 * SECOND or end[2] > 1:
        return "mismatched end"
    return "kept"


def write_parts(
    folder: Path | str, n_tasks: int, n_parts: int, seed: int = 0, fault_share: float = 0.1
) -> tuple[list[Path], list[Path], pl.DataFrame]:
    """Write `n_parts` parts of both tables, ordered by time as the originals are.

    A task has about 12 records. `fault_share` of the tasks have one fault, each of FAULTS but
    "kept" in equal shares.

    Returns
    -------
    Paths of usage, paths of events, and the tasks: job, task, fault, end_type, records.
    """
    rng = np.random.default_rng(seed)
    tasks = _tasks(rng, n_tasks, n_parts, fault_share)
    usage = _usage(rng, tasks)
    events = _events(tasks)
    edges = np.quantile(usage["start"], np.arange(1, n_parts) / n_parts)
    paths: dict[str, list[Path]] = {"task_usage": [], "task_events": []}
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


def write_gzip(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame as the trace does: gzip CSV without header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb", compresslevel=1) as file:
        frame.write_csv(cast(IO[bytes], file), include_header=False)


def _by_time(frame: pl.DataFrame, edges: np.ndarray) -> list[pl.DataFrame]:
    """Return the rows between the given times, in the order of time."""
    frame = frame.sort(frame.columns[0], maintain_order=True)
    number = pl.Series(np.searchsorted(edges, frame[frame.columns[0]], side="right"))
    return [frame.filter(number == i) for i in range(len(edges) + 1)]


def _tasks(rng: np.random.Generator, n: int, n_parts: int, fault_share: float) -> pl.DataFrame:
    """Return one row a task: whole-second start, end, and the fault it has."""
    start = 600 + rng.integers(0, 5000 * n_parts, n)
    # two modes, at 2-4 and about 9 records, and a long tail
    tail = rng.pareto(1.5, n) * 12
    steps = np.where(
        rng.random(n) < 0.45, rng.integers(2, 5, n), np.where(rng.random(n) < 0.6, 9, 6 + tail)
    )
    seconds = np.minimum(steps, 300) * 300 - rng.integers(20, 250, n)
    end = start + np.maximum(seconds, 30).astype(np.int64)
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


def _usage(rng: np.random.Generator, tasks: pl.DataFrame) -> pl.DataFrame:
    """Return the task_usage table, with its faults.

    Records are cut at the whole 5 minutes; measurements have 4 significant digits.
    """
    n_records = tasks["records"].to_numpy()
    index = np.repeat(np.arange(len(tasks)), n_records)
    rows = tasks[index]
    step = np.arange(len(index)) - np.repeat(np.cumsum(n_records) - n_records, n_records)
    edge = (rows["begin"].to_numpy() // WINDOW + step) * WINDOW
    start = np.maximum(edge, rows["begin"])
    end = np.minimum(edge + WINDOW, rows["finish"])
    fault = rows["fault"].to_numpy()
    last = step == rows["records"].to_numpy() - 1
    # a gap, or an overlap, of a minute; a task of one record gets a record of no duration
    shift = np.where(rows["task"].to_numpy() % 2, 60, -60) * SECOND
    torn = (fault == "discontinuous") & (step == 0)
    end = np.where(torn, np.where(last, start, end + shift), end)
    numbers = {f"f{i}": np.exp(rng.normal(-5, 1.5, len(index))) for i in range(14)}
    frame = pl.DataFrame({"start": start, "end": end, "job": rows["job"], "task": rows["task"]})
    frame = frame.with_columns(
        machine=pl.lit(4820204869), **{k: pl.Series(v) for k, v in numbers.items()}
    )
    frame = frame.with_columns(pl.selectors.float().round_sig_figs(4))
    frame = frame.insert_column(-1, pl.Series("aggregation", np.ones(len(index), np.int64)))
    has_rows = (fault != "empty") | (rows["task"].to_numpy() % 2 == 1)
    return _put_faults(frame, fault, last).filter(pl.Series(has_rows))


def _put_faults(frame: pl.DataFrame, fault: np.ndarray, last: np.ndarray) -> pl.DataFrame:
    """Put absent and negative measurements into the last record, or into all (empty)."""
    names = [frame.columns[i] for i in MEASUREMENTS]
    empty = pl.Series(fault == "empty")
    missing = pl.Series((fault == "missing") & last)
    negative = pl.Series((fault == "negative") & last)
    frame = frame.with_columns(
        pl.when(empty).then(None).otherwise(pl.col(n)).alias(n) for n in names
    )
    return frame.with_columns(
        pl.when(missing).then(None).otherwise(pl.col(names[3])).alias(names[3]),
        pl.when(negative).then(-pl.col(names[0])).otherwise(pl.col(names[0])).alias(names[0]),
    )


def _events(tasks: pl.DataFrame) -> pl.DataFrame:
    """Return the task_events table: submitted, scheduled, and an end just after the last record."""
    key = pl.col("job") + pl.col("task")
    finish = pl.col("finish")
    fault = pl.col("fault")
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
    columns: list[pl.Expr | str] = [
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


def records(task: int, *spans: tuple[float, float], job: int = 1, **holes: str) -> list[list[Any]]:
    """Return usage rows of a task, one a (start, end) in seconds.

    `holes` are values of the last row: c5="" leaves column 5 empty.
    """
    rows: list[list[Any]] = []
    for start, end in spans:
        values = [f"{0.001 * (i + 1) + start * 1e-6:.4g}" for i in range(15)]
        rows.append([round(start * SECOND), round(end * SECOND), job, task, 7, *values])
    for column, value in holes.items():
        rows[-1][int(column[1:])] = value
    return rows


def event(task: int, seconds: float, kind: int, job: int = 1) -> list[Any]:
    """Return an event row of a task; at the end of time where `seconds` is infinite."""
    time = END_OF_TIME if seconds == np.inf else round(seconds * SECOND)
    return [time, "", job, task, "", kind, "user", 3, 9, 0.1, 0.1, 0.1, 0]


def write(folder: Path, table: str, *parts: list[list[Any]], n_parts: int = 500) -> list[Path]:
    """Write each list of rows as one part (of `n_parts`) of a table; return the paths."""
    (folder / table).mkdir(exist_ok=True)
    written = []
    for number, rows in enumerate(parts):
        path = folder / table / f"part-{number:05d}-of-{n_parts:05d}.csv.gz"
        lines = [",".join(map(str, row)) + "\n" for row in rows]
        path.write_bytes(gzip.compress("".join(lines).encode()))
        written.append(path)
    return written


NO_MEASUREMENT: dict[str, Any] = {f"c{i}": "" for i in range(5, 20)}
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
        records(0, (600, 900), **NO_MEASUREMENT),
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
