"""borg2019: 5-minute usage of long-running task instances of the 2019 Google cluster trace (CC-BY 4.0, Google).

An instance that restarts within a 5-minute slot has several records there; the one that starts on the slot's boundary
counts, else the last. Each instance is cut at its gaps; its runs form a group, because they are no independent samples,
labelled by collection, the job that an instance belongs to. Machine-normalised units, as published.
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
    table = long.read(path, ["instance", "collection"], ["start_s", *MEASUREMENTS])
    # The trace writes -1 where a record has no histogram of its CPU usage: a missing value, not a usage.
    table[PERCENTILES] = table[PERCENTILES].where(table[PERCENTILES] != -1)
    n_read, table = len(table), one_a_slot(table)
    n_dropped = n_read - len(table)
    table, counts = long.runs(table, "instance", "slot", 1, FEATURES, MIN_LENGTH, path)
    counts.loc[1, "series"] = n_read
    counts.loc[1.5] = ["second records of a slot, dropped", n_dropped]
    table = table.assign(collection=table["collection"].astype(str).astype("category"))
    roles = {"label": "collection", "group": "instance"}
    series = long.to_series(
        table, "borg2019", FEATURES, ["collection", "instance"], "subset", **roles
    )
    return series, counts.sort_index().reset_index(drop=True)


def one_a_slot(table):
    """Return one record for each instance and 300-second slot, with the column `slot`."""
    late = table["start_s"] % 300
    table = table.assign(slot=table["start_s"] // 300, rank=late.where(late > 0, 300))
    table = table.sort_values(["instance", "slot", "rank"], kind="stable")
    return table.drop_duplicates(["instance", "slot"], keep="last").drop(columns="rank")
