"""Laws of DoppelGANger: the penalty in closed form, nothing after the end, it learns two modes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import SMALL_GAN, build_gan, flag_lengths, two_classes
from torch.nn import functional as F

from tst.errors import DataError
from tst.models import jobs
from tst.models.attributes import attribute_sizes
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger.batches import DGBatches
from tst.models.doppelganger.config import DGConfig
from tst.models.doppelganger.critic import Critic
from tst.models.doppelganger.model import OBJECTIVES, SPEC, DoppelGANger
from tst.models.jobs import Job
from tst.models.scaling import Normaliser
from tst.series import Feature, from_list
from tst.training import loop
from tst.training.loop import TrainConfig


def sizes_of(real, **sizes):
    """Return the fields of a small `DGConfig` for a set."""
    fields = {"n_features": real.n_features, "attributes": attribute_sizes(real)}
    return SMALL_GAN | fields | {"max_steps": 8, "sample_len": 2} | sizes


def fit(folder, real, max_steps=12, stop_at=None, objectives=OBJECTIVES, rate=1e-3, **settings):
    """Train; `stop_at` breaks off at that step as a kill would. Return the loss history."""
    model, batches = build_gan(real, **settings)

    def source(step, rank, n_ranks):
        if step == stop_at:
            raise KeyboardInterrupt
        return batches(step, rank, n_ranks)

    config = TrainConfig(
        max_steps=max_steps,
        checkpoint_every=5,
        betas=(0.5, 0.9),
        grad_clip=None,
        learning_rate=rate,
    )
    return loop.optimise(model, objectives, source, config, folder, {"id": 1})


def back_to_series(batch, encoder):
    """Return a batch as the SeriesSet that it encodes."""
    arrays = (batch.steps.numpy(), batch.attributes.numpy(), batch.ranges.numpy())
    return encoder.to_series(*arrays, "doppelganger")


def penalty_by_autograd(critic, real, synthetic, mix, weight):
    """Return the gradient penalty as the WGAN-GP paper writes it, with a second backward pass."""
    x = (mix * real + (1 - mix) * synthetic).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return weight * (gradient.norm(dim=1) - 1).square().mean()


def test_the_penalty_of_a_linear_critic_is_known():
    """D(x) = w x + b: w (mean synthetic - mean real) + weight * (|w| - 1)^2."""
    critic = Critic(11, 7, n_layer=1).double()
    real, synthetic = torch.randn(2, 5, 11, dtype=torch.float64)
    w = critic.layers[0].weight[0]
    expected = w @ (synthetic.mean(0) - real.mean(0)) + 3.0 * (w.norm() - 1) ** 2
    torch.testing.assert_close(critic.loss(real, synthetic, 3.0), expected)


def test_the_written_gradient_equals_autograd():
    """Loss and gradients equal the literal recipe's, also of inputs without their zero end."""
    torch.manual_seed(0)
    critic = Critic(13, 7).double()
    real, synthetic = torch.randn(2, 5, 13, dtype=torch.float64)
    synthetic[:, 9:] = 0
    torch.manual_seed(1)
    ours = critic.loss(real, synthetic[:, :9], 10.0)
    torch.manual_seed(1)
    mix = torch.rand(5, 1)
    literal = critic(synthetic).mean() - critic(real).mean()
    literal = literal + penalty_by_autograd(critic, real, synthetic, mix, 10.0)
    torch.testing.assert_close(ours, literal)
    our_gradients = torch.autograd.grad(ours, critic.parameters(), allow_unused=True)
    expected = torch.autograd.grad(literal, critic.parameters(), allow_unused=True)
    for gradient, expected_one in zip(our_gradients[:-1], expected[:-1], strict=True):
        torch.testing.assert_close(gradient, expected_one)


