"""Laws of a private model: what one unit can change, where noise is, that nothing else is read."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import toy_series

from tst.errors import DataError
from tst.models.attributes import SeriesFacts
from tst.models.transformer import private, private_measures
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.domain import Domain, FeatureDomain
from tst.models.transformer.private import Account, PrivateConfig
from tst.models.transformer.variables import Target
from tst.series import Feature, concat
from tst.training.account import Budget, spent

QUICK = PrivateConfig(steps=3)
BUDGET = Budget(epsilon=3.0, delta=1e-3)


def some_series(n=40, seed=0, group=None, longest=11):
    """Return ragged series of a skewed number, a code and a number, with two attributes."""
    rng = np.random.default_rng(seed)
    arrays = []
    for length in rng.integers(1, longest + 1, n):
        columns = [rng.lognormal(2, 2, length), rng.integers(0, 3, length), rng.normal(size=length)]
        arrays.append(np.stack(columns, axis=1))
    frame = pd.DataFrame({"kind": pd.Categorical(rng.choice(list("abc"), n))})
    frame["place"] = pd.Categorical(rng.choice(["x", "y"], n))
    if group is not None:
        frame[group] = rng.integers(0, n // 3, n).astype(str)
    features = [Feature("rate"), Feature("state", "categorical"), Feature("level")]
    return toy_series(
        arrays, features=features, attributes=frame, label="kind", group=group, interval="1D"
    )


def some_domain(longest=7, fixed_length=False):
    """Return what is said of them; some of their values lie beyond."""
    return Domain(
        features=(
            FeatureDomain(low=0, high=1000, log=True),
            FeatureDomain(n_categories=4),
            FeatureDomain(low=-2, high=2),
        ),
        attributes={"kind": ("a", "b", "c", "never"), "place": ("x", "y")},
        longest=longest,
        fixed_length=fixed_length,
        n_units=40,
    )


def tiny_config(domain):
    config = GenerativeConfig(n_features=3, n_layer=1)
    return private.sizes(config, domain)


def fitted(series, budget=BUDGET, settings=QUICK, domain=None, **changes):
    domain = domain or some_domain()
    arguments = {"seed": 0, "randomness": 5} | changes
    return private.fit(series, domain, tiny_config(domain), budget, settings, **arguments)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    """Attributes are learned from few rows, which takes a moment instead of seconds."""
    monkeypatch.setattr(private_measures, "N_ROWS", 60)


@pytest.mark.parametrize("group", [None, "person"])
@pytest.mark.parametrize("fixed_length", [False, True])
def test_a_unit_changes_each_sum_by_one_at_most(group, fixed_length):
    """Also a unit of many series, and of values far out of bounds: by its norm, and not less."""
    domain = some_domain(fixed_length=fixed_length)
    series = domain.within(some_series(group=group))
    parts = private_measures.contributions(series, domain)
    n_units = len(set(series.units.tolist()))
    for name, rows in parts.items():
        assert len(rows) == n_units
        norms = np.linalg.norm(rows, axis=1)
        assert norms.max() <= 1 + 1e-12, name
        assert norms.max() > 0.99 or group is not None, name
        np.testing.assert_allclose(rows.sum(1), 1, err_msg=name)


def test_what_is_done_with_a_series_depends_on_it_alone():
    """Bounds, cuts and unknown categories: a set is its series one by one."""
    domain = some_domain()
    series = some_series()
    whole = domain.within(series)
    each = concat([domain.within(series.take([i])) for i in range(len(series))])
    np.testing.assert_array_equal(whole.values, each.values)
    np.testing.assert_array_equal(whole.lengths, each.lengths)
    assert whole.lengths.max() == 7 and series.lengths.max() > 7
    assert whole.values[:, 2].max() <= 2 < series.values[:, 2].max()
    strange = some_series()
    strange.attributes["kind"] = "unheard of"
    assert set(domain.within(strange).attributes["kind"]) == {"a"}


def test_counts_have_the_noise_that_the_account_says():
    """Standard deviation of the noisy number of units: noise times the root of how many sums."""
    domain = some_domain()
    series = domain.within(some_series())
    n_parts = len(private_measures.contributions(series, domain))
    rng = np.random.default_rng(0)
    counts = [private_measures.measure(series, domain, 0.5, rng).n_units for _ in range(400)]
    assert np.std(counts) == pytest.approx(0.5 * n_parts**0.5, rel=0.15)
    assert np.mean(counts) == pytest.approx(40, abs=0.3)


def test_without_noise_shares_are_the_real_ones():
    domain = some_domain()
    series = domain.within(some_series(300))
    measured = private_measures.measure(series, domain, 0.0, np.random.default_rng(0))
    assert measured.n_units == 300
    real = series.attributes["kind"].value_counts(normalize=True, sort=False).to_numpy()
    np.testing.assert_allclose(measured.margins["kind"], real, atol=1e-12)
    joint = pd.crosstab(series.attributes["kind"], series.attributes["place"], dropna=False)
    np.testing.assert_allclose(measured.tables["place"], joint / 300, atol=0.02)
    encoder = private_measures.encoder_of(measured, domain, SeriesFacts.of(series))
    weight = np.repeat(1 / series.lengths, series.lengths)
    level = series.values[:, 2].astype(float)
    assert encoder.loc[2] == pytest.approx(np.average(level, weights=weight), abs=0.05)


def test_the_nearest_shares_are_found():
    """Known answers, and no other shares of a fine grid are nearer."""
    np.testing.assert_allclose(private_measures.shares_of(np.array([3.0, 1.0]), 4), [0.75, 0.25])
    np.testing.assert_allclose(private_measures.shares_of(np.array([5.0, -3.0]), 4), [1, 0])
    noisy = np.array([0.7, 0.5, -0.4])
    found = private_measures.shares_of(noisy, 1.0)
    grid = np.array([(a, b, 100 - a - b) for a in range(101) for b in range(101 - a)]) / 100
    nearest = grid[((grid - noisy) ** 2).sum(1).argmin()]
    np.testing.assert_allclose(found, nearest, atol=0.01)


def test_a_table_has_its_margins():
    """Brought to them from another table; a cell that noise made 0 may be left by independence."""
    rng = np.random.default_rng(0)
    table = rng.random((3, 4)) * (rng.random((3, 4)) > 0.5)
    table /= table.sum()
    rows, columns = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.1, 0.2, 0.3])
    fitted_table = private_measures.fitted(table, rows, columns)
    np.testing.assert_allclose(fitted_table.sum(1), rows, atol=1e-3)
    np.testing.assert_allclose(fitted_table.sum(0), columns, atol=1e-3)


def test_drawn_attributes_follow_the_tables():
    domain = some_domain()
    series = domain.within(some_series(300))
    measured = private_measures.measure(series, domain, 0.0, np.random.default_rng(0))
    encoder = private_measures.encoder_of(measured, domain, SeriesFacts.of(series))
    rng = np.random.default_rng(1)
    rows = private_measures.attribute_rows(measured, domain, encoder, rng, 20_000)
    assert isinstance(rows, Target)
    codes = rows.value[:, :2].numpy().astype(int)
    joint = np.zeros((4, 2))
    np.add.at(joint, (codes[:, 0], codes[:, 1]), 1 / 20_000)
    np.testing.assert_allclose(joint, measured.tables["place"], atol=0.015)
    lengths = encoder.lengths_of(rows.value[:, 2].numpy())
    edges = private_measures.length_edges(domain.longest)
    bins = np.searchsorted(edges, lengths, "right") - 1
    shares = np.bincount(bins, minlength=len(edges) - 1) / 20_000
    np.testing.assert_allclose(shares, measured.margins["length"], atol=0.02)


class Steps:
    """In place of Adam: keeps the gradients that it is given, and moves nothing."""

    kept: list = []

    def __init__(self, parameters, lr):
        self.parameters = list(parameters)
        self.param_groups = [{"lr": lr}]

    def step(self):
        Steps.kept.append(torch.cat([p.grad.flatten() for p in self.parameters]))


@pytest.mark.slow
@pytest.mark.parametrize("clip", [0.25, 2.0])
def test_gradients_have_the_noise_that_the_account_says(monkeypatch, clip):
    """Of a sum of nothing: noise times the bound, divided by the units expected."""
    monkeypatch.setattr(Steps, "kept", [])
    monkeypatch.setattr(private.attribute_fit, "fit", lambda *_: None)
    monkeypatch.setattr(torch.optim, "Adam", Steps)
    monkeypatch.setattr(private._Sampler, "parts", lambda self: iter(()))
    settings = PrivateConfig(steps=4, clip=clip)
    _, account = fitted(some_series(), settings=settings)
    measured = private_measures.measure(
        some_domain().within(some_series()),
        some_domain(),
        account.releases[0].noise,
        np.random.default_rng(5),
    )
    expected = account.releases[1].noise * clip / (settings.rate * measured.n_units)
    assert len(Steps.kept) == 4
    for gradient in Steps.kept:
        assert float(gradient.std()) == pytest.approx(expected, rel=0.05)
        assert abs(float(gradient.mean())) < 0.1 * expected
    assert not torch.equal(Steps.kept[0], Steps.kept[1])


def test_a_batch_is_a_poisson_sample_of_units():
    """Each unit by itself with the rate, with one window of one of its series, all in turn."""
    domain = some_domain()
    series = domain.within(some_series(30, group="person"))
    units = series.units
    measured = private_measures.measure(series, domain, 0.0, np.random.default_rng(0))
    encoder = private_measures.encoder_of(measured, domain, SeriesFacts.of(series))
    spec = private_measures.spec_of(encoder, domain)
    batches = private.TokenBatches(series, encoder, spec, tiny_config(domain), 1, 0)
    sampler = private._Sampler(batches, units, 0.3, np.random.default_rng(0))
    n_draws = 3000
    seen = np.zeros(units.max() + 1)
    sizes = []
    windows_seen = set()
    for _ in range(n_draws):
        windows = np.concatenate([*sampler.parts(), np.empty(0, dtype=np.int64)])
        drawn = units[batches.series_of_window[windows]]
        assert len(set(drawn.tolist())) == len(drawn)
        assert (np.diff(batches.lengths[windows]) <= 0).all()
        seen[drawn] += 1
        sizes.append(len(drawn))
        windows_seen |= set(windows.tolist())
    assert np.abs(seen / n_draws - 0.3).max() < 0.05
    variance = 0.3 * 0.7 * len(seen)
    assert np.var(sizes) == pytest.approx(variance, rel=0.15)
    assert windows_seen == set(range(len(batches.lengths)))


@pytest.mark.slow
def test_nothing_else_of_the_data_reaches_a_model(monkeypatch):
    """With the same noisy counts and the same gradients, two tables give one model, bit for bit."""
    domain = some_domain()
    one = some_series(40, seed=0)
    other = some_series(40, seed=99, longest=5)
    measured = private_measures.measure(domain.within(one), domain, 1.0, np.random.default_rng(0))
    monkeypatch.setattr(private_measures, "measure", lambda *_: measured)
    monkeypatch.setattr(private._Sampler, "parts", lambda self: iter(()))
    models = [fitted(series)[0] for series in (one, other)]
    assert models[0].facts() == models[1].facts()
    for name, value in models[0].state_dict().items():
        assert torch.equal(value, models[1].state_dict()[name]), name


@pytest.mark.long
def test_gradients_and_counts_do_reach_a_model():
    """The law above can fail: without noise two tables give two models, of other scales."""
    models = [fitted(some_series(40, seed=s), budget=None)[0] for s in (0, 99)]
    assert models[0].facts() != models[1].facts()
    assert not torch.equal(models[0].head.bias, models[1].head.bias)


@pytest.mark.slow
def test_the_account_is_within_the_budget_and_is_saved():
    """Spent, by Opacus, of what was really released; JSON brings it back."""
    _, account = fitted(some_series(group="person", n=90))
    assert spent(account.releases, 1e-3) == account.spent <= 3.0
    assert account.releases[1].times == QUICK.steps
    assert account.unit == "person"
    assert Account.from_dict(account.to_dict()) == account
    assert "'person'" in account.sentences()[0]
    assert set(account.rows()["how"]) == {"public", "measured", "learned", "refused"}
    assert account.text().count("\n|") == len(account.rows()) + 2


@pytest.mark.parametrize(
    "changes", [{"epsilon": 0}, {"releases": []}, {"spent": "little"}, {"more": 1}, {"delta": 2}]
)
def test_what_is_no_account_is_not_loaded(changes):
    kept = {"what": "a", "noise": 1.0, "rate": 1.0, "times": 1}
    facts = {"epsilon": 1.0, "delta": 1e-3, "spent": 1.0, "unit": "series"}
    facts |= {"releases": [kept, kept]}
    assert Account.from_dict(facts).to_dict()["releases"] == (kept, kept)
    with pytest.raises(ValueError):
        Account.from_dict(facts | changes)
    with pytest.raises(ValueError):
        Account.from_dict(facts | {"releases": [kept, kept | {"noise": 0.0}]})


@pytest.mark.slow
def test_samples_are_within_what_is_said():
    model, _ = fitted(some_series())
    made = model.sample(50, seed=1)
    assert made.lengths.max() <= 7
    assert made.values[:, 0].min() >= 0 and made.values[:, 0].max() <= 1000
    assert set(made.values[:, 1].astype(int)) <= {0, 1, 2, 3}
    assert np.abs(made.values[:, 2]).max() <= 2


@pytest.mark.long
def test_the_systems_randomness_repeats_nothing():
    """Two trainings of one seed: other noise, other models; a given randomness repeats."""
    free = [fitted(some_series(), randomness=None)[0].head.bias for _ in range(2)]
    assert not torch.equal(*free)
    given = [fitted(some_series())[0].head.bias for _ in range(2)]
    assert torch.equal(*given)


@pytest.mark.parametrize(
    ("n", "delta", "sentence"),
    [(12, 1e-3, "needs at least 16 series"), (40, 0.025, "must be below 1 / 40")],
)
def test_too_few_series_are_told_before_anything_is_learned(monkeypatch, n, delta, sentence):
    monkeypatch.setattr(private_measures, "measure", None)
    with pytest.raises(DataError, match=sentence):
        fitted(some_series(n), budget=Budget(epsilon=1.0, delta=delta))


@pytest.mark.parametrize(
    "make",
    [
        lambda: FeatureDomain(low=1, high=1),
        lambda: FeatureDomain(low=-1, high=1, log=True),
        lambda: FeatureDomain(low=0, high=np.inf),
        lambda: some_domain(longest=0),
        lambda: PrivateConfig(steps=0),
        lambda: PrivateConfig(rate=0.0),
        lambda: PrivateConfig(rate=1.5),
        lambda: PrivateConfig(share=1.0),
        lambda: some_domain().within(toy_series([np.ones((3, 1))])),
    ],
)
def test_what_cannot_be_is_one_sentence(make):
    with pytest.raises(DataError) as caught:
        make()
    assert "\n" not in str(caught.value)
