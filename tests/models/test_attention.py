"""Laws of attention: every kind is causal and equals its dense form, gradients are exact, masks have the right share."""

import math

import pytest
import torch
from torch.nn import functional as F

from tst.models.transformer import attention, attention_long
from tst.models.transformer.attention import (
    Dropout,
    alibi_slopes,
    causal_attention,
    keep_factor,
    keep_mask,
    newest_attention,
    parse_kind,
    rotate,
)

# kind and positions; ALiBi does not go with probsparse
COMBINED = [
    (k, p) for k in ("full", "sliding:5", "probsparse:1") for p in ("none", "rope", "alibi")
][:-1]


def heads(B=3, n_head=2, T=13, size=4, seed=0):
    """Return random q, k, v in float64, each (B, n_head, T, size)."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(B, n_head, T, size, dtype=torch.float64, generator=generator) for _ in range(3)
    ]


def test_without_dropped_weights_it_is_the_fused_kernel(monkeypatch):
    """A dropout too small for one weight of 65,536: block by block gives what torch's kernel gives, gradients too."""
    monkeypatch.setattr(attention, "BLOCK_STEPS", 4)
    monkeypatch.setattr(attention, "BLOCK_SIZE", 100)
    ours, theirs = ([x.requires_grad_() for x in heads()] for _ in range(2))
    y, expected = (
        causal_attention(*ours, dropout=1e-6),
        F.scaled_dot_product_attention(*theirs, is_causal=True),
    )
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
    assert (
        abs(torch.corrcoef(torch.stack([rows[:, ::2].flatten(), rows[:, 1::2].flatten()]))[0, 1])
        < 0.01
    )


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


def dense(q, k, v, seen, bias=0.0):
    """Return attention in its most literal form: materialised scores, a bool mask `seen` (T, T), a bias."""
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5 + bias
    return torch.softmax(scores.masked_fill(~seen, -torch.inf), -1) @ v


def distance(T):
    """Return query - key, int64 (T, T)."""
    return torch.arange(T)[:, None] - torch.arange(T)


def attend(q, k, v, kind, positions, dropout=0.0):
    """Run one kind of attention with one kind of positions."""
    if positions == "rope":
        q, k = (rotate(x, torch.arange(x.shape[2])) for x in (q, k))
    alibi = alibi_slopes(q.shape[1]).to(q) if positions == "alibi" else None
    return causal_attention(q, k, v, dropout, kind, alibi)


@pytest.mark.parametrize("kind, positions", COMBINED)
def test_no_kind_sees_the_future(kind, positions, monkeypatch):
    """The future is changed: earlier outputs are equal to the last bit; their gradient to the future is exactly zero."""
    monkeypatch.setattr(attention_long, "CHUNK", 4)
    for T, cut in ((23, 11), (23, 22), (4, 1), (131, 65)):
        q, k, v = (x.requires_grad_() for x in heads(2, 3, T, 4))
        y = attend(q, k, v, kind, positions)
        (y[:, :, :cut] * torch.randn(2, 3, cut, 4)).sum().backward()
        changed = [x.detach().clone() for x in (q, k, v)]
        assert v.grad[:, :, :cut].abs().sum() > 0
        assert not any(x.grad[:, :, cut:].any() for x in (q, k, v))
        for x in changed:
            x[:, :, cut:] = 3 * torch.randn(2, 3, T - cut, 4, dtype=torch.float64)
        after = attend(*changed, kind, positions)
        assert torch.equal(after[:, :, :cut], y[:, :, :cut]) and not torch.equal(after, y)
        shorter = attend(*(x[:, :, :cut] for x in changed), kind, positions)
        torch.testing.assert_close(shorter, y[:, :, :cut], rtol=0, atol=1e-12)


