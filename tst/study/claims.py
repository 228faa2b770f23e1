"""The verdicts: each check of `checks.csv` against the tables, and what they say of each claim.

A check is *supported* where its whole interval lies where the claim wants it, *contradicted* where
none of it does, else *inconclusive* (`tst.study.decisions`). On each data set a claim's endpoints
decide it together; over all claims and real data sets Holm keeps the chance of one wrong verdict
at .05. The other checks, controls among them, are judged alike and decide nothing. What was
computed on simulated series is *not tested*; what it would have been is told apart (column
simulation).

`claims.csv` has what each claim says, and what would count against it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from tst.evaluation.bootstrap import holm
from tst.study import checks, decisions
from tst.study.checks import NO_DATA, ON_LOG_SCALE, WITHOUT_CHANCE, Check, Direction, Kind, Tables
from tst.study.decisions import SIGNIFICANT
from tst.study.evidence import EVIDENCE, Evidence, paper_numbers
from tst.study.wording import spoken
from tst.vocabulary import VERDICTS, Verdict, in_words

__all__ = ["CLAIMS", "COLUMNS", "OVERALL", "VERDICTS", "judge", "judgements", "paper_numbers"]

PATH = Path(__file__).with_name("claims.csv")
OVERALL = "all endpoints"  # the source of the row that sums up a claim on a data set
SHARES = ("accuracy", "F1")  # units from 0 to 1: no difference lies beyond 1

# Columns of table 13-claims; `judge` gives kind and reason beside them. Of a row over all endpoints
# `worst` is the source of the one that speaks most against the claim, `change` what would change
# the verdict.
COLUMNS = [
    *["claim", "source", "paper", "ours", "low", "high", "p", "n_seeds", "dataset", "origin"],
    *["verdict", "simulation", "sentence", "unit", "direction", "limit", "margin", "endpoint"],
    *["mde", "worst", "change"],
]

# id: (the claim, what would count against it)
CLAIMS = {row.claim: (row.text, row.against) for row in pd.read_csv(PATH).itertuples()}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A row of table 13-claims, without its sentence, and what the sentence is made of.

    Attributes
    ----------
    p
        Two-sided, that the truth lies at the limit; of a claim, adjusted over its endpoints and by
        Holm over the claims. NaN where nothing is left to chance.
    simulation
        The word for simulated series, whose verdict is "not tested"; empty for real ones.
    endpoint
        Role of the check: endpoint, control or supporting.
    pair
        The two models of a difference, `tst_paper - ar`; else empty.
    mde
        Smallest effect, from the limit, that is detected with a power of .8; of a ratio a factor.
    """

    claim: str
    source: str
    paper: float
    ours: float
    low: float
    high: float
    p: float
    n_seeds: int
    dataset: str
    origin: str
    kind: Kind
    direction: Direction
    limit: float
    margin: float
    unit: str
    endpoint: str
    pair: str
    mde: float
    reason: str
    verdict: Verdict
    simulation: Verdict | Literal[""]

    @property
    def word(self) -> Verdict:
        """What the numbers say, whatever the series are."""
        return self.simulation or self.verdict

    @property
    def region(self) -> decisions.Region:
        """Where the value must lie."""
        return checks.region_of(self.direction, self.limit, self.margin)


def judge(tables: Tables) -> pd.DataFrame:
    """Judge every claim by the tidy frames in `tables`, of which any may be absent.

    Returns
    -------
    pd.DataFrame
        For each claim and data set a row "all endpoints", where it has endpoints there, then a row
        a check: `COLUMNS`, kind, pair and reason (why a check cannot be made).
    """
    judged = judgements(tables)
    wholes: list[Judgement] = []
    parts: list[list[Judgement]] = []
    for claim in CLAIMS:
        datasets = dict.fromkeys(row.dataset for row in judged if row.claim == claim)
        for dataset in datasets:
            part = [row for row in judged if (row.claim, row.dataset) == (claim, dataset)]
            if _deciding(part):
                wholes.append(overall(_deciding(part)))
            if _deciding(part) or any(row.n_seeds for row in part):
                parts.append(part)
    rows = []
    told_wholes = iter(adjusted(wholes))
    for part in parts:
        if _deciding(part):
            whole = next(told_wholes)
            beside = {"change": what_would_change(whole), "worst": _worst(_deciding(part)).source}
            rows.append(asdict(whole) | beside | {"sentence": overall_sentence(whole, part)})
        for row in part:
            rows.append(asdict(row) | {"change": "", "worst": "", "sentence": sentence(row)})
    return pd.DataFrame(rows)[[*COLUMNS, "kind", "pair", "reason"]]


def _deciding(rows: Sequence[Judgement]) -> list[Judgement]:
    """Return the endpoints among some judgements."""
    return [row for row in rows if row.endpoint == "endpoint"]


