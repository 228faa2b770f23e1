"""Is the synthetic copy of a user's table sound? Validity first, then use, quality and privacy.

Each check has a value and a limit; limits are those of `tst.table.validity` (no row may break what
holds in every real one, but for bounds that are an accident of the real table: `tst.table.bounds`)
and of what honest sets show (`tst.evaluation.deals`, `use`, `leaks`). The first line is RED where
any check fails, GREEN only where all that could be judged are within their limits.

How often a known-good copy is red by all of them together tests/nightly/own_error.py counts
(results/nightly/own_error.csv).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Literal

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.evaluation import deals, leaks, use
from tst.evaluation.learned_scores import discriminative_score
from tst.evaluation.ragged import subsample
from tst.series import SeriesSet
from tst.study.report import markdown
from tst.table.roles import Roles
from tst.table.table import Table
from tst.table.validity import PARTS, Laid, judged_series, own_features, validity

Section = Literal["validity", "use", "quality", "privacy"]
State = Literal["ok", "RED", "-"]
SECTIONS: tuple[Section, ...] = ("validity", "use", "quality", "privacy")

MIN_HELD_OUT = 10  # series, without which nothing but validity is judged
TOLD_APART = 0.75  # share that a classifier of real and synthetic may tell
MOST_RED = 2  # of a section, that the summary shows: so that it never has more than 15 lines
WIDTH = 120  # of a line
COLOURS = {"RED": "\033[1;31m", "ok": "\033[32m", "GREEN": "\033[1;32m"}
PLAIN = "\033[0m"

ALONE = ("attributes", "label")  # checks that have a line of their own
USED = ("attributes", "pairs")  # measures that belong to use
WORDS = {
    "values": "values of {}",
    "level": "levels of series, {}",
    "spread": "spread within series, {}",
    "course": "course from start to end, {}",
    "steps": "changes from step to step, {}",
    "autocorrelation": "autocorrelation of {}",
    "correlation": "correlation of {}",
    "lengths": "lengths of series",
    "classes": "shares of classes, {}",
    "pairs": "pairs of attributes, {}",
    "attributes": "what attributes say: {}",
    "times": "rows by {}",
    "calendar": "calendar, {}",
}
SIGNS = {
    "copied_steps": "steps that equal a learned one",
    "copied_series": "series that equal a learned one",
    "nearer_to_learned": "nearer to a learned than to a held-out one",
    "membership": "attack on membership",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check of the copy.

    Parameters
    ----------
    section, name
        What it belongs to, and its key.
    state
        ok, RED, or - where it could not be judged.
    text, note
        What was found, and within what limit it should be.
    value, floor, limit
        In the check's own unit; floor: what honest sets show.
    """

    section: Section
    name: str
    state: State
    text: str
    note: str = ""
    value: float = np.nan
    floor: float = np.nan
    limit: float = np.nan


def judge(
    table: Table,
    real: Laid,
    copy: pd.DataFrame,
    roles: Roles,
    halves: tuple[SeriesSet, SeriesSet] | None,
    seed: int = 0,
    max_judged: int = 10**6,
) -> list[Finding]:
    """Judge a copy of a table.

    Parameters
    ----------
    table, real, roles
        What the real table is, its rows, and what the user said of it.
    copy
        As it is written, read again.
    halves
        Learned and held-out series of the real table, as `judged_series` returns them; None: too
        few, and only validity is judged.
    seed
        Of deals, draws and classifiers.
    max_judged
        Values of a set; of a larger one an excerpt is judged.
    """
    try:
        laid = Laid.of(table, copy, roles)
    except DataError as error:
        return [Finding(section="validity", name="format", state="RED", text=str(error), value=1)]
    findings = of_rules(validity(table, real, laid))
    if halves is None:
        return findings
    try:
        synthetic = judged_series(table, laid, "synthetic")
    except DataError as error:
        text = f"the copy cannot be compared: {error}"
        return [*findings, Finding(section="quality", name="read", state="RED", text=text)]
    return findings + of_series(table, halves, synthetic, seed, max_judged)


def of_rules(rules: pd.DataFrame) -> list[Finding]:
    """Return a finding for each part of validity that has rules."""
    findings = []
    for part in PARTS:
        of_part = rules[rules["part"] == part]
        if not len(of_part):
            continue
        is_broken = of_part["broken"] > 0
        text = f"{part}: {_n(len(of_part), 'rule')} {'hold' if len(of_part) > 1 else 'holds'}"
        text += " in every row"
        if is_broken.any():
            worst = of_part.sort_values("broken", ascending=False, kind="stable").iloc[0]
            text = f"{part}: {is_broken.sum():,} of {_n(len(of_part), 'rule')} broken, "
            text += f"'{worst['rule']}' {_n(int(worst['broken']), 'time')}"
        findings.append(
            Finding(
                section="validity",
                name=part,
                state=_state(is_broken.any()),
                text=text,
                value=float(of_part["broken"].sum()),
                limit=0.0,
            )
        )
    return findings


