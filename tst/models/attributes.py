"""What does not change in a series: its attributes as a model reads them, and a set's facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.series import Feature, SeriesSet


@dataclass(frozen=True, kw_only=True)
class SeriesFacts:
    """What a generated set takes over from the training set, as `SeriesSet` holds it."""

    name: str
    origin: str
    interval: str
    label: str | None
    features: tuple[Feature, ...]

    @classmethod
    def of(cls, series: SeriesSet) -> Self:
        """Return the facts of a training set."""
        return cls(
            name=series.name,
            origin=series.origin,
            interval=series.interval,
            label=series.label,
            features=tuple(series.features),
        )

    def to_series(
        self, values: np.ndarray, lengths: np.ndarray, attributes: pd.DataFrame, model: str
    ) -> SeriesSet:
        """Return the generated set; its label is None where that attribute was not generated.

        Parameters
        ----------
        values
            float, (sum of lengths, n_features), in data units.
        lengths
            int, (n_series,).
        attributes
            One row a series.
        model
            Key of the generator.
        """
        return SeriesSet(
            name=self.name,
            values=values,
            lengths=lengths,
            features=self.features,
            attributes=attributes,
            origin=self.origin,
            interval=self.interval,
            model=model,
            label=self.label if self.label in attributes.columns else None,
        )


def known_categories(series: SeriesSet) -> dict[str, list[Any]]:
    """Return {attribute: its categories that occur} of what a generator models.

    These are the columns of categorical dtype and the label, but not the group of a split.
    """
    categories = {}
    for name, column in series.attributes.items():
        is_modelled = isinstance(column.dtype, pd.CategoricalDtype) or name == series.label
        if not is_modelled or name == series.group:
            continue
        if column.isna().any():
            raise DataError(
                f"attribute '{name}' of '{series.name}' has missing values: give them a category "
                "first."
            )
        occurring = column.astype("category").cat.remove_unused_categories()
        categories[str(name)] = occurring.cat.categories.tolist()
    return categories


def attribute_sizes(series: SeriesSet) -> tuple[int, ...]:
    """Return the numbers of categories of a training set's modelled attributes, in their order."""
    return tuple(len(known) for known in known_categories(series).values())


def from_codes(codes: np.ndarray, categories: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Return the table of attribute codes, int (n_series, n_attributes).

    Parameters
    ----------
    categories
        {attribute: its categories}, in the order of the columns of `codes`.
    """
    columns = {}
    for i, (name, known) in enumerate(categories.items()):
        columns[name] = pd.Categorical.from_codes(codes[:, i], known)
    return pd.DataFrame(columns, index=range(len(codes)))
