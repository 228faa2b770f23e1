"""Laws of the fidelity metrics: known answers, equal sets, no padding, no order, a copy, noise, hostile sets."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, kurtosis, skew, wasserstein_distance
from statsmodels.tsa.stattools import acf as statsmodels_acf

from tst.evaluation import autocorrelation, embedding, fidelity, learned_scores, neighbours
from tst.series import DataError, Feature, concat, from_list

STRUCTURE = (
    "acf_error",
    "acd",
    "pearson_distance",
    "midrange_w1",
    "midrange_ks",
    "context_fid",
)  # 0 is best
STRUCTURE += ("discriminative_score", "predictive_score")
UNORDERED = (
    "acf_error",
    "acd",
    "pearson_distance",
    "step_change_ratio",
    "spread_ratio",
    "mdd",
    "skewness_error",
)
UNORDERED += (
    "kurtosis_error",
    "marginal_w1",
    "marginal_jsd",
    "midrange_w1",
    "length_ks",
    "length_w1",
    "context_fid",
)


def ar1(n=101, seed=0, phi=0.8, n_features=3, low=5, high=23, level=1.0, model="real"):
    """Return ragged AR(1) series with a level of their own, a shared shock in all features and a class."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    arrays = []
    for k in kind:
        shocks = rng.standard_normal((int(rng.integers(low, high)) + 3 * k, n_features))
        shocks = 0.6 * shocks + 0.8 * shocks[:, :1]
        x = np.zeros_like(shocks)
        x[0] = shocks[0] / np.sqrt(1 - phi**2)
        for t in range(1, len(x)):
            x[t] = phi * x[t - 1] + shocks[t]
        arrays.append(x + level * rng.standard_normal(n_features))
    attributes = pd.DataFrame({"kind": pd.Categorical.from_codes(kind, ["a", "b"])})
    return toy(arrays, attributes=attributes, label="kind", model=model)


def toy(arrays, **fields):
    """Return a set of series of features f0, f1, ..."""
    features = [Feature(f"f{j}") for j in range(np.shape(arrays[0])[1])]
    base = {"name": "toy", "origin": "simulated", "interval": "5min", "features": features}
    return from_list(
        arrays, **base | {"attributes": pd.DataFrame(index=range(len(arrays)))} | fields
    )


def overall(frame):
    """Return the rows over all classes and features as a mapping."""
    return (
        frame[(frame.label == "all") & (frame.feature == "all")]
        .set_index("metric")["value"]
        .to_dict()
    )


@pytest.fixture(scope="module")
def real():
    """A training set."""
    return ar1(199)


@pytest.fixture(scope="module")
def found(real):
    """Every metric of another draw (the floor), of noise (the ceiling) and of a copy."""
    sets = {
        "floor": ar1(199, seed=1),
        "noise": fidelity.noise(real, 0),
        "copy": real.take(np.arange(len(real))),
    }
    return {name: overall(fidelity.fidelity(real, s, 0)) for name, s in sets.items()}


def test_autocorrelation_of_ar1_is_phi_to_the_lag():
    """Long series: the mean curve is phi**lag."""
    curve = autocorrelation.acf_curves(ar1(41, phi=0.7, n_features=2, low=900, high=1100), 6)
    np.testing.assert_allclose(curve["value"], 0.7 ** curve["lag"], atol=0.03)
    assert list(curve.columns) == ["feature", "lag", "value", "n"] and (curve["n"] == 41).all()


def test_autocorrelation_equals_statsmodels(real):
    """Each series alone, and the mean over ragged series, lag by lag, of those longer than the lag."""
    literal = {}
    for i in range(len(real)):
        for lag, value in enumerate(
            statsmodels_acf(real[i][:, 1].astype(float), nlags=99, fft=False)
        ):
            literal.setdefault(lag, []).append(value)
    curve = autocorrelation.acf_curves(real).query("feature == 'f1'")
    np.testing.assert_allclose(curve["value"], [np.mean(v) for v in literal.values()], atol=1e-9)
    np.testing.assert_array_equal(curve["n"], [len(v) for v in literal.values()])


