"""Generation: a batch of 64 series through the cache, against one at a time with all recomputed."""

import sys
from functools import partial

import torch

from tst.models.transformer.generation import generate
from tst.study.benchmarks import reference
from tst.study.benchmarks.common import Size, emit, model_for, never_end, read_size, seconds
from tst.training.precision import fastest

N_SERIES = 64
EVERY = 10  # of the literal loop's steps one in so many is timed, spread over its whole length
PRECISIONS = ("fp32", "bf16")


def main(size: Size) -> None:
    """Measure, and compare with the bound that memory and matrix products set."""
    n_steps = size.pick(550, 60)  # the length of WWT
    model = never_end(model_for(size, n_steps).eval())
    seeds = torch.rand(N_SERIES, 2, model.config.n_features)
    literal = reference.ReferenceTST.like(model)

    # The literal loop makes one of the 64 series, which all cost the same.
    reference_seconds = N_SERIES * literal_seconds(literal, seeds.shape[1], n_steps)
    ours = {
        p: seconds(partial(generate, model, seeds, n_steps, p), 1, warm=False) for p in PRECISIONS
    }
    precision, _ = fastest(lambda p: generate(model, seeds, 10, p))
    emit(
        "generate_speedup",
        reference_seconds / ours[precision],
        series_per_second=N_SERIES / ours[precision],
        seconds=ours[precision],
        reference_seconds=reference_seconds,
        precision=precision,
    )
    emit(
        "generate_speedup_fp32",
        reference_seconds / ours["fp32"],
        series_per_second=N_SERIES / ours["fp32"],
    )

    # At step t each series reads t keys and t values of 4-byte numbers in every layer.
    n_read = N_SERIES * n_steps * (n_steps + 1) / 2
    cache_bytes = 2 * model.config.n_layer * model.config.d_model * 4 * n_read
    memory_rate = bytes_per_second(size)
    n_weights = sum(p.numel() for p in model.parameters())
    products = 2 * n_weights * N_SERIES * n_steps
    bound = cache_bytes / memory_rate + products / linear_rate()
    emit(
        "generate_speedup_bound",
        reference_seconds / bound,
        memory_gb_per_second=memory_rate / 1e9,
        cache_gb_read=cache_bytes / 1e9,
    )


@torch.no_grad()
def literal_seconds(literal: reference.ReferenceTST, first: int, n_steps: int) -> float:
    """Return the seconds of the literal loop on a series, from `first` steps to `n_steps`.

    A step computes all steps so far anew, so that its cost changes slowly with their number: one in
    EVERY is timed, in the middle of those that it stands for.
    """
    x = torch.rand(1, n_steps, literal.config.n_features)
    n_literal_steps = n_steps - first
    timed = range(first + EVERY // 2, n_steps, EVERY)

    def steps() -> None:
        """Take the steps that are timed."""
        for n in timed:
            literal(x[:, :n], torch.zeros(1, n, dtype=torch.bool))

    return seconds(steps, 1, warm=False) * n_literal_steps / len(timed)


def bytes_per_second(size: Size) -> float:
    """Return how fast memory is read: the sum of a large array."""
    big = torch.ones(size.pick(100_000_000, 1_000_000))
    return big.numel() * 4 / seconds(big.sum, 3)


def linear_rate() -> float:
    """Return the rate of a linear layer of width 512 on the batch in bf16, FLOP/s."""
    a = torch.randn(N_SERIES, 512, dtype=torch.bfloat16)
    w = torch.randn(512, 512, dtype=torch.bfloat16)
    return 2 * N_SERIES * 512 * 512 / seconds(lambda: a @ w, 50)


if __name__ == "__main__":
    main(read_size(sys.argv[1:]))
