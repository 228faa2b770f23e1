"""Laws of the values of a column: numbers within float32, digits, gaps, codes for missing."""

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, table_error, user_table

from tst.table import values
from tst.table.table import Table


@pytest.mark.parametrize("value", [1e308, -np.inf])
def test_numbers_beyond_float32(value):
    """Value, row and remedy."""
    frame = user_table()
    frame.loc[4, "exact"] = value
    assert f"column 'exact' holds {value:g} in row 5, beyond 1e+30" in table_error(frame)


def test_text_in_a_number_column():
    """Value, row and remedy."""
    frame = user_table().astype({"cpu": object})
    frame.loc[7, "cpu"] = "n.a."
    sentence = table_error(frame)
    assert "column 'cpu' holds 'n.a.' in row 8, most others are numbers" in sentence


def test_a_column_with_broken_lines_in_its_name():
    """The sentence stays one line."""
    frame = user_table().rename(columns={"cpu": "a\nb"})
    frame.loc[3, "a\nb"] = np.inf
    assert "column 'a b' holds inf in row 4" in table_error(frame)


def test_gaps_are_filled_from_the_same_series():
    """From the last number before, else the next, else the median of all."""
    nan = np.nan
    x = np.array([nan, 1.0, nan, nan, 4.0, nan, nan, 9.0])
    starts = np.array([0, 0, 0, 0, 4, 5, 5, 7])  # the third series has no number
    filled = values.fill_gaps(x, starts, lambda: 4.0)
    np.testing.assert_array_equal(filled, [1, 1, 1, 1, 4, 4, 4, 9])


@pytest.mark.parametrize(
    ("x", "n_decimals"),
    [
        ([1, 20, 3], 0),
        ([0.5, 1.25], 2),
        ([0.001, 0.0], 3),
        ([1 / 3], None),
        ([1234567.8], 1),  # whether or not float32 keeps the digits
        ([0.1 + 0.2, 1e9], 1),
        ([0.7 / 0.9, 800 / 7], None),
    ],
)
def test_decimals(x, n_decimals):
    """As many as the value with most of them has; None where nobody wrote so many."""
    assert values.Numbers.of(np.array(x, float)).rounding() == n_decimals


@pytest.mark.parametrize(
    ("x", "is_far"),
    [
        ([1000.0, 1001.0], True),  # prices of one month
        ([10.0, 15.0], False),
        ([47.123456, 51.654321], True),  # places on a map
        ([-47.123456, -51.654321], True),
        ([-122.123456, 51.654321], False),  # all over it
        ([0.5, 1234567.89], False),  # money
        ([1 / 3 + 10, 1 / 7 + 12], False),  # nobody wrote these digits
        ([-999.0, *[47.123456, 51.654321] * 20], True),  # -999 is left out
    ],
)
def test_numbers_far_from_zero(x, is_far):
    """Large beside their range, or of more digits than float32 keeps, which a shift brings."""
    numbers = values.Numbers.of(np.array(x))
    assert numbers.is_far_from_zero(-999.0 if min(x) == -999 else None) == is_far


def test_the_shortest_number_that_float32_keeps():
    """It comes back where it has seven digits, wherever they stand; others are as near."""
    x = np.array([16863.8, 10.485, 123456.78, 0.001, -1234567.89])
    found = np.round(values.shortest(x.astype(np.float32).astype(np.float64), 3), 3)
    np.testing.assert_allclose(found, [16863.8, 10.485, 123456.78, 0.001, -1234567.9], rtol=1e-9)
    assert found[0] == 16863.8


def test_numbers_that_only_look_like_codes():
    """Zeros under counts, a floor, two values, a rare outlier: numbers like any other."""
    rng = np.random.default_rng(0)
    zeros = np.where(rng.random(2000) < 0.3, 0.0, rng.random(2000) * 9 + 1)
    floor = np.maximum(rng.normal(size=2000), -1.0)
    outlier = np.r_[rng.random(1995), [-999.0] * 5]
    for x in (zeros, floor, outlier, rng.integers(0, 2, 2000) * 7.0):
        assert values.Numbers.of(x).missing_code() is None
    skewed = np.r_[np.exp(3 * rng.normal(size=1900)), [-1.0] * 100]
    assert values.Numbers.of(skewed).missing_code() == -1


