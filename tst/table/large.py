"""A table that need not fit into memory: read in chunks, dealt into parts by id, sorted by part.

The file is gone through twice. First its columns' dtypes, its ids and the form of its dates are
learned; roles are guessed from the first chunk. Then rows go to parts on the disk, each with all
rows of some ids, in the order of the ids. What is made of the parts is, bit for bit, what is made
of the table in memory; memory grows with the number of series and with the longest one alone.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tst.errors import DataError
from tst.io import files, paths, scratch
from tst.io.untrusted import CELL, check_disk
from tst.table.calendar import read_times
from tst.table.keys import Keys
from tst.table.roles import Roles
from tst.table.rows import Dropped, SortedTable, sort_store
from tst.table.shape import find_shape
from tst.table.source import ChunkedFile, Dtypes
from tst.table.time_evidence import TimeEvidence
from tst.table.values import free_name

PART_CELLS = 2**20  # values (rows times columns) of a part
PENDING_IDS = 2**20  # of chunks, counted one by one before they are put together
N_BESIDE = 4  # numbers beside the values of a row, at most: its place, its time twice, its mark


def sort_file(file: ChunkedFile, roles: Roles) -> SortedTable:
    """Sort a file as `tst.table.rows.sort_rows` does a table in memory.

    Raises
    ------
    DataError
        Where the table cannot be read or sorted.
    """
    head, keys = guess_keys(file, roles)
    scan = Scan(file, keys)
    store = PartFolder(scan.dtypes)
    _deal(file, scan, store, roles)
    dropped = scan.dropped
    # The clock is the same whatever rows there are: read from none.
    empty = keys.add(head.head(0)).astype(scan.dtypes)
    time = read_times(empty[keys.time_column], scan.times, roles.dates)
    problems = [
        *keys.problems(scan.n_rows),
        *dropped.problems(),
        *time.all_problems(int(scan.n_rows_of_id.sum())),
    ]
    return sort_store(store, keys, time.clock, roles, problems)


def guess_keys(file: ChunkedFile, roles: Roles) -> tuple[pd.DataFrame, Keys]:
    """Return the first chunk of a file, and its id and time by it.

    Raises
    ------
    DataError
        Where the disk has no room for the file's parts, or the roles do not fit the columns.
    """
    roles.check(file.columns)  # before a row is read
    head = next(file.chunks())
    _check_disk(file, file.n_cells, head.shape[1])
    if roles.shape not in (None, "long"):
        raise DataError(
            f"{file.path.name} is read in chunks, which must have a row a step: give it so, for "
            f"shape: {roles.shape} needs the whole table at once."
        )
    find_shape(head, roles)
    return head, Keys.of(head, roles)


def _check_disk(file: ChunkedFile, n_cells: int, n_columns: int) -> None:
    """Raise DataError where the disk has no room for the parts of so many values of a file."""
    n_rows = n_cells / n_columns
    check_disk(CELL * (n_cells + N_BESIDE * n_rows), paths.scratch_dir(), file.path.name)


class Scan:
    """What must be known of a file before its rows can be dealt into parts.

    Parameters
    ----------
    file, keys
        What is read, and its id and time.
    """

    def __init__(self, file: ChunkedFile, keys: Keys) -> None:
        self.keys = keys
        self._read(file)
        if self.text_columns:  # numbers in one chunk, text in another: text as it is written
            file.text_columns = self.text_columns
            self._read(file)
        ids = self._ids.astype(self.dtypes[keys.id_column])
        codes, self.ids = pd.factorize(ids, sort=True)
        self.n_rows_of_id = np.bincount(codes, weights=self._counts).astype(np.int64)

    def _read(self, file: ChunkedFile) -> None:
        """Go through the file."""
        self.dropped = Dropped(self.keys.id_column, self.keys.time_column)
        self.times = TimeEvidence()
        dtypes = Dtypes()
        pending: list[tuple[pd.Series, np.ndarray]] = []
        n_pending = 0
        n_cells = 0
        self.n_rows = 0
        for chunk in file.chunks():
            n_cells += chunk.size  # a zipped file may hold more than its size says
            _check_disk(file, n_cells, chunk.shape[1])
            chunk = self.keys.add(chunk)
            self.n_rows += len(chunk)
            dtypes.add(chunk)
            chunk = self.dropped.drop(chunk)
            self.times = self.times.joined(TimeEvidence.of(chunk[self.keys.time_column]))
            codes, ids = pd.factorize(chunk[self.keys.id_column])
            pending.append((_plain_values(ids), np.bincount(codes, minlength=len(ids))))
            n_pending += len(ids)
            if n_pending > PENDING_IDS:
                pending = [_put_together(pending)]
                n_pending = 0
        self.dropped.check()
        self._ids, self._counts = _put_together(pending)
        self.dtypes, self.text_columns = dtypes.joined()


def _plain_values(ids: pd.Index) -> pd.Series:
    """Return distinct ids, those of a categorical dtype as values."""
    values = pd.Series(ids)
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype(values.cat.categories.dtype)
    return values


def _put_together(pending: list[tuple[pd.Series, np.ndarray]]) -> tuple[pd.Series, np.ndarray]:
    """Return distinct ids and how many rows each has, from those of several chunks."""
    codes, ids = pd.factorize(pd.concat([ids for ids, _ in pending]))
    counts = np.concatenate([counts for _, counts in pending])
    return pd.Series(ids), np.bincount(codes, weights=counts, minlength=len(ids))


def _deal(file: ChunkedFile, scan: Scan, store: "PartFolder", roles: Roles) -> None:
    """Write the rows of a file to the parts of their ids."""
    n_before = np.cumsum(scan.n_rows_of_id) - scan.n_rows_of_id
    part_of_id = n_before // max(1, PART_CELLS // len(scan.dtypes))
    part_of_id = np.unique(part_of_id, return_inverse=True)[1]  # none is empty
    index = pd.Index(scan.ids)
    keys = scan.keys
    dropped = Dropped(keys.id_column, keys.time_column)
    for chunk in file.chunks():
        chunk = dropped.drop(keys.add(chunk).astype(scan.dtypes))
        times = read_times(chunk[keys.time_column], scan.times, roles.dates).times
        parts = part_of_id[index.get_indexer(chunk[keys.id_column])]
        order = np.argsort(parts, kind="stable")
        rows = _as_arrow(chunk.iloc[order], times[order])
        parts = parts[order]
        bounds = np.flatnonzero(np.diff(parts, prepend=-1, append=-1))
        for first, last in zip(bounds[:-1], bounds[1:], strict=True):
            store.append(int(parts[first]), rows.slice(first, last - first))


class PartFolder:
    """Parts of a table in files of a temporary folder, deleted with this object.

    See `tst.table.rows.Store`.

    Parameters
    ----------
    dtypes
        Of the columns: Arrow keeps all but that of truth values that may be missing.
    """

    def __init__(self, dtypes: Mapping[str, Any]) -> None:
        self.dtypes = dtypes
        self.folder = scratch.Folder()
        self.n_parts = 0

    def __len__(self) -> int:
        return self.n_parts

    def append(self, part: int, rows: pa.Table) -> None:
        """Add rows to a part."""
        self.n_parts = max(self.n_parts, part + 1)
        self._write(self._path(part), "ab", rows)

    def frame(self, part: int) -> pd.DataFrame:
        """Return the rows of a part."""
        table = self._read(part)
        frame = table.select(range(table.num_columns - 1)).to_pandas()
        return frame.rename_axis(None).astype(self.dtypes)

    def times(self, part: int) -> np.ndarray:
        """Return their times, shape (n_rows,)."""
        path = self._path(part, "times.npy")
        if path.exists():
            return np.load(path, allow_pickle=False)
        return self._read(part).column(-1).to_numpy()

    def is_first_of_id(self, part: int) -> np.ndarray:
        """Return, of sorted rows, which is the first of its id, bool (n_rows,)."""
        return np.load(self._path(part, "first.npy"), allow_pickle=False)

    def write(
        self, part: int, frame: pd.DataFrame, times: np.ndarray, is_first_of_id: np.ndarray
    ) -> None:
        """Replace the rows of a part by sorted ones."""
        self._write(self._path(part), "wb", _as_arrow(frame, times))
        with files.translate_write_errors(self.folder.path):
            np.save(self._path(part, "times.npy"), times)
            np.save(self._path(part, "first.npy"), is_first_of_id)

    def _read(self, part: int) -> pa.Table:
        path = self._path(part)
        n_bytes = os.stat(path).st_size
        tables = []
        with open(path, "rb") as file:
            while file.tell() < n_bytes:  # one stream a call of `append`
                tables.append(pa.ipc.open_stream(file).read_all())
        return pa.concat_tables(tables, promote_options="default")  # one may hold only nulls

    def _path(self, part: int, suffix: str = "arrow") -> Path:
        return self.folder.path / f"{part:06d}.{suffix}"

    def _write(self, path: Path, mode: str, rows: pa.Table) -> None:
        with (
            files.translate_write_errors(self.folder.path),
            open(path, mode) as file,
            pa.ipc.new_stream(file, rows.schema) as stream,
        ):
            stream.write_table(rows)


def _as_arrow(frame: pd.DataFrame, times: np.ndarray) -> pa.Table:
    """Return rows, their numbers in the file, and their times as the last column."""
    frame = frame.set_axis(frame.index.to_numpy(), axis=0)  # a range would not be kept
    frame = frame.rename_axis(free_name("row", frame.columns))
    return pa.Table.from_pandas(frame).append_column(
        free_name("times", frame.columns), pa.array(times)
    )
