"""Copy numbers from the committed results into the README files: `make readme`.

In README.md it rewrites what stands between `<!-- claims:begin -->` and `<!-- claims:end -->` (the
claims, one line each). In each of PAGES it fills, where they stand, the markers `questions` (the
open ones), `findings`, `held` (what holds and what does not, as a list), `levels` (the accuracies
behind C1), `scale` (sizes and epochs of the models), `figure` (of all endpoints), `calibrated`
(where the rules were), `endpoints` (a line a claim and data set), `numbers` (how many claims have
which verdict), `weak` (W1 to W9),
`cost` (notebook 12's ratios), `nightly` (what `make nightly` found) and `contents` (the notebooks
with their answers). Numbers are those of profile full where it was judged, else of laptop
(`committed.py`). With `--check` it only tells whether they still agree. No number is typed by hand.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from tst.errors import DataError
from tst.io import files, paths
from tst.study import claims, weak_points
from tst.study.checks import NO_DATA, region_of
from tst.study.decisions import decided
from tst.study.report import committed, contents, findings
from tst.study.report.markdown import NO_BREAK, number, table
from tst.study.screens import numbers, value_of
from tst.vocabulary import in_words

NIGHTLY = "results/nightly"
MAIN = "README.md"
PAGES = (MAIN, "notebooks/README.md", "results/README.md")
# Claims and open questions in a few words, in fewer, and the notebook that shows most of each;
# its name is make's target, too.
SHORT = {
    "C1": "Classifiers learn more from TST's series alone than from DG's",
    "C2": "F1 is higher in every class, also than with real series (the worst class)",
    "C3": "Forecasters of web traffic learn more from TST's series alone than from DG's",
    "C4": "Correlations between measurements are kept",
    "C5": "Architecture: parameters as stated, causal, padding without influence",
    "C6": "What is generated helps, not the two real conditioning steps",
    "C7": "A plain sigmoid or tanh output is enough",
    "C8": "It works across data sets and lengths (autocorrelation)",
    "Q1": "Lengths learned without stop flags",
    "Q2": "Series generated without real conditioning steps",
    "Q3": "2,500 steps in less memory",
}
BRIEF = {
    "C1": "classifiers: better than DG's",
    "C2": "highest F1 in all classes",
    "C3": "forecasters: better than DG's",
    "C4": "correlations kept",
    "C5": "architecture as stated",
    "C6": "more than conditioning steps",
    "C7": "a plain output is enough",
    "C8": "autocorrelation kept",
    "Q1": "lengths without flags",
    "Q2": "no conditioning steps",
    "Q3": "half the memory, by patches",
}
NOTEBOOKS = {
    "C1": "06-classification-borg2019",
    "C2": "06-classification-borg2019",
    "C3": "07-regression-wwt",
    "C4": "05-fidelity-borg2019",
    "C5": "02-train-tst-wwt",
    "C6": "06-classification-borg2019",
    "C7": "08-ablation-head",
    "C8": "05-fidelity-wwt",
    "Q1": "09-lengths-iot",
    "Q2": "10-seedless-wwt",
    "Q3": "11-long-sequences-borg2019",
}
NONE = "none"
SHORT_COLUMNS = ("claim", "test and unit", "paper", "here, 95 % interval, and verdict", "notebook")
DIFFERENCES = ("accuracy", "F1", "R2")  # units of scores, of which endpoints are differences
COSTS = {
    "train_speedup": "training the paper's model on GCUT's lengths, useful steps a second, "
    "over the literal recipe",
    "matrix_rate_fraction": "FLOP rate of its training steps at window 400, "
    "over a plain matrix product's (1 is the limit)",
    "generate_speedup": "generating 64 series of 550 steps, over the literal loop",
    "generate_over_gpt2": "64 series of 200 steps, over a GPT-2 of its depth and width "
    "with its own cache (transformers)",
    "memory_ratio_2500": "peak memory of a training step on 2,500 steps, "
    "as a part of materialised attention's",
    "builder_speedup": "building GCUT from the raw trace, over a pandas loop",
    "builder_memory_ratio_10_to_2": "memory of that for 10 parts, over 2 parts",
    "own_memory_ratio_1e7_to_1e6": "peak memory of `tst own` on a table of 10 million rows, "
    "over a million",
}


def overall(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the row over all endpoints of each claim and data set, table 13-claims, by claim."""
    rows = frame[frame["source"] == claims.OVERALL].copy()
    rows["claim"] = pd.Categorical(rows["claim"], list(claims.CLAIMS))
    return rows.sort_values(["claim", "dataset"])


