"""Laws of fitting attributes first: each conditional by itself, to what the table tells."""

import copy
import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import encoded_batches, recorded, tiny_generative, toy_series
from scipy import stats

from tst.models.transformer import attribute_fit, sampling, sizes
from tst.models.transformer.heads import ChainHead
from tst.models.transformer.tokens import attribute_target
from tst.models.transformer.variables import Target, Variable
from tst.series import Feature
from tst.synthesiser import MIN_STEPS, N_EPOCHS, Synthesiser
from tst.training.batches import EpochOrder

N_DRAWN = 3000


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Fits of other tests are not remembered."""
    monkeypatch.setattr(attribute_fit, "_fits", {})


def deciding_series(k, n=300, n_steps=20, seed=0):
    """Return series whose attribute a, of k values, decides b, a level, and a category's shares.

    `n_steps` are their steps, or the shortest and the longest.
    """
    rng = np.random.default_rng(seed)
    a = rng.integers(0, k, n)
    b = rng.permutation(k)[a]
    level = rng.normal(0, 10, k)[a]
    likely = a % 3
    arrays = []
    for i, T in enumerate(rng.integers(*np.broadcast_to(n_steps, 2) + [0, 1], n)):
        state = np.where(rng.random(T) < 0.95, likely[i], rng.integers(0, 3, T))
        arrays.append(np.stack([level[i] + rng.normal(size=T), state], axis=1))
    names = np.array([f"{i:02d}" for i in range(k)])
    attributes = pd.DataFrame({"a": pd.Categorical(names[a]), "b": pd.Categorical(names[b])})
    features = [Feature("x"), Feature("state", "categorical")]
    return toy_series(arrays, features=features, attributes=attributes)


def untrained(real):
    """Return an untrained model of a set, and its attributes."""
    encoder, spec, _ = encoded_batches(real)
    return tiny_generative(spec, encoder), attribute_target(encoder, real)


def mean_log_p(head, target):
    """Return the mean log p of attributes of which nothing is known before."""
    one = torch.ones(len(target.value), 1)
    rows = attribute_fit.Rows(target=target, context=one, units=torch.arange(len(one)))
    return attribute_fit._log_p(head, rows)


def fitted(real, seed=0):
    """Return a model of a set whose attributes are fitted, and the steps of each conditional."""
    model, target = untrained(real)
    return model, attribute_fit.fit(model.attribute_head, target, seed)


@torch.no_grad()
def drawn(model, n=N_DRAWN, seed=1):
    """Return drawn attributes, float64 (n, n_attributes)."""
    generator = torch.Generator().manual_seed(seed)
    return sampling.draw_attributes(model, n, generator).double().numpy()


def existing(real, a, b):
    """Return which share of pairs, codes (n,) each, a set has."""
    pairs = set(zip(real.attributes["a"].cat.codes, real.attributes["b"].cat.codes, strict=True))
    return np.mean([pair in pairs for pair in zip(a, b, strict=True)])


def explained(x, a):
    """Return the share of the variance of x that the groups of a explain."""
    within = pd.Series(x).groupby(np.asarray(a)).transform(lambda group: group - group.mean())
    return 1 - (within**2).mean() / np.var(x)


def means(series, x):
    """Return the mean of x (rows,) over each series."""
    return np.add.reduceat(x, series.offsets[:-1]) / series.lengths


def test_the_likelihood_is_the_mean_of_each_row():
    """Row by row and number by number through the chain, as its head tells it."""
    model, target = untrained(deciding_series(3, n=17))
    head = model.attribute_head
    rows = []
    for i in range(17):
        row = target.map(lambda x, i=i: x[i : i + 1])
        rows.append(head.log_prob(torch.ones(1, 1), torch.ones(1, 0), row)[0])
    torch.testing.assert_close(mean_log_p(head, target), torch.stack(rows).mean(0))


@pytest.mark.long
@pytest.mark.parametrize("is_averaged", [True, False])
def test_each_conditional_is_kept_at_its_own_step(is_averaged, monkeypatch):
    """As a literal twin: all conditionals go as far as each one needs, and that one is taken.

    With the mean of its last weights, but for a large table.
    """
    monkeypatch.setattr(attribute_fit, "SMALL", 0)  # plainly alone
    monkeypatch.setattr(attribute_fit, "AVERAGED", 60 if is_averaged else 59)
    real = deciding_series(5, n=60)
    model, n_steps = fitted(real)
    assert len(set(n_steps.tolist())) > 1
    twin, target = untrained(real)
    first = copy.deepcopy(twin.attribute_head).requires_grad_(True)
    attribute_fit._begin_at_frequencies(first, target)
    attribute_fit._begin_at_levels(first, target)
    taken = model.attribute_head
    for d, n in enumerate(n_steps.tolist()):
        head = copy.deepcopy(first)
        rate = attribute_fit.PLAIN.learning_rate
        optimizer = torch.optim.Adam(head.parameters(), lr=rate, fused=True)
        seen = [copy.deepcopy(head.state_dict())]
        for _ in range(n):
            optimizer.zero_grad()
            mean_log_p(head, target).sum().neg().backward()
            optimizer.step()
            seen.append(copy.deepcopy(head.state_dict()))
        if is_averaged and n:
            last = seen[-attribute_fit.EVERY :]
            head.load_state_dict({k: sum(state[k] for state in last) / len(last) for k in last[0]})
        ours, twins = taken._weights_of(d), head._weights_of(d)
        for pair in zip(ours, twins, strict=True):
            torch.testing.assert_close(*pair, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(mean_log_p(taken, target)[d], mean_log_p(head, target)[d])


def wearing_series(n, seed):
    """Return series that end when what wears off by a step of theirs is used up."""
    rng = np.random.default_rng(seed)
    arrays = []
    for T in np.round(100 * np.exp(0.2 * rng.normal(size=n))).astype(int):
        arrays.append((1 / T * np.exp(0.02 * rng.normal(size=T)))[:, None])
    return toy_series(arrays)


@pytest.mark.long
def test_means_of_weights_stand_nearer_to_a_narrow_distribution(monkeypatch):
    """A level that decides the length: further series are likelier, and most so in the worst case.

    A single step of the fit may stand beside so narrow a distribution.
    """
    log_p = {0: [], 1_000: []}
    for table, seed in itertools.product((0, 2, 3, 4), range(2)):
        real = wearing_series(100, seed=table)
        encoder, _, _ = encoded_batches(real)
        further = attribute_target(encoder, wearing_series(300, seed=1))
        for rows, seen in log_p.items():
            monkeypatch.setattr(attribute_fit, "AVERAGED", rows)
            attribute_fit._fits.clear()
            head = fitted(real, seed)[0].attribute_head
            seen.append(float(mean_log_p(head, further)[-1]))
    assert np.mean(log_p[1_000]) > np.mean(log_p[0]) + 0.05
    assert min(log_p[1_000]) > min(log_p[0]) + 0.1


@pytest.mark.long
@pytest.mark.parametrize("rows", [0, 1_000])
def test_a_fit_is_taken_as_it_was_before_a_leap(monkeypatch, rows):
    """Beside a narrow distribution, at steps where the rows learned are suddenly less likely."""
    monkeypatch.setattr(attribute_fit, "AVERAGED", rows)
    monkeypatch.setattr(attribute_fit, "SMALL", 0)  # plainly alone
    model, target = untrained(wearing_series(100, seed=0))
    first = copy.deepcopy(model.attribute_head).requires_grad_(True)
    one = torch.ones(len(target.value), 1)
    table = attribute_fit.Rows(target=target, context=one, units=torch.arange(len(one)))
    looks = attribute_fit._looks(first, table, 400, attribute_fit.PLAIN, torch.Generator())
    log_p = torch.stack([mean_log_p(head, target).detach() for _, head in looks])[:, -1]
    likeliest = log_p.cummax(0).values
    leap = int((likeliest - log_p).argmax())
    assert likeliest[leap] - log_p[leap] > 1.0
    n_steps = torch.full((len(model.attribute_head.variables),), leap * attribute_fit.EVERY)
    judged = n_steps, torch.zeros(len(n_steps))
    monkeypatch.setattr(attribute_fit, "_held_out_steps", lambda *_: judged)
    attribute_fit.fit(model.attribute_head, target, 0)
    taken = mean_log_p(model.attribute_head, target)[-1]
    assert taken > likeliest[leap] - attribute_fit.LEAP


def test_a_held_out_row_does_not_change_where_its_fit_begins():
    """Other levels and categories of the rows that judge a fit: it begins as it did."""
    model, target = untrained(deciding_series(5, n=40))
    is_held_out = torch.arange(40) < 10
    context = torch.ones(40, 1)
    units = torch.arange(40)
    rows = attribute_fit.Rows(target=target, context=context, units=units)
    shown = target.map(torch.clone)
    shown.value[is_held_out, 0] = 0.0
    shown.value[is_held_out, 2:] += 9.0
    changed = attribute_fit.Rows(target=shown, context=context, units=units)
    begun = []
    for table in (rows, changed):
        head = copy.deepcopy(model.attribute_head).requires_grad_(True)
        parts = table.take(~is_held_out), table.take(is_held_out)
        generator = torch.Generator().manual_seed(0)
        nothing = attribute_fit.Recipe(learning_rate=0.0, most=0)
        attribute_fit._held_out_curves(head, *parts, nothing, generator)
        begun.append(head.state_dict())
    assert begun[0]["bias"].ne(model.attribute_head.bias).any()
    for name, weight in begun[0].items():
        assert torch.equal(weight, begun[1][name]), name


def test_a_fit_and_each_of_its_folds_begin_at_their_own_rows(monkeypatch):
    """Four folds leave out each row once; the whole table's fit leaves out none."""
    monkeypatch.setattr(attribute_fit, "SMALL", 0)  # plainly alone
    monkeypatch.setattr(attribute_fit, "MAX_STEPS", 20)
    begun = recorded(monkeypatch, attribute_fit, "_begin_at_levels")
    fitted(deciding_series(3, n=44, seed=5))
    assert [len(target.value) for _, target in begun] == [33, 33, 33, 33, 44]


