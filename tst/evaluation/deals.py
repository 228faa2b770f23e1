"""How far is a synthetic set from held-out real series, beside how far real ones are apart?

Every measure is a function of sums over series, so that its floor costs little: the real series are
dealt anew many times into two parts of the sets' sizes, and each part measured against the other;
the second is drawn with replacement, as a synthetic set would be that repeats learned series. A
synthetic set is within its limit where it is no further from the held-out series than twice the
median deal, or than one deal in a thousand. A measure looks at several features; the worst decides,
and its limit is that of the worst of each deal. Values are compared by ranks (0 to 1).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from tst.evaluation.embedding import RankTransform
from tst.evaluation.fidelity import bin_edges
from tst.evaluation.nulls import owners
from tst.evaluation.ragged import check_features, means, subsample
from tst.series import SeriesSet, concat

N_DEALS = 999
RARE = 0.001  # deals that are further apart than the limit
TIMES_FLOOR = 2.0  # within which a set is near whatever deals do
NEGLIGIBLE = 0.005  # distance of ranks, shares or correlations below which a floor never lies
N_BINS = 20
N_PARTS = 10  # of a series' course, from start to end
LAGS = (1, 2, 4, 8, 16)
MIN_REACHING = 0.1  # of the real series, that have a lag
MAX_PAIRED = 30  # features whose correlations are compared
MAX_SERIES = 2000  # of each set
MAX_CLASSES = 32  # of an attribute, that are told apart: the commonest
MAX_CELLS = 12  # the same, of each of a pair

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What two sets are compared by.

    Parameters
    ----------
    name
        Key of the measure.
    about
        Features, or others, that it looks at.
    real, synthetic
        float64, shape (n_series, n_about, k): what is summed over the series of a part.
    distance
        From two sums (..., n_about, k) to distances (..., n_about).
    """

    name: str
    about: Sequence[str]
    real: np.ndarray
    synthetic: np.ndarray
    distance: Distance


@dataclass(frozen=True, kw_only=True)
class Deals:
    """Which real series are on which side in each deal.

    Parameters
    ----------
    first
        bool, shape (n_deals, n_series).
    second
        float64, shape (n_deals, n_series): how often each is drawn, of those beside the first side.
    """

    first: np.ndarray
    second: np.ndarray

    @classmethod
    def draw(cls, group: np.ndarray, n_first: int, n_second: int, seed: int) -> "Deals":
        """Deal series, those of a group one behind the other; group: int, (n_series,)."""
        rng = np.random.default_rng(seed)
        n = len(group)
        first = np.zeros((N_DEALS, n), dtype=bool)
        second = np.zeros((N_DEALS, n))
        for i in range(N_DEALS):
            order = rng.permutation(n)
            place = rng.random(group.max() + 1)[group]
            order = order[np.argsort(place[order], kind="stable")]
            first[i, order[:n_first]] = True
            drawn = rng.choice(order[n_first:], n_second)
            second[i] = np.bincount(drawn, minlength=n)
        return cls(first=first, second=second)


def compare(
    held_out: SeriesSet,
    learned: SeriesSet,
    synthetic: SeriesSet,
    seed: int,
    phases: Sequence[str] = (),
) -> pd.DataFrame:
    """Return how far a synthetic set is from held-out series, a row a measure.

    Parameters
    ----------
    held_out, learned
        Real sets, of one table.
    synthetic
        Set of the same features.
    seed
        Of the deals.
    phases
        Features that say where in the day, the week or the year a step is.

    Returns
    -------
    pd.DataFrame
        Columns measure, about (where it is worst), value, floor (of the median deal), times (value
        over floor) and limit (of `times`).
    """
    check_features(held_out, learned)
    check_features(held_out, synthetic)
    held_out, learned, synthetic = (
        subsample(one, MAX_SERIES, seed) for one in (held_out, learned, synthetic)
    )
    real = concat([held_out, learned])
    deals = Deals.draw(owners(real, real.group), len(held_out), len(synthetic), seed)
    found: dict[str, list[Apart]] = {}
    for measure in measures(real, synthetic, phases):
        found.setdefault(measure.name, []).append(_apart(measure, deals, len(held_out)))
    rows = [(name, *_worst(parts)) for name, parts in found.items()]
    return pd.DataFrame(rows, columns=["measure", "about", "value", "floor", "times", "limit"])


