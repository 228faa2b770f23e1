"""Reads a user's table: CSV, CSV.gz, Parquet or a DataFrame, with a heading that names each column once."""

from pathlib import Path

import pandas as pd

from tst import files
from tst.errors import DataError, why


def read(source):
    """Return the DataFrame of a file or of a DataFrame, its rows numbered; raises DataError where there is none."""
    if isinstance(source, pd.DataFrame):
        frame, name = source.reset_index(drop=True), "the table"
    else:
        path = Path(source)
        name = path.name
        if not path.is_file():
            raise DataError(f"no table at {path}: give a CSV, CSV.gz or Parquet file.")
        frame = _read_file(path)
    frame.columns = [str(c) for c in frame.columns]
    if not len(frame):
        raise DataError(f"{name} is empty: give a table with a heading and rows.")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"{name} has two columns named '{twice}': rename one.")
    return frame


def _read_file(path):
    try:
        if path.suffix in (".parquet", ".pq"):
            return files.read_parquet(path, "give CSV, CSV.gz or Parquet", path.name)
        zipped = path.suffix == ".gz"
        files.check_csv(path, zipped)
        return pd.read_csv(path, low_memory=False, compression="gzip" if zipped else None)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path.name} is empty: give a table with a heading and rows.") from None
    except DataError:
        raise
    except Exception as error:  # pandas' own types
        raise DataError(f"cannot read {path.name} ({why(error)}): give CSV, CSV.gz or Parquet.") from None