@pytest.mark.parametrize("T", [1, 2, 5, 6, 7, 15, 17])
@pytest.mark.parametrize("positions", ["none", "alibi"])
@pytest.mark.parametrize(
    "dropout", [0.0, 1e-6]
)  # the latter drops nothing, and takes the way of dropout
def test_sliding_is_the_dense_band(T, positions, dropout, monkeypatch):
    """Values and gradients are those of the materialised product under a band; lengths that no block divides included."""
    monkeypatch.setattr(attention, "BLOCK_STEPS", 4)
    ours, theirs = ([x.requires_grad_() for x in heads(2, 3, T, 4)] for _ in range(2))
    back = distance(T)
    bias = -alibi_slopes(3).to(torch.float64)[:, None, None] * back if positions == "alibi" else 0.0
    y, expected = (
        attend(*ours, "sliding:5", positions, dropout),
        dense(*theirs, (back >= 0) & (back < 5), bias),
    )
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-10)
    y.square().sum().backward()
    expected.square().sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", ["sliding:13", "sliding:1000", "probsparse:20"])
@pytest.mark.parametrize("positions", ["none", "rope"])
def test_without_limits_it_is_full_attention(kind, positions):
    """A window not below T, or places for every query: full attention, gradients too."""
    ours, theirs = ([x.requires_grad_() for x in heads()] for _ in range(2))
    y, expected = attend(*ours, kind, positions), attend(*theirs, "full", positions)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    y.square().sum().backward()
    expected.square().sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-10)


def literal_probsparse(q, k, v, factor):
    """Return one head of `probsparse` step by step, q, k, v (T, size), and which steps were active."""
    measured, rows, chosen = [], [], []
    for t in range(len(q)):
        draws = [
            int(((t * 8 * factor + s) * attention_long.GOLDEN % 1) * (t + 1))
            for s in range(8 * factor)
        ]
        scores = k[draws] @ q[t]
        measured.append(float(scores.max() - scores.mean()))
        ahead = sum(m >= measured[t] for m in measured[:t])
        chosen.append(ahead < math.ceil(factor * math.log(t + 2)))
        weights = torch.softmax(k[: t + 1] @ q[t] / q.shape[1] ** 0.5, -1)
        rows.append(weights @ v[: t + 1] if chosen[t] else v[: t + 1].mean(0))
    return torch.stack(rows), torch.tensor(chosen)


@pytest.mark.parametrize("chunk", [4, 64])
def test_probsparse_is_its_literal_form(chunk, monkeypatch):
    """Measure, rank among the steps so far, attend or take the mean: as written down step by step."""
    monkeypatch.setattr(attention_long, "CHUNK", chunk)
    monkeypatch.setattr(attention_long, "GATHERED", 1000)
    q, k, v = heads(2, 3, 67, 4)
    y = causal_attention(q, k, v, kind="probsparse:2")
    for b, h in [(0, 0), (1, 2)]:
        expected, chosen = literal_probsparse(q[b, h], k[b, h], v[b, h], 2)
        assert 0 < chosen.sum() < 60
        torch.testing.assert_close(y[b, h], expected, rtol=0, atol=1e-12)


