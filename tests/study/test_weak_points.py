"""Laws of the weak points: each decided by its rule, what is missing is named."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from tst.study import weak_points


def test_accuracy_lies_within_the_bounds_of_its_f1():
    """The accuracy that F1 allows contains that of random predictions; the truth allows 1 alone."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        truth, guess = rng.choice(4, 400, p=[0.1, 0.3, 0.5, 0.1]), rng.choice(4, 400)
        guess = np.where(rng.uniform(size=400) < rng.uniform(), truth, guess)
        f1 = f1_score(truth, guess, average=None, labels=range(4), zero_division=0)
        low, high = weak_points.accuracy_bounds(f1, np.bincount(truth, minlength=4))
        assert low - 1e-9 <= accuracy_score(truth, guess) <= high + 1e-9
    assert weak_points.accuracy_bounds([1, 1], [3, 7]) == pytest.approx((1, 1))


def tables(copied=0.3, seeds=3):
    """Return the tables that decide W1, W2 and W9."""
    rows = [
        ("gcut", "copied_share", copied),
        ("gcut", "real_two_step_share", 0.2),
        ("wwt", "repeat_difference", 0.0),
    ]
    frame = pd.DataFrame(rows, columns=["dataset", "metric", "value"]).merge(
        pd.DataFrame({"seed": range(seeds)}), how="cross"
    )
    return {"04-generate": frame.assign(model="tst_paper", origin="simulated")}


def test_every_point_has_a_verdict_and_a_sentence():
    """With no table at all, and with some: nine rows, none empty; what is missing is named."""
    for given in ({}, tables()):
        judged = weak_points.judge(given)
        assert (
            list(judged["point"])
            == list(weak_points.POINTS.index)
            == [f"W{i}" for i in range(1, 10)]
        )
        assert (
            set(judged["verdict"]) <= set(weak_points.VERDICTS)
            and judged["sentence"].str.len().min() > 20
        )
    assert judged.set_index("point")["verdict"][["W1", "W2", "W8", "W9"]].tolist() == [
        *["confirmed"] * 2,
        "avoided here",
        "confirmed",
    ]
    assert "07-regression has not been written" in judged.set_index("point")["sentence"]["W4"]


def test_the_limit_decides():
    """A share of copied steps at the limit is not enough."""
    low = weak_points.judge(tables(copied=weak_points.COPIED_LIMIT)).set_index("point")["verdict"][
        "W1"
    ]
    assert low == "not confirmed"


def test_the_papers_bars():
    """W3 is arithmetic on printed numbers: it never depends on a table."""
    one, other = (weak_points.judge(t).set_index("point").loc["W3"] for t in ({}, tables()))
    assert one["verdict"] == other["verdict"] == "confirmed" and one["value"] == other["value"]
