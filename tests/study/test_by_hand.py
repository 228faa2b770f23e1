"""Laws of the comparison with generators run by hand: known intervals, a table that says enough."""

import numpy as np
import pandas as pd
import pytest

from tst.errors import DataError
from tst.study.peers import by_hand


def scores(ours, theirs):
    """Return the rows of one metric."""
    models = ["ours"] * len(ours) + ["theirs"] * len(theirs)
    seeds = [*range(len(ours)), *range(len(theirs))]
    values = [*ours, *theirs]
    return pd.DataFrame({"model": models, "seed": seeds, "metric": "acf", "value": values})


def test_the_interval_of_a_difference():
    """Worked out: 2 - 5, standard error sqrt(1/3 + 1/3), 4 degrees of freedom, t = 2.776."""
    found = by_hand.beside(scores([1, 2, 3], [4, 5, 6]), "ours", "theirs").loc["acf"]
    half_width = 2.7764451 * np.sqrt(2 / 3)
    np.testing.assert_allclose([found["low"], found["high"]], [-3 - half_width, -3 + half_width])
    assert (found["ours"], found["theirs"], found["within"]) == (2, 5, False)


def test_equal_models_are_within_and_shifted_ones_are_not():
    """Five trainings each: of one distribution 5 % err, of two far apart few pass."""
    rng = np.random.default_rng(0)
    passed = {0.0: 0, 3.0: 0}
    for shift in passed:
        for _ in range(100):
            pair = scores(rng.normal(size=5), rng.normal(shift, size=5))
            passed[shift] += int(by_hand.beside(pair, "ours", "theirs").loc["acf", "within"])
    assert passed[0.0] >= 90
    assert passed[3.0] <= 10


def test_one_training_has_no_interval():
    """It is said which model lacks some."""
    with pytest.raises(DataError, match="acf: ours has 1 trainings, theirs 2"):
        by_hand.beside(scores([1], [4, 5]), "ours", "theirs")


def test_rows_as_trainings_hold_each_score_and_each_cost_once():
    """What the table has, and one core_seconds of each model and seed; of no set, nothing."""
    known, found = by_hand.rows("mba"), by_hand.as_trainings("mba")
    costs = found[found["metric"] == "core_seconds"]
    each = known.drop_duplicates(["model", "seed"])
    assert costs["value"].tolist() == each["core_seconds"].tolist()
    assert found["value"].tolist() == [*known["value"], *each["core_seconds"]]
    assert by_hand.as_trainings("nothing").empty


def test_the_table_says_where_its_rows_come_from():
    """Each score once, finite, with source, licence, commit, settings and cost."""
    frame = pd.read_csv(by_hand.TABLE, dtype={"commit": str})
    assert not frame.duplicated(["dataset", "model", "settings", "seed", "metric"]).any()
    assert frame.notna().all().all() and np.isfinite(frame["value"]).all()
    assert frame["commit"].str.fullmatch("[0-9a-f]{40}").all()
    assert (frame["core_seconds"] > 0).all()
