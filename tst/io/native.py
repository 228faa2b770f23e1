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
import subprocess
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
SECONDS = 120  # that a build may take; it takes about two


@cache
def library(source: Path) -> ctypes.CDLL | None:
    """Return the library of a C++ file, built now unless it was before, or None."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        return None
    folder = paths.cache_dir()
    path = folder / f"{source.stem}-{_digest(source, compiler)}.so"
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():  # what others can write is not run
            return None
        if not path.exists():
            _build(compiler, source, path)
        return ctypes.CDLL(str(path))
    return None


def _digest(source: Path, compiler: str) -> str:
    """Return 16 hex digits that name what a compiler makes of a source on this processor."""
    facts = [source.read_text(), compiler, *FLAGS, platform.machine(), platform.processor()]
    if CPU_FACTS.exists():
        lines = CPU_FACTS.read_text().splitlines()
        facts += sorted({line for line in lines if line.startswith(("flags", "Features", "model"))})
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _build(compiler: str, source: Path, path: Path) -> None:
    """Build a library beside its place and rename it: processes may build at the same time."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.so")
    try:
        command = [compiler, *FLAGS, str(source), "-o", str(part)]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
