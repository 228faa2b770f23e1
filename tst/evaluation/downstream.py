"""Downstream tasks (arXiv 2506.07312): SeriesSets in, tidy rows out. Train on synthetic
(TSTR), on real (TRTR) or on both; always test on real data.

Classification of the label (GCUT: how a task ended) from the flattened, zero-padded series with the
paper's MLP (one hidden layer of 128 ReLU, Adam 1e-3, batch 256, 100 epochs) and the other four
classifiers of DoppelGANger (`tst.evaluation.classifiers`); regression of the last 50 days of WWT on
the first 500. No column is left out, because the MLP's first weights depend on the width, and
narrower inputs favour sets of short series (by .01 the seed-only control of claim C6). Departure:
the regression MLPs stop on held-out R2.
"""

import warnings
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, r2_score
from sklearn.neural_network import MLPRegressor

from tst.errors import DataError
from tst.evaluation import classifiers
from tst.evaluation.learned_scores import summary
from tst.evaluation.ragged_rows import Ragged
from tst.evaluation.reference import Reference
from tst.series import SeriesSet, concat
from tst.vocabulary import CLASSIFIERS, REGRESSORS, Classifier, Regressor

N_TREES = 300  # of a random forest
MIN_SERIES = 10  # long enough training series without which no regressor is trained
LARGEST_LOG = 25  # forecasts are cut here before they become views again: 7e10 a day


def classify(
    train: SeriesSet,
    test: SeriesSet,
    reference: SeriesSet,
    classifier: Classifier,
    seed: int,
    n_steps: int = 400,
    epochs: int = 100,
) -> pd.DataFrame:
    """Train a classifier, let it label the test set and score the labels.

    Parameters and errors are those of `fit_classifier`, what is returned that of
    `classification_scores`.
    """
    predict = fit_classifier(train, reference, classifier, seed, n_steps, epochs)
    return classification_scores(test, predict(test), reference)


def classification_scores(
    test: SeriesSet, predicted: np.ndarray, reference: SeriesSet
) -> pd.DataFrame:
    """Return accuracy and the F1 of each class.

    Parameters
    ----------
    test
        Set with the true labels.
    predicted
        str, shape (n_test,).
    reference
        Real training set: its label's categories are the classes.

    Returns
    -------
    pd.DataFrame
        Columns metric, value: accuracy, and f1_<k> for class k of `class_names`; 0 where no
        prediction names the class.
    """
    f1 = f1_score(
        test.labels, predicted, labels=class_names(reference), average=None, zero_division=0.0
    )
    rows = [("accuracy", accuracy_score(test.labels, predicted))]
    rows += [(f"f1_{k}", value) for k, value in enumerate(f1)]
    return pd.DataFrame(rows, columns=["metric", "value"])


def fit_classifier(
    train: SeriesSet,
    reference: SeriesSet,
    classifier: Classifier,
    seed: int,
    n_steps: int = 400,
    epochs: int = 100,
) -> Callable[[SeriesSet], np.ndarray]:
    """Train a classifier of the label; return a function from a set to labels, str, (n_series,).

    Parameters
    ----------
    train
        Set to learn from: real, synthetic or both.
    reference
        Real training set: its minimum and maximum scale all sets to [0, 1].
    classifier
        Key of the classifier.
    seed
        Of the classifier.
    n_steps
        Steps that a classifier sees; shorter series are padded with zeros, longer ones cut.
    epochs
        Passes of the MLP over the training set; the others ignore it.

    Raises
    ------
    DataError
        Where the classifier is unknown, n_steps or epochs is below 1, a set has no label or one
        that `reference` lacks.
    """
    _check_model(classifier, CLASSIFIERS)
    if train.label is None:
        raise DataError(
            f"'{train.name}' has no label to classify; name one of {list(train.attributes)}."
        )
    if n_steps < 1 or epochs < 1:
        raise DataError(
            f"classify: n_steps is {n_steps} and epochs {epochs}; both must be at least 1."
        )
    low = reference.values.min(0)
    high = reference.values.max(0)
    names, codes = np.unique(_known_labels(train, reference), return_inverse=True)
    if len(names) == 1:
        return lambda series: np.full(len(_known_labels(series, reference)), names[0])
    rows = Ragged(train, low, high, n_steps)
    fitted = classifiers.fit(classifier, rows, codes, seed, epochs)

    def predict(series: SeriesSet) -> np.ndarray:
        """Return the predicted labels; raise DataError where a true one is unknown."""
        _known_labels(series, reference)
        return names[fitted(Ragged(series, low, high, n_steps))]

    return predict


