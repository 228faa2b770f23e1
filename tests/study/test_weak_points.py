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


def rows(dataset, origin, model, metric, values, **more):
    """Return rows of one place, a value a seed."""
    fixed = {"dataset": dataset, "origin": origin, "model": model, "metric": metric} | more
    return pd.DataFrame([fixed | {"seed": s, "value": v} for s, v in enumerate(values)])


def tables(copied=0.3, by_flags=0.01, usable=(1.0, 1.0, 1.0)):
    """Return the tables that decide W1, W2, W8 and W9."""
    parts = [
        rows("gcut", "simulated", "tst_oracle", "copied_share", [copied] * 3),
        rows("gcut", "simulated", "tst_paper", "copied_share", [by_flags] * 3),
        rows("gcut", "simulated", "tst_paper", "real_two_step_share", [0.2] * 3),
        rows("wwt", "subset", "tst_paper", "repeat_difference", [0.0] * 3),
        rows("wwt", "subset", "tst_paper", "capped_share", [1.0] * 3),
    ]
    dg = rows("wwt", "subset", "doppelganger", "capped_share", usable)
    return {"04-generate": pd.concat(parts), "03-train-baselines": dg}


def forecasts(ours, real, **others):
    """Return table 07 of MLP-1: R2 of TST + real and of real by seed, and other definitions."""
    at = {"regressor": "mlp_1"}
    parts = [rows("wwt", "subset", "tst_paper", "r2", ours, train="synthetic+real", **at)]
    for metric in ("r2", "r2_flat", "r2_variance_weighted", "r2_raw"):
        values = others.get(metric, real)
        parts.append(rows("wwt", "subset", "real", metric, values, train="real", **at))
    return {"07-regression": pd.concat(parts)}


def verdicts(given):
    """Return the verdict of each point."""
    return weak_points.judge(given).set_index("point")["verdict"]


def test_every_point_has_a_verdict_and_a_sentence():
    """With no table at all, and with some: nine rows, none empty; what is missing is named."""
    for given in ({}, tables()):
        judged = weak_points.judge(given)
        points = [f"W{i}" for i in range(1, 10)]
        assert list(judged["point"]) == list(weak_points.POINTS.index) == points
        assert set(judged["verdict"]) <= set(weak_points.VERDICTS)
        assert judged["sentence"].str.len().min() > 20
    found = verdicts(tables())[["W1", "W2", "W8", "W9"]]
    assert found.tolist() == ["confirmed", "confirmed", "avoided here", "confirmed"]
    judged = weak_points.judge(tables()).set_index("point")
    assert "07-regression has not been written" in judged["sentence"]["W4"]


def test_copied_steps_are_counted_at_the_true_lengths():
    """A share at the limit is not enough; that TST does not stop does not make copies few."""
    assert verdicts(tables(copied=weak_points.COPIED_LIMIT))["W1"] == "not confirmed"
    judged = weak_points.judge(tables(copied=0.3, by_flags=0.001)).set_index("point")
    assert judged.loc["W1", "verdict"] == "confirmed"
    assert "0.001 where its flags stop it" in judged.loc["W1", "sentence"]


def test_real_lengths_come_before_simulated_ones():
    """W1 and W2 are decided on the attempts where they are, and say so."""
    given = tables(copied=0.3)
    real = [
        rows("gcut_attempts", "subset", "tst_oracle", "copied_share", [0.05] * 3),
        rows("gcut_attempts", "subset", "tst_paper", "copied_share", [0.6] * 3),
        rows("gcut_attempts", "subset", "tst_paper", "real_two_step_share", [0.0] * 3),
    ]
    given["04-generate"] = pd.concat([given["04-generate"], *real])
    judged = weak_points.judge(given).set_index("point").loc[["W1", "W2"]]
    assert judged["dataset"].tolist() == ["gcut_attempts"] * 2
    assert judged["origin"].tolist() == ["subset"] * 2
    assert judged["verdict"].tolist() == ["not confirmed"] * 2
    assert "0.6 where its flags stop it (limit 0.1; gcut attempts)" in judged.loc["W1", "sentence"]


