"""What the tidy tables say about a check: for each kind of check our values, one a seed.

`paper.csv` has the numbers of arXiv 2506.07312, as read from the author's copy and notebooks, and
of DG's own protocol, arXiv 1909.13403, read off its figures by eye, +-0.01.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tst.evaluation.bootstrap import Difference
from tst.evaluation.ragged import ALL
from tst.study import checks
from tst.study.checks import Check, Kind, Place, Tables, by_seed
from tst.vocabulary import MODELS, in_words

PAPER = Path(__file__).with_name("paper.csv")
FLOOR_95 = "real_floor_95"  # KS of lengths between random real halves, its 95 % quantile

# Generators that the sources of table 13-claims name by their label, all others by their key.
LABELLED = ("tst_paper", "tst", "doppelganger", "seed_only", "seed_repeat")


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
    resampled
        The paired bootstrap's interval and p; None where the check does not ask for it, or its row
        is missing.
    is_resampled
        Whether the check asks for the bootstrap.
    """

    source: str
    values: np.ndarray
    reason: str = ""
    paper: float = np.nan
    resampled: Difference | None = None
    is_resampled: bool = False


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
    """Yield ours - other of a score, at each place that the check names."""
    for metric in checks.metrics_of(tables, check, dataset):
        asked = replace(check, metric=metric)
        for place in asked.places(dataset):
            yield _difference_at(asked, tables, place)


def _difference_at(check: Check, tables: Tables, place: Place) -> Evidence:
    """Return ours - other at a place."""
    our_places = [_at(check, place, key) for key in check.ours]
    other_places = [_at(check, place, key) for key in check.other]
    gap, reason = checks.difference(tables, check.table, our_places, other_places)
    may_be_absent = not reason and check.metric.startswith("f1_") and not gap.any()
    if may_be_absent and _is_never_found(tables, check, place):
        gap = np.array([])
        reason = f"no series of class {check.metric.removeprefix('f1_')} was recognised by any"
    is_resampled = check.table in checks.BOOTSTRAPS
    pair = (check.ours[0], check.other[0])
    return Evidence(
        source=_difference_in_words(check, place),
        values=gap,
        reason=reason,
        paper=paper_value(our_places[0]) - paper_value(other_places[0]),
        resampled=checks.resampled(tables, check.table, check.claim, place, pair)
        if is_resampled
        else None,
        is_resampled=is_resampled,
    )


def _at(check: Check, place: Place, key: str) -> Place:
    """Return where the table has one side of a check."""
    return checks.at_model(place, key) if check.by == "model" else place | {check.by: key}


def _is_never_found(tables: Tables, check: Check, place: Place) -> bool:
    """Return whether F1 of a class is 0 with both models, and trained on real series."""
    for model in (*check.ours, *check.other, "real"):
        values, _ = by_seed(tables, check.table, checks.at_model(place, model))
        if values.any():
            return False
    return True


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


def _over_null(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield a distance over the 95 % quantile of that between many pairs of real halves."""
    (model,) = check.ours
    place = {"dataset": dataset, "model": model, "metric": check.metric}
    if check.table == "05-fidelity":
        place |= {"label": ALL, "feature": ALL}
    values, reason = by_seed(tables, check.table, place)
    quantile, null_reason = checks.null_quantile(tables, dataset, check.metric)
    reason = reason or null_reason
    source = f"{MODELS[model]}, {in_words(check.metric)} over real halves' 95 % quantile"
    found = np.array([]) if reason else values.to_numpy() / quantile
    yield Evidence(source=source, values=found, reason=reason)


def _distance(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield a distance over that between two halves of the real data."""
    (model,) = check.ours
    place = {"dataset": dataset, "model": model, "metric": check.metric}
    ratio, reason = checks.over_floor(tables, check.table, place)
    where = " beyond the window" if check.table == "11-long-sequences" else ""
    source = f"{in_words(check.metric)}{where} over the real floor"
    yield Evidence(source=source, values=ratio, reason=reason)


def _length(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield, for each class, the KS distance of our lengths over the floor's 95 % quantile."""
    (model,) = check.ours
    for label in checks.classes_of(tables, check.table, dataset) or [""]:
        place: Place = {"dataset": dataset, "metric": check.metric}
        if label:
            place["label"] = label
        values, reason = by_seed(tables, check.table, place | {"model": model})
        floor, floor_reason = by_seed(tables, check.table, place | {"model": FLOOR_95})
        reason = reason or floor_reason
        if not reason and floor.mean() == 0:
            reason = "random halves of the real series do not differ in length"
        yield Evidence(
            source=f"length ks, {label or 'by class'}, over the floor's 95 % quantile",
            values=np.array([]) if reason else values.to_numpy() / floor.mean(),
            reason=reason,
        )


def _deviation(check: Check, tables: Tables, dataset: str) -> Iterator[Evidence]:
    """Yield the distance of a ratio from 1."""
    (model,) = check.ours
    place = {"dataset": dataset, "metric": check.metric, "model": model}
    values, reason = by_seed(tables, check.table, place)
    source = f"distance of the {in_words(check.metric)} from 1"
    yield Evidence(source=source, values=(values - 1).abs().to_numpy(), reason=reason)


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
        paper=paper_value(place),
    )


EVIDENCE: dict[Kind, Callable[[Check, Tables, str], Iterator[Evidence]]] = {
    "difference": _difference,
    "over_null": _over_null,
    "distance": _distance,
    "length": _length,
    "deviation": _deviation,
    "least_ratio": _least_ratio,
    "exact": _exact,
}
