"""gcut2011: usage of 216 jobs of the 2011 Google cluster trace (CC-BY 4.0, Google).

The usage is summed over a job's tasks. Whole days of 288 five-minute slots; consecutive days are
joined into series of 288 to 2,880 steps. The publisher kept jobs between 5 and 90 % of their
request. Used where long real series of the 2011 trace are needed; it has no label.
"""

from pathlib import Path

import pandas as pd

from tst.data import long
from tst.series import Feature, SeriesSet

FEATURES = [Feature("cpu_percent", unit="%"), Feature("memory_percent", unit="%")]
FILE = "gcut2011_jobdays.parquet"
SLOTS_PER_DAY = 288  # of five minutes


def load(data_dir: Path | str) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet of joined days, counts) from the data folder's gcut2011_jobdays.parquet."""
    path = Path(data_dir) / FILE
    table = long.read(path, ["job"], ["day", "slot", *(feature.name for feature in FEATURES)])
    table = table.assign(time=table["day"] * SLOTS_PER_DAY + table["slot"])
    table, counts = long.contiguous_runs(
        table,
        group="job",
        time="time",
        step=1,
        features=FEATURES,
        min_length=SLOTS_PER_DAY,
        path=path,
    )
    series = long.to_series(table, "gcut2011", FEATURES, ["job"], origin="subset", group="job")
    return series, counts
