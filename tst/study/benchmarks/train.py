"""Training: packed batches against the literal recipe on GCUT's lengths; FLOP rate at window 400 against a plain product."""

import shutil

import numpy as np
import torch

from tst.data import simulated
from tst.models import batches as packed_batches
from tst.models import scaling
from tst.models.batches import PackedBatches
from tst.models.transformer.config import training_flops
from tst.models.transformer.model import packed_mse
from tst.models.transformer.packing import Packing
from tst.study.benchmarks import reference
from tst.study.benchmarks.common import CONFIG, emit, full, matrix_rate, model_for, seconds
from tst.training.precision import cast, fastest

BATCH_SIZE = 64  # the paper's


def stepper(model, loss, precision="fp32"):
    """Return a function that makes one whole optimiser step on a batch."""
    optimizer = torch.optim.Adam(model.train().parameters(), lr=1e-4, fused=True)

    def step(batch):
        with cast(precision):
            value = loss(model, batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def backward(model, batch, precision):
    """Run forward and backward in a precision."""
    with cast(precision):
        value = packed_mse(model, batch)
    value.backward()


def literal(model, batch):
    """Loss of the literal recipe: the batch padded to the window, boolean masks."""
    series = [
        torch.cat([x, y[-1:]])
        for x, y in zip(
            batch.inputs.split(batch.lengths), batch.targets.split(batch.lengths), strict=True
        )
    ]
    inputs, targets, padding = reference.pad(series, CONFIG.context_length)
    return reference.loss(model(inputs, padding), targets, padding)


def against_reference():
    """Useful steps a second on the lengths of GCUT."""
    real = simulated.gcut(2000, seed=0)
    rows = packed_batches.add_flags(scaling.Normaliser.fit(real).normalise(real)[0], real.lengths)
    windows = packed_batches.window_lengths(real.lengths, CONFIG.context_length)
    batches = [PackedBatches(rows, windows, BATCH_SIZE, 0)(step) for step in range(6)]
    packings = [Packing(b.lengths) for b in batches]
    model = model_for(CONFIG.context_length)
    useful = np.mean([sum(b.lengths) for b in batches])
    precision, gain = fastest(lambda p: backward(model, batches[0], p))
    rates = {}
    for name in ("fp32", "bf16"):
        step = stepper(model, packed_mse, name)
        rates[name] = useful / seconds(lambda s=step: [s(b) for b in batches], 2) * len(batches)
    step = stepper(reference.ReferenceTST.like(model.train()), literal)
    reference_rate = sum(batches[0].lengths) / seconds(
        lambda: step(batches[0]), full(1, 2), warm=full(False, True)
    )
    detail = {
        "useful_steps_per_second": rates[precision],
        "reference": reference_rate,
        "precision": precision,
    }
    detail |= {"padding": 1 - sum(p.n_rows for p in packings) / sum(p.n_padded for p in packings)}
    emit("train_speedup", rates[precision] / reference_rate, **detail)
    emit(
        "train_speedup_fp32", rates["fp32"] / reference_rate, useful_steps_per_second=rates["fp32"]
    )
    emit("train_bf16_gain", gain, chosen=precision, model="paper")
    small = model_for(CONFIG.context_length, d_model=64, n_layer=3, d_ff=64, n_head=4)
    precision, gain = fastest(lambda p: backward(small, batches[0], p))
    emit("train_bf16_gain_small", gain, chosen=precision, model="d_model 64, 3 layers")


def flop_rate():
    """FLOP rate of whole steps on full windows, over the rate of a plain matrix product just before and after."""
    n, window = full(8, 4), CONFIG.context_length
    rows = np.random.default_rng(0).random((n * window, CONFIG.n_features), np.float32)
    batch = PackedBatches(rows, [window] * n, n, 0)(0)
    flops = training_flops(CONFIG, batch.lengths)
    for name, changes in (("", {}), ("_no_attention_dropout", {"attention_dropout": 0.0})):
        before = matrix_rate()
        step = stepper(model_for(window, **changes), packed_mse)
        rate = flops / seconds(lambda s=step: s(batch), full(4, 2))
        peak = max(before, matrix_rate())
        emit(
            f"matrix_rate_fraction{name}",
            rate / peak,
            gflop_per_second=rate / 1e9,
            matrix_gflop_per_second=peak / 1e9,
            precision="fp32",
        )
    step = stepper(model_for(window), packed_mse, "bf16")
    rate = flops / seconds(lambda: step(batch), 2)
    peak = matrix_rate("bf16")
    emit(
        "matrix_rate_fraction_bf16",
        rate / peak,
        gflop_per_second=rate / 1e9,
        matrix_gflop_per_second=peak / 1e9,
        precision="bf16",
    )


def compiled():
    """What torch.compile gives on the row-wise half of the blocks, and what it takes; attention is a fused kernel already."""
    if not shutil.which("g++"):
        return
    window = CONFIG.context_length
    rows = np.random.default_rng(0).random((full(8, 4) * window, CONFIG.n_features), np.float32)
    batch = PackedBatches(rows, [window] * full(8, 4), full(8, 4), 0)(0)
    model = model_for(window)
    step = stepper(model, packed_mse)
    plain = seconds(lambda: step(batch), 3)
    for block in model.backbone.blocks:
        block.feed_forward = torch.compile(block.feed_forward, dynamic=True)
    first = seconds(lambda: step(batch), 1, warm=False)
    fast = seconds(lambda: step(batch), 3)
    emit("compile_speedup", plain / fast, compile_seconds=first - fast)


if __name__ == "__main__":
    against_reference()
    flop_rate()
    full(compiled, lambda: None)()
