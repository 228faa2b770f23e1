"""What each version of the rules said of each claim, and where the present rules were fixed.

`verdict_history.csv` holds the rows over all checks as notebook 13 wrote them at the commits it
names: the first rules (23 November) were changed after the first results (24 November: Holm, the
bootstrap, and for our own open questions less strict ones); the present ones replaced both.
"""

from pathlib import Path

import pandas as pd

PATH = Path(__file__).with_name("verdict_history.csv")
NOW = "now"

# The commit that fixed the present rules, their code and their calibration on real series, before
# a table of a generator was judged by them.
RULES_COMMIT = "bcd9e532cba7e1adc3da861ff37e7bb9fd47c186"


def history() -> pd.DataFrame:
    """Return version, commit, claim, dataset, origin, verdict, ours, low, high of former rules."""
    return pd.read_csv(PATH)


def versions(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict on each claim and data set, a column a version of the rules.

    Parameters
    ----------
    judged
        The rows over all endpoints as `tst.study.claims.judge` gives them.
    """
    former = history()
    order = [*dict.fromkeys(former["version"]), NOW]
    present = judged.assign(version=NOW)
    of_simulation = present["simulation"].fillna("").astype(str)
    told = present["verdict"].where(of_simulation == "", "simulated: " + of_simulation)
    rows = pd.concat([former, present.assign(verdict=told)], ignore_index=True)
    table = rows.pivot(index=["claim", "dataset"], columns="version", values="verdict")
    return table.reindex(columns=order).fillna("")
