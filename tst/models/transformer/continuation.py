"""Real series prolonged by steps of a model, which has learned how such series go on.

The model knows no step behind the longest series that it learned. Of a longer one it reads the
last rows, as if a series began there: a window that slides on while steps are added.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from tst.io import progress
from tst.models.transformer.backbone import CACHE_BYTES
from tst.models.transformer.batches import EncodedSet
from tst.models.transformer.decoder import Decoder, start
from tst.models.transformer.moves import Moves
from tst.models.transformer.sampling import (
    draw_attributes,
    encoder_of,
    log_likelihood_of,
    series_within,
    whole_series,
)
from tst.models.transformer.timeline import Timeline
from tst.models.transformer.tokens import Moments
from tst.series import SeriesSet, ceil_div, offsets
from tst.training.device import best_device

if TYPE_CHECKING:
    from tst.models.transformer.generative import GenerativeTST

LENGTH_DRAWS = 32  # of a length, until one is as long as the series is to become
# Locations and scales that a series may have, of which the likeliest is taken.
MOMENT_DRAWS = 16
# Of one series' window: fewer leave levels that wander behind them (64: in a series of seven
# measurements the autocorrelation between weeks, .86, becomes .46; 512: .71), more take long.
WINDOW_DRAWS = 256
FEW_ROWS = 5_000  # of one series: to draw them takes seconds


@torch.no_grad()
def prolong(
    model: "GenerativeTST",
    recent: SeriesSet,
    n_steps: int,
    seed: int,
    first: np.ndarray,
    slide: int,
    timeline: Timeline | None = None,
    times: np.ndarray | None = None,
    moves: Sequence[Moves] = (),
) -> np.ndarray:
    """Return so many steps behind the last of each series.

    The same seed gives the same steps. Where series have one length and no scale of their own,
    k steps and then m more, of the same series, are k + m steps, as long as no window slides.
    Else they are others: with the rows that were added, the model knows more of each series.

    Parameters
    ----------
    model
        With its encoder; moved to the GPU where there is one, in evaluation mode.
    recent
        Real rows, in data units, with all attributes that the model learned.
    first
        int64, (n_series,): the row of each at which a window may begin; it may be behind the last.
    slide
        Rows by which a window slides once it is full.
    timeline, times
        Where the model sees a calendar: when the series begin, and the time of each real row, int64
        nanoseconds (n_rows,).
    moves
        Of measurements whose categories do not all follow each other.

    Returns
    -------
    float32, (n_series, n_steps, n_features), in data units.

    Raises
    ------
    DataError
        Where an attribute is unknown to the model.
    """
    model.to(best_device()).eval()
    longest = encoder_of(model).longest
    last_rows = _last_rows(recent, longest)
    clocks = None
    if timeline is not None and times is not None:
        clocks = _Clocks.of(timeline, np.split(times, recent.offsets[1:-1]), first)
    size = series_within(model, CACHE_BYTES)
    made = []
    for begin in range(0, len(recent), size):
        part = range(begin, min(begin + size, len(recent)))
        known = [recent[i] for i in part]
        windows = _Windows(first=first[part].copy(), slide=slide, longest=longest)
        of_part = None if clocks is None else clocks.take(list(part))
        attributes = _Attributes.of(model, last_rows.take(part), [seed, begin], of_part)
        made.append(_prolong_part(model, known, attributes, windows, n_steps, [seed, begin], moves))
    return np.concatenate(made)


@torch.no_grad()
def chain(
    model: "GenerativeTST",
    n_steps: int,
    seed: int,
    lead: int,
    timeline: Timeline | None = None,
    moves: Sequence[Moves] = (),
) -> SeriesSet:
    """Return one series of any length: windows as learned, each of which goes on from another.

    A window's levels are drawn anew, given the rows that it begins with.

    Parameters
    ----------
    model, seed, moves
        As in `prolong`.
    lead
        Rows that a window sees of the one before.
    timeline
        When the series begins, where the model sees a calendar.
    """
    longest = encoder_of(model).longest
    endless = [one.endless() for one in moves]  # the window goes on
    first = model.sample(1, seed, lengths=np.array([longest]), timeline=timeline, moves=endless)
    times = None
    if timeline is not None:
        n_behind = np.cumsum(timeline.passed(first.values))
        start = np.full(longest, timeline.starts[0])
        times = timeline.after(start, n_behind - n_behind[0])
    values = [first.values]
    last = first.values
    bar = progress.bar("sample", "rows", n_steps, longest, hidden=n_steps < FEW_ROWS)
    n_left = n_steps - longest
    while n_left > 0:
        last = last[-lead:]
        clocks = None
        if timeline is not None and times is not None:
            times = times[-len(last) :]
            clocks = _Clocks(timeline, [times], times[:1])
        rows = replace(first, values=last, lengths=np.array([len(last)]), dates=times)
        generator = _generator([seed, len(values)])
        moments = _given_rows(model, rows, generator, clocks)
        attributes = _Attributes(rows=rows, moments=moments, clocks=clocks)
        stop_at = np.array([longest])
        window = _drawn(model, [last], attributes, stop_at, generator, moves)[0]
        new = window[len(last) :]
        if clocks is not None:
            clocks.go_on(0, new, longest)
            times = clocks.times[0]
        values.append(new)
        last = window
        bar.update(min(len(new), n_left))
        n_left -= len(new)
    bar.close()
    made = np.concatenate(values)[:n_steps]
    return replace(first, values=made, lengths=np.array([n_steps]), dates=None)


def _given_rows(
    model: "GenerativeTST", rows: SeriesSet, generator: torch.Generator, clocks: "_Clocks | None"
) -> Moments:
    """Draw the location and scale of a window, given its first rows.

    By sampling-importance resampling (Rubin, 1987): of some that the model draws, one by how likely
    it makes the rows. The likeliest would not do: levels that are taken from a part of a window
    are too near to it, and the next are taken from these.
    """
    encoder = encoder_of(model)
    if not encoder.per_series:
        return encoder.series_loc_scale(rows)
    many = rows.take(np.zeros(WINDOW_DRAWS, dtype=np.int64))
    starts = None if clocks is None else clocks.starts.repeat(WINDOW_DRAWS)
    drawn = draw_attributes(model, WINDOW_DRAWS, generator, given=many.attributes, starts=starts)
    moments = encoder.moments_of(drawn)
    score = torch.from_numpy(_log_likelihood(model, many, moments))
    weights = torch.softmax(score, 0).to(generator.device)
    chosen = [int(torch.multinomial(weights, 1, generator=generator))]
    return moments[0][chosen], moments[1][chosen]


class _Windows:
    """Where the window of each series begins.

    Parameters
    ----------
    first
        int64, (n_series,): its first row.
    slide, longest
        Rows by which a window moves on, and those that one holds.
    """

    def __init__(self, first: np.ndarray, slide: int, longest: int) -> None:
        self.first = first
        self.slide = slide
        self.longest = longest

    def of(self, known: list[np.ndarray], chosen: list[int]) -> list[np.ndarray]:
        """Return the rows of the windows of some series; each has room for one more at least."""
        windows = []
        for i in chosen:
            while len(known[i]) - self.first[i] >= self.longest:
                self.first[i] += self.slide
            windows.append(known[i][self.first[i] :])
        return windows

    def trim(self, i: int, n_rows: int) -> None:
        """Count the rows of a series, of which n_rows were known, from its window's first on."""
        self.first[i] = max(0, self.first[i] - n_rows)


