"""Packed batches of windows for models that predict the next step, and the flags of a step.

The two generation flags are DoppelGANger's (arXiv 1909.13403, section 4.1.1). Batches are random,
as in the paper (arXiv 2506.07312); padding is avoided by `tst.models.transformer.packing`,
not by sorting the data.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from tst.errors import DataError
from tst.series import ceil_div, offsets
from tst.training.batches import EpochOrder

N_FLAGS = 2


def add_flags(rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Append the two generation flags: (1, 0) while a series goes on, (0, 1) at its last step.

    Parameters
    ----------
    rows
        float, shape (n, C): series one after another.
    lengths
        int, shape (n_series,): rows of each series.

    Returns
    -------
    float32, shape (n, C + 2).
    """
    last = np.zeros(len(rows), dtype=bool)
    last[np.cumsum(lengths) - 1] = True
    return np.concatenate([rows, ~last[:, None], last[:, None]], axis=1).astype(np.float32)


def window_lengths(lengths: np.ndarray, context_length: int) -> np.ndarray:
    """Return the lengths of the non-overlapping windows that series fall into, in order.

    The rows stay as they are: windows lie one after another as the series do.
    """
    n_windows = ceil_div(np.asarray(lengths), context_length)
    windows = np.full(n_windows.sum(), context_length)
    windows[np.cumsum(n_windows) - 1] = lengths - (n_windows - 1) * context_length
    return windows


@dataclass(frozen=True)
class Batch:
    """A packed batch, longest series first.

    Parameters
    ----------
    inputs, targets
        float32, shape (rows, C): steps and the step after each.
    weight
        float32, shape (rows,): 1 / (steps of the row's series * series in the whole batch).
    lengths
        Rows of each of the B series.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weight: torch.Tensor
    lengths: tuple[int, ...]

    def to(self, device: torch.device | str) -> Self:
        """Return the batch on a device."""
        return type(self)(
            self.inputs.to(device, non_blocking=True),
            self.targets.to(device, non_blocking=True),
            self.weight.to(device, non_blocking=True),
            self.lengths,
        )


class PackedBatches:
    """Random batches of windows, each a function of the step alone.

    Parameters
    ----------
    rows
        float32, shape (n_rows, C): series one after another, flags included.
    lengths
        int, shape (n_windows,): rows of each window; windows of one row have nothing to predict and
        are left out.
    batch_size
        Windows a batch, over all processes. Each epoch is a new permutation; what does not fill a
        batch is left out.
    seed
        Of the permutations.
    """

    def __init__(self, rows: np.ndarray, lengths: np.ndarray, batch_size: int, seed: int) -> None:
        lengths = np.asarray(lengths, dtype=np.int64)
        starts = offsets(lengths)[:-1]
        self.rows = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
        self.starts = starts[lengths > 1]
        self.lengths = lengths[lengths > 1]
        if len(self.lengths) == 0:
            raise DataError(
                "no series has two steps: there is nothing to predict; give longer series."
            )
        self.order = EpochOrder(len(self.lengths), batch_size, seed)
        self.batch_size = self.order.batch_size
        self.steps_per_epoch = self.order.steps_per_epoch

    def __call__(self, step: int, rank: int = 0, n_ranks: int = 1) -> Batch:
        """Return batch `step`, or this process's share of it.

        Shares are weighted so that the mean of their losses over the processes is the batch's.
        """
        windows = self.order.chosen(step)
        longest_first = windows[np.argsort(-self.lengths[windows], kind="stable")]
        return self.collate(longest_first[rank::n_ranks], n_ranks / self.batch_size)

    def collate(self, windows: np.ndarray, series_weight: float) -> Batch:
        """Return the `Batch` of some windows.

        Parameters
        ----------
        windows
            int, shape (B,): numbers of the windows, longest first.
        series_weight
            What the rows of a window weigh together.
        """
        n_targets = self.lengths[windows] - 1
        first = np.repeat(self.starts[windows] - offsets(n_targets)[:-1], n_targets)
        index = torch.from_numpy(first + np.arange(n_targets.sum()))
        weight = np.repeat(series_weight / n_targets, n_targets).astype(np.float32)
        return Batch(
            self.rows[index],
            self.rows[index + 1],
            torch.from_numpy(weight),
            tuple(n_targets.tolist()),
        )
