"""Laws of the claims: the paper's numbers, and that every rule gives each verdict that it can."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tst.evaluation.bootstrap import t_interval
from tst.study import checks, claims
from tst.vocabulary import CLASSIFIERS, REGRESSORS

GOOD, BAD, OPEN, PARTLY = "reproduced", "not reproduced", "not testable here", "partly"
SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
CONTROLS = ("seed_only", "seed_repeat", "bootstrap_copy")
F1 = [f"f1_{k}" for k in range(4)]


def rows(dataset="gcut", origin="subset", level=0.0, n_seeds=4, **columns):
    """Return rows of one place, a value a seed around `level`, with a spread of a thousandth."""
    values = [level + 0.001 * (-1) ** s for s in range(n_seeds)]
    fixed = {"dataset": dataset, "origin": origin} | columns
    return pd.DataFrame([fixed | {"seed": s, "value": v} for s, v in enumerate(values)])


def classified(levels, metrics=("accuracy",), classifiers=CLASSIFIERS, **fields):
    """Return a table 06 with every share and classifier; `levels` gives a score by model."""
    frames = []
    for model, level in levels.items():
        for share in SHARES:
            train = "real" if model == "real" else "synthetic+real" if share else "synthetic"
            place = {"model": model, "train": train, "share": float(share)} | fields
            frames += [
                rows(level=level, metric=m, classifier=c, **place)
                for m in metrics
                for c in classifiers
            ]
    return {"06-classification": pd.concat(frames), "06-differences": bootstrapped(**fields)}


def bootstrapped(p=0.01, origin="subset", **_):
    """Return a table 06-differences with all that notebook 06 tests on GCUT, each with one p."""
    grid = {"metric": ["accuracy", *F1], "share": SHARES, "classifier": list(CLASSIFIERS)}
    plan = pd.DataFrame(checks.bootstrap_plan("06-classification", "gcut", grid))
    return plan.assign(
        model=plan["ours"] + " - " + plan["other"], p_holm=p, dataset="gcut", origin=origin
    )


def regressed(levels, train="synthetic+real", **fields):
    """Return a table 07 with every regressor; `levels` gives a score by model."""
    places = [(m, v, r) for m, v in levels.items() for r in REGRESSORS]
    frames = [
        rows(
            "wwt",
            level=v,
            model=m,
            metric="r2",
            regressor=r,
            train="real" if m == "real" else train,
            **fields,
        )
        for m, v, r in places
    ]
    grid = {"metric": ["r2"], "regressor": list(REGRESSORS)}
    plan = pd.DataFrame(checks.bootstrap_plan("07-regression", "wwt", grid))
    tested = plan.assign(
        model=plan["ours"] + " - " + plan["other"], p_holm=0.01, dataset="wwt", origin="subset"
    )
    return {"07-regression": pd.concat(frames), "07-differences": tested}


def distances(name, model, metric, ratio, dataset="borg2019", **fields):
    """Return a table with a distance of `ratio` times a floor of 0.1."""
    pairs = ((model, 0.1 * ratio), ("real_floor", 0.1))
    return {
        name: pd.concat(
            [rows(dataset, level=v, model=m, metric=metric, **fields) for m, v in pairs]
        )
    }


def headline(tables, claim, dataset):
    """Return the "all checks" row of one claim and data set."""
    frame = claims.judge(tables).set_index(["claim", "dataset", "source"])
    return frame.loc[(claim, dataset, claims.OVERALL)]


C5 = {"n_parameters": 12_635_659, "causality_max_abs": 0.0, "padding_max_abs": 1e-16}


def exact(**changes):
    """Return a table 02 with the exact checks, some changed."""
    values = [{"metric": k, "value": v} for k, v in (C5 | changes).items()]
    fixed = {"dataset": "gcut", "origin": "simulated", "model": "tst_paper_full", "seed": 0}
    return {"02-train-tst": pd.DataFrame(values).assign(**fixed)}


def heads(other):
    """Return a table 08 in which sigmoid has 0.8, tanh 0.7 and both distribution heads `other`."""
    levels = {"sigmoid": 0.8, "tanh": 0.7, "mixture": other, "quantised": other - 0.1}
    fields = {"dataset": "wwt", "ablation": "head", "metric": "r2", "model": "tst"}
    return {
        "08-ablation": pd.concat([rows(level=v, setting=s, **fields) for s, v in levels.items()])
    }


def memory(**levels):
    """Return a table 11 of peak memory at 2,500 steps by attention."""
    fields = {"dataset": "borg2019", "model": "tst", "metric": "peak_memory_mb", "length": 2500}
    return {
        "11-long-sequences": pd.concat(
            [rows(level=v, attention=a, **fields) for a, v in levels.items()]
        )
    }


def unblurred(step=1.05, spread=0.95, acf=0.4, score=0.3, dataset="gcut"):
    """Return tables 10-seedless and 05-fidelity of our model; its errors are parts of DG's."""
    at = {"dataset": dataset, "origin": "subset"}
    own = [("step_change_ratio", step), ("spread_ratio", spread), ("acf_error", acf)]
    parts = [rows(level=v, model="tst", metric=m, **at) for m, v in own]
    parts.append(rows(level=1.0, model="doppelganger", metric="acf_error", **at))
    scores = [
        rows(level=v, model=m, metric="discriminative_score", **at)
        for m, v in (("tst", score), (D, 0.4))
    ]
    return {"10-seedless": pd.concat(parts), "05-fidelity": pd.concat(scores)}


