"""What ended a training run: held-out data that got no better, or what it was given."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd

Limit = Literal["minutes", "steps", "passes"]  # what limits a run

LAST = 0.2  # of the looks at held-out data: was the best of them among these?

OF_GIVEN: dict[Limit, str] = {
    "minutes": "the minutes given were used up",
    "steps": "those given were taken",
    "passes": "no more passes over the data were allowed",
}


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a run ended.

    Parameters
    ----------
    n_steps
        Taken.
    given
        What would have ended it otherwise, or did.
    is_over
        Whether the likelihood of held-out data had stopped rising.
    since_best
        Share of the looks at held-out data, since the run began again if it did, that lie behind
        the best of them; None where nothing was held out.
    """

    n_steps: int
    given: Limit
    is_over: bool
    since_best: float | None

    @classmethod
    def of(cls, history: pd.DataFrame, max_steps: int, given: Limit) -> Self:
        """Return how the run of a history ended that could have taken `max_steps`."""
        looks = pd.Series(dtype=float)
        if "held_out" in history:
            is_last_try = history["try"] == history["try"].iloc[-1]
            looks = history["held_out"][is_last_try].dropna()
        since_best = None
        if len(looks):
            best = int(np.argmax(looks.to_numpy()))
            since_best = (len(looks) - 1 - best) / len(looks)
        is_over = len(history) < max_steps
        return cls(n_steps=len(history), given=given, is_over=is_over, since_best=since_best)

    @property
    def is_small(self) -> bool:
        """Whether the run ended while the likelihood of held-out data was still rising."""
        return not self.is_over and self.since_best is not None and self.since_best < LAST

    @property
    def text(self) -> str:
        """Say what ended the run, and whether more would help."""
        steps = f"{self.n_steps:,} steps until"
        if self.is_over:
            return f"{steps} the held-out likelihood had stopped rising"
        what = f"{steps} {OF_GIVEN[self.given]}"
        if self.since_best is None:
            return f"{what}; too few series to tell if they are enough"
        if self.is_small:
            return f"{what}; held-out likelihood still rising: give more"
        return f"{what}; held-out likelihood no longer rising"
