"""Raw traces: the GCUT builder against a pandas loop, its memory over the parts, the WWT reader."""

import itertools
import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from tst.data import gcut, wwt
from tst.study.benchmarks import reference_trace
from tst.study.benchmarks.common import Size, emit, peak_mb, read_size, seconds

TABLES = ("task_usage", "task_events")


def parts(folder: Path, n_tasks: int, n_parts: int) -> tuple[list[Path], list[Path]]:
    """Write gzip parts in the trace's format; return the usage and event paths."""
    reference_trace.write_parts(folder, n_tasks, n_parts)
    return paths_of(folder, n_parts)


def paths_of(folder: Path, n_parts: int) -> tuple[list[Path], list[Path]]:
    """Return the first parts of both tables."""
    usage, events = (sorted((folder / table).glob("*.csv.gz"))[:n_parts] for table in TABLES)
    return usage, events


def against_pandas(size: Size, folder: Path) -> None:
    """Seconds of the loop over those of the builder on the same parts, nothing converted before."""
    usage, events = parts(folder, size.pick(6_000, 400), 4)
    builder_seconds = seconds(
        lambda: gcut.build(usage, events, folder / "builder", None), 1, warm=False
    )
    pandas_seconds = seconds(lambda: reference_trace.build(usage, events), 1, warm=False)
    decompression_seconds = seconds(
        lambda: [decompressed(path) for path in [*usage, *events]], 1, warm=False
    )
    n_bytes = sum(path.stat().st_size for path in [*usage, *events])
    emit(
        "builder_speedup",
        pandas_seconds / builder_seconds,
        rows=sum(decompressed(path).count(b"\n") for path in usage),
        builder_seconds=builder_seconds,
        pandas_seconds=pandas_seconds,
        gzip_mb_per_second=n_bytes / 1e6 / builder_seconds,
    )
    emit(
        "builder_over_one_core_of_decompression",
        builder_seconds / decompression_seconds,
        decompression_seconds=decompression_seconds,
    )


def decompressed(path: Path) -> bytes:
    """Return the text of a gzip file."""
    return zlib.decompress(path.read_bytes(), 31)  # 31: a gzip header, the largest window


def peak_of_a_build(size: Size, folder: Path, n_parts: int) -> float:
    """Build from the first parts; return the peak resident size, MB."""
    usage, events = paths_of(folder, n_parts)
    with tempfile.TemporaryDirectory() as work:
        gcut.build(usage, events, work, max_tasks(size))
    return peak_mb()


def max_tasks(size: Size) -> int:
    """Return how many tasks the builder keeps in the measure of memory."""
    return size.pick(20_000, 200)


def memory(size: Size, folder: Path) -> None:
    """Peak memory of ten parts over that of two, each in a process of its own."""
    parts(folder, size.pick(20_000, 400) * 10, 10)
    peaks = {}
    for n in (2, 10):
        command = [sys.executable, "-m", "tst.study.benchmarks.trace", size.name]
        command += [str(folder), str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[n] = json.loads(done.stdout.splitlines()[-1])
    emit(
        "builder_memory_ratio_10_to_2",
        peaks[10] / peaks[2],
        mb_2=peaks[2],
        mb_10=peaks[10],
        max_tasks=max_tasks(size),
    )


def pages(size: Size, folder: Path) -> None:
    """Seconds of pandas' reader over seconds of ours on a CSV of the competition's form."""
    n_pages = size.pick(10_000, 300)
    rng = np.random.default_rng(0)
    names = ["_".join(c) for c in itertools.product(wwt.DOMAINS, wwt.ACCESS, wwt.AGENTS)]
    views = rng.lognormal(6, 2, (n_pages, wwt.N_DAYS)).round().astype(np.float32)
    table = pd.DataFrame(views, columns=wwt.DAYS)
    table.insert(0, "Page", [f"page {i}_{names[i % len(names)]}" for i in range(n_pages)])
    path = folder / "train_1.csv"
    table.to_csv(path, index=False)
    ours = seconds(lambda: wwt.from_csv(path, sha256=None), 2, warm=False)
    by_pandas = seconds(lambda: pd.read_csv(path), 1, warm=False)
    emit(
        "wwt_reader_speedup",
        by_pandas / ours,
        mb_per_second=path.stat().st_size / 1e6 / ours,
        pages=n_pages,
    )


def main(size: Size) -> None:
    """Measure all three."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        against_pandas(size, Path(one))
        memory(size, Path(two))
        pages(size, Path(one))


if __name__ == "__main__":
    chosen = read_size(sys.argv[1:])
    if len(sys.argv) > 2:
        print(json.dumps(peak_of_a_build(chosen, Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main(chosen)
