"""The verdicts: each check of `checks.csv` against the tables, by rules fixed before any result.

A difference holds where two intervals agree: paired by seed, its whole 95 % t-interval over seeds
lies above the limit (tables 06-classification, 07-regression), and the paired bootstrap over test
rows and seeds rejects the limit at .05 after Holm over all comparisons of the claim
(06-differences, 07-differences; no such row: "partly" at best). Of a distance the whole t-interval
lies below its limit. Fewer than three seeds, or simulated data, allow "partly" at best.

`claims.csv` has what each claim says, and what would count against it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from tst.evaluation.bootstrap import t_interval
from tst.study import checks
from tst.study.checks import Check, Direction, Kind, Tables
from tst.study.evidence import EVIDENCE, Evidence, paper_numbers
from tst.vocabulary import VERDICTS, Verdict

__all__ = ["CLAIMS", "COLUMNS", "OVERALL", "VERDICTS", "judge", "judgements", "paper_numbers"]

PATH = Path(__file__).with_name("claims.csv")
OVERALL = "all checks"  # the source of the row that sums up a claim on a data set
SIGNIFICANT = 0.05  # Holm's p of the paired bootstrap
ENOUGH_SEEDS = 3  # for "reproduced": two give an interval of one degree of freedom
QUORUM = {"Q1": 0.75}  # the share of the checks that a claim asks for; of the others all must hold

# Columns of table 13-claims; `judge` gives kind, direction, limit and reason beside them.
COLUMNS = [
    *["claim", "source", "paper", "ours", "low", "high", "p_holm", "n_seeds"],
    *["dataset", "origin", "verdict", "sentence"],
]

# id: (the claim, what would count against it)
CLAIMS = {row.claim: (row.text, row.against) for row in pd.read_csv(PATH).itertuples()}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A row of table 13-claims, without its sentence, and what the sentence is made of."""

    claim: str
    source: str
    paper: float
    ours: float
    low: float
    high: float
    p_holm: float
    n_seeds: int
    dataset: str
    origin: str
    kind: Kind
    direction: Direction
    limit: float
    reason: str
    verdict: Verdict


def judge(tables: Tables) -> pd.DataFrame:
    """Judge every claim by the tidy frames in `tables`, of which any may be absent.

    Returns
    -------
    pd.DataFrame
        For each claim and data set a row "all checks", then one row a check: `COLUMNS`, and kind,
        direction, limit and reason (why a check cannot be made).
    """
    judged = judgements(tables)
    rows = []
    for claim in CLAIMS:
        datasets = dict.fromkeys(row.dataset for row in judged if row.claim == claim)
        for dataset in datasets:
            part = [row for row in judged if (row.claim, row.dataset) == (claim, dataset)]
            whole = overall(part)
            rows.append(asdict(whole) | {"sentence": overall_sentence(whole, part)})
            rows.extend(asdict(row) | {"sentence": sentence(row)} for row in part)
    return pd.DataFrame(rows)[[*COLUMNS, "kind", "direction", "limit", "reason"]]


def judgements(tables: Tables, claim: str | None = None) -> list[Judgement]:
    """Return a judgement a check, of one claim or of all, in the order of `checks.csv`."""
    tables = {name: checks.named(frame) for name, frame in tables.items()}
    rows: list[Judgement] = []
    for check in checks.endpoints(claim):
        for dataset in check.datasets(tables):
            origin = checks.origin_of(tables, dataset)
            judged = [
                verdict(check, evidence, dataset, origin)
                for evidence in EVIDENCE[check.kind](check, tables, dataset)
            ]
            rows += judged if check.report == "each" else [min(judged, key=_against)]
    return rows


def _against(row: Judgement) -> tuple[int, float]:
    """Return the order of what speaks most against a claim: by verdict, then by interval."""
    return VERDICTS.index(row.verdict), float(np.nan_to_num(row.low, nan=np.inf))


def verdict(check: Check, evidence: Evidence, dataset: str, origin: str) -> Judgement:
    """Judge a check by what the tables say."""
    ours, low, high = t_interval(evidence.values)
    limit = check.limit if evidence.limit is None else evidence.limit
    p_holm = 0.0 if evidence.p_holm is None else evidence.p_holm
    return Judgement(
        claim=check.claim,
        source=evidence.source,
        paper=evidence.paper,
        ours=ours,
        low=low,
        high=high,
        p_holm=np.nan if evidence.p_holm is None else p_holm,
        n_seeds=len(evidence.values),
        dataset=dataset,
        origin=origin,
        kind=check.kind,
        direction=check.direction,
        limit=limit,
        reason=evidence.reason,
        verdict=decide(evidence.values, check.direction, limit, origin, p_holm),
    )


