"""Packed batches of tokens for TST with a layout: what each token must predict, and what it sees of the one before."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from tst.models.batches import window_lengths
from tst.models.transformer.encoding import attribute_target, repeats
from tst.models.transformer.heads import BIG, Target, encode
from tst.models.transformer.packing import Packing


@dataclass(frozen=True)
class TokenBatch:
    """A packed batch of windows, longest first, in tokens of S steps of D numbers.

    Parameters
    ----------
    recent
        float, (rows, n_recent): encoding of the token before; zero for the first of a series.
    is_start
        bool, (rows,): the first token of a series, which follows the start token.
    target, weight
        `Target` (rows, S * D), and float of that shape: where a number is observed 1 / steps of the whole batch (an end
        `stop_weight` times that), else 0.
    attributes, attribute_weight
        `Target` (B, n_attributes) of each window's series, and float (B, 1): one over the windows of the whole batch.
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
    lengths: tuple

    def to(self, device):
        """Return the batch on a device."""

        def _move(x):
            return x.map(_move) if isinstance(x, Target) else x.to(device, non_blocking=True)

        names = (
            "recent",
            "is_start",
            "target",
            "weight",
            "attributes",
            "attribute_weight",
            "series",
        )
        return replace(self, **{k: _move(getattr(self, k)) for k in names})


