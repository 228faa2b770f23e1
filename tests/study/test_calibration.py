"""Laws of the calibration: good sets pass, bad ones fail, and a rule that errs is seen to."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import ar1_series, labelled_series

from tst.evaluation import autocorrelation, nulls
from tst.study import calibration, checks
from tst.vocabulary import VERDICTS

ACF = next(c for c in checks.of_claim("C8") if c.kind == "over_null")
ACCURACY = checks.of_claim("C1", "endpoint")[0]
F1 = checks.of_claim("C2", "endpoint")[0]


def tried(check, n_trials=6):
    """Return the shares of a distance rule on halves of AR(1) series."""
    halves = ar1_series(90, seed=1, low=20, high=40), ar1_series(90, seed=2, low=20, high=40)
    measure = autocorrelation.acf_rms
    draws = nulls.null(*halves, {"acf_rms": measure}, None, 40)
    quantile = nulls.quantiles(draws, (nulls.LEVEL,))["value"].iloc[0]
    rows = calibration.distance_trials(check, measure, quantile, halves, None, n_trials, 0)
    return calibration.shares(pd.DataFrame(rows)).set_index("set")


@pytest.mark.slow
def test_a_distance_rule_accepts_the_good_and_refuses_the_bad():
    """Of series that depend on their past; a margin that lets all pass is seen to miss."""
    found = tried(ACF)
    assert found["wrong"].max() == 0
    assert (found.loc[list(calibration.BAD["acf_rms"]), "right"] >= 0.8).all()
    assert calibration.passes(found).all()
    lax = tried(replace(ACF, margin=1000.0))
    assert (lax.loc["noise", "wrong"], lax.loc["noise", "right"]) == (1, 0)
    assert not calibration.passes(lax)["noise"]
    strict = tried(replace(ACF, margin=-0.99))
    assert not calibration.passes(strict)["bootstrap_copy"]


@pytest.mark.slow
def test_task_rules_tell_real_series_from_noise():
    """A classifier learns from real series what it cannot from noise or shuffled labels."""
    halves = labelled_series(120, 1), labelled_series(120, 2)
    rows = calibration.classification_trials(
        [ACCURACY, F1], halves, None, 1, 3, 8, 5, "logistic_regression"
    )
    found = calibration.shares(pd.DataFrame(rows)).set_index(["claim", "set"])
    assert found.loc[("C1", "noise over real"), "contradicted"] == 1
    assert found.loc[("C1", "real over noise"), "supported"] == 1
    assert found.loc[("C2", "permuted_labels over real"), "wrong"] == 0
    assert set(found.loc["C1"].index) == {" over ".join(p) for p in calibration.PAIRS["C1"]}


def test_shares_are_counted():
    """By hand: a good set contradicted and a bad one supported are wrong."""
    words = {"good": ["supported", "contradicted"], "bad": ["supported", "inconclusive"]}
    rows = []
    for quality, verdicts in words.items():
        for verdict in verdicts:
            rows.append({"claim": "C", "metric": "m", "set": quality, "quality": quality})
            rows[-1]["role"] = "endpoint"
            rows[-1]["verdict"] = verdict
    found = calibration.shares(pd.DataFrame(rows)).set_index("set")
    assert found["n_trials"].tolist() == [2, 2]
    assert found["wrong"].to_dict() == {"good": 0.5, "bad": 0.5}
    assert found["right"].to_dict() == {"good": 0.5, "bad": 0.0}
    assert set(VERDICTS) - set(found) == {"not tested"}


def test_shuffled_steps_keep_what_does_not_hang_on_order():
    """Each series has its own steps in another order."""
    series = ar1_series(20, seed=0)
    shuffled = calibration.shuffled_steps(series, 1)
    for i in range(len(series)):
        ours = series[i][np.lexsort(series[i].T)]
        np.testing.assert_array_equal(shuffled[i][np.lexsort(shuffled[i].T)], ours)
    assert (shuffled.values != series.values).any()


def test_every_rule_by_distance_or_difference_has_its_known_sets():
    """No endpoint that leaves something to chance goes untried."""
    for check in checks.of_claim(role="endpoint"):
        if check.kind == "over_null":
            assert check.metric in calibration.BAD
        elif check.kind == "difference":
            qualities = set(calibration.PAIRS[check.claim].values())
            assert {"good", "bad"} <= qualities
