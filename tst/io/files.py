"""Files and folders that appear whole or not at all: written beside their target, synced to the disk, then renamed.

Whoever is killed in between leaves `.NAME.part` or `.NAME.old`, which nothing reads and the next write clears away.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

REASONS: dict[int | None, str] = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the file would be larger than is allowed here: raise the limit (ulimit -f)",
    errno.EROFS: "the disk is read-only: mount it writable, or work in another folder",
    errno.EACCES: "you may not write there: change the folder's permissions, or work in another folder",
    errno.EPERM: "you may not write there: change the folder's permissions, or work in another folder",
    errno.ENOTDIR: "a part of this path is a file, not a folder: move it away",
    errno.EEXIST: "a part of this path is a file, not a folder: move it away",
    errno.EIO: "the disk reports an error: check it",
}


class WriteError(OSError):
    """A file cannot be written: one sentence that says which, why and what to do."""


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give the path of a temporary file; after the block it stands at `path`, or, where the block failed, is gone.

    Raises
    ------
    WriteError
        Where the disk is full or read-only, or permission is lacking; what stood at `path` before still stands there.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            _sync(part)
            os.replace(part, path)
            _sync(path.parent)
        finally:
            with contextlib.suppress(OSError):
                part.unlink()


@contextlib.contextmanager
def replacing_folder(folder: Path | str) -> Iterator[Path]:
    """Give a temporary folder, empty; after the block it stands at `folder`. Raises as `replacing` does.

    What stood there goes last; killed between the two renames, a run leaves the old one as `.NAME.old` and no new one.
    """
    folder = Path(folder)
    part = folder.with_name(f".{folder.name}.part")
    with explained(folder):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            yield part
            put(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def put(part: Path, folder: Path) -> None:
    """Sync a folder and all in it, and put it in the place of another, which goes last."""
    old = folder.with_name(f".{folder.name}.old")
    for path in [*part.rglob("*"), part]:
        _sync(path)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def write_text(text: str, path: Path | str) -> None:
    """Write a text file, UTF-8, whole or not at all; raises as `replacing` does."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Raise WriteError in the place of an error whose reason a person can do something about."""
    try:
        yield
    except WriteError:
        raise
    except (OSError, RuntimeError) as error:
        if (why := REASONS.get(_number(error))) is None:
            raise
        text = (
            f"cannot write {path}: {why}, then run the same command again; it goes on where it was."
        )
        raise WriteError(text) from None


def _number(error: Exception) -> int | None:
    """Return the system's number of an error; the writers of numpy and torch do not tell it."""
    short = "requested and" in str(error) or "inline_container" in str(error)
    return errno.ENOSPC if short else getattr(error, "errno", None)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
