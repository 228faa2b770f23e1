"""The paper's weak points W1 to W9, each with a rule that decides it from the tidy tables.

Found in the author's copy and notebooks before any result (see `weak_points.csv`). "confirmed"
means that the weakness is there and matters, by the limit beside the rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from tst.evaluation.bootstrap import t_interval
from tst.study import checks, claims
from tst.study.checks import Place, Tables, by_seed, difference
from tst.vocabulary import CLASSIFIERS, in_words

PointVerdict = Literal["confirmed", "not confirmed", "avoided here", "not testable here"]
VERDICTS: tuple[PointVerdict, ...] = get_args(PointVerdict)
POINTS = pd.read_csv(Path(__file__).with_name("weak_points.csv")).set_index("point")

# Columns of table 13-weak-points; `judge` gives statement and reason beside them.
COLUMNS = [
    *["point", "dataset", "origin", "value", "low", "high", "n_seeds"],
    *["verdict", "sentence"],
]

# Series of the author's GCUT training set, by class; from the notebooks.
AUTHOR_CLASSES = (3125, 8062, 10636, 2639)
COPIED_LIMIT = 0.1  # W1: share of the steps
USABLE_LIMIT = 0.9  # W8: share of one set's series that the other's must reach
SMALLEST_CLAIM = 0.003  # W5: the smallest difference that the paper rests on
OTHER_CLASSIFIERS = tuple(key for key in CLASSIFIERS if key != "mlp")
# Where lengths decide a point: the real ones of attempts first, then the simulated series.
OF_LENGTHS = ("gcut_attempts", "gcut")
# Where classifiers decide a point: the real labelled sets, else the simulated one.
OF_CLASSES = ("borg2019", "iot", "gcut")
R2_ON_ONE_SCALE = ("r2", "r2_flat", "r2_variance_weighted")
WWT_MLP: Place = {"dataset": "wwt", "metric": "r2", "regressor": "mlp_1"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A row of table 13-weak-points without its sentence.

    Attributes
    ----------
    statement
        What was found, in words with its value; empty where nothing was.
    reason
        Why the point cannot be tested; empty where it was.
    """

    point: str
    dataset: str
    origin: str
    value: float
    low: float
    high: float
    n_seeds: int
    verdict: PointVerdict
    statement: str
    reason: str


def accuracy_bounds(
    f1: Sequence[float] | np.ndarray, classes: Sequence[float] | np.ndarray
) -> tuple[float, float]:
    """Return the least and the largest accuracy that F1 scores allow, whatever the predictions.

    With class shares p and predicted shares m (unknown, sum 1) true positives are f1 (p + m) / 2,
    each at most p and m; accuracy is their sum: a linear programme in m.

    Parameters
    ----------
    f1
        F1 of each class, shape (n_classes,).
    classes
        Number of series of each class, shape (n_classes,).
    """
    f1 = np.asarray(f1, float)
    p = np.asarray(classes, float) / np.sum(classes)
    upper = np.concatenate([np.diag(f1 / 2), np.diag(f1 / 2 - 1)])  # TP <= p and TP <= m
    limit = np.concatenate([p - f1 * p / 2, -f1 * p / 2])
    problem = {"A_ub": upper, "b_ub": limit, "A_eq": np.ones((1, len(p))), "b_eq": [1.0]}
    least = linprog(f1 / 2, **problem)
    largest = linprog(-f1 / 2, **problem)
    if not (least.success and largest.success):
        return np.nan, np.nan
    return float(f1 @ (p + least.x) / 2), float(f1 @ (p + largest.x) / 2)


def judge(tables: Tables) -> pd.DataFrame:
    """Return a row a weak point from the tidy frames in `tables`, of which any may be absent.

    Returns
    -------
    pd.DataFrame
        `COLUMNS`, and statement and reason.
    """
    findings = [rule(tables) for rule in RULES]
    rows = [asdict(finding) | {"sentence": sentence(finding)} for finding in findings]
    return pd.DataFrame(rows)[[*COLUMNS, "statement", "reason"]]


def sentence(finding: Finding) -> str:
    """Return a finding as a sentence that ends in its verdict."""
    if finding.verdict == "not testable here":
        return f"not testable here, because {finding.reason}."
    return f"{finding.statement}: {finding.verdict}."


def _finding(
    point: str,
    tables: Tables,
    dataset: str,
    values: Sequence[float] | np.ndarray | pd.Series,
    statement: str,
    confirmed: bool,
) -> Finding:
    """Return a finding; `{value}` in its statement is the mean of the values with its interval."""
    mean, low, high = t_interval(np.asarray(values))
    text = f"{mean:.3g}"
    if not np.isnan(low):
        text += f" [{low:.3g}, {high:.3g}]"
    return Finding(
        point=point,
        dataset=dataset,
        origin=checks.origin_of(tables, dataset),
        value=mean,
        low=low,
        high=high,
        n_seeds=len(values),
        verdict="confirmed" if confirmed else "not confirmed",
        statement=statement.format(value=text),
        reason="",
    )