def judgements(tables: Tables, claim: str | None = None) -> list[Judgement]:
    """Return a judgement a check, of one claim or of all, in the order of `checks.csv`."""
    tables = {name: checks.named(frame) for name, frame in tables.items()}
    rows: list[Judgement] = []
    for check in checks.of_claim(claim):
        if check.claim not in CLAIMS:
            continue
        for dataset in check.datasets(tables):
            origin = "original" if dataset == NO_DATA else checks.origin_of(tables, dataset)
            for evidence in EVIDENCE[check.kind](check, tables, dataset):
                rows.append(verdict(check, evidence, dataset, origin))
    return rows


def verdict(check: Check, evidence: Evidence, dataset: str, origin: str) -> Judgement:
    """Judge a check by what the tables say."""
    if len(evidence.values):
        found = decisions.estimate(evidence.values, check.region, check.scale, evidence.resampled)
        if check.kind == "difference" and check.unit in SHARES:
            found = replace(found, low=max(found.low, -1.0), high=min(found.high, 1.0))
    else:
        found = decisions.Estimate(
            value=np.nan, low=np.nan, high=np.nan, p=np.nan, mde=np.nan, n_seeds=0
        )
    is_exact = check.kind in WITHOUT_CHANCE
    word = _exact(evidence.values, check) if is_exact else decisions.decide(found, check.region)
    if evidence.is_resampled and evidence.resampled is None and word != "not tested":
        word = "inconclusive"
    is_simulated = origin == "simulated" and not is_exact and found.n_seeds > 0
    return Judgement(
        claim=check.claim,
        source=evidence.source,
        paper=evidence.paper,
        ours=found.value,
        low=found.low,
        high=found.high,
        p=np.nan if is_exact else found.p,
        n_seeds=found.n_seeds,
        dataset=dataset,
        origin=origin,
        kind=check.kind,
        direction=check.direction,
        limit=check.limit,
        margin=check.margin,
        unit=check.unit,
        endpoint=check.role,
        pair=check.pair,
        mde=np.nan if is_exact else found.mde,
        reason=evidence.reason,
        verdict="not tested" if is_simulated else word,
        simulation=word if is_simulated else "",
    )


def _exact(values: np.ndarray, check: Check) -> Verdict:
    """Return the verdict on what nothing is left to chance in."""
    if not len(values):
        return "not tested"
    holds = values == check.limit if check.direction == "equal" else values <= check.limit
    return "supported" if holds.all() else "contradicted"


def overall(rows: Sequence[Judgement]) -> Judgement:
    """Join the endpoints of a claim on a data set; the numbers are those of the farthest from it.

    Whatever the verdict, that is the endpoint whose value lies farthest on the wrong side, in
    half-widths of its interval.
    """
    word, p = decisions.joined([row.word for row in rows], [row.p for row in rows])
    worst = _worst(rows)
    is_simulated = any(row.simulation for row in rows)
    return replace(
        worst,
        source=OVERALL,
        p=np.nan if worst.kind in WITHOUT_CHANCE else p,
        verdict="not tested" if is_simulated else word,
        simulation=word if is_simulated else "",
    )


def adjusted(wholes: Sequence[Judgement]) -> list[Judgement]:
    """Adjust the p of the claims on real data to each other by Holm.

    A verdict whose p is no longer below .05 is inconclusive. Claims that were tested and decide
    nothing count in the family with p = 1; exact checks and simulated series are not in it.
    """
    family = [i for i, row in enumerate(wholes) if _is_tested(row)]
    if not family:
        return list(wholes)
    p = holm(np.nan_to_num([wholes[i].p for i in family], nan=1.0))
    rows = list(wholes)
    for i, value in zip(family, p, strict=True):
        row = rows[i]
        is_decided = row.verdict in ("supported", "contradicted")
        word: Verdict = "inconclusive" if is_decided and value >= SIGNIFICANT else row.verdict
        rows[i] = replace(row, p=float(value), verdict=word)
    return rows


def _is_tested(row: Judgement) -> bool:
    return row.kind not in WITHOUT_CHANCE and row.verdict != "not tested"


def _worst(rows: Sequence[Judgement]) -> Judgement:
    """Return the row that speaks most against a claim, of those that could be made."""
    made = [row for row in rows if row.n_seeds] or rows
    return min(made, key=lambda row: (VERDICTS.index(row.word), _depth(row)))


def _depth(row: Judgement) -> float:
    """Return how far a value lies inside its region, in half-widths of its interval."""
    if row.kind in WITHOUT_CHANCE:
        return 0.0
    points = np.array([row.ours, row.low, row.high, *row.region])
    if row.kind in ON_LOG_SCALE:
        with np.errstate(divide="ignore", invalid="ignore"):
            points = np.where(points <= 0, -np.inf, np.log(points))  # NaN stays NaN
    value, low, high, lowest, highest = points
    half = (high - low) / 2
    inside = min(value - lowest, highest - value)
    if half > 0:
        return float(inside / half)
    return float(np.copysign(np.inf, inside)) if inside else 0.0


