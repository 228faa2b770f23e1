"""Laws of compiled attention of the newest step: it is what torch computes, whatever the sizes."""

import pytest
import torch

from tst.io import native
from tst.models.transformer import newest
from tst.models.transformer.backbone import Backbone, KVCache, Modulation
from tst.models.transformer.config import BackboneConfig, attention_fields
from tst.models.transformer.packing import Packing
from tst.models.transformer.positions import alibi_slopes


@pytest.fixture(autouse=True)
def _without_gradients():
    """As whoever generates: with them, torch's way is taken."""
    with torch.no_grad():
        yield


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


def backbone(attention="full", positions="sinusoidal", **sizes):
    """Return a random backbone in float64 of three heads of 16, its sizes distinct."""
    torch.manual_seed(1)
    sizes = {"d_model": 48, "n_head": N_HEAD, "n_layer": 2, "d_ff": 80} | sizes
    config = BackboneConfig(
        **sizes, context_length=ROOM, **attention_fields(attention), positions=positions
    )
    model = Backbone(config).double().eval()
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model


def decoded(model, x, modulation=None):
    """Return all steps x (B, T, d_model) taken through a cache one by one, and the cache."""
    B, T, _ = x.shape
    cache = KVCache(model.config, B, T, x.dtype)
    return torch.stack([model.decode(x[:, t], cache, modulation) for t in range(T)], 1), cache


def modulation_of(model, B, dtype=torch.float64):
    """Return what scales and shifts each block's output, random for each of B series."""
    table = 0.5 * torch.randn(B, model.config.n_layer, 2, model.config.d_model, dtype=dtype)
    return Modulation(table)