def test_probsparse_computes_few_queries():
    """On noise about C/2 (ln T)^2 of T queries are active; on a constant series, where all tie, no more than the places."""
    T, factor = 4000, 2
    measured = torch.randn(8, T, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = attention_long.active(measured, factor).sum(1).double().mean()
    assert found == pytest.approx(factor / 2 * math.log(T) ** 2, rel=0.25)
    assert attention_long.active(torch.zeros(1, T), factor).sum() <= math.ceil(
        factor * math.log(T + 1)
    )


@pytest.mark.parametrize("kind, positions", COMBINED)
def test_newest_is_the_last_row_of_every_kind(kind, positions):
    """One query after the other against a growing cache of (turned) keys: the rows of the whole."""
    B, n_head, T, size = 2, 3, 19, 4
    q, k, v = heads(B, n_head, T, size)
    expected = attend(q, k, v, kind, positions)
    if positions == "rope":
        q, k = (
            torch.stack([rotate(x[:, :, t : t + 1], t) for t in range(T)], 2).squeeze(3)
            for x in (q, k)
        )
    alibi = alibi_slopes(n_head).double() if positions == "alibi" else None
    measured = torch.empty(B * n_head, T, dtype=torch.float64)
    q, k, v = (x.flatten(0, 1) for x in (q, k, v))
    for t in range(T):
        so_far = k[:, : t + 1], v[:, : t + 1]
        got = newest_attention(q[:, t : t + 1], *so_far, kind, alibi, measured[:, : t + 1])
        torch.testing.assert_close(got.view(B, n_head, size), expected[:, :, t], rtol=0, atol=1e-12)


def test_alibi_is_the_dense_bias():
    """Full attention with one channel more is the product with biases written out; the slopes are the paper's."""
    q, k, v = heads(2, 8, 29, 4)
    slopes = alibi_slopes(8).double()
    assert slopes.tolist() == [2.0**-h for h in range(1, 9)]
    back = distance(29)
    expected = dense(q, k, v, back >= 0, -slopes[:, None, None] * back)
    torch.testing.assert_close(
        causal_attention(q, k, v, alibi=slopes), expected, rtol=0, atol=1e-12
    )
    dropped = causal_attention(q, k, v, dropout=1e-6, alibi=slopes)
    torch.testing.assert_close(dropped, expected, rtol=0, atol=1e-12)
    far = [x.float() for x in heads(1, 8, 3000, 4)]
    exact = causal_attention(*(x.double() for x in far), alibi=slopes)
    torch.testing.assert_close(
        causal_attention(*far, alibi=slopes).double(), exact, rtol=0, atol=2e-3
    )


def test_rotary_scores_depend_on_the_distance():
    """Products of turned vectors are equal at equal distances; position 0 turns nothing; lengths are kept."""
    q, k, _ = heads(1, 1, 1, 6)
    product = [
        [(rotate(q, i + d) * rotate(k, i)).sum().item() for i in (0, 3, 700)] for d in (0, 1, 50)
    ]
    for row in product:
        assert row == pytest.approx([row[0]] * 3, abs=1e-12)
    assert len({round(row[0], 6) for row in product}) == 3
    assert torch.equal(rotate(q, 0), q)
    x = heads(2, 3, 11, 6)[0]
    torch.testing.assert_close(
        rotate(x, torch.arange(11)).norm(dim=-1), x.norm(dim=-1), rtol=0, atol=1e-12
    )
    steps_first = rotate(x.transpose(1, 2), torch.arange(11)[:, None]).transpose(1, 2)
    torch.testing.assert_close(steps_first, rotate(x, torch.arange(11)), rtol=0, atol=0)
    assert rotate(x.bfloat16(), 3).dtype == torch.bfloat16


def test_dropout_in_every_kind_keeps_the_mean():
    """Over many draws the mean is the attention without dropout, in a window and for chosen queries alike."""
    q, k, v = heads(1, 1, 9, 4)
    many = [x.expand(20_000, 1, 9, 4) for x in (q, k, v)]
    for kind in ("sliding:3", "probsparse:1"):
        mean = causal_attention(*many, dropout=0.3, kind=kind).mean(0, keepdim=True)
        torch.testing.assert_close(mean, causal_attention(q, k, v, kind=kind), rtol=0, atol=0.03)


@pytest.mark.parametrize(
    "text",
    ["sliding:0", "sliding", "sliding:-3", "sliding:2.5", "full:3", "probsparse:", "local", ""],
)
def test_unknown_kinds_are_refused(text):
    """One sentence says what may stand there."""
    with pytest.raises(ValueError, match="use full, sliding:W or probsparse:C"):
        parse_kind(text)
    with pytest.raises(ValueError, match="attention is"):
        causal_attention(*heads(), kind=text)


def test_what_does_not_go_together_is_refused():
    """Known kinds are read; biases with probsparse, an odd head size and a cache without measures are refused."""
    assert [parse_kind(t) for t in ("full", "sliding:12", "probsparse:5")] == [
        ("full", None),
        ("sliding", 12),
        ("probsparse", 5),
    ]
    q, k, v = heads()
    with pytest.raises(ValueError, match="do not go with"):
        causal_attention(q, k, v, kind="probsparse:2", alibi=alibi_slopes(2))
    with pytest.raises(ValueError, match="give `measured`"):
        newest_attention(*(x.flatten(0, 1)[:, -1:] for x in (q, k, v)), kind="probsparse:2")
    with pytest.raises(ValueError, match="odd"):
        rotate(torch.zeros(3, 5), 1)
