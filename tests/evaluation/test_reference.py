"""Laws of the reference: what it holds is what would be computed afresh, once, and no longer."""

import gc
from dataclasses import replace

import numpy as np
import pytest
from helpers import ar1_series, toy_series

from tst.evaluation import reference
from tst.evaluation.embedding import RankTransform, embed
from tst.evaluation.ragged import subsample
from tst.evaluation.reference import Reference, StepTree, nearest
from tst.series import concat


@pytest.fixture
def embedded(monkeypatch):
    """Return the sizes of the sets that were embedded."""
    sizes = []

    def counting(series, rank_transform):
        sizes.append(len(series))
        return embed(series, rank_transform)

    monkeypatch.setattr(reference, "embed", counting)
    return sizes


def test_a_reference_of_a_reference_is_itself():
    """`Reference.of` makes one of a set and passes one on."""
    real = ar1_series(31)
    reference = Reference.of(real)
    assert reference.real is real
    assert Reference.of(reference) is reference


def test_an_embedding_is_that_of_the_drawn_series_and_made_once(embedded):
    """Other numbers and seeds are other draws; a whole set has one embedding for all seeds."""
    real = ar1_series(31)
    reference = Reference(real)
    for n, seed in ((7, 0), (7, 1), (11, 0), (31, 0), (99, 5), (7, 0)):
        expected = embed(subsample(real, n, seed), reference.rank_transform)
        np.testing.assert_array_equal(reference.embedding(real, n, seed), expected)
    assert embedded == [7, 7, 11, 31]


@pytest.mark.slow
def test_two_sets_of_equal_values_do_not_share_their_place(embedded):
    """Sets are told apart as objects; a set that nobody holds is forgotten."""
    reference = Reference(ar1_series(31))
    one = ar1_series(13, seed=1)
    reference.embedding(one, 20, 0)
    reference.embedding(ar1_series(13, seed=1), 20, 0)
    assert embedded == [13, 13]
    del one
    gc.collect()
    reference.embedding(ar1_series(13, seed=2), 20, 0)
    assert embedded == [13, 13, 13]


def test_a_copied_share_knows_its_tolerance():
    """The share of one tolerance is not returned for another."""
    real = ar1_series(31)
    near = replace(real, values=real.values * np.float32(1 + 1e-4))
    reference = Reference(real)
    assert reference.copied_share(near, 1e-6) == 0
    assert reference.copied_share(near, 1e-3) == 1
    assert reference.copied_share(near, 1e-6) == 0


@pytest.fixture(scope="module")
def real():
    """A training set."""
    return ar1_series(199)


def literal_distances(a, b):
    """Return all distances of two sets of ranks: pad within the pair, an absent step is 1 away."""
    distances = np.empty((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            x = a[i].astype(float)
            y = b[j].astype(float)
            n = min(len(x), len(y))
            longer = max(len(x), len(y))
            apart = ((x[:n] - y[:n]) ** 2).mean(1).sum() + longer - n
            distances[i, j] = np.sqrt(apart / longer)
    return distances


def test_distance_equals_the_literal_one(real):
    """Every pair, one by one; the order is that of the distances."""
    ranks = RankTransform(real)
    queries = real.take(range(11))
    references = ar1_series(13, seed=5)
    literal = literal_distances(ranks(queries), ranks(references))
    index, distance = nearest(queries, references, ranks, k=3)
    np.testing.assert_allclose(distance, np.sort(literal, axis=1)[:, :3], atol=1e-9)
    np.testing.assert_array_equal(index, np.argsort(literal, axis=1, kind="stable")[:, :3])


def test_chunks_change_nothing(real, monkeypatch):
    """Queries in many small chunks have the neighbours that they have in one."""
    ranks = RankTransform(real)
    index, distance = nearest(real, ar1_series(31, seed=5), ranks, k=2)
    monkeypatch.setattr(reference, "VALUES_AT_ONCE", 200)
    small_index, small_distance = nearest(real, ar1_series(31, seed=5), ranks, k=2)
    np.testing.assert_array_equal(small_index, index)
    np.testing.assert_allclose(small_distance, distance, atol=1e-12)


def test_longer_neighbours_change_no_distance(real):
    """A distance depends on its pair alone; each series is its own nearest."""
    long = toy_series([np.random.default_rng(0).standard_normal((307, 3)).cumsum(0)])
    bare = replace(real, attributes=long.attributes.iloc[[0] * len(real)], label=None)
    index, distance = nearest(real, concat([bare, long]), RankTransform(real), k=2)
    assert (index[:, 0] == np.arange(len(real))).all()
    assert (distance[:, 0] == 0).all()
    assert (index[:, 1] < 199).all()


def test_neighbours_of_a_copy_are_itself(real):
    """Three ranks a series, nearest first, a copy's first neighbour is its original."""
    frame = reference.neighbours(real, real.take([5, 9, 77]), n=2, seed=1)
    assert list(frame.columns) == ["series", "rank", "neighbour", "distance"]
    assert len(frame) == 6
    first = frame[frame["rank"] == 1]
    assert (first["distance"] == 0).all()
    assert set(first["neighbour"]) < {5, 9, 77}
    assert frame.groupby("series")["distance"].is_monotonic_increasing.all()


def test_the_tree_of_steps_counts_repeated_steps():
    """A step that occurs three times counts three times; the tolerance is relative to the value."""
    tree = StepTree(toy_series([np.array([[1.0, 2], [100, 3]])]))
    steps = toy_series([np.array([[1.0, 2], [1, 2], [1, 2], [100.01, 3]])])
    assert tree.copied_share(steps, 1e-6) == 0.75
    assert tree.copied_share(steps, 1e-3) == 1
