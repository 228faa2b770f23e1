"""Arrays of rows that may be larger than memory: files that are mapped, and gone through by blocks.

The pages of a mapped file count as memory of the program until they are given back (`release`);
what was read stays in the system's cache, where it is in nobody's way.
"""

import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tst.io import files, paths

BLOCK_BYTES = 2**24  # gone through at once: far above a page, far below a computer's memory
MAPPED_BYTES = 2**26  # from which on an array is mapped, not held


def blocks(array: np.ndarray) -> Iterator[slice]:
    """Yield slices of rows of an array, some megabytes each; a mapped one's pages are released."""
    row_bytes = max(1, array.nbytes // max(1, len(array)))
    n = max(1, BLOCK_BYTES // row_bytes)
    for first in range(0, len(array), n):
        yield slice(first, min(first + n, len(array)))
        release(array)


def empty(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return an array to be filled: in memory, or, where it is large, in a file without a name.

    The file is in TMPDIR, else in /var/tmp; the system deletes it with the array.

    Raises
    ------
    WriteError
        Where the disk has no room for it.
    """
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if n_bytes < MAPPED_BYTES:
        return np.empty(shape, dtype)
    folder = paths.scratch_dir()
    with files.translate_write_errors(folder), tempfile.TemporaryFile(dir=folder) as file:
        _take_disk(file.fileno(), n_bytes)
        return np.memmap(file, dtype=dtype, mode="r+", shape=shape)


def _take_disk(handle: int, n_bytes: int) -> None:
    """Give an empty file a length, and its disk at once where the system can.

    Else a full disk would end the program without a word (SIGBUS) when the array is filled.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, n_bytes)
    else:
        os.truncate(handle, n_bytes)


def open_array(path: Path | str) -> np.ndarray:
    """Return the array of a .npy file without reading it, for reading only."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


def save(array: np.ndarray, path: Path | str) -> None:
    """Write an array as `np.save` does, block by block."""
    array = np.ascontiguousarray(array)
    with open(path, "wb") as file:
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks(array):
            array[block].tofile(file)


def is_mapped(array: np.ndarray) -> bool:
    """Tell whether an array lies in a mapped file."""
    return _mapping(array) is not None


def release(array: np.ndarray) -> None:
    """Give back the memory of a mapped array; what was written to it is in the file."""
    mapping = _mapping(array)
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def _mapping(array: object) -> mmap.mmap | None:
    """Return the mapped file that an array, or what it is a view of, lies in."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array if isinstance(array, mmap.mmap) else None