def told(row: Any, emphasis: str = "*") -> str:
    """Return a verdict; of simulated series, what it would have been stands beside it.

    Parameters
    ----------
    row
        A judgement, or a row of table 13-claims.
    """
    word = f"{emphasis}{row.verdict}{emphasis}"
    if pd.isna(row.simulation) or not row.simulation:
        return word
    return f"{word} (simulation: {row.simulation})"


def where(row: Any) -> str:
    """Return where a value must lie for its check to hold, in words.

    Parameters
    ----------
    row
        A judgement, or a row of table 13-claims.
    """
    texts: dict[Direction, str] = {
        "within": f"within {row.limit:g} ± {row.margin:g}",
        "equal": f"{row.limit:,.0f}",
        "at_most": f"at most {row.limit:g}",
        "above": f"above {row.limit - row.margin:g}",
        "below": f"below {row.limit + row.margin:g}",
    }
    return texts[row.direction]


def what_would_change(row: Judgement) -> str:
    """Return what would have to be found for another verdict on a claim."""
    if row.kind in WITHOUT_CHANCE:
        return f"a measurement that is not {where(row)}"
    if row.n_seeds == 0:
        return f"the rows that are missing: {row.reason}"
    if row.word != "inconclusive":
        return (
            f"an interval that reaches {where(row)}"
            if row.word == "contradicted"
            else (f"an interval not wholly {where(row)}")
        )
    is_enough = row.n_seeds >= decisions.ENOUGH_SEEDS
    if is_enough and decisions.decided(row.low, row.high, row.region):
        return "a smaller p: the interval alone would decide, Holm's correction leaves a doubt"
    if np.isnan(row.mde):
        return "more seeds"
    needed = seeds_needed(row)
    seeds = f"about {needed:,} seeds, if this is the effect" if needed else "more seeds"
    return f"{_detectable(row)} from the limit, or {seeds}"


def _detectable(row: Judgement) -> str:
    """Return the smallest detectable effect; of a ratio it is a factor."""
    if row.kind in ON_LOG_SCALE:
        return f"a factor of {_text(row.mde)}"
    return _text(row.mde)


def seeds_needed(row: Judgement) -> int:
    """Return how many seeds find the effect seen with a power of .8; 0 where it is none.

    From the present spread: an effect shrinks with the root of the number.
    """
    ends = np.array([end for end in row.region if np.isfinite(end)])
    apart = row.ours - ends
    size = row.mde
    if row.kind in ON_LOG_SCALE:
        apart = np.log(max(row.ours, decisions.SMALLEST)) - np.log(ends)
        size = np.log(row.mde)
    effect = float(np.abs(apart).min())
    if not effect > 0 or not np.isfinite(size):
        return 0
    return max(decisions.ENOUGH_SEEDS, int(np.ceil(row.n_seeds * (size / effect) ** 2)))


def sentence(row: Judgement, emphasis: str = "*") -> str:
    """Return a check's result as a sentence: the paper's number, ours, the verdict."""
    place = f"{spoken(row.source)} ({in_words(row.dataset)})"
    result = f"{emphasis}{row.verdict}{emphasis}"
    if row.n_seeds == 0:
        return f"{place}: {result}, because {row.reason}."
    paper = "the paper prints no number for this comparison"
    if not np.isnan(row.paper):
        paper = f"the paper reports {_text(row.paper)}"
    ours = f"we find {_text(row.ours)}"
    if not np.isnan(row.low):
        ours += f" [{_text(row.low)}, {_text(row.high)}]"
    ours += (
        f" {row.unit}, over 1 seed"
        if row.n_seeds == 1
        else f" {row.unit}, over {row.n_seeds} seeds"
    )
    ours += f", where it must be {where(row)}"
    if not np.isnan(row.mde):
        ours += f" (smallest detectable effect {_detectable(row)})"
    if row.simulation:
        result += f" (on simulated series: {row.simulation})"
    return f"{place}: {paper}, {ours}: {result}."


def overall_sentence(whole: Judgement, rows: Sequence[Judgement]) -> str:
    """Return how many endpoints hold, and the sentence of the one that speaks most against."""
    deciding = _deciding(rows)
    n_made = sum(row.n_seeds > 0 for row in deciding)
    count = "No endpoint can be tested"
    if n_made:
        n_held = sum(row.word == "supported" for row in deciding)
        count = f"{n_held} of {n_made} endpoints are supported"
        if n_made < len(deciding):
            count += f" ({len(deciding) - n_made} cannot be tested here)"
    word = f"*{whole.verdict}*"
    if whole.simulation:
        word += f" (on simulated series: {whole.simulation})"
    if not np.isnan(whole.p):
        word += f", p = {whole.p:.2g} after Holm"
    return f"{count}: {word}. {sentence(_worst(deciding), emphasis='')}"


def _text(value: float) -> str:
    """Return a number as it stands in a sentence."""
    if abs(value) >= 1000 or value == 0:
        return f"{value:,.0f}"
    if abs(value) < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3f}"
