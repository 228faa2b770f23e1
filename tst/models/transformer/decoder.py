"""Draws the steps of series one token after another, from the start token to their end.

What was drawn last is rounded and bounded in data units before it is fed back, so that the model
sees what the reader gets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tst.models.transformer.atoms import GOES_ON, HELD, code_columns
from tst.models.transformer.backbone import DROPPED_SHARE, KVCache
from tst.models.transformer.batches import clock
from tst.models.transformer.chain import ChainSampler
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.lines import Line
from tst.models.transformer.moves import Masks, Moves, by_place
from tst.models.transformer.timeline import Timeline
from tst.models.transformer.tokens import has_end
from tst.models.transformer.variables import encode
from tst.series import ceil_div

if TYPE_CHECKING:
    from tst.models.transformer.generative import Conditions, GenerativeTST


@dataclass(kw_only=True)
class Unfinished:
    """Series that are drawn together: what each of these B needs to draw its next token.

    Parameters
    ----------
    index
        int64, (B,): which series of the part they are.
    conditions
        What their attributes say to each step.
    n_steps
        int64, (B,): their lengths, where these are known before their steps; else ones, unread.
    loc, scale
        float32, (B, n_features): how each is scaled.
    recent
        float, (B, n_recent): as in `TokenBatch`.
    tokens
        float, (B, n) each: encodings of the last tokens, as many as are seen, the last at the end.
    previous
        float, (B, n_features): values of the step before in data units, NaN before the first.
    ahead
        float, (B, n_features): where the last change of interpolated readings leads, NaN where
        there was none, or where it leads out of the range; of others NaN.
    prefix
        float, (B, n, n_features): steps that are given, NaN behind the last of each, or None.
    n_behind
        float64, (B,): how many steps of the calendar the next known date is behind the start.
    """

    index: torch.Tensor
    conditions: "Conditions"
    n_steps: torch.Tensor
    loc: torch.Tensor
    scale: torch.Tensor
    recent: torch.Tensor
    tokens: list[torch.Tensor]
    previous: torch.Tensor
    ahead: torch.Tensor
    prefix: torch.Tensor | None
    n_behind: np.ndarray

    def keep(self, rows: torch.Tensor) -> "Unfinished":
        """Return those series of `rows`, int64 (n_kept,)."""
        return Unfinished(
            index=self.index[rows],
            conditions=self.conditions.keep(rows),
            n_steps=self.n_steps[rows],
            loc=self.loc[rows],
            scale=self.scale[rows],
            recent=self.recent[rows],
            tokens=[encoded[rows] for encoded in self.tokens],
            previous=self.previous[rows],
            ahead=self.ahead[rows],
            prefix=None if self.prefix is None else self.prefix[rows],
            n_behind=self.n_behind[rows.cpu().numpy()],
        )


def start(
    model: "GenerativeTST",
    encoder: SeriesEncoder,
    attributes: torch.Tensor,
    prefix: torch.Tensor | None,
    stop_at: torch.Tensor | None,
) -> Unfinished:
    """Return series without a step, of these attributes (B, n_attributes).

    Parameters
    ----------
    stop_at
        int64, (B,): their lengths, where these are known.
    """
    B = len(attributes)
    device = attributes.device
    conditions = attributes
    if model.spec.attributes:
        conditions = encode(model.spec.attributes, attributes, torch.zeros_like(attributes))
    n_codes = len(encoder.categories)
    if encoder.per_series:
        own = attributes[:, n_codes : n_codes + len(encoder.own)].cpu().numpy()
        loc, scale = encoder.from_standardised(own)
    else:
        loc, scale = encoder.told_loc_scale(attributes[:, :n_codes].long().cpu().numpy())
    return Unfinished(
        index=torch.arange(B, device=device),
        conditions=model.begin(conditions),
        n_steps=torch.ones(B, dtype=torch.int64, device=device) if stop_at is None else stop_at,
        loc=torch.from_numpy(loc.astype(np.float32)).to(device),
        scale=torch.from_numpy(scale.astype(np.float32)).to(device),
        recent=torch.zeros(B, model.n_recent, device=device),
        tokens=[],
        previous=torch.full((B, encoder.n_features), torch.nan, device=device),
        ahead=torch.full((B, encoder.n_features), torch.nan, device=device),
        prefix=prefix,
        n_behind=np.zeros(B),
    )


class Decoder:
    """Draws series from the start token to their end, a token at a time.

    Parameters
    ----------
    drops
        Whether series that are over are left out, which is faster; without, what is drawn of the
        others does not depend on when these end.
    moves
        Of measurements whose categories do not all follow each other.
    adapts
        Whether a series that can reach no end from its category any more ends before its length,
        and one that cannot end there goes on until it can; else categories adapt to the length. For
        one measurement with moves that decide ends.
    """

    def __init__(
        self,
        model: "GenerativeTST",
        encoder: SeriesEncoder,
        generator: torch.Generator,
        drops: bool = True,
        moves: Sequence[Moves] = (),
        adapts: bool = False,
    ) -> None:
        self.drops = drops
        self.adapts = adapts
        self.moves = by_place(moves, encoder)
        self.masks: dict[int, Masks] = {}
        self.cap = 0
        self.model = model
        self.encoder = encoder
        self.generator = generator
        self.patch = model.config.patch
        self.chain = ChainSampler(model.head)
        self.has_end = has_end(encoder)
        # Of measurements that a category tells of, by its code: NaN, then each common value.
        self.common: dict[int, torch.Tensor] = {}
        self.lines: dict[int, Line] = {}
        for code, one in zip(code_columns(encoder.atoms), encoder.atoms, strict=True):
            self.common[code + 1] = torch.tensor([torch.nan, *one.values])
            if one.line is not None:
                self.lines[code + 1] = one.line

    def run(
        self,
        unfinished: Unfinished,
        cap: int,
        stop_at: torch.Tensor | None,
        timeline: Timeline | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw all series to their end.

        Parameters
        ----------
        cap
            Longest series.
        stop_at
            int64, (B,): lengths that are given, or None.
        timeline
            When the B series begin, where the model sees a calendar.

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
        may_end = self.has_end or stop_at is not None
        is_over = torch.zeros(B, dtype=torch.bool, device=device)  # of the series in `unfinished`
        self._prepare(cap, device)
        cache = KVCache(self.model.config, B, ceil_div(cap, self.patch), torch.float32, device)
        for first in range(0, cap, self.patch):
            places = self._places(unfinished, timeline)
            index = unfinished.index
            n_left = self._n_left(lengths[index], first, stop_at is not None)
            token, ends = self._next_token(unfinished, cache, first, places, n_left)
            n_steps = min(self.patch, cap - first)
            values[index, first : first + n_steps] = token[:, :n_steps]
            if timeline is not None:
                unfinished.n_behind += self._passed(token, timeline, first == 0)
            if not may_end:
                continue
            if stop_at is None:
                ends_here = ~is_over & (ends >= 0) & (ends < n_steps)
                lengths[index[ends_here]] = first + ends[ends_here] + 1
                is_over |= ends_here
            else:
                if self.adapts:
                    self._adapt(lengths, index, token[:, :n_steps], first)
                is_over = lengths[index] <= first + self.patch
            n_over = int(is_over.sum())
            if n_over == len(is_over):
                break
            # Those that are over are drawn on, unread, until leaving them out pays for the copy.
            is_worth_it = self.drops and n_over >= DROPPED_SHARE * len(is_over)
            if is_worth_it and first + self.patch < cap:
                going = (~is_over).nonzero().flatten()
                unfinished = unfinished.keep(going)
                cache.keep(going)
                is_over = is_over[going]
        observed = torch.arange(cap, device=device) < lengths[:, None]  # (B, cap)
        return values[observed].cpu().numpy(), lengths.cpu().numpy()

    def _prepare(self, cap: int, device: torch.device) -> None:
        """Make the masks of series of at most `cap` steps."""
        self.cap = cap
        self.masks = {}
        for f, moves in self.moves.items():
            self.masks[f] = Masks(moves, cap, device, is_exact=not self.adapts)

    def _n_left(self, lengths: torch.Tensor, first: int, is_given: bool) -> torch.Tensor | None:
        """Return how many steps may follow step `first`, int64 (B,); None where nobody knows.

        Parameters
        ----------
        lengths
            int64, (B,): of the series, or the cap.
        is_given
            Whether lengths are known before the steps.
        """
        if self.adapts:
            return torch.full_like(lengths, self.cap - 1 - first)
        if is_given or self.cap == self.encoder.fixed_length:
            return lengths - 1 - first
        return None

    def _adapt(
        self, lengths: torch.Tensor, index: torch.Tensor, token: torch.Tensor, first: int
    ) -> None:
        """Let lengths, int64 (n_series,), be where categories of a token end, in place.

        Parameters
        ----------
        index
            int64, (B,): which series the rows of the token are.
        token
            float, (B, S, n_features): steps from `first` on.
        """
        for s in range(token.shape[1]):
            n_steps = first + s + 1
            may_end = torch.ones(len(index), dtype=torch.bool, device=index.device)
            goes_on = torch.ones_like(may_end)
            for f, mask in self.masks.items():
                codes = token[:, s, f].long()
                may_end &= mask.ends[codes]
                goes_on &= mask.goes_on[self.cap - n_steps, codes]
            known = lengths[index]
            known = torch.where((known == n_steps) & ~may_end & goes_on, n_steps + 1, known)
            known = torch.where((known > n_steps) & ~goes_on, n_steps, known)
            lengths[index] = known

    def _places(self, unfinished: Unfinished, timeline: Timeline | None) -> torch.Tensor:
        """Return where in the calendar the next steps are, int64 (B, n_cycles)."""
        B = len(unfinished.index)
        cycles = self.model.spec.cycles
        if cycles is None or timeline is None:
            return torch.zeros(B, 0, dtype=torch.int64, device=unfinished.index.device)
        dates = timeline.dates(unfinished.index.cpu().numpy(), unfinished.n_behind)
        return torch.from_numpy(cycles.places(dates)).to(unfinished.index.device)

    def _passed(self, token: torch.Tensor, timeline: Timeline, is_first: bool) -> np.ndarray:
        """Return how many steps a token (B, S, n_features) takes the known date on, (B,).

        Of uneven steps the known date is that of the step before: the first of a series adds none.
        """
        B = len(token)
        if timeline.interval is None:
            return np.full(B, float(self.patch))
        values = self.encoder.restored_values(token.flatten(0, 1).cpu().numpy())
        passed = timeline.passed(values).reshape(B, self.patch)
        return passed[:, 1 if is_first else 0 :].sum(1)

    def _next_token(
        self,
        unfinished: Unfinished,
        cache: KVCache,
        first: int,
        places: torch.Tensor,
        n_left: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw one token, whose first step is `first`; it becomes the one before.

        Parameters
        ----------
        places
            int64, (B, n_cycles): where in the calendar it is.
        n_left
            int64, (B,): steps behind its first one, where lengths are known.

        Returns
        -------
        token
            float, (B, S, n_features): values in data units.
        ends
            int64, (B,): the step within the token that ends each series, or -1.
        """
        chain = self.chain
        B = len(unfinished.index)
        D = len(self.model.spec.step)
        is_start = torch.full((B,), first == 0, device=unfinished.loc.device)
        conditions = unfinished.conditions
        left = clock(torch.full_like(unfinished.n_steps, first), unfinished.n_steps)
        codes = self.model.codes(places)
        embedded = self.model.embed(unfinished.recent, is_start, left, conditions, codes)
        h = self.model.backbone.decode(embedded, cache, conditions.of_blocks())
        recent = self.model.seen(unfinished.recent, is_start)
        past = chain.begin(self.model.context(h, conditions, codes), recent)
        uniform = chain.uniform(B, self.generator)
        encoded = chain.new_encoding(B)
        ends = torch.full((B,), -1, dtype=torch.int64, device=h.device)
        token = h.new_empty(B, self.patch, self.encoder.n_features)
        for s in range(self.patch):
            for f in range(self.encoder.n_features):
                d = s * D + f
                allowed = self._allowed(unfinished, f, n_left, s)
                z, repeat = chain.draw(d, past, encoded, uniform, allowed)
                code = token[:, s, f - 1].long() if f in self.common else None
                value, z, repeat = self._settle(unfinished, f, z, repeat, code, first + s)
                token[:, s, f] = value
                if f in self.lines:
                    self._read_again(unfinished, f, token[:, s], encoded, d)
                chain.write(d, encoded, z, repeat)
            if self.has_end:
                end, _ = chain.draw(s * D + D - 1, past, encoded, uniform)
                ends[(ends < 0) & (end > 0)] = s
            self._step_on(unfinished, token[:, s])
        self._remember(unfinished, encoded)
        return token, ends

    def _allowed(
        self, unfinished: Unfinished, f: int, n_left: torch.Tensor | None, s: int
    ) -> torch.Tensor | None:
        """Return the categories of measurement f in step s of a token, or None: all.

        `n_left` is as in `_next_token`.
        """
        if f + 1 in self.lines:
            return self._ways_on(unfinished, f)
        if f not in self.masks:
            return None
        behind = None if n_left is None else n_left - s
        return self.masks[f].allowed(unfinished.previous[:, f], behind)

    def _ways_on(self, unfinished: Unfinished, f: int) -> torch.Tensor:
        """Return what category f may tell of interpolated readings, bool (B, n_categories).

        Nothing is held before there is a step, and no line goes on that leaves the training set's
        range.
        """
        ahead = unfinished.ahead[:, f + 1]
        shape = len(ahead), self.encoder.feature_encoders[f].n_categories
        allowed = torch.ones(shape, dtype=torch.bool, device=ahead.device)
        allowed[:, HELD] = ~torch.isnan(unfinished.previous[:, f + 1])
        allowed[:, GOES_ON] = ~torch.isnan(ahead)
        return allowed

    def _step_on(self, unfinished: Unfinished, step: torch.Tensor) -> None:
        """Let a step, (B, n_features), be the one before."""
        for f, line in self.lines.items():
            change = step[:, f] - unfinished.previous[:, f]
            ahead = self.encoder.feature_encoders[f].on_grid(step[:, f] + change)
            is_within = (ahead >= line.low - line.slack) & (ahead <= line.high + line.slack)
            is_line = is_within & (change.abs() > line.slack)
            within = ahead.clamp(line.low, line.high)
            unfinished.ahead[:, f] = torch.where(is_line, within, torch.nan)
        unfinished.previous = step

    def _remember(self, unfinished: Unfinished, encoded: torch.Tensor) -> None:
        """Take down a token's encoding, (B, n), for those that see it."""
        lags = self.model.spec.lags
        unfinished.tokens = [*unfinished.tokens, encoded][-max(lags) :]
        seen = []
        for lag in lags:
            is_there = lag <= len(unfinished.tokens)
            seen.append(unfinished.tokens[-lag] if is_there else torch.zeros_like(encoded))
        unfinished.recent = torch.cat(seen, dim=1) if len(seen) > 1 else encoded

    def _as_told(
        self, unfinished: Unfinished, f: int, value: torch.Tensor, code: torch.Tensor
    ) -> torch.Tensor:
        """Return what the category before measurement f tells, or else its draw, (B,).

        Parameters
        ----------
        value
            float, (B,): what was drawn.
        code
            int64, (B,): the category.
        """
        if f not in self.lines:
            common = self.common[f].to(value)[code]
            return torch.where(torch.isnan(common), value, common)
        most = self.lines[f].most
        previous = unfinished.previous[:, f]
        near = torch.minimum(torch.maximum(value, previous - most), previous + most)
        near = self.encoder.feature_encoders[f].on_grid(near)
        value = torch.where(torch.isnan(previous), value, near)
        value = torch.where(code == HELD, previous, value)
        return torch.where(code == GOES_ON, unfinished.ahead[:, f], value)

    def _read_again(
        self, unfinished: Unfinished, f: int, token: torch.Tensor, encoded: torch.Tensor, d: int
    ) -> None:
        """Let the category before interpolated measurement f be that of its value, in place.

        A number that is drawn may be the one before, or lie on the line.

        Parameters
        ----------
        token
            float, (B, n_features): the step.
        encoded
            float, (B, E): the encoding of the token, in which the measurement is variable d.
        """
        value = token[:, f]
        goes_on = (value - unfinished.ahead[:, f]).abs() <= self.lines[f].slack
        code = torch.where(goes_on, float(GOES_ON), 0.0)
        code = torch.where(value == unfinished.previous[:, f], float(HELD), code)
        token[:, f - 1] = code
        encoded[:, self.chain.head.starts[d - 1] : self.chain.head.ends[d - 1]] = 0.0
        self.chain.write(d - 1, encoded, code, None)

    def _settle(
        self,
        unfinished: Unfinished,
        f: int,
        z: torch.Tensor,
        repeat: torch.Tensor | None,
        code: torch.Tensor | None,
        step: int,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Repeat, replace, or round and bound a draw of measurement f, as it must be.

        Parameters
        ----------
        z, repeat
            float and bool, (B,): what the chain drew; repeat is None where it has no gate.
        code
            int64, (B,): the category that tells of the measurement, or None.

        Returns
        -------
        Value in data units, scaled value, repeat: (B,) each.
        """
        loc = unfinished.loc[:, f]
        scale = unfinished.scale[:, f]
        previous = unfinished.previous[:, f]
        value = self.encoder.rounded_to_support(f, z, loc, scale)
        if repeat is not None:
            repeat = repeat & ~torch.isnan(previous)
            value = torch.where(repeat, previous, value)
        if code is not None:
            value = self._as_told(unfinished, f, value, code)
        if unfinished.prefix is not None and step < unfinished.prefix.shape[1]:
            given = unfinished.prefix[:, step, f]
            value = torch.where(torch.isnan(given), value, given)
        if self.model.spec.step[f].repeats:
            # As in training: also of a value that was drawn, or given, and is the one before.
            repeat = value == previous
        return value, self.encoder.scaled_values(f, value, loc, scale), repeat
