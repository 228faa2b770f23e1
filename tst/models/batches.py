"""From series to what a model eats, and back: normalisers, generation flags, packed batches.

Min-max scaling to [0, 1] (for sigmoid) or [-1, 1] (for tanh), over the training set or within each series, after log1p
where levels span orders of magnitude (WWT); DoppelGANger's two generation flags (arXiv 1909.13403, section 4.1.1).
Batches are random, as in the paper; padding is avoided by packing (`tst.models.transformer.model.Packing`), not by sorting the data.
"""

from dataclasses import dataclass

import numpy as np
import torch

from tst.series import DataError

N_FLAGS = 2


def add_flags(rows, lengths):
    """Append the two generation flags to rows (n, C): (1, 0) while a series goes on, (0, 1) at its last step."""
    last = np.zeros(len(rows), dtype=bool)
    last[np.cumsum(lengths) - 1] = True
    return np.concatenate([rows, ~last[:, None], last[:, None]], axis=1).astype(np.float32)


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
        return Batch(
            *(t.to(device, non_blocking=True) for t in (self.inputs, self.targets, self.weight)),
            self.lengths,
        )


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
            raise DataError(
                "no series has two steps: there is nothing to predict; give longer series."
            )
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
            self._cached = (
                epoch,
                np.random.default_rng([self.seed, epoch]).permutation(len(self.lengths)),
            )
        return self._cached[1]

    def collate(self, chosen, series_weight):
        """Return the `Batch` of the windows `chosen`, longest first."""
        n_targets = self.lengths[chosen] - 1
        first = np.repeat(self.starts[chosen] - np.cumsum(n_targets) + n_targets, n_targets)
        index = torch.from_numpy(first + np.arange(n_targets.sum()))
        weight = torch.from_numpy(
            np.repeat(series_weight / n_targets, n_targets).astype(np.float32)
        )
        return Batch(self.rows[index], self.rows[index + 1], weight, tuple(n_targets.tolist()))
