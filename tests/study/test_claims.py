"""Laws of the claims: the paper's numbers, and that every rule gives each verdict that it can."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from tst.study import checks, claims, decisions
from tst.vocabulary import CLASSIFIERS, REGRESSORS

GOOD, BAD, OPEN, NONE = "supported", "contradicted", "inconclusive", "not tested"
ENDPOINTS = ["mlp", "logistic_regression"]  # classifiers that decide a claim
F1 = [f"f1_{k}" for k in range(4)]
T, D, R = "tst_paper", "doppelganger", "real"


def rows(dataset="borg2019", origin="subset", level=0.0, n_seeds=4, **columns):
    """Return rows of one place, a value a seed around `level`, with a spread of a thousandth."""
    values = [level + 0.001 * (-1) ** s for s in range(n_seeds)]
    fixed = {"dataset": dataset, "origin": origin} | columns
    return pd.DataFrame([fixed | {"seed": s, "value": v} for s, v in enumerate(values)])


def resampled(table, dataset, grid, low, high, p, **fields):
    """Return the bootstrap's table beside a table: each comparison of the plan, one result."""
    plan = pd.DataFrame(checks.bootstrap_plan(table, dataset, grid))
    plan["model"] = plan["ours"] + " - " + plan["other"]
    result = {"value": (low + high) / 2, "low": low, "high": high, "p": p, "dataset": dataset}
    return plan.drop(columns=["ours", "other"]).assign(**result, **fields)


def classified(levels, metrics=("accuracy",), dataset="borg2019", gap=(0.01, 0.2), p=0.001, **more):
    """Return tables 06 at share 0 with two classifiers; `levels` gives a score by model.

    `gap` and `p` are the interval and the p of every difference by bootstrap.
    """
    frames = []
    for model, level in levels.items():
        train = "real" if model == "real" else "synthetic"
        for metric, classifier in product(metrics, ENDPOINTS):
            place = {"model": model, "train": train, "share": 0.0, "classifier": classifier}
            frames.append(rows(dataset, level=level, metric=metric, **place, **more))
    grid = {"metric": ["accuracy", *F1], "share": [0.0], "classifier": ENDPOINTS}
    origin = more.get("origin", "subset")
    tested = resampled("06-classification", dataset, grid, *gap, p, origin=origin)
    return {"06-classification": pd.concat(frames), "06-differences": tested}


def regressed(levels, train="synthetic+real", gap=(0.001, 0.02), p=0.001):
    """Return tables 07 with every regressor; `levels` gives a score by model."""
    frames = []
    for model, level in levels.items():
        for regressor in REGRESSORS:
            place = {"model": model, "metric": "r2", "regressor": regressor}
            place["train"] = "real" if model == "real" else train
            frames.append(rows("wwt", level=level, **place))
    grid = {"metric": ["r2"], "regressor": list(REGRESSORS)}
    tested = resampled("07-regression", "wwt", grid, *gap, p, origin="subset")
    return {"07-regression": pd.concat(frames), "07-differences": tested}


def over_null(model, metric, ratio, table="05-fidelity", dataset="borg2019", **fields):
    """Return a table with a distance of `ratio` times the 95 % quantile of its null, 0.1."""
    place = {"model": model, "metric": metric}
    if table == "05-fidelity":
        place |= {"label": "all", "feature": "all"}
    null = {"dataset": dataset, "origin": fields.get("origin", "subset"), "metric": metric}
    return {
        table: rows(dataset, level=0.1 * ratio, **place, **fields),
        checks.NULLS: pd.DataFrame([null | {"level": 0.95, "value": 0.1}]),
    }


def lengths(ratio, **fields):
    """Return tables 09 and 17 of our lengths in four classes, over the null's quantile."""
    found = over_null("tst", "length_ks", ratio, "09-lengths", "gcut_attempts", **fields)
    parts = [found["09-lengths"].assign(label=label) for label in "abcd"]
    return found | {"09-lengths": pd.concat(parts)}


C5 = {"n_parameters": 12_635_659, "causality_max_abs": 0.0, "padding_max_abs": 1e-16}


def exact(**changes):
    """Return a table 02 with the exact checks, some changed."""
    values = [{"metric": k, "value": v} for k, v in (C5 | changes).items()]
    fixed = {"dataset": "gcut", "origin": "simulated", "model": "tst_paper_full", "seed": 0}
    return {"02-train-tst": pd.DataFrame(values).assign(**fixed)}


