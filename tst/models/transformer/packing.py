"""Packed batches: series one after another, longest first, without padding.

Only attention needs rectangles: it works on groups of series of like length, each padded a little.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch


@dataclass(frozen=True)
class Group:
    """Series of a packed batch that attention takes as one rectangle of B series by T steps.

    Parameters
    ----------
    first_row, last_row
        Its rows in the packed array, `last_row` excluded.
    B, T
        Series, and steps of the longest.
    rows
        int64, (last_row - first_row,): where each row stands in the flat rectangle (B * T); None
        where nothing is padded.
    """

    first_row: int
    last_row: int
    B: int
    T: int
    rows: torch.Tensor | None


class Packing:
    """How the rows of a packed batch form series.

    Parameters
    ----------
    lengths
        Rows of each series in the packed array, non-increasing.
    slack
        Largest share of padding within a group; all layers but attention work on packed rows. The
        default pads little and still leaves few groups.
    """

    def __init__(
        self, lengths: Iterable[int], slack: float = 0.1, device: torch.device | str = "cpu"
    ) -> None:
        lengths = [int(n) for n in lengths]
        if any(a < b for a, b in pairwise(lengths)):
            raise ValueError("a packed batch holds its series longest first.")
        self.n_rows = sum(lengths)
        self.lengths = torch.tensor(lengths, dtype=torch.int64)  # on the CPU
        position = torch.cat([torch.arange(n) for n in lengths])
        self.position = position.to(device)  # step of each row within its series
        self.groups: list[Group] = []
        start = 0
        row = 0
        while start < len(lengths):
            stop = _group_end(lengths, start, slack)
            group = _group(lengths[start:stop], row, device)
            self.groups.append(group)
            start = stop
            row = group.last_row
        self.n_padded = sum(group.B * group.T for group in self.groups)


def _group_end(lengths: list[int], start: int, slack: float) -> int:
    """Return the first series that no longer fits into the group that begins at `start`."""
    longest = lengths[start]
    n_rows = 0
    stop = start
    while stop < len(lengths):
        n_padded = (stop - start + 1) * longest
        if n_padded * (1 - slack) > n_rows + lengths[stop]:
            break
        n_rows += lengths[stop]
        stop += 1
    return stop


def _group(lengths: list[int], row: int, device: torch.device | str) -> Group:
    """Return the group of series of these lengths whose rows begin at `row`."""
    B = len(lengths)
    T = lengths[0]
    last_row = row + sum(lengths)
    if last_row - row == B * T:
        return Group(row, last_row, B, T, None)
    is_observed = torch.arange(T) < torch.tensor(lengths)[:, None]  # (B, T)
    rows = is_observed.flatten().nonzero().flatten().to(device)
    return Group(row, last_row, B, T, rows)
