"""Laws of the downstream tasks: copies score as the original, chance is chance, R2 is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import labelled_series
from sklearn.base import clone
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tst.errors import DataError
from tst.evaluation import downstream
from tst.evaluation.reference import Reference
from tst.series import Feature, concat, from_list
from tst.vocabulary import CLASSIFIERS, REGRESSORS


def score(train, test, classifier="mlp", reference=None, n_steps=13, seed=0):
    """Return the metrics of one fit as a mapping."""
    frame = downstream.classify(
        train, test, reference or train, classifier, seed, n_steps, epochs=150
    )
    return frame.set_index("metric")["value"].to_dict()


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_copy_scores_as_the_original(classifier):
    """TSTR of copied data = TRTR, for every classifier, bit by bit; the classes are learnt."""
    real = labelled_series()
    test = labelled_series(seed=1)
    copied = real.take(np.arange(len(real)))
    assert score(copied, test, classifier) == score(real, test, classifier)
    assert score(real, test, classifier)["accuracy"] > 0.6


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_permuted_labels_give_chance(classifier):
    """With labels that mean nothing no classifier is far from the largest class."""
    real = labelled_series(300)
    test = labelled_series(300, seed=1)
    permuted = real.attributes["kind"].sample(frac=1, random_state=0).reset_index(drop=True)
    real.attributes["kind"] = permuted
    assert abs(score(real, test, classifier)["accuracy"] - 1 / 3) < 0.12


@pytest.mark.slow
def test_a_forest_learns_classes_and_no_chance():
    """A copy teaches as the original; labels that mean nothing teach nothing."""
    real = labelled_series(300)
    test = labelled_series(300, seed=1)
    copied = real.take(np.arange(len(real)))
    reference = Reference(real)
    value = downstream.forest_accuracy(real, test, reference, 0)
    assert value > 0.6
    assert downstream.forest_accuracy(copied, test, reference, 0) == value
    permuted = copied.attributes["kind"].sample(frac=1, random_state=0).reset_index(drop=True)
    copied.attributes["kind"] = permuted
    assert abs(downstream.forest_accuracy(copied, test, reference, 0) - 1 / 3) < 0.12


@pytest.mark.parametrize("classifier", ["naive_bayes", "logistic_regression", "decision_tree"])
def test_longer_padding_changes_nothing(classifier):
    """Steps that no series reaches change no metric."""
    real = labelled_series()
    test = labelled_series(seed=1)
    assert score(real, test, classifier, n_steps=8) == score(real, test, classifier, n_steps=400)


LITERAL = {
    "mlp": MLPClassifier(
        (128,), batch_size=120, max_iter=20, random_state=0, alpha=0.0, n_iter_no_change=20
    ),
    "naive_bayes": GaussianNB(),
    "logistic_regression": LogisticRegression(max_iter=200),
    "decision_tree": DecisionTreeClassifier(random_state=0),
    "svm": LinearSVC(random_state=0),
}


def dense(series, reference, n_steps):
    """Return the rows of a set as scikit-learn takes them: padded, scaled, flattened."""
    low = reference.values.min(0)
    high = reference.values.max(0)
    values, mask = series.padded(n_steps)
    unit = np.where(mask[:, :, None], (values - low) / (high - low), 0)
    return unit.reshape(len(series), -1).astype(np.float32)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_longest", [29, 2])
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_ragged_rows_score_as_the_literal_dense_recipe(classifier, n_longest):
    """Pad, scale, flatten, fit, score: also where the training series fill two steps of 29."""
    real = labelled_series()
    test = labelled_series(seed=1)
    train = real.head(n_longest)
    scores = downstream.classify(train, test, real, classifier, 0, 29, epochs=20)
    model = clone(LITERAL[classifier]).fit(dense(train, real, 29), train.labels)
    literal = model.score(dense(test, real, 29), test.labels)
    assert scores["value"][0] == pytest.approx(literal, abs=0.01)


def test_scores_are_those_of_scikit_learn():
    """Accuracy, and F1 by class in the order of the categories; a class never named scores 0."""
    test = labelled_series()
    predicted = np.where(np.arange(120) % 4 == 0, "b", "a")
    frame = downstream.classification_scores(test, predicted, test).set_index("metric")["value"]
    assert list(downstream.class_names(test)) == ["a", "b", "c"]
    assert frame["accuracy"] == (predicted == test.labels).mean()
    for k, name in enumerate("abc"):
        assert frame[f"f1_{k}"] == f1_score(test.labels == name, predicted == name)
    assert frame["f1_2"] == 0


def test_a_class_that_training_lacks_scores_zero():
    """F1 of the class is 0, the others are scored."""
    real = labelled_series()
    two = real.take(np.flatnonzero(real.labels != "b"))
    value = score(two, labelled_series(seed=1), "decision_tree", reference=real)
    assert set(value) == {"accuracy", "f1_0", "f1_1", "f1_2"}
    assert value["f1_1"] == 0
    assert value["f1_0"] > 0.5


def test_one_class_alone_is_predicted_throughout():
    """There is nothing to learn; the accuracy is the share of the class."""
    real = labelled_series()
    test = labelled_series(seed=1)
    one = real.take(np.flatnonzero(real.labels == "c"))
    share = (test.labels == "c").mean()
    assert score(one, test, "mlp", reference=real)["accuracy"] == pytest.approx(share)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_a_lone_member_of_a_class_and_a_constant_feature_are_no_error(classifier):
    """Every classifier trains, scores each class, and mixes."""
    real = labelled_series()
    test = labelled_series(seed=1)
    others = np.flatnonzero(real.labels != "b")
    few = real.take([*others, np.flatnonzero(real.labels == "b")[0]])
    lone = replace(few, values=few.values * np.float32([1, 0]))
    value = score(lone, test, classifier)
    assert set(value) == {"accuracy", "f1_0", "f1_1", "f1_2"}
    assert np.isfinite(list(value.values())).all()
    least = 0.2 if classifier == "naive_bayes" else 0.4  # one member has no spread
    assert value["accuracy"] > least
    sets = downstream.mixes(lone, lone, (0.0, 0.5), seed=0)
    assert score(sets[0.5], test, classifier, reference=lone)["accuracy"] > 0.2


def series_in(series):
    """Return the series as a set of tuples."""
    return {tuple(x.ravel()) for x in series}


@pytest.mark.parametrize(("share", "n_real"), [(0.003, 1), (0.01, 2), (0.1, 20), (1.0, 200)])
def test_a_mix_is_the_synthetic_set_and_that_share_of_the_real_one(share, n_real):
    """So many real series, to the nearest number, each once, after the synthetic ones."""
    real = labelled_series(200)
    synthetic = labelled_series(50, seed=3, model="x")
    mix = downstream.mixes(synthetic, real, [share], seed=0)[share]
    assert len(mix) == 50 + n_real
    assert series_in(mix.take(range(50))) == series_in(synthetic)
    added = series_in(mix.take(range(50, 50 + n_real)))
    assert len(added) == n_real
    assert added <= series_in(real)


def test_a_share_of_less_than_half_a_series_is_the_synthetic_set_itself():
    """So is share 0."""
    real = labelled_series(200)
    synthetic = labelled_series(50, seed=3, model="x")
    sets = downstream.mixes(synthetic, real, (0, 0.002), seed=0)
    assert sets[0] is sets[0.002] is synthetic


def test_mixes_are_nested_and_stratified():
    """10 % lies within 50 %; each class has its share."""
    real = labelled_series(200)
    synthetic = labelled_series(50, seed=3, model="x")
    sets = downstream.mixes(synthetic, real, (0.1, 0.5), seed=0)
    small, large = (series_in(list(sets[share])[50:]) for share in (0.1, 0.5))
    assert small < large
    added = pd.Series(sets[0.5].labels[50:]).value_counts(normalize=True)
    for name, share in pd.Series(real.labels).value_counts(normalize=True).items():
        assert added[name] == pytest.approx(share, abs=0.03)


def test_the_parts_of_a_real_set_are_those_that_mixes_add():
    """The same series in the same order; a share of no series has no part."""
    real = labelled_series(200)
    synthetic = labelled_series(50, seed=3, model="x")
    parts = downstream.parts(real, (0, 0.002, 0.1, 1), seed=4)
    assert list(parts) == [0.1, 1]
    mix = downstream.mixes(synthetic, real, [0.1], seed=4)[0.1]
    for added, alone in zip(list(mix)[50:], parts[0.1], strict=True):
        np.testing.assert_array_equal(added, alone)
    assert series_in(parts[1]) == series_in(real)


def traffic(n=60, seed=0, n_steps=30, noise=0.0):
    """Return weekly series whose last days follow from the first."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(2, 6, (n, 1))
    phase = rng.integers(0, 7, (n, 1))
    days = level + np.sin((np.arange(n_steps) + phase) * 2 * np.pi / 7)
    days = np.expm1(np.maximum(days + noise * rng.standard_normal(days.shape), 0))
    return from_list(
        list(days[:, :, None]),
        name="wwt",
        features=[Feature("views")],
        attributes=pd.DataFrame({"page": range(n)}),
        origin="simulated",
        interval="1D",
    )


