"""Peak memory of `tst own` by rows: a Parquet table is read, learned and sampled in parts.

Each size is measured in a process of its own, as the largest resident size of the whole program,
libraries included: what a user sees. The table's rows are shuffled within blocks of series.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tst.io import paths
from tst.study.benchmarks.common import Size, emit, read_size

MEAN_STEPS = 100  # of a series
BLOCK = 1000  # series written at once
MAX_STEPS = 20  # of the optimiser: memory, not quality, is measured
SHARE_SAMPLED = 0.1  # of as many series as the table has


def blocks(n_rows: int) -> Iterator[pd.DataFrame]:
    """Yield a table of two measurements and an attribute, some thousand rows at a time."""
    rng = np.random.default_rng(0)
    n_series = n_rows // MEAN_STEPS
    for first in range(0, n_series, BLOCK):
        ids = np.arange(first, min(n_series, first + BLOCK))
        lengths = rng.integers(MEAN_STEPS // 2, 3 * MEAN_STEPS // 2 + 1, len(ids))
        step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        frame = pd.DataFrame(
            {
                "series": np.repeat(ids, lengths),
                "step": step,
                "load": rng.normal(np.sin(step / 9), 0.1).round(3),
                "requests": rng.poisson(5, len(step)),
                "site": np.repeat(rng.choice(["north", "south", "west"], len(ids)), lengths),
            }
        )
        yield frame.iloc[rng.permutation(len(frame))]


def write_table(path: Path, n_rows: int) -> None:
    """Write a Parquet table of about so many rows."""
    writer = None
    for frame in blocks(n_rows):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


# The measured program. It is text, for the user's table is no part of the study: a change in its
# room measures nothing anew.
PROGRAM = """
import json, sys, time
from pathlib import Path
from tst import Synthesiser
from tst.study.benchmarks.common import peak_mb
from tst.table.table import Table

path, folder, max_steps, n_sampled = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
start = time.process_time()
table, series = Table.fit(path)
read_seconds = time.process_time() - start
model = Synthesiser(max_steps=max_steps, folder=folder / "training").fit_series(series, table)
start = time.process_time()
model.sample_parts(n_sampled, folder / "synthetic")
sample_seconds = time.process_time() - start
print(json.dumps({
    "mb": peak_mb(),
    "read_seconds": read_seconds,
    "sample_seconds": sample_seconds,
    "columns": len(table.order),
    "series": len(series),
}))
"""


def in_a_process(path: Path, n_rows: int) -> dict[str, float]:
    """Learn a table and sample a part of it in a fresh process; return what it took.

    Returns
    -------
    mb
        Peak resident size.
    read_seconds, sample_seconds
        Processor time from the file to the series set, and for the synthetic rows.
    gb_of_disk
        What the training set takes there.
    columns, series, synthetic_rows
        Counted.
    """
    n_sampled = max(1, int(n_rows * SHARE_SAMPLED) // MEAN_STEPS)
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        command = [sys.executable, "-c", PROGRAM, str(path), name, str(MAX_STEPS), str(n_sampled)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        measures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        n_bytes = sum(file.stat().st_size for file in (folder / "training" / "series").iterdir())
        parts = list((folder / "synthetic").glob("*.parquet"))
        measures["gb_of_disk"] = n_bytes / 1e9
        measures["synthetic_rows"] = sum(pq.ParquetFile(p).metadata.num_rows for p in parts)
    return measures


def main(size: Size) -> None:
    """Compare a table with one of ten times as many rows."""
    few = size.pick(10**6, 2 * 10**3)
    peaks = {}
    with tempfile.TemporaryDirectory(dir=paths.scratch_dir()) as folder:
        for n_rows in (few, 10 * few):
            path = Path(folder) / "table.parquet"
            write_table(path, n_rows)
            measures = in_a_process(path, n_rows)
            peaks[n_rows] = measures.pop("mb")
            emit("own_peak_memory_mb", peaks[n_rows], rows=n_rows, **measures)
    ratio = peaks[10 * few] / peaks[few]
    emit("own_memory_ratio_1e7_to_1e6", ratio, rows=10 * few, of=few)


if __name__ == "__main__":
    main(read_size(sys.argv[1:]))
