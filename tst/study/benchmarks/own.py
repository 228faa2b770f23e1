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

from tst.io import mapped
from tst.study.benchmarks.common import Size, emit, peak_mb, read_size
from tst.synthesiser import Synthesiser

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


def peak_of(path: Path, folder: Path, n_rows: int) -> float:
    """Learn a table and sample it; return the peak resident size of this program, MB."""
    model = Synthesiser(max_steps=MAX_STEPS, folder=folder / "training").fit(path)
    model.sample_parts(int(n_rows * SHARE_SAMPLED) // MEAN_STEPS, folder / "synthetic")
    return peak_mb()


def in_a_process(path: Path, n_rows: int) -> float:
    """Return the peak of a fresh process, MB."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "tst.study.benchmarks.own", "full"]
        command += [str(path), folder, str(n_rows)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main(size: Size) -> None:
    """Compare a table with one of ten times as many rows."""
    few = size.pick(10**6, 10**4)
    peaks = {}
    with tempfile.TemporaryDirectory(dir=mapped.scratch_folder()) as folder:
        for n_rows in (few, 10 * few):
            path = Path(folder) / "table.parquet"
            write_table(path, n_rows)
            peaks[n_rows] = in_a_process(path, n_rows)
            emit("own_peak_memory_mb", peaks[n_rows], rows=n_rows)
    ratio = peaks[10 * few] / peaks[few]
    emit("own_memory_ratio_1e7_to_1e6", ratio, rows=10 * few, mb=peaks[10 * few])


if __name__ == "__main__":
    chosen = read_size(sys.argv[1:])
    if len(sys.argv) > 2:
        print(json.dumps(peak_of(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        main(chosen)
