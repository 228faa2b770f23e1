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
    model.sample(int(n_rows * SHARE_SAMPLED) // MEAN_STEPS)
    return peak_mb()
