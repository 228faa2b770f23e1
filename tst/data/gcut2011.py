"""gcut2011: usage of 216 jobs of the 2011 Google cluster trace, summed over a job's tasks (CC-BY 4.0, Google).

Whole days of 288 five-minute slots; consecutive days are joined into series of 288 to 2,880 steps. The publisher kept
jobs between 5 and 90 % of their request. Used where long real series of the 2011 trace are needed; it has no label.
"""

from pathlib import Path

from tst.data import long
from tst.series import Feature

FEATURES = [Feature("cpu_percent", unit="%"), Feature("memory_percent", unit="%")]
FILE = "gcut2011_jobdays.parquet"
SLOTS = 288  # of five minutes in a day


def load(data_dir):
    """Return (SeriesSet of joined days, counts) from gcut2011_jobdays.parquet in the data folder."""
    path = Path(data_dir) / FILE
    table = long.read(path, ["job"], ["day", "slot", *(f.name for f in FEATURES)])
    table = table.assign(time=table["day"] * SLOTS + table["slot"])
    table, counts = long.runs(table, "job", "time", 1, FEATURES, SLOTS, path)
    return long.to_series(table, "gcut2011", FEATURES, ["job"], "subset", group="job"), counts
