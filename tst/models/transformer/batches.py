"""Packed batches of tokens for GenerativeTST: what each token must predict, and what it sees.

A token is a patch of steps. Each predicts all of its numbers from the tokens before it; the first
of a series follows a learned start token.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch

from tst.models.batches import window_lengths
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.tokens import Moments, attribute_target, tokens
from tst.models.transformer.variables import Target, TokenSpec, encode
from tst.series import SeriesSet, ceil_div, offsets
from tst.training.batches import EpochOrder

# Values of a set up to which all its tokens are kept: they take some thirty times as much room.
MAX_ENCODED = 2**21
N_CLOCK = 3  # numbers that tell how much of a series is left
LOG_LEFT = 5.0  # by which the logarithm of the steps left is divided: some hundred steps give one


@dataclass(frozen=True, kw_only=True)
class TokenBatch:
    """A packed batch of windows, longest first, in tokens of S steps of D numbers.

    Parameters
    ----------
    recent
        float, (rows, n_recent): encoding of the tokens before, at the spec's lags, the last at the
        end; zero where the series has none.
    is_start
        bool, (rows,): the first token of a series, which follows the start token.
    target
        `Target` (rows, S * D).
    weight
        float, (rows, S * D): where a number is observed 1 / steps of the whole batch (an end
        `stop_weight` times that), else 0.
    attributes
        `Target` (B, n_attributes) of each window's series.
    series
        int64, (rows,): window of each row.
    clock
        float, (rows, N_CLOCK): how much of its series is left, as `clock` tells it.
    places
        int64, (rows, n_cycles): where in the cycles of the calendar its first step is.
    lengths
        Tokens of each window.
    """

    recent: torch.Tensor
    is_start: torch.Tensor
    target: Target
    weight: torch.Tensor
    attributes: Target
    series: torch.Tensor
    clock: torch.Tensor
    places: torch.Tensor
    lengths: tuple[int, ...]

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> "TokenBatch":
        """Return the batch with a function applied to each tensor."""
        return TokenBatch(
            recent=function(self.recent),
            is_start=function(self.is_start),
            target=self.target.map(function),
            weight=function(self.weight),
            attributes=self.attributes.map(function),
            series=function(self.series),
            clock=function(self.clock),
            places=function(self.places),
            lengths=self.lengths,
        )

    def to(self, device: torch.device | str) -> "TokenBatch":
        """Return the batch on a device."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))


@dataclass(frozen=True, kw_only=True)
class EncodedSet:
    """Series as tokens, one series after another.

    Parameters
    ----------
    target, observed
        As `tst.models.transformer.tokens.tokens` returns them, (n_tokens, S * D).
    encoded
        float, (n_tokens, n): encoding of each token.
    attributes
        `Target` (n_series, n_attributes).
    """

    target: Target
    observed: torch.Tensor
    encoded: torch.Tensor
    attributes: Target

    @classmethod
    def of(
        cls,
        series: SeriesSet,
        encoder: SeriesEncoder,
        spec: TokenSpec,
        patch: int,
        moments: Moments | None = None,
        is_end: np.ndarray | None = None,
        lengths: np.ndarray | None = None,
    ) -> Self:
        """Return a set encoded; arguments as in `tst.models.transformer.tokens`."""
        series = encoder.learned(series)
        moments = moments or encoder.series_loc_scale(series)  # both below ask for them
        target, observed = tokens(series, encoder, spec, patch, moments, is_end)
        return cls(
            target=target,
            observed=observed,
            encoded=encode(spec.step * patch, target.value, target.repeat),
            attributes=attribute_target(encoder, series, moments, lengths),
        )


def clock(step: torch.Tensor, n_steps: torch.Tensor) -> torch.Tensor:
    """Return how much of a series is left before a step, float32 (rows, N_CLOCK).

    Parameters
    ----------
    step, n_steps
        int64, (rows,): steps before it, and of the whole series.
    """
    left = (n_steps - step).clamp(min=1).float()
    return torch.stack([left.log() / LOG_LEFT, left / n_steps, 1 / left], dim=1)


