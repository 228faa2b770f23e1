"""Downstream tasks: what synthetic series are worth to somebody who trains on them and tests on real ones.

Classification of the end event and forecasting of page views, as in TST (arXiv 2506.07312, results; settings from the
author's notebooks) and DoppelGANger (arXiv 1909.13403, section 5.3). Train on synthetic, test on real is TSTR, real on
real TRTR, real on synthetic TRTS: the same call with other sets. Departures: every reader sees one scaling, that of the
real training set; one R2 is pinned (`r2`), the others stand beside it; the forecasting MLPs stop on held-out R2.
"""

import warnings

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, r2_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tst.series import DataError, concat

CLASSIFIERS = ("mlp", "naive_bayes", "logistic_regression", "decision_tree", "svm")
REGRESSORS = ("linear", "kernel_ridge", "mlp_1", "mlp_5")
MIN_SERIES = 10  # complete series below which a regression is not a measurement
MOST_VIEWS = 1e12  # a linear forecast can explode; on the scale of views it is cut here, not at infinity


def mixes(real, synthetic, share, seed):
    """Return the synthetic series followed by a share of the real training series.

    Parameters
    ----------
    real, synthetic
        SeriesSets of one origin. Where `real` has a label its classes keep their shares.
    share
        0 to 1. For one seed the shares are nested: the real series of a smaller share are part of a larger one's.

    Raises
    ------
    DataError
        Where the share lies outside [0, 1], or origins or features differ.
    """
    if not 0 <= share <= 1:
        raise DataError(f"mixes: share is {share}; give a number from 0 to 1.")
    n_real = round(share * len(real))
    return concat([synthetic, real.take(_stratified_order(real, seed)[:n_real])]) if n_real else synthetic


def _stratified_order(series, seed):
    """Return a random order of the series in which every beginning holds the classes in about their shares."""
    order = np.random.default_rng(seed).permutation(len(series))
    classes = pd.Series(series.labels[order] if series.label else np.zeros(len(series)))
    by_class = classes.groupby(classes)
    place = (by_class.cumcount() + 0.5) / by_class.transform("size")
    return order[np.argsort(place, kind="stable")]


def classify(train, test, classifier, seed, n_steps, reference, epochs=100):
    """Train a classifier of the label on one set and score it on another.

    Parameters
    ----------
    train, test
        SeriesSets with the label of `reference`. Longer series are cut at `n_steps`, shorter ones padded with zeros and
        the whole flattened, shape (n_series, n_steps * n_features).
    classifier
        mlp: one hidden layer of 128 ReLU, Adam 1e-3, batches of 256, `epochs` epochs, no weight decay (the paper's);
        naive_bayes: Gaussian; logistic_regression and svm (linear, one class against the rest): C = 1;
        decision_tree: grown to the end.
    reference
        The real training set: its minimum and maximum of each feature, over all steps, scale both sets to [0, 1]
        (without clipping), and the order of its categories numbers the classes.
    epochs
        Passes of the mlp over the training set; the others ignore it.

    Returns
    -------
    DataFrame
        Rows model, classifier, metric, seed, value, n_train. Metrics: accuracy; f1_0, f1_1, ... by class, 0 where the
        training set lacks the class, NaN where the class is neither in the test set nor predicted; absent_classes, the
        number of classes of the test set that the training set lacks.

    Raises
    ------
    DataError
        Where a name is unknown, the sets' features differ, or a set has no label or one that `reference` does not know.
    """
    _check_name(classifier, CLASSIFIERS, "classifier")
    if n_steps < 1 or epochs < 1:
        raise DataError(f"classify: n_steps is {n_steps} and epochs {epochs}; both must be at least 1.")
    classes = _classes(reference)
    y_train, y_test = _codes(train, classes), _codes(test, classes)
    x_train, x_test = (flattened(s, n_steps, *_bounds(reference)) for s in (train, test))
    predicted = _fit_predict(classifier, seed, epochs, x_train, y_train, x_test)
    by_class = f1_score(y_test, predicted, labels=range(len(classes)), average=None, zero_division=np.nan)
    scores = {"accuracy": accuracy_score(y_test, predicted)} | {f"f1_{k}": v for k, v in enumerate(by_class)}
    scores["absent_classes"] = len(np.setdiff1d(y_test, y_train))
    return _tidy(scores, train, "classifier", classifier, seed)


