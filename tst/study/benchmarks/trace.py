"""Raw trace: the GCUT builder against the literal pandas loop, its memory over the number of parts, the WWT reader."""

import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from tst.study.benchmarks import reference_trace
from tst.study.benchmarks.common import SIZE, emit, full, peak_mb, seconds

N_TASKS, MEMORY_TASKS, MAX_TASKS = full(
    (15_000, 60_000, 20_000), (400, 400, 200)
)  # tasks a part: of parts given


def parts(folder, n_tasks, n_parts):
    """Write gzip parts in the trace's format; return the usage and event paths."""
    reference_trace.write_parts(folder, n_tasks, n_parts)
    return [sorted((folder / table).glob("*.csv.gz")) for table in ("task_usage", "task_events")]


def against_pandas(folder):
    """Seconds of the loop over seconds of the builder on the same parts, nothing converted before."""
    from tst.data import gcut

    usage, events = parts(folder, N_TASKS, 4)
    times = {}
    for name in ("builder", "pandas"):
        work = folder / name
        run = {
            "builder": lambda w=work: gcut.build(usage, events, w, None),
            "pandas": lambda: reference_trace.build(usage, events),
        }[name]
        times[name] = seconds(run, 1, warm=False)
    plain = seconds(
        lambda: [zlib.decompress(p.read_bytes(), 31) for p in [*usage, *events]], 1, warm=False
    )
    size = sum(p.stat().st_size for p in [*usage, *events])
    rows = sum(zlib.decompress(p.read_bytes(), 31).count(b"\n") for p in usage)
    emit(
        "builder_speedup",
        times["pandas"] / times["builder"],
        rows=rows,
        builder_seconds=times["builder"],
        pandas_seconds=times["pandas"],
        gzip_mb_per_second=size / 1e6 / times["builder"],
    )
    emit(
        "builder_over_one_core_of_decompression",
        times["builder"] / plain,
        decompression_seconds=plain,
    )


def build_once(folder, n_parts):
    """Build from the first parts and print the peak resident size, MB."""
    from tst.data import gcut

    usage, events = (
        sorted((folder / t).glob("*.csv.gz"))[:n_parts] for t in ("task_usage", "task_events")
    )
    with tempfile.TemporaryDirectory() as work:
        gcut.build(usage, events, work, MAX_TASKS)
    print(json.dumps(peak_mb()))


def memory(folder):
    """Peak memory of ten parts over that of two, each in a process of its own."""
    parts(folder, MEMORY_TASKS * 10, 10)
    peaks = {}
    for n in (2, 10):
        command = [sys.executable, "-m", "tst.study.benchmarks.trace", SIZE, str(folder), str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[n] = json.loads(done.stdout.splitlines()[-1])
    emit(
        "builder_memory_ratio_10_to_2",
        peaks[10] / peaks[2],
        mb_2=peaks[2],
        mb_10=peaks[10],
        max_tasks=MAX_TASKS,
    )


def wwt(folder):
    """Seconds of pandas' reader over seconds of ours on a CSV of the competition's form."""
    import itertools

    import numpy as np
    import pandas as pd

    from tst.data import wwt

    n_pages, rng = full(40_000, 300), np.random.default_rng(0)
    names = ["_".join(c) for c in itertools.product(wwt.DOMAINS, wwt.ACCESS, wwt.AGENTS)]
    table = pd.DataFrame(
        rng.lognormal(6, 2, (n_pages, wwt.N_DAYS)).round().astype(np.float32), columns=wwt.DAYS
    )
    table.insert(0, "Page", [f"page {i}_{names[i % 54]}" for i in range(n_pages)])
    path = folder / "train_1.csv"
    table.to_csv(path, index=False)
    ours = seconds(lambda: wwt.from_csv(path, sha256=None), 2, warm=False)
    theirs = seconds(lambda: pd.read_csv(path), 1, warm=False)
    emit(
        "wwt_reader_speedup",
        theirs / ours,
        mb_per_second=path.stat().st_size / 1e6 / ours,
        pages=n_pages,
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        build_once(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            against_pandas(Path(one))
            memory(Path(two))
            wwt(Path(one))
