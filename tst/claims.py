"""The paper's numbers as data, t-intervals over seeds, and the rules that judge each claim, fixed before any result.

A rule takes the tidy tables of the notebooks and returns one row a check: a difference paired by seed must have its
whole 95 % interval above the limit, a distance its whole interval below; an interval that contains the limit counts
against the claim. Fewer than three seeds, or simulated data, allow "partly" at best. Numbers: arXiv 2506.07312 as read
from the author's copy and notebooks; DG's own protocol: arXiv 1909.13403, read off its figures by eye, +-0.01.
"""

import numpy as np
import pandas as pd
from scipy import stats

VERDICTS = ("reproduced", "partly", "not reproduced", "not testable here")
COLUMNS = "claim source paper ours low high n_seeds dataset origin verdict sentence".split()
OVERALL = "all checks"
SHARES = (0, 0.01, 0.05, 0.1, 0.2, 0.5, 1)
CLASSIFIERS = ("mlp", "naive_bayes", "logistic_regression", "decision_tree", "svm")
REGRESSORS = ("mlp_1", "mlp_5", "linear", "kernel_ridge")
CONTROLS = ("seed_only", "seed_repeat", "bootstrap_copy")
FLOOR_FACTOR = 2  # two halves of the real data differ by the floor; up to twice that counts as kept
TOLERANCE = 0.01  # accuracy or R2 that "is enough" may lack
N_PARAMETERS = 12_635_659

# id: (the claim, what would count against it)
CLAIMS = {
    "C1": (
        "Trained on TST data, a GCUT classifier beats one trained on DG data at every share of real data.",
        "The interval of the difference over seeds contains 0 or is negative, or it holds for the MLP alone.",
    ),
    "C2": (
        "TST's F1 beats DG's and real data's in all four GCUT classes.",
        "At some share of real data the interval of a class's difference on real test data contains 0 or is negative.",
    ),
    "C3": (
        "TST + Real gives the best R2 on WWT with MLP-1 and MLP-5.",
        "The interval over seeds of the difference to Real, or to DG + Real, contains 0 or is negative.",
    ),
    "C4": (
        "TST keeps the correlations between measurements.",
        "The distance of Pearson matrices is more than twice that between two halves of the real data.",
    ),
    "C5": (
        "The architecture is as stated: 12,635,659 parameters, causal, padding without influence.",
        "Another count, or an output that changes with the future or with padded values.",
    ),
    "C6": (
        "The gain comes from what was generated, not from the two real seed steps and the donor's label.",
        "A control (seed only, seed repeated, bootstrap copy) reaches the same score.",
    ),
    "C7": (
        "A sigmoid or tanh output, matched to the normalisation, is enough for real-valued data.",
        "A head with a distribution beats both by more than 0.01.",
    ),
    "C8": (
        "The model works across data sets and lengths.",
        "On some data set, or beyond the training window, the ACF error is more than twice the real-versus-real floor.",
    ),
    "Q1": (
        "Open: learn the length distribution without flags.",
        "The KS distance of lengths in some class is more than twice the real-versus-real floor.",
    ),
    "Q2": (
        "Open: generate without a real seed.",
        "Seedless data score more than 0.01 below data that start from real steps.",
    ),
    "Q3": (
        "Open: handle all 2,500 steps in less memory.",
        "No other attention needs at most half the peak memory of full attention at 2,500 steps.",
    ),
}

_ACCURACY = {
    "doppelganger": (0.671, 0.677, 0.719, 0.741, 0.755, 0.786, 0.804),
    "tst_paper": (0.711, 0.736, 0.764, 0.776, 0.782, 0.802, 0.8123),
}
_F1 = {
    "real": (0.58, 0.92, 0.77, 0.16),
    "doppelganger": (0.49, 0.85, 0.72, 0.12),
    "tst_paper": (0.65, 0.94, 0.84, 0.34),
}
_R2 = {
    "real": (0.9061, 0.8941, 0.9088, 0.9087),
    "tst_paper": (0.9093, 0.9034, 0.9073, 0.9070),
    "doppelganger": (0.8916, 0.8909, 0.9007, 0.9070),
}
# The author's notebooks, synthetic data alone; the MLP-1 of TST ranges from .71 to .81 and is left out.
_R2_ALONE = {"tst_paper": (None, 0.636, -453, 0.812), "doppelganger": (0.832, 0.820, 0.813, 0.820)}
_DG_ACCURACY = {
    "real": (0.82, 0.37, 0.69, 0.81, 0.71),
    "doppelganger": (0.66, 0.35, 0.65, 0.37, 0.675),
    "rnn": (0.385, 0.41, 0.51, 0.385, 0.495),
    "ar": (0.465, 0.385, 0.40, 0.355, 0.40),
    "hmm": (0.405, 0.13, 0.425, 0.34, 0.42),
    "naive_gan": (0.395, 0.36, 0.435, 0.36, 0.42),
}
# None: drawn below the axis (R2 below zero).
_DG_R2 = {
    "real": (0.905, 0.925, 0.915, 0.905),
    "doppelganger": (0.865, 0.855, 0.79, 0.875),
    "rnn": (0.79, 0.78, None, 0.855),
    "ar": (0.795, 0.83, None, 0.85),
    "hmm": (0.68, 0.37, 0.72, 0.66),
    "naive_gan": (0.355, None, None, 0.28),
}


