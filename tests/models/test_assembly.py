"""Laws of assembling: steps go back to their series; what does not fit together is named."""

import numpy as np
import pytest
from helpers import attributed_series, flag_lengths, ragged_series

from tst.errors import DataError
from tst.models.assembly import assemble, check_fit, check_request, in_series_order
from tst.models.batches import add_flags
from tst.models.scaling import Normaliser


def test_steps_are_sorted_back_and_end_by_their_flags():
    """`in_series_order` puts each series' steps together, in time; flags and lengths agree."""
    steps = [
        (np.array([0, 1, 2]), np.array([[1, 0], [0, 1], [1, 0]])),
        (np.array([0, 2]), np.array([[1, 0], [0, 1]])),
        (np.array([0]), np.array([[0, 1]])),
    ]
    rows, lengths = in_series_order(steps)
    assert lengths.tolist() == [3, 1, 2] == flag_lengths(rows, lengths).tolist()
    assert rows[:, 1].tolist() == [0, 0, 1, 1, 0, 1]


@pytest.mark.parametrize("per_series", [False, True])
def test_the_scaled_training_set_is_assembled_to_itself(per_series):
    """Each series with its own attributes and scale: values and attributes come back."""
    real = ragged_series()
    scaling = Normaliser.fit(real, "tanh", per_series=per_series)
    rows = add_flags(scaling.normalise(real)[0], real.lengths)
    own = np.arange(len(real))
    synthetic = assemble(real, own, own, rows, real.lengths, scaling, "ar")
    np.testing.assert_allclose(synthetic.values, real.values, rtol=1e-5)
    assert synthetic.model == "ar"
    assert list(synthetic.attributes) == ["domain", "agent"]
    assert synthetic.attributes["domain"].tolist() == real.attributes["domain"].tolist()


def test_attributes_and_scale_come_from_the_series_that_are_named():
    """Two donors a series: one gives the attributes, another one loc and scale; constants stay."""
    arrays = [np.full((2, 2), 3.0), np.array([[0.0, 7.0], [10.0, 7.0]])]
    real = attributed_series(arrays, shares=(1, 1, 0))
    scaling = Normaliser.fit(real, per_series=True)
    rows = add_flags(np.full((2, 2), 0.5), [1, 1])
    lengths = np.array([1, 1])
    synthetic = assemble(real, np.array([0, 1]), np.array([1, 0]), rows, lengths, scaling, "hmm")
    np.testing.assert_allclose(synthetic.values, [[5.0, 7.0], [3.0, 3.0]])
    assert synthetic.attributes["domain"].tolist() == ["en", "de"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ((0, 5, 0), "n is 0; give a whole number of at least 1"),
        ((3, 0, 0), "max_steps is 0"),
        ((3, 5, -1), "seed is -1; give a whole number of at least 0"),
        ((3.5, 5, 0), "n is 3.5"),
    ],
)
def test_what_cannot_be_drawn_is_named(request_, words):
    """Nothing, no step, a negative seed, half a series."""
    with pytest.raises(DataError, match=words):
        check_request(*request_)


def test_what_does_not_fit_together_is_named():
    """A model of other features, a normaliser of another set or for another activation."""
    real = ragged_series()
    scaling = Normaliser.fit(real)
    check_fit(real, scaling, 5, "sigmoid")
    with pytest.raises(DataError, match="the model knows 4 measurements, 'toy' has 3"):
        check_fit(real, scaling, 6)
    with pytest.raises(DataError, match="the normaliser knows 5 measurements"):
        check_fit(real, Normaliser.fit(ragged_series(n_features=5)), 5)
    with pytest.raises(DataError, match="bounds do not fit tanh"):
        check_fit(real, scaling, 5, "tanh")
