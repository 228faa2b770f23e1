"""Laws of the controls: what they copy is real, and only what they say is changed."""

from dataclasses import replace

import numpy as np
import pandas as pd
from helpers import series_of

from tst.models import controls


def donors(lengths=(2, 5, 9)):
    """Return donors of three features."""
    rng = np.random.default_rng(1)
    return series_of([rng.uniform(0, 7, (n, 3)) for n in lengths])


def test_seed_only_has_two_steps():
    """The real conditioning steps and nothing else."""
    assert list(controls.seed_only(donors()).lengths) == [2, 2, 2]


def test_seed_repeat_has_the_donors_length():
    """The two steps, again and again."""
    real = donors()
    repeated = controls.seed_repeat(real)
    np.testing.assert_array_equal(repeated[1], real[1][[0, 1, 0, 1, 0]])


def test_bootstrap_copy_has_nothing_that_is_not_real():
    """Each of its series is one of the real ones."""
    real = donors()
    copied = controls.bootstrap_copy(real, seed=0)
    real_series = {real[i].tobytes() for i in range(len(real))}
    assert {copied[i].tobytes() for i in range(len(copied))} <= real_series


def test_permuted_labels():
    """The same series and class counts in another order; a function of the seed."""
    kinds = pd.DataFrame({"kind": pd.Categorical(list("ab") * 20)})
    real = replace(donors(tuple(range(2, 42))), attributes=kinds, label="kind")
    permuted = controls.permuted_labels(real, 0)
    assert sorted(permuted.labels) == sorted(real.labels)
    assert list(permuted.labels) != list(real.labels)
    assert list(controls.permuted_labels(real, 0).labels) == list(permuted.labels)
    np.testing.assert_array_equal(permuted.values, real.values)
