"""Laws of the reference: what it holds is what would be computed afresh, once, and no longer."""

import gc
from dataclasses import replace

import numpy as np
import pytest
from helpers import ar1_series

from tst.evaluation import reference as reference_module
from tst.evaluation.embedding import embed
from tst.evaluation.ragged import subsample
from tst.evaluation.reference import Reference


@pytest.fixture
def embedded(monkeypatch):
    """Return the sizes of the sets that were embedded."""
    sizes = []

    def counting(series, rank_transform):
        sizes.append(len(series))
        return embed(series, rank_transform)

    monkeypatch.setattr(reference_module, "embed", counting)
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
