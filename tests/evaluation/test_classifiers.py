"""Laws of the classifiers: ragged rows are the padded array, and each fit is scikit-learn's on it, two classes or more."""

import numpy as np
import pytest
from helpers import labelled_series
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from tst.evaluation import classifiers
from tst.evaluation.classifiers import Ragged

N_STEPS = 11


def ragged(n=90, seed=0, n_classes=3, signal=0.3, long=0):
    """Return (rows, plain padded array, codes) of noisy series, the first `long` of them as long as the window."""
    series = labelled_series(n, seed, signal=signal)
    codes = np.unique(series.labels, return_inverse=True)[1] % n_classes
    low, high = series.values.min(0), series.values.max(0)
    values, mask = series.padded(N_STEPS)
    plain = (
        np.where(mask[:, :, None], (values - low) / (high - low), 0)
        .reshape(n, -1)
        .astype(np.float32)
    )
    return Ragged(series, low, high, N_STEPS), plain, codes


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    """Rows of few steps, too, fall into several groups."""
    monkeypatch.setattr(classifiers, "EDGES", (2, 5))


def test_ragged_rows_are_the_padded_array():
    """Products, transposed products and batches equal those of the plain array; columns beyond the longest are none."""
    X, plain, _ = ragged()
    rng = np.random.default_rng(0)
    assert X.shape == plain.shape == (90, 22) and X.width == 14 and len(X.blocks) == 3
    np.testing.assert_allclose(X.dense(), plain, atol=1e-6)
    for columns in (5, 14, 22):  # narrower, as wide as the rows, as wide as the window
        weights = rng.normal(size=(columns, 3))
        np.testing.assert_allclose(X.times(weights), plain[:, :columns] @ weights, atol=1e-5)
    values = rng.normal(size=(90, 3))
    np.testing.assert_allclose(X.transposed_times(values), (plain.T @ values)[:14], atol=1e-4)
    chosen, found = rng.permutation(90)[:40], np.zeros((40, 22), np.float32)
    for at, rows in X.parts(chosen):
        found[at.numpy(), : rows.shape[1]] = rows
    np.testing.assert_array_equal(found, X.dense()[chosen])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_mlp_takes_the_steps_of_scikit_learn(monkeypatch, n_classes):
    """The same first weights, batches and Adam: after 12 epochs of three batches the weights agree to rounding."""
    X, plain, y = ragged(n_classes=n_classes)
    monkeypatch.setattr(classifiers, "BATCH_SIZE", 37)
    trained = []
    monkeypatch.setattr(classifiers, "_winner", lambda raw: trained.append(raw) or raw)
    classifiers.fit("mlp", X, y, 5, 12)(X)
    fields = {
        "batch_size": 37,
        "max_iter": 12,
        "random_state": 5,
        "alpha": 0.0,
        "n_iter_no_change": 12,
    }
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs = MLPClassifier((128,), **fields).fit(plain, y)
    raw = (
        np.maximum(plain @ theirs.coefs_[0] + theirs.intercepts_[0], 0) @ theirs.coefs_[1]
        + theirs.intercepts_[1]
    )
    np.testing.assert_allclose(trained[0], raw, atol=2e-3)
    assert np.ptp(raw) > 0.5


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_linear_models_reach_the_optimum_of_scikit_learn(monkeypatch, n_classes):
    """Logistic regression's weights to a hundredth, the SVM's to convergence of liblinear in the primal."""
    X, plain, y = ragged(n_classes=n_classes)
    monkeypatch.setattr(classifiers, "_linear", lambda weights: weights)
    monkeypatch.setattr(classifiers, "SVM_TOLERANCE", 1e-6)
    ours = {name: classifiers.fit(name, X, y, 0, 1) for name in ("logistic_regression", "svm")}
    models = {
        "logistic_regression": LogisticRegression(max_iter=200),
        "svm": LinearSVC(dual=False, tol=1e-8),
    }
    for name, model in models.items():
        theirs = model.fit(plain, y)
        expected = np.concatenate([theirs.coef_.T[:14], theirs.intercept_[None]])
        np.testing.assert_allclose(
            ours[name], expected, atol=0.01 * np.abs(expected).max(), err_msg=name
        )


def test_the_svm_is_done_near_the_optimum(monkeypatch):
    """At the tolerance of the notebooks its objective lies within a thousandth of the least."""
    X, plain, y = ragged()
    sign = 2 * np.eye(3)[y] - 1
    monkeypatch.setattr(classifiers, "_linear", lambda weights: weights)

    def objective(weights):
        scores = plain[:, : X.width] @ weights[:-1] + weights[-1]
        return (np.maximum(1 - sign * scores, 0) ** 2).sum() + (weights**2).sum() / 2

    found = objective(classifiers.fit("svm", X, y, 0, 1))
    monkeypatch.setattr(classifiers, "SVM_TOLERANCE", 1e-8)
    least = objective(classifiers.fit("svm", X, y, 0, 1))
    assert least <= found < 1.001 * least


@pytest.mark.parametrize(
    "name", ["mlp", "logistic_regression", "svm", "decision_tree", "naive_bayes"]
)
def test_one_seed_one_result(name):
    """A classifier is a function of rows, codes and seed; rows wider and narrower than the training rows are read."""
    X, _, y = ragged()
    first, second = (classifiers.fit(name, X, y, 3, 4) for _ in range(2))
    wide = ragged(seed=8)[0]
    assert (first(X) == second(X)).all() and set(first(wide)) <= {0, 1, 2}
    short = Ragged(labelled_series().head(2), np.zeros(2), np.ones(2), N_STEPS)
    assert len(classifiers.fit(name, short, y.repeat(2)[:120] % 3, 3, 4)(X)) == 90
