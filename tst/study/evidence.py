"""What the tidy tables say about a check: for each kind of check our values, one a seed.

`paper.csv` has the numbers of arXiv 2506.07312, as read from the author's copy and notebooks, and
of DG's own protocol, arXiv 1909.13403, read off its figures by eye, +-0.01.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tst.study import checks
from tst.study.checks import Check, Kind, Place, Tables, by_seed
from tst.vocabulary import MODELS, in_words

PAPER = Path(__file__).with_name("paper.csv")
FLOOR_95 = "real_floor_95"  # KS of lengths between random real halves, its 95 % quantile

# Generators that the sources of table 13-claims name by their label, all others by their key.
LABELLED = ("tst_paper", "tst", "doppelganger")


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


def paper_numbers() -> pd.DataFrame:
    """Return every number of the two papers as tidy rows, NaN in a column that does not apply.

    `source` is TST, TST notebooks (synthetic data alone; the MLP-1 of TST, .71 to .81, is left
    out), or DG (its own protocol; R2 drawn below zero is left out).
    """
    return pd.read_csv(PAPER)


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


def _side(keys: Sequence[str]) -> str:
    """Return one side of a difference in words."""
    names = [MODELS[key] if key in LABELLED else in_words(key) for key in keys]
    return names[0] if len(names) == 1 else f"best of {' and '.join(names)}"


def _difference(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield the difference of the two sides at each place, paired by seed."""
    for place in check.places(dataset):
        if check.by == "model":
            our_places = [checks.at_model(place, key) for key in check.ours]
            other_places = [checks.at_model(place, key) for key in check.other]
        else:
            our_places = [place | {check.by: key} for key in check.ours]
            other_places = [place | {check.by: key} for key in check.other]
        gap, reason = checks.difference(tables, check.table, our_places, other_places)
        p_holm = None
        if check.table in checks.BOOTSTRAPS:
            pair = (check.ours[0], check.other[0])
            p_holm = checks.bootstrap_p(tables, check.table, check.claim, place, pair)
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
    ratio, reason = checks.over_floor(tables, check.table, place)
    where = " beyond the window" if check.table == "11-long-sequences" else ""
    source = f"{in_words(check.metric)}{where} over the real floor"
    yield Evidence(source=source, values=ratio, reason=reason)


def _length(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield, for each class, the KS distance of our lengths over the floor's 95 % quantile.

    The limit is 1, or what lies just below the others' distances where that is less.
    """
    for label in checks.classes_of(tables, check.table, dataset) or [""]:
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
