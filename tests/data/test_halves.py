"""Laws of the two halves: no owner in both, no series lost, classes in their shares."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import toy_series

from tst.data import halves, simulated


def owned(owners, kinds, **fields):
    """Return a set of one-step series with these owners and classes."""
    attributes = pd.DataFrame({"owner": owners, "kind": pd.Categorical(kinds)})
    arrays = [np.full((1, 1), i) for i in range(len(owners))]
    return toy_series(arrays, attributes=attributes, label="kind", **fields)


@pytest.mark.parametrize("seed", range(5))
def test_an_owner_is_never_divided(seed):
    """Where it has several series; both halves together are the whole."""
    series = owned(np.arange(60) // 3, ["a", "b", "c"] * 20, group="owner")
    train, test = halves.deal(series, 0.5, seed)
    assert not set(train.attributes["owner"]) & set(test.attributes["owner"])
    together = np.concatenate([train.values, test.values]).ravel()
    assert sorted(together.tolist()) == list(range(60))


def test_the_published_protocol_deals_gcut_by_task():
    """Its owner is the job, by which intervals and nulls resample; yet the halves share jobs."""
    tasks = simulated.gcut(80, seed=0)
    assert tasks.group == "job" and not tasks.attributes["job"].is_unique
    train, test = halves.deal(tasks, 0.5, seed=0)
    assert set(train.attributes["job"]) & set(test.attributes["job"])
    counts = pd.Series(train.labels).value_counts() - pd.Series(test.labels).value_counts()
    assert counts.abs().max() <= 1, "classes keep their shares"


@pytest.mark.parametrize("group", ["owner", None])
def test_classes_keep_their_shares(group):
    """Where each series has an owner of its own, or none: rare classes stand in both halves."""
    kinds = ["a"] * 40 + ["b"] * 5 + ["c"] * 2
    series = replace(owned(np.arange(47), kinds), group=group)
    train, test = halves.deal(series, 0.5, seed=1)
    counts = pd.Series(train.labels).value_counts()
    assert counts["a"] == 20 and counts["b"] in (2, 3) and counts["c"] == 1
    assert set(test.labels) == {"a", "b", "c"}


def test_what_is_too_short_or_too_long_is_dropped_or_cut():
    """Series below the shortest go, the head of the others stays, then whole windows of it."""
    series = toy_series([np.arange(n)[:, None] for n in (3, 10, 25)])
    assert halves.prepare(series) is series
    assert halves.prepare(series, shortest=3).lengths.tolist() == [3, 10, 25]
    assert halves.prepare(series, shortest=4, longest=12).lengths.tolist() == [10, 12]
    windows = halves.prepare(series, longest=12, window=5)
    assert windows.values.ravel().tolist() == [*range(10), *range(10)]
