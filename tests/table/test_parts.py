"""Laws of constants, attributes and features: what cannot be learned is said or listed."""

import numpy as np
from helpers import problem_text, table_error, user_table

from tst.table.table import Table


def test_a_constant_column():
    """It is listed and written back, an empty one too."""
    frame = user_table().assign(empty=np.nan)
    table, series = Table.fit(frame)
    assert "version: the same in every row" in problem_text(table)
    assert "empty: the same in every row" in problem_text(table)
    synthetic = table.to_frame(series)
    assert (synthetic["version"] == 3).all()
    assert synthetic["empty"].isna().all()


def test_nothing_but_constants():
    """There is nothing to learn."""
    frame = user_table()[["host", "when", "version"]]
    assert "no column changes within the series" in table_error(frame, {"id": "host"})


def test_a_label_that_changes():
    """Only an attribute tells classes."""
    assert "label 'cpu' is no attribute" in table_error(user_table(), {"label": "cpu"})


def test_a_feature_named_like_a_reserved_column():
    """`all`, and a companion's own name, stay as they are in the table."""
    frame = user_table().rename(columns={"cpu": "all", "exact": "memory missing"})
    table, series = Table.fit(frame)
    assert "all" not in series.feature_names
    assert len(set(series.feature_names)) == len(series.feature_names)
    assert "all: a name that the report keeps for itself" in problem_text(table)
    assert list(table.to_frame(series)) == list(frame)


def test_too_many_categories():
    """Text that is another in each row is no category."""
    frame = user_table(n_series=60)
    frame["state"] = [f"s{i}" for i in range(len(frame))]
    assert "too many for a category" in table_error(frame)


def test_dates_as_text_that_are_written_differently():
    """They are no feature: which of two ways would be written?"""
    frame = user_table()
    frame["seen"] = [f"2024-01-{1 + i % 28:02d}" for i in range(len(frame))]
    frame.loc[::2, "seen"] += " 00:00"
    assert "'seen' holds dates as text, not all written alike" in table_error(
        frame, {"time": "when"}
    )


def test_an_attribute_that_names_its_series():
    """It is listed, not learned, and has new names."""
    table, series = Table.fit(user_table())
    assert "owner: a name of its own for nearly every series" in problem_text(table)
    assert "owner" not in series.attributes
    owners = table.to_frame(series)["owner"]
    assert not owners.isin(user_table()["owner"]).any()
