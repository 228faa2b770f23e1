"""Laws of copying and membership: a copy is found, an honest draw is not, order is nothing."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import toy_series
from sklearn.metrics import roc_auc_score

from tst.errors import DataError
from tst.evaluation import privacy
from tst.evaluation.embedding import RankTransform
from tst.evaluation.reference import Reference, nearest


def walks(n=101, seed=0, n_features=2, longest=11):
    """Return ragged random walks with positive steps."""
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(n):
        arrays.append(rng.exponential(size=(rng.integers(1, longest), n_features)).cumsum(0))
    return toy_series(arrays)


@pytest.fixture(scope="module")
def sets():
    """Return train, held_out and an honest synthetic set, of one law."""
    return tuple(walks(307, seed) for seed in range(3))


def metrics(train, held_out, synthetic, seed=0):
    """Return the metrics as a mapping."""
    frame = privacy.privacy(train, held_out, synthetic, seed)
    return frame.set_index("metric")["value"].to_dict()


def test_a_copy_is_found(sets):
    """All steps and series copied, ratio 0, each member found, in any order of the series."""
    train, held_out, _ = sets
    order = np.random.default_rng(0).permutation(len(train))
    for copy in (train, train.take(order)):
        value = metrics(train, held_out, copy)
        for metric in ("copied_step_share", "copied_series_share", "membership_auc"):
            assert value[metric] == 1
        assert value["nn_distance_ratio"] == 0
        assert value["copied_step_floor"] == 0


def test_an_honest_draw_is_at_the_floor(sets):
    """Nothing copied, ratio about 1, the attacker within the interval of random membership."""
    value = metrics(*sets)
    assert value["copied_step_share"] == value["copied_series_share"] == 0
    assert value["nn_distance_ratio"] == pytest.approx(1, abs=0.1)
    low = value["membership_low"]
    high = value["membership_high"]
    assert low - 0.03 < value["membership_auc"] < high + 0.03
    assert 0.44 < low < 0.5 < high < 0.56


def test_membership_auc_is_sklearns(sets):
    """The rank sum is the area under the curve of minus the distance to the nearest synthetic."""
    train, held_out, synthetic = sets
    synthetic = synthetic.take(np.arange(50))
    ranks = RankTransform(train)
    distance = [nearest(s, synthetic, ranks)[1][:, 0] for s in (train, held_out)]
    area = roc_auc_score(np.repeat([1, 0], len(train)), -np.concatenate(distance))
    assert privacy.membership_auc(train, held_out, synthetic, 0)[0] == pytest.approx(area)


def test_membership_is_judged_by_the_95_per_cent_of_random_members(sets):
    """The interval is that of Mann and Whitney's U: 1.96 standard deviations about a half."""
    _, low, high = privacy.membership_auc(*sets, 0)
    n = len(sets[0])
    half = 1.96 * np.sqrt((2 * n + 1) / 12) / n
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.1 * half)


def test_a_half_copy_lies_between(sets):
    """Copies of half of the training set: half of the members are found at once."""
    train, held_out, _ = sets
    half = train.take(np.arange(0, 307, 2))
    assert 0.65 < privacy.membership_auc(train, held_out, half, 0)[0] < 0.85


def test_copied_steps_by_hand():
    """A step counts where all features agree to 1e-6 of the value; zeros equal zeros."""
    train = toy_series([np.array([[0, 5e-3], [100, 7], [100, 9]])])
    steps = np.array([[0, 5e-3], [100.00005, 7], [100, 9.00005], [100, 5e-3], [0, 0]])
    assert privacy.copied_step_share(train, toy_series([steps])) == pytest.approx(2 / 5)
    assert privacy.copied_step_share(train, train) == 1


def test_copied_steps_equal_the_literal_search(sets):
    """Every synthetic step against every training step, one by one."""
    train, other, _ = sets
    copied = np.arange(200)[:, None] % 3 == 0
    mixed = np.where(copied, train.values[:200] * (1 + 3e-7), other.values[:200])
    mixed[::5, 1] += 0.01
    x = mixed.astype(np.float32)[:, None]  # (200, 1, 2)
    y = train.values  # (steps, 2)
    equal = np.abs(x - y) <= 1e-6 * np.maximum(np.abs(x), np.abs(y))
    literal = equal.all(2).any(1).mean()
    assert privacy.copied_step_share(train, toy_series([mixed])) == pytest.approx(literal)
    assert 0.2 < literal < 0.4


def test_seed_steps_are_copied_steps(sets):
    """Two real steps and two of one's own: half of the steps are copied, no series is."""
    train, held_out = (s.take(np.flatnonzero(s.lengths >= 4)).head(4) for s in sets[:2])
    own = np.tile([False, False, True, True], len(train))
    seeded = replace(train, values=np.where(own[:, None], train.values * 1.01, train.values))
    value = metrics(train, held_out, seeded)
    assert value["copied_step_share"] == 0.5
    assert value["copied_series_share"] == 0
    assert value["membership_auc"] > 0.9  # the donors are found


def test_longer_neighbours_and_order_change_nothing(sets):
    """A distance depends on its pair alone."""
    train, held_out, synthetic = sets
    again = metrics(train, held_out, synthetic.take(np.arange(len(synthetic))[::-1]))
    assert again == pytest.approx(metrics(*sets))
    long = toy_series([*train, np.full((401, 2), 1e6)])
    ranks = RankTransform(train)
    np.testing.assert_array_equal(
        nearest(synthetic, train, ranks)[1], nearest(synthetic, long, ranks)[1]
    )


def test_equal_numbers_are_compared(sets):
    """A larger training set is no nearer: both sides are cut to the smaller, by the seed."""
    train, held_out, synthetic = sets
    few = held_out.take(range(100))
    value = metrics(train, few, synthetic)
    assert value["nn_distance_ratio"] == pytest.approx(1, abs=0.15)
    assert value == metrics(train, few, synthetic)
    copied = metrics(train, few, train)
    assert copied["copied_step_share"] == copied["copied_series_share"] == 1


def test_a_reference_gives_what_the_set_gives(sets):
    """Also the second time, and for another held-out set."""
    train, held_out, synthetic = sets
    reference = Reference(train)
    for other in (held_out, held_out.take(range(100)), held_out):
        assert metrics(reference, other, synthetic) == metrics(train, other, synthetic)


def test_hostile_sets_give_values(sets):
    """Constant features and one step a series."""
    _, held_out, synthetic = sets
    flat = [replace(s, values=np.zeros_like(s.values)) for s in sets]
    for case in (flat, [s.head(1) for s in sets]):
        assert np.isfinite(list(metrics(*case).values())).all()
    assert metrics(*flat)["membership_auc"] == pytest.approx(0.5, abs=0.1)
    assert metrics(flat[0], held_out, synthetic)["copied_step_share"] == 0


def test_what_cannot_be_compared_is_refused(sets):
    """Other features and lone series: one sentence."""
    train, held_out, synthetic = sets
    with pytest.raises(DataError, match=r"features .* differ"):
        metrics(train, held_out, walks(5, n_features=3))
    with pytest.raises(DataError, match="1 training and 307 held-out series; give two"):
        metrics(train.take([0]), held_out, synthetic)


def test_ranks_are_those_of_the_members_that_are_compared(sets):
    """Where fewer series were held out, the training set's part of that size gives the ranks."""
    train, held_out, synthetic = sets
    few = held_out.take(np.arange(23))
    part = privacy.subsample(train, len(few), 5)
    for measure in (privacy.nn_distance_ratio, privacy.membership_auc):
        assert measure(Reference(train), few, synthetic, 5) == measure(part, few, synthetic, 5)
