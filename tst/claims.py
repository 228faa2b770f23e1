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

VERDICTS = ("not reproduced", "not testable here", "partly", "reproduced")  # worst first
COLUMNS = "claim source paper ours low high n_seeds dataset origin verdict sentence".split()
OVERALL = "all checks"
SHARES = (0, 0.01, 0.05, 0.1, 0.2, 0.5, 1)
CLASSIFIERS = ("mlp", "naive_bayes", "logistic_regression", "decision_tree", "svm")
NAMES = {"tst_paper": "TST", "tst": "TST (ours)", "doppelganger": "DG"}
WWT = {"dataset": "wwt", "metric": "r2"}
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
POINT_HEADS, OTHER_HEADS = ("sigmoid", "tanh"), ("mixture", "quantised")
# metric, paper, rule; a series alone and in a batch is the same sum in another order, hence rounding in float64
EXACT = (
    ("n_parameters", 12_635_659, ("exactly", 12_635_659)),
    ("causality_max_abs", 0, ("exactly", 0)),
    ("padding_max_abs", 0, ("measured", 1e-12)),
)

HERE = Path(__file__).parent
# id: (the claim, what would count against it)
CLAIMS = {row.claim: (row.text, row.against) for row in pd.read_csv(HERE / "claims.csv").itertuples()}


def paper_numbers():
    """Return every number of the two papers as tidy rows, NaN in a column that does not apply.

    `source` is TST, TST notebooks (synthetic data alone; the MLP-1 of TST, .71 to .81, is left out), or DG (its own
    protocol; R2 drawn below zero is left out).
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
    row = dict(claim=claim, source=source, paper=paper, ours=ours, low=low, high=high, n_seeds=len(values))
    row |= dict(dataset=dataset, origin=origin, verdict=_decide(rule, ours, low, high, values, origin))
    return row | {"sentence": _sentence(row, rule[0], reason)}


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


def _sentence(row, kind, reason):
    if row["n_seeds"] == 0:
        return f"{row['source']} ({row['dataset']}): *not testable here*, because {reason}."
    simulated = ", on simulated series" if row["origin"] == "simulated" and kind in ("above", "below") else ""
    paper = "the paper gives no number" if np.isnan(row["paper"]) else f"the paper reports {_text(row['paper'])}"
    bounds = "" if np.isnan(row["low"]) else f" [{_text(row['low'])}, {_text(row['high'])}]"
    ours = f"we find {_text(row['ours'])}{bounds} over {row['n_seeds']} seed{'s' * (row['n_seeds'] > 1)}{simulated}"
    return f"{row['source']} ({row['dataset']}): {paper}, {ours}: *{row['verdict']}*."


def _text(value):
    whole = abs(value) >= 1000 or value == 0
    return f"{value:,.0f}" if whole else f"{value:.1e}" if abs(value) < 0.0005 else f"{value:.3f}"


def judge(tables):
    """Judge every claim by the tidy frames in `tables` (by name, "06-classification", ...; any may be absent).

    Returns the columns of table 13-claims: for each claim and data set a row "all checks", then one row a check.
    """
    checks = pd.DataFrame([row for rule in RULES for row in rule(tables)])
    rows = []
    for claim, data in dict.fromkeys((c, d) for c in CLAIMS for d in checks.loc[checks["claim"] == c, "dataset"]):
        part = checks[(checks["claim"] == claim) & (checks["dataset"] == data)].to_dict("records")
        rows += [overall(part), *part]
    return pd.DataFrame(rows)[COLUMNS]


def overall(checks):
    """Join the rows of one claim and data set: "reproduced" or "not reproduced" only where every check says so.

    A check that cannot be tested leaves at most "partly"; the numbers are those of the check that speaks most against.
    """
    decided = [c for c in checks if c["verdict"] != "not testable here"]
    found = {c["verdict"] for c in decided}
    result = found.pop() if len(found) == 1 else "partly" if found else "not testable here"
    if result == "reproduced" and len(decided) < len(checks):
        result = "partly"
    holds = sum(c["verdict"] in ("reproduced", "partly") for c in decided)
    worst = min(decided or checks, key=lambda c: VERDICTS.index(c["verdict"]))
    told = worst["sentence"].replace("*", "")
    left = f" ({len(checks) - len(decided)} cannot be tested here)" if 0 < len(decided) < len(checks) else ""
    count = f"{holds} of {len(decided)} checks hold{left}" if decided else "No check can be made"
    return worst | {"source": OVERALL, "verdict": result, "sentence": f"{count}: *{result}*. {told}"}


def by_seed(tables, name, where):
    """Return (values by seed, reason): the mean of the rows of table `name` that match `where`, or why there is none."""
    wanted = {k: v for k, v in where.items() if v is not None}
    rows = tables.get(name)
    if rows is None:
        return pd.Series(dtype=float), f"table {name} has not been written"
    for column, value in wanted.items():
        if column not in rows:
            return pd.Series(dtype=float), f"table {name} has no column {column}"
        rows = rows[rows[column] == value]
    rows, words = rows.dropna(subset=["value"]), ", ".join(f"{k} = {v}" for k, v in wanted.items())
    return rows.groupby("seed")["value"].mean(), "" if len(rows) else f"table {name} has no rows with {words}"


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


def origin_of(tables, dataset):
    """Return the origin of a data set as the tables have it; simulated, the weakest, where none does."""
    for rows in tables.values():
        if (rows["dataset"] == dataset).any():
            return rows.loc[rows["dataset"] == dataset, "origin"].iloc[0]
    return "simulated"


def _compare(tables, claim, name, where, pair, limit=0):
    """Return the row of the difference in `value` between the models of `pair` at one place; it must exceed `limit`."""
    ours, other = (where | (REAL if m == "real" else {"model": m}) for m in pair)
    paper = _paper(ours) - _paper(other)
    how = f"{where['share']:.0%} real added" if "share" in where else f"trained on {where['train']}"
    reader = where.get("classifier") or where["regressor"]
    source = f"{' - '.join(NAMES.get(m, m.replace('_', ' ')) for m in pair)}, {where['metric']}, {reader}, {how}"
    gap, why = difference(tables, name, ours, other)
    return verdict(
        claim, source, paper, gap, where["dataset"], origin_of(tables, where["dataset"]), ("above", limit), why
    )


def _paper(where):
    """Return the paper's number at a place, as far as the paper says where it stands; NaN where it gives none."""
    rows = paper_numbers().query("source == 'TST'")
    for column in [k for k, v in where.items() if v is not None]:
        rows = rows[rows[column].isna() | (rows[column] == where[column])]
    return rows["value"].iloc[0] if len(rows) else np.nan


