"""Laws of attention: every kind is causal and equals its dense form, with exact gradients."""

import math
from itertools import product

import pytest
import torch
from torch.nn import functional as F

from tst.models.transformer import cpu_attention, probsparse
from tst.models.transformer.attention import Full, SlidingWindow, make_attention
from tst.models.transformer.config import BackboneConfig, attention_fields
from tst.models.transformer.dropout import Dropout, keep_factor, keep_mask
from tst.models.transformer.positions import alibi_slopes, rotate
from tst.models.transformer.probsparse import ProbSparse

KINDS = (Full(), SlidingWindow(5), ProbSparse(1))
POSITIONS = ("none", "rope", "alibi")
# ALiBi does not go with ProbSparse.
COMBINED = [
    (kind, positions)
    for kind, positions in product(KINDS, POSITIONS)
    if not (isinstance(kind, ProbSparse) and positions == "alibi")
]


def heads(B=3, n_head=2, T=13, size=4, seed=0):
    """Return random q, k, v in float64, each (B, n_head, T, size)."""
    generator = torch.Generator().manual_seed(seed)
    shape = (B, n_head, T, size)
    return [torch.randn(shape, dtype=torch.float64, generator=generator) for _ in range(3)]


def with_gradients(**sizes):
    """Return random q, k, v whose gradients are asked."""
    return [x.requires_grad_() for x in heads(**sizes)]


def assert_same_gradients(inputs, others):
    """Compare the gradients of two lists of tensors."""
    for one, other in zip(inputs, others, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-10)


def test_without_dropped_weights_it_is_the_fused_kernel(monkeypatch):
    """With a dropout too small for one weight, blocks give what torch's kernel gives."""
    monkeypatch.setattr(cpu_attention, "BLOCK_STEPS", 4)
    monkeypatch.setattr(cpu_attention, "BLOCK_SIZE", 100)
    inputs = with_gradients()
    others = with_gradients()
    y = Full().attend(*inputs, dropout=1e-6)
    expected = F.scaled_dot_product_attention(*others, is_causal=True)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    y.square().sum().backward()
    expected.square().sum().backward()
    assert_same_gradients(inputs, others)


@pytest.mark.parametrize("block", [3, 128])
def test_gradients_under_dropout(monkeypatch, block):
    """The backward pass meets the very masks of the forward pass: numerical derivatives agree."""
    monkeypatch.setattr(cpu_attention, "BLOCK_STEPS", block)
    inputs = tuple(with_gradients(B=2, n_head=1, T=7, size=3))

    def function(q, k, v):
        torch.manual_seed(5)
        return Full().attend(q, k, v, dropout=0.4)

    assert torch.autograd.gradcheck(function, inputs)


def test_dropout_of_weights_keeps_the_mean_and_the_future_out():
    """Over many draws the mean is the attention without dropout; later steps never matter."""
    q, k, v = heads(1, 1, 6, 4)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    many = [x.expand(20_000, 1, 6, 4) for x in (q, k, v)]
    mean = Full().attend(*many, dropout=0.3).mean(0, keepdim=True)
    torch.testing.assert_close(mean, expected, rtol=0, atol=0.02)
    torch.manual_seed(1)
    before = Full().attend(q, k, v, 0.3)
    k[..., 4:, :] += 9
    v[..., 4:, :] += 9
    torch.manual_seed(1)
    assert torch.equal(Full().attend(q, k, v, 0.3)[..., :4, :], before[..., :4, :])


def test_newest_is_the_last_row_of_torchs_kernel():
    """One query against a cache: the last row of causal attention."""
    q, k, v = heads(3, 2, 9, 4)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)[:, :, -1].flatten(0, 1)
    newest = q[:, :, -1:].flatten(0, 1)
    y = Full().attend_newest(newest, k.flatten(0, 1), v.flatten(0, 1))
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_mask_has_the_right_share(p):
    """Share within four standard errors, every quarter of the draw alike, neighbours unrelated."""
    torch.manual_seed(0)
    mask = keep_mask((1001, 401), p)
    standard_error = (p * (1 - p) / 100_000) ** 0.5
    for part in mask.flatten()[: 4 * 100_000].view(4, -1):
        assert abs(part.double().mean() - (1 - p)) < 4 * standard_error
    assert keep_factor(p) * (1 - round(p * 65536) / 65536) == pytest.approx(1, abs=1e-15)
    rows = mask[:, :400].double()
    neighbours = torch.stack([rows[:, ::2].flatten(), rows[:, 1::2].flatten()])
    assert abs(torch.corrcoef(neighbours)[0, 1]) < 0.01


