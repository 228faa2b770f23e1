"""Laws of generation: the cached batch equals the literal loop; donors stay in the result; the flags decide."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import series_of

from tst.models import controls
from tst.models.scaling import Normaliser
from tst.models.transformer import generation
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.model import TST
from tst.series import DataError
from tst.study.benchmarks import reference


def model(n_features=5, seed=3, context_length=23):
    """Return a tiny random model, wide enough weights that its flags cross at different steps."""
    torch.manual_seed(seed)
    tiny = TST(
        TSTConfig(
            n_features=n_features,
            d_model=14,
            n_head=2,
            n_layer=2,
            d_ff=11,
            context_length=context_length,
        )
    )
    for p in tiny.parameters():
        p.data.mul_(3.0)
    return tiny.double().eval()


def test_batched_cached_generation_equals_the_literal_loop():
    """One series at a time, everything recomputed: the same samples and lengths in float64."""
    tiny = model()
    literal = reference.ReferenceTST.like(tiny)
    seeds = (
        torch.rand(40, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 4
        - 2
    )
    values, lengths = generation.generate(tiny, seeds, 23)
    assert len(set(lengths.tolist())) > 3, "the case must mix early and late ends"
    for i, seed in enumerate(seeds):
        expected = reference.generate(literal, seed, 23)
        assert lengths[i] == len(expected)
        torch.testing.assert_close(values[i, : len(expected)], expected, rtol=0, atol=1e-9)
        assert (values[i, len(expected) :] == 0).all()


def test_the_cap_is_checked():
    """A cap beyond the window or below the seed is refused."""
    for cap in (1, 24):
        with pytest.raises(ValueError, match="between 2 and 23"):
            generation.generate(model(), torch.zeros(1, 2, 5, dtype=torch.float64), cap)


def donors(lengths=(2, 5, 9)):
    """Return donors of three features."""
    rng = np.random.default_rng(1)
    return series_of([rng.uniform(0, 7, (n, 3)) for n in lengths])


def test_from_donors_keeps_seed_and_attributes():
    """The first two steps are the donor's, the attributes are the donor's, the set says who made it."""
    real = donors()
    made = generation.from_donors(model().float(), real, Normaliser.fit(real), 23, "tst_paper")
    assert made.model == "tst_paper" and made.origin == real.origin and len(made) == 3
    assert (made.lengths >= 3).all() and (made.lengths <= 23).all()
    pd.testing.assert_frame_equal(made.attributes, real.attributes)
    for i in range(3):
        np.testing.assert_allclose(made[i][:2], real[i][:2], rtol=1e-5, atol=1e-5)
    assert generation.copied_share(made) == pytest.approx(6 / made.lengths.sum())


def test_the_oracle_stops_at_the_donors_length(monkeypatch):
    """Each series has its donor's length, at least 3 and at most the cap, in batches of any size; the steps are the model's."""
    real, tiny = donors((2, 5, 9, 21)), model().float()
    made = generation.from_donors(tiny, real, Normaliser.fit(real), 17, "x", oracle=True)
    assert list(made.lengths) == [3, 5, 9, 17]
    monkeypatch.setattr(generation, "CACHE_BYTES", 1)
    np.testing.assert_allclose(
        generation.from_donors(tiny, real, Normaliser.fit(real), 17, "x", oracle=True).values,
        made.values,
        atol=1e-4,
    )


def test_batching_changes_nothing(monkeypatch):
    """One donor at a time gives the same series as all together."""
    real, tiny = donors((4, 6, 3, 8, 2)), model().float()
    together = generation.from_donors(tiny, real, Normaliser.fit(real), 23, "x")
    monkeypatch.setattr(generation, "CACHE_BYTES", 1)
    alone = generation.from_donors(tiny, real, Normaliser.fit(real), 23, "x")
    np.testing.assert_array_equal(alone.lengths, together.lengths)
    np.testing.assert_allclose(alone.values, together.values, atol=1e-4)


def test_a_short_donor_is_named():
    """A donor of one step ends in a sentence with the count and the remedy."""
    with pytest.raises(DataError, match="1 of the 2 donor series.*leave them out"):
        real = donors((1, 4))
        generation.from_donors(model().float(), real, Normaliser.fit(real), 23, "x")


def test_controls():
    """seed_only has two steps, seed_repeat the donor's length, bootstrap_copy nothing that is not real."""
    real = donors()
    assert list(controls.seed_only(real).lengths) == [2, 2, 2]
    repeated = controls.seed_repeat(real)
    np.testing.assert_array_equal(repeated[1], real[1][[0, 1, 0, 1, 0]])
    copied = controls.bootstrap_copy(real, seed=0)
    assert {tuple(x.ravel()) for x in map(np.asarray, copied)} <= {
        tuple(x.ravel()) for x in map(np.asarray, real)
    }


def test_permuted_labels():
    """The same series and class counts in another order; a function of the seed."""
    real = donors(tuple(range(2, 42)))
    real = replace(
        real, attributes=pd.DataFrame({"kind": pd.Categorical(list("ab") * 20)}), label="kind"
    )
    dealt = controls.permuted_labels(real, 0)
    assert sorted(dealt.labels) == sorted(real.labels) and list(dealt.labels) != list(real.labels)
    assert list(controls.permuted_labels(real, 0).labels) == list(dealt.labels)
    np.testing.assert_array_equal(dealt.values, real.values)
