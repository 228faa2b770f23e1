"""Measure on the real tables what the simulators need: `python notebooks/calibration/calibrate.py`.

Writes tst/data/simulated/calibration.json. Only statistics leave the tables (shares, quantiles,
correlations), never a row. What cannot be measured stands apart as `published` (with its source) or
`fitted` (with what it was fitted to).
"""

import json
import sys
from pathlib import Path
from typing import Any

import clusters
import pandas as pd
from chosen import FITTED, PUBLISHED
from page_views import wwt

from tst.data.simulated.statistics import CALIBRATION_FILE
from tst.errors import DataError
from tst.io.paths import data_dir

TABLES = ("gcut_task_attempts", "borg2019_usage", "gcut2011_jobdays", "wwt_pages")
USAGE_PATTERN = "part-00000-*.csv.gz"
EVENTS_PATTERN = "part-0000[01]-*.csv.gz"
# Patterns of all files needed, within the data folder.
INPUTS = (
    *(f"{name}.parquet" for name in TABLES),
    "raw/schema.csv",
    f"raw/task_usage/{USAGE_PATTERN}",
    f"raw/task_events/{EVENTS_PATTERN}",
)


def measure(folder: Path) -> dict[str, Any]:
    """Return the statistics of all tables in the data folder; DataError where one is missing."""
    for pattern in INPUTS:
        if not any(folder.glob(pattern)):
            remedy = "put it there, or set TST_DATA to its folder"
            raise DataError(f"calibration needs {pattern} in {folder}: {remedy}.")
    attempts, usage, jobdays, pages = (pd.read_parquet(folder / f"{t}.parquet") for t in TABLES)
    excerpt = read_parts(folder / "raw", "task_usage", USAGE_PATTERN)
    events = read_parts(folder / "raw", "task_events", EVENTS_PATTERN)
    borg2019 = clusters.borg2019(usage)
    dynamics = clusters.cluster_dynamics(borg2019, jobdays)
    gcut = {
        "published": PUBLISHED,
        "fitted": FITTED,
        "attempts": clusters.attempts(attempts),
        "usage": clusters.usage(excerpt, events),
        "dynamics": dynamics,
        "compared": clusters.compared(dynamics, excerpt),
    }
    return {"gcut": gcut, "borg2019": borg2019, "wwt": wwt(pages)}


def read_parts(folder: Path, table: str, pattern: str) -> pd.DataFrame:
    """Return parts of a table of the 2011 trace, columns named as in its schema.csv."""
    schema = pd.read_csv(folder / "schema.csv")
    names = schema.loc[schema["file pattern"].str.startswith(table), "content"].tolist()
    parts = sorted((folder / table).glob(pattern))
    return pd.concat([pd.read_csv(part, header=None, names=names) for part in parts])


def main(output: Path = CALIBRATION_FILE) -> int:
    """Measure every table in the data folder and write the JSON file; return the exit code."""
    try:
        statistics = measure(data_dir())
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    output.write_text(json.dumps(statistics, indent=1) + "\n")
    print(f"wrote {output.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
