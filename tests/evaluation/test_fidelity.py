"""Laws of the fidelity metrics: known answers, no order, a copy, noise, hostile sets."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import ar1_series, toy_series
from scipy.stats import kurtosis, skew, wasserstein_distance

from tst.errors import DataError
from tst.evaluation import fidelity
from tst.evaluation.reference import Reference
from tst.series import Feature

# Metrics of structure in time and between features; 0 is best.
STRUCTURE = (
    "acf_rms",
    "acd",
    "pearson_distance",
    "correlation_within",
    "correlation_between",
    "midrange_w1",
    "midrange_ks",
    "context_fid",
    "discriminative_score",
    "predictive_score",
)
CORRELATIONS = {"pearson_distance", "correlation_within", "correlation_between"}
# Metrics that see all series, in whatever order they come.
UNORDERED = (
    "acf_rms",
    "acd",
    "pearson_distance",
    "correlation_within",
    "correlation_between",
    "step_change_ratio",
    "spread_ratio",
    "mdd",
    "skewness_error",
    "kurtosis_error",
    "marginal_w1",
    "marginal_jsd",
    "midrange_w1",
    "length_ks",
    "length_w1",
    "context_fid",
)


def overall(frame):
    """Return the rows over all classes and features as a mapping."""
    rows = frame[(frame.label == "all") & (frame.feature == "all")]
    return rows.set_index("metric")["value"].to_dict()


def marginal(real, synthetic, metric, feature="all"):
    """Return one metric of `marginals`."""
    frame = fidelity.marginals(real, synthetic)
    return frame.set_index(["feature", "metric"])["value"][feature, metric]


@pytest.fixture(scope="module")
def real():
    """A training set."""
    return ar1_series(199)


@pytest.fixture(scope="module")
def measured(real):
    """Every metric of another draw (the floor), of noise (the ceiling) and of a copy."""
    sets = {
        "floor": ar1_series(199, seed=1),
        "noise": fidelity.noise(real, 0),
        "copy": real.take(np.arange(len(real))),
    }
    return {name: overall(fidelity.fidelity(real, s, 0)) for name, s in sets.items()}


def test_w1_of_a_shift_is_the_shift(real):
    """In interquartile ranges of the real values; in their range, or as it is, without one."""
    shifted = replace(real, values=real.values + np.float32(2.5))
    iqr = np.subtract(*np.quantile(real.values[:, 0], [0.75, 0.25]))
    assert marginal(real, shifted, "marginal_w1", "f0") == pytest.approx(2.5 / iqr, rel=1e-4)
    assert fidelity.scaled_w1(np.arange(5.0), np.arange(5.0) + 3) == pytest.approx(3 / 2)
    assert fidelity.scaled_w1(np.zeros(5), np.full(5, 3.0)) == wasserstein_distance([0], [3])


def test_jsd_is_0_and_1(real):
    """Of equal sets 0; of sets without a common bin 1, beyond the range as well as within gaps."""
    far = replace(real, values=real.values + 1000)
    assert marginal(real, real, "marginal_jsd") == 0
    assert marginal(real, far, "marginal_jsd") == pytest.approx(1)
    constant = toy_series([np.ones((3, 1))] * 5)
    other = toy_series([np.full((3, 1), 1.5)])
    assert marginal(constant, constant, "marginal_jsd") == 0
    assert marginal(constant, other, "marginal_jsd") == pytest.approx(1)


def test_saturation_by_hand():
    """Half of the clipped values stand at a bound, a fifth of the real ones."""
    real = toy_series([np.arange(10.0)[:, None]])
    clipped = toy_series([np.array([[0.0], [4], [5], [99]])])
    assert marginal(real, clipped, "saturation", "f0") == 0.5
    assert marginal(real, clipped, "saturation_error") == pytest.approx(0.3)


def test_ratios_by_hand(real):
    """Twice the values: twice the changes and the spread; one step a series has no change."""
    double = replace(real, values=2 * real.values)
    assert fidelity.step_change_ratio(real, double) == pytest.approx(2)
    assert fidelity.spread_ratio(real, double) == pytest.approx(2)
    assert fidelity.step_change_ratio(real, real.head(1)) == 0
    assert np.isnan(fidelity.step_change_ratio(real.head(1), real))
    jumps = toy_series([np.array([[0.0], [1]]), np.array([[50.0], [51]])])
    assert fidelity.step_change(jumps) == 1  # the jump between series is none


def test_the_spread_of_equal_series_is_none():
    """Means that differ by rounding are equal: what the real set does not show is left out."""
    equal = toy_series([np.full((n, 1), 0.1) for n in (3, 7, 11)])
    assert np.isnan(fidelity.spread_ratio(equal, toy_series([np.ones((2, 1))])))


def test_pearson_distance_equals_numpy(real):
    """The mean over pairs; with one synthetic feature held constant its correlations are 0."""
    noise = fidelity.noise(real, 0)
    upper = np.triu_indices(3, 1)
    a, b = (np.corrcoef(s.values.T)[upper] for s in (real, noise))
    assert fidelity.pearson_distance(real, noise) == pytest.approx(np.abs(a - b).mean(), abs=1e-5)
    flat = replace(real, values=real.values * np.float32([1, 1, 0]))
    assert fidelity.pearson_distance(real, flat) == pytest.approx(np.abs(a[1:]).sum() / 3, abs=1e-5)
    assert fidelity.pearson_distance(flat, real) == pytest.approx(0, abs=1e-12)  # one pair is left


def test_moments_equal_scipy(real):
    """Skewness and kurtosis differences are scipy's, feature by feature."""
    other = replace(real, values=real.values**2)
    a, b = (s.values.astype(float) for s in (real, other))
    skewness = np.abs(skew(a) - skew(b)).mean()
    assert fidelity.skewness_error(real, other) == pytest.approx(skewness)
    difference = np.abs(kurtosis(a) - kurtosis(b)).mean()
    assert fidelity.kurtosis_error(real, other) == pytest.approx(difference)


