"""Laws of bounds: those of a kind bind each series, those of one table are broken by chance."""

import numpy as np
import pandas as pd
import pytest
from helpers import read_back

from tst.table.bounds import CHANCE, by_chance, n_beyond
from tst.table.roles import Roles
from tst.table.table import Table
from tst.table.validity import Laid, validity

N = 60


@pytest.mark.parametrize(
    ("n_real", "n_copy", "n_beyond_all"),
    [(10**6, 10**6, 9), (1000, 1, 0), (999, 1, 1), (50, 0, 0), (0, 7, 7)],
)
def test_how_many_are_beyond_by_chance(n_real, n_copy, n_beyond_all):
    """Of equally many, ten with 1 / 1024; one behind n others with 1 / (n + 1)."""
    assert by_chance(n_real, n_copy) == n_beyond_all


@pytest.mark.parametrize("draw", ["normal", "exponential", "standard_cauchy"])
@pytest.mark.parametrize("n_copy", [20, N, 300])
def test_other_series_of_a_kind_are_seldom_beyond(draw, n_copy):
    """Whatever the distribution: two ends, each beyond once in a thousand at most."""
    rng = np.random.default_rng(0)
    n_red = 0
    for _ in range(2000):
        real = getattr(rng, draw)(size=N)
        n_red += n_beyond(real, getattr(rng, draw)(size=n_copy)) > 0
    mean = 2000 * 2 * CHANCE
    assert n_red <= mean + 4 * np.sqrt(mean)


def test_what_is_far_beyond_counts():
    """Series that lie elsewhere, all of them; no number is beyond, too."""
    real = np.arange(N)
    assert n_beyond(real, real) == 0
    assert n_beyond(real, real + 1000) == N
    assert n_beyond(real * 1.0, np.full(N, np.nan)) == 2 * N


def test_one_series_counts_where_real_ones_share_the_bound():
    """As where all begin on one day; a bound of one series is none."""
    real = np.repeat([5, 9], N // 2)
    copy = real.copy()
    copy[7] = 4
    assert n_beyond(real, copy) == 1
    real[0] = 3
    copy[7] = 2
    assert n_beyond(real, copy) == 0


def prices(distance, seed=0):
    """Return days of N series in which high lies above low by some distance of each row."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"item": np.repeat([f"i{i:02d}" for i in range(N)], 30)})
    frame["day"] = np.tile(pd.date_range("2024-01-01", periods=30).strftime("%Y-%m-%d"), N)
    frame["low"] = (rng.normal(0, 20, len(frame))).round(2)
    frame["high"] = (frame["low"] + distance(rng, len(frame))).round(2)
    frame["state"] = np.where(rng.random(len(frame)) < 0.3, "busy", "idle")
    return frame


def counted(frame, copy, rule, *relations):
    """Return the rows of a copy that break a rule, where the user gives relations."""
    roles = Roles(relations=relations)
    table, _ = Table.fit(frame, roles)
    copy = read_back(copy)
    found = validity(table, Laid.of(table, frame, roles, True), Laid.of(table, copy, roles))
    assert found["rule"].is_unique
    return found.set_index("rule")["broken"][rule]


def crossed(frame, n_series):
    """Put high below low in a row of each of some series."""
    copy = frame.copy()
    rows = np.arange(n_series) * 30 + 4
    copy.loc[rows, "high"] = copy.loc[rows, "low"] - 1
    return copy


def test_one_row_breaks_an_order_that_real_rows_come_near():
    """Distances that begin at 0."""
    near = prices(lambda rng, n: rng.exponential(3, n))
    assert counted(near, crossed(near, 1), "low <= high") == 1


def test_an_order_that_no_real_row_comes_near_may_be_an_accident():
    """Series that cross are as many as chance puts there, or they count."""
    far = prices(lambda rng, n: rng.normal(30, 4, n).clip(12))
    allowed = by_chance(N, N)
    assert counted(far, crossed(far, allowed), "low <= high") == 0
    assert counted(far, crossed(far, allowed + 1), "low <= high") == allowed + 1


@pytest.mark.slow
def test_an_order_that_the_user_gives_is_no_accident():
    """One row counts: of two columns, over one between them, and of a limit."""
    far = prices(lambda rng, n: rng.normal(30, 4, n).clip(12))
    copy = crossed(far, 1)
    assert counted(far, copy, "low <= high") == 0
    for sentence in ("low <= high", "high >= low"):
        assert counted(far, copy, "low <= high", sentence) == 1
        assert counted(far, far, "low <= high", sentence) == 0
    middle = far["low"] + 11 * np.random.default_rng(1).random(len(far))
    three = far.assign(middle=middle.round(2))
    copy = three.assign(high=copy["high"])
    assert counted(three, copy, "low <= high", "low <= middle <= high", "low <= high") == 1
    copy = far.copy()
    copy.loc[4, "high"] = 500.0
    assert counted(far, copy, "high <= 400", "high <= 400") == 1
    assert counted(far, far, "high <= 400", "high <= 400") == 0


def test_a_rare_state_is_that_of_a_series_or_two():
    """A third series has none that no real one has."""
    frame = prices(lambda rng, n: rng.exponential(3, n))
    rule = "state is one of 2 values"
    for n_series, n_counted in ((2, 0), (3, 3)):
        copy = frame.copy()
        copy.loc[np.arange(n_series) * 30 + 4, "state"] = "down"
        assert counted(frame, copy, rule) == n_counted
