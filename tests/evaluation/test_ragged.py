"""Laws of ragged arithmetic: each series by itself, draws that repeat, constants are no error."""

import numpy as np
import pytest
from helpers import ar1_series, toy_series

from tst.errors import DataError
from tst.evaluation import ragged


@pytest.fixture(scope="module")
def real():
    """A set of three features."""
    return ar1_series(59)


def test_means_and_extremes_are_those_of_each_series(real):
    """One series after another gives the same numbers."""
    low, high = ragged.extremes(real)
    mean = ragged.means(real.values, real)
    for i in range(len(real)):
        np.testing.assert_array_equal(low[i], real[i].min(0))
        np.testing.assert_array_equal(high[i], real[i].max(0))
        np.testing.assert_allclose(mean[i], real[i].mean(0, dtype=float), atol=1e-12)


def test_standardised_values_have_mean_0_and_spread_1(real):
    """Over all steps; a constant feature is 0 and is said not to vary."""
    z, varies = ragged.standardised(real)
    assert varies.all()
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(0), 1)
    z, varies = ragged.standardised(toy_series([np.array([[1.0, 0.1], [2.0, 0.1]])]))
    assert varies.tolist() == [True, False]
    assert (z[:, 1] == 0).all()


def test_a_subsample_repeats_with_its_seed_and_keeps_the_order(real):
    """Each series at most once; a set that is small enough is returned itself."""
    drawn = ragged.subsample(real, 17, 3)
    assert drawn.sha256() == ragged.subsample(real, 17, 3).sha256()
    assert drawn.sha256() != ragged.subsample(real, 17, 4).sha256()
    firsts = [x[0, 0] for x in real]
    positions = [firsts.index(x[0, 0]) for x in drawn]
    assert len(positions) == 17
    assert positions == sorted(set(positions))
    assert ragged.subsample(real, 59, 3) is real


def test_other_features_are_refused(real):
    """The sentence names both lists of features."""
    with pytest.raises(DataError, match=r"\['f0', 'f1', 'f2'\] and \['f0'\] differ\."):
        ragged.check_features(real, toy_series([np.zeros((2, 1))]))
