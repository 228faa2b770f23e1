"""Numbers and tables as Markdown: what cards, README.md and the site's tables are written with."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

NO_BREAK = "\u00a0"  # a space at which no line ends
NOTHING = 1e-6  # below it a result is 0


def number(value: float) -> str:
    """Return a result with three digits, all of a whole part; below 1 with three decimals.

    Below 0.0005 it has one digit. Nothing where it is missing.
    """
    if pd.isna(value):
        return ""
    if abs(value) < NOTHING:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) < 0.0005:
        return np.format_float_positional(float(f"{value:.0e}"), trim="-")
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def cell(value: object) -> str:
    """Return a fact as text: whole numbers in full, others at four digits, a list by its members.

    Text is returned as it is, but for `|` and line breaks, which would end the cell.
    """
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value)) or "none"
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        as_float = float(value)
        # above 1e15 not every whole number is a float
        is_whole = as_float.is_integer() and abs(as_float) < 1e15
        return f"{int(as_float):,}" if is_whole else f"{as_float:.4g}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def table(columns: Sequence[str], rows: Iterable[Iterable[object]], tight: bool = False) -> str:
    """Return a Markdown table, without a line break at its end.

    Parameters
    ----------
    columns
        The names in its heading.
    rows
        Cells, each written by `cell`.
    tight
        Write the heading without spaces where no text stands, as README.md has it.
    """
    heading = f"| {' | '.join(columns)} |"
    rule = "|" + " --- |" * len(columns)
    if tight:
        heading = heading.replace("|  |", "| |")
        rule = rule.replace(" ", "")
    lines = [heading, rule]
    for row in rows:
        lines.append(f"| {' | '.join(map(cell, row))} |")
    return "\n".join(lines)