def test_flags_tell_lengths():
    """Lengths in are lengths out, 1 and max_steps among them; a longer series ends at the cut."""
    lengths = np.array([1, 7, 3, 5, 2, 9])
    values = np.arange(lengths.sum(), dtype=float)[:, None]
    real = replace(two_classes(6), values=values, lengths=lengths)
    _, batches = build_gan(real, max_steps=7, sample_len=3)
    batch = batches.collate(torch.arange(6))
    expected = np.minimum(lengths, 7)
    assert batch.steps.shape == (6, 9, 3)
    assert batch.n_steps == 7
    flags = batch.steps[..., -2:]
    told = flag_lengths(flags.reshape(-1, 2).numpy(), np.full(6, 9))
    np.testing.assert_array_equal(told, expected)
    assert [int(f.argmax()) + 1 for f in flags[..., 1]] == expected.tolist()
    back = back_to_series(batch, batches.encoder)
    np.testing.assert_array_equal(back.lengths, expected)
    np.testing.assert_allclose(back.values, real.head(7).values, rtol=1e-5)
    pd.testing.assert_frame_equal(
        back.attributes, real.attributes[["kind", "place"]], check_categorical=False
    )


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_per_series_values_come_back(activation, log):
    """Through mid-range and half-range and back, also a constant series and a constant feature."""
    rng = np.random.default_rng(0)
    arrays = [10 ** rng.uniform(0, 4, (n, 2)) * [1, 0] + [0, 5] for n in (4, 1, 6, 3)]
    arrays[3][:] = [17.0, 5.0]
    real = from_list(
        arrays,
        name="t",
        features=[Feature("a"), Feature("b")],
        attributes=two_classes(4).attributes,
        origin="simulated",
        interval="1D",
    )
    scaled = {"per_series": True, "auxiliary": True, "activation": activation, "log": log}
    config = DGConfig(**sizes_of(real, max_steps=6, **scaled))
    normaliser = Normaliser.fit(real, activation, log, per_series=True)
    batches = DGBatches(real, normaliser, config, 4, 0)
    batch = batches.collate(torch.arange(4))
    assert batch.ranges.shape == (4, 4)
    assert batch.ranges.min() >= normaliser.low - 1e-6
    assert batch.ranges.max() <= normaliser.high + 1e-6
    back = back_to_series(batch, batches.encoder)
    np.testing.assert_allclose(back.values, real.values, rtol=1e-4)


def ending_model(**settings):
    """Return an untrained float64 model whose series end at different steps, some never."""
    model, _ = build_gan(two_classes(), max_steps=35, sample_len=3, **settings)
    for weight in (model.lstm.weight_ih_l0, model.lstm.weight_hh_l0, model.output.weight):
        weight.data.mul_(6.0)
    model.output.bias.data[2::3] -= 4.0
    return model.double().eval()


def test_nothing_follows_the_end():
    """After the first step with flag2 >= flag1 all is zero, no earlier; max_steps is the most."""
    model = ending_model()
    with torch.no_grad():
        steps = model(200).steps
    observed = steps[..., -2:].sum(2) > 0.5
    lengths = observed.sum(1)
    step = torch.arange(36)
    assert steps.shape[1] == 36
    assert lengths.max() == 35
    assert len(lengths.unique()) > 5
    assert (observed == (step < lengths[:, None])).all()
    assert (steps[~observed] == 0).all()
    ends = steps[..., -1] >= steps[..., -2]
    assert not ends[step < lengths[:, None] - 1].any()
    assert ends[torch.arange(200), lengths - 1][lengths < 35].all()


def test_rolling_no_further_than_the_end_changes_nothing(monkeypatch):
    """Looking each roll at which series have ended gives the values and gradients of one pass."""
    model = ending_model()
    outcomes = {}
    for chunk in (1, 100):
        monkeypatch.setattr(doppelganger, "CHUNK", chunk)
        steps = model(50, generator=torch.Generator().manual_seed(0)).steps
        padded = F.pad(steps, (0, 0, 0, 36 - steps.shape[1]))
        weight = torch.linspace(0, 1, 36, dtype=torch.float64)[:, None]
        model.zero_grad()
        (padded * weight).sum().backward()
        outcomes[chunk] = (padded, model.lstm.weight_hh_l0.grad.clone())
    for often, once in zip(outcomes[1], outcomes[100], strict=True):
        torch.testing.assert_close(often, once, rtol=1e-9, atol=1e-9)


@pytest.mark.long
def test_it_learns_two_modes_and_their_shares(tmp_path):
    """Both classes appear in their shares, each with its own level and length."""
    real = two_classes(300)
    fit(tmp_path / "run", real, 1500, batch_size=50, rate=2e-3)
    synthetic = DoppelGANger.load(tmp_path / "run").sample(500, 0)
    assert abs((synthetic.labels == "low").mean() - (real.labels == "low").mean()) < 0.15
    for kind, level, length in (("low", 2, 3), ("high", 8, 7)):
        part = synthetic.take(np.flatnonzero(synthetic.labels == kind))
        assert abs(np.median(part.values) - level) < 0.7
        assert np.median(part.lengths) == length
        assert abs(part.lengths.mean() - length) < 0.7


