"""Laws of writing: whole or not at all, the old one stays, a sentence where the disk will not."""

import errno
import os
import tempfile

import numpy as np
import pytest
from helpers import series_of

from tst.io import files, weights
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.model import TST
from tst.series import SeriesSet


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    """A block that fails leaves the old contents and nothing else; one that ends, the new ones."""
    path = tmp_path / "new" / "a.txt"
    files.write_text("old", path)
    with pytest.raises(ZeroDivisionError), files.replacing(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["a.txt"]
    files.write_text("new", path)
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["a.txt"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    """As for a file; what an earlier kill left is cleared away."""
    folder = tmp_path / "data"
    for name in (".data.part", ".data.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "left").write_text("by a kill")
    with files.replacing_folder(folder) as part:
        (part / "a").write_text("1")
    with pytest.raises(ZeroDivisionError), files.replacing_folder(folder) as part:
        (part / "b").write_text("2")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["data"]
    assert os.listdir(folder) == ["a"]


@pytest.mark.parametrize("number", sorted(files.REASONS))
def test_each_reason_is_a_sentence(tmp_path, number):
    """What, why, what to do, in one line; other errors pass as they are."""
    with pytest.raises(files.WriteError) as caught, files.replacing(tmp_path / "a"):
        raise OSError(number, os.strerror(number))
    text = str(caught.value)
    assert text.startswith(f"cannot write {tmp_path / 'a'}: ")
    assert text.endswith(".")
    assert "\n" not in text
    with pytest.raises(ConnectionError), files.replacing(tmp_path / "a"):
        raise ConnectionError(errno.ECONNRESET, "not about the disk")


def large(folder):
    """Save a set of 10,000 steps."""
    series_of([np.ones((10_000, 3))]).save(folder)


def model(folder):
    """Save a model of some hundred thousand weights."""
    sizes = {"n_features": 3, "d_model": 64, "n_head": 2, "n_layer": 2, "d_ff": 64}
    TST(TSTConfig(**sizes)).save(folder)


@pytest.mark.parametrize("write", [large, model])
def test_a_full_disk_leaves_the_old_result(tmp_path, limited, write):
    """The write fails with a sentence; what stood there before can be read as before."""
    small = series_of([np.ones((3, 3))])
    small.save(tmp_path / "data")
    weights.save(tmp_path / "data", {"old": True}, {})
    with pytest.raises(
        files.WriteError, match=r"cannot write .* (file would be larger|disk is full).*run the same"
    ):
        write(tmp_path / "data")
    assert SeriesSet.load(tmp_path / "data").sha256() == small.sha256()
    assert (tmp_path / "data" / "model.safetensors").stat().st_size < 1000
    assert not list(tmp_path.rglob("*.part"))


@pytest.fixture
def read_only():
    """A folder that may not be written, for a user who is not root."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        if root:
            os.seteuid(65534)
        yield folder
        if root:
            os.seteuid(0)
        os.chmod(folder, 0o755)


def test_a_folder_that_may_not_be_written(tmp_path, read_only):
    """Permission is lacking, or a file stands where a folder is wanted: a sentence each."""
    for write in (files.write_text, lambda _, path: large(path)):
        with pytest.raises(
            files.WriteError, match="you may not write there: change the folder's permissions"
        ):
            write("x", os.path.join(read_only, "table.csv"))
    assert os.listdir(read_only) == []


def test_a_file_in_the_place_of_a_folder(tmp_path):
    """Said as such."""
    (tmp_path / "results").write_text("a file")
    with pytest.raises(files.WriteError, match="a part of this path is a file"):
        files.write_text("x", tmp_path / "results" / "table.csv")
