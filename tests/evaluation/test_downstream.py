"""Laws of the downstream tasks: copies score as the original, chance is chance, padding is nothing, R2 is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import labelled_series
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tst.evaluation import downstream
from tst.series import DataError, Feature, concat, from_list


def score(train, test, classifier="mlp", reference=None, n_steps=13, seed=0):
    """Return the metrics of one fit as a mapping."""
    frame = downstream.classify(
        train, test, reference or train, classifier, seed, n_steps, epochs=150
    )
    return frame.set_index("metric")["value"].to_dict()


@pytest.mark.parametrize("classifier", downstream.CLASSIFIERS)
def test_a_copy_scores_as_the_original(classifier):
    """TSTR of copied data = TRTR, for every classifier, bit by bit; the classes are learnt."""
    real, test = labelled_series(), labelled_series(seed=1)
    copied = real.take(np.arange(len(real)))
    assert score(copied, test, classifier) == score(real, test, classifier)
    assert score(real, test, classifier)["accuracy"] > 0.6


@pytest.mark.parametrize("classifier", downstream.CLASSIFIERS)
def test_permuted_labels_give_chance(classifier):
    """With labels that mean nothing no classifier is far from the largest class."""
    real, test = labelled_series(300), labelled_series(300, seed=1)
    permuted = real.attributes["kind"].sample(frac=1, random_state=0).reset_index(drop=True)
    real.attributes["kind"] = permuted
    assert abs(score(real, test, classifier)["accuracy"] - 1 / 3) < 0.12


@pytest.mark.parametrize("classifier", ["naive_bayes", "logistic_regression", "decision_tree"])
def test_longer_padding_changes_nothing(classifier):
    """Steps that no series reaches change no metric."""
    real, test = labelled_series(), labelled_series(seed=1)
    assert score(real, test, classifier, n_steps=8) == score(real, test, classifier, n_steps=400)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classifier", downstream.CLASSIFIERS)
def test_ragged_rows_score_as_the_literal_dense_recipe(classifier):
    """Pad, scale, flatten, fit, score: the whole window, also where the training series fill two steps of it."""
    real, test, n_steps = labelled_series(), labelled_series(seed=1), 29
    low, high = real.values.min(0), real.values.max(0)

    def dense(series):
        values, mask = series.padded(n_steps)
        return (
            np.where(mask[:, :, None], (values - low) / (high - low), 0)
            .reshape(len(series), -1)
            .astype(np.float32)
        )

    for train in (real, real.head(2)):
        found = downstream.classify(train, test, real, classifier, 0, n_steps, epochs=20)
        models = {
            "mlp": MLPClassifier(
                (128,), batch_size=120, max_iter=20, random_state=0, alpha=0.0, n_iter_no_change=20
            ),
            "naive_bayes": GaussianNB(),
            "logistic_regression": LogisticRegression(max_iter=200),
            "decision_tree": DecisionTreeClassifier(random_state=0),
            "svm": LinearSVC(random_state=0),
        }
        literal = models[classifier].fit(dense(train), train.labels).score(dense(test), test.labels)
        assert found["value"][0] == pytest.approx(literal, abs=0.01)


def test_a_class_that_training_lacks_scores_zero():
    """F1 of the class is 0, the others are scored; one class alone is predicted throughout."""
    real, test = labelled_series(), labelled_series(seed=1)
    two = real.take(np.flatnonzero(real.labels != "b"))
    found = score(two, test, "decision_tree", reference=real)
    assert (
        found["f1_1"] == 0
        and found["f1_0"] > 0.5
        and set(found) == {"accuracy", "f1_0", "f1_1", "f1_2"}
    )
    one = real.take(np.flatnonzero(real.labels == "c"))
    assert score(one, test, "mlp", reference=real)["accuracy"] == pytest.approx(
        (test.labels == "c").mean()
    )


@pytest.mark.parametrize("classifier", downstream.CLASSIFIERS)
def test_a_lone_member_of_a_class_and_a_constant_feature_are_no_error(classifier):
    """One series of its class, a feature that never changes: every classifier trains, scores each class, and mixes."""
    real, test = labelled_series(), labelled_series(seed=1)
    few = np.concatenate(
        [np.flatnonzero(real.labels != "b"), np.flatnonzero(real.labels == "b")[:1]]
    )
    lone = replace(real.take(few), values=real.take(few).values * np.float32([1, 0]))
    found = score(lone, test, classifier)
    assert (
        set(found) == {"accuracy", "f1_0", "f1_1", "f1_2"}
        and np.isfinite(list(found.values())).all()
    )
    assert found["accuracy"] > (
        0.2 if classifier == "naive_bayes" else 0.4
    )  # one member has no spread
    sets = downstream.mixes(lone, lone, (0.0, 0.5), seed=0)
    assert score(sets[0.5], test, classifier, reference=lone)["accuracy"] > 0.2


def test_mixes_are_nested_and_stratified():
    """1 % lies within 10 % within all; each class has its share; share 0 is the synthetic set itself."""
    real, synthetic = labelled_series(200), labelled_series(50, seed=3, model="x")
    sets = downstream.mixes(synthetic, real, (0, 0.1, 0.5, 1.0), seed=0)
    assert sets[0] is synthetic and len(sets[1.0]) == 250
    small, large = ({tuple(x.ravel()) for x in list(sets[s])[50:]} for s in (0.1, 0.5))
    assert small < large
    added = pd.Series(sets[0.5].labels[50:]).value_counts(normalize=True)
    for name, share in pd.Series(real.labels).value_counts(normalize=True).items():
        assert added[name] == pytest.approx(share, abs=0.03)


def traffic(n=60, seed=0, n_steps=30, noise=0.0):
    """Return weekly series whose last days follow from the first."""
    rng = np.random.default_rng(seed)
    level, phase = rng.uniform(2, 6, (n, 1)), rng.integers(0, 7, (n, 1))
    days = level + np.sin((np.arange(n_steps) + phase) * 2 * np.pi / 7)
    days = np.expm1(np.maximum(days + noise * rng.standard_normal(days.shape), 0))
    fields = {
        "name": "wwt",
        "origin": "simulated",
        "interval": "1D",
        "attributes": pd.DataFrame({"page": range(n)}),
    }
    return from_list(list(days[:, :, None]), features=[Feature("views")], **fields)


def r2(train, test, regressor):
    """Return the metrics of one regression as a mapping."""
    return (
        downstream.regress(train, test, regressor, 0, 25, 5).set_index("metric")["value"].to_dict()
    )


def test_a_law_is_learnt_exactly_by_the_linear_model():
    """A sinusoid plus level is linear in its past: R2 is 1 in every variant."""
    found = r2(traffic(), traffic(seed=1), "linear")
    assert all(
        found[m] == pytest.approx(1, abs=1e-4)
        for m in ("r2", "r2_flat", "r2_variance_weighted", "r2_raw")
    )
    assert found["dropped"] == 0


def test_r2_variants_hand_computed():
    """Predicting each day's mean gives 0 by day; as one vector the days' own means are explained."""
    true = np.array([[1.0, 5.0], [3.0, 7.0]])
    found = downstream._r2_variants(true, np.tile(true.mean(0), (2, 1)))
    assert found["r2"] == 0 and found["r2_flat"] == pytest.approx(0.8)


@pytest.mark.parametrize("regressor", downstream.REGRESSORS)
def test_regression_repeats(regressor):
    """The same seed gives the same numbers; a copy trains like the original."""
    train, test = traffic(), traffic(seed=1)
    assert r2(train, test, regressor) == r2(train.take(np.arange(60)), test, regressor)


def test_short_series_are_counted_and_too_few_are_refused():
    """Series that stopped early are dropped and counted; fewer than ten left end in a sentence."""
    train, test = traffic(), traffic(seed=1)
    mixed = concat([train.take(np.arange(20)), train.take(np.arange(20, 60)).head(2)])
    assert r2(mixed, test, "linear")["dropped"] == 40
    with pytest.raises(DataError, match="only 0 of 60 'real' series have 30 steps"):
        r2(train.head(29), test, "linear")
    with pytest.raises(DataError, match="a test series of 'wwt' has 29 steps, 30 are needed"):
        r2(train, test.head(29), "linear")


def test_the_mlp_does_not_stop_while_it_still_learns():
    """On noisy weeks the MLP comes within .02 of least squares; stopped on its training loss it stays further off."""
    train, test = traffic(400, 1, noise=0.2), traffic(300, 2, noise=0.2)
    assert r2(train, test, "mlp_1")["r2"] > r2(train, test, "linear")["r2"] - 0.02


def test_mistakes():
    """An unknown model, a set without label, an unknown label, a share or a window that cannot be are named."""
    with pytest.raises(DataError, match="unknown model 'forest'"):
        score(labelled_series(), labelled_series(), "forest")
    with pytest.raises(DataError, match="no label"):
        downstream.classify(traffic(), traffic(), traffic(), "mlp", 0)
    real, other = labelled_series(), labelled_series()
    other.attributes["kind"] = other.attributes["kind"].cat.rename_categories({"a": "z"})
    with pytest.raises(DataError, match="label 'z' of 'toy' is not in the reference"):
        score(real, other)
    with pytest.raises(DataError, match="n_steps is 0"):
        score(real, real, n_steps=0)
    with pytest.raises(DataError, match=r"shares are \[1.5\]"):
        downstream.mixes(real, real, [1.5], 0)
    with pytest.raises(DataError, match="'toy' has 2 features"):
        downstream.regress(real, real, "linear", 0)
