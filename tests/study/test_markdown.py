"""Laws of the Markdown that cards, README.md and the site's tables are written with."""

import numpy as np
import pytest

from tst.study.report import markdown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.nan, ""),
        (0, "0"),
        (0.0123, "0.012"),
        (-0.5, "-0.500"),
        (-0.0004, "-0.0004"),
        (0.000031, "0.00003"),
        (-1e-9, "0"),
        (0.0006, "0.001"),
        (1.234, "1.23"),
        (-34.019, "-34.0"),
        (999.9, "1,000"),
        (12_635_659, "12,635,659"),
        (1234.5, "1,234"),
    ],
)
def test_a_result_has_three_digits(value, text):
    """All of a whole part, three decimals below 1; a missing one is nothing."""
    assert markdown.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "True"),
        (3, "3"),
        (np.int64(502_548), "502,548"),
        (3.0, "3"),
        (0.00182912, "0.001829"),
        (1e16, "1e+16"),
        (np.float64("nan"), "nan"),
        ([], "none"),
        ((0.9, 0.999), "0.9, 0.999"),
        ("a|b\nc", "a\\|b c"),
    ],
)
def test_a_fact_is_whole_or_has_four_digits(value, text):
    """Lists show their members; what would end a cell is escaped."""
    assert markdown.cell(value) == text


def test_a_table_has_a_heading_a_rule_and_its_rows():
    """A tight heading lacks only spaces."""
    rows = [("a", 1), ("b", 0.5)]
    assert markdown.table(["", "n"], rows) == "|  | n |\n| --- | --- |\n| a | 1 |\n| b | 0.5 |"
    assert markdown.table(["", "n"], rows, tight=True).startswith("| | n |\n|---|---|\n| a | 1 |")
