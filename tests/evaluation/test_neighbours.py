"""Laws of nearest neighbours: the literal distance, blind to company; a copy is at 0."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import ar1_series, toy_series

from tst.evaluation import neighbours
from tst.evaluation.embedding import RankTransform
from tst.evaluation.neighbours import StepTree, nearest
from tst.series import concat


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
    monkeypatch.setattr(neighbours, "VALUES_AT_ONCE", 200)
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
    frame = neighbours.neighbours(real, real.take([5, 9, 77]), n=2, seed=1)
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
