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

import numpy as np
import pandas as pd

from tst.errors import DataError

Tables = Mapping[str, pd.DataFrame]  # tidy tables by name, "06-classification", ...
Place = dict[str, Any]  # column: the value that a row must have there; None: any value

WHOLE = "all"  # the label of rows over all classes
BOOTSTRAPS = {"06-classification": "06-differences", "07-regression": "07-differences"}

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
PAPERS_FIRST = "gcut"  # of the paper's data sets, the one that all its claims but C3 are about
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

    def datasets(self, tables: Tables) -> list[str]:
        """Return the data sets that are judged: the one that is named, or those of the table.

        Where the table has none that the check asks for, the paper's first stands for it: its row
        says what is missing.
        """
        if self.dataset != "*":
            return [self.dataset]
        asked = [name for name in datasets_of(tables, self.table) if self.asks(name)]
        return asked or [PAPERS_FIRST]

    def places(self, dataset: str) -> Iterator[Place]:
        """Yield each place of the table (column: value) at which an endpoint compares its sides."""
        for share, classifier in product(self.share, self.classifier):
            yield score_at(self.metric, float(share), classifier, dataset)
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


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose labels are text.

    113812204462.0, as a reader of CSV may have it, is the class 113812204462.
    """
    if "label" not in frame or not pd.api.types.is_numeric_dtype(frame["label"]):
        return frame
    return frame.assign(label=[np.nan if pd.isna(v) else f"{v:.0f}" for v in frame["label"]])


def score_at(
    metric: str, share: float = 0, classifier: str = "mlp", dataset: str = "gcut"
) -> Place:
    """Return where table 06-classification has a score of a synthetic set.

    Parameters
    ----------
    share
        Real series added to the synthetic ones, as a share of the real training set.
    """
    place: Place = {"dataset": dataset, "metric": metric, "classifier": classifier}
    place["share"] = float(share)
    place["train"] = "synthetic+real" if share else "synthetic"
    return place


def at_model(place: Place, model: str) -> Place:
    """Return where a table has a model's score; that of model `real` is one for all shares."""
    if model == "real":
        return place | {"model": "real", "train": "real", "share": None}
    return place | {"model": model}


def by_seed(tables: Tables, name: str, place: Place) -> tuple[pd.Series, str]:
    """Return (mean value of the rows at a place by seed, the reason where there is none)."""
    conditions = {column: value for column, value in place.items() if value is not None}
    nothing = pd.Series(dtype=float)
    rows = tables.get(name)
    if rows is None:
        return nothing, f"table {name} has not been written"
    for column in conditions:
        if column not in rows:
            return nothing, f"table {name} has no column {column}"
    rows = _rows_at(rows, conditions).dropna(subset=["value"])
    reason = ""
    if not len(rows):
        words = ", ".join(f"{column} = {value}" for column, value in conditions.items())
        reason = f"table {name} has no rows with {words}"
    return rows.groupby("seed")["value"].mean(), reason


def best_by_seed(tables: Tables, name: str, places: Sequence[Place]) -> tuple[pd.Series, str]:
    """Return (the largest of the values at several places by seed, why one is missing)."""
    columns = []
    reasons = []
    for place in places:
        values, reason = by_seed(tables, name, place)
        columns.append(values)
        reasons.append(reason)
    best = pd.concat(columns, axis=1).dropna().max(axis=1)
    return best, next(filter(None, reasons), "")


def difference(
    tables: Tables, name: str, ours: Sequence[Place], other: Sequence[Place]
) -> tuple[np.ndarray, str]:
    """Return (ours - other on the seeds that both have, the reason where there is none).

    Parameters
    ----------
    ours, other
        Places of table `name`; of several the largest value counts, seed by seed.
    """
    our_values, our_reason = best_by_seed(tables, name, ours)
    other_values, other_reason = best_by_seed(tables, name, other)
    gap = (our_values - other_values).dropna()
    reason = our_reason or other_reason
    if not reason and not len(gap):
        reason = f"no seed in table {name} has both models"
    return gap.to_numpy(), reason


def bootstrap_p(
    tables: Tables, name: str, claim: str, place: Place, pair: tuple[str, str]
) -> float:
    """Return Holm's p of a difference from the bootstrap table beside table `name`.

    NaN where that table has no such row. The limit that the row tests is that of the check, see
    `tst.study.checks.bootstrap_plan`.

    Parameters
    ----------
    claim
        The family of Holm's adjustment.
    place
        Its dataset, metric, share, classifier and regressor say which row is meant.
    pair
        Keys of the two models.
    """
    columns = ("dataset", "metric", "share", "classifier", "regressor")
    conditions = {column: place[column] for column in columns if column in place}
    conditions |= {"claim": claim, "model": " - ".join(pair)}
    rows = tables.get(BOOTSTRAPS[name])
    if rows is None or not {*conditions} <= {*rows}:
        return np.nan
    rows = _rows_at(rows, conditions)
    return float(rows["p_holm"].iloc[0]) if len(rows) else np.nan


def _rows_at(rows: pd.DataFrame, conditions: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows in which each column has the value that is asked."""
    chosen = np.ones(len(rows), dtype=bool)
    for column, value in conditions.items():
        chosen &= (rows[column] == value).to_numpy()
    return rows[chosen]


def over_floor(tables: Tables, name: str, place: Place) -> tuple[np.ndarray, str]:
    """Return (a model's distances over the mean of model `real_floor`, why there is none)."""
    values, reason = by_seed(tables, name, place)
    floor, floor_reason = by_seed(tables, name, place | {"model": "real_floor"})
    reason = reason or floor_reason
    if not reason and floor.mean() == 0:
        reason = "the real-versus-real floor is 0"
    if reason:
        return np.array([]), reason
    return (values / floor.mean()).to_numpy(), ""


def datasets_of(tables: Tables, name: str) -> list[str]:
    """Return the data sets of a table; none where it was not written."""
    return list(tables[name]["dataset"].unique()) if name in tables else []


def classes_of(tables: Tables, name: str, dataset: str) -> list[str]:
    """Return the classes that a table has of a data set, without the rows over all of them."""
    if name not in tables:
        return []
    labels = tables[name].loc[tables[name]["dataset"] == dataset, "label"].dropna().unique()
    return [label for label in labels if label != WHOLE]


def origin_of(tables: Tables, dataset: str) -> str:
    """Return the origin of a data set as the tables have it; simulated, the weakest, by default."""
    for rows in tables.values():
        if "dataset" in rows and (rows["dataset"] == dataset).any():
            return str(rows.loc[rows["dataset"] == dataset, "origin"].iloc[0])
    return "simulated"
