"""Laws of borg2019: cut at gaps, one record a slot, grouped by instance; mistakes are named."""

import numpy as np
import pandas as pd
import pytest

from tst.data import borg2019
from tst.errors import DataError


def table(starts_by_instance, value=1.0):
    """Return a usage table with these start times."""
    rows = [(i, f"c{len(i) % 2}", s) for i, starts in starts_by_instance.items() for s in starts]
    frame = pd.DataFrame(rows, columns=["instance", "collection", "start_s"])
    for k, name in enumerate(borg2019.MEASUREMENTS):
        frame[name] = np.float32(value) * (k + 1) + np.arange(len(frame), dtype=np.float32)
    return frame


def load(frame, folder):
    """Write and load a table."""
    frame.to_parquet(folder / borg2019.FILE)
    return borg2019.load(folder)


def test_instances_are_cut_at_gaps(tmp_path):
    """Of runs of 20, 15 and 3 records two are kept and one dropped, shuffled rows or not."""
    starts = [*range(0, 6000, 300), *range(9000, 13500, 300), *range(20000, 20900, 300)]
    frame = table({"a": starts, "bb": range(0, 3900, 300)}).sample(frac=1, random_state=0)
    series, counts = load(frame, tmp_path)
    assert list(series.lengths) == [20, 15, 13]
    assert list(series.attributes["instance"]) == ["a", "a", "bb"]
    assert (series.label, series.group, series.origin) == ("collection", "instance", "subset")
    counts = counts.set_index("filter")["series"]
    assert (
        counts["gaps, cut"] == 2
        and counts["runs below 12 records, dropped"] == 1
        and counts["kept"] == 3
    )
    np.testing.assert_array_equal(series[1][:, 0], np.arange(20, 35) + 1)


def test_a_missing_histogram_cuts_the_run(tmp_path):
    """-1 in a percentile means missing: the record goes, the run is cut there."""
    frame = table({"a": range(0, 300 * 30, 300)})
    frame.loc[14, "cpu_p90"] = -1
    series, counts = load(frame, tmp_path)
    assert list(series.lengths) == [14, 15]
    assert counts.set_index("filter")["series"]["records with a missing measurement, dropped"] == 1


def test_restarts_within_a_slot(tmp_path):
    """Of several records in a slot the one on the boundary counts, else the last.

    Nothing is cut.
    """
    frame = table({"a": [0, 10, 200, 310, 420, *range(600, 9000, 300)]})
    series, counts = load(frame, tmp_path)
    assert list(series.lengths) == [30]
    np.testing.assert_array_equal(series[0][:3, 0], [1, 5, 6])
    assert counts.set_index("filter")["series"]["second records of a slot, dropped"] == 3


def test_mistakes(tmp_path):
    """Absent file, wrong column, negative usage, nothing long enough: one sentence each."""
    with pytest.raises(DataError, match="no borg2019_usage.parquet"):
        borg2019.load(tmp_path)
    with pytest.raises(DataError, match="lacks the column 'cpu_max'"):
        load(table({"a": range(0, 9000, 300)}).drop(columns="cpu_max"), tmp_path)
    with pytest.raises(DataError, match="'cpu_max' holds str, not numbers"):
        load(table({"a": range(0, 9000, 300)}).assign(cpu_max="much"), tmp_path)
    with pytest.raises(DataError, match="'cpu_mean' has negative usage"):
        load(table({"a": range(0, 9000, 300)}, value=-100), tmp_path)
    with pytest.raises(DataError, match="no run of 12 records"):
        load(table({"a": range(0, 900, 300)}), tmp_path)
