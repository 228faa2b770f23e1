"""Laws of AR and RNN: they learn their toys, flags decide the length, attributes keep shares."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import attributed_series, ragged_series, tiny_recurrent

from tst.errors import DataError
from tst.models import autoregressive
from tst.models.autoregressive import AR, RNN, ARConfig, RNNConfig
from tst.models.scaling import Normaliser
from tst.training import loop

KINDS = [AR, RNN]


def untrained(kind, real, normaliser, seed=5):
    """Return a random model whose flags cross at different steps."""
    model = kind.build(tiny_recurrent(kind, real), real, normaliser, seed)
    for p in model.parameters():
        p.data.mul_(3.0)
    return model.eval()


def fitted(kind, real, normaliser, folder, max_steps, learning_rate, **sizes):
    """Return a model trained by the loop that trains all others."""
    config = tiny_recurrent(kind, real, **sizes)
    settings = loop.TrainConfig(
        max_steps=max_steps, batch_size=47, learning_rate=learning_rate, grad_clip=1.0
    )
    batches = autoregressive.batches(
        real, normaliser, config, 400, settings.batch_size, settings.seed
    )
    model = kind.build(config, real, normaliser, settings.seed)
    loop.optimise(
        model, autoregressive.next_step_mse, batches, settings, folder, {"model": asdict(config)}
    )
    return kind.load(folder)


def continuation(model, real, normaliser, n_steps):
    """Return the scaled continuation of the first steps of a set, (B, n_steps, C)."""
    rows = autoregressive.rows_of(real, normaliser, model.config)
    first = torch.from_numpy(rows)[real.offsets[:-1]]
    x = first[:, : model.config.n_features]
    attributes = first[:, model.config.n_features :]
    state = model.start(len(x))
    steps = []
    with torch.no_grad():
        for _ in range(n_steps):
            x, state = model.step(x, attributes, state)
            steps.append(x)
    return torch.stack(steps, dim=1).numpy()


@pytest.mark.slow
def test_ar_learns_a_linear_recursion(tmp_path):
    """x_t = a x_t-1 + c until x > 0.8: free-running, the model follows it and ends with it."""
    a, c = 0.9, 0.1
    arrays = []
    for start in np.random.default_rng(0).uniform(0, 0.5, 97):
        arrays.append([start])
        while arrays[-1][-1] <= 0.8:
            arrays[-1].append(a * arrays[-1][-1] + c)
    real = attributed_series([np.array(x)[:, None] for x in arrays])
    normaliser = Normaliser(loc=(0.0,), scale=(1.0,))
    model = fitted(AR, real, normaliser, tmp_path / "ar", 1500, 2e-3, d_hidden=61)
    continued = continuation(model, real, normaliser, 8)[..., 0]
    expected = np.stack([x[1:9] for x in arrays])
    np.testing.assert_allclose(continued, expected, atol=0.1)
    assert np.abs(continued - expected).mean() < 0.02
    sampled = model.sample(503, 0, real=real, max_steps=29)
    assert abs(sampled.lengths.mean() - real.lengths.mean()) < 1
    assert sampled.lengths.std() > 1


@pytest.mark.slow
def test_rnn_learns_a_period(tmp_path):
    """A period of 4 with a phase that the domain tells: free-running, the phase is kept."""
    phase = {"en": 0, "de": 1, "fr": 2}
    wave = np.array([0.0, 0.5, 1.0, 0.5])
    domains = attributed_series([np.zeros((9, 1))] * 45).attributes["domain"]
    arrays = [wave[(np.arange(9) + phase[d]) % 4][:, None] for d in domains]
    real = attributed_series(arrays)
    normaliser = Normaliser.fit(real)
    model = fitted(RNN, real, normaliser, tmp_path / "rnn", 800, 1e-2)
    continued = continuation(model, real, normaliser, 8)[..., 0]
    np.testing.assert_allclose(continued, np.stack(arrays)[:, 1:, 0], atol=0.12)
    sampled = model.sample(53, 0, real=real, max_steps=29)
    assert abs(np.median(sampled.lengths) - 9) <= 1
    correlations = []
    for i, domain in enumerate(sampled.attributes["domain"]):
        if sampled.lengths[i] >= 7:
            expected = wave[(np.arange(1, 7) + phase[domain]) % 4]
            correlations.append(np.corrcoef(sampled[i][1:7, 0], expected)[0, 1])
    assert np.mean(correlations) > 0.75, "the attribute rules the phase, not the first step"


@pytest.mark.parametrize("kind", KINDS)
def test_step_by_step_equals_packed(kind):
    """Fed step by step with a state, or packed with other series: the same predictions."""
    real = ragged_series()
    normaliser = Normaliser.fit(real)
    model = untrained(kind, real, normaliser).double()
    rows = torch.from_numpy(autoregressive.rows_of(real, normaliser, model.config)).double()
    order = np.argsort(-real.lengths, kind="stable")
    series = [rows[real.offsets[i] : real.offsets[i + 1]] for i in order]
    lengths = [len(steps) for steps in series]
    packed = model(torch.cat(series), lengths).split(lengths)
    for steps, predictions in zip(series, packed, strict=True):
        state = model.start(1)
        for row, expected in zip(steps[:, None], predictions, strict=True):
            x, state = model.step(row[:, :5], row[:, 5:], state)
            torch.testing.assert_close(x[0], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_the_future_has_no_gradient(kind):
    """A prediction depends on no later row and no other series; AR's on `order` steps at most."""
    real = ragged_series()
    model = untrained(kind, real, Normaliser.fit(real))
    x = torch.rand(11 + 7, model.config.n_inputs, requires_grad=True)
    model(x, (11, 7))[6].sum().backward()
    touched = x.grad.abs().sum(1) > 0
    assert touched[4:7].all()
    assert not touched[7:].any()
    assert touched[:4].any() == (kind is RNN)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("per_series", [False, True])