def heads(other):
    """Return a table 08 in which sigmoid has 0.8, tanh 0.7 and the heads `other` and less."""
    levels = {"sigmoid": 0.8, "tanh": 0.7, "mixture": other, "quantised": other - 0.1}
    fields = {"ablation": "head", "metric": "r2", "model": "tst"}
    frames = []
    for setting, level in levels.items():
        for regressor in REGRESSORS:
            frames.append(rows("wwt", level=level, setting=setting, regressor=regressor, **fields))
    return {"08-ablation": pd.concat(frames)}


def memory(**levels):
    """Return a table 11 of peak memory at 2,500 steps by attention."""
    fields = {"model": "tst", "metric": "peak_memory_mb", "length": 2500}
    frames = [rows(level=v, attention=a, **fields) for a, v in levels.items()]
    return {"11-long-sequences": pd.concat(frames)}


def headline(tables, claim, dataset="borg2019"):
    """Return the row over all endpoints of one claim and data set."""
    frame = claims.judge(tables).set_index(["claim", "dataset", "source"])
    return frame.loc[(claim, dataset, claims.OVERALL)]


LESS, MORE = (-0.2, -0.01), (0.01, 0.2)
CASES = [
    ("C1", "borg2019", classified({T: 0.8, D: 0.7}), GOOD),
    ("C1", "borg2019", classified({T: 0.7, D: 0.8}, gap=LESS), BAD),
    ("C1", "borg2019", classified({T: 0.8, D: 0.7}, gap=(-0.1, 0.3), p=0.4), OPEN),
    ("C1", "borg2019", classified({T: 0.7, D: 0.7}, gap=(-0.1, 0.1), p=1), OPEN),
    ("C1", "borg2019", classified({T: 0.8, D: 0.7}, n_seeds=2), OPEN),
    ("C1", "gcut", classified({T: 0.8, D: 0.7}, dataset="gcut", origin="simulated"), NONE),
    ("C1", "borg2019", classified({T: 0.8}), NONE),
    ("C2", "borg2019", classified({T: 0.8, D: 0.7, R: 0.6}, F1), GOOD),
    ("C2", "borg2019", classified({T: 0.6, D: 0.7, R: 0.9}, F1, gap=LESS), BAD),
    ("C2", "borg2019", classified({T: 0.8}, F1), NONE),
    ("C3", "wwt", regressed({T: 0.92, D: 0.90}, "synthetic"), GOOD),
    ("C3", "wwt", regressed({T: 0.92, D: 0.90}, "synthetic", gap=(-0.01, 0.03), p=0.3), OPEN),
    ("C3", "wwt", regressed({T: 0.8, D: 0.81}, "synthetic", gap=(-0.02, -0.001)), BAD),
    ("C3", "wwt", regressed({T: 0.92}, "synthetic"), NONE),
    ("C4", "borg2019", over_null(T, "correlation_within", 1.2), GOOD),
    ("C4", "borg2019", over_null(T, "correlation_within", 1.5), OPEN),
    ("C4", "borg2019", over_null(T, "correlation_within", 2.5), BAD),
    ("C4", "borg2019", over_null(T, "correlation_within", 1.2, origin="simulated"), NONE),
    ("C4", "borg2019", over_null("ar", "correlation_within", 1.2), NONE),
    ("C5", "no_data", exact(), GOOD),
    ("C5", "no_data", exact(n_parameters=12_635_658), BAD),
    ("C5", "no_data", {}, NONE),
    ("C6", "borg2019", classified({T: 0.8, "seed_only": 0.5, "seed_repeat": 0.6}), GOOD),
    ("C6", "borg2019", classified({T: 0.5, "seed_only": 0.8, "seed_repeat": 0.8}, gap=LESS), BAD),
    ("C6", "borg2019", classified({T: 0.8, "seed_only": 0.5}), OPEN),
    ("C6", "borg2019", classified({T: 0.8}), NONE),
    ("C7", "wwt", heads(0.75), GOOD),
    ("C7", "wwt", heads(0.85), BAD),
    ("C7", "wwt", {}, NONE),
    ("C8", "wwt", over_null(T, "acf_rms", 1.0, dataset="wwt"), GOOD),
    ("C8", "wwt", over_null(T, "acf_rms", 5.0, dataset="wwt"), BAD),
    ("C8", "gcut", {}, NONE),
    ("Q1", "gcut_attempts", lengths(0.8), GOOD),
    ("Q1", "gcut_attempts", lengths(1.5), OPEN),
    ("Q1", "gcut_attempts", lengths(5), BAD),
    ("Q1", "gcut", {}, NONE),
    ("Q2", "borg2019", classified({T: 0.8, "tst": 0.81}, gap=(-0.005, 0.02)), GOOD),
    ("Q2", "borg2019", classified({T: 0.8, "tst": 0.7}, gap=LESS), BAD),
    ("Q2", "wwt", regressed({T: 0.8, "tst": 0.81}, "synthetic", gap=(-0.005, 0.02)), GOOD),
    ("Q2", "gcut", {}, NONE),
    ("Q3", "no_data", memory(full=1000, sliding=400, patches=600), GOOD),
    ("Q3", "no_data", memory(full=1000, sliding=700), BAD),
    ("Q3", "no_data", memory(full=1000), NONE),
]


