"""Peak memory of a training step on one series of 2,500 steps, against materialised attention.

Each is measured in a process of its own, as the rise of the resident size above model, gradients
and optimiser. The allocator of both is told to give large blocks back (MALLOC_MMAP_THRESHOLD_),
so that the figure is what was in use.
"""

import json
import subprocess
import sys
from typing import Literal

import torch
from torch import nn

from tst.models.transformer.packing import Packing
from tst.study.benchmarks import reference
from tst.study.benchmarks.common import Size, emit, model_for, peak_mb, read_size

Kind = Literal["ours", "reference"]


def build(size: Size, kind: Kind, n_steps: int) -> nn.Module:
    """Return our model, or the literal one alone, in training mode."""
    ours = model_for(size, n_steps).train()
    if kind == "reference":
        return reference.ReferenceTST.like(ours)
    return ours


def rise_of_a_step(size: Size, kind: Kind, n_steps: int) -> float:
    """Return the rise of the peak over one training step, MB."""
    model = build(size, kind, n_steps)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step(T: int) -> None:
        x = torch.rand(T, size.config.n_features)
        if kind == "ours":
            y = model(x, Packing([T]))
        else:
            y = model(x[None], torch.zeros(1, T, dtype=torch.bool))  # (1, T, n_features)
        y.mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    step(8)
    before = peak_mb()
    step(n_steps)
    return peak_mb() - before


def in_a_process(size: Size, kind: Kind, n_steps: int) -> float:
    """Return the rise, measured in a fresh process, MB."""
    command = [
        "env",
        "MALLOC_MMAP_THRESHOLD_=1000000",
        sys.executable,
        "-m",
        "tst.study.benchmarks.memory",
        size.name,
        kind,
        str(n_steps),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main(size: Size) -> None:
    """Compare at 2,500 steps, and follow our own over the length."""
    n_steps = size.pick(2500, 400)
    ours = in_a_process(size, "ours", n_steps)
    literal = in_a_process(size, "reference", n_steps)
    emit("memory_ratio_2500", ours / literal, ours_mb=ours, reference_mb=literal, n_steps=n_steps)
    for n in size.pick((100, 400, 1600, 6400), ()):
        emit("peak_memory_mb", in_a_process(size, "ours", n), n_steps=n)


if __name__ == "__main__":
    chosen = read_size(sys.argv[1:])
    if len(sys.argv) > 2:
        kind: Kind = "ours" if sys.argv[2] == "ours" else "reference"
        print(json.dumps(rise_of_a_step(chosen, kind, int(sys.argv[3]))))
    else:
        main(chosen)
