"""Laws of the compiled block: it computes what torch does, in both directions."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from tst.io import native
from tst.models.transformer import fused
from tst.models.transformer.backbone import Backbone
from tst.models.transformer.config import BackboneConfig, attention_fields
from tst.models.transformer.packing import Packing

pytestmark = pytest.mark.skipif(
    native.library(fused.SOURCE) is None, reason="this machine has no C++ compiler"
)

LENGTHS = (71, 37, 36, 2, 1)  # more and fewer than a block of queries
EVERY = 10**6  # a window that no series fills
SIZES = [(1, 64), (2, 16), (3, 32)]  # heads, head size


def projected(n_head, size, dtype=torch.float64, lengths=LENGTHS):
    """Return random queries, keys and values of a packed batch, (rows, 3 * d_model)."""
    generator = torch.Generator().manual_seed(n_head)
    shape = (sum(lengths), 3 * n_head * size)
    qkv = torch.randn(shape, dtype=torch.float64, generator=generator)
    return qkv.to(dtype).requires_grad_()


def attend(qkv, n_head, window=EVERY, dropout=0.0, lengths=LENGTHS):
    """Return the compiled attention, always with the same dropped weights."""
    torch.manual_seed(5)
    return fused.attend(qkv, torch.tensor(lengths), n_head, window, dropout)


def literal(qkv, n_head, window=EVERY):
    """Return attention series by series, with a mask of all pairs."""
    parts = []
    for rows in qkv.split(LENGTHS):
        q, k, v = rows.view(len(rows), 3, n_head, -1).permute(1, 2, 0, 3)  # each (n_head, T, size)
        step = torch.arange(len(rows))
        distance = step[:, None] - step
        seen = (distance >= 0) & (distance < window)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        parts.append(y.transpose(0, 1).flatten(1))
    return torch.cat(parts)


def gradient(y, *inputs):
    """Return the gradients of a sum of squares by some inputs."""
    return torch.autograd.grad(y.square().sum(), inputs)


@pytest.mark.parametrize("window", [EVERY, 5, 40])
@pytest.mark.parametrize(("n_head", "size"), SIZES)
def test_attention_is_the_literal_one(n_head, size, window):
    """Values and gradients, whole series and windows, in float64."""
    qkv = projected(n_head, size)
    y = attend(qkv, n_head, window)
    expected = literal(qkv, n_head, window)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient(y, qkv), gradient(expected, qkv), rtol=0, atol=1e-11)


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize(("n_head", "size"), SIZES)
def test_float32_is_float64_rounded(n_head, size, scale):
    """Also where scores, which grow as the square of the scale, let weights underflow."""
    qkv = projected(n_head, size, torch.float32)
    exact = (scale * qkv.detach().double()).requires_grad_()
    y = attend(scale * qkv, n_head)
    expected = attend(exact, n_head)
    torch.testing.assert_close(y, expected.float(), rtol=1e-4, atol=1e-5 * scale**2)
    (d,) = gradient(y, qkv)
    (d_expected,) = gradient(expected, exact)
    error = (d - scale * d_expected.float()).norm() / d_expected.norm()
    assert error < 1e-5 * scale**2


def test_the_future_and_the_neighbours_do_not_matter():
    """Earlier outputs and other series are the same to the bit; gradients to the future are 0."""
    qkv = projected(2, 16, torch.float32)
    changed = qkv.detach().clone()
    changed[40:71] += 1.0  # the end of the first series
    y = attend(qkv, 2)
    after = attend(changed, 2)
    assert torch.equal(y[:40], after[:40])
    assert torch.equal(y[71:], after[71:])
    assert not torch.equal(y[40:71], after[40:71])
    (d,) = torch.autograd.grad(y[:40].sum(), qkv)
    assert not d[40:].any()


@pytest.mark.slow
def test_dropped_weights_are_the_same_both_ways():
    """Numerical derivatives agree: the way back drops what the way forward dropped."""
    lengths = (9, 4)
    qkv = projected(1, 16, lengths=lengths)
    assert torch.autograd.gradcheck(lambda x: attend(x, 1, 7, 0.4, lengths), (qkv,))


def test_dropped_weights_keep_the_mean():
    """Over many draws the mean is attention without dropout, and every draw is another."""
    lengths = torch.tensor([6])
    qkv = projected(1, 16, lengths=(6,)).detach()
    draws = torch.stack([fused.attend(qkv, lengths, 1, EVERY, 0.3) for _ in range(4000)])
    expected = fused.attend(qkv, lengths, 1, EVERY, 0.0)
    error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - expected).abs() < 6 * error + 1e-12).all()
    assert not torch.equal(draws[0], draws[1])


def test_threads_change_no_bit():
    """One thread and three give the same numbers, dropout included."""
    qkv = projected(2, 16, torch.float32)
    x = torch.randn(sum(LENGTHS), 32, requires_grad=True)
    norm = torch.nn.LayerNorm(32)
    before = torch.get_num_threads()
    results = []
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        y = attend(qkv, 2, dropout=0.2)
        z = fused.add_norm(x, x, norm, 0.2)
        results.append((y, z, *gradient(y, qkv), *gradient(z, x, norm.weight)))
    torch.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def rows(width=11):
    """Return two random blocks of rows in float64: more than one chunk of them."""
    generator = torch.Generator().manual_seed(0)
    n_rows = fused.CHUNK + 13
    return torch.randn(2, n_rows, width, dtype=torch.float64, generator=generator).unbind(0)


def test_add_norm_is_the_norm_of_the_sum():
    """Without dropout: values and gradients of inputs, weight and bias."""
    x, a = (part.clone().requires_grad_() for part in rows())
    norm = torch.nn.LayerNorm(11).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    inputs = (x, a, norm.weight, norm.bias)
    y = fused.add_norm(x, a, norm, 0.0)
    expected = norm(x + a)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient(y, *inputs), gradient(expected, *inputs))


def test_gradients_of_rows_under_dropout():
    """Numerical derivatives agree where numbers are dropped."""
    x, a = (part[:5].clone().requires_grad_() for part in rows())
    norm = torch.nn.LayerNorm(11).double()

    def seeded(function, *others):
        def call(*inputs):
            torch.manual_seed(5)
            return function(*inputs, *others)

        return call

    assert torch.autograd.gradcheck(seeded(fused.add_norm, norm, 0.4), (x, a))
    assert torch.autograd.gradcheck(seeded(fused.drop, 0.4), (x,))
    assert torch.autograd.gradcheck(seeded(fused.relu_drop, 0.4), (x,))


@pytest.mark.parametrize("function", [fused.drop, fused.relu_drop])
def test_dropout_drops_its_share_and_scales_the_rest(function):
    """What is kept is divided by 1 - p; rows and columns do not share a mask."""
    x = torch.ones(4001, 37)
    y = function(x, 0.3)
    kept = y != 0
    torch.testing.assert_close(y[kept], torch.full_like(y[kept], 1 / 0.7))
    assert abs(kept.double().mean() - 0.7) < 6 * (0.21 / x.numel()) ** 0.5
    for axis, n in ((0, 4001), (1, 37)):
        assert (kept.double().mean(axis) - 0.7).abs().max() < 6 * (0.21 / n) ** 0.5
    assert torch.equal(function(x, 0.0), x)


@pytest.mark.parametrize("attention", ["full", "sliding:6", "probsparse:1"])
@pytest.mark.parametrize("positions", ["sinusoidal", "rope"])
def test_a_backbone_is_the_same_without_a_compiler(attention, positions):
    """Values and all gradients of a model in training, in float64."""
    config = BackboneConfig(
        d_model=32,
        n_head=2,
        n_layer=2,
        d_ff=24,
        dropout=0.0,
        attention_dropout=0.0,
        context_length=99,
        positions=positions,
        **attention_fields(attention),
    )
    torch.manual_seed(0)
    model = Backbone(config).double()
    x = torch.randn(sum(LENGTHS), 32, dtype=torch.float64, requires_grad=True)
    packing = Packing(LENGTHS)
    y = model(x, packing)
    with fused.switched_off():
        expected = model(x, packing)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-11)
    inputs = (x, *model.parameters())
    torch.testing.assert_close(gradient(y, *inputs), gradient(expected, *inputs))


def test_what_it_does_not_take():
    """Other types, heads that are no whole vectors, and all where it is switched off."""
    x = torch.zeros(2, 48)
    assert fused.takes(x, 16)
    assert not fused.takes(x, 12)
    assert not fused.takes(x.bfloat16(), 16)
    assert not fused.takes(x.to("meta"), 16)
    with fused.switched_off():
        assert not fused.takes(x, 16)
    assert fused.takes(x, 16)


WITHOUT_MEMORY = """
import resource
import torch
from tst.models.transformer import fused

x = torch.ones(1, 50_000_000)  # 200 MB, and as much for the result and to work with
fused.drop(x[:, :100], 0.5)
with open("/proc/self/statm") as file:
    in_use = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 300_000_000,) * 2)
try:
    fused.drop(x, 0.5)
except MemoryError as error:
    print(error)
"""


@pytest.mark.slow
def test_without_memory_it_is_python_that_says_so():
    """The process lives on, so that the training loop can divide the batch."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY], capture_output=True, text=True, check=True
    )
    assert done.stdout == "no memory is left for drop_rows.\n"