@pytest.mark.long
@pytest.mark.parametrize(("claim", "dataset", "tables", "expected"), CASES)
def test_each_rule_gives_the_verdict_it_must(claim, dataset, tables, expected):
    """Made-up tables of known outcome get that outcome, and the sentence says it."""
    row = headline(tables, claim, dataset)
    assert row["verdict"] == expected, row["sentence"]
    assert f"*{expected}*" in row["sentence"]


def test_every_rule_is_tried_with_every_kind_of_outcome():
    """Each claim has a case that holds, one that fails and one that cannot be tested."""
    tried = pd.DataFrame([(c, v) for c, _, _, v in CASES]).groupby(0)[1].agg(set)
    assert set(tried.index) == set(claims.CLAIMS)
    assert all({GOOD, BAD, NONE} <= verdicts for verdicts in tried)


def test_judge_names_every_claim_and_nothing_it_should_not():
    """Without any table every claim is there, untested, and each sentence names a missing table."""
    frame = claims.judge({})
    assert list(frame.columns) == [*claims.COLUMNS, "kind", "pair", "reason"]
    assert list(dict.fromkeys(frame["claim"])) == list(claims.CLAIMS)
    assert set(frame["verdict"]) == {NONE}
    assert frame["sentence"].str.contains(r"table \d\d-[a-z-]+ has not been written").all()


@pytest.mark.slow
def test_a_data_set_more_is_one_row_more():
    """A set that a check names is judged once a table has it, and else not looked for."""
    tables = classified({T: 0.8, D: 0.7}, dataset="iot")
    judged = claims.judge(tables)
    assert set(judged.query("claim == 'C1'")["dataset"]) == {"iot"}
    assert headline(tables, "C1", "iot")["verdict"] == GOOD


def test_a_rule_that_decides_nothing_on_a_set_is_told_all_the_same():
    """C4 has no endpoint on mba: its numbers stand there, under no verdict of the claim."""
    judged = claims.judge(over_null(T, "correlation_within", 1.2, dataset="mba"))
    rows = judged[(judged["claim"] == "C4") & (judged["dataset"] == "mba")]
    assert claims.OVERALL not in set(rows["source"])
    assert "supported" in set(rows["verdict"]) and "endpoint" not in set(rows["endpoint"])
    assert not (claims.judge({})["dataset"] == "mba").any(), "what was not run has no row"


@pytest.mark.slow
def test_simulated_series_test_nothing_and_are_told_apart():
    """Their verdict is `not tested`, whatever the numbers say, which stands in its own column."""
    for gap, levels, word in ((MORE, {T: 0.8, D: 0.7}, GOOD), (LESS, {T: 0.7, D: 0.8}, BAD)):
        tables = classified(levels, gap=gap, dataset="gcut", origin="simulated")
        row = headline(tables, "C1", "gcut")
        assert (row["verdict"], row["simulation"]) == (NONE, word)
        assert f"on simulated series: {word}" in row["sentence"]
    assert claims.judge(exact()).query("claim == 'C5'")["simulation"].eq("").all()


@pytest.mark.slow
def test_differences_are_paired_by_seed():
    """A gap that holds seed by seed is seen under a spread between seeds that hides it unpaired."""
    tables = classified({T: 0.5, D: 0.5}, gap=(0.015, 0.025))
    frame = tables["06-classification"]
    frame["value"] += 0.1 * frame["seed"] + 0.02 * (frame["model"] == T)
    assert headline(tables, "C1")["verdict"] == GOOD
    assert headline(tables, "C1")["ours"] == pytest.approx(0.02)


def test_seeds_that_do_not_meet_are_not_compared():
    """Without a common seed there is no difference."""
    tables = classified({T: 0.8, D: 0.7})
    frame = tables["06-classification"]
    frame.loc[frame["model"] == D, "seed"] += 100
    assert headline(tables, "C1")["verdict"] == NONE


