"""Laws of the calibration: statistics only, each with its source, equal to the committed."""

import json
import sys

import numpy as np
import pytest

from tst.data.simulated.statistics import calibration
from tst.errors import DataError
from tst.io import paths

sys.path.insert(0, str(paths.ROOT / "notebooks" / "calibration"))  # its scripts import each other

import calibrate
from clusters import weighted_quantiles
from rounding import PROBABILITIES


def test_calibration_holds_statistics_with_their_sources():
    """Each part names its source.

    No list is longer than 50 numbers, so that no table hides in it.
    """
    parts = calibration()
    named = [*(v for v in parts["gcut"].values()), parts["borg2019"], parts["wwt"]]
    assert all(len(p["source"]) > 20 for p in named)

    def lists(node):
        if isinstance(node, dict):
            return [x for v in node.values() for x in lists(v)]
        return [node] + [x for v in node for x in lists(v)] if isinstance(node, list) else []

    assert max(len(x) for x in lists(parts)) == 50
    assert json.dumps(parts).isascii() and "NaN" not in json.dumps(parts)


def test_weighted_quantiles_of_equal_weights():
    """With equal weights, or a weight in place of repeats, the quantiles are the usual ones."""
    values = np.linspace(0, 1, 2_001)
    np.testing.assert_allclose(weighted_quantiles(values, np.ones(2_001)), PROBABILITIES, atol=1e-3)
    assert weighted_quantiles(np.array([1.0, 5.0]), np.array([1.0, 999.0]))[10] > 4


def test_calibration_without_tables_says_what_is_missing(tmp_path, monkeypatch, capsys):
    """An empty data folder ends in one sentence and writes nothing."""
    with pytest.raises(DataError, match="calibration needs gcut_task_attempts.parquet in"):
        calibrate.measure(tmp_path)
    monkeypatch.setattr(calibrate, "data_dir", lambda: tmp_path)
    assert calibrate.main(tmp_path / "calibration.json") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "calibration.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    not all(any(paths.data_dir().glob(pattern)) for pattern in calibrate.INPUTS),
    reason="the real tables are not in the data folder",
)
def test_the_committed_calibration_is_what_the_tables_give(tmp_path):
    """Measuring again gives the committed file."""
    assert calibrate.main(tmp_path / "calibration.json") == 0
    assert json.loads((tmp_path / "calibration.json").read_text()) == calibration()
