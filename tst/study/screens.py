"""A claim on one screen, in Markdown: what was claimed, what decides it, what was found.

Below it the controls: what the endpoint is worth beside a simple model (AR), a copy of real series,
the true length, or the real series twice. They decide nothing.
"""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tst.study import claims
from tst.study.checks import NO_DATA
from tst.study.report.markdown import NO_BREAK, number, table
from tst.study.wording import spoken
from tst.vocabulary import in_words, model_label

LEAST_P = 1e-4  # below it p is only said to be
N_LINES = 3  # checks of a control that have a line of their own; of more, verdicts are counted


def screen(judged: pd.DataFrame, claim: str) -> str:
    """Return the screen of a claim: its words, a row a data set, and the controls beside them.

    Parameters
    ----------
    judged
        As `tst.study.claims.judge` gives it.
    """
    text, against = claims.CLAIMS[claim]
    rows = judged[judged["claim"] == claim]
    wholes = rows[rows["source"] == claims.OVERALL]
    parts = [f"### {claim}. {text}", f"*What would count against it:* {against}"]
    parts += [f"*Where the number must lie:* {_limits(wholes)}", _endpoints(rows)]
    beside = controls(rows)
    if beside:
        parts += ["*Controls, which decide nothing:*", beside]
    return "\n\n".join(parts)


def _limits(wholes: pd.DataFrame) -> str:
    """Return unit and limit of a claim, and the paper's number where it has one."""
    limits: dict[str, list[str]] = {}
    for row in wholes.itertuples():
        told = f"{row.unit}, {claims.where(row)}"
        if not pd.isna(row.paper):
            told += f" (the paper: {number(row.paper)})"
        limits.setdefault(told, []).append(in_words(str(row.dataset)))
    if len(limits) == 1:
        return f"{next(iter(limits))}."
    return "; ".join(f"{', '.join(data)}: {told}" for told, data in limits.items()) + "."


def _endpoints(rows: pd.DataFrame) -> str:
    """Return the table of a claim's endpoints: a line a data set, by the worst of them."""
    cells = []
    for whole in rows[rows["source"] == claims.OVERALL].itertuples():
        is_deciding = (rows["dataset"] == whole.dataset) & (rows["endpoint"] == "endpoint")
        deciding = rows[is_deciding & (rows["source"] != claims.OVERALL) & (rows["n_seeds"] > 0)]
        words = _words(deciding)
        cells.append(
            [
                f"{in_words(str(whole.dataset))} ({whole.origin})",
                f"{spoken(whole.worst)}; {(words == 'supported').sum()} of {len(deciding)} hold",
                value_of(whole).replace(" ", NO_BREAK),
                f"{whole.n_seeds}{_behind('; ', whole.mde)}",
                f"{claims.told(whole, '**')}{_p_behind(whole.p)}",
                whole.change,
            ]
        )
    columns = ["data", "endpoint that speaks most against it", "here, 95 % interval"]
    columns += ["seeds; smallest detectable", "verdict, p after Holm", "what would change it"]
    return table(columns, cells)


def _behind(sign: str, value: float) -> str:
    """Return a number behind its sign; nothing where it is missing."""
    if pd.isna(value):
        return ""
    return f"{sign}{number(value)}"


def _p_behind(p: float) -> str:
    """Return p behind a verdict; nothing where it is missing."""
    if pd.isna(p):
        return ""
    return f", p < {LEAST_P:.4f}" if p < LEAST_P else f", p = {p:.2g}"


def controls(rows: pd.DataFrame) -> str:
    """Return the table of a claim's controls, a column a data set; empty where it has none.

    Parameters
    ----------
    rows
        Of one claim, as `tst.study.claims.judge` gives them.
    """
    made = rows[(rows["endpoint"] == "control") & (rows["n_seeds"] > 0)]
    data = list(dict.fromkeys(zip(made["dataset"], made["origin"], strict=True)))
    cells = []
    for pair, part in made.groupby("pair", sort=False):
        sides = _sides(str(pair))
        lines = dict(list(part.groupby("source", sort=False)))
        if len(lines) > N_LINES:
            lines = {f"{sides}, {len(lines)} checks": part}
        for source, checks in lines.items():
            first = checks.iloc[0]
            found = []
            for name, _ in data:
                found.append(_found(checks[checks["dataset"] == name]))
            where = f"{first['unit']}, {claims.where(first)}"
            cells.append([spoken(str(source)), where, *found])
    if not cells:
        return ""
    names = []
    for name, origin in data:
        names.append(f"{in_words(str(name))} ({origin})")
    return table(["control", "unit, where it would have to lie", *names], cells)