def test_a_held_out_row_of_a_new_category_judges_nothing(monkeypatch):
    """All rows judge where each category is in several, and where none is."""
    judging = recorded(monkeypatch, attribute_fit, "_held_out_curves")
    monkeypatch.setattr(attribute_fit, "SMALL", 0)
    monkeypatch.setattr(attribute_fit, "MAX_STEPS", 20)
    for kinds, unknown in (([0, 1] * 20, []), ([0] * 39 + [1], [1]), (list(range(40)), [])):
        judging.clear()
        attributes = pd.DataFrame({"kind": pd.Categorical(kinds)})
        fitted(toy_series([np.ones((2, 1))] * 40, attributes=attributes))
        codes = [held_out.target.value[:, 0] for _, _, held_out, *_ in judging]
        judged = sorted(torch.cat(codes).int().tolist())
        assert judged == sorted(code for code in kinds if code not in unknown)


def grouped_series(n_units, n_each, seed, apart=0.05):
    """Return series of units: each unit has a level, about which its series lie so closely."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 10, n_units).repeat(n_each) + rng.normal(0, apart, n_units * n_each)
    unit = pd.Series(np.arange(n_units).repeat(n_each)).astype(str)
    arrays = [value + rng.normal(size=(20, 1)) for value in level]
    return toy_series(arrays, attributes=pd.DataFrame({"unit": unit}), group="unit")


@pytest.mark.slow
def test_series_of_one_group_do_not_judge_each_other():
    """Held out one by one, their like are in the fit: it closes in on the groups that it knows."""
    real, further = grouped_series(25, 8, 0), grouped_series(2000, 1, 1)
    model, target = untrained(real)
    judged = attribute_target(model.encoder, further)
    log_p = {}
    for name, units in (("rows", None), ("groups", torch.from_numpy(real.units))):
        head = copy.deepcopy(model.attribute_head)
        attribute_fit.fit(head, target, 0, None, units)
        log_p[name] = float(mean_log_p(head, judged).sum())
    assert log_p["groups"] > log_p["rows"] + 0.2, log_p


@pytest.mark.slow
@pytest.mark.parametrize("n_units", [1, 3, 4, 20])
def test_a_group_is_held_out_as_a_whole(n_units, monkeypatch):
    """In one fold; where groups are fewer than folds, their series are held out one by one."""
    parts = recorded(monkeypatch, attribute_fit, "_held_out_curves")
    monkeypatch.setattr(attribute_fit, "MAX_STEPS", 20)
    real = grouped_series(n_units, 80 // n_units, 0, apart=1.0)
    model, target = untrained(real)
    attribute_fit.fit(model.attribute_head, target, 0, None, torch.from_numpy(real.units))
    is_shared = [
        bool(torch.isin(held_out.units, kept.units).any()) for _, kept, held_out, *_ in parts
    ]
    assert is_shared and not any(is_shared)
    n_judged = sum(len(held_out) for _, _, held_out, *_ in parts)
    assert n_judged % len(real) == 0
    n_units_seen = len(set(torch.cat([held_out.units for _, _, held_out, *_ in parts]).tolist()))
    assert n_units_seen == (n_units if n_units >= attribute_fit.N_FOLDS else len(real))


def test_an_attribute_that_names_the_group_is_learned_all_the_same():
    """Whole groups held out would leave no row that judges; a level by the name is learned."""
    real = grouped_series(12, 20, 0)
    named = pd.DataFrame({"unit": pd.Categorical(real.attributes["unit"])})
    real = replace(real, attributes=named.assign(owner=named["unit"].astype(str)), group="owner")
    model, target = untrained(real)
    units = torch.from_numpy(real.units)
    attribute_fit.fit(model.attribute_head, target, 0, None, units)
    values = drawn(model)
    level = pd.Series(model.encoder.moments_of(torch.from_numpy(values).float())[0][:, 0])
    spread_within = level.groupby(values[:, 0]).std().median()
    assert spread_within < 0.2 * level.std()


def test_the_first_look_that_no_later_one_betters():
    """Within the gain that counts, the earliest; each column by itself."""
    gain = attribute_fit.GAIN
    falling = [0.0, -1.0, -2.0]
    flat = [-1.0, -0.5 * gain, 0.0]
    rising = [-2.0, -1.0, 0.0]
    curve = torch.tensor([falling, flat, rising]).T
    assert attribute_fit._best_looks(curve).tolist() == [0, 1, 2]


def test_what_is_chance_is_not_learned_by_heart():
    """A conditional that others do not decide stops early, one that they decide goes on."""
    rng = np.random.default_rng(0)
    n, k = 240, 12
    a = rng.integers(0, k, n)
    columns = {"a": a, "noise": rng.integers(0, k, n), "b": (a + 1) % k}
    attributes = pd.DataFrame({name: pd.Categorical(codes) for name, codes in columns.items()})
    real = toy_series([np.ones((2, 1))] * n, attributes=attributes)
    model, n_steps = fitted(real)
    _, noise, b = n_steps.tolist()
    assert b >= 3 * noise
    fresh = rng.integers(0, k, (2, 5000))
    codes = np.stack([fresh[0], fresh[1], (fresh[0] + 1) % k], axis=1)
    attributes = pd.DataFrame(
        {name: pd.Categorical(x) for name, x in zip(columns, codes.T, strict=True)}
    )
    target = attribute_target(
        model.encoder, toy_series([np.ones((2, 1))] * 5000, attributes=attributes)
    )
    log_p = mean_log_p(model.attribute_head, target)
    assert log_p[1] > -math.log(k) - 0.15, "as likely as chance has it, or nearly"
    assert log_p[2] > -0.1, "what is decided is known"


@pytest.mark.long
def test_the_seed_decides_and_nothing_else(monkeypatch):
    """The same seed gives the same bits; torch's own state is neither read nor moved."""
    monkeypatch.setattr(attribute_fit, "MAX_STEPS", 200)
    real = deciding_series(4, n=50)
    model, target = untrained(real)
    heads = []
    for seed in (0, 0, 1):
        head = copy.deepcopy(model.attribute_head)
        state = torch.random.get_rng_state()
        attribute_fit.fit(head, target, seed)
        assert torch.equal(torch.random.get_rng_state(), state)
        torch.rand(7)
        heads.append(torch.cat([p.flatten() for p in head.parameters()]))
        assert not any(p.requires_grad for p in head.parameters())
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