@pytest.mark.slow
def test_a_difference_asks_interval_and_bootstrap():
    """The wider interval counts; without a row of the bootstrap nothing is decided."""
    tables = classified({T: 0.8, D: 0.7}, gap=(0.02, 0.3))
    row = headline(tables, "C1")
    assert (row["low"], row["high"]) == (0.02, 0.3)
    alone = {"06-classification": tables["06-classification"]}
    assert headline(alone, "C1")["verdict"] == OPEN
    other = tables["06-differences"].query("claim != 'C1'")  # the same pair, another claim's
    assert headline(tables | {"06-differences": other}, "C1")["verdict"] == OPEN


@pytest.mark.slow
def test_no_interval_leaves_what_a_difference_can_be():
    """A bootstrap of differences between two accuracies that says -1.2: they are -1 at least."""
    row = headline(classified({T: 0.1, D: 0.9}, gap=(-1.2, -0.6)), "C1")
    assert (row["low"], row["high"]) == (-1.0, -0.6)
    assert row["verdict"] == BAD
    unbounded = regressed({T: 0.1, D: 0.9}, "synthetic", gap=(-1.2, -0.6))  # R2
    assert headline(unbounded, "C3", "wwt")["low"] == -1.2


@pytest.mark.slow
def test_the_numbers_of_a_claim_are_those_that_speak_most_against_it():
    """Not the first of the worst verdict: the endpoint farthest on the wrong side is shown."""
    tables = classified({T: 0.8, D: 0.79, R: 0.79}, F1, gap=(-0.3, 0.3), p=0.9)
    frame = tables["06-classification"]
    at = (frame["model"] == T) & (frame["metric"] == "f1_3")
    frame.loc[at, "value"] -= 0.4
    row = headline(tables, "C2")
    assert row["ours"] == pytest.approx(-0.39)
    assert "F1 of class 4" in row["sentence"]
    values = {"ours": 0.1, "low": -0.1, "high": 0.3, "n_seeds": 3}
    first = replace(claims.judgements(tables, "C2")[0], **values)
    others = [replace(first, ours=v, low=v - 0.2, high=v + 0.2) for v in (-0.1, 0.05)]
    assert claims.overall([first, *others]).ours == -0.1


@pytest.mark.slow
def test_a_class_that_nothing_finds_decides_nothing():
    """F1 of 0 with every training set is no tie: the class is not there to be found."""
    tables = classified({T: 0.8, D: 0.7, R: 0.6}, F1)
    frame = tables["06-classification"]
    frame.loc[frame["metric"] == "f1_2", "value"] = 0.0
    judged = claims.judge(tables).query("claim == 'C2' and endpoint == 'endpoint'")
    untested = judged[judged["verdict"] == NONE]
    assert untested["reason"].str.contains("class 2").all() and len(untested) == 2


@pytest.mark.slow
def test_claims_are_adjusted_to_each_other_by_holm():
    """A p of .03 decides alone, not beside another claim's .2; exact and simulated do not count."""
    judged = claims.judgements(classified({T: 0.8, D: 0.7}), "C1")
    (row,) = [r for r in judged if r.endpoint == "endpoint"]
    alone = replace(row, p=0.03, verdict=GOOD)
    other = replace(row, p=0.2, verdict=OPEN)
    outside = [replace(row, kind="exact", p=np.nan), replace(row, verdict=NONE, simulation=GOOD)]
    assert [r.verdict for r in claims.adjusted([alone, *outside])][0] == GOOD
    assert [r.verdict for r in claims.adjusted([alone, other])] == [OPEN, OPEN]
    assert claims.adjusted([alone, other])[0].p == pytest.approx(0.06)
    assert [r.p for r in claims.adjusted([replace(alone, p=0.02), other])] == [0.04, 0.2]


def test_what_would_change_a_verdict():
    """Seeds enough for the effect seen, or what the interval would have to reach."""
    tables = classified({T: 0.8, D: 0.7}, gap=(-0.1, 0.3), p=0.4)
    (row,) = [r for r in claims.judgements(tables, "C1") if r.endpoint == "endpoint"]
    effect = row.mde / row.ours
    assert claims.seeds_needed(row) == int(np.ceil(row.n_seeds * effect**2))
    assert f"about {claims.seeds_needed(row)} seeds" in claims.what_would_change(row)
    clear = replace(row, low=0.05, high=0.15)
    assert claims.what_would_change(clear).startswith("a smaller p")
    assert "seeds" in claims.what_would_change(replace(clear, n_seeds=2))
    alone = replace(row, low=np.nan, high=np.nan, mde=np.nan, n_seeds=1)
    assert claims.what_would_change(alone) == "more seeds"
    assert "detectable" not in claims.sentence(alone)
    decided = replace(row, verdict=GOOD)
    assert claims.what_would_change(decided) == "an interval not wholly above 0"
    found = decisions.estimate([1.4, 1.5, 1.7], (-np.inf, 2.0), "log")
    ratio = replace(row, kind="over_null", direction="below", limit=1.0, margin=1.0)
    ratio = replace(ratio, ours=found.value, mde=found.mde, n_seeds=3)
    expected = 3 * (np.log(found.mde) / np.log(2 / found.value)) ** 2
    assert claims.seeds_needed(ratio) == max(3, int(np.ceil(expected)))


