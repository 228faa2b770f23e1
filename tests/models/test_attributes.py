"""Laws of attributes: codes, one-hot rows and tables are inverse; the group is not modelled."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import attributed_series

from tst.errors import DataError
from tst.models import attributes
from tst.models.attributes import SeriesFacts

ARRAYS = [np.ones((2, 1))] * 9


def test_one_hot_rows_tell_their_codes():
    """Attributes side by side and apart again; softmax rows tell the largest; none are none."""
    codes = np.array([[0, 4], [2, 0], [1, 3]])
    blocks = [attributes.one_hot(codes[:, 0], 3), attributes.one_hot(codes[:, 1], 5)]
    rows = attributes.joined(blocks, 3)
    assert rows.shape == (3, 8)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(attributes.split_one_hot(rows, (3, 5)), codes)
    soft = rows * 0.4 + 0.1
    np.testing.assert_array_equal(attributes.split_one_hot(soft, (3, 5)), codes)
    assert attributes.joined([], 7).shape == (7, 0)
    assert attributes.split_one_hot(np.zeros((7, 0)), ()).shape == (7, 0)


def test_a_table_of_codes_has_the_categories():
    """Also those that do not occur; without attributes it has a row a series all the same."""
    categories = {"kind": ["b", "a"], "size": [10, 20, 30]}
    table = attributes.from_codes(np.array([[1, 0], [1, 2]]), categories)
    assert table["kind"].tolist() == ["a", "a"]
    assert table["size"].tolist() == [10, 30]
    assert table["size"].cat.categories.tolist() == [10, 20, 30]
    assert attributes.from_codes(np.zeros((4, 0), dtype=int), {}).shape == (4, 0)


def test_categories_that_occur_are_known():
    """Of categorical columns, in their order; what only names a series is left out."""
    series = attributed_series(ARRAYS)
    assert attributes.known_categories(series) == {
        "domain": ["fr", "de", "en"],
        "agent": ["all", "spider"],
    }
    assert attributes.attribute_sizes(series) == (3, 2)
    grouped = replace(series, group="agent")
    assert list(attributes.known_categories(grouped)) == ["domain"]
    assert attributes.attribute_columns(grouped) == ["domain"]
    by_label = replace(series, group="domain")
    assert attributes.attribute_columns(by_label) == ["domain", "agent"]
    assert attributes.attribute_categories(series) == (
        ("domain", ("de", "en", "fr")),
        ("agent", ("all", "spider")),
    )


def test_missing_values_and_labels_of_another_kind_are_named():
    """A category that is missing, a label that is no category."""
    series = attributed_series(ARRAYS)
    series.attributes.loc[3, "agent"] = np.nan
    for read in (attributes.known_categories, attributes.attribute_columns):
        with pytest.raises(DataError, match="'agent' of 'toy' has missing values"):
            read(series)
    with pytest.raises(DataError, match="label 'page' of 'toy' is not categorical"):
        attributes.attribute_columns(replace(series, label="page"))


def test_facts_are_the_training_sets():
    """Name, origin, interval and features; the label only where its attribute was generated."""
    series = attributed_series(ARRAYS)
    facts = SeriesFacts.of(series)
    values = np.zeros((5, 1))
    lengths = np.array([2, 3])
    table = pd.DataFrame({"domain": pd.Categorical(["en", "de"])})
    synthetic = facts.to_series(values, lengths, table, "hmm")
    assert (synthetic.name, synthetic.origin, synthetic.interval) == ("toy", "simulated", "1D")
    assert synthetic.label == "domain"
    assert synthetic.model == "hmm"
    assert synthetic.features == series.features
    assert facts.to_series(values, lengths, table.iloc[:, :0], "hmm").label is None
