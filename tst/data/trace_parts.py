"""The gzip parts of the 2011 Google cluster trace v2.1 as parquet files, read in ranges of tasks.

Columns and their order are those of the trace's schema.csv (clusterdata-2011-2). A converted part
is sorted by a hash of the task, so that all rows of some tasks are read from all parts without
reading the rest.
"""

import sys
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import polars as pl
from tqdm import tqdm

from tst.errors import DataError, translate_errors
from tst.io.files import replacing
from tst.io.untrusted import check_gzip

Table = Literal["task_usage", "task_events"]

N_PARTS = 500  # of each table
N_BUCKETS = 1021  # hash values of a task: a prime, so that regular job and task numbers spread
HASH_FACTOR = 7919  # of the task index: a prime, so that the tasks of a job spread
PROGRESS: dict[str, Any] = {"mininterval": 1, "ascii": True}
DOWNLOAD_AGAIN = "delete it and download it again"
# A row group is what a pass over a range of tasks reads or skips.
PARQUET: dict[str, Any] = {"row_group_size": 16_384, "compression": "zstd", "compression_level": 1}
# Where unused columns are not read, polars does not notice a line with a field too many.
EVERY_COLUMN = pl.QueryOptFlags(projection_pushdown=False)

KEYS = ["job", "task"]
FEATURES = [
    "cpu_rate",
    "maximum_cpu_rate",
    "sampled_cpu_usage",
    "canonical_memory_usage",
    "assigned_memory_usage",
    "maximum_memory_usage",
    "unmapped_page_cache",
    "total_page_cache",
    "local_disk_space_usage",
]
# In the order of the files.
COLUMNS: dict[Table, list[str]] = {
    "task_usage": [
        "start",
        "end",
        "job",
        "task",
        "machine_id",
        "cpu_rate",
        "canonical_memory_usage",
        "assigned_memory_usage",
        "unmapped_page_cache",
        "total_page_cache",
        "maximum_memory_usage",
        "disk_io_time",
        "local_disk_space_usage",
        "maximum_cpu_rate",
        "maximum_disk_io_time",
        "cycles_per_instruction",
        "memory_accesses_per_instruction",
        "sample_portion",
        "aggregation_type",
        "sampled_cpu_usage",
    ],
    "task_events": [
        "time",
        "missing_info",
        "job",
        "task",
        "machine_id",
        "type",
        "user",
        "scheduling_class",
        "priority",
        "cpu_request",
        "memory_request",
        "disk_space_request",
        "different_machines_restriction",
    ],
}
MANDATORY: dict[Table, list[str]] = {
    "task_usage": ["start", "end", *KEYS],
    "task_events": ["time", *KEYS, "type"],
}
KEPT: dict[Table, list[str]] = {
    "task_usage": [*MANDATORY["task_usage"], *FEATURES],
    "task_events": MANDATORY["task_events"],
}


def part_name(number: int) -> str:
    """Return the name that the trace gives to part `number` of a table."""
    return f"part-{number:05d}-of-{N_PARTS:05d}.csv.gz"


def checked_paths(parts: Iterable[Path | str], table: Table) -> list[Path]:
    """Return the paths of a table's parts, sorted by name.

    Raises
    ------
    DataError
        Where there is none, or one is missing or given twice.
    """
    paths = sorted(map(Path, parts), key=lambda path: path.name)
    if not paths:
        raise DataError(f"no part of {table} is given; give at least one, e.g. {part_name(0)}.")
    for path in paths:
        if not path.is_file():
            raise DataError(
                f"{path} is missing; download it with make data PARTS=... or leave its number out."
            )
    for path, following in pairwise(paths):
        if path.name == following.name:
            raise DataError(f"{following} is given twice; give each part of {table} once.")
    return paths


def is_whole_trace(paths_by_table: dict[Table, list[Path]]) -> bool:
    """Tell whether all parts of both tables are among the (sorted) paths."""
    all_names = [part_name(number) for number in range(N_PARTS)]
    return all([path.name for path in paths] == all_names for paths in paths_by_table.values())


