"""States of which only some follow each other, begin a series or end one.

Nothing is changed before a table is learned, and nothing in what was generated: the model draws no
other transitions (`tst.models.transformer.moves`).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tst.table.relations.base import InEveryRow, Places, Value


@dataclass(frozen=True, kw_only=True)
class Transitions(InEveryRow):
    """A category whose transitions are those that occur.

    Parameters
    ----------
    states
        Its values.
    starts, ends
        Numbers of the states in which series begin and end; all where too few series tell.
    follows
        Numbers of the states that follow each, itself where it may stay.
    """

    kind: Literal["transitions"] = "transitions"
    column: str
    states: tuple[Value, ...]
    starts: tuple[int, ...]
    follows: tuple[tuple[int, ...], ...]
    ends: tuple[int, ...]

    def __post_init__(self) -> None:
        n = len(self.states)
        numbers = {*self.starts, *self.ends}
        for following in self.follows:
            numbers |= {*following}
        if len(self.follows) != n or not numbers <= set(range(n)):
            raise ValueError(f"the transitions of '{self.column}' and its states do not fit")

    @property
    def text(self) -> str:
        """Say what holds."""
        return f"{self.column} takes only transitions that occur"

    @property
    def may_start(self) -> np.ndarray:
        """Whether series begin in each state, bool (n_states,)."""
        return np.isin(np.arange(len(self.states)), self.starts)

    @property
    def may_end(self) -> np.ndarray:
        """Whether series end in each state, bool (n_states,)."""
        return np.isin(np.arange(len(self.states)), self.ends)

    @property
    def may_follow(self) -> np.ndarray:
        """Whether a state is followed by another, bool (n_states, n_states)."""
        table = np.zeros((len(self.states), len(self.states)), dtype=bool)
        for state, following in enumerate(self.follows):
            table[state, list(following)] = True
        return table

    def broken(self, frame: pd.DataFrame, places: Places) -> np.ndarray:
        """Return the rows whose state is unknown, follows, begins or ends as none does.

        Of a missing one nothing is told.
        """
        column = frame[self.column].astype(object)
        is_known = column.notna().to_numpy()
        codes = pd.Index(self.states, dtype=object).get_indexer(pd.Index(column))
        broken = is_known & (codes < 0)
        before = np.append(-1, codes[:-1])
        has_both = ~places.is_first & (codes >= 0) & (before >= 0)
        broken[has_both] |= ~self.may_follow[before[has_both], codes[has_both]]
        is_last = np.zeros(len(codes), dtype=bool)
        is_last[places.last] = True
        for where, may in ((places.is_first, self.may_start), (is_last, self.may_end)):
            rows = where & (codes >= 0)
            broken[rows] |= ~may[codes[rows]]
        return broken

    def restore(self, frame: pd.DataFrame, places: Places) -> pd.DataFrame:
        """Return the frame as it is."""
        return frame
