"""Laws of a copy of few series: 60 have the lengths of their classes, or the one length of all.

Lengths are drawn with the attributes, which are fitted apart from the steps: few of these do.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tst import Synthesiser

N = 60
TYPICAL = np.array([10, 25, 40])  # steps of the classes a, b and c
ROLES = {"id": "unit", "time": "day"}


def table(lengths):
    """Return a walk of each series, and its class: a, b, c and again."""
    rng = np.random.default_rng(0)
    parts = []
    for i, n in enumerate(lengths):
        part = pd.DataFrame({"unit": f"u{i:02d}", "day": pd.date_range("2024-01-01", periods=n)})
        part["kind"] = "abc"[i % 3]
        part["value"] = rng.normal(size=n).cumsum().round(3)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def lengths_of(frame):
    """Return {class: rows of each series}."""
    series = frame.groupby("unit", sort=False)
    lengths = series.size()
    return {kind: lengths[series["kind"].first() == kind].to_numpy() for kind in "abc"}


def distance(a, b):
    """Return the distance of two distributions, of Kolmogorov and Smirnov."""
    return stats.ks_2samp(a, b, method="asymp").statistic


def half_deals(lengths, rng):
    """Return the 95 % quantile of the distance of 200 deals of real lengths in two halves."""
    found = []
    for _ in range(200):
        found.append(distance(*np.array_split(rng.permutation(lengths), 2)))
    return np.quantile(found, 0.95)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_60_series_have_the_lengths_of_their_classes(seed):
    """Medians within 15 %, distributions as near as halves of the real ones."""
    rng = np.random.default_rng(seed)
    frame = table((np.tile(TYPICAL, N // 3) * rng.normal(1, 0.1, N)).round().astype(int))
    real = lengths_of(frame)
    made = lengths_of(Synthesiser(max_steps=5, seed=seed, roles=ROLES).fit(frame).sample(10 * N))
    for kind in "abc":
        assert np.median(made[kind]) == pytest.approx(np.median(real[kind]), rel=0.15)
        assert distance(made[kind], real[kind]) <= half_deals(real[kind], rng)


@pytest.mark.slow
def test_60_series_of_one_length_have_it():
    """Each of the copy."""
    made = Synthesiser(max_steps=5, roles=ROLES).fit(table(np.full(N, 13))).sample(N)
    assert set(made.groupby("unit").size()) == {13}
