"""The checks of every claim and their rules: `checks.csv`, one row a group of like checks.

The verdicts (`tst.study.claims`) and the paired bootstrap of notebooks 06 and 07 read the same
rows, so that each difference that a verdict looks up has been tested, with the same limit. The
margins were set by how often each rule errs on sets of known quality, made of real series alone
(notebook 17), before a generator's table was read with them.

Columns of `checks.csv`; a cell may hold several values between blanks:

==========================  =======================================================================
claim                       id of the claim, or `ours`: TST (ours) against real data and DG
role                        endpoint: decides the claim, all of its endpoints together;
                            control: judged alike and shown beside the endpoint, decides nothing;
                            supporting: judged alike and reported, decides nothing
kind                        what is computed, see `Kind`
dataset                     the data sets that are asked; no_data: it hangs on none
table                       the tidy table that has the values
ours, other                 the two sides, of several the better; a difference is ours - other
by                          the column that tells the sides apart
metric ... length           where in the table, empty where the table has no such column; f1_*
                            stands for every class
limit, margin, direction    where the value must lie for the claim to hold, see `Direction`
unit                        of the value, the limit and the margin
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
from tst.evaluation.bootstrap import Difference
from tst.evaluation.nulls import LEVEL
from tst.evaluation.ragged import ALL
from tst.study.decisions import Region, Scale

Tables = Mapping[str, pd.DataFrame]  # tidy tables by name, "06-classification", ...
Place = dict[str, Any]  # column: the value that a row must have there; None: any value

BOOTSTRAPS = {"06-classification": "06-differences", "07-regression": "07-differences"}

Role = Literal["endpoint", "control", "supporting"]

# difference: ours - other, paired by seed, with the paired bootstrap where the table has one
# over_null: a distance from real series over the 95 % quantile of many pairs of real halves
# distance: over that between two halves of the real data, of one split
# length: KS distance of lengths in each class, over the 95 % quantile between random real halves
# deviation: of a ratio from 1
# least_ratio: the least of all others over one
# exact: a count, or an influence that must not be; needs neither seeds nor real data
Kind = Literal["difference", "over_null", "distance", "length", "deviation", "least_ratio", "exact"]
ON_LOG_SCALE = ("over_null", "distance", "length")  # ratios
WITHOUT_CHANCE = ("least_ratio", "exact")  # one measurement says it

# above: above limit - margin; below: below limit + margin; within: not farther from the limit than
# the margin; equal, at_most: each value equals the limit, or is at most that
Direction = Literal["above", "below", "within", "equal", "at_most"]

PATH = Path(__file__).with_name("checks.csv")
CLOSED = {"role": Role, "kind": Kind, "direction": Direction}
NULLS = "17-nulls"  # the table of distances between many pairs of real halves
NO_DATA = "no_data"  # stands for the data set of a check of the architecture
SEVERAL = ("dataset", "ours", "other", "share", "classifier", "regressor")
NUMBERS = ("limit", "margin")


@dataclass(frozen=True, kw_only=True)
class Check:
    """A row of `checks.csv`; the fields are its columns, as text but for limit and margin."""

    claim: str
    role: Role
    kind: Kind
    dataset: tuple[str, ...]
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
    margin: float
    direction: Direction
    unit: str

    @property
    def region(self) -> Region:
        """Where the value must lie."""
        return region_of(self.direction, self.limit, self.margin)

    @property
    def end(self) -> float:
        """The end of the region that the paired bootstrap tests: the first that is finite."""
        return next(filter(np.isfinite, self.region))

    @property
    def pair(self) -> str:
        """The two models of a difference, as the bootstrap's tables name them; else empty."""
        if self.kind != "difference" or self.by != "model":
            return ""
        return f"{' '.join(self.ours)} - {' '.join(self.other)}"

    @property
    def scale(self) -> Scale:
        """The scale on which the values are judged."""
        return "log" if self.kind in ON_LOG_SCALE else "linear"

    def datasets(self, tables: Tables) -> list[str]:
        """Return the data sets that are judged: of those asked for, what the study ran on.

        Where that is none, the first stands for it: its row says what is missing.
        """
        known = {NO_DATA} | {name for rows in tables.values() for name in _datasets_of(rows)}
        return [name for name in self.dataset if name in known] or [self.dataset[0]]

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

    def covers(self, cell: Mapping[str, Any]) -> bool:
        """Return whether the check asks for a cell of a table, a mapping of column and value."""
        for column, value in cell.items():
            text = f"{value:g}" if isinstance(value, float) else str(value)
            patterns = getattr(self, column)
            patterns = [patterns] if isinstance(patterns, str) else patterns
            if not any(fnmatchcase(text, pattern) for pattern in patterns):
                return False
        return True


