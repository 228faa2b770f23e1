"""Laws of sampling without a seed: no real value, the model's own likelihood, the same seed the same series."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import encoded_batches, mixed_series, tiny_generative

from tst.models.transformer import encoding, sampling
from tst.models.transformer.backbone import KVCache
from tst.models.transformer.batches import TokenBatches, token_nll
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.heads import encode
from tst.models.transformer.packing import Packing
from tst.series import DataError, Feature, from_list


@pytest.mark.parametrize(
    "settings",
    [
        *(
            {},
            {"patch": 3},
            {"positions": "rope"},
            {"positions": "alibi", "attention": "sliding:3"},
        ),
        *({"attention": "probsparse:1"}, {"attention": "probsparse:2", "positions": "rope"}),
    ],
)
def test_cached_steps_equal_the_whole(settings):
    """Token by token through the cache: the outputs of the packed forward pass, in float64, beyond the window too."""
    series = mixed_series(lengths=(13, 8, 5))
    _, layout, made = encoded_batches(series, settings.get("patch", 1))
    tiny = tiny_generative(layout, context_length=6, **settings).double().eval()
    batch = made.collate(np.array([0]), 1.0, 1.0)
    recent, n = batch.recent.double(), batch.lengths[0]
    conditions = encode(layout.attributes, batch.attributes.value, batch.attributes.repeat).double()
    with torch.no_grad():
        whole = tiny.backbone(
            tiny.embed(recent, batch.is_start, conditions.expand(n, -1)), Packing([n])
        )
        cache = KVCache(tiny.config, 1, n, torch.float64)
        for t in range(n):
            h = tiny.backbone.decode(
                tiny.embed(recent[t : t + 1], batch.is_start[t : t + 1], conditions), cache
            )
            torch.testing.assert_close(h[0], whole[t], rtol=0, atol=1e-10)


def trained(series, n_steps=150, patch=1, **settings):
    """Return a model after a few steps."""
    encoder, spec, made = encoded_batches(series, patch, size=64, **settings)
    tiny = tiny_generative(spec, encoder, patch=patch, **settings)
    optimizer = torch.optim.Adam(tiny.parameters(), lr=1e-2)
    for step in range(n_steps):
        optimizer.zero_grad()
        token_nll(tiny, made(step)).backward()
        torch.nn.utils.clip_grad_norm_(tiny.parameters(), 1.0)
        optimizer.step()
    return tiny.eval()


def varied(n=240, seed=3):
    """Return series whose lengths, levels and kinds belong together: a short and low, b long and high."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["a", "b"], n, p=[0.7, 0.3])
    arrays = [
        (0.0 if k == "a" else 5.0) + rng.normal(0, 1, (2 if k == "a" else rng.integers(6, 9), 2))
        for k in kinds
    ]
    facts = {"origin": "simulated", "interval": "5min", "label": "kind", "name": "toy"}
    features = [Feature("x"), Feature("y")]
    return from_list(
        arrays, features=features, attributes=pd.DataFrame({"kind": pd.Categorical(kinds)}), **facts
    )


def test_it_learns_lengths_classes_and_levels():
    """Shares, lengths in each class and means come back; no measurement of the real set stands in the synthetic one."""
    real = varied()
    made = sampling.sample(trained(real), 600, seed=1)
    assert made.model == "tst" and made.origin == "simulated" and made.feature_names == ["x", "y"]
    share, wanted = (np.mean(s.labels == "b") for s in (made, real))
    assert abs(share - wanted) < 0.1
    for kind, low, high in (("a", 1.7, 2.4), ("b", 6.0, 8.5)):
        part = made.take(np.flatnonzero(made.labels == kind))
        assert low < part.lengths.mean() < high
        assert abs(part.values.mean() - (0 if kind == "a" else 5)) < 0.7
    assert not set(map(tuple, made.values)) & set(map(tuple, real.values))


def test_only_the_seed_decides():
    """The same seed gives the same bytes, another one others; the number of series is as asked."""
    real = varied(40)
    tiny = trained(real, 5)
    one, again, other = (sampling.sample(tiny, 17, seed) for seed in (0, 0, 1))
    assert len(one) == 17 and one.sha256() == again.sha256() != other.sha256()


def test_what_is_given_is_kept():
    """Attributes and lengths that are given stand in the result; a prefix of real steps too; what is unknown is named."""
    real = varied(40)
    tiny = trained(real, 5)
    wanted = pd.DataFrame({"kind": ["b", "a", "b"]})
    made = sampling.sample(tiny, 3, attributes=wanted, lengths=np.array([4, 1, 7]))
    assert list(made.labels) == ["b", "a", "b"] and list(made.lengths) == [4, 1, 7]
    donors = real.head(2)
    prefix = donors.values.reshape(len(donors), 2, 2)
    made = sampling.sample(tiny, len(donors), donors=real, prefix=prefix, max_steps=9)
    kept = made.lengths >= 2
    starts = made.offsets[:-1][kept]
    np.testing.assert_allclose(
        made.values[starts], donors.values[donors.offsets[:-1]][kept], rtol=1e-5
    )
    np.testing.assert_allclose(
        made.values[starts + 1], donors.values[donors.offsets[:-1] + 1][kept], rtol=1e-5
    )
    assert list(made.labels) == list(donors.labels)
    with pytest.raises(DataError, match="attribute 'kind' is 'z'; the model knows a, b"):
        sampling.sample(tiny, 1, attributes=pd.DataFrame({"kind": ["z"]}))


@pytest.mark.parametrize("patch", [1, 7])
def test_series_of_one_length_keep_it(patch):
    """Where all training series have one length, so have all samples, whatever the patch."""
    real = mixed_series(fixed=True)
    tiny = trained(real, 3, patch)
    made = sampling.sample(tiny, 5)
    assert list(made.lengths) == [20] * 5 and made.attributes["kind"].isin(list("abc")).all()
    assert (
        set(made.values[:, 2]) <= {0, 1, 2}
        and (made.values[:, 1] == made.values[:, 1].round()).all()
    )


@pytest.mark.parametrize("patch", [1, 3])
def test_log_likelihood_is_the_sum_of_its_numbers(patch):
    """Of each series, in batches of any size; and the training loss is its mean, attributes aside."""
    real = mixed_series(lengths=(3, 1, 8, 5, 2, 13))
    tiny = trained(real, 5, patch)
    found = sampling.log_likelihood(tiny, real, batch_size=4)
    alone = [sampling.log_likelihood(tiny, real.take([i]), 1)[0] for i in range(len(real))]
    np.testing.assert_allclose(found, alone, rtol=1e-4)
    config = replace(tiny.config, stop_weight=1.0)
    made = TokenBatches(real, tiny.encoder, tiny.spec, config, 6, seed=0)
    batch = made(0)
    with torch.no_grad():
        attributes = (tiny(batch, Packing(batch.lengths))[1] * batch.attribute_weight).sum()
        loss = token_nll(tiny, batch) + attributes
    assert loss.item() == pytest.approx(
        -(found * real.lengths).sum() / real.lengths.sum(), rel=1e-4
    )


def test_flags_stop_without_chance_and_no_attributes_leave_none():
    """The paper's flags as an ablation; without attributes the set has none, and no label."""
    real = varied(60)
    tiny = trained(real, 5, stop="flags", attributes=False)
    made = sampling.sample(tiny, 4, max_steps=6)
    assert (
        made.attributes.shape == (4, 0)
        and made.label is None
        and encoding.SeriesEncoder.fit(real).label == "kind"
    )
    assert made.lengths.max() <= 6 and SeriesEncoder.fit(real, attributes=False).categories == {}
