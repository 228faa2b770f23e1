"""Laws of copying and membership: a copy is found, an honest draw is not, padding and order are nothing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tst.evaluation import privacy
from tst.evaluation.embedding import RankTransform
from tst.evaluation.neighbours import nearest
from tst.series import DataError, Feature, from_list


def draw(n=101, seed=0, n_features=2, longest=11):
    """Return ragged random walks with positive steps."""
    rng = np.random.default_rng(seed)
    arrays = [
        rng.exponential(size=(rng.integers(1, longest), n_features)).cumsum(0) for _ in range(n)
    ]
    fields = {
        "name": "toy",
        "origin": "simulated",
        "interval": "5min",
        "attributes": pd.DataFrame(index=range(n)),
    }
    return from_list(arrays, features=[Feature(f"f{j}") for j in range(n_features)], **fields)


@pytest.fixture(scope="module")
def sets():
    """Return train, held_out and an honest synthetic set, of one law."""
    return tuple(draw(307, seed) for seed in range(3))


def values(*sets, seed=0):
    """Return the metrics as a mapping."""
    return privacy.privacy(*sets, seed).set_index("metric")["value"].to_dict()


def test_a_copy_is_found(sets):
    """All steps and series copied, distance ratio 0, each member found, in any order of the series."""
    train, held_out, _ = sets
    for copy in (train, train.take(np.random.default_rng(0).permutation(len(train)))):
        found = values(train, held_out, copy)
        assert (
            found["copied_step_share"]
            == found["copied_series_share"]
            == found["membership_auc"]
            == 1
        )
        assert found["nn_distance_ratio"] == 0 and found["copied_step_floor"] == 0


def test_an_honest_draw_is_at_the_floor(sets):
    """Nothing copied, ratio about 1, the attacker within the interval of random membership."""
    found = values(*sets)
    assert found["copied_step_share"] == found["copied_series_share"] == 0
    assert found["nn_distance_ratio"] == pytest.approx(1, abs=0.1)
    assert (
        found["membership_low"] - 0.03 < found["membership_auc"] < found["membership_high"] + 0.03
    )
    assert 0.44 < found["membership_low"] < 0.5 < found["membership_high"] < 0.56


def test_membership_auc_is_sklearns(sets):
    """The rank sum is the area under the curve of minus the distance to the nearest synthetic series."""
    train, held_out, synthetic = sets
    synthetic = synthetic.take(np.arange(50))
    distance = np.concatenate(
        [nearest(s, synthetic, RankTransform(train))[1][:, 0] for s in (train, held_out)]
    )
    area = roc_auc_score(np.repeat([1, 0], len(train)), -distance)
    assert privacy.membership_auc(train, held_out, synthetic, 0)[0] == pytest.approx(area)


def test_a_half_copy_lies_between(sets):
    """Copies of half of the training set: half of the members are found at once."""
    train, held_out, _ = sets
    half = privacy.membership_auc(train, held_out, train.take(np.arange(0, 307, 2)), 0)[0]
    assert 0.65 < half < 0.85


def test_copied_steps_by_hand():
    """A step counts where all features agree to 1e-6 of the value; zeros equal zeros; a near one does not count."""
    train = replace(draw(1), values=[[0, 5e-3], [100, 7], [100, 9]], lengths=[3])
    rows = [[0, 5e-3], [100.00005, 7], [100, 9.001], [100, 5e-3], [0, 0]]
    assert privacy.copied_step_share(
        train, replace(train, values=rows, lengths=[5])
    ) == pytest.approx(2 / 5)
    assert privacy.copied_step_share(train, train) == 1


def test_copied_steps_equal_the_literal_search(sets):
    """Every synthetic step against every training step, one by one."""
    train, other, _ = sets
    mixed = np.where(
        np.arange(200)[:, None] % 3 == 0, train.values[:200] * (1 + 3e-7), other.values[:200]
    )
    mixed[::5, 1] += 0.01
    x, y = mixed.astype(np.float32), train.values
    literal = (
        (np.abs(x[:, None] - y) <= 1e-6 * np.maximum(np.abs(x[:, None]), np.abs(y)))
        .all(2)
        .any(1)
        .mean()
    )
    found = privacy.copied_step_share(train, replace(draw(1), values=x, lengths=[200]))
    assert found == pytest.approx(literal) and 0.2 < found < 0.4


def test_seed_steps_are_copied_steps(sets):
    """Two real steps and two of one's own: half of the steps are copied, no series is; the donors are found."""
    train, held_out = (s.take(np.flatnonzero(s.lengths >= 4)).head(4) for s in sets[:2])
    rows = train.values.copy()
    rows[np.tile([False, False, True, True], len(train))] *= 1.01
    found = values(train, held_out, replace(train, values=rows))
    assert (
        found["copied_step_share"] == 0.5
        and found["copied_series_share"] == 0
        and found["membership_auc"] > 0.9
    )


def test_longer_neighbours_and_order_change_nothing(sets):
    """A distance depends on its pair alone."""
    train, held_out, synthetic = sets
    again = values(train, held_out, synthetic.take(np.arange(len(synthetic))[::-1]))
    assert again == pytest.approx(values(*sets))
    long = from_list([*train, np.full((401, 2), 1e6)], **fields_of(train, len(train) + 1))
    levels = RankTransform(train)
    np.testing.assert_array_equal(
        nearest(synthetic, train, levels)[1], nearest(synthetic, long, levels)[1]
    )


def fields_of(series, n):
    """Return what `from_list` asks for beside the arrays."""
    same = {k: getattr(series, k) for k in ("name", "origin", "interval", "features")}
    return same | {"attributes": pd.DataFrame(index=range(n))}


def test_equal_numbers_are_compared(sets):
    """A larger training set is no nearer: both sides are cut to the smaller; the cut repeats with its seed."""
    train, held_out, synthetic = sets
    found = values(train, held_out.take(range(100)), synthetic)
    assert found["nn_distance_ratio"] == pytest.approx(1, abs=0.15)
    assert found == values(train, held_out.take(range(100)), synthetic)
    copied = values(train, held_out.take(range(100)), train)
    assert copied["copied_step_share"] == copied["copied_series_share"] == 1


def test_hostile_sets(sets):
    """Constant features and one step a series give values; other features and lone series one sentence."""
    train, held_out, synthetic = sets
    flat = [replace(s, values=np.zeros_like(s.values)) for s in sets]
    assert all(
        np.isfinite(list(values(*case).values())).all()
        for case in (flat, [s.head(1) for s in sets])
    )
    assert values(*flat)["membership_auc"] == pytest.approx(0.5, abs=0.1)
    assert values(flat[0], held_out, synthetic)["copied_step_share"] == 0
    with pytest.raises(DataError, match="features .* differ"):
        values(train, held_out, draw(5, n_features=3))
    with pytest.raises(DataError, match="1 training and 307 held-out series; give two"):
        values(train.take([0]), held_out, synthetic)
