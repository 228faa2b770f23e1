"""The paper's numbers as data, t-intervals over seeds, and the rules that judge each claim, fixed before any result.

A rule takes the tidy tables of the notebooks and returns one row a check. A difference holds where two intervals agree:
paired by seed, its whole 95 % t-interval over seeds lies above the limit (tables 06-classification, 07-regression), and
the paired bootstrap over test rows and seeds rejects the limit at .05 after Holm over all comparisons of the claim
(06-differences, 07-differences; no such row: "partly" at best). Of a distance the whole t-interval lies below its limit.
Fewer than three seeds, or simulated data, allow "partly" at best. Numbers: arXiv 2506.07312 as read from the author's
copy and notebooks; DG's own protocol: arXiv 1909.13403, read off its figures by eye, +-0.01.
"""

from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from tst.study import lookup
from tst.study.lookup import by_seed, datasets_of, difference, interval, origin_of, over_floor

VERDICTS = ("not reproduced", "not testable here", "partly", "reproduced")  # worst first
COLUMNS = "claim source paper ours low high p_holm n_seeds dataset origin verdict sentence".split()
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
)
CONTROLS = ("seed_only", "seed_repeat", "bootstrap_copy")
FLOOR_FACTOR = 2  # two halves of the real data differ by the floor; up to twice that counts as kept
REGRESSORS = ("mlp_1", "mlp_5", "linear", "kernel_ridge")
TOLERANCE = 0.01  # accuracy or R2 that "is enough" may lack
SIGNIFICANT = 0.05  # Holm's p of the paired bootstrap
QUORUM = {
    "Q1": 0.75
}  # the share of the checks that is enough for a claim; of all others every check must hold
LENGTHS, FLOOR_95 = (
    "09-lengths",
    "real_floor_95",
)  # KS between random real halves, its 95 % quantile
POINT_HEADS, OTHER_HEADS = ("sigmoid", "tanh"), ("mixture", "quantised")
# what R2 of our seedless model may lack of these, synthetic data alone
SEEDLESS_LIMITS = {"tst_paper": -TOLERANCE, "real": -0.02, "doppelganger": 0}
# metric, paper, rule; a series alone and in a batch is the same sum in another order, hence rounding in float64
EXACT = (
    ("n_parameters", 12_635_659, ("exactly", 12_635_659)),
    ("causality_max_abs", 0, ("exactly", 0)),
    ("padding_max_abs", 0, ("measured", 1e-12)),
)

HERE = Path(__file__).parent
# id: (the claim, what would count against it)
CLAIMS = {
    row.claim: (row.text, row.against) for row in pd.read_csv(HERE / "claims.csv").itertuples()
}


def paper_numbers():
    """Return every number of the two papers as tidy rows, NaN in a column that does not apply.

    `source` is TST, TST notebooks (synthetic data alone; the MLP-1 of TST, .71 to .81, is left out), or DG (its own
    protocol; R2 drawn below zero is left out).
    """
    return pd.read_csv(HERE / "paper.csv")


