"""From a SeriesSet to what TST's distribution heads read, and back: scales, atoms, levels, tokens.

Each measurement is taken to logarithms where it is skewed and not negative, then centred and divided by its spread, over
all series or, where series are long enough to have one, within each; in that case each series' centre and log spread are
attributes that the model generates (without them the spread between series halves). Whole numbers carry the mass of the
interval that rounds to them; values that pile up at a bound, the mass beyond it; exact repeats, a gate.
"""

import math
from dataclasses import astuple, dataclass, fields, replace

import numpy as np
import pandas as pd
import torch

from tst.io.untrusted import from_mapping
from tst.models.attributes import known_categories
from tst.models.transformer.heads import BIG, Target, TokenSpec, Variable
from tst.series import DataError, Feature, SeriesSet

N_BINS = 64
ATOM_SHARE = 0.01  # of the values, at a bound or as repeats, above which they are atoms
LEVEL_STEPS = (
    16  # series with fewer steps (one in twenty may have) have no centre and spread of their own
)
SKEWED = 10  # times the median that the 99 % quantile must exceed for logarithms
NOT_WHOLE = 0.001  # of the values between the bounds, up to which a count may have fractions (a page's half views)
MARGIN = 0.02  # of a measurement's range, by which samples may leave it


@dataclass(frozen=True)
class FeatureEncoder:
    """How one measurement is scaled: its transform log(offset + x) (offset None: x itself), kinds of atoms, bounds."""

    offset: float | None = None
    whole: bool = False
    low: float | None = None  # bound with an atom, or 0 for what is never negative
    high: float | None = None
    repeats: bool = False
    n_categories: int = 0  # of a categorical one

    @classmethod
    def fit(cls, x, is_repeat, categorical):
        """Return the column of the values of a training set, (n,); `is_repeat` marks exact repeats of the step before."""
        if categorical:
            return cls(n_categories=int(x.max()) + 1)
        whole = bool(_counts(x) and x.max() > x.min())
        positive = x[x > 0]
        skewed = (
            x.min() >= 0
            and len(positive) > 0
            and np.quantile(x, 0.99) > SKEWED * np.median(positive)
        )
        offset = (
            None
            if not skewed
            else 1.0
            if whole
            else float(max(np.quantile(positive, 0.01), 1e-6 * x.max()))
        )
        low = float(x.min()) if x.min() == 0 or _piled(x == x.min()) else None
        high = float(x.max()) if _piled(x == x.max()) else None
        constant = x.max() == x.min()
        return cls(offset, whole, low, high, bool(constant or (not whole and _piled(is_repeat))))

    def forward(self, x):
        """Return the transformed values, float64."""
        x = np.asarray(x, np.float64)
        return x if self.offset is None else np.log(self.offset + x)

    def inverse(self, y):
        """Return the values (a tensor) of transformed ones, rounded and within bounds where the column is."""
        x = y if self.offset is None else torch.exp(y.clamp(max=80.0)) - self.offset
        x = torch.round(x) if self.whole else x
        return x.clamp(min=self.low, max=self.high) if (self.low, self.high) != (None, None) else x

    def edges(self, x):
        """Return (lower, upper), transformed: the interval whose mass a value carries; equal where it has a density."""
        y = self.forward(x)
        lower, upper = (
            (self.forward(x - 0.5), self.forward(x + 0.5)) if self.whole else (y.copy(), y.copy())
        )
        if self.low is not None:
            lower = np.where(x <= self.low, -np.inf, lower)
        if self.high is not None:
            upper = np.where(x >= self.high, np.inf, upper)
        return lower, upper


