"""Copying and privacy: how much of a synthetic set is the training set, and who was in it?

Steps by `tst.evaluation.reference.StepTree`, series by `tst.evaluation.reference.nearest`: ragged
and without resampling, so that a copy is at exactly 0. Every number stands beside what an honest
generator would show: the held-out series, or random membership. The attack on membership takes the
distance to the nearest synthetic series as its score: GAN-Leaks' full black-box attack (Chen et al.
2020).
"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from tst.errors import DataError
from tst.evaluation.embedding import RankTransform
from tst.evaluation.ragged import check_features, subsample
from tst.evaluation.reference import Reference, nearest
from tst.series import SeriesSet

MAX_SERIES = 2000  # of each set: what the distances, quadratic in it, see
N_PERMUTATIONS = 2000
COPY = 1e-6  # distance below which two series are one, up to rounding
STEP_TOLERANCE = 1e-6  # relative difference below which two values are one; float32 keeps 6e-8


def privacy(
    train: SeriesSet | Reference, held_out: SeriesSet, synthetic: SeriesSet, seed: int
) -> pd.DataFrame:
    """Return the copying and membership metrics of a synthetic set.

    Parameters
    ----------
    train
        Real set that the generator saw, or its `Reference` where several sets are judged.
    held_out
        Real set that it did not see; of both, equal numbers are compared, at most MAX_SERIES.
    synthetic
        What it made.
    seed
        Of the series drawn and of the permutations.

    Returns
    -------
    pd.DataFrame
        Columns metric, value: copied_step_share and copied_step_floor (the same of the held-out
        set), copied_series_share, nn_distance_ratio (1 for an honest generator; 0 for a copy of no
        more series than are held out, of three times as many it stays near 1),
        membership_auc (0.5 for an honest generator) with membership_low and membership_high, the
        95 % interval of random membership.

    Raises
    ------
    DataError
        Where features differ or a set has fewer than two series.
    """
    reference = Reference.of(train)
    auc, low, high = membership_auc(reference, held_out, synthetic, seed)
    rows = {
        "copied_step_share": copied_step_share(reference, synthetic),
        "copied_step_floor": copied_step_share(reference, held_out),
        "copied_series_share": copied_series_share(reference, synthetic, seed),
        "nn_distance_ratio": nn_distance_ratio(reference, held_out, synthetic, seed),
        "membership_auc": auc,
        "membership_low": low,
        "membership_high": high,
    }
    return pd.DataFrame(rows.items(), columns=["metric", "value"])


def copied_step_share(
    train: SeriesSet | Reference, synthetic: SeriesSet, tolerance: float = STEP_TOLERANCE
) -> float:
    """Return the share of the synthetic steps that equal some training step in all features.

    Equal means within `tolerance`, relative to the value; below the feature's smallest training
    value other than 0, relative to that.
    """
    reference = Reference.of(train)
    check_features(reference.real, synthetic)
    return reference.copied_share(synthetic, tolerance)


def copied_series_share(train: SeriesSet | Reference, synthetic: SeriesSet, seed: int) -> float:
    """Return the share of (at most MAX_SERIES) synthetic series that are a training series.

    Where many a real series has one step and a common value, compare with the share of the
    held-out set.
    """
    reference = Reference.of(train)
    check_features(reference.real, synthetic)
    return float((reference.distance(synthetic, MAX_SERIES, seed) < COPY).mean())


def nn_distance_ratio(
    train: SeriesSet | Reference, held_out: SeriesSet, synthetic: SeriesSet, seed: int
) -> float:
    """Return the median of the distance to the nearest training over that to the nearest held-out.

    Of the synthetic series, to equally many training and held-out ones; 0 over 0 is 1.
    """
    reference = Reference.of(train)
    members, others, made = _draw(reference.real, held_out, synthetic, seed)
    ranks = _rank_transform(reference, members)
    if members is reference.real:
        to_members = reference.distance(synthetic, MAX_SERIES, seed)
    else:
        to_members = _nearest_distance(made, members, ranks)
    to_others = _nearest_distance(made, others, ranks)
    ratio = np.where(to_members > 0, np.inf, 1.0)  # where the held-out distance is 0
    ratio = np.divide(to_members, to_others, out=ratio, where=to_others > 0)
    return float(np.median(ratio))


def membership_auc(
    train: SeriesSet | Reference, held_out: SeriesSet, synthetic: SeriesSet, seed: int
) -> tuple[float, float, float]:
    """Return (auc, low, high) of an attack on which real series were learned.

    It takes those near to a synthetic one for members of the training set: the score is minus the
    distance to the nearest synthetic series, of equally many members and non-members; low and high
    bound 95 % of the areas under random membership (N_PERMUTATIONS permutations).
    """
    reference = Reference.of(train)
    members, others, made = _draw(reference.real, held_out, synthetic, seed)
    transform = _rank_transform(reference, members)
    distance = [_nearest_distance(real, made, transform) for real in (members, others)]
    ranks = rankdata(-np.concatenate(distance))  # ties get their mean rank
    n = len(members)
    rng = np.random.default_rng(seed)
    sums = [ranks[:n].sum()]
    for _ in range(N_PERMUTATIONS):
        sums.append(rng.permutation(ranks)[:n].sum())
    areas = (np.array(sums) - n * (n + 1) / 2) / n**2  # Mann and Whitney's U over its largest value
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return float(areas[0]), float(low), float(high)


def _rank_transform(reference: Reference, members: SeriesSet) -> RankTransform:
    """Return ranks among the members that are compared: the reference's own where they are all."""
    if members is reference.real:
        return reference.rank_transform
    return RankTransform(members)


def _nearest_distance(
    queries: SeriesSet, references: SeriesSet, ranks: RankTransform
) -> np.ndarray:
    """Return the distance of each query to its nearest reference series, (n_queries,)."""
    _, distance = nearest(queries, references, ranks)
    return distance[:, 0]


def _draw(
    train: SeriesSet, held_out: SeriesSet, synthetic: SeriesSet, seed: int
) -> tuple[SeriesSet, SeriesSet, SeriesSet]:
    """Return equally many training and held-out series and at most MAX_SERIES synthetic ones."""
    check_features(train, held_out)
    check_features(train, synthetic)
    n = min(len(train), len(held_out), MAX_SERIES)
    if n < 2:
        raise DataError(
            f"privacy: '{train.name}' has {len(train)} training and {len(held_out)} held-out "
            "series; give two."
        )
    members = subsample(train, n, seed)
    others = subsample(held_out, n, seed)
    return members, others, subsample(synthetic, MAX_SERIES, seed)