def test_mdd_by_hand():
    """Two bins hold the shares .5, .5 at both steps; all values in one bin differ by .5 twice."""
    real = toy_series([np.array([[0.0], [1]]), np.array([[1.0], [0]])])
    assert fidelity.mdd(real, real) == 0
    n_bins = len(fidelity.bin_edges(real.values[:, 0].astype(float))) + 1
    zeros = toy_series([np.zeros((2, 1))])
    assert fidelity.mdd(real, zeros) == pytest.approx(2 * 0.5 / n_bins)


@pytest.mark.parametrize(("n_long", "n_steps"), [(2, 3), (1, 2)])
def test_mdd_counts_the_steps_that_one_per_cent_of_the_real_series_reach(n_long, n_steps):
    """Of 200 series two have a third step, which counts; one alone: it does not."""
    long = np.array([[0.0], [1], [2]])
    real = toy_series([long] * n_long + [long[:2]] * (200 - n_long))
    far = toy_series([np.full((3, 1), 9.0)] * 10)  # at each step a whole share stands elsewhere
    n_bins = len(fidelity.bin_edges(real.values[:, 0].astype(float))) + 1
    assert fidelity.mdd(real, far) == pytest.approx(2 / n_bins)
    assert fidelity.mdd(real, real.head(2)) == pytest.approx((n_steps - 2) / n_steps / n_bins)


def test_a_logarithm_asks_for_values_that_are_not_negative(real):
    """log(1 + value); a negative value is refused in a sentence."""
    positive = replace(real, values=np.abs(real.values))
    np.testing.assert_allclose(fidelity.logarithmic(positive).values, np.log1p(positive.values))
    with pytest.raises(DataError, match="'toy' has negative values"):
        fidelity.logarithmic(real)
    drawn = fidelity.logarithmic_from_0(real).values
    np.testing.assert_allclose(drawn, np.log1p(np.where(real.values < 0, 0, real.values)))


@pytest.mark.slow
def test_order_changes_nothing(real, measured):
    """Series in another order have the same metrics."""
    order = np.random.default_rng(3).permutation(len(real))
    other = ar1_series(199, seed=1).take(order[::-1])
    again = overall(fidelity.fidelity(real.take(order), other, 0))
    for metric in UNORDERED:
        expected = pytest.approx(measured["floor"][metric], rel=1e-4, abs=1e-6)
        assert again[metric] == expected, metric


@pytest.mark.slow
def test_a_copy_is_at_0(measured):
    """Of a copy of the real set every distance is 0, the discriminative score exactly, ratios 1."""
    copy = measured["copy"]
    endings = ("_error", "_w1", "_ks", "_jsd", "_distance", "acd", "mdd")
    distances = [metric for metric in copy if metric.endswith(endings)]
    assert len(distances) >= 13
    for metric in distances:
        assert copy[metric] == pytest.approx(0, abs=1e-9), metric
    assert copy["discriminative_score"] == 0
    assert copy["context_fid"] == pytest.approx(0, abs=1e-6)
    assert copy["step_change_ratio"] == pytest.approx(1)
    assert copy["spread_ratio"] == pytest.approx(1)


@pytest.mark.parametrize("metric", STRUCTURE)
def test_noise_is_worse_than_the_floor(measured, metric):
    """Shuffled values lose all structure: at least twice as far away as another draw.

    The predictive score, an error that no draw brings to 0, grows by 1.3.
    """
    factor = 1.3 if metric == "predictive_score" else 2
    assert measured["noise"][metric] > factor * measured["floor"][metric]


