"""gcut_attempts: how long each attempt of a task ran, and how it ended (CC-BY 4.0, Google).

One series an attempt of the 2011 Google cluster trace v2.1 that started after the trace did and
ended in the parts read, one step a five-minute window that it touched: lengths, end events and
classes are GCUT's own. The trace's usage is not here: the one measurement is how much of a window
the attempt ran, which is 300 s but in the first and the last. Attempts of a job resemble each
other, and a few jobs have most of them: split by job, and cap what a job gives (`tst.data.capped`).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from tst.data import gcut, long, trace_parts
from tst.data.trace_parts import COLUMNS, DOWNLOAD_AGAIN, KEYS
from tst.errors import DataError, translate_errors
from tst.io.untrusted import check_gzip
from tst.series import Feature, SeriesSet, offsets

FILE = "gcut_attempts.parquet"
FEATURES = (Feature("run_seconds", unit="s"),)
WINDOW_SECONDS = 300
SECOND = 1_000_000  # in the trace's microseconds
TRACE_START = 600  # seconds: what started by then ran at an unknown time before
SCHEDULE = 1  # event type that starts an attempt
CATEGORIES = ("end_event", "scheduling_class", "priority")
IDENTITY = ("job", "task", "attempt")
NUMBERS = ("job", "task", "attempt", "start_s", "seconds", "n_windows")
# What a SCHEDULE event says of its attempt, by the name in our table.
FACTS = {
    "scheduling_class": "scheduling_class",
    "priority": "priority",
    "cpu_request": "cpu_request",
    "memory_request": "memory_request",
    "disk_request": "disk_space_request",
}
# Columns of task_events that are read.
WHOLE = ("time", *KEYS, "type", "scheduling_class", "priority")
REQUESTS = ("cpu_request", "memory_request", "disk_space_request")


def load(data_dir: Path | str) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet of all attempts, counts) from the data folder's gcut_attempts.parquet.

    Raises
    ------
    DataError
        Where the file is missing, or a column holds what it cannot.
    """
    path = Path(data_dir) / FILE
    table = long.read(path, CATEGORIES, NUMBERS)
    _check(table, path)
    attributes = table[[*CATEGORIES, *IDENTITY]].copy()
    for column in CATEGORIES:
        attributes[column] = attributes[column].astype(str).astype("category")
    lengths = table["n_windows"].to_numpy(np.int64)
    series = SeriesSet(
        name="gcut_attempts",
        values=run_seconds(table["start_s"].to_numpy(), table["seconds"].to_numpy(), lengths),
        lengths=lengths,
        features=FEATURES,
        attributes=attributes,
        origin="subset",
        interval="5min",
        label="end_event",
        group="job",
    )
    counts = pd.DataFrame({"filter": ["read", "kept"], "series": [len(table), len(series)]})
    return series, counts


def run_seconds(start_s: np.ndarray, seconds: np.ndarray, n_windows: np.ndarray) -> np.ndarray:
    """Return the seconds that attempts ran in each window they touch, float32 (sum, 1).

    Parameters
    ----------
    start_s, seconds, n_windows
        (n_attempts,) each: start since the trace's zero, duration, and windows touched.
    """
    start = start_s.astype(np.float64) % WINDOW_SECONDS  # within the first window
    index = np.repeat(np.arange(len(n_windows)), n_windows)
    step = np.arange(len(index)) - offsets(n_windows)[index]
    opening = step * WINDOW_SECONDS  # since the first window's
    begin = np.maximum(start[index], opening)
    end = np.minimum(start[index] + seconds[index], opening + WINDOW_SECONDS)
    # Starts are rounded to 1 ms: a window touched by less may have lost it.
    return np.maximum(end - begin, 0.0).astype(np.float32)[:, None]


