"""Laws of one column: what was encoded comes back in kind, through float32 too."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tst.table.columns import MISSING, N_RANGES, ColumnCodec
from tst.table.table import Table

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint64", "Int16", "Int64"]
NULLABLE = ["Int16", "Int64", "Float64"]


def through_float32(codec, column):
    """Return a column that was encoded, kept as float32 as a series set keeps it, and decoded."""
    x = codec.encode(column)
    missing = np.isnan(x)
    x = np.where(missing, 0, x).astype(np.float32)
    return codec.decode(x, missing)


def saved(codec):
    """Return a codec after it was written as JSON and read."""
    return ColumnCodec.from_dict(json.loads(json.dumps(vars(codec))))


@given(
    st.sampled_from(INTEGERS),
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(0, 100), min_size=1, max_size=15),
)
def test_integers_come_back(dtype, base, steps):
    """In their dtype, exactly, also where float32 could not hold them unshifted."""
    limits = np.iinfo(dtype.lower())
    base = int(np.clip(base, limits.min, limits.max - 100))
    column = pd.Series([base + step for step in steps], dtype=dtype, name="x")
    codec = ColumnCodec.fit(column)
    pd.testing.assert_series_equal(through_float32(codec, column), column)
    assert saved(codec) == codec


@given(st.integers(0, 5), st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=15))
def test_decimals_come_back(n_decimals, numbers):
    """Up to seven digits, as they were written."""
    column = pd.Series(np.round(np.array(numbers) / 10**n_decimals, n_decimals), name="x")
    codec = ColumnCodec.fit(column)
    pd.testing.assert_series_equal(through_float32(codec, column), column)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=15))
def test_other_numbers_come_back_to_seven_digits(numbers):
    """Of the greatest, as far as float32 goes."""
    column = pd.Series(numbers, name="x")
    codec = ColumnCodec.fit(column)
    atol = 1e-6 * np.abs(column).max() + 1e-30  # numbers below that are 0
    np.testing.assert_allclose(through_float32(codec, column), column, rtol=0, atol=atol)


@given(st.lists(st.sampled_from([None, *range(9)]), min_size=2, max_size=15), st.data())
def test_gaps_come_back(values, data):
    """Where a number was missing, it is missing again."""
    dtype = data.draw(st.sampled_from([*NULLABLE, "float32", "float64"]))
    column = pd.Series(pd.array(values, dtype="Float64"), name="x").astype(dtype)
    if column.isna().all():
        return
    codec = ColumnCodec.fit(column)
    assert codec.missing == column.isna().any()
    pd.testing.assert_series_equal(through_float32(codec, column), column)


@given(
    st.lists(st.sampled_from(["a", "é\n", "", "1", "(missing)", None]), min_size=1, max_size=15),
    st.sampled_from(["object", "str", "category", "ordered"]),
)
def test_categories_come_back(values, kind):
    """Text in any dtype, with categories that no row has."""
    dtype = kind
    if kind in ("category", "ordered"):
        categories = ["never", "1", "", "a", "(missing)", "é\n"]
        dtype = pd.CategoricalDtype(categories, ordered=kind == "ordered")
    column = pd.Series(values, name="x", dtype=dtype)
    codec = ColumnCodec.fit(column)
    x = codec.encode(column)
    decoded = codec.decode(np.where(np.isnan(x), 0, x), np.isnan(x))
    pd.testing.assert_series_equal(decoded, column)
    assert saved(codec) == codec


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.sampled_from(["bool", "boolean"]))
def test_truth_values_come_back(values, dtype):
    """As a category of two."""
    column = pd.Series(values, name="x", dtype=dtype)
    pd.testing.assert_series_equal(through_float32(ColumnCodec.fit(column), column), column)


@given(
    st.lists(st.integers(0, 10**8), min_size=1, max_size=9),
    st.sampled_from(
        ["datetime64[ms]", "datetime64[ns]", "datetime64[us, Europe/Paris]", "timedelta64[ms]"]
    ),
)
def test_dates_and_durations_come_back(seconds, dtype):
    """To the second, in their unit and zone."""
    kind = "timedelta64[s]" if dtype.startswith("timedelta") else "datetime64[s]"
    column = pd.Series(np.array(seconds).astype(kind), name="x")
    if "Paris" in dtype:
        column = column.dt.tz_localize("UTC")
    column = column.astype(dtype)
    codec = ColumnCodec.fit(column)
    pd.testing.assert_series_equal(codec.decode(codec.encode(column)), column)
    assert saved(codec) == codec


@given(st.lists(st.sampled_from([None, "p", "q", "é"]), min_size=2, max_size=15))
def test_attributes_of_text_come_back(values):
    """Their labels are those of the model; missing ones have a label too."""
    column = pd.Series(values, name="x", dtype=object)
    codec = ColumnCodec.fit_attribute(column)
    labels = codec.to_labels(column)
    assert list(labels.categories) == codec.labels
    assert (labels == MISSING).sum() == column.isna().sum()
    decoded = codec.from_labels(pd.Series(labels).astype(str), np.random.default_rng(0))
    if column.notna().any():
        pd.testing.assert_series_equal(decoded, column)


@given(st.lists(st.floats(-1e6, 1e6), min_size=30, max_size=60, unique=True), st.integers(0, 99))
def test_attributes_that_are_numbers_stay_in_their_range(numbers, seed):
    """A label is a range between two of at most 17 quantiles; a number drawn for it lies there."""
    column = pd.Series(numbers, name="x")
    codec = ColumnCodec.fit_attribute(column)
    assert len(codec.edges) <= N_RANGES + 1
    labels = pd.Series(codec.to_labels(column))
    assert labels.notna().all()
    drawn = codec.from_labels(labels.astype(str), np.random.default_rng(seed))
    index = labels.cat.codes.to_numpy()
    edges = np.array(codec.edges)
    rounding = 1e-6 * np.abs(edges).max()
    if codec.decimals is not None:
        rounding += 0.5 * 10.0**-codec.decimals
    assert (drawn >= edges[index] - rounding).all()
    assert (drawn <= edges[index + 1] + rounding).all()


def test_a_value_that_can_be_given():
    """The label of a value that the table has, and None for any other."""
    status = ColumnCodec.fit_attribute(pd.Series(["OK", "FAIL"], name="status"))
    assert status.to_label("OK") == "OK"
    assert status.to_label("ok") is None
    assert status.to_label(None) is None
    size = ColumnCodec.fit_attribute(pd.Series(np.arange(100) / 7, name="size"))
    assert size.to_label(1.5) == size.to_labels(pd.Series([1.5]))[0]
    for value in (-1, 99.0, None, math.inf, "large"):
        assert size.to_label(value) is None


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "numbers"},
        {"epoch": "date"},
        {"edges": [2.0, 1.0]},
        {"edges": ["a"]},
        {"categories": [[1]]},
        {"decimals": 99},
        {"shift": math.inf},
        {"dtype": "no dtype"},
        {"levels": []},
    ],
)
def test_a_column_that_was_not_saved_so(change):
    """Another kind, ranges that do not rise, an unknown key: refused."""
    codec = ColumnCodec.fit_attribute(pd.Series(np.arange(100) / 7, name="size"))
    with pytest.raises((ValueError, TypeError)):
        ColumnCodec.from_dict(json.loads(json.dumps(vars(codec) | change)))


@pytest.mark.parametrize("code", [-1, 9999])
def test_a_number_that_means_missing(code):
    """Marked and filled in training, listed, and set again exactly; whole numbers stay whole."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat([f"s{i:02d}" for i in range(40)], 50)})
    frame["t"] = np.tile(np.arange(50) * 60, 40)
    frame["load"] = rng.random(2000).round(3)
    frame["count"] = rng.integers(100, 160, 2000)
    is_missing = rng.random(2000) < 0.03
    frame.loc[is_missing, ["load", "count"]] = code
    table, series = Table.fit(frame)
    assert series.feature_names == ["load missing", "load", "count missing", "count"]
    marks, loads, _, counts = series.values.T
    assert marks.sum() == is_missing.sum()
    assert loads.max() <= 1
    assert counts.min() >= 100  # nothing lies between the numbers and the code
    listed = table.problem_list().set_index("column")["found, and what is done"]
    assert f"{code}, far from all other values as a code for missing is" in listed["load"]
    synthetic = table.to_frame(series)
    assert (synthetic.dtypes == frame.dtypes).all()
    for column in ("load", "count"):
        np.testing.assert_array_equal(synthetic[column] == code, is_missing)
        np.testing.assert_allclose(synthetic[column], frame[column], atol=1e-6)
    assert Table.from_dict(table.to_dict()).to_frame(series).equals(synthetic)


