"""From a SeriesSet to scaled numbers, and back.

Each measurement is transformed (`tst.models.transformer.feature_encoding`), then centred (loc) and
divided by its spread (scale), over all series or, where series are long enough to have their own,
within each. In that case each series' loc and log scale are attributes that the model generates:
without them the spread between series halves. Series that are too short for that are centred by
what their attributes tell of their level.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from tst.errors import DataError
from tst.io.untrusted import from_mapping
from tst.models.attributes import SeriesFacts, from_codes, known_categories
from tst.models.transformer import atoms, levels, lines
from tst.models.transformer.atoms import Atoms
from tst.models.transformer.feature_encoding import FeatureEncoder
from tst.models.transformer.twins import (
    Twin,
    find_twins,
    learned_features,
    learned_largest,
    learned_set,
    learned_values,
    restored_values,
)
from tst.series import SeriesSet

# Series with fewer steps (one in twenty may have) have no location and scale of their own.
MIN_OWN_STEPS = 16
MAX_FITTED = 2**21  # values of a set, above which transforms and scales are an excerpt's
MARGIN = 0.02  # of a measurement's range, by which samples may leave it
# Share of a measurement's spread that its scale is at least: of one that attributes decide wholly,
# what they leave is rounding.
LEAST_REST = 1e-3
# Share of the values at one bound above which a measurement has no level of its own in a series: it
# is that bound, now and then something else.
MOSTLY = 0.5
# How many times as far the means of series (in variance) and their spreads (in standard deviation)
# scatter as those of independent steps would, up to which series have no level of their own.
BY_CHANCE = 2.0
MIN_SCATTERED = 10  # series; the scatter of fewer says little


@dataclass(frozen=True, kw_only=True)
class SeriesEncoder:
    """All that is known of a training set beside the model's weights; JSON holds it.

    Parameters
    ----------
    facts
        What generated sets take over.
    categories
        {attribute: its categories} of the modelled ones.
    twins
        Measurements of the set that repeat another one, exactly or nearly. All that follows is of
        the measurements as they are learned: without exact repeats, and with differences.
    feature_encoders
        One a measurement.
    per_series
        Whether each series is scaled by its own loc and scale.
    shared
        Measurements that, even so, are scaled alike in all series: most of their values are one
        bound, they take a few values only or tell which, or series differ as parts of one noise do.
    atoms
        What categories tell of measurements, as they are learned: that interpolated readings are
        held or go on, and which common value it is, where series have no loc and scale of their own
        or it takes a few only; the category stands before the measurement.
    loc, scale
        Mean and standard deviation of each transformed measurement over all rows; with levels, of
        what these leave of it: a long series counts as often as it has rows.
    y_low, y_high
        Range of the transformed measurements.
    z_low, z_high
        Range of the scaled ones.
    own_loc, own_scale
        Mean and standard deviation, over the series, of their locs and log scales (2 * n_features).
    min_scale
        Least scale of a series, each measurement.
    highest_mean
        Of a measurement that is taken to logarithms, the highest mean of a series, in data units,
        that the training set gives evidence of; None of others, and where not per_series.
    fixed_length
        Steps of all series, or 0 where lengths vary.
    longest
        Steps of the longest.
    log_length
        Mean and standard deviation of the logarithm of lengths, where a series' length is drawn
        with its attributes; None where it is not.
    levels
        What each category of each attribute adds to `loc`, (n_categories, n_features) each, as
        series tell it, long or short; empty where series have their own.
    """

    facts: SeriesFacts
    categories: dict[str, list[Any]]
    twins: tuple[Twin, ...]
    feature_encoders: tuple[FeatureEncoder, ...]
    per_series: bool
    loc: tuple[float, ...]
    scale: tuple[float, ...]
    y_low: tuple[float, ...]
    y_high: tuple[float, ...]
    z_low: tuple[float, ...]
    z_high: tuple[float, ...]
    own_loc: tuple[float, ...]
    own_scale: tuple[float, ...]
    min_scale: tuple[float, ...]
    highest_mean: tuple[float | None, ...]
    fixed_length: int
    longest: int
    log_length: tuple[float, float] | None = None
    levels: tuple[tuple[tuple[float, ...], ...], ...] = ()
    shared: tuple[int, ...] = ()
    atoms: tuple[Atoms, ...] = ()

    def __post_init__(self) -> None:
        n_plain = len(self.facts.features) - sum(twin.exact for twin in self.twins)
        n_features = n_plain + len(self.atoms)
        columns = [twin.column for twin in self.twins]
        each = (self.loc, self.scale, self.y_low, self.y_high, self.z_low, self.z_high)
        twice = (self.own_loc, self.own_scale)
        highest = [mean for mean in self.highest_mean if mean is not None]
        numbers = (*each, self.min_scale, *twice, highest, self.log_length or ())
        fits = (
            n_features > 0
            and columns == sorted(set(columns))
            and columns[-1:] < [len(self.facts.features)]
            and len(self.feature_encoders) == n_features
            and all(len(part) == n_features for part in (*each, self.min_scale, self.highest_mean))
            and all(len(part) == 2 * n_features for part in twice)
            and all(math.isfinite(number) for part in numbers for number in part)
            and (self.log_length is None or self.log_length[1] > 0)
            and self._has_fitting_levels()
            and self._has_fitting_atoms(n_plain)
            and set(self.shared) <= set(range(n_features))
        )
        if not fits:
            raise ValueError("its parts do not fit each other")

    def _has_fitting_atoms(self, n_plain: int) -> bool:
        """Tell whether categories of atoms stand where they must, of n_plain measurements."""
        columns = [one.column for one in self.atoms]
        if columns != sorted(set(columns)) or columns[-1:] >= [n_plain]:
            return not columns
        fits = True
        for one, code in zip(self.atoms, atoms.code_columns(self.atoms), strict=True):
            fits &= self.feature_encoders[code].n_categories == one.n_categories
            fits &= self.feature_encoders[code + 1].n_categories == 0
        return fits

    def _has_fitting_levels(self) -> bool:
        """Tell whether there is a finite level of each category and measurement, or none."""
        if not self.levels:
            return True
        fits = [len(part) for part in self.levels] == [len(c) for c in self.categories.values()]
        for part in self.levels:
            fits &= all(len(row) == len(self.loc) for row in part)
            fits &= all(math.isfinite(number) for row in part for number in row)
        return fits

    @classmethod
    def fit(cls, series: SeriesSet, attributes: bool = True, lengths: bool = False) -> Self:
        """Return the encoder of a training set, of a large one by an excerpt.

        Ranges, categories and lengths are the whole set's.

        Parameters
        ----------
        attributes
            Without, neither attributes nor the loc and scale of each series are modelled (an
            ablation).
        lengths
            Whether lengths, where they vary, are drawn with the attributes.

        Raises
        ------
        DataError
            Where an attribute has missing values.
        """
        whole = series
        series = series.excerpt(MAX_FITTED)
        facts = SeriesFacts.of(series)
        twins = find_twins(whole, series, exact_repeats(series))
        largest = learned_largest(np.abs(series.values).max(0), twins)
        series = learned_set(series, twins)
        is_long = bool(attributes and np.quantile(whole.lengths, 0.05) >= MIN_OWN_STEPS)
        common = _interpolated(series, largest)
        common += _common_values(series, twins, common, is_long)
        common = tuple(sorted(common, key=lambda one: one.column))
        series = atoms.split_set(series, common)
        feature_encoders = _fit_features(series, common)
        y = _transformed(feature_encoders, series)
        loc = y.mean(0)
        scale = _one_where_zero(y.std(0))
        series_loc, series_scale = _series_moments(y, series)
        typical = np.array([_positive_median(column) for column in series_scale.T])
        min_scale = np.maximum(0.01 * typical, LEAST_REST * scale)
        own = np.concatenate([series_loc, np.log(np.maximum(series_scale, min_scale))], axis=1)
        categories = known_categories(whole) if attributes else {}
        is_shared = np.ones(len(feature_encoders), dtype=bool)
        if is_long:
            is_shared = _without_level(series, feature_encoders, common)
            is_shared |= _by_chance(y, series, series_loc, series_scale)
        shared = tuple(np.flatnonzero(is_shared).tolist())
        per_series = not is_shared[y.var(0) > 0].all()  # what is constant has no level to draw
        found: list[np.ndarray] = []
        if per_series:
            moments = series_loc, np.maximum(series_scale, min_scale)
            moments = _shared(moments, shared, loc, scale)
        else:
            found = _levels(y, series, categories)
            told = _told(found, _codes_of(series, categories), len(loc))
            rest = y - told[series.series_index]
            loc = rest.mean(0)
            scale = _one_where_zero(np.maximum(rest.std(0), LEAST_REST * y.std(0)))
            moments = told + loc, np.tile(scale, (len(series), 1))
        z = _scaled(feature_encoders, y, series, *moments)
        longest = int(whole.lengths.max())
        has_one_length = bool((whole.lengths == longest).all())
        log_length = None
        if lengths and attributes and not has_one_length:
            logs = np.log(whole.lengths)
            log_length = (float(logs.mean()), float(logs.std()))
        return cls(
            facts=facts,
            categories=categories,
            twins=twins,
            feature_encoders=feature_encoders,
            per_series=per_series,
            loc=_floats(loc),
            scale=_floats(scale),
            y_low=_floats(y.min(0)),
            y_high=_floats(y.max(0)),
            z_low=_floats(z.min(0)),
            z_high=_floats(z.max(0)),
            own_loc=_floats(own.mean(0)),
            own_scale=_floats(_one_where_zero(own.std(0))),
            min_scale=_floats(min_scale),
            highest_mean=_highest_means(series, feature_encoders, per_series),
            fixed_length=longest if has_one_length else 0,
            longest=longest,
            log_length=log_length,
            levels=tuple(tuple(map(_floats, part)) for part in found),
            shared=shared if per_series else (),
            atoms=common,
        )

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the encoder of a mapping that JSON held, as `dataclasses.asdict` makes it."""
        return from_mapping(cls, mapping)

    @property
    def n_features(self) -> int:
        """Number of measurements a step, as they are learned."""
        return len(self.feature_encoders)

    @property
    def n_categories(self) -> list[int]:
        """Categories of each measurement of the set, 0 of a number."""
        codes = atoms.code_columns(self.atoms)
        encoders = enumerate(self.feature_encoders)
        counts = [encoder.n_categories for f, encoder in encoders if f not in codes]
        for twin in self.twins:
            if twin.exact:
                counts.insert(twin.column, counts[twin.of])
        return counts

    @property
    def n_told_by(self) -> int:
        """Steps before a value by which it is told whether it is held or goes on."""
        return 2 if any(one.line is not None for one in self.atoms) else 1

    @property
    def own(self) -> list[int]:
        """Numbers of an attribute row's loc and scale: of measurements with their own, both."""
        if not self.per_series:
            return []
        own = [f for f in range(self.n_features) if f not in self.shared]
        return own + [self.n_features + f for f in own]

    def learned(self, series: SeriesSet) -> SeriesSet:
        """Return a set with the measurements as they are learned; one that has them is returned.

        What else takes a set takes it either way.
        """
        features = learned_features(self.facts.features, self.twins)
        features = atoms.with_codes(features, self.atoms)
        is_learned = series.feature_names == [feature.name for feature in features]
        if is_learned:
            return series
        return atoms.split_set(learned_set(series, self.twins), self.atoms)

    def learned_values(self, values: np.ndarray) -> np.ndarray:
        """Return what `learned` has of values (..., steps of a series, features of the set)."""
        values = values.astype(np.float32)  # as those of a set: a step that is held is equal
        return atoms.split(learned_values(values, self.twins), self.atoms)

    def restored_values(self, learned: np.ndarray) -> np.ndarray:
        """Return the set's values (rows, .) of learned ones; inverts `learned_values`."""
        return restored_values(atoms.joined(learned, self.atoms), self.twins)

    def is_atom(self, values: np.ndarray) -> np.ndarray:
        """Tell where learned values are those that their category tells; of that shape."""
        found = np.zeros(values.shape, dtype=bool)
        for code in atoms.code_columns(self.atoms):
            found[..., code + 1] = values[..., code] > 0
        return found

    def series_loc_scale(self, series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
        """Return (loc, scale) of each series, transformed: float64 (n_series, n_features) each."""
        if not self.per_series:
            return self.told_loc_scale(self.codes_of(series))
        y = _transformed(self.feature_encoders, self.learned(series))
        loc, scale = _series_moments(y, series)
        moments = loc, np.maximum(scale, self.min_scale)
        return _shared(moments, self.shared, np.array(self.loc), np.array(self.scale))

    def told_loc_scale(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what `series_loc_scale` does where series have none of their own.

        Parameters
        ----------
        codes
            int, (n_series, len(categories)).
        """
        loc = _told([np.array(part) for part in self.levels], codes, self.n_features)
        loc += np.array(self.loc)
        return loc, np.tile(self.scale, (len(codes), 1))

    def codes_of(self, series: SeriesSet) -> np.ndarray:
        """Return the codes of the attributes, int64 (n_series, len(categories)).

        Raises
        ------
        DataError
            Where a category does not occur in the training set.
        """
        return _codes_of(series, self.categories)

    def scaled(self, series: SeriesSet, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return the scaled values, float64 (rows, n_features); categories stay codes.

        Parameters
        ----------
        loc, scale
            As `series_loc_scale` returns them.
        """
        y = _transformed(self.feature_encoders, self.learned(series))
        return _scaled(self.feature_encoders, y, series, loc, scale)

    def rounded_to_support(
        self, f: int, z: torch.Tensor, loc: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """Return the values of scaled samples, rounded and bounded as their measurement asks for.

        Parameters
        ----------
        f
            Which measurement they are of.
        z, loc, scale
            float, (rows,) each: scaled samples, and how their series are scaled.

        Returns
        -------
        float, (rows,), in data units.
        """
        encoder = self.feature_encoders[f]
        if encoder.n_categories:
            return z
        bounded = _within(z, self.z_low[f], self.z_high[f])
        y = _within(torch.addcmul(loc, scale, bounded), self.y_low[f], self.y_high[f])
        return encoder.inverse(y)

    def scaled_values(
        self, f: int, value: torch.Tensor, loc: torch.Tensor, scale: torch.Tensor
    ) -> torch.Tensor:
        """Return the scaled values of measurement f, float (rows,); see `rounded_to_support`."""
        encoder = self.feature_encoders[f]
        if encoder.n_categories:
            return value
        return (encoder.forward_tensor(value) - loc) / scale

    def is_evident(self, series: SeriesSet) -> np.ndarray:
        """Tell which series have no mean above the highest that is known of, bool (n_series,).

        On a logarithmic scale a rare level or spread, each by itself as real series have it, makes
        a series of which a handful would have most of a set's values.
        """
        highest = np.array(self.highest_mean, dtype=np.float64)  # NaN where there is none
        is_above: np.ndarray = _series_means(self.learned(series).values, series) > highest
        return ~np.any(is_above, axis=1)

    def standardised(self, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return the series' locs and scales as attributes; `from_standardised` is the inverse.

        Parameters
        ----------
        loc, scale
            float64, (n_series, n_features) each.

        Returns
        -------
        float64, (n_series, len(own)).
        """
        both = np.concatenate([loc, np.log(scale)], axis=1)
        standard = (both - np.array(self.own_loc)) / np.array(self.own_scale)
        own: np.ndarray = standard[:, self.own]
        return own

    def from_standardised(self, attributes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (loc, scale) of attributes, float (n_series, len(own)); both (., n_features)."""
        standard = np.zeros((len(attributes), 2 * self.n_features))
        standard[:, self.own] = attributes
        both = standard * np.array(self.own_scale) + np.array(self.own_loc)
        loc, log_scale = np.split(both, 2, axis=1)
        moments = loc, np.maximum(np.exp(log_scale), self.min_scale)
        return _shared(moments, self.shared, np.array(self.loc), np.array(self.scale))

    def moments_of(self, drawn: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Return the location and scale among drawn attributes (n_series, n_attributes)."""
        n_codes = len(self.categories)
        codes = drawn[:, n_codes : n_codes + len(self.own)].cpu().numpy().astype(np.float64)
        return self.from_standardised(codes)

    def length_target(self, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return lengths, int (n_series,), as an attribute, and the interval that rounds to each.

        Returns
        -------
        value, lower, upper
            float64, (n_series,) each.
        """
        mean, std = self._log_length()
        value, lower, upper = (
            (np.log(n) - mean) / std for n in (lengths, lengths - 0.5, lengths + 0.5)
        )
        return value, lower, upper

    def lengths_of(self, attribute: np.ndarray) -> np.ndarray:
        """Return the lengths of drawn attributes, float (n_series,): int64, 1 to `longest`."""
        mean, std = self._log_length()
        lengths = np.round(np.exp(attribute.astype(np.float64) * std + mean))
        return np.clip(lengths, 1, self.longest).astype(np.int64)

    def _log_length(self) -> tuple[float, float]:
        if self.log_length is None:
            raise ValueError("this encoder draws no lengths")
        return self.log_length

    def to_series(
        self, values: np.ndarray, lengths: np.ndarray, codes: np.ndarray, model: str
    ) -> SeriesSet:
        """Return the SeriesSet of generated values and attribute codes.

        Parameters
        ----------
        values
            float, (sum of lengths, n_features), in data units, as they are learned.
        codes
            int, (n_series, len(categories)).
        model
            Key of the generator.
        """
        values = self.restored_values(values)
        return self.facts.to_series(values, lengths, from_codes(codes, self.categories), model)


def _interpolated(series: SeriesSet, largest: np.ndarray) -> tuple[Atoms, ...]:
    """Return what tells of the measurements of a learned set that are interpolated, in order.

    `largest`, (n_features,), is as in `lines.line_of`.
    """
    found = []
    for column in range(series.n_features):
        line = lines.line_of(series, column, float(largest[column]))
        if line is not None:
            found.append(Atoms(column=column, line=line))
    return tuple(found)


def _common_values(
    series: SeriesSet, twins: Sequence[Twin], interpolated: Sequence[Atoms], is_long: bool
) -> tuple[Atoms, ...]:
    """Return the common values of a set as it is learned, of other numbers that move.

    One that is often held would be torn from its value by a category that is drawn at each step. A
    difference has none. In long series, which have levels of their own, only what takes a few
    values and no others has some.
    """
    copies = np.array([twin.column for twin in twins if twin.exact], dtype=np.int64)
    told = [one.column for one in interpolated]
    for twin in twins:
        if not twin.exact:
            told.append(twin.column - int(np.count_nonzero(copies < twin.column)))
    if is_long:
        return atoms.find_lists(series, [f for f in range(series.n_features) if f not in told])
    columns = []
    for column, encoder in enumerate(_fit_features(series, ())):
        if column not in told and not encoder.repeats:
            columns.append(column)
    return atoms.find_atoms(series, columns)


def _fit_features(series: SeriesSet, told: Sequence[Atoms]) -> tuple[FeatureEncoder, ...]:
    """Return the encoder of each measurement of a training set."""
    categories = dict(zip(atoms.code_columns(told), told, strict=True))
    interpolated = {code + 1 for code, one in categories.items() if one.line is not None}
    repeats = exact_repeats(series)
    units = series.units[series.series_index]
    encoders = []
    for f, feature in enumerate(series.features):
        values = series.values[:, f].astype(np.float64)
        is_categorical = feature.kind == "categorical"
        if f in categories:
            encoders.append(FeatureEncoder(n_categories=categories[f].n_categories))
            continue
        is_line = f in interpolated
        # A category tells what is held: no gate.
        is_repeat = repeats[:, f] & (not is_line)
        encoders.append(FeatureEncoder.fit(values, is_repeat, is_categorical, is_line, units))
    return tuple(encoders)


def exact_repeats(series: SeriesSet) -> np.ndarray:
    """Return whether each value equals the one of the step before, bool (rows, n_features)."""
    same = np.zeros(series.values.shape, dtype=bool)
    same[1:] = series.values[1:] == series.values[:-1]
    same[series.offsets[:-1]] = False
    return same


def _transformed(encoders: Sequence[FeatureEncoder], series: SeriesSet) -> np.ndarray:
    """Return the transformed values, float64 (rows, n_features)."""
    columns = zip(encoders, series.values.T, strict=True)
    return np.stack([encoder.forward(x) for encoder, x in columns], axis=1)


def _scaled(
    encoders: Sequence[FeatureEncoder],
    y: np.ndarray,
    series: SeriesSet,
    loc: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """Return transformed values y (rows, n_features) scaled; categories stay codes."""
    rows = series.series_index
    is_categorical = np.array([encoder.n_categories > 0 for encoder in encoders])
    return np.where(is_categorical, y, (y - loc[rows]) / scale[rows])


def _codes_of(series: SeriesSet, categories: Mapping[str, Sequence[Any]]) -> np.ndarray:
    """Return the codes of a set's attributes, int64 (n_series, n_attributes)."""
    codes = np.zeros((len(series), len(categories)), dtype=np.int64)
    for i, (name, known) in enumerate(categories.items()):
        codes[:, i] = pd.Index(known).get_indexer(series.attributes[name].astype(object))
    if (codes < 0).any():
        raise DataError(
            f"'{series.name}' has a category that the training set lacks; leave those series out."
        )
    return codes


def _levels(
    y: np.ndarray, series: SeriesSet, categories: Mapping[str, Sequence[Any]]
) -> list[np.ndarray]:
    """Return what each category adds to the level of a series, (n_categories, n_features) each.

    Nothing to a measurement whose first values would then differ more: it begins at one place, and
    goes its ways from there.
    """
    codes = _codes_of(series, categories)
    found = levels.effects(_series_means(y, series), codes, [*map(len, categories.values())])
    if not found:
        return []
    first = y[series.offsets[:-1]]
    is_told = (first - levels.total(found, codes)).std(0) < first.std(0)
    return [part * is_told for part in found]


def _told(parts: Sequence[np.ndarray], codes: np.ndarray, n_features: int) -> np.ndarray:
    """Return the levels of series of these codes, float64 (n_series, n_features); no parts: 0."""
    return levels.total(parts, codes) if parts else np.zeros((len(codes), n_features))


def _shared(
    moments: tuple[np.ndarray, np.ndarray],
    shared: Sequence[int],
    loc: np.ndarray,
    scale: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each series' moments, (n_series, n_features) each, of some measurements all series'.

    `loc` and `scale`, (n_features,) each, are those of all series.
    """
    columns = list(shared)
    own_loc, own_scale = (part.copy() for part in moments)
    own_loc[:, columns] = loc[columns]
    own_scale[:, columns] = scale[columns]
    return own_loc, own_scale


def _without_level(
    series: SeriesSet, encoders: Sequence[FeatureEncoder], common: Sequence[Atoms]
) -> np.ndarray:
    """Tell which measurements have no level of their own in a series, bool (n_features,).

    Of some, as pings that are lost, one bound has most of the values: a level that is drawn is
    never quite the bound, and moves all of a series' values off it. Nor has what tells of another
    measurement a level, nor what takes a few values only.
    """
    found = np.zeros(series.n_features, dtype=bool)
    for code, one in zip(atoms.code_columns(common), common, strict=True):
        found[code] = True
        found[code + 1] = one.line is None
    for f, encoder in enumerate(encoders):
        for bound in (encoder.low, encoder.high):
            if bound is not None and np.mean(series.values[:, f] == np.float32(bound)) > MOSTLY:
                found[f] = True
    return found


def _by_chance(y: np.ndarray, series: SeriesSet, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Tell of which measurements series differ as parts of one noise do, bool (n_features,).

    A level that is drawn first, and steps that then scatter about it, would scatter twice.

    Parameters
    ----------
    y
        float, (rows, n_features): transformed values.
    loc, scale
        float, (n_series, n_features): mean and standard deviation within each series.
    """
    if len(series) < MIN_SCATTERED:
        return np.zeros(series.n_features, dtype=bool)
    variance = y.var(0)
    of_means = variance * np.mean(1 / series.lengths)
    of_spreads = np.mean(1 / (2 * np.maximum(series.lengths - 1, 1)))
    varies = (variance > 0) & (scale > 0).all(0)
    spread = np.log(np.where(scale > 0, scale, 1.0)).std(0)
    is_close = (loc.var(0) <= BY_CHANCE * of_means) & (spread <= BY_CHANCE * np.sqrt(of_spreads))
    return varies & is_close


def _series_moments(y: np.ndarray, series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation within each series, (n_series, n_features) each."""
    mean = _series_means(y, series)
    variance = _series_means((y - mean[series.series_index]) ** 2, series)
    return mean, np.sqrt(variance)


def _series_means(x: np.ndarray, series: SeriesSet) -> np.ndarray:
    """Return the mean within each series of numbers (rows, n), float64 (n_series, n)."""
    sums = np.add.reduceat(x.astype(np.float64, copy=False), series.offsets[:-1])
    return sums / series.lengths[:, None]


def _highest_means(
    series: SeriesSet, encoders: Sequence[FeatureEncoder], per_series: bool
) -> tuple[float | None, ...]:
    """Return the highest mean of a series, of each measurement that is taken to logarithms.

    The end of a distribution lies beyond the greatest of a sample by as much as that lies beyond
    the second, as often as not (Robson and Whitlock, Biometrika 51, 1964).
    """
    means = np.sort(_series_means(series.values, series), axis=0)
    highest: list[float | None] = []
    for encoder, column in zip(encoders, means.T, strict=True):
        is_bounded = per_series and encoder.offset is not None and len(column) > 1
        highest.append(float(2 * column[-1] - column[-2]) if is_bounded else None)
    return tuple(highest)


def _positive_median(x: np.ndarray) -> float:
    """Return the median of the positive numbers of x, 1 where there are none."""
    positive = x[x > 0]
    return float(np.median(positive)) if len(positive) else 1.0


def _one_where_zero(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 1.0)


def _within(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Return x within a range and a margin around it."""
    return x.clamp(low - MARGIN * (high - low), high + MARGIN * (high - low))


def _floats(x: np.ndarray) -> tuple[float, ...]:
    return tuple(x.tolist())
