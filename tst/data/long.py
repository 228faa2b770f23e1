"""What the long tables of cluster usage share: reading one, cutting it into gap-free runs, windows of a fixed length."""

from dataclasses import replace

import numpy as np
import pandas as pd

from tst.io.untrusted import read_parquet
from tst.series import DataError, SeriesSet


def read(path, names, numbers):
    """Return the parquet table at `path`, which must have the columns `names` and, as numbers, `numbers`."""
    if not path.is_file():
        raise DataError(f"no {path.name} in {path.parent}: put the file there.")
    table = read_parquet(path)
    missing = [c for c in (*names, *numbers) if c not in table]
    if missing:
        raise DataError(f"{path} lacks the column '{missing[0]}': place the original file again.")
    for column in numbers:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise DataError(
                f"{path}: column '{column}' holds {table[column].dtype}, not numbers; place the file again."
            )
    return table


def runs(table, group, time, step, features, min_length, path):
    """Cut a sorted long table where the time between two records is not `step` or a measurement is missing.

    Returns
    -------
    table
        The records of runs of at least `min_length`, sorted by group and time, with a column `run`.
    counts
        DataFrame (filter, series): groups and records read, gaps, short runs dropped, runs kept.
    """
    table = table.sort_values([group, time], kind="stable").reset_index(drop=True)
    values = table[[f.name for f in features]].to_numpy()
    if (values < 0).any():
        column = features[int(np.argmax((values < 0).any(0)))].name
        raise DataError(
            f"{path}: column '{column}' has negative usage; place the original file again."
        )
    missing = ~np.isfinite(values).all(1)
    n_read, n_groups = len(table), table[group].nunique()
    table = table[~missing].reset_index(drop=True)
    same = (table[group] == table[group].shift()).to_numpy()
    gap = same & (table[time].diff() != step).to_numpy()
    table["run"] = np.cumsum(~same | gap) - 1
    length = table.groupby("run")[time].transform("size")
    kept = table[length >= min_length]
    if kept.empty:
        raise DataError(
            f"{path}: no run of {min_length} records without a gap; give a longer table."
        )
    counts = {
        f"{group}s read": n_groups,
        "records read": n_read,
        "records with a missing measurement, dropped": int(missing.sum()),
        "gaps, cut": int(gap.sum()),
        f"runs below {min_length} records, dropped": table["run"].nunique() - kept["run"].nunique(),
        "kept": kept["run"].nunique(),
    }
    return kept, pd.DataFrame(counts.items(), columns=["filter", "series"])


def to_series(table, name, features, attributes, origin, **roles):
    """Return the SeriesSet of a long table with a column `run`; attributes are taken from each run's first record."""
    lengths = table.groupby("run", sort=False).size().to_numpy()
    first = table.drop_duplicates("run")[attributes].reset_index(drop=True)
    values = table[[f.name for f in features]].to_numpy()
    return SeriesSet(name, values, lengths, features, first, origin, "5min", **roles)


def windows(series, n_steps):
    """Return the non-overlapping windows of exactly `n_steps` steps; what is left at the end of a series is dropped."""
    n_windows = series.lengths // n_steps
    if n_windows.sum() == 0:
        longest = series.lengths.max()
        raise DataError(
            f"'{series.name}': no series has {n_steps} steps (the longest has {longest}); shorten the window."
        )
    kept = series.step_index < np.repeat(n_windows * n_steps, series.lengths)
    owner = np.repeat(np.arange(len(series)), n_windows)
    attributes = series.attributes.iloc[owner]
    return replace(
        series,
        values=series.values[kept],
        lengths=np.full(len(owner), n_steps),
        attributes=attributes,
    )
