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
NAMES = {"real": "real", "doppelganger": "DG"}
REAL = {"model": "real", "train": "real", "share": None}
# claim, table, model, metric: distances that must stay below FLOOR_FACTOR times the real-versus-real floor
FLOORS = (
    ("C4", "05-fidelity", "tst_paper", "pearson_distance"),
    ("C8", "05-fidelity", "tst_paper", "acf_error"),
    ("C8", "11-long-sequences", "tst_paper", "acf_error"),
    ("Q1", "09-lengths", "tst", "length_ks"),
)
CONTROLS = ("seed_only", "seed_repeat", "bootstrap_copy")
FLOOR_FACTOR = 2  # two halves of the real data differ by the floor; up to twice that counts as kept
TOLERANCE = 0.01  # accuracy or R2 that "is enough" may lack
N_PARAMETERS = 12_635_659

HERE = Path(__file__).parent
# id: (the claim, what would count against it)
CLAIMS = {row.claim: (row.text, row.against) for row in pd.read_csv(HERE / "claims.csv").itertuples()}


def paper_numbers():
    """Return every number of the two papers as tidy rows.

    Returns
    -------
    DataFrame
        Columns source, claim, dataset, model, train, share, classifier, regressor, metric, value; a column that does
        not apply is NaN. `source` is TST, TST notebooks (synthetic data alone; the MLP-1 of TST, .71 to .81, is left
        out), or DG (its own protocol; R2 drawn below zero is left out).
    """
    return pd.read_csv(HERE / "paper.csv")


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
    checks = pd.DataFrame([row for rule in RULES for row in rule(tables)])
    rows = []
    for claim, data in dict.fromkeys((c, d) for c in CLAIMS for d in checks.loc[checks["claim"] == c, "dataset"]):
        part = checks[(checks["claim"] == claim) & (checks["dataset"] == data)].to_dict("records")
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
    wanted = ", ".join(f"{k} = {v}" for k, v in where.items() if v is not None)
    rows = tables.get(name)
    if rows is None:
        return pd.Series(dtype=float), f"table {name} has not been written"
    for column, value in where.items():
        if value is None:
            continue
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


def _datasets(tables, name):
    """Return the data sets of a table; GCUT where it was not written."""
    return list(tables[name]["dataset"].unique()) if name in tables else ["gcut"]


def _origin(tables, dataset):
    """Return the origin of a data set as the tables have it; simulated, the weakest, where none does."""
    for rows in tables.values():
        if (rows["dataset"] == dataset).any():
            return rows.loc[rows["dataset"] == dataset, "origin"].iloc[0]
    return "simulated"


def _paper(metric, column, key, models):
    """Return the paper's difference between two models at one place of its tables, or NaN."""
    rows = paper_numbers()
    rows = rows[(rows["source"] == "TST") & (rows["metric"] == metric) & (rows[column] == key)]
    a, b = (rows.loc[rows["model"] == m, "value"] for m in models)
    return float(a.iloc[0] - b.iloc[0]) if len(a) and len(b) else np.nan


def _train(share):
    return {"share": float(share), "train": "synthetic+real" if share else "synthetic"}


def _compare(tables, claim, name, where, pair, source, paper=np.nan, limit=0):
    """Return the row of a difference in `pair` (model keys, or what they change in `where`), to lie above `limit`."""
    ours, other = (where | (REAL if m == "real" else {"model": m}) for m in pair)
    gap, why = difference(tables, name, ours, other)
    data = where["dataset"]
    return verdict(claim, source, paper, gap, data, _origin(tables, data), ("above", limit), why)


def judge_c1(tables):
    """C1: TST - DG in accuracy at every share with the MLP, and with every other classifier at share 0."""
    rows, pair = [], ("tst_paper", "doppelganger")
    for share, classifier in [(s, "mlp") for s in SHARES] + [(0, c) for c in CLASSIFIERS[1:]]:
        where = {"dataset": "gcut", "metric": "accuracy", "classifier": classifier} | _train(share)
        paper = _paper("accuracy", "share", share, pair) if classifier == "mlp" else np.nan
        source = f"TST - DG, accuracy, {classifier}, {share:.0%} real"
        rows.append(_compare(tables, "C1", "06-classification", where, pair, source, paper))
    return rows


def judge_c2(tables):
    """C2: TST - DG and TST - real in F1 of each class with the MLP; of all shares the one with the lowest interval."""
    rows = []
    for metric, other in [(f"f1_{k}", m) for k in range(4) for m in ("doppelganger", "real")]:
        worst, paper = [], _paper(metric, "metric", metric, ("tst_paper", other))
        for share in SHARES:
            where = {"dataset": "gcut", "metric": metric, "classifier": "mlp"} | _train(share)
            source = f"TST - {NAMES[other]}, {metric}, {share:.0%} real"
            worst.append(_compare(tables, "C2", "06-classification", where, ("tst_paper", other), source, paper))
        rows.append(min(worst, key=lambda r: np.nan_to_num(r["low"], nan=np.inf)))
    return rows