def of_series(
    table: Table,
    halves: tuple[SeriesSet, SeriesSet] | None,
    synthetic: SeriesSet,
    seed: int = 0,
    max_judged: int = 10**6,
) -> list[Finding]:
    """Return the findings on use, quality and privacy, none without held-out series.

    Parameters
    ----------
    synthetic
        Series of the copy, as `judged_series` returns them.
    halves, seed, max_judged
        As in `judge`.
    """
    if halves is None:
        return []
    n_features = len(table.series_features())
    learned = halves[0].excerpt(max_judged)
    held_out = halves[1].excerpt(max_judged)
    synthetic = own_features(synthetic, learned.n_features).excerpt(max_judged)
    phases = learned.feature_names[n_features:]
    measures = deals.compare(held_out, learned, synthetic, seed, phases)
    held_out = own_features(held_out, n_features)
    learned = own_features(learned, n_features)
    synthetic = own_features(synthetic, n_features)
    findings = _of_attributes(measures, held_out, learned, synthetic)
    findings += _of_label(held_out, learned, synthetic, seed)
    findings += _of_measures(measures)
    findings.append(_of_classifier(held_out, synthetic, seed))
    for sign in leaks.leaks(learned, held_out, synthetic, seed):
        findings.append(_of_sign(sign))
    return sorted(findings, key=lambda one: SECTIONS.index(one.section))


def _of_attributes(
    measures: pd.DataFrame, held_out: SeriesSet, learned: SeriesSet, synthetic: SeriesSet
) -> list[Finding]:
    """Return whether what attributes say about series survives."""
    found = use.explained(held_out, learned, synthetic, learned.feature_names)
    rows = measures[measures["measure"] == "attributes"]
    if not found or not len(rows):
        return []
    best = found[0]
    row = rows.iloc[0]
    said = (
        f"{best.attribute} explains {max(best.real, 0):.0%} of {best.fact}, "
        f"{max(best.synthetic, 0):.0%} in the copy"
    )
    return [_finding("use", row, f"{said}; {row['about']} {_times(row)}")]


def _of_label(
    held_out: SeriesSet, learned: SeriesSet, synthetic: SeriesSet, seed: int
) -> list[Finding]:
    """Return how well a classifier that the copy teaches tells the label of real series."""
    label = use.choose_label(learned)
    if label is None:
        return []
    score = use.label_score(held_out, learned, synthetic, label, seed)
    text = (
        f"telling {label}: {score.synthetic:.0%} taught by the copy, "
        f"{score.real:.0%} by real series, {score.guess:.0%} guessing"
    )
    state: State = "-"
    note = "real series do not teach it either"
    if np.isfinite(score.limit):
        state = _state(score.synthetic < score.limit)
        note = f"at least {score.limit:.0%}"
    return [
        Finding(
            section="use",
            name="label",
            state=state,
            text=text,
            note=note,
            value=score.synthetic,
            floor=score.real,
            limit=score.limit,
        )
    ]


def _of_measures(measures: pd.DataFrame) -> list[Finding]:
    """Return the findings of all measures but what attributes say."""
    findings = []
    for _, row in measures.iterrows():
        if row["measure"] == "attributes":
            continue
        section: Section = "quality"
        if row["measure"] in USED:
            section = "use"
        text = f"{WORDS[row['measure']].format(row['about'])}: {_times(row)}"
        findings.append(_finding(section, row, text))
    return findings


def _finding(section: Section, row: pd.Series, text: str) -> Finding:
    """Return the finding of a row of `deals.compare`."""
    return Finding(
        section=section,
        name=row["measure"],
        state=_state(row["times"] > row["limit"]),
        text=text,
        note=f"limit {row['limit']:.1f}",
        value=row["value"],
        floor=row["floor"],
        limit=row["limit"] * row["floor"],
    )


def _times(row: pd.Series) -> str:
    """Say how far apart sets are, in distances of parts of the real table."""
    return f"{row['times']:.1f} times real parts"


def _of_classifier(held_out: SeriesSet, synthetic: SeriesSet, seed: int) -> Finding:
    """Return whether a classifier tells real from synthetic series."""
    n = min(len(held_out), len(synthetic))
    if n < MIN_HELD_OUT:
        text = "too few series to train a classifier of real and synthetic"
        return Finding(section="quality", name="told_apart", state="-", text=text)
    share = 0.5 + discriminative_score(held_out, subsample(synthetic, n, seed), seed)
    limit = max(TOLD_APART, 0.5 + use.SIGMAS * 0.5 / np.sqrt(2 * n))
    text = f"a classifier tells {share:.0%} of real and synthetic series apart"
    return Finding(
        section="quality",
        name="told_apart",
        state=_state(share > limit),
        text=text,
        note=f"guessing 50%, limit {limit:.0%}",
        value=share,
        floor=0.5,
        limit=limit,
    )


def _of_sign(sign: leaks.Leak) -> Finding:
    """Return the finding of a sign that learned series are given away."""
    return Finding(
        section="privacy",
        name=sign.name,
        state=_state(sign.is_beyond),
        text=f"{SIGNS[sign.name]}: {sign.value:.2f} (honest: {sign.floor:.2f})",
        note=f"limit {sign.limit:.2f}",
        value=sign.value,
        floor=sign.floor,
        limit=sign.limit,
    )


