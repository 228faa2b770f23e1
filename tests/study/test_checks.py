"""Laws of the table of checks: what it may hold, and that verdicts and bootstrap read the same."""

import pandas as pd
import pytest

from tst.errors import DataError
from tst.study import checks, claims, evidence, weak_points
from tst.vocabulary import CLASSIFIERS, METRICS, MODELS, REGRESSORS

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
    """Claims, models, classifiers and regressors of the table are those of the study."""
    for check in checks.load():
        assert check.claim in (*claims.CLAIMS, "ours")
        assert check.role == "supporting" or check.claim != "ours"
        assert set(check.classifier) <= {*CLASSIFIERS, "*"}
        assert set(check.regressor) <= {*REGRESSORS, "*"}
        if check.by == "model" and check.kind != "exact":
            assert {*check.ours, *check.other} <= set(MODELS)
        if check.kind in ("distance", "deviation"):
            assert check.metric in METRICS


def test_every_claim_has_an_endpoint():
    """No claim is left without a check."""
    assert {check.claim for check in checks.endpoints()} == set(claims.CLAIMS)


@pytest.mark.parametrize("table", GRIDS)
def test_the_bootstrap_covers_every_endpoint_with_its_limit(table):
    """Each difference of two models that a verdict reads is tested once in its claim's family."""
    dataset = {"06-classification": "gcut", "07-regression": "wwt"}[table]
    plan = pd.DataFrame(checks.bootstrap_plan(table, dataset, GRIDS[table]))
    columns = ["claim", "ours", "other", *GRIDS[table]]
    assert not plan.duplicated(columns).any()
    limits = plan.set_index(columns)["limit"].to_dict()
    n_endpoints = 0
    for check in checks.endpoints():
        if check.table != table or not check.asks(dataset):
            continue
        for place in check.places(dataset):
            cell = tuple(place[column] for column in GRIDS[table])
            assert limits[check.claim, check.ours[0], check.other[0], *cell] == check.limit
            n_endpoints += 1
    assert n_endpoints == {"06-classification": 11 + 56 + 3 + 1, "07-regression": 4 + 12}[table]


def test_another_data_set_has_the_same_families_and_its_own_classes():
    """What is judged on GCUT alone is still tested elsewhere, in each class that there is."""
    grid = {"metric": [f"f1_{k}" for k in range(9)], "share": [0.0, 0.5], "classifier": ["mlp"]}
    plan = pd.DataFrame(checks.bootstrap_plan("06-classification", "borg2019", grid))
    assert plan.groupby("claim").size().to_dict() == {"C2": 2 * 9 * 2}


def test_a_check_names_its_data_sets():
    """A named data set, or those of the table without the one that is left out."""
    (check,) = checks.endpoints("C4")
    table = pd.DataFrame({"dataset": ["gcut", "wwt", "borg2019"]})
    assert check.datasets({"05-fidelity": table}) == ["gcut", "borg2019"]
    assert checks.endpoints("C7")[0].datasets({}) == ["wwt"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("claim,role", "claim,what", "the columns must be claim, role, kind"),
        (
            "C1,endpoint",
            "C1,main",
            "line 2: role is 'main', it must be one of endpoint, supporting",
        ),
        ("difference,gcut", "gap,gcut", "line 2: kind is 'gap', it must be one of difference"),
        (",0,above", ",zero,above", "line 2: limit is 'zero', it must be a number"),
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
