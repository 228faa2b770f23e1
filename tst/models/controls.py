"""Controls that the paper lacks: what the two real seed steps, plain copying, or chance achieve without a model (C6)."""

from dataclasses import replace

import numpy as np
import pandas as pd


def seed_only(donors, n_seed_steps=2):
    """Return the first two real steps of each donor, then nothing."""
    return replace(donors.head(n_seed_steps), model="seed_only")


def seed_repeat(donors, n_seed_steps=2):
    """Return the first two real steps of each donor, repeated to its true length."""
    rows = donors.offsets[donors.series_index] + donors.step_index % n_seed_steps
    return replace(donors, values=donors.values[rows], model="seed_repeat")


def bootstrap_copy(train, seed):
    """Return training series drawn with replacement, as many as there are."""
    drawn = np.random.default_rng(seed).integers(len(train), size=len(train))
    return replace(train.take(drawn), model="bootstrap_copy")


def permuted_labels(train, seed):
    """Return the training series with their labels dealt out anew: what chance achieves."""
    labels = train.attributes[train.label].sample(frac=1, random_state=seed).to_numpy()
    dealt = pd.Series(labels, dtype=train.attributes[train.label].dtype)
    return replace(
        train, attributes=train.attributes.assign(**{train.label: dealt}), model="permuted_labels"
    )