def classified(metric, share=0, classifier="mlp", dataset="gcut"):
    """Return where table 06-classification has a score of a synthetic set, with that share of real data added."""
    train = {"share": float(share), "train": "synthetic+real" if share else "synthetic"}
    return {"dataset": dataset, "metric": metric, "classifier": classifier} | train


def judge_c1(tables):
    """C1: TST - DG in accuracy at every share with the MLP, and with every other classifier at share 0."""
    places = [classified("accuracy", s) for s in SHARES] + [classified("accuracy", 0, c) for c in CLASSIFIERS[1:]]
    return [_compare(tables, "C1", "06-classification", p, ("tst_paper", "doppelganger")) for p in places]


def judge_c2(tables):
    """C2: TST - DG and TST - real in F1 of each class with the MLP; of all shares the one that speaks most against."""
    rows, name = [], "06-classification"
    for metric, other in [(f"f1_{k}", m) for k in range(4) for m in ("doppelganger", "real")]:
        found = [_compare(tables, "C2", name, classified(metric, share), ("tst_paper", other)) for share in SHARES]
        rows.append(min(found, key=lambda r: (VERDICTS.index(r["verdict"]), np.nan_to_num(r["low"], nan=np.inf))))
    return rows


def judge_c3(tables):
    """C3: TST + Real - Real and TST + Real - (DG + Real) in R2 with MLP-1 and MLP-5."""
    where, others = WWT | {"train": "synthetic+real"}, ("real", "doppelganger")
    places = [(where | {"regressor": r}, other) for r in ("mlp_1", "mlp_5") for other in others]
    return [_compare(tables, "C3", "07-regression", place, ("tst_paper", other)) for place, other in places]