def test_dropout_module():
    """Off in evaluation; in training it drops, scales, and passes the same mask to the gradient."""
    layer = Dropout(0.25)
    x = torch.ones(200, 50, requires_grad=True)
    assert layer.eval()(x) is x
    y = layer.train()(x)
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    with pytest.raises(ValueError, match="below 1"):
        Dropout(1.0)


def test_bfloat16_inputs():
    """Under autocast q, k, v arrive in bfloat16: the blocks compute in float32, right to 1 %."""
    exact = heads(2, 2, 20, 8)
    with torch.autocast("cpu", torch.bfloat16):
        y = Full().attend(*(x.bfloat16() for x in exact), dropout=1e-6)
    expected = F.scaled_dot_product_attention(*exact, is_causal=True)
    torch.testing.assert_close(y.double(), expected, rtol=0, atol=0.03)


def dense(q, k, v, seen, bias=0.0):
    """Return attention in its most literal form: scores, a bool mask `seen` (T, T), a bias."""
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5 + bias
    return torch.softmax(scores.masked_fill(~seen, -torch.inf), -1) @ v


def distance(T):
    """Return query - key, int64 (T, T)."""
    return torch.arange(T)[:, None] - torch.arange(T)


def attend(q, k, v, kind, positions, dropout=0.0):
    """Run one kind of attention with one kind of positions."""
    if positions == "rope":
        steps = torch.arange(q.shape[2])
        q = rotate(q, steps)
        k = rotate(k, steps)
    alibi = alibi_slopes(q.shape[1]).to(q) if positions == "alibi" else None
    return kind.attend(q, k, v, dropout, alibi)


@pytest.mark.parametrize(("kind", "positions"), COMBINED)
@pytest.mark.parametrize(("T", "cut"), [(23, 11), (23, 22), (4, 1), (131, 65)])
def test_no_kind_sees_the_future(kind, positions, T, cut, monkeypatch):
    """Earlier outputs do not change by a bit with the future; gradients to it are exactly zero."""
    monkeypatch.setattr(probsparse, "CHUNK", 4)
    q, k, v = with_gradients(B=2, n_head=3, T=T)
    y = attend(q, k, v, kind, positions)
    (y[:, :, :cut] * torch.randn(2, 3, cut, 4)).sum().backward()
    changed = [x.detach().clone() for x in (q, k, v)]
    assert v.grad[:, :, :cut].abs().sum() > 0
    assert not any(x.grad[:, :, cut:].any() for x in (q, k, v))
    for x in changed:
        x[:, :, cut:] = 3 * torch.randn(2, 3, T - cut, 4, dtype=torch.float64)
    after = attend(*changed, kind, positions)
    assert torch.equal(after[:, :, :cut], y[:, :, :cut])
    assert not torch.equal(after, y)
    shorter = attend(*(x[:, :, :cut] for x in changed), kind, positions)
    torch.testing.assert_close(shorter, y[:, :, :cut], rtol=0, atol=1e-12)


@pytest.mark.parametrize("T", [1, 2, 5, 6, 7, 15, 17])  # lengths that no block divides included
@pytest.mark.parametrize("positions", ["none", "alibi"])
# The latter drops nothing, and takes the way of dropout.
@pytest.mark.parametrize("dropout", [0.0, 1e-6])
def test_sliding_is_the_dense_band(T, positions, dropout, monkeypatch):
    """Values and gradients are those of the materialised product under a band."""
    monkeypatch.setattr(cpu_attention, "BLOCK_STEPS", 4)
    inputs = with_gradients(B=2, n_head=3, T=T)
    others = with_gradients(B=2, n_head=3, T=T)
    back = distance(T)
    bias = 0.0
    if positions == "alibi":
        bias = -alibi_slopes(3).to(torch.float64)[:, None, None] * back
    y = attend(*inputs, SlidingWindow(5), positions, dropout)
    expected = dense(*others, (back >= 0) & (back < 5), bias)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-10)
    y.square().sum().backward()
    expected.square().sum().backward()
    assert_same_gradients(inputs, others)


