"""Laws of the autocorrelation: known answers, statsmodels, which lags count, no neighbour."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import ar1_series, toy_series
from statsmodels.tsa.stattools import acf as statsmodels_acf

from tst.evaluation import autocorrelation
from tst.series import concat


@pytest.fixture(scope="module")
def real():
    """A training set."""
    return ar1_series(199)


def test_autocorrelation_of_ar1_is_phi_to_the_lag():
    """Long series: the mean curve is phi**lag."""
    long = ar1_series(41, phi=0.7, n_features=2, low=900, high=1100)
    curve = autocorrelation.acf_curves(long, 6)
    np.testing.assert_allclose(curve["value"], 0.7 ** curve["lag"], atol=0.03)
    assert list(curve.columns) == ["feature", "lag", "value", "n"]
    assert (curve["n"] == 41).all()


def test_autocorrelation_equals_statsmodels(real):
    """The mean over ragged series, lag by lag, of those longer than the lag."""
    literal = {}
    for i in range(len(real)):
        curve = statsmodels_acf(real[i][:, 1].astype(float), nlags=99, fft=False)
        for lag, value in enumerate(curve):
            literal.setdefault(lag, []).append(value)
    curve = autocorrelation.acf_curves(real).query("feature == 'f1'")
    np.testing.assert_allclose(curve["value"], [np.mean(v) for v in literal.values()], atol=1e-9)
    np.testing.assert_array_equal(curve["n"], [len(v) for v in literal.values()])


def test_acf_rms_by_hand():
    """Real alternates; a constant set and a short one show no correlation and count as 0."""
    real = toy_series([np.array([[1.0], [-1], [1], [-1]])] * 5)
    assert autocorrelation.acf_rms(real, real) == 0
    expected = np.sqrt(np.mean(np.array([-0.75, 0.5, -0.25]) ** 2))
    for flat in (toy_series([np.ones((4, 1))] * 5), toy_series([np.ones((1, 1))])):
        assert autocorrelation.acf_rms(real, flat) == pytest.approx(expected)
    assert np.isnan(autocorrelation.acf_rms(toy_series([np.ones((4, 1))]), real))


def alternating(n_long, n=200):
    """Return series of two steps (1, -1), of which the first `n_long` have a third."""
    long = np.array([[1.0], [-1], [1]])
    return toy_series([long] * n_long + [long[:2]] * (n - n_long))


@pytest.mark.parametrize(("n_long", "n_lags"), [(2, 2), (1, 1), (0, 1)])
def test_a_lag_counts_that_one_per_cent_of_the_real_series_reach(n_long, n_lags):
    """Of 200 series two reach lag 2: it counts; one alone: it does not."""
    real = alternating(n_long)
    curve = autocorrelation.acf_curves(real).set_index("lag")["value"]
    flat = toy_series([np.ones((3, 1))] * 10)  # shows no correlation: 0 at every lag
    expected = np.sqrt((curve.loc[1:n_lags] ** 2).mean())
    assert autocorrelation.acf_rms(real, flat) == pytest.approx(expected, abs=1e-9)
    pooled, reached = autocorrelation.pooled_autocorrelation(real)
    expected = np.sqrt((pooled[:n_lags] ** 2).sum())
    assert autocorrelation.acd(real, flat) == pytest.approx(expected, abs=1e-9)
    assert reached[:3].tolist() == [200, n_long, 0]


def test_acd_equals_the_literal_sum(real):
    """Pooled autocorrelation about the mean of all values, over the pairs within a series."""
    values = real.values[:, 0].astype(float)
    z = (values - values.mean()) / values.std()
    rows = np.split(z, real.offsets[1:-1])
    curve, reached = autocorrelation.pooled_autocorrelation(real)
    for lag in (1, 7, 20):
        pairs = [r[lag:] * r[:-lag] for r in rows if len(r) > lag]
        assert curve[lag - 1, 0] == pytest.approx(np.concatenate(pairs).mean(), abs=1e-6)
        assert reached[lag - 1] == len(pairs)


def test_longer_neighbours_change_no_curve(real):
    """A mean curve is the mean of the series' own curves, whatever their lengths."""
    long = toy_series([np.random.default_rng(0).standard_normal((307, 3)).cumsum(0)])
    alone = replace(real.take([7]), attributes=long.attributes, label=None)

    def curve(series):
        return autocorrelation.acf_curves(series).set_index(["feature", "lag"])["value"]

    short = curve(alone)
    joined = curve(concat([alone, long, long])).reindex(short.index)
    expected = (short + 2 * curve(long).reindex(short.index)) / 3
    np.testing.assert_allclose(joined, expected, atol=1e-9)
