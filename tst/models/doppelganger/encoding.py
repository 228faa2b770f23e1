"""DoppelGANger's data side: attributes as one-hot rows, ranges of series, and the way back.

Generation flags as in arXiv 1909.13403, section 4.1.1: (1, 0) while a series goes on, (0, 1) at its
last step, then zeros. Auto-normalisation (4.1.3, `per_series`): each series is scaled by its own
minimum and maximum, and its mid-range (max + min)/2 and half-range (max - min)/2 of each feature
are generated like attributes.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.models.attributes import (
    SeriesFacts,
    from_codes,
    joined,
    known_categories,
    one_hot,
    split_one_hot,
)
from tst.models.batches import N_FLAGS
from tst.models.scaling import Normaliser
from tst.series import SeriesSet


@dataclass(frozen=True, kw_only=True)
class GanEncoder:
    """What turns a SeriesSet into the numbers of a GAN, and its numbers into a SeriesSet.

    Parameters
    ----------
    facts
        Of the training set.
    categories
        {attribute: its categories that occur in training, in their order}.
    normaliser
        How the steps are scaled.
    range_low, range_width
        Minimum and width over the training set of each mid-range and half-range, which are scaled
        to the normaliser's bounds in their turn; empty unless the normaliser is `per_series`.
    """

    facts: SeriesFacts
    categories: dict[str, list[Any]]
    normaliser: Normaliser
    range_low: tuple[float, ...] = ()
    range_width: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        n_features = len(self.facts.features)
        n_ranges = 2 * n_features if self.normaliser.per_series else 0
        n_scaled = 0 if self.normaliser.per_series else n_features
        fits = (
            len(self.range_low) == len(self.range_width) == n_ranges
            and len(self.normaliser.loc) == len(self.normaliser.scale) == n_scaled
        )
        if not fits:
            raise DataError(
                f"the encoder of '{self.facts.name}' has parts for different numbers of features; "
                "fit it again."
            )

    @classmethod
    def fit(cls, series: SeriesSet, normaliser: Normaliser, ranges: np.ndarray) -> Self:
        """Return the encoder of a training set.

        Parameters
        ----------
        ranges
            As `series_ranges` returns them.

        Raises
        ------
        DataError
            Where an attribute has missing values.
        """
        return cls(
            facts=SeriesFacts.of(series),
            categories=known_categories(series),
            normaliser=normaliser,
            range_low=tuple(ranges.min(0).tolist()),
            range_width=tuple(np.ptp(ranges, axis=0).tolist()),
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of categories of each attribute."""
        return tuple(len(known) for known in self.categories.values())

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the one-hot rows, float32 (n_series, sum of sizes), of a table's attributes.

        Raises
        ------
        DataError
            Where a column is missing or holds a category that the model has not seen.
        """
        blocks = []
        for name, known in self.categories.items():
            if name not in frame:
                raise DataError(
                    f"attribute '{name}' is missing; the model knows {', '.join(self.categories)}."
                )
            codes = pd.Index(known).get_indexer(frame[name].astype(object))
            if (codes < 0).any():
                value = frame[name].iloc[int((codes < 0).argmax())]
                raise DataError(
                    f"attribute '{name}' is '{value}' once or more; "
                    f"known are {', '.join(map(str, known))}."
                )
            blocks.append(one_hot(codes, len(known)))
        return joined(blocks, len(frame))

    def decode(self, rows: np.ndarray) -> pd.DataFrame:
        """Return the table of one-hot or softmax rows (n_series, sum of sizes).

        The inverse of `encode`.
        """
        return from_codes(split_one_hot(rows, self.sizes), self.categories)

    def scale_ranges(self, ranges: np.ndarray) -> np.ndarray:
        """Return mid-ranges and half-ranges within the normaliser's bounds.

        Parameters
        ----------
        ranges
            float64, (n_series, 2 * n_features or 0), as `series_ranges` returns them.

        Returns
        -------
        float32, of the same shape.
        """
        low = np.array(self.range_low)
        width = np.array(self.range_width)
        unit = (ranges - low) / np.where(width > 0, width, 1.0)
        bounded = self.normaliser.low + (self.normaliser.high - self.normaliser.low) * unit
        return bounded.astype(np.float32)

    def loc_scale(self, ranges: np.ndarray, n_series: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the loc and scale, float (n_series, n_features), of generated series.

        Parameters
        ----------
        ranges
            float, (n_series, 2 * n_features or 0): scaled, as `scale_ranges` returns them.
        """
        normaliser = self.normaliser
        if not normaliser.per_series:
            loc = np.tile(normaliser.loc, (n_series, 1))
            scale = np.tile(normaliser.scale, (n_series, 1))
            return loc, scale
        unit = (ranges - normaliser.low) / (normaliser.high - normaliser.low)
        in_data_units = np.array(self.range_low) + np.array(self.range_width) * unit
        mid_range, half_range = np.split(in_data_units, 2, axis=1)
        return mid_range - half_range, 2 * half_range

    def to_series(
        self, steps: np.ndarray, attributes: np.ndarray, ranges: np.ndarray, model: str
    ) -> SeriesSet:
        """Return generated numbers as a SeriesSet.

        Parameters
        ----------
        steps
            float, (n_series, T, n_features + 2): scaled features and flags; zero after the end.
        attributes
            float, (n_series, sum of sizes): one-hot or softmax rows.
        ranges
            float, (n_series, 2 * n_features or 0): scaled mid-ranges and half-ranges.
        model
            Key of the generator.
        """
        # The flags of a step add up to 1, and to 0 after the end.
        observed = steps[..., -N_FLAGS:].sum(2) > 0.5  # (n_series, T)
        lengths = observed.sum(1)
        scaled = steps[observed][:, :-N_FLAGS]  # (sum of lengths, n_features)
        loc, scale = self.loc_scale(ranges, len(steps))
        values = self.normaliser.inverse(scaled, lengths, loc, scale)
        return self.facts.to_series(values, lengths, self.decode(attributes), model)


def series_ranges(
    series: SeriesSet,
    normaliser: Normaliser,
    scaled: np.ndarray,
    loc: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """Return the mid-range and half-range of each feature of each series, in data units.

    Parameters
    ----------
    scaled, loc, scale
        What `normaliser.normalise(series)` returns.

    Returns
    -------
    float64, (n_series, 2 * n_features): mid-ranges, then half-ranges; (n_series, 0) unless the
    normaliser is `per_series`.
    """
    if not normaliser.per_series:
        return np.zeros((len(series), 0))
    highest = np.maximum.reduceat(scaled, series.offsets[:-1])  # (n_series, n_features)
    # The normaliser's scale of a constant feature is 1, its half-range is 0.
    half_range = np.where(highest > normaliser.low, scale / 2, 0.0)
    return np.concatenate([loc + half_range, half_range], axis=1)
