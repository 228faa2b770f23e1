"""From a SeriesSet to the scaled numbers that a `TokenSpec` describes, and back.

Each measurement is taken to logarithms where it is skewed and not negative, then centred (loc) and
divided by its spread (scale), over all series or, where series are long enough to have their own,
within each. In that case each series' loc and log scale are attributes that the model generates
(without them the spread between series halves). Whole numbers carry the mass of the interval that
rounds to them; values that pile up at a bound, the mass beyond it; exact repeats, a gate.
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
from tst.models.transformer.config import Stop
from tst.models.transformer.variables import BIG, Target, TokenSpec, Variable
from tst.series import SeriesSet

N_BINS = 64  # of a quantised head
# Share of the values at a bound, or of exact repeats, above which they are no coincidence.
ATOM_SHARE = 0.01
# Series with fewer steps (one in twenty may have) have no location and scale of their own.
MIN_OWN_STEPS = 16
SKEWED = 10  # times the median that the 99 % quantile must exceed for logarithms
# Share of the values between the bounds up to which a count may have fractions (half views).
MAX_FRACTIONS = 0.001
MARGIN = 0.02  # of a measurement's range, by which samples may leave it
MAX_EXPONENT = 80.0  # of a transformed value: e^80 is still finite in float32


@dataclass(frozen=True)
class FeatureEncoder:
    """How one measurement is transformed, and which of its values carry probability mass.

    Parameters
    ----------
    offset
        The transform is log(offset + x), or x itself where it is None.
    whole
        Whether all values are whole numbers.
    low, high
        Bound with an atom, or 0 for what is never negative; None where there is none.
    repeats
        Whether exact repeats of the step before are frequent.
    n_categories
        Of a categorical one, whose values are codes; else 0.
    """

    offset: float | None = None
    whole: bool = False
    low: float | None = None
    high: float | None = None
    repeats: bool = False
    n_categories: int = 0

    @classmethod
    def fit(cls, x: np.ndarray, is_repeat: np.ndarray, categorical: bool) -> Self:
        """Return the encoder of a training set's values.

        Parameters
        ----------
        x
            float64, (rows,).
        is_repeat
            bool, (rows,): exact repeats of the step before.
        """
        if categorical:
            return cls(n_categories=int(x.max()) + 1)
        is_constant = bool(x.max() == x.min())
        whole = _is_count(x) and not is_constant
        low = None
        if x.min() == 0 or _is_atom(x == x.min()):
            low = float(x.min())
        high = None
        if _is_atom(x == x.max()):
            high = float(x.max())
        return cls(
            offset=_log_offset(x, whole),
            whole=whole,
            low=low,
            high=high,
            repeats=is_constant or (not whole and _is_atom(is_repeat)),
        )

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the transformed values, float64."""
        x = np.asarray(x, np.float64)
        if self.offset is None:
            return x
        return np.log(self.offset + x)

    def forward_tensor(self, x: torch.Tensor) -> torch.Tensor:
        """Return the transformed values of a tensor, in its dtype."""
        if self.offset is None:
            return x
        return torch.log(self.offset + x)

    def inverse(self, y: torch.Tensor) -> torch.Tensor:
        """Return the values of transformed ones, rounded and within bounds where data were."""
        x = y
        if self.offset is not None:
            x = torch.exp(y.clamp(max=MAX_EXPONENT)) - self.offset
        if self.whole:
            x = torch.round(x)
        if self.low is None and self.high is None:
            return x
        return x.clamp(min=self.low, max=self.high)

    def mass_interval(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the transformed interval whose probability mass a value carries.

        Parameters
        ----------
        x
            float, (rows,), in data units.

        Returns
        -------
        lower, upper
            float64, (rows,) each: equal where a value has a density.
        """
        if self.n_categories:
            return x, x
        if self.whole:
            lower = self.forward(x - 0.5)
            upper = self.forward(x + 0.5)
        else:
            lower = self.forward(x).copy()
            upper = lower.copy()
        if self.low is not None:
            lower = np.where(x <= self.low, -np.inf, lower)
        if self.high is not None:
            upper = np.where(x >= self.high, np.inf, upper)
        return lower, upper


def _log_offset(x: np.ndarray, whole: bool) -> float | None:
    """Return the offset of a skewed measurement's logarithm, None where it is not skewed."""
    positive = x[x > 0]
    if x.min() < 0 or len(positive) == 0:
        return None
    if not np.quantile(x, 0.99) > SKEWED * np.median(positive):
        return None
    if whole:
        return 1.0
    return float(max(np.quantile(positive, 0.01), 1e-6 * x.max()))


def _is_count(x: np.ndarray) -> bool:
    """Tell whether values are whole numbers.

    A few between the bounds may not be (`MAX_FRACTIONS`), none where all lie at the bounds.
    """
    low = x.min()
    high = x.max()
    inner = x[(x > low) & (x < high)]
    share = np.mean(inner != np.round(inner)) if len(inner) else 0.0
    return bool(share <= MAX_FRACTIONS and low == np.round(low) and high == np.round(high))


def _is_atom(marked: np.ndarray) -> bool:
    """Tell whether so many values are marked, bool (rows,), that they are no coincidence."""
    return bool(marked.mean() > ATOM_SHARE and marked.sum() > 2)


@dataclass(frozen=True, kw_only=True)
class SeriesEncoder:
    """All that is known of a training set beside the model's weights; JSON holds it.

    Parameters
    ----------
    facts
        What generated sets take over.
    categories
        {attribute: its categories} of the modelled ones.
    feature_encoders
        One a measurement.
    per_series
        Whether each series is scaled by its own loc and scale.
    loc, scale
        Mean and standard deviation of each transformed measurement over all series.
    y_low, y_high
        Range of the transformed measurements.
    z_low, z_high
        Range of the scaled ones.
    own_loc, own_scale
        Mean and standard deviation, over the series, of their locs and log scales (2 * n_features).
    min_scale
        Least scale of a series, each measurement.
    fixed_length
        Steps of all series, or 0 where lengths vary.
    longest
        Steps of the longest.
    """

    facts: SeriesFacts
    categories: dict[str, list[Any]]
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
    fixed_length: int
    longest: int

    def __post_init__(self) -> None:
        n_features = len(self.facts.features)
        each = (self.loc, self.scale, self.y_low, self.y_high, self.z_low, self.z_high)
        twice = (self.own_loc, self.own_scale)
        numbers = (*each, self.min_scale, *twice)
        fits = (
            n_features > 0
            and len(self.feature_encoders) == n_features
            and all(len(part) == n_features for part in (*each, self.min_scale))
            and all(len(part) == 2 * n_features for part in twice)
            and all(math.isfinite(number) for part in numbers for number in part)
        )
        if not fits:
            raise ValueError("its parts do not fit each other")

    @classmethod
    def fit(cls, series: SeriesSet, attributes: bool = True) -> Self:
        """Return the encoder of a training set.

        Parameters
        ----------
        attributes
            Without, neither attributes nor the loc and scale of each series are modelled (an
            ablation).

        Raises
        ------
        DataError
            Where an attribute has missing values.
        """
        feature_encoders = _fit_features(series)
        y = _transformed(feature_encoders, series)
        loc = y.mean(0)
        scale = _one_where_zero(y.std(0))
        series_loc, series_scale = _series_moments(y, series)
        typical = np.array([_positive_median(column) for column in series_scale.T])
        min_scale = np.maximum(0.01 * typical, 1e-3 * scale)
        own = np.concatenate([series_loc, np.log(np.maximum(series_scale, min_scale))], axis=1)
        per_series = bool(attributes and np.quantile(series.lengths, 0.05) >= MIN_OWN_STEPS)
        if per_series:
            z = _scaled(
                feature_encoders, y, series, series_loc, np.maximum(series_scale, min_scale)
            )
        else:
            z = _scaled(feature_encoders, y, series, *_for_each(series, loc, scale))
        longest = int(series.lengths.max())
        has_one_length = bool((series.lengths == longest).all())
        return cls(
            facts=SeriesFacts.of(series),
            categories=known_categories(series) if attributes else {},
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
            fixed_length=longest if has_one_length else 0,
            longest=longest,
        )

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the encoder of a mapping that JSON held, as `dataclasses.asdict` makes it."""
        return from_mapping(cls, mapping)

    @property
    def n_features(self) -> int:
        """Number of measurements a step."""
        return len(self.feature_encoders)

    def series_loc_scale(self, series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
        """Return (loc, scale) of each series, transformed: float64 (n_series, n_features) each."""
        if not self.per_series:
            return _for_each(series, np.array(self.loc), np.array(self.scale))
        y = _transformed(self.feature_encoders, series)
        loc, scale = _series_moments(y, series)
        return loc, np.maximum(scale, self.min_scale)

    def scaled(self, series: SeriesSet, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return the scaled values, float64 (rows, n_features); categories stay codes.

        Parameters
        ----------
        loc, scale
            As `series_loc_scale` returns them.
        """
        y = _transformed(self.feature_encoders, series)
        return _scaled(self.feature_encoders, y, series, loc, scale)

    def round_to_support(
        self, z: torch.Tensor, loc: torch.Tensor, scale: torch.Tensor, features: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Round and bound samples as their measurements ask for it; the inverse of `scaled`.

        Parameters
        ----------
        z, loc, scale
            float, (rows, len(features)) each: scaled samples, and how their series are scaled.
        features
            Which measurements they are of.

        Returns
        -------
        values, rounded
            float, (rows, len(features)) each: values in data units, and the scaled values that
            belong to them.
        """
        values = []
        rounded = []
        for i, f in enumerate(features):
            encoder = self.feature_encoders[f]
            if encoder.n_categories:
                values.append(z[:, i])
                rounded.append(z[:, i])
                continue
            bounded = _within(z[:, i], self.z_low[f], self.z_high[f])
            y = _within(loc[:, i] + scale[:, i] * bounded, self.y_low[f], self.y_high[f])
            value = encoder.inverse(y)
            values.append(value)
            rounded.append((encoder.forward_tensor(value) - loc[:, i]) / scale[:, i])
        return torch.stack(values, 1), torch.stack(rounded, 1)

    def standardised(self, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return the series' locs and scales as attributes; `from_standardised` is the inverse.

        Parameters
        ----------
        loc, scale
            float64, (n_series, n_features) each.

        Returns
        -------
        float64, (n_series, 2 * n_features).
        """
        own = np.concatenate([loc, np.log(scale)], axis=1)
        return (own - np.array(self.own_loc)) / np.array(self.own_scale)

    def from_standardised(self, attributes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (loc, scale) of attributes, float (n_series, 2 * n_features)."""
        own = attributes * np.array(self.own_scale) + np.array(self.own_loc)
        loc, log_scale = np.split(own, 2, axis=1)
        return loc, np.maximum(np.exp(log_scale), self.min_scale)

    def to_series(
        self, values: np.ndarray, lengths: np.ndarray, codes: np.ndarray, model: str
    ) -> SeriesSet:
        """Return the SeriesSet of generated values and attribute codes.

        Parameters
        ----------
        values
            float, (sum of lengths, n_features), in data units.
        codes
            int, (n_series, len(categories)).
        model
            Key of the generator.
        """
        return self.facts.to_series(values, lengths, from_codes(codes, self.categories), model)


def _fit_features(series: SeriesSet) -> tuple[FeatureEncoder, ...]:
    """Return the encoder of each measurement of a training set."""
    repeats = exact_repeats(series)
    encoders = []
    for f, feature in enumerate(series.features):
        values = series.values[:, f].astype(np.float64)
        is_categorical = feature.kind == "categorical"
        encoders.append(FeatureEncoder.fit(values, repeats[:, f], is_categorical))
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


def _for_each(
    series: SeriesSet, loc: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return loc and scale (n_features,) repeated for each series, (n_series, n_features)."""
    return np.tile(loc, (len(series), 1)), np.tile(scale, (len(series), 1))


def _series_moments(y: np.ndarray, series: SeriesSet) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation within each series, (n_series, n_features) each."""
    starts = series.offsets[:-1]
    n_steps = series.lengths[:, None]
    mean = np.add.reduceat(y, starts) / n_steps
    variance = np.add.reduceat((y - mean[series.series_index]) ** 2, starts) / n_steps
    return mean, np.sqrt(variance)


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


def token_spec(encoder: SeriesEncoder, series: SeriesSet, stop: Stop = "stop") -> TokenSpec:
    """Return what the encoded steps and attributes of a training set consist of.

    Parameters
    ----------
    series
        The training set, at whose quantiles the bins stand.
    stop
        Kind of the variable that ends a series, where lengths vary.
    """
    z = encoder.scaled(series, *encoder.series_loc_scale(series))
    step = [_variable(feature) for feature in encoder.feature_encoders]
    bin_edges = [_bins(column) for column in z.T]
    if not encoder.fixed_length:
        step.append(Variable(stop))
        bin_edges.append(_bins(np.arange(2.0)))
    attributes = [Variable("categorical", len(known)) for known in encoder.categories.values()]
    values = attribute_target(encoder, series).value.numpy()
    n_own = values.shape[1] - len(attributes)
    attributes += [Variable()] * n_own
    return TokenSpec(
        step=tuple(step),
        attributes=tuple(attributes),
        bin_edges=tuple(bin_edges),
        attribute_bin_edges=tuple(_bins(column) for column in values.T),
    )


def _variable(encoder: FeatureEncoder) -> Variable:
    if encoder.n_categories:
        return Variable("categorical", encoder.n_categories)
    return Variable("continuous", repeats=encoder.repeats)


def _bins(z: np.ndarray) -> tuple[float, ...]:
    """Return N_BINS + 1 increasing edges at the quantiles of z (n,), with a margin outside.

    They are at least a ten-thousandth of the range apart.
    """
    spread = max(np.ptp(z), 1e-3)
    least = spread * 1e-4
    edges = np.quantile(z, np.linspace(0, 1, N_BINS + 1))
    edges[0] -= MARGIN * spread
    for i in range(1, len(edges)):
        edges[i] = max(edges[i], edges[i - 1] + least)
    edges[-1] += MARGIN * spread
    return _floats(edges)


def attribute_target(encoder: SeriesEncoder, series: SeriesSet) -> Target:
    """Return the attributes of each series as numbers whose likelihood is asked.

    Returns
    -------
    `Target` (n_series, n_attributes): codes, then, where encoding is per series, its standardised
    loc and scale. A scale at its least carries the mass below.

    Raises
    ------
    DataError
        Where a category does not occur in the training set.
    """
    codes = []
    for name, known in encoder.categories.items():
        codes.append(pd.Index(known).get_indexer(series.attributes[name].astype(object)))
        if (codes[-1] < 0).any():
            raise DataError(
                f"'{series.name}' has a category that the training set lacks; leave those series "
                "out."
            )
    numbers = np.stack(codes, axis=1) if codes else np.zeros((len(series), 0))
    is_least = np.zeros(numbers.shape, dtype=bool)
    if encoder.per_series:
        loc, scale = encoder.series_loc_scale(series)
        numbers = np.concatenate([numbers, encoder.standardised(loc, scale)], axis=1)
        never = np.zeros(loc.shape, dtype=bool)
        is_least = np.concatenate([is_least, never, scale <= np.array(encoder.min_scale)], axis=1)
    value = torch.from_numpy(numbers.astype(np.float32))
    lower = torch.where(torch.from_numpy(is_least), torch.tensor(-BIG), value)
    return Target(
        value=value,
        lower=lower,
        upper=value.clone(),
        repeat=torch.zeros(value.shape, dtype=torch.bool),
    )
