"""Laws of tables in parts: what others wrote is never deleted, and one program writes at a time."""

from pathlib import Path

import pandas as pd
import pytest

from tst.errors import DataError
from tst.io import files, part_files


def write(folder, seed, n_parts=3):
    """Write a table in parts; return what is in the folder then."""
    with part_files.prepared(folder, n_parts, {"seed": seed}) as paths:
        for i, path in enumerate(paths):
            if not path.exists():
                pd.DataFrame({"seed": [seed], "part": [i]}).to_parquet(path)
    return content(folder)


def content(folder):
    """Return {name: bytes} of the files of a folder that are not hidden."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


@pytest.mark.parametrize(
    "names",
    [
        ("part-00000-9a1c-c000.snappy.parquet", "_SUCCESS"),
        ("part-00000.parquet", "part-00001.parquet"),
        ("part.0.parquet",),
        ("notes.txt",),
        ("part-00000.parquet", part_files.FACTS),
    ],
)
def test_a_folder_of_others_is_left_alone(tmp_path, names):
    """Spark's parts, Dask's, anything else: one sentence, and every byte stays."""
    for name in names:
        (tmp_path / name).write_text("[1, 2]")
    before = content(tmp_path)
    with pytest.raises(DataError, match=f"{tmp_path} holds '.*', which tst did not write: name"):
        write(tmp_path, 1)
    part_files.delete(tmp_path)
    assert content(tmp_path) == before


def test_another_table_takes_the_place_of_the_first(tmp_path):
    """Also with fewer parts; a file that was added stays, and the parts are read as one table."""
    folder = tmp_path / "new" / "made"
    first = write(folder, 1, n_parts=5)
    assert len(first) == 6
    (folder / "part-mine.txt").write_text("mine")
    second = write(folder, 2)
    assert sorted(second) == [
        part_files.FACTS,
        *(f"part-0000{i}.parquet" for i in range(3)),
        "part-mine.txt",
    ]
    (folder / "part-mine.txt").unlink()
    assert pd.read_parquet(folder).to_dict("list") == {"seed": [2] * 3, "part": [0, 1, 2]}


def test_a_folder_is_ours_after_a_kill_half_way(tmp_path, monkeypatch):
    """While old parts are deleted: the next run deletes the rest."""
    write(tmp_path, 1, n_parts=5)
    unlink = Path.unlink

    def _killed(path, missing_ok=False):
        if path.name == "part-00003.parquet":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", _killed)
        write(tmp_path, 2)
    assert "part-00003.parquet" in content(tmp_path)
    write(tmp_path, 2)
    assert pd.read_parquet(tmp_path)["seed"].tolist() == [2] * 3


def test_a_folder_is_written_by_one_program_at_a_time(tmp_path):
    """The second is refused in a sentence, and deletes nothing; afterwards it may."""
    with part_files.prepared(tmp_path, 2, {"seed": 1}) as paths:
        paths[0].write_text("a part")
        with pytest.raises(DataError, match="another program is writing .*: wait for it, or name"):
            write(tmp_path, 2)
        assert paths[0].read_text() == "a part"
    assert len(write(tmp_path, 2)) == 4


def test_a_file_in_the_place_of_the_folder(tmp_path):
    """One sentence."""
    (tmp_path / "made").write_text("a file")
    for folder in (tmp_path / "made", tmp_path / "made" / "below"):
        with pytest.raises(files.WriteError, match="a part of this path is a file"):
            write(folder, 1)


def test_a_table_in_parts_is_deleted(tmp_path):
    """With its folder, unless something else is in it."""
    for name in ("ours", "more"):
        write(tmp_path / name, 1)
    (tmp_path / "more" / "mine.txt").write_text("mine")
    for name in ("ours", "more", "none"):
        part_files.delete(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["more"]
    assert [path.name for path in (tmp_path / "more").iterdir()] == ["mine.txt"]
