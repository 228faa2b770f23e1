"""Intervals of a difference between two generators: paired bootstrap over test rows and seeds, Holm over a family.

Both models are scored on the same test rows with the same seeds; rows and seeds are drawn together, with replacement, so
that the interval holds the test set's chance as well as the generators'. With three seeds it is coarse in the seeds:
a check of a claim asks for the t-interval over seeds and for these p-values (`tst.study.claims`).
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

N_RESAMPLES = 5000  # the least p is 2 / 5001: below .05 after Holm over up to 125 checks
LEVEL = 0.95


def paired_accuracy(ours, other, seed=0, limit=0):
    """Return (difference, low, high, p) of two accuracies; p is two-sided, of a difference that equals `limit`.

    Parameters
    ----------
    ours, other
        bool, shape (n_seeds, n_rows): whether the prediction of a test row was right.
    """
    gap = ours.astype(float) - other.astype(float)
    seeds, rows = _weights(*gap.shape, seed)
    return _summary(gap.mean(), seeds, rows @ gap.T, limit)


def paired_f1(true, ours, other, seed=0, limit=0):
    """Return (difference, low, high, p) of two F1 of one class; 0 where it is neither there nor predicted.

    Parameters
    ----------
    true
        bool, shape (n_rows,): whether a test row belongs to the class.
    ours, other
        bool, shape (n_seeds, n_rows): whether it was predicted to.
    """
    seeds, rows = _weights(*ours.shape, seed)
    whole = np.ones((1, len(true)))
    value, drawn = (_f1(r, true, ours) - _f1(r, true, other) for r in (whole, rows))
    return _summary(value.mean(), seeds, drawn, limit)


def _f1(rows, true, named):
    """Return F1 under the weights `rows` (resamples, n_rows): (resamples, n_seeds)."""
    sizes = rows @ named.T.astype(float) + (rows @ true.astype(float))[:, None]
    return np.divide(
        2 * rows @ (named & true).T.astype(float), sizes, out=np.zeros_like(sizes), where=sizes > 0
    )


def paired_r2(true, ours, other, seed=0, limit=0):
    """Return (difference, low, high, p) of two R2, the mean over the columns of each.

    Parameters
    ----------
    true
        float, shape (n_rows, n_days).
    ours, other
        float, shape (n_seeds, n_rows, n_days): forecasts.
    """
    errors = ((other - true) ** 2 - (ours - true) ** 2).transpose(1, 0, 2)  # (rows, seeds, days)
    seeds, rows = _weights(errors.shape[1], len(true), seed)
    variance = rows @ true**2 - (rows @ true) ** 2  # (resamples, days)
    gain = np.stack(
        [(rows @ errors[:, s] / variance).mean(1) for s in range(errors.shape[1])], axis=1
    )
    return _summary((errors.mean((0, 1)) / true.var(0)).mean(), seeds, gain, limit)


def bootstrap_classification(plan, predicted, true, classes):
    """Return a row (see `table`) for each comparison whose two models were scored with a common seed.

    Parameters
    ----------
    plan
        Mappings claim, ours, other, metric (accuracy or f1_<k>), share, classifier, limit, as `comparisons.classified` has them.
    predicted
        {(model, share, classifier): {seed: labels of the test rows}}; model real at share 0.
    true
        Labels of the test rows.
    classes
        Names of the classes, in the order of f1_<k>.
    """
    rows = []
    for place in plan:
        at = [
            (m, 0.0 if m == "real" else place["share"], place["classifier"])
            for m in (place["ours"], place["other"])
        ]
        found = [predicted.get(key, {}) for key in at]
        seeds = sorted(found[0].keys() & found[1].keys())
        if seeds:
            pair = [np.stack([f[s] for s in seeds]) for f in found]
            rows.append(
                _row(place, len(seeds), _classified(place, pair, np.asarray(true), classes))
            )
    return rows


def _classified(place, pair, true, classes):
    if place["metric"] == "accuracy":
        return paired_accuracy(*(p == true for p in pair), limit=place["limit"])
    name = classes[int(place["metric"].removeprefix("f1_"))]
    return paired_f1(true == name, *(p == name for p in pair), limit=place["limit"])


def bootstrap_regression(plan, forecasts, true):
    """Return a row for each comparison of forecasts, R2, as `classified`.

    Parameters
    ----------
    plan
        Mappings claim, ours, other, metric (r2), train, regressor, limit.
    forecasts
        {(model, train, regressor): {seed: float (n_rows, n_days)}}; model real with train real.
    true
        float, shape (n_rows, n_days).
    """
    rows = []
    for place in plan:
        at = [
            (m, "real" if m == "real" else place["train"], place["regressor"])
            for m in (place["ours"], place["other"])
        ]
        found = [forecasts.get(key, {}) for key in at]
        seeds = sorted(found[0].keys() & found[1].keys())
        if seeds:
            pair = [np.stack([f[s] for s in seeds]) for f in found]
            rows.append(_row(place, len(seeds), paired_r2(true, *pair, limit=place["limit"])))
    return rows


def _row(place, n_seeds, found):
    facts = {k: v for k, v in place.items() if k not in ("ours", "other")}
    facts |= {"model": f"{place['ours']} - {place['other']}", "n_seeds": n_seeds}
    return facts | dict(zip(("value", "low", "high", "p"), found, strict=True))


def holm(p):
    """Return p-values adjusted for a family by Holm's method."""
    return multipletests(p, method="holm")[1]


def table(rows, family):
    """Return rows (mappings with value, low, high, p) as a frame with p_holm over each value of column `family`."""
    frame = pd.DataFrame(rows)
    return frame.assign(p_holm=frame.groupby(family)["p"].transform(holm))


@lru_cache(maxsize=4)
def _weights(n_seeds, n_rows, seed):
    """Return how often each seed and each row is drawn, as shares: (N_RESAMPLES, n_seeds), (N_RESAMPLES, n_rows)."""
    rng = np.random.default_rng(seed)
    return tuple(rng.multinomial(n, np.full(n, 1 / n), N_RESAMPLES) / n for n in (n_seeds, n_rows))


def _summary(value, seeds, by_seed, limit):
    """Return (value, low, high, p) of resamples, each a score a seed (N_RESAMPLES, n_seeds), under the seeds' weights."""
    drawn = (seeds * by_seed).sum(1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = min((drawn <= limit).sum(), (drawn >= limit).sum()) + 1
    return float(value), float(low), float(high), float(min(1.0, 2 * tail / (len(drawn) + 1)))
