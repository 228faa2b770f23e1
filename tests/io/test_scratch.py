"""Laws of temporary folders: none outlives its program for long, and none in use is deleted."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tst.io import paths, scratch

PROGRAM = """
import sys, time
from pathlib import Path
from tst.io import paths, scratch
paths.scratch_dir = lambda: Path(sys.argv[1])
folder = scratch.Folder()
(folder.path / "large").write_text("rows")
print(folder.path, flush=True)
time.sleep(100)
"""


@pytest.fixture
def parent(tmp_path, monkeypatch):
    """The folder of temporary folders."""
    monkeypatch.setattr(paths, "scratch_dir", lambda: tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_folder_goes_with_its_object(parent):
    """When nobody has it any more, or at the end of its block, with all that is in it."""
    folder = scratch.Folder()
    (folder.path / "large").write_text("rows")
    assert folder.path.parent == parent
    del folder
    gc.collect()
    assert list(parent.iterdir()) == []
    with pytest.raises(ZeroDivisionError), scratch.Folder() as path:
        (path / "large").write_text("rows")
        raise ZeroDivisionError
    assert list(parent.iterdir()) == []


def test_a_killed_programs_folder_is_deleted_by_the_next(parent):
    """A living one's stays, and so does what is no such folder or another machine's."""
    for name, host in (("none", None), ("other", "another-machine")):
        (parent / f"{scratch.PREFIX}{name}").mkdir()
        if host:
            (parent / f"{scratch.PREFIX}{name}" / scratch.LOCK).write_text(host)
    kept = set(parent.iterdir())
    command = [sys.executable, "-c", PROGRAM, str(parent)]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=paths.ROOT)
    theirs = program.stdout.readline().strip()
    try:
        ours = scratch.Folder()
        assert os.listdir(theirs)
    finally:
        program.send_signal(signal.SIGKILL)
        program.communicate()
    assert os.path.isdir(theirs)
    with scratch.Folder() as path:
        assert set(parent.iterdir()) == {*kept, ours.path, path}


def test_a_lock_is_held_by_one(tmp_path):
    """Until its file is closed."""
    with open(tmp_path / "lock", "a") as one, open(tmp_path / "lock", "a") as other:
        assert scratch.try_lock(one) is True
        assert scratch.try_lock(other) is False
        one.close()
        assert scratch.try_lock(other) is True


def test_large_files_go_where_they_may_be_written(monkeypatch):
    """/var/tmp where TMPDIR names no other, unless it may not be written."""
    monkeypatch.delenv("TMPDIR", raising=False)
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(paths, "LARGE_TEMPORARY", Path(folder))
        assert paths.scratch_dir() == Path(folder)
        os.chmod(folder, 0o555)
        if root:  # who may write everywhere
            os.setreuid(65534, 0)
        try:
            assert paths.scratch_dir() == Path(tempfile.gettempdir())
        finally:
            if root:
                os.setreuid(0, 0)
