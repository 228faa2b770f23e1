"""Laws of scaling: what goes in comes back, within the bounds of the activation."""

import numpy as np
import pytest
from helpers import series_of

from tst.errors import DataError
from tst.models.scaling import Normaliser


def wide_series(lengths=(5, 1, 7, 3)):
    """Return series with a constant feature, zeros and five orders of magnitude."""
    rng = np.random.default_rng(0)
    arrays = []
    for n in lengths:
        columns = [10 ** rng.uniform(0, 5, n), np.full(n, 3.0), rng.integers(0, 2, n)]
        arrays.append(np.stack(columns, axis=1))
    return series_of(arrays)


@pytest.mark.parametrize("per_series", [False, True])
@pytest.mark.parametrize(("log", "rtol", "atol"), [(False, 2e-6, 2e-2), (True, 2e-5, 1e-5)])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_the_inverse_of_normalise_is_the_identity(activation, log, rtol, atol, per_series):
    """Constant features and length 1 included; the bounds are kept."""
    series = wide_series()
    normaliser = Normaliser.fit(series, activation, log, per_series)
    scaled, loc, scale = normaliser.normalise(series)
    assert scaled.dtype == np.float32
    assert loc.shape == scale.shape == (4, 3)
    assert scaled.min() == normaliser.low
    assert scaled.max() <= normaliser.high + 1e-6
    back = Normaliser(**normaliser.to_dict()).inverse(scaled, series.lengths, loc, scale)
    np.testing.assert_allclose(back, series.values, rtol=rtol, atol=atol)


def test_values_scaled_by_hand():
    """Minimum to low, maximum to high, the middle to the middle; log1p before that."""
    series = series_of([np.array([[0.0], [3.0]]), np.array([[15.0]])])
    scaled, _, _ = Normaliser.fit(series, "tanh", log=True).normalise(series)
    np.testing.assert_allclose(scaled[:, 0], [-1, 0, 1], atol=1e-6)
    scaled, loc, scale = Normaliser.fit(series, per_series=True).normalise(series)
    np.testing.assert_allclose(scaled[:, 0], [0, 1, 0])
    np.testing.assert_allclose(loc[:, 0], [0, 15])
    np.testing.assert_allclose(scale[:, 0], [3, 1])


def test_log_of_negative_values_is_refused():
    """log1p below 0 has no inverse here."""
    with pytest.raises(DataError, match="negative"):
        Normaliser.fit(series_of([np.array([[-0.5]])]), log=True)
