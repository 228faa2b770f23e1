"""What ended a training run: held-out data that got no better, or what it was given."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd

Given = Literal["minutes", "steps", "passes"]  # what limits a run

LAST = 0.2  # of the looks at held-out data: has their likelihood risen in these?
RISING = 0.02  # of all it has risen by, for it to be still rising

OF_GIVEN: dict[Given, str] = {
    "minutes": "the minutes given were used up",
    "steps": "the steps given were taken",
    "passes": "the largest number of passes over the data was reached",
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
    rising
        Share of all that it rose by which lay in the last fifth of the run; None where nothing was
        held out.
    """

    n_steps: int
    given: Given
    is_over: bool
    rising: float | None

    @classmethod
    def of(cls, history: pd.DataFrame, max_steps: int, given: Given) -> Self:
        """Return how the run of a history ended that could have taken `max_steps`."""
        looks = history["held_out"].dropna() if "held_out" in history else pd.Series(dtype=float)
        looks = looks[np.isfinite(looks)]
        rising = None
        if len(looks):
            best = looks.cummax().to_numpy()
            before = best[int(np.floor((1 - LAST) * (len(best) - 1)))]
            gained = best[-1] - best[0]
            rising = float((best[-1] - before) / gained) if gained > 0 else 0.0
        is_over = len(history) < max_steps
        return cls(n_steps=len(history), given=given, is_over=is_over, rising=rising)

    @property
    def is_small(self) -> bool:
        """Whether more training would have helped, as far as can be told."""
        return not self.is_over and self.rising is not None and self.rising > RISING

    @property
    def text(self) -> str:
        """Say what ended the run, and whether more would help."""
        steps = f"after {self.n_steps:,} steps"
        if self.is_over:
            return f"{steps} the likelihood of held-out series had stopped rising"
        what = f"{steps} {OF_GIVEN[self.given]}"
        if self.rising is None:
            return f"{what}; too few series to hold some out, so that nothing says if it is enough"
        if not self.is_small:
            return f"{what}; the likelihood of held-out series was hardly rising any more"
        return f"{what}, and the likelihood of held-out series was still rising: give more"