def lengths(*ratios, floor=0.1, others=9.0, **fields):
    """Return a table 09: KS of lengths in each class, in units of the floor's 95 % quantile."""
    levels = {"tst": ratios, T: [others] * 4, D: [others] * 4, "real_floor_95": [1.0] * 4}
    places = [
        (m, k, v * floor) for m, parts in levels.items() for k, v in zip("abcd", parts, strict=True)
    ]
    return {
        "09-lengths": pd.concat(
            [rows(level=v, model=m, label=k, metric="length_ks", **fields) for m, k, v in places]
        )
    }


T, D, R = "tst_paper", "doppelganger", "real"
CASES = [
    ("C1", "gcut", classified({T: 0.8, D: 0.7}), GOOD),
    ("C1", "gcut", classified({T: 0.8, D: 0.7}, origin="simulated"), "partly"),
    ("C1", "gcut", classified({T: 0.8, D: 0.7}, classifiers=["mlp"]), "partly"),
    ("C1", "gcut", classified({T: 0.7, D: 0.8}), BAD),
    ("C1", "gcut", classified({T: 0.7, D: 0.7}), BAD),
    ("C1", "gcut", classified({T: 0.8, D: 0.7}, n_seeds=1), "partly"),
    ("C1", "gcut", classified({T: 0.8}), OPEN),
    ("C2", "gcut", classified({T: 0.8, D: 0.7, R: 0.6}, F1), GOOD),
    ("C2", "gcut", classified({T: 0.8, D: 0.7, R: 0.9}, F1), "partly"),
    ("C2", "gcut", classified({T: 0.6, D: 0.7, R: 0.9}, F1), BAD),
    ("C2", "gcut", classified({T: 0.8}, F1), OPEN),
    ("C3", "wwt", regressed({T: 0.92, D: 0.90, R: 0.91}), GOOD),
    ("C3", "wwt", regressed({T: 0.92, R: 0.91}), "partly"),
    ("C3", "wwt", regressed({T: 0.92, D: 0.93, R: 0.91}), "partly"),
    ("C3", "wwt", regressed({T: 0.91, D: 0.93, R: 0.91}), BAD),
    ("C3", "wwt", regressed({T: 0.90, R: 0.91}), BAD),
    ("C3", "wwt", regressed({T: 0.92}), OPEN),
    ("C4", "borg2019", distances("05-fidelity", T, "pearson_distance", 1.5), GOOD),
    (
        "C4",
        "borg2019",
        distances("05-fidelity", T, "pearson_distance", 1.5, origin="simulated"),
        "partly",
    ),
    ("C4", "borg2019", distances("05-fidelity", T, "pearson_distance", 2.0), BAD),
    ("C4", "borg2019", distances("05-fidelity", "ar", "pearson_distance", 1.0), OPEN),
    ("C5", "gcut", exact(), GOOD),
    ("C5", "gcut", exact(n_parameters=12_635_658), "partly"),
    ("C5", "gcut", exact(n_parameters=1, causality_max_abs=1e-16, padding_max_abs=1e-3), BAD),
    ("C5", "gcut", {}, OPEN),
    (
        "C6",
        "gcut",
        classified({T: 0.8, "seed_only": 0.5, "seed_repeat": 0.6, "bootstrap_copy": 0.7}),
        GOOD,
    ),
    (
        "C6",
        "gcut",
        classified({T: 0.8, "seed_only": 0.5, "seed_repeat": 0.6, "bootstrap_copy": 0.8}),
        "partly",
    ),
    (
        "C6",
        "gcut",
        classified({T: 0.8, "seed_only": 0.8, "seed_repeat": 0.9, "bootstrap_copy": 0.9}),
        BAD,
    ),
    ("C6", "gcut", classified({T: 0.8}), OPEN),
    ("C7", "wwt", heads(0.75), GOOD),
    ("C7", "wwt", heads(0.85), BAD),
    ("C7", "wwt", {}, OPEN),
    ("C8", "wwt", distances("05-fidelity", T, "acf_error", 1.0, "wwt"), GOOD),
    ("C8", "wwt", distances("05-fidelity", T, "acf_error", 5.0, "wwt"), BAD),
    ("C8", "gcut", {}, OPEN),
    ("Q1", "gcut", lengths(0.8, 0.9, 0.7, 5), GOOD),
    ("Q1", "gcut", lengths(0.8, 0.9, 0.7, 5, origin="simulated"), "partly"),
    ("Q1", "gcut", lengths(0.8, 0.9, 5, 5), BAD),
    ("Q1", "gcut", lengths(0.8, 0.9, 0.7, 0.7, others=0.75), BAD),
    ("Q1", "gcut", lengths(0, 0, 0, 0, floor=0), OPEN),
    ("Q1", "gcut", {}, OPEN),
    ("Q2", "gcut", classified({T: 0.8, "tst": 0.795}), PARTLY),
    ("Q2", "gcut", classified({T: 0.8, "tst": 0.795}) | unblurred(), GOOD),
    ("Q2", "borg2019", unblurred(dataset="borg2019"), GOOD),
    (
        "Q2",
        "borg2019",
        unblurred(step=1.2, spread=1.2, acf=0.6, score=0.5, dataset="borg2019"),
        BAD,
    ),
    ("Q2", "borg2019", unblurred(spread=0.85, dataset="borg2019"), PARTLY),
    ("Q2", "gcut", classified({T: 0.8, "tst": 0.7}), BAD),
    ("Q2", "wwt", regressed({T: 0.8, "tst": 0.7}, "synthetic"), BAD),
    ("Q2", "wwt", {}, OPEN),
    ("Q3", "borg2019", memory(full=1000, sliding=400, patches=600), GOOD),
    ("Q3", "borg2019", memory(full=1000, sliding=700), BAD),
    ("Q3", "borg2019", memory(full=1000), OPEN),
]