@dataclass(frozen=True, kw_only=True)
class ShortRow:
    """A claim on one line.

    Parameters
    ----------
    claim, text
        Its id and what it says in a few words.
    test, paper
        Unit and where the number must lie; the paper's number.
    judged
        (value with its interval, verdict) of each real data set.
    notebook
        Name of the executed copy that shows most of it.
    """

    claim: str
    text: str
    test: str
    paper: str
    judged: tuple[tuple[str, str], ...]
    notebook: str


def short_rows(
    frame: pd.DataFrame, names: Sequence[str], fallback: pd.DataFrame | None = None
) -> list[ShortRow]:
    """Return claims in a few words, each with its verdict on each real set.

    Parameters
    ----------
    frame
        Table 13-claims.
    names
        Claims, C1 to C8 or Q1 to Q3.
    fallback
        Another such table, for the paper's numbers that `frame` lacks: those of gcut, on which
        profile full is not run.
    """
    told_of = overall(frame)
    papers = pd.concat([told_of, told_of if fallback is None else overall(fallback)])
    rows = []
    for name in names:
        known = papers.loc[papers["claim"] == name, "paper"].dropna()
        rows.append(_short_row(name, told_of[told_of["claim"] == name], known))
    return rows


def _short_row(name: str, all_rows: pd.DataFrame, papers: pd.Series) -> ShortRow:
    real = all_rows[(all_rows["origin"] != "simulated") & (all_rows["verdict"] != "not tested")]
    judged = []
    for row in real.itertuples():
        seeds = "" if row.n_seeds <= 1 else f", n = {row.n_seeds:g}"
        data = "" if row.dataset == NO_DATA else f"{row.dataset}: "
        judged.append((f"{data}{short(row)}{seeds}", row.verdict))
    test = f"{_unit(all_rows)}, {claims.where(all_rows.iloc[0])}" if len(all_rows) else ""
    of_paper = "no number"
    if len(papers):
        paper = papers.iloc[0]
        of_paper = f"{paper:,.0f}" if paper >= 1000 else f"{paper:,.3g}"
    return ShortRow(
        claim=name,
        text=SHORT[name],
        test=test,
        paper=of_paper,
        judged=tuple(judged),
        notebook=NOTEBOOKS[name],
    )


def _unit(rows: pd.DataFrame) -> str:
    """Return the units of a claim's rows of table 13-claims; of scores, that they are differences.

    One claim may have several: accuracy on sets with classes, R2 on others.
    """
    units = rows["unit"].drop_duplicates()
    together = " or ".join(units).replace("R2", "R²")
    if units.isin(DIFFERENCES).all():
        return f"difference in {together}"
    return together


def short_table(frame: pd.DataFrame, names: Sequence[str], folder: Path) -> str:
    """Return `short_rows` as a Markdown table.

    Parameters
    ----------
    folder
        The repository, which says where each notebook's executed copy stands.
    """
    rows = []
    for row in short_rows(frame, names):
        found = []
        for value, verdict in row.judged:
            told = value.replace(" ", NO_BREAK)  # an interval stays on one line
            found.append(f"{told}: *{verdict}*")
        results = committed.place(folder, f"{row.notebook}.ipynb")
        link = f"[{row.notebook}]({results}/{row.notebook}.ipynb)"
        here = "<br>".join(found) or "*not tested*"
        rows.append([f"{row.claim}. {row.text}", row.test, row.paper, here, link])
    return table(SHORT_COLUMNS, rows)


def short(row: Any) -> str:
    """Return our value of a row of table 13-claims with two digits, and its interval."""
    value, low, high = map(two_digits, (row.ours, row.low, row.high))
    return value if pd.isna(row.low) else f"{value} [{low}, {high}]"


