"""What a private model knows of its series beside its weights: counts, with noise.

One release holds them all: how many units there are; of each measurement, attribute and length a
histogram; of the first attribute with each other one, and with the length, a table. A unit adds a
vector of norm 1 to each at most. All that follows from the noisy counts, scales, the attributes'
joint distribution, costs nothing more.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tst.models.attributes import SeriesFacts
from tst.models.transformer.domain import Domain
from tst.models.transformer.encoding import SeriesEncoder
from tst.models.transformer.tokens import N_BINS, attribute_target, step_variable
from tst.models.transformer.variables import Target, TokenSpec, Variable
from tst.series import SeriesSet

N_VALUE_BINS = 32  # of a measurement's histogram, between its bounds
N_LENGTH_BINS = 12  # of lengths, at most; as wide as they are long
N_ROWS = 2_000  # of attributes that are drawn from noisy tables, to learn these
N_FITTINGS = 20  # rounds that bring a table to its margins
LENGTH = "length"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Noisy shares; those of a histogram sum to 1.

    Parameters
    ----------
    n_units
        Number of units.
    values
        Of each measurement, by bins of its transformed values or by category.
    margins
        {attribute, or `LENGTH`: shares of its categories or bins}.
    tables
        {other attribute, or `LENGTH`: shares (categories of the first, its own)}.
    """

    n_units: float
    values: tuple[np.ndarray, ...]
    margins: dict[str, np.ndarray]
    tables: dict[str, np.ndarray]


def length_edges(longest: int) -> np.ndarray:
    """Return edges of bins of lengths, int64: bin i holds those from edge i to below edge i + 1."""
    edges = np.geomspace(1, longest + 1, N_LENGTH_BINS + 1)
    return np.unique(np.round(edges)).astype(np.int64)


def contributions(series: SeriesSet, domain: Domain) -> dict[str, np.ndarray]:
    """Return {what: (n_units, width)}: what each unit adds to each sum, of norm 1 at most.

    A unit of several series adds their mean.
    """
    units = series.units
    n_units = int(units.max()) + 1
    found = {"count": np.ones((n_units, 1))}
    for f, feature in enumerate(domain.features):
        bins = value_bins(domain, f, series.values[:, f])
        width = feature.n_categories or N_VALUE_BINS
        shares = np.zeros((len(series), width))
        np.add.at(shares, (series.series_index, bins), 1 / series.lengths[series.series_index])
        found[f"values {f}"] = _mean_of_units(shares, units)
    codes = _codes(series, domain)
    names = list(codes)
    for name, (code, width) in codes.items():
        found[f"margin {name}"] = _shares_of_units(code, width, units)
    for name in names[1:]:
        first, n_first = codes[names[0]]
        code, width = codes[name]
        joint = first * width + code
        found[f"table {name}"] = _shares_of_units(joint, n_first * width, units)
    return found


def value_bins(domain: Domain, f: int, x: np.ndarray) -> np.ndarray:
    """Return the bin of each value of a measurement, int64 (rows,)."""
    feature = domain.features[f]
    if feature.n_categories:
        return x.astype(np.int64)
    low, high = value_range(domain, f)
    unit = (feature.encoder().forward(x) - low) / (high - low)
    return np.clip((unit * N_VALUE_BINS).astype(np.int64), 0, N_VALUE_BINS - 1)


def value_range(domain: Domain, f: int) -> tuple[float, float]:
    """Return the least and the largest transformed value of a measurement."""
    feature = domain.features[f]
    if feature.n_categories:
        return 0.0, max(feature.n_categories - 1.0, 1.0)
    low, high = feature.encoder().forward(np.array([feature.low, feature.high]))
    return float(low), float(high)