class TokenBatches:
    """Random batches of windows of a set, each a function of the step alone (as `preprocess.PackedBatches`).

    A window is a whole series where context_length allows, else a part of one: the first part follows the start token, a
    later one the real token before it.

    Parameters
    ----------
    series, encoder, spec
        `SeriesSet` and what `tst.models.transformer.encoding` made of the training set.
    config
        `GenerativeConfig`: steps a token (patch), steps a window (context_length).
    batch_size
        Windows a batch, over all processes; at most those there are.
    """

    def __init__(self, series, encoder, spec, config, batch_size, seed):
        self.config = config
        self.seed, self.patch, patch = seed, config.patch, config.patch
        self.n_tokens = max(1, config.context_length // patch)  # a window
        self.continuous = torch.cat([torch.tensor([d.kind == "continuous", False])[: d.width] if d.kind == "continuous"
                                     else torch.zeros(d.width, dtype=torch.bool) for d in spec.step * patch])  # fmt: skip
        self.target, self.observed = tokens(series, encoder, spec, patch)
        ends = torch.tensor([d.kind == "stop" for d in spec.step * patch])
        self.emphasis = torch.where(ends, self.config.stop_weight, 1.0)  # (patch * D,)
        self.encoded = encode(spec.step * patch, self.target.value, self.target.repeat)
        n_tokens = -(-series.lengths // patch)
        self.lengths = window_lengths(n_tokens, self.n_tokens)
        self.starts = np.cumsum(self.lengths) - self.lengths
        first = np.zeros(len(self.encoded), dtype=bool)
        first[np.cumsum(n_tokens) - n_tokens] = True
        self.first = torch.from_numpy(first)
        self.owner = np.repeat(np.arange(len(series)), n_tokens)[self.starts]
        self.attributes = attribute_target(encoder, series)
        self.batch_size = min(batch_size, len(self.lengths))
        self.steps_per_epoch = len(self.lengths) // self.batch_size

    def __call__(self, step, rank=0, n_ranks=1):
        """Return batch `step`; with several processes, this one's share, weighted so that the mean over ranks is the loss."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if getattr(self, "_order", (None,))[0] != epoch:
            self._order = (
                epoch,
                np.random.default_rng([self.seed, epoch]).permutation(len(self.lengths)),
            )
        chosen = self._order[1][position * self.batch_size : (position + 1) * self.batch_size]
        chosen = chosen[np.argsort(-self.lengths[chosen], kind="stable")]
        n_numbers = float(self.observed[self._rows(chosen)].sum())
        if not self.config.mask_loss:
            n_numbers = float(len(chosen) * self.n_tokens * self.observed.shape[1])
        step_weight = n_ranks * self._n_dims() / n_numbers
        batch = self.collate(
            chosen[rank::n_ranks], step_weight * self.emphasis, n_ranks / self.batch_size
        )
        batch = self._filled(batch, step_weight) if self.config.padded else batch
        return self._noisy(batch, step, rank) if self.config.noise else batch

    def _n_dims(self):
        return self.observed.shape[1] // self.patch

    def _rows(self, chosen):
        n = self.lengths[chosen]
        return torch.from_numpy(
            np.repeat(self.starts[chosen] - np.cumsum(n) + n, n) + np.arange(n.sum())
        )

    def collate(self, chosen, step_weight, series_weight):
        """Return the `RecordBatch` of the windows `chosen`, longest first; weights are those of a step's numbers and a series."""
        rows, n = self._rows(chosen), self.lengths[chosen]
        is_start = self.first[rows]
        recent = torch.where(
            is_start[:, None], torch.zeros(()), self.encoded[(rows - 1).clamp(min=0)]
        )
        return TokenBatch(
            recent,
            is_start,
            self.target.map(lambda t: t[rows]),
            self.observed[rows] * step_weight,
            self.attributes.map(lambda t: t[torch.from_numpy(self.owner[chosen])]),
            torch.full((len(chosen), 1), series_weight),
            torch.from_numpy(np.repeat(np.arange(len(chosen)), n)),
            tuple(n.tolist()),
        )

    def _filled(self, batch, step_weight):
        """Return the batch with every window filled to its full length with zeros; they weigh nothing, or as data do."""
        B, T = len(batch.lengths), self.n_tokens
        place = (
            (torch.arange(T) < torch.tensor(batch.lengths)[:, None]).flatten().nonzero().flatten()
        )

        def _fill(x):
            return x.new_zeros(B * T, *x.shape[1:]).index_copy(0, place, x)

        weight = (
            _fill(batch.weight)
            if self.config.mask_loss
            else (step_weight * self.emphasis).expand(B * T, -1)
        )
        series = torch.arange(B).repeat_interleave(T)
        filled = {
            "recent": _fill(batch.recent),
            "is_start": _fill(batch.is_start),
            "target": batch.target.map(_fill),
        }
        return replace(batch, **filled, weight=weight, series=series, lengths=(T,) * B)

    def _noisy(self, batch, step, rank):
        """Return the batch with noise on what the model sees of measurements; what it must predict stays."""
        generator = torch.Generator().manual_seed(
            int(
                np.random.SeedSequence([self.seed, step, rank]).generate_state(1, np.uint64)[0] >> 1
            )
        )
        noise = torch.randn(batch.recent.shape, generator=generator) * self.config.noise
        seen = self.continuous & ~batch.is_start[:, None]
        return replace(batch, recent=batch.recent + noise * seen)


def token_nll(model, batch):
    """Return the loss: minus log p, summed over the numbers of a step, averaged over steps, plus that of the attributes."""
    steps, attributes = model(batch, Packing(batch.lengths, device=batch.recent.device))
    loss = -(steps * batch.weight).sum()
    return loss - (attributes * batch.attribute_weight).sum() if attributes.shape[1] else loss


def tokens(series, encoder, spec, patch):
    """Return (Target (n_tokens, patch * D), observed, float of that shape) of a set, series after series.

    The last token of a series is filled with zeros behind its end; where lengths vary, each step's last number says
    whether it ends the series.
    """
    centre, spread = encoder.levels(series)
    rows = series.series_index
    z, D = encoder.scaled(series, centre, spread), len(spec.step)
    bounds = [
        c.edges(x) if not c.n_categories else (x, x)
        for c, x in zip(encoder.parts, series.values.T, strict=True)
    ]
    lower, upper = (np.stack([b[i] for b in bounds], axis=1) for i in (0, 1))
    lower, upper = ((np.clip((y - centre[rows]) / spread[rows], -BIG, BIG)) for y in (lower, upper))
    repeat = repeats(series) & np.array([d.repeats for d in spec.step[: series.n_features]])
    if not encoder.fixed_length:
        last = series.step_index == series.lengths[rows] - 1
        z, lower, upper, repeat = (np.column_stack([a, last]) for a in (z, lower, upper, repeat))
    n_tokens = -(-series.lengths // patch)
    place = (np.cumsum(n_tokens) - n_tokens)[rows] * patch + series.step_index

    def _laid_out(a, kind):
        out = np.zeros((n_tokens.sum() * patch, D), dtype=kind)
        out[place] = a
        return torch.from_numpy(out.reshape(-1, patch * D))

    arrays = [_laid_out(a, np.float32) for a in (z, lower, upper)] + [_laid_out(repeat, bool)]
    return Target(*arrays), _laid_out(np.ones((len(rows), D)), np.float32)
