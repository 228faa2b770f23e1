"""Laws of the simulators: published facts, measured rhythms, the same bits for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from tst.data import simulated, wwt
from tst.data.simulated.draws import ragged_ar1
from tst.data.simulated.statistics import acf, calibration, rhythm
from tst.errors import DataError

MAKERS = {
    "gcut": (simulated.gcut, 300),
    "borg2019": (simulated.borg2019, 10),
    "wwt": (simulated.wwt, 60),
}


@pytest.fixture(scope="module")
def tasks():
    return simulated.gcut(10_000, 0)


@pytest.fixture(scope="module")
def pages():
    return simulated.wwt(1_000, 0)


@pytest.mark.parametrize("name", MAKERS)
def test_the_seed_decides_every_bit(name):
    """The same seed gives the same bits, another seed other ones.

    Everything is said to be simulated.
    """
    make, n = MAKERS[name]
    series = make(n, 3)
    assert series.sha256() == make(n, 3).sha256() != make(n, 4).sha256()
    assert (series.name, series.origin, series.model, len(series)) == (name, "simulated", "real", n)
    assert series.values.min() >= 0


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_few_series_can_be_made(name, n):
    """Fewer series than classes break nothing; none at all is refused with a sentence."""
    assert len(MAKERS[name][0](n, 0)) == n
    with pytest.raises(DataError, match="is 0; give at least 1"):
        MAKERS[name][0](0, 0)


def test_gcut_has_the_published_shares_and_lengths(tasks):
    """Class shares to one series in 10,000.

    Mean 11 to 12, 97 % within 50 steps, at most 2,497, 2 first, a mode at 9.
    """
    published = calibration()["gcut"]["published"]
    share = tasks.attributes["end_event"].value_counts(normalize=True)
    for k, v in published["class_share"].items():
        assert share[k] == pytest.approx(v, abs=1e-3)
    lengths = np.concatenate(
        [tasks.lengths, simulated.gcut(10_000, 1).lengths, simulated.gcut(10_000, 2).lengths]
    )
    count = np.bincount(lengths, minlength=20)
    assert 10.5 < lengths.mean() < 12.5 and 1_000 < lengths.max() <= 2_497
    assert (lengths <= 50).mean() == pytest.approx(0.97, abs=0.005)
    assert count.argmax() == 2 and set(np.argsort(count)[-3:]) == {2, 3, 4}
    assert count[9] > 1.15 * max(count[8], count[10])


def test_gcut_measurements_keep_their_order_and_atoms(tasks):
    """Maxima are at least means, total cache at least unmapped; whole tasks lack sampled CPU.

    Some have no disk space.
    """
    v = dict(zip(tasks.feature_names, tasks.values.T, strict=True))
    assert (v["maximum_cpu_rate"] >= v["cpu_rate"]).all()
    assert (v["maximum_memory_usage"] >= v["canonical_memory_usage"]).all()
    assert (v["total_page_cache"] >= v["unmapped_page_cache"]).all()
    assert (tasks.values.max(0) < 1).all() and tasks.values.dtype == np.float32
    sampled = np.add.reduceat(v["sampled_cpu_usage"], tasks.offsets[:-1]) == 0
    assert 0.5 < sampled.mean() < 0.85
    assert all(0 < (x == 0).mean() < 0.1 for k, x in v.items() if k != "sampled_cpu_usage")
    assert not tasks.attributes[["job", "task"]].duplicated().any()


def scaled(series, train, n_steps):
    """Return series zero-padded to `n_steps`, scaled by the ranges of `train` and flattened."""
    low, high = train.values.min(0), train.values.max(0)
    return ((series.padded(n_steps)[0] - low) / (high - low)).reshape(len(series), -1)


def accuracy(model, train, test, n_steps):
    """Return the accuracy on `test` of a model fitted to the end events of `train`."""
    model.fit(scaled(train, train, n_steps), train.labels)
    return accuracy_score(test.labels, model.predict(scaled(test, train, n_steps)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_gcut_end_events_are_as_hard_to_tell_as_published():
    """MLP and tree about .8, naive Bayes below the largest class; two steps or lengths tell less.

    At this size (2,500 + 2,500) fresh seeds give .76-.79, .76-.77, .35-.38, .67 and .50.
    """
    train, test = simulated.gcut(5_000, 1).split(0.5, stratify="end_event", seed=1)
    mlp = MLPClassifier(128, batch_size=256, max_iter=100, n_iter_no_change=100, random_state=0)
    whole, tree = (
        accuracy(mlp, train, test, 60),
        accuracy(DecisionTreeClassifier(random_state=0), train, test, 60),
    )
    assert 0.76 < whole < 0.84 and 0.72 < tree < 0.84
    assert 0.30 < accuracy(GaussianNB(), train, test, 400) < 0.435
    two = accuracy(DecisionTreeClassifier(random_state=0), train, test.head(2), 2)
    assert 0.5 < two < tree - 0.05
    lengths = [s.lengths.clip(max=60)[:, None] for s in (train, test)]
    by_length = (
        DecisionTreeClassifier().fit(lengths[0], train.labels).score(lengths[1], test.labels)
    )
    assert 0.435 < by_length < 0.58


def test_autoregression_equals_its_literal_loop():
    """The loop over time gives what a loop over series gives; the lag-1 correlation is right."""
    rng = np.random.default_rng(0)
    lengths, rho = np.array([3, 1, 4_001, 7]), np.array([0.3, 0.9])
    noise = rng.standard_normal((lengths.sum(), 2))
    fast = ragged_ar1(noise.copy(), lengths, rho)
    for i, n in zip(np.cumsum(lengths) - lengths, lengths, strict=True):
        x = noise[i]
        np.testing.assert_array_equal(fast[i], x)
        for t in range(1, n):
            x = rho * x + np.sqrt(1 - rho**2) * noise[i + t]
            np.testing.assert_allclose(fast[i + t], x, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(acf(fast[4:4_005].T, 1), rho, atol=0.05)


def test_borg2019_follows_each_collection():
    """Lengths in the hundreds to thousands; each collection has its own level; percentiles ascend.

    Memory is steady.
    """
    series = simulated.borg2019(82, 0)
    c = calibration()["borg2019"]
    assert series.feature_names == c["features"] and (series.label, series.group) == (
        "collection",
        "instance",
    )
    assert 400 < series.lengths.min() and 4_000 < series.lengths.max() < 6_300
    assert series.attributes["instance"].is_unique
    for name, rows in series.attributes.groupby("collection", observed=True):
        expected = c["collections"][name]
        assert len(rows) == pytest.approx(expected["instances"], abs=1)
        level = np.mean([np.log10(np.median(series[i][:, 0])) for i in rows.index])
        spread = expected["log10_level_sd"][0] / np.sqrt(len(rows))
        assert level == pytest.approx(expected["log10_level"][0], abs=0.1 + 4 * spread)
    found = simulated.statistics(series).pivot(index="statistic", columns="source", values="value")
    for statistic in ("lag-1 autocorrelation, cpu_mean", "correlation, cpu_mean with cpu_p50"):
        assert found.loc[statistic, "simulated"] == pytest.approx(
            found.loc[statistic, "real"], abs=0.15
        )


def test_wwt_has_the_rhythms_of_the_real_pages(pages):
    """Five orders of magnitude.

    Weekly and yearly rhythm, drift, noise and bursts close to those measured.
    """
    assert pages.values.min() == 0 and 1e5 < pages.values.max() < 1e8
    found = simulated.statistics(pages).pivot(index="statistic", columns="source", values="value")
    tolerance = {
        "level": 0.25,
        "height": 0.5,
        "share": 1e-3,
        "acf": 0.15,
        "year": 0.15,
        "a day": 0.005,
    }
    for statistic, row in found.iterrows():
        close = next((v for k, v in tolerance.items() if k in statistic), 0.08)
        assert row["simulated"] == pytest.approx(row["real"], abs=close), statistic
    views = np.log1p(pages.padded()[0][:, :, 0])[
        (pages.attributes["agent"] == "all-agents").to_numpy()
    ]
    weekday = np.stack([views[:, k::7].mean() for k in range(7)])
    assert weekday.argmin() == 3  # July 1, 2015, was a Wednesday: Saturdays are lowest


def test_wwt_shares_are_those_of_the_representative_rows(pages):
    """Domains and access types in the measured shares.

    Only the measured pairs of access and agent.
    """
    c = calibration()["wwt"]
    share = pages.attributes["domain"].value_counts(normalize=True)
    for k, v in c["domain_share"].items():
        assert share[k] == pytest.approx(v, abs=2e-3)
    kinds = set(
        pages.attributes["access"].astype(str) + "_" + pages.attributes["agent"].astype(str)
    )
    assert kinds == set(c["access_agent_share"])


def test_wwt_pages_with_missing_days_go_through_the_loader():
    """A tenth of the pages has gaps, mostly at the start.

    The loader drops exactly those and keeps the others' views.
    """
    table = simulated.wwt_pages(600, 5)
    missing = table[wwt.DAYS].isna().to_numpy()
    incomplete = missing.any(axis=1)
    assert list(table.columns[:5]) == ["page", "domain", "access", "agent", "source"]
    assert 0.05 < incomplete.mean() < 0.14 and missing[:, 0].sum() > missing[:, -1].sum()
    series, counts = wwt.from_pages(table)
    assert series.origin == "simulated" and counts["series"].tolist() == [
        600,
        incomplete.sum(),
        (~incomplete).sum(),
    ]
    whole = simulated.wwt(600, 5).take(np.flatnonzero(~incomplete))
    np.testing.assert_array_equal(series.values, whole.values)
    assert list(series.attributes["page"]) == list(whole.attributes["page"])
    for column in wwt.CATEGORIES:
        assert list(series.attributes[column]) == list(whole.attributes[column])


def test_rhythm_of_known_pages():
    """A constant page has no rhythm; a weekly one repeats after 7 days.

    One day at tenfold is a burst of log 10.
    """
    day = np.arange(550)
    flat, weekly = np.full((1, 550), 5.0), 5 + 0.2 * np.sin(2 * np.pi * day / 7)[None]
    assert (
        rhythm(flat)["slow_sd"]
        == rhythm(flat)["fast_acf_lag_7"]
        == rhythm(flat)["burst_starts_a_day"]
        == 0
    )
    assert rhythm(weekly)["fast_acf_lag_7"] > 0.95
    flat[0, 100] += np.log(10)
    assert rhythm(flat)["burst_height"] == pytest.approx(np.log(10))
    assert rhythm(flat)["burst_starts_a_day"] == pytest.approx(1 / 548)


def test_statistics_say_where_each_number_comes_from(tasks):
    """Published, real and simulated stand apart, once each.

    What is measured on real series is never called simulated.
    """
    table = simulated.statistics(tasks)
    assert list(table) == ["statistic", "source", "value"] and table["value"].notna().all()
    assert set(table["source"]) == {"published", "real", "simulated"}
    assert not table[["statistic", "source"]].duplicated().any()
    assert (table.groupby("statistic").size() == 2).all()
    real = simulated.statistics(replace(tasks, origin="subset"))
    assert (
        "simulated" not in set(real["source"])
        and not real[["statistic", "source"]].duplicated().any()
    )


def test_a_set_without_a_simulator_has_no_statistics(tasks):
    """The table is empty and has the same columns."""
    table = simulated.statistics(replace(tasks, name="toy"))
    assert list(table) == ["statistic", "source", "value"]
    assert table.empty
