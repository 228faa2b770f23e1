"""Laws of attention: blocks with dropout are the materialised product, their gradients exact, masks have the right share."""

import pytest
import torch
from torch.nn import functional as F

from tst import attention
from tst.attention import Dropout, causal_attention, keep_factor, keep_mask, newest_attention


def heads(B=3, n_head=2, T=13, size=4, seed=0):
    """Return random q, k, v in float64, each (B, n_head, T, size)."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(B, n_head, T, size, dtype=torch.float64, generator=generator) for _ in range(3)]


def test_without_dropped_weights_it_is_the_fused_kernel(monkeypatch):
    """A dropout too small for one weight of 65,536: block by block gives what torch's kernel gives, gradients too."""
    monkeypatch.setattr(attention, "BLOCK_STEPS", 4)
    monkeypatch.setattr(attention, "BLOCK_SIZE", 100)
    ours, theirs = ([x.requires_grad_() for x in heads()] for _ in range(2))
    y, expected = causal_attention(*ours, dropout=1e-6), F.scaled_dot_product_attention(*theirs, is_causal=True)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    y.square().sum().backward()
    expected.square().sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("block", [3, 128])
def test_gradients_under_dropout(monkeypatch, block):
    """The backward pass meets the very masks of the forward pass: numerical derivatives agree."""
    monkeypatch.setattr(attention, "BLOCK_STEPS", block)
    inputs = tuple(x.requires_grad_() for x in heads(2, 1, 7, 3))

    def function(q, k, v):
        torch.manual_seed(5)
        return causal_attention(q, k, v, dropout=0.4)

    assert torch.autograd.gradcheck(function, inputs)


def test_dropout_of_weights_keeps_the_mean_and_the_future_out():
    """Over many draws the mean is the attention without dropout; later steps never matter."""
    q, k, v = heads(1, 1, 6, 4)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    many = [x.expand(20_000, 1, 6, 4) for x in (q, k, v)]
    mean = causal_attention(*many, dropout=0.3).mean(0, keepdim=True)
    torch.testing.assert_close(mean, expected, rtol=0, atol=0.02)
    torch.manual_seed(1)
    before = causal_attention(q, k, v, 0.3)
    k[..., 4:, :] += 9
    v[..., 4:, :] += 9
    torch.manual_seed(1)
    assert torch.equal(causal_attention(q, k, v, 0.3)[..., :4, :], before[..., :4, :])


def test_newest_attention_is_the_last_row():
    """One query against a cache: the last row of causal attention."""
    q, k, v = heads(3, 2, 9, 4)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)[:, :, -1].flatten(0, 1)
    got = newest_attention(q[:, :, -1:].flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_mask_has_the_right_share(p):
    """Share within four standard errors, every quarter of the draw alike, the factor keeps the mean exactly."""
    torch.manual_seed(0)
    mask = keep_mask((1001, 401), p)
    for part in mask.flatten()[: 4 * 100_000].view(4, -1):
        assert abs(part.double().mean() - (1 - p)) < 4 * (p * (1 - p) / 100_000) ** 0.5
    assert keep_factor(p) * (1 - round(p * 65536) / 65536) == pytest.approx(1, abs=1e-15)
    rows = mask[:, :400].double()
    assert abs(torch.corrcoef(torch.stack([rows[:, ::2].flatten(), rows[:, 1::2].flatten()]))[0, 1]) < 0.01


def test_dropout_module():
    """Off in evaluation; in training it drops, scales, and passes the same mask to the gradient; bad shares are refused."""
    layer, x = Dropout(0.25), torch.ones(200, 50, requires_grad=True)
    assert layer.eval()(x) is x
    y = layer.train()(x)
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    with pytest.raises(ValueError, match="below 1"):
        Dropout(1.0)


def test_bfloat16_inputs():
    """Under autocast q, k, v arrive in bfloat16: the blocks compute in float32 and agree with the exact answer to 1 %."""
    exact = heads(2, 2, 20, 8)
    with torch.autocast("cpu", torch.bfloat16):
        got = causal_attention(*(x.bfloat16() for x in exact), dropout=1e-6)
    expected = F.scaled_dot_product_attention(*exact, is_causal=True)
    torch.testing.assert_close(got.double(), expected, rtol=0, atol=0.03)