def test_a_seed_whose_series_are_too_short_is_said():
    """Sets of equal number, of which one seed's are a third as many for the task."""
    judged = weak_points.judge(tables(usable=(0.99, 0.98, 0.35))).set_index("point")
    assert judged.loc["W8", "verdict"] == "confirmed"
    assert "worst seed 0.35" in judged.loc["W8", "sentence"]


def test_the_spread_is_that_of_the_paired_difference():
    """Both arms rise and fall together: no spread; one arm still, the other not: its spread."""
    together = forecasts([0.8, 0.9, 1.0], [0.7, 0.8, 0.9])
    assert verdicts(together)["W5"] == "not confirmed"
    assert verdicts(forecasts([0.8, 0.8, 0.8], [0.79, 0.8, 0.81]))["W5"] == "confirmed"


def test_definitions_are_compared_on_one_scale():
    """R2 of raw counts is told and decides nothing."""
    real = [0.9, 0.9, 0.9]
    raw = forecasts(real, real, r2_raw=[0.4] * 3)
    judged = weak_points.judge(raw).set_index("point")
    assert judged.loc["W6", "verdict"] == "not confirmed"
    assert "0.5 away" in judged.loc["W6", "sentence"]
    assert verdicts(forecasts(real, real, r2_flat=[0.95] * 3))["W6"] == "confirmed"


def classified(dataset, origin, gaps):
    """Return rows of table 06: real alone at .8, TST + real a gap a classifier beside it."""
    at = {"dataset": dataset, "origin": origin, "metric": "accuracy"}
    parts = []
    for classifier, gap in zip(weak_points.OTHER_CLASSIFIERS, gaps, strict=True):
        noise = np.array([-0.001, 0, 0.001])
        where = at | {"classifier": classifier}
        with_real = where | {"share": 1.0, "train": "synthetic+real", "model": "tst_paper"}
        parts.append(rows(**with_real, values=0.8 + gap + noise))
        parts.append(rows(**where, model="real", train="real", values=[0.8] * 3))
    return pd.concat(parts)


@pytest.mark.parametrize(
    ("sets", "verdict", "told"),
    [
        ({"gcut": [-0.1] * 4}, "confirmed", "-0.1 [-0.102, -0.0975] on gcut, below 0 with 4 of 4"),
        ({"gcut": [-0.1] * 4, "iot": [0.1, -0.1, -0.1, -0.1]}, "not confirmed", "3 of 4"),
        ({"borg2019": [0.1] * 4, "iot": [-0.2] * 4}, "not confirmed", "; -0.2 on iot, below 0"),
        ({"borg2019": [-0.1] * 4, "iot": [-0.2] * 4, "gcut": [0.1] * 4}, "confirmed", "0.2 on iot"),
    ],
)
def test_other_classifiers_are_judged_on_every_real_set(sets, verdict, told):
    """W7: confirmed where all of them say so; a simulated set counts only where it is alone."""
    parts = [
        classified(name, "simulated" if name == "gcut" else "subset", gaps)
        for name, gaps in sets.items()
    ]
    judged = weak_points.judge({"06-classification": pd.concat(parts)}).set_index("point")
    assert judged.loc["W7", "verdict"] == verdict
    assert told in judged.loc["W7", "sentence"]
    assert ("gcut" in judged.loc["W7", "sentence"]) is (len(sets) == 1)


def test_the_papers_bars():
    """W3 is arithmetic on printed numbers: it never depends on a table."""
    one, other = (weak_points.judge(t).set_index("point").loc["W3"] for t in ({}, tables()))
    assert one["verdict"] == other["verdict"] == "confirmed" and one["value"] == other["value"]