def region_of(direction: Direction, limit: float, margin: float) -> Region:
    """Return where a value must lie."""
    lowest = -np.inf if direction in ("below", "at_most") else limit - margin
    highest = np.inf if direction == "above" else limit + margin
    return lowest, highest


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
    for column in NUMBERS:
        try:
            fields[column] = float(row[column])
        except ValueError:
            message = f"{place}: {column} is {row[column]!r}, it must be a number."
            raise DataError(message) from None
    return Check(**fields)


def of_claim(claim: str | None = None, role: Role | None = None) -> list[Check]:
    """Return the checks of one claim or of all, of one role or of both."""
    return [c for c in load() if claim in (None, c.claim) and role in (None, c.role)]


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
        Keys claim, ours, other, limit (the end of the check's region), train where the checks name
        it, and those of `grid`.
    """
    groups: dict[tuple[Any, ...], list[Check]] = {}
    for check in load():
        is_compared = check.table == table and check.kind == "difference"
        if is_compared and dataset in check.dataset:
            (ours,) = check.ours
            (other,) = check.other
            group = (check.claim, ours, other, check.train, check.end)
            groups.setdefault(group, []).append(check)
    plan = []
    for (claim, ours, other, train, limit), members in groups.items():
        for values in product(*grid.values()):
            cell = dict(zip(grid, values, strict=True))
            if any(check.covers(cell) for check in members):
                pair = {"claim": claim, "ours": ours, "other": other, "limit": limit}
                plan.append(pair | ({"train": train} if train else {}) | cell)
    return plan


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


def resampled(
    tables: Tables, name: str, claim: str, place: Place, pair: tuple[str, str]
) -> Difference | None:
    """Return a difference as the bootstrap table beside table `name` has it; None without a row.

    The limit that its p tests is that of the check, see `bootstrap_plan`.

    Parameters
    ----------
    place
        Its dataset, metric, share, classifier, train and regressor say which row is meant.
    pair
        Keys of the two models.
    """
    rows = tables.get(BOOTSTRAPS[name])
    if rows is None:
        return None
    columns = ("dataset", "metric", "share", "classifier", "train", "regressor")
    conditions = {c: place[c] for c in columns if c in place and c in rows}
    conditions |= {"claim": claim, "model": " - ".join(pair)}
    rows = _rows_at(rows, conditions)
    if not len(rows):
        return None
    first = rows.iloc[0]
    return Difference(*(float(first[field]) for field in Difference._fields))


def null_quantile(tables: Tables, dataset: str, metric: str) -> tuple[float, str]:
    """Return (the 95 % quantile of a distance between real halves, why there is none)."""
    rows = tables.get(NULLS)
    if rows is None:
        return np.nan, f"table {NULLS} has not been written"
    rows = _rows_at(rows, {"dataset": dataset, "metric": metric, "level": LEVEL})
    if not len(rows):
        return np.nan, f"table {NULLS} has no {metric} of {dataset}"
    value = float(rows["value"].iloc[0])
    return value, "" if value > 0 else f"real halves of {dataset} do not differ in {metric}"


def metrics_of(tables: Tables, check: Check, dataset: str) -> list[str]:
    """Return the metrics of a table that a check's pattern stands for; itself without a table."""
    rows = tables.get(check.table)
    if "*" not in check.metric or rows is None:
        return [check.metric]
    there = rows.loc[rows["dataset"] == dataset, "metric"].unique()
    found = sorted(metric for metric in there if fnmatchcase(metric, check.metric))
    return found or [check.metric]


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


def _datasets_of(rows: pd.DataFrame) -> set[str]:
    return set(rows["dataset"].unique()) if "dataset" in rows else set()


def classes_of(tables: Tables, name: str, dataset: str) -> list[str]:
    """Return the classes that a table has of a data set, without the rows over all of them."""
    if name not in tables:
        return []
    labels = tables[name].loc[tables[name]["dataset"] == dataset, "label"].dropna().unique()
    return [label for label in labels if label != ALL]


def origin_of(tables: Tables, dataset: str) -> str:
    """Return the origin of a data set as the tables have it; simulated, the weakest, by default."""
    for rows in tables.values():
        if "dataset" in rows and (rows["dataset"] == dataset).any():
            return str(rows.loc[rows["dataset"] == dataset, "origin"].iloc[0])
    return "simulated"
