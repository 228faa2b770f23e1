"""Laws of the verdict on a copy: honest ones stay green, each damage turns its own line red.

Honest: other series of the same kind. Copies of the learned series are honest but for privacy.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import read_back, shop_visits

from tst.study import own_verdict
from tst.study.own_verdict import Finding, headline, judge, report, summary
from tst.table.roles import Roles
from tst.table.table import Table
from tst.table.validity import Laid, judged_series

ROLES = Roles()
N_REAL = 160


def tables(seed=0, n_copy=160):
    """Return a real table, and as many other series of its kind under other names."""
    frame = shop_visits(N_REAL + n_copy, seed)
    is_real = frame["shop"].isin(frame["shop"].unique()[:N_REAL])
    return frame[is_real].reset_index(drop=True), frame[~is_real].reset_index(drop=True)


def judged(real, copy, seed=0):
    """Return {(section, name): state} of a copy that is read from a CSV, and the findings."""
    table, _ = Table.fit(real, ROLES)
    laid = Laid.of(table, real, ROLES, True)
    halves = judged_series(table, laid, "real").split(0.75, seed=seed)
    findings = judge(table, laid, copy, ROLES, halves, seed)
    return {(one.section, one.name): one.state for one in findings}, findings


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_honest_copies_are_green(seed):
    """Every check is within its limits, and the first line says so."""
    states, findings = judged(*tables(seed), seed)
    assert {key for key, state in states.items() if state != "ok"} == set()
    assert headline(findings).startswith("GREEN")
    assert {section for section, _ in states} == set(own_verdict.SECTIONS)


def permuted_labels(copy, rng):
    """Give each series the kind and the region of another."""
    first = copy.groupby("shop", sort=False)[["kind", "region"]].first()
    dealt = first.sample(frac=1, random_state=1).set_axis(first.index)
    return copy.assign(**{name: copy["shop"].map(dealt[name]) for name in dealt})


def shuffled_rows(copy, rng):
    """Shuffle what was measured over the days of each series, states but in their order."""
    order = np.lexsort((rng.random(len(copy)), pd.factorize(copy["shop"])[0]))
    measured = copy[["low", "high", "sold", "total"]].iloc[order]
    return copy.assign(**{name: measured[name].to_numpy() for name in measured})


def regrouped(copy, rng):
    """Deal the rows of each step of a series over all series."""
    step = copy.groupby("shop").cumcount()
    order = np.arange(len(copy))
    for rows in step.groupby(step).indices.values():
        order[rows] = rng.permutation(rows)
    measured = copy[["low", "high", "sold", "total"]].iloc[order]
    return copy.assign(**{name: measured[name].to_numpy() for name in measured})


def scaled(copy, rng):
    """Make a column half as large again, within its relations."""
    sold = copy["sold"] * 3
    return copy.assign(sold=sold, total=(sold * 2.5).round(2))


def halved(copy, rng):
    """Keep the first half of each series."""
    step = copy.groupby("shop").cumcount()
    length = copy.groupby("shop")["shop"].transform("size")
    return copy[step < length / 2].reset_index(drop=True)


def broken_relation(copy, rng):
    """Put one price below the other."""
    changed = copy.copy()
    changed.loc[7, "high"] = changed.loc[7, "low"] - 1
    return changed


def shuffled_pairs(copy, rng):
    """Deal the regions anew: the kinds keep their series."""
    first = copy.groupby("shop", sort=False)["region"].first()
    dealt = first.sample(frac=1, random_state=1).set_axis(first.index)
    return copy.assign(region=copy["shop"].map(dealt))


def days_off(copy, rng):
    """Move all days by three."""
    day = pd.to_datetime(copy["day"], format="%d/%m/%Y") + pd.Timedelta(3, "D")
    return copy.assign(day=day.dt.strftime("%d/%m/%Y"))


DAMAGES = {
    permuted_labels: ("use", "attributes"),
    shuffled_rows: ("quality", "autocorrelation"),
    regrouped: ("quality", "level"),
    scaled: ("quality", "values"),
    halved: ("quality", "lengths"),
    broken_relation: ("validity", "relations"),
    shuffled_pairs: ("use", "pairs"),
    days_off: ("validity", "calendar"),
}


@pytest.mark.long
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_turns_its_line_red(damage):
    """The line that is about it, and the first one."""
    real, copy = tables()
    states, findings = judged(real, read_back(damage(copy, np.random.default_rng(0))))
    assert states[DAMAGES[damage]] == "RED"
    assert headline(findings).startswith("RED")


@pytest.mark.slow
def test_learned_series_in_a_copy_turn_privacy_red():
    """A tenth of the copy is enough; no other section minds."""
    real, copy = tables()
    names = copy["shop"].unique()
    rows = []
    for old, new in zip(real["shop"].unique()[:40], names[:40], strict=True):
        rows.append(real[real["shop"] == old].assign(shop=new))
    mixed = pd.concat([*rows, copy[copy["shop"].isin(names[40:])]], ignore_index=True)
    states, findings = judged(real, mixed)
    assert states["privacy", "copied_series"] == "RED"
    assert {section for (section, _), state in states.items() if state == "RED"} == {"privacy"}
    assert headline(findings).startswith("RED")


def test_a_copy_of_other_columns_is_red_at_once():
    """One sentence of validity, and nothing else."""
    real, copy = tables(n_copy=40)
    states, findings = judged(real, copy.drop(columns="high"))
    assert states == {("validity", "format"): "RED"}
    assert "lacks the column 'high'" in summary(findings)


def test_without_held_out_series_only_validity_is_judged():
    """The first line is neither green nor red."""
    real, copy = tables(n_copy=20)
    table, _ = Table.fit(real, ROLES)
    findings = judge(table, Laid.of(table, real, ROLES, True), copy, ROLES, None)
    assert {one.section for one in findings} == {"validity"}
    assert headline(findings).startswith("VALID")


def findings_of(state, n=9):
    """Return many findings of a state in each section."""
    found = []
    for section in own_verdict.SECTIONS:
        names = ("attributes", "label", "pairs") if section == "use" else map(str, range(n))
        for name in names:
            found.append(Finding(section=section, name=name, state=state, text="x" * 200))
    return found


@pytest.mark.parametrize("state", ["ok", "RED"])
def test_the_summary_is_short(state):
    """At most 15 lines of one width; its first word is the verdict."""
    mixed = [*findings_of(state), *findings_of("ok")[:2]]
    for findings in (findings_of(state), mixed):
        lines = summary(findings, "after 9 steps" * 20).splitlines()
        assert len(lines) <= 15
        assert max(map(len, lines)) <= own_verdict.WIDTH
        assert lines[0].startswith("RED" if state == "RED" else "GREEN")
        assert lines[-1].startswith("training")


def test_the_summary_says_how_near_the_limit_the_nearest_is():
    """Of several checks that hold the one that uses most of its limit, with that limit."""
    one = Finding(
        section="quality", name="a", state="ok", text="a: 1.9 times", value=1.9, limit=2.0
    )
    far = replace(one, name="b", text="b: 0.1 times", value=0.1, note="limit 2.0")
    lines = summary([far, replace(one, note="limit 2.0")], "").splitlines()
    assert lines[1].endswith("2 hold; nearest its limit: a: 1.9 times, limit 2.0")


def test_colours_are_only_added():
    """Without them the text is the same."""
    findings = [*findings_of("RED"), *findings_of("ok")]
    plain = summary(findings, "x")
    text = own_verdict.coloured(plain)
    assert text.count(own_verdict.PLAIN) == len(plain.splitlines()) - 1  # all but the training
    for code in (*own_verdict.COLOURS.values(), own_verdict.PLAIN):
        text = text.replace(code, "")
    assert text == plain


@pytest.mark.slow
def test_the_report_has_every_finding():
    """Each text once, its first line first, and what ended the training."""
    real, copy = tables(n_copy=40)
    _, findings = judged(real, copy)
    text = report(findings, "after 9 steps it ended", "mine")
    assert text.startswith(f"# mine\n\n**{headline(findings)}**")
    assert all(text.count(one.text.replace("|", "\\|")) == 1 for one in findings)
    assert "After 9 steps it ended." in text
    assert len(own_verdict.frame_of(findings)) == len(findings)
