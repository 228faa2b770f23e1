"""What is publicly known of series before any of them is looked at: bounds, categories, lengths."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tst.errors import DataError
from tst.models.transformer.feature_encoding import FeatureEncoder
from tst.series import SeriesSet

# Of a number that is learned by its logarithm and is not whole: log(x + this share of `high`).
LOG_SHARE = 1e-4


@dataclass(frozen=True, kw_only=True)
class FeatureDomain:
    """What a measurement may be.

    Parameters
    ----------
    low, high
        Bounds of a number; values outside are set to them.
    log
        Whether its logarithm is learned; low must then be at least 0.
    whole
        Whether all values are whole numbers.
    n_categories
        Of a categorical one, whose values are codes 0, 1, ...; 0 for a number.
    """

    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False
    n_categories: int = 0

    def __post_init__(self) -> None:
        if self.n_categories:
            return
        if not -np.inf < self.low < self.high < np.inf:
            raise DataError(
                f"the bounds of a measurement are {self.low} and {self.high}; give two numbers, "
                "the lower first."
            )
        if self.log and self.low < 0:
            raise DataError(
                f"a measurement that is learned by its logarithm has the bound {self.low}; give "
                "one of at least 0."
            )

    def encoder(self) -> FeatureEncoder:
        """Return how it is transformed; a bound carries what lies beyond it."""
        if self.n_categories:
            return FeatureEncoder(n_categories=self.n_categories)
        offset = None
        if self.log:
            offset = LOG_SHARE * self.high
            if self.whole:
                offset = 1.0
        return FeatureEncoder(offset=offset, whole=self.whole, low=self.low, high=self.high)

    def within(self, x: np.ndarray) -> np.ndarray:
        """Return values (rows,) within the bounds, codes within the categories."""
        if self.n_categories:
            return np.where((x >= 0) & (x < self.n_categories), x, 0)
        bounded = np.clip(np.nan_to_num(x, nan=self.low), self.low, self.high)
        if self.whole:
            return np.round(bounded)
        return bounded


@dataclass(frozen=True, kw_only=True)
class Domain:
    """What series may be.

    Parameters
    ----------
    features
        Of each measurement, in order.
    attributes
        {attribute: its categories}; how the others go with the first is measured.
    longest
        Most steps of a series; longer ones are cut.
    fixed_length
        Whether all have so many.
    n_units
        About how many series, or groups of some, there are.
    """

    features: tuple[FeatureDomain, ...]
    attributes: dict[str, tuple[str, ...]]
    longest: int
    fixed_length: bool
    n_units: int

    def __post_init__(self) -> None:
        if self.longest < 1 or self.n_units < 1:
            raise DataError(
                f"the longest of {self.n_units} series has {self.longest} steps; give numbers of "
                "at least 1."
            )

    def within(self, series: SeriesSet) -> SeriesSet:
        """Return a set as it is learned: cut, bounded, unknown categories as the first.

        What is done with a series depends on that series alone.
        """
        if series.n_features != len(self.features):
            raise DataError(
                f"'{series.name}' has {series.n_features} measurements, and "
                f"{len(self.features)} are described; describe each."
            )
        missing = sorted(set(self.attributes) - set(series.attributes))
        if missing:
            raise DataError(f"'{series.name}' lacks the attribute '{missing[0]}'.")
        cut = series.head(self.longest)
        columns = []
        for feature, x in zip(self.features, cut.values.T, strict=True):
            columns.append(feature.within(x.astype(np.float64)))
        attributes = {}
        for name, categories in self.attributes.items():
            labels = cut.attributes[name].astype(str)
            known = labels.where(labels.isin(categories), categories[0])
            attributes[name] = pd.Categorical(known, list(categories))
        frame = pd.DataFrame(attributes, index=range(len(cut)))
        if cut.group is not None:
            frame[cut.group] = cut.attributes[cut.group].to_numpy()
        values = np.stack(columns, axis=1).astype(np.float32)
        return replace(
            cut,
            values=values,
            attributes=frame,
            label=cut.label if cut.label in self.attributes else None,
        )