@pytest.mark.slow
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
    assert all({GOOD, BAD, OPEN} <= verdicts for verdicts in tried)


def test_judge_names_every_claim_and_nothing_it_should_not():
    """Without any table every claim is there, untested, and each sentence names a missing table."""
    frame = claims.judge({})
    assert list(frame.columns) == [*claims.COLUMNS, "kind", "direction", "limit", "reason"]
    assert list(dict.fromkeys(frame["claim"])) == list(claims.CLAIMS)
    assert set(frame["verdict"]) == {OPEN}
    assert frame["sentence"].str.contains(r"table \d\d-[a-z-]+ has not been written").all()


@pytest.mark.parametrize("dataset", ["gcut", "wwt", "borg2019"])
def test_any_part_of_the_tables_judges_every_claim(dataset):
    """No table, or tables of one data set alone: what is not there is said, and not left out."""
    fidelity = [
        rows(dataset, model=model, metric=metric, label="all", feature="all", level=level)
        for metric in ("acf_error", "pearson_distance", "discriminative_score")
        for model, level in {"tst_paper": 1.0, "real_floor": 1.0, "tst": 1.0}.items()
    ]
    for tables in ({}, {"05-fidelity": pd.concat(fidelity)}):
        judged = claims.judge(tables)
        assert set(judged["claim"]) == set(claims.CLAIMS)
        whole = judged[judged["source"] == claims.OVERALL].set_index(["claim", "dataset"])
        assert whole["verdict"].ne(OPEN).any() == bool(tables)
        assert whole.loc["C6", "verdict"].eq(OPEN).all()
        C4 = {True: GOOD, False: OPEN}[bool(tables) and dataset != "wwt"]
        assert whole.loc["C4", "verdict"].eq(C4).all()