def two_digits(value: float) -> str:
    """Return a number with two digits, all of a whole part."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


def claims_table(frame: pd.DataFrame) -> str:
    """Return the claims as a Markdown table, one line a claim and data set of table 13-claims."""
    rows = []
    for row in overall(frame).itertuples():
        text = claims.CLAIMS[row.claim][0]
        seeds = f"{row.n_seeds:g}"
        cells = [
            row.claim,
            text,
            data_of(row),
            f"{row.unit}, {claims.where(row)}",
            number(row.paper),
        ]
        rows.append((*cells, value_of(row), seeds, number(row.mde), claims.told(row)))
    columns = ["", "claim", "data", "unit, where it must lie", "paper", "here, 95 % interval"]
    columns += ["seeds", "smallest detectable", "verdict"]
    return table(columns, rows, tight=True)


def data_of(row: Any) -> str:
    """Return the data set of a row of table 13-claims, with its origin where it has one."""
    name = in_words(row.dataset)
    return name if row.dataset == NO_DATA else f"{name}, {row.origin}"


def held(frame: pd.DataFrame) -> str:
    """Return a Markdown list: which claims and questions hold on which real sets, which do not."""
    rows = overall(frame)
    rows = rows[rows["origin"] != "simulated"]
    is_claim = rows["claim"].astype(str).str.startswith("C")
    parts = []
    for verdict in ("supported", "contradicted"):
        parts.append(f"- **{verdict.capitalize()}**: {_named(rows[is_claim], verdict)}.\n")
    is_open = is_claim & (rows["verdict"] == "inconclusive")
    if is_open.any():
        n_against = 0
        for row in rows[is_open].itertuples():
            region = region_of(row.direction, row.limit, row.margin)
            n_against += decided(row.low, row.high, region) == "contradicted"
        pairs = "1 pair" if is_open.sum() == 1 else f"{is_open.sum()} pairs"
        parts.append(
            f"- **Inconclusive**: {pairs} of claim and data set, "
            f"{n_against} of them wholly on the wrong side but for Holm's correction.\n"
        )
    else:
        printed = _open_as_printed(frame)
        told = f"{', '.join(printed)} as printed, real series added"
        parts.append(f"- **Inconclusive**: {told if printed else NONE}.\n")
    questions = []
    for verdict in ("supported", "contradicted", "inconclusive"):
        named = _named(rows[~is_claim], verdict)
        if named != NONE:
            questions.append(f"{verdict}: {named}")
    told = "; ".join(questions) or NONE
    return f"{''.join(parts)}- **Open questions**, with TST (ours): {told}."


def _open_as_printed(frame: pd.DataFrame) -> list[str]:
    """Return the claims whose comparisons with a number of the paper all decide nothing.

    They support the claim and are no endpoints: the rules refuse them, or put others before them.
    """
    is_printed = (frame["endpoint"] == "supporting") & frame["paper"].notna()
    rows = frame[is_printed & (frame["origin"] != "simulated") & (frame["verdict"] != "not tested")]
    is_open = rows["verdict"].eq("inconclusive").groupby(rows["claim"]).all()
    return [claim for claim in claims.CLAIMS if is_open.get(claim, False)]


def levels(frame: pd.DataFrame, accuracy: pd.DataFrame) -> str:
    """Return the accuracies behind C1's and Q2's differences, of each real set of C1.

    Parameters
    ----------
    frame
        Table 13-claims.
    accuracy
        Table 06-classification.
    """
    judged = overall(frame).query("claim == 'C1' and origin != 'simulated'")["dataset"]
    rows = accuracy[(accuracy["metric"] == "accuracy") & (accuracy["classifier"] == "mlp")]
    rows = rows[rows["dataset"].isin(judged) & (rows["share"].astype(float) == 0)]
    mean = rows.pivot_table(index="dataset", columns="model", values="value")
    told = []
    for row in mean[["tst_paper", "doppelganger", "tst", "real"]].dropna().itertuples():
        told.append(f"{row.Index} {', '.join(map(two_digits, row[1:]))}")
    return f"Accuracies (TST, DG, TST (ours), real): {'; '.join(told)}."


def _named(rows: pd.DataFrame, verdict: str) -> str:
    """Return the claims of a verdict in a few words, with their data sets."""
    names = []
    of_verdict = rows[rows["verdict"] == verdict]
    for claim, sets in of_verdict.groupby("claim", observed=True)["dataset"]:
        where = ", ".join(data for data in sets if data != NO_DATA)
        behind = f"{claim}: {where}" if where else claim
        names.append(f"{BRIEF[str(claim)]} ({behind})")
    return "; ".join(names) or NONE


def weak_table(frame: pd.DataFrame) -> str:
    """Return the weak points, table 13-weak-points, as a Markdown table."""
    rows = []
    for row in frame.sort_values("point").itertuples():
        text = weak_points.POINTS["text"][row.point]
        rows.append((row.point, text, f"*{row.verdict}*", row.sentence))
    return table(["", "weak point", "verdict", "what was found"], rows, tight=True)


def cost_table(frame: pd.DataFrame) -> str:
    """Return notebook 12's ratios as a Markdown table."""
    values = frame.set_index("metric")["value"]
    rows = [(f"{values[metric]:.3g}", COSTS[metric]) for metric in COSTS if metric in values.index]
    return table(["ratio", "of what"], rows, tight=True)


