"""Files and folders that appear whole or not at all: written beside the target, synced, renamed.

A process killed in between leaves `.NAME.part` or `.NAME.old`, which nothing reads and which the
next write removes. What a person can mend (a full disk, a missing permission) raises WriteError.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PARQUET = (".parquet", ".pq")  # suffixes of a Parquet file
NOT_ALLOWED = "you may not write there: change the folder's permissions, or work in another folder"
NOT_A_FOLDER = "a part of this path is a file, not a folder: move it away"
REASONS: dict[int | None, str] = {  # errno: why a write failed, and what to do
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "the file would be larger than is allowed here: raise the limit (ulimit -f)",
    errno.EROFS: "the disk is read-only: mount it writable, or work in another folder",
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
    errno.ENOTDIR: NOT_A_FOLDER,
    errno.EEXIST: NOT_A_FOLDER,
    errno.EIO: "the disk reports an error: check it",
}


class WriteError(OSError):
    """A file cannot be written: one sentence that says which, why and what to do."""


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path, which is renamed to `path` after the block, or deleted if it fails.

    Raises
    ------
    WriteError
        Where the disk is full or read-only, or permission is lacking; what stood at `path` before
        still stands there.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    with translate_write_errors(path):
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
    """Give an empty temporary folder, which replaces `folder` after the block; raises WriteError.

    A process killed between the two renames leaves the old folder as `.NAME.old` and no new one.
    """
    folder = Path(folder)
    part = folder.with_name(f".{folder.name}.part")
    with translate_write_errors(folder):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            yield part
            put(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def put(part: Path, folder: Path) -> None:
    """Sync the folder `part` to the disk and rename it to `folder`; the old one is deleted last."""
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
    """Write a UTF-8 text file, whole or not at all; raises WriteError as `replacing` does."""
    write_bytes(text.encode(), path)


def write_bytes(content: bytes, path: Path | str) -> None:
    """Write a file, whole or not at all; raises WriteError as `replacing` does."""
    with replacing(path) as part:
        part.write_bytes(content)


@contextlib.contextmanager
def translate_write_errors(path: Path | str) -> Iterator[None]:
    """Raise a WriteError about `path` for each error of the block that REASONS knows."""
    try:
        yield
    except WriteError:
        raise
    except (OSError, RuntimeError) as error:
        reason = REASONS.get(_error_number(error))
        if reason is None:
            raise
        raise WriteError(
            f"cannot write {path}: {reason}, then run the same command again; "
            "it continues where it was."
        ) from None


def _error_number(error: Exception) -> int | None:
    """Return the errno of an error; where numpy and torch withhold it, that of a full disk."""
    text = str(error)
    # numpy: "N requested and M written"; torch: an assertion of its zip writer, inline_container.
    if "requested and" in text or "inline_container" in text:
        return errno.ENOSPC
    return getattr(error, "errno", None)


def _sync(path: Path) -> None:
    """Force what was written to a file or folder onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
