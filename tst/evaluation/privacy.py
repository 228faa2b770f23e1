"""Copying and privacy: how much of a synthetic set is the training set (weak point W1), and who was in it?

Distances are those of `tst.evaluation.neighbours.nearest` (levels of the training set, the shorter series padded within its pair, an
absent step counting as the whole range): ragged, without resampling, so that a copy is at exactly 0.
Every number stands beside what an honest generator would show: the held-out series, or random membership.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from tst.evaluation.embedding import rank_transform_of
from tst.evaluation.neighbours import nearest
from tst.evaluation.ragged import check_features, subsample
from tst.series import DataError

MAX_SERIES = 2000  # of each set: what the distances, quadratic in it, see
N_PERMUTATIONS = 2000
COPY = 1e-6  # distance of two series that are one, up to rounding


def privacy(train, held_out, synthetic, seed):
    """Return the copying and membership metrics of a synthetic set.

    Parameters
    ----------
    train
        Real `SeriesSet` that the generator saw.
    held_out
        Real `SeriesSet` that it did not see; of both, equal numbers are compared, at most MAX_SERIES.
    synthetic
        What it made.

    Returns
    -------
    DataFrame
        Columns metric, value: copied_step_share and copied_step_floor (the same of the held-out set),
        copied_series_share, nn_distance_ratio (1 for an honest generator, 0 for a copy), membership_auc (0.5 for an
        honest generator) with membership_low and membership_high, the 95 % interval of random membership.

    Raises
    ------
    DataError
        Where features differ or a set has fewer than two series.
    """
    auc, low, high = membership_auc(train, held_out, synthetic, seed)
    rows = {
        "copied_step_share": copied_step_share(train, synthetic),
        "copied_step_floor": _floor(train, held_out),
        "copied_series_share": copied_series_share(train, synthetic, seed),
        "nn_distance_ratio": nn_distance_ratio(train, held_out, synthetic, seed),
        "membership_auc": auc,
        "membership_low": low,
        "membership_high": high,
    }
    return pd.DataFrame(rows.items(), columns=["metric", "value"])


def copied_step_share(train, synthetic, tolerance=1e-6):
    """Return the share of the synthetic steps that equal some training step in all features at once.

    Equal means within `tolerance`, relative to the value; below the feature's smallest training value other than 0,
    relative to that. A tree over the distinct training steps finds them, in n log n.
    """
    check_features(train, synthetic)
    tree, unit = _steps(train)
    rows, counts = np.unique(synthetic.values, axis=0, return_counts=True)
    distance, _ = tree.query(np.arcsinh(rows / unit), p=np.inf, distance_upper_bound=tolerance)
    return float(counts[np.isfinite(distance)].sum() / counts.sum())


@lru_cache(maxsize=4)
def _floor(train, held_out):
    return copied_step_share(train, held_out)


@lru_cache(maxsize=2)
def _steps(train):
    """Return (tree of the distinct steps of a training set, the unit of each feature)."""
    size = np.abs(train.values.astype(np.float64))
    unit = np.min(np.where(size > 0, size, np.inf), axis=0)
    unit = np.where(np.isfinite(unit), unit, 1.0)
    rows = np.arcsinh(np.unique(train.values, axis=0) / unit)
    return cKDTree(rows, balanced_tree=False, compact_nodes=False), unit


def copied_series_share(train, synthetic, seed):
    """Return the share of (at most MAX_SERIES) synthetic series at distance 0, up to rounding, from any training series.

    Where many a real series has one step and a common value, compare with the share of the held-out set.
    """
    check_features(train, synthetic)
    _, distance = nearest(subsample(synthetic, MAX_SERIES, seed), train, rank_transform_of(train))
    return float((distance < COPY).mean())


def nn_distance_ratio(train, held_out, synthetic, seed):
    """Return the median ratio of a synthetic series' distance to the nearest training and to the nearest held-out series.

    Training and held-out series are equally many; 0 over 0 is 1.
    """
    train, held_out, synthetic = _equal(train, held_out, synthetic, seed)
    levels = rank_transform_of(train)
    return _median_ratio(*(nearest(synthetic, s, levels)[1][:, 0] for s in (train, held_out)))


def _median_ratio(to_train, to_held_out):
    ratio = np.where(to_train > 0, np.inf, 1.0)  # where the held-out distance is 0
    ratio = np.divide(to_train, to_held_out, out=ratio, where=to_held_out > 0)
    return float(np.median(ratio))


def membership_auc(train, held_out, synthetic, seed):
    """Return (auc, low, high) of an attacker who takes real series near to a synthetic one for members.

    The score is minus the distance to the nearest synthetic series, of equally many members and non-members; low and high
    bound 95 % of the areas under random membership (N_PERMUTATIONS permutations).
    """
    train, held_out, synthetic = _equal(train, held_out, synthetic, seed)
    levels = rank_transform_of(train)
    distance = [nearest(s, synthetic, levels)[1][:, 0] for s in (train, held_out)]
    ranks, n = rankdata(-np.concatenate(distance)), len(train)  # ties get their mean rank
    rng = np.random.default_rng(seed)
    sums = [ranks[:n].sum(), *(rng.permutation(ranks)[:n].sum() for _ in range(N_PERMUTATIONS))]
    areas = (np.array(sums) - n * (n + 1) / 2) / n**2
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return float(areas[0]), float(low), float(high)


def _equal(train, held_out, synthetic, seed):
    """Return equally many training and held-out series and at most MAX_SERIES synthetic ones, drawn with the seed."""
    check_features(train, held_out)
    check_features(train, synthetic)
    n = min(len(train), len(held_out), MAX_SERIES)
    if n < 2:
        raise DataError(
            f"privacy: '{train.name}' has {len(train)} training and {len(held_out)} held-out series; give two."
        )
    return (
        subsample(train, n, seed),
        subsample(held_out, n, seed),
        subsample(synthetic, MAX_SERIES, seed),
    )