def decide(
    values: Sequence[float] | np.ndarray,
    direction: Direction,
    limit: float,
    origin: str = "original",
    p_holm: float = 0.0,
) -> Verdict:
    """Return the verdict on values, one a seed; `p_holm` is NaN where the bootstrap is missing."""
    mean, low, high = t_interval(values)
    if np.isnan(mean):
        return "not testable here"
    if direction == "equal":
        return "reproduced" if all(v == limit for v in values) else "not reproduced"
    if direction == "at_most":
        return "reproduced" if all(v <= limit for v in values) else "not reproduced"
    bound = {"above": low, "below": high, "within": mean}[direction]
    bound = mean if np.isnan(bound) else bound  # one seed has no interval
    holds = {"above": bound > limit, "below": bound < limit, "within": bound <= limit}[direction]
    if not holds or p_holm >= SIGNIFICANT:
        return "not reproduced"
    if len(values) < ENOUGH_SEEDS or origin == "simulated" or np.isnan(p_holm):
        return "partly"
    return "reproduced"


def overall(rows: Sequence[Judgement]) -> Judgement:
    """Join the checks of a claim and data set: it holds, or fails, only where every check says so.

    A check that cannot be tested leaves at most "partly"; the numbers are those of the check that
    speaks most against. Where QUORUM names the claim, it holds with that share of its checks, as
    far as the holding ones do, and else not.
    """
    return replace(_worst(rows), source=OVERALL, verdict=_joined(rows))


def _decided(rows: Sequence[Judgement]) -> list[Judgement]:
    return [row for row in rows if row.verdict != "not testable here"]


def _holding(rows: Sequence[Judgement]) -> list[Judgement]:
    return [row for row in rows if row.verdict in ("reproduced", "partly")]


def _worst(rows: Sequence[Judgement]) -> Judgement:
    """Return the first check with the worst verdict, of those that could be made."""
    return min(_decided(rows) or rows, key=lambda row: VERDICTS.index(row.verdict))


def _joined(rows: Sequence[Judgement]) -> Verdict:
    """Return the verdict on a claim from those on its checks."""
    decided = _decided(rows)
    quorum = QUORUM.get(rows[0].claim)
    if quorum is not None:
        return _by_quorum(rows, quorum * len(rows))
    if not decided:
        return "not testable here"
    verdicts = {row.verdict for row in decided}
    if len(verdicts) > 1:
        return "partly"
    (result,) = verdicts
    if result == "reproduced" and len(decided) < len(rows):
        return "partly"
    return result


def _by_quorum(rows: Sequence[Judgement], needed: float) -> Verdict:
    """Return the verdict on a claim of which `needed` checks must hold."""
    holding = _holding(rows)
    if len(holding) >= needed:
        return min((row.verdict for row in holding), key=VERDICTS.index)
    n_open = len(rows) - len(_decided(rows))
    return "not testable here" if len(holding) + n_open >= needed else "not reproduced"


def sentence(row: Judgement, emphasis: str = "*") -> str:
    """Return a check's result as a sentence: the paper's number, ours, the verdict."""
    place = f"{row.source} ({row.dataset})"
    result = f"{emphasis}{row.verdict}{emphasis}"
    if row.n_seeds == 0:
        return f"{place}: {result}, because {row.reason}."
    paper = "the paper gives no number"
    if not np.isnan(row.paper):
        paper = f"the paper reports {_text(row.paper)}"
    ours = f"we find {_text(row.ours)}"
    if not np.isnan(row.low):
        ours += f" [{_text(row.low)}, {_text(row.high)}]"
    ours += " over 1 seed" if row.n_seeds == 1 else f" over {row.n_seeds} seeds"
    if row.origin == "simulated" and row.direction in ("above", "below", "within"):
        ours += ", on simulated series"
    if not np.isnan(row.p_holm):
        ours += f", p = {row.p_holm:.2g} by paired bootstrap (Holm)"
    return f"{place}: {paper}, {ours}: {result}."


def overall_sentence(whole: Judgement, rows: Sequence[Judgement]) -> str:
    """Return how many checks hold, and the sentence of the one that speaks most against."""
    n_decided = len(_decided(rows))
    count = "No check can be made"
    if n_decided:
        count = f"{len(_holding(rows))} of {n_decided} checks hold"
        if n_decided < len(rows):
            count += f" ({len(rows) - n_decided} cannot be tested here)"
    return f"{count}: *{whole.verdict}*. {sentence(_worst(rows), emphasis='')}"


def _text(value: float) -> str:
    """Return a number as it stands in a sentence."""
    if abs(value) >= 1000 or value == 0:
        return f"{value:,.0f}"
    if abs(value) < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3f}"
