"""What holds in every row of a table, kept by construction in every row of a copy.

A relation changes columns before they are learned (`apply`) and restores them in what was generated
(`restore`): of `low <= high`, the model sees low and how far high is above it. What follows from
other columns is not learned at all. `tst.table.discovery` finds them.
"""

from collections.abc import Sequence

import pandas as pd

from tst.table.relations.base import Number, Places, Value, is_one_of, numbers, plain_values
from tst.table.relations.combinations import Combinations
from tst.table.relations.dates import DateText, FromTime
from tst.table.relations.derived import (
    Computed,
    Copy,
    Counter,
    Formula,
    Lookup,
    RunningTotal,
    Shares,
)
from tst.table.relations.of_time import (
    ANY_TIMES,
    OfTime,
    Part,
    TimeDecides,
    WithTime,
    part_of,
)
from tst.table.relations.order import Above, Below, Monotone, StateOrder, Within
from tst.table.relations.rows_before import Balance, Carried, How, OfRowsBefore, compared
from tst.table.relations.spelled import (
    ClockText,
    NumberText,
    NumberTuple,
    SpelledText,
    StandsForNumbers,
    WithinDay,
    in_cells,
)
from tst.table.relations.transitions import Transitions
from tst.table.relations.where import EmptyWhere, FixedWhere, SignWhere

__all__ = [
    "ANY_TIMES",
    "BEGUN",
    "DERIVED",
    "Above",
    "Balance",
    "Below",
    "Carried",
    "ClockText",
    "Combinations",
    "Computed",
    "Copy",
    "Counter",
    "DateText",
    "EmptyWhere",
    "FixedWhere",
    "Formula",
    "FromTime",
    "How",
    "Lookup",
    "Monotone",
    "Number",
    "NumberText",
    "NumberTuple",
    "OfRowsBefore",
    "OfTime",
    "Part",
    "Places",
    "Relation",
    "RunningTotal",
    "Shares",
    "SignWhere",
    "SpelledText",
    "StandsForNumbers",
    "StateOrder",
    "TimeDecides",
    "Transitions",
    "Value",
    "WithTime",
    "Within",
    "WithinDay",
    "apply_all",
    "compared",
    "in_cells",
    "is_one_of",
    "numbers",
    "part_of",
    "plain_values",
    "restore_all",
]

Relation = (
    DateText
    | NumberText
    | NumberTuple
    | ClockText
    | WithinDay
    | FromTime
    | Copy
    | Counter
    | Formula
    | Shares
    | RunningTotal
    | Lookup
    | FixedWhere
    | EmptyWhere
    | OfRowsBefore
    | Balance
    | Carried
    | OfTime
    | TimeDecides
    | WithTime
    | Above
    | Below
    | Monotone
    | StateOrder
    | SignWhere
    | Transitions
    | Within
    | Combinations
)
DERIVED = (
    Copy,
    Counter,
    Formula,
    Shares,
    RunningTotal,
    Lookup,
    OfRowsBefore,
    OfTime,
    TimeDecides,
)  # whose column follows from others and is not learned
BEGUN = (Balance, Carried, WithTime)  # whose column is learned as one value of each series


def apply_all(relations: Sequence[Relation], frame: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Return a real table as it is learned."""
    for relation in relations:
        frame = relation.apply(frame, places)
    return frame


def restore_all(relations: Sequence[Relation], frame: pd.DataFrame, places: Places) -> pd.DataFrame:
    """Return a table that was learned as it is written: inverts `apply_all`."""
    for relation in reversed(relations):
        frame = relation.restore(frame, places)
    return frame