def r2(train, test, regressor):
    """Return the metrics of one regression as a mapping."""
    frame = downstream.regress(train, test, regressor, 0, 25, 5)
    return frame.set_index("metric")["value"].to_dict()


def test_a_law_is_learnt_exactly_by_the_linear_model():
    """A sinusoid plus level is linear in its past: R2 is 1 in every variant."""
    value = r2(traffic(), traffic(seed=1), "linear")
    for metric in ("r2", "r2_flat", "r2_variance_weighted", "r2_raw"):
        assert value[metric] == pytest.approx(1, abs=1e-4)
    assert value["dropped"] == 0


def test_r2_by_hand():
    """Predicting each day's mean gives 0 by day; as one vector the days' means are explained."""
    true = np.array([[1.0, 5.0], [3.0, 7.0]])
    mean = np.tile(true.mean(0), (2, 1))
    value = downstream.regression_scores(true, mean).set_index("metric")["value"]
    assert value["r2"] == value["r2_variance_weighted"] == 0
    assert value["r2_flat"] == pytest.approx(0.8)
    assert value["r2_raw"] < 0  # the mean of logarithms is not the logarithm of the mean


@pytest.mark.parametrize("regressor", REGRESSORS)
def test_regression_repeats(regressor):
    """The same seed gives the same numbers; a copy trains like the original."""
    train = traffic()
    test = traffic(seed=1)
    assert r2(train, test, regressor) == r2(train.take(np.arange(60)), test, regressor)


