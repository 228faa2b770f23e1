"""Attributes of which only some combinations exist."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.relations.base import InEveryRow, Places, Value, plain_values, replaced


@dataclass(frozen=True, kw_only=True)
class Combinations(InEveryRow):
    """Attributes of which only some combinations exist.

    Parameters
    ----------
    column
        The first of them.
    columns
        All of them.
    rows
        The combinations, and `counts` how many series have each.
    """

    kind: Literal["combinations"] = "combinations"
    column: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    counts: tuple[int, ...]

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{len(self.rows):,} combinations of {', '.join(self.columns)} exist"

    def _found(self, first: pd.DataFrame) -> np.ndarray:
        """Return the number of each series' combination, -1 where it does not exist."""
        known = {row: number for number, row in enumerate(self.rows)}
        values = [plain_values(first[name]) for name in self.columns]
        return np.array([known.get(row, -1) for row in zip(*values, strict=True)])

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows of series whose combination does not exist."""
        return (self._found(frame[places.is_first]) < 0)[places.series]

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame with a real combination, as near as there is, in each series."""
        first = frame[places.is_first]
        chosen = self._found(first)
        wrong = np.flatnonzero(chosen < 0)
        values = [plain_values(first[name]) for name in self.columns]
        known = np.array(self.rows, dtype=object).reshape(len(self.rows), -1)
        counts = np.array(self.counts, dtype=np.float64)
        for i in wrong:
            n_equal = sum((known[:, j] == values[j][i]).astype(int) for j in range(known.shape[1]))
            weights = counts * (n_equal == n_equal.max())
            chosen[i] = places.rng.choice(len(counts), p=weights / weights.sum())
        if not len(wrong):
            return frame
        is_wrong = np.isin(places.series, wrong)
        for j, name in enumerate(self.columns):
            repaired = pd.Series(known[chosen[places.series], j], dtype=object)
            column = frame[name].astype(object).reset_index(drop=True)
            column = column.mask(is_wrong, repaired)
            frame = replaced(frame, name, column.astype(frame[name].dtype))
        return frame