def judge_c3(tables):
    """C3: TST + Real - Real and TST + Real - DG + Real in R2 with MLP-1 and MLP-5."""
    rows = []
    for regressor, other in [(r, m) for r in REGRESSORS[:2] for m in ("real", "doppelganger")]:
        where = {"dataset": "wwt", "metric": "r2", "regressor": regressor, "train": "synthetic+real"}
        paper = _paper("r2", "regressor", regressor, ("tst_paper", other))
        source = f"TST + real - {NAMES[other]}, R2, {regressor}"
        rows.append(_compare(tables, "C3", "07-regression", where, ("tst_paper", other), source, paper))
    return rows


def judge_floors(tables):
    """C4, C8, Q1: distances over their real-versus-real floor, on each data set, beyond the window, and in each class."""
    rows = []
    for claim, name, model, metric in FLOORS:
        labels = tables[name]["label"].unique() if claim == "Q1" and name in tables else [""]
        names = [d for d in _datasets(tables, name) if (claim, d) != ("C4", "wwt")]
        for data, label in [(d, k) for d in names for k in labels]:
            where = {"dataset": data, "model": model, "metric": metric} | ({"label": label} if label else {})
            place = " beyond the window" if name == "11-long-sequences" else f" {label}".rstrip()
            source = f"{metric.replace('_', ' ')}{place} over the real floor"
            ratio, why = over_floor(tables, name, where)
            rows.append(
                verdict(claim, source, np.nan, ratio, data, _origin(tables, data), ("below", FLOOR_FACTOR), why)
            )
    return rows


def judge_c5(tables):
    """C5: the counts and the largest influences that notebook 02 measured on the model of the paper's size."""
    rows, name = [], "02-train-tst"
    for metric, limit in (("n_parameters", N_PARAMETERS), ("causality_max_abs", 0), ("padding_max_abs", 0)):
        values, why = by_seed(tables, name, {"model": "tst_paper_full", "metric": metric})
        paper = limit if metric == "n_parameters" else np.nan
        rows.append(
            verdict("C5", metric, paper, values.to_numpy(), "gcut", _origin(tables, "gcut"), ("exactly", limit), why)
        )
    return rows


def judge_c6(tables):
    """C6: TST - each control in accuracy with the MLP, trained on synthetic data alone."""
    rows, name = [], "06-classification"
    for data, control in [(d, c) for d in _datasets(tables, name) for c in CONTROLS]:
        where = {"dataset": data, "metric": "accuracy", "classifier": "mlp"} | _train(0)
        source = f"TST - {control.replace('_', ' ')}, accuracy, mlp, 0% real"
        rows.append(_compare(tables, "C6", name, where, ("tst_paper", control), source))
    return rows


def judge_c7(tables):
    """C7: the better of sigmoid and tanh - the better head with a distribution, in R2 on WWT (ablation "head")."""
    name, where = "08-ablation", {"dataset": "wwt", "ablation": "head", "metric": "r2"}
    found = {s: by_seed(tables, name, where | {"setting": s}) for s in ("sigmoid", "tanh", "mixture", "quantised")}
    why = next((reason for _, reason in found.values() if reason), "")
    values = pd.DataFrame({s: v for s, (v, _) in found.items()}).dropna()
    gap = values[["sigmoid", "tanh"]].max(axis=1) - values[["mixture", "quantised"]].max(axis=1)
    origin = _origin(tables, "wwt")
    source = "best of sigmoid and tanh - best of mixture and quantised, R2"
    return [verdict("C7", source, np.nan, gap.to_numpy(), "wwt", origin, ("above", -TOLERANCE), why)]


def judge_q2(tables):
    """Q2: our seedless model - TST that starts from real steps, synthetic data alone, in accuracy and in R2."""
    pair, alone = ("tst", "tst_paper"), {"train": "synthetic"}
    a = {"dataset": "gcut", "metric": "accuracy", "classifier": "mlp"} | _train(0)
    b = {"dataset": "wwt", "metric": "r2", "regressor": "mlp_1"} | alone
    first = _compare(tables, "Q2", "06-classification", a, pair, "seedless - seeded, accuracy, mlp", limit=-TOLERANCE)
    second = _compare(tables, "Q2", "07-regression", b, pair, "seedless - seeded, R2, mlp_1", limit=-TOLERANCE)
    return [first, second]


def judge_q3(tables):
    """Q3: the least peak memory of the other attentions over that of full attention, at 2,500 steps."""
    name, where = "11-long-sequences", {"metric": "peak_memory_mb", "length": 2500}
    (full, why), rows = by_seed(tables, name, where | {"attention": "full"}), tables.get(name)
    others = [] if why else sorted(set(rows["attention"]) - {"full"})
    ratios = [by_seed(tables, name, where | {"attention": a})[0].mean() / full.mean() for a in others]
    best = [v for v in ratios if np.isfinite(v)]
    source, why = (
        "least peak memory at 2,500 steps over that of full attention",
        why or "only full attention was measured",
    )
    data = _datasets(tables, name)[0]
    return [
        verdict("Q3", source, np.nan, [min(best)] if best else [], data, _origin(tables, data), ("measured", 0.5), why)
    ]


RULES = (judge_c1, judge_c2, judge_c3, judge_floors, judge_c5, judge_c6, judge_c7, judge_q2, judge_q3)
