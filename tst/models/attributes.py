"""What describes a series and does not change in time, as generators take it: categories and one-hot rows.

Modelled are the categorical attributes; the group of a split (an instance, a job) names series and is left out.
"""

from collections.abc import Mapping, Sequence
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
    """Return {attribute: its categories that occur, in their order} of what GANs and our model generate.

    Categorical columns and the label, but not the group. Raises DataError where a value is missing.
    """
    categories = {}
    for name, column in series.attributes.items():
        is_categorical = isinstance(column.dtype, pd.CategoricalDtype)
        if name == series.group or not (is_categorical or name == series.label):
            continue
        if column.isna().any():
            raise DataError(
                f"attribute '{name}' of '{series.name}' has missing values: give them a category first."
            )
        used = column.astype("category").cat.remove_unused_categories()
        categories[str(name)] = used.cat.categories.tolist()
    return categories


def attribute_sizes(series: SeriesSet) -> tuple[int, ...]:
    """Return the number of categories of each attribute that a GAN generates."""
    return tuple(len(categories) for categories in known_categories(series).values())


def attribute_columns(series: SeriesSet) -> list[str]:
    """Return the names of the attributes that AR, RNN and HMM draw from the training set: the categorical ones.

    Without the group, unless it is the label. Raises DataError where the label is not categorical or a value is missing.
    """
    dtypes = series.attributes.dtypes.items()
    categorical = [str(name) for name, dtype in dtypes if isinstance(dtype, pd.CategoricalDtype)]
    if series.label is not None and series.label not in categorical:
        raise DataError(
            f"the label '{series.label}' of '{series.name}' is not categorical; convert it to a category."
        )
    columns = [c for c in categorical if c != series.group or c == series.label]
    for column in columns:
        if series.attributes[column].isna().any():
            raise DataError(
                f"attribute '{column}' of '{series.name}' has missing values; give them a category first."
            )
    return columns


def attribute_categories(series: SeriesSet) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return ((name, (category, ...)), ...) of `attribute_columns`, categories that occur, as text, sorted."""
    pairs = []
    for column in attribute_columns(series):
        values = series.attributes[column].astype(str).unique()
        pairs.append((column, tuple(sorted(values))))
    return tuple(pairs)


def one_hot(codes: np.ndarray, n_categories: int) -> np.ndarray:
    """Return float32 (n, n_categories) of codes, int (n,)."""
    return np.eye(n_categories, dtype=np.float32)[codes]


def joined(blocks: Sequence[np.ndarray], n_series: int) -> np.ndarray:
    """Return blocks (n_series, width) side by side, float32; (n_series, 0) where there are none."""
    return np.concatenate([np.zeros((n_series, 0), np.float32), *blocks], axis=1)


def split_one_hot(
    rows: np.ndarray, categories: Mapping[str, Sequence[Any]]
) -> dict[str, np.ndarray]:
    """Return {attribute: its code, int (n,)} of one-hot or softmax rows (n, sum of category counts)."""
    codes = {}
    first = 0
    for name, known in categories.items():
        last = first + len(known)
        codes[name] = rows[:, first:last].argmax(1)
        first = last
    return codes


def from_codes(codes: np.ndarray, categories: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return the table of attribute codes, int (n_series, n_attributes).

    Parameters
    ----------
    categories
        {attribute: its categories}, in the order of the columns of `codes`.
    """
    columns = {}
    for i, (name, known) in enumerate(categories.items()):
        columns[name] = pd.Categorical.from_codes(codes[:, i], list(known))
    return pd.DataFrame(columns, index=range(len(codes)))
