"""Downstream tasks: SeriesSets in, tidy rows out. Train on synthetic (TSTR), real (TRTR) or both; always test on real data.

Classification of the label (GCUT: how a task ended) from the flattened, zero-padded series with the paper's MLP (one hidden
layer of 128 ReLU, Adam 1e-3, batch 256, 100 epochs) and DoppelGANger's other four classifiers (`tst.evaluation.classifiers`); regression
of the last 50 days of WWT on the first 500. No column is left out, because the MLP's first weights
depend on the width, and narrower inputs favour sets of short series (by .01 the seed-only control of claim C6).
Departure: the regression MLPs stop on held-out R2.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, f1_score, r2_score
from sklearn.neural_network import MLPRegressor

from tst.evaluation import classifiers
from tst.series import DataError, concat

CLASSIFIERS = ("mlp", "naive_bayes", "logistic_regression", "decision_tree", "svm")
REGRESSORS = ("linear", "kernel_ridge", "mlp_1", "mlp_5")
MIN_SERIES = 10


def classify(train, test, reference, classifier, seed, n_steps=400, epochs=100):
    """Return the `scores` of the labels that `predict` gives; parameters and errors are predict's."""
    return scores(
        test, predict(train, test, reference, classifier, seed, n_steps, epochs), reference
    )


def scores(test, predicted, reference):
    """Return a frame of metric, value: accuracy and f1_<k> for class k in the order of the reference's categories.

    A class that no prediction names scores 0.
    """
    f1 = f1_score(
        test.labels, predicted, labels=classes(reference), average=None, zero_division=0.0
    )
    rows = [
        ("accuracy", accuracy_score(test.labels, predicted)),
        *((f"f1_{k}", v) for k, v in enumerate(f1)),
    ]
    return pd.DataFrame(rows, columns=["metric", "value"])


def predict(train, test, reference, classifier, seed, n_steps=400, epochs=100):
    """Return the labels that `fit` gives to the series of `test`, str, shape (n_test,)."""
    return fit(train, reference, classifier, seed, n_steps, epochs)(test)


def fit(train, reference, classifier, seed, n_steps=400, epochs=100):
    """Train a classifier of the label; return a function from a SeriesSet to labels, str, shape (n_series,).

    Parameters
    ----------
    train
        `SeriesSet` to learn from: real, synthetic or both.
    reference
        Real training `SeriesSet`: its minimum and maximum scale all sets to [0, 1].
    classifier
        One of `CLASSIFIERS`.
    n_steps
        Steps that a classifier sees; shorter series are padded with zeros, longer ones cut.
    epochs
        Passes of the MLP over the training set; the others ignore it.

    Raises
    ------
    DataError
        Where the classifier is unknown, n_steps or epochs is below 1, a set has no label or one that `reference` lacks.
    """
    _check_task(classifier, CLASSIFIERS, train)
    if n_steps < 1 or epochs < 1:
        raise DataError(
            f"classify: n_steps is {n_steps} and epochs {epochs}; both must be at least 1."
        )
    low, high = reference.values.min(0), reference.values.max(0)
    names, y = np.unique(_known(train, reference), return_inverse=True)
    if len(names) == 1:
        return lambda series: np.full(len(_known(series, reference)), names[0])
    decide = classifiers.fit(
        classifier, classifiers.Ragged(train, low, high, n_steps), y, seed, epochs
    )

    def _labels(series):
        _known(series, reference)
        return names[decide(classifiers.Ragged(series, low, high, n_steps))]

    return _labels


def classes(reference):
    """Return the names of a set's classes, in the order of the metrics f1_0, f1_1, ..."""
    return reference.attributes[reference.label].astype("category").cat.categories.astype(str)


def _known(series, reference):
    """Return the labels of a set; raise DataError where one is not among the reference's classes."""
    unknown, known = sorted({*series.labels} - {*classes(reference)}), list(classes(reference))
    if unknown:
        raise DataError(
            f"the label '{unknown[0]}' of '{series.name}' is not in the reference; it has {known}."
        )
    return series.labels


def mixes(synthetic, real, shares, seed):
    """Return {share: training set}: the synthetic set plus that share of the real one, nested, in the classes' shares.

    Raises DataError where a share lies outside [0, 1].
    """
    if not all(0 <= share <= 1 for share in shares):
        raise DataError(f"mixes: the shares are {list(shares)}; give numbers from 0 to 1.")
    order = _stratified_order(real.labels, seed)
    sets = {}
    for share in shares:
        n = round(share * len(real))
        sets[share] = concat([synthetic, real.take(order[:n])]) if n else synthetic
    return sets


