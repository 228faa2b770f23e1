"""Rows for classifiers: series flattened and padded with zeros to a window, most padding left out.

Rows of like length lie together in a block that is as wide as the longest of them, so that the
products of a classifier cost what the data cost and not what the window costs. The blocks are
dense: where series are long, a fit on sparse rows takes up to four times as long
(`tst.evaluation.classifiers`).
"""

import numpy as np
import torch

from tst.series import SeriesSet

EDGES = (16, 64)  # steps up to which rows lie together: short tasks, medium ones, the rest


class Ragged:
    """Flattened, zero-padded rows, (n_series, n_steps * n_features), without most of the padding.

    Parameters
    ----------
    series
        `SeriesSet`; steps beyond n_steps are cut.
    low, high
        float, shape (n_features,): what is scaled to 0 and to 1.
    n_steps
        Steps of the window.
    """

    def __init__(self, series: SeriesSet, low: np.ndarray, high: np.ndarray, n_steps: int) -> None:
        series = series.head(n_steps)
        scale = np.where(high > low, high - low, 1.0)
        unit = ((series.values - low) / scale).astype(np.float32)
        group = np.searchsorted(EDGES, series.lengths)
        self.shape = (len(series), n_steps * series.n_features)
        # The numbers of the rows in each block, and the blocks, each as wide as its longest row.
        self.rows = [np.flatnonzero(group == g) for g in np.unique(group)]
        self.blocks = [torch.from_numpy(_padded(series, unit, rows)) for rows in self.rows]
        self.width = max(block.shape[1] for block in self.blocks)
        self.block_of_row = np.empty(len(series), dtype=np.int64)
        self.row_in_block = np.empty(len(series), dtype=np.int64)
        for g, rows in enumerate(self.rows):
            self.block_of_row[rows] = g
            self.row_in_block[rows] = np.arange(len(rows))

    def times(self, weights: np.ndarray) -> np.ndarray:
        """Return the product (n_series, k), float32, with weights (columns, k)."""
        result = np.empty((weights.shape[1], self.shape[0]), dtype=np.float32)
        # (k, columns): this way round the product is three times as fast
        turned = torch.as_tensor(weights, dtype=torch.float32).T.contiguous()
        for rows, block in zip(self.rows, self.blocks, strict=True):
            n = min(block.shape[1], turned.shape[1])
            result[:, rows] = (turned[:, :n] @ block[:, :n].T).numpy()
        return result.T

    def transposed_times(self, values: np.ndarray) -> np.ndarray:
        """Return the product (width, k), float32, of the transposed rows with (n_series, k)."""
        result = torch.zeros(values.shape[1], self.width)
        turned = torch.as_tensor(values.T.astype(np.float32))  # (k, n_series)
        for rows, block in zip(self.rows, self.blocks, strict=True):
            result[:, : block.shape[1]] += turned[:, rows] @ block
        return result.numpy().T

    def parts(self, chosen: np.ndarray) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return the rows `chosen`, without padding, block by block.

        Parameters
        ----------
        chosen
            int, shape (B,): numbers of rows.

        Returns
        -------
        list
            Pairs of int64 (b,), places in `chosen`, and float32 (b, columns), the rows there.
        """
        parts = []
        for g, block in enumerate(self.blocks):
            places = np.flatnonzero(self.block_of_row[chosen] == g)
            if len(places):
                rows = torch.from_numpy(self.row_in_block[chosen[places]])
                parts.append((torch.from_numpy(places), block[rows]))
        return parts

    def dense(self) -> np.ndarray:
        """Return the plain array, float32 (n_series, n_steps * n_features)."""
        result = np.zeros(self.shape, dtype=np.float32)
        for rows, block in zip(self.rows, self.blocks, strict=True):
            result[rows, : block.shape[1]] = block
        return result


def _padded(series: SeriesSet, unit: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the flattened rows of some series, padded to the longest of them.

    Parameters
    ----------
    series
        The set.
    unit
        float32, shape (sum of lengths, n_features): its scaled values.
    rows
        int, shape (B,): numbers of the series.
    """
    lengths = series.lengths[rows]
    values = np.zeros((len(rows), lengths.max(), series.n_features), dtype=np.float32)
    step = np.arange(lengths.max())
    inside = step < lengths[:, None]  # (B, T)
    values[inside] = unit[(series.offsets[rows][:, None] + step)[inside]]
    return values.reshape(len(rows), -1)  # (B, T * n_features)