@dataclass(frozen=True)
class SeriesEncoder:
    """All that is known of a training set beside the model's weights; JSON holds it."""

    name: str
    origin: str
    interval: str
    label: str | None
    features: tuple  # (name, kind, unit) each
    categories: dict  # attribute -> its categories
    columns: tuple  # Column of each measurement, as a tuple
    per_series: bool
    loc: tuple  # centre and spread of each transformed measurement, over all series
    scale: tuple
    y_low: tuple  # range of the transformed measurements
    y_high: tuple
    z_low: tuple  # range of the scaled ones
    z_high: tuple
    level_loc: tuple  # centre and spread of the levels (centres, then log spreads of the series)
    level_scale: tuple
    floor: tuple  # least spread of a series, each measurement
    fixed_length: int  # of all series, or 0 where lengths vary
    longest: int

    @classmethod
    def fit(cls, series, attributes=True):
        """Return the schema of a training set; raises DataError where an attribute has missing values.

        Without `attributes` neither categories nor levels are modelled (an ablation).
        """
        columns = tuple(_columns(series))
        y = np.stack([c.forward(x) for c, x in zip(columns, series.values.T, strict=True)], axis=1)
        per_series = bool(attributes and np.quantile(series.lengths, 0.05) >= LEVEL_STEPS)
        loc, scale = y.mean(0), _positive(y.std(0))
        centre, spread = _levels(y, series)
        typical = np.array([np.median(s[s > 0]) if (s > 0).any() else 1.0 for s in spread.T])
        floor = np.maximum(0.01 * typical, 1e-3 * scale)
        levels = np.concatenate([centre, np.log(np.maximum(spread, floor))], axis=1)
        same = int(series.lengths[0]) if (series.lengths == series.lengths[0]).all() else 0
        facts = {k: getattr(series, k) for k in ("name", "origin", "interval", "label")}
        facts |= {
            "categories": known_categories(series) if attributes else {},
            "per_series": per_series,
        }
        facts |= {
            "features": tuple(map(astuple, series.features)),
            "columns": tuple(map(astuple, columns)),
        }
        arrays = {"loc": loc, "scale": scale, "y_low": y.min(0), "y_high": y.max(0), "floor": floor}
        arrays |= {"level_loc": levels.mean(0), "level_scale": _positive(levels.std(0))}
        floats = {k: _floats(v) for k, v in arrays.items()}
        made = cls(
            **facts,
            **floats,
            z_low=(),
            z_high=(),
            fixed_length=same,
            longest=int(series.lengths.max()),
        )
        z = made.scaled(series, *made.levels(series))
        return cls(**(made.__dict__ | {"z_low": _floats(z.min(0)), "z_high": _floats(z.max(0))}))

    @classmethod
    def from_dict(cls, mapping):
        """Return the schema of a mapping that JSON held."""
        made = from_mapping(cls, mapping)
        tuples = {k: tuple(map(tuple, getattr(made, k))) for k in ("features", "columns")}
        made = replace(made, **tuples, categories={k: list(v) for k, v in made.categories.items()})
        _check(made)
        return made

    @property
    def parts(self):
        """The `Column`s."""
        return [FeatureEncoder(*c) for c in self.columns]

    def levels(self, series):
        """Return (centre, spread) of each series, transformed, float64 (n_series, n_features) each."""
        if not self.per_series:
            return tuple(np.tile(getattr(self, k), (len(series), 1)) for k in ("loc", "scale"))
        y = np.stack(
            [c.forward(x) for c, x in zip(self.parts, series.values.T, strict=True)], axis=1
        )
        centre, spread = _levels(y, series)
        return centre, np.maximum(spread, self.floor)

    def scaled(self, series, centre, spread):
        """Return the scaled values, float64 (rows, n_features); categories stay codes."""
        rows = series.series_index
        y = np.stack(
            [c.forward(x) for c, x in zip(self.parts, series.values.T, strict=True)], axis=1
        )
        categorical = np.array([c.n_categories > 0 for c in self.parts])
        return np.where(categorical, y, (y - centre[rows]) / spread[rows])

    def snap(self, z, centre, spread, features):
        """Return (values in data units, scaled values that belong to them) of samples of some features.

        z, centre and spread are tensors (rows, len(features)); rounding, bounds and the allowed margin are applied.
        """
        columns, values, snapped = self.parts, [], []
        for i, f in enumerate(features):
            column, centred, width = columns[f], centre[:, i], spread[:, i]
            if column.n_categories:
                values.append(z[:, i])
                snapped.append(z[:, i])
                continue
            bounded = _within(z[:, i], self.z_low[f], self.z_high[f])
            value = column.inverse(
                _within(centred + width * bounded, self.y_low[f], self.y_high[f])
            )
            values.append(value)
            y = value if column.offset is None else torch.log(column.offset + value)
            snapped.append((y - centred) / width)
        return torch.stack(values, 1), torch.stack(snapped, 1)

    def level_attributes(self, centre, spread):
        """Return the levels as attributes, standardised (n, 2 * n_features); `from_level_attributes` is the inverse."""
        levels = np.concatenate([centre, np.log(spread)], axis=1)
        return (levels - np.array(self.level_loc)) / np.array(self.level_scale)

    def from_level_attributes(self, levels):
        """Return (centre, spread) of standardised levels, numpy (n, 2 * n_features)."""
        centre, log_spread = np.split(
            levels * np.array(self.level_scale) + np.array(self.level_loc), 2, axis=1
        )
        return centre, np.maximum(np.exp(log_spread), self.floor)

    def to_series(self, values, lengths, codes, model):
        """Return the SeriesSet of generated values (rows, n_features) and attribute codes (n, n_categorical)."""
        attributes = pd.DataFrame(
            {
                k: pd.Categorical.from_codes(codes[:, i], v)
                for i, (k, v) in enumerate(self.categories.items())
            },
            index=range(len(lengths)),
        )
        made = [Feature(*f) for f in self.features], attributes, self.origin, self.interval
        label = self.label if self.label in self.categories else None
        return SeriesSet(self.name, values, lengths, *made, model=model, label=label)


