"""Copy numbers from the committed results into README.md, between markers; `--check` tells whether they still agree.

`python -m tst.study.readme` rewrites what stands between `<!-- claims:begin -->` and `<!-- claims:end -->` (the claims, one
line each) and, where they stand, between the markers `numbers` (how many claims have which verdict), `weak` (W1 to W9),
`cost` (notebook 12's ratios) and `nightly` (what `make nightly` found). No number is typed by hand.
"""

import argparse
import re
import sys
from pathlib import Path

import pandas as pd

from tst.io import files, paths
from tst.study import claims, tables, weak_points

RESULTS = "results/laptop"  # what is committed: a run without data writes elsewhere
NIGHTLY = "results/nightly"
COSTS = {
    "train_speedup": "training the paper's model on GCUT's lengths, useful steps a second, over the literal recipe",
    "matrix_rate_fraction": "FLOP rate of its training steps at window 400, over a plain matrix product's (1 is the limit)",
    "generate_speedup": "generating 64 series of 550 steps, over the literal loop",
    "generate_over_gpt2": "the same, over a GPT-2 of its depth and width with its own cache (transformers)",
    "memory_ratio_2500": "peak memory of a training step on 2,500 steps, as a part of materialised attention's",
    "builder_speedup": "building GCUT from the raw trace, over a pandas loop",
    "builder_memory_ratio_10_to_2": "memory of that for 10 parts, over 2 parts",
}


def overall(frame):
    """Return the row "all checks" of each claim and data set of table 13-claims, in the order of the claims."""
    rows = frame[frame["source"] == claims.OVERALL].copy()
    rows["claim"] = pd.Categorical(rows["claim"], list(claims.CLAIMS))
    return rows.sort_values(["claim", "dataset"])


