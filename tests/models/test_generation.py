"""Laws of generation: the cached batch is the literal loop; donors stay; the flags decide."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import series_of

from tst.errors import DataError
from tst.models.scaling import Normaliser
from tst.models.transformer import generation
from tst.models.transformer.config import TSTConfig
from tst.models.transformer.model import TST
from tst.study.benchmarks import reference


def model(n_features=5, seed=3, context_length=23):
    """Return a tiny random model, wide enough weights that its flags cross at different steps."""
    torch.manual_seed(seed)
    sizes = {"d_model": 14, "n_head": 2, "n_layer": 2, "d_ff": 11}
    tiny = TST(TSTConfig(n_features=n_features, context_length=context_length, **sizes))
    for parameter in tiny.parameters():
        parameter.data.mul_(3.0)
    return tiny.double().eval()


def test_batched_cached_generation_equals_the_literal_loop():
    """One series at a time, everything recomputed: the same samples and lengths in float64."""
    tiny = model()
    literal = reference.ReferenceTST.like(tiny)
    generator = torch.Generator().manual_seed(0)
    conditioning = 4 * torch.rand(40, 2, 5, dtype=torch.float64, generator=generator) - 2
    values, lengths = generation.generate(tiny, conditioning, 23)
    assert len(set(lengths.tolist())) > 3, "the case must mix early and late ends"
    for i, first_steps in enumerate(conditioning):
        expected = reference.generate(literal, first_steps, 23)
        assert lengths[i] == len(expected)
        torch.testing.assert_close(values[i, : len(expected)], expected, rtol=0, atol=1e-9)
        assert (values[i, len(expected) :] == 0).all()


def test_the_cap_is_checked():
    """A cap beyond the window or below the conditioning steps is refused."""
    for cap in (1, 24):
        with pytest.raises(ValueError, match="between 2 and 23"):
            generation.generate(model(), torch.zeros(1, 2, 5, dtype=torch.float64), cap)


def donors(lengths=(2, 5, 9)):
    """Return donors of three features."""
    rng = np.random.default_rng(1)
    return series_of([rng.uniform(0, 7, (n, 3)) for n in lengths])


def test_from_donors_keeps_first_steps_and_attributes():
    """The first two steps and the attributes are the donor's; the set names the model."""
    real = donors()
    synthetic = generation.from_donors(model().float(), real, Normaliser.fit(real), 23, "tst_paper")
    assert synthetic.model == "tst_paper"
    assert synthetic.origin == real.origin
    assert len(synthetic) == 3
    assert (synthetic.lengths >= 3).all()
    assert (synthetic.lengths <= 23).all()
    pd.testing.assert_frame_equal(synthetic.attributes, real.attributes)
    for i in range(3):
        np.testing.assert_allclose(synthetic[i][:2], real[i][:2], rtol=1e-5, atol=1e-5)
    assert generation.copied_share(synthetic) == pytest.approx(6 / synthetic.lengths.sum())


def test_the_oracle_stops_at_the_donors_length(monkeypatch):
    """Each series has its donor's length, at least 3, at most the cap, in batches of any size."""
    real = donors((2, 5, 9, 21))
    tiny = model().float()
    scaling = Normaliser.fit(real)
    together = generation.from_donors(tiny, real, scaling, 17, "x", oracle=True)
    assert list(together.lengths) == [3, 5, 9, 17]
    monkeypatch.setattr(generation, "CACHE_BYTES", 1)
    alone = generation.from_donors(tiny, real, scaling, 17, "x", oracle=True)
    np.testing.assert_allclose(alone.values, together.values, atol=1e-4)


def test_both_ends_are_the_two_recipes():
    """One pass gives the series by their flags and those of the oracle, as two passes do."""
    real = donors((2, 5, 9, 21, 4, 4, 13))
    tiny = model().float()
    tiny.scaling = Normaliser.fit(real)
    together = tiny.sample_with_oracle(7, real=real, max_steps=17)
    for made, oracle in zip(together, (False, True), strict=True):
        alone = tiny.sample(7, real=real, max_steps=17, oracle=oracle)
        assert made.model == alone.model
        np.testing.assert_array_equal(made.lengths, alone.lengths)
        np.testing.assert_allclose(made.values, alone.values, atol=1e-4)
    lengths = np.stack([made.lengths for made in together])
    assert (lengths[0] < lengths[1]).any(), "the case must have flags that end too early"
    assert (lengths[0] > lengths[1]).any(), "and too late"


def test_batching_changes_nothing(monkeypatch):
    """One donor at a time gives the same series as all together."""
    real = donors((4, 6, 3, 8, 2))
    tiny = model().float()
    together = generation.from_donors(tiny, real, Normaliser.fit(real), 23, "x")
    monkeypatch.setattr(generation, "CACHE_BYTES", 1)
    alone = generation.from_donors(tiny, real, Normaliser.fit(real), 23, "x")
    np.testing.assert_array_equal(alone.lengths, together.lengths)
    np.testing.assert_allclose(alone.values, together.values, atol=1e-4)


def test_a_short_donor_is_named():
    """A donor of one step ends in a sentence with the count and the remedy."""
    real = donors((1, 4))
    with pytest.raises(DataError, match="1 of the 2 donor series.*leave them out"):
        generation.from_donors(model().float(), real, Normaliser.fit(real), 23, "x")
