"""Laws of ragged rows: every product and batch is that of the plain padded array."""

import numpy as np
import pytest
from helpers import padded_rows

from tst.evaluation import ragged_rows


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    """Rows of few steps, too, fall into several groups."""
    monkeypatch.setattr(ragged_rows, "EDGES", (2, 5))


def test_ragged_rows_are_the_padded_array():
    """Products and batches equal those of the plain array; columns beyond the longest are none."""
    X, plain, _ = padded_rows()
    rng = np.random.default_rng(0)
    assert X.shape == plain.shape == (90, 22)
    assert X.width == 14
    assert len(X.blocks) == 3
    np.testing.assert_allclose(X.dense(), plain, atol=1e-6)
    for columns in (5, 14, 22):  # narrower, as wide as the rows, as wide as the window
        weights = rng.normal(size=(columns, 3))
        np.testing.assert_allclose(X.times(weights), plain[:, :columns] @ weights, atol=1e-5)
    values = rng.normal(size=(90, 3))
    np.testing.assert_allclose(X.transposed_times(values), (plain.T @ values)[:14], atol=1e-4)
    chosen = rng.permutation(90)[:40]
    batch = np.zeros((40, 22), np.float32)
    for places, rows in X.parts(chosen):
        batch[places.numpy(), : rows.shape[1]] = rows
    np.testing.assert_array_equal(batch, X.dense()[chosen])
