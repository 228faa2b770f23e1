"""Peak memory of one training step on one series of 2,500 steps: ours against the literal, materialised attention.

Each is measured in a process of its own, as the rise of the resident size above model, gradients and optimiser. The
allocator of both is told to give large blocks back (MALLOC_MMAP_THRESHOLD_), so that the figure is what was in use.
"""

import json
import os
import subprocess
import sys

import torch

from tst.models.transformer.packing import Packing
from tst.study.benchmarks import reference
from tst.study.benchmarks.common import SIZE, emit, full, model_for, peak_mb

N_STEPS = full(2500, 400)


def one(kind, n_steps):
    """Print the rise of the peak over one step of this kind, MB."""
    model = model_for(n_steps).train()
    if kind == "reference":
        model = reference.ReferenceTST.like(model)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step(T):
        x = torch.rand(T, model.config.n_features)
        y = (
            model(x, Packing([T]))
            if kind == "ours"
            else model(x[None], torch.zeros(1, T, dtype=torch.bool))
        )
        y.mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    step(8)
    before = peak_mb()
    step(n_steps)
    print(json.dumps(peak_mb() - before))


def measured(kind, n_steps):
    """Return the rise in a fresh process, MB."""
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "1000000"}
    command = [sys.executable, "-m", "tst.study.benchmarks.memory", SIZE, kind, str(n_steps)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    if len(sys.argv) > 2:
        one(sys.argv[2], int(sys.argv[3]))
    else:
        ours, theirs = (measured(kind, N_STEPS) for kind in ("ours", "reference"))
        emit("memory_ratio_2500", ours / theirs, ours_mb=ours, reference_mb=theirs, n_steps=N_STEPS)
        for n in full((100, 400, 1600, 6400), (100, 200)):
            emit("peak_memory_mb", measured("ours", n), n_steps=n)
