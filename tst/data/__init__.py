"""The study's data sets: real where the data folder has them, else simulated.

`load(dataset)` is what the notebooks call. To add a data set, write one file with a `load` like
those beside this one, and name it in `SOURCES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from tst.data import borg2019, gcut, gcut2011, gcut_attempts, iot, mba, simulated, wwt
from tst.errors import DataError
from tst.io import paths
from tst.series import SeriesSet

SourceKind = Literal["auto", "real", "simulated"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the series of a data set come from.

    Parameters
    ----------
    files
        Files within the data folder, any one of which says that the real data are there.
    hint
        What a user has to put into the data folder, for an error message.
    load
        Reads the real data from the data folder; returns them, and how many series each filter
        dropped.
    simulate
        Makes so many series from a seed; None where there is no simulator.
    n_simulated
        Series to simulate where no number is asked for.
    """

    files: tuple[str, ...]
    hint: str
    load: Callable[[Path], tuple[SeriesSet, pd.DataFrame]]
    simulate: Callable[[int, int], SeriesSet] | None = None
    n_simulated: int = 2000


SOURCES = {
    "gcut": Source(
        files=(f"{gcut.FOLDER}/meta.json",),
        hint="the built set `gcut/` (run make data PARTS=0-9)",
        load=gcut.load,
        simulate=simulated.gcut,
    ),
    "wwt": Source(
        files=(wwt.CSV_FILE, wwt.SUBSET_FILE),
        hint="the competition's train_1.csv or wwt_pages.parquet",
        load=wwt.load,
        simulate=simulated.wwt,
    ),
    "borg2019": Source(
        files=(borg2019.FILE,),
        hint=borg2019.FILE,
        load=borg2019.load,
        simulate=simulated.borg2019,
        n_simulated=82,  # as many instances as the real table has
    ),
    "gcut2011": Source(files=(gcut2011.FILE,), hint=gcut2011.FILE, load=gcut2011.load),
    "mba": Source(files=(mba.FILE,), hint=mba.HINT, load=mba.load),
    "iot": Source(files=(iot.FILE,), hint=iot.FILE, load=iot.load),
    "gcut_attempts": Source(
        files=(gcut_attempts.FILE,), hint=gcut_attempts.FILE, load=gcut_attempts.load
    ),
}


def load(
    dataset: str,
    source: SourceKind = "auto",
    n_series: int = 0,
    seed: int = 0,
    *,
    max_per_owner: int = 0,
    folder: Path | None = None,
) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet, counts) of a data set.

    Parameters
    ----------
    dataset
        A key of SOURCES.
    source
        auto: real where the data folder has it, else simulated. real, simulated: that or an error.
    n_series
        Keep so many series, drawn by `seed` in the classes' shares; 0 = all. Simulated: so many are
        made; 0 = 2,000, of borg2019 82.
    seed
        Of the draws, or of the simulator.
    max_per_owner
        Of real series, keep at most so many of each class that have one owner (the `group` of a
        split), before `n_series` are drawn; 0 = all.
    folder
        Folder of real data in the form of the data folder; None: that itself.

    Returns
    -------
    SeriesSet
    DataFrame
        Columns filter, series: what was read, dropped and kept.

    Raises
    ------
    DataError
        Where a name is unknown, `n_series` is negative, or the data folder lacks what was asked
        for.
    """
    if dataset not in SOURCES:
        raise DataError(f"unknown dataset '{dataset}'; known are {', '.join(SOURCES)}.")
    kinds = get_args(SourceKind)
    if source not in kinds:
        raise DataError(f"unknown source '{source}'; use one of {', '.join(kinds)}.")
    for name, number in {"n_series": n_series, "max_per_owner": max_per_owner}.items():
        if number < 0:
            raise DataError(f"{name} is {number}; give the number of series to keep, or 0 for all.")
    chosen = SOURCES[dataset]
    folder = folder or paths.data_dir()
    is_real = any((folder / name).is_file() for name in chosen.files)
    if source == "simulated" or (source == "auto" and not is_real):
        return _simulate(dataset, n_series, seed)
    if not is_real:
        raise DataError(
            f"no real {dataset} in {folder}: put {chosen.hint} there, or use source 'simulated'."
        )
    series, counts = capped(*chosen.load(folder), max_per_owner, seed)
    return subsample(series, counts, n_series, seed)


def _simulate(dataset: str, n_series: int, seed: int) -> tuple[SeriesSet, pd.DataFrame]:
    """Return simulated series, and a table that says how many there are."""
    source = SOURCES[dataset]
    if source.simulate is None:
        raise DataError(f"{dataset} has no simulator: put {source.hint} into {paths.data_dir()}.")
    series = source.simulate(n_series or source.n_simulated, seed)
    return series, pd.DataFrame({"filter": ["simulated"], "series": [len(series)]})


def capped(
    series: SeriesSet, counts: pd.DataFrame, n_series: int, seed: int
) -> tuple[SeriesSet, pd.DataFrame]:
    """Return at most `n_series` random series of each owner and class, and the counts with them.

    All are returned where `n_series` is 0, or none has an owner.
    """
    if n_series == 0 or series.group is None:
        return series, counts
    order = np.random.default_rng(seed).permutation(len(series))
    keys = [series.group, *filter(None, [series.label])]
    rank = series.attributes.iloc[order].groupby(keys, observed=True).cumcount()
    kept = np.sort(order[rank.to_numpy() < n_series])
    row = {"filter": [f"at most {n_series} of a class and {series.group}"], "series": [len(kept)]}
    return series.take(kept), pd.concat([counts, pd.DataFrame(row)], ignore_index=True)


def subsample(
    series: SeriesSet, counts: pd.DataFrame, n_series: int, seed: int
) -> tuple[SeriesSet, pd.DataFrame]:
    """Return `n_series` random series, each class in its share, and the counts with this draw.

    All are returned where `n_series` is 0, or at least as many as there are.
    """
    if not 0 < n_series < len(series):
        return series, counts
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(series))
    if series.label:
        order = order[np.argsort(series.labels[order], kind="stable")]
    # Systematic sampling: every (N / n)-th of the classes one after another, so that each keeps its
    # share to within one.
    position = (np.arange(n_series) + rng.random()) * len(series) / n_series
    chosen = order[position.astype(int)]
    draw = pd.DataFrame({"filter": ["drawn for this profile"], "series": [n_series]})
    return series.take(np.sort(chosen)), pd.concat([counts, draw], ignore_index=True)
