"""What does not change in a series: its attributes as a model reads them, and a set's facts.

Modelled are the categorical attributes; the group of a split (an instance, a job) names series and
is left out.
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


def attribute_columns(series: SeriesSet) -> list[str]:
    """Return the names of the categorical attributes: AR, RNN and HMM draw them from the data.

    The group is left out, unless it is the label.

    Raises
    ------
    DataError
        Where the label is not categorical, or an attribute has missing values.
    """
    dtypes = series.attributes.dtypes.items()
    categorical = [str(name) for name, dtype in dtypes if isinstance(dtype, pd.CategoricalDtype)]
    if series.label is not None and series.label not in categorical:
        raise DataError(
            f"the label '{series.label}' of '{series.name}' is not categorical; "
            "convert it to a category."
        )
    columns = [c for c in categorical if c != series.group or c == series.label]
    for column in columns:
        if series.attributes[column].isna().any():
            raise DataError(
                f"attribute '{column}' of '{series.name}' has missing values; "
                "give them a category first."
            )
    return columns


def attribute_categories(series: SeriesSet) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return ((name, (category, ...)), ...) of `attribute_columns`.

    Categories are those that occur, as text, sorted.
    """
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


def split_one_hot(rows: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return the code of each attribute, the largest of its columns.

    Parameters
    ----------
    rows
        float, (n_series, sum of sizes): one-hot or softmax rows, one attribute beside the other.
    sizes
        Number of categories of each attribute.

    Returns
    -------
    int64, (n_series, len(sizes)).
    """
    codes = np.zeros((len(rows), len(sizes)), dtype=np.int64)
    first = 0
    for i, size in enumerate(sizes):
        codes[:, i] = rows[:, first : first + size].argmax(1)
        first += size
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