def compared(rows: pd.DataFrame) -> str:
    """Return the table of a claim's comparisons on a data set, the deciding ones first.

    Parameters
    ----------
    rows
        Of one claim and data set, as `tst.study.claims.judge` gives them.
    """
    made = rows[(rows["n_seeds"] > 0) & (rows["source"] != claims.OVERALL)]
    cells = []
    for kind in ("endpoint", "supporting"):
        for row in made[made["endpoint"] == kind].itertuples():
            where = f"{row.unit}, {claims.where(row)}"
            decides = "yes" if kind == "endpoint" else "no"
            found = [number(row.paper), value_of(row), claims.told(row)]
            cells.append([spoken(str(row.source)), decides, where, *found])
    columns = ["comparison", "decides", "unit, where it must lie", "paper"]
    return table([*columns, "here, 95 % interval", "verdict"], cells) if cells else ""


def _found(checks: pd.DataFrame) -> str:
    """Return what a control's checks on a data set say: the value of one, of more the verdicts."""
    if checks.empty:
        return ""
    if len(checks) == 1:
        return f"{value_of(checks.iloc[0])}: *{_words(checks).iloc[0]}*"
    return tally(checks)


def tally(rows: pd.DataFrame) -> str:
    """Return how many checks have which verdict: `3 *supported*, 1 *inconclusive*`.

    Parameters
    ----------
    rows
        As `tst.study.claims.judge` gives them; those over all endpoints of a claim and those that
        could not be made are not counted.
    """
    made = rows[(rows["n_seeds"] > 0) & (rows["source"] != claims.OVERALL)]
    counts = _words(made).value_counts()
    return ", ".join(f"{n} *{word}*" for word, n in counts.items()) or "none could be made"


def by_pair(rows: pd.DataFrame) -> str:
    """Return how many checks of each pair of models have which verdict, see `tally`."""
    told = []
    for pair, checks in rows.groupby("pair", sort=False):
        told.append(f"{_sides(str(pair))} {tally(checks)}")
    return "; ".join(told) or "none"


def _sides(pair: str) -> str:
    """Return a pair of models by their labels."""
    return " - ".join(map(model_label, pair.split(" - ")))


def _words(rows: pd.DataFrame) -> pd.Series:
    """Return the verdict of each row; of simulated series what it would have been."""
    return rows["simulation"].where(rows["simulation"] != "", rows["verdict"])


def with_classes(text: str, names: Sequence[str]) -> str:
    """Return a sentence about checks with the names of classes: `class 2 (HueSwitch)`.

    Parameters
    ----------
    names
        Of all classes, in the order of notebook 6; a class that is not among them stays a number.
    """
    by_number = {str(k): f" ({name})" for k, name in enumerate(names, 1)}
    return re.sub(r"class (\d+)", lambda found: found[0] + by_number.get(found[1], ""), text)


def value_of(row: Any) -> str:
    """Return our value with its interval, where there is one."""
    if pd.isna(row.low):
        return number(row.ours)
    return f"{number(row.ours)} [{number(row.low)}, {number(row.high)}]"


def numbers(frame: pd.DataFrame) -> str:
    """Return how many claims, and open questions, have which verdict, over data sets.

    Simulated series count in neither.
    """
    rows = frame[(frame["source"] == claims.OVERALL) & (frame["origin"] != "simulated")]
    parts = []
    for begin, name in (("C", "claims"), ("Q", "open questions")):
        of_kind = rows[rows["claim"].str.startswith(begin)]
        counts = of_kind["verdict"].value_counts()
        words = [f"{counts[v]} {v}" for v in reversed(claims.VERDICTS) if v in counts]
        n = of_kind["claim"].nunique()
        parts.append(f"Of {n} {name}, by data set: {', '.join(words) or 'none was judged'}.")
    return " ".join(parts) + " Simulated series are reported apart and never counted."


def letter(overall: pd.DataFrame) -> str:
    """Return a line a claim, with its verdict on each data set, as a Markdown list.

    Parameters
    ----------
    overall
        The rows over all endpoints as `tst.study.claims.judge` gives them.
    """
    lines = []
    for claim, rows in overall.groupby("claim", sort=False):
        words = []
        for row in rows.itertuples():
            data = "" if row.dataset == NO_DATA else f"{in_words(str(row.dataset))}: "
            words.append(f"{data}{claims.told(row)}")
        lines.append(f"- **{claim}** ({claims.CLAIMS[str(claim)][0]}) {'; '.join(words)}.")
    return "\n".join(lines)


def signed(value: float, low: float, high: float, digits: int = 3) -> str:
    """Return a difference with its sign and its interval, where more than one seed gives one."""
    text = f"{value:+.{digits}f}"
    return text if pd.isna(low) else f"{text} [{low:+.{digits}f}, {high:+.{digits}f}]"
