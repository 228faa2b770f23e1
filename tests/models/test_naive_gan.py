"""Laws of the naive GAN: DoppelGANger's with another generator; it learns two modes, ends its series, repeats by seed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import SMALL_GAN, two_classes

from tst.models.attributes import attribute_sizes
from tst.models.doppelganger import naive_gan
from tst.models.doppelganger.batches import DGBatches
from tst.models.doppelganger.model import OBJECTIVES, DGConfig
from tst.models.doppelganger.naive_gan import NaiveGAN
from tst.models.scaling import Normaliser
from tst.series import DataError
from tst.training import loop
from tst.training.loop import TrainConfig


def fit(folder, real, max_steps, learning_rate=1e-3):
    """Train on series of at most 8 steps; return the model."""
    config = naive_gan.configure(real.n_features, attribute_sizes(real), 8, **SMALL_GAN)
    batches = DGBatches(real, Normaliser.fit(real), config, 50, 0)
    torch.manual_seed(0)
    model = NaiveGAN(config, batches.encoder)
    settings = TrainConfig(
        max_steps=max_steps, learning_rate=learning_rate, betas=(0.5, 0.9), grad_clip=0
    )
    loop.optimise(model, OBJECTIVES, batches, settings, folder, {})
    return model


def test_it_learns_two_modes_and_their_shares(tmp_path):
    """Both classes appear, each near its level and length; the set names its maker."""
    real = two_classes(300)
    made = fit(tmp_path / "run", real, 1500, 2e-3).sample(400, 0)
    assert (
        made.model == "naive_gan"
        and abs((made.labels == "low").mean() - (real.labels == "low").mean()) < 0.2
    )
    for kind, level, length in (("low", 2, 3), ("high", 8, 7)):
        part = made.take(np.flatnonzero(made.labels == kind))
        assert (
            abs(np.median(part.values) - level) < 1 and abs(np.median(part.lengths) - length) <= 1
        )


def test_same_seed_same_sample_and_nothing_follows_the_end(tmp_path):
    """Also after saving and loading; after a series' end all is zero."""
    model = fit(tmp_path / "run", two_classes(), 3).eval()
    first = model.sample(30, 5)
    again = NaiveGAN.load(tmp_path / "run").sample(30, 5)
    assert first.sha256() == again.sha256() != model.sample(30, 6).sha256()
    steps = model(50).steps
    observed = steps[..., -2:].sum(2) > 0.5
    lengths = observed.sum(1)
    assert (observed == (torch.arange(8) < lengths[:, None])).all() and (
        steps[~observed] == 0
    ).all()


def test_each_player_moves_its_own_weights():
    """The generator's layers and the critic's are all of them, and share none."""
    model = NaiveGAN(naive_gan.configure(1, (2, 3), 8, **SMALL_GAN))
    parts = [{id(p) for p in parameters(model)} for parameters, _ in OBJECTIVES.values()]
    assert not parts[0] & parts[1] and parts[0] | parts[1] == {id(p) for p in model.parameters()}


def test_series_without_attributes(tmp_path):
    """Nothing but the series is made."""
    real = replace(two_classes(), label=None, attributes=two_classes().attributes[["id"]])
    assert len(fit(tmp_path / "run", real, 2).sample(9, 0)) == 9


def test_what_it_cannot_do_is_said():
    """Attributes to condition on, and settings of DoppelGANger alone, end in a sentence."""
    real = two_classes()
    for wrong in ({"sample_len": 8, "per_series": True}, {"sample_len": 4}):
        with pytest.raises(ValueError, match="one roll, no per_series"):
            NaiveGAN(DGConfig(1, (2,), 8, **SMALL_GAN | wrong))
    config = naive_gan.configure(1, attribute_sizes(real), 8, **SMALL_GAN)
    model = NaiveGAN(config, DGBatches(real, Normaliser.fit(real), config, 20, 0).encoder)
    with pytest.raises(DataError, match="ask for a number of series"):
        model.sample(len(real.attributes.head(3)), 0, attributes=real.attributes.head(3))
