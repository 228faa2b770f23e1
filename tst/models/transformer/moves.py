"""Which categories a step may have by that of the step before: others are not drawn.

Of a category from which no end can be reached in the steps that are left, nothing is drawn either:
a process that ends with `paid` or `cancelled` ends so, whatever its length.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch

from tst.models.transformer.atoms import with_codes
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.twins import learned_features


@dataclass(frozen=True, kw_only=True)
class Moves:
    """The categories of a measurement that may follow each other.

    Parameters
    ----------
    feature
        Its name.
    starts, ends
        bool, (n_categories,): whether series begin and end there.
    follows
        bool, (n_categories, n_categories): whether a category, a row, is followed by another.
    """

    feature: str
    starts: np.ndarray
    follows: np.ndarray
    ends: np.ndarray

    def endless(self) -> Self:
        """Return the moves of series that need not end with their last step."""
        return replace(self, ends=np.ones_like(self.ends))

    def known(self, n: int) -> Self:
        """Return the moves among the first n categories, those that a model knows."""
        return replace(
            self, starts=self.starts[:n], follows=self.follows[:n, :n], ends=self.ends[:n]
        )

    def leads(self, n_steps: int) -> np.ndarray:
        """Return from which categories so many steps can end: bool (n_steps, n_categories).

        Row m: with m more steps behind this one.
        """
        table = np.empty((n_steps, len(self.ends)), dtype=bool)
        table[0] = self.ends
        follows = self.follows.astype(np.float32)
        for m in range(1, n_steps):
            table[m] = follows @ table[m - 1].astype(np.float32) > 0
            if (table[m] == table[m - 1]).all():
                table[m:] = table[m]
                break
        return table


class Masks:
    """The moves of a measurement, as a sampler looks them up.

    Parameters
    ----------
    n_steps
        Of the longest series.
    is_exact
        Whether a series ends with the very last of the steps that are left; else with it or before.
    """

    def __init__(
        self, moves: Moves, n_steps: int, device: torch.device, is_exact: bool = True
    ) -> None:
        self.ends = torch.from_numpy(moves.ends).to(device)
        leads = moves.leads(n_steps)
        if not is_exact:
            leads = np.logical_or.accumulate(leads, axis=0)
        goes_on = np.zeros_like(leads)
        goes_on[1:] = leads[:-1].astype(np.float32) @ moves.follows.T.astype(np.float32) > 0
        self.goes_on = torch.from_numpy(goes_on).to(device)  # with so many steps left
        self.leads = torch.from_numpy(leads).to(device)
        follows = np.concatenate([moves.follows, moves.starts[None]])  # last: of no step before
        last = np.flatnonzero(~follows[:-1].any(1))
        follows[last, last] = True  # nothing follows: it stays
        follows[-1] |= ~follows[-1].any()
        self.follows = torch.from_numpy(follows).to(device)  # (n_categories + 1, n_categories)

    def allowed(self, previous: torch.Tensor, n_left: torch.Tensor | None) -> torch.Tensor:
        """Return the categories that a step may have, bool (B, n_categories); never none.

        Parameters
        ----------
        previous
            float, (B,): codes of the step before, NaN where there is none.
        n_left
            int64, (B,): steps that are left behind this one, or None. A series that cannot end in
            so many goes on as it may.
        """
        n = self.follows.shape[1]
        follows = self.follows[torch.nan_to_num(previous, nan=n).long()]
        if n_left is None:
            return follows
        leading = follows & self.leads[n_left.clamp(0, len(self.leads) - 1)]
        return torch.where(leading.any(1, keepdim=True), leading, follows)


def by_place(moves: Sequence[Moves], encoder: SeriesEncoder) -> dict[int, Moves]:
    """Return the moves of each measurement that a model learns, by its place among these."""
    features = with_codes(learned_features(encoder.facts.features, encoder.twins), encoder.atoms)
    places = {feature.name: f for f, feature in enumerate(features)}
    found = {}
    for one in moves:
        if one.feature in places:  # else it is an exact copy of another
            f = places[one.feature]
            found[f] = one.known(encoder.feature_encoders[f].n_categories)
    return found


def possible(lengths: np.ndarray, moves: Sequence[Moves], longest: int) -> np.ndarray:
    """Return lengths of which series can be, the nearest to these: int64 (n_series,).

    Parameters
    ----------
    lengths
        int64, (n_series,), 1 to `longest`.
    """
    is_possible = np.ones(longest, dtype=bool)  # of length 1, 2, ...
    for one in moves:
        is_possible &= (one.leads(longest) & one.starts).any(1)
    known = np.flatnonzero(is_possible) + 1
    if not len(known):
        return lengths
    above = known[np.minimum(np.searchsorted(known, lengths), len(known) - 1)]
    below = known[np.maximum(np.searchsorted(known, lengths, "right") - 1, 0)]
    is_above = np.abs(above - lengths) < np.abs(below - lengths)
    return np.where(is_above, above, below)