def convert_all(paths_by_table: dict[Table, list[Path]], work_dir: Path) -> dict[Table, list[Path]]:
    """Convert all parts to parquet files in `work_dir`; return their paths by table.

    As many are converted at a time as there are cores, because gzip is read by one core a file.
    """
    converted: dict[Table, list[Path]] = {table: [] for table in paths_by_table}
    table_of: dict[Future[Path], Table] = {}
    pool = ThreadPoolExecutor(pl.thread_pool_size())
    try:
        for table, paths in paths_by_table.items():
            for path in paths:
                table_of[pool.submit(_convert, path, table, work_dir)] = table
        finished = as_completed(table_of)
        for future in tqdm(finished, "parts", len(table_of), file=sys.stdout, **PROGRESS):
            converted[table_of[future]].append(future.result())
    finally:
        pool.shutdown(cancel_futures=True)
    return converted


def read_buckets(files: list[Path], low: int, high: int) -> pl.DataFrame:
    """Return the rows of all converted files whose task has a hash in [low, high)."""
    is_within = (pl.col("bucket") >= low) & (pl.col("bucket") < high)
    return pl.scan_parquet(files).filter(is_within).drop("bucket").collect()


def count_rows(files: Iterable[Path]) -> int:
    """Return the number of rows of the converted files, read from their footers."""
    return sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in files)


def _convert(part: Path, table: Table, work_dir: Path) -> Path:
    """Write one part as parquet, under its final name only when it is complete; return its path.

    Size and time of change stand in the name: a part that changed is converted anew.
    """
    stat = part.stat()
    target = work_dir / f"{table}-{part.name}-{stat.st_size}-{stat.st_mtime_ns}.parquet"
    if target.is_file():
        return target
    with translate_errors(f"{part} is cut short or damaged", DOWNLOAD_AGAIN):
        check_gzip(part)
    bucket = (pl.col("job") + pl.col("task") * HASH_FACTOR) % N_BUCKETS
    frame = pl.scan_csv(part, has_header=False, schema=_schema(table), quote_char=None, glob=False)
    frame = frame.select(*KEPT[table], bucket.cast(pl.UInt16).alias("bucket"))
    frame = frame.sort("bucket", maintain_order=False)
    try:
        with replacing(target) as temporary:
            frame.sink_parquet(temporary, **PARQUET, optimizations=EVERY_COLUMN)
            check_rows(pl.scan_parquet(temporary), part, table)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _explained(error, part, table) from None
    return target


def _schema(table: Table) -> dict[str, type[pl.DataType]]:
    """Return {column: type} of a table's file; what is not used stays text and is not parsed."""
    # Text needs no parsing, so that only what is used is checked to be a number.
    types: dict[str, type[pl.DataType]] = dict.fromkeys(COLUMNS[table], pl.String)
    types |= dict.fromkeys(MANDATORY[table], pl.Int64)
    if table == "task_usage":
        types |= dict.fromkeys(FEATURES, pl.Float32)
    return types


def check_rows(frame: pl.LazyFrame, part: Path, table: Table) -> None:
    """Raise DataError where a converted part has no rows or lacks a mandatory value."""
    counts = frame.select(pl.len(), pl.col(MANDATORY[table]).null_count()).collect()
    n_missing = counts.row(0, named=True)
    if n_missing.pop("len") == 0:
        raise DataError(f"{part} is empty; {DOWNLOAD_AGAIN}.")
    for column, count in n_missing.items():
        if count:
            raise DataError(f"{part} lacks column '{column}' in {count} rows; {DOWNLOAD_AGAIN}.")


def _explained(error: Exception, part: Path, table: Table) -> Exception:
    """Return the error of reading a part as one DataError sentence; an error of the disk as it is.

    Polars has one class for unlike errors: which one it is stands in its text alone.
    """
    text = str(error).splitlines()[0]
    if isinstance(error, OSError):
        signs_of_damage = ("unexpected end of file", "gzip", "deflate", "corrupt")
        if any(sign in text for sign in signs_of_damage):
            return DataError(f"{part} is cut short or damaged ({text}); {DOWNLOAD_AGAIN}.")
        return error
    if isinstance(error, pl.exceptions.SchemaError) or "more fields" in text:
        n_columns = len(COLUMNS[table])
        return DataError(f"{part} has not the {n_columns} columns of {table}; {DOWNLOAD_AGAIN}.")
    return DataError(f"{part} is not a table of numbers as {table} is ({text}); {DOWNLOAD_AGAIN}.")
