"""Generation: a batch of 64 series through the cache against one series at a time with everything recomputed."""

import torch

from tst.models.transformer.generation import generate
from tst.study.benchmarks import reference
from tst.study.benchmarks.common import emit, full, model_for, seconds
from tst.training.precision import fastest

N_SERIES, N_STEPS = 64, full(550, 60)  # steps: the length of WWT


def main():
    """Measure; the literal loop makes one of the 64 series, which all cost the same, and is counted 64 times."""
    model = model_for(N_STEPS).eval()
    with torch.no_grad():
        model.output.bias[-2:] = torch.tensor([9.0, -9.0])  # no series ends before the cap
    seeds = torch.rand(N_SERIES, 2, model.config.n_features)
    literal = reference.ReferenceTST.like(model)
    reference_seconds = N_SERIES * seconds(
        lambda: reference.generate(literal, seeds[0], N_STEPS), 1, warm=False
    )
    ours = {
        p: seconds(lambda p=p: generate(model, seeds, N_STEPS, p), 1, warm=False)
        for p in ("fp32", "bf16")
    }
    precision, _ = fastest(lambda p: generate(model, seeds, 10, p))
    detail = {
        "seconds": ours[precision],
        "reference_seconds": reference_seconds,
        "precision": precision,
    }
    emit(
        "generate_speedup",
        reference_seconds / ours[precision],
        series_per_second=N_SERIES / ours[precision],
        **detail,
    )
    emit(
        "generate_speedup_fp32",
        reference_seconds / ours["fp32"],
        series_per_second=N_SERIES / ours["fp32"],
    )
    read = (
        2 * model.config.n_layer * model.config.d_model * 4 * N_SERIES * N_STEPS * (N_STEPS + 1) / 2
    )  # bytes of the cache
    big = torch.ones(full(100_000_000, 1_000_000))
    rate = big.numel() * 4 / seconds(big.sum, 3)
    weights = sum(p.numel() for p in model.parameters())
    a, w = (
        torch.randn(N_SERIES, 512, dtype=torch.bfloat16),
        torch.randn(512, 512, dtype=torch.bfloat16),
    )
    linear = 2 * N_SERIES * 512 * 512 / seconds(lambda: a @ w, 50)
    bound = read / rate + 2 * weights * N_SERIES * N_STEPS / linear
    emit(
        "generate_speedup_bound",
        reference_seconds / bound,
        memory_gb_per_second=rate / 1e9,
        cache_gb_read=read / 1e9,
    )


if __name__ == "__main__":
    main()
