"""Series without a real step: attributes are drawn first, then steps until the hazard says stop.

No real value enters a sample; each series is a function of the weights, the encoder and the seed.
What was drawn last is rounded and bounded in data units before it is fed back, so that the model
sees what the reader gets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from tst.errors import DataError
from tst.models.transformer.backbone import KVCache
from tst.models.transformer.batches import TokenBatches
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.packing import Packing
from tst.models.transformer.tokens import attribute_target
from tst.models.transformer.variables import encode
from tst.series import SeriesSet, ceil_div
from tst.training.device import best_device

if TYPE_CHECKING:
    from tst.models.transformer.generative import GenerativeTST

CACHE_BYTES = 2**30  # of keys and values; series that need more are generated in parts
BYTES = 4  # of a float32


@torch.no_grad()
def sample(
    model: "GenerativeTST",
    n_series: int,
    seed: int = 0,
    max_steps: int | None = None,
    attributes: pd.DataFrame | None = None,
    lengths: np.ndarray | None = None,
    donors: SeriesSet | None = None,
    prefix: np.ndarray | None = None,
) -> SeriesSet:
    """Return `n_series` synthetic series.

    Parameters
    ----------
    model
        With its encoder; moved to the GPU where there is one, in evaluation mode.
    max_steps
        Cap of the length; default: the longest training series.
    attributes
        Table of n_series rows whose columns are given instead of drawn; a series' own loc and scale
        are still drawn.
    lengths
        int, (n_series,): lengths that are given instead of drawn.
    donors
        n_series real series whose attributes, loc and scale are taken (an ablation).
    prefix
        float, (n_series, n, n_features): real steps that samples begin with (an ablation: with it
        real values do enter).

    Raises
    ------
    DataError
        Where a given attribute is unknown to the model.
    """
    encoder = encoder_of(model)
    device = best_device()
    model.to(device).eval()
    generator = torch.Generator(device).manual_seed(seed)
    cap = encoder.fixed_length or max_steps or encoder.longest
    if max_steps is not None:
        cap = min(cap, max_steps)
    drawn = draw_attributes(model, n_series, generator, attributes, donors)
    given_steps = None
    if prefix is not None:
        given_steps = torch.as_tensor(prefix, dtype=torch.float32, device=device)
    stop_at = None
    if lengths is not None:
        stop_at = torch.as_tensor(np.minimum(lengths, cap), device=device)
    decoder = _Decoder(model, encoder, generator)
    values, drawn_lengths = _in_parts(decoder, drawn, cap, given_steps, stop_at)
    codes = drawn[:, : len(encoder.categories)].long().cpu().numpy()
    return encoder.to_series(values, drawn_lengths, codes, model.key)


def _in_parts(
    decoder: "_Decoder",
    attributes: torch.Tensor,
    cap: int,
    prefix: torch.Tensor | None,
    stop_at: torch.Tensor | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return values and lengths of series of these attributes, in parts that CACHE_BYTES hold."""
    model = decoder.model
    n_tokens = ceil_div(cap, model.config.patch)
    series_bytes = 2 * model.config.n_layer * model.config.d_model * n_tokens * BYTES
    size = max(1, CACHE_BYTES // series_bytes)
    values = []
    lengths = []
    for first in range(0, len(attributes), size):
        part = slice(first, first + size)
        unfinished = _start(
            model, decoder.encoder, attributes[part], None if prefix is None else prefix[part]
        )
        part_values, part_lengths = decoder.run(
            unfinished, cap, None if stop_at is None else stop_at[part]
        )
        values.append(part_values)
        lengths.append(part_lengths)
    return np.concatenate(values), np.concatenate(lengths)


def encoder_of(model: "GenerativeTST") -> SeriesEncoder:
    """Return a model's encoder; raises DataError where it has none."""
    if model.encoder is None:
        raise DataError(
            "this GenerativeTST does not know how its data were encoded: train it on a series set "
            "first."
        )
    return model.encoder


def draw_attributes(
    model: "GenerativeTST",
    n_series: int,
    generator: torch.Generator,
    given: pd.DataFrame | None = None,
    donors: SeriesSet | None = None,
) -> torch.Tensor:
    """Return attributes as the model reads them.

    Parameters
    ----------
    given
        Table of n_series rows whose columns are taken instead of drawn.
    donors
        Series whose attributes are taken, all of them.

    Returns
    -------
    float, (n_series, n_attributes): codes, then standardised locs and log scales.
    """
    encoder = encoder_of(model)
    if donors is not None:
        return attribute_target(encoder, donors).value.to(generator.device)
    ones = torch.ones(n_series, 1, device=generator.device)
    values = ones[:, :0]
    if not model.spec.attributes:
        return values
    head = model.attribute_head
    names = list(encoder.categories)
    past = head.begin(ones, ones[:, :0])
    encoded = ones[:, :0]
    for d, variable in enumerate(head.variables):
        out, base = head.chain_step(d, past, encoded)
        # Drawn where it is given, too, so that the others do not depend on what is given.
        value, _ = head.draw(d, out, base, generator)
        if given is not None and d < len(names) and names[d] in given:
            value = _codes(encoder, names[d], given[names[d]]).to(value)
        elif variable.kind == "continuous":
            edges = head.bin_edges[d]
            value = value.clamp(edges[0], edges[-1])
        value = value[:, None]
        values = torch.cat([values, value], dim=1)
        encoded = torch.cat([encoded, encode([variable], value, torch.zeros_like(value))], dim=1)
    return values


def _codes(encoder: SeriesEncoder, name: str, column: Sequence[object]) -> torch.Tensor:
    """Return the codes of given values of an attribute, float32 (n_series,)."""
    known = [str(value) for value in encoder.categories[name]]
    unknown = sorted({str(value) for value in column} - set(known))
    if unknown:
        raise DataError(
            f"attribute '{name}' is '{unknown[0]}'; the model knows {', '.join(known)}."
        )
    return torch.tensor([known.index(str(value)) for value in column], dtype=torch.float32)


@dataclass(frozen=True, kw_only=True)
class _Unfinished:
    """Series that have not ended yet: what each of these B needs to draw its next token.

    Parameters
    ----------
    index
        int64, (B,): which series of the part they are.
    conditions
        float, (B, n_conditions): encoded attributes.
    loc, scale
        float32, (B, n_features): how each is scaled.
    recent
        float, (B, n_recent): encoding of the token before.
    previous
        float, (B, n_features): values of the step before in data units, NaN before the first.
    prefix
        float, (B, n, n_features): steps that are given, or None.
    """

    index: torch.Tensor
    conditions: torch.Tensor
    loc: torch.Tensor
    scale: torch.Tensor
    recent: torch.Tensor
    previous: torch.Tensor
    prefix: torch.Tensor | None

    def keep(self, rows: torch.Tensor) -> "_Unfinished":
        """Return those series of `rows`, int64 (n_kept,)."""
        return _Unfinished(
            index=self.index[rows],
            conditions=self.conditions[rows],
            loc=self.loc[rows],
            scale=self.scale[rows],
            recent=self.recent[rows],
            previous=self.previous[rows],
            prefix=None if self.prefix is None else self.prefix[rows],
        )


def _start(
    model: "GenerativeTST",
    encoder: SeriesEncoder,
    attributes: torch.Tensor,
    prefix: torch.Tensor | None,
) -> _Unfinished:
    """Return series without a step, of these attributes (B, n_attributes)."""
    B = len(attributes)
    device = attributes.device
    conditions = attributes
    if model.spec.attributes:
        conditions = encode(model.spec.attributes, attributes, torch.zeros_like(attributes))
    if encoder.per_series:
        own = attributes[:, len(encoder.categories) :].cpu().numpy()
        loc, scale = encoder.from_standardised(own)
    else:
        loc = np.tile(encoder.loc, (B, 1))
        scale = np.tile(encoder.scale, (B, 1))
    return _Unfinished(
        index=torch.arange(B, device=device),
        conditions=conditions,
        loc=torch.from_numpy(loc.astype(np.float32)).to(device),
        scale=torch.from_numpy(scale.astype(np.float32)).to(device),
        recent=torch.zeros(B, model.n_recent, device=device),
        previous=torch.full((B, encoder.n_features), torch.nan, device=device),
        prefix=prefix,
    )


class _Decoder:
    """Draws series from the start token to their end, a token at a time."""

    def __init__(
        self, model: "GenerativeTST", encoder: SeriesEncoder, generator: torch.Generator
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.generator = generator
        self.patch = model.config.patch

    def run(
        self, unfinished: _Unfinished, cap: int, stop_at: torch.Tensor | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw all series to their end.

        Parameters
        ----------
        cap
            Longest series.
        stop_at
            int64, (B,): lengths that are given, or None.

        Returns
        -------
        Values float32 (sum of lengths, n_features), series after series, and lengths int64 (B,).
        """
        B = len(unfinished.index)
        device = unfinished.loc.device
        values = torch.zeros(B, cap, self.encoder.n_features, device=device)
        lengths = torch.full((B,), cap, dtype=torch.int64, device=device)
        if stop_at is not None:
            lengths = stop_at.clone()
        n_tokens = ceil_div(cap, self.patch)
        cache = KVCache(self.model.config, B, n_tokens, torch.float32, device)
        for first in range(0, cap, self.patch):
            unfinished, token, ends = self._next_token(unfinished, cache, first)
            n_steps = min(self.patch, cap - first)
            index = unfinished.index
            values[index, first : first + n_steps] = token[:, :n_steps]
            if stop_at is None:
                is_over = (ends >= 0) & (ends < n_steps)
                lengths[index[is_over]] = first + ends[is_over] + 1
            else:
                is_over = stop_at[index] <= first + self.patch
            if is_over.all():
                break
            if is_over.any() and first + self.patch < cap:
                going = (~is_over).nonzero().flatten()
                unfinished = unfinished.keep(going)
                cache.keep(going)
        observed = torch.arange(cap, device=device) < lengths[:, None]  # (B, cap)
        return values[observed].cpu().numpy(), lengths.cpu().numpy()

    def _next_token(
        self, unfinished: _Unfinished, cache: KVCache, first: int
    ) -> tuple[_Unfinished, torch.Tensor, torch.Tensor]:
        """Draw one token, whose first step is `first`.

        Returns
        -------
        unfinished
            The same series with this token as the one before.
        token
            float, (B, S, n_features): values in data units.
        ends
            int64, (B,): the step within the token that ends each series, or -1.
        """
        head = self.model.head
        B = len(unfinished.index)
        is_start = torch.full((B,), first == 0, device=unfinished.loc.device)
        embedded = self.model.embed(unfinished.recent, is_start, unfinished.conditions)
        h = self.model.backbone.decode(embedded, cache)
        past = head.begin(h, unfinished.recent)
        encoded = h.new_zeros(B, 0)
        ends = torch.full((B,), -1, dtype=torch.int64, device=h.device)
        steps = []
        for s in range(self.patch):
            values = []
            for f in range(self.encoder.n_features):
                d = s * len(self.model.spec.step) + f
                out, base = head.chain_step(d, past, encoded)
                z, repeat = head.draw(d, out, base, self.generator)
                value, z, repeat = self._settle(unfinished, f, z, repeat, first + s)
                values.append(value)
                channels = encode([head.variables[d]], z[:, None], repeat[:, None])
                encoded = torch.cat([encoded, channels], dim=1)
            if len(self.model.spec.step) > self.encoder.n_features:
                d = s * len(self.model.spec.step) + self.encoder.n_features
                out, base = head.chain_step(d, past, encoded)
                end, _ = head.draw(d, out, base, self.generator)
                ends = torch.where((ends < 0) & (end > 0), torch.full_like(ends, s), ends)
            steps.append(torch.stack(values, dim=1))
            unfinished = replace(unfinished, previous=steps[-1])
        return replace(unfinished, recent=encoded), torch.stack(steps, dim=1), ends

    def _settle(
        self, unfinished: _Unfinished, f: int, z: torch.Tensor, repeat: torch.Tensor, step: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Repeat, replace, or round and bound a draw of measurement f, as it must be.

        Parameters
        ----------
        z, repeat
            float and bool, (B,): what the head drew.

        Returns
        -------
        Value in data units, scaled value, repeat: (B,) each.
        """
        loc = unfinished.loc[:, f]
        scale = unfinished.scale[:, f]
        previous = unfinished.previous[:, f]
        if unfinished.prefix is not None and step < unfinished.prefix.shape[1]:
            value = unfinished.prefix[:, step, f]
            repeat = torch.zeros_like(repeat)
            if self.model.spec.step[f].repeats:
                repeat = value == previous
        else:
            rounded, _ = self.encoder.round_to_support(
                z[:, None], loc[:, None], scale[:, None], [f]
            )
            repeat = repeat & ~torch.isnan(previous)
            value = torch.where(repeat, previous, rounded[:, 0])
        encoder = self.encoder.feature_encoders[f]
        if encoder.n_categories:
            return value, value, repeat
        return value, (encoder.forward_tensor(value) - loc) / scale, repeat


@torch.no_grad()
def log_likelihood(model: "GenerativeTST", series: SeriesSet, batch_size: int = 64) -> np.ndarray:
    """Return the exact log p of each series given its attributes.

    Parameters
    ----------
    model
        With its encoder; moved to the GPU where there is one.
    batch_size
        Series at a time.

    Returns
    -------
    float64, (n_series,): nats a step, in the encoder's scale.
    """
    encoder = encoder_of(model)
    device = best_device()
    model.to(device)
    longest = int(series.lengths.max())
    whole = replace(model.config, context_length=longest + model.config.patch)
    batches = TokenBatches(series, encoder, model.spec, whole, batch_size, seed=0)
    order = np.argsort(-batches.lengths, kind="stable")
    log_probs = np.empty(len(series))
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        batch = batches.collate(chosen, step_weight=1.0, series_weight=1.0).to(device)
        numbers, _ = model(batch, Packing(batch.lengths, device=device))
        tokens = (numbers * batch.weight).sum(1).float()
        total = torch.zeros(len(chosen), device=device).index_add_(0, batch.series, tokens)
        log_probs[chosen] = total.cpu().numpy() / series.lengths[chosen]
    return log_probs
