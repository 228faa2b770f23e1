"""Laws of the HMM: it recovers a known chain, flags decide the length, attributes say nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import attributed_series, ragged_series

from tst.errors import DataError
from tst.models import hmm
from tst.models.hmm import HMM, HMMConfig
from tst.models.scaling import Normaliser

SMALL = HMMConfig(n_states=5, n_iter=20)


def chain(n_series=151, longest=23, seed=0):
    """Return series of a chain that stays with 0.9 at (1, 6) or (4, 2), and ends with 0.1."""
    rng = np.random.default_rng(seed)
    arrays = []
    for _ in range(n_series):
        length = min(int(rng.geometric(0.1)), longest)
        state = np.cumsum(rng.random(length) < 0.1) % 2
        arrays.append(np.array([[1.0, 6.0], [4.0, 2.0]])[state] + rng.normal(0, 0.1, (length, 2)))
    return attributed_series(arrays)


def test_it_recovers_a_two_state_chain():
    """Means and staying probability within 0.05; samples have the data's spread and lengths."""
    real = chain()
    normaliser = Normaliser.fit(real)
    model = HMM.fit(HMMConfig(n_states=4), real, 0)
    going = model.means.numpy()[:, -1] < 0.5
    assert going.sum() == 2, "two states go on, two end"
    _, loc, scale = normaliser.normalise(real)
    means = loc[0] + scale[0] * model.means.numpy()[going, :2]
    np.testing.assert_allclose(means[means[:, 0].argsort()], [[1, 6], [4, 2]], atol=0.05)
    transitions = model.transitions.numpy()
    stays = np.diagonal(transitions)[going] / transitions[going][:, going].sum(1)
    np.testing.assert_allclose(stays, 0.9, atol=0.05)
    made = model.sample(2003, 0, real=real, max_steps=97)
    assert abs(made.lengths.mean() - real.lengths.mean()) < 0.15 * real.lengths.mean()
    np.testing.assert_allclose(made.values.mean(0), real.values.mean(0), atol=0.3)
    np.testing.assert_allclose(made.values.std(0), real.values.std(0), rtol=0.1)


def test_series_do_not_leak_into_each_other():
    """The last step of a series tells nothing of the first of the next."""
    up = np.repeat([0.0, 9.0], 5)[:, None]
    real = attributed_series([up] * 20)
    model = HMM.fit(HMMConfig(n_states=3), real, 0)
    low = model.means[:, 0].argmin()
    high = model.means[:, 0].argmax()
    assert model.start[low] > 0.99
    assert model.transitions[high, low] < 1e-3 or model.means[high, -1] > 0.5
    made = model.sample(101, 0, real=real, max_steps=50)
    assert (np.array([made[i][0, 0] for i in range(101)]) < 3).all()


@pytest.mark.parametrize("per_series", [False, True])
def test_flags_and_cap_rule_the_length(per_series):
    """Lengths lie in [1, cap], mixed; values stay in the data's bounds, a constant stays."""
    real = ragged_series()
    model = HMM.fit(replace(SMALL, activation="tanh", per_series=per_series), real, 0)
    for cap in (1, 7, 19):
        made = model.sample(211, 0, real=real, max_steps=cap)
        assert len(made) == 211
        assert made.lengths.min() >= 1
        assert made.lengths.max() <= cap
    assert made.model == "hmm"
    assert len(set(made.lengths)) > 4
    assert (made.values >= real.values.min(0) - 1e-3).all()
    assert (made.values <= real.values.max(0) + 1e-3).all()
    assert (made.values[:, 2] == 11).all()


