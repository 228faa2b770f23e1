"""Measurements that repeat another one of their step, exactly or nearly.

Independent noise in two columns that are equal, or as good as equal, tells a synthetic set from a
real one at a glance (Close and Adj_Close of a share; mean and maximum of a memory that hardly
moves). An exact copy is not learned; of a near one the difference is learned, with a level and a
spread of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tst.io import mapped
from tst.models.transformer.feature_encoding import FeatureEncoder, is_atom
from tst.series import Feature, SeriesSet

# Spread of a difference, as a share of the lesser of both spreads, up to which one is near another.
NEARLY = 0.2


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A measurement that repeats an earlier one.

    Parameters
    ----------
    column, of
        Its place among the measurements, and that of the other.
    exact
        Whether they are equal in all steps.
    low, high
        Range of its values, which a restored one does not leave.
    """

    column: int
    of: int
    exact: bool
    low: float
    high: float

    def __post_init__(self) -> None:
        is_range = math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high
        if not (0 <= self.of < self.column and is_range):
            raise ValueError(f"measurement {self.column} cannot repeat measurement {self.of}")


def find_twins(series: SeriesSet, part: SeriesSet, repeats: np.ndarray) -> tuple[Twin, ...]:
    """Return the measurements of a training set that repeat an earlier one, in order.

    Parameters
    ----------
    series, part
        The set, and an excerpt by which near ones are found; exact ones are so in all of the set.
    repeats
        bool, (rows of the excerpt, n_features): values that equal the step before.
    """
    values = part.values.astype(np.float64)
    gap = _gaps(values)
    is_plain = np.array([_is_plain(part, x, repeats[:, f], f) for f, x in enumerate(values.T)])
    is_whole = (values == np.round(values)).all(0)
    twins = []
    for column in range(1, series.n_features):
        of = _equal_to(series, part, column)
        is_exact = of is not None
        if of is None and is_plain[column]:
            fits = is_plain[:column] & (is_whole[:column] == is_whole[column])
            of = _nearest(np.where(fits, gap[column, :column], np.inf))
        if of is not None:
            low = float(values[:, column].min())
            high = float(values[:, column].max())
            twins.append(Twin(column=column, of=of, exact=is_exact, low=low, high=high))
    return tuple(twins)


def _nearest(gap: np.ndarray) -> int | None:
    """Return the measurement with the least gap, (columns,), None where none is near."""
    of = int(np.argmin(gap))
    return of if gap[of] <= NEARLY else None


def _gaps(values: np.ndarray) -> np.ndarray:
    """Return the spread of each difference over the lesser of both, float (columns, columns)."""
    covariance = np.atleast_2d(np.cov(values, rowvar=False, bias=True))
    variance = covariance.diagonal()
    of_difference = variance[:, None] + variance - 2 * covariance
    least = np.minimum(variance[:, None], variance)
    ratio = np.full(covariance.shape, np.inf)
    np.divide(of_difference.clip(min=0), least, out=ratio, where=least > 0)
    return np.sqrt(ratio)


def _is_plain(part: SeriesSet, x: np.ndarray, is_repeat: np.ndarray, f: int) -> bool:
    """Tell whether differences of measurement f, (rows,), can stand for its values.

    They cannot where it is a category or is taken to logarithms (differences grow with its level),
    or where values pile up: it repeats the step before, or its least or greatest, while another
    moves.
    """
    if part.features[f].kind == "categorical" or x.min() == x.max():
        return False
    if FeatureEncoder.fit(x, is_repeat, categorical=False).offset is not None:
        return False
    return not (is_atom(is_repeat) or is_atom(x == x.min()) or is_atom(x == x.max()))


def _equal_to(series: SeriesSet, part: SeriesSet, column: int) -> int | None:
    """Return the first measurement that a later one equals in all steps, None where none does."""
    same = (part.values[:, :column] == part.values[:, column, None]).all(0)
    for of in np.flatnonzero(same).tolist():
        is_kind = series.features[of].kind == series.features[column].kind
        if is_kind and _are_equal(series.values, of, column):
            return of
    return None


def _are_equal(values: np.ndarray, a: int, b: int) -> bool:
    """Tell whether two columns of values that may be larger than memory are equal."""
    for block in mapped.blocks(values):
        if (values[block, a] != values[block, b]).any():
            return False
    return True


def learned_set(series: SeriesSet, twins: Sequence[Twin]) -> SeriesSet:
    """Return a set with the measurements that a model learns."""
    if not twins:
        return series
    return replace(
        series,
        values=learned_values(series.values, twins),
        features=learned_features(series.features, twins),
    )


def learned_features(features: Sequence[Feature], twins: Sequence[Twin]) -> tuple[Feature, ...]:
    """Return the measurements that a model learns: no exact copy, differences under such a name."""
    learned = {column: feature for column, feature in enumerate(features)}
    for twin in twins:
        if twin.exact:
            del learned[twin.column]
        else:
            feature = features[twin.column]
            name = f"{feature.name} - {features[twin.of].name}"
            learned[twin.column] = replace(feature, name=name)
    return tuple(learned.values())


def learned_values(values: np.ndarray, twins: Sequence[Twin]) -> np.ndarray:
    """Return what a model learns of values (..., n_features): (..., number of learned ones)."""
    learned = values.copy()
    copies = []
    for twin in twins:
        if twin.exact:
            copies.append(twin.column)
        else:
            learned[..., twin.column] = values[..., twin.column] - values[..., twin.of]
    return np.delete(learned, copies, axis=-1)


def learned_largest(largest: np.ndarray, twins: Sequence[Twin]) -> np.ndarray:
    """Return the greatest absolute value, (n_features,), behind each learned measurement."""
    found = largest.copy()
    for twin in twins:
        found[twin.column] = max(largest[twin.column], largest[twin.of])
    return np.delete(found, [twin.column for twin in twins if twin.exact])


def restored_values(learned: np.ndarray, twins: Sequence[Twin]) -> np.ndarray:
    """Return the values (rows, n_features) of learned ones; inverts `learned_values`."""
    values = learned
    for twin in twins:  # in order: what one repeats stands before it
        if twin.exact:
            values = np.insert(values, twin.column, values[:, twin.of], axis=1)
        else:
            values = values.copy()
            value = values[:, twin.column] + values[:, twin.of]
            values[:, twin.column] = np.clip(value, twin.low, twin.high)
    return values
