"""Laws of the nulls: owners stay whole, parts have the halves' sizes, the real law stays within."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import ar1_series, labelled_series

from tst.evaluation import autocorrelation, nulls, ragged


def owned(n, seed):
    """Return series of which four each have one owner."""
    series = ar1_series(n, seed=seed)
    attributes = series.attributes.assign(owner=[f"{seed}-{i // 4}" for i in range(n)])
    return replace(series, attributes=attributes, group="owner")


def test_a_deal_divides_no_owner_and_loses_no_series():
    """Every series is in one part; the first has about as many as the first set."""
    first, second = owned(60, 1), owned(44, 2)
    n_different = set()
    for one, other in nulls.deals(first, second, "owner", 20):
        owners = [set(part.attributes["owner"]) for part in (one, other)]
        assert not owners[0] & owners[1]
        assert len(one) + len(other) == 104
        assert abs(len(one) - 60) <= 2
        n_different.add(frozenset(owners[0]))
    assert len(n_different) == 20


def test_both_parts_have_the_same_classes():
    """A class that falls to one part alone leaves it."""
    series = labelled_series(30)
    rare = series.attributes[series.label].astype(str).to_numpy().astype(object)
    rare[0] = "rare"
    attributes = series.attributes.assign(**{series.label: pd.Categorical(rare)})
    series = replace(series, attributes=attributes)
    halves = series.take(np.arange(15)), series.take(np.arange(15, 30))
    for one, other in nulls.deals(*halves, None, 5):
        assert set(one.labels) == set(other.labels)
        assert "rare" not in one.labels


def test_the_real_law_stays_within_its_null():
    """Another set of the same law lies beyond the 95 % quantile about as often as it should."""
    measures = {"acf_rms": autocorrelation.acf_rms}
    halves = ar1_series(80, seed=1), ar1_series(80, seed=2)
    quantiles = nulls.quantiles(nulls.null(*halves, measures, None, 60))
    limit = quantiles.set_index("level")["value"][nulls.LEVEL]
    same = [autocorrelation.acf_rms(halves[1], ar1_series(80, seed=s)) for s in range(10, 30)]
    other = autocorrelation.acf_rms(halves[1], ar1_series(80, seed=9, phi=0.1))
    assert np.mean(np.array(same) > limit) <= 0.2
    assert other > 1.5 * limit
    assert (quantiles["n_deals"] == 60).all()


def test_what_the_real_series_cannot_show_has_no_null():
    """Series of one length have no distance of lengths; the mean over classes is the rows' mean."""
    real = labelled_series(40)
    rows = ragged.length_table(real, real.head(2)).query("metric == 'length_ks' and label != 'all'")
    expected = rows["value"].mean()
    found = ragged.class_length_ks(real, real.head(2))
    one_length = real.head(1)
    assert np.isnan(ragged.class_length_ks(one_length, one_length))
    assert found == pytest.approx(expected) or np.isnan(found)
    empty = nulls.null(one_length, one_length, {"length_ks": ragged.class_length_ks}, None, 3)
    assert not len(empty)
