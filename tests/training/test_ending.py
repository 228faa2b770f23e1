"""Laws of how a training run is said to have ended."""

import numpy as np
import pandas as pd
import pytest

from tst.training.ending import Ending


def history(n_steps, scores=()):
    """Return a history with scores of held-out data, as many looks at even distances."""
    held_out = np.full(n_steps, np.nan)
    places = np.linspace(0, n_steps - 1, len(scores)).astype(int)
    held_out[places] = scores
    return pd.DataFrame({"step": range(n_steps), "loss": 1.0, "held_out": held_out, "try": 1})


def test_a_run_that_stops_early_has_stopped_rising():
    """Whatever it was given."""
    ending = Ending.of(history(90, [1, 3, 4, 4, 4]), 200, "minutes")
    assert ending.is_over and not ending.is_small
    assert "stopped rising" in ending.text
    assert "90 steps until" in ending.text


@pytest.mark.parametrize(
    ("scores", "is_small"), [([0, 5, 9, 9.9, 9.8, 9.7], False), ([0, 1, 2, 3, 4, 5], True)]
)
@pytest.mark.parametrize("given", ["minutes", "steps", "passes"])
def test_a_run_that_takes_all_its_steps_says_whether_more_would_help(scores, is_small, given):
    """By the last fifth of its looks."""
    ending = Ending.of(history(200, scores), 200, given)
    assert not ending.is_over
    assert ending.is_small == is_small
    assert ("give more" in ending.text) == is_small
    assert given in ending.text or given == "steps"


def test_a_likelihood_that_only_falls_is_not_rising():
    """Nor one that is no number."""
    for scores in ([5, 4, 3], [-np.inf, -np.inf, -np.inf]):
        assert not Ending.of(history(50, scores), 50, "steps").is_small


@pytest.mark.parametrize(("again", "is_small"), [([1, 2, 3, 4], True), ([1, 4, 3, 2], False)])
def test_a_run_that_began_again_is_judged_since_then(again, is_small):
    """However good it was before."""
    both = pd.concat([history(100, [9, 3, 2, 1]), history(100, again).assign(**{"try": 2})])
    ending = Ending.of(both, 200, "steps")
    assert ending.is_small == is_small
    assert ending.since_best == pytest.approx(0 if is_small else 0.5)


def test_a_run_that_held_nothing_out_says_so():
    """It cannot tell whether it is enough."""
    ending = Ending.of(history(50).drop(columns="held_out"), 50, "passes")
    assert ending.since_best is None
    assert "too few series to tell" in ending.text
