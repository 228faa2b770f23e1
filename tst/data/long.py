"""Long tables, one row a step: reading one, cutting it into gap-free runs or windows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.io.untrusted import read_parquet
from tst.series import Feature, SeriesSet


def read(path: Path, names: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Return the parquet table at `path`.

    Raises
    ------
    DataError
        Where there is none, or it lacks one of the columns `names` and, as numbers, `numbers`.
    """
    if not path.is_file():
        raise DataError(f"no {path.name} in {path.parent}: put the file there.")
    table = read_parquet(path)
    for column in (*names, *numbers):
        if column not in table:
            raise DataError(f"{path} lacks the column '{column}': place the original file again.")
    for column in numbers:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise DataError(
                f"{path}: column '{column}' holds {table[column].dtype}, not numbers; place the "
                "file again."
            )
    return table


def contiguous_runs(
    table: pd.DataFrame,
    *,
    group: str,
    time: str,
    step: float,
    features: Sequence[Feature],
    min_length: int,
    path: Path,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut a long table at gaps in time and where a measurement is missing.

    Parameters
    ----------
    table
        One row a record, in any order.
    group, time
        Columns that say whose record it is, and when.
    step
        Time between the records of a run, in the unit of `time`.
    features
        One a column of measurements.
    min_length
        Records; shorter runs are dropped.
    path
        Names the table in an error.

    Returns
    -------
    table
        The records of the runs that are kept, sorted by group and time, with a column `run`.
    counts
        DataFrame (filter, series): groups and records read, gaps, short runs dropped, runs kept.
    """
    table = table.sort_values([group, time], kind="stable").reset_index(drop=True)
    n_records = len(table)
    n_groups = table[group].nunique()
    is_missing = _missing_records(table, features, path)
    table = table[~is_missing].reset_index(drop=True)
    # A run begins with a group, and behind a gap; a record that was missing leaves one.
    same_group = (table[group] == table[group].shift()).to_numpy()
    is_gap = same_group & (table[time].diff() != step).to_numpy()
    table["run"] = np.cumsum(~same_group | is_gap) - 1
    length = table.groupby("run")[time].transform("size")  # of each record's run
    kept = table[length >= min_length]
    if kept.empty:
        raise DataError(
            f"{path}: no run of {min_length} records without a gap; give a longer table."
        )
    n_kept = kept["run"].nunique()
    counts = {
        f"{group}s read": n_groups,
        "records read": n_records,
        "records with a missing measurement, dropped": int(is_missing.sum()),
        "gaps, cut": int(is_gap.sum()),
        f"runs below {min_length} records, dropped": table["run"].nunique() - n_kept,
        "kept": n_kept,
    }
    return kept, pd.DataFrame(counts.items(), columns=["filter", "series"])


def _missing_records(table: pd.DataFrame, features: Sequence[Feature], path: Path) -> np.ndarray:
    """Return which records lack a measurement; raises DataError where one is negative."""
    values = table[[feature.name for feature in features]].to_numpy()  # (records, features)
    is_negative = (values < 0).any(0)
    if is_negative.any():
        column = features[int(np.argmax(is_negative))].name
        raise DataError(
            f"{path}: column '{column}' has negative usage; place the original file again."
        )
    return ~np.isfinite(values).all(1)


def to_series(
    table: pd.DataFrame,
    name: str,
    features: Sequence[Feature],
    attributes: Sequence[str],
    *,
    origin: str,
    interval: str = "5min",
    label: str | None = None,
    group: str | None = None,
) -> SeriesSet:
    """Return the SeriesSet of a long table with a column `run`.

    Attributes are those of each run's first record.
    """
    first_records = table.drop_duplicates("run")
    return SeriesSet(
        name=name,
        values=table[[feature.name for feature in features]].to_numpy(),
        lengths=table.groupby("run", sort=False).size().to_numpy(),
        features=features,
        attributes=first_records[list(attributes)].reset_index(drop=True),
        origin=origin,
        interval=interval,
        label=label,
        group=group,
    )


def windows(series: SeriesSet, n_steps: int) -> SeriesSet:
    """Return the non-overlapping windows of exactly `n_steps` steps.

    What is left at the end of a series is dropped. Raises DataError where no series is so long.
    """
    n_windows = series.lengths // n_steps
    if n_windows.sum() == 0:
        longest = series.lengths.max()
        raise DataError(
            f"'{series.name}': no series has {n_steps} steps (the longest has {longest}); shorten "
            "the window."
        )
    # What lies behind the last whole window of a series goes.
    is_kept = series.step_index < np.repeat(n_windows * n_steps, series.lengths)
    series_of_window = np.repeat(np.arange(len(series)), n_windows)
    return replace(
        series,
        values=series.values[is_kept],
        lengths=np.full(len(series_of_window), n_steps),
        attributes=series.attributes.iloc[series_of_window],
    )
