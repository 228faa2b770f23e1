"""Intervals: of a mean over seeds, and of a difference between two generators by paired bootstrap.

Both models are scored on the same test rows with the same seeds; rows and seeds are drawn together,
with replacement, so that the interval holds the test set's chance as well as the generators'
(neither scipy nor arch resamples two ways at once). Rows of one owner (job, instance, device) are
drawn together. With three seeds it is coarse in the seeds: a check of a claim asks for the
t-interval over seeds as well (`tst.study.decisions`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

N_RESAMPLES = 5000  # the least p is 2 / 5001: below .05 after Holm over up to 125 tests
LEVEL = 0.95  # of all intervals

BySeed = Mapping[int, np.ndarray]  # what a model predicted of all test rows, by seed
Comparison = Mapping[str, Any]  # one row of a plan: its models, metric, place and limit


class Difference(NamedTuple):
    """A difference of two scores, its interval, and the two-sided p that it equals a limit."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Resamples:
    """Which seeds and rows are drawn: the share that each has in each resample.

    Parameters
    ----------
    seeds
        float64, shape (N_RESAMPLES, n_seeds).
    rows
        float64, shape (N_RESAMPLES, n_rows).
    """

    seeds: np.ndarray
    rows: np.ndarray

    @classmethod
    def draw(cls, n_seeds: int, owner: np.ndarray, seed: int = 0) -> Self:
        """Draw seeds and owners of rows with replacement, each as many as there are.

        Parameters
        ----------
        owner
            int64, shape (n_rows,): number of each row's owner, from 0; a row of its own each
            where rows do not depend on each other.
        """
        rng = np.random.default_rng(seed)
        n_owners = int(owner.max()) + 1
        seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), N_RESAMPLES) / n_seeds
        times = rng.multinomial(n_owners, np.full(n_owners, 1 / n_owners), N_RESAMPLES)
        rows = times[:, owner]
        return cls(seeds=seeds, rows=rows / rows.sum(1, keepdims=True))

    def difference(self, value: float, by_seed: np.ndarray, limit: float) -> Difference:
        """Return the difference `value` with the interval and p of its resamples.

        Parameters
        ----------
        value
            Of all seeds and rows, each drawn once.
        by_seed
            float64, shape (N_RESAMPLES or 1, n_seeds): the difference of each seed on the rows
            drawn.
        limit
            What p tests the difference against.
        """
        drawn = (self.seeds * by_seed).sum(1)
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        tail = min((drawn <= limit).sum(), (drawn >= limit).sum()) + 1
        p = min(1.0, 2 * tail / (len(drawn) + 1))
        return Difference(float(value), float(low), float(high), float(p))


def t_interval(
    values: Sequence[float] | np.ndarray, level: float = LEVEL
) -> tuple[float, float, float]:
    """Return (mean, low, high) of the t-interval of a mean, as over seeds.

    Low and high are NaN for one value, all three for none.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if n == 1:
        return mean, np.nan, np.nan
    _, quantile = stats.t.interval(level, n - 1)
    half = float(quantile * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


def paired_accuracy(
    ours: np.ndarray, other: np.ndarray, resamples: Resamples, limit: float = 0
) -> Difference:
    """Return the difference of two accuracies.

    Parameters
    ----------
    ours, other
        bool, shape (n_seeds, n_rows): whether the prediction of a test row was right.
    resamples
        Of as many seeds and rows.
    limit
        What p tests the difference against.
    """
    gap = ours.astype(float) - other.astype(float)
    return resamples.difference(gap.mean(), resamples.rows @ gap.T, limit)


def paired_f1(
    true: np.ndarray, ours: np.ndarray, other: np.ndarray, resamples: Resamples, limit: float = 0
) -> Difference:
    """Return the difference of two F1 of one class; 0 where it is neither there nor predicted.

    Parameters
    ----------
    true
        bool, shape (n_rows,): whether a test row belongs to the class.
    ours, other
        bool, shape (n_seeds, n_rows): whether it was predicted to.
    resamples
        Of as many seeds and rows.
    limit
        What p tests the difference against.
    """
    whole = np.ones((1, len(true)))
    value = _f1(whole, true, ours) - _f1(whole, true, other)
    by_seed = _f1(resamples.rows, true, ours) - _f1(resamples.rows, true, other)
    return resamples.difference(value.mean(), by_seed, limit)


def _f1(weights: np.ndarray, true: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Return F1 under the weights (n_resamples, n_rows) of the rows: (n_resamples, n_seeds)."""
    sizes = weights @ named.T.astype(float) + (weights @ true.astype(float))[:, None]
    hits = 2 * weights @ (named & true).T.astype(float)
    return np.divide(hits, sizes, out=np.zeros_like(sizes), where=sizes > 0)


def paired_r2(
    true: np.ndarray, ours: np.ndarray, other: np.ndarray, resamples: Resamples, limit: float = 0
) -> Difference:
    """Return the difference of two R2, the mean over the days of each.

    Parameters
    ----------
    true
        float, shape (n_rows, n_days).
    ours, other
        float, shape (n_seeds, n_rows, n_days): forecasts.
    resamples
        Of as many seeds and rows.
    limit
        What p tests the difference against.
    """
    errors = (other - true) ** 2 - (ours - true) ** 2  # (n_seeds, n_rows, n_days)
    errors = errors.transpose(1, 0, 2)  # (n_rows, n_seeds, n_days)
    rows = resamples.rows
    variance = rows @ true**2 - (rows @ true) ** 2  # (N_RESAMPLES, n_days)
    gain = [(rows @ errors[:, s] / variance).mean(1) for s in range(errors.shape[1])]
    value = (errors.mean((0, 1)) / true.var(0)).mean()
    return resamples.difference(value, np.stack(gain, axis=1), limit)


