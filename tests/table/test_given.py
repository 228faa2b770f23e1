"""Laws of what is given: attributes and starts, one or one a series; else one sentence."""

import datetime

import numpy as np
import pandas as pd
import pytest
from helpers import user_table

from tst.errors import DataError
from tst.table.given import Given
from tst.table.table import Table


@pytest.fixture(scope="module")
def table():
    """A table of business days with a category, a truth value and a number a series."""
    return Table.fit(frame_of(pd.bdate_range("2024-01-01", periods=30)), ROLES)[0]


ROLES = {"id": "host", "time": "day"}


def frame_of(times):
    """Return a table of 40 hosts at some times."""
    rng = np.random.default_rng(0)
    n = len(times)
    frame = pd.DataFrame({"host": np.repeat(np.arange(40), n), "day": np.tile(times, 40)})
    frame["x"] = rng.normal(size=len(frame))
    frame["site"] = np.where(frame["host"] % 3 == 0, "north", "south")
    frame["new"] = frame["host"] % 2 == 0
    frame["size"] = (frame["host"] * 1.5 + 0.25).astype(float)
    return frame


def test_one_value_or_one_a_series(table):
    """Text of a command line stands for the column's own values."""
    given = Given.of(table, {"site": "north", "new": "False", "size": ["1.75", 3.25, 4]}, 3)
    assert given.values["new"].tolist() == [False] * 3
    assert given.values["size"].tolist() == [1.75, 3.25, 4]
    assert given.starts is None
    part = given.part(1, 2)
    assert part.values["size"].tolist() == [3.25, 4]
    assert part.labels["size"].tolist() == given.labels["size"].tolist()[1:]
    frame = pd.DataFrame({"site": ["north", "south"], "day": ["2024-01-03", "2024-01-04"]})
    given = Given.of(table, frame, 2)
    assert given.labels["site"].tolist() == ["north", "south"]
    assert given.starts.astype("datetime64[ns]").tolist() == [
        pd.Timestamp(day).value for day in frame["day"]
    ]


def test_nothing_given_is_nothing(table):
    """Neither attributes nor starts."""
    given = Given.of(table, None, 4)
    assert given.labels.empty
    assert given.starts is None


@pytest.mark.parametrize(
    ("times", "value", "expected"),
    [
        (pd.bdate_range("2024-01-01", periods=30), datetime.date(2024, 5, 6), "2024-05-06"),
        (pd.bdate_range("2024-01-01", periods=30), "2024-05-06", "2024-05-06"),
        (pd.date_range("2024-02-01", periods=30).strftime("%d/%m/%Y"), "06/05/2024", "06/05/2024"),
        (
            pd.date_range("2024-02-01", periods=30).strftime("%d/%m/%Y"),
            pd.Timestamp("2024-05-06"),
            "06/05/2024",
        ),
        (pd.date_range("2024-02-01", periods=30).strftime("%Y%m%d").astype(int), "20240506", None),
        (pd.date_range("2020-01-31", periods=30, freq="ME"), "2024-02-29", "2024-02-29"),
        (pd.date_range("2024-01-01", periods=30, tz="Europe/Paris"), "2024-05-06", None),
        (np.arange(30) * 2, "8", "8"),
    ],
)
def test_series_start_when_they_are_told(times, value, expected):
    """However the column writes its times, and however the start is given."""
    table, series = Table.fit(frame_of(times), ROLES)
    starts = table.start_times([value] * len(series))
    made = table.to_frame(series, starts=starts).groupby("host")["day"].first()
    assert made.nunique() == 1
    first = str(made.iloc[0])
    assert first.startswith(expected or ("20240506" if "20240506" in first else "2024-05-06"))


def test_what_cannot_be_given_is_said(table):
    """Another number of values, no time, a day that is none of the calendar, no own starts."""
    wrong = {
        "given for 2 series, but 3 are asked for": {"site": ["north", "south"]},
        "'colour' is not an attribute that can be given; these can: site, new, size": {
            "colour": "red"
        },
        "attribute 'site' is 'west'; the table has north, south": {"site": "west"},
        "attribute 'size' is 'big'; the table has numbers from": {"size": "big"},
        "'2024-05-04' is not a time of the calendar of 'day': give one, as 2024-05-06": {
            "day": "2024-05-04"
        },
        "'soon' is not a time of 'day'": {"day": "soon"},
    }
    for sentence, given in wrong.items():
        with pytest.raises(DataError) as caught:
            Given.of(table, given, 3)
        assert sentence in str(caught.value)
    one = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=900, freq="h"), "x": range(900)})
    with pytest.raises(DataError, match="no series with a start of their own"):
        Given.of(Table.fit(one.assign(x=one["x"] % 7 * 1.1))[0], {"t": "2024-01-01"}, 3)


def test_given_values_stand_in_the_rows_of_their_series():
    """Of each series its own, whatever was drawn within a range."""
    frame = user_table()
    table, series = Table.fit(frame)
    sizes = frame.groupby("host")["size"].first()
    given = Given.of(table, {"size": sizes.sample(frac=1, random_state=0).tolist()}, len(series))
    made = given.written(table, table.to_frame(series), series.lengths)
    each = made.groupby("host", sort=False)["size"]
    assert (each.nunique() == 1).all()
    assert each.first().tolist() == given.values["size"].tolist()
