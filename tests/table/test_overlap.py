"""Laws of overlapping windows: of rows that follow each other, in one segment, and all of them."""

import numpy as np
import pandas as pd
import pytest

from tst.series import Feature, SeriesSet
from tst.table.overlap import SEGMENT, STRETCH, windows


def stretches(numbers, lengths):
    """Return stretches of these numbers whose rows count on, a hundred rows a number."""
    values = []
    for number, length in zip(numbers, lengths, strict=True):
        values.append(100 * number + np.arange(length))
    return SeriesSet(
        name="one",
        values=np.concatenate(values)[:, None],
        lengths=np.array(lengths),
        features=[Feature("x")],
        attributes=pd.DataFrame({STRETCH: numbers}),
        origin="original",
        interval="1",
    )


@pytest.mark.parametrize("n", [2, 7, 60, 400])
@pytest.mark.parametrize("held_out", [0.0, 0.25])
def test_windows_hold_what_follows_each_other(n, held_out):
    """A stretch and the first rows of the next; all rows but those of stretches alone."""
    rng = np.random.default_rng(n)
    numbers = np.flatnonzero(rng.random(n) >= held_out)
    numbers = np.union1d(numbers, [0, 1])
    lengths = np.full(len(numbers), 8)
    series = stretches(numbers, lengths)
    made = windows(series, 2)
    assert set(made.lengths) == {10}
    steps = np.diff(made.values[:, 0].reshape(-1, 10), axis=1)
    assert set(np.unique(steps)) == {1, 93}  # to the next row, to the next stretch
    assert ((steps == 93).sum(1) == 1).all()
    beside = np.isin(numbers - 1, numbers) | np.isin(numbers + 1, numbers)
    expected = stretches(numbers[beside], lengths[beside]).values
    np.testing.assert_array_equal(np.unique(made.values), expected[:, 0])


def test_segments_share_no_row():
    """So that what is held out is seen by no other window; there are enough of them."""
    made = windows(stretches(np.arange(90), np.full(90, 8)), 2)
    assert made.group == SEGMENT
    frame = pd.DataFrame({"x": made.values[:, 0]})
    frame["segment"] = made.attributes[SEGMENT].to_numpy()[made.series_index]
    assert (frame.groupby("x")["segment"].nunique() == 1).all()
    assert frame["segment"].nunique() >= 40


def test_stretches_that_lack_rows_have_windows_of_one_length():
    """A window goes on into the stretch behind for what its own lack."""
    lengths = np.array([8, 5, 8, 8, 6, 8, 7, 8])
    made = windows(stretches(np.arange(8), lengths), 2)
    assert set(made.lengths) == {10}
    assert len(np.unique(made.values)) == lengths.sum()
    begins = made.values[:, 0].reshape(-1, 10)[:, 0] % 100
    assert (begins == 0).sum() >= 4


def test_stretches_that_all_stand_alone_are_their_own_windows():
    """Of none is known how it goes on."""
    series = stretches(np.array([0, 2, 4]), np.full(3, 8))
    np.testing.assert_array_equal(windows(series, 2).values, series.values)