def test_dates_and_durations_are_seconds():
    """Since 1970 in UTC; None is NaN."""
    dates = pd.Series(pd.to_datetime(["1970-01-01 01:00", None])).dt.tz_localize("Europe/Paris")
    x, epoch = values.to_numbers(dates)
    assert epoch == "datetime"
    np.testing.assert_array_equal(x, [0, np.nan])
    x, epoch = values.to_numbers(pd.Series(pd.to_timedelta(["1h", None])))
    assert epoch == "timedelta"
    np.testing.assert_array_equal(x, [3600, np.nan])


def test_the_smallest_numbers_stay_numbers():
    """Numbers down to the smallest of float64 are rounded to finite ones, near or at 0."""
    x = np.array([0.0, 5e-324, -2.2e-309, 1.5e-300, 1e-30, 1e300])
    rounded = values.round_to_digits(x)
    assert np.isfinite(rounded).all()
    np.testing.assert_allclose(rounded, x, rtol=1e-6, atol=1e-300)


UNCLEAR = {
    "a comma before three digits": lambda i: f"{1 + i % 9},{100 + 37 * i % 900}",
    "two units": lambda i: f"{12 + i % 80} {['g', 'kg'][i % 2]}",
    "two currencies": lambda i: f"{'$€'[i % 2]}{i % 70}.50",
    "a zero in front": lambda i: f"{i % 100:03d} kg",
    "two signs of a loss": lambda i: ["(${}.00)", "-${}.00", "${}.00"][i % 3].format(5 + i % 50),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", UNCLEAR)
def test_numbers_with_signs_are_not_taken_for_names(kind):
    """What may be read in two ways, or is written in several, is asked about in one sentence."""
    frame = user_table()
    texts = pd.Series([UNCLEAR[kind](i) for i in range(len(frame))])
    sentence = table_error(read_back(frame.assign(price=texts)))
    assert sentence.startswith("column 'price' holds numbers as text ('")
    assert "leave_out: price" in sentence
    table, _ = Table.fit(frame.assign(price=texts), {"leave_out": ["price"]})
    assert "price" not in table.order
    for_series = frame.assign(price=frame["host"].map(dict(zip(frame["host"], texts, strict=True))))
    assert "column 'price' holds numbers as text" in table_error(for_series)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern", ["{:05d}", "1.2.{}", "10.0.0.{}", "{} to 5", "v{}", "{}%", "2-{}", "ABC {:03d}"]
)
def test_codes_and_few_percentages_are_no_numbers_with_signs(pattern):
    """Codes, versions, addresses; percentages of a few kinds, which a category keeps."""
    frame = user_table()
    n_kinds = 4 if "%" in pattern else 40
    texts = [pattern.format(i % n_kinds) for i in range(len(frame))]
    table, series = Table.fit(frame.assign(code=pd.Series(texts, dtype=str)))
    made = table.to_frame(series)["code"]
    assert made.tolist() == texts


def test_a_postcode_is_no_number_with_a_unit():
    """Behind its digits stand many different letters; of each series, it gets a new name."""
    frame = user_table()
    hosts = frame["host"].unique()
    letters = [
        f"{1011 + 37 * i} {chr(65 + i % 26)}{chr(65 + 7 * i % 26)}" for i in range(len(hosts))
    ]
    codes = frame["host"].map(dict(zip(hosts, letters, strict=True)))
    table, series = Table.fit(frame.assign(postcode=codes))
    made = table.to_frame(series)["postcode"]
    assert made.groupby((frame["host"] != frame["host"].shift()).cumsum()).nunique().max() == 1


@pytest.mark.slow
@pytest.mark.parametrize("word", ["?", "n.d.", "<0.5", "below"])
def test_a_word_that_stands_for_most_numbers_is_no_name(word):
    """However often it stands; its numbers are no categories."""
    frame = user_table()
    rng = np.random.default_rng(0)
    texts = pd.Series(rng.normal(5, 1, len(frame)).round(2)).astype(str)
    texts = texts.where(rng.random(len(frame)) < 0.3, word)
    sentence = table_error(frame.assign(lactate=texts))
    assert sentence.startswith(f"column 'lactate' holds '{word}' in row ")
    assert "all others are numbers" in sentence
    empty = texts.where(texts != word).astype(float)
    assert Table.fit(frame.assign(lactate=empty))[0] is not None
    codes = pd.Series(rng.integers(100, 400, len(frame))).astype(str)
    codes = codes.where(rng.random(len(frame)) < 0.3, "OK")  # a word beside codes
    table, _ = Table.fit(frame.assign(defect=codes))
    assert "defect" in table.order
