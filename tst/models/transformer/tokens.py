"""An encoded set as tokens: what they consist of, and the numbers that each must predict."""

from collections.abc import Sequence

import numpy as np
import torch

from tst.cycles import Cycles
from tst.models.transformer import levels
from tst.models.transformer.atoms import code_columns
from tst.models.transformer.config import Stop
from tst.models.transformer.encoding import MARGIN, MAX_FITTED, SeriesEncoder, exact_repeats
from tst.models.transformer.feature_encoding import FeatureEncoder, is_atom
from tst.models.transformer.variables import (
    BIG,
    MAX_SEASON,
    Limits,
    Target,
    TokenSpec,
    Variable,
)
from tst.series import SeriesSet, ceil_div, offsets

N_BINS = 64  # of a quantised head
MAX_ONE_HOT = 64  # categories of a number of a step; of more, later ones see the digits
BLOCK = 2**20  # numbers whose autocorrelations are computed at once
ROUNDING = 1e-12  # variance, in scaled units, that a constant may have
LEAST_SEASON = 0.1  # autocorrelation, from which on a token sees that of a season ago
LEAST_RHYTHM = 0.3  # the same of when a measurement was read, not held or interpolated
N_READINGS = 30  # of which so many are needed
Moments = tuple[np.ndarray, np.ndarray]  # of each series: as `SeriesEncoder.series_loc_scale`


def token_spec(encoder: SeriesEncoder, series: SeriesSet, stop: Stop = "length") -> TokenSpec:
    """Return what the encoded steps and attributes of a training set consist of.

    Parameters
    ----------
    series
        The training set, at whose quantiles the bins stand (of a large one, an excerpt's).
    stop
        How a series ends, where lengths vary: by one that the encoder draws, or the kind of the
        variable that stands last in a step.
    """
    cycles = Cycles.of(series.dates, series.lengths)
    excerpt = series.excerpt(MAX_FITTED)
    is_part = excerpt is not series
    whole = series
    series = encoder.learned(excerpt)
    z = encoder.scaled(series, *encoder.series_loc_scale(series))
    step = [step_variable(feature) for feature in encoder.feature_encoders]
    bin_edges = [_bins(column) for column in z.T]
    if has_end(encoder):
        step.append(Variable("flags" if stop == "flags" else "stop"))
        bin_edges.append(_bins(np.arange(2.0)))
    attributes = [Variable("categorical", len(known)) for known in encoder.categories.values()]
    values = attribute_target(encoder, series).value.numpy()
    n_own = values.shape[1] - len(attributes)
    attribute_bin_edges = [_bins(column) for column in values.T]
    limits = _limits(values, [variable.n_categories for variable in attributes])
    if encoder.log_length is not None and is_part:
        attribute_bin_edges[-1], limits = _of_all_lengths(encoder, whole, limits)
    attributes += [Variable()] * n_own
    return TokenSpec(
        step=tuple(step),
        attributes=tuple(attributes),
        bin_edges=tuple(bin_edges),
        attribute_bin_edges=tuple(attribute_bin_edges),
        attribute_limits=limits,
        draws_length=encoder.log_length is not None,
        cycles=cycles,
    )


def _limits(values: np.ndarray, sizes: Sequence[int]) -> tuple[Limits, ...]:
    """Return the limits of a `TokenSpec` from attributes (n_series, n_attributes), codes first."""
    numbers = values[:, len(sizes) :]
    if not numbers.shape[1]:
        return ()
    found = []
    for i, size in enumerate(sizes):
        of_categories = levels.limits(numbers, values[:, i].astype(np.int64), size)
        found.append(tuple(tuple(map(tuple, pairs)) for pairs in of_categories.tolist()))
    return tuple(found)


def _of_all_lengths(
    encoder: SeriesEncoder, whole: SeriesSet, limits: Sequence[Limits]
) -> tuple[tuple[float, ...], tuple[Limits, ...]]:
    """Return the bin edges of the length, and limits whose last number is the whole set's length.

    An excerpt may hold pieces of series, whose lengths are none.
    """
    length = encoder.length_target(whole.lengths)[0]
    values = np.column_stack([encoder.codes_of(whole), length]).astype(np.float32)
    sizes = [len(known) for known in encoder.categories.values()]
    found = []
    for own, last in zip(limits, _limits(values, sizes), strict=True):
        pairs = zip(own, last, strict=True)
        found.append(tuple((*of_excerpt[:-1], *of_all) for of_excerpt, of_all in pairs))
    return _bins(values[:, -1]), tuple(found)