def nightly_list(folder: Path) -> str:
    """Return what the long tests found as a Markdown list.

    Parameters
    ----------
    folder
        Of the tables fuzz.csv, kills.csv, reruns.csv and own_error.csv.
    """
    lines = [_fuzz_line(folder), _own_error_line(folder), _kills_line(folder)]
    for row in pd.read_csv(folder / "reruns.csv").itertuples():
        lines.append(_rerun_line(row))
    return "\n".join(f"- {line}" for line in lines)


def _fuzz_line(folder: Path) -> str:
    fuzz = pd.read_csv(folder / "fuzz.csv")
    n_cases = fuzz["cases"].sum()
    n_accepted = fuzz["accepted"].sum()
    n_refused = fuzz["refused"].sum()
    return (
        f"{n_cases:,} malformed or hostile inputs at {len(fuzz)} entry points: {n_accepted:,} were "
        f"read correctly, {n_refused:,} refused with a one-line message, "
        f"{n_cases - n_accepted - n_refused:,} ended otherwise."
    )


def _own_error_line(folder: Path) -> str:
    copies = pd.read_csv(folder / "own_error.csv")
    return (
        f"{copies['red_copies'].sum()} of {copies['copies'].sum()} known-good copies of "
        f"{copies['table'].nunique()} kinds of tables get a red verdict, "
        f"{copies['red_lines'].sum()} of {copies['lines'].sum():,} lines."
    )


def _kills_line(folder: Path) -> str:
    kills = pd.read_csv(folder / "kills.csv")
    victims = ", ".join(f"{row.victim} {row.kills}" for row in kills.itertuples())
    return (
        f"{kills['survived'].sum():.0f} of {kills['kills'].sum()} kills survived ({victims}): "
        f"killed at random moments and started again, {kills['studies'].iloc[0]} miniature studies "
        f"ended in the same {kills['files'].iloc[0]} files, byte for byte."
    )


def _rerun_line(row: Any) -> str:
    """Return how far the files of one run are those of another."""
    text = (
        f"{row.run} against {row.against}: {row.identical} of {row.files} files are the same, "
        "byte for byte"
    )
    if row.identical < row.files:
        text += (
            f"; of the {row.values:,} values in tables {row.same_values / row.values:.1%} agree to "
            f"six digits, relative difference: 99th percentile {row.relative_difference_p99:.2g}, "
            f"maximum {row.relative_difference_max:.2g}"
        )
    return f"{text}."