def test_a_missing_baseline_is_named():
    """What cannot be judged says which rows are missing."""
    frame = claims.judge(classified({T: 0.8}))
    sentence = frame.loc[frame["claim"] == "C1", "sentence"].iloc[1]
    assert "no rows with dataset = gcut" in sentence and "model = doppelganger" in sentence


@pytest.mark.slow
def test_simulated_is_said_and_never_reproduces():
    """On simulated series a difference is at best partly, and its sentence says simulated."""
    tables = classified(
        {T: 0.8, D: 0.7, "seed_only": 0.5, "tst": 0.9, R: 0.5},
        ("accuracy", *F1),
        origin="simulated",
    )
    frame = claims.judge(tables)
    tested = frame[frame["n_seeds"] > 0]
    assert len(tested) > 20 and GOOD not in set(tested["verdict"])
    assert tested["sentence"].str.contains("simulated").all()


@pytest.mark.slow
def test_differences_are_paired_by_seed():
    """A gap that holds seed by seed is seen under a spread between seeds that hides it unpaired."""
    tables = classified({T: 0.5, D: 0.5})
    frame = tables["06-classification"]
    frame["value"] += 0.1 * frame["seed"] + 0.02 * (frame["model"] == T)
    assert headline(tables, "C1", "gcut")["verdict"] == GOOD
    assert headline(tables, "C1", "gcut")["ours"] == pytest.approx(0.02)


def test_seeds_that_do_not_meet_are_not_compared():
    """Without a common seed there is no difference."""
    tables = classified({T: 0.8, D: 0.7})
    frame = tables["06-classification"]
    frame.loc[frame["model"] == D, "seed"] += 100
    assert headline(tables, "C1", "gcut")["verdict"] == OPEN


@pytest.mark.slow
def test_c2_reports_the_share_that_speaks_most_against():
    """One share of real data at which a class loses is enough, and it is the one that is shown."""
    tables = classified({T: 0.8, D: 0.7, R: 0.6}, F1)
    frame = tables["06-classification"]
    frame.loc[
        (frame["model"] == T) & (frame["share"] == 0.2) & (frame["metric"] == "f1_3"), "value"
    ] = 0.1
    judged = claims.judge(tables).query("claim == 'C2'")
    against = judged[judged["verdict"] == BAD]
    assert list(against["source"]) == [
        "TST - DG, f1_3, mlp, 20% real added",
        "TST - real, f1_3, mlp, 20% real added",
    ]
    assert headline(tables, "C2", "gcut")["verdict"] == "partly"


def test_an_interval_that_contains_the_limit_counts_against():
    """Positive on average is not enough."""
    values = [0.1, -0.05, 0.1]
    mean, low, _ = t_interval(values)
    assert mean > 0 > low
    assert claims.decide(values, "above", 0) == BAD