@pytest.mark.parametrize("kind", [SlidingWindow(13), SlidingWindow(1000), ProbSparse(20)])
@pytest.mark.parametrize("positions", ["none", "rope"])
def test_without_limits_it_is_full_attention(kind, positions):
    """A window not below T, or room for every query: full attention, gradients too."""
    inputs = with_gradients()
    others = with_gradients()
    y = attend(*inputs, kind, positions)
    expected = attend(*others, Full(), positions)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    y.square().sum().backward()
    expected.square().sum().backward()
    assert_same_gradients(inputs, others)


def literal_probsparse(q, k, v, factor):
    """Return one head of ProbSparse step by step, q, k, v (T, size), and the active steps."""
    n_draws = 8 * factor
    measures = []
    rows = []
    is_active = []
    for t in range(len(q)):
        shares = [(t * n_draws + draw) * probsparse.GOLDEN % 1 for draw in range(n_draws)]
        scores = k[[int(share * (t + 1)) for share in shares]] @ q[t]
        measures.append(float(scores.max() - scores.mean()))
        n_ahead = sum(measure >= measures[t] for measure in measures[:t])
        is_active.append(n_ahead < math.ceil(factor * math.log(t + 2)))
        weights = torch.softmax(k[: t + 1] @ q[t] / q.shape[1] ** 0.5, -1)
        rows.append(weights @ v[: t + 1] if is_active[t] else v[: t + 1].mean(0))
    return torch.stack(rows), torch.tensor(is_active)


@pytest.mark.parametrize("chunk", [4, 64])
def test_probsparse_is_its_literal_form(chunk, monkeypatch):
    """Measure, rank among the steps so far, attend or take the mean: as written step by step."""
    monkeypatch.setattr(probsparse, "CHUNK", chunk)
    monkeypatch.setattr(probsparse, "GATHERED", 1000)
    q, k, v = heads(2, 3, 67, 4)
    y = ProbSparse(2).attend(q, k, v)
    for b, h in [(0, 0), (1, 2)]:
        expected, is_active = literal_probsparse(q[b, h], k[b, h], v[b, h], 2)
        assert 0 < is_active.sum() < 60
        torch.testing.assert_close(y[b, h], expected, rtol=0, atol=1e-12)


def test_probsparse_computes_few_queries():
    """On noise C/2 (ln T)^2 queries are active; where all measures tie, no more than may be."""
    T = 4000
    factor = 2
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(8, T, dtype=torch.float64, generator=generator)
    n_active = probsparse.active(noise, factor).sum(1).double().mean()
    assert n_active == pytest.approx(factor / 2 * math.log(T) ** 2, rel=0.25)
    constant = torch.zeros(1, T)
    assert probsparse.active(constant, factor).sum() <= math.ceil(factor * math.log(T + 1))


@pytest.mark.parametrize(("kind", "positions"), COMBINED)
@pytest.mark.parametrize("T", [19, 83])
def test_newest_is_the_last_row_of_every_kind(kind, positions, T):
    """One query after the other against a growing cache of (turned) keys: the rows of the whole."""
    B, n_head, size = 2, 3, 4
    q, k, v = heads(B, n_head, T, size)
    expected = attend(q, k, v, kind, positions)
    if positions == "rope":
        q = torch.cat([rotate(q[:, :, t : t + 1], t) for t in range(T)], 2)
        k = torch.cat([rotate(k[:, :, t : t + 1], t) for t in range(T)], 2)
    alibi = alibi_slopes(n_head).double() if positions == "alibi" else None
    measures = kind.new_measures(1, B * n_head, T, torch.float64, torch.device("cpu"))
    assert (measures is None) != isinstance(kind, ProbSparse)
    q, k, v = (x.flatten(0, 1) for x in (q, k, v))
    for t in range(T):
        so_far = slice(0, t + 1)
        y = kind.attend_newest(
            q[:, t : t + 1],
            k[:, so_far],
            v[:, so_far],
            alibi,
            None if measures is None else measures[0, :, so_far],
        )
        torch.testing.assert_close(y.view(B, n_head, size), expected[:, :, t], rtol=0, atol=1e-12)