def test_the_sentence_of_a_verdict():
    """The house sentence: the paper's number, ours with interval, unit, seeds and power."""
    evidence = claims.Evidence(source="A - B, r2", values=np.array([0.72, 0.74, 0.76]), paper=0.711)
    row = claims.verdict(checks.of_claim("C3")[0], evidence, "wwt", "original")
    text = claims.sentence(row)
    assert text.startswith(
        "A - B, R² (wwt): the paper reports 0.711, "
        "we find 0.740 [0.690, 0.790] R2, over 3 seeds, where it must be above 0 "
        "(smallest detectable effect 0.0"
    )
    assert text.endswith("): *supported*.")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("source == 'TST' and model == 'tst_paper' and share == 1", 0.8123),
        ("source == 'TST' and model == 'doppelganger' and share == 0", 0.671),
        ("source == 'TST' and model == 'tst_paper' and metric == 'f1_3'", 0.34),
        ("source == 'TST' and model == 'real' and metric == 'f1_1'", 0.92),
        ("source == 'TST' and model == 'tst_paper' and regressor == 'mlp_1'", 0.9093),
        ("source == 'TST' and model == 'real' and regressor == 'kernel_ridge'", 0.9087),
        ("source == 'TST notebooks' and model == 'tst_paper' and regressor == 'linear'", -453),
        ("source == 'DG' and model == 'doppelganger' and classifier == 'svm'", 0.675),
        ("source == 'DG' and model == 'real' and regressor == 'mlp_5'", 0.925),
        ("source == 'DG' and model == 'hmm' and regressor == 'linear'", 0.72),
    ],
)
def test_paper_numbers_spot_values(where, value):
    """Each number stands at one place, with its own value."""
    assert claims.paper_numbers().query(where)["value"].tolist() == [value]


def test_paper_numbers_are_complete():
    """14 accuracies, 12 F1, 12 R2, 3 facts of the model, 7 of notebooks, 50 of DG; none twice."""
    numbers = claims.paper_numbers()
    assert numbers.groupby(["source", "claim"]).size().to_dict() == {
        ("TST", "C1"): 14,
        ("TST", "C2"): 12,
        ("TST", "C3"): 12,
        ("TST", "C5"): 3,
        ("TST notebooks", "C3"): 7,
        ("DG", "C1"): 30,
        ("DG", "C3"): 20,
    }
    assert not numbers.drop(columns="value").duplicated().any()


def test_the_paper_value_of_a_check_is_the_paper_s_difference():
    """C1 at 0 % is 0.711 - 0.671, C3 against Real 0.9093 - 0.9061; not DG's protocol."""
    frame = claims.judge({}).drop_duplicates("source").set_index("source")
    values = {
        "TST - DG, accuracy, mlp, 0% real added": 0.04,
        "TST - DG, accuracy, mlp, 100% real added": 0.0083,
        "TST - real, r2, mlp_1, trained on synthetic+real": 0.0032,
    }
    assert frame.loc[list(values), "paper"].tolist() == pytest.approx(list(values.values()))
    assert np.isnan(frame.loc["TST - DG, accuracy, svm, 0% real added", "paper"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [str, int, float])
def test_classes_are_names_also_where_they_are_digits(kind):
    """A reader of CSV may take collection ids for numbers: checks and sentences keep the name."""
    tables = lengths(0.8)
    names = {"a": 113812204462, "b": 371808617014, "c": 7, "d": 20}
    tables["09-lengths"]["label"] = tables["09-lengths"]["label"].map(names).map(kind)
    floor = tables["09-lengths"].assign(model="real_floor_95")
    tables["09-lengths"] = pd.concat([tables["09-lengths"], floor])
    judged = claims.judge(tables).query("claim == 'Q1' and kind == 'length'")
    assert list(judged["source"].str.split(", ").str[1]) == [str(v) for v in names.values()]
    assert (judged["n_seeds"] == 4).all()


def test_classifiers_and_regressors_of_the_checks_are_known():
    """What the cases above use is what the checks ask for."""
    for check in checks.load():
        assert set(check.classifier) <= set(CLASSIFIERS)
        assert set(check.regressor) <= set(REGRESSORS)
