"""Packed batches of tokens for GenerativeTST: what each token must predict, and what it sees.

A token is a patch of steps. Each predicts all of its numbers from the tokens before it; the first
of a series follows a learned start token.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from tst.models.batches import window_lengths
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.tokens import attribute_target, tokens
from tst.models.transformer.variables import Target, TokenSpec, encode
from tst.series import SeriesSet, ceil_div, offsets
from tst.training.batches import EpochOrder


@dataclass(frozen=True, kw_only=True)
class TokenBatch:
    """A packed batch of windows, longest first, in tokens of S steps of D numbers.

    Parameters
    ----------
    recent
        float, (rows, n_recent): encoding of the token before; zero for the first of a series.
    is_start
        bool, (rows,): the first token of a series, which follows the start token.
    target
        `Target` (rows, S * D).
    weight
        float, (rows, S * D): where a number is observed 1 / steps of the whole batch (an end
        `stop_weight` times that), else 0.
    attributes
        `Target` (B, n_attributes) of each window's series.
    attribute_weight
        float, (B, 1): 1 / windows of the whole batch.
    series
        int64, (rows,): window of each row.
    lengths
        Tokens of each window.
    """

    recent: torch.Tensor
    is_start: torch.Tensor
    target: Target
    weight: torch.Tensor
    attributes: Target
    attribute_weight: torch.Tensor
    series: torch.Tensor
    lengths: tuple[int, ...]

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> "TokenBatch":
        """Return the batch with a function applied to each tensor."""
        return TokenBatch(
            recent=function(self.recent),
            is_start=function(self.is_start),
            target=self.target.map(function),
            weight=function(self.weight),
            attributes=self.attributes.map(function),
            attribute_weight=function(self.attribute_weight),
            series=function(self.series),
            lengths=self.lengths,
        )

    def to(self, device: torch.device | str) -> "TokenBatch":
        """Return the batch on a device."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))


class TokenBatches:
    """Random batches of windows of a set, each a function of the step alone.

    A window is a whole series where context_length allows, else a part of one: the first part
    follows the start token, a later one the real token before it.

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
    """

    def __init__(
        self,
        series: SeriesSet,
        encoder: SeriesEncoder,
        spec: TokenSpec,
        config: GenerativeConfig,
        batch_size: int,
        seed: int,
    ) -> None:
        self.config = config
        self.seed = seed
        variables = spec.step * config.patch
        self.n_window = max(1, config.context_length // config.patch)  # tokens of a window
        self.target, self.observed = tokens(series, encoder, spec, config.patch)
        self.encoded = encode(variables, self.target.value, self.target.repeat)
        is_end = torch.tensor([variable.kind == "stop" for variable in variables])
        self.emphasis = torch.where(is_end, config.stop_weight, 1.0)  # (S * D,)
        # Which channels of the encoding are values of measurements (noise is added to these).
        is_value: list[bool] = []
        for variable in variables:
            channels = [False] * variable.width
            if variable.kind == "continuous":
                channels[0] = True
            is_value += channels
        self.is_value = torch.tensor(is_value, dtype=torch.bool)  # (n_recent,)
        n_tokens = ceil_div(series.lengths, config.patch)
        self.lengths = window_lengths(n_tokens, self.n_window)
        self.starts = offsets(self.lengths)[:-1]
        is_first = np.zeros(len(self.encoded), dtype=bool)
        is_first[offsets(n_tokens)[:-1]] = True
        self.is_first = torch.from_numpy(is_first)  # of its series, (n_tokens,)
        series_of_token = np.repeat(np.arange(len(series)), n_tokens)
        self.series_of_window = series_of_token[self.starts]
        self.attributes = attribute_target(encoder, series)
        self.order = EpochOrder(len(self.lengths), batch_size, seed)

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
        n_numbers = float(self.observed[self._rows(windows)].sum())
        if not self.config.mask_loss:
            n_numbers = float(len(windows) * self.n_window * self.observed.shape[1])
        n_variables = self.observed.shape[1] // self.config.patch  # of a step
        step_weight = n_ranks * n_variables / n_numbers
        series_weight = n_ranks / self.order.batch_size
        batch = self.collate(windows[rank::n_ranks], step_weight * self.emphasis, series_weight)
        if self.config.padded:
            batch = self._filled(batch, step_weight)
        if self.config.noise:
            batch = self._noisy(batch, step, rank)
        return batch

    def _rows(self, windows: np.ndarray) -> torch.Tensor:
        """Return the tokens of some windows, one window after another, int64 (rows,)."""
        n = self.lengths[windows]
        first = np.repeat(self.starts[windows] - offsets(n)[:-1], n)
        return torch.from_numpy(first + np.arange(n.sum()))

    def collate(
        self, windows: np.ndarray, step_weight: torch.Tensor | float, series_weight: float
    ) -> TokenBatch:
        """Return the batch of some windows, longest first.

        Parameters
        ----------
        windows
            int64, (B,).
        step_weight
            Weight of an observed number, or of each, (S * D,).
        series_weight
            Weight of a window's attributes.
        """
        rows = self._rows(windows)
        n = self.lengths[windows]
        is_start = self.is_first[rows]
        before = self.encoded[(rows - 1).clamp(min=0)]
        series = torch.from_numpy(self.series_of_window[windows])
        return TokenBatch(
            recent=torch.where(is_start[:, None], torch.zeros(()), before),
            is_start=is_start,
            target=self.target.map(lambda tensor: tensor[rows]),
            weight=self.observed[rows] * step_weight,
            attributes=self.attributes.map(lambda tensor: tensor[series]),
            attribute_weight=torch.full((len(windows), 1), series_weight),
            series=torch.from_numpy(np.repeat(np.arange(len(windows)), n)),
            lengths=tuple(n.tolist()),
        )

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
