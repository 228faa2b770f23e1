"""The checks of every claim, fixed before any result: `checks.csv`, one row a group of like checks.

The verdicts (`tst.study.claims`) and the paired bootstrap of notebooks 06 and 07 read the same
rows, so that each difference that a verdict looks up has been tested, with the same limit.

Columns of `checks.csv`; a cell may hold several values between blanks, `*` stands for any:

==========================  =======================================================================
claim                       id of the claim, or `ours`: TST (ours) against real data and DG
role                        endpoint: a verdict reads it; supporting: the bootstrap tests it as well
kind                        what is computed, see `Kind`
dataset, without            the data sets that are asked, and one that is not
table                       the tidy table that has the values
ours, other                 the two sides, of several the better; a difference is ours - other
by                          the column that tells the sides apart
metric ... length           where in the table, empty where the table has no such column
limit, direction            where the value must lie for the claim to hold, see `Direction`
report                      each: one verdict a check; worst: the one that speaks most against
==========================  =======================================================================
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from tst.errors import DataError
from tst.study import lookup
from tst.study.lookup import Place

Role = Literal["endpoint", "supporting"]
Report = Literal["each", "worst"]

# difference: ours - other, paired by seed, with the paired bootstrap where the table has one
# distance: over the mean distance between two halves of the real data
# length: KS distance of lengths in a class, over the 95 % quantile between random real halves
# deviation: of a ratio from 1
# ratio: over the mean of the other model
# least_ratio: the least of all others over one
# exact: a count, or an influence that must not be; needs neither seeds nor real data
Kind = Literal["difference", "distance", "length", "deviation", "ratio", "least_ratio", "exact"]

# above, below: the whole interval over seeds lies there
# within: the mean is at most the limit
# equal, at_most: each value equals the limit, or is at most that
Direction = Literal["above", "below", "within", "equal", "at_most"]

PATH = Path(__file__).with_name("checks.csv")
CLOSED = {"role": Role, "kind": Kind, "direction": Direction, "report": Report}
SEVERAL = ("ours", "other", "share", "classifier", "regressor")


@dataclass(frozen=True, kw_only=True)
class Check:
    """A row of `checks.csv`; the fields are its columns, as text but for the limit."""

    claim: str
    role: Role
    kind: Kind
    dataset: str
    without: str
    table: str
    ours: tuple[str, ...]
    other: tuple[str, ...]
    by: str
    metric: str
    share: tuple[str, ...]
    classifier: tuple[str, ...]
    train: str
    regressor: tuple[str, ...]
    ablation: str
    length: str
    limit: float
    direction: Direction
    report: Report

    def asks(self, dataset: str) -> bool:
        """Return whether the check is about a data set."""
        return self.dataset in ("*", dataset) and dataset != self.without

    def datasets(self, tables: lookup.Tables) -> list[str]:
        """Return the data sets that are judged: the one that is named, or those of the table."""
        if self.dataset != "*":
            return [self.dataset]
        return [name for name in lookup.datasets_of(tables, self.table) if self.asks(name)]

    def places(self, dataset: str) -> Iterator[Place]:
        """Yield each place of the table (column: value) at which an endpoint compares its sides."""
        for share, classifier in product(self.share, self.classifier):
            yield lookup.score_at(self.metric, float(share), classifier, dataset)
        if self.share:
            return
        place: Place = {"dataset": dataset}
        if self.ablation:
            place["ablation"] = self.ablation
        place["metric"] = self.metric
        if self.train:
            place["train"] = self.train
        for regressor in self.regressor:
            yield place | {"regressor": regressor}
        if not self.regressor:
            yield place


@cache
def load(path: Path = PATH) -> tuple[Check, ...]:
    """Return the checks of a file.

    Raises
    ------
    DataError
        Where a column is missing or unknown, or a cell holds none of the values that it may hold.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    expected = list(Check.__dataclass_fields__)
    if list(rows.columns) != expected:
        raise DataError(f"{path.name}: the columns must be {', '.join(expected)}.")
    records = rows.to_dict("records")
    return tuple(_check(row, f"{path.name}, line {n}") for n, row in enumerate(records, start=2))


def _check(row: Mapping[Any, str], place: str) -> Check:
    """Return a row of the file as a Check."""
    for column, choices in CLOSED.items():
        if row[column] not in get_args(choices):
            names = ", ".join(get_args(choices))
            raise DataError(f"{place}: {column} is {row[column]!r}, it must be one of {names}.")
    fields: dict[str, Any] = {str(column): cell for column, cell in row.items()}
    for column in SEVERAL:
        fields[column] = tuple(row[column].split())
    try:
        fields["limit"] = float(row["limit"])
    except ValueError:
        raise DataError(f"{place}: limit is {row['limit']!r}, it must be a number.") from None
    return Check(**fields)


def endpoints(claim: str | None = None) -> list[Check]:
    """Return the checks that the verdicts read, of one claim or of all."""
    return [c for c in load() if c.role == "endpoint" and claim in (None, c.claim)]


def bootstrap_plan(
    table: str, dataset: str, grid: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any]]:
    """Return what the paired bootstrap beside a table tests, a mapping a difference.

    Parameters
    ----------
    table
        06-classification or 07-regression.
    dataset
        Key of the data set.
    grid
        The values of metric, share, classifier and regressor that the table has, by column; each
        combination that some check of two models covers is tested.

    Returns
    -------
    list of dict
        Keys claim (the family of Holm's adjustment), ours, other, limit, train where the checks
        name it, and those of `grid`.
    """
    groups: dict[tuple[Any, ...], list[Check]] = {}
    for check in load():
        if check.table == table and check.kind == "difference" and check.asks(dataset):
            (ours,) = check.ours
            (other,) = check.other
            group = (check.claim, ours, other, check.train, check.limit)
            groups.setdefault(group, []).append(check)
    plan = []
    for (claim, ours, other, train, limit), members in groups.items():
        for values in product(*grid.values()):
            cell = dict(zip(grid, values, strict=True))
            if any(_covers(check, cell) for check in members):
                pair = {"claim": claim, "ours": ours, "other": other, "limit": limit}
                plan.append(pair | ({"train": train} if train else {}) | cell)
    return plan


def _covers(check: Check, cell: Mapping[str, Any]) -> bool:
    """Return whether a check asks for a cell of the table."""
    for column, value in cell.items():
        text = f"{value:g}" if isinstance(value, float) else str(value)
        patterns = getattr(check, column)
        patterns = [patterns] if isinstance(patterns, str) else patterns
        if not any(fnmatchcase(text, pattern) for pattern in patterns):
            return False
    return True