def _untestable(point: str, tables: Tables, dataset: str, reason: str) -> Finding:
    """Return that a point cannot be tested, and why."""
    return Finding(
        point=point,
        dataset=dataset,
        origin=checks.origin_of(tables, dataset),
        value=np.nan,
        low=np.nan,
        high=np.nan,
        n_seeds=0,
        verdict="not testable here",
        statement="",
        reason=reason,
    )


def _w1(tables: Tables) -> Finding:
    """At the donor's lengths: by its flags TST runs on, and many steps make the copied ones few."""
    dataset, values, reason = _of_lengths(tables, "copied_share", "tst_oracle")
    if reason:
        return _untestable("W1", tables, dataset, reason)
    by_flags, _ = by_seed(tables, "04-generate", _at(dataset, "copied_share"))
    text = "{value} of the steps of TST's set are real conditioning steps"
    text += " at the donor's true lengths"
    text += f", {by_flags.mean():.3g} where its flags stop it (limit {COPIED_LIMIT:g}"
    text += f"; {in_words(dataset)})"
    return _finding("W1", tables, dataset, values, text, _low_end(values) > COPIED_LIMIT)


def _w2(tables: Tables) -> Finding:
    dataset, values, reason = _of_lengths(tables, "real_two_step_share", "tst_paper")
    if reason:
        return _untestable("W2", tables, dataset, reason)
    text = "{value} of the donors have two steps, which no generated series can have"
    text += f" ({in_words(dataset)})"
    return _finding("W2", tables, dataset, values, text, values.mean() > 0)


def _of_lengths(tables: Tables, metric: str, model: str) -> tuple[str, pd.Series, str]:
    """Return (data set, values by seed, why there are none) of the first of `OF_LENGTHS`."""
    for dataset in OF_LENGTHS:
        values, reason = by_seed(tables, "04-generate", _at(dataset, metric) | {"model": model})
        if not reason:
            break
    return dataset, values, reason


def _w3(tables: Tables) -> Finding:
    numbers = claims.paper_numbers().query("source == 'TST' and dataset == 'gcut'")
    tst = _compatible_shares(numbers[numbers["model"] == "tst_paper"])
    dg = _compatible_shares(numbers[numbers["model"] == "doppelganger"])
    text = f"F1 bars and accuracy bars are compatible for TST with {_percent(tst)} real data,"
    text += f" for DG with {_percent(dg)}: shares that fit both: {{value}}"
    n_both = len(tst & dg)
    finding = _finding("W3", tables, "gcut", [n_both], text, n_both == 0)
    return replace(finding, dataset="the paper", origin="original")


def _compatible_shares(numbers: pd.DataFrame) -> set[float]:
    """Return the shares of real data whose accuracy a model's F1 scores allow."""
    f1 = numbers.loc[numbers["metric"].str.startswith("f1"), "value"]
    least, largest = accuracy_bounds(f1, AUTHOR_CLASSES)
    accuracy = numbers[numbers["metric"] == "accuracy"]
    return set(accuracy.loc[accuracy["value"].between(least, largest), "share"])


def _percent(shares: set[float]) -> str:
    return ", ".join(f"{share:.0%}" for share in sorted(shares)) or "none"


def _w4(tables: Tables) -> Finding:
    ours = WWT_MLP | {"model": "tst_paper", "train": "synthetic"}
    real = WWT_MLP | {"model": "real", "train": "real"}
    values, reason = difference(tables, "07-regression", [ours], [real])
    if reason:
        return _untestable("W4", tables, "wwt", reason)
    text = "R2 of MLP-1 trained on TST's series alone, minus real alone: {value}"
    text += "; the paper leaves the row out"
    return _finding("W4", tables, "wwt", values, text, _high_end(values) < 0)


def _w5(tables: Tables) -> Finding:
    """Of the paired difference that the paper reports, not of one of its two arms."""
    ours = WWT_MLP | {"model": "tst_paper", "train": "synthetic+real"}
    real = WWT_MLP | {"model": "real", "train": "real"}
    values, reason = difference(tables, "07-regression", [ours], [real])
    if len(values) < 2:
        return _untestable("W5", tables, "wwt", reason or "one seed has no spread")
    text = f"standard deviation of R2 of TST + real minus real (MLP-1) over {len(values)} seeds:"
    text += f" {{value}}; the paper rests on differences from {SMALLEST_CLAIM:g} up, from one run"
    deviation = values.std(ddof=1)
    return _finding("W5", tables, "wwt", [deviation], text, deviation > SMALLEST_CLAIM / 2)


