"""The paper's weak points W1 to W9, found before any result, each with a rule that decides it from the tidy tables.

Found in the author's copy and notebooks (see `weak_points.csv`). "confirmed" means that the weakness is there and matters
by the limit written beside the rule; the limits were fixed with the rules.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from tst.study import claims

VERDICTS = ("confirmed", "not confirmed", "avoided here", "not testable here")
POINTS = pd.read_csv(Path(__file__).parent / "weak_points.csv").set_index("point")
COLUMNS = "point dataset origin value low high n_seeds verdict sentence".split()
AUTHOR_CLASSES = (
    3125,
    8062,
    10636,
    2639,
)  # series of the author's GCUT training set, by class; from the notebooks
COPIED_LIMIT = 0.1  # W1: share of the steps
SMALLEST_CLAIM = 0.003  # W5: the smallest difference that the paper rests on
OTHERS = claims.CLASSIFIERS[1:]
WWT_MLP = claims.WWT | {"regressor": "mlp_1"}


def accuracy_bounds(f1, classes):
    """Return (least, largest) accuracy that F1 scores allow, whatever the predictions.

    With class shares p and predicted shares m (unknown, sum 1) true positives are f1 (p + m) / 2, each at most p and m;
    accuracy is their sum: a linear programme in m.
    """
    f1, p = np.asarray(f1, float), np.asarray(classes, float) / np.sum(classes)
    upper = np.concatenate([np.diag(f1 / 2), np.diag(f1 / 2 - 1)])  # TP <= p and TP <= m
    limit = np.concatenate([p - f1 * p / 2, -f1 * p / 2])
    solve = {"A_ub": upper, "b_ub": limit, "A_eq": np.ones((1, len(p))), "b_eq": [1.0]}
    found = [linprog(sign * f1 / 2, **solve) for sign in (1, -1)]
    if not all(f.success for f in found):
        return np.nan, np.nan
    return tuple(float(f1 @ (p + f.x) / 2) for f in found)


def judge(tables):
    """Return a row a weak point (columns COLUMNS), from the tidy frames in `tables`; any may be absent."""
    rows = [rule(tables) for rule in (_w1, _w2, _w3, _w4, _w5, _w6, _w7, _w8, _w9)]
    return pd.DataFrame(rows)[COLUMNS]


def _row(point, tables, dataset, values, decide, told, why=""):
    """Judge by `decide(mean, low, high)`; `told` is the sentence with {value}."""
    mean, low, high = claims.interval(values)
    row = {"point": point, "dataset": dataset, "origin": claims.origin_of(tables, dataset)}
    row |= {"value": mean, "low": low, "high": high, "n_seeds": len(values)}
    if not len(values):
        return row | {
            "verdict": "not testable here",
            "sentence": f"not testable here, because {why}.",
        }
    bounds = "" if np.isnan(low) else f" [{low:.3g}, {high:.3g}]"
    result = "confirmed" if decide(mean, low, high) else "not confirmed"
    return row | {
        "verdict": result,
        "sentence": f"{told.format(value=f'{mean:.3g}{bounds}')}: {result}.",
    }


def _w1(tables):
    values, why = claims.by_seed(tables, "04-generate", _at("gcut", "copied_share"))
    told = f"{{value}} of the steps of TST's set are real seed steps (limit {COPIED_LIMIT:g})"
    return _row(
        "W1", tables, "gcut", values, lambda m, low, high: _end(low, m) > COPIED_LIMIT, told, why
    )


def _w2(tables):
    values, why = claims.by_seed(tables, "04-generate", _at("gcut", "real_two_step_share"))
    told = "{value} of the real donors have two steps, which no generated series can have"
    return _row("W2", tables, "gcut", values, lambda m, low, high: m > 0, told, why)


def _w3(tables):
    numbers = claims.paper_numbers().query("source == 'TST' and dataset == 'gcut'")
    fits = {}
    for model in ("tst_paper", "doppelganger"):
        mine = numbers[numbers["model"] == model]
        least, largest = accuracy_bounds(
            mine[mine["metric"].str.startswith("f1")]["value"], AUTHOR_CLASSES
        )
        bars = mine[mine["metric"] == "accuracy"].set_index("share")["value"]
        fits[model] = {f"{share:.0%}" for share, bar in bars.items() if least <= bar <= largest}
    both = len(fits["tst_paper"] & fits["doppelganger"])
    named = [", ".join(sorted(f, key=lambda t: float(t[:-1]))) or "none" for f in fits.values()]
    told = f"F1 bars and accuracy bars are compatible for TST with {named[0]} real data, for DG with {named[1]}: "
    told += "shares that fit both: {value}"
    return _row("W3", tables, "gcut", [both], lambda m, low, high: m == 0, told) | {
        "dataset": "the paper",
        "origin": "original",
    }


def _w4(tables):
    ours, other = (
        {**WWT_MLP, "model": m, "train": t}
        for m, t in (("tst_paper", "synthetic"), ("real", "real"))
    )
    values, why = claims.difference(tables, "07-regression", ours, other)
    told = "R2 of MLP-1 trained on TST's series alone, minus real alone: {value}; the paper leaves the row out"
    return _row("W4", tables, "wwt", values, lambda m, low, high: _end(high, m) < 0, told, why)


def _w5(tables):
    values, why = claims.by_seed(
        tables, "07-regression", {**WWT_MLP, "model": "tst_paper", "train": "synthetic+real"}
    )
    if len(values) < 2:
        return _row("W5", tables, "wwt", [], None, "", why or "one seed has no spread")
    told = f"standard deviation of R2 (MLP-1, TST + real) over {len(values)} seeds: {{value}}"
    told += f"; the paper rests on differences from {SMALLEST_CLAIM:g} up, from one run"
    return _row(
        "W5", tables, "wwt", [values.std(ddof=1)], lambda m, low, high: m > SMALLEST_CLAIM / 2, told
    )


def _w6(tables):
    found = {}
    for metric in ("r2", "r2_raw", "r2_flat", "r2_variance_weighted"):
        where = {**WWT_MLP, "model": "real", "train": "real", "metric": metric}
        found[metric], why = claims.by_seed(tables, "07-regression", where)
        if why:
            return _row("W6", tables, "wwt", [], None, "", why)
    spread = np.ptp(pd.DataFrame(found).to_numpy(), axis=1)
    told = "the same forecasts (real, MLP-1) differ by {value} in R2 between four definitions"
    return _row(
        "W6", tables, "wwt", spread, lambda m, low, high: _end(low, m) > SMALLEST_CLAIM, told, why
    )


def _w7(tables):
    gaps = {}
    for classifier in OTHERS:
        ours = {**claims.score_at("accuracy", 1, classifier), "model": "tst_paper"}
        real = {
            "dataset": "gcut",
            "metric": "accuracy",
            "classifier": classifier,
            "model": "real",
            "train": "real",
        }
        gaps[classifier], why = claims.difference(tables, "06-classification", ours, real)
        if why:
            return _row("W7", tables, "gcut", [], None, "", why)
    below = [c for c, gap in gaps.items() if claims.interval(gap)[2] < 0]
    told = f"accuracy of TST + real minus real, mean of the four other classifiers: {{value}}; below 0 with {len(below)} of 4"
    values = np.mean(list(gaps.values()), axis=0)
    return _row("W7", tables, "gcut", values, lambda m, low, high: len(below) == len(OTHERS), told)


def _w8(tables):
    row = _row("W8", tables, "gcut", [], None, "", "")
    told = "every generator's set has as many series as there are donors, and one setting and wall time a run: avoided here."
    return row | {"verdict": "avoided here", "sentence": told}


def _w9(tables):
    values, why = claims.by_seed(tables, "04-generate", _at("wwt", "repeat_difference"))
    told = "two samples from the same seed steps differ by {value} at most: the output has no randomness of its own"
    return _row("W9", tables, "wwt", values, lambda m, low, high: m == 0, told, why)


def _at(dataset, metric):
    return {"dataset": dataset, "model": "tst_paper", "metric": metric}


def _end(bound, mean):
    """Return the end of an interval, or the mean where one seed gives none."""
    return mean if np.isnan(bound) else bound
