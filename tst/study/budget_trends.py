"""What a sweep over budgets says of the verdicts (table 18-budget): sides of limits, and trends."""

import math
from typing import Any

import numpy as np
import pandas as pd

from tst.evaluation.extrapolation import extrapolate
from tst.study import checks
from tst.study.budget import STATISTICS
from tst.study.checks import Check, Tables
from tst.study.report import markdown
from tst.vocabulary import metric_label, model_label

AHEAD = {"stays": "the same side", "turns": "the other side", "open": "either side"}


def ahead(table: pd.DataFrame, at: float) -> pd.DataFrame:
    """Return where each line of the table would stand at `at` times 1x (`extrapolate`).

    Parameters
    ----------
    table
        Rows of one data set: model, size, multiple, n_steps, seed, metric, value.

    Returns
    -------
    DataFrame
        Columns model, size, metric, n_points, n_steps, value, low, high; lines of fewer than three
        points are left out.
    """
    rows = []
    scored = table.dropna(subset=["multiple", "value"])
    for key, line in scored.groupby(["model", "size", "metric"], sort=False):
        n_steps = at * float((line["n_steps"] / line["multiple"]).mean())
        value, low, high = _trend(line, n_steps, key[-1] in STATISTICS)
        if not math.isnan(value):
            facts = dict(zip(("model", "size", "metric"), key, strict=True))
            facts |= {"n_points": len(line), "n_steps": n_steps}
            rows.append(facts | {"value": value, "low": low, "high": high})
    columns = ["model", "size", "metric", "n_points", "n_steps", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _trend(line: pd.DataFrame, n_steps: float, on_log_scale: bool) -> tuple[float, float, float]:
    """Return where a line would stand at a number of steps, with its interval (`extrapolate`).

    Distances, which lie above zero, are read on the log scale, as the verdicts judge them.
    """
    values = line["value"].to_numpy(np.float64)
    if not (on_log_scale and values.min() > 0):
        return extrapolate(line["n_steps"].array, values, n_steps)
    value, low, high = np.exp(extrapolate(line["n_steps"].array, np.log(values), n_steps))
    return float(value), float(low), float(high)


def judged(table: pd.DataFrame, nulls: Tables, at: float) -> pd.DataFrame:
    """Return on which side of its limit each endpoint lies at each budget, and further on.

    An endpoint is read as the verdicts read it (`checks.csv`), but for the random seeds: a budget
    has few of them, so that the side is that of their mean, without an interval.

    Parameters
    ----------
    table
        Rows of one data set: dataset, model, size, multiple, n_steps, seed, metric, value.
    nulls
        Has table 17-nulls: what distances are divided by. Without it none is judged.
    at
        Times 1x at which the line of the size with most budgets is read (`extrapolate`).

    Returns
    -------
    DataFrame
        Columns claim; endpoint: what is compared and where it must lie, in words; least and most:
        times 1x, the smallest and the largest budget of the size with most budgets; first and last:
        the values there; holds: at how many of all budgets the value lies where it must; value,
        low, high: further on, NaN with fewer than three budgets; moves: whether the side changes
        between budgets; ahead: stays, turns or open, by where the interval lies.
    """
    rows = []
    for check in checks.of_claim(role="endpoint"):
        line = _line(check, table, nulls)
        if len(line):
            facts = {"claim": check.claim, "endpoint": _in_words(check)}
            rows.append(facts | _sides(check, line, at))
    numbers = ["least", "most", "first", "last", "holds", "budgets", "value", "low", "high"]
    return pd.DataFrame(rows, columns=["claim", "endpoint", *numbers, "moves", "ahead"])


def sentence(row: Any, at: float) -> str:
    """Return a row of `judged` in words; `at` is that of `judged`."""
    text = f"{row.claim}, {row.endpoint}: {row.first:.3g} at {row.least:g}x, {row.last:.3g} at"
    text += f" {row.most:g}x; so at {row.holds} of {row.budgets} budgets"
    if math.isnan(row.value):
        return f"{text}."
    trend = f"at {at:g}x by its trend {row.value:.3g} [{row.low:.3g}, {row.high:.3g}]"
    return f"{text}; {trend}: {AHEAD[row.ahead]}."


def limits(table: pd.DataFrame, nulls: Tables) -> dict[str, float]:
    """Return by metric up to where a distance lies in its claim's region, in the metric's unit."""
    (dataset,) = table["dataset"].unique()
    found = {}
    for check in checks.of_claim(role="endpoint"):
        quantile, reason = checks.null_quantile(nulls, dataset, check.metric)
        if check.kind == "over_null" and not reason:
            found[check.metric] = check.end * quantile
    return found


def in_markdown(judgement: pd.DataFrame) -> str:
    """Return the rows of `judged` as a Markdown table."""
    rows = []
    for row in judgement.itertuples():
        first, last, *trend = map(
            markdown.number, (row.first, row.last, row.value, row.low, row.high)
        )
        ends = [f"{first} ({row.least:g}x)", f"{last} ({row.most:g}x)"]
        holds = f"{row.holds} of {row.budgets} budgets"
        further = "{} [{}, {}], ".format(*trend) + AHEAD[row.ahead]
        rows.append([row.claim, row.endpoint, *ends, holds, further if trend[0] else ""])
    columns = ["claim", "endpoint", "first", "last", "so at", "further, by its trend"]
    return markdown.table(columns, rows)


def _line(check: Check, table: pd.DataFrame, nulls: Tables) -> pd.DataFrame:
    """Return an endpoint at each budget: size, multiple, seed, n_steps, value; none: not there."""
    nothing = pd.DataFrame()
    (dataset,) = table["dataset"].unique()
    rows = table[table["metric"] == check.metric].dropna(subset=["value"])
    models = [*check.ours, *check.other]
    if dataset not in check.dataset or not set(models) <= set(rows["model"]):
        return nothing
    budget = ["size", "multiple", "seed"]
    one, *others = (rows[rows["model"] == model].set_index(budget) for model in models)
    if check.kind == "over_null":
        quantile, reason = checks.null_quantile(nulls, dataset, check.metric)
        if reason:
            return nothing
        values = one["value"] / quantile
    else:
        values = one["value"] - others[0]["value"]
    return one[["n_steps"]].assign(value=values).dropna().reset_index()


def _in_words(check: Check) -> str:
    """Return what an endpoint compares with what, and where it must lie."""
    sides = " - ".join(model_label(model) for model in (*check.ours, *check.other))
    unit = f" in {check.unit}s" if check.kind == "over_null" else ""
    return f"{sides}, {metric_label(check.metric)}{unit}, {check.direction} {check.end:g}"


def _sides(check: Check, line: pd.DataFrame, at: float) -> dict[str, Any]:
    """Return on which side of the limit the budgets lie, and the trend of the first size."""
    lowest, highest = check.region
    mean = line.groupby(["size", "multiple"], sort=False)["value"].mean()
    holds = mean.between(lowest, highest)
    widest = line.groupby("size", sort=False)["multiple"].nunique().idxmax()
    of_size = mean[widest].sort_index()
    part = line[line["size"] == widest]
    base = float((part["n_steps"] / part["multiple"]).mean())
    value, low, high = _trend(part, at * base, check.scale == "log")
    starts_in = lowest <= of_size.iloc[0] <= highest
    ends_in, ends_out = lowest <= low and high <= highest, high < lowest or low > highest
    ahead = "open"
    if ends_in or ends_out:
        ahead = "stays" if ends_in == starts_in else "turns"
    facts: dict[str, Any] = {"least": of_size.index[0], "most": of_size.index[-1]}
    facts |= {"first": of_size.iloc[0], "last": of_size.iloc[-1]}
    facts |= {"holds": int(holds.sum()), "budgets": len(holds)}
    facts |= {"value": value, "low": low, "high": high}
    return facts | {"moves": bool(holds.nunique() > 1), "ahead": ahead}