def forest_accuracy(train: SeriesSet, test: SeriesSet, reference: Reference, seed: int) -> float:
    """Return the accuracy on a test set of a random forest that sees a summary of each series.

    Parameters
    ----------
    train
        Set to learn from.
    reference
        Of the real training set: its ranks are the scale of what is summarised
        (`tst.evaluation.learned_scores.summary`).
    seed
        Of the trees.

    Raises
    ------
    DataError
        Where a set has no label.
    """
    forest = RandomForestClassifier(N_TREES, random_state=seed)
    forest.fit(summary(reference, train, len(train), seed), train.labels)
    predicted = forest.predict(summary(reference, test, len(test), seed))
    return float(accuracy_score(test.labels, predicted))


def class_names(reference: SeriesSet) -> pd.Index:
    """Return the names of a set's classes, in the order of the metrics f1_0, f1_1, ..."""
    return reference.attributes[reference.label].astype("category").cat.categories.astype(str)


def _known_labels(series: SeriesSet, reference: SeriesSet) -> np.ndarray:
    """Return the labels of a set; raise DataError where one is no class of the reference."""
    known = list(class_names(reference))
    unknown = sorted({*series.labels} - {*known})
    if unknown:
        raise DataError(
            f"the label '{unknown[0]}' of '{series.name}' is not in the reference; it has {known}."
        )
    return series.labels


def mixes(
    synthetic: SeriesSet, real: SeriesSet, shares: Sequence[float], seed: int
) -> dict[float, SeriesSet]:
    """Return {share: training set}: the synthetic set plus that share of the real one.

    Shares and errors are those of `parts`.
    """
    added = parts(real, shares, seed)
    sets = {}
    for share in shares:
        sets[share] = concat([synthetic, added[share]]) if share in added else synthetic
    return sets


def parts(real: SeriesSet, shares: Sequence[float], seed: int) -> dict[float, SeriesSet]:
    """Return {share: that part of the real set}, without shares that round to no series.

    The real series of a smaller share are among those of a larger one, and of each share the
    classes have about theirs.

    Raises
    ------
    DataError
        Where a share lies outside [0, 1].
    """
    if not all(0 <= share <= 1 for share in shares):
        raise DataError(f"parts: the shares are {list(shares)}; give numbers from 0 to 1.")
    order = _stratified_order(real.labels, seed)
    sizes = {share: round(share * len(real)) for share in shares}
    return {share: real.take(order[:n]) for share, n in sizes.items() if n}


def _stratified_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return an order whose every beginning holds the classes in about their shares."""
    position = np.empty(len(labels))  # the members of each class, evenly over [0, 1]
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        position[members] = (rng.permutation(len(members)) + rng.random()) / len(members)
    return np.argsort(position, kind="stable")


def regress(
    train: SeriesSet,
    test: SeriesSet,
    regressor: Regressor,
    seed: int,
    context_length: int = 500,
    prediction_length: int = 50,
) -> pd.DataFrame:
    """Train a regressor, let it forecast the test set and score the forecasts.

    Parameters and errors are those of `forecast`.

    Returns
    -------
    pd.DataFrame
        Columns metric, value: those of `regression_scores`, and dropped, the number of training
        series that were too short.
    """
    true, predicted = forecast(train, test, regressor, seed, context_length, prediction_length)
    n_dropped = int((train.lengths < context_length + prediction_length).sum())
    dropped = pd.DataFrame({"metric": ["dropped"], "value": [n_dropped]})
    return pd.concat([regression_scores(true, predicted), dropped], ignore_index=True)


def regression_scores(true: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Return four definitions of R2.

    Parameters
    ----------
    true, predicted
        float64, shape (n_series, n_days), log(1 + views).

    Returns
    -------
    pd.DataFrame
        Columns metric, value: r2 (the one that the claims use: mean over the days of
        scikit-learn's), r2_flat (all days as one vector), r2_variance_weighted, r2_raw (of views;
        mean over the days).
    """
    views = np.expm1(np.clip(predicted, 0, LARGEST_LOG))
    variants = {
        "r2": r2_score(true, predicted),
        "r2_flat": r2_score(true.ravel(), predicted.ravel()),
        "r2_variance_weighted": r2_score(true, predicted, multioutput="variance_weighted"),
        "r2_raw": r2_score(np.expm1(true), views),
    }
    return pd.DataFrame(variants.items(), columns=["metric", "value"])