def test_noise_keeps_lengths_and_margins(real, measured):
    """Only structure is lost: lengths, values and moments stay; means draw together, steps jump."""
    noise = measured["noise"]
    kept = ("length_ks", "length_w1", "marginal_w1", "marginal_jsd")
    for metric in (*kept, "skewness_error", "kurtosis_error"):
        assert noise[metric] == pytest.approx(0, abs=1e-9)
    assert noise["spread_ratio"] < 0.7
    assert noise["step_change_ratio"] > 1.3
    assert fidelity.noise(real, 1).sha256() == fidelity.noise(real, 1).sha256()
    assert fidelity.noise(real, 1).sha256() != fidelity.noise(real, 2).sha256()


def test_discriminative_score_of_noise_and_of_a_draw(measured):
    """Noise is told from the real set nearly always, another draw of the law nearly never."""
    assert measured["noise"]["discriminative_score"] > 0.35
    assert measured["floor"]["discriminative_score"] < 0.12


@pytest.mark.slow
def test_one_seed_one_result(real):
    """The same seed repeats every number; a reference gives the numbers of its set."""
    noise = fidelity.noise(real, 0)
    first = fidelity.fidelity(real, noise, 5)
    pd.testing.assert_frame_equal(first, fidelity.fidelity(real, noise, 5))
    pd.testing.assert_frame_equal(first, fidelity.fidelity(Reference(real), noise, 5))


def test_the_frame_is_tidy(real):
    """One row a metric, class and feature; "all" where they do not apply."""
    frame = fidelity.fidelity(real, ar1_series(53, seed=2), 0)
    assert list(frame.columns) == ["metric", "label", "feature", "value"]
    assert not frame.duplicated(["metric", "label", "feature"]).any()
    assert frame["value"].notna().all()
    assert set(frame["label"]) == {"all", "a", "b"}
    assert set(frame["feature"]) == {"all", "f0", "f1", "f2"}


def test_what_the_synthetic_set_cannot_show_is_a_number(real):
    """A class missing, constant features, one step a series: every metric has a value."""
    flat = replace(real, values=np.zeros_like(real.values))
    one_class = real.take(np.flatnonzero(real.labels == "a"))
    for synthetic in (flat, real.head(1), one_class):
        assert np.isfinite(fidelity.fidelity(real, synthetic, 0)["value"]).all()


def undefined(real, synthetic):
    """Return the metrics that are NaN."""
    frame = fidelity.fidelity(real, synthetic, 0)
    return set(frame.loc[frame["value"].isna(), "metric"])


def test_what_the_real_set_does_not_show_is_left_out(real):
    """NaN only where real series have one step, features that never vary, or one feature."""
    in_time = {"acf_rms", "acd", "predictive_score", "step_change_ratio", "correlation_within"}
    in_values = {*CORRELATIONS, "spread_ratio", "skewness_error", "kurtosis_error"}
    flat = replace(real, values=np.zeros_like(real.values))
    assert undefined(real.head(1), real) <= in_time
    assert undefined(flat, real) <= in_time | in_values
    single = toy_series([row[:, None] for row in real.padded(5)[0][:, :, 0]])
    assert undefined(single, single) == CORRELATIONS


def test_what_cannot_be_compared_is_refused(real):
    """Other features, an unknown class, no label, too few series: one sentence each."""
    renamed = replace(real, features=[Feature(n) for n in ("f0", "f1", "other")])
    unlabelled = replace(real, label=None, attributes=pd.DataFrame(index=range(len(real))))
    unknown = replace(real, attributes=real.attributes.astype(str).replace("a", "c"))
    cases = [
        (renamed, r"features .* differ"),
        (real.take([0, 1, 2]), "need 10 in each set"),
        (unlabelled, "lacks the attribute 'kind'"),
        (unknown, "a class 'c' that the real set lacks"),
    ]
    for other, message in cases:
        with pytest.raises(DataError, match=message) as caught:
            fidelity.fidelity(real, other, 0)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)


def test_the_marginal_divergence_is_known():
    """Half of the real bins, each twice as full: .311 bits; the same values: 0."""
    values = np.arange(1000, dtype=float)
    real = toy_series([values[:, None]])
    half = toy_series([values[:500, None]])
    for synthetic, expected in ((real, 0), (half, 0.3113)):
        frame = fidelity.marginals(real, synthetic)
        found = frame.loc[frame["metric"] == "marginal_jsd", "value"]
        assert found.to_numpy() == pytest.approx(expected, abs=0.01)