@pytest.mark.parametrize("attention", ["full", "sliding:5"])
@pytest.mark.parametrize("positions", ["sinusoidal", "alibi"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("n_layer", [1, 3])
def test_a_modulated_stack_is_the_blocks_one_by_one(
    monkeypatch, attention, positions, dtype, n_layer
):
    """Torch's way block by block, the whole packed pass, and the formula written out."""
    model = backbone(attention, positions, n_layer=n_layer).to(dtype)
    x = torch.randn(11, 17, 48, dtype=dtype)
    modulation = modulation_of(model, 11, dtype)
    tolerance = {"rtol": 0, "atol": 1e-10 if dtype == torch.float64 else 3e-4}
    y, cache = decoded(model, x, modulation)
    assert cache.stack is not None
    plain, _ = decoded(model, x)
    assert not torch.allclose(y, plain, rtol=0, atol=0.1)
    packing = Packing([17] * 11)
    series = torch.arange(11).repeat_interleave(17)
    packed = model(x.flatten(0, 1), packing, Modulation(modulation.table, series))
    torch.testing.assert_close(y.flatten(0, 1), packed, **tolerance)
    literal = x.flatten(0, 1)
    if positions == "sinusoidal":
        literal = model.positional_encoding(packing.position) + literal
    for layer, block in enumerate(model.blocks):
        scale, shift = modulation.table[series, layer].unbind(1)  # (rows, d_model) each
        literal = block(literal, packing) * (1 + scale) + shift
    torch.testing.assert_close(y.flatten(0, 1), literal, **tolerance)
    monkeypatch.setattr(newest, "stack_of", lambda *given: None)
    expected, torchs = decoded(model, x, modulation)
    assert torchs.stack is None
    torch.testing.assert_close(y, expected, **tolerance)
    torch.testing.assert_close(cache.data, torchs.data, **tolerance)


def test_a_table_of_another_type_or_order_modulates_alike():
    """A float32 table, or one that does not lie row after row, is copied, not misread."""
    model = backbone()
    x = torch.randn(11, 3, 48, dtype=torch.float64)
    modulation = modulation_of(model, 11, torch.float32)
    expected, _ = decoded(model, x, Modulation(modulation.table.double()))
    turned = modulation.table.permute(1, 0, 3, 2).contiguous().permute(1, 0, 3, 2)
    for table in (modulation.table, turned.double()):
        given, cache = decoded(model, x, Modulation(table))
        assert cache.stack is not None
        torch.testing.assert_close(given, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("attention", ["full", "sliding:5"])
@pytest.mark.parametrize("positions", ["sinusoidal", "alibi"])
@torch.no_grad()
def test_a_stack_is_the_whole_packed_pass(attention, positions):
    """Step by step through compiled blocks, for 11 series, a number that no tile divides: 1e-10."""
    model = backbone(attention, positions)
    x = torch.randn(11, 37, 48, dtype=torch.float64)
    y, cache = decoded(model, x)
    assert cache.stack is not None
    whole = model(x.flatten(0, 1), Packing([37] * 11))
    torch.testing.assert_close(y.flatten(0, 1), whole, rtol=0, atol=1e-10)


@torch.no_grad()
def test_a_stack_and_torch_keep_the_same_cache(monkeypatch):
    """Keys and values are equal to 1e-12; series may be left out in between."""
    model = backbone()
    x = torch.randn(11, 19, 48, dtype=torch.float64)
    y, ours = decoded(model, x)
    left = torch.tensor([0, 3, 9])
    ours.keep(left)
    monkeypatch.setattr(newest, "stack_of", lambda *given: None)
    expected, torchs = decoded(model, x)
    assert torchs.stack is None
    torchs.keep(left)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(ours.data, torchs.data, rtol=0, atol=1e-12)


@torch.no_grad()
def test_threads_of_a_stack_change_no_bit(monkeypatch):
    """One, or more than there are tiles of series; modulated too."""
    model = backbone()
    x = torch.randn(19, 5, 48, dtype=torch.float64)
    for modulation in (None, modulation_of(model, 19)):
        with monkeypatch.context() as patch:
            alone, _ = decoded(model, x, modulation)
            patch.setattr(torch, "get_num_threads", lambda: 7)
            assert torch.equal(decoded(model, x, modulation)[0], alone)


@pytest.mark.parametrize(
    "other",
    [
        {"attention": "probsparse:2"},
        {"positions": "rope"},
        {"d_model": 51},
        {"d_ff": 81},
        {"d_model": 768, "n_head": 12, "n_layer": 1},
    ],
)
def test_other_backbones_have_no_stack(other):
    """ProbSparse, turned keys, widths of no whole vectors, weights that no cache holds."""
    cpu = torch.device("cpu")
    assert newest.stack_of(backbone(), torch.float64, cpu) is not None
    assert newest.stack_of(backbone(), torch.float32, cpu) is None
    assert newest.stack_of(backbone(**other), torch.float64, cpu) is None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert newest.stack_of(backbone(), torch.float64, cpu) is None


def small_stack(n_series):
    """Return the stack of a small backbone, and a cache of 4 steps."""
    config = BackboneConfig(d_model=64, n_head=4, n_layer=1, d_ff=64, context_length=8)
    backbone = Backbone(config).eval()
    stack = newest.stack_of(backbone, torch.float32, torch.device("cpu"))
    return stack, KVCache(config, n_series, 4)


def test_a_full_cache_takes_no_step():
    """One step too many, or another number of series, is an error and writes nothing."""
    stack, cache = small_stack(3)
    cache.length = 4
    with pytest.raises(IndexError, match="takes no step 4 of 3 series"):
        stack.decode(torch.zeros(3, 64), cache)
    cache.length = 0
    with pytest.raises(IndexError, match="of 5 series"):
        stack.decode(torch.zeros(5, 64), cache)


def test_no_series_are_no_work():
    stack, cache = small_stack(0)
    assert stack.decode(torch.zeros(0, 64), cache).shape == (0, 64)


def test_gradients_go_the_way_of_torch():
    """Where they are asked for, compiled code declines."""
    q, keys, values = cached(16, 7)
    with torch.enable_grad():
        assert newest.takes(q, keys, values)
        assert not newest.takes(q.requires_grad_(), keys, values)
        config = BackboneConfig(d_model=64, n_head=4, n_layer=1, d_ff=64, context_length=8)
        assert newest.stack_of(Backbone(config), torch.float32, torch.device("cpu")) is None


def test_what_is_no_number_stays_none():
    """NaN and infinite scores do not become a mean of the values."""
    q, keys, values = cached(16, 19, torch.float32)
    keys[:, 5] = float("nan")
    assert newest.attend(q, keys, values).isnan().all()