def forecast(
    train: SeriesSet,
    test: SeriesSet,
    regressor: Regressor,
    seed: int,
    context_length: int = 500,
    prediction_length: int = 50,
) -> tuple[np.ndarray, np.ndarray]:
    """Train a regressor of the last days on the first and forecast real series.

    All counts are log(1 + views), divided by the largest of the real test set's context, so that
    ridge sees numbers of order one: kernel ridge (alpha 1) and the MLPs depend on that, R2 does
    not. Values below 0 count as 0. The MLPs (Adam 1e-3, at most 200 epochs) stop when R2 on a
    held-out tenth no longer rises; on the training loss, in [0, 1], they would stop after 20 epochs
    (mlp_1: .79, not .85). They learn in float32, which takes 1.7 times as little time as float64.
    Ridge on a linear kernel is solved for its weights, not for a number a training series.

    Parameters
    ----------
    train
        Set of one feature; series shorter than both spans together are left out.
    test
        Real set of one feature, all series as long as both spans.
    regressor
        Key of the regressor.
    seed
        Of the MLPs.
    context_length, prediction_length
        Days that predict, and days predicted.

    Returns
    -------
    true, predicted
        float64, shape (n_test, prediction_length), log scale.

    Raises
    ------
    DataError
        Where the regressor is unknown, a set has several features, a test series is too short, or
        fewer than ten training series are long enough.
    """
    _check_model(regressor, REGRESSORS)
    n_steps = context_length + prediction_length
    _check_spans(train, test, n_steps)
    long_enough = np.flatnonzero(train.lengths >= n_steps)
    if len(long_enough) < MIN_SERIES:
        raise DataError(
            f"only {len(long_enough)} of {len(train)} '{train.model}' series have {n_steps} steps; "
            f"{MIN_SERIES} are needed."
        )
    z = _log_views(train.take(long_enough), n_steps)  # (n_train, n_steps)
    z_test = _log_views(test, n_steps)
    scale = z_test[:, :context_length].max() or 1.0
    model = _regressor(regressor, seed, len(long_enough))
    dtype = np.float32 if isinstance(model, MLPRegressor) else np.float64
    past = (z[:, :context_length] / scale).astype(dtype)
    future = (z[:, context_length:] / scale).astype(dtype)
    past_test = (z_test[:, :context_length] / scale).astype(dtype)
    with warnings.catch_warnings():
        # The MLPs keep their best epoch by held-out R2; 200 epochs are the cap.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(past, future)
    predicted = model.predict(past_test).astype(np.float64) * scale
    return z_test[:, context_length:], predicted


def _log_views(series: SeriesSet, n_steps: int) -> np.ndarray:
    """Return log(1 + views) of the first steps, float64, (n_series, n_steps)."""
    values, _ = series.padded(n_steps)  # (n_series, n_steps, 1)
    return np.log1p(np.maximum(values[:, :, 0], 0)).astype(np.float64)


def _check_spans(train: SeriesSet, test: SeriesSet, n_steps: int) -> None:
    for series in (train, test):
        if series.n_features != 1:
            raise DataError(
                f"regress: '{series.name}' has {series.n_features} features; give a set of one."
            )
    if test.lengths.min() < n_steps:
        raise DataError(
            f"a test series of '{test.name}' has {test.lengths.min()} steps, {n_steps} are needed; "
            "drop it."
        )


def _regressor(name: Regressor, seed: int, n_train: int) -> LinearRegression | Ridge | MLPRegressor:
    if name == "linear":
        return LinearRegression()
    if name == "kernel_ridge":
        return Ridge(alpha=1.0, fit_intercept=False)
    return MLPRegressor(
        hidden_layer_sizes=(100,) if name == "mlp_1" else (200,) * 5,
        random_state=seed,
        early_stopping=True,
        validation_fraction=max(0.1, 2 / n_train),  # R2 needs two series
    )


def _check_model(name: str, known: Collection[str]) -> None:
    if name not in known:
        raise DataError(f"unknown model '{name}'; known are {', '.join(known)}.")
