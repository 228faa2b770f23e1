"""Laws of the rank transform and the embedding: bounded, pinned, blind to neighbours; t-SNE."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import ar1_series, toy_series

from tst.errors import DataError
from tst.evaluation.embedding import RankTransform, embed, tsne
from tst.series import concat


@pytest.fixture(scope="module")
def real():
    """A training set."""
    return ar1_series(199)


def test_ranks_are_monotone_and_bounded(real):
    """Within the real range from 0 to 1, beyond it on; a constant feature has a rank, too."""
    ranks = RankTransform(real)
    inside = ranks(real).values
    assert inside.min() >= 0
    assert inside.max() <= 1
    assert abs(inside.mean() - 0.5) < 0.01
    order = np.argsort(real.values[:, 0])
    assert (np.diff(inside[order, 0]) >= 0).all()
    assert ranks(replace(real, values=real.values + 100)).values.min() > 1
    constant = RankTransform(toy_series([np.zeros((2, 1))]))
    flat = constant(toy_series([np.array([[0.0], [1], [-1]])])).values[:, 0]
    np.testing.assert_allclose(flat, [0.5, 0.5 + np.log(2), 0.5 - np.log(2)], rtol=1e-6)


def test_the_embedder_is_pinned(real):
    """The same weights in every run: one number, measured once."""
    line = toy_series([np.arange(7.0)[:, None]])
    points = embed(line, RankTransform(line))
    assert points.shape == (1, 64)
    assert embed(real, RankTransform(real)).shape == (199, 64)
    assert points.sum() == pytest.approx(21.98809, abs=1e-3)


def test_longer_neighbours_change_no_point(real):
    """What a series is embedded as does not depend on its company."""
    long = toy_series([np.random.default_rng(0).standard_normal((307, 3)).cumsum(0)])
    bare = replace(real, attributes=long.attributes.iloc[[0] * len(real)], label=None)
    ranks = RankTransform(real)
    np.testing.assert_allclose(
        embed(concat([bare, long]), ranks)[:-1], embed(real, ranks), atol=1e-6
    )


def test_tsne_has_a_row_a_series(real):
    """Coordinates repeat with their seed and carry the model's key; too few series are refused."""
    sets = [real, ar1_series(17, model="x")]
    first = tsne(sets, seed=0, n_per_set=23)
    assert first.equals(tsne(sets, seed=0, n_per_set=23))
    assert first["model"].value_counts().to_dict() == {"real": 23, "x": 17}
    with pytest.raises(DataError, match="fewer than five series"):
        tsne([real.take([0])], seed=0)