def season_of(encoder: SeriesEncoder, series: SeriesSet, patch: int) -> int:
    """Return after how many tokens series are like themselves, or read again; 0: no such.

    Of the lags whose autocorrelation, the mean over measurements and series, is above those of both
    neighbours, it is the one with the greatest, if that is `LEAST_SEASON` or more. Where values
    have none, it is after how many steps they are read, if they are held or interpolated between.
    """
    series = encoder.learned(series.excerpt(MAX_FITTED))
    longest = min(int(np.quantile(series.lengths, 0.05)) // 2, MAX_SEASON)
    if patch > 1 or longest < 3:  # a token of several steps sees those steps
        return 0
    numbers = [f for f, feature in enumerate(encoder.feature_encoders) if not feature.n_categories]
    z = encoder.scaled(series, *encoder.series_loc_scale(series))[:, numbers]
    _, season = _peak(_autocorrelation(z, series.lengths, longest), LEAST_SEASON)
    if season:
        return season
    rhythms = [(0.0, 0)]
    for is_reading in _readings(encoder, series):
        x = is_reading[:, None].astype(np.float64)
        rhythms.append(_peak(_autocorrelation(x, series.lengths, longest), LEAST_RHYTHM))
    return max(rhythms)[1]


def _peak(curve: np.ndarray, least: float) -> tuple[float, int]:
    """Return the highest peak of an autocorrelation (n_lags + 1,), and its lag; 0 below `least`."""
    is_peak = np.zeros(len(curve), dtype=bool)
    is_peak[2:-1] = (curve[2:-1] > curve[1:-2]) & (curve[2:-1] > curve[3:])
    best = int(np.where(is_peak, curve, -np.inf).argmax())
    height = float(curve[best])
    return (height, best) if is_peak[best] and height >= least else (0.0, 0)


def _readings(encoder: SeriesEncoder, series: SeriesSet) -> list[np.ndarray]:
    """Tell which numbers are neither held nor go on along a line, bool (rows,) each.

    Of the measurements of which some are, and `N_READINGS` are not; `series` is as the encoder's
    `learned` returns it.
    """
    held = exact_repeats(series)
    found = []
    for f, feature in enumerate(encoder.feature_encoders):
        if not feature.n_categories and is_atom(held[:, f]):
            found.append(~held[:, f])
    for column, one in zip(code_columns(encoder.atoms), encoder.atoms, strict=True):
        if one.line is not None:
            found.append(series.values[:, column] == 0)
    has_change = series.step_index >= 2  # before, none is known
    readings = [is_reading & has_change for is_reading in found]
    return [is_reading for is_reading in readings if is_reading.sum() >= N_READINGS]


def _autocorrelation(z: np.ndarray, lengths: np.ndarray, n_lags: int) -> np.ndarray:
    """Return the mean autocorrelation of numbers within series, float64 (n_lags + 1,).

    Of those that vary, in series of more than `n_lags` steps; 0 where there are none. Series of
    about one length go through one Fourier transform, each filled with zeros.

    Parameters
    ----------
    z
        float64, (sum of lengths, n): scaled numbers, one series after another.
    lengths
        int64, (n_series,).
    """
    sums = np.zeros(n_lags + 1)
    n_curves = 0
    starts = offsets(lengths)[:-1]
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > n_lags]
    while len(order):
        n = max(1, BLOCK // (int(lengths[order[-1]]) * max(z.shape[1], 1)))
        chosen, order = order[-n:], order[:-n]
        length = lengths[chosen]
        step = np.arange(length[-1])
        is_step = step < length[:, None]  # (series, steps)
        rows = np.where(is_step, starts[chosen][:, None] + step, 0)
        x = np.where(is_step[:, :, None], z[rows], 0.0)  # (series, steps, n)
        x -= x.sum(1, keepdims=True) / length[:, None, None]
        x *= is_step[:, :, None]
        power = np.abs(np.fft.rfft(x, int(length[-1]) + n_lags, axis=1)) ** 2
        products = np.fft.irfft(power, int(length[-1]) + n_lags, axis=1)[:, : n_lags + 1]
        varies = products[:, 0] > ROUNDING * length[:, None]  # (series, n)
        curves = products.transpose(0, 2, 1)[varies]  # (curves, lags)
        sums += (curves / curves[:, :1]).sum(0)
        n_curves += len(curves)
    return sums / max(n_curves, 1)


def has_end(encoder: SeriesEncoder) -> bool:
    """Tell whether each step says if the series ends there."""
    return not encoder.fixed_length and encoder.log_length is None


def step_variable(encoder: FeatureEncoder) -> Variable:
    """Return what a measurement that is encoded like this is as a number of a step."""
    if encoder.n_categories:
        in_digits = encoder.n_categories > MAX_ONE_HOT
        return Variable("categorical", encoder.n_categories, in_digits=in_digits)
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
    return tuple(edges.tolist())


def attribute_target(
    encoder: SeriesEncoder,
    series: SeriesSet,
    moments: Moments | None = None,
    lengths: np.ndarray | None = None,
) -> Target:
    """Return the attributes of each series as numbers whose likelihood is asked.

    Parameters
    ----------
    moments
        Loc and scale of each series; None: its own.
    lengths
        int, (n_series,): of the whole series, where these are pieces of some.

    Returns
    -------
    `Target` (n_series, n_attributes): codes, then, where encoding is per series, its standardised
    loc and scale, then, where lengths are drawn, its length. A scale at its least carries the mass
    below, a length that of the interval that rounds to it.

    Raises
    ------
    DataError
        Where a category does not occur in the training set.
    """
    numbers = encoder.codes_of(series).astype(np.float64)
    is_least = np.zeros(numbers.shape, dtype=bool)
    if encoder.per_series:
        loc, scale = moments or encoder.series_loc_scale(series)
        numbers = np.concatenate([numbers, encoder.standardised(loc, scale)], axis=1)
        never = np.zeros(loc.shape, dtype=bool)
        least = np.concatenate([never, scale <= np.array(encoder.min_scale)], axis=1)
        is_least = np.concatenate([is_least, least[:, encoder.own]], axis=1)
    lower = np.where(is_least, -BIG, numbers)
    upper = numbers
    if encoder.log_length is not None:
        length = encoder.length_target(series.lengths if lengths is None else lengths)
        numbers, lower, upper = (
            np.column_stack([table, column])
            for table, column in zip((numbers, lower, upper), length, strict=True)
        )
    value = torch.from_numpy(numbers.astype(np.float32))
    return Target(
        value=value,
        lower=torch.from_numpy(lower.astype(np.float32)),
        upper=torch.from_numpy(upper.astype(np.float32)),
        repeat=torch.zeros(value.shape, dtype=torch.bool),
    )


def tokens(
    series: SeriesSet,
    encoder: SeriesEncoder,
    spec: TokenSpec,
    patch: int,
    moments: Moments | None = None,
    is_end: np.ndarray | None = None,
) -> tuple[Target, torch.Tensor]:
    """Return a set in tokens of `patch` steps, series after series.

    The last token of a series is filled with zeros behind its end; where lengths vary, each step's
    last number says whether it ends the series.

    Parameters
    ----------
    moments
        Loc and scale of each series; None: its own.
    is_end
        bool, (n_series,): whether the end of each is one, as that of a piece may not be; None: all
        are.

    Returns
    -------
    target
        `Target` (n_tokens, patch * D).
    observed
        float32, of that shape: 1 where a number is one of the series, 0 where it fills a token or
        the category before it tells it.
    """
    series = encoder.learned(series)
    rows = series.series_index
    loc, scale = moments or encoder.series_loc_scale(series)
    z = encoder.scaled(series, loc, scale)
    lowers = []
    uppers = []
    for feature, x in zip(encoder.feature_encoders, series.values.T, strict=True):
        feature_lower, feature_upper = feature.mass_interval(x)
        lowers.append(feature_lower)
        uppers.append(feature_upper)
    lower = np.clip((np.stack(lowers, axis=1) - loc[rows]) / scale[rows], -BIG, BIG)
    upper = np.clip((np.stack(uppers, axis=1) - loc[rows]) / scale[rows], -BIG, BIG)
    # Rounding would decide whether there is a mass: all that are so narrow have a density.
    is_narrow = upper - lower < np.spacing(np.abs(z).astype(np.float32))
    lower = np.where(is_narrow, z, lower)
    upper = np.where(is_narrow, z, upper)
    has_gate = np.array([variable.repeats for variable in spec.step[: series.n_features]])
    repeat = exact_repeats(series) & has_gate
    if has_end(encoder):
        is_last = series.step_index == series.lengths[rows] - 1
        if is_end is not None:
            is_last = is_last & is_end[rows]
        z = np.column_stack([z, is_last])
        lower = np.column_stack([lower, is_last])
        upper = np.column_stack([upper, is_last])
        repeat = np.column_stack([repeat, is_last])
    D = len(spec.step)
    n_tokens = ceil_div(series.lengths, patch)
    index = offsets(n_tokens)[:-1][rows] * patch + series.step_index  # of each row among all steps

    def _laid_out(rows_of_steps: np.ndarray, dtype: type) -> torch.Tensor:
        steps = np.zeros((n_tokens.sum() * patch, D), dtype=dtype)
        steps[index] = rows_of_steps
        return torch.from_numpy(steps.reshape(-1, patch * D))

    target = Target(
        value=_laid_out(z, np.float32),
        lower=_laid_out(lower, np.float32),
        upper=_laid_out(upper, np.float32),
        repeat=_laid_out(repeat, bool),
    )
    observed = np.ones((len(rows), D))
    observed[:, : series.n_features] = ~encoder.is_atom(series.values)
    return target, _laid_out(observed, np.float32)
