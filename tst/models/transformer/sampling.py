"""Series without a real step: attributes are drawn first, then steps until the hazard says stop.

No real value enters a sample; each series is a function of the weights, the encoder and the seed.
A series whose mean is higher than real series give evidence of is drawn again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from tst.errors import DataError
from tst.models.transformer.backbone import CACHE_BYTES, cache_bytes
from tst.models.transformer.batches import EncodedSet, TokenBatches
from tst.models.transformer.chain import ChainSampler
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.decoder import Decoder, start
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.moves import Moves, by_place, possible
from tst.models.transformer.packing import Packing
from tst.models.transformer.timeline import Timeline
from tst.models.transformer.tokens import Moments, attribute_target
from tst.models.transformer.variables import TokenSpec
from tst.series import SeriesSet, ceil_div, concat
from tst.training.device import best_device

if TYPE_CHECKING:
    from tst.models.transformer.generative import GenerativeTST

N_ROUNDS = 5  # in which series without evidence are drawn again; those still left are kept


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
    timeline: Timeline | None = None,
    moves: Sequence[Moves] = (),
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
    timeline
        When the series begin, where the model sees a calendar.
    moves
        Of measurements whose categories do not all follow each other.

    Raises
    ------
    DataError
        Where a given attribute is unknown to the model, or it sees a calendar and none is given.
    """
    timeline = _seen(model, timeline)
    device = best_device()
    model.to(device).eval()
    generator = torch.Generator(device).manual_seed(seed)
    series = _draw(
        model, n_series, generator, max_steps, attributes, lengths, timeline, moves, donors, prefix
    )
    if donors is not None or prefix is not None:
        return series  # their levels are given
    for _ in range(N_ROUNDS):
        again = np.flatnonzero(~encoder_of(model).is_evident(series))
        if not len(again):
            break
        given = None if attributes is None else attributes.iloc[again]
        given_lengths = None if lengths is None else np.asarray(lengths)[again]
        given_times = None if timeline is None else timeline.take(again)
        others = _draw(
            model, len(again), generator, max_steps, given, given_lengths, given_times, moves
        )
        index = np.arange(n_series)
        index[again] = n_series + np.arange(len(again))
        series = concat([series, others]).take(index)
    return series


def _draw(
    model: "GenerativeTST",
    n_series: int,
    generator: torch.Generator,
    max_steps: int | None,
    attributes: pd.DataFrame | None,
    lengths: np.ndarray | None,
    timeline: Timeline | None,
    moves: Sequence[Moves],
    donors: SeriesSet | None = None,
    prefix: np.ndarray | None = None,
) -> SeriesSet:
    """Return series as they are drawn; arguments as in `sample`."""
    encoder = encoder_of(model)
    cap = encoder.fixed_length or max_steps or encoder.longest
    if max_steps is not None:
        cap = min(cap, max_steps)
    starts = None if timeline is None else timeline.starts
    drawn = draw_attributes(model, n_series, generator, attributes, donors, lengths, starts)
    given_steps = None
    if prefix is not None:
        prefix = encoder.learned_values(np.asarray(prefix))
        given_steps = torch.as_tensor(prefix, dtype=torch.float32, device=generator.device)
    stop_at = None
    adapts = False
    if lengths is None and encoder.log_length is not None:
        lengths = encoder.lengths_of(drawn[:, -1].cpu().numpy())
        deciding = [one for one in by_place(moves, encoder).values() if not one.leads(cap).all()]
        # Of even steps with dates it is known when a series ends before it is drawn.
        adapts = len(deciding) == 1 and (timeline is None or timeline.interval is not None)
        if deciding and not adapts:
            lengths = possible(lengths, deciding, cap)
    if lengths is not None:
        lengths = np.minimum(lengths, cap)
        stop_at = torch.as_tensor(lengths, device=generator.device)
    if timeline is not None:
        timeline = timeline.settled(np.full(n_series, cap) if lengths is None else lengths)
    decoder = Decoder(model, encoder, generator, moves=moves, adapts=adapts)
    values, drawn_lengths = _in_parts(decoder, drawn, cap, given_steps, stop_at, timeline)
    codes = drawn[:, : len(encoder.categories)].long().cpu().numpy()
    series = encoder.to_series(values, drawn_lengths, codes, model.key)
    if timeline is None:
        return series
    return replace(series, dates=timeline.known_dates(series.values, drawn_lengths))