@pytest.mark.slow
def test_a_remembered_fit_is_that_of_the_same_table_only(monkeypatch):
    """The same head, table and seed are fitted once; another of any of them is fitted anew."""
    monkeypatch.setattr(attribute_fit, "MAX_STEPS", 40)
    monkeypatch.setattr(attribute_fit, "N_KEPT", 2)
    fits = recorded(monkeypatch, attribute_fit, "_fit")
    first = fitted(deciding_series(3, n=40))[0].attribute_head
    again = fitted(deciding_series(3, n=40))[0].attribute_head
    assert len(fits) == 1
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    again.bias.zero_()
    assert fitted(deciding_series(3, n=40))[0].attribute_head.bias.any()
    fitted(deciding_series(3, n=40), seed=1)
    fitted(deciding_series(3, n=40, seed=1))
    assert len(fits) == 3
    assert len(attribute_fit._fits) == 2


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_table_of_hardly_a_row_is_fitted(n):
    """Where no row can be held out, a few steps are taken; what is drawn are numbers."""
    model, n_steps = fitted(deciding_series(2, n=n))
    assert (n_steps > 0).all()
    assert np.isfinite(drawn(model, 20)).all()


@pytest.mark.long
def test_what_decides_is_found_in_a_large_table(monkeypatch):
    """By batches, which a small table is not fitted by, too."""
    real = deciding_series(5, n=400)
    monkeypatch.setattr(attribute_fit, "LARGE", 399)
    seen = recorded(monkeypatch, attribute_fit, "_log_p")
    a, b = drawn(fitted(real)[0])[:, :2].T.astype(int)
    assert existing(real, a, b) >= 0.99
    n_rows = {len(rows) for _, rows in seen}
    assert n_rows == {attribute_fit.BATCHED.batch, 100}, "batches, and the held-out rows"


