"""Laws of DoppelGANger: the penalty in closed form, flags tell lengths, nothing after the end, it learns two modes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import SMALL_GAN, build_gan, flag_lengths, two_classes
from torch.nn import functional as F

from tst.models import jobs
from tst.models.attributes import attribute_sizes
from tst.models.doppelganger import model as doppelganger
from tst.models.doppelganger.batches import DGBatches
from tst.models.doppelganger.model import OBJECTIVES, SPEC, Critic, DGConfig, DoppelGANger
from tst.models.jobs import Job
from tst.models.scaling import Normaliser
from tst.series import DataError, Feature, from_list
from tst.training import loop
from tst.training.loop import TrainConfig


def fit(
    folder, real, max_steps=12, stop_at=None, players=OBJECTIVES, learning_rate=1e-3, **settings
):
    """Train; `stop_at` breaks off at that step as a kill would. Return the loss history."""
    model, batches = build_gan(real, **settings)

    def source(step, rank, n_ranks):
        if step == stop_at:
            raise KeyboardInterrupt
        return batches(step, rank, n_ranks)

    adam = {"betas": (0.5, 0.9), "grad_clip": None, "learning_rate": learning_rate}
    return loop.optimise(
        model,
        players,
        source,
        TrainConfig(max_steps=max_steps, checkpoint_every=5, **adam),
        folder,
        {"id": 1},
    )


def penalty_by_autograd(critic, real, synthetic, mix, weight):
    """Return the gradient penalty as the WGAN-GP paper writes it, with a second backward pass."""
    x = (mix * real + (1 - mix) * synthetic).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return weight * (gradient.norm(dim=1) - 1).square().mean()


def test_the_penalty_of_a_linear_critic_is_known():
    """D(x) = w x + b: the loss is w (mean synthetic - mean real) + weight * (|w| - 1)^2."""
    critic = Critic(11, 7, n_layer=1).double()
    real, synthetic = torch.randn(2, 5, 11, dtype=torch.float64)
    w = critic.layers[0].weight[0]
    expected = w @ (synthetic.mean(0) - real.mean(0)) + 3.0 * (w.norm() - 1) ** 2
    torch.testing.assert_close(critic.loss(real, synthetic, 3.0), expected)


def test_the_written_gradient_equals_autograd():
    """The loss and its gradients equal the literal recipe's, inputs without their zero end included."""
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
    got, expected = (
        torch.autograd.grad(v, critic.parameters(), allow_unused=True) for v in (ours, literal)
    )
    for a, b in zip(got[:-1], expected[:-1], strict=True):
        torch.testing.assert_close(a, b)


def test_flags_tell_lengths():
    """Lengths in are lengths out, 1 and max_steps among them; a longer series is cut and ends at the cut."""
    lengths = np.array([1, 7, 3, 5, 2, 9])
    real = two_classes(6)
    real = replace(real, values=np.arange(lengths.sum(), dtype=float)[:, None], lengths=lengths)
    _, batches = build_gan(real, max_steps=7, sample_len=3)
    batch, T = batches.collate(torch.arange(6)), 9
    expected = np.minimum(lengths, 7)
    assert batch.steps.shape == (6, T, 3) and batch.n_steps == 7
    flags = batch.steps[..., -2:]
    np.testing.assert_array_equal(
        flag_lengths(flags.reshape(-1, 2).numpy(), np.full(6, T)), expected
    )
    assert [int(f.argmax()) + 1 for f in flags[..., 1]] == expected.tolist()
    back = batches.encoder.to_series(
        *(t.numpy() for t in (batch.steps, batch.attributes, batch.spread)), "doppelganger"
    )
    np.testing.assert_array_equal(back.lengths, expected)
    np.testing.assert_allclose(back.values, real.head(7).values, rtol=1e-5)
    pd.testing.assert_frame_equal(
        back.attributes, real.attributes[["kind", "place"]], check_categorical=False
    )


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_per_series_values_come_back(activation, log):
    """Through (max + min)/2 and (max - min)/2 and back; a constant series and a constant feature return themselves."""
    rng = np.random.default_rng(0)
    arrays = [10 ** rng.uniform(0, 4, (n, 2)) * [1, 0] + [0, 5] for n in (4, 1, 6, 3)]
    arrays[3][:] = 17.0, 5.0
    real = two_classes(4)
    real = from_list(arrays, name="t", features=[Feature("a"), Feature("b")], attributes=real.attributes,
                     origin="simulated", interval="1D")  # fmt: skip
    config = DGConfig(
        2,
        attribute_sizes(real),
        6,
        2,
        per_series=True,
        auxiliary=True,
        activation=activation,
        **SMALL_GAN,
    )
    batches = DGBatches(real, Normaliser.fit(real, activation, log, per_series=True), config, 4, 0)
    batch = batches.collate(torch.arange(4))
    assert batch.spread.shape == (4, 4)
    back = batches.encoder.to_series(
        *(t.numpy() for t in (batch.steps, batch.attributes, batch.spread)), "doppelganger"
    )
    np.testing.assert_allclose(back.values, real.values, rtol=1e-4)


