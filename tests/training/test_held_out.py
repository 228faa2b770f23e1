"""Laws of stopping by held-out data: the best look is kept, too fast a run begins again slower."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import TINY_LOOP, train_tiny

from tst.models.transformer.model import TST

LOOKS = {"look_every": 2, "patience": 3}


def weights_of(model):
    """Return all weights of a model, float (n,)."""
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def learned_by_heart():
    """Return a score that falls with every move of the weights, the more the larger it is."""
    torch.manual_seed(0)
    first = weights_of(TST(TINY_LOOP))
    return lambda model: -float((weights_of(model) - first).norm())


def looks(history):
    """Return the scores of a run's looks."""
    return history["held_out"].dropna().to_numpy()


@pytest.mark.slow
def test_a_run_that_was_best_at_once_begins_again_at_a_tenth_of_its_rate(tmp_path):
    """Once, from the weights before its first step; the best of both tries is kept."""
    score = learned_by_heart()
    history = train_tiny(tmp_path / "run", 40, score=score, **LOOKS)
    first, again = np.split(looks(history), 2)
    assert len(history) == 16  # four looks each, of which the first is the best
    assert (np.diff(first) < 0).all()
    assert (np.diff(again) < 0).all()
    assert again[0] > first[0] / 5  # from where it began, by small steps
    rates = history["learning_rate"].to_numpy()
    np.testing.assert_allclose(rates, np.repeat([1e-2, 1e-3], 8))
    assert score(TST.load(tmp_path / "run")) == pytest.approx(again[0], rel=1e-4)


@pytest.mark.slow
def test_its_rate_begins_anew(tmp_path):
    """With its warm-up, and from the top of its cosine."""
    settings = LOOKS | {"warmup_steps": 3, "decay": True}
    history = train_tiny(tmp_path / "run", 40, score=learned_by_heart(), **settings)
    first, again = np.split(history["learning_rate"].to_numpy(), 2)
    np.testing.assert_allclose(again, first / 10)
    assert history["try"].tolist() == [1] * 8 + [2] * 8


def test_without_steps_left_it_does_not_begin_again(tmp_path):
    """So many as would end it."""
    history = train_tiny(tmp_path / "run", 13, score=learned_by_heart(), **LOOKS)
    assert len(history) == 8
    assert (history["try"] == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [7, 9, 13])
def test_such_a_run_that_is_killed_goes_on_bit_by_bit(tmp_path, stop_at):
    """Before it began again, right after, and later."""
    settings = LOOKS | {"score": learned_by_heart(), "warmup_steps": 3, "decay": True}
    whole = train_tiny(tmp_path / "whole", 40, **settings)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path / "broken", 40, stop_at=stop_at, **settings)
    resumed = train_tiny(tmp_path / "broken", 40, **settings)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    models = [TST.load(tmp_path / name) for name in ("whole", "broken")]
    assert torch.equal(*map(weights_of, models))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scores", "n_looks"),
    [
        ([1.0, 2.0, 3.0, 2.0, 2.0, 2.0], 6),  # it learned: over, and no more
        ([3.0, 2.0, 2.0, 4.0, 5.0, 1.0, 1.0, 1.0], 8),  # a bad look or two are none
        ([1.0, 3.0, 2.0, 2.0, 2.0, 4.0, 5.0, 2.0, 2.0, 2.0], 10),  # again, and better
        ([1.0, 3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0], 9),  # again, and no better
    ],
)
def test_a_run_ends_when_no_look_is_the_best_any_more(tmp_path, scores, n_looks):
    """Its model is that of the best look, of whichever try."""
    weights = []

    def score(model):
        weights.append(weights_of(model))
        return scores[len(weights) - 1]

    history = train_tiny(tmp_path / "run", 40, score=score, **LOOKS)
    np.testing.assert_array_equal(looks(history), scores[:n_looks])
    best = weights[int(np.argmax(scores))]
    assert torch.equal(weights_of(TST.load(tmp_path / "run")), best)
