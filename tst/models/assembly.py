"""How AR, RNN and HMM make a SeriesSet of scaled steps, with attributes of training series.

DoppelGANger's paper (arXiv 1909.13403, section 5) draws the attributes of these baselines from
their empirical joint distribution.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tst.errors import DataError
from tst.models.attributes import attribute_columns
from tst.models.batches import N_FLAGS
from tst.models.scaling import BOUNDS, Activation, Normaliser
from tst.series import SeriesSet


def check_request(n_series: object, max_steps: object, seed: object) -> None:
    """Raise DataError unless there is something to draw."""
    for name, value, low in (("n", n_series, 1), ("max_steps", max_steps, 1), ("seed", seed, 0)):
        if not isinstance(value, int | np.integer) or value < low:
            raise DataError(f"{name} is {value!r}; give a whole number of at least {low}.")


def check_fit(
    real: SeriesSet, scaling: Normaliser, n_features: int, activation: Activation | None = None
) -> None:
    """Raise DataError unless a model, its normaliser and a training set belong together.

    Parameters
    ----------
    n_features
        Of the model, flags included.
    activation
        Of the model's output, where it has one.
    """
    n_scaled = real.n_features if scaling.per_series else len(scaling.loc)
    for what, number in (("model", n_features - N_FLAGS), ("normaliser", n_scaled)):
        if number != real.n_features:
            raise DataError(
                f"the {what} knows {number} measurements, '{real.name}' has {real.n_features}; "
                "refit it."
            )
    if activation and (scaling.low, scaling.high) != BOUNDS[activation]:
        raise DataError(
            f"the normaliser's bounds do not fit {activation}; fit it with that activation."
        )


def in_series_order(
    steps: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Return steps that were made for all series at once, series by series.

    Parameters
    ----------
    steps
        For each step, the numbers of the series that go on, int (B,), and their rows, (B, C).

    Returns
    -------
    rows
        float, shape (sum of lengths, C).
    lengths
        int, shape (n_series,).
    """
    series = np.concatenate([numbers for numbers, _ in steps])
    rows = np.concatenate([values for _, values in steps])
    return rows[np.argsort(series, kind="stable")], np.bincount(series)


def assemble(
    real: SeriesSet,
    attributes_of: np.ndarray,
    scale_of: np.ndarray,
    values: np.ndarray,
    lengths: np.ndarray,
    scaling: Normaliser,
    key: str,
) -> SeriesSet:
    """Return scaled steps as a SeriesSet.

    Parameters
    ----------
    real
        The training set.
    attributes_of, scale_of
        int, shape (n,): the training series that give each synthetic one its attributes, and its
        loc and scale.
    values
        float, shape (rows, n_features + 2).
    lengths
        int, shape (n,): rows of each series.
    scaling
        How the training set was scaled.
    key
        Name of the generator.
    """
    columns = attribute_columns(real)
    scaled, loc, scale = scaling.normalise(real)
    highest = np.maximum.reduceat(scaled, real.offsets[:-1])  # (n_series, n_features)
    if not scaling.per_series:
        highest = highest.max(0)
    scale = np.where(highest > scaling.low, scale, 0.0)  # a constant stays one
    return replace(
        real,
        values=scaling.inverse(values[:, :-N_FLAGS], lengths, loc[scale_of], scale[scale_of]),
        lengths=lengths,
        attributes=real.attributes.iloc[attributes_of][columns],
        group=real.group if real.group in columns else None,
        model=key,
        dates=None,
    )