def test_alibi_is_the_dense_bias():
    """Full attention with one channel more is the product with biases written out."""
    q, k, v = heads(2, 8, 29, 4)
    slopes = alibi_slopes(8).double()
    assert slopes.tolist() == [2.0**-h for h in range(1, 9)]  # as in the paper
    back = distance(29)
    expected = dense(q, k, v, back >= 0, -slopes[:, None, None] * back)
    for dropout in (0.0, 1e-6):
        y = Full().attend(q, k, v, dropout, slopes)
        torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    far = [x.float() for x in heads(1, 8, 3000, 4)]
    exact = Full().attend(*(x.double() for x in far), alibi=slopes)
    torch.testing.assert_close(Full().attend(*far, alibi=slopes).double(), exact, rtol=0, atol=2e-3)


def test_rotary_scores_depend_on_the_distance():
    """Products of turned vectors are equal at equal distances, and differ where these differ."""
    q, k, _ = heads(1, 1, 1, 6)
    near = []
    for back in (0, 1, 50):
        products = [(rotate(q, i + back) * rotate(k, i)).sum().item() for i in (0, 3, 700)]
        assert products == pytest.approx([products[0]] * 3, abs=1e-12)
        near.append(round(products[0], 6))
    assert len(set(near)) == 3


def test_rotations_keep_lengths_and_layout():
    """Position 0 turns nothing; norms stay; heads may stand before or after the steps."""
    q, _, _ = heads(1, 1, 1, 6)
    assert torch.equal(rotate(q, 0), q)
    x = heads(2, 3, 11, 6)[0]
    steps = torch.arange(11)
    torch.testing.assert_close(rotate(x, steps).norm(dim=-1), x.norm(dim=-1), rtol=0, atol=1e-12)
    steps_first = rotate(x.transpose(1, 2), steps[:, None]).transpose(1, 2)
    torch.testing.assert_close(steps_first, rotate(x, steps), rtol=0, atol=0)
    assert rotate(x.bfloat16(), 3).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", [SlidingWindow(3), ProbSparse(1)])
def test_dropout_in_every_kind_keeps_the_mean(kind):
    """Over many draws the mean is the attention without dropout."""
    q, k, v = heads(1, 1, 9, 4)
    many = [x.expand(20_000, 1, 9, 4) for x in (q, k, v)]
    mean = kind.attend(*many, dropout=0.3).mean(0, keepdim=True)
    torch.testing.assert_close(mean, kind.attend(q, k, v), rtol=0, atol=0.03)


@pytest.mark.parametrize(
    "text",
    ["sliding:0", "sliding", "sliding:-3", "sliding:2.5", "full:3", "probsparse:", "local", ""],
)
def test_unknown_spellings_are_refused(text):
    """One sentence says what may stand there."""
    with pytest.raises(ValueError, match="use full, sliding:W or probsparse:C"):
        attention_fields(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("full", Full()), ("sliding:12", SlidingWindow(12)), ("probsparse:5", ProbSparse(5))],
)
def test_a_spelling_becomes_an_attention(text, expected):
    """From the text of a table through the configuration to the object."""
    assert make_attention(BackboneConfig(**attention_fields(text))) == expected


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"attention": "local"}, "attention is 'local'; use one of full, sliding, probsparse"),
        ({"attention": "sliding"}, "window is 0; give at least 1"),
        ({"attention": "probsparse"}, "factor is 0; give at least 1"),
        ({"window": 3}, "attention 'full' has no window; leave it out"),
        ({"attention": "sliding", "window": 3, "factor": 2}, "'sliding' has no factor"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields, sentence):
    """A window belongs to sliding, a factor to probsparse."""
    with pytest.raises(ValueError, match=sentence):
        BackboneConfig(**fields)


def test_what_does_not_go_together_is_refused():
    """Biases with ProbSparse, a cache without measures, an odd head size."""
    q, k, v = heads()
    newest = [x.flatten(0, 1)[:, -1:] for x in (q, k, v)]
    with pytest.raises(ValueError, match="do not go with"):
        ProbSparse(2).attend(q, k, v, alibi=alibi_slopes(2))
    with pytest.raises(ValueError, match="do not go with"):
        ProbSparse(2).attend_newest(*newest, alibi_slopes(2), torch.zeros(6, 1))
    with pytest.raises(ValueError, match="give `measures`"):
        ProbSparse(2).attend_newest(*newest)
    with pytest.raises(ValueError, match="odd"):
        rotate(torch.zeros(3, 5), 1)