def paper_numbers():
    """Return every number of the two papers as tidy rows.

    Returns
    -------
    DataFrame
        Columns source, claim, dataset, model, train, share, classifier, regressor, metric, value; a column that does
        not apply is NaN. `source` is TST, TST notebooks, or DG.
    """
    rows = []

    def add(source, claim, dataset, table, train, column, keys, metric):
        fixed = {"source": source, "claim": claim, "dataset": dataset, "metric": metric}
        for model, values in table.items():
            trained = "real" if model == "real" else train
            for key, value in zip(keys, values, strict=True):
                if value is not None:
                    rows.append(fixed | {"model": model, "train": trained, column: key, "value": value})

    add("TST", "C1", "gcut", _ACCURACY, "synthetic+real", "share", SHARES, "accuracy")
    add("TST", "C2", "gcut", _F1, np.nan, "metric", ("f1_0", "f1_1", "f1_2", "f1_3"), "f1")
    add("TST", "C3", "wwt", _R2, "synthetic+real", "regressor", REGRESSORS, "r2")
    add("TST notebooks", "C3", "wwt", _R2_ALONE, "synthetic", "regressor", REGRESSORS, "r2")
    add("DG", "C1", "gcut", _DG_ACCURACY, "synthetic", "classifier", CLASSIFIERS, "accuracy")
    add("DG", "C3", "wwt", _DG_R2, "synthetic", "regressor", REGRESSORS, "r2")
    frame = pd.DataFrame(rows)
    frame.loc[frame["share"].eq(0), "train"] = "synthetic"
    frame.loc[(frame["source"] == "TST") & (frame["dataset"] == "gcut"), "classifier"] = "mlp"
    columns = "source claim dataset model train share classifier regressor metric value".split()
    return frame[columns]


def interval(values, level=0.95):
    """Return (mean, low, high) of the t-interval over seeds; low and high are NaN for one value, all for none."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return np.nan, np.nan, np.nan
    mean = values.mean()
    half = stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
    return float(mean), float(mean - half), float(mean + half)


def verdict(claim, source, paper, values, dataset, origin, rule=("above", 0), reason=""):
    """Judge one check and return its row: the columns of table 13-claims.

    Parameters
    ----------
    source
        What is compared, in words; stands in the sentence.
    paper
        The paper's value, or NaN where it gives none.
    values
        Our values, one a seed; empty where the rows needed are missing, which `reason` then names.
    rule
        ("above", limit) or ("below", limit): the whole interval over seeds lies there. ("exactly", limit): each value
        equals it; ("measured", limit): each value is at most that. The last two ask neither for seeds nor real data.
    """
    ours, low, high = interval(values)
    result = _decide(rule, ours, low, high, values, origin)
    row = dict(claim=claim, source=source, paper=paper, ours=ours, low=low, high=high, n_seeds=len(values))
    row |= dict(dataset=dataset, origin=origin, verdict=result)
    return row | {"sentence": _sentence(row, reason)}


def _decide(rule, ours, low, high, values, origin):
    kind, limit = rule
    if np.isnan(ours):
        return "not testable here"
    if kind in ("exactly", "measured"):
        good = all(v == limit if kind == "exactly" else v <= limit for v in values)
        return "reproduced" if good else "not reproduced"
    sign = 1 if kind == "above" else -1
    end = low if kind == "above" else high
    worst = ours if np.isnan(end) else end
    if sign * worst <= sign * limit:
        return "not reproduced"
    return "partly" if len(values) < 3 or origin == "simulated" else "reproduced"


def _sentence(row, reason):
    simulated = ", on simulated series" if row["origin"] == "simulated" else ""
    if row["n_seeds"] == 0:
        return f"{row['source']} ({row['dataset']}{simulated}): *not testable here*, because {reason}."
    paper = "the paper gives no number" if np.isnan(row["paper"]) else f"the paper reports {_text(row['paper'])}"
    bounds = "" if np.isnan(row["low"]) else f" [{_text(row['low'])}, {_text(row['high'])}]"
    seeds = f"{row['n_seeds']} seed{'s' * (row['n_seeds'] > 1)}"
    ours = f"we find {_text(row['ours'])}{bounds} over {seeds}{simulated}"
    return f"{row['source']} ({row['dataset']}): {paper}, {ours}: *{row['verdict']}*."


def _text(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"
