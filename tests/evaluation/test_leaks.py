"""Laws of leaks: honest sets show no sign, copies of learned series do."""

import numpy as np
import pytest
from helpers import ar1_series

from tst.evaluation.leaks import leaks
from tst.series import concat


def signs(synthetic, learned, held_out, seed=0):
    """Return {name: whether it is beyond its limit}."""
    return {one.name: one.is_beyond for one in leaks(learned, held_out, synthetic, seed)}


@pytest.mark.parametrize("seed", range(5))
def test_other_series_of_the_same_kind_show_no_sign(seed):
    """Nor do they where held-out series are few."""
    learned, held_out, other = (ar1_series(n, 10 * seed + i) for i, n in enumerate((90, 30, 90)))
    assert not any(signs(other, learned, held_out, seed).values())


def test_copies_show():
    """All, a tenth, and all with a little noise."""
    learned, held_out, other = (ar1_series(n, i) for i, n in enumerate((90, 60, 90)))
    assert all(signs(learned, learned, held_out).values())
    mixed = concat([other.take(np.arange(81)), learned.take(np.arange(9))])
    found = signs(mixed, learned, held_out)
    assert found["copied_series"] and found["copied_steps"]


def test_values_that_repeat_in_real_series_are_no_sign():
    """Of one step and few values many series are copies: held-out ones too."""
    learned, held_out, other = (ar1_series(n, i, low=1, high=2) for i, n in enumerate((90, 60, 90)))
    for series in (learned, held_out, other):
        series.values[:] = np.sign(series.values)
    found = {one.name: one for one in leaks(learned, held_out, other, 0)}
    assert found["copied_series"].value > 0.5
    assert not any(one.is_beyond for one in found.values())
