"""Generation: cached decoding in batches, each series stopping by its own flags or at a cap.

The paper's recipe: start from 2 real steps of a donor series, feed back the model's own output, stop when
flag2 >= flag1 (author's notebooks). A series therefore has at least 3 steps, even where its donor ended at 2.
Imports preprocess and series as well as the model, because the way back into a SeriesSet is part of generating.
"""

from dataclasses import replace

import numpy as np
import torch

from tst.models.batches import N_FLAGS, add_flags
from tst.models.transformer.backbone import KVCache
from tst.series import DataError
from tst.training.device import best_device
from tst.training.precision import cast, check, fastest

N_SEED_STEPS = 2
CACHE_BYTES = 2**30


@torch.no_grad()  # not inference_mode, in which autocast would convert the weights again at each step
def generate(model, seeds, max_steps, precision="fp32", stop_at=None):
    """Continue each seed until its flags say that it ends.

    Parameters
    ----------
    model
        `TST` in evaluation mode; its last two outputs are the generation flags.
    seeds
        float, shape (B, T, n_features + 2): normalised first steps with flags, T >= 1.
    max_steps
        Longest series, seed included; at most the model's context_length.
    precision
        Of the matrix products: fp32, or bf16 (a model in float32 only). Cache and attention stay in the seeds' type.
    stop_at
        int64, shape (B,), each more than T: lengths that are given instead of read from the flags.

    Returns
    -------
    values
        float, shape (B, max_steps, n_features + 2): seed and continuation; zero after the end.
    lengths
        int64, shape (B,).
    """
    B, T, C = seeds.shape
    if not T <= max_steps <= model.config.context_length:
        raise ValueError(
            f"max_steps is {max_steps}; it must lie between {T} and {model.config.context_length}."
        )
    values = seeds.new_zeros(B, max_steps, C)
    values[:, :T] = seeds
    lengths = torch.full((B,), max_steps, dtype=torch.int64, device=seeds.device)
    with cast(precision, seeds.device):
        _decode(model, values, lengths, T, stop_at)
    return values, lengths


def _decode(model, values, lengths, T, stop_at):
    """Fill `values` (B, max_steps, C) from step T on, and `lengths` where a series ends before the cap."""
    B, max_steps, _ = values.shape
    cache = KVCache(model.config, B, max_steps, values.dtype, values.device)
    alive = torch.arange(
        B, device=values.device
    )  # rows of `values` that the rows of the cache stand for
    x = model.prefill(values[:, :T], cache)
    for t in range(T, max_steps):
        values[alive, t] = x
        ended = x[:, -1] >= x[:, -2] if stop_at is None else stop_at[alive] == t + 1
        if ended.any():
            lengths[alive[ended]] = t + 1
            going = (~ended).nonzero().flatten()
            if len(going) == 0:
                break
            alive, x = alive[going], x[going]
            cache.keep(going)
        if t + 1 < max_steps:
            x = model.decode(x, cache)


def from_donors(model, donors, normaliser, max_steps, key, precision="fp32", oracle=False):
    """Return one synthetic series for each donor: its first two steps, attributes and (per-series) scale, then the model.

    Parameters
    ----------
    model
        `TST` in evaluation mode with n_features + 2 channels; moved to the GPU where there is one.
    donors
        Real `SeriesSet`, each series >= 2 steps.
    normaliser
        The one the model was trained with.
    max_steps
        Cap of the length.
    key
        Name of the generator, the `model` of the result.
    precision
        fp32, bf16, or auto: the faster of the two, measured on the first steps.
    oracle
        Stop each series at its donor's true length (at least 3, at most max_steps) instead of by its flags.
    """
    check(precision)
    short = int((donors.lengths < N_SEED_STEPS).sum())
    if short:
        raise DataError(
            f"{short} of the {len(donors)} donor series of '{donors.name}' have fewer than {N_SEED_STEPS} steps; "
            "leave them out: the recipe starts from 2 real steps."
        )
    device = best_device()
    scaled, loc, scale = normaliser.normalise(donors)
    rows = torch.from_numpy(add_flags(scaled, donors.lengths))
    first = torch.from_numpy(donors.offsets[:-1])
    seeds = torch.stack([rows[first + step] for step in range(N_SEED_STEPS)], dim=1).to(device)
    stop_at = (
        torch.from_numpy(donors.lengths).clamp(N_SEED_STEPS + 1, max_steps).to(device)
        if oracle
        else None
    )
    values, lengths = _in_batches(model.to(device), seeds, max_steps, precision, stop_at)
    observed = torch.arange(max_steps) < lengths[:, None]
    flat = values[observed][:, :-N_FLAGS].numpy()
    lengths = lengths.numpy()
    return replace(
        donors, values=normaliser.inverse(flat, lengths, loc, scale), lengths=lengths, model=key
    )


def _in_batches(model, seeds, max_steps, precision, stop_at):
    """Generate in batches whose cache fits CACHE_BYTES; return values and lengths on the CPU."""
    config = model.config
    per_series = 2 * config.n_layer * config.d_model * max_steps * seeds.element_size()
    size = max(1, CACHE_BYTES // per_series)
    batches = seeds.split(size)
    ends = [None] * len(batches) if stop_at is None else stop_at.split(size)
    if precision == "auto":
        steps = min(max_steps, seeds.shape[1] + 8)
        precision, gain = fastest(lambda p: generate(model, batches[0], steps, p), seeds.device)
        print(f"bf16 runs {gain:.2f} times as fast as fp32 on this machine; taking {precision}.")
    parts = [
        generate(model, part, max_steps, precision, end)
        for part, end in zip(batches, ends, strict=True)
    ]
    values, lengths = (torch.cat(column).cpu() for column in zip(*parts, strict=True))
    return values, lengths


def copied_share(synthetic, n_seed_steps=N_SEED_STEPS):
    """Return the share of a set's steps that are real seed steps (weak point W1)."""
    return float(np.minimum(synthetic.lengths, n_seed_steps).sum() / synthetic.lengths.sum())
