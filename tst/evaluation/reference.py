"""Reference: a real set, and what its comparisons with many synthetic sets have in common.

Metrics take the real set itself or a `Reference` of it. With the set they compute all afresh; with
a `Reference` the rank transform, the tree of steps, embeddings and the share of held-out steps that
equal a training step are made once, when first asked for, and live as long as it does.
"""

from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from tst.evaluation.embedding import RankTransform, embed
from tst.evaluation.neighbours import StepTree
from tst.evaluation.ragged import subsample
from tst.series import SeriesSet


class Reference:
    """A real set that others are compared with.

    What belongs to another set is forgotten when nobody holds that set any more.

    Parameters
    ----------
    real
        `SeriesSet`, never changed afterwards.
    """

    def __init__(self, real: SeriesSet) -> None:
        self.real = real
        self._embeddings: WeakKeyDictionary[SeriesSet, dict[tuple[int, int] | None, np.ndarray]] = (
            WeakKeyDictionary()
        )
        self._copied_shares: WeakKeyDictionary[SeriesSet, dict[float, float]] = WeakKeyDictionary()

    @classmethod
    def of(cls, real: "SeriesSet | Reference") -> "Reference":
        """Return the reference that was given, or a new one of a set."""
        return real if isinstance(real, Reference) else cls(real)

    @cached_property
    def rank_transform(self) -> RankTransform:
        """The map of each feature to its rank among the real values."""
        return RankTransform(self.real)

    @cached_property
    def step_tree(self) -> StepTree:
        """The distinct steps of the real set."""
        return StepTree(self.real)

    def embedding(self, series: SeriesSet, n: int, seed: int) -> np.ndarray:
        """Return the embedding of what `subsample(series, n, seed)` draws, (<= n, 64), float64."""
        drawn = (n, seed) if n < len(series) else None  # None: all of its series, whatever the seed
        known = self._embeddings.setdefault(series, {})
        if drawn not in known:
            known[drawn] = embed(subsample(series, n, seed), self.rank_transform)
        return known[drawn]

    def copied_share(self, series: SeriesSet, tolerance: float) -> float:
        """Return the share of the steps of a set that equal a real step (`StepTree`)."""
        known = self._copied_shares.setdefault(series, {})
        if tolerance not in known:
            known[tolerance] = self.step_tree.copied_share(series, tolerance)
        return known[tolerance]
