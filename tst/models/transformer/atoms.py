"""Numbers of which single values are common: the size of an acknowledgement, a limit that is set.

A density has no place for a value that thousands of rows share, and samples beside it tell a
synthetic set from a real one at a glance. Which of the common values a number is, or none, is
therefore a category of its own, drawn before the number (a mixed distribution); the number itself
is learned from the rows that have none of them. Of interpolated readings the category also tells
whether a step is held, or goes on by the change before (`tst.models.transformer.lines`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tst.models.transformer.feature_encoding import (
    MAX_EXACT,
    MAX_FRACTIONS,
    MAX_OFF,
    common_gap,
)
from tst.models.transformer.lines import Line, ahead, before
from tst.series import Feature, SeriesSet, n_holders

MAX_ATOMS = 256  # of a number; the most common
FEW = 64  # values, of which none has to stand out
MIN_HOLDERS = 3  # series that have a value, and as a share of all: else it is one of theirs
MIN_HOLDING = 0.01
MIN_ROWS = 5  # that have a value, and as a share of all
MIN_SHARE = 0.0002
MIN_TOGETHER = 0.1  # share of the rows that all atoms of a number have
# Times the rows of a typical place nearby that an atom has; so many places count as near.
STANDS_OUT = 3
N_NEAR = 8
N_DEVIATIONS = 8  # by which it exceeds them, as rows vary by chance
MAX_LISTED = 32  # values that are a list: status codes, doses, sizes of a shop
MAX_DECIMALS = 4  # with which they are written
LISTED = 0.99  # share of the rows that the values of a list have
MIN_BESIDE = 20  # rows of either value beside a place that a list leaves out
HELD, GOES_ON = 1, 2  # categories of interpolated readings


@dataclass(frozen=True, kw_only=True)
class Atoms:
    """What a category tells of a measurement: 0 nothing, then which common value it is.

    Parameters
    ----------
    column
        Its place among the measurements, without the categories that tell of them.
    values
        The common values, increasing.
    line
        Of interpolated readings, which have no common values: how these lie on lines; two
        categories tell that a value is held, and that it goes on. None of others.
    """

    column: int
    values: tuple[float, ...] = ()
    line: Line | None = None

    def __post_init__(self) -> None:
        is_increasing = list(self.values) == sorted(set(self.values))
        is_finite = all(math.isfinite(value) for value in self.values)
        tells_one = (len(self.values) > 0) != (self.line is not None)
        if not (self.column >= 0 and tells_one and is_increasing and is_finite):
            raise ValueError(f"the common values of measurement {self.column} are none")

    @property
    def n_categories(self) -> int:
        """Number of categories, the one that tells nothing among them."""
        return 1 + (len(self.values) if self.line is None else 2)

    def codes(self, x: np.ndarray, n_before: np.ndarray) -> np.ndarray:
        """Return the categories of numbers.

        Parameters
        ----------
        x
            float, (..., n_steps).
        n_before
            int, (n_steps,): steps of the series before each.
        """
        if self.line is None:
            values = np.array(self.values, dtype=x.dtype)
            place = np.searchsorted(values, x).clip(max=len(values) - 1)
            return np.where(values[place] == x, place + 1, 0)
        slack = self.line.slack
        goes_on = np.abs(x - ahead(x, n_before, slack)) <= slack
        codes = np.where(goes_on, GOES_ON, 0)
        codes[x == before(x, n_before)] = HELD
        return codes


def find_atoms(series: SeriesSet, columns: Sequence[int]) -> tuple[Atoms, ...]:
    """Return the common values of those of these columns that have some, in order."""
    return _atoms(series, columns, common_values)


def find_lists(series: SeriesSet, columns: Sequence[int]) -> tuple[Atoms, ...]:
    """Return the values of those of these columns that take a few only, with gaps, in order.

    Between 200, 404 and 500 nothing lies: where frequent values leave out places between them, a
    number beside them is none of its measurement.
    """
    return _atoms(series, columns, listed_values)


def _atoms(
    series: SeriesSet,
    columns: Sequence[int],
    values_of: Callable[[np.ndarray, SeriesSet], np.ndarray],
) -> tuple[Atoms, ...]:
    """Return the values that are found in those of these columns that have some, in order."""
    found = []
    for column in columns:
        if series.features[column].kind == "categorical":
            continue
        values = values_of(series.values[:, column], series)
        if len(values):
            found.append(Atoms(column=column, values=tuple(values.astype(float).tolist())))
    return tuple(found)


def common_values(x: np.ndarray, series: SeriesSet) -> np.ndarray:
    """Return the values of a measurement, (rows,), that stand out in several series, increasing."""
    values, inverse, n_rows = np.unique(x, return_inverse=True, return_counts=True)
    if len(values) < 2:
        return values[:0]
    n_series = len(series)
    of_series = n_holders(inverse, series.series_index, len(values))
    is_common = n_rows >= max(MIN_ROWS, MIN_SHARE * len(x))
    is_common &= of_series >= max(MIN_HOLDERS, MIN_HOLDING * n_series)
    if len(values) > FEW:
        chosen = np.flatnonzero(is_common)
        near = _rows_nearby(values, n_rows, chosen)
        by_chance = near + N_DEVIATIONS * np.sqrt(near + 1)
        is_common[chosen] = n_rows[chosen] >= np.maximum(STANDS_OUT * near, by_chance)
    elif _is_filled(values):
        return values[:0]
    if n_rows[is_common].sum() < MIN_TOGETHER * len(x):
        return values[:0]
    chosen = np.flatnonzero(is_common)
    most = chosen[np.argsort(-n_rows[chosen], kind="stable")[:MAX_ATOMS]]
    return values[np.sort(most)]


def listed_values(x: np.ndarray, series: SeriesSet) -> np.ndarray:
    """Return the few values that nearly all rows of a measurement have, increasing, or none."""
    values, inverse, n_rows = np.unique(x, return_inverse=True, return_counts=True)
    if not 2 <= len(values) <= MAX_LISTED:
        return values[:0]
    units = series.units[series.series_index]
    is_held = n_holders(inverse, units, len(values)) >= MIN_HOLDERS
    values, n_rows = values[is_held], n_rows[is_held]
    if len(values) < 2 or n_rows.sum() < LISTED * len(x):
        return values[:0]
    is_wide = np.diff(values.astype(np.float64)) > 1.5 * _step(values)
    is_frequent = np.minimum(n_rows[1:], n_rows[:-1]) >= MIN_BESIDE
    if not np.any(is_wide & is_frequent):
        return values[:0]
    return values


def _step(values: np.ndarray) -> float:
    """Return of what values are multiples as they are written, else how near the nearest are."""
    is_small = np.abs(values).max() < MAX_EXACT / 10**MAX_DECIMALS
    for decimals in range((MAX_DECIMALS + 1) * bool(is_small)):
        steps = np.round(values.astype(np.float64) * 10**decimals)
        if np.array_equal((steps / 10**decimals).astype(values.dtype), values):
            return float(np.gcd.reduce(steps.astype(np.int64))) / 10**decimals
    return float(np.diff(values.astype(np.float64)).min())


def _rows_nearby(values: np.ndarray, n_rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the median rows of the places around chosen values, float (n_chosen,).

    Of values on an even grid, as whole numbers, tens or tenths are, a place without rows counts;
    of others, the values beside it are its places.
    """
    away = np.delete(np.arange(N_NEAR + 1) - N_NEAR // 2, N_NEAR // 2)
    place = _even_places(values, n_rows)
    near = place[chosen][:, None] + away  # (n_chosen, N_NEAR)
    found = np.searchsorted(place, near).clip(max=len(place) - 1)
    rows = np.where(place[found] == near, n_rows[found], 0.0)
    rows[(near < place[0]) | (near > place[-1])] = np.nan
    return np.nanmedian(rows, axis=1)


def _even_places(values: np.ndarray, n_rows: np.ndarray) -> np.ndarray:
    """Return the numbers of the places of values, int64 (n_values,), increasing.

    Where more than a few rows lie beside their grid, the values are numbered one after another.
    """
    values = values.astype(np.float64)
    step = common_gap(values)
    number = (values - values[0]) / step
    place = np.rint(number).astype(np.int64)
    is_beside = np.abs(number - place) > MAX_OFF
    if n_rows[is_beside].sum() > MAX_FRACTIONS * n_rows.sum():
        return np.arange(len(values))
    return place


def _is_filled(values: np.ndarray) -> bool:
    """Tell whether at least half of the places of an even grid are values: a count, a scale."""
    values = values.astype(np.float64)
    return bool(len(values) > 0.5 * ((values[-1] - values[0]) / common_gap(values) + 1))


def with_codes(features: Sequence[Feature], atoms: Sequence[Atoms]) -> tuple[Feature, ...]:
    """Return the measurements with, before each that has atoms, which of them it is."""
    own = {one.column for one in atoms}
    taken = {feature.name for feature in features}
    found: list[Feature] = []
    for column, feature in enumerate(features):
        if column in own:
            name = f"{feature.name} is"
            while name in taken:
                name += " it"
            taken.add(name)
            found.append(Feature(name, "categorical"))
        found.append(feature)
    return tuple(found)


def split(
    values: np.ndarray, atoms: Sequence[Atoms], n_before: np.ndarray | None = None
) -> np.ndarray:
    """Return values (..., n_steps, n_features) with the codes of atoms, as `with_codes` has them.

    `n_before` is as in `Atoms.codes`; None: the steps are those of one series.
    """
    if not atoms:
        return values
    if n_before is None:
        n_before = np.arange(values.shape[-2])
    columns = [one.column for one in atoms]
    codes = [one.codes(values[..., one.column], n_before) for one in atoms]
    return np.insert(values, columns, np.stack(codes, axis=-1).astype(values.dtype), axis=-1)


def joined(values: np.ndarray, atoms: Sequence[Atoms]) -> np.ndarray:
    """Return values without the codes of atoms; inverts `split`."""
    return np.delete(values, code_columns(atoms), axis=-1) if atoms else values


def code_columns(atoms: Sequence[Atoms]) -> list[int]:
    """Return where, among all that is learned, the codes stand; the number is behind each."""
    return [one.column + i for i, one in enumerate(atoms)]


def split_set(series: SeriesSet, atoms: Sequence[Atoms]) -> SeriesSet:
    """Return a set with the codes of its atoms."""
    if not atoms:
        return series
    features = with_codes(series.features, atoms)
    values = split(series.values, atoms, series.step_index)
    return replace(series, values=values, features=features)
