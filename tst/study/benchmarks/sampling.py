"""Sampling of the small models of the study: series a second, and what each remedy gives.

The model is that of notebook 10 on WWT, the data are simulated; untrained, for weights cost the
same whatever they are.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast
from unittest import mock

import torch

from tst.data import simulated
from tst.io import native
from tst.models.attributes import attribute_sizes
from tst.models.base import Generator
from tst.models.batches import N_FLAGS
from tst.models.doppelganger import model as doppelganger
from tst.models.transformer import generative, sampling
from tst.models.transformer.batches import clock
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.decoder import start
from tst.models.transformer.generative import GenerativeTST
from tst.models.transformer.packing import Packing
from tst.series import SeriesSet
from tst.study.benchmarks.common import Size, emit, read_size, seconds
from tst.training.config import TrainConfig
from tst.training.timing import wall_seconds

N_SERIES = 1733  # in the training half of WWT
N_STEPS = 550  # of each
N_LITERAL = 16  # series of the literal loop, which all cost the same
OURS = GenerativeConfig(
    n_features=1,
    d_model=64,
    n_head=4,
    n_layer=3,
    d_ff=128,
    dropout=0.0,
    attention_dropout=0.0,
    context_length=553,
    patch=7,
)


def untrained(config: GenerativeConfig, real: SeriesSet) -> GenerativeTST:
    """Return a model of these sizes that knows how the series are encoded."""
    torch.manual_seed(0)
    model = generative.prepare(config, real, TrainConfig(max_steps=1)).model
    return cast(GenerativeTST, model.eval())


@torch.no_grad()
def literal(model: GenerativeTST, n_series: int, n_tokens: int) -> torch.Tensor:
    """Sample series of one measurement in the most literal form.

    All tokens so far go through all blocks for each token, all numbers of a token through the head
    for each of them.

    Returns
    -------
    float, (n_series, n_tokens * patch): values in data units.
    """
    generator = torch.Generator().manual_seed(0)
    encoder = sampling.encoder_of(model)
    head = model.head
    series = start(model, encoder, sampling.draw_attributes(model, n_series, generator), None, None)
    recent = torch.zeros(n_series, 1, model.n_recent)
    values = []
    for t in range(1, n_tokens + 1):
        is_start = torch.arange(t).repeat(n_series) == 0
        of_rows = torch.arange(n_series).repeat_interleave(t)
        conditions = series.conditions.take(of_rows)
        left = clock(torch.arange(t).repeat(n_series), series.n_steps[of_rows])
        codes = model.codes(torch.zeros(len(left), 0, dtype=torch.int64))  # no calendar
        embedded = model.embed(recent.flatten(0, 1), is_start, left, conditions, codes)
        modulation = series.conditions.of_blocks(of_rows)
        h = model.backbone(embedded, Packing([t] * n_series), modulation)
        context = model.context(h, conditions, codes).view(n_series, t, -1)[:, -1]
        before = model.seen(recent[:, -1], torch.full((n_series,), t == 1))
        encoded = torch.zeros(n_series, head.ends[-1])
        for d in range(len(head.variables)):
            out, base = head.outputs(context, before, encoded)
            number = slice(d, d + 1)
            distribution = head.continuous(out[:, number], base[:, number], head.bin_edges[number])
            z = distribution.sample(torch.rand(n_series, 1, 2, generator=generator))[:, 0]
            scaling = series.loc[:, 0], series.scale[:, 0]
            values.append(encoder.rounded_to_support(0, z, *scaling))
            encoded[:, head.starts[d]] = encoder.scaled_values(0, values[-1], *scaling)
        recent = torch.cat([recent, encoded[:, None]], dim=1)
    return torch.stack(values, dim=1)


def speedups(size: Size, real: SeriesSet) -> None:
    """Compare with the literal loop, and with the same sampler without compiled code."""
    n = size.pick(N_SERIES, 32)
    model = untrained(OURS, real)
    n_tokens = size.pick(N_STEPS, 21) // OURS.patch
    sample = partial(model.sample, n, max_steps=n_tokens * OURS.patch)
    ours = seconds(sample, 2) / n
    reference = wall_seconds(partial(literal, model, N_LITERAL, n_tokens)) / N_LITERAL
    emit("wwt_sampling_speedup", reference / ours, series_per_second=1 / ours, n_series=n)
    with mock.patch.object(native, "library", return_value=None):
        plain = seconds(sample, 1) / n
    emit("wwt_sampling_speedup_of_compiled_code", plain / ours, series_per_second=1 / plain)


def rates(size: Size, real: SeriesSet) -> None:
    """Series a second by width, steps and series in a batch; each the study's but for one."""
    n = size.pick(256, 8)
    steps = size.pick(N_STEPS, 21)
    metric = "sample_series_per_second_by"
    for width in size.pick((32, 64, 128, 256), (32, 64)):
        model = untrained(replace(OURS, d_model=width, d_ff=2 * width), real)
        emit(f"{metric}_width", rate(partial(model.sample, n, max_steps=steps), n), x=width)
    model = untrained(OURS, real)
    for length in size.pick((70, 140, 280, 550), (7, 21)):
        emit(f"{metric}_length", rate(partial(model.sample, n, max_steps=length), n), x=length)
    for batch in size.pick((1, 16, 64, 256, 1733), (1, 8)):
        sample = partial(model.sample, batch, max_steps=steps)
        emit(f"{metric}_series", rate(sample, batch), x=batch)


def rate(sample: Callable[[], SeriesSet], n_series: int) -> float:
    """Return series a second."""
    return n_series / seconds(sample, 2)


def against_doppelganger(size: Size, real: SeriesSet) -> None:
    """Compare steps a second with DG's, which makes many steps of a series at once."""
    n = size.pick(N_SERIES, 32)
    config = doppelganger.DGConfig(
        n_features=1,
        attributes=attribute_sizes(real),
        max_steps=int(real.lengths.max()),
        sample_len=11,
        log=True,
        per_series=True,
        auxiliary=True,
    )
    torch.manual_seed(0)
    untrained_gan = doppelganger.prepare(config, real, TrainConfig(max_steps=1)).model.eval()
    gan = cast(doppelganger.DoppelGANger, untrained_gan)
    with torch.no_grad():  # no series ends before the cap: the first flag is far above the second
        gan.output.bias.view(config.sample_len, -1)[:, -N_FLAGS:] = torch.tensor([9.0, -9.0])
    generators: dict[str, Generator] = {"ours": untrained(OURS, real), "dg": gan}
    steps_per_second = {}
    for name, generator in generators.items():
        sample = partial(generator.sample, n, seed=0)
        n_steps = int(sample().lengths.sum())
        steps_per_second[name] = n_steps / seconds(sample, 2, warm=False)
    emit(
        "doppelganger_over_ours_sampling",
        steps_per_second["dg"] / steps_per_second["ours"],
        n_series=n,
        steps_per_second=steps_per_second["ours"],
    )


def main(size: Size) -> None:
    """Measure all."""
    real = simulated.wwt(size.pick(256, 32), seed=0)
    speedups(size, real)
    rates(size, real)
    against_doppelganger(size, real)


if __name__ == "__main__":
    main(read_size(sys.argv[1:]))