def verdict(claim, source, paper, values, dataset, origin, rule=("above", 0), reason="", p=None):
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
        ("above", limit) or ("below", limit): the whole interval over seeds lies there; ("within", limit): the mean is at
        most that. ("exactly", limit): each value equals it; ("measured", limit): each value is at most that. The last
        two ask neither for seeds nor real data.
    p
        Holm's p of the paired bootstrap; NaN where its row is missing, None where the rule does not ask for it.
    """
    ours, low, high = interval(values)
    row = dict(
        claim=claim, source=source, paper=paper, ours=ours, low=low, high=high, n_seeds=len(values)
    )
    row |= dict(p_holm=np.nan if p is None else p, dataset=dataset, origin=origin)
    row["verdict"] = _decide(rule, ours, low, high, values, origin, 0.0 if p is None else p)
    return row | {"sentence": _sentence(row, rule[0], reason)}


def _decide(rule, ours, low, high, values, origin, p):
    kind, limit = rule
    if np.isnan(ours):
        return "not testable here"
    if kind in ("exactly", "measured"):
        good = all(v == limit if kind == "exactly" else v <= limit for v in values)
        return "reproduced" if good else "not reproduced"
    sign = 1 if kind == "above" else -1
    end = {"above": low, "below": high, "within": ours}[kind]
    worst = ours if np.isnan(end) else end
    outside = worst > limit if kind == "within" else sign * worst <= sign * limit
    if outside or p >= SIGNIFICANT:
        return "not reproduced"
    return "partly" if len(values) < 3 or origin == "simulated" or np.isnan(p) else "reproduced"


def _sentence(row, kind, reason):
    if row["n_seeds"] == 0:
        return f"{row['source']} ({row['dataset']}): *not testable here*, because {reason}."
    simulated = (
        ", on simulated series"
        if row["origin"] == "simulated" and kind in ("above", "below", "within")
        else ""
    )
    paper = (
        "the paper gives no number"
        if np.isnan(row["paper"])
        else f"the paper reports {_text(row['paper'])}"
    )
    bounds = "" if np.isnan(row["low"]) else f" [{_text(row['low'])}, {_text(row['high'])}]"
    ours = f"we find {_text(row['ours'])}{bounds} over {row['n_seeds']} seed{'s' * (row['n_seeds'] > 1)}{simulated}"
    ours += (
        "" if np.isnan(row["p_holm"]) else f", p = {row['p_holm']:.2g} by paired bootstrap (Holm)"
    )
    return f"{row['source']} ({row['dataset']}): {paper}, {ours}: *{row['verdict']}*."


def _text(value):
    whole = abs(value) >= 1000 or value == 0
    return f"{value:,.0f}" if whole else f"{value:.1e}" if abs(value) < 0.0005 else f"{value:.3f}"


def judge(tables):
    """Judge every claim by the tidy frames in `tables` (by name, "06-classification", ...; any may be absent).

    Returns the columns of table 13-claims: for each claim and data set a row "all checks", then one row a check.
    """
    tables = {name: lookup.named(frame) for name, frame in tables.items()}
    checks = pd.DataFrame([row for rule in RULES for row in rule(tables)])
    rows = []
    for claim, data in dict.fromkeys(
        (c, d) for c in CLAIMS for d in checks.loc[checks["claim"] == c, "dataset"]
    ):
        part = checks[(checks["claim"] == claim) & (checks["dataset"] == data)].to_dict("records")
        rows += [overall(part), *part]
    return pd.DataFrame(rows)[COLUMNS]


def overall(checks):
    """Join the rows of one claim and data set: "reproduced" or "not reproduced" only where every check says so.

    A check that cannot be tested leaves at most "partly"; the numbers are those of the check that speaks most against.
    Where QUORUM names the claim, it holds with that share of its checks, as far as the holding ones do, and else not.
    """
    decided = [c for c in checks if c["verdict"] != "not testable here"]
    good = [c for c in decided if c["verdict"] in ("reproduced", "partly")]
    result, holds = _joined(checks, decided, good), len(good)
    worst = min(decided or checks, key=lambda c: VERDICTS.index(c["verdict"]))
    told = worst["sentence"].replace("*", "")
    left = (
        f" ({len(checks) - len(decided)} cannot be tested here)"
        if 0 < len(decided) < len(checks)
        else ""
    )
    count = f"{holds} of {len(decided)} checks hold{left}" if decided else "No check can be made"
    return worst | {
        "source": OVERALL,
        "verdict": result,
        "sentence": f"{count}: *{result}*. {told}",
    }


def _joined(checks, decided, good):
    found, quorum = {c["verdict"] for c in decided}, QUORUM.get(checks[0]["claim"])
    if quorum is not None:
        if len(good) >= quorum * len(checks):
            return min((c["verdict"] for c in good), key=VERDICTS.index)
        possible = len(good) + len(checks) - len(decided) >= quorum * len(checks)
        return "not testable here" if possible else "not reproduced"
    result = found.pop() if len(found) == 1 else "partly" if found else "not testable here"
    return "partly" if result == "reproduced" and len(decided) < len(checks) else result


def _compare(tables, claim, name, where, pair, limit=0):
    """Return the row of the difference in `value` between the models of `pair` at one place; it must exceed `limit`."""
    ours, other = (where | (REAL if m == "real" else {"model": m}) for m in pair)
    paper = _paper(ours) - _paper(other)
    how = f"{where['share']:.0%} real added" if "share" in where else f"trained on {where['train']}"
    reader = where.get("classifier") or where["regressor"]
    source = f"{' - '.join(NAMES.get(m, m.replace('_', ' ')) for m in pair)}, {where['metric']}, {reader}, {how}"
    gap, why = difference(tables, name, ours, other)
    data, p = where["dataset"], lookup.bootstrap_p(tables, name, claim, where, pair)
    return verdict(
        claim, source, paper, gap, data, origin_of(tables, data), ("above", limit), why, p
    )


def _paper(where):
    """Return the paper's number at a place, as far as the paper says where it stands; NaN where it gives none."""
    wanted = [(k, v) for k, v in where.items() if v is not None]
    fits = (
        row["value"]
        for row in _paper_rows()
        if all(pd.isna(row[k]) or row[k] == v for k, v in wanted)
    )
    return next(fits, np.nan)