def claims_table(frame):
    """Return the claims as a Markdown table: the row "all checks" of each claim and data set of table 13-claims."""
    lines = [
        "| | claim | data | paper | ours, 95 % interval | seeds | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in overall(frame).itertuples():
        cells = [
            row.claim,
            claims.CLAIMS[row.claim][0],
            f"{row.dataset}, {row.origin}",
            number(row.paper),
            ours(row),
        ]
        lines.append("| " + " | ".join([*cells, f"{row.n_seeds:g}", f"*{row.verdict}*"]) + " |")
    return "\n".join(lines)


def numbers(frame):
    """Return one sentence: how many claims have which verdict, over data sets."""
    rows = frame[frame["source"] == claims.OVERALL]
    counts = rows["verdict"].value_counts()
    found = [f"{counts[v]} {v}" for v in reversed(claims.VERDICTS) if v in counts]
    return f"Of {len(rows)} judgements ({rows['claim'].nunique()} claims, by data set): {', '.join(found)}."


def weak_table(frame):
    """Return the weak points as a Markdown table: table 13-weak-points."""
    lines = ["| | weak point | verdict and what was found |", "|---|---|---|"]
    frame = frame.sort_values("point")
    rows = zip(frame["point"], frame["verdict"], frame["sentence"], strict=True)
    return "\n".join(
        [
            *lines,
            *(
                f"| {p} | {weak_points.POINTS['text'][p]} | *{v}*: {_told(s, v)} |"
                for p, v, s in rows
            ),
        ]
    )


def _told(sentence, verdict):
    """Return a sentence without the verdict at its end, which stands before it."""
    return sentence.removesuffix(f": {verdict}.").removeprefix("not testable here, ")


def cost_table(frame):
    """Return notebook 12's ratios as a Markdown table."""
    values = frame.set_index("metric")["value"]
    lines = ["| times, or part | of what |", "|---|---|"]
    return "\n".join(
        [
            *lines,
            *(f"| {values[m]:.3g} | {text} |" for m, text in COSTS.items() if m in values.index),
        ]
    )


def nightly_list(folder):
    """Return what the long tests found, tables fuzz, kills and reruns of a folder, as a Markdown list."""
    fuzz, kills, reruns = (
        pd.read_csv(folder / f"{name}.csv") for name in ("fuzz", "kills", "reruns")
    )
    cases, right, refused, doors = (
        fuzz["cases"].sum(),
        fuzz["accepted"].sum(),
        fuzz["refused"].sum(),
        len(fuzz),
    )
    n_kills, survived, n_files = (
        kills["kills"].sum(),
        kills["survived"].sum(),
        kills["files"].iloc[0],
    )
    victims = ", ".join(f"{row.victim} {row.kills}" for row in kills.itertuples())
    lines = [
        f"{cases:,} broken or hostile inputs at {doors} doors: {right:,} right answers, {refused:,} refusals in one sentence, "
        f"{cases - right - refused:,} of anything else.",
        f"{survived:.0f} of {n_kills} kills survived ({victims}): killed at random moments and started again, "
        f"{kills['studies'].iloc[0]} miniature studies ended in the same {n_files} files, byte for byte.",
    ]
    for row in reruns.itertuples():
        text = f"{row.run} against {row.against}: {row.identical} of {row.files} files are the same, byte for byte"
        if row.identical < row.files:
            same, far, farthest = (
                row.same_values / row.values,
                row.relative_difference_p99,
                row.relative_difference_max,
            )
            text += f"; of the {row.values:,} values in tables (six digits) {same:.1%} are, one in a hundred differs by more "
            text += f"than {far:.2g} of itself, the farthest by {farthest:.2g}"
        lines.append(f"{text}.")
    return "\n".join(f"- {line}" for line in lines)


def filled(text, parts):
    """Return `text` with each of `parts` (by name) between its markers; each pair must stand there once."""
    for name, content in parts.items():
        begin, end = (f"<!-- {name}:{side} -->" for side in ("begin", "end"))
        if (text.count(begin), text.count(end)) != (1, 1) or text.find(begin) > text.find(end):
            raise tables.DataError(
                f"README.md: the markers {begin} and {end} must stand once each, in this order."
            )
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        text = re.sub(
            pattern, lambda _, c=content, b=begin, e=end: f"{b}\n{c}\n{e}", text, flags=re.DOTALL
        )
    return text


def main(arguments=None):
    """Write README.md, or check it; return 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Copy the results' numbers into README.md.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing, exit 1 where README.md differs"
    )
    check = parser.parse_args(arguments).check
    page = paths.ROOT / "README.md"
    try:
        folder, old = paths.ROOT / RESULTS / "tables", page.read_text(encoding="utf-8")
        frame = pd.read_csv(folder / "13-claims.csv")
        parts = {"claims": claims_table(frame), "numbers": numbers(frame)}
        for name, table, make in (
            ("weak", "13-weak-points", weak_table),
            ("cost", "12-cost", cost_table),
        ):
            if f"<!-- {name}:" in old:
                parts[name] = make(pd.read_csv(folder / f"{table}.csv"))
        if "<!-- nightly:" in old:
            parts["nightly"] = nightly_list(paths.ROOT / NIGHTLY)
        new = filled(old, {k: v for k, v in parts.items() if k == "claims" or f"<!-- {k}:" in old})
        if new != old and not check:
            files.write_text(new, page)
    except FileNotFoundError as error:
        print(
            f"{Path(error.filename).name} is missing: run make reproduce, then python -m tst.study.readme.",
            file=sys.stderr,
        )
        return 1
    except (tables.DataError, files.WriteError) as error:
        print(error, file=sys.stderr)
        return 1
    if check and new != old:
        print(
            f"README.md differs from {RESULTS}: run python -m tst.study.readme and look.",
            file=sys.stderr,
        )
        return 1
    return 0


def ours(row):
    """Return our value of a row of table 13-claims as text, with its interval where there is one."""
    return (
        number(row.ours)
        if pd.isna(row.low)
        else f"{number(row.ours)} [{number(row.low)}, {number(row.high)}]"
    )


def number(value):
    """Return a number as text: whole from 1,000 on, else three decimals; nothing for a missing one."""
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == 0 else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
