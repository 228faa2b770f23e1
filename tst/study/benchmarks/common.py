"""What the benchmarks share: sizes, timing, memory, rows.

Each benchmark is a program, `python -m tst.study.benchmarks.NAME smoke|full`, that prints one JSON
line a figure; notebooks 11 and 12 collect them.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from tst.errors import DataError
from tst.models.transformer.config import PAPER, TSTConfig
from tst.models.transformer.model import TST
from tst.training.timing import wall_seconds

T = TypeVar("T")
TINY = TSTConfig(d_model=32, n_head=4, n_layer=2, d_ff=32, context_length=60)


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a benchmark is: the paper's model, or a tiny one for the smoke run."""

    name: str
    config: TSTConfig

    def pick(self, full: T, smoke: T) -> T:
        """Return the first at full size, the second in the smoke run."""
        return full if self.name == "full" else smoke


SIZES = {"smoke": Size(name="smoke", config=TINY), "full": Size(name="full", config=PAPER)}


def read_size(arguments: Sequence[str]) -> Size:
    """Return the size that a command line names first; full where it names none."""
    name = arguments[0] if arguments else "full"
    if name not in SIZES:
        raise DataError(f"unknown size '{name}'; use smoke or full.")
    return SIZES[name]


def seconds(function: Callable[[], Any], repeats: int = 3, warm: bool = True) -> float:
    """Return the least wall time of some calls; a first call warms up."""
    if warm:
        function()
    return min(wall_seconds(function) for _ in range(repeats))


def emit(metric: str, value: float, **detail: Any) -> None:
    """Print one row."""
    print("ROW " + json.dumps({"metric": metric, "value": value, "detail": detail}), flush=True)


def peak_mb() -> float:
    """Return the largest resident size of this program so far, MB.

    From /proc, because getrusage starts a child at its parent's peak.
    """
    status = Path("/proc/self/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    if match is None:
        raise DataError("this system does not tell a program's peak memory in /proc/self/status.")
    return int(match.group(1)) / 1024


def matrix_rate(size: Size, precision: str = "fp32") -> float:
    """Return the rate of a product of two square matrices, FLOP/s: the best of several."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    n = size.pick(2048, 256)
    a = torch.randn(n, n, dtype=dtype)
    b = torch.randn(n, n, dtype=dtype)
    return 2 * n**3 / seconds(lambda: a @ b, 8)


def model_for(size: Size, context_length: int, **changes: Any) -> TST:
    """Return a model of the size with another window, and other changes of its configuration."""
    torch.manual_seed(0)
    return TST(replace(size.config, context_length=context_length, **changes))


def never_end(model: TST) -> TST:
    """Let the flags of a model end no series before the cap: the first far above the second."""
    with torch.no_grad():
        model.output.bias[-2:] = torch.tensor([9.0, -9.0])
    return model