def _stratified_order(labels, seed):
    """Return an order whose every beginning holds the classes in about their shares."""
    place = np.empty(len(labels))
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        place[mine] = (rng.permutation(len(mine)) + rng.random()) / len(mine)
    return np.argsort(place, kind="stable")


def regress(train, test, regressor, seed, context_length=500, prediction_length=50):
    """Return the R2 of what `forecast` gives, and the training series that it dropped; parameters are forecast's.

    Returns
    -------
    DataFrame
        Columns metric, value: r2 (pinned: mean over the predicted days of scikit-learn's R2, log scale), r2_flat (all
        days as one vector), r2_variance_weighted, r2_raw (views; mean over days), dropped (training series left out).
    """
    true, predicted = forecast(train, test, regressor, seed, context_length, prediction_length)
    dropped = int((train.lengths < context_length + prediction_length).sum())
    return pd.concat(
        [r2(true, predicted), pd.DataFrame({"metric": ["dropped"], "value": [dropped]})],
        ignore_index=True,
    )


def r2(true, predicted):
    """Return a frame of metric, value: the four definitions of R2 that `regress` names."""
    return pd.DataFrame(_r2_variants(true, predicted).items(), columns=["metric", "value"])


def forecast(train, test, regressor, seed, context_length=500, prediction_length=50):
    """Train a regressor of the last days on the first and forecast real series.

    All counts are log(1 + views), divided by the largest of the real test set's context, so that ridge sees numbers of
    order one: kernel ridge (alpha 1) and the MLPs depend on that, R2 does not. Values below 0 count as 0. Training series
    shorter than both spans together are dropped and counted. The MLPs (Adam 1e-3, at most 200 epochs) stop when R2 on a
    held-out tenth no longer rises; on the training loss, in [0, 1], they would stop after 20 epochs (mlp_1: .79, not .85).

    Returns
    -------
    true, predicted
        float64, shape (n_test, prediction_length), log scale.

    Raises
    ------
    DataError
        Where the regressor is unknown, a set has several features, a test series is too short, or fewer than ten
        training series are long enough.
    """
    _check_task(regressor, REGRESSORS, None)
    n_steps = context_length + prediction_length
    _check_spans(train, test, n_steps)
    kept = (
        train.take(np.flatnonzero(train.lengths >= n_steps))
        if (train.lengths >= n_steps).any()
        else None
    )
    n_kept = 0 if kept is None else len(kept)
    if n_kept < MIN_SERIES:
        raise DataError(
            f"only {n_kept} of {len(train)} '{train.model}' series have {n_steps} steps; {MIN_SERIES} are needed."
        )
    z, z_test = (
        np.log1p(np.maximum(s.padded(n_steps)[0][:, :, 0], 0)).astype(np.float64)
        for s in (kept, test)
    )
    scale = z_test[:, :context_length].max() or 1.0
    with (
        warnings.catch_warnings()
    ):  # the MLPs keep their best epoch by held-out R2; 200 epochs are the cap
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = _regressor(regressor, seed, n_kept).fit(
            z[:, :context_length] / scale, z[:, context_length:] / scale
        )
    return z_test[:, context_length:], fitted.predict(z_test[:, :context_length] / scale) * scale


def _r2_variants(true, predicted):
    return {
        "r2": r2_score(true, predicted),
        "r2_flat": r2_score(true.ravel(), predicted.ravel()),
        "r2_variance_weighted": r2_score(true, predicted, multioutput="variance_weighted"),
        "r2_raw": r2_score(np.expm1(true), np.expm1(np.clip(predicted, 0, 25))),
    }


def _check_spans(train, test, n_steps):
    for series in (train, test):
        if series.n_features != 1:
            raise DataError(
                f"regress: '{series.name}' has {series.n_features} features; give a set of one."
            )
    if test.lengths.min() < n_steps:
        raise DataError(
            f"a test series of '{test.name}' has {test.lengths.min()} steps, {n_steps} are needed; drop it."
        )


def _regressor(name, seed, n_train):
    if name == "linear":
        return LinearRegression()
    if name == "kernel_ridge":
        return KernelRidge(kernel="linear")
    hidden = (100,) if name == "mlp_1" else (200,) * 5
    held_out = max(0.1, 2 / n_train)  # R2 needs two series
    return MLPRegressor(
        hidden_layer_sizes=hidden,
        random_state=seed,
        early_stopping=True,
        validation_fraction=held_out,
    )


def _check_task(name, known, train):
    if name not in known:
        raise DataError(f"unknown model '{name}'; known are {', '.join(known)}.")
    if train is not None and train.label is None:
        raise DataError(
            f"'{train.name}' has no label to classify; name one of {list(train.attributes)}."
        )