def _check(schema):
    """Raise ValueError where the parts of a schema disagree in number or type."""
    n, wide = len(schema.features), 2 * len(schema.features)
    names = "loc scale y_low y_high z_low z_high floor level_loc level_scale"
    sizes = {
        k: len(getattr(schema, k)) == (wide if k.startswith("level") else n) for k in names.split()
    }
    texts = all(len(f) == 3 and all(isinstance(x, str) for x in f) for f in schema.features)
    numbers = all(
        isinstance(x, int | float) and math.isfinite(x) for k in sizes for x in getattr(schema, k)
    )
    if not (n and all(sizes.values()) and texts and numbers and len(schema.columns) == n):
        raise ValueError("its parts do not fit each other")
    for column in schema.columns:
        from_mapping(
            FeatureEncoder, dict(zip([f.name for f in fields(FeatureEncoder)], column, strict=True))
        )


def _piled(marked):
    """Tell whether so many values are marked that they are no coincidence."""
    return marked.mean() > ATOM_SHARE and marked.sum() > 2


def _counts(x):
    """Tell whether values are whole numbers; a few between the bounds may not be, none where all lie at the bounds."""
    inner = x[(x > x.min()) & (x < x.max())]
    share = np.mean(inner != np.round(inner)) if len(inner) else 0.0
    return share <= NOT_WHOLE and x.min() == np.round(x.min()) and x.max() == np.round(x.max())


def _columns(series):
    repeat = repeats(series)
    for f, feature in enumerate(series.features):
        yield FeatureEncoder.fit(
            series.values[:, f].astype(np.float64), repeat[:, f], feature.kind == "categorical"
        )


def repeats(series):
    """Return whether each value equals the one of the step before in its series, bool (rows, n_features)."""
    same = np.zeros(series.values.shape, dtype=bool)
    same[1:] = series.values[1:] == series.values[:-1]
    same[series.offsets[:-1]] = False
    return same


def _levels(y, series):
    total = np.add.reduceat(y, series.offsets[:-1]) / series.lengths[:, None]
    square = (
        np.add.reduceat((y - total[series.series_index]) ** 2, series.offsets[:-1])
        / series.lengths[:, None]
    )
    return total, np.sqrt(square)


def _positive(x):
    return np.where(x > 0, x, 1.0)


def _within(x, low, high):
    """Return x within a range and a margin around it."""
    return x.clamp(low - MARGIN * (high - low), high + MARGIN * (high - low))


def _floats(x):
    return tuple(float(v) for v in x)


def token_spec(schema, series, stop="stop"):
    """Return the `Layout` of a schema, its bins at quantiles of the training set; `stop` is the kind of the end's `Dim`."""
    z = schema.scaled(series, *schema.levels(series))
    step = [
        Variable("categorical", c.n_categories)
        if c.n_categories
        else Variable("continuous", 0, c.repeats)
        for c in schema.parts
    ]
    edges = [_bins(z[:, f]) for f in range(series.n_features)]
    if not schema.fixed_length:
        step, edges = [*step, Variable(stop)], [*edges, _bins(np.arange(2.0))]
    attributes = [Variable("categorical", len(v)) for v in schema.categories.values()]
    levels = attribute_target(schema, series).value.numpy()
    attributes += [Variable()] * (levels.shape[1] - len(attributes))
    return TokenSpec(
        tuple(step), tuple(attributes), tuple(edges), tuple(_bins(c) for c in levels.T)
    )


def _bins(z):
    """Return N_BINS + 1 increasing edges: quantiles, at least a ten-thousandth of the range apart, a margin outside."""
    least = max(np.ptp(z), 1e-3) * 1e-4
    edges = np.quantile(z, np.linspace(0, 1, N_BINS + 1))
    edges[0] -= MARGIN * max(np.ptp(z), 1e-3)
    for i in range(1, len(edges)):
        edges[i] = max(edges[i], edges[i - 1] + least)
    edges[-1] += MARGIN * max(np.ptp(z), 1e-3)
    return _floats(edges)


def attribute_target(schema, series):
    """Return the `Target` of each series' attributes: codes, then levels; a spread at its floor carries the mass below."""
    codes = [
        pd.Index(v).get_indexer(series.attributes[k].astype(object))
        for k, v in schema.categories.items()
    ]
    if any((c < 0).any() for c in codes):
        raise DataError(
            f"'{series.name}' has a category that the training set lacks; leave those series out."
        )
    value = np.stack(codes, axis=1) if codes else np.zeros((len(series), 0))
    is_floor = np.zeros(value.shape, dtype=bool)
    if schema.per_series:
        centre, spread = schema.levels(series)
        value = np.concatenate([value, schema.level_attributes(centre, spread)], axis=1)
        is_floor = np.concatenate(
            [is_floor, np.zeros(centre.shape, bool), spread <= np.array(schema.floor)], axis=1
        )
    value = torch.from_numpy(value.astype(np.float32))
    lower = torch.where(torch.from_numpy(is_floor), torch.tensor(-BIG), value)
    return Target(value, lower, value.clone(), torch.zeros(value.shape, dtype=torch.bool))
