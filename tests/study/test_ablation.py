"""Laws of what an ablation found: what seeds cannot explain is told, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from tst.plots.ablation_plots import by_regressor
from tst.study.ablation import COST, Finding, against_base

SEEDS = range(4)


def rows(metric, setting, values):
    """Return tidy rows, a seed a value."""
    return pd.DataFrame({"metric": metric, "setting": setting, "seed": SEEDS, "value": values})


def found(frame):
    """Return the finding of `other` against `base`."""
    (finding,) = against_base(frame, "base", ["base", "other"])
    return finding


def test_directions_of_metrics():
    """More R2 is better, less error, and a ratio nearer 1, from whichever side."""
    noise = np.array([0.0, 0.01, -0.01, 0.005])
    frame = pd.concat(
        [
            rows("r2", "base", 0.5 + noise),
            rows("r2", "other", 0.8 + noise[::-1]),
            rows("acf_rms", "base", 0.2 + noise),
            rows("acf_rms", "other", 0.6 + noise[::-1]),
            rows("spread_ratio", "base", 0.5 + noise),
            rows("spread_ratio", "other", 1.1 + noise),
            rows("step_change_ratio", "base", 1.1 + noise),
            rows("step_change_ratio", "other", 0.9 - noise),
        ]
    )
    assert found(frame) == Finding("other", ("r2", "spread_ratio"), ("acf_rms",), 4)
    assert "better in R² on real test data and spread" not in found(frame).sentence("base")
    assert found(frame).sentence("base").startswith("other: better in R² on real test data, spread")


@pytest.mark.slow
def test_seeds_explain_small_differences():
    """Known good: settings that differ by seeds alone are told apart in 5 % of metrics."""
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(400):
        frame = pd.concat([rows("r2", s, rng.normal(size=4)) for s in ("base", "other")])
        told += bool(found(frame).better or found(frame).worse)
    assert 5 <= told <= 36  # binomial, 400 of 5 %: 20 give or take three and a half deviations


def test_cost_and_what_nobody_measured_are_left_out():
    """Seconds are no quality; a metric of the base alone cannot be compared."""
    frame = pd.concat(
        [
            rows(COST, "base", [1.0, 1, 1, 1]),
            rows(COST, "other", [2.0, 2, 2, 3]),
            rows("r2", "base", [1.0, 1, 1, 1]),
        ]
    )
    assert found(frame) == Finding("other", (), (), 0)
    assert found(frame).sentence("base") == "other: no difference from base in 0 metrics"


def test_a_finding_is_counted():
    """Metrics that are better and worse, of how many; none: no difference."""
    found = Finding("patch 4", ("r2",), ("acf_rms", "length_ks"), 5)
    assert found.counted() == "patch 4 better in 1, worse in 2 of 5 metrics"
    assert Finding("rope", (), (), 5).counted() == "rope no clear difference in 5 metrics"


def test_a_regressor_that_explodes_hides_no_other():
    """Known bad: the mean of two regressors says nothing where one of them is off by thousands."""
    noise = np.array([0.0, 0.01, -0.01, 0.005])
    wild = np.array([-5000.0, 0.5, -20.0, 300.0])
    frame = pd.concat(
        [
            rows("r2", "base", 0.5 + noise).assign(regressor="mlp_1"),
            rows("r2", "other", 0.8 + noise[::-1]).assign(regressor="mlp_1"),
            rows("r2", "base", wild).assign(regressor="linear"),
            rows("r2", "other", wild[::-1]).assign(regressor="linear"),
            rows("acf_rms", "base", 0.2 + noise),
            rows("acf_rms", "other", 0.6 + noise[::-1]),
        ]
    )
    assert found(frame.drop(columns="regressor")).better == ()
    told = found(frame)
    assert told == Finding("other", ("r2 mlp_1",), ("acf_rms",), 3)
    assert "better in R² on real test data, MLP, 1 layer and worse" in told.sentence("base")
    plain = frame[["setting", "metric", "seed", "value"]]
    assert by_regressor(plain) is plain
    none = by_regressor(plain.assign(regressor=np.nan))
    assert none["metric"].tolist() == plain["metric"].tolist()
