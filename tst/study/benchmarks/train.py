"""Training: packed batches against the literal recipe, and the FLOP rate of whole steps.

The recipe is compared on GCUT's lengths, the rate at window 400 with that of a plain product of
matrices.
"""

import shutil
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from tst.data import simulated
from tst.models.batches import Batch, PackedBatches, add_flags, window_lengths
from tst.models.scaling import Normaliser
from tst.models.transformer.config import training_flops
from tst.models.transformer.model import TST, packed_mse
from tst.models.transformer.packing import Packing
from tst.study.benchmarks import reference
from tst.study.benchmarks.common import Size, emit, matrix_rate, model_for, read_size, seconds
from tst.training.precision import cast, fastest

BATCH_SIZE = 64  # the paper's
N_BATCHES = 3
N_LITERAL = 8  # series of a batch that the literal recipe takes; padded, all cost the same
Step = Callable[[Batch], None]


def stepper(
    model: nn.Module, loss: Callable[[Any, Batch], torch.Tensor], precision: str = "fp32"
) -> Step:
    """Return a function that makes one whole optimiser step on a batch."""
    optimizer = torch.optim.Adam(model.train().parameters(), lr=1e-4, fused=True)

    def step(batch: Batch) -> None:
        with cast(precision):
            value = loss(model, batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def all_steps(step: Step, batches: list[Batch]) -> None:
    """Make one step on each batch."""
    for batch in batches:
        step(batch)


def backward(model: TST, batch: Batch, precision: str) -> None:
    """Run forward and backward in a precision."""
    with cast(precision):
        value = packed_mse(model, batch)
    value.backward()


def literal_loss(model: nn.Module, batch: Batch, window: int) -> torch.Tensor:
    """Return the loss of the literal recipe: series padded to the window, boolean masks."""
    inputs = batch.inputs.split(batch.lengths)
    targets = batch.targets.split(batch.lengths)
    series = [torch.cat([x, y[-1:]]) for x, y in zip(inputs, targets, strict=True)]
    padded_inputs, padded_targets, padding = reference.pad(series[:N_LITERAL], window)
    return reference.loss(model(padded_inputs, padding), padded_targets, padding)


def gcut_batches(window: int) -> list[Batch]:
    """Return batches of the paper's size on the lengths of simulated GCUT."""
    real = simulated.gcut(2000, seed=0)
    scaled = Normaliser.fit(real).normalise(real)[0]
    rows = add_flags(scaled, real.lengths)
    batches = PackedBatches(rows, window_lengths(real.lengths, window), BATCH_SIZE, 0)
    return [batches(step) for step in range(N_BATCHES)]


def full_windows(size: Size, n_windows: int) -> Batch:
    """Return one batch of windows without an end."""
    window = size.config.context_length
    shape = (n_windows * window, size.config.n_features)
    rows = np.random.default_rng(0).random(shape, np.float32)
    return PackedBatches(rows, np.full(n_windows, window), n_windows, 0)(0)


def against_reference(size: Size) -> None:
    """Useful steps a second on the lengths of GCUT."""
    window = size.config.context_length
    batches = gcut_batches(window)
    packings = [Packing(batch.lengths) for batch in batches]
    model = model_for(size, window)
    useful = float(np.mean([sum(batch.lengths) for batch in batches]))
    precision, gain = fastest(lambda p: backward(model, batches[0], p))
    rates = {}
    for name in ("fp32", "bf16"):
        run = partial(all_steps, stepper(model, packed_mse, name), batches)
        rates[name] = useful / seconds(run, 2) * len(batches)

    literal = reference.ReferenceTST.like(model.train())
    literal_step = stepper(literal, partial(literal_loss, window=window))
    literal_seconds = seconds(
        lambda: literal_step(batches[0]), size.pick(1, 2), warm=size.pick(False, True)
    )
    literal_rate = sum(batches[0].lengths) / (literal_seconds * BATCH_SIZE / N_LITERAL)
    n_rows = sum(packing.n_rows for packing in packings)
    n_padded = sum(packing.n_padded for packing in packings)
    emit(
        "train_speedup",
        rates[precision] / literal_rate,
        useful_steps_per_second=rates[precision],
        reference=literal_rate,
        precision=precision,
        padding=1 - n_rows / n_padded,
    )
    emit("train_speedup_fp32", rates["fp32"] / literal_rate, useful_steps_per_second=rates["fp32"])
    emit("train_bf16_gain", gain, chosen=precision, model="paper")
    small = model_for(size, window, d_model=64, n_layer=3, d_ff=64, n_head=4)
    precision, gain = fastest(lambda p: backward(small, batches[0], p))
    emit("train_bf16_gain_small", gain, chosen=precision, model="d_model 64, 3 layers")


def flop_rate(size: Size) -> None:
    """FLOP rate of whole steps on full windows, over a plain product's just before and after."""
    window = size.config.context_length
    batch = full_windows(size, size.pick(8, 4))
    flops = training_flops(size.config, batch.lengths)
    for name, changes in (("", {}), ("_no_attention_dropout", {"attention_dropout": 0.0})):
        before = matrix_rate(size)
        step = stepper(model_for(size, window, **changes), packed_mse)
        # The mark is held against the first, which is therefore measured more often.
        rate = flops / seconds(partial(step, batch), 2 if name else size.pick(4, 2))
        peak = max(before, matrix_rate(size))
        emit_fraction(f"matrix_rate_fraction{name}", rate, peak, "fp32")
    step = stepper(model_for(size, window), packed_mse, "bf16")
    rate = flops / seconds(partial(step, batch), 2)
    emit_fraction("matrix_rate_fraction_bf16", rate, matrix_rate(size, "bf16"), "bf16")


def emit_fraction(metric: str, rate: float, peak: float, precision: str) -> None:
    """Print a rate over that of the plain product, both in FLOP/s."""
    emit(
        metric,
        rate / peak,
        gflop_per_second=rate / 1e9,
        matrix_gflop_per_second=peak / 1e9,
        precision=precision,
    )


def compiled(size: Size) -> None:
    """What torch.compile gives on the row-wise half of the blocks, and what it takes.

    Attention is a fused kernel already.
    """
    if not shutil.which("g++"):
        return
    batch = full_windows(size, 2)
    model = model_for(size, size.config.context_length)
    step = stepper(model, packed_mse)
    plain = seconds(lambda: step(batch), 3)
    blocks: Any = model.backbone.blocks
    for block in blocks:
        block.feed_forward = torch.compile(block.feed_forward, dynamic=True)
    first = seconds(lambda: step(batch), 1, warm=False)
    fast = seconds(lambda: step(batch), 3)
    emit("compile_speedup", plain / fast, compile_seconds=first - fast)


def main(size: Size) -> None:
    """Measure; the compiler, which takes longer than all else, at full size only."""
    against_reference(size)
    flop_rate(size)
    if size.name == "full":
        compiled(size)


if __name__ == "__main__":
    main(read_size(sys.argv[1:]))
