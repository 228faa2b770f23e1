"""From tidy tables to the numbers that a rule judges: values by seed, paired differences, distances over a floor.

Tables come from memory or from a CSV; classes are names, also where a reader took them for numbers. What a table lacks is
said in words, never filled in.
"""

import numpy as np
import pandas as pd
from scipy import stats

WHOLE = "all"  # the label of rows over all classes
BOOTSTRAPS = {"06-classification": "06-differences", "07-regression": "07-differences"}


def interval(values, level=0.95):
    """Return (mean, low, high) of the t-interval over seeds; low and high are NaN for one value, all for none."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return np.nan, np.nan, np.nan
    mean = values.mean()
    half = (
        stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    )
    return float(mean), float(mean - half), float(mean + half)


def named(frame):
    """Return a table whose labels are text: 113812204462.0, as a reader of CSV may have it, is the class 113812204462."""
    if "label" not in frame or not pd.api.types.is_numeric_dtype(frame["label"]):
        return frame
    return frame.assign(label=[np.nan if pd.isna(v) else f"{v:.0f}" for v in frame["label"]])


def by_seed(tables, name, where):
    """Return (values by seed, reason): the mean of the rows of table `name` that match `where`, or why there is none."""
    wanted = {k: v for k, v in where.items() if v is not None}
    rows = tables.get(name)
    if rows is None:
        return pd.Series(dtype=float), f"table {name} has not been written"
    if missing := [column for column in wanted if column not in rows]:
        return pd.Series(dtype=float), f"table {name} has no column {missing[0]}"
    rows, words = (
        _at(rows, wanted).dropna(subset=["value"]),
        ", ".join(f"{k} = {v}" for k, v in wanted.items()),
    )
    return rows.groupby("seed")["value"].mean(), "" if len(
        rows
    ) else f"table {name} has no rows with {words}"


def difference(tables, name, ours, other):
    """Return (ours - other on the seeds both have, reason why there is none); `ours` and `other` as in `by_seed`."""
    (a, why_a), (b, why_b) = by_seed(tables, name, ours), by_seed(tables, name, other)
    gap = (a - b).dropna()
    return gap.to_numpy(), why_a or why_b or (
        "" if len(gap) else f"no seed in table {name} has both models"
    )


def bootstrap_p(tables, name, claim, where, pair):
    """Return Holm's p of a difference from the bootstrap table beside table `name`; NaN where it has no such row.

    `pair` names the two models; metric, share, classifier and regressor of `where` say which row of the claim is meant.
    The limit that the row tests is the claim's, by `tst.study.comparisons`.
    """
    rows = tables.get(BOOTSTRAPS[name])
    wanted = {
        k: where[k] for k in ("dataset", "metric", "share", "classifier", "regressor") if k in where
    }
    wanted |= {"claim": claim, "model": " - ".join(pair)}
    if rows is None or not {*wanted} <= {*rows}:
        return np.nan
    rows = _at(rows, wanted)
    return float(rows["p_holm"].iloc[0]) if len(rows) else np.nan


def _at(rows, wanted):
    """Return the rows in which each column of `wanted` has its value."""
    chosen = np.ones(len(rows), dtype=bool)
    for column, value in wanted.items():
        chosen &= (rows[column] == value).to_numpy()
    return rows[chosen]


def over_floor(tables, name, ours):
    """Return (distance of `ours` over the mean of model real_floor at the same place, reason why there is none)."""
    values, why = by_seed(tables, name, ours)
    floor, why_floor = by_seed(tables, name, ours | {"model": "real_floor"})
    if why or why_floor or floor.mean() == 0:
        return np.array([]), why or why_floor or "the real-versus-real floor is 0"
    return (values / floor.mean()).to_numpy(), ""


def datasets_of(tables, name):
    """Return the data sets of a table; GCUT where it was not written."""
    return list(tables[name]["dataset"].unique()) if name in tables else ["gcut"]


def classes_of(tables, name, dataset):
    """Return the classes that a table has of a data set, without the rows over all of them."""
    if name not in tables:
        return []
    found = tables[name].loc[tables[name]["dataset"] == dataset, "label"].dropna().unique()
    return [label for label in found if label != WHOLE]


def origin_of(tables, dataset):
    """Return the origin of a data set as the tables have it; simulated, the weakest, where none does."""
    for rows in tables.values():
        if "dataset" in rows and (rows["dataset"] == dataset).any():
            return rows.loc[rows["dataset"] == dataset, "origin"].iloc[0]
    return "simulated"
