"""Laws of the decisions: regions, joined intervals, power, intersection-union."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from tst.evaluation.bootstrap import Difference
from tst.study import decisions

GOOD, BAD, OPEN, NONE = "supported", "contradicted", "inconclusive", "not tested"
ABOVE, BELOW, WITHIN = (0.0, np.inf), (-np.inf, 1.5), (-0.1, 0.1)


@pytest.mark.parametrize(
    ("values", "region", "expected"),
    [
        ([0.3, 0.31, 0.32], ABOVE, GOOD),
        ([-0.3, -0.31, -0.32], ABOVE, BAD),
        ([0.1, -0.05, 0.1], ABOVE, OPEN),
        ([1.0, 1.01, 1.02], BELOW, GOOD),
        ([1.4, 1.5, 1.7], BELOW, OPEN),
        ([2.0, 2.01, 2.02], BELOW, BAD),
        ([0.01, 0.0, -0.01], WITHIN, GOOD),
        ([0.1, 0.11, 0.09], WITHIN, OPEN),
        ([0.3, 0.31, 0.32], WITHIN, BAD),
        ([0.3, 0.31], ABOVE, OPEN),
        ([0.3], ABOVE, OPEN),
    ],
)
def test_a_verdict_says_where_the_whole_interval_lies(values, region, expected):
    """On the claimed side, on the other, or on both; fewer than three seeds decide nothing."""
    assert decisions.decide(decisions.estimate(values, region), region) == expected


@pytest.mark.slow
@pytest.mark.parametrize("region", [ABOVE, BELOW, WITHIN])
def test_a_verdict_and_its_p_agree(region):
    """Decided just where p, that the truth lies at the end of the region, is below .05."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        values = rng.normal(rng.uniform(-2, 4), 0.5, 4)
        found = decisions.estimate(values, region)
        assert (decisions.decide(found, region) != OPEN) <= (found.p < 0.05)
        if not np.isfinite(region).all():
            assert (decisions.decide(found, region) != OPEN) == (found.p < 0.05)


def test_the_wider_of_two_intervals_counts():
    """Student's over seeds and the bootstrap's join; the larger p and the larger effect count."""
    values = [0.3, 0.31, 0.32]
    alone = decisions.estimate(values, ABOVE)
    resampled = Difference(0.31, -0.1, 0.6, 0.2)
    both = decisions.estimate(values, ABOVE, resampled=resampled)
    assert (both.low, both.high, both.p) == (-0.1, 0.6, 0.2)
    assert both.mde > alone.mde
    assert decisions.decide(both, ABOVE) == OPEN


def test_ratios_are_judged_on_the_log_scale():
    """The interval is that of the logarithms and never below 0."""
    values = np.array([0.2, 1.0, 3.0])
    found = decisions.estimate(values, BELOW, "log")
    expected = stats.t.interval(0.95, 2, np.log(values).mean(), stats.sem(np.log(values)))
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(expected)))
    assert found.value == pytest.approx(np.exp(np.log(values).mean()))
    assert decisions.estimate([0.0, 0.0, 0.0], BELOW, "log").high < 1e-9


@pytest.mark.parametrize("n", [3, 5, 12])
def test_the_detectable_effect_has_its_power(n):
    """As statsmodels solves it, and as simulation finds it."""
    rng = np.random.default_rng(n)
    x = rng.normal(0, 0.02, n)
    effect = decisions.detectable(x)
    of_deviation = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8, alternative="larger")
    two_sided = TTestPower().solve_power(nobs=n, alpha=0.025, power=0.8, alternative="larger")
    assert effect == pytest.approx(two_sided * x.std(ddof=1), rel=1e-3)
    assert effect > of_deviation * x.std(ddof=1)
    draws = rng.normal(effect, x.std(ddof=1), (4000, n))
    p = stats.ttest_1samp(draws, 0, axis=1).pvalue
    assert (p < 0.05).mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.1, 1e6])
def test_values_that_are_all_the_same_have_no_detectable_effect(value):
    """Rounding is no spread; a bootstrap that has one still gives a number."""
    same = np.full(10, value) * (1 + 1e-15 * np.arange(10))
    assert np.isnan(decisions.detectable(same))
    found = decisions.estimate(same, ABOVE, resampled=Difference(value, value, value, 1.0))
    assert np.isnan(found.mde)
    found = decisions.estimate(
        same, ABOVE, resampled=Difference(value, value - 0.1, value + 0.1, 1.0)
    )
    assert found.mde == pytest.approx(0.1 * (1.96 + 0.8416) / 1.96, rel=1e-3)


@pytest.mark.parametrize(
    ("verdicts", "p", "expected"),
    [
        ([GOOD, GOOD], [0.01, 0.04], (GOOD, 0.04)),
        ([GOOD, OPEN], [0.01, 0.4], (OPEN, np.nan)),
        ([GOOD, NONE], [0.01, np.nan], (OPEN, np.nan)),
        ([NONE, NONE], [np.nan, np.nan], (NONE, np.nan)),
        ([GOOD, BAD], [0.01, 0.02], (BAD, 0.04)),
        ([GOOD, BAD, OPEN], [0.01, 0.02, 0.5], (OPEN, 0.06)),
        ([GOOD, BAD], [np.nan, np.nan], (BAD, 0.0)),
    ],
)
def test_endpoints_decide_together(verdicts, p, expected):
    """Supported where all are; one that speaks against counts after Bonferroni."""
    word, value = decisions.joined(verdicts, p)
    assert word == expected[0]
    assert value == pytest.approx(expected[1], nan_ok=True)


def test_three_seeds_of_no_effect_seldom_decide():
    """A claim of a difference where there is none is decided in about one of twenty studies."""
    rng = np.random.default_rng(1)
    words = []
    for _ in range(400):
        words.append(decisions.decide(decisions.estimate(rng.normal(0, 1, 3), ABOVE), ABOVE))
    assert np.mean(np.array(words) != OPEN) <= 0.08
