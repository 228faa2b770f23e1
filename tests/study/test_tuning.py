"""Laws of the learning-rate trials: a rate does better by much and with every seed, or not."""

import numpy as np
import pandas as pd
import pytest

from tst.study import tuning


def trials(**scores):
    """Return rows of one model: scores by seed, at a third of its rate, the rate and its triple."""
    factors = {"low": 0.3, "used": 1.0, "high": 3.0}
    rows = [
        {"model": "tst_paper", "factor": factors[name], "seed": seed, "value": value}
        for name, values in scores.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("scores", "best", "words"),
    [
        ({"low": [3, 3], "used": [1, 1], "high": [2, 2]}, 1.0, "no other"),
        ({"low": [3, 3], "used": [1.3, 1.2], "high": [1, 1]}, 3.0, "another"),
        ({"low": [3, 3], "used": [1.1, 1.1], "high": [1, 1]}, 3.0, "no other"),  # not by much
        ({"low": [3, 3], "used": [3, 1], "high": [1, 1.1]}, 3.0, "no other"),  # one seed is lucky
        ({"low": [1, 1], "used": [9, 9]}, 0.3, "another"),  # the highest rate diverged
    ],
)
def test_a_rate_does_better_by_much_and_with_every_seed(scores, best, words):
    """Lower is better; the rate used is compared with the one of the lowest mean."""
    (row,) = tuning.answers(trials(**scores)).itertuples()
    assert row.best == best
    assert row.answer.startswith(words)
    assert row.score == np.mean(min(scores.values(), key=np.mean))
    assert row.used == np.mean(scores["used"])
    kept = best if words == "another" else 1.0
    assert tuning.preferred(trials(**scores)) == {"tst_paper": kept}


def test_a_rate_whose_trials_failed_has_no_score():
    """Nothing can be said of a rate that was never scored."""
    (row,) = tuning.answers(trials(low=[1, 1])).itertuples()
    assert np.isnan(row.used)
    assert row.answer.startswith("no other")
