"""Does a synthetic set serve in the place of the real one: what attributes say, and a classifier.

Both are learned from the synthetic set and from the real one alike, and judged on held-out real
series.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tst.evaluation.deals import MAX_CLASSES, codes_of, learned_attributes, series_facts
from tst.evaluation.embedding import RankTransform
from tst.evaluation.learned_scores import boosting, summary
from tst.evaluation.ragged import check_features, subsample
from tst.evaluation.reference import Reference
from tst.series import SeriesSet

MAX_SERIES = 2000  # of each set: what the classifier sees
MAX_LABELS = 10  # classes of a label that is chosen
MIN_MEMBERS = 5  # learned series of each of its classes
SIGMAS = 3.3  # one chance in two thousand
KEPT = 0.5  # of what the real series teach above guessing, that a synthetic set should teach


class Explained(NamedTuple):
    """How much of what differs between held-out series an attribute explains (R2).

    By the means of its classes in the learned series (`real`), or in the synthetic ones.
    """

    attribute: str
    fact: str
    real: float
    synthetic: float


def explained(
    held_out: SeriesSet, learned: SeriesSet, synthetic: SeriesSet, features: list[str]
) -> list[Explained]:
    """Return for each attribute the fact of series that it explains best by the learned series.

    Parameters
    ----------
    held_out, learned, synthetic
        Sets of the same features and attributes.
    features
        Those whose levels and spreads are facts, beside the length.
    """
    check_features(held_out, learned)
    transform = RankTransform(learned)
    columns = [learned.feature_names.index(name) for name in features]
    facts = {}
    for key, series in (("held_out", held_out), ("real", learned), ("synthetic", synthetic)):
        facts[key] = series_facts(transform(series), columns, learned.lengths)
    names = [*features, *(f"spread of {name}" for name in features), "length"]
    found = []
    for name in learned_attributes(learned):
        codes = codes_of(learned, held_out, name)
        r2 = {}
        for key, series in (("real", learned), ("synthetic", synthetic)):
            of_class = _class_means(facts[key], codes_of(learned, series, name))
            r2[key] = _r2(facts["held_out"], of_class[codes])
        best = int(np.argmax(r2["real"]))
        found.append(
            Explained(name, names[best], float(r2["real"][best]), float(r2["synthetic"][best]))
        )
    return sorted(found, key=lambda one: -one.real)


def _class_means(facts: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return mean facts, of all where a class is empty, (MAX_CLASSES + 1, n_facts)."""
    is_in = np.eye(MAX_CLASSES + 1)[codes]  # (n_series, n_classes)
    n = is_in.sum(0)[:, None]
    return np.where(n > 0, is_in.T @ facts / np.maximum(n, 1), facts.mean(0))


def _r2(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return R2 of each column; 0 of one that does not vary."""
    total = ((true - true.mean(0)) ** 2).sum(0)
    error = ((true - predicted) ** 2).sum(0)
    return np.where(total > 1e-9, 1 - error / np.maximum(total, 1e-9), 0.0)


class LabelScore(NamedTuple):
    """How well a classifier tells the label of held-out real series.

    `guess` is the share of the commonest class, `limit` the least that a synthetic set should
    reach: NaN where the real series do not teach it either.
    """

    label: str
    real: float
    synthetic: float
    guess: float
    limit: float


def choose_label(learned: SeriesSet) -> str | None:
    """Return the label, or else the attribute that says most about series; None without one."""
    if learned.label is not None:
        return learned.label
    transform = RankTransform(learned)
    facts = series_facts(transform(learned), range(learned.n_features), learned.lengths)
    best = None
    most = 0.0
    for name in learned_attributes(learned):
        counts = learned.attributes[name].value_counts()
        counts = counts[counts > 0]
        if len(counts) > MAX_LABELS or counts.min() < MIN_MEMBERS:
            continue
        codes = codes_of(learned, learned, name)
        of_class = _class_means(facts, codes)
        told = float(_r2(facts, of_class[codes]).max())
        if told > most:
            most = told
            best = name
    return best


def label_score(
    held_out: SeriesSet, learned: SeriesSet, synthetic: SeriesSet, label: str, seed: int
) -> LabelScore:
    """Return the accuracy, on held-out real series, of classifiers of a label.

    One is trained on the learned series, one on equally many synthetic ones.
    """
    reference = Reference(learned)
    n = min(len(learned), len(synthetic), MAX_SERIES)
    true = codes_of(learned, held_out, label)
    X_test = summary(reference, held_out, len(held_out), seed)
    right = {}
    for key, series in (("real", learned), ("synthetic", synthetic)):
        drawn = subsample(series, n, seed)
        X = summary(reference, drawn, n, seed)
        y = codes_of(learned, drawn, label)
        predicted = np.full(len(true), y[0])
        if len(np.unique(y)) > 1:
            predicted = boosting(X, y, X_test, seed)
        right[key] = predicted == true
    guess = float(pd.Series(true).value_counts(normalize=True).iloc[0])
    real = float(right["real"].mean())
    noise = SIGMAS * np.sqrt(max(real * (1 - real), 1 / len(true)) / len(true))
    limit = np.nan
    if real > guess + 2 * noise / SIGMAS:
        apart = right["real"].astype(float) - right["synthetic"]
        chance = SIGMAS * np.sqrt(max(float((apart**2).mean()), 1 / len(true)) / len(true))
        limit = min(real - chance, guess + KEPT * (real - guess))
    return LabelScore(label, real, float(right["synthetic"].mean()), guess, limit)
