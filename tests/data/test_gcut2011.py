"""Laws of gcut2011: consecutive days are joined, a missing slot cuts them."""

import numpy as np
import pandas as pd

from tst.data import gcut2011


def test_days_are_joined(tmp_path):
    """Days 1, 2 and 4 of a job: a series of two days and one of one."""
    days = [(j, d, s) for j, d in (("x", 1), ("x", 2), ("x", 4), ("y", 7)) for s in range(288)]
    frame = pd.DataFrame(days, columns=["job", "day", "slot"]).assign(
        cpu_percent=1.0, memory_percent=2.0
    )
    frame.to_parquet(tmp_path / gcut2011.FILE)
    series, _ = gcut2011.load(tmp_path)
    assert list(series.lengths) == [576, 288, 288] and list(series.attributes["job"]) == [
        "x",
        "x",
        "y",
    ]


def test_a_missing_slot_cuts_the_days(tmp_path):
    """Three days with two holes: runs of a day and more stay, shorter ones go, both counted."""
    frame = pd.DataFrame(
        [("x", d, s) for d in (1, 2, 3) for s in range(288)], columns=["job", "day", "slot"]
    )
    frame = frame.assign(cpu_percent=np.arange(864.0), memory_percent=2.0)
    frame.loc[700, "memory_percent"] = np.nan
    frame.drop(index=300).to_parquet(tmp_path / gcut2011.FILE)
    series, counts = gcut2011.load(tmp_path)
    np.testing.assert_array_equal(series[0][:, 0], np.arange(300))
    assert list(series.lengths) == [300, 399]
    counts = counts.set_index("filter")["series"]
    assert counts["gaps, cut"] == 2 and counts["records with a missing measurement, dropped"] == 1
    assert counts["runs below 288 records, dropped"] == 1 and counts["kept"] == 2