@given(
    st.integers(0, 9),
    st.lists(st.integers(1 - 10**11, 10**11 - 1), min_size=2, max_size=15),
    st.floats(0, 1),
)
def test_numbers_of_more_digits_than_float32_keeps(n_decimals, numbers, place):
    """They come back as near as float32 keeps them, and what is drawn has no more decimals."""
    column = pd.Series(np.round(np.array(numbers) / 10**n_decimals, n_decimals), name="x")
    codec = ColumnCodec.fit(column)
    atol = 2e-7 * np.abs(column - codec.shift).max() + 1e-9
    np.testing.assert_allclose(through_float32(codec, column), column, rtol=0, atol=atol)
    x = codec.encode(column)
    drawn = codec.decode(np.float32([x.min() + place * np.ptp(x)]))
    np.testing.assert_allclose(np.round(drawn, n_decimals), drawn, rtol=1e-12)


def test_places_on_a_map_keep_their_decimals():
    """Six decimals of a degree are a tenth of a metre; float32 of 48 degrees keeps half a metre."""
    rng = np.random.default_rng(0)
    column = pd.Series(rng.uniform(47, 49, 500).round(6), name="lat")
    codec = ColumnCodec.fit(column)
    np.testing.assert_allclose(through_float32(codec, column), column, rtol=0, atol=1e-9)


def test_a_drawn_number_has_the_digits_of_the_column():
    """What a model draws between two decimals is rounded to as many as the column has."""
    codec = ColumnCodec.fit(pd.Series([0.25, 1.5, 3.75], name="x"))
    drawn = codec.decode(np.array([0.123456, 2.987654]), np.zeros(2, dtype=bool))
    assert drawn.tolist() == [0.12, 2.99]