def test_short_series_are_counted_and_too_few_are_refused():
    """Series that stopped early are counted; fewer than ten left, or a short test series: no."""
    train = traffic()
    test = traffic(seed=1)
    mixed = concat([train.take(np.arange(20)), train.take(np.arange(20, 60)).head(2)])
    assert r2(mixed, test, "linear")["dropped"] == 40
    with pytest.raises(DataError, match="only 0 of 60 'real' series have 30 steps"):
        r2(train.head(29), test, "linear")
    ten = train.take(range(10))
    assert r2(ten, test, "linear")["dropped"] == 0
    with pytest.raises(DataError, match="only 9 of 9 'real' series have 30 steps; 10 are needed"):
        r2(ten.take(range(9)), test, "linear")
    with pytest.raises(DataError, match="a test series of 'wwt' has 29 steps, 30 are needed"):
        r2(train, test.head(29), "linear")


def test_the_mlp_does_not_stop_while_it_still_learns():
    """On noisy weeks the MLP comes within .02 of least squares.

    Stopped on its training loss it stays further off.
    """
    train = traffic(400, 1, noise=0.2)
    test = traffic(300, 2, noise=0.2)
    assert r2(train, test, "mlp_1")["r2"] > r2(train, test, "linear")["r2"] - 0.02


LITERAL_REGRESSORS = {
    "kernel_ridge": KernelRidge(kernel="linear"),
    "mlp_1": MLPRegressor(hidden_layer_sizes=(100,), random_state=0, early_stopping=True),
    "mlp_5": MLPRegressor(hidden_layer_sizes=(200,) * 5, random_state=0, early_stopping=True),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_train", "tolerance"),
    [
        ("kernel_ridge", 40, 1e-9),
        ("kernel_ridge", 20, 1e-9),
        ("mlp_1", 400, 0.005),
        ("mlp_5", 400, 0.005),
    ],
)
def test_a_regressor_scores_as_its_literal_form(name, n_train, tolerance):
    """Ridge solved for its weights, and MLPs in float32, score as scikit-learn's in float64."""
    train = traffic(n_train, 1, noise=0.2)
    test = traffic(300, 2, noise=0.2)
    past = np.log1p(train.padded(30)[0][:, :, 0]).astype(float)
    past_test = np.log1p(test.padded(30)[0][:, :, 0]).astype(float)
    scale = past_test[:, :25].max()
    literal = clone(LITERAL_REGRESSORS[name]).fit(past[:, :25] / scale, past[:, 25:] / scale)
    predicted = literal.predict(past_test[:, :25] / scale) * scale
    expected = downstream.regression_scores(past_test[:, 25:], predicted)["value"][0]
    assert r2(train, test, name)["r2"] == pytest.approx(expected, abs=tolerance)


def test_mistakes():
    """An unknown model or label, no label, a share or a window that cannot be: each is named."""
    with pytest.raises(DataError, match="unknown model 'forest'"):
        score(labelled_series(), labelled_series(), "forest")
    with pytest.raises(DataError, match="no label"):
        downstream.classify(traffic(), traffic(), traffic(), "mlp", 0)
    real = labelled_series()
    other = labelled_series()
    other.attributes["kind"] = other.attributes["kind"].cat.rename_categories({"a": "z"})
    with pytest.raises(DataError, match="label 'z' of 'toy' is not in the reference"):
        score(real, other)
    with pytest.raises(DataError, match="n_steps is 0"):
        score(real, real, n_steps=0)
    with pytest.raises(DataError, match=r"shares are \[1.5\]"):
        downstream.mixes(real, real, [1.5], 0)
    with pytest.raises(DataError, match="'toy' has 2 features"):
        downstream.regress(real, real, "linear", 0)


def test_a_classifier_is_scaled_by_the_real_training_set(monkeypatch):
    """Whatever it is trained on: the bounds are the reference's, in training and in prediction."""
    reference = labelled_series(30)
    train = replace(reference, values=reference.values * 3 + 1)
    bounds = []
    ragged = downstream.Ragged

    def recorded(series, low, high, n_steps):
        bounds.append((low.tolist(), high.tolist()))
        return ragged(series, low, high, n_steps)

    monkeypatch.setattr(downstream, "Ragged", recorded)
    downstream.fit_classifier(train, reference, "naive_bayes", 0)(reference)
    real = reference.values.min(0).tolist(), reference.values.max(0).tolist()
    assert bounds == [real, real]
