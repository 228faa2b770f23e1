"""Laws of the nulls: owners stay whole, parts have the halves' sizes, the real law stays within."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import ar1_series, labelled_series

from tst.errors import DataError
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


def with_owners_and_classes(classes):
    """Return series of three an owner, where each owner has one class."""
    series = labelled_series(3 * len(classes))
    owners = np.repeat([f"o{i}" for i in range(len(classes))], 3)
    columns = {series.label: pd.Categorical(np.repeat(classes, 3)), "owner": owners}
    return replace(series, attributes=series.attributes.assign(**columns), group="owner")


def test_parts_without_a_common_class_are_dealt_again():
    """Of four owners in two classes a third of all deals has none; all that come have one."""
    series = with_owners_and_classes(["a", "a", "b", "b"])
    halves = series.take(np.arange(6)), series.take(np.arange(6, 12))
    dealt = list(nulls.deals(*halves, "owner", 30))
    assert len(dealt) == 30
    assert all(set(one.labels) == set(other.labels) != set() for one, other in dealt)
    apart = with_owners_and_classes(["a", "b", "c", "d"])
    halves = apart.take(np.arange(6)), apart.take(np.arange(6, 12))
    with pytest.raises(DataError, match="keep each owner whole have hardly ever a class in common"):
        list(nulls.deals(*halves, "owner", 2))


@pytest.mark.slow
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