def test_acf_error_by_hand():
    """Real alternates; a constant set shows no correlation and counts as 0; a copy is at 0; short series count as 0."""
    real = toy([np.array([[1.0], [-1], [1], [-1]])] * 5)
    assert autocorrelation.acf_error(real, real) == 0
    expected = np.mean(np.array([-0.75, 0.5, -0.25]) ** 2)
    assert autocorrelation.acf_error(real, toy([np.ones((4, 1))] * 5)) == pytest.approx(expected)
    assert autocorrelation.acf_error(real, toy([np.ones((1, 1))])) == pytest.approx(expected)
    assert np.isnan(autocorrelation.acf_error(toy([np.ones((4, 1))]), real))


def test_acd_equals_the_literal_sum(real):
    """Pooled autocorrelation about the mean of all values, lag by lag, over the pairs within a series."""
    z = (real.values[:, 0].astype(float) - real.values[:, 0].mean(dtype=float)) / real.values[
        :, 0
    ].std(dtype=float)
    rows = np.split(z, real.offsets[1:-1])
    curve, reached = autocorrelation._pooled_autocorrelation(real)
    for lag in (1, 7, 20):
        pairs = [r[lag:] * r[:-lag] for r in rows if len(r) > lag]
        assert curve[lag - 1, 0] == pytest.approx(np.concatenate(pairs).mean(), abs=1e-6)
        assert reached[lag - 1] == len(pairs)


def test_lengths_by_hand():
    """KS, W1 and modes of lengths; an absent class counts as series of no length."""
    real = toy(
        [np.ones((n, 1)) for n in (2, 2, 2, 4, 4, 7)],
        attributes=pd.DataFrame({"k": list("aaabbb")}),
        label="k",
    )
    table = fidelity.length_table(real, real.take([0, 1, 2])).set_index(["label", "metric"])[
        "value"
    ]
    assert table["a", "length_ks"] == 0 and table["a", "length_w1"] == 0
    assert (
        table["b", "length_ks"] == 1
        and table["b", "length_w1"] == 5
        and table["b", "length_mode_error"] == 1
    )
    assert table["all", "length_ks"] == 0.5 and table["all", "length_w1"] == 1.5
    same = fidelity.length_table(real, real.take([5, 4, 3, 2, 1, 0]))
    assert set(same["label"]) == {"all", "a", "b"}
    assert (same.query("metric != 'length_mode_share'")["value"] == 0).all()