def flattened(series, n_steps, loc=0.0, scale=1.0):
    """Return (values - loc) / scale as a sparse matrix (n_series, n_steps * n_features), float64; padding is 0.

    97 % of the GCUT series fill at most an eighth of their 400 steps; the zeros are never stored.
    """
    short, n_features = series.head(n_steps), series.n_features
    step = np.arange(len(short.values)) - np.repeat(short.offsets[:-1], short.lengths)
    columns = step[:, None] * n_features + np.arange(n_features)
    values = (short.values.astype(np.float64) - loc) / scale
    shape = (len(series), n_steps * n_features)
    matrix = sparse.csr_matrix((values.ravel(), columns.ravel(), short.offsets * n_features), shape=shape)
    matrix.eliminate_zeros()
    return matrix


def _bounds(reference):
    """Return (loc, scale), each (n_features,): minimum and range over all steps; a constant feature has range 1."""
    values = reference.values.astype(np.float64)
    spread = np.ptp(values, axis=0)
    return values.min(0), np.where(spread > 0, spread, 1.0)


def _classes(reference):
    """Return the label's values: in the order of the categories, or sorted where the column is not categorical."""
    values = reference.labels
    column = reference.attributes[reference.label]
    return (
        list(column.cat.categories.astype(str)) if isinstance(column.dtype, pd.CategoricalDtype) else sorted({*values})
    )


def _codes(series, classes):
    codes = pd.Index(classes).get_indexer(series.labels)
    if (codes < 0).any():
        unknown = series.labels[int(codes.argmin())]
        raise DataError(f"series set '{series.name}' has the label '{unknown}'; the reference knows {classes}.")
    return codes


def _fit_predict(classifier, seed, epochs, x_train, y_train, x_test):
    if len(np.unique(y_train)) < 2:
        return DummyClassifier(strategy="most_frequent").fit(x_train, y_train).predict(x_test)
    if classifier == "naive_bayes":
        x_train, x_test = _dense(x_train, x_test)
    with warnings.catch_warnings():
        # The number of epochs is part of the recipe: not to have converged by then is no accident.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _classifier(classifier, seed, epochs, len(y_train)).fit(x_train, y_train).predict(x_test)


def _classifier(name, seed, epochs, n_train):
    if name == "mlp":
        return MLPClassifier(
            hidden_layer_sizes=(128,), learning_rate_init=1e-3, batch_size=min(256, n_train), alpha=0.0,
            max_iter=epochs, n_iter_no_change=epochs, random_state=seed,
        )  # fmt: skip
    if name == "naive_bayes":
        return GaussianNB()
    if name == "logistic_regression":
        return LogisticRegression(max_iter=1000)
    if name == "decision_tree":
        return DecisionTreeClassifier(random_state=seed)
    return LinearSVC(random_state=seed, max_iter=2000)


def _dense(train, test):
    """Return both as dense arrays without the columns that are zero everywhere: to every class these are equally likely."""
    filled = np.union1d(train.indices, test.indices)
    return train[:, filled].toarray(), test[:, filled].toarray()


def complete(series, n_steps):
    """Return the first `n_steps` steps of the series that have so many; raises DataError where fewer than 10 have."""
    kept = np.flatnonzero(series.lengths >= n_steps)
    if len(kept) < MIN_SERIES:
        raise DataError(
            f"'{series.name}' ({series.model}): {len(kept)} of {len(series)} series have {n_steps} steps, "
            f"{MIN_SERIES} are needed; generate longer series or shorten the context."
        )
    return series.take(kept).head(n_steps)


