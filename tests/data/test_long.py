"""Laws of the long tables: windows are slices, with the attributes of their series."""

import numpy as np
import pytest
from helpers import series_of

from tst.data import long
from tst.errors import DataError


def test_windows_are_slices():
    """Windows of 7: two of the series of 20, one of 13; what is left over is dropped."""
    series = series_of([np.arange(20.0)[:, None], np.arange(100.0, 113.0)[:, None]])
    cut = long.windows(series, 7)
    assert list(cut.lengths) == [7, 7, 7]
    assert list(cut.attributes["id"]) == [0, 0, 1]
    np.testing.assert_array_equal(cut[1], series[0][7:14])
    np.testing.assert_array_equal(cut[2], series[1][:7])


def test_too_long_a_window_is_named():
    """The longest series stands in the sentence."""
    with pytest.raises(DataError, match="the longest has 20"):
        long.windows(series_of([np.zeros((20, 1))]), 21)
