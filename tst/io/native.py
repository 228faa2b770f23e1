"""C++ files of this package, built once for the processor at hand, where there is a compiler.

What is built lies in the user's cache folder, under a name that says source, flags and processor:
another source, or another machine that shares the folder, builds its own. Where there is no
compiler, or it fails, there is no library, and whoever asked for one goes another way.
"""

import contextlib
import ctypes
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tst.io import paths

COMPILERS = ("g++", "clang++", "c++")
FLAGS = (
    "-O3",
    "-march=native",
    "-fno-trapping-math",  # with the next: else a choice between two products is a branch
    "-fno-math-errno",
    "-std=c++17",
    "-shared",
    "-fPIC",
    "-pthread",
    "-w",
)
CPU_FACTS = Path("/proc/cpuinfo")
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
SECONDS = 120  # that a build may take; it takes about two


@cache
def library(source: Path) -> ctypes.CDLL | None:
    """Return the library of a C++ file, built now unless it was before, or None."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        return None
    # A user without a home folder has no place for it: a RuntimeError.
    with contextlib.suppress(OSError, RuntimeError, subprocess.SubprocessError):
        folder = paths.cache_dir()
        path = folder / f"{source.stem}-{_digest(source, compiler)}.so"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.stat()
        if facts.st_uid != os.getuid() or facts.st_mode & WRITABLE_BY_OTHERS:
            return None  # what others can write is not run
        if not path.exists():
            _build(compiler, source, path)
        return _load(path)
    return None


def _load(path: Path) -> ctypes.CDLL:
    """Return the library of a file; a damaged one is deleted, so that it is built anew."""
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _digest(source: Path, compiler: str) -> str:
    """Return 16 hex digits that name what a compiler makes of a source on this processor."""
    facts = [source.read_text(), compiler, *FLAGS, platform.machine(), platform.processor()]
    if CPU_FACTS.exists():
        lines = CPU_FACTS.read_text().splitlines()
        facts += sorted({line for line in lines if line.startswith(("flags", "Features", "model"))})
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _build(compiler: str, source: Path, path: Path) -> None:
    """Build a library beside its place and rename it: processes may build at the same time."""
    descriptor, name = tempfile.mkstemp(suffix=".so", prefix=".", dir=path.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        command = [compiler, *FLAGS, str(source), "-o", str(part)]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
