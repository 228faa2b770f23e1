"""Laws of frozen models: small, the same but for rounding, and refused where they are damaged."""

import json

import numpy as np
import pytest
import torch
from helpers import TINY_TST, build_gan, series_of, two_classes

from tst.errors import DataError
from tst.io import weights
from tst.models.doppelganger.model import CRITICS
from tst.models.scaling import Normaliser
from tst.models.transformer.model import TST
from tst.study.frozen import freeze, thaw


@pytest.fixture
def gan(tmp_path):
    """Return (folder of a DoppelGANger, the model)."""
    model, _ = build_gan(two_classes())
    model.save(tmp_path / "gan")
    return tmp_path / "gan", model


def size(folder):
    """Return the bytes of the weights of a folder."""
    return (folder / weights.WEIGHTS_FILE).stat().st_size


def test_a_frozen_gan_is_the_generator_in_half_precision(gan, tmp_path):
    """Its weights are the rounded ones, its critics nought; the file is a fraction as large."""
    folder, model = gan
    freeze(folder, "doppelganger", tmp_path / "frozen")
    assert size(tmp_path / "frozen") < 0.5 * size(folder)
    thawed = thaw(tmp_path / "frozen").state_dict()
    n_critics = 0
    for name, tensor in model.state_dict().items():
        is_critic = name.startswith(CRITICS)
        n_critics += is_critic
        expected = torch.zeros_like(tensor) if is_critic else tensor
        if tensor.dtype == torch.float32:
            expected = expected.half().float()
        assert torch.equal(thawed[name], expected), name
    assert n_critics > 0


def test_the_rounded_model_is_thawed_as_it_was_saved(gan, tmp_path):
    """A model whose weights are rounded already makes the same series, frozen and thawed."""
    _, model = gan
    model.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
    model.save(tmp_path / "rounded")
    freeze(tmp_path / "rounded", "doppelganger", tmp_path / "frozen")
    again = thaw(tmp_path / "frozen").sample(20, seed=3)
    assert again.sha256() == model.sample(20, seed=3).sha256()


def test_a_transformer_keeps_its_scale(tmp_path):
    """Frozen TST continues donors in their own units, within half precision."""
    rng = np.random.default_rng(0)
    donors = series_of([rng.uniform(50, 90, (n, 3)) for n in (4, 6, 9)])
    torch.manual_seed(0)
    model = TST(TINY_TST, Normaliser.fit(donors))
    model.save(tmp_path / "model")
    freeze(tmp_path / "model", "tst_paper", tmp_path / "frozen")
    pair = [m.sample(3, real=donors, oracle=True) for m in (model, thaw(tmp_path / "frozen"))]
    np.testing.assert_allclose(pair[0].values, pair[1].values, rtol=0.01)


def test_what_does_not_fit_half_precision_is_not_frozen(gan, tmp_path):
    """A weight of 70,000 would be infinite."""
    _, model = gan
    model.output.weight.data[0, 0] = 70_000
    model.save(tmp_path / "wide")
    with pytest.raises(DataError, match="output.weight is beyond half precision"):
        freeze(tmp_path / "wide", "doppelganger", tmp_path / "frozen")


@pytest.mark.parametrize(
    "change",
    [
        {"model": "nobody"},
        {"left_out": {"critic.x": [10**9, 10**9]}},
        {"left_out": {"critic.x": [-1, 3]}},
        {"left_out": {"critic.x": "all"}},
        {"settings": 3},
        {"odd": 1},
    ],
)
def test_a_changed_file_is_refused(gan, tmp_path, change):
    """Whatever it claims: one sentence, and no memory taken for it."""
    freeze(gan[0], "doppelganger", tmp_path / "frozen")
    facts, state = weights.read(tmp_path / "frozen")
    weights.save(tmp_path / "bad", facts | change, state)
    with pytest.raises(DataError):
        thaw(tmp_path / "bad")
    path = tmp_path / "frozen" / weights.SETTINGS_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match="its two files were changed"):
        thaw(tmp_path / "frozen")
