"""The field's benchmark series as windows: Stocks, Energy, ETTh1, fMRI and Sines.

The protocol is TimeGAN's (Yoon et al. 2019) as Diffusion-TS (Yuan & Qiao 2024) runs it: each column
is scaled to 0..1 by its minimum and maximum over the whole series, then cut into windows one step
apart, all of which are training data. Windows are in the order of time and each knows its first
step (attribute `start`), so that a judge can keep those apart that share steps. Sines are drawn,
window by window, and share none. `load("stocks-24")` names a set and the length of its windows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tst.errors import DataError, translate_errors
from tst.io import paths
from tst.series import Feature, SeriesSet

FOLDER = "peers"
SINES_SEED = 123  # the protocol's
N_SINES = 10_000
N_SINE_FEATURES = 5
SINE_RANGE = 0.1  # of frequencies (radians a step) and phases, from 0


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """One long series, from a file of the folder peers: how it is read, and its step."""

    file: str
    read: Callable[[Path], pd.DataFrame]
    interval: str


def _table(path: Path) -> pd.DataFrame:
    """Return the measurements of a CSV."""
    return pd.read_csv(path)


def _dated_table(path: Path) -> pd.DataFrame:
    """Return the measurements of a CSV whose first column is the date."""
    return pd.read_csv(path).iloc[:, 1:]


def _matlab(path: Path) -> pd.DataFrame:
    """Return the array `ts` of a MATLAB file: 50 subjects of 200 steps, one after another."""
    from scipy.io import loadmat  # who reads a CSV does without

    values = loadmat(path, variable_names=["ts"])["ts"]
    return pd.DataFrame(values, columns=[f"node_{i}" for i in range(values.shape[1])])


SEQUENCES = {
    "stocks": Sequence(file="stock_data.csv", read=_table, interval="1D"),
    "energy": Sequence(file="energy_data.csv.gz", read=_table, interval="10min"),
    "etth1": Sequence(file="ETTh1.csv", read=_dated_table, interval="1h"),
    "fmri": Sequence(file="fMRI-sim4.mat", read=_matlab, interval="3s"),
}
NAMES = (*SEQUENCES, "sines")


def load(dataset: str, n_windows: int = 0, folder: Path | None = None) -> SeriesSet:
    """Return the windows of a set as series of equal length, values from 0 to 1.

    Parameters
    ----------
    dataset
        Name of the set and length of its windows: stocks-24, etth1-256.
    n_windows
        Keep the first ones; 0: all.
    folder
        Of the raw data; None: the study's.

    Raises
    ------
    DataError
        Where the name is unknown, the file is missing or damaged, or windows are longer than the
        series.
    """
    name, length = parse(dataset)
    if name == "sines":
        values = sines(n_windows or N_SINES, length)
        starts = length * np.arange(len(values))  # no two windows share a step
        columns = [f"sine_{i}" for i in range(N_SINE_FEATURES)]
        return _series_set(dataset, values, starts, columns, "1s", "simulated")
    path = (folder or paths.data_dir()) / FOLDER / SEQUENCES[name].file
    if not path.is_file():
        raise DataError(f"no {name}: put {path.name} into {path.parent}.")
    with translate_errors(f"{path} is damaged", "fetch it again"):
        frame = SEQUENCES[name].read(path)
        values = cut(scaled(frame.to_numpy(np.float64)), length)
    values = values[: n_windows or None]
    columns = list(map(str, frame))
    starts = np.arange(len(values))
    return _series_set(dataset, values, starts, columns, SEQUENCES[name].interval, "original")


def parse(dataset: str) -> tuple[str, int]:
    """Return the name and the length of windows that stand in a key: ("stocks", 24)."""
    name, _, length = dataset.rpartition("-")
    if name not in NAMES or not length.isdecimal() or int(length) < 2:
        raise DataError(
            f"unknown windows '{dataset[:40]}'; give one of {', '.join(NAMES)} with a length of "
            "at least 2, for example stocks-24."
        )
    return name, int(length)


def scaled(values: np.ndarray) -> np.ndarray:
    """Return the columns of (n_steps, n_features) scaled to 0..1; a constant one becomes 0."""
    low = values.min(0)
    spread = values.max(0) - low
    return (values - low) / np.where(spread > 0, spread, 1.0)


def cut(values: np.ndarray, length: int) -> np.ndarray:
    """Return all windows of consecutive steps, float32 (n_steps - length + 1, length, n_features).

    Raises
    ------
    DataError
        Where the series has fewer steps than a window.
    """
    if len(values) < length:
        raise DataError(f"the series has {len(values)} steps; give windows of at most as many.")
    views = np.lib.stride_tricks.sliding_window_view(values.astype(np.float32), length, axis=0)
    return np.ascontiguousarray(views.swapaxes(1, 2))  # (N, D, L) -> (N, L, D)


def sines(n_windows: int, length: int, seed: int = SINES_SEED) -> np.ndarray:
    """Return (sin(f t + p) + 1) / 2, f and p drawn for each window and feature.

    Returns
    -------
    np.ndarray
        float32, shape (n_windows, length, N_SINE_FEATURES).
    """
    rng = np.random.default_rng(seed)
    shape = (n_windows, 1, N_SINE_FEATURES)
    frequency = rng.uniform(0, SINE_RANGE, shape)
    phase = rng.uniform(0, SINE_RANGE, shape)
    t = np.arange(length)[:, None]
    return ((np.sin(frequency * t + phase) + 1) / 2).astype(np.float32)


def arrays(series: SeriesSet) -> np.ndarray:
    """Return series of equal length as one array (n_series, length, n_features), a view.

    Raises
    ------
    DataError
        Where lengths differ.
    """
    length = int(series.lengths[0])
    if (series.lengths != length).any():
        raise DataError(
            f"'{series.name}' ({series.model}) has series of {series.lengths.min()} to "
            f"{series.lengths.max()} steps; windows have one length."
        )
    return series.values.reshape(len(series), length, series.n_features)


def like(real: SeriesSet, values: np.ndarray, model: str) -> SeriesSet:
    """Return a model's windows (N, length, n_features) as a set with the real one's features."""
    n_windows, length, n_features = values.shape
    return SeriesSet(
        name=real.name,
        values=values.reshape(-1, n_features),
        lengths=np.full(n_windows, length),
        features=real.features,
        attributes=pd.DataFrame({"start": length * np.arange(n_windows)}),
        origin=real.origin,
        interval=real.interval,
        model=model,
    )


def _series_set(
    dataset: str,
    values: np.ndarray,
    starts: np.ndarray,
    columns: list[str],
    interval: str,
    origin: str,
) -> SeriesSet:
    """Return windows (N, length, n_features) as series that know their first step."""
    n_windows, length, n_features = values.shape
    return SeriesSet(
        name=dataset,
        values=values.reshape(-1, n_features),
        lengths=np.full(n_windows, length),
        features=list(map(Feature, columns)),
        # A number, no category: it tells windows apart and is not modelled.
        attributes=pd.DataFrame({"start": starts}),
        origin=origin,
        interval=interval,
    )