@pytest.mark.slow
def test_a_killed_run_goes_on_bit_by_bit(tmp_path):
    """Broken off after a checkpoint and started again: the same losses and the same weights."""
    settings = {"per_series": True, "auxiliary": True}
    whole = fit(tmp_path / "whole", two_classes(), **settings)
    assert list(whole) == ["step", "loss", "learning_rate", "loss_critic", "loss_generator"]
    assert (whole.loss == whole.loss_generator).all()
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "broken", two_classes(), stop_at=8, **settings)
    resumed = fit(tmp_path / "broken", two_classes(), **settings)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    expected = DoppelGANger.load(tmp_path / "whole").state_dict()
    weights = DoppelGANger.load(tmp_path / "broken").state_dict()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_each_objective_moves_its_own_weights(tmp_path):
    """With the generator's turn left out only the critics change; together they are all weights."""
    model, batches = build_gan(two_classes(), per_series=True, auxiliary=True)
    before = {k: v.detach().clone() for k, v in model.named_parameters()}
    config = TrainConfig(max_steps=3, learning_rate=1e-2)
    loop.optimise(model, {"critic": OBJECTIVES["critic"]}, batches, config, tmp_path / "run", {})
    moved = {k.split(".")[0] for k, v in model.named_parameters() if not torch.equal(v, before[k])}
    assert moved == {"critic", "auxiliary"}
    critics, generators = ({id(p) for p in select(model)} for select, _ in OBJECTIVES.values())
    assert not critics & generators
    assert critics | generators == {id(p) for p in model.parameters()}


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_an_objective_that_diverges_is_named(tmp_path, name):
    """NaN in either loss stops the run with a sentence; nothing is saved as finished."""
    select, loss = OBJECTIVES[name]
    broken = (select, lambda model, batch: loss(model, batch) * float("nan"))
    with pytest.raises(loop.Diverged, match=f"loss of the {name} is nan at step 0"):
        fit(tmp_path / "run", two_classes(), objectives=OBJECTIVES | {name: broken})
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_diverged_seed_of_dg_is_said_and_the_other_goes_on(tmp_path, capsys):
    """NaN in one of two jobs: one sentence; the other seed is trained and sampled."""
    real = two_classes()
    real.save(tmp_path / "train")
    config = DGConfig(**sizes_of(real))
    settings = TrainConfig(max_steps=12, batch_size=20, grad_clip=0, betas=(0.5, 0.9))
    bad, good = (
        Job.of(SPEC, tmp_path / "train", tmp_path / f"dg-seed{seed}", config, changed)
        for seed, changed in enumerate(
            [
                replace(settings, seed=0, learning_rate=1e30),
                replace(settings, seed=1, learning_rate=1e-3),
            ]
        )
    )
    history = jobs.train_all([bad, good])
    printed = capsys.readouterr().out.splitlines()
    (sentence,) = [line for line in printed if "failed" in line]
    assert "seed 0 failed: dg-seed0: the loss of the" in sentence
    assert sentence.endswith("start again.")
    assert list(history["seed"].unique()) == [1]
    assert jobs.done([bad, good]) == [good]
    assert len(DoppelGANger.load(good.folder).sample(9, 1)) == 9


def test_given_attributes_come_back_exactly():
    """A conditional sample has the rows asked for; what the model does not know is left out."""
    real = two_classes()
    model, _ = build_gan(real, per_series=True, auxiliary=True)
    given = real.attributes.iloc[::-1]
    synthetic = model.sample(len(given), 3, attributes=given, batch_size=7)
    expected = given.reset_index(drop=True)[["kind", "place"]]
    pd.testing.assert_frame_equal(synthetic.attributes, expected, check_categorical=False)
    assert synthetic.model == "doppelganger"
    assert synthetic.origin == "simulated"
    assert synthetic.label == "kind"
    assert synthetic.features == real.features
    assert np.isfinite(synthetic.values).all()