def bent_chain(n, seed):
    """Return rows of six numbers that each nearly follow from the one before, and their log p."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 6))
    x = z.copy()
    for d in range(1, 6):
        x[:, d] = np.tanh(1.5 * x[:, d - 1]) / 0.7 + 0.05 * z[:, d]
    value = torch.from_numpy(x).float()
    repeat = torch.zeros(value.shape, dtype=torch.bool)
    log_p = stats.norm.logpdf(z).sum(1).mean() - 5 * math.log(0.05)
    return Target(value=value, lower=value, upper=value, repeat=repeat), log_p


@pytest.mark.long
def test_batches_and_a_falling_rate_learn_a_large_table_better(monkeypatch):
    """What is nearly certain: further rows are nearly as likely as their own density has them."""
    batched = replace(attribute_fit.BATCHED, most=1_000)
    monkeypatch.setattr(attribute_fit, "BATCHED", batched)
    rows, _ = bent_chain(2_500, seed=0)
    further, exact = bent_chain(2_500, seed=1)
    missing = []
    for large in (2_000, 10_000):
        monkeypatch.setattr(attribute_fit, "LARGE", large)
        attribute_fit._fits.clear()
        torch.manual_seed(0)
        head = ChainHead((Variable(),) * 6, 1, 0, "mixture", ((-3.0, 3.0),) * 6, 6)
        head.requires_grad_(False)
        attribute_fit.fit(head, rows, 0)
        missing.append(exact - float(mean_log_p(head, further).sum()))
    assert 0 < missing[0] < 0.8 * missing[1]


def test_the_rate_of_a_large_table_falls_to_nothing():
    """By half a wave of a cosine; that of others stays."""
    recipe = attribute_fit.Recipe(learning_rate=0.1, cools=True, most=100)
    rates = [recipe.rate(step) for step in (0, 25, 50, 75, 100)]
    half = math.sqrt(0.5) / 2
    assert rates == pytest.approx([0.1, 0.05 + 0.1 * half, 0.05, 0.05 - 0.1 * half, 0.0])
    assert attribute_fit.PLAIN.rate(0) == attribute_fit.PLAIN.rate(999) == 2e-2


def probabilities(head, n_categories):
    """Return those of the first attribute's categories, (n_categories,)."""
    one = torch.ones(1, 1)
    with torch.no_grad():
        out, _ = head.outputs(one, one[:, :0], torch.zeros(1, head.ends[-1]))
    return torch.softmax(out[0, 0, 1 : 1 + n_categories].double(), 0).numpy()


