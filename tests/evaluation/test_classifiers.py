"""Laws of the classifiers: each fit is scikit-learn's on the padded array."""

import numpy as np
import pytest
from helpers import N_STEPS, labelled_series, padded_rows
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC

from tst.evaluation import classifiers, ragged_rows
from tst.evaluation.ragged_rows import Ragged
from tst.vocabulary import CLASSIFIERS


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    """Rows of few steps, too, fall into several groups."""
    monkeypatch.setattr(ragged_rows, "EDGES", (2, 5))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_mlp_takes_the_steps_of_scikit_learn(monkeypatch, n_classes):
    """The same first weights, batches and Adam: after 12 epochs of three batches, to rounding."""
    X, plain, y = padded_rows(n_classes=n_classes)
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
    X, plain, y = padded_rows(n_classes=n_classes)
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
    X, plain, y = padded_rows()
    test, plain_test, _ = padded_rows(seed=1)
    ours = classifiers.fit(name, X, y, 0, 60)(test)
    expected = clone(model).fit(csr_array(plain), y).predict(csr_array(plain_test))
    assert np.mean(ours == expected) >= 0.97


def test_the_svm_is_done_near_the_optimum(monkeypatch):
    """At the tolerance of the notebooks its objective lies within a thousandth of the least."""
    X, plain, y = padded_rows()
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
    X, _, y = padded_rows()
    first, second = (classifiers.fit(name, X, y, 3, 4) for _ in range(2))
    assert (first(X) == second(X)).all()
    wide = padded_rows(seed=8)[0]
    assert set(first(wide)) <= {0, 1, 2}
    short = Ragged(labelled_series().head(2), np.zeros(2), np.ones(2), N_STEPS)
    assert len(classifiers.fit(name, short, y.repeat(2)[:120] % 3, 3, 4)(X)) == 90
