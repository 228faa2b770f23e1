"""float32 or bfloat16: the faster of the two on this machine, measured, not guessed.

A chip may have bfloat16 and still be slower with it: on a CPU with AVX-512 the paper's model trains
about twice as fast in it, a small one half as fast. Weights, optimiser, losses, normalisations and
attention caches stay in float32.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import torch

from tst.training.timing import wall_seconds

Precision = Literal["fp32", "bf16", "auto"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
MIN_GAIN = 1.2  # bf16 rounds: it must be so much faster, beyond what timings vary, to be taken


def cast(precision: str, device: torch.device | str = "cpu") -> torch.autocast:
    """Return the context in which matrix products run in a precision, fp32 or bf16."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")


def fastest(
    run: Callable[[str], object], device: torch.device | str = "cpu", repeats: int = 3
) -> tuple[Precision, float]:
    """Return the faster precision and the seconds in fp32 over those in bf16.

    Parameters
    ----------
    run
        What is measured, given fp32 or bf16; each once unmeasured, for memory and kernels.
    device
        Where it runs.
    repeats
        Runs in each precision; the least seconds count.
    """
    seconds = {}
    for precision in ("fp32", "bf16"):
        run(precision)
        seconds[precision] = min(
            wall_seconds(partial(run, precision), device) for _ in range(repeats)
        )
    gain = seconds["fp32"] / seconds["bf16"]
    return ("bf16" if gain > MIN_GAIN else "fp32"), gain


def check(precision: str) -> None:
    """Raise ValueError where a precision is not known."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision is '{precision}'; use one of {', '.join(PRECISIONS)}.")