def _codes(series: SeriesSet, domain: Domain) -> dict[str, tuple[np.ndarray, int]]:
    """Return {attribute, or `LENGTH`: (codes (n_series,), how many there are)}."""
    codes = {}
    for name, categories in domain.attributes.items():
        codes[name] = (series.attributes[name].cat.codes.to_numpy(np.int64), len(categories))
    if not domain.fixed_length:
        edges = length_edges(domain.longest)
        bins = np.searchsorted(edges, series.lengths, "right") - 1
        codes[LENGTH] = (np.clip(bins, 0, len(edges) - 2), len(edges) - 1)
    return codes


def _mean_of_units(rows: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return the mean row of each unit, (n_units, width), of rows (n_series, width)."""
    sums = np.zeros((int(units.max()) + 1, rows.shape[1]))
    np.add.at(sums, units, rows)
    return sums / np.bincount(units)[:, None]


def _shares_of_units(codes: np.ndarray, width: int, units: np.ndarray) -> np.ndarray:
    """Return the share of each code among those of a unit's series, (n_units, width)."""
    counts = np.zeros((int(units.max()) + 1, width))
    np.add.at(counts, (units, codes), 1.0)
    return counts / np.bincount(units)[:, None]


def measure(series: SeriesSet, domain: Domain, noise: float, rng: np.random.Generator) -> Measured:
    """Return noisy shares.

    Parameters
    ----------
    noise
        Standard deviation of the noise, in units of the most that a unit can change all sums
        together.
    """
    sums = {}
    parts = contributions(series, domain)
    scale = noise * np.sqrt(len(parts))
    for name, rows in parts.items():
        sums[name] = rows.sum(0) + scale * rng.standard_normal(rows.shape[1])
    n_units = max(float(sums["count"][0]), 1.0)
    margins = {}
    tables = {}
    for name in _codes(series, domain):
        margins[name] = shares_of(sums[f"margin {name}"], n_units)
    first = next(iter(margins), "")
    for name in list(margins)[1:]:
        flat = shares_of(sums[f"table {name}"], n_units)
        table = flat.reshape(len(margins[first]), len(margins[name]))
        tables[name] = fitted(table, margins[first], margins[name])
    values = [shares_of(sums[f"values {f}"], n_units) for f in range(len(domain.features))]
    return Measured(n_units=n_units, values=tuple(values), margins=margins, tables=tables)


def shares_of(sums: np.ndarray, total: float) -> np.ndarray:
    """Return the shares nearest to noisy sums that are at least 0 and sum to 1.

    The Euclidean projection to the simplex (Duchi et al., 2008): it takes the same from each sum,
    so that those which are noise alone become 0.
    """
    x = np.sort(sums / total)[::-1]
    taken = (np.cumsum(x) - 1) / np.arange(1, len(x) + 1)
    last = np.flatnonzero(x > taken)[-1]
    return np.maximum(sums / total - taken[last], 0.0)


def fitted(table: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return a table of shares brought to margins by iterative proportional fitting.

    Cells get a little of independence, so that each margin can be reached.
    """
    table = 0.98 * table + 0.02 * np.outer(rows, columns)
    for _ in range(N_FITTINGS):
        table = table * (rows / np.maximum(table.sum(1), 1e-300))[:, None]
        table = table * (columns / np.maximum(table.sum(0), 1e-300))
    return table / table.sum()


def encoder_of(measured: Measured, domain: Domain, facts: SeriesFacts) -> SeriesEncoder:
    """Return how series are encoded: by public bounds, and scales of noisy histograms."""
    F = len(domain.features)
    moments = []
    ranges = []
    for f, feature in enumerate(domain.features):
        low, high = value_range(domain, f)
        ranges.append((low, high))
        if feature.n_categories:
            moments.append((0.0, 1.0))
            continue
        width = (high - low) / N_VALUE_BINS
        centres = low + width * (np.arange(N_VALUE_BINS) + 0.5)
        mean = float(measured.values[f] @ centres)
        variance = float(measured.values[f] @ (centres - mean) ** 2) + width**2 / 12
        moments.append((mean, variance**0.5))
    loc, scale = np.array(moments).T
    low, high = np.array(ranges).T
    log_length = None
    if not domain.fixed_length:
        edges = length_edges(domain.longest)
        logs = np.log((edges[:-1] + edges[1:] - 1) / 2)
        mean = float(measured.margins[LENGTH] @ logs)
        spread = float(measured.margins[LENGTH] @ (logs - mean) ** 2) ** 0.5
        log_length = (mean, max(spread, 0.1))
    return SeriesEncoder(
        facts=facts,
        categories={name: list(known) for name, known in domain.attributes.items()},
        twins=(),
        feature_encoders=tuple(feature.encoder() for feature in domain.features),
        per_series=False,
        loc=tuple(loc.tolist()),
        scale=tuple(scale.tolist()),
        y_low=tuple(low.tolist()),
        y_high=tuple(high.tolist()),
        z_low=tuple(((low - loc) / scale).tolist()),
        z_high=tuple(((high - loc) / scale).tolist()),
        own_loc=(0.0,) * (2 * F),
        own_scale=(1.0,) * (2 * F),
        min_scale=(1.0,) * F,
        highest_mean=(None,) * F,
        fixed_length=domain.longest if domain.fixed_length else 0,
        longest=domain.longest,
        log_length=log_length,
    )


def spec_of(encoder: SeriesEncoder, domain: Domain) -> TokenSpec:
    """Return what steps and attributes consist of; bins stand evenly between public bounds."""
    step = [step_variable(feature) for feature in encoder.feature_encoders]
    edges = list(map(_even, encoder.z_low, encoder.z_high))
    attributes = [Variable("categorical", len(known)) for known in domain.attributes.values()]
    attribute_edges = [_even(0.0, max(v.n_categories - 1.0, 1.0)) for v in attributes]
    if encoder.log_length is not None:
        bounds, _, _ = encoder.length_target(np.array([1, domain.longest + 1]))
        attributes.append(Variable())
        attribute_edges.append(_even(*bounds))
    return TokenSpec(
        step=tuple(step),
        attributes=tuple(attributes),
        bin_edges=tuple(edges),
        attribute_bin_edges=tuple(attribute_edges),
        draws_length=encoder.log_length is not None,
    )


def _even(low: float, high: float) -> tuple[float, ...]:
    return tuple(np.linspace(low, high, N_BINS + 1).tolist())


def attribute_rows(
    measured: Measured,
    domain: Domain,
    encoder: SeriesEncoder,
    rng: np.random.Generator,
    n_rows: int,
) -> Target:
    """Return attributes, as a model reads them, that are drawn from the noisy tables.

    Returns
    -------
    `Target` (n_rows, n_attributes).
    """
    names = list(measured.margins)
    codes = {
        names[0]: rng.choice(len(measured.margins[names[0]]), n_rows, p=measured.margins[names[0]])
    }
    for name in names[1:]:
        table = measured.tables[name]
        given = table / np.maximum(table.sum(1, keepdims=True), 1e-300)
        cumulative = given.cumsum(1)[codes[names[0]]]  # (n_rows, categories)
        drawn = (rng.random((n_rows, 1)) * cumulative[:, -1:] > cumulative).sum(1)
        codes[name] = np.minimum(drawn, table.shape[1] - 1)
    lengths = np.full(n_rows, domain.longest)
    if not domain.fixed_length:
        edges = length_edges(domain.longest)
        low = edges[codes[LENGTH]]
        lengths = rng.integers(low, edges[codes[LENGTH] + 1])
    frame = {}
    for name, known in domain.attributes.items():
        frame[name] = pd.Categorical.from_codes(codes[name], list(known))
    drawn = SeriesSet(
        name="drawn",
        values=np.zeros((n_rows, len(domain.features))),
        lengths=np.ones(n_rows),
        features=encoder.facts.features,
        attributes=pd.DataFrame(frame, index=range(n_rows)),
        origin=encoder.facts.origin,
        interval=encoder.facts.interval,
    )
    return attribute_target(encoder, drawn, lengths=lengths)