def _w6(tables: Tables) -> Finding:
    """On one scale; raw counts are another quantity, whose distance is told beside it."""
    values = {}
    for metric in (*R2_ON_ONE_SCALE, "r2_raw"):
        place = WWT_MLP | {"model": "real", "train": "real", "metric": metric}
        values[metric], reason = by_seed(tables, "07-regression", place)
        if reason:
            return _untestable("W6", tables, "wwt", reason)
    frame = pd.DataFrame(values)
    spread = np.ptp(frame[[*R2_ON_ONE_SCALE]].to_numpy(), axis=1)
    raw = (frame["r2"] - frame["r2_raw"]).abs().mean()
    text = "the same forecasts (real, MLP-1) differ by {value} in R2 between three definitions on"
    text += f" the log scale (limit {SMALLEST_CLAIM:g}); on raw counts R2 is {raw:.3g} away"
    return _finding("W6", tables, "wwt", spread, text, _low_end(spread) > SMALLEST_CLAIM)


def _w7(tables: Tables) -> Finding:
    """On every real labelled set, or else the simulated one; confirmed where all say so.

    Table and interval are of the first, the others are told beside it.
    """
    found: dict[str, np.ndarray] = {}
    for dataset in OF_CLASSES:
        gaps, reason = _gaps_of_other_classifiers(tables, dataset)
        if not reason:
            found[dataset] = gaps
    found = {key: gaps for key, gaps in found.items() if _is_real(tables, key)} or found
    if not found:
        return _untestable("W7", tables, OF_CLASSES[0], reason)
    told: list[str] = []
    n_below = []
    values = [f"{gaps.mean():.3g}" for gaps in found.values()]
    values[0] = "{value}"
    for value, (dataset, gaps) in zip(values, found.items(), strict=True):
        n_below.append(sum(t_interval(gap)[2] < 0 for gap in gaps))
        told.append(f"{value} on {in_words(dataset)}, below 0 with {n_below[-1]} of {len(gaps)}")
    text = "accuracy of TST + real minus real, mean of the four other classifiers: "
    text += "; ".join(told)
    (first, gaps), *_ = found.items()
    everywhere = min(n_below) == len(OTHER_CLASSIFIERS)
    return _finding("W7", tables, first, gaps.mean(axis=0), text, everywhere)


def _gaps_of_other_classifiers(tables: Tables, dataset: str) -> tuple[np.ndarray, str]:
    """Return accuracy of TST + real minus real, shape (classifiers, seeds), or what is missing."""
    gaps = []
    for classifier in OTHER_CLASSIFIERS:
        place = checks.score_at("accuracy", 1, classifier, dataset)
        ours, real = (checks.at_model(place, model) for model in ("tst_paper", "real"))
        gap, reason = difference(tables, "06-classification", [ours], [real])
        if reason:
            return np.array([]), reason
        gaps.append(gap)
    return np.array(gaps), ""


def _is_real(tables: Tables, dataset: str) -> bool:
    return checks.origin_of(tables, dataset) != "simulated"


def _w8(tables: Tables) -> Finding:
    """Sets of equal number are not of equal use where many series are too short for the task.

    Nor are they of equal cost: what each training took stands in table 13-training.
    """
    ours, reason = by_seed(tables, "04-generate", _at("wwt", "capped_share"))
    place = _at("wwt", "capped_share") | {"model": "doppelganger"}
    other, other_reason = by_seed(tables, "03-train-baselines", place)
    reason = reason or other_reason
    if reason:
        return _untestable("W8", tables, "wwt", reason)
    ratio = (other / ours).dropna()
    text = "every generator's set has as many series as there are donors, but on WWT DG's series"
    text += " that are long enough for the task are {value} of TST's"
    text += f", with the worst seed {ratio.min():.3g} (limit {USABLE_LIMIT:g})"
    found = _finding("W8", tables, "wwt", ratio, text, ratio.min() < USABLE_LIMIT)
    if found.verdict == "confirmed":
        return found
    return replace(found, verdict="avoided here")


def _w9(tables: Tables) -> Finding:
    values, reason = by_seed(tables, "04-generate", _at("wwt", "repeat_difference"))
    if reason:
        return _untestable("W9", tables, "wwt", reason)
    text = "two samples from the same conditioning steps differ by at most {value}:"
    text += " the output has no randomness of its own"
    return _finding("W9", tables, "wwt", values, text, values.mean() == 0)


RULES: tuple[Callable[[Tables], Finding], ...] = (_w1, _w2, _w3, _w4, _w5, _w6, _w7, _w8, _w9)


def _at(dataset: str, metric: str) -> Place:
    return {"dataset": dataset, "model": "tst_paper", "metric": metric}


def _low_end(values: np.ndarray | pd.Series) -> float:
    """Return the lower end of the interval, or the mean where one seed gives none."""
    mean, low, _ = t_interval(values)
    if np.isnan(low):
        return mean
    return low


def _high_end(values: np.ndarray | pd.Series) -> float:
    """Return the upper end of the interval, or the mean where one seed gives none."""
    mean, _, high = t_interval(values)
    if np.isnan(high):
        return mean
    return high
