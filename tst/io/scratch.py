"""Temporary folders of large files, and locks that end with the program that holds them.

A folder is deleted with its object. What a program leaves that was killed (SIGKILL, no memory) is
deleted by the next one on this machine: it knows such a folder by its lock, which nobody holds.
"""

import errno
import fcntl
import os
import platform
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import IO

from tst.io import files, paths

PREFIX = "tst-scratch-"
LOCK = ".lock"
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # of some file systems of clusters


class Folder:
    """A temporary folder in TMPDIR, else in /var/tmp, deleted with this object.

    Raises
    ------
    WriteError
        Where it cannot be made.
    """

    def __init__(self) -> None:
        parent = paths.scratch_dir()
        with files.translate_write_errors(parent):
            _sweep(parent)
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            lock = open(self.path / f"{LOCK}.new", "w")
            try_lock(lock)
            print(platform.node(), file=lock, flush=True)
            # Locked before it has its name: nobody sees a folder whose lock is still to be taken.
            os.replace(lock.name, self.path / LOCK)
        self._finalizer = weakref.finalize(self, _delete, self.path, lock)

    def __enter__(self) -> Path:
        """Return the folder's path."""
        return self.path

    def __exit__(self, *error: object) -> None:
        """Delete the folder and what is in it now."""
        self._finalizer()


def _delete(folder: Path, lock: IO[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.close()


def try_lock(file: IO[str]) -> bool | None:
    """Lock an open file until it is closed.

    Returns
    -------
    True; False where somebody else holds the lock; None where the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return None
    return True


def _sweep(parent: Path) -> None:
    """Delete this user's folders in `parent` that a killed program of this machine left."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            if folder.lstat().st_uid != os.getuid():
                continue
            with open(folder / LOCK, "r+") as lock:
                # on a shared disk some systems know the locks of their own programs only
                if lock.read().strip() == platform.node() and try_lock(lock):
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another program deletes it at this moment, or it is not to be read
            continue
