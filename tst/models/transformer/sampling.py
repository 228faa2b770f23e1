"""Series from nothing: attributes are drawn first, then steps from a learned start token, until the hazard says stop.

No real value enters a sample; each series is a function of the weights, the schema and the seed. What was drawn last is
rounded and bounded in data units before it is fed back, so that the model sees what the reader gets.
"""

from dataclasses import replace

import numpy as np
import torch

from tst.errors import DataError
from tst.models.transformer.backbone import KVCache
from tst.models.transformer.batches import TokenBatches
from tst.models.transformer.encoding import attribute_target
from tst.models.transformer.heads import encode
from tst.models.transformer.packing import Packing
from tst.training.device import best_device

CACHE_BYTES = 2**30


@torch.no_grad()
def sample(
    model,
    n_series,
    seed=0,
    max_steps=None,
    attributes=None,
    lengths=None,
    donors=None,
    prefix=None,
):
    """Return `n_series` synthetic series.

    Parameters
    ----------
    model
        `GenerativeTST` with its encoder; moved to the GPU where there is one, in evaluation mode.
    max_steps
        Cap of the length; default: the longest training series.
    attributes
        Table of n_series rows whose columns are given instead of drawn; levels are still drawn.
    lengths
        int, (n_series,): lengths that are given instead of drawn.
    donors
        `SeriesSet` of n_series real series whose attributes and levels are taken (an ablation).
    prefix
        float, (n_series, n, n_features): real steps that samples begin with (an ablation: with it real values do enter).

    Raises
    ------
    DataError
        Where a given attribute is unknown to the model.
    """
    schema = model.encoder
    device = best_device()
    model.to(device).eval()
    generator = torch.Generator(device).manual_seed(seed)
    cap = int(schema.fixed_length or max_steps or schema.longest)
    cap = min(cap, max_steps or cap)
    per_series = 2 * model.config.n_layer * model.config.d_model * -(-cap // model.config.patch) * 4
    size = max(1, CACHE_BYTES // per_series)
    drawn = draw_attributes(model, n_series, generator, attributes, donors)
    parts = []
    for first in range(0, n_series, size):
        chosen = slice(first, first + size)
        stop_at = (
            None
            if lengths is None
            else torch.as_tensor(np.minimum(lengths[chosen], cap), device=device)
        )
        begin = (
            None
            if prefix is None
            else torch.as_tensor(prefix[chosen], dtype=torch.float32, device=device)
        )
        parts.append(_Decoder(model, drawn[chosen], generator, begin).run(cap, stop_at))
    values, counts = np.concatenate([v for v, _ in parts]), np.concatenate([n for _, n in parts])
    return schema.to_series(
        values, counts, drawn[:, : len(schema.categories)].long().cpu().numpy(), model.key
    )


def draw_attributes(model, n_series, generator, given=None, donors=None):
    """Return attributes as the model reads them, (n_series, n_attributes): codes, then standardised levels."""
    schema = model.encoder
    if donors is not None:
        return attribute_target(schema, donors).value.to(generator.device)
    ones = torch.ones(n_series, 1, device=generator.device)
    if not model.spec.attributes:
        return ones[:, :0]
    head = model.attribute_head
    fixed = head.begin(ones, ones[:, :0])
    values, encoded = ones[:, :0], ones[:, :0]
    for d, dim in enumerate(head.dims):
        value, _ = head.draw(d, *head.chain_step(d, fixed, encoded), generator)
        name = list(schema.categories)[d] if d < len(schema.categories) else None
        if given is not None and name in given:
            value = _codes(schema, name, given[name]).to(value)
        elif dim.kind == "continuous":
            low, high = head.edges[d, 0], head.edges[d, -1]
            value = value.clamp(low, high)
        values = torch.cat([values, value[:, None]], dim=1)
        encoded = torch.cat(
            [encoded, encode([dim], value[:, None], torch.zeros_like(value[:, None]))], dim=1
        )
    return values


def _codes(schema, name, column):
    known = [str(v) for v in schema.categories[name]]
    unknown = sorted(set(map(str, column)) - set(known))
    if unknown:
        raise DataError(
            f"attribute '{name}' is '{unknown[0]}'; the model knows {', '.join(known)}."
        )
    return torch.tensor([known.index(str(v)) for v in column], dtype=torch.float32)


class _Decoder:
    """One batch of series on its way from the start token to the end."""

    def __init__(self, model, attributes, generator, prefix):
        schema = model.encoder
        self.model, self.schema, self.generator = model, schema, generator
        self.S, self.D, self.n_features = (
            model.config.patch,
            len(model.spec.step),
            len(schema.features),
        )
        B, device = len(attributes), attributes.device
        dims = model.spec.attributes
        self.conditions = (
            encode(dims, attributes, torch.zeros_like(attributes)) if dims else attributes
        )
        levels = attributes[:, len(schema.categories) :].cpu().numpy()
        if schema.per_series:
            centre, spread = schema.from_level_attributes(levels)
        else:
            centre, spread = (np.tile(x, (B, 1)) for x in (schema.loc, schema.scale))
        self.centre, self.spread = (
            torch.from_numpy(x.astype(np.float32)).to(device) for x in (centre, spread)
        )
        self.previous = torch.full(
            (B, self.n_features), torch.nan, device=device
        )  # values of the step before
        self.prefix = prefix

    def run(self, cap, stop_at):
        """Return (values (steps, n_features) series after series, lengths), numpy."""
        model, B, device = self.model, len(self.centre), self.centre.device
        out = torch.zeros(B, cap, self.n_features, device=device)
        lengths = torch.full((B,), cap, dtype=torch.int64, device=device)
        if stop_at is not None:
            lengths = stop_at.clone()
        alive = torch.arange(B, device=device)
        cache = KVCache(model.config, B, -(-cap // self.S), torch.float32, device)
        recent = torch.zeros(B, model.n_recent, device=device)
        for first in range(0, cap, self.S):
            is_start = torch.full((len(alive),), first == 0, device=device)
            h = model.backbone.decode(model.embed(recent, is_start, self.conditions), cache)
            token, recent, ends = self._token(h, recent, first)
            n = min(self.S, cap - first)
            out[alive, first : first + n] = token[:, :n]
            if stop_at is None:
                over = (ends < n) & (ends >= 0)
                lengths[alive[over]] = first + ends[over] + 1
            else:
                over = stop_at[alive] <= first + self.S
            if over.any() and first + self.S < cap:
                going = (~over).nonzero().flatten()
                if not len(going):
                    break
                alive, recent = alive[going], recent[going]
                for name in ("conditions", "centre", "spread", "previous", "prefix"):
                    if getattr(self, name) is not None:
                        setattr(self, name, getattr(self, name)[going])
                cache.keep(going)
        observed = torch.arange(cap, device=device) < lengths[:, None]
        return out[observed].cpu().numpy(), lengths.cpu().numpy()

    def _token(self, h, recent, first):
        """Draw one token: return (values (B, S, n_features), its encoding, the step within it that ends each, or -1)."""
        head, B = self.model.head, len(h)
        fixed = head.begin(h, recent)
        encoded = h.new_zeros(B, 0)
        ends = torch.full((B,), -1, dtype=torch.int64, device=h.device)
        steps = []
        for s in range(self.S):
            values = []
            for f in range(self.n_features):
                d = s * self.D + f
                z, repeat = head.draw(d, *head.chain_step(d, fixed, encoded), self.generator)
                value, z, repeat = self._settle(f, z, repeat, first + s)
                values.append(value)
                encoded = torch.cat(
                    [encoded, encode([head.dims[d]], z[:, None], repeat[:, None])], dim=1
                )
            if self.D > self.n_features:
                d = s * self.D + self.n_features
                end, _ = head.draw(d, *head.chain_step(d, fixed, encoded), self.generator)
                ends = torch.where((ends < 0) & (end > 0), torch.full_like(ends, s), ends)
            self.previous = torch.stack(values, dim=1)
            steps.append(self.previous)
        return torch.stack(steps, dim=1), encoded, ends

    def _settle(self, f, z, repeat, step):
        """Return (value in data units, scaled value, repeat) of a draw: repeated, given, rounded or bounded as it must be."""
        value, snapped = self.schema.snap(
            z[:, None], self.centre[:, f : f + 1], self.spread[:, f : f + 1], [f]
        )
        value, snapped = value[:, 0], snapped[:, 0]
        before = self.previous[:, f]
        repeat = repeat & ~torch.isnan(before)
        if self.prefix is not None and step < self.prefix.shape[1]:
            given = self.prefix[:, step, f]
            repeat = (given == before) & self.model.spec.step[f].repeats
        else:
            given = torch.where(repeat, before, value)
        column = self.schema.parts[f]
        if column.n_categories:
            return given, given, repeat
        y = given if column.offset is None else torch.log(column.offset + given)
        return given, (y - self.centre[:, f]) / self.spread[:, f], repeat


@torch.no_grad()
def log_likelihood(model, series, batch_size=64):
    """Return exact log p, nats a step in the schema's scale, of each series given its attributes, float (n_series,)."""
    device = best_device()
    model.to(device)
    whole = replace(model.config, context_length=int(series.lengths.max()) + model.config.patch)
    batches = TokenBatches(series, model.encoder, model.spec, whole, batch_size, seed=0)
    order = np.argsort(-batches.lengths, kind="stable")
    found = np.empty(len(series))
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        batch = batches.collate(chosen, 1.0, 1.0).to(device)
        steps, _ = model(batch, Packing(batch.lengths, device=device))
        total = torch.zeros(len(chosen), device=device).index_add_(
            0, batch.series, (steps * batch.weight).sum(1).float()
        )
        found[chosen] = total.cpu().numpy() / series.lengths[chosen]
    return found