@pytest.mark.parametrize(
    ("direction", "limit", "values", "expected"),
    [
        ("above", 0.5, [0.6, 0.61, 0.62], GOOD),
        ("above", 0.7, [0.6, 0.61, 0.62], BAD),
        ("below", 0.7, [0.6, 0.61, 0.62], GOOD),
        ("below", 0.61, [0.6, 0.61, 0.62], BAD),
        ("within", 0.611, [0.6, 0.61, 0.62], GOOD),
        ("within", 0.609, [0.6, 0.61, 0.62], BAD),
        ("within", 0.61, [0.61], PARTLY),
        ("equal", 3, [3.0], GOOD),
        ("equal", 3, [3.0, 4.0], BAD),
        ("at_most", 1e-12, [0.0], GOOD),
        ("at_most", 1e-12, [0.0, 1e-11], BAD),
        ("above", 0, [], OPEN),
    ],
)
def test_each_direction_says_where_the_values_must_lie(direction, limit, values, expected):
    """A whole interval, a mean, or each value, against the limit."""
    assert claims.decide(values, direction, limit) == expected


def test_no_verdict_hangs_on_the_wording():
    """Kind, limit and reason are columns: each of them is set whatever the sentence says."""
    frame = claims.judge(classified({T: 0.8, D: 0.7}) | exact())
    assert frame["reason"][frame["verdict"] == OPEN].str.len().min() > 0
    assert (frame["reason"][frame["n_seeds"] > 0] == "").all()
    rows = frame.drop_duplicates("claim", keep="last").set_index("claim")
    kinds = {"C1": "difference", "C4": "distance", "C5": "exact", "Q1": "length"}
    assert rows["kind"][list(kinds)].to_dict() == kinds
    limits = {"C1": 0, "C4": 2, "C5": 1e-12, "C7": -0.01, "Q1": 1, "Q3": 0.5}
    assert rows["limit"][list(limits)].to_dict() == limits


def test_the_overall_sentence_ends_with_that_of_the_worst_check():
    """It stresses the verdict on the claim alone, also where a source has a star of its own."""
    row, *checks_of_it = claims.judgements(classified({T: 0.8, D: 0.9}), "C1")
    starred = [replace(row, source="a * b"), *checks_of_it]
    text = claims.overall_sentence(claims.overall(starred), starred)
    assert text.startswith(f"0 of 11 checks hold: *{BAD}*. a * b (gcut): ")
    assert text.endswith(f": {BAD}.")


def test_the_sentence_of_a_verdict():
    """The house sentence: the paper's number, ours with its interval and seeds, the verdict."""
    evidence = claims.Evidence(source="A - B, r2", values=np.array([0.72, 0.74, 0.76]), paper=0.711)
    row = claims.verdict(checks.endpoints("C3")[0], evidence, "wwt", "original")
    assert claims.sentence(row) == (
        "A - B, r2 (wwt): the paper reports 0.711, "
        "we find 0.740 [0.690, 0.790] over 3 seeds: *reproduced*."
    )


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
    frame = claims.judge({}).set_index("source")
    assert frame.loc["TST - DG, accuracy, mlp, 0% real added", "paper"] == pytest.approx(0.04)
    assert frame.loc["TST - DG, accuracy, mlp, 100% real added", "paper"] == pytest.approx(0.0083)
    assert frame.loc["TST - real, r2, mlp_1, trained on synthetic+real", "paper"] == pytest.approx(
        0.0032
    )
    assert np.isnan(frame.loc["TST - DG, accuracy, svm, 0% real added", "paper"])