def bootstrap_classification(
    plan: Iterable[Comparison],
    predicted: Mapping[tuple[str, float, str], BySeed],
    true: np.ndarray,
    classes: Sequence[str] | pd.Index,
    owner: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Return a row (see `_paired_bootstrap`) for each comparison whose two models share a seed.

    Parameters
    ----------
    plan
        Mappings claim, ours, other, metric (accuracy or f1_<k>), share, classifier, limit.
    predicted
        {(model, share, classifier): {seed: labels of the test rows}}; model real at share 0.
    true
        str, shape (n_rows,): labels of the test rows.
    classes
        Names of the classes, in the order of f1_<k>.
    owner
        int64, shape (n_rows,): see `Resamples.draw`; None: each row its own.
    """
    true = np.asarray(true)

    def key(comparison: Comparison, model: str) -> tuple[str, float, str]:
        """Return where the labels of a model stand; the real series have no share."""
        share = 0.0 if model == "real" else comparison["share"]
        return model, share, comparison["classifier"]

    def compare(
        comparison: Comparison, ours: np.ndarray, other: np.ndarray, resamples: Resamples
    ) -> Difference:
        """Return the difference of two accuracies or F1, of labels (n_seeds, n_rows)."""
        metric = comparison["metric"]
        limit = comparison["limit"]
        if metric == "accuracy":
            return paired_accuracy(ours == true, other == true, resamples, limit)
        name = classes[int(metric.removeprefix("f1_"))]
        return paired_f1(true == name, ours == name, other == name, resamples, limit)

    owner = np.arange(len(true)) if owner is None else owner
    return _paired_bootstrap(plan, predicted, owner, key, compare)


def bootstrap_regression(
    plan: Iterable[Comparison],
    forecasts: Mapping[tuple[str, str, str], BySeed],
    true: np.ndarray,
    owner: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """Return a row (see `_paired_bootstrap`) for each comparison of forecasts, by their R2.

    Parameters
    ----------
    plan
        Mappings claim, ours, other, metric (r2), train, regressor, limit.
    forecasts
        {(model, train, regressor): {seed: float (n_rows, n_days)}}; model real with train real.
    true
        float, shape (n_rows, n_days).
    owner
        int64, shape (n_rows,): see `Resamples.draw`; None: each row its own.
    """

    def key(comparison: Comparison, model: str) -> tuple[str, str, str]:
        """Return where the forecasts of a model stand; real series are the training set."""
        train = "real" if model == "real" else comparison["train"]
        return model, train, comparison["regressor"]

    def compare(
        comparison: Comparison, ours: np.ndarray, other: np.ndarray, resamples: Resamples
    ) -> Difference:
        """Return the difference of two R2, of forecasts (n_seeds, n_rows, n_days)."""
        return paired_r2(true, ours, other, resamples, comparison["limit"])

    owner = np.arange(len(true)) if owner is None else owner
    return _paired_bootstrap(plan, forecasts, owner, key, compare)


def _paired_bootstrap(
    plan: Iterable[Comparison],
    predictions: Mapping[Any, BySeed],
    owner: np.ndarray,
    key: Callable[[Comparison, str], tuple[str, Any, str]],
    compare: Callable[[Comparison, np.ndarray, np.ndarray, Resamples], Difference],
) -> list[dict[str, Any]]:
    """Return a row for each comparison of a plan whose two models share a seed.

    It has model (ours - other), n_seeds, the fields of a `Difference`, and those of the plan.

    Parameters
    ----------
    plan
        Mappings with ours, other and what `key` and `compare` read.
    predictions
        By key, then by seed: arrays whose first axis is the test rows.
    owner
        Of each test row, see `Resamples.draw`.
    key
        Returns where the predictions of a model stand.
    compare
        Returns the difference of two arrays (n_seeds, n_rows, ...).
    """
    resamples: dict[int, Resamples] = {}  # by number of seeds; all comparisons share the draws
    rows = []
    for comparison in plan:
        ours = predictions.get(key(comparison, comparison["ours"]), {})
        other = predictions.get(key(comparison, comparison["other"]), {})
        seeds = sorted(ours.keys() & other.keys())
        if not seeds:
            continue
        if len(seeds) not in resamples:
            resamples[len(seeds)] = Resamples.draw(len(seeds), owner)
        difference = compare(
            comparison,
            np.stack([ours[seed] for seed in seeds]),
            np.stack([other[seed] for seed in seeds]),
            resamples[len(seeds)],
        )
        row = {name: v for name, v in comparison.items() if name not in ("ours", "other")}
        row["model"] = f"{comparison['ours']} - {comparison['other']}"
        row["n_seeds"] = len(seeds)
        rows.append(row | difference._asdict())
    return rows


def holm(p: Sequence[float] | pd.Series) -> np.ndarray:
    """Return p-values adjusted for a family by Holm's method."""
    return multipletests(p, method="holm")[1]