def test_flags_and_cap_rule_the_length(kind, per_series):
    """Lengths lie in [1, cap], mixed; values stay in the data's bounds, a constant stays."""
    real = ragged_series()
    normaliser = Normaliser.fit(real, "sigmoid", per_series=per_series)
    model = untrained(kind, real, normaliser)
    for cap in (1, 7, 19):
        made = model.sample(101, 0, real=real, max_steps=cap)
        assert len(made) == 101
        assert made.lengths.min() >= 1
        assert made.lengths.max() <= cap
        assert made.values.min() >= real.values.min() - 1e-4
        assert made.values[:, :2].max() <= 7 + 1e-4
        assert (made.values[:, 2] == 11).all()
    assert (made.model, made.origin, made.label) == (kind.key, "simulated", "domain")
    assert len(set(made.lengths)) > 2


@pytest.mark.parametrize("kind", KINDS)
def test_batched_generation_equals_one_by_one(kind, monkeypatch):
    """Series that end early leave the others as they are; the size of a batch changes nothing."""
    real = ragged_series()
    normaliser = Normaliser.fit(real)
    model = untrained(kind, real, normaliser)
    whole = model.sample(41, 3, real=real, max_steps=19)
    monkeypatch.setattr(autoregressive, "BATCH_SIZE", 1)
    single = model.sample(41, 3, real=real, max_steps=19)
    assert len(set(whole.lengths)) > 2
    assert (whole.lengths == single.lengths).all()
    np.testing.assert_allclose(whole.values, single.values, atol=1e-4)