def test_a_fit_begins_at_the_frequencies():
    """Of each category by itself, half a count more each, as Jeffreys' prior has it."""
    real = deciding_series(5, n=90)
    model, target = untrained(real)
    attribute_fit._begin_at_frequencies(model.attribute_head, target)
    counts = np.bincount(target.value[:, 0].long(), minlength=5)
    shares = (counts + 0.5) / (90 + 5 / 2)
    np.testing.assert_allclose(probabilities(model.attribute_head, 5), shares, rtol=1e-5)


def test_rare_categories_stay_as_rare():
    """One series in a hundred: its probability is the table's, within twice the error of one."""
    n = 1000
    codes = np.zeros(n, dtype=int)
    codes[::100] = 1
    codes[1::2] = 2
    attributes = pd.DataFrame({"kind": pd.Categorical(codes)})
    model, _ = fitted(toy_series([np.ones((2, 1))] * n, attributes=attributes))
    shares = np.bincount(codes) / n
    p = probabilities(model.attribute_head, 3)
    np.testing.assert_array_less(np.abs(p - shares), 2 * np.sqrt(shares * (1 - shares) / n))
    counts = np.bincount(drawn(model, 20_000)[:, 0].astype(int), minlength=3)
    assert stats.chisquare(counts, 20_000 * p / p.sum()).pvalue > 1e-4


