"""Draws the steps of series one token after another, from the start token to their end.

What was drawn last is rounded and bounded in data units before it is fed back, so that the model
sees what the reader gets.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from tst.models.transformer.backbone import KVCache
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.variables import encode
from tst.series import ceil_div

if TYPE_CHECKING:
    from tst.models.transformer.generative import GenerativeTST


@dataclass(frozen=True, kw_only=True)
class Unfinished:
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

    def keep(self, rows: torch.Tensor) -> "Unfinished":
        """Return those series of `rows`, int64 (n_kept,)."""
        return Unfinished(
            index=self.index[rows],
            conditions=self.conditions[rows],
            loc=self.loc[rows],
            scale=self.scale[rows],
            recent=self.recent[rows],
            previous=self.previous[rows],
            prefix=None if self.prefix is None else self.prefix[rows],
        )


def start(
    model: "GenerativeTST",
    encoder: SeriesEncoder,
    attributes: torch.Tensor,
    prefix: torch.Tensor | None,
) -> Unfinished:
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
    return Unfinished(
        index=torch.arange(B, device=device),
        conditions=conditions,
        loc=torch.from_numpy(loc.astype(np.float32)).to(device),
        scale=torch.from_numpy(scale.astype(np.float32)).to(device),
        recent=torch.zeros(B, model.n_recent, device=device),
        previous=torch.full((B, encoder.n_features), torch.nan, device=device),
        prefix=prefix,
    )


class Decoder:
    """Draws series from the start token to their end, a token at a time."""

    def __init__(
        self, model: "GenerativeTST", encoder: SeriesEncoder, generator: torch.Generator
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.generator = generator
        self.patch = model.config.patch

    def run(
        self, unfinished: Unfinished, cap: int, stop_at: torch.Tensor | None
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
        self, unfinished: Unfinished, cache: KVCache, first: int
    ) -> tuple[Unfinished, torch.Tensor, torch.Tensor]:
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
                channels = encode([head.variables[d]], z[:, None], repeat[:, None])  # (B, width)
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
        self, unfinished: Unfinished, f: int, z: torch.Tensor, repeat: torch.Tensor, step: int
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
