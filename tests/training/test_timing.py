"""Laws of timing: what counts and what does not, by a clock that the test moves."""

import pytest
import torch
from helpers import StoppedClock

from tst.training import timing


@pytest.fixture
def clock(monkeypatch):
    """Stop the clocks."""
    return StoppedClock(monkeypatch)


LOSS_SECONDS = [7.0, 2.0, 3.0]
BATCH_SECONDS = 100.0


def parts(clock):
    """Return a model, a loss and batches that take known seconds each."""

    def batches(step, rank, n_ranks):
        assert (rank, n_ranks) == (0, 1)
        clock.pass_by(BATCH_SECONDS)
        return step

    def loss(model, batch):
        clock.pass_by(LOSS_SECONDS[batch])
        return model.weight.sum()

    return torch.nn.Linear(2, 3), loss, batches


def test_forward_and_backward_count(clock):
    """Each step by itself; to make a batch counts only where it is asked for."""
    assert timing.step_seconds(*parts(clock), n_steps=3) == LOSS_SECONDS
    with_batches = timing.step_seconds(*parts(clock), n_steps=3, count_batches=True)
    assert with_batches == [BATCH_SECONDS + seconds for seconds in LOSS_SECONDS]


def test_the_gradients_are_computed(clock):
    """A step without its backward pass would be no step."""
    model, loss, batches = parts(clock)
    timing.step_seconds(model, loss, batches, n_steps=2)
    assert torch.equal(model.weight.grad, torch.full((3, 2), 2.0))


def test_the_least_step_counts(clock):
    """What else ran on the machine only adds to the others."""
    assert timing.seconds_per_step(*parts(clock), n_steps=3) == min(LOSS_SECONDS)


def test_wall_seconds(clock):
    """Of one action."""
    assert timing.wall_seconds(lambda: clock.pass_by(5.0)) == 5.0


def test_timed_batches_note_when_they_were_asked_for(clock):
    """And return what the batches return."""
    batches = timing.TimedBatches(lambda step, rank, n_ranks: (step, rank, n_ranks))
    for step, seconds in enumerate((1.0, 2.0, 4.0)):
        assert batches(step, 1, 3) == (step, 1, 3)
        clock.pass_by(seconds)
    assert batches(3) == (3, 0, 1)
    assert batches.seconds_between(1, -1) == 6.0