@pytest.mark.slow
def test_lengths_belong_to_their_class():
    """60 series of three classes, each of one length: drawn lengths are the class's (KS <= .25)."""
    kinds = np.arange(60) % 3
    lengths = np.array([4, 9, 14])
    arrays = [np.ones((lengths[kind], 1)) for kind in kinds]
    attributes = pd.DataFrame({"kind": pd.Categorical(kinds)})
    model, _ = fitted(toy_series(arrays, attributes=attributes))
    values = drawn(model)
    of_series = model.encoder.lengths_of(values[:, -1])
    for kind, length in enumerate(lengths):
        given = of_series[values[:, 0] == kind]
        assert max(np.mean(given < length), np.mean(given > length)) <= 0.25


@pytest.mark.long
@pytest.mark.parametrize("k", [3, 10, 30])
def test_what_an_attribute_decides_is_found(k):
    """Of 300 series: pairs that exist, and the level of each series, from the fit alone."""
    real = deciding_series(k)
    values = drawn(fitted(real)[0])
    assert existing(real, *values[:, :2].T.astype(int)) >= 0.99
    assert explained(values[:, 2], values[:, 0]) >= 0.95


@pytest.mark.slow
def test_few_series_tell_what_a_category_decides():
    """Sixty, of two kinds: levels and spreads, drawn, are those of real series of the kind.

    A kind's levels lie far apart from the other's, of which none is drawn.
    """
    rng = np.random.default_rng(0)
    is_wide = np.arange(60) % 3 == 0
    means = np.where(is_wide, rng.normal(-0.5, 0.3, 60), rng.uniform(0.3, 0.7, 60))
    spreads = np.where(is_wide, rng.uniform(0.9, 1.7, 60), rng.uniform(0.17, 0.23, 60))
    arrays = []
    for mean, spread in zip(means, spreads, strict=True):
        arrays.append(mean + spread * stats.zscore(rng.normal(size=(48, 1)), axis=None))
    attributes = pd.DataFrame({"is_wide": pd.Categorical(is_wide)})
    model, _ = fitted(toy_series(arrays, attributes=attributes))
    values = drawn(model)
    loc, scale = model.encoder.from_standardised(values[:, 1:3])
    for code in (0, 1):
        mine = values[:, 0] == code
        for ours, theirs in ((loc, means), (scale, spreads)):
            assert stats.ks_2samp(ours[mine, 0], theirs[is_wide == code]).statistic <= 0.25
    assert np.mean(loc[values[:, 0] == 0] < 0.25) <= 0.01


@pytest.mark.long
@pytest.mark.parametrize("n", [90, 300])
@pytest.mark.parametrize("k", [3, 10, 30])
@pytest.mark.parametrize("n_steps", [20, (5, 12)])
def test_what_an_attribute_decides_is_in_every_series(k, n_steps, n):
    """A user's budget, 400 steps for few values: pairs, level and shares of series.

    Series of 5 to 12 steps have no level of their own: their attributes must tell it.
    """
    real = deciding_series(k, n, n_steps)
    model = Synthesiser()
    budget = N_EPOCHS * EpochOrder(len(real), sizes.batch_size(real, 1), 0).steps_per_epoch
    model.max_steps = budget if k == 30 else MIN_STEPS
    made = model.fit_series(real, None).model.sample(N_DRAWN, seed=1)
    assert model.model.encoder.per_series == (n_steps == 20)
    a = made.attributes["a"].cat.codes
    assert existing(real, a, made.attributes["b"].cat.codes) >= 0.99
    x, state = made.values.T
    assert explained(means(made, x), a) >= 0.95
    if n < 10 * k:
        return  # too few series tell the shares
    for code in range(3):
        assert explained(means(made, (state == code).astype(float)), a) >= 0.9