def _state(is_beyond: bool | np.bool_) -> State:
    """Return the state of a check by whether its value is beyond its limit."""
    if is_beyond:
        return "RED"
    return "ok"


def _with(findings: Sequence[Finding], state: State) -> list[Finding]:
    return [one for one in findings if one.state == state]


def _of_section(findings: Sequence[Finding], section: str) -> list[Finding]:
    return [one for one in findings if one.section == section]


def _name(finding: Finding) -> str:
    return finding.name.replace("_", " ")


def _place(finding: Finding) -> str:
    return f"{finding.section}: {_name(finding)}"


def headline(findings: Sequence[Finding]) -> str:
    """Return the first line: RED, GREEN, or VALID where only that was judged."""
    red = _with(findings, "RED")
    n_judged = len(findings) - len(_with(findings, "-"))
    if red:
        names = list(dict.fromkeys(map(_place, red)))
        listed = ", ".join(names[:MOST_RED])
        if len(names) > MOST_RED:
            listed += f" and {len(names) - MOST_RED} more"
        return f"RED    {len(red)} of {_n(n_judged, 'check')} fail: {listed}"
    if all(one.section == "validity" for one in findings):
        return "VALID  nothing more is judged: too few series to hold some out"
    return f"GREEN  all {n_judged} checks are within their limits"


def summary(findings: Sequence[Finding], ending: str = "") -> str:
    """Return the verdict in at most 15 lines; `ending` is what ended the training."""
    lines = [headline(findings)]
    for section in SECTIONS:
        lines += _section_lines(section, _of_section(findings, section))
    if ending:
        lines.append(_cut(f"{'training':<10}{'':<5}{ending}"))
    return "\n".join(lines)


def coloured(text: str) -> str:
    """Return a summary with its states in colour."""
    return "\n".join(map(_coloured, text.splitlines()))


def _section_lines(section: Section, findings: Sequence[Finding]) -> list[str]:
    """Return the lines of a section: those that fail, and the others in one."""
    red = _with(findings, "RED")
    others = _with(findings, "ok")
    lines = []
    for one in red[:MOST_RED]:
        lines.append(_line("RED", f"{one.text}, {one.note}".strip(", ")))
    if len(red) > MOST_RED:
        names = ", ".join(map(_name, red[MOST_RED - 1 :]))
        lines[-1] = _line("RED", f"{len(red) - MOST_RED + 1} more: {names}")
    together = []
    for one in others:
        if one.name in ALONE:
            lines.append(_line("ok", one.text))
        else:
            together.append(one)
    if together:
        lines.append(_line("ok", _together(section, together)))
    for one in _with(findings, "-"):
        lines.append(_line("-", one.text))
    shown = []
    for i, line in enumerate(lines):
        shown.append(_cut(f"{section if i == 0 else '':<10}{line}"))
    return shown


def _line(state: State, text: str) -> str:
    return f"{state:<5}{text}"


def _together(section: Section, findings: Sequence[Finding]) -> str:
    """Return what several checks that hold have in common, in one line."""
    if section == "validity":
        names = ", ".join(map(_name, findings))
        return f"{names}: no row breaks what holds in every real row"
    nearest = max(findings, key=lambda one: one.value / max(one.limit, 1e-12))
    if len(findings) == 1:
        return nearest.text
    limit = f", {nearest.note}" if nearest.note else ""
    return f"{len(findings)} hold; nearest its limit: {nearest.text}{limit}"


def _cut(line: str) -> str:
    if len(line) <= WIDTH:
        return line
    return line[: WIDTH - 3] + "..."


def _coloured(line: str) -> str:
    """Return a line with its state in colour."""
    for word, colour in COLOURS.items():
        if line.startswith(word) or line[10:14].strip() == word:
            return line.replace(word, f"{colour}{word}{PLAIN}", 1)
    return line


def frame_of(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return the findings as a table: a row a check."""
    names = ["section", "name", "state", "value", "floor", "limit", "text", "note"]
    return pd.DataFrame(map(asdict, findings))[names]


def report(findings: Sequence[Finding], ending: str, name: str) -> str:
    """Return all findings as Markdown, the first line first."""
    parts = [f"# {name}", f"**{headline(findings)}**"]
    for section in SECTIONS:
        of_section = _of_section(findings, section)
        if of_section:
            rows = map(attrgetter("state", "text", "note"), of_section)
            parts += [f"## {section.capitalize()}", markdown.table(["", "found", "limit"], rows)]
    if ending:
        parts += ["## Training", f"{ending[0].upper()}{ending[1:]}."]
    parts.append("These are tests of this table, no guarantee.")
    return "\n\n".join(parts) + "\n"


def _n(n: int, what: str) -> str:
    """Return a number of things in words."""
    if n == 1:
        return f"1 {what}"
    return f"{n:,} {what}s"
