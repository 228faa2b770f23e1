"""The verdicts: each check of `checks.csv` against the tables, by rules fixed before any result.

A difference holds where two intervals agree: paired by seed, its whole 95 % t-interval over seeds
lies above the limit (tables 06-classification, 07-regression), and the paired bootstrap over test
rows and seeds rejects the limit at .05 after Holm over all comparisons of the claim
(06-differences, 07-differences; no such row: "partly" at best). Of a distance the whole t-interval
lies below its limit. Fewer than three seeds, or simulated data, allow "partly" at best.

`paper.csv` has the numbers of arXiv 2506.07312, as read from the author's copy and notebooks, and
of DG's own protocol, arXiv 1909.13403, read off its figures by eye, +-0.01. `claims.csv` has what
each claim says, and what would count against it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tst.study import checks, lookup
from tst.study.checks import Check, Direction, Kind
from tst.study.lookup import Place, Tables, by_seed, interval
from tst.vocabulary import MODELS, VERDICTS, Verdict, in_words

__all__ = ["CLAIMS", "COLUMNS", "OVERALL", "VERDICTS", "judge", "judgements", "paper_numbers"]

HERE = Path(__file__).parent
OVERALL = "all checks"  # the source of the row that sums up a claim on a data set
SIGNIFICANT = 0.05  # Holm's p of the paired bootstrap
ENOUGH_SEEDS = 3  # for "reproduced": two give an interval of one degree of freedom
QUORUM = {"Q1": 0.75}  # the share of the checks that a claim asks for; of the others all must hold
FLOOR_95 = "real_floor_95"  # KS of lengths between random real halves, its 95 % quantile

# Generators that the sources of table 13-claims name by their label, all others by their key.
LABELLED = ("tst_paper", "tst", "doppelganger")

# Columns of table 13-claims; `judge` gives kind, direction, limit and reason beside them.
COLUMNS = [
    *["claim", "source", "paper", "ours", "low", "high", "p_holm", "n_seeds"],
    *["dataset", "origin", "verdict", "sentence"],
]

# id: (the claim, what would count against it)
CLAIMS = {
    row.claim: (row.text, row.against) for row in pd.read_csv(HERE / "claims.csv").itertuples()
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the tables say about a check at one place.

    Attributes
    ----------
    source
        What is computed, in words; stands in the sentence.
    values
        Our values, one a seed; none where the rows needed are missing.
    reason
        What is missing; empty where there are values.
    paper
        The paper's value, NaN where it gives none.
    p_holm
        Holm's p of the paired bootstrap; NaN where its row is missing, None where the check does
        not ask for it.
    limit
        Where the values must lie, if it is not the check's own limit.
    """

    source: str
    values: np.ndarray
    reason: str = ""
    paper: float = np.nan
    p_holm: float | None = None
    limit: float | None = None


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


def paper_numbers() -> pd.DataFrame:
    """Return every number of the two papers as tidy rows, NaN in a column that does not apply.

    `source` is TST, TST notebooks (synthetic data alone; the MLP-1 of TST, .71 to .81, is left
    out), or DG (its own protocol; R2 drawn below zero is left out).
    """
    return pd.read_csv(HERE / "paper.csv")


def paper_value(place: Place) -> float:
    """Return the TST paper's number at a place, NaN where it gives none.

    A number stands for every share, or classifier, where the paper does not say which it was.
    """
    conditions = [(column, value) for column, value in place.items() if value is not None]
    for row in _rows_of_tst():
        if all(c in row and (pd.isna(row[c]) or row[c] == value) for c, value in conditions):
            return row["value"]
    return np.nan


@cache
def _rows_of_tst() -> list[dict[Any, Any]]:
    return paper_numbers().query("source == 'TST'").to_dict("records")


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
    tables = {name: lookup.named(frame) for name, frame in tables.items()}
    rows: list[Judgement] = []
    for check in checks.endpoints(claim):
        for dataset in check.datasets(tables):
            origin = lookup.origin_of(tables, dataset)
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
    ours, low, high = interval(evidence.values)
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
    mean, low, high = interval(values)
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


def _side(keys: Sequence[str]) -> str:
    """Return one side of a difference in words."""
    names = [MODELS[key] if key in LABELLED else in_words(key) for key in keys]
    return names[0] if len(names) == 1 else f"best of {' and '.join(names)}"