class Apart(NamedTuple):
    """How far sets are apart: value (n_about,), and dealt (n_deals, n_about)."""

    about: Sequence[str]
    value: np.ndarray
    dealt: np.ndarray


def _apart(measure: Measure, deals: Deals, n_held_out: int) -> Apart:
    """Return how far apart the sets are by a measure, and the parts of each deal."""
    value = measure.distance(measure.real[:n_held_out].sum(0), measure.synthetic.sum(0))
    sums = [_sums(side, measure.real) for side in (deals.first, deals.second)]
    return Apart(measure.about, value, measure.distance(*sums))


def _worst(parts: Sequence[Apart]) -> tuple[str, float, float, float, float]:
    """Return (about, value, floor, times, limit) where measures of one name are worst."""
    about = [str(name) for part in parts for name in part.about]
    value = np.concatenate([part.value for part in parts])
    dealt = np.concatenate([part.dealt for part in parts], axis=1)
    floor = np.maximum(np.median(dealt, axis=0), NEGLIGIBLE)  # (n_about,)
    limit = max(TIMES_FLOOR, float(np.quantile((dealt / floor).max(1), 1 - RARE)))
    worst = int(np.argmax(value / floor))
    times = float(value[worst] / floor[worst])
    return about[worst], float(value[worst]), float(floor[worst]), times, limit