def ending_model(**settings):
    """Return an untrained model whose series end at different steps, some never, in float64."""
    model, _ = build_gan(two_classes(), max_steps=35, sample_len=3, **settings)
    for weight in (model.lstm.weight_ih_l0, model.lstm.weight_hh_l0, model.output.weight):
        weight.data.mul_(6.0)
    model.output.bias.data[2::3] -= 4.0
    return model.double().eval()


def test_nothing_follows_the_end():
    """After the first step with flag2 >= flag1 all is zero, no earlier; no series exceeds max_steps."""
    model = ending_model()
    with torch.no_grad():
        steps = model(200).steps
    observed = steps[..., -2:].sum(2) > 0.5
    lengths = observed.sum(1)
    assert steps.shape[1] == 36 and lengths.max() == 35 and len(lengths.unique()) > 5
    assert (observed == (torch.arange(36) < lengths[:, None])).all() and (
        steps[~observed] == 0
    ).all()
    ends = steps[..., -1] >= steps[..., -2]
    assert not ends[torch.arange(36) < lengths[:, None] - 1].any()
    assert ends[torch.arange(200), lengths - 1][lengths < 35].all()


def test_rolling_no_further_than_the_end_changes_nothing(monkeypatch):
    """Looking each roll at which series have ended gives values and gradients of one pass over all rolls."""
    model, found = ending_model(), {}
    for chunk in (1, 100):
        monkeypatch.setattr(doppelganger, "CHUNK", chunk)
        steps = model(50, generator=torch.Generator().manual_seed(0)).steps
        weight = torch.linspace(0, 1, 36, dtype=torch.float64)[:, None]
        model.zero_grad()
        (F.pad(steps, (0, 0, 0, 36 - steps.shape[1])) * weight).sum().backward()
        found[chunk] = (
            F.pad(steps, (0, 0, 0, 36 - steps.shape[1])),
            model.lstm.weight_hh_l0.grad.clone(),
        )
    for a, b in zip(found[1], found[100], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_it_learns_two_modes_and_their_shares(tmp_path):
    """Both classes appear in their shares, each with its own level and length."""
    real = two_classes(300)
    fit(tmp_path / "run", real, 1500, batch_size=50, learning_rate=2e-3)
    synthetic = DoppelGANger.load(tmp_path / "run").sample(500, 0)
    assert abs((synthetic.labels == "low").mean() - (real.labels == "low").mean()) < 0.15
    for kind, level, length in (("low", 2, 3), ("high", 8, 7)):
        part = synthetic.take(np.flatnonzero(synthetic.labels == kind))
        assert abs(np.median(part.values) - level) < 0.7 and np.median(part.lengths) == length
        assert abs(part.lengths.mean() - length) < 0.7


def test_a_killed_run_goes_on_bit_by_bit(tmp_path):
    """Broken off after a checkpoint and started again: the same losses of both players, the same weights."""
    settings = {"per_series": True, "auxiliary": True}
    whole = fit(tmp_path / "whole", two_classes(), **settings)
    assert list(whole) == ["step", "loss", "learning_rate", "loss_critic", "loss_generator"]
    assert (whole.loss == whole.loss_generator).all()
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "broken", two_classes(), stop_at=8, **settings)
    resumed = fit(tmp_path / "broken", two_classes(), **settings)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    one, two = (DoppelGANger.load(tmp_path / name).state_dict() for name in ("whole", "broken"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_each_player_moves_its_own_weights(tmp_path):
    """With the generator's turn left out only the critics change; its loss reaches no critic's gradient."""
    model, batches = build_gan(two_classes(), per_series=True, auxiliary=True)
    before = {k: v.detach().clone() for k, v in model.named_parameters()}
    config = TrainConfig(max_steps=3, learning_rate=1e-2)
    loop.optimise(model, {"critic": OBJECTIVES["critic"]}, batches, config, tmp_path / "run", {})
    moved = {k.split(".")[0] for k, v in model.named_parameters() if not torch.equal(v, before[k])}
    assert moved == {"critic", "auxiliary"}
    parts = [{id(p) for p in parameters(model)} for parameters, _ in OBJECTIVES.values()]
    assert not parts[0] & parts[1] and parts[0] | parts[1] == {id(p) for p in model.parameters()}


@pytest.mark.parametrize("who", list(OBJECTIVES))
def test_a_player_that_diverges_is_named(tmp_path, who):
    """NaN in either loss stops the run with a sentence; nothing is saved as finished."""
    parameters, loss = OBJECTIVES[who]
    players = OBJECTIVES | {
        who: (parameters, lambda model, batch: loss(model, batch) * float("nan"))
    }
    with pytest.raises(loop.Diverged, match=f"loss of the {who} is nan at step 0"):
        fit(tmp_path / "run", two_classes(), players=players)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_diverged_seed_of_dg_is_said_and_the_other_goes_on(tmp_path, capsys):
    """NaN in one of two jobs: one sentence, the other seed is trained and sampled, the failed one has no model."""
    real = two_classes()
    real.save(tmp_path / "train")
    config = DGConfig(1, attribute_sizes(real), 8, 2, **SMALL_GAN)
    settings = {"batch_size": 20, "grad_clip": 0, "betas": (0.5, 0.9)}
    bad, good = (
        Job.of(
            SPEC,
            tmp_path / "train",
            tmp_path / f"dg-seed{seed}",
            config,
            TrainConfig(max_steps=12, learning_rate=rate, seed=seed, **settings),
        )
        for seed, rate in ((0, 1e30), (1, 1e-3))
    )
    history = jobs.train_all([bad, good])
    said = [line for line in capsys.readouterr().out.splitlines() if "failed" in line]
    assert (
        len(said) == 1
        and "seed 0 failed: dg-seed0: the loss of the" in said[0]
        and said[0].endswith("start again.")
    )
    assert list(history["seed"].unique()) == [1] and jobs.done([bad, good]) == [good]
    assert len(DoppelGANger.load(good.folder).sample(9, 1)) == 9


def test_given_attributes_come_back_exactly():
    """A conditional sample has the rows asked for, in their order; what the model does not know is left out."""
    real = two_classes()
    model, _ = build_gan(real, per_series=True, auxiliary=True)
    synthetic = model.sample(
        len(real.attributes.iloc[::-1]), 3, attributes=real.attributes.iloc[::-1], batch_size=7
    )
    expected = real.attributes.iloc[::-1].reset_index(drop=True)[["kind", "place"]]
    pd.testing.assert_frame_equal(synthetic.attributes, expected, check_categorical=False)
    assert (synthetic.model, synthetic.origin, synthetic.label) == (
        "doppelganger",
        "simulated",
        "kind",
    )
    assert synthetic.features == real.features and np.isfinite(synthetic.values).all()


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
    with pytest.raises(DataError, match="attribute 'place' is 'moon'.*known are x, y, z"):
        model.sample(
            len(frame.assign(place=["x", "moon", "y"])),
            0,
            attributes=frame.assign(place=["x", "moon", "y"]),
        )
    with pytest.raises(DataError, match="attribute 'place' is missing.*kind, place"):
        model.sample(len(frame[["kind"]]), 0, attributes=frame[["kind"]])
    with pytest.raises(DataError, match="nothing to generate"):
        model.sample(0, 0)
    gap = two_classes()
    gap.attributes.loc[2, "place"] = np.nan
    with pytest.raises(DataError, match="'place' of 'toy' has missing values"):
        build_gan(gap)


@pytest.mark.parametrize("per_series", [False, True])
def test_a_lone_class_and_a_constant_feature_train(tmp_path, per_series):
    """One member of a class, a feature that never changes: it trains, and the constant comes back."""
    real = two_classes(20, share=0.0)
    kind = ["only", *["high"] * 19]
    values = np.concatenate([real.values, np.full_like(real.values, 3.0)], axis=1)
    attributes = real.attributes.assign(kind=pd.Categorical(kind))
    features = [*real.features, Feature("constant")]
    real = replace(real, values=values, features=features, attributes=attributes)
    fit(tmp_path / "run", real, 4, per_series=per_series)
    synthetic = DoppelGANger.load(tmp_path / "run").sample(
        len(attributes.iloc[:2]), 0, attributes=attributes.iloc[:2]
    )
    assert synthetic.labels.tolist() == ["only", "high"]
    assert np.isfinite(synthetic.values).all()
    if per_series:
        np.testing.assert_allclose(synthetic.values[:, 1], 3.0, rtol=1e-5)


def test_series_without_attributes(tmp_path):
    """Nothing to condition on: the features alone are learnt and sampled."""
    real = replace(two_classes(), label=None, attributes=two_classes().attributes[["id"]])
    fit(tmp_path / "run", real, 2)
    assert len(DoppelGANger.load(tmp_path / "run").sample(9, 0, batch_size=4)) == 9


def test_wrong_settings_are_named():
    """An unknown key, an auxiliary critic with nothing to judge, a configuration for other data, a lone series."""
    with pytest.raises(ValueError, match="unknown setting .'n_layers'. of DG"):
        DGConfig.from_dict({"n_layers": 3})
    with pytest.raises(ValueError, match="set auxiliary to False"):
        DGConfig(1, (), 8, 2, auxiliary=True)
    with pytest.raises(ValueError, match="sample_len is 9"):
        DGConfig(1, (), 8, 9)
    real = two_classes()
    with pytest.raises(DataError, match="does not fit 'toy'"):
        DGBatches(
            real,
            Normaliser.fit(real, per_series=True),
            DGConfig(1, attribute_sizes(real), 8, 2),
            5,
            0,
        )
    with pytest.raises(DataError, match="two series or more"):
        build_gan(real, batch_size=1)
