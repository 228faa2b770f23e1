"""float32 or bfloat16: the faster of the two on this machine, measured, not guessed.

A chip may have bfloat16 and still be slower with it: on a CPU with AVX-512 the paper's model trains about twice as fast in
it, a small one half as fast. Weights, optimiser, losses, normalisations and attention caches stay in float32.
"""

import time

import torch

PRECISIONS = ("fp32", "bf16", "auto")
MARGIN = 1.2  # bf16 must be so much faster before it is taken


def cast(precision, device="cpu"):
    """Return the context in which matrix products run in a precision, fp32 or bf16."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")


def fastest(run, device="cpu", repeats=3):
    """Return (precision, seconds in fp32 over seconds in bf16) of `run(precision)`; the least of `repeats` counts."""
    seconds = {}
    for precision in ("fp32", "bf16"):
        run(precision)  # warm up: memory, kernels
        seconds[precision] = min(_seconds(run, precision, device) for _ in range(repeats))
    gain = seconds["fp32"] / seconds["bf16"]
    return ("bf16" if gain > MARGIN else "fp32"), gain


def _seconds(run, precision, device):
    start = time.perf_counter()
    run(precision)
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def check(precision):
    """Raise ValueError where a precision is not known."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision is '{precision}'; use one of {', '.join(PRECISIONS)}.")
