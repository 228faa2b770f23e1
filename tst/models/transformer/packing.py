"""Packed batches: series one after another, longest first, nothing padded but a little within groups, in attention only."""

import torch


class Packing:
    """How the rows of a packed batch form series: groups of series of like length, longest first.

    Parameters
    ----------
    lengths
        int sequence (B,), non-increasing: rows of each series in the packed array.
    slack
        Largest share of padding within a group; only attention sees it, all other layers work on packed rows.
    """

    def __init__(self, lengths, slack=0.1, device="cpu"):
        lengths = [int(n) for n in lengths]
        if any(a < b for a, b in zip(lengths, lengths[1:], strict=False)):
            raise ValueError("a packed batch holds its series longest first.")
        self.n_rows = sum(lengths)
        position = torch.cat([torch.arange(n) for n in lengths])
        self.position = position.to(device)
        self.groups = []  # (first row, last row, B, T, index of rows or None where nothing is padded)
        start = row = 0
        while start < len(lengths):
            stop, n_rows, longest = start, 0, lengths[start]
            while (
                stop < len(lengths)
                and (stop - start + 1) * longest * (1 - slack) <= n_rows + lengths[stop]
            ):
                n_rows += lengths[stop]
                stop += 1
            self.groups.append(self._group(lengths[start:stop], row, device))
            start, row = stop, row + n_rows
        self.n_padded = sum(B * T for _, _, B, T, _ in self.groups)

    @staticmethod
    def _group(lengths, row, device):
        B, T, n_rows = len(lengths), lengths[0], sum(lengths)
        if n_rows == B * T:
            return row, row + n_rows, B, T, None
        mask = torch.arange(T) < torch.tensor(lengths)[:, None]
        return row, row + n_rows, B, T, mask.flatten().nonzero().flatten().to(device)
