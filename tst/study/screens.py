"""A claim on one screen, in Markdown: what was claimed, what decides it, what was found."""

import pandas as pd

from tst.study import claims
from tst.study.report.markdown import number, table
from tst.vocabulary import in_words


def screen(judged: pd.DataFrame, claim: str) -> str:
    """Return the screen of a claim: its words, then a row a data set.

    Parameters
    ----------
    judged
        As `tst.study.claims.judge` gives it.
    """
    text, against = claims.CLAIMS[claim]
    rows = judged[judged["claim"] == claim]
    wholes = rows[rows["source"] == claims.OVERALL]
    lines = [f"### {claim}. {text}", f"*Against it would speak:* {against}"]
    cells = []
    for whole in wholes.itertuples():
        cells.append(
            [
                f"{in_words(str(whole.dataset))} ({whole.origin})",
                f"{whole.unit}, {claims.where(whole)}",
                number(whole.paper),
                f"{number(whole.ours)} [{number(whole.low)}, {number(whole.high)}]",
                f"{whole.n_seeds}",
                number(whole.mde),
                number(whole.p),
                claims.told(whole, "**"),
                whole.change,
            ]
        )
    columns = ["data", "unit, where it must lie", "paper", "ours, 95 %", "seeds"]
    columns += ["smallest detectable", "p (Holm)", "verdict", "what would change it"]
    lines.append(table(columns, cells))
    for whole in wholes.itertuples():
        lines.append(f"- {in_words(str(whole.dataset))}: {whole.sentence}")
    return "\n\n".join(lines[:3]) + "\n\n" + "\n".join(lines[3:])