@cache
def _paper_rows():
    return paper_numbers().query("source == 'TST'").to_dict("records")


def score_at(metric, share=0, classifier="mlp", dataset="gcut"):
    """Return where table 06-classification has a score of a synthetic set, with that share of real data added."""
    train = {"share": float(share), "train": "synthetic+real" if share else "synthetic"}
    return {"dataset": dataset, "metric": metric, "classifier": classifier} | train


def judge_c1(tables):
    """C1: TST - DG in accuracy at every share with the MLP, and with every other classifier at share 0."""
    places = [score_at("accuracy", s) for s in SHARES] + [
        score_at("accuracy", 0, c) for c in CLASSIFIERS[1:]
    ]
    return [
        _compare(tables, "C1", "06-classification", p, ("tst_paper", "doppelganger"))
        for p in places
    ]


def judge_c2(tables):
    """C2: TST - DG and TST - real in F1 of each class with the MLP; of all shares the one that speaks most against."""
    rows, name = [], "06-classification"
    for metric, other in [(f"f1_{k}", m) for k in range(4) for m in ("doppelganger", "real")]:
        found = [
            _compare(tables, "C2", name, score_at(metric, share), ("tst_paper", other))
            for share in SHARES
        ]
        rows.append(
            min(
                found,
                key=lambda r: (VERDICTS.index(r["verdict"]), np.nan_to_num(r["low"], nan=np.inf)),
            )
        )
    return rows


def judge_c3(tables):
    """C3: TST + Real - Real and TST + Real - (DG + Real) in R2 with MLP-1 and MLP-5."""
    where, others = WWT | {"train": "synthetic+real"}, ("real", "doppelganger")
    places = [(where | {"regressor": r}, other) for r in ("mlp_1", "mlp_5") for other in others]
    return [
        _compare(tables, "C3", "07-regression", place, ("tst_paper", other))
        for place, other in places
    ]


def judge_floors(tables):
    """C4, C8: distances over their real-versus-real floor, on each data set, and beyond the window."""
    rows = []
    for claim, name, model, metric in FLOORS:
        for data in [d for d in datasets_of(tables, name) if (claim, d) != ("C4", "wwt")]:
            ratio, why = over_floor(
                tables, name, {"dataset": data, "model": model, "metric": metric}
            )
            place = " beyond the window" if name == "11-long-sequences" else ""
            source, rule = (
                f"{metric.replace('_', ' ')}{place} over the real floor",
                ("below", FLOOR_FACTOR),
            )
            rows.append(
                verdict(claim, source, np.nan, ratio, data, origin_of(tables, data), rule, why)
            )
    return rows


def judge_q1(tables):
    """Q1: in each class, KS of our lengths within the floor's 95 % quantile, and below TST's (flags) and DG's."""
    places = [
        (d, k) for d in datasets_of(tables, LENGTHS) for k in lookup.classes_of(tables, LENGTHS, d)
    ] or [("gcut", "")]
    return [_length_check(tables, *place) for place in places]


def _length_check(tables, data, label):
    where = {"dataset": data, "metric": "length_ks"} | ({"label": label} if label else {})
    found = [
        by_seed(tables, LENGTHS, where | {"model": m})
        for m in ("tst", "tst_paper", "doppelganger", FLOOR_95)
    ]
    (ours, *others, floor), why = [f[0] for f in found], next((w for _, w in found if w), "")
    if not why and floor.mean() == 0:
        why = "random halves of the real series do not differ in length"
    values, limit = ([], 1.0) if why else (ours.to_numpy() / floor.mean(), 1.0)
    if len(values):
        limit = min(limit, np.nextafter(min(v.mean() for v in others) / floor.mean(), 0))
    source = f"length ks{f', {label},' if label else ''} over the floor's 95 % quantile"
    return verdict(
        "Q1", source, np.nan, values, data, origin_of(tables, data), ("within", limit), why
    )


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
    pairs = [
        (score_at("accuracy", dataset=d), c) for d in datasets_of(tables, name) for c in CONTROLS
    ]
    return [_compare(tables, "C6", name, where, ("tst_paper", control)) for where, control in pairs]


