"""The paper's numbers as data, t-intervals over seeds, and the rules that judge each claim, fixed before any result.

A rule takes the tidy tables of the notebooks and returns one row a check: a difference paired by seed must have its
whole 95 % interval above the limit, a distance its whole interval below; an interval that contains the limit counts
against the claim. Fewer than three seeds, or simulated data, allow "partly" at best. Numbers: arXiv 2506.07312 as read
from the author's copy and notebooks; DG's own protocol: arXiv 1909.13403, read off its figures by eye, +-0.01.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

VERDICTS = ("reproduced", "partly", "not reproduced", "not testable here")
COLUMNS = "claim source paper ours low high n_seeds dataset origin verdict sentence".split()
OVERALL = "all checks"
SHARES = (0, 0.01, 0.05, 0.1, 0.2, 0.5, 1)
CLASSIFIERS = ("mlp", "naive_bayes", "logistic_regression", "decision_tree", "svm")
REGRESSORS = ("mlp_1", "mlp_5", "linear", "kernel_ridge")
CONTROLS = ("seed_only", "seed_repeat", "bootstrap_copy")
FLOOR_FACTOR = 2  # two halves of the real data differ by the floor; up to twice that counts as kept
TOLERANCE = 0.01  # accuracy or R2 that "is enough" may lack
N_PARAMETERS = 12_635_659

# id: (the claim, what would count against it)
CLAIMS = {
    "C1": (
        "Trained on TST data, a GCUT classifier beats one trained on DG data at every share of real data.",
        "The interval of the difference over seeds contains 0 or is negative, or it holds for the MLP alone.",
    ),
    "C2": (
        "TST's F1 beats DG's and real data's in all four GCUT classes.",
        "At some share of real data the interval of a class's difference on real test data contains 0 or is negative.",
    ),
    "C3": (
        "TST + Real gives the best R2 on WWT with MLP-1 and MLP-5.",
        "The interval over seeds of the difference to Real, or to DG + Real, contains 0 or is negative.",
    ),
    "C4": (
        "TST keeps the correlations between measurements.",
        "The distance of Pearson matrices is more than twice that between two halves of the real data.",
    ),
    "C5": (
        "The architecture is as stated: 12,635,659 parameters, causal, padding without influence.",
        "Another count, or an output that changes with the future or with padded values.",
    ),
    "C6": (
        "The gain comes from what was generated, not from the two real seed steps and the donor's label.",
        "A control (seed only, seed repeated, bootstrap copy) reaches the same score.",
    ),
    "C7": (
        "A sigmoid or tanh output, matched to the normalisation, is enough for real-valued data.",
        "A head with a distribution beats both by more than 0.01.",
    ),
    "C8": (
        "The model works across data sets and lengths.",
        "On some data set, or beyond the training window, the ACF error is more than twice the real-versus-real floor.",
    ),
    "Q1": (
        "Open: learn the length distribution without flags.",
        "The KS distance of lengths in some class is more than twice the real-versus-real floor.",
    ),
    "Q2": (
        "Open: generate without a real seed.",
        "Seedless data score more than 0.01 below data that start from real steps.",
    ),
    "Q3": (
        "Open: handle all 2,500 steps in less memory.",
        "No other attention needs at most half the peak memory of full attention at 2,500 steps.",
    ),
}


def paper_numbers():
    """Return every number of the two papers as tidy rows.

    Returns
    -------
    DataFrame
        Columns source, claim, dataset, model, train, share, classifier, regressor, metric, value; a column that does
        not apply is NaN. `source` is TST, TST notebooks (synthetic data alone; the MLP-1 of TST, .71 to .81, is left
        out), or DG (its own protocol; R2 drawn below zero is left out).
    """
    return pd.read_csv(Path(__file__).with_name("paper.csv"))


def interval(values, level=0.95):
    """Return (mean, low, high) of the t-interval over seeds; low and high are NaN for one value, all for none."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return np.nan, np.nan, np.nan
    mean = values.mean()
    half = stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(mean), float(mean - half), float(mean + half)


def verdict(claim, source, paper, values, dataset, origin, rule=("above", 0), reason=""):
    """Judge one check and return its row: the columns of table 13-claims.

    Parameters
    ----------
    source
        What is compared, in words; stands in the sentence.
    paper
        The paper's value, or NaN where it gives none.
    values
        Our values, one a seed; empty where the rows needed are missing, which `reason` then names.
    rule
        ("above", limit) or ("below", limit): the whole interval over seeds lies there. ("exactly", limit): each value
        equals it; ("measured", limit): each value is at most that. The last two ask neither for seeds nor real data.
    """
    ours, low, high = interval(values)
    result = _decide(rule, ours, low, high, values, origin)
    row = dict(claim=claim, source=source, paper=paper, ours=ours, low=low, high=high, n_seeds=len(values))
    row |= dict(dataset=dataset, origin=origin, verdict=result)
    return row | {"sentence": _sentence(row, reason)}


def _decide(rule, ours, low, high, values, origin):
    kind, limit = rule
    if np.isnan(ours):
        return "not testable here"
    if kind in ("exactly", "measured"):
        good = all(v == limit if kind == "exactly" else v <= limit for v in values)
        return "reproduced" if good else "not reproduced"
    sign = 1 if kind == "above" else -1
    end = low if kind == "above" else high
    worst = ours if np.isnan(end) else end
    if sign * worst <= sign * limit:
        return "not reproduced"
    return "partly" if len(values) < 3 or origin == "simulated" else "reproduced"