def build(event_parts: Iterable[Path | str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (attempts, counts) of parts of `task_events`, about 100 bytes of memory an event.

    An attempt is a SCHEDULE whose task's next event (other than SUBMIT and updates) ends it.

    Parameters
    ----------
    event_parts
        Paths of gzip CSV files without header, in any order; their numbers follow one another.

    Returns
    -------
    attempts
        One row an attempt, sorted by job, task and start, as `load` reads them. `attempt` numbers
        the task's SCHEDULE events from 0, requests are machine-normalised.
    counts
        Columns filter, attempts: read (SCHEDULE events), why others were dropped, kept.

    Raises
    ------
    DataError
        Where a part is missing, damaged or no table of the trace, or no attempt is left.
    """
    paths = trace_parts.checked_paths(event_parts, "task_events")
    _check_consecutive(paths)
    events = pl.concat([_read(path) for path in paths]).sort(*KEYS, "time", maintain_order=True)
    attempts = _attempts(events)
    started = attempts.filter(pl.col("time") > TRACE_START * SECOND)
    ended = started.filter(pl.col("end_type").is_in(list(gcut.CLASSES)))
    if len(ended) == 0:
        raise DataError(f"no attempt starts and ends in {paths[0]} and the other parts; add more.")
    counts = {
        "read": len(attempts),
        f"started within the first {TRACE_START} s, dropped": len(attempts) - len(started),
        "no end in these parts, dropped": len(started) - len(ended),
        "kept": len(ended),
    }
    return _table(ended), pd.DataFrame(counts.items(), columns=["filter", "attempts"])


def _check_consecutive(paths: list[Path]) -> None:
    """Raise DataError where a part is left out: an end in it would be taken for no end."""
    names = {path.name for path in paths}
    present = [n for n in range(trace_parts.N_PARTS) if trace_parts.part_name(n) in names]
    missing = sorted(set(range(present[0], present[-1])) - set(present)) if present else []
    if missing:
        raise DataError(
            f"{paths[0].parent / trace_parts.part_name(missing[0])} is missing: attempts need "
            "parts that follow one another; download it, or move away those after it."
        )


def _read(path: Path) -> pl.DataFrame:
    """Return the events of a part that start or end attempts, in the order of the file."""
    types: dict[str, type[pl.DataType]] = dict.fromkeys(COLUMNS["task_events"], pl.String)
    types |= dict.fromkeys(WHOLE, pl.Int64) | dict.fromkeys(REQUESTS, pl.Float32)
    with translate_errors(f"{path} is not a part of task_events, or is damaged", DOWNLOAD_AGAIN):
        check_gzip(path)
        frame = pl.read_csv(path, has_header=False, schema=types, quote_char=None, glob=False)
        trace_parts.check_rows(frame.lazy(), path, "task_events")
    is_told = pl.col("type").is_between(SCHEDULE, gcut.LOST) & (pl.col("time") < gcut.AFTER_TRACE)
    return frame.filter(is_told).select(*WHOLE, *REQUESTS)


def _attempts(events: pl.DataFrame) -> pl.DataFrame:
    """Return one row a SCHEDULE event: its columns, its number, and what comes next in the task.

    `end_time` and `end_type` are null where nothing does.
    """
    is_start = pl.col("type") == SCHEDULE
    return events.with_columns(
        attempt=is_start.cum_sum().over(KEYS) - 1,
        end_time=pl.col("time").shift(-1).over(KEYS),
        end_type=pl.col("type").shift(-1).over(KEYS),
    ).filter(is_start)


def _table(attempts: pl.DataFrame) -> pd.DataFrame:
    """Return ended attempts in the columns of the file that `load` reads."""
    window = WINDOW_SECONDS * SECOND
    start = attempts["time"].to_numpy()
    end = attempts["end_time"].to_numpy()
    names = [gcut.CLASSES[kind] for kind in attempts["end_type"]]
    table = pd.DataFrame(
        {
            **{key: attempts[key].to_numpy() for key in (*KEYS, "attempt")},
            "start_s": np.round(start / SECOND, 3),
            "seconds": ((end - start) / SECOND).astype(np.float32),
            "n_windows": end // window - start // window + 1,
            "end_event": pd.Categorical(names, list(gcut.CLASSES.values())),
        }
    )
    for name, column in FACTS.items():
        table[name] = attempts[column].to_numpy()
    return table


def _check(table: pd.DataFrame, path: Path) -> None:
    """Raise DataError where an end event is unknown, or a number is none of an attempt."""
    known = list(gcut.CLASSES.values())
    faults = {
        "end_event": ~table["end_event"].isin(known),
        "start_s": ~(table["start_s"] >= 0),
        "seconds": ~((table["seconds"] >= 0) & np.isfinite(table["seconds"])),
        "n_windows": ~(table["n_windows"] >= 1),
    }
    for column, is_wrong in faults.items():
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            value = str(table[column].iloc[row])[:40]
            raise DataError(
                f"{path}: row {row} has {column} {value}, which no attempt has; build the file "
                "again."
            )
