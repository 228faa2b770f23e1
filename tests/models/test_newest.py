"""Laws of compiled attention of the newest step: it is what torch computes, whatever the sizes."""

import pytest
import torch

from tst.io import native
from tst.models.transformer import newest
from tst.models.transformer.positions import alibi_slopes

pytestmark = pytest.mark.skipif(native.library(newest.SOURCE) is None, reason="no compiler")
N_HEAD = 3
ROOM = 83  # steps that a cache has room for


def cached(size, n_steps, dtype=torch.float64):
    """Return a query, keys and values of 4 series of 3 heads as a cache has them."""
    generator = torch.Generator().manual_seed(size + n_steps)
    q = 3 * torch.randn(4 * N_HEAD, 1, size, generator=generator, dtype=dtype)
    both = torch.randn(2, 4 * N_HEAD, ROOM, size, generator=generator, dtype=dtype)
    keys, values = both[:, :, :n_steps]
    return q, keys, values


def literal(q, keys, values, alibi=None):
    """Attend as the formula says."""
    scores = (q * keys).sum(-1) / q.shape[-1] ** 0.5  # (N, T)
    if alibi is not None:
        distance = torch.arange(keys.shape[1] - 1, -1, -1)
        scores = scores - alibi.repeat(len(q) // len(alibi))[:, None] * distance
    return (torch.softmax(scores, 1)[..., None] * values).sum(1)


@pytest.mark.parametrize("size", newest.HEAD_SIZES)
@pytest.mark.parametrize("n_steps", [1, 2, 7, 8, 16, 19, ROOM])
def test_it_is_the_formula(size, n_steps):
    """With and without biases, at lengths that no vector divides; 1e-12, in float32 1e-5."""
    slopes = alibi_slopes(N_HEAD)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        q, keys, values = cached(size, n_steps, dtype)
        assert newest.takes(q, keys, values)
        for alibi in (None, slopes.to(dtype)):
            expected = literal(q, keys, values, alibi)
            y = newest.attend(q, keys, values, alibi)
            torch.testing.assert_close(y, expected, rtol=0, atol=tolerance)


def test_large_scores_do_not_overflow():
    """One key far above all others takes all the weight."""
    q, keys, values = cached(16, 19, torch.float32)
    keys[:, 5] = 1e3 * q[:, 0]
    torch.testing.assert_close(newest.attend(q, keys, values), values[:, 5])


def test_threads_change_no_bit(monkeypatch):
    """One, or several that share the rows."""
    q, keys, values = cached(32, ROOM, torch.float32)
    alone = newest.attend(q, keys, values)
    monkeypatch.setattr(newest, "BYTES_OF_ONE_THREAD", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    assert torch.equal(newest.attend(q, keys, values), alone)


def test_what_it_does_not_know_is_left_to_torch(monkeypatch):
    """Other head sizes, other types, keys that do not lie row after row, no compiler."""
    q, keys, values = cached(16, 8)
    assert not newest.takes(q[..., :7], keys[..., :7], values[..., :7])
    assert not newest.takes(q.half(), keys.half(), values.half())
    assert not newest.takes(q, keys.transpose(0, 1), values.transpose(0, 1))
    monkeypatch.setattr(native, "library", lambda source: None)
    assert not newest.takes(q, keys, values)
