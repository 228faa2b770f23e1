"""Copy numbers from the committed results into README.md, between markers; `--check` tells whether they still agree.

`python -m tst.readme` rewrites what stands between `<!-- claims:begin -->` and `<!-- claims:end -->` (the claims, one
line each) and, where they stand, between the markers `numbers` (how many claims have which verdict). No number is typed by hand.
"""

import argparse
import re
import sys
from pathlib import Path

import pandas as pd

from tst import claims, paths, tables

RESULTS = "results/laptop"  # what is committed: a run without data writes elsewhere


def claims_table(frame):
    """Return the claims as a Markdown table: the row "all checks" of each claim and data set of table 13-claims."""
    rows = frame[frame["source"] == claims.OVERALL].copy()
    rows["claim"] = pd.Categorical(rows["claim"], list(claims.CLAIMS))
    lines = ["| | claim | data | paper | ours, 95 % interval | seeds | verdict |", "|---|---|---|---|---|---|---|"]
    for row in rows.sort_values(["claim", "dataset"]).itertuples():
        ours = (
            _number(row.ours) if pd.isna(row.low) else f"{_number(row.ours)} [{_number(row.low)}, {_number(row.high)}]"
        )
        cells = [row.claim, claims.CLAIMS[row.claim][0], f"{row.dataset}, {row.origin}", _number(row.paper), ours]
        lines.append("| " + " | ".join([*cells, f"{row.n_seeds:g}", f"*{row.verdict}*"]) + " |")
    return "\n".join(lines)


def numbers(frame):
    """Return one sentence: how many claims have which verdict, over data sets."""
    rows = frame[frame["source"] == claims.OVERALL]
    counts = rows["verdict"].value_counts()
    found = [f"{counts[v]} {v}" for v in reversed(claims.VERDICTS) if v in counts]
    return f"Of {len(rows)} judgements ({rows['claim'].nunique()} claims, by data set): {', '.join(found)}."


def filled(text, parts):
    """Return `text` with each of `parts` (by name) between its markers; each pair must stand there once."""
    for name, content in parts.items():
        begin, end = (f"<!-- {name}:{side} -->" for side in ("begin", "end"))
        if (text.count(begin), text.count(end)) != (1, 1) or text.find(begin) > text.find(end):
            raise tables.DataError(f"README.md: the markers {begin} and {end} must stand once each, in this order.")
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        text = re.sub(pattern, lambda _, c=content, b=begin, e=end: f"{b}\n{c}\n{e}", text, flags=re.DOTALL)
    return text


def main(arguments=None):
    """Write README.md, or check it; return 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Copy the results' numbers into README.md.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 where README.md differs")
    check = parser.parse_args(arguments).check
    page = paths.ROOT / "README.md"
    try:
        frame = pd.read_csv(paths.ROOT / RESULTS / "tables" / "13-claims.csv")
        old = page.read_text(encoding="utf-8")
        parts = {"claims": claims_table(frame), "numbers": numbers(frame)}
        new = filled(old, {k: v for k, v in parts.items() if k == "claims" or f"<!-- {k}:" in old})
    except FileNotFoundError as error:
        print(
            f"{Path(error.filename).name} is missing: run make reproduce, then python -m tst.readme.", file=sys.stderr
        )
        return 1
    except tables.DataError as error:
        print(error, file=sys.stderr)
        return 1
    if check and new != old:
        print(f"README.md differs from {RESULTS}: run python -m tst.readme and look.", file=sys.stderr)
        return 1
    if new != old:
        page.write_text(new, encoding="utf-8")
    return 0


def _number(value):
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == 0 else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
