"""Laws of the controls and the copy check: what each keeps, what each breaks, what copies show."""

import numpy as np
import pytest

from tst.evaluation import peer_controls, peer_copies, peer_windows


def stride_one(n=1200, length=7):
    """Return windows of two autoregressive columns, one step apart."""
    rng = np.random.default_rng(0)
    series = np.zeros((n + length - 1, 2))
    for t in range(1, len(series)):
        series[t] = 0.7 * series[t - 1] + rng.normal(size=2)
    views = np.lib.stride_tricks.sliding_window_view(series, length, axis=0)
    return np.ascontiguousarray(views.swapaxes(1, 2))


def test_the_bootstrap_is_runs_of_real_windows():
    """As many as asked for, in runs of neighbours, from all over the time."""
    chosen = peer_controls.block_bootstrap(500, 7, 1001, 0)
    assert len(chosen) == 1001
    assert (np.diff(chosen) == 1).mean() > 0.8
    assert chosen.min() >= 0
    assert chosen.max() < 500
    assert len(np.unique(chosen)) > 300


def test_noise_keeps_columns_and_no_rows():
    """Each value is one of its column; columns are independent."""
    real = stride_one()
    real[..., 1] = 5 + real[..., 0]
    noise = peer_controls.noise(real, 300, 0)
    assert noise.shape == (300, 7, 2)
    for column in range(2):
        assert np.isin(noise[..., column], real[..., column]).all()
    assert abs(np.corrcoef(noise.reshape(-1, 2), rowvar=False)[0, 1]) < 0.1


def test_shuffled_steps_keep_rows_and_no_order():
    """Sorted, each window is a real one; neighbouring steps are unrelated."""
    real = stride_one()
    shuffled = peer_controls.shuffled_steps(real, 500, 0)
    kept = {tuple(np.sort(window[:, 0])) for window in real}
    assert all(tuple(np.sort(window[:, 0])) in kept for window in shuffled)
    # Rows stay whole: a step's second value belongs to its first.
    pairs = {tuple(row) for row in real.reshape(-1, 2)}
    assert all(tuple(row) in pairs for row in shuffled.reshape(-1, 2))
    change = np.abs(np.diff(shuffled, axis=1)).mean() / np.abs(np.diff(real, axis=1)).mean()
    assert change > 1.2


def test_time_halves_share_no_step():
    """And both have even and odd blocks."""
    blocks = peer_windows.time_blocks(np.arange(1600), 7)
    first, second = peer_controls.time_halves(blocks)
    assert np.abs(first[:, None] - second).min() >= 7
    for half in (first, second):
        assert set(blocks[half] % 2) == {0, 1}


def test_copies_are_found_and_new_windows_are_not():
    """Copies are at 0; new windows of the process are as far as real ones from each other."""
    real = stride_one()
    starts = np.arange(len(real))
    copied = peer_copies.copies(real[:800], real[100:400], starts[:800])
    assert copied == {"nn_distance_ratio": 0, "copied_share": 1, "memorised_share": 1}
    fresh = peer_copies.copies(real[:800], real[900:], starts[:800])
    assert fresh["nn_distance_ratio"] == pytest.approx(1, abs=0.15)
    assert fresh["copied_share"] < 0.15
    assert fresh["memorised_share"] < 0.15


def test_a_crowd_about_the_middle_is_near_and_memorised_nothing():
    """Windows shrunk to the mean lie near to real ones; blurred copies are near to one each."""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(900, 7, 5)).astype(np.float32)
    starts = np.arange(900) * 7
    crowd = 0.4 * rng.normal(size=(300, 7, 5)).astype(np.float32)
    found = peer_copies.copies(real, crowd, starts)
    assert found["copied_share"] > 0.9
    assert found["memorised_share"] < 0.15
    blurred = real[:300] + 0.2 * rng.normal(size=(300, 7, 5)).astype(np.float32)
    assert peer_copies.copies(real, blurred, starts)["memorised_share"] > 0.95


def test_what_stands_twice_is_not_memorised():
    """A window that the data repeat has two nearest at 0; without a second one none is told."""
    np.testing.assert_array_equal(
        peer_copies._over_next(np.array([[0, 0], [0, 2], [1, 2], [1, np.inf]])),
        [1, 0, 0.5, np.nan],
    )


def test_the_nearest_two_are_the_nearest():
    """A literal twin, with and without windows that share a step with the query."""
    rows = stride_one(131).reshape(131, -1).astype(np.float32)
    starts = np.arange(131)
    for queries, query_starts in ((rows[:20] + 1, None), (rows, starts)):
        found = peer_copies.nearest_two(queries, rows, starts, 7, query_starts)
        for i, query in enumerate(queries):
            apart = np.linalg.norm(query - rows, axis=1)
            if query_starts is not None:
                apart[np.abs(starts - i) < 7] = np.inf
            nearest = apart.argmin()
            second = apart[np.abs(starts - nearest) >= 7].min()
            np.testing.assert_allclose(found[i], [apart[nearest], second], rtol=1e-4)


def test_a_window_that_overlaps_all_others_has_no_neighbour():
    """Its distance is infinite, and it is left out of the median."""
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = peer_copies.nearest_two(rows, rows, np.arange(3), 5, np.arange(3))
    assert np.isinf(found).all()