def _seen(model: "GenerativeTST", timeline: Timeline | None) -> Timeline | None:
    """Return a timeline where the model sees the calendar, else None."""
    if model.spec.cycles is None:
        return None
    if timeline is None:
        raise DataError(
            "this model sees the calendar: say when its series begin (a timeline, which "
            "Table.timeline makes)."
        )
    return timeline


def _in_parts(
    decoder: Decoder,
    attributes: torch.Tensor,
    cap: int,
    prefix: torch.Tensor | None,
    stop_at: torch.Tensor | None,
    timeline: Timeline | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return values and lengths of series of these attributes, in parts that CACHE_BYTES hold."""
    model = decoder.model
    size = _series_within(model, cap, CACHE_BYTES)
    values = []
    lengths = []
    for first in range(0, len(attributes), size):
        part = slice(first, first + size)
        part_prefix, ends = (None if x is None else x[part] for x in (prefix, stop_at))
        unfinished = start(model, decoder.encoder, attributes[part], part_prefix, ends)
        part_timeline = None if timeline is None else timeline.take(part)
        part_values, part_lengths = decoder.run(unfinished, cap, ends, part_timeline)
        values.append(part_values)
        lengths.append(part_lengths)
    return np.concatenate(values), np.concatenate(lengths)


def series_within(model: "GenerativeTST", n_bytes: int) -> int:
    """Return of how many series, as long as the longest, keys and values take so many bytes."""
    return _series_within(model, encoder_of(model).longest, n_bytes)


def _series_within(model: "GenerativeTST", n_steps: int, n_bytes: int) -> int:
    """Return of how many series of so many steps keys and values take so many bytes; at least 1."""
    n_tokens = ceil_div(n_steps, model.config.patch)
    return max(1, n_bytes // cache_bytes(model.config, n_tokens))


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
    lengths: np.ndarray | None = None,
    starts: np.ndarray | None = None,
    moments: Moments | None = None,
) -> torch.Tensor:
    """Return attributes as the model reads them.

    Parameters
    ----------
    given
        Table of n_series rows whose columns are taken instead of drawn.
    donors
        Series whose attributes are taken, all but their lengths.
    lengths
        int, (n_series,): lengths that are taken.
    starts
        int64 nanoseconds, (n_series,): when the series begin, where the model sees a calendar.
    moments
        Loc and scale of the donors; None: their own.

    Returns
    -------
    float, (n_series, n_attributes): codes, then standardised locs and log scales, then the length.
    """
    encoder = encoder_of(model)
    fixed = {}
    if donors is not None:
        fixed = dict(enumerate(attribute_target(encoder, donors, moments).value.T))
    if encoder.log_length is not None:
        fixed.pop(len(model.spec.attributes) - 1, None)
        if lengths is not None:
            length = encoder.length_target(np.asarray(lengths))[0].astype(np.float32)
            fixed[len(model.spec.attributes) - 1] = torch.from_numpy(length)
    context = context_of_starts(model.spec, n_series, starts).to(generator.device)
    if not model.spec.attributes:
        return context[:, :0]
    chain = ChainSampler(model.attribute_head)
    names = list(encoder.categories)
    past = chain.begin(context, context[:, :0])
    uniform = chain.uniform(n_series, generator)
    encoded = chain.new_encoding(n_series)
    values: list[torch.Tensor] = []
    for d, variable in enumerate(chain.variables):
        # Drawn where it is given, too, so that the others do not depend on what is given.
        value, _ = chain.draw(d, past, encoded, uniform)
        if d in fixed:
            value = fixed[d].to(value)
        elif given is not None and d < len(names) and names[d] in given:
            value = _codes(encoder, names[d], given[names[d]]).to(value)
        elif variable.kind == "continuous":
            value = _within_limits(model.spec, d, value, values)
        values.append(value)
        chain.write(d, encoded, value, None)
    return torch.stack(values, dim=1)


def _within_limits(
    spec: TokenSpec, d: int, value: torch.Tensor, before: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return drawn numbers (n_series,) of attribute d within what their categories let be.

    Parameters
    ----------
    before
        The attributes that are drawn already, categories first, (n_series,) each.
    """
    edges = spec.attribute_bin_edges[d]
    value = value.clamp(edges[0], edges[-1])
    n_codes = len(spec.attribute_limits)
    for code, of_categories in zip(before[:n_codes], spec.attribute_limits, strict=True):
        low, high = value.new_tensor([pairs[d - n_codes] for pairs in of_categories]).T
        value = value.clamp(low[code.long()], high[code.long()])
    return value


def context_of_starts(spec: TokenSpec, n_series: int, starts: np.ndarray | None) -> torch.Tensor:
    """Return what attributes may depend on: a one, then what is known of starts.

    Parameters
    ----------
    starts
        int64 nanoseconds, (n_series,); None where the spec has no cycles.

    Returns
    -------
    float32, (n_series, 1 + n_start).
    """
    ones = np.ones((n_series, 1), dtype=np.float32)
    if spec.cycles is None or starts is None:
        return torch.from_numpy(ones)
    return torch.from_numpy(np.concatenate([ones, spec.cycles.start_codes(starts)], axis=1))


def _codes(encoder: SeriesEncoder, name: str, column: Sequence[object]) -> torch.Tensor:
    """Return the codes of given values of an attribute, float32 (n_series,)."""
    known = [str(value) for value in encoder.categories[name]]
    unknown = sorted({str(value) for value in column} - set(known))
    if unknown:
        raise DataError(
            f"attribute '{name}' is '{unknown[0]}'; the model knows {', '.join(known)}."
        )
    return torch.tensor([known.index(str(value)) for value in column], dtype=torch.float32)


def log_likelihood(model: "GenerativeTST", series: SeriesSet, batch_size: int = 64) -> np.ndarray:
    """Return the exact log p of each series given its attributes.

    It is that of the weights: what sampling leaves out (categories that cannot follow, changes that
    no line has) keeps its probability.

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
    batches = whole_series(model.config, model.spec, encoder_of(model), series, batch_size)
    return log_likelihood_of(model, batches)


def whole_series(
    config: GenerativeConfig,
    spec: TokenSpec,
    encoder: SeriesEncoder,
    series: SeriesSet,
    batch_size: int = 64,
    encoded: EncodedSet | None = None,
) -> TokenBatches:
    """Return a set encoded for `log_likelihood_of`: no series is cut into windows.

    Parameters
    ----------
    encoded
        The set encoded in a way of the caller's; None: as in training.
    """
    longest = int(series.lengths.max())
    uncut = replace(config, context_length=longest + config.patch)
    return TokenBatches(series, encoder, spec, uncut, batch_size, seed=0, whole=encoded)


@torch.no_grad()
def log_likelihood_of(model: "GenerativeTST", batches: TokenBatches) -> np.ndarray:
    """Return what `log_likelihood` does, of the series that `whole_series` encoded."""
    device = best_device()
    model.to(device)
    series = batches.series
    batch_size = batches.order.batch_size
    order = np.argsort(-batches.lengths, kind="stable")
    log_probs = np.empty(len(series))
    for first in range(0, len(order), batch_size):
        chosen = order[first : first + batch_size]
        batch = batches.collate(chosen, step_weight=1.0).to(device)
        numbers = model(batch, Packing(batch.lengths, device=device))
        tokens = (numbers * batch.weight).sum(1).float()
        total = torch.zeros(len(chosen), device=device).index_add_(0, batch.series, tokens)
        log_probs[chosen] = total.cpu().numpy() / series.lengths[chosen]
    return log_probs