def test_the_length_floor_holds_two_draws_of_one_law(real):
    """About 95 of 100 pairs of draws stay within it; another law does not; the same seed repeats it."""
    rng, within = np.random.default_rng(0), []
    for seed in range(60):
        a, b = (toy([np.ones((n, 1)) for n in rng.geometric(0.2, size)]) for size in (61, 43))
        floor = fidelity.length_floor(a, b, 60, seed).set_index("metric")["value"]
        within.append(fidelity._ks(a.lengths, b.lengths) <= floor["length_ks"])
        assert fidelity._ks(a.lengths, 3 * b.lengths) > floor["length_ks"]
    assert 0.85 <= np.mean(within) <= 1
    frames = [fidelity.length_floor(real, ar1(53, seed=9), 20, seed) for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert not frames[0].equals(frames[2])


def test_the_length_floor_class_by_class(real):
    """A row a class that both sets have and one over all; equal lengths give 0; one member a class is no error."""
    frame = fidelity.length_floor(real, ar1(53, seed=9), 20)
    assert set(frame["label"]) == {"all", "a", "b"} and set(frame["metric"]) == {
        "length_ks",
        "length_w1",
    }
    assert not frame.duplicated(["metric", "label"]).any() and frame["value"].between(0, 99).all()
    kinds = pd.DataFrame({"k": list("aab")})
    equal = toy([np.ones((4, 1))] * 3, attributes=kinds, label="k")
    lone = fidelity.length_floor(
        equal, toy([np.ones((n, 1)) for n in (4, 4, 9)], attributes=kinds, label="k"), 20
    )
    assert (fidelity.length_floor(equal, equal, 20)["value"] == 0).all()
    assert (
        lone.set_index(["metric", "label"])["value"]["length_ks", "b"] == 1
    )  # 4 against 9, one of each
    assert fidelity.length_floor(equal, equal.take([0, 1]), 20)["label"].unique().tolist() == [
        "all",
        "a",
    ]


def test_ks_is_scipys(real):
    """The statistic of unequal samples with ties; 0 of equal sets in any order, 1 of disjoint ones."""
    a, b = real.lengths, ar1(53, seed=9, high=19).lengths
    assert (
        fidelity._ks(a, b) == pytest.approx(ks_2samp(a, b).statistic) and 0 < fidelity._ks(a, b) < 1
    )
    assert fidelity._ks(a, a[::-1]) == 0 and fidelity._ks(a, a + 100) == 1


def test_w1_of_a_shift_is_the_shift(real):
    """In interquartile ranges of the real values, for values and for midranges."""
    shifted = replace(real, values=real.values + np.float32(2.5))
    table = fidelity.marginals(real, shifted).query("feature == 'f0'").set_index("metric")["value"]
    iqr = np.subtract(*np.quantile(real.values[:, 0], [0.75, 0.25]))
    assert table["marginal_w1"] == pytest.approx(2.5 / iqr, rel=1e-4)
    assert fidelity._scaled_w1(np.arange(5.0), np.arange(5.0) + 3) == pytest.approx(3 / 2)
    assert fidelity._scaled_w1(np.zeros(5), np.full(5, 3.0)) == 3 == wasserstein_distance([0], [3])


def test_jsd_is_0_and_1(real):
    """Of equal sets 0; of sets without a common bin 1, beyond the range as well as within gaps."""
    assert overall_marginal(real, real, "marginal_jsd") == 0
    assert overall_marginal(
        real, replace(real, values=real.values + 1000), "marginal_jsd"
    ) == pytest.approx(1)
    constant = toy([np.ones((3, 1))] * 5)
    assert overall_marginal(constant, constant, "marginal_jsd") == 0
    assert overall_marginal(constant, toy([np.full((3, 1), 1.5)]), "marginal_jsd") == pytest.approx(
        1
    )


def overall_marginal(real, synthetic, metric):
    """Return one metric of `marginals` over all features."""
    return (
        fidelity.marginals(real, synthetic)
        .query("feature == 'all'")
        .set_index("metric")["value"][metric]
    )


def test_saturation_by_hand():
    """Half of the clipped values stand at a bound, a fifth of the real ones."""
    real = toy([np.arange(10.0)[:, None]])
    table = fidelity.marginals(real, toy([np.array([[0.0], [4], [5], [99]])])).query(
        "feature == 'f0'"
    )
    assert dict(zip(table.metric, table.value, strict=True))["saturation"] == 0.5
    assert overall_marginal(
        real, toy([np.array([[0.0], [4], [5], [99]])]), "saturation_error"
    ) == pytest.approx(0.3)


def test_ratios_by_hand(real):
    """Twice the values: twice the changes and the spread; one step a series has no change; levels alone do not change."""
    double = replace(real, values=2 * real.values)
    assert fidelity.step_change_ratio(real, double) == pytest.approx(2)
    assert fidelity.spread_ratio(real, double) == pytest.approx(2)
    assert fidelity.step_change_ratio(real, real.head(1)) == 0 and np.isnan(
        fidelity.step_change_ratio(real.head(1), real)
    )
    jumps = toy([np.array([[0.0], [1]]), np.array([[50.0], [51]])])
    assert fidelity._step_change(jumps) == 1  # the jump between series is none


def test_pearson_distance_equals_numpy(real):
    """The mean over pairs; with one synthetic feature held constant its correlations are 0."""
    noise = fidelity.noise(real, 0)
    a, b = (np.corrcoef(s.values.T)[np.triu_indices(3, 1)] for s in (real, noise))
    assert fidelity.pearson_distance(real, noise) == pytest.approx(np.abs(a - b).mean(), abs=1e-5)
    flat = replace(real, values=real.values * np.float32([1, 1, 0]))
    assert fidelity.pearson_distance(real, flat) == pytest.approx(np.abs(a[1:]).sum() / 3, abs=1e-5)
    assert fidelity.pearson_distance(flat, real) == pytest.approx(0, abs=1e-12)  # one pair is left


def test_moments_equal_scipy(real):
    """Skewness and kurtosis differences are scipy's, feature by feature."""
    other = replace(real, values=real.values**2)
    a, b = real.values.astype(float), other.values.astype(float)
    assert fidelity.skewness_error(real, other) == pytest.approx(np.abs(skew(a) - skew(b)).mean())
    assert fidelity.kurtosis_error(real, other) == pytest.approx(
        np.abs(kurtosis(a) - kurtosis(b)).mean()
    )


def test_mdd_by_hand():
    """Two bins hold the shares .5, .5 at both steps; all values in one bin differ by .5 twice, of four places."""
    real = toy([np.array([[0.0], [1]]), np.array([[1.0], [0]])])
    assert fidelity.mdd(real, real) == 0
    n_places = len(fidelity._bins(real.values[:, 0].astype(float))) + 1
    assert fidelity.mdd(real, toy([np.zeros((2, 1))])) == pytest.approx(2 * 0.5 / n_places)


def test_order_changes_nothing(real, found):
    """Series in another order have the same metrics."""
    order = np.random.default_rng(3).permutation(len(real))
    again = overall(fidelity.fidelity(real.take(order), ar1(199, seed=1).take(order[::-1]), 0))
    for metric in UNORDERED:
        assert again[metric] == pytest.approx(found["floor"][metric], rel=1e-4, abs=1e-6), metric


def test_longer_neighbours_change_nothing(real):
    """What a series contributes does not depend on its company: curves, embeddings, distances."""
    long = toy([np.random.default_rng(0).standard_normal((307, 3)).cumsum(0)])
    bare = replace(real, attributes=long.attributes.iloc[[0] * len(real)], label=None)
    both, levels = concat([bare, long]), embedding.RankTransform(real)
    alone = autocorrelation.acf_curves(bare.take([7])).set_index(["feature", "lag"])["value"]
    joined = autocorrelation.acf_curves(concat([bare.take([7]), long, long])).set_index(
        ["feature", "lag"]
    )
    weighted = (
        alone
        + 2
        * autocorrelation.acf_curves(long)
        .set_index(["feature", "lag"])["value"]
        .reindex(alone.index)
    ) / 3
    np.testing.assert_allclose(joined["value"].reindex(alone.index), weighted, atol=1e-9)
    np.testing.assert_allclose(
        embedding.embed(both, levels)[:-1], embedding.embed(real, levels), atol=1e-6
    )
    index, distance = neighbours.nearest(real, both, levels, k=2)
    assert (
        (index[:, 0] == np.arange(len(real))).all()
        and (distance[:, 0] == 0).all()
        and (index[:, 1] < 199).all()
    )


def test_distance_equals_the_literal_one(real):
    """Pad the shorter series within the pair, an absent step is 1 away; every pair, one by one."""
    levels = embedding.RankTransform(real)
    a, b = levels(real.take(range(11))), levels(ar1(13, seed=5))
    literal = np.empty((11, 13))
    for i in range(11):
        for j in range(13):
            x, y = a[i].astype(float), b[j].astype(float)
            n, longer = min(len(x), len(y)), max(len(x), len(y))
            literal[i, j] = np.sqrt((((x[:n] - y[:n]) ** 2).mean(1).sum() + longer - n) / longer)
    index, distance = neighbours.nearest(real.take(range(11)), ar1(13, seed=5), levels, k=3)
    np.testing.assert_allclose(distance, np.sort(literal, axis=1)[:, :3], atol=1e-9)
    np.testing.assert_array_equal(index, np.argsort(literal, axis=1, kind="stable")[:, :3])


def test_levels_are_monotone_and_bounded(real):
    """Within the real range from 0 to 1, beyond it on; a constant feature has a level, too."""
    levels = embedding.RankTransform(real)
    inside = levels(real).values
    assert inside.min() >= 0 and inside.max() <= 1 and abs(inside.mean() - 0.5) < 0.01
    order = np.argsort(real.values[:, 0])
    assert (np.diff(inside[order, 0]) >= 0).all()
    assert levels(replace(real, values=real.values + 100)).values.min() > 1
    flat = embedding.RankTransform(toy([np.zeros((2, 1))]))(
        toy([np.array([[0.0], [1], [-1]])])
    ).values[:, 0]
    np.testing.assert_allclose(flat, [0.5, 0.5 + np.log(2), 0.5 - np.log(2)], rtol=1e-6)


def test_the_embedder_is_pinned(real):
    """The same weights in every run: one number, measured once."""
    line = toy([np.arange(7.0)[:, None]])
    points = embedding.embed(line, embedding.RankTransform(line))
    assert points.shape == (1, 64) and embedding.embed(
        real, embedding.RankTransform(real)
    ).shape == (199, 64)
    assert points.sum() == pytest.approx(21.98809, abs=1e-3)


def test_frechet_of_gaussians():
    """Of points shifted by d it is |d|**2; of points scaled by 2, the trace of the covariance."""
    points = np.random.default_rng(0).standard_normal((101, 5))
    assert learned_scores.frechet(points, points) == pytest.approx(0, abs=1e-6)
    assert learned_scores.frechet(points, points + np.arange(5)) == pytest.approx(30)
    assert learned_scores.frechet(points, 2 * points - points.mean(0)) == pytest.approx(
        np.trace(np.cov(points.T))
    )


def test_a_copy_is_at_0(found):
    """Of a copy of the real set every distance is 0 (the discriminative score exactly), every ratio 1."""
    copy = found["copy"]
    distances = [
        k for k in copy if k.endswith(("_error", "_w1", "_ks", "_jsd", "_distance", "acd", "mdd"))
    ]
    assert len(distances) >= 13 and all(copy[k] == pytest.approx(0, abs=1e-9) for k in distances)
    assert copy["discriminative_score"] == 0 and copy["context_fid"] == pytest.approx(0, abs=1e-6)
    assert copy["step_change_ratio"] == pytest.approx(1) and copy["spread_ratio"] == pytest.approx(
        1
    )


@pytest.mark.parametrize("metric", STRUCTURE)
def test_noise_is_worse_than_the_floor(found, metric):
    """Shuffled values lose all structure: at least twice as far away as another draw (an error that no draw brings to 0: 1.3)."""
    assert (
        found["noise"][metric]
        > (1.3 if metric == "predictive_score" else 2) * found["floor"][metric]
    )


def test_noise_keeps_lengths_and_margins(real, found):
    """Only structure is lost: lengths, values and moments stay; means draw together, steps jump."""
    noise = found["noise"]
    for metric in (
        "length_ks",
        "length_w1",
        "marginal_w1",
        "marginal_jsd",
        "skewness_error",
        "kurtosis_error",
    ):
        assert noise[metric] == pytest.approx(0, abs=1e-9)
    assert noise["spread_ratio"] < 0.7 and noise["step_change_ratio"] > 1.3
    assert (
        fidelity.noise(real, 1).sha256()
        == fidelity.noise(real, 1).sha256()
        != fidelity.noise(real, 2).sha256()
    )


def test_discriminative_score_of_noise_and_of_a_draw(found):
    """Noise is told from the real set nearly always, another draw of the same law nearly never."""
    assert (
        found["noise"]["discriminative_score"] > 0.35
        and found["floor"]["discriminative_score"] < 0.12
    )


def test_one_seed_one_result(real):
    """The same seed repeats every number, also where a score subsamples."""
    frames = [fidelity.fidelity(real, fidelity.noise(real, 0), 5) for _ in range(2)]
    pd.testing.assert_frame_equal(*frames)


def test_the_frame_is_tidy(real):
    """One row a metric, class and feature; labels and features are named, "all" where they do not apply."""
    frame = fidelity.fidelity(real, ar1(53, seed=2), 0)
    assert list(frame.columns) == ["metric", "label", "feature", "value"]
    assert (
        not frame.duplicated(["metric", "label", "feature"]).any() and frame["value"].notna().all()
    )
    assert set(frame["label"]) == {"all", "a", "b"} and set(frame["feature"]) == {
        "all",
        "f0",
        "f1",
        "f2",
    }


def test_predictive_score_knows_a_law():
    """A line goes on: after training on lines the error is nearly 0, after training on noise it is not."""
    rng = np.random.default_rng(0)
    lines = toy(
        [(rng.uniform() + rng.choice([-1, 1]) * np.arange(11.0) / 20)[:, None] for _ in range(31)]
    )
    good, bad = (
        learned_scores.predictive_score(lines, s, 0) for s in (lines, fidelity.noise(lines, 0))
    )
    assert good < 0.04 < 0.25 < bad
    assert learned_scores.predictive_score(lines, lines.head(1), 0) == pytest.approx(0.25, abs=0.06)
    assert np.isnan(learned_scores.predictive_score(lines.head(1), lines, 0))


def test_neighbours_of_a_copy_are_itself(real):
    """Three ranks a series, nearest first, a copy's first neighbour is its original."""
    frame = neighbours.neighbours(real, real.take([5, 9, 77]), n=2, seed=1)
    assert list(frame.columns) == ["series", "rank", "neighbour", "distance"] and len(frame) == 6
    first = frame[frame["rank"] == 1]
    assert (first["distance"] == 0).all() and set(first["neighbour"]) < {5, 9, 77}
    assert frame.groupby("series")["distance"].is_monotonic_increasing.all()


def test_tsne_has_a_row_a_series(real):
    """Coordinates repeat with their seed and carry the model's key; too few series are refused in a sentence."""
    frames = [embedding.tsne([real, ar1(17, model="x")], seed=0, n_per_set=23) for _ in range(2)]
    pd.testing.assert_frame_equal(*frames)
    assert frames[0]["model"].value_counts().to_dict() == {"real": 23, "x": 17}
    with pytest.raises(DataError, match="fewer than five series"):
        embedding.tsne([real.take([0])], seed=0)


def test_hostile_sets_give_values(real):
    """A class missing, constant features, one step a series: numbers, NaN only where the real set shows nothing."""
    flat = replace(real, values=np.zeros_like(real.values))
    short = real.head(1)
    for a, b in (
        (real, flat),
        (real, short),
        (real, real.take(np.flatnonzero(real.labels == "a"))),
    ):
        assert np.isfinite(fidelity.fidelity(a, b, 0)["value"]).all()
    nothing = {"acf_error", "acd", "predictive_score", "step_change_ratio"}
    undefined = fidelity.fidelity(short, real, 0).query("value != value")["metric"]
    assert set(undefined) <= nothing
    undefined = fidelity.fidelity(flat, real, 0).query("value != value")["metric"]
    assert set(undefined) <= nothing | {
        "pearson_distance",
        "spread_ratio",
        "skewness_error",
        "kurtosis_error",
    }
    single = toy([row[:, None] for row in real.padded(5)[0][:, :, 0]])
    assert set(fidelity.fidelity(single, single, 0).query("value != value")["metric"]) == {
        "pearson_distance"
    }


def test_what_cannot_be_compared_is_refused(real):
    """Other features, an unknown class, no label, too few series: one sentence each."""
    renamed = replace(real, features=[Feature(n) for n in ("f0", "f1", "other")])
    cases = [
        (renamed, "features .* differ"),
        (real.take([0, 1, 2]), "need 10 in each set"),
        (
            replace(real, label=None, attributes=pd.DataFrame(index=range(len(real)))),
            "lacks the attribute 'kind'",
        ),
        (
            replace(real, attributes=real.attributes.astype(str).replace("a", "c")),
            "a class 'c' that the real set lacks",
        ),
    ]
    for other, message in cases:
        with pytest.raises(DataError, match=message) as caught:
            fidelity.fidelity(real, other, 0)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
