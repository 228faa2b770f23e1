"""The door to all data: real where the data folder has it, else simulated; `load(dataset)` is what notebook 01 calls."""

import numpy as np
import pandas as pd

from tst.io import paths
from tst.series import DataError

SOURCES = ("auto", "real", "simulated")
REAL = {
    "gcut": "the built set `gcut/` (run make data PARTS=0-9)",
    "wwt": "the competition's train_1.csv or wwt_pages.parquet",
    "borg2019": "borg2019_usage.parquet",
    "gcut2011": "gcut2011_jobdays.parquet",
}
N_SIMULATED = {
    "gcut": 2000,
    "wwt": 2000,
    "borg2019": 82,
}  # borg2019: as many instances as the real table has


def load(dataset, source="auto", n_series=0, seed=0):
    """Return (SeriesSet, counts) of a data set.

    Parameters
    ----------
    dataset
        gcut, wwt, borg2019 or gcut2011.
    source
        auto: real where the data folder has it, else simulated. real, simulated: that or an error.
    n_series
        Keep so many series, drawn by `seed` in the classes' shares; 0 = all. Simulated: so many are made; 0 = 2,000,
        of borg2019 82.

    Returns
    -------
    SeriesSet
    DataFrame
        Columns filter, series: what was read, dropped and kept.

    Raises
    ------
    DataError
        Where a name is unknown, `n_series` is negative, or the data folder lacks what was asked for.
    """
    if dataset not in REAL:
        raise DataError(f"unknown dataset '{dataset}'; known are {', '.join(REAL)}.")
    if source not in SOURCES:
        raise DataError(f"unknown source '{source}'; use one of {', '.join(SOURCES)}.")
    if n_series < 0:
        raise DataError(f"n_series is {n_series}; give the number of series to keep, or 0 for all.")
    if source == "simulated" or (source == "auto" and not _is_real(dataset)):
        return _simulated(dataset, n_series, seed)
    if not _is_real(dataset):
        raise DataError(
            f"no real {dataset} in {paths.data_dir()}: put {REAL[dataset]} there, or use source 'simulated'."
        )
    return _subsample(*_real(dataset), n_series, seed)


def _is_real(dataset):
    folder = paths.data_dir()
    if dataset == "gcut":
        from tst.data import gcut

        return gcut.available(folder)
    names = {"wwt": ("train_1.csv", "wwt_pages.parquet")}.get(dataset, (REAL[dataset],))
    return any((folder / name).is_file() for name in names)


def _real(dataset):
    from tst.data import borg2019, gcut, gcut2011, wwt

    sources = {"gcut": gcut, "wwt": wwt, "borg2019": borg2019, "gcut2011": gcut2011}
    loaded = sources[dataset].load(paths.data_dir())
    return (loaded, _gcut_counts(len(loaded))) if dataset == "gcut" else loaded


def _gcut_counts(n_series):
    """Return what the builder counted; where its file did not come along with the set, the size of the set."""
    path = paths.data_dir() / "gcut-counts.csv"
    if not path.is_file():
        return pd.DataFrame({"filter": ["kept when the set was built"], "series": [n_series]})
    counts = pd.read_csv(path)
    if list(counts) != ["filter", "tasks"]:
        raise DataError(
            f"{path} is not what the builder writes: run make data again, or remove the file."
        )
    return counts.rename(columns={"tasks": "series"})


def _simulated(dataset, n_series, seed):
    from tst.data.simulated import clusters

    if dataset not in N_SIMULATED:
        raise DataError(f"{dataset} has no simulator: put {REAL[dataset]} into {paths.data_dir()}.")
    series = getattr(clusters, dataset)(n_series or N_SIMULATED[dataset], seed)
    return series, pd.DataFrame({"filter": ["simulated"], "series": [len(series)]})


def _subsample(series, counts, n_series, seed):
    if not 0 < n_series < len(series):
        return series, counts
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(series))
    if series.label:
        order = order[np.argsort(series.labels[order], kind="stable")]
    # Systematic sampling: every (N / n)-th of the classes one after another, so that each keeps its share to within one.
    chosen = order[((np.arange(n_series) + rng.random()) * len(series) / n_series).astype(int)]
    drawn = pd.DataFrame({"filter": ["drawn for this profile"], "series": [n_series]})
    return series.take(np.sort(chosen)), pd.concat([counts, drawn], ignore_index=True)