def _prolong_part(
    model: "GenerativeTST",
    known: list[np.ndarray],
    attributes: "_Attributes",
    windows: _Windows,
    n_steps: int,
    seed: list[int],
    moves: Sequence[Moves],
) -> np.ndarray:
    """Return the steps of series whose keys and values fit into memory together.

    Parameters
    ----------
    known
        float32, (n_rows, n_features) each: the rows of each series; those made are added, those
        before a window dropped.
    attributes
        Of each.
    """
    made: list[list[np.ndarray]] = [[] for _ in known]
    n_left = np.full(len(known), n_steps)
    n_round = 0
    while unfinished := np.flatnonzero(n_left).tolist():
        before = windows.of(known, unfinished)
        stop_at = []
        for rows, i in zip(before, unfinished, strict=True):
            stop_at.append(min(windows.longest, len(rows) + n_left[i]))
        generator = _generator([*seed, n_round])
        part = attributes.take(unfinished)
        series = _drawn(model, before, part, np.array(stop_at), generator, moves)
        for rows, one, i in zip(before, series, unfinished, strict=True):
            new = one[len(rows) :]
            made[i].append(new)
            n_left[i] -= len(new)
            windows.trim(i, len(known[i]))
            known[i] = np.concatenate([rows, new])
            if attributes.clocks is not None:
                attributes.clocks.go_on(i, new, windows.longest)
        n_round += 1
    return np.stack(list(map(np.concatenate, made)))