def test_attributes_keep_their_shares_and_say_nothing():
    """Joint shares as in training; a series' level is independent of its attributes."""
    level = {"en": 100.0, "de": 200.0, "fr": 300.0}
    flat = attributed_series([np.zeros((5, 2))] * 90)
    real = attributed_series(
        [np.full((5, 2), level[d]) + np.arange(5)[:, None] for d in flat.attributes["domain"]]
    )
    model = HMM.fit(replace(SMALL, per_series=True), real, 0)
    made = model.sample(5003, 1, real=real, max_steps=2)
    expected = real.attributes[["domain", "agent"]].value_counts(normalize=True)
    shares = made.attributes.value_counts(normalize=True)
    for pair, share in expected[expected > 0].items():
        assert abs(shares[pair] - share) < 5 * np.sqrt(share * (1 - share) / 5003)
    first = made.values[made.offsets[:-1], 0]
    code = made.attributes["domain"].astype(str).map(level).to_numpy()
    assert abs(np.corrcoef(first, code)[0, 1]) < 5 / np.sqrt(5003)


def test_seeds_and_files(tmp_path):
    """The same seeds fit and draw the same, others others; a saved model draws the same."""
    real = ragged_series()
    model, again, other = (HMM.fit(SMALL, real, seed) for seed in (1, 1, 2))
    one = model.sample(13, 2, real=real, max_steps=7).sha256()
    assert again.sample(13, 2, real=real, max_steps=7).sha256() == one
    assert model.sample(13, 3, real=real, max_steps=7).sha256() != one
    assert not torch.equal(other.means, model.means)
    model.save(tmp_path / "model")
    assert HMM.load(tmp_path / "model").sample(13, 2, real=real, max_steps=7).sha256() == one


def test_the_training_set_is_thinned_by_whole_series():
    """Drawn series have at most `max_rows` steps together, at least one series, none cut."""
    lengths = np.array([3, 5, 7, 11, 13])
    for seed in range(20):
        chosen = hmm._thin(lengths, 17, np.random.default_rng(seed))
        assert len(chosen) >= 1
        assert lengths[chosen].sum() <= 17
        assert (np.diff(chosen) > 0).all()
    assert hmm._thin(lengths, 2, np.random.default_rng(0)).size == 1
    assert hmm._thin(lengths, 39, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]


def test_few_steps_and_constant_data():
    """Fewer distinct steps than states, constant series, series of one step: fitted and drawn."""
    for arrays in (
        [np.full((1, 2), 3.0)] * 5,
        [np.full((4, 2), 3.0)] * 7,
        [np.ones((1, 2)), np.ones((3, 2)) * 2],
    ):
        real = attributed_series(arrays, shares=(1, 1, 1))
        made = HMM.fit(HMMConfig(), real, 0).sample(11, 0, real=real, max_steps=5)
        assert made.lengths.max() <= 5
        assert np.isfinite(made.values).all()


def test_hostile_inputs_end_in_a_sentence(tmp_path):
    """What does not fit together is named."""
    real = ragged_series()
    wide = ragged_series(n_features=5)
    model = HMM.fit(SMALL, real, 0)
    with pytest.raises(DataError, match="give a whole number"):
        model.sample(0, 0, real=real, max_steps=7)
    with pytest.raises(DataError, match="the model knows 3 measurements, 'toy' has 5"):
        model.sample(3, 0, real=wide, max_steps=7)
    model.scaling = Normaliser.fit(wide)
    with pytest.raises(DataError, match="the normaliser knows 5 measurements"):
        model.sample(3, 0, real=real)
    with pytest.raises(DataError, match="give it as real="):
        model.sample(3, 0)
    with pytest.raises(DataError, match="n_states of the HMM is 0"):
        HMMConfig(n_states=0)
    with pytest.raises(DataError, match="one step to fit"):
        HMM.fit(SMALL, attributed_series([np.ones((1, 2))]), 0)
    with pytest.raises(DataError, match="no hmm model"):
        HMM.load(tmp_path)
    HMM.fit(SMALL, real, 0).save(tmp_path)
    facts = json.loads((tmp_path / "model.json").read_text())
    for wrong in ({"n_states": 0}, {"n_states": 10**9}, {"n_channels": 2}, {"n_states": "five"}):
        (tmp_path / "model.json").write_text(json.dumps(facts | wrong))
        with pytest.raises(DataError, match="no sound hmm model"):
            HMM.load(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(facts))
    (tmp_path / "model.safetensors").write_bytes(b"no arrays")
    with pytest.raises(DataError, match="no sound hmm model"):
        HMM.load(tmp_path)
