"""Laws of extrapolation: a line is met exactly, a new run falls into the interval as often as said.

Known-good: runs on a line with noise. Known-bad: too few points, one budget only, a curve.
"""

import numpy as np
import pytest

from tst.evaluation.extrapolation import extrapolate

STEPS = np.array([100, 300, 1000, 3000])


def test_a_line_is_met_without_error():
    """Values that are a + b log(steps) go on as such, with an interval of no width."""
    value, low, high = extrapolate(STEPS, 0.3 + 0.07 * np.log(STEPS), 30_000)
    assert value == pytest.approx(0.3 + 0.07 * np.log(30_000))
    assert (low, high) == pytest.approx((value, value))


@pytest.mark.slow
def test_a_new_run_falls_into_the_interval_as_often_as_said():
    """Of 2,000 noisy lines: 95 of 100, and 50 of 100 where half is asked for."""
    rng = np.random.default_rng(0)
    inside = {0.95: 0, 0.5: 0}
    for _ in range(2000):
        slope = rng.normal()
        values = slope * np.log(STEPS) + rng.normal(size=4)
        truth = slope * np.log(10_000) + rng.normal()
        for confidence in inside:
            _, low, high = extrapolate(STEPS, values, 10_000, confidence)
            inside[confidence] += low <= truth <= high
    assert inside[0.95] / 2000 == pytest.approx(0.95, abs=0.02)
    assert inside[0.5] / 2000 == pytest.approx(0.5, abs=0.05)


def test_further_ahead_is_less_certain():
    """The interval is narrowest among the points, and grows with every decade."""
    values = [0.1, 0.3, 0.25, 0.5]
    widths = []
    for at in (500, 3000, 30_000, 300_000):
        _, low, high = extrapolate(STEPS, values, at)
        widths.append(high - low)
    assert widths == sorted(widths)
    assert widths[0] > 0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_points_are_no_line(n):
    """A line through two points has no error, so there is none."""
    assert np.isnan(extrapolate(STEPS[:n], np.ones(n), 10_000)).all()
    assert np.isnan(extrapolate([100] * 4, [1, 2, 3, 4], 10_000)).all()