@pytest.mark.slow
def test_a_difference_asks_interval_and_bootstrap():
    """Where the bootstrap disagrees a difference fails; without a row of it, it holds partly."""
    tables = classified({T: 0.8, D: 0.7})
    assert headline(tables, "C1", "gcut")["p_holm"] == 0.01
    assert "p = 0.01 by paired bootstrap (Holm)" in headline(tables, "C1", "gcut")["sentence"]
    refused = tables | {"06-differences": bootstrapped(claims.SIGNIFICANT)}
    assert headline(refused, "C1", "gcut")["verdict"] == BAD
    alone = {"06-classification": tables["06-classification"]}
    assert headline(alone, "C1", "gcut")["verdict"] == "partly"
    assert "bootstrap" not in headline(alone, "C1", "gcut")["sentence"]
    other = bootstrapped().query("claim != 'C1'")  # the same pair, another claim's family
    assert headline(tables | {"06-differences": other}, "C1", "gcut")["verdict"] == "partly"


@pytest.mark.slow
@pytest.mark.parametrize("claim", ["C1", "C2", "C3", "C6", "Q2"])
def test_the_bootstrap_tests_what_the_rules_ask(claim):
    """Each difference in a task score that is judged finds its row beside notebooks 06 and 07."""
    levels = {T: 0.8, D: 0.7, R: 0.6, "tst": 0.9} | dict.fromkeys(CONTROLS, 0.5)
    tables = classified(levels, ("accuracy", *F1)) | regressed(levels)
    tables["07-regression"] = pd.concat(
        [tables["07-regression"], regressed(levels, "synthetic")["07-regression"]]
    )
    rows = [row for row in claims.judgements(tables, claim) if row.reason == ""]
    assert rows and all(row.n_seeds == 4 and row.p_holm == 0.01 for row in rows)


@pytest.mark.parametrize("kind", [str, int, float])
def test_classes_are_names_also_where_they_are_digits(kind):
    """A reader of CSV may take collection ids for numbers: checks and sentences keep the name."""
    tables = lengths(0.8, 0.9, 0.7, 5)
    names = {"a": 113812204462, "b": 371808617014, "c": 7, "d": 20}
    tables["09-lengths"]["label"] = tables["09-lengths"]["label"].map(names).map(kind)
    judged = claims.judge(tables).query("claim == 'Q1'").iloc[1:]
    assert list(judged["source"].str.split(", ").str[1]) == [str(v) for v in names.values()]
    assert (judged["n_seeds"] == 4).all() and judged["sentence"].iloc[0].startswith(
        "length ks, 113812204462, over"
    )


def test_rows_over_all_classes_are_none_of_q1():
    """The row "all" beside the classes is no class."""
    tables = lengths(0.8, 0.9, 0.7, 0.8)
    whole = tables["09-lengths"].query("label == 'a'").assign(label=checks.WHOLE, value=9.0)
    tables["09-lengths"] = pd.concat([whole, tables["09-lengths"]])
    assert headline(tables, "Q1", "gcut")["sentence"].startswith("4 of 4 checks hold")


def test_q1_names_what_it_misses():
    """Without our model the claim stays open, as does a class whose real lengths do not vary."""
    tables = lengths(0.8, 0.9, 0.7, 5)
    tables["09-lengths"] = tables["09-lengths"].query("model != 'tst'")
    assert "no rows with" in headline(tables, "Q1", "gcut")["sentence"]
    assert (
        "do not differ in length"
        in headline(lengths(0, 0, 0, 0, floor=0), "Q1", "gcut")["sentence"]
    )


def test_q1_asks_each_data_set_about_its_own_classes():
    """No class of one data set is looked for in another."""
    rows = [("gcut", "FAIL"), ("gcut", "KILL"), ("borg2019", "17")]
    frame = pd.DataFrame(rows, columns=["dataset", "label"]).assign(
        model="tst_paper", metric="length_ks", seed=0, value=0.1, origin="simulated"
    )
    judged = claims.judge({"09-lengths": frame})
    checks = judged[(judged["claim"] == "Q1") & (judged["source"] != claims.OVERALL)]
    assert sorted(checks["source"].str.split(", ").str[1]) == ["17", "FAIL", "KILL"]
