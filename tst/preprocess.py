"""From series to what a model eats, and back: normalisers, generation flags, packed batches.

Min-max scaling to [0, 1] (for sigmoid) or [-1, 1] (for tanh), over the training set or within each series, after log1p
where levels span orders of magnitude (WWT); DoppelGANger's two generation flags (arXiv 1909.13403, section 4.1.1).
Batches are random, as in the paper; padding is avoided by packing (`tst.model.Packing`), not by sorting the data.
"""

from dataclasses import asdict, dataclass

import numpy as np
import torch

from tst.series import DataError

BOUNDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
N_FLAGS = 2


@dataclass(frozen=True)
class Normaliser:
    """Min-max scaling with an exact inverse.

    Parameters
    ----------
    low, high
        Bounds of the scaled training values.
    log
        Scale log(1 + value); values must be >= 0.
    per_series
        Scale each series by its own minimum and maximum instead of the training set's.
    loc, scale
        Minimum and range of each feature over the training set; empty where per_series.
    """

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    per_series: bool = False
    loc: tuple = ()
    scale: tuple = ()

    @classmethod
    def fit(cls, series, activation="sigmoid", log=False, per_series=False):
        """Return the normaliser of a training set, for a model with this output activation."""
        low, high = BOUNDS[activation]
        empty = cls(low, high, log, per_series)
        if per_series:
            return empty
        values = empty._forward(series)
        loc = values.min(0)
        return cls(low, high, log, per_series, tuple(loc.tolist()), tuple(_range(loc, values.max(0)).tolist()))

    def normalise(self, series):
        """Return (scaled, loc, scale): float32 (rows, n_features) and float64 (n_series, n_features) twice.

        A constant feature gets scale 1 and stands at `low`.
        """
        values = self._forward(series)
        if self.per_series:
            loc = np.minimum.reduceat(values, series.offsets[:-1])
            scale = _range(loc, np.maximum.reduceat(values, series.offsets[:-1]))
        else:
            loc, scale = (np.tile(getattr(self, name), (len(series), 1)) for name in ("loc", "scale"))
        unit = (values - loc[series.series_index]) / scale[series.series_index]
        return (self.low + (self.high - self.low) * unit).astype(np.float32), loc, scale

    def inverse(self, scaled, lengths, loc, scale):
        """Return the values (rows, n_features) in data units; loc and scale as `normalise` returned them."""
        rows = np.repeat(np.arange(len(lengths)), lengths)
        unit = (np.asarray(scaled, np.float64) - self.low) / (self.high - self.low)
        values = loc[rows] + scale[rows] * unit
        return (np.maximum(np.expm1(values), 0.0) if self.log else values).astype(np.float32)

    def _forward(self, series):
        values = series.values.astype(np.float64)
        if not self.log:
            return values
        if (values < 0).any():
            raise DataError(f"series set '{series.name}' has negative values; a log normaliser needs values >= 0.")
        return np.log1p(values)

    def to_dict(self):
        """Return a mapping that JSON can hold; `Normaliser(**mapping)` is the inverse."""
        return asdict(self)


def _range(low, high):
    return np.where(high > low, high - low, 1.0)


def add_flags(rows, lengths):
    """Append the two generation flags to rows (n, C): (1, 0) while a series goes on, (0, 1) at its last step."""
    last = np.zeros(len(rows), dtype=bool)
    last[np.cumsum(lengths) - 1] = True
    return np.concatenate([rows, ~last[:, None], last[:, None]], axis=1).astype(np.float32)


def flag_lengths(flags, lengths):
    """Return the length that the flags (n, 2) of each series tell: its first step with flag2 >= flag1, or all its rows."""
    lengths = np.asarray(lengths)
    step = np.arange(len(flags)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    ends = np.where(flags[:, 1] >= flags[:, 0], step + 1, np.repeat(lengths, lengths))
    return np.minimum.reduceat(ends, np.cumsum(lengths) - lengths)


def window_lengths(lengths, context_length):
    """Return the lengths of the non-overlapping windows that the series fall into, in order (the rows stay as they are)."""
    n_windows = -(-np.asarray(lengths) // context_length)
    windows = np.full(n_windows.sum(), context_length)
    windows[np.cumsum(n_windows) - 1] = lengths - (n_windows - 1) * context_length
    return windows


@dataclass(frozen=True)
class Batch:
    """A packed batch, longest series first: inputs, targets (rows, C), weight (rows,), lengths (B,) of its series."""

    inputs: torch.Tensor
    targets: torch.Tensor
    weight: torch.Tensor
    lengths: tuple

    def to(self, device):
        """Return the batch on a device."""
        return Batch(*(t.to(device, non_blocking=True) for t in (self.inputs, self.targets, self.weight)), self.lengths)


class PackedBatches:
    """Random batches of windows, each a function of the step alone, so that a run resumes without a loader's state.

    Parameters
    ----------
    rows
        float32, shape (n_rows, C): series one after another, flags included.
    lengths
        int, shape (n_windows,): rows of each window; windows of one row have nothing to predict and are left out.
    batch_size
        Windows a batch, over all processes. Each epoch is a new permutation; what does not fill a batch is left out.
    """

    def __init__(self, rows, lengths, batch_size, seed):
        lengths = np.asarray(lengths, dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        self.rows = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
        self.starts, self.lengths = starts[lengths > 1], lengths[lengths > 1]
        if len(self.lengths) == 0:
            raise DataError("no series has two steps: there is nothing to predict; give longer series.")
        self.batch_size = min(batch_size, len(self.lengths))
        self.steps_per_epoch = len(self.lengths) // self.batch_size
        self.seed = seed

    def __call__(self, step, rank=0, n_ranks=1):
        """Return batch `step`; with several processes, this one's share, weighted so that the mean over ranks is the loss."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = self._epoch(epoch)
        chosen = order[position * self.batch_size : (position + 1) * self.batch_size]
        chosen = chosen[np.argsort(-self.lengths[chosen], kind="stable")][rank::n_ranks]
        return self.collate(chosen, n_ranks / self.batch_size)

    def _epoch(self, epoch):
        if getattr(self, "_cached", (None,))[0] != epoch:
            self._cached = epoch, np.random.default_rng([self.seed, epoch]).permutation(len(self.lengths))
        return self._cached[1]

    def collate(self, chosen, series_weight):
        """Return the `Batch` of the windows `chosen`, longest first."""
        n_targets = self.lengths[chosen] - 1
        first = np.repeat(self.starts[chosen] - np.cumsum(n_targets) + n_targets, n_targets)
        index = torch.from_numpy(first + np.arange(n_targets.sum()))
        weight = torch.from_numpy(np.repeat(series_weight / n_targets, n_targets).astype(np.float32))
        return Batch(self.rows[index], self.rows[index + 1], weight, tuple(n_targets.tolist()))