def markdown_parts(folder: Path, page: str) -> dict[str, str]:
    """Return {marker: Markdown} of what README.md quotes.

    Parameters
    ----------
    folder
        The repository, which holds the results that `committed` names, and `NIGHTLY`.
    page
        The text of a README; a marker that is absent is not filled.
    """

    @cache
    def read(name: str) -> pd.DataFrame:
        """Return a table of the results."""
        return committed.read(folder, name)

    @cache
    def judged() -> pd.DataFrame:
        """Return the verdicts."""
        return committed.judged(folder)

    def of_claims(letter: str) -> str:
        """Return the table of what begins with C, or with Q."""
        names = [name for name in SHORT if name.startswith(letter)]
        return short_table(judged(), names, folder)

    writers: dict[str, Callable[[], str]] = {
        "claims": lambda: of_claims("C"),
        "questions": lambda: of_claims("Q"),
        "endpoints": lambda: claims_table(judged()),
        "held": lambda: held(judged()),
        "levels": lambda: levels(judged(), read("06-classification")),
        "numbers": lambda: numbers(judged()),
        "weak": lambda: weak_table(read("13-weak-points")),
        "cost": lambda: cost_table(read("12-cost")),
        "nightly": lambda: nightly_list(folder / NIGHTLY),
        "findings": lambda: findings.findings(
            judged(),
            read("11-long-sequences"),
            committed.at_papers_size(folder / "results", "07-differences"),
        ),
        "scale": lambda: _scale(folder, judged()),
        "figure": lambda: _figure(folder),
        "calibrated": lambda: _calibrated(folder),
        "contents": lambda: contents.listed(folder),
    }
    parts = {}
    for marker, write in writers.items():
        if _asks_for(marker, page):
            parts[marker] = write()
    return parts


def _scale(folder: Path, judged: pd.DataFrame) -> str:
    """Return what README.md says of the sizes of the models that were judged."""
    copies = committed.copies(folder, "02-train-tst-")
    return f"> **Scale.** {findings.scale(copies, judged)}"


def _calibrated(folder: Path) -> str:
    """Return the sentence that leads to how the rules were calibrated."""
    notebook = "13-claims.ipynb"
    results = committed.place(folder, notebook)
    return (
        f"The rules for these verdicts were [calibrated]({results}/{notebook}) on real series "
        "alone, before any result was judged by them."
    )


def _figure(folder: Path) -> str:
    """Return the figure of all endpoints."""
    results = committed.place(folder)
    alt = "Each claim's endpoint with its interval and limit"
    return f"![{alt}]({results}/figures/13-claims.png)"


def _asks_for(name: str, page: str) -> bool:
    return f"<!-- {name}:" in page


def filled(page: str, parts: dict[str, str], name: str = MAIN) -> str:
    """Return the page of that name with each part between its markers.

    Raises
    ------
    DataError
        Where a pair of markers does not stand there once, in order.
    """
    for marker, content in parts.items():
        begin = f"<!-- {marker}:begin -->"
        end = f"<!-- {marker}:end -->"
        stands_once = (page.count(begin), page.count(end)) == (1, 1)
        if not stands_once or page.find(begin) > page.find(end):
            raise DataError(
                f"{name}: the markers {begin} and {end} must stand once each, in this order."
            )
        before, rest = page.split(begin)
        after = rest.split(end)[1]
        page = f"{before}{begin}\n{content}\n{end}{after}"
    return page


def update(folder: Path, check: bool) -> None:
    """Write the README files of a repository, or only compare them with the results.

    Raises
    ------
    DataError
        Where a marker or a table is missing, or, with `check`, where a file differs.
    """
    for name in PAGES:
        if name == MAIN or (folder / name).is_file():
            _update_page(folder, name, check)


def _update_page(folder: Path, name: str, check: bool) -> None:
    page = folder / name
    old = page.read_text(encoding="utf-8")
    try:
        parts = markdown_parts(folder, old)
        if name == MAIN:
            parts.setdefault("claims", "")  # which this page must have
        new = filled(old, parts, name)
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise DataError(f"{missing} is missing: run make reproduce, then make readme.") from None
    if new == old:
        return
    if check:
        raise DataError(f"{name} differs from {committed.place(folder)}: run make readme and look.")
    files.write_text(new, page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the README files, or check them; return 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Copy the results' numbers into the README files.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing, exit 1 where one differs"
    )
    try:
        update(paths.ROOT, parser.parse_args(arguments).check)
    except (DataError, files.WriteError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