def regress(train, test, regressor, seed, reference, context_length=500, prediction_length=50):
    """Train a regressor that continues a series on one set and score it on another.

    Parameters
    ----------
    train, test
        SeriesSets of one feature >= 0 (views a day); of each series the first `context_length` steps are the input and
        the next `prediction_length` the output. Shorter series, where a generator stopped early, are dropped and counted.
    regressor
        linear: least squares; kernel_ridge: linear kernel, alpha 1; mlp_1 and mlp_5: 1 hidden layer of 100, 5 of 200
        ReLU, Adam 1e-3, batches of 200, at most 200 epochs, stopped when R2 on a held-out tenth no longer rises (on
        targets in [0, 1] scikit-learn's stop on the training loss would come after 20 epochs).
    reference
        The real training set: both sets are scaled to log(1 + views) / log(1 + its maximum); views below 0, which only a
        generator makes, count as 0. The divisor matters to kernel_ridge and the MLPs, not to linear.

    Returns
    -------
    DataFrame
        Rows model, regressor, metric, seed, value, n_train. Metrics: `r2`, the pinned one: mean over the output days of
        1 - sum((y - p)**2) / sum((y - mean(y))**2) on the log scale (scikit-learn's uniform_average);
        r2_variance_weighted: the days weighted by their variance; r2_flat: all days as one output; r2_raw: `r2` in
        views; dropped: training series that were too short.

    Raises
    ------
    DataError
        Where the regressor is unknown, a set has several features, or fewer than 10 series are complete.
    """
    _check_name(regressor, REGRESSORS, "regressor")
    if context_length < 1 or prediction_length < 1:
        raise DataError("regress: context_length and prediction_length must be at least 1.")
    scale = np.log1p(max(float(reference.values.max()), 1.0))
    kept, n_steps = complete(train, context_length + prediction_length), context_length + prediction_length
    (x, y), (x_test, y_test) = (_pairs(s, context_length, scale) for s in (kept, complete(test, n_steps)))
    predicted = _regressor(regressor, seed, len(x)).fit(x, y).predict(x_test).reshape(y_test.shape)
    scores = r2_variants(y_test, predicted, scale) | {"dropped": len(train) - len(kept)}
    return _tidy(scores, kept, "regressor", regressor, seed)


def _pairs(series, context_length, scale):
    """Return (inputs, outputs), float64 (n_series, context_length) and (n_series, prediction_length), scaled."""
    if series.n_features != 1:
        raise DataError(f"regress: '{series.name}' has {series.n_features} features; give a set of one.")
    values = np.log1p(np.maximum(series.values.astype(np.float64), 0)).reshape(len(series), -1) / scale
    return values[:, :context_length], values[:, context_length:]


def _regressor(name, seed, n_train):
    if name == "linear":
        return LinearRegression()
    if name == "kernel_ridge":
        return KernelRidge(alpha=1.0, kernel="linear")
    layers = (100,) if name == "mlp_1" else (200,) * 5
    held_out = max(0.1, 2 / n_train)  # R2 needs two series
    return MLPRegressor(
        hidden_layer_sizes=layers, learning_rate_init=1e-3, max_iter=200, early_stopping=True,
        validation_fraction=held_out, random_state=seed,
    )  # fmt: skip


def r2_variants(y, predicted, scale):
    """Return the four R2 by name; `y` and `predicted` (n_series, n_days) are log(1 + views) / scale."""
    views, forecast = (np.expm1(np.minimum(v * scale, np.log1p(MOST_VIEWS))) for v in (y, predicted))
    return {
        "r2": r2_score(y, predicted, multioutput="uniform_average"),
        "r2_variance_weighted": r2_score(y, predicted, multioutput="variance_weighted"),
        "r2_flat": r2_score(y.ravel(), predicted.ravel()),
        "r2_raw": r2_score(views, forecast, multioutput="uniform_average"),
    }


def _check_name(name, known, what):
    if name not in known:
        raise DataError(f"unknown {what} '{name}'; known are {', '.join(known)}.")


def _tidy(scores, train, column, name, seed):
    rows = pd.DataFrame({"metric": list(scores), "value": [float(v) for v in scores.values()]})
    rows = rows.assign(model=train.model, seed=seed, n_train=len(train), **{column: name})
    return rows[["model", column, "metric", "seed", "value", "n_train"]]
