"""Laws of the classifiers: ragged rows are the padded array; each fit is scikit-learn's on it."""

import numpy as np
import pytest
from helpers import labelled_series
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from tst.evaluation import classifiers
from tst.evaluation.classifiers import Ragged
from tst.vocabulary import CLASSIFIERS

N_STEPS = 11


def ragged(n=90, seed=0, n_classes=3, signal=0.3):
    """Return (rows, plain padded array, codes of classes) of noisy series."""
    series = labelled_series(n, seed, signal=signal)
    codes = np.unique(series.labels, return_inverse=True)[1] % n_classes
    low = series.values.min(0)
    high = series.values.max(0)
    values, mask = series.padded(N_STEPS)
    unit = np.where(mask[:, :, None], (values - low) / (high - low), 0)
    plain = unit.reshape(n, -1).astype(np.float32)
    return Ragged(series, low, high, N_STEPS), plain, codes


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    """Rows of few steps, too, fall into several groups."""
    monkeypatch.setattr(classifiers, "EDGES", (2, 5))


def test_ragged_rows_are_the_padded_array():
    """Products and batches equal those of the plain array; columns beyond the longest are none."""
    X, plain, _ = ragged()
    rng = np.random.default_rng(0)
    assert X.shape == plain.shape == (90, 22)
    assert X.width == 14
    assert len(X.blocks) == 3
    np.testing.assert_allclose(X.dense(), plain, atol=1e-6)
    for columns in (5, 14, 22):  # narrower, as wide as the rows, as wide as the window
        weights = rng.normal(size=(columns, 3))
        np.testing.assert_allclose(X.times(weights), plain[:, :columns] @ weights, atol=1e-5)
    values = rng.normal(size=(90, 3))
    np.testing.assert_allclose(X.transposed_times(values), (plain.T @ values)[:14], atol=1e-4)
    chosen = rng.permutation(90)[:40]
    batch = np.zeros((40, 22), np.float32)
    for places, rows in X.parts(chosen):
        batch[places.numpy(), : rows.shape[1]] = rows
    np.testing.assert_array_equal(batch, X.dense()[chosen])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_mlp_takes_the_steps_of_scikit_learn(monkeypatch, n_classes):
    """The same first weights, batches and Adam: after 12 epochs of three batches, to rounding."""
    X, plain, y = ragged(n_classes=n_classes)
    monkeypatch.setattr(classifiers, "BATCH_SIZE", 37)
    ours = classifiers.fit("mlp", X, y, 5, 12).scores(X)
    fields = {"max_iter": 12, "random_state": 5, "alpha": 0.0, "n_iter_no_change": 12}
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model = MLPClassifier((128,), batch_size=37, **fields).fit(plain, y)
    hidden = np.maximum(plain @ model.coefs_[0] + model.intercepts_[0], 0)
    expected = hidden @ model.coefs_[1] + model.intercepts_[1]
    np.testing.assert_allclose(ours, expected, atol=2e-3)
    assert np.ptp(expected) > 0.5


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("logistic_regression", LogisticRegression(max_iter=200)),
        ("svm", LinearSVC(dual=False, tol=1e-8)),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_linear_models_reach_the_optimum_of_scikit_learn(monkeypatch, n_classes, name, model):
    """Weights to a hundredth of the largest; the SVM's are those of liblinear in the primal."""
    X, plain, y = ragged(n_classes=n_classes)
    monkeypatch.setattr(classifiers, "SVM_TOLERANCE", 1e-6)
    ours = classifiers.fit(name, X, y, 0, 1).weights
    model = clone(model).fit(plain, y)
    expected = np.concatenate([model.coef_.T[:14], model.intercept_[None]])
    np.testing.assert_allclose(ours, expected, atol=0.01 * np.abs(expected).max())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("mlp", MLPClassifier((128,), batch_size=90, max_iter=60, random_state=0, alpha=0.0)),
        ("logistic_regression", LogisticRegression(max_iter=200)),
        ("svm", LinearSVC(random_state=0)),
    ],
)
def test_predictions_are_those_of_scikit_learn_on_sparse_rows(name, model):
    """On a sparse array of the padded rows, what scikit-learn offers for them: 97 of 100 agree."""
    X, plain, y = ragged()
    test, plain_test, _ = ragged(seed=1)
    ours = classifiers.fit(name, X, y, 0, 60)(test)
    expected = clone(model).fit(csr_array(plain), y).predict(csr_array(plain_test))
    assert np.mean(ours == expected) >= 0.97


def test_the_svm_is_done_near_the_optimum(monkeypatch):
    """At the tolerance of the notebooks its objective lies within a thousandth of the least."""
    X, plain, y = ragged()
    sign = 2 * np.eye(3)[y] - 1

    def objective(weights):
        scores = plain[:, : X.width] @ weights[:-1] + weights[-1]
        return (np.maximum(1 - sign * scores, 0) ** 2).sum() + (weights**2).sum() / 2

    reached = objective(classifiers.fit("svm", X, y, 0, 1).weights)
    monkeypatch.setattr(classifiers, "SVM_TOLERANCE", 1e-8)
    least = objective(classifiers.fit("svm", X, y, 0, 1).weights)
    assert least <= reached < 1.001 * least


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_one_seed_one_result(name):
    """A classifier is a function of rows, codes and seed; it reads wider and narrower rows."""
    X, _, y = ragged()
    first, second = (classifiers.fit(name, X, y, 3, 4) for _ in range(2))
    assert (first(X) == second(X)).all()
    wide = ragged(seed=8)[0]
    assert set(first(wide)) <= {0, 1, 2}
    short = Ragged(labelled_series().head(2), np.zeros(2), np.ones(2), N_STEPS)
    assert len(classifiers.fit(name, short, y.repeat(2)[:120] % 3, 3, 4)(X)) == 90
