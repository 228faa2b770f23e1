"""Laws of notebook 16's runs: what is public needs no data, what is there is not repeated."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import toy_series

from tst.data import simulated
from tst.errors import DataError
from tst.models.transformer import private
from tst.models.transformer.private import PrivateConfig
from tst.study import private_runs
from tst.study.private_runs import Runs, attribute_jsd, domain_of


@pytest.mark.parametrize("dataset", private_runs.N_UNITS)
def test_a_domain_is_written_without_a_look_at_the_data(dataset, monkeypatch):
    """No file is read, and a private model of it has few weights."""
    monkeypatch.setattr("builtins.open", None)
    domain = domain_of(dataset)
    sizes = private_runs.base_config(domain)
    assert sizes.context_length == domain.longest and sizes.dropout == 0.0
    assert sizes.d_model == 16 and not sizes.modulated


def test_an_unknown_data_set_is_told():
    with pytest.raises(DataError, match="publicly known of 'moon'"):
        domain_of("moon")


@pytest.mark.slow
def test_runs_resume(tmp_path, monkeypatch):
    """A set that is there is not made again; of another promise, size or data it is."""
    real = replace(simulated.gcut(40, 0).head(8), group=None)  # each task a unit
    domain = domain_of("gcut")
    settings = PrivateConfig(steps=2)
    runs = Runs(folder=tmp_path, real=real, domain=domain, delta=1e-3, settings=settings)
    monkeypatch.setattr(private.private_measures, "N_ROWS", 60)
    made, facts = runs.sample(2.0, 0, 9)
    assert len(made) == 9 and facts["spent"] <= 2.0 and facts["core_seconds"] > 0
    monkeypatch.setattr(private, "fit", None)
    again, facts_again = runs.sample(2.0, 0, 9)
    assert again.sha256() == made.sha256() and facts_again == facts
    for changed in ((1.0, 0, 9), (2.0, 1, 9), (2.0, 0, 8)):
        with pytest.raises(TypeError):
            runs.sample(*changed)
    assert runs.budget(np.inf) is None and runs.budget(2.0).delta == 1e-3


def test_a_pool_begins_with_a_canary(tmp_path):
    """Beside it real series, without attributes; shadow models are kept."""
    real = replace(simulated.gcut(40, 0).head(8), group=None)  # each task a unit
    settings = PrivateConfig(steps=1, rate=0.5)
    runs = Runs(folder=tmp_path, real=real, domain=domain_of("gcut"), delta=1e-3, settings=settings)
    domain, pool = runs._pool(30, 0)
    assert len(pool) == 30 and domain.attributes == {} and domain.n_units == 15
    assert set(np.unique(pool[0])) <= {0.0, 1.0}
    found = runs.attack(np.inf, 30, 16, 0)
    again = runs.attack(np.inf, 30, 16, 0)
    np.testing.assert_array_equal(found.score, again.score)
    assert found.score.shape == (16, 30) and np.isfinite(found.score).all()


def test_attributes_are_as_far_as_is_known():
    """The same: 0; no category in common: 1 bit; half of one in common: known by hand."""

    def of(labels):
        arrays = [np.ones((2, 1))] * len(labels)
        return toy_series(arrays, attributes=pd.DataFrame({"kind": pd.Categorical(list(labels))}))

    assert attribute_jsd(of("aabb"), of("abab"), ["kind"]) == pytest.approx(0)
    assert attribute_jsd(of("aa"), of("bb"), ["kind"]) == pytest.approx(1)
    expected = 0.5 * np.log2(4 / 3) + 0.5 * (0.5 * np.log2(2 / 3) + 0.5 * np.log2(2))
    assert attribute_jsd(of("aa"), of("ab"), ["kind"]) == pytest.approx(expected)
