"""Controls that the paper lacks: what two real steps, copies or chance achieve without a model.

They stand behind claim C6.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.series import SeriesSet

N_CONDITIONING_STEPS = 2  # real steps that the paper's recipe starts from


def donors(series: SeriesSet, n: int | None = None) -> SeriesSet:
    """Return the series, or the first n of those, that have the steps a donor needs."""
    return series.take(np.flatnonzero(series.lengths >= N_CONDITIONING_STEPS)[:n])


def seed_only(donors: SeriesSet, n_steps: int = N_CONDITIONING_STEPS) -> SeriesSet:
    """Return the conditioning steps of each donor, then nothing."""
    return replace(donors.head(n_steps), model="seed_only")


def seed_repeat(donors: SeriesSet, n_steps: int = N_CONDITIONING_STEPS) -> SeriesSet:
    """Return the conditioning steps of each donor, repeated to its true length."""
    rows = donors.offsets[donors.series_index] + donors.step_index % n_steps
    return replace(donors, values=donors.values[rows], model="seed_repeat")


def bootstrap_copy(train: SeriesSet, seed: int) -> SeriesSet:
    """Return training series drawn with replacement, as many as there are."""
    drawn = np.random.default_rng(seed).integers(len(train), size=len(train))
    return replace(train.take(drawn), model="bootstrap_copy")


def permuted_labels(train: SeriesSet, seed: int) -> SeriesSet:
    """Return the training series with their labels dealt out anew: what chance achieves."""
    if train.label is None:
        raise DataError(f"series set '{train.name}' has no label to permute; name one.")
    labels = train.attributes[train.label].sample(frac=1, random_state=seed).to_numpy()
    dealt = pd.Series(labels, dtype=train.attributes[train.label].dtype)
    attributes = train.attributes.assign(**{train.label: dealt})
    return replace(train, attributes=attributes, model="permuted_labels")
