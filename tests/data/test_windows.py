"""Laws of the benchmark windows: scaled over the whole series, one step apart, in order of time."""

import numpy as np
import pandas as pd
import pytest
from helpers import FOLDERS

from tst.data import windows
from tst.errors import DataError

REAL = next((folder for folder in FOLDERS if (folder / windows.FOLDER).is_dir()), None)
SIZES = {  # windows of 24 steps (rows less 23), and columns
    "stocks": (3662, 6),
    "energy": (19711, 28),
    "etth1": (17397, 7),
    "fmri": (9977, 50),
}


@pytest.fixture
def folder(tmp_path):
    """Return a data folder with 31 days of two prices, one in thousands."""
    (tmp_path / windows.FOLDER).mkdir()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"open": rng.normal(size=31), "volume": rng.uniform(1e3, 9e3, 31)})
    frame.to_csv(tmp_path / windows.FOLDER / "stock_data.csv", index=False)
    return tmp_path


def test_windows_are_all_consecutive_steps(folder):
    """A literal twin: window i is rows i to i + 7 of the series scaled by its own range."""
    series = windows.load("stocks-7", folder=folder)
    raw = pd.read_csv(folder / windows.FOLDER / "stock_data.csv").to_numpy()
    whole = (raw - raw.min(0)) / (raw.max(0) - raw.min(0))
    assert len(series) == 31 - 7 + 1
    for i in range(len(series)):
        np.testing.assert_allclose(series[i], whole[i : i + 7], atol=1e-6)
    assert list(series.attributes["start"]) == list(range(25))
    assert series.feature_names == ["open", "volume"]
    assert (series.values.min(), series.values.max()) == (0, 1)


def test_a_smaller_set_is_the_first_windows(folder):
    """So that its windows are still neighbours in time, scaled as in the whole."""
    whole = windows.load("stocks-7", folder=folder)
    part = windows.load("stocks-7", n_windows=5, folder=folder)
    np.testing.assert_array_equal(part.values, whole.take(range(5)).values)


def test_the_start_is_not_modelled(folder):
    """No attribute of the windows is a category."""
    series = windows.load("stocks-7", folder=folder)
    assert not len(series.attributes.select_dtypes("category").columns)


def test_a_constant_column_becomes_zero():
    """There is nothing to divide by."""
    scaled = windows.scaled(np.column_stack([np.full(5, 3.0), np.arange(5)]))
    np.testing.assert_array_equal(scaled, np.column_stack([np.zeros(5), np.arange(5) / 4]))


def test_sines_are_sines():
    """The second difference of a sine about its middle is -f**2 times it, f at most .1."""
    values = 2 * windows.sines(53, 31).astype(float) - 1
    frequency = np.arccos(np.clip((values[:, 2:] + values[:, :-2]) / (2 * values[:, 1:-1]), -1, 1))
    clear = np.abs(values[:, 1:-1]) > 0.5  # elsewhere float32 is too coarse
    assert frequency[clear].max() < windows.SINE_RANGE + 0.01
    assert values.shape == (53, 31, 5)
    np.testing.assert_array_equal(windows.sines(7, 5), windows.sines(7, 5))
    starts = windows.load("sines-5", n_windows=7).attributes["start"]
    assert (np.diff(starts) >= 5).all()


def test_arrays_and_sets_are_two_views_of_the_same(folder):
    """There and back; series of several lengths are refused."""
    real = windows.load("stocks-7", folder=folder)
    values = windows.arrays(real)
    assert values.shape == (25, 7, 2)
    again = windows.like(real, values[:3] / 2, "noise")
    np.testing.assert_array_equal(windows.arrays(again), values[:3] / 2)
    assert (again.model, again.features, again.name) == ("noise", real.features, "stocks-7")
    ragged = windows.like(real, values[:2], "noise").pieces(
        np.array([0, 1]), np.array([0, 0]), np.array([3, 4])
    )
    with pytest.raises(DataError, match="3 to 4 steps; windows have one length"):
        windows.arrays(ragged)


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        ("stocks", "give one of stocks, energy, etth1, fmri, sines with a length"),
        ("bonds-24", "unknown windows 'bonds-24'"),
        ("stocks-1", "at least 2"),
        ("stocks-32", "the series has 31 steps"),
        ("energy-24", "no energy: put energy_data.csv.gz into"),
    ],
)
def test_mistakes_are_named(folder, dataset, sentence):
    """Unknown names and lengths, windows longer than the series, missing files."""
    with pytest.raises(DataError, match=sentence):
        windows.load(dataset, folder=folder)


@pytest.mark.skipif(REAL is None, reason="no peers in the data folder")
@pytest.mark.parametrize("name", SIZES)
def test_the_real_sets(name):
    """A window ends at each row but the first 23; every column spans 0 to 1."""
    series = windows.load(f"{name}-24", folder=REAL)
    assert (len(series), series.n_features) == SIZES[name]
    np.testing.assert_allclose(series.values.min(0), 0)
    np.testing.assert_allclose(series.values.max(0), 1)


@pytest.mark.skipif(REAL is None, reason="no peers in the data folder")
def test_two_sets_have_a_column_twice():
    """Close is Adj_Close, rv1 is rv2: what a model with independent noise gets wrong."""
    for dataset, first, second in (
        ("stocks-24", "Close", "Adj_Close"),
        ("energy-24", "rv1", "rv2"),
    ):
        series = windows.load(dataset, folder=REAL)
        columns = [series.feature_names.index(name) for name in (first, second)]
        np.testing.assert_array_equal(*series.values[:, columns].T)
