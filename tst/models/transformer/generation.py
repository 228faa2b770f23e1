"""The paper's way to generate: continue the first two real steps of a donor series.

The model's own output is fed back until flag2 >= flag1 (as in the author's notebooks of arXiv
2506.07312) or a cap is reached; a series therefore has at least 3 steps, even where its donor ended
at 2. We decode in batches with a cache, which gives the same series (tested).
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from tst.errors import DataError
from tst.models.batches import N_FLAGS, add_flags
from tst.models.scaling import Normaliser
from tst.models.transformer import newest
from tst.models.transformer.backbone import CACHE_BYTES, DROPPED_SHARE, KVCache, cache_bytes
from tst.series import SeriesSet
from tst.training.device import best_device
from tst.training.precision import cast, check, fastest

if TYPE_CHECKING:
    from tst.models.transformer.model import TST

N_CONDITIONING = 2  # real steps that a series begins with
N_TRIAL_STEPS = 8  # on which the faster precision is measured


@torch.no_grad()  # not inference_mode, in which autocast would convert the weights at each step
def generate(
    model: "TST",
    conditioning: torch.Tensor,
    max_steps: int,
    precision: str = "fp32",
    stop_at: torch.Tensor | None = None,
    at_least: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Continue each series until its flags say that it ends.

    Parameters
    ----------
    model
        In evaluation mode; its last two outputs are the generation flags.
    conditioning
        float, (B, T, n_features + 2): scaled first steps with flags, T >= 1.
    max_steps
        Longest series, conditioning included; at most the model's context_length.
    precision
        Of the matrix products: fp32, or bf16 (a model in float32 only). Cache and attention stay
        in the type of `conditioning`.
    stop_at
        int64, (B,), each more than T: lengths that are given instead of read from the flags.
    at_least
        int64, (B,): steps to which each series goes on where its flags end it before; `lengths`
        are the flags' all the same.

    Returns
    -------
    values
        float, (B, max_steps, n_features + 2): conditioning and continuation; zero after the end.
    lengths
        int64, (B,).
    """
    B, T, C = conditioning.shape
    if not T <= max_steps <= model.config.context_length:
        raise ValueError(
            f"max_steps is {max_steps}; it must lie between {T} and {model.config.context_length}."
        )
    values = conditioning.new_zeros(B, max_steps, C)
    values[:, :T] = conditioning
    lengths = torch.full((B,), max_steps, dtype=torch.int64, device=conditioning.device)
    if stop_at is not None:
        lengths = stop_at.clone()
    if at_least is None:
        at_least = torch.zeros_like(lengths)
    with cast(precision, conditioning.device):
        _decode(model, values, lengths, T, stop_at is None, at_least)
    observed = torch.arange(max_steps, device=values.device) < lengths.maximum(at_least)[:, None]
    return values * observed[..., None], lengths


def _decode(
    model: "TST",
    values: torch.Tensor,
    lengths: torch.Tensor,
    T: int,
    by_flags: bool,
    at_least: torch.Tensor,
) -> None:
    """Fill `values` from step T on and, by flags, `lengths` where a series ends before the cap.

    Parameters
    ----------
    values
        float, (B, max_steps, C), written in place; steps after the end may be written, too.
    lengths
        int64, (B,), written in place.
    """
    B, max_steps, _ = values.shape
    cache = KVCache(model.config, B, max_steps, values.dtype, values.device)
    alive = torch.arange(B, device=values.device)  # which rows of `values` the cache's rows are
    x = model.prefill(values[:, :T], cache)
    for t in range(T, max_steps):
        values[alive, t] = x
        if by_flags:
            ends = (x[:, -1] >= x[:, -2]) & (lengths[alive] > t)
            lengths[alive[ends]] = t + 1
        is_going = lengths.maximum(at_least)[alive] > t + 1
        n_going = int(is_going.sum())
        if n_going == 0:
            break
        # Those that are over go on, unread, until leaving them out pays for the copy.
        if n_going <= (1 - DROPPED_SHARE) * len(alive):
            going = is_going.nonzero().flatten()
            alive = alive[going]
            x = x[going]
            cache.keep(going)
        if t + 1 < max_steps:
            x = model.decode(x, cache)


def from_donors(
    model: "TST",
    donors: SeriesSet,
    scaling: Normaliser,
    max_steps: int,
    key: str,
    precision: str = "fp32",
    oracle: bool = False,
) -> SeriesSet:
    """Return one synthetic series for each donor.

    The donor gives its first two steps, its attributes and (per-series) scale, the model the rest.

    Parameters
    ----------
    model
        In evaluation mode, with n_features + 2 channels; moved to the GPU where there is one.
    donors
        Real series of 2 steps or more.
    scaling
        The one that the model was trained with.
    max_steps
        Cap of the length.
    key
        Name of the generator, the `model` of the result.
    precision
        fp32, bf16, or auto: the faster of the two, measured on the first steps.
    oracle
        Stop each series at its donor's true length (at least 3, at most max_steps) instead of by
        its flags.

    Raises
    ------
    DataError
        Where a donor has fewer than 2 steps.
    """
    stop_at = _true_lengths(donors, max_steps) if oracle else None
    scaled = scaling.normalise(donors)
    values, lengths = _continued(model, donors, scaled[0], max_steps, precision, stop_at, None)
    return _as_series(values, lengths, donors, scaling, scaled[1:], key)


