"""What the benchmarks share: sizes, timing, rows. Each script prints one JSON line a figure; notebook 12 collects them."""

import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from tst.models.transformer.config import PAPER, TSTConfig
from tst.models.transformer.model import TST

SIZE = sys.argv[1] if len(sys.argv) > 1 else "full"
TINY = TSTConfig(d_model=32, n_head=4, n_layer=2, d_ff=32, context_length=400)
CONFIG = {"smoke": TINY, "full": PAPER}.get(SIZE)
if CONFIG is None:
    sys.exit(f"unknown size '{SIZE}'; use smoke or full.")


def full(a, b):
    """Return a at full size, b in the smoke run."""
    return a if SIZE == "full" else b


def seconds(function, repeats=3, warm=True):
    """Return the least wall time of some calls; a first call warms up."""
    if warm:
        function()
    return min(_timed(function) for _ in range(repeats))


def _timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def emit(metric, value, **detail):
    """Print one row."""
    print("ROW " + json.dumps({"metric": metric, "value": value, "detail": detail}), flush=True)


def peak_mb():
    """Return the largest resident size of this program so far, MB.

    From /proc, because getrusage starts a child at its parent's peak.
    """
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


def matrix_rate(precision="fp32", n=2048):
    """Return the rate of a square matrix product, FLOP/s: the best of several."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(full(n, 256), full(n, 256), dtype=dtype) for _ in range(2))
    return 2 * a.shape[0] ** 3 / seconds(lambda: a @ b, 8)


def model_for(context_length, seed=0, **changes):
    """Return a model of the size with another window."""
    torch.manual_seed(seed)
    return TST(replace(CONFIG, context_length=context_length, **changes))