def test_the_first_step_has_the_training_sets_moments():
    """Mean and covariance of unclipped first steps are those of the data; flags are one-hot."""
    rng = np.random.default_rng(1)
    first = 4 + rng.normal(0, 1, (499, 2)) @ np.array([[0.5, 0.4], [0.0, 0.3]])
    real = attributed_series([np.vstack([x, [0, 0], [9, 9]]) for x in first])
    normaliser = Normaliser.fit(real)
    model = AR.build(tiny_recurrent(AR, real), real, normaliser, 0)
    drawn = model.first(torch.randn(20011, 4, generator=torch.Generator().manual_seed(0)))
    assert (drawn[:, 2:] == torch.tensor([1.0, 0.0])).all()
    loc = np.zeros((20011, 2))
    scale = np.full((20011, 2), 9)
    values = normaliser.inverse(drawn[:, :2].numpy(), np.ones(20011, dtype=int), loc, scale)
    np.testing.assert_allclose(values.mean(0), first.mean(0), atol=0.02)
    np.testing.assert_allclose(np.cov(values.T), np.cov(first.T), atol=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_keep_their_joint_shares(kind):
    """Categorical attributes are drawn together: no unseen pair, shares within 5 errors."""
    real = ragged_series(n_series=90)
    normaliser = Normaliser.fit(real)
    made = untrained(kind, real, normaliser).sample(5003, 1, real=real, max_steps=2)
    assert list(made.attributes) == ["domain", "agent"]
    expected = real.attributes[["domain", "agent"]].value_counts(normalize=True)
    shares = made.attributes.value_counts(normalize=True)
    assert set(shares[shares > 0].index) == set(expected[expected > 0].index)
    for pair, share in expected[expected > 0].items():
        assert abs(shares[pair] - share) < 5 * np.sqrt(share * (1 - share) / 5003)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_and_files(kind, tmp_path):
    """The same seed draws the same set, also of a saved model, whatever torch drew before."""
    real = ragged_series()
    normaliser = Normaliser.fit(real)
    model = untrained(kind, real, normaliser)
    one = model.sample(13, 2, real=real, max_steps=7).sha256()
    torch.manual_seed(99)
    assert model.sample(13, 2, real=real, max_steps=7).sha256() == one
    assert model.sample(13, 3, real=real, max_steps=7).sha256() != one
    model.save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model")
    assert loaded.config == model.config
    assert loaded.sample(13, 2, real=real, max_steps=7).sha256() == one


@pytest.mark.parametrize("kind", KINDS)
def test_a_per_series_normaliser_draws_levels_with_attributes(kind):
    """loc and scale come from the training series that gave the attributes."""
    level = {"en": 100.0, "de": 200.0, "fr": 300.0}
    flat = attributed_series([np.zeros((5, 2))] * 18)
    real = attributed_series(
        [np.full((5, 2), level[d]) + np.arange(5)[:, None] for d in flat.attributes["domain"]]
    )
    normaliser = Normaliser.fit(real, per_series=True)
    made = untrained(kind, real, normaliser).sample(29, 0, real=real, max_steps=7)
    for i, domain in enumerate(made.attributes["domain"]):
        assert made[i].min() >= level[domain] - 1e-3
        assert made[i].max() <= level[domain] + 4 + 1e-3


def test_the_published_sizes():
    """DoppelGANger's AR has order 3 and four layers of 200, its RNN one LSTM of 100."""
    assert asdict(ARConfig(n_features=11)) | {"attributes": ()} == {
        "n_features": 11,
        "attributes": (),
        "d_hidden": 200,
        "activation": "sigmoid",
        "log": False,
        "per_series": False,
        "n_layer": 4,
        "order": 3,
    }
    layers = AR(ARConfig(n_features=11)).f
    shapes = [tuple(m.weight.shape) for m in layers if isinstance(m, torch.nn.Linear)]
    assert shapes == [(200, 33), (200, 200), (200, 200), (200, 200), (11, 200)]
    lstm = RNN(RNNConfig(n_features=11)).lstm
    assert lstm.hidden_size == 100
    assert lstm.num_layers == 1


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_inputs_end_in_a_sentence(kind, tmp_path):
    """What does not fit together is named before anything is drawn."""
    real = ragged_series()
    normaliser = Normaliser.fit(real)
    model = untrained(kind, real, normaliser)
    for n, cap, seed in ((0, 7, 0), (3, 0, 0), (3, 7, -1), (2.5, 7, 0)):
        with pytest.raises(DataError, match="give a whole number"):
            model.sample(n, seed, real=real, max_steps=cap)
    wide = ragged_series(n_features=5)
    with pytest.raises(DataError, match="the model knows 3 measurements, 'toy' has 5"):
        model.sample(3, 0, real=wide, max_steps=7)
    model.scaling = Normaliser.fit(wide)
    with pytest.raises(DataError, match="the normaliser knows 5 measurements"):
        model.sample(3, 0, real=real)
    model.scaling = Normaliser.fit(real, "tanh")
    with pytest.raises(DataError, match="bounds do not fit sigmoid"):
        model.sample(3, 0, real=real)
    with pytest.raises(DataError, match="give it as real="):
        model.sample(3, 0)
    with pytest.raises(DataError, match=f"no {kind.key} model"):
        kind.load(tmp_path / "nowhere")
    other = RNN if kind is AR else AR
    untrained(other, real, normaliser).save(tmp_path / "other")
    with pytest.raises(DataError, match=f"no sound {kind.key} model"):
        kind.load(tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match=f"no sound {other.key} model"):
        other.load(tmp_path / "other")


def test_hostile_attributes_and_settings():
    """An unknown category, a missing attribute, sizes out of bounds: a sentence each."""
    real = ragged_series()
    normaliser = Normaliser.fit(real)
    model = untrained(AR, real, normaliser)
    foreign = real.attributes.assign(domain=pd.Categorical(["xx"] * len(real)))
    with pytest.raises(DataError, match="the value 'xx', unknown to the model"):
        model.sample(3, 0, real=replace(real, attributes=foreign), max_steps=7)
    with pytest.raises(DataError, match="takes the attribute 'agent'"):
        bare = replace(real, attributes=real.attributes[["domain"]])
        model.sample(3, 0, real=bare, max_steps=7)
    for settings, words in (
        ({"order": 0}, "order is 0; give at least 1"),
        ({"n_layer": 10**9}, "n_layer is 1000000000; give at most 1000"),
        ({"activation": "relu"}, "sigmoid, tanh"),
    ):
        with pytest.raises(DataError, match=words):
            ARConfig(n_features=5, **settings)
    with pytest.raises(DataError, match="n_features is 2"):
        RNNConfig(n_features=2)
    alone = attributed_series([np.ones((1, 2))] * 3)
    with pytest.raises(DataError, match="nothing to predict"):
        autoregressive.batches(alone, Normaliser.fit(alone), tiny_recurrent(AR, alone), 400, 5, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_series_of_one_step_without_attributes(kind):
    """Every sample has one step, the only one there is; the group is left out."""
    alone = attributed_series([np.full((1, 2), 3.0)] * 5, label=None, group="page")
    alone = replace(alone, attributes=alone.attributes[["page"]])
    normaliser = Normaliser.fit(alone)
    model = kind.build(tiny_recurrent(kind, alone), alone, normaliser, 0)
    made = model.sample(7, 0, real=alone, max_steps=5)
    assert (made.lengths == 1).all()
    assert (made.values == 3.0).all()
    assert list(made.attributes) == []
    assert made.group is None
