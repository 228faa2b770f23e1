"""Laws of states end to end: a table's processes, hardly trained, take no step that none took."""

import numpy as np
import pandas as pd
import pytest

from tst import Synthesiser

STEPS = {"new": ["paid", "lost"], "paid": ["sent"], "sent": ["paid", "done"]}


def orders(n_series=150):
    """Return processes that take steps until one has none, and their attribute."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n_series):
        state = "new"
        t = 0
        while state is not None:
            rows.append((f"u{i:04d}", t, "ab"[i % 2], state, round(float(rng.normal()), 3)))
            following = STEPS.get(state)
            state = following[rng.integers(len(following))] if following else None
            t += 1
    return pd.DataFrame(rows, columns=["unit", "t", "kind", "step", "x"])


def moves_of(frame):
    """Return all pairs of a state and the next, with where series begin and end."""
    pairs = set()
    for _, steps in frame.groupby("unit")["step"]:
        path = ["(start)", *steps, "(end)"]
        pairs |= set(zip(path, path[1:], strict=False))
    return pairs


@pytest.fixture(scope="module")
def fitted():
    """A model of two steps of training, with its table."""
    frame = orders()
    return frame, Synthesiser(max_steps=2, d_model=16, n_layer=1).fit(frame)


@pytest.mark.slow
def test_a_copy_takes_no_other_steps(fitted, tmp_path):
    """Drawn at once, of a given kind, by parts and after a reload."""
    frame, model = fitted
    real = moves_of(frame)
    made = model.sample(200, seed=1)
    assert moves_of(made) <= real
    assert moves_of(model.sample(50, given={"kind": "a"})) <= real
    paths = model.sample_parts(60, tmp_path / "parts")
    assert moves_of(pd.concat(map(pd.read_parquet, paths))) <= real
    again = Synthesiser.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(again.sample(200, seed=1), made)


@pytest.mark.slow
def test_steps_behind_real_ones_are_such(fitted):
    """Of series that are not over; those need not end with the last step asked for."""
    frame, model = fitted
    begun = frame[frame["t"] == 0]
    made = model.sample(continue_from=begun, n_steps=2)
    whole = pd.concat([begun, made]).sort_values(["unit", "t"])
    inner = {pair for pair in moves_of(whole) if "(end)" not in pair}
    assert inner <= moves_of(frame)


def test_without_the_relation_others_are_drawn(fitted):
    """The same weights: what a user leaves out is not kept."""
    frame, _ = fitted
    roles = {"relations": ["not step takes only transitions that occur"]}
    free = Synthesiser(max_steps=2, d_model=16, n_layer=1, roles=roles).fit(frame)
    assert not moves_of(free.sample(200, seed=1)) <= moves_of(frame)
