"""Laws of the table of checks: what it may hold, and that verdicts and bootstrap read the same."""

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import pytest

from tst.errors import DataError
from tst.study import checks, claims, evidence, weak_points
from tst.vocabulary import CLASSIFIERS, DATASETS, METRICS, MODELS, REGRESSORS

SHARES = [0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0]
GRIDS = {
    "06-classification": {
        "metric": ["accuracy", "f1_0", "f1_1", "f1_2", "f1_3"],
        "share": SHARES,
        "classifier": list(CLASSIFIERS),
    },
    "07-regression": {"metric": ["r2"], "regressor": list(REGRESSORS)},
}


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        (claims.PATH, ["claim", "text", "against"]),
        (
            evidence.PAPER,
            ["source", "claim", "dataset", "model", "train", "share", "classifier", "regressor"]
            + ["metric", "value"],
        ),
        (checks.PATH, list(checks.Check.__dataclass_fields__)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_columns_of_a_table_of_the_study(path, columns):
    """The three tables that are written by hand have these columns."""
    assert list(pd.read_csv(path).columns) == columns


def test_every_check_speaks_of_what_there_is():
    """Claims, data sets, models and metrics of the table are those of the study."""
    for check in checks.load():
        assert check.claim in (*claims.CLAIMS, "ours")
        assert check.role != "endpoint" or check.claim != "ours"
        assert set(check.dataset) <= {*DATASETS, checks.NO_DATA} and check.unit
        if check.by == "model" and check.kind != "exact":
            assert {*check.ours, *check.other} <= set(MODELS)
        if check.kind in ("over_null", "distance", "deviation"):
            assert check.metric in METRICS


def test_every_claim_has_one_endpoint():
    """One measure decides a claim on a data set; several rows of it differ in their sides alone."""
    for claim in claims.CLAIMS:
        rows = checks.of_claim(claim, "endpoint")
        assert rows
        for dataset in {name for row in rows for name in row.dataset}:
            kinds = {(r.kind, r.table, r.unit) for r in rows if dataset in r.dataset}
            assert len(kinds) == 1 or claim == "C5"


def test_every_comparison_of_generators_has_its_controls():
    """A simple model and a copy of real series stand beside every endpoint, where it is decided."""
    for endpoint in checks.of_claim(role="endpoint"):
        if endpoint.by != "model" or endpoint.kind == "exact":
            continue  # settings of one model are compared, or nothing is
        for dataset in endpoint.dataset:
            others = set()
            for check in checks.of_claim(endpoint.claim, "control"):
                if dataset in check.dataset and check.metric == endpoint.metric:
                    others |= set(check.other)
            assert {"ar", "bootstrap_copy"} <= others, (endpoint.claim, dataset)
    of_ours = [c for c in checks.of_claim("Q2") if c.table == "05-fidelity"]
    distances = {c.metric for c in checks.of_claim("C4") if c.kind == "over_null"}
    assert distances <= {c.metric for c in of_ours if c.kind == "over_null"}, "ours as TST"
    sides = {(c.ours, c.other) for c in checks.of_claim("C3", "control")}
    assert (("tst_paper",), ("real_twice",)) in sides
    assert any("tst_oracle" in c.ours for c in checks.of_claim("C1", "control"))


def test_a_region_is_what_direction_limit_and_margin_say():
    """The margin widens it: a difference of -.01 within its margin still holds."""
    regions = {
        "above": (0.5, np.inf),
        "below": (-np.inf, 1.5),
        "within": (0.5, 1.5),
        "at_most": (-np.inf, 1.5),
    }
    for direction, expected in regions.items():
        check = replace(checks.load()[0], direction=direction, limit=1.0, margin=0.5)
        assert check.region == expected


@pytest.mark.parametrize("table", GRIDS)
def test_the_bootstrap_covers_every_difference_with_its_limit(table):
    """Each difference of two models that a verdict reads is tested once in its claim."""
    dataset = {"06-classification": "gcut", "07-regression": "wwt"}[table]
    plan = pd.DataFrame(checks.bootstrap_plan(table, dataset, GRIDS[table]))
    columns = [c for c in ("claim", "ours", "other", "train", *GRIDS[table]) if c in plan]
    assert not plan.duplicated(columns).any()
    limits = plan.set_index(columns)["limit"].to_dict()
    n_endpoints = 0
    for check in checks.of_claim():
        if check.table != table or dataset not in check.dataset:
            continue
        metrics = [m for m in GRIDS[table]["metric"] if fnmatchcase(m, check.metric)]
        for metric in metrics:
            for place in replace(check, metric=metric).places(dataset):
                key = {"claim": check.claim, "ours": check.ours[0], "other": check.other[0]}
                values = key | place
                end = limits[tuple(values[column] for column in columns)]
                assert end == next(x for x in check.region if np.isfinite(x))
                n_endpoints += check.role == "endpoint"
    assert n_endpoints == {"06-classification": 1 + 8 + 2 + 1, "07-regression": 2 + 2}[table]


def test_another_data_set_has_its_own_classes():
    """What is judged on GCUT is tested elsewhere, in each class that there is."""
    grid = {"metric": [f"f1_{k}" for k in range(9)], "share": [0.0, 0.5], "classifier": ["mlp"]}
    plan = pd.DataFrame(checks.bootstrap_plan("06-classification", "borg2019", grid))
    counts = plan.groupby(["claim", "other", "share"]).size()
    assert set(counts) == {9} and set(plan["claim"]) == {"C2"}
    assert counts.unstack("share")[0.5].dropna().index.get_level_values("other").tolist() == [
        "doppelganger",
        "real",
    ]


def test_a_check_is_asked_of_the_data_sets_that_there_are():
    """Those of its list that some table has; the first stands for none."""
    (check,) = checks.of_claim("C4", "endpoint")
    table = pd.DataFrame({"dataset": ["gcut", "wwt", "borg2019"]})
    assert check.datasets({"05-fidelity": table}) == ["gcut", "borg2019"]
    assert check.datasets({}) == ["gcut"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("claim,role", "claim,what", "the columns must be claim, role, kind"),
        (
            "C1,endpoint",
            "C1,main",
            "line 2: role is 'main', it must be one of endpoint, control, supporting",
        ),
        ("difference,gcut", "gap,gcut", "line 2: kind is 'gap', it must be one of difference"),
        (",0,0,above", ",zero,0,above", "line 2: limit is 'zero', it must be a number"),
        (",0,0,above", ",0,none,above", "line 2: margin is 'none', it must be a number"),
    ],
)
def test_a_table_with_a_mistake_is_refused(old, new, message, tmp_path):
    """File, line, column and what may stand there are said in one sentence."""
    text = checks.PATH.read_text(encoding="utf-8")
    path = tmp_path / "checks.csv"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        checks.load(path)


def test_the_better_of_two_counts_seed_by_seed():
    """Of several places the largest value of each seed that all of them have."""
    rows = [("a", 0, 1.0), ("a", 1, 5.0), ("a", 2, 9.0), ("b", 0, 2.0), ("b", 1, 4.0)]
    table = pd.DataFrame(rows, columns=["setting", "seed", "value"])
    places = [{"setting": "a"}, {"setting": "b"}]
    best, reason = checks.best_by_seed({"t": table}, "t", places)
    assert best.to_dict() == {0: 2.0, 1: 5.0}
    assert reason == ""
    _, reason = checks.best_by_seed({"t": table}, "t", [*places, {"setting": "c"}])
    assert reason == "table t has no rows with setting = c"


def test_weak_points_keep_their_reason_beside_the_sentence():
    """What was found and why nothing was are columns; the sentence is made of them."""
    judged = weak_points.judge({}).set_index("point")
    assert judged.loc["W1", "reason"] == "table 04-generate has not been written"
    assert judged.loc["W1", "sentence"].endswith(judged.loc["W1", "reason"] + ".")
    assert judged.loc["W3", "sentence"] == f"{judged.loc['W3', 'statement']}: confirmed."
