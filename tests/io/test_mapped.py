"""Laws of arrays that may be larger than memory: mapped or not, the numbers are the same."""

import hashlib
import os
import tempfile

import numpy as np
import pytest

from tst.io import files, mapped, paths


@pytest.fixture
def tiny_blocks(monkeypatch):
    """Blocks of 64 bytes, and every array of 100 bytes a mapped one."""
    monkeypatch.setattr(mapped, "BLOCK_BYTES", 64)
    monkeypatch.setattr(mapped, "MAPPED_BYTES", 100)


def test_a_mapped_array_keeps_what_is_written(tiny_blocks):
    """After its memory was given back, too; a small one is in memory."""
    array = mapped.empty((7, 5), np.float32)
    assert mapped.is_mapped(array) and mapped.is_mapped(np.ascontiguousarray(array)[2:])
    assert not mapped.is_mapped(mapped.empty((2, 3), np.float32))
    numbers = np.arange(35, dtype=np.float32).reshape(7, 5)
    for block in mapped.blocks(array):
        array[block] = numbers[block]
    mapped.release(array)
    np.testing.assert_array_equal(array, numbers)


@pytest.mark.parametrize("n_rows", [0, 1, 3, 7])
def test_blocks_are_the_array(tiny_blocks, n_rows):
    """Every row once, in order, and never more bytes than a block has."""
    array = np.arange(n_rows * 5.0).reshape(n_rows, 5)
    parts = [array[block] for block in mapped.blocks(array)]
    np.testing.assert_array_equal(np.concatenate([array[:0], *parts]), array)
    assert all(part.nbytes <= 64 for part in parts)


def test_a_file_written_by_blocks_is_numpys(tiny_blocks, tmp_path):
    """Byte for byte what np.save writes; read back without being read into memory."""
    array = np.arange(42, dtype=np.float32).reshape(14, 3)
    np.save(tmp_path / "numpy.npy", array)
    mapped.save(array, tmp_path / "ours.npy")
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()]
    assert len(digests) == 2 and len(set(digests)) == 1
    opened = mapped.open_array(tmp_path / "ours.npy")
    assert mapped.is_mapped(opened)
    np.testing.assert_array_equal(opened, array)


def test_a_mapped_array_has_its_disk_from_the_start(tiny_blocks, monkeypatch):
    """A disk that is full later would end the program without a word."""
    handles = []
    make = tempfile.TemporaryFile

    def _kept(**options):
        file = make(**options)
        handles.append(os.dup(file.fileno()))
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", _kept)
    array = mapped.empty((2**18, 1), np.float32)
    facts = os.fstat(handles[0])
    os.close(handles[0])
    assert array.nbytes == facts.st_size == 2**20
    if hasattr(os, "posix_fallocate"):
        assert facts.st_blocks * 512 >= 2**20


def test_a_disk_without_room_for_an_array_is_a_sentence(tiny_blocks, limited):
    """Before anything is written."""
    with pytest.raises(files.WriteError, match=f"cannot write {paths.scratch_dir()}: the file wo"):
        mapped.empty((10_000, 3), np.float32)