def both_ends(
    model: "TST",
    donors: SeriesSet,
    scaling: Normaliser,
    max_steps: int,
    keys: tuple[str, str],
    precision: str = "fp32",
) -> tuple[SeriesSet, SeriesSet]:
    """Return what `from_donors` does by flags, and as an oracle, for little more than one of both.

    The recipe is not random: both are the same series, cut at two places.

    Parameters
    ----------
    keys
        Names of the two generators.

    The other parameters are those of `from_donors`.
    """
    true_lengths = _true_lengths(donors, max_steps)
    scaled = scaling.normalise(donors)
    values, lengths = _continued(model, donors, scaled[0], max_steps, precision, None, true_lengths)
    by_flags = _as_series(values, lengths, donors, scaling, scaled[1:], keys[0])
    return by_flags, _as_series(values, true_lengths, donors, scaling, scaled[1:], keys[1])


def _true_lengths(donors: SeriesSet, max_steps: int) -> torch.Tensor:
    """Return the donors' lengths, at least one generated step, at most the cap, int64 (B,)."""
    return torch.from_numpy(donors.lengths).clamp(N_CONDITIONING + 1, max_steps)


def _continued(
    model: "TST",
    donors: SeriesSet,
    scaled: np.ndarray,
    max_steps: int,
    precision: str,
    stop_at: torch.Tensor | None,
    at_least: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what `generate` does of the donors' first steps, scaled (rows, F), on the CPU."""
    check(precision)
    n_short = int((donors.lengths < N_CONDITIONING).sum())
    if n_short:
        raise DataError(
            f"{n_short} of the {len(donors)} donor series of '{donors.name}' have fewer than "
            f"{N_CONDITIONING} steps; leave them out: the recipe starts from 2 real steps."
        )
    device = best_device()
    conditioning = _first_steps(add_flags(scaled, donors.lengths), donors.offsets[:-1])
    given = [None if n is None else n.to(device) for n in (stop_at, at_least)]
    return _in_batches(model.to(device), conditioning.to(device), max_steps, precision, *given)


def _as_series(
    values: torch.Tensor,
    lengths: torch.Tensor,
    donors: SeriesSet,
    scaling: Normaliser,
    moments: tuple[np.ndarray, np.ndarray],
    key: str,
) -> SeriesSet:
    """Return scaled values (B, max_steps, C) up to these lengths (B,) as a SeriesSet.

    `moments` are the donors' loc and scale, as `scaling.normalise` returns them.
    """
    observed = torch.arange(values.shape[1]) < lengths[:, None]  # (B, max_steps)
    flat = values[observed][:, :-N_FLAGS].numpy()
    return replace(
        donors,
        values=scaling.inverse(flat, lengths.numpy(), *moments),
        lengths=lengths.numpy(),
        model=key,
        dates=None,
    )


def _first_steps(rows: np.ndarray, starts: np.ndarray) -> torch.Tensor:
    """Return the steps that each series begins with, (B, N_CONDITIONING, C), from rows (n, C)."""
    steps = starts[:, None] + np.arange(N_CONDITIONING)  # (B, N_CONDITIONING)
    return torch.from_numpy(rows[steps])


def _in_batches(
    model: "TST",
    conditioning: torch.Tensor,
    max_steps: int,
    precision: str,
    stop_at: torch.Tensor | None,
    at_least: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what `generate` does, on the CPU, in parts whose cache fits into CACHE_BYTES."""
    series_bytes = cache_bytes(model.config, max_steps, conditioning.dtype)
    size = max(1, CACHE_BYTES // series_bytes)
    is_stack = newest.takes_stack(model.backbone, conditioning.dtype, conditioning.device)
    if is_stack and precision == "fp32":
        # Few enough that the processor's own cache holds their keys and values.
        size = min(size, max(newest.ROWS, newest.FAST_BYTES // series_bytes))
    if precision == "auto":
        trial = conditioning[:size]
        n_steps = min(max_steps, conditioning.shape[1] + N_TRIAL_STEPS)
        precision, gain = fastest(
            lambda choice: generate(model, trial, n_steps, choice), conditioning.device
        )
        print(f"bf16 runs {gain:.2f} times as fast as fp32 on this machine; taking {precision}.")
    values = []
    lengths = []
    for first in range(0, len(conditioning), size):
        part = slice(first, first + size)
        given = [None if n is None else n[part] for n in (stop_at, at_least)]
        part_values, part_lengths = generate(
            model, conditioning[part], max_steps, precision, *given
        )
        values.append(part_values)
        lengths.append(part_lengths)
    return torch.cat(values).cpu(), torch.cat(lengths).cpu()


def copied_share(synthetic: SeriesSet, n_conditioning: int = N_CONDITIONING) -> float:
    """Return the share of a set's steps that are real conditioning steps (weak point W1)."""
    n_copied = np.minimum(synthetic.lengths, n_conditioning).sum()
    return float(n_copied / synthetic.lengths.sum())
