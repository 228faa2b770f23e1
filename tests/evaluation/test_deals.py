"""Laws of measures with dealt floors: known answers, honest sets within, each damage beyond."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tst.evaluation import deals
from tst.evaluation.deals import Deals, codes_of, compare, differing, moved
from tst.series import Feature, SeriesSet

WEEK = "weekday"


def population(n, seed, group=None):
    """Return series of two measurements whose level follows a class and whose size the weekday."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(8, 40, n)
    kind = rng.integers(0, 3, n)
    region = np.where(rng.random(n) < 0.7, kind, rng.integers(0, 3, n))
    values = []
    for i in range(n):
        noise = rng.normal(size=(lengths[i], 2))
        for t in range(1, lengths[i]):
            noise[t] = 0.7 * noise[t - 1] + 0.71 * noise[t]
        day = (np.arange(lengths[i]) + rng.integers(0, 7)) % 7
        first = 2 * kind[i] + rng.normal(0, 0.5) + noise[:, 0] + 1.5 * (day >= 5)
        values.append(np.stack([first, 0.8 * noise[:, 0] + 0.6 * noise[:, 1], day], axis=1))
    attributes = {
        "kind": pd.Categorical(np.array(["a", "b", "c"])[kind], ["a", "b", "c"]),
        "region": pd.Categorical(np.array(["x", "y", "z"])[region], ["x", "y", "z"]),
    }
    return SeriesSet(
        name="population",
        values=np.concatenate(values).astype(np.float32),
        lengths=lengths,
        features=[Feature("a"), Feature("b"), Feature(WEEK)],
        attributes=pd.DataFrame(attributes),
        origin="simulated",
        interval="1D",
        label="kind",
    )


def halves(seed=0, n=160):
    """Return held-out and learned series."""
    real = population(n, seed)
    return real.take(np.arange(n // 4)), real.take(np.arange(n // 4, n))


def beyond(synthetic, seed=0):
    """Return the measures by which a set is beyond its limit."""
    found = compare(*halves(seed), synthetic, seed, [WEEK])
    return set(found["measure"][found["times"] > found["limit"]])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_other_series_of_the_same_kind_are_within_all_limits(seed):
    """So are the learned series themselves, drawn again: copying is not what is judged here."""
    assert beyond(population(160, 1000 + seed), seed) == set()
    learned = halves(seed)[1]
    drawn = np.random.default_rng(seed).integers(0, len(learned), 160)
    assert beyond(learned.take(drawn), seed) == set()


def permuted(series, rng):
    """Attributes of other series."""
    order = rng.permutation(len(series))
    return replace(series, attributes=series.attributes.iloc[order].reset_index(drop=True))


def shuffled(series, rng):
    """Steps in another order."""
    order = np.lexsort((rng.random(len(series.values)), series.series_index))
    return replace(series, values=series.values[order])


def regrouped(series, rng):
    """Each step from another series."""
    values = series.values.copy()
    for step in range(int(series.lengths.max())):
        rows = np.flatnonzero(series.step_index == step)
        values[rows] = values[rng.permutation(rows)]
    return replace(series, values=values)


def changed(series, feature, change):
    """A feature through a function."""
    values = series.values.copy()
    values[:, feature] = change(values[:, feature])
    return replace(series, values=values)


def paired_anew(series, rng):
    """One attribute of other series."""
    dealt = series.attributes["region"].sample(frac=1, random_state=1).array
    return replace(series, attributes=series.attributes.assign(region=dealt))


DAMAGES = {
    "attributes": permuted,
    "autocorrelation": shuffled,
    "level": regrouped,
    "values": lambda s, rng: changed(s, 1, lambda x: 2 * x),
    "lengths": lambda s, rng: s.head(12),
    "pairs": paired_anew,
    "calendar": lambda s, rng: changed(s, 2, lambda day: (day + 3) % 7),
    "times": lambda s, rng: changed(s, 2, lambda day: np.minimum(day, 4)),
    "correlation": lambda s, rng: changed(s, 1, lambda x: -x),
    "steps": lambda s, rng: changed(s, 1, lambda x: np.round(x)),
    "course": lambda s, rng: replace(
        s, values=s.values + np.outer(s.step_index, [0.1, 0, 0]).astype(np.float32)
    ),
    "classes": lambda s, rng: s.take(np.flatnonzero(s.labels == "b")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_beyond_the_limit_of_its_measure(name):
    """Of series that are else of the same kind."""
    assert name in beyond(DAMAGES[name](population(160, 1000), np.random.default_rng(0)))


def test_distances_have_known_answers():
    """All moved by one of four bins; half in other classes."""
    a = np.array([[2.0, 2.0, 0.0, 0.0]])
    b = np.array([[0.0, 4.0, 4.0, 0.0]])
    assert moved(a, b) == pytest.approx([0.25])
    assert differing(a, b) == pytest.approx([0.5])
    assert moved(a, 3 * a) == pytest.approx([0])


def test_dependence_of_pairs_does_not_see_their_classes():
    """Independent pairs of any shares have none; equal ones the most."""
    shares = np.outer([0.9, 0.1], [0.3, 0.7]).ravel()
    equal = np.array([0.5, 0, 0, 0.5])
    assert deals._dependence(shares) == pytest.approx(np.zeros((2, 2)))
    assert np.abs(deals._dependence(equal)) == pytest.approx(np.full((2, 2), 0.25))


def test_a_deal_has_no_series_on_both_sides():
    """Of the sizes asked, and different from deal to deal; a group is divided once at most."""
    group = np.repeat(np.arange(10), 3)
    dealt = Deals.draw(group, 9, 15, 0)
    assert (dealt.first.sum(1) == 9).all()
    assert (dealt.second.sum(1) == 15).all()
    assert not (dealt.first & (dealt.second > 0)).any()
    assert dealt.second.max() > 1  # drawn with replacement
    assert len(np.unique(dealt.first, axis=0)) > deals.N_DEALS / 10
    is_divided = dealt.first.reshape(-1, 10, 3).sum(2) % 3 != 0
    assert (is_divided.sum(1) == 0).all()


def test_classes_are_counted_from_the_commonest():
    """Rare ones and unknown ones share the last number."""
    names = ["b"] * 5 + ["a"] * 3 + ["c"]
    real = replace(
        population(9, 0), attributes=pd.DataFrame({"kind": pd.Categorical(names)}), label=None
    )
    other = replace(
        real, attributes=pd.DataFrame({"kind": pd.Categorical(["a", "z", "c", "b"] * 2 + ["a"])})
    )
    assert codes_of(real, other, "kind", 2).tolist() == [1, 2, 2, 0, 1, 2, 2, 0, 1]


def test_a_set_without_attributes_or_a_second_step_is_judged():
    """By what it has."""
    held_out, learned = halves()
    sets = [
        replace(s.head(1), attributes=pd.DataFrame(index=range(len(s))), label=None)
        for s in (held_out, learned, population(80, 7))
    ]
    found = compare(*sets, 0, [WEEK])
    assert "values" in set(found["measure"])
    assert not {"autocorrelation", "steps", "attributes"} & set(found["measure"])
    assert np.isfinite(found[["value", "floor", "times", "limit"]].to_numpy()).all()
