"""Which series a training step sees, and how a batch that does not fit into memory is divided.

A batch is a function of the step alone, so that a run which was killed goes on with the batches
that it would have seen, without a data loader's state.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

Batches = Callable[[int, int, int], Any]  # (step, rank, n_ranks) -> batch with `to(device)`
Loss = Callable[[Any, Any], torch.Tensor]  # (model, batch) -> scalar


class EpochOrder:
    """The order of series in an epoch: a new random permutation each, which the seed decides.

    What does not fill a batch at the end of an epoch is left out.

    Parameters
    ----------
    n_series
        Series, or windows of series, in the training set; at least one.
    batch_size
        Series a batch; at most all are taken.
    seed
        Of the permutations.
    """

    def __init__(self, n_series: int, batch_size: int, seed: int) -> None:
        self.n_series = n_series
        self.batch_size = min(batch_size, n_series)
        self.steps_per_epoch = n_series // self.batch_size
        self.seed = seed
        self._epoch = -1
        self._permutation = np.empty(0, dtype=np.int64)

    def chosen(self, step: int) -> np.ndarray:
        """Return the numbers of the series of a step's batch: int64 (batch_size,)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:  # the last permutation is kept, for steps come in their order
            generator = np.random.default_rng([self.seed, epoch])
            self._permutation = generator.permutation(self.n_series)
            self._epoch = epoch
        first = position * self.batch_size
        return self._permutation[first : first + self.batch_size]


class MicroBatches:
    """The batch of a step in pieces whose gradients are added up (gradient accumulation).

    One piece at first, twice as many whenever a piece does not fit into memory.

    Parameters
    ----------
    accelerator
        Device, rank and number of processes.
    batches
        Function (step, rank, n_ranks) -> batch with `to(device)`; a piece is the part of one rank
        of more.
    batch_size
        Series a batch: the most pieces that there can be.
    name
        Of the run, for sentences.
    """

    def __init__(
        self, accelerator: Accelerator, batches: Batches, batch_size: int, name: str
    ) -> None:
        self.device = accelerator.device
        self.rank = accelerator.process_index
        self.n_ranks = accelerator.num_processes
        self.batches = batches
        self.batch_size = batch_size
        self.name = name
        self.n_pieces = 1
        # The last whole batch, for all objectives of a step move on the same one.
        self._step: int | None = None
        self._whole: Any = None

    def pieces(self, step: int) -> Iterable[Any]:
        """Return the pieces of this process's part of a batch, each made when it is asked for."""
        if self.n_pieces > 1:
            return (self._piece(step, index) for index in range(self.n_pieces))
        if self._step != step:
            self._whole = self._piece(step, 0)
            self._step = step
        return [self._whole]

    def _piece(self, step: int, index: int) -> Any:
        """Return one piece on the device."""
        rank = self.rank * self.n_pieces + index
        return self.batches(step, rank, self.n_ranks * self.n_pieces).to(self.device)

    def halve(self, error: BaseException) -> None:
        """Take twice as many pieces and say so.

        Raises
        ------
        MemoryError
            Where a piece is a single series already, or other processes would wait for this one.
        """
        if self.n_ranks > 1 or 2 * self.n_pieces > self.batch_size:
            part = "a single series does"
            if self.n_ranks > 1:
                part = "this part of the batch does"
            raise MemoryError(
                f"{self.name}: {part} not fit into memory; lower batch_size or the window."
            ) from error
        self.n_pieces *= 2
        self._step = None
        self._whole = None
        print(
            f"{self.name}: no memory for the batch; going on with {self.n_pieces} pieces of it, "
            "their gradients added up."
        )