def judge_c7(tables):
    """C7: the better of sigmoid and tanh - the better head with a distribution, in R2 on WWT (ablation "head")."""
    where = {"dataset": "wwt", "ablation": "head", "metric": "r2"}
    found = {
        s: by_seed(tables, "08-ablation", where | {"setting": s})
        for s in (*POINT_HEADS, *OTHER_HEADS)
    }
    why = next((reason for _, reason in found.values() if reason), "")
    values = pd.DataFrame({s: v for s, (v, _) in found.items()}).dropna()
    gap = values[[*POINT_HEADS]].max(axis=1) - values[[*OTHER_HEADS]].max(axis=1)
    source = f"best of {' and '.join(POINT_HEADS)} - best of {' and '.join(OTHER_HEADS)}, r2"
    return [
        verdict(
            "C7",
            source,
            np.nan,
            gap.to_numpy(),
            "wwt",
            origin_of(tables, "wwt"),
            ("above", -TOLERANCE),
            why,
        )
    ]


def judge_q2(tables):
    """Q2: our seedless model, synthetic data alone: no worse than TST, near real data, better than DG; not blurred."""
    rows = [
        _compare(
            tables,
            "Q2",
            "06-classification",
            score_at("accuracy"),
            ("tst", "tst_paper"),
            -TOLERANCE,
        )
    ]
    for r, (other, limit) in product(REGRESSORS, SEEDLESS_LIMITS.items()):
        where = WWT | {"train": "synthetic", "regressor": r}
        rows.append(_compare(tables, "Q2", "07-regression", where, ("tst", other), limit))
    for data, metric in product(
        datasets_of(tables, "10-seedless"), ("step_change_ratio", "spread_ratio", "acf_error")
    ):
        rows.append(_seedless_check(tables, data, metric))
    for data in datasets_of(tables, "05-fidelity"):
        where = {"dataset": data, "metric": "discriminative_score"}
        gap, why = difference(
            tables, "05-fidelity", *(where | {"model": m} for m in ("doppelganger", "tst"))
        )
        source = "DG - TST (ours), discriminative score"
        rows.append(
            verdict("Q2", source, np.nan, gap, data, origin_of(tables, data), ("above", 0), why)
        )
    return rows


def _seedless_check(tables, data, metric):
    """Judge a ratio by its distance from 1, the error of the autocorrelation by its part of DG's."""
    where, limit = {"dataset": data, "metric": metric}, {"acf_error": 0.5}.get(metric, 0.1)
    values, why = by_seed(tables, "10-seedless", where | {"model": "tst"})
    if metric == "acf_error":
        other, why_other = by_seed(tables, "10-seedless", where | {"model": "doppelganger"})
        values, why, source = (
            (values / other.mean()).dropna(),
            why or why_other,
            "acf error over DG's",
        )
    else:
        values, source = (values - 1).abs(), f"distance of the {metric.replace('_', ' ')} from 1"
    return verdict(
        "Q2",
        source,
        np.nan,
        values.to_numpy(),
        data,
        origin_of(tables, data),
        ("below", limit),
        why,
    )


def judge_q3(tables):
    """Q3: the least peak memory of the other attentions over that of full attention, at 2,500 steps."""
    name, where = "11-long-sequences", {"metric": "peak_memory_mb", "length": 2500}
    full, why = by_seed(tables, name, where | {"attention": "full"})
    others = [] if why else sorted(set(tables[name]["attention"]) - {"full"})
    ratios = [
        by_seed(tables, name, where | {"attention": a})[0].mean() / full.mean() for a in others
    ]
    least = [min(found)] if (found := [r for r in ratios if np.isfinite(r)]) else []
    data, why = datasets_of(tables, name)[0], why or "only full attention was measured"
    source, rule = "least peak memory of other attentions over full attention", ("measured", 0.5)
    return [verdict("Q3", source, np.nan, least, data, origin_of(tables, data), rule, why)]


RULES = (
    judge_c1,
    judge_c2,
    judge_c3,
    judge_floors,
    judge_c5,
    judge_c6,
    judge_c7,
    judge_q1,
    judge_q2,
    judge_q3,
)