def _drawn(
    model: "GenerativeTST",
    before: list[np.ndarray],
    known: "_Attributes",
    stop_at: np.ndarray,
    generator: torch.Generator,
    moves: Sequence[Moves],
) -> list[np.ndarray]:
    """Return series that begin with the rows of windows and have so many in all."""
    encoder = encoder_of(model)
    device = generator.device
    n_given = max(map(len, before))
    prefix = None
    if n_given:
        prefix = torch.full((len(before), n_given, encoder.n_features), torch.nan, device=device)
        for i, rows in enumerate(before):
            prefix[i, : len(rows)] = torch.from_numpy(encoder.learned_values(rows))
    lengths = None
    if encoder.log_length is not None:
        lengths = known.lengths(model, stop_at, generator)
    attributes = known.drawn(model, generator, lengths)
    whole = torch.from_numpy(stop_at if lengths is None else lengths).to(device)
    ends = torch.from_numpy(stop_at).to(device)
    endless = [one.endless() for one in moves]  # series go on behind the last step asked for
    decoder = Decoder(model, encoder, generator, drops=False, moves=endless)
    unfinished = start(model, encoder, attributes, prefix, whole)
    timeline = None if known.clocks is None else known.clocks.timeline_of(before)
    values, n_rows = decoder.run(unfinished, int(stop_at.max()), ends, timeline)
    return np.split(encoder.restored_values(values), np.cumsum(n_rows)[:-1])


class _Clocks:
    """When the rows of series are, real ones and those made.

    Parameters
    ----------
    timeline
        How they go on.
    times
        int64 nanoseconds, (n_rows,) each: of the rows known of each.
    starts
        int64 nanoseconds, (n_series,): when that begins of which the attributes tell.
    """

    def __init__(self, timeline: Timeline, times: list[np.ndarray], starts: np.ndarray) -> None:
        self.timeline = timeline
        self.times = times
        self.starts = starts

    @classmethod
    def of(cls, timeline: Timeline, times: list[np.ndarray], first: np.ndarray) -> Self:
        """Return clocks whose attributes tell of what begins with a row, (n_series,), of each."""
        starts = np.empty(len(times), dtype=np.int64)
        for i, row in enumerate(first):
            last = len(times[i]) - 1
            starts[i] = times[i][row] if row <= last else _after(timeline, times[i][-1], row - last)
        return cls(timeline, times, starts)

    def take(self, series: list[int]) -> "_Clocks":
        """Return those of some series."""
        times = [self.times[i] for i in series]
        return _Clocks(self.timeline, times, self.starts[series])

    def go_on(self, i: int, values: np.ndarray, n_kept: int) -> None:
        """Add the times of rows made, (n, n_features), behind the last of a series.

        Of all its times the last are kept.
        """
        n_behind = np.cumsum(self.timeline.passed(values))
        last = np.full(len(values), self.times[i][-1])
        more = self.timeline.after(last, n_behind)
        self.times[i] = np.concatenate([self.times[i], more])[-n_kept:]

    def timeline_of(self, before: list[np.ndarray]) -> Timeline:
        """Return when windows that hold so many of the last rows begin, counted from their ends.

        Where a real step is missing, the last rows are those whose place in the calendar counts.
        """
        starts = np.empty(len(before), dtype=np.int64)
        for i, rows in enumerate(before):
            if self.timeline.interval is not None and len(rows):
                starts[i] = self.times[i][-len(rows)]
            else:
                starts[i] = _after(self.timeline, self.times[i][-1], 1 - len(rows))
        return self.timeline.started(starts)


def _after(timeline: Timeline, time: int, n_steps: int) -> int:
    """Return the time so many steps behind another, or before it."""
    return int(timeline.after(np.array([time]), np.array([n_steps]))[0])


