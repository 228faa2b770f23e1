"""borg2019: 5-minute usage of long-running task instances of the 2019 Google cluster trace (CC-BY 4.0, Google).

Each instance is cut at its gaps; the runs are grouped by instance, because two runs of one instance are no independent
samples, and labelled by collection, the job that an instance belongs to. Machine-normalised units, as published.
"""

from pathlib import Path

from tst.data import long
from tst.series import Feature

MEASUREMENTS = "cpu_mean cpu_max cpu_sampled cpu_p50 cpu_p90 cpu_p99 memory_mean memory_max memory_assigned".split()
FEATURES = [Feature(name, unit="machine shares") for name in MEASUREMENTS]
FILE = "borg2019_usage.parquet"
PERCENTILES = ["cpu_p50", "cpu_p90", "cpu_p99"]
MIN_LENGTH = 12  # records: one hour


def load(data_dir):
    """Return (SeriesSet of gap-free runs, counts) from borg2019_usage.parquet in the data folder."""
    path = Path(data_dir) / FILE
    table = long.read(path, ["instance", "collection", "start_s", *MEASUREMENTS])
    # The trace writes -1 where a record has no histogram of its CPU usage: a missing value, not a usage.
    table[PERCENTILES] = table[PERCENTILES].where(table[PERCENTILES] != -1)
    table, counts = long.runs(table, "instance", "start_s", 300, FEATURES, MIN_LENGTH, path)
    table = table.assign(collection=table["collection"].astype(str).astype("category"))
    roles = {"label": "collection", "group": "instance"}
    return long.to_series(table, "borg2019", FEATURES, ["collection", "instance"], "subset", **roles), counts