def _sentence(row, reason):
    simulated = ", on simulated series" if row["origin"] == "simulated" else ""
    if row["n_seeds"] == 0:
        return f"{row['source']} ({row['dataset']}{simulated}): *not testable here*, because {reason}."
    paper = "the paper gives no number" if np.isnan(row["paper"]) else f"the paper reports {_text(row['paper'])}"
    bounds = "" if np.isnan(row["low"]) else f" [{_text(row['low'])}, {_text(row['high'])}]"
    seeds = f"{row['n_seeds']} seed{'s' * (row['n_seeds'] > 1)}"
    ours = f"we find {_text(row['ours'])}{bounds} over {seeds}{simulated}"
    return f"{row['source']} ({row['dataset']}): {paper}, {ours}: *{row['verdict']}*."


def _text(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"


def judge(tables):
    """Judge every claim.

    Parameters
    ----------
    tables
        Tidy frames by name ("06-classification", ...); a table that was not written may be absent.

    Returns
    -------
    DataFrame
        Columns as in table 13-claims: for each claim and data set first a row "all checks", then one row a check.
    """
    rows = []
    for rule in RULES:
        checks = pd.DataFrame(rule(tables))
        for _, part in checks.groupby("dataset", sort=False):
            part = part.to_dict("records")
            rows += [overall(part), *part]
    return pd.DataFrame(rows)[COLUMNS]


def overall(checks):
    """Join the rows of one claim and data set: "reproduced" or "not reproduced" only where every check says so.

    A check that cannot be tested leaves at most "partly"; the numbers are those of the first check that was tested.
    """
    decided = [c for c in checks if c["verdict"] != "not testable here"]
    found = {c["verdict"] for c in decided}
    result = found.pop() if len(found) == 1 else "partly" if found else "not testable here"
    if result == "reproduced" and len(decided) < len(checks):
        result = "partly"
    holds = sum(c["verdict"] in ("reproduced", "partly") for c in decided)
    first = (decided or checks)[0]
    tested = f"{holds} of {len(decided)} tested checks hold" if decided else "nothing could be tested"
    left = f", {len(checks) - len(decided)} cannot be tested here" if decided and len(decided) < len(checks) else ""
    told = first["sentence"].removesuffix(".").replace("*", "")
    sentence = f"{tested}{left}: *{result}*. First: {told}."
    return first | {"source": OVERALL, "verdict": result, "sentence": sentence[0].upper() + sentence[1:]}


def by_seed(tables, name, where):
    """Return (values by seed, reason): the mean of the rows of table `name` that match `where`, or why there is none."""
    wanted = ", ".join(f"{k} = {v:g}" if isinstance(v, float) else f"{k} = {v}" for k, v in where.items())
    rows = tables.get(name)
    if rows is None or rows.empty:
        return pd.Series(dtype=float), f"table {name} has not been written"
    for column, value in where.items():
        if column not in rows:
            return pd.Series(dtype=float), f"table {name} has no column {column}"
        rows = rows[rows[column] == value]
    rows = rows.dropna(subset=["value"])
    return rows.groupby("seed")["value"].mean(), "" if len(rows) else f"table {name} has no rows with {wanted}"


def difference(tables, name, ours, other):
    """Return (ours - other on the seeds both have, reason why there is none); `ours` and `other` as in `by_seed`."""
    (a, why_a), (b, why_b) = by_seed(tables, name, ours), by_seed(tables, name, other)
    gap = (a - b).dropna()
    return gap.to_numpy(), why_a or why_b or ("" if len(gap) else f"no seed in table {name} has both models")


def over_floor(tables, name, ours):
    """Return (distance of `ours` over the mean of model real_floor at the same place, reason why there is none)."""
    values, why = by_seed(tables, name, ours)
    floor, why_floor = by_seed(tables, name, ours | {"model": "real_floor"})
    if why or why_floor or floor.mean() == 0:
        return np.array([]), why or why_floor or "the real-versus-real floor is 0"
    return (values / floor.mean()).to_numpy(), ""


def _datasets(tables, name, default):
    """Return {data set: origin} of a table; `default` (a pair) where it was not written."""
    rows = tables.get(name)
    if rows is None or rows.empty:
        return dict([default])
    return dict(zip(rows["dataset"], rows["origin"], strict=True))


def _paper(metric, column, key, models):
    """Return the paper's difference between two models at one place of its tables, or NaN."""
    rows = paper_numbers()
    rows = rows[(rows["source"] == "TST") & (rows["metric"] == metric) & (rows[column] == key)]
    a, b = (rows.loc[rows["model"] == m, "value"] for m in models)
    return float(a.iloc[0] - b.iloc[0]) if len(a) and len(b) else np.nan


def _train(share):
    return {"share": float(share), "train": "synthetic+real" if share else "synthetic"}


def judge_c1(tables):
    """C1: TST - DG in accuracy at every share with the MLP, and with every other classifier at share 0."""
    rows, name = [], "06-classification"
    origin = _datasets(tables, name, ("gcut", "simulated")).get("gcut", "simulated")
    for share, classifier in [(s, "mlp") for s in SHARES] + [(0, c) for c in CLASSIFIERS[1:]]:
        where = {"dataset": "gcut", "metric": "accuracy", "classifier": classifier} | _train(share)
        gap, why = difference(tables, name, where | {"model": "tst_paper"}, where | {"model": "doppelganger"})
        paper = _paper("accuracy", "share", share, ("tst_paper", "doppelganger")) if classifier == "mlp" else np.nan
        source = f"TST - DG, accuracy, {classifier}, {share:.0%} real"
        rows.append(verdict("C1", source, paper, gap, "gcut", origin, reason=why))
    return rows