def judge_floors(tables):
    """C4, C8, Q1: distances over their real-versus-real floor, on each data set, beyond the window, in each class."""
    rows = []
    for claim, name, model, metric in FLOORS:
        names = [d for d in _datasets(tables, name) if (claim, d) != ("C4", "wwt")]
        for data, label in [(d, k) for d in names for k in _labels(tables, name, d, claim)]:
            where = {"dataset": data, "model": model, "metric": metric} | ({"label": label} if label else {})
            ratio, why = over_floor(tables, name, where)
            place = " beyond the window" if name == "11-long-sequences" else f" {label}".rstrip()
            source, rule = f"{metric.replace('_', ' ')}{place} over the real floor", ("below", FLOOR_FACTOR)
            rows.append(verdict(claim, source, np.nan, ratio, data, origin_of(tables, data), rule, why))
    return rows


def _labels(tables, name, dataset, claim):
    """Return the classes of a data set that Q1 asks about; the others ask about all series together."""
    if claim != "Q1" or name not in tables:
        return [""]
    return tables[name].loc[tables[name]["dataset"] == dataset, "label"].unique()


def judge_c5(tables):
    """C5: the count and the largest influences that notebook 02 measured, in float64, at the paper's size."""
    rows, origin = [], origin_of(tables, "gcut")
    for metric, paper, rule in EXACT:
        values, why = by_seed(tables, "02-train-tst", {"model": "tst_paper_full", "metric": metric})
        rows.append(verdict("C5", metric, paper, values.to_numpy(), "gcut", origin, rule, why))
    return rows


def judge_c6(tables):
    """C6: TST - each control in accuracy with the MLP, trained on synthetic data alone."""
    name = "06-classification"
    pairs = [(classified("accuracy", dataset=d), c) for d in _datasets(tables, name) for c in CONTROLS]
    return [_compare(tables, "C6", name, where, ("tst_paper", control)) for where, control in pairs]


def judge_c7(tables):
    """C7: the better of sigmoid and tanh - the better head with a distribution, in R2 on WWT (ablation "head")."""
    where = {"dataset": "wwt", "ablation": "head", "metric": "r2"}
    found = {s: by_seed(tables, "08-ablation", where | {"setting": s}) for s in (*POINT_HEADS, *OTHER_HEADS)}
    why = next((reason for _, reason in found.values() if reason), "")
    values = pd.DataFrame({s: v for s, (v, _) in found.items()}).dropna()
    gap = values[[*POINT_HEADS]].max(axis=1) - values[[*OTHER_HEADS]].max(axis=1)
    source = f"best of {' and '.join(POINT_HEADS)} - best of {' and '.join(OTHER_HEADS)}, r2"
    return [verdict("C7", source, np.nan, gap.to_numpy(), "wwt", origin_of(tables, "wwt"), ("above", -TOLERANCE), why)]


def judge_q2(tables):
    """Q2: our seedless model - TST that starts from real steps, synthetic data alone, in accuracy and in R2."""
    regress = WWT | {"train": "synthetic", "regressor": "mlp_1"}
    places = (("06-classification", classified("accuracy")), ("07-regression", regress))
    return [_compare(tables, "Q2", name, where, ("tst", "tst_paper"), -TOLERANCE) for name, where in places]


def judge_q3(tables):
    """Q3: the least peak memory of the other attentions over that of full attention, at 2,500 steps."""
    name, where = "11-long-sequences", {"metric": "peak_memory_mb", "length": 2500}
    full, why = by_seed(tables, name, where | {"attention": "full"})
    others = [] if why else sorted(set(tables[name]["attention"]) - {"full"})
    ratios = [by_seed(tables, name, where | {"attention": a})[0].mean() / full.mean() for a in others]
    least = [min(found)] if (found := [r for r in ratios if np.isfinite(r)]) else []
    data, why = _datasets(tables, name)[0], why or "only full attention was measured"
    source, rule = "least peak memory of other attentions over full attention", ("measured", 0.5)
    return [verdict("Q3", source, np.nan, least, data, origin_of(tables, data), rule, why)]


RULES = (judge_c1, judge_c2, judge_c3, judge_floors, judge_c5, judge_c6, judge_c7, judge_q2, judge_q3)