def _sums(side: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the sums (n_deals, n_about, k) of columns (n_series, n_about, k) in each deal."""
    flat = columns.reshape(len(columns), -1)
    return (side.astype(np.float64) @ flat).reshape(len(side), *columns.shape[1:])


def measures(
    real: SeriesSet, synthetic: SeriesSet, phases: Sequence[str] = ()
) -> Iterator[Measure]:
    """Yield all measures that the real series can show; sets and phases as in `compare`."""
    transform = RankTransform(real)
    sides = (transform(real), transform(synthetic))
    varies: list[int] = []
    clocks: list[int] = []
    for i, name in enumerate(real.feature_names):
        if not np.ptp(real.values[:, i]) > 0:
            continue
        if name in phases:
            clocks.append(i)
        else:
            varies.append(i)
    about = [real.feature_names[i] for i in varies]
    yield _lengths(real, synthetic)
    if about:
        yield _both("values", about, sides, lambda s: _histograms(s, varies), moved)
        yield _both("level", about, sides, lambda s: _of_series(_levels(s, varies), 1.0), moved)
        yield _both("spread", about, sides, lambda s: _of_series(_spreads(s, varies), 0.5), moved)
        yield _both("course", about, sides, lambda s: _courses(s, varies), _apart_by_place)
        yield from _steps(real, synthetic, varies, about)
        yield from _autocorrelation(sides, varies, about)
    if len(about) > 1:
        yield _correlations(sides, varies[:MAX_PAIRED], about[:MAX_PAIRED])
    yield from _attribute_measures(real, synthetic, sides, varies)
    for clock in clocks:
        yield from _calendar(real, synthetic, sides, clock, varies)


def _both(
    name: str,
    about: Sequence[str],
    sides: tuple[SeriesSet, SeriesSet],
    columns: Callable[[SeriesSet], np.ndarray],
    distance: Distance,
) -> Measure:
    """Return a measure of the same columns of both sets."""
    return Measure(
        name=name,
        about=about,
        real=columns(sides[0]),
        synthetic=columns(sides[1]),
        distance=distance,
    )


def moved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how far shares in rising bins must be moved, in bins over all, (..., n_about)."""
    shares = _shares(a) - _shares(b)
    return np.abs(np.cumsum(shares, axis=-1)).mean(-1)


def differing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the share of members that are in other classes, (..., n_about)."""
    return np.abs(_shares(a) - _shares(b)).sum(-1) / 2


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / np.maximum(counts.sum(-1, keepdims=True), 1)


def _apart_by_place(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean difference of means at places that both have, weighted by the first's rows.

    Columns: sums of values at each place, then rows there.
    """
    n = a.shape[-1] // 2
    n_a, n_b = a[..., n:], b[..., n:]
    apart = np.abs(a[..., :n] / np.maximum(n_a, 1) - b[..., :n] / np.maximum(n_b, 1))
    weights = np.where(n_b > 0, n_a, 0)
    return (apart * weights).sum(-1) / np.maximum(weights.sum(-1), 1)


def _lengths(real: SeriesSet, synthetic: SeriesSet) -> Measure:
    """Return how lengths differ, in ranks of the real ones."""
    edges = bin_edges(real.lengths.astype(np.float64), N_BINS)

    def columns(series: SeriesSet) -> np.ndarray:
        return _one_hot(np.searchsorted(edges, series.lengths, "right"), len(edges) + 1)

    return _both("lengths", ["steps"], (real, synthetic), columns, moved)


def _one_hot(codes: np.ndarray, n: int) -> np.ndarray:
    """Return codes (n_series,) as (n_series, 1, n)."""
    return np.eye(n)[codes][:, None, :]


def _binned(ranks: np.ndarray, high: float) -> np.ndarray:
    """Return the bin of numbers from 0 to `high`, int, those beyond in bins of their own."""
    return np.clip(np.floor(ranks / high * N_BINS).astype(int), -1, N_BINS) + 1


def _histograms(series: SeriesSet, features: Sequence[int]) -> np.ndarray:
    """Return how many ranks of each series are in each bin, (n_series, n_features, N_BINS + 2)."""
    bins = [_binned(series.values[:, feature], 1 + 1e-9) for feature in features]
    index = series.series_index
    return np.stack([_counts(index, x, len(series), N_BINS + 2) for x in bins], axis=1)


def _counts(
    index: np.ndarray,
    place: np.ndarray,
    n_series: int,
    n_places: int,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return how many rows of each series are at each place, or the sum of their weights.

    Parameters
    ----------
    index, place
        int, (n_rows,): number of a row's series, and its place, from 0.

    Returns
    -------
    float64, shape (n_series, n_places).
    """
    cell = index * n_places + place
    sums = np.bincount(cell, weights=weights, minlength=n_series * n_places)
    return sums.reshape(n_series, n_places).astype(np.float64)


def _of_series(numbers: np.ndarray, high: float) -> np.ndarray:
    """Return numbers (n_series, n) up to `high` as bins, (n_series, n, N_BINS + 2)."""
    return np.eye(N_BINS + 2)[_binned(numbers, high + 1e-9)]


def _levels(series: SeriesSet, features: Sequence[int]) -> np.ndarray:
    """Return the mean rank of each series, (n_series, n_features)."""
    return means(series.values[:, features], series)


def _spreads(series: SeriesSet, features: Sequence[int]) -> np.ndarray:
    """Return the standard deviation of ranks within each series, (n_series, n_features)."""
    deviation = _deviations(series, features)
    return np.sqrt(means(deviation**2, series))


def _deviations(series: SeriesSet, features: Sequence[int]) -> np.ndarray:
    """Return the ranks' distance from their series' mean, (sum of lengths, n_features)."""
    return series.values[:, features] - _levels(series, features)[series.series_index]


def _courses(series: SeriesSet, features: Sequence[int]) -> np.ndarray:
    """Return `_by_place` of the parts of a series from start to end."""
    place = series.step_index * N_PARTS // series.lengths[series.series_index]
    return _by_place(series, features, place, N_PARTS)


def _by_place(
    series: SeriesSet, features: Sequence[int], place: np.ndarray, n_places: int
) -> np.ndarray:
    """Return sums of deviations from the series' mean rank, and rows, at each place.

    Returns
    -------
    float64, shape (n_series, n_features, 2 n_places).
    """
    deviation = _deviations(series, features)
    cells = (series.series_index, place, len(series), n_places)
    n_rows = _counts(*cells)
    columns = [np.concatenate([_counts(*cells, x), n_rows], axis=1) for x in deviation.T]
    return np.stack(columns, axis=1)


def _steps(
    real: SeriesSet, synthetic: SeriesSet, features: Sequence[int], about: Sequence[str]
) -> list[Measure]:
    """Return how changes from step to step differ, in ranks of the real ones."""
    if not all((series.lengths > 1).any() for series in (real, synthetic)):
        return []
    edges = [bin_edges(x, N_BINS) for x in _changes(real, features).T]

    def columns(series: SeriesSet) -> np.ndarray:
        index = series.series_index[series.step_index > 0]
        counts = []
        for x, bounds in zip(_changes(series, features).T, edges, strict=True):
            place = np.searchsorted(bounds, x, "right")
            counts.append(_counts(index, place, len(series), N_BINS + 2))
        return np.stack(counts, axis=1)

    return [_both("steps", about, (real, synthetic), columns, moved)]


def _changes(series: SeriesSet, features: Sequence[int]) -> np.ndarray:
    """Return the changes from step to step within series, float64 (n_steps, n_features)."""
    is_step = series.step_index[1:] > 0
    return np.diff(series.values[:, features].astype(np.float64), axis=0)[is_step]


def _autocorrelation(
    sides: tuple[SeriesSet, SeriesSet], features: Sequence[int], about: Sequence[str]
) -> list[Measure]:
    """Return how autocorrelations differ, mean over the lags that real series reach."""
    lags = [lag for lag in LAGS if (sides[0].lengths > 2 * lag).mean() >= MIN_REACHING]
    if not lags:
        return []

    def columns(series: SeriesSet) -> np.ndarray:
        deviation = _deviations(series, features)
        square = deviation**2
        sums = []
        for lag in lags:
            has_past = np.append(np.zeros(lag, dtype=bool), series.step_index[lag:] >= lag)
            product = np.zeros_like(deviation)
            product[lag:] = deviation[lag:] * deviation[: max(len(deviation) - lag, 0)]
            size = np.zeros_like(deviation)
            size[lag:] = (square[lag:] + square[: max(len(square) - lag, 0)]) / 2
            for x in (product, size):
                sums.append(means(x * has_past[:, None], series) * series.lengths[:, None])
        return np.stack(sums, axis=2)  # (n_series, n_features, 2 n_lags)

    def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        first = a[..., ::2] / np.maximum(a[..., 1::2], 1e-12)
        second = b[..., ::2] / np.maximum(b[..., 1::2], 1e-12)
        return np.abs(first - second).mean(-1)

    return [_both("autocorrelation", about, sides, columns, distance)]


def _correlations(
    sides: tuple[SeriesSet, SeriesSet], features: Sequence[int], about: Sequence[str]
) -> Measure:
    """Return how the correlations of features differ."""
    left, right = np.triu_indices(len(features), 1)  # each pair once

    def columns(series: SeriesSet) -> np.ndarray:
        x = series.values[:, features].astype(np.float64)
        lengths = series.lengths[:, None]
        sums, squares = (means(one, series) * lengths for one in (x, x**2))
        products = means(x[:, left] * x[:, right], series) * lengths
        totals = [sums[:, left], sums[:, right], squares[:, left], squares[:, right], products]
        totals.append(np.broadcast_to(lengths, products.shape))
        return np.stack(totals, axis=2)  # (n_series, n_pairs, 6)

    def correlation(sums: np.ndarray) -> np.ndarray:
        mean = sums[..., :5] / np.maximum(sums[..., 5:], 1)
        product = mean[..., 4] - mean[..., 0] * mean[..., 1]
        size = (mean[..., 2] - mean[..., 0] ** 2) * (mean[..., 3] - mean[..., 1] ** 2)
        return product / np.sqrt(np.maximum(size, 1e-12))

    def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(correlation(a) - correlation(b)) / 2

    names = [
        f"{about[i]} and {about[j]}" for i, j in zip(left.tolist(), right.tolist(), strict=True)
    ]
    return _both("correlation", names, sides, columns, distance)


def learned_attributes(real: SeriesSet) -> list[str]:
    """Return the attributes that are classes of several series each, without the group."""
    names = []
    for name in real.attributes.select_dtypes("category"):
        n_classes = real.attributes[name].nunique()
        if name != real.group and 1 < n_classes <= len(real) / 4:
            names.append(name)
    return names


def codes_of(real: SeriesSet, series: SeriesSet, name: str, most: int = MAX_CLASSES) -> np.ndarray:
    """Return the number of each series' class, int (n_series,), from 0: the commonest real one.

    All but the `most` commonest, and those that real series lack, share the number `most`.
    """
    counts = real.attributes[name].value_counts()
    classes = pd.Index(counts[counts > 0].index.astype(object)[:most])
    codes = classes.get_indexer(pd.Index(series.attributes[name].astype(object)))
    return np.where(codes < 0, most, codes)


def _attribute_measures(
    real: SeriesSet,
    synthetic: SeriesSet,
    sides: tuple[SeriesSet, SeriesSet],
    features: Sequence[int],
) -> Iterator[Measure]:
    """Yield the shares of classes, of pairs of them, and what they say about series."""
    names = learned_attributes(real)
    facts = [series_facts(side, features, real.lengths) for side in sides]
    labels = [real.feature_names[i] for i in features]
    for name in names:
        codes = [codes_of(real, real, name), codes_of(real, synthetic, name)]
        yield _classes("classes", name, codes, MAX_CLASSES + 1, differing)
        about = [f"{label} by {name}" for label in (*labels, *labels, "steps")]
        yield Measure(
            name="attributes",
            about=about,
            real=_by_class(facts[0], codes[0]),
            synthetic=_by_class(facts[1], codes[1]),
            distance=_apart_by_place,
        )
    width = MAX_CELLS + 1
    for one, other in combinations(names, 2):
        codes = []
        for series in (real, synthetic):
            first, second = (codes_of(real, series, name, MAX_CELLS) for name in (one, other))
            codes.append(first * width + second)
        yield _classes("pairs", f"{one} and {other}", codes, width**2, _differing_pairs)


def _classes(
    name: str, about: str, codes: Sequence[np.ndarray], width: int, distance: Distance
) -> Measure:
    """Return how classes differ, of codes below `width` of both sets."""
    return Measure(
        name=name,
        about=[about],
        real=_one_hot(codes[0], width),
        synthetic=_one_hot(codes[1], width),
        distance=distance,
    )


def _differing_pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how pairs of classes differ beyond what the classes alone make of them.

    Half the sum of the differences of share - share if independent, (..., n_pairs).
    """
    return np.abs(_dependence(a) - _dependence(b)).sum((-2, -1)) / 2


def _dependence(counts: np.ndarray) -> np.ndarray:
    """Return how far shares of pairs are from those of independent classes, (..., w, w)."""
    width = int(np.sqrt(counts.shape[-1]))
    shares = _shares(counts).reshape(*counts.shape[:-1], width, width)
    return shares - shares.sum(-1, keepdims=True) * shares.sum(-2, keepdims=True)


def _by_class(facts: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return facts (n_series, n_facts) at their class, then 1 there: `_apart_by_place`'s columns.

    Returns
    -------
    float64, shape (n_series, n_facts, 2 (MAX_CLASSES + 1)).
    """
    is_in = _one_hot(codes, MAX_CLASSES + 1)
    at_class = facts[:, :, None] * is_in
    return np.concatenate([at_class, np.broadcast_to(is_in, at_class.shape)], axis=2)


def series_facts(ranks: SeriesSet, features: Sequence[int], real_lengths: np.ndarray) -> np.ndarray:
    """Return what attributes may say of each series: levels, spreads, length in ranks.

    Returns
    -------
    float64, shape (n_series, 2 n_features + 1).
    """
    length = np.searchsorted(np.sort(real_lengths), ranks.lengths, "right") / len(real_lengths)
    parts = [_levels(ranks, features), _spreads(ranks, features), length[:, None]]
    return np.concatenate(parts, axis=1)


def _calendar(
    real: SeriesSet,
    synthetic: SeriesSet,
    sides: tuple[SeriesSet, SeriesSet],
    clock: int,
    features: Sequence[int],
) -> Iterator[Measure]:
    """Yield how rows lie in a phase (hour, weekday, month), and what values do there."""
    known = np.unique(real.values[:, clock])
    n_places = len(known) + 1  # the last one: phases that no real row has
    phase = real.feature_names[clock]
    places = []
    shares = []
    for series in (real, synthetic):
        found = np.searchsorted(known, series.values[:, clock])
        found = np.minimum(found, len(known) - 1)
        is_known = known[found] == series.values[:, clock]
        place = np.where(is_known, found, len(known))
        places.append(place)
        shares.append(_counts(series.series_index, place, len(series), n_places)[:, None, :])
    yield Measure(
        name="times", about=[phase], real=shares[0], synthetic=shares[1], distance=differing
    )
    if not features:
        return
    columns = []
    for side, place in zip(sides, places, strict=True):
        columns.append(_by_place(side, features, place, n_places))
    yield Measure(
        name="calendar",
        about=[f"{real.feature_names[i]} by {phase}" for i in features],
        real=columns[0],
        synthetic=columns[1],
        distance=_apart_by_place,
    )
