"""From tidy tables to the numbers that are judged: values by seed, differences, distances.

Tables come from memory or from a CSV; classes are names, also where a reader took them for
numbers. What a table lacks is said in words, never filled in.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

Tables = Mapping[str, pd.DataFrame]  # tidy tables by name, "06-classification", ...
Place = dict[str, Any]  # column: the value that a row must have there; None: any value

WHOLE = "all"  # the label of rows over all classes
BOOTSTRAPS = {"06-classification": "06-differences", "07-regression": "07-differences"}


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
    """Return the data sets of a table; GCUT where it was not written."""
    return list(tables[name]["dataset"].unique()) if name in tables else ["gcut"]


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