def test_same_seed_same_sample(tmp_path):
    """Also after saving and loading; another seed is another sample."""
    model, _ = build_gan(two_classes(), per_series=True, auxiliary=True)
    first = model.sample(30, 5)
    model.save(tmp_path / "model")
    torch.manual_seed(99)
    again = DoppelGANger.load(tmp_path / "model").sample(30, 5)
    assert first.sha256() == again.sha256() != model.sample(30, 6).sha256()


def test_wrong_attributes_are_named():
    """An unknown category, a missing column and an empty request end in a sentence."""
    model, _ = build_gan(two_classes())
    frame = two_classes().attributes.head(3)
    with pytest.raises(DataError, match=r"attribute 'place' is 'moon'.*known are x, y, z"):
        model.sample(3, 0, attributes=frame.assign(place=["x", "moon", "y"]))
    with pytest.raises(DataError, match=r"attribute 'place' is missing.*kind, place"):
        model.sample(3, 0, attributes=frame[["kind"]])
    with pytest.raises(DataError, match="nothing to generate"):
        model.sample(0, 0)
    with pytest.raises(DataError, match="3 attribute rows are given for 4 series"):
        model.sample(4, 0, attributes=frame)
    gap = two_classes()
    gap.attributes.loc[2, "place"] = np.nan
    with pytest.raises(DataError, match="'place' of 'toy' has missing values"):
        build_gan(gap)


@pytest.mark.parametrize("per_series", [False, True])
def test_a_lone_class_and_a_constant_feature_train(tmp_path, per_series):
    """A class of one series and a constant feature: it trains, and the constant comes back."""
    real = two_classes(20, share=0.0)
    kind = ["only", *["high"] * 19]
    attributes = real.attributes.assign(kind=pd.Categorical(kind))
    real = replace(
        real,
        values=np.concatenate([real.values, np.full_like(real.values, 3.0)], axis=1),
        features=[*real.features, Feature("constant")],
        attributes=attributes,
    )
    fit(tmp_path / "run", real, 4, per_series=per_series)
    model = DoppelGANger.load(tmp_path / "run")
    synthetic = model.sample(2, 0, attributes=attributes.iloc[:2])
    assert synthetic.labels.tolist() == ["only", "high"]
    assert np.isfinite(synthetic.values).all()
    if per_series:
        np.testing.assert_allclose(synthetic.values[:, 1], 3.0, rtol=1e-5)


def test_series_without_attributes(tmp_path):
    """Nothing to condition on: the features alone are learnt and sampled."""
    real = replace(two_classes(), label=None, attributes=two_classes().attributes[["id"]])
    fit(tmp_path / "run", real, 2)
    assert len(DoppelGANger.load(tmp_path / "run").sample(9, 0, batch_size=4)) == 9


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"attributes": (), "auxiliary": True}, "set auxiliary to False"),
        ({"sample_len": 9}, "sample_len is 9"),
        ({"activation": "relu"}, "activation is 'relu'; use one of sigmoid, tanh"),
        ({"n_units": 0}, "n_units is 0; give at least 1"),
        ({"critic_width": 10**9}, "critic_width is 1000000000; give at most"),
    ],
)
def test_wrong_settings_are_named(sizes, words):
    """A critic with nothing to judge, rolls beyond the series, unknown and impossible sizes."""
    with pytest.raises(DataError, match=words):
        DGConfig(**sizes_of(two_classes(), **sizes))


def test_a_configuration_for_other_data_is_named():
    """Scaling that the model does not expect, a batch of one series, an unknown setting."""
    real = two_classes()
    config = DGConfig(**sizes_of(real))
    with pytest.raises(DataError, match="does not fit 'toy'"):
        DGBatches(real, Normaliser.fit(real, per_series=True), config, 5, 0)
    with pytest.raises(DataError, match="two series or more"):
        build_gan(real, batch_size=1)
    with pytest.raises(TypeError, match="n_layers"):
        DGConfig(**sizes_of(real, n_layers=3))


def test_a_model_whose_parts_do_not_fit_is_refused(tmp_path):
    """Configuration of one training set, encoder of another: a sentence, no model."""
    model, _ = build_gan(two_classes())
    _, other = build_gan(two_classes(), per_series=True)
    model.encoder = other.encoder
    model.save(tmp_path / "model")
    with pytest.raises(
        DataError, match=r"encoder and its configuration do not fit.*train it again"
    ):
        DoppelGANger.load(tmp_path / "model")
    with pytest.raises(DataError, match="does not say how its data were encoded"):
        DoppelGANger(model.config).sample(3)