@dataclass(frozen=True, kw_only=True)
class _Attributes:
    """What does not change in series that are prolonged.

    Parameters
    ----------
    rows
        Real rows of each.
    moments
        Location and scale of each, as `SeriesEncoder.series_loc_scale` returns them.
    clocks
        Where the model sees a calendar.
    """

    rows: SeriesSet
    moments: Moments
    clocks: _Clocks | None = None

    @classmethod
    def of(
        cls,
        model: "GenerativeTST",
        rows: SeriesSet,
        seed: list[int],
        clocks: _Clocks | None = None,
    ) -> Self:
        """Return attributes with the likeliest location and scale of each series.

        Those of its last rows alone are not those of the whole series, which the model knows
        exactly where all series have the same: some that it draws are tried, too.
        """
        encoder = encoder_of(model)
        best = encoder.series_loc_scale(rows)
        if not encoder.per_series:
            return cls(rows=rows, moments=best, clocks=clocks)
        generator = _generator(seed)
        starts = None if clocks is None else clocks.starts
        score = _log_likelihood(model, rows, best)
        for _ in range(MOMENT_DRAWS):
            drawn = draw_attributes(
                model, len(rows), generator, given=rows.attributes, starts=starts
            )
            moments = encoder.moments_of(drawn)
            other = _log_likelihood(model, rows, moments)
            is_better = (other > score)[:, None]
            score = np.maximum(score, other)
            best = (
                np.where(is_better, moments[0], best[0]),
                np.where(is_better, moments[1], best[1]),
            )
        return cls(rows=rows, moments=best, clocks=clocks)

    def take(self, series: list[int]) -> "_Attributes":
        """Return those of some series."""
        loc, scale = self.moments
        return _Attributes(
            rows=self.rows.take(series),
            moments=(loc[series], scale[series]),
            clocks=None if self.clocks is None else self.clocks.take(series),
        )

    def drawn(
        self, model: "GenerativeTST", generator: torch.Generator, lengths: np.ndarray | None
    ) -> torch.Tensor:
        """Return attributes as the model reads them, with a length that is drawn or given."""
        return draw_attributes(
            model,
            len(self.rows),
            generator,
            donors=self.rows,
            lengths=lengths,
            moments=self.moments,
            starts=None if self.clocks is None else self.clocks.starts,
        )

    def lengths(
        self, model: "GenerativeTST", at_least: np.ndarray, generator: torch.Generator
    ) -> np.ndarray:
        """Draw the lengths of whole series, int64 (n_series,), given that none is below another.

        By rejection: where that finds none, the series ends with the last step asked for.
        """
        lengths = at_least.copy()
        is_open = np.ones(len(lengths), dtype=bool)
        for _ in range(LENGTH_DRAWS):
            attribute = self.drawn(model, generator, None)[:, -1]
            candidates = encoder_of(model).lengths_of(attribute.cpu().numpy())
            is_long = is_open & (candidates >= at_least)
            lengths[is_long] = candidates[is_long]
            is_open &= ~is_long
            if not is_open.any():
                break
        return lengths


def _log_likelihood(model: "GenerativeTST", rows: SeriesSet, moments: Moments) -> np.ndarray:
    """Return log p of rows in data units, float64 (n_series,), if series are scaled like this."""
    encoder = encoder_of(model)
    no_end = np.zeros(len(rows), dtype=bool)
    encoded = EncodedSet.of(rows, encoder, model.spec, model.config.patch, moments, no_end)
    batches = whole_series(model.config, model.spec, encoder, rows, encoded=encoded)
    log_p = log_likelihood_of(model, batches) * rows.lengths
    # A density in scaled units; the mass of an interval has none.
    target = encoded.target
    is_density = (target.lower == target.upper) & ~target.repeat & (encoded.observed > 0)
    n_tokens = len(is_density)
    per_step = is_density.view(n_tokens, model.config.patch, -1)[..., : encoder.n_features]
    n_densities = np.add.reduceat(
        per_step.sum(1).numpy(), offsets(ceil_div(rows.lengths, model.config.patch))[:-1]
    )  # (n_series, n_features)
    is_number = np.array([feature.n_categories == 0 for feature in encoder.feature_encoders])
    jacobian: np.ndarray = (n_densities * is_number * np.log(moments[1])).sum(1)
    return log_p - jacobian


def _generator(seed: list[int]) -> torch.Generator:
    """Return a generator of a seed of several numbers."""
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    return torch.Generator(best_device()).manual_seed(number)


def _last_rows(series: SeriesSet, n_rows: int) -> SeriesSet:
    """Return the last rows of each series, as many as that or all."""
    lengths = np.minimum(series.lengths, n_rows)
    return series.pieces(np.arange(len(series)), series.lengths - lengths, lengths)