class TokenBatches:
    """Random batches of windows of a set, each a function of the step alone.

    A window is a whole series where context_length allows, else a part of one: the first part
    follows the start token, a later one the real tokens before it. A set of at most `MAX_ENCODED`
    values is encoded once; of a larger one, the windows of each batch are read and encoded when
    they are asked for.

    Parameters
    ----------
    series
        Series of one or more tokens.
    encoder, spec
        What `tst.models.transformer.encoding` made of the training set.
    config
        Steps a token (patch), steps a window (context_length), weights, noise and padding.
    batch_size
        Windows a batch, over all processes; at most those there are.
    seed
        Of the order and of the noise.
    whole
        The set encoded, where that is done already.
    """

    def __init__(
        self,
        series: SeriesSet,
        encoder: SeriesEncoder,
        spec: TokenSpec,
        config: GenerativeConfig,
        batch_size: int,
        seed: int,
        whole: EncodedSet | None = None,
    ) -> None:
        self.series = series
        self.encoder = encoder
        self.spec = spec
        self.config = config
        self.seed = seed
        variables = spec.step * config.patch
        self.n_window = max(1, config.context_length // config.patch)  # tokens of a window
        is_end = torch.tensor([variable.kind == "stop" for variable in variables])
        self.emphasis = torch.where(is_end, config.stop_weight, 1.0)  # (S * D,)
        # Which channels of the encoding are values of measurements (noise is added to these).
        is_value: list[bool] = []  # of one token
        for variable in variables:
            channels = [False] * variable.width
            if variable.kind == "continuous":
                channels[0] = True
            is_value += channels
        self.is_value = torch.tensor(is_value * len(spec.lags), dtype=torch.bool)  # (n_recent,)
        self.n_tokens = ceil_div(series.lengths, config.patch)  # of each series
        self.lengths = window_lengths(self.n_tokens, self.n_window)
        n_windows = ceil_div(self.n_tokens, self.n_window)
        self.series_of_window = np.repeat(np.arange(len(series)), n_windows)
        # First token of each window, counted within its series.
        first_windows = np.repeat(offsets(n_windows)[:-1], n_windows)
        self.first_tokens = (np.arange(len(self.lengths)) - first_windows) * self.n_window
        self.order = EpochOrder(len(self.lengths), batch_size, seed)
        if whole is None and series.values.size <= MAX_ENCODED:
            whole = EncodedSet.of(series, encoder, spec, config.patch)
        self.whole = whole
        self._first_tokens_of_series = offsets(self.n_tokens)[:-1]
        self._moments: dict[int, Moments] = {}  # of series that do not fit into a window

    @property
    def longest_first(self) -> np.ndarray:
        """All windows, int64 (n_windows,), as `collate` takes them."""
        return np.argsort(-self.lengths, kind="stable")

    @property
    def steps_per_epoch(self) -> int:
        """Batches a pass over the set."""
        return self.order.steps_per_epoch

    def __call__(self, step: int, rank: int = 0, n_ranks: int = 1) -> TokenBatch:
        """Return batch `step`.

        With several processes it is this one's share, weighted so that the mean over ranks is the
        loss.
        """
        windows = self.order.chosen(step)
        windows = windows[np.argsort(-self.lengths[windows], kind="stable")]
        n_variables = len(self.spec.step)
        n_numbers = float(self._n_steps(windows).sum() * n_variables)
        if not self.config.mask_loss:
            n_numbers = float(len(windows) * self.n_window * self.config.patch * n_variables)
        step_weight = n_ranks * n_variables / n_numbers
        batch = self.collate(windows[rank::n_ranks], step_weight * self.emphasis)
        if self.config.padded:
            batch = self._filled(batch, step_weight)
        if self.config.noise:
            batch = self._noisy(batch, step, rank)
        return batch

    def _n_steps(self, windows: np.ndarray) -> np.ndarray:
        """Return the steps of some windows, int64 (B,)."""
        left = self.series.lengths[self.series_of_window[windows]]
        left = left - self.first_tokens[windows] * self.config.patch
        return np.minimum(left, self.n_window * self.config.patch)

    def _encoded(self, windows: np.ndarray) -> tuple[EncodedSet, np.ndarray, np.ndarray]:
        """Return an encoded set with some windows.

        Returns
        -------
        encoded
            The whole set, or pieces of series: each window, and the tokens before it that decide
            what it follows.
        first_rows
            int64, (B,): where each window begins in it.
        series
            int64, (B,): which of its series each window is of.
        """
        series = self.series_of_window[windows]
        first_tokens = self.first_tokens[windows]
        if self.whole is not None:
            return self.whole, self._first_tokens_of_series[series] + first_tokens, series
        patch = self.config.patch
        # The tokens at all lags are seen; what tells whether the first of them repeats or goes on
        # stands before it.
        n_seen = max(self.spec.lags) + ceil_div(self.encoder.n_told_by, patch)
        n_before = np.minimum(first_tokens, n_seen)
        starts = (first_tokens - n_before) * patch
        ends = np.minimum((first_tokens + self.n_window) * patch, self.series.lengths[series])
        pieces = self.encoder.learned(self.series.pieces(series, starts, ends - starts))
        is_end = ends == self.series.lengths[series]
        encoded = EncodedSet.of(
            pieces,
            self.encoder,
            self.spec,
            patch,
            self._moments_of(pieces, series),
            is_end,
            self.series.lengths[series],
        )
        first_rows = offsets(ceil_div(pieces.lengths, patch))[:-1] + n_before
        return encoded, first_rows, np.arange(len(windows))

    def _moments_of(self, pieces: SeriesSet, series: np.ndarray) -> Moments:
        """Return loc and scale of the series that pieces are of; of a long one they are kept."""
        loc, scale = self.encoder.series_loc_scale(pieces)
        if not self.encoder.per_series:
            return loc, scale
        for i in np.flatnonzero(self.n_tokens[series] > self.n_window):
            one = int(series[i])
            if one not in self._moments:
                self._moments[one] = self.encoder.series_loc_scale(self.series.take([one]))
            own_loc, own_scale = self._moments[one]  # (1, n_features) each
            loc[i] = own_loc[0]
            scale[i] = own_scale[0]
        return loc, scale

    def collate(self, windows: np.ndarray, step_weight: torch.Tensor | float) -> TokenBatch:
        """Return the batch of some windows, longest first.

        Parameters
        ----------
        windows
            int64, (B,).
        step_weight
            Weight of an observed number, or of each, (S * D,).
        """
        n = self.lengths[windows]
        encoded, first_rows, of_series = self._encoded(windows)
        window_of_row = np.repeat(np.arange(len(windows)), n)
        token = np.arange(n.sum()) - offsets(n)[:-1][window_of_row]  # of its window
        rows = torch.from_numpy(first_rows[window_of_row] + token)
        token_of_series = torch.from_numpy(self.first_tokens[windows][window_of_row] + token)
        before = self._before(encoded.encoded, rows, token_of_series)
        series = torch.from_numpy(of_series)
        first_steps = (self.first_tokens[windows][window_of_row] + token) * self.config.patch
        n_steps = self.series.lengths[self.series_of_window[windows]][window_of_row]
        return TokenBatch(
            recent=before,
            is_start=token_of_series == 0,
            target=encoded.target.map(lambda tensor: tensor[rows]),
            weight=encoded.observed[rows] * step_weight,
            attributes=encoded.attributes.map(lambda tensor: tensor[series]),
            series=torch.from_numpy(window_of_row),
            clock=clock(torch.from_numpy(first_steps), torch.from_numpy(n_steps)),
            places=self._places(windows, window_of_row, first_steps),
            lengths=tuple(n.tolist()),
        )

    def _before(
        self, encoded: torch.Tensor, rows: torch.Tensor, token: torch.Tensor
    ) -> torch.Tensor:
        """Return the tokens that each sees as they are, (rows, n_recent); none is zeros.

        Parameters
        ----------
        encoded
            float, (n_tokens, n): encoding of each token.
        rows, token
            int64, (rows,): which of them each is, and counted within its series.
        """
        seen = []
        for lag in self.spec.lags:
            earlier = encoded[(rows - lag).clamp(min=0)]
            seen.append(torch.where((token >= lag)[:, None], earlier, torch.zeros(())))
        return torch.cat(seen, dim=1)

    def _places(
        self, windows: np.ndarray, window_of_row: np.ndarray, first_steps: np.ndarray
    ) -> torch.Tensor:
        """Return where in the cycles the first steps of rows are, int64 (rows, n_cycles).

        Parameters
        ----------
        windows, window_of_row
            int64, (B,) and (rows,): the windows, and which of them each row is of.
        first_steps
            int64, (rows,): counted within their series.
        """
        dates = self.series.dates
        if self.spec.cycles is None or dates is None:
            return torch.zeros(len(first_steps), 0, dtype=torch.int64)
        series = self.series_of_window[windows][window_of_row]
        known = np.asarray(dates[self.series.offsets[series] + first_steps])
        return torch.from_numpy(self.spec.cycles.places(known))

    def _filled(self, batch: TokenBatch, step_weight: float) -> TokenBatch:
        """Return the batch with every window filled to its full length with zeros.

        The filling weighs nothing, or, without `mask_loss`, as data do.
        """
        B = len(batch.lengths)
        T = self.n_window
        is_observed = torch.arange(T) < torch.tensor(batch.lengths)[:, None]  # (B, T)
        index = is_observed.flatten().nonzero().flatten()

        def _fill(x: torch.Tensor) -> torch.Tensor:
            return x.new_zeros(B * T, *x.shape[1:]).index_copy(0, index, x)

        if self.config.mask_loss:
            weight = _fill(batch.weight)
        else:
            weight = (step_weight * self.emphasis).expand(B * T, -1)
        return replace(
            batch,
            recent=_fill(batch.recent),
            is_start=_fill(batch.is_start),
            target=batch.target.map(_fill),
            weight=weight,
            series=torch.arange(B).repeat_interleave(T),
            clock=_fill(batch.clock),
            places=_fill(batch.places),
            lengths=(T,) * B,
        )

    def _noisy(self, batch: TokenBatch, step: int, rank: int) -> TokenBatch:
        """Return the batch with noise on what the model sees of measurements; targets stay."""
        sequence = np.random.SeedSequence([self.seed, step, rank])
        seed = int(sequence.generate_state(1, np.uint64)[0] >> 1)  # torch takes 63 bits
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(batch.recent.shape, generator=generator) * self.config.noise
        is_seen = self.is_value & ~batch.is_start[:, None]
        return replace(batch, recent=batch.recent + noise * is_seen)
