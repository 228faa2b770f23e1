"""Seconds of `make -j2 smoke` from nothing, in a copy of the tree that uses this environment."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from common import emit, full

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("notebooks", "tst", "tests", "Makefile", "requirements.lock.txt", "environment.yml", "pyproject.toml")


def main():
    """Copy, run, measure."""
    with tempfile.TemporaryDirectory() as folder:
        for name in NEEDED:
            source, target = ROOT / name, Path(folder) / name
            shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
        (Path(folder) / ".venv").symlink_to(ROOT / ".venv")
        start = time.perf_counter()
        subprocess.run(["make", "-j2", "smoke"], cwd=folder, check=True, capture_output=True)
        emit("smoke_seconds", time.perf_counter() - start)


if __name__ == "__main__":
    full(main, lambda: None)()
