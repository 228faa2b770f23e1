"""Laws of what a sweep over budgets says: sides of limits as the verdicts read them, and trends."""

import math

import numpy as np
import pandas as pd
import pytest

from tst.study import budget_trends


def sweep(values, model="tst_paper"):
    """Return the table of one line at 1x, 10x and 100x of 20 steps."""
    rows = [
        {"model": model, "size": "small", "multiple": m, "n_steps": 20 * m, "value": v}
        for m, v in zip((1, 10, 100), values, strict=True)
    ]
    return pd.DataFrame(rows).assign(metric="accuracy", seed=0)


def test_ahead_reads_each_line_at_a_multiple():
    """A line in log(steps) goes on; one of two points is left out; failed runs do not count."""
    table = pd.concat([sweep([0.1, 0.2, 0.3]), sweep([0.5, np.nan, 0.7], "doppelganger")])
    (row,) = budget_trends.ahead(table, 1000).itertuples()
    assert (row.model, row.n_points, row.n_steps) == ("tst_paper", 3, 20_000)
    assert (row.value, row.low, row.high) == pytest.approx((0.4, 0.4, 0.4))


# 95 % quantile of a distance between real halves, as table 17-nulls has it.
NULLS = {
    "17-nulls": pd.DataFrame(
        {"dataset": ["borg2019"], "metric": ["acf_rms"], "level": [0.95], "value": [0.1]}
    )
}


def judged(ours, other, metric="accuracy", nulls=NULLS):
    """Return the judgement of two models' lines on borg2019, a row a claim."""
    table = pd.concat([sweep(ours), sweep(other, "doppelganger")])
    return budget_trends.judged(table.assign(metric=metric, dataset="borg2019"), nulls, 1000)


@pytest.mark.parametrize(
    ("other", "holds", "moves", "ahead"),
    [
        ([0.0, 0.1, 0.2], 3, False, "stays"),
        ([0.0, 0.1, 0.4], 2, True, "open"),
        ([0.9, 0.9, 0.9], 0, False, "stays"),
        ([0.05, 0.16, 0.27], 3, False, "stays"),
        ([0.0, 0.19, 0.38], 2, True, "turns"),
    ],
)
def test_a_difference_is_judged_at_each_budget_and_further_on(other, holds, moves, ahead):
    """Accuracy of TST above DG's (C1): how often, whether that changes, where the trend leads."""
    (row,) = judged([0.1, 0.2, 0.3], other).itertuples()
    assert (row.claim, row.holds, row.budgets, row.moves) == ("C1", holds, 3, moves)
    assert (row.ahead == "turns") is (ahead == "turns")
    assert row.first == pytest.approx(0.1 - other[0])
    line = np.polyfit([0, 1, 2], np.subtract([0.1, 0.2, 0.3], other), 1)
    assert row.value == pytest.approx(np.polyval(line, 3), abs=1e-9)
    words = budget_trends.sentence(row, 1000)
    assert words.startswith("C1, TST - DG, accuracy") and f"{holds} of 3 budgets" in words


def test_a_distance_is_judged_in_units_of_real_halves_on_the_log_scale():
    """Autocorrelation (C8) of TST alone, below 1.5 quantiles; ten times the steps halve it."""
    (row,) = judged([0.4, 0.2, 0.1], [9, 9, 9], "acf_rms").itertuples()
    assert (row.claim, row.holds, row.budgets, row.ahead) == ("C8", 1, 3, "turns")
    assert (row.first, row.last, row.value) == pytest.approx((4, 1, 0.5))
    assert not len(judged([0.4, 0.2, 0.1], [9, 9, 9], "acf_rms", {}))
    table = sweep([1, 2, 3]).assign(dataset="borg2019")
    assert budget_trends.limits(table, NULLS) == {"acf_rms": pytest.approx(0.15)}


def test_a_table_is_judged_in_any_order_by_the_size_with_most_budgets():
    """As a file has it, sorted; what a large model reached at one budget counts as a budget."""
    table = pd.concat([sweep([0.1, 0.2, 0.3]), sweep([0.0, 0.1, 0.2], "doppelganger")])
    large = table[table["multiple"] == 1].assign(size="large", value=lambda t: -t["value"])
    both = pd.concat([large, table]).assign(dataset="borg2019")
    (row,) = budget_trends.judged(both, NULLS, 1000).itertuples()
    assert (row.least, row.most, row.first, row.last) == pytest.approx((1, 100, 0.1, 0.1))
    assert (row.holds, row.budgets, row.moves) == (3, 4, True)
    words = budget_trends.in_markdown(budget_trends.judged(both, NULLS, 1000))
    assert "| 0.100 (1x) | 0.100 (100x) | 3 of 4 budgets | 0.100 [0.100, 0.100], the same" in words


def test_what_a_sweep_cannot_compare_is_not_judged():
    """No other side, no value of a run that failed; two budgets have a side but no trend."""
    assert not len(budget_trends.judged(sweep([1, 2, 3]).assign(dataset="borg2019"), NULLS, 1000))
    (row,) = judged([0.1, np.nan, 0.3], [0.0, 0.1, 0.2]).itertuples()
    assert row.budgets == 2
    assert math.isnan(row.value)
    assert budget_trends.sentence(row, 1000).endswith("so at 2 of 2 budgets.")
