"""Laws of the history of rules: it is what the repository's own history holds."""

import io
import subprocess

import pandas as pd
import pytest

from tst.io import paths
from tst.study import checks, claims, screens, verdict_history
from tst.vocabulary import VERDICTS


def git(*arguments):
    """Return what git prints; skip where the history is not there (an archive, a shallow clone)."""
    command = ["git", "-C", str(paths.ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("git history is not there")
    return done.stdout


def test_former_verdicts_are_those_that_were_committed():
    """Each version's rows stand in its commit's table, number by number."""
    former = verdict_history.history()
    columns = ["claim", "dataset", "origin", "verdict", "ours", "low", "high"]
    for commit, rows in former.groupby("commit"):
        text = git("show", f"{commit}:results/laptop/tables/13-claims.csv")
        then = pd.read_csv(io.StringIO(text)).query("source == 'all checks'")
        expected = then[columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows[columns].reset_index(drop=True), expected)


def test_the_rules_were_committed_before_what_is_judged_by_them():
    """The commit is an ancestor, and its endpoints stand in the present table unchanged."""
    commit = verdict_history.RULES_COMMIT
    text = git("show", f"{commit}:tst/study/checks.csv")
    git("merge-base", "--is-ancestor", commit, "HEAD")
    then = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    now = pd.read_csv(checks.PATH, dtype=str, keep_default_na=False)
    endpoints = then[then["role"] == "endpoint"].drop(columns="dataset")
    assert len(endpoints) >= len(claims.CLAIMS)
    left = endpoints.merge(
        now.drop(columns="dataset").drop_duplicates(), how="left", indicator=True
    )
    assert (left["_merge"] == "both").all()


def test_versions_stand_side_by_side():
    """A column a version, the present one last, in its own words."""
    judged = claims.judge({})
    table = verdict_history.versions(judged[judged["source"] == claims.OVERALL])
    assert list(table.columns)[-1] == verdict_history.NOW
    assert table.loc[("C4", "borg2019"), "23 November"] == "reproduced"
    assert set(table[verdict_history.NOW]) <= {*VERDICTS, ""}


def test_a_screen_says_what_was_claimed_and_what_would_change_it():
    """Claim, what would count against it, and a row a data set."""
    judged = claims.judge({})
    text = screens.screen(judged, "C3")
    assert text.startswith(f"### C3. {claims.CLAIMS['C3'][0]}")
    assert claims.CLAIMS["C3"][1] in text
    assert "| wwt " in text and "what would change it" in text
    assert "0 of 0 hold" in text and "**not tested**" in text
    assert "control" not in text, "there is none to show"


def test_a_screen_says_the_limit_once_where_all_sets_share_it():
    """Unit, limit and the paper's number; else by data set. Power and p stand in the row."""
    judged = controlled(0)
    text = screens.screen(judged, "C1")
    assert "lie:* F1, above 0." in text
    assert "| 3; 0.100 | **supported**, p = 0.01 | - |" in text
    assert "**supported**, p < 0.0001 |" in screens.screen(judged.assign(p=1e-17), "C1")
    judged.loc[judged["dataset"] == "gcut", "paper"] = 0.04
    told = screens.screen(judged, "C1")
    assert "lie:* iot: F1, above 0; gcut: F1, above 0 (the paper: 0.040)." in told


def test_sources_of_checks_are_told_without_keys():
    """Every word of a check that is a key of the code stands as its label."""
    for source, told in {
        "tst oracle - DG, accuracy, mlp, 0% real added": (
            "TST, donor's length - DG, accuracy, MLP, 0% real added"
        ),
        "TST - ar, r2, mlp_1, trained on synthetic": (
            "TST - AR, R², MLP, 1 layer, trained on synthetic"
        ),
        "TST, acf rms over real halves' 95 % quantile": (
            "TST, autocorrelation over real halves' 95 % quantile"
        ),
        "n_parameters": "number of parameters",
        "TST - real, f1_10, naive_bayes": "TST - real, F1 of class 11, naive Bayes",
    }.items():
        assert screens.spoken(source) == told


def test_the_letter_has_a_verdict_of_every_claim():
    """A line a claim with each data set's verdict; what was simulated is told apart."""
    judged = claims.judge({})
    lines = screens.letter(judged[judged["source"] == claims.OVERALL]).splitlines()
    assert [line.split("**")[1] for line in lines] == list(claims.CLAIMS)
    assert all("*not tested*" in line for line in lines)
    (line,) = screens.letter(controlled(0).query("source == @claims.OVERALL")).splitlines()
    assert line.endswith("iot: *supported*; gcut: *supported*.")


def controlled(n_classes):
    """Return a judged claim on two sets: an endpoint, and a control of so many classes."""
    fixed = {"claim": "C1", "direction": "above", "limit": 0.0, "margin": 0.0, "unit": "F1"}
    fixed |= {"low": 0.1, "high": 0.3, "ours": 0.2, "paper": float("nan"), "mde": 0.1, "p": 0.01}
    fixed |= {"n_seeds": 3, "simulation": "", "verdict": "supported", "change": "-", "worst": "a"}
    rows = []
    for dataset, origin in (("iot", "subset"), ("gcut", "simulated")):
        here = fixed | {"dataset": dataset, "origin": origin, "pair": ""}
        rows.append(here | {"source": claims.OVERALL, "endpoint": "endpoint"})
        rows.append(here | {"source": "T - D, f1_0", "endpoint": "endpoint"})
        for k in range(n_classes):
            word = "supported" if k else "contradicted"
            control = {"source": f"T - ar, f1_{k}", "endpoint": "control", "verdict": word}
            rows.append(here | control | {"pair": "tst_paper - ar"})
    return pd.DataFrame(rows)


def test_controls_stand_beside_the_endpoints():
    """A control of one check: its value on each set; of many: how many of each verdict."""
    text = screens.screen(controlled(1), "C1")
    assert "a; 1 of 1 hold" in text
    told = "0.200 [0.100, 0.300]: *contradicted*"
    assert f"| T - AR, F1 of class 1 | F1, above 0 | {told} | {told} |" in text
    assert "control" not in screens.compared(controlled(1)), "a control is no comparison"
    of_iot = controlled(1).query("dataset == 'iot' or endpoint != 'control'")
    assert f"| T - AR, F1 of class 1 | F1, above 0 | {told} |" in screens.screen(of_iot, "C1")
    beside = of_iot.assign(endpoint="control", pair="x - y")[lambda rows: rows["dataset"] == "gcut"]
    asked = screens.controls(pd.concat([of_iot, beside]))
    assert f"| T - AR, F1 of class 1 | F1, above 0 | {told} |  |" in asked, (
        "nothing was asked there"
    )
    counted = screens.screen(controlled(9), "C1")
    assert "| TST - AR, 9 checks | F1, above 0 | 8 *supported*, 1 *contradicted* |" in counted


def test_comparisons_are_listed_the_deciding_ones_first():
    """A row a check that was made, under its labels, with what decides; none: no table."""
    rows = controlled(0).query("dataset == 'iot'").assign(pair="tst_paper - doppelganger")
    beside = rows.tail(1).assign(endpoint="supporting", source="T - D, f1_1", n_seeds=[3])
    missing = beside.assign(source="T - D, f1_2", n_seeds=0)
    lines = screens.compared(pd.concat([beside, missing, rows])).splitlines()[2:]
    told = "F1, above 0 |  | 0.200 [0.100, 0.300] | *supported* |"
    first, second = (f"| T - D, F1 of class {k} |" for k in (1, 2))
    assert lines == [f"{first} yes | {told}", f"{second} no | {told}"]
    assert screens.compared(missing) == ""


def test_checks_are_counted_by_their_verdict():
    """Without those over all endpoints and those that could not be made; none: it is said."""
    judged = controlled(3)
    assert screens.tally(judged) == "6 *supported*, 2 *contradicted*"
    assert screens.tally(judged.assign(n_seeds=0)) == "none could be made"
    assert (
        screens.by_pair(judged[judged["pair"] != ""]) == "TST - AR 4 *supported*, 2 *contradicted*"
    )
    assert screens.by_pair(judged[:0]) == "none"
    simulated = judged.assign(simulation="inconclusive", verdict="not tested")
    assert screens.tally(simulated) == "8 *inconclusive*"


def test_classes_have_their_names_in_a_sentence():
    """Counted from 1; a number without a name stays a number."""
    names = ["lamp", "radio", *"abcdefgh", "eleventh"]
    told = screens.with_classes("F1 of class 2, F1 of class 11, F1 of class 12", names)
    assert told == "F1 of class 2 (radio), F1 of class 11 (eleventh), F1 of class 12"