def _difference(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield the difference of the two sides at each place, paired by seed."""
    for place in check.places(dataset):
        if check.by == "model":
            our_places = [lookup.at_model(place, key) for key in check.ours]
            other_places = [lookup.at_model(place, key) for key in check.other]
        else:
            our_places = [place | {check.by: key} for key in check.ours]
            other_places = [place | {check.by: key} for key in check.other]
        gap, reason = lookup.difference(tables, check.table, our_places, other_places)
        p_holm = None
        if check.table in lookup.BOOTSTRAPS:
            pair = (check.ours[0], check.other[0])
            p_holm = lookup.bootstrap_p(tables, check.table, check.claim, place, pair)
        yield Evidence(
            source=_difference_in_words(check, place),
            values=gap,
            reason=reason,
            paper=paper_value(our_places[0]) - paper_value(other_places[0]),
            p_holm=p_holm,
        )


def _difference_in_words(check: Check, place: Place) -> str:
    """Return what a difference compares, of which score, with which training set."""
    metric = check.metric if check.metric.startswith("f1_") else in_words(check.metric)
    parts = [f"{_side(check.ours)} - {_side(check.other)}", metric]
    parts += [place[column] for column in ("classifier", "regressor") if column in place]
    if "share" in place:
        parts.append(f"{place['share']:.0%} real added")
    elif "train" in place:
        parts.append(f"trained on {place['train']}")
    return ", ".join(parts)


def _distance(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield a distance over that between two halves of the real data."""
    (model,) = check.ours
    place = {"dataset": dataset, "model": model, "metric": check.metric}
    ratio, reason = lookup.over_floor(tables, check.table, place)
    where = " beyond the window" if check.table == "11-long-sequences" else ""
    source = f"{in_words(check.metric)}{where} over the real floor"
    yield Evidence(source=source, values=ratio, reason=reason)


def _length(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield, for each class, the KS distance of our lengths over the floor's 95 % quantile.

    The limit is 1, or what lies just below the others' distances where that is less.
    """
    for label in lookup.classes_of(tables, check.table, dataset) or [""]:
        place: Place = {"dataset": dataset, "metric": check.metric}
        words = "length ks"
        if label:
            place["label"] = label
            words = f"length ks, {label},"
        source = f"{words} over the floor's 95 % quantile"
        values = {}
        reasons = []
        for model in (*check.ours, *check.other, FLOOR_95):
            values[model], reason = by_seed(tables, check.table, place | {"model": model})
            reasons.append(reason)
        reason = next(filter(None, reasons), "")
        floor = values[FLOOR_95].mean()
        if not reason and floor == 0:
            reason = "random halves of the real series do not differ in length"
        if reason:
            yield Evidence(source=source, values=np.array([]), reason=reason)
            continue
        least = min(values[model].mean() for model in check.other)
        limit = min(check.limit, np.nextafter(least / floor, 0))
        ours = values[check.ours[0]].to_numpy() / floor
        yield Evidence(source=source, values=ours, limit=float(limit))


def _deviation(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield the distance of a ratio from 1."""
    (model,) = check.ours
    place = {"dataset": dataset, "metric": check.metric, "model": model}
    values, reason = by_seed(tables, check.table, place)
    source = f"distance of the {in_words(check.metric)} from 1"
    yield Evidence(source=source, values=(values - 1).abs().to_numpy(), reason=reason)


def _ratio(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield our values over the mean of the other model's."""
    (model,) = check.ours
    (other,) = check.other
    place = {"dataset": dataset, "metric": check.metric}
    values, reason = by_seed(tables, check.table, place | {"model": model})
    others, other_reason = by_seed(tables, check.table, place | {"model": other})
    ratio = (values / others.mean()).dropna().to_numpy()
    source = f"{in_words(check.metric)} over {MODELS[other]}'s"
    yield Evidence(source=source, values=ratio, reason=reason or other_reason)


def _least_ratio(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield the least peak memory of all other attentions, over that of full attention."""
    (reference,) = check.other
    place: Place = {"metric": check.metric, "length": int(check.length)}
    whole, reason = by_seed(tables, check.table, place | {check.by: reference})
    others = [] if reason else sorted(set(tables[check.table][check.by]) - {reference})
    ratios = []
    for other in others:
        values, _ = by_seed(tables, check.table, place | {check.by: other})
        ratios.append(values.mean() / whole.mean())
    ratios = [ratio for ratio in ratios if np.isfinite(ratio)]
    yield Evidence(
        source="least peak memory of other attentions over full attention",
        values=np.array([min(ratios)] if ratios else []),
        reason=reason or ("" if ratios else "only full attention was measured"),
    )


def _exact(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield a count or influence that notebook 02 measured in float64 at the paper's size.

    A series alone and in a batch is the same sum in another order, hence the limit of rounding.
    """
    (model,) = check.ours
    place = {"model": model, "metric": check.metric}  # it hangs on no data set
    values, reason = by_seed(tables, check.table, place)
    yield Evidence(
        source=check.metric,
        values=values.to_numpy(),
        reason=reason,
        paper=paper_value(place | {"dataset": dataset}),
    )


EVIDENCE: dict[Kind, Callable[[Check, Tables, str], Iterator[Evidence]]] = {
    "difference": _difference,
    "distance": _distance,
    "length": _length,
    "deviation": _deviation,
    "ratio": _ratio,
    "least_ratio": _least_ratio,
    "exact": _exact,
}
