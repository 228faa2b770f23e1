"""borg2019: 5-minute usage of long-running task instances, Google 2019 (CC-BY 4.0, Google).

An instance that restarts within a 5-minute slot has several records there; the one that starts on
the slot's boundary counts, else the last. Each instance is cut at its gaps; its runs form a group,
because they are no independent samples, labelled by collection, the job that an instance belongs
to. Machine-normalised units, as published.
"""

from pathlib import Path

import pandas as pd

from tst.data import long
from tst.series import Feature, SeriesSet

FILE = "borg2019_usage.parquet"
MEASUREMENTS = [
    "cpu_mean",
    "cpu_max",
    "cpu_sampled",
    "cpu_p50",
    "cpu_p90",
    "cpu_p99",
    "memory_mean",
    "memory_max",
    "memory_assigned",
]
FEATURES = [Feature(name, unit="machine shares") for name in MEASUREMENTS]
PERCENTILES = ["cpu_p50", "cpu_p90", "cpu_p99"]
NO_HISTOGRAM = -1  # what the trace writes for the percentiles of a record without a CPU histogram
SLOT_SECONDS = 300
MIN_LENGTH = 12  # records: one hour


def load(data_dir: Path | str) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet of gap-free runs, counts) from the data folder's borg2019_usage.parquet."""
    path = Path(data_dir) / FILE
    table = long.read(path, ["instance", "collection"], ["start_s", *MEASUREMENTS])
    percentiles = table[PERCENTILES]
    table[PERCENTILES] = percentiles.where(percentiles != NO_HISTOGRAM)  # NaN: a missing value
    n_records = len(table)
    table = one_a_slot(table)
    n_dropped = n_records - len(table)
    table, counts = long.contiguous_runs(
        table,
        group="instance",
        time="slot",
        step=1,
        features=FEATURES,
        min_length=MIN_LENGTH,
        path=path,
    )
    table = table.assign(collection=table["collection"].astype(str).astype("category"))
    series = long.to_series(
        table,
        "borg2019",
        FEATURES,
        ["collection", "instance"],
        origin="subset",
        label="collection",
        group="instance",
    )
    # The runs were counted from one record a slot on: row 1 is to say what the file holds, the row
    # after it the rest.
    counts.loc[1, "series"] = n_records
    counts.loc[1.5] = ["second records of a slot, dropped", n_dropped]
    return series, counts.sort_index().reset_index(drop=True)


def one_a_slot(table: pd.DataFrame) -> pd.DataFrame:
    """Return one record for each instance and 300-second slot, with the column `slot`.

    Of several records the one on the slot's boundary counts, else the last.
    """
    late = table["start_s"] % SLOT_SECONDS
    rank = late.where(late > 0, SLOT_SECONDS)  # the one on the boundary comes last
    table = table.assign(slot=table["start_s"] // SLOT_SECONDS, rank=rank)
    table = table.sort_values(["instance", "slot", "rank"], kind="stable")
    return table.drop_duplicates(["instance", "slot"], keep="last").drop(columns="rank")
