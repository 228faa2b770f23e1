"""Laws of use: what real series teach is taught by others of their kind, not by permuted ones."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import labelled_series

from tst.evaluation import use


def sets(seed=0, signal=2.0):
    """Return held-out, learned and other series of two classes."""
    return [labelled_series(n, 3 * seed + i, signal=signal) for i, n in enumerate((60, 120, 120))]


def permuted(series):
    """Return a set with labels of other series."""
    order = np.random.default_rng(5).permutation(len(series))
    return replace(series, attributes=series.attributes.iloc[order].reset_index(drop=True))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_label_is_taught_by_other_series_of_its_kind(seed):
    """Within the limit; permuted labels are not, and a copy teaches the same."""
    held_out, learned, other = sets(seed)
    label = use.choose_label(learned)
    score = use.label_score(held_out, learned, other, label, seed)
    assert score.guess < score.limit <= score.synthetic
    assert use.label_score(held_out, learned, learned, label, seed).synthetic == score.real
    bad = use.label_score(held_out, learned, permuted(other), label, seed)
    assert bad.synthetic < bad.limit


def test_a_label_that_real_series_do_not_teach_has_no_limit():
    """Nothing is asked of a copy then."""
    held_out, learned, other = sets(signal=0.0)
    learned = permuted(learned)
    score = use.label_score(held_out, learned, other, learned.label, 0)
    assert np.isnan(score.limit)


def test_what_an_attribute_explains_survives_or_does_not():
    """R2 of held-out series by the means of a set: near by others, none by permuted classes."""
    held_out, learned, other = sets()
    features = learned.feature_names
    best = use.explained(held_out, learned, other, features)[0]
    assert best.real > 0.2
    assert best.synthetic == pytest.approx(best.real, abs=0.1)
    assert use.explained(held_out, learned, permuted(other), features)[0].synthetic < 0.1


def test_r2_has_known_answers():
    """1 for the truth, 0 for the mean and for what does not vary."""
    true = np.array([[1.0, 2.0], [3.0, 2.0]])
    assert use._r2(true, true).tolist() == [1, 0]
    assert use._r2(true, np.full((2, 2), 2.0)).tolist() == [0, 0]


def test_the_attribute_that_says_most_is_the_label():
    """Where none is named; of many classes none is taken."""
    learned = sets()[1]
    name = learned.label
    noise = pd.Categorical(np.random.default_rng(0).choice(["p", "q"], len(learned)))
    attributes = learned.attributes[[name]].assign(noise=noise)
    attributes[name] = attributes[name].astype("category")
    unnamed = replace(learned, attributes=attributes, label=None)
    assert use.choose_label(unnamed) == name
    assert use.choose_label(replace(unnamed, attributes=pd.DataFrame(index=range(120)))) is None
