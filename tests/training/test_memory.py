"""Laws of kept memory: what was freed is not asked for again, page by page."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from tst.training import memory

kept = {keep} and memory.keep_freed()
def faults(n):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n):
        parts = [torch.ones(2**20) for _ in range(20)]  # 4 MB each
        del parts
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(3)
print(int(kept), faults(10))
"""


# Else glibc may learn by itself to keep blocks of this size, as it does where the heap lies so.
FIXED = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}


def run(keep):
    """Return whether memory is kept, and the pages asked for by ten rounds after three."""
    program = PROGRAM.format(keep=keep)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | FIXED,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = done.stdout.split()
    return bool(int(kept)), int(faults)


@pytest.mark.slow
def test_freed_blocks_come_back_without_a_page():
    """Ten rounds of 80 MB ask for next to no page, where without they ask for thousands."""
    kept, faults = run(True)
    if not kept:
        pytest.skip("this C library does not keep what is freed")
    _, without = run(False)
    assert without > 1000
    assert faults < without / 100
